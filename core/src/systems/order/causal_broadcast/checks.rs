//! What the three orders promise, held against who had delivered what when a post was made.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::check::{Invariant, Promise};
use crate::exhibit::World;
use crate::parts::log::Log;
use crate::parts::per_node::PerNode;
use crate::parts::vector::Vector;
use crate::protocol::NodeId;
use crate::sim::time::Span;

use super::{Broadcast, Order, PostId, SEQUENCER};

/// Every check.
pub(super) fn all() -> Vec<Promise<Broadcast>> {
    let always =
        |name, promise, judge: Judge| Promise::always(Deliveries::of(name, promise, judge));
    let mut checks = vec![
        always(
            "fifo-order",
            "A process delivers the posts of each sender in the order in which they were made.",
            fifo_order,
        ),
        always(
            "causal-order",
            "A post is delivered after everything that its sender had delivered before it made it (§3).",
            causal_order,
        ),
        always(
            "total-order",
            "All processes deliver the same posts in the same order.",
            total_order,
        ),
        always(
            "integrity",
            "A process delivers a post at most once, and only if somebody made it.",
            integrity,
        ),
    ];
    checks.extend(situations());
    checks
}

fn situations() -> Vec<Promise<Broadcast>> {
    vec![
        Promise::Sometimes {
            name: "held-back",
            promise: "A post is held back.",
            reached: |world| actor(world).is_some_and(|it| !it.kept.held.is_empty()),
        },
        Promise::Sometimes {
            name: "set-free",
            promise: "One event lets several posts be delivered.",
            reached: |world| actor(world).is_some_and(|it| it.burst > 1),
        },
        Promise::Sometimes {
            name: "answer-first",
            promise: "An answer arrives before its question.",
            reached: |world| {
                let early = |node: &Broadcast, id: &PostId| {
                    let question = node.kept.posts.get(id).and_then(|it| it.reply_to);
                    question.is_some_and(|it| !node.has(it))
                };
                actor(world).is_some_and(|it| it.kept.held.iter().any(|id| early(it, id)))
            },
        },
        Promise::Sometimes {
            name: "answer-delivered-first",
            promise: "An answer is delivered before its question: FIFO order allows it.",
            reached: |world| actor(world).is_some_and(|it| it.surprised),
        },
        Promise::Sometimes {
            name: "orders-differ",
            promise: "Two processes deliver different posts in one place: causal order allows it.",
            reached: |world| {
                let Some(mine) = actor(world).filter(|it| it.burst > 0) else {
                    return false;
                };
                let place = mine.kept.delivered.len().saturating_sub(1);
                let differs = |its: &Broadcast| {
                    let post = its.kept.delivered.get(place);
                    post.is_some() && post != mine.kept.delivered.last()
                };
                world.running().any(|it| differs(it.1))
            },
        },
        Promise::Sometimes {
            name: "relayed",
            promise: "A post comes from a process that did not make it.",
            reached: |world| actor(world).is_some_and(|it| it.relayed > 0),
        },
        Promise::Eventually {
            name: "delivered",
            promise: "In the end, every running process has delivered what the others have, but for the newest posts.",
            holds: delivered,
        },
    ]
}

fn actor<'a>(world: &World<'a, Broadcast>) -> Option<&'a Broadcast> {
    world.actor().map(|it| it.1)
}

/// A post may be so long on its way, with all that it waits for.
const UNDER_WAY: Span = Span::secs(2);

/// Nobody in the core lacks what another in the core has: neither posts nor places of the order. A post may wait for
/// ever for one that died with its sender.
fn delivered(world: &World<'_, Broadcast>) -> Result<(), String> {
    let core = world.core();
    let in_core = || world.running().filter(|it| core.contains(&it.0));
    for (id, node) in in_core() {
        for (other, its) in in_core() {
            // A post, and the answers to it.
            let each = UNDER_WAY.0 / node.config.interval.0.max(1) + 5;
            let lag = u32::try_from(each)
                .unwrap_or(u32::MAX)
                .saturating_mul(core.len() as u32);
            for (origin, count) in its.kept.received.counts() {
                let mine = node.kept.received.get(origin);
                if mine.saturating_add(lag) < count {
                    return Err(format!(
                        "{id} has {mine} posts of {origin}, {other} has {count}"
                    ));
                }
            }
            let total = node.config.order == Order::Total && core.contains(&SEQUENCER);
            let all = lag.saturating_mul(world.environment.nodes.into());
            if total && node.kept.delivered.len().saturating_add(all) < its.kept.order.len() {
                return Err(format!(
                    "{id} has delivered {} posts of an order of {}",
                    node.kept.delivered.len(),
                    its.kept.order.len()
                ));
            }
        }
    }
    Ok(())
}

/// A set of posts.
#[derive(Clone, Default, PartialEq)]
struct Posts {
    /// Of each process, so many without a gap.
    all: Vector,
    /// Those behind a gap.
    more: BTreeSet<PostId>,
}

impl Posts {
    fn contains(&self, id: PostId) -> bool {
        id.sequence <= self.all.get(id.origin) || self.more.contains(&id)
    }

    fn insert(&mut self, id: PostId) {
        if self.contains(id) {
            return;
        }
        self.more.insert(id);
        let mut next = id;
        next.sequence = self.all.get(id.origin) + 1;
        while self.more.remove(&next) {
            self.all.set(id.origin, next.sequence);
            next.sequence += 1;
        }
    }

    /// One that is in `other` and not here.
    fn lacks(&self, other: &Posts) -> Option<PostId> {
        let newest = other.all.counts().find_map(|(origin, count)| {
            let from = self.all.get(origin) + 1;
            let mut ids = (from..=count).map(|sequence| PostId { origin, sequence });
            ids.find(|it| !self.contains(*it))
        });
        newest.or_else(|| other.more.iter().copied().find(|it| !self.contains(*it)))
    }
}

/// What is known of a process.
#[derive(Clone)]
struct Watched {
    life: u32,
    /// What it has delivered, and how many deliveries were looked at.
    delivered: Posts,
    seen: u32,
    /// For each post that it made, what its sender knew.
    made: Log<Rc<Posts>>,
}

/// A delivery to be judged.
struct Delivery<'a> {
    node: NodeId,
    order: Order,
    post: PostId,
    /// Its place among the deliveries of the node, from 0.
    place: u32,
    /// What the node has delivered before.
    before: &'a Posts,
    /// What the post's sender knew; `None` when nobody made it.
    known: Option<Rc<Posts>>,
    /// Which post others delivered in this place, and who was first.
    elsewhere: Option<(PostId, NodeId)>,
}

type Judge = fn(&Delivery<'_>) -> Result<(), String>;

/// Holds deliveries against what was known when posts were made.
#[derive(Clone)]
struct Deliveries {
    name: &'static str,
    promise: &'static str,
    judge: Judge,
    nodes: PerNode<Watched>,
    /// The order in which posts were delivered by whoever was first, who that was, and whether others followed.
    order: Vec<(PostId, NodeId, bool)>,
}

impl Deliveries {
    fn of(name: &'static str, promise: &'static str, judge: Judge) -> Deliveries {
        Deliveries {
            name,
            promise,
            judge,
            nodes: PerNode::default(),
            order: Vec::new(),
        }
    }

    fn look(&mut self, id: NodeId, node: &Broadcast) -> Result<(), String> {
        let new = || Watched {
            life: node.life,
            delivered: Posts::default(),
            seen: 0,
            made: Log::default(),
        };
        let watched = self.nodes.slot(id).get_or_insert_with(new);
        if watched.life != node.life {
            // What its disk did not have is as if it had not happened: nobody was told.
            watched.life = node.life;
            watched.made.truncate(node.kept.made.len());
            watched.seen = node.kept.delivered.len();
            watched.delivered = Posts::default();
            let delivered = &mut watched.delivered;
            node.kept.delivered.with(0, u32::MAX, |it| {
                it.iter().for_each(|it| delivered.insert(*it))
            });
            let seen = watched.seen as usize;
            let alone = |it: &(PostId, NodeId, bool)| it.1 == id && !it.2;
            let undone = self.order.iter().skip(seen).position(alone);
            self.order
                .truncate(undone.map_or(usize::MAX, |it| it + seen));
        }
        for place in watched.seen..node.kept.delivered.len() {
            self.know_posts_made(id, node, place);
            self.admit(id, node, place)?;
        }
        self.know_posts_made(id, node, node.kept.delivered.len());
        Ok(())
    }

    /// Notes what a process knew when it made posts, up to when it had delivered `place` of others.
    fn know_posts_made(&mut self, id: NodeId, node: &Broadcast, place: u32) {
        let watched = self.nodes.slot(id).as_mut().expect("it is being looked at");
        while node
            .kept
            .made
            .get(watched.made.len())
            .is_some_and(|it| it <= place)
        {
            let mut known = watched.delivered.clone();
            for sequence in known.all.get(id) + 1..=watched.made.len() {
                known.insert(PostId {
                    origin: id,
                    sequence,
                });
            }
            watched.made.push(Rc::new(known));
        }
    }

    fn admit(&mut self, id: NodeId, node: &Broadcast, place: u32) -> Result<(), String> {
        let post = node.kept.delivered.at(place);
        let maker = self.nodes.get(post.origin);
        let known = maker.and_then(|it| it.made.get(post.sequence.checked_sub(1)?));
        let elsewhere = self.order.get_mut(place as usize).map(|it| {
            it.2 |= it.1 != id;
            (it.0, it.1)
        });
        if elsewhere.is_none() && node.config.order == Order::Total {
            self.order.push((post, id, false));
        }
        let watched = self.nodes.slot(id).as_mut().expect("it is being looked at");
        let judged = (self.judge)(&Delivery {
            node: id,
            order: node.config.order,
            post,
            place,
            before: &watched.delivered,
            known,
            elsewhere,
        });
        watched.delivered.insert(post);
        watched.seen = place + 1;
        judged
    }
}

impl Invariant<Broadcast> for Deliveries {
    fn name(&self) -> &'static str {
        self.name
    }

    fn promise(&self) -> &'static str {
        self.promise
    }

    fn observe(&mut self, world: &World<'_, Broadcast>) -> Result<(), String> {
        // A command may have let several processes act at once.
        for (id, node) in world.running() {
            let is_new = |it: &Watched| {
                let now = (node.life, node.kept.delivered.len(), node.kept.made.len());
                (it.life, it.seen, it.made.len()) != now
            };
            if self.nodes.get(id).is_none_or(is_new) {
                self.look(id, node)?;
            }
        }
        Ok(())
    }

    fn clone_box(&self) -> Box<dyn Invariant<Broadcast>> {
        Box::new(self.clone())
    }
}

fn fifo_order(it: &Delivery<'_>) -> Result<(), String> {
    let mut earlier =
        (it.before.all.get(it.post.origin) + 1..it.post.sequence).map(|sequence| PostId {
            sequence,
            ..it.post
        });
    match earlier.rfind(|id| !it.before.contains(*id)) {
        Some(missing) => Err(format!(
            "{} delivered {} without {missing} of the same sender",
            it.node, it.post
        )),
        None => Ok(()),
    }
}

fn causal_order(it: &Delivery<'_>) -> Result<(), String> {
    let Some(known) = it.known.as_ref().filter(|_| it.order >= Order::Causal) else {
        return Ok(());
    };
    match it.before.lacks(known) {
        Some(missing) => Err(format!(
            "{} delivered {} without {missing}, which {} had delivered before it made that post",
            it.node, it.post, it.post.origin
        )),
        None => Ok(()),
    }
}

fn total_order(it: &Delivery<'_>) -> Result<(), String> {
    match it.elsewhere.filter(|_| it.order == Order::Total) {
        Some((other, first)) if other != it.post => Err(format!(
            "{} delivered {} in place {}, where {first} delivered {other}",
            it.node,
            it.post,
            it.place + 1
        )),
        _ => Ok(()),
    }
}

fn integrity(it: &Delivery<'_>) -> Result<(), String> {
    if it.before.contains(it.post) {
        return Err(format!("{} delivered {} once more", it.node, it.post));
    }
    match it.known {
        None => Err(format!(
            "{} delivered {}, which nobody made",
            it.node, it.post
        )),
        Some(_) => Ok(()),
    }
}
