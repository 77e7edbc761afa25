//! How a system is set up, shown and checked. A reader who wants only the algorithm can stop at [`Protocol`].

use serde::Serialize;

use crate::check::Promise;
use crate::frame::{Field, Look, Panel, Role};
use crate::parts::log::Log;
use crate::protocol::{ClientId, NodeId, Protocol};
use crate::sim::client::{Client, MANUAL_FROM, Pending};
use crate::sim::command::Planned;
use crate::sim::kernel::Host;
use crate::sim::network::Network;
use crate::sim::rng::Rng;
use crate::sim::settings::{Environment, Setting};
use crate::sim::simulation::Member;
use crate::sim::time::{Span, Time};
use crate::trace::HistoryEvent;

/// What a system is, for lists and headings.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its name in links and on the command line, in snake case: `raft`.
    pub id: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// One sentence: the problem and the idea.
    pub summary: &'static str,
    /// The family under which it is listed: `consensus`.
    pub family: &'static str,
    /// The paper that it follows.
    pub source: &'static str,
    /// A request that a person might type, to show the form; empty when the system takes none.
    pub request: &'static str,
    /// The forms of its requests, with words in capitals for what a person fills in: `put KEY VALUE`, `ping NODE`. A
    /// `NODE` is chosen from a list.
    pub requests: &'static [&'static str],
}

/// A situation in which a system can be watched.
#[derive(Clone)]
pub struct Scenario<P: Protocol> {
    /// Its name in links and on the command line, in kebab case: `leader-crash`.
    pub id: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What happens and what to watch, in a sentence or two.
    pub summary: &'static str,
    /// For a scenario that breaks a rule: the name of the check that must fall.
    pub weakened: Option<&'static str>,
    /// The surroundings.
    pub environment: Environment,
    /// What the nodes are told.
    pub config: P::Config,
    /// What happens to them: lines such as `1.2s crash leader`.
    pub script: &'static str,
    /// Whether further faults are drawn from the seed, until two thirds of the length; then all heals.
    pub swarm: bool,
    /// How long a run lasts unless said otherwise.
    pub length: Span,
    /// How much virtual time passes in a second of play at speed 1.
    pub pace: Span,
}

/// See [`Exhibit::glance`].
pub type Glance = [u64; 4];

/// Draws commands for a cluster that is told and surrounded by this, until a moment at which all other faults heal. In
/// such a swarm no node stays faulty but through these commands.
pub type Stir<C> = fn(&C, &Environment, &mut Rng, Time) -> Vec<Planned>;

/// A system that can be shown and checked.
pub trait Exhibit: Protocol {
    /// What it is.
    const ABOUT: About;

    /// Two of its scenarios that are best seen beside each other, if there are such.
    const BESIDE: Option<(&'static str, &'static str)> = None;

    /// Whether nodes may join and leave while it runs.
    const GROWS: bool = false;

    /// Whether it keeps its promises although a minority of the nodes lose what their disks held.
    const FORGETS: bool = false;

    /// Whether it keeps its promises although disks of a minority of the nodes are emptied, and nothing worse: the
    /// nodes know that they have lost something. Whoever [`FORGETS`](Exhibit::FORGETS) bears that anyway.
    const WIPES: bool = false;

    /// Other values for constants of the algorithm, within what it bears: a swarm draws them too, since some mistakes
    /// show only with small batches or short pauses.
    fn vary(_config: &mut Self::Config, _rng: &mut Rng) {}

    /// What only this system can be asked or made to do: half of its swarms do it too.
    const STIR: Option<Stir<Self::Config>> = None;

    /// What can be set; rules of the algorithm that can be switched off among it.
    fn settings() -> Vec<Setting<Self::Config>>;

    /// From calm to broken. Every system has `calm` and `swarm`.
    fn scenarios() -> Vec<Scenario<Self>>;

    /// Whether the settings fit together; `Err` says what does not.
    fn validate(_config: &Self::Config, _environment: &Environment) -> Result<(), String> {
        Ok(())
    }

    /// What the node is at the moment. Called often: no allocation.
    fn role(&self) -> Role;

    /// What the node knows, in the paper's words. Made for every picture, so nothing long.
    fn view(&self) -> Vec<Field>;

    /// What else a trace must hold to rebuild the node: how something long, such as a log, has changed since `before`
    /// (the same node earlier in the same life, if it is known). See [`log_change`].
    fn archive(&self, _before: Option<&Self>) -> Vec<Field> {
        Vec::new()
    }

    /// How a message is drawn.
    fn look(_message: &Self::Message) -> Look {
        Look::default()
    }

    /// Pictures of the whole: logs, tables, charts.
    fn panels(_world: &World<'_, Self>) -> Vec<Panel> {
        Vec::new()
    }

    /// What must hold.
    fn checks() -> Vec<Promise<Self>>;

    /// Whether clients are promised what this *history* check judges, with these settings. A rule that is switched off
    /// takes no promise back.
    fn promises(_config: &Self::Config, _check: &str) -> bool {
        true
    }

    /// All that checks look at in a node, as a few numbers, where these are cheaper to compare than the checks are to
    /// ask: while they stay the same, nothing has changed that could break a promise, and no check is asked. Whoever
    /// answers promises that no check looks at anything but nodes. `None` has them asked at every step.
    fn glance(&self) -> Option<Glance> {
        None
    }

    /// The bits of a glance that the check of this name depends on: while these stay the same in every node, it is not
    /// asked. All of them, unless the system says otherwise.
    fn attends(_check: &str) -> Glance {
        [u64::MAX; 4]
    }

    /// The next request of a generated workload; `unique` is different at every call in a run.
    fn draw_request(
        _rng: &mut Rng,
        _environment: &Environment,
        _unique: u32,
    ) -> Option<Self::Request> {
        None
    }

    /// A request as a history records it.
    fn operation(_request: &Self::Request) -> Option<Operation> {
        None
    }
}

/// A client's operation in the words of histories.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Operation {
    /// `read`, `write`, `cas`, `incr`, …
    pub op: &'static str,
    /// The object.
    pub key: String,
    /// What it writes; null for a read.
    pub value: serde_json::Value,
}

/// Whether a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It runs.
    Up,
    /// It stands still and loses nothing.
    Paused,
    /// It has crashed.
    Down,
    /// It has left the cluster for good.
    Gone,
}

/// The cluster as a check or a panel sees it: everything at once, which no node can.
pub struct World<'a, P: Exhibit> {
    /// True time.
    pub now: Time,
    /// The node that has just acted, if one has.
    pub changed: Option<NodeId>,
    /// The surroundings.
    pub environment: &'a Environment,
    /// What the nodes were told.
    pub config: &'a P::Config,
    /// What clients have seen.
    pub history: &'a Log<HistoryEvent>,
    pub(crate) nodes: &'a [Member<P>],
    pub(crate) hosts: &'a [Host],
    pub(crate) network: &'a Network,
    pub(crate) clients: &'a [Client<P>],
}

impl<'a, P: Exhibit> World<'a, P> {
    /// Every node.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<P> {
        (0..self.nodes.len() as u16).map(NodeId)
    }

    /// A node's state, unless it has crashed.
    pub fn node(&self, id: NodeId) -> Option<&'a P> {
        self.nodes[id.index()].state.as_ref()
    }

    /// What a node's disk holds for certain.
    pub fn durable(&self, id: NodeId) -> &'a P::Durable {
        &self.nodes[id.index()].durable
    }

    /// What a node's clock shows.
    pub fn clock(&self, id: NodeId) -> Time {
        self.hosts[id.index()].clock.read(self.now)
    }

    /// Whether a node runs.
    pub fn status(&self, id: NodeId) -> Status {
        self.hosts[id.index()].status
    }

    /// The nodes that have not crashed, with their states.
    pub fn running(&self) -> impl Iterator<Item = (NodeId, &'a P)> {
        let nodes = self.nodes;
        nodes
            .iter()
            .enumerate()
            .filter_map(|(index, it)| Some((NodeId(index as u16), it.state.as_ref()?)))
    }

    /// The state of the node that has just acted.
    pub fn actor(&self) -> Option<(NodeId, &'a P)> {
        let id = self.changed?;
        Some((id, self.node(id)?))
    }

    /// The nodes that run and can talk with most others: those of whom progress can be demanded. Empty when the cluster
    /// is split so that no group is a majority of those that founded it.
    pub fn core(&self) -> Vec<NodeId> {
        let largest = self.together();
        if largest.len() >= self.majority() {
            largest
        } else {
            Vec::new()
        }
    }

    /// The largest group of nodes that run and can talk with one of them, however few.
    pub fn together(&self) -> Vec<NodeId> {
        let up = |it: &NodeId| self.status(*it) == Status::Up;
        let talk = |one: NodeId, two: NodeId| {
            let (one, two) = (one.into(), two.into());
            !self.network.is_cut((one, two)) && !self.network.is_cut((two, one))
        };
        let group = |of: NodeId| -> Vec<NodeId> {
            self.ids()
                .filter(up)
                .filter(|it| *it == of || talk(of, *it))
                .collect()
        };
        let groups = self.ids().filter(up).map(group);
        let largest = groups.reduce(|best, it| if it.len() > best.len() { it } else { best });
        largest.unwrap_or_default()
    }

    /// Clients' requests without an answer.
    pub fn pending(&self) -> Vec<Pending> {
        self.clients.iter().filter_map(Client::pending).collect()
    }

    /// How many nodes a majority of the cluster is, as it was founded.
    pub fn majority(&self) -> usize {
        usize::from(self.environment.nodes) / 2 + 1
    }
}

/// How a log has changed, as a trace holds it: `{"keep":12,"add":[…]}` means that the first twelve entries stay and
/// these follow. `None` when it has not.
pub fn log_change<T: Clone + PartialEq>(
    name: &'static str,
    before: Option<&Log<T>>,
    log: &Log<T>,
    show: impl Fn(&T) -> serde_json::Value,
) -> Option<Field> {
    let keep = before.map_or(0, |it| it.common_prefix(log));
    if before.is_some_and(|it| it.len() == keep) && log.len() == keep {
        return None;
    }
    let add: serde_json::Value = log.with(keep, u32::MAX, |it| it.iter().map(show).collect());
    Some(Field::durable(
        name,
        serde_json::json!({ "keep": keep, "add": add }),
    ))
}

/// Names a client for people: those of the workload by number, the person's own as `you`.
pub fn client_name(client: ClientId) -> String {
    if client.0 >= u32::from(MANUAL_FROM) {
        "you".to_owned()
    } else {
        client.to_string()
    }
}
