//! The keyboard, while the focus is in the lab and not in a field.

use web_sys::{HtmlElement, KeyboardEvent};
use yew::Callback;

use super::handle::LabHandle;
use super::{Over, act};
use crate::controls::transport::on_key;
use wasm_bindgen::JsCast;

/// The keys of the lab, for help: what to press and what it does.
pub const KEYS: [(&str, &str); 9] = [
    ("c", "Crash the selected node, or the leader"),
    ("r", "Restart a crashed node"),
    ("z", "Pause or resume the selected node"),
    ("p", "Cut the network into groups"),
    ("h", "Heal the network"),
    ("m", "On the stage: from message to message"),
    ("s", "Share this moment"),
    ("?", "Show the keys"),
    ("Esc", "Close, or select nothing"),
];

/// Does what a key means; keys that mean nothing stay the browser's.
pub fn press(lab: &LabHandle, open: &Callback<Over>, event: &KeyboardEvent) {
    if event.ctrl_key() || event.meta_key() || event.alt_key() || is_typing(event) {
        return;
    }
    if event.default_prevented() || on_key(lab, event) {
        return;
    }
    match event.key().as_str() {
        "c" => act::crash(lab),
        "r" => act::restart(lab),
        "z" => act::pause_or_resume(lab),
        "h" => act::heal(lab),
        "p" => open.emit(Over::Cut),
        "s" => open.emit(Over::Share),
        "?" => open.emit(Over::Help),
        "Escape" => lab.select(None),
        _ => return,
    }
    event.prevent_default();
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
