//! What is done to machines: crashes, pauses, disks, clocks, coming and going.

use crate::exhibit::{Exhibit, Status};
use crate::protocol::{ClientId, NodeId};
use crate::trace::{Kind, Phase};

use super::super::client::Told;
use super::super::command::{Command, DiskFault};
use super::super::disk::spoils;
use super::super::network::DOWN;
use super::super::queue::Event;
use super::super::settings::NODES_MAX;
use super::super::simulation::{Member, Sim};

impl<P: Exhibit> Sim<P> {
    /// A node crashes because of what it was at.
    pub(in crate::sim) fn crash_now(&mut self, node: NodeId, cause: u32) {
        let event = self.kernel.record(Kind::Fault, node.into(), cause, "crash");
        self.say(event, || None, |_| format!("{node} crashes"));
        self.stop(node, Status::Down);
    }

    /// A node leaves for good.
    pub(in crate::sim) fn go(&mut self, node: NodeId) {
        self.stop(node, Status::Gone);
    }

    /// Ends what a node is doing; what waits for it is lost.
    #[inline(never)]
    pub(super) fn stop(&mut self, node: NodeId, status: Status) {
        let host = self.kernel.host(node);
        if host.is_down() {
            return;
        }
        host.status = status;
        host.busy = None;
        host.crash_point = None;
        let waiting = std::mem::take(&mut host.inbox);
        self.interrupt_write(node);
        let member = &mut self.members[node.index()];
        member.state = None;
        member.later = None;
        member.timers.clear();
        member.seen = None;
        for (plan, event) in waiting {
            let Event::Flight(slot) = event else { continue };
            if self.flights[slot as usize].is_some_and(|it| it.plan == plan) {
                self.lose(slot, DOWN);
            }
        }
    }

    /// Starts a node that has crashed; one that was still to crash will not any more.
    pub(super) fn restart(&mut self, node: NodeId, cause: u32) {
        self.kernel.host(node).crash_point = None;
        if self.kernel.host(node).status == Status::Down {
            self.start(node, cause);
        }
    }

    pub(super) fn wipe(&mut self, node: NodeId, cause: u32) {
        self.stop(node, Status::Down);
        if self.kernel.host(node).status != Status::Down {
            return;
        }
        if self.may_spoil(node) {
            self.empty_disk(node);
        } else {
            self.spare(node, cause);
        }
    }

    /// Says that a disk was spared.
    fn spare(&mut self, node: NodeId, cause: u32) {
        let why = "as many disks as a cluster can do without have suffered already".to_owned();
        self.note(node, "disk is spared", Some(why), cause);
    }

    pub(super) fn spoil(&mut self, node: NodeId, fault: DiskFault, cause: u32) {
        if spoils(fault) && !self.may_spoil(node) {
            return self.spare(node, cause);
        }
        self.kernel.host(node).disk.suffer(fault);
    }

    pub(super) fn pause(&mut self, node: NodeId) {
        let host = self.kernel.host(node);
        if host.status == Status::Up {
            host.status = Status::Paused;
        }
    }

    pub(super) fn resume(&mut self, node: NodeId) {
        let host = self.kernel.host(node);
        if host.status == Status::Paused {
            host.status = Status::Up;
            self.go_on(node, self.kernel.now);
        }
    }

    /// A new node comes. The trace has the fault at no node, since the node is not there before.
    pub(super) fn join(&mut self, command: &Command) {
        let event = self.mark(command);
        if self.members.len() as u64 >= NODES_MAX {
            return;
        }
        let node = self.kernel.add_host();
        self.members.push(Member::new());
        self.start(node, event);
    }

    pub(super) fn leave(&mut self, node: NodeId, cause: u32) {
        match self.kernel.host(node).status {
            Status::Up => self.act(node, cause, |state, ctx| state.on_leave(ctx)),
            // Who cannot say good-bye goes without.
            Status::Paused => self.go(node),
            Status::Down => self.kernel.host(node).status = Status::Gone,
            Status::Gone => {}
        }
    }

    pub(super) fn jump(&mut self, node: NodeId, nanos: i64) {
        self.kernel.host(node).clock.jump(nanos);
    }

    /// Changes how fast a clock runs; timers that run are counted by it, so they move.
    pub(super) fn drift(&mut self, node: NodeId, ppm: i32) {
        let now = self.kernel.now;
        let clock = &mut self.kernel.hosts[node.index()].clock;
        let before = *clock;
        clock.set_drift(now, ppm);
        let after = *clock;
        for (index, timer) in self.members[node.index()].timers.iter_mut().enumerate() {
            if !timer.armed {
                continue;
            }
            timer.deadline = now + after.true_span(before.local_span(timer.deadline.since(now)));
            if timer.plan.is_none_or(|(_, at)| at > timer.deadline) {
                let plan = self
                    .kernel
                    .queue
                    .push(timer.deadline, Event::Timer(node.0, index as u16));
                timer.plan = Some((plan, timer.deadline));
            }
        }
    }

    /// Runs a timer out now; one that has come due but waits for a paused node waits on.
    pub(super) fn fire_now(&mut self, node: NodeId, name: &str) {
        let timers = &self.members[node.index()].timers;
        let slot = timers
            .iter()
            .position(|it| it.armed && it.timer.to_string() == name);
        if let (Some(slot), true) = (slot, self.kernel.hosts[node.index()].can_act()) {
            self.fire(node, slot);
        }
    }

    /// What can be done to a client: it crashes in the middle of its request, and comes back as somebody new.
    pub(super) fn change_client(&mut self, client: ClientId, command: &Command, event: u32) {
        let Some(index) = self
            .clients
            .iter()
            .position(|it| u32::from(it.slot) == client.0)
        else {
            return;
        };
        let is_dead = self.clients[index].is_dead;
        match command {
            Command::Crash(_) if !is_dead => {
                let client = &mut self.clients[index];
                client.is_dead = true;
                client.alarm = None;
                client.event = event;
                if client.asking.is_some() {
                    client.told = Some(Told::Died);
                    self.complete(index, Phase::Info, None, "died");
                }
            }
            Command::Restart(_) if is_dead => {
                self.clients[index].is_dead = false;
                self.clients[index].event = event;
                self.rest(index);
            }
            _ => {}
        }
    }
}
