//! Linearizability of a register whose written values are all different, without a search.
//!
//! Each read then tells which write it saw. A write and its reads form a cluster; from the first end in a cluster
//! (f) to its last beginning (s) the register must hold the value without a break. That is a forward zone when f
//! comes before s; otherwise all operations of the cluster overlap, and the value may be held for a moment only,
//! somewhere in its backward zone from s to f. A history is linearizable exactly when no read ends before its write
//! begins, no two forward zones overlap, and no backward zone lies within a forward one (Gibbons and Korach,
//! "Testing shared memories", 1997). Sorting the zones takes O(n log n).

use crate::check::story::{Fate, NULL, OPEN, Op, Operation, Story, Values};
use crate::parts::order;

/// The end of the write that nobody saw: the absent value is there before anything begins.
const BEFORE: i64 = -1;

/// No operation.
const NOBODY: u32 = u32::MAX;

/// A value that was written, with its reads.
#[derive(Clone, Copy)]
struct Cluster {
    writer: u32,
    /// The first end, and whose it is.
    first: (i64, u32),
    /// The last beginning, and whose it is.
    last: (i64, u32),
    /// The read that ends first.
    read: (i64, u32),
}

const EMPTY: Cluster = Cluster {
    writer: NOBODY,
    first: (i64::MAX, NOBODY),
    last: (BEFORE, NOBODY),
    read: (i64::MAX, NOBODY),
};

/// Why a history is not linearizable.
pub(super) struct Clash {
    /// In words.
    pub reason: String,
    /// The operations that prove it.
    pub proof: Vec<u32>,
}

/// What can be said without a search.
pub(super) enum Quick {
    /// It is linearizable.
    Kept,
    /// It is not.
    Broken(Clash),
    /// Nothing: there are other operations, or a value that was written twice.
    Mute,
}

/// Judges the operations on one object, in the order of their beginnings, none of them failed.
pub(super) fn judge(story: &Story<'_>, operations: &[u32]) -> Quick {
    let mut values = Values::with_room(operations.len() / 2);
    let mut clusters: Vec<Cluster> = Vec::with_capacity(operations.len() + 1);
    clusters.push(Cluster {
        first: (BEFORE, NOBODY),
        ..EMPTY
    });
    for index in operations {
        let it = &story.operations[*index as usize];
        let value = match (it.op, it.fate) {
            (Op::Read, Fate::Done) => it.result,
            // What a read without an answer would have returned, nobody knows.
            (Op::Read, _) => continue,
            (Op::Write, _) => it.argument,
            _ => return Quick::Mute,
        };
        let value = values.number(value) as usize;
        if value == clusters.len() {
            clusters.push(EMPTY);
        }
        if !clusters[value].add(*index, it) || value == NULL as usize && it.op == Op::Write {
            return Quick::Mute;
        }
    }
    match earliest_clash(story, &clusters) {
        Some(clash) => Quick::Broken(clash),
        None => Quick::Kept,
    }
}

impl Cluster {
    /// Adds an operation, unless it is a second write.
    fn add(&mut self, index: u32, it: &Operation<'_>) -> bool {
        let end = if it.over() == OPEN {
            i64::MAX
        } else {
            i64::from(it.end)
        };
        self.first = self.first.min((end, index));
        self.last = self.last.max((i64::from(it.begin), index));
        if it.op == Op::Read {
            self.read = self.read.min((end, index));
            return true;
        }
        let alone = self.writer == NOBODY;
        self.writer = index;
        alone
    }

    fn is_forward(&self) -> bool {
        self.first.0 < self.last.0
    }

    /// The operations that make its zone.
    fn makers(&self) -> impl Iterator<Item = u32> {
        [self.writer, self.first.1, self.last.1]
            .into_iter()
            .filter(|it| *it != NOBODY)
    }
}

/// The clash that shows first.
fn earliest_clash(story: &Story<'_>, clusters: &[Cluster]) -> Option<Clash> {
    let mut found: Option<(i64, Case)> = None;
    let mut note = |at: i64, case: Case| {
        if found.as_ref().is_none_or(|it| at < it.0) {
            found = Some((at, case));
        }
    };
    let mut forward: Vec<Cluster> = Vec::new();
    for (value, it) in clusters.iter().enumerate() {
        let is_read = it.read.1 != NOBODY;
        // The absent value is there without a write; a write of unknown fate that nobody read may never have happened.
        if it.writer == NOBODY && value != NULL as usize {
            note(it.read.0, Case::Unwritten(it.read.1));
        } else if it.writer != NOBODY
            && it.read.0 < i64::from(story.operations[it.writer as usize].begin)
        {
            note(it.read.0, Case::Early(it.read.1, it.writer));
        } else if it.is_forward() && (is_read || it.writer != NOBODY) {
            forward.push(*it);
        }
    }
    order::sort_by_key(&mut forward, |it| it.first);
    // Of the zones so far, the one that reaches furthest.
    let mut furthest: Option<&Cluster> = None;
    for it in &forward {
        if let Some(before) = furthest.filter(|before| it.first.0 < before.last.0) {
            note(shown(before).max(shown(it)), Case::Overlap(*before, *it));
        }
        if furthest.is_none_or(|before| before.last.0 < it.last.0) {
            furthest = Some(it);
        }
    }
    if found.is_none() {
        // Forward zones are apart here, so only the last one that begins before a backward zone can hold it.
        let backward = clusters
            .iter()
            .filter(|it| it.last.1 != NOBODY && !it.is_forward());
        for it in backward {
            let before = forward.partition_point(|zone| zone.first.0 < it.last.0);
            let zone = before.checked_sub(1).map(|place| &forward[place]);
            if let Some(zone) = zone.filter(|zone| it.first.0 < zone.last.0) {
                note_inside(story, zone, it, &mut found);
            }
        }
    }
    let (reason, proof) = found?.1.tell(story);
    Some(Clash { reason, proof })
}

fn note_inside(
    story: &Story<'_>,
    zone: &Cluster,
    inside: &Cluster,
    found: &mut Option<(i64, Case)>,
) {
    let at = i64::from(story.operations[zone.last.1 as usize].end);
    if found.as_ref().is_none_or(|it| at < it.0) {
        *found = Some((at, Case::Inside(*zone, *inside)));
    }
}

/// When the later of the two that make a zone is known: not before its beginning.
fn shown(zone: &Cluster) -> i64 {
    zone.last.0
}

/// The ways to clash.
enum Case {
    /// A read of what nobody wrote.
    Unwritten(u32),
    /// A read that ended before its write began.
    Early(u32, u32),
    /// Two values at once.
    Overlap(Cluster, Cluster),
    /// A value that came and went while another was held.
    Inside(Cluster, Cluster),
}

impl Case {
    /// In words, with the operations that prove it.
    fn tell(&self, story: &Story<'_>) -> (String, Vec<u32>) {
        let say = |index: u32| story.describe(&story.operations[index as usize]);
        match self {
            Case::Unwritten(read) => (
                format!("{} returned what nobody wrote", say(*read)),
                vec![*read],
            ),
            Case::Early(read, writer) => (
                format!(
                    "{} returned what was not yet written: {} came later",
                    say(*read),
                    say(*writer)
                ),
                vec![*read, *writer],
            ),
            Case::Overlap(one, two) => (
                format!(
                    "two values at once: {}, and {}",
                    held(story, one),
                    held(story, two)
                ),
                distinct(one.makers().chain(two.makers())),
            ),
            Case::Inside(zone, inside) => {
                let (ended, begun) = (inside.first.1, inside.last.1);
                let between = if ended == begun {
                    say(ended)
                } else {
                    format!("{} and {}", say(begun), say(ended))
                };
                (
                    format!(
                        "{}, and yet another value was there in between: {between}",
                        held(story, zone)
                    ),
                    distinct(zone.makers().chain(inside.makers())),
                )
            }
        }
    }
}

/// From when until when a value is held.
fn held(story: &Story<'_>, zone: &Cluster) -> String {
    let say = |index: u32| story.describe(&story.operations[index as usize]);
    let last = &story.operations[zone.last.1 as usize];
    let key = if last.key.is_empty() {
        "the object"
    } else {
        last.key
    };
    let value = match last.op {
        Op::Read => last.result,
        _ => last.argument,
    };
    let value = super::story::short(value);
    if zone.first.1 == NOBODY {
        format!("{key} is {value} until {} begins", say(zone.last.1))
    } else {
        format!(
            "{key} is {value} from the end of {} to the beginning of {}",
            say(zone.first.1),
            say(zone.last.1)
        )
    }
}

fn distinct(proof: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut proof: Vec<u32> = proof.collect();
    order::sort(&mut proof);
    proof.dedup();
    proof
}
