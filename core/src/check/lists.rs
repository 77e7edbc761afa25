//! Lists to which every value is appended once: judged without a search.
//!
//! A read of such a list tells the order of all appends before it (Kingsbury and Alvaro, "Elle", VLDB 2020). So the
//! longest read, of n values, gives the one order that is possible: reads of nothing, the first append, reads of one
//! value, the second append, … reads of n values, and then the appends that nobody saw. Those of one step of it may
//! stand in any order among themselves. A list is linearizable exactly when every read is a beginning of the longest,
//! holds nothing that was not appended and nothing twice, and nobody in this order ended before somebody at an earlier
//! step began.

use serde_json::Value as Json;

use crate::check::Judgement;
use crate::check::story::{Fate, Lookup, Op, Operation, Story, Values, by_client, by_key, short};
use crate::check::zones::{Clash, Quick};
use crate::parts::order;

/// A read that was done.
#[derive(Clone, Copy)]
struct Read<'a> {
    /// Its place in the story.
    operation: u32,
    list: &'a [Json],
}

/// The appends and the reads of one list.
struct Lists<'s, 'a> {
    story: &'s Story<'a>,
    values: Values<'a>,
    /// Who appended a value: its place in the story.
    appended: Lookup<u32, u32>,
    reads: Vec<Read<'a>>,
}

/// Judges the operations on one object, in the order of their beginnings, none of them failed.
pub(super) fn judge(story: &Story<'_>, operations: &[u32]) -> Quick {
    let of = |it: &u32| &story.operations[*it as usize];
    if operations
        .iter()
        .any(|it| !matches!(of(it).op, Op::Append | Op::Read))
    {
        return Quick::Mute;
    }
    let is_odd = |it: &&u32| of(it).is_done() && list(of(it).result).is_none();
    let mut reads = operations.iter().filter(|it| of(it).op == Op::Read);
    if let Some(odd) = reads.find(is_odd) {
        let reason = format!("{} returned what is no list", story.describe(of(odd)));
        return Quick::Broken(clash(reason, vec![*odd]));
    }
    let Some(mut lists) = Lists::new(story, operations.iter().copied()) else {
        return Quick::Mute;
    };
    match lists.are_one().and_then(|()| lists.in_time(operations)) {
        Ok(()) => Quick::Kept,
        Err(clash) => Quick::Broken(clash),
    }
}

fn clash(reason: String, proof: Vec<u32>) -> Clash {
    Clash { reason, proof }
}

impl<'s, 'a> Lists<'s, 'a> {
    /// `None` when a value was appended twice.
    fn new(story: &'s Story<'a>, operations: impl Iterator<Item = u32>) -> Option<Lists<'s, 'a>> {
        let mut lists = Lists {
            story,
            values: Values::default(),
            appended: Lookup::default(),
            reads: Vec::new(),
        };
        for index in operations {
            let it = &story.operations[index as usize];
            if it.op == Op::Append {
                let value = lists.values.number(it.argument);
                if lists.appended.insert(value, index).is_some() {
                    return None;
                }
            } else if it.is_done() {
                let list = list(it.result)?;
                let operation = index;
                lists.reads.push(Read { operation, list });
            }
        }
        Some(lists)
    }

    fn say(&self, index: u32) -> String {
        self.story.describe(&self.story.operations[index as usize])
    }

    fn at(&self, index: u32) -> &Operation<'a> {
        &self.story.operations[index as usize]
    }

    /// Who appended this.
    fn writer(&mut self, value: &'a Json) -> Option<u32> {
        let value = self.values.number(value);
        self.appended.get(&value).copied()
    }

    /// What nobody appended, or what is there twice.
    fn garbage(&mut self, read: Read<'a>) -> Result<(), Clash> {
        let mut met: Lookup<u32, ()> = Lookup::default();
        for value in read.list {
            let Some(writer) = self.writer(value) else {
                let reason = format!(
                    "{} returned {}, which nobody appended",
                    self.say(read.operation),
                    short(value)
                );
                return Err(clash(reason, vec![read.operation]));
            };
            if met.insert(writer, ()).is_some() {
                let reason = format!(
                    "{} returned twice what was appended once: {}",
                    self.say(read.operation),
                    self.say(writer)
                );
                return Err(clash(reason, sorted(vec![read.operation, writer])));
            }
        }
        Ok(())
    }

    /// The longest read; of several the first.
    fn longest(&self) -> Option<Read<'a>> {
        self.reads.iter().copied().reduce(|one, other| {
            if other.list.len() > one.list.len() {
                other
            } else {
                one
            }
        })
    }

    /// Whether all reads are beginnings of one list, of what was appended.
    fn are_one(&mut self) -> Result<(), Clash> {
        let Some(longest) = self.longest() else {
            return Ok(());
        };
        self.garbage(longest)?;
        let differs = |it: &&Read<'_>| it.list != &longest.list[..it.list.len()];
        let Some(odd) = self.reads.iter().find(differs).copied() else {
            return Ok(());
        };
        self.garbage(odd)?;
        let place = odd.list.iter().zip(longest.list);
        let place = place.take_while(|it| it.0 == it.1).count();
        let mut proof = vec![odd.operation, longest.operation];
        proof.extend(self.writer(&odd.list[place]));
        proof.extend(self.writer(&longest.list[place]));
        let reason = format!(
            "no list begins as both {} and {}: one has {} where the other has {}",
            self.say(odd.operation),
            self.say(longest.operation),
            short(&odd.list[place]),
            short(&longest.list[place])
        );
        Err(clash(reason, sorted(proof)))
    }

    /// Operations by the step of the order at which they stand: an append before the reads that see it. Those that may
    /// never have happened are left out.
    fn steps(&mut self, operations: &[u32]) -> Vec<(usize, u32)> {
        let mut seen: Lookup<u32, usize> = Lookup::default();
        let longest = self.longest().map_or(&[][..], |it| it.list);
        for (place, value) in longest.iter().enumerate() {
            if let Some(writer) = self.writer(value) {
                seen.insert(writer, place);
            }
        }
        let mut steps: Vec<(usize, u32)> = Vec::with_capacity(operations.len());
        steps.extend(
            self.reads
                .iter()
                .map(|it| (2 * it.list.len(), it.operation)),
        );
        for index in operations
            .iter()
            .filter(|it| self.at(**it).op == Op::Append)
        {
            match seen.get(index) {
                Some(place) => steps.push((2 * place + 1, *index)),
                None if self.at(*index).is_done() => steps.push((2 * longest.len() + 1, *index)),
                None => {}
            }
        }
        order::sort(&mut steps);
        steps
    }

    /// Whether the order respects real time.
    fn in_time(&mut self, operations: &[u32]) -> Result<(), Clash> {
        let steps = self.steps(operations);
        // Of all earlier steps, and of the present one, the operation that began last.
        let (mut before, mut here): (Option<u32>, Option<u32>) = (None, None);
        let mut step = 0;
        let mut found: Option<(u32, u32)> = None;
        for (at, index) in steps {
            let later = |one: Option<u32>| {
                let began = |it: u32| self.at(it).begin;
                one.filter(|it| began(*it) >= began(index)).or(Some(index))
            };
            if at != step {
                (before, step) = (here, at);
            }
            here = later(here);
            let Some(before) = before else { continue };
            let end = self.at(index).over();
            let first = found.is_none_or(|it| end < self.at(it.1).over());
            if end < self.at(before).begin && first {
                found = Some((before, index));
            }
        }
        match found {
            Some((one, other)) => Err(self.tell(one, other)),
            None => Ok(()),
        }
    }

    /// Why `one` cannot come before `other`, which ended before it began.
    fn tell(&mut self, one: u32, other: u32) -> Clash {
        let (first, second) = (self.say(one), self.say(other));
        let mut proof = vec![one, other];
        let reason = match (self.at(one).op, self.at(other).op) {
            (Op::Read, Op::Read) => format!("{first} goes back behind {second}"),
            (Op::Read, _) => format!("{first} misses {second}"),
            (_, Op::Read) => {
                format!("{second} returned what was not yet there: {first} came later")
            }
            _ => {
                let value = self.at(one).argument;
                let sees = |it: &&Read<'_>| it.list.contains(value);
                let reads = self.reads.iter().filter(sees).map(|it| it.operation);
                let reader = reads.min_by_key(|it| self.at(*it).end).unwrap_or(one);
                proof.push(reader);
                format!(
                    "{} has {} without {} before it, yet {first} began after {second} had ended",
                    self.say(reader),
                    short(value),
                    short(self.at(other).argument)
                )
            }
        };
        clash(reason, sorted(proof))
    }
}

fn sorted(mut proof: Vec<u32>) -> Vec<u32> {
    order::sort(&mut proof);
    proof.dedup();
    proof
}

/// A list that was read; null is the empty one.
pub(super) fn list(value: &Json) -> Option<&[Json]> {
    match value {
        Json::Null => Some(&[]),
        Json::Array(items) => Some(items),
        _ => None,
    }
}

/// What a session guarantee asks of two lists.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Guarantee {
    /// A read has all that the client itself appended.
    ReadYourWrites,
    /// What a client reads begins with what it read before.
    MonotonicReads,
}

/// Judges a session guarantee for a history of lists only.
pub(super) fn session(story: &Story<'_>, guarantee: Guarantee) -> Judgement {
    let judge = match guarantee {
        Guarantee::ReadYourWrites => "read your writes",
        Guarantee::MonotonicReads => "monotonic reads",
    };
    if let Err(open) = story.admits(judge, &[Op::Read, Op::Append]) {
        return open;
    }
    let mut verdict = Judgement::Kept;
    for (key, operations) in by_key(story) {
        let came = |it: &u32| story.operations[*it as usize].fate != Fate::Failed;
        let Some(mut lists) = Lists::new(story, operations.iter().copied().filter(came)) else {
            let open = format!(
                "{judge} cannot be judged: {key} is no list to which every value is appended once"
            );
            verdict = verdict.or(Judgement::Open(open));
            continue;
        };
        let garbage = lists.reads.clone().into_iter();
        let garbage = garbage.map(|it| lists.garbage(it)).find_map(Result::err);
        if let Some(clash) = garbage {
            verdict = verdict.or(story.broken(clash.reason, &clash.proof));
        }
    }
    for operations in by_client(story) {
        verdict = verdict.or(one_session(story, &operations, guarantee));
    }
    verdict
}

/// The same for what one client did.
fn one_session(story: &Story<'_>, operations: &[u32], guarantee: Guarantee) -> Judgement {
    // Of each list what it must have: what the client appended, or the last read.
    let mut due: Lookup<&str, Vec<u32>> = Lookup::default();
    for index in operations {
        let it = &story.operations[*index as usize];
        let due = due.entry(it.key).or_default();
        if !it.is_done() {
            continue;
        }
        if it.op == Op::Append {
            if guarantee == Guarantee::ReadYourWrites {
                due.push(*index);
            }
            continue;
        }
        let values = list(it.result).unwrap_or_default();
        let mut numbers = Values::default();
        let mut there: Lookup<u32, ()> = Lookup::default();
        there.extend(values.iter().map(|it| (numbers.number(it), ())));
        let lacks = |other: &&u32| {
            let other = &story.operations[**other as usize];
            match other.op {
                Op::Append => !there.contains_key(&numbers.number(other.argument)),
                _ => !values.starts_with(list(other.result).unwrap_or_default()),
            }
        };
        if let Some(other) = due.iter().find(lacks) {
            let say = |it: u32| story.describe(&story.operations[it as usize]);
            let reason = match guarantee {
                Guarantee::ReadYourWrites => format!(
                    "{} does not reflect the same client's own {}",
                    say(*index),
                    say(*other)
                ),
                Guarantee::MonotonicReads => {
                    format!("{} goes back behind {}", say(*index), say(*other))
                }
            };
            return story.broken(reason, &[*index, *other]);
        }
        if guarantee == Guarantee::MonotonicReads {
            *due = vec![*index];
        }
    }
    Judgement::Kept
}
