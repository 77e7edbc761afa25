//! Playing a run like a film: forward, back, anywhere, and into branches.
//!
//! The player keeps a snapshot every so many steps and runs on from the nearest one. A command given in the past
//! starts a branch; the old course of events is kept. What is replayed must come out as it did before: should it not,
//! the system is not deterministic, and [`Player::broken`] says so.

use std::rc::Rc;

use crate::error::BadInput;
use crate::parts::log::Log;
use crate::trace::{Explained, Level, Record, Recorder};

use super::command::{COMMANDS_MAX, Command, Planned};
use super::run::Run;
use super::spec::{Moment, RunSpec};
use super::system::{ScenarioView, System};
use super::time::{Span, Time};

/// Steps between snapshots at first; doubled whenever there are too many.
const INTERVAL_FIRST: u64 = 128;

/// The most snapshots that are kept.
const SNAPSHOTS_MAX: usize = 256;

/// So many steps beyond what is known are taken in one go: a link or a click may ask for any moment, and a page
/// must not stand still or fill the memory for it.
const NEW_STEPS_MAX: u64 = 1_000_000;

/// How many steps a jump to the next turn of the story looks ahead at most.
const LOOK_AHEAD_MAX: u64 = 100_000;

/// A jump beyond the run's length looks so much further.
const LOOK_BEYOND: Span = Span::secs(5);

/// How far a course of events has been played.
#[derive(Clone)]
struct Frontier {
    time: Time,
    steps: u64,
    /// The trace up to there. It is shared with the run's own, so a copy costs nothing.
    recorder: Recorder,
}

/// A course of events that is not the present one.
#[derive(Clone)]
pub struct Branch {
    commands: Rc<Vec<Planned>>,
    frontier: Frontier,
    /// When it parted from the one that was played next.
    pub forked_at: Time,
}

impl Branch {
    /// How far it has been played.
    pub fn until(&self) -> Time {
        self.frontier.time
    }
}

struct Snapshot {
    time: Time,
    steps: u64,
    run: Box<dyn Run>,
}

/// A run that can be played, rewound and changed.
pub struct Player {
    system: &'static System,
    scenario: ScenarioView,
    spec: RunSpec,
    run: Box<dyn Run>,
    commands: Rc<Vec<Planned>>,
    snapshots: Vec<Snapshot>,
    interval: u64,
    frontier: Frontier,
    branches: Vec<Branch>,
    broken: Option<String>,
}

impl Player {
    /// Sets up a run and goes to the playhead of its spec, or to its start.
    pub fn open(spec: RunSpec) -> Result<Player, BadInput> {
        let system = spec.system()?;
        let scenario = system.scenario(&spec.scenario)?;
        let run = spec.build(Level::Events)?;
        let frontier = Frontier {
            time: Time::ZERO,
            steps: run.steps(),
            recorder: run.recorder().clone(),
        };
        let first = Snapshot {
            time: Time::ZERO,
            steps: run.steps(),
            run: run.fork(),
        };
        let commands = Rc::new(spec.commands.clone());
        let playhead = spec.playhead;
        let mut player = Player {
            system,
            scenario,
            spec,
            run,
            commands,
            snapshots: vec![first],
            interval: INTERVAL_FIRST,
            frontier,
            branches: Vec::new(),
            broken: None,
        };
        if let Some(moment) = playhead {
            if !player.go_to(moment) {
                let problem = format!("lies too far ahead: more than {NEW_STEPS_MAX} steps");
                return Err(BadInput::new(&moment.time.to_string(), problem));
            }
        }
        Ok(player)
    }

    /// The system that runs.
    pub fn system(&self) -> &'static System {
        self.system
    }

    /// The scenario.
    pub fn scenario(&self) -> &ScenarioView {
        &self.scenario
    }

    /// The run at the playhead.
    pub fn run(&self) -> &dyn Run {
        &*self.run
    }

    /// The playhead, in true time.
    pub fn now(&self) -> Time {
        self.run.now()
    }

    /// How far this course of events has been played.
    pub fn frontier(&self) -> Time {
        self.frontier.time
    }

    /// The number of steps up to there.
    pub fn frontier_steps(&self) -> u64 {
        self.frontier.steps
    }

    /// How long the run is meant to last. It may go on.
    pub fn length(&self) -> Span {
        self.spec.length.unwrap_or(self.scenario.length)
    }

    /// Every event that is known of this course, those ahead of the playhead too.
    pub fn records(&self) -> &Log<Record> {
        self.frontier.recorder.records()
    }

    /// The word of one of [`Player::records`]. The run at the playhead does not know the words of what lies ahead.
    pub fn label(&self, record: &Record) -> &'static str {
        self.frontier.recorder.label(record)
    }

    /// What people did in this course of events, and when.
    pub fn commands(&self) -> &[Planned] {
        &self.commands
    }

    /// Courses of events that were left.
    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// Says how a replay came out differently, if one ever did.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// What the run was opened with.
    pub fn opened(&self) -> &RunSpec {
        &self.spec
    }

    /// What defines this run, with the playhead where it stands.
    pub fn spec(&self) -> RunSpec {
        let time = self.run.now();
        // Between two events of one moment, the moment alone would say too much.
        let mut ahead = self.run.fork();
        let partial = ahead.step(time);
        let step = partial.then_some(self.run.steps());
        RunSpec {
            commands: self.commands.to_vec(),
            playhead: Some(Moment { time, step }),
            ..self.spec.clone()
        }
    }

    /// Takes one step; `false` when nothing more will ever happen.
    pub fn step_forward(&mut self) -> bool {
        self.step_within(Time::MAX)
    }

    /// Goes back to just after the step before; `false` at the start.
    pub fn step_back(&mut self) -> bool {
        let steps = self.run.steps();
        // Time may have passed since the last step: the step itself is what a person wants to see undone.
        let Some(before) = steps
            .checked_sub(1)
            .filter(|it| *it >= self.snapshots[0].steps)
        else {
            let moved = self.run.now() > Time::ZERO;
            self.seek_step(0);
            return moved;
        };
        self.seek_step(before);
        true
    }

    /// Goes to `time`: everything up to and including it has happened. `false` when that is too far beyond what is
    /// known: then it stands where it got to.
    pub fn seek(&mut self, time: Time) -> bool {
        self.rewind(|it| it.time <= time, self.run.now() > time);
        let there = self.advance(time, u64::MAX);
        if there {
            self.settle(time);
        }
        there
    }

    /// Goes to where `step` steps have been taken, or to the last there are; `false` as for [`Player::seek`].
    pub fn seek_step(&mut self, step: u64) -> bool {
        self.rewind(
            |it| it.steps <= step,
            self.run.steps() > step || (step == 0 && self.run.now() > Time::ZERO),
        );
        self.advance(Time::MAX, step)
    }

    fn go_to(&mut self, moment: Moment) -> bool {
        match moment.step {
            Some(step) => {
                self.rewind(|it| it.steps <= step, true);
                self.advance(moment.time, step)
            }
            None => self.seek(moment.time),
        }
    }

    /// Runs on until `step` steps have been taken or nothing is left up to `limit`; `false` when it gave up before.
    fn advance(&mut self, limit: Time, step: u64) -> bool {
        let last = self.frontier.steps.saturating_add(NEW_STEPS_MAX).min(step);
        while self.run.steps() < last {
            if !self.step_within(limit) {
                return true;
            }
        }
        self.run.steps() >= step
    }

    /// Plays on to `time`, but takes at most `budget` steps; `false` when they did not suffice.
    pub fn play(&mut self, time: Time, budget: u64) -> bool {
        let last = self.run.steps() + budget;
        while self.run.steps() < last {
            if !self.step_within(time) {
                self.settle(time);
                return true;
            }
        }
        false
    }

    /// Goes to the next turn of the story: a note, a fault, a promise broken. `false` when none is near.
    pub fn next_turn(&mut self) -> bool {
        let (from, now) = (self.run.steps(), self.run.now());
        let known = self.records().with(0, u32::MAX, |all| {
            let after = all.partition_point(|it| u64::from(it.step) <= from);
            all[after..]
                .iter()
                .find(|it| it.is_interesting())
                .map(|it| u64::from(it.step))
        });
        if let Some(step) = known {
            self.seek_step(step);
            return true;
        }
        let violated = self.run.violated();
        let horizon = Time(self.length().0).max(now + LOOK_BEYOND);
        while self.run.steps() < from + LOOK_AHEAD_MAX && self.step_within(horizon) {
            let step = self.run.steps();
            let last = self.run.recorder().records().len();
            let turn = self
                .run
                .recorder()
                .records()
                .with(last.saturating_sub(64), last, |it| {
                    it.iter()
                        .any(|it| u64::from(it.step) == step && it.is_interesting())
                });
            if turn || self.run.violated() != violated {
                return true;
            }
        }
        self.seek_step(from);
        self.run.wait_until(now);
        false
    }

    /// Goes back to the last turn of the story before the playhead; to the start when there is none.
    pub fn previous_turn(&mut self) -> bool {
        let from = self.run.steps();
        let turn = self.records().with(0, u32::MAX, |all| {
            let before = all.partition_point(|it| u64::from(it.step) < from);
            all[..before]
                .iter()
                .rfind(|it| it.is_interesting())
                .map(|it| u64::from(it.step))
        });
        self.seek_step(turn.unwrap_or(0));
        turn.is_some()
    }

    /// Carries out a command now. In the past it starts a branch: what came after is kept aside.
    pub fn command(&mut self, command: Command) -> Result<(), BadInput> {
        self.run.accepts(&command)?;
        if self.commands.len() >= COMMANDS_MAX {
            return Err(BadInput::new(
                &command.to_string(),
                format!("is one too many: {COMMANDS_MAX} at most"),
            ));
        }
        let now = self.run.now();
        let kept = self.commands.partition_point(|it| it.at <= now);
        if self.frontier.steps > self.run.steps() || kept < self.commands.len() {
            self.branches.push(Branch {
                commands: self.commands.clone(),
                frontier: self.frontier.clone(),
                forked_at: now,
            });
        }
        let mut commands = self.commands[..kept].to_vec();
        commands.push(Planned { at: now, command });
        self.change_course(commands, now);
        self.seek(now);
        Ok(())
    }

    /// Goes over to a branch, at the place where it parted; the present course takes its place in the list.
    pub fn switch(&mut self, branch: usize) {
        let Some(other) = self.branches.get(branch).cloned() else {
            return;
        };
        let same = |(one, two): (&Planned, &Planned)| one == two;
        let common = self
            .commands
            .iter()
            .zip(other.commands.iter())
            .take_while(|it| same(*it))
            .count();
        let next = [self.commands.get(common), other.commands.get(common)];
        let parted = next
            .into_iter()
            .flatten()
            .map(|it| it.at)
            .min()
            .unwrap_or(other.forked_at);
        self.branches[branch] = Branch {
            commands: self.commands.clone(),
            frontier: self.frontier.clone(),
            forked_at: parted,
        };
        // Back to before the commands differ: what happens at that moment may differ already.
        self.rewind(|it| it.time < parted, true);
        self.change_course(other.commands.to_vec(), self.run.now());
        self.seek(other.frontier.time);
        self.seek(parted);
    }

    /// From `now` on, these commands count and no others.
    fn change_course(&mut self, commands: Vec<Planned>, now: Time) {
        let steps = self.run.steps();
        self.commands = Rc::new(commands);
        self.snapshots
            .retain(|it| it.steps <= steps && it.time <= now);
        self.run.set_commands(self.commands.clone());
        self.frontier = Frontier {
            time: now,
            steps,
            recorder: self.run.recorder().clone(),
        };
    }

    /// Words for the events numbered `from` up to `to`: that part of the run is run once more.
    pub fn explain(&self, from: u32, to: u32) -> Vec<Explained> {
        let steps = self.records().with(from, to, |it| {
            it.first()
                .zip(it.last())
                .map(|(first, last)| (u64::from(first.step), u64::from(last.step)))
        });
        let Some((first, last)) = steps else {
            return Vec::new();
        };
        let nearest = self.snapshots.iter().rfind(|it| it.steps < first);
        let mut run = match nearest {
            Some(snapshot) => snapshot.run.fork(),
            // The very first events happen while the run is set up.
            None => match self.spec.build(Level::Words) {
                Ok(run) => run,
                Err(_) => return Vec::new(),
            },
        };
        run.set_commands(self.commands.clone());
        if nearest.is_some() {
            while run.steps() + 1 < first && run.step(Time::MAX) {}
            run.explain(true);
        }
        while run.steps() < last && run.step(Time::MAX) {}
        let mut words = run.take_explained();
        words.retain(|it| (from..to).contains(&it.event));
        words
    }

    /// Takes a step up to `limit` and keeps the books: frontier, snapshots, and whether a replay comes out the same.
    fn step_within(&mut self, limit: Time) -> bool {
        if !self.run.step(limit) {
            return false;
        }
        let steps = self.run.steps();
        if steps > self.frontier.steps {
            self.frontier.steps = steps;
            self.frontier.time = self.frontier.time.max(self.run.now());
            self.frontier.recorder = self.run.recorder().clone();
            if steps % self.interval == 0 {
                self.take_snapshot();
            }
        } else if steps == self.frontier.steps
            && self.run.recorder().hash() != self.frontier.recorder.hash()
        {
            self.broken = Some(format!(
                "step {steps} came out differently when it was run again: {} is not deterministic",
                self.system.about.id
            ));
        }
        true
    }

    fn take_snapshot(&mut self) {
        let (time, steps) = (self.run.now(), self.run.steps());
        self.snapshots.push(Snapshot {
            time,
            steps,
            run: self.run.fork(),
        });
        if self.snapshots.len() > SNAPSHOTS_MAX {
            self.interval *= 2;
            let interval = self.interval;
            let first = self.snapshots[0].steps;
            self.snapshots
                .retain(|it| it.steps == first || it.steps % interval == 0);
        }
    }

    /// Goes back to the last snapshot that fits, when the playhead is beyond what is wanted.
    fn rewind(&mut self, fits: impl Fn(&Snapshot) -> bool, beyond: bool) {
        if !beyond {
            return;
        }
        let place = self.snapshots.partition_point(fits).saturating_sub(1);
        self.run = self.snapshots[place].run.fork();
        self.run.set_commands(self.commands.clone());
    }

    fn settle(&mut self, time: Time) {
        self.run.wait_until(time);
        self.frontier.time = self.frontier.time.max(self.run.now());
    }
}
