//! Pictures of time: the whole past as a bar, and what happened around the playhead as a diagram.

pub(crate) mod past;
pub(crate) mod spacetime;
mod timeline;

pub use spacetime::{SpaceTime, SpaceTimeProps};
pub use timeline::{Timeline, TimelineProps};
