//! The lab: a run on its stage, with everything to break it and to look into it.

pub mod handle;
