//! The front page as a program of its own, a third of the whole: the gallery with one cluster that runs. The reader who
//! follows a link gets the whole page instead, which knows the gallery, too.

use std::cell::RefCell;

use yew::prelude::*;

use crate::pages::gallery::Gallery;
use crate::{address, app, browser, panic, prefs};

thread_local! {
    static SHOWN: RefCell<Option<yew::AppHandle<Front>>> = const { RefCell::new(None) };
}

/// Puts the front page into its place.
pub fn start() {
    panic::listen(true);
    if let Some(root) = browser::place() {
        prefs::apply_theme(prefs::theme());
        let handle = yew::Renderer::<Front>::with_root(root).render();
        SHOWN.set(Some(handle));
    }
}

/// Takes it away again.
pub fn leave() {
    if let Some(shown) = SHOWN.take() {
        shown.destroy();
    }
}

/// The gallery under its title.
#[component]
fn Front() -> Html {
    use_effect_with((), |()| address::set_title(app::HOME_TITLE));
    html! { <Gallery /> }
}
