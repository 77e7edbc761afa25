//! What the clocks promise, held against the order that those who look on can see.

use crate::check::{Invariant, Promise};
use crate::exhibit::World;
use crate::parts::log::Log;
use crate::parts::per_node::PerNode;
use crate::parts::vector::{Causality, Vector};
use crate::protocol::NodeId;
use crate::sim::time::Time;

use super::{Clocks, Event, Letter, Stamp, What};

/// Every check.
pub(super) fn all() -> Vec<Promise<Clocks>> {
    let mut checks = vec![
        Promise::always(Order::of(
            "clock-condition",
            "If a happened before b, then C(a) < C(b) (Lamport 1978).",
            clock_condition,
        )),
        Promise::always(Order::of(
            "vector-order",
            "a happened before b exactly when V(a) < V(b) (Fidge 1988, Mattern 1989).",
            vector_order,
        )),
        Promise::always(Order::of(
            "hlc-order",
            "If a happened before b, then the hybrid time of a is less than that of b (Kulkarni et al., theorem 1).",
            hlc_order,
        )),
        Promise::always(Order::of(
            "hlc-bounds",
            "The l of an event is the greatest physical time among the events that it knows of (theorem 2).",
            |_| Ok(()),
        )),
    ];
    checks.extend(situations());
    checks
}

fn situations() -> Vec<Promise<Clocks>> {
    vec![
        Promise::Sometimes {
            name: "concurrent",
            promise: "Two events are concurrent.",
            reached: |world| is_beside(world, |_, _| true),
        },
        Promise::Sometimes {
            name: "smaller-but-not-before",
            promise: "Of two concurrent events one has the smaller Lamport stamp: the stamps say more than they know.",
            reached: |world| is_beside(world, |one, two| one.lamport != two.lamport),
        },
        Promise::Sometimes {
            name: "same-lamport-time",
            promise: "Two events have the same Lamport stamp.",
            reached: |world| is_beside(world, |one, two| one.lamport == two.lamport),
        },
        Promise::Sometimes {
            name: "ahead-of-its-clock",
            promise: "A hybrid time is ahead of its node's physical clock: another's clock is ahead.",
            reached: |world| last(world).is_some_and(|it| it.stamp.hlc.l > it.physical),
        },
        Promise::Sometimes {
            name: "logical-part",
            promise: "A hybrid time needs its logical part.",
            reached: |world| last(world).is_some_and(|it| it.stamp.hlc.c > 0),
        },
        Promise::Sometimes {
            name: "resumed",
            promise: "A node comes back, and its clock goes on where it was.",
            reached: |world| world.actor().is_some_and(|(_, it)| it.resumed > 0),
        },
        Promise::Eventually {
            name: "everybody-heard",
            promise: "In the end, every running founder knows of events of every other.",
            holds: everybody_heard,
        },
    ]
}

fn everybody_heard(world: &World<'_, Clocks>) -> Result<(), String> {
    let mut core = world.core();
    core.retain(|it| it.0 < world.environment.nodes);
    for (id, node) in world.running().filter(|it| core.contains(&it.0)) {
        let unknown = core.iter().find(|it| node.stamp.vector.get(**it) == 0);
        if let Some(other) = unknown.filter(|_| core.len() > 1) {
            return Err(format!("{id} knows nothing of {other}"));
        }
    }
    Ok(())
}

fn last<'a>(world: &World<'a, Clocks>) -> Option<&'a Event> {
    world.actor()?.1.last()
}

/// Whether the actor's last event is concurrent with another node's last event, and their stamps are so.
fn is_beside(world: &World<'_, Clocks>, so: fn(&Stamp, &Stamp) -> bool) -> bool {
    let Some(mine) = last(world) else {
        return false;
    };
    let mut others = world.running().filter_map(|it| it.1.last());
    others.any(|its| {
        let order = mine.stamp.vector.compare(&its.stamp.vector);
        order == Causality::Concurrent && so(&mine.stamp, &its.stamp)
    })
}

/// An event as those see it who look on.
#[derive(Clone, PartialEq)]
struct Known {
    node: NodeId,
    number: u32,
    what: What,
    stamp: Stamp,
    /// The true vector clock: of each node, how many events happened before, this one included.
    past: Vector,
    /// The greatest physical time among those.
    greatest: Time,
}

impl Known {
    fn happened_before(&self, other: &Known) -> bool {
        other.past.get(self.node) >= self.past.get(self.node)
    }

    fn words(&self) -> String {
        format!("{}'s event {} ({})", self.node, self.number, self.what)
    }
}

/// So many of the last things are kept, at least; older ones are forgotten.
const WINDOW: u32 = 1_000;

/// So many of the last events are compared with a new one, as many of each node.
const COMPARED: u32 = 60;

/// The end of a list that only grows.
#[derive(Clone)]
struct Window<T> {
    first: u32,
    items: Log<T>,
}

impl<T: Clone + PartialEq> Window<T> {
    fn new() -> Window<T> {
        Window {
            first: 0,
            items: Log::default(),
        }
    }

    fn push(&mut self, item: T) {
        if self.items.len() >= 2 * WINDOW {
            let mut rest = Log::default();
            let keep = self.items.with(WINDOW, u32::MAX, <[T]>::to_vec);
            keep.into_iter().for_each(|it| rest.push(it));
            self.items = rest;
            self.first += WINDOW;
        }
        self.items.push(item);
    }

    fn get(&self, index: u32) -> Option<T> {
        self.items.get(index.checked_sub(self.first)?)
    }
}

/// What is known of a node.
#[derive(Clone)]
struct Watched {
    life: u32,
    /// How many of its events have been looked at, as it counts them.
    seen: u32,
    events: Window<Known>,
    /// What its messages bring along, by life.
    letters: Vec<(u32, Window<(Vector, Time)>)>,
}

/// Looks at stamps of an event and an earlier one, of which it is known whether it happened before.
type Compare = fn(&Pair<'_>) -> Result<(), String>;

/// An earlier event and the new one.
struct Pair<'a> {
    one: &'a Known,
    two: &'a Known,
    before: bool,
}

/// Holds stamps against the true order of events.
#[derive(Clone)]
struct Order {
    name: &'static str,
    promise: &'static str,
    compare: Compare,
    nodes: PerNode<Watched>,
    /// One more than the greatest number of a node.
    nodes_seen: u16,
}

impl Order {
    fn of(name: &'static str, promise: &'static str, compare: Compare) -> Order {
        Order {
            name,
            promise,
            compare,
            nodes: PerNode::default(),
            nodes_seen: 0,
        }
    }

    fn look(&mut self, id: NodeId, node: &Clocks) -> Result<(), String> {
        self.nodes_seen = self.nodes_seen.max(id.0 + 1);
        let watched = self.nodes.slot(id).get_or_insert_with(|| Watched {
            life: node.life,
            seen: 0,
            events: Window::new(),
            letters: vec![(node.life, Window::new())],
        });
        if watched.life != node.life {
            watched.life = node.life;
            watched.letters.push((node.life, Window::new()));
            // What the disk does not know of, nobody has been told of: it is as if it had not happened.
            let undone = watched.seen.saturating_sub(node.resumed);
            if node.config.keep {
                let left = watched.events.items.len().saturating_sub(undone);
                watched.events.items.truncate(left);
            }
            watched.seen = node.resumed;
        }
        let Some(event) = node.last().filter(|it| it.number > watched.seen) else {
            return Ok(());
        };
        watched.seen = event.number;
        self.admit(id, event, node)
    }

    /// Works out what happened before an event, and compares it with what is known.
    fn admit(&mut self, id: NodeId, event: &Event, node: &Clocks) -> Result<(), String> {
        let brought = match event.what {
            What::Receive(from, letter) => Some(self.brought(from, letter, node)),
            _ => None,
        };
        let watched = self
            .nodes
            .slot(id)
            .as_mut()
            .expect("it was there a moment ago");
        let before = watched.events.items.last();
        let mut past = before
            .as_ref()
            .map_or_else(Vector::default, |it| it.past.clone());
        let mut greatest = before
            .map_or(Time::ZERO, |it| it.greatest)
            .max(event.physical);
        if let Some((its, time)) = brought {
            past.merge(&its);
            greatest = greatest.max(time);
        }
        past.tick(id);
        let known = Known {
            node: id,
            number: event.number,
            what: event.what,
            stamp: event.stamp.clone(),
            past,
            greatest,
        };
        if let What::Send(_) = event.what {
            let letters = watched
                .letters
                .last_mut()
                .expect("there is one for every life");
            letters.1.push((known.past.clone(), known.greatest));
        }
        watched.events.push(known.clone());
        if self.name == "hlc-bounds" && known.stamp.hlc.l != known.greatest {
            return Err(format!(
                "{} has the hybrid time {}, but the greatest physical time it knows of is {}",
                known.words(),
                known.stamp.hlc,
                known.greatest
            ));
        }
        self.compare_with_all(&known)
    }

    /// What a message brings along. One that is too old to be remembered is taken at its word.
    fn brought(&self, from: NodeId, letter: Letter, receiver: &Clocks) -> (Vector, Time) {
        let lives = self.nodes.get(from).map_or(&[][..], |it| &it.letters[..]);
        let life = lives.iter().find(|it| it.0 == letter.life);
        let known = life.and_then(|it| it.1.get(letter.count));
        known.unwrap_or_else(|| {
            let stamp = &receiver.stamp;
            (stamp.vector.clone(), stamp.hlc.l)
        })
    }

    fn compare_with_all(&self, two: &Known) -> Result<(), String> {
        let each = (COMPARED / u32::from(self.nodes_seen.max(1))).max(2);
        for node in (0..self.nodes_seen).map(NodeId) {
            let Some(watched) = self.nodes.get(node) else {
                continue;
            };
            let events = &watched.events.items;
            let from = events.len().saturating_sub(each);
            events.with(from, u32::MAX, |earlier| {
                earlier.iter().try_for_each(|one| {
                    if (one.node, &one.past) == (two.node, &two.past) {
                        return Ok(());
                    }
                    let before = one.happened_before(two);
                    (self.compare)(&Pair { one, two, before })
                })
            })?;
        }
        Ok(())
    }
}

impl Invariant<Clocks> for Order {
    fn name(&self) -> &'static str {
        self.name
    }

    fn promise(&self) -> &'static str {
        self.promise
    }

    fn observe(&mut self, world: &World<'_, Clocks>) -> Result<(), String> {
        // A command may have let several nodes act at once.
        for (id, node) in world.running() {
            let watched = self.nodes.get(id);
            if watched.is_none_or(|it| (it.life, it.seen) != (node.life, node.events)) {
                self.look(id, node)?;
            }
        }
        Ok(())
    }

    fn clone_box(&self) -> Box<dyn Invariant<Clocks>> {
        Box::new(self.clone())
    }
}

fn clock_condition(pair: &Pair<'_>) -> Result<(), String> {
    let (one, two) = (pair.one.stamp.lamport, pair.two.stamp.lamport);
    if !pair.before || one < two {
        return Ok(());
    }
    Err(format!(
        "{} happened before {}, yet their Lamport stamps are {one} and {two}",
        pair.one.words(),
        pair.two.words()
    ))
}

fn vector_order(pair: &Pair<'_>) -> Result<(), String> {
    let (one, two) = (&pair.one.stamp.vector, &pair.two.stamp.vector);
    let order = one.compare(two);
    if pair.before == (order == Causality::Before) && order != Causality::Equal {
        return Ok(());
    }
    let truth = if pair.before {
        "happened before"
    } else {
        "did not happen before"
    };
    let word = match order {
        Causality::Before => "before",
        Causality::After => "after",
        Causality::Equal => "equal to",
        Causality::Concurrent => "concurrent with",
    };
    Err(format!(
        "{} {truth} {}, yet {one} is {word} {two}",
        pair.one.words(),
        pair.two.words()
    ))
}

fn hlc_order(pair: &Pair<'_>) -> Result<(), String> {
    let (one, two) = (pair.one.stamp.hlc, pair.two.stamp.hlc);
    if !pair.before || one < two {
        return Ok(());
    }
    Err(format!(
        "{} happened before {}, yet their hybrid times are {one} and {two}",
        pair.one.words(),
        pair.two.words()
    ))
}
