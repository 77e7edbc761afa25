//! The space-time diagram of a trace from elsewhere: a row for every host, time to the right, and a line from every
//! cause to what it led to at another host.

use clusterscope_core::Time;
use clusterscope_core::import::{Event, Imported};
use clusterscope_core::trace::Kind;
use yew::prelude::*;

use super::Shown;
use crate::history::spacetime::{AXIS, NAMES, RIGHT, Scale, ZOOM, axis, distance, use_wheel};
use crate::ui::icons::{Glyph, icon};
use crate::ui::pen::{Dash, Face, Ink, Pen};
use crate::ui::surface::{Picture, use_surface};

/// The window shows about so many events at first.
const EVENTS: usize = 80;

/// Of more events than this in the window, only every so manieth is drawn.
const DRAWN_MAX: usize = 8_000;

/// The causes of an event are followed so far.
const CAUSES_MAX: usize = 200;

/// A pointer hits an event, a line, from this far.
const REACH: (f64, f64) = (12.0, 6.0);

/// A line of the picture: from where, to where.
type Way = ((f64, f64), (f64, f64));

/// What is drawn, with what can be hit.
struct Diagram {
    zoom: f64,
    dots: Vec<((f64, f64), usize)>,
    lines: Vec<(Way, usize)>,
}

impl Picture for Diagram {
    type Of = Shown;

    fn paint(&mut self, pen: &mut Pen<'_>, shown: &Shown) {
        let trace = &shown.opened.trace;
        self.dots.clear();
        self.lines.clear();
        let scale = scale(trace, shown.picked, self.zoom, pen);
        rows(pen, trace, scale, shown.picked);
        axis(pen, scale, pen.height - AXIS);
        pen.clipped(NAMES, 0.0, scale.width, pen.height, |pen| {
            let first = trace
                .events
                .partition_point(|it| (it.time.0 as f64) < scale.from);
            let beyond = scale.end() + scale.span * 0.25;
            let last = trace
                .events
                .partition_point(|it| (it.time.0 as f64) <= beyond);
            let stride = (last - first).div_ceil(DRAWN_MAX).max(1);
            for place in (first..last).step_by(stride) {
                self.way(pen, trace, scale, place);
            }
            for place in (first..last).step_by(stride) {
                self.dot(pen, trace, scale, place);
            }
            causes(pen, trace, scale, shown.picked);
        });
    }
}

/// The window: the picked event in its middle.
fn scale(trace: &Imported, picked: usize, zoom: f64, pen: &Pen<'_>) -> Scale {
    let whole = trace.end().0.max(1) as f64;
    let share = EVENTS as f64 / trace.events.len().max(1) as f64;
    let span = (whole * share * zoom)
        .clamp(whole * 1e-7, whole * 1.1)
        .max(1.0);
    let now = trace.events.get(picked).map_or(0.0, |it| it.time.0 as f64);
    let rows = trace.hosts.len().max(1) as f64;
    let room = pen.height - AXIS - 8.0;
    let row = (room / rows).min(44.0);
    Scale {
        from: (now - span * 0.5).clamp(0.0, (whole * 1.02 - span).max(0.0)),
        span,
        width: (pen.width - NAMES - RIGHT).max(1.0),
        top: 4.0 + (room - row * rows) / 2.0,
        row,
    }
}

fn rows(pen: &mut Pen<'_>, trace: &Imported, scale: Scale, picked: usize) {
    let here = trace.events.get(picked).and_then(|it| it.host);
    pen.align("left");
    for (row, name) in trace.hosts.iter().enumerate() {
        let y = scale.y(row).round() + 0.5;
        pen.stroke(Ink::Line, 1.0);
        pen.line((NAMES, y), (NAMES + scale.width, y));
        if scale.row >= 10.0 {
            let picked = here == Some(row as u16);
            pen.face(if picked { Face::Bold } else { Face::Small });
            pen.fill(if picked { Ink::Accent } else { Ink::Ink });
            let short: String = name.chars().take(6).collect();
            pen.text(&short, (6.0, y));
        }
    }
}

/// Where an event is drawn: what is lost, at the host that it did not reach.
fn place(event: &Event, scale: Scale) -> Option<(f64, f64)> {
    let lost = event.peer.filter(|_| event.kind == Some(Kind::Lose));
    let row = event.host.or(lost)?;
    Some((scale.x(event.time), scale.y(usize::from(row))))
}

/// The way from an event's cause, when that was at another host.
fn way(trace: &Imported, scale: Scale, event: &Event) -> Option<Way> {
    let cause = &trace.events[event.cause? as usize];
    let lost = event.kind == Some(Kind::Lose);
    if event.kind == Some(Kind::Duplicate) || (cause.host == event.host && !lost) {
        return None;
    }
    Some((place(cause, scale)?, place(event, scale)?))
}

impl Diagram {
    fn way(&mut self, pen: &mut Pen<'_>, trace: &Imported, scale: Scale, number: usize) {
        let event = &trace.events[number];
        let Some((from, mut to)) = way(trace, scale, event) else {
            return;
        };
        if event.kind == Some(Kind::Lose) {
            to.1 = from.1 + (to.1 - from.1) * 0.6;
            pen.stroke(Ink::Bad, 1.2);
            pen.dash(Dash::Dashed);
            pen.line(from, to);
            pen.dash(Dash::Solid);
            pen.cross(to, 3.5);
        } else {
            pen.stroke(Ink::epoch(event.epoch), 1.2);
            pen.line(from, to);
        }
        self.lines.push(((from, to), number));
    }

    fn dot(&mut self, pen: &mut Pen<'_>, trace: &Imported, scale: Scale, number: usize) {
        let event = &trace.events[number];
        if event.kind == Some(Kind::Lose) {
            return;
        }
        let Some(at) = place(event, scale) else {
            if event.kind == Some(Kind::Fault) {
                let x = scale.x(event.time);
                let foot = scale.top + scale.row * trace.hosts.len() as f64;
                pen.stroke(Ink::Bad, 1.0);
                pen.dash(Dash::Dotted);
                pen.line((x, scale.top), (x, foot));
                pen.dash(Dash::Solid);
                self.dots.push(((x, foot), number));
            }
            return;
        };
        match event.kind {
            Some(Kind::Fault) => {
                pen.stroke(Ink::Bad, 2.0);
                pen.line((at.0, at.1 - 8.0), (at.0, at.1 + 8.0));
            }
            Some(Kind::Note) => {
                pen.stroke(Ink::epoch(event.epoch), 1.8);
                pen.ring(at, 4.0);
            }
            Some(Kind::Timer) => {
                pen.stroke(Ink::Dim, 1.5);
                pen.line((at.0, at.1 - 5.0), (at.0, at.1 + 5.0));
            }
            _ => {
                pen.fill(Ink::epoch(event.epoch));
                pen.disc(at, if scale.row < 14.0 { 1.5 } else { 2.5 });
            }
        }
        self.dots.push((at, number));
    }

    /// The event at a point: a dot, else what a line led to.
    fn hit(&self, point: (f64, f64)) -> Option<usize> {
        let far = |at: &(f64, f64)| (at.0 - point.0).hypot(at.1 - point.1);
        let dots = self.dots.iter().map(|it| (far(&it.0), it.1));
        let lines = self
            .lines
            .iter()
            .map(|it| (distance(point, it.0.0, it.0.1), it.1));
        let nearest = |one: &(f64, usize), two: &(f64, usize)| one.0.total_cmp(&two.0);
        let dot = dots.filter(|it| it.0 <= REACH.0).min_by(nearest);
        let line = || lines.filter(|it| it.0 <= REACH.1).min_by(nearest);
        dot.or_else(line).map(|it| it.1)
    }
}

/// The picked event, and what led to it.
fn causes(pen: &mut Pen<'_>, trace: &Imported, scale: Scale, picked: usize) {
    let Some(mut event) = trace.events.get(picked) else {
        return;
    };
    let x = scale.x(event.time).round();
    pen.stroke(Ink::Accent, 1.0);
    pen.alpha(0.5);
    pen.line((x, 2.0), (x, pen.height - AXIS + 4.0));
    pen.alpha(0.75);
    pen.stroke(Ink::Accent, 2.0);
    if let Some(at) = place(event, scale) {
        pen.ring(at, 8.0);
    }
    for _ in 0..CAUSES_MAX {
        let Some(cause) = event.cause.map(|it| &trace.events[it as usize]) else {
            break;
        };
        if let (Some(to), Some(from)) = (place(event, scale), place(cause, scale)) {
            pen.line(from, to);
        }
        event = cause;
    }
    pen.alpha(1.0);
}

/// Props of [`ForeignDiagram`].
#[derive(Clone, PartialEq, Properties)]
pub struct DiagramProps {
    /// The trace and the picked event.
    pub shown: Shown,
    /// Hears of an event that the reader picks.
    pub pick: Callback<usize>,
}

/// The diagram around the picked event.
#[component]
pub fn ForeignDiagram(props: &DiagramProps) -> Html {
    let canvas = use_node_ref();
    let diagram = use_mut_ref(|| Diagram {
        zoom: 1.0,
        dots: Vec::new(),
        lines: Vec::new(),
    });
    let repaint = use_surface(&props.shown, &canvas, &diagram, Callback::noop());
    let zoom = {
        let (diagram, repaint) = (diagram.clone(), repaint.clone());
        Callback::from(move |factor: f64| {
            {
                let mut diagram = diagram.borrow_mut();
                diagram.zoom = (diagram.zoom * factor).clamp(1e-4, 1e6);
            }
            repaint.emit(());
        })
    };
    use_wheel(&canvas, &zoom);
    let onclick = {
        let (diagram, pick) = (diagram.clone(), props.pick.clone());
        Callback::from(move |event: MouseEvent| {
            let point = (f64::from(event.offset_x()), f64::from(event.offset_y()));
            if let Some(event) = diagram.borrow().hit(point) {
                pick.emit(event);
            }
        })
    };
    let trace = &props.shown.opened.trace;
    let at = trace
        .events
        .get(props.shown.picked)
        .map_or(Time::ZERO, |it| it.time);
    let label = format!(
        "Space-time diagram of {} hosts around {at}; the list of events says the same in words",
        trace.hosts.len()
    );
    let closer = zoom.reform(|_: MouseEvent| 1.0 / ZOOM);
    let wider = zoom.reform(|_: MouseEvent| ZOOM);
    html! {
        <div class="cs-spacetime" role="group" aria-label="Space-time diagram">
            <canvas ref={canvas} class="cs-spacetime-canvas" role="img" aria-label={label} {onclick} />
            <div class="cs-spacetime-zoom">
                <button type="button" class="cs-button is-small" aria-label="Show less time" onclick={closer}>
                    { icon(Glyph::Plus) }
                </button>
                <button type="button" class="cs-button is-small" aria-label="Show more time" onclick={wider}>
                    { icon(Glyph::Minus) }
                </button>
            </div>
        </div>
    }
}
