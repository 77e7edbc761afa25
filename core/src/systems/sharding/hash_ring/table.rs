//! Who is a member, and where each slot of the circle belongs then.

use std::cell::RefCell;
use std::rc::Rc;

use serde::{Serialize, Serializer};

use crate::parts::hashing::{hash, pair};
use crate::parts::kv::Key;
use crate::parts::placement::{Placement, Scheme};
use crate::parts::quorum::NodeSet;
use crate::parts::ring::{Ring, RingToken};
use crate::protocol::NodeId;

use super::Config;

/// Into so many equal parts the circle is cut.
pub const SLOTS: u16 = 1_024;

/// The bits of a hash below those that say the slot.
const BELOW: u32 = 54;

/// A part of the circle.
pub type Slot = u16;

/// Where a key is on the circle, out of 2^64.
pub fn position(key: Key) -> u64 {
    hash(key.to_string().as_bytes())
}

/// The slot of a key.
pub fn slot_of(key: Key) -> Slot {
    (position(key) >> BELOW) as Slot
}

/// The end of a slot, clockwise.
fn end_of(slot: Slot) -> u64 {
    (u64::from(slot) << BELOW) | ((1 << BELOW) - 1)
}

/// Which slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SlotSet([u64; SLOTS as usize / 64]);

impl SlotSet {
    /// Adds one.
    pub fn insert(&mut self, slot: Slot) {
        self.0[usize::from(slot / 64)] |= 1 << (slot % 64);
    }

    /// Takes one away.
    pub fn remove(&mut self, slot: Slot) {
        self.0[usize::from(slot / 64)] &= !(1 << (slot % 64));
    }

    /// Whether it is there.
    pub fn contains(&self, slot: Slot) -> bool {
        self.0[usize::from(slot / 64)] >> (slot % 64) & 1 == 1
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|it| *it == 0)
    }

    /// How many there are.
    pub fn len(&self) -> u32 {
        self.0.iter().map(|it| it.count_ones()).sum()
    }

    /// One that is in both.
    pub fn common(&self, other: &SlotSet) -> Option<Slot> {
        let mut words = (0..).zip(self.0.iter().zip(&other.0));
        let (place, bits) = words.find_map(|(place, (one, two))| {
            let both = one & two;
            (both != 0).then_some((place, both))
        })?;
        Some(place * 64 + bits.trailing_zeros() as Slot)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + use<> {
        let set = *self;
        (0..SLOTS).filter(move |it| set.contains(*it))
    }
}

/// How many they are: their names say nothing to anybody.
impl Serialize for SlotSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.len())
    }
}

/// Who joined, who left, and who is gone: each set only grows, so views from anywhere can be merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct View {
    /// Everybody who ever joined.
    pub joined: NodeSet,
    /// Who is leaving or has left.
    pub left: NodeSet,
    /// Who has handed over everything and is gone.
    pub gone: NodeSet,
}

impl View {
    /// Those who are to hold slots.
    pub fn members(&self) -> impl Iterator<Item = NodeId> + use<> {
        let left = self.left;
        self.joined.iter().filter(move |it| !left.contains(*it))
    }

    /// What both know.
    pub fn merge(&self, other: &View) -> View {
        let both = |one: NodeSet, two: NodeSet| one.iter().chain(two.iter()).collect();
        View {
            joined: both(self.joined, other.joined),
            left: both(self.left, other.left),
            gone: both(self.gone, other.gone),
        }
    }

    /// How much has happened: it grows with every change.
    pub fn version(&self) -> u64 {
        (self.joined.len() + self.left.len()) as u64
    }
}

/// Where each slot belongs.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// How many nodes each slot has.
    each: usize,
    /// The owner of slot 0 and who has its copies, then those of slot 1, …
    nodes: Vec<NodeId>,
    /// The tokens, on a ring.
    pub ring: Option<Ring>,
}

/// So many tables are remembered: nodes that start together or hear of the same change ask for the same, and while a
/// change spreads some ask for the old one.
const REMEMBERED: usize = 4;

thread_local! {
    static TABLES: RefCell<Vec<(Config, View, Rc<Table>)>> = const { RefCell::new(Vec::new()) };
}

impl Table {
    /// The table of these members, which is made only if it was not asked for just before: a table takes milliseconds,
    /// and a cluster that starts asks for one a node.
    pub fn of(config: &Config, view: &View) -> Rc<Table> {
        TABLES.with_borrow_mut(|tables| {
            let is_it = |it: &(Config, View, Rc<Table>)| it.1 == *view && it.0 == *config;
            if let Some((.., table)) = tables.iter().find(|it| is_it(it)) {
                return table.clone();
            }
            let table = Rc::new(Table::new(config, view));
            tables.insert(0, (config.clone(), *view, table.clone()));
            tables.truncate(REMEMBERED);
            table
        })
    }

    /// The table of these members.
    pub fn new(config: &Config, view: &View) -> Table {
        let members = members(config, view);
        let scheme = if config.rules.consistent {
            config.placement
        } else {
            Scheme::Modulo
        };
        let each = (config.replicas as usize).min(members.len());
        if scheme == Scheme::Ring {
            return Table::on_ring(config, &members, each);
        }
        let placement = placement(config, scheme, &members);
        let list = |slot| placement.owners(place_of(scheme, slot), each);
        Table {
            each,
            nodes: (0..SLOTS).flat_map(list).collect(),
            ring: None,
        }
    }

    fn on_ring(config: &Config, members: &[(NodeId, u32)], each: usize) -> Table {
        let ring = snapped(members, config.vnodes as u32);
        let mut nodes = Vec::with_capacity(usize::from(SLOTS) * each);
        let bounded = bounded_owners(config, &ring, members);
        for slot in 0..SLOTS {
            let at = end_of(slot);
            let from = nodes.len();
            nodes.extend(bounded.get(usize::from(slot)));
            for node in ring.walk(at) {
                if nodes.len() - from >= each {
                    break;
                }
                if !config.rules.distinct || !nodes[from..].contains(&node) {
                    nodes.push(node);
                }
            }
        }
        let ring = Some(ring);
        Table { each, nodes, ring }
    }

    /// Who ought to have a slot: its owner, then who has copies.
    pub fn list(&self, slot: Slot) -> &[NodeId] {
        let from = usize::from(slot) * self.each;
        &self.nodes[from..from + self.each]
    }

    /// Who ought to serve a slot; `None` when there is no member.
    pub fn owner(&self, slot: Slot) -> Option<NodeId> {
        self.list(slot).first().copied()
    }

    /// The slots that ought to be served by a node.
    pub fn slots_of(&self, node: NodeId) -> SlotSet {
        let mut set = SlotSet::default();
        let mine = (0..SLOTS).filter(|it| self.owner(*it) == Some(node));
        mine.for_each(|it| set.insert(it));
        set
    }
}

/// The members with their weights.
pub fn members(config: &Config, view: &View) -> Vec<(NodeId, u32)> {
    let weight = |it: NodeId| 1 + u32::from(u64::from(it.0) < config.strong);
    view.members().map(|it| (it, weight(it))).collect()
}

/// The hash by which a slot is placed where there is no circle. Modulo takes the slot's number itself.
pub fn place_of(scheme: Scheme, slot: Slot) -> u64 {
    match scheme {
        Scheme::Ring => end_of(slot),
        Scheme::Modulo => slot.into(),
        _ => pair(u64::from(SLOTS), slot.into()),
    }
}

/// A small table is enough for so few nodes, and pictures make many of them.
const MAGLEV_SIZE: u32 = 1_009;

/// How a scheme would place slots.
pub fn placement(config: &Config, scheme: Scheme, members: &[(NodeId, u32)]) -> Placement {
    match scheme {
        Scheme::Ring => Placement::Ring(snapped(members, config.vnodes as u32)),
        Scheme::Maglev => Placement::maglev(members, 0, MAGLEV_SIZE),
        _ => Placement::new(scheme, members, 0, 0),
    }
}

/// A ring whose tokens stand at the ends of slots, so that no slot has two owners.
fn snapped(members: &[(NodeId, u32)], vnodes: u32) -> Ring {
    let ring = Ring::new(members, vnodes);
    let snap = |it: &RingToken| RingToken {
        at: it.at | ((1 << BELOW) - 1),
        node: it.node,
    };
    Ring::of(ring.tokens().iter().map(snap).collect())
}

/// The owners of all slots when loads are bounded; nothing when they are not. Slots are given out in an order that
/// jumps about, so that nobody's part of the circle comes last.
fn bounded_owners(config: &Config, ring: &Ring, members: &[(NodeId, u32)]) -> Vec<NodeId> {
    if config.load_bound == 0 || members.is_empty() {
        return Vec::new();
    }
    let order: Vec<Slot> = (0..u32::from(SLOTS))
        .map(|it| (it * 389 % u32::from(SLOTS)) as Slot)
        .collect();
    let places: Vec<u64> = order.iter().map(|it| end_of(*it)).collect();
    let owners = ring.assign_bounded(members, places.into_iter(), config.load_bound);
    let mut sorted = vec![NodeId(0); usize::from(SLOTS)];
    for (slot, owner) in order.iter().zip(owners) {
        sorted[usize::from(*slot)] = owner;
    }
    sorted
}
