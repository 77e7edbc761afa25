//! Playing a run like a film: forward, back, anywhere, and into branches.
//!
//! The player keeps a snapshot every so many steps and runs on from the nearest one. A command given in the past
//! starts a branch; the old course of events is kept. What is replayed must come out as it did before: should it not,
//! the system is not deterministic, and [`Player::broken`] says so.
//!
//! A run may be played for ever, so what is kept is bounded by [`Limits`], in bytes. Beyond that, every other snapshot
//! goes, so that the rest stay evenly spread; of the trace, the oldest records go, and [`Records::first`] says from
//! where on there are some. Any moment can still be reached: the seed makes it again.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::error::BadInput;
use crate::trace::{Explained, Level, PIECE, PIECE_BYTES, Record, Recorder, Records};

use super::command::{COMMANDS_MAX, Command, Planned};
use super::run::Run;
use super::spec::{Moment, RunSpec};
use super::system::{ScenarioView, System};
use super::time::{Span, Time};

/// Steps between snapshots at first; doubled whenever the snapshots take too much.
const INTERVAL_FIRST: u64 = 128;

/// Copying so many bytes of a run takes about as long as one of its steps (measured: 1 to 2 microseconds each). A
/// snapshot is taken no more often than that, so that playing takes at most twice as long for them.
const BYTES_PER_STEP: u64 = 1_024;

/// So many courses of events that were left are kept.
pub const BRANCHES_MAX: usize = 24;

/// When records have to go, this part of them goes at once, so that it happens seldom.
const SHARE_LET_GO: usize = 8;

/// So many steps beyond what is known are taken in one go: a link or a click may ask for any moment, and a page
/// must not stand still or fill the memory for it.
const NEW_STEPS_MAX: u64 = 1_000_000;

/// How many steps a jump to the next turn of the story looks ahead at most.
const LOOK_AHEAD_MAX: u64 = 100_000;

/// A jump beyond the run's length looks so much further.
const LOOK_BEYOND: Span = Span::secs(5);

/// What a player may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of records, of all courses of events together.
    pub records: usize,
    /// Bytes of snapshots, as [`Run::weight`] estimates them.
    pub snapshots: usize,
    /// Lines of what clients saw. They cannot be let go, nor can the nodes' logs, which grow along with them: a
    /// line with its share of five nodes' logs takes some 300 bytes (measured with Raft).
    pub history: u32,
}

impl Default for Limits {
    /// Together with the run itself and what clients saw, below 256 MiB: two million events, and snapshots close
    /// enough to reach any of a million events within a picture.
    fn default() -> Limits {
        Limits {
            records: 64 << 20,
            snapshots: 48 << 20,
            history: 300_000,
        }
    }
}

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

    /// Every event that is known and kept of it.
    pub fn records(&self) -> &Records {
        self.frontier.recorder.records()
    }

    /// What people did in it, and when.
    pub fn commands(&self) -> &[Planned] {
        &self.commands
    }
}

struct Snapshot {
    time: Time,
    steps: u64,
    weight: usize,
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
    /// What the snapshots weigh together.
    weight: usize,
    limits: Limits,
    frontier: Frontier,
    branches: Vec<Branch>,
    /// How many branches were dropped because there were too many.
    dropped: usize,
    broken: Option<String>,
}

impl Player {
    /// Sets up a run and goes to the playhead of its spec, or to its start.
    pub fn open(spec: RunSpec) -> Result<Player, BadInput> {
        let playhead = spec.playhead;
        let mut player = Player::at_start(spec, Limits::default())?;
        if let Some(moment) = playhead {
            if !player.go_to(moment) {
                let problem = format!("lies too far ahead: more than {NEW_STEPS_MAX} steps");
                return Err(BadInput::new(&moment.time.to_string(), problem));
            }
        }
        Ok(player)
    }

    /// Sets up a run and stays at its start, wherever its playhead is.
    pub fn at_start(spec: RunSpec, limits: Limits) -> Result<Player, BadInput> {
        let system = spec.system()?;
        let scenario = system.scenario(&spec.scenario)?;
        let run = spec.build(Level::Events)?;
        let frontier = Frontier {
            time: Time::ZERO,
            steps: run.steps(),
            recorder: run.recorder().clone(),
        };
        let weight = run.weight();
        let first = Snapshot {
            time: Time::ZERO,
            steps: run.steps(),
            weight,
            run: run.fork(),
        };
        Ok(Player {
            system,
            scenario,
            commands: Rc::new(spec.commands.clone()),
            spec,
            run,
            snapshots: vec![first],
            interval: INTERVAL_FIRST,
            weight,
            limits,
            frontier,
            branches: Vec::new(),
            dropped: 0,
            broken: None,
        })
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

    /// Every event that is known and kept of this course, those ahead of the playhead too.
    pub fn records(&self) -> &Records {
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

    /// How many more there were, the oldest, which are no longer kept.
    pub fn dropped_branches(&self) -> usize {
        self.dropped
    }

    /// Since when events are kept, if not since the start: those before were let go for their memory.
    pub fn kept_since(&self) -> Option<Time> {
        let records = self.records();
        let first = records.first();
        records.get(first).filter(|_| first > 0).map(|it| it.time)
    }

    /// Why the player goes no further, if it does not: what clients saw and what nodes logged for them would take
    /// more memory than a page should.
    pub fn full(&self) -> Option<String> {
        let lines = self.limits.history;
        let at_end = self.run.steps() >= self.frontier.steps;
        (at_end && self.run.history().len() >= lines).then(|| {
            format!(
                "clients saw {lines} things happen up to {}, as much as is kept to be played back; \
                 the command line goes further",
                self.run.now()
            )
        })
    }

    /// What records and snapshots take, in bytes; the snapshots by estimate.
    pub fn bytes(&self) -> (usize, usize) {
        let mut seen = BTreeSet::new();
        let mut records = self.records().bytes(&mut seen);
        records += self.run.recorder().records().bytes(&mut seen);
        for branch in &self.branches {
            records += branch.records().bytes(&mut seen);
        }
        (records, self.weight)
    }

    /// How many steps there are between two snapshots: the most that are replayed to reach any known moment.
    pub fn interval(&self) -> u64 {
        self.interval
    }

    /// The first event in which a branch differs from the present course, by number; `None` when one only goes
    /// further than the other, or what differs was let go.
    pub fn first_difference(&self, branch: usize) -> Option<u32> {
        let other = self.branches.get(branch)?;
        self.records().first_difference(other.records())
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
        let beyond = self.beyond_frontier(NEW_STEPS_MAX);
        self.seek_until(time, beyond)
    }

    /// Goes to `time` as far as about `budget` steps reach; `false` when they did not suffice: it stands where it got
    /// to, and the next call goes on from there. So a page can go far without standing still.
    pub fn seek_within(&mut self, time: Time, budget: u64) -> bool {
        self.rewind(|it| it.time <= time, self.run.now() > time);
        let last = self.run.steps().saturating_add(budget);
        self.seek_until(time, last)
    }

    fn seek_until(&mut self, time: Time, last: u64) -> bool {
        self.rewind(|it| it.time <= time, self.run.now() > time);
        let there = self.advance(time, u64::MAX, last);
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
        self.advance(Time::MAX, step, self.beyond_frontier(NEW_STEPS_MAX))
    }

    fn go_to(&mut self, moment: Moment) -> bool {
        match moment.step {
            Some(step) => {
                self.rewind(|it| it.steps <= step, true);
                self.advance(moment.time, step, self.beyond_frontier(NEW_STEPS_MAX))
            }
            None => self.seek(moment.time),
        }
    }

    fn beyond_frontier(&self, steps: u64) -> u64 {
        self.frontier.steps.saturating_add(steps)
    }

    /// Runs on until `step` steps have been taken or nothing is left up to `limit`; `false` when it gave up before,
    /// at step `last`.
    fn advance(&mut self, limit: Time, step: u64, last: u64) -> bool {
        let last = last.min(step);
        while self.run.steps() < last {
            if self.full().is_some() {
                return false;
            }
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
            if self.full().is_some() {
                return false;
            }
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
        let known = self.known_turn_after(from);
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
        let turn = self.known_turn_before(from);
        self.seek_step(turn.unwrap_or(0));
        turn.is_some()
    }

    /// The step of the first known turn of the story after step `step`.
    fn known_turn_after(&self, step: u64) -> Option<u64> {
        let records = self.records();
        let old = records.old_turns();
        let after = old.partition_point(|it| u64::from(it.1.step) <= step);
        if let Some(turn) = old.get(after) {
            return Some(u64::from(turn.1.step));
        }
        let mut found = None;
        let from = records.partition_point(|it| u64::from(it.step) <= step);
        records.each(from, u32::MAX, |_, it| {
            found = it.is_interesting().then_some(u64::from(it.step));
            found.is_none()
        });
        found
    }

    /// The step of the last known turn of the story before step `step`.
    fn known_turn_before(&self, step: u64) -> Option<u64> {
        let records = self.records();
        let mut to = records.partition_point(|it| u64::from(it.step) < step);
        while to > records.first() {
            let from = to.saturating_sub(PIECE).max(records.first());
            let found = records.with(from, to, |it| {
                it.iter().rfind(|it| it.is_interesting()).map(|it| it.step)
            });
            if let Some(found) = found {
                return Some(found.into());
            }
            to = from;
        }
        let old = records.old_turns();
        let before = old.partition_point(|it| u64::from(it.1.step) < step);
        let turn = old.get(before.checked_sub(1)?)?;
        Some(turn.1.step.into())
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
            if self.branches.len() > BRANCHES_MAX {
                self.branches.remove(0);
                self.dropped += 1;
            }
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
        self.weight = self.snapshots.iter().map(|it| it.weight).sum();
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
            let before = self.frontier.recorder.events();
            self.frontier.recorder = self.run.recorder().clone();
            if steps % self.interval == 0 {
                self.take_snapshot();
            }
            let events = self.frontier.recorder.events();
            if events / PIECE != before / PIECE {
                self.let_records_go();
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
        let (time, steps, weight) = (self.run.now(), self.run.steps(), self.run.weight());
        self.weight += weight;
        self.snapshots.push(Snapshot {
            time,
            steps,
            weight,
            run: self.run.fork(),
        });
        if weight as u64 / BYTES_PER_STEP > self.interval {
            self.thin_snapshots();
        }
        while self.weight > self.limits.snapshots && self.snapshots.len() > 2 {
            self.thin_snapshots();
        }
    }

    /// Lets every other snapshot go, and takes half as many from now on.
    fn thin_snapshots(&mut self) {
        self.interval *= 2;
        let interval = self.interval;
        let first = self.snapshots[0].steps;
        self.snapshots
            .retain(|it| it.steps == first || it.steps % interval == 0);
        self.weight = self.snapshots.iter().map(|it| it.weight).sum();
    }

    /// Lets the oldest records of all courses go, when there are too many.
    fn let_records_go(&mut self) {
        // The next piece is on its way.
        let bytes = self.bytes().0 + PIECE_BYTES;
        if bytes <= self.limits.records {
            return;
        }
        let courses = self.branches.iter().map(|it| it.records());
        let courses: Vec<Records> = courses.chain([self.records()]).cloned().collect();
        let too_much = bytes - self.limits.records + self.limits.records / SHARE_LET_GO;
        let mut left = too_much.div_ceil(PIECE_BYTES);
        // What lies furthest back in any of them goes first. The last piece of each stays: it is being written.
        while left > 0 {
            let whole = courses.iter().filter(|it| it.first() + PIECE < it.len());
            let Some(oldest) = whole.map(Records::first).min() else {
                return;
            };
            for course in courses.iter().filter(|it| it.first() == oldest) {
                course.forget_before((oldest / PIECE + 1) * PIECE);
            }
            left -= 1;
        }
    }

    /// Goes to the last snapshot that fits, when the playhead is beyond what is wanted or that saves steps.
    fn rewind(&mut self, fits: impl Fn(&Snapshot) -> bool, beyond: bool) {
        let place = self.snapshots.partition_point(fits).saturating_sub(1);
        let snapshot = &self.snapshots[place];
        if beyond || snapshot.steps > self.run.steps() {
            self.run = snapshot.run.fork();
            self.run.set_commands(self.commands.clone());
        }
    }

    fn settle(&mut self, time: Time) {
        self.run.wait_until(time);
        self.frontier.time = self.frontier.time.max(self.run.now());
    }
}
