//! Single links, kinds of messages, and what else of the surroundings can change while a run goes on.

use std::collections::BTreeSet;

use clusterscope_core::frame::Frame;
use clusterscope_core::sim::settings::Environment;
use clusterscope_core::trace::Kind;
use web_sys::{HtmlInputElement, HtmlSelectElement, SubmitEvent};
use yew::prelude::*;

use super::network::NetworkProps;
use super::offer;
use crate::lab::deeds::{Group, to_kind, to_wire};
use crate::lab::handle::{LabHandle, use_lab};

/// So many of the last events are looked through for kinds of messages.
const KINDS_AMONG: u32 = 5_000;

/// Settings that have controls of their own.
const ELSEWHERE: [&str; 4] = ["loss", "duplicate", "latency", "fifo"];

/// Which link is meant.
#[derive(Clone, PartialEq)]
struct Wire {
    from: String,
    to: String,
    both: bool,
    kind: String,
}

/// Links, kinds, and the rest of the surroundings: folded away until asked for.
#[component]
pub fn Wires(props: &NetworkProps) -> Html {
    let view = use_lab(&props.lab);
    let open = use_state_eq(|| [false; 2]);
    let wire = use_state_eq(|| Wire {
        from: "n1".to_owned(),
        to: "n2".to_owned(),
        both: true,
        kind: String::new(),
    });
    let toggle = |place: usize| {
        let open = open.clone();
        move |_: Event| {
            let mut next = *open;
            next[place] = !next[place];
            open.set(next);
        }
    };
    html! {
        <>
            <details class="cs-more" ontoggle={toggle(0)}>
                <summary>{ "One link, one kind…" }</summary>
                if open[0] {
                    { ends(&view.frame, &wire) }
                    { link(&props.lab, &wire) }
                    { kind(&props.lab, &wire) }
                }
            </details>
            <details class="cs-more" ontoggle={toggle(1)}>
                <summary>{ "More that can change…" }</summary>
                if open[1] { { settings(&props.lab, &view.frame) } }
            </details>
        </>
    }
}

impl Wire {
    fn link(&self) -> String {
        let sign = if self.both { '-' } else { '>' };
        format!("{}{sign}{}", self.from, self.to)
    }
}

/// The two ends, and whether both ways are meant.
fn ends(frame: &Frame, wire: &UseStateHandle<Wire>) -> Html {
    let mut names: Vec<String> = frame.nodes.iter().map(|it| it.id.to_string()).collect();
    names.extend(frame.clients.iter().map(|it| it.id.to_string()));
    names.extend(["all", "clients"].map(str::to_owned));
    let choice = |label: &'static str, chosen: &str, write: fn(&mut Wire, String)| {
        let onchange = changing(wire, write);
        html! {
            <select class="cs-select" aria-label={label} {onchange}>
                { for names.iter().map(|it| html! {
                    <option value={it.clone()} selected={it == chosen}>{ it.clone() }</option>
                }) }
            </select>
        }
    };
    html! {
        <div class="cs-wire">
            { choice("From", &wire.from, |it, name| it.from = name) }
            <select class="cs-select" aria-label="Direction"
                onchange={changing(wire, |it, way| it.both = way == "both")}>
                <option value="both" selected={wire.both}>{ "↔" }</option>
                <option value="one" selected={!wire.both}>{ "→" }</option>
            </select>
            { choice("To", &wire.to, |it, name| it.to = name) }
        </div>
    }
}

fn changing(wire: &UseStateHandle<Wire>, write: fn(&mut Wire, String)) -> Callback<Event> {
    let wire = wire.clone();
    Callback::from(move |event: Event| {
        let mut next = (*wire).clone();
        let select = event.target_dyn_into::<HtmlSelectElement>();
        write(&mut next, select.map(|it| it.value()).unwrap_or_default());
        wire.set(next);
    })
}

/// What can be done to the link.
fn link(lab: &LabHandle, wire: &Wire) -> Html {
    let link = wire.link();
    let own = |what: &'static str, title: &'static str, usual: &'static str| {
        let (lab, link) = (lab.clone(), link.clone());
        let onsubmit = move |event: SubmitEvent| {
            event.prevent_default();
            let form = event.target_dyn_into::<web_sys::Element>();
            let input = form.and_then(|it| it.query_selector("input").ok().flatten());
            let input =
                input.and_then(|it| wasm_bindgen::JsCast::dyn_into::<HtmlInputElement>(it).ok());
            let written = input.map(|it| it.value()).unwrap_or_default();
            let value = if written.trim().is_empty() {
                usual
            } else {
                written.trim()
            };
            lab.deed(&format!("link {link} {what} {value}"));
        };
        html! {
            <form class="cs-line-form cs-own" {onsubmit}>
                <input class="cs-input cs-mono" type="text" aria-label={title} placeholder={usual}
                    autocomplete="off" autocapitalize="off" spellcheck="false" />
                <button type="submit" class="cs-button">{ format!("Set {what}") }</button>
            </form>
        }
    };
    html! {
        <>
            { offer::groups(lab, &[to_wire(&link)]) }
            { own("latency", "Latency of its own", "80ms") }
            { own("loss", "Loss of its own", "20%") }
        </>
    }
}

/// What can be done to a kind of message, on that link or everywhere.
fn kind(lab: &LabHandle, wire: &UseStateHandle<Wire>) -> Html {
    let kinds = kinds(lab);
    let chosen = if kinds.contains(&*wire.kind) {
        &*wire.kind
    } else {
        kinds.first().copied().unwrap_or_default()
    };
    if chosen.is_empty() {
        return html! { <p class="cs-empty">{ "No message has been sent yet." }</p> };
    }
    let onchange = changing(wire, |it, kind| it.kind = kind);
    let groups: [Group; 2] = [to_kind(chosen, None), to_kind(chosen, Some(&wire.link()))];
    html! {
        <>
            <label class="cs-lasts">
                <span>{ "Kind" }</span>
                <select class="cs-select" {onchange}>
                    { for kinds.iter().map(|it| html! {
                        <option value={*it} selected={*it == chosen}>{ *it }</option>
                    }) }
                </select>
            </label>
            { offer::groups(lab, &groups) }
        </>
    }
}

/// The kinds of messages that were sent of late, by name.
fn kinds(lab: &LabHandle) -> BTreeSet<&'static str> {
    lab.with(|player| {
        let records = player.records();
        let from = records.len().saturating_sub(KINDS_AMONG);
        records.with(from, records.len(), |all| {
            let sent = all.iter().filter(|it| it.kind == Kind::Send);
            sent.map(|it| player.label(it)).collect()
        })
    })
}

/// A field for every setting that can change and has no control of its own.
fn settings(lab: &LabHandle, frame: &Frame) -> Html {
    let known = Environment::settings();
    let rest = frame.network.settings.iter();
    let rest = rest.filter(|it| !ELSEWHERE.contains(&it.0));
    let field = |(id, value): &(&'static str, String)| {
        let title = known
            .iter()
            .find(|it| it.id == *id)
            .map_or(*id, |it| it.title);
        let onchange = {
            let (lab, id) = (lab.clone(), *id);
            move |event: Event| {
                let input = event.target_dyn_into::<HtmlInputElement>();
                let written = input.map(|it| it.value()).unwrap_or_default();
                lab.command_text(&format!("set {id} {}", written.trim()));
            }
        };
        // A field keeps what is written into it until the setting is another.
        html! {
            <label key={format!("{id} {value}")} class="cs-setting cs-live">
                <span>{ title }</span>
                <input class="cs-input cs-mono" type="text" ~defaultValue={value.clone()} {onchange}
                    autocomplete="off" autocapitalize="off" spellcheck="false" />
            </label>
        }
    };
    html! { <div class="cs-live-settings">{ for rest.map(field) }</div> }
}
