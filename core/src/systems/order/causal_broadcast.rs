//! Broadcast: everybody tells everybody, and the order in which it is heard matters.
//!
//! n1 asks a question, n2 hears it and answers, and n3 gets the answer first: the network promised nothing about order.
//! Whoever **receives** a post need not **deliver** it at once: it can hold it back until what belongs before it is
//! there. Three orders, each stricter than the one before:
//!
//! - **FIFO**: the posts of one process are delivered in the order in which it made them. A number does it.
//! - **Causal** (Birman, Schiper and Stephenson 1991): a post is delivered after everything that its sender had
//!   delivered before it. Each post carries VT, how many posts of each process its sender had delivered.
//! - **Total**: everybody delivers the same posts in the same order. One process, the sequencer, delivers causally and
//!   tells the others its order.
//!
//! ```text
//!   n1 ──question──▶ n2 ──answer──▶ n3      the answer has VT = [1, 1, 0]
//!   n1 ──question────────────────────────▶ n3      so n3 holds it back until VT[n1] = 1
//! ```
//!
//! The paper assumes a network that loses nothing. Here processes compare what they have, and send each other what is
//! missing, whoever made it. On disk: everything but what is known of others, before anybody is told of it. A post that
//! all have is thrown away. Left out: changes of the group, and another sequencer when this one is gone.
//!
//! Source: K. Birman, A. Schiper, P. Stephenson, "Lightweight Causal and Atomic Group Multicast", ACM TOCS 1991, §4-5.

mod checks;
mod show;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use serde::Serialize;
use serde_json::json;

use crate::error::BadInput;
use crate::parts::kv::Key;
use crate::parts::log::Log;
use crate::parts::per_node::PerNode;
use crate::parts::vector::Vector;
use crate::protocol::{Answer, Ctx, NodeId, Outcome, Payload, Protocol, RequestId, Stored};
use crate::sim::dist::Chance;
use crate::sim::time::Span;

/// What is promised of the order of deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// The order of each sender.
    Fifo,
    /// The order of causes.
    Causal,
    /// One order for all, which respects causes.
    Total,
}

/// What every process is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is promised.
    pub order: Order,
    /// The mean pause between two posts that a process makes of itself.
    pub interval: Span,
    /// How often two processes compare what they have.
    pub exchange: Span,
    /// How likely a process answers a post that it delivers.
    pub replies: Chance,
    /// Rule: wait for the earlier posts of the sender.
    pub fifo_wait: bool,
    /// Rule: wait for what the sender had delivered.
    pub causal_wait: bool,
    /// Rule: wait for the sequencer.
    pub one_order: bool,
    /// Rule: a post that was received before is not received again.
    pub once: bool,
}

/// Names a post: who made it, and its how-manieth that is, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostId {
    /// Who made it.
    pub origin: NodeId,
    /// Its number.
    pub sequence: u32,
}

/// `n1.3`
impl fmt::Display for PostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.origin, self.sequence)
    }
}

impl Serialize for PostId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is broadcast.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    id: PostId,
    /// VT(m): how many posts of each process the sender had delivered, and this one.
    vt: Vector,
    /// What it answers.
    reply_to: Option<PostId>,
    /// What a person said.
    word: Option<Key>,
}

fn serialize_shared<S: serde::Serializer>(
    post: &Rc<Post>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    post.as_ref().serialize(serializer)
}

/// What processes say to each other.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Message {
    /// A post, from who made it or from who has it.
    Post(#[serde(serialize_with = "serialize_shared")] Rc<Post>),
    /// What I have: so many posts of each without a gap, and so many places of the total order.
    Have {
        /// Of each process, how many of its posts.
        received: Vector,
        /// Places of the total order.
        ordered: u32,
    },
    /// The sequencer's order, from this place on.
    SetOrder {
        /// The first place, from 0.
        from: u32,
        /// Which post has it, and those behind.
        posts: Vec<PostId>,
    },
}

impl Payload for Message {
    fn kind(&self) -> &'static str {
        match self {
            Message::Post(_) => "Post",
            Message::Have { .. } => "Have",
            Message::SetOrder { .. } => "SetOrder",
        }
    }
}

/// The alarms of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Time to say something.
    Post,
    /// Time to compare.
    Exchange,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Timer::Post => "post",
            Timer::Exchange => "exchange",
        })
    }
}

/// A person has a process say something: `post hello`.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
pub struct Say(Key);

impl Payload for Say {
    fn kind(&self) -> &'static str {
        "post"
    }
}

impl fmt::Display for Say {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "post {}", self.0)
    }
}

impl FromStr for Say {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<Say, BadInput> {
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            ["post", word] => Ok(Say(word.parse()?)),
            _ => Err(BadInput::new(text, "is not a request: write post hello")),
        }
    }
}

/// What the person learns: the name of the post.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
pub struct Posted(PostId);

impl Payload for Posted {
    fn kind(&self) -> &'static str {
        "posted"
    }
}

impl Answer for Posted {
    fn outcome(&self) -> Outcome {
        Outcome::Done(json!(self.0))
    }
}

/// What is on disk.
#[derive(Clone, Default)]
pub struct Kept {
    /// For each post of its own, how many it had delivered when it made it.
    made: Log<u32>,
    /// Posts received, until everybody has them.
    posts: Rc<BTreeMap<PostId, Rc<Post>>>,
    /// Of each process, how many posts were received without a gap.
    received: Vector,
    /// Received and held back, in the order of their arrival.
    held: Vec<PostId>,
    /// Delivered, in this order.
    delivered: Log<PostId>,
    /// Of each process, how many posts were delivered: VT(p).
    vt: Vector,
    /// The total order as far as it is known.
    order: Log<PostId>,
}

impl Stored for Kept {}

/// A process.
#[derive(Clone)]
pub struct Broadcast {
    me: NodeId,
    config: Config,
    /// Drawn at every start.
    life: u32,
    kept: Kept,
    /// What others said they have.
    others: PerNode<Vector>,
    /// What goes out when the disk has what led to it.
    out: Vec<(Option<NodeId>, Message)>,
    /// How many were delivered by the last event.
    burst: u32,
    /// How many posts came from somebody else than who made them.
    relayed: u32,
    /// Whether it delivered an answer before its question.
    surprised: bool,
}

/// So many posts of each process one answer to a `Have` brings.
const BATCH: usize = 20;

/// And so many places of the total order, which are only names.
const PLACES: u32 = 500;

/// Who sets the order.
const SEQUENCER: NodeId = NodeId(0);

impl Protocol for Broadcast {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Request = Say;
    type Response = Posted;
    type Durable = Kept;

    fn start(ctx: &mut Ctx<'_, Broadcast>, config: &Config, kept: Kept) -> Broadcast {
        let node = Broadcast {
            me: ctx.me(),
            config: config.clone(),
            life: ctx.rng().bits() as u32,
            kept,
            others: PerNode::default(),
            out: Vec::new(),
            burst: 0,
            relayed: 0,
            surprised: false,
        };
        node.pause(ctx, Timer::Post, config.interval);
        node.pause(ctx, Timer::Exchange, config.exchange);
        node
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Broadcast>, from: NodeId, message: Message) {
        self.burst = 0;
        match message {
            Message::Post(post) => {
                self.relayed += u32::from(from != post.id.origin);
                self.receive(ctx, post);
            }
            Message::Have { received, ordered } => self.compare(from, received, ordered),
            Message::SetOrder { from, posts } => {
                let known = self.kept.order.len();
                let new = known.saturating_sub(from) as usize;
                // With a gap in between it is of no use yet.
                if from <= known && new < posts.len() {
                    posts[new..].iter().for_each(|it| self.kept.order.push(*it));
                    self.deliver_what_can_be(ctx);
                    self.save(ctx);
                }
            }
        }
        self.speak(ctx);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Broadcast>, timer: Timer) {
        self.burst = 0;
        match timer {
            Timer::Post => {
                self.pause(ctx, Timer::Post, self.config.interval);
                self.broadcast(ctx, None, None);
                self.deliver_what_can_be(ctx);
                self.save(ctx);
            }
            Timer::Exchange => {
                self.pause(ctx, Timer::Exchange, self.config.exchange);
                let others = ctx.cluster_size() as u64 - 1;
                if others > 0 {
                    let other = ctx.rng().below(others) as u16;
                    let have = Message::Have {
                        received: self.kept.received.clone(),
                        ordered: self.kept.order.len(),
                    };
                    let other = NodeId(other + u16::from(other >= self.me.0));
                    self.out.push((Some(other), have));
                }
            }
        }
        self.speak(ctx);
    }

    fn on_request(&mut self, ctx: &mut Ctx<'_, Broadcast>, id: RequestId, Say(word): Say) {
        self.burst = 0;
        let post = self.broadcast(ctx, None, Some(word));
        self.deliver_what_can_be(ctx);
        self.save(ctx);
        self.speak(ctx);
        ctx.respond(id, Posted(post));
    }
}

impl Broadcast {
    fn pause(&self, ctx: &mut Ctx<'_, Broadcast>, timer: Timer, mean: Span) {
        ctx.set_timer_within(timer, Span(mean.0 / 2), Span(mean.0 + mean.0 / 2));
    }

    fn is_sequencer(&self) -> bool {
        self.config.order == Order::Total && self.me == SEQUENCER
    }

    /// "Before sending m, process p increments VT(p)\[p\] and timestamps m", §5.1.
    fn broadcast(
        &mut self,
        ctx: &mut Ctx<'_, Broadcast>,
        reply_to: Option<PostId>,
        word: Option<Key>,
    ) -> PostId {
        self.kept.made.push(self.kept.delivered.len());
        let id = PostId {
            origin: self.me,
            sequence: self.kept.made.len(),
        };
        let mut vt = self.kept.vt.clone();
        vt.set(self.me, id.sequence);
        let post = Rc::new(Post {
            id,
            vt,
            reply_to,
            word,
        });
        ctx.note("posts", || self.words(&post));
        self.out.push((None, Message::Post(post.clone())));
        self.take(post);
        id
    }

    fn words(&self, post: &Post) -> String {
        let word = post.word.map(|it| format!(" \"{it}\"")).unwrap_or_default();
        let reply = post
            .reply_to
            .map(|it| format!(", an answer to {it}"))
            .unwrap_or_default();
        format!("{}{word}{reply}, VT {}", post.id, post.vt)
    }

    fn has(&self, id: PostId) -> bool {
        self.kept.received.get(id.origin) >= id.sequence || self.kept.posts.contains_key(&id)
    }

    /// Puts a post to those that wait.
    fn take(&mut self, post: Rc<Post>) {
        let id = post.id;
        self.kept.held.push(id);
        let posts = Rc::make_mut(&mut self.kept.posts);
        posts.insert(id, post);
        let mut next = PostId {
            origin: id.origin,
            sequence: self.kept.received.get(id.origin) + 1,
        };
        while posts.contains_key(&next) {
            self.kept.received.set(id.origin, next.sequence);
            next.sequence += 1;
        }
    }

    fn receive(&mut self, ctx: &mut Ctx<'_, Broadcast>, post: Rc<Post>) {
        if !self.has(post.id) {
            self.take(post);
        } else if !self.config.once && !self.kept.held.contains(&post.id) {
            self.deliver(ctx, &post);
        } else {
            return;
        }
        self.deliver_what_can_be(ctx);
        self.save(ctx);
    }

    /// Whether a post need not be held back any longer, §5.1: "VT(m)\[k\] = VT(p)\[k\] + 1" for its sender k, and
    /// "VT(m)\[k\] <= VT(p)\[k\] otherwise". In a total order it must also be its turn (§5.2).
    fn may_deliver(&self, post: &Post) -> bool {
        let (config, id) = (&self.config, post.id);
        if config.order == Order::Total && config.one_order && !self.is_sequencer() {
            return self.kept.order.get(self.kept.delivered.len()) == Some(id);
        }
        let next = self.kept.vt.get(id.origin) + 1;
        let others = || post.vt.counts().filter(|it| it.0 != id.origin);
        let knows = |(node, count): (NodeId, u32)| count <= self.kept.vt.get(node);
        let causal = config.order >= Order::Causal && config.causal_wait;
        (!config.fifo_wait || id.sequence == next) && (!causal || others().all(knows))
    }

    /// Delivers whatever need not be held back, which may free more.
    fn deliver_what_can_be(&mut self, ctx: &mut Ctx<'_, Broadcast>) {
        loop {
            let posts = self.kept.posts.clone();
            let may = |it: &PostId| posts.get(it).is_some_and(|it| self.may_deliver(it));
            let Some(place) = self.kept.held.iter().position(may) else {
                return;
            };
            let id = self.kept.held.remove(place);
            self.deliver(ctx, &posts[&id]);
        }
    }

    fn deliver(&mut self, ctx: &mut Ctx<'_, Broadcast>, post: &Post) {
        let id = post.id;
        let question = post.reply_to;
        self.surprised |= question.is_some_and(|it| self.kept.vt.get(it.origin) < it.sequence);
        let count = self.kept.vt.get(id.origin).max(id.sequence);
        self.kept.vt.set(id.origin, count);
        self.kept.delivered.push(id);
        self.burst += 1;
        ctx.note("delivers", || self.words(post));
        if self.is_sequencer() {
            let from = self.kept.order.len();
            self.kept.order.push(id);
            let posts = vec![id];
            self.out.push((None, Message::SetOrder { from, posts }));
        }
        let replies = self.config.replies;
        if id.origin != self.me && post.reply_to.is_none() && ctx.rng().happens(replies) {
            self.broadcast(ctx, Some(id), None);
        }
    }

    /// Another said what it has: it is sent what it lacks.
    fn compare(&mut self, from: NodeId, received: Vector, ordered: u32) {
        // The first that it lacks of each process: posts behind a gap are of no use to it yet, and it may have them.
        for (origin, _) in self.kept.received.counts() {
            let (first, last) = (received.get(origin).saturating_add(1), u32::MAX);
            let id = |sequence| PostId { origin, sequence };
            let missing = self.kept.posts.range(id(first)..=id(last)).take(BATCH);
            self.out
                .extend(missing.map(|(_, it)| (Some(from), Message::Post(it.clone()))));
        }
        if ordered < self.kept.order.len() {
            let until = ordered.saturating_add(PLACES);
            let posts = self.kept.order.with(ordered, until, <[PostId]>::to_vec);
            let order = Message::SetOrder {
                from: ordered,
                posts,
            };
            self.out.push((Some(from), order));
        }
        self.others.insert(from, received);
    }

    /// Forgets what everybody has, and brings the rest to the disk.
    fn save(&mut self, ctx: &mut Ctx<'_, Broadcast>) {
        let mine = &self.kept;
        let all_have = |id: &PostId| {
            let mut peers = ctx.peers();
            let has = |it: NodeId| {
                self.others
                    .get(it)
                    .is_some_and(|it| it.get(id.origin) >= id.sequence)
            };
            peers.all(has) && !mine.held.contains(id)
        };
        let first = mine.posts.keys().next().copied();
        if first.is_some_and(|it| all_have(&it)) {
            let stable: Vec<PostId> = mine.posts.keys().copied().filter(all_have).collect();
            let posts = Rc::make_mut(&mut self.kept.posts);
            stable.iter().for_each(|it| drop(posts.remove(it)));
        }
        ctx.persist(self.kept.clone());
    }

    /// Says what is to be said; it waits for the disk.
    fn speak(&mut self, ctx: &mut Ctx<'_, Broadcast>) {
        for (to, message) in std::mem::take(&mut self.out) {
            match to {
                Some(to) => ctx.send(to, message),
                None => ctx.broadcast(&message),
            }
        }
    }
}
