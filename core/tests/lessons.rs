//! Every lesson can be read, and whoever does what it asks for gets to its end.

use std::fs;
use std::path::PathBuf;

use clusterscope_core::lesson::{Lesson, Step};
use clusterscope_core::systems;
use clusterscope_core::{Player, RunSpec};

fn lesson(system: &str) -> Option<Lesson> {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.push(format!("../www/lessons/{system}.md"));
    let text = fs::read_to_string(path).ok()?;
    Some(Lesson::read(&text).unwrap_or_else(|it| panic!("{system}: {it}")))
}

fn open(spec: &RunSpec) -> Player {
    let mut player = Player::open(spec.clone()).unwrap_or_else(|it| panic!("{it}"));
    player.seek(clusterscope_core::Time::ZERO);
    player
}

/// Does what the step asks for, and lets time pass until what it waits for is so.
fn take(player: &mut Player, step: &Step, place: &str) {
    for command in &step.commands {
        let given = player.command(command.clone());
        given.unwrap_or_else(|it| panic!("{place}: {it}"));
    }
    let end = player.now() + step.within;
    while !step.until.holds(player.run()) {
        assert!(
            player.now() <= end,
            "{place}: nothing came of it within {}",
            step.within
        );
        assert!(
            player.step_forward(),
            "{place}: the run ends before \"{}\"",
            step.until
        );
    }
}

#[test]
fn whoever_does_what_a_lesson_asks_for_gets_to_its_end() {
    for system in systems::ALL {
        let Some(lesson) = lesson(system.about.id) else {
            continue;
        };
        let mut player = open(&lesson.run);
        for step in &lesson.steps {
            let place = format!("{}, {}", system.about.id, step.title);
            if let Some(run) = &step.run {
                player = open(run);
            }
            let holds = step.until.holds(player.run());
            assert!(!holds, "{place}: it is done before it begins");
            take(&mut player, step, &place);
        }
        assert!(
            !lesson.steps.is_empty(),
            "{}: has no steps",
            system.about.id
        );
    }
}
