//! The top of the lab: where the reader is, and what concerns the run as a whole.

use clusterscope_core::RunSpec;
use web_sys::HtmlSelectElement;
use yew::prelude::*;

use super::handle::use_lab;
use super::{Over, PartProps};
use crate::address;
use crate::browser;
use crate::learn;
use crate::prefs::ThemeSwitch;
use crate::ui::icons::{Glyph, icon};
use crate::widgets::brand::brand;
use crate::words;

/// The lab's header.
#[component]
pub fn Header(props: &PartProps) -> Html {
    let view = use_lab(&props.lab);
    let seed = props.lab.with(|it| it.opened().seed);
    let nodes = words::count(view.frame.nodes.len() as u64, "node");
    let new_seed = {
        let lab = props.lab.clone();
        move |_| {
            let mut spec = lab.with(|it| it.opened().clone());
            spec.seed = browser::random_seed();
            // Where the commands are all that happens, they are the scenario.
            if spec.scripted {
                spec.commands.clear();
            }
            spec.playhead = None;
            address::go(&spec.link());
        }
    };
    let has_lesson = props.lab.with(|it| learn::is_there(it.system().about.id));
    let lesson = props.lesson;
    let learn = props.learn.reform(move |_: MouseEvent| match lesson {
        Some(_) => None,
        None => Some(0),
    });
    let open = |over| props.open.reform(move |_: MouseEvent| over);
    html! {
        <header class="cs-top">
            { brand() }
            { crumbs(props) }
            <p class="cs-seed cs-mono" data-testid="seed">{ format!("seed {seed} · {nodes}") }</p>
            <div class="cs-tools">
                if has_lesson {
                    <button type="button" class="cs-button" onclick={learn} aria-label="Lesson"
                        aria-pressed={lesson.is_some().to_string()} title="Learn it step by step">
                        { icon(Glyph::Book) }<span class="cs-wide-only">{ "Lesson" }</span>
                    </button>
                }
                <button type="button" class="cs-button" onclick={open(Over::Compare)} aria-label="Compare"
                    title="Another run beside this one">
                    { icon(Glyph::Compare) }<span class="cs-roomy-only">{ "Compare" }</span>
                </button>
                <button type="button" class="cs-button" onclick={new_seed} aria-label="New seed"
                    title="The same scenario, other luck">
                    { icon(Glyph::Dice) }<span class="cs-roomy-only">{ "New seed" }</span>
                </button>
                <button type="button" class="cs-button" onclick={open(Over::Search)} aria-label="Search seeds"
                    title="Find seeds under which something happens (f)" aria-keyshortcuts="f">
                    { icon(Glyph::Search) }<span class="cs-roomy-only">{ "Search seeds" }</span>
                </button>
                <button type="button" class="cs-button" onclick={open(Over::Settings)} aria-label="Settings"
                    title="Settings">
                    { icon(Glyph::Settings) }<span class="cs-roomy-only">{ "Settings" }</span>
                </button>
                <button type="button" class="cs-button cs-icon-button" onclick={open(Over::Help)}
                    aria-label="Help" title="Help (?)" aria-keyshortcuts="?">
                    { icon(Glyph::Help) }
                </button>
                <ThemeSwitch />
            </div>
            <button type="button" class="cs-button cs-primary" onclick={open(Over::Share)}>
                { icon(Glyph::Share) }{ "Share" }<span class="cs-wide-only">{ " this moment" }</span>
            </button>
        </header>
    }
}

/// Family, system and scenario.
fn crumbs(props: &PartProps) -> Html {
    let (system, current) = props.lab.with(|it| (it.system(), it.scenario().id));
    let onchange = move |event: Event| {
        let select = event.target_dyn_into::<HtmlSelectElement>();
        if let Some(select) = select.filter(|it| it.value() != current) {
            address::go(&RunSpec::new(system.about.id, &select.value()).link());
        }
    };
    let scenarios = (system.scenarios)();
    html! {
        <nav class="cs-crumbs" aria-label="Where you are">
            <span class="cs-wide-only">
                <a href="#/">{ system.about.family }</a><span aria-hidden="true">{ " / " }</span>
            </span>
            <strong>{ system.about.title }</strong>
            <span aria-hidden="true">{ " / " }</span>
            <select class="cs-select cs-plain" aria-label="Scenario" {onchange}>
                { for scenarios.iter().map(|it| html! {
                    <option value={it.id} selected={it.id == current}>{ it.title }</option>
                }) }
            </select>
        </nav>
    }
}
