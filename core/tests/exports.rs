//! What leaves a run as a file can be trusted by tools that know nothing of this project: vector clocks order what
//! they should, a Raft run can be rebuilt from its trace alone, and a history has one open operation a client.

mod common;

use std::collections::BTreeMap;

use clusterscope_core::sim::run::Run;
use clusterscope_core::trace::{Level, VectorClocks, shiviz_lines, trace_line};
use clusterscope_core::{RunSpec, Span, Time};
use serde_json::{Map, Value as Json, json};

use common::{build, end, scenarios, spec};

/// Seeds for each scenario.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=2;

/// Every scenario, and some with what the scenarios do not have: copies, pauses, requests by hand.
fn specs() -> Vec<RunSpec> {
    let mut all = Vec::new();
    for (system, scenario) in scenarios() {
        for seed in SEEDS {
            let mut plain = spec(system, &scenario, seed);
            // The faults of every script lie before this.
            plain.length = Some(scenario.length.min(Span::secs(3)));
            let mut rough = plain.clone();
            rough.set("duplicate", "30%");
            rough.set("loss", "5%");
            let request = format!("600ms request all {}", system.about.request);
            for line in [
                "100ms duplicate m3",
                "200ms pause n2",
                "500ms resume n2",
                request.as_str(),
                "700ms crash n1",
            ] {
                rough.commands.push(line.parse().expect("a command"));
            }
            rough
                .commands
                .push("900ms restart n1".parse().expect("a command"));
            all.extend([plain, rough]);
        }
    }
    all
}

/// The lines of the trace file and of the ShiViz log.
fn export(run: &mut dyn Run) -> (Vec<Json>, String) {
    let words = run.take_explained();
    let mut clocks = VectorClocks::default();
    let (mut lines, mut shiviz) = (Vec::new(), String::new());
    for (record, words) in run.recorder().records().to_vec().iter().zip(&words) {
        let clock = clocks.next(words.event, record);
        let label = run.recorder().label(record);
        let line = trace_line(words.event, record, label, Some(words), clock.as_ref());
        assert!(!line.contains('\n'));
        lines.push(serde_json::from_str(&line).expect("a line of JSON"));
        shiviz.extend(shiviz_lines(record, &words.text, clock.as_ref()));
    }
    (lines, shiviz)
}

fn clock_of(line: &Json) -> BTreeMap<String, u64> {
    let counts = line["clock"].as_object().into_iter().flatten();
    counts
        .map(|(host, count)| (host.clone(), count.as_u64().expect("a count")))
        .collect()
}

#[test]
fn traces_and_logs_can_be_trusted() {
    for spec in specs() {
        let mut run = build(&spec, Level::Words);
        for stop in [end(&spec).0 / 3, end(&spec).0] {
            run.run_until(Time(stop));
        }
        let (lines, log) = export(&mut *run);
        clocks_rise_by_one_and_know_what_they_were_told(&spec, &lines);
        what_arrives_was_sent_by_the_other_end(&spec, &lines);
        a_shiviz_log_is_pairs_of_lines(&spec, &log);
        if spec.system == "raft" {
            a_raft_run_can_be_rebuilt(&spec, &*run, &lines);
        }
    }
}

fn clocks_rise_by_one_and_know_what_they_were_told(spec: &RunSpec, lines: &[Json]) {
    let mut last: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for line in lines {
        let host = line["node"].as_str().expect("a host").to_owned();
        if host == "world" {
            assert_eq!(line["clock"], Json::Null);
            continue;
        }
        let clock = clock_of(line);
        let before = last.insert(host.clone(), clock.clone()).unwrap_or_default();
        let expected = before.get(&host).copied().unwrap_or(0) + 1;
        assert_eq!(clock[&host], expected, "{}: {line}", spec.link());
        let knows = |other: &BTreeMap<String, u64>| {
            other
                .iter()
                .all(|(host, count)| clock.get(host).is_some_and(|it| it >= count))
        };
        assert!(knows(&before), "{}: {line} forgot something", spec.link());
        if let Some(cause) = line["cause"].as_u64() {
            let cause = &lines[cause as usize];
            assert!(
                knows(&clock_of(cause)),
                "{}: {line} does not know {cause}",
                spec.link()
            );
            assert!(
                cause["time"].as_u64() <= line["time"].as_u64(),
                "{}: {line}",
                spec.link()
            );
        }
    }
}

fn what_arrives_was_sent_by_the_other_end(spec: &RunSpec, lines: &[Json]) {
    let mut arrivals: BTreeMap<u64, u64> = BTreeMap::new();
    let mut copies: BTreeMap<u64, u64> = BTreeMap::new();
    for line in lines {
        let cause = line["cause"].as_u64();
        match line["kind"].as_str().expect("a kind") {
            "duplicate" => *copies.entry(cause.expect("a cause")).or_default() += 1,
            "deliver" => {
                let sent = &lines[cause.expect("a cause") as usize];
                assert_eq!(sent["kind"], "send", "{}: {line}", spec.link());
                assert_eq!(
                    (&sent["node"], &sent["peer"]),
                    (&line["peer"], &line["node"]),
                    "{}",
                    spec.link()
                );
                assert_eq!(sent["label"], line["label"], "{}: {line}", spec.link());
                assert_eq!(sent["body"], line["body"], "{}: {line}", spec.link());
                *arrivals.entry(cause.expect("a cause")).or_default() += 1;
            }
            _ => {}
        }
    }
    for (sent, count) in arrivals {
        let most = 1 + copies.get(&sent).copied().unwrap_or(0);
        assert!(
            count <= most,
            "{}: event {sent} arrived {count} times",
            spec.link()
        );
    }
}

fn a_shiviz_log_is_pairs_of_lines(spec: &RunSpec, log: &str) {
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len() % 2, 0, "{}", spec.link());
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for pair in lines.chunks(2) {
        assert!(!pair[0].is_empty(), "{}", spec.link());
        let (host, clock) = pair[1].split_once(' ').expect("a host and a clock");
        let clock: BTreeMap<String, u64> = serde_json::from_str(clock).expect("a clock");
        let count = counts.entry(host.to_owned()).or_default();
        *count += 1;
        assert_eq!(clock[host], *count, "{}: {}", spec.link(), pair[0]);
    }
}

/// What a reader of the trace knows of a node.
#[derive(Default)]
struct Rebuilt {
    up: bool,
    fields: Map<String, Json>,
    log: Vec<Json>,
}

impl Rebuilt {
    /// So many entries at the beginning have given way to a snapshot.
    fn base(&self) -> usize {
        self.number("lastIncludedIndex")
    }

    fn number(&self, field: &str) -> usize {
        self.fields.get(field).and_then(Json::as_u64).unwrap_or(0) as usize
    }

    fn learn(&mut self, line: &Json) {
        match (line["kind"].as_str(), line["label"].as_str()) {
            (Some("fault"), Some("crash" | "gone")) => *self = Rebuilt::default(),
            (Some("start"), _) => {
                *self = Rebuilt {
                    up: true,
                    ..Rebuilt::default()
                }
            }
            _ => {}
        }
        for (name, value) in line["set"].as_object().into_iter().flatten() {
            if name == "log" {
                self.log
                    .truncate(value["keep"].as_u64().expect("a count") as usize);
                self.log
                    .extend(value["add"].as_array().expect("entries").iter().cloned());
            } else {
                self.fields.insert(name.clone(), value.clone());
            }
        }
    }
}

fn a_raft_run_can_be_rebuilt(spec: &RunSpec, run: &dyn Run, lines: &[Json]) {
    let mut nodes: BTreeMap<String, Rebuilt> = BTreeMap::new();
    for line in lines {
        nodes
            .entry(line["node"].as_str().expect("a host").to_owned())
            .or_default()
            .learn(line);
    }
    for view in run.frame().nodes {
        let node = &nodes[&view.id.to_string()];
        let place = format!("{}: {}", spec.link(), view.id);
        assert_eq!(node.up, view.role.is_some(), "{place}");
        let Some(role) = view.role else { continue };
        assert_eq!(node.fields["role"], role.name, "{place}");
        for field in &view.fields {
            assert_eq!(
                node.fields[field.name], field.value,
                "{place}: {}",
                field.name
            );
        }
        let named = |name: &str| name == "role" || view.fields.iter().any(|it| it.name == name);
        let gone = node.fields.iter().filter(|(name, _)| !named(name));
        assert!(
            gone.into_iter().all(|(_, it)| it.is_null()),
            "{place}: {:?}",
            node.fields
        );
        let length = node.base() + node.log.len();
        assert_eq!(json!(length), node.fields["lastLogIndex"], "{place}");
    }
    assert_same_logs(spec, &nodes);
}

/// What two servers have committed is the same, unless the scenario breaks a rule.
fn assert_same_logs(spec: &RunSpec, nodes: &BTreeMap<String, Rebuilt>) {
    let scenario = spec
        .system()
        .and_then(|it| it.scenario(&spec.scenario))
        .expect("it is there");
    if scenario.weakened.is_some() {
        return;
    }
    let committed = |it: &Rebuilt| it.number("commitIndex");
    for one in nodes.values() {
        for two in nodes.values() {
            // Of what both still have as entries.
            let from = one.base().max(two.base());
            let until = committed(one).min(committed(two)).max(from);
            let entries = |it: &Rebuilt| it.log[from - it.base()..until - it.base()].to_vec();
            if until > from {
                assert_eq!(entries(one), entries(two), "{}", spec.link());
            }
        }
    }
}

#[test]
fn a_history_has_one_open_operation_a_client() {
    for spec in specs() {
        let mut run = build(&spec, Level::Off);
        run.run_until(end(&spec));
        let mut open: BTreeMap<u64, Json> = BTreeMap::new();
        let mut retired: Vec<u64> = Vec::new();
        let mut time = 0;
        for event in run.history().to_vec() {
            let line = serde_json::to_value(&event).expect("plain data");
            let keys: Vec<&String> = line.as_object().expect("an object").keys().collect();
            assert_eq!(keys, ["client", "type", "op", "key", "value", "time"]);
            let client = line["client"].as_u64().expect("a number");
            assert!(
                !retired.contains(&client),
                "{}: {line} after info",
                spec.link()
            );
            assert!(
                line["time"].as_u64() >= Some(time),
                "{}: {line}",
                spec.link()
            );
            time = line["time"].as_u64().expect("a time");
            if line["type"] == "invoke" {
                assert!(
                    open.insert(client, line.clone()).is_none(),
                    "{}: {line}",
                    spec.link()
                );
                assert!(
                    line["op"] != "read" || line["value"].is_null(),
                    "{}: {line}",
                    spec.link()
                );
                continue;
            }
            let begun = open
                .remove(&client)
                .unwrap_or_else(|| panic!("{}: {line} never began", spec.link()));
            assert_eq!(
                (&begun["op"], &begun["key"]),
                (&line["op"], &line["key"]),
                "{}",
                spec.link()
            );
            if line["type"] == "info" {
                retired.push(client);
            }
            if line["op"] == "write" || line["op"] == "cas" {
                assert_eq!(begun["value"], line["value"], "{}", spec.link());
            }
        }
    }
}

#[test]
fn counts_add_up() {
    for spec in specs() {
        let mut run = build(&spec, Level::Off);
        run.run_until(end(&spec));
        let stats = run.frame().stats;
        let mut messages = Vec::new();
        run.messages(&mut messages);
        let node = |it| matches!(it, clusterscope_core::frame::End::Node(_));
        let under_way = messages
            .iter()
            .filter(|it| node(it.from) && node(it.to))
            .count() as u64;
        assert_eq!(
            stats.sent + stats.duplicated,
            stats.delivered + stats.lost + under_way,
            "{}",
            spec.link()
        );
        assert!(
            stats.completed + stats.refused + stats.unknown <= stats.invoked,
            "{}",
            spec.link()
        );
    }
}
