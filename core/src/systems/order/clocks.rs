//! Clocks: which of two events came first, when nobody has the time?
//!
//! One event **happened before** another (a → b) when both are at one node and a came first, or when a sent the message
//! that b received, or by a chain of such steps. Two events of which neither happened before the other are
//! **concurrent**: nothing that any node could see puts them in order. Three clocks stamp every event here, side by
//! side:
//!
//! - **Lamport's clock** (1978) is one number: a → b implies C(a) < C(b). Not the other way round: of two stamps the
//!   smaller one may belong to a concurrent event.
//! - **Vector clocks** (Fidge 1988, Mattern 1989) hold a number for each node: a → b exactly when V(a) < V(b).
//! - **Hybrid logical clocks** (Kulkarni et al. 2014) stay close to physical time and yet respect a → b: l is the
//!   greatest physical time heard of, c counts events that share an l.
//!
//! ```text
//!   n1 ──●────────●──╲───────────     ● an event: C := C + 1
//!       1        2    ╲ message, stamped 2
//!   n2 ──●─────────────●─────────     received: C := max(C, 2) + 1
//!       1              3
//! ```
//!
//! On disk: the clock after the last event. A message leaves only when its stamp is there, so whatever others know of,
//! a crash does not undo. Left out: the total order that Lamport builds on his clock to share a resource; the bound on
//! physical clocks of his second half; compact vectors.
//!
//! Sources: L. Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System", CACM 1978; F. Mattern,
//! "Virtual Time and Global States of Distributed Systems", 1989; S. Kulkarni et al., "Logical Physical Clocks", 2014.

mod checks;
mod show;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde_json::json;

use crate::error::BadInput;
use crate::parts::vector::Vector;
use crate::protocol::{Answer, Ctx, NodeId, Outcome, Payload, Protocol, RequestId, Stored};
use crate::sim::dist::Chance;
use crate::sim::time::{Span, Time};

/// What every node is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The mean pause between two events that a node makes of itself.
    pub interval: Span,
    /// How many of these are local; the others send a message.
    pub local: Chance,
    /// Rule: who receives takes over what is greater in the message's stamp.
    pub merge: bool,
    /// Rule: the clock is on disk before a message carries it.
    pub keep: bool,
    /// Rule: the hybrid clock has a logical part. Without it, it is what the physical clock shows.
    pub logical: bool,
}

/// A hybrid logical time: `l` is a physical time somebody saw, `c` tells events with one `l` apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Hlc {
    /// The greatest physical time heard of.
    pub l: Time,
    /// Counts events since then.
    pub c: u32,
}

impl Hlc {
    /// "Send or local event", Figure 5.
    pub fn tick(&mut self, physical: Time) {
        let l = self.l.max(physical);
        self.c = if l == self.l { self.c + 1 } else { 0 };
        self.l = l;
    }

    /// "Receive event of message m", Figure 5.
    pub fn receive(&mut self, message: Hlc, physical: Time) {
        let l = self.l.max(message.l).max(physical);
        self.c = match (l == self.l, l == message.l) {
            (true, true) => self.c.max(message.c) + 1,
            (true, false) => self.c + 1,
            (false, true) => message.c + 1,
            (false, false) => 0,
        };
        self.l = l;
    }
}

/// `1.25s+3`
impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.l, self.c)
    }
}

/// What the three clocks show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Stamp {
    /// Lamport's clock.
    pub lamport: u64,
    /// The vector clock.
    pub vector: Vector,
    /// The hybrid logical clock.
    pub hlc: Hlc,
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L {}, V {}, HLC {}", self.lamport, self.vector, self.hlc)
    }
}

/// A message, which says nothing but when it was sent.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
pub struct Message {
    /// Which message of which life of the sender this is. No clock needs it; those who look on do.
    letter: Letter,
    /// The stamp of the event that sent it.
    stamp: Stamp,
}

/// Names a message: the sender's life, and its how-manieth message in that life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Letter {
    life: u32,
    count: u32,
}

impl Payload for Message {
    fn kind(&self) -> &'static str {
        "Message"
    }
}

/// The alarms of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Time for an event.
    Interval,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interval")
    }
}

/// What a person has a node do.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    /// Send a message to this node.
    Send(NodeId),
    /// Have a local event.
    Local,
}

impl Payload for Request {
    fn kind(&self) -> &'static str {
        match self {
            Request::Send(_) => "send",
            Request::Local => "local",
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Send(node) => write!(f, "send {node}"),
            Request::Local => f.write_str("local"),
        }
    }
}

impl FromStr for Request {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<Request, BadInput> {
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            ["send", node] => Ok(Request::Send(node.parse()?)),
            ["local"] => Ok(Request::Local),
            _ => Err(BadInput::new(
                text,
                "is not a request: write send n2 or local",
            )),
        }
    }
}

/// What the person learns.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
pub enum Response {
    /// The stamp of the event.
    Stamped(Stamp),
    /// There is no such other node.
    Nobody,
}

impl Payload for Response {
    fn kind(&self) -> &'static str {
        "answer"
    }
}

impl Answer for Response {
    fn outcome(&self) -> Outcome {
        match self {
            Response::Stamped(stamp) => Outcome::Done(json!(stamp.to_string())),
            Response::Nobody => Outcome::Refused("there is no such other node".to_owned()),
        }
    }
}

/// What an event was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Nothing that anybody else saw.
    Local,
    /// A message was sent.
    Send(NodeId),
    /// A message arrived.
    Receive(NodeId, Letter),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Local => f.write_str("local event"),
            What::Send(to) => write!(f, "sends to {to}"),
            What::Receive(from, _) => write!(f, "receives from {from}"),
        }
    }
}

/// An event of a node.
#[derive(Clone, Debug, PartialEq)]
struct Event {
    /// The node's how-manieth, as it counts.
    number: u32,
    what: What,
    stamp: Stamp,
    /// What the node's physical clock showed.
    physical: Time,
}

/// What is on disk: the clock.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    events: u32,
    stamp: Stamp,
}

impl Stored for Kept {}

/// So many of its last events a node shows.
const RECENT: usize = 6;

/// A node.
#[derive(Clone)]
pub struct Clocks {
    me: NodeId,
    config: Config,
    /// Drawn at every start.
    life: u32,
    /// Messages sent in this life.
    sent: u32,
    /// How many events the disk knew of when this life began.
    resumed: u32,
    events: u32,
    stamp: Stamp,
    /// The newest last.
    recent: VecDeque<Event>,
    /// How many nodes it knows of.
    known: u16,
}

impl Protocol for Clocks {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Request = Request;
    type Response = Response;
    type Durable = Kept;

    fn start(ctx: &mut Ctx<'_, Clocks>, config: &Config, kept: Kept) -> Clocks {
        let life = ctx.rng().bits() as u32;
        let node = Clocks {
            me: ctx.me(),
            config: config.clone(),
            life,
            sent: 0,
            resumed: kept.events,
            events: kept.events,
            stamp: kept.stamp,
            recent: VecDeque::new(),
            known: (ctx.cluster_size() as u16).max(ctx.me().0 + 1),
        };
        node.pause(ctx);
        node
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Clocks>, from: NodeId, message: Message) {
        self.known = self.known.max(from.0 + 1);
        // IR2(b) of Lamport's paper, and its likes: "upon receiving a message m, process P sets C greater than or
        // equal to its present value and greater than" the stamp.
        if self.config.merge {
            self.stamp.lamport = self.stamp.lamport.max(message.stamp.lamport);
            self.stamp.vector.merge(&message.stamp.vector);
        }
        let its = self.config.merge.then_some(message.stamp.hlc);
        self.happen(ctx, What::Receive(from, message.letter), its);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Clocks>, Timer::Interval: Timer) {
        self.pause(ctx);
        let others = u64::from(self.known) - 1;
        let local = self.config.local;
        if others == 0 || ctx.rng().happens(local) {
            self.happen(ctx, What::Local, None);
        } else {
            let other = ctx.rng().below(others) as u16;
            self.write_to(ctx, NodeId(other + u16::from(other >= self.me.0)));
        }
    }

    fn on_request(&mut self, ctx: &mut Ctx<'_, Clocks>, id: RequestId, request: Request) {
        match request {
            Request::Send(to) if to == self.me || to.0 >= self.known => {
                return ctx.respond(id, Response::Nobody);
            }
            Request::Send(to) => self.write_to(ctx, to),
            Request::Local => self.happen(ctx, What::Local, None),
        }
        ctx.respond(id, Response::Stamped(self.stamp.clone()));
    }
}

impl Clocks {
    fn pause(&self, ctx: &mut Ctx<'_, Clocks>) {
        let interval = self.config.interval.0;
        ctx.set_timer_within(
            Timer::Interval,
            Span(interval / 2),
            Span(interval + interval / 2),
        );
    }

    fn write_to(&mut self, ctx: &mut Ctx<'_, Clocks>, to: NodeId) {
        self.happen(ctx, What::Send(to), None);
        let letter = Letter {
            life: self.life,
            count: self.sent,
        };
        self.sent += 1;
        let stamp = self.stamp.clone();
        ctx.send(to, Message { letter, stamp });
    }

    /// An event: every clock goes on, and the disk is told.
    fn happen(&mut self, ctx: &mut Ctx<'_, Clocks>, what: What, its: Option<Hlc>) {
        let physical = ctx.now();
        // IR1: "each process increments C between any two successive events".
        self.stamp.lamport += 1;
        self.stamp.vector.tick(self.me);
        match its {
            _ if !self.config.logical => self.stamp.hlc = Hlc { l: physical, c: 0 },
            Some(its) => self.stamp.hlc.receive(its, physical),
            None => self.stamp.hlc.tick(physical),
        }
        self.events += 1;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(Event {
            number: self.events,
            what,
            stamp: self.stamp.clone(),
            physical,
        });
        let (number, stamp) = (self.events, &self.stamp);
        ctx.note("event", || format!("{number}, {what}: {stamp}"));
        if self.config.keep {
            ctx.persist(Kept {
                events: self.events,
                stamp: self.stamp.clone(),
            });
        }
    }

    fn last(&self) -> Option<&Event> {
        self.recent.back()
    }
}
