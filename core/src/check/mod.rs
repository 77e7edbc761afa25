//! Promises and whether they are kept.
//!
//! A check watches every step of a run. An *always* check says at the first step that breaks it who, what and why. A
//! *sometimes* check must be reached at least once, or the run proves nothing. An *eventually* check is asked at the
//! end, after the faults. A *history* check judges what clients saw, and nothing else.

pub mod causal;
pub mod convergence;
mod cycle;
pub mod linearizable;
mod lists;
pub mod object;
pub mod read;
mod search;
pub mod sequential;
pub mod session;
pub mod story;
pub mod tally;
pub mod transactions;
mod views;
mod zones;

mod levels;

pub use levels::{Judge, LEVELS};
pub use search::STEPS_MAX;

use std::cell::RefCell;

use serde::Serialize;

use crate::exhibit::{Exhibit, Glance, World};
use crate::parts::log::Log;
use crate::sim::time::Time;
use crate::trace::{HistoryEvent, NO_EVENT};

/// Something that must hold at every step. It may remember what it saw: a ghost state that no node has.
pub trait Invariant<P: Exhibit> {
    /// Its name in links and on the command line: `election-safety`.
    fn name(&self) -> &'static str;

    /// The promise in one sentence.
    fn promise(&self) -> &'static str;

    /// Looks at the world after a step. `Err` says who broke the promise, and how.
    fn observe(&mut self, world: &World<'_, P>) -> Result<(), String>;

    /// A copy, for snapshots.
    fn clone_box(&self) -> Box<dyn Invariant<P>>;
}

/// The fixed parts of an invariant that looks at whichever node has changed, with a method `look` of its own: its name,
/// its promise, its copy.
macro_rules! invariant {
    ($system:ty: $type:ty, $name:literal, $promise:literal) => {
        impl $crate::check::Invariant<$system> for $type {
            fn name(&self) -> &'static str {
                $name
            }

            fn promise(&self) -> &'static str {
                $promise
            }

            fn observe(&mut self, world: &World<'_, $system>) -> Result<(), String> {
                match world.changed {
                    Some(id) => self.look(world, id),
                    None => Ok(()),
                }
            }

            fn clone_box(&self) -> Box<dyn $crate::check::Invariant<$system>> {
                Box::new(self.clone())
            }
        }
    };
}
pub(crate) use invariant;

/// A check of a system.
pub enum Promise<P: Exhibit> {
    /// Holds at every step.
    Always(Box<dyn Invariant<P>>),
    /// Holds at some step.
    Sometimes {
        /// Its name.
        name: &'static str,
        /// What is to be seen.
        promise: &'static str,
        /// Whether it is there now.
        reached: fn(&World<'_, P>) -> bool,
    },
    /// Holds when a run ends with everything healed: progress.
    Eventually {
        /// Its name.
        name: &'static str,
        /// The promise in one sentence.
        promise: &'static str,
        /// `Err` says what is still missing.
        holds: fn(&World<'_, P>) -> Result<(), String>,
    },
    /// Holds for everything that clients have seen so far.
    History {
        /// Its name.
        name: &'static str,
        /// The promise in one sentence.
        promise: &'static str,
        /// Judges the history.
        judge: JudgeFn,
    },
}

/// Who judges a history.
pub type JudgeFn = fn(&[HistoryEvent]) -> Judgement;

fn no_judge(_: &[HistoryEvent]) -> Judgement {
    Judgement::Open("histories are not judged on the front page".to_owned())
}

/// What came of a history.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// The promise is kept.
    Kept,
    /// It is broken.
    Broken(Box<Breach>),
    /// There is no answer, because the search for one was ended or the history does not tell enough; says why.
    Open(String),
}

/// How a promise was broken.
#[derive(Clone, Debug, PartialEq)]
pub struct Breach {
    /// When that showed.
    pub at: Time,
    /// Who did what, when, and why that cannot be.
    pub reason: String,
    /// The operations that prove it: the places in the history where they begin and end, in order.
    pub proof: Vec<u32>,
}

impl Judgement {
    /// The graver of two judgements of different parts; of two breaches the one that showed first.
    #[must_use]
    pub fn or(self, other: Judgement) -> Judgement {
        let last = |it: &Breach| it.proof.last().copied();
        match (&self, &other) {
            (Judgement::Broken(mine), Judgement::Broken(theirs)) if last(theirs) < last(mine) => {
                other
            }
            (Judgement::Broken(_), _) | (_, Judgement::Kept) => self,
            (_, Judgement::Broken(_)) | (Judgement::Kept, _) => other,
            (Judgement::Open(_), Judgement::Open(_)) => self,
        }
    }
}

impl<P: Exhibit> Promise<P> {
    /// An invariant as a promise.
    pub fn always(invariant: impl Invariant<P> + 'static) -> Promise<P> {
        Promise::Always(Box::new(invariant))
    }

    /// A promise about what clients see. The front page's program shows no checks, and has no judges: most of what they
    /// weigh would be theirs.
    #[inline]
    pub fn history(name: &'static str, promise: &'static str, judge: JudgeFn) -> Promise<P> {
        let judge = if crate::WHOLE { judge } else { no_judge };
        Promise::History {
            name,
            promise,
            judge,
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Promise::Always(it) => it.name(),
            Promise::Sometimes { name, .. }
            | Promise::Eventually { name, .. }
            | Promise::History { name, .. } => name,
        }
    }
}

impl<P: Exhibit> Clone for Promise<P> {
    fn clone(&self) -> Promise<P> {
        match self {
            Promise::Always(it) => Promise::Always(it.clone_box()),
            Promise::Sometimes {
                name,
                promise,
                reached,
            } => Promise::Sometimes {
                name,
                promise,
                reached: *reached,
            },
            Promise::Eventually {
                name,
                promise,
                holds,
            } => Promise::Eventually {
                name,
                promise,
                holds: *holds,
            },
            Promise::History {
                name,
                promise,
                judge,
            } => Promise::History {
                name,
                promise,
                judge: *judge,
            },
        }
    }
}

/// What came of a check so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Always: not broken so far. Eventually: true now.
    Holds,
    /// Always: broken. A run with one such check has failed.
    Violated,
    /// Sometimes: seen.
    Reached,
    /// Sometimes: not seen yet.
    NotReached,
    /// Eventually: not true now. At the end of a run it means that the cluster makes no progress.
    Blocked,
    /// History: the search took too long to know.
    Unknown,
}

/// A check and what came of it, as data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Its name.
    pub name: &'static str,
    /// The promise in one sentence.
    pub promise: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// When it was broken or first reached, in nanoseconds.
    pub at: Option<Time>,
    /// The step at which that was.
    pub step: Option<u64>,
    /// Who broke it, and how; or what is missing.
    pub reason: Option<String>,
    /// The numbers of the trace's events that prove it: where the operations in question begin and end.
    pub evidence: Vec<u32>,
}

impl Report {
    /// This report, with what came of the history.
    fn judged(mut self, judgement: &Judgement, history: &Log<HistoryEvent>) -> Report {
        match judgement {
            Judgement::Kept => {}
            Judgement::Broken(breach) => {
                self.verdict = Verdict::Violated;
                self.at = Some(breach.at);
                self.reason = Some(breach.reason.clone());
                let events = breach.proof.iter().filter_map(|it| history.get(*it));
                self.evidence = events
                    .map(|it| it.event)
                    .filter(|it| *it != NO_EVENT)
                    .collect();
            }
            Judgement::Open(reason) => {
                self.verdict = Verdict::Unknown;
                self.reason = Some(reason.clone());
            }
        }
        self
    }
}

/// Which of the eight halves of a glance, a bit each.
pub(crate) type Halves = u8;

/// Every half of a glance.
pub(crate) const EVERYTHING: Halves = Halves::MAX;

/// The halves in which a glance has any bit.
#[inline]
pub(crate) fn halves(glance: Glance) -> Halves {
    let half = |it: u64, place: usize| Halves::from(it != 0) << place;
    (0..4).fold(0, |all, it| {
        all | half(glance[it] & u64::from(u32::MAX), 2 * it) | half(glance[it] >> 32, 2 * it + 1)
    })
}

/// The halves in which two glances differ.
#[inline]
pub(crate) fn differing(one: &Glance, two: &Glance) -> Halves {
    let bits: Glance = std::array::from_fn(|it| one[it] ^ two[it]);
    // So it is after most steps.
    if bits[0] | bits[1] | bits[2] | bits[3] == 0 {
        return 0;
    }
    halves(bits)
}

/// A check during a run.
pub(crate) struct Watch<P: Exhibit> {
    promise: Promise<P>,
    ledger: Ledger,
}

/// What came of a check so far.
#[derive(Clone, Default)]
struct Ledger {
    /// The first step that broke or reached it, and why.
    settled: Option<(Time, u64, String)>,
    /// The last judgement of a history and the length of that history, so that nothing is judged twice.
    judged: RefCell<Option<(u32, Judgement)>>,
}

/// What a check says of the present.
enum Present {
    /// Always: nothing but what was settled.
    Always,
    /// Sometimes: nothing but what was settled.
    Sometimes,
    /// Eventually: what is missing now, if anything.
    Eventually(Option<String>),
    /// History: who judges it.
    History(JudgeFn),
    /// History: clients are not promised this.
    Unpromised,
}

impl<P: Exhibit> Clone for Watch<P> {
    fn clone(&self) -> Watch<P> {
        Watch {
            promise: self.promise.clone(),
            ledger: self.ledger.clone(),
        }
    }
}

impl<P: Exhibit> Watch<P> {
    pub(crate) fn new(promise: Promise<P>) -> Watch<P> {
        Watch {
            promise,
            ledger: Ledger::default(),
        }
    }

    /// Whether it has to look at the steps to come: it looks at steps, and nothing has been decided yet.
    pub(crate) fn is_open(&self) -> bool {
        let looks = matches!(self.promise, Promise::Always(_) | Promise::Sometimes { .. });
        looks && self.ledger.settled.is_none()
    }

    /// The halves of a glance that it depends on.
    pub(crate) fn attends(&self) -> Halves {
        halves(P::attends(self.promise.name()))
    }

    /// Looks at the world after step `step`, and says whether that decided it. What has been decided stays so.
    #[inline]
    pub(crate) fn observe(&mut self, world: &World<'_, P>, step: u64) -> bool {
        let reason = match &mut self.promise {
            Promise::Always(invariant) => match invariant.observe(world) {
                Ok(()) => return false,
                Err(reason) => reason,
            },
            Promise::Sometimes { reached, .. } if reached(world) => String::new(),
            _ => return false,
        };
        self.ledger.settled = Some((world.now, step, reason));
        true
    }

    /// Whether an always check has been broken.
    pub(crate) fn violated(&self) -> bool {
        self.ledger.settled.is_some() && matches!(self.promise, Promise::Always(_))
    }

    pub(crate) fn report(&self, world: &World<'_, P>) -> Report {
        let (name, promise, present) = match &self.promise {
            Promise::Always(it) => (it.name(), it.promise(), Present::Always),
            Promise::Sometimes { name, promise, .. } => (*name, *promise, Present::Sometimes),
            Promise::Eventually {
                name,
                promise,
                holds,
            } => (*name, *promise, Present::Eventually(holds(world).err())),
            Promise::History {
                name,
                promise,
                judge,
            } => {
                let present = match P::promises(world.config, name) {
                    true => Present::History(*judge),
                    false => Present::Unpromised,
                };
                (*name, *promise, present)
            }
        };
        self.ledger.report(name, promise, present, world.history)
    }
}

impl Ledger {
    fn report(
        &self,
        name: &'static str,
        promise: &'static str,
        present: Present,
        history: &Log<HistoryEvent>,
    ) -> Report {
        let is_settled = self.settled.is_some();
        let mut report = Report {
            name,
            promise,
            verdict: Verdict::Holds,
            at: self.settled.as_ref().map(|(at, ..)| *at),
            step: self.settled.as_ref().map(|(_, step, _)| *step),
            reason: None,
            evidence: Vec::new(),
        };
        match present {
            Present::Always if is_settled => {
                report.verdict = Verdict::Violated;
                report.reason = self.settled.as_ref().map(|(.., reason)| reason.clone());
            }
            Present::Always | Present::Eventually(None) => {}
            Present::Sometimes if is_settled => report.verdict = Verdict::Reached,
            Present::Sometimes => report.verdict = Verdict::NotReached,
            Present::Eventually(missing) => {
                report.verdict = Verdict::Blocked;
                report.reason = missing;
            }
            Present::Unpromised => {
                report.reason = Some("not promised with these settings".to_owned());
            }
            Present::History(judge) => {
                return report.judged(&self.judgement(history, judge), history);
            }
        }
        report
    }

    fn judgement(&self, history: &Log<HistoryEvent>, judge: JudgeFn) -> Judgement {
        let mut judged = self.judged.borrow_mut();
        match &*judged {
            // A history that was once broken stays so; a shorter one comes from a snapshot with its own judgement.
            Some((length, judgement)) if *length == history.len() => judgement.clone(),
            Some((length, broken @ Judgement::Broken(_))) if *length < history.len() => {
                broken.clone()
            }
            _ => {
                let judgement = history.with(0, u32::MAX, judge);
                *judged = Some((history.len(), judgement.clone()));
                judgement
            }
        }
    }
}
