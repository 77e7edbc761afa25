//! Scripts: a run in a few lines, and what came of it. The text below `----` is written by `BLESS=1 cargo test`;
//! whoever commits a change of it has understood what caused it.
//!
//! ```text
//! # Why this is worth a test.
//! raft/calm seed=3 for=2s nodes=3 clients=0
//! 1s crash leader
//! ----
//! 1.25s n2 stands for election: term 2
//! …
//! ```

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clusterscope_core::RunSpec;
use clusterscope_core::check::Verdict;
use clusterscope_core::frame::json_text;
use clusterscope_core::sim::command::parse_script;
use clusterscope_core::trace::{Kind, Level};

use common::{build, end};

const RULER: &str = "----";

/// The run that a script asks for.
fn read(name: &str, text: &str) -> RunSpec {
    let mut lines = text
        .lines()
        .filter(|it| !it.starts_with('#') && !it.is_empty());
    let header = lines.next().unwrap_or_else(|| panic!("{name} is empty"));
    let mut words = header.split(' ');
    let place = words.next().unwrap_or_default();
    let (system, scenario) = place
        .split_once('/')
        .unwrap_or_else(|| panic!("{name}: {place} is no scenario"));
    let mut spec = RunSpec::new(system, scenario);
    for word in words {
        let (key, value) = word
            .split_once('=')
            .unwrap_or_else(|| panic!("{name}: {word} is no setting"));
        match key {
            "seed" => spec.seed = value.parse().unwrap_or_else(|it| panic!("{name}: {it}")),
            "for" => spec.length = Some(value.parse().unwrap_or_else(|it| panic!("{name}: {it}"))),
            _ => spec.set(key, value),
        }
    }
    let commands: Vec<&str> = lines.collect();
    spec.commands = parse_script(&commands.join("\n")).unwrap_or_else(|it| panic!("{name}: {it}"));
    spec
}

/// Notes, faults, losses and what clients learnt; then the nodes and the checks at the end.
fn outcome(spec: &RunSpec) -> String {
    let mut run = build(spec, Level::Words);
    run.run_until(end(spec));
    let mut text = String::new();
    let words = run.take_explained();
    run.recorder().records().with(0, u32::MAX, |records| {
        for (record, words) in records.iter().zip(&words) {
            if matches!(
                record.kind,
                Kind::Note | Kind::Fault | Kind::Invoke | Kind::Complete
            ) {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{} {}", record.time, words.text);
            }
        }
    });
    let frame = run.frame();
    for node in frame.nodes {
        let role = node.role.map_or("down", |it| it.name);
        let fields = node
            .fields
            .iter()
            .map(|it| format!("{}={}", it.name, json_text(&it.value)));
        let _ = writeln!(
            text,
            "{} {role} {}",
            node.id,
            fields.collect::<Vec<_>>().join(" ")
        );
    }
    for check in frame.checks {
        if check.verdict != Verdict::Holds {
            let why = check.reason.map(|it| format!(": {it}")).unwrap_or_default();
            let _ = writeln!(text, "{} {:?}{why}", check.name, check.verdict);
        }
    }
    text
}

fn scripts() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let files = fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<PathBuf> = files.map(|it| it.expect("it can be read").path()).collect();
    files.sort();
    files
}

fn try_script(path: &Path) {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let text = fs::read_to_string(path)
        .expect("it is there")
        .replace("\r\n", "\n");
    let (script, expected) = text
        .split_once(&format!("{RULER}\n"))
        .unwrap_or((&text, ""));
    assert!(
        script.starts_with("# "),
        "{name} does not say why it is there"
    );
    let outcome = outcome(&read(&name, script));
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, format!("{}\n{RULER}\n{outcome}", script.trim_end()))
            .expect("it can be written");
        return;
    }
    for (line, (now, then)) in outcome.lines().zip(expected.lines()).enumerate() {
        assert_eq!(now, then, "{name}, line {} of the outcome", line + 1);
    }
    assert_eq!(
        outcome.lines().count(),
        expected.lines().count(),
        "{name}: the outcome has another length"
    );
}

#[test]
fn scripts_end_as_they_did() {
    let scripts = scripts();
    assert!(!scripts.is_empty());
    scripts.iter().for_each(|it| try_script(it));
}
