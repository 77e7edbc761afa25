//! Commands carried out: what people and scenarios do to a running cluster.

mod accept;
mod machines;
mod wires;

use crate::exhibit::Status;
use crate::frame::{End, Role};
use crate::protocol::{ClientId, NodeId};
use crate::trace::{HostId, Kind, NO_EVENT};

use super::body::Body;
use super::client::MANUAL_FROM;
use super::command::{Command, DiskFault, Planned, Quality, Target};
use super::settings::{CHANGEABLE, Environment};
use super::time::{Span, Time};
use super::words::tell;

/// The role by which a crashed node can be named.
const DOWN_ROLE: &str = "down";

/// The role by which the node can be named that wears the crown.
pub(super) const CROWNED: &str = "crowned";

impl dyn Body {
    /// How many nodes there are.
    fn nodes(&self) -> u16 {
        self.kernel().hosts.len() as u16
    }

    /// Makes words for an event, when somebody reads along.
    fn say(&mut self, event: u32, text: &dyn Fn() -> String) {
        if let Some(words) = self.words() {
            tell(words, event, None, &|_| text());
        }
    }

    /// Carries out a command now. One that finds nobody it could mean does nothing, and the trace says so.
    pub(super) fn carry_out(&mut self, command: &Command) {
        match command {
            Command::For(inner, span) => self.carry_out_for(inner, *span),
            Command::Every(span, until, inner) => {
                let again = self.kernel().now + *span;
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
            Command::Lose(_) | Command::Hold(_) | Command::Late(..) | Command::Pass(_) => {
                self.change_rule(command)
            }
            Command::Heal => {
                let kernel = self.kernel_mut();
                kernel.network.heal(kernel.now);
                self.mark(command);
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
                let before = setting.map(|it| (it.get)(&self.kernel().environment).to_string());
                before
                    .map(|it| Command::Set(key.clone(), it))
                    .into_iter()
                    .collect()
            }
            Command::Partition(_) | Command::OneWay(..) | Command::Split(_) => vec![Command::Unite],
            Command::Cut(link) => vec![Command::Mend(link.clone())],
            Command::Clog(link) => vec![Command::Unclog(link.clone())],
            Command::Link(link, _) => vec![Command::Link(link.clone(), Quality::Plain)],
            Command::Lose(kinds) | Command::Hold(kinds) | Command::Late(kinds, _) => {
                vec![Command::Pass(kinds.clone())]
            }
            Command::HoldMessage(id) => vec![Command::Release(Some(*id))],
            Command::Join => {
                let next = NodeId(self.nodes());
                vec![Command::Leave(Target::Node(next))]
            }
            _ => {
                // Only those that were meant at the beginning are taken back: another may lead by then.
                let meant = self.change_machines(command);
                let back = meant.into_iter().filter_map(|it| take_back(command, it));
                let due = self.kernel().now + span;
                return back.for_each(|it| self.plan_later(due, it));
            }
        };
        self.carry_out(command);
        let due = self.kernel().now + span;
        takes_back
            .into_iter()
            .for_each(|it| self.plan_later(due, it));
    }

    fn plan_later(&mut self, at: Time, command: Command) {
        self.agenda().plan_later(Planned { at, command });
    }

    /// What is done to nodes and clients one by one; each has the fault in its trace. Returns those that were meant.
    fn change_machines(&mut self, command: &Command) -> Vec<End> {
        let target = command.target().expect("the others mean no machines");
        let ends = self.resolve(target);
        // Whoever is to crash at a point of its work goes on until it gets there.
        let label = match command {
            Command::CrashAt(..) => "crash-point",
            _ => command.verb(),
        };
        if ends.is_empty() {
            let event = self.mark_as(label);
            self.say(event, &|| format!("{command}: nobody is {target} now"));
        }
        for (index, end) in ends.iter().enumerate() {
            // Checks look at the node that has just acted, so each of several must have its turn.
            if index > 0 {
                self.show();
            }
            let event = self
                .kernel_mut()
                .record(Kind::Fault, (*end).into(), NO_EVENT, label);
            self.say(event, &|| command.to_one(target, *end));
            match end {
                End::Node(node) => {
                    self.set_changed(*node);
                    self.change_node(*node, command, event);
                }
                End::Client(client) => self.change_client(*client, command, event),
            }
        }
        ends
    }

    /// What is done to one node.
    fn change_node(&mut self, node: NodeId, command: &Command, event: u32) {
        match command {
            Command::Crash(_) => self.stop(node, Status::Down),
            Command::CrashAt(_, point) => self.kernel_mut().host(node).crash_point = Some(*point),
            Command::Restart(_) => self.restart(node, event),
            Command::Wipe(_) => self.wipe(node, event),
            Command::Pause(_) => self.pause(node),
            Command::Resume(_) => self.resume(node),
            Command::Slow(_, span) => self.kernel_mut().host(node).slow = *span,
            Command::Leave(_) => self.leave(node, event),
            Command::Disk(_, fault) => self.spoil(node, *fault, event),
            Command::Clock(_, nanos) => self.jump(node, *nanos),
            Command::Sync(_) => {
                let ahead = self.kernel().hosts[node.index()]
                    .clock
                    .ahead(self.kernel().now);
                self.jump(node, ahead.saturating_neg());
            }
            Command::Drift(_, ppm) => self.drift(node, *ppm),
            Command::Fire(_, timer) => self.fire_now(node, timer),
            Command::Request(_, text) => {
                self.ask_by_hand(node, text, event);
            }
            _ => unreachable!("the others mean no machines"),
        }
    }

    /// Who is meant at this moment.
    pub(super) fn resolve(&mut self, target: &Target) -> Vec<End> {
        let nodes = (0..self.nodes()).map(NodeId);
        let is_up = |it: &NodeId| self.kernel().hosts[it.index()].status == Status::Up;
        let found: Vec<NodeId> = match target {
            Target::Node(node) => nodes.filter(|it| it == node).collect(),
            Target::Client(client) => {
                let mut slots = self.client_slots().into_iter();
                let known = slots.any(|it| u32::from(it) == client.0);
                return known.then_some(End::Client(*client)).into_iter().collect();
            }
            Target::Clients => {
                let slots = self.client_slots().into_iter();
                let generated = slots.filter(|it| *it < MANUAL_FROM);
                return generated
                    .map(|it| End::Client(ClientId(it.into())))
                    .collect();
            }
            Target::All => nodes.collect(),
            Target::Zone(zone) => {
                let zones = self.kernel().environment.zones;
                nodes.filter(|it| it.0 % zones + 1 == *zone).collect()
            }
            Target::Random => {
                let up: Vec<NodeId> = nodes.filter(is_up).collect();
                if up.is_empty() {
                    return Vec::new();
                }
                vec![*self.kernel_mut().choices.pick(&up)]
            }
            Target::Role(role) if role == DOWN_ROLE => nodes
                .filter(|it| self.kernel().hosts[it.index()].status == Status::Down)
                .take(1)
                .collect(),
            Target::Role(role) => {
                let plays = |it: &Role| it.name == role || (it.crown && role == CROWNED);
                let playing = nodes.filter_map(|it| Some((it, self.role_at(it).filter(plays)?)));
                // Of several in the highest epoch, the one of the lowest number.
                let best = playing.max_by_key(|(node, it)| (it.epoch, std::cmp::Reverse(*node)));
                best.map(|it| it.0).into_iter().collect()
            }
        };
        found.into_iter().map(End::Node).collect()
    }

    /// Puts a fault of no single machine into the trace. What it does to the network is done before, and what follows
    /// from that comes after.
    fn mark(&mut self, command: &Command) -> u32 {
        let event = self.mark_as(command.verb());
        self.say(event, &|| command.to_string());
        event
    }

    fn mark_as(&mut self, label: &'static str) -> u32 {
        let kernel = self.kernel_mut();
        let amiss = kernel.network.amiss();
        let nowhere = (HostId::WORLD, HostId::WORLD);
        kernel.record_about(Kind::Fault, nowhere, (NO_EVENT, 0), || (label, amiss), 0)
    }

    fn change_setting(&mut self, key: &str, value: &str, command: &Command) {
        self.mark(command);
        let settings = Environment::settings();
        if let Some(setting) = settings
            .iter()
            .find(|it| it.id == key && CHANGEABLE.contains(&it.id))
        {
            if let Ok(value) = setting.kind.read(value) {
                (setting.set)(&mut self.kernel_mut().environment, value);
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
