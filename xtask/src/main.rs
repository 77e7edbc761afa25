//! The project's own commands. It depends on nothing but the standard library, so that on a bare
//! machine the first `cargo xtask` starts within seconds.

mod args;
mod bench;
mod browser;
mod dist;
mod fuzz;
mod install;
mod serve;
mod shell;
mod size;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use args::Args;
use shell::Outcome;

const HELP: &str = "\
Usage: cargo xtask <command>

  serve [--port N] [--release]    open the page on http://127.0.0.1:8080/ and rebuild it on every change
  test [--only PART]              every check there is; PART is native, wasm, tidy or browser
  dist                            the site for a static host, in dist/
  size                            what dist/ weighs, held against xtask/size-budget.txt
  bench [NAME] [--rounds N]       how fast the core is, against a ceiling in the same run; docs/performance.md
  bless                           accept today's runs as the golden ones
  fuzz [TARGET] [--runs N]        damaged text for what reads text: link, script, settings, trace, history
  hashes [SYSTEM/SCENARIO...] [--seeds A..B]
                                  the same traces natively, in Node, in Chromium and in Firefox, if it is there
  tidy                            house rules: doc comments, function length, leftovers
  shots DIR [ROUTE...]            pictures of the page: wide and narrow, light and dark
  clean-tools                     remove the tools that these commands installed
  help                            this text

Missing tools are installed into .tools/ and e2e/node_modules/; see docs/set-up.md.";

/// The commands, for the message about one that does not exist.
const COMMANDS: &str =
    "serve, test, dist, size, bench, bless, fuzz, hashes, tidy, shots, clean-tools, help";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_else(|| "help".to_owned());
    match dispatch(&command, Args::new(&command, words.collect())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("cargo xtask {command}: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one command.
fn dispatch(command: &str, mut args: Args) -> Outcome {
    match command {
        "serve" => serve::serve(args),
        "test" => test::test(args),
        "fuzz" => fuzz::fuzz(args),
        "hashes" => browser::hashes(args),
        "shots" => browser::shots(args),
        "dist" => args.end().and_then(|()| dist::dist()),
        "size" => args.end().and_then(|()| size::size()),
        "bench" => bench::bench(args),
        "bless" => args.end().and_then(|()| test::bless()),
        "tidy" => args.end().and_then(|()| tidy::tidy()),
        "clean-tools" => args.end().and_then(|()| tools::clean()),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        other => Err(format!(
            "there is no command \"{other}\"; there are {COMMANDS}"
        )),
    }
}
