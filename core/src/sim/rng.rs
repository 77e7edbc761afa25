//! Seeded randomness: one seed, forked into a stream for each part of the world.
//!
//! A part that draws one number more does not move the others, so a changed node or one more client leaves the rest of
//! the run comparable. The samplers are our own: those of the `rand` crate may change their values in minor releases.

use rand_core::{Rng as _, SeedableRng as _};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::dist::Chance;
use super::time::Span;

/// A stream of random numbers (xoshiro256++).
#[derive(Clone, Debug)]
pub struct Rng(Xoshiro256PlusPlus);

/// Whose stream it is.
#[derive(Clone, Copy, Debug)]
pub enum Stream {
    /// What a node's own algorithm draws, and the jitter of its timers.
    Node(u32),
    /// What the network does to the messages that a node sends.
    Wire(u32),
    /// The node's disk.
    Disk(u32),
    /// What a client asks and when.
    Client(u32),
    /// What the network does to what a client sends.
    ClientWire(u32),
    /// The faults of a swarm scenario.
    Faults,
    /// How nodes' clocks stand at the start.
    Clocks,
    /// How long a node works on what arrives.
    Processor(u32),
    /// Whom commands mean that leave it to chance.
    Choices,
    /// When requests arrive that wait for nobody.
    Arrivals,
    /// The constants of the algorithm in a swarm.
    Constants,
}

impl Rng {
    /// The stream of one part of the world under `seed`.
    pub fn stream(seed: u64, stream: Stream) -> Rng {
        let (family, index) = match stream {
            Stream::Node(it) => (1, it),
            Stream::Wire(it) => (2, it),
            Stream::Disk(it) => (3, it),
            Stream::Client(it) => (4, it),
            Stream::ClientWire(it) => (5, it),
            Stream::Faults => (6, 0),
            Stream::Clocks => (7, 0),
            Stream::Processor(it) => (8, it),
            Stream::Choices => (9, 0),
            Stream::Arrivals => (10, 0),
            Stream::Constants => (11, 0),
        };
        let label = (family << 32) | u64::from(index);
        Rng(Xoshiro256PlusPlus::seed_from_u64(
            mix(seed) ^ mix(label).rotate_left(17),
        ))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A whole number in `0..bound`, without bias (Lemire's multiplication).
    ///
    /// # Panics
    /// When `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a number below nothing");
        loop {
            let (high, low) = product(self.bits(), bound);
            if low >= bound || low >= bound.wrapping_neg() % bound {
                return high;
            }
        }
    }

    /// A span in `min..=max`.
    pub fn span(&mut self, min: Span, max: Span) -> Span {
        if max <= min {
            return min;
        }
        Span(min.0 + self.below(max.0 - min.0 + 1))
    }

    /// Whether something of this probability happens. Draws nothing when it never or always does.
    pub fn happens(&mut self, chance: Chance) -> bool {
        match chance.ppm() {
            0 => false,
            Chance::CERTAIN_PPM => true,
            ppm => self.below(u64::from(Chance::CERTAIN_PPM)) < u64::from(ppm),
        }
    }

    /// A number in `[0, 1)` with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of `items`.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// Puts `items` into a random order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

/// The upper and the lower half of a product.
#[inline]
fn product(one: u64, two: u64) -> (u64, u64) {
    // WebAssembly multiplies 128 bits by a call into a library; two multiplications do when one factor is small.
    if cfg!(target_arch = "wasm32") && two <= u64::from(u32::MAX) {
        let middle = (one >> 32) * two + (((one & u64::from(u32::MAX)) * two) >> 32);
        return (middle >> 32, one.wrapping_mul(two));
    }
    let product = u128::from(one) * u128::from(two);
    ((product >> 64) as u64, product as u64)
}

/// A bijection that spreads neighbouring numbers (the finalizer of SplitMix64).
pub fn mix(number: u64) -> u64 {
    let mut it = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    it ^ (it >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_fixed_for_ever() {
        let mut node = Rng::stream(7, Stream::Node(0));
        let first = [node.bits(), node.bits()];
        let mut again = Rng::stream(7, Stream::Node(0));
        assert_eq!(first, [again.bits(), again.bits()]);
        assert_ne!(first[0], Rng::stream(7, Stream::Node(1)).bits());
        assert_ne!(first[0], Rng::stream(7, Stream::Wire(0)).bits());
        assert_ne!(first[0], Rng::stream(8, Stream::Node(0)).bits());
    }

    #[test]
    fn bounds_hold_and_are_reached() {
        let mut rng = Rng::stream(1, Stream::Faults);
        let mut seen = [0u32; 7];
        for _ in 0..7_000 {
            seen[rng.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|it| (800..1_200).contains(it)), "{seen:?}");
        assert_eq!(rng.span(Span(5), Span(5)), Span(5));
    }
}
