//! A history as every judge reads it: operations from beginning to end, and words for them.

use std::collections::BTreeMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use serde_json::Value as Json;

use crate::check::{Breach, Judgement};
use crate::frame::json_text;
use crate::parts::order;
use crate::trace::{HistoryEvent, PayloadHasher, Phase};

/// A map that is only asked, never walked through, with a hasher that is the same everywhere.
#[expect(
    clippy::disallowed_types,
    reason = "never iterated, with a fixed hasher: order plays no part"
)]
pub(super) type Lookup<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<PayloadHasher>>;

/// No value, for what an operation did not return.
static NOTHING: Json = Json::Null;

/// Longer values are cut when they are told.
const VALUE_LETTERS: usize = 60;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    /// Returns the value.
    Read,
    /// Sets the value; null removes it.
    Write,
    /// Sets the value if it is what was expected.
    Cas,
    /// Adds to a number and returns the sum.
    Incr,
    /// Adds to the end of a list.
    Append,
    /// Takes a lock.
    Acquire,
    /// Gives a lock back.
    Release,
    /// Adds to the end of a queue.
    Enqueue,
    /// Takes the first of a queue and returns it.
    Dequeue,
    /// Several at once.
    Txn,
    /// A word that no judge knows.
    Other,
}

/// Every operation that a history may name.
pub const OPS: [(&str, Op); 10] = [
    ("read", Op::Read),
    ("write", Op::Write),
    ("cas", Op::Cas),
    ("incr", Op::Incr),
    ("append", Op::Append),
    ("acquire", Op::Acquire),
    ("release", Op::Release),
    ("enqueue", Op::Enqueue),
    ("dequeue", Op::Dequeue),
    ("txn", Op::Txn),
];

impl Op {
    /// The operation of this name.
    pub fn of(name: &str) -> Op {
        OPS.iter()
            .find(|it| it.0 == name)
            .map_or(Op::Other, |it| it.1)
    }
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was done.
    Done,
    /// It was certainly not done.
    Failed,
    /// Nobody knows: it may have been done, or may be done later, or never.
    Unknown,
}

/// An operation of a client, from its beginning to its end.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// Who.
    pub client: u32,
    /// What it does.
    pub op: Op,
    /// The object.
    pub key: &'a str,
    /// What it writes; for a `cas`, what it expects and what it writes.
    pub argument: &'a Json,
    /// What it returned, for one that was done.
    pub result: &'a Json,
    /// What became of it.
    pub fate: Fate,
    /// Where in the history it begins.
    pub begin: u32,
    /// Where in the history it ends; [`OPEN`] when it does not.
    pub end: u32,
}

/// The end of an operation that has none.
pub const OPEN: u32 = u32::MAX;

impl Operation<'_> {
    /// When it is over for everyone else: an operation of unknown fate never is.
    pub(super) fn over(&self) -> u32 {
        if self.fate == Fate::Done {
            self.end
        } else {
            OPEN
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.fate == Fate::Done
    }
}

/// The names of a history that came from outside, and where it is written.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Each client's name, by its number.
    pub clients: Vec<String>,
}

/// A history with its operations, in the order of their beginnings.
pub struct Story<'a> {
    /// The lines.
    pub events: &'a [HistoryEvent],
    /// The operations.
    pub operations: Vec<Operation<'a>>,
    names: Option<&'a Names>,
}

impl<'a> Story<'a> {
    /// What the clients of a run have seen.
    pub fn new(events: &'a [HistoryEvent]) -> Story<'a> {
        Story {
            events,
            operations: pair(events),
            names: None,
        }
    }

    /// A history from outside: its clients have names, and its events the numbers of their lines.
    pub fn told(events: &'a [HistoryEvent], names: &'a Names) -> Story<'a> {
        Story {
            names: Some(names),
            ..Story::new(events)
        }
    }

    /// The part of it that has the operations which are `wanted`.
    pub(super) fn part(&self, mut wanted: impl FnMut(&Operation<'a>) -> bool) -> Story<'a> {
        let operations = self.operations.iter().filter(|it| wanted(it));
        Story {
            events: self.events,
            operations: operations.copied().collect(),
            names: self.names,
        }
    }

    /// The name of a client.
    pub fn client(&self, client: u32) -> String {
        match self.names {
            Some(names) => names
                .clients
                .get(client as usize)
                .cloned()
                .unwrap_or_default(),
            None => format!("c{client}"),
        }
    }

    /// `c2 read x → 1 (1.6s to 1.63s)`.
    pub fn describe(&self, operation: &Operation<'_>) -> String {
        let key = operation.key;
        let returned = |name: &str| match operation.fate {
            Fate::Done => format!("{name} {key} → {}", short(operation.result)),
            _ => format!("{name} {key}"),
        };
        let given = |name: &str| format!("{name} {key} {}", short(operation.argument));
        let what = match operation.op {
            Op::Read => returned("read"),
            Op::Incr => returned("incr"),
            Op::Dequeue => returned("dequeue"),
            Op::Acquire => format!("acquire {key}"),
            Op::Release => format!("release {key}"),
            Op::Write => given("write"),
            Op::Cas => given("cas"),
            Op::Append => given("append"),
            Op::Enqueue => given("enqueue"),
            Op::Txn => micro_operations(match operation.fate {
                Fate::Done => operation.result,
                _ => operation.argument,
            }),
            Op::Other => self.events[operation.begin as usize].op.to_owned(),
        };
        let client = self.client(operation.client);
        let what = what.replace("  ", " ");
        format!("{client} {what} ({})", self.when(operation))
    }

    /// `1.6s to 1.63s`, or `lines 3 to 5` of a history from outside.
    fn when(&self, operation: &Operation<'_>) -> String {
        let at = |place: u32| match self.names {
            Some(_) => self.events[place as usize].event.to_string(),
            None => self.events[place as usize].time.to_string(),
        };
        let from = at(operation.begin);
        let line = |many: &str| match self.names {
            Some(_) => format!("line{many} "),
            None => String::new(),
        };
        match operation.fate {
            Fate::Done => format!("{}{from} to {}", line("s"), at(operation.end)),
            Fate::Failed => format!("{}{from}, failed", line("")),
            Fate::Unknown => format!("{}{from}, no answer", line("")),
        }
    }

    /// A broken promise, proved by these operations. It showed when the last of them came to its end.
    pub fn broken(&self, reason: String, proof: &[u32]) -> Judgement {
        let mut places = Vec::new();
        for it in proof.iter().map(|it| &self.operations[*it as usize]) {
            places.push(it.begin);
            if it.end != OPEN {
                places.push(it.end);
            }
        }
        order::sort(&mut places);
        places.dedup();
        let last = places.last().map_or(0, |it| *it as usize);
        Judgement::Broken(Box::new(Breach {
            at: self.events.get(last).map(|it| it.time).unwrap_or_default(),
            reason,
            proof: places,
        }))
    }

    /// The first operation that is none of `known`, as a reason why a judge cannot judge.
    pub(super) fn admits(&self, judge: &str, known: &[Op]) -> Result<(), Judgement> {
        let stranger = self.operations.iter().find(|it| !known.contains(&it.op));
        match stranger {
            None => Ok(()),
            Some(it) => Err(Judgement::Open(format!(
                "{judge} cannot be judged for a history with {}",
                self.describe(it)
            ))),
        }
    }
}

/// A value for people, cut when it is long.
pub(super) fn short(value: &Json) -> String {
    let text = json_text(value);
    if text.chars().nth(VALUE_LETTERS).is_none() {
        return text;
    }
    let start: String = text.chars().take(VALUE_LETTERS).collect();
    format!("{start}…")
}

/// `append x 1, read y → [2]`.
fn micro_operations(value: &Json) -> String {
    let one = |it: &Json| {
        let part = |index: usize| it.get(index).map(json_text).unwrap_or_default();
        match it.get(0).and_then(Json::as_str) {
            Some("r") => format!("read {} → {}", part(1), part(2)),
            _ => format!("{} {} {}", part(0), part(1), part(2)),
        }
    };
    let all: Vec<String> = value.as_array().into_iter().flatten().map(one).collect();
    let text = format!("[{}]", all.join(", "));
    short(&Json::String(text))
}

/// Finds the end of each operation. A second beginning without an end leaves the first open.
fn pair(events: &[HistoryEvent]) -> Vec<Operation<'_>> {
    let mut operations: Vec<Operation<'_>> = Vec::with_capacity(events.len() / 2 + 1);
    let mut open: Lookup<u32, u32> = Lookup::default();
    for (place, event) in events.iter().enumerate() {
        if event.phase == Phase::Invoke {
            open.insert(event.client, operations.len() as u32);
            operations.push(Operation {
                client: event.client,
                op: Op::of(event.op),
                key: &event.key,
                argument: &event.value,
                result: &NOTHING,
                fate: Fate::Unknown,
                begin: place as u32,
                end: OPEN,
            });
            continue;
        }
        let Some(began) = open.remove(&event.client) else {
            continue;
        };
        let operation = &mut operations[began as usize];
        operation.end = place as u32;
        match event.phase {
            Phase::Ok => {
                operation.fate = Fate::Done;
                operation.result = &event.value;
            }
            Phase::Fail => operation.fate = Fate::Failed,
            Phase::Info | Phase::Invoke => {}
        }
    }
    operations
}

/// Any value as a key. The hash of the library sorts the names of an object, with ten kilobytes of code; a sum needs no
/// order.
#[derive(PartialEq, Eq)]
struct Other<'a>(&'a Json);

impl Hash for Other<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0 {
            Json::Null => {}
            Json::Bool(it) => it.hash(state),
            Json::Number(it) => it.hash(state),
            Json::String(it) => it.hash(state),
            Json::Array(items) => items.iter().for_each(|it| Other(it).hash(state)),
            Json::Object(fields) => {
                let hashes = fields
                    .iter()
                    .map(|(name, value)| PayloadHasher::of(&(name, Other(value))));
                state.write_u64(hashes.fold(0, u64::wrapping_add));
            }
        }
    }
}

/// Numbers values: equal ones get equal numbers, null is 0.
pub struct Values<'a> {
    /// Most values are whole numbers, and those are found without looking at JSON.
    whole: Lookup<i64, u32>,
    others: Lookup<Other<'a>, u32>,
    list: Vec<Value<'a>>,
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Whole(i64),
    Other(&'a Json),
}

/// The number of null.
pub const NULL: u32 = 0;

impl Default for Values<'_> {
    fn default() -> Self {
        Values {
            whole: Lookup::default(),
            others: Lookup::default(),
            list: vec![Value::Other(&NOTHING)],
        }
    }
}

impl<'a> Values<'a> {
    /// With room for so many whole numbers.
    pub fn with_room(count: usize) -> Values<'a> {
        let mut values = Values::default();
        values.whole.reserve(count);
        values.list.reserve(count);
        values
    }

    /// The number of a value.
    pub fn number(&mut self, value: &'a Json) -> u32 {
        match value {
            Json::Null => NULL,
            Json::Number(it) => match it.as_i64() {
                Some(it) => self.whole(it),
                None => self.other(value),
            },
            _ => self.other(value),
        }
    }

    /// The number of a whole number.
    pub fn whole(&mut self, value: i64) -> u32 {
        let list = &mut self.list;
        *self.whole.entry(value).or_insert_with(|| {
            list.push(Value::Whole(value));
            list.len() as u32 - 1
        })
    }

    fn other(&mut self, value: &'a Json) -> u32 {
        let list = &mut self.list;
        *self.others.entry(Other(value)).or_insert_with(|| {
            list.push(Value::Other(value));
            list.len() as u32 - 1
        })
    }

    /// The value with this number.
    pub fn show(&self, number: u32) -> Json {
        match self.list[number as usize] {
            Value::Whole(it) => Json::from(it),
            Value::Other(it) => it.clone(),
        }
    }

    /// The value with this number, if it is a whole number.
    pub fn as_whole(&self, number: u32) -> Option<i64> {
        match self.list[number as usize] {
            Value::Whole(it) => Some(it),
            Value::Other(_) => None,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Null is always there.
    pub fn is_empty(&self) -> bool {
        false
    }
}

/// The operations on each object, as places in the story, objects in the order of their first mention.
pub(super) fn by_key<'a>(story: &Story<'a>) -> Vec<(&'a str, Vec<u32>)> {
    let mut places: Lookup<&str, usize> = Lookup::default();
    let mut keys: Vec<(&str, Vec<u32>)> = Vec::new();
    for (index, it) in story.operations.iter().enumerate() {
        let place = *places.entry(it.key).or_insert_with(|| {
            keys.push((it.key, Vec::new()));
            keys.len() - 1
        });
        keys[place].1.push(index as u32);
    }
    keys
}

/// The operations of each client, as places in the story, clients in the order of their numbers.
pub(super) fn by_client(story: &Story<'_>) -> Vec<Vec<u32>> {
    let mut clients: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (index, it) in story.operations.iter().enumerate() {
        clients.entry(it.client).or_default().push(index as u32);
    }
    clients.into_values().collect()
}
