//! What happens to a message on its way. The network knows ends and delays; it knows no system and no content.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::NodeId;

use super::rng::Rng;
use super::settings::Environment;
use super::time::{Span, Time};

/// Why a message was lost: bad luck.
pub const LOST: &str = "lost";
/// Why a message was lost: the way is cut.
pub const CUT: &str = "cut";
/// Why a message was lost: nobody is there.
pub const DOWN: &str = "node is down";
/// Why a message was lost: somebody wanted it so.
pub const DROPPED: &str = "dropped by hand";

/// How one copy of a message fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// How long until it arrives or dies.
    pub lasts: Span,
    /// How long the whole way takes.
    pub whole: Span,
    /// Why it dies, if it does.
    pub lost: Option<&'static str>,
}

/// The state of the network: who cannot reach whom.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// The group of each node; empty when there is no partition.
    groups: Vec<u16>,
    /// Links that are cut, one way each.
    cuts: BTreeSet<(NodeId, NodeId)>,
    /// Since when anything has been cut.
    since: Option<Time>,
    /// When the last message of a link arrives, where links keep the order.
    last: BTreeMap<(NodeId, NodeId), Time>,
}

impl Network {
    /// Decides the fate of a message between two nodes, and whether the network makes a copy.
    pub fn judge(
        &mut self,
        environment: &Environment,
        rng: &mut Rng,
        now: Time,
        from: NodeId,
        to: NodeId,
    ) -> (Passage, Option<Passage>) {
        let cut = self.is_cut(from, to);
        let first = self.pass(environment, rng, now, (from, to), cut);
        let copy = !cut && rng.happens(environment.duplicate);
        let second = copy.then(|| self.pass(environment, rng, now, (from, to), cut));
        (first, second)
    }

    fn pass(
        &mut self,
        environment: &Environment,
        rng: &mut Rng,
        now: Time,
        link: (NodeId, NodeId),
        cut: bool,
    ) -> Passage {
        let mut passage = between_client_and_node(environment, rng);
        if cut {
            passage = Passage {
                lasts: Span(passage.whole.0 / 2),
                whole: passage.whole,
                lost: Some(CUT),
            };
        }
        if environment.fifo && passage.lost.is_none() {
            let last = self.last.entry(link).or_default();
            *last = (now + passage.whole).max(*last);
            passage = Passage {
                lasts: last.since(now),
                whole: last.since(now),
                lost: None,
            };
        }
        passage
    }

    /// Whether nothing gets from one node to the other.
    pub fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        let apart = match (self.groups.get(from.index()), self.groups.get(to.index())) {
            (Some(one), Some(two)) => one != two,
            _ => false,
        };
        apart || (!self.cuts.is_empty() && self.cuts.contains(&(from, to)))
    }

    /// Splits the nodes into groups, in place of what partition there was; who is named nowhere joins the rest.
    pub fn partition(&mut self, now: Time, nodes: u16, groups: &[Vec<NodeId>]) {
        let group_of = |node| {
            groups
                .iter()
                .position(|it| it.contains(&node))
                .unwrap_or(groups.len())
        };
        self.groups = (0..nodes).map(|it| group_of(NodeId(it)) as u16).collect();
        self.touch(now);
    }

    /// Cuts one direction of a link.
    pub fn cut(&mut self, now: Time, from: NodeId, to: NodeId) {
        self.cuts.insert((from, to));
        self.touch(now);
    }

    /// Mends one direction of a link; a partition stays.
    pub fn mend(&mut self, now: Time, from: NodeId, to: NodeId) {
        self.cuts.remove(&(from, to));
        self.touch(now);
    }

    /// Mends everything.
    pub fn heal(&mut self, now: Time) {
        self.groups.clear();
        self.cuts.clear();
        self.touch(now);
    }

    fn touch(&mut self, now: Time) {
        let whole = self.groups.is_empty() && self.cuts.is_empty();
        self.since = if whole {
            None
        } else {
            Some(self.since.unwrap_or(now))
        };
    }

    /// The groups of the partition, each in order; empty when there is none.
    pub fn groups(&self) -> Vec<Vec<NodeId>> {
        let mut groups: BTreeMap<u16, Vec<NodeId>> = BTreeMap::new();
        for (index, group) in self.groups.iter().enumerate() {
            groups.entry(*group).or_default().push(NodeId(index as u16));
        }
        groups.into_values().collect()
    }

    /// Links that are cut, one way each.
    pub fn cuts(&self) -> impl Iterator<Item = (NodeId, NodeId)> {
        self.cuts.iter().copied()
    }

    /// Since when anything has been cut.
    pub fn since(&self) -> Option<Time> {
        self.since
    }
}

/// The way between a client and a node: the same delays and losses, but no partition reaches it.
pub fn between_client_and_node(environment: &Environment, rng: &mut Rng) -> Passage {
    let whole = environment.latency.draw(rng);
    if !rng.happens(environment.loss) {
        return Passage {
            lasts: whole,
            whole,
            lost: None,
        };
    }
    Passage {
        lasts: rng.span(Span(whole.0 / 5), Span(whole.0 / 5 * 4)),
        whole,
        lost: Some(LOST),
    }
}

#[cfg(test)]
mod tests {
    use super::super::dist::Chance;
    use super::super::rng::Stream;
    use super::*;

    #[test]
    fn a_partition_cuts_between_groups_and_a_cut_one_way() {
        let mut network = Network::default();
        let [a, b, c] = [NodeId(0), NodeId(1), NodeId(2)];
        network.partition(Time(9), 3, &[vec![a]]);
        assert!(network.is_cut(a, b) && network.is_cut(b, a) && !network.is_cut(b, c));
        assert_eq!(network.groups(), [vec![a], vec![b, c]]);
        network.heal(Time(10));
        network.cut(Time(11), b, c);
        assert!(network.is_cut(b, c) && !network.is_cut(c, b));
        assert_eq!(network.since(), Some(Time(11)));
        network.mend(Time(12), b, c);
        assert_eq!(network.since(), None);
    }

    #[test]
    fn fifo_links_keep_the_order() {
        let environment = Environment {
            fifo: true,
            ..Environment::DEFAULT
        };
        let mut network = Network::default();
        let mut rng = Rng::stream(1, Stream::Wire(0));
        let mut last = Time(0);
        for sent in 0..200 {
            let now = Time(sent * 1_000_000);
            let (passage, _) = network.judge(&environment, &mut rng, now, NodeId(0), NodeId(1));
            assert!(now + passage.lasts >= last);
            last = now + passage.lasts;
        }
    }

    #[test]
    fn losses_and_copies_are_as_likely_as_set() {
        let environment = Environment {
            loss: Chance::percent(20),
            duplicate: Chance::percent(10),
            ..Environment::DEFAULT
        };
        let mut network = Network::default();
        let mut rng = Rng::stream(2, Stream::Wire(0));
        let fates: Vec<_> = (0..10_000)
            .map(|_| network.judge(&environment, &mut rng, Time(0), NodeId(0), NodeId(1)))
            .collect();
        let lost = fates.iter().filter(|it| it.0.lost.is_some()).count();
        let copied = fates.iter().filter(|it| it.1.is_some()).count();
        assert!(
            (1_840..2_160).contains(&lost) && (880..1_120).contains(&copied),
            "{lost} {copied}"
        );
    }
}
