//! Where everything on the stage sits. Plain arithmetic: canvas and page work it out alike.

use clusterscope_core::Time;
use clusterscope_core::frame::{End, Frame, MessageView};
use clusterscope_core::protocol::{ClientId, NodeId};
use clusterscope_core::scene::ring;

/// A point of the stage, in pixels of the page.
pub type Spot = (f64, f64);

/// How wide a client and its words are.
pub const CLIENT_WIDTH: f64 = 88.0;

/// So many clients find room in the corners above the ring.
const CORNERS: usize = 2;

/// How far beside the straight line a message travels, so that question and answer do not meet.
const LANE: f64 = 4.0;

/// How much is written into a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Its name and its role.
    Words,
    /// Its name, and its role as a letter.
    Letters,
    /// Its role as a letter.
    Initial,
}

/// Places on a stage of one size.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// The stage's width.
    pub width: f64,
    /// Its height.
    pub height: f64,
    /// The middle of the ring.
    pub middle: Spot,
    /// Half the ring's width and height.
    pub reach: Spot,
    /// The nodes, in their order.
    pub nodes: Vec<Spot>,
    /// The clients.
    pub clients: Vec<(ClientId, Spot)>,
    /// How big a node is.
    pub radius: f64,
}

impl Layout {
    /// Seats everyone.
    pub fn of(size: (f64, f64), frame: &Frame) -> Layout {
        let clients: Vec<ClientId> = frame.clients.iter().map(|it| it.id).collect();
        Layout::seat(size, frame.nodes.len(), &clients)
    }

    /// Seats so many nodes and these clients.
    pub fn seat((width, height): (f64, f64), nodes: usize, clients: &[ClientId]) -> Layout {
        let wide = width > height * 1.25 && width > 520.0;
        let roomy = (width.min(height) / 9.5).clamp(24.0, 38.0);
        let mut radius = roomy;
        let (mut beside, above, mut below) = (radius + 14.0, radius + 26.0, radius + 30.0);
        if wide && !clients.is_empty() {
            beside += CLIENT_WIDTH + 4.0;
        } else if clients.len() > CORNERS {
            below += 36.0;
        }
        let half = |room: f64| (room / 2.0).max(20.0);
        let mut reach = (half(width - 2.0 * beside), half(height - above - below));
        // A ring, if a flat one: far from round, neighbours and opposites look alike.
        reach.0 = reach.0.min(reach.1 * 1.45);
        reach.1 = reach.1.min(reach.0 * 1.25);
        let middle = (width / 2.0, above + (height - above - below) / 2.0);
        if nodes > 1 {
            let chord = ring::chord(nodes, reach.0.min(reach.1));
            radius = radius.min(chord * 0.4).max(2.5);
        }
        let mut layout = Layout {
            width,
            height,
            middle,
            reach,
            nodes: (0..nodes)
                .map(|it| on_ring(middle, reach, it as f64, nodes))
                .collect(),
            clients: Vec::new(),
            radius,
        };
        layout.clients = layout.seat_clients(clients, wide);
        layout
    }

    /// Clients sit outside the ring: beside it where there is width, else in the corners above it and in a
    /// row below.
    fn seat_clients(&self, clients: &[ClientId], wide: bool) -> Vec<(ClientId, Spot)> {
        let room = CLIENT_WIDTH / 2.0 + 2.0;
        let seat = |index: usize| match (wide, index) {
            (true, _) => self.in_column(index, clients.len()),
            (false, 0) => (self.width - room, 18.0),
            (false, 1) => (room, 18.0),
            _ => {
                let below = (clients.len() - CORNERS) as f64;
                (
                    self.width * ((index - CORNERS) as f64 + 0.5) / below,
                    self.height - 34.0,
                )
            }
        };
        let inside = |(x, y): Spot| {
            (
                x.clamp(room, (self.width - room).max(room)),
                y.clamp(16.0, (self.height - 30.0).max(16.0)),
            )
        };
        clients
            .iter()
            .enumerate()
            .map(|(index, id)| (*id, inside(seat(index))))
            .collect()
    }

    /// A place beside the ring: clients sit in a column right of it and one left of it.
    fn in_column(&self, index: usize, count: usize) -> Spot {
        let right = index % 2 == 0;
        let of = if right { count.div_ceil(2) } else { count / 2 } as f64;
        let apart = (self.height / of.max(1.0)).min(68.0);
        let out = self.reach.0 + self.radius + 22.0 + CLIENT_WIDTH / 2.0;
        let down = ((index / 2) as f64 - (of - 1.0) / 2.0) * apart;
        (
            self.middle.0 + if right { out } else { -out },
            self.middle.1 + down,
        )
    }

    /// How much is written into a node.
    pub fn detail(&self) -> Detail {
        match self.radius {
            radius if radius >= 24.0 => Detail::Words,
            radius if radius >= 14.0 && self.nodes.len() <= 60 => Detail::Letters,
            _ => Detail::Initial,
        }
    }

    /// Where a node sits.
    pub fn node(&self, node: NodeId) -> Spot {
        self.nodes.get(node.index()).copied().unwrap_or(self.middle)
    }

    /// Where an end of a message's way is, and how big it is.
    pub fn end(&self, end: End) -> Option<(Spot, f64)> {
        match end {
            End::Node(node) => self.nodes.get(node.index()).map(|it| (*it, self.radius)),
            End::Client(client) => self
                .clients
                .iter()
                .find(|it| it.0 == client)
                .map(|it| (it.1, 10.0)),
        }
    }

    /// A point on the way from one end to another, which runs from rim to rim.
    pub fn way(&self, from: End, to: End, share: f64) -> Option<(Spot, Spot)> {
        let ((from, from_size), (to, to_size)) = (self.end(from)?, self.end(to)?);
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy).max(1.0);
        let (ux, uy) = (dx / length, dy / length);
        let (first, last) = (from_size, (length - to_size).max(from_size));
        let along = first + (last - first) * share;
        let lane = LANE.min(self.radius / 3.0);
        Some((
            (
                from.0 + ux * along - uy * lane,
                from.1 + uy * along + ux * lane,
            ),
            (ux, uy),
        ))
    }

    /// Where a message is at `now`, and its direction.
    pub fn message(&self, message: &MessageView, now: Time) -> Option<(Spot, Spot)> {
        self.way(message.from, message.to, message.progress(now))
    }
}

/// A place on the ring; halves lie between two seats.
fn on_ring(middle: Spot, reach: Spot, seat: f64, seats: usize) -> Spot {
    let place = if seat.fract() == 0.0 {
        ring::seat(seat as usize, seats, 0.5)
    } else {
        // Twice two seats are four: any share of a seat is a whole seat of a finer ring.
        ring::seat((seat * 16.0).round() as usize, seats * 16, 0.5)
    };
    (
        middle.0 + (place.x - 0.5) * 2.0 * reach.0,
        middle.1 + (place.y - 0.5) * 2.0 * reach.1,
    )
}

/// On which side of the line through two points something lies: positive right of it, seen along the line.
pub fn side(from: Spot, to: Spot, point: Spot) -> f64 {
    (to.0 - from.0) * (point.1 - from.1) - (to.1 - from.1) * (point.0 - from.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_is_on_the_stage_and_no_two_nodes_touch() {
        let clients = [ClientId(1), ClientId(2), ClientId(3)];
        for size in [
            (830.0, 460.0),
            (360.0, 320.0),
            (360.0, 420.0),
            (640.0, 300.0),
            (1900.0, 900.0),
        ] {
            for nodes in [1, 2, 3, 5, 7, 12, 60, 100] {
                let layout = Layout::seat(size, nodes, &clients);
                let radius = layout.radius;
                for (x, y) in &layout.nodes {
                    assert!(
                        (radius..=size.0 - radius).contains(x)
                            && (radius..=size.1 - radius).contains(y)
                    );
                }
                for (_, (x, y)) in &layout.clients {
                    assert!((0.0..=size.0).contains(x) && (0.0..=size.1).contains(y));
                }
                for pair in layout.nodes.windows(2) {
                    let apart = (pair[0].0 - pair[1].0).hypot(pair[0].1 - pair[1].1);
                    assert!(apart > 2.0 * radius, "{size:?}, {nodes} nodes");
                }
            }
        }
    }

    #[test]
    fn a_message_leaves_and_arrives_at_the_rim() {
        let layout = Layout::seat((800.0, 500.0), 5, &[]);
        let (from, to) = (End::Node(NodeId(0)), End::Node(NodeId(2)));
        let (start, _) = layout.way(from, to, 0.0).unwrap();
        let (end, _) = layout.way(from, to, 1.0).unwrap();
        let far = |one: Spot, two: Spot| (one.0 - two.0).hypot(one.1 - two.1);
        assert!((far(start, layout.nodes[0]) - layout.radius).abs() < 1.0);
        assert!((far(end, layout.nodes[2]) - layout.radius).abs() < 1.0);
    }

    #[test]
    fn the_two_sides_of_a_line_differ() {
        assert!(side((0.0, 0.0), (10.0, 0.0), (5.0, 3.0)) > 0.0);
        assert!(side((0.0, 0.0), (10.0, 0.0), (5.0, -3.0)) < 0.0);
    }
}
