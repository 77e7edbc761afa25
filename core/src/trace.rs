//! The record of a run: what happened, where, when, and because of what.
//!
//! A [`Record`] is small and has no text; words are made again, by running that part of the run once more, for the
//! few events that somebody looks at ([`Explained`]). Every event, recorded or not, goes into the trace hash, so that
//! two runs can be compared by one number.

mod cone;
mod records;

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::frame::{End, Field};
use crate::parts::log::Log;
use crate::parts::word::Word;
use crate::protocol::{ClientId, NodeId};
use crate::sim::time::Time;

pub use cone::{Cone, Relation};
pub use records::{PIECE, PIECE_BYTES, Records};

/// No event, as a cause.
pub const NO_EVENT: u32 = u32::MAX;

/// The host of events that happen at no node: faults of the network, messages that are lost on their way.
const WORLD: u16 = u16::MAX;

/// Client hosts are numbered from here.
const CLIENT_BASE: u16 = 0x4000;

/// Where an event happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(u16);

impl HostId {
    /// Nowhere in particular: the network, or whoever injects faults.
    pub const WORLD: HostId = HostId(WORLD);

    /// The client of this number.
    pub(crate) fn client(number: u16) -> HostId {
        HostId(CLIENT_BASE + number)
    }

    /// The node or client, unless it is the world.
    pub fn end(self) -> Option<End> {
        match self.0 {
            WORLD => None,
            it if it >= CLIENT_BASE => Some(End::Client(ClientId(u32::from(it - CLIENT_BASE)))),
            it => Some(End::Node(NodeId(it))),
        }
    }

    /// The node, if it is one.
    pub fn node(self) -> Option<NodeId> {
        (self.0 < CLIENT_BASE).then_some(NodeId(self.0))
    }

    /// Its place among the nodes, or among the clients, from 0: by it they are dealt to zones.
    pub(crate) fn place(self) -> u16 {
        self.0 % CLIENT_BASE
    }

    /// Its name in files: `n1`, `c1`, `world`.
    pub fn name(self) -> String {
        self.end()
            .map_or_else(|| "world".to_owned(), |it| it.to_string())
    }
}

impl From<NodeId> for HostId {
    fn from(node: NodeId) -> HostId {
        HostId(node.0)
    }
}

impl From<End> for HostId {
    fn from(end: End) -> HostId {
        match end {
            End::Node(node) => HostId(node.0),
            End::Client(client) => HostId(CLIENT_BASE + client.0 as u16),
        }
    }
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    /// A node starts, for the first time or again.
    Start,
    /// A node or client hands something to the network.
    Send,
    /// It arrives.
    Deliver,
    /// It is lost.
    Lose,
    /// The network made a copy.
    Duplicate,
    /// A timer ran out.
    Timer,
    /// A node gives its disk something to write.
    Persist,
    /// The disk has it.
    Sync,
    /// A turn of the story, told by the system.
    Note,
    /// A client begins a request.
    Invoke,
    /// A client knows what became of it.
    Complete,
    /// A command was carried out.
    Fault,
}

/// One event. Its number is its place in the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// When, in true time.
    pub time: Time,
    /// In which step of the run.
    pub step: u32,
    /// The event that led to it, or [`NO_EVENT`].
    pub cause: u32,
    /// The number of the message or command it is about.
    pub item: u32,
    /// Where.
    pub host: HostId,
    /// The other end, for what travels.
    pub peer: HostId,
    /// What kind of thing.
    pub kind: Kind,
    /// Its word: the kind of message, the name of the timer, the reason of a loss. See [`Recorder::label`].
    pub label: u8,
    /// The term, ballot or epoch it belongs to, plus one, cut to 16 bits; zero for none. Of a fault of no single
    /// machine: what is amiss with the network after it. See [`Record::epoch`] and [`Record::amiss`].
    pub tint: u16,
}

impl Record {
    /// Whether a reader who skips from one turn of the story to the next wants to stop here.
    pub fn is_interesting(&self) -> bool {
        matches!(self.kind, Kind::Note | Kind::Fault)
    }

    /// The epoch, for the colour.
    pub fn epoch(&self) -> Option<u64> {
        if self.kind == Kind::Fault {
            return None;
        }
        self.tint.checked_sub(1).map(u64::from)
    }

    /// What is amiss with the network after a fault of no single machine, a bit for each of
    /// [`Amiss::ALL`](crate::frame::Amiss::ALL); `None` for every other event.
    pub fn amiss(&self) -> Option<u16> {
        (self.kind == Kind::Fault && self.host == HostId::WORLD).then_some(self.tint)
    }
}

/// An epoch as a record keeps it.
pub(crate) fn tint(epoch: Option<u64>) -> u16 {
    epoch.map_or(0, |it| (it as u16).wrapping_add(1))
}

/// Words for one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The event's number.
    pub event: u32,
    /// A line for people.
    pub text: String,
    /// The fields of the message, request or response, in the paper's words.
    pub body: Option<Json>,
    /// What changed in the node.
    pub set: Vec<Field>,
}

/// How much is kept of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// The hash alone: for search.
    Off,
    /// Every event with its cause.
    #[default]
    Events,
    /// Words for every event as well.
    Words,
}

/// Keeps the trace and its hash.
#[derive(Clone)]
pub struct Recorder {
    /// How much is kept.
    pub level: Level,
    records: Records,
    labels: Log<&'static str>,
    /// Labels that were wanted lately, by where they lie in memory, and their numbers.
    memo: [(&'static str, u8); 8],
    events: u32,
    hash: TraceHash,
}

impl Recorder {
    pub(crate) fn new(level: Level, seed: u64) -> Recorder {
        let mut hash = TraceHash(0x636c_7573_7465_7273);
        hash.fold(seed);
        Recorder {
            level,
            records: Records::default(),
            labels: Log::default(),
            memo: [("", 0); 8],
            events: 0,
            hash,
        }
    }

    /// Adds an event and gives it its number. `word` tells its label and its tint, and is called only where records are
    /// kept; `payload` is a hash of what the record does not hold.
    #[inline(always)]
    pub(crate) fn add(
        &mut self,
        record: Record,
        word: impl FnOnce() -> (&'static str, u16),
        payload: u64,
    ) -> u32 {
        let id = self.events;
        self.events += 1;
        self.hash.fold(record.time.0);
        self.hash
            .fold(u64::from(record.cause) << 32 | u64::from(record.item));
        let place =
            u64::from(record.host.0) << 24 | u64::from(record.peer.0) << 8 | record.kind as u64;
        self.hash.fold(place ^ payload);
        // Where nothing is kept, the record need not even be put together.
        if self.level != Level::Off {
            let (label, tint) = word();
            self.keep(Record { tint, ..record }, label);
        }
        id
    }

    #[inline(never)]
    fn keep(&mut self, mut record: Record, label: &'static str) {
        // Only a memo depends on the place; the number does not.
        let memo = &mut self.memo[(label.as_ptr() as usize >> 2) % 8];
        if label.is_empty() || !std::ptr::eq(memo.0, label) {
            let number = intern(&mut self.labels, label);
            *memo = (label, number);
        }
        record.label = memo.1;
        self.records.push(record, self.hash.0);
    }

    /// All events so far, as far as they are kept; empty when none are.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// The word of a record.
    pub fn label(&self, record: &Record) -> &'static str {
        self.labels.get(record.label.into()).unwrap_or("")
    }

    /// How many events there were, kept or not.
    pub fn events(&self) -> u32 {
        self.events
    }

    /// The hash of all events so far.
    pub fn hash(&self) -> u64 {
        self.hash.value()
    }
}

/// The number of a label; a new one gets the next.
fn intern(labels: &mut Log<&'static str>, label: &'static str) -> u8 {
    let known = labels.with(0, u32::MAX, |it| it.iter().position(|it| *it == label));
    if let Some(known) = known {
        return known as u8;
    }
    // A system has a handful of words; should one have more than 255, the rest share the last.
    if labels.len() < 255 {
        labels.push(label);
    }
    (labels.len() - 1) as u8
}

/// A running hash of whole words: the same on every platform and in every release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceHash(u64);

impl TraceHash {
    #[inline(always)]
    fn fold(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn value(self) -> u64 {
        crate::sim::rng::mix(self.0)
    }
}

/// Hashes a payload in the same way on every platform: `usize` counts as 64 bits, bytes go in little-endian.
#[derive(Clone, Copy, Debug)]
pub struct PayloadHasher(TraceHash);

impl Default for PayloadHasher {
    fn default() -> PayloadHasher {
        PayloadHasher(TraceHash(0x7061_796c_6f61_6473))
    }
}

impl PayloadHasher {
    /// The hash of one value.
    pub fn of(value: &impl Hash) -> u64 {
        let mut hasher = PayloadHasher::default();
        value.hash(&mut hasher);
        hasher.finish()
    }
}

impl Hasher for PayloadHasher {
    fn finish(&self) -> u64 {
        self.0.value()
    }
    fn write(&mut self, bytes: &[u8]) {
        let words = bytes.chunks_exact(8);
        let rest = words.remainder();
        for word in words {
            self.0
                .fold(u64::from_le_bytes(word.try_into().expect("eight bytes")));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.0.fold(u64::from_le_bytes(word));
        }
        self.0.fold(bytes.len() as u64);
    }
    fn write_u8(&mut self, it: u8) {
        self.0.fold(it.into());
    }
    fn write_u16(&mut self, it: u16) {
        self.0.fold(it.into());
    }
    fn write_u32(&mut self, it: u32) {
        self.0.fold(it.into());
    }
    fn write_u64(&mut self, it: u64) {
        self.0.fold(it);
    }
    fn write_usize(&mut self, it: usize) {
        self.0.fold(it as u64);
    }
    fn write_i32(&mut self, it: i32) {
        self.0.fold(it as u64);
    }
    fn write_i64(&mut self, it: i64) {
        self.0.fold(it as u64);
    }
    fn write_isize(&mut self, it: isize) {
        self.0.fold(it as i64 as u64);
    }
}

/// A vector clock: for each host, how many of its events are known.
pub type VectorClock = BTreeMap<HostId, u32>;

/// Works out the vector clock of every event, one after the other.
///
/// Every event of a host counts one; what arrives brings along what its sender knew. Clocks are worked out from the
/// causes, so that a run need not carry them.
#[derive(Clone, Debug, Default)]
pub struct VectorClocks {
    hosts: BTreeMap<HostId, VectorClock>,
    /// What each message brings along, by the number of the event that sent it, and how many copies are under way.
    under_way: BTreeMap<u32, (VectorClock, u32)>,
    /// The last command at a node: what a person asks for begins there.
    command: Option<(u32, VectorClock)>,
}

impl VectorClocks {
    /// The clock of event number `event`, which must be the next in the trace. An event of the world has none.
    pub fn next(&mut self, event: u32, record: &Record) -> Option<VectorClock> {
        let brought = match record.kind {
            Kind::Duplicate => {
                if let Some((_, copies)) = self.under_way.get_mut(&record.cause) {
                    *copies += 1;
                }
                None
            }
            Kind::Deliver | Kind::Lose => self.arrive(record.cause),
            Kind::Invoke => {
                let command = self.command.take_if(|it| it.0 == record.cause);
                command.map(|it| it.1)
            }
            _ => None,
        };
        if record.host == HostId::WORLD {
            return None;
        }
        let clock = self.hosts.entry(record.host).or_default();
        for (host, count) in brought.into_iter().flatten() {
            let known = clock.entry(host).or_default();
            *known = count.max(*known);
        }
        *clock.entry(record.host).or_default() += 1;
        let clock = clock.clone();
        match record.kind {
            Kind::Send => {
                self.under_way.insert(event, (clock.clone(), 1));
            }
            Kind::Fault => self.command = Some((event, clock.clone())),
            _ => {}
        }
        Some(clock)
    }

    /// One copy of a message is under way no more; returns what it brings along.
    fn arrive(&mut self, sent: u32) -> Option<VectorClock> {
        let (clock, copies) = self.under_way.get_mut(&sent)?;
        *copies -= 1;
        if *copies > 0 {
            return Some(clock.clone());
        }
        self.under_way.remove(&sent).map(|it| it.0)
    }
}

/// A vector clock as JSON: `{"n1":3,"n2":1}`.
pub fn clock_json(clock: &VectorClock) -> Json {
    Json::Object(
        clock
            .iter()
            .map(|(host, count)| (host.name(), json!(count)))
            .collect(),
    )
}

/// One event as a line of a trace file (JSON, without the line's end).
///
/// Fields: `id`, `time` (nanoseconds), `step`, `node`, `cause` (an id or null), `clock`, `kind`, `label`, `text`,
/// and where they apply `peer`, `message` (its number), `epoch`, `body` (the message's fields) and `set` (what
/// changed in the node).
pub fn trace_line(
    id: u32,
    record: &Record,
    label: &str,
    words: Option<&Explained>,
    clock: Option<&VectorClock>,
) -> String {
    let mut line = Map::new();
    line.insert("id".into(), json!(id));
    line.insert("time".into(), json!(record.time));
    line.insert("step".into(), json!(record.step));
    line.insert("node".into(), json!(record.host.name()));
    line.insert(
        "cause".into(),
        if record.cause == NO_EVENT {
            Json::Null
        } else {
            json!(record.cause)
        },
    );
    line.insert("clock".into(), clock.map_or(Json::Null, clock_json));
    line.insert("kind".into(), json!(record.kind));
    line.insert("label".into(), json!(label));
    if record.peer != HostId::WORLD {
        line.insert("peer".into(), json!(record.peer.name()));
        line.insert("message".into(), json!(record.item));
    }
    if let Some(epoch) = record.epoch() {
        line.insert("epoch".into(), json!(epoch));
    }
    if let Some(words) = words {
        line.insert("text".into(), json!(words.text));
        if let Some(body) = &words.body {
            line.insert("body".into(), body.clone());
        }
        if !words.set.is_empty() {
            let set = words
                .set
                .iter()
                .map(|it| (it.name.to_owned(), it.value.clone()))
                .collect();
            line.insert("set".into(), Json::Object(set));
        }
    }
    Json::Object(line).to_string()
}

/// One event in ShiViz's form: a line with the event, a line with the host and its clock. `None` for the world's.
pub fn shiviz_lines(record: &Record, text: &str, clock: Option<&VectorClock>) -> Option<String> {
    let clock = clock_json(clock?);
    let text: String = text
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it })
        .collect();
    Some(format!("{text}\n{} {clock}\n", record.host.name()))
}

/// What became of a client's operation, in the words of histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It begins.
    Invoke,
    /// It was done.
    Ok,
    /// It was certainly not done.
    Fail,
    /// Nobody knows: it may have been done, or may be done later.
    Info,
}

/// A line of a history.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryEvent {
    /// Who. After `info` a client goes on under a new number.
    pub client: u32,
    /// What became of it.
    #[serde(rename = "type")]
    pub phase: Phase,
    /// `read`, `write`, `cas`, …
    pub op: &'static str,
    /// The object.
    pub key: Word,
    /// What is written; for the `ok` of a read, what was read.
    pub value: Json,
    /// When, in nanoseconds.
    pub time: Time,
    /// The number of its event in the trace, or [`NO_EVENT`]; of a history from outside, the number of its line.
    #[serde(skip)]
    pub event: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_fixed_for_ever() {
        assert_eq!(
            PayloadHasher::of(&(7u32, "vote", vec![1u8, 2])),
            PayloadHasher::of(&(7u32, "vote", vec![1u8, 2]))
        );
        assert_ne!(
            PayloadHasher::of(&(1usize, 2i64)),
            PayloadHasher::of(&(2usize, 1i64))
        );
        // A `usize` must hash alike where it has 32 bits and where it has 64.
        assert_eq!(PayloadHasher::of(&5usize), PayloadHasher::of(&5u64));
    }

    #[test]
    fn hosts_have_names() {
        assert_eq!(HostId::from(NodeId(2)).name(), "n3");
        assert_eq!(HostId::from(End::Client(ClientId(4))).name(), "c4");
        assert_eq!(HostId::WORLD.name(), "world");
    }
}
