//! Reads a trace from anywhere and says what is in it.

use clusterscope_core::import::{self, BYTES_MAX, Imported};
use clusterscope_core::{BadInput, Span};
use serde_json::{Map, Value as Json, json};

use crate::args::{read, words_and_json};
use crate::output::{self, Place, Problem};
use crate::{BROKEN, HELD};

/// So many contradictions are told.
const FLAWS_MAX: usize = 10;

/// What is read.
pub struct File {
    place: Place,
    json: bool,
}

/// Reads the arguments; `None` when help is asked for.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Option<File>, Problem> {
    let Some((words, json)) = words_and_json(parser, "import", (1, "import reads one file"))?
    else {
        return Ok(None);
    };
    let missing = || Problem::Input("import what? Write it like: import trace.jsonl".to_owned());
    let place = words.into_iter().next().map(Place::from);
    let place = place.ok_or_else(missing)?;
    Ok(Some(File { place, json }))
}

/// Reads the file, says what is in it, and returns the exit status: clocks that contradict causes are a broken promise.
pub fn import(file: &File) -> Result<u8, Problem> {
    let text = read(&file.place, BYTES_MAX as u64, "trace")?;
    let bad = |it: BadInput| Problem::Input(it.within(&file.place).to_string());
    let trace = import::read(text).map_err(bad)?;
    let flaws = trace.flaws(FLAWS_MAX);
    let text = if file.json {
        format!("{:#}\n", as_json(&trace, &flaws))
    } else {
        in_words(&trace, &flaws)
    };
    output::print(&text)?;
    Ok(if flaws.is_empty() { HELD } else { BROKEN })
}

fn in_words(trace: &Imported, flaws: &[BadInput]) -> String {
    let kinds = trace.kinds();
    let kinds = kinds.iter().map(|(kind, count)| format!("{count} {kind}"));
    let mut text = format!(
        "{} events in {} at {} hosts: {}\n",
        trace.events.len(),
        Span(trace.end().0),
        trace.hosts.len(),
        trace.hosts.join(" ")
    );
    text += &format!("kinds: {}\n", kinds.collect::<Vec<_>>().join(", "));
    if flaws.is_empty() {
        text += "Causes come before what they cause, and no vector clock contradicts them.\n";
    }
    for flaw in flaws {
        text += &format!("event {flaw}\n");
    }
    if flaws.len() == FLAWS_MAX {
        text += "There may be more.\n";
    }
    text
}

fn as_json(trace: &Imported, flaws: &[BadInput]) -> Json {
    let kinds: Map<String, Json> = trace
        .kinds()
        .into_iter()
        .map(|(kind, count)| (kind.to_owned(), json!(count)))
        .collect();
    json!({
        "events": trace.events.len(),
        "hosts": trace.hosts,
        "began": trace.began,
        "length": trace.end(),
        "kinds": kinds,
        "consistent": flaws.is_empty(),
        "flaws": flaws.iter().map(|it| format!("event {it}")).collect::<Vec<_>>(),
    })
}
