//! The latest events up to the playhead.

use clusterscope_core::trace::{Kind, Record};
use web_sys::Element;
use yew::prelude::*;

use crate::lab::PartProps;
use crate::lab::handle::{LabHandle, Selection, use_lab};
use crate::lab::story::label;
use crate::ui::pen::epoch_class;
use crate::widgets::section::section;

/// So many events are listed while time stands still.
const LISTED: usize = 200;

/// So many while it runs, when nobody can read more.
const LISTED_RUNNING: usize = 30;

/// So many events are searched for turns of the story at most.
const SEARCHED: u32 = 20_000;

/// The list of events.
#[component]
pub fn Events(props: &PartProps) -> Html {
    let view = use_lab(&props.lab);
    let turns = use_state_eq(|| false);
    let list = use_node_ref();
    let listed = if view.playing { LISTED_RUNNING } else { LISTED };
    let events = latest(&props.lab, *turns, listed);
    let newest = events.last().map(|it| it.0);
    {
        let list = list.clone();
        use_effect_with((newest, view.playing), move |_| {
            if let Some(list) = list.cast::<Element>() {
                list.set_scroll_top(list.scroll_height());
            }
        });
    }
    let ids: Vec<u32> = events.iter().map(|it| it.0).collect();
    let words = props.story.words(&props.lab, &ids);
    let selected = match view.selection {
        Some(Selection::Event(event)) => Some(event),
        _ => None,
    };
    let rows = events.iter().map(|(id, record)| {
        let place = words.binary_search_by_key(id, |it| it.event).ok();
        let text = place.and_then(|it| words.get(it)).map(|it| it.text.clone());
        let text = text.unwrap_or_else(|| label(&props.lab, record).to_owned());
        row(&props.lab, *id, record, text, selected == Some(*id))
    });
    html! {
        { section("Events", "cs-events-section", filter(&turns), html! { <>
            <ol ref={list} class="cs-events" tabindex="-1" data-testid="events">{ for rows }</ol>
            if events.is_empty() { <p class="cs-empty">{ "Nothing has happened yet." }</p> }
        </> }) }
    }
}

/// All events, or only the turns of the story.
fn filter(turns: &UseStateHandle<bool>) -> Html {
    let choice = |name: &'static str, value: bool| {
        let turns = turns.clone();
        let pressed = (*turns == value).to_string();
        let onclick = move |_: MouseEvent| turns.set(value);
        html! { <button type="button" class="cs-small" aria-pressed={pressed} {onclick}>{ name }</button> }
    };
    html! {
        <span class="cs-filter" role="group" aria-label="Which events">
            { choice("All", false) }{ choice("Turns", true) }
        </span>
    }
}

/// The latest events up to the playhead, the newest last.
fn latest(lab: &LabHandle, turns: bool, most: usize) -> Vec<(u32, Record)> {
    lab.with(|player| {
        let records = player.run().recorder().records();
        let last = records.len();
        let from = last.saturating_sub(if turns { SEARCHED } else { most as u32 });
        let from = from.max(records.first());
        records.with(from, last, |it| {
            let newest_first = it
                .iter()
                .enumerate()
                .rev()
                .map(|(at, it)| (from + at as u32, *it));
            let fitting = newest_first.filter(|it| !turns || it.1.is_interesting());
            let mut found: Vec<(u32, Record)> = fitting.take(most).collect();
            found.reverse();
            found
        })
    })
}

fn row(lab: &LabHandle, id: u32, record: &Record, text: String, selected: bool) -> Html {
    let select = {
        let lab = lab.clone();
        move |event: MouseEvent| match event.shift_key() {
            true => lab.select_other(Some(id)),
            false => lab.select(Some(Selection::Event(id))),
        }
    };
    let go = {
        let (lab, step) = (lab.clone(), u64::from(record.step));
        move |_: MouseEvent| lab.seek_step(step)
    };
    let seconds = format!(
        "{}.{:03}",
        record.time.0 / 1_000_000_000,
        record.time.0 / 1_000_000 % 1_000
    );
    let class = classes!(
        "cs-event",
        kind_class(record.kind),
        epoch_class(record.epoch())
    );
    html! {
        <li key={id}>
            <button type="button" {class} onclick={select} ondblclick={go} aria-pressed={selected.to_string()}
                title={text.clone()}>
                <span class="cs-when">{ seconds }</span>
                <span class="cs-event-words">{ text }</span>
            </button>
        </li>
    }
}

/// The class by which a kind of event is told from others.
fn kind_class(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Note => Some("cs-event-note"),
        Kind::Fault => Some("cs-event-fault"),
        Kind::Lose => Some("cs-event-lose"),
        Kind::Invoke | Kind::Complete => Some("cs-event-client"),
        Kind::Start
        | Kind::Send
        | Kind::Deliver
        | Kind::Duplicate
        | Kind::Timer
        | Kind::Persist
        | Kind::Sync => None,
    }
}
