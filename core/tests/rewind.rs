//! Wherever a player has been, what it shows is what a fresh run shows at the same step; and a course of events that
//! was left comes back as it was.

mod common;

use clusterscope_core::frame::Frame;
use clusterscope_core::sim::command::Command;
use clusterscope_core::sim::player::{BRANCHES_MAX, Limits};
use clusterscope_core::sim::rng::{Rng, Stream};
use clusterscope_core::sim::run::Run;
use clusterscope_core::trace::{Explained, Kind, Level};
use clusterscope_core::{Player, RunSpec, Span, Time};

use common::{build, end, finished, scenarios, spec};

/// Moves in each scenario.
const MOVES: usize = 150;

/// Steps between the copies that the fresh run leaves behind, so that looking something up is quick.
const STRIDE: u64 = 64;

/// A run that only ever went forward, and what it looked like on the way.
struct Straight {
    copies: Vec<Box<dyn Run>>,
}

impl Straight {
    fn new(spec: &RunSpec) -> Straight {
        Straight {
            copies: vec![build(spec, Level::Events)],
        }
    }

    /// The frame after `step` steps, when time has passed until `now`.
    fn at(&mut self, step: u64, now: Time) -> (Frame, Box<dyn Run>) {
        while (self.copies.len() as u64) * STRIDE <= step {
            let mut run = self
                .copies
                .last()
                .expect("the first is always there")
                .fork();
            let next = run.steps() + STRIDE;
            while run.steps() < next && run.step(Time::MAX) {}
            self.copies.push(run);
        }
        let mut run = self.copies[(step / STRIDE) as usize].fork();
        while run.steps() < step && run.step(Time::MAX) {}
        run.wait_until(now);
        let run = settled(&*run);
        (run.frame(), run)
    }
}

/// The same moment, with everything in its inbox that has come to a node that cannot act: that takes no step, so a run
/// which has only stepped here may not have noticed yet.
fn settled(run: &dyn Run) -> Box<dyn Run> {
    let mut ahead = run.fork();
    if ahead.step(run.now()) {
        run.fork()
    } else {
        ahead
    }
}

fn player(spec: &RunSpec) -> Player {
    Player::open(spec.clone()).unwrap_or_else(|it| panic!("{}: {it}", spec.link()))
}

fn command(text: &str) -> Command {
    text.parse().unwrap_or_else(|it| panic!("{it}"))
}

/// Goes somewhere else, in one of the ways that a person has.
fn wander(player: &mut Player, rng: &mut Rng, length: Span) -> String {
    let time = Time(rng.below(length.0 * 11 / 10));
    match rng.below(9) {
        0 | 1 => {
            player.seek(time);
            format!("seek {time}")
        }
        2 => {
            let step = rng.below(player.frontier_steps() + 20);
            player.seek_step(step);
            format!("seek step {step}")
        }
        3 => {
            player.step_forward();
            "step forward".to_owned()
        }
        4 => {
            player.step_back();
            "step back".to_owned()
        }
        5 => {
            let before = player.run().steps();
            let moved = player.next_turn();
            assert_eq!(moved, player.run().steps() > before, "next turn");
            "next turn".to_owned()
        }
        6 => {
            let before = player.run().steps();
            player.previous_turn();
            assert!(player.run().steps() <= before, "previous turn");
            "previous turn".to_owned()
        }
        7 => {
            player.seek_step(0);
            "start".to_owned()
        }
        _ => {
            let (until, budget) = (player.now() + Span(rng.below(400_000_000)), rng.below(500));
            player.play(until, budget);
            format!("play to {until} in {budget} steps")
        }
    }
}

#[test]
fn rewinding_is_exact() {
    for (system, scenario) in scenarios() {
        let mut spec = spec(system, &scenario, 6);
        for line in [
            "310ms crash n1",
            "450ms partition n2",
            "450ms restart n1",
            "900ms heal",
        ] {
            spec.commands.push(line.parse().expect("a command"));
        }
        let mut straight = Straight::new(&spec);
        let mut player = player(&spec);
        let mut rng = Rng::stream(6, Stream::Faults);
        for count in 0..MOVES {
            let what = wander(&mut player, &mut rng, scenario.length);
            let place = format!("{}/{}: move {count}, {what}", system.about.id, scenario.id);
            let (frame, fresh) = straight.at(player.run().steps(), player.now());
            assert_eq!(settled(player.run()).frame(), frame, "{place}");
            assert_eq!(player.broken(), None, "{place}");
            assert!(
                player.run().recorder().records() == fresh.recorder().records(),
                "{place}"
            );
            assert!(player.run().history() == fresh.history(), "{place}");
            assert!(
                player.records().len() >= fresh.recorder().records().len(),
                "{place}"
            );
        }
        let (_, fresh) = straight.at(player.frontier_steps(), player.frontier());
        player.seek_step(0);
        player.records().with(0, u32::MAX, |it| {
            for record in it {
                let label = fresh.recorder().label(record);
                assert_eq!(
                    player.label(record),
                    label,
                    "{}: words of what lies ahead",
                    spec.link()
                );
            }
        });
        assert!(
            player.records() == fresh.recorder().records(),
            "{}",
            spec.link()
        );
    }
}

#[test]
fn a_link_opens_where_it_was_made() {
    for (system, scenario) in scenarios() {
        let spec = spec(system, &scenario, 7);
        let mut here = player(&spec);
        let mut rng = Rng::stream(7, Stream::Faults);
        for _ in 0..MOVES / 5 {
            wander(&mut here, &mut rng, scenario.length);
            let link = here.spec().link();
            let there = player(&RunSpec::from_link(&link).expect("its own link"));
            assert_eq!(
                settled(there.run()).frame(),
                settled(here.run()).frame(),
                "{link}"
            );
            assert_eq!(there.spec().link(), link);
        }
    }
}

#[test]
fn a_command_in_the_past_keeps_what_came_after() {
    for (system, scenario) in scenarios() {
        let spec = spec(system, &scenario, 8);
        let mut player = player(&spec);
        let place = spec.link();
        let last = Time(scenario.length.0).max(Time(2_000_000_000));
        player.seek(Time(500_000_000));
        player.command(command("crash n1")).expect("n1 is there");
        assert!(
            player.branches().is_empty(),
            "{place}: at the frontier nothing is left behind"
        );
        player.seek(last);
        let old = (player.run().recorder().hash(), player.commands().to_vec());
        player.seek(Time(700_000_000));
        if player.run().steps() == player.frontier_steps() {
            // Nothing came after, so there is nothing to keep.
            continue;
        }
        player.command(command("restart n1")).expect("n1 is there");
        assert_eq!(player.branches().len(), 1, "{place}");
        assert_eq!(player.branches()[0].forked_at, Time(700_000_000), "{place}");
        assert_eq!(player.branches()[0].until(), last, "{place}");
        player.seek(last);
        let new = (player.run().recorder().hash(), player.commands().to_vec());
        assert_ne!(old.0, new.0, "{place}");
        for expected in [&old, &new, &old] {
            player.switch(0);
            assert_eq!(player.branches().len(), 1, "{place}");
            assert_eq!(player.frontier(), last, "{place}");
            player.seek(last);
            assert_eq!(player.run().recorder().hash(), expected.0, "{place}");
            assert_eq!(player.commands(), expected.1, "{place}");
            assert_eq!(player.broken(), None, "{place}");
        }
    }
}

#[test]
fn branches_can_part_at_the_very_start() {
    for (system, scenario) in scenarios() {
        let spec = spec(system, &scenario, 9);
        let mut player = player(&spec);
        let mut hashes = Vec::new();
        for text in ["crash n1", "crash n2"] {
            player.seek_step(0);
            player.command(command(text)).expect("the node is there");
            player.seek(Time(400_000_000));
            hashes.push(player.run().recorder().hash());
        }
        for expected in [hashes[0], hashes[1]] {
            player.switch(0);
            player.seek(Time(400_000_000));
            assert_eq!(player.run().recorder().hash(), expected, "{}", spec.link());
            assert_eq!(player.broken(), None, "{}", spec.link());
        }
    }
}

/// Commands that fit every system.
const DONE: [&str; 12] = [
    "crash n1",
    "restart all",
    "pause n2",
    "resume all",
    "partition n1 | n2",
    "heal",
    "cut n1>n2",
    "set loss 30%",
    "set latency 0s",
    "set latency 10ms",
    "drift n2 -300000ppm",
    "clock n1 +70ms",
];

#[test]
fn whatever_a_person_does_a_fresh_run_of_it_is_the_same() {
    for (system, scenario) in scenarios() {
        let spec = spec(system, &scenario, 10);
        let mut player = player(&spec);
        let mut rng = Rng::stream(10, Stream::Faults);
        for count in 0..40 {
            let what = match rng.below(3) {
                0 => {
                    let text = *rng.pick(&DONE);
                    player
                        .command(command(text))
                        .unwrap_or_else(|it| panic!("{it}"));
                    text.to_owned()
                }
                1 if !player.branches().is_empty() => {
                    let branch = rng.below(player.branches().len() as u64) as usize;
                    player.switch(branch);
                    format!("switch {branch}")
                }
                _ => wander(&mut player, &mut rng, scenario.length),
            };
            let link = player.spec().link();
            let mut fresh = build(&player.spec(), Level::Events);
            let (steps, now) = (player.run().steps(), player.now());
            while fresh.steps() < steps && fresh.step(now) {}
            fresh.wait_until(now);
            assert_eq!(
                settled(player.run()).frame(),
                settled(&*fresh).frame(),
                "{link}: after {count}, {what}"
            );
            assert_eq!(player.broken(), None, "{link}");
        }
    }
}

#[test]
fn words_made_afterwards_are_those_made_at_once() {
    for (system, scenario) in scenarios() {
        let spec = spec(system, &scenario, 11);
        let words = finished(&spec, Level::Words).take_explained();
        let mut player = player(&spec);
        player.seek(end(&spec));
        player.seek(Time(300_000_000));
        let mut rng = Rng::stream(11, Stream::Faults);
        for _ in 0..20 {
            let from = rng.below(words.len() as u64) as usize;
            let to = words.len().min(from + rng.below(40) as usize);
            let made = player.explain(from as u32, to as u32);
            assert_eq!(made, words[from..to], "{}: {from} to {to}", spec.link());
        }
    }
}

/// So little that a run of a minute fills it many times over.
const TIGHT: Limits = Limits {
    records: 1 << 20,
    snapshots: 1 << 20,
    history: u32::MAX,
};

fn long(link: &str) -> (RunSpec, Time) {
    let spec = RunSpec::from_link(link).expect("a link");
    let end = end(&spec);
    (spec, end)
}

#[test]
fn letting_detail_go_changes_nothing_that_happens() {
    for link in [
        "#/raft/swarm?seed=5&set.clients=10&for=40s",
        "#/ping/calm?seed=5&for=600s",
    ] {
        let (spec, end) = long(link);
        let straight = finished(&spec, Level::Off).recorder().hash();
        let mut tight = Player::at_start(spec.clone(), TIGHT).expect("a run");
        assert!(tight.seek(end), "{link}");
        assert_eq!(tight.run().recorder().hash(), straight, "{link}");
        let first = tight.records().first();
        assert!(first > 0, "{link}: everything was kept");
        let since = tight.kept_since().expect("something was let go");
        let (records, snapshots) = tight.bytes();
        assert!(
            records <= TIGHT.records,
            "{link}: {records} bytes of records"
        );
        assert!(
            snapshots <= TIGHT.snapshots,
            "{link}: {snapshots} bytes of snapshots"
        );
        let all = build(&spec, Level::Events);
        let mut fresh = all.fork();
        let mut rng = Rng::stream(16, Stream::Faults);
        for count in 0..1_000 {
            tight.seek(Time(rng.below(end.0)));
            if count % 50 == 0 {
                // Before what is kept as well as in it: the seed makes it again.
                if fresh.steps() > tight.run().steps() {
                    fresh = all.fork();
                }
                while fresh.steps() < tight.run().steps() && fresh.step(Time::MAX) {}
                assert_eq!(
                    tight.run().recorder().hash(),
                    fresh.recorder().hash(),
                    "{link}"
                );
                let newest = tight.run().recorder().records().last();
                assert!(
                    newest == fresh.recorder().records().last(),
                    "{link}: the latest is known"
                );
            }
        }
        tight.seek(end);
        assert_eq!(
            tight.run().recorder().hash(),
            straight,
            "{link}: after a thousand jumps"
        );
        assert_eq!(
            (tight.records().first(), tight.kept_since()),
            (first, Some(since)),
            "{link}"
        );
        assert_eq!(tight.broken(), None, "{link}");
    }
}

/// The hash of a run after every step, and the words of every event when they are made.
fn told(spec: &RunSpec, level: Level) -> (Vec<u64>, Vec<Explained>) {
    let (mut run, end) = (build(spec, level), end(spec));
    let (mut hashes, mut words) = (vec![run.recorder().hash()], run.take_explained());
    while run.step(end) {
        hashes.push(run.recorder().hash());
        words.append(&mut run.take_explained());
    }
    (hashes, words)
}

#[test]
fn a_thousand_random_moments_are_the_same_at_every_level_in_hash_and_words() {
    for link in [
        "#/raft/swarm?seed=3&set.clients=10&for=30s",
        "#/ping/swarm?seed=3&for=120s",
    ] {
        let (spec, end) = long(link);
        let (hashes, words) = told(&spec, Level::Words);
        for level in [Level::Off, Level::Events] {
            let (same, none) = told(&spec, level);
            assert!(same == hashes && none.is_empty(), "{link}: at {level:?}");
        }
        for limits in [TIGHT, Limits::default()] {
            let mut player = Player::at_start(spec.clone(), limits).expect("a run");
            player.seek(end);
            let mut rng = Rng::stream(17, Stream::Faults);
            let mut explained = 0;
            for count in 0..1_000 {
                let place = format!("{link}: jump {count}");
                player.seek(Time(rng.below(end.0)));
                let (steps, events) = {
                    let run = player.run();
                    (run.steps(), run.recorder().events())
                };
                let hash = player.run().recorder().hash();
                assert_eq!(hash, hashes[steps as usize], "{place}");
                // Around the playhead, so that some of it lies ahead.
                let from = events.saturating_sub(5);
                let to = (events + 5).min(player.records().len());
                if from >= player.records().first() {
                    let made = player.explain(from, to);
                    assert_eq!(made, words[from as usize..to as usize], "{place}");
                    explained += 1;
                }
            }
            let all = player.records().first() == 0;
            assert!(
                if all {
                    explained == 1_000
                } else {
                    explained > 0
                },
                "{link}"
            );
            player.seek(end);
            assert_eq!(Some(&player.run().recorder().hash()), hashes.last());
            assert_eq!(player.broken(), None, "{link}");
        }
    }
}

#[test]
fn a_branch_from_a_time_whose_detail_is_gone_survives_like_any_other() {
    let (spec, end) = long("#/raft/swarm?seed=6&set.clients=10&for=40s");
    let mut tight = Player::at_start(spec, TIGHT).expect("a run");
    tight.seek(end);
    let old = tight.run().recorder().hash();
    let early = Time(2_000_000_000);
    assert!(tight.kept_since() > Some(early));
    tight.seek(early);
    tight.command(command("crash n1")).expect("n1 is there");
    let known = tight.records().len();
    assert_eq!(
        tight.records().get(known - 1).map(|it| it.kind),
        Some(Kind::Fault)
    );
    tight.seek(end);
    let new = tight.run().recorder().hash();
    assert_ne!(old, new);
    assert!(
        tight.bytes().0 <= TIGHT.records,
        "both courses share what there is"
    );
    for expected in [old, new, old] {
        tight.switch(0);
        tight.seek(end);
        assert_eq!(tight.run().recorder().hash(), expected);
        assert_eq!(tight.broken(), None);
    }
}

#[test]
fn turns_of_the_story_outlive_the_detail() {
    let (spec, end) = long("#/raft/swarm?seed=7&set.clients=10&for=40s");
    let mut roomy = player(&spec);
    let mut tight = Player::at_start(spec, TIGHT).expect("a run");
    for player in [&mut roomy, &mut tight] {
        player.seek(end);
    }
    assert!(tight.records().first() > 0 && roomy.records().first() == 0);
    let mut count = 0;
    while roomy.previous_turn() {
        assert!(tight.previous_turn());
        assert_eq!(roomy.run().steps(), tight.run().steps());
        count += 1;
    }
    assert!(count > 10, "only {count} turns");
    assert!(!tight.previous_turn());
    // The very first may be at the start itself, where they stand now.
    for _ in 1..count {
        assert!(roomy.next_turn() && tight.next_turn());
        assert_eq!(roomy.run().steps(), tight.run().steps());
    }
}

#[test]
fn only_so_many_branches_are_kept() {
    let mut player = player(&RunSpec::new("ping", "calm"));
    for count in 0..BRANCHES_MAX + 5 {
        player.seek(Time(1_000_000_000));
        player.seek(Time(200_000_000 + count as u64));
        player.command(command("crash n1")).expect("n1 is there");
    }
    assert_eq!(player.branches().len(), BRANCHES_MAX);
    assert!(
        player.dropped_branches() >= 4,
        "{}",
        player.dropped_branches()
    );
}

#[test]
fn a_long_way_is_gone_in_pieces() {
    let (spec, end) = long("#/raft/calm?seed=8&for=20s");
    let mut whole = player(&spec);
    assert!(whole.seek(end));
    let mut pieces = player(&spec);
    let mut count = 0;
    while !pieces.seek_within(end, 500) {
        count += 1;
        assert!(
            pieces.run().steps() <= 500 * count,
            "no further than it may"
        );
    }
    assert!(count > 5, "only {count} pieces");
    assert_eq!(
        pieces.run().recorder().hash(),
        whole.run().recorder().hash()
    );
    assert_eq!(pieces.now(), end);
    assert!(
        pieces.seek_within(Time(1_000_000), 500),
        "near the first snapshot"
    );
    assert_eq!(pieces.now(), Time(1_000_000));
}

#[test]
fn what_cannot_be_let_go_ends_the_playing_and_says_so() {
    let (spec, end) = long("#/raft/calm?seed=9&set.clients=20&for=60s");
    let limits = Limits {
        history: 1_000,
        ..Limits::default()
    };
    let mut player = Player::at_start(spec, limits).expect("a run");
    assert!(!player.seek(end));
    assert!(player.full().is_some_and(|it| it.contains("1000 things")));
    let stood = player.now();
    assert!(stood < end, "time does not pass without events");
    assert!(!player.play(end, 1_000));
    assert_eq!(player.now(), stood);
    assert!(
        player.seek(Time(1_000_000_000)),
        "what is known can be seen"
    );
    assert_eq!(player.full(), None);
}
