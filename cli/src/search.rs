//! Runs many seeds on many threads; the answer is the same on one.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, stderr};
use std::num::NonZero;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use clusterscope_core::sim::search::{Goal, Scan, Search};
use clusterscope_core::{BadInput, RunSpec};

use crate::outcome::{Outcome, describe};
use crate::output::{self, Problem};
use crate::{BROKEN, HELD};

/// Seeds that a thread takes at once.
const CHUNK: u64 = 8;

/// How often a person sees how far it is.
const PROGRESS: Duration = Duration::from_millis(250);

/// What to search, and how.
pub struct Job {
    /// The scenario, its settings and commands.
    pub spec: RunSpec,
    /// What is looked for.
    pub goal: Goal,
    /// The first seed and the last.
    pub seeds: (u64, u64),
    /// Which part of how many, from 1.
    pub shard: Option<(u64, u64)>,
    /// How many threads; as many as the machine has cores when missing.
    pub jobs: Option<usize>,
    /// Whether to go on after something was found.
    pub all: bool,
    /// The result as JSON.
    pub json: bool,
}

/// Searches and says what came of it; returns the exit status.
pub fn search(job: Job) -> Result<u8, Problem> {
    let bad = |it: BadInput| Problem::Input(it.to_string());
    let search = Search::new(job.spec, job.goal).map_err(bad)?;
    if let Some((missing, known)) = search.misspelt(job.seeds.0).map_err(bad)? {
        output::complain(&format!(
            "no node shows \"{missing}\" at any time under seed {}: there is {known}",
            job.seeds.0
        ));
    }
    let description = describe(&search, job.seeds, job.all);
    let (from, count) = part(job.seeds, job.shard);
    let cores = || thread::available_parallelism().map_or(1, NonZero::get);
    let jobs = job.jobs.unwrap_or_else(cores);
    let began = Instant::now();
    let work = Work {
        search: &search,
        from,
        count,
        all: job.all,
        began,
        state: Mutex::default(),
    };
    let watched = stderr().is_terminal();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(|| work.work())).collect();
        while watched && threads.iter().any(|it| !it.is_finished()) {
            thread::sleep(PROGRESS);
            work.show();
        }
    });
    if watched {
        // The line of progress goes.
        output::print_aside("\r\x1b[K");
    }
    let scan = work.finish().map_err(bad)?;
    let outcome = Outcome::new(description, job.shard, &scan, began.elapsed().as_secs_f64());
    finish(&outcome, job.json)
}

/// Prints what came of a search; returns the exit status.
pub fn finish(outcome: &Outcome, json: bool) -> Result<u8, Problem> {
    output::print(&match json {
        true => outcome.json(),
        false => outcome.text(),
    })?;
    Ok(if outcome.failed() { BROKEN } else { HELD })
}

/// The first seed of a part, and how many there are: rows of nearly the same length.
fn part((from, to): (u64, u64), shard: Option<(u64, u64)>) -> (u64, u64) {
    let count = to - from + 1;
    let (part, of) = shard.unwrap_or((1, 1));
    // The products are far beyond 64 bits for nobody: seeds and parts are limited.
    let edge = |it: u64| count * it / of;
    (
        from.wrapping_add(edge(part - 1)),
        edge(part) - edge(part - 1),
    )
}

/// What the threads share.
struct Work<'a> {
    search: &'a Search,
    from: u64,
    count: u64,
    all: bool,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The next row of seeds that nobody has taken.
    next: u64,
    /// Rows that are done, while an earlier one is not.
    waiting: BTreeMap<u64, Scan>,
    /// How many rows have been joined, from the first on.
    joined: u64,
    /// What came of those.
    scan: Scan,
    /// The first row that found something or went wrong: nothing after it is wanted.
    end: Option<u64>,
    trouble: BTreeMap<u64, BadInput>,
}

impl State {
    /// Joins the rows that are next in order; what came of those after the end does not count.
    fn join(&mut self) {
        while self.end.is_none_or(|end| self.joined <= end) {
            let Some(scan) = self.waiting.remove(&self.joined) else {
                return;
            };
            self.joined += 1;
            self.scan.join(scan);
        }
    }

    fn end_at(&mut self, row: u64) {
        self.end = Some(self.end.map_or(row, |it| it.min(row)));
    }
}

impl Work<'_> {
    fn work(&self) {
        while let Some(row) = self.take() {
            let begin = row * CHUNK;
            let count = CHUNK.min(self.count - begin);
            let scan = self.search.scan(self.from + begin, count, self.all);
            let mut state = self.state.lock().expect("no thread panics");
            match scan {
                Ok(scan) => {
                    if scan.first.is_some() && !self.all {
                        state.end_at(row);
                    }
                    state.waiting.insert(row, scan);
                }
                Err(error) => {
                    state.end_at(row);
                    state.trouble.insert(row, error);
                }
            }
            state.join();
        }
    }

    fn take(&self) -> Option<u64> {
        let mut state = self.state.lock().expect("no thread panics");
        let row = state.next;
        if row >= self.count.div_ceil(CHUNK) || state.end.is_some_and(|end| row > end) {
            return None;
        }
        state.next += 1;
        Some(row)
    }

    fn show(&self) {
        let runs = self.state.lock().expect("no thread panics").scan.tally.runs;
        let rate = runs as f64 / self.began.elapsed().as_secs_f64();
        output::print_aside(&format!(
            "\r\x1b[K{runs} of {} seeds, {rate:.0} a second",
            self.count
        ));
    }

    fn finish(self) -> Result<Scan, BadInput> {
        let state = self.state.into_inner().expect("no thread panics");
        match state.trouble.into_iter().next() {
            Some((row, error)) if state.end == Some(row) => Err(error),
            _ => Ok(state.scan),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_seed_once() {
        for (seeds, of) in [((1, 1000), 7), ((5, 5), 3), ((0, 9), 10)] {
            let mut next = seeds.0;
            for number in 1..=of {
                let (from, count) = part(seeds, Some((number, of)));
                assert_eq!(from, next);
                next += count;
            }
            assert_eq!(next, seeds.1 + 1);
        }
    }
}
