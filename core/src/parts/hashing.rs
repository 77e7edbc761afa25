//! Where a key belongs when there are `n` places: hashes that are the same on every platform and in every release, and
//! four ways to use one. The fifth, the ring, has its own file ([`super::ring`]); [`super::placement`] gives all of
//! them one face.
//!
//! | | moves when a place is added | memory | looks up in |
//! |---|---|---|---|
//! | modulo | `n/(n+1)` of the keys | none | 1 |
//! | jump (Lamping and Veach 2014) | `1/(n+1)`, but only the last place may go | none | `ln n` |
//! | rendezvous (Thaler and Ravishankar 1998) | `1/(n+1)` | the names | `n` |
//! | Maglev (Eisenbud et al. 2016) | a little more than `1/(n+1)` | a table of 100 `n` | 1 |

use crate::sim::rng::mix;

/// The hash of some bytes: FNV-1a over 64 bits, whose weak upper bits are then mixed with the finalizer of SplitMix64.
/// Fixed for ever: places of keys, and so traces and links, depend on it.
pub fn hash(bytes: &[u8]) -> u64 {
    mix(fnv_1a(bytes))
}

/// FNV-1a over 64 bits (Fowler, Noll and Vo).
fn fnv_1a(bytes: &[u8]) -> u64 {
    let step = |it: u64, byte: &u8| (it ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The hash of two numbers in this order.
pub fn pair(one: u64, two: u64) -> u64 {
    mix(mix(one) ^ two)
}

/// The remainder: the obvious way, and the one that moves nearly everything when `buckets` changes.
///
/// # Panics
/// When there are no buckets.
pub fn modulo(key: u64, buckets: u32) -> u32 {
    (key % u64::from(buckets)) as u32
}

/// "A fast, minimal memory, consistent hash algorithm" (Lamping and Veach 2014), Figure 1 to the bit.
///
/// The key's own stream of random numbers decides at which sizes it jumps into the newest bucket. A double holds every
/// number here exactly but for one division, which IEEE 754 rounds alike everywhere.
///
/// # Panics
/// When there are no buckets.
pub fn jump(mut key: u64, buckets: u32) -> u32 {
    assert!(buckets > 0, "a key must have a bucket to go to");
    let (mut here, mut next) = (0, 0.0);
    while next < f64::from(buckets) {
        here = next as u32;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let step = (1u64 << 31) as f64 / ((key >> 33) + 1) as f64;
        next = f64::from(here + 1) * step;
    }
    here
}

/// How much a name wants a key under rendezvous hashing (highest random weight): the greatest of `weight` draws, so
/// that the chance of being the greatest of all is in proportion to `weight`.
pub fn rendezvous_score(key: u64, name: u64, weight: u32) -> u64 {
    let draw = |it: u32| pair(key, pair(name, u64::from(it)));
    (0..weight).map(draw).max().unwrap_or(0)
}

/// The lookup table of Maglev (Eisenbud et al. 2016, §3.4, pseudocode 1): names take turns, each putting itself into
/// the next free entry of a permutation of its own. A name of weight `w` has `w` turns in a round.
///
/// `names` are pairs of a name's hash and its weight; the table holds places in that list. `size` must be a prime
/// number, more than 100 times the number of names for shares within 1 % (§3.4).
///
/// # Panics
/// When no name has a weight, or the table is smaller than 2.
pub fn maglev_table(names: &[(u64, u32)], size: u32) -> Vec<u16> {
    assert!(size >= 2, "a table of {size} holds no permutation");
    assert!(names.iter().any(|it| it.1 > 0), "nobody to fill the table");
    let start = |&(name, weight): &(u64, u32)| Turn {
        next: (pair(name, 0) % u64::from(size)) as u32,
        skip: (pair(name, 1) % u64::from(size - 1)) as u32 + 1,
        weight,
    };
    populate(names.iter().map(start).collect(), size)
}

/// Where a name stands in its permutation.
struct Turn {
    next: u32,
    skip: u32,
    weight: u32,
}

/// An entry of a table that nobody has taken.
const FREE: u16 = u16::MAX;

fn populate(mut turns: Vec<Turn>, size: u32) -> Vec<u16> {
    let mut table = vec![FREE; size as usize];
    let mut left = size;
    loop {
        for (place, turn) in (0..).zip(&mut turns) {
            for _ in 0..turn.weight {
                // The skip and the prime size have no common factor: every entry comes up.
                while table[turn.next as usize] != FREE {
                    turn.next = (turn.next + turn.skip) % size;
                }
                table[turn.next as usize] = place;
                left -= 1;
                if left == 0 {
                    return table;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_fixed_for_ever() {
        // From the authors' page of test vectors.
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
        // The first number of SplitMix64 from seed 0.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(
            [hash(b"k0"), hash(b"k1"), pair(1, 2), pair(2, 1)],
            [
                9_334_735_829_965_549_951,
                10_684_529_077_969_042_352,
                13_608_149_317_741_381_227,
                16_171_810_823_986_729_605
            ]
        );
    }

    #[test]
    fn jump_stays_or_goes_to_the_new_bucket() {
        for key in (0..2_000).map(mix) {
            for buckets in 1..40 {
                let (before, after) = (jump(key, buckets), jump(key, buckets + 1));
                assert!(
                    after == before || after == buckets,
                    "{key}: {before} {after}"
                );
            }
        }
    }

    /// Table 1 of the paper: three backends, seven entries, and what stays when B1 goes.
    #[test]
    fn maglev_fills_the_table_of_the_paper() {
        let turn = |(next, skip)| Turn {
            next,
            skip,
            weight: 1,
        };
        let table = |turns: &[(u32, u32)]| populate(turns.iter().copied().map(turn).collect(), 7);
        assert_eq!(table(&[(3, 4), (0, 2), (3, 1)]), [1, 0, 1, 0, 2, 2, 0]);
        assert_eq!(table(&[(3, 4), (3, 1)]), [0, 0, 0, 0, 1, 1, 1]);
    }

    #[test]
    fn weights_are_shares() {
        let names = [(11, 1), (22, 3), (33, 0), (44, 2)];
        let mut rendezvous = [0u32; 4];
        for key in (0..60_000).map(mix) {
            let score = |it: &usize| rendezvous_score(key, names[*it].0, names[*it].1);
            rendezvous[(0..4).max_by_key(score).unwrap()] += 1;
        }
        assert_eq!(rendezvous[2], 0);
        for (place, tenth) in [(0, 10_000), (1, 30_000), (3, 20_000)] {
            assert!(rendezvous[place].abs_diff(tenth) < 500, "{rendezvous:?}");
        }
        let table = maglev_table(&names, 6_007);
        let count = |place: u16| table.iter().filter(|it| **it == place).count();
        assert_eq!([0, 1, 2, 3].map(count), [1_002, 3_003, 0, 2_002]);
    }
}
