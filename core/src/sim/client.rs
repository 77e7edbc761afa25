//! Clients: they ask, wait, ask again, and at last give up, not knowing. What they saw is the history.

use std::fmt;

use serde::Serialize;
use serde_json::Value as Json;

use crate::exhibit::Exhibit;
use crate::frame::{ClientView, End, OwnRequest, json_text};
use crate::protocol::{Answer, ClientId, NodeId, Outcome, Payload, RequestId};
use crate::trace::{HistoryEvent, HostId, Kind, NO_EVENT, PayloadHasher, Phase};

use super::flight::Cargo;
use super::kernel::Kernel;
use super::network::{Network, Parcel};
use super::queue::Event;
use super::rng::{Rng, Stream};
use super::simulation::Sim;
use super::time::{Span, Time};

/// Requests by hand come from clients numbered from here, a new one for each.
pub const MANUAL_FROM: u16 = 1_000;

/// A client that gave up goes on under its number plus this.
const NEW_IDENTITY: u32 = 10_000;

/// So many requests by hand one run may have: their clients' numbers must stay below [`NEW_IDENTITY`].
const MANUAL_MAX: usize = (NEW_IDENTITY - MANUAL_FROM as u32) as usize;

/// So often a client may take a new identity; then its numbers are used up, and it falls silent.
const LIVES_MAX: u32 = u32::MAX / NEW_IDENTITY - 1;

/// A request without an answer, for checks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pending {
    /// Who asks.
    pub client: ClientId,
    /// What.
    pub request: String,
    /// Since when.
    pub since: Time,
}

/// A request under way.
pub struct Asking<P: Exhibit> {
    /// What is asked.
    pub request: P::Request,
    /// When it began.
    pub since: Time,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// Whether the present try has had no answer of any kind yet.
    pub waiting: bool,
    /// Whether an earlier try may have been carried out without the client learning of it.
    pub uncertain: bool,
    /// When the client gives up.
    pub until: Time,
}

impl<P: Exhibit> Clone for Asking<P> {
    fn clone(&self) -> Asking<P> {
        Asking {
            request: self.request.clone(),
            since: self.since,
            attempt: self.attempt,
            waiting: self.waiting,
            uncertain: self.uncertain,
            until: self.until,
        }
    }
}

/// What a client was told. Words are made of it only where somebody reads them.
pub enum Told<P: Exhibit> {
    /// What a node answered.
    Answer(NodeId, P::Response),
    /// Nothing, for as long as it waited.
    Nothing,
    /// Nothing: it crashed.
    Died,
}

impl<P: Exhibit> Clone for Told<P> {
    fn clone(&self) -> Told<P> {
        match self {
            Told::Answer(from, response) => Told::Answer(*from, response.clone()),
            Told::Nothing => Told::Nothing,
            Told::Died => Told::Died,
        }
    }
}

impl<P: Exhibit> fmt::Display for Told<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(by) = self.by() {
            write!(f, "{by}: ")?;
        }
        f.write_str(&self.answer())
    }
}

impl<P: Exhibit> Told<P> {
    /// Who told it.
    fn by(&self) -> Option<NodeId> {
        match self {
            Told::Answer(from, _) => Some(*from),
            Told::Nothing | Told::Died => None,
        }
    }

    /// What it was told, without who said so.
    fn answer(&self) -> String {
        let response = match self {
            Told::Answer(_, response) => response,
            Told::Nothing => return "no answer".to_owned(),
            Told::Died => return "died".to_owned(),
        };
        let told = match response.outcome() {
            Outcome::Done(value) => json_text(&value),
            Outcome::Refused(why) => why.to_string(),
            Outcome::Elsewhere(Some(hint)) => format!("not here, ask {hint}"),
            Outcome::Elsewhere(None) => "not here".to_owned(),
        };
        match response.remark() {
            Some(remark) => format!("{told} ({remark})"),
            None => told,
        }
    }
}

/// The one request of a client by hand, which is shown even when it has long been answered.
pub struct Own<P: Exhibit> {
    request: P::Request,
    target: NodeId,
    since: Time,
    /// When it ended, and how.
    ended: Option<(Time, Phase)>,
}

impl<P: Exhibit> Clone for Own<P> {
    fn clone(&self) -> Own<P> {
        Own {
            request: self.request.clone(),
            target: self.target,
            since: self.since,
            ended: self.ended,
        }
    }
}

/// A client: one request at a time.
pub struct Client<P: Exhibit> {
    /// Its place among the clients; [`MANUAL_FROM`] on for requests by hand.
    pub slot: u16,
    /// How often it gave up and took a new identity.
    pub lives: u32,
    /// The number of its last request under this identity.
    pub sequence: u32,
    /// The node it asks.
    pub target: NodeId,
    /// What it waits for.
    pub asking: Option<Asking<P>>,
    /// Whether it has crashed.
    pub is_dead: bool,
    /// What it was told last.
    pub told: Option<Told<P>>,
    /// Its request, for one by hand.
    pub own: Option<Own<P>>,
    /// The plan for its alarm: to ask, to ask again, or to give up.
    pub alarm: Option<u64>,
    /// Its last event, which causes the next.
    pub event: u32,
    /// What it draws.
    pub rng: Rng,
    /// What the network draws for what it sends.
    pub wire: Rng,
}

impl<P: Exhibit> Clone for Client<P> {
    fn clone(&self) -> Client<P> {
        Client {
            slot: self.slot,
            lives: self.lives,
            sequence: self.sequence,
            target: self.target,
            asking: self.asking.clone(),
            is_dead: self.is_dead,
            told: self.told.clone(),
            own: self.own.clone(),
            alarm: self.alarm,
            event: self.event,
            rng: self.rng.clone(),
            wire: self.wire.clone(),
        }
    }
}

impl<P: Exhibit> Client<P> {
    /// A client that has not asked yet.
    pub fn new(seed: u64, slot: u16, target: NodeId) -> Client<P> {
        Client {
            slot,
            lives: 0,
            sequence: 0,
            target,
            asking: None,
            is_dead: false,
            told: None,
            own: None,
            alarm: None,
            event: NO_EVENT,
            rng: Rng::stream(seed, Stream::Client(slot.into())),
            wire: Rng::stream(seed, Stream::ClientWire(slot.into())),
        }
    }

    /// Whether a person asks through it.
    pub fn is_manual(&self) -> bool {
        self.slot >= MANUAL_FROM
    }

    /// Whether it has no new identity left to ask under.
    pub fn is_worn_out(&self) -> bool {
        self.lives >= LIVES_MAX
    }

    /// Who it says it is. A client that gave up must not be taken for its former self: its open request may still
    /// take effect.
    pub fn identity(&self) -> ClientId {
        ClientId(u32::from(self.slot) + self.lives * NEW_IDENTITY)
    }

    /// The client's place on the stage and in the trace.
    pub fn end(&self) -> End {
        End::Client(ClientId(self.slot.into()))
    }

    /// The slot of the client with this identity.
    pub fn slot_of(identity: ClientId) -> u16 {
        (identity.0 % NEW_IDENTITY) as u16
    }

    /// The name of the present try of the present request.
    pub fn request_id(&self) -> RequestId {
        let attempt = self.asking.as_ref().map_or(0, |it| it.attempt);
        RequestId {
            client: self.identity(),
            sequence: self.sequence,
            attempt,
        }
    }

    /// What it waits for.
    pub fn pending(&self) -> Option<Pending> {
        let asking = self.asking.as_ref()?;
        Some(Pending {
            client: self.identity(),
            request: asking.request.to_string(),
            since: asking.since,
        })
    }

    /// As data.
    pub fn view(&self) -> ClientView {
        ClientView {
            id: ClientId(self.slot.into()),
            name: crate::exhibit::client_name(ClientId(self.slot.into())),
            asking: self.asking.as_ref().map(|it| it.request.to_string()),
            target: self.asking.as_ref().map(|_| self.target),
            told: self.told.as_ref().map(Told::to_string),
            is_down: self.is_dead,
            own: self.own.as_ref().map(|it| self.own_request(it)),
        }
    }

    fn own_request(&self, own: &Own<P>) -> OwnRequest {
        OwnRequest {
            text: own.request.to_string(),
            target: own.target,
            since: own.since,
            ended: own.ended.map(|it| it.0),
            phase: own.ended.map_or(Phase::Invoke, |it| it.1),
            by: self.told.as_ref().and_then(Told::by),
            answer: self.told.as_ref().map(Told::answer),
            event: self.event,
        }
    }
}

/// Requests that arrive without waiting for answers: an open loop.
#[derive(Clone)]
pub struct Arrivals {
    rng: Rng,
}

impl Arrivals {
    /// The arrivals of `seed`.
    pub fn new(seed: u64) -> Arrivals {
        Arrivals {
            rng: Rng::stream(seed, Stream::Arrivals),
        }
    }
}

/// What clients do.
impl<P: Exhibit> Sim<P> {
    /// Lets a client think before its next request.
    pub(super) fn rest(&mut self, index: usize) {
        let think = self.kernel.environment.think;
        let client = &mut self.clients[index];
        client.asking = None;
        client.alarm = None;
        let waits = self.kernel.environment.arrival.is_instant() && !client.is_dead;
        if waits && !client.is_manual() && !client.is_worn_out() {
            let due = self.kernel.now + think.draw(&mut client.rng);
            client.alarm = Some(self.kernel.queue.push(due, Event::Client(index as u16)));
        }
    }

    /// Plans the next request of an open loop, if there is one.
    pub(super) fn await_arrival(&mut self) {
        let arrival = self.kernel.environment.arrival;
        if !arrival.is_instant() {
            let due = self.kernel.now + arrival.draw(&mut self.arrivals.rng);
            self.kernel.queue.push(due, Event::Arrival);
        }
    }

    /// A request of an open loop arrives: a client that has nothing to do takes it. With none it is turned away, and
    /// counted.
    pub(super) fn arrive(&mut self) {
        self.await_arrival();
        let idle = |it: &Client<P>| {
            it.asking.is_none() && !it.is_dead && !it.is_manual() && !it.is_worn_out()
        };
        match self.clients.iter().position(idle) {
            Some(index) => self.client_alarm(index),
            None => self.kernel.stats.turned_away += 1,
        }
    }

    pub(super) fn client_alarm(&mut self, index: usize) {
        let now = self.kernel.now;
        let nodes = self.members.len() as u16;
        let client = &mut self.clients[index];
        client.alarm = None;
        match &mut client.asking {
            None => {
                self.unique += 1;
                // A system without a workload leaves its clients silent.
                if let Some(request) =
                    P::draw_request(&mut client.rng, &self.kernel.environment, self.unique)
                {
                    self.invoke(index, request);
                }
            }
            Some(asking) if asking.until <= now => self.give_up(index),
            Some(asking) => {
                asking.attempt += 1;
                asking.uncertain |= asking.waiting;
                client.target = NodeId((client.target.0 + 1) % nodes);
                self.ask(index);
            }
        }
    }

    /// A client begins a request.
    pub(super) fn invoke(&mut self, index: usize, request: P::Request) {
        let now = self.kernel.now;
        let until = now + self.kernel.environment.patience;
        let nodes = self.members.len() as u64;
        let client = &mut self.clients[index];
        // A person has said whom to ask.
        if self.kernel.environment.spread && !client.is_manual() {
            client.target = NodeId(client.rng.below(nodes) as u16);
        }
        client.sequence += 1;
        client.asking = Some(Asking {
            request: request.clone(),
            since: now,
            attempt: 1,
            waiting: false,
            uncertain: false,
            until,
        });
        let (host, cause) = (client.end().into(), client.event);
        let payload = PayloadHasher::of(&request);
        let ends = (host, HostId::WORLD);
        let event = self.kernel.record_about(
            Kind::Invoke,
            ends,
            (cause, 0),
            || (request.kind(), 0),
            payload,
        );
        self.clients[index].event = event;
        self.kernel.stats.invoked += 1;
        self.say(
            event,
            || None,
            |_| format!("{} begins: {request}", host.name()),
        );
        self.remember(index, Phase::Invoke, None);
        self.ask(index);
    }

    /// Sends a client's request to the node it takes for the right one.
    pub(super) fn ask(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let id = client.request_id();
        let asking = client.asking.as_mut().expect("it asks something");
        asking.waiting = true;
        let (request, until) = (asking.request.clone(), asking.until);
        let ends = (HostId::client(client.slot), client.target.into());
        let Kernel {
            network,
            environment,
            calm,
            ..
        } = &self.kernel;
        let passage = if *calm {
            Network::carry(environment, &mut client.wire)
        } else {
            let parcel = Parcel {
                ends,
                kind: request.kind(),
                queued: 0,
            };
            network.judge_client(environment, &mut client.wire, &parcel)
        };
        let again = if client.is_manual() {
            until
        } else {
            until.min(self.kernel.now + self.kernel.environment.retry)
        };
        client.alarm = Some(self.kernel.queue.push(again, Event::Client(index as u16)));
        let cause = client.event;
        self.launch(ends, passage, Cargo::Request(id, request), cause);
    }

    /// A response reaches its client.
    pub(super) fn answered(
        &mut self,
        id: RequestId,
        from: NodeId,
        response: P::Response,
        event: u32,
    ) {
        let slot = Client::<P>::slot_of(id.client);
        let Some(index) = self.client_at(slot) else {
            return;
        };
        let client = &mut self.clients[index];
        client.event = event;
        let present = client.request_id();
        let (true, Some(asking)) = (
            (present.client, present.sequence) == (id.client, id.sequence),
            &client.asking,
        ) else {
            return;
        };
        let uncertain = asking.uncertain;
        let outcome = response.outcome();
        let late = id.attempt != present.attempt;
        if !late || matches!(outcome, Outcome::Done(_)) {
            client.told = Some(Told::Answer(from, response));
        }
        match outcome {
            Outcome::Done(value) => {
                client.target = from;
                self.complete(index, Phase::Ok, Some(value), "ok");
            }
            // An answer to an earlier try says nothing about the later one.
            _ if late => {}
            Outcome::Refused(_) => {
                let phase = if uncertain { Phase::Info } else { Phase::Fail };
                self.complete(index, phase, None, "refused");
            }
            Outcome::Elsewhere(hint) => self.redirected(index, from, hint),
        }
    }

    /// The place of the client with this slot: those of the workload stand in order from 1, those by hand behind.
    fn client_at(&self, slot: u16) -> Option<usize> {
        let usual = usize::from(slot).wrapping_sub(1);
        match self.clients.get(usual) {
            Some(client) if client.slot == slot => Some(usual),
            _ => self.clients.iter().rposition(|it| it.slot == slot),
        }
    }

    /// A client was told to ask another node.
    pub(super) fn redirected(&mut self, index: usize, from: NodeId, hint: Option<NodeId>) {
        let nodes = self.members.len() as u16;
        let client = &mut self.clients[index];
        let hint = hint.filter(|it| *it != from && it.0 < nodes);
        let manual = client.is_manual();
        let asking = client.asking.as_mut().expect("it asked something");
        if manual && hint.is_none() {
            let phase = if asking.uncertain {
                Phase::Info
            } else {
                Phase::Fail
            };
            return self.complete(index, phase, None, "refused");
        }
        asking.attempt += 1;
        asking.waiting = false;
        let until = asking.until;
        client.target = hint.unwrap_or(NodeId((from.0 + 1) % nodes));
        if hint.is_some() {
            return self.ask(index);
        }
        // Nobody knows better: wait a little rather than go round in circles. The alarm then goes on to the next node.
        client.target = from;
        let soon = self.kernel.now + Span(self.kernel.environment.retry.0 / 3);
        client.alarm = Some(
            self.kernel
                .queue
                .push(soon.min(until), Event::Client(index as u16)),
        );
    }

    pub(super) fn give_up(&mut self, index: usize) {
        self.clients[index].told = Some(Told::Nothing);
        self.complete(index, Phase::Info, None, "no answer");
    }

    /// A client's request comes to its end.
    pub(super) fn complete(
        &mut self,
        index: usize,
        phase: Phase,
        value: Option<Json>,
        label: &'static str,
    ) {
        let client = &mut self.clients[index];
        let asking = client.asking.as_ref().expect("it asked something");
        let took = self.kernel.now.since(asking.since);
        // Kept for the words, which are made only when somebody reads along.
        let words = self.explaining.then(|| {
            let told = client
                .told
                .as_ref()
                .map_or_else(String::new, Told::to_string);
            format!("{} ({told})", asking.request)
        });
        let (host, cause) = (HostId::from(client.end()), client.event);
        client.event = self.kernel.record(Kind::Complete, host, cause, label);
        let event = client.event;
        self.remember(index, phase, value);
        let now = self.kernel.now;
        let client = &mut self.clients[index];
        if let Some(own) = &mut client.own {
            own.ended = Some((now, phase));
        }
        let stats = &mut self.kernel.stats;
        match phase {
            Phase::Ok => {
                stats.completed += 1;
                stats.completion_time = stats.completion_time + took;
            }
            Phase::Fail => stats.refused += 1,
            Phase::Info | Phase::Invoke => stats.unknown += 1,
        }
        if phase == Phase::Info {
            client.lives += 1;
            client.sequence = 0;
        }
        self.say(
            event,
            || None,
            |_| {
                format!(
                    "{} ends: {}",
                    host.name(),
                    words.as_deref().unwrap_or_default()
                )
            },
        );
        self.rest(index);
    }

    /// Adds a line to the history.
    pub(super) fn remember(&mut self, index: usize, phase: Phase, value: Option<Json>) {
        let client = &self.clients[index];
        let asking = client.asking.as_ref().expect("it asks something");
        let Some(operation) = P::operation(&asking.request) else {
            return;
        };
        // What a read returned stands in its `ok`; every other line repeats what was asked.
        let value = match (phase, operation.op) {
            (Phase::Ok, "read" | "incr" | "dequeue" | "txn") => value.unwrap_or(Json::Null),
            _ => operation.value,
        };
        self.history.push(HistoryEvent {
            client: client.identity().0,
            phase,
            op: operation.op,
            key: operation.key.into(),
            value,
            time: self.kernel.now,
            event: client.event,
        });
    }

    /// A client crashes in the middle of its request, or comes back.
    pub(super) fn turn(&mut self, index: usize, dies: bool, event: u32) {
        let client = &mut self.clients[index];
        if client.is_dead == dies {
            return;
        }
        client.is_dead = dies;
        client.event = event;
        if !dies {
            return self.rest(index);
        }
        client.alarm = None;
        if client.asking.is_some() {
            client.told = Some(Told::Died);
            self.complete(index, Phase::Info, None, "died");
        }
    }

    /// A person asks `node` for something, as a client of its own.
    pub(super) fn request_by_hand(&mut self, node: NodeId, request: P::Request, cause: u32) {
        let by_hand = self.clients.iter().filter(|it| it.is_manual()).count();
        if by_hand >= MANUAL_MAX {
            return;
        }
        let slot = MANUAL_FROM + by_hand as u16;
        let mut client = Client::new(self.kernel.seed, slot, node);
        client.event = cause;
        client.own = Some(Own {
            request: request.clone(),
            target: node,
            since: self.kernel.now,
            ended: None,
        });
        self.clients.push(client);
        self.invoke(self.clients.len() - 1, request);
    }
}
