//! Every check there is, in the order in which they are cheapest to fail.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::args::Args;
use crate::shell::{self, Outcome};
use crate::tools::{self, Tool};
use crate::{browser, dist, size, tidy};

/// The parts that `--only` knows.
const PARTS: [&str; 4] = ["native", "wasm", "tidy", "browser"];

/// What the steps came to.
#[derive(Default)]
pub struct Report {
    passed: u64,
    failed: u64,
    times: Vec<(&'static str, Duration)>,
}

/// Runs the checks; the first step that fails is the last.
pub fn test(mut args: Args) -> Outcome {
    let only = args.value("--only")?;
    args.end()?;
    if let Some(part) = only.as_deref().filter(|part| !PARTS.contains(part)) {
        return Err(format!(
            "\"{part}\" is no part of the tests; the parts are {}",
            PARTS.join(", ")
        ));
    }
    let wanted = |part: &str| only.as_deref().is_none_or(|it| it == part);
    if wanted("wasm") || wanted("browser") {
        tools::check_node()?;
        let mut needed = vec![Tool::WasmTarget, Tool::Bindgen];
        if wanted("browser") {
            needed.extend([Tool::Trunk, Tool::WasmOpt, Tool::Driver, Tool::Browser]);
        }
        let site = wanted("browser");
        tools::ensure(&needed, || {
            site.then(|| dist::compile(true)).into_iter().collect()
        })?;
    }
    let mut report = Report::default();
    let result = run(&mut report, wanted);
    report.print();
    result
}

/// The steps of the wanted parts.
fn run(report: &mut Report, wanted: impl Fn(&str) -> bool) -> Outcome {
    if wanted("tidy") {
        report.step("tidy", |_| tidy::tidy())?;
    }
    if wanted("native") {
        report.step("format", |_| shell::run(cargo("fmt --all --check")))?;
        report.step("clippy", |_| {
            shell::run(cargo("clippy --workspace --all-targets -- -D warnings"))
        })?;
        report.step("native tests", |report| {
            // All that fails is to be seen at once.
            report.count(cargo("test --workspace --no-fail-fast"))
        })?;
    }
    if wanted("wasm") && shell::root().join("core/tests/wasm.rs").is_file() {
        report.step("wasm tests, in Node", |report| report.count(wasm_tests()))?;
    }
    if wanted("browser") {
        report.step("release build of the site", |_| dist::build())?;
        report.step("size", |_| size::size())?;
        report.step("browser tests", browser::tests)?;
    }
    Ok(())
}

/// Accepts what the simulations do today as what they should do.
pub fn bless() -> Outcome {
    let mut cargo = cargo("test -p clusterscope-core --test golden --test scripts");
    cargo.env("BLESS", "1");
    shell::run(cargo)
}

/// A cargo command from its words.
pub fn cargo(words: &str) -> Command {
    let mut cargo = shell::cargo();
    cargo.args(words.split_whitespace());
    cargo
}

/// The tests that show that WebAssembly computes what the machine computes.
fn wasm_tests() -> Command {
    let mut cargo = cargo("test -p clusterscope-core --test wasm --target");
    cargo.arg(tools::WASM);
    cargo.env(
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
        "wasm-bindgen-test-runner",
    );
    cargo
}

impl Report {
    /// Does one step under a heading and notes its time.
    fn step(&mut self, name: &'static str, work: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        println!("\n== {name}");
        let start = Instant::now();
        let result = work(self);
        self.times.push((name, start.elapsed()));
        result.map_err(|message| format!("{name}: {message}"))
    }

    /// Runs a command and counts the tests that it tells of.
    pub fn count(&mut self, command: Command) -> Outcome {
        shell::run_watched(command, |line| {
            let (passed, failed) = counts(line);
            self.passed += passed;
            self.failed += failed;
        })
    }

    /// Prints the times and the counts.
    fn print(&self) {
        println!("\n== times");
        for (name, time) in &self.times {
            println!("  {name:<30} {:>6.1} s", time.as_secs_f64());
        }
        println!("\n{} passed, {} failed", self.passed, self.failed);
    }
}

/// The passed and failed tests that a line sums up, in the words of cargo or of Node.
fn counts(line: &str) -> (u64, u64) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |word: &str| word.parse().unwrap_or(0);
    match words[..] {
        [
            "test",
            "result:",
            _,
            passed,
            "passed;",
            failed,
            "failed;",
            ..,
        ] => (number(passed), number(failed)),
        ["ℹ" | "#", "pass", passed] => (number(passed), 0),
        ["ℹ" | "#", "fail", failed] => (0, number(failed)),
        _ => (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn counts_what_the_runners_say() {
        assert_eq!(
            counts("test result: ok. 12 passed; 1 failed; 0 ignored; 0 measured"),
            (12, 1)
        );
        assert_eq!(counts("ℹ pass 7"), (7, 0));
        assert_eq!(counts("# fail 2"), (0, 2));
        assert_eq!(counts("test counts ... ok"), (0, 0));
    }
}
