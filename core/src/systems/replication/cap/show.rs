//! How the two stores are set up, shown and checked side by side.

use super::{Cap, Config, Message, Pledge, Side};
use crate::check::{Invariant, Promise, linearizable};
use crate::exhibit::{About, Exhibit, Operation, Scenario, World};
use crate::frame::{Field, Look, Panel, Role, json_text};
use crate::parts::kv::KvRequest;
use crate::sim::dist::Dist;
use crate::sim::rng::Rng;
use crate::sim::settings::{Environment, Kind, Setting, Value};
use crate::sim::time::Span;
use crate::systems::consensus::raft::{self, Raft};
use crate::systems::replication::quorum::{self, Quorum};
use crate::trace::Phase;

const SIDES: &[&str] = &["cp", "ap"];
const PLEDGES: &[&str] = &["consistency", "availability", "neither"];

/// The cut: two nodes with two clients on one side, three nodes with four clients on the other.
const CUT: &str = "\
    2s partition n1 n2 | n3 n4 n5 for 3s\n\
    2s cut c1-n3 for 3s\n2s cut c1-n4 for 3s\n2s cut c1-n5 for 3s\n\
    2s cut c2-n3 for 3s\n2s cut c2-n4 for 3s\n2s cut c2-n5 for 3s\n\
    2s cut c3-n1 for 3s\n2s cut c3-n2 for 3s\n2s cut c4-n1 for 3s\n2s cut c4-n2 for 3s\n\
    2s cut c5-n1 for 3s\n2s cut c5-n2 for 3s\n2s cut c6-n1 for 3s\n2s cut c6-n2 for 3s";

impl Config {
    /// Raft as it is, and Dynamo as it is.
    const DEFAULT: Config = Config {
        side: Side::Cp,
        pledge: Pledge::Consistency,
        answer_within: Span::secs(1),
        raft: raft::Config::DEFAULT,
        quorum: quorum::Config::DEFAULT,
    };

    fn of(side: Side, pledge: Pledge) -> Config {
        Config {
            side,
            pledge,
            ..Config::DEFAULT
        }
    }
}

impl Exhibit for Cap {
    const ABOUT: About = About {
        id: "cap",
        title: "CAP: consistent or available",
        summary: "The same clients and the same partition on Raft and on Dynamo: one side of the cut gets no answers, \
                  or answers that do not know of the other side.",
        family: "Replication and consistency",
        source: "Gilbert and Lynch, SIGACT News 2002",
        request: "put x 5",
        requests: &["get KEY", "put KEY VALUE", "delete KEY"],
    };
    const BESIDE: Option<(&'static str, &'static str)> = Some(("cp", "ap"));

    fn settings() -> Vec<Setting<Config>> {
        vec![
            Setting {
                id: "store",
                title: "Kept in a partition: consistency (cp) or availability (ap)",
                kind: Kind::Choice(SIDES),
                rule: None,
                get: |it: &Config| Value::Choice(SIDES[usize::from(it.side == Side::Ap)]),
                set: |it: &mut Config, value| {
                    it.side = match value.choice() {
                        "ap" => Side::Ap,
                        _ => Side::Cp,
                    }
                },
            },
            Setting {
                id: "promise",
                title: "Clients are promised",
                kind: Kind::Choice(PLEDGES),
                rule: None,
                get: |it| {
                    Value::Choice(match it.pledge {
                        Pledge::Consistency => PLEDGES[0],
                        Pledge::Availability => PLEDGES[1],
                        Pledge::Neither => PLEDGES[2],
                    })
                },
                set: |it, value| {
                    it.pledge = match value.choice() {
                        "consistency" => Pledge::Consistency,
                        "availability" => Pledge::Availability,
                        _ => Pledge::Neither,
                    }
                },
            },
            Setting {
                id: "answer-within",
                title: "Available means an answer within",
                kind: Kind::Time {
                    min: Span::ms(10),
                    max: Span::secs(600),
                },
                rule: None,
                get: |it| Value::Time(it.answer_within),
                set: |it, value| it.answer_within = value.time(),
            },
        ]
    }

    fn scenarios() -> Vec<Scenario<Cap>> {
        let cp = Scenario {
            id: "cp",
            title: "Consistent: the smaller side waits",
            summary: "Raft. From 2 s to 5 s c1 and c2 reach only n1 and n2, which are no majority: they get no \
                      answers, and nobody reads a stale value.",
            weakened: None,
            environment: Environment {
                clients: 6,
                keys: 2,
                think: Dist::Uniform(Span::ms(60), Span::ms(120)),
                ..Environment::DEFAULT
            },
            config: Config::DEFAULT,
            script: CUT,
            swarm: false,
            length: Span::secs(8),
            pace: Span::ms(150),
        };
        let ap = Scenario {
            id: "ap",
            title: "Available: both sides answer",
            summary: "Dynamo. From 2 s to 5 s both sides go on without each other: every request is \
                      answered, many reads are stale, and when the cut heals siblings meet.",
            config: Config::of(Side::Ap, Pledge::Availability),
            ..cp.clone()
        };
        vec![
            Scenario {
                id: "calm",
                title: "No partition, both promises kept",
                summary: "Raft, while nothing is amiss: consistent, and available as well. CAP asks for a choice only \
                          when the network is cut.",
                config: Config::of(Side::Cp, Pledge::Consistency),
                script: "",
                ..cp.clone()
            },
            cp.clone(),
            ap.clone(),
            swarm(&cp),
            Scenario {
                id: "cp-promised-available",
                title: "Consistent, but promised to be available",
                summary: "The same partition on Raft. Whoever promises answers within a second has to watch c1 and c2 \
                          wait.",
                weakened: Some("available"),
                config: Config::of(Side::Cp, Pledge::Availability),
                ..cp
            },
            Scenario {
                id: "ap-promised-consistent",
                title: "Available, but promised to be consistent",
                summary: "The same partition on Dynamo, where the last writer wins. Whoever promises one copy has to \
                          explain what c1 and c3 read.",
                weakened: Some("linearizable"),
                config: Config {
                    quorum: quorum::Config {
                        lww: true,
                        ..quorum::Config::DEFAULT
                    },
                    ..Config::of(Side::Ap, Pledge::Consistency)
                },
                ..ap
            },
        ]
    }

    fn vary(config: &mut Config, rng: &mut Rng) {
        // Of a store that stays available nothing is promised while all kinds of things fail.
        if rng.below(2) == 0 {
            config.side = Side::Ap;
            config.pledge = Pledge::Neither;
        }
    }

    fn validate(config: &Config, environment: &Environment) -> Result<(), String> {
        match config.side {
            Side::Cp => Raft::validate(&config.raft, environment),
            Side::Ap => Quorum::validate(&config.quorum, environment),
        }
    }

    fn role(&self) -> Role {
        match self {
            Cap::Cp(it) => it.role(),
            Cap::Ap(it) => it.role(),
        }
    }

    fn view(&self) -> Vec<Field> {
        match self {
            Cap::Cp(it) => it.view(),
            Cap::Ap(it) => it.view(),
        }
    }

    fn look(message: &Message) -> Look {
        match message {
            Message::Cp(it) => Raft::look(it),
            Message::Ap(it) => Quorum::look(it),
        }
    }

    fn panels(world: &World<'_, Cap>) -> Vec<Panel> {
        vec![what_nodes_hold(world)]
    }

    fn checks() -> Vec<Promise<Cap>> {
        checks()
    }

    fn promises(config: &Config, check: &str) -> bool {
        check != "linearizable" || config.pledge == Pledge::Consistency
    }

    fn draw_request(rng: &mut Rng, environment: &Environment, unique: u32) -> Option<KvRequest> {
        // Both stores are to be asked the same, and Dynamo has no more.
        Some(KvRequest::draw_plain(rng, environment, unique))
    }

    fn operation(request: &KvRequest) -> Option<Operation> {
        Some(request.operation())
    }
}

fn swarm(cp: &Scenario<Cap>) -> Scenario<Cap> {
    Scenario {
        id: "swarm",
        title: "Faults drawn from the seed",
        summary: "Crashes, cuts, loss, wrong clocks, on one store or the other: each seed has its own. Then a majority \
                  heals, and clients get answers again.",
        script: "",
        swarm: true,
        length: Span::secs(9),
        ..cp.clone()
    }
}

/// What each node knows of the keys.
fn what_nodes_hold(world: &World<'_, Cap>) -> Panel {
    let row = |id: crate::protocol::NodeId| {
        let Some(node) = world.node(id) else {
            return vec![id.to_string(), "down".to_owned(), String::new()];
        };
        let fields = node.view();
        let held = fields
            .iter()
            .find(|it| ["stateMachine", "items"].contains(&it.name));
        let held = held.map_or_else(String::new, |it| json_text(&it.value));
        vec![id.to_string(), node.role().name.to_owned(), held]
    };
    Panel::Table {
        title: "What nodes hold",
        columns: vec!["Node".to_owned(), "Is".to_owned(), "Holds".to_owned()],
        rows: world.ids().map(row).collect(),
    }
}

fn checks() -> Vec<Promise<Cap>> {
    vec![
        Promise::always(Available),
        Promise::history(
            "linearizable",
            "Clients see one copy of each key, changed in one order that respects real time; where that is \
                      promised.",
            linearizable::judge,
        ),
        Promise::Sometimes {
            name: "answered",
            promise: "A client is answered.",
            reached: |world| last_phase(world) == Some(Phase::Ok),
        },
        Promise::Sometimes {
            name: "partitioned",
            promise: "The network is cut in two.",
            reached: |world| world.network.groups().len() > 1,
        },
        Promise::Sometimes {
            name: "answered-while-partitioned",
            promise: "A client is answered while the network is cut.",
            reached: |world| {
                world.network.groups().len() > 1 && last_phase(world) == Some(Phase::Ok)
            },
        },
        Promise::Sometimes {
            name: "waits-long",
            promise: "A client waits for an answer for more than a second.",
            reached: |world| waits_longer(world, Span::secs(1)).is_some(),
        },
        Promise::Sometimes {
            name: "siblings",
            promise: "Versions meet that knew nothing of each other.",
            reached: |world| match world.actor() {
                Some((_, Cap::Ap(node))) => node.has_siblings(),
                _ => false,
            },
        },
        Promise::Eventually {
            name: "answers",
            promise: "Once all is healed, clients are answered.",
            holds: answers,
        },
    ]
}

fn last_phase(world: &World<'_, Cap>) -> Option<Phase> {
    let last = world.history.len().checked_sub(1)?;
    world.history.look(last, |it| it.phase)
}

/// A client that has waited for longer than this, in words.
fn waits_longer(world: &World<'_, Cap>, than: Span) -> Option<String> {
    let pending = world.pending();
    let late = pending.iter().find(|it| world.now.since(it.since) > than)?;
    Some(format!(
        "{} has waited for an answer to \"{}\" since {}",
        late.client, late.request, late.since
    ))
}

fn answers(world: &World<'_, Cap>) -> Result<(), String> {
    let together = world.core();
    // With one copy of each write anywhere, only a whole cluster can be asked for everything.
    let enough = match world.config.side {
        Side::Cp => world.majority(),
        Side::Ap => world.ids().count(),
    };
    if world.environment.clients == 0 || together.len() < enough {
        return Ok(());
    }
    let recent = Span::secs(1);
    let answered = world.history.with(0, u32::MAX, |lines| {
        let late = lines.iter().rev();
        let mut late = late.take_while(|it| world.now.since(it.time) <= recent);
        late.any(|it| it.phase == Phase::Ok)
    });
    match answered {
        true => Ok(()),
        false => Err(format!("nobody was answered in the last {recent}")),
    }
}

/// Every request is answered soon, where that is promised.
#[derive(Clone)]
struct Available;

impl Invariant<Cap> for Available {
    fn name(&self) -> &'static str {
        "available"
    }

    fn promise(&self) -> &'static str {
        "Every request is answered within the time that is promised."
    }

    fn observe(&mut self, world: &World<'_, Cap>) -> Result<(), String> {
        if world.config.pledge != Pledge::Availability {
            return Ok(());
        }
        match waits_longer(world, world.config.answer_within) {
            Some(words) => Err(words),
            None => Ok(()),
        }
    }

    fn clone_box(&self) -> Box<dyn Invariant<Cap>> {
        Box::new(self.clone())
    }
}
