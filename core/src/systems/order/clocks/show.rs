//! Clocks on the stage: settings, scenarios, pictures.

use serde_json::json;

use crate::check::Promise;
use crate::exhibit::{About, Exhibit, Scenario, World};
use crate::frame::{Field, Panel, Role, Shape};
use crate::parts::order;
use crate::parts::vector::Causality;
use crate::protocol::NodeId;
use crate::sim::dist::{Chance, Dist};
use crate::sim::rng::Rng;
use crate::sim::settings::{Environment, Setting, setting};
use crate::sim::time::{Span, Time};

use super::{Clocks, Config, Event, Hlc, checks};

/// So many events are shown.
const SHOWN: usize = 12;

impl Config {
    const DEFAULT: Config = Config {
        interval: Span::ms(200),
        local: Chance::percent(30),
        merge: true,
        keep: true,
        logical: true,
    };
}

impl Exhibit for Clocks {
    const ABOUT: About = About {
        id: "clocks",
        title: "Logical clocks",
        summary: "Which event came first, when no two clocks agree? Lamport, vector and hybrid clocks stamp the same \
                  events.",
        family: "Time and order",
        source: "Lamport, CACM 1978; Mattern 1989; Kulkarni et al. 2014",
        request: "send n2",
        requests: &["send NODE", "local"],
    };
    const GROWS: bool = true;

    fn vary(config: &mut Config, rng: &mut Rng) {
        config.interval = Span::ms(20 + rng.below(100));
        config.local = Chance::percent(rng.below(30) as u32);
    }

    fn settings() -> Vec<Setting<Config>> {
        vec![
            setting!("interval", "An event every", interval: time(Span::ms(1), Span::secs(600))),
            setting!("local", "Events that send nothing", local: chance()),
            setting!("merge", "Receivers take over the greater time", merge: rule("clock-condition")),
            setting!("keep", "The clock is on disk", keep: rule("vector-order")),
            setting!("logical", "Hybrid time has a logical part", logical: rule("hlc-order")),
        ]
    }

    fn scenarios() -> Vec<Scenario<Clocks>> {
        let mut all = correct();
        all.extend(weakened());
        all
    }

    fn role(&self) -> Role {
        Role {
            name: "process",
            letter: 'P',
            shape: Shape::Circle,
            crown: false,
            epoch: None,
        }
    }

    fn view(&self) -> Vec<Field> {
        let last = self.last();
        vec![
            Field::durable("lamport", self.stamp.lamport),
            Field::durable("vector", json!(self.stamp.vector)),
            Field::durable("hlc", self.stamp.hlc.short()),
            Field::durable("events", self.events),
            Field::volatile("lastEvent", last.map(|it| it.what.to_string())),
            Field::volatile("physical", last.map(|it| short(it.physical))),
        ]
    }

    fn panels(world: &World<'_, Clocks>) -> Vec<Panel> {
        vec![events(world), relations(world)]
    }

    fn checks() -> Vec<Promise<Clocks>> {
        checks::all()
    }
}

/// A time in a table: to the millisecond.
fn short(time: Time) -> String {
    let millis = time.0 / 1_000_000;
    format!("{}.{:03} s", millis / 1_000, millis % 1_000)
}

impl Hlc {
    fn short(&self) -> String {
        format!("{} + {}", short(self.l), self.c)
    }
}

/// The last events in the total order of Lamport's paper: by stamp, and by node where stamps are equal.
fn events(world: &World<'_, Clocks>) -> Panel {
    let mut all: Vec<(NodeId, &Event)> = Vec::new();
    for (id, node) in world.running() {
        all.extend(node.recent.iter().map(|it| (id, it)));
    }
    order::sort_by_key(&mut all, |it| (it.1.stamp.lamport, it.0));
    let shown = &all[all.len().saturating_sub(SHOWN)..];
    let row = |(id, event): &(NodeId, &Event)| {
        vec![
            format!("{id}.{}", event.number),
            event.what.to_string(),
            event.stamp.lamport.to_string(),
            event.stamp.vector.to_string(),
            event.stamp.hlc.short(),
            short(event.physical),
        ]
    };
    let columns = [
        "event",
        "what",
        "Lamport",
        "vector",
        "hybrid",
        "node's clock",
    ];
    Panel::Table {
        title: "Last events",
        columns: columns.map(str::to_owned).to_vec(),
        rows: shown.iter().map(row).collect(),
    }
}

/// How the last events of all nodes stand to each other, by their vectors.
fn relations(world: &World<'_, Clocks>) -> Panel {
    let all: Vec<(NodeId, &Event)> = world
        .running()
        .filter_map(|(id, node)| Some((id, node.last()?)))
        .collect();
    let name = |it: &(NodeId, &Event)| format!("{}.{}", it.0, it.1.number);
    let relation = |one: &Event, two: &Event| match one.stamp.vector.compare(&two.stamp.vector) {
        Causality::Before => "before",
        Causality::After => "after",
        Causality::Equal => "",
        Causality::Concurrent => "concurrent",
    };
    let row = |it: &(NodeId, &Event)| {
        let cells = all.iter().map(|other| relation(it.1, other.1).to_owned());
        std::iter::once(name(it)).chain(cells).collect()
    };
    let columns = all.iter().map(name);
    Panel::Table {
        title: "Happened before",
        columns: std::iter::once("this event is".to_owned())
            .chain(columns)
            .collect(),
        rows: all.iter().map(row).collect(),
    }
}

fn calm() -> Scenario<Clocks> {
    Scenario {
        id: "calm",
        title: "Three processes write to each other",
        summary: "Every event is stamped three times. Click an event to see its past and its future; the table names \
                  those that are concurrent.",
        weakened: None,
        environment: Environment {
            nodes: 3,
            ..Environment::DEFAULT
        },
        config: Config::DEFAULT,
        script: "",
        swarm: false,
        length: Span::secs(8),
        pace: Span::ms(60),
    }
}

fn correct() -> Vec<Scenario<Clocks>> {
    let calm = calm();
    let by_hand = Scenario {
        id: "by-hand",
        title: "You send the messages",
        summary: "Nobody does anything by itself. After a few messages it is your turn: send n2 asks a node to write \
                  to n2. Can you make two events concurrent, with equal Lamport stamps?",
        environment: Environment {
            latency: Dist::Constant(Span::ms(30)),
            ..calm.environment.clone()
        },
        config: Config {
            interval: Span::secs(600),
            ..Config::DEFAULT
        },
        script: "100ms request n1 local\n150ms request n1 send n2\n160ms request n3 local\n300ms request n2 send n3\n\
                 320ms request n1 local\n500ms request n3 send n1\n\
                 700ms request n1 send n2",
        length: Span::secs(4),
        ..calm.clone()
    };
    let skewed = Scenario {
        id: "skewed-clocks",
        title: "A physical clock runs ahead",
        summary: "n1's clock is 300 ms ahead. By physical time its messages arrive before they are sent; hybrid time \
                  follows the one who is ahead and keeps the order.",
        environment: Environment {
            skew: Span::ms(20),
            ..calm.environment.clone()
        },
        script: "1s clock n1 +300ms\n3s drift n2 -20000ppm\n5s sync n1",
        ..calm.clone()
    };
    let restart = Scenario {
        id: "restart",
        title: "A process comes back",
        summary: "n1 crashes and comes back. Its clock was on disk before any message carried it, so it goes on where \
                  it was.",
        script: "2s crash n1\n2.5s restart n1",
        ..calm.clone()
    };
    let swarm = Scenario {
        id: "swarm",
        title: "Faults drawn from the seed",
        summary: "Crashes, pauses, cuts, wrong clocks, loss and copies, processes that come and go: each seed has its \
                  own. Order survives all of it.",
        environment: Environment {
            nodes: 4,
            ..Environment::DEFAULT
        },
        swarm: true,
        length: Span::secs(8),
        ..calm.clone()
    };
    vec![calm, by_hand, skewed, restart, swarm]
}

fn weakened() -> Vec<Scenario<Clocks>> {
    let calm = calm();
    let no_merge = Scenario {
        id: "no-merge",
        title: "Broken: receivers keep their own time",
        summary: "n1 has been busy; n2 has not. n2 receives n1's message and stamps it with a smaller number than n1 \
                  gave the sending: by the stamps, it arrives before it was sent.",
        weakened: Some("clock-condition"),
        config: Config {
            merge: false,
            ..Config::DEFAULT
        },
        script: "10ms request n1 local\n15ms request n1 local\n20ms request n1 local\n25ms request n1 send n2",
        ..calm.clone()
    };
    let reset = Scenario {
        id: "reset",
        title: "Broken: a clock begins anew",
        summary: "n1 comes back without its clock, and before anybody tells it the time it counts from one again. Its \
                  new events seem to have happened before the old ones.",
        weakened: Some("vector-order"),
        config: Config {
            keep: false,
            ..Config::DEFAULT
        },
        script: "2s crash n1\n2.4s partition n1\n2.5s restart n1\n2.51s request n1 local\n3s unite",
        ..calm.clone()
    };
    let physical = Scenario {
        id: "physical-time",
        title: "Broken: time stamps of physical clocks",
        summary: "Events are stamped with what the clock on the wall shows. n1's is 300 ms ahead, so whoever hears \
                  from it hears from the future.",
        weakened: Some("hlc-order"),
        environment: Environment {
            skew: Span::ms(20),
            ..calm.environment.clone()
        },
        config: Config {
            logical: false,
            ..Config::DEFAULT
        },
        script: "1s clock n1 +300ms\n1.1s request n1 send n2\n1.2s request n1 send n3",
        ..calm
    };
    vec![no_merge, reset, physical]
}
