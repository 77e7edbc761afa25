//! The simulator: runs any system in virtual time from one seed.

pub mod time;

pub mod rng;

pub mod dist;

pub mod settings;

pub mod command;

pub mod network;

pub mod queue;

pub mod clock;

pub mod client;

pub mod engine;

mod faults;

pub mod run;

pub mod swarm;

pub mod system;

pub mod spec;

pub mod player;
