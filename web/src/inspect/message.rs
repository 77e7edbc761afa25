//! What a message says, and what can be done to it on its way.

use clusterscope_core::frame::json_text;
use yew::prelude::*;

use super::{clear_button, line};
use crate::controls::offer;
use crate::lab::deeds;
use crate::lab::handle::{LabHandle, View};
use crate::ui::numbers;
use crate::ui::pen::epoch_class;
use crate::widgets::section::section;

/// A message from inside.
pub fn inspect_message(lab: &LabHandle, now: &View, id: u32) -> Html {
    let detail = lab.with(|it| it.run().message(id));
    let Some(detail) = detail else {
        return html! {
            { section(format!("Message m{id}"), "cs-inspector", clear_button(lab), html! { <>
                <p class="cs-empty">{ "It is not under way at this moment: go back to see it." }</p>
            </> }) }
        };
    };
    let view = detail.view;
    let held = view.is_held(now.frame.time);
    let deeds = deeds::to_message(&view, held).accepted(lab);
    let end = match (held, view.lost) {
        (true, _) => line("stands", "still, until it is released"),
        (_, Some(_)) => line("dies", numbers::clock(view.due)),
        _ => line("arrives", numbers::clock(view.due)),
    };
    let epoch = view
        .look
        .epoch
        .map(|it| html! { <span class={epoch_class(Some(it))}>{ it.to_string() }</span> });
    html! {
        { section(format!("{} · m{id}", view.kind), "cs-inspector", clear_button(lab), html! { <>
            if let Some(why) = view.lost {
                <p class="cs-lost">{ format!("It will be lost: {why}.") }</p>
            }
            <dl class="cs-fields">
                { line("from → to", format!("{} → {}", view.from, view.to)) }
                if let Some(epoch) = epoch { { line("epoch", epoch) } }
                { for detail.fields.iter().map(|(name, value)| {
                    let name = if name.is_empty() { "value" } else { name };
                    line(name, json_text(value))
                }) }
                { line("sent", numbers::clock(view.sent)) }
                { end }
            </dl>
            { offer::deeds(lab, &deeds, now.lasts) }
        </> }) }
    }
}
