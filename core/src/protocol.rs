//! What a node is: a state machine that reacts to events and acts only through its [`Ctx`].

use std::fmt::{self, Debug, Display};
use std::hash::Hash;
use std::str::FromStr;

use serde::Serialize;

use crate::error::BadInput;
use crate::sim::clock::Clock;
use crate::sim::rng::Rng;
use crate::sim::time::{Span, Time};

/// A node's place in the cluster, from 0; written `n1`, `n2`, … because people count from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

impl NodeId {
    /// The place as an index of a `Vec`.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", u32::from(self.0) + 1)
    }
}

impl FromStr for NodeId {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<NodeId, BadInput> {
        text.strip_prefix(['n', 'N'])
            .filter(|it| !it.starts_with(['+', '0']))
            .and_then(|it| it.parse::<u16>().ok())
            .and_then(|it| it.checked_sub(1))
            .map(NodeId)
            .ok_or_else(|| BadInput::new(text, "is not a node: write n1, n2, …"))
    }
}

impl Serialize for NodeId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A client, from 1; written `c1`, `c2`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ClientId(pub u32);

impl Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// Names one request of one client. A retry of the same request has the same `client` and `sequence`, so that a
/// system with sessions can tell a repetition from a new request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RequestId {
    /// Who asks.
    pub client: ClientId,
    /// The client's how-manieth request, from 1.
    pub sequence: u32,
    /// Which try this is, from 1. For the client's book-keeping; a protocol has no use for it.
    pub attempt: u32,
}

/// What travels: messages, requests, responses.
///
/// `Hash` feeds the trace hash, `Serialize` the trace file and the inspector.
pub trait Payload: Clone + PartialEq + Hash + Serialize + 'static {
    /// The name of its kind, in the paper's words: `RequestVote`.
    fn kind(&self) -> &'static str;

    /// Changes it as a flipped bit on the wire would; `false` when what comes out is no message any more and is
    /// thrown away. Asked only where nobody checks sums.
    fn damage(&mut self, _rng: &mut Rng) -> bool {
        false
    }
}

/// What a disk holds for a node: one value, written as a whole.
///
/// How it looks when a disk did not do what it should depends on how it is laid out; without a word of the system, a
/// write happens as a whole or not at all, and damage shows as a loss of everything.
pub trait Stored: Clone + Default + 'static {
    /// What is there when a crash interrupts the write of `after` over `before`: a part of it.
    fn torn(before: &Self, _after: &Self, _rng: &mut Rng) -> Self {
        before.clone()
    }

    /// What is read when bits have rotted and no checksum tells.
    fn rotten(&self, _rng: &mut Rng) -> Self {
        Self::default()
    }

    /// What is left when the end is cut off.
    fn truncated(&self, _rng: &mut Rng) -> Self {
        Self::default()
    }

    /// What a node finds whose disk was emptied: nothing, unless something outside of it remembers that there was a
    /// disk once.
    fn wiped(&self) -> Self {
        Self::default()
    }
}

/// Nothing is on disk.
impl Stored for () {}

/// What a client learns from a response.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was done; the value is what a read returned, or null.
    Done(serde_json::Value),
    /// It was certainly not done.
    Refused(String),
    /// Not here: ask this node, or any other when there is no hint.
    Elsewhere(Option<NodeId>),
}

/// A response that a client can understand.
pub trait Answer: Payload {
    /// What it means for the request.
    fn outcome(&self) -> Outcome;

    /// What else a person would like to know who asked: which version it was, who knew it. No history has it.
    fn remark(&self) -> Option<String> {
        None
    }
}

/// A distributed algorithm: what one node does.
///
/// A handler may read and change only `self` and may act only through `ctx`. There is no handler for a crash: a crashed
/// node runs nothing. Boot and recovery are one function, [`Protocol::start`].
pub trait Protocol: Clone + 'static {
    /// What every node is told at its start: time-outs, sizes, rules.
    type Config: Clone + 'static;
    /// What nodes say to each other.
    type Message: Payload;
    /// The names of a node's alarms. Setting one again moves it.
    type Timer: Copy + Ord + Hash + Display + 'static;
    /// What clients ask. Its text form appears in scripts, links and on the command line.
    type Request: Payload + Display + FromStr<Err = BadInput>;
    /// What clients are told.
    type Response: Answer;
    /// What survives a crash: the last value that was persisted. Cloned at every write, so share what is large.
    type Durable: Stored;

    /// Starts a node, for the first time or after a crash, from what its disk holds.
    fn start(ctx: &mut Ctx<'_, Self>, config: &Self::Config, durable: Self::Durable) -> Self;

    /// A message arrived.
    fn on_message(&mut self, ctx: &mut Ctx<'_, Self>, from: NodeId, message: Self::Message);

    /// A timer ran out.
    fn on_timer(&mut self, ctx: &mut Ctx<'_, Self>, timer: Self::Timer);

    /// A client asks for something.
    fn on_request(&mut self, ctx: &mut Ctx<'_, Self>, id: RequestId, request: Self::Request);

    /// The node is to leave the cluster for good: it may hand over what it has, and then goes ([`Ctx::leave`]).
    fn on_leave(&mut self, ctx: &mut Ctx<'_, Self>) {
        ctx.leave();
    }
}

/// What a handler wants done, in this order.
///
/// What is sent or answered after a `Persist` waits until the disk has it.
pub enum Effect<P: Protocol> {
    /// Hand a message to the network.
    Send(NodeId, P::Message),
    /// Run this timer out after a span drawn between the two, on the node's own clock.
    SetTimer(P::Timer, Span, Span),
    /// Forget this timer.
    CancelTimer(P::Timer),
    /// Write this to the disk, in place of what it held.
    Persist(P::Durable),
    /// Answer a client.
    Respond(RequestId, P::Response),
    /// Tell the story: a short label, and details when somebody reads along.
    Note(&'static str, Option<String>),
    /// Be busy for so long: what arrives meanwhile waits in the inbox, and what follows in this list happens after it.
    Work(Span),
    /// Leave the cluster for good.
    Leave,
}

impl<P: Protocol> Clone for Effect<P> {
    fn clone(&self) -> Effect<P> {
        match self {
            Effect::Send(to, message) => Effect::Send(*to, message.clone()),
            Effect::SetTimer(timer, min, max) => Effect::SetTimer(*timer, *min, *max),
            Effect::CancelTimer(timer) => Effect::CancelTimer(*timer),
            Effect::Persist(durable) => Effect::Persist(durable.clone()),
            Effect::Respond(id, response) => Effect::Respond(*id, response.clone()),
            Effect::Note(label, details) => Effect::Note(label, details.clone()),
            Effect::Work(span) => Effect::Work(*span),
            Effect::Leave => Effect::Leave,
        }
    }
}

impl<P: Protocol> Effect<P> {
    /// The same effect of a protocol around this one: what a message, a timer, what is persisted and a response of this
    /// one are there. See [`Ctx::nested`].
    pub fn lift<Q: Protocol>(
        self,
        message: impl FnOnce(P::Message) -> Q::Message,
        timer: impl FnOnce(P::Timer) -> Q::Timer,
        durable: impl FnOnce(P::Durable) -> Q::Durable,
        response: impl FnOnce(P::Response) -> Q::Response,
    ) -> Effect<Q> {
        match self {
            Effect::Send(to, it) => Effect::Send(to, message(it)),
            Effect::SetTimer(it, min, max) => Effect::SetTimer(timer(it), min, max),
            Effect::CancelTimer(it) => Effect::CancelTimer(timer(it)),
            Effect::Persist(it) => Effect::Persist(durable(it)),
            Effect::Respond(id, it) => Effect::Respond(id, response(it)),
            Effect::Note(label, details) => Effect::Note(label, details),
            Effect::Work(span) => Effect::Work(span),
            Effect::Leave => Effect::Leave,
        }
    }
}

/// A node's window on the world: who it is, what its clock says, what it may do.
pub struct Ctx<'a, P: Protocol> {
    pub(crate) me: NodeId,
    pub(crate) nodes: u16,
    pub(crate) clock: &'a Clock,
    pub(crate) time: Time,
    pub(crate) explain: bool,
    pub(crate) rng: &'a mut Rng,
    pub(crate) effects: &'a mut Vec<Effect<P>>,
}

impl<P: Protocol> Ctx<'_, P> {
    /// This node.
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// How many nodes founded the cluster. Who joined later is not counted.
    pub fn cluster_size(&self) -> usize {
        usize::from(self.nodes)
    }

    /// Every node that founded the cluster, this one too if it did.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<P> {
        (0..self.nodes).map(NodeId)
    }

    /// Every founding node but this one. A node that joined later asks them.
    pub fn peers(&self) -> impl Iterator<Item = NodeId> + use<P> {
        let me = self.me;
        self.nodes().filter(move |it| *it != me)
    }

    /// What this node's clock shows. It may be ahead, behind, too fast or too slow.
    pub fn now(&self) -> Time {
        self.clock.read(self.time)
    }

    /// How long this node's clock has run, by its own count: too fast or too slow, but never set, so never back.
    /// Crashes do not stop it.
    pub fn uptime(&self) -> Time {
        self.clock.uptime(self.time)
    }

    /// This node's own stream of randomness.
    pub fn rng(&mut self) -> &mut Rng {
        self.rng
    }

    /// Hands a message to the network. What is sent to a node that the cluster never had goes nowhere.
    pub fn send(&mut self, to: NodeId, message: P::Message) {
        self.effects.push(Effect::Send(to, message));
    }

    /// Sends a message to every other node.
    pub fn broadcast(&mut self, message: &P::Message) {
        for peer in self.peers() {
            self.send(peer, message.clone());
        }
    }

    /// Runs `timer` out after `span` on this node's clock; moves it when it is already set.
    pub fn set_timer(&mut self, timer: P::Timer, span: Span) {
        self.set_timer_within(timer, span, span);
    }

    /// Runs `timer` out after a random span between `min` and `max`, both included.
    pub fn set_timer_within(&mut self, timer: P::Timer, min: Span, max: Span) {
        self.effects.push(Effect::SetTimer(timer, min, max));
    }

    /// Forgets `timer`, if it is set.
    pub fn cancel_timer(&mut self, timer: P::Timer) {
        self.effects.push(Effect::CancelTimer(timer));
    }

    /// Writes `durable` to the disk. What is sent after this waits until it is there.
    pub fn persist(&mut self, durable: P::Durable) {
        self.effects.push(Effect::Persist(durable));
    }

    /// Answers a client's request.
    pub fn respond(&mut self, id: RequestId, response: P::Response) {
        self.effects.push(Effect::Respond(id, response));
    }

    /// Marks a turn of the story, such as `leader`; `details` is called only when somebody reads along.
    pub fn note(&mut self, label: &'static str, details: impl FnOnce() -> String) {
        let details = self.explain.then(details);
        self.effects.push(Effect::Note(label, details));
    }

    /// Keeps the node busy for `span`: what arrives meanwhile waits, and what this handler does next happens after it.
    pub fn work(&mut self, span: Span) {
        self.effects.push(Effect::Work(span));
    }

    /// Leaves the cluster for good.
    pub fn leave(&mut self) {
        self.effects.push(Effect::Leave);
    }

    /// Runs a handler of another protocol inside this one: it sees the same node, clock and randomness. `lift` says
    /// what its effects are here ([`Effect::lift`]).
    pub fn nested<Q: Protocol, T>(
        &mut self,
        run: impl FnOnce(&mut Ctx<'_, Q>) -> T,
        lift: impl Fn(Effect<Q>) -> Effect<P>,
    ) -> T {
        let mut effects = Vec::new();
        let result = run(&mut Ctx {
            me: self.me,
            nodes: self.nodes,
            clock: self.clock,
            time: self.time,
            explain: self.explain,
            rng: self.rng,
            effects: &mut effects,
        });
        self.effects.extend(effects.into_iter().map(lift));
        result
    }
}
