//! Damaged text for everything that reads text: the targets of fuzz/, on the stable compiler.

use crate::args::Args;
use crate::shell::{self, Outcome};

/// Builds the driver and runs it: which targets, how many inputs, from which seed.
pub fn fuzz(mut args: Args) -> Outcome {
    let runs = args.value("--runs")?;
    let seed = args.value("--seed")?;
    let targets = args.rest()?;
    let mut cargo = shell::cargo();
    cargo.args(["run", "--release", "--manifest-path"]);
    cargo.arg(shell::root().join("fuzz/Cargo.toml"));
    cargo.arg("--").args(targets);
    for (name, value) in [("--runs", runs), ("--seed", seed)] {
        if let Some(value) = value {
            cargo.args([name, &value]);
        }
    }
    shell::run(cargo)
}
