//! The driver for a stable compiler: `cargo xtask fuzz [TARGET] [--runs N] [--seed S]`.

use std::process::ExitCode;

use clusterscope_fuzz::counting::Counting;
use clusterscope_fuzz::driver::{self, Job};
use clusterscope_fuzz::targets::ALL;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Inputs for each target, when no number is given.
const RUNS: u64 = 1_000_000;

fn main() -> ExitCode {
    match act() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn act() -> Result<(), String> {
    let (mut runs, mut seed, mut names) = (RUNS, 1, Vec::new());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || {
            let text = words.next().unwrap_or_default();
            text.parse()
                .map_err(|_| format!("\"{text}\" is not a number for {word}"))
        };
        match word.as_str() {
            "--runs" => runs = number()?,
            "--seed" => seed = number()?,
            name if ALL.iter().any(|it| it.0 == name) => names.push(name.to_owned()),
            _ => {
                let known: Vec<&str> = ALL.iter().map(|it| it.0).collect();
                return Err(format!(
                    "\"{word}\" is no target; there are {}",
                    known.join(", ")
                ));
            }
        }
    }
    if names.is_empty() {
        names = ALL.iter().map(|it| it.0.to_owned()).collect();
    }
    for name in &names {
        let corpus = driver::corpus(name);
        driver::run(&Job {
            name,
            runs,
            seed,
            corpus,
        })?;
    }
    Ok(())
}
