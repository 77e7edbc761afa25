//! What is done to the network and to what travels.

use std::collections::BTreeSet;

use crate::exhibit::Exhibit;
use crate::frame::End;
use crate::parts::order;
use crate::protocol::{NodeId, RequestId};
use crate::trace::HostId;

use super::super::command::{Command, Kinds, Link, MessageId, Quality, Shape, Target};
use super::super::flight::{Cargo, Flight, IN_STEP};
use super::super::network::{DROPPED, Ends, Passage, RESET, Treatment};
use super::super::queue::Event;
use super::super::simulation::Sim;
use super::super::time::{Span, Time};

/// Partitions and links.
impl<P: Exhibit> Sim<P> {
    pub(super) fn change_partition(&mut self, command: &Command) {
        let (now, nodes) = (self.kernel.now, self.members.len() as u16);
        match command {
            Command::Partition(groups) => {
                let named: Vec<Vec<NodeId>> = groups.iter().map(|it| self.nodes_of(it)).collect();
                self.kernel.network.partition(now, nodes, &named);
            }
            Command::OneWay(from, to) => {
                let (from, to) = (self.nodes_of(from), self.nodes_of(to));
                let ways = from
                    .iter()
                    .flat_map(|one| to.iter().map(|two| (*one, *two)));
                let ways = ways.filter(|(one, two)| one != two);
                self.kernel.network.set_apart(now, set_of(ways));
            }
            Command::Split(shape) => self.split(*shape, nodes),
            _ => self.kernel.network.unite(now),
        }
        self.mark(command);
    }

    fn nodes_of(&mut self, targets: &[Target]) -> Vec<NodeId> {
        let mut nodes = Vec::new();
        for target in targets {
            nodes.extend(self.resolve(target).into_iter().filter_map(|it| match it {
                End::Node(node) => Some(node),
                End::Client(_) => None,
            }));
        }
        nodes
    }

    /// Splits the cluster in the shapes in which networks are known to fail.
    fn split(&mut self, shape: Shape, nodes: u16) {
        let now = self.kernel.now;
        let mut order: Vec<NodeId> = (0..nodes).map(NodeId).collect();
        let size = usize::from(nodes);
        let groups = match shape {
            Shape::One => vec![vec![*self.kernel.choices.pick(&order)]],
            Shape::Halves => vec![order[..size / 2].to_vec()],
            Shape::Minority => {
                self.kernel.choices.shuffle(&mut order);
                vec![order[..size.saturating_sub(1) / 2].to_vec()]
            }
            Shape::Thirds => {
                let third = size.div_ceil(3);
                order.chunks(third).map(<[NodeId]>::to_vec).collect()
            }
            Shape::Random => {
                let chosen = order.iter().filter(|_| self.kernel.choices.below(2) == 0);
                vec![chosen.copied().collect()]
            }
            Shape::Bridge | Shape::Ring => {
                let ways = apart(shape, nodes);
                return self.kernel.network.set_apart(now, ways);
            }
        };
        self.kernel.network.partition(now, nodes, &groups);
    }

    pub(super) fn change_link(&mut self, command: &Command) {
        let (Command::Cut(link)
        | Command::Mend(link)
        | Command::Clog(link)
        | Command::Unclog(link)
        | Command::Reset(link)
        | Command::Link(link, _)) = command
        else {
            unreachable!("the others mean no links")
        };
        let now = self.kernel.now;
        let ways = self.ways_of(link);
        for ends in ways.iter().copied() {
            let network = &mut self.kernel.network;
            match command {
                Command::Cut(_) => network.cut(now, ends, true),
                Command::Mend(_) => network.cut(now, ends, false),
                Command::Clog(_) => network.clog(now, ends, true),
                Command::Unclog(_) => network.clog(now, ends, false),
                Command::Link(_, Quality::Latency(dist)) => {
                    network.set_latency(now, ends, Some(*dist))
                }
                Command::Link(_, Quality::Loss(chance)) => {
                    network.set_loss(now, ends, Some(*chance))
                }
                Command::Link(_, Quality::Plain) => {
                    network.set_latency(now, ends, None);
                    network.set_loss(now, ends, None);
                }
                // It changes nothing that lasts.
                _ => {}
            }
        }
        self.mark(command);
        for ends in ways {
            match command {
                Command::Unclog(_) => self.release_where(&|it| it == ends, None),
                Command::Reset(_) => self.reset(ends),
                _ => {}
            }
        }
    }

    /// Both directions of a link, or one, between all that are meant.
    fn ways_of(&mut self, link: &Link) -> BTreeSet<Ends> {
        let (from, to) = (self.resolve(&link.from), self.resolve(&link.to));
        let mut ways = BTreeSet::new();
        for one in &from {
            for two in to.iter().filter(|it| *it != one) {
                let (one, two): (HostId, HostId) = ((*one).into(), (*two).into());
                ways.insert((one, two));
                if link.both_ways {
                    ways.insert((two, one));
                }
            }
        }
        ways
    }

    /// Loses all that is under way on a link.
    fn reset(&mut self, ends: Ends) {
        for slot in 0..self.flights.len() as u32 {
            let on_it = |it: Flight| it.ends() == ends && it.course.lost.is_none();
            if self.flights[slot as usize].is_some_and(on_it) {
                self.lose(slot, RESET);
            }
        }
    }

    pub(super) fn change_rule(&mut self, command: &Command) {
        let (kinds, treatment) = match command {
            Command::Lose(kinds) => (kinds, Some(Treatment::Lose)),
            Command::Hold(kinds) => (kinds, Some(Treatment::Hold)),
            Command::Late(kinds, dist) => (kinds, Some(Treatment::Delay(*dist))),
            Command::Pass(kinds) => (kinds, None),
            _ => unreachable!("the others mean no kinds"),
        };
        let Kinds { kind, link } = kinds;
        let links = link.as_ref().map(|it| self.ways_of(it));
        let (now, network) = (self.kernel.now, &mut self.kernel.network);
        match treatment {
            Some(treatment) => network.add_rule(now, kind, links.clone(), treatment),
            None => network.remove_rule(now, kind, links.as_ref()),
        }
        self.mark(command);
        if treatment.is_none() {
            let on_them = |ends| links.as_ref().is_none_or(|it| it.contains(&ends));
            self.release_where(&on_them, Some(kind));
        }
    }
}

/// Ways put in one by one: a set that is collected brings a sort of its own along.
fn set_of(ways: impl Iterator<Item = (NodeId, NodeId)>) -> BTreeSet<Ends> {
    let mut set = BTreeSet::new();
    set.extend(ways.map(|(from, to)| (HostId::from(from), HostId::from(to))));
    set
}

/// The ways that a shape cuts in which no groups stand apart.
fn apart(shape: Shape, nodes: u16) -> BTreeSet<Ends> {
    let reaches = |one: u16, two: u16| match shape {
        // The last node reaches both halves of the others.
        Shape::Bridge => {
            let half = (nodes - 1) / 2;
            one == nodes - 1 || two == nodes - 1 || (one < half) == (two < half)
        }
        // Each reaches as many to its left and right as a majority needs.
        _ => {
            let distance = (one + nodes - two) % nodes;
            distance.min(nodes - distance) <= (nodes / 2).div_ceil(2)
        }
    };
    let pairs = (0..nodes).flat_map(|one| (0..nodes).map(move |two| (one, two)));
    let cut = pairs.filter(|(one, two)| one != two && !reaches(*one, *two));
    set_of(cut.map(|(one, two)| (NodeId(one), NodeId(two))))
}

/// Single messages.
impl<P: Exhibit> Sim<P> {
    /// Where a message under way is; a message that has arrived cannot be touched any more.
    fn find(&self, id: MessageId) -> Option<u32> {
        let place = self
            .flights
            .iter()
            .position(|it| it.as_ref().is_some_and(|it| it.course.id == id.0));
        place.map(|it| it as u32)
    }

    pub(super) fn hold_message(&mut self, id: MessageId, command: &Command) {
        self.mark(command);
        let Some(slot) = self.find(id) else { return };
        let now = self.kernel.now;
        let flight = self.flights[slot as usize].as_mut().expect("it was found");
        let course = &mut flight.course;
        if course.lost.is_none() && course.held.is_none() && course.due >= now {
            course.held = Some(now);
            flight.plan = u64::MAX;
        }
    }

    pub(super) fn release_message(&mut self, id: Option<MessageId>, command: &Command) {
        self.mark(command);
        match id {
            None => self.release_all(),
            Some(id) => {
                if let Some(slot) = self.find(id) {
                    self.release(slot);
                }
            }
        }
    }

    pub(super) fn release_all(&mut self) {
        self.release_where(&|_| true, None);
    }

    /// Lets messages go on that were stopped, on these links and of this kind.
    fn release_where(&mut self, on: &dyn Fn(Ends) -> bool, kind: Option<&str>) {
        // In the order of sending, whatever places they have.
        let mut held: Vec<(u32, u32)> = Vec::new();
        for (slot, both) in self.flights.iter().zip(&self.cargos).enumerate() {
            let (Some(flight), Some(cargo)) = both else {
                continue;
            };
            let meant = on(flight.ends()) && kind.is_none_or(|it| it == cargo.kind());
            if meant && flight.course.held.is_some() {
                held.push((flight.course.id, slot as u32));
            }
        }
        order::sort(&mut held);
        held.into_iter().for_each(|it| self.release(it.1));
    }

    fn release(&mut self, slot: u32) {
        let now = self.kernel.now;
        let Some(flight) = self.flights[slot as usize].as_mut() else {
            return;
        };
        let course = &mut flight.course;
        let Some(since) = course.held.take() else {
            return;
        };
        let stood = now.since(since);
        course.stood = course.stood + stood;
        course.due = (course.due + stood).max(now);
        course.whole += stood;
        flight.plan = self.kernel.queue.push(course.due, Event::Flight(slot));
    }

    pub(super) fn drop_message(&mut self, id: MessageId, command: &Command) {
        self.mark(command);
        let Some(slot) = self.find(id) else { return };
        self.lose(slot, DROPPED);
    }

    pub(super) fn duplicate_message(&mut self, id: MessageId, after: Span, command: &Command) {
        self.mark(command);
        let Some(slot) = self.find(id) else { return };
        let Flight { course, event, .. } = self.flights[slot as usize].expect("it was found");
        let cargo = self.cargos[slot as usize].clone().expect(IN_STEP);
        let environment = &self.kernel.environment;
        let whole = match course.from.node() {
            Some(from) => environment
                .latency
                .draw(&mut self.kernel.hosts[from.index()].wire),
            None => course.whole.since(course.sent),
        };
        if let Cargo::Request(id, _) = &cargo {
            self.doubt(*id);
        }
        self.copy(
            (course.from, course.to),
            Passage::of(whole + after),
            cargo,
            event,
        );
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
        self.mark(command);
        let Some(slot) = self.find(id) else { return };
        let flight = self.flights[slot as usize].as_mut().expect("it was found");
        // What waits for a paused node came due long ago; it must not arrive in the past.
        let now: Time = self.kernel.now;
        let course = &mut flight.course;
        course.due = course.due.max(now) + span;
        course.whole = course.whole.max(now) + span;
        if course.held.is_none() {
            flight.plan = self.kernel.queue.push(course.due, Event::Flight(slot));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(shape: Shape, nodes: u16, node: u16) -> Vec<u16> {
        let cut = apart(shape, nodes);
        let ways = |it: &u16| !cut.contains(&(NodeId(node).into(), NodeId(*it).into()));
        (0..nodes).filter(ways).collect()
    }

    #[test]
    fn a_bridge_reaches_both_halves() {
        assert_eq!(reached(Shape::Bridge, 5, 0), [0, 1, 4]);
        assert_eq!(reached(Shape::Bridge, 5, 2), [2, 3, 4]);
        assert_eq!(reached(Shape::Bridge, 5, 4), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn in_a_ring_each_reaches_a_majority_and_no_two_the_same() {
        for nodes in [5, 7, 9] {
            let all: BTreeSet<Vec<u16>> = (0..nodes)
                .map(|it| reached(Shape::Ring, nodes, it))
                .collect();
            assert_eq!(all.len(), usize::from(nodes));
            assert!(
                all.iter()
                    .all(|it| it.len() > usize::from(nodes) / 2 && it.len() < usize::from(nodes)),
                "{all:?}"
            );
        }
    }
}
