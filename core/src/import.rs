//! Reads a trace that comes from outside: our own export, or what any other simulator or system wrote in its form.
//!
//! The form is JSON Lines (docs/formats.md): an object a line, one line an event, in the order of time. Only `time`,
//! `node` and `kind` must be there. Unknown fields are passed over; kinds may be any word; numbers of events may be
//! any numbers or words, or missing. What a drawing needs is taken out at once and is small; the rest stays in the
//! text and is read again for the event that somebody looks at.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value as Json};

use crate::error::{BadInput, quote};
use crate::parts::order;
use crate::sim::time::Time;
use crate::trace::Kind;

/// The longest file that is read, in bytes.
pub const BYTES_MAX: usize = 64 << 20;

/// The longest line, in bytes.
pub const LINE_MAX: usize = 1 << 20;

/// The most events.
pub const EVENTS_MAX: usize = 500_000;

/// The most hosts: more rows cannot be told apart.
pub const HOSTS_MAX: usize = 256;

/// How deep objects and lists may lie in each other: a reader of JSON takes no more than 128.
const DEPTH_MAX: usize = 64;

/// The longest name of a host, a kind, a label or an event, in bytes.
const NAME_MAX: usize = 128;

/// The longest reason of an error that is told, in characters.
const REASON_MAX: usize = 160;

/// The most different kinds and labels.
const WORDS_MAX: usize = 4_096;

/// The host of what happens at none.
const WORLD: &str = "world";

/// So many states of all nodes are kept, so that going back does not begin at the start.
const STOPS: usize = 16;

/// The kinds that have a meaning here, by their names in files.
const KINDS: [(&str, Kind); 12] = [
    ("start", Kind::Start),
    ("send", Kind::Send),
    ("deliver", Kind::Deliver),
    ("lose", Kind::Lose),
    ("duplicate", Kind::Duplicate),
    ("timer", Kind::Timer),
    ("persist", Kind::Persist),
    ("sync", Kind::Sync),
    ("note", Kind::Note),
    ("invoke", Kind::Invoke),
    ("complete", Kind::Complete),
    ("fault", Kind::Fault),
];

/// One event, as far as a picture needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in nanoseconds since the first event.
    pub time: Time,
    /// Where, by place among [`Imported::hosts`]; `None` for the world.
    pub host: Option<u16>,
    /// The other end, for what travels.
    pub peer: Option<u16>,
    /// The place of the event that led to it.
    pub cause: Option<u32>,
    /// What kind of thing, when its word is one of ours.
    pub kind: Option<Kind>,
    /// The term, ballot or view.
    pub epoch: Option<u64>,
    /// Whether it changes a node's state.
    pub sets: bool,
    /// Its kind as a word, and its label.
    words: (u16, u16),
    /// Where its line is in the text.
    line: Range<u32>,
}

/// What an event says beyond [`Event`]: read again when somebody looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Details {
    /// Its number or name in the file.
    pub id: String,
    /// A line for people; empty when there is none.
    pub text: String,
    /// The fields of the message.
    pub body: Option<Json>,
    /// What changed in its node.
    pub set: Map<String, Json>,
    /// Its vector clock.
    pub clock: Vec<(String, u64)>,
    /// Every field as the file has it.
    pub all: Map<String, Json>,
}

/// A trace from outside.
#[derive(Debug, Default)]
pub struct Imported {
    /// The names of the hosts, in the order in which they have their rows.
    pub hosts: Vec<String>,
    /// The events, in the order of the file.
    pub events: Vec<Event>,
    /// The time of the first event, in nanoseconds, as the file has it.
    pub began: u64,
    words: Vec<String>,
    text: String,
}

/// Reads a whole file. An `Err` names the line and quotes what is wrong in it.
pub fn read(text: String) -> Result<Imported, BadInput> {
    if text.len() > BYTES_MAX {
        let problem = format!("begins a file that is too long: {BYTES_MAX} bytes at most");
        return Err(BadInput::new(first_line(&text), problem));
    }
    let mut reader = Reader::default();
    let mut at = 0;
    for (number, whole) in (1..).zip(text.split_inclusive('\n')) {
        let range = at..at + whole.len();
        at = range.end;
        let line = whole.trim();
        if !line.is_empty() {
            reader
                .line(line, range.start as u32..range.end as u32)
                .map_err(|it| it.within(format!("line {number}")))?;
        }
    }
    if reader.events.is_empty() {
        return Err(BadInput::new(
            first_line(&text),
            "holds no event: a trace has one JSON object a line",
        ));
    }
    Ok(reader.finish(text))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("")
}

/// How deep brackets lie in each other, those in text not counted.
fn depth(line: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in line.bytes() {
        match (quoted, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => quoted = !quoted,
            (false, b'{' | b'[') => {
                depth += 1;
                most = most.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// Why a line is not what it should be: short, and without a line's number, which is another's.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |it| it.0);
    let mut short: String = text.chars().take(REASON_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short}, at column {}", error.column())
}

/// An event's number, as files have it: a number or a word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Id {
    Number(u64),
    Word(String),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Id::Number(it) => it.fmt(f),
            Id::Word(it) => it.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Id;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number or a short word")
            }
            fn visit_u64<E: serde::de::Error>(self, it: u64) -> Result<Id, E> {
                Ok(Id::Number(it))
            }
            fn visit_str<E: serde::de::Error>(self, it: &str) -> Result<Id, E> {
                check_name(it)
                    .map(|it| Id::Word(it.to_owned()))
                    .map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// A word that is short and has no line ends in it.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        let text = String::deserialize(deserializer)?;
        check_name(&text).map_err(D::Error::custom)?;
        Ok(Name(text))
    }
}

fn check_name(text: &str) -> Result<&str, String> {
    if text.len() > NAME_MAX {
        return Err(format!(
            "a name of {} bytes, {NAME_MAX} at most",
            text.len()
        ));
    }
    if text.chars().any(char::is_control) {
        return Err("a name with control characters".to_owned());
    }
    Ok(text)
}

/// An object, whatever is in it. Whether it has anything.
struct Shape(bool);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Shape;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
                let mut any = false;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    any = true;
                }
                Ok(Shape(any))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// What is read of a line at once.
#[derive(Deserialize)]
struct Line {
    id: Option<Id>,
    time: u64,
    node: Name,
    peer: Option<Name>,
    cause: Option<Id>,
    kind: Name,
    label: Option<Name>,
    epoch: Option<u64>,
    set: Option<Shape>,
}

#[derive(Default)]
struct Reader {
    hosts: BTreeMap<String, u16>,
    /// By place, in the order in which they came.
    names: Vec<String>,
    words: BTreeMap<String, u16>,
    events: Vec<Event>,
    /// Places of events, where their numbers are not their places.
    ids: BTreeMap<Id, u32>,
    began: u64,
}

impl Reader {
    fn line(&mut self, line: &str, range: Range<u32>) -> Result<(), BadInput> {
        if line.len() > LINE_MAX {
            return Err(BadInput::new(
                line,
                format!("is too long: {LINE_MAX} bytes at most"),
            ));
        }
        if self.events.len() >= EVENTS_MAX {
            return Err(BadInput::new(
                line,
                format!("is one too many: {EVENTS_MAX} events at most"),
            ));
        }
        if depth(line) > DEPTH_MAX {
            let problem = format!("nests too deep: {DEPTH_MAX} levels at most");
            return Err(BadInput::new(line, problem));
        }
        let read: Line = serde_json::from_str(line)
            .map_err(|it| BadInput::new(line, format!("is not an event: {}", reason(&it))))?;
        let place = self.events.len() as u32;
        let cause = self.cause(read.cause)?;
        self.name(place, read.id)?;
        if place == 0 {
            self.began = read.time;
        }
        let time = Time(read.time.saturating_sub(self.began));
        let before = self.events.last().map_or(Time::ZERO, |it| it.time);
        if read.time < self.began || time < before {
            return Err(BadInput::new(
                &read.time.to_string(),
                "is earlier than the line before: events stand in the order of time",
            ));
        }
        if time > Time::MAX {
            return Err(BadInput::new(
                &read.time.to_string(),
                format!("lies too far from the first event: {} at most", Time::MAX),
            ));
        }
        let kind = KINDS.iter().find(|it| it.0 == read.kind.0).map(|it| it.1);
        let event = Event {
            time,
            host: self.host(&read.node.0)?,
            peer: read.peer.map(|it| self.host(&it.0)).transpose()?.flatten(),
            cause,
            kind,
            epoch: read.epoch,
            sets: read.set.is_some_and(|it| it.0),
            words: (
                self.word(&read.kind.0)?,
                self.word(read.label.as_ref().map_or("", |it| it.0.as_str()))?,
            ),
            line: range,
        };
        self.events.push(event);
        Ok(())
    }

    /// The place of the event that led to one.
    fn cause(&self, cause: Option<Id>) -> Result<Option<u32>, BadInput> {
        let Some(id) = cause else {
            return Ok(None);
        };
        let missing = || {
            let text = id.to_string();
            BadInput::new(&text, "is the cause, but no line before has this id")
        };
        self.place(&id).map(Some).ok_or_else(missing)
    }

    fn place(&self, id: &Id) -> Option<u32> {
        if let Some(place) = self.ids.get(id) {
            return Some(*place);
        }
        match id {
            // As long as every number is its place, none is remembered.
            Id::Number(it) if self.ids.is_empty() && *it < self.events.len() as u64 => {
                Some(*it as u32)
            }
            _ => None,
        }
    }

    /// Remembers an event's number.
    fn name(&mut self, place: u32, id: Option<Id>) -> Result<(), BadInput> {
        let id = id.unwrap_or(Id::Number(place.into()));
        let plain = id == Id::Number(place.into());
        if self.ids.is_empty() && plain {
            return Ok(());
        }
        if self.ids.is_empty() {
            self.ids = (0..place).map(|it| (Id::Number(it.into()), it)).collect();
        }
        let text = id.to_string();
        match self.ids.insert(id, place) {
            None => Ok(()),
            Some(_) => Err(BadInput::new(
                &text,
                "is the id of an earlier line: every event has its own",
            )),
        }
    }

    fn host(&mut self, name: &str) -> Result<Option<u16>, BadInput> {
        if name == WORLD {
            return Ok(None);
        }
        if let Some(host) = self.hosts.get(name) {
            return Ok(Some(*host));
        }
        if name.is_empty() {
            return Err(BadInput::new(name, "is not the name of a host"));
        }
        if self.names.len() >= HOSTS_MAX {
            return Err(BadInput::new(
                name,
                format!("is one host too many: {HOSTS_MAX} at most"),
            ));
        }
        let host = self.names.len() as u16;
        self.hosts.insert(name.to_owned(), host);
        self.names.push(name.to_owned());
        Ok(Some(host))
    }

    fn word(&mut self, word: &str) -> Result<u16, BadInput> {
        if let Some(known) = self.words.get(word) {
            return Ok(*known);
        }
        if self.words.len() >= WORDS_MAX {
            return Err(BadInput::new(
                word,
                format!("is one kind or label too many: {WORDS_MAX} different ones at most"),
            ));
        }
        let number = self.words.len() as u16;
        self.words.insert(word.to_owned(), number);
        Ok(number)
    }

    /// Gives hosts their rows: nodes before clients, by number; where names have no numbers, as they came.
    fn finish(mut self, text: String) -> Imported {
        let mut sorted: Vec<u16> = (0..self.names.len() as u16).collect();
        let families: Vec<&str> = self.names.iter().map(|it| family(it).0).collect();
        order::sort_by_key(&mut sorted, |it| {
            let name = &self.names[usize::from(*it)];
            let (family, number) = family(name);
            let client = family == "c";
            let first = families.iter().position(|it| *it == family);
            (client, first, number, *it)
        });
        let mut rows = vec![0; sorted.len()];
        for (row, host) in sorted.iter().enumerate() {
            rows[usize::from(*host)] = row as u16;
        }
        for event in &mut self.events {
            event.host = event.host.map(|it| rows[usize::from(it)]);
            event.peer = event.peer.map(|it| rows[usize::from(it)]);
        }
        let hosts = sorted
            .iter()
            .map(|it| self.names[usize::from(*it)].clone())
            .collect();
        let mut words = vec![String::new(); self.words.len()];
        for (word, number) in self.words {
            words[usize::from(number)] = word;
        }
        self.events.shrink_to_fit();
        Imported {
            hosts,
            events: self.events,
            began: self.began,
            words,
            text,
        }
    }
}

/// A name without the number at its end, and the number: `n12` is 12 of the family `n`.
fn family(name: &str) -> (&str, u64) {
    let letters = name.trim_end_matches(|it: char| it.is_ascii_digit());
    (letters, name[letters.len()..].parse().unwrap_or(0))
}

impl Imported {
    /// The word for the kind of an event, as the file has it.
    pub fn kind(&self, event: &Event) -> &str {
        &self.words[usize::from(event.words.0)]
    }

    /// The label of an event; empty when it has none.
    pub fn label(&self, event: &Event) -> &str {
        &self.words[usize::from(event.words.1)]
    }

    /// The name of the place of an event.
    pub fn host(&self, event: &Event) -> &str {
        event
            .host
            .map_or(WORLD, |it| self.hosts[usize::from(it)].as_str())
    }

    /// When the last event happened.
    pub fn end(&self) -> Time {
        self.events.last().map_or(Time::ZERO, |it| it.time)
    }

    /// Everything about an event.
    pub fn details(&self, event: &Event) -> Details {
        let line = &self.text[event.line.start as usize..event.line.end as usize];
        let all: Map<String, Json> = match serde_json::from_str(line.trim()) {
            Ok(all) => all,
            // What was passed over at first may hold half a letter, or a number beyond all bounds.
            Err(error) => {
                return Details {
                    text: format!("the rest of this line cannot be read: {}", reason(&error)),
                    ..Details::default()
                };
            }
        };
        let object = |name: &str| all.get(name).and_then(Json::as_object);
        let text = |name: &str| all.get(name).and_then(Json::as_str).unwrap_or_default();
        let counts = object("clock").into_iter().flatten();
        Details {
            id: match all.get("id") {
                Some(Json::String(id)) => id.clone(),
                Some(id) if !id.is_null() => id.to_string(),
                _ => String::new(),
            },
            text: text("text").to_owned(),
            body: all.get("body").cloned(),
            set: object("set").cloned().unwrap_or_default(),
            clock: counts
                .filter_map(|(host, count)| Some((host.clone(), count.as_u64()?)))
                .collect(),
            all,
        }
    }

    /// A line for people: the text of the event, or its kind, label and peer.
    pub fn say(&self, event: &Event) -> String {
        let details = self.details(event);
        if !details.text.is_empty() {
            return details.text;
        }
        let peer = event.peer.map(|it| self.hosts[usize::from(it)].as_str());
        let words = [self.host(event), self.kind(event), self.label(event)];
        let said: Vec<&str> = words
            .into_iter()
            .chain(peer)
            .filter(|it| !it.is_empty())
            .collect();
        said.join(" ")
    }

    /// Whether a word occurs anywhere in the line of an event; capital letters count as small ones.
    pub fn mentions(&self, event: &Event, word: &str) -> bool {
        let line = &self.text.as_bytes()[event.line.start as usize..event.line.end as usize];
        word.is_empty()
            || line
                .windows(word.len())
                .any(|it| it.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// How many events there are of each kind, in the order of their names.
    pub fn kinds(&self) -> Vec<(&str, usize)> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for event in &self.events {
            *counts.entry(self.kind(event)).or_default() += 1;
        }
        counts.into_iter().collect()
    }

    /// Where vector clocks and causes contradict each other, `most` places at most: a clock that does not rise with
    /// its host, or does not know what its cause knew.
    pub fn flaws(&self, most: usize) -> Vec<BadInput> {
        let mut last: BTreeMap<u16, BTreeMap<String, u64>> = BTreeMap::new();
        let mut flaws = Vec::new();
        for event in &self.events {
            if flaws.len() >= most {
                break;
            }
            let Some(host) = event.host else { continue };
            let details = self.details(event);
            if details.clock.is_empty() {
                continue;
            }
            let mut clock: BTreeMap<String, u64> = BTreeMap::new();
            clock.extend(details.clock.iter().cloned());
            let mut flaw = |problem: String| flaws.push(BadInput::new(&details.id, problem));
            let own = |it: &BTreeMap<String, u64>| it.get(self.host(event)).copied().unwrap_or(0);
            if let Some(before) = last.get(&host) {
                if own(before) >= own(&clock) {
                    flaw(format!(
                        "has a clock that does not rise: {} stood at {} before",
                        self.host(event),
                        own(before)
                    ));
                } else if let Some((name, count)) = unknown(before, &clock) {
                    flaw(format!(
                        "forgets {name} {count}, which its host knew before"
                    ));
                }
            }
            let cause = event.cause.map(|it| &self.events[it as usize]);
            let known = cause.map(|it| self.details(it).clock.into_iter().collect());
            if let Some((name, count)) = known.and_then(|it| unknown(&it, &clock)) {
                flaw(format!(
                    "does not know {name} {count}, which its cause knew"
                ));
            }
            last.insert(host, clock);
        }
        flaws
    }
}

/// The first host of which `one` knows more than `other`, in quotation marks: a clock may name anything.
fn unknown(one: &BTreeMap<String, u64>, other: &BTreeMap<String, u64>) -> Option<(String, u64)> {
    let more = |(host, count): &(&String, &u64)| other.get(*host).is_none_or(|it| it < *count);
    let (host, count) = one.iter().find(more)?;
    Some((quote(host), *count))
}

/// What every node knows, by the changes that a trace tells of.
pub type Fields = Vec<Map<String, Json>>;

/// The states of the nodes after any event: quick from one event to the next, and not slow anywhere.
#[derive(Debug, Default)]
pub struct States {
    /// Every so many events, the state before that event.
    stops: BTreeMap<usize, Fields>,
    here: Option<(usize, Fields)>,
}

impl States {
    /// What each host knows after event number `event`.
    pub fn after(&mut self, trace: &Imported, event: usize) -> &Fields {
        let until = (event + 1).min(trace.events.len());
        let start = (0, vec![Map::new(); trace.hosts.len()]);
        let stop = self.stops.range(..=until).next_back();
        let stop = stop.map(|(at, fields)| (*at, fields));
        let here = self.here.take().filter(|it| it.0 <= until);
        let (mut at, mut fields) = match (here, stop) {
            (Some(here), Some(stop)) if here.0 < stop.0 => (stop.0, stop.1.clone()),
            (Some(here), _) => here,
            (None, Some(stop)) => (stop.0, stop.1.clone()),
            (None, None) => start,
        };
        let stride = (trace.events.len() / STOPS).max(1_000);
        while at < until {
            if at > 0 && at % stride == 0 && self.stops.len() < STOPS {
                self.stops.entry(at).or_insert_with(|| fields.clone());
            }
            change(trace, &trace.events[at], &mut fields);
            at += 1;
        }
        &self.here.insert((at, fields)).1
    }

    /// The fields that event number `event` changed.
    pub fn changed(trace: &Imported, event: usize) -> BTreeSet<String> {
        let event = trace.events.get(event).filter(|it| it.sets);
        let set = event.map(|it| trace.details(it).set);
        let mut names = BTreeSet::new();
        names.extend(set.into_iter().flatten().map(|(name, _)| name));
        names
    }
}

/// Carries out what one event changes.
fn change(trace: &Imported, event: &Event, fields: &mut Fields) {
    let Some(host) = event.host.map(usize::from) else {
        return;
    };
    let crash = event.kind == Some(Kind::Fault) && trace.label(event) == "crash";
    if crash || event.kind == Some(Kind::Start) {
        fields[host].clear();
    }
    if !event.sets {
        return;
    }
    for (name, value) in trace.details(event).set {
        match (grown(&value), fields[host].get_mut(&name)) {
            (Some((keep, add)), Some(Json::Array(old))) if keep <= old.len() => {
                old.truncate(keep);
                old.extend(add.iter().cloned());
            }
            (Some((0, add)), _) => drop(fields[host].insert(name, Json::Array(add.to_vec()))),
            _ if value.is_null() => drop(fields[host].shift_remove(&name)),
            _ => drop(fields[host].insert(name, value)),
        }
    }
}

/// A log's change: so many entries stay, and these follow.
fn grown(value: &Json) -> Option<(usize, &[Json])> {
    let object = value.as_object().filter(|it| it.len() == 2)?;
    let keep = usize::try_from(object.get("keep")?.as_u64()?).ok()?;
    Some((keep, object.get("add")?.as_array()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        read(text.to_owned()).expect_err("it is bad").to_string()
    }

    #[test]
    fn three_fields_are_enough_and_the_rest_is_passed_over() {
        let text = concat!(
            "{\"time\":1700000000000000000,\"node\":\"b\",\"kind\":\"send\",\"colour\":[{}]}\n\n",
            "  {\"kind\":\"thinks\",\"node\":\"a\",\"time\":1700000000000000005}\r\n",
            "{\"id\":\"x\",\"time\":1700000000000000005,\"node\":\"world\",\"kind\":\"note\",\"cause\":1}",
        );
        let trace = read(text.to_owned()).unwrap_or_else(|it| panic!("{it}"));
        assert_eq!(trace.hosts, ["b", "a"]);
        assert_eq!(trace.events.len(), 3);
        assert_eq!(trace.events[1].time, Time(5));
        assert_eq!(trace.events[1].kind, None);
        assert_eq!(trace.kind(&trace.events[1]), "thinks");
        assert_eq!(
            (trace.events[2].host, trace.events[2].cause),
            (None, Some(1))
        );
        assert_eq!(trace.details(&trace.events[2]).id, "x");
        assert_eq!(trace.kinds(), [("note", 1), ("send", 1), ("thinks", 1)]);
    }

    #[test]
    fn errors_name_the_line_and_quote_it() {
        let good = "{\"id\":\"a\",\"time\":5,\"node\":\"n1\",\"kind\":\"send\"}\n";
        for (line, words) in [
            ("nonsense", "line 2: \"nonsense\" is not an event"),
            ("{}", "missing field `time`"),
            ("[1,2]", "is not an event"),
            (
                "{\"time\":-1,\"node\":\"n1\",\"kind\":\"x\"}",
                "is not an event",
            ),
            ("{\"time\":6,\"node\":7,\"kind\":\"x\"}", "is not an event"),
            (
                "{\"time\":4,\"node\":\"n1\",\"kind\":\"x\"}",
                "line 2: \"4\" is earlier than the line before",
            ),
            (
                "{\"time\":6,\"node\":\"n1\",\"kind\":\"x\",\"cause\":\"b\"}",
                "line 2: \"b\" is the cause, but no line before has this id",
            ),
            (
                "{\"id\":\"a\",\"time\":6,\"node\":\"n1\",\"kind\":\"x\"}",
                "line 2: \"a\" is the id of an earlier line",
            ),
            (
                "{\"time\":6,\"node\":\"\",\"kind\":\"x\"}",
                "\"\" is not the name of a host",
            ),
            (
                "{\"time\":6,\"node\":\"n1\",\"kind\":\"x\",\"set\":5}",
                "an object",
            ),
            (
                "{\"time\":9000000000000000,\"node\":\"n1\",\"kind\":\"x\"}",
                "lies too far",
            ),
        ] {
            let error = error(&format!("{good}{line}"));
            assert!(error.contains(words), "{line}: {error}");
            assert!(error.starts_with("line 2: "), "{line}: {error}");
        }
        assert!(error("").contains("holds no event"));
        let deep = format!(
            "{good}{{\"time\":6,\"node\":\"n1\",\"kind\":\"x\",\"y\":{}",
            "[".repeat(9_000)
        );
        assert!(error(&deep).contains("nests too deep"));
        let half = format!("{good}{{\"time\":6,\"node\":\"n1\",\"kind\":\"x\",\"y\":\"\\ud800\"}}");
        let trace = read(half).unwrap_or_else(|it| panic!("{it}"));
        assert!(trace.say(&trace.events[1]).contains("cannot be read"));
    }

    #[test]
    fn states_add_up_and_logs_grow() {
        let line = |time: u32, kind: &str, rest: &str| {
            format!("{{\"time\":{time},\"node\":\"n1\",\"kind\":\"{kind}\"{rest}}}\n")
        };
        let text = [
            line(
                1,
                "start",
                ",\"set\":{\"role\":\"follower\",\"log\":{\"keep\":0,\"add\":[1,2]}}",
            ),
            line(
                2,
                "deliver",
                ",\"set\":{\"log\":{\"keep\":1,\"add\":[3,4]},\"votes\":2}",
            ),
            line(3, "timer", ",\"set\":{\"votes\":null}"),
            line(4, "fault", ",\"label\":\"crash\""),
        ];
        let trace = read(text.concat()).unwrap_or_else(|it| panic!("{it}"));
        let mut states = States::default();
        let mut at =
            |event: usize| Json::Object(states.after(&trace, event)[0].clone()).to_string();
        assert_eq!(at(1), r#"{"role":"follower","log":[1,3,4],"votes":2}"#);
        assert_eq!(at(2), r#"{"role":"follower","log":[1,3,4]}"#);
        assert_eq!(at(0), r#"{"role":"follower","log":[1,2]}"#);
        assert_eq!(at(3), "{}");
        assert_eq!(at(99), "{}");
    }

    #[test]
    fn a_clock_that_names_what_is_no_host_is_told_in_one_line() {
        let text = concat!(
            "{\"time\":1,\"node\":\"a\",\"kind\":\"send\",\"clock\":{\"a\":1,\"\\u007f\\n\":2}}\n",
            "{\"time\":2,\"node\":\"a\",\"kind\":\"send\",\"clock\":{\"a\":2}}\n",
        );
        let trace = read(text.to_owned()).unwrap_or_else(|it| panic!("{it}"));
        let flaws: Vec<String> = trace.flaws(10).iter().map(BadInput::to_string).collect();
        assert_eq!(flaws.len(), 1, "{flaws:?}");
        assert!(!flaws[0].contains(char::is_control), "{flaws:?}");
    }

    #[test]
    fn clocks_that_contradict_causes_are_found() {
        let text = concat!(
            "{\"id\":0,\"time\":1,\"node\":\"a\",\"kind\":\"send\",\"clock\":{\"a\":1}}\n",
            "{\"id\":1,\"time\":2,\"node\":\"b\",\"kind\":\"deliver\",\"cause\":0,\"clock\":{\"b\":1}}\n",
            "{\"id\":2,\"time\":3,\"node\":\"b\",\"kind\":\"send\",\"clock\":{\"b\":1,\"a\":1}}\n",
        );
        let trace = read(text.to_owned()).unwrap_or_else(|it| panic!("{it}"));
        let flaws: Vec<String> = trace.flaws(10).iter().map(BadInput::to_string).collect();
        assert_eq!(flaws.len(), 2, "{flaws:?}");
        assert!(
            flaws[0].contains("\"1\" does not know \"a\" 1"),
            "{flaws:?}"
        );
        assert!(
            flaws[1].contains("\"2\" has a clock that does not rise"),
            "{flaws:?}"
        );
    }
}
