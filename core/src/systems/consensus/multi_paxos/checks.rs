//! What Multi-Paxos promises, watched at every step.
//!
//! An acceptor has accepted what its disk has: what a crash takes before that was never told to anybody.

use std::collections::BTreeMap;

use crate::check::{Promise, invariant, linearizable};
use crate::exhibit::World;
use crate::parts::log::Log;
use crate::parts::per_client::PerClient;
use crate::parts::per_node::PerNode;
use crate::parts::quorum::NodeSet;
use crate::protocol::NodeId;
use crate::sim::time::Span;

use super::show::short;
use super::{Ballot, Command, Entry, MultiPaxos, Proposal, Proposed, Slot, State};

/// After the faults, so long is enough to answer whoever asks.
const PROGRESS_WITHIN: Span = Span::secs(3);

/// A server may be so many slots behind: those that are under way.
const LAG_MAX: u64 = 50;

/// Who accepted what is remembered for so many slots, the last. What is older is judged by what servers have learned.
const SLOTS_MAX: usize = 64;

/// Every check.
pub(super) fn all() -> Vec<Promise<MultiPaxos>> {
    let mut all = vec![
        Promise::always(Agreement::default()),
        Promise::always(LogAgreement::default()),
        Promise::always(Integrity::default()),
        Promise::always(PromiseKept::default()),
        Promise::always(OneLeader::default()),
        Promise::always(ExactlyOnce::default()),
        Promise::history(
            "linearizable",
            "Clients see one copy of each key, changed in one order that respects real time.",
            linearizable::judge,
        ),
        Promise::Eventually {
            name: "progress",
            promise: "Once all is healed there is a leader whom a majority follows, and clients get answers.",
            holds: progress,
        },
    ];
    all.extend(seen());
    all
}

/// Situations in which the rules matter.
fn seen() -> [Promise<MultiPaxos>; 6] {
    let sometimes = |name, promise, reached| Promise::Sometimes {
        name,
        promise,
        reached,
    };
    [
        sometimes("leader", "A server becomes the leader.", |world| {
            world.actor().is_some_and(|(_, it)| it.leads())
        }),
        sometimes("executed", "A client's request is executed.", |world| {
            world.actor().is_some_and(|(_, it)| !it.effects.is_empty())
        }),
        sometimes(
            "two-leaders",
            "Two servers believe that they lead, with different ballots.",
            |world| {
                world.actor().is_some_and(|(_, it)| it.leads())
                    && world.running().filter(|(_, it)| it.leads()).count() > 1
            },
        ),
        sometimes(
            "taken-over",
            "A new leader proposes again what an earlier one proposed.",
            |world| {
                let is_client = |it: &Proposed| matches!(it.command, Command::Client(..));
                world.actor().is_some_and(|(_, it)| match &it.state {
                    State::Leader { proposed, waiting } => {
                        waiting.is_empty() && proposed.iter().flatten().any(is_client)
                    }
                    _ => false,
                })
            },
        ),
        sometimes("gap-filled", "A gap is filled with a no-op.", |world| {
            let last = world.actor().and_then(|(_, it)| it.chosen.last());
            last.is_some_and(|it| it.command == Command::Noop)
        }),
        sometimes(
            "chosen-twice",
            "Two servers know of one slot as chosen in different ballots: the same command, proposed again.",
            |world| {
                let Some((_, one)) = world.actor() else {
                    return false;
                };
                let last = one.chosen.len().wrapping_sub(1);
                let differs = |two: &MultiPaxos| {
                    let ballots = (
                        one.chosen.look(last, |it| it.ballot),
                        two.chosen.look(last, |it| it.ballot),
                    );
                    matches!(ballots, (Some(one), Some(two)) if one != two)
                };
                world.running().any(|(_, two)| differs(two))
            },
        ),
    ]
}

impl MultiPaxos {
    fn leads(&self) -> bool {
        matches!(self.state, State::Leader { .. })
    }
}

fn progress(world: &World<'_, MultiPaxos>) -> Result<(), String> {
    let core = world.core();
    let in_core = || world.running().filter(|it| core.contains(&it.0));
    let leader = in_core()
        .filter(|(_, it)| it.leads())
        .max_by_key(|(_, it)| it.tried);
    let Some((id, leader)) = leader else {
        return Err("no server leads".to_owned());
    };
    let followers = in_core().filter(|(_, it)| it.leader == Some(id)).count();
    if followers < world.majority() {
        let ballot = leader.tried;
        return Err(format!(
            "{id} leads with ballot {ballot}, but only {followers} follow"
        ));
    }
    if let State::Leader { proposed, .. } = &leader.state {
        if proposed.iter().any(Option::is_none) {
            let gap = leader.chosen.len() + 1;
            return Err(format!("{id} leaves a gap from slot {gap} on"));
        }
    }
    for (other, server) in in_core() {
        if u64::from(server.chosen.len()) + LAG_MAX < leader.chosen.len().into() {
            return Err(format!(
                "{other} has only {} of the {} commands chosen",
                server.chosen.len(),
                leader.chosen.len()
            ));
        }
    }
    let late = world
        .pending()
        .into_iter()
        .find(|it| world.now.since(it.since) > PROGRESS_WITHIN);
    match late {
        Some(it) => Err(format!(
            "{} has waited for \"{}\" since {}",
            it.client, it.request, it.since
        )),
        None => Ok(()),
    }
}

/// Who has accepted what: the ghost that two checks share in kind.
#[derive(Clone, Default)]
struct Votes {
    /// What each acceptor's disk had when it was looked at last.
    last: PerNode<Vec<Proposal>>,
    slots: BTreeMap<Slot, Vec<(Proposal, NodeSet)>>,
}

impl Votes {
    /// Learns what an acceptor's disk has. Returns whether there is anything new.
    fn learn(&mut self, world: &World<'_, MultiPaxos>, id: NodeId) -> bool {
        let now = &world.durable(id).accepted;
        let before = self.last.slot(id).get_or_insert_default();
        if before == now {
            return false;
        }
        for proposal in now.iter().filter(|it| !before.contains(it)) {
            let votes = self.slots.entry(proposal.slot).or_default();
            match votes.iter_mut().find(|it| it.0 == *proposal) {
                Some((_, by)) => by.insert(id),
                None => votes.push((*proposal, NodeSet::from_iter([id]))),
            }
        }
        before.clone_from(now);
        while self.slots.len() > SLOTS_MAX {
            self.slots.pop_first();
        }
        true
    }

    /// The proposals for a slot that so many have accepted: those that are chosen.
    fn chosen(&self, slot: Slot, quorum: usize) -> impl Iterator<Item = &(Proposal, NodeSet)> {
        let votes = self.slots.get(&slot).into_iter().flatten();
        votes.filter(move |it| it.1.len() >= quorum)
    }
}

/// How many acceptors choose, as the servers were told.
fn quorum(world: &World<'_, MultiPaxos>) -> usize {
    let servers = usize::from(world.environment.nodes);
    world.config.quorums(servers).1
}

/// Only a single command is chosen for a slot.
#[derive(Clone, Default)]
struct Agreement {
    votes: Votes,
}

invariant!(
    MultiPaxos: Agreement,
    "agreement",
    "Only a single command is chosen for a slot (§2.1)."
);

impl Agreement {
    fn look(&mut self, world: &World<'_, MultiPaxos>, id: NodeId) -> Result<(), String> {
        if !self.votes.learn(world, id) {
            return Ok(());
        }
        let quorum = quorum(world);
        for new in &world.durable(id).accepted {
            let mut chosen = self.votes.chosen(new.slot, quorum);
            let Some(one) = chosen.next() else { continue };
            if let Some(two) = chosen.find(|it| it.0.command != one.0.command) {
                let say = |(proposal, by): &(Proposal, NodeSet)| {
                    let by: Vec<String> = by.iter().map(|it| it.to_string()).collect();
                    let command = short(&proposal.command);
                    format!(
                        "{command} was chosen with ballot {} by {}",
                        proposal.ballot,
                        by.join(", ")
                    )
                };
                return Err(format!("slot {}: {}, and {}", new.slot, say(one), say(two)));
            }
        }
        Ok(())
    }
}

/// No two servers ever learn different commands for one slot, and so execute the same.
#[derive(Clone, Default)]
struct LogAgreement {
    /// What was learned for each slot, first by anybody.
    learned: Log<Entry>,
    /// How far each server's account has been looked at.
    seen: PerNode<u32>,
}

invariant!(
    MultiPaxos: LogAgreement,
    "log-agreement",
    "No two servers learn different commands for one slot, and so all execute the same."
);

impl LogAgreement {
    fn look(&mut self, world: &World<'_, MultiPaxos>, id: NodeId) -> Result<(), String> {
        let Some(server) = world.node(id) else {
            self.seen.remove(id);
            return Ok(());
        };
        let seen = self.seen.slot(id).get_or_insert_default();
        while *seen < server.chosen.len() {
            let entry = server.chosen.at(*seen);
            let other = self.learned.get(*seen);
            *seen += 1;
            match other {
                None => self.learned.push(entry),
                Some(other) if other.command == entry.command => {}
                Some(other) => {
                    return Err(format!(
                        "{id} learned {} for slot {seen}, chosen with ballot {}, where {} was learned before, \
                         chosen with ballot {}",
                        short(&entry.command),
                        entry.ballot,
                        short(&other.command),
                        other.ballot
                    ));
                }
            }
        }
        Ok(())
    }
}

/// "A process never learns that a value has been chosen unless it actually has been." §2.1
#[derive(Clone, Default)]
struct Integrity {
    votes: Votes,
    /// How far anybody's account has been looked at: what follows was learned first by whoever has it now.
    seen: u32,
}

invariant!(
    MultiPaxos: Integrity,
    "integrity",
    "A server learns only commands that were chosen (§2.1)."
);

impl Integrity {
    fn look(&mut self, world: &World<'_, MultiPaxos>, id: NodeId) -> Result<(), String> {
        self.votes.learn(world, id);
        let Some(server) = world.node(id) else {
            return Ok(());
        };
        let quorum = quorum(world);
        while self.seen < server.chosen.len() {
            let command = server.chosen.at(self.seen).command;
            self.seen += 1;
            let mut chosen = self.votes.chosen(self.seen.into(), quorum);
            if !chosen.any(|it| it.0.command == command) {
                return Err(format!(
                    "{id} learned {} for slot {}, which was never chosen",
                    short(&command),
                    self.seen
                ));
            }
        }
        Ok(())
    }
}

/// An acceptor's promises bind it, restarts or not: the promise never goes back, and nothing below it is accepted.
#[derive(Clone, Default)]
struct PromiseKept {
    promised: PerNode<Ballot>,
}

invariant!(
    MultiPaxos: PromiseKept,
    "promise-kept",
    "An acceptor accepts nothing below what it has promised, and what it accepts it promises (P1a)."
);

impl PromiseKept {
    fn look(&mut self, world: &World<'_, MultiPaxos>, id: NodeId) -> Result<(), String> {
        let promised = self.promised.slot(id).get_or_insert_default();
        let Some(server) = world.node(id) else {
            let disk = world.durable(id);
            // What the disk did not have was not promised to anybody; with the rule off it never has it. Who has lost
            // its disk has lost its promises; what follows from that is for the other checks.
            if world.config.rules.persist_promise || disk.lost {
                *promised = disk.promised;
            }
            return Ok(());
        };
        if server.promised < *promised {
            return Err(format!(
                "{id} had promised to accept in no ballot below {promised}, and goes back to {}",
                server.promised
            ));
        }
        *promised = server.promised;
        let above = server.accepted.iter().find(|it| it.ballot > *promised);
        match above {
            Some(it) => Err(format!(
                "{id} accepted slot {} with ballot {}, but would still accept any ballot from {promised} on",
                it.slot, it.ballot
            )),
            None => Ok(()),
        }
    }
}

/// "Different proposals have different numbers." §2.2
#[derive(Clone, Default)]
struct OneLeader {
    leaders: BTreeMap<Ballot, NodeId>,
}

invariant!(
    MultiPaxos: OneLeader,
    "one-leader",
    "No two servers lead with the same ballot (§2.2)."
);

impl OneLeader {
    fn look(&mut self, world: &World<'_, MultiPaxos>, id: NodeId) -> Result<(), String> {
        let Some(server) = world.node(id).filter(|it| it.leads()) else {
            return Ok(());
        };
        let first = *self.leaders.entry(server.tried).or_insert(id);
        if first == id {
            return Ok(());
        }
        let ballot = server.tried;
        Err(format!(
            "{id} leads with ballot {ballot}, with which {first} leads"
        ))
    }
}

/// A client's request takes effect once, however often it is sent.
#[derive(Clone, Default)]
struct ExactlyOnce {
    /// For each server how much of its audit was read, and the last request of each client in it.
    audits: PerNode<(u32, PerClient<u32>)>,
}

invariant!(
    MultiPaxos: ExactlyOnce,
    "exactly-once",
    "A client's request takes effect once, however often it is sent."
);

impl ExactlyOnce {
    fn look(&mut self, world: &World<'_, MultiPaxos>, id: NodeId) -> Result<(), String> {
        let Some(server) = world.node(id) else {
            self.audits.remove(id);
            return Ok(());
        };
        let (read, last) = self.audits.slot(id).get_or_insert_default();
        while let Some(session) = server.effects.get(*read) {
            *read += 1;
            let before = last.insert(session.client, session.sequence);
            if before.is_some_and(|it| it >= session.sequence) {
                return Err(format!(
                    "{id} executed request {} of {} a second time",
                    session.sequence, session.client
                ));
            }
        }
        Ok(())
    }
}
