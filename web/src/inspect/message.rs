//! What a message says, and what can be done to it on its way.

use clusterscope_core::frame::json_text;
use yew::prelude::*;

use super::{clear_button, command_button, line};
use crate::lab::handle::LabHandle;
use crate::ui::numbers;
use crate::ui::pen::epoch_class;
use crate::widgets::section::Section;

/// A message from inside.
pub fn inspect_message(lab: &LabHandle, id: u32) -> Html {
    let detail = lab.with(|it| it.run().message(id));
    let Some(detail) = detail else {
        return html! {
            <Section title={format!("Message m{id}")} class="cs-inspector" aside={clear_button(lab)}>
                <p class="cs-empty">{ "It is not under way at this moment: go back to see it." }</p>
            </Section>
        };
    };
    let view = detail.view;
    let epoch = view
        .look
        .epoch
        .map(|it| html! { <span class={epoch_class(Some(it))}>{ it.to_string() }</span> });
    html! {
        <Section title={format!("{} · m{id}", view.kind)} class="cs-inspector"
            aside={clear_button(lab)}>
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
                { line(if view.lost.is_some() { "dies" } else { "arrives" }, numbers::clock(view.due)) }
            </dl>
            <div class="cs-acts">
                { command_button(lab, "Drop", format!("drop m{id}")) }
                { command_button(lab, "Duplicate", format!("duplicate m{id}")) }
                { command_button(lab, "Delay 50 ms", format!("delay m{id} 50ms")) }
            </div>
        </Section>
    }
}
