//! Lists: the judges against the definitions, tried out on all orders of small histories, and stores whose clients
//! append. All histories come from fixed seeds.
#![cfg(not(target_arch = "wasm32"))]

mod common;
#[path = "common/histories.rs"]
mod histories;

use clusterscope_core::RunSpec;
use clusterscope_core::check::story::{Fate, Op, Operation, Story};
use clusterscope_core::check::{Judgement, Report, Verdict, linearizable, session, transactions};
use clusterscope_core::systems;
use clusterscope_core::trace::{HistoryEvent, Level, Phase};
use serde_json::{Value as Json, json};

use common::finished;
use histories::{Dice, event};

/// What an operation leaves of an object and returns; `None` where it is refused.
fn one_copy(state: &Json, op: Op, argument: &Json) -> Option<(Json, Json)> {
    let done = |state: Json| Some((state, argument.clone()));
    match (op, state) {
        (Op::Read, _) => Some((state.clone(), state.clone())),
        (Op::Write, _) => done(argument.clone()),
        (Op::Append, Json::Null) => done(json!([argument])),
        (Op::Append, Json::Array(list)) => {
            let mut list = list.clone();
            list.push(argument.clone());
            done(json!(list))
        }
        (Op::Cas, state) if *state == argument[0] => done(argument[1].clone()),
        (Op::Incr, Json::Null) => Some((json!(1), json!(1))),
        (Op::Incr, Json::Number(it)) => {
            let sum = json!(it.as_i64().expect("whole numbers") + 1);
            Some((sum.clone(), sum))
        }
        _ => None,
    }
}

/// Whether some order of what was done, and of some of what may have been, explains all results. With `real_time` it
/// keeps an operation before another that began after it had ended.
fn some_order(ops: &[Operation<'_>], real_time: bool) -> bool {
    fn go(ops: &[Operation<'_>], left: &mut Vec<usize>, state: &Json, real_time: bool) -> bool {
        let must = |it: &usize| ops[*it].fate == Fate::Done;
        if !left.iter().any(must) {
            return true;
        }
        (0..left.len()).any(|place| {
            let item = left[place];
            let op = &ops[item];
            let early = |it: &usize| must(it) && ops[*it].end < op.begin;
            if real_time && left.iter().any(early) {
                return false;
            }
            let Some((next, result)) = one_copy(state, op.op, op.argument) else {
                return false;
            };
            if op.fate == Fate::Done && matches!(op.op, Op::Read | Op::Incr) && result != *op.result
            {
                return false;
            }
            left.remove(place);
            let found = go(ops, left, &next, real_time);
            left.insert(place, item);
            found
        })
    }
    let mut left: Vec<usize> = (0..ops.len()).collect();
    left.retain(|it| ops[*it].fate != Fate::Failed);
    go(ops, &mut left, &Json::Null, real_time)
}

/// Clients use one real object, of which some answers are lost. With `mixed` they also do what is for numbers.
fn simulate(dice: &mut Dice, clients: u64, operations: u32, mixed: bool) -> Vec<HistoryEvent> {
    struct Client {
        name: u32,
        open: Option<(&'static str, Json)>,
        result: Option<Option<Json>>,
    }
    let new = |name| Client {
        name,
        open: None,
        result: None,
    };
    let mut all: Vec<Client> = (0..clients as u32).map(new).collect();
    let (mut state, mut begun, mut names) = (Json::Null, 0, clients as u32);
    let mut events = Vec::new();
    while begun < operations || all.iter().any(|it| it.open.is_some()) {
        let client = &mut all[dice.below(clients) as usize];
        match (client.open.clone(), client.result.take()) {
            (None, _) if begun < operations => {
                begun += 1;
                let kinds = if mixed { 8 } else { 4 };
                let (op, value) = match dice.below(kinds) {
                    0 | 1 => ("read", Json::Null),
                    2 | 3 => ("append", json!(begun)),
                    4 => ("write", json!(begun)),
                    5 => ("write", Json::Null),
                    6 => ("incr", Json::Null),
                    _ => ("cas", json!([begun - 1, begun])),
                };
                events.push(event(client.name, Phase::Invoke, op, "x", value.clone()));
                client.open = Some((op, value));
            }
            (None, _) => {}
            (Some((op, value)), None) => {
                let done = one_copy(&state, Op::of(op), &value);
                client.result = Some(done.map(|(next, result)| {
                    state = next;
                    result
                }));
            }
            (Some((op, value)), Some(result)) => {
                client.open = None;
                if dice.one_in(6) {
                    events.push(event(client.name, Phase::Info, op, "x", value));
                    client.name = names;
                    names += 1;
                    continue;
                }
                let phase = if result.is_some() {
                    Phase::Ok
                } else {
                    Phase::Fail
                };
                let value = result.unwrap_or(value);
                events.push(event(client.name, phase, op, "x", value));
            }
        }
    }
    events
}

/// Lets some reads miss values, have others, or have them in another order; now and then says of something that was
/// done that it was not.
fn corrupt(dice: &mut Dice, events: &mut [HistoryEvent], times: u64) {
    for _ in 0..times {
        let place = dice.below(events.len() as u64) as usize;
        let more = json!(1 + dice.below(events.len() as u64));
        let it = &mut events[place];
        if it.op == "append" && it.phase == Phase::Ok && dice.one_in(3) {
            it.phase = Phase::Fail;
        }
        if it.op != "read" || it.phase != Phase::Ok {
            continue;
        }
        let mut list = it.value.as_array().cloned().unwrap_or_default();
        match dice.below(4) {
            0 => list.truncate(dice.below(list.len() as u64 + 1) as usize),
            1 if list.len() > 1 => list.swap(0, 1),
            2 => list.push(more),
            _ => {
                list.pop();
            }
        }
        it.value = match list.is_empty() {
            true => Json::Null,
            false => json!(list),
        };
    }
}

/// A line for each event.
fn tell(events: &[HistoryEvent]) -> String {
    let line = |it: &HistoryEvent| format!("{} {:?} {} {}", it.client, it.phase, it.op, it.value);
    let lines: Vec<String> = events.iter().map(line).collect();
    lines.join("\n")
}

fn is_broken(judgement: &Judgement) -> bool {
    match judgement {
        Judgement::Kept => false,
        Judgement::Broken(_) => true,
        Judgement::Open(why) => panic!("a small history was left open: {why}"),
    }
}

#[test]
fn lists_are_judged_as_their_definition_says() {
    let mut count = [[0; 2]; 2];
    for seed in 0..6_000 {
        let mut dice = Dice(seed);
        let (clients, operations) = (2 + dice.below(3), 3 + dice.below(6) as u32);
        let mut events = simulate(&mut dice, clients, operations, false);
        let times = dice.below(16);
        corrupt(&mut dice, &mut events, times);
        let story = Story::new(&events);
        let holds = some_order(&story.operations, true);
        let all: Vec<u32> = (0..story.operations.len() as u32)
            .filter(|it| story.operations[*it as usize].fate != Fate::Failed)
            .collect();
        let judged = [
            ("linearizable", linearizable::check(&story)),
            ("by search", linearizable::by_search(&story, "x", &all)),
            ("strict", transactions::check_strict_serializable(&story)),
        ];
        for (name, judged) in judged {
            assert_eq!(
                holds,
                !is_broken(&judged),
                "seed {seed}, {name}: {judged:?} {}",
                tell(&events)
            );
        }
        let serial = some_order(&story.operations, false);
        let judged = transactions::check_serializable(&story);
        assert_eq!(
            serial,
            !is_broken(&judged),
            "seed {seed}: {judged:?} {}",
            tell(&events)
        );
        count[0][usize::from(holds)] += 1;
        count[1][usize::from(serial)] += 1;
    }
    assert!(count.iter().flatten().all(|it| *it >= 1_000), "{count:?}");
}

#[test]
fn an_object_that_is_now_a_number_and_now_a_list_is_judged_exactly() {
    let mut count = [0; 2];
    for seed in 0..6_000 {
        let mut dice = Dice(seed);
        let (clients, operations) = (2 + dice.below(2), 4 + dice.below(5) as u32);
        let mut events = simulate(&mut dice, clients, operations, true);
        let times = dice.below(16);
        corrupt(&mut dice, &mut events, times);
        let story = Story::new(&events);
        let holds = some_order(&story.operations, true);
        let judged = linearizable::check(&story);
        assert_eq!(
            holds,
            !is_broken(&judged),
            "seed {seed}: {judged:?} {}",
            tell(&events)
        );
        count[usize::from(holds)] += 1;
    }
    assert!(count.iter().all(|it| *it >= 1_000), "{count:?}");
}

/// Every pair of a client's operations, as the guarantees speak of them.
fn pairs<'s, 'a>(
    story: &'s Story<'a>,
    first: Op,
) -> impl Iterator<Item = (&'s Operation<'a>, &'s Operation<'a>)> {
    let all = story.operations.iter().filter(|it| it.fate == Fate::Done);
    let reads = all.clone().filter(|it| it.op == Op::Read);
    let firsts = all.filter(move |it| it.op == first);
    firsts.flat_map(move |one| {
        let later = move |it: &&Operation<'_>| it.client == one.client && it.begin > one.end;
        reads.clone().filter(later).map(move |other| (one, other))
    })
}

#[test]
fn sessions_see_their_own_appends_and_never_go_back() {
    let mut count = [[0; 2]; 2];
    let list = |it: &Json| it.as_array().cloned().unwrap_or_default();
    for seed in 0..6_000 {
        let mut dice = Dice(seed);
        let operations = 4 + dice.below(10) as u32;
        let mut events = simulate(&mut dice, 2, operations, false);
        let times = dice.below(16);
        corrupt(&mut dice, &mut events, times);
        let story = Story::new(&events);
        let linearizable = !is_broken(&linearizable::check(&story));
        let own = pairs(&story, Op::Append).all(|it| list(it.1.result).contains(it.0.argument));
        let forth =
            pairs(&story, Op::Read).all(|it| list(it.1.result).starts_with(&list(it.0.result)));
        // What nobody appended, or what is there twice, breaks both.
        let sound = story
            .operations
            .iter()
            .filter(|it| it.op == Op::Read)
            .all(|read| {
                let list = list(read.result);
                let appended = |value: &Json| {
                    let by = |it: &&Operation<'_>| it.op == Op::Append && it.argument == value;
                    let writer = story.operations.iter().find(by);
                    writer.is_some_and(|it| it.fate != Fate::Failed)
                        && list.iter().filter(|it| *it == value).count() == 1
                };
                list.iter().all(appended)
            });
        let judged = [
            (own && sound, session::read_your_writes(&events)),
            (forth && sound, session::monotonic_reads(&events)),
        ];
        for (place, (holds, judged)) in judged.iter().enumerate() {
            assert_eq!(
                *holds,
                !is_broken(judged),
                "seed {seed}: {judged:?} {}",
                tell(&events)
            );
            assert!(
                *holds || !linearizable,
                "seed {seed}: {judged:?} {}",
                tell(&events)
            );
            count[place][usize::from(*holds)] += 1;
        }
    }
    assert!(count.iter().flatten().all(|it| *it >= 1_000), "{count:?}");
}

/// A proof alone must be broken, and a read in it that saw everything in order is no proof.
#[test]
fn a_proof_of_a_broken_list_holds_without_the_rest() {
    let mut broken = 0;
    for seed in 0..2_000 {
        let mut dice = Dice(seed);
        let mut events = simulate(&mut dice, 3, 12, false);
        corrupt(&mut dice, &mut events, 1);
        let judges = [
            linearizable::judge,
            session::read_your_writes,
            session::monotonic_reads,
        ];
        for judge in judges {
            let Judgement::Broken(breach) = judge(&events) else {
                continue;
            };
            broken += 1;
            let place = |it: &u32| events[*it as usize].clone();
            let alone: Vec<HistoryEvent> = breach.proof.iter().map(place).collect();
            assert!(is_broken(&judge(&alone)), "seed {seed}: {}", breach.reason);
            assert!(breach.proof.len() <= 8, "seed {seed}: {breach:?}");
        }
    }
    assert!(broken >= 500, "{broken}");
}

/// Long lists that many read: nothing here may take a search.
#[test]
fn long_lists_are_judged_at_once() {
    let mut events = Vec::new();
    let mut list: Vec<Json> = Vec::new();
    for value in 0..1_000 {
        // Everything overlaps, so that a search would try orders for ever.
        events.push(event(value, Phase::Invoke, "append", "x", json!(value)));
        list.push(json!(999 - value));
    }
    events.push(event(5_000, Phase::Invoke, "read", "x", Json::Null));
    events.push(event(5_000, Phase::Ok, "read", "x", json!(list)));
    for value in 0..1_000 {
        events.push(event(value, Phase::Ok, "append", "x", json!(value)));
    }
    assert_eq!(linearizable::judge(&events), Judgement::Kept);
    list.swap(0, 1);
    events.push(event(5_000, Phase::Invoke, "read", "x", Json::Null));
    events.push(event(5_000, Phase::Ok, "read", "x", json!(list)));
    let Judgement::Broken(breach) = linearizable::judge(&events) else {
        panic!("two reads show two orders");
    };
    assert!(
        breach.reason.starts_with("no list begins as both"),
        "{}",
        breach.reason
    );
}

#[test]
fn an_empty_list_is_as_good_as_none() {
    for appended in [false, true] {
        let mut events = Vec::new();
        for value in [json!([]), json!(null), json!([])] {
            events.push(event(1, Phase::Invoke, "read", "x", json!(null)));
            events.push(event(1, Phase::Ok, "read", "x", value));
        }
        if appended {
            events.push(event(1, Phase::Invoke, "append", "x", json!(1)));
            events.push(event(1, Phase::Ok, "append", "x", json!(1)));
        }
        assert_eq!(linearizable::judge(&events), Judgement::Kept);
        assert_eq!(transactions::strict_serializable(&events), Judgement::Kept);
    }
}

/// What no judge of lists can look at is left open, or judged by another that can; never taken for good.
#[test]
fn registers_among_lists_are_not_overlooked() {
    let lists = [
        event(1, Phase::Invoke, "append", "x", json!(1)),
        event(1, Phase::Ok, "append", "x", json!(1)),
        event(1, Phase::Invoke, "read", "x", json!(null)),
        event(1, Phase::Ok, "read", "x", json!([1])),
    ];
    let register = |key: &str, read: Json| {
        let mut events = lists.to_vec();
        events.push(event(2, Phase::Invoke, "write", key, json!(7)));
        events.push(event(2, Phase::Ok, "write", key, json!(7)));
        events.push(event(2, Phase::Invoke, "read", key, json!(null)));
        events.push(event(2, Phase::Ok, "read", key, read));
        events
    };
    let good = register("y", json!(7));
    let stale = register("y", json!(null));
    assert_eq!(transactions::serializable(&good), Judgement::Kept);
    assert_eq!(transactions::strict_serializable(&good), Judgement::Kept);
    assert_eq!(session::read_your_writes(&good), Judgement::Kept);
    // In some order the read comes first, but that is not for these judges to find out.
    assert!(matches!(
        transactions::serializable(&stale),
        Judgement::Open(_)
    ));
    assert!(is_broken(&transactions::strict_serializable(&stale)));
    assert!(is_broken(&session::read_your_writes(&stale)));
    assert!(is_broken(&linearizable::judge(&stale)));
    // A list that a number replaces: no judge of transactions or sessions knows that.
    let replaced = register("x", json!(7));
    assert_eq!(linearizable::judge(&replaced), Judgement::Kept);
    assert!(matches!(
        transactions::strict_serializable(&replaced),
        Judgement::Open(_)
    ));
    assert!(matches!(
        session::read_your_writes(&replaced),
        Judgement::Open(_)
    ));
    // Nothing comes of what a number or a list refuses.
    for (op, key) in [("append", "y"), ("cas", "x")] {
        let mut refused = good.clone();
        refused.push(event(3, Phase::Invoke, op, key, json!([8, 9])));
        refused.push(event(3, Phase::Fail, op, key, json!([8, 9])));
        assert_eq!(linearizable::judge(&refused), Judgement::Kept);
        let strict = transactions::strict_serializable(&refused);
        assert_eq!(strict, Judgement::Kept);
        assert_eq!(session::read_your_writes(&refused), Judgement::Kept);
        assert_eq!(session::monotonic_reads(&refused), Judgement::Kept);
    }
    let number = [
        event(2, Phase::Invoke, "read", "z", json!(null)),
        event(2, Phase::Ok, "read", "z", json!(7)),
    ];
    assert!(matches!(
        transactions::serializable(&number),
        Judgement::Open(_)
    ));
    assert!(is_broken(&transactions::strict_serializable(&number)));
}

/// The stores that take appends: those where one node after the other, or one for each key, orders all writes.
const TAKERS: [&str; 4] = ["raft", "multi_paxos", "primary_backup", "hash_ring"];

/// Seeds of a swarm with lists.
const SWARM: u64 = 200;

/// A run with as many requests for lists as for numbers.
fn with_lists(system: &str, scenario: &str, seed: u64) -> RunSpec {
    let mut spec = RunSpec::new(system, scenario);
    spec.seed = seed;
    spec.set("appends", "50%");
    spec
}

#[test]
fn stores_keep_their_promises_for_lists() {
    for system in TAKERS {
        let mut appended = 0;
        for seed in 1..=SWARM {
            let spec = with_lists(system, "swarm", seed);
            let run = finished(&spec, Level::Off);
            for report in run.reports() {
                let fine = !matches!(
                    report.verdict,
                    Verdict::Violated | Verdict::Blocked | Verdict::Unknown
                );
                assert!(fine, "{}: {report:?}", spec.link());
            }
            let history = run.history().with(0, u32::MAX, <[HistoryEvent]>::to_vec);
            let is_append = |it: &&HistoryEvent| it.op == "append" && it.phase == Phase::Ok;
            appended += history.iter().filter(is_append).count();
            assert_eq!(
                transactions::strict_serializable(&history),
                Judgement::Kept,
                "{}",
                spec.link()
            );
        }
        assert!(appended > 20 * SWARM as usize, "{system}: {appended}");
    }
}

#[test]
fn stores_that_take_consensus_for_lists_refuse_them() {
    for system in systems::ALL {
        let takes = system
            .about
            .requests
            .iter()
            .any(|it| it.starts_with("append"));
        assert_eq!(
            takes,
            TAKERS.contains(&system.about.id),
            "{}",
            system.about.id
        );
    }
    for system in ["quorum", "cap"] {
        let run = finished(&with_lists(system, "calm", 1), Level::Off);
        let history = run.history().with(0, u32::MAX, <[HistoryEvent]>::to_vec);
        assert!(history.len() > 20 && history.iter().all(|it| it.op != "append"));
    }
}

/// Every scenario that breaks a rule of a store which takes appends.
fn broken_stores() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    common::scenarios().into_iter().filter_map(|(system, it)| {
        let takes = TAKERS.contains(&system.about.id);
        Some((system.about.id, it.id, it.weakened.filter(|_| takes)?))
    })
}

#[test]
fn what_falls_with_numbers_falls_with_lists() {
    for (system, scenario, check) in broken_stores() {
        for seed in 1..=20 {
            let mut spec = with_lists(system, scenario, seed);
            spec.set("appends", "100%");
            let reports = finished(&spec, Level::Off).reports();
            let fell = |it: &Report| {
                it.name == check && matches!(it.verdict, Verdict::Violated | Verdict::Blocked)
            };
            assert!(reports.iter().any(fell), "{}: {check}", spec.link());
        }
    }
}

/// Scenarios whose clients see it on a list, with every seed; what the judge of sessions that falls with it is called,
/// if there is one; and what is said.
const SEEN_ON_LISTS: [(&str, &str, Option<&str>, &str); 5] = [
    (
        "raft",
        "sent-twice",
        None,
        "returned twice what was appended once",
    ),
    (
        "multi_paxos",
        "sent-twice",
        None,
        "returned twice what was appended once",
    ),
    (
        "primary_backup",
        "own-writes",
        Some("read-your-writes"),
        "misses",
    ),
    (
        "primary_backup",
        "back-in-time",
        Some("monotonic-reads"),
        "misses",
    ),
    ("hash_ring", "stale-copies", None, "misses"),
];

#[test]
fn clients_see_on_lists_what_a_store_does_wrong() {
    for (system, scenario, session, said) in SEEN_ON_LISTS {
        for seed in 1..=20 {
            let mut spec = with_lists(system, scenario, seed);
            spec.set("appends", "100%");
            let run = finished(&spec, Level::Off);
            let history = run.history().with(0, u32::MAX, <[HistoryEvent]>::to_vec);
            for report in run.reports() {
                let name = report.name;
                if name != "linearizable" && Some(name) != session {
                    continue;
                }
                let reason = report.reason.unwrap_or_default();
                assert_eq!(report.verdict, Verdict::Violated, "{}: {name}", spec.link());
                assert!(reason.contains(" L"), "{}: {reason}", spec.link());
                assert!(
                    name != "linearizable" || reason.contains(said),
                    "{}: {reason}",
                    spec.link()
                );
            }
            assert!(
                is_broken(&transactions::strict_serializable(&history)),
                "{}",
                spec.link()
            );
        }
    }
}
