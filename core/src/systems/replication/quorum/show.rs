//! Quorum stores on the stage: settings, scenarios, pictures.

use serde_json::json;

use crate::check::Promise;
use crate::exhibit::{About, Exhibit, Operation, Scenario, World};
use crate::frame::{Field, Look, Mark, Panel, RingKey, Role, Shape, Token};
use crate::parts::kv::{Key, KvRequest};
use crate::parts::merkle;
use crate::parts::order;
use crate::parts::ring::RingToken;
use crate::protocol::NodeId;
use crate::sim::dist::{Chance, Dist};
use crate::sim::rng::Rng;
use crate::sim::settings::{Environment, Kind, Setting, Value, setting};
use crate::sim::time::Span;

use super::speech::{Message, Request, names};
use super::{Config, Item, Pledge, Quorum, Rules, Version, checks, place};

const PLEDGES: &[&str] = &["eventual", "fresh", "linearizable"];
const CONFLICTS: &[&str] = &["siblings", "lww"];
const ASKED: &[&str] = &["all", "quorum"];

/// So many keys are worth showing.
const KEYS_SHOWN: usize = 12;

impl Config {
    /// Dynamo's usual choice (§6): (N, R, W) = (3, 2, 2).
    pub(crate) const DEFAULT: Config = Config {
        n: 3,
        r: 2,
        w: 2,
        promise: Pledge::Eventual,
        lww: false,
        sloppy: true,
        few: false,
        read_repair: true,
        tokens: 8,
        timeout: Span::ms(100),
        tick: Span::ms(100),
        collect_after: Span::secs(2),
        clock_max: 10,
        rules: Rules::ALL,
    };
}

fn sizes() -> Vec<Setting<Config>> {
    vec![
        setting!("n", "N: homes of a key", n: whole(1, 99)),
        setting!("r", "R: answers to a read", r: whole(1, 99)),
        setting!("w", "W: acknowledgements of a write", w: whole(1, 99)),
        Setting {
            id: "promise",
            title: "Clients are promised",
            kind: Kind::Choice(PLEDGES),
            rule: None,
            get: |it| Value::Choice(PLEDGES[it.promise as usize]),
            set: |it, value| {
                it.promise = match value.choice() {
                    "linearizable" => Pledge::Linearizable,
                    "fresh" => Pledge::Fresh,
                    _ => Pledge::Eventual,
                }
            },
        },
        setting!("conflict", "Of versions made side by side", lww: either(CONFLICTS)),
        setting!("sloppy", "Others stand in for homes", sloppy: switch()),
        setting!("ask", "Who is asked: all homes, or R or W at random", few: either(ASKED)),
        setting!("read-repair", "A read repairs who is behind", read_repair: switch()),
        setting!("tokens", "Places on the ring, each node", tokens: whole(1, 256)),
        setting!("timeout", "Ask again after", timeout: time(Span::ms(2), Span::secs(86_400))),
        setting!("tick", "Hand over and compare trees every", tick: time(Span::ms(2), Span::secs(86_400))),
        setting!(
            "collect-after", "Tombstones are collected after",
            collect_after: time(Span::ms(2), Span::secs(86_400))
        ),
        setting!("clock-max", "Nodes in a clock that is cut", clock_max: whole(1, 99)),
    ]
}

fn rules() -> Vec<Setting<Config>> {
    vec![
        setting!("overlap", "Fresh reads: raise R until R + W > N", rules.overlap: rule("fresh-reads")),
        setting!("strict", "Fresh reads: stand-ins do not count", rules.strict: rule("fresh-reads")),
        setting!("write-back", "Linearizable: reads write back", rules.write_back: rule("linearizable")),
        setting!(
            "logical-stamps", "Last writer: stamps above those of a quorum",
            rules.logical_stamps: rule("acknowledged-kept")
        ),
        setting!("anti-entropy", "Homes compare Merkle trees", rules.anti_entropy: rule("replicas-converge")),
        setting!("dots", "Each write has a dot of its own", rules.dots: rule("siblings-kept")),
        setting!("whole-clocks", "Clocks are never cut short", rules.whole_clocks: rule("overwritten-gone")),
        setting!(
            "repair-by-version", "Read repair goes by versions, not by time",
            rules.repair_by_version: rule("siblings-kept")
        ),
        setting!("keep-clock", "A collected tombstone leaves its clock", rules.keep_clock: rule("overwritten-gone")),
        setting!("durable-hints", "Hints are on disk", rules.durable_hints: rule("acknowledged-kept")),
    ]
}

impl Exhibit for Quorum {
    const ABOUT: About = About {
        id: "quorum",
        title: "Quorum store",
        summary: "No leader: N homes for each key, W acknowledgements, R answers. Dynamo with all its repairs, and \
                  exact registers.",
        family: "Replication and consistency",
        source: "DeCandia and others, SOSP 2007; Attiya, Bar-Noy and Dolev, JACM 1995",
        request: "put x 5",
        requests: Request::FORMS,
    };

    fn settings() -> Vec<Setting<Config>> {
        let mut settings = sizes();
        settings.extend(rules());
        settings
    }

    fn scenarios() -> Vec<Scenario<Quorum>> {
        let mut all = correct();
        all.extend(measured());
        all.extend(swarms());
        all.extend(weakened());
        all
    }

    fn vary(config: &mut Config, rng: &mut Rng) {
        (config.r, config.w) = *rng.pick(&[(2, 2), (2, 2), (1, 2), (1, 1)]);
        config.collect_after = Span::ms(100 + rng.below(1_500));
        config.clock_max = 1 + rng.below(3);
    }

    fn validate(config: &Config, environment: &Environment) -> Result<(), String> {
        for (name, size) in [("r", config.r), ("w", config.w)] {
            if size > config.n {
                return Err(format!(
                    "do not fit together: {name} is {size}, and n only {}",
                    config.n
                ));
            }
        }
        if config.n > environment.nodes.into() {
            return Err(format!(
                "do not fit together: n is {}, and there are {} nodes",
                config.n, environment.nodes
            ));
        }
        Ok(())
    }

    fn role(&self) -> Role {
        let waits = !self.operations.is_empty();
        let (name, letter, shape) = match waits {
            true => ("coordinator", 'C', Shape::Diamond),
            false => ("node", 'N', Shape::Circle),
        };
        Role {
            name,
            letter,
            shape,
            crown: false,
            epoch: None,
        }
    }

    fn view(&self) -> Vec<Field> {
        let items = self.store.iter().take(KEYS_SHOWN);
        let items: Vec<String> = items.map(|it| format!("{}={}", it.0, show(it.1))).collect();
        let hints = self.hints.keys().take(KEYS_SHOWN);
        let hints: Vec<String> = hints.map(|it| format!("{} for {}", it.1, it.0)).collect();
        let siblings = self
            .store
            .values()
            .filter(|it| it.values().len() > 1)
            .count();
        vec![
            Field::durable("keys", self.store.len()),
            Field::durable("items", json!(items)),
            Field::durable("hints", json!(hints)),
            Field::volatile("siblings", siblings),
            Field::volatile("coordinates", self.operations.len()),
            Field::volatile("suspects", names(self.suspects)),
        ]
    }

    fn look(message: &Message) -> Look {
        let mark = match message {
            Message::Ack { .. } | Message::Received { .. } => Mark::Accept,
            Message::Response { .. } => Mark::Reply,
            _ => Mark::Request,
        };
        Look { mark, epoch: None }
    }

    fn panels(world: &World<'_, Quorum>) -> Vec<Panel> {
        let Some((_, any)) = world.running().next() else {
            return Vec::new();
        };
        let keys = keys(world);
        vec![
            replicas(world, any, &keys),
            ring(world, any, &keys),
            trees(world),
        ]
    }

    fn checks() -> Vec<Promise<Quorum>> {
        checks::all()
    }

    fn promises(config: &Config, _check: &str) -> bool {
        config.promise == Pledge::Linearizable
    }

    /// There is no compare-and-set here: that share of the requests deletes. Nor are there lists: what would append to
    /// one or read it puts or gets.
    fn draw_request(rng: &mut Rng, environment: &Environment, unique: u32) -> Option<Request> {
        let what = KvRequest::draw_plain(rng, environment, unique);
        Some(Request { what, after: None })
    }

    fn operation(request: &Request) -> Option<Operation> {
        Some(request.what.operation())
    }
}

impl Quorum {
    /// Whether some key here has versions of which neither had seen the other.
    pub(crate) fn has_siblings(&self) -> bool {
        self.store.values().any(|it| it.values().len() > 1)
    }
}

/// An item in a few letters: `5`, `5 7` for siblings, `deleted`.
fn show(item: &Item) -> String {
    let values: Vec<String> = item.values().iter().map(i64::to_string).collect();
    match (item.versions.is_empty(), values.is_empty()) {
        (true, _) => "collected".to_owned(),
        (_, true) => "deleted".to_owned(),
        _ => values.join(" "),
    }
}

/// A version and its clock, as the paper's Figure 3 has it: `3 (n1:2,n2:1)`.
fn full(version: &Version, world: &World<'_, Quorum>) -> String {
    let value = version
        .value
        .map_or("deleted".to_owned(), |it| it.to_string());
    match world.config.lww {
        true => format!("{value} ({})", version.stamp.dot),
        false => format!("{value} ({})", Item::of(version.clone()).seen),
    }
}

/// The first keys that anybody has.
fn keys(world: &World<'_, Quorum>) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for id in world.ids() {
        let mine = world.durable(id).store.keys().copied();
        let held = world.durable(id).hints.keys().map(|it| it.1);
        keys.extend(mine.chain(held).take(KEYS_SHOWN * 2));
    }
    order::sort(&mut keys);
    keys.dedup();
    keys.truncate(KEYS_SHOWN);
    keys
}

/// What a node has of a key; what its disk has, while it is down.
fn item_of<'a>(world: &World<'a, Quorum>, id: NodeId, key: Key) -> Option<&'a Item> {
    match world.node(id) {
        Some(node) => node.store.get(&key),
        None => world.durable(id).store.get(&key),
    }
}

fn replicas(world: &World<'_, Quorum>, any: &Quorum, keys: &[Key]) -> Panel {
    let mut columns = vec!["key".to_owned(), "homes".to_owned()];
    columns.extend(world.ids().map(|it| it.to_string()));
    let cell = |id: NodeId, key: Key| {
        let mut cell = match item_of(world, id, key) {
            Some(it) if it.versions.is_empty() => show(it),
            Some(it) => {
                let cells: Vec<String> = it.versions.iter().map(|it| full(it, world)).collect();
                cells.join("  ")
            }
            None => String::new(),
        };
        let hints = world
            .node(id)
            .map_or(&world.durable(id).hints, |it| &it.hints);
        for ((home, _), it) in hints.iter().filter(|it| it.0.1 == key) {
            cell.push_str(&format!(" for {home}: {}", show(it)));
        }
        cell.trim().to_owned()
    };
    let rows = keys.iter().map(|key| {
        let homes: Vec<String> = any.homes(*key).iter().map(|it| it.to_string()).collect();
        let mut row = vec![key.to_string(), homes.join(" ")];
        row.extend(world.ids().map(|it| cell(it, *key)));
        row
    });
    Panel::Table {
        title: "Replicas",
        columns,
        rows: rows.collect(),
    }
}

fn ring(world: &World<'_, Quorum>, any: &Quorum, keys: &[Key]) -> Panel {
    let at = |it: u64| it as f64 / (u64::MAX as f64);
    let has =
        |id: &NodeId, key: Key| item_of(world, *id, key).is_some_and(|it| !it.values().is_empty());
    let token = |it: &RingToken| Token {
        at: at(it.at),
        node: it.node,
    };
    Panel::Ring {
        title: "Ring",
        tokens: any.ring.tokens().iter().map(token).collect(),
        keys: keys
            .iter()
            .map(|key| RingKey {
                at: at(place(*key)),
                name: key.to_string(),
                owners: any.homes(*key),
                holders: world.ids().filter(|it| has(it, *key)).collect(),
                heat: 0.0,
            })
            .collect(),
    }
}

/// Which pairs of homes differ, and in how many leaves of their trees.
fn trees(world: &World<'_, Quorum>) -> Panel {
    let running: Vec<(NodeId, &Quorum)> = world.running().collect();
    let mut rows = Vec::new();
    for (place, (id, node)) in running.iter().enumerate() {
        for (other, peer) in &running[place + 1..] {
            let (mine, theirs) = (node.tree(*other), peer.tree(*id));
            let leaves = merkle::LEAVES..2 * merkle::LEAVES;
            let differ = leaves
                .filter(|it| mine.hash(*it) != theirs.hash(*it))
                .count();
            if differ > 0 {
                rows.push(vec![format!("{id} and {other}"), differ.to_string()]);
            }
        }
    }
    Panel::Table {
        title: "Merkle trees",
        columns: ["pair", "leaves"].map(str::to_owned).to_vec(),
        rows,
    }
}

/// Five nodes, Dynamo's usual sizes, three clients.
fn calm() -> Scenario<Quorum> {
    Scenario {
        id: "calm",
        title: "Dynamo",
        summary: "Three homes for each key; a write is done at two of them, a read asks until two have told. Clients \
                  that write the same key side by side make siblings, which the next put over both replaces.",
        weakened: None,
        environment: Environment {
            clients: 3,
            cas: Chance::percent(10),
            ..Environment::DEFAULT
        },
        config: Config::DEFAULT,
        script: "",
        swarm: false,
        length: Span::secs(8),
        pace: Span::ms(30),
    }
}

/// Nobody asks but the script; all delays are the same.
fn puppets() -> Scenario<Quorum> {
    let calm = calm();
    Scenario {
        environment: Environment {
            clients: 0,
            latency: Dist::Constant(Span::ms(10)),
            ..calm.environment.clone()
        },
        length: Span::secs(5),
        pace: Span::ms(20),
        ..calm
    }
}

/// As [`puppets`], with three nodes, which are the homes of everything, and no stand-ins.
fn three() -> Scenario<Quorum> {
    let mut three = puppets();
    three.environment.nodes = 3;
    three.config.sloppy = false;
    three
}

/// Three exact registers.
fn registers() -> Scenario<Quorum> {
    let calm = calm();
    Scenario {
        id: "abd",
        title: "Registers as if there were one copy",
        summary: "A write first asks two of three homes how far they are; a read first writes back what it found. So \
                  no read ever finds less than one before it, although there is no leader. n2 crashes for a while: \
                  nothing stops.",
        environment: Environment {
            nodes: 3,
            spread: true,
            ..calm.environment.clone()
        },
        config: Config {
            promise: Pledge::Linearizable,
            lww: true,
            sloppy: false,
            ..Config::DEFAULT
        },
        script: "2s crash n2\n4s restart n2",
        ..calm
    }
}

fn correct() -> Vec<Scenario<Quorum>> {
    let calm = calm();
    let stand_in = Scenario {
        id: "stand-in",
        title: "A home is down",
        summary: "n2 crashes. Others stand in for it, each with a hint for whom it holds what; when n2 is back they \
                  hand it over.",
        script: "1s crash n2\n4s restart n2",
        ..calm.clone()
    };
    let partition = Scenario {
        id: "partition",
        title: "Both sides write",
        summary: "n1 and n2 are cut off from n3, n4 and n5. Everybody goes on writing, on both sides. When the cut \
                  heals the versions meet, and clients see siblings.",
        script: "1s partition n1 n2\n4s heal",
        ..calm.clone()
    };
    let figure_3 = Scenario {
        id: "figure-3",
        title: "Figure 3 of the paper",
        summary: "Sx is n1, Sy is n2, Sz is n3. D1 and D2 are written at Sx; D3 at Sy and D4 at Sz, both over D2: \
                  neither has seen the other. A read finds both, and D5 at Sx replaces both.",
        script: "100ms request n1 put x 1\n\
                 300ms request n1 put x 2 after n1:1\n\
                 500ms request n2 put x 3 after n1:2\n\
                 500ms request n3 put x 4 after n1:2\n\
                 700ms request n2 get x\n\
                 900ms request n1 put x 5 after n1:2,n2:1,n3:1\n\
                 1.1s request n3 get x",
        length: Span::secs(2),
        ..three()
    };
    let fresh = Scenario {
        id: "fresh",
        title: "Reads that are never stale",
        summary: "R + W > N, and only homes count: whoever reads meets somebody who has what was acknowledged. n3 is \
                  cut off for a while; who asks it there gets no answer rather than an old one.",
        config: Config {
            promise: Pledge::Fresh,
            ..Config::DEFAULT
        },
        script: "2s partition n3\n4s heal",
        ..calm.clone()
    };
    let tombstone = Scenario {
        id: "tombstone",
        title: "A delete that some have missed",
        summary: "x is deleted while n3 is down. The tombstone is collected, its clock stays: when n3 comes back with \
                  the old value, the others know that it is old.",
        config: Config {
            rules: Rules::ALL,
            ..early_collection().config
        },
        weakened: None,
        ..early_collection()
    };
    vec![
        calm,
        stand_in,
        partition,
        figure_3,
        fresh,
        tombstone,
        registers(),
    ]
}

/// Stores that are measured: one client, one key, a write and a read in turn, delays only where the model has them.
fn measured() -> Vec<Scenario<Quorum>> {
    let pbs = Scenario {
        id: "pbs",
        title: "How stale is eventual? (PBS)",
        summary: "N = 3, R = W = 1. Each message to and from a replica has the delay that was measured at LinkedIn \
                  (disks). A read that begins the moment a write is acknowledged finds it in 44 of 100 cases. Change \
                  the delays: `delay Write`, `delay Ack`, `delay Read`, `delay Response`.",
        environment: Environment {
            nodes: 3,
            clients: 1,
            keys: 1,
            latency: Dist::Constant(Span::ms(1)),
            disk: Dist::Constant(Span::ZERO),
            think: Dist::Constant(Span::ZERO),
            cas: Chance::NEVER,
            spread: true,
            retry: Span::secs(600),
            patience: Span::secs(600),
            ..Environment::DEFAULT
        },
        config: Config {
            r: 1,
            w: 1,
            lww: true,
            sloppy: false,
            read_repair: false,
            timeout: Span::secs(3_600),
            tick: Span::secs(3_600),
            rules: Rules {
                logical_stamps: false,
                anti_entropy: false,
                ..Rules::ALL
            },
            ..Config::DEFAULT
        },
        script: "0s delay Write mix(38%,pareto(1.05ms,1.51),exponential(0s,5.464ms))\n\
                 0s delay Ack mix(91.22%,pareto(235us,10),exponential(0s,602410ns))\n\
                 0s delay Read mix(91.22%,pareto(235us,10),exponential(0s,602410ns))\n\
                 0s delay Response mix(91.22%,pareto(235us,10),exponential(0s,602410ns))\n\
                 0s set latency 0s",
        length: Span::secs(1),
        pace: Span::ms(4),
        ..calm()
    };
    let few = Scenario {
        id: "k-staleness",
        title: "By how many versions? (PBS)",
        summary: "N = 3, R = W = 1, and a write goes to W homes alone, drawn at random: quorums that never grow. A \
                  read is within k versions of the newest with probability 1 - (2/3)^k.",
        config: Config {
            few: true,
            ..pbs.config.clone()
        },
        script: "0s delay Write 1ms\n0s delay Ack 1ms\n0s delay Read 1ms\n0s delay Response 1ms\n0s set latency 0s",
        ..pbs.clone()
    };
    vec![pbs, few]
}

fn swarms() -> Vec<Scenario<Quorum>> {
    let swarm = Scenario {
        id: "swarm",
        title: "Faults drawn from the seed",
        summary: "Crashes, pauses, cuts, wrong clocks, loss and copies; each seed has its own, and its own R and W. \
                  Then a majority heals, and all homes must agree.",
        environment: Environment {
            keys: 60,
            zipf: 990,
            ..calm().environment
        },
        swarm: true,
        length: Span::secs(9),
        ..calm()
    };
    let fresh = Scenario {
        id: "swarm-fresh",
        title: "Faults, and fresh reads",
        summary: "The same, with the promise that no read is stale.",
        config: Config {
            promise: Pledge::Fresh,
            ..Config::DEFAULT
        },
        ..swarm.clone()
    };
    let registers = Scenario {
        id: "swarm-abd",
        title: "Faults, and exact registers",
        summary: "The same, with registers that must seem to be one copy.",
        environment: Environment {
            // Few keys, for readers must meet; and no deletes, for then no value is written twice, and whether a
            // history is linearizable can be told at once, however many writes were left without an answer.
            keys: 4,
            cas: Chance::NEVER,
            ..swarm.environment.clone()
        },
        config: Config {
            timeout: Span::ms(150),
            ..registers().config
        },
        ..swarm.clone()
    };
    vec![swarm, fresh, registers]
}

/// Scenarios that switch a rule off, and the check that must fall.
fn weakened() -> Vec<Scenario<Quorum>> {
    vec![
        thin_quorum(),
        sloppy_read(),
        lost_hints(),
        fast_clock(),
        apart_for_ever(),
        one_number(),
        short_clocks(),
        early_collection(),
        repair_by_clock(),
        no_write_back(),
    ]
}

fn without(mut scenario: Scenario<Quorum>, off: fn(&mut Rules)) -> Scenario<Quorum> {
    off(&mut scenario.config.rules);
    scenario
}

fn thin_quorum() -> Scenario<Quorum> {
    let mut thin = calm();
    thin.environment.spread = true;
    thin.environment.keys = 1;
    thin.config = Config {
        r: 1,
        w: 1,
        promise: Pledge::Fresh,
        timeout: Span::secs(1),
        ..Config::DEFAULT
    };
    Scenario {
        id: "thin-quorum",
        title: "Broken: R + W is not more than N",
        summary: "One answer is enough, and one acknowledgement: those who are read from may have nothing of what was \
                  written.",
        weakened: Some("fresh-reads"),
        script: "0s delay Write exponential(0s,200ms)",
        ..without(thin, |it| it.overlap = false)
    }
}

fn sloppy_read() -> Scenario<Quorum> {
    let mut sloppy = puppets();
    sloppy.config.promise = Pledge::Fresh;
    Scenario {
        id: "sloppy-read",
        title: "Broken: stand-ins count",
        summary: "R + W > N, but k is written while n4 and n5 are cut off from its homes: they stand in, and count. \
                  Its homes have nothing, and answer so.",
        weakened: Some("fresh-reads"),
        script: "500ms partition n4 n5\n600ms request n4 put k 1\n1.5s request n1 get k\n3s heal",
        ..without(sloppy, |it| it.strict = false)
    }
}

fn lost_hints() -> Scenario<Quorum> {
    Scenario {
        id: "lost-hints",
        title: "Broken: hints are in memory only",
        summary: "k is written while n4 and n5 are cut off from its homes: they stand in for them, and crash. Nobody \
                  has the write any more.",
        weakened: Some("acknowledged-kept"),
        script: "500ms partition n4 n5\n600ms request n4 put k 1\n1.5s crash n4\n1.6s crash n5\n2s restart down\n3s \
                 heal",
        ..without(puppets(), |it| it.durable_hints = false)
    }
}

fn fast_clock() -> Scenario<Quorum> {
    let mut lww = three();
    lww.config.lww = true;
    Scenario {
        id: "fast-clock",
        title: "Broken: the last writer loses",
        summary: "n1's clock is five seconds ahead. x is written there, then at n2, which says \"written\" too; but \
                  n1's stamp is greater, and wins.",
        weakened: Some("acknowledged-kept"),
        script: "100ms clock n1 5s\n500ms request n1 put x 1\n1s request n2 put x 2\n2s request n3 get x",
        ..without(lww, |it| it.logical_stamps = false)
    }
}

fn apart_for_ever() -> Scenario<Quorum> {
    Scenario {
        id: "apart-for-ever",
        title: "Broken: homes never compare",
        summary: "n3 misses a write while it is cut off. Nobody reads the key, so nobody repairs it; without \
                  anti-entropy n3 never learns of it.",
        weakened: Some("replicas-converge"),
        script: "500ms partition n3\n600ms request n1 put x 1\n1.5s heal",
        ..without(three(), |it| it.anti_entropy = false)
    }
}

fn one_number() -> Scenario<Quorum> {
    Scenario {
        id: "one-number",
        title: "Broken: one number a node",
        summary: "Two clients have read x=1 and both write over it, through n1. A plain version vector makes the \
                  second seem to have seen the first, which is dropped, unseen by anybody.",
        weakened: Some("siblings-kept"),
        script: "100ms request n1 put x 1\n300ms request n1 put x 2 after n1:1\n500ms request n1 put x 3 after n1:1\n\
                 1s request n2 get x",
        ..without(three(), |it| it.dots = false)
    }
}

fn short_clocks() -> Scenario<Quorum> {
    let mut short = three();
    short.config.clock_max = 1;
    short.config.tick = Span::secs(86_400);
    short.config.read_repair = false;
    Scenario {
        id: "short-clocks",
        title: "Broken: clocks are cut short",
        summary: "n3 misses x=2. Then x=3 is written over both by a client that has seen them; its clock is cut to \
                  one node, so n3 does not know that x=1 is gone.",
        weakened: Some("overwritten-gone"),
        script: "100ms request n1 put x 1\n300ms partition n3\n400ms request n2 put x 2 after n1:1\n600ms heal\n\
                 700ms request n2 put x 3 after n1:1,n2:1\n1s request n3 get x",
        ..without(short, |it| it.whole_clocks = false)
    }
}

fn early_collection() -> Scenario<Quorum> {
    let mut early = three();
    early.config.collect_after = Span::ms(300);
    Scenario {
        id: "resurrection",
        title: "Broken: what was deleted comes back",
        summary: "x is deleted while n3 is down, and the tombstone is collected with all that is known of x. n3 comes \
                  back with the old value, and gives it to the others.",
        weakened: Some("overwritten-gone"),
        script: "100ms request n1 put x 1\n500ms crash n3\n600ms request n1 delete x after n1:1\n2s restart n3\n\
                 3s request n1 get x",
        ..without(early, |it| it.keep_clock = false)
    }
}

fn repair_by_clock() -> Scenario<Quorum> {
    Scenario {
        id: "repair-by-clock",
        title: "Broken: read repair by the clock",
        summary: "x=1 and x=2 are siblings: neither writer had seen the other. A read finds both, and repairs: what \
                  seems older by the clock is dropped everywhere.",
        weakened: Some("siblings-kept"),
        script: "100ms request n1 put x 1 after -\n105ms request n2 put x 2 after -\n500ms request n3 get x\n\
                 1s request n3 get x",
        ..without(three(), |it| it.repair_by_version = false)
    }
}

fn no_write_back() -> Scenario<Quorum> {
    let mut exact = three();
    exact.config.promise = Pledge::Linearizable;
    exact.config.lww = true;
    exact.config.tick = Span::secs(86_400);
    exact.config.read_repair = false;
    Scenario {
        id: "no-write-back",
        title: "Broken: a read does not write back",
        summary: "x=2 has reached n1 alone. A read at n2 asks n1 and finds it. A later read at n3 asks n2, which has \
                  still the old value: time goes backwards.",
        weakened: Some("linearizable"),
        script: "100ms request n1 put x 1\n500ms lose Write n1>n2\n500ms lose Write n1>n3\n500ms lose Read n2>n3\n\
                 500ms lose Read n3>n1\n510ms request n1 put x 2\n600ms request n2 get x\n700ms request n3 get x\n2s \
                 heal",
        ..without(exact, |it| it.write_back = false)
    }
}
