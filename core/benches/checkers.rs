//! How long judges of histories take, in time of the processor as far as one thread can tell. Times are printed, not
//! asserted: `cargo bench -p clusterscope-core --bench checkers`.
#![expect(
    clippy::disallowed_types,
    reason = "a measurement needs the clock of the machine"
)]

#[path = "../tests/common/histories.rs"]
mod histories;

use std::time::Instant;

use clusterscope_core::check::story::Story;
use clusterscope_core::check::{Judgement, LEVELS, linearizable};
use clusterscope_core::trace::{HistoryEvent, Phase};
use serde_json::Value as Json;

use histories::{Dice, Kind, simulate};

/// Each is measured so many times, and the median told.
const ROUNDS: usize = 21;

/// A linearizable history of five clients. With `distinct` all written values differ; else there are five of them, and
/// the search has to work.
fn history(operations: u32, keys: u64, distinct: bool) -> Vec<HistoryEvent> {
    let kind = Kind {
        clients: 5,
        operations,
        keys,
        values: if distinct { 0 } else { 5 },
        lost: 0,
    };
    simulate(&mut Dice(7), kind)
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
    linearizable::by_search(&story, "x", &all)
}

fn main() {
    for operations in [1_000, 10_000] {
        let good = history(operations, 1, true);
        let mut bad = good.clone();
        spoil(&mut bad);
        let name = |what: &str| format!("linearizable, {operations} operations, 5 clients, {what}");
        measure(&name("good"), || linearizable::judge(&good));
        measure(&name("bad"), || linearizable::judge(&bad));
        measure(&name("good, searched"), || searched(&good));
        measure(&name("bad, searched"), || searched(&bad));
        let few = history(operations, 1, false);
        measure(&name("few values"), || linearizable::judge(&few));
    }
    let wide = history(100_000, 100, true);
    measure("linearizable, 100000 operations, 100 keys", || {
        linearizable::judge(&wide)
    });
    let few = history(100_000, 100, false);
    measure(
        "linearizable, 100000 operations, 100 keys, few values",
        || linearizable::judge(&few),
    );
    let events = history(10_000, 5, true);
    for judge in LEVELS.iter().skip(1).take(10) {
        let name = format!("{}, 10000 operations, 5 clients, 5 keys", judge.name);
        measure(&name, || (judge.check)(&Story::new(&events)));
    }
}
