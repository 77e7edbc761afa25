//! What holds for every system and every scenario, registered today or tomorrow: names, determinism, settings, links,
//! and that there is something to see at every step. Rewinding has its own file, and so have the promises.

mod common;

use std::collections::BTreeSet;

use clusterscope_core::frame::MessageView;
use clusterscope_core::sim::settings::{Environment, SettingView};
use clusterscope_core::sim::system::System;
use clusterscope_core::systems;
use clusterscope_core::trace::Level;
use clusterscope_core::{RunSpec, Time};

use common::{build, end, finished, scenarios, spec};

/// Seeds for the laws that need only some.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

fn is_kebab(name: &str) -> bool {
    let word = |it: &str| {
        !it.is_empty()
            && it
                .bytes()
                .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
    };
    name.split('-').all(word)
}

fn is_snake(name: &str) -> bool {
    is_kebab(&name.replace('_', "-")) && !name.contains('-')
}

fn assert_unique<'a>(what: &str, names: impl IntoIterator<Item = &'a str>) {
    let mut seen = BTreeSet::new();
    for name in names {
        assert!(seen.insert(name), "{what} {name} is there twice");
    }
}

fn settings_of(system: &System, scenario: &str) -> Vec<SettingView> {
    let spec = RunSpec::new(system.about.id, scenario);
    (system.settings)(&spec).unwrap_or_else(|it| panic!("{}: {it}", system.about.id))
}

#[test]
fn names_are_unique_and_fit_into_links() {
    assert_unique("system", systems::ALL.iter().map(|it| it.about.id));
    for system in systems::ALL {
        let id = system.about.id;
        assert!(is_snake(id), "{id} is not in snake case");
        let scenarios: Vec<&str> = (system.scenarios)().iter().map(|it| it.id).collect();
        let checks = (system.checks)();
        let settings: Vec<&str> = settings_of(system, "calm").iter().map(|it| it.id).collect();
        for (what, names) in [
            ("scenario", &scenarios),
            ("check", &checks),
            ("setting", &settings),
        ] {
            assert_unique(&format!("{id}'s {what}"), names.iter().copied());
            for name in names {
                assert!(is_kebab(name), "{id}'s {what} {name} is not in kebab case");
            }
        }
        for must in ["calm", "swarm"] {
            assert!(scenarios.contains(&must), "{id} has no scenario {must}");
        }
    }
}

#[test]
fn what_is_to_be_seen_side_by_side_is_there() {
    let mut pairs = 0;
    for card in systems::CARDS {
        for name in card.beside.into_iter().flat_map(|it| [it.0, it.1]) {
            let found = (card.scenarios)().iter().any(|it| it.id == name);
            assert!(found, "{} has no scenario {name}", card.about.id);
            pairs += 1;
        }
    }
    assert!(pairs > 0);
}

#[test]
fn every_rule_has_a_check_that_falls_without_it() {
    for system in systems::ALL {
        let id = system.about.id;
        let checks = (system.checks)();
        let weakened: Vec<_> = (system.scenarios)()
            .into_iter()
            .filter(|it| it.weakened.is_some())
            .collect();
        for scenario in &weakened {
            let check = scenario.weakened.expect("only those were kept");
            assert!(
                checks.contains(&check),
                "{id}/{}: there is no check {check}",
                scenario.id
            );
        }
        for rule in settings_of(system, "calm")
            .iter()
            .filter(|it| it.rule.is_some())
        {
            let check = rule.rule.expect("only those were kept");
            assert!(
                checks.contains(&check),
                "{id}: the rule {} names no check: {check}",
                rule.id
            );
            let off = |scenario: &str| {
                settings_of(system, scenario)
                    .iter()
                    .any(|it| it.id == rule.id && it.value.to_string() == "off")
            };
            let shown = weakened
                .iter()
                .any(|it| it.weakened == Some(check) && off(it.id));
            assert!(
                shown,
                "{id}: no scenario shows that {check} falls without {}",
                rule.id
            );
        }
    }
}

#[test]
fn one_seed_gives_one_trace() {
    for (system, scenario) in scenarios() {
        for seed in SEEDS {
            let spec = spec(system, &scenario, seed);
            let (one, two) = (
                finished(&spec, Level::Events),
                finished(&spec, Level::Events),
            );
            assert_eq!(
                one.recorder().hash(),
                two.recorder().hash(),
                "{}",
                spec.link()
            );
            assert!(
                one.recorder().records() == two.recorder().records(),
                "{}",
                spec.link()
            );
            assert!(one.history() == two.history(), "{}", spec.link());
            assert_eq!(one.frame(), two.frame(), "{}", spec.link());
        }
    }
}

#[test]
fn another_seed_gives_another_trace() {
    for (system, scenario) in scenarios() {
        let hash = |seed| {
            finished(&spec(system, &scenario, seed), Level::Off)
                .recorder()
                .hash()
        };
        assert_ne!(hash(1), hash(2), "{}/{}", system.about.id, scenario.id);
    }
}

#[test]
fn what_is_recorded_changes_nothing() {
    for (system, scenario) in scenarios() {
        for seed in SEEDS {
            let spec = spec(system, &scenario, seed);
            let frames =
                [Level::Off, Level::Events, Level::Words].map(|it| finished(&spec, it).frame());
            assert_eq!(frames[0], frames[1], "{}", spec.link());
            assert_eq!(frames[1], frames[2], "{}", spec.link());
        }
    }
}

#[test]
fn every_event_is_told_in_words_and_no_other() {
    for (system, scenario) in scenarios() {
        let spec = spec(system, &scenario, 1);
        let mut run = finished(&spec, Level::Words);
        let words = run.take_explained();
        assert_eq!(
            words.len() as u32,
            run.recorder().events(),
            "{}",
            spec.link()
        );
        for (index, words) in words.iter().enumerate() {
            assert_eq!(words.event as usize, index, "{}", spec.link());
            assert!(
                !words.text.is_empty() && !words.text.contains('\n'),
                "{}: {words:?}",
                spec.link()
            );
        }
        run.recorder().records().with(0, u32::MAX, |records| {
            for (index, record) in records.iter().enumerate() {
                let caused = record.cause == u32::MAX || (record.cause as usize) < index;
                assert!(
                    caused,
                    "{}: event {index} comes before its cause",
                    spec.link()
                );
                assert!(
                    !run.recorder().label(record).is_empty(),
                    "{}: event {index}",
                    spec.link()
                );
            }
        });
    }
}

#[test]
fn time_that_passes_in_pieces_is_the_same_time() {
    for (system, scenario) in scenarios() {
        let spec = spec(system, &scenario, 2);
        let straight = finished(&spec, Level::Off);
        let mut run = build(&spec, Level::Off);
        let end = end(&spec);
        let mut now = Time::ZERO;
        while now < end {
            run.run_until(now);
            now = Time(now.0 + 7_300_000);
            let copy = run.fork();
            run = copy;
        }
        run.run_until(end);
        assert_eq!(run.frame(), straight.frame(), "{}", spec.link());
    }
}

#[test]
fn there_is_something_to_see_at_every_step() {
    for (system, scenario) in scenarios() {
        let spec = spec(system, &scenario, 4);
        let mut run = build(&spec, Level::Off);
        let mut messages: Vec<MessageView> = Vec::new();
        loop {
            let frame = run.frame();
            let roles = frame.nodes.iter().filter(|it| it.role.is_some()).count();
            assert!(frame.nodes.len() >= roles && !frame.checks.is_empty());
            messages.clear();
            run.messages(&mut messages);
            for message in &messages {
                assert!(
                    message.sent <= message.due && message.due <= message.whole,
                    "{message:?}"
                );
                assert!(run.message(message.id).is_some(), "{message:?}");
            }
            assert!(serde_json::to_string(&frame).is_ok());
            if !run.step(end(&spec)) {
                break;
            }
            assert!(run.now() >= frame.time, "{}: time went back", spec.link());
        }
    }
}

#[test]
fn a_link_says_everything() {
    for (system, scenario) in scenarios() {
        let mut spec = spec(system, &scenario, u64::MAX);
        spec.set("nodes", "6");
        spec.set("latency", "lognormal(12ms,0.7)");
        spec.set("loss", "1.25%");
        for line in [
            "300ms crash n1",
            "0.5s restart all",
            "0.5s cut n2>n3",
            "700ms clock n2 -20ms",
            "1s heal",
        ] {
            spec.commands.push(line.parse().expect("a command"));
        }
        spec.length = Some(clusterscope_core::Span::secs(2));
        let again = RunSpec::from_link(&spec.link()).expect("its own link");
        assert_eq!(again, spec);
        let (one, two) = (
            finished(&spec, Level::Events),
            finished(&again, Level::Events),
        );
        assert_eq!(
            one.recorder().hash(),
            two.recorder().hash(),
            "{}",
            spec.link()
        );
    }
}

#[test]
fn every_setting_reads_what_it_writes() {
    for (system, scenario) in scenarios() {
        let plain = spec(system, &scenario, 5);
        let mut told = plain.clone();
        for setting in settings_of_spec(system, &plain) {
            let text = setting.value.to_string();
            let read = setting
                .kind
                .read(&text)
                .unwrap_or_else(|it| panic!("{}: {it}", setting.id));
            assert_eq!(
                read, setting.value,
                "{}/{}: {}",
                system.about.id, scenario.id, setting.id
            );
            told.set(setting.id, &text);
        }
        let hash = |it: &RunSpec| finished(it, Level::Off).recorder().hash();
        assert_eq!(hash(&plain), hash(&told), "{}", plain.link());
    }
}

fn settings_of_spec(system: &System, spec: &RunSpec) -> Vec<SettingView> {
    (system.settings)(spec).unwrap_or_else(|it| panic!("{}: {it}", spec.link()))
}

#[test]
fn requests_and_text_are_one_to_one() {
    for system in systems::ALL
        .iter()
        .filter(|it| !it.about.request.is_empty())
    {
        let run = build(&RunSpec::new(system.about.id, "calm"), Level::Off);
        let command = format!("request n1 {}", system.about.request);
        let command: clusterscope_core::sim::command::Command = command.parse().expect("a command");
        run.accepts(&command).unwrap_or_else(|it| panic!("{it}"));
        assert_eq!(
            command.to_string(),
            format!("request n1 {}", system.about.request)
        );
        let other = "request n1 complain loudly".parse().expect("a command");
        let error = run
            .accepts(&other)
            .expect_err("no system understands that")
            .to_string();
        assert!(error.contains("complain loudly"), "{error}");
    }
}

#[test]
fn the_environment_has_no_setting_of_a_system() {
    let own: Vec<&str> = Environment::settings().iter().map(|it| it.id).collect();
    for system in systems::ALL {
        for setting in settings_of(system, "calm").iter().filter(|it| it.of_system) {
            assert!(
                !own.contains(&setting.id),
                "{}: {} is the environment's",
                system.about.id,
                setting.id
            );
        }
    }
}
