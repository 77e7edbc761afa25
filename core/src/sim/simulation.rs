//! A run of one system: the shell around the kernel that knows what nodes contain. What travels is in
//! [`super::flight`], what nodes do in `acting`, what disks do in `storing`, what clients do in [`super::client`],
//! what people do in `faults`.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::check::{EVERYTHING, Halves, Report, Watch, differing};
use crate::error::{BadInput, quote};
use crate::exhibit::{Exhibit, Glance, World};
use crate::frame::{Frame, MessageDetail, MessageView, NodeView, Role, TimerView};
use crate::parts::log::Log;
use crate::parts::per_node::PerNode;
use crate::protocol::{Effect, NodeId, RequestId};
use crate::trace::{Explained, HistoryEvent, Level, NO_EVENT, Recorder};

use super::body::Body;
use super::client::{Arrivals, Client};
use super::command::{Command, Planned};
use super::flight::{Cargo, Flight};
use super::kernel::{Kernel, NodeKnows};
use super::queue::{Entry, Event};
use super::run::Run;
use super::settings::Environment;
use super::time::Time;
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
    /// What its disk held some writes ago, and how many writes there were.
    pub(crate) older: (P::Durable, u32),
    /// The write that the disk is at, and what waits behind it.
    pub(crate) held: VecDeque<Held<P>>,
    /// What it does when it has finished its work, and the event that led to it.
    pub(crate) later: Option<(u32, Vec<Effect<P>>)>,
    pub(crate) timers: Vec<TimerSlot<P::Timer>>,
    /// The state of which words were last made.
    pub(crate) seen: Option<P>,
}

impl<P: Exhibit> Clone for Member<P> {
    fn clone(&self) -> Member<P> {
        Member {
            state: self.state.clone(),
            durable: self.durable.clone(),
            older: self.older.clone(),
            held: self.held.clone(),
            later: self.later.clone(),
            timers: self.timers.clone(),
            seen: self.seen.clone(),
        }
    }
}

impl<P: Exhibit> Member<P> {
    /// A node that has not started yet.
    pub(super) fn new() -> Member<P> {
        Member {
            state: None,
            durable: P::Durable::default(),
            older: (P::Durable::default(), 0),
            held: VecDeque::new(),
            later: None,
            timers: Vec::new(),
            seen: None,
        }
    }
}

/// What is planned to be done to a run, and how far that has come.
#[derive(Clone)]
pub(super) struct Agenda {
    /// What the scenario plans.
    pub(super) script: Rc<[Planned]>,
    /// What people did.
    pub(super) commands: Rc<Vec<Planned>>,
    /// How many of the script and of the commands have been carried out.
    pub(super) done: (usize, usize),
    /// What is to be taken back or repeated, in the order of time.
    later: Vec<Planned>,
}

impl Agenda {
    fn new(script: Rc<[Planned]>) -> Agenda {
        Agenda {
            script,
            commands: Rc::default(),
            done: (0, 0),
            later: Vec::new(),
        }
    }

    /// How many nodes may yet join.
    pub(super) fn joins_ahead(&self) -> usize {
        let ahead = self.script[self.done.0..].iter();
        let ahead = ahead.chain(&self.commands[self.done.1..]);
        let joins = ahead.chain(&self.later).map(|it| it.command.joins());
        joins.fold(0, usize::saturating_add)
    }

    /// Plans what is to be taken back or repeated.
    pub(super) fn plan_later(&mut self, planned: Planned) {
        let place = self.later.partition_point(|it| it.at <= planned.at);
        self.later.insert(place, planned);
    }

    /// The next command when it is due before `next`: to be taken back or repeated, from the script, or from people.
    #[inline]
    fn take(&mut self, next: Option<Time>, limit: Time) -> Option<Planned> {
        let all_done = (self.script.len(), self.commands.len()) == self.done;
        if all_done && self.later.is_empty() {
            return None;
        }
        self.take_due(next, limit)
    }

    #[inline(never)]
    fn take_due(&mut self, next: Option<Time>, limit: Time) -> Option<Planned> {
        // Of several at one moment, the first of these: what is due has happened when a person gives a command.
        let sources = [
            self.later.first(),
            self.script.get(self.done.0),
            self.commands.get(self.done.1),
        ];
        let at = |it: &(usize, Option<&Planned>)| it.1.map_or(Time(u64::MAX), |it| it.at);
        let (source, due) = sources.into_iter().enumerate().min_by_key(at)?;
        let due = due?;
        if due.at > limit || next.is_some_and(|next| next <= due.at) {
            return None;
        }
        let due = due.clone();
        match source {
            0 => drop(self.later.remove(0)),
            1 => self.done.0 += 1,
            _ => self.done.1 += 1,
        }
        Some(due)
    }
}

/// A run of the system `P`.
pub struct Sim<P: Exhibit> {
    pub(super) kernel: Kernel,
    pub(super) config: P::Config,
    pub(super) members: Vec<Member<P>>,
    pub(super) flights: Vec<Option<Flight>>,
    pub(super) cargos: Vec<Option<Cargo<P>>>,
    pub(super) free: Vec<u32>,
    pub(super) clients: Vec<Client<P>>,
    pub(super) watches: Vec<Watch<P>>,
    /// The places of those that have to look at the steps to come, and what of a glance they depend on.
    pub(super) open: Vec<(u16, Halves)>,
    /// What of each node was there to see when checks last looked at it.
    pub(super) glances: PerNode<Glance>,
    pub(super) history: Log<HistoryEvent>,
    pub(super) effects: Vec<Effect<P>>,
    /// The node that acted in this step.
    pub(super) changed: Option<NodeId>,
    /// Who has sent something, and because of which event: known only where somebody is to crash amid sends.
    pub(super) sent_by: Option<(NodeId, u32)>,
    pub(super) agenda: Agenda,
    /// What is drawn for requests that wait for nobody.
    pub(super) arrivals: Arrivals,
    /// Numbers what generated requests write.
    pub(super) unique: u32,
    pub(super) explaining: bool,
    pub(super) explained: Vec<Explained>,
}

impl<P: Exhibit> Clone for Sim<P> {
    fn clone(&self) -> Sim<P> {
        Sim {
            kernel: self.kernel.copy(),
            config: self.config.clone(),
            members: self.members.clone(),
            flights: self.flights.clone(),
            cargos: self.cargos.clone(),
            free: self.free.clone(),
            clients: self.clients.clone(),
            watches: self.watches.clone(),
            open: self.open.clone(),
            glances: self.glances.clone(),
            history: self.history.clone(),
            effects: Vec::new(),
            changed: self.changed,
            sent_by: None,
            agenda: self.agenda.clone(),
            arrivals: self.arrivals.clone(),
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
        let mut sim = Sim {
            kernel: Kernel::new(environment, seed, level),
            config,
            members: (0..nodes).map(|_| Member::new()).collect(),
            flights: Vec::new(),
            cargos: Vec::new(),
            free: Vec::new(),
            clients: Vec::new(),
            watches: P::checks().into_iter().map(Watch::new).collect(),
            open: Vec::new(),
            glances: PerNode::default(),
            history: Log::default(),
            effects: Vec::new(),
            changed: None,
            sent_by: None,
            agenda: Agenda::new(script),
            arrivals: Arrivals::new(seed),
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
        sim.await_arrival();
        sim.open_watches();
        sim
    }

    /// Finds the checks that have to look at the steps to come.
    fn open_watches(&mut self) {
        let open = self.watches.iter().enumerate().filter(|it| it.1.is_open());
        self.open = open.map(|it| (it.0 as u16, it.1.attends())).collect();
    }

    /// Shows the world to those checks for which there may be something new in it after something came due.
    fn observe_news(&mut self) {
        let Some(node) = self.changed else {
            // Nodes are as they were.
            if self.glances.is_empty() {
                self.observe(EVERYTHING);
            }
            return;
        };
        let state = self.members[node.index()].state.as_ref();
        let glance = state.and_then(P::glance);
        if glance.is_none() && self.glances.is_empty() {
            return self.observe(EVERYTHING);
        }
        let seen = self.glances.slot(node);
        let news = match (&*seen, &glance) {
            (Some(before), Some(now)) => differing(before, now),
            _ => EVERYTHING,
        };
        if news != 0 {
            *seen = glance;
            self.observe(news);
        }
    }

    /// Shows the world to the checks that depend on what is new, with the checks themselves set free.
    pub(super) fn observe(&mut self, news: Halves) {
        let Sim {
            kernel,
            config,
            members,
            clients,
            watches,
            open,
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
            network: &kernel.network,
            clients,
            history,
        };
        let mut settled = false;
        for (place, attends) in open {
            if *attends & news != 0 {
                let watch = &mut watches[usize::from(*place)];
                settled |= watch.observe(&world, kernel.steps);
            }
        }
        if settled {
            self.open_watches();
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
            network: &self.kernel.network,
            clients: &self.clients,
            history: &self.history,
        }
    }

    /// Carries out one plan; `false` when its owner has forgotten it or cannot act now.
    pub(super) fn process(&mut self, entry: Entry) -> bool {
        match entry.event {
            Event::Flight(slot) => self.land(entry, slot),
            Event::Timer(node, slot) => self.ring(entry, NodeId(node), slot),
            Event::Synced(node) => self.synced(entry, NodeId(node)),
            Event::Ready(node) => self.ready(entry, NodeId(node)),
            Event::Arrival => {
                self.kernel.begin_step(entry.time);
                self.arrive();
                true
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
}

impl<P: Exhibit> Sim<P> {
    pub(super) fn node_view(&self, node: NodeId) -> NodeView {
        let member = &self.members[node.index()];
        let armed = member.timers.iter().filter(|it| it.armed);
        let timer = |it: &TimerSlot<P::Timer>| TimerView {
            name: it.timer.to_string(),
            set_at: it.set_at,
            deadline: it.deadline,
        };
        let writes = |it: &&Held<P>| matches!(it, Held::Write(..));
        let knows = NodeKnows {
            role: member.state.as_ref().map(P::role),
            fields: member.state.as_ref().map(P::view).unwrap_or_default(),
            timers: armed.map(timer).collect(),
            writing: member.held.iter().filter(writes).count(),
        };
        self.kernel.node_view(node, knows)
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
            if let Some(planned) = self.agenda.take(next, limit) {
                self.kernel.begin_step(planned.at);
                self.changed = None;
                self.kernel.calm = false;
                self.body().carry_out(&planned.command);
                self.kernel.look_around();
                self.glances = PerNode::default();
                self.observe(EVERYTHING);
                self.kernel.watch_budget(self.flights.len());
                return true;
            }
            if next.is_none_or(|next| next > limit) {
                return false;
            }
            let entry = self.kernel.queue.pop().expect("it was there a moment ago");
            self.changed = None;
            if self.process(entry) {
                if !self.open.is_empty() {
                    self.observe_news();
                }
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
        (self as &(dyn Body + 'static))
            .accepts_command(command)
            .map_err(|it| it.within(place()))
    }

    fn set_commands(&mut self, commands: Rc<Vec<Planned>>) {
        debug_assert!(
            commands.len() >= self.agenda.done.1,
            "what has been carried out cannot be taken back"
        );
        self.agenda.commands = commands;
    }

    fn script(&self) -> &[Planned] {
        &self.agenda.script
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
        let both = self.flights.iter().zip(&self.cargos);
        into.extend(both.filter_map(|it| Some(it.0.as_ref()?.view(it.1.as_ref()?))));
    }

    fn message(&self, id: u32) -> Option<MessageDetail> {
        let has_id = |it: &Option<Flight>| it.is_some_and(|it| it.course.id == id);
        let place = self.flights.iter().position(has_id)?;
        let (flight, cargo) = (self.flights[place]?, self.cargos[place].as_ref()?);
        Some(MessageDetail {
            view: flight.view(cargo),
            fields: flatten(&cargo.fields()),
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
