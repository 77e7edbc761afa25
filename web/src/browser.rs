//! What the page asks of the browser: the window, media queries, a random seed, the clipboard.

use wasm_bindgen::prelude::*;
use web_sys::{Element, HtmlInputElement, Window};
use yew::prelude::*;

/// The window; a worker has none.
pub fn window() -> Option<Window> {
    web_sys::window()
}

/// Where the page goes. A worker or an embedding page has no such place, though its own elements may bear the same id.
pub fn place() -> Option<Element> {
    let document = window()?.document()?;
    document
        .query_selector("#app[data-clusterscope]")
        .ok()
        .flatten()
}

/// Whether a media query holds at the moment.
pub fn media(query: &str) -> bool {
    let list = window().and_then(|it| it.match_media(query).ok().flatten());
    list.is_some_and(|it| it.matches())
}

/// Whether the reader asked for little motion.
pub fn reduced_motion() -> bool {
    media("(prefers-reduced-motion: reduce)")
}

/// Whether a media query holds; the component is drawn anew when that changes.
#[hook]
pub fn use_media(query: &'static str) -> bool {
    let holds = use_state_eq(|| media(query));
    {
        let holds = holds.setter();
        use_effect_with(query, move |query| {
            let list = window().and_then(|it| it.match_media(query).ok().flatten());
            let changed = Closure::<dyn Fn()>::new({
                let list = list.clone();
                move || holds.set(list.as_ref().is_some_and(|it| it.matches()))
            });
            if let Some(list) = &list {
                list.set_onchange(Some(changed.as_ref().unchecked_ref()));
            }
            move || {
                if let Some(list) = &list {
                    list.set_onchange(None);
                }
                drop(changed);
            }
        });
    }
    *holds
}

/// How many things the machine does at once, as far as the browser tells.
pub fn cores() -> usize {
    window().map_or(1, |it| it.navigator().hardware_concurrency() as usize)
}

/// A seed that nobody has seen: short, so that people can tell it to each other.
pub fn random_seed() -> u64 {
    let mut bytes = [0; 4];
    // Without the browser's randomness the clock has to do: a seed need not be secret.
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from(u32::from_le_bytes(bytes)) % 1_000_000,
        Err(_) => js_sys::Date::now() as u64 % 1_000_000,
    }
}

/// The page's own address, without what is behind its `#`.
pub fn base_address() -> String {
    let href = window()
        .and_then(|it| it.location().href().ok())
        .unwrap_or_default();
    href.split('#').next().unwrap_or_default().to_owned()
}

/// The folder in which the page lies.
pub fn base_folder() -> String {
    let address = base_address();
    let path = address.split('?').next().unwrap_or_default();
    path.rsplit_once('/')
        .map(|it| format!("{}/", it.0))
        .unwrap_or_default()
}

/// Copies what an input holds; where the clipboard is refused, the text stays selected, to be copied by hand.
pub fn copy(input: &HtmlInputElement, done: Callback<bool>) {
    input.select();
    let clipboard = window().and_then(|it| {
        let navigator = it.navigator();
        let clipboard = navigator.clipboard();
        // Pages that are not served securely have no clipboard, whatever its type says.
        (!clipboard.is_undefined()).then_some(clipboard)
    });
    let Some(clipboard) = clipboard else {
        return done.emit(false);
    };
    let promise = clipboard.write_text(&input.value());
    let input = input.clone();
    yew::platform::spawn_local(async move {
        let copied = wasm_bindgen_futures::JsFuture::from(promise).await.is_ok();
        if !copied {
            input.select();
        }
        done.emit(copied);
    });
}
