//! Who must come before whom, and whether that goes round in a circle.

use std::collections::VecDeque;

/// What leads from one to the next, as a bit, so that a walk may keep to some kinds.
pub(super) type Kind = u16;

/// Nodes are numbers from 0; an edge says that one comes before another, and why.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    edges: Vec<Vec<(u32, Kind)>>,
}

/// An edge of a circle: from, to, why.
pub(super) type Edge = (u32, u32, Kind);

impl Graph {
    pub fn new(nodes: usize) -> Graph {
        Graph {
            edges: vec![Vec::new(); nodes],
        }
    }

    pub fn add(&mut self, from: u32, to: u32, kind: Kind) {
        if from != to {
            self.edges[from as usize].push((to, kind));
        }
    }

    /// Every edge, in the order of their beginnings.
    pub fn edges(&self) -> impl Iterator<Item = Edge> {
        let from = |(from, it): (u32, &Vec<(u32, Kind)>)| {
            let edges: Vec<Edge> = it.iter().map(|it| (from, it.0, it.1)).collect();
            edges
        };
        (0..).zip(&self.edges).flat_map(from)
    }

    /// Of each node, those that it comes before.
    pub fn followers(&self) -> Vec<Vec<u32>> {
        let ends = |it: &Vec<(u32, Kind)>| it.iter().map(|it| it.0).collect();
        self.edges.iter().map(ends).collect()
    }

    /// For each node the number of its knot: nodes that can reach each other have the same. By edges of these kinds.
    /// (Tarjan 1972, without recursion: histories are long.)
    pub fn knots(&self, kinds: Kind) -> Vec<u32> {
        const NEW: u32 = u32::MAX;
        let count = self.edges.len();
        let mut index = vec![NEW; count];
        let mut low = vec![NEW; count];
        let mut knot = vec![NEW; count];
        let mut stack: Vec<u32> = Vec::new();
        let mut walk: Vec<(u32, usize)> = Vec::new();
        let (mut next, mut knots) = (0, 0);
        for root in 0..count as u32 {
            if index[root as usize] != NEW {
                continue;
            }
            walk.push((root, 0));
            while let Some((node, edge)) = walk.pop() {
                let at = node as usize;
                if edge == 0 {
                    index[at] = next;
                    low[at] = next;
                    next += 1;
                    stack.push(node);
                }
                match self.edges[at].get(edge) {
                    Some((to, kind)) => {
                        walk.push((node, edge + 1));
                        let to_at = *to as usize;
                        if kind & kinds == 0 {
                            continue;
                        }
                        if index[to_at] == NEW {
                            walk.push((*to, 0));
                        } else if knot[to_at] == NEW {
                            low[at] = low[at].min(index[to_at]);
                        }
                    }
                    None => {
                        if low[at] == index[at] {
                            while let Some(member) = stack.pop() {
                                knot[member as usize] = knots;
                                if member == node {
                                    break;
                                }
                            }
                            knots += 1;
                        }
                        if let Some((parent, _)) = walk.last() {
                            let parent = *parent as usize;
                            low[parent] = low[parent].min(low[at]);
                        }
                    }
                }
            }
        }
        knot
    }

    /// A shortest way from one node to another by edges of these kinds and through nodes that are `inside`.
    pub fn way(
        &self,
        from: u32,
        to: u32,
        kinds: Kind,
        inside: impl Fn(u32) -> bool,
    ) -> Option<Vec<Edge>> {
        let mut came: Vec<Option<(u32, Kind)>> = vec![None; self.edges.len()];
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            for (next, kind) in &self.edges[node as usize] {
                let fresh = came[*next as usize].is_none() && *next != from;
                if kind & kinds == 0 || !inside(*next) || !fresh {
                    continue;
                }
                came[*next as usize] = Some((node, *kind));
                if *next == to {
                    return Some(trace(&came, from, to));
                }
                queue.push_back(*next);
            }
        }
        None
    }

    /// A short circle of edges of `kinds` that has one of the kinds `with` among them: a shortest one through the first
    /// such edge that lies on any.
    pub fn circle(&self, kinds: Kind, with: Kind) -> Option<Vec<Edge>> {
        let knots = self.knots(kinds);
        self.edges()
            .filter(|(from, to, kind)| {
                kind & with != 0 && knots[*from as usize] == knots[*to as usize]
            })
            .find_map(|edge| {
                let home = knots[edge.0 as usize];
                let inside = |it: u32| knots[it as usize] == home;
                let mut way = self.way(edge.1, edge.0, kinds, inside)?;
                way.insert(0, edge);
                Some(way)
            })
    }
}

fn trace(came: &[Option<(u32, Kind)>], from: u32, to: u32) -> Vec<Edge> {
    let mut way = Vec::new();
    let mut at = to;
    while at != from {
        let Some((before, kind)) = came[at as usize] else {
            break;
        };
        way.push((before, at, kind));
        at = before;
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_by_its_kinds() {
        let mut graph = Graph::new(5);
        graph.add(0, 1, 1);
        graph.add(1, 2, 1);
        graph.add(2, 0, 2);
        graph.add(3, 4, 1);
        graph.add(2, 3, 1);
        assert_eq!(graph.circle(1, 1), None);
        let circle = graph.circle(3, 2).expect("0, 1, 2 go round");
        assert_eq!(circle, [(2, 0, 2), (0, 1, 1), (1, 2, 1)]);
        let knots = graph.knots(3);
        assert!(knots[0] == knots[2] && knots[3] != knots[0] && knots[4] != knots[3]);
    }
}
