//! How long it takes to reach a moment of a long run, and what that needs in memory.
//!
//! `cargo bench -p clusterscope-core --bench seek [LINK] [EVENTS]` plays a run until so many events have happened (a
//! million unless said otherwise), goes to a thousand random moments and says how long that took. The moments come
//! from a seed; the times depend on the machine.
#![allow(
    clippy::disallowed_types,
    reason = "it measures the machine, and nothing that is simulated"
)]

mod counting;

use std::time::{Duration, Instant};

use clusterscope_core::sim::player::Limits;
use clusterscope_core::sim::rng::{Rng, Stream};
use clusterscope_core::{Player, RunSpec, Time};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// Runs that are played when none is named: few nodes and many clients; faults; many nodes.
const LINKS: [&str; 3] = [
    "#/raft/calm?set.clients=40&for=100000s",
    "#/raft/swarm?set.clients=20&for=100000s",
    "#/raft/calm?set.nodes=25&set.clients=40&for=100000s",
];

/// Random moments that are gone to.
const SEEKS: usize = 1_000;

/// Steps that are taken in one go while the run is played for the first time.
const STRIDE: u64 = 20_000;

fn main() {
    // Cargo passes words of its own, such as `--bench`.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| !it.starts_with("--"))
        .collect();
    let events = words.get(1).and_then(|it| it.parse().ok());
    let links: Vec<&str> = match words.first() {
        Some(link) => vec![link],
        None => LINKS.to_vec(),
    };
    for link in links {
        measure(link, events.unwrap_or(1_000_000));
    }
}

fn measure(link: &str, events: u32) {
    println!("{link}");
    let spec = RunSpec::from_link(link).unwrap_or_else(|it| panic!("{it}"));
    let before = counting::used();
    let mut player = Player::at_start(spec, Limits::default()).unwrap_or_else(|it| panic!("{it}"));
    let started = Instant::now();
    let mut slowest = Duration::ZERO;
    while player.run().recorder().events() < events && player.run().halted().is_none() {
        let slice = Instant::now();
        player.play(Time::MAX, STRIDE);
        slowest = slowest.max(slice.elapsed());
    }
    let took = started.elapsed();
    let (recorder, steps) = (player.run().recorder(), player.run().steps());
    println!(
        "  {} events, {steps} steps, {} of virtual time, in {:.2} s: {:.0} ns a step; slowest {STRIDE} steps {:.1} ms",
        recorder.events(),
        player.now(),
        took.as_secs_f64(),
        took.as_nanos() as f64 / steps as f64,
        millis(slowest)
    );
    let last = player.frontier();
    let hash = recorder.hash();
    let mut rng = Rng::stream(1, Stream::Faults);
    let mut times: Vec<Duration> = Vec::with_capacity(SEEKS);
    for count in 0..SEEKS {
        // Every tenth a short way back, as a person scrubs.
        let near = last.0 - rng.below(last.0 / 1_000 + 1);
        let time = if count % 10 == 0 {
            near
        } else {
            rng.below(last.0)
        };
        let started = Instant::now();
        player.seek(Time(time));
        times.push(started.elapsed());
    }
    player.seek(last);
    assert_eq!(
        player.run().recorder().hash(),
        hash,
        "a replay came out differently"
    );
    times.sort_unstable();
    let at = |share: usize| millis(times[(SEEKS * share / 100).min(SEEKS - 1)]);
    println!(
        "  {SEEKS} seeks: median {:.2} ms, p95 {:.2} ms, max {:.2} ms; {} steps between snapshots",
        at(50),
        at(95),
        at(100),
        player.interval()
    );
    memory(player, before);
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn memory(player: Player, before: usize) {
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    let (records, snapshots) = player.bytes();
    let used = counting::used() - before;
    println!(
        "  in use {:.1} MiB, at most {:.1} MiB; by estimate records {:.1} MiB, snapshots {:.1} MiB; kept since {}",
        mib(used),
        mib(counting::peak() - before),
        mib(records),
        mib(snapshots),
        player.kept_since().unwrap_or(Time::ZERO)
    );
    let run = player.run().fork();
    let before = counting::used();
    let copy = run.fork();
    let copied = counting::used() - before;
    println!(
        "  a copy takes {copied} bytes, by estimate {}",
        copy.weight()
    );
    let (history, events) = (copy.history().len(), copy.recorder().events());
    println!("  {history} lines of history, {events} events");
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|it| it.starts_with("VmHWM"));
        println!(
            "  the whole process, at most: {}",
            peak.unwrap_or("unknown").trim()
        );
    }
    counting::begin();
}
