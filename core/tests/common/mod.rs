//! What several tests share.
#![allow(dead_code, reason = "no single test needs all of it")]

use clusterscope_core::sim::run::Run;
use clusterscope_core::sim::system::{ScenarioView, System};
use clusterscope_core::systems;
use clusterscope_core::trace::Level;
use clusterscope_core::{RunSpec, Time};

/// Every scenario of every system.
pub fn scenarios() -> Vec<(&'static System, ScenarioView)> {
    let of = |system: &'static System| (system.scenarios)().into_iter().map(move |it| (system, it));
    systems::ALL.iter().flat_map(of).collect()
}

/// A run of a scenario as it is.
pub fn spec(system: &System, scenario: &ScenarioView, seed: u64) -> RunSpec {
    let mut spec = RunSpec::new(system.about.id, scenario.id);
    spec.seed = seed;
    spec
}

/// Sets up a run that must be possible.
pub fn build(spec: &RunSpec, level: Level) -> Box<dyn Run> {
    spec.build(level)
        .unwrap_or_else(|it| panic!("{}: {it}", spec.link()))
}

/// The end of a run.
pub fn end(spec: &RunSpec) -> Time {
    Time(
        spec.length()
            .unwrap_or_else(|it| panic!("{}: {it}", spec.link()))
            .0,
    )
}

/// A run that has been taken to its end.
pub fn finished(spec: &RunSpec, level: Level) -> Box<dyn Run> {
    let mut run = build(spec, level);
    run.run_until(end(spec));
    run
}
