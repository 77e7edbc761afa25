//! Where two runs part: the first event in which they differ.
//!
//! Both runs are taken forward together, a few steps at a time, and compared event by event; what has been compared
//! is let go, so that two long runs need little memory. Two events are the same when their records, their labels,
//! what they carry and what they change are.

use std::collections::VecDeque;

use crate::error::BadInput;
use crate::sim::run::Run;
use crate::sim::spec::RunSpec;
use crate::sim::time::Time;
use crate::trace::{Explained, Level, Record};

/// Steps that are taken before the traces are compared again.
const STRIDE: u64 = 256;

/// An event of one of the runs, with its words.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Its number.
    pub id: u32,
    /// The event.
    pub record: Record,
    /// Its label.
    pub label: &'static str,
    /// A line for people, and what it changed.
    pub words: Option<Explained>,
}

/// Where two runs part.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The number of the first event that is not the same.
    pub event: u32,
    /// Which of its properties differ, in words: `time`, `kind`, `content`, …; `end` when one run has no such event.
    pub in_what: Vec<&'static str>,
    /// The last events that both have in common, the latest last.
    pub before: Vec<Told>,
    /// From that event on, in the first run and in the second.
    pub after: [Vec<Told>; 2],
}

/// How far a run is taken.
fn end(spec: &RunSpec) -> Result<(Time, u64), BadInput> {
    let length = Time(spec.length()?.0);
    let steps = |it: crate::sim::spec::Moment| it.step.unwrap_or(u64::MAX);
    Ok(spec
        .playhead
        .map_or((length, u64::MAX), |it| (it.time, steps(it))))
}

/// A run on its way, with what has not been compared yet.
struct Side {
    run: Box<dyn Run>,
    limit: Time,
    steps: u64,
    ended: bool,
    /// Events since the last that was compared, and the hash of the trace at the end of each step.
    told: VecDeque<Told>,
    /// How many events have been taken out of the trace.
    read: u32,
}

impl Side {
    fn open(spec: &RunSpec) -> Result<Side, BadInput> {
        let (limit, steps) = end(spec)?;
        let mut side = Side {
            run: spec.build(Level::Words)?,
            limit,
            steps,
            ended: false,
            told: VecDeque::new(),
            read: 0,
        };
        // What happens while the run is set up.
        side.take();
        Ok(side)
    }

    /// Runs on until there are `wanted` events that were not compared, or no more will come.
    fn fetch(&mut self, wanted: usize) {
        while self.told.len() < wanted && !self.ended {
            let last = self.run.steps().saturating_add(STRIDE).min(self.steps);
            while self.run.steps() < last && !self.ended {
                self.ended = !self.run.step(self.limit);
            }
            self.ended |= self.run.steps() >= self.steps;
            self.take();
        }
    }

    /// Takes what is new out of the run, and lets it go there.
    fn take(&mut self) {
        let mut words = self.run.take_explained().into_iter().peekable();
        let recorder = self.run.recorder();
        let records = recorder.records();
        records.each(self.read, u32::MAX, |id, record| {
            self.told.push_back(Told {
                id,
                record: *record,
                label: recorder.label(record),
                words: words.next_if(|it| it.event == id),
            });
            true
        });
        self.read = records.len();
        records.forget_before(self.read);
    }
}

/// The first event in which two runs differ, each taken to its playhead or its end; `None` when they are the same to
/// the end. `context` events before and after it are given, too.
pub fn first_difference(
    one: &RunSpec,
    two: &RunSpec,
    context: usize,
) -> Result<Option<Difference>, BadInput> {
    let mut sides = [
        Side::open(one).map_err(|it| it.within("the first run"))?,
        Side::open(two).map_err(|it| it.within("the second run"))?,
    ];
    let mut before = VecDeque::new();
    loop {
        sides.iter_mut().for_each(|it| it.fetch(1));
        let [mine, theirs] = &mut sides;
        let in_what = match (mine.told.front(), theirs.told.front()) {
            (None, None) => return Ok(None),
            (Some(one), Some(two)) => compare(one, two),
            _ => vec!["end"],
        };
        if in_what.is_empty() {
            if before.len() == context {
                before.pop_front();
            }
            before.extend(mine.told.pop_front());
            theirs.told.pop_front();
            before.drain(..before.len().saturating_sub(context));
            continue;
        }
        sides.iter_mut().for_each(|it| it.fetch(context.max(1)));
        let event = sides.iter().find_map(|it| it.told.front().map(|it| it.id));
        let after = sides.map(|it| it.told.into_iter().take(context.max(1)).collect());
        return Ok(Some(Difference {
            event: event.unwrap_or(0),
            in_what,
            before: before.into(),
            after,
        }));
    }
}

/// In what two events differ.
fn compare(one: &Told, two: &Told) -> Vec<&'static str> {
    let (a, b) = (&one.record, &two.record);
    let differs = [
        ("time", a.time != b.time),
        ("kind", a.kind != b.kind),
        ("place", a.host != b.host),
        ("peer", a.peer != b.peer),
        ("label", one.label != two.label),
        ("cause", a.cause != b.cause),
        ("message", a.item != b.item),
        ("epoch", a.tint != b.tint),
        ("step", a.step != b.step),
    ];
    let mut found: Vec<&'static str> = differs.iter().filter(|it| it.1).map(|it| it.0).collect();
    // What a message holds and what an event changed are in its words, in full.
    match (&one.words, &two.words) {
        (Some(a), Some(b)) => {
            if a.body != b.body {
                found.push("content");
            }
            if a.set != b.set {
                found.push("change");
            }
            if found.is_empty() && a.text != b.text {
                found.push("text");
            }
        }
        (a, b) if a.is_some() != b.is_some() => found.push("text"),
        _ => {}
    }
    found
}
