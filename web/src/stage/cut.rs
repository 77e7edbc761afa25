//! The geometry of cuts: which curves part the groups of a partition, and how a line across the stage parts
//! the nodes.

use clusterscope_core::protocol::NodeId;

use super::layout::{Layout, Spot, side};

/// A curve leaves the straight line by so much at most.
const BULGE: f64 = 46.0;

/// A curve along which the network is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curve {
    /// Where it begins.
    pub from: Spot,
    /// What bends it.
    pub bend: [Spot; 2],
    /// Where it ends.
    pub to: Spot,
}

impl Curve {
    /// A point of the curve; 0 is where it begins, 1 where it ends.
    pub fn at(&self, share: f64) -> Spot {
        let rest = 1.0 - share;
        let weights = [
            rest * rest * rest,
            3.0 * rest * rest * share,
            3.0 * rest * share * share,
            share * share * share,
        ];
        let points = [self.from, self.bend[0], self.bend[1], self.to];
        let sum = |pick: fn(&Spot) -> f64| {
            points
                .iter()
                .zip(weights)
                .map(|(point, weight)| pick(point) * weight)
                .sum()
        };
        (sum(|it| it.0), sum(|it| it.1))
    }
}

/// The group of each node; `None` when there is no partition.
pub fn groups_of(nodes: usize, groups: &[Vec<NodeId>]) -> Option<Vec<usize>> {
    if groups.len() < 2 {
        return None;
    }
    let group = |node| {
        groups
            .iter()
            .position(|it| it.contains(&node))
            .unwrap_or(groups.len())
    };
    Some((0..nodes as u16).map(|it| group(NodeId(it))).collect())
}

/// The curves that part the groups. `into` is cleared first.
///
/// Nodes of one group that sit together are a run. Two runs are parted by one curve through the ring; when
/// every group is one run, curves meet in the middle; otherwise a curve goes around every run but those of
/// the largest group.
pub fn curves(layout: &Layout, group: &[usize], into: &mut Vec<Curve>) {
    into.clear();
    let count = group.len();
    // A gap `i` lies between node `i` and the next.
    let gaps: Vec<usize> = (0..count)
        .filter(|it| group[*it] != group[(*it + 1) % count])
        .collect();
    let first = |it: &usize| !group[..*it].contains(&group[*it]);
    let groups = (0..count).filter(first).count();
    match gaps.len() {
        0 | 1 => {}
        2 if count == 2 => into.push(between_two(layout)),
        2 => into.push(chord(layout, gaps[0], gaps[1], 34.0)),
        runs if runs == groups => {
            for gap in gaps {
                let (end, middle) = (outside(layout, gap, 30.0), layout.middle);
                into.push(Curve {
                    from: middle,
                    bend: [toward(middle, end, 0.3), toward(middle, end, 0.7)],
                    to: end,
                });
            }
        }
        runs => {
            let size = |it: usize| group.iter().filter(|other| **other == it).count();
            let largest = group
                .iter()
                .copied()
                .max_by_key(|it| (size(*it), usize::MAX - it))
                .unwrap_or(0);
            for run in 0..runs {
                let (before, after) = (gaps[run], gaps[(run + 1) % runs]);
                if group[(before + 1) % count] != largest {
                    into.push(chord(layout, before, after, 22.0));
                }
            }
        }
    }
}

fn toward(from: Spot, to: Spot, share: f64) -> Spot {
    (
        from.0 + (to.0 - from.0) * share,
        from.1 + (to.1 - from.1) * share,
    )
}

/// The point in the gap behind a node, `out` pixels outside of the ring.
fn outside(layout: &Layout, gap: usize, out: f64) -> Spot {
    let count = layout.nodes.len();
    let at = toward(layout.nodes[gap], layout.nodes[(gap + 1) % count], 0.5);
    let (dx, dy) = (at.0 - layout.middle.0, at.1 - layout.middle.1);
    let length = dx.hypot(dy).max(1.0);
    (
        at.0 + dx / length * (out + layout.radius),
        at.1 + dy / length * (out + layout.radius),
    )
}

/// A curve through two gaps that keeps half-way between the nodes on its one side and those on its other.
fn chord(layout: &Layout, one: usize, two: usize, out: f64) -> Curve {
    let (from, to) = (outside(layout, one, out), outside(layout, two, out));
    let count = layout.nodes.len();
    let gate = |gap: usize| toward(layout.nodes[gap], layout.nodes[(gap + 1) % count], 0.5);
    let (first, last) = (gate(one), gate(two));
    let between = |node: usize| (node + count - one - 1) % count < (two + count - one) % count;
    let centre = |inside: bool| {
        let side = (0..count)
            .filter(|it| between(*it) == inside)
            .map(|it| layout.nodes[it]);
        let (x, y, number) = side.fold((0.0, 0.0, 0.0), |sum, it| {
            (sum.0 + it.0, sum.1 + it.1, sum.2 + 1.0)
        });
        (x / f64::max(number, 1.0), y / f64::max(number, 1.0))
    };
    let gates = toward(first, last, 0.5);
    let wanted = toward(centre(true), centre(false), 0.5);
    // But not so far off that the line becomes a loop.
    let off = (wanted.0 - gates.0).hypot(wanted.1 - gates.1);
    let wanted = toward(gates, wanted, (BULGE / off.max(1.0)).min(1.0));
    let bend = [toward(first, last, 0.12), toward(first, last, 0.88)];
    // The middle of such a curve: an eighth of each end, three eighths of each bend.
    let sum = |pick: fn(Spot) -> f64| {
        (pick(from) + pick(to)) / 8.0 + (pick(bend[0]) + pick(bend[1])) * 0.375
    };
    let shift = (
        (wanted.0 - sum(|it| it.0)) / 0.75,
        (wanted.1 - sum(|it| it.1)) / 0.75,
    );
    Curve {
        from,
        bend: bend.map(|it| (it.0 + shift.0, it.1 + shift.1)),
        to,
    }
}

fn between_two(layout: &Layout) -> Curve {
    let at = toward(layout.nodes[0], layout.nodes[1], 0.5);
    let (dx, dy) = (
        layout.nodes[1].0 - layout.nodes[0].0,
        layout.nodes[1].1 - layout.nodes[0].1,
    );
    let length = dx.hypot(dy).max(1.0);
    let (nx, ny) = (-dy / length * 110.0, dx / length * 110.0);
    let (from, to) = ((at.0 - nx, at.1 - ny), (at.0 + nx, at.1 + ny));
    Curve {
        from,
        bend: [toward(from, to, 0.33), toward(from, to, 0.66)],
        to,
    }
}

/// The nodes on each side of a line across the stage; `None` when all are on one side.
pub fn sides(layout: &Layout, from: Spot, to: Spot) -> Option<Vec<bool>> {
    let sides: Vec<bool> = layout
        .nodes
        .iter()
        .map(|it| side(from, to, *it) > 0.0)
        .collect();
    let both = sides.iter().any(|it| *it) && sides.iter().any(|it| !*it);
    both.then_some(sides)
}

/// The two sides as a command names them: `n1 n2 | n3 n4 n5`; the side of the first node comes first.
pub fn sides_text(sides: &[bool]) -> String {
    let first = sides.first().copied().unwrap_or_default();
    let names = |wanted: bool| {
        let nodes = sides.iter().enumerate().filter(|it| *it.1 == wanted);
        nodes
            .map(|it| NodeId(it.0 as u16).to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    format!("{} | {}", names(first), names(!first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u16) -> NodeId {
        NodeId(number - 1)
    }

    #[test]
    fn one_curve_parts_two_runs_three_meet_in_the_middle_and_scattered_groups_are_fenced() {
        let layout = Layout::seat((800.0, 500.0), 5, &[]);
        let mut found = Vec::new();
        let mut count = |groups: &[Vec<NodeId>]| {
            curves(&layout, &groups_of(5, groups).unwrap(), &mut found);
            found.len()
        };
        assert_eq!(
            count(&[vec![node(1), node(2)], vec![node(3), node(4), node(5)]]),
            1
        );
        assert_eq!(
            count(&[
                vec![node(1)],
                vec![node(2), node(3)],
                vec![node(4), node(5)]
            ]),
            3
        );
        assert_eq!(
            count(&[vec![node(1), node(3)], vec![node(2), node(4), node(5)]]),
            2
        );
        assert_eq!(groups_of(5, &[]), None);
    }

    #[test]
    fn a_line_parts_the_nodes_and_is_put_into_words() {
        let layout = Layout::seat((800.0, 500.0), 5, &[]);
        let (x, y) = layout.middle;
        let sides_of = |from, to| sides(&layout, from, to).map(|it| sides_text(&it));
        assert_eq!(
            sides_of((0.0, y), (800.0, y)).as_deref(),
            Some("n1 n2 n5 | n3 n4")
        );
        assert_eq!(sides_of((0.0, 2.0), (x * 2.0, 2.0)), None);
    }
}
