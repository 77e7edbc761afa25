//! Text from outside, damaged in every way: it is read or refused, and nothing panics, hangs or runs on for ever. What
//! is read is what is written again; what is refused is quoted, in one line.

mod common;
#[path = "common/pieces.rs"]
mod pieces;

use std::fmt::Display;
use std::str::FromStr;

use clusterscope_core::sim::command::{Command, Planned, parse_script};
use clusterscope_core::sim::dist::{Chance, Dist};
use clusterscope_core::sim::rng::{Rng, Stream};
use clusterscope_core::trace::Level;
use clusterscope_core::{BadInput, Player, RunSpec, Span, Time};

use common::scenarios;

/// Whole commands that are understood, to begin with.
const COMMANDS: [&str; 20] = [
    "crash n1",
    "crash leader",
    "restart all",
    "pause n2",
    "resume all",
    "clock all -3s",
    "clock n1 +1000000s",
    "drift n1 -500000ppm",
    "drift all +500000ppm",
    "partition n1 n2 | n3",
    "cut n1>n2",
    "mend all-n1",
    "heal",
    "fire n1 election",
    "fire all interval",
    "request all put x 5",
    "request n2 ping n1",
    "set loss 90%",
    "set latency uniform(0s,40ms)",
    "set disk exponential(1ms,90ms)",
];

fn text(rng: &mut Rng) -> String {
    let mut text: String = (0..rng.below(7))
        .map(|_| *rng.pick(&pieces::WORDS))
        .collect();
    if rng.below(3) == 0 {
        text = (*rng.pick(&COMMANDS)).to_owned();
    }
    damage(rng, text)
}

/// Changes, takes out or adds a few characters.
fn damage(rng: &mut Rng, text: String) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..rng.below(3) {
        let at = rng.below(letters.len() as u64 + 1) as usize;
        let new = char::from_u32(rng.below(0x250) as u32).unwrap_or('x');
        match rng.below(3) {
            0 if at < letters.len() => letters[at] = new,
            1 if at < letters.len() => drop(letters.remove(at)),
            _ => letters.insert(at, new),
        }
    }
    letters.into_iter().collect()
}

/// Reads text: what is understood must be written and read again alike.
fn round_trip<T: FromStr<Err = BadInput> + Display + PartialEq>(text: &str) -> bool {
    match text.parse::<T>() {
        Ok(value) => {
            let again = value.to_string().parse::<T>();
            assert!(again.is_ok_and(|it| it == value), "{text:?} became {value}");
            true
        }
        Err(error) => {
            assert_fit_to_print(text, &error);
            false
        }
    }
}

fn assert_fit_to_print(text: &str, error: &BadInput) {
    let error = error.to_string();
    assert!(
        error.contains('"') && error.chars().count() < 1_000,
        "{text:?}: {error}"
    );
    assert!(!error.contains(char::is_control), "{text:?}: {error:?}");
}

#[test]
fn what_is_read_is_what_is_written() {
    let mut rng = Rng::stream(12, Stream::Faults);
    let mut read = 0;
    for _ in 0..30_000 {
        let text = text(&mut rng);
        read += u32::from(round_trip::<Command>(&text));
        read += u32::from(round_trip::<Planned>(&format!("1s {text}")));
        round_trip::<Dist>(&text);
        round_trip::<Chance>(&text);
        round_trip::<Span>(&text);
        round_trip::<Time>(&text);
        if let Err(error) = parse_script(&text) {
            assert_fit_to_print(&text, &error);
        }
    }
    assert!(
        read > 5_000,
        "only {read} were understood, so little was tried"
    );
}

#[test]
fn links_are_read_or_refused() {
    let mut rng = Rng::stream(13, Stream::Faults);
    let mut read = 0;
    for (system, scenario) in scenarios() {
        for _ in 0..2_000 {
            let mut spec = common::spec(system, &scenario, rng.bits());
            spec.set("loss", "2%");
            spec.commands
                .extend(text(&mut rng).parse().ok().map(|command| Planned {
                    at: Time(5),
                    command,
                }));
            let link = damage(&mut rng, spec.link());
            match RunSpec::from_link(&link) {
                Ok(spec) => {
                    read += 1;
                    assert_eq!(
                        RunSpec::from_link(&spec.link()).as_ref(),
                        Ok(&spec),
                        "{link:?}"
                    );
                    if let Err(error) = spec.build(Level::Off) {
                        assert_fit_to_print(&link, &error);
                    }
                }
                Err(error) => assert_fit_to_print(&link, &error),
            }
        }
    }
    assert!(
        read > 5_000,
        "only {read} were understood, so little was tried"
    );
}

#[test]
fn settings_are_read_or_refused() {
    let mut rng = Rng::stream(14, Stream::Faults);
    for (system, scenario) in scenarios() {
        let plain = common::spec(system, &scenario, 1);
        for setting in (system.settings)(&plain).unwrap_or_else(|it| panic!("{it}")) {
            for _ in 0..40 {
                let mut spec = plain.clone();
                let text = text(&mut rng);
                spec.set(setting.id, &damage(&mut rng, setting.value.to_string()));
                spec.set(&text, "1");
                for problem in [setting.kind.read(&text).err(), spec.build(Level::Off).err()]
                    .into_iter()
                    .flatten()
                {
                    assert_fit_to_print(&text, &problem);
                }
            }
        }
    }
}

#[test]
fn no_command_brings_a_run_down() {
    let mut rng = Rng::stream(15, Stream::Faults);
    for (system, scenario) in scenarios() {
        for seed in 0..20 {
            let mut spec = common::spec(system, &scenario, seed);
            spec.length = Some(Span::ms(1_200));
            let rules = (system.settings)(&spec).unwrap_or_else(|it| panic!("{it}"));
            for rule in rules.iter().filter(|it| it.rule.is_some()) {
                spec.set(rule.id, if rng.below(2) == 0 { "on" } else { "off" });
            }
            spec.set("clients", "3");
            let run = spec.build(Level::Off).unwrap_or_else(|it| panic!("{it}"));
            for at in 0..60 {
                let text = match rng.below(4) {
                    0 => format!("delay m{} {}ms", at * 5 + rng.below(40), rng.below(300)),
                    1 => format!("duplicate m{}", at * 5 + rng.below(40)),
                    _ => (*rng.pick(&COMMANDS)).to_owned(),
                };
                let command: Command = text.parse().unwrap_or_else(|it| panic!("{it}"));
                if run.accepts(&command).is_ok() {
                    spec.commands.push(Planned {
                        at: Time(at * 20_000_000),
                        command,
                    });
                }
            }
            survives(&spec);
        }
    }
}

/// Runs, and sees time go on and counts add up.
fn survives(spec: &RunSpec) {
    let mut run = common::build(spec, Level::Words);
    let mut now = Time::ZERO;
    while run.step(Time(1_200_000_000)) {
        assert!(
            run.now() >= now,
            "{}: time went back to {}",
            spec.link(),
            run.now()
        );
        now = run.now();
    }
    let frame = run.frame();
    assert!(
        frame.stats.completed + frame.stats.refused + frame.stats.unknown <= frame.stats.invoked
    );
    assert_eq!(
        run.take_explained().len() as u32,
        run.recorder().events(),
        "{}",
        spec.link()
    );
}

#[test]
fn what_is_too_much_ends_a_run_and_says_so() {
    let mut spec = RunSpec::new("raft", "calm");
    spec.set("nodes", "99");
    spec.set("clients", "0");
    // Far more requests than there are numbers for the clients of a person.
    for at in 0..300 {
        let command = "request all put x 1"
            .parse()
            .unwrap_or_else(|it| panic!("{it}"));
        spec.commands.push(Planned {
            at: Time(at * 10),
            command,
        });
    }
    let mut run = common::build(&spec, Level::Off);
    run.run_until(Time(1_000_000));
    assert!(
        run.frame().clients.len() <= 9_000,
        "{}",
        run.frame().clients.len()
    );

    let mut spec = RunSpec::new("ping", "calm");
    for setting in ["latency=0s", "disk=0s", "interval=1ms", "nodes=99"] {
        let (key, value) = setting.split_once('=').expect("a setting");
        spec.set(key, value);
    }
    let mut run = common::build(&spec, Level::Off);
    run.run_until(Time(50_000_000));
    assert_eq!(run.halted(), None, "busy, but time passes");
}

/// Swarms draw their faults before anybody knows whether the settings fit together, for as long as the run is to last.
#[test]
fn swarms_of_any_size_and_length_are_drawn_or_refused() {
    let sizes = ["1", "2", "3", "4", "5", "99"];
    for (system, swarm) in scenarios() {
        for (seed, span) in (0..80).zip(["0s", "1ns", "1s", "100000s"].into_iter().cycle()) {
            let mut spec = RunSpec::new(system.about.id, swarm.id);
            spec.seed = seed;
            spec.set("nodes", sizes[seed as usize / 4 % sizes.len()]);
            spec.length = Some(span.parse().unwrap());
            if let (true, Ok(mut run)) = (swarm.id.starts_with("swarm"), spec.build(Level::Off)) {
                let end = Time::ZERO + Span::secs(1);
                let mut steps = 0..20;
                while steps.next().is_some() && run.step(end) {}
            }
        }
    }
}

#[test]
fn what_waits_in_an_inbox_is_delayed_from_now() {
    let mut spec = RunSpec::new("ping", "calm");
    spec.set("nodes", "2");
    spec.set("latency", "10ms");
    for line in ["0s pause n2", "200ms delay m1 1ms", "400ms resume n2"] {
        spec.commands
            .push(line.parse().unwrap_or_else(|it| panic!("{it}")));
    }
    survives(&spec);
    let mut run = common::build(&spec, Level::Off);
    run.run_until(Time(200_000_000));
    let delayed = run.message(1).expect("it waits for n2");
    assert_eq!(delayed.view.due, Time(201_000_000));
}

#[test]
fn a_link_to_the_end_of_days_is_refused_and_not_waited_for() {
    for link in [
        "#/raft/calm?t=900000s",
        "#/raft/calm?t=900000s&step=99999999999",
    ] {
        let spec = RunSpec::from_link(link).unwrap();
        let error = Player::open(spec).err().expect("too far").to_string();
        assert!(
            error.starts_with("\"900000s\" lies too far ahead"),
            "{error}"
        );
    }
}
