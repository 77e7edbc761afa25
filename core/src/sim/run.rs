//! A run of one system: the shell around the kernel that knows what nodes and messages contain.

use std::collections::VecDeque;
use std::rc::Rc;

use serde_json::Value as Json;

use crate::check::{Report, Watch};
use crate::error::{BadInput, one_of};
use crate::exhibit::{Exhibit, Status, World};
use crate::frame::{
    End, Field, Frame, Look, MessageDetail, MessageView, NodeView, Role, TimerView,
};
use crate::parts::log::Log;
use crate::protocol::{Answer, Ctx, Effect, NodeId, Outcome, Payload, RequestId};
use crate::trace::{
    Explained, HistoryEvent, HostId, Kind, Level, NO_EVENT, PayloadHasher, Phase, Recorder, tint,
};

use super::client::{Asking, Client, MANUAL_FROM};
use super::command::{Command, Planned, Target};
use super::engine::Kernel;
use super::network::{DOWN, Passage, between_client_and_node};
use super::queue::{Entry, Event};
use super::settings::{CHANGEABLE, Environment};
use super::time::{Span, Time};

/// A run of any system: what a player, a page and a command line need.
pub trait Run {
    /// Takes the next step that is due up to and including `limit`; `false` when there is none.
    fn step(&mut self, limit: Time) -> bool;

    /// Takes every step up to and including `limit` and lets time pass until then.
    fn run_until(&mut self, limit: Time) {
        while self.step(limit) {}
        self.wait_until(limit);
    }

    /// Lets time pass up to `time`, when no step is due before.
    fn wait_until(&mut self, time: Time);

    /// True time.
    fn now(&self) -> Time;

    /// Steps so far.
    fn steps(&self) -> u64;

    /// Why the run cannot go on, if it cannot.
    fn halted(&self) -> Option<&str>;

    /// Whether a command can be carried out here: its nodes exist, its request can be read.
    fn accepts(&self, command: &Command) -> Result<(), BadInput>;

    /// Replaces the commands that people gave. Those before the present moment must stay as they were.
    fn set_commands(&mut self, commands: Rc<Vec<Planned>>);

    /// What the scenario plans, faults drawn from the seed among it.
    fn script(&self) -> &[Planned];

    /// A copy that goes its own way.
    fn fork(&self) -> Box<dyn Run>;

    /// The trace.
    fn recorder(&self) -> &Recorder;

    /// What clients saw.
    fn history(&self) -> &Log<HistoryEvent>;

    /// Whether words are made for every event from now on.
    fn explain(&mut self, on: bool);

    /// The words made since the last call.
    fn take_explained(&mut self) -> Vec<Explained>;

    /// Everything at this moment.
    fn frame(&self) -> Frame;

    /// The messages under way, added to `into`.
    fn messages(&self, into: &mut Vec<MessageView>);

    /// All about one message under way.
    fn message(&self, id: u32) -> Option<MessageDetail>;

    /// The checks.
    fn reports(&self) -> Vec<Report>;

    /// Whether a promise has been broken.
    fn violated(&self) -> bool;
}

/// What travels.
#[derive(Clone)]
pub(crate) enum Cargo<P: Exhibit> {
    /// From node to node.
    Message(P::Message),
    /// From a client to a node.
    Request(RequestId, P::Request),
    /// From a node to a client.
    Response(RequestId, P::Response),
}

impl<P: Exhibit> Cargo<P> {
    fn fields(&self) -> Json {
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
pub(crate) struct Flight<P: Exhibit> {
    pub(crate) view: MessageView,
    pub(crate) cargo: Cargo<P>,
    /// The plan for its arrival or death.
    pub(crate) plan: u64,
    /// The event that sent it.
    pub(crate) event: u32,
}

/// A timer of a node.
#[derive(Clone)]
pub(crate) struct TimerSlot<T> {
    pub(crate) timer: T,
    pub(crate) armed: bool,
    pub(crate) set_at: Time,
    pub(crate) deadline: Time,
    /// The plan in the queue. It may come due before the deadline, when the timer has been moved on: then it is
    /// planned again, which is cheaper than planning at every move.
    pub(crate) plan: Option<(u64, Time)>,
    /// The event that set it.
    pub(crate) event: u32,
}

/// Something that waits for the disk.
pub(crate) enum Held<P: Exhibit> {
    Write(P::Durable, u32),
    Send(NodeId, P::Message),
    Respond(RequestId, P::Response),
}

impl<P: Exhibit> Clone for Held<P> {
    fn clone(&self) -> Held<P> {
        match self {
            Held::Write(durable, event) => Held::Write(durable.clone(), *event),
            Held::Send(to, message) => Held::Send(*to, message.clone()),
            Held::Respond(id, response) => Held::Respond(*id, response.clone()),
        }
    }
}

/// A node: its state, its disk, its timers.
pub struct Member<P: Exhibit> {
    /// Its state; `None` while it is down.
    pub(crate) state: Option<P>,
    /// What its disk holds for certain.
    pub(crate) durable: P::Durable,
    /// The write that the disk is at, and what waits behind it.
    pub(crate) held: VecDeque<Held<P>>,
    pub(crate) timers: Vec<TimerSlot<P::Timer>>,
    /// The state of which words were last made.
    pub(crate) seen: Option<P>,
}

impl<P: Exhibit> Clone for Member<P> {
    fn clone(&self) -> Member<P> {
        Member {
            state: self.state.clone(),
            durable: self.durable.clone(),
            held: self.held.clone(),
            timers: self.timers.clone(),
            seen: self.seen.clone(),
        }
    }
}

/// A run of the system `P`.
pub struct Sim<P: Exhibit> {
    pub(crate) kernel: Kernel,
    pub(crate) config: P::Config,
    pub(crate) members: Vec<Member<P>>,
    pub(crate) flights: Vec<Option<Flight<P>>>,
    free: Vec<u32>,
    pub(crate) clients: Vec<Client<P>>,
    watches: Vec<Watch<P>>,
    history: Log<HistoryEvent>,
    effects: Vec<Effect<P>>,
    /// The node that acted in this step.
    pub(crate) changed: Option<NodeId>,
    script: Rc<[Planned]>,
    commands: Rc<Vec<Planned>>,
    /// How many of the script and of the commands have been carried out.
    done: (usize, usize),
    /// Numbers what generated requests write.
    unique: u32,
    explaining: bool,
    explained: Vec<Explained>,
}

impl<P: Exhibit> Clone for Sim<P> {
    fn clone(&self) -> Sim<P> {
        Sim {
            kernel: self.kernel.clone(),
            config: self.config.clone(),
            members: self.members.clone(),
            flights: self.flights.clone(),
            free: self.free.clone(),
            clients: self.clients.clone(),
            watches: self.watches.clone(),
            history: self.history.clone(),
            effects: Vec::new(),
            changed: self.changed,
            script: self.script.clone(),
            commands: self.commands.clone(),
            done: self.done,
            unique: self.unique,
            explaining: false,
            explained: Vec::new(),
        }
    }
}

impl<P: Exhibit> Sim<P> {
    /// Starts every node and every client. `script` is in the order of time.
    pub fn new(
        environment: Environment,
        config: P::Config,
        script: Rc<[Planned]>,
        seed: u64,
        level: Level,
    ) -> Sim<P> {
        let nodes = environment.nodes;
        let clients = environment.clients;
        let member = || Member {
            state: None,
            durable: P::Durable::default(),
            held: VecDeque::new(),
            timers: Vec::new(),
            seen: None,
        };
        let mut sim = Sim {
            kernel: Kernel::new(environment, seed, level),
            config,
            members: (0..nodes).map(|_| member()).collect(),
            flights: Vec::new(),
            free: Vec::new(),
            clients: Vec::new(),
            watches: P::checks().into_iter().map(Watch::new).collect(),
            history: Log::default(),
            effects: Vec::new(),
            changed: None,
            script,
            commands: Rc::default(),
            done: (0, 0),
            unique: 0,
            explaining: level == Level::Words,
            explained: Vec::new(),
        };
        for node in (0..nodes).map(NodeId) {
            sim.start(node, NO_EVENT);
        }
        for slot in 1..=clients {
            let target = NodeId(((slot - 1) % u32::from(nodes)) as u16);
            sim.clients.push(Client::new(seed, slot as u16, target));
            sim.rest(slot as usize - 1);
        }
        sim
    }

    /// The world as checks see it, with the checks themselves set free.
    fn observe(&mut self) {
        let Sim {
            kernel,
            config,
            members,
            clients,
            watches,
            changed,
            history,
            ..
        } = self;
        let world = World {
            now: kernel.now,
            changed: *changed,
            environment: &kernel.environment,
            config,
            nodes: members,
            hosts: &kernel.hosts,
            clients,
            history,
        };
        for watch in watches {
            watch.observe(&world, kernel.steps);
        }
    }

    pub(crate) fn world(&self) -> World<'_, P> {
        World {
            now: self.kernel.now,
            changed: self.changed,
            environment: &self.kernel.environment,
            config: &self.config,
            nodes: &self.members,
            hosts: &self.kernel.hosts,
            clients: &self.clients,
            history: &self.history,
        }
    }

    /// The next command, from the script or from people, when it is due before `next`.
    fn take_command(&mut self, next: Option<Time>, limit: Time) -> Option<Planned> {
        let script = self.script.get(self.done.0);
        let command = self.commands.get(self.done.1);
        let from_script = match (script, command) {
            (Some(script), Some(command)) => script.at <= command.at,
            (script, _) => script.is_some(),
        };
        let due = if from_script { script } else { command }?;
        if due.at > limit || next.is_some_and(|next| next <= due.at) {
            return None;
        }
        let due = due.clone();
        if from_script {
            self.done.0 += 1;
        } else {
            self.done.1 += 1;
        }
        Some(due)
    }

    /// Carries out one plan; `false` when its owner has forgotten it or cannot act now.
    fn process(&mut self, entry: Entry) -> bool {
        match entry.event {
            Event::Flight(slot) => self.land(entry, slot),
            Event::Timer(node, slot) => self.ring(entry, NodeId(node), slot),
            Event::Synced(node) => self.synced(entry, NodeId(node)),
            Event::Ready(node) => {
                let host = self.kernel.host(NodeId(node));
                if host.busy.is_some_and(|(_, plan)| plan == entry.sequence) {
                    host.busy = None;
                    self.kernel.now = entry.time;
                    self.requeue_inbox(NodeId(node));
                }
                false
            }
            Event::Client(index) => {
                let current = self.clients[usize::from(index)].alarm == Some(entry.sequence);
                if current {
                    self.kernel.begin_step(entry.time);
                    self.client_alarm(usize::from(index));
                }
                current
            }
        }
    }

    /// Something reaches the end of its way.
    fn land(&mut self, entry: Entry, slot: u32) -> bool {
        let Some(flight) = self.flights[slot as usize]
            .as_ref()
            .filter(|it| it.plan == entry.sequence)
        else {
            return false;
        };
        let view = flight.view;
        if view.lost.is_none() {
            if let End::Node(to) = view.to {
                let host = &mut self.kernel.hosts[to.index()];
                if host.status != Status::Down && !host.can_act() {
                    host.inbox.push_back((entry.sequence, entry.event));
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
    fn obstacle(&self, view: &MessageView) -> Option<&'static str> {
        match (view.from, view.to) {
            (_, End::Node(to)) if self.kernel.hosts[to.index()].status == Status::Down => {
                Some(DOWN)
            }
            (End::Node(from), End::Node(to)) if self.kernel.network.is_cut(from, to) => {
                Some(super::network::CUT)
            }
            _ => None,
        }
    }

    pub(crate) fn lose(&mut self, flight: &Flight<P>, why: &'static str) {
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

    /// A timer's plan comes due.
    fn ring(&mut self, entry: Entry, node: NodeId, slot: u16) -> bool {
        let timers = &mut self.members[node.index()].timers;
        let Some(timer) = timers.get_mut(usize::from(slot)) else {
            return false;
        };
        if timer.plan.is_none_or(|(plan, _)| plan != entry.sequence) {
            return false;
        }
        if !timer.armed {
            timer.plan = None;
            return false;
        }
        if timer.deadline > entry.time {
            let deadline = timer.deadline;
            timer.plan = Some((self.kernel.queue.push(deadline, entry.event), deadline));
            return false;
        }
        let host = &mut self.kernel.hosts[node.index()];
        if !host.can_act() {
            host.inbox.push_back((entry.sequence, entry.event));
            return false;
        }
        timer.plan = None;
        self.kernel.begin_step(entry.time);
        self.fire(node, usize::from(slot));
        true
    }

    /// Runs a timer out.
    pub(crate) fn fire(&mut self, node: NodeId, slot: usize) {
        let timer = &mut self.members[node.index()].timers[slot];
        timer.armed = false;
        let (name, cause) = (timer.timer, timer.event);
        let payload = PayloadHasher::of(&name);
        let ends = (node.into(), HostId::WORLD);
        let event = self
            .kernel
            .record_about(Kind::Timer, ends, (cause, 0), ("timer", 0), payload);
        self.say(event, || None, |_| format!("{node}: timer {name} runs out"));
        self.act(node, event, |state, ctx| state.on_timer(ctx, name));
    }

    /// The disk has finished a write: what waited behind it may go out.
    fn synced(&mut self, entry: Entry, node: NodeId) -> bool {
        let host = self.kernel.host(node);
        if host.syncing != Some(entry.sequence) {
            return false;
        }
        if host.status == Status::Paused {
            host.inbox.push_back((entry.sequence, entry.event));
            return false;
        }
        host.syncing = None;
        self.kernel.begin_step(entry.time);
        let member = &mut self.members[node.index()];
        let Some(Held::Write(durable, cause)) = member.held.pop_front() else {
            unreachable!("the disk was writing something")
        };
        member.durable = durable;
        let event = self.kernel.record(Kind::Sync, node.into(), cause, "sync");
        self.say(event, || None, |_| format!("{node}: the disk has it"));
        self.changed = Some(node);
        while self.kernel.hosts[node.index()].syncing.is_none() {
            match self.members[node.index()].held.pop_front() {
                None => break,
                Some(Held::Write(durable, cause)) => self.write(node, durable, cause),
                Some(Held::Send(to, message)) => self.send(node, to, message, event),
                Some(Held::Respond(id, response)) => self.respond(node, id, response, event),
            }
        }
        true
    }

    /// Plans once more what came due while the node could not act.
    pub(crate) fn requeue_inbox(&mut self, node: NodeId) {
        let waiting = std::mem::take(&mut self.kernel.host(node).inbox);
        for (old, event) in waiting {
            let now = self.kernel.now;
            let plan = self.kernel.queue.push(now, event);
            match event {
                Event::Flight(slot) => match &mut self.flights[slot as usize] {
                    Some(flight) if flight.plan == old => flight.plan = plan,
                    _ => {}
                },
                Event::Timer(_, slot) => {
                    match self.members[node.index()].timers.get_mut(usize::from(slot)) {
                        Some(timer) if timer.plan.is_some_and(|it| it.0 == old) => {
                            timer.plan = Some((plan, now))
                        }
                        _ => {}
                    }
                }
                Event::Synced(_) => self.kernel.host(node).syncing = Some(plan),
                Event::Ready(_) | Event::Client(_) => unreachable!("these do not wait for a node"),
            }
        }
    }

    /// Starts a node from its disk.
    pub(crate) fn start(&mut self, node: NodeId, cause: u32) {
        let event = self.kernel.record(Kind::Start, node.into(), cause, "start");
        self.say(event, || None, |_| format!("{node} starts"));
        self.kernel.host(node).status = Status::Up;
        let durable = self.members[node.index()].durable.clone();
        let config = self.config.clone();
        let mut effects = std::mem::take(&mut self.effects);
        let state = P::start(&mut self.ctx(node, &mut effects), &config, durable);
        self.members[node.index()].state = Some(state);
        self.finish(node, event, effects);
    }

    /// Lets a node react to event number `event`.
    pub(crate) fn act(
        &mut self,
        node: NodeId,
        event: u32,
        handler: impl FnOnce(&mut P, &mut Ctx<'_, P>),
    ) {
        let mut effects = std::mem::take(&mut self.effects);
        let mut state = self.members[node.index()]
            .state
            .take()
            .expect("only running nodes act");
        handler(&mut state, &mut self.ctx(node, &mut effects));
        self.members[node.index()].state = Some(state);
        self.finish(node, event, effects);
    }

    fn ctx<'a>(&'a mut self, node: NodeId, effects: &'a mut Vec<Effect<P>>) -> Ctx<'a, P> {
        let host = &mut self.kernel.hosts[node.index()];
        Ctx {
            me: node,
            nodes: self.members.len() as u16,
            now: host.clock.read(self.kernel.now),
            explain: self.explaining,
            rng: &mut host.rng,
            effects,
        }
    }

    /// Carries out what a node wants done, in order; keeps the list's memory for the next time.
    fn finish(&mut self, node: NodeId, event: u32, mut effects: Vec<Effect<P>>) {
        self.changed = Some(node);
        self.say_changes(node, event);
        for effect in effects.drain(..) {
            self.carry_out_effect(node, event, effect);
        }
        self.effects = effects;
    }

    fn carry_out_effect(&mut self, node: NodeId, event: u32, effect: Effect<P>) {
        let writing = self.kernel.hosts[node.index()].syncing.is_some();
        let held = &mut self.members[node.index()].held;
        match effect {
            Effect::Send(to, message) if writing => held.push_back(Held::Send(to, message)),
            Effect::Respond(id, response) if writing => held.push_back(Held::Respond(id, response)),
            Effect::Send(to, message) => self.send(node, to, message, event),
            Effect::Respond(id, response) => self.respond(node, id, response, event),
            Effect::Persist(durable) => {
                let write = self
                    .kernel
                    .record(Kind::Persist, node.into(), event, "persist");
                self.say(write, || None, |_| format!("{node} writes to its disk"));
                if writing {
                    self.members[node.index()]
                        .held
                        .push_back(Held::Write(durable, write));
                } else {
                    self.write(node, durable, write);
                }
            }
            Effect::SetTimer(timer, min, max) => self.set_timer(node, timer, min, max, event),
            Effect::CancelTimer(timer) => {
                let timers = &mut self.members[node.index()].timers;
                if let Some(slot) = timers.iter_mut().find(|it| it.timer == timer) {
                    slot.armed = false;
                }
            }
            Effect::Note(label, details) => {
                let note = self.kernel.record(Kind::Note, node.into(), event, label);
                self.say(
                    note,
                    || None,
                    |_| match details {
                        Some(details) => format!("{node} {label}: {details}"),
                        None => format!("{node} {label}"),
                    },
                );
            }
            Effect::Work(span) => {
                let host = &mut self.kernel.hosts[node.index()];
                let until =
                    host.busy.map_or(self.kernel.now, |it| it.0) + host.clock.true_span(span);
                host.busy = Some((until, self.kernel.queue.push(until, Event::Ready(node.0))));
            }
        }
    }

    /// Gives the disk something to write; at once when the disk takes no time.
    fn write(&mut self, node: NodeId, durable: P::Durable, event: u32) {
        if self.kernel.environment.disk.is_instant() {
            self.members[node.index()].durable = durable;
            return;
        }
        let host = &mut self.kernel.hosts[node.index()];
        let due = self.kernel.now + self.kernel.environment.disk.draw(&mut host.disk);
        host.syncing = Some(self.kernel.queue.push(due, Event::Synced(node.0)));
        host.write_event = event;
        self.members[node.index()]
            .held
            .push_front(Held::Write(durable, event));
    }

    fn set_timer(&mut self, node: NodeId, timer: P::Timer, min: Span, max: Span, event: u32) {
        let host = &mut self.kernel.hosts[node.index()];
        let now = self.kernel.now;
        let deadline = now + host.clock.true_span(host.rng.span(min, max));
        let timers = &mut self.members[node.index()].timers;
        let slot = timers
            .iter()
            .position(|it| it.timer == timer)
            .unwrap_or_else(|| {
                timers.push(TimerSlot {
                    timer,
                    armed: false,
                    set_at: now,
                    deadline,
                    plan: None,
                    event,
                });
                timers.len() - 1
            });
        let entry = &mut timers[slot];
        entry.armed = true;
        entry.set_at = now;
        entry.deadline = deadline;
        entry.event = event;
        if entry.plan.is_none_or(|(_, at)| at > deadline) {
            let plan = self
                .kernel
                .queue
                .push(deadline, Event::Timer(node.0, slot as u16));
            entry.plan = Some((plan, deadline));
        }
    }

    fn send(&mut self, from: NodeId, to: NodeId, message: P::Message, cause: u32) {
        let Kernel {
            network,
            environment,
            hosts,
            now,
            ..
        } = &mut self.kernel;
        let wire = &mut hosts[from.index()].wire;
        let (passage, copy) = network.judge(environment, wire, *now, from, to);
        self.kernel.stats.sent += 1;
        let look = P::look(&message);
        let payload = PayloadHasher::of(&message);
        let ends = (End::Node(from), End::Node(to));
        let copied = copy.map(|passage| (passage, Cargo::Message(message.clone())));
        let kind = message.kind();
        let event = self.launch(
            ends,
            kind,
            look,
            passage,
            Cargo::Message(message),
            (cause, payload),
        );
        if let Some((passage, cargo)) = copied {
            self.copy(ends, kind, look, passage, cargo, event);
        }
    }

    /// Puts a second copy of something on its way; it shares the event that sent the first.
    pub(crate) fn copy(
        &mut self,
        ends: (End, End),
        kind: &'static str,
        look: Look,
        passage: Passage,
        cargo: Cargo<P>,
        sent: u32,
    ) {
        self.kernel.stats.duplicated += 1;
        let id = self.take_message_id();
        let places = (HostId::WORLD, ends.1.into());
        let event = self.kernel.record_about(
            Kind::Duplicate,
            places,
            (sent, id),
            (kind, tint(look.epoch)),
            0,
        );
        self.say(
            event,
            || None,
            |_| {
                format!(
                    "the network makes a copy of {kind} from {} to {}",
                    ends.0, ends.1
                )
            },
        );
        self.put(id, ends, kind, look, passage, cargo, sent);
    }

    fn respond(&mut self, from: NodeId, id: RequestId, response: P::Response, cause: u32) {
        let slot = Client::<P>::slot_of(id.client);
        let environment = &self.kernel.environment;
        let passage =
            between_client_and_node(environment, &mut self.kernel.hosts[from.index()].wire);
        let payload = PayloadHasher::of(&response);
        let ends = (
            End::Node(from),
            End::Client(crate::protocol::ClientId(slot.into())),
        );
        let look = Look {
            mark: crate::frame::Mark::Reply,
            epoch: None,
        };
        self.launch(
            ends,
            response.kind(),
            look,
            passage,
            Cargo::Response(id, response),
            (cause, payload),
        );
    }

    /// Puts something on its way; `origin` is the cause and the hash of the content. Returns the sending event.
    fn launch(
        &mut self,
        ends: (End, End),
        kind: &'static str,
        look: Look,
        passage: Passage,
        cargo: Cargo<P>,
        origin: (u32, u64),
    ) -> u32 {
        let id = self.take_message_id();
        let places = (ends.0.into(), ends.1.into());
        let word = (kind, tint(look.epoch));
        let event = self
            .kernel
            .record_about(Kind::Send, places, (origin.0, id), word, origin.1);
        self.say(
            event,
            || Some(cargo.fields()),
            |body| format!("{} sends {} to {}", ends.0, summary(kind, body), ends.1),
        );
        self.put(id, ends, kind, look, passage, cargo, event);
        event
    }

    fn take_message_id(&mut self) -> u32 {
        self.kernel.next_message += 1;
        self.kernel.next_message - 1
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one flight, from the two places that make one"
    )]
    fn put(
        &mut self,
        id: u32,
        ends: (End, End),
        kind: &'static str,
        look: Look,
        passage: Passage,
        cargo: Cargo<P>,
        event: u32,
    ) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.flights.push(None);
            (self.flights.len() - 1) as u32
        });
        let now = self.kernel.now;
        let due = now + passage.lasts;
        let plan = self.kernel.queue.push(due, Event::Flight(slot));
        let view = MessageView {
            id,
            from: ends.0,
            to: ends.1,
            kind,
            look,
            sent: now,
            due,
            whole: now + passage.whole,
            lost: passage.lost,
        };
        self.flights[slot as usize] = Some(Flight {
            view,
            cargo,
            plan,
            event,
        });
    }

    pub(crate) fn remove_flight(&mut self, slot: u32) -> Option<Flight<P>> {
        let flight = self.flights[slot as usize].take();
        if flight.is_some() {
            self.free.push(slot);
        }
        flight
    }

    /// Makes words for an event, when somebody reads along.
    pub(crate) fn say(
        &mut self,
        event: u32,
        body: impl FnOnce() -> Option<Json>,
        text: impl FnOnce(&Option<Json>) -> String,
    ) {
        if self.explaining {
            let body = body();
            let text = text(&body);
            self.explained.push(Explained {
                event,
                text,
                body,
                set: Vec::new(),
            });
        }
    }

    /// Says what changed in a node by event number `event`.
    fn say_changes(&mut self, node: NodeId, event: u32) {
        if !self.explaining {
            return;
        }
        let member = &mut self.members[node.index()];
        let before = std::mem::replace(&mut member.seen, member.state.clone());
        let Some(state) = &member.state else { return };
        let (old, new) = (
            before.as_ref().map(fields).unwrap_or_default(),
            fields(state),
        );
        let mut changed: Vec<Field> = new.iter().filter(|it| !old.contains(it)).cloned().collect();
        // What a node no longer has, such as the votes of a candidacy that is over.
        let gone = old
            .iter()
            .filter(|it| new.iter().all(|new| new.name != it.name));
        changed.extend(gone.map(|it| Field {
            value: Json::Null,
            ..it.clone()
        }));
        changed.extend(state.archive(before.as_ref()));
        if let Some(words) = self.explained.iter_mut().rfind(|it| it.event == event) {
            words.set = changed;
        }
    }
}

/// What a node knows, its role among it.
fn fields<P: Exhibit>(state: &P) -> Vec<Field> {
    let mut fields = vec![Field::volatile("role", state.role().name)];
    fields.extend(state.view());
    fields
}

/// A payload in one line: its kind and its fields, in the paper's words.
fn summary(kind: &str, body: &Option<Json>) -> String {
    let fields: Vec<String> = body
        .iter()
        .flat_map(flatten)
        .map(|(name, value)| match name.as_str() {
            "" => crate::frame::json_text(&value),
            _ => format!("{name}={}", crate::frame::json_text(&value)),
        })
        .collect();
    if fields.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind} {}", fields.join(" "))
    }
}

/// The fields of a payload: an enum's variant is its kind and says nothing more.
fn flatten(body: &Json) -> Vec<(String, Json)> {
    match body {
        Json::Object(map) => match map.iter().next() {
            Some((_, Json::Object(fields))) if map.len() == 1 => fields
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            Some((_, inner)) if map.len() == 1 => vec![(String::new(), inner.clone())],
            _ => map
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        },
        Json::String(_) | Json::Null => Vec::new(),
        other => vec![(String::new(), other.clone())],
    }
}

/// What clients do.
impl<P: Exhibit> Sim<P> {
    /// Lets a client think before its next request.
    fn rest(&mut self, index: usize) {
        let think = self.kernel.environment.think;
        let client = &mut self.clients[index];
        client.asking = None;
        client.alarm = None;
        if !client.is_manual() {
            let due = self.kernel.now + think.draw(&mut client.rng);
            client.alarm = Some(self.kernel.queue.push(due, Event::Client(index as u16)));
        }
    }

    fn client_alarm(&mut self, index: usize) {
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
    pub(crate) fn invoke(&mut self, index: usize, request: P::Request) {
        let now = self.kernel.now;
        let until = now + self.kernel.environment.patience;
        let client = &mut self.clients[index];
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
        let event =
            self.kernel
                .record_about(Kind::Invoke, ends, (cause, 0), (request.kind(), 0), payload);
        self.clients[index].event = event;
        self.kernel.stats.invoked += 1;
        let name = host.name();
        self.say(event, || None, |_| format!("{name} begins: {request}"));
        self.remember(index, Phase::Invoke, None);
        self.ask(index);
    }

    /// Sends a client's request to the node it takes for the right one.
    fn ask(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let id = client.request_id();
        let asking = client.asking.as_mut().expect("it asks something");
        asking.waiting = true;
        let (request, until) = (asking.request.clone(), asking.until);
        let passage = between_client_and_node(&self.kernel.environment, &mut client.wire);
        let ends = (client.end(), End::Node(client.target));
        let payload = PayloadHasher::of(&request);
        let again = if client.is_manual() {
            until
        } else {
            until.min(self.kernel.now + self.kernel.environment.retry)
        };
        client.alarm = Some(self.kernel.queue.push(again, Event::Client(index as u16)));
        let cause = client.event;
        self.launch(
            ends,
            request.kind(),
            Look::default(),
            passage,
            Cargo::Request(id, request),
            (cause, payload),
        );
    }

    /// A response reaches its client.
    fn answered(&mut self, id: RequestId, from: NodeId, response: P::Response, event: u32) {
        let slot = Client::<P>::slot_of(id.client);
        let Some(index) = self.clients.iter().position(|it| it.slot == slot) else {
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
        match response.outcome() {
            Outcome::Done(value) => {
                client.told = Some(format!("{from}: {}", crate::frame::json_text(&value)));
                client.target = from;
                self.complete(index, Phase::Ok, Some(value), "ok");
            }
            // An answer to an earlier try says nothing about the later one.
            _ if id.attempt != present.attempt => {}
            Outcome::Refused(why) => {
                client.told = Some(format!("{from}: {why}"));
                let phase = if uncertain { Phase::Info } else { Phase::Fail };
                self.complete(index, phase, None, "refused");
            }
            Outcome::Elsewhere(hint) => {
                client.told = Some(match hint {
                    Some(hint) => format!("{from}: not here, ask {hint}"),
                    None => format!("{from}: not here"),
                });
                self.redirected(index, from, hint);
            }
        }
    }

    /// A client was told to ask another node.
    fn redirected(&mut self, index: usize, from: NodeId, hint: Option<NodeId>) {
        let nodes = self.members.len() as u16;
        let client = &mut self.clients[index];
        let hint = hint.filter(|it| *it != from && it.0 < nodes);
        if client.is_manual() && hint.is_none() {
            return self.complete(index, Phase::Fail, None, "refused");
        }
        let asking = client.asking.as_mut().expect("it asked something");
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

    fn give_up(&mut self, index: usize) {
        self.clients[index].told = Some("no answer".to_owned());
        self.complete(index, Phase::Info, None, "no answer");
    }

    /// A client's request comes to its end.
    fn complete(&mut self, index: usize, phase: Phase, value: Option<Json>, label: &'static str) {
        self.remember(index, phase, value);
        let client = &mut self.clients[index];
        let asking = client.asking.as_ref().expect("it asked something");
        let took = self.kernel.now.since(asking.since);
        let request = asking.request.to_string();
        let (host, cause) = (HostId::from(client.end()), client.event);
        let told = client.told.clone().unwrap_or_default();
        client.event = self.kernel.record(Kind::Complete, host, cause, label);
        let event = client.event;
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
        let name = host.name();
        self.say(
            event,
            || None,
            |_| format!("{name} ends: {request} ({told})"),
        );
        self.rest(index);
    }

    /// Adds a line to the history.
    fn remember(&mut self, index: usize, phase: Phase, value: Option<Json>) {
        let client = &self.clients[index];
        let asking = client.asking.as_ref().expect("it asks something");
        let Some(operation) = P::operation(&asking.request) else {
            return;
        };
        // What a read returned stands in its `ok`; every other line repeats what was asked.
        let value = match (phase, operation.op) {
            (Phase::Ok, "read" | "incr") => value.unwrap_or(Json::Null),
            _ => operation.value,
        };
        self.history.push(HistoryEvent {
            client: client.identity().0,
            phase,
            op: operation.op,
            key: operation.key,
            value,
            time: self.kernel.now,
        });
    }

    /// A person asks `node` for something, as a client of its own.
    pub(crate) fn request_by_hand(&mut self, node: NodeId, request: P::Request, cause: u32) {
        let by_hand = self.clients.iter().filter(|it| it.is_manual()).count();
        let slot = MANUAL_FROM + by_hand as u16;
        let mut client = Client::new(self.kernel.seed, slot, node);
        client.event = cause;
        self.clients.push(client);
        self.invoke(self.clients.len() - 1, request);
    }
}

/// Whether commands fit this run.
impl<P: Exhibit> Sim<P> {
    fn accepts_target(&self, target: &Target) -> Result<(), BadInput> {
        let nodes = self.members.len();
        match target {
            Target::Node(node) if node.index() >= nodes => Err(BadInput::new(
                &node.to_string(),
                format!("is not in this cluster: n1 to n{nodes}"),
            )),
            _ => Ok(()),
        }
    }

    fn accepts_command(&self, command: &Command) -> Result<(), BadInput> {
        match command {
            Command::Crash(it)
            | Command::Restart(it)
            | Command::Pause(it)
            | Command::Resume(it) => self.accepts_target(it),
            Command::Clock(it, _) | Command::Drift(it, _) | Command::Fire(it, _) => {
                self.accepts_target(it)
            }
            Command::Partition(groups) => groups
                .iter()
                .flatten()
                .try_for_each(|it| self.accepts_target(it)),
            Command::Cut(link) | Command::Mend(link) => self
                .accepts_target(&link.from)
                .and_then(|()| self.accepts_target(&link.to)),
            Command::Request(target, request) => {
                if P::ABOUT.request.is_empty() {
                    return Err(BadInput::new(
                        request,
                        format!("cannot be asked: {} takes no requests", P::ABOUT.id),
                    ));
                }
                request.parse::<P::Request>()?;
                self.accepts_target(target)
            }
            Command::Set(key, value) => {
                let settings = Environment::settings();
                match settings
                    .iter()
                    .find(|it| it.id == key && CHANGEABLE.contains(&it.id))
                {
                    Some(setting) => setting
                        .kind
                        .read(value)
                        .map(|_| ())
                        .map_err(|it| it.within(key)),
                    None => Err(BadInput::new(
                        key,
                        format!(
                            "cannot be set while a run goes on: {} can",
                            one_of(CHANGEABLE)
                        ),
                    )),
                }
            }
            Command::Heal | Command::Drop(_) | Command::Duplicate(_) | Command::Delay(..) => Ok(()),
        }
    }

    fn node_view(&self, node: NodeId) -> NodeView {
        let host = &self.kernel.hosts[node.index()];
        let member = &self.members[node.index()];
        let mut timers: Vec<TimerView> = member
            .timers
            .iter()
            .filter(|it| it.armed)
            .map(|it| TimerView {
                name: it.timer.to_string(),
                set_at: it.set_at,
                deadline: it.deadline,
            })
            .collect();
        timers.sort_by_key(|it| it.deadline);
        NodeView {
            id: node,
            status: host.status,
            role: member.state.as_ref().map(P::role),
            fields: member.state.as_ref().map(P::view).unwrap_or_default(),
            timers,
            clock_ahead: host.clock.ahead(self.kernel.now),
            drift_ppm: host.clock.drift(),
            writing: member
                .held
                .iter()
                .filter(|it| matches!(it, Held::Write(..)))
                .count(),
            inbox: host.inbox.len(),
        }
    }

    /// The role of a node, to find it by.
    pub(crate) fn role(&self, node: NodeId) -> Option<Role> {
        self.members[node.index()].state.as_ref().map(P::role)
    }
}

impl<P: Exhibit> Run for Sim<P> {
    fn step(&mut self, limit: Time) -> bool {
        while self.kernel.halted.is_none() {
            let next = self.kernel.queue.next_time();
            if let Some(planned) = self.take_command(next, limit) {
                self.kernel.begin_step(planned.at);
                self.changed = None;
                self.carry_out(&planned.command);
                self.observe();
                return true;
            }
            if next.is_none_or(|next| next > limit) {
                return false;
            }
            let entry = self.kernel.queue.pop().expect("it was there a moment ago");
            self.changed = None;
            if self.process(entry) {
                self.observe();
                self.kernel.watch_budget(self.flights.len());
                return true;
            }
        }
        false
    }

    fn wait_until(&mut self, time: Time) {
        if self.kernel.halted.is_none() {
            self.kernel.now = self.kernel.now.max(time);
        }
    }

    fn now(&self) -> Time {
        self.kernel.now
    }

    fn steps(&self) -> u64 {
        self.kernel.steps
    }

    fn halted(&self) -> Option<&str> {
        self.kernel.halted.as_deref()
    }

    fn accepts(&self, command: &Command) -> Result<(), BadInput> {
        self.accepts_command(command)
            .map_err(|it| it.within(format!("in \"{command}\"")))
    }

    fn set_commands(&mut self, commands: Rc<Vec<Planned>>) {
        debug_assert!(
            commands.len() >= self.done.1,
            "what has been carried out cannot be taken back"
        );
        self.commands = commands;
    }

    fn script(&self) -> &[Planned] {
        &self.script
    }

    fn fork(&self) -> Box<dyn Run> {
        Box::new(self.clone())
    }

    fn recorder(&self) -> &Recorder {
        &self.kernel.recorder
    }

    fn history(&self) -> &Log<HistoryEvent> {
        &self.history
    }

    fn explain(&mut self, on: bool) {
        self.explaining = on;
        self.explained.clear();
        for member in &mut self.members {
            member.seen = member.state.clone().filter(|_| on);
        }
    }

    fn take_explained(&mut self) -> Vec<Explained> {
        std::mem::take(&mut self.explained)
    }

    fn frame(&self) -> Frame {
        let world = self.world();
        Frame {
            time: self.kernel.now,
            step: self.kernel.steps,
            nodes: world.ids().map(|it| self.node_view(it)).collect(),
            clients: self.clients.iter().map(Client::view).collect(),
            network: self.kernel.network_view(),
            panels: P::panels(&world),
            checks: self.reports(),
            stats: self.kernel.stats,
            hash: self.kernel.recorder.hash(),
        }
    }

    fn messages(&self, into: &mut Vec<MessageView>) {
        into.extend(self.flights.iter().flatten().map(|it| it.view));
    }

    fn message(&self, id: u32) -> Option<MessageDetail> {
        let flight = self.flights.iter().flatten().find(|it| it.view.id == id)?;
        Some(MessageDetail {
            view: flight.view,
            fields: flatten(&flight.cargo.fields()),
        })
    }

    fn reports(&self) -> Vec<Report> {
        let world = self.world();
        self.watches.iter().map(|it| it.report(&world)).collect()
    }

    fn violated(&self) -> bool {
        self.watches.iter().any(Watch::violated)
    }
}
