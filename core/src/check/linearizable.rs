//! Linearizability: does every client see one copy of each object, changed in one order that respects real time?
//!
//! A history is linearizable (Herlihy and Wing 1990) when its operations can be put into one order that is legal
//! for a single copy of the object and that keeps an operation before another whenever it ended before the other
//! began. Operations that certainly failed are left out; one whose end nobody knows may take effect at any later
//! time, or never.
//!
//! Linearizability is local: a history is linearizable if that of each object is, so objects are judged one by one.
//! A register whose written values all differ is judged by its zones, a list whose appended values all differ by its
//! longest read, everything else by a search. A budget of steps,
//! not of seconds, ends a search that takes too long, so that a verdict does not depend on the machine.

use crate::check::object::{Object, SequentialSpec};
use crate::check::search::{Found, Item, NEVER, STEPS_MAX, Stuck, search, shrink};
use crate::check::story::{Fate, Op, Operation, Story, by_key};
use crate::check::zones::{self, Quick};
use crate::check::{Judgement, lists};
use crate::parts::order;
use crate::trace::HistoryEvent;

/// So many steps go into leaving away what a proof does not need.
const SHRINK_STEPS: u64 = 50_000;

/// Judges a history of objects that are absent (null) at first.
pub fn judge(history: &[HistoryEvent]) -> Judgement {
    check(&Story::new(history))
}

/// The same for a history that has been read already. Of several broken objects it tells of the one that broke first.
pub fn check(story: &Story<'_>) -> Judgement {
    let mut worst = Judgement::Kept;
    for (key, mut operations) in by_key(story) {
        let of = |index: &u32| &story.operations[*index as usize];
        let is_list = is_list(operations.iter().map(of));
        operations.retain(|it| of(it).fate != Fate::Failed);
        let quick = match is_list {
            true => lists::judge(story, &operations),
            false => zones::judge(story, &operations),
        };
        let judgement = match quick {
            Quick::Kept => Judgement::Kept,
            Quick::Broken(clash) => story.broken(clash.reason, &clash.proof),
            Quick::Mute => by_search(story, key, &operations),
        };
        worst = worst.or(judgement);
    }
    worst
}

/// Whether somebody appends, or everybody reads lists.
fn is_list<'s, 'a: 's>(mut operations: impl Iterator<Item = &'s Operation<'a>> + Clone) -> bool {
    let reads = operations
        .clone()
        .all(|it| it.op == Op::Read && lists::list(it.result).is_some());
    reads || operations.any(|it| it.op == Op::Append)
}

/// Judges one object by a search, whatever its operations are.
pub fn by_search(story: &Story<'_>, key: &str, operations: &[u32]) -> Judgement {
    let mut ops: Vec<Op> = operations
        .iter()
        .map(|it| story.operations[*it as usize].op)
        .collect();
    order::sort(&mut ops);
    ops.dedup();
    match Object::that_knows(&ops) {
        Some(Object::Register(it)) => one_object(it, story, key, operations),
        Some(Object::List(it)) => one_object(it, story, key, operations),
        Some(Object::Queue(it)) => one_object(it, story, key, operations),
        Some(Object::Lock(it)) => one_object(it, story, key, operations),
        None => Judgement::Open(format!(
            "no object is known that does all that was asked of {}",
            named(key)
        )),
    }
}

fn one_object<'a, S: SequentialSpec<'a>>(
    mut spec: S,
    story: &Story<'a>,
    key: &str,
    operations: &[u32],
) -> Judgement {
    let mut kept = Vec::with_capacity(operations.len());
    let mut items = Vec::with_capacity(operations.len());
    for index in operations {
        let it = &story.operations[*index as usize];
        // A read without an answer changes nothing and shows nothing.
        if it.op == Op::Read && !it.is_done() {
            continue;
        }
        kept.push(*index);
        items.push(Item {
            action: spec.action(it),
            begin: it.begin,
            end: it.over(),
        });
    }
    let mut budget = STEPS_MAX;
    match search(&mut spec, &items, &mut budget) {
        Found::Order => Judgement::Kept,
        Found::Spent => Judgement::Open(format!(
            "{STEPS_MAX} steps of search did not settle the operations on {}",
            named(key)
        )),
        Found::Stuck(stuck) => {
            let proof = proof(&mut spec, &items, &stuck);
            let proof: Vec<u32> = proof.into_iter().map(|it| kept[it as usize]).collect();
            let say = |item: u32| {
                let index = kept[item as usize];
                story.describe(&story.operations[index as usize])
            };
            let after = match stuck.order.last() {
                Some(last) => format!("after {}", say(*last)),
                None => "at the start".to_owned(),
            };
            let reason = format!(
                "{} fits into no order: {after}, {} {}",
                say(stuck.item),
                named(key),
                spec.words(stuck.state, story)
            );
            story.broken(reason, &proof)
        }
    }
}

fn named(key: &str) -> &str {
    if key.is_empty() { "the object" } else { key }
}

/// The operations that prove it: what began before the stuck one ended, without those that need not have been done.
///
/// Whatever fits still fits when an operation is allowed to happen late or never. So one that can be allowed that,
/// while there is still no order, proves nothing.
fn proof<'a, S: SequentialSpec<'a>>(spec: &mut S, items: &[Item], stuck: &Stuck) -> Vec<u32> {
    let end = items[stuck.item as usize].end;
    let places: Vec<u32> = (0..items.len() as u32)
        .filter(|it| items[*it as usize].begin < end)
        .collect();
    let mut budget = SHRINK_STEPS;
    let relaxed = |away: &[bool]| -> Vec<Item> {
        let mut part = Vec::with_capacity(places.len());
        for (place, away) in places.iter().zip(away) {
            let mut item = items[*place as usize];
            if item.end > end || *away {
                item.end = NEVER;
            }
            part.push(item);
        }
        part
    };
    let away = shrink(places.len(), |away| {
        let mut part = relaxed(away);
        // A read that may never happen need not be there.
        part.retain(|it| it.end != NEVER || it.action.op != Op::Read);
        // To set up a search takes time, too.
        budget = budget.saturating_sub(part.len() as u64);
        match search(spec, &part, &mut budget) {
            Found::Order => Some(false),
            Found::Stuck(_) => Some(true),
            Found::Spent => None,
        }
    });
    let part = relaxed(&away);
    let needed = places.iter().zip(&part).filter(|it| it.1.end != NEVER);
    let mut needed: Vec<u32> = needed.map(|it| *it.0).collect();
    writers(items, &places, &mut needed);
    needed
}

/// Adds the writes whose values the proof's operations returned, so that a reader sees where they come from.
fn writers(items: &[Item], places: &[u32], needed: &mut Vec<u32>) {
    let seen: Vec<u32> = needed
        .iter()
        .map(|it| items[*it as usize].action)
        .filter(|it| matches!(it.op, Op::Read | Op::Dequeue))
        .map(|it| it.result)
        .collect();
    let writes = |it: &&u32| {
        let action = &items[**it as usize].action;
        matches!(action.op, Op::Write | Op::Enqueue) && seen.contains(&action.argument)
    };
    needed.extend(places.iter().filter(writes));
    order::sort(needed);
    needed.dedup();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::Breach;
    use crate::sim::time::Time;
    use crate::trace::{NO_EVENT, Phase};

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
            let ops = crate::check::story::OPS.iter();
            let op = ops.map(|it| it.0).find(|it| *it == words[2]).unwrap();
            let value = match words.get(3) {
                Some(value) => serde_json::from_str(value).unwrap(),
                None => json!(null),
            };
            HistoryEvent {
                client: words[0].parse().unwrap(),
                phase,
                op,
                key: "x".to_owned().into(),
                value,
                time: Time(index as u64),
                event: NO_EVENT,
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

    fn kept(lines: &str) {
        assert_eq!(judge(&history(lines)), Judgement::Kept, "{lines}");
    }

    fn broken(lines: &str) -> Breach {
        match judge(&history(lines)) {
            Judgement::Broken(breach) => *breach,
            other => panic!("{other:?}: {lines}"),
        }
    }

    #[test]
    fn overlapping_operations_may_take_effect_in_either_order() {
        kept(
            "1 invoke write 1
             2 invoke read
             3 invoke read
             2 ok read 1
             3 ok read null
             1 ok write 1",
        );
    }

    #[test]
    fn a_read_may_not_go_back_in_time() {
        let found = broken(
            "1 invoke write 1
             1 ok write 1
             1 invoke write 2
             1 ok write 2
             2 invoke read
             2 ok read 1",
        );
        assert_eq!(
            found.reason,
            "x is 1 from the end of c1 write x 1 (0s to 1ns) to the beginning of c2 read x → 1 (4ns to 5ns), \
             and yet another value was there in between: c1 write x 2 (2ns to 3ns)"
        );
        assert_eq!((found.at, found.proof), (Time(5), vec![0, 1, 2, 3, 4, 5]));
    }

    #[test]
    fn a_search_tells_what_fits_nowhere_and_names_only_what_proves_it() {
        let found = broken(
            "1 invoke incr
             1 ok incr 1
             3 invoke read
             3 ok read 1
             1 invoke write 7
             1 ok write 7
             2 invoke read
             2 ok read 1
             1 invoke write 1
             1 ok write 1",
        );
        assert_eq!(
            found.reason,
            "c2 read x → 1 (6ns to 7ns) fits into no order: after c1 write x 7 (4ns to 5ns), x is 7"
        );
        assert_eq!((found.at, found.proof), (Time(7), vec![4, 5, 6, 7]));
    }

    #[test]
    fn what_nobody_knows_may_happen_late_or_never() {
        kept(
            "1 invoke write 1
             1 info write 1
             2 invoke read
             2 ok read null
             2 invoke read
             2 ok read 1",
        );
        kept(
            "1 invoke cas [7,8]
             1 info cas [7,8]
             2 invoke read
             2 ok read null",
        );
        broken(
            "1 invoke write 1
             1 fail write 1
             2 invoke read
             2 ok read 1",
        );
    }

    #[test]
    fn two_readers_must_agree_on_the_order_of_writes() {
        broken(
            "1 invoke write 1
             2 invoke write 2
             3 invoke read
             3 ok read 1
             3 invoke read
             3 ok read 2
             4 invoke read
             4 ok read 1
             1 ok write 1
             2 ok write 2",
        );
    }

    #[test]
    fn compare_and_set_and_increment_follow_their_rules() {
        kept(
            "1 invoke incr
             1 ok incr 1
             2 invoke cas [1,5]
             2 ok cas [1,5]
             1 invoke incr
             1 ok incr 6",
        );
        broken(
            "1 invoke incr
             1 ok incr 1
             2 invoke incr
             2 ok incr 3",
        );
    }

    #[test]
    fn lists_queues_and_locks_follow_theirs() {
        kept(
            "1 invoke append 1
             2 invoke append 2
             1 ok append 1
             2 ok append 2
             1 invoke read
             1 ok read [2,1]",
        );
        broken(
            "1 invoke append 1
             1 ok append 1
             2 invoke append 2
             2 ok append 2
             1 invoke read
             1 ok read [2,1]",
        );
        kept(
            "1 invoke enqueue 1
             1 ok enqueue 1
             2 invoke enqueue 2
             3 invoke dequeue
             2 ok enqueue 2
             3 ok dequeue 1
             3 invoke dequeue
             3 ok dequeue 2
             3 invoke dequeue
             3 ok dequeue null",
        );
        broken(
            "1 invoke enqueue 1
             1 ok enqueue 1
             2 invoke enqueue 2
             2 ok enqueue 2
             3 invoke dequeue
             3 ok dequeue 2",
        );
        let two_holders = broken(
            "1 invoke acquire
             1 ok acquire
             2 invoke acquire
             2 ok acquire
             1 invoke release
             1 ok release",
        );
        assert_eq!(
            two_holders.reason,
            "c2 acquire x (2ns to 3ns) fits into no order: after c1 acquire x (0s to 1ns), x is held by c1"
        );
    }

    #[test]
    fn sets_that_are_too_wide_for_a_word_are_searched_all_the_same() {
        // One slow increment while 200 others come and go.
        let mut lines = "9 invoke incr\n".to_owned();
        for count in 1..=200 {
            lines += &format!("1 invoke incr\n1 ok incr {count}\n");
        }
        kept(&format!("{lines}9 ok incr 201"));
        broken(&format!("{lines}9 ok incr 7"));
    }
}
