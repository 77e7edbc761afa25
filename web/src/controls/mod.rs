//! What works the lab.

pub mod transport;
