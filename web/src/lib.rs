//! The Clusterscope page, and the inside of the `<cluster-scope>` element.

pub mod address;
pub mod app;
pub mod browser;
pub mod controls;
pub mod embed;
pub mod foreign;
pub mod history;
pub mod inspect;
pub mod lab;
pub mod pages;
pub mod panels;
pub mod panic;
pub mod prefs;
pub mod search;
pub mod stage;
pub mod ticker;
pub mod ui;
pub mod widgets;
pub mod words;

use wasm_bindgen::prelude::wasm_bindgen;

use crate::app::App;

/// Mounts the page when there is a place for it; a worker or an embedding page has none, though its own
/// elements may bear the same id.
#[wasm_bindgen(start)]
pub fn start() {
    let root = browser::window()
        .and_then(|window| window.document())
        .and_then(|document| {
            document
                .query_selector("#app[data-clusterscope]")
                .ok()
                .flatten()
        });
    panic::listen(root.is_some());
    if let Some(root) = root {
        prefs::apply_theme(prefs::theme());
        yew::Renderer::<App>::with_root(root).render();
    }
}
