//! What a node knows, what it waits for, and what can be done to it.

use std::collections::BTreeMap;

use clusterscope_core::exhibit::Status;
use clusterscope_core::frame::NodeView;
use clusterscope_core::protocol::NodeId;
use yew::prelude::*;

use super::{clear_button, line};
use crate::controls::offer;
use crate::lab::deeds;
use crate::lab::handle::{LabHandle, View};
use crate::ui::numbers;
use crate::widgets::section::section;
use crate::words;

/// So many pictures a change stays marked while time runs: a bit more than a second.
const MARKED_FOR: u64 = 12;

/// What the inspector saw last of a node, and what had changed then.
#[derive(Default)]
pub struct Seen {
    node: Option<NodeId>,
    version: u64,
    step: u64,
    values: BTreeMap<&'static str, String>,
    /// What a value was before, and in which view it changed.
    changes: BTreeMap<&'static str, (String, u64)>,
}

impl Seen {
    /// Takes in a view; views are seen in order, and each may be drawn several times.
    fn look(&mut self, view: &View, node: &NodeView) {
        if self.node == Some(node.id) && self.version == view.version {
            return;
        }
        if self.node != Some(node.id) {
            *self = Seen {
                node: Some(node.id),
                ..Seen::default()
            };
        }
        let old = std::mem::take(&mut self.values);
        self.values = node.fields.iter().map(|it| (it.name, it.text())).collect();
        // While time stands still, the marks show what the last step changed.
        let moved = view.frame.step != self.step;
        let version = view.version;
        let playing = view.playing;
        self.changes.retain(|_, it| {
            if playing {
                version - it.1 < MARKED_FOR
            } else {
                !moved
            }
        });
        for (name, before) in old {
            if self.values.get(name).is_some_and(|it| *it != before) {
                self.changes.insert(name, (before, version));
            }
        }
        self.version = version;
        self.step = view.frame.step;
    }
}

/// A node from inside.
pub fn inspect_node(lab: &LabHandle, view: &View, id: NodeId, seen: &mut Seen) -> Html {
    let Some(node) = view.frame.nodes.get(id.index()) else {
        return html! {};
    };
    seen.look(view, node);
    let title = format!("{} · {}", node.id, words::role(node));
    let deeds = deeds::to_node(node, &node.id.to_string(), &view.frame).accepted(lab);
    html! {
        { section(title, "cs-inspector", clear_button(lab), html! { <>
            if node.status == Status::Down {
                <p class="cs-empty">{ "It has crashed. Only what its disk holds is left." }</p>
            }
            if node.status == Status::Gone {
                <p class="cs-empty">{ "It has left the cluster for good." }</p>
            }
            if node.status == Status::Paused {
                <p class="cs-empty">{ "It is paused: it loses nothing, and what arrives waits." }</p>
            }
            <dl class="cs-fields">
                { for node.fields.iter().map(|it| {
                    let before = seen.changes.get(it.name).map(|it| it.0.clone());
                    field(it.name, it.text(), it.durable, before)
                }) }
                { for surroundings(view, node) }
            </dl>
            { offer::deeds(lab, &deeds, view.lasts) }
        </> }) }
    }
}

fn field(name: &'static str, text: String, durable: bool, before: Option<String>) -> Html {
    let long = text.chars().count() > 22;
    let changed = before.is_some();
    html! {
        <div key={name} class={classes!("cs-field", long.then_some("cs-field-long"))}>
            <dt>
                { name }
                if durable { <span class="cs-tag" title="Survives a crash">{ "disk" }</span> }
            </dt>
            <dd class={classes!(changed.then_some("cs-changed"))} title={text.clone()}>
                if let Some(before) = before.filter(|_| !long) {
                    <span class="cs-before">{ before }</span>{ " → " }
                }
                { text }
            </dd>
        </div>
    }
}

/// What is true of the node without its knowing.
fn surroundings(view: &View, node: &NodeView) -> Vec<Html> {
    let mut lines = Vec::new();
    for timer in &node.timers {
        let left = timer.deadline.since(view.frame.time);
        lines.push(line(
            &format!("timer {}", timer.name),
            format!("in {}", numbers::span(left)),
        ));
    }
    if node.clock_ahead != 0 || node.drift_ppm != 0 {
        let drift = match node.drift_ppm {
            0 => String::new(),
            ppm => format!(", drifts {ppm:+} ppm"),
        };
        lines.push(line(
            "clock",
            format!("{}{drift}", words::difference(node.clock_ahead)),
        ));
    }
    let ailments = node.ailments.iter();
    lines.extend(ailments.map(|it| line("amiss", html! { <span class="cs-amiss">{ it }</span> })));
    if node.inbox > 0 {
        lines.push(line("inbox", format!("{} waiting", node.inbox)));
    }
    if node.writing > 0 {
        lines.push(line(
            "disk",
            words::count(node.writing as u64, "write") + " under way",
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterscope_core::RunSpec;

    #[test]
    fn a_step_marks_what_it_changed() {
        let lab = LabHandle::open(RunSpec::from_link("#/raft/calm?seed=1").unwrap()).unwrap();
        let mut seen = Seen::default();
        let mut marked = 0;
        for _ in 0..60 {
            lab.step_forward();
            let view = lab.view();
            seen.look(&view, &view.frame.nodes[0]);
            marked = marked.max(seen.changes.len());
            for (name, (before, _)) in &seen.changes {
                assert_ne!(seen.values[name], *before);
            }
        }
        assert!(marked > 0);
    }
}
