//! What is done to machines: crashes, pauses, disks, clocks, coming and going.

use crate::exhibit::Status;
use crate::protocol::{ClientId, NodeId};
use crate::trace::Kind;

use super::super::body::Body;
use super::super::command::{Command, DiskFault};
use super::super::disk::spoils;
use super::super::network::DOWN;
use super::super::queue::Event;
use super::super::settings::NODES_MAX;

impl dyn Body {
    /// A node crashes because of what it was at.
    pub(in crate::sim) fn crash(&mut self, node: NodeId, cause: u32) {
        let kernel = self.kernel_mut();
        let event = kernel.record(Kind::Fault, node.into(), cause, "crash");
        self.say(event, &|| format!("{node} crashes"));
        self.stop(node, Status::Down);
    }

    /// A node leaves for good because of what it was at.
    pub(in crate::sim) fn go(&mut self, node: NodeId, cause: u32) {
        let event = self
            .kernel_mut()
            .record(Kind::Fault, node.into(), cause, "gone");
        self.say(event, &|| format!("{node} is gone for good"));
        self.stop(node, Status::Gone);
    }

    /// Ends what a node is doing; what waits for it is lost.
    pub(in crate::sim) fn stop(&mut self, node: NodeId, status: Status) {
        let host = self.kernel_mut().host(node);
        if host.is_down() {
            return;
        }
        host.status = status;
        host.busy = None;
        host.crash_point = None;
        let waiting = std::mem::take(&mut host.inbox);
        self.clear(node);
        for (plan, event) in waiting {
            let Event::Flight(slot) = event else { continue };
            if self.flights().1[slot as usize].is_some_and(|it| it.plan == plan) {
                self.lose_at(slot, DOWN);
            }
        }
    }

    /// Starts a node that has crashed; one that was still to crash will not any more.
    pub(super) fn restart(&mut self, node: NodeId, cause: u32) {
        let host = self.kernel_mut().host(node);
        host.crash_point = None;
        if host.status == Status::Down {
            self.start_from_disk(node, cause);
        }
    }

    pub(super) fn wipe(&mut self, node: NodeId, cause: u32) {
        self.stop(node, Status::Down);
        if self.kernel_mut().host(node).status != Status::Down {
            return;
        }
        if self.kernel().may_spoil(node) {
            self.forget(node);
        } else {
            self.spare(node, cause);
        }
    }

    /// Says that a disk was spared.
    fn spare(&mut self, node: NodeId, cause: u32) {
        let kernel = self.kernel_mut();
        let note = kernel.record(Kind::Note, node.into(), cause, "disk is spared");
        let why = "as many disks as a cluster can do without have suffered already";
        self.say(note, &|| format!("{node} disk is spared: {why}"));
    }

    pub(super) fn spoil(&mut self, node: NodeId, fault: DiskFault, cause: u32) {
        if spoils(fault) && !self.kernel().may_spoil(node) {
            return self.spare(node, cause);
        }
        self.kernel_mut().host(node).disk.suffer(fault);
    }

    pub(super) fn pause(&mut self, node: NodeId) {
        let host = self.kernel_mut().host(node);
        if host.status == Status::Up {
            host.status = Status::Paused;
        }
    }

    pub(super) fn resume(&mut self, node: NodeId) {
        let host = self.kernel_mut().host(node);
        if host.status == Status::Paused {
            host.status = Status::Up;
            let put_off = self.has_put_off(node);
            let kernel = self.kernel_mut();
            kernel.take_up(node, kernel.now, put_off);
        }
    }

    /// A new node comes. The trace has the fault at no node, since the node is not there before.
    pub(super) fn join(&mut self, command: &Command) {
        let event = self.mark(command);
        if self.nodes() as u64 >= NODES_MAX {
            return;
        }
        let node = self.kernel_mut().add_host();
        self.add_member();
        self.start_from_disk(node, event);
    }

    pub(super) fn leave(&mut self, node: NodeId, cause: u32) {
        match self.kernel_mut().host(node).status {
            Status::Up => self.dismiss(node, cause),
            // Who cannot say good-bye goes without.
            Status::Paused => self.go(node, cause),
            Status::Down => self.kernel_mut().host(node).status = Status::Gone,
            Status::Gone => {}
        }
    }

    pub(super) fn jump(&mut self, node: NodeId, nanos: i64) {
        self.kernel_mut().host(node).clock.jump(nanos);
    }

    /// Changes how fast a clock runs; timers that run are counted by it, so they move.
    pub(super) fn drift(&mut self, node: NodeId, ppm: i32) {
        let kernel = self.kernel_mut();
        let now = kernel.now;
        let clock = &mut kernel.host(node).clock;
        let before = *clock;
        clock.set_drift(now, ppm);
        self.retime(node, before);
    }

    /// Runs a timer out now; one that has come due but waits for a paused node waits on.
    pub(super) fn fire_now(&mut self, node: NodeId, name: &str) {
        let slot = self.timer(node, name);
        if let (Some(slot), true) = (slot, self.kernel().hosts[node.index()].can_act()) {
            self.fire_timer(node, slot);
        }
    }

    /// What can be done to a client: it crashes in the middle of its request, and comes back as somebody new.
    pub(super) fn change_client(&mut self, client: ClientId, command: &Command, event: u32) {
        let dies = match command {
            Command::Crash(_) => true,
            Command::Restart(_) => false,
            _ => return,
        };
        let mut slots = self.client_slots().into_iter();
        if let Some(index) = slots.position(|it| u32::from(it) == client.0) {
            self.turn_client(index, dies, event);
        }
    }
}
