//! The network while it runs: loss, copies, latency, order.

use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::lab::handle::{LabHandle, use_lab};
use crate::widgets::section::Section;

/// Latencies to choose from: as a setting has them, and as people say them.
const LATENCIES: [(&str, &str); 6] = [
    ("1ms", "1 ms, always"),
    ("uniform(10ms,20ms)", "10–20 ms"),
    ("uniform(5ms,80ms)", "5–80 ms"),
    ("normal(50ms,10ms)", "about 50 ms"),
    ("exponential(5ms,20ms)", "5 ms and a long tail"),
    ("pareto(5ms,1.5)", "5 ms and a heavy tail"),
];

/// The choice that lets the reader write a latency of their own.
const OTHER: &str = "other";

/// Props of the controls of the network.
#[derive(Properties, PartialEq)]
pub struct NetworkProps {
    /// The run.
    pub lab: LabHandle,
}

/// Loss, copies, latency, order.
#[component]
pub fn Network(props: &NetworkProps) -> Html {
    let view = use_lab(&props.lab);
    let value = |key: &str| {
        let all = &view.frame.network.settings;
        all.iter()
            .find(|it| it.0 == key)
            .map(|it| it.1.clone())
            .unwrap_or_default()
    };
    let toggle = {
        let lab = props.lab.clone();
        move |event: Event| {
            let on = event
                .target_dyn_into::<HtmlInputElement>()
                .is_some_and(|it| it.checked());
            lab.command_text(if on { "set fifo on" } else { "set fifo off" });
        }
    };
    html! {
        <Section title="Network">
            <Share lab={props.lab.clone()} name="loss" title="Loss" value={value("loss")} />
            <Share lab={props.lab.clone()} name="duplicate" title="Duplicates" value={value("duplicate")} />
            <Latency lab={props.lab.clone()} value={value("latency")} />
            <label class="cs-check-line">
                <input type="checkbox" checked={value("fifo") == "on"} onchange={toggle} />
                { "Links keep the order" }
            </label>
        </Section>
    }
}

#[derive(Properties, PartialEq)]
struct ShareProps {
    lab: LabHandle,
    name: &'static str,
    title: &'static str,
    value: String,
}

/// A share of the messages, by a slider. The command is given when the slider is let go.
#[component]
fn Share(props: &ShareProps) -> Html {
    let moved = use_state_eq(|| None::<String>);
    let shown = (*moved).clone().unwrap_or_else(|| props.value.clone());
    let number = shown.trim_end_matches('%').to_owned();
    let read = |event: &Event| {
        event
            .target_dyn_into::<HtmlInputElement>()
            .map(|it| it.value())
    };
    let oninput = {
        let moved = moved.setter();
        move |event: InputEvent| moved.set(read(&event).map(|it| format!("{it}%")))
    };
    let onchange = {
        let (lab, name, moved) = (props.lab.clone(), props.name, moved.setter());
        move |event: Event| {
            if let Some(value) = read(&event) {
                lab.command_text(&format!("set {name} {value}%"));
            }
            moved.set(None);
        }
    };
    html! {
        <label class="cs-knob">
            <span>{ props.title }</span>
            <input type="range" min="0" max="50" step="1" value={number} {oninput} {onchange}
                aria-valuetext={shown.clone()} />
            <output class="cs-mono">{ shown }</output>
        </label>
    }
}

#[derive(Properties, PartialEq)]
struct LatencyProps {
    lab: LabHandle,
    value: String,
}

/// How long messages are under way.
#[component]
fn Latency(props: &LatencyProps) -> Html {
    let own = use_state_eq(|| false);
    let known = LATENCIES.iter().any(|it| it.0 == props.value);
    let set = {
        let (lab, own) = (props.lab.clone(), own.setter());
        move |value: String| {
            own.set(value == OTHER);
            if value != OTHER {
                lab.command_text(&format!("set latency {value}"));
            }
        }
    };
    let choose = {
        let set = set.clone();
        move |event: Event| {
            if let Some(select) = event.target_dyn_into::<HtmlSelectElement>() {
                set(select.value());
            }
        }
    };
    let write = move |event: Event| {
        if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
            set(input.value());
        }
    };
    let choice = |(value, title): &(&'static str, &'static str)| {
        html! { <option value={*value} selected={!*own && *value == props.value}>{ *title }</option> }
    };
    html! {
        <>
            <label class="cs-knob cs-latency">
                <span>{ "Latency" }</span>
                <select class="cs-select" onchange={choose}>
                    if !known && !*own {
                        <option value={props.value.clone()} selected=true>{ &props.value }</option>
                    }
                    { for LATENCIES.iter().map(choice) }
                    <option value={OTHER} selected={*own}>{ "Other…" }</option>
                </select>
            </label>
            if *own {
                <input class="cs-input cs-mono" type="text" aria-label="Latency, written out"
                    value={props.value.clone()} onchange={write} spellcheck="false" />
            }
        </>
    }
}
