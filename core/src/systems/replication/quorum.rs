//! Quorum stores: Dynamo, always writeable, and the registers of Attiya, Bar-Noy and Dolev, always exact.
//!
//! **The problem.** Keep each key on `N` nodes of many, so that it can be read and written although some of them are
//! dead, slow or cut off; without a leader, so that nobody has to be elected first.
//!
//! **The idea.** Any node takes a request and *coordinates* it: it sends the write to the key's `N` *homes* and answers
//! when `W` have it; it asks them for a read and answers when `R` have told. If `R + W > N`, those who were asked
//! include one who was told.
//!
//! ```text
//!          client            coordinator (any node)              homes of x: the next N nodes on the ring
//!            │── put x 5 ──▶ │── Write ──▶ h1  h2  h3                 ____n3____
//!            │◀── written ── │◀── Ack ── W of them                   /          \
//!            │── get x ────▶ │── Read ──▶ h1  h2  h3               n5   x ↷      n1   clockwise from where
//!            │◀── 5 ──────── │◀── Response ── R of them              \___n4__n2_/     x falls: n1, n2, n4
//! ```
//!
//! 1. **Ring** (Dynamo §4.2, §4.3). Nodes stand at several places (*tokens*) of a circle; a key's homes are the first
//!    `N` different nodes clockwise from its hash.
//! 2. **Versions** (§4.4). A client writes over what it has read: its *context*, a set of writes. Versions of which
//!    neither had seen the other are both kept: *siblings*, which the client sees and replaces by its next put. Here a
//!    coordinator remembers for each client what it saw last; or a request names it (`put x 7 after n1:2,n2:1`). Each
//!    write has a name of its own, a *dot*, since the paper's vector clocks alone lose one of two puts that come
//!    through one node with the same context. With `conflict=lww` the version with the greatest *stamp* wins instead
//!    (last writer wins).
//! 3. **Sloppy quorum, hinted handoff** (§4.6). When a home does not answer, the next node on the ring takes the write
//!    with a hint for whom it is, and hands it over when it can.
//! 4. **Read repair** (§5). A coordinator that finds a home behind sends it what it lacks.
//! 5. **Anti-entropy** (§4.7). Two homes compare Merkle trees of the keys they share, and exchange what differs.
//! 6. **Deletes** are versions without a value: *tombstones*. They are collected in time; the key's clock stays, so
//!    that a late copy of what was deleted is known to be old.
//! 7. **ABD.** With `promise=linearizable` a write first asks `R` homes for their stamps and takes a greater one, and a
//!    read first writes back what it found to `W` homes, so that no later read finds less.
//!
//! What clients are promised (`promise`) decides which of these bind: `eventual` is the paper's store. With `fresh` a
//! read finds every write that was acknowledged before: `R` is raised until `R + W > N`, and stand-ins do not count.
//!
//! **On disk**: the versions, the hints, and each node's count of its writes, before any answer that depends on them.
//! Messages have the names of the WARS model of P. Bailis and others (Probabilistically Bounded Staleness, VLDB 2012):
//! Write, Ack, Read, Response; a coordinator that is a home sends them to itself as well.
//!
//! What must hold is in `quorum/checks.rs`, scenarios and pictures are in `quorum/show.rs`. **Left out**: nodes that
//! join and leave (§4.8), and gossip of membership: every node knows the ring.
//!
//! Sources: G. DeCandia and others, "Dynamo", SOSP 2007; H. Attiya, A. Bar-Noy, D. Dolev, "Sharing Memory Robustly in
//! Message-Passing Systems", JACM 1995, with many writers as in N. Lynch, A. Shvartsman, FTCS 1997; N. Preguiça and
//! others, "Dotted Version Vectors", 2010.

mod checks;
mod show;
mod speech;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Serialize;

use crate::parts::hashing::hash;
use crate::parts::kv::{Key, KvRequest};
use crate::parts::log::Log;
use crate::parts::merkle::{self, Tree};
use crate::parts::order;
use crate::parts::quorum::NodeSet;
use crate::parts::ring::Ring;
use crate::parts::version::{Clock, Dot};
use crate::protocol::{ClientId, Ctx, NodeId, Protocol, RequestId, Stored};
use crate::sim::time::{Span, Time};
use crate::trace::PayloadHasher;

pub use speech::{Message, Request, Response, Timer};

/// What clients are promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pledge {
    /// When nobody writes any more, everybody reads the same.
    Eventual,
    /// A read finds every write that was acknowledged before it began.
    Fresh,
    /// There seems to be one copy.
    Linearizable,
}

/// What every node is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// `N`: how many homes a key has.
    pub n: u64,
    /// `R`: how many must answer a read.
    pub r: u64,
    /// `W`: how many must have a write.
    pub w: u64,
    /// What clients are promised.
    pub promise: Pledge,
    /// Whether the last writer wins; else siblings are kept.
    pub lww: bool,
    /// Whether other nodes stand in for homes that do not answer.
    pub sloppy: bool,
    /// Whether only `R` or `W` homes, drawn at random, are asked; else all.
    pub few: bool,
    /// Whether a read sends homes what they lack.
    pub read_repair: bool,
    /// How many places each node has on the ring.
    pub tokens: u64,
    /// After how long without enough answers a coordinator asks again, and then others.
    pub timeout: Span,
    /// How often a node hands hints over and compares a tree.
    pub tick: Span,
    /// How old a tombstone must be to be collected.
    pub collect_after: Span,
    /// How many nodes a clock names at most, where clocks are cut.
    pub clock_max: u64,
    /// What can be switched off to see what it is good for.
    pub rules: Rules,
}

/// The rules that keep the promises. Each can be switched off.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Who is promised fresh reads is read to from so many homes that `R + W > N`.
    pub overlap: bool,
    /// Who is promised fresh reads counts homes only, not those that stand in for them.
    pub strict: bool,
    /// A read writes back what it found before it answers (ABD).
    pub write_back: bool,
    /// A write that is to win takes a stamp above all that a quorum has, not what its node's clock shows.
    pub logical_stamps: bool,
    /// Homes compare Merkle trees.
    pub anti_entropy: bool,
    /// Versions are told apart by dots, not by one number a node.
    pub dots: bool,
    /// Clocks are never cut short.
    pub whole_clocks: bool,
    /// Read repair goes by versions, not by what clocks show.
    pub repair_by_version: bool,
    /// The clock of a key stays when its tombstone is collected.
    pub keep_clock: bool,
    /// Hints are on disk.
    pub durable_hints: bool,
}

impl Rules {
    /// All of them.
    pub const ALL: Rules = Rules {
        overlap: true,
        strict: true,
        write_back: true,
        logical_stamps: true,
        anti_entropy: true,
        dots: true,
        whole_clocks: true,
        repair_by_version: true,
        keep_clock: true,
        durable_hints: true,
    };
}

/// Which of two writes is the later, where the last writer wins. Greater is later; dots make them all different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Stamp {
    /// What a clock showed, in nanoseconds; or one more than every stamp that a quorum had.
    pub at: u64,
    /// The write.
    pub dot: Dot,
}

/// One version of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Version {
    /// When, and the name of the write.
    pub stamp: Stamp,
    /// The value; none for a tombstone.
    pub value: Option<i64>,
    /// What its writer had seen, and what it therefore replaces.
    pub context: Clock,
    /// What the clock of its coordinator showed.
    pub written: Time,
}

/// All that a node knows of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Item {
    /// The versions that nothing known replaces, in the order of dots.
    pub versions: Vec<Version>,
    /// Every write that is here or was replaced.
    pub seen: Clock,
    /// The greatest stamp that was ever here.
    pub newest: Option<Stamp>,
}

impl Item {
    /// A new version alone.
    fn of(version: Version) -> Item {
        let mut seen = version.context.clone();
        seen.insert(version.stamp.dot);
        Item {
            newest: Some(version.stamp),
            versions: vec![version],
            seen,
        }
    }

    /// Takes over what the other has and this has not. What only one of them has stays if the other has never seen it;
    /// else the other has seen it replaced.
    fn merge(&mut self, other: &Item, lww: bool) {
        if lww {
            if other.newest > self.newest {
                self.clone_from(other);
            }
            return;
        }
        let has = |dot: Dot| other.versions.iter().any(|it| it.stamp.dot == dot);
        let kept = |it: &Version| has(it.stamp.dot) || !other.seen.contains(it.stamp.dot);
        self.versions.retain(kept);
        let seen = &self.seen;
        let new = other
            .versions
            .iter()
            .filter(|it| !seen.contains(it.stamp.dot));
        self.versions.extend(new.cloned());
        order::sort_by_key(&mut self.versions, |it| it.stamp.dot);
        self.seen.merge(&other.seen);
        self.newest = self.newest.max(other.newest);
    }

    /// The values that a client sees, each once.
    fn values(&self) -> Vec<i64> {
        let mut values: Vec<i64> = self.versions.iter().filter_map(|it| it.value).collect();
        order::sort(&mut values);
        values.dedup();
        values
    }
}

/// What a node keeps on disk.
#[derive(Clone, Debug, Default)]
pub struct Durable {
    /// The keys of which it is a home.
    pub store: Rc<BTreeMap<Key, Item>>,
    /// What it holds for others: for whom, and what.
    pub hints: Rc<BTreeMap<(NodeId, Key), Item>>,
    /// How many writes of each key it has coordinated: no dot is given twice.
    pub counts: Rc<BTreeMap<Key, u64>>,
}

impl Stored for Durable {}

/// How far a coordinated request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A write asks for stamps.
    Stamps,
    /// A write waits for acknowledgements.
    Write,
    /// A read waits for responses.
    Read,
    /// A read waits until what it found is at enough homes.
    WriteBack,
    /// A read has been answered, and sees who is behind.
    Repair,
}

/// A request that this node coordinates.
#[derive(Clone, Debug)]
struct Operation {
    id: RequestId,
    key: Key,
    step: Step,
    /// Who was asked.
    asked: NodeSet,
    /// Who has answered.
    answered: NodeSet,
    /// What a write writes; what a read has found so far.
    item: Item,
    /// What each has told, for read repair.
    told: Vec<(NodeId, Item)>,
    /// What a write that still asks for stamps is to write.
    value: Option<i64>,
    /// Half time-outs since it began this step.
    age: u32,
}

/// What has happened, for the checks: no node reads it.
#[derive(Clone, Debug, PartialEq)]
enum Audit {
    /// A request was begun; whether it writes.
    Began(RequestId, Key, bool),
    /// A version was made, by a client that had seen this.
    Made(Key, Version, Clock),
    /// A write was acknowledged.
    Acked(RequestId, Key, Stamp),
    /// A read was answered from this.
    Returned(RequestId, Key, Clock, Option<Stamp>),
    /// What is here of a key has changed: what went, what came, what is here now.
    Changed(Key, Vec<Dot>, Vec<Dot>, Vec<Dot>),
}

/// Counts for the checks.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    siblings: u32,
    hinted: u32,
    handed_over: u32,
    repaired: u32,
    exchanged: u32,
    collected: u32,
    missed: u32,
}

/// So many contexts of clients a coordinator remembers.
const CONTEXTS_MAX: usize = 4_096;

/// So many hints are handed over at a time.
const HANDOFFS: usize = 20;

/// A node.
#[derive(Clone)]
pub struct Quorum {
    me: NodeId,
    config: Config,
    /// Where all nodes stand.
    ring: Rc<Ring>,
    nodes: u16,

    // On disk. `unsaved` says whether the disk is behind.
    store: Rc<BTreeMap<Key, Item>>,
    hints: Rc<BTreeMap<(NodeId, Key), Item>>,
    counts: Rc<BTreeMap<Key, u64>>,
    unsaved: bool,

    // Volatile.
    /// The requests that it coordinates, by number; the upper half of a number tells this life from earlier ones.
    operations: BTreeMap<u64, Operation>,
    last_operation: u64,
    /// What each client saw last of a key here.
    contexts: BTreeMap<(ClientId, Key), Clock>,
    /// Who did not answer lately.
    suspects: NodeSet,
    /// With whom it compared a tree last.
    compared: NodeId,
    is_waiting: bool,
    audit: Log<Audit>,
    tally: Counts,
}

impl Protocol for Quorum {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Request = Request;
    type Response = Response;
    type Durable = Durable;

    fn start(ctx: &mut Ctx<'_, Self>, config: &Config, durable: Durable) -> Quorum {
        ctx.set_timer_within(Timer::Tick, Span::ZERO, config.tick);
        let life = ctx.rng().bits() >> 32 << 32;
        Quorum {
            me: ctx.me(),
            config: config.clone(),
            ring: Rc::new(ring(ctx.nodes(), config.tokens)),
            nodes: ctx.cluster_size() as u16,
            store: durable.store,
            hints: durable.hints,
            counts: durable.counts,
            unsaved: false,
            operations: BTreeMap::new(),
            last_operation: life,
            contexts: BTreeMap::new(),
            suspects: NodeSet::default(),
            compared: ctx.me(),
            is_waiting: false,
            audit: Log::default(),
            tally: Counts::default(),
        }
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Self>, from: NodeId, message: Message) {
        self.suspects = self.suspects.iter().filter(|it| *it != from).collect();
        match message {
            Message::Write {
                op,
                key,
                item,
                hint,
            } => {
                self.take(ctx, key, &item, hint);
                self.save(ctx);
                ctx.send(from, Message::Ack { op });
            }
            Message::Ack { op } => self.on_ack(ctx, from, op),
            Message::Read { op, key } => {
                let item = self.all_of(key);
                ctx.send(from, Message::Response { op, item });
            }
            Message::Response { op, item } => self.on_response(ctx, from, op, item),
            Message::Repair { key, item } => {
                let mut now = self.merged(key, &item);
                if !self.config.rules.repair_by_version {
                    let newest = now.newest;
                    now.versions.retain(|it| Some(it.stamp) == newest);
                }
                self.replace(key, now);
            }
            Message::Handoff { key, item } => {
                self.take(ctx, key, &item, None);
                self.save(ctx);
                let digest = PayloadHasher::of(&item);
                ctx.send(from, Message::Received { key, digest });
            }
            Message::Received { key, digest } => {
                let place = (from, key);
                if self
                    .hints
                    .get(&place)
                    .is_some_and(|it| PayloadHasher::of(it) == digest)
                {
                    Rc::make_mut(&mut self.hints).remove(&place);
                    self.tally.handed_over += 1;
                    self.unsaved = true;
                }
            }
            Message::Compare { hashes } => self.on_compare(ctx, from, &hashes),
            Message::Exchange {
                leaves,
                items,
                answer,
            } => {
                self.on_exchange(ctx, from, leaves, &items, answer);
            }
        }
        self.save(ctx);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Self>, timer: Timer) {
        match timer {
            Timer::Tick => {
                ctx.set_timer(Timer::Tick, self.config.tick);
                // Who did not answer is given another chance.
                self.suspects = NodeSet::default();
                self.collect(ctx);
                self.hand_over(ctx);
                self.compare(ctx);
            }
            Timer::Patience => self.on_patience(ctx),
        }
        self.save(ctx);
    }

    fn on_request(&mut self, ctx: &mut Ctx<'_, Self>, id: RequestId, request: Request) {
        let Request { what, after } = request;
        match what {
            KvRequest::Get(key) => {
                self.audit.push(Audit::Began(id, key, false));
                self.begin(ctx, id, key, Step::Read, None);
            }
            KvRequest::Put(key, _) | KvRequest::Delete(key) => {
                let value = match what {
                    KvRequest::Put(_, value) => Some(value),
                    _ => None,
                };
                // The first try may have been carried out, with a smaller stamp: a second could hide what came between.
                if self.config.lww && id.attempt > 1 {
                    let why = "it was tried before, and may have been done";
                    return ctx.respond(id, Response::Refused(why.to_owned()));
                }
                self.audit.push(Audit::Began(id, key, true));
                if let Some(after) = after {
                    self.remember(id.client, key, after);
                }
                if self.asks_for_stamps() {
                    self.begin(ctx, id, key, Step::Stamps, value);
                } else {
                    let at = ctx.now().0;
                    self.begin_write(ctx, id, key, value, at);
                }
            }
            KvRequest::Cas(..) | KvRequest::Incr(_) | KvRequest::Append(..) => {
                let kind = what.kind();
                let why = format!("a quorum store cannot {kind}: that would take consensus");
                ctx.respond(id, Response::Refused(why));
            }
        }
        self.save(ctx);
    }
}

/// Who holds what (Dynamo §4.2, §4.3).
impl Quorum {
    /// Every node, in the order in which they come for a key; the first `N` are its homes.
    fn walk(&self, key: Key) -> Vec<NodeId> {
        self.ring
            .preference_list(place(key), usize::from(self.nodes))
    }

    fn homes(&self, key: Key) -> Vec<NodeId> {
        self.ring
            .preference_list(place(key), self.config.n as usize)
    }

    /// How many must answer a read.
    fn read_quorum(&self) -> usize {
        self.config.read_quorum()
    }

    /// How many of those who answered count.
    fn counted(&self, operation: &Operation) -> usize {
        if self.config.promise == Pledge::Eventual || !self.config.rules.strict {
            return operation.answered.len();
        }
        let homes = self.homes(operation.key);
        homes
            .iter()
            .filter(|it| operation.answered.contains(**it))
            .count()
    }

    fn asks_for_stamps(&self) -> bool {
        self.config.lww && self.config.rules.logical_stamps
    }

    /// Whom to ask first: the homes, or where others may stand in, the first `N` that seem to be there.
    fn targets(&self, ctx: &mut Ctx<'_, Self>, key: Key, write: bool) -> Vec<NodeId> {
        let mut targets = self.homes(key);
        if self.config.few {
            let count = if write {
                self.config.w as usize
            } else {
                self.read_quorum()
            };
            ctx.rng().shuffle(&mut targets);
            targets.truncate(count);
        } else if self.stand_ins_count() && !write {
            let homes = targets.len();
            targets = self.walk(key);
            targets.retain(|it| !self.suspects.contains(*it));
            targets.truncate(homes);
        }
        targets
    }

    fn stand_ins_count(&self) -> bool {
        let strict = self.config.promise > Pledge::Eventual && self.config.rules.strict;
        self.config.sloppy && !strict
    }
}

impl Config {
    /// `R`, or as much as it takes.
    pub(super) fn read_quorum(&self) -> usize {
        let overlap = self.promise > Pledge::Eventual && self.rules.overlap;
        let least = if overlap {
            (self.n + 1).saturating_sub(self.w)
        } else {
            0
        };
        self.r.max(least) as usize
    }
}

/// The ring of these nodes.
fn ring(nodes: impl Iterator<Item = NodeId>, tokens: u64) -> Ring {
    let members: Vec<(NodeId, u32)> = nodes.map(|it| (it, 1)).collect();
    Ring::new(&members, tokens as u32)
}

/// Where a key falls.
fn place(key: Key) -> u64 {
    hash(key.to_string().as_bytes())
}

/// Coordinating.
impl Quorum {
    /// Begins to ask for a key: a read, or a write that needs a stamp.
    fn begin(
        &mut self,
        ctx: &mut Ctx<'_, Self>,
        id: RequestId,
        key: Key,
        step: Step,
        value: Option<i64>,
    ) {
        let targets = self.targets(ctx, key, false);
        let op = self.enter(
            ctx,
            Operation {
                id,
                key,
                step,
                asked: targets.iter().copied().collect(),
                answered: NodeSet::default(),
                item: Item::default(),
                told: Vec::new(),
                value,
                age: 0,
            },
        );
        for target in targets {
            ctx.send(target, Message::Read { op, key });
        }
    }

    fn enter(&mut self, ctx: &mut Ctx<'_, Self>, operation: Operation) -> u64 {
        self.last_operation += 1;
        self.operations.insert(self.last_operation, operation);
        if !std::mem::replace(&mut self.is_waiting, true) {
            ctx.set_timer(Timer::Patience, Span(self.config.timeout.0 / 2));
        }
        self.last_operation
    }

    /// Makes a version and sends it to the homes.
    fn begin_write(
        &mut self,
        ctx: &mut Ctx<'_, Self>,
        id: RequestId,
        key: Key,
        value: Option<i64>,
        at: u64,
    ) {
        let version = self.make(ctx, id.client, key, value, at);
        let item = Item::of(version);
        let targets = self.targets(ctx, key, true);
        let op = self.enter(
            ctx,
            Operation {
                id,
                key,
                step: Step::Write,
                asked: targets.iter().copied().collect(),
                answered: NodeSet::default(),
                item: item.clone(),
                told: Vec::new(),
                value,
                age: 0,
            },
        );
        // The count must be on disk before anybody hears of the dot.
        self.save(ctx);
        for target in targets {
            let item = item.clone();
            ctx.send(
                target,
                Message::Write {
                    op,
                    key,
                    item,
                    hint: None,
                },
            );
        }
    }

    fn make(
        &mut self,
        ctx: &mut Ctx<'_, Self>,
        client: ClientId,
        key: Key,
        value: Option<i64>,
        at: u64,
    ) -> Version {
        let count = Rc::make_mut(&mut self.counts).entry(key).or_default();
        *count += 1;
        let dot = Dot {
            node: self.me,
            count: *count,
        };
        self.unsaved = true;
        let truth = self
            .contexts
            .get(&(client, key))
            .cloned()
            .unwrap_or_default();
        let mut context = truth.clone();
        if !self.config.rules.dots {
            // A plain version vector says "all of mine up to here".
            let before = dot.count - 1;
            context.fill(Dot {
                count: before,
                ..dot
            });
        }
        if !self.config.rules.whole_clocks {
            context.cut(self.config.clock_max as usize);
        }
        let version = Version {
            stamp: Stamp { at, dot },
            value,
            context,
            written: ctx.now(),
        };
        self.audit.push(Audit::Made(key, version.clone(), truth));
        version
    }

    fn on_ack(&mut self, ctx: &mut Ctx<'_, Self>, from: NodeId, op: u64) {
        let Some(operation) = self.operations.get_mut(&op) else {
            return;
        };
        if !matches!(operation.step, Step::Write | Step::WriteBack) {
            return;
        }
        operation.answered.insert(from);
        let operation = &self.operations[&op];
        if self.counted(operation) < self.config.w as usize {
            return;
        }
        let operation = self
            .operations
            .remove(&op)
            .expect("it was there a moment ago");
        if operation.step == Step::WriteBack {
            return self.return_read(ctx, &operation);
        }
        let stamp = operation.item.newest.expect("a write has a version");
        self.audit
            .push(Audit::Acked(operation.id, operation.key, stamp));
        self.remember(operation.id.client, operation.key, operation.item.seen);
        let by = operation.answered;
        ctx.respond(operation.id, Response::Written { dot: stamp.dot, by });
    }

    fn on_response(&mut self, ctx: &mut Ctx<'_, Self>, from: NodeId, op: u64, item: Item) {
        let lww = self.config.lww;
        let Some(operation) = self.operations.get_mut(&op) else {
            return;
        };
        if matches!(operation.step, Step::Write | Step::WriteBack)
            || operation.answered.contains(from)
        {
            return;
        }
        operation.answered.insert(from);
        operation.item.merge(&item, lww);
        if self.config.read_repair {
            operation.told.push((from, item));
        }
        let operation = &self.operations[&op];
        let enough = self.counted(operation) >= self.read_quorum();
        match operation.step {
            Step::Repair if operation.answered == operation.asked => self.repair(ctx, op),
            Step::Stamps if enough => {
                let operation = self
                    .operations
                    .remove(&op)
                    .expect("it was there a moment ago");
                let at = operation
                    .item
                    .newest
                    .map_or(1, |it| it.at.saturating_add(1));
                self.begin_write(ctx, operation.id, operation.key, operation.value, at);
            }
            Step::Read if enough => self.on_read_done(ctx, op),
            _ => {}
        }
    }

    /// Enough have told what they have of a key.
    fn on_read_done(&mut self, ctx: &mut Ctx<'_, Self>, op: u64) {
        let exact = self.config.promise == Pledge::Linearizable && self.config.rules.write_back;
        let repairs = self.config.read_repair;
        let operation = self
            .operations
            .get_mut(&op)
            .expect("it was there a moment ago");
        if exact {
            operation.step = Step::WriteBack;
            operation.age = 0;
            operation.answered = NodeSet::default();
            let (key, item) = (operation.key, operation.item.clone());
            let targets = self.targets(ctx, key, true);
            for target in targets {
                let item = item.clone();
                ctx.send(
                    target,
                    Message::Write {
                        op,
                        key,
                        item,
                        hint: None,
                    },
                );
            }
            return;
        }
        operation.step = Step::Repair;
        operation.age = 0;
        let (waits, copy) = (
            repairs && operation.answered != operation.asked,
            operation.clone(),
        );
        self.return_read(ctx, &copy);
        if !waits {
            self.repair(ctx, op);
        }
    }

    fn return_read(&mut self, ctx: &mut Ctx<'_, Self>, operation: &Operation) {
        let item = &operation.item;
        let values = item.values();
        self.tally.siblings += u32::from(values.len() > 1);
        self.audit.push(Audit::Returned(
            operation.id,
            operation.key,
            item.seen.clone(),
            item.newest,
        ));
        self.remember(operation.id.client, operation.key, item.seen.clone());
        let response = Response::Read {
            values,
            clock: item.seen.clone(),
            by: operation.answered,
        };
        ctx.respond(operation.id, response);
    }

    /// What a client has seen of a key, for its next put.
    fn remember(&mut self, client: ClientId, key: Key, seen: Clock) {
        if self.config.lww {
            return;
        }
        self.contexts.insert((client, key), seen);
        if self.contexts.len() > CONTEXTS_MAX {
            self.contexts.pop_first();
        }
    }

    /// Sends those who were behind what they lack (Dynamo §5, "read repair").
    fn repair(&mut self, ctx: &mut Ctx<'_, Self>, op: u64) {
        let Some(operation) = self.operations.remove(&op) else {
            return;
        };
        let mut item = operation.item;
        if !self.config.rules.repair_by_version {
            let newest = item.versions.iter().map(|it| it.stamp).max();
            item.versions.retain(|it| Some(it.stamp) == newest);
        }
        let homes = self.homes(operation.key);
        let behind = |it: &&(NodeId, Item)| it.1 != item && homes.contains(&it.0);
        for (node, _) in operation.told.iter().filter(behind) {
            self.tally.repaired += 1;
            let (key, item) = (operation.key, item.clone());
            ctx.send(*node, Message::Repair { key, item });
        }
    }

    /// Half a time-out has passed: who has not answered is asked again, then others, and at last it is given up.
    fn on_patience(&mut self, ctx: &mut Ctx<'_, Self>) {
        self.is_waiting = !self.operations.is_empty();
        if self.is_waiting {
            ctx.set_timer(Timer::Patience, Span(self.config.timeout.0 / 2));
        }
        let open: Vec<u64> = self.operations.keys().copied().collect();
        for op in open {
            let operation = self
                .operations
                .get_mut(&op)
                .expect("only this loop takes any out");
            operation.age += 1;
            let age = operation.age;
            match (operation.step, age) {
                (Step::Repair, 2..) => self.repair(ctx, op),
                (_, 2 | 4) => self.ask_again(ctx, op),
                (_, 6..) => self.give_up(ctx, op),
                _ => {}
            }
        }
    }

    fn ask_again(&mut self, ctx: &mut Ctx<'_, Self>, op: u64) {
        let operation = &self.operations[&op];
        let (key, writes) = (
            operation.key,
            matches!(operation.step, Step::Write | Step::WriteBack),
        );
        let item = operation.item.clone();
        let homes = self.homes(key);
        let answered = operation.answered;
        let silent = operation.asked.iter().filter(|it| !answered.contains(*it));
        let silent: Vec<NodeId> = silent.filter(|it| homes.contains(it)).collect();
        let mut spare = self.walk(key).split_off(homes.len());
        spare.retain(|it| !self.suspects.contains(*it));
        let mut asked = operation.asked;
        for node in silent {
            self.suspects.insert(node);
            ctx.send(node, message(op, key, writes.then(|| item.clone()), None));
            // Another stands in, told for whom it is (Dynamo §4.6).
            if self.config.sloppy && !spare.is_empty() && (writes || self.stand_ins_count()) {
                let stand_in = spare.remove(0);
                asked.insert(stand_in);
                self.tally.hinted += u32::from(writes);
                ctx.send(
                    stand_in,
                    message(op, key, writes.then(|| item.clone()), Some(node)),
                );
            }
        }
        self.operations
            .get_mut(&op)
            .expect("it was there a moment ago")
            .asked = asked;
    }

    fn give_up(&mut self, ctx: &mut Ctx<'_, Self>, op: u64) {
        let Some(operation) = self.operations.remove(&op) else {
            return;
        };
        self.tally.missed += 1;
        ctx.note("misses its quorum", || {
            format!("{:?} answered", operation.answered)
        });
        // A write may be at some homes: the client must not be told that it was not done.
        if matches!(operation.step, Step::Read | Step::Stamps) {
            let (has, must) = (self.counted(&operation), self.read_quorum());
            let why = format!("only {has} of {must} homes answered");
            ctx.respond(operation.id, Response::Refused(why));
        }
    }
}

/// A write, or a read if there is nothing to write.
fn message(op: u64, key: Key, item: Option<Item>, hint: Option<NodeId>) -> Message {
    match item {
        Some(item) => Message::Write {
            op,
            key,
            item,
            hint,
        },
        None => Message::Read { op, key },
    }
}

/// Keeping.
impl Quorum {
    /// Takes a version, as a home or with a hint for whom it is.
    fn take(&mut self, ctx: &mut Ctx<'_, Self>, key: Key, item: &Item, hint: Option<NodeId>) {
        match hint.filter(|it| *it != self.me) {
            None => self.replace(key, self.merged(key, item)),
            Some(home) => {
                ctx.note("stands in", || format!("for {home}: {key}"));
                let lww = self.config.lww;
                let held = Rc::make_mut(&mut self.hints)
                    .entry((home, key))
                    .or_default();
                held.merge(item, lww);
                self.unsaved = true;
            }
        }
    }

    fn merged(&self, key: Key, item: &Item) -> Item {
        let mut now = self.store.get(&key).cloned().unwrap_or_default();
        now.merge(item, self.config.lww);
        now
    }

    /// From now on this is what is here of a key.
    fn replace(&mut self, key: Key, now: Item) {
        let before = self.store.get(&key).cloned().unwrap_or_default();
        if now == before {
            return;
        }
        let dots = |it: &Item| {
            it.versions
                .iter()
                .map(|it| it.stamp.dot)
                .collect::<Vec<_>>()
        };
        let (old, new) = (dots(&before), dots(&now));
        let gone = old.iter().filter(|it| !new.contains(it)).copied().collect();
        let came = new.iter().filter(|it| !old.contains(it)).copied().collect();
        self.audit.push(Audit::Changed(key, gone, came, new));
        Rc::make_mut(&mut self.store).insert(key, now);
        self.unsaved = true;
    }

    /// Everything that this node has of a key, what it holds for others included.
    fn all_of(&self, key: Key) -> Item {
        let mut item = self.store.get(&key).cloned().unwrap_or_default();
        for (_, held) in self.hints.iter().filter(|(place, _)| place.1 == key) {
            item.merge(held, self.config.lww);
        }
        item
    }

    /// Collects tombstones that are old enough.
    fn collect(&mut self, ctx: &mut Ctx<'_, Self>) {
        let (now, after) = (ctx.now(), self.config.collect_after);
        let dead = |it: &Version| it.value.is_none() && now.since(it.written) >= after;
        let due = |it: &Item| !it.versions.is_empty() && it.versions.iter().all(dead);
        let keys: Vec<Key> = self
            .store
            .iter()
            .filter(|it| due(it.1))
            .map(|it| *it.0)
            .collect();
        for key in keys {
            self.tally.collected += 1;
            self.unsaved = true;
            let store = Rc::make_mut(&mut self.store);
            if self.config.rules.keep_clock {
                store.entry(key).or_default().versions.clear();
            } else {
                store.remove(&key);
            }
        }
    }

    /// Hands over what it holds for others (Dynamo §4.6).
    fn hand_over(&mut self, ctx: &mut Ctx<'_, Self>) {
        for ((home, key), item) in self.hints.iter().take(HANDOFFS) {
            let (key, item) = (*key, item.clone());
            ctx.send(*home, Message::Handoff { key, item });
        }
    }

    /// Writes to disk what must survive a crash, if it has changed. What is sent after it waits for the disk.
    fn save(&mut self, ctx: &mut Ctx<'_, Self>) {
        if std::mem::take(&mut self.unsaved) {
            let durable = self.config.rules.durable_hints;
            ctx.persist(Durable {
                store: self.store.clone(),
                hints: if durable {
                    self.hints.clone()
                } else {
                    Rc::default()
                },
                counts: self.counts.clone(),
            });
        }
    }
}

/// Anti-entropy (Dynamo §4.7).
impl Quorum {
    /// What this node and another are both homes of.
    fn shared(&self, other: NodeId) -> impl Iterator<Item = (Key, &Item)> {
        let both = move |key: Key| {
            let homes = self.homes(key);
            homes.contains(&other) && homes.contains(&self.me)
        };
        let all = self.store.iter().map(|(key, item)| (*key, item));
        all.filter(move |it| both(it.0))
    }

    fn tree(&self, other: NodeId) -> Tree {
        let hashes = |(key, item): (Key, &Item)| (PayloadHasher::of(&key), PayloadHasher::of(item));
        Tree::of(self.shared(other).map(hashes))
    }

    /// Compares a tree with the next node in turn.
    fn compare(&mut self, ctx: &mut Ctx<'_, Self>) {
        if !self.config.rules.anti_entropy || self.nodes < 2 {
            return;
        }
        let next = |it: NodeId| NodeId((it.0 + 1) % self.nodes);
        let mut other = next(self.compared);
        if other == self.me {
            other = next(other);
        }
        self.compared = other;
        let hashes = vec![(1, self.tree(other).hash(1))];
        ctx.send(other, Message::Compare { hashes });
    }

    fn on_compare(&mut self, ctx: &mut Ctx<'_, Self>, from: NodeId, hashes: &[(u32, u64)]) {
        let tree = self.tree(from);
        let differ = hashes
            .iter()
            .filter(|it| tree.hash(it.0) != it.1)
            .map(|it| it.0);
        let (leaves, inner): (Vec<u32>, Vec<u32>) = differ.partition(|it| merkle::is_leaf(*it));
        if !inner.is_empty() {
            let below = inner.into_iter().flat_map(merkle::below);
            let hashes = below.map(|it| (it, tree.hash(it))).collect();
            ctx.send(from, Message::Compare { hashes });
        }
        if !leaves.is_empty() {
            let items = self.in_leaves(from, &leaves);
            let answer = true;
            ctx.send(
                from,
                Message::Exchange {
                    leaves,
                    items,
                    answer,
                },
            );
        }
    }

    fn in_leaves(&self, other: NodeId, leaves: &[u32]) -> Vec<(Key, Item)> {
        let within = |key: Key| leaves.contains(&merkle::leaf_of(PayloadHasher::of(&key)));
        let shared = self.shared(other).filter(|it| within(it.0));
        shared.map(|(key, item)| (key, item.clone())).collect()
    }

    fn on_exchange(
        &mut self,
        ctx: &mut Ctx<'_, Self>,
        from: NodeId,
        leaves: Vec<u32>,
        items: &[(Key, Item)],
        answer: bool,
    ) {
        let mine = if answer {
            self.in_leaves(from, &leaves)
        } else {
            Vec::new()
        };
        for (key, item) in items {
            self.tally.exchanged += 1;
            self.replace(*key, self.merged(*key, item));
        }
        self.save(ctx);
        if answer {
            let (items, answer) = (mine, false);
            ctx.send(
                from,
                Message::Exchange {
                    leaves,
                    items,
                    answer,
                },
            );
        }
    }
}
