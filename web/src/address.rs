//! The page's address: what is behind its `#` names the run, and follows the reader.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use wasm_bindgen::prelude::*;
use yew::prelude::*;

use crate::browser;
use crate::lab::handle::LabHandle;

/// The address is written at most so often, in milliseconds: browsers refuse more.
const WRITE_EVERY: u32 = 500;

/// What is behind the `#` of the address, with it; empty when there is nothing.
pub fn fragment() -> String {
    browser::window()
        .and_then(|it| it.location().hash().ok())
        .unwrap_or_default()
}

/// Goes to another fragment, as a click on a link does.
pub fn go(fragment: &str) {
    if let Some(window) = browser::window() {
        // Only a frame that was taken out of its page refuses.
        let _ = window.location().set_hash(fragment);
    }
}

/// Writes another fragment into the address, leaving no trace in the browser's history.
pub fn rewrite(fragment: &str) {
    let history = browser::window().and_then(|it| it.history().ok());
    if let Some(history) = history {
        // A browser that has had enough of it refuses; the next write will do.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(fragment));
    }
}

/// Sets the page's title.
pub fn set_title(title: &str) {
    if let Some(document) = browser::window().and_then(|it| it.document()) {
        document.set_title(title);
    }
}

/// Calls `changed` whenever the reader goes to another fragment.
#[hook]
pub fn use_fragment(changed: Callback<String>) {
    use_effect_with((), move |()| {
        let heard = Closure::<dyn Fn()>::new(move || changed.emit(fragment()));
        let window = browser::window();
        let name = "hashchange";
        if let Some(window) = &window {
            let _ = window.add_event_listener_with_callback(name, heard.as_ref().unchecked_ref());
        }
        move || {
            if let Some(window) = &window {
                let listener = heard.as_ref().unchecked_ref();
                let _ = window.remove_event_listener_with_callback(name, listener);
            }
        }
    });
}

/// Keeps the address current, so that a reload shows the same place; not while time runs.
#[hook]
pub fn use_address(lab: &LabHandle) {
    use_effect_with(lab.clone(), |lab| {
        let waiting = Rc::new(RefCell::new(None::<Timeout>));
        let changed = {
            let (lab, waiting) = (lab.clone(), waiting.clone());
            Callback::from(move |()| {
                if lab.is_playing() || waiting.borrow().is_some() {
                    return;
                }
                let (lab, done) = (lab.clone(), waiting.clone());
                let write = Timeout::new(WRITE_EVERY, move || {
                    done.borrow_mut().take();
                    if !lab.is_playing() {
                        rewrite(&lab.spec().link());
                    }
                });
                *waiting.borrow_mut() = Some(write);
            })
        };
        let subscription = lab.subscribe(changed);
        move || {
            drop(subscription);
            waiting.borrow_mut().take();
        }
    });
}
