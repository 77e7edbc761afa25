//! Broadcast on the stage: settings, scenarios, pictures.

use serde_json::json;

use crate::check::Promise;
use crate::exhibit::{About, Exhibit, Scenario, World};
use crate::frame::{Field, LogCell, LogRow, Look, Mark, Panel, Role, Shape};
use crate::protocol::NodeId;
use crate::sim::dist::{Chance, Dist};
use crate::sim::rng::Rng;
use crate::sim::settings::{Environment, Kind, Setting, Value, setting};
use crate::sim::time::Span;

use super::{Broadcast, Config, Kept, Message, Order, PostId, checks};

/// So many of its last deliveries a process shows.
const SHOWN: u32 = 12;

/// The names of the orders.
const ORDERS: &[&str] = &["fifo", "causal", "total"];

impl Config {
    const DEFAULT: Config = Config {
        order: Order::Causal,
        interval: Span::ms(600),
        exchange: Span::ms(100),
        replies: Chance::percent(30),
        fifo_wait: true,
        causal_wait: true,
        one_order: true,
        once: true,
    };
}

impl Exhibit for Broadcast {
    const ABOUT: About = About {
        id: "causal_broadcast",
        title: "Causal broadcast",
        summary: "Everybody tells everybody. What comes too early is held back, so that nobody hears an answer before \
                  its question.",
        family: "Time and order",
        source: "Birman, Schiper and Stephenson, ACM TOCS 1991",
        request: "post hello",
        requests: &["post WORD"],
    };

    fn vary(config: &mut Config, rng: &mut Rng) {
        config.order = *rng.pick(&[Order::Fifo, Order::Causal, Order::Total]);
        config.interval = Span::ms(100 + rng.below(600));
        config.replies = Chance::percent(rng.below(60) as u32);
    }

    fn settings() -> Vec<Setting<Config>> {
        let time = Kind::Time {
            min: Span::ms(1),
            max: Span::secs(600),
        };
        vec![
            Setting {
                id: "order",
                title: "Order of deliveries",
                kind: Kind::Choice(ORDERS),
                rule: None,
                get: |it: &Config| Value::Choice(ORDERS[it.order as usize]),
                set: |it: &mut Config, value| {
                    it.order = match value.choice() {
                        "fifo" => Order::Fifo,
                        "causal" => Order::Causal,
                        _ => Order::Total,
                    }
                },
            },
            Setting {
                id: "interval",
                title: "A process posts every",
                kind: time,
                rule: None,
                get: |it| Value::Time(it.interval),
                set: |it, value| it.interval = value.time(),
            },
            setting!("exchange", "Two processes compare every", exchange: time(Span::ms(1), Span::secs(600))),
            setting!("replies", "Posts that are answered", replies: chance()),
            setting!("fifo-wait", "Wait for the sender's earlier posts", fifo_wait: rule("fifo-order")),
            setting!("causal-wait", "Wait for what the sender had delivered", causal_wait: rule("causal-order")),
            setting!("one-order", "Wait for the sequencer's order", one_order: rule("total-order")),
            setting!("once", "Copies are recognized", once: rule("integrity")),
        ]
    }

    fn scenarios() -> Vec<Scenario<Broadcast>> {
        let mut all = correct();
        all.extend(weakened());
        all
    }

    fn validate(config: &Config, environment: &Environment) -> Result<(), String> {
        // Two processes that answer each other's every post would never stop, but an answer is not answered.
        let flood = config.interval.0 < 10_000_000 && environment.nodes > 20;
        if flood {
            return Err(format!(
                "do not fit together: {} processes that post every {} flood everything",
                environment.nodes, config.interval
            ));
        }
        Ok(())
    }

    fn role(&self) -> Role {
        let is_sequencer = self.is_sequencer();
        let (name, letter, shape) = if is_sequencer {
            ("sequencer", 'S', Shape::Hexagon)
        } else {
            ("process", 'P', Shape::Circle)
        };
        Role {
            name,
            letter,
            shape,
            crown: is_sequencer,
            epoch: None,
        }
    }

    fn view(&self) -> Vec<Field> {
        let kept = &self.kept;
        let mut fields = vec![
            Field::durable("vt", json!(kept.vt)),
            Field::durable("made", kept.made.len()),
            Field::durable("delivered", kept.delivered.len()),
            Field::durable("held", kept.held.len()),
            Field::durable("heldBack", json!(kept.held)),
            Field::durable("received", json!(kept.received)),
            Field::durable("postsKept", kept.posts.len()),
        ];
        if self.config.order == Order::Total {
            fields.push(Field::durable("ordered", kept.order.len()));
        }
        fields
    }

    fn look(message: &Message) -> Look {
        let mark = match message {
            Message::Post(post) if post.reply_to.is_none() => Mark::Request,
            Message::Post(_) => Mark::Accept,
            Message::Have { .. } | Message::SetOrder { .. } => Mark::Reply,
        };
        let epoch = match message {
            Message::Post(post) => Some(post.id.origin.0.into()),
            _ => None,
        };
        Look { mark, epoch }
    }

    fn panels(world: &World<'_, Broadcast>) -> Vec<Panel> {
        vec![deliveries(world), waiting(world)]
    }

    fn checks() -> Vec<Promise<Broadcast>> {
        checks::all()
    }
}

/// What each process has delivered, and behind that what it holds back.
fn deliveries(world: &World<'_, Broadcast>) -> Panel {
    let kept = |id| {
        world
            .node(id)
            .map_or_else(|| world.durable(id), |it| &it.kept)
    };
    let most = world.ids().map(|it| kept(it).delivered.len()).max();
    let from = most.unwrap_or(0).saturating_sub(SHOWN);
    let row = |id: NodeId| {
        let kept = kept(id);
        let cell = |post: &PostId, committed| LogCell {
            text: short(kept, *post),
            epoch: Some(post.origin.0.into()),
            committed,
        };
        let mut cells: Vec<LogCell> =
            kept.delivered
                .with(from.min(kept.delivered.len()), u32::MAX, |it| {
                    it.iter().map(|it| cell(it, true)).collect()
                });
        cells.extend(
            kept.held
                .iter()
                .take(SHOWN as usize)
                .map(|it| cell(it, false)),
        );
        LogRow {
            node: id,
            first: u64::from(from.min(kept.delivered.len())) + 1,
            cells,
            down: world.node(id).is_none(),
        }
    };
    Panel::Log {
        title: "Deliveries",
        legend: "Solid: delivered, in this order. Dashed: held back. Colour: who made it.",
        rows: world.ids().map(row).collect(),
    }
}

/// A post in a few letters: its name or its word, and what it answers.
fn short(kept: &Kept, id: PostId) -> String {
    let Some(post) = kept.posts.get(&id) else {
        return id.to_string();
    };
    match (post.word, post.reply_to) {
        (Some(word), _) => word.to_string(),
        (None, Some(question)) => format!("{id} re {question}"),
        (None, None) => id.to_string(),
    }
}

/// Every post that is held back, and what it waits for.
fn waiting(world: &World<'_, Broadcast>) -> Panel {
    let mut rows = Vec::new();
    for (id, node) in world.running() {
        for held in &node.kept.held {
            let Some(post) = node.kept.posts.get(held) else {
                continue;
            };
            let mut missing: Vec<String> = Vec::new();
            for (origin, count) in post.vt.counts() {
                let own = u32::from(origin == held.origin);
                let first = node.kept.vt.get(origin) + 1;
                if first + own <= count {
                    missing.push(
                        PostId {
                            origin,
                            sequence: first,
                        }
                        .to_string(),
                    );
                }
            }
            if missing.is_empty() {
                missing.push("the sequencer".to_owned());
            }
            rows.push(vec![
                id.to_string(),
                held.to_string(),
                post.vt.to_string(),
                node.kept.vt.to_string(),
                missing.join(", "),
            ]);
        }
    }
    let columns = [
        "process",
        "holds back",
        "VT of the post",
        "VT of the process",
        "waits for",
    ];
    Panel::Table {
        title: "Held back",
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    }
}

fn calm() -> Scenario<Broadcast> {
    Scenario {
        id: "calm",
        title: "Questions and answers in causal order",
        summary: "Three processes post and answer. Now and then an answer overtakes its question and is held back \
                  until the question is there.",
        weakened: None,
        environment: Environment {
            nodes: 3,
            latency: Dist::Uniform(Span::ms(5), Span::ms(80)),
            ..Environment::DEFAULT
        },
        config: Config::DEFAULT,
        script: "",
        swarm: false,
        length: Span::secs(10),
        pace: Span::ms(60),
    }
}

/// n1 asks, n2 hears it at once and answers at once, and n3 is far from n1.
const TRIANGLE: &str = "0s link n1>n3 latency 400ms\n0s link n1>n2 latency 10ms\n0s link n2>n3 latency 10ms\n\
                        100ms request n1 post question";

/// Nobody speaks unless asked, and everybody answers.
fn quiet() -> Config {
    Config {
        interval: Span::secs(600),
        exchange: Span::secs(2),
        replies: Chance::percent(100),
        ..Config::DEFAULT
    }
}

fn correct() -> Vec<Scenario<Broadcast>> {
    let calm = calm();
    let with = |order| Config {
        order,
        ..Config::DEFAULT
    };
    let triangle = Scenario {
        id: "triangle",
        title: "An answer overtakes its question",
        summary: "n1's question takes long to n3, n2's answer does not. n3 holds the answer back until it has the \
                  question. Everybody else is quiet: it is your turn to post.",
        config: quiet(),
        script: TRIANGLE,
        length: Span::secs(3),
        pace: Span::ms(20),
        ..calm.clone()
    };
    let fifo = Scenario {
        id: "fifo",
        title: "FIFO order",
        summary: "Each sender's posts come in their order, and nothing more is promised: here an answer may be \
                  delivered before its question.",
        config: with(Order::Fifo),
        ..calm.clone()
    };
    let total = Scenario {
        id: "total",
        title: "Total order",
        summary: "n1 is the sequencer. Every process waits for its word, its own posts included, and all deliver the \
                  same list.",
        config: with(Order::Total),
        ..calm.clone()
    };
    let lossy = Scenario {
        id: "lossy",
        title: "A network that loses and doubles",
        summary: "One message in five is lost, one in five comes twice, and n2 is away for a while. Processes compare \
                  what they have, and fill each other's gaps.",
        environment: Environment {
            nodes: 4,
            loss: Chance::percent(20),
            duplicate: Chance::percent(20),
            ..calm.environment.clone()
        },
        script: "2s crash n2\n4s restart n2\n7s set loss 0%",
        ..calm.clone()
    };
    let swarm = Scenario {
        id: "swarm",
        title: "Faults drawn from the seed",
        summary: "Crashes, pauses, cuts, bad disks, loss and copies, and one of the three orders: each seed has its \
                  own. In the end everybody has delivered what the others have.",
        environment: Environment {
            nodes: 4,
            ..calm.environment.clone()
        },
        swarm: true,
        length: Span::secs(9),
        ..calm.clone()
    };
    vec![calm, triangle, fifo, total, lossy, swarm]
}

fn weakened() -> Vec<Scenario<Broadcast>> {
    let calm = calm();
    let no_hold_back = Scenario {
        id: "no-hold-back",
        title: "Broken: nothing is held back for causes",
        summary: "n3 delivers n2's answer as soon as it comes, and n1's question long after it.",
        weakened: Some("causal-order"),
        config: Config {
            causal_wait: false,
            ..quiet()
        },
        script: TRIANGLE,
        length: Span::secs(3),
        pace: Span::ms(20),
        ..calm.clone()
    };
    let no_numbers = Scenario {
        id: "no-numbers",
        title: "Broken: nobody counts a sender's posts",
        summary: "n1 posts twice, and the second overtakes the first on the way to n2.",
        weakened: Some("fifo-order"),
        config: Config {
            order: Order::Fifo,
            fifo_wait: false,
            ..quiet()
        },
        script: "0s link n1>n2 latency 600ms\n100ms request n1 post one\n250ms link n1>n2 latency 10ms\n\
                 260ms request n1 post two",
        length: Span::secs(2),
        pace: Span::ms(20),
        ..calm.clone()
    };
    let two_orders = Scenario {
        id: "two-orders",
        title: "Broken: everybody has an order of its own",
        summary: "n2 and n3 post at once. Without a sequencer each delivers its own post first.",
        weakened: Some("total-order"),
        config: Config {
            order: Order::Total,
            one_order: false,
            ..quiet()
        },
        script: "0s link n2>n3 latency 300ms\n0s link n3>n2 latency 300ms\n\
                 100ms request n2 post left\n100ms request n3 post right",
        length: Span::secs(2),
        pace: Span::ms(20),
        ..calm.clone()
    };
    let twice = Scenario {
        id: "twice",
        title: "Broken: a copy is taken for a new post",
        summary: "The network doubles messages, and a process delivers what it has delivered before.",
        weakened: Some("integrity"),
        environment: Environment {
            duplicate: Chance::percent(50),
            ..calm.environment.clone()
        },
        config: Config {
            once: false,
            ..Config::DEFAULT
        },
        ..calm
    };
    vec![no_hold_back, no_numbers, two_orders, twice]
}
