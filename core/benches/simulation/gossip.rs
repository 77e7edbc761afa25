//! Gossip, to see what an event costs as nodes grow: every node tells one other, now and then, the newest number that
//! it has heard of. The first node counts on.

use std::fmt;
use std::str::FromStr;

use clusterscope_core::BadInput;
use clusterscope_core::check::Promise;
use clusterscope_core::exhibit::{About, Exhibit, Scenario};
use clusterscope_core::frame::{Field, Role, Shape};
use clusterscope_core::protocol::{Answer, Ctx, NodeId, Outcome, Payload, Protocol, RequestId};
use clusterscope_core::sim::settings::{Environment, Setting};
use clusterscope_core::sim::time::Span;
use serde::Serialize;

/// How often a node tells what it knows.
pub const INTERVAL: Span = Span::ms(100);

/// A number that spreads.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
pub struct Rumour(u64);

impl Payload for Rumour {
    fn kind(&self) -> &'static str {
        "Rumour"
    }
}

impl Answer for Rumour {
    fn outcome(&self) -> Outcome {
        Outcome::Elsewhere(None)
    }
}

impl fmt::Display for Rumour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rumour {}", self.0)
    }
}

impl FromStr for Rumour {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<Rumour, BadInput> {
        Err(BadInput::new(text, "is not a request: nobody asks here"))
    }
}

/// The only alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick;

impl fmt::Display for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tick")
    }
}

/// A node: the newest number that it has heard of.
#[derive(Clone)]
pub struct Gossip(u64);

impl Protocol for Gossip {
    type Config = ();
    type Message = Rumour;
    type Timer = Tick;
    type Request = Rumour;
    type Response = Rumour;
    type Durable = ();

    fn start(ctx: &mut Ctx<'_, Gossip>, (): &(), (): ()) -> Gossip {
        ctx.set_timer_within(Tick, Span::ZERO, INTERVAL);
        Gossip(0)
    }

    fn on_message(&mut self, _ctx: &mut Ctx<'_, Gossip>, _from: NodeId, Rumour(newest): Rumour) {
        self.0 = self.0.max(newest);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Gossip>, Tick: Tick) {
        self.0 += u64::from(ctx.me() == NodeId(0));
        let others = ctx.cluster_size() as u64 - 1;
        let way = 1 + ctx.rng().below(others);
        let to = (u64::from(ctx.me().0) + way) % (others + 1);
        ctx.send(NodeId(to as u16), Rumour(self.0));
        ctx.set_timer(Tick, INTERVAL);
    }

    fn on_request(&mut self, ctx: &mut Ctx<'_, Gossip>, id: RequestId, request: Rumour) {
        ctx.respond(id, request);
    }
}

impl Exhibit for Gossip {
    const ABOUT: About = About {
        id: "gossip",
        title: "Gossip",
        summary: "Everybody tells somebody.",
        family: "Measured here",
        source: "Demers et al., PODC 1987",
        request: "",
        requests: &[],
    };

    fn settings() -> Vec<Setting<()>> {
        Vec::new()
    }

    fn scenarios() -> Vec<Scenario<Gossip>> {
        let scenario = |(id, nodes)| Scenario {
            id,
            title: id,
            summary: "",
            weakened: None,
            environment: Environment {
                nodes,
                ..Environment::DEFAULT
            },
            config: (),
            script: "",
            swarm: false,
            length: Span::secs(1),
            pace: Span::secs(1),
        };
        let sizes = [("10", 10), ("100", 100), ("1000", 1_000), ("10000", 10_000)];
        sizes.into_iter().map(scenario).collect()
    }

    fn role(&self) -> Role {
        Role {
            name: "node",
            letter: 'N',
            shape: Shape::Circle,
            crown: false,
            epoch: Some(self.0),
        }
    }

    fn view(&self) -> Vec<Field> {
        vec![Field::volatile("newest", self.0)]
    }

    fn checks() -> Vec<Promise<Gossip>> {
        Vec::new()
    }
}
