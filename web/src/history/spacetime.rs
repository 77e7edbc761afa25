//! The space-time diagram: a row for everyone, time to the right, messages as slanted lines.

use std::cell::RefCell;
use std::rc::Rc;

use clusterscope_core::frame::{End, MessageView};
use clusterscope_core::parts::order;
use clusterscope_core::trace::{Cone, HostId, Kind, NO_EVENT, Record, Records, Relation};
use clusterscope_core::{Player, Time};
use gloo_events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use web_sys::{Element, WheelEvent};
use yew::prelude::*;

use super::past::{Bar, Past, Trouble};
use crate::lab::handle::{LabHandle, Selection, View, use_lab};
use crate::ui::icons::{Glyph, icon};
use crate::ui::numbers;
use crate::ui::pen::{Dash, Face, Ink, Pen};
use crate::ui::surface::{Picture, use_surface};

/// Room for the names.
pub(crate) const NAMES: f64 = 44.0;

/// Room right of the rows, and for the axis under them.
pub(crate) const RIGHT: f64 = 12.0;
pub(crate) const AXIS: f64 = 20.0;

/// The playhead stands this far into the window.
const PLAYHEAD: f64 = 0.72;

/// The window shows so many seconds of play at first.
const SECONDS: f64 = 10.0;

/// A step of zoom, and how far it goes: parts and multiples of the first window.
pub(crate) const ZOOM: f64 = 1.5;
const ZOOM_MAX: f64 = 30.0;

/// Of more records than this in the window, only every so manieth is drawn.
const RECORDS_MAX: u32 = 12_000;

/// The causes of an event are followed so far.
const CAUSES_MAX: usize = 200;

/// What neither led to the event that is picked nor came of it is drawn so faintly.
const FAINT: f64 = 0.18;

/// A pointer hits an event, a line, from this far.
const REACH: (f64, f64) = (10.0, 6.0);

/// A pointer that moves less than this was meant to stay where it is.
const STILL: f64 = 5.0;

/// A line of the picture that can be hit.
struct Segment {
    from: (f64, f64),
    to: (f64, f64),
    event: u32,
}

/// What is drawn, with the memory for it.
struct Diagram {
    past: Past,
    zoom: f64,
    /// Where the window begins, when the reader has moved it away from the playhead, in nanoseconds.
    moved: Option<f64>,
    hosts: Vec<HostId>,
    names: Vec<String>,
    dots: Vec<((f64, f64), u32)>,
    segments: Vec<Segment>,
    causes: Vec<u32>,
    causes_of: Option<(u32, u32)>,
    /// Past and future of the event that is picked.
    cone: Option<Cone>,
    /// Events that prove that a check fell, in order.
    evidence: Vec<u32>,
    labels: Vec<(f64, f64, f64)>,
    messages: Vec<MessageView>,
    sent: Vec<u32>,
    ended: Vec<u32>,
    scale: Scale,
}

impl Default for Diagram {
    fn default() -> Diagram {
        Diagram {
            past: Past::default(),
            zoom: 1.0,
            moved: None,
            hosts: Vec::new(),
            names: Vec::new(),
            dots: Vec::new(),
            segments: Vec::new(),
            causes: Vec::new(),
            causes_of: None,
            cone: None,
            evidence: Vec::new(),
            labels: Vec::new(),
            messages: Vec::new(),
            sent: Vec::new(),
            ended: Vec::new(),
            scale: Scale {
                from: 0.0,
                span: 1.0,
                width: 1.0,
                top: 0.0,
                row: 1.0,
            },
        }
    }
}

/// Where times and rows are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    pub(crate) from: f64,
    pub(crate) span: f64,
    pub(crate) width: f64,
    pub(crate) top: f64,
    pub(crate) row: f64,
}

impl Scale {
    pub(crate) fn x(self, time: Time) -> f64 {
        NAMES + (time.0 as f64 - self.from) / self.span * self.width
    }

    pub(crate) fn y(self, row: usize) -> f64 {
        self.top + (row as f64 + 0.5) * self.row
    }

    pub(crate) fn end(self) -> f64 {
        self.from + self.span
    }
}

impl Picture for Diagram {
    type Of = LabHandle;

    fn paint(&mut self, pen: &mut Pen<'_>, lab: &LabHandle) {
        let view = lab.view();
        if view.playing {
            self.moved = None;
        }
        lab.with(|player| {
            self.past.update(player);
            self.arrange(pen, player, &view);
            self.cone = match view.selection {
                Some(Selection::Event(event)) => lab.cone(event, Cone::clone),
                _ => None,
            };
            let scale = self.scale;
            self.rows(pen, scale, lab.selection());
            axis(pen, scale, pen.height - AXIS);
            pen.clipped(NAMES, 0.0, scale.width, pen.height, |pen| {
                self.cones(pen, scale, player);
                self.troubles(pen, scale, player);
                self.traffic(pen, scale, player);
                self.proof(pen, scale, player);
                self.causes(pen, scale, player, lab.selection());
                self.marks(pen, scale, player, &view);
                let x = scale.x(player.now()).round();
                pen.stroke(Ink::Accent, 2.0);
                pen.line((x, 2.0), (x, pen.height - AXIS + 4.0));
            });
        });
    }
}

impl Diagram {
    /// The window, and who has a row: every node, and every client that has asked something.
    fn arrange(&mut self, pen: &Pen<'_>, player: &Player, view: &View) {
        let frame = &view.frame;
        if self.hosts.len() != frame.nodes.len() + frame.clients.len() {
            let nodes = frame
                .nodes
                .iter()
                .map(|it| (HostId::from(it.id), it.id.to_string()));
            let clients = frame
                .clients
                .iter()
                .map(|it| (HostId::from(End::Client(it.id)), it.name.clone()));
            (self.hosts, self.names) = nodes.chain(clients).unzip();
        }
        self.evidence.clear();
        let checks = frame.checks.iter();
        self.evidence.extend(checks.flat_map(|it| &it.evidence));
        self.evidence.sort_unstable();
        let span = window(player, pen.width) * self.zoom;
        let now = player.now().0 as f64;
        let follow = (now - span * PLAYHEAD).max(0.0);
        let away = |from: &f64| now < *from || now > from + span;
        if self.moved.as_ref().is_some_and(away) {
            self.moved = None;
        }
        let rows = self.hosts.len().max(1) as f64;
        let room = pen.height - AXIS - 8.0;
        let row = (room / rows).min(44.0);
        self.scale = Scale {
            from: self.moved.unwrap_or(follow),
            span,
            width: (pen.width - NAMES - RIGHT).max(1.0),
            top: 4.0 + (room - row * rows) / 2.0,
            row,
        };
    }

    fn row_of(&self, host: HostId) -> Option<usize> {
        self.hosts.iter().position(|it| *it == host)
    }

    fn rows(&self, pen: &mut Pen<'_>, scale: Scale, selection: Option<Selection>) {
        let words = scale.row >= 10.0;
        pen.align("left");
        for (row, (host, name)) in self.hosts.iter().zip(&self.names).enumerate() {
            let y = scale.y(row).round() + 0.5;
            pen.stroke(Ink::Line, 1.0);
            pen.line((NAMES, y), (NAMES + scale.width, y));
            if words {
                let picked =
                    matches!(selection, Some(Selection::Node(node)) if HostId::from(node) == *host);
                pen.face(if picked { Face::Bold } else { Face::Small });
                pen.fill(match (picked, host.node()) {
                    (true, _) => Ink::Accent,
                    (_, Some(_)) => Ink::Ink,
                    (_, None) => Ink::Dim,
                });
                pen.text(name, (12.0, y));
            }
        }
    }

    /// What was broken: bands on the rows of nodes, a strip along the foot for the network.
    fn troubles(&mut self, pen: &mut Pen<'_>, scale: Scale, player: &Player) {
        let foot = scale.top + scale.row * self.hosts.len() as f64;
        let half = (scale.row * 0.3).min(9.0);
        self.labels.clear();
        for bar in &self.past.bars {
            let to = bar.to.unwrap_or_else(|| player.frontier());
            if (to.0 as f64) < scale.from || bar.from.0 as f64 > scale.end() {
                continue;
            }
            let (left, right) = (
                scale.x(bar.from).max(NAMES),
                scale.x(to).min(NAMES + scale.width),
            );
            let row = bar.node.and_then(|it| self.row_of(it.into()));
            let (y, height, ink) = match (bar.trouble, row) {
                (Trouble::Down, Some(row)) => (scale.y(row) - half, 2.0 * half, Ink::Strong),
                (Trouble::Paused, Some(row)) => (scale.y(row) - half, 2.0 * half, Ink::Warn),
                _ => (foot, 3.0, Ink::Bad),
            };
            let words = bar.trouble.words();
            pen.fill(ink);
            pen.alpha(if height > 3.0 { 0.16 } else { 0.9 });
            pen.rect(left, y, (right - left).max(1.0), height);
            pen.alpha(1.0);
            pen.face(Face::Axis);
            let wide = pen.measure(words);
            pen.align("left");
            if height > 3.0 && right - left > wide + 12.0 && (bar.from.0 as f64) < scale.from {
                pen.fill(Ink::Dim);
                pen.text(words, (left + 6.0, y + half + 5.0));
            } else if height <= 3.0 {
                // Right of the names of what began before and lasts still.
                let taken = self.labels.iter().map(|it| it.1 + 8.0);
                let x = taken.fold(left + 4.0, f64::max);
                if x + wide <= right {
                    self.labels.push((x, x + wide, foot - 7.0));
                    pen.fill(Ink::Bad);
                    pen.text(words, (x, foot - 7.0));
                }
            }
        }
    }

    /// The rows as far as they belong to the past or the future of the event that is picked.
    fn cones(&self, pen: &mut Pen<'_>, scale: Scale, player: &Player) {
        let Some(cone) = &self.cone else { return };
        let records = player.records();
        let half = (scale.row * 0.42).min(15.0);
        let x = |event: u32| records.get(event).map(|it| scale.x(it.time));
        pen.fill(Ink::Accent);
        pen.alpha(0.13);
        for (row, host) in self.hosts.iter().enumerate() {
            let top = scale.y(row) - half;
            if let Some(end) = cone.latest(*host).and_then(x).filter(|it| *it > NAMES) {
                pen.rect(NAMES, top, end - NAMES, 2.0 * half);
            }
            let end = scale.x(player.frontier()).min(NAMES + scale.width);
            let start = cone.earliest(*host).and_then(x).map(|it| it.max(NAMES));
            if let Some(start) = start.filter(|it| *it < end) {
                pen.rect(start, top, end - start, 2.0 * half);
            }
        }
        pen.alpha(1.0);
    }

    /// How strongly an event is drawn: what lies ahead of the playhead is fainter, and so is what has nothing to do
    /// with the event that is picked.
    fn light(&self, (event, record): (u32, &Record), now: Time) -> f64 {
        let of_cone = self
            .cone
            .as_ref()
            .and_then(|it| it.relation(event, record.host));
        let known = if record.time <= now { 1.0 } else { 0.4 };
        match of_cone {
            Some(Relation::Concurrent) => known * FAINT,
            _ => known,
        }
    }

    /// The same for the line of a message: it belongs to a cone when both its ends do.
    fn light_of_way(&self, ends: [(u32, HostId); 2], light: f64) -> f64 {
        let Some(cone) = &self.cone else { return light };
        let [sent, got] = ends.map(|it| cone.relation(it.0, it.1));
        let past = matches!(got, Some(Relation::Before | Relation::Same));
        let future = matches!(sent, Some(Relation::After | Relation::Same));
        light * if past || future { 1.0 } else { FAINT }
    }

    /// The event with which the one that is picked is compared, and where the run parts from the one beside it.
    fn marks(&self, pen: &mut Pen<'_>, scale: Scale, player: &Player, view: &View) {
        let place = |event: u32| {
            let record = player.records().get(event)?;
            Some((
                scale.x(record.time),
                self.row_of(record.host).map(|it| scale.y(it)),
            ))
        };
        if let Some((x, Some(y))) = view.other.and_then(place) {
            pen.stroke(Ink::Warn, 2.0);
            pen.ring((x, y), 8.0);
        }
        if let Some((x, y)) = view.parted.and_then(|it| place(it.0)) {
            pen.stroke(Ink::Accent, 1.0);
            pen.dash(Dash::Dashed);
            pen.line((x, 2.0), (x, pen.height - AXIS));
            pen.dash(Dash::Solid);
            pen.stroke(Ink::Accent, 1.8);
            pen.fill(Ink::Ground);
            pen.rhombus((x, y.unwrap_or(6.0)), 5.5);
        }
    }

    /// Everything in the window that the trace knows.
    fn traffic(&mut self, pen: &mut Pen<'_>, scale: Scale, player: &Player) {
        self.dots.clear();
        self.segments.clear();
        self.sent.clear();
        self.ended.clear();
        let records = player.records();
        let now = player.now();
        let first = records.partition_point(|it| (it.time.0 as f64) < scale.from);
        // What arrives beyond the right edge may have left within it.
        let beyond = scale.end() + scale.span * 0.25;
        let last = records.partition_point(|it| (it.time.0 as f64) <= beyond);
        let stride = (last - first).div_ceil(RECORDS_MAX).max(1) as usize;
        let drawn = || {
            let events = (first..last).step_by(stride);
            events.filter_map(|it| Some((it, records.get(it)?)))
        };
        for (event, record) in drawn() {
            let known = if record.time <= now { 1.0 } else { 0.4 };
            let sender = records
                .get(record.cause)
                .map_or(HostId::WORLD, |it| it.host);
            let got = if record.kind == Kind::Lose {
                HostId::WORLD
            } else {
                record.host
            };
            pen.alpha(self.light_of_way([(record.cause, sender), (event, got)], known));
            match record.kind {
                Kind::Send => self.sent.push(event),
                Kind::Deliver => self.arrival(pen, scale, records, &record),
                Kind::Lose => {
                    self.loss(pen, scale, records, (event, &record), player.label(&record))
                }
                _ => {}
            }
        }
        self.under_way(pen, scale, records, player);
        for (event, record) in drawn() {
            pen.alpha(self.light((event, &record), now));
            self.event(pen, scale, (event, &record), player);
        }
        pen.alpha(1.0);
        self.let_go(pen, scale, player);
    }

    /// What lies before the first event that is kept.
    fn let_go(&self, pen: &mut Pen<'_>, scale: Scale, player: &Player) {
        let Some(since) = player.kept_since().map(|it| scale.x(it)) else {
            return;
        };
        if since > NAMES {
            pen.fill(Ink::Line);
            pen.alpha(0.4);
            pen.rect(
                NAMES,
                scale.top,
                since - NAMES,
                pen.height - AXIS - scale.top,
            );
            pen.alpha(1.0);
            pen.face(Face::Small);
            pen.align("left");
            pen.fill(Ink::Dim);
            pen.text("events before here are no longer kept", (NAMES + 6.0, 10.0));
        }
    }

    fn arrival(&mut self, pen: &mut Pen<'_>, scale: Scale, all: &Records, record: &Record) {
        let Some(sent) = all.get(record.cause) else {
            return;
        };
        self.ended.push(record.cause);
        let (Some(from), Some(to)) = (self.row_of(sent.host), self.row_of(record.host)) else {
            return;
        };
        let client = sent.host.node().is_none() || record.host.node().is_none();
        let ends = (
            (scale.x(sent.time), scale.y(from)),
            (scale.x(record.time), scale.y(to)),
        );
        pen.stroke(
            if client {
                Ink::Line
            } else {
                Ink::epoch(record.epoch())
            },
            1.2,
        );
        pen.line(ends.0, ends.1);
        self.segments.push(Segment {
            from: ends.0,
            to: ends.1,
            event: record.cause,
        });
    }

    fn loss(
        &mut self,
        pen: &mut Pen<'_>,
        scale: Scale,
        all: &Records,
        (event, record): (u32, &Record),
        why: &str,
    ) {
        let Some(sent) = all.get(record.cause) else {
            return;
        };
        self.ended.push(record.cause);
        let (Some(from), Some(to)) = (self.row_of(sent.host), self.row_of(record.peer)) else {
            return;
        };
        // A dead node swallows at its door; a cut and bad luck somewhere on the way.
        let share = if why == "node is down" { 0.92 } else { 0.5 };
        let start = (scale.x(sent.time), scale.y(from));
        let end = (
            scale.x(record.time),
            start.1 + (scale.y(to) - start.1) * share,
        );
        pen.stroke(Ink::Bad, 1.2);
        pen.dash(Dash::Dashed);
        pen.line(start, end);
        pen.dash(Dash::Solid);
        pen.stroke(Ink::Bad, 1.6);
        pen.cross(end, 3.5);
        self.dots.push((end, event));
        self.segments.push(Segment {
            from: start,
            to: end,
            event: record.cause,
        });
    }

    /// Messages that have not ended: as far as they have got.
    fn under_way(&mut self, pen: &mut Pen<'_>, scale: Scale, all: &Records, player: &Player) {
        self.messages.clear();
        player.run().messages(&mut self.messages);
        let now = player.now();
        order::sort(&mut self.ended);
        pen.alpha(1.0);
        for message in &self.messages {
            let (from, to) = (
                self.row_of(message.from.into()),
                self.row_of(message.to.into()),
            );
            let (Some(from), Some(to)) = (from, to) else {
                continue;
            };
            let known = self
                .sent
                .iter()
                .find(|it| all.get(**it).is_some_and(|it| it.item == message.id))
                .copied();
            if known.is_some_and(|it| self.ended.binary_search(&it).is_ok()) {
                // Its end is known already, from the future that was seen before.
                continue;
            }
            let sent = known.unwrap_or(NO_EVENT);
            let way = [(sent, message.from.into()), (NO_EVENT, HostId::WORLD)];
            pen.alpha(self.light_of_way(way, 1.0));
            let share = message.progress(now);
            let (start, target) = (scale.y(from), scale.y(to));
            let ends = (
                (scale.x(message.sent), start),
                (scale.x(now), start + (target - start) * share),
            );
            let client =
                matches!(message.from, End::Client(_)) || matches!(message.to, End::Client(_));
            pen.stroke(
                if client {
                    Ink::Line
                } else {
                    Ink::epoch(message.look.epoch)
                },
                1.2,
            );
            pen.line(ends.0, ends.1);
            if let Some(event) = known {
                self.segments.push(Segment {
                    from: ends.0,
                    to: ends.1,
                    event,
                });
            }
        }
    }

    /// One event on its row.
    fn event(
        &mut self,
        pen: &mut Pen<'_>,
        scale: Scale,
        (event, record): (u32, &Record),
        player: &Player,
    ) {
        let x = scale.x(record.time);
        if x > NAMES + scale.width + 4.0 {
            return;
        }
        let Some(row) = self.row_of(record.host) else {
            if record.kind == Kind::Fault {
                self.world_fault(pen, scale, (x, record), event, player);
            }
            return;
        };
        let at = (x, scale.y(row));
        let small = scale.row < 14.0;
        match record.kind {
            Kind::Send | Kind::Deliver => {
                let client = record.host.node().is_none() || record.peer.node().is_none();
                pen.fill(if client {
                    Ink::Strong
                } else {
                    Ink::epoch(record.epoch())
                });
                pen.disc(at, if client || small { 1.5 } else { 2.5 });
            }
            Kind::Timer => {
                pen.stroke(Ink::Dim, 1.5);
                pen.line((at.0, at.1 - 5.0), (at.0, at.1 + 5.0));
            }
            Kind::Note => {
                let epoch = record
                    .epoch()
                    .or_else(|| player.records().get(record.cause)?.epoch());
                pen.stroke(Ink::epoch(epoch), 1.8);
                pen.fill(Ink::Ground);
                pen.disc(at, if small { 3.0 } else { 4.5 });
                pen.ring(at, if small { 3.0 } else { 4.5 });
                self.caption(pen, at, player.label(record), Ink::Ink);
            }
            Kind::Fault => {
                pen.stroke(Ink::Bad, 2.0);
                pen.line((at.0, at.1 - 8.0), (at.0, at.1 + 8.0));
                self.caption(pen, at, player.label(record), Ink::Bad);
            }
            Kind::Start if record.cause != NO_EVENT => {
                pen.stroke(Ink::Dim, 1.5);
                pen.ring(at, 3.0);
            }
            Kind::Invoke | Kind::Complete => {
                pen.fill(Ink::Strong);
                pen.rect(at.0 - 2.5, at.1 - 2.5, 5.0, 5.0);
            }
            _ => return,
        }
        self.dots.push((at, event));
    }

    /// The operations that prove that a check fell: a band from the beginning of each to its end, ringed at both.
    fn proof(&self, pen: &mut Pen<'_>, scale: Scale, player: &Player) {
        let records = player.records();
        pen.alpha(1.0);
        for (place, event) in self.evidence.iter().enumerate() {
            let Some(record) = records.get(*event) else {
                continue;
            };
            let Some(row) = self.row_of(record.host) else {
                continue;
            };
            let (x, y) = (scale.x(record.time), scale.y(row));
            pen.stroke(Ink::Bad, 1.8);
            pen.ring((x, y), 6.0);
            let later = self.evidence[place + 1..].iter();
            let mut of_host = later
                .filter_map(|it| records.get(*it))
                .filter(|it| it.host == record.host);
            let end = of_host.next().filter(|it| it.kind == Kind::Complete);
            if let (Kind::Invoke, Some(end)) = (record.kind, end) {
                pen.stroke(Ink::Bad, 3.0);
                pen.line((x + 6.0, y), (scale.x(end.time) - 6.0, y));
            }
        }
    }

    /// A fault of the network: a mark across all rows.
    fn world_fault(
        &mut self,
        pen: &mut Pen<'_>,
        scale: Scale,
        (x, record): (f64, &Record),
        event: u32,
        player: &Player,
    ) {
        let foot = scale.top + scale.row * self.hosts.len() as f64;
        pen.stroke(Ink::Bad, 1.0);
        pen.dash(Dash::Dotted);
        pen.line((x, scale.top), (x, foot));
        pen.dash(Dash::Solid);
        // What begins to last has its name on the strip along the foot.
        let begins = |it: &Bar| it.node.is_none() && it.from == record.time;
        if !self.past.bars.iter().any(begins) {
            self.caption(pen, (x, foot + 2.0), player.label(record), Ink::Bad);
        }
        self.dots.push(((x, foot), event));
    }

    /// A word right above an event, unless it would touch another.
    fn caption(&mut self, pen: &mut Pen<'_>, at: (f64, f64), words: &str, ink: Ink) {
        pen.face(Face::Small);
        let (x, y) = (at.0 + 7.0, at.1 - 9.0);
        let end = x + pen.measure(words);
        let free = self
            .labels
            .iter()
            .all(|it| (it.2 - y).abs() > 11.0 || x > it.1 + 4.0 || end + 4.0 < it.0);
        if free && y > 4.0 {
            self.labels.push((x, end, y));
            pen.align("left");
            pen.fill(ink);
            pen.text(words, (x, y));
        }
    }

    /// What is picked, and what led to it.
    fn causes(
        &mut self,
        pen: &mut Pen<'_>,
        scale: Scale,
        player: &Player,
        selection: Option<Selection>,
    ) {
        let records = player.records();
        let picked = match selection {
            Some(Selection::Event(event)) if event < records.len() => Some(event),
            Some(Selection::Message(id)) => {
                let sent = |it: &&u32| records.get(**it).is_some_and(|it| it.item == id);
                self.sent.iter().find(sent).copied()
            }
            _ => None,
        };
        let Some(picked) = picked else {
            self.causes_of = None;
            return;
        };
        let key = (picked, records.len());
        if self.causes_of != Some(key) {
            self.causes_of = Some(key);
            self.causes.clear();
            let mut event = picked;
            while let Some(record) = records
                .get(event)
                .filter(|_| self.causes.len() < CAUSES_MAX)
            {
                self.causes.push(event);
                event = record.cause;
            }
        }
        let place = |event: u32| {
            if let Some(drawn) = self.dots.iter().find(|it| it.1 == event) {
                return Some(drawn.0);
            }
            let record = records.get(event)?;
            let host = if record.kind == Kind::Lose {
                record.peer
            } else {
                record.host
            };
            Some((scale.x(record.time), scale.y(self.row_of(host)?)))
        };
        pen.stroke(Ink::Accent, 2.0);
        pen.alpha(0.75);
        for pair in self.causes.windows(2) {
            if let (Some(to), Some(from)) = (place(pair[0]), place(pair[1])) {
                pen.line(from, to);
            }
        }
        pen.alpha(1.0);
        if let Some(at) = place(picked) {
            pen.ring(at, 8.0);
        }
    }

    /// The event at a point: a dot, else the sending of the message whose line is close.
    fn hit(&self, point: (f64, f64)) -> Option<u32> {
        let far = |at: &(f64, f64)| (at.0 - point.0).hypot(at.1 - point.1);
        let dots = self
            .dots
            .iter()
            .map(|(at, event)| (far(at), *event))
            .filter(|it| it.0 <= REACH.0);
        // Of dots at one place the last drawn lies on top.
        let dot = dots.rev().min_by(|one, two| one.0.total_cmp(&two.0));
        let lines = self
            .segments
            .iter()
            .map(|it| (distance(point, it.from, it.to), it.event));
        let line = || {
            lines
                .filter(|it| it.0 <= REACH.1)
                .min_by(|one, two| one.0.total_cmp(&two.0))
        };
        dot.or_else(line).map(|it| it.1)
    }
}

/// How much time the window shows before zooming, in nanoseconds: less where there is less room.
fn window(player: &Player, width: f64) -> f64 {
    let share = (width / 1_000.0).clamp(0.35, 1.2);
    (player.scenario().pace.0 as f64 * SECONDS * share).max(1_000.0)
}

/// The distance of a point from a line between two others.
pub(crate) fn distance(point: (f64, f64), from: (f64, f64), to: (f64, f64)) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = (dx * dx + dy * dy).max(1e-9);
    let share = (((point.0 - from.0) * dx + (point.1 - from.1) * dy) / length).clamp(0.0, 1.0);
    (from.0 + dx * share - point.0).hypot(from.1 + dy * share - point.1)
}

/// Ticks at round times.
pub(crate) fn axis(pen: &mut Pen<'_>, scale: Scale, y: f64) {
    let wanted = scale.span / (scale.width / 110.0).max(1.0);
    let mut step = 1.0;
    while step * 10.0 <= wanted {
        step *= 10.0;
    }
    if step * 5.0 <= wanted {
        step *= 5.0;
    } else if step * 2.0 <= wanted {
        step *= 2.0;
    }
    pen.face(Face::Axis);
    pen.align("center");
    pen.fill(Ink::Dim);
    pen.stroke(Ink::Line, 1.0);
    let mut time = (scale.from / step).ceil() * step;
    while time <= scale.end() {
        let x = scale.x(Time(time as u64)).round() + 0.5;
        pen.line((x, y), (x, y + 4.0));
        if x > NAMES + 10.0 && x < NAMES + scale.width - 16.0 {
            pen.text(
                &numbers::tick(Time(time as u64), step, scale.end() >= 1e9),
                (x, y + 12.0),
            );
        }
        time += step;
    }
}

/// Properties of [`SpaceTime`].
#[derive(Clone, PartialEq, Properties)]
pub struct SpaceTimeProps {
    /// The lab.
    pub lab: LabHandle,
}

/// The space-time diagram around the playhead. It fills what it is put into.
#[component]
pub fn SpaceTime(props: &SpaceTimeProps) -> Html {
    let lab = &props.lab;
    let view = use_lab(lab);
    let canvas = use_node_ref();
    let diagram = use_mut_ref(Diagram::default);
    let repaint = use_surface(lab, &canvas, &diagram, Callback::noop());
    let zoom = {
        let (diagram, repaint) = (diagram.clone(), repaint.clone());
        Callback::from(move |factor: f64| {
            {
                let mut diagram = diagram.borrow_mut();
                diagram.zoom = (diagram.zoom * factor).clamp(1.0 / ZOOM_MAX, ZOOM_MAX);
                diagram.moved = None;
            }
            repaint.emit(());
        })
    };
    use_wheel(&canvas, &zoom);
    let drag = use_drag(lab, &diagram, &repaint);
    let label = format!(
        "Space-time diagram of {} nodes and {} clients around {}; the list of events says the same in words",
        view.frame.nodes.len(),
        view.frame.clients.len(),
        numbers::moment(view.frame.time)
    );
    let closer = zoom.reform(|_: MouseEvent| 1.0 / ZOOM);
    let wider = zoom.reform(|_: MouseEvent| ZOOM);
    html! {
        <div class="cs-spacetime" role="group" aria-label="Space-time diagram">
            <canvas ref={canvas} class="cs-spacetime-canvas" role="img" aria-label={label}
                onpointerdown={drag.down} onpointermove={drag.moved}
                onpointerup={drag.up} onpointercancel={drag.cancel} />
            <div class="cs-spacetime-zoom">
                <button type="button" class="cs-button is-small" aria-label="Show less time"
                    title="Show less time (Ctrl and wheel)" onclick={closer}>
                    { icon(Glyph::Plus) }
                </button>
                <button type="button" class="cs-button is-small" aria-label="Show more time"
                    title="Show more time (Ctrl and wheel)" onclick={wider}>
                    { icon(Glyph::Minus) }
                </button>
            </div>
        </div>
    }
}

/// Zooms by the wheel with the Ctrl key; without it, the page scrolls as ever.
#[hook]
pub(crate) fn use_wheel(canvas: &NodeRef, zoom: &Callback<f64>) {
    let zoom = zoom.clone();
    use_effect_with(canvas.clone(), move |canvas| {
        let listener = canvas.cast::<Element>().map(|element| {
            let options = EventListenerOptions {
                passive: false,
                ..Default::default()
            };
            EventListener::new_with_options(&element, "wheel", options, move |event| {
                let wheel = event
                    .dyn_ref::<WheelEvent>()
                    .filter(|it| it.ctrl_key() || it.meta_key());
                if let Some(wheel) = wheel {
                    event.prevent_default();
                    // The browser has an `exp` already.
                    let turned = (wheel.delta_y() * 0.002).clamp(-0.5, 0.5);
                    zoom.emit(js_sys::Math::exp(turned));
                }
            })
        });
        move || drop(listener)
    });
}

/// What pointers do: a click picks, a drag moves the window.
struct Drag {
    down: Callback<PointerEvent>,
    moved: Callback<PointerEvent>,
    up: Callback<PointerEvent>,
    cancel: Callback<PointerEvent>,
}

/// A pointer that is down: where, where the window began then, and whether it has moved.
type Held = Option<((f64, f64), f64, bool)>;

#[hook]
fn use_drag(lab: &LabHandle, diagram: &Rc<RefCell<Diagram>>, repaint: &Callback<()>) -> Drag {
    let held = use_mut_ref(|| None as Held);
    let spot = |event: &PointerEvent| (f64::from(event.offset_x()), f64::from(event.offset_y()));
    let down = {
        let (held, diagram) = (held.clone(), diagram.clone());
        Callback::from(move |event: PointerEvent| {
            if event.button() == 0 {
                if let Some(canvas) = event.target_dyn_into::<Element>() {
                    // Refused only for a pointer that is already gone.
                    let _ = canvas.set_pointer_capture(event.pointer_id());
                }
                *held.borrow_mut() = Some((spot(&event), diagram.borrow().scale.from, false));
            }
        })
    };
    let moved = {
        let (held, diagram, repaint, lab) =
            (held.clone(), diagram.clone(), repaint.clone(), lab.clone());
        Callback::from(move |event: PointerEvent| {
            let mut held = held.borrow_mut();
            let Some((start, from, dragged)) = held.as_mut() else {
                return;
            };
            let shift = spot(&event).0 - start.0;
            *dragged |= shift.abs() > STILL;
            if *dragged && !lab.is_playing() {
                {
                    let mut diagram = diagram.borrow_mut();
                    let scale = diagram.scale;
                    let now = lab.with(|player| player.now().0 as f64);
                    let wanted = *from - shift / scale.width * scale.span;
                    // The playhead stays in the window.
                    diagram.moved = Some(wanted.clamp((now - scale.span).max(0.0), now));
                }
                repaint.emit(());
            }
        })
    };
    let up = {
        let (held, diagram, lab) = (held.clone(), diagram.clone(), lab.clone());
        Callback::from(move |event: PointerEvent| {
            let Some((_, _, false)) = held.borrow_mut().take() else {
                return;
            };
            let hit = diagram.borrow().hit(spot(&event));
            match hit {
                Some(other) if event.shift_key() => lab.select_other(Some(other)),
                _ => lab.select(hit.map(Selection::Event)),
            }
        })
    };
    let cancel = Callback::from(move |_: PointerEvent| *held.borrow_mut() = None);
    Drag {
        down,
        moved,
        up,
        cancel,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_as_far_from_a_line_as_from_its_closest_point() {
        assert_eq!(distance((5.0, 3.0), (0.0, 0.0), (10.0, 0.0)), 3.0);
        assert_eq!(distance((13.0, 4.0), (0.0, 0.0), (10.0, 0.0)), 5.0);
    }
}
