//! The simulator: runs any system in virtual time from one seed. The modules stand in reading order.

pub mod time;

pub mod rng;

pub mod dist;

pub mod clock;

pub mod queue;

pub mod network;

pub mod settings;

pub mod command;

pub mod disk;

pub mod kernel;

pub mod simulation;

pub mod flight;

pub mod client;

mod acting;

mod storing;

mod body;

mod faults;

mod words;

mod weight;

pub mod peek;

pub mod run;

pub mod swarm;

pub mod system;

pub mod spec;

pub mod pair;

pub mod player;

pub mod predicate;

pub mod search;

pub mod shrink;
