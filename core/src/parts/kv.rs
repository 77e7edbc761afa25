//! The key-value store that clients of many systems talk to: its requests as text, and its state machine.

use std::collections::BTreeMap;
use std::fmt;
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
        let mut bytes = [0; 8];
        let mut rest = index % 10_000_000;
        let digits = rest.checked_ilog10().unwrap_or(0) as usize + 1;
        for digit in bytes[1..=digits].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        bytes[0] = b'k';
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

/// What a client may ask. Written `get x`, `put x 5`, `cas x 5 6`, `incr x`, `delete x`.
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
}

impl KvRequest {
    /// Their forms, for people to fill in.
    pub const FORMS: &'static [&'static str] = &[
        "get KEY",
        "put KEY VALUE",
        "cas KEY OLD NEW",
        "incr KEY",
        "delete KEY",
    ];

    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            KvRequest::Get(_) => "get",
            KvRequest::Put(..) => "put",
            KvRequest::Cas(..) => "cas",
            KvRequest::Incr(_) => "incr",
            KvRequest::Delete(_) => "delete",
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
        };
        Operation {
            op,
            key: key.text(),
            value,
        }
    }

    /// One request of a generated workload: reads and writes of the environment's keys. Written values never repeat
    /// within a run, so that a read tells which write it saw.
    pub fn draw(rng: &mut Rng, environment: &Environment, unique: u32) -> KvRequest {
        let keys = u64::from(environment.keys.max(1));
        let index = match environment.zipf {
            0 => rng.below(keys),
            exponent => Zipf::new(keys, exponent).draw(rng),
        };
        let key = Key::numbered(index as u32);
        if rng.happens(environment.reads) {
            return KvRequest::Get(key);
        }
        let new = i64::from(unique);
        if rng.happens(environment.cas) {
            // One of the values that were written lately: now and then it is the one that is there.
            let old = new - 1 - rng.below(4 * keys) as i64;
            return KvRequest::Cas(key, old, new);
        }
        KvRequest::Put(key, new)
    }
}

impl Payload for KvRequest {
    fn kind(&self) -> &'static str {
        KvRequest::kind(self)
    }
}

impl fmt::Display for KvRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KvRequest::Put(key, value) => write!(f, "put {key} {value}"),
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
            _ => Err(BadInput::new(
                text,
                "is not a request: write get x, put x 5, cas x 5 6, incr x or delete x",
            )),
        }
    }
}

/// What a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KvResult {
    /// What a read found, or what an increment left.
    Value(Option<i64>),
    /// A write was done.
    Written,
    /// A compare-and-set found another value, and changed nothing.
    Mismatch(Option<i64>),
}

impl KvResult {
    /// What it means for the client.
    pub fn outcome(self) -> Outcome {
        match self {
            KvResult::Value(value) => Outcome::Done(json!(value)),
            KvResult::Written => Outcome::Done(json!("written")),
            KvResult::Mismatch(found) => Outcome::Refused(match found {
                Some(found) => format!("it holds {found}"),
                None => "it is absent".to_owned(),
            }),
        }
    }
}

/// The state machine: keys and whole numbers.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub struct Store(BTreeMap<Key, i64>);

impl Store {
    /// Executes one request.
    pub fn apply(&mut self, request: &KvRequest) -> KvResult {
        match *request {
            KvRequest::Get(key) => KvResult::Value(self.0.get(&key).copied()),
            KvRequest::Put(key, value) => {
                self.0.insert(key, value);
                KvResult::Written
            }
            KvRequest::Cas(key, old, new) => match self.0.get_mut(&key) {
                Some(value) if *value == old => {
                    *value = new;
                    KvResult::Written
                }
                found => KvResult::Mismatch(found.copied()),
            },
            KvRequest::Incr(key) => {
                let value = self.0.entry(key).or_default();
                *value = value.wrapping_add(1);
                KvResult::Value(Some(*value))
            }
            KvRequest::Delete(key) => {
                self.0.remove(&key);
                KvResult::Written
            }
        }
    }

    /// `x=5 y=6`, or `empty`.
    pub fn describe(&self) -> String {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
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

    #[test]
    fn requests_and_text_are_one_to_one() {
        for text in ["get x", "put x 5", "cas x 5 -6", "incr k10", "delete a-b_c"] {
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
            "get averylongkey",
            "drop x",
            "get x y",
            "put é 1",
        ] {
            assert!(text.parse::<KvRequest>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_store_does_what_is_asked() {
        let mut store = Store::default();
        let mut run = |text: &str| store.apply(&text.parse().unwrap());
        assert_eq!(run("get x"), KvResult::Value(None));
        assert_eq!(run("put x 5"), KvResult::Written);
        assert_eq!(run("cas x 4 6"), KvResult::Mismatch(Some(5)));
        assert_eq!(run("cas x 5 6"), KvResult::Written);
        assert_eq!(run("incr x"), KvResult::Value(Some(7)));
        assert_eq!(run("delete x"), KvResult::Written);
        assert_eq!(run("get x"), KvResult::Value(None));
        assert_eq!(store.describe(), "empty");
    }
}
