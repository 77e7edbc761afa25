//! Making a failing run small: the fewest commands, settings and nodes that still break the same promise, in the
//! shortest time.
//!
//! The run is written out in full ([`RunSpec::detach`]); then parts are taken away for as long as the promise still
//! breaks: many commands at once first, then one by one (delta debugging, Zeller and Hildebrandt 2002). A command less
//! changes everything that comes after it, so that a failure may hide behind the luck of one seed: other seeds are
//! tried, too. Nothing is drawn and no clock is read: the same run is always made small in the same way.
//!
//! A run that is blocked could be had cheaply: leave out what heals it. So nothing may be amiss in the smaller run,
//! from when the run healed and at its end, that was not amiss then before ([`amiss_at`]). What heals goes when nothing
//! is left for it to heal.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use crate::error::BadInput;
use crate::exhibit::Status;
use crate::frame::Frame;
use crate::parts::order;
use crate::trace::{Level, PayloadHasher};

use super::command::{Planned, order_by_time};
use super::search::{Finding, Goal, How, Search, Tally};
use super::spec::RunSpec;
use super::time::{Span, Time};

/// How many runs making smaller may cost unless said otherwise.
pub const RUNS_USUAL: u64 = 2_000;

/// Pairs of commands are tried when there are no more commands than this.
const PAIRS_MAX: usize = 24;

/// So many other seeds are tried for a run with a command less.
const OTHER_SEEDS: u64 = 10;

/// A run with so many times the steps of the run at the beginning, and at least so many, is not smaller, and may take
/// very long.
const STEPS_FACTOR: u64 = 4;
const STEPS_LEAST: u64 = 200_000;

/// What is tried, in this order, again and again until nothing helps any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    Length,
    Verbs,
    Chunks,
    Pairs,
    Healing,
    Settings,
    Size,
    OtherSeeds,
    Words,
    Gaps,
    Times,
    SmallSeeds,
}

/// Every pass, with what a person is told while it runs.
const PASSES: [(Pass, &str); 12] = [
    (Pass::Length, "ending earlier"),
    (Pass::Verbs, "leaving out kinds of fault"),
    (Pass::Chunks, "leaving out commands"),
    (Pass::Pairs, "leaving out pairs of commands"),
    (Pass::Healing, "leaving out what heals"),
    (Pass::Settings, "leaving out settings"),
    (Pass::Size, "taking fewer nodes and clients"),
    (Pass::OtherSeeds, "leaving out commands under other seeds"),
    (Pass::Words, "making commands simpler"),
    (Pass::Gaps, "waiting less between commands"),
    (Pass::Times, "rounding times"),
    (Pass::SmallSeeds, "trying small seeds"),
];

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Runs so far.
    pub runs: u64,
    /// Runs at most.
    pub runs_max: u64,
    /// Commands now.
    pub commands: usize,
    /// When it fails now.
    pub at: Time,
    /// What is being tried.
    pub doing: &'static str,
    /// Whether it is as small as it gets, or all runs are used up.
    pub done: bool,
}

/// Makes one failing run smaller, a few runs at a time.
#[derive(Clone, Debug)]
pub struct Shrinker {
    goal: Goal,
    before: Finding,
    best: Finding,
    /// How long the run was at the beginning.
    full: Span,
    /// Of a run that is blocked: when its last command was, and what was amiss then and at the end.
    healed: Option<(Time, [BTreeSet<String>; 2])>,
    pass: usize,
    /// Which command or setting of this pass.
    item: usize,
    /// What to try next for it.
    queue: VecDeque<RunSpec>,
    improved: bool,
    runs: u64,
    runs_max: u64,
    /// The hashes of the links of what was tried.
    tried: BTreeSet<u64>,
    done: bool,
}

impl Shrinker {
    /// Begins with a run that must fail; the goal says how.
    pub fn new(spec: &RunSpec, goal: &Goal, runs_max: u64) -> Result<Shrinker, BadInput> {
        let search = Search::new(spec.detach()?, goal.clone())?;
        let Some(before) = search.run(spec.seed, &mut Tally::default())? else {
            let problem = match goal {
                Goal::Failure => {
                    "breaks no promise, so there is nothing to make smaller".to_owned()
                }
                Goal::Check(name) => format!("does not show what is looked for: {name}"),
                Goal::Moment(moment) => format!("has no moment at which {moment}"),
            };
            return Err(BadInput::new(&spec.link(), problem));
        };
        let last = before.spec.commands.last().map(|it| it.at);
        let healed = match (before.how, last) {
            (How::Blocked, Some(last)) => Some((last, amiss_at(&before.spec, last)?)),
            _ => None,
        };
        let mut shrinker = Shrinker {
            goal: before.goal(goal),
            full: spec.length()?,
            best: before.clone(),
            before,
            healed,
            pass: 0,
            item: 0,
            queue: VecDeque::new(),
            improved: false,
            runs: 1,
            runs_max,
            tried: BTreeSet::new(),
            done: false,
        };
        shrinker.queue = shrinker.alternatives().into();
        Ok(shrinker)
    }

    /// The run at the beginning, written out in full.
    pub fn before(&self) -> &Finding {
        &self.before
    }

    /// The smallest run so far; its playhead stands at the failure.
    pub fn best(&self) -> &Finding {
        &self.best
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        Progress {
            runs: self.runs,
            runs_max: self.runs_max,
            commands: self.best.spec.commands.len(),
            at: self.best.at,
            doing: PASSES[self.pass].1,
            done: self.done,
        }
    }

    /// Goes on for at most so many runs.
    pub fn work(&mut self, runs: u64) -> Progress {
        let until = self.runs.saturating_add(runs).min(self.runs_max);
        while !self.done && self.runs < until {
            let Some(mut spec) = self.next() else { break };
            spec.playhead = None;
            // What was tried once comes out the same again.
            if self.tried.insert(PayloadHasher::of(&spec.link())) {
                self.attempt(spec);
            }
        }
        self.done |= self.runs >= self.runs_max;
        self.progress()
    }

    /// Runs something smaller, and keeps it when it still fails.
    fn attempt(&mut self, spec: RunSpec) {
        let later = |healed: &Time| spec.commands.last().is_some_and(|it| it.at > *healed);
        if self.healed.as_ref().is_some_and(|it| later(&it.0)) {
            return;
        }
        self.runs += 1;
        let seed = spec.seed;
        let steps_max = self.before.steps.saturating_mul(STEPS_FACTOR);
        let steps_max = steps_max.max(STEPS_LEAST);
        let found = Search::new(spec, self.goal.clone())
            .map(|it| it.with_steps_max(steps_max))
            .and_then(|it| it.run(seed, &mut Tally::default()));
        // A smaller cluster may not fit its settings: then it is no candidate, and no mistake either.
        let Ok(Some(found)) = found else { return };
        let sooner = PASSES[self.pass].0 != Pass::Gaps || found.at < self.best.at;
        if found.how == self.best.how && sooner && self.is_no_worse(&found.spec) {
            self.best = found;
            self.improved = true;
            self.queue.clear();
            self.queue.extend(self.alternatives());
        }
    }

    /// The next thing to try; `None` when a whole round of passes has changed nothing.
    fn next(&mut self) -> Option<RunSpec> {
        loop {
            if let Some(spec) = self.queue.pop_front() {
                return Some(spec);
            }
            self.item += 1;
            if self.item < self.items() {
                self.queue.extend(self.alternatives());
                continue;
            }
            self.pass += 1;
            if self.pass == PASSES.len() {
                self.pass = 0;
                if !std::mem::take(&mut self.improved) {
                    self.done = true;
                    return None;
                }
            }
            self.item = 0;
            if self.items() > 0 {
                self.queue.extend(self.alternatives());
            }
        }
    }

    /// Whether nothing is amiss while it ought to recover that was not amiss before.
    fn is_no_worse(&self, spec: &RunSpec) -> bool {
        let Some((at, before)) = &self.healed else {
            return true;
        };
        let now = amiss_at(spec, *at);
        now.is_ok_and(|now| {
            now.iter()
                .zip(before)
                .all(|(now, before)| now.is_subset(before))
        })
    }

    /// The commands, parted into those that do harm, as far as anybody knows, and those that heal.
    fn parts(&self) -> (&[Planned], &[Planned]) {
        let commands = &self.best.spec.commands[..];
        let healed = self.healed.as_ref().map(|it| it.0);
        let count = commands.partition_point(|it| healed.is_none_or(|healed| it.at < healed));
        commands.split_at(count)
    }

    /// The commands that do harm.
    fn loose(&self) -> &[Planned] {
        self.parts().0
    }

    /// How many things this pass looks at.
    fn items(&self) -> usize {
        let count = self.loose().len();
        match PASSES[self.pass].0 {
            Pass::Length if self.best.how == How::Blocked => 0,
            Pass::Length | Pass::SmallSeeds => 1,
            Pass::Verbs => verbs(self.loose()).len(),
            Pass::Chunks => chunks(count).len(),
            Pass::Pairs if count > PAIRS_MAX => 0,
            Pass::Pairs => count * count,
            Pass::Healing => chunks(self.parts().1.len()).len(),
            Pass::Settings => self.best.spec.settings.len(),
            Pass::Size => 2,
            Pass::OtherSeeds | Pass::Words | Pass::Gaps | Pass::Times => count,
        }
    }

    /// What may take the place of the best run, in the order of preference, for one thing of this pass.
    fn alternatives(&self) -> Vec<RunSpec> {
        let item = self.item;
        if item >= self.items() {
            return Vec::new();
        }
        match PASSES[self.pass].0 {
            Pass::Length => self.shorter(),
            Pass::Verbs => {
                let verb = &verbs(self.loose())[item];
                let loose = self.loose().len();
                vec![self.without(|index, it| index < loose && verb_of(it) == *verb)]
            }
            Pass::Chunks => {
                let (from, to) = chunks(self.loose().len())[item];
                vec![self.without(|index, _| (from..to).contains(&index))]
            }
            Pass::Pairs => {
                let count = self.loose().len();
                let (one, two) = (item / count, item % count);
                match one < two {
                    true => vec![self.without(|index, _| index == one || index == two)],
                    false => Vec::new(),
                }
            }
            Pass::Healing => {
                let (loose, heals) = self.parts();
                let (from, to) = chunks(heals.len())[item];
                let unwanted = loose.len() + from..loose.len() + to;
                vec![self.without(|index, _| unwanted.contains(&index))]
            }
            Pass::Settings => {
                let mut spec = self.best.spec.clone();
                spec.settings.remove(item);
                vec![spec]
            }
            Pass::Size => self.smaller(["nodes", "clients"][item]),
            Pass::OtherSeeds => {
                let mut spec = self.without(|index, _| index == item);
                spec.length = Some(self.full);
                self.reseeded(&spec, OTHER_SEEDS)
            }
            Pass::Words => self.replaced(item, simpler(&self.loose()[item], self.nodes())),
            Pass::Gaps => self.sooner(item),
            Pass::Times => self.replaced(item, rounder(&self.loose()[item])),
            Pass::SmallSeeds => self.reseeded(
                &self.best.spec,
                OTHER_SEEDS.min(self.best.spec.seed.saturating_sub(1)),
            ),
        }
    }

    /// The best run without some of its commands.
    fn without(&self, unwanted: impl Fn(usize, &Planned) -> bool) -> RunSpec {
        let mut spec = self.best.spec.clone();
        let mut index = 0;
        spec.commands.retain(|it| {
            index += 1;
            !unwanted(index - 1, it)
        });
        spec
    }

    /// Ends just after the failure, at a round moment.
    fn shorter(&self) -> Vec<RunSpec> {
        let at = self.best.at;
        let length = self.best.spec.length.unwrap_or(self.full);
        let end = Span(at.0.div_ceil(LENGTH_UNIT.0).max(1) * LENGTH_UNIT.0);
        let later = self.best.spec.commands.iter().any(|it| it.at > at);
        if end >= length && !later {
            return Vec::new();
        }
        let mut spec = self.without(|_, it| it.at > at);
        spec.length = Some(end.min(length));
        vec![spec]
    }

    fn nodes(&self) -> u16 {
        let run = self.best.spec.build(Level::Off);
        run.map_or(0, |it| it.nodes())
    }

    /// With fewer nodes or clients, the fewest first. Commands for nodes that are no more go, too.
    fn smaller(&self, key: &str) -> Vec<RunSpec> {
        let spec = &self.best.spec;
        let settings = spec.system().and_then(|it| (it.settings)(spec));
        let views = settings.unwrap_or_default();
        let now = views.iter().find(|it| it.id == key);
        let now = now.and_then(|it| it.value.to_string().parse::<u64>().ok());
        // Half a dozen steps, so that two hundred clients do not use up all runs.
        let sizes = (0..now.unwrap_or(0)).filter(|it| *it < 8 || it.is_power_of_two());
        sizes
            .filter_map(|size| {
                let mut spec = spec.clone();
                spec.set(key, &size.to_string());
                let commands = std::mem::take(&mut spec.commands);
                let mut run = spec.build(Level::Off).ok()?;
                run.set_commands(Rc::new(commands.clone()));
                spec.commands = commands;
                spec.commands.retain(|it| run.accepts(&it.command).is_ok());
                Some(spec)
            })
            .collect()
    }

    /// Under the seeds from 1 on.
    fn reseeded(&self, spec: &RunSpec, count: u64) -> Vec<RunSpec> {
        let with = |seed| RunSpec {
            seed,
            ..spec.clone()
        };
        (1..=count).map(with).collect()
    }

    /// With other commands in the place of one.
    fn replaced(&self, index: usize, others: Vec<Planned>) -> Vec<RunSpec> {
        let with = |other: Planned| {
            let mut spec = self.best.spec.clone();
            spec.commands[index] = other;
            order_by_time(&mut spec.commands);
            spec
        };
        others.into_iter().map(with).collect()
    }

    /// With less time before one command; those after it keep their distance.
    fn sooner(&self, index: usize) -> Vec<RunSpec> {
        let loose = self.loose();
        let at = loose[index].at;
        let before = index.checked_sub(1).map_or(Time::ZERO, |it| loose[it].at);
        let gap = at.since(before);
        let less = |part: u64| {
            let by = Span(gap.0 / 4 * part);
            let mut spec = self.best.spec.clone();
            for planned in &mut spec.commands[index..loose.len()] {
                planned.at = planned.at - by;
            }
            spec
        };
        match gap.0 >= ROUND[ROUND.len() - 1].0 {
            true => [4, 3, 2, 1].map(less).to_vec(),
            false => Vec::new(),
        }
    }
}

/// What is amiss at a moment of a run and at its end: with nodes and clients, with the network, and how everything is
/// set that can be changed on the way. In words, a thing a word.
fn amiss_at(spec: &RunSpec, at: Time) -> Result<[BTreeSet<String>; 2], BadInput> {
    let mut run = spec.build(Level::Off)?;
    let end = Time(spec.length()?.0);
    Ok([at, end].map(|moment| {
        run.run_until(moment);
        let Frame {
            nodes,
            clients,
            network,
            ..
        } = run.frame();
        let mut words = BTreeSet::new();
        for node in nodes {
            if node.status != Status::Up {
                words.insert(format!("{} is not up", node.id));
            }
            if node.drift_ppm != 0 {
                words.insert(format!("{} drifts {}", node.id, node.drift_ppm));
            }
            words.extend(node.ailments.iter().map(|it| format!("{}: {it}", node.id)));
        }
        let down = clients.iter().filter(|it| it.is_down);
        words.extend(down.map(|it| format!("{} is down", it.id)));
        words.extend(network.oddities.into_iter().map(|it| it.words));
        let settings = network.settings.iter();
        words.extend(settings.map(|(name, value)| format!("{name} {value}")));
        words
    }))
}

/// A run made smaller lasts a multiple of this.
const LENGTH_UNIT: Span = Span::ms(100);

/// Round moments are multiples of one of these, the coarsest first.
const ROUND: [Span; 5] = [
    Span::secs(1),
    Span::ms(100),
    Span::ms(10),
    Span::ms(1),
    Span(1),
];

/// The verb of a command: `crash`.
fn verb_of(planned: &Planned) -> String {
    let text = planned.to_string();
    text.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn verbs(commands: &[Planned]) -> Vec<String> {
    let mut all: Vec<String> = commands.iter().map(verb_of).collect();
    order::sort(&mut all);
    all.dedup();
    all
}

/// Parts of a list that may be taken away at once: all of it, halves, quarters, …, each by itself; as from and to.
fn chunks(count: usize) -> Vec<(usize, usize)> {
    let mut chunks = Vec::new();
    let mut size = count;
    while size > 0 {
        let starts = (0..count).step_by(size);
        chunks.extend(starts.map(|from| (from, (from + size).min(count))));
        size = match size {
            1 => 0,
            _ => size.div_ceil(2),
        };
    }
    chunks
}

/// The same command at a rounder moment.
fn rounder(planned: &Planned) -> Vec<Planned> {
    let length = planned.at.to_string().len();
    round_to(planned.at.0)
        .filter(|at| Time(*at).to_string().len() < length)
        .map(|at| Planned {
            at: Time(at),
            ..planned.clone()
        })
        .collect()
}

fn round_to(nanos: u64) -> impl Iterator<Item = u64> {
    ROUND.into_iter().map(move |unit| {
        let half = unit.0 / 2;
        (nanos + half) / unit.0 * unit.0
    })
}

/// Commands that say less or mean less than this one. They are made of its text, so that this need not know every
/// command; what cannot be read is none.
fn simpler(planned: &Planned, nodes: u16) -> Vec<Planned> {
    let text = planned.to_string();
    let words: Vec<&str> = text.split(' ').collect();
    let mut texts = Vec::new();
    // Once instead of again and again; for good instead of for a while.
    for part in [" every ", " for "] {
        texts.extend(text.split_once(part).map(|(before, _)| before.to_owned()));
    }
    for (index, word) in words.iter().enumerate().skip(2) {
        let mut with = |other: &str| {
            let mut words = words.clone();
            match other {
                "" => _ = words.remove(index),
                _ => words[index] = other,
            }
            texts.push(words.join(" "));
        };
        if *word == "all" {
            (1..=nodes).for_each(|it| with(&format!("n{it}")));
        }
        if let (true, Some((one, two))) =
            (["cut", "mend"].contains(&words[1]), word.split_once('-'))
        {
            with(&format!("{one}>{two}"));
            with(&format!("{two}>{one}"));
        }
        if words[1] == "partition" {
            with("");
        }
        if let Ok(span) = word.parse::<Span>() {
            let shorter = |it: &String| it.len() < word.len();
            let others = round_to(span.0)
                .filter(|it| *it > 0)
                .map(|it| Span(it).to_string());
            others.filter(shorter).for_each(|it| with(&it));
        }
    }
    let read = |it: &String| it.parse::<Planned>().ok().filter(|it| it != planned);
    texts.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(text: &str) -> Planned {
        text.parse().unwrap()
    }

    fn texts(commands: &[Planned]) -> Vec<String> {
        commands.iter().map(Planned::to_string).collect()
    }

    #[test]
    fn chunks_end_with_every_single_one() {
        assert_eq!(chunks(0), []);
        assert_eq!(chunks(1), [(0, 1)]);
        assert_eq!(chunks(3), [(0, 3), (0, 2), (2, 3), (0, 1), (1, 2), (2, 3)]);
    }

    #[test]
    fn a_simpler_command_says_less() {
        assert_eq!(
            texts(&simpler(&planned("1s crash all"), 2)),
            ["1s crash n1", "1s crash n2"]
        );
        assert_eq!(
            texts(&simpler(&planned("1s cut n1-n2"), 3)),
            ["1s cut n1>n2", "1s cut n2>n1"]
        );
        assert_eq!(
            texts(&simpler(&planned("1s partition n1 n2"), 3)),
            ["1s partition n2", "1s partition n1"]
        );
        assert_eq!(simpler(&planned("1s heal"), 3), []);
    }

    #[test]
    fn times_become_rounder_and_no_longer() {
        assert_eq!(
            texts(&rounder(&planned("1.234567891s heal"))),
            ["1s heal", "1.2s heal", "1.23s heal", "1.235s heal"]
        );
        assert_eq!(rounder(&planned("1s heal")), []);
    }
}
