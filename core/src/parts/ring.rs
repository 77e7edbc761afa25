//! Consistent hashing on a ring (Karger et al. 1997).
//!
//! Keys and nodes are hashed onto one circle; a key belongs to the first node clockwise from it. Who joins takes over
//! only the arc before it, and who leaves gives its arc only to the next: 1/(n+1) and 1/n of the keys on average.
//! A node stands on the circle not once but `vnodes` times its weight, as **virtual nodes**, so that shares even out:
//! their standard deviation is about `1/√vnodes` of their mean.
//!
//! Copies of a key go to the next nodes clockwise, each counted once however often it stands there (the preference list
//! of Dynamo §4.3). With **bounded loads** (Mirrokni, Thorup and Zadimoghaddam 2016) no node takes more than `c` times
//! the mean: a full one is passed over.

use crate::parts::hashing::pair;
use crate::parts::order;
use crate::protocol::NodeId;

/// A point of the ring that belongs to a node: all keys up to it, back to the token before, are its.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RingToken {
    /// Where, out of 2^64, clockwise.
    pub at: u64,
    /// Whose.
    pub node: NodeId,
}

/// The tokens of some nodes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ring {
    /// In order round the ring.
    tokens: Vec<RingToken>,
}

impl Ring {
    /// The ring of these nodes: each stands there `vnodes` times its weight. A weight of zero keeps it out.
    pub fn new(members: &[(NodeId, u32)], vnodes: u32) -> Ring {
        Ring::salted(members, vnodes, 0)
    }

    /// The same with another choice of all tokens for each `salt`.
    pub fn salted(members: &[(NodeId, u32)], vnodes: u32, salt: u64) -> Ring {
        let of = |&(node, weight): &(NodeId, u32)| {
            let name = pair(salt, u64::from(node.0));
            (0..vnodes * weight).map(move |it| RingToken {
                at: pair(name, u64::from(it)),
                node,
            })
        };
        Ring::of(members.iter().flat_map(of).collect())
    }

    /// A ring of these tokens. Of several at one point the lowest node has it.
    pub fn of(mut tokens: Vec<RingToken>) -> Ring {
        order::sort(&mut tokens);
        tokens.dedup_by_key(|it| it.at);
        Ring { tokens }
    }

    /// Its tokens, in order round the ring.
    pub fn tokens(&self) -> &[RingToken] {
        &self.tokens
    }

    /// The node that a key of this hash belongs to; `None` when nobody is there.
    pub fn owner(&self, key: u64) -> Option<NodeId> {
        let place = self.tokens.partition_point(|it| it.at < key);
        Some(self.tokens.get(place).or(self.tokens.first())?.node)
    }

    /// The nodes of the tokens clockwise from a key, once round; a node comes up as often as it has tokens.
    pub fn walk(&self, key: u64) -> impl Iterator<Item = NodeId> {
        let place = self.tokens.partition_point(|it| it.at < key);
        let (before, after) = self.tokens.split_at(place);
        after.iter().chain(before).map(|it| it.node)
    }

    /// The first `count` different nodes clockwise from a key: its owner, and who holds its copies. Fewer when there
    /// are not so many.
    pub fn preference_list(&self, key: u64, count: usize) -> Vec<NodeId> {
        let mut list: Vec<NodeId> = Vec::with_capacity(count);
        for node in self.walk(key) {
            if list.len() >= count {
                break;
            }
            if !list.contains(&node) {
                list.push(node);
            }
        }
        list
    }

    /// Each node's share of the ring, exact but for the last rounding to a number from 0 to 1; in the order of nodes.
    pub fn shares(&self) -> Vec<(NodeId, f64)> {
        let mut arcs: Vec<(NodeId, u128)> = Vec::new();
        let mut before = self.tokens.last().map_or(0, |it| it.at);
        let mut sorted = self.tokens.clone();
        // One token has the whole ring, which is no distance between two.
        let whole = u128::from(self.tokens.len() == 1) << 64;
        for it in &mut sorted {
            let at = it.at;
            it.at = at.wrapping_sub(before);
            before = at;
        }
        order::sort_by_key(&mut sorted, |it| it.node);
        for it in sorted {
            match arcs.last_mut() {
                Some((node, arc)) if *node == it.node => *arc += u128::from(it.at),
                _ => arcs.push((it.node, u128::from(it.at) + whole)),
            }
        }
        let share = |(node, arc)| (node, arc as f64 / 18_446_744_073_709_551_616.0);
        arcs.into_iter().map(share).collect()
    }

    /// Gives every key in turn to the first node clockwise that is not full: nobody gets more than `factor`
    /// thousandths of its fair share of them all, rounded up. A factor of less than 1000 counts as 1000.
    ///
    /// `members` are the nodes of the ring with their weights. Who gets a key depends on those before it in the list.
    pub fn assign_bounded(
        &self,
        members: &[(NodeId, u32)],
        keys: impl ExactSizeIterator<Item = u64>,
        factor: u64,
    ) -> Vec<NodeId> {
        let total: u128 = members.iter().map(|it| u128::from(it.1)).sum();
        let all = keys.len() as u128 * u128::from(factor.max(1_000));
        let room = |weight: u32| (all * u128::from(weight)).div_ceil(1_000 * total.max(1)) as usize;
        let mut left: Vec<usize> = Vec::new();
        for (node, weight) in members {
            left.resize(left.len().max(node.index() + 1), 0);
            left[node.index()] = room(*weight);
        }
        let assign = |key| {
            let node = self.walk(key).find(|it| left[it.index()] > 0)?;
            left[node.index()] -= 1;
            Some(node)
        };
        keys.filter_map(assign).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::rng::mix;

    fn members(count: u16) -> Vec<(NodeId, u32)> {
        (0..count).map(|it| (NodeId(it), 1)).collect()
    }

    /// A ring of these tokens, in eighths.
    fn eighths(tokens: &[(u64, u16)]) -> Ring {
        let token = |&(at, node): &(u64, u16)| RingToken {
            at: at << 61,
            node: NodeId(node),
        };
        Ring::of(tokens.iter().map(token).collect())
    }

    #[test]
    fn a_key_belongs_to_the_first_token_clockwise() {
        let ring = eighths(&[(1, 0), (3, 1), (6, 0), (7, 2)]);
        let owner = |eighth: u64| ring.owner(eighth << 61).unwrap().0;
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6, 7].map(owner),
            [0, 0, 1, 1, 0, 0, 0, 2]
        );
        assert_eq!(ring.owner(u64::MAX), Some(NodeId(0)));
        let share = ring.shares();
        assert_eq!(
            share,
            [(NodeId(0), 0.625), (NodeId(1), 0.25), (NodeId(2), 0.125)]
        );
        assert_eq!(eighths(&[(5, 3)]).shares(), [(NodeId(3), 1.0)]);
        assert_eq!(
            (Ring::default().owner(1), Ring::default().shares()),
            (None, vec![])
        );
    }

    /// Dynamo §4.3: the list "contains only distinct physical nodes".
    #[test]
    fn copies_go_to_different_nodes() {
        let ring = eighths(&[(1, 0), (2, 0), (3, 0), (4, 1), (5, 1), (6, 2)]);
        assert_eq!(
            ring.preference_list(0, 3),
            [NodeId(0), NodeId(1), NodeId(2)]
        );
        assert_eq!(ring.preference_list(5 << 61, 2), [NodeId(1), NodeId(2)]);
        assert_eq!(ring.preference_list(7 << 61, 9).len(), 3);
        assert_eq!(ring.walk(0).take(3).collect::<Vec<_>>(), [NodeId(0); 3]);
    }

    /// Karger et al. §3, monotone: an item may move from an old bucket to a new one, but not between old ones.
    #[test]
    fn only_the_newcomer_gains_and_only_the_leaver_loses() {
        let (four, five) = (Ring::new(&members(4), 20), Ring::new(&members(5), 20));
        for key in (0..5_000).map(mix) {
            let (before, after) = (four.owner(key), five.owner(key));
            assert!(before == after || after == Some(NodeId(4)));
        }
    }

    #[test]
    fn tokens_and_shares_follow_weights() {
        let ring = Ring::new(&[(NodeId(0), 1), (NodeId(1), 3), (NodeId(2), 0)], 500);
        assert_eq!(ring.tokens().len(), 2_000);
        let shares = ring.shares();
        assert_eq!(shares.len(), 2);
        assert!((shares[1].1 - 0.75).abs() < 0.04, "{shares:?}");
        assert!((shares[0].1 + shares[1].1 - 1.0).abs() < 1e-12);
    }

    /// Mirrokni et al. §1: with c = 1 + ε "the maximum load of any server" is at most ⌈c m/n⌉.
    #[test]
    fn bounded_loads_are_bounded() {
        let members = members(10);
        let ring = Ring::new(&members, 1);
        let keys: Vec<u64> = (0..1_000).map(mix).collect();
        for factor in [1_000, 1_050, 1_250, 2_000] {
            let owners = ring.assign_bounded(&members, keys.iter().copied(), factor);
            assert_eq!(owners.len(), keys.len());
            let load = |node: NodeId| owners.iter().filter(|it| **it == node).count() as u64;
            let most = members.iter().map(|it| load(it.0)).max().unwrap();
            assert!(
                most <= (factor * 1_000).div_ceil(10_000),
                "{factor}: {most}"
            );
        }
        // With room for all nobody is passed over.
        let owners = ring.assign_bounded(&members, keys.iter().copied(), 10_000);
        let plain: Vec<NodeId> = keys.iter().map(|it| ring.owner(*it).unwrap()).collect();
        assert_eq!(owners, plain);
    }
}
