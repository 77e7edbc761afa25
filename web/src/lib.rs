//! The Clusterscope page, and the inside of the `<cluster-scope>` element.

pub mod address;
pub mod app;
pub mod browser;
pub mod controls;
#[cfg(feature = "whole")]
pub mod embed;
pub mod foreign;
pub mod front;
pub mod history;
pub mod inspect;
pub mod lab;
pub mod learn;
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

/// Mounts the page when there is a place for it.
#[cfg(feature = "whole")]
#[wasm_bindgen::prelude::wasm_bindgen(start)]
pub fn start() {
    let root = browser::place();
    panic::listen(root.is_some());
    if let Some(root) = root {
        prefs::apply_theme(prefs::theme());
        yew::Renderer::<app::App>::with_root(root).render();
    }
}
