//! Asking the cluster for something, as a client.

use clusterscope_core::frame::Frame;
use clusterscope_core::parts::order;
use web_sys::{HtmlInputElement, HtmlSelectElement, SubmitEvent};
use yew::prelude::*;

use crate::lab::act;
use crate::lab::handle::{LabHandle, use_lab};
use crate::widgets::section::section;

/// Answers that are shown, the latest last.
const ANSWERS_SHOWN: usize = 3;

/// Props of [`Request`].
#[derive(Properties, PartialEq)]
pub struct RequestProps {
    /// The run.
    pub lab: LabHandle,
}

/// A request typed by hand, and what became of the last ones. Systems that take none have no such box.
#[component]
pub fn Request(props: &RequestProps) -> Html {
    let view = use_lab(&props.lab);
    let chosen = use_state_eq(|| None::<String>);
    let input = use_node_ref();
    let example = props.lab.with(|it| it.system().about.request);
    if example.is_empty() {
        return html! {};
    }
    let target = (*chosen)
        .clone()
        .unwrap_or_else(|| usual_target(&view.frame));
    let onsubmit = {
        let (lab, input, target) = (props.lab.clone(), input.clone(), target.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            let Some(input) = input.cast::<HtmlInputElement>() else {
                return;
            };
            let typed = input.value();
            let request = if typed.trim().is_empty() {
                example
            } else {
                typed.trim()
            };
            lab.command_text(&format!("request {target} {request}"));
        }
    };
    let onchange = {
        let chosen = chosen.setter();
        move |event: Event| {
            chosen.set(
                event
                    .target_dyn_into::<HtmlSelectElement>()
                    .map(|it| it.value()),
            );
        }
    };
    html! {
        { section("Client request", "", Html::default(), html! { <>
            <form class="cs-ask-form" {onsubmit}>
                <input ref={input} class="cs-input cs-mono" type="text" aria-label="Request"
                    placeholder={example} autocomplete="off" autocapitalize="off" spellcheck="false" />
                <select class="cs-select" aria-label="Ask which node" {onchange}>
                    { for targets(&view.frame, &target).into_iter().map(|it| html! {
                        <option value={it.clone()} selected={it == target}>{ it.clone() }</option>
                    }) }
                </select>
                <button type="submit" class="cs-button">{ "Ask" }</button>
            </form>
            { answers(&view.frame) }
        </> }) }
    }
}

/// The leader where there is one.
fn usual_target(frame: &Frame) -> String {
    let leader = act::leader(frame).and_then(|it| it.role);
    leader.map_or_else(|| "n1".to_owned(), |it| it.name.to_owned())
}

/// Roles that somebody plays, and all nodes.
fn targets(frame: &Frame, chosen: &str) -> Vec<String> {
    let roles = frame.nodes.iter().filter_map(|it| it.role);
    let mut roles: Vec<&str> = roles.map(|it| it.name).collect();
    order::sort(&mut roles);
    roles.dedup();
    let mut names: Vec<String> = Vec::new();
    if roles.len() > 1 {
        names.extend(roles.into_iter().map(str::to_owned));
    }
    names.extend(frame.nodes.iter().map(|it| it.id.to_string()));
    if !names.iter().any(|it| it == chosen) {
        names.insert(0, chosen.to_owned());
    }
    names
}

/// What became of the last requests by hand.
fn answers(frame: &Frame) -> Html {
    let own: Vec<_> = frame.clients.iter().filter(|it| it.name == "you").collect();
    if own.is_empty() {
        return html! {};
    }
    let shown = own.iter().skip(own.len().saturating_sub(ANSWERS_SHOWN));
    html! {
        <ul class="cs-answers" aria-label="Answers">
            { for shown.map(|it| {
                let text = match (&it.asking, &it.told) {
                    (Some(asking), Some(told)) => format!("{asking} … ({told})"),
                    (Some(asking), None) => format!("{asking} …"),
                    (None, Some(told)) => told.clone(),
                    (None, None) => "no answer".to_owned(),
                };
                html! { <li class="cs-mono">{ text }</li> }
            }) }
        </ul>
    }
}
