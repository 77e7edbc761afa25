//! A node's disk: it holds one value, which a write replaces, and may do so slowly, falsely or not at all.
//!
//! What a disk holds is typed and lies with the node ([`super::simulation::Member`]); here is how the disk behaves.

use super::command::DiskFault;
use super::rng::{Rng, Stream};
use super::time::Span;

use crate::trace::NO_EVENT;

/// How a disk behaves.
#[derive(Clone, Debug)]
pub struct Disk {
    /// What it draws.
    pub rng: Rng,
    /// The plan for the end of the write that it is at.
    pub syncing: Option<u64>,
    /// The event that began that write.
    pub write_event: u32,
    /// How much longer a write takes.
    pub slow: Span,
    /// Whether it is full: the next write fails.
    pub full: bool,
    /// Whether it says that it has what it has not.
    pub lies: bool,
    /// Whether the next sync fails.
    pub fails: bool,
    /// Whether a write that a crash interrupts is there in part.
    pub tears: bool,
    /// Whether the next write goes to a wrong place.
    pub misdirects: bool,
    /// What the next start will find.
    pub damage: Option<Damage>,
    /// Whether it has ever held less than it said: such disks are counted, to spare a majority.
    pub spoilt: bool,
}

/// What a start can find on a disk in place of what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Bits that have changed.
    Rotten,
    /// An older state.
    RolledBack,
    /// A part without the end.
    Truncated,
}

impl Disk {
    /// A disk that works.
    pub fn new(seed: u64, node: u32) -> Disk {
        Disk {
            rng: Rng::stream(seed, Stream::Disk(node)),
            syncing: None,
            write_event: NO_EVENT,
            slow: Span::ZERO,
            full: false,
            lies: false,
            fails: false,
            tears: false,
            misdirects: false,
            damage: None,
            spoilt: false,
        }
    }

    /// Takes on a fault. Damage that was done stays until it is found.
    pub fn suffer(&mut self, fault: DiskFault) {
        match fault {
            DiskFault::Fine => {
                self.slow = Span::ZERO;
                self.full = false;
                self.lies = false;
                self.fails = false;
                self.tears = false;
                self.misdirects = false;
            }
            DiskFault::Slow(span) => self.slow = span,
            DiskFault::Full => self.full = true,
            DiskFault::Lies => self.lies = true,
            DiskFault::Fails => self.fails = true,
            DiskFault::Tears => self.tears = true,
            DiskFault::Misdirects => self.misdirects = true,
            DiskFault::Rots => self.damage = Some(Damage::Rotten),
            DiskFault::RollsBack => self.damage = Some(Damage::RolledBack),
            DiskFault::Truncates => self.damage = Some(Damage::Truncated),
        }
        self.spoilt |= spoils(fault);
    }

    /// What is wrong with it, in words.
    pub fn ailments(&self) -> Vec<String> {
        let mut words = Vec::new();
        let slow = (self.slow > Span::ZERO).then(|| format!("disk takes {} more", self.slow));
        words.extend(slow);
        for (is, word) in [
            (self.full, "disk is full"),
            (self.lies, "disk lies"),
            (self.fails, "next sync fails"),
            (self.tears, "disk tears writes"),
            (self.misdirects, "next write goes astray"),
        ] {
            words.extend(is.then(|| word.to_owned()));
        }
        words.extend(self.damage.map(|it| match it {
            Damage::Rotten => "disk is damaged".to_owned(),
            Damage::RolledBack => "disk is rolled back".to_owned(),
            Damage::Truncated => "disk is cut short".to_owned(),
        }));
        words
    }
}

/// Whether a fault may make a disk hold less than it said.
pub fn spoils(fault: DiskFault) -> bool {
    match fault {
        DiskFault::Fine
        | DiskFault::Slow(_)
        | DiskFault::Full
        | DiskFault::Fails
        | DiskFault::Tears => false,
        DiskFault::Lies
        | DiskFault::Misdirects
        | DiskFault::Rots
        | DiskFault::RollsBack
        | DiskFault::Truncates => true,
    }
}
