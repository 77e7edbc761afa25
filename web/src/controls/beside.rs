//! Choosing a run to be seen beside the one at hand: the same with one thing changed, or quite another.

use clusterscope_core::sim::pair::Pair;
use clusterscope_core::sim::settings::{Kind, SettingView, Value};
use clusterscope_core::sim::spec::{Moment, parse_seed};
use clusterscope_core::sim::system::System;
use clusterscope_core::systems;
use clusterscope_core::trace::Level;
use clusterscope_core::{BadInput, RunSpec};
use web_sys::{HtmlInputElement, HtmlSelectElement, SubmitEvent};
use yew::prelude::*;

use super::rules::{settings_of, with_setting};
use crate::address;
use crate::lab::handle::LabHandle;
use crate::ui::numbers;
use crate::widgets::dialog::Dialog;

/// So many of the latest courses of events that were left are offered.
const COURSES_MAX: usize = 8;

/// Props of [`CompareDialog`].
#[derive(Properties, PartialEq)]
pub struct CompareProps {
    /// The run.
    pub lab: LabHandle,
    /// Called when it is closed.
    pub on_close: Callback<()>,
}

/// The ways to another run.
#[component]
pub fn CompareDialog(props: &CompareProps) -> Html {
    let spec = use_memo((), |()| at_moment(props.lab.spec()));
    let problem = use_state_eq(|| None::<String>);
    let go = {
        let (left, problem) = ((*spec).clone(), problem.setter());
        Callback::from(move |right: Result<RunSpec, BadInput>| {
            let built = right.and_then(|right| right.build(Level::Off).map(|_| right));
            match built {
                Ok(right) => {
                    let left = left.clone();
                    address::go(&Pair { left, right }.link());
                }
                Err(error) => problem.set(Some(error.to_string())),
            }
        })
    };
    html! {
        <Dialog title="Compare with…" on_close={props.on_close.clone()}>
            <p class="cs-hint">
                { "Two runs beside each other, with one clock: what you do is done to both, and the first event in \
                   which they differ is named." }
            </p>
            <div class="cs-ways-beside">
                { seed(&spec, &go) }
                <Change spec={(*spec).clone()} go={go.clone()} />
                { scenario(&spec, &go) }
                { courses(&props.lab, &spec, &go) }
            </div>
            <p class="cs-problem" role="alert">{ (*problem).clone() }</p>
        </Dialog>
    }
}

/// A run at the same moment, but not within it: two runs have not the same steps.
fn at_moment(mut spec: RunSpec) -> RunSpec {
    spec.playhead = spec.playhead.map(|it| Moment { step: None, ..it });
    spec
}

/// What a control of a form holds, by its name.
fn value_of(event: &SubmitEvent, name: &str) -> String {
    let form = event.target_dyn_into::<web_sys::Element>();
    let control = form.and_then(|it| it.query_selector(&format!("[name={name}]")).ok().flatten());
    let Some(control) = control else {
        return String::new();
    };
    match wasm_bindgen::JsCast::dyn_into::<HtmlInputElement>(control) {
        Ok(input) => input.value(),
        Err(other) => wasm_bindgen::JsCast::dyn_into::<HtmlSelectElement>(other)
            .map_or_else(|_| String::new(), |it| it.value()),
    }
}

/// One way: a heading, what is chosen, and the button that goes it.
fn way(title: &'static str, choice: Html, onsubmit: Callback<SubmitEvent>) -> Html {
    html! {
        <form class="cs-way" {onsubmit} aria-label={title}>
            <h3 class="cs-heading">{ title }</h3>
            <div class="cs-way-choice">{ choice }<button type="submit" class="cs-button">{ "Compare" }</button></div>
        </form>
    }
}

fn seed(spec: &RunSpec, go: &Callback<Result<RunSpec, BadInput>>) -> Html {
    let next = spec.seed.wrapping_add(1).to_string();
    let spec = spec.clone();
    let onsubmit = go.reform(move |event: SubmitEvent| {
        event.prevent_default();
        let seed = parse_seed(value_of(&event, "seed").trim())?;
        Ok(RunSpec {
            seed,
            ..spec.clone()
        })
    });
    let choice = html! {
        <input class="cs-input cs-mono" type="text" name="seed" value={next} aria-label="Seed" inputmode="numeric"
            autocomplete="off" />
    };
    way("Other luck", choice, onsubmit)
}

#[derive(Properties, PartialEq)]
struct ChangeProps {
    spec: RunSpec,
    go: Callback<Result<RunSpec, BadInput>>,
}

/// The same run with another value for one rule or setting.
#[component]
fn Change(props: &ChangeProps) -> Html {
    let settings = use_memo(props.spec.clone(), settings_of);
    let first = || {
        settings
            .iter()
            .find(|it| it.rule.is_some())
            .or(settings.first())
    };
    let chosen = use_state_eq(|| first().map_or("", |it| it.id));
    let Some(setting) = settings.iter().find(|it| it.id == *chosen) else {
        return html! {};
    };
    let onchange = {
        let (chosen, settings) = (chosen.setter(), settings.clone());
        move |event: Event| {
            let name = event
                .target_dyn_into::<HtmlSelectElement>()
                .map(|it| it.value());
            if let Some(setting) = settings.iter().find(|it| Some(it.id) == name.as_deref()) {
                chosen.set(setting.id);
            }
        }
    };
    let onsubmit = {
        let (spec, setting) = (props.spec.clone(), setting.clone());
        props.go.reform(move |event: SubmitEvent| {
            event.prevent_default();
            let value = setting.kind.read(value_of(&event, "value").trim())?;
            Ok(with_setting(&spec, setting.id, &value.to_string()))
        })
    };
    let option = |it: &SettingView| {
        html! { <option key={it.id} value={it.id} selected={it.id == *chosen}>{ it.title }</option> }
    };
    let of = |rules: bool| settings.iter().filter(move |it| it.of_system == rules);
    let choice = html! {
        <>
            <select class="cs-select" aria-label="Rule or setting" {onchange}>
                <optgroup label="System">{ for of(true).map(option) }</optgroup>
                <optgroup label="Surroundings">{ for of(false).map(option) }</optgroup>
            </select>
            { other_value(setting) }
        </>
    };
    way("One thing changed", choice, onsubmit)
}

/// Another value for a setting: a switch is turned, a choice is among the others, the rest is typed.
fn other_value(setting: &SettingView) -> Html {
    let now = setting.value.to_string();
    let words: Vec<&str> = match (setting.kind, setting.value) {
        (Kind::Switch, Value::Switch(on)) => vec![if on { "off" } else { "on" }],
        (Kind::Choice(words), _) => words.iter().copied().filter(|it| *it != now).collect(),
        _ => Vec::new(),
    };
    // Another setting is another control: the browser would keep what was typed.
    let key = setting.id;
    let label = format!("{}, instead of {now}", setting.title);
    if words.is_empty() {
        return html! {
            <input {key} class="cs-input cs-mono" type="text" name="value" value={now} aria-label={label}
                autocomplete="off" spellcheck="false" />
        };
    }
    html! {
        <select {key} class="cs-select" name="value" aria-label={label}>
            { for words.into_iter().enumerate().map(|(place, it)| html! {
                <option value={it} selected={place == 0}>{ it }</option>
            }) }
        </select>
    }
}

/// Any other scenario, from its start to the same moment.
fn scenario(spec: &RunSpec, go: &Callback<Result<RunSpec, BadInput>>) -> Html {
    let here = spec.place();
    let spec = spec.clone();
    let onsubmit = go.reform(move |event: SubmitEvent| {
        event.prevent_default();
        let mut other = RunSpec::from_link(&value_of(&event, "scenario"))?;
        (other.seed, other.playhead) = (spec.seed, spec.playhead);
        Ok(other)
    });
    let places = |system: &'static System| {
        let scenarios = (system.scenarios)().into_iter();
        let places = scenarios.map(|it| (format!("{}/{}", system.about.id, it.id), it.title));
        places.filter(|it| it.0 != here).collect::<Vec<_>>()
    };
    // Without a word the browser takes the one that was made first, and that is the last.
    let first = systems::ALL.iter().flat_map(places).next().map(|it| it.0);
    let group = |system: &'static System| {
        let about = system.about;
        let scenarios = places(system).into_iter().map(|(place, title)| {
            let selected = first.as_ref() == Some(&place);
            html! { <option value={place} {selected}>{ title }</option> }
        });
        html! { <optgroup label={about.title}>{ for scenarios }</optgroup> }
    };
    let choice = html! {
        <select class="cs-select" name="scenario" aria-label="Scenario to compare with">
            { for systems::ALL.iter().map(group) }
        </select>
    };
    way("Another scenario", choice, onsubmit)
}

/// Courses of events that were left when something was done in the past.
fn courses(lab: &LabHandle, spec: &RunSpec, go: &Callback<Result<RunSpec, BadInput>>) -> Html {
    let course = |player: &clusterscope_core::Player| {
        let branches = player.branches().iter().rev().take(COURSES_MAX);
        let course = branches.map(|branch| {
            let commands = branch.commands().to_vec();
            let done: Vec<String> = commands.iter().map(|it| it.command.to_string()).collect();
            let done = match done.is_empty() {
                true => "nothing done".to_owned(),
                false => done.join(", "),
            };
            let name = format!("left at {}: {done}", numbers::clock(branch.forked_at));
            let other = RunSpec {
                commands,
                ..spec.clone()
            };
            let onclick = go.reform(move |_: MouseEvent| Ok(other.clone()));
            html! { <li><button type="button" class="cs-link" {onclick}>{ name }</button></li> }
        });
        course.collect::<Vec<Html>>()
    };
    let courses = lab.with(course);
    if courses.is_empty() {
        return html! {};
    }
    html! {
        <div class="cs-way">
            <h3 class="cs-heading">{ "An earlier course of events" }</h3>
            <ul class="cs-courses">{ for courses }</ul>
        </div>
    }
}
