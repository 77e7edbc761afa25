//! What an event of a trace from elsewhere says, and what every host knew after it.

use std::collections::BTreeSet;

use clusterscope_core::frame::json_text;
use clusterscope_core::import::States;
use serde_json::{Map, Value as Json};
use yew::prelude::*;

use super::Shown;
use super::list::ListProps;
use crate::ui::numbers;
use crate::widgets::section::section;

/// The longest value that is shown, in characters.
const VALUE_MAX: usize = 240;

/// The picked event.
pub fn event(props: &ListProps) -> Html {
    let Shown { opened, picked } = &props.shown;
    let trace = &opened.trace;
    let Some(event) = trace.events.get(*picked) else {
        return html! {};
    };
    let details = trace.details(event);
    let title = match details.id.as_str() {
        "" => "Event".to_owned(),
        id => format!("Event {id}"),
    };
    let cause = event.cause.map(|it| it as usize);
    let because = cause.and_then(|it| {
        let pick = props.pick.clone();
        let text = trace.say(trace.events.get(it)?);
        Some(html! {
            <button type="button" class="cs-link" onclick={move |_: MouseEvent| pick.emit(it)}>{ text }</button>
        })
    });
    let clock: Vec<String> = details
        .clock
        .iter()
        .map(|(host, count)| format!("{host} {count}"))
        .collect();
    html! {
        { section(title, "cs-inspector", Html::default(), html! { <>
            <p class="cs-event-text">{ trace.say(event) }</p>
            <dl class="cs-fields">
                { line("time", &numbers::clock(event.time), false) }
                { line("at", trace.host(event), false) }
                { line("kind", &format!("{} {}", trace.kind(event), trace.label(event)), false) }
                if let Some(epoch) = event.epoch { { line("epoch", &epoch.to_string(), false) } }
                if let Some(body) = &details.body { { line("carries", &json_text(body), false) } }
                if !clock.is_empty() { { line("vector clock", &clock.join(" · "), false) } }
            </dl>
            if let Some(because) = because {
                <h3 class="cs-heading">{ "Because" }</h3>
                { because }
            }
        </> }) }
    }
}

/// The hosts after the picked event; what it changed is marked.
pub fn hosts(shown: &Shown) -> Html {
    let trace = &shown.opened.trace;
    let here = trace.events.get(shown.picked).and_then(|it| it.host);
    let changed = States::changed(trace, shown.picked);
    let none = BTreeSet::new();
    shown.opened.after(shown.picked, |fields| {
        let hosts = trace.hosts.iter().zip(fields).enumerate();
        let known = hosts.filter(|(_, (_, fields))| !fields.is_empty());
        let drawn: Vec<Html> = known
            .map(|(row, (name, fields))| {
                let marked = if here == Some(row as u16) { &changed } else { &none };
                host(name, fields, marked)
            })
            .collect();
        html! {
            { section("Nodes", "cs-foreign-hosts", Html::default(), html! { <>
                if drawn.is_empty() {
                    <p class="cs-empty">{ "Up to here the trace says nothing of what its nodes know." }</p>
                }
                <div class="cs-foreign-grid">{ for drawn }</div>
            </> }) }
        }
    })
}

fn host(name: &str, fields: &Map<String, Json>, changed: &BTreeSet<String>) -> Html {
    let fields = fields
        .iter()
        .map(|(field, value)| line(field, &json_text(value), changed.contains(field)));
    html! {
        <div key={name.to_owned()} class="cs-foreign-host" data-testid="foreign-host">
            <h3 class="cs-heading">{ name }</h3>
            <dl class="cs-fields">{ for fields }</dl>
        </div>
    }
}

/// A field and its value.
fn line(name: &str, value: &str, changed: bool) -> Html {
    let mut shown: String = value.chars().take(VALUE_MAX).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    html! {
        <div class={classes!("cs-field", changed.then_some("cs-foreign-changed"))}>
            <dt>{ name.to_owned() }</dt>
            <dd>{ shown }</dd>
        </div>
    }
}
