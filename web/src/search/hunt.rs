//! Which seeds are still to be run, and what has come of the others: the part of a search that needs no browser.

use js_sys::Array;
use wasm_bindgen::JsValue;

/// A batch should take a worker about so long, in milliseconds: the reader sees it move, and most of the time is
/// spent on running.
const BATCH: f64 = 150.0;

/// The most seeds of one batch.
const BATCH_MAX: u32 = 256;

/// A run that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Its seed.
    pub seed: u64,
    /// The link to the moment.
    pub link: String,
    /// What happened, for people.
    pub told: String,
}

impl Hit {
    /// Added to an array as plain values; a seed may be larger than the numbers of JavaScript.
    pub fn pack(&self, array: &Array) {
        for text in [&self.seed.to_string(), &self.link, &self.told] {
            array.push(&JsValue::from_str(text));
        }
    }

    /// What [`Hit::pack`] added at a place.
    pub fn unpack(array: &Array, at: u32) -> Option<Hit> {
        Some(Hit {
            seed: text(array, at)?.parse().ok()?,
            link: text(array, at + 1)?,
            told: text(array, at + 2)?,
        })
    }
}

/// A whole number of an array.
pub fn number(array: &Array, at: u32) -> Option<u64> {
    array.get(at).as_f64().map(|it| it as u64)
}

/// A text of an array.
pub fn text(array: &Array, at: u32) -> Option<String> {
    array.get(at).as_string()
}

/// What came of some seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// How many were run.
    pub runs: u64,
    /// How many of them could not be judged, or were stopped.
    pub undecided: u64,
    /// The smallest that found something.
    pub hit: Option<Hit>,
}

impl Batch {
    /// As plain values.
    pub fn pack(&self) -> Array {
        let array: Array = [self.runs, self.undecided]
            .iter()
            .map(|it| JsValue::from(*it as f64))
            .collect();
        if let Some(hit) = &self.hit {
            hit.pack(&array);
        }
        array
    }

    /// What [`Batch::pack`] made.
    pub fn unpack(array: &Array) -> Option<Batch> {
        Some(Batch {
            runs: number(array, 0)?,
            undecided: number(array, 1)?,
            hit: Hit::unpack(array, 2),
        })
    }
}

/// A row of seeds on its way through the workers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hunt {
    /// The next seed that nobody has; `None` when there is none.
    next: Option<u64>,
    last: u64,
    /// How many seeds there are.
    pub total: u64,
    /// How many have been run.
    pub runs: u64,
    /// How many could not be judged, or were stopped.
    pub undecided: u64,
    /// The smallest seed that found something.
    pub hit: Option<Hit>,
}

impl Hunt {
    /// All of these seeds are still to be run.
    pub fn new(from: u64, last: u64) -> Hunt {
        Hunt {
            next: Some(from),
            last,
            total: last - from + 1,
            ..Hunt::default()
        }
    }

    /// Gives away up to `count` seeds: the first and how many. Nothing behind a seed that was found is wanted.
    pub fn take(&mut self, count: u32) -> Option<(u64, u32)> {
        let from = self.next?;
        if self.hit.as_ref().is_some_and(|it| from > it.seed) {
            return None;
        }
        let left = self.last - from;
        let count = u64::from(count).min(left.saturating_add(1)).max(1);
        self.next = (count <= left).then(|| from + count);
        Some((from, count as u32))
    }

    /// Takes what came of some seeds; in which order they come back does not matter.
    pub fn add(&mut self, batch: Batch) {
        self.runs += batch.runs;
        self.undecided += batch.undecided;
        let smaller = |hit: &Hit| self.hit.as_ref().is_none_or(|it| hit.seed < it.seed);
        if let Some(hit) = batch.hit.filter(smaller) {
            self.hit = Some(hit);
        }
    }
}

/// How many seeds the next batch should have, when the last one had so many and took so long.
pub fn batch_size(last: u32, milliseconds: f64) -> u32 {
    match milliseconds {
        it if it < BATCH / 2.0 => (last * 2).min(BATCH_MAX),
        it if it > BATCH * 2.0 => (last / 2).max(1),
        _ => last,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(seed: u64) -> Option<Hit> {
        Some(Hit {
            seed,
            link: String::new(),
            told: String::new(),
        })
    }

    fn batch(runs: u64, hit: Option<Hit>) -> Batch {
        Batch {
            runs,
            undecided: 0,
            hit,
        }
    }

    #[test]
    fn every_seed_is_given_away_once() {
        let mut hunt = Hunt::new(u64::MAX - 9, u64::MAX);
        assert_eq!(hunt.take(4), Some((u64::MAX - 9, 4)));
        assert_eq!(hunt.take(100), Some((u64::MAX - 5, 6)));
        assert_eq!(hunt.take(1), None);
        assert_eq!(Hunt::new(7, 7).take(8), Some((7, 1)));
    }

    #[test]
    fn the_smallest_seed_wins_whoever_is_first() {
        let mut hunt = Hunt::new(1, 1_000);
        for _ in 0..3 {
            hunt.take(10);
        }
        hunt.add(batch(5, hit(25)));
        // What lies before may still find something; what lies behind is not begun.
        assert_eq!(hunt.take(10), None);
        hunt.add(batch(3, hit(3)));
        hunt.add(batch(10, None));
        assert_eq!(hunt.hit, hit(3));
        assert_eq!(hunt.runs, 18);
    }

    #[test]
    fn batches_grow_and_shrink_with_the_time_they_take() {
        assert_eq!(batch_size(8, 10.0), 16);
        assert_eq!(batch_size(8, 150.0), 8);
        assert_eq!(batch_size(8, 1_000.0), 4);
        assert_eq!(batch_size(1, 1_000.0), 1);
        assert_eq!(batch_size(BATCH_MAX, 1.0), BATCH_MAX);
    }
}
