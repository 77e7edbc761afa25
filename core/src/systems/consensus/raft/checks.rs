//! What Raft promises (Figure 3 of the paper, and what follows from it), watched at every step.
//!
//! Each check looks only at the server that has just acted, against a ghost state of its own, and first whether
//! anything has changed there that concerns it: most steps change little.

use std::collections::BTreeMap;

use crate::check::{Invariant, Promise, linearizable};
use crate::exhibit::World;
use crate::parts::log::Log;
use crate::parts::per_client::PerClient;
use crate::parts::per_node::PerNode;
use crate::protocol::NodeId;
use crate::sim::time::Span;

use super::show::short;
use super::{Command, Entry, Index, Raft, State, Term};

/// After the faults, so long is enough to answer whoever asks.
const PROGRESS_WITHIN: Span = Span::secs(3);

/// A follower may be so many entries behind: those that are under way.
const LAG_MAX: u64 = 50;

/// Every check.
pub(super) fn all() -> Vec<Promise<Raft>> {
    vec![
        Promise::always(ElectionSafety::default()),
        Promise::always(LeaderAppendOnly::default()),
        Promise::always(LogMatching::default()),
        Promise::always(LeaderCompleteness::default()),
        Promise::always(StateMachineSafety::default()),
        Promise::always(OneVote::default()),
        Promise::always(CommittedKept::default()),
        Promise::always(ExactlyOnce::default()),
        Promise::history(
            "linearizable",
            "Clients see one copy of each key, changed in one order that respects real time (§8).",
            linearizable::judge,
        ),
        Promise::Sometimes {
            name: "leader-elected",
            promise: "A leader is elected.",
            reached: |world| world.actor().is_some_and(|(_, it)| it.leads()),
        },
        Promise::Sometimes {
            name: "entry-committed",
            promise: "A client's request is committed.",
            reached: |world| world.actor().is_some_and(|(_, it)| !it.executed.is_empty()),
        },
        Promise::Sometimes {
            name: "second-leader",
            promise: "A leader is replaced by another.",
            reached: |world| {
                world
                    .actor()
                    .is_some_and(|(_, it)| it.leads() && it.current_term > 1)
            },
        },
        Promise::Sometimes {
            name: "two-leaders",
            promise: "Two servers believe that they lead, in different terms.",
            reached: |world| {
                world.actor().is_some_and(|(_, it)| it.leads())
                    && world.running().filter(|(_, it)| it.leads()).count() > 1
            },
        },
        Promise::Sometimes {
            name: "election-failed",
            promise: "A server stands for election after a term in which it heard of no leader.",
            reached: |world| {
                world.actor().is_some_and(|(_, it)| {
                    matches!(it.state, State::Candidate { .. })
                        && it.current_term > it.last_term() + 1
                })
            },
        },
        Promise::Eventually {
            name: "progress",
            promise: "Once all is healed there is a leader whom a majority follows, and clients get answers.",
            holds: progress,
        },
    ]
}

fn progress(world: &World<'_, Raft>) -> Result<(), String> {
    let core = world.core();
    let in_core = || world.running().filter(|it| core.contains(&it.0));
    let leader = in_core()
        .filter(|(_, it)| it.leads())
        .max_by_key(|(_, it)| it.current_term);
    let Some((id, leader)) = leader else {
        return Err("no server leads".to_owned());
    };
    let followers = in_core().filter(|(_, it)| it.leader == Some(id)).count();
    if followers < world.majority() {
        return Err(format!(
            "{id} leads term {}, but only {followers} follow",
            leader.current_term
        ));
    }
    for (other, server) in in_core() {
        let same = u64::from(server.log.common_prefix(&leader.log));
        if same + LAG_MAX < leader.commit_index {
            return Err(format!(
                "{other} has only {same} of the {} entries committed",
                leader.commit_index
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

impl Raft {
    fn leads(&self) -> bool {
        matches!(self.state, State::Leader { .. })
    }
}

/// The fixed parts of an invariant: its name, its promise, its copy.
macro_rules! invariant {
    ($type:ty, $name:literal, $promise:literal) => {
        impl Invariant<Raft> for $type {
            fn name(&self) -> &'static str {
                $name
            }
            fn promise(&self) -> &'static str {
                $promise
            }
            fn observe(&mut self, world: &World<'_, Raft>) -> Result<(), String> {
                let Some(id) = world.changed else {
                    return Ok(());
                };
                match world.node(id) {
                    Some(server) => self.look(id, server),
                    None => {
                        self.forget(id);
                        Ok(())
                    }
                }
            }
            fn clone_box(&self) -> Box<dyn Invariant<Raft>> {
                Box::new(self.clone())
            }
        }
    };
}

/// "At most one leader can be elected in a given term." §5.2
#[derive(Clone, Default)]
struct ElectionSafety {
    leaders: BTreeMap<Term, NodeId>,
    /// The last that was seen to lead.
    last: Option<(Term, NodeId)>,
}

invariant!(
    ElectionSafety,
    "election-safety",
    "At most one leader is elected in a term (§5.2)."
);

impl ElectionSafety {
    fn look(&mut self, id: NodeId, server: &Raft) -> Result<(), String> {
        let now = Some((server.current_term, id));
        if !server.leads() || self.last == now {
            return Ok(());
        }
        let first = *self.leaders.entry(server.current_term).or_insert(id);
        if first == id {
            self.last = now;
            return Ok(());
        }
        Err(format!(
            "{id} became leader of term {}, which {first} leads already",
            server.current_term
        ))
    }

    fn forget(&mut self, _id: NodeId) {}
}

/// "A leader never overwrites or deletes entries in its log; it only appends new entries." §5.3
#[derive(Clone, Default)]
struct LeaderAppendOnly {
    /// The term and the log of each server that led when it last acted.
    logs: PerNode<(Term, Log<Entry>)>,
}

invariant!(
    LeaderAppendOnly,
    "leader-append-only",
    "A leader only appends to its log (§5.3)."
);

impl LeaderAppendOnly {
    fn look(&mut self, id: NodeId, server: &Raft) -> Result<(), String> {
        if !server.leads() {
            self.logs.remove(id);
            return Ok(());
        }
        let (term, before) = self.logs.slot(id).get_or_insert_default();
        if *term == server.current_term {
            let kept = before.common_prefix(&server.log);
            if kept < before.len() {
                return Err(format!(
                    "{id}, leader of term {term}, lost its entry {}",
                    kept + 1
                ));
            }
        }
        *term = server.current_term;
        before.clone_from(&server.log);
        Ok(())
    }

    fn forget(&mut self, id: NodeId) {
        self.logs.remove(id);
    }
}

/// "If two logs contain an entry with the same index and term, then the logs are identical in all entries up
/// through the given index." §5.3
///
/// Entries of one term stand next to each other, in the order in which the term's leader created them. So it is enough
/// to know, for each term, what stands before its first entry, and its entries; every log must agree with that.
#[derive(Clone, Default)]
struct LogMatching {
    terms: BTreeMap<Term, TermLog>,
    logs: PerNode<Log<Entry>>,
}

#[derive(Clone)]
struct TermLog {
    first: Index,
    before: Term,
    /// The log up to the last entry of the term. It begins as a copy of the first server's, and grows with it.
    log: Log<Entry>,
}

invariant!(
    LogMatching,
    "log-matching",
    "Logs that agree in an entry agree in everything before it (§5.3)."
);

impl LogMatching {
    fn look(&mut self, id: NodeId, server: &Raft) -> Result<(), String> {
        let seen = self.logs.slot(id).get_or_insert_default();
        if seen.is_still(&server.log) {
            return Ok(());
        }
        let from = seen.common_prefix(&server.log);
        seen.clone_from(&server.log);
        for index in u64::from(from) + 1..=server.last_index() {
            let entry = server.log.at((index - 1) as u32);
            self.admit(id, server, index, entry)?;
        }
        Ok(())
    }

    fn admit(
        &mut self,
        id: NodeId,
        server: &Raft,
        index: Index,
        entry: Entry,
    ) -> Result<(), String> {
        let before = server.term_at(index - 1);
        let new = || TermLog {
            first: index,
            before,
            log: first_items(&server.log, index - 1),
        };
        let known = self.terms.entry(entry.term).or_insert_with(new);
        let differs = |what: String| {
            Err(format!(
                "{id} has at index {index} {}, but {what}",
                describe(&entry)
            ))
        };
        if index < known.first {
            return differs(format!(
                "term {} begins at index {}",
                entry.term, known.first
            ));
        }
        let expected = if index == known.first {
            known.before
        } else {
            entry.term
        };
        if before != expected {
            return differs(format!(
                "before it stands term {before} instead of {expected}"
            ));
        }
        let place = (index - 1) as u32;
        match known.log.agrees_at(place, &server.log) {
            Some(false) => {
                let other = describe(&known.log.at(place));
                differs(format!("another log has {other}"))
            }
            None if place == known.log.len() => {
                known.log.push(entry);
                Ok(())
            }
            None => differs("no leader is known to have created it".to_owned()),
            Some(true) => Ok(()),
        }
    }

    fn forget(&mut self, id: NodeId) {
        self.logs.remove(id);
    }
}

/// The first items of a log. What a check remembers begins like this: as long as it goes the same way as the server's
/// log it needs no memory of its own.
fn first_items(log: &Log<Entry>, count: Index) -> Log<Entry> {
    let mut first = log.clone();
    first.truncate(count as u32);
    first
}

/// What has been committed by anybody, in order: the ghost that several checks share in kind.
#[derive(Clone, Default)]
struct Committed {
    entries: Log<Entry>,
    /// The terms in which they were committed: from which place on, counted from 0, and which.
    terms: Vec<(u32, Term)>,
}

impl Committed {
    /// Learns from a server what is committed.
    fn learn(&mut self, server: &Raft) {
        let known = self.entries.len();
        if u64::from(known) >= server.commit_index {
            return;
        }
        if known == 0 {
            self.entries = first_items(&server.log, 0);
        }
        let same_term = self
            .terms
            .last()
            .is_some_and(|it| it.1 == server.current_term);
        if !same_term {
            self.terms.push((known, server.current_term));
        }
        // Whatever a server believes, it cannot have committed what it does not have.
        let end = server.commit_index.min(server.last_index()) as u32;
        self.entries.extend(&server.log.slice(known, end));
    }

    /// The committed entry at a place, counted from 0, and the term in which it was committed.
    fn get(&self, place: u32) -> Option<(Entry, Term)> {
        let entry = self.entries.get(place)?;
        let before = self.terms.partition_point(|it| it.0 <= place);
        Some((entry, self.terms[before.checked_sub(1)?].1))
    }

    /// The first committed entry that `log` lacks or has otherwise, of those committed before `term`.
    fn missing(&self, log: &Log<Entry>, term: Term) -> Option<(Index, Entry, Term)> {
        let first = self.entries.common_prefix(log);
        let (entry, committed) = self.get(first)?;
        let mut until_then = self.terms.iter().take_while(|it| it.0 <= first);
        let earlier = until_then.all(|it| it.1 < term);
        earlier.then_some((u64::from(first) + 1, entry, committed))
    }
}

/// "If a log entry is committed in a given term, then that entry will be present in the logs of the leaders for all
/// higher-numbered terms." §5.4
#[derive(Clone, Default)]
struct LeaderCompleteness {
    committed: Committed,
    /// The terms whose leader has been looked at.
    leaders: PerNode<Term>,
}

invariant!(
    LeaderCompleteness,
    "leader-completeness",
    "Every leader has every entry committed before its term (§5.4)."
);

impl LeaderCompleteness {
    fn look(&mut self, id: NodeId, server: &Raft) -> Result<(), String> {
        self.committed.learn(server);
        if !server.leads()
            || self.leaders.insert(id, server.current_term) == Some(server.current_term)
        {
            return Ok(());
        }
        match self.committed.missing(&server.log, server.current_term) {
            Some((index, entry, term)) => Err(format!(
                "{id} leads term {} without index {index}, {}, which was committed in term {term}",
                server.current_term,
                describe(&entry)
            )),
            None => Ok(()),
        }
    }

    fn forget(&mut self, id: NodeId) {
        self.leaders.remove(id);
    }
}

/// "If a server has applied a log entry at a given index to its state machine, no other server will ever apply a
/// different log entry for the same index." §5.4.3
#[derive(Clone, Default)]
struct StateMachineSafety {
    applied: Log<Entry>,
    by: PerNode<Index>,
}

invariant!(
    StateMachineSafety,
    "state-machine-safety",
    "No two servers execute different entries at one index (§5.4.3)."
);

impl StateMachineSafety {
    fn look(&mut self, id: NodeId, server: &Raft) -> Result<(), String> {
        let by = self.by.slot(id).get_or_insert_default();
        if *by == server.last_applied {
            return Ok(());
        }
        let from = std::mem::replace(by, server.last_applied);
        for index in from + 1..=server.last_applied {
            if index > server.last_index() {
                return Err(format!(
                    "{id} executed index {index}, which its log does not have"
                ));
            }
            let place = (index - 1) as u32;
            if self.applied.is_empty() {
                self.applied = first_items(&server.log, 0);
            }
            match self.applied.agrees_at(place, &server.log) {
                None => self.applied.push(server.log.at(place)),
                Some(true) => {}
                Some(false) => {
                    return Err(format!(
                        "{id} executed {} at index {index}, where {} was executed before",
                        describe(&server.log.at(place)),
                        describe(&self.applied.at(place))
                    ));
                }
            }
        }
        Ok(())
    }

    fn forget(&mut self, id: NodeId) {
        self.by.remove(id);
    }
}

/// A server votes for one candidate in a term, and its term never goes back, restarts or not. Figure 2
///
/// A vote that a crash takes before the disk had it was never given: what is sent waits for the disk.
#[derive(Clone, Default)]
struct OneVote {
    votes: PerNode<(Term, Option<NodeId>)>,
}

impl Invariant<Raft> for OneVote {
    fn name(&self) -> &'static str {
        "one-vote"
    }

    fn promise(&self) -> &'static str {
        "A server votes once in a term and never goes back to an earlier one (Figure 2)."
    }

    fn observe(&mut self, world: &World<'_, Raft>) -> Result<(), String> {
        let Some(id) = world.changed else {
            return Ok(());
        };
        if let Some(server) = world.node(id) {
            return self.look(id, server);
        }
        let disk = world.durable(id);
        let vote = self.votes.slot(id).get_or_insert_default();
        // With the rule off the disk never has a vote, although it was given.
        let given = !world.config.rules.persist_vote && vote.0 == disk.current_term;
        if !given {
            *vote = (disk.current_term, disk.voted_for);
        }
        Ok(())
    }

    fn clone_box(&self) -> Box<dyn Invariant<Raft>> {
        Box::new(self.clone())
    }
}

impl OneVote {
    fn look(&mut self, id: NodeId, server: &Raft) -> Result<(), String> {
        let (term, vote) = self.votes.get(id).copied().unwrap_or((0, None));
        let now = (server.current_term, server.voted_for);
        if now == (term, vote) {
            return Ok(());
        }
        if now.0 < term {
            return Err(format!("{id} went back from term {term} to term {}", now.0));
        }
        if now.0 == term && vote.is_some() && now.1.is_some() && now.1 != vote {
            return Err(format!(
                "{id} voted for {} and {} in term {term}",
                name(vote),
                name(now.1)
            ));
        }
        if now.0 > term || now.1.is_some() {
            self.votes.insert(id, now);
        }
        Ok(())
    }
}

fn name(node: Option<NodeId>) -> String {
    node.map_or_else(|| "nobody".to_owned(), |it| it.to_string())
}

/// No server deletes an entry in the term in which it was committed, or later. It follows from the five properties,
/// and tells earlier what went wrong.
///
/// In an earlier term it may: a leader that was replaced before the entry was committed may still make a server that
/// has not heard of the new term delete its copy. That copy did not count for the majority.
#[derive(Clone, Default)]
struct CommittedKept {
    committed: Committed,
    logs: PerNode<Log<Entry>>,
}

invariant!(
    CommittedKept,
    "committed-kept",
    "No server deletes an entry once its term knows it to be committed."
);

impl CommittedKept {
    fn look(&mut self, id: NodeId, server: &Raft) -> Result<(), String> {
        let before = self.logs.slot(id).get_or_insert_default();
        if before.is_still(&server.log) {
            self.committed.learn(server);
            return Ok(());
        }
        let kept = before.common_prefix(&server.log);
        for index in kept..before.len() {
            let lost = before.get(index);
            let committed = self.committed.get(index);
            if let (Some(lost), Some((entry, term))) = (lost, committed) {
                if lost == entry && server.current_term >= term {
                    return Err(format!(
                        "{id} deleted index {}, {}, which was committed in term {term}",
                        index + 1,
                        describe(&entry)
                    ));
                }
            }
        }
        before.clone_from(&server.log);
        self.committed.learn(server);
        Ok(())
    }

    /// What the disk did not have yet may be gone after a crash: nobody was told of it.
    fn forget(&mut self, id: NodeId) {
        self.logs.remove(id);
    }
}

/// A client's request takes effect once, however often it is sent. §8
#[derive(Clone, Default)]
struct ExactlyOnce {
    /// For each server how much of its audit was read, and the last request of each client in it.
    audits: PerNode<(u32, PerClient<u32>)>,
}

invariant!(
    ExactlyOnce,
    "exactly-once",
    "A client's request takes effect once, however often it is sent (§8)."
);

impl ExactlyOnce {
    fn look(&mut self, id: NodeId, server: &Raft) -> Result<(), String> {
        let (read, last) = self.audits.slot(id).get_or_insert_default();
        while let Some(session) = server.executed.get(*read) {
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

    fn forget(&mut self, id: NodeId) {
        self.audits.remove(id);
    }
}

fn describe(entry: &Entry) -> String {
    match entry.command {
        Command::Noop => format!("the no-op of term {}", entry.term),
        Command::Client(..) => format!("\"{}\" of term {}", short(entry), entry.term),
    }
}
