//! Paxos: several processes choose one value, and never two, although some of them fail.
//!
//! **The problem.** Processes propose values. One of them is to be *chosen*, and whoever learns the chosen value must
//! learn the same. Processes crash and restart; messages are late, lost, repeated and reordered, but not forged (§2.1).
//!
//! **The idea.** There are three roles, which one process may play all at once. *Proposers* propose values, *acceptors*
//! accept proposals, *learners* find out what was chosen. A value is chosen when a majority of the acceptors has
//! accepted it in the same proposal. Proposals carry numbers, and no two proposers use the same number. An acceptor may
//! accept several proposals, so one thing must be made sure: once a value is chosen, every proposal with a higher
//! number has that value, too. Hence the two phases (§2.2):
//!
//! ```text
//!   proposer                  acceptors                 learners
//!      │ ── Prepare(n) ────────▶ │                         │     "what did you accept? and nothing below n any more"
//!      │ ◀─ Promise(n, (m, v)) ─ │                         │     from a majority
//!      │ ── Accept(n, v) ──────▶ │                         │     v of the highest m reported; if none, any value
//!      │                         │ ── Accepted(n, v) ────▶ │     from a majority: v is chosen
//! ```
//!
//! 1. A proposer picks a number and asks the acceptors. An acceptor answers with a **promise** to accept nothing with a
//!    lower number any more, and with the proposal of the highest number that it has accepted.
//! 2. With promises from a majority the proposer asks for its proposal to be accepted. The value is not its own, if
//!    anybody reported one: it is that of the highest-numbered proposal reported. Any two majorities share an acceptor,
//!    so if a value was chosen, the proposer hears of it.
//!
//! **Quorums** need not be majorities: it is enough that each set that answers the first phase meets each set that
//! accepts in the second (Howard, Malkhi, Spiegelman, "Flexible Paxos", 2016).
//!
//! **Progress** (§2.4). Two proposers can overtake each other for ever. Here a proposer that is overtaken waits a
//! random time, longer after each try, so that most often one of them gets through.
//!
//! **On disk** (§2.5): an acceptor's promise and what it accepted, before it answers; the highest number that a
//! proposer has tried, before it uses it. What a learner has learned is lost in a crash: it finds out again by having
//! a proposer issue a proposal (§2.3). A process whose disk was emptied has broken promises that it does not know of,
//! so it only learns from then on. It knows of its loss by a marker that is not on its disk (Chandra, Griesemer,
//! Redstone, "Paxos Made Live", 2007, §5.1).
//!
//! What must hold is in `paxos/checks.rs`, scenarios and pictures are in `paxos/show.rs`.
//!
//! **Left out here**: the election of a distinguished proposer (§2.4), and a new set of acceptors. Many decisions in a
//! row: `multi_paxos`.
//!
//! Source: L. Lamport, "Paxos Made Simple", ACM SIGACT News 32(4), 2001; sections are those of that paper.

mod checks;
mod show;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde_json::json;

use crate::error::BadInput;
use crate::parts::kv::Key;
use crate::parts::quorum::{NodeSet, majority};
use crate::protocol::{Answer, Ctx, NodeId, Outcome, Payload, Protocol, RequestId, Stored};
use crate::sim::time::{Span, Time};

/// The number of a proposal, from 1; 0 is none. A node's numbers are those that leave the same rest when divided by
/// the number of nodes, so that no two nodes have one in common (§2.5).
pub type Number = u64;

/// What is proposed: a word of one to eight letters, digits, `-` or `_`.
pub type Value = Key;

/// A back-off is doubled so many times at most.
const DOUBLED_MAX: u32 = 2;

/// A learner counts the acceptors of so many proposals, the highest-numbered. Whatever is chosen can be learned from
/// any later proposal, so the others may be forgotten.
const COUNTED_MAX: usize = 16;

/// So many clients may wait at a proposer.
const WAITING_MAX: usize = 256;

/// What every node is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many nodes propose: the last so many; 0 for all.
    pub proposers: u64,
    /// How many nodes accept: the first so many; 0 for all. Every node learns.
    pub acceptors: u64,
    /// How many acceptors must answer in phase 1; 0 for a majority.
    pub phase_1_quorum: u64,
    /// How many must accept in phase 2; 0 for the fewest that meet every phase 1 quorum, two at least.
    pub phase_2_quorum: u64,
    /// Whom acceptors tell what they have accepted.
    pub tell: Tell,
    /// How long a proposer waits, at least, before it tries again with a higher number.
    pub retry: Span,
    /// How long a learner waits, at least, before it has a proposer find out what was chosen.
    pub inquire: Span,
    /// What can be switched off to see what it is good for.
    pub rules: Rules,
}

/// How learners learn (§2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    /// Acceptors tell the proposer, the distinguished learner, who tells the others what was chosen.
    Proposer,
    /// Acceptors tell everybody.
    Everybody,
    /// Acceptors tell the proposer, who tells only its clients. Whoever else wants to know proposes.
    ProposerAlone,
}

/// The rules that make Paxos safe, and the last that makes it live. Each can be switched off.
#[derive(Clone, Debug)]
pub struct Rules {
    /// A promise is on disk before it is given (§2.5).
    pub persist_promise: bool,
    /// Who accepts a proposal promises to accept no lower one.
    pub accept_is_promise: bool,
    /// A proposer takes over a value that was reported to it (P2c).
    pub adopt_reported: bool,
    /// Of several, that of the highest number (P2c), not the one that was reported last.
    pub adopt_highest: bool,
    /// No two proposers have a number in common (§2.5).
    pub own_numbers: bool,
    /// Every phase 1 quorum meets every phase 2 quorum.
    pub quorums_meet: bool,
    /// Whoever lost its disk does not accept any more.
    pub lost_disk_abstains: bool,
    /// A proposer that is overtaken waits a random time (§2.4).
    pub back_off: bool,
}

impl Rules {
    /// Paxos as it is.
    pub const ALL: Rules = Rules {
        persist_promise: true,
        accept_is_promise: true,
        adopt_reported: true,
        adopt_highest: true,
        own_numbers: true,
        quorums_meet: true,
        lost_disk_abstains: true,
        back_off: true,
    };
}

/// A value with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Proposal {
    /// Its number.
    pub number: Number,
    /// What is to be chosen.
    pub value: Value,
}

/// What nodes say to each other (§2.2, §2.3).
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
pub enum Message {
    /// A proposer asks for a promise to accept nothing below this number, and for what was accepted.
    Prepare {
        /// The number of the proposal to come.
        number: Number,
    },
    /// An acceptor promises.
    Promise {
        /// The number of the question.
        number: Number,
        /// The highest-numbered proposal that it has accepted.
        accepted: Option<Proposal>,
    },
    /// A proposer issues a proposal.
    Accept(Proposal),
    /// An acceptor has accepted it.
    Accepted(Proposal),
    /// An acceptor has promised not to. A courtesy: "a performance optimization that does not affect correctness".
    Refuse {
        /// The number that it refuses.
        number: Number,
        /// What it has promised.
        promised: Number,
    },
    /// A learner wants to know what was chosen.
    Inquire,
    /// This was chosen.
    Chosen {
        /// The chosen value.
        value: Value,
    },
}

impl Payload for Message {
    fn kind(&self) -> &'static str {
        match self {
            Message::Prepare { .. } => "Prepare",
            Message::Promise { .. } => "Promise",
            Message::Accept(_) => "Accept",
            Message::Accepted(_) => "Accepted",
            Message::Refuse { .. } => "Refuse",
            Message::Inquire => "Inquire",
            Message::Chosen { .. } => "Chosen",
        }
    }
}

/// The alarms of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// A proposer tries again.
    Retry,
    /// A learner has not learned anything yet.
    Inquire,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Timer::Retry => "retry",
            Timer::Inquire => "inquire",
        })
    }
}

/// A client proposes a value: `propose blue`.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
pub struct ProposeRequest(pub Value);

impl Payload for ProposeRequest {
    fn kind(&self) -> &'static str {
        "propose"
    }
}

impl fmt::Display for ProposeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "propose {}", self.0)
    }
}

impl FromStr for ProposeRequest {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<ProposeRequest, BadInput> {
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            ["propose", value] => Ok(ProposeRequest(value.parse()?)),
            _ => Err(BadInput::new(text, "is not a request: write propose blue")),
        }
    }
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
pub enum Response {
    /// This was chosen, whoever proposed it.
    Chosen(Value),
    /// This node does not propose; perhaps that one does.
    NotProposer(Option<NodeId>),
}

impl Payload for Response {
    fn kind(&self) -> &'static str {
        match self {
            Response::Chosen(_) => "chosen",
            Response::NotProposer(_) => "redirect",
        }
    }
}

impl Answer for Response {
    fn outcome(&self) -> Outcome {
        match *self {
            Response::Chosen(value) => Outcome::Done(json!(value)),
            Response::NotProposer(hint) => Outcome::Elsewhere(hint),
        }
    }
}

/// What a node keeps on disk (§2.5).
#[derive(Clone, Debug, Default)]
pub struct Durable {
    /// The acceptor accepts nothing below this.
    pub promised: Number,
    /// The highest-numbered proposal that the acceptor has accepted.
    pub accepted: Option<Proposal>,
    /// The highest number that the proposer has tried.
    pub tried: Number,
    /// Whether the disk was emptied after it had been used. This is not on the disk itself: it is the marker elsewhere.
    pub lost: bool,
}

impl Stored for Durable {
    fn wiped(&self) -> Durable {
        Durable {
            lost: self.lost || self.promised > 0 || self.tried > 0,
            ..Durable::default()
        }
    }
}

/// What a proposer is at.
#[derive(Clone, Debug)]
pub enum Phase {
    /// It has nothing to propose.
    Idle,
    /// It was overtaken and will try again.
    Waiting,
    /// It asks for promises.
    One {
        /// Who has promised.
        promises: NodeSet,
        /// The proposal that it must take over.
        reported: Option<Proposal>,
    },
    /// It has issued a proposal under the number that it tried last.
    Two {
        /// The value of the proposal.
        value: Value,
    },
}

/// A node, in all its roles.
#[derive(Clone)]
pub struct Paxos {
    me: NodeId,
    nodes: u64,
    config: Config,

    // On disk. `unsaved` says whether the disk is behind.
    promised: Number,
    accepted: Option<Proposal>,
    tried: Number,
    lost: bool,
    unsaved: bool,

    /// What its clock showed when it started.
    since: Time,

    // The proposer.
    phase: Phase,
    /// What its clients want, the first of them.
    wish: Option<Value>,
    /// How often it has been overtaken since it last got through.
    overtaken: u32,
    /// The highest number that it has heard of.
    heard: Number,
    /// Clients to be told.
    waiting: Vec<RequestId>,

    // The learner.
    /// Who has accepted what, as far as it was told; by number, then value.
    counts: Vec<(Proposal, NodeSet)>,
    learned: Option<Value>,
}

impl Protocol for Paxos {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Request = ProposeRequest;
    type Response = Response;
    type Durable = Durable;

    fn start(ctx: &mut Ctx<'_, Paxos>, config: &Config, durable: Durable) -> Paxos {
        ctx.set_timer_within(
            Timer::Inquire,
            config.inquire,
            config.inquire + config.inquire,
        );
        Paxos {
            me: ctx.me(),
            nodes: ctx.cluster_size() as u64,
            config: config.clone(),
            promised: durable.promised,
            accepted: durable.accepted,
            tried: durable.tried,
            lost: durable.lost,
            unsaved: false,
            since: ctx.now(),
            phase: Phase::Idle,
            wish: None,
            overtaken: 0,
            heard: 0,
            waiting: Vec::new(),
            counts: Vec::new(),
            learned: None,
        }
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Paxos>, from: NodeId, message: Message) {
        match message {
            Message::Prepare { number } => self.on_prepare(ctx, from, number),
            Message::Promise { number, accepted } => self.on_promise(ctx, from, number, accepted),
            Message::Accept(proposal) => self.on_accept(ctx, from, proposal),
            Message::Accepted(proposal) => self.on_accepted(ctx, from, proposal),
            Message::Refuse { number, promised } => {
                self.heard = self.heard.max(promised);
                if number == self.tried {
                    self.be_overtaken(ctx, promised);
                }
            }
            Message::Inquire => match self.learned {
                Some(value) => ctx.send(from, Message::Chosen { value }),
                None => self.propose(ctx),
            },
            Message::Chosen { value } => self.learn(ctx, value),
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Paxos>, timer: Timer) {
        match timer {
            Timer::Retry if !matches!(self.phase, Phase::Idle) => {
                self.overtaken += 1;
                self.prepare(ctx);
            }
            Timer::Inquire if self.learned.is_none() => {
                let pause = self.config.inquire;
                ctx.set_timer_within(Timer::Inquire, pause, pause + pause);
                if self.is_proposer() {
                    return self.propose(ctx);
                }
                let others: Vec<NodeId> = ctx.peers().filter(|it| self.proposes(*it)).collect();
                if !others.is_empty() {
                    let whom = *ctx.rng().pick(&others);
                    ctx.send(whom, Message::Inquire);
                }
            }
            Timer::Retry | Timer::Inquire => {}
        }
    }

    fn on_request(&mut self, ctx: &mut Ctx<'_, Paxos>, id: RequestId, request: ProposeRequest) {
        if let Some(value) = self.learned {
            return ctx.respond(id, Response::Chosen(value));
        }
        if !self.is_proposer() {
            let hint = ctx.peers().find(|it| self.proposes(*it));
            return ctx.respond(id, Response::NotProposer(hint));
        }
        self.waiting.retain(|it| it.client != id.client);
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push(id);
        }
        self.wish.get_or_insert(request.0);
        self.propose(ctx);
    }
}

/// The proposer (§2.2).
impl Paxos {
    /// Begins to propose, unless it is at it.
    fn propose(&mut self, ctx: &mut Ctx<'_, Paxos>) {
        if self.is_proposer() && matches!(self.phase, Phase::Idle) {
            self.prepare(ctx);
        }
    }

    /// Phase 1: takes a new number and asks the acceptors.
    fn prepare(&mut self, ctx: &mut Ctx<'_, Paxos>) {
        self.tried = self.next_number();
        self.unsaved = true;
        ctx.note("prepares", || format!("number {}", self.tried));
        let mut promises = NodeSet::default();
        let mut reported = None;
        // Its own acceptor comes first: the others hear of nothing before its promise is on disk.
        if self.is_acceptor() {
            self.promised = self.tried;
            promises.insert(self.me);
            reported = self.accepted;
        }
        self.phase = Phase::One { promises, reported };
        self.set_retry(ctx);
        self.save(ctx);
        let number = self.tried;
        self.ask_acceptors(ctx, &Message::Prepare { number });
        self.count_promises(ctx);
    }

    fn on_promise(
        &mut self,
        ctx: &mut Ctx<'_, Paxos>,
        from: NodeId,
        number: Number,
        accepted: Option<Proposal>,
    ) {
        let Phase::One { promises, reported } = &mut self.phase else {
            return;
        };
        // A promise for an earlier number says nothing about this one.
        if number != self.tried {
            return;
        }
        promises.insert(from);
        // "v is the value of the highest-numbered proposal among the responses."
        let higher = |it: &Proposal| reported.is_none_or(|best| best.number < it.number);
        if let Some(it) = accepted.filter(|it| higher(it) || !self.config.rules.adopt_highest) {
            *reported = Some(it);
        }
        self.count_promises(ctx);
    }

    /// Phase 2: with enough promises, issues a proposal.
    fn count_promises(&mut self, ctx: &mut Ctx<'_, Paxos>) {
        let Phase::One { promises, reported } = &self.phase else {
            return;
        };
        if promises.len() < self.phase_1_quorum() {
            return;
        }
        let reported = reported.map(|it| it.value);
        let value = if self.config.rules.adopt_reported {
            reported.or(self.wish)
        } else {
            self.wish.or(reported)
        };
        let Some(value) = value else {
            // It only wanted to know, and nothing is chosen yet.
            self.phase = Phase::Idle;
            return ctx.cancel_timer(Timer::Retry);
        };
        ctx.note("issues a proposal", || match reported {
            Some(_) => format!("number {}, {value}, as was reported", self.tried),
            None => format!("number {}, {value}, its own", self.tried),
        });
        self.phase = Phase::Two { value };
        let proposal = Proposal {
            number: self.tried,
            value,
        };
        let accepts = self.is_acceptor() && self.accept(proposal);
        self.save(ctx);
        self.ask_acceptors(ctx, &Message::Accept(proposal));
        if accepts {
            self.tell_learners(ctx, self.me, proposal);
        }
    }

    /// Somebody has a higher number: the proposer "should then abandon its proposal" (§2.2).
    fn be_overtaken(&mut self, ctx: &mut Ctx<'_, Paxos>, by: Number) {
        let active = matches!(self.phase, Phase::One { .. } | Phase::Two { .. });
        if !active || by <= self.tried {
            return;
        }
        ctx.note("is overtaken", || format!("{} by {by}", self.tried));
        self.overtaken += 1;
        if self.config.rules.back_off {
            self.phase = Phase::Waiting;
            self.set_retry(ctx);
        } else {
            self.prepare(ctx);
        }
    }

    /// A random time, longer after each try, so that of several proposers one is alone at last.
    fn set_retry(&self, ctx: &mut Ctx<'_, Paxos>) {
        let least = self.config.retry;
        let doubled = match self.config.rules.back_off {
            true => self.overtaken.clamp(1, DOUBLED_MAX),
            false => 0,
        };
        ctx.set_timer_within(Timer::Retry, least, Span(least.0 << doubled));
    }

    /// The next number of this node's above all that it has heard of.
    fn next_number(&self) -> Number {
        let highest = self.tried.max(self.promised).max(self.heard);
        let own = match self.config.rules.own_numbers {
            true => u64::from(self.me.0),
            false => 0,
        };
        (highest / self.nodes + 1) * self.nodes + own
    }

    fn ask_acceptors(&self, ctx: &mut Ctx<'_, Paxos>, message: &Message) {
        for acceptor in ctx.peers().filter(|it| self.accepts(*it)) {
            ctx.send(acceptor, message.clone());
        }
    }
}

/// The acceptor (§2.2).
impl Paxos {
    /// "If an acceptor receives a prepare request with number n greater than that of any prepare request to which it
    /// has already responded, then it responds." A repeated request gets the same answer again.
    fn on_prepare(&mut self, ctx: &mut Ctx<'_, Paxos>, from: NodeId, number: Number) {
        self.heard = self.heard.max(number);
        if !self.is_acceptor() {
            return;
        }
        if number < self.promised {
            return self.refuse(ctx, from, number);
        }
        self.unsaved |= number > self.promised;
        self.promised = number;
        self.save(ctx);
        let accepted = self.accepted;
        ctx.send(from, Message::Promise { number, accepted });
        self.be_overtaken(ctx, number);
    }

    /// "If an acceptor receives an accept request for a proposal numbered n, it accepts the proposal unless it has
    /// already responded to a prepare request having a number greater than n."
    fn on_accept(&mut self, ctx: &mut Ctx<'_, Paxos>, from: NodeId, proposal: Proposal) {
        self.heard = self.heard.max(proposal.number);
        if !self.is_acceptor() {
            return;
        }
        if !self.accept(proposal) {
            return self.refuse(ctx, from, proposal.number);
        }
        self.save(ctx);
        self.tell_learners(ctx, from, proposal);
        self.be_overtaken(ctx, proposal.number);
    }

    fn accept(&mut self, proposal: Proposal) -> bool {
        if proposal.number < self.promised {
            return false;
        }
        // To accept is to promise as well: the paper's rule speaks of responses to prepare requests only, but with that
        // alone an acceptor that missed the Prepare would accept a lower number afterwards.
        if self.config.rules.accept_is_promise {
            self.promised = proposal.number;
        }
        self.unsaved |= self.accepted != Some(proposal);
        self.accepted = Some(proposal);
        true
    }

    fn refuse(&self, ctx: &mut Ctx<'_, Paxos>, from: NodeId, number: Number) {
        let promised = self.promised;
        ctx.send(from, Message::Refuse { number, promised });
    }

    /// Tells the proposer, who tells the others once it is chosen; or everybody (§2.3).
    fn tell_learners(&mut self, ctx: &mut Ctx<'_, Paxos>, proposer: NodeId, proposal: Proposal) {
        let everybody = self.config.tell == Tell::Everybody;
        for learner in ctx.peers().filter(|it| everybody || *it == proposer) {
            ctx.send(learner, Message::Accepted(proposal));
        }
        if everybody || proposer == self.me {
            self.on_accepted(ctx, self.me, proposal);
        }
    }
}

/// The learner (§2.3).
impl Paxos {
    fn on_accepted(&mut self, ctx: &mut Ctx<'_, Paxos>, from: NodeId, proposal: Proposal) {
        if self.learned.is_some() {
            return;
        }
        let place = match self.counts.binary_search_by_key(&proposal, |(it, _)| *it) {
            Ok(place) => place,
            Err(place) => {
                self.counts.insert(place, (proposal, NodeSet::default()));
                place
            }
        };
        self.counts[place].1.insert(from);
        let enough = self.counts[place].1.len() >= self.phase_2_quorum();
        if self.counts.len() > COUNTED_MAX {
            self.counts.remove(0);
        }
        if enough {
            ctx.note("is chosen", || {
                format!("{}, with number {}", proposal.value, proposal.number)
            });
            if self.config.tell == Tell::Proposer {
                let value = proposal.value;
                ctx.broadcast(&Message::Chosen { value });
            }
            self.learn(ctx, proposal.value);
        }
    }

    /// Learns what was chosen, once and for all, and tells whoever asked.
    fn learn(&mut self, ctx: &mut Ctx<'_, Paxos>, value: Value) {
        if self.learned.is_some() {
            return;
        }
        self.learned = Some(value);
        self.phase = Phase::Idle;
        self.overtaken = 0;
        self.counts.clear();
        ctx.cancel_timer(Timer::Retry);
        ctx.cancel_timer(Timer::Inquire);
        for id in std::mem::take(&mut self.waiting) {
            ctx.respond(id, Response::Chosen(value));
        }
    }
}

/// Small questions.
impl Paxos {
    /// Writes to disk what must survive a crash, if it has changed. What is sent after it waits for the disk.
    fn save(&mut self, ctx: &mut Ctx<'_, Paxos>) {
        if std::mem::take(&mut self.unsaved) {
            let accepted = self.accepted.map_or(0, |it| it.number);
            let promised = match self.config.rules.persist_promise {
                true => self.promised,
                false => accepted,
            };
            ctx.persist(Durable {
                promised,
                accepted: self.accepted,
                tried: self.tried,
                lost: self.lost,
            });
        }
    }

    /// The acceptors are the first nodes.
    fn accepts(&self, node: NodeId) -> bool {
        node.index() < self.config.acceptors(self.nodes as usize)
    }

    /// The proposers are the last nodes.
    fn proposes(&self, node: NodeId) -> bool {
        let count = self.config.proposers;
        count == 0 || u64::from(node.0) + count >= self.nodes
    }

    /// Whether it knows of everything that it has promised.
    fn remembers(&self) -> bool {
        !self.lost || !self.config.rules.lost_disk_abstains
    }

    fn is_acceptor(&self) -> bool {
        self.accepts(self.me) && self.remembers()
    }

    fn is_proposer(&self) -> bool {
        self.proposes(self.me) && self.remembers()
    }

    fn phase_1_quorum(&self) -> usize {
        self.config.quorums(self.nodes as usize).0
    }

    fn phase_2_quorum(&self) -> usize {
        self.config.quorums(self.nodes as usize).1
    }
}

impl Config {
    /// How many of so many nodes accept.
    fn acceptors(&self, nodes: usize) -> usize {
        match self.acceptors {
            0 => nodes,
            count => nodes.min(count as usize),
        }
    }

    /// How many acceptors must answer in phase 1, and how many must accept in phase 2, in a cluster of so many nodes.
    fn quorums(&self, nodes: usize) -> (usize, usize) {
        let acceptors = self.acceptors(nodes);
        let one = match self.phase_1_quorum {
            0 => majority(acceptors),
            count => count as usize,
        };
        let meets = self.rules.quorums_meet;
        let two = match self.phase_2_quorum {
            // Never one alone: a proposer counts its own acceptor before the disk has what that accepted, which is safe
            // because it asks the others only afterwards.
            0 if meets => (acceptors + 1).saturating_sub(one).max(2),
            0 => acceptors.saturating_sub(one).max(1),
            count => count as usize,
        };
        (one, two)
    }
}
