//! Which version of a thing came after which: dots, and clocks that are exact sets of them.
//!
//! A **dot** names one write: the node that took it and that node's count. A **clock** is a set of dots: what somebody
//! has seen. Version vectors (D. S. Parker and others, 1983) write such a set as one number a node, "all up to there".
//! That is exact as long as nobody sees a node's third write without its second. Where clients write over what they
//! have read, they do: two clients that put with the same context through the same node make two versions, and one
//! number cannot say "the third but not the second" (N. Preguiça and others, "Dotted Version Vectors", 2010). So a
//! clock here keeps such dots apart, until the gap is filled.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::error::BadInput;
use crate::protocol::NodeId;

/// One write: who took it, and that node's count, from 1. Written `n1:3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    /// The node.
    pub node: NodeId,
    /// Its count.
    pub count: u64,
}

impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.node, self.count)
    }
}

/// A set of dots. Written `n1:3,n2:1` (all of n1 up to 3, and of n2 up to 1) and `n1:3,n2.5` (of n2 only the fifth).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Clock {
    /// All up to this count, in the order of nodes.
    upto: Vec<Dot>,
    /// Those beyond, in order.
    apart: Vec<Dot>,
}

/// So many dots a clock that is read from text may have.
const DOTS_MAX: usize = 100;

impl Clock {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.upto.is_empty() && self.apart.is_empty()
    }

    /// Up to which count all of a node's writes are in it.
    pub fn upto(&self, node: NodeId) -> u64 {
        let at = self.upto.binary_search_by_key(&node, |it| it.node);
        at.map_or(0, |at| self.upto[at].count)
    }

    /// Whether it has seen this write.
    pub fn contains(&self, dot: Dot) -> bool {
        dot.count <= self.upto(dot.node) || self.apart.binary_search(&dot).is_ok()
    }

    /// Whether it has seen all that the other has.
    pub fn covers(&self, other: &Clock) -> bool {
        other.apart.iter().all(|it| self.contains(*it))
            && other.upto.iter().all(|it| {
                let from = self.upto(it.node) + 1;
                (from..=it.count).all(|count| self.contains(Dot { count, ..*it }))
            })
    }

    /// Every write in it.
    pub fn dots(&self) -> impl Iterator<Item = Dot> {
        let within = |it: &Dot| {
            let node = it.node;
            (1..=it.count).map(move |count| Dot { node, count })
        };
        self.upto
            .iter()
            .flat_map(within)
            .chain(self.apart.iter().copied())
    }

    /// Adds one write.
    pub fn insert(&mut self, dot: Dot) {
        if self.contains(dot) {
            return;
        }
        if dot.count == self.upto(dot.node) + 1 {
            return self.fill(dot);
        }
        if let Err(at) = self.apart.binary_search(&dot) {
            self.apart.insert(at, dot);
        }
    }

    /// Adds all of a node's writes up to this one, as a plain version vector means it.
    pub fn fill(&mut self, dot: Dot) {
        match self.upto.binary_search_by_key(&dot.node, |it| it.node) {
            Ok(at) => self.upto[at].count = self.upto[at].count.max(dot.count),
            Err(_) if dot.count == 0 => {}
            Err(at) => self.upto.insert(at, dot),
        }
        // What stood apart may now be within, or next.
        let mut upto = self.upto(dot.node);
        self.apart.retain(|it| {
            let next = it.node == dot.node && it.count <= upto + 1;
            if next {
                upto = upto.max(it.count);
            }
            !next
        });
        if let Ok(at) = self.upto.binary_search_by_key(&dot.node, |it| it.node) {
            self.upto[at].count = upto;
        }
    }

    /// Adds all that the other has seen.
    pub fn merge(&mut self, other: &Clock) {
        other.upto.iter().for_each(|it| self.fill(*it));
        other.apart.iter().for_each(|it| self.insert(*it));
    }

    /// Keeps at most so many nodes, those with the most writes: what a store does that wants its clocks short.
    pub fn cut(&mut self, nodes: usize) {
        while self.upto.len() > nodes {
            let least = self.upto.iter().map(|it| it.count).min();
            let at = self.upto.iter().position(|it| Some(it.count) == least);
            self.upto.remove(at.expect("the least is one of them"));
        }
        let kept: Vec<NodeId> = self.upto.iter().map(|it| it.node).collect();
        self.apart.retain(|it| kept.contains(&it.node));
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for it in &self.upto {
            write!(f, "{comma}{it}")?;
            comma = ",";
        }
        for it in &self.apart {
            write!(f, "{comma}{}.{}", it.node, it.count)?;
            comma = ",";
        }
        if comma.is_empty() {
            f.write_str("-")?;
        }
        Ok(())
    }
}

impl FromStr for Clock {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<Clock, BadInput> {
        let bad = |it: &str| BadInput::new(it, "is not a clock: write n1:2,n2:1, or - for none");
        let mut clock = Clock::default();
        if text == "-" {
            return Ok(clock);
        }
        for part in text.split(',').take(DOTS_MAX) {
            let alone = part.contains('.');
            let (node, count) = part.split_once([':', '.']).ok_or_else(|| bad(part))?;
            let count = count.parse::<u32>().map_err(|_| bad(part))?;
            let dot = Dot {
                node: node.parse()?,
                count: count.into(),
            };
            if alone {
                clock.insert(dot);
            } else {
                clock.fill(dot);
            }
        }
        Ok(clock)
    }
}

impl Serialize for Clock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Dot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(text: &str) -> Clock {
        text.parse().unwrap()
    }

    fn dot(node: u16, count: u64) -> Dot {
        Dot {
            node: NodeId(node - 1),
            count,
        }
    }

    #[test]
    fn clocks_and_text_are_one_to_one() {
        for text in ["-", "n1:2", "n1:2,n2:1", "n1:2,n1.4,n3.7"] {
            assert_eq!(clock(text).to_string(), text);
        }
        for text in ["", "n1", "n1:", "n1:x", "1:2", "n1:2,", "n1:-1"] {
            assert!(text.parse::<Clock>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_gap_is_kept_until_it_is_filled() {
        let mut it = clock("n1:2");
        it.insert(dot(1, 4));
        assert_eq!(it.to_string(), "n1:2,n1.4");
        assert!(!it.contains(dot(1, 3)) && it.contains(dot(1, 4)));
        it.insert(dot(1, 3));
        assert_eq!(it.to_string(), "n1:4");
    }

    #[test]
    fn covering_is_having_every_dot() {
        assert!(clock("n1:3,n2:1").covers(&clock("n1:2")));
        assert!(!clock("n1:2,n1.4").covers(&clock("n1:4")));
        assert!(clock("n1:4").covers(&clock("n1:2,n1.4")));
        assert!(clock("n1:1").covers(&Clock::default()));
    }

    #[test]
    fn merging_is_a_union() {
        let mut it = clock("n1:1,n1.3");
        it.merge(&clock("n1.2,n2:1"));
        assert_eq!(it.to_string(), "n1:3,n2:1");
        it.cut(1);
        assert_eq!(it.to_string(), "n1:3");
    }
}
