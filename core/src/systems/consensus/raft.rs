//! Raft: several machines keep one log, and agree on it although some of them fail.
//!
//! **The problem.** A service that must not stop runs on several servers. All must execute the same commands in the
//! same order, although servers crash and restart, and the network delays, loses, repeats and reorders messages.
//!
//! **The idea.** Elect one server the leader; it alone decides the order. Time is divided into *terms* (§5.1), each
//! with at most one leader. If the leader falls silent, somebody stands for election in the next term.
//!
//! ```text
//!             times out,              times out, new election
//!           starts election              ┌─────┐
//!   start ──▶ ┌──────────┐ ──────▶ ┌───────────▼┐   votes from a majority   ┌────────┐
//!             │ follower │         │ candidate  │ ────────────────────────▶ │ leader │
//!             └──────────┘ ◀────── └────────────┘                           └────────┘
//!                  ▲    discovers the leader or a new term                      │
//!                  └─────────────── discovers a server with a higher term ──────┘
//! ```
//!
//! 1. **Election** (§5.2). A follower that hears nothing for its randomized election time-out becomes a candidate:
//!    it begins a new term, votes for itself and asks the others. Each server votes once in a term, first come
//!    first served. A majority of votes makes a leader; two majorities share a server, so there are never two
//!    leaders in one term.
//! 2. **Replication** (§5.3). The leader appends what clients ask to its log and sends it on with AppendEntries.
//!    Each such message names the entry just before; a follower that lacks it refuses, and the leader goes further
//!    back. So logs that agree in one entry agree in all before it.
//! 3. **Commit** (§5.3, §5.4.2). An entry of the leader's own term is *committed* once a majority has it on disk;
//!    with it all before. A leader never commits entries of older terms by counting, since they can still be
//!    overwritten (Figure 8).
//! 4. **Restriction** (§5.4.1). A server votes only for a candidate whose log is at least as up-to-date as its own:
//!    so every leader has every committed entry.
//!
//! **On disk** (Figure 2): `currentTerm`, `votedFor`, `log`, written before any message that depends on them. All
//! else is lost in a crash and learnt again; the state machine is built anew by executing the log.
//!
//! **Clients** (§8) number their requests. A server remembers the last number it executed for each client, with the
//! result, so that a request that is sent twice takes effect once. A new leader appends an empty entry at once, to
//! learn what is committed.
//!
//! This file is Figure 2 of the paper. What grows out of it stands in files of its own, each readable alone:
//!
//! | | |
//! |---|---|
//! | `raft/elections.rs` | elections, and how a server that rejoins is kept from disturbing a leader |
//! | `raft/reads.rs` | reads that need no entry in the log |
//! | `raft/snapshot.rs` | log compaction (§7) |
//! | `raft/membership.rs` | changes of the members (§6) |
//! | `raft/transfer.rs` | a leader hands over |
//! | `raft/messages.rs`, `raft/entries.rs` | what is said; a log that forgets its beginning |
//! | `raft/checks.rs` | what must hold |
//! | `raft/show.rs`, `raft/scenarios.rs`, `raft/broken.rs` | pictures and scenarios |
//! | `raft/stirs.rs` | what a swarm asks of Raft beside its faults |
//!
//! **Left out here**: snapshots in chunks (§7), and batching of reads; each of both is a matter of speed alone.
//!
//! Source: D. Ongaro, J. Ousterhout, "In Search of an Understandable Consensus Algorithm", USENIX ATC 2014 (extended
//! version); sections are those of that paper. "Dissertation" is D. Ongaro, "Consensus: Bridging Theory and Practice",
//! Stanford 2014.

mod broken;
mod checks;
mod elections;
mod entries;
mod membership;
mod messages;
mod reads;
mod scenarios;
mod show;
mod snapshot;
mod stirs;
#[cfg(test)]
mod tests;
mod transfer;

use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use serde::Serialize;

use crate::parts::kv::{KvRequest, KvResult, Store};
use crate::parts::log::{Log, Slice};
use crate::parts::per_client::PerClient;
use crate::parts::quorum::{NodeSet, majority};
use crate::protocol::{ClientId, Ctx, NodeId, Protocol, RequestId, Stored};
use crate::sim::dist::Chance;
use crate::sim::rng::Rng;
use crate::sim::time::{Span, Time};

pub use entries::Entries;
pub use membership::{Change, Configuration};
pub use messages::{Message, Request, Response};
pub use reads::{Reads, Rounds};
pub use snapshot::Snapshot;
pub use transfer::Transfer;

/// A span of time with at most one leader; consecutive, from 1.
pub type Term = u64;

/// A place in the log, from 1; 0 is before the first entry.
pub type Index = u64;

/// What every server is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The shortest election time-out (the paper suggests 150 ms).
    pub election_min: Span,
    /// The longest election time-out (300 ms).
    pub election_max: Span,
    /// How often a leader lets its followers hear of it.
    pub heartbeat: Span,
    /// The most entries in one message.
    pub batch: u64,
    /// How many messages with entries may be under way to one follower (dissertation, §10.2.1).
    pub pipeline: u64,
    /// Whether a follower that refuses names the term it has there, so that the leader goes back by terms and not by
    /// entries (§5.3, at the end).
    pub fast_back_up: bool,
    /// After so many executed entries a server takes a snapshot (§7); 0 for never.
    pub snapshot: u64,
    /// How reads are answered (dissertation, §6.4).
    pub reads: Reads,
    /// By how much clocks may run apart: so much shorter is a lease.
    pub drift_bound: Chance,
    /// Whether members change by joint consensus (§6), not one by one (dissertation, §4.1).
    pub joint: bool,
    /// What can be switched off to see what it is good for.
    pub rules: Rules,
}

/// The rules that make Raft safe, and some that make it steady. Each can be switched off.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The vote is on disk before it is given (Figure 2).
    pub persist_vote: bool,
    /// So is the term.
    pub persist_term: bool,
    /// Entries are on disk before they are acknowledged (Figure 2).
    pub write_before_answer: bool,
    /// Servers vote only for candidates whose log is up-to-date (§5.4.1).
    pub up_to_date_vote: bool,
    /// Decisions need more than half of the servers, not just half.
    pub real_majority: bool,
    /// Election time-outs are random (§5.2).
    pub random_timeouts: bool,
    /// Whoever would stand for election asks first whether that makes sense (dissertation, §9.6).
    pub pre_vote: bool,
    /// What is answered to that is no vote.
    pub pre_vote_apart: bool,
    /// A leader that a majority no longer answers steps down, and one that they hear is protected (dissertation, §6.2
    /// and §4.2.3).
    pub check_quorum: bool,
    /// Leaders count replicas only of entries of their own term (§5.4.2).
    pub commit_own_term: bool,
    /// Followers delete entries only where they conflict with the leader's (§5.3).
    pub truncate_on_conflict: bool,
    /// A follower acknowledges what the leader has sent, not all that it has itself.
    pub ack_what_matched: bool,
    /// A leader does not take a refusal for an acknowledgement.
    pub heed_refusals: bool,
    /// A follower commits no further than its log is known to agree (Figure 2).
    pub commit_what_matched: bool,
    /// Servers remember what they executed for each client (§8).
    pub sessions: bool,
    /// A leader makes sure that it still leads before it answers a read (§8).
    pub confirm_reads: bool,
    /// A leader answers no reads before it has committed an entry of its own term (§8).
    pub read_own_term: bool,
    /// A lease counts from when the round of heartbeats began, and is shorter by what clocks may run apart.
    pub lease_bound: bool,
    /// A snapshot that comes late takes nothing back (§7).
    pub keep_newer: bool,
    /// A configuration counts as soon as it is in the log (§6).
    pub adopt_when_appended: bool,
    /// Under C-old,new a majority of each is needed, not of both together (§6).
    pub both_majorities: bool,
    /// Without joint consensus, only one server comes or goes at a time (dissertation, §4.1).
    pub one_at_a_time: bool,
    /// A leader changes members only after it has committed an entry of its own term (the bug of 2015).
    pub change_after_commit: bool,
    /// A server that is removed stays until that is committed.
    pub leave_when_committed: bool,
}

impl Rules {
    /// Raft as the paper has it: whoever would stand for election does so at once (§5.2), and a leader leads until it
    /// hears of a higher term.
    pub const PAPER: Rules = Rules {
        pre_vote: false,
        check_quorum: false,
        ..Rules::ALL
    };

    /// Every rule, those of the dissertation too.
    pub const ALL: Rules = Rules {
        persist_vote: true,
        persist_term: true,
        write_before_answer: true,
        up_to_date_vote: true,
        real_majority: true,
        random_timeouts: true,
        pre_vote: true,
        pre_vote_apart: true,
        check_quorum: true,
        commit_own_term: true,
        truncate_on_conflict: true,
        ack_what_matched: true,
        heed_refusals: true,
        commit_what_matched: true,
        sessions: true,
        confirm_reads: true,
        read_own_term: true,
        lease_bound: true,
        keep_newer: true,
        adopt_when_appended: true,
        both_majorities: true,
        one_at_a_time: true,
        change_after_commit: true,
        leave_when_committed: true,
    };
}

/// An entry of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Entry {
    /// The term of the leader that created it.
    pub term: Term,
    /// What to execute.
    pub command: Command,
}

/// What an entry asks of the state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// Nothing: the entry that a new leader begins with (§8).
    Noop,
    /// A client's request.
    Client(Session, KvRequest),
    /// From this entry on, these are the members (§6).
    Configuration(Configuration),
}

/// Names a request: a client numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Session {
    /// Who.
    pub client: ClientId,
    /// Which, from 1.
    pub sequence: u32,
}

/// The alarms of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Nothing was heard of a leader for too long. For a leader: has a majority answered lately?
    Election,
    /// Followers must hear of their leader again.
    Heartbeat,
    /// It is time to ask again to be let in, or out.
    Membership,
    /// The other should have taken over by now.
    Transfer,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Timer::Election => "election",
            Timer::Heartbeat => "heartbeat",
            Timer::Membership => "membership",
            Timer::Transfer => "transfer",
        })
    }
}

/// What a server keeps on disk (Figure 2, "persistent state", and §7).
#[derive(Clone, Debug, Default)]
pub struct Durable {
    /// The latest term the server has seen.
    pub current_term: Term,
    /// Whom it voted for in that term.
    pub voted_for: Option<NodeId>,
    /// The log.
    pub entries: Entries,
    /// What stands for the entries that are no longer in the log.
    pub snapshot: Option<Rc<Snapshot>>,
}

impl Stored for Durable {
    /// Term, vote and snapshot are written first, in one block; then the log, entry by entry.
    fn torn(before: &Durable, after: &Durable, rng: &mut Rng) -> Durable {
        let mut torn = after.clone();
        let last = torn.entries.last_index();
        let kept = before.entries.agree_until(&torn.entries).min(last);
        torn.entries.truncate(kept + rng.below(last - kept + 1));
        torn
    }

    /// A bit of the term of an entry, or of the current term.
    fn rotten(&self, rng: &mut Rng) -> Durable {
        let mut rotten = self.clone();
        let bit = 1 << rng.below(3);
        let (base, last) = (self.entries.base(), self.entries.last_index());
        let at = base + 1 + rng.below(last - base + 1);
        match self.entries.get(at) {
            Some(entry) => {
                let rest = self.entries.slice(at, last);
                rotten.entries.truncate(at - 1);
                rotten.entries.push(Entry {
                    term: entry.term ^ bit,
                    ..entry
                });
                rotten.entries.extend(&rest);
            }
            None => rotten.current_term ^= bit,
        }
        rotten
    }

    fn truncated(&self, rng: &mut Rng) -> Durable {
        let mut short = self.clone();
        let base = short.entries.base();
        let left = rng.below(short.entries.last_index() - base + 1);
        short.entries.truncate(base + left);
        short
    }
}

/// Who the server is at the moment, with the state that only that role has.
#[derive(Clone, Debug)]
pub enum State {
    /// It follows.
    Follower,
    /// It asks whether to stand for election (dissertation, §9.6).
    PreCandidate {
        /// Who would vote for it, itself among them.
        votes: NodeSet,
    },
    /// It stands for election.
    Candidate {
        /// Who voted for it, itself among them.
        votes: NodeSet,
    },
    /// It leads.
    Leader(Box<Leadership>),
}

/// What a leader keeps in mind (Figure 2, "volatile state on leaders", and what later chapters add). Lists have a place
/// for every server that it has to do with.
#[derive(Clone, Debug, Default)]
pub struct Leadership {
    /// For each server, the next entry to send. Moves ahead when something is sent, back when it is refused.
    pub next_index: Vec<Index>,
    /// For each server, the last entry that is known to be replicated there. Only grows.
    pub match_index: Vec<Index>,
    /// For each server, how many messages with entries are under way.
    pub in_flight: Vec<u64>,
    /// Servers that have refused what was sent: until one accepts, it is asked with one message at a time.
    pub probing: NodeSet,
    /// The first entry of its own term.
    pub first_index: Index,
    /// Requests to answer once the entry at this index is executed; in the order of the log.
    pub waiting: VecDeque<(Index, RequestId)>,
    /// Who has answered since the leader last looked whether a majority does.
    pub heard: NodeSet,
    /// Rounds of heartbeats, and the reads that wait for them.
    pub rounds: Rounds,
    /// A change of the members that it has been asked for.
    pub change: Option<Change>,
    /// The server that is to take over.
    pub transfer: Option<Transfer>,
}

impl Leadership {
    /// Makes a place for a server.
    fn make_room(&mut self, server: NodeId, next: Index) {
        let count = server.index() + 1;
        if self.next_index.len() < count {
            self.next_index.resize(count, next);
            self.match_index.resize(count, 0);
            self.in_flight.resize(count, 0);
            self.rounds.answered.resize(count, 0);
        }
    }
}

/// A server.
#[derive(Clone)]
pub struct Raft {
    me: NodeId,
    config: Config,

    // On disk (Figure 2). `unsaved` says whether the disk is behind.
    current_term: Term,
    voted_for: Option<NodeId>,
    entries: Entries,
    snapshot: Option<Rc<Snapshot>>,
    unsaved: bool,

    // Volatile.
    state: State,
    /// Who leads this term, as far as is known.
    leader: Option<NodeId>,
    /// When it last heard of a leader, by its own clock.
    heard: Option<Time>,
    /// The last entry known to be committed. Only grows while the server runs.
    commit_index: Index,
    /// The last entry that was executed. Never above `commit_index`.
    last_applied: Index,
    /// The state machine.
    store: Store,
    /// For each client the last request that was executed, and its result.
    sessions: PerClient<(u32, KvResult)>,
    /// Every request that took effect, in order: what the checks audit.
    executed: Log<Session>,
    /// The configurations in the log, and where they stand; first the one that holds before them.
    configurations: Vec<(Index, Configuration)>,
    /// Whether it wants to be a member no longer.
    leaving: bool,
    /// A leader has said that it is no member, although its log says so: so often it asks to become one before it
    /// believes its log again.
    outside: u32,
}

impl Protocol for Raft {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Request = Request;
    type Response = Response;
    type Durable = Durable;

    fn start(ctx: &mut Ctx<'_, Raft>, config: &Config, durable: Durable) -> Raft {
        let founders = match ctx.me().index() < ctx.cluster_size() {
            true => Configuration::of(ctx.nodes().collect()),
            // It comes later, knows nobody's log, and has no vote.
            false => Configuration::default(),
        };
        let before = durable.snapshot.as_ref().map(|it| it.configuration);
        let mut raft = Raft {
            me: ctx.me(),
            config: config.clone(),
            current_term: durable.current_term,
            voted_for: durable.voted_for,
            entries: durable.entries,
            snapshot: None,
            unsaved: false,
            state: State::Follower,
            leader: None,
            // It may have promised a leader just before it crashed.
            heard: (config.reads == Reads::Lease).then(|| ctx.uptime()),
            commit_index: 0,
            last_applied: 0,
            store: Store::default(),
            sessions: PerClient::default(),
            executed: Log::default(),
            configurations: vec![before.unwrap_or((0, founders))],
            leaving: false,
            outside: 0,
        };
        if let Some(snapshot) = durable.snapshot {
            raft.adopt(&snapshot);
            raft.snapshot = Some(snapshot);
        }
        raft.learn_configurations(raft.entries.base());
        if raft.may_stand() {
            raft.reset_election_timer(ctx);
        }
        if !raft.is_member() {
            raft.ask_for_change(ctx);
        }
        raft
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Raft>, from: NodeId, message: Message) {
        let term = message.term();
        if term > self.current_term {
            if self.protects_leader_from(ctx, from, &message) {
                return;
            }
            // All servers (§5.1): whoever hears of a higher term adopts it and follows.
            if message.begins_term() {
                self.become_follower(ctx, term);
            }
        }
        self.compact(ctx);
        self.dispatch(ctx, from, message);
        self.save(ctx);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Raft>, timer: Timer) {
        match (timer, &self.state) {
            (Timer::Election, State::Leader(_)) => self.check_quorum(ctx),
            (Timer::Election, _) => self.on_election_timeout(ctx),
            (Timer::Heartbeat, State::Leader(_)) => self.on_heartbeat(ctx),
            (Timer::Membership, _) => self.on_membership_timer(ctx),
            (Timer::Transfer, State::Leader(_)) => self.give_up_transfer(ctx),
            // The timer of a role that the server no longer has.
            (Timer::Heartbeat | Timer::Transfer, _) => {}
        }
        self.save(ctx);
    }

    fn on_request(&mut self, ctx: &mut Ctx<'_, Raft>, id: RequestId, request: Request) {
        let State::Leader(leader) = &self.state else {
            return ctx.respond(id, Response::NotLeader(self.leader));
        };
        let mut members = self.latest().1.voters;
        match request {
            // A leader that hands over begins nothing new (dissertation, §3.10).
            Request::Store(_) if leader.transfer.is_some() => {
                ctx.respond(id, Response::NotLeader(None));
            }
            Request::Store(request @ KvRequest::Get(_)) if self.config.reads != Reads::Log => {
                self.on_read(ctx, id, request);
            }
            Request::Store(request) => self.on_command(ctx, id, request),
            Request::Transfer(to) => self.on_transfer(ctx, id, to),
            Request::Add(server) => {
                members.insert(server);
                self.on_change_request(ctx, id, members);
            }
            Request::Remove(server) => {
                members.remove(server);
                self.on_change_request(ctx, id, members);
            }
            Request::Members(members) => self.on_change_request(ctx, id, members),
        }
        self.save(ctx);
    }

    fn on_leave(&mut self, ctx: &mut Ctx<'_, Raft>) {
        self.leaving = true;
        if self.may_stand() {
            self.ask_for_change(ctx);
            self.save(ctx);
        } else {
            ctx.leave();
        }
    }
}

/// Replication (§5.3).
impl Raft {
    fn dispatch(&mut self, ctx: &mut Ctx<'_, Raft>, from: NodeId, message: Message) {
        match message {
            Message::AppendEntries {
                term,
                prev_log_index,
                prev_log_term,
                entries,
                leader_commit,
                round,
            } => {
                let previous = (prev_log_term, prev_log_index);
                let from = (from, term, round);
                self.on_append_entries(ctx, from, previous, &entries, leader_commit);
            }
            Message::AppendEntriesResponse {
                term,
                success,
                match_index,
                conflict_term,
                round,
            } => {
                let answer = (success, match_index, conflict_term);
                self.on_append_response(ctx, from, term, answer, round);
            }
            Message::InstallSnapshot {
                term,
                snapshot,
                round,
            } => self.on_install_snapshot(ctx, from, term, snapshot, round),
            Message::InstallSnapshotResponse {
                term,
                match_index,
                round,
            } => {
                // The same as if the entries had been sent one by one.
                self.on_append_response(ctx, from, term, (true, match_index, 0), round);
            }
            Message::PreVote {
                term,
                last_log_index,
                last_log_term,
            } => self.on_pre_vote(ctx, from, term, (last_log_term, last_log_index)),
            Message::PreVoteResponse { term, vote_granted } => {
                self.on_pre_vote_response(ctx, from, term, vote_granted);
            }
            Message::RequestVote {
                term,
                last_log_index,
                last_log_term,
                ..
            } => self.on_request_vote(ctx, from, term, (last_log_term, last_log_index)),
            Message::RequestVoteResponse { term, vote_granted } => {
                self.on_vote(ctx, from, term, vote_granted);
            }
            Message::TimeoutNow { term } => self.on_timeout_now(ctx, term),
            Message::AddServer { .. } => self.on_add_server(ctx, from),
            Message::RemoveServer { .. } => self.on_remove_server(ctx, from),
            Message::RemoveServerResponse { configuration, .. } => {
                self.on_removed(ctx, configuration);
            }
        }
    }

    /// A leader takes a client's request into the log.
    fn on_command(&mut self, ctx: &mut Ctx<'_, Raft>, id: RequestId, request: KvRequest) {
        let session = Session {
            client: id.client,
            sequence: id.sequence,
        };
        if let Some(result) = self.remembered(session) {
            return ctx.respond(id, Response::Executed(result));
        }
        self.append(Command::Client(session, request));
        let index = self.last_index();
        if let State::Leader(leader) = &mut self.state {
            leader.waiting.push_back((index, id));
        }
        self.replicate(ctx);
    }

    fn append(&mut self, command: Command) {
        self.entries.push(Entry {
            term: self.current_term,
            command,
        });
        self.unsaved = true;
    }

    /// Saves what was appended and sends it to everybody.
    fn replicate(&mut self, ctx: &mut Ctx<'_, Raft>) {
        self.save(ctx);
        let pipeline = self.config.pipeline;
        for other in self.others().iter() {
            let State::Leader(leader) = &self.state else {
                return;
            };
            if leader.in_flight[other.index()] < pipeline && !leader.probing.contains(other) {
                self.send_entries(ctx, other);
            }
        }
        // A leader alone has its majority already.
        self.advance_commit_index(ctx);
    }

    fn on_heartbeat(&mut self, ctx: &mut Ctx<'_, Raft>) {
        ctx.set_timer(Timer::Heartbeat, self.config.heartbeat);
        if let State::Leader(leader) = &mut self.state {
            // What has not been answered by now is taken for lost.
            leader.in_flight.fill(0);
        }
        self.begin_round(ctx);
        self.send_to_all(ctx);
        self.watch_change(ctx);
    }

    fn send_to_all(&mut self, ctx: &mut Ctx<'_, Raft>) {
        for other in self.others().iter() {
            self.send_entries(ctx, other);
        }
    }

    /// Sends no entries, only a sign of life that nobody has reason to refuse: it names what is known to agree.
    fn send_sign_of_life(&self, ctx: &mut Ctx<'_, Raft>, to: NodeId) {
        let State::Leader(leader) = &self.state else {
            return;
        };
        let agreed = leader.match_index[to.index()].max(self.entries.base());
        let message = Message::AppendEntries {
            term: self.current_term,
            prev_log_index: agreed,
            prev_log_term: self.entries.term_at(agreed),
            entries: Slice::empty(),
            leader_commit: self.commit_index,
            round: leader.rounds.current,
        };
        ctx.send(to, message);
    }

    /// Sends a follower what it lacks; nothing new, if it lacks nothing: then it is a heartbeat.
    fn send_entries(&mut self, ctx: &mut Ctx<'_, Raft>, to: NodeId) {
        let (base, last) = (self.entries.base(), self.last_index());
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let next = leader.next_index[to.index()];
        if next <= base {
            return self.send_snapshot(ctx, to);
        }
        let end = last.min(next - 1 + self.config.batch);
        // Hopefully it arrives; if not, the follower will refuse what comes next.
        leader.next_index[to.index()] = end + 1;
        leader.in_flight[to.index()] += u64::from(end >= next);
        let message = Message::AppendEntries {
            term: self.current_term,
            prev_log_index: next - 1,
            prev_log_term: self.entries.term_at(next - 1),
            entries: self.entries.slice(next - 1, end),
            leader_commit: self.commit_index,
            round: leader.rounds.current,
        };
        ctx.send(to, message);
    }

    /// A leader of this term has been heard: whoever stood for election in it has lost.
    fn follow(&mut self, ctx: &mut Ctx<'_, Raft>, leader: NodeId) {
        self.become_follower(ctx, self.current_term);
        self.leader = Some(leader);
        self.outside = 0;
        self.heard = Some(ctx.uptime());
        self.reset_election_timer(ctx);
    }

    /// AppendEntries, receiver. `from` is who sent it, in which term and round; `previous` the term and index of the
    /// entry before the new ones.
    fn on_append_entries(
        &mut self,
        ctx: &mut Ctx<'_, Raft>,
        from: (NodeId, Term, u64),
        previous: (Term, Index),
        entries: &Slice<Entry>,
        leader_commit: Index,
    ) {
        let (from, term, round) = from;
        if term < self.current_term {
            // From a leader that has been replaced: it learns so from the term. It may lead in that term by now, so the
            // answer must not seem to be one to a round of that leadership.
            let stale = Message::AppendEntriesResponse {
                term: self.current_term,
                success: false,
                match_index: 0,
                conflict_term: 0,
                round: 0,
            };
            return ctx.send(from, stale);
        }
        let answer = |term, success, match_index, conflict_term| Message::AppendEntriesResponse {
            term,
            success,
            match_index,
            conflict_term,
            round,
        };
        self.follow(ctx, from);

        let (prev_log_term, prev_log_index) = previous;
        if !self.is_consistent(prev_log_term, prev_log_index) {
            let (match_index, conflict_term) = self.conflict(prev_log_index);
            self.save(ctx);
            return ctx.send(from, answer(term, false, match_index, conflict_term));
        }
        self.merge(ctx, prev_log_index, entries);
        let mut match_index = prev_log_index + u64::from(entries.len());
        // What follows may differ from the leader's log, whatever the leader has committed.
        let known = match self.config.rules.commit_what_matched {
            true => match_index,
            false => self.last_index(),
        };
        if !self.config.rules.ack_what_matched {
            match_index = self.last_index();
        }
        if self.config.rules.write_before_answer {
            self.save(ctx);
        }
        ctx.send(from, answer(term, true, match_index, 0));
        self.save(ctx);
        self.commit(ctx, leader_commit.min(known));
    }

    /// Whether the log has the entry before the new ones. What a snapshot stands for is committed, so everybody has it.
    fn is_consistent(&self, prev_log_term: Term, prev_log_index: Index) -> bool {
        prev_log_index < self.entries.base()
            || (prev_log_index <= self.last_index()
                && self.entries.term_at(prev_log_index) == prev_log_term)
    }

    /// Why the entry at `index` cannot be what the leader has there: the last index that may be the leader's, and the
    /// term of the entry here, or 0 when the log is shorter.
    fn conflict(&self, index: Index) -> (Index, Term) {
        if index > self.last_index() {
            return (self.last_index(), 0);
        }
        if !self.config.fast_back_up {
            return (index - 1, 0);
        }
        // All entries of that term are suspect: "one AppendEntries RPC for each term with conflicts" (§5.3).
        let term = self.entries.term_at(index);
        let mut first = index;
        while first > self.entries.base() + 1 && self.entries.term_at(first - 1) == term {
            first -= 1;
        }
        (first - 1, term)
    }

    /// Takes over the leader's entries behind `previous`; what conflicts with them goes.
    fn merge(&mut self, ctx: &mut Ctx<'_, Raft>, previous: Index, entries: &Slice<Entry>) {
        if !self.config.rules.truncate_on_conflict {
            self.unsaved |= self.last_index() > previous;
            self.entries.truncate(previous);
            self.forget_configurations();
        }
        // What is there already, in the same term, is the same; and what a snapshot stands for is committed.
        let (base, last) = (self.entries.base(), self.last_index());
        let is_here = |it: &u32| {
            let index = previous + 1 + u64::from(*it);
            let same = || entries.look(*it, |it| it.term) == Some(self.entries.term_at(index));
            index <= base || (index <= last && same())
        };
        let known = (0..entries.len()).take_while(is_here).count() as u32;
        if known == entries.len() {
            return;
        }
        let index = previous + 1 + u64::from(known);
        if index <= last {
            ctx.note("deletes entries", || {
                format!("from index {index}: they conflict with the leader's")
            });
            self.entries.truncate(index - 1);
            self.forget_configurations();
        }
        self.entries.extend(&entries.after(known));
        self.learn_configurations(index - 1);
        self.unsaved = true;
    }

    /// The answer to AppendEntries: whether the follower took it, up to where it agrees or may agree, and the term that
    /// conflicts.
    fn on_append_response(
        &mut self,
        ctx: &mut Ctx<'_, Raft>,
        from: NodeId,
        term: Term,
        answer: (bool, Index, Term),
        round: u64,
    ) {
        let (success, index, conflict_term) = answer;
        if term < self.current_term {
            return;
        }
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let place = from.index();
        // A server that has been removed is of no interest any more.
        let Some(in_flight) = leader.in_flight.get_mut(place) else {
            return;
        };
        *in_flight = in_flight.saturating_sub(1);
        leader.heard.insert(from);
        if success {
            leader.probing.remove(from);
        }
        if success || !self.config.rules.heed_refusals {
            let matched = &mut leader.match_index[place];
            *matched = index.max(*matched);
            leader.next_index[place] = (*matched + 1).max(leader.next_index[place]);
            // What is committed already moves nothing.
            if *matched > self.commit_index {
                self.advance_commit_index(ctx);
            }
        }
        if !success {
            self.back_up(ctx, from, index, conflict_term);
        }
        self.send_rest(ctx, from);
        if round > 0 {
            self.on_round(ctx, from, round);
        }
        self.on_progress_of(ctx, from);
    }

    /// Goes back to where the logs may agree: behind the last entry of the term that conflicts, if there is one of that
    /// term here, else before all of the follower's entries of that term (§5.3).
    fn back_up(
        &mut self,
        ctx: &mut Ctx<'_, Raft>,
        from: NodeId,
        index: Index,
        conflict_term: Term,
    ) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let place = from.index();
        let next = leader.next_index[place];
        let matched = leader.match_index[place];
        // A refusal that was overtaken by an acceptance says nothing any more. And what is known to agree does agree,
        // whatever else is of the term that conflicts.
        if conflict_term == 0 && matched > index {
            return;
        }
        let index = index.max(matched);
        if index + 1 >= next {
            return;
        }
        let mut back = next - 1;
        if conflict_term == 0 {
            back = index;
        }
        while back > index && self.entries.term_at(back) > conflict_term {
            back -= 1;
        }
        if self.entries.term_at(back) != conflict_term {
            back = index;
        }
        leader.next_index[place] = back.min(next - 2) + 1;
        leader.in_flight[place] = 0;
        leader.probing.insert(from);
        self.send_entries(ctx, from);
    }

    /// Sends on to a follower that lags, as much as may be under way.
    fn send_rest(&mut self, ctx: &mut Ctx<'_, Raft>, to: NodeId) {
        let (last, pipeline) = (self.last_index(), self.config.pipeline);
        while let State::Leader(leader) = &self.state {
            let behind = leader.next_index[to.index()] <= last && !leader.probing.contains(to);
            if !behind || leader.in_flight[to.index()] >= pipeline {
                return;
            }
            self.send_entries(ctx, to);
        }
    }

    /// A follower may have got as far as somebody waits for.
    fn on_progress_of(&mut self, ctx: &mut Ctx<'_, Raft>, from: NodeId) {
        let State::Leader(leader) = &self.state else {
            return;
        };
        if leader.transfer.as_ref().is_some_and(|it| it.to == from) {
            self.hand_over(ctx);
        } else if leader.change.is_some() {
            self.on_caught_up(ctx);
        }
    }

    /// Commits what a majority has, if it is of this term (§5.3, §5.4.2).
    fn advance_commit_index(&mut self, ctx: &mut Ctx<'_, Raft>) {
        let State::Leader(leader) = &self.state else {
            return;
        };
        // Most answers make no majority yet.
        let ahead = leader
            .match_index
            .iter()
            .filter(|it| **it > self.commit_index);
        if ahead.count() + 1 < self.enough(self.latest().1.voters.len()) {
            return;
        }
        let last = self.last_index();
        let on_quorum = self.on_quorum(&leader.match_index, last).min(last);
        let own_term = self.entries.term_at(on_quorum) == self.current_term
            || !self.config.rules.commit_own_term;
        if on_quorum > self.commit_index && own_term {
            self.commit(ctx, on_quorum);
        }
    }

    /// Learns that everything up to `index` is committed, and executes it.
    fn commit(&mut self, ctx: &mut Ctx<'_, Raft>, index: Index) {
        if index <= self.commit_index {
            return;
        }
        self.commit_index = index;
        let mut reconfigured = false;
        while self.last_applied < self.commit_index {
            self.last_applied += 1;
            // What is committed is in the log.
            let entry = self.entries.at(self.last_applied);
            let result = match entry.command {
                Command::Noop => None,
                Command::Client(session, request) => Some(self.execute(session, &request)),
                Command::Configuration(_) => {
                    reconfigured = true;
                    None
                }
            };
            if let State::Leader(leader) = &mut self.state {
                let next = leader
                    .waiting
                    .front()
                    .filter(|it| it.0 == self.last_applied);
                if let (Some((_, id)), Some(result)) = (next.copied(), result) {
                    leader.waiting.pop_front();
                    ctx.respond(id, Response::Executed(result));
                }
            }
        }
        self.answer_reads(ctx);
        if reconfigured {
            self.on_configuration_committed(ctx);
        }
    }

    /// Executes a request, unless it has been executed before: then its result is known (§8).
    fn execute(&mut self, session: Session, request: &KvRequest) -> KvResult {
        if let Some(result) = self.remembered(session) {
            return result;
        }
        let result = self.store.apply(request);
        self.executed.push(session);
        self.sessions
            .insert(session.client, (session.sequence, result.clone()));
        result
    }

    /// The result of a request that has been executed already.
    fn remembered(&self, session: Session) -> Option<KvResult> {
        let (sequence, result) = self.sessions.get(session.client)?;
        (self.config.rules.sessions && *sequence >= session.sequence).then(|| result.clone())
    }
}

/// Small questions.
impl Raft {
    /// Writes to disk what must survive a crash, if it has changed. What is sent after it waits for the disk.
    fn save(&mut self, ctx: &mut Ctx<'_, Raft>) {
        if !std::mem::take(&mut self.unsaved) {
            return;
        }
        let rules = &self.config.rules;
        ctx.persist(Durable {
            current_term: if rules.persist_term {
                self.current_term
            } else {
                0
            },
            voted_for: self.voted_for.filter(|_| rules.persist_vote),
            entries: self.entries.clone(),
            snapshot: self.snapshot.clone(),
        });
    }

    /// How many of so many servers can decide.
    fn enough(&self, servers: usize) -> usize {
        if self.config.rules.real_majority {
            majority(servers)
        } else {
            servers.div_ceil(2)
        }
    }

    fn last_index(&self) -> Index {
        self.entries.last_index()
    }

    fn last_term(&self) -> Term {
        self.entries.term_at(self.last_index())
    }

    /// Whether this leader has committed an entry of its own term: then it knows all that was committed before.
    fn has_committed_own_term(&self) -> bool {
        matches!(&self.state, State::Leader(leader) if self.commit_index >= leader.first_index)
    }
}
