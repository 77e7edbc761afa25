//! Every fault does what its name says, is an event of the trace, can be given a length and a schedule, and goes away.

mod common;

use clusterscope_core::check::Verdict;
use clusterscope_core::exhibit::Status;
use clusterscope_core::frame::Frame;
use clusterscope_core::sim::run::Run;
use clusterscope_core::trace::{Explained, Level};
use clusterscope_core::{RunSpec, Time};

/// A run from a link such as `raft/calm?do=1s+crash+n1`, up to a time, with words for all that happened.
struct Watched {
    run: Box<dyn Run>,
    words: Vec<Explained>,
}

impl Watched {
    fn new(link: &str, until: &str) -> Watched {
        let spec = RunSpec::from_link(link).unwrap_or_else(|it| panic!("{link}: {it}"));
        let run = common::build(&spec, Level::Words);
        let mut watched = Watched {
            run,
            words: Vec::new(),
        };
        watched.go_on(until);
        watched
    }

    fn go_on(&mut self, until: &str) {
        let until: Time = until.parse().unwrap();
        self.run.run_until(until);
        self.words.extend(self.run.take_explained());
    }

    fn frame(&self) -> Frame {
        self.run.frame()
    }

    /// How many events have these words in them.
    fn count(&self, words: &str) -> usize {
        self.words
            .iter()
            .filter(|it| it.text.contains(words))
            .count()
    }

    fn assert_says(&self, words: &str) {
        assert!(self.count(words) > 0, "nothing says \"{words}\"");
    }

    fn status(&self, node: usize) -> Status {
        self.frame().nodes[node].status
    }
}

fn seen(link: &str, until: &str) -> Watched {
    Watched::new(link, until)
}

#[test]
fn a_fault_with_a_length_is_taken_back_from_whom_it_hit() {
    let mut run = seen("raft/calm?seed=3&do=1s+crash+leader+for+700ms", "1.5s");
    let down = |run: &Watched| {
        (0..5)
            .filter(|it| run.status(*it) == Status::Down)
            .collect::<Vec<_>>()
    };
    let hit = down(&run);
    assert_eq!(hit.len(), 1);
    run.go_on("1.8s");
    assert!(down(&run).is_empty());
    run.assert_says(&format!("restart n{}", hit[0] + 1));
    let mut run = seen("ping/calm?do=1s+set+loss+100%25+for+500ms", "1.4s");
    let setting = |run: &Watched| {
        let settings = run.frame().network.settings;
        settings.into_iter().find(|it| it.0 == "loss").unwrap().1
    };
    assert_eq!(setting(&run), "100%");
    run.go_on("1.6s");
    assert_eq!(setting(&run), "0%");
}

#[test]
fn a_schedule_repeats_and_ends() {
    let run = seen(
        "ping/calm?do=1s+every+500ms+until+3s+crash+random+for+100ms",
        "5s",
    );
    let crashes = run
        .words
        .iter()
        .filter(|it| it.text.starts_with("crash n"))
        .count();
    assert_eq!((crashes, run.count("restart n")), (5, 5));
    let strobe = seen(
        "ping/calm?do=1s+every+20ms+until+2s+clock+n1+%2B200ms+for+10ms",
        "3s",
    );
    assert_eq!(strobe.count("clock n1 +200ms"), 51);
    assert_eq!(strobe.frame().nodes[0].clock_ahead, 0);
}

#[test]
fn partitions_have_shapes() {
    for (split, heard) in [
        ("halves", "n1 n2 | n3 n4 n5"),
        ("thirds", "n1 n2 | n3 n4 | n5"),
    ] {
        let run = seen(&format!("raft/calm?do=1s+split+{split}"), "2s");
        let groups: Vec<String> = run
            .frame()
            .network
            .groups
            .iter()
            .map(|group| {
                group
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        assert_eq!(groups.join(" | "), heard);
    }
    for (split, ways) in [("bridge", 8), ("ring", 10)] {
        let mut run = seen(
            &format!("raft/calm?do=1s+split+{split}&do=2s+unite"),
            "1.5s",
        );
        assert_eq!(run.frame().network.cuts.len(), ways, "{split}");
        run.go_on("2.5s");
        assert!(run.frame().network.cuts.is_empty() && run.frame().network.oddities.is_empty());
    }
    let one_way = seen("ping/calm?do=1s+partition+n1+>+n2+n3", "2s").frame();
    assert_eq!(one_way.network.cuts.len(), 2);
}

#[test]
fn a_kind_of_message_is_lost_or_waits() {
    let lost = seen(
        "ping/calm?do=500ms+lose+Pong+n2>n1&do=1s+pass+Pong+n2>n1",
        "2s",
    );
    lost.assert_says("Pong from n2 to n1 is lost: its kind is lost");
    assert_eq!(lost.count("Pong from n3 to n1 is lost"), 0);
    let mut held = seen("ping/calm?do=500ms+hold+Pong", "1s");
    let waiting = |run: &Watched| {
        let mut messages = Vec::new();
        run.run.messages(&mut messages);
        messages
            .iter()
            .filter(|it| it.is_held(run.run.now()))
            .count()
    };
    assert!(waiting(&held) > 10);
    let before = held.count("receives Pong");
    held.go_on("1.2s");
    assert_eq!(held.count("receives Pong"), before);
    let mut passed = seen("ping/calm?do=500ms+hold+Pong&do=1s+pass+Pong", "1.1s");
    assert_eq!(waiting(&passed), 0);
    passed.go_on("1.2s");
    assert!(passed.count("receives Pong") > before + 10);
}

#[test]
fn one_message_is_held_and_released_where_it_stood() {
    let slow = "ping/calm?seed=1&set.latency=60ms";
    let mut messages = Vec::new();
    seen(slow, "1s").run.messages(&mut messages);
    let id = messages.first().expect("something is always under way").id;
    let link = format!("{slow}&do=1s+hold+m{id}&do=3s+release+m{id}");
    let mut run = seen(&link, "2s");
    let message = |run: &Watched| {
        let mut messages = Vec::new();
        run.run.messages(&mut messages);
        messages.into_iter().find(|it| it.id == id)
    };
    let held = message(&run).expect("it is held");
    assert!(held.is_held(run.run.now()) && held.progress(run.run.now()) < 1.0);
    run.go_on("3.1s");
    assert!(message(&run).is_none());
}

#[test]
fn a_clogged_link_lets_everything_go_at_once() {
    let mut run = seen("ping/calm?do=1s+clog+n1>n2+for+1s", "1.95s");
    let oddities = run.frame().network.oddities;
    assert_eq!(
        (oddities.len(), oddities[0].words.as_str()),
        (1, "n1>n2 is clogged")
    );
    let before = run.count("n2 receives Ping") + run.count("n2 receives Pong");
    run.go_on("2.05s");
    let after = run.count("n2 receives Ping") + run.count("n2 receives Pong");
    assert!(after - before > 15, "a burst of {}", after - before);
}

#[test]
fn a_link_is_reset_and_has_qualities_of_its_own() {
    seen("ping/calm?do=1.005s+reset+n1-n2&set.latency=50ms", "2s").assert_says("connection reset");
    let slow = seen("ping/calm?do=0s+link+n1>n2+latency+1s", "900ms");
    let heard =
        |it: &&Explained| it.text.starts_with("n2 receives Ping") && it.text.ends_with("from n1");
    assert_eq!(slow.words.iter().filter(heard).count(), 0);
    let lossy = seen("ping/calm?do=0s+link+n1>all+loss+100%25", "3s");
    assert!(lossy.count("from n1 to n2 is lost: lost") > 10);
    assert_eq!(lossy.count("from n2 to n3 is lost"), 0);
}

#[test]
fn the_network_damages_queues_bursts_and_replays() {
    seen("raft/calm?set.corrupt=20%25", "3s").assert_says("is lost: damaged");
    seen(
        "raft/calm?set.capacity=1&set.latency=40ms&set.clients=20",
        "5s",
    )
    .assert_says("link is full");
    seen("raft/calm?set.burst=2%25", "8s").assert_says("lost in a burst");
    let replayed = seen("raft/calm?set.replay=30%25&set.replay-after=2s", "4s");
    replayed.assert_says("makes a copy");
    let far = seen(
        "ping/calm?set.zones=3&set.zone-latency=500ms&set.latency=1ms",
        "480ms",
    );
    assert_eq!(far.count("receives Ping"), 0);
    // Damage that nobody notices does break a promise, on some seed.
    let falls = (1..=40).any(|seed| {
        let link = format!(
            "raft/calm?seed={seed}&set.corrupt=20%25&set.checksum=off&set.clients=5&for=10s"
        );
        let spec = RunSpec::from_link(&link).unwrap();
        common::finished(&spec, Level::Off).violated()
    });
    assert!(falls);
}

#[test]
fn a_slow_node_queues_and_a_full_inbox_loses() {
    let slow = seen("ping/calm?do=1s+slow+n1+80ms", "3s");
    assert!(slow.frame().nodes[0].inbox > 3 && slow.frame().nodes[1].inbox == 0);
    assert!(!slow.frame().nodes[0].ailments.is_empty());
    let full = seen("ping/calm?set.service=80ms&set.inbox=2", "3s");
    full.assert_says("is lost: inbox is full");
    let healed = seen("ping/calm?do=1s+slow+n1+80ms+for+500ms", "5s");
    assert_eq!(healed.frame().nodes[0].inbox, 0);
}

#[test]
fn nodes_crash_between_write_sync_and_send() {
    // Before the write nothing reaches the disk, before the sync nothing stays, before sending nobody is told.
    for (point, says, not) in [
        ("before+write", "n2 crashes", "n2 writes to its disk"),
        (
            "before+sync",
            "n2 writes to its disk",
            "n2: the disk has it",
        ),
        ("before+send", "n2: the disk has it", "n2 sends RequestVote"),
        ("amid+sends", "n2 sends RequestVote", "nothing"),
    ] {
        for disk in ["0s", "2ms"] {
            let link =
                format!("raft/calm?set.disk={disk}&do=0s+crash+n2+{point}&do=1ms+fire+n2+election");
            let run = seen(&link, "100ms");
            run.assert_says("n2 crashes");
            if disk == "2ms" || !says.contains("disk has it") {
                run.assert_says(says);
            }
            assert_eq!(run.count(not), 0, "{point}, {disk}");
            assert_eq!(run.status(1), Status::Down);
            if point == "amid+sends" {
                assert_eq!(run.count("n2 sends RequestVote"), 1, "{disk}");
            }
        }
    }
}

#[test]
fn zones_fail_together_and_a_wiped_node_has_forgotten() {
    let zone = seen("raft/calm?set.zones=3&do=1s+crash+z2", "1.5s");
    let down: Vec<usize> = (0..5)
        .filter(|it| zone.status(*it) == Status::Down)
        .collect();
    assert_eq!(down, [1, 4]);
    let term = |run: &Watched| {
        let fields = &run.frame().nodes[0].fields;
        fields
            .iter()
            .find(|it| it.name == "currentTerm")
            .unwrap()
            .value
            .clone()
    };
    let cut = "set.clients=0&do=2s+partition+n1&do=2s+fire+n1+election";
    assert_ne!(
        term(&seen(
            &format!("raft/calm?{cut}&do=2.1s+crash+n1&do=2.2s+restart+n1"),
            "2.201s"
        )),
        0
    );
    assert_eq!(
        term(&seen(
            &format!("raft/calm?{cut}&do=2.1s+wipe+n1&do=2.2s+restart+n1"),
            "2.201s"
        )),
        0
    );
}

#[test]
fn a_minority_of_disks_may_be_spoilt_and_no_more() {
    let spared = seen("raft/calm?do=1s+wipe+n1&do=1s+wipe+n2&do=1s+wipe+n3", "2s");
    assert_eq!(spared.count("disk is spared"), 1);
    let not = seen("raft/calm?set.atlas=off&do=1s+wipe+all", "2s");
    assert_eq!(not.count("disk is spared"), 0);
}

#[test]
fn disks_fail_in_their_ways() {
    let crash = "do=3s+crash+n1&do=3.1s+restart+n1";
    let full = seen("raft/calm?do=1s+disk+n1+full", "3s");
    full.assert_says("cannot write");
    assert_eq!(full.status(0), Status::Down);
    let fails = seen("raft/calm?do=1s+disk+n1+fails", "3s");
    fails.assert_says("its disk could not sync");
    assert_eq!(fails.status(0), Status::Down);
    let goes_on = seen(
        "raft/calm?set.stop-on-failed-sync=off&do=1s+disk+n1+fails",
        "3s",
    );
    assert_eq!(goes_on.status(0), Status::Up);
    let rotten = seen(&format!("raft/calm?do=1s+disk+n1+rots&{crash}"), "3.5s");
    rotten.assert_says("refuses to start");
    assert_eq!(rotten.status(0), Status::Down);
    let astray = seen(
        &format!("raft/calm?do=1s+disk+n1+misdirects&{crash}"),
        "3.5s",
    );
    astray.assert_says("refuses to start");
    let entries = |fault: &str| {
        let run = seen(
            &format!(
                "raft/calm?set.clients=0&set.atlas=off&do=500ms+every+20ms+until+2.9s+request+n1+put+x+1\
             &do=1.5s+disk+n1+{fault}&do=3s+partition+n1&{crash}"
            ),
            "3.101s",
        );
        let fields = &run.frame().nodes[0].fields;
        fields
            .iter()
            .find(|it| it.name == "lastLogIndex")
            .unwrap()
            .value
            .as_u64()
            .unwrap()
    };
    let whole = entries("fine");
    for fault in ["rolls-back", "truncates", "lies"] {
        assert!(
            entries(fault) < whole,
            "{fault}: {} of {whole}",
            entries(fault)
        );
    }
    let slow = seen("raft/calm?do=1s+disk+all+slow+2s", "2.5s");
    assert!(slow.frame().nodes.iter().any(|it| it.writing > 0));
}

#[test]
fn an_interrupted_write_is_lost_whole_or_torn() {
    let index = |torn: &str, seed: u32| {
        let link = format!(
            "raft/calm?seed={seed}&set.clients=0&set.torn={torn}&set.disk=30ms&do=3s+request+leader+put+x+1\
             &do=3.02s+crash+all&do=3.1s+restart+all"
        );
        let run = seen(&link, "3.101s");
        let last = |it: &clusterscope_core::frame::NodeView| {
            it.fields
                .iter()
                .find(|it| it.name == "lastLogIndex")
                .unwrap()
                .value
                .as_u64()
                .unwrap()
        };
        run.frame().nodes.iter().map(last).max().unwrap()
    };
    assert!((1..=10).all(|seed| index("0%25", seed) <= 1));
    assert!((1..=10).any(|seed| index("100%25", seed) > 1));
}

#[test]
fn clocks_jump_strobe_and_are_set_right() {
    let run = seen("ping/calm?do=1s+clock+n1+-2s&do=2s+sync+n1", "1.5s");
    assert_eq!(run.frame().nodes[0].clock_ahead, -2_000_000_000);
    let run = seen(
        "ping/skewed-clocks?do=2s+sync+all&do=1.9s+drift+all+%2B0ppm",
        "2.5s",
    );
    assert!(run.frame().nodes.iter().all(|it| it.clock_ahead == 0));
}

#[test]
fn nodes_join_and_leave_where_the_system_lets_them() {
    let mut run = seen(
        "ping/calm?do=1s+join&do=3s+leave+n2&do=3.5s+restart+n2",
        "2s",
    );
    assert_eq!(run.frame().nodes.len(), 4);
    run.assert_says("from n4");
    run.go_on("4s");
    assert_eq!(run.status(1), Status::Gone);
    let healthy = run.run.reports();
    assert!(
        healthy
            .iter()
            .all(|it| !matches!(it.verdict, Verdict::Violated | Verdict::Blocked)),
        "{healthy:?}"
    );
    let mut run = seen("raft/calm?do=1s+join&do=2s+leave+n2", "3s");
    assert_eq!(run.frame().nodes.len(), 6);
    run.assert_says("n2 is gone for good");
    run.go_on("4s");
    assert_eq!(run.status(1), Status::Gone);
}

#[test]
fn a_client_dies_in_the_middle_and_comes_back_as_another() {
    let run = seen(
        "raft/calm?set.clients=1&set.think=1ms&set.latency=30ms&do=1s+crash+c1&do=2s+restart+c1",
        "4s",
    );
    run.assert_says("(died)");
    let infos = run.run.history().to_vec();
    let died = infos
        .iter()
        .position(|it| format!("{:?}", it.phase) == "Info")
        .expect("it died while it asked");
    assert!(
        infos[died + 1..]
            .iter()
            .all(|it| it.client != infos[died].client)
    );
    let cut = seen("raft/calm?set.clients=1&do=0s+cut+c1-all", "4s");
    assert_eq!(cut.frame().stats.completed, 0);
}

#[test]
fn an_open_loop_waits_for_nobody() {
    let steady = seen("raft/calm?set.clients=50&set.arrival=10ms", "5s")
        .frame()
        .stats;
    assert!((480..=501).contains(&steady.invoked), "{}", steady.invoked);
    let overload = seen("raft/calm?set.clients=5&set.arrival=1ms", "3s")
        .frame()
        .stats;
    assert!(overload.turned_away > 1_000);
}

#[test]
fn a_fault_leaves_an_event_whoever_caused_it() {
    for command in [
        "join",
        "split+one",
        "disk+n1+lies",
        "slow+n1+1ms",
        "reset+n1-n2",
        "hold+m1",
        "lose+Ping",
        "sync+n1",
    ] {
        let run = seen(&format!("ping/calm?do=1s+{command}"), "1.1s");
        let verb = command.split('+').next().unwrap();
        let faults = run.run.recorder().records().to_vec();
        let labels: Vec<&str> = faults
            .iter()
            .filter(|it| format!("{:?}", it.kind) == "Fault")
            .map(|it| run.run.recorder().label(it))
            .collect();
        assert_eq!(labels, [verb], "{command}");
    }
}
