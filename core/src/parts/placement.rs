//! Five ways to spread keys over nodes, with one face: which node has a key, which have its copies, how even it is.

use crate::parts::hashing::{jump, maglev_table, modulo, pair, rendezvous_score};
use crate::parts::ring::Ring;
use crate::protocol::NodeId;

/// A way to spread keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The ring of Karger et al. 1997.
    Ring,
    /// The hash modulo the number of nodes.
    Modulo,
    /// Highest random weight (Thaler and Ravishankar 1998).
    Rendezvous,
    /// Lamping and Veach 2014.
    Jump,
    /// Eisenbud et al. 2016.
    Maglev,
}

impl Scheme {
    /// Every way.
    pub const ALL: [Scheme; 5] = [
        Scheme::Ring,
        Scheme::Modulo,
        Scheme::Rendezvous,
        Scheme::Jump,
        Scheme::Maglev,
    ];

    /// Their names, in the same order.
    pub const NAMES: [&'static str; 5] = ["ring", "modulo", "rendezvous", "jump", "maglev"];

    /// Its name.
    pub fn name(self) -> &'static str {
        Scheme::NAMES[self as usize]
    }

    /// The way of this name.
    pub fn find(name: &str) -> Option<Scheme> {
        let place = Scheme::NAMES.iter().position(|it| *it == name)?;
        Some(Scheme::ALL[place])
    }
}

/// Who has which keys.
#[derive(Clone, Debug)]
pub enum Placement {
    /// By tokens.
    Ring(Ring),
    /// By number: each node as often as it weighs, in the order of nodes.
    Numbered(Scheme, Vec<NodeId>),
    /// By the highest score.
    Rendezvous(Vec<(NodeId, u32)>, u64),
    /// By a table.
    Maglev(Vec<NodeId>),
}

/// The size of Maglev's table, a prime: shares are within 1 % for up to 655 nodes (§5.3 of the paper, which uses it,
/// too). It must not depend on how many there are, for another size places every key anew.
pub const MAGLEV_SIZE: u32 = 65_537;

impl Placement {
    /// Spreads keys over these nodes, given in their order with their weights. `vnodes` is for the ring alone; each
    /// `salt` is another choice of everything that is hashed.
    pub fn new(scheme: Scheme, members: &[(NodeId, u32)], vnodes: u32, salt: u64) -> Placement {
        let numbered = || {
            let each = |it: &(NodeId, u32)| vec![it.0; it.1 as usize];
            Placement::Numbered(scheme, members.iter().flat_map(each).collect())
        };
        match scheme {
            Scheme::Ring => Placement::Ring(Ring::salted(members, vnodes, salt)),
            Scheme::Modulo | Scheme::Jump => numbered(),
            Scheme::Rendezvous => Placement::Rendezvous(members.to_vec(), salt),
            Scheme::Maglev => Placement::maglev(members, salt, MAGLEV_SIZE),
        }
    }

    /// Maglev with a table of another size, which must be a prime.
    pub fn maglev(members: &[(NodeId, u32)], salt: u64, size: u32) -> Placement {
        if members.iter().all(|it| it.1 == 0) {
            return Placement::Maglev(Vec::new());
        }
        let name = |it: &(NodeId, u32)| (pair(salt, u64::from(it.0.0)), it.1);
        let names: Vec<(u64, u32)> = members.iter().map(name).collect();
        let node = |it: u16| members[usize::from(it)].0;
        Placement::Maglev(maglev_table(&names, size).into_iter().map(node).collect())
    }

    /// The node that a key of this hash belongs to; `None` when there is none.
    pub fn owner(&self, key: u64) -> Option<NodeId> {
        match self {
            Placement::Ring(ring) => ring.owner(key),
            Placement::Numbered(scheme, nodes) => nodes.get(number(*scheme, key, nodes)?).copied(),
            Placement::Maglev(table) => table
                .get((key % table.len().max(1) as u64) as usize)
                .copied(),
            Placement::Rendezvous(members, salt) => {
                let score = |it: &&(NodeId, u32)| score(key, it, *salt);
                let willing = members.iter().filter(|it| it.1 > 0);
                willing.max_by_key(score).map(|it| it.0)
            }
        }
    }

    /// Its owner and the nodes of its copies: the first `count` different nodes, in the order of the ring, of numbers,
    /// of scores or of the table. Fewer when there are not so many.
    pub fn owners(&self, key: u64, count: usize) -> Vec<NodeId> {
        match self {
            Placement::Ring(ring) => ring.preference_list(key, count),
            Placement::Numbered(scheme, nodes) => {
                let from = number(*scheme, key, nodes).unwrap_or(0);
                distinct(nodes, from, count)
            }
            Placement::Maglev(table) => {
                distinct(table, (key % table.len().max(1) as u64) as usize, count)
            }
            Placement::Rendezvous(members, salt) => {
                let mut best: Vec<(u64, NodeId)> = Vec::with_capacity(count.min(members.len()) + 1);
                for it in members.iter().filter(|it| it.1 > 0) {
                    let score = score(key, it, *salt);
                    let place = best.partition_point(|(other, _)| *other >= score);
                    best.insert(place, (score, it.0));
                    best.truncate(count);
                }
                best.into_iter().map(|it| it.1).collect()
            }
        }
    }
}

/// The number of a key's bucket.
fn number(scheme: Scheme, key: u64, nodes: &[NodeId]) -> Option<usize> {
    let buckets = u32::try_from(nodes.len()).ok().filter(|it| *it > 0)?;
    Some(match scheme {
        Scheme::Jump => jump(key, buckets) as usize,
        _ => modulo(key, buckets) as usize,
    })
}

fn score(key: u64, it: &(NodeId, u32), salt: u64) -> u64 {
    rendezvous_score(key, pair(salt, u64::from(it.0.0)), it.1)
}

/// The first `count` different nodes from `from` on, once round.
fn distinct(nodes: &[NodeId], from: usize, count: usize) -> Vec<NodeId> {
    let mut list: Vec<NodeId> = Vec::with_capacity(count);
    let (before, after) = nodes.split_at(from.min(nodes.len()));
    for node in after.iter().chain(before) {
        if list.len() >= count {
            break;
        }
        if !list.contains(node) {
            list.push(*node);
        }
    }
    list
}

/// The standard deviation of some loads, in parts of their mean; 0 when there are none or nothing is loaded.
pub fn unevenness(loads: &[f64]) -> f64 {
    let mean = loads.iter().sum::<f64>() / loads.len().max(1) as f64;
    if mean <= 0.0 {
        return 0.0;
    }
    let square = |it: &f64| (it / mean - 1.0) * (it / mean - 1.0);
    libm::sqrt(loads.iter().map(square).sum::<f64>() / loads.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::rng::mix;

    #[test]
    fn every_scheme_gives_owners_that_differ() {
        let members: Vec<(NodeId, u32)> = (0..5)
            .map(|it| (NodeId(it * 3), 1 + u32::from(it) % 2))
            .collect();
        for scheme in Scheme::ALL {
            let placement = Placement::new(scheme, &members, 20, 0);
            for key in (0..500).map(mix) {
                let owners = placement.owners(key, 3);
                assert_eq!(placement.owner(key), owners.first().copied(), "{scheme:?}");
                assert_eq!(owners.len(), 3);
                assert!(owners[0] != owners[1] && owners[1] != owners[2] && owners[0] != owners[2]);
                assert_eq!(placement.owners(key, 9).len(), 5, "{scheme:?}");
            }
            assert_eq!(Scheme::find(scheme.name()), Some(scheme));
            let nobody = Placement::new(scheme, &[], 20, 0);
            assert_eq!((nobody.owner(1), nobody.owners(1, 2)), (None, vec![]));
        }
    }

    #[test]
    fn unevenness_is_in_parts_of_the_mean() {
        assert_eq!(unevenness(&[2.0, 2.0]), 0.0);
        assert_eq!(unevenness(&[1.0, 3.0]), 0.5);
        assert_eq!((unevenness(&[]), unevenness(&[0.0])), (0.0, 0.0));
    }
}
