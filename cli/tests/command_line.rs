//! The program as its users meet it: what it prints, what it refuses, and with which status it ends.

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::Value as Json;

use common::{file, json, path, program, run, text};

/// What is typed, what the error must quote, and what it must offer.
const REFUSED: &str = r##"
                                               => no command           => list, run
fly                                            => "fly"                => list, run
--fly                                          => "--fly"              => list, run
list x                                         => "x"                  => --json
run                                            => run what             => raft/calm
run raft                                       => "raft"               => raft/calm
run paxo/calm                                  => "paxo"               => there is ping
run raft/clam                                  => "clam"               => calm, leader-crash
run raft/calm ping/calm                        => "ping/calm"          => one SYSTEM/SCENARIO
run #/raft/calm                                => "#/raft/calm"        => replay
run raft/calm --frob                           => "--frob"             => --script
run raft/calm -x                               => "-x"                 => --script
run raft/calm --seed                           => "--seed"             => value
run raft/calm --seed -1                        => "-1"                 => whole number
run raft/calm --seed 1e3                       => "1e3"                => whole number
run raft/calm --for 10                         => "10"                 => 20ms
run raft/calm --for -1s                        => "-1s"                => 20ms
run raft/calm --for 99999999999s               => "99999999999s"       => 11 days
run raft/calm --set loss                       => "loss"               => loss=2%
run raft/calm --set colour=red                 => "colour"             => latency, loss
run raft/calm --set loss=200%                  => "200%"               => 0% to 100%
run raft/calm --set nodes=0                    => "0"                  => 1 to 99
run raft/calm --set nodes=1e9                  => "1e9"                => 1 to 99
run raft/calm --set nodes=1                    => "nodes=1"            => 2 nodes
run cap/cp --set nodes=4                       => "n5"                 => n1 to n4
run raft/calm --set latency=pareto(1ms,0.0001) => "pareto(1ms,0.0001)" => 60s
run raft/calm --script {nowhere}               => no-such-folder       => cannot be read
run raft/calm --script {folder}                => "                    => cannot be read
run raft/calm --script {bytes}                 => bytes.txt            => not a script
run raft/calm --script {bad_script}            => line 2: "explode n1" => crash
run raft/calm --trace {nowhere}                => no-such-folder       => cannot be written
run raft/calm --json --trace -                 => "-"                  => --json
run raft/calm --trace x --history x            => "x"                  => another file
replay                                         => replay what          => raft/calm
replay raft                                    => "raft"               => #/raft/calm
replay #/raft/calm?v=2                         => "2"                  => newer
replay #/raft/calm?do=1s+crash+n9              => n9                   => n1 to n5
replay #/raft/calm?do=1s+set+nodes+9           => nodes                => latency
replay #/raft/calm?do=1s+request+n1+put%0Ax    => put                  => put x 5
replay #/raft/calm?%0A=1                       => in the link          => seed
replay {long}                                  => xxx                  => not a link
check                                          => check what           => --as linearizable
check x                                        => check as what        => --as linearizable
check x --as strong                            => "strong"             => linearizable, sequential
check x y                                      => "y"                  => one file
check {nowhere} --as linearizable              => no-such-folder       => cannot be read
check {bad_script} --as linearizable           => line 1: "1s crash    => not JSON
ring --nodes 0                                 => "0"                  => 1 to 10000
ring --algorithm md5                           => "md5"                => rendezvous
ring --remove n11                              => "n11"                => is not there
ring --weights 1,x                             => "x"                  => whole number
ring --bound 0.5                               => "0.5"                => 1.25
ring --hash k7                                 => "k7"                 => whole number
ring --nodes 10000 --vnodes 10000 --rings 9    => "10000 nodes"        => fewer
ring --frob                                    => "--frob"             => --algorithm
ring n1                                        => "n1"                 => only options
"##;

#[test]
fn bad_input_is_refused_in_one_line_that_quotes_it() {
    let nowhere = file("no-such-folder").join("file");
    let bad_script = file("bad-script.txt");
    fs::write(&bad_script, "1s crash n1\n2s explode n1\n").expect("it can be written");
    let bytes = file("bytes.txt");
    fs::write(&bytes, [0xff, 0xfe, 0x00]).expect("it can be written");
    let long = "x".repeat(100_000);
    for case in REFUSED.trim().lines() {
        let [words, quoted, help] = case.split("=>").map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("{case} is no case");
        };
        let fill = |word: &str| match word {
            "{nowhere}" => path(&nowhere).to_owned(),
            "{bad_script}" => path(&bad_script).to_owned(),
            "{bytes}" => path(&bytes).to_owned(),
            "{folder}" => env!("CARGO_TARGET_TMPDIR").to_owned(),
            "{long}" => long.clone(),
            word => word.to_owned(),
        };
        let words: Vec<String> = words.split_whitespace().map(fill).collect();
        let output = program().args(&words).output().expect("it can be started");
        let error = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{case}: {error}");
        assert_eq!(error.lines().count(), 1, "{case}: {error}");
        assert!(
            error.contains(quoted) && error.contains(help),
            "{case}: {error}"
        );
        assert!(output.stdout.is_empty(), "{case}");
    }
}

#[test]
fn refusing_empties_no_file() {
    let kept = file("kept.txt");
    fs::write(&kept, "precious").expect("it can be written");
    text(
        &[
            "run",
            "raft/calm",
            "--set",
            "nodes=1",
            "--trace",
            path(&kept),
        ],
        2,
    );
    assert_eq!(fs::read_to_string(&kept).expect("it is there"), "precious");
}

#[test]
fn the_list_names_systems_scenarios_and_what_must_fall() {
    let list = json(&["list", "--json"], 0);
    let raft = list
        .as_array()
        .expect("an array")
        .iter()
        .find(|it| it["id"] == "raft")
        .expect("it is there");
    assert_eq!(
        (&raft["title"], &raft["family"]),
        (&"Raft".into(), &"Consensus".into())
    );
    let scenario = |id: &str| {
        raft["scenarios"]
            .as_array()
            .expect("an array")
            .iter()
            .find(|it| it["id"] == id)
            .cloned()
    };
    assert_eq!(
        scenario("calm").expect("it is there")["weakened"],
        Json::Null
    );
    assert_eq!(
        scenario("forgotten-vote").expect("it is there")["weakened"],
        "election-safety"
    );
    assert!(text(&["list"], 0).contains("raft/forgotten-vote"));
    assert!(text(&["help"], 0).contains("replay LINK"));
    assert_eq!(text(&["run", "--help"], 0), text(&["--help"], 0));
    assert!(text(&["--version"], 0).starts_with("clusterscope "));
}

#[test]
fn a_run_tells_what_a_paper_would_measure() {
    let stale = |more: &[&str]| {
        let words = [
            "run",
            "quorum/calm",
            "--for",
            "20s",
            "--json",
            "--set",
            "keys=1",
        ];
        let delayed = [
            "--set",
            "latency=exponential(1ms,60ms)",
            "--set",
            "read-repair=off",
        ];
        let run = json(&[&words[..], &delayed, more].concat(), 0);
        let metrics = run["metrics"].clone();
        let number = |of: &Json, name: &str| of[name].as_f64().expect("a number");
        for op in ["read", "write"] {
            let of = &metrics["latency_ms"][op];
            let order = ["p50", "p90", "p95", "p99", "p999", "max"].map(|it| number(of, it));
            assert!(order.is_sorted() && order[0] > 0.0, "{of}");
            assert!(number(of, "mean") < order[5]);
        }
        let staleness = &metrics["staleness"];
        let behind = staleness["versions_behind"].as_object().expect("an object");
        let counted: u64 = behind.values().filter_map(Json::as_u64).sum();
        assert_eq!(Some(counted), staleness["stale"].as_u64());
        assert!(staleness["reads"].as_u64() > Some(50));
        counted
    };
    assert!(stale(&["--set", "r=1", "--set", "w=1"]) > 0);
    assert_eq!(
        stale(&["--set", "r=2", "--set", "w=2", "--set", "sloppy=off"]),
        0
    );
}

#[test]
fn every_scenario_ends_as_it_should_and_its_link_replays_it() {
    for system in json(&["list", "--json"], 0).as_array().expect("an array") {
        for scenario in system["scenarios"].as_array().expect("an array") {
            let name = format!(
                "{}/{}",
                system["id"].as_str().expect("text"),
                scenario["id"].as_str().expect("text")
            );
            let falls = scenario["weakened"].as_str();
            let words = ["run", &name, "--seed", "3", "--json"];
            // A cluster without progress breaks no promise.
            let blocked = falls.is_some() && common::run(&words).status.success();
            let status = i32::from(falls.is_some() && !blocked);
            let run = json(&words, status);
            if let Some(check) = falls {
                let reports = run["checks"].as_array().expect("an array");
                let report = reports.iter().find(|it| it["name"] == check);
                let report = report.unwrap_or_else(|| panic!("{name}: there is no check {check}"));
                let blocked = report["verdict"] == "blocked";
                assert!(
                    blocked || report["verdict"] == "violated",
                    "{name}: {report}"
                );
                let moment = report["at"].is_u64();
                assert!(
                    (moment || blocked) && report["reason"].is_string(),
                    "{report}"
                );
            }
            let again = json(
                &["replay", run["link"].as_str().expect("text"), "--json"],
                status,
            );
            assert_eq!(run, again, "{name}");
        }
    }
}

#[test]
fn the_summary_says_everything() {
    let words = [
        "run",
        "raft/calm",
        "--seed",
        "7",
        "--for",
        "2s",
        "--set",
        "loss=2%",
        "--json",
    ];
    let run = json(&words, 0);
    let keys: Vec<&str> = run
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "system",
        "scenario",
        "seed",
        "settings",
        "time",
        "steps",
        "events",
        "messages",
        "checks",
        "metrics",
        "halted",
        "link",
        "trace_hash",
    ];
    assert_eq!(keys, expected);
    assert_eq!(
        (&run["seed"], &run["time"]),
        (&7.into(), &2_000_000_000_u64.into())
    );
    assert_eq!(
        (&run["settings"]["loss"], &run["settings"]["nodes"]),
        (&"2%".into(), &"5".into())
    );
    assert!(run["metrics"]["operations"]["completed"].as_u64() > Some(0));
    assert!(run["metrics"]["mean_latency_ms"].as_f64() > Some(0.0));
    let hash = run["trace_hash"].as_str().expect("text");
    assert!(
        hash.len() == 16 && hash.bytes().all(|it| it.is_ascii_hexdigit()),
        "{hash}"
    );
    assert_eq!(run["link"], "#/raft/calm?seed=7&set.loss=2%25&for=2s&t=2s");
    let people = text(&words[..8], 0);
    assert!(
        people.lines().last().expect("a last line").ends_with(hash),
        "{people}"
    );
}

#[test]
fn a_script_becomes_part_of_the_link() {
    let script = file("script.txt");
    fs::write(
        &script,
        "# who leads must go\n1s crash leader\n\n500ms cut n1>n2\n",
    )
    .expect("it can be written");
    let run = json(
        &[
            "run",
            "raft/calm",
            "--for",
            "3s",
            "--script",
            path(&script),
            "--json",
        ],
        0,
    );
    let link = run["link"].as_str().expect("text");
    assert!(
        link.contains("do=500ms+cut+n1%3En2&do=1s+crash+leader"),
        "{link}"
    );
    assert_eq!(json(&["replay", link, "--json"], 0), run);
    let text = fs::read(&script).expect("it is there");
    let words = ["run", "raft/calm", "--for", "3s", "--script", "-", "--json"];
    let piped = feed(&words, &text);
    assert_eq!(
        serde_json::from_slice::<Json>(&piped.stdout).expect("JSON"),
        run
    );
    let piped = feed(&["replay", "-", "--json"], link.as_bytes());
    assert_eq!(
        serde_json::from_slice::<Json>(&piped.stdout).expect("JSON"),
        run
    );
    assert_eq!(
        feed(&["replay", "-"], &vec![b'x'; 300_000]).status.code(),
        Some(2)
    );
}

/// Runs the program with something on its standard input.
fn feed(words: &[&str], input: &[u8]) -> Output {
    let mut program = program();
    program
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = program.spawn().expect("it can be started");
    // It may stop reading when it has read enough.
    let _ = child.stdin.take().expect("it is piped").write_all(input);
    child.wait_with_output().expect("it ends")
}

#[test]
fn a_playhead_between_two_steps_is_kept_to() {
    let at_step = |step: &str| {
        json(
            &[
                "replay",
                &format!("#/raft/calm?seed=2&t=10s&step={step}"),
                "--json",
            ],
            0,
        )
    };
    let (one, two) = (at_step("100"), at_step("101"));
    assert_eq!((&one["steps"], &two["steps"]), (&100.into(), &101.into()));
    assert_ne!(one["trace_hash"], two["trace_hash"]);
    assert_eq!(
        json(&["replay", "#/raft/calm?seed=2&step=100", "--json"], 0)["trace_hash"],
        one["trace_hash"]
    );
    let start = json(
        &["replay", "https://example.org/#/raft/calm?t=0s", "--json"],
        0,
    );
    assert_eq!((&start["time"], &start["steps"]), (&0.into(), &0.into()));
}

#[test]
fn files_hold_every_event() {
    let (trace, history, shiviz) = (
        file("trace.jsonl"),
        file("history.jsonl"),
        file("shiviz.log"),
    );
    let words = [
        "run",
        "raft/leader-crash",
        "--json",
        "--trace",
        path(&trace),
        "--history",
        path(&history),
        "--shiviz",
        path(&shiviz),
    ];
    let run = json(&words, 0);
    let lines = |file: &PathBuf| -> Vec<Json> {
        let text = fs::read_to_string(file).expect("it was written");
        text.lines()
            .map(|it| serde_json::from_str(it).expect("a line of JSON"))
            .collect()
    };
    let events = lines(&trace);
    assert_eq!(
        events.len() as u64,
        run["events"].as_u64().expect("a count")
    );
    for (id, event) in events.iter().enumerate() {
        assert_eq!(event["id"], id);
        assert!(
            event["text"].as_str().is_some_and(|it| !it.is_empty()),
            "{event}"
        );
    }
    let begun = lines(&history)
        .iter()
        .filter(|it| it["type"] == "invoke")
        .count();
    assert_eq!(
        begun as u64,
        run["metrics"]["operations"]["invoked"]
            .as_u64()
            .expect("a count")
    );
    let placed = events.iter().filter(|it| it["node"] != "world").count();
    assert_eq!(
        fs::read_to_string(&shiviz)
            .expect("it was written")
            .lines()
            .count(),
        placed * 2
    );
    // Files change nothing about the run.
    assert_eq!(json(&["run", "raft/leader-crash", "--json"], 0), run);
    let output = run_to_output(&["run", "raft/leader-crash", "--trace", "-"]);
    assert_eq!(
        output.0,
        fs::read_to_string(&trace).expect("it was written")
    );
    assert!(
        output.1.contains(run["trace_hash"].as_str().expect("text")),
        "{}",
        output.1
    );
}

fn run_to_output(words: &[&str]) -> (String, String) {
    let output = run(words);
    (
        String::from_utf8(output.stdout).expect("text"),
        String::from_utf8(output.stderr).expect("text"),
    )
}

#[test]
fn whoever_stops_reading_is_no_error() {
    for words in [
        ["run", "raft/calm", "--for", "60s", "--trace", "-"].as_slice(),
        &["list", "--json"],
    ] {
        let mut child = program()
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let mut line = String::new();
        let mut reader = BufReader::with_capacity(64, child.stdout.take().expect("it is piped"));
        reader.read_line(&mut line).expect("it can be read");
        drop(reader);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        assert!(
            !String::from_utf8_lossy(&output.stderr).contains("panicked"),
            "{words:?}"
        );
    }
}

#[test]
fn no_run_lasts_for_ever() {
    let still = [
        "--set",
        "latency=0s",
        "--set",
        "disk=0s",
        "--set",
        "think=0s",
        "--set",
        "clients=5",
    ];
    for system in ["raft/calm", "ping/calm"] {
        let words = [["run", system, "--json"].as_slice(), &still].concat();
        let run = json(&words, 0);
        if system == "raft/calm" {
            assert!(
                run["halted"]
                    .as_str()
                    .expect("a reason")
                    .contains("time does not pass"),
                "{run}"
            );
            let again = json(
                &["replay", run["link"].as_str().expect("text"), "--json"],
                0,
            );
            assert_eq!(run["trace_hash"], again["trace_hash"]);
        }
    }
    let storm = [
        "run",
        "raft/calm",
        "--for",
        "1000000s",
        "--set",
        "latency=1ns",
        "--set",
        "think=0s",
        "--json",
    ];
    let run = json(
        &[
            storm.as_slice(),
            &["--set", "disk=0s", "--set", "clients=200"],
        ]
        .concat(),
        0,
    );
    assert!(
        run["halted"]
            .as_str()
            .expect("a reason")
            .contains("events happened"),
        "{run}"
    );
    let nothing = json(&["run", "raft/calm", "--for", "0s", "--json"], 0);
    assert_eq!(
        (
            &nothing["time"],
            &nothing["metrics"]["operations_per_second"]
        ),
        (&0.into(), &Json::Null)
    );
}

#[test]
fn a_cluster_that_is_blocked_is_not_called_live() {
    let run = json(
        &[
            "run",
            "raft/calm",
            "--set",
            "election-min=100s",
            "--set",
            "election-max=200s",
            "--json",
        ],
        0,
    );
    let progress = run["checks"]
        .as_array()
        .expect("an array")
        .iter()
        .find(|it| it["name"] == "progress")
        .cloned();
    let progress = progress.expect("it is there");
    assert_eq!(
        (&progress["verdict"], &progress["reason"]),
        (&"blocked".into(), &"no server leads".into())
    );
}

/// Histories, the judge, the exit status, and what is said: lines are parted by `;`, `I` begins and `O` ends.
const JUDGED: &str = r#"
1 I write x 1; 1 O write x 1; 2 I read x null; 2 O read x 1     => linearizable        => 0 => held
1 I write x 1; 1 O write x 1; 2 I read x null; 2 O read x null  => linearizable        => 1 => lines 1, 2, 3, 4
1 I write x 1; 1 O write x 1; 2 I read x null; 2 O read x null  => sequential          => 0 => held
1 I write x 1; 1 O write x 1; 1 I read x null; 1 O read x null  => read-your-writes    => 1 => own p1 write
1 I write x 1; 1 O write x 1; 2 I read x null; 2 O read x 9     => causal              => 1 => nobody wrote
1 I acquire x 1                                                 => read-your-writes    => 3 => acquire x
1 I read x 1; 1 I read x 1                                      => linearizable        => 2 => line 2
1 O read x 1                                                    => linearizable        => 2 => line 1
1 I fly x 1                                                     => linearizable        => 2 => read, write
1 I cas x 1                                                     => linearizable        => 2 => [1,2]
"#;

#[test]
fn a_history_of_any_system_is_judged() {
    for (number, case) in JUDGED.trim().lines().enumerate() {
        let [lines, judge, status, said] = case.split("=>").map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("{case} is no case");
        };
        let mut text = String::new();
        for line in lines.split(';') {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [client, phase, op, key, value] = words[..] else {
                panic!("{line} is no line");
            };
            let phase = if phase == "I" { "invoke" } else { "ok" };
            text += &format!(
                r#"{{"process":"p{client}","type":"{phase}","f":"{op}","key":"{key}","value":{value},"more":[]}}"#
            );
            text.push('\n');
        }
        let file = file(&format!("judged-{number}.jsonl"));
        fs::write(&file, text).expect("it can be written");
        let output = run(&["check", path(&file), "--as", judge]);
        let mut told = String::from_utf8_lossy(&output.stdout).into_owned();
        told += &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), status.parse().ok(), "{case}: {told}");
        assert!(told.contains(said), "{case}: {told}");
    }
}

#[test]
fn a_verdict_as_json_names_the_lines_that_prove_it() {
    let lines = [
        r#"{"client":1,"type":"invoke","value":[["append","x",1]]}"#,
        r#"{"client":2,"type":"invoke","value":[["r","x",null]]}"#,
        "",
        r#"{"client":1,"type":"fail","value":[["append","x",1]]}"#,
        r#"{"client":2,"type":"ok","value":[["r","x",[1]]],"time":5}"#,
    ];
    let file = file("aborted-read.jsonl");
    fs::write(&file, lines.join("\n")).expect("it can be written");
    let verdict = json(&["check", path(&file), "--as", "serializable", "--json"], 1);
    assert_eq!(verdict["verdict"], "violated");
    assert_eq!(verdict["lines"], serde_json::json!([1, 2, 4, 5]));
    assert!(
        verdict["reason"]
            .as_str()
            .is_some_and(|it| it.starts_with("G1a")),
        "{verdict}"
    );
}

#[test]
fn what_a_run_exports_is_judged_as_the_run_was() {
    let file = file("exported-history.jsonl");
    let _ = text(
        &[
            "run",
            "raft/lossy",
            "--for",
            "20s",
            "--history",
            path(&file),
        ],
        0,
    );
    let told = text(&["check", path(&file), "--as", "linearizable"], 0);
    assert!(told.contains("held"), "{told}");
}

#[test]
fn exported_lists_are_judged_as_lists() {
    let export = |name: &str, scenario: &str, appends: &str, status: i32| {
        let file = file(name);
        let appends = format!("appends={appends}");
        let run = ["run", scenario, "--set", &appends, "--history", path(&file)];
        let _ = text(&run, status);
        file
    };
    let good = export("lists.jsonl", "raft/calm", "50%", 0);
    let lines = fs::read_to_string(&good).expect("it is there");
    for op in ["append", "write"] {
        assert!(lines.contains(&format!("\"op\":\"{op}\"")), "{lines}");
    }
    // Sent twice is appended twice.
    let bad = export("lists-twice.jsonl", "raft/sent-twice", "100%", 1);
    for judge in ["linearizable", "strict-serializable", "serializable"] {
        let told = text(&["check", path(&good), "--as", judge], 0);
        assert!(told.contains("held"), "{told}");
        let told = text(&["check", path(&bad), "--as", judge], 1);
        assert!(told.contains("twice"), "{judge}: {told}");
    }
    let told = text(&["check", path(&bad), "--as", "linearizable"], 1);
    assert!(
        told.contains("returned twice what was appended once"),
        "{told}"
    );
}

#[test]
fn diff_names_the_first_event_that_differs() {
    let crash = "raft/calm?seed=3&for=1s&do=500ms+crash+n2";
    let said = text(&["diff", "raft/calm?seed=3&for=1s", crash], 1);
    assert!(said.contains("is the first that differs: in "), "{said}");
    assert!(
        said.contains("n2 crashes") || said.contains("crash"),
        "{said}"
    );
    let found = json(&["diff", "raft/calm?seed=3&for=1s", crash, "--json"], 1);
    assert_eq!(found["same"], false);
    assert_eq!(found["second"][0]["kind"], "fault");
    assert_eq!(found["second"][0]["time"], 500_000_000);
    assert_eq!(found["second"][0]["id"], found["event"]);
    let said = text(&["diff", crash, crash], 0);
    assert!(said.contains("the same"), "{said}");
    assert_eq!(
        json(&["diff", crash, crash, "--json"], 0)["event"],
        Json::Null
    );
}

#[test]
fn an_export_is_imported_and_a_forgery_is_not() {
    let trace = file("imported.jsonl");
    text(
        &["run", "raft/swarm", "--for", "2s", "--trace", path(&trace)],
        0,
    );
    let said = json(&["import", path(&trace), "--json"], 0);
    let lines = fs::read_to_string(&trace).expect("it was written");
    assert_eq!(said["events"], lines.lines().count());
    assert_eq!(said["hosts"][0], "n1");
    assert_eq!(said["consistent"], true);
    assert!(text(&["import", path(&trace)], 0).contains("no vector clock contradicts them"));
    // A host whose clock stands still.
    let forged = file("forged.jsonl");
    let event = r#"{"time":1,"node":"a","kind":"send","clock":{"a":1}}"#;
    fs::write(&forged, format!("{event}\n{event}\n")).expect("it can be written");
    assert!(text(&["import", path(&forged)], 1).contains("does not rise"));
    // A line that is none.
    fs::write(&forged, format!("{event}\nnonsense\n")).expect("it can be written");
    let output = run(&["import", path(&forged)]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(
        errors.contains("line 2: \"nonsense\" is not an event"),
        "{errors}"
    );
}

#[test]
fn keys_are_spread_and_moves_are_counted() {
    let answer = json(
        &[
            "ring",
            "--algorithm",
            "all",
            "--nodes",
            "4",
            "--add",
            "1",
            "--keys",
            "20000",
            "--json",
        ],
        0,
    );
    let of = |name: &str| {
        let all = answer.as_array().expect("one for each algorithm");
        let found = all.iter().find(|it| it["algorithm"] == name);
        found.unwrap_or_else(|| panic!("no {name}")).clone()
    };
    for (name, share) in [
        ("ring", 0.2),
        ("rendezvous", 0.2),
        ("jump", 0.2),
        ("modulo", 0.8),
    ] {
        let change = &of(name)["change"];
        let moved = change["moved_share"].as_f64().expect("a share");
        assert!((moved - share).abs() < 0.05, "{name}: {moved}");
        assert_eq!(change["between_survivors"] == 0, name != "modulo", "{name}");
    }
    let jump = json(
        &[
            "ring",
            "--algorithm",
            "jump",
            "--nodes",
            "11",
            "--keys",
            "1",
            "--hash",
            "10863919174838991",
            "--json",
        ],
        0,
    );
    assert_eq!(jump[0]["lookups"][0]["bucket"], 6);
    let bounded = text(
        &[
            "ring",
            "--vnodes",
            "1",
            "--keys",
            "1000",
            "--bound",
            "1.1",
            "--key",
            "k7",
            "--replicas",
            "3",
        ],
        0,
    );
    assert!(
        bounded.contains("most 1.1") && bounded.contains("k7 (hash "),
        "{bounded}"
    );
}
