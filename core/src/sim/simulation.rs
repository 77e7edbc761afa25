//! A run of one system: the shell around the kernel that knows what nodes contain. What travels is in
//! [`super::flight`], what clients do in [`super::client`], what people do in `faults`.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::check::{Report, Watch};
use crate::error::{BadInput, quote};
use crate::exhibit::{Exhibit, Status, World};
use crate::frame::{Frame, MessageDetail, MessageView, NodeView, Role, TimerView};
use crate::parts::log::Log;
use crate::protocol::{Ctx, Effect, NodeId, RequestId};
use crate::trace::{
    Explained, HistoryEvent, HostId, Kind, Level, NO_EVENT, PayloadHasher, Recorder,
};

use super::client::Client;
use super::command::{Command, Planned};
use super::flight::Flight;
use super::kernel::Kernel;
use super::queue::{Entry, Event};
use super::run::Run;
use super::settings::Environment;
use super::time::{Span, Time};
use super::words::flatten;

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
    pub(super) kernel: Kernel,
    pub(super) config: P::Config,
    pub(super) members: Vec<Member<P>>,
    pub(super) flights: Vec<Option<Flight<P>>>,
    pub(super) free: Vec<u32>,
    pub(super) clients: Vec<Client<P>>,
    pub(super) watches: Vec<Watch<P>>,
    pub(super) history: Log<HistoryEvent>,
    pub(super) effects: Vec<Effect<P>>,
    /// The node that acted in this step.
    pub(super) changed: Option<NodeId>,
    pub(super) script: Rc<[Planned]>,
    pub(super) commands: Rc<Vec<Planned>>,
    /// How many of the script and of the commands have been carried out.
    pub(super) done: (usize, usize),
    /// Numbers what generated requests write.
    pub(super) unique: u32,
    pub(super) explaining: bool,
    pub(super) explained: Vec<Explained>,
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
    pub(super) fn observe(&mut self) {
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

    pub(super) fn world(&self) -> World<'_, P> {
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
    pub(super) fn take_command(&mut self, next: Option<Time>, limit: Time) -> Option<Planned> {
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
    pub(super) fn process(&mut self, entry: Entry) -> bool {
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

    /// A timer's plan comes due.
    pub(super) fn ring(&mut self, entry: Entry, node: NodeId, slot: u16) -> bool {
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
    pub(super) fn fire(&mut self, node: NodeId, slot: usize) {
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
    pub(super) fn synced(&mut self, entry: Entry, node: NodeId) -> bool {
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
    pub(super) fn requeue_inbox(&mut self, node: NodeId) {
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
    pub(super) fn start(&mut self, node: NodeId, cause: u32) {
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
    pub(super) fn act(
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

    pub(super) fn ctx<'a>(
        &'a mut self,
        node: NodeId,
        effects: &'a mut Vec<Effect<P>>,
    ) -> Ctx<'a, P> {
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
    pub(super) fn finish(&mut self, node: NodeId, event: u32, mut effects: Vec<Effect<P>>) {
        self.changed = Some(node);
        self.say_changes(node, event);
        for effect in effects.drain(..) {
            self.carry_out_effect(node, event, effect);
        }
        self.effects = effects;
    }

    pub(super) fn carry_out_effect(&mut self, node: NodeId, event: u32, effect: Effect<P>) {
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
    pub(super) fn write(&mut self, node: NodeId, durable: P::Durable, event: u32) {
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

    pub(super) fn set_timer(
        &mut self,
        node: NodeId,
        timer: P::Timer,
        min: Span,
        max: Span,
        event: u32,
    ) {
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
}

impl<P: Exhibit> Sim<P> {
    pub(super) fn node_view(&self, node: NodeId) -> NodeView {
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
        timers
            .sort_unstable_by(|one, two| (one.deadline, &one.name).cmp(&(two.deadline, &two.name)));
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
    pub(super) fn role(&self, node: NodeId) -> Option<Role> {
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
                self.kernel.watch_budget(self.flights.len());
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
        let place = || format!("in {}", quote(&command.to_string()));
        self.accepts_command(command)
            .map_err(|it| it.within(place()))
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

    fn weight(&self) -> usize {
        self.estimate_weight()
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
