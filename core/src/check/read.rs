//! Histories from outside: JSON Lines of any system that records what its clients saw (docs/formats.md).
//!
//! A line is one beginning or end of an operation. Clients may have any name, a key may be missing or a number, more
//! fields may be there than are read. What contradicts itself is refused with the number of its line.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::check::story::{Names, OPS, Story};
use crate::error::{BadInput, one_of, quote};
use crate::sim::time::Time;
use crate::trace::{HistoryEvent, Phase};

/// A line has at most so many bytes.
pub const LINE_MAX: usize = 1 << 20;

/// A history has at most so many lines.
pub const LINES_MAX: u32 = 1_000_000;

/// A history has at most so many bytes.
pub const BYTES_MAX: u64 = 256 << 20;

/// A history has at most so many values in all, inner ones counted: they take 32 bytes each.
pub const VALUES_MAX: u64 = 8_000_000;

/// Reads a history line by line.
#[derive(Default)]
pub struct Reader {
    events: Vec<HistoryEvent>,
    names: Names,
    /// The present number of each client.
    clients: BTreeMap<String, u32>,
    /// Of each client, its open operation: its place, and its line.
    open: BTreeMap<u32, (usize, u32)>,
    values: u64,
    bytes: u64,
    lines: u32,
}

impl Reader {
    /// Reads the next line. Empty lines say nothing.
    pub fn line(&mut self, text: &str) -> Result<(), BadInput> {
        self.lines += 1;
        let line = self.lines;
        if line > LINES_MAX {
            return Err(BadInput::new(
                text,
                format_args!("is one line too many: {LINES_MAX} at most"),
            )
            .within(format_args!("line {line}")));
        }
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        self.read(text, line)
            .map_err(|it| it.within(format_args!("line {line}")))
    }

    /// The history, when all lines were read.
    pub fn history(self) -> History {
        History {
            events: self.events,
            names: self.names,
        }
    }

    fn read(&mut self, text: &str, line: u32) -> Result<(), BadInput> {
        if text.len() > LINE_MAX {
            return Err(BadInput::new(
                text,
                format_args!("is too long for a line: {LINE_MAX} bytes at most"),
            ));
        }
        let bad = |problem: String| BadInput::new(text, problem);
        let json: Json =
            serde_json::from_str(text).map_err(|it| bad(format!("is not JSON: {it}")))?;
        let Json::Object(mut fields) = json else {
            return Err(bad("is no JSON object: write {\"client\":1,…}".to_owned()));
        };
        self.values += fields.values().map(count).sum::<u64>();
        self.bytes += text.len() as u64;
        if self.values > VALUES_MAX || self.bytes > BYTES_MAX {
            return Err(bad(format!(
                "is where the history gets too large: {BYTES_MAX} bytes and {VALUES_MAX} values at most"
            )));
        }
        let phase = phase(&fields).map_err(&bad)?;
        let op = op(&fields).map_err(&bad)?;
        let key = match fields.remove("key") {
            None | Some(Json::Null) => String::new(),
            Some(Json::String(key)) => key,
            Some(key @ Json::Number(_)) => key.to_string(),
            Some(_) => return Err(bad("has a key that is neither text nor a number".to_owned())),
        };
        let time = time(&fields).map_err(&bad)?;
        let value = fields.remove("value").unwrap_or(Json::Null);
        fits(op, &value).map_err(&bad)?;
        let client = self.client(&fields).map_err(&bad)?;
        let event = HistoryEvent {
            client,
            phase,
            op,
            key: key.into(),
            value,
            time,
            event: line,
        };
        self.add(event).map_err(bad)
    }

    /// The number of a line's client. One that does not know what became of its operation is a new one from then on.
    fn client(&mut self, fields: &Map<String, Json>) -> Result<u32, String> {
        let name = match fields.get("client").or_else(|| fields.get("process")) {
            Some(Json::String(name)) => quote(name).trim_matches('"').to_owned(),
            Some(Json::Number(number)) => format!("c{number}"),
            Some(_) => return Err("has a client that is neither a number nor text".to_owned()),
            None => return Err("names no client: write \"client\":1".to_owned()),
        };
        let names = &mut self.names.clients;
        let number = *self.clients.entry(name.clone()).or_insert_with(|| {
            names.push(name);
            names.len() as u32 - 1
        });
        Ok(number)
    }

    fn add(&mut self, event: HistoryEvent) -> Result<(), String> {
        let client = event.client;
        let name = self.names.clients[client as usize].clone();
        if event.phase == Phase::Invoke {
            let known = self.open.insert(client, (self.events.len(), event.event));
            if let Some((_, since)) = known {
                return Err(format!(
                    "begins a second operation of {name}, whose operation of line {since} is still open"
                ));
            }
            self.events.push(event);
            return Ok(());
        }
        let Some((begun, since)) = self.open.remove(&client) else {
            return Err(format!(
                "ends an operation of {name}, which has none open: an \"invoke\" comes first"
            ));
        };
        let begun = &self.events[begun];
        if (begun.op, &begun.key) != (event.op, &event.key) {
            return Err(format!(
                "ends another operation than {name} began in line {since}"
            ));
        }
        if event.phase == Phase::Info {
            self.clients.remove(&name);
        }
        self.events.push(event);
        Ok(())
    }
}

/// A history that was read.
#[derive(Debug)]
pub struct History {
    /// Its events; their numbers are those of their lines.
    pub events: Vec<HistoryEvent>,
    /// The names of its clients.
    pub names: Names,
}

impl History {
    /// As judges read it.
    pub fn story(&self) -> Story<'_> {
        Story::told(&self.events, &self.names)
    }
}

/// How many values a value has in it.
fn count(value: &Json) -> u64 {
    match value {
        Json::Array(items) => 1 + items.iter().map(count).sum::<u64>(),
        Json::Object(fields) => 1 + fields.values().map(count).sum::<u64>(),
        _ => 1,
    }
}

fn phase(fields: &Map<String, Json>) -> Result<Phase, String> {
    match fields.get("type").and_then(Json::as_str) {
        Some("invoke") => Ok(Phase::Invoke),
        Some("ok") => Ok(Phase::Ok),
        Some("fail") => Ok(Phase::Fail),
        Some("info") => Ok(Phase::Info),
        _ => Err("needs a \"type\": invoke, ok, fail or info".to_owned()),
    }
}

/// The operation's name; without one it is a transaction.
fn op(fields: &Map<String, Json>) -> Result<&'static str, String> {
    let Some(op) = fields.get("op").or_else(|| fields.get("f")) else {
        return Ok("txn");
    };
    let known = OPS
        .iter()
        .map(|it| it.0)
        .find(|it| Some(*it) == op.as_str());
    known.ok_or_else(|| {
        format!(
            "has an operation that no judge knows: there is {}",
            one_of(OPS.iter().map(|it| it.0))
        )
    })
}

/// A time in nanoseconds; 0 when there is none.
fn time(fields: &Map<String, Json>) -> Result<Time, String> {
    let Some(time) = fields.get("time") else {
        return Ok(Time::default());
    };
    if let Some(whole) = time.as_u64() {
        return Ok(Time(whole));
    }
    let problem = || "has a \"time\" that is no number of nanoseconds".to_owned();
    let number = time.as_f64().filter(|it| *it >= 0.0).ok_or_else(problem)?;
    Ok(Time(number as u64))
}

/// Whether an operation can have this value.
fn fits(op: &str, value: &Json) -> Result<(), String> {
    match op {
        "cas" if value.as_array().map(Vec::len) != Some(2) => {
            Err("needs a value of two: what is expected and what is written, [1,2]".to_owned())
        }
        "incr" if !(value.is_null() || value.is_i64()) => {
            Err("needs a whole number, or null for 1".to_owned())
        }
        "txn" => {
            let steps = value.as_array().ok_or_else(|| TXN.to_owned())?;
            if steps.iter().all(is_step) {
                Ok(())
            } else {
                Err(TXN.to_owned())
            }
        }
        _ => Ok(()),
    }
}

/// What a transaction looks like.
const TXN: &str =
    "needs an \"op\", or the steps of a transaction: [[\"append\",\"x\",1],[\"r\",\"x\",[1]]]";

fn is_step(step: &Json) -> bool {
    let Some([what, key, value]) = step.as_array().map(Vec::as_slice) else {
        return false;
    };
    let key = key.is_string() || key.is_number();
    match what.as_str() {
        Some("append") => key,
        Some("r") => key && (value.is_null() || value.is_array()),
        _ => false,
    }
}
