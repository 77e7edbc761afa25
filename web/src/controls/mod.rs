//! What the reader does: faults, requests, the network, settings, time.

pub mod ask;
pub mod beside;
pub mod faults;
pub mod help;
pub mod latency;
pub mod network;
pub mod offer;
pub mod rules;
pub mod settings;
pub mod share;
pub mod transport;
pub mod typed;
pub mod wires;
