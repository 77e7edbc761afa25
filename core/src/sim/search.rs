//! Running one scenario under many seeds until something happens: a promise falls, a cluster stays blocked, or a
//! moment comes that somebody describes.
//!
//! A search is a function of the seed, so that it can be cut into parts and run anywhere: on threads, in workers, on
//! many machines. The smallest seed that finds something is the answer, whoever found it first.

use std::ops::AddAssign;

use serde::Serialize;

use crate::check::{Report, Verdict};
use crate::error::{BadInput, one_of};
use crate::parts::order;
use crate::trace::Level;

use super::predicate::Predicate;
use super::run::Run;
use super::spec::{Moment, RunSpec};
use super::time::Time;

/// The most seeds of one search: more than a machine runs in a week.
pub const SEEDS_MAX: u64 = 1_000_000_000;

/// How many of the seeds that found something are listed.
pub const LISTED_MAX: usize = 1_000;

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Goal {
    /// A run that fails: a check falls, or the cluster is blocked at the end.
    #[default]
    Failure,
    /// The check of this name falls, is reached for the first time, or is blocked at the end.
    Check(String),
    /// The first moment of which this is true.
    Moment(Predicate),
}

impl Goal {
    /// Reads what a person asks for: the name of a check, a description of a moment, or neither.
    pub fn read(check: Option<&str>, until: Option<&str>) -> Result<Goal, BadInput> {
        match (check, until) {
            (None, None) => Ok(Goal::Failure),
            (Some(check), None) => Ok(Goal::Check(check.to_owned())),
            (None, Some(until)) => until.parse().map(Goal::Moment),
            (Some(_), Some(until)) => Err(BadInput::new(
                until,
                "cannot be looked for beside a check: write one of the two",
            )),
        }
    }
}

/// What is searched: a scenario with its settings and commands, and what is looked for in it.
#[derive(Clone, Debug)]
pub struct Search {
    spec: RunSpec,
    goal: Goal,
    end: Time,
    steps_max: u64,
}

/// How a run was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A check was broken.
    Violated,
    /// The cluster made no progress at the end.
    Blocked,
    /// A `sometimes` check was reached.
    Reached,
    /// The moment came.
    Met,
}

impl How {
    /// In a word, as files have it.
    pub fn word(self) -> &'static str {
        match self {
            How::Violated => "violated",
            How::Blocked => "blocked",
            How::Reached => "reached",
            How::Met => "met",
        }
    }
}

/// A run in which there is what was looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The run, with the playhead at the moment.
    pub spec: RunSpec,
    /// The name of the check, or the description of the moment.
    pub what: String,
    /// How it was found.
    pub how: How,
    /// Who broke it, and how; or what is missing.
    pub reason: Option<String>,
    /// When.
    pub at: Time,
    /// After how many steps of the simulator it was known.
    pub steps: u64,
}

impl Finding {
    /// The check of this finding, or its moment: what a smaller run must still show.
    pub fn goal(&self, of: &Goal) -> Goal {
        match of {
            Goal::Moment(_) => of.clone(),
            Goal::Failure | Goal::Check(_) => Goal::Check(self.what.clone()),
        }
    }
}

/// Counts of runs. A run can be in several of them, or in none but the first: then everything held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Runs.
    pub runs: u64,
    /// Those with what was looked for.
    pub found: u64,
    /// Those in which a check was broken, as far as they were run.
    pub violated: u64,
    /// Those that were run to the end and made no progress there.
    pub blocked: u64,
    /// Those of which a check could not be decided.
    pub unknown: u64,
    /// Those that the simulator stopped.
    pub stopped: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.runs += other.runs;
        self.found += other.found;
        self.violated += other.violated;
        self.blocked += other.blocked;
        self.unknown += other.unknown;
        self.stopped += other.stopped;
    }
}

/// What came of a row of seeds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scan {
    /// The counts.
    pub tally: Tally,
    /// The finding of the smallest seed.
    pub first: Option<Finding>,
    /// The seeds that found something, in order: the first [`LISTED_MAX`] of them.
    pub seeds: Vec<u64>,
}

impl Scan {
    /// Adds what came of other seeds; in which order does not matter.
    pub fn join(&mut self, other: Scan) {
        self.tally += other.tally;
        self.seeds.extend(other.seeds);
        order::sort(&mut self.seeds);
        self.seeds.truncate(LISTED_MAX);
        let seed = |it: &Option<Finding>| it.as_ref().map_or(u64::MAX, |it| it.spec.seed);
        if other.first.is_some() && (self.first.is_none() || seed(&other.first) < seed(&self.first))
        {
            self.first = other.first;
        }
    }
}

impl Search {
    /// Prepares a search; an `Err` quotes what does not fit. Of `spec`, the seed and the playhead do not matter.
    pub fn new(spec: RunSpec, goal: Goal) -> Result<Search, BadInput> {
        let spec = RunSpec {
            playhead: None,
            ..spec
        };
        let run = spec.build(Level::Off)?;
        match &goal {
            Goal::Failure => {}
            Goal::Moment(it) => it.fits(run.nodes())?,
            Goal::Check(name) => {
                let known = (spec.system()?.checks)();
                if !known.contains(&name.as_str()) {
                    let problem = format!(
                        "is not a check of {}: there is {}",
                        spec.system,
                        one_of(known)
                    );
                    return Err(BadInput::new(name, problem));
                }
            }
        }
        let end = Time(spec.length()?.0);
        Ok(Search {
            spec,
            goal,
            end,
            steps_max: u64::MAX,
        })
    }

    /// The same search, in which a run of more steps counts as stopped and finds nothing.
    pub fn with_steps_max(self, steps_max: u64) -> Search {
        Search { steps_max, ..self }
    }

    /// What is searched; its seed means nothing.
    pub fn spec(&self) -> &RunSpec {
        &self.spec
    }

    /// What is looked for.
    pub fn goal(&self) -> &Goal {
        &self.goal
    }

    /// Fields that the search asks for and that no node has at any time of the run with this seed: probably misspelt.
    /// Returns them with what there is.
    pub fn misspelt(&self, seed: u64) -> Result<Option<(String, String)>, BadInput> {
        let Goal::Moment(predicate) = &self.goal else {
            return Ok(None);
        };
        let mut missing = predicate.fields();
        let mut run = self.build(seed)?;
        let mut known: Vec<&'static str> = vec!["role", "status", "epoch"];
        let look = |run: &dyn Run, known: &mut Vec<&'static str>| {
            for field in (0..run.nodes()).flat_map(|it| run.fields_of(crate::protocol::NodeId(it)))
            {
                if !known.contains(&field.name) {
                    known.push(field.name);
                }
            }
        };
        while !missing.is_empty() {
            look(&*run, &mut known);
            missing.retain(|it| !known.contains(it));
            if !run.step(self.end) {
                break;
            }
        }
        Ok(missing
            .first()
            .map(|it| ((*it).to_owned(), one_of(known.iter().copied()))))
    }

    /// Runs `count` seeds from `from` on; ends with the first that finds something unless `all` are wanted.
    pub fn scan(&self, from: u64, count: u64, all: bool) -> Result<Scan, BadInput> {
        let mut scan = Scan::default();
        for seed in (0..count).map_while(|it| from.checked_add(it)) {
            let finding = self.run(seed, &mut scan.tally)?;
            if let Some(finding) = finding {
                scan.tally.found += 1;
                if scan.seeds.len() < LISTED_MAX {
                    scan.seeds.push(seed);
                }
                scan.first.get_or_insert(finding);
                if !all {
                    break;
                }
            }
        }
        Ok(scan)
    }

    /// Runs one seed and counts what came of it, all but whether it found something.
    pub fn run(&self, seed: u64, tally: &mut Tally) -> Result<Option<Finding>, BadInput> {
        let mut run = self.build(seed)?;
        let early = match &self.goal {
            Goal::Failure => self.until_violated(&mut *run, |_| true),
            Goal::Check(name) => self.until_violated(&mut *run, |run| {
                let broken = |it: &Report| it.name == name && it.verdict == Verdict::Violated;
                run.reports().iter().any(broken)
            }),
            Goal::Moment(predicate) => self.until_met(&mut *run, predicate),
        };
        tally.runs += 1;
        if let (true, Goal::Moment(predicate)) = (early, &self.goal) {
            tally.violated += u64::from(run.violated());
            return Ok(Some(self.met(seed, &*run, predicate)));
        }
        if !early {
            if run.steps() >= self.steps_max {
                tally.stopped += 1;
                return Ok(None);
            }
            run.wait_until(self.end);
        }
        let reports = run.reports();
        let any = |verdict: Verdict| u64::from(reports.iter().any(|it| it.verdict == verdict));
        tally.violated += any(Verdict::Violated);
        if !early {
            tally.blocked += any(Verdict::Blocked);
            tally.unknown += any(Verdict::Unknown);
            tally.stopped += u64::from(run.halted().is_some());
        }
        let report = self.pick(&reports, early);
        Ok(report.map(|(how, report)| self.finding(seed, &*run, how, report)))
    }

    fn build(&self, seed: u64) -> Result<Box<dyn Run>, BadInput> {
        let spec = RunSpec {
            seed,
            ..self.spec.clone()
        };
        spec.build(Level::Off)
    }

    /// Runs until a promise is broken that is `wanted`, or to the end: then `false`. Only the first broken promise
    /// ends a run early, since asking costs something; a later one is found at the end, with its moment.
    fn until_violated(&self, run: &mut dyn Run, wanted: impl Fn(&dyn Run) -> bool) -> bool {
        while self.step(run) {
            if run.violated() {
                if wanted(run) {
                    return true;
                }
                while self.step(run) {}
            }
        }
        false
    }

    /// Takes the next step, if there is one and it may be taken.
    fn step(&self, run: &mut dyn Run) -> bool {
        run.steps() < self.steps_max && run.step(self.end)
    }

    fn until_met(&self, run: &mut dyn Run, predicate: &Predicate) -> bool {
        loop {
            if predicate.holds(run) {
                return true;
            }
            if !self.step(run) {
                return false;
            }
        }
    }

    /// The report that is what was looked for; of several, the earliest.
    fn pick<'a>(&self, reports: &'a [Report], early: bool) -> Option<(How, &'a Report)> {
        let found = |report: &'a Report| {
            let how = match report.verdict {
                Verdict::Violated => How::Violated,
                Verdict::Blocked if !early => How::Blocked,
                Verdict::Reached if self.goal != Goal::Failure => How::Reached,
                _ => return None,
            };
            match &self.goal {
                Goal::Check(name) if report.name != name => None,
                Goal::Moment(_) => None,
                _ => Some((how, report)),
            }
        };
        // A blocked cluster is one at the end, after everything that is dated.
        let when = |it: &(How, &Report)| it.1.at.map_or(u64::MAX, |it| it.0);
        reports.iter().filter_map(found).min_by_key(when)
    }

    fn finding(&self, seed: u64, run: &dyn Run, how: How, report: &Report) -> Finding {
        let at = report.at.unwrap_or(run.now());
        let spec = RunSpec {
            seed,
            playhead: Some(Moment {
                time: at,
                step: report.step,
            }),
            ..self.spec.clone()
        };
        Finding {
            spec,
            what: report.name.to_owned(),
            how,
            reason: report.reason.clone().filter(|it| !it.is_empty()),
            at,
            steps: run.steps(),
        }
    }

    fn met(&self, seed: u64, run: &dyn Run, predicate: &Predicate) -> Finding {
        let spec = RunSpec {
            seed,
            playhead: Some(Moment {
                time: run.now(),
                step: Some(run.steps()),
            }),
            ..self.spec.clone()
        };
        Finding {
            spec,
            what: predicate.to_string(),
            how: How::Met,
            reason: None,
            at: run.now(),
            steps: run.steps(),
        }
    }
}

/// How many seeds a search must try until it finds something: the median over all seeds it may begin with.
/// `seeds` are those that found something, in order, among `from` to `to`.
pub fn median_distance(seeds: &[u64], from: u64, to: u64) -> Option<u64> {
    let mut distances = Vec::new();
    let mut begin = from;
    for seed in seeds.iter().filter(|it| (from..=to).contains(it)) {
        // Beginning at each seed from the last one found up to this one: 1, 2, 3, … tries.
        distances.push(seed - begin + 1);
        begin = seed.saturating_add(1);
    }
    // A gap of g seeds stands for one beginning with g tries, one with g - 1, and so on; the median is where half
    // of all beginnings lie below.
    let total: u64 = distances.iter().sum();
    let below = |tries: u64| distances.iter().map(|gap| tries.min(*gap)).sum::<u64>();
    let (mut low, mut high) = (1, distances.iter().copied().max()?);
    while low < high {
        let middle = low + (high - low) / 2;
        if below(middle) * 2 >= total {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_counts_every_beginning() {
        assert_eq!(median_distance(&[], 1, 100), None);
        // Every seed finds something: one try, always.
        assert_eq!(median_distance(&[1, 2, 3], 1, 3), Some(1));
        // From 1: ten tries, from 2: nine, …
        assert_eq!(median_distance(&[10], 1, 10), Some(5));
        assert_eq!(median_distance(&[1, 2, 3, 10], 1, 10), Some(2));
    }
}
