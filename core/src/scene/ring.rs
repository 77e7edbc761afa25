//! Nodes on a ring, clients outside it, messages between them.

/// A place on the stage: from 0 to 1, to the right and down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// To the right.
    pub x: f64,
    /// Down.
    pub y: f64,
}

/// The place of seat `seat` of `seats` on a ring of `radius` around the middle; the first seat is at the top.
pub fn seat(seat: usize, seats: usize, radius: f64) -> Place {
    let turn = std::f64::consts::TAU * seat as f64 / seats.max(1) as f64;
    Place {
        x: 0.5 + radius * libm::sin(turn),
        y: 0.5 - radius * libm::cos(turn),
    }
}

/// How far apart two neighbours of `seats` sit on a ring of `radius`.
pub fn chord(seats: usize, radius: f64) -> f64 {
    2.0 * radius * libm::sin(std::f64::consts::PI / seats.max(1) as f64)
}

/// The point that lies `share` of the way from one place to another.
pub fn between(from: Place, to: Place, share: f64) -> Place {
    Place {
        x: from.x + (to.x - from.x) * share,
        y: from.y + (to.y - from.y) * share,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_a_chord_apart() {
        let (one, two) = (seat(0, 5, 0.4), seat(1, 5, 0.4));
        let apart = libm::hypot(one.x - two.x, one.y - two.y);
        assert!((chord(5, 0.4) - apart).abs() < 1e-9);
    }

    #[test]
    fn the_first_seat_is_at_the_top_and_the_ring_goes_clockwise() {
        let top = seat(0, 4, 0.4);
        let right = seat(1, 4, 0.4);
        assert!((top.x - 0.5).abs() < 1e-9 && (top.y - 0.1).abs() < 1e-9);
        assert!((right.x - 0.9).abs() < 1e-9 && (right.y - 0.5).abs() < 1e-9);
    }
}
