//! What every part of the page is made of: icons, canvases, words for numbers.

pub mod icons;
pub mod numbers;
pub mod pen;
pub mod surface;
