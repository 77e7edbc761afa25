//! Transactions that append to lists and read them, judged by the circles in which they depend on each other.
//!
//! This is the method of Elle (Kingsbury and Alvaro, VLDB 2020) with the phenomena of Adya (1999): every appended
//! element is different, so a read of a list tells which transactions came before it and in which order. A transaction
//! must come before another because it appended first (ww), because the other read its element (wr), or because it
//! read a list to which the other then appended (rw); for strict serializability also because it ended before the
//! other began (rt). Transactions are serializable exactly when nothing goes round in a circle:
//!
//! | level | phenomena that must not be |
//! |---|---|
//! | read-uncommitted | G0: a circle of ww |
//! | read-committed | and G1a: a read of what was undone; G1b: of what was half done; G1c: a circle of ww and wr |
//! | snapshot-isolation | and a circle in which no two rw stand together; G-single (read skew) has one rw in all |
//! | serializable | and any circle; G2-item (write skew) when rw stand together |
//!
//! Plain `append` and `read` operations count as transactions of one step each. So do those on registers, if there are
//! any: they depend on nothing but each other, and on one object linearizability implies all levels. With real time
//! it is the same as strict serializability.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::check::cycle::{Edge, Graph, Kind};
use crate::check::lists::list;
use crate::check::story::{Fate, Lookup, Op, Operation, Story, Values, short};
use crate::check::{Judgement, linearizable};
use crate::parts::order;
use crate::trace::HistoryEvent;

/// Appended to a list right before the other.
const WW: Kind = 1;
/// Appended what the other read.
const WR: Kind = 2;
/// Read a list before the other appended to it.
const RW: Kind = 4;
/// Ended before the other began.
const RT: Kind = 8;

/// So many pairs of a reader and an append that nobody saw are looked at, for each list.
const PAIRS_MAX: usize = 1 << 22;

/// So many rw are tried as the only one of a circle before any circle will do.
const SINGLES_TRIED: usize = 200;

/// How much is promised.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    ReadUncommitted,
    ReadCommitted,
    SnapshotIsolation,
    Serializable,
}

/// Serializability.
pub fn serializable(history: &[HistoryEvent]) -> Judgement {
    check_serializable(&Story::new(history))
}

/// Strict serializability: real time counts, too.
pub fn strict_serializable(history: &[HistoryEvent]) -> Judgement {
    check_strict_serializable(&Story::new(history))
}

/// Snapshot isolation.
pub fn snapshot_isolation(history: &[HistoryEvent]) -> Judgement {
    check_snapshot_isolation(&Story::new(history))
}

/// [`serializable`], for a history that has been read already.
pub fn check_serializable(story: &Story<'_>) -> Judgement {
    check(story, Level::Serializable, false)
}

/// [`strict_serializable`], for a history that has been read already.
pub fn check_strict_serializable(story: &Story<'_>) -> Judgement {
    check(story, Level::Serializable, true)
}

/// [`snapshot_isolation`], for a history that has been read already.
pub fn check_snapshot_isolation(story: &Story<'_>) -> Judgement {
    check(story, Level::SnapshotIsolation, false)
}

/// Read committed, for a history that has been read already.
pub fn check_read_committed(story: &Story<'_>) -> Judgement {
    check(story, Level::ReadCommitted, false)
}

/// Read uncommitted, for a history that has been read already.
pub fn check_read_uncommitted(story: &Story<'_>) -> Judgement {
    check(story, Level::ReadUncommitted, false)
}

fn check(story: &Story<'_>, level: Level, real_time: bool) -> Judgement {
    let registers = registers(story);
    if registers.is_empty() {
        return check_lists(story, level, real_time);
    }
    let is_inside = |it: &Operation<'_>| it.op != Op::Txn && registers.contains(it.key);
    let lists = story.part(|it| !is_inside(it));
    let rest = match linearizable::check(&story.part(is_inside)) {
        Judgement::Broken(breach) if !real_time => Judgement::Open(format!(
            "serializability cannot be judged for registers that are not linearizable: {}",
            breach.reason
        )),
        judgement => judgement,
    };
    check_lists(&lists, level, real_time).or(rest)
}

/// The objects that are no lists: registers, with single operations only.
fn registers<'a>(story: &Story<'a>) -> BTreeSet<&'a str> {
    const REGISTER: [Op; 4] = [Op::Read, Op::Write, Op::Cas, Op::Incr];
    let mut registers = BTreeSet::new();
    for it in &story.operations {
        let is_odd = it.op == Op::Read && it.is_done() && list(it.result).is_none();
        let writes = REGISTER[1..].contains(&it.op) && it.fate != Fate::Failed;
        if is_odd || writes {
            registers.insert(it.key);
        }
    }
    if registers.is_empty() {
        return registers;
    }
    for it in story.operations.iter() {
        // An append that a number refused makes no list.
        if !REGISTER.contains(&it.op) && it.fate != Fate::Failed {
            registers.remove(it.key);
        }
        if it.op != Op::Txn {
            continue;
        }
        let steps = [it.argument, it.result];
        for step in steps.iter().filter_map(|it| it.as_array()).flatten() {
            match step.get(1) {
                Some(Json::String(name)) => drop(registers.remove(name.as_str())),
                Some(other) => drop(registers.remove(other.to_string().as_str())),
                None => {}
            }
        }
    }
    registers
}

fn check_lists(story: &Story<'_>, level: Level, real_time: bool) -> Judgement {
    // What failed and is no append changed no list.
    let is_list = |op: Op| matches!(op, Op::Txn | Op::Append | Op::Read);
    let story = &story.part(|it| is_list(it.op) || it.fate != Fate::Failed);
    let verdict = Lists::new(story).and_then(|mut lists| {
        lists.within_each()?;
        lists.versions()?;
        if level >= Level::ReadCommitted {
            lists.undone_or_half_done()?;
        }
        lists.depend(real_time);
        lists.circles(level)?;
        if lists.cut_short {
            return Err(Judgement::Open(
                "too many appends were read by nobody to look at all their readers".to_owned(),
            ));
        }
        Ok(())
    });
    verdict.err().unwrap_or(Judgement::Kept)
}

/// One step of a transaction.
#[derive(Clone, Copy)]
enum Step<'a> {
    Append {
        key: u32,
        element: u32,
    },
    /// A read, with what it returned when that is known.
    Read {
        key: u32,
        list: Option<&'a [Json]>,
    },
}

/// A read of a done transaction: what others had appended by then, without its own.
#[derive(Clone, Copy)]
struct Read<'a> {
    transaction: u32,
    list: &'a [Json],
    /// How many at the end are its own.
    own: usize,
}

struct Lists<'s, 'a> {
    story: &'s Story<'a>,
    steps: Vec<Vec<Step<'a>>>,
    keys: Vec<String>,
    values: Values<'a>,
    /// Who appended each element of each list, in which of its appends to that list (counted from the end).
    appended: Lookup<(u32, u32), (u32, u32)>,
    reads: Vec<Vec<Read<'a>>>,
    /// The longest list that was read of each key.
    longest: Vec<Option<Read<'a>>>,
    /// The same as who appended what.
    orders: Vec<Vec<(u32, u32)>>,
    graph: Graph,
    /// The list and the element that an edge is about.
    about: BTreeMap<Edge, (u32, u32)>,
    cut_short: bool,
}

impl<'s, 'a> Lists<'s, 'a> {
    fn new(story: &'s Story<'a>) -> Result<Lists<'s, 'a>, Judgement> {
        story.admits("serializability", &[Op::Txn, Op::Append, Op::Read])?;
        let mut lists = Lists {
            story,
            steps: Vec::with_capacity(story.operations.len()),
            keys: Vec::new(),
            values: Values::default(),
            appended: Lookup::default(),
            reads: Vec::new(),
            longest: Vec::new(),
            orders: Vec::new(),
            graph: Graph::new(story.operations.len()),
            about: BTreeMap::new(),
            cut_short: false,
        };
        let mut keys: BTreeMap<String, u32> = BTreeMap::new();
        for (index, it) in story.operations.iter().enumerate() {
            let value = if it.is_done() { it.result } else { it.argument };
            let known = it.is_done();
            let mut number = |name: String| {
                let next = keys.len() as u32;
                *keys.entry(name).or_insert(next)
            };
            let mut steps = Vec::new();
            match it.op {
                Op::Append => steps.push(Step::Append {
                    key: number(it.key.to_owned()),
                    element: lists.values.number(it.argument),
                }),
                Op::Read => {
                    let odd = || {
                        Judgement::Open(format!(
                            "serializability cannot be judged: {} is no read of a list",
                            story.describe(it)
                        ))
                    };
                    let key = number(it.key.to_owned());
                    let list = list(value).map(|it| known.then_some(it)).ok_or_else(odd)?;
                    steps.push(Step::Read { key, list });
                }
                _ => {
                    for step in value.as_array().into_iter().flatten() {
                        let read = lists.step(step, known, &mut number);
                        let strange = || {
                            Judgement::Open(format!(
                                "serializability cannot be judged: {} is neither an append nor a read of a list, in {}",
                                short(step),
                                story.describe(it)
                            ))
                        };
                        steps.push(read.ok_or_else(strange)?);
                    }
                }
            }
            lists.enlist(index as u32, &steps)?;
            lists.steps.push(steps);
        }
        lists.keys = vec![String::new(); keys.len()];
        for (name, number) in keys {
            lists.keys[number as usize] = name;
        }
        lists.reads = vec![Vec::new(); lists.keys.len()];
        lists.longest = vec![None; lists.keys.len()];
        Ok(lists)
    }

    /// Reads `["append",k,v]` or `["r",k,[…]]`.
    fn step(
        &mut self,
        step: &'a Json,
        known: bool,
        number: &mut impl FnMut(String) -> u32,
    ) -> Option<Step<'a>> {
        let key = match step.get(1)? {
            Json::String(name) => name.clone(),
            other => other.to_string(),
        };
        let key = number(key);
        let value = step.get(2).unwrap_or(&Json::Null);
        match step.get(0)?.as_str()? {
            "append" => Some(Step::Append {
                key,
                element: self.values.number(step.get(2)?),
            }),
            "r" if known => list(value).map(|it| Step::Read {
                key,
                list: Some(it),
            }),
            "r" => Some(Step::Read { key, list: None }),
            _ => None,
        }
    }

    /// Notes who appended what. An element that was appended twice would leave open whom a read saw.
    fn enlist(&mut self, index: u32, steps: &[Step<'_>]) -> Result<(), Judgement> {
        let mut later: BTreeMap<u32, u32> = BTreeMap::new();
        for step in steps.iter().rev() {
            let Step::Append { key, element } = *step else {
                continue;
            };
            let from_the_end = later.entry(key).or_default();
            let known = self.appended.insert((key, element), (index, *from_the_end));
            *from_the_end += 1;
            if let Some((other, _)) = known {
                return Err(Judgement::Open(format!(
                    "serializability cannot be judged: {} was appended twice, in {} and in {}",
                    short(&self.values.show(element)),
                    self.say(other),
                    self.say(index)
                )));
            }
        }
        Ok(())
    }

    fn say(&self, transaction: u32) -> String {
        self.story
            .describe(&self.story.operations[transaction as usize])
    }

    fn fate(&self, transaction: u32) -> Fate {
        self.story.operations[transaction as usize].fate
    }

    fn element(&mut self, value: &'a Json) -> u32 {
        self.values.number(value)
    }

    /// A phenomenon, proved by these transactions.
    fn broken(&self, reason: String, proof: &[u32]) -> Judgement {
        self.story.broken(reason, proof)
    }

    /// A transaction must see what it did and read itself. Collects all reads.
    fn within_each(&mut self) -> Result<(), Judgement> {
        for transaction in 0..self.steps.len() as u32 {
            if self.fate(transaction) != Fate::Done {
                continue;
            }
            // Of each list: what was read last, and what was appended since.
            let mut known: BTreeMap<u32, (Option<&'a [Json]>, Vec<u32>)> = BTreeMap::new();
            let mut own: BTreeMap<u32, usize> = BTreeMap::new();
            for step in self.steps[transaction as usize].clone() {
                match step {
                    Step::Append { key, element } => {
                        known.entry(key).or_default().1.push(element);
                        *own.entry(key).or_default() += 1;
                    }
                    Step::Read { key, list } => {
                        let Some(list) = list else { continue };
                        let (before, since) = known.entry(key).or_default();
                        let split = list.len().checked_sub(since.len());
                        let fits = split.is_some_and(|split| {
                            let ends = list[split..].iter().map(|it| self.values.number(it));
                            ends.eq(since.iter().copied())
                                && before.is_none_or(|it| *it == list[..split])
                        });
                        if !fits {
                            let reason = format!(
                                "internal: {} reads {} as if it had not read and appended itself",
                                self.say(transaction),
                                self.keys[key as usize]
                            );
                            return Err(self.broken(reason, &[transaction]));
                        }
                        (*before, *since) = (Some(list), Vec::new());
                        self.reads[key as usize].push(Read {
                            transaction,
                            list,
                            own: own.get(&key).copied().unwrap_or(0),
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// All reads of a list must be beginnings of one list, of elements that were appended, each once.
    fn versions(&mut self) -> Result<(), Judgement> {
        for key in 0..self.keys.len() {
            let longest = self.reads[key].iter().copied().reduce(|one, other| {
                if other.list.len() > one.list.len() {
                    other
                } else {
                    one
                }
            });
            let Some(longest) = longest else { continue };
            self.longest[key] = Some(longest);
            let odd = self.reads[key]
                .iter()
                .find(|it| it.list != &longest.list[..it.list.len()]);
            if let Some(odd) = odd {
                let reason = format!(
                    "incompatible orders of {}: {} and {}",
                    self.keys[key],
                    self.say(odd.transaction),
                    self.say(longest.transaction)
                );
                return Err(self.broken(reason, &[odd.transaction, longest.transaction]));
            }
            let mut met: Lookup<u32, ()> = Lookup::default();
            for value in longest.list {
                let element = self.element(value);
                let say = format!("{} in {}", short(value), self.say(longest.transaction));
                if met.insert(element, ()).is_some() {
                    let reason = format!("duplicate element: {say} is there twice");
                    return Err(self.broken(reason, &[longest.transaction]));
                }
                if !self.appended.contains_key(&(key as u32, element)) {
                    let reason = format!("garbage read: {say} was appended by nobody");
                    return Err(self.broken(reason, &[longest.transaction]));
                }
            }
        }
        Ok(())
    }

    /// G1a and G1b.
    fn undone_or_half_done(&mut self) -> Result<(), Judgement> {
        for key in 0..self.keys.len() as u32 {
            for read in self.reads[key as usize].clone() {
                // Whatever lies within the longest list is looked at there.
                let is_longest =
                    self.longest[key as usize].is_some_and(|it| it.transaction == read.transaction);
                let outside = &read.list[..read.list.len() - read.own];
                let from = if is_longest {
                    0
                } else {
                    outside.len().saturating_sub(1)
                };
                for (place, value) in outside.iter().enumerate().skip(from) {
                    let element = self.element(value);
                    let Some((writer, later)) = self.appended.get(&(key, element)).copied() else {
                        continue;
                    };
                    let what = if self.fate(writer) == Fate::Failed {
                        "G1a, aborted read"
                    } else if place + 1 == outside.len() && later > 0 && writer != read.transaction
                    {
                        "G1b, intermediate read"
                    } else {
                        continue;
                    };
                    let reason = format!(
                        "{what}: {} saw {} of {}",
                        self.say(read.transaction),
                        short(value),
                        self.say(writer)
                    );
                    return Err(self.broken(reason, &[read.transaction, writer]));
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, from: u32, to: u32, kind: Kind, about: (u32, u32)) {
        if from != to && self.about.insert((from, to, kind), about).is_none() {
            self.graph.add(from, to, kind);
        }
    }

    /// Whether a transaction was done for certain: it says so, or somebody saw what it did.
    fn done(&self) -> Vec<bool> {
        let mut done: Vec<bool> = (0..self.steps.len() as u32)
            .map(|it| self.fate(it) == Fate::Done)
            .collect();
        for (writer, _) in self.orders.iter().flatten() {
            done[*writer as usize] |= self.fate(*writer) == Fate::Unknown;
        }
        done
    }

    /// Works out who must come before whom.
    fn depend(&mut self, real_time: bool) {
        for key in 0..self.keys.len() as u32 {
            let longest = self.longest[key as usize].map_or(&[][..], |it| it.list);
            let mut order: Vec<(u32, u32)> = Vec::with_capacity(longest.len());
            for value in longest {
                let element = self.element(value);
                let writer = self.appended.get(&(key, element)).map_or(0, |it| it.0);
                order.push((writer, element));
            }
            self.orders.push(order);
        }
        let mut unseen = self.unseen();
        for key in 0..self.keys.len() as u32 {
            let order = std::mem::take(&mut self.orders[key as usize]);
            for pair in order.windows(2) {
                let [(one, _), (other, element)] = pair else {
                    continue;
                };
                self.add(*one, *other, WW, (key, *element));
            }
            for read in self.reads[key as usize].clone() {
                let length = read.list.len() - read.own;
                if let Some((writer, element)) = length.checked_sub(1).map(|it| order[it]) {
                    self.add(writer, read.transaction, WR, (key, element));
                }
                if let Some((writer, element)) = order.get(length) {
                    self.add(read.transaction, *writer, RW, (key, *element));
                }
            }
            let unseen = std::mem::take(&mut unseen[key as usize]);
            self.after_all(key, &order, &unseen);
        }
        if real_time {
            self.real_time();
        }
    }

    /// Of each list what was done and is in no read: who appended what.
    fn unseen(&self) -> Vec<Vec<(u32, u32)>> {
        let mut seen: Lookup<(u32, u32), ()> = Lookup::default();
        for (key, order) in (0..).zip(&self.orders) {
            seen.extend(order.iter().map(|it| ((key, it.1), ())));
        }
        let done = self.done();
        let mut unseen = vec![Vec::new(); self.keys.len()];
        for (transaction, steps) in (0..).zip(&self.steps) {
            for step in steps.iter().filter(|_| done[transaction as usize]) {
                match *step {
                    Step::Append { key, element } if !seen.contains_key(&(key, element)) => {
                        unseen[key as usize].push((transaction, element));
                    }
                    _ => {}
                }
            }
        }
        unseen
    }

    /// What nobody read must come after everything that was read.
    fn after_all(&mut self, key: u32, order: &[(u32, u32)], unseen: &[(u32, u32)]) {
        let last = self.reads[key as usize]
            .iter()
            .filter(|it| it.list.len() - it.own == order.len());
        let readers: Vec<u32> = last.map(|it| it.transaction).collect();
        if readers.len().saturating_mul(unseen.len()) > PAIRS_MAX {
            self.cut_short = true;
            return;
        }
        for (writer, element) in unseen {
            if let Some((before, _)) = order.last() {
                self.add(*before, *writer, WW, (key, *element));
            }
            for reader in &readers {
                self.add(*reader, *writer, RW, (key, *element));
            }
        }
    }

    /// Who ended before whom began: only what does not follow from the rest.
    fn real_time(&mut self) {
        let mut lines: Vec<(u32, u32, bool)> = Vec::new();
        for (index, it) in (0..).zip(&self.story.operations) {
            if it.fate != Fate::Failed {
                lines.push((it.begin, index, false));
            }
            if it.is_done() {
                lines.push((it.end, index, true));
            }
        }
        order::sort(&mut lines);
        // Those that have ended, without those that ended before another of them began.
        let mut ended: Vec<u32> = Vec::new();
        for (_, index, is_end) in lines {
            if is_end {
                let begin = self.story.operations[index as usize].begin;
                ended.retain(|it| self.story.operations[*it as usize].end > begin);
                ended.push(index);
            } else {
                for before in &ended {
                    self.graph.add(*before, index, RT);
                }
            }
        }
    }

    /// G0, G1c, and circles with rw.
    fn circles(&mut self, level: Level) -> Result<(), Judgement> {
        self.circle(WW | RT, WW, "G0, write cycle")?;
        if level >= Level::ReadCommitted {
            self.circle(WW | WR | RT, WR, "G1c, circular information flow")?;
        }
        if level < Level::SnapshotIsolation {
            return Ok(());
        }
        if let Some(circle) = self.single() {
            let name = if self.loses_an_update(&circle) {
                "lost update (G-single)"
            } else {
                "G-single, read skew"
            };
            return Err(self.tell(name, &circle));
        }
        if let Some(circle) = self.apart() {
            return Err(self.tell("G-nonadjacent, read skew in several places", &circle));
        }
        if level == Level::Serializable {
            self.circle(WW | WR | RW | RT, RW, "G2-item, write skew")?;
        }
        Ok(())
    }

    fn circle(&self, kinds: Kind, with: Kind, name: &str) -> Result<(), Judgement> {
        match self.graph.circle(kinds, with) {
            None => Ok(()),
            Some(circle) => Err(self.tell(name, &circle)),
        }
    }

    /// A circle with one rw.
    fn single(&self) -> Option<Vec<Edge>> {
        let knots = self.graph.knots(WW | WR | RW | RT);
        let in_knot =
            |(from, to, kind): &Edge| *kind == RW && knots[*from as usize] == knots[*to as usize];
        let tried = self.graph.edges().filter(in_knot).take(SINGLES_TRIED);
        tried
            .filter_map(|edge| {
                let home = knots[edge.0 as usize];
                let inside = |it: u32| knots[it as usize] == home;
                let mut way = self.graph.way(edge.1, edge.0, WW | WR | RT, inside)?;
                way.insert(0, edge);
                Some(way)
            })
            .min_by_key(Vec::len)
    }

    /// A circle in which no two rw stand together. Each transaction is there twice: reached by an rw, or otherwise.
    fn apart(&self) -> Option<Vec<Edge>> {
        let count = self.steps.len() as u32;
        let mut graph = Graph::new(2 * count as usize);
        for (from, to, kind) in self.graph.edges() {
            if kind == RW {
                graph.add(from, to + count, kind);
            } else {
                graph.add(from, to, kind);
                graph.add(from + count, to, kind);
            }
        }
        let mut circle = graph.circle(WW | WR | RW | RT, RW)?;
        for edge in &mut circle {
            (edge.0, edge.1) = (edge.0 % count, edge.1 % count);
        }
        Some(circle)
    }

    /// Whether both read the same version of a list and then both appended to it.
    fn loses_an_update(&self, circle: &[Edge]) -> bool {
        let about = |kind: Kind| {
            let edge = circle.iter().find(|it| it.2 == kind)?;
            self.about.get(edge).map(|it| it.0)
        };
        let (Some(one), Some(other)) = (about(RW), about(WW)) else {
            return false;
        };
        circle.len() == 2 && one == other
    }

    fn tell(&self, name: &str, circle: &[Edge]) -> Judgement {
        let proof: Vec<u32> = circle.iter().map(|it| it.0).collect();
        let label = |transaction: u32| {
            let place = proof.iter().position(|it| *it == transaction).unwrap_or(0);
            format!("T{}", place + 1)
        };
        let who: Vec<String> = proof
            .iter()
            .map(|it| format!("{} is {}", label(*it), self.say(*it)))
            .collect();
        let why = |edge: &Edge| {
            let (one, other) = (label(edge.0), label(edge.1));
            let (list, element) = match self.about.get(edge) {
                Some((key, element)) => (
                    self.keys[*key as usize].clone(),
                    short(&self.values.show(*element)),
                ),
                None => Default::default(),
            };
            match edge.2 {
                WW => format!("{other} appended {element} to {list} after {one} (ww)"),
                WR => format!("{other} read {list} with {element} of {one} (wr)"),
                RW => format!("{one} read {list} without {element} of {other} (rw)"),
                _ => format!("{other} began after {one} had ended (rt)"),
            }
        };
        let why: Vec<String> = circle.iter().map(why).collect();
        let reason = format!("{name}: {}. {}", who.join("; "), why.join("; "));
        self.broken(reason, &proof)
    }
}
