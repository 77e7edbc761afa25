//! What a run keeps in memory, by an allocator that counts: lines of name, bytes, trace events, steps, with tabs
//! between.
#![allow(unsafe_code, reason = "an allocator has no safe form")]

#[path = "simulation/ceiling.rs"]
#[allow(dead_code, reason = "rows.rs names it")]
mod ceiling;
#[path = "simulation/gossip.rs"]
#[allow(dead_code, reason = "rows.rs names it")]
mod gossip;
#[path = "simulation/rows.rs"]
#[allow(dead_code, reason = "only the set-up is needed here")]
mod rows;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use clusterscope_core::Time;
use clusterscope_core::sim::run::Run;
use clusterscope_core::trace::Level;

/// The system's allocator, and how much it has given out.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// So long a run that what is there once hardly counts.
const LENGTH: Time = Time(60_000_000_000);

/// Runs, and says what the finished run holds.
fn held(level: Level) -> (usize, Box<dyn Run>) {
    let before = LIVE.load(Relaxed);
    let mut run = rows::raft_spec(1, "0s")
        .build(level)
        .expect("the settings fit");
    run.run_until(LENGTH);
    (LIVE.load(Relaxed) - before, run)
}

fn main() {
    let (without, _run) = held(Level::Off);
    let (with, run) = held(Level::Events);
    let (events, steps) = (run.recorder().events(), run.steps());
    println!("the run itself\t{without}\t{events}\t{steps}");
    println!("its trace\t{}\t{events}\t{steps}", with - without);
}
