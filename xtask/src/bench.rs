//! How fast the core is: the programs in `core/benches`, run several times in turn, as one table.
//!
//! Absolute figures move with the machine and with what else it does; the ratios of one run hold.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::args::Args;
use crate::shell::{self, Outcome};
use crate::test::cargo;
use crate::tools::{self, Tool};

/// So often every row is done, unless said otherwise: medians of fewer say little.
const ROUNDS: usize = 5;

/// Runs every benchmark, or the one that is named.
pub fn bench(mut args: Args) -> Outcome {
    let rounds = match args.value("--rounds")? {
        None => ROUNDS,
        Some(text) => match text.parse() {
            Ok(rounds @ 1..=100) => rounds,
            _ => return Err(format!("\"{text}\" is no number of rounds: 1 to 100")),
        },
    };
    let known = names()?;
    let wanted = args.rest()?;
    if let Some(name) = wanted.iter().find(|it| !known.contains(it)) {
        return Err(format!(
            "there is no benchmark \"{name}\"; there are {}",
            known.join(", ")
        ));
    }
    for name in known
        .iter()
        .filter(|it| wanted.is_empty() || wanted.contains(it))
    {
        println!("\n== {name}");
        match name.as_str() {
            "simulation" => simulation(rounds)?,
            "memory" => memory()?,
            // The others print what they have to say.
            other => shell::run(native(other))?,
        }
    }
    Ok(())
}

/// The benchmarks that there are: a file or a folder with a `main.rs` each. What they share is none.
fn names() -> Outcome<Vec<String>> {
    let folder = shell::root().join("core/benches");
    let listed = fs::read_dir(&folder).map_err(|error| format!("core/benches: {error}"))?;
    let mut names: Vec<String> = listed
        .flatten()
        .filter(|it| it.path().is_file() || it.path().join("main.rs").is_file())
        .filter_map(|it| Some(it.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort_unstable();
    Ok(names)
}

fn native(name: &str) -> Command {
    let mut cargo = cargo("bench --quiet -p clusterscope-core --bench");
    cargo.arg(name);
    cargo
}

/// The same program as WebAssembly, in Node.
fn wasm(name: &str) -> Command {
    let host = shell::root()
        .join("core/benches")
        .join(name)
        .join("wasm.mjs");
    let mut cargo = native(name);
    cargo.args(["--target", tools::WASM]);
    cargo.env(
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
        format!("node {}", host.display()),
    );
    cargo
}

/// One measurement of one row.
struct Sample {
    events: f64,
    runs: f64,
    seconds: f64,
    fingerprint: String,
}

/// A row over all rounds.
#[derive(Default)]
struct Row {
    name: String,
    against: Option<usize>,
    native: Vec<Sample>,
    wasm: Vec<Sample>,
}

/// The middle one of some numbers, and how far the outermost lie apart, as a part of it.
fn median(mut numbers: Vec<f64>) -> (f64, f64) {
    numbers.sort_unstable_by(f64::total_cmp);
    let middle = numbers[numbers.len() / 2];
    (middle, (numbers[numbers.len() - 1] - numbers[0]) / middle)
}

/// Events in a second of processor time.
fn speed(samples: &[Sample]) -> (f64, f64) {
    median(samples.iter().map(|it| it.events / it.seconds).collect())
}

/// The rounds, natively and in WebAssembly in turn.
fn simulation(rounds: usize) -> Outcome {
    tools::check_node()?;
    tools::ensure(&[Tool::WasmTarget], Vec::new)?;
    let mut rows: BTreeMap<usize, Row> = BTreeMap::new();
    for round in 1..=rounds {
        println!("round {round} of {rounds}");
        for line in shell::output(native("simulation"))?.lines() {
            let (number, sample, rest) = read(line)?;
            let row = rows.entry(number).or_default();
            row.native.push(sample);
            if let [name, against] = rest[..] {
                row.name = name.to_owned();
                row.against = against.parse().ok();
            }
        }
        for line in shell::output(wasm("simulation"))?.lines() {
            let (number, sample, _) = read(line)?;
            rows.entry(number).or_default().wasm.push(sample);
        }
    }
    print(&rows);
    match rows.values().find(|it| !it.agrees()) {
        None => Ok(()),
        Some(row) => Err(format!(
            "\"{}\" came out differently in WebAssembly",
            row.name
        )),
    }
}

/// Reads a line of the program.
fn read(line: &str) -> Outcome<(usize, Sample, Vec<&str>)> {
    let cells: Vec<&str> = line.split('\t').collect();
    let number = |it: usize| cells.get(it).and_then(|it| it.parse::<f64>().ok());
    let (Some(row), Some(events), Some(runs), Some(nanos), Some(fingerprint)) =
        (number(0), number(1), number(2), number(3), cells.get(4))
    else {
        return Err(format!("the benchmark printed \"{line}\", which is no row"));
    };
    let sample = Sample {
        events,
        runs,
        seconds: nanos / 1e9,
        fingerprint: (*fingerprint).to_owned(),
    };
    Ok((row as usize, sample, cells.into_iter().skip(5).collect()))
}

impl Row {
    /// Whether every call, here and there, computed the same.
    fn agrees(&self) -> bool {
        let mut all = self.native.iter().chain(&self.wasm);
        let first = all.next().map(|it| &it.fingerprint);
        all.all(|it| Some(&it.fingerprint) == first)
    }
}

fn print(rows: &BTreeMap<usize, Row>) {
    println!(
        "\n| {:<34} | M events/s | spread | ns/event | runs/s | of its ceiling | wasm/native | wasm ÷ ceiling |",
        "what"
    );
    println!("|{}|---:|---:|---:|---:|---:|---:|---:|", "-".repeat(36));
    for row in rows.values() {
        let (native, spread) = speed(&row.native);
        let (wasm, _) = speed(&row.wasm);
        let sum = |get: fn(&Sample) -> f64| row.native.iter().map(get).sum::<f64>();
        let runs = sum(|it| it.runs) / sum(|it| it.events) * native;
        let other = row.against.and_then(|it| rows.get(&it));
        let ratio = |of: f64, get: fn(&Row) -> &[Sample]| {
            other.map_or_else(
                || "-".to_owned(),
                |it| format!("{:.2}", of / speed(get(it)).0),
            )
        };
        println!(
            "| {:<34} | {:>10.2} | {:>5.0}% | {:>8.1} | {runs:>6.0} | {:>14} | {:>11.2} | {:>14} |",
            row.name,
            native / 1e6,
            spread * 100.0,
            1e9 / native,
            ratio(native, |it| &it.native),
            wasm / native,
            ratio(wasm, |it| &it.wasm),
        );
    }
}

/// What a run keeps, in bytes an event.
fn memory() -> Outcome {
    println!("| what is kept                       | KiB     | B/trace event | B/step |");
    println!("|------------------------------------|---:|---:|---:|");
    for line in shell::output(native("memory"))?.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let number = |it: usize| cells.get(it).and_then(|it| it.parse::<f64>().ok());
        let (Some(name), Some(bytes), Some(events), Some(steps)) =
            (cells.first(), number(1), number(2), number(3))
        else {
            return Err(format!("the benchmark printed \"{line}\", which is no row"));
        };
        println!(
            "| {name:<34} | {:>7.0} | {:>13.1} | {:>6.1} |",
            bytes / 1024.0,
            bytes / events,
            bytes / steps
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{median, read};

    #[test]
    fn medians_and_spreads() {
        assert_eq!(median(vec![4.0, 1.0, 2.0]), (2.0, 1.5));
    }

    #[test]
    fn lines_are_read_or_quoted() {
        let (row, sample, rest) = read("3\t10\t1\t2000000000\tff\tname\t2").expect("a row");
        assert_eq!((row, sample.events, sample.seconds), (3, 10.0, 2.0));
        assert_eq!(rest, ["name", "2"]);
        assert!(read("3\tten").is_err_and(|it| it.contains("\"3\tten\"")));
    }
}
