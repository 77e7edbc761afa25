//! What is measured. Each row is one piece of work of some tenths of a second, the same at every call, with a
//! fingerprint of what it computed, so that a machine and WebAssembly can be seen to do the same.

use clusterscope_core::sim::queue::{Event, Queue};
use clusterscope_core::sim::rng::{Rng, Stream};
use clusterscope_core::sim::run::Run;
use clusterscope_core::sim::system::System;
use clusterscope_core::sim::time::Span;
use clusterscope_core::trace::Level;
use clusterscope_core::{RunSpec, Time};

use super::ceiling::{Cluster, bare_loop};
use super::gossip::{Gossip, INTERVAL};

/// What a row did.
#[derive(Default)]
pub struct Work {
    /// Messages delivered and timers run out, those of clients too.
    pub events: u64,
    /// Whole runs.
    pub runs: u64,
    /// A hash of the outcome.
    pub fingerprint: u64,
}

impl Work {
    fn and(self, other: Work) -> Work {
        Work {
            events: self.events + other.events,
            runs: self.runs + other.runs,
            fingerprint: self.fingerprint.rotate_left(1) ^ other.fingerprint,
        }
    }
}

/// Something to measure.
#[cfg_attr(
    target_arch = "wasm32",
    expect(dead_code, reason = "the native program prints the names")
)]
pub struct Row {
    /// Its name in the table.
    pub name: &'static str,
    /// The row that it is held against, when there is one.
    pub against: Option<usize>,
    /// Does it once.
    pub work: fn() -> Work,
}

/// Clients that write about 500 times a second together, at 10 to 20 ms a way and 50 to 150 ms of thought.
const CLIENTS: u16 = 83;

/// A run lasts so long in virtual time.
const LENGTH: Time = Time(10_000_000_000);

/// Runs in one row of Raft.
const RUNS: u64 = 8;

/// So many events of gossip are measured, however many nodes share them.
const GOSSIPED: u64 = 400_000;

/// Every row. The order is that of the printed table.
pub const ROWS: &[Row] = &[
    Row {
        name: "ceiling: event loop, 20 pending",
        against: None,
        work: || bare_loop(20, 6_000_000),
    },
    Row {
        name: "queue: event loop, 20 pending",
        against: Some(0),
        work: || queue_loop(20, 6_000_000),
    },
    Row {
        name: "ceiling: event loop, 1000 pending",
        against: None,
        work: || bare_loop(1_000, 3_000_000),
    },
    Row {
        name: "queue: event loop, 1000 pending",
        against: Some(2),
        work: || queue_loop(1_000, 3_000_000),
    },
    Row {
        name: "ceiling: Raft",
        against: None,
        work: || sum(4 * RUNS, |it| Cluster::new(it, CLIENTS).run(LENGTH.0)),
    },
    Row {
        name: "Raft, hash alone, disk 0",
        against: Some(4),
        work: || sum(RUNS, |it| raft(it, "0s", Level::Off)),
    },
    Row {
        name: "Raft, hash alone, disk 1ms",
        against: Some(4),
        work: || sum(RUNS, |it| raft(it, "1ms", Level::Off)),
    },
    Row {
        name: "Raft, every event kept, disk 0",
        against: Some(4),
        work: || sum(RUNS, |it| raft(it, "0s", Level::Events)),
    },
    Row {
        name: "search: runs judged to the end",
        against: Some(4),
        work: || sum(RUNS, search),
    },
    Row {
        name: "gossip, 10 nodes",
        against: None,
        work: || gossip(10),
    },
    Row {
        name: "gossip, 100 nodes",
        against: Some(9),
        work: || gossip(100),
    },
    Row {
        name: "gossip, 1000 nodes",
        against: Some(9),
        work: || gossip(1_000),
    },
    Row {
        name: "gossip, 10000 nodes",
        against: Some(9),
        work: || gossip(10_000),
    },
];

fn sum(runs: u64, run: impl Fn(u64) -> Work) -> Work {
    (1..=runs).map(run).fold(Work::default(), Work::and)
}

/// The simulator's queue in the loop of [`bare_loop`].
fn queue_loop(pending: u32, events: u64) -> Work {
    let (min, max) = (Span::ms(10), Span::ms(20));
    let mut queue = Queue::default();
    let mut rng = Rng::stream(1, Stream::Faults);
    for slot in 0..pending {
        queue.push(Time(0) + rng.span(min, max), Event::Flight(slot));
    }
    let mut fingerprint = 0u64;
    for _ in 0..events {
        let entry = queue.pop().expect("as many are planned as are taken");
        fingerprint = fingerprint.rotate_left(5) ^ entry.time.0;
        queue.push(entry.time + rng.span(min, max), entry.event);
    }
    Work {
        events,
        runs: 0,
        fingerprint,
    }
}

/// A calm cluster with about 500 writes a second, every check on.
pub fn raft_spec(seed: u64, disk: &str) -> RunSpec {
    let mut spec = RunSpec::new("raft", "calm");
    spec.seed = seed;
    spec.set("clients", &CLIENTS.to_string());
    spec.set("think", "uniform(50ms,150ms)");
    spec.set("latency", "uniform(10ms,20ms)");
    spec.set("reads", "0%");
    spec.set("disk", disk);
    spec
}

fn raft(seed: u64, disk: &str, level: Level) -> Work {
    let mut run = raft_spec(seed, disk)
        .build(level)
        .expect("the settings fit");
    run.run_until(LENGTH);
    done(&*run)
}

/// As a search for a bad seed does it: every check judges at the end, the history of clients among it.
fn search(seed: u64) -> Work {
    let mut run = raft_spec(seed, "1ms")
        .build(Level::Off)
        .expect("the settings fit");
    run.run_until(LENGTH);
    let reports = run.reports();
    assert!(
        !run.violated() && !reports.is_empty(),
        "Raft keeps its promises"
    );
    done(&*run)
}

fn done(run: &dyn Run) -> Work {
    Work {
        events: run.steps(),
        runs: 1,
        fingerprint: run.recorder().hash(),
    }
}

fn gossip(nodes: u64) -> Work {
    let spec = RunSpec::new("gossip", &nodes.to_string());
    let mut run = (System::of::<Gossip>().build)(&spec, Level::Off).expect("there is such a size");
    // In an interval each node sends one message and runs out one timer.
    run.run_until(Time(INTERVAL.0 * (GOSSIPED / 2 / nodes)));
    done(&*run)
}
