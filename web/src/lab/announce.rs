//! Tells screen readers what happens while time stands still.

use yew::prelude::*;

use super::PartProps;
use super::handle::use_lab;
use crate::ui::numbers;

/// Says the turn of the story at which the playhead came to stand.
#[component]
pub fn Announcer(props: &PartProps) -> Html {
    let view = use_lab(&props.lab);
    let said = use_mut_ref(String::new);
    if !view.playing {
        let step = view.frame.step;
        let turn = props.lab.with(|player| {
            let records = player.run().recorder().records();
            let last = records.len();
            let from = last.saturating_sub(64).max(records.first());
            records.with(from, last, |it| {
                let of_step = |it: &&clusterscope_core::trace::Record| u64::from(it.step) == step;
                let place = it
                    .iter()
                    .rposition(|it| of_step(&it) && it.is_interesting());
                place.map(|it| from + it as u32)
            })
        });
        let words = turn.and_then(|it| props.story.word(&props.lab, it));
        if let Some(words) = words {
            *said.borrow_mut() = format!("t = {}: {}", numbers::clock(view.frame.time), words.text);
        }
    }
    let text = said.borrow().clone();
    html! { <p class="cs-hidden" role="status" aria-live="polite">{ text }</p> }
}
