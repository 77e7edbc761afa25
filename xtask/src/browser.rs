//! What needs a browser: the end-to-end tests and the pictures. Both are written in JavaScript, in
//! e2e/, and see the site that was built into dist/.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::args::Args;
use crate::dist;
use crate::shell::{self, Outcome};
use crate::test::{self, Report};
use crate::tools::{self, Tool};

/// Runs every `e2e/tests/*.test.mjs` against dist/ and the command-line program.
pub fn tests(report: &mut Report) -> Outcome {
    shell::run(test::cargo("build --workspace --bin clusterscope"))?;
    let mut node = node()?;
    node.args(["--test", "--test-reporter=spec"])
        .args(test_files()?);
    report.count(node)
}

/// `shots DIR [ROUTE...]`: pictures of the page in every size and colour scheme.
pub fn shots(mut args: Args) -> Outcome {
    let words = args.rest()?;
    let Some((folder, routes)) = words.split_first() else {
        return Err(
            "shots needs a folder for the pictures, and may be given routes such as \"#/raft\""
                .to_owned(),
        );
    };
    let folder = std::path::absolute(folder)
        .map_err(|error| format!("\"{folder}\" is no folder: {error}"))?;
    let mut needed = dist::TOOLS.to_vec();
    needed.extend([Tool::Driver, Tool::Browser]);
    tools::ensure(&needed, || vec![dist::compile(true)])?;
    dist::build()?;
    let mut node = node()?;
    node.arg("e2e/shots.mjs").arg(folder).args(routes);
    shell::run(node)
}

/// The seeds that `hashes` compares when none are named.
const SEEDS: &str = "1..1000";

/// The scenarios that `hashes` compares when none is named: of each system, the one with faults of every kind.
const PLACES: [&str; 2] = ["ping/swarm", "raft/swarm"];

/// `hashes [SYSTEM/SCENARIO...] [--seeds A..B]`: every engine that is there computes the same runs.
pub fn hashes(mut args: Args) -> Outcome {
    let seeds = args.value("--seeds")?.unwrap_or_else(|| SEEDS.to_owned());
    let mut places = args.rest()?;
    if places.is_empty() {
        places = PLACES.map(str::to_owned).to_vec();
    }
    let (from, to) = read_seeds(&seeds).ok_or_else(|| {
        format!("\"{seeds}\" are no seeds: write 1..1000, with the first and the last")
    })?;
    tools::check_node()?;
    let mut needed = dist::TOOLS.to_vec();
    needed.extend([Tool::Driver, Tool::Browser]);
    tools::ensure(&needed, || vec![dist::compile(true)])?;
    dist::build()?;
    shell::run(test::cargo("build --workspace --bin clusterscope"))?;
    let mut node = node()?;
    node.arg("e2e/hashes.mjs")
        .args([from.to_string(), to.to_string()])
        .args(places);
    shell::run(node)
}

fn read_seeds(text: &str) -> Option<(u32, u32)> {
    let (from, to) = text.split_once("..")?;
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from <= to).then_some((from, to))
}

/// Node with what e2e/harness.mjs wants to know.
fn node() -> Outcome<Command> {
    let browser =
        tools::find_browser()?.ok_or("there is no Chromium; name one in the variable CHROMIUM")?;
    let mut node = shell::command("node");
    let name = format!("debug/clusterscope{}", std::env::consts::EXE_SUFFIX);
    node.env("CHROMIUM", browser)
        .env("CLUSTERSCOPE_CLI", shell::target_dir().join(name));
    Ok(node)
}

/// The tests' files, in a fixed order.
fn test_files() -> Outcome<Vec<PathBuf>> {
    let folder = shell::root().join("e2e/tests");
    let entries = std::fs::read_dir(&folder)
        .map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let is_test = |path: &PathBuf| {
        path.to_str()
            .is_some_and(|path| path.ends_with(".test.mjs"))
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(is_test)
        .collect();
    files.sort();
    // Relative, because Node shows these names.
    let short = |path: PathBuf| {
        path.strip_prefix(shell::root())
            .map(Path::to_path_buf)
            .unwrap_or(path)
    };
    Ok(files.into_iter().map(short).collect())
}

#[cfg(test)]
mod tests {
    use super::read_seeds;

    #[test]
    fn seeds_are_the_first_and_the_last() {
        assert_eq!(read_seeds("1..1000"), Some((1, 1000)));
        assert_eq!(read_seeds("7..7"), Some((7, 7)));
        for bad in ["7", "9..1", "1..", "a..b", "1..99999999999"] {
            assert_eq!(read_seeds(bad), None, "{bad}");
        }
    }
}
