//! A store spread over nodes by consistent hashing: nodes come and go, and the keys that change hands travel in
//! messages while clients read and write.
//!
//! Hash a key modulo `n`, and one node more moves `n/(n+1)` of all keys. On a **ring** (Karger et al. 1997) keys and
//! nodes are hashed onto a circle, a key belongs to the first node clockwise, and a newcomer takes 1/(n+1) from its
//! neighbours and disturbs nobody else. **Virtual nodes** even out the arcs, **weights** give strong nodes more of
//! them, **copies** go to the next different nodes, and **bounded loads** pass over nodes that are full.
//!
//! ```text
//!            n1            a key goes to the first node clockwise
//!        n3 ╱  ╲ n2        n4 joins between n1 and n2:
//!           ╲  ╱               it gets the keys from n1 to n4, all of them from n2
//!            n3
//! ```
//!
//! Where a key belongs and who serves it are two things. The first follows from who is known to be a member; that
//! spreads by gossip, so nodes may differ for a while (Dynamo §4.8). The second is a token that one node holds at a
//! time: the circle is cut into [`SLOTS`] equal slots (Dynamo §6.2, strategy 3), and a node serves the slots that it
//! holds. Who holds a slot that belongs to another **hands it over**: it stops serving, and sends the keys, again and
//! again until the other has them on disk. So no key has two owners, whatever the network does.
//!
//! On disk: everything but what is known of copies. Left out: taking over for a node that is gone without a word (its
//! slots wait for it), and copies that are more than a backup.
//!
//! Sources: D. Karger et al., "Consistent Hashing and Random Trees", STOC 1997; G. DeCandia et al., "Dynamo", SOSP
//! 2007; V. Mirrokni, M. Thorup, M. Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016.

mod checks;
mod scenarios;
mod show;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use serde::Serialize;

use crate::parts::kv::{Held, Key, KvRequest, KvResult, Store};
use crate::parts::placement::Scheme;
use crate::parts::quorum::NodeSet;
use crate::protocol::{
    Answer, ClientId, Ctx, NodeId, Outcome, Payload, Protocol, RequestId, Stored,
};
use crate::sim::time::Span;

use table::{SLOTS, Slot, SlotSet, Table, View, slot_of};

/// What every node is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How keys are spread.
    pub placement: Scheme,
    /// Tokens of a node on the ring, for each unit of its weight.
    pub vnodes: u64,
    /// On how many nodes a key is, its owner among them.
    pub replicas: u64,
    /// How many nodes, the first ones, are twice as strong as the others.
    pub strong: u64,
    /// On the ring nobody gets more than this many thousandths of its fair share; 0 for any number.
    pub load_bound: u64,
    /// How often a node tells another whom it knows, and sends again what was not acknowledged.
    pub gossip: Span,
    /// The rules.
    pub rules: Rules,
}

/// Rules that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Keys are placed so that few move. Without it: modulo the number of nodes.
    pub consistent: bool,
    /// Keys travel to their new owner. Without it the new owner begins with nothing.
    pub hand_over: bool,
    /// Who hands over stops serving first. Without it: when the other has the keys.
    pub stop_first: bool,
    /// Copies go to different nodes. Without it: to the next tokens, whosever they are.
    pub distinct: bool,
    /// Only the owner answers reads. Without it: whoever has a copy.
    pub owner_reads: bool,
}

/// A key's value, and its version: how often it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Entry {
    value: Option<Held>,
    version: u32,
}

/// What a slot holds: keys, and what clients were told about their last writes, so that none is done twice.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub struct Shard {
    entries: BTreeMap<Key, Entry>,
    sessions: BTreeMap<ClientId, (u32, KvResult)>,
}

/// Slots under way to another node.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
pub struct Parcel {
    /// The sender's how-manieth to this receiver, from 1.
    number: u32,
    /// Which slots.
    slots: SlotSet,
    /// What those of them hold that hold something.
    #[serde(rename = "keys", serialize_with = "serialize_keys")]
    shards: BTreeMap<Slot, Rc<Shard>>,
}

fn serialize_keys<S: serde::Serializer>(
    shards: &BTreeMap<Slot, Rc<Shard>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let entries = shards.values().flat_map(|it| &it.entries);
    serializer.collect_map(entries.map(|(key, entry)| (key.to_string(), &entry.value)))
}

fn serialize_shared<S: serde::Serializer>(
    parcel: &Rc<Parcel>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    parcel.as_ref().serialize(serializer)
}

/// What nodes say to each other.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Message {
    /// Whom I know.
    Gossip {
        /// Who joined and who left.
        view: View,
        /// Whether a parcel from me to you is under way.
        owes: bool,
    },
    /// These slots are yours now.
    HandOver(#[serde(serialize_with = "serialize_shared")] Rc<Parcel>),
    /// I have them.
    HandOverAck {
        /// The parcel's number.
        number: u32,
    },
    /// A copy of a key of mine.
    Copy {
        /// The key.
        key: Key,
        /// What it holds.
        entry: Entry,
    },
    /// I have it.
    CopyAck {
        /// The key.
        key: Key,
        /// The version that I have.
        version: u32,
    },
}

impl Payload for Message {
    fn kind(&self) -> &'static str {
        match self {
            Message::Gossip { .. } => "Gossip",
            Message::HandOver(_) => "HandOver",
            Message::HandOverAck { .. } => "HandOverAck",
            Message::Copy { .. } => "Copy",
            Message::CopyAck { .. } => "CopyAck",
        }
    }
}

/// The alarms of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Time to gossip, and to send again.
    Gossip,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("gossip")
    }
}

/// What clients are told.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
pub enum Response {
    /// It was done.
    Done(KvResult),
    /// The key is not here; perhaps I know where.
    NotMine(Option<NodeId>),
}

impl Payload for Response {
    fn kind(&self) -> &'static str {
        match self {
            Response::Done(_) => "result",
            Response::NotMine(_) => "redirect",
        }
    }
}

impl Answer for Response {
    fn outcome(&self) -> Outcome {
        match self {
            Response::Done(result) => result.outcome(),
            Response::NotMine(hint) => Outcome::Elsewhere(*hint),
        }
    }
}

/// Parcels between this node and another.
#[derive(Clone, Debug, Default)]
struct Exchange {
    /// Sent and not acknowledged.
    outbox: Vec<Rc<Parcel>>,
    /// The number of the last parcel sent.
    sent: u32,
    /// So many of the other's parcels are here without a gap, and these behind it.
    received: u32,
    early: BTreeSet<u32>,
}

impl Exchange {
    fn has(&self, number: u32) -> bool {
        number <= self.received || self.early.contains(&number)
    }

    fn take(&mut self, number: u32) {
        self.early.insert(number);
        while self.early.remove(&(self.received + 1)) {
            self.received += 1;
        }
    }
}

/// What is on disk.
#[derive(Clone, Default)]
pub struct Kept {
    view: View,
    /// The slots that it serves.
    held: SlotSet,
    /// What they hold.
    shards: Rc<BTreeMap<Slot, Rc<Shard>>>,
    /// Copies of other nodes' keys.
    copies: Rc<BTreeMap<Key, Entry>>,
    exchanges: Rc<BTreeMap<NodeId, Exchange>>,
}

impl Stored for Kept {}

/// A node.
#[derive(Clone)]
pub struct HashRing {
    me: NodeId,
    config: Config,
    kept: Kept,
    /// Where keys belong, as this node sees it.
    table: Rc<Table>,
    /// What was known before, oldest first.
    history: Vec<View>,
    /// Who is known to have a copy of a key's present version.
    copied: BTreeMap<Key, NodeSet>,
    /// While it leaves: who said that nothing is under way to it.
    farewells: NodeSet,
    counts: Counts,
    /// How often each key was asked for here.
    asked: BTreeMap<Key, u32>,
}

/// What a node has done since it started.
#[derive(Clone, Copy, Default)]
struct Counts {
    served: u32,
    redirected: u32,
    /// Requests for keys that belong here and were still under way.
    early: u32,
    keys_in: u32,
    keys_out: u32,
}

/// So many slots that hold something go into one parcel.
const PARCEL: usize = 4;

/// So many messages of one kind are sent again at a time.
const AGAIN: usize = 20;

/// So many changes of the view are remembered.
const HISTORY: usize = 7;

impl Protocol for HashRing {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Request = KvRequest;
    type Response = Response;
    type Durable = Kept;

    fn start(ctx: &mut Ctx<'_, HashRing>, config: &Config, mut kept: Kept) -> HashRing {
        let me = ctx.me();
        let is_new = kept.view == View::default();
        let is_founder = ctx.nodes().any(|it| it == me);
        if is_new {
            kept.view.joined = ctx.nodes().chain([me]).collect();
        }
        let table = Table::of(config, &kept.view);
        if is_new && is_founder {
            kept.held = table.slots_of(me);
        }
        let mut node = HashRing {
            me,
            config: config.clone(),
            history: vec![kept.view],
            kept,
            table,
            copied: BTreeMap::new(),
            farewells: NodeSet::default(),
            counts: Counts::default(),
            asked: BTreeMap::new(),
        };
        if is_new {
            node.obey_view();
            node.save(ctx);
        }
        if !is_founder && is_new {
            ctx.note("joins", || format!("{me} tells everybody"));
            node.tell_all(ctx);
        }
        ctx.set_timer_within(Timer::Gossip, Span::ZERO, config.gossip);
        node
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, HashRing>, from: NodeId, message: Message) {
        match message {
            Message::Gossip { view, owes } => self.on_gossip(ctx, from, view, owes),
            Message::HandOver(parcel) => self.on_hand_over(ctx, from, &parcel),
            Message::HandOverAck { number } => self.on_acknowledged(ctx, from, number),
            Message::Copy { key, entry } => {
                let (copies, version) = (&self.kept.copies, entry.version);
                if copies.get(&key).is_none_or(|it| it.version < version) {
                    Rc::make_mut(&mut self.kept.copies).insert(key, entry);
                    self.save(ctx);
                }
                ctx.send(from, Message::CopyAck { key, version });
            }
            Message::CopyAck { key, version } => {
                if self.entry(key).is_some_and(|it| it.version == version) {
                    self.copied.entry(key).or_default().insert(from);
                }
            }
        }
        self.leave_if_done(ctx);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, HashRing>, Timer::Gossip: Timer) {
        ctx.set_timer(Timer::Gossip, self.config.gossip);
        let others: Vec<NodeId> = self.others().collect();
        if !others.is_empty() {
            let other = *ctx.rng().pick(&others);
            self.tell(ctx, other);
        }
        for (to, exchange) in self.kept.exchanges.iter() {
            for parcel in exchange.outbox.iter().take(AGAIN) {
                ctx.send(*to, Message::HandOver(parcel.clone()));
            }
        }
        let keys = self.kept.shards.values().flat_map(|it| it.entries.keys());
        let keys: Vec<Key> = keys
            .filter(|it| self.lacks_copies(**it))
            .take(AGAIN)
            .copied()
            .collect();
        for key in keys {
            self.copy(ctx, key);
        }
        if self.is_leaving() {
            self.tell_all(ctx);
        }
        self.leave_if_done(ctx);
    }

    fn on_request(&mut self, ctx: &mut Ctx<'_, HashRing>, id: RequestId, request: KvRequest) {
        let key = request.key();
        let slot = slot_of(key);
        let response = if self.kept.held.contains(slot) {
            self.counts.served += 1;
            *self.asked.entry(key).or_default() += 1;
            Response::Done(self.execute(ctx, id, key, &request))
        } else if let Some(copy) = self.copy_to_read(key, &request) {
            self.counts.served += 1;
            Response::Done(KvResult::Value(copy.value))
        } else {
            let owner = self.table.owner(slot).filter(|it| *it != self.me);
            let count = match owner {
                Some(_) => &mut self.counts.redirected,
                None => &mut self.counts.early,
            };
            *count += 1;
            Response::NotMine(owner)
        };
        ctx.respond(id, response);
    }

    fn on_leave(&mut self, ctx: &mut Ctx<'_, HashRing>) {
        ctx.note("leaves", || format!("{} hands over what it has", self.me));
        let mut view = self.kept.view;
        view.left.insert(self.me);
        self.adopt(ctx, view);
        self.leave_if_done(ctx);
    }
}

/// Requests.
impl HashRing {
    fn entry(&self, key: Key) -> Option<&Entry> {
        self.kept.shards.get(&slot_of(key))?.entries.get(&key)
    }

    /// Executes a request for a key that is here, a write once only: what is sent again is told what it was told.
    fn execute(
        &mut self,
        ctx: &mut Ctx<'_, HashRing>,
        id: RequestId,
        key: Key,
        request: &KvRequest,
    ) -> KvResult {
        let entry = self.entry(key);
        let version = entry.map_or(1, |it| it.version + 1);
        let mut store = Store::with(key, entry.and_then(|it| it.value.clone()));
        if let KvRequest::Get(_) = request {
            return store.apply(request);
        }
        let shards = Rc::make_mut(&mut self.kept.shards);
        let shard = Rc::make_mut(shards.entry(slot_of(key)).or_default());
        if let Some((sequence, told)) = shard.sessions.get(&id.client)
            && *sequence >= id.sequence
        {
            return told.clone();
        }
        let result = store.apply(request);
        shard
            .sessions
            .insert(id.client, (id.sequence, result.clone()));
        let value = store.get(key).cloned();
        shard.entries.insert(key, Entry { value, version });
        self.copied.remove(&key);
        self.save(ctx);
        self.copy(ctx, key);
        result
    }

    fn copy_to_read(&self, key: Key, request: &KvRequest) -> Option<Entry> {
        let reads = matches!(request, KvRequest::Get(_)) && !self.config.rules.owner_reads;
        self.kept.copies.get(&key).filter(|_| reads).cloned()
    }

    /// Who ought to have a copy of a key of this node.
    fn copy_holders(&self, key: Key) -> impl Iterator<Item = NodeId> {
        let list = self.table.list(slot_of(key)).iter().copied();
        list.filter(|it| *it != self.me)
    }

    fn lacks_copies(&self, key: Key) -> bool {
        let copied = self.copied.get(&key).copied().unwrap_or_default();
        self.copy_holders(key).any(|it| !copied.contains(it))
            && self.kept.held.contains(slot_of(key))
    }

    fn copy(&self, ctx: &mut Ctx<'_, HashRing>, key: Key) {
        let Some(entry) = self.entry(key) else {
            return;
        };
        let copied = self.copied.get(&key).copied().unwrap_or_default();
        for node in self.copy_holders(key).filter(|it| !copied.contains(*it)) {
            let entry = entry.clone();
            ctx.send(node, Message::Copy { key, entry });
        }
    }
}

/// Members.
impl HashRing {
    /// Everybody who is known and not gone, but this node.
    fn others(&self) -> impl Iterator<Item = NodeId> {
        let (view, me) = (self.kept.view, self.me);
        view.joined
            .iter()
            .filter(move |it| *it != me && !view.gone.contains(*it))
    }

    fn is_leaving(&self) -> bool {
        self.kept.view.left.contains(self.me)
    }

    fn owes(&self, node: NodeId) -> bool {
        self.kept
            .exchanges
            .get(&node)
            .is_some_and(|it| !it.outbox.is_empty())
    }

    fn tell(&self, ctx: &mut Ctx<'_, HashRing>, node: NodeId) {
        let (view, owes) = (self.kept.view, self.owes(node));
        ctx.send(node, Message::Gossip { view, owes });
    }

    fn tell_all(&self, ctx: &mut Ctx<'_, HashRing>) {
        self.others().for_each(|it| self.tell(ctx, it));
    }

    fn on_gossip(&mut self, ctx: &mut Ctx<'_, HashRing>, from: NodeId, view: View, owes: bool) {
        let merged = self.kept.view.merge(&view);
        if merged != self.kept.view {
            self.adopt(ctx, merged);
        }
        if view.left.contains(self.me) && !owes {
            self.farewells.insert(from);
        }
        // Who knows less is told, and who leaves wants to hear from everybody; two that leave tell each other anyway.
        if view != self.kept.view || view.left.contains(from) && !self.is_leaving() {
            self.tell(ctx, from);
        }
    }

    /// Others have come or gone.
    fn adopt(&mut self, ctx: &mut Ctx<'_, HashRing>, view: View) {
        self.kept.view = view;
        self.table = Table::of(&self.config, &view);
        if self
            .history
            .last()
            .is_some_and(|it| it.members().ne(view.members()))
        {
            if self.history.len() == HISTORY {
                self.history.remove(0);
            }
            self.history.push(view);
            let members: Vec<NodeId> = view.members().collect();
            ctx.note("sees a change", || {
                format!("the members are {}", words(&members))
            });
        }
        self.copied.clear();
        let table = self.table.clone();
        let mine = |key: &Key| table.list(slot_of(*key)).contains(&self.me);
        Rc::make_mut(&mut self.kept.copies).retain(|key, _| mine(key));
        let parcels = self.obey_view();
        self.save(ctx);
        self.tell_all(ctx);
        for (to, parcel) in parcels {
            ctx.note("hands over", || format!("{} to {to}", parcel.words()));
            ctx.send(to, Message::HandOver(parcel));
        }
    }

    /// Leaves when nothing is here, nothing is under way to others, and nobody will send anything.
    fn leave_if_done(&mut self, ctx: &mut Ctx<'_, HashRing>) {
        if !self.is_leaving() || self.kept.view.gone.contains(self.me) {
            return;
        }
        let alone = self.kept.view.members().next().is_none();
        let empty = self.kept.held.is_empty() && !self.others().any(|it| self.owes(it));
        if alone || empty && self.others().all(|it| self.farewells.contains(it)) {
            self.kept.view.gone.insert(self.me);
            self.save(ctx);
            self.tell_all(ctx);
            ctx.leave();
        }
    }
}

/// Names of nodes, with commas.
fn words(nodes: &[NodeId]) -> String {
    let names: Vec<String> = nodes.iter().map(NodeId::to_string).collect();
    names.join(", ")
}

/// Slots that change hands.
impl HashRing {
    /// Packs what is here and belongs to others. Returns the parcels, which are in the outbox as well.
    fn obey_view(&mut self) -> Vec<(NodeId, Rc<Parcel>)> {
        if !self.config.rules.hand_over {
            self.kept.held = self.table.slots_of(self.me);
            return Vec::new();
        }
        let mut leaving: BTreeMap<NodeId, Vec<Slot>> = BTreeMap::new();
        for slot in self.kept.held.iter() {
            let under_way = || self.kept.exchanges.values().flat_map(|it| &it.outbox);
            let owner = self.table.owner(slot).filter(|it| *it != self.me);
            // What is still served is not packed twice.
            let packed =
                !self.config.rules.stop_first && under_way().any(|it| it.slots.contains(slot));
            if let Some(owner) = owner.filter(|_| !packed) {
                leaving.entry(owner).or_default().push(slot);
            }
        }
        let mut parcels = Vec::new();
        for (to, slots) in leaving {
            for parcel in self.pack(to, &slots) {
                parcels.push((to, parcel));
            }
        }
        parcels
    }

    /// Puts slots into parcels for `to`, a few keys each.
    fn pack(&mut self, to: NodeId, slots: &[Slot]) -> Vec<Rc<Parcel>> {
        let shards = Rc::make_mut(&mut self.kept.shards);
        let exchange = Rc::make_mut(&mut self.kept.exchanges)
            .entry(to)
            .or_default();
        let mut parcels: Vec<Parcel> = Vec::new();
        for slot in slots {
            let shard = shards.get(slot).cloned();
            if self.config.rules.stop_first {
                self.kept.held.remove(*slot);
                shards.remove(slot);
            }
            let is_full = parcels.last().is_none_or(|it| it.shards.len() == PARCEL);
            if is_full {
                exchange.sent += 1;
                parcels.push(Parcel {
                    number: exchange.sent,
                    slots: SlotSet::default(),
                    shards: BTreeMap::new(),
                });
            }
            let parcel = parcels.last_mut().expect("there is one with room");
            parcel.slots.insert(*slot);
            parcel.shards.extend(shard.map(|it| (*slot, it)));
        }
        let parcels: Vec<Rc<Parcel>> = parcels.into_iter().map(Rc::new).collect();
        exchange.outbox.extend(parcels.iter().cloned());
        self.counts.keys_out += parcels.iter().map(|it| it.keys()).sum::<u32>();
        parcels
    }

    fn on_hand_over(&mut self, ctx: &mut Ctx<'_, HashRing>, from: NodeId, parcel: &Parcel) {
        let number = parcel.number;
        let exchange = Rc::make_mut(&mut self.kept.exchanges)
            .entry(from)
            .or_default();
        if !exchange.has(number) {
            exchange.take(number);
            ctx.note("takes over", || format!("{} from {from}", parcel.words()));
            parcel.slots.iter().for_each(|it| self.kept.held.insert(it));
            Rc::make_mut(&mut self.kept.shards).extend(parcel.shards.clone());
            self.counts.keys_in += parcel.keys();
            // It may belong to somebody else already.
            let parcels = self.obey_view();
            self.save(ctx);
            for (to, parcel) in parcels {
                ctx.send(to, Message::HandOver(parcel));
            }
        }
        ctx.send(from, Message::HandOverAck { number });
    }

    fn on_acknowledged(&mut self, ctx: &mut Ctx<'_, HashRing>, from: NodeId, number: u32) {
        let exchanges = Rc::make_mut(&mut self.kept.exchanges);
        let Some(exchange) = exchanges.get_mut(&from) else {
            return;
        };
        let Some(place) = exchange.outbox.iter().position(|it| it.number == number) else {
            return;
        };
        let parcel = exchange.outbox.remove(place);
        if !self.config.rules.stop_first {
            let shards = Rc::make_mut(&mut self.kept.shards);
            for slot in parcel.slots.iter() {
                self.kept.held.remove(slot);
                shards.remove(&slot);
            }
        }
        self.save(ctx);
    }

    fn save(&self, ctx: &mut Ctx<'_, HashRing>) {
        ctx.persist(self.kept.clone());
    }
}

impl Parcel {
    /// How many keys it brings.
    fn keys(&self) -> u32 {
        self.shards.values().map(|it| it.entries.len() as u32).sum()
    }

    fn words(&self) -> String {
        let keys = self.shards.values().flat_map(|it| it.entries.keys());
        let keys: Vec<String> = keys.map(Key::to_string).collect();
        let names = if keys.is_empty() {
            "no keys"
        } else {
            &keys.join(", ")
        };
        format!("{} of {SLOTS} slots with {names}", self.slots.len())
    }
}
