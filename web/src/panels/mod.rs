//! Pictures and lists beside the stage.

pub mod bars;
pub mod checks;
pub mod events;
pub mod log;
pub mod pictures;
pub mod stats;
pub mod table;

/// So many colours there are for epochs; then they repeat.
const HUES: u64 = 6;

/// The class that gives a thing its epoch's colour.
pub fn hue(epoch: u64) -> &'static str {
    const CLASSES: [&str; HUES as usize] = [
        "cs-hue-1", "cs-hue-2", "cs-hue-3", "cs-hue-4", "cs-hue-5", "cs-hue-6",
    ];
    CLASSES[(epoch.wrapping_sub(1) % HUES) as usize]
}
