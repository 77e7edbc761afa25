//! Targets for fuzzing: every decoder of text from outside, with what must hold of it whatever it is given.
//!
//! cargo-fuzz runs them with coverage on a nightly compiler; `cargo xtask fuzz` runs the same functions on a stable
//! one ([`driver`]).

#[path = "../../core/benches/counting/mod.rs"]
pub mod counting;
pub mod driver;
pub mod mutate;
pub mod targets;
