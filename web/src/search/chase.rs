//! A search while it goes on: gives seeds to workers, hears what came of them, and has what was found made small.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use clusterscope_core::RunSpec;
use js_sys::Date;
use wasm_bindgen::JsValue;
use yew::Callback;

use super::hunt::{Batch, Hit, Hunt, batch_size};
use super::small::Smaller;
use super::team::{Answer, Answered, Team};
use crate::browser;

/// More workers than this would only heat the reader's lap.
const WORKERS_MAX: usize = 4;

/// Seeds of the first batch.
const BATCH: u32 = 8;

/// Runs of a worker that makes something small, between two answers.
const RUNS: u32 = 25;

/// What is looked for: a check, a moment, or neither.
pub type Wanted = (Option<String>, Option<String>);

/// What is being done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doing {
    /// Nothing yet.
    #[default]
    Nothing,
    /// Seeds are run.
    Searching,
    /// The finding of this place in the list is made small.
    Shrinking(usize),
    /// The search is over.
    Searched,
    /// The reader ended it.
    Cancelled,
}

/// A run that was found, and what has become of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The run.
    pub hit: Hit,
    /// The same made small, or on its way there.
    pub small: Option<Smaller>,
    wanted: Wanted,
}

/// What the reader sees of a search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sight {
    /// What is being done.
    pub doing: Doing,
    /// The seeds.
    pub hunt: Hunt,
    /// Seeds a second.
    pub rate: f64,
    /// What was found, the first first.
    pub found: Vec<Found>,
    /// What went wrong.
    pub trouble: Option<String>,
}

#[derive(Default)]
struct Inner {
    sight: Sight,
    spec: Option<RunSpec>,
    wanted: Wanted,
    team: Option<Team>,
    /// Of each worker: how many seeds it was given last, and when.
    given: Vec<(u32, f64)>,
    idle: usize,
    began: f64,
}

/// A search, as its dialog holds it. When that is gone, so are the workers.
#[derive(Clone, Default)]
pub struct Chase(Rc<RefCell<Inner>>);

impl Chase {
    /// What there is to see.
    pub fn sight(&self) -> Sight {
        self.0.borrow().sight.clone()
    }

    /// Runs the seeds from the spec's own to `last`.
    pub fn search(&self, spec: RunSpec, wanted: Wanted, last: u64, changed: &Callback<()>) {
        let count = browser::cores().clamp(1, WORKERS_MAX);
        let team = Team::start(count, &self.hears(changed));
        let mut inner = self.0.borrow_mut();
        inner.sight.hunt = Hunt::new(spec.seed, last);
        inner.sight.rate = 0.0;
        inner.sight.doing = Doing::Searching;
        inner.sight.trouble = None;
        inner.spec = Some(spec);
        inner.wanted = wanted;
        inner.began = Date::now();
        inner.idle = 0;
        inner.given = vec![(BATCH, 0.0); count];
        inner.employ(team);
        for number in 0..count {
            inner.give(number);
        }
    }

    /// Makes a finding small.
    pub fn shrink(&self, place: usize, changed: &Callback<()>) {
        let team = Team::start(1, &self.hears(changed));
        let mut inner = self.0.borrow_mut();
        let found = inner.sight.found[place].clone();
        inner.sight.doing = Doing::Shrinking(place);
        inner.sight.trouble = None;
        inner.employ(team);
        inner.ask_small(&found.hit.link, &found.wanted);
    }

    /// Ends what is being done.
    pub fn cancel(&self) {
        let mut inner = self.0.borrow_mut();
        inner.team = None;
        inner.sight.doing = Doing::Cancelled;
    }

    fn hears(&self, changed: &Callback<()>) -> Callback<Answer> {
        let (inner, changed): (Weak<RefCell<Inner>>, _) = (Rc::downgrade(&self.0), changed.clone());
        Callback::from(move |(number, answer): Answer| {
            if let Some(inner) = inner.upgrade() {
                inner.borrow_mut().hear(number, answer);
                changed.emit(());
            }
        })
    }
}

impl Inner {
    fn employ(&mut self, team: Result<Team, String>) {
        match team {
            Ok(team) => self.team = Some(team),
            Err(trouble) => self.fail(trouble),
        }
    }

    fn fail(&mut self, trouble: String) {
        self.team = None;
        self.sight.trouble = Some(trouble);
        self.sight.doing = Doing::Cancelled;
    }

    fn hear(&mut self, number: usize, answer: Answered) {
        // What was on its way when the team ended means nothing any more.
        if self.team.is_none() {
            return;
        }
        let array = match answer {
            Ok(array) => array,
            Err(trouble) => return self.fail(trouble),
        };
        let understood = match self.sight.doing {
            Doing::Searching => Batch::unpack(&array).map(|it| self.ran(number, it)),
            Doing::Shrinking(place) => Smaller::unpack(&array).map(|it| self.shrank(place, it)),
            Doing::Nothing | Doing::Searched | Doing::Cancelled => return,
        };
        if understood.is_none() {
            self.fail("A worker gave an answer that means nothing.".to_owned());
        }
    }

    fn ran(&mut self, number: usize, batch: Batch) {
        self.sight.hunt.add(batch);
        let now = Date::now();
        self.sight.rate = self.sight.hunt.runs as f64 / ((now - self.began) / 1e3).max(1e-3);
        let (size, asked) = self.given[number];
        self.given[number].0 = batch_size(size, now - asked);
        self.give(number);
    }

    fn give(&mut self, number: usize) {
        let size = self.given[number].0;
        let Some((from, count)) = self.sight.hunt.take(size) else {
            self.idle += 1;
            if self.idle == self.given.len() {
                self.end_search();
            }
            return;
        };
        let (Some(spec), Some(team)) = (&mut self.spec, &self.team) else {
            return;
        };
        spec.seed = from;
        self.given[number].1 = Date::now();
        let (check, until) = &self.wanted;
        let rest = [
            spec.link().into(),
            optional(check),
            optional(until),
            count.into(),
        ];
        if let Err(trouble) = team.ask(number, "searchSeeds", &rest) {
            self.fail(trouble);
        }
    }

    fn end_search(&mut self) {
        self.team = None;
        self.sight.doing = Doing::Searched;
        if let Some(hit) = self.sight.hunt.hit.clone() {
            let known = self.sight.found.iter().any(|it| it.hit == hit);
            if !known {
                self.sight.found.push(Found {
                    hit,
                    small: None,
                    wanted: self.wanted.clone(),
                });
            }
        }
    }

    fn ask_small(&mut self, link: &str, wanted: &Wanted) {
        let Some(team) = &self.team else { return };
        let rest = [
            link.into(),
            optional(&wanted.0),
            optional(&wanted.1),
            RUNS.into(),
        ];
        if let Err(trouble) = team.ask(0, "shrinkRun", &rest) {
            self.fail(trouble);
        }
    }

    fn shrank(&mut self, place: usize, small: Smaller) {
        let done = small.done;
        self.sight.found[place].small = Some(small);
        if done {
            self.team = None;
            self.sight.doing = Doing::Searched;
        } else {
            self.ask_small("", &(None, None));
        }
    }
}

fn optional(text: &Option<String>) -> JsValue {
    text.as_deref()
        .map_or(JsValue::UNDEFINED, JsValue::from_str)
}
