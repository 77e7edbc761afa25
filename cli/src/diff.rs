//! Where two runs part.

use clusterscope_core::RunSpec;
use clusterscope_core::diff::{Difference, Told, first_difference};
use clusterscope_core::error::quote;
use clusterscope_core::trace::trace_line;
use serde_json::{Value as Json, json};

use crate::args::words_and_json;
use crate::output::{self, Problem};

/// Events that are shown before the first difference, and from it on.
const CONTEXT: usize = 3;

/// Both runs are the same.
const SAME: u8 = 0;
/// They differ.
const DIFFER: u8 = 1;

/// What is compared.
pub struct Question {
    runs: [RunSpec; 2],
    json: bool,
}

/// Reads the arguments; `None` when help is asked for.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Option<Question>, Problem> {
    let Some((links, json)) = words_and_json(parser, "diff", (2, "diff compares two links"))?
    else {
        return Ok(None);
    };
    let runs: Result<Vec<RunSpec>, _> = links.iter().map(|it| RunSpec::from_link(it)).collect();
    let runs = runs.map_err(|it| Problem::Input(it.to_string()))?;
    let missing = |it: Vec<RunSpec>| {
        let problem = format!(
            "diff compares two links and has {}: diff 'raft/calm?seed=1' 'raft/calm?seed=2'",
            it.len()
        );
        Problem::Input(problem)
    };
    let runs = runs.try_into().map_err(missing)?;
    Ok(Some(Question { runs, json }))
}

/// Compares two runs, and returns the exit status.
pub fn diff(question: &Question) -> Result<u8, Problem> {
    let [one, two] = &question.runs;
    let found = first_difference(one, two, CONTEXT).map_err(|it| Problem::Input(it.to_string()))?;
    let text = if question.json {
        format!("{:#}\n", as_json(&question.runs, found.as_ref()))
    } else {
        found.as_ref().map_or_else(
            || "The two runs are the same, event by event.\n".to_owned(),
            |it| in_words(&question.runs, it),
        )
    };
    output::print(&text)?;
    Ok(if found.is_some() { DIFFER } else { SAME })
}

fn line(told: &Told) -> String {
    let words = told.words.as_ref().map(|it| it.text.as_str());
    // Text from a run is one line, but for what a person typed into a request.
    let words: String = words
        .unwrap_or(told.label)
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it })
        .collect();
    format!(
        "{:>8}  {:>14}  {words}\n",
        told.id,
        told.record.time.to_string()
    )
}

fn in_words(runs: &[RunSpec; 2], found: &Difference) -> String {
    let mut text = match found.in_what[..] {
        ["end"] => format!("Event {} happens in one of the runs only.\n", found.event),
        _ => format!(
            "Event {} is the first that differs: in {}.\n",
            found.event,
            found.in_what.join(", ")
        ),
    };
    if !found.before.is_empty() {
        text += "\nBoth runs, before it:\n";
        text.extend(found.before.iter().map(line));
    }
    for (name, run, after) in [
        ("first", &runs[0], &found.after[0]),
        ("second", &runs[1], &found.after[1]),
    ] {
        text += &format!("\nThe {name} run, {}\n", run.link());
        if after.is_empty() {
            text += "          ends here\n";
        }
        text.extend(after.iter().map(line));
        let set = after.first().and_then(|it| it.words.as_ref());
        for field in set.into_iter().flat_map(|it| &it.set) {
            text += &format!("{:>26}{} → {}\n", "", field.name, shorten(&field.text()));
        }
    }
    text
}

/// A value that is not too long for a line.
fn shorten(text: &str) -> String {
    let quoted = quote(text);
    quoted[1..quoted.len() - 1].to_owned()
}

fn as_json(runs: &[RunSpec; 2], found: Option<&Difference>) -> Json {
    let events = |told: &[Told]| -> Vec<Json> {
        told.iter()
            .map(|it| {
                let line = trace_line(it.id, &it.record, it.label, it.words.as_ref(), None);
                serde_json::from_str(&line).unwrap_or(Json::Null)
            })
            .collect()
    };
    json!({
        "runs": [runs[0].link(), runs[1].link()],
        "same": found.is_none(),
        "event": found.map(|it| it.event),
        "differs_in": found.map(|it| it.in_what.clone()),
        "before": found.map(|it| events(&it.before)),
        "first": found.map(|it| events(&it.after[0])),
        "second": found.map(|it| events(&it.after[1])),
    })
}
