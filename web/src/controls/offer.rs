//! Deeds as buttons: the first rank as a row, the rare ones in groups, and how long a fault lasts.

use clusterscope_core::Span;
use web_sys::HtmlSelectElement;
use yew::prelude::*;

use crate::lab::deeds::{Deed, Deeds, Group, LASTS};
use crate::lab::handle::LabHandle;
use crate::ui::numbers;

/// How long a fault lasts, in words.
pub fn lasts_word(lasts: Option<Span>) -> String {
    lasts.map_or_else(|| "until undone".to_owned(), numbers::span)
}

/// The choice of how long faults last.
pub fn lasts(lab: &LabHandle, chosen: Option<Span>) -> Html {
    let onchange = {
        let lab = lab.clone();
        move |event: Event| {
            let select = event.target_dyn_into::<HtmlSelectElement>();
            let place = select.map_or(0, |it| it.selected_index()).max(0) as usize;
            lab.set_lasts(LASTS.get(place).copied().flatten());
        }
    };
    html! {
        <label class="cs-lasts">
            <span>{ "Faults last" }</span>
            <select class="cs-select" {onchange}>
                { for LASTS.iter().map(|it| html! {
                    <option selected={*it == chosen}>{ lasts_word(*it) }</option>
                }) }
            </select>
        </label>
    }
}

/// One deed as a button.
pub fn button(lab: &LabHandle, deed: &Deed, name: Option<String>) -> Html {
    let onclick = {
        let (lab, command) = (lab.clone(), deed.command.clone());
        move |_: MouseEvent| lab.deed(&command)
    };
    html! {
        <button key={deed.command.clone()} type="button" class="cs-button cs-act" {onclick}
            title={deed.command.clone()} aria-label={name}>
            { &deed.label }
        </button>
    }
}

/// Groups of rare deeds, each under its name.
pub fn groups(lab: &LabHandle, groups: &[Group]) -> Html {
    let group = |group: &Group| {
        let name = |deed: &Deed| Some(format!("{}: {}", group.title, deed.label));
        html! {
            <div key={group.title.clone()} class="cs-deeds" role="group" aria-label={group.title.clone()}>
                <span class="cs-deeds-title" aria-hidden="true">{ &group.title }</span>
                { for group.deeds.iter().map(|it| button(lab, it, name(it))) }
            </div>
        }
    };
    html! { { for groups.iter().map(group) } }
}

/// All deeds: the usual ones in sight, the rare ones folded away.
pub fn deeds(lab: &LabHandle, deeds: &Deeds, chosen: Option<Span>) -> Html {
    html! {
        <>
            <div class="cs-acts">{ for deeds.first.iter().map(|it| button(lab, it, None)) }</div>
            if !deeds.more.is_empty() {
                <details class="cs-more">
                    <summary>{ "More…" }</summary>
                    { lasts(lab, chosen) }
                    { groups(lab, &deeds.more) }
                </details>
            }
        </>
    }
}
