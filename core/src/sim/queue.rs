//! What is still to come, in the order of time; what is due at the same moment, in the order in which it was planned.

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

/// The queue: a binary heap.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    planned: u64,
}

impl Queue {
    /// Plans an event and returns its sequence number.
    pub fn push(&mut self, time: Time, event: Event) -> u64 {
        self.planned += 1;
        self.heap.push(Reverse(Entry {
            time,
            sequence: self.planned,
            event,
        }));
        self.planned
    }

    /// When the next event is due.
    pub fn next_time(&self) -> Option<Time> {
        self.heap.peek().map(|it| it.0.time)
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<Entry> {
        self.heap.pop().map(|it| it.0)
    }
}

#[cfg(test)]
mod tests {
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
}
