//! What there is to see, as plain data. Whoever draws it (a page, a terminal, a file) knows no system.

use serde::Serialize;
use serde_json::Value as Json;

use crate::check::Report;
use crate::exhibit::Status;
use crate::protocol::{ClientId, NodeId};
use crate::sim::time::{Span, Time};
use crate::trace::Phase;

/// The outline of a node on the stage, so that roles differ by more than colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// An ordinary node.
    #[default]
    Circle,
    /// One that stands for office or is in doubt.
    Diamond,
    /// One that leads.
    Hexagon,
    /// One of another kind: a client, a balancer, a store.
    Square,
}

/// What a node is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Role {
    /// In the paper's word, in lower case: `leader`.
    pub name: &'static str,
    /// One letter for small pictures.
    pub letter: char,
    /// Its outline.
    pub shape: Shape,
    /// Whether it wears the crown.
    pub crown: bool,
    /// Its term, ballot, view, epoch or version: two colours at once mean disagreement.
    pub epoch: Option<u64>,
}

/// How a message is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Look {
    /// Question or answer.
    pub mark: Mark,
    /// The term, ballot, view, epoch or version it belongs to.
    pub epoch: Option<u64>,
}

/// Question or answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// Drawn solid.
    #[default]
    Request,
    /// Drawn hollow, with a plus.
    Accept,
    /// Drawn hollow, with a minus.
    Refuse,
    /// Drawn hollow.
    Reply,
}

/// One thing that a node knows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    /// In the paper's word: `currentTerm`.
    pub name: &'static str,
    /// Its value.
    pub value: Json,
    /// Whether it survives a crash.
    pub durable: bool,
}

impl Field {
    /// Something that is lost in a crash.
    pub fn volatile(name: &'static str, value: impl Into<Json>) -> Field {
        Field {
            name,
            value: value.into(),
            durable: false,
        }
    }

    /// Something that the disk holds.
    pub fn durable(name: &'static str, value: impl Into<Json>) -> Field {
        Field {
            name,
            value: value.into(),
            durable: true,
        }
    }

    /// The value as one line of text.
    pub fn text(&self) -> String {
        json_text(&self.value)
    }
}

/// A value as one short line: no quotes around words, `none` for null.
pub fn json_text(value: &Json) -> String {
    match value {
        Json::Null => "none".to_owned(),
        Json::String(it) => it.clone(),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(json_text).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(map) => {
            let pairs: Vec<String> = map
                .iter()
                .map(|(key, it)| format!("{key} {}", json_text(it)))
                .collect();
            pairs.join(" ")
        }
        other => other.to_string(),
    }
}

/// A timer that runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TimerView {
    /// Its name: `election`.
    pub name: String,
    /// When it was set, in true time.
    pub set_at: Time,
    /// When it will run out, in true time.
    pub deadline: Time,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeView {
    /// Which one.
    pub id: NodeId,
    /// Whether it runs.
    pub status: Status,
    /// What it is; `None` while it is down.
    pub role: Option<Role>,
    /// What it knows; while it is down, nothing.
    pub fields: Vec<Field>,
    /// Its timers, the next to run out first.
    pub timers: Vec<TimerView>,
    /// By how much its clock is ahead of true time, in nanoseconds.
    pub clock_ahead: i64,
    /// How much too fast its clock runs, in parts per million.
    pub drift_ppm: i32,
    /// Writes that its disk has not finished.
    pub writing: usize,
    /// Events that wait because it is paused or busy.
    pub inbox: usize,
    /// What is wrong with its machine, in words.
    pub ailments: Vec<String>,
}

/// A client.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClientView {
    /// Which one.
    pub id: ClientId,
    /// Its name for people.
    pub name: String,
    /// What it waits for, if it waits.
    pub asking: Option<String>,
    /// The node it asks.
    pub target: Option<NodeId>,
    /// What it was told last.
    pub told: Option<String>,
    /// Whether it has crashed.
    pub is_down: bool,
    /// Its request, for one by hand: such a client has one only.
    pub own: Option<OwnRequest>,
}

/// A request by hand.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OwnRequest {
    /// What was asked, as it is typed.
    pub text: String,
    /// The node that was asked first.
    pub target: NodeId,
    /// When it began.
    pub since: Time,
    /// When it ended, if it has.
    pub ended: Option<Time>,
    /// What became of it, in the words of histories; `Invoke` while it lasts.
    pub phase: Phase,
    /// The node that answered.
    pub by: Option<NodeId>,
    /// What the answer says, or why there is none.
    pub answer: Option<String>,
    /// Its last event so far: in the end, that with which it ended.
    pub event: u32,
}

/// An end of a message's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum End {
    /// A node.
    Node(NodeId),
    /// A client.
    Client(ClientId),
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Node(it) => it.fmt(f),
            End::Client(it) => it.fmt(f),
        }
    }
}

/// A message under way. No text: there may be thousands in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MessageView {
    /// Its number.
    pub id: u32,
    /// Where it comes from.
    pub from: End,
    /// Where it goes.
    pub to: End,
    /// The name of its kind.
    pub kind: &'static str,
    /// How it is drawn.
    pub look: Look,
    /// When it was sent.
    pub sent: Time,
    /// When it arrives, or dies.
    pub due: Time,
    /// When it would have arrived, had it not been lost: `due` lies on the way there.
    pub whole: Time,
    /// Why it will not arrive, for one that is lost.
    pub lost: Option<&'static str>,
    /// When it stops, or has stopped, on its way.
    pub held: Option<Time>,
    /// How long it has stood still before. It is part of the time from `sent` to `due`, but not of the way.
    pub stood: Span,
}

impl MessageView {
    /// How much of its way it has behind it at `now`, from 0 to 1.
    pub fn progress(&self, now: Time) -> f64 {
        let whole = self.whole.since(self.sent + self.stood).0.max(1) as f64;
        let until = self.held.map_or(self.due, |it| it.min(self.due));
        let gone = now.min(until).since(self.sent + self.stood).0 as f64;
        (gone / whole).min(1.0)
    }

    /// Whether it stands still at `now`.
    pub fn is_held(&self, now: Time) -> bool {
        self.held.is_some_and(|it| it <= now)
    }
}

/// All about one message, for the inspector.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MessageDetail {
    /// What the picture shows of it.
    pub view: MessageView,
    /// Its fields, in the paper's words.
    pub fields: Vec<(String, Json)>,
}

/// One thing that is amiss with the network, and how it ends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Oddity {
    /// What kind of thing.
    pub what: Amiss,
    /// In words: `n1>n2 takes 80ms`.
    pub words: String,
    /// The command that ends it: `link n1>n2 plain`.
    pub undo: String,
    /// The ends of the link, for what is amiss with one.
    pub link: Option<(End, End)>,
}

/// What can be amiss with a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Amiss {
    /// The nodes do not all reach each other.
    Split,
    /// A link is cut.
    Cut,
    /// What is sent over a link waits.
    Clogged,
    /// A link has a delay of its own.
    Latency,
    /// A link has a loss of its own.
    Loss,
    /// Messages of a kind are lost.
    Lost,
    /// Messages of a kind wait.
    Held,
}

impl Amiss {
    /// All that there is, in the order of the bits of [`Record::amiss`](crate::trace::Record::amiss).
    pub const ALL: [Amiss; 7] = [
        Amiss::Split,
        Amiss::Cut,
        Amiss::Clogged,
        Amiss::Latency,
        Amiss::Loss,
        Amiss::Lost,
        Amiss::Held,
    ];

    /// Its bit.
    pub(crate) fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// The network.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NetworkView {
    /// The groups of a partition; empty when there is none.
    pub groups: Vec<Vec<NodeId>>,
    /// Links that are cut, one way each.
    pub cuts: Vec<(End, End)>,
    /// What is amiss with it, partitions and cut links among it.
    pub oddities: Vec<Oddity>,
    /// Since when the nodes are split.
    pub split_since: Option<Time>,
    /// The settings that can be changed while it runs: name and value as text.
    pub settings: Vec<(&'static str, String)>,
}

/// A cell of a picture of logs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogCell {
    /// What is in it, short.
    pub text: String,
    /// Its term, for the colour.
    pub epoch: Option<u64>,
    /// Whether it is committed: drawn solid, else dashed.
    pub committed: bool,
}

/// A row of a picture of logs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogRow {
    /// Whose log.
    pub node: NodeId,
    /// The index of the first cell shown.
    pub first: u64,
    /// The cells.
    pub cells: Vec<LogCell>,
    /// Whether the node is down, and this is its disk.
    pub down: bool,
}

/// A point of a hash ring that belongs to a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Token {
    /// Where, from 0 to 1 round the ring, clockwise from the top. The range before it, back to the token before, is
    /// its.
    pub at: f64,
    /// Whose.
    pub node: NodeId,
}

/// A key on a hash ring.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RingKey {
    /// Where, as for a [`Token`].
    pub at: f64,
    /// Its name.
    pub name: String,
    /// Who ought to hold it, the first first.
    pub owners: Vec<NodeId>,
    /// Who holds it now.
    pub holders: Vec<NodeId>,
    /// How much it is used, against the most used: 0 to 1.
    pub heat: f64,
}

/// A line of a chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its points, to the right and up, in order.
    pub points: Vec<(f64, f64)>,
}

/// A picture of the whole, as data of a closed set: whoever draws must know every kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "panel", rename_all = "snake_case")]
pub enum Panel {
    /// Replicated logs, one row a node, aligned by index.
    Log {
        /// Its heading.
        title: &'static str,
        /// What solid and dashed cells are: `Solid: committed. Dashed: not yet.`
        legend: &'static str,
        /// The logs.
        rows: Vec<LogRow>,
    },
    /// A table.
    Table {
        /// Its heading.
        title: &'static str,
        /// The names of the columns.
        columns: Vec<String>,
        /// The rows, as many cells each as there are columns.
        rows: Vec<Vec<String>>,
    },
    /// A histogram.
    Bars {
        /// Its heading.
        title: &'static str,
        /// What the axis counts, with its unit.
        axis: &'static str,
        /// A label and a count for each bar.
        bars: Vec<(String, u64)>,
    },
    /// A hash ring: who owns which range, and where keys are.
    Ring {
        /// Its heading.
        title: &'static str,
        /// The tokens, in order round the ring.
        tokens: Vec<Token>,
        /// Keys to show.
        keys: Vec<RingKey>,
    },
    /// Lines over a common axis.
    Chart {
        /// Its heading.
        title: &'static str,
        /// What the axis to the right counts, with its unit.
        across: &'static str,
        /// What the axis up counts, with its unit.
        up: &'static str,
        /// The lines.
        series: Vec<Series>,
    },
}

impl Panel {
    /// Its heading.
    pub fn title(&self) -> &'static str {
        match self {
            Panel::Log { title, .. } | Panel::Table { title, .. } | Panel::Bars { title, .. } => {
                title
            }
            Panel::Ring { title, .. } | Panel::Chart { title, .. } => title,
        }
    }
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Frame {
    /// True time.
    pub time: Time,
    /// Steps so far.
    pub step: u64,
    /// The nodes.
    pub nodes: Vec<NodeView>,
    /// The clients.
    pub clients: Vec<ClientView>,
    /// The network.
    pub network: NetworkView,
    /// Pictures of the whole.
    pub panels: Vec<Panel>,
    /// The checks.
    pub checks: Vec<Report>,
    /// Counts so far.
    pub stats: Stats,
    /// The hash of the trace so far.
    pub hash: u64,
}

/// Counts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Messages between nodes that were sent.
    pub sent: u64,
    /// Messages that arrived.
    pub delivered: u64,
    /// Messages that were lost.
    pub lost: u64,
    /// Copies that the network made.
    pub duplicated: u64,
    /// Requests that clients began.
    pub invoked: u64,
    /// Requests that were done.
    pub completed: u64,
    /// Requests that were certainly not done.
    pub refused: u64,
    /// Requests whose client gave up, not knowing.
    pub unknown: u64,
    /// Requests of an open loop for which no client was free.
    pub turned_away: u64,
    /// The sum of the times of done requests.
    pub completion_time: Span,
}
