//! Commands carried out: what people and scenarios do to a running cluster.

use crate::error::{BadInput, one_of};
use crate::exhibit::{Exhibit, Status};
use crate::frame::End;
use crate::protocol::{NodeId, RequestId};
use crate::trace::{HostId, Kind, NO_EVENT};

use super::command::{Command, Link, MessageId, Target};
use super::flight::Cargo;
use super::network::{DROPPED, Passage};
use super::queue::Event;
use super::settings::{CHANGEABLE, Environment};
use super::simulation::Sim;
use super::time::Span;

/// The role by which a crashed node can be named.
const DOWN_ROLE: &str = "down";

impl<P: Exhibit> Sim<P> {
    /// Carries out a command now. One that finds nobody it could mean does nothing, and the trace says so.
    pub(super) fn carry_out(&mut self, command: &Command) {
        match command {
            Command::Crash(target) => self.each(target, "crash", Self::crash),
            Command::Restart(target) => self.each(target, "restart", Self::restart),
            Command::Pause(target) => self.each(target, "pause", Self::pause),
            Command::Resume(target) => self.each(target, "resume", Self::resume),
            Command::Clock(target, nanos) => {
                self.each(target, "clock", |sim, node, _| sim.jump(node, *nanos))
            }
            Command::Drift(target, ppm) => {
                self.each(target, "drift", |sim, node, _| sim.drift(node, *ppm))
            }
            Command::Fire(target, timer) => {
                self.each(target, "fire", |sim, node, _| sim.fire_now(node, timer))
            }
            Command::Request(target, text) => self.each(target, "request", |sim, node, cause| {
                if let Ok(request) = text.parse() {
                    sim.request_by_hand(node, request, cause);
                }
            }),
            Command::Partition(groups) => self.partition(groups, command),
            Command::Cut(link) => self.change_link(link, true, command),
            Command::Mend(link) => self.change_link(link, false, command),
            Command::Heal => {
                self.mark("heal", command);
                self.kernel.network.heal(self.kernel.now);
            }
            Command::Drop(id) => self.drop_message(*id, command),
            Command::Duplicate(id) => self.duplicate_message(*id, command),
            Command::Delay(id, span) => self.delay_message(*id, *span, command),
            Command::Set(key, value) => self.change_setting(key, value, command),
        }
    }

    /// Does something to every node that is meant; each has the fault in its trace.
    pub(super) fn each(
        &mut self,
        target: &Target,
        label: &'static str,
        mut act: impl FnMut(&mut Self, NodeId, u32),
    ) {
        let nodes = self.resolve(target);
        if nodes.is_empty() {
            let event = self
                .kernel
                .record(Kind::Fault, HostId::WORLD, NO_EVENT, label);
            self.say(
                event,
                || None,
                |_| format!("{label} {target}: no node is {target} now"),
            );
        }
        for (index, node) in nodes.into_iter().enumerate() {
            // Checks look at the node that has just acted, so each of several must have its turn.
            if index > 0 {
                self.observe();
            }
            let event = self
                .kernel
                .record(Kind::Fault, node.into(), NO_EVENT, label);
            self.say(event, || None, |_| format!("{label} {node}"));
            self.changed = Some(node);
            act(self, node, event);
        }
    }

    /// The nodes that are meant at this moment.
    pub(super) fn resolve(&self, target: &Target) -> Vec<NodeId> {
        let nodes = (0..self.members.len() as u16).map(NodeId);
        match target {
            Target::Node(node) => vec![*node],
            Target::All => nodes.collect(),
            Target::Role(role) if role == DOWN_ROLE => nodes
                .filter(|it| self.kernel.hosts[it.index()].status == Status::Down)
                .take(1)
                .collect(),
            Target::Role(role) => {
                let playing =
                    nodes.filter_map(|it| Some((it, self.role(it).filter(|it| it.name == role)?)));
                // Of several in the highest epoch, the one of the lowest number.
                let best = playing.max_by_key(|(node, it)| (it.epoch, std::cmp::Reverse(*node)));
                best.map(|it| it.0).into_iter().collect()
            }
        }
    }

    /// Puts a fault of the network into the trace.
    pub(super) fn mark(&mut self, label: &'static str, command: &Command) -> u32 {
        let event = self
            .kernel
            .record(Kind::Fault, HostId::WORLD, NO_EVENT, label);
        self.say(event, || None, |_| command.to_string());
        event
    }

    pub(super) fn crash(&mut self, node: NodeId, _cause: u32) {
        let host = self.kernel.host(node);
        if host.status == Status::Down {
            return;
        }
        host.status = Status::Down;
        host.syncing = None;
        host.busy = None;
        let waiting = std::mem::take(&mut host.inbox);
        let member = &mut self.members[node.index()];
        member.state = None;
        member.held.clear();
        member.timers.clear();
        member.seen = None;
        for (plan, event) in waiting {
            let Event::Flight(slot) = event else { continue };
            if self.flights[slot as usize]
                .as_ref()
                .is_some_and(|it| it.plan == plan)
            {
                let flight = self.remove_flight(slot).expect("it was there a moment ago");
                self.lose(&flight, super::network::DOWN);
            }
        }
    }

    pub(super) fn restart(&mut self, node: NodeId, cause: u32) {
        if self.kernel.host(node).status == Status::Down {
            self.start(node, cause);
        }
    }

    pub(super) fn pause(&mut self, node: NodeId, _cause: u32) {
        let host = self.kernel.host(node);
        if host.status == Status::Up {
            host.status = Status::Paused;
        }
    }

    pub(super) fn resume(&mut self, node: NodeId, _cause: u32) {
        let host = self.kernel.host(node);
        if host.status == Status::Paused {
            host.status = Status::Up;
            self.requeue_inbox(node);
        }
    }

    pub(super) fn jump(&mut self, node: NodeId, nanos: i64) {
        let now = self.kernel.now;
        self.kernel.host(node).clock.jump(now, nanos);
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

    pub(super) fn partition(&mut self, groups: &[Vec<Target>], command: &Command) {
        self.mark("partition", command);
        let mut named: Vec<Vec<NodeId>> = Vec::new();
        for group in groups {
            let members = group.iter().flat_map(|it| self.resolve(it)).collect();
            named.push(members);
        }
        let nodes = self.members.len() as u16;
        self.kernel
            .network
            .partition(self.kernel.now, nodes, &named);
    }

    pub(super) fn change_link(&mut self, link: &Link, cut: bool, command: &Command) {
        self.mark(if cut { "cut" } else { "mend" }, command);
        let now = self.kernel.now;
        let (from, to) = (self.resolve(&link.from), self.resolve(&link.to));
        let pairs = from
            .iter()
            .flat_map(|one| to.iter().map(move |two| (*one, *two)));
        for (one, two) in pairs.filter(|(one, two)| one != two) {
            let network = &mut self.kernel.network;
            let mut change = |from, to| {
                if cut {
                    network.cut(now, from, to)
                } else {
                    network.mend(now, from, to)
                }
            };
            change(one, two);
            if link.both_ways {
                change(two, one);
            }
        }
    }

    /// Where a message under way is; a message that has arrived cannot be touched any more.
    pub(super) fn find(&self, id: MessageId) -> Option<u32> {
        let place = self
            .flights
            .iter()
            .position(|it| it.as_ref().is_some_and(|it| it.view.id == id.0));
        place.map(|it| it as u32)
    }

    pub(super) fn drop_message(&mut self, id: MessageId, command: &Command) {
        self.mark("drop", command);
        let Some(slot) = self.find(id) else { return };
        let flight = self.remove_flight(slot).expect("it was found");
        self.lose(&flight, DROPPED);
    }

    pub(super) fn duplicate_message(&mut self, id: MessageId, command: &Command) {
        self.mark("duplicate", command);
        let Some(slot) = self.find(id) else { return };
        let flight = self.flights[slot as usize].as_ref().expect("it was found");
        let (view, cargo, event) = (flight.view, flight.cargo.clone(), flight.event);
        let environment = &self.kernel.environment;
        let whole = match view.from {
            End::Node(from) => environment
                .latency
                .draw(&mut self.kernel.hosts[from.index()].wire),
            End::Client(_) => view.whole.since(view.sent),
        };
        let passage = Passage {
            lasts: whole,
            whole,
            lost: None,
        };
        if let Cargo::Request(id, _) = &cargo {
            self.doubt(*id);
        }
        self.copy((view.from, view.to), passage, cargo, event);
    }

    /// A client whose request was copied cannot know any more that it was not carried out: one copy may be refused and
    /// the other not.
    fn doubt(&mut self, id: RequestId) {
        for client in &mut self.clients {
            let present = client.request_id();
            if (present.client, present.sequence) == (id.client, id.sequence) {
                if let Some(asking) = &mut client.asking {
                    asking.uncertain = true;
                }
            }
        }
    }

    pub(super) fn delay_message(&mut self, id: MessageId, span: Span, command: &Command) {
        self.mark("delay", command);
        let Some(slot) = self.find(id) else { return };
        let flight = self.flights[slot as usize].as_mut().expect("it was found");
        // What waits for a paused node came due long ago; it must not arrive in the past.
        let now = self.kernel.now;
        flight.view.due = flight.view.due.max(now) + span;
        flight.view.whole = flight.view.whole.max(now) + span;
        flight.plan = self.kernel.queue.push(flight.view.due, Event::Flight(slot));
    }

    pub(super) fn change_setting(&mut self, key: &str, value: &str, command: &Command) {
        self.mark("set", command);
        let settings = Environment::settings();
        if let Some(setting) = settings.iter().find(|it| it.id == key) {
            if let Ok(value) = setting.kind.read(value) {
                (setting.set)(&mut self.kernel.environment, value);
            }
        }
    }
}

/// Whether commands fit this run.
impl<P: Exhibit> Sim<P> {
    pub(super) fn accepts_target(&self, target: &Target) -> Result<(), BadInput> {
        let nodes = self.members.len();
        match target {
            Target::Node(node) if node.index() >= nodes => Err(BadInput::new(
                &node.to_string(),
                format!("is not in this cluster: n1 to n{nodes}"),
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn accepts_command(&self, command: &Command) -> Result<(), BadInput> {
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
}
