//! The search for an order of the operations on one object: Wing and Gong's, with Lowe's memory of what has been tried
//! ("Testing for linearizability", 2017).
//!
//! Take any operation that nothing must come before, as long as its result fits; go back when stuck. What has been
//! tried is a set of operations and the state after them, and almost all of that set is a prefix: so it is kept as the
//! first operation that is not in it and 64 bits for those behind. When 64 do not reach, the search begins again
//! with sets of any width.
//!
//! A read that fits is taken for good: in whatever order fits, it can be moved to the front.

use std::hash::{BuildHasherDefault, Hash};

use crate::check::object::{Action, SequentialSpec};
use crate::check::story::Op;
use crate::parts::order;
use crate::trace::PayloadHasher;

/// So many steps of search are spent before the verdict is left open.
pub const STEPS_MAX: u64 = 1_000_000;

/// Remembering so many words counts as a step: a search takes 256 MB at most.
pub(super) const WORDS_PER_STEP: u64 = 32;

/// The end of an operation that need not be in the order.
pub(super) const NEVER: u32 = u32::MAX;

/// What is to be ordered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub action: Action,
    pub begin: u32,
    pub end: u32,
}

/// What came of a search.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found {
    /// An order.
    Order,
    /// There is none.
    Stuck(Stuck),
    /// The budget was spent before either was known.
    Spent,
}

/// How far one gets.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stuck {
    /// The operation that ended and has no place: without it there is an order of all that ended before.
    pub item: u32,
    /// Such an order.
    pub order: Vec<u32>,
    /// The state after it.
    pub state: u32,
}

/// Searches for an order of `items`, which stand in the order of their beginnings.
pub(super) fn search<'a, S: SequentialSpec<'a>>(
    spec: &mut S,
    items: &[Item],
    budget: &mut u64,
) -> Found {
    match Search::<S, Narrow>::new(spec, items).run(budget) {
        Ok(found) => found,
        Err(TooWide) => {
            let wide = Search::<S, Wide>::new(spec, items).run(budget);
            wide.unwrap_or(Found::Spent)
        }
    }
}

/// A set of operations that were taken.
trait Taken: Clone + Eq + Hash + Default {
    /// Adds one. Of those that must be taken, `place` counts from the first; so does it of those that need not.
    fn add(&mut self, place: u32, must: bool) -> Result<(), TooWide>;

    /// How many words it takes.
    fn words(&self) -> u64;
}

/// A set that does not fit into its bits.
struct TooWide;

/// All before `first`, and those behind it that have a bit.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Narrow {
    first: u32,
    behind: u64,
    optional: u64,
}

impl Hash for Narrow {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(self.behind ^ u64::from(self.first).rotate_left(40));
        if self.optional != 0 {
            state.write_u64(self.optional);
        }
    }
}

impl Taken for Narrow {
    fn add(&mut self, place: u32, must: bool) -> Result<(), TooWide> {
        if !must {
            self.optional |= 1u64.checked_shl(place).ok_or(TooWide)?;
            return Ok(());
        }
        if place > self.first {
            self.behind |= 1u64.checked_shl(place - self.first - 1).ok_or(TooWide)?;
            return Ok(());
        }
        let run = self.behind.trailing_ones();
        self.behind = self.behind.checked_shr(run + 1).unwrap_or(0);
        self.first += run + 1;
        Ok(())
    }

    fn words(&self) -> u64 {
        4
    }
}

/// Two sets of bits; whole words at the start that are full are only counted.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
struct Wide {
    full: u32,
    must: Vec<u64>,
    optional: Vec<u64>,
}

impl Taken for Wide {
    fn add(&mut self, place: u32, must: bool) -> Result<(), TooWide> {
        let (bits, word) = if must {
            (&mut self.must, (place / 64 - self.full) as usize)
        } else {
            (&mut self.optional, (place / 64) as usize)
        };
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        bits[word] |= 1 << (place % 64);
        let full = self.must.iter().take_while(|it| **it == u64::MAX).count();
        self.must.drain(..full);
        self.full += full as u32;
        Ok(())
    }

    fn words(&self) -> u64 {
        6 + self.must.len() as u64 + self.optional.len() as u64
    }
}

/// What has been tried. Order plays no part, and the hasher is fixed, so a hash set does no harm here.
#[expect(
    clippy::disallowed_types,
    reason = "only asked for membership, with a fixed hasher"
)]
type Tried<T> = std::collections::HashSet<(T, u32), BuildHasherDefault<PayloadHasher>>;

/// A place in the list of beginnings and ends, which has its head at 0.
#[derive(Clone, Copy)]
struct Link {
    previous: u32,
    next: u32,
    item: u32,
    /// For a beginning, the link of the end; 0 for none.
    end: u32,
    is_end: bool,
}

/// What is to be put back.
struct Step<T> {
    begin: u32,
    state: u32,
    taken: T,
    /// Nothing else need be tried in its place.
    for_good: bool,
}

struct Search<'s, S, T> {
    spec: &'s mut S,
    items: &'s [Item],
    links: Vec<Link>,
    /// Of each item, its place among those that must be taken, or among the others.
    places: Vec<u32>,
    tried: Tried<T>,
    taken: T,
    order: Vec<Step<T>>,
    state: u32,
    /// How many must still be taken.
    missing: u32,
    spent: u64,
}

impl<'s, 'a, S: SequentialSpec<'a>, T: Taken> Search<'s, S, T> {
    fn new(spec: &'s mut S, items: &'s [Item]) -> Self {
        let mut lines: Vec<(u32, u32, bool)> = Vec::with_capacity(items.len() * 2);
        let mut places = Vec::with_capacity(items.len());
        let (mut must, mut optional) = (0, 0);
        for (index, it) in items.iter().enumerate() {
            lines.push((it.begin, index as u32, false));
            if it.end == NEVER {
                places.push(optional);
                optional += 1;
            } else {
                lines.push((it.end, index as u32, true));
                places.push(must);
                must += 1;
            }
        }
        order::sort(&mut lines);
        let mut begins = vec![0u32; items.len()];
        let mut links = Vec::with_capacity(lines.len() + 1);
        let head = Link {
            previous: 0,
            next: 1,
            item: 0,
            end: 0,
            is_end: false,
        };
        links.push(head);
        for (place, (_, item, is_end)) in (1..).zip(lines) {
            links.push(Link {
                previous: place - 1,
                next: place + 1,
                item,
                end: 0,
                is_end,
            });
            if is_end {
                links[begins[item as usize] as usize].end = place;
            } else {
                begins[item as usize] = place;
            }
        }
        Search {
            spec,
            items,
            links,
            places,
            tried: Tried::with_capacity_and_hasher(items.len(), BuildHasherDefault::default()),
            taken: T::default(),
            order: Vec::with_capacity(items.len()),
            state: 0,
            missing: must,
            spent: 0,
        }
    }

    fn run(&mut self, budget: &mut u64) -> Result<Found, TooWide> {
        let outcome = self.walk(*budget, 0);
        *budget = budget.saturating_sub(self.spent);
        let (item, steps) = match outcome? {
            Walk::Found => return Ok(Found::Order),
            Walk::Spent | Walk::There => return Ok(Found::Spent),
            Walk::Stuck(item, steps) => (item, steps),
        };
        // The way to the furthest place was not kept: walk there once more.
        self.tried.clear();
        self.spent = 0;
        self.walk(u64::MAX, steps)?;
        let order = self
            .order
            .iter()
            .map(|it| self.links[it.begin as usize].item)
            .collect();
        Ok(Found::Stuck(Stuck {
            item,
            order,
            state: self.state,
        }))
    }

    /// Searches until all is in order, or the budget is spent, or so many steps were made.
    fn walk(&mut self, budget: u64, stop: u64) -> Result<Walk, TooWide> {
        let mut at = self.links[0].next;
        let mut furthest = (0, 0, 0);
        let mut steps = 0;
        while self.missing > 0 {
            steps += 1;
            self.spent += 1;
            if self.spent > budget {
                return Ok(Walk::Spent);
            }
            // Something must still be taken, so an end is met before the list is at its end.
            let link = self.links[at as usize];
            if !link.is_end {
                at = if self.take(at)? {
                    self.links[0].next
                } else {
                    link.next
                };
                continue;
            }
            // Here something has ended that is not in the order: no later beginning may come before it.
            if at > furthest.0 {
                furthest = (at, link.item, steps);
            }
            if steps == stop {
                return Ok(Walk::There);
            }
            let Some(begin) = self.go_back() else {
                return Ok(Walk::Stuck(furthest.1, furthest.2));
            };
            at = self.links[begin as usize].next;
        }
        Ok(Walk::Found)
    }

    /// Takes the operation that begins here as the next of the order, if its result fits and this is new.
    fn take(&mut self, begin: u32) -> Result<bool, TooWide> {
        let link = self.links[begin as usize];
        let item = &self.items[link.item as usize];
        let Some(next) = self.spec.apply(self.state, &item.action) else {
            return Ok(false);
        };
        let must = link.end != 0;
        let for_good = item.action.op == Op::Read;
        // What need not happen and changes nothing helps nobody.
        if !must && next == self.state {
            return Ok(false);
        }
        let mut taken = self.taken.clone();
        taken.add(self.places[link.item as usize], must)?;
        if !self.tried.insert((taken.clone(), next)) {
            return Ok(false);
        }
        // What is remembered counts: memory is bounded by steps as well.
        self.spent += (taken.words() + self.spec.size(next)) / WORDS_PER_STEP;
        self.order.push(Step {
            begin,
            state: self.state,
            taken: std::mem::replace(&mut self.taken, taken),
            for_good,
        });
        self.state = next;
        self.unlink(begin);
        if must {
            self.unlink(link.end);
            self.missing -= 1;
        }
        Ok(true)
    }

    /// Puts back what was taken last, and with it whatever has no alternative. `None` at the start.
    fn go_back(&mut self) -> Option<u32> {
        loop {
            let step = self.order.pop()?;
            self.spent += 1;
            let link = self.links[step.begin as usize];
            self.state = step.state;
            self.taken = step.taken;
            if link.end != 0 {
                self.relink(link.end);
                self.missing += 1;
            }
            self.relink(step.begin);
            if !step.for_good {
                return Some(step.begin);
            }
        }
    }

    fn unlink(&mut self, place: u32) {
        let Link { previous, next, .. } = self.links[place as usize];
        self.links[previous as usize].next = next;
        if let Some(next) = self.links.get_mut(next as usize) {
            next.previous = previous;
        }
    }

    fn relink(&mut self, place: u32) {
        let Link { previous, next, .. } = self.links[place as usize];
        self.links[previous as usize].next = place;
        if let Some(next) = self.links.get_mut(next as usize) {
            next.previous = place;
        }
    }
}

enum Walk {
    Found,
    /// The operation that has no place, and the step at which the search had come furthest.
    Stuck(u32, u64),
    Spent,
    /// The step where it was to stop.
    There,
}

/// Leaves away what a proof does not need. `still` says whether the promise is broken without those that are marked,
/// or `None` when there is no time left to find out. Returns the marks.
pub(super) fn shrink(count: usize, mut still: impl FnMut(&[bool]) -> Option<bool>) -> Vec<bool> {
    let mut away = vec![false; count];
    let mut size = count.div_ceil(2);
    while size > 0 {
        for from in (0..count).step_by(size) {
            let until = (from + size).min(count);
            let before = away[from..until].to_vec();
            if before.iter().all(|it| *it) {
                continue;
            }
            away[from..until].fill(true);
            let answer = still(&away);
            if answer != Some(true) {
                away[from..until].copy_from_slice(&before);
            }
            if answer.is_none() {
                return away;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    away
}
