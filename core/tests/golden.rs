//! Today's runs are yesterday's. What a release changes in a run shows here as a change of a file, which a reviewer can
//! read; `cargo xtask bless` writes the files anew, and the commit says why.

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use clusterscope_core::RunSpec;
use clusterscope_core::sim::run::Run;
use clusterscope_core::trace::{Kind, Level};

use common::{build, end, finished, scenarios, spec};

/// So many events of each scenario are written down.
const EVENTS: u32 = 120;

/// So many seeds of each scenario have their hash written down.
const SEEDS: u64 = 20;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// Compares with a file, or writes it.
fn compare(name: &str, text: &str) {
    let path = golden(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, text).unwrap_or_else(|it| panic!("{name}: {it}"));
        return;
    }
    let expected = fs::read_to_string(&path)
        .unwrap_or_default()
        .replace("\r\n", "\n");
    let differs = text
        .lines()
        .zip(expected.lines())
        .position(|(now, then)| now != then);
    let line = differs.unwrap_or(text.lines().count().min(expected.lines().count()));
    let at = |text: &str| text.lines().nth(line).unwrap_or("(the end)").to_owned();
    assert!(
        text == expected,
        "{name}:{}: it was \"{}\", now it is \"{}\"; cargo xtask bless accepts that",
        line + 1,
        at(&expected),
        at(text)
    );
}

/// One event a line, short: `412ms n2 send AppendEntries > n3 m17 because 31`.
fn story(spec: &RunSpec) -> String {
    let mut run = build(spec, Level::Events);
    let mut text = format!("{}\n", spec.link());
    while run.recorder().events() < EVENTS && run.step(end(spec)) {}
    describe(&*run, &mut text);
    run.run_until(end(spec));
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "at {}: {} events, hash {:016x}",
        run.now(),
        run.recorder().events(),
        run.recorder().hash()
    );
    text
}

fn describe(run: &dyn Run, text: &mut String) {
    let recorder = run.recorder();
    recorder.records().with(0, EVENTS, |records| {
        for (id, record) in records.iter().enumerate() {
            let kind = format!("{:?}", record.kind).to_lowercase();
            let _ = write!(
                text,
                "{id} {} {} {kind} {}",
                record.time,
                record.host.name(),
                recorder.label(record)
            );
            if record.peer.end().is_some() {
                let way = if record.kind == Kind::Deliver {
                    '<'
                } else {
                    '>'
                };
                let _ = write!(text, " {way} {} m{}", record.peer.name(), record.item);
            }
            if record.cause != u32::MAX {
                let _ = write!(text, " because {}", record.cause);
            }
            text.push('\n');
        }
    });
}

#[test]
fn every_scenario_begins_as_it_did() {
    for (system, scenario) in scenarios() {
        let spec = spec(system, &scenario, 1);
        compare(
            &format!("{}-{}.txt", system.about.id, scenario.id),
            &story(&spec),
        );
    }
}

#[test]
fn every_hash_is_what_it_was() {
    let mut text = String::new();
    for (system, scenario) in scenarios() {
        for seed in 1..=SEEDS {
            let hash = finished(&spec(system, &scenario, seed), Level::Off)
                .recorder()
                .hash();
            let _ = writeln!(
                text,
                "{}/{} {seed} {hash:016x}",
                system.about.id, scenario.id
            );
        }
    }
    compare("hashes.txt", &text);
}

#[test]
fn no_file_is_left_from_a_scenario_that_is_gone() {
    let mut expected: Vec<String> = scenarios()
        .iter()
        .map(|(system, it)| format!("{}-{}.txt", system.about.id, it.id))
        .collect();
    expected.push("hashes.txt".to_owned());
    for file in fs::read_dir(golden("")).expect("the folder is there") {
        let name = file
            .expect("it can be read")
            .file_name()
            .to_string_lossy()
            .into_owned();
        assert!(expected.contains(&name), "{name} belongs to no scenario");
    }
}
