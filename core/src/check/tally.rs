//! What clients were told, counted by time: how many requests were done, refused or never answered, and how many reads
//! were stale.
//!
//! A read is **stale** when a write that had been acknowledged before the read began is missing from what it returned:
//! what it returned was written, and acknowledged, before that write even began. Of writes that overlap nobody can say
//! which came first, so they make no read stale. The difference is counted in **versions** (how many such writes) and
//! in time (since the oldest of them was acknowledged): the k- and t-staleness of P. Bailis et al., "Probabilistically
//! Bounded Staleness for Practical Partial Quorums", VLDB 2012.
//!
//! Of a list it is simpler: a read of it is stale when an append that had been acknowledged before is not in it.
//!
//! It follows a history from outside, so that a run that nobody looks at pays nothing for it.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value as Json;

use crate::parts::log::Log;
use crate::sim::time::{Span, Time};
use crate::trace::{HistoryEvent, Phase};

/// What is counted together.
pub const BUCKET: Span = Span::ms(100);

/// So many acknowledged writes of a key are remembered; a read of one before them is that far behind at least.
const WRITES_KEPT: usize = 64;

/// What became of the requests that ended in one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Which stretch, counted in [`BUCKET`]s from the start of the run. Those without a request are missing.
    pub index: u64,
    /// Requests that were done.
    pub done: u32,
    /// Requests that were certainly not done.
    pub refused: u32,
    /// Requests whose client gave up, not knowing.
    pub unknown: u32,
    /// Reads among those that were done.
    pub reads: u32,
    /// Stale ones among the reads.
    pub stale: u32,
    /// The sum of the times of requests that were done.
    pub took: Span,
}

/// How far behind a read was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staleness {
    /// So many acknowledged writes were missing from what it returned.
    pub versions: u32,
    /// The first of them had been acknowledged so long before the read began.
    pub by: Span,
}

/// A write that was acknowledged.
#[derive(Clone, Debug)]
struct Write {
    value: Json,
    /// Whether it was added to a list rather than put in place of what was there.
    appended: bool,
    begun: Time,
    acknowledged: Time,
}

/// What is known of a key.
#[derive(Clone, Debug, Default)]
struct Key {
    /// Acknowledged writes, the latest last.
    writes: VecDeque<Write>,
    /// Written values that may or may not be there: their writes have not ended, or nobody knows how.
    open: Vec<Json>,
    /// Acknowledged writes that are no longer remembered.
    forgotten: u32,
    /// Whether a read has returned siblings. Then a delete removes only what its client had seen, and what is left
    /// does not tell whether it has been there.
    siblings: bool,
}

impl Key {
    /// How far behind a read is that began at `begun` and returned `value`; of siblings (a list) each counts.
    fn staleness(&self, value: &Json, begun: Time) -> Option<Staleness> {
        let returned: &[Json] = match value {
            Json::Array(values) => values,
            value => std::slice::from_ref(value),
        };
        if returned.iter().any(|it| self.open.contains(it)) {
            return None;
        }
        let known = |value: &Json| self.writes.iter().rfind(|it| it.value == *value);
        let known: Vec<&Write> = returned.iter().filter_map(known).collect();
        let mut missing = self.writes.iter().filter(|it| {
            let older =
                |known: &&Write| it.appended && known.appended || it.begun > known.acknowledged;
            let there = it.appended && returned.contains(&it.value);
            let silent = self.siblings && it.value.is_null();
            it.acknowledged < begun && !there && !silent && known.iter().all(older)
        });
        let first = missing.next()?;
        // What is remembered no more, or was there before the first write, is older than all that is remembered.
        let forgotten = if known.is_empty() { self.forgotten } else { 0 };
        Some(Staleness {
            versions: 1 + missing.count() as u32 + forgotten,
            by: begun.since(first.acknowledged),
        })
    }

    fn acknowledge(&mut self, write: Write) {
        self.open.retain(|it| *it != write.value);
        self.writes.push_back(write);
        if self.writes.len() > WRITES_KEPT {
            self.writes.pop_front();
            self.forgotten += 1;
        }
    }
}

/// A request that has begun.
#[derive(Clone, Debug)]
struct Open {
    begun: Time,
    value: Json,
}

/// The counts of a history, as far as it was followed.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    followed: u32,
    last: Option<(u32, Time)>,
    buckets: Vec<Bucket>,
    keys: BTreeMap<String, Key>,
    open: BTreeMap<u32, Open>,
    stale: BTreeMap<u32, Staleness>,
}

impl Tally {
    /// Follows `history` to its end; from the start, when it is not the one that was followed before.
    pub fn follow(&mut self, history: &Log<HistoryEvent>) {
        let stamp = |it: &HistoryEvent| (it.event, it.time);
        let before = self.followed.checked_sub(1);
        if before.and_then(|it| history.look(it, stamp)) != self.last {
            *self = Tally::default();
        }
        history.with(self.followed, u32::MAX, |lines| {
            lines.iter().for_each(|it| self.count(it))
        });
        self.followed = history.len();
        self.last = self
            .followed
            .checked_sub(1)
            .and_then(|it| history.look(it, stamp));
    }

    /// The counts, in the order of time.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// How far behind a read was, by the event that ended it; `None` if it was not.
    pub fn staleness(&self, event: u32) -> Option<Staleness> {
        self.stale.get(&event).copied()
    }

    /// How far behind each stale read was, in the order in which they ended.
    pub fn stale_reads(&self) -> impl Iterator<Item = Staleness> + '_ {
        self.stale.values().copied()
    }

    /// All of it together.
    pub fn total(&self) -> Bucket {
        let mut total = Bucket::default();
        for it in &self.buckets {
            total.done += it.done;
            total.refused += it.refused;
            total.unknown += it.unknown;
            total.reads += it.reads;
            total.stale += it.stale;
            total.took = total.took + it.took;
        }
        total
    }

    fn count(&mut self, line: &HistoryEvent) {
        if line.phase == Phase::Invoke {
            return self.begin(line);
        }
        let Some(open) = self.open.remove(&line.client) else {
            return;
        };
        let index = line.time.0 / BUCKET.0;
        if self.buckets.last().is_none_or(|it| it.index != index) {
            self.buckets.push(Bucket {
                index,
                ..Bucket::default()
            });
        }
        let bucket = self
            .buckets
            .last_mut()
            .expect("it has just been made sure of");
        match line.phase {
            Phase::Ok => {
                bucket.done += 1;
                bucket.took = bucket.took + line.time.since(open.begun);
            }
            Phase::Fail => bucket.refused += 1,
            Phase::Info | Phase::Invoke => bucket.unknown += 1,
        }
        let key = self.keys.entry(line.key.to_string()).or_default();
        match (line.phase, line.op) {
            (Phase::Ok, "read") => {
                bucket.reads += 1;
                let is_list = key.writes.iter().any(|it| it.appended);
                key.siblings |= line.value.is_array() && !is_list;
                if let Some(staleness) = key.staleness(&line.value, open.begun) {
                    bucket.stale += 1;
                    self.stale.insert(line.event, staleness);
                }
            }
            (Phase::Ok, op) => key.acknowledge(Write {
                value: written(line).unwrap_or(line.value.clone()),
                appended: op == "append",
                begun: open.begun,
                acknowledged: line.time,
            }),
            // It was certainly not done.
            (Phase::Fail, _) => key.open.retain(|it| *it != open.value),
            _ => {}
        }
    }

    fn begin(&mut self, line: &HistoryEvent) {
        let value = written(line).unwrap_or(Json::Null);
        // An append that may be there hides no other.
        if line.op != "read" && line.op != "append" {
            let key = self.keys.entry(line.key.to_string()).or_default();
            key.open.push(value.clone());
            if key.open.len() > WRITES_KEPT {
                key.open.remove(0);
            }
        }
        let begun = line.time;
        self.open.insert(line.client, Open { begun, value });
    }
}

/// What a request writes; `None` where that is known only when it is done.
fn written(line: &HistoryEvent) -> Option<Json> {
    match line.op {
        "write" | "append" => Some(line.value.clone()),
        "cas" => line.value.get(1).cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn history(lines: &[(u32, Phase, &'static str, Json, u64)]) -> Log<HistoryEvent> {
        let mut log = Log::default();
        for (place, (client, phase, op, value, ms)) in lines.iter().enumerate() {
            log.push(HistoryEvent {
                client: *client,
                phase: *phase,
                op,
                key: "x".to_owned().into(),
                value: value.clone(),
                time: Time(Span::ms(*ms).0),
                event: place as u32,
            });
        }
        log
    }

    #[test]
    fn a_read_that_misses_an_acknowledged_write_is_stale_by_versions_and_by_time() {
        use Phase::{Invoke, Ok};
        let log = history(&[
            (1, Invoke, "write", json!(1), 0),
            (1, Ok, "write", json!(1), 10),
            (1, Invoke, "write", json!(2), 20),
            (1, Ok, "write", json!(2), 30),
            (1, Invoke, "write", json!(3), 40),
            (2, Invoke, "read", json!(null), 50),
            (2, Ok, "read", json!(1), 60),
            (2, Invoke, "read", json!(null), 70),
            (2, Ok, "read", json!(3), 80),
            (2, Invoke, "read", json!(null), 90),
            (2, Ok, "read", json!(null), 130),
        ]);
        let mut tally = Tally::default();
        tally.follow(&log);
        let staleness = |event| tally.staleness(event).map(|it| (it.versions, it.by));
        assert_eq!(staleness(6), Some((1, Span::ms(20))));
        // The write of 3 may have happened.
        assert_eq!(staleness(8), None);
        assert_eq!(staleness(10), Some((2, Span::ms(80))));
        let total = tally.total();
        assert_eq!((total.done, total.reads, total.stale), (5, 3, 2));
        assert_eq!(tally.buckets().len(), 2);
    }

    #[test]
    fn a_read_of_a_list_is_stale_by_the_appends_that_it_lacks() {
        use Phase::{Info, Invoke, Ok};
        let log = history(&[
            (1, Invoke, "append", json!(1), 0),
            (2, Invoke, "append", json!(2), 5),
            (1, Ok, "append", json!(1), 10),
            (2, Ok, "append", json!(2), 15),
            (3, Invoke, "append", json!(3), 20),
            (3, Info, "append", json!(3), 30),
            (1, Invoke, "read", json!(null), 40),
            (1, Ok, "read", json!([2, 1, 3]), 50),
            (1, Invoke, "read", json!(null), 60),
            (1, Ok, "read", json!([2, 3]), 70),
            (1, Invoke, "read", json!(null), 80),
            (1, Ok, "read", json!(null), 90),
        ]);
        let mut tally = Tally::default();
        tally.follow(&log);
        let staleness = |event| tally.staleness(event).map(|it| (it.versions, it.by));
        assert_eq!(staleness(7), None);
        assert_eq!(staleness(9), Some((1, Span::ms(50))));
        assert_eq!(staleness(11), Some((2, Span::ms(70))));
    }

    #[test]
    fn it_goes_on_where_it_was_and_begins_anew_with_another_history() {
        use Phase::{Info, Invoke, Ok};
        let lines = [
            (1, Invoke, "write", json!(1), 0),
            (1, Info, "write", json!(1), 10),
            (2, Invoke, "read", json!(null), 20),
            (2, Ok, "read", json!(1), 30),
        ];
        let mut tally = Tally::default();
        let log = history(&lines);
        let mut short = log.clone();
        short.truncate(2);
        tally.follow(&short);
        assert_eq!(tally.total().unknown, 1);
        tally.follow(&log);
        assert_eq!((tally.total().done, tally.total().stale), (1, 0));
        tally.follow(&short);
        assert_eq!(tally.total().done, 0);
    }

    #[test]
    fn a_delete_among_siblings_makes_nothing_stale() {
        use Phase::{Invoke, Ok};
        let deleted = |before: Json| {
            history(&[
                (1, Invoke, "write", json!(1), 0),
                (2, Invoke, "write", json!(2), 0),
                (1, Ok, "write", json!(1), 10),
                (2, Ok, "write", json!(2), 10),
                (2, Invoke, "read", json!(null), 20),
                (2, Ok, "read", before, 30),
                // Its client had seen 1 alone.
                (1, Invoke, "write", json!(null), 40),
                (1, Ok, "write", json!(null), 50),
                (2, Invoke, "read", json!(null), 60),
                (2, Ok, "read", json!(2), 70),
            ])
        };
        for (before, stale) in [(json!([1, 2]), 0), (json!(2), 1)] {
            let mut tally = Tally::default();
            tally.follow(&deleted(before));
            assert_eq!(tally.total().stale, stale);
        }
    }

    #[test]
    fn writes_that_overlap_make_no_read_stale() {
        use Phase::{Invoke, Ok};
        let log = history(&[
            (1, Invoke, "write", json!(1), 0),
            (2, Invoke, "write", json!(2), 5),
            (2, Ok, "write", json!(2), 10),
            (1, Ok, "write", json!(1), 20),
            (3, Invoke, "read", json!(null), 30),
            (3, Ok, "read", json!(2), 40),
            (3, Invoke, "read", json!(null), 50),
            (3, Ok, "read", json!([1, 2]), 60),
        ]);
        let mut tally = Tally::default();
        tally.follow(&log);
        assert_eq!(tally.total().stale, 0);
    }
}
