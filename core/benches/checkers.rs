//! How long judges of histories take, in time of the processor as far as one thread can tell. Times are printed, not
//! asserted: `cargo bench -p clusterscope-core --bench checkers`.
#![expect(
    clippy::disallowed_types,
    reason = "a measurement needs the clock of the machine"
)]

use std::time::Instant;

use clusterscope_core::Time;
use clusterscope_core::check::story::Story;
use clusterscope_core::check::{Judgement, LEVELS, linearizable};
use clusterscope_core::trace::{HistoryEvent, Phase};
use serde_json::{Value as Json, json};

/// Each is measured so many times, and the median told.
const ROUNDS: usize = 21;

/// Draws that are the same for ever.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (it ^ (it >> 31)) % sides
    }
}

/// A client of the made-up register.
#[derive(Clone, Default)]
struct Client {
    open: Option<(bool, usize, i64)>,
    result: Option<i64>,
}

/// A linearizable history: each operation takes effect at some moment between its beginning and its end. With
/// `distinct` all written values differ; else there are five of them, and the search has to work.
fn history(operations: u32, clients: u64, keys: u64, distinct: bool) -> Vec<HistoryEvent> {
    let mut dice = Dice(7);
    let mut state = vec![Client::default(); clients as usize];
    let mut store = vec![0i64; keys as usize];
    let mut events = Vec::new();
    let (mut begun, mut open) = (0, 0);
    while begun < operations || open > 0 {
        let client = dice.below(clients) as usize;
        let time = Time(events.len() as u64);
        let mut tell = |phase, is_read: bool, key: usize, value: i64| {
            let absent = is_read && (phase == Phase::Invoke || value == 0);
            events.push(HistoryEvent {
                client: client as u32,
                phase,
                op: if is_read { "read" } else { "write" },
                key: format!("k{key}").into(),
                value: if absent { Json::Null } else { json!(value) },
                time,
                event: 0,
            });
        };
        let me = &mut state[client];
        match (me.open, me.result.take()) {
            (None, _) if begun < operations => {
                begun += 1;
                open += 1;
                let (is_read, key) = (dice.below(2) == 0, dice.below(keys) as usize);
                let value = if distinct {
                    i64::from(begun)
                } else {
                    1 + dice.below(5) as i64
                };
                tell(Phase::Invoke, is_read, key, value);
                me.open = Some((is_read, key, value));
            }
            (None, _) => {}
            (Some((is_read, key, value)), None) => {
                if !is_read {
                    store[key] = value;
                }
                me.result = Some(store[key]);
            }
            (Some((is_read, key, value)), Some(result)) => {
                open -= 1;
                me.open = None;
                tell(
                    Phase::Ok,
                    is_read,
                    key,
                    if is_read { result } else { value },
                );
            }
        }
    }
    events
}

/// Lets a read in the last tenth return what was there at the beginning.
fn spoil(events: &mut [HistoryEvent]) {
    let from = events.len() * 9 / 10;
    let read = events[from..]
        .iter_mut()
        .find(|it| it.op == "read" && it.phase == Phase::Ok);
    if let Some(read) = read {
        read.value = Json::Null;
    }
}

/// The median of what a judge takes, in milliseconds.
fn measure(name: &str, mut judge: impl FnMut() -> Judgement) {
    let mut times = Vec::new();
    let mut verdict = "";
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let judgement = judge();
        times.push(start.elapsed().as_secs_f64() * 1e3);
        verdict = match judgement {
            Judgement::Kept => "holds",
            Judgement::Broken(_) => "broken",
            Judgement::Open(_) => "open",
        };
    }
    times.sort_by(f64::total_cmp);
    println!(
        "{name:<58} {:>10.4} ms (least {:.4}) {verdict}",
        times[ROUNDS / 2],
        times[0]
    );
}

fn searched(events: &[HistoryEvent]) -> Judgement {
    let story = Story::new(events);
    let all: Vec<u32> = (0..story.operations.len() as u32).collect();
    linearizable::by_search(&story, "k0", &all)
}

fn main() {
    for operations in [1_000, 10_000] {
        let good = history(operations, 5, 1, true);
        let mut bad = good.clone();
        spoil(&mut bad);
        let name = |what: &str| format!("linearizable, {operations} operations, 5 clients, {what}");
        measure(&name("good"), || linearizable::judge(&good));
        measure(&name("bad"), || linearizable::judge(&bad));
        measure(&name("good, searched"), || searched(&good));
        measure(&name("bad, searched"), || searched(&bad));
        let few = history(operations, 5, 1, false);
        measure(&name("few values"), || linearizable::judge(&few));
    }
    let wide = history(100_000, 5, 100, true);
    measure("linearizable, 100000 operations, 100 keys", || {
        linearizable::judge(&wide)
    });
    let few = history(100_000, 5, 100, false);
    measure(
        "linearizable, 100000 operations, 100 keys, few values",
        || linearizable::judge(&few),
    );
    let events = history(10_000, 5, 5, true);
    for judge in LEVELS.iter().skip(1).take(10) {
        let name = format!("{}, 10000 operations, 5 clients, 5 keys", judge.name);
        measure(&name, || (judge.check)(&Story::new(&events)));
    }
}
