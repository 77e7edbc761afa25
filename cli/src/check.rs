//! Judges a history that some system wrote.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};

use clusterscope_core::check::read::{History, LINE_MAX, Reader};
use clusterscope_core::check::{Breach, Judge, Judgement};
use clusterscope_core::error::quote;
use serde_json::{Value as Json, json};

use crate::output::{self, Place, Problem};
use crate::{BROKEN, HELD, OPEN};

/// Reads a history, judges it, tells the verdict, and returns the exit status.
pub fn check(place: &Place, judge: &Judge, as_json: bool) -> Result<u8, Problem> {
    let history = match place {
        Place::Standard => read(io::stdin().lock(), place),
        Place::File(path) => {
            let file = File::open(path).map_err(|it| failed(place, &it))?;
            read(BufReader::new(file), place)
        }
    }?;
    let story = history.story();
    let judgement = (judge.check)(&story);
    let begun = story.operations.len();
    let text = if as_json {
        format!("{:#}\n", data(&history, judge, &judgement, begun))
    } else {
        words(&history, judge, &judgement, begun)
    };
    output::print(&text)?;
    Ok(match judgement {
        Judgement::Kept => HELD,
        Judgement::Broken(_) => BROKEN,
        Judgement::Open(_) => OPEN,
    })
}

fn failed(place: &Place, error: &io::Error) -> Problem {
    Problem::Input(format!(
        "{} cannot be read: {error}",
        quote(&place.to_string())
    ))
}

/// Reads line by line, and no line further than it may be long.
fn read(mut source: impl BufRead, place: &Place) -> Result<History, Problem> {
    let mut reader = Reader::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = LINE_MAX as u64 + 2;
        let read = source.by_ref().take(most).read_until(b'\n', &mut line);
        if read.map_err(|it| failed(place, &it))? == 0 {
            return Ok(reader.history());
        }
        let text = String::from_utf8_lossy(&line);
        let refused = |it: clusterscope_core::BadInput| Problem::Input(it.to_string());
        reader.line(&text).map_err(refused)?;
    }
}

/// The numbers of the lines that prove it.
fn lines(history: &History, breach: &Breach) -> Vec<u32> {
    let line = |place: &u32| history.events.get(*place as usize).map(|it| it.event);
    breach.proof.iter().filter_map(line).collect()
}

/// As JSON.
fn data(history: &History, judge: &Judge, judgement: &Judgement, operations: usize) -> Json {
    let (verdict, reason, at, lines) = match judgement {
        Judgement::Kept => ("holds", None, None, Vec::new()),
        Judgement::Broken(it) => (
            "violated",
            Some(&it.reason),
            Some(it.at),
            lines(history, it),
        ),
        Judgement::Open(reason) => ("unknown", Some(reason), None, Vec::new()),
    };
    json!({
        "check": judge.name,
        "promise": judge.promise,
        "verdict": verdict,
        "operations": operations,
        "clients": history.names.clients.len(),
        "reason": reason,
        "at": at,
        "lines": lines,
    })
}

/// For people.
fn words(history: &History, judge: &Judge, judgement: &Judgement, operations: usize) -> String {
    let clients = history.names.clients.len();
    let mut text = format!("{operations} operations of {clients} clients\n");
    // Writing to a string cannot fail.
    let _ = match judgement {
        Judgement::Kept => writeln!(text, "held     {}: {}", judge.name, judge.promise),
        Judgement::Open(reason) => {
            writeln!(text, "unknown  {}: {}", judge.name, plain(reason))
        }
        Judgement::Broken(breach) => {
            let lines: Vec<String> = lines(history, breach).iter().map(u32::to_string).collect();
            writeln!(
                text,
                "BROKEN   {}: {}\nproof    lines {}",
                judge.name,
                plain(&breach.reason),
                lines.join(", ")
            )
        }
    };
    text
}

/// Names and values come from outside: what would steer a terminal is escaped.
fn plain(text: &str) -> String {
    let letter = |it: char| -> String {
        if it.is_control() {
            it.escape_debug().collect()
        } else {
            it.to_string()
        }
    };
    text.chars().map(letter).collect()
}
