//! Sorting what is sorted seldom. The standard library makes a sort of its own for every type and comparison, up to
//! 10 kB each; here all share one of a few hundred bytes. What is sorted at every step of a run uses the standard
//! library.

use std::cmp::Ordering;

/// Sorts from small to great; equals keep their order.
pub fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, T::cmp);
}

/// Sorts by a key; those with equal keys keep their order.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(items, |one, two| key(one).cmp(&key(two)));
}

/// Sorts by a comparison; equals keep their order. At most 2^32 items.
pub fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let mut place = places(items.len(), &|one, two| {
        compare(&items[one as usize], &items[two as usize])
    });
    for at in 0..items.len() {
        // Each swap brings one item to its place, so all of them together take no more than there are items.
        while place[at] as usize != at {
            let to = place[at] as usize;
            items.swap(at, to);
            place.swap(at, to);
        }
    }
}

/// Where each of so many items belongs. Not generic: this is the sort that all share.
#[inline(never)]
fn places(count: usize, compare: &dyn Fn(u32, u32) -> Ordering) -> Vec<u32> {
    let mut sorted: Vec<u32> = (0..count as u32).collect();
    let mut merged = sorted.clone();
    let mut run = 1;
    // Each round merges runs of this length two by two; of equals, those of the first run go first.
    while run < count {
        for from in (0..count).step_by(2 * run) {
            let (half, end) = ((from + run).min(count), (from + 2 * run).min(count));
            let (mut one, mut two) = (from, half);
            for to in &mut merged[from..end] {
                let first = two == end
                    || (one < half && compare(sorted[one], sorted[two]) != Ordering::Greater);
                let taken = if first { &mut one } else { &mut two };
                *to = sorted[*taken];
                *taken += 1;
            }
        }
        std::mem::swap(&mut sorted, &mut merged);
        run *= 2;
    }
    let mut place = merged;
    for (to, from) in (0..).zip(&sorted) {
        place[*from as usize] = to;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_as_the_standard_library_does() {
        for count in (0..40).chain([500, 5_000]) {
            let mut items: Vec<(u64, usize)> = Vec::new();
            items.extend((0..count).map(|it| ((it as u64 * 7_919 + 13) % 97, it)));
            let mut expected = items.clone();
            expected.sort_by_key(|it| it.0);
            sort_by_key(&mut items, |it| it.0);
            assert_eq!(items, expected, "{count} items with equals among them");
            expected.sort_by(|one, two| two.cmp(one));
            sort_by(&mut items, |one, two| two.cmp(one));
            assert_eq!(items, expected, "{count} items downwards");
            expected.sort();
            sort(&mut items);
            assert_eq!(items, expected, "{count} items upwards");
        }
    }
}
