//! Where the records of a run are kept: in pieces that its copies and branches share, the oldest of which can be let
//! go.
//!
//! A run is copied all the time, for snapshots and for branches, and may go on for ever. So [`Records`] is a shared
//! shelf of pieces and a length. Whoever stands at the end appends in place; whoever appends something else further
//! back gets a shelf of its own, which shares every whole piece before that place; a replay moves along what is
//! there. When the oldest pieces have been let go, the numbers of the others stay; of what is gone, the turns of the
//! story are kept. A replay of a time whose records are gone keeps those that it makes on a small shelf beside, until
//! it has caught up.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use super::{HostId, Kind, Record};
use crate::sim::time::Time;

/// So many records make a piece.
pub const PIECE: u32 = 4_096;

/// What a piece takes: 96 KiB.
pub const PIECE_BYTES: usize = PIECE as usize * size_of::<Packed>();

/// Bits for the time of a packed record: 13 days, more than text can name.
const TIME: u32 = 50;

/// A record without what it shares with its neighbours: 24 bytes in place of 32.
#[derive(Clone, Copy, Debug)]
struct Packed {
    /// In the lower bits the time, above it the steps since the first record of the piece.
    moment: u64,
    cause: u32,
    item: u32,
    host: HostId,
    peer: HostId,
    kind: Kind,
    label: u8,
    tint: u16,
}

impl Packed {
    /// The record packed, in a piece that begins with step `first`; `None` when a number is too large for that.
    #[inline]
    fn of(record: Record, first: u32) -> Option<Packed> {
        let steps = u64::from(record.step.checked_sub(first)?);
        let fits = record.time.0 >> TIME == 0 && steps >> (u64::BITS - TIME) == 0;
        fits.then_some(Packed {
            moment: steps << TIME | record.time.0,
            cause: record.cause,
            item: record.item,
            host: record.host,
            peer: record.peer,
            kind: record.kind,
            label: record.label,
            tint: record.tint,
        })
    }

    fn unpack(self, first: u32) -> Record {
        Record {
            time: Time(self.moment & (u64::MAX >> (u64::BITS - TIME))),
            step: first + (self.moment >> TIME) as u32,
            cause: self.cause,
            item: self.item,
            host: self.host,
            peer: self.peer,
            kind: self.kind,
            label: self.label,
            tint: self.tint,
        }
    }
}

/// Consecutive records.
#[derive(Clone, Debug)]
enum Piece {
    /// The step of the first record, and the records.
    Packed(u32, Vec<Packed>),
    /// Records that are too far apart to be packed.
    Whole(Vec<Record>),
}

impl Piece {
    /// An empty piece with room for so many records, the first of them in step `first`.
    fn with_room(room: usize, first: u32) -> Piece {
        Piece::Packed(first, Vec::with_capacity(room))
    }

    fn len(&self) -> usize {
        match self {
            Piece::Packed(_, records) => records.len(),
            Piece::Whole(records) => records.len(),
        }
    }

    fn get(&self, at: usize) -> Option<Record> {
        match self {
            Piece::Packed(first, records) => records.get(at).map(|it| it.unpack(*first)),
            Piece::Whole(records) => records.get(at).copied(),
        }
    }

    /// The records from place `from` up to `to`, as far as there are any.
    fn range(&self, from: usize, to: usize) -> impl Iterator<Item = Record> + '_ {
        (from..to.min(self.len())).filter_map(|it| self.get(it))
    }

    #[inline(always)]
    fn push(&mut self, record: Record) {
        if let Piece::Packed(first, records) = self {
            if let Some(packed) = Packed::of(record, *first) {
                return records.push(packed);
            }
        }
        self.push_whole(record);
    }

    /// The same, where it is seldom done.
    #[cold]
    fn push_again(&mut self, record: Record) {
        self.push(record);
    }

    #[cold]
    fn push_whole(&mut self, record: Record) {
        if let Piece::Packed(..) = self {
            let mut whole = Vec::with_capacity(PIECE as usize);
            whole.extend(self.range(0, usize::MAX));
            *self = Piece::Whole(whole);
        }
        if let Piece::Whole(records) = self {
            records.push(record);
        }
    }

    /// A piece of its own of the first so many records.
    fn beginning(&self, len: usize) -> Piece {
        match self {
            Piece::Packed(first, records) => {
                Piece::Packed(*first, records[..len.min(records.len())].to_vec())
            }
            Piece::Whole(records) => Piece::Whole(records[..len.min(records.len())].to_vec()),
        }
    }

    /// What it takes, in bytes.
    fn bytes(&self) -> usize {
        match self {
            Piece::Packed(_, records) => records.capacity() * size_of::<Packed>(),
            Piece::Whole(records) => records.capacity() * size_of::<Record>(),
        }
    }
}

/// So many pieces a replay keeps of a time whose records were let go.
const BESIDE_MAX: usize = 32;

/// So many turns of the story are kept of what was let go.
const TURNS_MAX: usize = 40_000;

/// Pieces of one course of events, for all its copies.
#[derive(Clone, Debug, Default)]
struct Shelf {
    /// Everything before this was let go.
    first: u32,
    /// The number of the first piece that is there.
    lowest: u32,
    /// The number that the next record gets.
    end: u32,
    pieces: VecDeque<Rc<Piece>>,
    /// The hash of the trace after each whole piece, from the first one on, those that are gone among them. A shelf
    /// beside another does not know the first ones.
    hashes: Vec<Option<u64>>,
    /// Turns of the story in what was let go.
    turns: Rc<Vec<(u32, Record)>>,
}

impl Shelf {
    fn place(&self, id: u32) -> Option<(usize, usize)> {
        let piece = (id / PIECE).checked_sub(self.lowest)?;
        (id >= self.first).then_some((piece as usize, (id % PIECE) as usize))
    }

    fn get(&self, id: u32) -> Option<Record> {
        let (piece, at) = self.place(id)?;
        self.pieces.get(piece)?.get(at)
    }

    /// A shelf for what follows the first `len` records, which are the same as here.
    fn parted(&self, len: u32) -> Shelf {
        let whole = ((len / PIECE).saturating_sub(self.lowest)) as usize;
        let mut pieces: VecDeque<_> = self.pieces.iter().take(whole).cloned().collect();
        let rest = (len % PIECE) as usize;
        if let Some(last) = self.pieces.get(whole).filter(|_| rest > 0) {
            pieces.push_back(Rc::new(last.beginning(rest)));
        }
        Shelf {
            first: self.first,
            lowest: self.lowest,
            end: len,
            pieces,
            hashes: self.hashes[..((len / PIECE) as usize).min(self.hashes.len())].to_vec(),
            turns: self.turns.clone(),
        }
    }

    /// An empty shelf for records from number `len` on, which were let go here.
    fn beside(&self, len: u32, record: Record) -> Shelf {
        // What lies before is never looked at; it only fills the piece, so that numbers give places.
        let mut filler = Piece::with_room((len % PIECE) as usize, record.step);
        (0..len % PIECE).for_each(|_| filler.push(record));
        let before = self.turns.partition_point(|it| it.0 < len);
        Shelf {
            first: len,
            lowest: len / PIECE,
            end: len,
            // A piece is begun by its first record.
            pieces: Some(filler)
                .filter(|it| it.len() > 0)
                .map(Rc::new)
                .into_iter()
                .collect(),
            hashes: vec![None; (len / PIECE) as usize],
            turns: Rc::new(self.turns[..before].to_vec()),
        }
    }

    /// Adds the next record.
    #[inline(always)]
    fn append(&mut self, record: Record) {
        if self.end % PIECE == 0 {
            self.begin_piece(record.step);
        }
        if let Some(last) = self.pieces.back_mut() {
            match Rc::get_mut(last) {
                Some(last) => last.push(record),
                None => Rc::make_mut(last).push_again(record),
            }
        }
        self.end += 1;
    }

    #[inline(never)]
    fn begin_piece(&mut self, step: u32) {
        // The first piece grows as it is needed: most runs are short.
        let room = if self.end == 0 { 16 } else { PIECE as usize };
        self.pieces.push_back(Rc::new(Piece::with_room(room, step)));
    }

    fn forget_before(&mut self, id: u32) {
        let lowest = id / PIECE;
        let mut turns: Vec<(u32, Record)> = Vec::new();
        while self.lowest < lowest && self.pieces.len() > 1 {
            let Some(piece) = self.pieces.pop_front() else {
                return;
            };
            let ids = self.lowest * PIECE..;
            let kept = ids.zip(piece.range(0, usize::MAX));
            turns.extend(kept.filter(|it| it.0 >= self.first && it.1.is_interesting()));
            self.lowest += 1;
            self.first = self.lowest * PIECE;
        }
        if turns.is_empty() {
            return;
        }
        let all = Rc::make_mut(&mut self.turns);
        all.append(&mut turns);
        while all.len() > TURNS_MAX {
            // Faults are few, and bars on the time line need both their ends.
            let mut odd = false;
            all.retain(|it| {
                odd = !odd;
                odd || it.1.kind == super::Kind::Fault
            });
            if all.len() > TURNS_MAX {
                all.drain(..TURNS_MAX / 2);
            }
        }
    }
}

/// The records of one course of events. A copy costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Records {
    shelf: Rc<RefCell<Shelf>>,
    len: u32,
    /// The shelf that a replay of what was let go comes back to.
    caught_up: Option<Rc<RefCell<Shelf>>>,
}

impl Records {
    /// How many events there were: the number that the next one gets.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of the first event that is kept; zero while everything is.
    pub fn first(&self) -> u32 {
        self.shelf.borrow().first.min(self.len)
    }

    /// The event of this number, if it has happened and is kept.
    pub fn get(&self, id: u32) -> Option<Record> {
        if id >= self.len {
            return None;
        }
        self.shelf.borrow().get(id)
    }

    /// The last event.
    pub fn last(&self) -> Option<Record> {
        self.get(self.len.checked_sub(1)?)
    }

    /// Adds an event; `hash` is the hash of the trace with it.
    #[inline(always)]
    pub(super) fn push(&mut self, record: Record, hash: u64) {
        let id = self.len;
        let mut shelf = self.shelf.borrow_mut();
        let is_new = shelf.end == id && id >= shelf.first;
        if is_new {
            shelf.append(record);
        }
        drop(shelf);
        if !is_new {
            self.push_again(id, record);
        }
        self.len += 1;
        if self.len % PIECE == 0 {
            self.end_piece(hash);
        }
    }

    /// Adds an event where there are others already: the same ones, which a replay makes again, or another course.
    #[inline(never)]
    fn push_again(&mut self, id: u32, record: Record) {
        if id < self.shelf.borrow().first {
            let beside = self.shelf.borrow().beside(id, record);
            let beside = Rc::new(RefCell::new(beside));
            self.caught_up = Some(std::mem::replace(&mut self.shelf, beside));
        }
        let same = self.shelf.borrow().get(id).map(|it| it == record);
        if same == Some(false) {
            let parted = self.shelf.borrow().parted(id);
            self.shelf = Rc::new(RefCell::new(parted));
        }
        if same != Some(true) {
            self.shelf.borrow_mut().append(record);
        }
    }

    /// A piece is full.
    #[inline(never)]
    fn end_piece(&mut self, hash: u64) {
        let piece = (self.len / PIECE) as usize - 1;
        {
            let mut shelf = self.shelf.borrow_mut();
            if shelf.hashes.len() == piece {
                shelf.hashes.push(Some(hash));
            }
            if self.caught_up.is_some() && shelf.pieces.len() > BESIDE_MAX {
                shelf.lowest += 1;
                shelf.first = shelf.first.max(shelf.lowest * PIECE);
                shelf.pieces.pop_front();
            }
        }
        let Some(main) = self.caught_up.take() else {
            return;
        };
        let same = main.borrow().hashes.get(piece) == Some(&Some(hash));
        let kept = main.borrow().first + PIECE <= self.len;
        match (same, kept) {
            (true, true) => self.shelf = main,
            (true, false) => self.caught_up = Some(main),
            // Another course of events: it stays on its own shelf.
            (false, _) => {}
        }
    }

    /// Calls `visit` with the events numbered `from` up to `to`, as far as they are kept: the first of them is number
    /// `from`, or [`Records::first`] when that is later.
    pub fn with<R>(&self, from: u32, to: u32, visit: impl FnOnce(&[Record]) -> R) -> R {
        let shelf = self.shelf.borrow();
        let to = to.min(self.len);
        let from = from.max(shelf.first).min(to);
        let (Some(start), true) = (shelf.place(from), from < to) else {
            return visit(&[]);
        };
        let count = (to - from) as usize;
        let mut unpacked = Vec::with_capacity(count);
        let mut at = start.1;
        for piece in shelf.pieces.range(start.0..) {
            unpacked.extend(piece.range(at, at + count - unpacked.len()));
            at = 0;
        }
        visit(&unpacked)
    }

    /// Calls `visit` with the number of each event from `from` up to `to` and the event, as far as they are kept,
    /// until it returns `false`. For stretches that are too long to be copied.
    pub fn each(&self, from: u32, to: u32, mut visit: impl FnMut(u32, &Record) -> bool) {
        let shelf = self.shelf.borrow();
        let to = to.min(self.len);
        let mut id = from.max(shelf.first);
        while id < to {
            let Some((piece, at)) = shelf.place(id) else {
                return;
            };
            let Some(piece) = shelf.pieces.get(piece).filter(|it| at < it.len()) else {
                return;
            };
            for record in piece.range(at, at + (to - id) as usize) {
                if !visit(id, &record) {
                    return;
                }
                id += 1;
            }
        }
    }

    /// The number of the first kept event for which `before` no longer holds; it must hold for all before that one.
    pub fn partition_point(&self, before: impl Fn(&Record) -> bool) -> u32 {
        let shelf = self.shelf.borrow();
        let (mut low, mut high) = (shelf.first.min(self.len), self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            if shelf.get(middle).is_some_and(|it| before(&it)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The turns of the story that are known of what was let go, with their numbers.
    pub fn old_turns(&self) -> Rc<Vec<(u32, Record)>> {
        self.shelf.borrow().turns.clone()
    }

    /// All events that are kept, copied.
    pub fn to_vec(&self) -> Vec<Record> {
        self.with(0, self.len, <[Record]>::to_vec)
    }

    /// Whether both look at the same memory, so that the shorter one is a prefix of the longer.
    pub fn shares_memory_with(&self, other: &Records) -> bool {
        Rc::ptr_eq(&self.shelf, &other.shelf)
    }

    /// Lets go of whole pieces before event number `id`, for every copy that shares them; their turns of the story
    /// are kept. Numbers, hashes and replays stay as they are.
    pub fn forget_before(&self, id: u32) {
        self.shelf.borrow_mut().forget_before(id);
    }

    /// Adds up what the pieces take, in bytes, counting none that is in `seen` already.
    pub fn bytes(&self, seen: &mut BTreeSet<usize>) -> usize {
        let shelf = self.shelf.borrow();
        let pieces = shelf.pieces.iter();
        let new = pieces.filter(|it| seen.insert(Rc::as_ptr(it) as usize));
        let records: usize = new.map(|it| it.bytes()).sum();
        let turns = if seen.insert(Rc::as_ptr(&shelf.turns) as usize) {
            shelf.turns.capacity()
        } else {
            0
        };
        records + turns * size_of::<(u32, Record)>()
    }

    /// The first event in which two traces differ, by number; `None` when one is the beginning of the other. What was
    /// let go in either is not compared.
    pub fn first_difference(&self, other: &Records) -> Option<u32> {
        let until = self.len.min(other.len);
        if self.shares_memory_with(other) {
            return None;
        }
        let theirs = other.shelf.borrow();
        let mut found = None;
        self.each(self.first().max(theirs.first), until, |id, record| {
            if theirs.get(id) != Some(*record) {
                found = Some(id);
            }
            found.is_none()
        });
        found
    }
}

impl PartialEq for Records {
    fn eq(&self, other: &Records) -> bool {
        self.len == other.len
            && self.first() == other.first()
            && self.first_difference(other).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::time::Time;
    use crate::trace::{HostId, Kind, NO_EVENT};

    fn record(id: u32, item: u32) -> Record {
        Record {
            time: Time(u64::from(id)),
            step: id,
            cause: NO_EVENT,
            item,
            host: HostId::WORLD,
            peer: HostId::WORLD,
            kind: if id % 1_000 == 0 {
                Kind::Note
            } else {
                Kind::Sync
            },
            label: 0,
            tint: 0,
        }
    }

    fn run_on(records: &mut Records, to: u32, item: u32) {
        for id in records.len()..to {
            records.push(record(id, item), u64::from(id) << 8 | u64::from(item));
        }
    }

    #[test]
    fn a_branch_shares_whole_pieces_and_sees_no_other() {
        let mut one = Records::default();
        run_on(&mut one, 3 * PIECE + 10, 0);
        let mut two = Records::default();
        run_on(&mut two, 2 * PIECE + 5, 0);
        let mut branch = one.clone();
        branch.len = 2 * PIECE + 5;
        assert!(branch == two);
        run_on(&mut branch, 4 * PIECE, 7);
        assert_eq!(one.first_difference(&branch), Some(2 * PIECE + 5));
        assert_eq!(one.get(3 * PIECE), Some(record(3 * PIECE, 0)));
        assert_eq!(branch.get(3 * PIECE), Some(record(3 * PIECE, 7)));
        let mut seen = BTreeSet::new();
        let alone = one.bytes(&mut seen);
        assert!(branch.bytes(&mut seen) < alone, "two pieces are shared");
    }

    #[test]
    fn what_is_too_far_apart_is_kept_whole() {
        for (time, step) in [(1 << TIME, 20), (20, 1 << 14), (u64::MAX, 1 << 30)] {
            let mut records = Records::default();
            run_on(&mut records, PIECE + 10, 0);
            let odd = Record {
                time: Time(time),
                step: PIECE + step,
                ..record(0, 7)
            };
            records.push(odd, 0);
            records.push(odd, 0);
            assert_eq!(records.get(PIECE + 9), Some(record(PIECE + 9, 0)));
            assert_eq!(records.get(PIECE + 10), Some(odd));
            assert_eq!(records.last(), Some(odd));
            let all = records.to_vec();
            assert_eq!(all.len() as u32, records.len());
            assert_eq!(all[PIECE as usize - 1], record(PIECE - 1, 0));
        }
    }

    #[test]
    fn a_replay_moves_along() {
        let mut one = Records::default();
        run_on(&mut one, 2 * PIECE, 0);
        let mut again = one.clone();
        again.len = 7;
        run_on(&mut again, 2 * PIECE, 0);
        assert!(again.shares_memory_with(&one));
    }

    #[test]
    fn what_was_let_go_keeps_its_numbers_and_its_turns() {
        let mut one = Records::default();
        run_on(&mut one, 10 * PIECE, 0);
        let old = one.clone();
        one.forget_before(3 * PIECE + 17);
        assert_eq!((one.first(), one.len()), (3 * PIECE, 10 * PIECE));
        assert_eq!(old.first(), 3 * PIECE, "for every copy");
        assert_eq!(one.get(3 * PIECE - 1), None);
        assert_eq!(one.get(3 * PIECE), Some(record(3 * PIECE, 0)));
        assert_eq!(one.partition_point(|it| it.step < 20_000), 20_000);
        assert_eq!(one.partition_point(|it| it.step < 5), 3 * PIECE);
        let turns = one.old_turns();
        assert_eq!(turns.len(), 13, "every thousandth up to 12,288");
        assert_eq!(turns[5], (5_000, record(5_000, 0)));
        one.with(0, 3 * PIECE + 2, |it| assert_eq!(it.len(), 2));
        one.with(3 * PIECE + 5, 5 * PIECE + 5, |it| {
            assert_eq!(it.len() as u32, 2 * PIECE);
            assert_eq!(it[0], record(3 * PIECE + 5, 0));
        });
    }

    #[test]
    fn a_replay_of_what_was_let_go_is_kept_beside_until_it_has_caught_up() {
        let mut one = Records::default();
        run_on(&mut one, 10 * PIECE, 0);
        let mut again = one.clone();
        again.len = 100;
        one.forget_before(3 * PIECE);
        run_on(&mut again, 300, 0);
        assert_eq!(again.get(150), Some(record(150, 0)));
        assert_eq!(again.first(), 100);
        run_on(&mut again, 4 * PIECE, 0);
        assert!(again.shares_memory_with(&one));
        // Where a piece begins, too.
        let mut edge = one.clone();
        edge.len = PIECE;
        run_on(&mut edge, PIECE + 3, 0);
        assert_eq!(edge.get(PIECE), Some(record(PIECE, 0)));
        assert_eq!((edge.first(), edge.to_vec().len()), (PIECE, 3));
        // Another course from there stays by itself.
        let mut other = one.clone();
        other.len = 100;
        run_on(&mut other, 9 * PIECE, 5);
        assert_eq!(other.first(), 100);
        assert_eq!(other.get(8 * PIECE), Some(record(8 * PIECE, 5)));
        assert_eq!(one.get(8 * PIECE), Some(record(8 * PIECE, 0)));
    }
}
