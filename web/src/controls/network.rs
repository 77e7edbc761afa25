//! The network while it runs: loss, copies, latency, order.

use clusterscope_core::frame::Oddity;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::wires::Wires;
use crate::controls::latency::Latency;
use crate::lab::handle::{LabHandle, use_lab};
use crate::widgets::section::section;

/// Props of the controls of the network.
#[derive(Properties, PartialEq)]
pub struct NetworkProps {
    /// The run.
    pub lab: LabHandle,
}

/// Loss, copies, latency, order; what is amiss; single links.
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
        { section("Network", "", Html::default(), html! { <>
            <Share lab={props.lab.clone()} name="loss" title="Loss" value={value("loss")} />
            <Share lab={props.lab.clone()} name="duplicate" title="Duplicates" value={value("duplicate")} />
            <Latency lab={props.lab.clone()} value={value("latency")} />
            <label class="cs-check-line">
                <input type="checkbox" checked={value("fifo") == "on"} onchange={toggle} />
                { "Links keep the order" }
            </label>
            { oddities(&props.lab, &view.frame.network.oddities) }
            <Wires lab={props.lab.clone()} />
        </> }) }
    }
}

/// What is amiss, each with the way back.
fn oddities(lab: &LabHandle, oddities: &[Oddity]) -> Html {
    if oddities.is_empty() {
        return html! {};
    }
    let row = |it: &Oddity| {
        let onclick = {
            let (lab, undo) = (lab.clone(), it.undo.clone());
            move |_: MouseEvent| lab.command_text(&undo)
        };
        html! {
            <li key={it.words.clone()}>
                <span class="cs-mono">{ &it.words }</span>
                <button type="button" class="cs-small" {onclick} title={it.undo.clone()}
                    aria-label={format!("Undo: {}", it.words)}>{ "Undo" }</button>
            </li>
        }
    };
    html! {
        <>
            <h3 class="cs-heading cs-amiss-heading">{ "Amiss" }</h3>
            <ul class="cs-oddities" aria-label="Amiss in the network">{ for oddities.iter().map(row) }</ul>
        </>
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
