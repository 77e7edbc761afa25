//! Runs what a spec says, writing as it goes, and tells what came of it.

use clusterscope_core::RunSpec;
use clusterscope_core::Time;
use clusterscope_core::check::Verdict;
use clusterscope_core::sim::run::Run;
use clusterscope_core::sim::spec::Moment;
use clusterscope_core::trace::Level;

use crate::args::Outputs;
use crate::export::Export;
use crate::output::{self, Place, Problem};
use crate::report::Summary;
use crate::{BROKEN, HELD};

/// Steps between two writings, so that no more than their words are held.
const STEPS_PER_WRITE: u64 = 256;

/// Runs to the playhead, or else to the end; returns the exit status.
pub fn run(mut spec: RunSpec, outputs: &Outputs) -> Result<u8, Problem> {
    let bad = |it: clusterscope_core::BadInput| Problem::Input(it.to_string());
    let words = outputs.trace.is_some() || outputs.shiviz.is_some();
    let level = if words { Level::Words } else { Level::Off };
    let mut run = spec.build(level).map_err(bad)?;
    let settings = (spec.system().map_err(bad)?.settings)(&spec).map_err(bad)?;
    let end = Moment {
        time: Time(spec.length().map_err(bad)?.0),
        step: None,
    };
    let playhead = spec.playhead.unwrap_or(end);
    // Files are opened late, so that a slip of the pen empties none, and early, so that nobody waits in vain.
    let mut export = Export::open(outputs)?;
    play(&mut *run, playhead, &mut export)?;
    export.finish(&*run)?;
    spec.playhead = Some(here(&*run));
    let summary = Summary::new(&spec, &settings, &*run);
    let text = if outputs.json {
        summary.json()
    } else {
        summary.text()
    };
    let places = [&outputs.trace, &outputs.history, &outputs.shiviz];
    if places.contains(&&Some(Place::Standard)) {
        output::print_aside(&text);
    } else {
        output::print(&text)?;
    }
    if let Some(why) = run.halted() {
        output::complain(&format!("the run was stopped: {why}"));
    }
    // A cluster may be blocked because the run ends early; where a scenario is to show just that, it counts.
    let shown = spec.system().and_then(|it| it.scenario(&spec.scenario));
    let shown = shown.map_err(bad)?.weakened;
    let broken = summary.checks.iter().any(|it| match it.verdict {
        Verdict::Violated => true,
        Verdict::Blocked => shown == Some(it.name),
        _ => false,
    });
    Ok(if broken { BROKEN } else { HELD })
}

fn play(run: &mut dyn Run, until: Moment, export: &mut Export) -> Result<(), Problem> {
    let most = until.step.unwrap_or(u64::MAX);
    while run.steps() < most && run.step(until.time) {
        if run.steps() % STEPS_PER_WRITE == 0 {
            export.write(run)?;
        }
    }
    if until.step.is_none() {
        run.wait_until(until.time);
    }
    export.write(run)
}

/// The place where a run stands, as a link says it.
fn here(run: &dyn Run) -> Moment {
    let time = run.now();
    // Between two events of one moment, the moment alone would say too much.
    let between = run.halted().is_some() || run.fork().step(time);
    Moment {
        time,
        step: between.then(|| run.steps()),
    }
}
