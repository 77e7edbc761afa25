//! Clusterscope's core: real distributed algorithms, run in a deterministic simulation, checked as they run.
//!
//! A **system** is a distributed algorithm written once, in one file, as a pure state machine: inputs come in as
//! events, effects go out as a list. The **simulator** runs any system in virtual time from one seed, decides every
//! delay, loss and failure, and records a causal trace. **Checks** watch the run and say when, where and why a promise
//! was broken. A **frame** is plain data that describes what there is to see.
//!
//! # Where to begin
//!
//! 1. [`protocol`]: what a node is. Five handlers and a list of effects.
//! 2. [`systems::consensus::raft`]: one algorithm from the first line to the last.
//! 3. [`exhibit`]: how a system is set up, shown and checked.
//! 4. [`sim::kernel`] and [`sim::simulation`]: how time passes; [`sim::network`]: what happens to a message.
//! 5. [`sim::player`]: rewinding, branching, seeking.
//!
//! # Laws
//!
//! One seed, one trace: the same natively and in WebAssembly, straight through or after any seeking, at every
//! recording level. So nothing here reads a clock, starts a thread, does I/O, iterates in hash order, or calls a
//! floating-point function whose bits depend on the platform.

pub mod protocol;

pub mod exhibit;

pub mod systems;

pub mod sim;

pub mod check;

pub mod trace;

pub mod import;

pub mod diff;

pub mod frame;

pub mod lesson;

pub mod scene;

pub mod parts;

pub mod error;

pub use error::BadInput;
pub use sim::player::Player;
pub use sim::spec::RunSpec;
pub use sim::time::{Span, Time};
