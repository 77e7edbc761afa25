//! The log of a server: entries by index, from 1; the first of them may have given way to a snapshot (§7).

use crate::parts::log::{Log, Slice};

use super::{Entry, Index, Term};

/// The entries behind `base`. Copies are free.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// The last entry that a snapshot stands for, and its term; 0 while nothing was discarded.
    base: Index,
    base_term: Term,
    log: Log<Entry>,
    /// How often the log was changed before its beginning was last discarded.
    earlier: u32,
}

impl Entries {
    /// These, from index 1 on.
    pub fn new(log: Log<Entry>) -> Entries {
        Entries {
            log,
            ..Entries::default()
        }
    }

    /// The last index that is gone: a snapshot stands for all up to it.
    pub fn base(&self) -> Index {
        self.base
    }

    /// The entries that are still there.
    pub fn log(&self) -> &Log<Entry> {
        &self.log
    }

    /// The index of the last entry.
    pub fn last_index(&self) -> Index {
        self.base + u64::from(self.log.len())
    }

    /// The term of the entry at `index`; 0 before the first, and where nothing is known any more or yet.
    pub fn term_at(&self, index: Index) -> Term {
        if index == self.base {
            return self.base_term;
        }
        self.place(index)
            .and_then(|it| self.log.look(it, |it| it.term))
            .unwrap_or(0)
    }

    /// The entry at `index`, which must be there.
    ///
    /// # Panics
    /// When it is not.
    pub fn at(&self, index: Index) -> Entry {
        self.log
            .at(self.place(index).expect("the entry is not discarded"))
    }

    /// The entry at `index`, if it is there.
    pub fn get(&self, index: Index) -> Option<Entry> {
        self.log.get(self.place(index)?)
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, entry: Entry) {
        self.log.push(entry);
    }

    /// Adds the entries of a message at the end.
    pub fn extend(&mut self, entries: &Slice<Entry>) {
        self.log.extend(entries);
    }

    /// Forgets everything behind `index`.
    pub fn truncate(&mut self, index: Index) {
        self.log.truncate(index.saturating_sub(self.base) as u32);
    }

    /// The entries behind `after`, up to and with `to`, as a message carries them.
    pub fn slice(&self, after: Index, to: Index) -> Slice<Entry> {
        let place = |it: Index| it.saturating_sub(self.base) as u32;
        self.log.slice(place(after), place(to))
    }

    /// Calls `visit` with the entries from `from` on.
    pub fn with<R>(&self, from: Index, visit: impl FnOnce(&[Entry]) -> R) -> R {
        let from = from.saturating_sub(self.base + 1) as u32;
        self.log.with(from, u32::MAX, visit)
    }

    /// Discards the entries up to `index`, for which a snapshot stands now. Those behind it stay.
    pub fn discard(&mut self, index: Index) {
        let (term, from) = (self.term_at(index), index.saturating_sub(self.base) as u32);
        self.earlier = self.changes().wrapping_add(1);
        self.log = self
            .log
            .with(from, u32::MAX, |it| it.iter().copied().collect());
        (self.base, self.base_term) = (index, term);
    }

    /// Discards everything: a snapshot of somebody else stands for all up to `index`.
    pub fn restart(&mut self, index: Index, term: Term) {
        self.earlier = self.changes().wrapping_add(1);
        self.log = Log::default();
        (self.base, self.base_term) = (index, term);
    }

    /// A number that is another after every change.
    pub fn changes(&self) -> u32 {
        self.earlier.wrapping_add(self.log.changes())
    }

    /// Whether the other is this log, unchanged. Asked in constant time, so equal logs of different origin do not
    /// count.
    pub fn is_still(&self, other: &Entries) -> bool {
        self.base == other.base && self.log.is_still(&other.log)
    }

    /// Whether both have the same entry at `index`; `None` when one of them has none there.
    pub fn agrees_at(&self, index: Index, other: &Entries) -> Option<bool> {
        if self.base == other.base {
            return self.log.agrees_at(self.place(index)?, &other.log);
        }
        Some(self.get(index)? == other.get(index)?)
    }

    /// The last index up to which both have the same, as far as both still have their entries.
    pub fn agree_until(&self, other: &Entries) -> Index {
        if self.base == other.base {
            return self.base + u64::from(self.log.common_prefix(&other.log));
        }
        let end = self.last_index().min(other.last_index());
        let from = self.base.max(other.base);
        let differ = (from + 1..=end).find(|it| self.agrees_at(*it, other) == Some(false));
        differ.map_or(end, |it| it - 1)
    }

    fn place(&self, index: Index) -> Option<u32> {
        u32::try_from(index.checked_sub(self.base + 1)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::consensus::raft::Command;

    fn entries(terms: &[Term]) -> Entries {
        let entry = |term: &Term| Entry {
            term: *term,
            command: Command::Noop,
        };
        Entries::new(terms.iter().map(entry).collect())
    }

    #[test]
    fn what_is_discarded_keeps_its_place() {
        let whole = entries(&[1, 1, 2, 3]);
        let mut short = whole.clone();
        short.discard(2);
        assert_eq!((short.base(), short.last_index()), (2, 4));
        let terms = [0, 1, 2, 3, 4, 5].map(|it| short.term_at(it));
        assert_eq!(terms, [0, 0, 1, 2, 3, 0]);
        assert_eq!((short.get(2), short.at(3).term), (None, 2));
        assert_eq!(short.slice(3, 4).len(), 1);
        assert_eq!(short.agree_until(&whole), 4);
        assert_eq!(short.agrees_at(2, &whole), None);
        short.truncate(3);
        short.push(entries(&[7]).at(1));
        assert_eq!(short.agree_until(&whole), 3);
        short.truncate(1);
        assert_eq!(short.last_index(), 2, "a snapshot is not cut");
        short.restart(9, 4);
        assert_eq!((short.last_index(), short.term_at(9)), (9, 4));
    }
}
