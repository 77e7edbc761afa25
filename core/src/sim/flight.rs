//! What is under way: from the moment somebody sends it until it arrives or dies.

use serde_json::Value as Json;

use crate::exhibit::Exhibit;
use crate::frame::{Look, Mark, MessageView};
use crate::protocol::{NodeId, Payload, RequestId};
use crate::trace::{HostId, Kind, PayloadHasher, tint};

use super::client::Client;
use super::kernel::Kernel;
use super::network::{CUT, DAMAGED, DOWN, Ends, INBOX_FULL, Network, Parcel, Passage};
use super::queue::{Entry, Event};
use super::simulation::Sim;
use super::time::{Span, Time};
use super::words::summary;

/// What travels.
#[derive(Clone)]
pub(super) enum Cargo<P: Exhibit> {
    /// From node to node.
    Message(P::Message),
    /// From a client to a node.
    Request(RequestId, P::Request),
    /// From a node to a client.
    Response(RequestId, P::Response),
}

impl<P: Exhibit> Cargo<P> {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Cargo::Message(it) => it.kind(),
            Cargo::Request(_, it) => it.kind(),
            Cargo::Response(_, it) => it.kind(),
        }
    }

    /// How it is drawn. What clients ask and hear belongs to no epoch.
    fn look(&self) -> Look {
        let mark = match self {
            Cargo::Message(it) => return P::look(it),
            Cargo::Request(..) => Mark::Request,
            Cargo::Response(..) => Mark::Reply,
        };
        Look { mark, epoch: None }
    }

    /// Its name and its epoch, for the trace.
    fn word(&self) -> (&'static str, u16) {
        (self.kind(), tint(self.look().epoch))
    }

    /// The hash of its content, for the trace.
    fn payload(&self) -> u64 {
        match self {
            Cargo::Message(it) => PayloadHasher::of(it),
            Cargo::Request(_, it) => PayloadHasher::of(it),
            Cargo::Response(_, it) => PayloadHasher::of(it),
        }
    }

    pub(super) fn fields(&self) -> Json {
        let value = match self {
            Cargo::Message(it) => serde_json::to_value(it),
            Cargo::Request(_, it) => serde_json::to_value(it),
            Cargo::Response(_, it) => serde_json::to_value(it),
        };
        // Payloads are plain data; a map with keys that are no text is the only way to fail.
        value.unwrap_or(Json::Null)
    }
}

/// What is always so: a flight and its cargo come and go together.
pub(super) const IN_STEP: &str = "every flight has its cargo";

/// Something under way, without what travels: that lies in a list of its own, at the same place, because it may be
/// large and is moved as rarely as can be.
#[derive(Clone, Copy)]
pub(super) struct Flight {
    pub(super) course: Course,
    /// The plan for its arrival or death.
    pub(super) plan: u64,
    /// The event that sent it.
    pub(super) event: u32,
}

/// The way of something: a [`MessageView`] without what the cargo tells.
#[derive(Clone, Copy)]
pub(super) struct Course {
    pub(super) id: u32,
    pub(super) from: HostId,
    pub(super) to: HostId,
    pub(super) sent: Time,
    pub(super) due: Time,
    pub(super) whole: Time,
    pub(super) lost: Option<&'static str>,
    pub(super) held: Option<Time>,
    pub(super) stood: Span,
}

impl Flight {
    /// Where it comes from and where it goes.
    pub(super) fn ends(&self) -> Ends {
        (self.course.from, self.course.to)
    }

    /// As data.
    pub(super) fn view<P: Exhibit>(&self, cargo: &Cargo<P>) -> MessageView {
        let Course {
            id,
            from,
            to,
            sent,
            due,
            whole,
            lost,
            held,
            stood,
        } = self.course;
        let end = |it: HostId| it.end().expect("what travels has two ends");
        MessageView {
            id,
            from: end(from),
            to: end(to),
            kind: cargo.kind(),
            look: cargo.look(),
            sent,
            due,
            whole,
            lost,
            held,
            stood,
        }
    }
}

impl<P: Exhibit> Sim<P> {
    /// Something reaches the end of its way.
    pub(super) fn land(&mut self, entry: Entry, slot: u32) -> bool {
        let Some(flight) = self.flights[slot as usize].as_ref() else {
            return false;
        };
        if flight.plan != entry.sequence {
            return false;
        }
        let origin = (flight.event, flight.course.id);
        let (from, to, mut lost) = (flight.course.from, flight.course.to, flight.course.lost);
        if lost.is_none() && !self.is_way_free(from, to) {
            if self.may_wait(to) {
                let node = to.node().expect("only nodes let wait");
                self.kernel.wait_in_inbox(node, entry);
                return false;
            }
            lost = self.obstacle(from, to);
        }
        self.kernel.begin_step(entry.time);
        if let Some(why) = lost {
            self.lose(slot, why);
            return true;
        }
        let cargo = self.take_out(slot);
        let word = || cargo.word();
        let event = self
            .kernel
            .record_about(Kind::Deliver, (to, from), origin, word, 0);
        if self.explaining {
            self.say_delivered(event, (from, to), &cargo);
        }
        match (cargo, to.node(), from.node()) {
            (Cargo::Message(message), Some(to), Some(from)) => {
                self.kernel.stats.delivered += 1;
                self.act(to, event, |node, ctx| node.on_message(ctx, from, message));
            }
            (Cargo::Request(id, request), Some(to), _) => {
                self.act(to, event, |node, ctx| node.on_request(ctx, id, request));
            }
            (Cargo::Response(id, response), _, Some(from)) => {
                self.answered(id, from, response, event)
            }
            _ => unreachable!("messages go between nodes, requests to nodes, responses from nodes"),
        }
        true
    }

    /// Whether nothing at all can keep something from its end: so it is nearly always.
    #[inline]
    fn is_way_free(&self, from: HostId, to: HostId) -> bool {
        to.node().is_none_or(|it| !self.must_wait(it))
            && (self.kernel.calm || !self.kernel.network.is_cut((from, to)))
    }

    /// Whether what has come to this end waits there, because a node that runs cannot take it now.
    fn may_wait(&self, to: HostId) -> bool {
        to.node().is_some_and(|it| {
            let down = self.kernel.hosts[it.index()].is_down();
            self.must_wait(it) && !down && !self.is_full(it)
        })
    }

    /// Why something cannot be delivered although it got this far.
    fn obstacle(&self, from: HostId, to: HostId) -> Option<&'static str> {
        match to.node() {
            Some(to) if self.kernel.hosts[to.index()].is_down() => Some(DOWN),
            _ if self.kernel.network.is_cut((from, to)) => Some(CUT),
            Some(to) if self.must_wait(to) => Some(INBOX_FULL),
            _ => None,
        }
    }

    /// Whether no more may wait at a node.
    fn is_full(&self, node: NodeId) -> bool {
        let most = self.kernel.environment.inbox;
        most > 0 && self.kernel.hosts[node.index()].inbox.len() as u64 >= most
    }

    /// How many messages are on a link, where that matters.
    fn queued(&self, ends: Ends) -> usize {
        if self.kernel.environment.capacity == 0 {
            return 0;
        }
        let on_it = |it: &&Flight| it.ends() == ends && it.course.lost.is_none();
        self.flights.iter().flatten().filter(on_it).count()
    }

    /// Ends the way of something that does not arrive.
    pub(super) fn lose(&mut self, slot: u32, why: &'static str) {
        let flight = self.flights[slot as usize].expect("it is under way");
        let cargo = self.take_out(slot);
        let Course { id, from, to, .. } = flight.course;
        if matches!(cargo, Cargo::Message(_)) {
            self.kernel.stats.lost += 1;
        }
        let origin = (flight.event, id);
        let ends = (HostId::WORLD, to);
        let word = || (why, tint(cargo.look().epoch));
        let event = self.kernel.record_about(Kind::Lose, ends, origin, word, 0);
        self.say(
            event,
            || None,
            |_| {
                let (kind, from, to) = (cargo.kind(), from.name(), to.name());
                format!("{kind} from {from} to {to} is lost: {why}")
            },
        );
    }

    #[inline]
    pub(super) fn send(&mut self, from: NodeId, to: NodeId, message: P::Message, cause: u32) {
        if to.index() >= self.members.len() {
            return;
        }
        self.kernel.stats.sent += 1;
        if !self.kernel.calm {
            return self.send_amiss(from, to, message, cause);
        }
        let wire = &mut self.kernel.hosts[from.index()].wire;
        let passage = Network::carry(&self.kernel.environment, wire);
        let ends = (from.into(), to.into());
        self.set_off(ends, passage, Cargo::Message(message), cause);
    }

    /// Sends a message where anything may befall it.
    #[inline(never)]
    fn send_amiss(&mut self, from: NodeId, to: NodeId, message: P::Message, cause: u32) {
        let ends = (from.into(), to.into());
        let parcel = Parcel {
            ends,
            kind: message.kind(),
            queued: self.queued(ends),
        };
        let Kernel {
            network,
            environment,
            hosts,
            now,
            ..
        } = &mut self.kernel;
        let wire = &mut hosts[from.index()].wire;
        let passage = network.judge(environment, wire, *now, &parcel);
        let cargo = Cargo::Message(message);
        if !environment.copies() {
            self.launch(ends, passage, cargo, cause);
            return;
        }
        let copies = network.judge_copies(environment, wire, *now, &parcel);
        let event = self.launch(ends, passage, cargo.clone(), cause);
        for passage in copies.into_iter().flatten() {
            self.copy(ends, passage, cargo.clone(), event);
        }
    }

    /// Puts a second copy of something on its way; it shares the event that sent the first.
    #[cold]
    pub(super) fn copy(&mut self, ends: Ends, passage: Passage, cargo: Cargo<P>, sent: u32) {
        if matches!(cargo, Cargo::Message(_)) {
            self.kernel.stats.duplicated += 1;
        }
        let id = self.take_message_id();
        let kind = cargo.kind();
        let places = (HostId::WORLD, ends.1);
        let event =
            self.kernel
                .record_about(Kind::Duplicate, places, (sent, id), || cargo.word(), 0);
        let (from, to) = (ends.0.name(), ends.1.name());
        self.say(
            event,
            || None,
            |_| format!("the network makes a copy of {kind} from {from} to {to}"),
        );
        self.put(id, ends, passage, cargo, sent);
    }

    pub(super) fn respond(
        &mut self,
        from: NodeId,
        id: RequestId,
        response: P::Response,
        cause: u32,
    ) {
        let slot = Client::<P>::slot_of(id.client);
        let ends = (from.into(), HostId::client(slot));
        let Kernel {
            network,
            environment,
            hosts,
            calm,
            ..
        } = &mut self.kernel;
        let wire = &mut hosts[from.index()].wire;
        let passage = if *calm {
            Network::carry(environment, wire)
        } else {
            let parcel = Parcel {
                ends,
                kind: response.kind(),
                queued: 0,
            };
            network.judge_client(environment, wire, &parcel)
        };
        self.launch(ends, passage, Cargo::Response(id, response), cause);
    }

    /// Puts something on its way because of event number `cause`. Returns the sending event.
    #[inline(never)]
    pub(super) fn launch(
        &mut self,
        ends: Ends,
        passage: Passage,
        cargo: Cargo<P>,
        cause: u32,
    ) -> u32 {
        self.set_off(ends, passage, cargo, cause)
    }

    /// [`Sim::launch`], for where it is called most.
    #[inline(always)]
    fn set_off(&mut self, ends: Ends, passage: Passage, cargo: Cargo<P>, cause: u32) -> u32 {
        let id = self.take_message_id();
        let payload = cargo.payload();
        let event =
            self.kernel
                .record_about(Kind::Send, ends, (cause, id), || cargo.word(), payload);
        if self.explaining {
            self.say_sent(event, ends, &cargo);
        }
        self.put(id, ends, passage, cargo, event);
        event
    }

    #[cold]
    fn say_delivered(&mut self, event: u32, ends: Ends, cargo: &Cargo<P>) {
        let (from, to) = (ends.0.name(), ends.1.name());
        self.say(
            event,
            || Some(cargo.fields()),
            |body| format!("{to} receives {} from {from}", summary(cargo.kind(), body)),
        );
    }

    #[cold]
    fn say_sent(&mut self, event: u32, ends: Ends, cargo: &Cargo<P>) {
        let (from, to) = (ends.0.name(), ends.1.name());
        self.say(
            event,
            || Some(cargo.fields()),
            |body| format!("{from} sends {} to {to}", summary(cargo.kind(), body)),
        );
    }

    pub(super) fn take_message_id(&mut self) -> u32 {
        self.kernel.next_message += 1;
        self.kernel.next_message - 1
    }

    #[inline(always)]
    fn put(&mut self, id: u32, ends: Ends, mut passage: Passage, mut cargo: Cargo<P>, event: u32) {
        if passage.damaged && passage.lost.is_none() && !self.damage(ends.0, &mut cargo) {
            passage.lost = Some(DAMAGED);
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.flights.push(None);
            self.cargos.push(None);
            (self.flights.len() - 1) as u32
        });
        let now = self.kernel.now;
        let due = now + passage.lasts;
        // What stops on its way has no plan; a number that no plan has stands for that.
        let plan = match passage.stops {
            Some(_) => u64::MAX,
            None => self.kernel.queue.push(due, Event::Flight(slot)),
        };
        let course = Course {
            id,
            from: ends.0,
            to: ends.1,
            sent: now,
            due,
            whole: now + passage.whole,
            lost: passage.lost,
            held: passage.stops.map(|it| now + it),
            stood: Span::ZERO,
        };
        self.cargos[slot as usize] = Some(cargo);
        self.flights[slot as usize] = Some(Flight {
            course,
            plan,
            event,
        });
    }

    /// Changes what travels as a flipped bit would; `false` when it is unreadable then.
    fn damage(&mut self, from: HostId, cargo: &mut Cargo<P>) -> bool {
        match (cargo, from.node()) {
            (Cargo::Message(message), Some(from)) => {
                message.damage(&mut self.kernel.hosts[from.index()].wire)
            }
            _ => false,
        }
    }

    /// Frees a place and returns what travelled there.
    #[inline]
    fn take_out(&mut self, slot: u32) -> Cargo<P> {
        self.flights[slot as usize] = None;
        self.free.push(slot);
        self.cargos[slot as usize].take().expect(IN_STEP)
    }
}
