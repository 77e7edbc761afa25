//! What is still to come, in the order of time; what is due at the same moment, in the order in which it was planned.
//!
//! Most plans lie a few milliseconds ahead. So the near future is cut into slices of time, and a plan is put into its
//! slice unsorted; only the slice whose turn it is gets sorted, and is then taken from its end. What is planned for
//! that slice afterwards goes into a heap, and so does what lies beyond the last slice, until it comes near. The
//! order is that of one heap for all, and so is the worst case; the usual case costs half.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::time::Time;

/// Something that will happen. Who planned it remembers the [`Entry::sequence`] and so knows whether it still counts:
/// plans are not removed from the queue but forgotten by their owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A message arrives, or dies, by its place among the flights.
    Flight(u32),
    /// A timer of a node runs out, by its place among the node's timers.
    Timer(u16, u16),
    /// A node's disk has finished a write.
    Synced(u16),
    /// A node has finished its work.
    Ready(u16),
    /// A client's alarm.
    Client(u16),
    /// A request arrives that waits for nobody.
    Arrival,
}

/// An event and its place in the total order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// When.
    pub time: Time,
    /// The order of planning: no two are equal.
    pub sequence: u64,
    /// What.
    pub event: Event,
}

/// A slice lasts 2 to the power of this many nanoseconds: a quarter of a millisecond.
const SLICE: u32 = 18;

/// So many slices lie ahead: a quarter of a second. A power of two, so that going round is no division, and a multiple
/// of the bits in a word.
const SLICES: u64 = 1_024;

/// The bits of a sequence number in the key of an entry in its slice: more than a machine can count.
const SEQUENCE: u32 = u64::BITS - SLICE;

/// No entry, as a place.
const NONE: u32 = u32::MAX;

/// An entry in the slice that it is due in, whose number is known from where it lies.
#[derive(Clone, Copy, Debug)]
struct Near {
    /// When in its slice, in the upper bits, and the sequence number below: one word decides the order.
    key: u64,
    event: Event,
}

impl Near {
    fn of(entry: Entry) -> Near {
        debug_assert!(entry.sequence >> SEQUENCE == 0, "so many plans");
        Near {
            key: entry.time.0 << SEQUENCE | entry.sequence,
            event: entry.event,
        }
    }

    fn time(self, slice: u64) -> Time {
        Time(slice << SLICE | self.key >> SEQUENCE)
    }

    fn entry(self, slice: u64) -> Entry {
        Entry {
            time: self.time(slice),
            sequence: self.key & (u64::MAX >> SLICE),
            event: self.event,
        }
    }
}

/// An entry that waits in a slice, and the next one there.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    entry: Near,
    next: u32,
}

/// The queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// The entries of the present slice, the next one last.
    present: Vec<Near>,
    /// What was planned for the present slice when it was sorted already, or for a slice before it.
    late: BinaryHeap<Reverse<Entry>>,
    /// The number of the present slice, counted from time zero.
    slice: u64,
    /// For each slice of the near future the place of one entry in `waiting`; slices go round in a ring.
    heads: Vec<u32>,
    /// Which of `heads` have any, a bit each.
    full: Vec<u64>,
    /// The entries of all slices, and free places.
    waiting: Vec<Waiting>,
    /// The first free place.
    free: u32,
    /// How many entries wait in slices.
    near: usize,
    /// What lies beyond the last slice.
    far: BinaryHeap<Reverse<Entry>>,
    planned: u64,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue {
            present: Vec::new(),
            late: BinaryHeap::new(),
            slice: 0,
            heads: vec![NONE; SLICES as usize],
            full: vec![0; (SLICES / 64) as usize],
            waiting: Vec::new(),
            free: NONE,
            near: 0,
            far: BinaryHeap::new(),
            planned: 0,
        }
    }
}

impl Queue {
    /// Plans an event and returns its sequence number.
    pub fn push(&mut self, time: Time, event: Event) -> u64 {
        self.planned += 1;
        let entry = Entry {
            time,
            sequence: self.planned,
            event,
        };
        let slice = time.0 >> SLICE;
        if slice <= self.slice {
            self.late.push(Reverse(entry));
        } else if slice < self.slice + SLICES {
            self.wait(slice, entry);
        } else {
            self.far.push(Reverse(entry));
        }
        if self.present.is_empty() && self.late.is_empty() {
            self.advance();
        }
        self.planned
    }

    /// The weight of a copy, in bytes.
    pub fn weight(&self) -> usize {
        let entries = self.late.len() + self.far.len();
        self.present.len() * size_of::<Near>()
            + self.heads.len() * size_of::<u32>()
            + self.full.len() * size_of::<u64>()
            + self.waiting.len() * size_of::<Waiting>()
            + entries * size_of::<Entry>()
    }

    /// When the next event is due.
    pub fn next_time(&self) -> Option<Time> {
        match (self.present.last(), self.late.peek()) {
            (Some(one), None) => Some(one.time(self.slice)),
            (Some(one), Some(Reverse(other))) => Some(one.time(self.slice).min(other.time)),
            (None, other) => other.map(|it| it.0.time),
        }
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<Entry> {
        let entry = match self.present.last() {
            Some(near) if self.late.is_empty() => {
                let entry = near.entry(self.slice);
                self.present.pop();
                entry
            }
            _ => self.pop_late()?,
        };
        if self.present.is_empty() && self.late.is_empty() {
            self.advance();
        }
        Some(entry)
    }

    /// Takes the next event where there are late ones.
    #[inline(never)]
    fn pop_late(&mut self) -> Option<Entry> {
        let Some(near) = self.present.last() else {
            return self.late.pop().map(|it| it.0);
        };
        let entry = near.entry(self.slice);
        match self.late.peek() {
            Some(Reverse(late)) if *late < entry => self.late.pop().map(|it| it.0),
            _ => {
                self.present.pop();
                Some(entry)
            }
        }
    }

    /// Puts an entry into its slice, which lies ahead and near.
    #[inline(always)]
    fn wait(&mut self, slice: u64, entry: Entry) {
        let ring = (slice % SLICES) as usize;
        let waiting = Waiting {
            entry: Near::of(entry),
            next: self.heads[ring],
        };
        let place = self.free;
        if place == NONE {
            self.heads[ring] = self.waiting.len() as u32;
            self.waiting.push(waiting);
        } else {
            self.free = self.waiting[place as usize].next;
            self.waiting[place as usize] = waiting;
            self.heads[ring] = place;
        }
        self.full[ring / 64] |= 1 << (ring % 64);
        self.near += 1;
    }

    /// Makes the next slice that has anything the present one, in which nothing is left.
    fn advance(&mut self) {
        if self.near == 0 {
            let Some(Reverse(first)) = self.far.peek() else {
                return;
            };
            self.slice = first.time.0 >> SLICE;
        } else {
            self.slice = self.next_full();
        }
        self.bring_near();
        let ring = (self.slice % SLICES) as usize;
        let mut place = std::mem::replace(&mut self.heads[ring], NONE);
        self.full[ring / 64] &= !(1 << (ring % 64));
        while place != NONE {
            let waiting = &mut self.waiting[place as usize];
            self.present.push(waiting.entry);
            let next = std::mem::replace(&mut waiting.next, self.free);
            self.free = place;
            self.near -= 1;
            place = next;
        }
        if self.present.len() > 1 {
            self.present.sort_unstable_by_key(|it| Reverse(it.key));
        }
    }

    /// The first slice after the present one that has anything.
    fn next_full(&self) -> u64 {
        let words = self.full.len();
        let first = (self.slice + 1) % SLICES;
        let (mut word, bit) = ((first / 64) as usize, first % 64);
        let mut bits = self.full[word] & (u64::MAX << bit);
        // Once round, and the first word again for the bits below.
        for _ in 0..=words {
            if bits != 0 {
                let ring = word as u64 * 64 + u64::from(bits.trailing_zeros());
                return self.slice + 1 + (ring + SLICES - first) % SLICES;
            }
            word = if word + 1 == words { 0 } else { word + 1 };
            bits = self.full[word];
        }
        unreachable!("something waits in a slice")
    }

    /// Moves what has come near from the heap into the slices.
    fn bring_near(&mut self) {
        while let Some(Reverse(entry)) = self.far.peek() {
            let slice = entry.time.0 >> SLICE;
            if slice >= self.slice + SLICES {
                break;
            }
            let entry = *entry;
            self.far.pop();
            self.wait(slice, entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rng::{Rng, Stream};
    use super::*;

    #[test]
    fn ties_keep_the_order_of_planning() {
        let mut queue = Queue::default();
        queue.push(Time(5), Event::Client(1));
        queue.push(Time(3), Event::Client(2));
        queue.push(Time(3), Event::Client(0));
        let order: Vec<Event> = std::iter::from_fn(|| queue.pop())
            .map(|it| it.event)
            .collect();
        assert_eq!(
            order,
            [Event::Client(2), Event::Client(0), Event::Client(1)]
        );
    }

    #[test]
    fn the_order_is_that_of_a_heap_near_and_far() {
        let mut rng = Rng::stream(4, Stream::Faults);
        for reach in [
            1,
            1 << 10,
            1 << SLICE,
            1 << 25,
            1 << 29,
            1 << 40,
            Time::MAX.0,
        ] {
            let (mut queue, mut heap) = (Queue::default(), BinaryHeap::new());
            let mut now = 0;
            for turn in 0..20_000u32 {
                // Fills up, then drains, now and then to the last entry.
                if rng.below(100) < if turn / 3_000 % 2 == 0 { 60 } else { 40 } {
                    let most = 1 + rng.below(reach);
                    let time = Time(now + rng.below(most));
                    let sequence = queue.push(time, Event::Flight(turn));
                    heap.push(Reverse((time, sequence, turn)));
                } else {
                    let popped = queue.pop().map(|it| (it.time, it.sequence, it.event));
                    let expected = heap.pop().map(|Reverse((at, number, turn))| {
                        now = at.0;
                        (at, number, Event::Flight(turn))
                    });
                    assert_eq!(popped, expected, "reach {reach}, turn {turn}");
                }
                assert_eq!(queue.next_time(), heap.peek().map(|it| it.0.0));
            }
        }
    }

    #[test]
    fn what_is_planned_in_the_past_comes_first() {
        let mut queue = Queue::default();
        queue.push(Time(1 << 30), Event::Client(1));
        queue.push(Time(1 << 29), Event::Client(2));
        assert_eq!(queue.next_time(), Some(Time(1 << 29)));
        queue.push(Time(7), Event::Client(3));
        assert_eq!(queue.pop().map(|it| it.event), Some(Event::Client(3)));
        assert_eq!(
            queue.clone().pop().map(|it| it.event),
            Some(Event::Client(2))
        );
    }
}
