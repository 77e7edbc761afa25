//! Makes a failing run small.

use std::io::{IsTerminal as _, stderr};

use clusterscope_core::sim::search::{Finding, Goal, How};
use clusterscope_core::sim::shrink::Shrinker;
use clusterscope_core::{BadInput, RunSpec};
use serde_json::{Value as Json, json};

use crate::outcome::Found;
use crate::output::{self, Problem};
use crate::{BROKEN, HELD};

/// Runs between two lines of progress.
const RUNS_PER_LINE: u64 = 20;

/// What to make smaller, and how.
pub struct Job {
    /// The run.
    pub spec: RunSpec,
    /// What it must still show.
    pub goal: Goal,
    /// How many runs that may cost.
    pub runs: u64,
    /// The result as JSON.
    pub json: bool,
}

/// Makes a run smaller and says what is left; returns the exit status: whether a promise is broken in it.
pub fn shrink(job: &Job) -> Result<u8, Problem> {
    let bad = |it: BadInput| Problem::Input(it.to_string());
    let mut shrinker = Shrinker::new(&job.spec, &job.goal, job.runs).map_err(bad)?;
    let watched = stderr().is_terminal();
    let progress = loop {
        let progress = shrinker.work(RUNS_PER_LINE);
        if watched {
            output::print_aside(&format!(
                "\r\x1b[K{} of {} runs, {} commands: {}",
                progress.runs, progress.runs_max, progress.commands, progress.doing
            ));
        }
        if progress.done {
            break progress;
        }
    };
    if watched {
        output::print_aside("\r\x1b[K");
    }
    let (before, after) = (shrinker.before(), shrinker.best());
    output::print(&match job.json {
        true => {
            let object = json!({
                "before": size(before),
                "after": size(after),
                "found": Found::of(after).json(),
                "commands": after.spec.commands.iter().map(|it| it.to_string()).collect::<Vec<_>>(),
                "runs": progress.runs,
                "smallest": progress.runs < progress.runs_max,
            });
            format!("{object:#}\n")
        }
        false => text(
            before,
            after,
            progress.runs,
            progress.runs < progress.runs_max,
        ),
    })?;
    let failing = matches!(after.how, How::Violated | How::Blocked);
    Ok(if failing { BROKEN } else { HELD })
}

fn size(finding: &Finding) -> Json {
    json!({
        "commands": finding.spec.commands.len(),
        "settings": finding.spec.settings.len(),
        "at": finding.at,
        "length": finding.spec.length,
    })
}

fn text(before: &Finding, after: &Finding, runs: u64, smallest: bool) -> String {
    let line = |name: &str, it: &Finding| {
        format!(
            "  {name:<11} {} commands, {} settings, fails at {}\n",
            it.spec.commands.len(),
            it.spec.settings.len(),
            it.at
        )
    };
    let mut text = format!("{}, after {runs} runs\n", after.spec.place());
    if !smallest {
        text = format!(
            "{}, all {runs} runs used up: --runs allows more\n",
            after.spec.place()
        );
    }
    text += &line("before", before);
    text += &line("after", after);
    for (key, value) in &after.spec.settings {
        text += &format!("  set         {key}={value}\n");
    }
    for planned in &after.spec.commands {
        text += &format!("  do          {planned}\n");
    }
    let found = Found::of(after);
    text += &format!("  found       {}\n", found.sentence());
    text += &format!("  link        {}\n", found.link());
    text
}
