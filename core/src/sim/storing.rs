//! What disks do with what nodes give them, and what nodes find there.

use crate::exhibit::{Exhibit, Status};
use crate::protocol::{NodeId, Stored};
use crate::trace::Kind;

use super::command::Point;
use super::disk::Damage;
use super::queue::{Entry, Event};
use super::simulation::{Held, Sim};
use super::time::Span;

/// After so many writes, what the disk held is kept as its older state.
const OLDER_EVERY: u32 = 16;

/// Writing.
impl<P: Exhibit> Sim<P> {
    /// A node gives its disk something to write.
    pub(super) fn persist(&mut self, node: NodeId, durable: P::Durable, cause: u32) {
        let write = self
            .kernel
            .record(Kind::Persist, node.into(), cause, "persist");
        self.say(write, || None, |_| format!("{node} writes to its disk"));
        let disk = &self.kernel.hosts[node.index()].disk;
        if disk.full {
            self.note(
                node,
                "cannot write",
                Some("its disk is full".to_owned()),
                write,
            );
            return self.crash_now(node, write);
        }
        if disk.syncing.is_some() {
            let held = &mut self.members[node.index()].held;
            held.push_back(Held::Write(durable, write));
        } else {
            self.write(node, durable, write);
        }
    }

    /// Gives the disk something to write; at once when the disk takes no time.
    fn write(&mut self, node: NodeId, durable: P::Durable, event: u32) {
        let environment = &self.kernel.environment;
        let host = &mut self.kernel.hosts[node.index()];
        let crashes = host.crash_point == Some(Point::BeforeSync);
        let instant = environment.disk.is_instant() && host.disk.slow == Span::ZERO;
        if instant && !crashes && !host.disk.fails {
            return self.store(node, durable);
        }
        let due = self.kernel.now + environment.disk.draw(&mut host.disk.rng) + host.disk.slow;
        host.disk.syncing = Some(self.kernel.queue.push(due, Event::Synced(node.0)));
        host.disk.write_event = event;
        self.members[node.index()]
            .held
            .push_front(Held::Write(durable, event));
        if crashes {
            self.crash_now(node, event);
        }
    }

    /// The disk has finished a write: what waited behind it may go out.
    pub(super) fn synced(&mut self, entry: Entry, node: NodeId) -> bool {
        let host = self.kernel.host(node);
        if host.disk.syncing != Some(entry.sequence) {
            return false;
        }
        if host.status == Status::Paused {
            host.inbox.push_back((entry.sequence, entry.event));
            return false;
        }
        let fails = std::mem::take(&mut host.disk.fails);
        self.kernel.begin_step(entry.time);
        self.changed = Some(node);
        let write = self.kernel.host(node).disk.write_event;
        if fails && self.kernel.environment.stop_on_failed_sync {
            self.note(
                node,
                "stops",
                Some("its disk could not sync".to_owned()),
                write,
            );
            self.crash_now(node, write);
            return true;
        }
        self.kernel.host(node).disk.syncing = None;
        let Some(Held::Write(durable, cause)) = self.members[node.index()].held.pop_front() else {
            unreachable!("the disk was writing something")
        };
        if fails {
            // The kernel has dropped the pages; the next sync succeeds, and nobody learns of it.
            self.kernel.host(node).disk.spoilt = true;
        } else {
            self.store(node, durable);
        }
        let event = self.kernel.record(Kind::Sync, node.into(), cause, "sync");
        self.say(event, || None, |_| format!("{node}: the disk has it"));
        self.release_held(node, event);
        true
    }

    /// Lets out what waited for the disk, up to the next write.
    fn release_held(&mut self, node: NodeId, event: u32) {
        let mut sent = false;
        while self.kernel.hosts[node.index()].disk.syncing.is_none() {
            let Some(next) = self.members[node.index()].held.pop_front() else {
                break;
            };
            let sends = !matches!(next, Held::Write(..));
            let crashes = match self.kernel.hosts[node.index()].crash_point {
                Some(Point::BeforeSend) => sends,
                Some(Point::AmidSends) => sends && sent,
                _ => false,
            };
            if crashes {
                return self.crash_now(node, event);
            }
            sent |= sends;
            match next {
                Held::Write(durable, cause) => self.write(node, durable, cause),
                Held::Send(to, message) => self.send(node, to, message, event),
                Held::Respond(id, response) => self.respond(node, id, response, event),
            }
        }
    }

    /// The disk takes a write for done; whether it has it is another matter.
    fn store(&mut self, node: NodeId, durable: P::Durable) {
        let disk = &mut self.kernel.hosts[node.index()].disk;
        if std::mem::take(&mut disk.misdirects) {
            // It lands where something else was.
            disk.damage = Some(Damage::Rotten);
            return;
        }
        if disk.lies {
            return;
        }
        let member = &mut self.members[node.index()];
        member.older.1 += 1;
        let before = std::mem::replace(&mut member.durable, durable);
        if member.older.1 % OLDER_EVERY == 0 {
            member.older.0 = before;
        }
    }
}

/// Crashing and starting.
impl<P: Exhibit> Sim<P> {
    /// What a crash leaves of the write that it interrupts: nothing, or a part where writes are torn.
    pub(super) fn interrupt_write(&mut self, node: NodeId) {
        let torn = self.kernel.environment.torn;
        let disk = &mut self.kernel.hosts[node.index()].disk;
        let writing = disk.syncing.take().is_some();
        let member = &mut self.members[node.index()];
        let pending = member.held.pop_front().filter(|_| writing);
        if let Some(Held::Write(durable, _)) = pending {
            if (disk.rng.happens(torn) || disk.tears) && !disk.lies && !disk.misdirects {
                member.durable = P::Durable::torn(&member.durable, &durable, &mut disk.rng);
            }
        }
        member.held.clear();
    }

    /// Lets a starting node find what happened to its disk. `false` when it refuses to start from it.
    pub(super) fn find_damage(&mut self, node: NodeId, cause: u32) -> bool {
        let checksum = self.kernel.environment.checksum;
        let disk = &mut self.kernel.hosts[node.index()].disk;
        let member = &mut self.members[node.index()];
        match disk.damage {
            None => return true,
            Some(Damage::Rotten) if checksum => {
                let why = "its disk is damaged, says the checksum".to_owned();
                self.note(node, "refuses to start", Some(why), cause);
                return false;
            }
            Some(Damage::Rotten) => member.durable = member.durable.rotten(&mut disk.rng),
            Some(Damage::RolledBack) => member.durable = member.older.0.clone(),
            Some(Damage::Truncated) => member.durable = member.durable.truncated(&mut disk.rng),
        }
        disk.damage = None;
        true
    }

    /// Empties a node's disk.
    pub(super) fn empty_disk(&mut self, node: NodeId) {
        let member = &mut self.members[node.index()];
        member.durable = member.durable.wiped();
        member.older = (member.durable.clone(), 0);
        let disk = &mut self.kernel.host(node).disk;
        disk.damage = None;
        disk.spoilt = true;
    }
}
