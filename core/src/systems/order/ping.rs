//! Ping: how long is the way, and what do two clocks say about it?
//!
//! Every node asks every other, again and again, "are you there?" and notes what its clock shows. From the answer it
//! learns the **round trip** with one clock alone, so it is right however wrong the clock is set (as long as it runs at
//! the right speed). The **one-way** time it can only guess: half the round trip, which is wrong when the two ways
//! differ; or the other's time stamp minus its own, which is wrong by as much as the clocks stand apart. There is no
//! global clock to settle it.
//!
//! ```text
//!   n1 ──ping(sequence, sent_at)──▶ n2
//!   n1 ◀─pong(sequence, sent_at, received_at)── n2     round trip = now − sent_at
//! ```
//!
//! The network may answer late, twice or never, so an answer must be matched to its question by its sequence number.
//! Nothing is durable: who restarts begins anew. Left out: everything a real `ping` does about packet sizes and routes.
//!
//! Source: the ICMP echo of RFC 792; D. L. Mills, RFC 5905 §8, for what time stamps say about offset and delay.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::check::{Invariant, Promise};
use crate::error::BadInput;
use crate::exhibit::{About, Exhibit, Scenario, World};
use crate::frame::{Field, Look, Mark, Panel, Role, Shape};
use crate::parts::per_node::PerNode;
use crate::protocol::{Answer, Ctx, NodeId, Outcome, Payload, Protocol, RequestId};
use crate::sim::dist::{Chance, Dist};
use crate::sim::settings::{Environment, Setting, setting};
use crate::sim::time::{Span, Time};

/// What every node is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// How often a node asks every other.
    pub interval: Span,
    /// Rule: an answer counts for the question whose number it carries. Without it, for the last question asked.
    pub match_sequence: bool,
}

/// What nodes say to each other.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Message {
    /// Are you there?
    Ping {
        /// Tells this life of the asker from earlier ones.
        identifier: u32,
        /// Which question of this node to that node, from 1.
        sequence: u32,
        /// What the asker's clock showed.
        sent_at: Time,
    },
    /// I am.
    Pong {
        /// The question's identifier.
        identifier: u32,
        /// The question's number.
        sequence: u32,
        /// The question's time stamp, unchanged.
        sent_at: Time,
        /// What the answerer's clock showed when the question arrived.
        received_at: Time,
    },
}

impl Payload for Message {
    fn kind(&self) -> &'static str {
        match self {
            Message::Ping { .. } => "Ping",
            Message::Pong { .. } => "Pong",
        }
    }
}

/// The alarms of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Time to ask again.
    Interval,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interval")
    }
}

/// A person asks a node to ping another: `ping n2`.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
pub struct PingRequest(NodeId);

impl Payload for PingRequest {
    fn kind(&self) -> &'static str {
        "ping"
    }
}

impl fmt::Display for PingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ping {}", self.0)
    }
}

impl FromStr for PingRequest {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<PingRequest, BadInput> {
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            ["ping", node] => Ok(PingRequest(node.parse()?)),
            _ => Err(BadInput::new(text, "is not a request: write ping n2")),
        }
    }
}

/// What the person learns.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
pub enum PingResponse {
    /// The round trip.
    RoundTrip(Span),
    /// There is no such node.
    NoSuchNode,
}

impl Payload for PingResponse {
    fn kind(&self) -> &'static str {
        "answer"
    }
}

impl Answer for PingResponse {
    fn outcome(&self) -> Outcome {
        match self {
            PingResponse::RoundTrip(span) => Outcome::Done(Json::String(span.to_string())),
            PingResponse::NoSuchNode => Outcome::Refused("there is no such node".to_owned()),
        }
    }
}

/// What a node knows of another.
#[derive(Clone, Debug, Default)]
struct Peer {
    /// The number of the last question.
    asked: u32,
    /// What this node's clock showed then.
    asked_at: Time,
    /// The newest question that was answered, counted as this node counts.
    answered: u32,
    /// The number that the last answer carried.
    echo: u32,
    /// The last round trip.
    round_trip: Span,
    /// The other's time stamp minus this node's: the one-way time plus the error of the clocks, in nanoseconds.
    one_way_guess: i64,
    /// How many answers counted.
    answers: u32,
    /// The person waiting for the next answer.
    waiting: Option<RequestId>,
}

/// A node.
#[derive(Clone)]
pub struct Ping {
    me: NodeId,
    config: Config,
    /// Drawn at every start: numbers begin anew then, and an answer to an earlier life must not be taken for one to
    /// this.
    identifier: u32,
    peers: Vec<Peer>,
    /// Counts of round trips by length; a bar is [`BAR`] wide, the last takes all that is longer.
    histogram: [u32; BARS],
}

/// The width of a bar of the histogram.
const BAR: Span = Span::ms(10);
/// The number of bars.
const BARS: usize = 12;

impl Protocol for Ping {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Request = PingRequest;
    type Response = PingResponse;
    type Durable = ();

    fn start(ctx: &mut Ctx<'_, Ping>, config: &Config, (): ()) -> Ping {
        let first = Span(config.interval.0 / 10);
        ctx.set_timer_within(Timer::Interval, Span::ZERO, first);
        // Who joins later knows of those that came before.
        let peers = vec![Peer::default(); ctx.cluster_size().max(ctx.me().index() + 1)];
        let identifier = ctx.rng().bits() as u32;
        Ping {
            me: ctx.me(),
            config: config.clone(),
            identifier,
            peers,
            histogram: [0; BARS],
        }
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Ping>, from: NodeId, message: Message) {
        match message {
            Message::Ping {
                identifier,
                sequence,
                sent_at,
            } => {
                let received_at = ctx.now();
                // Somebody new: from now on it is asked, too.
                if from.index() >= self.peers.len() {
                    self.peers.resize(from.index() + 1, Peer::default());
                }
                ctx.send(
                    from,
                    Message::Pong {
                        identifier,
                        sequence,
                        sent_at,
                        received_at,
                    },
                );
            }
            Message::Pong {
                identifier,
                sequence,
                sent_at,
                received_at,
            } if identifier == self.identifier => {
                self.on_pong(ctx, from, sequence, sent_at, received_at);
            }
            // An answer to an earlier life.
            Message::Pong { .. } => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Ping>, Timer::Interval: Timer) {
        let (me, known) = (self.me, self.peers.len() as u16);
        for peer in (0..known).map(NodeId).filter(|it| *it != me) {
            self.ask(ctx, peer);
        }
        ctx.set_timer(Timer::Interval, self.config.interval);
    }

    fn on_request(
        &mut self,
        ctx: &mut Ctx<'_, Ping>,
        id: RequestId,
        PingRequest(node): PingRequest,
    ) {
        if node.index() >= self.peers.len() || node == self.me {
            return ctx.respond(id, PingResponse::NoSuchNode);
        }
        self.peers[node.index()].waiting = Some(id);
        self.ask(ctx, node);
    }
}

impl Ping {
    fn ask(&mut self, ctx: &mut Ctx<'_, Ping>, node: NodeId) {
        let sent_at = ctx.now();
        let peer = &mut self.peers[node.index()];
        peer.asked += 1;
        peer.asked_at = sent_at;
        ctx.send(
            node,
            Message::Ping {
                identifier: self.identifier,
                sequence: peer.asked,
                sent_at,
            },
        );
    }

    fn on_pong(
        &mut self,
        ctx: &mut Ctx<'_, Ping>,
        from: NodeId,
        sequence: u32,
        sent_at: Time,
        received_at: Time,
    ) {
        let now = ctx.now();
        let peer = &mut self.peers[from.index()];
        let echo = sequence;
        // Without the sequence number an answer seems to belong to whatever was asked last.
        let (sequence, sent_at) = if self.config.match_sequence {
            (sequence, sent_at)
        } else {
            (peer.asked, peer.asked_at)
        };
        // A copy, or an answer that was overtaken: nothing to learn.
        if sequence <= peer.answered || sequence > peer.asked {
            return;
        }
        peer.answered = sequence;
        peer.echo = echo;
        peer.round_trip = now.since(sent_at);
        peer.one_way_guess = received_at.0 as i64 - sent_at.0 as i64;
        peer.answers += 1;
        let round_trip = peer.round_trip;
        self.histogram[((round_trip.0 / BAR.0) as usize).min(BARS - 1)] += 1;
        if let Some(id) = self.peers[from.index()].waiting.take() {
            ctx.note("answered", || {
                format!("{from} is {round_trip} away and back")
            });
            ctx.respond(id, PingResponse::RoundTrip(round_trip));
        }
    }
}

/// Something that one node may know of another.
type Situation = fn(&World<'_, Ping>, &Ping, &Peer) -> bool;

/// A situation that is to be seen at some node at least once.
macro_rules! seen_by {
    ($situation:expr) => {
        |world| {
            let situation: Situation = $situation;
            let seen = |it: &Ping| it.peers.iter().any(|peer| situation(world, it, peer));
            world.actor().is_some_and(|(_, it)| seen(it))
        }
    };
}

impl Exhibit for Ping {
    const ABOUT: About = About {
        id: "ping",
        title: "Ping",
        summary: "Nodes measure how far the others are. Round trips can be trusted; one-way times depend on clocks \
                  that nobody can compare.",
        family: "Time and order",
        source: "RFC 792; RFC 5905 §8",
        request: "ping n2",
        requests: &["ping NODE"],
    };
    const GROWS: bool = true;
    const FORGETS: bool = true;

    fn settings() -> Vec<Setting<Config>> {
        vec![
            setting!("interval", "Ask every", interval: time(Span::ms(1), Span::secs(60))),
            setting!("match-sequence", "Match answers by their number", match_sequence: rule("honest-round-trip")),
        ]
    }

    fn scenarios() -> Vec<Scenario<Ping>> {
        let calm = Scenario {
            id: "calm",
            title: "Three nodes, good clocks",
            summary: "Every node asks every other. Click a node to see its round trips.",
            weakened: None,
            environment: Environment {
                nodes: 3,
                ..Environment::DEFAULT
            },
            config: Config {
                interval: Span::ms(100),
                match_sequence: true,
            },
            script: "",
            swarm: false,
            length: Span::secs(5),
            pace: Span::ms(40),
        };
        let skewed = Scenario {
            id: "skewed-clocks",
            title: "Clocks that disagree",
            summary: "Clocks stand up to 100 ms apart and n2 runs fast. Round trips stay right; what the time stamps \
                      say of one way is nonsense, even negative.",
            environment: Environment {
                skew: Span::ms(100),
                ..calm.environment.clone()
            },
            script: "1s drift n2 +20000ppm",
            ..calm.clone()
        };
        let lossy = Scenario {
            id: "lossy",
            title: "A bad network",
            summary: "Messages are lost, doubled and late. Answers are matched by number, so what is measured is true.",
            environment: Environment {
                loss: Chance::percent(20),
                duplicate: Chance::percent(20),
                latency: Dist::Exponential(Span::ms(5), Span::ms(30)),
                ..calm.environment.clone()
            },
            script: "2s cut n1>n2\n3s mend n1>n2",
            ..calm.clone()
        };
        let unmatched = unmatched(calm.clone());
        let swarm = Scenario {
            id: "swarm",
            title: "Faults drawn from the seed",
            summary: "Crashes, pauses, cuts, wrong clocks, loss, nodes that come and go: each seed has its own. Then a \
                      majority heals.",
            environment: Environment {
                nodes: 4,
                ..Environment::DEFAULT
            },
            swarm: true,
            length: Span::secs(6),
            ..calm.clone()
        };
        vec![calm, skewed, lossy, unmatched, swarm]
    }

    fn role(&self) -> Role {
        Role {
            name: "node",
            letter: 'N',
            shape: Shape::Circle,
            crown: false,
            epoch: None,
        }
    }

    fn view(&self) -> Vec<Field> {
        let others = || {
            self.peers
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != self.me.index())
        };
        let list = |show: fn(&Peer) -> String| -> Json {
            others()
                .map(|(index, it)| json!(format!("{} {}", NodeId(index as u16), show(it))))
                .collect()
        };
        vec![
            Field::volatile(
                "roundTrip",
                list(|it| {
                    if it.answers > 0 {
                        it.round_trip.to_string()
                    } else {
                        "?".to_owned()
                    }
                }),
            ),
            Field::volatile("asked", list(|it| it.asked.to_string())),
            Field::volatile("answered", list(|it| it.answers.to_string())),
        ]
    }

    fn look(message: &Message) -> Look {
        let mark = match message {
            Message::Ping { .. } => Mark::Request,
            Message::Pong { .. } => Mark::Reply,
        };
        Look { mark, epoch: None }
    }

    fn panels(world: &World<'_, Ping>) -> Vec<Panel> {
        vec![
            Panel::Table {
                title: "What nodes believe",
                columns: columns(),
                rows: rows(world),
            },
            histogram(world),
        ]
    }

    fn checks() -> Vec<Promise<Ping>> {
        vec![
            Promise::always(HonestRoundTrip::default()),
            Promise::Sometimes {
                name: "answered",
                promise: "A question is answered.",
                reached: |world| {
                    world
                        .actor()
                        .is_some_and(|(_, it)| it.peers.iter().any(|it| it.answers > 0))
                },
            },
            Promise::Sometimes {
                name: "unanswered",
                promise: "A question goes without an answer, and the next is asked.",
                reached: seen_by!(|_, _, peer| peer.asked >= peer.answered + 3),
            },
            Promise::Sometimes {
                name: "long-way",
                promise: "A round trip takes longer than the pause between two questions.",
                reached: seen_by!(|_, node, peer| peer.round_trip > node.config.interval),
            },
            Promise::Sometimes {
                name: "answered-before-asked",
                promise: "By the time stamps, a question arrives before it was asked: the clocks disagree.",
                reached: seen_by!(|_, _, peer| peer.answers > 0 && peer.one_way_guess < 0),
            },
            Promise::Sometimes {
                name: "newcomer",
                promise: "A node that joined later is asked, too.",
                reached: seen_by!(
                    |world, _, _| world.ids().count() > usize::from(world.environment.nodes)
                ),
            },
            Promise::Eventually {
                name: "everybody-answers",
                promise: "In the end, every running node has an answer from every other running node.",
                holds: everybody_answers,
            },
        ]
    }
}

/// The scenario that switches the rule off.
fn unmatched(calm: Scenario<Ping>) -> Scenario<Ping> {
    Scenario {
        id: "unmatched",
        title: "Broken: answers are not matched",
        summary: "An answer counts for the last question asked. When the way is longer than the pause between two \
                      questions, the way seems shorter than it is.",
        weakened: Some("honest-round-trip"),
        environment: Environment {
            latency: Dist::Uniform(Span::ms(10), Span::ms(80)),
            ..calm.environment
        },
        config: Config {
            interval: Span::ms(40),
            match_sequence: false,
        },
        ..calm
    }
}

fn everybody_answers(world: &World<'_, Ping>) -> Result<(), String> {
    let core = world.core();
    let in_core = || world.running().filter(|it| core.contains(&it.0));
    for (id, node) in in_core() {
        for (other, _) in in_core().filter(|(other, _)| *other != id) {
            if node
                .peers
                .get(other.index())
                .is_none_or(|it| it.answers == 0)
            {
                return Err(format!("{id} has not heard from {other} since it started"));
            }
        }
    }
    Ok(())
}

fn columns() -> Vec<String> {
    ["from → to", "round trip", "half of it", "by time stamps"]
        .map(str::to_owned)
        .to_vec()
}

fn rows(world: &World<'_, Ping>) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (id, node) in world.running() {
        for (index, peer) in node
            .peers
            .iter()
            .enumerate()
            .filter(|(_, it)| it.answers > 0)
        {
            let millis = |nanos: f64| format!("{:.1} ms", nanos / 1e6);
            rows.push(vec![
                format!("{id} → {}", NodeId(index as u16)),
                millis(peer.round_trip.0 as f64),
                millis(peer.round_trip.0 as f64 / 2.0),
                millis(peer.one_way_guess as f64),
            ]);
        }
    }
    rows
}

fn histogram(world: &World<'_, Ping>) -> Panel {
    let bars = (0..BARS).map(|bar| {
        let label = format!(
            "{}{}",
            bar as u64 * BAR.0 / 1_000_000,
            if bar + 1 == BARS { "+" } else { "" }
        );
        (
            label,
            world
                .running()
                .map(|(_, it)| u64::from(it.histogram[bar]))
                .sum(),
        )
    });
    Panel::Bars {
        title: "Round trips",
        axis: "ms",
        bars: bars.collect(),
    }
}

/// A round trip is what one clock, the asker's own, counted from the question to its answer.
#[derive(Clone, Default)]
struct HonestRoundTrip {
    /// What is known of each asker and each that it asks.
    links: PerNode<PerNode<Asked>>,
}

/// The truth about one node's questions to another.
#[derive(Clone, Default)]
struct Asked {
    /// How many questions were noticed.
    questions: u32,
    /// What the asker's clock showed when the last of them were asked, the newest last.
    times: VecDeque<Time>,
    /// How many answers were looked at.
    answers: u32,
}

impl Asked {
    fn notice(&mut self, now: Time, peer: &Peer) {
        if self.questions < peer.asked {
            self.questions = peer.asked;
            self.times.push_back(now);
            if self.times.len() > 100 {
                self.times.pop_front();
            }
        }
    }

    /// When question number `sequence` was asked, unless that is too long ago.
    fn time_of(&self, sequence: u32) -> Option<Time> {
        let back = self.questions.checked_sub(sequence)? as usize;
        self.times.iter().rev().nth(back).copied()
    }
}

impl HonestRoundTrip {
    fn forget(&mut self, id: NodeId) {
        self.links.remove(id);
    }

    fn look(&mut self, now: Time, id: NodeId, other: NodeId, peer: &Peer) -> Result<(), String> {
        let links = self.links.slot(id).get_or_insert_default();
        let link = links.slot(other).get_or_insert_default();
        link.notice(now, peer);
        if std::mem::replace(&mut link.answers, peer.answers) == peer.answers {
            return Ok(());
        }
        let Some(asked) = link.time_of(peer.echo) else {
            return Ok(());
        };
        let counted = now.since(asked);
        if counted != peer.round_trip {
            return Err(format!(
                "{id} measured {} to {other} and back; its clock counted {counted}",
                peer.round_trip
            ));
        }
        Ok(())
    }
}

impl Invariant<Ping> for HonestRoundTrip {
    fn name(&self) -> &'static str {
        "honest-round-trip"
    }

    fn promise(&self) -> &'static str {
        "A measured round trip is what the asker's own clock counted from the question to its answer."
    }

    fn observe(&mut self, world: &World<'_, Ping>) -> Result<(), String> {
        let Some(id) = world.changed else {
            return Ok(());
        };
        let Some(node) = world.node(id) else {
            self.forget(id);
            return Ok(());
        };
        for (index, peer) in node.peers.iter().enumerate() {
            self.look(world.clock(id), id, NodeId(index as u16), peer)?;
        }
        Ok(())
    }

    fn clone_box(&self) -> Box<dyn Invariant<Ping>> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_text_are_one_to_one() {
        assert_eq!(
            "ping n2".parse::<PingRequest>().unwrap().to_string(),
            "ping n2"
        );
        assert!("pong n2".parse::<PingRequest>().is_err());
    }
}
