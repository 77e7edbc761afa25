//! The store on the stage: settings, scenarios, pictures.

use std::collections::BTreeMap;

use serde_json::json;

use crate::check::Promise;
use crate::exhibit::{About, Exhibit, Operation, Scenario, World};
use crate::frame::{Field, Look, Mark, Panel, RingKey, Role, Series, Shape, Token};
use crate::parts::kv::{Key, KvRequest};
use crate::parts::placement::{Placement, Scheme};
use crate::protocol::NodeId;
use crate::sim::dist::Dist;
use crate::sim::rng::Rng;
use crate::sim::settings::{Environment, Kind, Setting, Value};
use crate::sim::time::Span;

use super::table::{SLOTS, View, members, place_of, placement, position, slot_of};
use super::{Config, HashRing, Message, Rules, checks};

/// So many keys are shown.
const KEYS: usize = 64;

/// The share of the circle is drawn as so many thousandths.
const WHOLE: f64 = 18_446_744_073_709_551_616.0;

impl Rules {
    /// The store as it should be.
    const ALL: Rules = Rules {
        consistent: true,
        hand_over: true,
        stop_first: true,
        distinct: true,
        owner_reads: true,
    };
}

impl Config {
    const DEFAULT: Config = Config {
        placement: Scheme::Ring,
        vnodes: 8,
        replicas: 2,
        strong: 0,
        load_bound: 0,
        gossip: Span::ms(100),
        rules: Rules::ALL,
    };
}

/// A rule that can be switched off.
macro_rules! rule {
    ($id:literal, $title:literal, $field:ident, $check:literal) => {
        Setting {
            id: $id,
            title: $title,
            kind: Kind::Switch,
            rule: Some($check),
            get: |it: &Config| Value::Switch(it.rules.$field),
            set: |it: &mut Config, value| it.rules.$field = value.switch(),
        }
    };
}

/// A whole number that can be set.
macro_rules! whole {
    ($id:literal, $title:literal, $field:ident, $min:literal, $max:literal) => {
        Setting {
            id: $id,
            title: $title,
            kind: Kind::Whole {
                min: $min,
                max: $max,
            },
            rule: None,
            get: |it: &Config| Value::Whole(it.$field),
            set: |it: &mut Config, value| it.$field = value.whole(),
        }
    };
}

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
            whole!("vnodes", "Virtual nodes for each node", vnodes, 1, 64),
            whole!("replicas", "Nodes that have a key", replicas, 1, 5),
            whole!("strong", "Nodes of twice the weight", strong, 0, 99),
            Setting {
                id: "load-bound",
                title: "Nobody gets more than this many fair shares (0: any)",
                kind: Kind::Decimal { max: 10_000 },
                rule: None,
                get: |it| Value::Decimal(it.load_bound),
                set: |it, value| it.load_bound = value.decimal(),
            },
            Setting {
                id: "gossip",
                title: "A node gossips every",
                kind: Kind::Time {
                    min: Span::ms(5),
                    max: Span::secs(60),
                },
                rule: None,
                get: |it| Value::Time(it.gossip),
                set: |it, value| it.gossip = value.time(),
            },
            rule!(
                "consistent",
                "Keys are placed so that few move",
                consistent,
                "monotone"
            ),
            rule!(
                "hand-over",
                "Keys travel to their new owner",
                hand_over,
                "linearizable"
            ),
            rule!(
                "stop-first",
                "Who hands over stops serving first",
                stop_first,
                "one-owner"
            ),
            rule!(
                "distinct",
                "Copies go to different nodes",
                distinct,
                "copies-apart"
            ),
            rule!(
                "owner-reads",
                "Only the owner answers reads",
                owner_reads,
                "linearizable"
            ),
        ]
    }

    fn scenarios() -> Vec<Scenario<HashRing>> {
        let mut all = correct();
        all.extend(weakened());
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
        title: "What each change moves",
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
        title: "The same keys, placed in five ways",
        columns: std::iter::once("key".to_owned()).chain(names).collect(),
        rows: keys(world).iter().take(KEYS / 4).map(row).collect(),
    }
}

fn calm() -> Scenario<HashRing> {
    Scenario {
        id: "calm",
        title: "Five nodes share the keys",
        summary: "Clients read and write; who asks the wrong node is told the right one. Let a node join or leave, and \
                  watch the keys travel.",
        weakened: None,
        environment: Environment {
            clients: 4,
            keys: 30,
            ..Environment::DEFAULT
        },
        config: Config::DEFAULT,
        script: "",
        swarm: false,
        length: Span::secs(8),
        pace: Span::ms(50),
    }
}

fn correct() -> Vec<Scenario<HashRing>> {
    let calm = calm();
    let join = Scenario {
        id: "join",
        title: "A node joins, another leaves",
        summary: "At 3 s a node joins: it takes over about one key in six, and nothing else moves. At 6 s n2 leaves and \
                  gives all it has to its neighbours.",
        script: "3s join\n6s leave n2",
        length: Span::secs(9),
        ..calm.clone()
    };
    let interrupted = Scenario {
        id: "interrupted",
        title: "A move that is interrupted",
        summary: "A node joins, and those who hand over crash or are cut off in the middle of it. A key that is under way \
                  is served by nobody for a while, and by two at no time.",
        script: "2s join\n2.01s cut n1>n6 for 1s\n2.02s crash n2 for 500ms\n2.03s partition n3 for 700ms\n\
                 4s leave n4\n4.03s crash n4 for 500ms",
        ..calm.clone()
    };
    let weights = Scenario {
        id: "weights",
        title: "A strong node",
        summary: "n1 has twice the weight of the others, and twice their tokens: it gets a third of four shares and two.",
        environment: Environment {
            nodes: 5,
            ..calm.environment.clone()
        },
        config: Config {
            strong: 1,
            vnodes: 32,
            ..Config::DEFAULT
        },
        ..calm.clone()
    };
    let hot = Scenario {
        id: "hot-key",
        title: "A hot key",
        summary: "Most requests are for few keys. However even the shares of the ring, the owner of the hottest key has \
                  the most to do.",
        environment: Environment {
            clients: 8,
            zipf: 1_500,
            ..calm.environment.clone()
        },
        ..calm.clone()
    };
    let bounded = Scenario {
        id: "bounded",
        title: "Bounded loads",
        summary: "With one token each, arcs are very uneven. Here nobody gets more than a quarter above the mean: who is \
                  full is passed over. At 3 s a node joins.",
        config: Config {
            vnodes: 1,
            load_bound: 1_250,
            ..Config::DEFAULT
        },
        script: "3s join",
        ..calm.clone()
    };
    let swarm = Scenario {
        id: "swarm",
        title: "Faults drawn from the seed",
        summary: "Nodes come, go, crash and are cut off while keys move, under a placement drawn from the seed. In the end \
                  everybody agrees who has what.",
        environment: Environment {
            clients: 4,
            keys: 12,
            ..Environment::DEFAULT
        },
        swarm: true,
        length: Span::secs(9),
        ..calm.clone()
    };
    vec![calm, join, interrupted, weights, hot, bounded, swarm]
}

fn weakened() -> Vec<Scenario<HashRing>> {
    let calm = calm();
    let without = |rules: Rules| Config {
        rules,
        ..Config::DEFAULT
    };
    let modulo = Scenario {
        id: "modulo",
        title: "Broken: the hash modulo the number of nodes",
        summary: "A sixth node joins, and five of six keys change their owner, most of them between nodes that were there \
                  before.",
        weakened: Some("monotone"),
        config: without(Rules {
            consistent: false,
            ..Rules::ALL
        }),
        script: "3s join",
        ..calm.clone()
    };
    let lost = Scenario {
        id: "no-hand-over",
        title: "Broken: the new owner begins with nothing",
        summary: "A node joins and serves its share at once. Nobody brings it the keys: where is the \
                  apple that was put there before?",
        weakened: Some("linearizable"),
        config: without(Rules {
            hand_over: false,
            ..Rules::ALL
        }),
        script: "2s request n1 put apple 1\n3s join\n4s request n1 get apple",
        ..calm.clone()
    };
    let two = Scenario {
        id: "two-owners",
        title: "Broken: the old owner goes on serving",
        summary: "Who hands over keys serves them until it hears that they have arrived. Until then two nodes do, and what \
                  the old one writes is lost.",
        weakened: Some("one-owner"),
        config: without(Rules {
            stop_first: false,
            ..Rules::ALL
        }),
        script: "3s join",
        ..calm.clone()
    };
    let same = Scenario {
        id: "same-node",
        title: "Broken: both copies on one node",
        summary: "Copies go to the next tokens, whosever they are. Where two tokens of a node are neighbours, it has both.",
        weakened: Some("copies-apart"),
        config: without(Rules {
            distinct: false,
            ..Rules::ALL
        }),
        ..calm.clone()
    };
    let stale = Scenario {
        id: "stale-copies",
        title: "Broken: copies answer reads",
        summary: "The load of hot keys is shared by whoever has a copy. But a copy lags behind: a client reads what was \
                  overwritten before it asked.",
        weakened: Some("linearizable"),
        environment: Environment {
            clients: 6,
            keys: 4,
            latency: Dist::Uniform(Span::ms(5), Span::ms(30)),
            ..calm.environment.clone()
        },
        config: Config {
            replicas: 3,
            ..without(Rules {
                owner_reads: false,
                ..Rules::ALL
            })
        },
        script: "0s delay Copy 200ms",
        ..calm
    };
    vec![modulo, lost, two, same, stale]
}
