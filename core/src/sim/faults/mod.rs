//! Commands carried out: what people and scenarios do to a running cluster.

mod accept;
mod machines;
mod wires;

use crate::exhibit::{Exhibit, Status};
use crate::frame::{End, Role};
use crate::protocol::{ClientId, NodeId};
use crate::trace::{HostId, Kind, NO_EVENT};

use super::command::{Command, DiskFault, Planned, Quality, Target};
use super::settings::{CHANGEABLE, Environment};
use super::simulation::Sim;
use super::time::{Span, Time};

/// The role by which a crashed node can be named.
const DOWN_ROLE: &str = "down";

/// The role by which the node can be named that wears the crown.
pub(super) const CROWNED: &str = "crowned";

impl<P: Exhibit> Sim<P> {
    /// Carries out a command now. One that finds nobody it could mean does nothing, and the trace says so.
    pub(super) fn carry_out(&mut self, command: &Command) {
        match command {
            Command::For(inner, span) => self.carry_out_for(inner, *span),
            Command::Every(span, until, inner) => {
                let again = self.kernel.now + *span;
                if again <= *until {
                    self.plan_later(again, command.clone());
                }
                self.carry_out(inner);
            }
            Command::Partition(_) | Command::OneWay(..) | Command::Split(_) | Command::Unite => {
                self.change_partition(command)
            }
            Command::Cut(_) | Command::Mend(_) | Command::Clog(_) | Command::Unclog(_) => {
                self.change_link(command)
            }
            Command::Reset(_) | Command::Link(..) => self.change_link(command),
            Command::Lose(_) | Command::Hold(_) | Command::Pass(_) => self.change_rule(command),
            Command::Heal => {
                self.mark(command);
                self.kernel.network.heal(self.kernel.now);
                self.release_all();
            }
            Command::HoldMessage(id) => self.hold_message(*id, command),
            Command::Release(id) => self.release_message(*id, command),
            Command::Drop(id) => self.drop_message(*id, command),
            Command::Duplicate(id, after) => self.duplicate_message(*id, *after, command),
            Command::Delay(id, span) => self.delay_message(*id, *span, command),
            Command::Set(key, value) => self.change_setting(key, value, command),
            Command::Join => self.join(command),
            _ => drop(self.change_machines(command)),
        }
    }

    /// Carries out a command and plans what takes it back.
    fn carry_out_for(&mut self, command: &Command, span: Span) {
        let takes_back = match command {
            Command::Set(key, _) => {
                let settings = Environment::settings();
                let setting = settings.iter().find(|it| it.id == key);
                let before = setting.map(|it| (it.get)(&self.kernel.environment).to_string());
                before
                    .map(|it| Command::Set(key.clone(), it))
                    .into_iter()
                    .collect()
            }
            Command::Partition(_) | Command::OneWay(..) | Command::Split(_) => vec![Command::Unite],
            Command::Cut(link) => vec![Command::Mend(link.clone())],
            Command::Clog(link) => vec![Command::Unclog(link.clone())],
            Command::Link(link, _) => vec![Command::Link(link.clone(), Quality::Plain)],
            Command::Lose(kinds) | Command::Hold(kinds) => vec![Command::Pass(kinds.clone())],
            Command::HoldMessage(id) => vec![Command::Release(Some(*id))],
            Command::Join => {
                let next = NodeId(self.members.len() as u16);
                vec![Command::Leave(Target::Node(next))]
            }
            _ => {
                // Only those that were meant at the beginning are taken back: another may lead by then.
                let meant = self.change_machines(command);
                let back = meant.into_iter().filter_map(|it| take_back(command, it));
                let due = self.kernel.now + span;
                return back.for_each(|it| self.plan_later(due, it));
            }
        };
        self.carry_out(command);
        let due = self.kernel.now + span;
        takes_back
            .into_iter()
            .for_each(|it| self.plan_later(due, it));
    }

    fn plan_later(&mut self, at: Time, command: Command) {
        let place = self.later.partition_point(|it| it.at <= at);
        self.later.insert(place, Planned { at, command });
    }

    /// What is done to nodes and clients one by one. Returns those that were meant.
    fn change_machines(&mut self, command: &Command) -> Vec<End> {
        match command {
            Command::Crash(target) => self.each(target, command, Self::crash),
            Command::CrashAt(target, point) => self.each(target, command, |sim, node, _| {
                sim.kernel.host(node).crash_point = Some(*point);
            }),
            Command::Restart(target) => self.each(target, command, Self::restart),
            Command::Wipe(target) => self.each(target, command, Self::wipe),
            Command::Pause(target) => self.each(target, command, Self::pause),
            Command::Resume(target) => self.each(target, command, Self::resume),
            Command::Slow(target, span) => self.each(target, command, |sim, node, _| {
                sim.kernel.host(node).slow = *span
            }),
            Command::Leave(target) => self.each(target, command, Self::leave),
            Command::Disk(target, fault) => self.each(target, command, |sim, node, cause| {
                sim.spoil(node, *fault, cause)
            }),
            Command::Clock(target, nanos) => {
                self.each(target, command, |sim, node, _| sim.jump(node, *nanos))
            }
            Command::Sync(target) => self.each(target, command, |sim, node, _| {
                let ahead = sim.kernel.hosts[node.index()].clock.ahead(sim.kernel.now);
                sim.jump(node, ahead.saturating_neg());
            }),
            Command::Drift(target, ppm) => {
                self.each(target, command, |sim, node, _| sim.drift(node, *ppm))
            }
            Command::Fire(target, timer) => {
                self.each(target, command, |sim, node, _| sim.fire_now(node, timer))
            }
            Command::Request(target, text) => self.each(target, command, |sim, node, cause| {
                if let Ok(request) = text.parse() {
                    sim.request_by_hand(node, request, cause);
                }
            }),
            _ => unreachable!("the others mean no machines"),
        }
    }

    /// Does something to everybody that is meant; each has the fault in its trace.
    fn each(
        &mut self,
        target: &Target,
        command: &Command,
        mut act: impl FnMut(&mut Self, NodeId, u32),
    ) -> Vec<End> {
        let ends = self.resolve(target);
        let label = command.verb();
        if ends.is_empty() {
            let event = self
                .kernel
                .record(Kind::Fault, HostId::WORLD, NO_EVENT, label);
            self.say(
                event,
                || None,
                |_| format!("{command}: nobody is {target} now"),
            );
        }
        for (index, end) in ends.iter().enumerate() {
            // Checks look at the node that has just acted, so each of several must have its turn.
            if index > 0 {
                self.observe();
            }
            let event = self
                .kernel
                .record(Kind::Fault, (*end).into(), NO_EVENT, label);
            // The one that is meant, in place of the role it plays.
            let (meant, end_words) = (format!(" {target}"), format!(" {end}"));
            self.say(
                event,
                || None,
                |_| command.to_string().replacen(&meant, &end_words, 1),
            );
            match end {
                End::Node(node) => {
                    self.changed = Some(*node);
                    act(self, *node, event);
                }
                End::Client(client) => self.change_client(*client, command, event),
            }
        }
        ends
    }

    /// Who is meant at this moment.
    pub(super) fn resolve(&mut self, target: &Target) -> Vec<End> {
        let nodes = (0..self.members.len() as u16).map(NodeId);
        let is_up = |it: &NodeId| self.kernel.hosts[it.index()].status == Status::Up;
        let found: Vec<NodeId> = match target {
            Target::Node(node) => nodes.filter(|it| it == node).collect(),
            Target::Client(client) => {
                let known = self.clients.iter().any(|it| u32::from(it.slot) == client.0);
                return known.then_some(End::Client(*client)).into_iter().collect();
            }
            Target::Clients => {
                let generated = self.clients.iter().filter(|it| !it.is_manual());
                return generated
                    .map(|it| End::Client(ClientId(it.slot.into())))
                    .collect();
            }
            Target::All => nodes.collect(),
            Target::Zone(zone) => {
                let zones = self.kernel.environment.zones;
                nodes.filter(|it| it.0 % zones + 1 == *zone).collect()
            }
            Target::Random => {
                let up: Vec<NodeId> = nodes.filter(is_up).collect();
                if up.is_empty() {
                    return Vec::new();
                }
                vec![*self.kernel.choices.pick(&up)]
            }
            Target::Role(role) if role == DOWN_ROLE => nodes
                .filter(|it| self.kernel.hosts[it.index()].status == Status::Down)
                .take(1)
                .collect(),
            Target::Role(role) => {
                let plays = |it: &Role| it.name == role || (it.crown && role == CROWNED);
                let playing = nodes.filter_map(|it| Some((it, self.role(it).filter(plays)?)));
                // Of several in the highest epoch, the one of the lowest number.
                let best = playing.max_by_key(|(node, it)| (it.epoch, std::cmp::Reverse(*node)));
                best.map(|it| it.0).into_iter().collect()
            }
        };
        found.into_iter().map(End::Node).collect()
    }

    /// Puts a fault of no single machine into the trace.
    fn mark(&mut self, command: &Command) -> u32 {
        let label = command.verb();
        let event = self
            .kernel
            .record(Kind::Fault, HostId::WORLD, NO_EVENT, label);
        self.say(event, || None, |_| command.to_string());
        event
    }

    fn change_setting(&mut self, key: &str, value: &str, command: &Command) {
        self.mark(command);
        let settings = Environment::settings();
        if let Some(setting) = settings
            .iter()
            .find(|it| it.id == key && CHANGEABLE.contains(&it.id))
        {
            if let Ok(value) = setting.kind.read(value) {
                (setting.set)(&mut self.kernel.environment, value);
            }
        }
    }
}

/// What takes back, for one of those that were meant, what was done to it.
fn take_back(command: &Command, end: End) -> Option<Command> {
    let target = match end {
        End::Node(node) => Target::Node(node),
        End::Client(client) => Target::Client(client),
    };
    Some(match command {
        Command::Crash(_) | Command::Wipe(_) => Command::Restart(target),
        Command::Pause(_) => Command::Resume(target),
        Command::Slow(..) => Command::Slow(target, Span::ZERO),
        Command::Disk(..) => Command::Disk(target, DiskFault::Fine),
        Command::Drift(..) => Command::Drift(target, 0),
        Command::Clock(_, nanos) => Command::Clock(target, nanos.saturating_neg()),
        _ => return None,
    })
}
