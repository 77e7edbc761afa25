//! A dialog over the page. The browser's own element keeps the focus inside and gives it back.

use web_sys::HtmlDialogElement;
use yew::prelude::*;

use crate::ui::icons::{Glyph, icon};

/// Props of [`Dialog`].
#[derive(Properties, PartialEq)]
pub struct DialogProps {
    /// Its heading.
    pub title: AttrValue,
    /// Called when the reader closes it.
    pub on_close: Callback<()>,
    /// What it holds.
    pub children: Html,
}

/// A dialog, open as long as it is there.
#[component]
pub fn Dialog(props: &DialogProps) -> Html {
    let dialog = use_node_ref();
    {
        let dialog = dialog.clone();
        use_effect_with((), move |()| {
            if let Some(dialog) = dialog.cast::<HtmlDialogElement>() {
                // It fails only when the dialog is open already.
                let _ = dialog.show_modal();
            }
        });
    }
    let closed = props.on_close.reform(|_: Event| ());
    let close = {
        let dialog = dialog.clone();
        move |_: MouseEvent| {
            if let Some(dialog) = dialog.cast::<HtmlDialogElement>() {
                dialog.close();
            }
        }
    };
    // A press on the dim part around the dialog lands on the dialog itself.
    let press = {
        let (dialog, close) = (dialog.clone(), close.clone());
        move |event: MouseEvent| {
            let target = event.target_dyn_into::<HtmlDialogElement>();
            if target.is_some() && target == dialog.cast::<HtmlDialogElement>() {
                close(event);
            }
        }
    };
    html! {
        <dialog ref={dialog} class="cs-dialog" aria-label={props.title.clone()} onclose={closed}
            onmousedown={press}>
            <div class="cs-dialog-inside">
                <div class="cs-dialog-top">
                    <h2>{ &props.title }</h2>
                    <button type="button" class="cs-button cs-icon-button" onclick={close} aria-label="Close"
                        title="Esc">{ icon(Glyph::Close) }</button>
                </div>
                { props.children.clone() }
            </div>
        </dialog>
    }
}
