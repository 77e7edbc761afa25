//! Multi-Paxos: several machines agree on a sequence of commands, one Paxos for each place in it.
//!
//! **The problem.** All servers are to execute the same commands in the same order, so that they are copies of one
//! state machine. To agree on one command takes two rounds of messages (see `paxos`). Clients ask all the time.
//!
//! **The idea** (§3). The sequence has *slots*; for each slot there is an instance of Paxos that chooses its command.
//! One server, the *leader*, is the only one to propose. Phase 1 says nothing of values, so the leader carries it out
//! once for all slots to come, with one *ballot*. After that "the effective cost of executing a state machine command
//! … is the cost of executing only phase 2", and that is the least there can be.
//!
//! ```text
//!   client        leader                       acceptors
//!     │             │ ── Prepare(b, from slot) ──▶ │            once, when it becomes the leader
//!     │             │ ◀─ Promise(b, accepted …) ── │            from a majority
//!     │ ─ put x 5 ─▶│ ── Accept(b, slot, put) ───▶ │            for each command
//!     │             │ ◀─ Accepted(b, slot) ─────── │            from a majority: it is chosen
//!     │ ◀─ done ─── │ ── the next message says so ▶│
//! ```
//!
//! 1. A server that hears of no leader for a random time takes a ballot higher than all that it knows, and asks for
//!    promises. A majority of them makes it the leader; acceptors refuse every lower ballot from then on.
//! 2. The promises tell what may have been chosen: for each slot the new leader proposes the command that was accepted
//!    with the highest ballot. For a slot between them of which nobody knows anything it proposes a **no-op**: a gap
//!    would keep everything behind it from being executed.
//! 3. The leader need not wait for one slot before it proposes the next; but at most a *window* (the paper's α) ahead
//!    of
//!    what is chosen, since a new leader must find out about all of it.
//! 4. Servers execute what is chosen, slot by slot. They learn it from the leader, who says in each message how far the
//!    slots are chosen; what they lack they ask for.
//!
//! **On disk**: the promise, what was accepted, and the ballot tried, before the messages that depend on them. What is
//! known to be chosen is kept with them, but need not be written by itself: it can be learned again. A server whose
//! disk was emptied learns, and takes no part otherwise (see `paxos`).
//!
//! **Clients** number their requests; a server remembers the last of each client with its result, so that a request
//! that is sent twice takes effect once. Reads take a slot like writes: they see everything that was chosen before.
//!
//! What must hold is in `multi_paxos/checks.rs`, scenarios and pictures are in `multi_paxos/show.rs`.
//!
//! **Left out here**: changes of the set of servers (§3, end), forgetting slots that all have executed, leases for
//! reads.
//!
//! Source: L. Lamport, "Paxos Made Simple", ACM SIGACT News 32(4), 2001, §3; T. Chandra, R. Griesemer, J. Redstone,
//! "Paxos Made Live", PODC 2007, for what a real one needs besides.

mod checks;
mod show;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;

use serde::Serialize;

use crate::parts::kv::{KvRequest, KvResult, Store};
use crate::parts::log::{Log, Slice};
use crate::parts::per_client::PerClient;
use crate::parts::quorum::{NodeSet, majority};
use crate::protocol::{
    Answer, ClientId, Ctx, NodeId, Outcome, Payload, Protocol, RequestId, Stored,
};
use crate::sim::rng::Rng;
use crate::sim::time::Span;

/// The number under which a leader proposes, from 1; 0 is none. A server's ballots are those that leave the same rest
/// when divided by the number of servers, so that no two servers have one in common.
pub type Ballot = u64;

/// A place in the sequence of commands, from 1.
pub type Slot = u64;

/// What every server is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The shortest time without a leader after which a server tries to become one.
    pub election_min: Span,
    /// The longest.
    pub election_max: Span,
    /// How often a leader is heard of; then it also sends again what was not answered.
    pub heartbeat: Span,
    /// How many slots a leader may have under way at once (the paper's α).
    pub window: u64,
    /// The most slots in one message to a server that catches up.
    pub batch: u64,
    /// How many acceptors must promise; 0 for a majority.
    pub phase_1_quorum: u64,
    /// How many must accept; 0 for the fewest that meet every phase 1 quorum, two at least.
    pub phase_2_quorum: u64,
    /// What can be switched off to see what it is good for.
    pub rules: Rules,
}

/// The rules of Multi-Paxos. Each can be switched off.
#[derive(Clone, Debug)]
pub struct Rules {
    /// A promise is on disk before it is given.
    pub persist_promise: bool,
    /// Who accepts in a ballot promises to accept in no lower one.
    pub accept_is_promise: bool,
    /// A new leader proposes what was reported to it (P2c).
    pub adopt_reported: bool,
    /// Of several, that of the highest ballot (P2c), not the one that was reported last.
    pub adopt_highest: bool,
    /// No two servers have a ballot in common.
    pub own_ballots: bool,
    /// Every phase 1 quorum meets every phase 2 quorum.
    pub quorums_meet: bool,
    /// Whoever lost its disk does not accept any more.
    pub lost_disk_abstains: bool,
    /// A new leader fills gaps with no-ops.
    pub fill_gaps: bool,
    /// Whoever is overtaken waits a random time.
    pub back_off: bool,
    /// Servers remember what they executed for each client.
    pub sessions: bool,
}

impl Rules {
    /// Multi-Paxos as it is.
    pub const ALL: Rules = Rules {
        persist_promise: true,
        accept_is_promise: true,
        adopt_reported: true,
        adopt_highest: true,
        own_ballots: true,
        quorums_meet: true,
        lost_disk_abstains: true,
        fill_gaps: true,
        back_off: true,
        sessions: true,
    };
}

/// What is to be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// Nothing: it fills a gap.
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

/// A slot whose command is chosen. Servers agree on the command; the ballot is that in which this server, or whoever
/// told it, saw it chosen, and later leaders may have proposed the same command again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Entry {
    /// A ballot in which it was chosen.
    pub ballot: Ballot,
    /// What is executed.
    pub command: Command,
}

/// A command proposed for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Proposal {
    /// Where.
    pub slot: Slot,
    /// By the leader of this ballot.
    pub ballot: Ballot,
    /// What.
    pub command: Command,
}

/// What servers say to each other (§3).
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
pub enum Message {
    /// A server wants to lead: it asks for promises, and for what was accepted from this slot on.
    Prepare {
        /// Its ballot.
        ballot: Ballot,
        /// The first slot whose command it does not know.
        from: Slot,
    },
    /// An acceptor promises to accept in no lower ballot.
    Promise {
        /// The ballot of the question.
        ballot: Ballot,
        /// The first slot asked for.
        from: Slot,
        /// What the acceptor knows to be chosen from there on.
        chosen: Slice<Entry>,
        /// What it has accepted behind that.
        accepted: Vec<Proposal>,
    },
    /// The leader proposes a command.
    Accept {
        /// The command, its slot and ballot.
        proposal: Proposal,
        /// All slots up to this one are chosen.
        chosen: Slot,
    },
    /// An acceptor has accepted it.
    Accepted {
        /// The leader's ballot.
        ballot: Ballot,
        /// The slot.
        slot: Slot,
    },
    /// An acceptor has promised not to.
    Refuse {
        /// The ballot that it refuses.
        ballot: Ballot,
        /// What it has promised.
        promised: Ballot,
    },
    /// The leader is there.
    Heartbeat {
        /// Its ballot.
        ballot: Ballot,
        /// All slots up to this one are chosen.
        chosen: Slot,
    },
    /// A server lacks chosen commands.
    CatchUp {
        /// From this slot on.
        from: Slot,
    },
    /// Here they are.
    Chosen {
        /// The slot of the first of them.
        from: Slot,
        /// The commands.
        entries: Slice<Entry>,
    },
}

impl Payload for Message {
    fn kind(&self) -> &'static str {
        match self {
            Message::Prepare { .. } => "Prepare",
            Message::Promise { .. } => "Promise",
            Message::Accept { .. } => "Accept",
            Message::Accepted { .. } => "Accepted",
            Message::Refuse { .. } => "Refuse",
            Message::Heartbeat { .. } => "Heartbeat",
            Message::CatchUp { .. } => "CatchUp",
            Message::Chosen { .. } => "Chosen",
        }
    }
}

/// The alarms of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Nothing was heard of a leader for too long.
    Election,
    /// The others must hear of their leader again.
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
        match self {
            Response::Executed(result) => result.outcome(),
            Response::NotLeader(hint) => Outcome::Elsewhere(*hint),
        }
    }
}

/// What a server keeps on disk.
#[derive(Clone, Debug, Default)]
pub struct Durable {
    /// It accepts in no lower ballot.
    pub promised: Ballot,
    /// The highest ballot that it has tried itself.
    pub tried: Ballot,
    /// The commands known to be chosen, from slot 1 on without a gap.
    pub chosen: Log<Entry>,
    /// What it has accepted behind that, in the order of slots.
    pub accepted: Vec<Proposal>,
    /// Whether the disk was emptied after it had been used. This is not on the disk itself: it is a marker elsewhere
    /// ("Paxos Made Live", §5.1).
    pub lost: bool,
}

impl Stored for Durable {
    /// The ballots are written first, in one block; then what was accepted, one by one.
    fn torn(before: &Durable, after: &Durable, rng: &mut Rng) -> Durable {
        let mut torn = before.clone();
        (torn.promised, torn.tried) = (after.promised, after.tried);
        let is_new = |it: &&Proposal| !before.accepted.contains(it);
        let new: Vec<&Proposal> = after.accepted.iter().filter(is_new).collect();
        let written = rng.below(new.len() as u64 + 1) as usize;
        for proposal in &new[..written] {
            put(&mut torn.accepted, **proposal);
        }
        torn
    }

    fn wiped(&self) -> Durable {
        Durable {
            lost: self.lost || self.promised > 0 || self.tried > 0,
            ..Durable::default()
        }
    }
}

/// Puts a proposal where its slot belongs, in the place of any other for that slot.
fn put(proposals: &mut Vec<Proposal>, new: Proposal) {
    match proposals.binary_search_by_key(&new.slot, |it| it.slot) {
        Ok(place) => proposals[place] = new,
        Err(place) => proposals.insert(place, new),
    }
}

/// A command that the leader has proposed and that is not known to be chosen.
#[derive(Clone, Debug)]
pub struct Proposed {
    command: Command,
    /// Who has accepted it.
    accepted: NodeSet,
    /// Whether it was there at the last heartbeat: then those that have not answered are asked again.
    is_old: bool,
}

/// Who the server is at the moment, with the state that only that role has.
#[derive(Clone, Debug)]
pub enum State {
    /// It accepts and learns.
    Acceptor,
    /// It wants to lead: phase 1.
    Candidate {
        /// Who has promised.
        promises: NodeSet,
        /// For each slot the proposal that it must take over, in the order of slots.
        reported: Vec<Proposal>,
    },
    /// It leads: phase 2.
    Leader {
        /// What is under way: the first is for the slot after those that are chosen, and so on. `None` is a gap.
        proposed: VecDeque<Option<Proposed>>,
        /// Requests to answer once the slot is executed.
        waiting: Vec<(Slot, RequestId)>,
    },
}

/// A server.
#[derive(Clone)]
pub struct MultiPaxos {
    me: NodeId,
    servers: u64,
    config: Config,

    // On disk. `unsaved` says whether the disk is behind in what must be there.
    promised: Ballot,
    tried: Ballot,
    chosen: Log<Entry>,
    accepted: Vec<Proposal>,
    lost: bool,
    unsaved: bool,

    // Volatile.
    state: State,
    /// Who leads, as far as is known.
    leader: Option<NodeId>,
    /// The highest ballot that it has heard of.
    heard: Ballot,
    /// The last slot that was executed.
    executed: Slot,
    /// The state machine.
    store: Store,
    /// For each client the last request that was executed, and its result.
    sessions: PerClient<(u32, KvResult)>,
    /// Every request that took effect, in order: what the checks audit.
    effects: Log<Session>,
}

impl Protocol for MultiPaxos {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Request = KvRequest;
    type Response = Response;
    type Durable = Durable;

    fn start(ctx: &mut Ctx<'_, MultiPaxos>, config: &Config, durable: Durable) -> MultiPaxos {
        let mut server = MultiPaxos {
            me: ctx.me(),
            servers: ctx.cluster_size() as u64,
            config: config.clone(),
            promised: durable.promised,
            tried: durable.tried,
            chosen: durable.chosen,
            accepted: durable.accepted,
            lost: durable.lost,
            unsaved: false,
            state: State::Acceptor,
            leader: None,
            heard: 0,
            executed: 0,
            store: Store::default(),
            sessions: PerClient::default(),
            effects: Log::default(),
        };
        server.execute(ctx);
        server.set_election_timer(ctx);
        server
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, MultiPaxos>, from: NodeId, message: Message) {
        match message {
            Message::Prepare { ballot, from: slot } => self.on_prepare(ctx, from, ballot, slot),
            Message::Promise {
                ballot,
                from: slot,
                chosen,
                accepted,
            } => {
                if ballot == self.tried {
                    self.on_promise(ctx, from, (slot, &chosen), &accepted);
                }
            }
            Message::Accept { proposal, chosen } => self.on_accept(ctx, from, proposal, chosen),
            Message::Accepted { ballot, slot } => {
                if ballot == self.tried {
                    self.on_accepted(ctx, from, slot);
                }
            }
            Message::Refuse { ballot, promised } => {
                self.heard = self.heard.max(promised);
                if ballot == self.tried {
                    self.be_overtaken(ctx, promised);
                }
            }
            Message::Heartbeat { ballot, chosen } => {
                self.heard = self.heard.max(ballot);
                if ballot < self.promised {
                    return self.refuse(ctx, from, ballot);
                }
                self.follow(ctx, from, ballot);
                self.learn_up_to(ctx, from, ballot, chosen);
            }
            Message::CatchUp { from: slot } => self.send_chosen(ctx, from, slot),
            Message::Chosen {
                from: slot,
                entries,
            } => {
                if self.learn(ctx, slot, &entries) && u64::from(entries.len()) == self.config.batch
                {
                    self.ask_chosen(ctx, from);
                }
            }
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, MultiPaxos>, timer: Timer) {
        match (timer, &self.state) {
            (Timer::Election, State::Acceptor | State::Candidate { .. }) => {
                self.become_candidate(ctx)
            }
            (Timer::Heartbeat, State::Leader { .. }) => self.beat(ctx),
            // The timer of a role that the server no longer has.
            _ => {}
        }
    }

    fn on_request(&mut self, ctx: &mut Ctx<'_, MultiPaxos>, id: RequestId, request: KvRequest) {
        let session = Session {
            client: id.client,
            sequence: id.sequence,
        };
        let (next, window) = (u64::from(self.chosen.len()) + 1, self.config.window);
        let known = self.remembered(session);
        let State::Leader { proposed, waiting } = &mut self.state else {
            return ctx.respond(id, Response::NotLeader(self.leader));
        };
        if let Some(result) = known {
            return ctx.respond(id, Response::Executed(result));
        }
        let is_it = |it: &Proposed| matches!(it.command, Command::Client(of, _) if of == session);
        let under_way = proposed
            .iter()
            .position(|it| it.as_ref().is_some_and(is_it));
        match under_way.filter(|_| self.config.rules.sessions) {
            // Asked again: the answer goes to the new question as well.
            Some(place) => waiting.push((next + place as u64, id)),
            // So far ahead that the client had better ask again later.
            None if proposed.len() as u64 >= window => {}
            None => {
                let slot = next + proposed.len() as u64;
                waiting.push((slot, id));
                self.propose(ctx, [(slot, Some(Command::Client(session, request)))]);
            }
        }
    }
}

/// Becoming the leader: phase 1 for all slots at once.
impl MultiPaxos {
    fn become_candidate(&mut self, ctx: &mut Ctx<'_, MultiPaxos>) {
        if !self.is_acceptor() {
            return;
        }
        self.tried = self.next_ballot();
        self.promised = self.tried;
        self.leader = None;
        self.unsaved = true;
        // Its own promise comes first: the others hear of nothing before it is on disk.
        self.state = State::Candidate {
            promises: NodeSet::from_iter([self.me]),
            reported: self.accepted.clone(),
        };
        ctx.note("prepares", || format!("ballot {}", self.tried));
        self.set_election_timer(ctx);
        self.save(ctx);
        ctx.broadcast(&Message::Prepare {
            ballot: self.tried,
            from: u64::from(self.chosen.len()) + 1,
        });
        self.count_promises(ctx);
    }

    /// The next ballot of this server's above all that it has heard of.
    fn next_ballot(&self) -> Ballot {
        let highest = self.tried.max(self.promised).max(self.heard);
        let own = match self.config.rules.own_ballots {
            true => u64::from(self.me.0),
            false => 0,
        };
        (highest / self.servers + 1) * self.servers + own
    }

    fn on_prepare(
        &mut self,
        ctx: &mut Ctx<'_, MultiPaxos>,
        from: NodeId,
        ballot: Ballot,
        slot: Slot,
    ) {
        self.heard = self.heard.max(ballot);
        if !self.is_acceptor() {
            return;
        }
        if ballot < self.promised {
            return self.refuse(ctx, from, ballot);
        }
        self.unsaved |= ballot > self.promised;
        self.promised = ballot;
        self.save(ctx);
        let chosen = self.chosen.slice(slot.saturating_sub(1) as u32, u32::MAX);
        let message = Message::Promise {
            ballot,
            from: slot,
            chosen,
            accepted: self.accepted.clone(),
        };
        ctx.send(from, message);
        match self.state {
            State::Acceptor => self.set_election_timer(ctx),
            _ => self.be_overtaken(ctx, ballot),
        }
    }

    fn on_promise(
        &mut self,
        ctx: &mut Ctx<'_, MultiPaxos>,
        from: NodeId,
        (slot, chosen): (Slot, &Slice<Entry>),
        accepted: &[Proposal],
    ) {
        let highest = self.config.rules.adopt_highest;
        let State::Candidate { promises, reported } = &mut self.state else {
            return;
        };
        promises.insert(from);
        for proposal in accepted {
            let known = reported.iter().find(|it| it.slot == proposal.slot);
            if !highest || known.is_none_or(|it| it.ballot < proposal.ballot) {
                put(reported, *proposal);
            }
        }
        self.learn(ctx, slot, chosen);
        self.count_promises(ctx);
    }

    /// With enough promises, takes over what was reported and fills the gaps.
    fn count_promises(&mut self, ctx: &mut Ctx<'_, MultiPaxos>) {
        let State::Candidate { promises, reported } = &mut self.state else {
            return;
        };
        if promises.len() < self.config.quorums(self.servers as usize).0 {
            return;
        }
        let mut reported = std::mem::take(reported);
        let next = u64::from(self.chosen.len()) + 1;
        reported.retain(|it| it.slot >= next && self.config.rules.adopt_reported);
        let last = reported.last().map_or(0, |it| it.slot);
        ctx.note("becomes leader", || {
            let gaps = (last + 1).saturating_sub(next) as usize - reported.len();
            format!(
                "ballot {}; {} commands were reported, with {gaps} gaps",
                self.tried,
                reported.len()
            )
        });
        self.leader = Some(self.me);
        self.state = State::Leader {
            proposed: VecDeque::new(),
            waiting: Vec::new(),
        };
        ctx.cancel_timer(Timer::Election);
        let no_op = self.config.rules.fill_gaps.then_some(Command::Noop);
        let commands = (next..=last).map(|slot| {
            let known = reported.iter().find(|it| it.slot == slot);
            (slot, known.map(|it| it.command).or(no_op))
        });
        self.propose(ctx, commands);
        self.beat(ctx);
    }

    /// Somebody has a higher ballot.
    fn be_overtaken(&mut self, ctx: &mut Ctx<'_, MultiPaxos>, by: Ballot) {
        if matches!(self.state, State::Acceptor) || by <= self.tried {
            return;
        }
        ctx.note("is overtaken", || format!("{} by {by}", self.tried));
        ctx.cancel_timer(Timer::Heartbeat);
        self.state = State::Acceptor;
        self.leader = None;
        if self.config.rules.back_off {
            self.set_election_timer(ctx);
        } else {
            self.become_candidate(ctx);
        }
    }

    /// Every server waits a different time, so that most often one tries alone.
    fn set_election_timer(&self, ctx: &mut Ctx<'_, MultiPaxos>) {
        let Config {
            election_min,
            election_max,
            ..
        } = self.config;
        ctx.set_timer_within(Timer::Election, election_min, election_max);
    }
}

/// Leading: phase 2 for each command.
impl MultiPaxos {
    /// Proposes commands for the slots that follow those under way. It accepts them itself before it asks others.
    fn propose(
        &mut self,
        ctx: &mut Ctx<'_, MultiPaxos>,
        commands: impl IntoIterator<Item = (Slot, Option<Command>)>,
    ) {
        let mut new = Vec::new();
        for (slot, command) in commands {
            let State::Leader { proposed, .. } = &mut self.state else {
                return;
            };
            proposed.push_back(command.map(|command| Proposed {
                command,
                accepted: NodeSet::from_iter([self.me]),
                is_old: false,
            }));
            let proposal = command.map(|command| Proposal {
                slot,
                ballot: self.tried,
                command,
            });
            new.extend(proposal);
        }
        new.iter().for_each(|it| put(&mut self.accepted, *it));
        self.unsaved |= !new.is_empty();
        self.save(ctx);
        let chosen = u64::from(self.chosen.len());
        for proposal in new {
            ctx.broadcast(&Message::Accept { proposal, chosen });
        }
        self.count_accepted(ctx);
    }

    fn on_accepted(&mut self, ctx: &mut Ctx<'_, MultiPaxos>, from: NodeId, slot: Slot) {
        let next = u64::from(self.chosen.len()) + 1;
        let State::Leader { proposed, .. } = &mut self.state else {
            return;
        };
        let place = slot.checked_sub(next).map(|it| it as usize);
        if let Some(Some(it)) = place.and_then(|it| proposed.get_mut(it)) {
            it.accepted.insert(from);
            self.count_accepted(ctx);
        }
    }

    /// What enough have accepted is chosen; slots are chosen in order, as far as this server cares.
    fn count_accepted(&mut self, ctx: &mut Ctx<'_, MultiPaxos>) {
        let quorum = self.config.quorums(self.servers as usize).1;
        let ballot = self.tried;
        while let State::Leader { proposed, .. } = &mut self.state {
            let Some(Some(first)) = proposed.front() else {
                break;
            };
            if first.accepted.len() < quorum {
                break;
            }
            let command = first.command;
            proposed.pop_front();
            self.chosen.push(Entry { ballot, command });
        }
        self.execute(ctx);
    }

    /// Lets itself be heard of, and asks again whoever has not answered.
    fn beat(&mut self, ctx: &mut Ctx<'_, MultiPaxos>) {
        ctx.set_timer(Timer::Heartbeat, self.config.heartbeat);
        let (ballot, chosen) = (self.tried, u64::from(self.chosen.len()));
        ctx.broadcast(&Message::Heartbeat { ballot, chosen });
        let State::Leader { proposed, .. } = &mut self.state else {
            return;
        };
        for (slot, it) in (chosen + 1..).zip(proposed) {
            let Some(it) = it else { continue };
            let command = it.command;
            let proposal = Proposal {
                slot,
                ballot,
                command,
            };
            if std::mem::replace(&mut it.is_old, true) {
                for peer in ctx.peers().filter(|peer| !it.accepted.contains(*peer)) {
                    ctx.send(peer, Message::Accept { proposal, chosen });
                }
            }
        }
    }
}

/// Accepting.
impl MultiPaxos {
    fn on_accept(
        &mut self,
        ctx: &mut Ctx<'_, MultiPaxos>,
        from: NodeId,
        proposal: Proposal,
        chosen: Slot,
    ) {
        let Proposal { slot, ballot, .. } = proposal;
        self.heard = self.heard.max(ballot);
        if ballot < self.promised {
            return self.refuse(ctx, from, ballot);
        }
        if self.is_acceptor() {
            if self.config.rules.accept_is_promise {
                self.unsaved |= ballot > self.promised;
                self.promised = ballot;
            }
            // What is chosen already is what is proposed.
            if slot > u64::from(self.chosen.len()) && !self.accepted.contains(&proposal) {
                put(&mut self.accepted, proposal);
                self.unsaved = true;
            }
            self.save(ctx);
            ctx.send(from, Message::Accepted { ballot, slot });
        }
        self.follow(ctx, from, ballot);
        self.learn_up_to(ctx, from, ballot, chosen);
    }

    fn refuse(&self, ctx: &mut Ctx<'_, MultiPaxos>, from: NodeId, ballot: Ballot) {
        let promised = self.promised;
        ctx.send(from, Message::Refuse { ballot, promised });
    }

    /// There is a leader: nobody else is needed for a while.
    fn follow(&mut self, ctx: &mut Ctx<'_, MultiPaxos>, leader: NodeId, ballot: Ballot) {
        self.be_overtaken(ctx, ballot);
        if matches!(self.state, State::Acceptor) {
            self.leader = Some(leader);
            self.set_election_timer(ctx);
        }
    }
}

/// Learning, and executing what is learned.
impl MultiPaxos {
    /// All slots up to `upto` are chosen, says the leader of `ballot`. What was accepted in that very ballot is what
    /// was chosen; the rest must be asked for.
    fn learn_up_to(
        &mut self,
        ctx: &mut Ctx<'_, MultiPaxos>,
        leader: NodeId,
        ballot: Ballot,
        upto: Slot,
    ) {
        if matches!(self.state, State::Leader { .. }) {
            return;
        }
        while u64::from(self.chosen.len()) < upto {
            let next = u64::from(self.chosen.len()) + 1;
            let of_it = |it: &&Proposal| it.slot == next && it.ballot == ballot;
            let Some(command) = self.accepted.iter().find(of_it).map(|it| it.command) else {
                self.ask_chosen(ctx, leader);
                break;
            };
            self.chosen.push(Entry { ballot, command });
        }
        self.execute(ctx);
    }

    fn ask_chosen(&self, ctx: &mut Ctx<'_, MultiPaxos>, whom: NodeId) {
        let from = u64::from(self.chosen.len()) + 1;
        ctx.send(whom, Message::CatchUp { from });
    }

    fn send_chosen(&self, ctx: &mut Ctx<'_, MultiPaxos>, to: NodeId, from: Slot) {
        let first = from.saturating_sub(1).min(u32::MAX.into()) as u32;
        let last = first.saturating_add(self.config.batch as u32);
        let entries = self.chosen.slice(first, last);
        if !entries.is_empty() {
            ctx.send(to, Message::Chosen { from, entries });
        }
    }

    /// Takes over chosen commands from another server; `false` when there was nothing new. A leader has its own account
    /// of what is chosen.
    fn learn(&mut self, ctx: &mut Ctx<'_, MultiPaxos>, from: Slot, entries: &Slice<Entry>) -> bool {
        let known = (u64::from(self.chosen.len()) + 1).checked_sub(from);
        let Some(known) = known.filter(|it| *it < u64::from(entries.len())) else {
            return false;
        };
        if matches!(self.state, State::Leader { .. }) {
            return false;
        }
        ctx.note("catches up", || {
            format!(
                "slots {} to {}",
                from + known,
                from + u64::from(entries.len()) - 1
            )
        });
        self.chosen.extend(&entries.after(known as u32));
        self.execute(ctx);
        true
    }

    /// Executes what is chosen and not executed yet, and answers whoever waits for it.
    fn execute(&mut self, ctx: &mut Ctx<'_, MultiPaxos>) {
        if self.executed == u64::from(self.chosen.len()) {
            return;
        }
        while self.executed < u64::from(self.chosen.len()) {
            let entry = self.chosen.at(self.executed as u32);
            self.executed += 1;
            let Command::Client(session, request) = entry.command else {
                continue;
            };
            let result = self.remembered(session).unwrap_or_else(|| {
                let result = self.store.apply(&request);
                self.effects.push(session);
                self.sessions
                    .insert(session.client, (session.sequence, result.clone()));
                result
            });
            if let State::Leader { waiting, .. } = &mut self.state {
                let slot = self.executed;
                for (_, id) in waiting.iter().filter(|it| it.0 == slot) {
                    ctx.respond(*id, Response::Executed(result.clone()));
                }
                waiting.retain(|it| it.0 != slot);
            }
        }
        let done = self.executed;
        self.accepted.retain(|it| it.slot > done);
    }

    /// The result of a request that has been executed already.
    fn remembered(&self, session: Session) -> Option<KvResult> {
        let (sequence, result) = self.sessions.get(session.client)?;
        (self.config.rules.sessions && *sequence >= session.sequence).then(|| result.clone())
    }
}

/// Small questions.
impl MultiPaxos {
    /// Writes to disk what must survive a crash, if it has changed. What is sent after it waits for the disk.
    fn save(&mut self, ctx: &mut Ctx<'_, MultiPaxos>) {
        if std::mem::take(&mut self.unsaved) {
            let accepted = self.accepted.iter().map(|it| it.ballot).max();
            let promised = match self.config.rules.persist_promise {
                true => self.promised,
                false => accepted.unwrap_or(0),
            };
            ctx.persist(Durable {
                promised,
                tried: self.tried,
                chosen: self.chosen.clone(),
                accepted: self.accepted.clone(),
                lost: self.lost,
            });
        }
    }

    /// Whether it knows of everything that it has promised.
    fn is_acceptor(&self) -> bool {
        !self.lost || !self.config.rules.lost_disk_abstains
    }
}

impl Config {
    /// How many of so many servers must promise, and how many must accept.
    fn quorums(&self, servers: usize) -> (usize, usize) {
        let one = match self.phase_1_quorum {
            0 => majority(servers),
            count => count as usize,
        };
        let two = match self.phase_2_quorum {
            // Never one alone: a leader counts itself before its own disk has what it accepted, which is safe because
            // it asks the others only afterwards.
            0 if self.rules.quorums_meet => (servers + 1).saturating_sub(one).max(2),
            0 => servers.saturating_sub(one).max(1),
            count => count as usize,
        };
        (one, two)
    }
}
