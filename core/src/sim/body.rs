//! A run as commands see it: without the types of what its nodes contain.
//!
//! All that commands do is written once, for [`Body`], and stands in the page once; a further system adds only the few
//! things below that touch its own types.

use crate::check::EVERYTHING;
use crate::error::BadInput;
use crate::exhibit::{About, Exhibit, Status};
use crate::frame::Role;
use crate::protocol::{NodeId, RequestId};
use crate::trace::Explained;

use super::client::Client;
use super::clock::Clock;
use super::flight::{Cargo, Flight, IN_STEP};
use super::kernel::Kernel;
use super::network::Passage;
use super::queue::Event;
use super::simulation::{Agenda, Member, Sim};

/// What commands need of a run.
pub(super) trait Body {
    /// What the system is.
    fn about(&self) -> About;

    /// Whether its nodes may join and leave.
    fn grows(&self) -> bool;

    /// What knows no system.
    fn kernel(&self) -> &Kernel;

    /// The same, to be changed.
    fn kernel_mut(&mut self) -> &mut Kernel;

    /// What is under way, with what keeps the books of it.
    fn flights(&mut self) -> (&mut Kernel, &mut [Option<Flight>]);

    /// What kind of thing travels at a place.
    fn kind_at(&self, slot: u32) -> Option<&'static str>;

    /// What is planned.
    fn agenda(&mut self) -> &mut Agenda;

    /// How many nodes may yet join, as far as is planned.
    fn joins_ahead(&self) -> usize;

    /// Where words for events go, while somebody reads along.
    fn words(&mut self) -> Option<&mut Vec<Explained>>;

    /// Shows the world to the checks.
    fn show(&mut self);

    /// Says which node acts.
    fn set_changed(&mut self, node: NodeId);

    /// The role of a node, to find it by.
    fn role_at(&self, node: NodeId) -> Option<Role>;

    /// Whether a node has put off something that it does when its work is done.
    fn has_put_off(&self, node: NodeId) -> bool;

    /// Takes everything from a node but its disk.
    fn clear(&mut self, node: NodeId);

    /// Starts a node from its disk.
    fn start_from_disk(&mut self, node: NodeId, cause: u32);

    /// Empties a node's disk.
    fn forget(&mut self, node: NodeId);

    /// Makes room for one more node.
    fn add_member(&mut self);

    /// Lets a node say good-bye.
    fn dismiss(&mut self, node: NodeId, cause: u32);

    /// The place of a node's timer of this name, if it runs.
    fn timer(&self, node: NodeId, name: &str) -> Option<usize>;

    /// Runs a timer out.
    fn fire_timer(&mut self, node: NodeId, slot: usize);

    /// Moves a node's timers, which are counted by its clock, when that has changed.
    fn retime(&mut self, node: NodeId, before: Clock);

    /// Ends the way of something that does not arrive.
    fn lose_at(&mut self, slot: u32, why: &'static str);

    /// Puts a second copy of what travels at a place on its way.
    fn copy_at(&mut self, slot: u32, passage: Passage);

    /// The places of clients, those of requests by hand among them.
    fn client_slots(&self) -> Vec<u16>;

    /// A client crashes in the middle of its request, or comes back as somebody new.
    fn turn_client(&mut self, index: usize, dies: bool, event: u32);

    /// Whether a request can be read.
    fn read_request(&self, text: &str) -> Result<(), BadInput>;

    /// A person asks a node for something, as a client of its own.
    fn ask_by_hand(&mut self, node: NodeId, text: &str, event: u32);
}

impl<P: Exhibit> Body for Sim<P> {
    fn about(&self) -> About {
        P::ABOUT
    }

    fn grows(&self) -> bool {
        P::GROWS
    }

    fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    fn kernel_mut(&mut self) -> &mut Kernel {
        &mut self.kernel
    }

    fn flights(&mut self) -> (&mut Kernel, &mut [Option<Flight>]) {
        (&mut self.kernel, &mut self.flights)
    }

    fn kind_at(&self, slot: u32) -> Option<&'static str> {
        self.cargos[slot as usize].as_ref().map(Cargo::kind)
    }

    fn agenda(&mut self) -> &mut Agenda {
        &mut self.agenda
    }

    fn joins_ahead(&self) -> usize {
        self.agenda.joins_ahead()
    }

    fn words(&mut self) -> Option<&mut Vec<Explained>> {
        self.explaining.then_some(&mut self.explained)
    }

    fn show(&mut self) {
        self.observe(EVERYTHING);
    }

    fn set_changed(&mut self, node: NodeId) {
        self.changed = Some(node);
    }

    fn role_at(&self, node: NodeId) -> Option<Role> {
        self.role(node)
    }

    fn has_put_off(&self, node: NodeId) -> bool {
        self.members[node.index()].later.is_some()
    }

    fn clear(&mut self, node: NodeId) {
        self.interrupt_write(node);
        let member = &mut self.members[node.index()];
        member.state = None;
        member.later = None;
        member.timers.clear();
        member.seen = None;
    }

    fn start_from_disk(&mut self, node: NodeId, cause: u32) {
        self.start(node, cause);
    }

    fn forget(&mut self, node: NodeId) {
        self.empty_disk(node);
    }

    fn add_member(&mut self) {
        self.members.push(Member::new());
    }

    fn dismiss(&mut self, node: NodeId, cause: u32) {
        self.act(node, cause, |state, ctx| state.on_leave(ctx));
    }

    fn timer(&self, node: NodeId, name: &str) -> Option<usize> {
        let timers = &self.members[node.index()].timers;
        timers
            .iter()
            .position(|it| it.armed && it.timer.to_string() == name)
    }

    fn fire_timer(&mut self, node: NodeId, slot: usize) {
        self.fire(node, slot);
    }

    fn retime(&mut self, node: NodeId, before: Clock) {
        let now = self.kernel.now;
        let clock = self.kernel.hosts[node.index()].clock;
        for (index, timer) in self.members[node.index()].timers.iter_mut().enumerate() {
            if !timer.armed {
                continue;
            }
            timer.deadline = now + clock.true_span(before.local_span(timer.deadline.since(now)));
            if timer.plan.is_none_or(|(_, at)| at > timer.deadline) {
                let event = Event::Timer(node.0, index as u16);
                let plan = self.kernel.queue.push(timer.deadline, event);
                timer.plan = Some((plan, timer.deadline));
            }
        }
    }

    fn lose_at(&mut self, slot: u32, why: &'static str) {
        self.lose(slot, why);
    }

    fn copy_at(&mut self, slot: u32, passage: Passage) {
        let flight = self.flights[slot as usize].expect("it is under way");
        let cargo = self.cargos[slot as usize].clone().expect(IN_STEP);
        if let Cargo::Request(id, _) = &cargo {
            doubt(&mut self.clients, *id);
        }
        self.copy(flight.ends(), passage, cargo, flight.event);
    }

    fn client_slots(&self) -> Vec<u16> {
        self.clients.iter().map(|it| it.slot).collect()
    }

    fn turn_client(&mut self, index: usize, dies: bool, event: u32) {
        self.turn(index, dies, event);
    }

    fn read_request(&self, text: &str) -> Result<(), BadInput> {
        text.parse::<P::Request>().map(drop)
    }

    fn ask_by_hand(&mut self, node: NodeId, text: &str, event: u32) {
        if let Ok(request) = text.parse() {
            self.request_by_hand(node, request, event);
        }
    }
}

/// A client whose request was copied cannot know any more that it was not carried out: one copy may be refused and
/// the other not.
fn doubt<P: Exhibit>(clients: &mut [Client<P>], id: RequestId) {
    for client in clients {
        let present = client.request_id();
        if (present.client, present.sequence) == (id.client, id.sequence) {
            if let Some(asking) = &mut client.asking {
                asking.uncertain = true;
            }
        }
    }
}

/// What a run's own doing leads to that commands do, too.
impl<P: Exhibit> Sim<P> {
    /// This run as commands see it.
    pub(super) fn body(&mut self) -> &mut (dyn Body + 'static) {
        self
    }

    /// A node crashes because of what it was at.
    #[inline(never)]
    pub(super) fn crash_now(&mut self, node: NodeId, cause: u32) {
        self.body().crash(node, cause);
    }

    /// A node leaves for good because of what it was at.
    #[inline(never)]
    pub(super) fn go(&mut self, node: NodeId, cause: u32) {
        self.body().go(node, cause);
    }

    /// Sees to it that a node takes up what waits at `now`, if it can.
    pub(super) fn go_on(&mut self, node: NodeId, now: super::time::Time) {
        let host = &self.kernel.hosts[node.index()];
        if host.status == Status::Up && host.busy.is_none() {
            let put_off = self.has_put_off(node);
            self.kernel.take_up(node, now, put_off);
        }
    }
}
