//! What leaves a run as a file comes back as it was; and of two runs, the first event that differs is named.

mod common;

use clusterscope_core::diff::first_difference;
use clusterscope_core::import::{self, States};
use clusterscope_core::trace::{Kind, Level, VectorClocks, trace_line};
use clusterscope_core::{Player, RunSpec, Time};
use serde_json::Value as Json;

use common::{finished, scenarios, spec};

/// A run's trace as the file that the command line writes, and its words.
fn exported(spec: &RunSpec) -> String {
    let mut run = finished(spec, Level::Words);
    let words = run.take_explained();
    let mut clocks = VectorClocks::default();
    let mut text = String::new();
    for (record, words) in run.recorder().records().to_vec().iter().zip(&words) {
        let clock = clocks.next(words.event, record);
        let label = run.recorder().label(record);
        text += &trace_line(words.event, record, label, Some(words), clock.as_ref());
        text.push('\n');
    }
    text
}

#[test]
fn every_export_can_be_read_back_and_says_the_same() {
    for (system, scenario) in scenarios() {
        let mut spec = spec(system, &scenario, 3);
        spec.length = Some(scenario.length.min(clusterscope_core::Span::secs(2)));
        let place = spec.link();
        let trace = import::read(exported(&spec)).unwrap_or_else(|it| panic!("{place}: {it}"));
        let mut run = finished(&spec, Level::Words);
        let words = run.take_explained();
        let records = run.recorder().records().to_vec();
        assert_eq!(trace.events.len(), records.len(), "{place}");
        for ((event, record), words) in trace.events.iter().zip(&records).zip(&words) {
            let since = record.time.since(Time(trace.began));
            assert_eq!(event.time.0, since.0, "{place}");
            assert_eq!(event.kind, Some(record.kind), "{place}");
            assert_eq!(trace.host(event), record.host.name(), "{place}");
            assert_eq!(trace.label(event), run.recorder().label(record), "{place}");
            assert_eq!(trace.say(event), words.text, "{place}");
            assert_eq!(event.epoch, record.epoch(), "{place}");
            let cause = (record.cause != u32::MAX).then_some(record.cause);
            assert_eq!(event.cause, cause, "{place}");
        }
        assert!(trace.flaws(1).is_empty(), "{place}: {:?}", trace.flaws(1));
        the_nodes_end_as_they_did(&trace, &*run, &place);
    }
}

/// What the file says of the nodes at the end is what the run shows.
fn the_nodes_end_as_they_did(
    trace: &import::Imported,
    run: &dyn clusterscope_core::sim::run::Run,
    place: &str,
) {
    let mut states = States::default();
    states.after(trace, trace.events.len() / 2);
    let fields = states.after(trace, trace.events.len());
    for node in run.frame().nodes {
        let row = trace.hosts.iter().position(|it| *it == node.id.to_string());
        let known = &fields[row.unwrap_or_else(|| panic!("{place}: {} is missing", node.id))];
        for field in &node.fields {
            let said = known.get(field.name).unwrap_or(&Json::Null);
            assert_eq!(*said, field.value, "{place}: {} {}", node.id, field.name);
        }
    }
}

#[test]
fn states_are_the_same_from_whichever_side_they_are_reached() {
    let mut spec = RunSpec::new("raft", "leader-crash");
    spec.seed = 4;
    let trace = import::read(exported(&spec)).unwrap_or_else(|it| panic!("{it}"));
    let mut there = States::default();
    for event in [trace.events.len() - 1, 40, 2_500, 2_400, 1_000, 1_001, 0] {
        let mut straight = States::default();
        assert_eq!(
            there.after(&trace, event),
            straight.after(&trace, event),
            "{event}"
        );
    }
}

fn differ(one: &str, two: &str) -> Option<clusterscope_core::diff::Difference> {
    let spec = |it| RunSpec::from_link(it).unwrap_or_else(|it| panic!("{it}"));
    first_difference(&spec(one), &spec(two), 3).unwrap_or_else(|it| panic!("{it}"))
}

#[test]
fn a_run_is_the_same_as_itself() {
    assert_eq!(
        differ("#/raft/swarm?seed=3&for=3s", "#/raft/swarm?seed=3&for=3s"),
        None
    );
    let same = "#/raft/calm?seed=3&set.loss=0%25&for=1s";
    assert_eq!(differ("#/raft/calm?seed=3&for=1s", same), None);
}

#[test]
fn the_first_event_that_differs_is_named() {
    // A command at half a second is the first difference.
    let plain = "#/raft/calm?seed=3&for=2s";
    let found = differ(plain, "#/raft/calm?seed=3&for=2s&do=500ms+crash+n2").expect("they differ");
    let [mine, theirs] = &found.after;
    assert!(
        found
            .before
            .iter()
            .all(|it| it.record.time <= Time(500_000_000))
    );
    assert_eq!(found.before.len(), 3);
    assert_eq!(found.before[2].id + 1, found.event);
    assert_eq!(
        (theirs[0].record.kind, theirs[0].label),
        (Kind::Fault, "crash")
    );
    assert_eq!(theirs[0].record.time, Time(500_000_000));
    assert!(mine[0].record.time > Time(500_000_000));
    assert!(mine.iter().chain(theirs).all(|it| it.words.is_some()));
    // It is where the traces part, and nowhere before.
    let mut before = RunSpec::from_link(plain).expect("a link");
    let whole = finished(&before, Level::Events);
    before
        .commands
        .push("500ms crash n2".parse().expect("a command"));
    let other = finished(&before, Level::Events);
    let records = whole.recorder().records();
    assert_eq!(
        records.first_difference(other.recorder().records()),
        Some(found.event)
    );
}

#[test]
fn seeds_settings_and_lengths_differ_too() {
    let found = differ("#/raft/calm?seed=3", "#/raft/calm?seed=4").expect("they differ");
    assert!(found.in_what.contains(&"time") || found.in_what.contains(&"place"));
    let slow = "#/raft/calm?seed=3&set.latency=30ms";
    assert!(differ("#/raft/calm?seed=3", slow).is_some());
    let found = differ("#/raft/calm?seed=3&for=1s", "#/raft/calm?seed=3&for=2s").expect("one ends");
    assert_eq!(found.in_what, ["end"]);
    assert!(found.after[0].is_empty() && !found.after[1].is_empty());
}

#[test]
fn branches_of_a_player_differ_from_where_they_parted() {
    let mut player = Player::open(RunSpec::new("raft", "calm")).expect("a run");
    player.seek(Time(2_000_000_000));
    player.seek(Time(700_000_000));
    let parted = player.run().recorder().events();
    let crash = "crash n1".parse().expect("a command");
    player.command(crash).expect("n1 is there");
    player.seek(Time(2_000_000_000));
    assert_eq!(player.first_difference(0), Some(parted));
    assert_eq!(player.first_difference(7), None);
}
