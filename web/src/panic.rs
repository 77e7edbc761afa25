//! The last words of a program that broke down: nothing moves any more, and the reader must be told.

use wasm_bindgen::prelude::*;
use web_sys::{CustomEvent, CustomEventInit};

use crate::browser;

/// The event by which elements in a page hear of it.
const PANIC: &str = "clusterscope-panic";

/// Tells the console, the elements of the page, and the reader when the whole page is ours.
pub fn listen(whole_page: bool) {
    yew::set_custom_panic_hook(Box::new(move |info| {
        let message = info.to_string();
        web_sys::console::error_1(&JsValue::from_str(&message));
        tell(&message);
        if whole_page {
            // Should even this fail, the console has it.
            let _ = show(&message);
        }
    }));
}

fn tell(message: &str) {
    let init = CustomEventInit::new();
    init.set_detail(&JsValue::from_str(message));
    if let (Some(window), Ok(event)) = (
        browser::window(),
        CustomEvent::new_with_event_init_dict(PANIC, &init),
    ) {
        let _ = window.dispatch_event(&event);
    }
}

/// Shows it without the framework, which is what broke down.
fn show(message: &str) -> Option<()> {
    let document = browser::window()?.document()?;
    let alert = document.create_element("div").ok()?;
    alert.set_class_name("cs-alert cs-broken-down");
    alert.set_attribute("role", "alert").ok()?;
    let text = document.create_element("p").ok()?;
    text.set_text_content(Some(&format!(
        "The page broke down and must be loaded again. {message}"
    )));
    let again = document.create_element("a").ok()?;
    again.set_class_name("cs-button cs-primary");
    again.set_attribute("href", "").ok()?;
    again.set_text_content(Some("Reload"));
    alert.append_child(&text).ok()?;
    alert.append_child(&again).ok()?;
    document.body()?.append_child(&alert).ok()?;
    Some(())
}
