//! What the reader does: faults, requests, the network, settings, time.

pub mod faults;
pub mod help;
pub mod latency;
pub mod network;
pub mod offer;
pub mod request;
pub mod rules;
pub mod settings;
pub mod share;
pub mod transport;
pub mod typed;
pub mod wires;
