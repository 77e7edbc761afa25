//! What is under way: from the moment somebody sends it until it arrives or dies.

use serde_json::Value as Json;

use crate::exhibit::Exhibit;
use crate::frame::{End, Look, Mark, MessageView};
use crate::protocol::{ClientId, NodeId, Payload, RequestId};
use crate::trace::{HostId, Kind, PayloadHasher, tint};

use super::client::Client;
use super::kernel::Kernel;
use super::network::{CUT, DAMAGED, DOWN, Ends, INBOX_FULL, Parcel, Passage};
use super::queue::{Entry, Event};
use super::simulation::Sim;
use super::time::Span;
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
    fn kind(&self) -> &'static str {
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

/// Something under way.
#[derive(Clone)]
pub(super) struct Flight<P: Exhibit> {
    pub(super) view: MessageView,
    pub(super) cargo: Cargo<P>,
    /// The plan for its arrival or death.
    pub(super) plan: u64,
    /// The event that sent it.
    pub(super) event: u32,
}

impl<P: Exhibit> Flight<P> {
    /// Where it comes from and where it goes.
    pub(super) fn ends(&self) -> Ends {
        (self.view.from.into(), self.view.to.into())
    }
}

impl<P: Exhibit> Sim<P> {
    /// Something reaches the end of its way.
    pub(super) fn land(&mut self, entry: Entry, slot: u32) -> bool {
        let Some(flight) = self.flights[slot as usize]
            .as_ref()
            .filter(|it| it.plan == entry.sequence)
        else {
            return false;
        };
        let view = flight.view;
        if view.lost.is_none() {
            if let End::Node(to) = view.to {
                if !self.kernel.hosts[to.index()].is_down()
                    && self.must_wait(to)
                    && !self.is_full(to)
                {
                    self.kernel.wait_in_inbox(to, entry);
                    return false;
                }
            }
        }
        self.kernel.begin_step(entry.time);
        let flight = self.remove_flight(slot).expect("it was there a moment ago");
        if let Some(why) = view.lost.or_else(|| self.obstacle(&view)) {
            self.lose(&flight, why);
            return true;
        }
        let ends = (view.to.into(), view.from.into());
        let word = (view.kind, tint(view.look.epoch));
        let event = self
            .kernel
            .record_about(Kind::Deliver, ends, (flight.event, view.id), word, 0);
        self.say(
            event,
            || Some(flight.cargo.fields()),
            |body| {
                format!(
                    "{} receives {} from {}",
                    view.to,
                    summary(view.kind, body),
                    view.from
                )
            },
        );
        match (flight.cargo, view.to, view.from) {
            (Cargo::Message(message), End::Node(to), End::Node(from)) => {
                self.kernel.stats.delivered += 1;
                self.act(to, event, |node, ctx| node.on_message(ctx, from, message));
            }
            (Cargo::Request(id, request), End::Node(to), _) => {
                self.act(to, event, |node, ctx| node.on_request(ctx, id, request));
            }
            (Cargo::Response(id, response), _, End::Node(from)) => {
                self.answered(id, from, response, event)
            }
            _ => unreachable!("messages go between nodes, requests to nodes, responses from nodes"),
        }
        true
    }

    /// Why something cannot be delivered although it got this far.
    pub(super) fn obstacle(&self, view: &MessageView) -> Option<&'static str> {
        match (view.from, view.to) {
            (_, End::Node(to)) if self.kernel.hosts[to.index()].is_down() => Some(DOWN),
            (from, to) if self.kernel.network.is_cut((from.into(), to.into())) => Some(CUT),
            (_, End::Node(to)) if self.must_wait(to) => Some(INBOX_FULL),
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
        let on_it = |it: &&Flight<P>| it.ends() == ends && it.view.lost.is_none();
        self.flights.iter().flatten().filter(on_it).count()
    }

    pub(super) fn lose(&mut self, flight: &Flight<P>, why: &'static str) {
        let view = flight.view;
        if matches!(flight.cargo, Cargo::Message(_)) {
            self.kernel.stats.lost += 1;
        }
        let origin = (flight.event, view.id);
        let ends = (HostId::WORLD, view.to.into());
        let event =
            self.kernel
                .record_about(Kind::Lose, ends, origin, (why, tint(view.look.epoch)), 0);
        self.say(
            event,
            || None,
            |_| {
                format!(
                    "{} from {} to {} is lost: {why}",
                    view.kind, view.from, view.to
                )
            },
        );
    }

    pub(super) fn send(&mut self, from: NodeId, to: NodeId, message: P::Message, cause: u32) {
        let ends = (End::Node(from), End::Node(to));
        let parcel = Parcel {
            ends: (from.into(), to.into()),
            kind: message.kind(),
            queued: self.queued((from.into(), to.into())),
        };
        let Kernel {
            network,
            environment,
            hosts,
            now,
            ..
        } = &mut self.kernel;
        let wire = &mut hosts[from.index()].wire;
        let (passage, copies) = network.judge(environment, wire, *now, &parcel);
        self.kernel.stats.sent += 1;
        let cargo = Cargo::Message(message);
        if copies == [None, None] {
            self.launch(ends, passage, cargo, cause);
            return;
        }
        let event = self.launch(ends, passage, cargo.clone(), cause);
        for passage in copies.into_iter().flatten() {
            self.copy(ends, passage, cargo.clone(), event);
        }
    }

    /// Puts a second copy of something on its way; it shares the event that sent the first.
    pub(super) fn copy(&mut self, ends: (End, End), passage: Passage, cargo: Cargo<P>, sent: u32) {
        if matches!(cargo, Cargo::Message(_)) {
            self.kernel.stats.duplicated += 1;
        }
        let id = self.take_message_id();
        let kind = cargo.kind();
        let places = (HostId::WORLD, ends.1.into());
        let word = (kind, tint(cargo.look().epoch));
        let event = self
            .kernel
            .record_about(Kind::Duplicate, places, (sent, id), word, 0);
        let (from, to) = ends;
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
        let ends = (End::Node(from), End::Client(ClientId(slot.into())));
        let parcel = Parcel {
            ends: (ends.0.into(), ends.1.into()),
            kind: response.kind(),
            queued: 0,
        };
        let wire = &mut self.kernel.hosts[from.index()].wire;
        let network = &self.kernel.network;
        let passage = network.judge_client(&self.kernel.environment, wire, &parcel);
        self.launch(ends, passage, Cargo::Response(id, response), cause);
    }

    /// Puts something on its way because of event number `cause`. Returns the sending event.
    pub(super) fn launch(
        &mut self,
        ends: (End, End),
        passage: Passage,
        cargo: Cargo<P>,
        cause: u32,
    ) -> u32 {
        let id = self.take_message_id();
        let kind = cargo.kind();
        let places = (ends.0.into(), ends.1.into());
        let word = (kind, tint(cargo.look().epoch));
        let event =
            self.kernel
                .record_about(Kind::Send, places, (cause, id), word, cargo.payload());
        self.say(
            event,
            || Some(cargo.fields()),
            |body| format!("{} sends {} to {}", ends.0, summary(kind, body), ends.1),
        );
        self.put(id, ends, passage, cargo, event);
        event
    }

    pub(super) fn take_message_id(&mut self) -> u32 {
        self.kernel.next_message += 1;
        self.kernel.next_message - 1
    }

    fn put(
        &mut self,
        id: u32,
        ends: (End, End),
        mut passage: Passage,
        mut cargo: Cargo<P>,
        event: u32,
    ) {
        if passage.damaged && passage.lost.is_none() && !self.damage(ends.0, &mut cargo) {
            passage.lost = Some(DAMAGED);
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.flights.push(None);
            (self.flights.len() - 1) as u32
        });
        let now = self.kernel.now;
        let due = now + passage.lasts;
        // What stops on its way has no plan; a number that no plan has stands for that.
        let plan = match passage.stops {
            Some(_) => u64::MAX,
            None => self.kernel.queue.push(due, Event::Flight(slot)),
        };
        let view = MessageView {
            id,
            from: ends.0,
            to: ends.1,
            kind: cargo.kind(),
            look: cargo.look(),
            sent: now,
            due,
            whole: now + passage.whole,
            lost: passage.lost,
            held: passage.stops.map(|it| now + it),
            stood: Span::ZERO,
        };
        self.flights[slot as usize] = Some(Flight {
            view,
            cargo,
            plan,
            event,
        });
    }

    /// Changes what travels as a flipped bit would; `false` when it is unreadable then.
    fn damage(&mut self, from: End, cargo: &mut Cargo<P>) -> bool {
        match (cargo, from) {
            (Cargo::Message(message), End::Node(from)) => {
                message.damage(&mut self.kernel.hosts[from.index()].wire)
            }
            _ => false,
        }
    }

    pub(super) fn remove_flight(&mut self, slot: u32) -> Option<Flight<P>> {
        let flight = self.flights[slot as usize].take();
        if flight.is_some() {
            self.free.push(slot);
        }
        flight
    }
}
