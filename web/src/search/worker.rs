//! What a worker of the page calls: seeds run and a failing run made small, each call for a short while.
//!
//! Answers are arrays of plain values, since they are copied from one instance of the module to another.

use std::cell::RefCell;

use clusterscope_core::sim::search::{Finding, Goal, How, Search};
use clusterscope_core::sim::shrink::{RUNS_USUAL, Shrinker};
use clusterscope_core::trace::Level;
use clusterscope_core::{BadInput, RunSpec, Time};
use js_sys::Array;
use wasm_bindgen::prelude::*;

use super::hunt::{Batch, Hit};
use super::small::Smaller;
use crate::words;

/// Runs `count` seeds, beginning with the link's, until one finds something.
#[wasm_bindgen(js_name = searchSeeds)]
pub fn search_seeds(
    link: &str,
    check: Option<String>,
    until: Option<String>,
    count: u32,
) -> Result<Array, JsValue> {
    let batch = scan(link, check.as_deref(), until.as_deref(), count);
    batch
        .map(|it| it.pack())
        .map_err(|it| it.to_string().into())
}

fn scan(
    link: &str,
    check: Option<&str>,
    until: Option<&str>,
    count: u32,
) -> Result<Batch, BadInput> {
    let spec = RunSpec::from_link(link)?;
    let seed = spec.seed;
    let search = Search::new(spec, Goal::read(check, until)?)?;
    let scan = search.scan(seed, count.into(), false)?;
    Ok(Batch {
        runs: scan.tally.runs,
        undecided: scan.tally.unknown + scan.tally.stopped,
        hit: scan.first.as_ref().map(hit),
    })
}

/// A finding for people.
fn hit(finding: &Finding) -> Hit {
    let what = match finding.how {
        How::Met => finding.what.clone(),
        _ => words::title(&finding.what),
    };
    let how = match finding.how {
        How::Violated => "is broken",
        How::Blocked => "is blocked",
        How::Reached => "is reached",
        How::Met => "is true",
    };
    let reason = finding.reason.as_ref().map(|it| format!(": {it}"));
    Hit {
        seed: finding.spec.seed,
        link: finding.spec.link(),
        told: format!(
            "{what} {how} at {}{}",
            finding.at,
            reason.unwrap_or_default()
        ),
    }
}

thread_local! {
    static SHRINKER: RefCell<Option<Shrinker>> = const { RefCell::new(None) };
}

/// Makes the run of a link smaller, for so many runs; an empty link goes on with the one before.
#[wasm_bindgen(js_name = shrinkRun)]
pub fn shrink_run(
    link: &str,
    check: Option<String>,
    until: Option<String>,
    runs: u32,
) -> Result<Array, JsValue> {
    let answer = SHRINKER.with_borrow_mut(|kept| {
        if !link.is_empty() {
            let goal = Goal::read(check.as_deref(), until.as_deref())?;
            *kept = Some(Shrinker::new(
                &RunSpec::from_link(link)?,
                &goal,
                RUNS_USUAL,
            )?);
        }
        let shrinker = kept.as_mut().expect("the first call brings a link");
        let progress = shrinker.work(runs.into());
        Ok::<_, BadInput>(Smaller {
            runs: progress.runs,
            before: shrinker.before().spec.commands.len() as u64,
            commands: progress.commands as u64,
            doing: progress.doing.to_owned(),
            done: progress.done,
            hit: hit(shrinker.best()),
        })
    });
    answer
        .map(|it| it.pack())
        .map_err(|it| it.to_string().into())
}

/// The hash of the trace of a link's whole run. Every engine comes to the same; "cargo xtask hashes" looks.
#[wasm_bindgen(js_name = traceHash)]
pub fn trace_hash(link: &str) -> Result<String, JsValue> {
    let hash = || {
        let spec = RunSpec::from_link(link)?;
        let mut run = spec.build(Level::Off)?;
        run.run_until(Time(spec.length()?.0));
        Ok::<_, BadInput>(words::hash(run.recorder().hash()))
    };
    hash().map_err(|it| it.to_string().into())
}
