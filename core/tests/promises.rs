//! Over many seeds: what must hold holds, what must fall falls, what must be reached is reached, and after the faults
//! of a swarm there is progress again.

mod common;

use std::collections::BTreeMap;

use clusterscope_core::check::{Report, Verdict};
use clusterscope_core::sim::settings::{SettingView, Value};
use clusterscope_core::systems;
use clusterscope_core::trace::Level;

use common::{finished, scenarios, spec};

/// Seeds for a scenario in which everything must hold.
const CORRECT: u64 = 150;
/// Seeds for faults that are drawn.
const SWARM: u64 = 1_000;
/// Seeds for a scenario in which a check must fall.
const WEAKENED: u64 = 60;

/// Seeds beyond those that once found something.
const FOUND: [u64; 1] = [4108];

/// The checks at the end of one run.
fn reports(link: &mut String, system: &str, scenario: &str, seed: u64) -> Vec<Report> {
    let mut spec = clusterscope_core::RunSpec::new(system, scenario);
    spec.seed = seed;
    *link = spec.link();
    finished(&spec, Level::Off).reports()
}

/// Runs to the end; no check may fall.
fn nothing_falls(spec: &clusterscope_core::RunSpec) {
    for report in finished(spec, Level::Off).reports() {
        assert_ne!(
            report.verdict,
            Verdict::Violated,
            "{}: {report:?}",
            spec.link()
        );
    }
}

/// Runs the correct scenarios and returns how often each `sometimes` check was reached.
fn must_hold(swarm: bool, seeds: u64) {
    let mut link = String::new();
    for (system, scenario) in scenarios() {
        if scenario.weakened.is_some() || (scenario.id == "swarm") != swarm {
            continue;
        }
        for seed in (1..=seeds).chain(FOUND) {
            for report in reports(&mut link, system.about.id, scenario.id, seed) {
                let fine = !matches!(
                    report.verdict,
                    Verdict::Violated | Verdict::Blocked | Verdict::Unknown
                );
                assert!(
                    fine,
                    "{link}: {} {:?}: {:?}",
                    report.name, report.verdict, report.reason
                );
            }
        }
    }
}

#[test]
fn what_must_hold_holds() {
    must_hold(false, CORRECT);
}

#[test]
fn swarms_hold_and_come_back_to_life() {
    must_hold(true, SWARM);
}

#[test]
fn what_must_fall_falls() {
    let mut link = String::new();
    for (system, scenario) in scenarios() {
        let Some(check) = scenario.weakened else {
            continue;
        };
        for seed in 1..=WEAKENED {
            let reports = reports(&mut link, system.about.id, scenario.id, seed);
            let report = reports.iter().find(|it| it.name == check);
            let report = report.unwrap_or_else(|| panic!("{link}: there is no check {check}"));
            // Progress is not broken at a moment: it is missing at the end.
            let fell = match report.verdict {
                Verdict::Violated => report.at.is_some(),
                Verdict::Blocked => true,
                _ => false,
            };
            assert!(
                fell && report.reason.is_some(),
                "{link}: {check} did not fall: {report:?}"
            );
        }
    }
}

#[test]
fn with_the_rule_back_nothing_falls() {
    for (system, scenario) in scenarios() {
        let Some(check) = scenario.weakened else {
            continue;
        };
        for seed in 1..=WEAKENED {
            let mut spec = spec(system, &scenario, seed);
            let settings = (system.settings)(&spec).unwrap_or_else(|it| panic!("{it}"));
            // Only the one whose check falls: others may belong to another way of doing things, under which the story
            // does not happen. A rule can keep more than the check that it names; then it is whatever is off.
            let off = |it: &&SettingView| it.rule.is_some() && it.value == Value::Switch(false);
            let named = |it: &SettingView| it.rule == Some(check);
            let one = settings.iter().filter(off).any(named);
            let back: Vec<_> = settings
                .iter()
                .filter(off)
                .filter(|it| named(it) || !one)
                .collect();
            // What was promised too much is no rule that could be put back.
            if back.is_empty() {
                continue;
            }
            for rule in back {
                spec.set(rule.id, "on");
            }
            nothing_falls(&spec);
            let reports = finished(&spec, Level::Off).reports();
            let weak = reports.iter().find(|it| Some(it.name) == scenario.weakened);
            assert_ne!(
                weak.map(|it| it.verdict),
                Some(Verdict::Blocked),
                "{}",
                spec.link()
            );
        }
    }
}

#[test]
fn what_should_be_seen_is_seen() {
    for system in systems::ALL {
        let mut seen: BTreeMap<&str, bool> = BTreeMap::new();
        for scenario in (system.scenarios)() {
            for seed in 1..=20 {
                for report in finished(&spec(system, &scenario, seed), Level::Off).reports() {
                    match report.verdict {
                        Verdict::Reached => seen.insert(report.name, true),
                        Verdict::NotReached => Some(*seen.entry(report.name).or_default()),
                        _ => None,
                    };
                }
            }
        }
        for (check, reached) in seen {
            assert!(reached, "{}: nothing ever reaches {check}", system.about.id);
        }
    }
}

/// What a crash takes from a slow disk was never promised to anybody.
#[test]
fn slow_disks_break_no_promise() {
    for (system, scenario) in scenarios() {
        if scenario.id != "swarm" {
            continue;
        }
        for seed in 1..=300 {
            let mut spec = spec(system, &scenario, seed);
            spec.set("disk", "uniform(1ms,300ms)");
            nothing_falls(&spec);
        }
    }
}
