//! Clocks: the figure of Dynamo's paper, and logs in ShiViz's form that hold what ShiViz asks of them.

use std::collections::BTreeMap;

use clusterscope_core::parts::vector::{Causality, Vector};
use clusterscope_core::protocol::NodeId;
use clusterscope_core::trace::{Level, VectorClocks, clock_json, shiviz_lines};
use clusterscope_core::{RunSpec, Time};
use serde_json::Value as Json;

/// DeCandia et al. 2007, Figure 3: an object is written at Sx, Sx, then Sy and Sz side by side, and reconciled at Sx.
#[test]
fn dynamo_figure_3_comes_out() {
    let [x, y, z] = [0, 1, 2].map(NodeId);
    let write = |context: &Vector, at: NodeId| {
        let mut version = context.clone();
        version.tick(at);
        version
    };
    let first = write(&Vector::default(), x);
    let second = write(&first, x);
    let (third, fourth) = (write(&second, y), write(&second, z));
    assert_eq!((&first, &second), (&[1].into(), &[2].into()));
    assert_eq!((&third, &fourth), (&[2, 1].into(), &[2, 0, 1].into()));
    assert_eq!(second.compare(&third), Causality::Before);
    assert_eq!(third.compare(&fourth), Causality::Concurrent);
    let mut context = third.clone();
    context.merge(&fourth);
    assert_eq!(context, [2, 1, 1].into());
    let fifth = write(&context, x);
    assert_eq!(fifth, [3, 1, 1].into());
    assert_eq!(
        (third.compare(&fifth), fourth.compare(&fifth)),
        (Causality::Before, Causality::Before)
    );
}

/// An event of the log.
struct Event {
    host: String,
    clock: BTreeMap<String, u64>,
    /// The stamp that the process itself gave.
    vector: Option<Vec<u64>>,
}

/// The events of a run, read back from its log in ShiViz's form.
fn log(scenario: &str, seed: u64, disk: &str, until: Time) -> Vec<Event> {
    let mut spec = RunSpec::new("clocks", scenario);
    spec.seed = seed;
    // A message waits for the disk; with a slow one it leaves after events that its sender had later.
    spec.set("disk", disk);
    let mut run = spec.build(Level::Words).unwrap_or_else(|it| panic!("{it}"));
    run.run_until(until);
    let words = run.take_explained();
    let mut clocks = VectorClocks::default();
    let mut events = Vec::new();
    for (record, words) in run.recorder().records().to_vec().iter().zip(&words) {
        let clock = clocks.next(words.event, record);
        let Some(lines) = shiviz_lines(record, &words.text, clock.as_ref()) else {
            continue;
        };
        let pair: Vec<&str> = lines.lines().collect();
        assert_eq!(pair.len(), 2, "an event and its clock: {lines}");
        let (host, text) = pair[1].split_once(' ').expect("a host and its clock");
        let known = clock_json(clock.as_ref().expect("it has lines")).to_string();
        assert_eq!(text, known);
        let vector = words.set.iter().find(|it| it.name == "vector");
        let counts = |it: &Json| {
            it.as_array()
                .map(|it| it.iter().filter_map(Json::as_u64).collect())
        };
        events.push(Event {
            host: host.to_owned(),
            clock: serde_json::from_str(text).expect("a clock"),
            vector: vector.and_then(|it| counts(&it.value)),
        });
    }
    events
}

/// What ShiViz refuses: a host whose clock does not start at 1 or leaves out a number, and clocks that know of what has
/// not happened, or forget.
fn shiviz_takes(events: &[Event], place: &str) {
    let mut last: BTreeMap<&str, &BTreeMap<String, u64>> = BTreeMap::new();
    for event in events {
        let host = event.host.as_str();
        let before = last
            .get(host)
            .and_then(|it| it.get(host))
            .copied()
            .unwrap_or(0);
        assert_eq!(event.clock[host], before + 1, "{place}: {host}");
        for (other, count) in &event.clock {
            let own = if other == host { event.clock[host] } else { 0 };
            let newest = last
                .get(other.as_str())
                .and_then(|it| it.get(other))
                .copied();
            assert!(
                *count <= newest.unwrap_or(0).max(own),
                "{place}: {host} knows {other}'s event {count} too early"
            );
        }
        for (other, count) in last.get(host).into_iter().flat_map(|it| it.iter()) {
            assert!(
                event.clock.get(other) >= Some(count),
                "{place}: {host} forgot {other}'s event {count}"
            );
        }
        last.insert(host, &event.clock);
    }
}

#[test]
fn two_hundred_logs_are_as_shiviz_wants_them() {
    for seed in 1..=200 {
        for scenario in ["calm", "swarm"] {
            let events = log(scenario, seed, "1ms", Time(2_000_000_000));
            assert!(events.len() > 50, "{scenario} {seed}");
            shiviz_takes(&events, &format!("{scenario} {seed}"));
        }
    }
}

/// The clocks that the simulator works out from causes, and those that the processes keep, order events alike.
#[test]
fn processes_and_onlookers_agree_on_what_happened_before_what() {
    for seed in 1..=20 {
        let mut events = log("calm", seed, "0s", Time(2_000_000_000));
        // A start is no event of the process: its stamp is still empty.
        events.retain(|it| it.vector.as_ref().is_some_and(|it| !it.is_empty()));
        let stamp = |it: &Event| it.vector.clone().unwrap_or_default();
        let (mut before, mut concurrent) = (0, 0);
        for (index, two) in events.iter().enumerate() {
            for one in &events[..index] {
                let happened = two.clock.get(&one.host) >= one.clock.get(&one.host);
                let (v, w) = (stamp(one), stamp(two));
                let at = |it: &Vec<u64>, place: usize| it.get(place).copied().unwrap_or(0);
                let less = (0..3).all(|place| at(&v, place) <= at(&w, place)) && v != w;
                assert_eq!(
                    happened, less,
                    "{seed}: {} {v:?}, {} {w:?}",
                    one.host, two.host
                );
                before += u32::from(happened);
                concurrent += u32::from(!happened);
            }
        }
        assert!(before > 0 && concurrent > 0);
    }
}
