//! What the store promises: one owner for every key, little movement, copies apart, and nothing lost.

use std::rc::Rc;

use crate::check::{Invariant, Promise, linearizable};
use crate::exhibit::World;
use crate::parts::kv::KvRequest;
use crate::parts::per_node::PerNode;
use crate::parts::placement::Scheme;
use crate::protocol::NodeId;
use crate::sim::time::Span;

use super::HashRing;
use super::table::{SLOTS, Slot, SlotSet, Table, View, slot_of};

/// After the faults, so long is enough to answer whoever asks for a key that is there.
const PROGRESS_WITHIN: Span = Span(2_500_000_000);

/// Every check.
pub(super) fn all() -> Vec<Promise<HashRing>> {
    let mut checks = vec![
        Promise::always(OneOwner::default()),
        Promise::always(Tables::of(
            "monotone",
            "When nodes come, keys move only to them; when nodes go, only from them (Karger et al., §3).",
            monotone,
        )),
        Promise::always(Tables::of(
            "copies-apart",
            "The copies of a key are on different nodes (Dynamo §4.3).",
            copies_apart,
        )),
        Promise::history(
            "linearizable",
            "Clients see one copy of each key, wherever it travels.",
            linearizable::judge,
        ),
    ];
    checks.extend(situations());
    checks
}

fn situations() -> Vec<Promise<HashRing>> {
    vec![
        Promise::Sometimes {
            name: "key-moved",
            promise: "A node takes over a key that another served.",
            reached: |world| actor(world).is_some_and(|it| it.counts.keys_in > 0),
        },
        Promise::Sometimes {
            name: "asked-too-early",
            promise: "A node is asked for a key that belongs to it and is still under way.",
            reached: |world| actor(world).is_some_and(|it| it.counts.early > 0),
        },
        Promise::Sometimes {
            name: "views-differ",
            promise: "Two nodes know different members.",
            reached: |world| {
                let Some(mine) = actor(world) else {
                    return false;
                };
                let views = world.running().map(|it| it.1.kept.view);
                views
                    .into_iter()
                    .any(|it| it.joined != mine.kept.view.joined)
            },
        },
        Promise::Sometimes {
            name: "redirected",
            promise: "A client asks the wrong node and is told whom to ask.",
            reached: |world| actor(world).is_some_and(|it| it.counts.redirected > 0),
        },
        Promise::Sometimes {
            name: "gave-everything",
            promise: "A node that leaves has handed over everything.",
            reached: |world| {
                let done = |it: &HashRing| it.is_leaving() && it.kept.held.is_empty();
                actor(world).is_some_and(|it| done(it) && it.counts.keys_out > 0)
            },
        },
        Promise::Sometimes {
            name: "passed-on",
            promise: "A node hands over keys that it was handed itself.",
            reached: |world| {
                actor(world).is_some_and(|it| it.counts.keys_in > 0 && it.counts.keys_out > 0)
            },
        },
        Promise::Eventually {
            name: "settled",
            promise: "In the end, running nodes know the same members, hold what belongs to them, and answer.",
            holds: settled,
        },
    ]
}

fn actor<'a>(world: &World<'a, HashRing>) -> Option<&'a HashRing> {
    world.actor().map(|it| it.1)
}

/// What can be demanded of the nodes that run and reach each other. Slots of a node that is gone without a word are out
/// of reach; nobody may take them, for it may only seem to be gone.
fn settled(world: &World<'_, HashRing>) -> Result<(), String> {
    let core = world.core();
    let in_core = || world.running().filter(|it| core.contains(&it.0));
    let mut held = SlotSet::default();
    for (id, node) in in_core() {
        for (other, its) in in_core() {
            if node.kept.view.members().ne(its.kept.view.members()) {
                return Err(format!("{id} and {other} know different members"));
            }
        }
        for slot in node.kept.held.iter() {
            held.insert(slot);
            let owner = node.table.owner(slot);
            if let Some(owner) = owner.filter(|it| *it != id && core.contains(it)) {
                return Err(format!("{id} holds slot {slot}, which belongs to {owner}"));
            }
        }
        if let Some(to) = core.iter().find(|it| node.owes(**it)) {
            return Err(format!("{id} has not handed over to {to}"));
        }
    }
    let late = world.pending().into_iter().find(|it| {
        let slot = it.request.parse::<KvRequest>().map(|it| slot_of(it.key()));
        world.now.since(it.since) > PROGRESS_WITHIN && slot.is_ok_and(|it| held.contains(it))
    });
    late.map_or(Ok(()), |it| {
        Err(format!(
            "{} has waited for \"{}\" since {}",
            it.client, it.request, it.since
        ))
    })
}

/// No slot is served by two nodes at a time.
#[derive(Clone, Default)]
struct OneOwner {
    held: PerNode<SlotSet>,
}

impl Invariant<HashRing> for OneOwner {
    fn name(&self) -> &'static str {
        "one-owner"
    }

    fn promise(&self) -> &'static str {
        "A key is served by one node at a time, even while it moves."
    }

    fn observe(&mut self, world: &World<'_, HashRing>) -> Result<(), String> {
        for (id, node) in world.running() {
            if self.held.get(id) == Some(&node.kept.held) {
                continue;
            }
            self.held.insert(id, node.kept.held);
            for (other, its) in world.running().filter(|it| it.0 != id) {
                if let Some(slot) = node.kept.held.common(&its.kept.held) {
                    return Err(format!(
                        "{id} and {other} both serve slot {slot}{}",
                        key_in(node, slot)
                    ));
                }
            }
        }
        Ok(())
    }

    fn clone_box(&self) -> Box<dyn Invariant<HashRing>> {
        Box::new(self.clone())
    }
}

/// A key of a slot, in words.
fn key_in(node: &HashRing, slot: Slot) -> String {
    let shard = node.kept.shards.get(&slot);
    let key = shard.and_then(|it| it.entries.keys().next());
    key.map(|it| format!(", with {it}")).unwrap_or_default()
}

/// A node's table before and after it learned of members.
struct Change<'a> {
    node: NodeId,
    seen_by: &'a HashRing,
    before: Option<(&'a View, &'a Table)>,
}

type Judge = fn(&Change<'_>) -> Result<(), String>;

/// Looks at every new table.
#[derive(Clone)]
struct Tables {
    name: &'static str,
    promise: &'static str,
    judge: Judge,
    last: PerNode<(View, Rc<Table>)>,
}

impl Tables {
    fn of(name: &'static str, promise: &'static str, judge: Judge) -> Tables {
        Tables {
            name,
            promise,
            judge,
            last: PerNode::default(),
        }
    }
}

impl Invariant<HashRing> for Tables {
    fn name(&self) -> &'static str {
        self.name
    }

    fn promise(&self) -> &'static str {
        self.promise
    }

    fn observe(&mut self, world: &World<'_, HashRing>) -> Result<(), String> {
        for (id, node) in world.running() {
            let last = self.last.slot(id);
            if last
                .as_ref()
                .is_some_and(|it| Rc::ptr_eq(&it.1, &node.table))
            {
                continue;
            }
            let before = last.replace((node.kept.view, node.table.clone()));
            (self.judge)(&Change {
                node: id,
                seen_by: node,
                before: before.as_ref().map(|it| (&it.0, &*it.1)),
            })?;
        }
        Ok(())
    }

    fn clone_box(&self) -> Box<dyn Invariant<HashRing>> {
        Box::new(self.clone())
    }
}

fn monotone(change: &Change<'_>) -> Result<(), String> {
    let node = change.seen_by;
    let Some((view, table)) = change.before else {
        return Ok(());
    };
    let before: Vec<NodeId> = view.members().collect();
    let after: Vec<NodeId> = node.kept.view.members().collect();
    // Bounded loads and Maglev's table promise little movement, not none; jump hash only where the last one goes.
    let promises = node.config.load_bound == 0
        && match node.config.placement {
            _ if !node.config.rules.consistent => true,
            Scheme::Maglev => false,
            Scheme::Jump => after.starts_with(&before) || before.starts_with(&after),
            Scheme::Ring | Scheme::Rendezvous | Scheme::Modulo => true,
        };
    if !promises {
        return Ok(());
    }
    let (mut moved, mut between) = (0, 0);
    for slot in 0..SLOTS {
        let (Some(one), Some(two)) = (table.owner(slot), node.table.owner(slot)) else {
            continue;
        };
        moved += u32::from(one != two);
        between += u32::from(one != two && after.contains(&one) && before.contains(&two));
    }
    if between == 0 {
        return Ok(());
    }
    Err(format!(
        "when {} went from {} members to {}, {moved} of {SLOTS} slots changed their owner, {between} of them between \
         nodes that stayed",
        change.node,
        before.len(),
        after.len()
    ))
}

fn copies_apart(change: &Change<'_>) -> Result<(), String> {
    let table = &change.seen_by.table;
    for slot in 0..SLOTS {
        let list = table.list(slot);
        let twice = (1..list.len()).find(|it| list[..*it].contains(&list[*it]));
        if let Some(place) = twice {
            return Err(format!(
                "{} puts two copies of slot {slot}{} on {}: whoever loses it loses both",
                change.node,
                key_in(change.seen_by, slot),
                list[place]
            ));
        }
    }
    Ok(())
}
