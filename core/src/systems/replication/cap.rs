//! CAP: the same clients and the same partition, on a store that stays consistent and on one that stays available.
//!
//! **The problem.** A network can be cut in two, and then a client on the smaller side asks for something. Either it
//! gets no answer, or it gets one that does not know what the other side has done meanwhile. There is no third way: a
//! store cannot be **C**onsistent (as if there were one copy) and **A**vailable (every request to a running node is
//! answered) when the network is **P**artitioned. That is the theorem of Gilbert and Lynch, guessed by Brewer.
//!
//! **What is here.** One node of this system is a node of [`Raft`] or one of [`Quorum`], as the setting `store` says.
//!
//! ```text
//!                      cut from 2 s to 5 s
//!        c1 c2 ──▶ n1 n2      ╳      n3 n4 n5 ◀── c3 c4 c5 c6
//!
//!   store=cp   Raft: n1 and n2 are no majority.       store=ap   Dynamo, sloppy quorums: whoever is asked answers.
//!              c1 and c2 wait until the cut is                   c1 and c2 read what they wrote themselves; when the
//! healed. Nobody ever reads a stale value.          cut heals, versions meet that knew nothing of each other.
//! ```
//!
//! What clients are promised is a setting of its own (`promise`): each store keeps its own promise, and breaks the
//! other's, which the last two scenarios show.
//!
//! Nothing is decided here: every message, timer and answer is the inner protocol's.
//!
//! Sources: S. Gilbert, N. Lynch, "Brewer's Conjecture and the Feasibility of Consistent, Available, Partition-Tolerant
//! Web Services", SIGACT News 33(2), 2002; E. Brewer, "CAP Twelve Years Later", Computer 45(2), 2012.

mod show;

use std::fmt;

use serde::Serialize;

use super::quorum::{self, Quorum};
use crate::parts::kv::KvRequest;
use crate::protocol::{Answer, Ctx, Effect, NodeId, Outcome, Payload, Protocol, RequestId, Stored};
use crate::sim::rng::Rng;
use crate::sim::time::Span;
use crate::systems::consensus::raft::{self, Raft};

/// Which of the two is kept when both cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Consistency: Raft.
    Cp,
    /// Availability: Dynamo.
    Ap,
}

/// What clients are promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pledge {
    /// There seems to be one copy.
    Consistency,
    /// Every request is answered soon.
    Availability,
    /// Neither: answers come once all is healed.
    Neither,
}

/// What every node is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which store it is.
    pub side: Side,
    /// What clients are promised.
    pub pledge: Pledge,
    /// How soon an answer is soon.
    pub answer_within: Span,
    /// What a node of Raft is told.
    pub raft: raft::Config,
    /// What a node of Dynamo is told.
    pub quorum: quorum::Config,
}

/// What nodes say to each other: what the inner protocol says.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(untagged)]
pub enum Message {
    /// In Raft.
    Cp(raft::Message),
    /// In Dynamo.
    Ap(quorum::Message),
}

impl Payload for Message {
    fn kind(&self) -> &'static str {
        match self {
            Message::Cp(it) => it.kind(),
            Message::Ap(it) => it.kind(),
        }
    }

    fn damage(&mut self, rng: &mut Rng) -> bool {
        match self {
            Message::Cp(it) => it.damage(rng),
            Message::Ap(it) => it.damage(rng),
        }
    }
}

/// The alarms of a node: those of the inner protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Of Raft.
    Cp(raft::Timer),
    /// Of Dynamo.
    Ap(quorum::Timer),
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Timer::Cp(it) => it.fmt(f),
            Timer::Ap(it) => it.fmt(f),
        }
    }
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// By Raft.
    Cp(raft::Response),
    /// By Dynamo.
    Ap(quorum::Response),
}

impl Payload for Response {
    fn kind(&self) -> &'static str {
        match self {
            Response::Cp(it) => it.kind(),
            Response::Ap(it) => it.kind(),
        }
    }
}

impl Answer for Response {
    fn outcome(&self) -> Outcome {
        match self {
            Response::Cp(it) => it.outcome(),
            Response::Ap(it) => it.outcome(),
        }
    }

    fn remark(&self) -> Option<String> {
        match self {
            Response::Cp(it) => it.remark(),
            Response::Ap(it) => it.remark(),
        }
    }
}

/// What a disk holds: for one of the two, and nothing for the other.
#[derive(Clone, Debug, Default)]
pub struct Durable {
    /// Of Raft.
    cp: raft::Durable,
    /// Of Dynamo.
    ap: quorum::Durable,
}

impl Durable {
    fn of_raft(cp: raft::Durable) -> Durable {
        let ap = quorum::Durable::default();
        Durable { cp, ap }
    }

    fn of_quorum(ap: quorum::Durable) -> Durable {
        let cp = raft::Durable::default();
        Durable { cp, ap }
    }
}

impl Stored for Durable {
    fn torn(before: &Durable, after: &Durable, rng: &mut Rng) -> Durable {
        Durable {
            cp: raft::Durable::torn(&before.cp, &after.cp, rng),
            ap: quorum::Durable::torn(&before.ap, &after.ap, rng),
        }
    }

    fn rotten(&self, rng: &mut Rng) -> Durable {
        Durable {
            cp: self.cp.rotten(rng),
            ap: self.ap.rotten(rng),
        }
    }

    fn truncated(&self, rng: &mut Rng) -> Durable {
        Durable {
            cp: self.cp.truncated(rng),
            ap: self.ap.truncated(rng),
        }
    }
}

/// What an effect of Raft is here.
fn of_raft(effect: Effect<Raft>) -> Effect<Cap> {
    effect.lift(Message::Cp, Timer::Cp, Durable::of_raft, Response::Cp)
}

/// What an effect of Dynamo is here.
fn of_quorum(effect: Effect<Quorum>) -> Effect<Cap> {
    effect.lift(Message::Ap, Timer::Ap, Durable::of_quorum, Response::Ap)
}

/// A node of one store or the other.
#[derive(Clone)]
pub enum Cap {
    /// Consistent.
    Cp(Raft),
    /// Available.
    Ap(Quorum),
}

impl Protocol for Cap {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Request = KvRequest;
    type Response = Response;
    type Durable = Durable;

    fn start(ctx: &mut Ctx<'_, Cap>, config: &Config, durable: Durable) -> Cap {
        match config.side {
            Side::Cp => {
                let start = |ctx: &mut Ctx<'_, Raft>| Raft::start(ctx, &config.raft, durable.cp);
                Cap::Cp(ctx.nested(start, of_raft))
            }
            Side::Ap => {
                let start =
                    |ctx: &mut Ctx<'_, Quorum>| Quorum::start(ctx, &config.quorum, durable.ap);
                Cap::Ap(ctx.nested(start, of_quorum))
            }
        }
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Cap>, from: NodeId, message: Message) {
        match (self, message) {
            (Cap::Cp(raft), Message::Cp(message)) => {
                ctx.nested(|ctx| raft.on_message(ctx, from, message), of_raft)
            }
            (Cap::Ap(node), Message::Ap(message)) => {
                ctx.nested(|ctx| node.on_message(ctx, from, message), of_quorum)
            }
            _ => unreachable!("all nodes of a run are of one store"),
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Cap>, timer: Timer) {
        match (self, timer) {
            (Cap::Cp(raft), Timer::Cp(timer)) => {
                ctx.nested(|ctx| raft.on_timer(ctx, timer), of_raft)
            }
            (Cap::Ap(node), Timer::Ap(timer)) => {
                ctx.nested(|ctx| node.on_timer(ctx, timer), of_quorum)
            }
            _ => unreachable!("all nodes of a run are of one store"),
        }
    }

    fn on_request(&mut self, ctx: &mut Ctx<'_, Cap>, id: RequestId, request: KvRequest) {
        match self {
            Cap::Cp(raft) => {
                let request = raft::Request::Store(request);
                ctx.nested(|ctx| raft.on_request(ctx, id, request), of_raft)
            }
            Cap::Ap(node) => {
                let (what, after) = (request, None);
                let request = quorum::Request { what, after };
                ctx.nested(|ctx| node.on_request(ctx, id, request), of_quorum)
            }
        }
    }
}
