//! The keyboard, while the focus is in the lab and not in a field.

use web_sys::{HtmlElement, KeyboardEvent};
use yew::Callback;

use super::handle::LabHandle;
use super::{Over, act};
use crate::controls::transport::on_key;
use wasm_bindgen::JsCast;

/// The keys of the lab, for help: what to press and what it does.
pub const KEYS: [(&str, &str); 10] = [
    ("c", "Crash the selected node, or the leader"),
    ("r", "Restart a crashed node"),
    ("z", "Pause or resume the selected node"),
    ("p", "Cut the network into groups"),
    ("h", "Heal the network"),
    ("m", "On the stage: from message to message"),
    ("s", "Share this moment"),
    ("f", "Search seeds"),
    ("?", "Show the keys"),
    ("Esc", "Close, or select nothing"),
];

/// Does what a key means in the lab; keys that mean nothing stay the browser's.
pub fn press(lab: &LabHandle, open: &Callback<Over>, event: &KeyboardEvent) {
    if is_taken(event) || press_anywhere(lab, event) {
        return;
    }
    open.emit(match event.key().as_str() {
        "p" => Over::Cut,
        "s" => Over::Share,
        "f" => Over::Search,
        "?" => Over::Help,
        _ => return,
    });
    event.prevent_default();
}

/// Does what a key means on the page and in an element alike; whether it meant anything.
pub fn press_anywhere(lab: &LabHandle, event: &KeyboardEvent) -> bool {
    if is_taken(event) {
        return false;
    }
    if on_key(lab, event) {
        return true;
    }
    match event.key().as_str() {
        "c" => act::crash(lab),
        "r" => act::restart(lab),
        "z" => act::pause_or_resume(lab),
        "h" => act::heal(lab),
        "Escape" => lab.select(None),
        _ => return false,
    }
    event.prevent_default();
    true
}

/// Whether the key is somebody else's: the browser's, a field's, or one that has been acted on.
fn is_taken(event: &KeyboardEvent) -> bool {
    event.ctrl_key()
        || event.meta_key()
        || event.alt_key()
        || event.default_prevented()
        || is_typing(event)
}

/// Whether the key goes into a field.
fn is_typing(event: &KeyboardEvent) -> bool {
    // Inside a shadow root the target is the host; the path tells where the key really went.
    let target = event.composed_path().get(0).dyn_into::<HtmlElement>();
    target.is_ok_and(|it| {
        let name = it.tag_name();
        let kind = it.get_attribute("type").unwrap_or_default();
        let presses = matches!(kind.as_str(), "checkbox" | "button" | "radio");
        matches!(name.as_str(), "TEXTAREA" | "SELECT") || (name == "INPUT" && !presses)
    })
}
