//! Pictures and lists beside the stage.

pub mod bars;
pub mod chart;
pub mod checks;
pub mod events;
pub mod history;
pub mod log;
pub mod pictures;
pub mod ring;
pub mod stats;
pub mod table;
