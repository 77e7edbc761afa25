//! The store on the stage: settings, scenarios, pictures.

use std::collections::BTreeMap;

use serde_json::json;

use crate::check::Promise;
use crate::exhibit::{About, Exhibit, Operation, Scenario, World};
use crate::frame::{Field, Look, Mark, Panel, RingKey, Role, Series, Shape, Token};
use crate::parts::kv::{Key, KvRequest};
use crate::parts::placement::{Placement, Scheme};
use crate::protocol::NodeId;
use crate::sim::rng::Rng;
use crate::sim::settings::{Environment, Kind, Setting, Value, setting};
use crate::sim::time::Span;

use super::table::{SLOTS, View, members, place_of, placement, position, slot_of};
use super::{Config, HashRing, Message, checks, scenarios};

/// So many keys are shown.
const KEYS: usize = 64;

/// The share of the circle is drawn as so many thousandths.
const WHOLE: f64 = 18_446_744_073_709_551_616.0;

impl Exhibit for HashRing {
    const ABOUT: About = About {
        id: "hash_ring",
        title: "Consistent hashing",
        summary: "Keys are spread over nodes that come and go. On a ring a newcomer takes its share and moves nothing \
                  else.",
        family: "Sharding",
        source: "Karger et al., STOC 1997; DeCandia et al., SOSP 2007",
        request: "put x 5",
        requests: KvRequest::FORMS,
    };
    const BESIDE: Option<(&'static str, &'static str)> = Some(("join", "modulo"));
    const GROWS: bool = true;

    fn vary(config: &mut Config, rng: &mut Rng) {
        config.placement = *rng.pick(&[
            Scheme::Ring,
            Scheme::Ring,
            Scheme::Rendezvous,
            Scheme::Jump,
            Scheme::Maglev,
        ]);
        config.vnodes = 1 + rng.below(16);
        config.replicas = 1 + rng.below(3);
        config.strong = rng.below(3);
        config.gossip = Span::ms(50 + rng.below(100));
        if config.placement == Scheme::Ring && rng.below(3) == 0 {
            config.load_bound = 1_000 + rng.below(500);
        }
    }

    fn settings() -> Vec<Setting<Config>> {
        vec![
            Setting {
                id: "placement",
                title: "Keys are spread by",
                kind: Kind::Choice(&Scheme::NAMES),
                rule: None,
                get: |it: &Config| Value::Choice(it.placement.name()),
                set: |it: &mut Config, value| {
                    it.placement =
                        Scheme::find(value.choice()).expect("the choice is among these names");
                },
            },
            setting!("vnodes", "Virtual nodes for each node", vnodes: whole(1, 64)),
            setting!("replicas", "Nodes that have a key", replicas: whole(1, 5)),
            setting!("strong", "Nodes of twice the weight", strong: whole(0, 99)),
            setting!("load-bound", "Nobody gets more than this many fair shares (0: any)", load_bound: decimal(10_000)),
            setting!("gossip", "A node gossips every", gossip: time(Span::ms(5), Span::secs(60))),
            setting!("consistent", "Keys are placed so that few move", rules.consistent: rule("monotone")),
            setting!("hand-over", "Keys travel to their new owner", rules.hand_over: rule("linearizable")),
            setting!("stop-first", "Who hands over stops serving first", rules.stop_first: rule("one-owner")),
            setting!("distinct", "Copies go to different nodes", rules.distinct: rule("copies-apart")),
            setting!("owner-reads", "Only the owner answers reads", rules.owner_reads: rule("linearizable")),
        ]
    }

    fn scenarios() -> Vec<Scenario<HashRing>> {
        let mut all = scenarios::correct();
        all.extend(scenarios::weakened());
        all
    }

    fn validate(config: &Config, _: &Environment) -> Result<(), String> {
        if (1..1_000).contains(&config.load_bound) {
            return Err(format!(
                "do not fit together: with load-bound {} there would be keys for nobody; 1 is the least, or 0 for none",
                Value::Decimal(config.load_bound)
            ));
        }
        if config.load_bound > 0 && config.placement != Scheme::Ring {
            return Err(format!(
                "do not fit together: load-bound is for placement ring, not {}",
                config.placement.name()
            ));
        }
        Ok(())
    }

    fn role(&self) -> Role {
        let (name, letter, shape) = if self.is_leaving() {
            ("leaving", 'L', Shape::Diamond)
        } else if self.kept.held.is_empty() {
            ("joining", 'J', Shape::Diamond)
        } else {
            ("member", 'M', Shape::Circle)
        };
        Role {
            name,
            letter,
            shape,
            crown: false,
            epoch: Some(self.kept.view.version()),
        }
    }

    fn view(&self) -> Vec<Field> {
        let members: Vec<NodeId> = self.kept.view.members().collect();
        let under_way: usize = self.kept.exchanges.values().map(|it| it.outbox.len()).sum();
        let shards = self.kept.shards.values();
        let keys: usize = shards.map(|it| it.entries.len()).sum();
        vec![
            Field::durable("members", json!(members)),
            Field::durable("slots", self.kept.held.len()),
            Field::durable("keys", keys),
            Field::durable("copies", self.kept.copies.len()),
            Field::durable("parcelsUnderWay", under_way),
            Field::volatile("served", self.counts.served),
            Field::volatile("redirected", self.counts.redirected),
            Field::volatile("keysTakenOver", self.counts.keys_in),
            Field::volatile("keysHandedOver", self.counts.keys_out),
        ]
    }

    fn look(message: &Message) -> Look {
        let mark = match message {
            Message::HandOver(_) | Message::Copy { .. } => Mark::Request,
            Message::HandOverAck { .. } | Message::CopyAck { .. } => Mark::Accept,
            Message::Gossip { .. } => Mark::Reply,
        };
        let epoch = match message {
            Message::Gossip { view, .. } => Some(view.version()),
            _ => None,
        };
        Look { mark, epoch }
    }

    fn panels(world: &World<'_, HashRing>) -> Vec<Panel> {
        // Who has seen most draws the picture.
        let Some(best) = world
            .running()
            .map(|it| it.1)
            .max_by_key(|it| it.kept.view.version())
        else {
            return Vec::new();
        };
        vec![
            ring(world, best),
            nodes(world, best),
            load(world),
            moved(best),
            schemes(world, best),
        ]
    }

    fn checks() -> Vec<Promise<HashRing>> {
        checks::all()
    }

    fn draw_request(rng: &mut Rng, environment: &Environment, unique: u32) -> Option<KvRequest> {
        Some(KvRequest::draw(rng, environment, unique))
    }

    fn operation(request: &KvRequest) -> Option<Operation> {
        Some(request.operation())
    }
}

/// Every key that somebody serves, in their order round the circle.
fn keys(world: &World<'_, HashRing>) -> Vec<Key> {
    let mut keys = BTreeMap::new();
    for (_, node) in world.running() {
        let all = node.kept.shards.values().flat_map(|it| it.entries.keys());
        keys.extend(all.map(|it| (position(*it), *it)));
    }
    keys.into_values().take(KEYS).collect()
}

/// The circle, with the tokens and keys as the best informed node sees them.
fn ring(world: &World<'_, HashRing>, best: &HashRing) -> Panel {
    let asked = |key: Key| -> u32 {
        let each = world
            .running()
            .map(|it| it.1.asked.get(&key).copied().unwrap_or(0));
        each.sum()
    };
    let keys = keys(world);
    let most = keys.iter().map(|it| asked(*it)).max().unwrap_or(0).max(1);
    let shown = |key: &Key| {
        let slot = slot_of(*key);
        let serves =
            |it: &&(NodeId, &HashRing)| it.1.kept.held.contains(slot) && it.1.entry(*key).is_some();
        let copies = |it: &&(NodeId, &HashRing)| it.1.kept.copies.contains_key(key);
        let running: Vec<(NodeId, &HashRing)> = world.running().collect();
        let mut holders: Vec<NodeId> = running.iter().filter(serves).map(|it| it.0).collect();
        let more = running.iter().filter(copies).map(|it| it.0);
        more.for_each(|it| {
            if !holders.contains(&it) {
                holders.push(it);
            }
        });
        RingKey {
            at: position(*key) as f64 / WHOLE,
            name: key.to_string(),
            owners: best.table.list(slot).to_vec(),
            holders,
            heat: f64::from(asked(*key)) / f64::from(most),
        }
    };
    let tokens = best.table.ring.iter().flat_map(|it| it.tokens());
    Panel::Ring {
        title: "The ring",
        tokens: tokens
            .map(|it| Token {
                at: it.at as f64 / WHOLE,
                node: it.node,
            })
            .collect(),
        keys: keys.iter().map(shown).collect(),
    }
}

fn nodes(world: &World<'_, HashRing>, best: &HashRing) -> Panel {
    let weights = members(&best.config, &best.kept.view);
    let row = |(id, node): (NodeId, &HashRing)| {
        let weight = weights.iter().find(|it| it.0 == id).map_or(0, |it| it.1);
        let share = |slots: u32| format!("{:.1}%", f64::from(slots) * 100.0 / f64::from(SLOTS));
        let shards = node.kept.shards.values();
        vec![
            id.to_string(),
            weight.to_string(),
            share(best.table.slots_of(id).len()),
            share(node.kept.held.len()),
            shards.map(|it| it.entries.len()).sum::<usize>().to_string(),
            node.kept.copies.len().to_string(),
        ]
    };
    let columns = [
        "node",
        "weight",
        "ought to have",
        "serves",
        "keys",
        "copies",
    ];
    Panel::Table {
        title: "Shares",
        columns: columns.map(str::to_owned).to_vec(),
        rows: world.running().map(row).collect(),
    }
}

fn load(world: &World<'_, HashRing>) -> Panel {
    let bar = |(id, node): (NodeId, &HashRing)| (id.to_string(), node.counts.served.into());
    Panel::Bars {
        title: "Load",
        axis: "requests answered since the node started",
        bars: world.running().map(bar).collect(),
    }
}

/// Every how-manieth slot is looked at for the chart.
const SAMPLE: usize = 4;

/// How many keys each scheme would have moved at each change that the best informed node has seen.
fn moved(best: &HashRing) -> Panel {
    let owners = |scheme: Scheme, view: &View| -> Vec<Option<NodeId>> {
        let members = members(&best.config, view);
        let placement = placement(&best.config, scheme, &members);
        let slots = (0..SLOTS).step_by(SAMPLE);
        slots
            .map(|it| placement.owner(place_of(scheme, it)))
            .collect()
    };
    let series = |scheme: Scheme| {
        let tables: Vec<_> = best.history.iter().map(|it| owners(scheme, it)).collect();
        let share = |pair: &[Vec<Option<NodeId>>]| {
            let moved = pair[0].iter().zip(&pair[1]).filter(|(one, two)| one != two);
            moved.count() as f64 * 100.0 / pair[0].len() as f64
        };
        let points = tables.windows(2).map(share).enumerate();
        Series {
            name: scheme.name().to_owned(),
            points: points
                .map(|(change, it)| ((change + 1) as f64, it))
                .collect(),
        }
    };
    let is_still = best.history.len() < 2;
    let schemes = Scheme::ALL.iter().filter(|_| !is_still);
    Panel::Chart {
        title: "Moved",
        across: "change of members",
        up: "% of the keys",
        series: schemes.map(|it| series(*it)).collect(),
    }
}

/// The same keys under all five schemes.
fn schemes(world: &World<'_, HashRing>, best: &HashRing) -> Panel {
    let members = members(&best.config, &best.kept.view);
    let placements = Scheme::ALL.map(|it| placement(&best.config, it, &members));
    let row = |key: &Key| {
        let owner = |(scheme, placement): (&Scheme, &Placement)| {
            let owner = placement.owner(place_of(*scheme, slot_of(*key)));
            owner.map(|it| it.to_string()).unwrap_or_default()
        };
        let owners = Scheme::ALL.iter().zip(&placements).map(owner);
        std::iter::once(key.to_string()).chain(owners).collect()
    };
    let names = Scheme::NAMES.into_iter().map(str::to_owned);
    Panel::Table {
        title: "Five schemes",
        columns: std::iter::once("key".to_owned()).chain(names).collect(),
        rows: keys(world).iter().take(KEYS / 4).map(row).collect(),
    }
}
