//! What Raft promises (Figure 3 of the paper, and what follows from it), watched at every step.
//!
//! Each check looks only at the server that has just acted, against a ghost state of its own, and first whether
//! anything has changed there that concerns it: most steps change little.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::check::{Invariant, Promise, linearizable};
use crate::exhibit::World;
use crate::parts::kv::Store;
use crate::parts::per_client::PerClient;
use crate::parts::per_node::PerNode;
use crate::parts::quorum::{NodeSet, majority};
use crate::protocol::NodeId;
use crate::sim::time::Span;

use super::membership::names;
use super::show::short;
use super::{Command, Configuration, Entries, Entry, Index, Raft, Snapshot, State, Term};

/// After the faults, so long is enough to answer whoever asks.
const PROGRESS_WITHIN: Span = Span::secs(3);

/// A follower may be so many entries behind: those that are under way.
const LAG_MAX: u64 = 50;

/// Every check.
pub(super) fn all() -> Vec<Promise<Raft>> {
    let mut all = vec![
        Promise::always(ElectionSafety::default()),
        Promise::always(LeaderAppendOnly::default()),
        Promise::always(LogMatching::default()),
        Promise::always(LeaderCompleteness::default()),
        Promise::always(StateMachineSafety::default()),
        Promise::always(OneVote::default()),
        Promise::always(CommittedKept::default()),
        Promise::always(ExactlyOnce::default()),
        Promise::always(ConfigurationSafety::default()),
        Promise::always(StableLeader::default()),
        Promise::history(
            "linearizable",
            "Clients see one copy of each key, changed in one order that respects real time (§8).",
            linearizable::judge,
        ),
        Promise::Eventually {
            name: "progress",
            promise: "Once all is healed there is a leader whom a majority follows, and clients get answers.",
            holds: progress,
        },
    ];
    all.extend(situations());
    all
}

/// What a run should come to see, or it proves nothing.
fn situations() -> Vec<Promise<Raft>> {
    vec![
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
        Promise::Sometimes {
            name: "snapshot-installed",
            promise: "A server takes over the snapshot of another (§7).",
            reached: |world| {
                let Some((id, it)) = world.actor() else {
                    return false;
                };
                let same = |it: &Rc<Snapshot>, other: &Raft| {
                    other
                        .snapshot
                        .as_ref()
                        .is_some_and(|other| Rc::ptr_eq(it, other))
                };
                it.snapshot
                    .as_ref()
                    .is_some_and(|mine| world.running().any(|it| it.0 != id && same(mine, it.1)))
            },
        },
        Promise::Sometimes {
            name: "members-changed",
            promise: "Other members are committed than those that the cluster began with (§6).",
            reached: |world| {
                world.actor().is_some_and(|(_, it)| {
                    let (index, latest) = it.latest();
                    index > 0 && index <= it.commit_index && !latest.is_joint()
                })
            },
        },
    ]
}

fn progress(world: &World<'_, Raft>) -> Result<(), String> {
    let core = world.together();
    let in_core = || world.running().filter(|it| core.contains(&it.0));
    let leader = in_core()
        .filter(|(_, it)| it.leads())
        .max_by_key(|(_, it)| it.current_term);
    let Some((id, leader)) = leader else {
        return Err("no server leads".to_owned());
    };
    let follows = |(other, it): (NodeId, &Raft)| (it.leader == Some(id)).then_some(other);
    let followers: NodeSet = in_core().filter_map(follows).collect();
    if !leader.is_quorum(followers) {
        return Err(format!(
            "{id} leads term {}, but only {} follow",
            leader.current_term,
            names(followers)
        ));
    }
    let members = leader.latest().1.members();
    for (other, server) in in_core().filter(|it| members.contains(it.0)) {
        let same = server.entries.agree_until(&leader.entries);
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
        matches!(self.state, State::Leader(_))
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
    logs: PerNode<(Term, Entries)>,
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
            let kept = before.agree_until(&server.entries);
            if kept < before.last_index() {
                return Err(format!(
                    "{id}, leader of term {term}, lost its entry {}",
                    kept + 1
                ));
            }
        }
        *term = server.current_term;
        before.clone_from(&server.entries);
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
    logs: PerNode<Entries>,
}

#[derive(Clone)]
struct TermLog {
    first: Index,
    before: Term,
    /// The log up to the last entry of the term. It begins as a copy of the first server's, and grows with it.
    log: Entries,
}

invariant!(
    LogMatching,
    "log-matching",
    "Logs that agree in an entry agree in everything before it (§5.3)."
);

impl LogMatching {
    fn look(&mut self, id: NodeId, server: &Raft) -> Result<(), String> {
        let seen = self.logs.slot(id).get_or_insert_default();
        if seen.is_still(&server.entries) {
            return Ok(());
        }
        // What a snapshot stands for was looked at when it was executed.
        let from = seen.agree_until(&server.entries).max(server.entries.base());
        seen.clone_from(&server.entries);
        for index in from + 1..=server.last_index() {
            let entry = server.entries.at(index);
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
        let before = server.entries.term_at(index - 1);
        let new = || TermLog {
            first: index,
            before,
            log: until(&server.entries, index - 1),
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
        match known.log.agrees_at(index, &server.entries) {
            Some(false) => {
                let other = describe(&known.log.at(index));
                differs(format!("another log has {other}"))
            }
            None if index == known.log.last_index() + 1 => {
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

/// A log up to `index`. What a check remembers begins like this: as long as it goes the same way as the server's log it
/// needs no memory of its own.
fn until(log: &Entries, index: Index) -> Entries {
    let mut first = log.clone();
    first.truncate(index);
    first
}

/// What has been committed by anybody, in order: the ghost that several checks share in kind.
#[derive(Clone, Default)]
struct Committed {
    entries: Entries,
    /// The terms in which they were committed: behind which index, and which.
    terms: Vec<(Index, Term)>,
}

impl Committed {
    /// Learns from a server what is committed.
    fn learn(&mut self, server: &Raft) {
        let known = self.entries.last_index();
        // Servers discard only what they have executed in an earlier step, so it is known by then.
        if known >= server.commit_index || server.entries.base() > known {
            return;
        }
        if known == 0 {
            self.entries = until(&server.entries, 0);
        }
        let same_term = self
            .terms
            .last()
            .is_some_and(|it| it.1 == server.current_term);
        if !same_term {
            self.terms.push((known, server.current_term));
        }
        // Whatever a server believes, it cannot have committed what it does not have.
        let end = server.commit_index.min(server.last_index());
        self.entries.extend(&server.entries.slice(known, end));
    }

    /// The committed entry at an index, and the term in which it was committed.
    fn get(&self, index: Index) -> Option<(Entry, Term)> {
        let entry = self.entries.get(index)?;
        let before = self.terms.partition_point(|it| it.0 < index);
        Some((entry, self.terms[before.checked_sub(1)?].1))
    }

    /// The first committed entry that `log` lacks or has otherwise, of those committed before `term`.
    fn missing(&self, log: &Entries, term: Term) -> Option<(Index, Entry, Term)> {
        let first = self.entries.agree_until(log).max(log.base()) + 1;
        let (entry, committed) = self.get(first)?;
        let mut until_then = self.terms.iter().take_while(|it| it.0 < first);
        let earlier = until_then.all(|it| it.1 < term);
        earlier.then_some((first, entry, committed))
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
        match self.committed.missing(&server.entries, server.current_term) {
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
/// different log entry for the same index." §5.4.3. And a snapshot holds what executing all entries up to its last
/// gives (§7).
#[derive(Clone, Default)]
struct StateMachineSafety {
    applied: Entries,
    by: PerNode<(Index, Option<Rc<Snapshot>>)>,
    replay: Replay,
}

/// The entries executed once more, by the check itself.
#[derive(Clone, Default)]
struct Replay {
    until: Index,
    store: Store,
    last: PerClient<u32>,
}

impl Replay {
    /// Executes the entries up to `index`.
    fn go_to(&mut self, index: Index, applied: &Entries, sessions: bool) {
        while self.until < index {
            self.until += 1;
            let Some(entry) = applied.get(self.until) else {
                return;
            };
            if let Command::Client(session, request) = entry.command {
                let before = self.last.get(session.client).copied();
                if !sessions || before.is_none_or(|it| it < session.sequence) {
                    self.last.insert(session.client, session.sequence);
                    self.store.apply(&request);
                }
            }
        }
    }
}

invariant!(
    StateMachineSafety,
    "state-machine-safety",
    "No two servers execute different entries at one index, and snapshots hold what that gives (§5.4.3, §7)."
);

impl StateMachineSafety {
    fn look(&mut self, id: NodeId, server: &Raft) -> Result<(), String> {
        let by = self.by.slot(id).get_or_insert_default();
        if by.0 != server.last_applied {
            let from = std::mem::replace(&mut by.0, server.last_applied);
            let from = from.max(server.entries.base());
            for index in from + 1..=server.last_applied {
                self.admit(id, server, index)?;
            }
        }
        let by = self.by.slot(id).get_or_insert_default();
        let is_new = |it: &&Rc<Snapshot>| by.1.as_ref().is_none_or(|old| !Rc::ptr_eq(old, it));
        if let Some(snapshot) = server.snapshot.as_ref().filter(is_new) {
            by.1 = Some(snapshot.clone());
            return self.compare(id, server, snapshot);
        }
        Ok(())
    }

    fn admit(&mut self, id: NodeId, server: &Raft, index: Index) -> Result<(), String> {
        if index > server.last_index() {
            return Err(format!(
                "{id} executed index {index}, which its log does not have"
            ));
        }
        if self.applied.last_index() == 0 && server.entries.base() == 0 {
            self.applied = until(&server.entries, 0);
        }
        match self.applied.agrees_at(index, &server.entries) {
            None => self.applied.push(server.entries.at(index)),
            Some(true) => {}
            Some(false) => {
                return Err(format!(
                    "{id} executed {} at index {index}, where {} was executed before",
                    describe(&server.entries.at(index)),
                    describe(&self.applied.at(index))
                ));
            }
        }
        Ok(())
    }

    fn compare(&mut self, id: NodeId, server: &Raft, snapshot: &Snapshot) -> Result<(), String> {
        let index = snapshot.last_included_index;
        // One that was overtaken by a later one is not looked at again.
        if index < self.replay.until {
            return Ok(());
        }
        let sessions = server.config.rules.sessions;
        self.replay.go_to(index, &self.applied, sessions);
        if self.replay.store == snapshot.store {
            return Ok(());
        }
        Err(format!(
            "{id} has a snapshot of index {index} with {}, but executing all up to there gives {}",
            snapshot.store.describe(),
            self.replay.store.describe()
        ))
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
        // With a rule off the disk never has a vote, or the term, although it was given.
        let rules = &world.config.rules;
        let given = !rules.persist_term || (!rules.persist_vote && vote.0 == disk.current_term);
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
    logs: PerNode<Entries>,
}

invariant!(
    CommittedKept,
    "committed-kept",
    "No server deletes an entry once its term knows it to be committed."
);

impl CommittedKept {
    fn look(&mut self, id: NodeId, server: &Raft) -> Result<(), String> {
        let before = self.logs.slot(id).get_or_insert_default();
        if before.is_still(&server.entries) {
            self.committed.learn(server);
            return Ok(());
        }
        // What a snapshot stands for is not deleted.
        let kept = before
            .agree_until(&server.entries)
            .max(server.entries.base());
        for index in kept + 1..=before.last_index() {
            let lost = before.get(index);
            let committed = self.committed.get(index);
            if let (Some(lost), Some((entry, term))) = (lost, committed) {
                if lost == entry && server.current_term >= term {
                    return Err(format!(
                        "{id} deleted index {index}, {}, which was committed in term {term}",
                        describe(&entry)
                    ));
                }
            }
        }
        before.clone_from(&server.entries);
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

/// "… for safety, it must not be possible for two leaders to be elected … based on different configurations" (§6):
/// whoever leads needs for its decisions somebody of every majority of the members that are committed.
#[derive(Clone, Default)]
struct ConfigurationSafety {
    /// The latest that is committed, where it stands, and in which term that was known.
    committed: Option<(Index, Configuration, Term)>,
    /// By which each server led when it was last looked at.
    seen: PerNode<(Term, Configuration)>,
}

invariant!(
    ConfigurationSafety,
    "configuration-safety",
    "A leader cannot decide without somebody of each majority of the committed members (§6)."
);

impl ConfigurationSafety {
    fn look(&mut self, id: NodeId, server: &Raft) -> Result<(), String> {
        let known = self.committed.map_or(0, |it| it.0);
        let committed = |it: &&(Index, Configuration)| it.0 <= server.commit_index;
        let latest = server.configurations.iter().rev().find(committed).copied();
        if let Some((index, configuration)) = latest {
            if index > known || (self.committed.is_none() && !configuration.voters.is_empty()) {
                self.committed = Some((index, configuration, server.current_term));
            }
        }
        if !server.leads() {
            return Ok(());
        }
        let now = (server.current_term, server.configuration());
        if self.seen.insert(id, now) == Some(now) && index_of(latest) == known {
            return Ok(());
        }
        match self.committed {
            Some((index, those, term)) if now.0 >= term && !overlap(now.1, those) => Err(format!(
                "{id} leads term {} of {}, which can decide without the members committed at index {index}, {}",
                now.0,
                names(now.1.members()),
                names(those.members())
            )),
            _ => Ok(()),
        }
    }

    fn forget(&mut self, id: NodeId) {
        self.seen.remove(id);
    }
}

fn index_of(configuration: Option<(Index, Configuration)>) -> Index {
    configuration.map_or(0, |it| it.0)
}

/// Whether every majority by which the one decides has somebody of every majority of the other.
fn overlap(one: Configuration, two: Configuration) -> bool {
    let parts = |it: Configuration| [it.voters, it.old].into_iter().filter(|it| !it.is_empty());
    parts(one).any(|one| parts(two).any(|two| majorities_meet(one, two)))
}

/// Whether any majority of the one set has a server in common with any of the other.
fn majorities_meet(one: NodeSet, two: NodeSet) -> bool {
    let both = one.intersection(two).len();
    // So many of those that are in both does a majority need at least.
    let needed = |set: NodeSet| majority(set.len()).saturating_sub(set.len() - both);
    needed(one) + needed(two) > both
}

/// A server that was cut off does not make a leader step down that a majority follows (dissertation, §9.6). Promised
/// where leaders are protected; the paper's Raft promises nothing of the kind.
#[derive(Clone, Default)]
struct StableLeader {
    /// Who began which terms: several servers may have begun the same.
    began: BTreeSet<(Term, NodeId)>,
    /// For each server how many terms it has begun in a row while this one led in this term, and a majority followed.
    in_vain: PerNode<(NodeId, Term, u32)>,
    /// In which term each server leads.
    leads: PerNode<Term>,
}

/// After so many terms begun in vain it is clear that a server stands alone.
const IN_VAIN: u32 = 3;

impl Invariant<Raft> for StableLeader {
    fn name(&self) -> &'static str {
        "stable-leader"
    }

    fn promise(&self) -> &'static str {
        "Where leaders are protected, no server that was cut off makes one step down (dissertation, §9.6)."
    }

    fn observe(&mut self, world: &World<'_, Raft>) -> Result<(), String> {
        match world.actor() {
            Some((id, server)) if world.config.rules.check_quorum => self.look(world, id, server),
            _ => Ok(()),
        }
    }

    fn clone_box(&self) -> Box<dyn Invariant<Raft>> {
        Box::new(self.clone())
    }
}

impl StableLeader {
    fn look(&mut self, world: &World<'_, Raft>, id: NodeId, it: &Raft) -> Result<(), String> {
        if it.leads() {
            self.leads.insert(id, it.current_term);
            return Ok(());
        }
        if matches!(it.state, State::Candidate { .. }) && self.began.insert((it.current_term, id)) {
            self.count(world, id);
        }
        let Some(led) = self.leads.remove(id).filter(|led| *led < it.current_term) else {
            return Ok(());
        };
        let began = |by: &NodeId| self.began.contains(&(it.current_term, *by));
        let in_vain = |by| Some((by, self.in_vain.get(by)?));
        let mut those = world.ids().filter(began).filter_map(in_vain);
        let disturbed = those
            .find(|(_, (leader, term, count))| (*leader, *term) == (id, led) && *count >= IN_VAIN);
        match disturbed {
            Some((by, (_, _, count))) => Err(format!(
                "{id} led term {led} and a majority followed; it steps down because of {by}, which has begun \
                 {count} terms in vain"
            )),
            None => Ok(()),
        }
    }

    /// A server begins a term: was anybody leading who had a majority?
    fn count(&mut self, world: &World<'_, Raft>, id: NodeId) {
        let leads = |it: &(NodeId, &Raft)| it.0 != id && it.1.leads();
        let Some((leader, server)) = world
            .running()
            .filter(leads)
            .max_by_key(|it| it.1.current_term)
        else {
            self.in_vain.remove(id);
            return;
        };
        let term = server.current_term;
        let follows =
            |it: &(NodeId, &Raft)| it.1.leader == Some(leader) && it.1.current_term == term;
        let followers: NodeSet = world.running().filter(follows).map(|it| it.0).collect();
        if !server.is_quorum(followers) {
            self.in_vain.remove(id);
            return;
        }
        let before = self.in_vain.get(id).copied();
        let count = match before {
            Some((same, at, count)) if (same, at) == (leader, term) => count + 1,
            _ => 1,
        };
        self.in_vain.insert(id, (leader, term, count));
    }
}

fn describe(entry: &Entry) -> String {
    match entry.command {
        Command::Noop => format!("the no-op of term {}", entry.term),
        _ => format!("\"{}\" of term {}", short(entry), entry.term),
    }
}
