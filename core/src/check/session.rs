//! The four session guarantees (Terry and others 1994), judged by what clients saw. A session is a client.
//!
//! Every read tells which write it saw. Two versions of a key are known to be in order when one session wrote both;
//! for writes follow reads also when the writer of one had read the other. Versions in no known order
//! may have come in any, and each client may have met them in its own: so what is causally consistent breaks none of
//! these promises. Lists are judged for the first two: a read tells all appends that it saw.
//!
//! - *Read your writes*: a read does not return what is older than an earlier write of the same session to that key.
//! - *Monotonic reads*: what a session reads of a key never goes back.
//! - *Monotonic writes*: who has seen a write of a session does not find an earlier write of that session missing
//!   afterwards: neither nothing, nor a version that the session itself had replaced.
//! - *Writes follow reads*: who has seen a write does not find missing afterwards what its writer had read before.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::Judgement;
use crate::check::cycle::{Graph, Kind};
use crate::check::lists::{self, Guarantee};
use crate::check::story::{Fate, Op, Operation, Story};
use crate::check::views::{INITIAL, Views};
use crate::trace::HistoryEvent;

/// Sets of so many bits in all are kept: 128 MB.
const BITS_MAX: usize = 1 << 30;

/// Read your writes.
pub fn read_your_writes(history: &[HistoryEvent]) -> Judgement {
    check_read_your_writes(&Story::new(history))
}

/// Monotonic reads.
pub fn monotonic_reads(history: &[HistoryEvent]) -> Judgement {
    check_monotonic_reads(&Story::new(history))
}

/// Monotonic writes.
pub fn monotonic_writes(history: &[HistoryEvent]) -> Judgement {
    check_monotonic_writes(&Story::new(history))
}

/// Writes follow reads.
pub fn writes_follow_reads(history: &[HistoryEvent]) -> Judgement {
    check_writes_follow_reads(&Story::new(history))
}

/// Judges lists, which are whatever is only appended to, apart from all else.
fn lists_apart(
    story: &Story<'_>,
    guarantee: Guarantee,
    registers: fn(&Story<'_>) -> Judgement,
) -> Judgement {
    let appends = story.operations.iter().filter(|it| it.op == Op::Append);
    let mut keys: BTreeSet<&str> = appends.map(|it| it.key).collect();
    if keys.is_empty() {
        return registers(story);
    }
    let came = |it: &Operation<'_>| it.fate != Fate::Failed;
    let strangers = story.operations.iter();
    let strangers = strangers.filter(|it| !matches!(it.op, Op::Append | Op::Read) && came(it));
    for it in strangers {
        keys.remove(it.key);
    }
    // What was refused for being of the other kind did nothing.
    let of_lists = story.part(|it| keys.contains(it.key) && (it.op == Op::Append || came(it)));
    let others = story.part(|it| !keys.contains(it.key) && (it.op != Op::Append || came(it)));
    registers(&others).or(lists::session(&of_lists, guarantee))
}

/// The first session that breaks a promise, or whoever cannot be judged.
fn each_session(
    story: &Story<'_>,
    judge: &str,
    check: impl Fn(&Views<'_, '_>, &[u32]) -> Option<Judgement>,
) -> Judgement {
    let views = match Views::new(story, judge) {
        Ok(views) => views,
        Err(verdict) => return verdict,
    };
    let broken = views.sessions.iter().filter_map(|it| check(&views, it));
    broken.fold(Judgement::Kept, Judgement::or)
}

/// [`read_your_writes`], for a history that has been read already.
pub fn check_read_your_writes(story: &Story<'_>) -> Judgement {
    lists_apart(story, Guarantee::ReadYourWrites, registers_read_your_writes)
}

fn registers_read_your_writes(story: &Story<'_>) -> Judgement {
    each_session(story, "read your writes", |views, session| {
        let mut mine: BTreeMap<u32, u32> = BTreeMap::new();
        for it in session {
            let node = views.node(*it);
            if node.is_write {
                mine.insert(node.key, *it);
                continue;
            }
            let Some(write) = mine.get(&node.key) else {
                continue;
            };
            if node.saw != INITIAL && !replaced(views, node.saw, *write) {
                continue;
            }
            let reason = format!(
                "{} does not reflect the same client's own {}",
                views.say(*it),
                views.say(*write)
            );
            return Some(views.broken(reason, &[*it, *write]));
        }
        None
    })
}

/// Whether one session wrote both, and this one earlier.
fn replaced(views: &Views<'_, '_>, older: u32, newer: u32) -> bool {
    let (older, newer) = (views.node(older), views.node(newer));
    older.session == newer.session && older.place < newer.place
}

/// [`monotonic_reads`], for a history that has been read already.
pub fn check_monotonic_reads(story: &Story<'_>) -> Judgement {
    lists_apart(story, Guarantee::MonotonicReads, registers_monotonic_reads)
}

fn registers_monotonic_reads(story: &Story<'_>) -> Judgement {
    each_session(story, "monotonic reads", |views, session| {
        // Of each key and each writer, the read that saw the latest write so far; of each version, its last read.
        let mut latest: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        let mut reads: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        let mut last: BTreeMap<u32, u32> = BTreeMap::new();
        for it in session.iter().filter(|it| !views.node(**it).is_write) {
            let node = views.node(*it);
            let before = last.insert(node.key, *it);
            let Some(before) = before else {
                note(views, *it, &mut latest, &mut reads);
                continue;
            };
            let saw_before = views.node(before).saw;
            let went_back = if node.saw == INITIAL {
                (saw_before != INITIAL).then_some(before)
            } else if saw_before == node.saw {
                None
            } else if reads.contains_key(&(node.key, node.saw)) {
                Some(before)
            } else {
                let writer = views.node(node.saw).session;
                let newer = latest.get(&(node.key, writer)).copied();
                newer.filter(|newer| replaced(views, node.saw, views.node(*newer).saw))
            };
            if let Some(newer) = went_back {
                return Some(tell_back(views, *it, newer, &reads));
            }
            note(views, *it, &mut latest, &mut reads);
        }
        None
    })
}

/// Remembers what a read saw.
fn note(
    views: &Views<'_, '_>,
    read: u32,
    latest: &mut BTreeMap<(u32, u32), u32>,
    reads: &mut BTreeMap<(u32, u32), u32>,
) {
    let node = views.node(read);
    reads.insert((node.key, node.saw), read);
    if node.saw == INITIAL {
        return;
    }
    let writer = views.node(node.saw).session;
    let newest = latest.entry((node.key, writer)).or_insert(read);
    if replaced(views, views.node(*newest).saw, node.saw) {
        *newest = read;
    }
}

fn tell_back(
    views: &Views<'_, '_>,
    read: u32,
    newer: u32,
    reads: &BTreeMap<(u32, u32), u32>,
) -> Judgement {
    let node = views.node(read);
    let mut proof = vec![read, newer];
    let why = match reads.get(&(node.key, node.saw)) {
        Some(first) => {
            proof.push(*first);
            format!("that was read before, by {}", views.say(*first))
        }
        None if node.saw == INITIAL => "nothing is there any more".to_owned(),
        None => {
            proof.extend([node.saw, views.node(newer).saw]);
            format!(
                "it is older, {} came before {}",
                views.say(node.saw),
                views.say(views.node(newer).saw)
            )
        }
    };
    let reason = format!(
        "{} goes back behind {}: {why}",
        views.say(read),
        views.say(newer)
    );
    views.broken(reason, &proof)
}

/// [`monotonic_writes`], for a history that has been read already.
pub fn check_monotonic_writes(story: &Story<'_>) -> Judgement {
    each_session(story, "monotonic writes", |views, session| {
        // Of each writer, the read that saw its latest write so far.
        let mut seen: BTreeMap<u32, u32> = BTreeMap::new();
        for it in session.iter().filter(|it| !views.node(**it).is_write) {
            let node = views.node(*it);
            for (writer, writes) in &views.writes[node.key as usize] {
                let Some(earlier) = seen.get(writer) else {
                    continue;
                };
                let limit = views.node(views.node(*earlier).saw).place;
                let missing = if node.saw == INITIAL {
                    writes.first().filter(|it| views.node(**it).place < limit)
                } else if views.node(node.saw).session == *writer {
                    let from = views.node(node.saw).place;
                    let next = writes.partition_point(|it| views.node(*it).place <= from);
                    writes
                        .get(next)
                        .filter(|it| views.node(**it).place <= limit)
                } else {
                    None
                };
                if let Some(missing) = missing {
                    return Some(tell_missing(views, *it, *missing, *earlier, &[]));
                }
            }
            if node.saw != INITIAL {
                let writer = views.node(node.saw).session;
                let known = seen.entry(writer).or_insert(*it);
                if replaced(views, views.node(*known).saw, node.saw) {
                    *known = *it;
                }
            }
        }
        None
    })
}

/// A read that misses a write, although an earlier read saw another that came after it: because the writer of that had
/// read it, with the `reads` in between, or else had written it.
fn tell_missing(
    views: &Views<'_, '_>,
    read: u32,
    missing: u32,
    earlier: u32,
    reads: &[u32],
) -> Judgement {
    let seen = views.node(earlier).saw;
    let mut proof = vec![read, missing, earlier, seen];
    proof.extend(reads);
    if views.node(read).saw != INITIAL {
        proof.push(views.node(read).saw);
    }
    let reason = if seen == missing {
        format!(
            "{} shows an older version than {}, which {} had seen",
            views.say(read),
            views.say(seen),
            views.say(earlier)
        )
    } else {
        let verb = if reads.is_empty() {
            format!("{} wrote before", views.client(seen))
        } else {
            format!("{} had read before", views.client(seen))
        };
        format!(
            "{} misses {}, which {verb} its {}, which {} had seen",
            views.say(read),
            views.say(missing),
            views.say(seen),
            views.say(earlier)
        )
    };
    views.broken(reason, &proof)
}

/// What comes next in a session, after a read.
const ORDER: Kind = 1;
/// A read of what was written.
const READ: Kind = 2;

/// Sets of writes, one for each node.
struct Sets {
    width: usize,
    words: Vec<u64>,
}

impl Sets {
    fn has(&self, set: u32, write: u32) -> bool {
        self.words[set as usize * self.width + write as usize / 64] >> (write % 64) & 1 == 1
    }

    /// Adds one set to another.
    fn pour(&mut self, from: u32, to: u32) {
        for word in 0..self.width {
            let known = self.words[from as usize * self.width + word];
            self.words[to as usize * self.width + word] |= known;
        }
    }

    fn put(&mut self, set: u32, write: u32) {
        self.words[set as usize * self.width + write as usize / 64] |= 1 << (write % 64);
    }
}

/// [`writes_follow_reads`], for a history that has been read already.
pub fn check_writes_follow_reads(story: &Story<'_>) -> Judgement {
    let views = match Views::new(story, "writes follow reads") {
        Ok(views) => views,
        Err(verdict) => return verdict,
    };
    let count = views.nodes.len();
    if count.saturating_mul(count) > BITS_MAX {
        return Judgement::Open(format!(
            "{count} operations are too many for writes follow reads"
        ));
    }
    let graph = reads_before_writes(&views);
    if let Some(circle) = graph.circle(ORDER | READ, READ) {
        let nodes: Vec<u32> = circle.iter().map(|it| it.0).collect();
        let chain: Vec<String> = nodes.iter().map(|it| views.say(*it)).collect();
        let reason = format!(
            "writes would have to follow each other in a circle: {}",
            chain.join("; then ")
        );
        return views.broken(reason, &nodes);
    }
    let sets = foundations(&views, &graph);
    let broken = views
        .sessions
        .iter()
        .filter_map(|it| unfounded(&views, &graph, &sets, it));
    broken.fold(Judgement::Kept, Judgement::or)
}

/// Which writes must come before which reads and writes: a read comes after what it saw, and before the same client's
/// next read and its writes until then.
fn reads_before_writes(views: &Views<'_, '_>) -> Graph {
    let mut graph = Graph::new(views.nodes.len());
    for session in &views.sessions {
        let mut last = None;
        for it in session {
            if let Some(last) = last {
                graph.add(last, *it, ORDER);
            }
            let node = views.node(*it);
            if !node.is_write {
                last = Some(*it);
                if node.saw != INITIAL {
                    graph.add(node.saw, *it, READ);
                }
            }
        }
    }
    graph
}

/// For each node the writes that must come before it.
fn foundations(views: &Views<'_, '_>, graph: &Graph) -> Sets {
    let count = views.nodes.len();
    let width = count.div_ceil(64);
    let mut sets = Sets {
        width,
        words: vec![0; count * width],
    };
    let next = graph.followers();
    let mut waits = vec![0u32; count];
    for to in next.iter().flatten() {
        waits[*to as usize] += 1;
    }
    let mut ready: Vec<u32> = (0..count as u32)
        .filter(|it| waits[*it as usize] == 0)
        .collect();
    while let Some(at) = ready.pop() {
        for to in &next[at as usize] {
            sets.pour(at, *to);
            if views.node(at).is_write {
                sets.put(*to, at);
            }
            waits[*to as usize] -= 1;
            if waits[*to as usize] == 0 {
                ready.push(*to);
            }
        }
    }
    sets
}

/// A read of this session that misses what a write it had seen was founded on.
fn unfounded(
    views: &Views<'_, '_>,
    graph: &Graph,
    sets: &Sets,
    session: &[u32],
) -> Option<Judgement> {
    let mut earlier: Vec<u32> = Vec::new();
    for it in session.iter().filter(|it| !views.node(**it).is_write) {
        let node = views.node(*it);
        let founded = |write: u32| {
            let on = |read: &&u32| sets.has(views.node(**read).saw, write);
            earlier.iter().find(on).copied()
        };
        // What was seen itself, or what that was founded on, according to all earlier reads together.
        let known = |write: u32| earlier.last().is_some_and(|it| sets.has(*it, write));
        let writes = views.writes[node.key as usize].iter().flat_map(|it| &it.1);
        for write in writes.filter(|it| **it != node.saw && known(**it)) {
            let proved = if node.saw == INITIAL {
                founded(*write)
            } else if sets.has(*write, node.saw) {
                let seen = |read: &&u32| views.node(**read).saw == *write;
                founded(*write).or_else(|| earlier.iter().find(seen).copied())
            } else if replaced(views, node.saw, *write) {
                founded(*write)
            } else {
                None
            };
            if let Some(read) = proved {
                // Who read what in between.
                let saw = views.node(read).saw;
                let mut reads = graph.way(*write, saw, ORDER | READ, |_| true);
                if node.saw != INITIAL {
                    let more = graph.way(node.saw, *write, ORDER | READ, |_| true);
                    reads
                        .get_or_insert_default()
                        .extend(more.unwrap_or_default());
                }
                let reads: Vec<u32> = reads.into_iter().flatten().map(|it| it.1).collect();
                return Some(tell_missing(views, *it, *write, read, &reads));
            }
        }
        if node.saw != INITIAL {
            earlier.push(*it);
        }
    }
    None
}
