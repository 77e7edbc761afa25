//! Searching many seeds and making small what was found: nothing is lost on the way, and nothing depends on luck.

mod common;

use clusterscope_core::RunSpec;
use clusterscope_core::check::Verdict;
use clusterscope_core::sim::run::Run;
use clusterscope_core::sim::search::{Finding, Goal, How, Scan, Search};
use clusterscope_core::sim::shrink::{RUNS_USUAL, Shrinker};
use clusterscope_core::systems;
use clusterscope_core::trace::Level;

use common::{build, end, finished, scenarios, spec};

/// No failing run needs more commands than this.
const COMMANDS_SMALL: usize = 12;

fn scan(spec: &RunSpec, goal: Goal, count: u64) -> Scan {
    let search =
        Search::new(spec.clone(), goal).unwrap_or_else(|it| panic!("{}: {it}", spec.link()));
    search
        .scan(1, count, false)
        .unwrap_or_else(|it| panic!("{}: {it}", spec.link()))
}

fn moment(text: &str) -> Goal {
    Goal::read(None, Some(text)).unwrap_or_else(|it| panic!("{it}"))
}

/// A run at its playhead.
fn at_playhead(spec: &RunSpec) -> Box<dyn Run> {
    let mut run = build(spec, Level::Off);
    let playhead = spec.playhead.expect("a finding has a playhead");
    let most = playhead.step.unwrap_or(u64::MAX);
    while run.steps() < most && run.step(playhead.time) {}
    run
}

#[test]
fn a_run_written_out_in_full_is_the_same_run() {
    for (system, scenario) in scenarios() {
        let seeds = if scenario.id == "swarm" { 150 } else { 5 };
        for seed in 1..=seeds {
            let mut spec = spec(system, &scenario, seed);
            if seed % 3 == 0 {
                spec.set("loss", "1%");
                spec.commands = vec![
                    "1s crash n1".parse().unwrap(),
                    "1.5s restart n1".parse().unwrap(),
                ];
            }
            let detached = spec
                .detach()
                .unwrap_or_else(|it| panic!("{}: {it}", spec.link()));
            assert_eq!(RunSpec::from_link(&detached.link()), Ok(detached.clone()));
            assert_eq!(end(&detached), end(&spec));
            assert!(build(&detached, Level::Off).script().is_empty());
            let hash = |spec: &RunSpec| finished(spec, Level::Off).recorder().hash();
            assert_eq!(
                hash(&detached),
                hash(&spec),
                "{}\n{}",
                spec.link(),
                detached.link()
            );
            assert_eq!(detached.detach(), Ok(detached));
        }
    }
}

/// Makes a finding small, and looks whether what is left still shows it.
fn make_small(finding: &Finding, goal: &Goal) -> Finding {
    let mut shrinker =
        Shrinker::new(&finding.spec, goal, RUNS_USUAL).unwrap_or_else(|it| panic!("{it}"));
    while !shrinker.work(100).done {}
    let small = shrinker.best().clone();
    let link = small.spec.link();
    assert!(
        small.spec.commands.len() <= COMMANDS_SMALL,
        "{} commands are left: {link}",
        small.spec.commands.len()
    );
    let again = RunSpec::from_link(&link).unwrap_or_else(|it| panic!("{it}"));
    let reports = at_playhead(&again).reports();
    let report = reports.iter().find(|it| it.name == finding.what);
    let verdict = report.map(|it| it.verdict);
    assert_eq!(verdict, Some(Verdict::Violated), "{link}: {}", finding.what);
    small
}

#[test]
fn every_weakened_scenario_is_found_and_made_small() {
    for (system, scenario) in scenarios() {
        let Some(check) = scenario.weakened else {
            continue;
        };
        let spec = spec(system, &scenario, 1);
        let goal = Goal::Check(check.to_owned());
        let found = scan(&spec, goal.clone(), 1_000).first;
        let found = found.unwrap_or_else(|| panic!("{}: {check} never falls", spec.link()));
        assert_eq!(found.what, check);
        // What never comes cannot be made to come sooner.
        if found.how == How::Violated {
            make_small(&found, &goal);
        }
    }
}

/// Every rule that is of use against faults drawn from the seed is missed when it is off.
#[test]
fn a_rule_switched_off_is_found_and_made_small() {
    let (mut rules, mut found) = (0, 0);
    for system in systems::ALL {
        let plain = RunSpec::new(system.about.id, "swarm");
        let settings = (system.settings)(&plain).unwrap_or_else(|it| panic!("{it}"));
        for rule in settings.iter().filter(|it| it.rule.is_some()) {
            let mut spec = plain.clone();
            spec.set(rule.id, "off");
            rules += 1;
            let Some(finding) = scan(&spec, Goal::Failure, 1_000).first else {
                continue;
            };
            found += 1;
            if finding.how == How::Violated {
                let small = make_small(&finding, &Goal::Failure);
                // The rule is the reason: without it there is nothing to be found.
                assert!(
                    small
                        .spec
                        .settings
                        .contains(&(rule.id.to_owned(), "off".to_owned()))
                );
            }
        }
    }
    assert!(
        found * 2 > rules,
        "only {found} of {rules} rules are missed"
    );
}

#[test]
fn a_run_is_made_small_in_the_same_way_however_often_it_pauses() {
    let mut spec = RunSpec::new("raft", "swarm");
    spec.set("up-to-date-vote", "off");
    let finding = scan(&spec, Goal::Failure, 100)
        .first
        .expect("it falls often");
    let small = |runs: u64| {
        let mut shrinker = Shrinker::new(&finding.spec, &Goal::Failure, 300).unwrap();
        while !shrinker.work(runs).done {}
        (shrinker.best().clone(), shrinker.progress().runs)
    };
    assert_eq!(small(1), small(1_000));
    assert!(small(7).1 <= 300);
}

#[test]
fn no_command_of_what_is_left_can_go() {
    let mut spec = RunSpec::new("raft", "swarm");
    spec.set("persist-vote", "off");
    let finding = scan(&spec, Goal::Failure, 1_000).first.expect("it falls");
    let small = make_small(&finding, &Goal::Failure);
    for index in 0..small.spec.commands.len() {
        let mut less = small.spec.clone();
        less.commands.remove(index);
        let search = Search::new(less, Goal::Check(small.what.clone())).unwrap();
        assert_eq!(search.scan(small.spec.seed, 1, false).unwrap().first, None);
    }
}

#[test]
fn a_run_in_which_nothing_fails_cannot_be_made_small() {
    let spec = RunSpec::new("raft", "calm");
    let error = Shrinker::new(&spec, &Goal::Failure, 10)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("raft/calm") && error.contains("breaks no promise"),
        "{error}"
    );
}

#[test]
fn a_moment_is_found_at_the_first_step_at_which_it_is_true() {
    let spec = RunSpec::new("raft", "swarm");
    let found = scan(&spec, moment("count(role=leader) >= 2"), 50)
        .first
        .expect("leaders overlap");
    let mut plain = spec.clone();
    plain.seed = found.spec.seed;
    let mut run = build(&plain, Level::Off);
    let leaders = |run: &dyn Run| {
        let nodes = run.frame().nodes;
        nodes
            .iter()
            .filter(|it| it.role.is_some_and(|it| it.name == "leader"))
            .count()
    };
    while leaders(&*run) < 2 {
        assert!(run.step(end(&plain)), "the moment never came");
    }
    let playhead = found.spec.playhead.expect("a finding has a playhead");
    assert_eq!(
        (playhead.time, playhead.step),
        (run.now(), Some(run.steps()))
    );
    assert_eq!(
        at_playhead(&found.spec).recorder().hash(),
        run.recorder().hash()
    );
}

#[test]
fn moments_mean_what_they_say() {
    let spec = RunSpec::new("raft", "leader-crash");
    let goal = |text: &str| scan(&spec, moment(text), 1).first.is_some();
    for text in [
        "down >= 1",
        "time > 1s and down = 1",
        "stats.sent > 100",
        "any.role = leader and count(role = follower) = 4 or up = 3",
        "all.currentTerm >= 2",
        "count(currentTerm > 1 and role != leader) = 4",
        "n1.votedFor = n1 or n2.votedFor = n2 or n3.votedFor = n3 or n4.votedFor = n4 or n5.votedFor = n5",
        "n1.commitIndex > n2.commitIndex",
        "any.status = \"down\"",
        "not (up = 5)",
        "steps >= 10",
    ] {
        if text.contains("nodes - 1") {
            assert!(
                Goal::read(None, Some(text)).is_err(),
                "{text}: there is no arithmetic"
            );
        } else {
            assert!(goal(text), "{text}");
        }
    }
    for text in [
        "down >= 2",
        "n1.nothing = 1",
        "n1.nothing != 1",
        "n1.role > 3",
        "time > 11s",
        "all.role = leader",
    ] {
        assert!(!goal(text), "{text}");
    }
}

#[test]
fn a_misspelt_field_is_named() {
    let spec = RunSpec::new("raft", "calm");
    let misspelt = |text: &str| {
        let search = Search::new(spec.clone(), moment(text)).unwrap();
        search.misspelt(1).unwrap()
    };
    let (name, known) = misspelt("n1.currentTrem > 5").expect("there is no such field");
    assert!(
        name == "currentTrem" && known.contains("currentTerm"),
        "{known}"
    );
    assert_eq!(misspelt("n1.currentTerm > 5 or any.matchIndex = 7"), None);
}

#[test]
fn what_cannot_be_searched_is_quoted() {
    let spec = RunSpec::new("raft", "calm");
    let refused = |goal| Search::new(spec.clone(), goal).unwrap_err().to_string();
    let error = refused(Goal::Check("election".to_owned()));
    assert!(
        error.contains("\"election\"") && error.contains("election-safety"),
        "{error}"
    );
    let error = refused(moment("n6.role = leader"));
    assert!(
        error.contains("\"n6\"") && error.contains("n1 to n5"),
        "{error}"
    );
}

/// A cluster without a majority at the end is blocked: found, and told apart from a broken promise.
#[test]
fn a_blocked_cluster_is_found_and_stays_blocked_when_made_small() {
    let mut spec = RunSpec::new("raft", "calm");
    spec.commands = [
        "1s crash n1",
        "1.1s crash n2",
        "1.2s crash n3",
        "1.3s pause n4",
        "2s resume n4",
    ]
    .map(|it| it.parse().unwrap())
    .to_vec();
    let scan = scan(&spec, Goal::Failure, 3);
    let finding = scan.first.expect("nothing works any more");
    assert_eq!(
        (finding.how, scan.tally.blocked, scan.tally.violated),
        (How::Blocked, 1, 0)
    );
    let mut shrinker = Shrinker::new(&finding.spec, &Goal::Failure, RUNS_USUAL).unwrap();
    while !shrinker.work(100).done {}
    let small = shrinker.best();
    assert_eq!(small.how, How::Blocked);
    // Crashes alone, of half the nodes that are left. The pause was over when the cluster had its chance to recover, so
    // it is left out, and only then its end: without that end more would be amiss than was.
    let verbs = small.spec.commands.iter().map(|it| it.to_string());
    assert!(verbs.clone().all(|it| it.contains(" crash n")));
    assert!((1..=3).contains(&verbs.count()));
}
