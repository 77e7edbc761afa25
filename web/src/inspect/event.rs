//! What an event was, and what led to it.

use clusterscope_core::trace::{HostId, NO_EVENT, VectorClock, VectorClocks};
use yew::prelude::*;

use super::{clear_button, line};
use crate::lab::handle::{LabHandle, Selection};
use crate::lab::story::{Story, record};
use crate::ui::numbers;
use crate::ui::pen::epoch_class;
use crate::widgets::section::section;

/// So many causes are shown.
const CAUSES_MAX: usize = 8;

/// Vector clocks are worked out from the start; beyond so many events that takes too long for a click.
const CLOCK_EVENTS_MAX: u32 = 200_000;

/// Props of [`EventInspector`].
#[derive(Properties, PartialEq)]
pub struct EventProps {
    /// The run.
    pub lab: LabHandle,
    /// Words for its events.
    pub story: Story,
    /// The event's number.
    pub event: u32,
}

/// An event, and what led to it.
pub fn inspect_event(props: &EventProps) -> Html {
    let title = format!("Event {}", props.event);
    let aside = clear_button(&props.lab);
    let Some(event) = record(&props.lab, props.event) else {
        return html! {
            { section(title, "cs-inspector", aside, html! { <>
                <p class="cs-empty">{ missing(&props.lab, props.event) }</p>
            </> }) }
        };
    };
    let words = props.story.word(&props.lab, props.event);
    let text = words.as_ref().map(|it| it.text.clone()).unwrap_or_default();
    let go = {
        let (lab, step) = (props.lab.clone(), u64::from(event.step));
        move |_: MouseEvent| lab.seek_step(step)
    };
    let epoch = event
        .epoch()
        .map(|it| html! { <span class={epoch_class(Some(it))}>{ it.to_string() }</span> });
    html! {
        { section(title, "cs-inspector", aside, html! { <>
            <p class="cs-event-text">{ text }</p>
            <dl class="cs-fields">
                { line("time", numbers::clock(event.time)) }
                { line("at", event.host.name()) }
                if let Some(epoch) = epoch { { line("epoch", epoch) } }
                if let Some(words) = &words {
                    { for words.set.iter().map(|it| line(it.name, format!("→ {}", it.text()))) }
                }
            </dl>
            <div class="cs-acts">
                <button type="button" class="cs-button cs-act" onclick={go}>{ "Go to it" }</button>
            </div>
            { causes(props) }
            if event.host != HostId::WORLD && props.event < CLOCK_EVENTS_MAX {
                <Clock lab={props.lab.clone()} story={props.story.clone()} event={props.event} />
            }
        </> }) }
    }
}

/// Why an event cannot be shown.
fn missing(lab: &LabHandle, event: u32) -> String {
    let since = lab.with(|player| (player.records().first() > event).then(|| player.kept_since()));
    match since.flatten() {
        Some(since) => format!(
            "Events before {} are no longer kept. Go there, and they happen again.",
            numbers::clock(since)
        ),
        None => "It is not part of this course of events.".to_owned(),
    }
}

/// The chain of events that led to one, the latest first.
fn causes(props: &EventProps) -> Html {
    let mut chain = Vec::new();
    let mut at = props.event;
    while let Some(event) = record(&props.lab, at).filter(|it| it.cause != NO_EVENT) {
        if chain.len() == CAUSES_MAX {
            break;
        }
        chain.push(event.cause);
        at = event.cause;
    }
    if chain.is_empty() {
        return html! {};
    }
    let causes = chain.into_iter().filter_map(|it| {
        let text = props.story.word(&props.lab, it)?.text.clone();
        let time = numbers::clock(record(&props.lab, it)?.time);
        let lab = props.lab.clone();
        let onclick = move |_: MouseEvent| lab.select(Some(Selection::Event(it)));
        Some(html! {
            <li key={it}>
                <button type="button" class="cs-link" {onclick}>
                    <span class="cs-mono cs-when">{ time }</span>{ " " }{ text }
                </button>
            </li>
        })
    });
    html! {
        <>
            <h3 class="cs-heading">{ "Because" }</h3>
            <ol class="cs-causes">{ for causes }</ol>
        </>
    }
}

/// What its host knew of every other, when somebody asks.
#[component]
fn Clock(props: &EventProps) -> Html {
    let open = use_state_eq(|| false);
    let ontoggle = {
        let open = open.clone();
        move |_: Event| open.set(!*open)
    };
    let clock = (*open)
        .then(|| vector_clock(&props.lab, props.event))
        .flatten();
    html! {
        <details class="cs-more" {ontoggle}>
            <summary>{ "Vector clock" }</summary>
            if let Some(clock) = clock {
                <p class="cs-mono">
                    { clock.iter().map(|(host, count)| format!("{} {count}", host.name()))
                        .collect::<Vec<_>>().join(" · ") }
                </p>
            }
        </details>
    }
}

fn vector_clock(lab: &LabHandle, event: u32) -> Option<VectorClock> {
    lab.with(|player| {
        let mut clocks = VectorClocks::default();
        // Clocks need every event from the start.
        if player.records().first() > 0 {
            return None;
        }
        let mut clock = None;
        player.records().each(0, event + 1, |id, record| {
            clock = clocks.next(id, record);
            true
        });
        clock
    })
}
