//! The whole run as a bar: how much happened when, what was broken for how long, where the story turned.

use std::cell::RefCell;
use std::rc::Rc;

use clusterscope_core::check::Verdict;
use clusterscope_core::{Player, Time};
use web_sys::Element;
use yew::prelude::*;

use super::past::{BINS, Past, Trouble, range};
use crate::lab::handle::{LabHandle, View, use_lab};
use crate::ui::numbers;
use crate::ui::pen::{Dash, Face, Ink, Pen};
use crate::ui::surface::{Picture, use_surface};

/// Room left and right of the axis.
const EDGE: f64 = 14.0;

/// How high labels, histogram and each bar of a fault are.
const LABELS: f64 = 20.0;
const HISTOGRAM: f64 = 26.0;
const LANE: f64 = 6.0;
const LANES: usize = 3;

/// The axis is this far down.
const AXIS: f64 = LABELS + HISTOGRAM;

/// A pointer this close to a mark means it.
const SNAP: f64 = 4.0;

/// A key moves the playhead by so many parts of the whole: an arrow, a page.
const PARTS: (u64, u64) = (200, 20);

/// How much time a picture shows, and where.
#[derive(Clone, Copy)]
struct Axis {
    range: Time,
    width: f64,
}

impl Axis {
    fn x(self, time: Time) -> f64 {
        EDGE + time.0 as f64 / self.range.0.max(1) as f64 * (self.width - 2.0 * EDGE)
    }

    fn time(self, x: f64) -> Time {
        let share = ((x - EDGE) / (self.width - 2.0 * EDGE).max(1.0)).clamp(0.0, 1.0);
        Time((share * self.range.0 as f64) as u64)
    }
}

#[derive(Default)]
struct Scroll {
    past: Past,
    /// Where the pointer is.
    pointer: Option<f64>,
    width: f64,
    lanes: Vec<f64>,
    /// Where each bar begins and ends, and in which lane.
    places: Vec<(f64, f64, usize)>,
    /// Which stretches have a label.
    taken: Vec<(f64, f64)>,
}

impl Picture for Scroll {
    type Of = LabHandle;

    fn paint(&mut self, pen: &mut Pen<'_>, lab: &LabHandle) {
        let view = lab.view();
        self.width = pen.width;
        lab.with(|player| {
            self.past.update(player);
            let axis = Axis {
                range: self.past.range,
                width: pen.width,
            };
            self.histogram(pen, axis, player);
            self.bars(pen, axis, player);
            branches(pen, axis, player);
            plans(
                pen,
                axis,
                player,
                self.lanes.first().copied().unwrap_or(0.0),
            );
            self.taken.clear();
            self.violations(pen, axis, &view);
            self.notes(pen, axis, player);
            if let Some((_, at)) = view.parted {
                parting(pen, axis.x(at));
            }
            self.pointer(pen, axis);
            playhead(pen, axis, player.now());
        });
    }
}

impl Scroll {
    fn axis(&self) -> Axis {
        Axis {
            range: self.past.range,
            width: self.width,
        }
    }

    /// How much happened when; what lies ahead of the playhead is fainter.
    fn histogram(&self, pen: &mut Pen<'_>, axis: Axis, player: &Player) {
        let known = axis.x(player.frontier());
        pen.stroke(Ink::Line, 1.0);
        let line = AXIS.floor() + 0.5;
        pen.line((EDGE, line), (pen.width - EDGE, line));
        pen.stroke(Ink::Strong, 1.0);
        pen.line((EDGE, line), (known, line));
        let width = (pen.width - 2.0 * EDGE) / BINS as f64;
        let now = axis.x(player.now());
        pen.fill(Ink::Strong);
        for (index, count) in self.past.bins.iter().enumerate().filter(|it| *it.1 > 0) {
            let x = EDGE + index as f64 * width;
            // The root: a burst does not flatten all the rest.
            let height =
                (f64::from(*count) / f64::from(self.past.peak.max(1))).sqrt() * (HISTOGRAM - 8.0);
            pen.alpha(if x <= now { 0.55 } else { 0.25 });
            pen.rect(x, AXIS - height, (width - 0.5).max(0.5), height);
        }
        pen.alpha(1.0);
    }

    /// Bars under the axis, in as few lanes as they need; their names right of them, where there is room.
    fn bars(&mut self, pen: &mut Pen<'_>, axis: Axis, player: &Player) {
        self.lanes.clear();
        self.places.clear();
        let frontier = player.frontier();
        for bar in &self.past.bars {
            let from = axis.x(bar.from);
            let to = axis.x(bar.to.unwrap_or(frontier)).max(from + 2.0);
            let free = self.lanes.iter().position(|end| *end <= from);
            let lane = free.unwrap_or(self.lanes.len()).min(LANES - 1);
            if lane == self.lanes.len() {
                self.lanes.push(0.0);
            }
            self.lanes[lane] = self.lanes[lane].max(to + 2.0);
            self.places.push((from, to, lane));
        }
        for (bar, (from, to, lane)) in self.past.bars.iter().zip(&self.places) {
            let y = lane_top(*lane);
            pen.fill(if bar.trouble == Trouble::Paused {
                Ink::Warn
            } else {
                Ink::Bad
            });
            pen.alpha(if bar.from <= player.now() { 0.8 } else { 0.4 });
            pen.rect(*from, y, to - from, LANE);
        }
        pen.alpha(1.0);
        for (bar, (_, to, lane)) in self.past.bars.iter().zip(&self.places) {
            let words = bar.name();
            pen.face(Face::Axis);
            let end = to + 5.0 + pen.measure(&words);
            let mut others = self.places.iter().filter(|it| it.2 == *lane && it.1 > *to);
            if end < pen.width && others.all(|it| it.0 > end + 4.0) {
                pen.align("left");
                pen.fill(Ink::Dim);
                pen.text(&words, (to + 5.0, lane_top(*lane) + LANE / 2.0 + 0.5));
                self.lanes[*lane] = self.lanes[*lane].max(end + 8.0);
            }
        }
        pen.stroke(Ink::Dim, 1.0);
        for mark in &self.past.faults {
            let x = axis.x(mark.time).round() + 0.5;
            pen.line((x, AXIS + 1.0), (x, AXIS + 4.0));
        }
    }

    /// Broken promises: all their crosses first, then the names for which there is room.
    fn violations(&mut self, pen: &mut Pen<'_>, axis: Axis, view: &View) {
        let broken = |verdict| verdict == Verdict::Violated;
        let reports = view.frame.checks.iter().filter(|it| broken(it.verdict));
        let broken = reports.filter_map(|it| Some((it.name, axis.x(it.at?).round())));
        for (_, x) in broken.clone() {
            pen.stroke(Ink::Bad, 2.0);
            pen.line((x, LABELS - 5.0), (x, AXIS));
            pen.cross((x, LABELS - 12.0), 3.5);
            self.taken.push((x - 5.0, x + 5.0));
        }
        pen.face(Face::Small);
        for (name, x) in broken {
            self.caption(pen, name, x + 14.0, Ink::Bad);
        }
    }

    /// Marks for turns of the story; the rare ones are named, where there is room.
    fn notes(&mut self, pen: &mut Pen<'_>, axis: Axis, player: &Player) {
        let now = player.now();
        for mark in self.past.notes.iter().filter(|it| self.past.is_rare(it)) {
            let rare = self.past.count(mark) <= 16;
            let ink = Ink::epoch(mark.epoch);
            pen.alpha(if mark.time <= now { 1.0 } else { 0.5 });
            pen.stroke(ink, if rare { 1.5 } else { 1.0 });
            let x = axis.x(mark.time).round() + 0.5;
            pen.line((x, if rare { LABELS + 2.0 } else { AXIS - 8.0 }), (x, AXIS));
        }
        pen.face(Face::Small);
        // Those that an epoch colours come first: they say who won.
        for coloured in [true, false] {
            for index in 0..self.past.notes.len() {
                let mark = self.past.notes[index];
                if mark.epoch.is_some() != coloured || self.past.count(&mark) > 8 {
                    continue;
                }
                pen.alpha(if mark.time <= now { 1.0 } else { 0.5 });
                let ink = if coloured {
                    Ink::epoch(mark.epoch)
                } else {
                    Ink::Dim
                };
                self.caption(
                    pen,
                    player.label(&mark.record),
                    axis.x(mark.time) - 1.0,
                    ink,
                );
            }
        }
        pen.alpha(1.0);
    }

    /// A word above the axis, unless it would touch another.
    fn caption(&mut self, pen: &mut Pen<'_>, words: &str, x: f64, ink: Ink) {
        let wide = pen.measure(words);
        let x = x.min(pen.width - EDGE - wide);
        let free = self
            .taken
            .iter()
            .all(|it| x > it.1 || x + wide + 8.0 < it.0);
        if free && !words.is_empty() {
            self.taken.push((x - 8.0, x + wide + 8.0));
            pen.align("left");
            pen.fill(ink);
            pen.text(words, (x, LABELS - 12.0));
        }
    }

    fn pointer(&self, pen: &mut Pen<'_>, axis: Axis) {
        let Some(x) = self.pointer else { return };
        let x = x.clamp(EDGE, pen.width - EDGE);
        pen.stroke(Ink::Dim, 1.0);
        pen.dash(Dash::Dotted);
        pen.line((x, LABELS), (x, pen.height - 14.0));
        pen.dash(Dash::Solid);
        pen.face(Face::Axis);
        pen.align("center");
        pen.fill(Ink::Dim);
        let words = numbers::clock(axis.time(x));
        let half = pen.measure(&words) / 2.0 + 3.0;
        let x = x.clamp(half, (pen.width - half).max(half));
        pen.fill(Ink::Ground);
        pen.rect(x - half, pen.height - 13.0, 2.0 * half, 13.0);
        pen.fill(Ink::Dim);
        pen.text(&words, (x, pen.height - 6.0));
    }

    /// The time at a place; that of a mark when one is close.
    fn time_at(&self, x: f64) -> Time {
        let axis = self.axis();
        let far = |time: Time| (axis.x(time) - x).abs();
        let marks = self
            .past
            .notes
            .iter()
            .filter(|it| self.past.is_rare(it))
            .map(|it| it.time);
        let bars = self.past.bars.iter().map(|it| it.from);
        let near = marks
            .chain(bars)
            .filter(|it| far(*it) <= SNAP)
            .min_by(|one, two| far(*one).total_cmp(&far(*two)));
        near.unwrap_or_else(|| axis.time(x))
    }
}

/// Where a lane of bars begins.
fn lane_top(lane: usize) -> f64 {
    AXIS + 5.0 + lane as f64 * (LANE + 6.0)
}

/// Courses of events that were left, as dashed lines that part from the axis.
fn branches(pen: &mut Pen<'_>, axis: Axis, player: &Player) {
    let branches = player.branches();
    let shown = branches.len().saturating_sub(3);
    pen.stroke(Ink::Dim, 1.0);
    pen.dash(Dash::Dashed);
    for (lane, branch) in branches[shown..].iter().enumerate() {
        let y = AXIS - 8.0 - 7.0 * lane as f64;
        let (from, to) = (
            axis.x(branch.forked_at),
            axis.x(branch.until().min(axis.range)),
        );
        let knee = (from + (AXIS - y)).min(to);
        pen.path(&[(from, AXIS), (knee, y), (to.max(knee), y)]);
    }
    pen.dash(Dash::Solid);
}

/// What the scenario plans beyond what is known; up to `free`, there are other words.
fn plans(pen: &mut Pen<'_>, axis: Axis, player: &Player, mut free: f64) {
    let known = player.frontier();
    for planned in player
        .run()
        .script()
        .iter()
        .filter(|it| it.at > known && it.at <= axis.range)
    {
        let x = axis.x(planned.at).round() + 0.5;
        pen.stroke(Ink::Bad, 1.0);
        pen.alpha(0.7);
        pen.line((x, AXIS + 1.0), (x, AXIS + 5.0));
        pen.alpha(1.0);
        let words = planned.command.to_string();
        pen.face(Face::Axis);
        let wide = pen.measure(&words);
        if x > free && x + wide < pen.width {
            pen.align("left");
            pen.fill(Ink::Dim);
            pen.text(&words, (x, AXIS + 11.0));
            free = x + wide + 12.0;
        }
    }
}

/// Where the run parts from the one beside it: a rhombus on the axis.
fn parting(pen: &mut Pen<'_>, x: f64) {
    pen.stroke(Ink::Accent, 1.8);
    pen.fill(Ink::Ground);
    pen.rhombus((x, AXIS), 5.5);
}

fn playhead(pen: &mut Pen<'_>, axis: Axis, now: Time) {
    let x = axis.x(now);
    pen.stroke(Ink::Accent, 2.0);
    pen.line((x, LABELS), (x, AXIS + 14.0));
    pen.fill(Ink::Accent);
    pen.disc((x, LABELS), 4.5);
}

/// Properties of [`Timeline`].
#[derive(Clone, PartialEq, Properties)]
pub struct TimelineProps {
    /// The lab.
    pub lab: LabHandle,
}

/// The bar of the whole run; dragging it, or keys, move the playhead.
#[component]
pub fn Timeline(props: &TimelineProps) -> Html {
    let lab = &props.lab;
    let view = use_lab(lab);
    let canvas = use_node_ref();
    let scroll = use_mut_ref(Scroll::default);
    let repaint = use_surface(lab, &canvas, &scroll, Callback::noop());
    let held = use_mut_ref(|| false);
    let range = range(view.length, view.frontier);
    let onpointerdown = on_down(lab, &scroll, &held);
    let onpointermove = on_move(lab, &scroll, &held, &repaint);
    let release = {
        let held = held.clone();
        Callback::from(move |_: PointerEvent| *held.borrow_mut() = false)
    };
    let onpointerleave = Callback::from(move |_: PointerEvent| {
        scroll.borrow_mut().pointer = None;
        repaint.emit(());
    });
    html! {
        <div class="cs-timeline cs-slider" role="slider" tabindex="0" aria-label="Time in the run"
            aria-valuemin="0" aria-valuemax={(range.0 / 1_000_000).to_string()}
            aria-valuenow={(view.frame.time.0 / 1_000_000).min(range.0 / 1_000_000).to_string()}
            aria-valuetext={numbers::clock(view.frame.time)} onkeydown={keys(lab, range)}>
            <canvas ref={canvas} class="cs-timeline-canvas" aria-hidden="true" {onpointerdown} {onpointermove}
                onpointerup={release.clone()} onpointercancel={release} {onpointerleave} />
        </div>
    }
}

fn on_down(
    lab: &LabHandle,
    scroll: &Rc<RefCell<Scroll>>,
    held: &Rc<RefCell<bool>>,
) -> Callback<PointerEvent> {
    let (lab, scroll, held) = (lab.clone(), scroll.clone(), held.clone());
    Callback::from(move |event: PointerEvent| {
        if event.button() != 0 {
            return;
        }
        if let Some(canvas) = event.target_dyn_into::<Element>() {
            // Refused only for a pointer that is already gone.
            let _ = canvas.set_pointer_capture(event.pointer_id());
        }
        *held.borrow_mut() = true;
        let time = scroll.borrow().time_at(f64::from(event.offset_x()));
        lab.seek(time);
    })
}

fn on_move(
    lab: &LabHandle,
    scroll: &Rc<RefCell<Scroll>>,
    held: &Rc<RefCell<bool>>,
    repaint: &Callback<()>,
) -> Callback<PointerEvent> {
    let (lab, scroll, held, repaint) = (lab.clone(), scroll.clone(), held.clone(), repaint.clone());
    Callback::from(move |event: PointerEvent| {
        let x = f64::from(event.offset_x());
        scroll.borrow_mut().pointer = (event.pointer_type() == "mouse").then_some(x);
        if *held.borrow() {
            let time = scroll.borrow().axis().time(x);
            lab.seek(time);
        } else {
            repaint.emit(());
        }
    })
}

fn keys(lab: &LabHandle, range: Time) -> Callback<KeyboardEvent> {
    let lab = lab.clone();
    Callback::from(move |event: KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() || event.shift_key() {
            return;
        }
        let (now, frontier) = lab.with(|player| (player.now().0, player.frontier()));
        let (small, large) = (range.0 / PARTS.0, range.0 / PARTS.1);
        let time = match event.key().as_str() {
            "ArrowRight" | "ArrowUp" => Time(now + small),
            "ArrowLeft" | "ArrowDown" => Time(now.saturating_sub(small)),
            "PageUp" => Time(now + large),
            "PageDown" => Time(now.saturating_sub(large)),
            "Home" => Time::ZERO,
            "End" => frontier,
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        lab.seek(time);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_times_are_one_to_one() {
        let axis = Axis {
            range: Time(5_000_000_000),
            width: 828.0,
        };
        assert_eq!(axis.x(Time(0)), EDGE);
        assert_eq!(axis.x(axis.range), 828.0 - EDGE);
        assert_eq!(axis.time(414.0), Time(2_500_000_000));
        assert_eq!(axis.time(-10.0), Time(0));
    }
}
