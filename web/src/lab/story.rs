//! Words for events, kept: making them runs a part of the run once more, and lists are drawn often.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use clusterscope_core::sim::command::Planned;
use clusterscope_core::trace::{Explained, Record};
use clusterscope_core::{Player, RunSpec};

use super::handle::LabHandle;

/// Events this close to each other are explained in one go.
const GAP: u32 = 64;

/// So many words are kept at most; then all are forgotten.
const KEPT_MAX: usize = 20_000;

#[derive(Default)]
struct Told {
    /// The course of events that the words belong to.
    course: Option<(RunSpec, Vec<Planned>)>,
    words: BTreeMap<u32, Rc<Explained>>,
}

/// The words of one lab: cheap to clone, equal when they are the same.
#[derive(Clone, Default)]
pub struct Story(Rc<RefCell<Told>>);

impl PartialEq for Story {
    fn eq(&self, other: &Story) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Story {
    /// Words for these events, in ascending order; an event that cannot be explained is left out.
    pub fn words(&self, lab: &LabHandle, events: &[u32]) -> Vec<Rc<Explained>> {
        lab.with(|player| {
            let mut told = self.0.borrow_mut();
            told.settle(player);
            for (from, to) in told.missing(events) {
                let made = player.explain(from, to);
                told.words
                    .extend(made.into_iter().map(|it| (it.event, Rc::new(it))));
            }
            events
                .iter()
                .filter_map(|it| told.words.get(it).cloned())
                .collect()
        })
    }

    /// Words for one event.
    pub fn word(&self, lab: &LabHandle, event: u32) -> Option<Rc<Explained>> {
        self.words(lab, &[event]).pop()
    }
}

impl Told {
    /// Forgets the words of another course of events.
    fn settle(&mut self, player: &Player) {
        let same = self.course.as_ref().is_some_and(|(opened, commands)| {
            opened == player.opened() && commands == player.commands()
        });
        if !same || self.words.len() > KEPT_MAX {
            self.words.clear();
            self.course = Some((player.opened().clone(), player.commands().to_vec()));
        }
    }

    /// Stretches of events, from and up to, in which something has no words yet.
    fn missing(&self, events: &[u32]) -> Vec<(u32, u32)> {
        let mut stretches: Vec<(u32, u32)> = Vec::new();
        for event in events
            .iter()
            .copied()
            .filter(|it| !self.words.contains_key(it))
        {
            match stretches.last_mut() {
                Some((_, to)) if event <= *to + GAP => *to = event + 1,
                _ => stretches.push((event, event + 1)),
            }
        }
        stretches
    }
}

/// An event of the present course, by its number.
pub fn record(lab: &LabHandle, event: u32) -> Option<Record> {
    lab.with(|player| player.records().get(event))
}

/// The word of a record.
pub fn label(lab: &LabHandle, record: &Record) -> &'static str {
    lab.with(|player| player.label(record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_for_scattered_events() {
        let lab = LabHandle::open(RunSpec::from_link("#/raft/calm?seed=3&t=1s").unwrap()).unwrap();
        let story = Story::default();
        let words = story.words(&lab, &[0, 1, 40, 300]);
        assert_eq!(
            words.iter().map(|it| it.event).collect::<Vec<_>>(),
            [0, 1, 40, 300]
        );
        assert!(words.iter().all(|it| !it.text.is_empty()));
        assert!(Rc::ptr_eq(&words[2], &story.word(&lab, 40).unwrap()));
    }
}
