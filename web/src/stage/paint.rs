//! Draws what moves on the stage: links, cuts, timers, messages. Nothing here is made anew for each picture.

use std::collections::HashMap;

use clusterscope_core::Player;
use clusterscope_core::frame::{Amiss, End, Frame, Mark, MessageView};
use clusterscope_core::protocol::NodeId;
use clusterscope_core::trace::Kind;

use super::cut::{Curve, curves, groups_of};
use super::layout::{Layout, Spot};
use crate::lab::handle::{LabHandle, Selection};
use crate::ui::numbers;
use crate::ui::pen::{Dash, Face, Ink, Pen};
use crate::ui::surface::Picture;

/// With more nodes than this, links are not drawn: they would be a grey disc.
const LINKED_NODES: usize = 24;

/// With more messages than this, they are squares.
const ROUND_MESSAGES: usize = 1_500;

/// So many messages at most have their kind written beside them, and only while time stands still.
const LABELLED_MESSAGES: usize = 6;

/// So many of the last events at most are looked through for losses.
const LOSSES_AMONG: u32 = 3_000;

/// A lost message leaves its cross for this part of a second of play.
const LINGER: f64 = 0.9;

/// A curve keeps words off at so many of its points.
const CURVE_POINTS: u32 = 28;

/// A rectangle that is taken: left, top, right, bottom.
type Area = (f64, f64, f64, f64);

/// A pointer that draws a line across the stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Where it began.
    pub from: Spot,
    /// Where it is.
    pub to: Spot,
    /// Whether it parts the nodes.
    pub cuts: bool,
}

/// Everything that is drawn, with the memory for it.
#[derive(Default)]
pub struct Scene {
    /// Places of nodes and clients.
    pub layout: Layout,
    /// The messages under way when last drawn.
    pub messages: Vec<MessageView>,
    /// The message under the pointer or with the focus.
    pub hover: Option<u32>,
    /// The cut that is being drawn.
    pub stroke: Option<Stroke>,
    version: Option<u64>,
    group: Option<Vec<usize>>,
    curves: Vec<Curve>,
    cut_label: Option<(String, Spot)>,
    /// How far messages that will be lost get on their way.
    deaths: HashMap<u32, f64>,
    widths: HashMap<&'static str, f64>,
    taken: Vec<Area>,
}

impl Picture for Scene {
    type Of = LabHandle;

    fn paint(&mut self, pen: &mut Pen<'_>, lab: &LabHandle) {
        let view = lab.view();
        let size = (pen.width, pen.height);
        if self.version != Some(view.version) || (self.layout.width, self.layout.height) != size {
            self.version = Some(view.version);
            self.arrange(pen, &view.frame);
        }
        self.taken.clear();
        self.links(pen, &view.frame);
        self.cuts(pen, &view.frame);
        self.oddities(pen, &view.frame);
        lab.with(|player| {
            self.messages.clear();
            player.run().messages(&mut self.messages);
            self.timers(pen, &view.frame, player);
            self.selection(pen, lab.selection());
            self.losses(pen, player, view.speed);
            self.travellers(pen, player, lab.selection());
            if !view.playing {
                self.labels(pen, player);
            }
        });
        self.stroke(pen);
    }
}

impl Scene {
    /// Works out what stays the same until something happens.
    fn arrange(&mut self, pen: &mut Pen<'_>, frame: &Frame) {
        self.layout = Layout::of((pen.width, pen.height), frame);
        self.group = groups_of(frame.nodes.len(), &frame.network.groups);
        self.curves.clear();
        self.cut_label = None;
        if let Some(group) = &self.group {
            curves(&self.layout, group, &mut self.curves);
            let since = frame
                .network
                .split_since
                .map(|it| format!("cut since {}", numbers::moment(it)));
            pen.face(Face::Small);
            self.cut_label = since.and_then(|text| {
                let place = self.label_place(pen, &text)?;
                Some((text, place))
            });
        }
    }

    /// A place for words beside the end of a cut, away from everything else.
    fn label_place(&self, pen: &Pen<'_>, text: &str) -> Option<Spot> {
        let half = pen.measure(text) / 2.0 + 4.0;
        let layout = &self.layout;
        let places = self.curves.iter().flat_map(|it| [it.from, it.to]);
        let moved = places.flat_map(|(x, y)| {
            let right = if x > layout.middle.0 { 1.0 } else { -1.0 };
            let beside = (x + right * (half + 4.0), y);
            let around = [-26.0, -13.0, 13.0, 26.0]
                .map(|down| [(x, y + down), (x - right * half, y + down)]);
            around.into_iter().flatten().chain([beside])
        });
        let inside = moved.map(|(x, y)| {
            (
                x.clamp(half, (layout.width - half).max(half)),
                y.clamp(10.0, (layout.height - 10.0).max(10.0)),
            )
        });
        let near = |at: &Spot| {
            let gap = |spot: &Spot, wide: f64, high: f64| {
                let (dx, dy) = (
                    (at.0 - spot.0).abs() - wide - half,
                    (at.1 - spot.1).abs() - high - 8.0,
                );
                dx.max(dy)
            };
            let room = layout.radius + 16.0;
            let nodes = layout.nodes.iter().map(|it| gap(it, room, room));
            let clients = layout.clients.iter().map(|it| gap(&it.1, 44.0, 26.0));
            let points = (0..=CURVE_POINTS).map(|it| f64::from(it) / f64::from(CURVE_POINTS));
            let curves = self
                .curves
                .iter()
                .flat_map(|curve| points.clone().map(|it| curve.at(it)));
            let curves = curves.map(|it| gap(&it, 2.0, 0.0));
            (nodes.chain(clients).chain(curves).fold(60.0, f64::min) * 10.0) as i64
        };
        inside.max_by_key(near)
    }

    /// Hairlines between nodes that reach each other.
    fn links(&self, pen: &mut Pen<'_>, frame: &Frame) {
        let nodes = &self.layout.nodes;
        pen.stroke(Ink::Line, 1.0);
        if nodes.len() <= LINKED_NODES {
            for one in 0..nodes.len() {
                for two in one + 1..nodes.len() {
                    let cut = self.group.as_ref().is_some_and(|it| it[one] != it[two]);
                    pen.alpha(if cut { 0.35 } else { 1.0 });
                    pen.line(nodes[one], nodes[two]);
                }
            }
        }
        pen.alpha(1.0);
        pen.dash(Dash::Dotted);
        for client in &frame.clients {
            let (Some(node), Some((from, _))) =
                (client.target, self.layout.end(End::Client(client.id)))
            else {
                continue;
            };
            pen.line(from, self.layout.node(node));
        }
        pen.dash(Dash::Solid);
    }

    /// The curves of a partition, and bars on links that are cut one way.
    fn cuts(&self, pen: &mut Pen<'_>, frame: &Frame) {
        pen.stroke(Ink::Bad, 1.8);
        pen.dash(Dash::Dashed);
        for curve in &self.curves {
            pen.curve(curve.from, curve.bend, curve.to);
        }
        pen.dash(Dash::Solid);
        if let Some((text, at)) = &self.cut_label {
            pen.face(Face::Small);
            pen.align("center");
            pen.fill(Ink::Bad);
            pen.text(text, *at);
        }
        let cuts = &frame.network.cuts;
        for (from, to) in cuts {
            if !cuts.contains(&(*to, *from)) {
                self.bar(pen, *from, *to);
            } else if from < to {
                self.double_bar(pen, *from, *to);
            }
        }
    }

    /// Links with something of their own: what is clogged has a plug where it ends, the rest a word in the middle.
    fn oddities(&self, pen: &mut Pen<'_>, frame: &Frame) {
        pen.face(Face::Small);
        pen.align("center");
        for oddity in &frame.network.oddities {
            let Some((from, to)) = oddity.link else {
                continue;
            };
            let both = oddity.undo.contains('-') && !oddity.undo.contains('>');
            match oddity.what {
                Amiss::Clogged => {
                    self.plug(pen, from, to);
                    if both {
                        self.plug(pen, to, from);
                    }
                }
                Amiss::Latency | Amiss::Loss => {
                    let word = oddity.words.split_once(' ').map_or("", |it| it.1);
                    let share = if both { 0.5 } else { 0.66 };
                    let Some(((x, y), _)) = self.layout.way(from, to, share) else {
                        continue;
                    };
                    // A link may have both a delay and a loss.
                    let y = y + if oddity.what == Amiss::Loss {
                        13.0
                    } else {
                        0.0
                    };
                    let half = pen.measure(word) / 2.0 + 3.0;
                    pen.fill(Ink::Ground);
                    pen.rect(x - half, y - 7.0, 2.0 * half, 14.0);
                    pen.fill(Ink::Warn);
                    pen.text(word, (x, y));
                }
                _ => {}
            }
        }
    }

    /// A plug in one direction of a link: three bars, and a line that thickens towards them.
    fn plug(&self, pen: &mut Pen<'_>, from: End, to: End) {
        let (Some((start, _)), Some((at, (ux, uy)))) = (
            self.layout.way(from, to, 0.5),
            self.layout.way(from, to, 0.9),
        ) else {
            return;
        };
        pen.stroke(Ink::Warn, 3.0);
        pen.dash(Dash::Dotted);
        pen.line(start, at);
        pen.dash(Dash::Solid);
        pen.stroke(Ink::Warn, 2.0);
        for back in [0.0, 4.0, 8.0] {
            let (x, y) = (at.0 - ux * back, at.1 - uy * back);
            pen.line((x - uy * 6.0, y + ux * 6.0), (x + uy * 6.0, y - ux * 6.0));
        }
    }

    /// Two bars across the middle of a link that is cut both ways.
    fn double_bar(&self, pen: &mut Pen<'_>, from: End, to: End) {
        // Close to a client: the links of all clients to one node would run together there.
        let share = match (from, to) {
            (End::Node(_), End::Client(_)) => 0.8,
            _ => 0.5,
        };
        let Some(((x, y), (ux, uy))) = self.layout.way(from, to, share) else {
            return;
        };
        pen.stroke(Ink::Bad, 2.2);
        for side in [-3.0, 3.0] {
            let (x, y) = (x + ux * side, y + uy * side);
            pen.line((x - uy * 7.0, y + ux * 7.0), (x + uy * 7.0, y - ux * 7.0));
        }
    }

    /// A bar across one direction of a link, close to whoever hears nothing, and an arrow that runs into it.
    fn bar(&self, pen: &mut Pen<'_>, from: End, to: End) {
        let (Some((at, along)), Some((behind, _))) = (
            self.layout.way(from, to, 0.84),
            self.layout.way(from, to, 0.70),
        ) else {
            return;
        };
        let (ux, uy) = along;
        pen.stroke(Ink::Bad, 2.5);
        pen.line(
            (at.0 - uy * 7.0, at.1 + ux * 7.0),
            (at.0 + uy * 7.0, at.1 - ux * 7.0),
        );
        pen.stroke(Ink::Bad, 1.4);
        let tip = (at.0 - ux * 4.0, at.1 - uy * 4.0);
        pen.line(behind, tip);
        let (bx, by) = (tip.0 - ux * 6.0, tip.1 - uy * 6.0);
        pen.path(&[
            (bx - uy * 4.0, by + ux * 4.0),
            tip,
            (bx + uy * 4.0, by - ux * 4.0),
        ]);
    }

    /// Arcs around the nodes that unwind as their timers run out.
    fn timers(&self, pen: &mut Pen<'_>, frame: &Frame, player: &Player) {
        let radius = self.layout.radius;
        if radius < 12.0 {
            return;
        }
        let now = player.now();
        for node in &frame.nodes {
            let at = self.layout.node(node.id);
            for (index, timer) in node.timers.iter().take(2).enumerate() {
                let whole = timer.deadline.since(timer.set_at).0.max(1) as f64;
                let left = timer.deadline.since(now).0 as f64 / whole;
                pen.stroke(Ink::Strong, if index == 0 { 2.5 } else { 1.5 });
                pen.alpha(if index == 0 { 0.85 } else { 0.5 });
                pen.arc(at, radius + 7.0 + 4.0 * index as f64, left);
            }
        }
        pen.alpha(1.0);
    }

    fn selection(&self, pen: &mut Pen<'_>, selection: Option<Selection>) {
        if let Some(Selection::Node(node)) = selection {
            pen.stroke(Ink::Accent, 1.5);
            pen.ring(self.layout.node(node), self.layout.radius + 14.0);
        }
    }

    /// Where messages were lost a moment ago.
    fn losses(&mut self, pen: &mut Pen<'_>, player: &Player, speed: f64) {
        for message in self.messages.iter().filter(|it| it.lost.is_some()) {
            self.deaths
                .insert(message.id, message.progress(message.due));
        }
        if self.deaths.len() > 4_096 {
            self.deaths.clear();
        }
        let now = player.now();
        let linger = player.scenario().pace.0 as f64 * LINGER * speed.clamp(0.5, 8.0);
        let recorder = player.run().recorder();
        let records = recorder.records();
        pen.stroke(Ink::Bad, 2.0);
        let first = records.len().saturating_sub(LOSSES_AMONG);
        records.with(first, records.len(), |all| {
            for record in all.iter().rev() {
                let age = now.since(record.time).0 as f64 / linger;
                if age >= 1.0 {
                    break;
                }
                let sent = records.get(record.cause);
                let (Kind::Lose, Some(sent), Some(to)) = (record.kind, sent, record.peer.end())
                else {
                    continue;
                };
                let Some(from) = sent.host.end() else {
                    continue;
                };
                let share = self.deaths.get(&record.item).copied().unwrap_or_else(|| {
                    // Never seen on its way: a cut swallows half-way, a dead node at its door.
                    if recorder.label(record) == "node is down" {
                        1.0
                    } else {
                        0.5
                    }
                });
                if let Some((at, _)) = self.layout.way(from, to, share) {
                    pen.alpha(1.0 - age * age);
                    pen.cross(at, 5.0);
                    self.taken
                        .push((at.0 - 6.0, at.1 - 6.0, at.0 + 6.0, at.1 + 6.0));
                }
            }
        });
        pen.alpha(1.0);
    }

    /// How big messages are drawn: the fewer, the bigger.
    fn size(&self) -> f64 {
        let size: f64 = match self.messages.len() {
            0..=40 => 6.5,
            41..=200 => 5.0,
            201..=ROUND_MESSAGES => 3.5,
            _ => 2.5,
        };
        size.min((self.layout.radius * 0.45).max(2.0))
    }

    fn travellers(&mut self, pen: &mut Pen<'_>, player: &Player, selection: Option<Selection>) {
        let now = player.now();
        let size = self.size();
        let many = self.messages.len() > ROUND_MESSAGES;
        let picked = match selection {
            Some(Selection::Message(id)) => Some(id),
            _ => None,
        };
        for message in &self.messages {
            let Some((at, along)) = self.layout.message(message, now) else {
                continue;
            };
            let ink = Ink::epoch(message.look.epoch);
            if many {
                pen.fill(ink);
                pen.rect(at.0 - size, at.1 - size, 2.0 * size, 2.0 * size);
            } else {
                let client = !matches!((message.from, message.to), (End::Node(_), End::Node(_)));
                let size = if client { size * 0.7 } else { size };
                traveller(pen, at, along, size, ink, message.look.mark);
            }
            if message.is_held(now) {
                held(pen, at, size);
            }
            if picked == Some(message.id) {
                // Should it be dropped by hand, this is where.
                self.deaths.insert(message.id, message.progress(now));
            }
            if picked == Some(message.id) || self.hover == Some(message.id) {
                pen.stroke(Ink::Accent, 1.5);
                pen.ring(at, size + 5.0);
            }
        }
    }

    /// The kinds of messages beside them, where there is room.
    fn labels(&mut self, pen: &mut Pen<'_>, player: &Player) {
        let between_nodes =
            |it: &&MessageView| matches!((it.from, it.to), (End::Node(_), End::Node(_)));
        if self.messages.iter().filter(between_nodes).count() > LABELLED_MESSAGES {
            return;
        }
        let now = player.now();
        let size = self.size();
        let room = self.layout.radius + 9.0;
        self.taken.extend(
            self.layout
                .nodes
                .iter()
                .map(|it| (it.0 - room, it.1 - room, it.0 + room, it.1 + room + 14.0)),
        );
        let clients = self.layout.clients.iter().map(|it| it.1);
        self.taken
            .extend(clients.map(|(x, y)| (x - 44.0, y - 12.0, x + 44.0, y + 34.0)));
        for message in &self.messages {
            if let Some(((x, y), _)) = self.layout.message(message, now) {
                self.taken.push((x - size, y - size, x + size, y + size));
            }
        }
        for curve in &self.curves {
            let points =
                (0..=CURVE_POINTS).map(|it| curve.at(f64::from(it) / f64::from(CURVE_POINTS)));
            self.taken
                .extend(points.map(|(x, y)| (x - 4.0, y - 4.0, x + 4.0, y + 4.0)));
        }
        pen.face(Face::Small);
        pen.align("left");
        pen.fill(Ink::Dim);
        for message in self.messages.iter().filter(between_nodes) {
            let Some((at, _)) = self.layout.message(message, now) else {
                continue;
            };
            let wide = *self
                .widths
                .entry(message.kind)
                .or_insert_with(|| pen.measure(message.kind));
            let beside = size + 5.0;
            let places = [
                (at.0 + beside, at.1 - 6.0),
                (at.0 - beside - wide, at.1 - 6.0),
                (at.0 - wide / 2.0, at.1 - beside - 12.0),
                (at.0 - wide / 2.0, at.1 + beside),
            ];
            let free = places.into_iter().find(|(x, y)| {
                let area = (*x, *y, x + wide, y + 12.0);
                let inside = area.0 > 2.0
                    && area.2 < pen.width - 2.0
                    && area.1 > 2.0
                    && area.3 < pen.height - 2.0;
                inside && !self.taken.iter().any(|it| meet(it, &area))
            });
            if let Some((x, y)) = free {
                self.taken.push((x, y, x + wide, y + 12.0));
                pen.text(message.kind, (x, y + 6.5));
            }
        }
    }

    /// The line that a pointer draws.
    fn stroke(&self, pen: &mut Pen<'_>) {
        if let Some(stroke) = self.stroke {
            pen.stroke(if stroke.cuts { Ink::Bad } else { Ink::Dim }, 1.8);
            pen.dash(Dash::Dashed);
            pen.line(stroke.from, stroke.to);
            pen.dash(Dash::Solid);
        }
    }

    /// The link between two nodes that runs through a point, if links are drawn and one is within `reach`.
    pub fn link_at(&self, lab: &LabHandle, point: Spot, reach: f64) -> Option<(End, End)> {
        let nodes = &self.layout.nodes;
        if nodes.len() > LINKED_NODES {
            return None;
        }
        let node = |it: usize| End::Node(NodeId(it as u16));
        let pairs = (0..nodes.len())
            .flat_map(|one| (one + 1..nodes.len()).map(move |two| (node(one), node(two))));
        let view = lab.view();
        let clients = view.frame.clients.iter();
        let clients = clients.filter_map(|it| Some((End::Client(it.id), End::Node(it.target?))));
        let far = |ends: &(End, End)| {
            let (from, to) = (self.layout.end(ends.0)?.0, self.layout.end(ends.1)?.0);
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let length = dx.hypot(dy).max(1.0);
            let along = ((point.0 - from.0) * dx + (point.1 - from.1) * dy) / length;
            let beside = ((point.0 - from.0) * dy - (point.1 - from.1) * dx).abs() / length;
            (beside <= reach && along > 0.0 && along < length).then_some(beside)
        };
        let near = pairs.chain(clients).filter_map(|it| Some((far(&it)?, it)));
        near.min_by(|one, two| one.0.total_cmp(&two.0))
            .map(|it| it.1)
    }

    /// The message closest to a point, if one is within `reach`.
    pub fn nearest(&self, lab: &LabHandle, point: Spot, reach: f64) -> Option<u32> {
        let now = lab.with(Player::now);
        let far = |message: &MessageView| {
            let ((x, y), _) = self.layout.message(message, now)?;
            let far = (x - point.0).hypot(y - point.1);
            (far <= reach).then_some((far, message.id))
        };
        let near = self
            .messages
            .iter()
            .filter_map(far)
            .min_by(|one, two| one.0.total_cmp(&two.0));
        near.map(|it| it.1)
    }
}

fn meet(one: &Area, two: &Area) -> bool {
    one.0 < two.2 && two.0 < one.2 && one.1 < two.3 && two.1 < one.3
}

/// A message that stands still is in a box, with the bars of a pause beside it.
fn held(pen: &mut Pen<'_>, at: Spot, size: f64) {
    let half = size + 3.0;
    let (left, top, right, bottom) = (at.0 - half, at.1 - half, at.0 + half, at.1 + half);
    pen.stroke(Ink::Warn, 1.6);
    let corners = [
        (left, top),
        (right, top),
        (right, bottom),
        (left, bottom),
        (left, top),
    ];
    pen.path(&corners);
    if size >= 4.0 {
        pen.stroke(Ink::Warn, 2.0);
        for x in [right + 4.0, right + 8.0] {
            pen.line((x, at.1 - 4.0), (x, at.1 + 4.0));
        }
    }
}

/// One message: a request is solid, an answer hollow with what it says; a tail shows where it came from.
fn traveller(pen: &mut Pen<'_>, at: Spot, along: Spot, size: f64, ink: Ink, mark: Mark) {
    pen.stroke(ink, 2.0);
    pen.alpha(0.4);
    let tail = (at.0 - along.0 * (size + 8.0), at.1 - along.1 * (size + 8.0));
    pen.line(tail, (at.0 - along.0 * size, at.1 - along.1 * size));
    pen.alpha(1.0);
    if mark == Mark::Request {
        pen.fill(ink);
        pen.disc(at, size);
        return;
    }
    pen.fill(Ink::Ground);
    pen.disc(at, size);
    pen.stroke(ink, 1.8);
    pen.ring(at, size - 0.5);
    let arm = size * 0.45;
    if size >= 4.0 && matches!(mark, Mark::Accept | Mark::Refuse) {
        pen.line((at.0 - arm, at.1), (at.0 + arm, at.1));
        if mark == Mark::Accept {
            pen.line((at.0, at.1 - arm), (at.0, at.1 + arm));
        }
    }
}
