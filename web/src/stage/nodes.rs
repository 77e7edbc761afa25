//! Nodes and clients as parts of the page: buttons with words in them, so that keys, fingers and screen
//! readers reach them.

use clusterscope_core::exhibit::Status;
use clusterscope_core::frame::{ClientView, NodeView, Role, Shape};
use clusterscope_core::protocol::{ClientId, NodeId};
use web_sys::HtmlElement;
use yew::prelude::*;

use super::layout::{Detail, Spot};
use crate::ui::icons::{Glyph, icon};
use crate::ui::numbers;
use crate::ui::pen::epoch_class;

/// Clocks that are off by less than this are right, in nanoseconds.
const CLOCK_OFF: i64 = 1_000_000;

/// What a node looks like: nothing that changes with every event.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeLook {
    id: NodeId,
    status: Status,
    role: Option<Role>,
    /// How far its clock is off, in whole milliseconds; zero when it is right.
    clock_ms: i64,
    drift_ppm: i32,
    writing: bool,
    inbox: usize,
    /// What is wrong with its machine.
    ailments: Vec<String>,
}

impl NodeLook {
    /// What is seen of a node.
    pub fn of(node: &NodeView) -> NodeLook {
        let off = if node.clock_ahead.abs() >= CLOCK_OFF {
            node.clock_ahead
        } else {
            0
        };
        NodeLook {
            id: node.id,
            status: node.status,
            role: node.role,
            clock_ms: off / 1_000_000,
            drift_ppm: node.drift_ppm,
            writing: node.writing > 0,
            inbox: node.inbox,
            ailments: node.ailments.clone(),
        }
    }

    fn word(&self) -> &'static str {
        match (self.status, self.role) {
            (Status::Down, _) => "down",
            (Status::Gone, _) => "gone",
            (_, Some(role)) => role.name,
            (_, None) => "",
        }
    }

    fn epoch(&self) -> Option<u64> {
        self.role.and_then(|it| it.epoch)
    }

    fn class(&self) -> Classes {
        let status = match self.status {
            Status::Up => "",
            Status::Paused => "is-paused",
            Status::Down => "is-down",
            Status::Gone => "is-gone",
        };
        let shape = (self.shape() == Shape::Diamond).then_some("is-diamond");
        classes!("cs-node", epoch_class(self.epoch()), status, shape)
    }

    fn is_crowned(&self) -> bool {
        let is_there = !matches!(self.status, Status::Down | Status::Gone);
        is_there && self.role.is_some_and(|it| it.crown)
    }

    fn shape(&self) -> Shape {
        self.role.map_or(Shape::Circle, |it| it.shape)
    }

    /// The node in words.
    fn sentence(&self) -> String {
        let mut words = vec![self.id.to_string()];
        match self.status {
            Status::Down => words.push("down".to_owned()),
            Status::Gone => words.push("gone".to_owned()),
            status => {
                words.extend(self.role.map(|it| it.name.to_owned()));
                words.extend(self.epoch().map(|it| format!("term {it}")));
                words.push(
                    if status == Status::Paused {
                        "paused"
                    } else {
                        "up"
                    }
                    .to_owned(),
                );
            }
        }
        if self.clock_ms != 0 {
            words.push(format!(
                "clock {}",
                numbers::offset(self.clock_ms * 1_000_000)
            ));
        }
        if self.inbox > 0 {
            words.push(format!("{} waiting", self.inbox));
        }
        words.extend(self.ailments.iter().cloned());
        words.join(", ")
    }

    /// What is unusual about it, in short: its clock first.
    fn note(&self) -> Option<Html> {
        let clock = match (self.clock_ms, self.drift_ppm) {
            (0, 0) => None,
            (0, ppm) => Some(format!(
                "{}{:.0} ms/s",
                if ppm < 0 { '−' } else { '+' },
                f64::from(ppm.abs()) / 1e3
            )),
            (ms, _) => Some(numbers::offset(ms * 1_000_000)),
        };
        if let Some(clock) = clock {
            return Some(html! { <>{ icon(Glyph::Clock) }{ clock }</> });
        }
        if let Some(ailment) = self.ailments.first() {
            return Some(html! { { ailment } });
        }
        match self.inbox {
            0 if self.writing => Some(html! { <span class="cs-node-quiet">{ "writing" }</span> }),
            0 => None,
            waiting => Some(html! { { format!("{waiting} waiting") } }),
        }
    }
}

/// Puts an element at a place; its class centres it there.
pub fn place(node: &NodeRef, (x, y): Spot) {
    if let Some(element) = node.cast::<HtmlElement>() {
        // Properties of a style object are set whatever the page's policy; a browser refuses only nonsense.
        let _ = element.style().set_property("left", &format!("{x:.1}px"));
        let _ = element.style().set_property("top", &format!("{y:.1}px"));
    }
}

/// Properties of [`NodeSeat`].
#[derive(Clone, PartialEq, Properties)]
pub struct NodeSeatProps {
    /// The node.
    pub look: NodeLook,
    /// Where it sits.
    pub spot: Spot,
    /// How big it is.
    pub radius: f64,
    /// How much is written into it.
    pub detail: Detail,
    /// Whether the Tab key stops here.
    pub tabbable: bool,
    /// Whether its menu is open.
    pub expanded: bool,
    /// The side of a cut that it would be on.
    pub side: Option<bool>,
    /// The button itself.
    pub button: NodeRef,
    /// It is picked.
    pub on_pick: Callback<NodeId>,
    /// It has the focus.
    pub on_focus: Callback<NodeId>,
}

/// A node on the stage.
#[component]
pub fn NodeSeat(props: &NodeSeatProps) -> Html {
    let NodeSeatProps {
        look,
        radius,
        detail,
        ..
    } = props;
    use_effect_with(
        (props.button.clone(), props.spot, *radius),
        |(button, spot, radius)| {
            place(button, *spot);
            if let Some(element) = button.cast::<HtmlElement>() {
                let _ = element
                    .style()
                    .set_property("--cs-r", &format!("{radius:.1}px"));
            }
        },
    );
    let id = look.id;
    let onclick = props.on_pick.reform(move |event: MouseEvent| {
        event.stop_propagation();
        id
    });
    let onfocus = props.on_focus.reform(move |_| id);
    let side = props
        .side
        .map(|it| if it { "is-side-a" } else { "is-side-b" });
    let letter = look.role.map_or('×', |it| it.letter);
    html! {
        <button ref={props.button.clone()} type="button" class={classes!(look.class(), side)}
            {onclick} {onfocus}
            tabindex={if props.tabbable { "0" } else { "-1" }}
            aria-haspopup="menu" aria-expanded={props.expanded.to_string()}>
            <span class="cs-sr">{ look.sentence() }</span>
            <Outline shape={look.shape()} />
            if look.is_crowned() && *radius >= 12.0 {
                <span class="cs-node-crown">{ icon(Glyph::Crown) }</span>
            }
            <span class="cs-node-words" aria-hidden="true">
                if *radius >= 9.0 && *detail != Detail::Initial {
                    <span class="cs-node-name">{ id.to_string() }</span>
                }
                if *radius < 9.0 {
                    // Too small for a letter: its outline and colour must do.
                } else if *detail == Detail::Words {
                    <span class="cs-node-role">{ look.word() }</span>
                } else {
                    <span class="cs-node-role">{ letter }</span>
                }
            </span>
            if let (Some(epoch), Detail::Words) = (look.epoch(), *detail) {
                <span class="cs-node-epoch" aria-hidden="true">{ letter }{ epoch }</span>
            }
            if look.status == Status::Paused {
                <span class="cs-node-bars" aria-hidden="true">{ icon(Glyph::Pause) }</span>
            }
            if !look.ailments.is_empty() && *radius >= 9.0 {
                <span class="cs-node-ails" aria-hidden="true" title={look.ailments.join(", ")}>
                    { icon(Glyph::Warning) }
                </span>
            }
            if let (Some(note), Detail::Words) = (look.note(), *detail) {
                <span class="cs-node-note" aria-hidden="true">{ note }</span>
            }
        </button>
    }
}

#[derive(Clone, PartialEq, Properties)]
struct OutlineProps {
    shape: Shape,
}

/// The outline by which a role is told without colour.
#[component]
fn Outline(props: &OutlineProps) -> Html {
    let shape = match props.shape {
        Shape::Circle => {
            html! { <circle cx="0" cy="0" r="50" vector-effect="non-scaling-stroke" /> }
        }
        Shape::Diamond => polygon("0,-59 59,0 0,59 -59,0"),
        Shape::Hexagon => polygon("27.5,-48 55,0 27.5,48 -27.5,48 -55,0 -27.5,-48"),
        Shape::Square => polygon("-46,-46 46,-46 46,46 -46,46"),
    };
    html! {
        <svg class="cs-node-shape" viewBox="-70 -70 140 140" aria-hidden="true" focusable="false">
            { shape }
        </svg>
    }
}

fn polygon(points: &'static str) -> Html {
    html! { <polygon {points} stroke-linejoin="round" vector-effect="non-scaling-stroke" /> }
}

/// Properties of [`ClientSeat`].
#[derive(Clone, PartialEq, Properties)]
pub struct ClientSeatProps {
    /// Which one.
    pub id: ClientId,
    /// Its name.
    pub name: String,
    /// What it waits for, or what it was told last.
    pub words: String,
    /// Whether it waits.
    pub asking: bool,
    /// Whether it has crashed.
    pub down: bool,
    /// Where it sits.
    pub spot: Spot,
    /// Whether its menu is open.
    pub expanded: bool,
    /// Whether the Tab key stops here.
    pub tabbable: bool,
    /// The button itself.
    pub button: NodeRef,
    /// It is picked.
    pub on_pick: Callback<ClientId>,
    /// It has the focus.
    pub on_focus: Callback<()>,
}

impl ClientSeatProps {
    /// What it waits for, or what it was told last.
    pub fn words_of(client: &ClientView) -> String {
        let words = client.asking.clone().or_else(|| client.told.clone());
        words.unwrap_or_default()
    }
}

/// A client beside the stage.
#[component]
pub fn ClientSeat(props: &ClientSeatProps) -> Html {
    use_effect_with((props.button.clone(), props.spot), |(seat, spot)| {
        place(seat, *spot)
    });
    let words = match (props.asking, props.words.is_empty()) {
        (_, true) => None,
        (true, _) => Some(html! { <span class="cs-client-asks">{ &props.words }</span> }),
        (false, _) => Some(html! { <span class="cs-client-told">{ &props.words }</span> }),
    };
    let id = props.id;
    let onclick = props.on_pick.reform(move |event: MouseEvent| {
        event.stop_propagation();
        id
    });
    let onfocus = props.on_focus.reform(|_| ());
    let class = classes!(
        "cs-client",
        props.asking.then_some("is-asking"),
        props.down.then_some("is-down")
    );
    html! {
        <button ref={props.button.clone()} type="button" {class} {onclick} {onfocus}
            tabindex={if props.tabbable { "0" } else { "-1" }}
            aria-haspopup="menu" aria-expanded={props.expanded.to_string()}>
            <span class="cs-client-name">{ &props.name }</span>
            if props.down {
                <span class="cs-client-down">{ icon(Glyph::Cross) }{ "crashed" }</span>
            } else {
                { for words }
            }
        </button>
    }
}
