//! What can be done to what is on the stage, by a menu beside it.

use clusterscope_core::Player;
use clusterscope_core::exhibit::Status;
use clusterscope_core::frame::{End, Frame, NodeView};
use clusterscope_core::protocol::{ClientId, NodeId};
use yew::prelude::*;

use super::layout::{Layout, Spot};
use super::popover::Popover;
use crate::lab::deeds::{self, Deed, Deeds};
use crate::lab::handle::LabHandle;

/// What a menu is open for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A node.
    Node(NodeId),
    /// A message under way.
    Message(u32),
    /// A client.
    Client(ClientId),
    /// The link between two.
    Link(End, End),
}

/// Properties of [`Menu`].
#[derive(Clone, PartialEq, Properties)]
pub struct MenuProps {
    /// The lab.
    pub lab: LabHandle,
    /// The version of the view, so that the menu follows what happens.
    pub version: u64,
    /// What it is about.
    pub subject: Subject,
    /// Where everything sits.
    pub layout: Layout,
    /// It is to be closed; whether the focus goes back to where it came from.
    pub on_close: Callback<bool>,
}

/// Whom a menu is about, what it offers, and where it stands.
struct Offer {
    title: String,
    subtitle: String,
    deeds: Deeds,
    anchor: Spot,
    gap: f64,
}

/// The menu of something on the stage; nothing when it is no longer there.
#[component]
pub fn Menu(props: &MenuProps) -> Html {
    let view = props.lab.view();
    let bounds = (props.layout.width, props.layout.height);
    let on_item = {
        let (lab, close) = (props.lab.clone(), props.on_close.clone());
        Callback::from(move |deed: Deed| {
            lab.deed(&deed.command);
            if !deed.stays {
                close.emit(true);
            }
        })
    };
    let on_lasts = {
        let lab = props.lab.clone();
        Callback::from(move |it| lab.set_lasts(it))
    };
    let Some(offer) = offer(props, &view.frame) else {
        return Html::default();
    };
    html! {
        <Popover title={offer.title} subtitle={offer.subtitle} deeds={offer.deeds.accepted(&props.lab)}
            lasts={view.lasts} anchor={offer.anchor} gap={offer.gap} {bounds} {on_item} {on_lasts}
            on_close={props.on_close.clone()} />
    }
}

fn offer(props: &MenuProps, frame: &Frame) -> Option<Offer> {
    let layout = &props.layout;
    Some(match props.subject {
        Subject::Node(id) => {
            let node = frame.nodes.get(id.index())?;
            Offer {
                title: id.to_string(),
                subtitle: subtitle(node),
                deeds: deeds::to_node(node, &id.to_string(), frame),
                anchor: layout.node(id),
                gap: layout.radius + 18.0,
            }
        }
        Subject::Message(id) => {
            let read = |player: &Player| Some((player.run().message(id)?.view, player.now()));
            let (message, now) = props.lab.with(read)?;
            let held = message.is_held(now);
            let state = if held { ", held" } else { "" };
            Offer {
                title: message.kind.to_owned(),
                subtitle: format!("{} → {}{state}", message.from, message.to),
                deeds: deeds::to_message(&message, held),
                anchor: layout
                    .message(&message, now)
                    .map_or(layout.middle, |it| it.0),
                gap: 16.0,
            }
        }
        Subject::Client(id) => {
            let client = frame.clients.iter().find(|it| it.id == id)?;
            let state = if client.is_down { "crashed" } else { "client" };
            Offer {
                title: client.name.clone(),
                subtitle: state.to_owned(),
                deeds: deeds::to_client(client, frame),
                anchor: layout.end(End::Client(id)).map_or(layout.middle, |it| it.0),
                gap: 48.0,
            }
        }
        Subject::Link(one, two) => {
            let ((x, y), (u, v)) = (layout.end(one)?.0, layout.end(two)?.0);
            Offer {
                title: format!("{one} – {two}"),
                subtitle: "link".to_owned(),
                deeds: deeds::to_link(one, two, frame),
                anchor: ((x + u) / 2.0, (y + v) / 2.0),
                gap: 16.0,
            }
        }
    })
}

/// Whether what a menu is about is still there.
pub fn is_there(player: &Player, subject: Subject) -> bool {
    match subject {
        Subject::Node(_) | Subject::Client(_) | Subject::Link(..) => true,
        Subject::Message(id) => player.run().message(id).is_some(),
    }
}

fn subtitle(node: &NodeView) -> String {
    let status = match node.status {
        Status::Up => None,
        Status::Paused => Some("paused"),
        Status::Down => Some("down"),
        Status::Gone => Some("gone"),
    };
    let words = [node.role.map(|it| it.name), status];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
