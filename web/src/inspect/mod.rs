//! Looking into what the reader picked out: a node, a message or an event.

mod event;
mod message;
mod node;

use yew::prelude::*;

use crate::lab::PartProps;
use crate::lab::handle::{LabHandle, Selection, use_lab};
use crate::ui::icons::{Glyph, icon};
use crate::widgets::section::section;

use self::event::{EventProps, inspect_event};
use self::message::inspect_message;
use self::node::{Seen, inspect_node};

/// Whatever is picked out.
#[component]
pub fn Inspector(props: &PartProps) -> Html {
    let view = use_lab(&props.lab);
    let seen = use_mut_ref(Seen::default);
    let lab = &props.lab;
    match view.selection {
        Some(Selection::Node(node)) => inspect_node(lab, &view, node, &mut seen.borrow_mut()),
        Some(Selection::Message(message)) => inspect_message(lab, &view, message),
        Some(Selection::Event(event)) => inspect_event(&EventProps {
            lab: lab.clone(),
            story: props.story.clone(),
            event,
        }),
        None => html! {
            { section("Inspector", "cs-inspector", Html::default(), html! { <>
                <p class="cs-empty">{ "Select a node, a message or an event to look into it." }</p>
            </> }) }
        },
    }
}

/// A line of an inspector: a name and a value.
pub(crate) fn line(name: &str, value: impl Into<Html>) -> Html {
    html! { <div class="cs-field"><dt>{ name.to_owned() }</dt><dd>{ value.into() }</dd></div> }
}

/// The button that puts the inspector away.
pub(crate) fn clear_button(lab: &LabHandle) -> Html {
    let lab = lab.clone();
    let onclick = move |_: MouseEvent| lab.select(None);
    html! {
        <button type="button" class="cs-small" {onclick} aria-label="Select nothing" title="Esc">
            { icon(Glyph::Close) }
        </button>
    }
}
