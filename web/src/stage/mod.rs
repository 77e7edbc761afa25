//! The stage: the cluster as one sees it, and as one lays hands on it.
//!
//! What moves is drawn on one canvas; what can be pressed or read is a part of the page above it.

mod cut;
mod layout;
mod menus;
mod nodes;
mod paint;
mod pick;
mod picker;
mod popover;

use std::cell::RefCell;
use std::rc::Rc;

use clusterscope_core::Time;
use clusterscope_core::frame::{End, Frame, MessageView};
use clusterscope_core::parts::order;
use clusterscope_core::protocol::NodeId;
use web_sys::HtmlElement;
use yew::prelude::*;

pub use picker::{CutPicker, CutPickerProps};

use self::layout::{Layout, Spot};
use self::menus::{Menu, Subject, is_there};
use self::nodes::{ClientSeat, ClientSeatProps, NodeLook, NodeSeat, place};
use self::paint::Scene;
use self::pick::{Picks, use_picks};
use crate::lab::handle::{LabHandle, Selection, View, use_lab};
use crate::ticker::use_ticker;
use crate::ui::icons::{Glyph, icon};
use crate::ui::numbers;
use crate::ui::surface::use_surface;

/// So many messages at most can be reached by keys, the next to arrive first.
const REACHABLE_MESSAGES: usize = 40;

/// Properties of [`Stage`].
#[derive(Clone, PartialEq, Properties)]
pub struct StageProps {
    /// The lab.
    pub lab: LabHandle,
    /// Whether there is little room: no legend.
    #[prop_or_default]
    pub compact: bool,
}

/// The stage. It fills what it is put into.
#[component]
pub fn Stage(props: &StageProps) -> Html {
    let lab = &props.lab;
    let view = use_lab(lab);
    use_ticker(lab);
    let canvas = use_node_ref();
    let scene = use_mut_ref(Scene::default);
    let size = use_state_eq(|| (0.0, 0.0));
    let sized = {
        let set = size.setter();
        Callback::from(move |it| set.set(it))
    };
    let repaint = use_surface(lab, &canvas, &scene, sized);
    let picks = use_picks(lab, &scene, &repaint);
    // A seat keeps its place for as long as it is there: nodes first, then clients.
    let seats = use_memo(
        (view.frame.nodes.len(), view.frame.clients.len()),
        |count| {
            (0..count.0 + count.1)
                .map(|_| NodeRef::default())
                .collect::<Vec<_>>()
        },
    );
    let layout = Layout::of(*size, &view.frame);

    let close = close_menu(&picks, &seats, &view.frame);
    let gone = use_leaving(lab, &picks);
    let ready = size.0 > 1.0;
    let label = describe(&view);
    let cutting = picks.sides.is_some().then_some("is-cutting");
    let pointing = picks.hover.is_some().then_some("is-pointing");
    let class = classes!(
        "cs-stage",
        props.compact.then_some("is-compact"),
        cutting,
        pointing
    );
    html! {
        <div {class}
            role="group" aria-label="Cluster" onkeydown={keys(&picks, lab, &seats, &scene)}>
            <canvas ref={canvas} class="cs-stage-canvas" role="img" aria-label={label}
                onpointerdown={picks.down.clone()} onpointermove={picks.moved.clone()}
                onpointerup={picks.up.clone()} onpointercancel={picks.cancel.clone()}
                onpointerleave={picks.leave.clone()} />
            if ready {
                { for clients(&view.frame, &layout, &picks, &seats) }
                { for node_seats(&view.frame, &layout, &picks, &seats, lab) }
                if !view.playing {
                    { message_seats(&view, &layout, &picks, lab) }
                }
                if let (Some(id), None) = (*picks.hover, *picks.menu) {
                    { tip(lab, &layout, id) }
                }
                if let Some(subject) = picks.menu.filter(|_| !gone) {
                    <Menu key={subject_key(subject)} lab={lab.clone()} version={view.version} {subject}
                        layout={layout.clone()} on_close={close} />
                }
            }
            { for picks.sides.as_ref().map(|it| cutting_hint(it.as_ref())) }
            if !props.compact { { legend() } }
        </div>
    }
}

/// Whether the subject of the menu is no longer there: a message that has arrived takes its menu along.
#[hook]
fn use_leaving(lab: &LabHandle, picks: &Picks) -> bool {
    let gone = picks
        .menu
        .is_some_and(|it| !lab.with(|player| is_there(player, it)));
    let menu = picks.menu.clone();
    use_effect_with(gone, move |gone| {
        if *gone {
            menu.set(None);
        }
    });
    gone
}

/// What a line that is being drawn would do; `None` while it parts nobody.
fn cutting_hint(sides: Option<&Vec<bool>>) -> Html {
    html! {
        <div class="cs-stage-hint" role="status">
            { icon(Glyph::Cut) }
            if let Some(sides) = sides {
                <b>{ cut::sides_text(sides) }</b><span>{ "release to cut, Esc to leave it" }</span>
            } else {
                <span>{ "draw the line between nodes" }</span>
            }
        </div>
    }
}

fn subject_key(subject: Subject) -> String {
    match subject {
        Subject::Node(id) => id.to_string(),
        Subject::Message(id) => format!("m{id}"),
        Subject::Client(id) => id.to_string(),
        Subject::Link(one, two) => format!("{one}-{two}"),
    }
}

/// The picture in a sentence.
fn describe(view: &View) -> String {
    let frame = &view.frame;
    let cut = match frame.network.groups.len() {
        0 => "",
        _ => ", the network is cut",
    };
    format!(
        "{} nodes and {} clients at {}{cut}",
        frame.nodes.len(),
        frame.clients.len(),
        numbers::moment(frame.time)
    )
}

/// Closes the menu and gives the focus back.
fn close_menu(picks: &Picks, seats: &Rc<Vec<NodeRef>>, frame: &Frame) -> Callback<bool> {
    let (menu, hover, seats) = (picks.menu.clone(), picks.hover.clone(), seats.clone());
    let place = menu.and_then(|it| match it {
        Subject::Node(node) => Some(node.index()),
        Subject::Client(client) => {
            let place = frame.clients.iter().position(|it| it.id == client);
            place.map(|it| frame.nodes.len() + it)
        }
        Subject::Message(_) | Subject::Link(..) => None,
    });
    Callback::from(move |back: bool| {
        let seat = place.and_then(|it| seats.get(it));
        let element = seat.and_then(NodeRef::cast::<HtmlElement>);
        if let (true, Some(element)) = (back, element) {
            let _ = element.focus();
        }
        hover.set(None);
        menu.set(None);
    })
}

/// Picks something on the stage: its menu opens, or closes when it was open.
fn toggle_menu(picks: &Picks, subject: Subject) {
    let open = *picks.menu == Some(subject);
    picks.menu.set((!open).then_some(subject));
}

fn clients<'a>(
    frame: &'a Frame,
    layout: &'a Layout,
    picks: &'a Picks,
    seats: &'a Rc<Vec<NodeRef>>,
) -> impl Iterator<Item = Html> + 'a {
    let on_pick = {
        let picks = picks.clone();
        Callback::from(move |client| toggle_menu(&picks, Subject::Client(client)))
    };
    let nodes = frame.nodes.len();
    let active = (*picks.active).min(seats.len().saturating_sub(1));
    frame.clients.iter().enumerate().filter_map(move |(index, client)| {
        let (spot, _) = layout.end(End::Client(client.id))?;
        let place = nodes + index;
        let on_focus = {
            let active = picks.active.clone();
            Callback::from(move |()| active.set(place))
        };
        Some(html! {
            <ClientSeat key={client.id.to_string()} id={client.id} name={client.name.clone()}
                words={ClientSeatProps::words_of(client)} asking={client.asking.is_some()}
                down={client.is_down} {spot} expanded={*picks.menu == Some(Subject::Client(client.id))}
                tabbable={place == active} button={seats[place].clone()}
                on_pick={on_pick.clone()} {on_focus} />
        })
    })
}

fn node_seats<'a>(
    frame: &'a Frame,
    layout: &'a Layout,
    picks: &'a Picks,
    seats: &'a Rc<Vec<NodeRef>>,
    lab: &'a LabHandle,
) -> impl Iterator<Item = Html> + 'a {
    let on_pick = {
        let (picks, lab) = (picks.clone(), lab.clone());
        Callback::from(move |node: NodeId| {
            lab.select(Some(Selection::Node(node)));
            toggle_menu(&picks, Subject::Node(node));
        })
    };
    let on_focus = {
        let active = picks.active.clone();
        Callback::from(move |node: NodeId| active.set(node.index()))
    };
    let sides = (*picks.sides).as_ref().and_then(Option::as_ref);
    let active = (*picks.active).min(seats.len().saturating_sub(1));
    frame.nodes.iter().zip(seats.iter()).enumerate().map(move |(index, (node, button))| {
        let side = sides.and_then(|it| it.get(index).copied());
        html! {
            <NodeSeat key={index} look={NodeLook::of(node)} spot={layout.node(node.id)} radius={layout.radius}
                detail={layout.detail()} tabbable={index == active} {side} button={button.clone()}
                expanded={*picks.menu == Some(Subject::Node(node.id))}
                on_pick={on_pick.clone()} on_focus={on_focus.clone()} />
        }
    })
}

/// Keys on the stage: arrows along the ring, `m` from message to message.
fn keys(
    picks: &Picks,
    lab: &LabHandle,
    seats: &Rc<Vec<NodeRef>>,
    scene: &Rc<RefCell<Scene>>,
) -> Callback<KeyboardEvent> {
    let (active, wanted, lab) = (picks.active.clone(), picks.wanted.clone(), lab.clone());
    let (seats, scene) = (seats.clone(), scene.clone());
    let on_node = move |seats: &[NodeRef]| {
        let focused = |it: &NodeRef| {
            it.cast::<HtmlElement>()
                .is_some_and(|it| it.matches(":focus").unwrap_or(false))
        };
        seats.iter().position(focused)
    };
    Callback::from(move |event: KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() || event.shift_key() {
            return;
        }
        let count = seats.len();
        let target = match (event.key().as_str(), on_node(&seats)) {
            ("ArrowRight" | "ArrowDown", Some(at)) => (at + 1) % count,
            ("ArrowLeft" | "ArrowUp", Some(at)) => (at + count - 1) % count,
            ("Home", Some(_)) => 0,
            ("End", Some(_)) => count - 1,
            ("m", _) => {
                lab.pause();
                let messages = reachable(&scene.borrow().messages);
                let next = messages
                    .iter()
                    .position(|it| Some(it.id) == *wanted)
                    .map_or(0, |it| it + 1);
                wanted.set(messages.get(next).or(messages.first()).map(|it| it.id));
                event.prevent_default();
                event.stop_propagation();
                return;
            }
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        active.set(target);
        if let Some(element) = seats.get(target).and_then(NodeRef::cast::<HtmlElement>) {
            let _ = element.focus();
        }
    })
}

/// The messages that keys can reach: those that are held, then the next to arrive.
fn reachable(messages: &[MessageView]) -> Vec<MessageView> {
    let mut messages = messages.to_vec();
    // What is held may be due in a year, and is what a reader wants to let go.
    order::sort_by_key(&mut messages, |it| (it.held.is_none(), it.due, it.id));
    messages.truncate(REACHABLE_MESSAGES);
    messages
}

/// Buttons where the messages are: for keys and screen readers; a pointer goes by what it sees.
fn message_seats(view: &View, layout: &Layout, picks: &Picks, lab: &LabHandle) -> Html {
    let (messages, now) = lab.with(|player| {
        let mut messages = Vec::new();
        player.run().messages(&mut messages);
        (reachable(&messages), player.now())
    });
    let seats = messages.iter().enumerate().filter_map(|(index, message)| {
        let (spot, _) = layout.message(message, now)?;
        let id = message.id;
        Some(html! {
            <MessageSeat key={id} {id} {spot} words={message_words(message, now)} tabbable={index == 0}
                wanted={*picks.wanted == Some(id)} on_hover={picks.on_hover.clone()}
                on_pick={picks.on_message.clone()} />
        })
    });
    html! {
        <div role="group" aria-label={format!("Messages under way at {}", numbers::moment(view.frame.time))}>
            { for seats }
        </div>
    }
}

fn message_words(message: &MessageView, now: Time) -> String {
    let epoch = message
        .look
        .epoch
        .map(|it| format!(", term {it}"))
        .unwrap_or_default();
    format!(
        "{} from {} to {}{epoch}{}{}",
        message.kind,
        message.from,
        message.to,
        numbers::mark_word(message.look),
        held_word(message, now)
    )
}

fn held_word(message: &MessageView, now: Time) -> &'static str {
    if message.is_held(now) { ", held" } else { "" }
}

#[derive(Clone, PartialEq, Properties)]
struct MessageSeatProps {
    id: u32,
    spot: Spot,
    words: String,
    tabbable: bool,
    wanted: bool,
    on_hover: Callback<Option<u32>>,
    on_pick: Callback<u32>,
}

/// A message that keys can reach.
#[component]
fn MessageSeat(props: &MessageSeatProps) -> Html {
    let seat = use_node_ref();
    use_effect_with((seat.clone(), props.spot), |(seat, spot)| {
        place(seat, *spot)
    });
    use_effect_with((seat.clone(), props.wanted), |(seat, wanted)| {
        if let (true, Some(element)) = (*wanted, seat.cast::<HtmlElement>()) {
            let _ = element.focus();
        }
    });
    let id = props.id;
    let onclick = props.on_pick.reform(move |_| id);
    let onfocus = props.on_hover.reform(move |_| Some(id));
    let onblur = props.on_hover.reform(|_| None);
    html! {
        <button ref={seat} type="button" class="cs-message-seat"
            tabindex={if props.tabbable { "0" } else { "-1" }}
            aria-label={props.words.clone()} aria-haspopup="menu" {onclick} {onfocus} {onblur} />
    }
}

/// A few words beside a message.
fn tip(lab: &LabHandle, layout: &Layout, id: u32) -> Html {
    let found = lab.with(|player| Some((player.run().message(id)?.view, player.now())));
    let Some((message, now)) = found else {
        return Html::default();
    };
    let Some((spot, _)) = layout.message(&message, now) else {
        return Html::default();
    };
    let epoch = message
        .look
        .epoch
        .map(|it| format!(" · term {it}"))
        .unwrap_or_default();
    let held = held_word(&message, now);
    let words = format!(
        "{} {} → {}{epoch}{held}",
        message.kind, message.from, message.to
    );
    html! { <Tip {spot} {words} low={spot.1 < 40.0} bounds={layout.width} /> }
}

#[derive(Clone, PartialEq, Properties)]
struct TipProps {
    spot: Spot,
    words: String,
    low: bool,
    bounds: f64,
}

#[component]
fn Tip(props: &TipProps) -> Html {
    let tip = use_node_ref();
    use_effect_with(
        (tip.clone(), props.spot, props.words.clone(), props.bounds),
        |(tip, spot, _, bounds)| {
            let half = tip
                .cast::<HtmlElement>()
                .map_or(0.0, |it| f64::from(it.offset_width()) / 2.0)
                + 4.0;
            place(tip, (spot.0.clamp(half, (bounds - half).max(half)), spot.1));
        },
    );
    html! {
        <div ref={tip} class={classes!("cs-tip", props.low.then_some("is-low"))} aria-hidden="true">
            { &props.words }
        </div>
    }
}

/// What the pictures mean.
fn legend() -> Html {
    html! {
        <ul class="cs-legend" aria-label="Legend">
            <li><span class="cs-legend-request" aria-hidden="true"></span>{ "request" }</li>
            <li><span class="cs-legend-reply" aria-hidden="true"></span>{ "reply" }</li>
            <li>
                <span class="cs-legend-lost" aria-hidden="true">{ icon(Glyph::Cross) }</span>{ "lost" }
            </li>
            <li class="cs-legend-cut">{ icon(Glyph::Cut) }{ "draw a line to cut, press a link" }</li>
        </ul>
    }
}
