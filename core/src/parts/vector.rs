//! Vectors of counts, one for each node: vector clocks and version vectors.
//!
//! Fidge (1988) and Mattern (1989): what a node knows of every node's events. One vector is *before* another when it is
//! nowhere greater and somewhere less; when each is somewhere greater, the two are *concurrent*.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::protocol::NodeId;

/// How two vectors stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Causality {
    /// The first is before the second.
    Before,
    /// The first is after the second.
    After,
    /// They are equal.
    Equal,
    /// Neither knows all of the other.
    Concurrent,
}

/// A count for each node; those not mentioned count zero.
#[derive(Clone, Default)]
pub struct Vector(Vec<u32>);

impl Vector {
    /// The count of a node.
    pub fn get(&self, node: NodeId) -> u32 {
        self.0.get(node.index()).copied().unwrap_or(0)
    }

    /// Sets the count of a node.
    pub fn set(&mut self, node: NodeId, count: u32) {
        if self.0.len() <= node.index() {
            self.0.resize(node.index() + 1, 0);
        }
        self.0[node.index()] = count;
    }

    /// Adds one to the count of a node and returns it.
    pub fn tick(&mut self, node: NodeId) -> u32 {
        self.set(node, self.get(node).saturating_add(1));
        self.get(node)
    }

    /// Takes the greater of each two counts.
    pub fn merge(&mut self, other: &Vector) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, its) in self.0.iter_mut().zip(&other.0) {
            *mine = (*mine).max(*its);
        }
    }

    /// Whether it counts nowhere less than `other`.
    pub fn knows(&self, other: &Vector) -> bool {
        let at = |it: usize| self.0.get(it).copied().unwrap_or(0);
        other.0.iter().enumerate().all(|(node, it)| *it <= at(node))
    }

    /// How it stands to `other`.
    pub fn compare(&self, other: &Vector) -> Causality {
        match (other.knows(self), self.knows(other)) {
            (true, true) => Causality::Equal,
            (true, false) => Causality::Before,
            (false, true) => Causality::After,
            (false, false) => Causality::Concurrent,
        }
    }

    /// Every node with a count, in order.
    pub fn counts(&self) -> impl Iterator<Item = (NodeId, u32)> {
        let all = self.0.iter().enumerate();
        all.filter(|it| *it.1 > 0)
            .map(|(node, count)| (NodeId(node as u16), *count))
    }
}

impl PartialEq for Vector {
    fn eq(&self, other: &Vector) -> bool {
        self.compare(other) == Causality::Equal
    }
}

impl Eq for Vector {}

/// Equal vectors hash alike, however many zeros stand at their ends.
impl std::hash::Hash for Vector {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        for (node, count) in self.counts() {
            (node.0, count).hash(state);
        }
        u16::MAX.hash(state);
    }
}

/// `[2, 0, 1]`: the counts of n1, n2 and n3.
impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (place, count) in self.0.iter().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{count}")?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Vector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl<const N: usize> From<[u32; N]> for Vector {
    fn from(counts: [u32; N]) -> Vector {
        Vector(counts.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_ordered_or_concurrent() {
        let order = |one: Vector, two: Vector| one.compare(&two);
        assert_eq!(order([1, 2].into(), [1, 2, 0].into()), Causality::Equal);
        assert_eq!(order([1, 2].into(), [1, 2, 1].into()), Causality::Before);
        assert_eq!(order([3, 2].into(), [1, 2].into()), Causality::After);
        assert_eq!(order([2, 0].into(), [1, 1].into()), Causality::Concurrent);
        assert_eq!(order(Vector::default(), [0].into()), Causality::Equal);
    }

    #[test]
    fn merging_knows_both() {
        let (one, two): (Vector, Vector) = ([2, 0, 1].into(), [1, 4].into());
        let mut both = one.clone();
        both.merge(&two);
        assert_eq!(both.to_string(), "[2, 4, 1]");
        assert!(both.knows(&one) && both.knows(&two));
        assert_eq!(
            (both.tick(NodeId(4)), both.to_string()),
            (1, "[2, 4, 1, 0, 1]".to_owned())
        );
        let counts: Vec<_> = both.counts().map(|it| it.1).collect();
        assert_eq!(counts, [2, 4, 1, 1]);
    }
}
