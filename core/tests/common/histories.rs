//! Made-up histories of clients that use registers: always the same for the same seed.
#![allow(dead_code, reason = "no single test needs all of it")]

use std::collections::BTreeMap;

use clusterscope_core::Time;
use clusterscope_core::trace::{HistoryEvent, Phase};
use serde_json::{Value as Json, json};

/// Draws that are the same for ever.
pub struct Dice(pub u64);

impl Dice {
    /// A number below `sides`.
    pub fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (it ^ (it >> 31)) % sides
    }

    /// True once in so many times.
    pub fn one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }
}

/// A line of a history, at no particular time.
pub fn event(client: u32, phase: Phase, op: &'static str, key: &str, value: Json) -> HistoryEvent {
    HistoryEvent {
        client,
        phase,
        op,
        key: key.to_owned().into(),
        value,
        time: Time(0),
        event: 0,
    }
}

/// What a made-up history is like.
#[derive(Clone, Copy)]
pub struct Kind {
    /// How many clients.
    pub clients: u32,
    /// How many operations.
    pub operations: u32,
    /// How many keys.
    pub keys: u64,
    /// Written values; 0 for values that are all different.
    pub values: u64,
    /// One operation in so many has no answer; 0 for none.
    pub lost: u64,
}

/// The names of the first keys.
pub const KEYS: [&str; 3] = ["x", "y", "z"];

fn key(number: u64) -> String {
    let first = KEYS.get(number as usize);
    first.map_or_else(|| format!("k{number}"), |it| (*it).to_owned())
}

/// Clients use real registers, each operation taking effect at some moment between its beginning and its end.
pub fn simulate(dice: &mut Dice, kind: Kind) -> Vec<HistoryEvent> {
    struct Client {
        name: u32,
        open: Option<(&'static str, String, Json)>,
        result: Option<Json>,
    }
    let mut clients: Vec<Client> = (0..kind.clients)
        .map(|name| Client {
            name,
            open: None,
            result: None,
        })
        .collect();
    let mut store: BTreeMap<String, Json> = BTreeMap::new();
    let (mut begun, mut unique, mut names) = (0, 0, kind.clients);
    let mut events = Vec::new();
    while begun < kind.operations || clients.iter().any(|it| it.open.is_some()) {
        let client = &mut clients[dice.below(kind.clients.into()) as usize];
        match (client.open.clone(), client.result.take()) {
            (None, _) if begun < kind.operations => {
                begun += 1;
                unique += 1;
                let key = key(dice.below(kind.keys));
                let (op, value) = if dice.one_in(2) {
                    ("read", Json::Null)
                } else if kind.values == 0 {
                    ("write", json!(unique))
                } else {
                    ("write", json!(1 + dice.below(kind.values)))
                };
                events.push(event(client.name, Phase::Invoke, op, &key, value.clone()));
                client.open = Some((op, key, value));
            }
            (None, _) => {}
            (Some((op, key, value)), None) => {
                if op == "write" {
                    store.insert(key.clone(), value.clone());
                }
                let result = store.get(&key).cloned().unwrap_or(Json::Null);
                client.result = Some(if op == "write" { value } else { result });
            }
            (Some((op, key, value)), Some(result)) => {
                client.open = None;
                if kind.lost > 0 && dice.one_in(kind.lost) {
                    events.push(event(client.name, Phase::Info, op, &key, value));
                    client.name = names;
                    names += 1;
                } else {
                    events.push(event(client.name, Phase::Ok, op, &key, result));
                }
            }
        }
    }
    events
}
