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

thread_local! {
    /// The fragment that the page last heard of or wrote; `None` where nobody listens.
    static KNOWN: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Whether the reader has gone to another fragment and the page has yet to hear of it.
fn has_gone() -> bool {
    KNOWN.with_borrow(|it| it.as_ref().is_some_and(|known| *known != fragment()))
}

/// Goes to another fragment, as a click on a link does.
pub fn go(fragment: &str) {
    if let Some(window) = browser::window() {
        // Only a frame that was taken out of its page refuses.
        let _ = window.location().set_hash(fragment);
    }
}

/// Writes another fragment into the address, leaving no trace in the browser's history; but not over one to which the
/// reader has just gone.
pub fn rewrite(written: &str) {
    if has_gone() {
        return;
    }
    let history = browser::window().and_then(|it| it.history().ok());
    if let Some(history) = history {
        // A browser that has had enough of it refuses; the next write will do.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(written));
        // Read, since the browser writes some characters in a way of its own.
        KNOWN.with_borrow_mut(|it| *it = it.is_some().then(fragment));
    }
}

/// Takes the step of a lesson, counted from 0, out of a fragment: the rest is the link of a run.
pub fn split_lesson(fragment: &str) -> (String, Option<usize>) {
    let Some((path, query)) = fragment.split_once('?') else {
        return (fragment.to_owned(), None);
    };
    // What is no number stays where it is, and is told to be wrong.
    let step = |part: &str| part.strip_prefix("lesson=")?.parse::<usize>().ok();
    let found = query.split('&').find_map(step);
    let rest: Vec<&str> = query.split('&').filter(|it| step(it).is_none()).collect();
    (
        format!("{path}?{}", rest.join("&")),
        found.map(|it| it.saturating_sub(1)),
    )
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
        let known = |it: Option<String>| KNOWN.set(it);
        known(Some(fragment()));
        let heard = Closure::<dyn Fn()>::new(move || {
            let here = fragment();
            known(Some(here.clone()));
            changed.emit(here);
        });
        let window = browser::window();
        let name = "hashchange";
        if let Some(window) = &window {
            let _ = window.add_event_listener_with_callback(name, heard.as_ref().unchecked_ref());
        }
        move || {
            known(None);
            if let Some(window) = &window {
                let listener = heard.as_ref().unchecked_ref();
                let _ = window.remove_event_listener_with_callback(name, listener);
            }
        }
    });
}

/// Keeps the address current, so that a reload shows the same place; not while time runs. `link` makes it.
#[hook]
pub fn use_address(lab: &LabHandle, link: Callback<LabHandle, String>) {
    let again = use_mut_ref(|| false);
    use_effect_with((lab.clone(), link), move |(lab, link)| {
        let waiting = Rc::new(RefCell::new(None::<Timeout>));
        let changed = {
            let (lab, link, waiting) = (lab.clone(), link.clone(), waiting.clone());
            Callback::from(move |()| {
                if lab.is_playing() || waiting.borrow().is_some() {
                    return;
                }
                let (lab, link, done) = (lab.clone(), link.clone(), waiting.clone());
                let write = Timeout::new(WRITE_EVERY, move || {
                    done.borrow_mut().take();
                    if !lab.is_playing() {
                        rewrite(&link.emit(lab));
                    }
                });
                *waiting.borrow_mut() = Some(write);
            })
        };
        let subscription = lab.subscribe(changed.clone());
        // What the link says besides the run has changed.
        if again.replace(true) {
            changed.emit(());
        }
        move || {
            drop(subscription);
            waiting.borrow_mut().take();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_of_a_lesson_is_taken_out_of_a_link() {
        let split = |it| split_lesson(it);
        assert_eq!(split("#/a/b?lesson=2"), ("#/a/b?".to_owned(), Some(1)));
        let both = ("#/a/b?seed=1&t=2s".to_owned(), Some(0));
        assert_eq!(split("#/a/b?seed=1&lesson=1&t=2s"), both);
        assert_eq!(split("#/a/b?lesson=x"), ("#/a/b?lesson=x".to_owned(), None));
        assert_eq!(split("#/a/b"), ("#/a/b".to_owned(), None));
    }
}
