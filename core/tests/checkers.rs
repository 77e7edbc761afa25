//! The judges of histories against others: two published checkers, and the definitions themselves, tried out on all
//! orders of small histories. All histories come from fixed seeds.
#![cfg(not(target_arch = "wasm32"))]

#[path = "common/histories.rs"]
mod histories;

use std::collections::BTreeMap;

use clusterscope_core::check::story::{Op, Operation, Story};
use clusterscope_core::check::{
    Judgement, causal, linearizable, sequential, session, transactions,
};
use clusterscope_core::trace::{HistoryEvent, Phase};
use serde_json::{Value as Json, json};
use stateright::semantics::register::{Register, RegisterOp, RegisterRet};
use stateright::semantics::{
    ConsistencyTester, LinearizabilityTester, SequentialConsistencyTester, SequentialSpec,
};
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

use histories::{Dice, KEYS, Kind, event, simulate};

/// A judge.
type Check = fn(&Story<'_>) -> Judgement;

/// Lets some reads return what another operation wrote to the same key.
fn corrupt(dice: &mut Dice, events: &mut [HistoryEvent], times: u32) {
    for _ in 0..times {
        let reads: Vec<usize> = (0..events.len())
            .filter(|it| events[*it].op == "read" && events[*it].phase == Phase::Ok)
            .collect();
        if reads.is_empty() {
            return;
        }
        let read = reads[dice.below(reads.len() as u64) as usize];
        let mut values: Vec<Json> = events
            .iter()
            .filter(|it| it.op == "write" && it.key == events[read].key)
            .map(|it| it.value.clone())
            .collect();
        values.push(Json::Null);
        events[read].value = values[dice.below(values.len() as u64) as usize].clone();
    }
}

fn number(value: &Json) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn is_broken(judgement: &Judgement) -> bool {
    match judgement {
        Judgement::Kept => false,
        Judgement::Broken(_) => true,
        Judgement::Open(why) => panic!("a small history was left open: {why}"),
    }
}

/// How many histories were good, and how many were not.
#[derive(Default)]
struct Verdicts {
    good: u32,
    bad: u32,
}

impl Verdicts {
    fn count(&mut self, good: bool) {
        self.good += u32::from(good);
        self.bad += u32::from(!good);
    }

    /// A comparison shows something only when there were enough of both.
    fn are_both_tried(&self, good: u32, bad: u32) {
        let enough = self.good >= good && self.bad >= bad;
        assert!(enough, "{} good, {} bad", self.good, self.bad);
    }
}

// ---- Other checkers ----

fn is_linearizable_for_stateright(events: &[HistoryEvent]) -> bool {
    let mut tester = LinearizabilityTester::new(Register(0));
    for it in events {
        let value = number(&it.value);
        let done = match (it.phase, it.op) {
            (Phase::Invoke, "read") => tester.on_invoke(it.client, RegisterOp::Read),
            (Phase::Invoke, _) => tester.on_invoke(it.client, RegisterOp::Write(value)),
            (Phase::Ok, "read") => tester.on_return(it.client, RegisterRet::ReadOk(value)),
            (Phase::Ok, _) => tester.on_return(it.client, RegisterRet::WriteOk),
            _ => continue,
        };
        done.expect("a well-formed history");
    }
    tester.is_consistent()
}

struct Todc;

impl Specification for Todc {
    type State = i64;
    type Operation = (bool, i64);

    fn init() -> i64 {
        0
    }

    fn apply((is_read, value): &(bool, i64), state: &i64) -> (bool, i64) {
        if *is_read {
            (value == state, *state)
        } else {
            (true, *value)
        }
    }
}

fn is_linearizable_for_todc(events: &[HistoryEvent]) -> bool {
    let action = |it: &HistoryEvent| {
        let operation = (it.op == "read", number(&it.value));
        let action = match it.phase {
            Phase::Invoke => Action::Call(operation),
            _ => Action::Response(operation),
        };
        (it.client as usize, action)
    };
    let history = History::from_actions(events.iter().map(action).collect());
    WGLChecker::<Todc>::is_linearizable(history)
}

#[test]
fn two_other_checkers_agree_about_linearizability() {
    let mut verdicts = Verdicts::default();
    for seed in 0..1_500 {
        let mut dice = Dice(seed);
        let kind = Kind {
            clients: 2 + dice.below(2) as u32,
            operations: 4 + dice.below(6) as u32,
            keys: 1,
            values: dice.below(3),
            lost: [0, 0, 5][dice.below(3) as usize],
        };
        let mut events = simulate(&mut dice, kind);
        let times = dice.below(3) as u32;
        corrupt(&mut dice, &mut events, times);
        let ours = !is_broken(&linearizable::judge(&events));
        assert_eq!(
            ours,
            is_linearizable_for_stateright(&events),
            "seed {seed}: {events:#?}"
        );
        if events.iter().all(|it| it.phase != Phase::Info) {
            assert_eq!(
                ours,
                is_linearizable_for_todc(&events),
                "seed {seed}: {events:#?}"
            );
        }
        verdicts.count(ours);
    }
    verdicts.are_both_tried(400, 300);
}

/// Two registers as one object, for the other checker.
#[derive(Clone, Debug, Default)]
struct Two([i64; 2]);

impl SequentialSpec for Two {
    type Op = (usize, Option<i64>);
    type Ret = i64;

    fn invoke(&mut self, (key, value): &Self::Op) -> i64 {
        if let Some(value) = value {
            self.0[*key] = *value;
        }
        self.0[*key]
    }
}

#[test]
fn another_checker_agrees_about_sequential_consistency() {
    let mut verdicts = Verdicts::default();
    for seed in 0..1_200 {
        let mut dice = Dice(seed);
        let kind = Kind {
            clients: 2 + dice.below(2) as u32,
            operations: 4 + dice.below(5) as u32,
            keys: 2,
            values: dice.below(3),
            lost: [0, 0, 6][dice.below(3) as usize],
        };
        let mut events = simulate(&mut dice, kind);
        let times = 1 + dice.below(3) as u32;
        corrupt(&mut dice, &mut events, times);
        let mut tester = SequentialConsistencyTester::new(Two::default());
        for it in &events {
            let key = usize::from(&*it.key == "y");
            let value = (it.op == "write").then(|| number(&it.value));
            let done = match it.phase {
                Phase::Invoke => tester.on_invoke(it.client, (key, value)),
                Phase::Ok => tester.on_return(it.client, number(&it.value)),
                _ => continue,
            };
            done.expect("a well-formed history");
        }
        let story = Story::new(&events);
        let ours = !is_broken(&sequential::check(&story));
        assert_eq!(ours, tester.is_consistent(), "seed {seed}: {events:#?}");
        let searched = !is_broken(&sequential::check_by_search(&story));
        assert_eq!(ours, searched, "seed {seed}: {events:#?}");
        verdicts.count(ours);
    }
    verdicts.are_both_tried(300, 200);
}

#[test]
fn zones_and_search_agree_on_longer_histories() {
    let mut bad = 0;
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let kind = Kind {
            clients: 2 + dice.below(6) as u32,
            operations: 20 + dice.below(100) as u32,
            keys: 1,
            values: 0,
            lost: [0, 20][dice.below(2) as usize],
        };
        let mut events = simulate(&mut dice, kind);
        if dice.one_in(2) {
            corrupt(&mut dice, &mut events, 1);
        }
        let story = Story::new(&events);
        let all: Vec<u32> = (0..story.operations.len() as u32).collect();
        let searched = linearizable::by_search(&story, "x", &all);
        let zoned = linearizable::check(&story);
        assert_eq!(
            is_broken(&zoned),
            is_broken(&searched),
            "seed {seed}: {events:#?}"
        );
        bad += u32::from(is_broken(&zoned));
    }
    assert!(bad >= 60, "{bad} bad");
}

#[test]
fn a_proof_needs_no_other_operation() {
    let mut broken = 0;
    for seed in 0..600 {
        let mut dice = Dice(seed);
        let kind = Kind {
            clients: 3,
            operations: 12 + dice.below(20) as u32,
            keys: 1 + dice.below(2),
            values: dice.below(4),
            lost: [0, 10][dice.below(2) as usize],
        };
        let mut events = simulate(&mut dice, kind);
        corrupt(&mut dice, &mut events, 2);
        let judges = [
            linearizable::judge,
            sequential::judge,
            causal::memory,
            causal::convergent,
            causal::pram,
            session::writes_follow_reads,
            session::monotonic_reads,
        ];
        for judge in judges {
            let Judgement::Broken(breach) = judge(&events) else {
                continue;
            };
            assert!(
                !breach.reason.is_empty() && !breach.proof.is_empty(),
                "seed {seed}"
            );
            broken += 1;
            let alone: Vec<HistoryEvent> = breach
                .proof
                .iter()
                .map(|it| events[*it as usize].clone())
                .collect();
            assert!(
                is_broken(&judge(&alone)),
                "seed {seed}: {}: {alone:#?}",
                breach.reason
            );
        }
    }
    assert!(broken >= 500, "{broken}");
}

// ---- Definitions, tried out on all orders ----

/// Whether some order of `items` that keeps `before` is good.
fn some_order(
    items: &[usize],
    before: &dyn Fn(usize, usize) -> bool,
    good: &mut dyn FnMut(&[usize]) -> bool,
) -> bool {
    fn go(
        left: &mut Vec<usize>,
        order: &mut Vec<usize>,
        before: &dyn Fn(usize, usize) -> bool,
        good: &mut dyn FnMut(&[usize]) -> bool,
    ) -> bool {
        if left.is_empty() {
            return good(order);
        }
        for place in 0..left.len() {
            let item = left[place];
            if left.iter().any(|it| *it != item && before(*it, item)) {
                continue;
            }
            left.remove(place);
            order.push(item);
            let found = go(left, order, before, good);
            order.pop();
            left.insert(place, item);
            if found {
                return true;
            }
        }
        false
    }
    go(&mut items.to_vec(), &mut Vec::new(), before, good)
}

/// Whether every read in this order returns the last write before it, as far as `counts` says that it matters.
fn is_legal(ops: &[Operation<'_>], order: &[usize], counts: impl Fn(usize) -> bool) -> bool {
    let mut store: BTreeMap<&str, &Json> = BTreeMap::new();
    order.iter().all(|it| {
        let op = &ops[*it];
        if op.op == Op::Write {
            store.insert(op.key, op.argument);
            return true;
        }
        !counts(*it) || **store.get(op.key).unwrap_or(&&Json::Null) == *op.result
    })
}

/// Causes of a small history: pairs, closed under transitivity. `None` when they go round in a circle.
fn causes(ops: &[Operation<'_>]) -> Option<Vec<Vec<bool>>> {
    let count = ops.len();
    let mut co = vec![vec![false; count]; count];
    for one in 0..count {
        for other in 0..count {
            let ordered = ops[one].client == ops[other].client && one < other;
            let read = ops[one].op == Op::Write
                && ops[other].op == Op::Read
                && ops[one].key == ops[other].key
                && ops[one].argument == ops[other].result;
            co[one][other] = ordered || read;
        }
    }
    for middle in 0..count {
        for one in 0..count {
            for other in 0..count {
                co[one][other] |= co[one][middle] && co[middle][other];
            }
        }
    }
    (0..count).all(|it| !co[it][it]).then_some(co)
}

struct Defined {
    sequential: bool,
    memory: bool,
    convergent: bool,
    weak: bool,
    pram: bool,
}

/// The definitions, for a history in which all reads saw a write or nothing.
fn by_definition(ops: &[Operation<'_>]) -> Defined {
    let all: Vec<usize> = (0..ops.len()).collect();
    let in_order = |one: usize, other: usize| ops[one].client == ops[other].client && one < other;
    let sequential = some_order(&all, &in_order, &mut |it| is_legal(ops, it, |_| true));
    let clients: Vec<u32> = ops.iter().map(|it| it.client).collect();
    let view = |client: u32| -> Vec<usize> {
        let mine = |it: &usize| ops[*it].op == Op::Write || ops[*it].client == client;
        all.iter().copied().filter(mine).collect()
    };
    let pram = clients.iter().all(|client| {
        some_order(&view(*client), &in_order, &mut |it| {
            is_legal(ops, it, |_| true)
        })
    });
    let Some(co) = causes(ops) else {
        return Defined {
            sequential,
            memory: false,
            convergent: false,
            weak: false,
            pram,
        };
    };
    let caused = |one: usize, other: usize| co[one][other];
    let memory = clients.iter().all(|client| {
        some_order(&view(*client), &caused, &mut |it| {
            is_legal(ops, it, |_| true)
        })
    });
    // Each read is explained by what came causally before it: in any order (weak), or in one for all (convergent).
    let past = |read: usize| -> Vec<usize> {
        all.iter()
            .copied()
            .filter(|it| co[*it][read] || *it == read)
            .collect()
    };
    let reads: Vec<usize> = all
        .iter()
        .copied()
        .filter(|it| ops[*it].op == Op::Read)
        .collect();
    let weak = reads.iter().all(|read| {
        some_order(&past(*read), &caused, &mut |it| {
            is_legal(ops, it, |at| at == *read)
        })
    });
    let convergent = some_order(&all, &caused, &mut |order| {
        reads.iter().all(|read| {
            let mut part: Vec<usize> = order.iter().copied().filter(|it| co[*it][*read]).collect();
            part.push(*read);
            is_legal(ops, &part, |at| at == *read)
        })
    });
    Defined {
        sequential,
        memory,
        convergent,
        weak,
        pram,
    }
}

/// A history without overlap in which reads return anything that is ever written to their key, or nothing.
fn wild(dice: &mut Dice, clients: u64, operations: u64, keys: u64) -> Vec<HistoryEvent> {
    let plan: Vec<(u32, bool, &str, i64)> = (1..=operations)
        .map(|unique| {
            let key = KEYS[dice.below(keys) as usize];
            (
                dice.below(clients) as u32,
                dice.one_in(2),
                key,
                unique as i64,
            )
        })
        .collect();
    let mut events = Vec::new();
    for (client, is_read, key, unique) in &plan {
        let (op, value) = if *is_read {
            let written: Vec<i64> = plan
                .iter()
                .filter(|it| !it.1 && it.2 == *key)
                .map(|it| it.3)
                .collect();
            let pick = dice.below(written.len() as u64 + 1) as usize;
            ("read", written.get(pick).map_or(Json::Null, |it| json!(it)))
        } else {
            ("write", json!(unique))
        };
        let asked = if *is_read { Json::Null } else { value.clone() };
        events.push(event(*client, Phase::Invoke, op, key, asked));
        events.push(event(*client, Phase::Ok, op, key, value));
    }
    events
}

#[test]
fn weaker_promises_are_what_their_definitions_say() {
    let mut count = [[0; 2]; 5];
    for seed in 0..3_000 {
        let mut dice = Dice(seed);
        let keys = 1 + dice.below(2);
        let operations = 4 + dice.below(4);
        let clients = 2 + dice.below(2);
        let events = wild(&mut dice, clients, operations, keys);
        let story = Story::new(&events);
        let defined = by_definition(&story.operations);
        let pairs = [
            (
                defined.sequential,
                sequential::check_by_search(&story),
                "sequential",
            ),
            (defined.memory, causal::check_memory(&story), "causal"),
            (
                defined.convergent,
                causal::check_convergent(&story),
                "convergent",
            ),
            (defined.weak, causal::check_weak(&story), "weak"),
            (defined.pram, causal::check_pram(&story), "pram"),
        ];
        for (place, (holds, judged, name)) in pairs.iter().enumerate() {
            assert_eq!(
                *holds,
                !is_broken(judged),
                "seed {seed}, {name}: {judged:?} {events:#?}"
            );
            count[place][usize::from(*holds)] += 1;
        }
        assert_eq!(
            defined.sequential,
            !is_broken(&sequential::check(&story)),
            "seed {seed}"
        );
    }
    assert!(count.iter().flatten().all(|it| *it >= 200), "{count:?}");
}

/// The four session guarantees, by their definitions: pairs and triples of operations.
fn sessions_by_definition(ops: &[Operation<'_>]) -> [bool; 4] {
    let all: Vec<usize> = (0..ops.len()).collect();
    let is_read = |it: usize| ops[it].op == Op::Read;
    let saw = |read: usize| {
        all.iter().copied().find(|it| {
            !is_read(*it) && ops[*it].key == ops[read].key && ops[*it].argument == ops[read].result
        })
    };
    let session = |one: usize, other: usize| ops[one].client == ops[other].client && one < other;
    let same_key = |one: usize, other: usize| ops[one].key == ops[other].key;
    let writes_of = |key: &str| -> Vec<usize> {
        all.iter()
            .copied()
            .filter(|it| !is_read(*it) && ops[*it].key == key)
            .collect()
    };
    // Some order of the versions of a key that keeps each session's, in which a session's reads do as they should.
    let ordered = |good: &dyn Fn(&[usize], usize) -> bool| {
        all.iter().copied().filter(|it| is_read(*it)).all(|read| {
            let writes = writes_of(ops[read].key);
            some_order(&writes, &session, &mut |order| good(order, read))
        })
    };
    let rank = |order: &[usize], write: Option<usize>| match write {
        None => 0,
        Some(write) => 1 + order.iter().position(|it| *it == write).expect("a version"),
    };
    let earlier = |read: usize, reads: bool| -> Vec<usize> {
        let fits = |it: &usize| session(*it, read) && same_key(*it, read) && is_read(*it) == reads;
        all.iter().copied().filter(fits).collect()
    };
    let own_writes = ordered(&|order, read| {
        let own = earlier(read, false);
        own.iter()
            .all(|it| rank(order, saw(read)) >= rank(order, Some(*it)))
    });
    // All reads of the session up to this one, not just the last, in one order of versions.
    let never_back = ordered(&|order, read| {
        let mut ranks: Vec<usize> = earlier(read, true)
            .iter()
            .map(|it| rank(order, saw(*it)))
            .collect();
        ranks.push(rank(order, saw(read)));
        ranks.is_sorted()
    });
    let mut follows = vec![vec![false; ops.len()]; ops.len()];
    for read in all.iter().copied().filter(|it| is_read(*it)) {
        for write in all
            .iter()
            .copied()
            .filter(|it| !is_read(*it) && session(read, *it))
        {
            if let Some(seen) = saw(read) {
                follows[seen][write] = true;
            }
        }
    }
    for middle in &all {
        for one in &all {
            for other in &all {
                follows[*one][*other] |= follows[*one][*middle] && follows[*middle][*other];
            }
        }
    }
    let in_session =
        |one: usize, other: usize| session(one, other) && !is_read(one) && !is_read(other);
    let following = |one: usize, other: usize| follows[one][other];
    // Whoever has seen `seen` must not miss a version that came before it, or was replaced by it.
    let nothing_missing = |before: &dyn Fn(usize, usize) -> bool| {
        all.iter().copied().filter(|it| is_read(*it)).all(|second| {
            let firsts = all
                .iter()
                .copied()
                .filter(|it| is_read(*it) && session(*it, second));
            firsts.filter_map(saw).all(|seen| {
                writes_of(ops[second].key)
                    .into_iter()
                    .all(|missed| match saw(second) {
                        None => !before(missed, seen),
                        Some(older) => {
                            let up_to = missed == seen && before(older, missed);
                            let on_the_way = before(missed, seen)
                                && (before(older, missed) || in_session(older, missed));
                            !(up_to || on_the_way)
                        }
                    })
            })
        })
    };
    let acyclic = all.iter().all(|it| !follows[*it][*it]);
    [
        own_writes,
        never_back,
        nothing_missing(&in_session),
        acyclic && nothing_missing(&following),
    ]
}

#[test]
fn session_guarantees_are_what_their_definitions_say() {
    let judges: [Check; 4] = [
        session::check_read_your_writes,
        session::check_monotonic_reads,
        session::check_monotonic_writes,
        session::check_writes_follow_reads,
    ];
    let mut count = [[0; 2]; 4];
    for seed in 0..3_000 {
        let mut dice = Dice(seed);
        let keys = 1 + dice.below(2);
        let operations = 5 + dice.below(5);
        let clients = 2 + dice.below(2);
        let events = wild(&mut dice, clients, operations, keys);
        let story = Story::new(&events);
        let defined = sessions_by_definition(&story.operations);
        for (place, (judge, holds)) in judges.iter().zip(defined).enumerate() {
            let judged = judge(&story);
            assert_eq!(
                holds,
                !is_broken(&judged),
                "seed {seed}, {place}: {judged:?} {events:#?}"
            );
            count[place][usize::from(holds)] += 1;
        }
    }
    assert!(count.iter().flatten().all(|it| *it >= 200), "{count:?}");
}

#[test]
fn a_stronger_promise_includes_the_weaker() {
    let includes: [(Check, &[Check]); 5] = [
        (linearizable::check, &[sequential::check]),
        (
            sequential::check,
            &[causal::check_memory, causal::check_convergent],
        ),
        (
            causal::check_memory,
            &[
                causal::check_weak,
                causal::check_pram,
                session::check_writes_follow_reads,
            ],
        ),
        (causal::check_convergent, &[causal::check_weak]),
        (
            causal::check_pram,
            &[
                session::check_read_your_writes,
                session::check_monotonic_reads,
                session::check_monotonic_writes,
            ],
        ),
    ];
    for seed in 0..1_500 {
        let mut dice = Dice(seed);
        let kind = Kind {
            clients: 3,
            operations: 20,
            keys: 2,
            values: 0,
            lost: [0, 8][dice.below(2) as usize],
        };
        let mut events = simulate(&mut dice, kind);
        let times = dice.below(4) as u32;
        corrupt(&mut dice, &mut events, times);
        let story = Story::new(&events);
        for (place, (strong, weak)) in includes.iter().enumerate() {
            if is_broken(&strong(&story)) {
                continue;
            }
            for (nth, weak) in weak.iter().enumerate() {
                let judged = weak(&story);
                assert!(
                    !is_broken(&judged),
                    "seed {seed}, {place} but not {nth}: {judged:?} {events:#?}"
                );
            }
        }
    }
}

// ---- Transactions ----

/// Transactions that append to and read lists; some read old lists, some are undone or have no answer.
fn transact(dice: &mut Dice, transactions: u32) -> Vec<HistoryEvent> {
    let mut store: Vec<BTreeMap<&str, Vec<u32>>> = vec![BTreeMap::new()];
    let mut events = Vec::new();
    let mut unique = 0;
    let mut ends: Vec<(HistoryEvent, u64)> = Vec::new();
    let wrong = dice.one_in(2);
    for client in 0..transactions {
        let age = if wrong && dice.one_in(2) {
            dice.below(3) as usize
        } else {
            0
        };
        let seen = store[store.len().saturating_sub(1 + age)].clone();
        let mut mine = seen;
        let mut now = store.last().cloned().unwrap_or_default();
        let (mut asked, mut told) = (Vec::new(), Vec::new());
        for _ in 0..1 + dice.below(3) {
            let key = KEYS[dice.below(2) as usize];
            if dice.one_in(2) {
                unique += 1;
                mine.entry(key).or_default().push(unique);
                now.entry(key).or_default().push(unique);
                asked.push(json!(["append", key, unique]));
                told.push(json!(["append", key, unique]));
            } else {
                asked.push(json!(["r", key, null]));
                told.push(json!([
                    "r",
                    key,
                    mine.get(key).cloned().unwrap_or_default()
                ]));
            }
        }
        let (phase, told) = match dice.below(8) {
            0 => (Phase::Info, asked.clone()),
            1 => (Phase::Fail, asked.clone()),
            _ => (Phase::Ok, told),
        };
        // What has no answer may have been done; what failed was not, unless something is wrong.
        if phase == Phase::Ok || phase == Phase::Info && dice.one_in(2) || wrong && dice.one_in(5) {
            store.push(now);
        }
        events.push(event(client, Phase::Invoke, "txn", "", json!(asked)));
        ends.push((event(client, phase, "txn", "", json!(told)), dice.below(3)));
        ends.retain_mut(|(end, wait)| {
            let over = *wait == 0;
            if over {
                events.push(end.clone());
            }
            *wait = wait.saturating_sub(1);
            !over
        });
    }
    events.extend(ends.into_iter().map(|it| it.0));
    events
}

/// Whether some order of the transactions that were done, and of some that may have been, explains all reads.
fn some_serial_order(story: &Story<'_>, real_time: bool) -> bool {
    use clusterscope_core::check::story::Fate;
    let ops = &story.operations;
    let done: Vec<usize> = (0..ops.len())
        .filter(|it| ops[*it].fate == Fate::Done)
        .collect();
    let maybe: Vec<usize> = (0..ops.len())
        .filter(|it| ops[*it].fate == Fate::Unknown)
        .collect();
    (0..1u32 << maybe.len()).any(|subset| {
        let mut items = done.clone();
        items.extend(
            (0..)
                .zip(&maybe)
                .filter(|it| subset >> it.0 & 1 == 1)
                .map(|it| *it.1),
        );
        let before = |one: usize, other: usize| {
            real_time && ops[one].fate == Fate::Done && ops[one].end < ops[other].begin
        };
        some_order(&items, &before, &mut |order| {
            let mut store: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
            order.iter().all(|it| {
                let known = ops[*it].fate == Fate::Done;
                let steps = if known {
                    ops[*it].result
                } else {
                    ops[*it].argument
                };
                steps.as_array().expect("steps").iter().all(|step| {
                    let list = store.entry(step[1].as_str().expect("a key")).or_default();
                    if step[0] == "append" {
                        list.push(step[2].clone());
                        return true;
                    }
                    !known || step[2].as_array() == Some(list)
                })
            })
        })
    })
}

#[test]
fn serializability_is_what_its_definition_says() {
    let mut count = [[0; 2]; 2];
    for seed in 0..3_000 {
        let mut dice = Dice(seed);
        let transactions = 3 + dice.below(4) as u32;
        let events = transact(&mut dice, transactions);
        let story = Story::new(&events);
        let judged = [
            transactions::check_serializable(&story),
            transactions::check_strict_serializable(&story),
        ];
        for (place, judged) in judged.iter().enumerate() {
            let holds = some_serial_order(&story, place == 1);
            assert_eq!(
                holds,
                !is_broken(judged),
                "seed {seed}, {place}: {judged:?} {events:#?}"
            );
            count[place][usize::from(holds)] += 1;
        }
        let ladder = [
            transactions::check_strict_serializable,
            transactions::check_serializable,
            transactions::check_snapshot_isolation,
            transactions::check_read_committed,
            transactions::check_read_uncommitted,
        ];
        let broken: Vec<bool> = ladder.iter().map(|it| is_broken(&it(&story))).collect();
        assert!(
            broken.is_sorted_by(|one, other| one >= other),
            "seed {seed}: {broken:?} {events:#?}"
        );
    }
    assert!(count.iter().flatten().all(|it| *it >= 150), "{count:?}");
}

/// Histories, a line a transaction, all at the same time; the levels that hold; the phenomenon.
const PHENOMENA: [(&str, &str, &str); 8] = [
    (
        r#"[["append","x",1],["append","y",1]] [["append","x",2],["append","y",2]] [["r","x",[1,2]],["r","y",[2,1]]]"#,
        "",
        "G0",
    ),
    (
        r#"-[["append","x",1]] [["r","x",[1]]]"#,
        "read-uncommitted",
        "G1a",
    ),
    (
        r#"[["append","x",1],["append","x",2]] [["r","x",[1]]] [["r","x",[1,2]]]"#,
        "read-uncommitted",
        "G1b",
    ),
    (
        r#"[["append","x",1],["r","y",[1]]] [["append","y",1],["r","x",[1]]]"#,
        "read-uncommitted",
        "G1c",
    ),
    (
        r#"[["append","x",1],["append","y",1]] [["r","x",[]],["r","y",[1]]]"#,
        "read-committed",
        "G-single",
    ),
    (
        r#"[["r","x",[]],["append","x",1]] [["r","x",[]],["append","x",2]] [["r","x",[1,2]]]"#,
        "read-committed",
        "lost update",
    ),
    (
        r#"[["r","x",[]],["append","y",1]] [["r","y",[]],["append","x",1]]"#,
        "snapshot-isolation",
        "G2-item",
    ),
    (
        r#"[["append","x",1]] [["append","y",1]] [["r","x",[1]],["r","y",[]]] [["r","x",[]],["r","y",[1]]]"#,
        "read-committed",
        "G-nonadjacent",
    ),
];

#[test]
fn every_phenomenon_has_its_name_and_breaks_its_levels() {
    let ladder: [(&str, Check); 4] = [
        ("serializable", transactions::check_serializable),
        ("snapshot-isolation", transactions::check_snapshot_isolation),
        ("read-committed", transactions::check_read_committed),
        ("read-uncommitted", transactions::check_read_uncommitted),
    ];
    for (lines, best, name) in PHENOMENA {
        let words: Vec<&str> = lines.split(' ').collect();
        let (mut events, mut ends) = (Vec::new(), Vec::new());
        for (client, word) in (0..).zip(&words) {
            let (phase, steps) = match word.strip_prefix('-') {
                Some(steps) => (Phase::Fail, steps),
                None => (Phase::Ok, *word),
            };
            let steps: Json = serde_json::from_str(steps).expect("steps");
            events.push(event(client, Phase::Invoke, "txn", "", steps.clone()));
            ends.push(event(client, phase, "txn", "", steps));
        }
        events.extend(ends);
        let story = Story::new(&events);
        let held = ladder.iter().find(|it| !is_broken(&it.1(&story)));
        assert_eq!(held.map_or("", |it| it.0), best, "{lines}");
        let Judgement::Broken(breach) = transactions::check_serializable(&story) else {
            panic!("{lines}");
        };
        assert!(
            breach.reason.starts_with(name),
            "{lines}: {}",
            breach.reason
        );
        assert!(breach.proof.len() >= 4, "{lines}: {breach:?}");
    }
}

#[test]
fn what_nobody_can_tell_is_left_open() {
    let twice = [
        event(3, Phase::Invoke, "write", "x", json!(2)),
        event(3, Phase::Ok, "write", "x", json!(2)),
        event(3, Phase::Invoke, "read", "x", json!(null)),
        event(3, Phase::Ok, "read", "x", json!(null)),
        event(1, Phase::Invoke, "write", "x", json!(1)),
        event(1, Phase::Ok, "write", "x", json!(1)),
        event(2, Phase::Invoke, "write", "x", json!(1)),
        event(2, Phase::Ok, "write", "x", json!(1)),
        event(1, Phase::Invoke, "read", "x", json!(null)),
        event(1, Phase::Ok, "read", "x", json!(1)),
    ];
    let Judgement::Open(why) = causal::memory(&twice) else {
        panic!("nobody can tell which write was seen");
    };
    assert!(
        why.contains("c1 read x → 1") && why.contains("more than once"),
        "{why}"
    );
    let twice = &twice[4..];
    assert_eq!(causal::memory(twice), Judgement::Kept);
    assert_eq!(sequential::judge(twice), Judgement::Kept);
    let strange = [event(1, Phase::Invoke, "acquire", "x", json!(null))];
    assert!(matches!(
        session::read_your_writes(&strange),
        Judgement::Open(_)
    ));
    assert!(matches!(
        transactions::serializable(&strange),
        Judgement::Open(_)
    ));
}
