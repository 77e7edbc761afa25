//! Cutting the network without drawing: one ticks the nodes of one side.

use clusterscope_core::protocol::NodeId;
use web_sys::HtmlElement;
use yew::prelude::*;

use super::cut::sides_text;
use crate::lab::handle::{LabHandle, View, use_lab};
use crate::ui::icons::{Glyph, Icon};

/// Properties of [`CutPicker`].
#[derive(Clone, PartialEq, Properties)]
pub struct CutPickerProps {
    /// The lab.
    pub lab: LabHandle,
    /// It is done, or was left.
    pub on_close: Callback<()>,
}

/// A small dialogue: tick the nodes of one side, then cut. Whoever shows it decides where it stands.
#[component]
pub fn CutPicker(props: &CutPickerProps) -> Html {
    let view = use_lab(&props.lab);
    let count = view.frame.nodes.len();
    let ticked: UseStateHandle<Vec<bool>> = use_state_eq(Vec::new);
    let root = use_node_ref();
    use_effect_with(root.clone(), |root| {
        if let Some(element) = root.cast::<HtmlElement>() {
            let _ = element.focus();
        }
    });
    let sides: Vec<bool> = (0..count)
        .map(|it| ticked.get(it).copied().unwrap_or_default())
        .collect();
    let both = sides.iter().any(|it| *it) && sides.iter().any(|it| !*it);
    let cut = {
        let (lab, close, sides) = (props.lab.clone(), props.on_close.clone(), sides.clone());
        Callback::from(move |_| {
            lab.command_text(&format!("partition {}", sides_text(&sides)));
            close.emit(());
        })
    };
    let heal = {
        let (lab, close) = (props.lab.clone(), props.on_close.clone());
        Callback::from(move |_| {
            lab.command_text("heal");
            close.emit(());
        })
    };
    let cancel = props.on_close.reform(|_: MouseEvent| ());
    let onkeydown = {
        let close = props.on_close.clone();
        Callback::from(move |event: KeyboardEvent| {
            event.stop_propagation();
            if event.key() == "Escape" {
                close.emit(());
            }
        })
    };
    let boxes = boxes(&view, &sides, &ticked);
    html! {
        <div ref={root} class="cs-popover cs-cut-picker" role="dialog" aria-label="Cut the network"
            tabindex="-1" {onkeydown}>
            <div class="cs-menu-title"><strong>{ "Cut the network" }</strong></div>
            <fieldset class="cs-cut-nodes">
                <legend>{ "Tick the nodes of one side" }</legend>
                { for boxes }
            </fieldset>
            <p class="cs-cut-sides" aria-live="polite">
                { if both { sides_text(&sides) } else { "at least one node on each side".to_owned() } }
            </p>
            <div class="cs-cut-actions">
                <button type="button" class="cs-button is-primary" disabled={!both} onclick={cut}>
                    <Icon name={Glyph::Cut} />{ "Cut" }
                </button>
                if view.frame.network.since.is_some() {
                    <button type="button" class="cs-button" onclick={heal}>
                        <Icon name={Glyph::Heal} />{ "Heal" }
                    </button>
                }
                <button type="button" class="cs-button" onclick={cancel}>{ "Cancel" }</button>
            </div>
        </div>
    }
}

/// A box to tick for every node.
fn boxes<'a>(
    view: &'a View,
    sides: &'a [bool],
    ticked: &'a UseStateHandle<Vec<bool>>,
) -> impl Iterator<Item = Html> + 'a {
    view.frame.nodes.iter().map(move |node| {
        let index = node.id.index();
        let checked = sides[index];
        let mut next = sides.to_vec();
        next[index] = !checked;
        let ticked = ticked.setter();
        let onchange = Callback::from(move |_: Event| ticked.set(next.clone()));
        let role = node.role.map_or("down", |it| it.name);
        html! {
            <label key={index} class="cs-cut-node">
                <input type="checkbox" {checked} {onchange} />
                <b>{ NodeId(index as u16).to_string() }</b><span>{ role }</span>
            </label>
        }
    })
}
