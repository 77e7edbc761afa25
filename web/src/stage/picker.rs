//! Cutting the network without drawing: one ticks the nodes of one side.

use clusterscope_core::protocol::NodeId;
use web_sys::HtmlElement;
use yew::prelude::*;

use super::cut::sides_text;
use crate::controls::offer;
use crate::lab::deeds::is_amiss;
use crate::lab::handle::{LabHandle, View, use_lab};
use crate::ui::icons::{Glyph, icon};

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
    let way = use_state_eq(|| Way::Both);
    let act = |command: String| {
        let (lab, close) = (props.lab.clone(), props.on_close.clone());
        Callback::from(move |_: MouseEvent| {
            lab.deed(&command);
            close.emit(());
        })
    };
    let cut = act(format!("partition {}", way.text(&sides)));
    let heal = act("heal".to_owned());
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
            { ways(&way) }
            <p class="cs-cut-sides" aria-live="polite">
                { if both { way.text(&sides) } else { "at least one node on each side".to_owned() } }
            </p>
            <div class="cs-cut-actions">
                <button type="button" class="cs-button is-primary" disabled={!both} onclick={cut}>
                    { icon(Glyph::Cut) }{ "Cut" }
                </button>
                if is_amiss(&view.frame) {
                    <button type="button" class="cs-button" onclick={heal}>
                        { icon(Glyph::Heal) }{ "Heal" }
                    </button>
                }
                <button type="button" class="cs-button" onclick={cancel}>{ "Cancel" }</button>
            </div>
            <fieldset class="cs-cut-nodes cs-cut-shapes">
                <legend>{ "Or split them" }</legend>
                { for SHAPES.iter().map(|it| html! {
                    <button type="button" class="cs-menu-chip" title={it.1} onclick={act(format!("split {}", it.0))}>
                        { it.0 }
                    </button>
                }) }
            </fieldset>
            { offer::lasts(&props.lab, view.lasts) }
        </div>
    }
}

/// The shapes of a split, and what each is.
const SHAPES: [(&str, &str); 7] = [
    ("one", "one node, drawn from the seed, and the rest"),
    ("halves", "the first half and the second"),
    ("minority", "a minority, drawn from the seed, and the rest"),
    ("thirds", "three groups, none a majority"),
    ("bridge", "two halves, and one node that reaches both"),
    ("ring", "every node reaches a majority, no two the same"),
    ("random", "each node on a side drawn from the seed"),
];

/// Which ways are cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Both,
    Out,
    In,
}

impl Way {
    /// The sides as a command names them: `n1 n2 | n3` both ways, `n1 n2 > n3` one way.
    fn text(self, sides: &[bool]) -> String {
        if self == Way::Both {
            return sides_text(sides);
        }
        let names = |wanted: bool| {
            let nodes = sides.iter().enumerate().filter(|it| *it.1 == wanted);
            let names: Vec<String> = nodes.map(|it| NodeId(it.0 as u16).to_string()).collect();
            names.join(" ")
        };
        let ticked = self == Way::Out;
        format!("{} > {}", names(ticked), names(!ticked))
    }
}

/// The choice of the ways that are cut.
fn ways(way: &UseStateHandle<Way>) -> Html {
    let choice = |value: Way, title: &'static str| {
        let onchange = {
            let way = way.setter();
            Callback::from(move |_: Event| way.set(value))
        };
        html! {
            <label class="cs-cut-node">
                <input type="radio" name="cs-cut-way" checked={**way == value} {onchange} />{ title }
            </label>
        }
    };
    html! {
        <fieldset class="cs-cut-nodes cs-cut-ways">
            <legend>{ "Lose what goes" }</legend>
            { choice(Way::Both, "both ways") }
            { choice(Way::Out, "out of it") }
            { choice(Way::In, "into it") }
        </fieldset>
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
