//! The key-value store that clients of many systems talk to: its requests as text, and its state machine.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::error::BadInput;
use crate::exhibit::Operation;
use crate::protocol::{Outcome, Payload};
use crate::sim::dist::Zipf;
use crate::sim::rng::Rng;
use crate::sim::settings::Environment;

/// A key: one to eight letters, digits, `-` or `_`, held in place so that copies are free.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u64);

impl Key {
    /// The `index`-th key of a generated workload: `k0`, `k1`, …
    pub fn numbered(index: u32) -> Key {
        Key::with_number(b'k', index)
    }

    /// The key of the `index`-th list of a generated workload: `L0`, `L1`, …
    pub fn of_list(index: u32) -> Key {
        Key::with_number(b'L', index)
    }

    fn with_number(letter: u8, index: u32) -> Key {
        let mut bytes = [0; 8];
        let mut rest = index % 10_000_000;
        let digits = rest.checked_ilog10().unwrap_or(0) as usize + 1;
        for digit in bytes[1..=digits].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        bytes[0] = letter;
        Key(u64::from_be_bytes(bytes))
    }

    /// Its letters. The same as `to_string`, without its detours: histories ask for it at every request.
    fn text(self) -> String {
        let bytes = self.0.to_be_bytes();
        let length = 8 - self.0.trailing_zeros() as usize / 8;
        String::from_utf8(bytes[..length].to_vec()).expect("keys are ASCII")
    }

    fn read(text: &str) -> Option<Key> {
        let allowed = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it == b'_';
        if text.is_empty() || text.len() > 8 || !text.bytes().all(allowed) {
            return None;
        }
        let mut bytes = [0; 8];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        // In this order numbers compare as the letters do.
        Some(Key(u64::from_be_bytes(bytes)))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Key {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<Key, BadInput> {
        Key::read(text).ok_or_else(|| {
            BadInput::new(
                text,
                "is not a key: write one to eight letters, digits, - or _",
            )
        })
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A list holds at most so many values: each read of it stands in the history as a whole.
pub const LIST_MAX: usize = 100;

/// A generated workload turns to new lists after so many requests for each of its keys.
const LIST_REQUESTS: u32 = 64;

/// A longer list is not told as a whole.
const LIST_TOLD: usize = 8;

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// A whole number.
    Number(i64),
    /// What was appended, in that order.
    List(Rc<Vec<i64>>),
}

/// A number hashes like the bare number, so that lists change no trace without lists.
impl Hash for Held {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Held::Number(it) => it.hash(state),
            Held::List(list) => {
                state.write_u64(list.len() as u64);
                list.iter().for_each(|it| it.hash(state));
            }
        }
    }
}

/// A JSON number, or an array of them.
impl Serialize for Held {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Held::Number(it) => serializer.serialize_i64(*it),
            Held::List(list) => serializer.collect_seq(list.iter()),
        }
    }
}

/// `5`, `[1,2]`; of a long list its ends: `[1,2,3,…,98,99]`.
impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = match self {
            Held::Number(it) => return it.fmt(f),
            Held::List(list) => list,
        };
        let words = |part: &[i64]| {
            let words: Vec<String> = part.iter().map(i64::to_string).collect();
            words.join(",")
        };
        if list.len() <= LIST_TOLD {
            return write!(f, "[{}]", words(list));
        }
        let half = LIST_TOLD / 2;
        let (first, last) = (&list[..half], &list[list.len() - half..]);
        write!(f, "[{},…,{}]", words(first), words(last))
    }
}

/// What a client may ask. Written `get x`, `put x 5`, `cas x 5 6`, `incr x`, `delete x`, `append x 5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KvRequest {
    /// Reads a key.
    Get(Key),
    /// Sets a key.
    Put(Key, i64),
    /// Sets a key to the second value if it holds the first.
    Cas(Key, i64, i64),
    /// Adds one; an absent key counts as zero.
    Incr(Key),
    /// Removes a key.
    Delete(Key),
    /// Adds a value at the end of a list; an absent key counts as an empty one.
    Append(Key, i64),
}

impl KvRequest {
    /// Their forms, for people to fill in.
    pub const FORMS: &'static [&'static str] = &[
        "get KEY",
        "put KEY VALUE",
        "cas KEY OLD NEW",
        "incr KEY",
        "delete KEY",
        "append KEY VALUE",
    ];

    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            KvRequest::Get(_) => "get",
            KvRequest::Put(..) => "put",
            KvRequest::Cas(..) => "cas",
            KvRequest::Incr(_) => "incr",
            KvRequest::Delete(_) => "delete",
            KvRequest::Append(..) => "append",
        }
    }

    /// The key that it is about.
    pub fn key(&self) -> Key {
        match *self {
            KvRequest::Get(key) | KvRequest::Put(key, _) | KvRequest::Cas(key, ..) => key,
            KvRequest::Incr(key) | KvRequest::Delete(key) | KvRequest::Append(key, _) => key,
        }
    }

    /// As a history records it.
    pub fn operation(&self) -> Operation {
        let (op, key, value) = match *self {
            KvRequest::Get(key) => ("read", key, json!(null)),
            KvRequest::Put(key, value) => ("write", key, json!(value)),
            KvRequest::Cas(key, old, new) => ("cas", key, json!([old, new])),
            KvRequest::Incr(key) => ("incr", key, json!(1)),
            KvRequest::Delete(key) => ("write", key, json!(null)),
            KvRequest::Append(key, value) => ("append", key, json!(value)),
        };
        Operation {
            op,
            key: key.text(),
            value,
        }
    }

    /// One request of a generated workload: reads and writes of the environment's keys. Written values never repeat
    /// within a run, so that a read tells which write it saw.
    ///
    /// Lists have keys of their own, with the same share of reads: a number in their place would refuse every append.
    pub fn draw(rng: &mut Rng, environment: &Environment, unique: u32) -> KvRequest {
        let index = draw_index(rng, environment);
        // Nothing is drawn for a share of none.
        if rng.happens(environment.appends) {
            let keys = environment.keys.max(1);
            let round = unique / LIST_REQUESTS / keys;
            let key = Key::of_list(round.wrapping_mul(keys).wrapping_add(index));
            return match rng.happens(environment.reads) {
                true => KvRequest::Get(key),
                false => KvRequest::Append(key, i64::from(unique)),
            };
        }
        KvRequest::draw_number(rng, environment, unique, index)
    }

    /// The same for a store that has neither compare-and-set, in whose place it deletes, nor lists.
    pub fn draw_plain(rng: &mut Rng, environment: &Environment, unique: u32) -> KvRequest {
        let index = draw_index(rng, environment);
        match KvRequest::draw_number(rng, environment, unique, index) {
            KvRequest::Cas(key, ..) => KvRequest::Delete(key),
            request => request,
        }
    }

    fn draw_number(rng: &mut Rng, environment: &Environment, unique: u32, index: u32) -> KvRequest {
        let key = Key::numbered(index);
        if rng.happens(environment.reads) {
            return KvRequest::Get(key);
        }
        let new = i64::from(unique);
        if rng.happens(environment.cas) {
            // One of the values that were written lately: now and then it is the one that is there.
            let lately = 4 * u64::from(environment.keys.max(1));
            return KvRequest::Cas(key, new - 1 - rng.below(lately) as i64, new);
        }
        KvRequest::Put(key, new)
    }
}

/// Which of the keys.
fn draw_index(rng: &mut Rng, environment: &Environment) -> u32 {
    let keys = u64::from(environment.keys.max(1));
    let index = match environment.zipf {
        0 => rng.below(keys),
        exponent => Zipf::new(keys, exponent).draw(rng),
    };
    index as u32
}

impl Payload for KvRequest {
    fn kind(&self) -> &'static str {
        KvRequest::kind(self)
    }
}

impl fmt::Display for KvRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KvRequest::Put(key, value) | KvRequest::Append(key, value) => {
                write!(f, "{} {key} {value}", self.kind())
            }
            KvRequest::Cas(key, old, new) => write!(f, "cas {key} {old} {new}"),
            KvRequest::Get(key) | KvRequest::Incr(key) | KvRequest::Delete(key) => {
                write!(f, "{} {key}", self.kind())
            }
        }
    }
}

impl FromStr for KvRequest {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<KvRequest, BadInput> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |it: &str| {
            it.parse::<i64>()
                .map_err(|_| BadInput::new(it, "is not a value: write a whole number"))
        };
        match words[..] {
            ["get", key] => Ok(KvRequest::Get(key.parse()?)),
            ["put", key, value] => Ok(KvRequest::Put(key.parse()?, number(value)?)),
            ["cas", key, old, new] => Ok(KvRequest::Cas(key.parse()?, number(old)?, number(new)?)),
            ["incr", key] => Ok(KvRequest::Incr(key.parse()?)),
            ["delete", key] => Ok(KvRequest::Delete(key.parse()?)),
            ["append", key, value] => Ok(KvRequest::Append(key.parse()?, number(value)?)),
            _ => Err(BadInput::new(
                text,
                "is not a request: write get x, put x 5, cas x 5 6, incr x, delete x or append x 5",
            )),
        }
    }
}

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KvResult {
    /// What a read found, or what an increment left.
    Value(Option<Held>),
    /// A write was done.
    Written,
    /// A compare-and-set found another value, and changed nothing.
    Mismatch(Option<Held>),
    /// What the key holds does not bear the request, and nothing was changed; says why.
    Refused(&'static str),
}

/// Why a number takes no append.
const A_NUMBER: &str = "it holds a number";

/// Why a list is neither compared nor counted up.
const A_LIST: &str = "it holds a list";

/// Why a list takes no more.
const FULL: &str = "its list is full";

impl KvResult {
    /// What it means for the client.
    pub fn outcome(&self) -> Outcome {
        match self {
            KvResult::Value(value) => Outcome::Done(json!(value)),
            KvResult::Written => Outcome::Done(json!("written")),
            KvResult::Mismatch(found) => Outcome::Refused(match found {
                Some(found) => format!("it holds {found}"),
                None => "it is absent".to_owned(),
            }),
            KvResult::Refused(why) => Outcome::Refused((*why).to_owned()),
        }
    }
}

/// The state machine: keys, and the numbers and lists that they hold.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub struct Store(BTreeMap<Key, Held>);

impl Store {
    /// One in which `key` holds `held`, or is absent, and nothing else is.
    pub fn with(key: Key, held: Option<Held>) -> Store {
        Store(held.map(|it| (key, it)).into_iter().collect())
    }

    /// What a key holds.
    pub fn get(&self, key: Key) -> Option<&Held> {
        self.0.get(&key)
    }

    /// Executes one request.
    pub fn apply(&mut self, request: &KvRequest) -> KvResult {
        match *request {
            KvRequest::Get(key) => KvResult::Value(self.0.get(&key).cloned()),
            KvRequest::Put(key, value) => {
                self.0.insert(key, Held::Number(value));
                KvResult::Written
            }
            KvRequest::Cas(key, old, new) => match self.0.get_mut(&key) {
                Some(Held::Number(value)) if *value == old => {
                    *value = new;
                    KvResult::Written
                }
                Some(Held::List(_)) => KvResult::Refused(A_LIST),
                found => KvResult::Mismatch(found.cloned()),
            },
            KvRequest::Incr(key) => match self.0.entry(key).or_insert(Held::Number(0)) {
                Held::Number(value) => {
                    *value = value.wrapping_add(1);
                    KvResult::Value(Some(Held::Number(*value)))
                }
                Held::List(_) => KvResult::Refused(A_LIST),
            },
            KvRequest::Delete(key) => {
                self.0.remove(&key);
                KvResult::Written
            }
            KvRequest::Append(key, value) => {
                let empty = || Held::List(Rc::default());
                match self.0.entry(key).or_insert_with(empty) {
                    Held::Number(_) => KvResult::Refused(A_NUMBER),
                    Held::List(list) if list.len() >= LIST_MAX => KvResult::Refused(FULL),
                    Held::List(list) => {
                        Rc::make_mut(list).push(value);
                        KvResult::Written
                    }
                }
            }
        }
    }

    /// `x=5 y=[1,2]`, or `empty`.
    pub fn describe(&self) -> String {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(key, held)| format!("{key}={held}"))
            .collect();
        if pairs.is_empty() {
            "empty".to_owned()
        } else {
            pairs.join(" ")
        }
    }
}

impl Serialize for Store {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.describe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::dist::Chance;

    #[test]
    fn requests_and_text_are_one_to_one() {
        for text in [
            "get x",
            "put x 5",
            "cas x 5 -6",
            "incr k10",
            "delete a-b_c",
            "append L3 -7",
        ] {
            assert_eq!(text.parse::<KvRequest>().unwrap().to_string(), text);
        }
        for number in [0, 7, 10, 99, 100, 9_999_999] {
            let key = Key::numbered(number);
            assert_eq!(key.to_string(), format!("k{number}"));
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for text in [
            "",
            "get",
            "put x",
            "put x five",
            "append x",
            "append x 1 2",
            "get averylongkey",
            "drop x",
            "get x y",
            "put é 1",
        ] {
            assert!(text.parse::<KvRequest>().is_err(), "{text}");
        }
    }

    fn number(value: i64) -> KvResult {
        KvResult::Value(Some(Held::Number(value)))
    }

    fn list(values: &[i64]) -> KvResult {
        KvResult::Value(Some(Held::List(Rc::new(values.to_vec()))))
    }

    #[test]
    fn the_store_does_what_is_asked() {
        let mut store = Store::default();
        let mut run = |text: &str| store.apply(&text.parse().unwrap());
        assert_eq!(run("get x"), KvResult::Value(None));
        assert_eq!(run("put x 5"), KvResult::Written);
        assert_eq!(run("cas x 4 6"), KvResult::Mismatch(Some(Held::Number(5))));
        assert_eq!(run("cas x 5 6"), KvResult::Written);
        assert_eq!(run("incr x"), number(7));
        assert_eq!(run("delete x"), KvResult::Written);
        assert_eq!(run("get x"), KvResult::Value(None));
        assert_eq!(store.describe(), "empty");
    }

    #[test]
    fn lists_and_numbers_keep_apart() {
        let mut store = Store::default();
        let mut run = |text: &str| store.apply(&text.parse().unwrap());
        assert_eq!(run("append x 5"), KvResult::Written);
        assert_eq!(run("append x 3"), KvResult::Written);
        let held = run("get x");
        assert_eq!(held, list(&[5, 3]));
        assert_eq!(run("cas x 5 6"), KvResult::Refused(A_LIST));
        assert_eq!(run("incr x"), KvResult::Refused(A_LIST));
        assert_eq!(run("get x"), held);
        assert_eq!(run("append x 5"), KvResult::Written);
        assert_eq!(held, list(&[5, 3]), "what was read stays as it was");
        assert_eq!(run("put x 1"), KvResult::Written);
        assert_eq!(run("append x 2"), KvResult::Refused(A_NUMBER));
        assert_eq!(run("get x"), number(1));
        assert_eq!(run("delete x"), KvResult::Written);
        assert_eq!(run("append x 2"), KvResult::Written);
        assert_eq!(store.describe(), "x=[2]");
        assert_eq!(serde_json::to_string(&held).unwrap(), r#"{"value":[5,3]}"#);
    }

    #[test]
    fn a_list_grows_to_its_bound() {
        let mut store = Store::default();
        let append = |it: usize| KvRequest::Append(Key::of_list(0), it as i64);
        for it in 0..LIST_MAX {
            assert_eq!(store.apply(&append(it)), KvResult::Written);
        }
        let before = store.clone();
        assert_eq!(store.apply(&append(7)), KvResult::Refused(FULL));
        assert_eq!(store, before);
        assert_eq!(store.describe(), "L0=[0,1,2,3,…,96,97,98,99]");
    }

    #[test]
    fn a_workload_with_appends_writes_each_value_once_and_numbers_to_no_list() {
        let mut rng = Rng::stream(7, crate::sim::rng::Stream::Client(0));
        let environment = Environment {
            appends: Chance::percent(50),
            ..Environment::DEFAULT
        };
        let mut store = Store::default();
        let mut counts: BTreeMap<&'static str, u32> = BTreeMap::new();
        for unique in 1..=4_000 {
            let request = KvRequest::draw(&mut rng, &environment, unique);
            let result = store.apply(&request);
            assert!(!matches!(result, KvResult::Refused(_)), "{request}");
            *counts.entry(request.kind()).or_default() += 1;
            let is_list = request.key().to_string().starts_with('L');
            match request {
                KvRequest::Append(_, value) => assert!(is_list && value == i64::from(unique)),
                KvRequest::Put(_, value) => assert!(!is_list && value == i64::from(unique)),
                _ => {}
            }
        }
        // Half of what does not read.
        assert!((900..1_100).contains(&counts["append"]), "{counts:?}");
        assert!((900..1_100).contains(&counts["put"]), "{counts:?}");
    }
}
