//! What can be done to a node or to a message, by a menu beside it.

use clusterscope_core::Player;
use clusterscope_core::exhibit::Status;
use clusterscope_core::frame::{Frame, NodeView};
use clusterscope_core::protocol::NodeId;
use yew::prelude::*;

use super::layout::Layout;
use super::popover::{Item, Popover};
use crate::lab::handle::LabHandle;
use crate::ui::icons::Glyph;
use crate::ui::numbers;

/// What a menu is open for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A node.
    Node(NodeId),
    /// A message under way.
    Message(u32),
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

/// The menu of a node or message; nothing when it is no longer there.
#[component]
pub fn Menu(props: &MenuProps) -> Html {
    let frame = props.lab.view().frame.clone();
    let bounds = (props.layout.width, props.layout.height);
    let on_item = {
        let (lab, close) = (props.lab.clone(), props.on_close.clone());
        Callback::from(move |item: Item| {
            lab.command_text(&item.command);
            if !item.stays {
                close.emit(true);
            }
        })
    };
    let on_close = props.on_close.clone();
    match props.subject {
        Subject::Node(id) => {
            let Some(node) = frame.nodes.get(id.index()) else {
                return Html::default();
            };
            html! {
                <Popover title={id.to_string()} subtitle={subtitle(node)} items={node_items(node, &frame)}
                    anchor={props.layout.node(id)} gap={props.layout.radius + 18.0}
                    {bounds} {on_item} {on_close} />
            }
        }
        Subject::Message(id) => {
            let detail = props
                .lab
                .with(|player| Some((player.run().message(id)?.view, player.now())));
            let Some((view, now)) = detail else {
                return Html::default();
            };
            let anchor = props
                .layout
                .message(&view, now)
                .map_or(props.layout.middle, |it| it.0);
            html! {
                <Popover title={view.kind} subtitle={format!("{} → {}", view.from, view.to)}
                    items={message_items(id)} {anchor} gap={16.0} {bounds} {on_item} {on_close} />
            }
        }
    }
}

/// Whether what a menu is about is still there.
pub fn is_there(player: &Player, subject: Subject) -> bool {
    match subject {
        Subject::Node(_) => true,
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

/// What makes sense for a node as it is.
fn node_items(node: &NodeView, frame: &Frame) -> Vec<Item> {
    let id = node.id;
    let mut items = match node.status {
        Status::Up => vec![
            Item::new(Glyph::Crash, "Crash", format!("crash {id}")),
            Item::new(Glyph::PauseNode, "Pause", format!("pause {id}")),
        ],
        Status::Paused => vec![
            Item::new(Glyph::ResumeNode, "Resume", format!("resume {id}")),
            Item::new(Glyph::Crash, "Crash", format!("crash {id}")),
        ],
        Status::Gone => Vec::new(),
        Status::Down => vec![Item::new(
            Glyph::Restart,
            "Restart",
            format!("restart {id}"),
        )],
    };
    if node.status == Status::Up {
        let timers = node.timers.iter().take(3);
        items.extend(timers.map(|it| {
            let name = &it.name;
            Item::new(
                Glyph::Fire,
                format!("Fire {name} timer"),
                format!("fire {id} {name}"),
            )
        }));
    }
    if frame.nodes.len() > 1 {
        items.push(Item::new(
            Glyph::Isolate,
            "Isolate",
            format!("partition {id}"),
        ));
    }
    if frame.network.since.is_some() {
        items.push(Item::new(Glyph::Heal, "Heal the network", "heal"));
    }
    if !matches!(node.status, Status::Down | Status::Gone) {
        items.push(Item::new(Glyph::Clock, "Clock +50 ms", format!("clock {id} +50ms")).staying());
        items.push(Item::new(Glyph::Clock, "Clock −50 ms", format!("clock {id} -50ms")).staying());
        items.push(if node.drift_ppm == 0 {
            Item::new(
                Glyph::Clock,
                "Clock 10 % fast",
                format!("drift {id} +100000ppm"),
            )
            .staying()
        } else {
            Item::new(
                Glyph::Clock,
                "Clock at right speed",
                format!("drift {id} +0ppm"),
            )
            .staying()
        });
    }
    items
}

fn message_items(id: u32) -> Vec<Item> {
    let delay = clusterscope_core::Span::ms(20);
    vec![
        Item::new(Glyph::Drop, "Drop", format!("drop m{id}")),
        Item::new(Glyph::Duplicate, "Duplicate", format!("duplicate m{id}")),
        Item::new(
            Glyph::Delay,
            format!("Delay {}", numbers::span(delay)),
            format!("delay m{id} {delay}"),
        )
        .staying(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterscope_core::sim::command::Command;
    use clusterscope_core::{RunSpec, Time};

    #[test]
    fn every_line_of_every_menu_is_a_command_that_the_run_accepts() {
        let mut player = Player::open(RunSpec::new("raft", "leader-crash")).unwrap();
        for text in ["pause n2", "crash n3", "partition n4", "drift n1 +5ppm"] {
            player.seek(Time(400_000_000));
            player.command(text.parse().unwrap()).unwrap();
        }
        let frame = player.run().frame();
        let items = frame
            .nodes
            .iter()
            .flat_map(|it| node_items(it, &frame))
            .chain(message_items(3));
        for item in items {
            let command: Command = item.command.parse().unwrap();
            assert_eq!(player.run().accepts(&command), Ok(()), "{}", item.label);
        }
    }
}
