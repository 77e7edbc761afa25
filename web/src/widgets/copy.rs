//! A text to be copied.

use web_sys::{FocusEvent, HtmlInputElement};
use yew::prelude::*;

use crate::browser;

/// Props of [`CopyField`].
#[derive(Properties, PartialEq)]
pub struct CopyProps {
    /// What the text is.
    pub label: AttrValue,
    /// What it is good for, in a sentence.
    #[prop_or_default]
    pub hint: AttrValue,
    /// The text.
    pub text: AttrValue,
}

/// A text that can be selected and copied.
#[component]
pub fn CopyField(props: &CopyProps) -> Html {
    let input = use_node_ref();
    let told = use_state_eq(|| "");
    let copy = {
        let (input, told) = (input.clone(), told.setter());
        move |_| {
            let Some(input) = input.cast::<HtmlInputElement>() else {
                return;
            };
            let told = told.clone();
            browser::copy(
                &input,
                Callback::from(move |copied| {
                    told.set(if copied {
                        "Copied"
                    } else {
                        "Selected: copy it with Ctrl+C"
                    });
                }),
            );
        }
    };
    let select = |event: FocusEvent| {
        if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
            input.select();
        }
    };
    html! {
        <div class="cs-copy">
            <label class="cs-label">
                { &props.label }
                <input ref={input} class="cs-input cs-mono" type="text" readonly=true spellcheck="false"
                    value={props.text.clone()} onfocus={select} />
            </label>
            <button type="button" class="cs-button" onclick={copy}
                aria-label={format!("Copy: {}", props.label)}>{ "Copy" }</button>
            <p class="cs-hint">
                <span>{ &props.hint }</span>
                <span class="cs-copied" role="status">{ *told }</span>
            </p>
        </div>
    }
}
