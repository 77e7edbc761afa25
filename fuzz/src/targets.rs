//! What is fuzzed. Every target reads its text, and when that is understood, uses what came of it: it writes it and
//! reads it again, sets up a run, looks at every event.
//!
//! A target returns a signature of what it came to: the kind of error, or the shape of what was read. Inputs with a
//! new signature are worth changing further.

use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;

use clusterscope_core::check::read::{History, Reader};
use clusterscope_core::check::{Judge, Judgement, LEVELS};
use clusterscope_core::import::{self, States};
use clusterscope_core::sim::command::{Command, Planned, parse_script};
use clusterscope_core::sim::dist::{Chance, Dist};
use clusterscope_core::trace::{HistoryEvent, Level};
use clusterscope_core::{BadInput, RunSpec, Span, Time, systems};
use serde_json::Value as Json;

/// A target.
pub type Target = fn(&[u8]) -> u64;

/// Every target by its name.
pub const ALL: [(&str, Target); 5] = [
    ("history", history),
    ("link", link),
    ("script", script),
    ("settings", settings),
    ("trace", trace),
];

/// Of so many inputs that are understood, one sets up a run: that takes a hundred times as long as reading.
const SET_UP_EVERY: u64 = 16;

/// A link: reads it, writes it, reads it again, and sets up what it says.
pub fn link(data: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(data) else {
        return 0;
    };
    match RunSpec::from_link(text) {
        Err(error) => refused(text, &error),
        Ok(spec) => {
            let again = RunSpec::from_link(&spec.link());
            assert_eq!(again.as_ref(), Ok(&spec), "written and read again");
            let shape = (
                spec.settings.len().min(8),
                spec.commands.len().min(8),
                spec.length.is_some(),
                spec.playhead.is_some(),
            );
            set_up(&spec, sum(&text)) ^ sum(&shape)
        }
    }
}

/// A script, and each of its lines as a command.
pub fn script(data: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(data) else {
        return 0;
    };
    let mut signature = round_trip::<Command>(text);
    match parse_script(text) {
        Err(error) => signature ^= refused(text, &error).rotate_left(1),
        Ok(commands) => {
            for planned in &commands {
                let written = planned.to_string();
                assert_eq!(
                    written.parse::<Planned>().as_ref(),
                    Ok(planned),
                    "{written}"
                );
            }
            signature ^= sum(&commands.len().min(16));
        }
    }
    signature
}

/// The value of a setting, as every kind of setting reads it: a line is the name and the value.
pub fn settings(data: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(data) else {
        return 0;
    };
    let (name, value) = text.split_once('=').unwrap_or(("latency", text));
    let mut signature = round_trip::<Dist>(value)
        ^ round_trip::<Chance>(value).rotate_left(1)
        ^ round_trip::<Span>(value).rotate_left(2)
        ^ round_trip::<Time>(value).rotate_left(3);
    let system = &systems::ALL[sum(&text) as usize % systems::ALL.len()];
    let mut spec = RunSpec::new(system.about.id, "calm");
    spec.set(name, value);
    match (system.settings)(&spec) {
        Err(error) => signature ^= refused(text, &error).rotate_left(4),
        Ok(known) => {
            if let Some(setting) = known.iter().find(|it| it.id == name) {
                let read = setting
                    .kind
                    .read(value)
                    .unwrap_or_else(|it| panic!("it was read before: {it}"));
                let again = setting.kind.read(&read.to_string());
                assert_eq!(again.as_ref(), Ok(&read), "written and read again");
            }
            signature ^= set_up(&spec, sum(&text));
        }
    }
    signature
}

/// A trace: reads it, looks at every event, and adds up the states of the nodes.
pub fn trace(data: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(data) else {
        return 0;
    };
    match import::read(text.to_owned()) {
        Err(error) => refused(text, &error),
        Ok(trace) => {
            let last = trace.events.len() - 1;
            let mut time = Time::ZERO;
            for (place, event) in trace.events.iter().enumerate() {
                assert!(event.time >= time, "time goes on");
                time = event.time;
                assert!(
                    event.cause.is_none_or(|it| (it as usize) < place),
                    "causes come first"
                );
                let ends = [event.host, event.peer];
                assert!(
                    ends.iter()
                        .flatten()
                        .all(|it| usize::from(*it) < trace.hosts.len())
                );
                trace.say(event);
            }
            for flaw in trace.flaws(5) {
                refused(text, &flaw);
            }
            let mut states = States::default();
            states.after(&trace, last / 2);
            let end = states.after(&trace, last).clone();
            assert_eq!(States::default().after(&trace, last), &end);
            sum(&(
                trace.hosts.len().min(8),
                trace.kinds().len().min(16),
                end.iter().map(|it| it.len().min(8)).sum::<usize>(),
            ))
        }
    }
}

/// A history: reads it, writes it and reads it again, and judges it, each history by another judge.
pub fn history(data: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(data) else {
        return 0;
    };
    let read = match read_history(text) {
        Err(error) => {
            refused(text, &error);
            // What comes later may be the name of a client, of which there are as many as there are inputs.
            return signature(&error.to_string(), 28);
        }
        Ok(read) => read,
    };
    let lines = read.events.iter().map(|it| serde_json::to_string(it));
    let lines: Vec<String> = lines.map(|it| it.expect("it is plain data")).collect();
    let again = read_history(&lines.join("\n")).unwrap_or_else(|it| panic!("written badly: {it}"));
    assert_eq!(again.events.len(), read.events.len());
    for (mine, theirs) in read.events.iter().zip(&again.events) {
        let known = |it: &HistoryEvent| (it.client, it.phase, it.op, it.key.clone(), it.time);
        assert_eq!(known(mine), known(theirs), "written and read again");
        assert!(same(&mine.value, &theirs.value), "{mine:?}, {theirs:?}");
    }
    let judge = &LEVELS[sum(&text) as usize % LEVELS.len()];
    judged(&read, judge) ^ sum(&(read.events.len().min(16), judge.name))
}

/// Whether two values are the same, but for the last bit of a fraction: the reader may round it the other way.
fn same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            let both = one.iter().zip(other);
            one.len() == other.len() && both.into_iter().all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
        }
        (Json::Number(one), Json::Number(other)) if one.is_f64() && other.is_f64() => {
            let [one, other] = [one, other].map(|it| it.as_f64().expect("it is one"));
            (one - other).abs() <= 2.0 * f64::EPSILON * one.abs()
        }
        _ => one == other,
    }
}

fn read_history(text: &str) -> Result<History, BadInput> {
    let mut reader = Reader::default();
    for line in text.split('\n') {
        reader.line(line)?;
    }
    Ok(reader.history())
}

/// What a judge says must point into the history.
fn judged(history: &History, judge: &Judge) -> u64 {
    let story = history.story();
    match (judge.check)(&story) {
        Judgement::Kept => 1,
        Judgement::Open(reason) => {
            assert!(!reason.is_empty(), "{}: open for no reason", judge.name);
            2
        }
        Judgement::Broken(breach) => {
            let proof = &breach.proof;
            assert!(!breach.reason.is_empty(), "{}: no reason", judge.name);
            assert!(!proof.is_empty(), "{}: no proof", judge.name);
            assert!(proof.is_sorted(), "{}: {proof:?}", judge.name);
            let inside = |it: &u32| (*it as usize) < history.events.len();
            assert!(proof.iter().all(inside), "{}: {proof:?}", judge.name);
            3 + proof.len().min(8) as u64
        }
    }
}

/// Sets up a run, for some of the inputs, and takes a few steps.
fn set_up(spec: &RunSpec, chance: u64) -> u64 {
    if chance % SET_UP_EVERY != 0 {
        return 1;
    }
    match spec.build(Level::Off) {
        Err(error) => refused(&spec.link(), &error),
        Ok(mut run) => {
            for _ in 0..16 {
                run.step(Time::MAX);
            }
            2
        }
    }
}

fn round_trip<T: FromStr<Err = BadInput> + Display + PartialEq + std::fmt::Debug>(
    text: &str,
) -> u64 {
    match text.parse::<T>() {
        Err(error) => refused(text, &error),
        Ok(value) => {
            let written = value.to_string();
            assert_eq!(
                written.parse::<T>().as_ref(),
                Ok(&value),
                "{text:?} became {written:?}"
            );
            sum(&written.len())
        }
    }
}

/// An error must be fit to be shown; gives its signature.
fn refused(text: &str, error: &BadInput) -> u64 {
    let error = error.to_string();
    assert!(error.contains('"'), "quotes nothing: {error}");
    assert!(
        error.chars().count() < 2_000,
        "too long, of {} bytes",
        text.len()
    );
    assert!(!error.contains(char::is_control), "not one line: {error:?}");
    signature(&error, 96)
}

/// The signature of an error: its first letters, without what it quotes and without numbers.
fn signature(error: &str, letters: usize) -> u64 {
    let (mut quoted, mut escaped) = (false, false);
    let plain = error.bytes().filter(|it| {
        let plain = !escaped && *it == b'"';
        escaped = !escaped && *it == b'\\';
        quoted ^= plain;
        !quoted && !it.is_ascii_digit()
    });
    let plain: Vec<u8> = plain.take(letters).collect();
    sum(&plain)
}

fn sum(value: &impl Hash) -> u64 {
    // With fixed keys, unlike a hash map's: the same in every run.
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
