//! What Paxos promises (§2.1 and §2.2 of the paper), watched at every step.
//!
//! An acceptor has accepted what its disk has: what a crash takes before that was never told to anybody.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::{Promise, invariant};
use crate::exhibit::World;
use crate::parts::per_node::PerNode;
use crate::parts::quorum::NodeSet;
use crate::protocol::NodeId;
use crate::sim::time::Span;

use super::{Durable, Number, Paxos, Phase, Proposal, Value};

/// After the faults, so long is enough to answer whoever asks.
const PROGRESS_WITHIN: Span = Span::ms(1_200);

/// Every check.
pub(super) fn all() -> Vec<Promise<Paxos>> {
    let mut all = vec![
        Promise::always(Agreement::default()),
        Promise::always(Validity::default()),
        Promise::always(Integrity::default()),
        Promise::always(PromiseKept::default()),
        Promise::always(OneProposal::default()),
        Promise::always(LaterProposals::default()),
        Promise::Eventually {
            name: "progress",
            promise: "Once all is healed, whoever asks is told what was chosen, and every learner knows it.",
            holds: progress,
        },
    ];
    all.extend(seen());
    all
}

/// Situations in which the rules matter.
fn seen() -> [Promise<Paxos>; 6] {
    let sometimes = |name, promise, reached| Promise::Sometimes {
        name,
        promise,
        reached,
    };
    [
        sometimes("learned", "A learner learns what was chosen.", |world| {
            world.actor().is_some_and(|(_, it)| it.learned.is_some())
        }),
        sometimes(
            "overtaken",
            "A proposer is overtaken by a higher number.",
            |world| world.actor().is_some_and(|(_, it)| it.overtaken > 0),
        ),
        sometimes(
            "two-proposals",
            "Two proposers have issued proposals, and nothing is learned yet.",
            |world| {
                let issued = |it: &Paxos| matches!(it.phase, Phase::Two { .. });
                world.actor().is_some_and(|(_, it)| issued(it))
                    && world.running().filter(|(_, it)| issued(it)).count() > 1
            },
        ),
        sometimes(
            "taken-over",
            "A proposer gives up its own value for one that was reported.",
            |world| {
                world.actor().is_some_and(|(_, it)| match it.phase {
                    Phase::Two { value } => it.wish.is_some_and(|wish| wish != value),
                    _ => false,
                })
            },
        ),
        sometimes(
            "back-from-disk",
            "An acceptor comes back and still knows what it accepted, but not what was chosen.",
            |world| {
                let fresh = |it: &Paxos| {
                    it.heard == 0 && it.accepted.is_some() && matches!(it.phase, Phase::Idle)
                };
                world
                    .actor()
                    .is_some_and(|(_, it)| fresh(it) && it.learned.is_none())
            },
        ),
        sometimes(
            "found-out",
            "A proposer that wants nothing itself finds out what was chosen.",
            |world| {
                world.actor().is_some_and(|(_, it)| {
                    it.wish.is_none() && matches!(it.phase, Phase::Two { .. })
                })
            },
        ),
    ]
}

/// Asked of those that have been up for a while, if they are a quorum: who has just come back needs some time.
fn progress(world: &World<'_, Paxos>) -> Result<(), String> {
    let core = world.core();
    let settled: Vec<(NodeId, &Paxos)> = world
        .running()
        .filter(|it| core.contains(&it.0))
        .filter(|(id, it)| world.clock(*id).since(it.since) > PROGRESS_WITHIN)
        .collect();
    let acceptors = settled.iter().filter(|it| it.1.is_acceptor()).count();
    let (one, two) = world.config.quorums(usize::from(world.environment.nodes));
    if acceptors < one.max(two) || !settled.iter().any(|it| it.1.is_proposer()) {
        return Ok(());
    }
    let late = world
        .pending()
        .into_iter()
        .find(|it| world.now.since(it.since) > PROGRESS_WITHIN);
    if let Some(it) = late {
        return Err(format!(
            "{} has waited for \"{}\" since {}",
            it.client, it.request, it.since
        ));
    }
    let asked = world.running().any(|it| it.1.wish.is_some());
    match settled.iter().find(|it| it.1.learned.is_none()) {
        Some((id, _)) if asked => Err(format!("{id} has not learned what was chosen")),
        _ => Ok(()),
    }
}

/// Who has accepted what, ever: the ghost that several checks share in kind.
#[derive(Clone, Default)]
struct Votes {
    /// What each acceptor's disk had when it was looked at last.
    last: PerNode<Proposal>,
    by: BTreeMap<Proposal, NodeSet>,
}

impl Votes {
    /// Learns what an acceptor has accepted. Returns the proposal if that was new.
    fn learn(&mut self, id: NodeId, disk: &Durable) -> Option<Proposal> {
        let accepted = disk.accepted?;
        if self.last.insert(id, accepted) == Some(accepted) {
            return None;
        }
        self.by.entry(accepted).or_default().insert(id);
        Some(accepted)
    }

    fn of(&self, proposal: Proposal) -> NodeSet {
        self.by.get(&proposal).copied().unwrap_or_default()
    }

    fn is_chosen(&self, world: &World<'_, Paxos>, proposal: Proposal) -> bool {
        self.of(proposal).len() >= quorum(world)
    }
}

/// How many acceptors choose, as the nodes were told.
fn quorum(world: &World<'_, Paxos>) -> usize {
    let nodes = usize::from(world.environment.nodes);
    world.config.quorums(nodes).1
}

fn names(nodes: NodeSet) -> String {
    let names: Vec<String> = nodes.iter().map(|it| it.to_string()).collect();
    names.join(", ")
}

/// "Only a single value is chosen." §2.1
#[derive(Clone, Default)]
struct Agreement {
    votes: Votes,
    chosen: Option<Proposal>,
}

invariant!(
    Paxos: Agreement,
    "agreement",
    "Only a single value is chosen (§2.1)."
);

impl Agreement {
    fn look(&mut self, world: &World<'_, Paxos>, id: NodeId) -> Result<(), String> {
        let Some(new) = self.votes.learn(id, world.durable(id)) else {
            return Ok(());
        };
        if !self.votes.is_chosen(world, new) {
            return Ok(());
        }
        let first = *self.chosen.get_or_insert(new);
        if first.value == new.value {
            return Ok(());
        }
        let say = |it: Proposal| {
            let by = names(self.votes.of(it));
            format!("{} was chosen with number {} by {by}", it.value, it.number)
        };
        Err(format!("{}, and {}", say(first), say(new)))
    }
}

/// "Only a value that has been proposed may be chosen." §2.1
#[derive(Clone, Default)]
struct Validity {
    wishes: BTreeSet<Value>,
}

invariant!(
    Paxos: Validity,
    "validity",
    "Only what a client has proposed is accepted or learned (§2.1)."
);

impl Validity {
    fn look(&mut self, world: &World<'_, Paxos>, id: NodeId) -> Result<(), String> {
        let Some(node) = world.node(id) else {
            return Ok(());
        };
        self.wishes.extend(node.wish);
        let accepted = node.accepted.map(|it| it.value);
        let foreign = accepted.or(node.learned).into_iter().chain(node.learned);
        match foreign.into_iter().find(|it| !self.wishes.contains(it)) {
            Some(value) => Err(format!("{id} took {value}, which nobody has proposed")),
            None => Ok(()),
        }
    }
}

/// "A process never learns that a value has been chosen unless it actually has been." §2.1
#[derive(Clone, Default)]
struct Integrity {
    votes: Votes,
    learned: PerNode<Option<Value>>,
}

invariant!(
    Paxos: Integrity,
    "integrity",
    "A learner learns one value, and only one that was chosen (§2.1)."
);

impl Integrity {
    fn look(&mut self, world: &World<'_, Paxos>, id: NodeId) -> Result<(), String> {
        self.votes.learn(id, world.durable(id));
        let now = world.node(id).and_then(|it| it.learned);
        let before = self.learned.insert(id, now).flatten();
        match (before, now) {
            (Some(one), Some(two)) if one != two => {
                Err(format!("{id} had learned {one}, and now {two}"))
            }
            (None, Some(value)) if !self.was_chosen(world, value) => {
                Err(format!("{id} learned {value}, which was never chosen"))
            }
            _ => Ok(()),
        }
    }

    /// What acceptors have accepted but not on disk yet counts as well: so does a learner on the same node.
    fn was_chosen(&self, world: &World<'_, Paxos>, value: Value) -> bool {
        let accepted = || {
            world
                .running()
                .filter_map(|(id, it)| Some((id, it.accepted?)))
        };
        let known = self.votes.by.keys().copied();
        let mut known = known.chain(accepted().map(|it| it.1));
        known.any(|proposal| {
            let mut by = self.votes.of(proposal);
            let now = accepted().filter(|it| it.1 == proposal);
            now.for_each(|(id, _)| by.insert(id));
            proposal.value == value && by.len() >= quorum(world)
        })
    }
}

/// An acceptor's promises bind it, restarts or not: the promise never goes back, and nothing below it is accepted.
#[derive(Clone, Default)]
struct PromiseKept {
    promised: PerNode<Number>,
}

invariant!(
    Paxos: PromiseKept,
    "promise-kept",
    "An acceptor accepts nothing below what it has promised, and what it accepts it promises (P1a)."
);

impl PromiseKept {
    fn look(&mut self, world: &World<'_, Paxos>, id: NodeId) -> Result<(), String> {
        let promised = self.promised.slot(id).get_or_insert_default();
        let Some(node) = world.node(id) else {
            let disk = world.durable(id);
            // What the disk did not have was not promised to anybody; with the rule off it never has it. Who has lost
            // its disk has lost its promises; what follows from that is for the other checks.
            if world.config.rules.persist_promise || disk.lost {
                *promised = disk.promised;
            }
            return Ok(());
        };
        if node.promised < *promised {
            return Err(format!(
                "{id} had promised to accept nothing below {promised}, and goes back to {}",
                node.promised
            ));
        }
        *promised = node.promised;
        match node.accepted {
            Some(it) if it.number > node.promised => Err(format!(
                "{id} accepted {} with number {}, but would still accept any number from {} on",
                it.value, it.number, node.promised
            )),
            _ => Ok(()),
        }
    }
}

/// What was issued under each number: the ghost that two checks share in kind.
type Issued = BTreeMap<Number, (Value, NodeId)>;

/// The proposal that a node has issued.
fn issued_by(node: &Paxos) -> Option<Proposal> {
    match node.phase {
        Phase::Two { value } => Some(Proposal {
            number: node.tried,
            value,
        }),
        _ => None,
    }
}

/// "Different proposals have different numbers." §2.2
#[derive(Clone, Default)]
struct OneProposal {
    issued: Issued,
}

invariant!(
    Paxos: OneProposal,
    "one-proposal",
    "Different proposals have different numbers (§2.2)."
);

impl OneProposal {
    fn look(&mut self, world: &World<'_, Paxos>, id: NodeId) -> Result<(), String> {
        let Some(new) = world.node(id).and_then(issued_by) else {
            return Ok(());
        };
        let (value, by) = *self.issued.entry(new.number).or_insert((new.value, id));
        if value == new.value {
            return Ok(());
        }
        Err(format!(
            "{id} issued {} with number {}, with which {by} had issued {value}",
            new.value, new.number
        ))
    }
}

/// "If a proposal with value v is chosen, then every higher-numbered proposal issued by any proposer has value v." P2b
#[derive(Clone, Default)]
struct LaterProposals {
    votes: Votes,
    issued: Issued,
    /// The lowest-numbered proposal that was chosen.
    chosen: Option<Proposal>,
}

invariant!(
    Paxos: LaterProposals,
    "later-proposals",
    "Every proposal with a higher number than a chosen one has its value (P2b)."
);

impl LaterProposals {
    fn look(&mut self, world: &World<'_, Paxos>, id: NodeId) -> Result<(), String> {
        let issued = world.node(id).and_then(issued_by);
        let is_new = issued.is_some_and(|it| {
            let said = self.issued.insert(it.number, (it.value, id));
            said != Some((it.value, id))
        });
        let accepted = self.votes.learn(id, world.durable(id));
        let chosen = accepted.filter(|it| self.votes.is_chosen(world, *it));
        if let Some(it) = chosen.filter(|it| self.chosen.is_none_or(|before| it < &before)) {
            self.chosen = Some(it);
        } else if !is_new {
            return Ok(());
        }
        let Some(chosen) = self.chosen else {
            return Ok(());
        };
        let mut later = self.issued.range(chosen.number + 1..);
        match later.find(|(_, (value, _))| *value != chosen.value) {
            Some((number, (value, by))) => Err(format!(
                "{by} issued {value} with number {number}, although {} was chosen with number {}",
                chosen.value, chosen.number
            )),
            None => Ok(()),
        }
    }
}
