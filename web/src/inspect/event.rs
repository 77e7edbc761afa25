//! What an event was, and what led to it.

use clusterscope_core::trace::{HostId, NO_EVENT, Relation, VectorClock, VectorClocks};
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
            { cone(props) }
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

/// How many events could have led to it, could have come of it, or had nothing to do with it; and how it stands to
/// another one.
fn cone(props: &EventProps) -> Html {
    let lab = &props.lab;
    let view = lab.view();
    let other = view.other.filter(|it| *it != props.event);
    let host = other.and_then(|it| Some(record(lab, it)?.host));
    let found = lab.cone(props.event, |cone| {
        let relation = other.zip(host).and_then(|it| cone.relation(it.0, it.1));
        (cone.counts(), relation)
    });
    let Some(((before, after, concurrent), relation)) = found else {
        return html! {};
    };
    let pair = {
        let (lab, pairing) = (lab.clone(), view.pairing);
        move |_: MouseEvent| lab.set_pairing(!pairing)
    };
    let hint = if view.pairing {
        "Now choose the other event"
    } else {
        "Compare with another event"
    };
    html! {
        <>
            <h3 class="cs-heading">{ "Happened" }</h3>
            <dl class="cs-fields" data-testid="cone">
                { line("before it", before.to_string()) }
                { line("after it", after.to_string()) }
                { line("beside it", format!("{concurrent} concurrent")) }
            </dl>
            if let Some(other) = other { { stands(props, other, relation) } }
            <button type="button" class="cs-button cs-act" aria-pressed={view.pairing.to_string()} onclick={pair}
                title="Or press Shift while you choose it">{ hint }</button>
        </>
    }
}

/// How another event stands to this one, in a sentence.
fn stands(props: &EventProps, other: u32, relation: Option<Relation>) -> Html {
    let words = props.story.word(&props.lab, other);
    let name = words.map_or_else(|| format!("event {other}"), |it| format!("“{}”", it.text));
    let sentence = match relation {
        Some(Relation::Before) => "happened before it: it may have led to it.",
        Some(Relation::After) => "happened after it: it may have come of it.",
        Some(_) => "is concurrent: neither could know of the other.",
        None => "happened at no node, so before and after mean nothing.",
    };
    let onclick = {
        let lab = props.lab.clone();
        move |_: MouseEvent| lab.select(Some(Selection::Event(other)))
    };
    html! {
        <p class="cs-relation" role="status">
            <button type="button" class="cs-link" {onclick}>{ name }</button>{ " " }{ sentence }
        </p>
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
