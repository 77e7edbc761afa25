//! Tabs: one panel at a time.

use web_sys::{HtmlElement, KeyboardEvent};
use yew::prelude::*;

/// Props of [`Tabs`].
#[derive(Properties, PartialEq)]
pub struct TabsProps {
    /// What the tabs are about.
    pub label: AttrValue,
    /// Their names.
    pub names: Vec<AttrValue>,
    /// Which one is chosen.
    pub chosen: usize,
    /// Called with the one that the reader chooses.
    pub choose: Callback<usize>,
    /// The beginning of the tabs' ids; the panel's is this and `-panel`.
    pub id: AttrValue,
}

/// A row of tabs: arrow keys go from one to the next, as everywhere.
#[component]
pub fn Tabs(props: &TabsProps) -> Html {
    let list = use_node_ref();
    let count = props.names.len();
    let onkeydown = {
        let (list, choose, chosen) = (list.clone(), props.choose.clone(), props.chosen);
        move |event: KeyboardEvent| {
            let next = match event.key().as_str() {
                "ArrowRight" => (chosen + 1) % count,
                "ArrowLeft" => (chosen + count - 1) % count,
                "Home" => 0,
                "End" => count - 1,
                _ => return,
            };
            event.prevent_default();
            choose.emit(next);
            let tab = list
                .cast::<HtmlElement>()
                .and_then(|it| it.children().item(next as u32));
            if let Some(tab) = tab {
                let tab: HtmlElement = wasm_bindgen::JsCast::unchecked_into(tab);
                let _ = tab.focus();
            }
        }
    };
    let tab = |(index, name): (usize, &AttrValue)| {
        let chosen = index == props.chosen;
        let onclick = props.choose.reform(move |_: MouseEvent| index);
        html! {
            <button key={name.to_string()} type="button" role="tab" class="cs-tab" {onclick}
                id={format!("{}-{index}", props.id)} aria-controls={format!("{}-panel", props.id)}
                aria-selected={chosen.to_string()} tabindex={if chosen { "0" } else { "-1" }}>
                { name }
            </button>
        }
    };
    html! {
        <div ref={list} role="tablist" class="cs-tabs" aria-label={props.label.clone()} {onkeydown}>
            { for props.names.iter().enumerate().map(tab) }
        </div>
    }
}
