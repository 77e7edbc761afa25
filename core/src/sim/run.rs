//! A run of any system, with its types hidden.

use std::rc::Rc;

use crate::check::Report;
use crate::error::BadInput;
use crate::frame::{Frame, MessageDetail, MessageView};
use crate::parts::log::Log;
use crate::trace::{Explained, HistoryEvent, Recorder};

use super::command::{Command, Planned};
use super::peek::Peek;
use super::time::Time;

/// A run of any system: what a player, a page and a command line need.
pub trait Run: Peek {
    /// Takes the next step that is due up to and including `limit`; `false` when there is none.
    fn step(&mut self, limit: Time) -> bool;

    /// Takes every step up to and including `limit` and lets time pass until then.
    fn run_until(&mut self, limit: Time) {
        while self.step(limit) {}
        self.wait_until(limit);
    }

    /// Lets time pass up to `time`, when no step is due before.
    fn wait_until(&mut self, time: Time);

    /// True time.
    fn now(&self) -> Time;

    /// Steps so far.
    fn steps(&self) -> u64;

    /// Why the run cannot go on, if it cannot.
    fn halted(&self) -> Option<&str>;

    /// Whether a command can be carried out here: its nodes exist, its request can be read.
    fn accepts(&self, command: &Command) -> Result<(), BadInput>;

    /// Replaces the commands that people gave. Those before the present moment must stay as they were.
    fn set_commands(&mut self, commands: Rc<Vec<Planned>>);

    /// What the scenario plans, faults drawn from the seed among it.
    fn script(&self) -> &[Planned];

    /// A copy that goes its own way.
    fn fork(&self) -> Box<dyn Run>;

    /// About how many bytes a copy takes, what it shares with others not counted.
    fn weight(&self) -> usize;

    /// The trace.
    fn recorder(&self) -> &Recorder;

    /// What clients saw.
    fn history(&self) -> &Log<HistoryEvent>;

    /// Whether words are made for every event from now on.
    fn explain(&mut self, on: bool);

    /// The words made since the last call.
    fn take_explained(&mut self) -> Vec<Explained>;

    /// Everything at this moment.
    fn frame(&self) -> Frame;

    /// The messages under way, added to `into`.
    fn messages(&self, into: &mut Vec<MessageView>);

    /// All about one message under way.
    fn message(&self, id: u32) -> Option<MessageDetail>;

    /// The checks.
    fn reports(&self) -> Vec<Report>;

    /// Whether a promise has been broken.
    fn violated(&self) -> bool;
}
