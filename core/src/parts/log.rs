//! An append-only sequence whose copies cost nothing.
//!
//! Replicated logs, traces and histories are copied all the time: to disk, into messages, into snapshots for time
//! travel. A [`Log`] is a shared buffer and a length. Whoever stands at the end of the buffer appends in place; a copy
//! that is shorter and appends something else gets a buffer of its own; one that appends the same again (as a replay
//! does) moves along the old one. What a copy can see never changes under it.

use std::cell::RefCell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use serde::{Serialize, Serializer};

use crate::trace::PayloadHasher;

/// From so many items on, memory matters more than the time it takes to move them.
const LONG: usize = 16_384;

/// The sequence. Clone and truncate in constant time, append in amortised constant time.
pub struct Log<T> {
    buffer: Rc<Buffer<T>>,
    len: u32,
    changes: u32,
}

/// What copies of a log share. It only grows.
struct Buffer<T> {
    items: RefCell<Vec<T>>,
    /// For as many items as somebody has asked for: the hash of all up to and with this one. See [`Buffer::hash`].
    hashes: RefCell<Vec<u64>>,
}

/// By so much the hash of some items is multiplied before that of the next is added. Odd, so that nothing is lost.
const HASH_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl<T> Buffer<T> {
    fn of(items: Vec<T>) -> Buffer<T> {
        Buffer {
            items: RefCell::new(items),
            hashes: RefCell::default(),
        }
    }
}

impl<T: Hash> Buffer<T> {
    /// Hashes items that nobody has asked for, up to `to`.
    #[inline(never)]
    fn hash_on(&self, hashes: &mut Vec<u64>, to: u32) {
        for item in &self.items.borrow()[hashes.len()..to as usize] {
            let before = hashes.last().copied().unwrap_or(0);
            let with = before.wrapping_mul(HASH_FACTOR);
            hashes.push(with.wrapping_add(PayloadHasher::of(item)));
        }
    }

    /// A hash of the items from `from` up to `to`, wherever they stand.
    ///
    /// A leader sends the same entries again and again, in ever other slices. So each item is hashed once, and the
    /// hash of a slice is what the hash of all up to its end has more than that of all before it.
    fn hash(&self, from: u32, to: u32) -> u64 {
        let mut hashes = self.hashes.borrow_mut();
        if hashes.len() < to as usize {
            self.hash_on(&mut hashes, to);
        }
        let until = |it: u32| it.checked_sub(1).map_or(0, |it| hashes[it as usize]);
        // Most slices are short.
        let factor = match to - from {
            0 => return 0,
            1 => HASH_FACTOR,
            many => HASH_FACTOR.wrapping_pow(many),
        };
        let before = until(from).wrapping_mul(factor);
        until(to).wrapping_sub(before)
    }
}

impl<T: Clone + PartialEq> Log<T> {
    /// How many items there are.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How often it was changed, copies from which it comes included: whoever watches one log over time sees by it
    /// whether there is anything new.
    pub fn changes(&self) -> u32 {
        self.changes
    }

    /// The item at `index`, from 0.
    pub fn get(&self, index: u32) -> Option<T> {
        self.look(index, T::clone)
    }

    /// The item at `index`, which must be there. Cheaper than [`Log::get`] for large items, since nothing is wrapped.
    ///
    /// # Panics
    /// When there are not so many items.
    pub fn at(&self, index: u32) -> T {
        assert!(index < self.len, "no item {index} in a log of {}", self.len);
        self.buffer.items.borrow()[index as usize].clone()
    }

    /// What `look` finds in the item at `index`, without a copy of the whole item.
    pub fn look<R>(&self, index: u32, look: impl FnOnce(&T) -> R) -> Option<R> {
        if index >= self.len {
            return None;
        }
        self.buffer.items.borrow().get(index as usize).map(look)
    }

    /// The last item.
    pub fn last(&self) -> Option<T> {
        self.get(self.len.checked_sub(1)?)
    }

    /// Adds an item at the end.
    pub fn push(&mut self, item: T) {
        let at = self.len as usize;
        let mut buffer = self.buffer.items.borrow_mut();
        if buffer.len() == at {
            // A long buffer grows by a quarter: twice its size would be memory that is never used.
            if at == buffer.capacity() && at >= LONG {
                buffer.reserve_exact(at / 4);
            }
            buffer.push(item);
        } else if buffer[at] != item {
            let mut own = buffer[..at].to_vec();
            own.push(item);
            drop(buffer);
            self.buffer = Rc::new(Buffer::of(own));
        }
        self.len += 1;
        self.changes = self.changes.wrapping_add(1);
    }

    /// Adds the items of a slice at the end. Where the slice only goes on with what is here, both share one memory from
    /// then on, if they can: copies of one log on several machines cost as much as one.
    pub fn extend(&mut self, items: &Slice<T>) {
        if items.from == self.len && self.lies_in(items) {
            self.len = items.log.len;
            self.changes = self.changes.wrapping_add(items.len());
        } else {
            (0..items.len()).for_each(|it| self.push(items.at(it)));
        }
    }

    /// Whether everything here lies in the memory of the slice, just before it. Goes over to that memory where another
    /// place would have to be found for everything anyway: to compare it costs no more.
    fn lies_in(&mut self, items: &Slice<T>) -> bool {
        if self.shares_memory_with(&items.log) || items.is_empty() {
            return true;
        }
        let must_move = {
            let (at, buffer) = (self.len as usize, self.buffer.items.borrow());
            match buffer.get(at) {
                Some(item) => *item != items.at(0),
                None => at == buffer.capacity(),
            }
        };
        let moves = must_move && self.common_prefix(&items.log) == self.len;
        if moves {
            self.buffer = items.log.buffer.clone();
        }
        moves
    }

    /// Forgets everything from index `len` on.
    pub fn truncate(&mut self, len: u32) {
        if len < self.len {
            self.len = len;
            self.changes = self.changes.wrapping_add(1);
        }
    }

    /// Calls `visit` with the items from index `from` up to `to`, as far as there are any.
    pub fn with<R>(&self, from: u32, to: u32, visit: impl FnOnce(&[T]) -> R) -> R {
        let to = to.min(self.len) as usize;
        let from = (from as usize).min(to);
        visit(&self.buffer.items.borrow()[from..to])
    }

    /// All items, copied.
    pub fn to_vec(&self) -> Vec<T> {
        self.with(0, self.len, <[T]>::to_vec)
    }

    /// The items from index `from` up to `to`, sharing this log's memory.
    pub fn slice(&self, from: u32, to: u32) -> Slice<T> {
        let to = to.min(self.len);
        Slice {
            log: Log {
                buffer: self.buffer.clone(),
                len: to,
                changes: self.changes,
            },
            from: from.min(to),
        }
    }

    /// Whether both look at the same memory, so that the shorter one is a prefix of the longer.
    pub fn shares_memory_with(&self, other: &Log<T>) -> bool {
        Rc::ptr_eq(&self.buffer, &other.buffer)
    }

    /// Whether the other is this log, unchanged. Asked in constant time, so equal logs of different origin do not
    /// count.
    pub fn is_still(&self, other: &Log<T>) -> bool {
        self.len == other.len && self.shares_memory_with(other)
    }

    /// Whether both have the same item at `index`; `None` when one of them has none there.
    pub fn agrees_at(&self, index: u32, other: &Log<T>) -> Option<bool> {
        if index >= self.len.min(other.len) {
            return None;
        }
        let at = index as usize;
        Some(
            self.shares_memory_with(other)
                || self.buffer.items.borrow()[at] == other.buffer.items.borrow()[at],
        )
    }

    /// How many items at the start both have in common.
    pub fn common_prefix(&self, other: &Log<T>) -> u32 {
        let shortest = self.len.min(other.len);
        if self.shares_memory_with(other) {
            return shortest;
        }
        let (mine, theirs) = (self.buffer.items.borrow(), other.buffer.items.borrow());
        let differ = (0..shortest as usize).find(|it| mine[*it] != theirs[*it]);
        differ.map_or(shortest, |it| it as u32)
    }
}

/// A part of a [`Log`], with no items of its own: what a message carries.
pub struct Slice<T> {
    log: Log<T>,
    from: u32,
}

impl<T: Clone + PartialEq> Slice<T> {
    /// No items.
    pub fn empty() -> Slice<T> {
        Slice {
            log: Log::default(),
            from: 0,
        }
    }

    /// How many items there are.
    pub fn len(&self) -> u32 {
        self.log.len - self.from
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at `index` of the slice, from 0.
    pub fn get(&self, index: u32) -> Option<T> {
        self.log.get(self.from.checked_add(index)?)
    }

    /// The item at `index` of the slice, which must be there.
    ///
    /// # Panics
    /// When there are not so many items.
    pub fn at(&self, index: u32) -> T {
        self.log.at(self.from.saturating_add(index))
    }

    /// The items from index `from` of the slice on.
    pub fn after(&self, from: u32) -> Slice<T> {
        self.log.slice(self.from.saturating_add(from), self.log.len)
    }

    /// What `look` finds in the item at `index` of the slice, without a copy of the whole item.
    pub fn look<R>(&self, index: u32, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.log.look(self.from.checked_add(index)?, look)
    }

    /// Calls `visit` with the items.
    pub fn with<R>(&self, visit: impl FnOnce(&[T]) -> R) -> R {
        self.log.with(self.from, self.log.len, visit)
    }
}

impl<T> Default for Log<T> {
    fn default() -> Log<T> {
        Log {
            buffer: Rc::new(Buffer::of(Vec::new())),
            len: 0,
            changes: 0,
        }
    }
}

impl<T> Clone for Log<T> {
    fn clone(&self) -> Log<T> {
        Log {
            buffer: self.buffer.clone(),
            len: self.len,
            changes: self.changes,
        }
    }

    fn clone_from(&mut self, other: &Log<T>) {
        if !Rc::ptr_eq(&self.buffer, &other.buffer) {
            self.buffer = other.buffer.clone();
        }
        self.len = other.len;
        self.changes = other.changes;
    }
}

impl<T: Clone + PartialEq> PartialEq for Log<T> {
    fn eq(&self, other: &Log<T>) -> bool {
        self.len == other.len && self.common_prefix(other) == self.len
    }
}

impl<T: Clone + PartialEq> FromIterator<T> for Log<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Log<T> {
        let items: Vec<T> = items.into_iter().collect();
        let len = u32::try_from(items.len()).expect("a log has fewer than 2^32 items");
        Log {
            buffer: Rc::new(Buffer::of(items)),
            len,
            changes: 0,
        }
    }
}

impl<T: Clone + PartialEq + fmt::Debug> fmt::Debug for Log<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(0, self.len, |it| it.fmt(f))
    }
}

impl<T: Clone + PartialEq + Serialize> Serialize for Log<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with(0, self.len, |it| serializer.collect_seq(it))
    }
}

impl<T> Clone for Slice<T> {
    fn clone(&self) -> Slice<T> {
        Slice {
            log: self.log.clone(),
            from: self.from,
        }
    }
}

impl<T: Clone + PartialEq> PartialEq for Slice<T> {
    fn eq(&self, other: &Slice<T>) -> bool {
        self.with(|mine| other.with(|theirs| mine == theirs))
    }
}

impl<T: Clone + PartialEq + Hash> Hash for Slice<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.len());
        state.write_u64(self.log.buffer.hash(self.from, self.log.len));
    }
}

impl<T: Clone + PartialEq + fmt::Debug> fmt::Debug for Slice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|it| it.fmt(f))
    }
}

impl<T: Clone + PartialEq + Serialize> Serialize for Slice<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with(|it| serializer.collect_seq(it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_never_sees_another_change() {
        let mut one: Log<u32> = (0..5).collect();
        let mut two = one.clone();
        one.push(5);
        two.push(50);
        two.truncate(3);
        two.push(30);
        assert_eq!(one.to_vec(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(two.to_vec(), [0, 1, 2, 30]);
        assert_eq!(one.common_prefix(&two), 3);
    }

    #[test]
    fn a_replay_moves_along_the_old_memory() {
        let one: Log<u32> = (0..5).collect();
        let mut again = one.clone();
        again.truncate(2);
        again.push(2);
        assert!(again.shares_memory_with(&one));
        again.push(9);
        assert!(!again.shares_memory_with(&one));
        assert_eq!(one.to_vec(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn logs_that_go_on_alike_come_to_share_their_memory() {
        let mut one: Log<u32> = (0..5).collect();
        let mut two = Log::default();
        two.extend(&one.slice(0, 3));
        assert!(two.shares_memory_with(&one));
        one.push(5);
        two.extend(&one.slice(3, 9));
        assert_eq!((two.to_vec(), two.changes()), (vec![0, 1, 2, 3, 4, 5], 6));
        let mut other: Log<u32> = (0..2).collect();
        other.push(20);
        other.extend(&one.slice(3, 4));
        assert_eq!(other.to_vec(), [0, 1, 20, 3]);
        other.truncate(2);
        other.extend(&one.slice(2, 5));
        assert!(
            other.shares_memory_with(&one),
            "what was behind is in the way"
        );
        assert_eq!(other.to_vec(), [0, 1, 2, 3, 4]);
        other.extend(&one.slice(0, 1));
        assert_eq!((other.len(), other.last()), (6, Some(0)));
        assert_eq!((one.to_vec(), two.len()), (vec![0, 1, 2, 3, 4, 5], 6));
        assert_eq!(one.agrees_at(4, &two), Some(true));
        assert_eq!(one.agrees_at(5, &other), Some(false));
        assert_eq!(one.agrees_at(6, &other), None);
    }

    #[test]
    fn slices_are_equal_by_content() {
        let one: Log<u32> = (0..5).collect();
        let two: Log<u32> = (2..9).collect();
        assert_eq!(one.slice(2, 5), two.slice(0, 3));
        assert_eq!(one.slice(2, 5).get(1), Some(3));
        let hash = |it: &Slice<u32>| PayloadHasher::of(it);
        assert_eq!(hash(&one.slice(2, 5)), hash(&two.slice(0, 3)));
        assert_eq!(hash(&one.slice(2, 2)), hash(&two.slice(7, 7)));
        let hashes = |it: u32| (it..=5).map(move |to| (it, to));
        let mut all: Vec<u64> = (0..5)
            .flat_map(hashes)
            .filter(|it| it.0 < it.1)
            .map(|it| hash(&one.slice(it.0, it.1)))
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(
            all.len(),
            15,
            "no two slices of different content are alike"
        );
        assert_eq!(one.slice(4, 99).len(), 1);
        assert!(one.slice(7, 9).is_empty());
    }
}
