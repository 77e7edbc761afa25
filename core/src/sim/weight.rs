//! About how much memory a copy of a run takes, so that a player knows how many it can keep.
//!
//! It is an estimate: what a node or a check holds in maps of its own is not visible from here. `core/benches/seek.rs`
//! measures it against what the allocator sees.

use crate::exhibit::Exhibit;

use super::client::Client;
use super::flight::{Cargo, Flight};
use super::kernel::Host;
use super::queue::Entry;
use super::simulation::{Member, Sim, TimerSlot};

/// What a node's state, its disk and the checks' knowledge of it hold in maps, lists and text, in bytes: measured for
/// the systems that there are, and rounded up.
const MAPS_PER_NODE: usize = 8_192;

/// What a message or a client holds beside itself: lists and text.
const LISTS_EACH: usize = 64;

impl<P: Exhibit> Sim<P> {
    /// The weight of a copy, in bytes.
    pub(super) fn estimate_weight(&self) -> usize {
        let member = |it: &Member<P>| {
            size_of::<Member<P>>()
                + MAPS_PER_NODE
                + it.timers.capacity() * size_of::<TimerSlot<P::Timer>>()
                + it.held.len() * (size_of::<P::Durable>() + size_of::<P::Message>() + LISTS_EACH)
        };
        let hosts = self.kernel.hosts.iter();
        let inboxes: usize = hosts.map(|it| it.inbox.len() * size_of::<Entry>()).sum();
        size_of::<Sim<P>>()
            + self.members.iter().map(member).sum::<usize>()
            + self.kernel.hosts.len() * size_of::<Host>()
            + inboxes
            + self.kernel.queue.weight()
            + self.flights.len() * (size_of::<Option<Flight>>() + LISTS_EACH)
            + self.cargos.len() * size_of::<Option<Cargo<P>>>()
            + self.clients.len() * (size_of::<Client<P>>() + LISTS_EACH)
    }
}
