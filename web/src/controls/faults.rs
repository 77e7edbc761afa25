//! Breaking something: the buttons.

use yew::prelude::*;

use super::offer;
use crate::lab::act::{self, Aim};
use crate::lab::deeds::{self, Deeds};
use crate::lab::handle::{LabHandle, View, use_lab};
use crate::lab::{Over, PartProps};
use crate::ui::icons::{Glyph, icon};
use crate::widgets::section::section;

/// By how much the skew buttons move a clock.
const SKEW: [&str; 2] = ["-50ms", "+50ms"];

/// A button for a fault.
#[derive(Properties, PartialEq)]
struct FaultProps {
    icon: Glyph,
    word: AttrValue,
    #[prop_or_default]
    aim: AttrValue,
    #[prop_or_default]
    key_hint: &'static str,
    #[prop_or_default]
    disabled: bool,
    onclick: Callback<MouseEvent>,
}

#[component]
fn Fault(props: &FaultProps) -> Html {
    let hint = (!props.key_hint.is_empty()).then_some(props.key_hint);
    html! {
        <button type="button" class="cs-button cs-fault" disabled={props.disabled}
            onclick={props.onclick.clone()} aria-keyshortcuts={hint}>
            { icon(props.icon) }
            <span class="cs-fault-word">
                { &props.word }
                if !props.aim.is_empty() { <span class="cs-hidden">{ format!(" {}", props.aim) }</span> }
            </span>
            if !props.key_hint.is_empty() {
                <kbd class="cs-key" aria-hidden="true">{ props.key_hint }</kbd>
            }
        </button>
    }
}

/// The buttons.
#[component]
pub fn Faults(props: &PartProps) -> Html {
    let view = use_lab(&props.lab);
    let lab = &props.lab;
    let aim = act::aim(&view);
    let aside =
        html! { <span class="cs-aim" data-testid="aim">{ aim.as_ref().map(describe) }</span> };
    let rare = aim.as_ref().map(|it| rare(lab, &view, it));
    let aim = aim.map(|it| it.name).unwrap_or_default();
    let down = act::fallen(&view);
    let (pause, paused) = act::pause_command(&view).unwrap_or(("pause", String::new()));
    let call = |act: fn(&LabHandle)| {
        let lab = lab.clone();
        Callback::from(move |_: MouseEvent| act(&lab))
    };
    let cut = props.open.reform(|_: MouseEvent| Over::Cut);
    let pause = match pause {
        "pause" => ("Pause", Glyph::PauseNode),
        _ => ("Resume", Glyph::ResumeNode),
    };
    let restart = down.map(|it| it.to_string()).unwrap_or_default();
    html! {
        { section("Break something", "", aside, html! { <>
            <div class="cs-faults">
                <Fault icon={Glyph::Crash} word="Crash" aim={aim.clone()} key_hint="c"
                    onclick={call(act::crash)} />
                <Fault icon={Glyph::Restart} word="Restart" aim={restart} key_hint="r"
                    disabled={down.is_none()} onclick={call(act::restart)} />
                <Fault icon={pause.1} word={pause.0} aim={paused} key_hint="z"
                    onclick={call(act::pause_or_resume)} />
                <Fault icon={Glyph::Isolate} word="Isolate" aim={aim.clone()} onclick={call(act::isolate)} />
                <Fault icon={Glyph::Cut} word="Cut…" key_hint="p" onclick={cut} />
                <Fault icon={Glyph::Heal} word="Heal" key_hint="h" disabled={!deeds::is_amiss(&view.frame)}
                    onclick={call(act::heal)} />
                { skew(lab, &aim) }
            </div>
            { offer::lasts(lab, view.lasts) }
            { for rare }
        </> }) }
    }
}

/// What is rarely done, to the node aimed at and to the cluster.
fn rare(lab: &LabHandle, view: &View, aim: &Aim) -> Html {
    let node = view.frame.nodes.get(aim.node.index());
    let more = node.map(|it| deeds::to_node(it, &aim.name, &view.frame).more);
    let whole = Deeds {
        first: Vec::new(),
        more: deeds::to_cluster(&view.frame),
    };
    let aimed = Deeds {
        first: Vec::new(),
        more: more.unwrap_or_default(),
    };
    html! {
        <details class="cs-more">
            <summary>{ "More…" }</summary>
            { offer::groups(lab, &whole.accepted(lab).more) }
            <h3 class="cs-heading cs-deeds-aim">{ format!("To {}", describe(aim)) }</h3>
            { offer::groups(lab, &aimed.accepted(lab).more) }
        </details>
    }
}

/// Whom the buttons mean.
fn describe(aim: &Aim) -> String {
    let node = aim.node.to_string();
    if node == aim.name {
        node
    } else {
        format!("{} {node}", aim.name)
    }
}

/// Moves a clock.
fn skew(lab: &LabHandle, aim: &str) -> Html {
    let button = |jump: &'static str| {
        let (lab, whom) = (lab.clone(), aim.to_owned());
        let onclick = move |_: MouseEvent| lab.deed(&format!("clock {whom} {jump}"));
        let shown = if jump.starts_with('-') {
            "−50 ms"
        } else {
            "+50 ms"
        };
        let label = format!("{shown}: move the clock of {aim}");
        html! {
            <button type="button" class="cs-button cs-half" {onclick} aria-label={label.clone()}
                title={label}>
                { shown }
            </button>
        }
    };
    html! {
        <div class="cs-skew" role="group" aria-label="Clock">
            { icon(Glyph::Clock) }<span aria-hidden="true">{ "Clock" }</span>
            { for SKEW.map(button) }
        </div>
    }
}
