//! The command line: runs systems, checks them, replays links, writes what happened into files.
//!
//! `main` is the only place that talks to the operating system about exit statuses; everything else returns a
//! [`Problem`]. 0: every promise held. 1: one was broken. 2: the input cannot be used, and one line says why. 3: a
//! history could not be judged.

mod args;
mod check;
mod diff;
mod export;
mod import;
mod list;
mod merge;
mod metrics;
mod outcome;
mod output;
mod report;
mod ring;
mod run;
mod search;
mod shrink;

use std::process::ExitCode;

use args::Action;
use output::Problem;

/// Every promise held.
const HELD: u8 = 0;
/// A promise was broken.
const BROKEN: u8 = 1;
/// The input cannot be used.
const BAD_INPUT: u8 = 2;
/// The verdict on a history is open.
const OPEN: u8 = 3;

fn main() -> ExitCode {
    match act() {
        Ok(status) => ExitCode::from(status),
        // Whoever reads along has seen enough: nothing went wrong.
        Err(Problem::Closed) => ExitCode::from(HELD),
        Err(Problem::Input(message)) => {
            output::complain(&message);
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// Does what the arguments ask for and returns the exit status.
fn act() -> Result<u8, Problem> {
    match args::parse(lexopt::Parser::from_env())? {
        Action::Help => output::print(args::HELP).map(|()| HELD),
        Action::Version => {
            let version = format!("clusterscope {}\n", env!("CARGO_PKG_VERSION"));
            output::print(&version).map(|()| HELD)
        }
        Action::List { json } => list::list(json).map(|()| HELD),
        Action::Check { place, judge, json } => check::check(&place, judge, json),
        Action::Diff(question) => diff::diff(&question),
        Action::Import(file) => import::import(&file),
        Action::Run { spec, outputs } => run::run(*spec, &outputs),
        Action::Ring(question) => ring::ring(&question).map(|()| HELD),
        Action::Search(job) => search::search(*job),
        Action::Shrink(job) => shrink::shrink(&job),
        Action::Merge { files, json } => merge::merge(&files, json),
    }
}
