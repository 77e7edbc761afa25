//! Linearizability: does every client see one copy of each object, changed in one order that respects real time?
//!
//! A history is linearizable (Herlihy and Wing 1990) when its operations can be put into one order that is legal
//! for a single copy of the object and that keeps an operation before another whenever it ended before the other
//! began. Operations that certainly failed are left out; one whose end nobody knows may take effect at any later
//! time, or never.
//!
//! Linearizability is local: a history is linearizable if that of each object is, so objects are judged one by one.
//! For one object this is the search of Wing and Gong with Lowe's memory of what has been tried ("Testing for
//! linearizability", 2017): take any operation that nothing must come before, as long as its result fits; go back
//! when stuck. A budget of steps, not of seconds, ends a search that takes too long, so that a verdict does not
//! depend on the machine.

use std::collections::BTreeMap;
use std::hash::BuildHasherDefault;

use serde_json::Value as Json;

use crate::check::Judgement;
use crate::frame::json_text;
use crate::sim::time::Time;
use crate::trace::{HistoryEvent, PayloadHasher, Phase};

/// So many steps of search are spent on one object before the verdict is left open.
pub const STEPS_MAX: u64 = 1_000_000;

/// Remembering so many words counts as a step: a search takes 256 MB at most.
const WORDS_PER_STEP: u64 = 32;

/// What came of a history.
#[derive(Clone, Debug, PartialEq)]
pub enum Linearizability {
    /// There is such an order.
    Linearizable,
    /// There is none.
    Violated(Box<Counterexample>),
    /// The budget was spent on this object before either was known.
    Unknown {
        /// The object.
        key: String,
    },
}

/// The operation that fits nowhere, and how far one gets without it.
#[derive(Clone, Debug, PartialEq)]
pub struct Counterexample {
    /// The object.
    pub key: String,
    /// The longest legal order that was found.
    pub order: Vec<Operation>,
    /// What the object holds after it.
    pub state: Json,
    /// The operation that cannot come next, although it has ended.
    pub stuck: Operation,
}

impl Counterexample {
    /// Who, what, when and why, in a sentence.
    pub fn explain(&self) -> String {
        let after = match self.order.last() {
            Some(last) => format!("after {}", last.describe(&self.key)),
            None => "at the start".to_owned(),
        };
        format!(
            "{} fits into no order: {after}, {} is {}",
            self.stuck.describe(&self.key),
            self.key,
            json_text(&self.state)
        )
    }
}

/// An operation of a client on an object, from its beginning to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Who.
    pub client: u32,
    /// `read`, `write`, `cas` or `incr`.
    pub op: String,
    /// What it writes; for a `cas`, what it expects and what it writes.
    pub argument: Json,
    /// What it returned, for one that was done.
    pub result: Json,
    /// When it began.
    pub begun: Time,
    /// When it ended; `None` when nobody knows what became of it.
    pub ended: Option<Time>,
}

impl Operation {
    /// `c2 read x → 1 (1.6s to 1.63s)`.
    fn describe(&self, key: &str) -> String {
        let what = match self.op.as_str() {
            "read" => format!("read {key} → {}", json_text(&self.result)),
            "incr" => format!("incr {key} → {}", json_text(&self.result)),
            op => format!("{op} {key} {}", json_text(&self.argument)),
        };
        let until = self
            .ended
            .map_or_else(|| "no answer".to_owned(), |it| it.to_string());
        format!("c{} {what} ({} to {until})", self.client, self.begun)
    }

    /// The object's value after this operation, if it could return what it did; an unknown result fits anything.
    fn apply(&self, state: &Json) -> Option<Json> {
        let known = self.ended.is_some();
        match self.op.as_str() {
            "read" => (!known || self.result == *state).then(|| state.clone()),
            "write" => Some(self.argument.clone()),
            "cas" => (self.argument.get(0) == Some(state))
                .then(|| self.argument.get(1).cloned().unwrap_or(Json::Null)),
            "incr" => {
                let next = Json::from(state.as_i64().unwrap_or(0).wrapping_add(1));
                (!known || self.result == next).then_some(next)
            }
            _ => None,
        }
    }
}

/// Judges a history of reads, writes, compare-and-sets and increments of objects that are absent (null) at first.
pub fn check(history: &[HistoryEvent]) -> Linearizability {
    for (key, operations) in by_object(history) {
        match Search::new(&operations).run() {
            Outcome::Found => {}
            Outcome::Spent => return Linearizability::Unknown { key },
            Outcome::Stuck {
                order,
                state,
                stuck,
            } => {
                let order = order
                    .into_iter()
                    .map(|it| operations[it].operation.clone())
                    .collect();
                let stuck = operations[stuck].operation.clone();
                return Linearizability::Violated(Box::new(Counterexample {
                    key,
                    order,
                    state,
                    stuck,
                }));
            }
        }
    }
    Linearizability::Linearizable
}

/// The same as a judgement, for a system's list of checks.
pub fn judge(history: &[HistoryEvent]) -> Judgement {
    match check(history) {
        Linearizability::Linearizable => Judgement::Kept,
        Linearizability::Violated(found) => Judgement::Broken(
            found.stuck.ended.unwrap_or(found.stuck.begun),
            found.explain(),
        ),
        Linearizability::Unknown { key } => Judgement::Open(format!(
            "{STEPS_MAX} steps of search did not settle the operations on {key}"
        )),
    }
}

/// An operation with its place in the history: the lines of its beginning and its end.
struct Placed {
    operation: Operation,
    begin: usize,
    end: Option<usize>,
}

/// The operations on each object, in the order of their beginnings, without those that certainly failed.
fn by_object(history: &[HistoryEvent]) -> BTreeMap<String, Vec<Placed>> {
    let mut open: BTreeMap<u32, (String, usize)> = BTreeMap::new();
    let mut objects: BTreeMap<String, Vec<Placed>> = BTreeMap::new();
    for (line, event) in history.iter().enumerate() {
        if event.phase == Phase::Invoke {
            let operations = objects.entry(event.key.clone()).or_default();
            open.insert(event.client, (event.key.clone(), operations.len()));
            let operation = Operation {
                client: event.client,
                op: event.op.to_owned(),
                argument: event.value.clone(),
                result: Json::Null,
                begun: event.time,
                ended: None,
            };
            operations.push(Placed {
                operation,
                begin: line,
                end: None,
            });
            continue;
        }
        let Some((key, place)) = open.remove(&event.client) else {
            continue;
        };
        let placed = objects.get_mut(&key).and_then(|it| it.get_mut(place));
        let Some(placed) = placed else { continue };
        match event.phase {
            Phase::Ok => {
                placed.operation.result = event.value.clone();
                placed.operation.ended = Some(event.time);
                placed.end = Some(line);
            }
            // Marked, and left out below: taking it out here would move the places of the others.
            Phase::Fail => placed.begin = usize::MAX,
            Phase::Info | Phase::Invoke => {}
        }
    }
    for operations in objects.values_mut() {
        operations.retain(|it| it.begin != usize::MAX);
    }
    objects
}

enum Outcome {
    Found,
    Spent,
    Stuck {
        order: Vec<usize>,
        state: Json,
        stuck: usize,
    },
}

/// A place in the list of beginnings and ends.
#[derive(Clone, Copy)]
struct Link {
    previous: usize,
    next: usize,
    operation: usize,
    /// For a beginning, the link of the end.
    end: Option<usize>,
    is_end: bool,
}

/// What has been tried: which operations were taken, and what the object held then. Order plays no part, and the hasher
/// is fixed, so a hash set does no harm here.
#[expect(
    clippy::disallowed_types,
    reason = "only asked for membership, with a fixed hasher"
)]
type Tried = std::collections::HashSet<(Box<[u64]>, String), BuildHasherDefault<PayloadHasher>>;

/// The search for an order of the operations on one object.
struct Search<'a> {
    operations: &'a [Placed],
    /// A list with a head at 0, so that taking an operation out and putting it back is cheap.
    links: Vec<Link>,
    taken: Box<[u64]>,
    tried: Tried,
    /// The order so far: the link of the beginning, and what the object held before.
    order: Vec<(usize, Json)>,
    state: Json,
    /// Operations that ended and are not yet in the order.
    missing: usize,
}

impl<'a> Search<'a> {
    fn new(operations: &'a [Placed]) -> Search<'a> {
        let mut lines: Vec<(usize, usize, bool)> = Vec::with_capacity(operations.len() * 2);
        for (index, it) in operations.iter().enumerate() {
            lines.push((it.begin, index, false));
            lines.extend(it.end.map(|end| (end, index, true)));
        }
        lines.sort_unstable();
        let mut links = vec![Link {
            previous: 0,
            next: 1,
            operation: usize::MAX,
            end: None,
            is_end: false,
        }];
        let mut begins = vec![0; operations.len()];
        for (_, operation, is_end) in lines {
            let place = links.len();
            links.push(Link {
                previous: place - 1,
                next: place + 1,
                operation,
                end: None,
                is_end,
            });
            if is_end {
                links[begins[operation]].end = Some(place);
            } else {
                begins[operation] = place;
            }
        }
        Search {
            operations,
            links,
            taken: vec![0; operations.len().div_ceil(64)].into(),
            tried: Tried::default(),
            order: Vec::new(),
            state: Json::Null,
            missing: operations.iter().filter(|it| it.end.is_some()).count(),
        }
    }

    fn run(mut self) -> Outcome {
        let mut at = self.links[0].next;
        let mut deepest: (Vec<usize>, Json, usize) = (Vec::new(), Json::Null, 0);
        let mut depth_max = None;
        // What is remembered of a try grows with the number of operations, and memory is bounded by steps as well.
        let per_try = 1 + self.taken.len() as u64 / WORDS_PER_STEP;
        let mut spent = 0;
        while spent < STEPS_MAX {
            spent += 1;
            if self.missing == 0 {
                return Outcome::Found;
            }
            let link = self.links[at];
            if !link.is_end {
                spent += per_try - 1;
                at = if self.take(at) {
                    self.links[0].next
                } else {
                    link.next
                };
                continue;
            }
            // Here something has ended that is not in the order yet: no later beginning may come before it.
            if depth_max.is_none_or(|it| self.order.len() > it) {
                depth_max = Some(self.order.len());
                let order = self
                    .order
                    .iter()
                    .map(|it| self.links[it.0].operation)
                    .collect();
                deepest = (order, self.state.clone(), link.operation);
            }
            let Some((begin, state)) = self.order.pop() else {
                let (order, state, stuck) = deepest;
                return Outcome::Stuck {
                    order,
                    state,
                    stuck,
                };
            };
            self.put_back(begin, state);
            at = self.links[begin].next;
        }
        Outcome::Spent
    }

    /// Takes the operation that begins here as the next of the order, if its result fits and this is new.
    fn take(&mut self, begin: usize) -> bool {
        let index = self.links[begin].operation;
        let Some(next) = self.operations[index].operation.apply(&self.state) else {
            return false;
        };
        self.taken[index / 64] |= 1 << (index % 64);
        if !self.tried.insert((self.taken.clone(), next.to_string())) {
            self.taken[index / 64] &= !(1 << (index % 64));
            return false;
        }
        self.order
            .push((begin, std::mem::replace(&mut self.state, next)));
        self.unlink(begin);
        if let Some(end) = self.links[begin].end {
            self.unlink(end);
            self.missing -= 1;
        }
        true
    }

    fn put_back(&mut self, begin: usize, state: Json) {
        let link = self.links[begin];
        self.state = state;
        self.taken[link.operation / 64] &= !(1 << (link.operation % 64));
        if let Some(end) = link.end {
            self.relink(end);
            self.missing += 1;
        }
        self.relink(begin);
    }

    fn unlink(&mut self, place: usize) {
        let Link { previous, next, .. } = self.links[place];
        self.links[previous].next = next;
        if let Some(next) = self.links.get_mut(next) {
            next.previous = previous;
        }
    }

    fn relink(&mut self, place: usize) {
        let Link { previous, next, .. } = self.links[place];
        self.links[previous].next = place;
        if let Some(next) = self.links.get_mut(next) {
            next.previous = place;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A history from lines such as `1 invoke write 5`, all on the object `x`.
    fn history(lines: &str) -> Vec<HistoryEvent> {
        let read = |(index, line): (usize, &str)| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let phase = match words[1] {
                "invoke" => Phase::Invoke,
                "ok" => Phase::Ok,
                "fail" => Phase::Fail,
                _ => Phase::Info,
            };
            let op = ["read", "write", "cas", "incr"]
                .into_iter()
                .find(|it| *it == words[2])
                .unwrap();
            let value = match words.get(3) {
                Some(value) => serde_json::from_str(value).unwrap(),
                None => json!(null),
            };
            let client = words[0].parse().unwrap();
            HistoryEvent {
                client,
                phase,
                op,
                key: "x".to_owned(),
                value,
                time: Time(index as u64),
            }
        };
        lines
            .lines()
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .enumerate()
            .map(read)
            .collect()
    }

    fn verdict(lines: &str) -> Linearizability {
        check(&history(lines))
    }

    #[test]
    fn overlapping_operations_may_take_effect_in_either_order() {
        let lines = "1 invoke write 1
                     2 invoke read
                     3 invoke read
                     2 ok read 1
                     3 ok read null
                     1 ok write 1";
        assert_eq!(verdict(lines), Linearizability::Linearizable);
    }

    #[test]
    fn a_read_may_not_go_back_in_time() {
        let lines = "1 invoke write 1
                     1 ok write 1
                     1 invoke write 2
                     1 ok write 2
                     2 invoke read
                     2 ok read 1";
        let Linearizability::Violated(found) = verdict(lines) else {
            panic!("a stale read")
        };
        assert_eq!(
            found.explain(),
            "c2 read x → 1 (4ns to 5ns) fits into no order: after c1 write x 2 (2ns to 3ns), x is 2"
        );
    }

    #[test]
    fn what_nobody_knows_may_happen_late_or_never() {
        let late = "1 invoke write 1
                    1 info write 1
                    2 invoke read
                    2 ok read null
                    2 invoke read
                    2 ok read 1";
        assert_eq!(verdict(late), Linearizability::Linearizable);
        let never = "1 invoke cas [7,8]
                     1 info cas [7,8]
                     2 invoke read
                     2 ok read null";
        assert_eq!(verdict(never), Linearizability::Linearizable);
        let failed = "1 invoke write 1
                      1 fail write 1
                      2 invoke read
                      2 ok read 1";
        assert!(matches!(verdict(failed), Linearizability::Violated(_)));
    }

    #[test]
    fn two_readers_must_agree_on_the_order_of_writes() {
        let lines = "1 invoke write 1
                     2 invoke write 2
                     3 invoke read
                     3 ok read 1
                     3 invoke read
                     3 ok read 2
                     4 invoke read
                     4 ok read 1
                     1 ok write 1
                     2 ok write 2";
        assert!(matches!(verdict(lines), Linearizability::Violated(_)));
    }

    #[test]
    fn compare_and_set_and_increment_follow_their_rules() {
        let lines = "1 invoke incr
                     1 ok incr 1
                     2 invoke cas [1,5]
                     2 ok cas [1,5]
                     1 invoke incr
                     1 ok incr 6";
        assert_eq!(verdict(lines), Linearizability::Linearizable);
        let twice = "1 invoke incr
                     1 ok incr 1
                     2 invoke incr
                     2 ok incr 3";
        assert!(matches!(verdict(twice), Linearizability::Violated(_)));
    }
}
