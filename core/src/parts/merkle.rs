//! Merkle trees: two that hold the same find it out with one number, and else where they differ with few.
//!
//! Keys fall into 16 leaves. A leaf's hash is over what is in it, an inner hash over the two below it (R. C. Merkle,
//! 1987; Dynamo §4.7). Places are numbered as in a heap: 1 is the root, `2i` and `2i + 1` are below `i`.

use crate::sim::rng::mix;

/// How many leaves there are.
pub const LEAVES: u32 = 16;

/// The hashes of all places; place 0 is nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree([u64; 2 * LEAVES as usize]);

impl Tree {
    /// The tree of these things: the hash of each one's key, and of all that it is. Their order plays no part.
    pub fn of(things: impl Iterator<Item = (u64, u64)>) -> Tree {
        let mut tree = [0u64; 2 * LEAVES as usize];
        for (key, whole) in things {
            let leaf = &mut tree[leaf_of(key) as usize];
            *leaf = leaf.wrapping_add(mix(mix(key) ^ whole));
        }
        for place in (1..LEAVES as usize).rev() {
            tree[place] = mix(tree[2 * place].rotate_left(1) ^ mix(tree[2 * place + 1]));
        }
        Tree(tree)
    }

    /// The hash at a place; 0 where there is none.
    pub fn hash(&self, place: u32) -> u64 {
        self.0.get(place as usize).copied().unwrap_or(0)
    }
}

/// The place of the leaf to which a key belongs.
pub fn leaf_of(key: u64) -> u32 {
    LEAVES + (mix(key) % u64::from(LEAVES)) as u32
}

/// Whether a place is a leaf; what is below another place is at [`below`].
pub fn is_leaf(place: u32) -> bool {
    (LEAVES..2 * LEAVES).contains(&place)
}

/// The two places below one.
pub fn below(place: u32) -> [u32; 2] {
    [
        place.saturating_mul(2),
        place.saturating_mul(2).saturating_add(1),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_things_have_equal_trees_and_one_difference_shows_on_one_way_down() {
        let things: Vec<(u64, u64)> = (0..100).map(|it| (it, it * 7)).collect();
        let tree = Tree::of(things.iter().copied());
        assert_eq!(tree, Tree::of(things.iter().rev().copied()));
        let mut changed = things.clone();
        changed[42].1 += 1;
        let other = Tree::of(changed.into_iter());
        let differ: Vec<u32> = (1..2 * LEAVES)
            .filter(|it| tree.hash(*it) != other.hash(*it))
            .collect();
        assert_eq!(differ.len(), 5);
        assert_eq!(differ.last(), Some(&leaf_of(42)));
        assert!(differ.windows(2).all(|it| below(it[0]).contains(&it[1])));
    }
}
