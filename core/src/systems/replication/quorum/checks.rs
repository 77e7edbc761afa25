//! What a quorum store promises, watched at every step. Nodes note what they do (`Audit`); checks keep what no node
//! has: which writes were acknowledged before which reads began, and what each writer had truly seen.

use std::collections::BTreeMap;

use crate::check::{Invariant, Promise, linearizable};
use crate::exhibit::{Status, World};
use crate::parts::kv::Key;
use crate::parts::per_node::PerNode;
use crate::parts::version::{Clock, Dot};
use crate::protocol::{NodeId, RequestId};
use crate::sim::dist::Chance;
use crate::sim::time::{Span, Time};
use crate::trace::Phase;

use super::{Audit, Item, Quorum, Stamp};

/// Every check.
pub(super) fn all() -> Vec<Promise<Quorum>> {
    let mut all = vec![
        Promise::always(Watched::<FreshReads>::default()),
        Promise::always(Watched::<AcknowledgedKept>::default()),
        Promise::always(Watched::<SiblingsKept>::default()),
        Promise::always(Watched::<OverwrittenGone>::default()),
        Promise::always(Watched::<ReplicasConverge>::default()),
        Promise::history(
            "linearizable",
            "Clients see one copy of each key, changed in one order that respects real time; where that is \
                      promised.",
            linearizable::judge,
        ),
    ];
    all.extend(situations());
    all.push(Promise::Eventually {
        name: "answers",
        promise: "Once all is healed, clients are answered, if enough homes of some key are there.",
        holds: answers,
    });
    all.push(Promise::Eventually {
        name: "core-agrees",
        promise: "Once all is healed, what was written some time ago is at every home that runs.",
        holds: core_agrees,
    });
    all
}

/// A situation at the node that has just acted.
macro_rules! sometimes {
    ($name:literal, $promise:literal, $count:ident) => {
        Promise::Sometimes {
            name: $name,
            promise: $promise,
            reached: |world| world.actor().is_some_and(|(_, it)| it.tally.$count > 0),
        }
    };
}

fn situations() -> Vec<Promise<Quorum>> {
    vec![
        sometimes!(
            "siblings",
            "A read returns two values that nobody has reconciled.",
            siblings
        ),
        sometimes!(
            "hinted",
            "A node stands in for a home that does not answer.",
            hinted
        ),
        sometimes!("handed-over", "A hint is handed over.", handed_over),
        sometimes!(
            "repaired",
            "A read repairs a home that is behind.",
            repaired
        ),
        sometimes!(
            "exchanged",
            "Two homes find a difference by their Merkle trees.",
            exchanged
        ),
        sometimes!("collected", "A tombstone is collected.", collected),
        sometimes!(
            "missed",
            "A coordinator does not find enough homes.",
            missed
        ),
    ]
}

/// A check that reads what nodes note.
trait Ghost: Clone + Default + 'static {
    const NAME: &'static str;
    const PROMISE: &'static str;

    /// A node has noted something.
    fn note(&mut self, world: &World<'_, Quorum>, id: NodeId, it: &Audit) -> Result<(), String>;

    /// A node has crashed.
    fn crashed(&mut self, _world: &World<'_, Quorum>, _id: NodeId) -> Result<(), String> {
        Ok(())
    }

    /// A step is over.
    fn look(&mut self, _world: &World<'_, Quorum>) -> Result<(), String> {
        Ok(())
    }
}

/// A ghost, and how much it has read of each node's notes.
#[derive(Clone, Default)]
struct Watched<G> {
    ghost: G,
    read: PerNode<u32>,
}

impl<G: Ghost> Invariant<Quorum> for Watched<G> {
    fn name(&self) -> &'static str {
        G::NAME
    }

    fn promise(&self) -> &'static str {
        G::PROMISE
    }

    fn observe(&mut self, world: &World<'_, Quorum>) -> Result<(), String> {
        let Some(id) = world.changed else {
            return Ok(());
        };
        let Some(node) = world.node(id) else {
            return match self.read.remove(id) {
                Some(_) => self.ghost.crashed(world, id),
                None => Ok(()),
            };
        };
        let read = self.read.slot(id).get_or_insert_default();
        while *read < node.audit.len() {
            let noted = node.audit.at(*read);
            *read += 1;
            self.ghost.note(world, id, &noted)?;
        }
        self.ghost.look(world)
    }

    fn clone_box(&self) -> Box<dyn Invariant<Quorum>> {
        Box::new(self.clone())
    }
}

/// What has been acknowledged of a key.
#[derive(Clone, Default)]
struct Acknowledged {
    dots: Clock,
    /// The greatest stamp.
    newest: Option<Stamp>,
}

impl Acknowledged {
    fn add(&mut self, stamp: Stamp) {
        self.dots.insert(stamp.dot);
        self.newest = self.newest.max(Some(stamp));
    }
}

/// The values that were written, for messages.
#[derive(Clone, Default)]
struct Values(BTreeMap<(Key, Dot), Option<i64>>);

impl Values {
    fn say(&self, key: Key, dot: Dot) -> String {
        match self.0.get(&(key, dot)) {
            Some(Some(value)) => format!("{key}={value} ({dot})"),
            _ => format!("the delete of {key} ({dot})"),
        }
    }
}

/// Where it is promised, a read returns every write that was acknowledged before it began, or what came after it.
#[derive(Clone, Default)]
struct FreshReads {
    acknowledged: BTreeMap<Key, Acknowledged>,
    /// What was acknowledged when each open read began.
    open: PerNode<BTreeMap<RequestId, Acknowledged>>,
    values: Values,
}

impl Ghost for FreshReads {
    const NAME: &'static str = "fresh-reads";
    const PROMISE: &'static str =
        "Where it is promised, a read finds every write that was acknowledged before it began.";

    fn note(&mut self, world: &World<'_, Quorum>, id: NodeId, it: &Audit) -> Result<(), String> {
        if world.config.promise == super::Pledge::Eventual {
            return Ok(());
        }
        match it {
            Audit::Made(key, version, _) => {
                self.values
                    .0
                    .insert((*key, version.stamp.dot), version.value);
            }
            Audit::Acked(_, key, stamp) => self.acknowledged.entry(*key).or_default().add(*stamp),
            Audit::Began(request, key, false) => {
                let now = self.acknowledged.get(key).cloned().unwrap_or_default();
                self.open
                    .slot(id)
                    .get_or_insert_default()
                    .insert(*request, now);
            }
            Audit::Returned(request, key, seen, newest) => {
                let open = self.open.slot(id).get_or_insert_default();
                let Some(before) = open.remove(request) else {
                    return Ok(());
                };
                let missing = if world.config.lww {
                    before
                        .newest
                        .filter(|it| *newest < Some(*it))
                        .map(|it| it.dot)
                } else {
                    missing(&before.dots, seen)
                };
                if let Some(dot) = missing {
                    return Err(format!(
                        "{id} answered a read of {key} and had not found {}, which had been acknowledged or read \
                         before the read began",
                        self.values.say(*key, dot)
                    ));
                }
                // Where there seems to be one copy, no read finds less than an earlier one.
                if world.config.promise == super::Pledge::Linearizable {
                    if let Some(stamp) = newest {
                        self.acknowledged.entry(*key).or_default().add(*stamp);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn crashed(&mut self, _world: &World<'_, Quorum>, id: NodeId) -> Result<(), String> {
        self.open.remove(id);
        Ok(())
    }
}

/// A write that the one has seen and the other has not.
fn missing(has: &Clock, lacks: &Clock) -> Option<Dot> {
    if lacks.covers(has) {
        return None;
    }
    has.dots().find(|it| !lacks.contains(*it))
}

/// Every acknowledged write is somewhere, or what came after it.
#[derive(Clone, Default)]
struct AcknowledgedKept {
    acknowledged: BTreeMap<Key, Acknowledged>,
    /// The greatest stamp that was acknowledged when each open write began.
    open: PerNode<BTreeMap<RequestId, Option<Stamp>>>,
    values: Values,
}

impl Ghost for AcknowledgedKept {
    const NAME: &'static str = "acknowledged-kept";
    const PROMISE: &'static str = "No write that a client was told to be done is lost.";

    fn note(&mut self, world: &World<'_, Quorum>, id: NodeId, it: &Audit) -> Result<(), String> {
        match it {
            Audit::Made(key, version, _) => {
                self.values
                    .0
                    .insert((*key, version.stamp.dot), version.value);
            }
            Audit::Began(request, key, true) => {
                let newest = self.acknowledged.get(key).and_then(|it| it.newest);
                self.open
                    .slot(id)
                    .get_or_insert_default()
                    .insert(*request, newest);
            }
            Audit::Acked(request, key, stamp) => {
                let open = self.open.slot(id).get_or_insert_default();
                let before = open.remove(request).flatten();
                self.acknowledged.entry(*key).or_default().add(*stamp);
                if let Some(winner) = before.filter(|it| world.config.lww && *it > *stamp) {
                    return Err(format!(
                        "{id} acknowledged {}, but {} wins, which was acknowledged before that write began: its stamp \
                         is greater by {}",
                        self.values.say(*key, stamp.dot),
                        self.values.say(*key, winner.dot),
                        Span(winner.at.saturating_sub(stamp.at))
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn crashed(&mut self, world: &World<'_, Quorum>, id: NodeId) -> Result<(), String> {
        self.open.remove(id);
        for (key, acknowledged) in &self.acknowledged {
            let mut all = Item::default();
            for it in world.ids() {
                let node = world.node(it);
                let disk = world.durable(it);
                let (store, hints) =
                    node.map_or((&disk.store, &disk.hints), |it| (&it.store, &it.hints));
                let held = hints.iter().filter(|it| it.0.1 == *key).map(|it| it.1);
                for item in store.get(key).into_iter().chain(held) {
                    all.seen.merge(&item.seen);
                    all.newest = all.newest.max(item.newest);
                }
            }
            let lost = if world.config.lww {
                acknowledged
                    .newest
                    .filter(|it| all.newest < Some(*it))
                    .map(|it| it.dot)
            } else {
                missing(&acknowledged.dots, &all.seen)
            };
            if let Some(dot) = lost {
                return Err(format!(
                    "with {id} the last copy of {} is gone, which was acknowledged",
                    self.values.say(*key, dot)
                ));
            }
        }
        Ok(())
    }
}

/// What every writer had truly seen, whatever the clocks that travel say.
#[derive(Clone, Default)]
struct Truth(BTreeMap<Key, Vec<(Dot, Clock)>>);

impl Truth {
    fn learn(&mut self, it: &Audit) {
        if let Audit::Made(key, version, truth) = it {
            let made = self.0.entry(*key).or_default();
            made.push((version.stamp.dot, truth.clone()));
        }
    }

    /// What the writer of this had seen.
    fn of(&self, key: Key, dot: Dot) -> Option<&Clock> {
        let made = self.0.get(&key)?;
        made.iter().rev().find(|it| it.0 == dot).map(|it| &it.1)
    }
}

/// A version goes only when one comes whose writer had seen it.
#[derive(Clone, Default)]
struct SiblingsKept {
    truth: Truth,
    values: Values,
}

impl Ghost for SiblingsKept {
    const NAME: &'static str = "siblings-kept";
    const PROMISE: &'static str =
        "Where siblings are kept, a version goes only for one whose writer had seen it.";

    fn note(&mut self, world: &World<'_, Quorum>, id: NodeId, it: &Audit) -> Result<(), String> {
        if world.config.lww {
            return Ok(());
        }
        self.truth.learn(it);
        match it {
            Audit::Made(key, version, _) => {
                self.values
                    .0
                    .insert((*key, version.stamp.dot), version.value);
                Ok(())
            }
            Audit::Changed(key, gone, ..) if !gone.is_empty() => self.judge(world, id, *key, gone),
            _ => Ok(()),
        }
    }
}

impl SiblingsKept {
    fn judge(
        &self,
        world: &World<'_, Quorum>,
        id: NodeId,
        key: Key,
        gone: &[Dot],
    ) -> Result<(), String> {
        let Some(item) = world.node(id).and_then(|it| it.store.get(&key)) else {
            return Ok(());
        };
        let made = self.truth.0.get(&key).map_or(&[][..], |it| it);
        for dot in gone {
            // A tombstone is collected elsewhere, and its clock says so.
            if self.values.0.get(&(key, *dot)) == Some(&None) {
                continue;
            }
            let after = |it: &&(Dot, Clock)| it.1.contains(*dot) && item.seen.contains(it.0);
            if made.iter().rev().find(after).is_none() {
                return Err(format!(
                    "{id} dropped {}, although nobody who had seen it has written since",
                    self.values.say(key, *dot)
                ));
            }
        }
        Ok(())
    }
}

/// What a node has seen replaced or deleted does not come back there.
#[derive(Clone, Default)]
struct OverwrittenGone {
    truth: Truth,
    values: Values,
    /// For each node and key, what the writers of all that was there had seen.
    covered: PerNode<BTreeMap<Key, Clock>>,
}

impl Ghost for OverwrittenGone {
    const NAME: &'static str = "overwritten-gone";
    const PROMISE: &'static str = "Where siblings are kept, what was overwritten or deleted at a node does not come \
        back there.";

    fn note(&mut self, world: &World<'_, Quorum>, id: NodeId, it: &Audit) -> Result<(), String> {
        if world.config.lww {
            return Ok(());
        }
        self.truth.learn(it);
        match it {
            Audit::Made(key, version, _) => {
                self.values
                    .0
                    .insert((*key, version.stamp.dot), version.value);
            }
            Audit::Changed(key, _, came, now) => {
                let covered = self
                    .covered
                    .slot(id)
                    .get_or_insert_default()
                    .entry(*key)
                    .or_default();
                for dot in came {
                    if let Some(seen) = self.truth.of(*key, *dot) {
                        covered.merge(seen);
                    }
                }
                if let Some(dot) = now.iter().find(|it| covered.contains(**it)) {
                    return Err(format!(
                        "{id} shows {}, although whoever wrote or deleted over it there had seen it",
                        self.values.say(*key, *dot)
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A crash takes what the disk did not have yet: what it still has counts.
    fn crashed(&mut self, world: &World<'_, Quorum>, id: NodeId) -> Result<(), String> {
        let covered = self.covered.slot(id).get_or_insert_default();
        covered.clear();
        for (key, item) in world.durable(id).store.iter() {
            let clock = covered.entry(*key).or_default();
            for version in &item.versions {
                if let Some(seen) = self.truth.of(*key, version.stamp.dot) {
                    clock.merge(seen);
                }
            }
        }
        Ok(())
    }
}

/// How long homes may take to agree: every pair compares once in so many ticks, and a difference goes down the tree.
fn settling(world: &World<'_, Quorum>) -> Span {
    let nodes = u64::from(world.environment.nodes);
    let ticks = world.config.tick.0.saturating_mul(2 * nodes);
    let way = world.environment.latency.typical().0 + world.environment.disk.typical().0;
    Span(ticks.saturating_add(way.saturating_mul(20))) + Span::secs(1)
}

/// What was written some time ago is at all homes, once nothing has been amiss for some time.
#[derive(Clone, Default)]
struct ReplicasConverge {
    /// Writes that are not known to be everywhere, when they were made, and since when a home has them.
    open: Vec<(Time, Time, Key, Stamp)>,
    values: Values,
    /// Since when nothing is amiss.
    calm: Option<Time>,
    /// When it was looked at last.
    looked: Time,
}

/// How often replicas are compared.
const LOOK_EVERY: Span = Span::ms(250);

impl Ghost for ReplicasConverge {
    const NAME: &'static str = "replicas-converge";
    const PROMISE: &'static str = "Once nothing has been amiss for some time, all homes of a key have what was \
        written before.";

    fn note(&mut self, world: &World<'_, Quorum>, _id: NodeId, it: &Audit) -> Result<(), String> {
        if let Audit::Made(key, version, _) = it {
            // Who keeps nothing current asks for no agreement.
            if !world.config.few {
                self.values
                    .0
                    .insert((*key, version.stamp.dot), version.value);
                self.open.push((world.now, world.now, *key, version.stamp));
            }
        }
        Ok(())
    }

    fn crashed(&mut self, world: &World<'_, Quorum>, _id: NodeId) -> Result<(), String> {
        self.look(world)
    }

    fn look(&mut self, world: &World<'_, Quorum>) -> Result<(), String> {
        if is_amiss(world) {
            self.calm = None;
        } else {
            self.calm.get_or_insert(world.now);
        }
        if world.now.since(self.looked) < LOOK_EVERY {
            return Ok(());
        }
        let settling = settling(world);
        let quiet = self.calm.is_some_and(|it| world.now.since(it) >= settling);
        self.looked = world.now;
        let ids: Vec<NodeId> = world.ids().collect();
        let mut broken = None;
        self.open.retain_mut(|(made, since, key, stamp)| {
            let (has, lacks) = homes_of(world, &ids, *key, *stamp);
            match (has, lacks) {
                (Some(has), Some(lacks)) => {
                    if quiet && world.now.since(*since) >= settling {
                        broken.get_or_insert((has, lacks, *key, *stamp));
                    }
                    true
                }
                // It may turn up with a hint, or with a message that the network repeats.
                (None, Some(_)) => {
                    *since = world.now;
                    world.now.since(*made) < Span(settling.0 * 4)
                }
                _ => false,
            }
        });
        match broken {
            Some((has, lacks, key, stamp)) => Err(format!(
                "{lacks} lacks {}, which {has} has, although nothing has been amiss for {settling}",
                self.values.say(key, stamp.dot)
            )),
            None => Ok(()),
        }
    }
}

/// A home among these that has seen a write, and one that has not.
fn homes_of(
    world: &World<'_, Quorum>,
    among: &[NodeId],
    key: Key,
    stamp: Stamp,
) -> (Option<NodeId>, Option<NodeId>) {
    let mut found = (None, None);
    let Some(node) = among.iter().find_map(|it| world.node(*it)) else {
        return found;
    };
    for home in node.homes(key).into_iter().filter(|it| among.contains(it)) {
        let Some(node) = world.node(home) else {
            continue;
        };
        let item = node.store.get(&key);
        let has = item.is_some_and(|it| match world.config.lww {
            true => it.newest >= Some(stamp),
            false => it.seen.contains(stamp.dot),
        });
        let place = if has { &mut found.0 } else { &mut found.1 };
        place.get_or_insert(home);
    }
    found
}

/// Whether anything is wrong with a node or the network.
fn is_amiss(world: &World<'_, Quorum>) -> bool {
    let environment = world.environment;
    let chances = [environment.loss, environment.burst, environment.corrupt];
    !world.network.is_whole()
        || chances.iter().any(|it| *it != Chance::NEVER)
        || environment.capacity > 0
        || environment.inbox > 0
        || world.ids().any(|it| world.status(it) != Status::Up)
        || world
            .hosts
            .iter()
            .any(|it| it.slow > Span::ZERO || it.disk.slow > Span::ZERO)
}

fn core_agrees(world: &World<'_, Quorum>) -> Result<(), String> {
    if !world.config.rules.anti_entropy
        || world.config.few
        || world.environment.loss != Chance::NEVER
    {
        return Ok(());
    }
    let (core, settling) = (world.core(), settling(world));
    for id in &core {
        let Some(node) = world.node(*id) else {
            continue;
        };
        for (key, item) in node.store.iter() {
            let old = |it: &&super::Version| world.now.since(it.written) > settling;
            for version in item.versions.iter().filter(old) {
                if let (Some(has), Some(lacks)) = homes_of(world, &core, *key, version.stamp) {
                    let value = version
                        .value
                        .map_or("a delete".to_owned(), |it| it.to_string());
                    return Err(format!("{lacks} lacks {key}={value}, which {has} has"));
                }
            }
        }
    }
    Ok(())
}

/// So long ago somebody must have been answered, at most.
const ANSWER_WITHIN: Span = Span::ms(2_900);

fn answers(world: &World<'_, Quorum>) -> Result<(), String> {
    let core = world.core();
    let Some(node) = core.iter().find_map(|it| world.node(*it)) else {
        return Ok(());
    };
    let asks = world.environment.clients > 0;
    let enough = world.config.read_quorum().max(world.config.w as usize);
    // Where every run of homes on the ring has enough in the core, every key has.
    let served = node.ring.tokens().iter().all(|it| {
        let homes = node.ring.preference_list(it.at, world.config.n as usize);
        homes.iter().filter(|it| core.contains(it)).count() >= enough
    });
    if !asks || !served {
        return Ok(());
    }
    let late = |it: Time| world.now.since(it) <= ANSWER_WITHIN;
    let answered = world.history.with(0, u32::MAX, |lines| {
        let recent = lines.iter().rev().take_while(|it| late(it.time));
        recent.into_iter().any(|it| it.phase == Phase::Ok)
    });
    if answered || world.now.since(Time::ZERO) < ANSWER_WITHIN {
        return Ok(());
    }
    Err(format!("nobody was answered in the last {ANSWER_WITHIN}"))
}
