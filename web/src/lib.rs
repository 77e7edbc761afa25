//! The Clusterscope page.

pub mod controls;
pub mod history;
pub mod lab;
pub mod stage;
pub mod ticker;
pub mod ui;

use wasm_bindgen::prelude::wasm_bindgen;
use yew::prelude::*;

/// The page's root.
#[component]
fn App() -> Html {
    html! { <main><h1>{ "Clusterscope" }</h1></main> }
}

/// Mounts the page when there is a place for it; a worker or an embedding page has none.
#[wasm_bindgen(start)]
pub fn start() {
    let root = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id("app"));
    if let Some(root) = root {
        yew::Renderer::<App>::with_root(root).render();
    }
}
