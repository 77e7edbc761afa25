//! Sets of nodes, and when one is a majority.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::protocol::NodeId;

/// A set of up to 128 nodes in one word, so that a copy costs nothing. Packed, since what holds it (an entry of a log)
/// would otherwise be stretched to the alignment of so wide a word.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(C, packed(8))]
pub struct NodeSet(u128);

impl NodeSet {
    /// Adds a node; adding it twice changes nothing.
    pub fn insert(&mut self, node: NodeId) {
        self.0 |= 1 << node.0;
    }

    /// Takes a node out, if it is there.
    pub fn remove(&mut self, node: NodeId) {
        self.0 &= !(1 << node.0);
    }

    /// Whoever is in one of them.
    #[must_use]
    pub fn union(self, other: NodeSet) -> NodeSet {
        NodeSet(self.0 | other.0)
    }

    /// Whoever is in both.
    #[must_use]
    pub fn intersection(self, other: NodeSet) -> NodeSet {
        NodeSet(self.0 & other.0)
    }

    /// Whoever is here and not in the other.
    #[must_use]
    pub fn without(self, other: NodeSet) -> NodeSet {
        NodeSet(self.0 & !other.0)
    }

    /// Whether it is there.
    pub fn contains(&self, node: NodeId) -> bool {
        self.0 >> node.0 & 1 == 1
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// The nodes, in order.
    pub fn iter(&self) -> impl Iterator<Item = NodeId> + use<> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let node = rest.trailing_zeros();
            // The lowest bit goes.
            rest &= rest.wrapping_sub(1);
            (node < u128::BITS).then_some(NodeId(node as u16))
        })
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> NodeSet {
        let mut set = NodeSet::default();
        nodes.into_iter().for_each(|it| set.insert(it));
        set
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for NodeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// The least number of nodes that is more than half of `cluster`: any two such sets have a node in common.
pub fn majority(cluster: usize) -> usize {
    cluster / 2 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_and_majorities() {
        let set: NodeSet = [NodeId(3), NodeId(0), NodeId(3), NodeId(98)]
            .into_iter()
            .collect();
        assert_eq!(set.len(), 3);
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [NodeId(0), NodeId(3), NodeId(98)]
        );
        let mut other: NodeSet = [NodeId(0), NodeId(7)].into_iter().collect();
        assert_eq!(set.union(other).len(), 4);
        assert_eq!(
            set.intersection(other).iter().collect::<Vec<_>>(),
            [NodeId(0)]
        );
        assert_eq!(set.without(other).len(), 2);
        other.remove(NodeId(7));
        other.remove(NodeId(9));
        assert_eq!(other.len(), 1);
        assert_eq!([1, 2, 3, 4, 5].map(majority), [1, 2, 2, 3, 3]);
    }
}
