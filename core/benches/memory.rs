//! What a run keeps in memory, by an allocator that counts: lines of name, bytes, trace events, steps, with tabs
//! between.

mod counting;

#[path = "simulation/ceiling.rs"]
#[allow(dead_code, reason = "rows.rs names it")]
mod ceiling;
#[path = "simulation/gossip.rs"]
#[allow(dead_code, reason = "rows.rs names it")]
mod gossip;
#[path = "simulation/rows.rs"]
#[allow(dead_code, reason = "only the set-up is needed here")]
mod rows;

use clusterscope_core::Time;
use clusterscope_core::sim::run::Run;
use clusterscope_core::trace::Level;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// So long a run that what is there once hardly counts.
const LENGTH: Time = Time(60_000_000_000);

/// Runs, and says what the finished run holds.
fn held(level: Level) -> (usize, Box<dyn Run>) {
    let before = counting::used();
    let mut run = rows::raft_spec(1, "0s")
        .build(level)
        .expect("the settings fit");
    run.run_until(LENGTH);
    (counting::used() - before, run)
}

fn main() {
    let (without, _run) = held(Level::Off);
    let (with, run) = held(Level::Events);
    let (events, steps) = (run.recorder().events(), run.steps());
    println!("the run itself\t{without}\t{events}\t{steps}");
    println!("its trace\t{}\t{events}\t{steps}", with - without);
}
