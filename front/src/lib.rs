//! The front page by itself. Everything that it shows is in `clusterscope-web`, here without the lab and with one
//! system that runs; `index.html` decides which of the two a reader needs first.

use wasm_bindgen::prelude::wasm_bindgen;

/// Puts the front page into its place.
#[wasm_bindgen(start)]
pub fn start() {
    clusterscope_web::front::start();
}

/// Takes the front page away again: the whole page is about to take its place.
#[wasm_bindgen]
pub fn leave() {
    clusterscope_web::front::leave();
}
