//! The Clusterscope page, and the inside of the `<cluster-scope>` element.

pub mod address;
pub mod app;
pub mod browser;
pub mod controls;
pub mod inspect;
pub mod lab;
pub mod pages;
pub mod panels;
pub mod prefs;
pub mod stage;
pub mod ticker;
pub mod ui;
pub mod widgets;
pub mod words;

use wasm_bindgen::prelude::wasm_bindgen;

use crate::app::App;

/// Mounts the page when there is a place for it; a worker or an embedding page has none.
#[wasm_bindgen(start)]
pub fn start() {
    let root = browser::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id("app"));
    if let Some(root) = root {
        prefs::apply_theme(prefs::theme());
        yew::Renderer::<App>::with_root(root).render();
    }
}
