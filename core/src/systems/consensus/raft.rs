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
//! result, so that a request that is sent twice takes effect once. Reads go through the log, too. A new leader
//! appends an empty entry at once, to learn what is committed.
//!
//! What must hold is in `raft/checks.rs`, scenarios and pictures are in `raft/show.rs`.
//!
//! **Left out here**: membership changes (§6), log compaction (§7), pre-vote and leadership transfer.
//!
//! Source: D. Ongaro, J. Ousterhout, "In Search of an Understandable Consensus Algorithm", USENIX ATC 2014 (extended
//! version); sections are those of that paper.

mod checks;
mod show;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;

use serde::Serialize;
use serde_json::json;

use crate::parts::kv::{KvRequest, KvResult, Store};
use crate::parts::log::{Log, Slice};
use crate::parts::per_client::PerClient;
use crate::parts::quorum::{NodeSet, majority};
use crate::protocol::{
    Answer, ClientId, Ctx, NodeId, Outcome, Payload, Protocol, RequestId, Stored,
};
use crate::sim::rng::Rng;
use crate::sim::time::Span;

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
    /// What can be switched off to see what it is good for.
    pub rules: Rules,
}

/// The rules that make Raft safe. Each can be switched off.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The vote is on disk before it is given (Figure 2).
    pub persist_vote: bool,
    /// Servers vote only for candidates whose log is up-to-date (§5.4.1).
    pub up_to_date_vote: bool,
    /// Leaders count replicas only of entries of their own term (§5.4.2).
    pub commit_own_term: bool,
    /// Decisions need more than half of the servers, not just half.
    pub real_majority: bool,
    /// Followers delete entries only where they conflict with the leader's (§5.3).
    pub truncate_on_conflict: bool,
    /// Servers remember what they executed for each client (§8).
    pub sessions: bool,
}

impl Rules {
    /// Raft as it is.
    pub const ALL: Rules = Rules {
        persist_vote: true,
        up_to_date_vote: true,
        commit_own_term: true,
        real_majority: true,
        truncate_on_conflict: true,
        sessions: true,
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
}

/// Names a request: a client numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Session {
    /// Who.
    pub client: ClientId,
    /// Which, from 1.
    pub sequence: u32,
}

/// What servers say to each other (Figure 2).
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Message {
    /// A candidate asks for a vote.
    RequestVote {
        /// The candidate's term.
        term: Term,
        /// The index of its last entry.
        last_log_index: Index,
        /// The term of its last entry.
        last_log_term: Term,
    },
    /// The answer.
    RequestVoteResponse {
        /// The voter's term.
        term: Term,
        /// Whether the candidate has the vote.
        vote_granted: bool,
    },
    /// A leader sends entries, or none to be heard.
    AppendEntries {
        /// The leader's term.
        term: Term,
        /// The index of the entry just before the new ones.
        prev_log_index: Index,
        /// Its term.
        prev_log_term: Term,
        /// The new entries.
        entries: Slice<Entry>,
        /// How far the leader has committed.
        leader_commit: Index,
    },
    /// The answer.
    AppendEntriesResponse {
        /// The follower's term.
        term: Term,
        /// Whether it had the entry before, and now has the new ones.
        success: bool,
        /// On success the last entry that is known to be the leader's; else the last that may be.
        match_index: Index,
    },
}

impl Message {
    fn term(&self) -> Term {
        match *self {
            Message::RequestVote { term, .. }
            | Message::RequestVoteResponse { term, .. }
            | Message::AppendEntries { term, .. }
            | Message::AppendEntriesResponse { term, .. } => term,
        }
    }
}

impl Payload for Message {
    fn kind(&self) -> &'static str {
        match self {
            Message::RequestVote { .. } => "RequestVote",
            Message::RequestVoteResponse { .. } => "RequestVoteResponse",
            Message::AppendEntries { .. } => "AppendEntries",
            Message::AppendEntriesResponse { .. } => "AppendEntriesResponse",
        }
    }

    /// A bit of the term, or of what an answer says, is flipped.
    fn damage(&mut self, rng: &mut Rng) -> bool {
        let bit = 1 << rng.below(3);
        match self {
            Message::RequestVoteResponse { vote_granted, .. } if rng.below(2) == 0 => {
                *vote_granted = !*vote_granted
            }
            Message::AppendEntriesResponse { match_index, .. } if rng.below(2) == 0 => {
                *match_index ^= bit
            }
            Message::RequestVote { term, .. }
            | Message::RequestVoteResponse { term, .. }
            | Message::AppendEntries { term, .. }
            | Message::AppendEntriesResponse { term, .. } => *term ^= bit,
        }
        true
    }
}

/// The alarms of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Nothing was heard of a leader for too long.
    Election,
    /// Followers must hear of their leader again.
    Heartbeat,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Timer::Election => "election",
            Timer::Heartbeat => "heartbeat",
        })
    }
}

impl Payload for KvRequest {
    fn kind(&self) -> &'static str {
        KvRequest::kind(self)
    }
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Response {
    /// The request was executed.
    Executed(KvResult),
    /// This server does not lead; perhaps it knows who does.
    NotLeader(Option<NodeId>),
}

impl Payload for Response {
    fn kind(&self) -> &'static str {
        match self {
            Response::Executed(_) => "result",
            Response::NotLeader(_) => "redirect",
        }
    }
}

impl Answer for Response {
    fn outcome(&self) -> Outcome {
        match *self {
            Response::Executed(KvResult::Value(value)) => Outcome::Done(json!(value)),
            Response::Executed(KvResult::Written) => Outcome::Done(json!("written")),
            Response::Executed(KvResult::Mismatch(found)) => Outcome::Refused(match found {
                Some(found) => format!("it holds {found}"),
                None => "it is absent".to_owned(),
            }),
            Response::NotLeader(hint) => Outcome::Elsewhere(hint),
        }
    }
}

/// What a server keeps on disk (Figure 2, "persistent state").
#[derive(Clone, Debug, Default)]
pub struct Durable {
    /// The latest term the server has seen.
    pub current_term: Term,
    /// Whom it voted for in that term.
    pub voted_for: Option<NodeId>,
    /// The log.
    pub log: Log<Entry>,
}

impl Stored for Durable {
    /// Term and vote are written first, in one block; then the log, entry by entry.
    fn torn(before: &Durable, after: &Durable, rng: &mut Rng) -> Durable {
        let kept = before.log.common_prefix(&after.log);
        let mut log = after.log.clone();
        log.truncate(kept + rng.below(u64::from(log.len() - kept) + 1) as u32);
        Durable {
            log,
            ..after.clone()
        }
    }

    /// A bit of the term of an entry, or of the current term.
    fn rotten(&self, rng: &mut Rng) -> Durable {
        let mut rotten = self.clone();
        let bit = 1 << rng.below(3);
        let at = rng.below(u64::from(self.log.len()) + 1) as u32;
        match self.log.get(at) {
            Some(entry) => {
                let rest = self.log.slice(at + 1, self.log.len());
                rotten.log.truncate(at);
                rotten.log.push(Entry {
                    term: entry.term ^ bit,
                    ..entry
                });
                (0..rest.len())
                    .filter_map(|it| rest.get(it))
                    .for_each(|it| rotten.log.push(it));
            }
            None => rotten.current_term ^= bit,
        }
        rotten
    }

    fn truncated(&self, rng: &mut Rng) -> Durable {
        let mut short = self.clone();
        short
            .log
            .truncate(rng.below(u64::from(self.log.len()) + 1) as u32);
        short
    }
}

/// Who the server is at the moment, with the state that only that role has.
#[derive(Clone, Debug)]
pub enum State {
    /// It follows.
    Follower,
    /// It stands for election.
    Candidate {
        /// Who voted for it, itself among them.
        votes: NodeSet,
    },
    /// It leads.
    Leader {
        /// For each server, the next entry to send. Moves ahead when something is sent, back when it is refused.
        next_index: Vec<Index>,
        /// For each server, the last entry that is known to be replicated there. Only grows.
        match_index: Vec<Index>,
        /// Requests to answer once the entry at this index is executed; in the order of the log.
        waiting: VecDeque<(Index, RequestId)>,
    },
}

/// A server.
#[derive(Clone)]
pub struct Raft {
    me: NodeId,
    servers: usize,
    config: Config,

    // On disk (Figure 2). `unsaved` says whether the disk is behind.
    current_term: Term,
    voted_for: Option<NodeId>,
    log: Log<Entry>,
    unsaved: bool,

    // Volatile.
    state: State,
    /// Who leads this term, as far as is known.
    leader: Option<NodeId>,
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
}

impl Protocol for Raft {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Request = KvRequest;
    type Response = Response;
    type Durable = Durable;

    fn start(ctx: &mut Ctx<'_, Raft>, config: &Config, durable: Durable) -> Raft {
        let raft = Raft {
            me: ctx.me(),
            servers: ctx.cluster_size(),
            config: config.clone(),
            current_term: durable.current_term,
            voted_for: durable.voted_for,
            log: durable.log,
            unsaved: false,
            state: State::Follower,
            leader: None,
            commit_index: 0,
            last_applied: 0,
            store: Store::default(),
            sessions: PerClient::default(),
            executed: Log::default(),
        };
        raft.reset_election_timer(ctx);
        raft
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Raft>, from: NodeId, message: Message) {
        // All servers (§5.1): whoever hears of a higher term adopts it and follows.
        if message.term() > self.current_term {
            self.become_follower(ctx, message.term());
        }
        match message {
            Message::RequestVote {
                term,
                last_log_index,
                last_log_term,
            } => {
                self.on_request_vote(ctx, from, term, (last_log_term, last_log_index));
            }
            Message::RequestVoteResponse { term, vote_granted } => {
                self.on_vote(ctx, from, term, vote_granted)
            }
            Message::AppendEntries {
                term,
                prev_log_index,
                prev_log_term,
                entries,
                leader_commit,
            } => {
                self.on_append_entries(
                    ctx,
                    from,
                    term,
                    (prev_log_term, prev_log_index),
                    &entries,
                    leader_commit,
                );
            }
            Message::AppendEntriesResponse {
                term,
                success,
                match_index,
            } => {
                self.on_append_response(ctx, from, term, success, match_index);
            }
        }
        self.save(ctx);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Raft>, timer: Timer) {
        match (timer, &self.state) {
            (Timer::Election, State::Follower | State::Candidate { .. }) => {
                self.become_candidate(ctx)
            }
            (Timer::Heartbeat, State::Leader { .. }) => {
                ctx.set_timer(Timer::Heartbeat, self.config.heartbeat);
                ctx.peers().for_each(|it| self.send_entries(ctx, it));
            }
            // The timer of a role that the server no longer has.
            _ => {}
        }
        self.save(ctx);
    }

    fn on_request(&mut self, ctx: &mut Ctx<'_, Raft>, id: RequestId, request: KvRequest) {
        let session = Session {
            client: id.client,
            sequence: id.sequence,
        };
        if !matches!(self.state, State::Leader { .. }) {
            return ctx.respond(id, Response::NotLeader(self.leader));
        }
        if let Some(result) = self.remembered(session) {
            return ctx.respond(id, Response::Executed(result));
        }
        self.append(Command::Client(session, request));
        let index = self.last_index();
        if let State::Leader { waiting, .. } = &mut self.state {
            waiting.push_back((index, id));
        }
        self.replicate(ctx);
    }
}

/// Elections (§5.2).
impl Raft {
    fn become_follower(&mut self, ctx: &mut Ctx<'_, Raft>, term: Term) {
        if matches!(self.state, State::Leader { .. }) {
            ctx.note("steps down", || {
                format!("term {} is over, term {term} has begun", self.current_term)
            });
            ctx.cancel_timer(Timer::Heartbeat);
            self.reset_election_timer(ctx);
        }
        if term > self.current_term {
            self.current_term = term;
            self.voted_for = None;
            self.leader = None;
            self.unsaved = true;
        }
        self.state = State::Follower;
    }

    fn become_candidate(&mut self, ctx: &mut Ctx<'_, Raft>) {
        self.current_term += 1;
        self.voted_for = Some(self.me);
        self.leader = None;
        self.unsaved = true;
        self.state = State::Candidate {
            votes: NodeSet::from_iter([self.me]),
        };
        ctx.note("stands for election", || {
            format!("term {}", self.current_term)
        });
        self.reset_election_timer(ctx);
        self.save(ctx);
        ctx.broadcast(&Message::RequestVote {
            term: self.current_term,
            last_log_index: self.last_index(),
            last_log_term: self.last_term(),
        });
        self.count_votes(ctx);
    }

    fn become_leader(&mut self, ctx: &mut Ctx<'_, Raft>) {
        self.leader = Some(self.me);
        let next = self.last_index() + 1;
        self.state = State::Leader {
            next_index: vec![next; self.servers],
            match_index: vec![0; self.servers],
            waiting: VecDeque::new(),
        };
        ctx.note("becomes leader", || format!("term {}", self.current_term));
        ctx.cancel_timer(Timer::Election);
        ctx.set_timer(Timer::Heartbeat, self.config.heartbeat);
        self.append(Command::Noop);
        self.replicate(ctx);
    }

    /// RequestVote, receiver. `candidate` is the term and index of the candidate's last entry.
    fn on_request_vote(
        &mut self,
        ctx: &mut Ctx<'_, Raft>,
        from: NodeId,
        term: Term,
        candidate: (Term, Index),
    ) {
        // The later last term wins; with equal terms, the longer log (§5.4.1).
        let up_to_date = candidate >= (self.last_term(), self.last_index())
            || !self.config.rules.up_to_date_vote;
        let free = self.voted_for.is_none_or(|it| it == from);
        let vote_granted = term == self.current_term && free && up_to_date;
        if vote_granted && self.voted_for.is_none() {
            self.voted_for = Some(from);
            self.unsaved = true;
        }
        if vote_granted {
            self.reset_election_timer(ctx);
        }
        self.save(ctx);
        ctx.send(
            from,
            Message::RequestVoteResponse {
                term: self.current_term,
                vote_granted,
            },
        );
    }

    fn on_vote(&mut self, ctx: &mut Ctx<'_, Raft>, from: NodeId, term: Term, vote_granted: bool) {
        let State::Candidate { votes } = &mut self.state else {
            return;
        };
        // A vote for an earlier candidacy says nothing about this one.
        if term == self.current_term && vote_granted {
            votes.insert(from);
            self.count_votes(ctx);
        }
    }

    fn count_votes(&mut self, ctx: &mut Ctx<'_, Raft>) {
        if let State::Candidate { votes } = &self.state {
            if votes.len() >= self.quorum() {
                self.become_leader(ctx);
            }
        }
    }

    /// Every server waits a different time, so that most often one stands alone (§5.2).
    fn reset_election_timer(&self, ctx: &mut Ctx<'_, Raft>) {
        ctx.set_timer_within(
            Timer::Election,
            self.config.election_min,
            self.config.election_max,
        );
    }
}

/// Replication (§5.3).
impl Raft {
    fn append(&mut self, command: Command) {
        self.log.push(Entry {
            term: self.current_term,
            command,
        });
        self.unsaved = true;
    }

    /// Saves what was appended and sends it to everybody.
    fn replicate(&mut self, ctx: &mut Ctx<'_, Raft>) {
        self.save(ctx);
        ctx.peers().for_each(|it| self.send_entries(ctx, it));
        // A leader alone has its majority already.
        self.advance_commit_index(ctx);
    }

    /// Sends a follower what it lacks; nothing new, if it lacks nothing: then it is a heartbeat.
    fn send_entries(&mut self, ctx: &mut Ctx<'_, Raft>, to: NodeId) {
        let last = self.last_index();
        let State::Leader { next_index, .. } = &mut self.state else {
            return;
        };
        let next = next_index[to.index()];
        let end = last.min(next - 1 + self.config.batch);
        // Hopefully it arrives; if not, the follower will refuse what comes next.
        next_index[to.index()] = end + 1;
        let message = Message::AppendEntries {
            term: self.current_term,
            prev_log_index: next - 1,
            prev_log_term: self.term_at(next - 1),
            entries: self.log.slice((next - 1) as u32, end as u32),
            leader_commit: self.commit_index,
        };
        ctx.send(to, message);
    }

    /// AppendEntries, receiver. `previous` is the term and index of the entry before the new ones.
    fn on_append_entries(
        &mut self,
        ctx: &mut Ctx<'_, Raft>,
        from: NodeId,
        term: Term,
        previous: (Term, Index),
        entries: &Slice<Entry>,
        leader_commit: Index,
    ) {
        if term < self.current_term {
            // From a leader that has been replaced: it learns so from the term.
            let answer = Message::AppendEntriesResponse {
                term: self.current_term,
                success: false,
                match_index: 0,
            };
            return ctx.send(from, answer);
        }
        // Whoever stood for election in this term has lost.
        self.become_follower(ctx, term);
        self.leader = Some(from);
        self.reset_election_timer(ctx);

        let (prev_log_term, prev_log_index) = previous;
        let consistent =
            prev_log_index <= self.last_index() && self.term_at(prev_log_index) == prev_log_term;
        let match_index = if consistent {
            self.merge(ctx, prev_log_index, entries);
            prev_log_index + u64::from(entries.len())
        } else {
            // At most what comes before the refused entry can be the leader's.
            self.last_index().min(prev_log_index - 1)
        };
        self.save(ctx);
        ctx.send(
            from,
            Message::AppendEntriesResponse {
                term: self.current_term,
                success: consistent,
                match_index,
            },
        );
        if consistent {
            // What follows `match_index` may differ from the leader's log, whatever the leader has committed.
            self.commit(ctx, leader_commit.min(match_index));
        }
    }

    /// Takes over the leader's entries behind `previous`; what conflicts with them goes.
    fn merge(&mut self, ctx: &mut Ctx<'_, Raft>, previous: Index, entries: &Slice<Entry>) {
        if !self.config.rules.truncate_on_conflict {
            self.unsaved |= self.last_index() > previous;
            self.log.truncate(previous as u32);
        }
        // What is there already, in the same term, is the same.
        let is_here = |it: &u32| {
            let index = previous + 1 + u64::from(*it);
            index <= self.last_index()
                && entries.look(*it, |it| it.term) == Some(self.term_at(index))
        };
        let known = (0..entries.len()).take_while(is_here).count() as u32;
        if known == entries.len() {
            return;
        }
        let index = previous + 1 + u64::from(known);
        if index <= self.last_index() {
            ctx.note("deletes entries", || {
                format!("from index {index}: they conflict with the leader's")
            });
            self.log.truncate((index - 1) as u32);
        }
        self.log.extend(&entries.after(known));
        self.unsaved = true;
    }

    fn on_append_response(
        &mut self,
        ctx: &mut Ctx<'_, Raft>,
        from: NodeId,
        term: Term,
        success: bool,
        index: Index,
    ) {
        let last = self.last_index();
        let State::Leader {
            next_index,
            match_index,
            ..
        } = &mut self.state
        else {
            return;
        };
        if term < self.current_term {
            return;
        }
        let (next, matched) = (
            &mut next_index[from.index()],
            &mut match_index[from.index()],
        );
        if success {
            *matched = index.max(*matched);
            *next = (*matched + 1).max(*next);
            let behind = *next <= last;
            // What is committed already moves nothing.
            if *matched > self.commit_index {
                self.advance_commit_index(ctx);
            }
            if behind {
                self.send_entries(ctx, from);
            }
        } else if index + 1 < *next && *matched < index + 1 {
            // Go back by one entry, or at once to the end of the follower's log if that is shorter. A refusal that
            // was overtaken by an acceptance says nothing any more.
            *next = index + 1;
            self.send_entries(ctx, from);
        }
    }

    /// Commits what a majority has, if it is of this term (§5.3, §5.4.2).
    fn advance_commit_index(&mut self, ctx: &mut Ctx<'_, Raft>) {
        let State::Leader { match_index, .. } = &self.state else {
            return;
        };
        // Most answers make no majority yet.
        let ahead = match_index.iter().filter(|it| **it > self.commit_index);
        if ahead.count() + 1 < self.quorum() {
            return;
        }
        let mut replicated = match_index.clone();
        replicated[self.me.index()] = self.last_index();
        replicated.sort_unstable();
        // So many servers from the top of the list have at least this.
        let on_quorum = replicated[self.servers - self.quorum()];
        let own_term =
            self.term_at(on_quorum) == self.current_term || !self.config.rules.commit_own_term;
        if on_quorum > self.commit_index && own_term {
            self.commit(ctx, on_quorum);
        }
    }

    /// Learns that everything up to `index` is committed, and executes it.
    fn commit(&mut self, ctx: &mut Ctx<'_, Raft>, index: Index) {
        self.commit_index = self.commit_index.max(index);
        while self.last_applied < self.commit_index {
            self.last_applied += 1;
            // What is committed is in the log.
            let entry = self.log.at((self.last_applied - 1) as u32);
            let result = match entry.command {
                Command::Noop => None,
                Command::Client(session, request) => Some(self.execute(session, &request)),
            };
            if let State::Leader { waiting, .. } = &mut self.state {
                let next = waiting.front().filter(|it| it.0 == self.last_applied);
                if let (Some((_, id)), Some(result)) = (next.copied(), result) {
                    waiting.pop_front();
                    ctx.respond(id, Response::Executed(result));
                }
            }
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
            .insert(session.client, (session.sequence, result));
        result
    }

    /// The result of a request that has been executed already.
    fn remembered(&self, session: Session) -> Option<KvResult> {
        let (sequence, result) = self.sessions.get(session.client)?;
        (self.config.rules.sessions && *sequence >= session.sequence).then_some(*result)
    }
}

/// Small questions.
impl Raft {
    /// Writes to disk what must survive a crash, if it has changed. What is sent after it waits for the disk.
    fn save(&mut self, ctx: &mut Ctx<'_, Raft>) {
        if std::mem::take(&mut self.unsaved) {
            let voted_for = self.voted_for.filter(|_| self.config.rules.persist_vote);
            ctx.persist(Durable {
                current_term: self.current_term,
                voted_for,
                log: self.log.clone(),
            });
        }
    }

    fn quorum(&self) -> usize {
        if self.config.rules.real_majority {
            majority(self.servers)
        } else {
            self.servers.div_ceil(2)
        }
    }

    fn last_index(&self) -> Index {
        self.log.len().into()
    }

    fn last_term(&self) -> Term {
        self.term_at(self.last_index())
    }

    /// The term of the entry at `index`; 0 before the first.
    fn term_at(&self, index: Index) -> Term {
        let at = index.checked_sub(1).and_then(|it| u32::try_from(it).ok());
        at.and_then(|at| self.log.look(at, |it| it.term))
            .unwrap_or(0)
    }
}
