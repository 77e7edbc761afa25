//! Searching, joining and making small, as users meet them.

mod common;

use std::fs;

use serde_json::Value as Json;

use common::{file, json, path, run, text};

/// The same result without what depends on the machine.
fn timeless(mut result: Json) -> Json {
    for key in ["seconds", "runs_per_second"] {
        assert!(result[key].is_number(), "{key}: {result}");
        result[key] = Json::Null;
    }
    result
}

const BROKEN: [&str; 4] = ["search", "raft/swarm", "--set", "persist-vote=off"];

fn broken<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&BROKEN[..], more].concat()
}

#[test]
fn the_smallest_seed_is_found_on_any_number_of_threads() {
    let one = timeless(json(&broken(&["--json", "--jobs", "1"]), 1));
    let many = timeless(json(&broken(&["--json", "--jobs", "5"]), 1));
    assert_eq!(one, many);
    let seed = one["found"]["seed"].as_u64().expect("a seed");
    assert_eq!(
        one["counts"]["runs"], seed,
        "every seed before it was run, and none after it"
    );
    // The link leads to the moment itself: there the check is broken, a step before it is not.
    let link = one["found"]["link"].as_str().expect("a link");
    let replay = json(&["replay", link, "--json"], 1);
    let fallen = replay["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["name"] == one["found"]["what"]);
    assert_eq!(fallen.unwrap()["verdict"], "violated");
    assert_eq!(replay["time"], one["found"]["at"]);
    let (before, step) = link.split_once("&step=").expect("a step");
    let earlier = format!("{before}&step={}", step.parse::<u64>().unwrap() - 1);
    text(&["replay", &earlier], 0);
}

#[test]
fn nothing_found_is_no_failure() {
    let result = json(&["search", "raft/swarm", "--seeds", "1..40", "--json"], 0);
    assert_eq!(result["found"], Json::Null);
    assert_eq!(result["counts"]["runs"], 40);
    assert!(text(&["search", "raft/swarm", "--seeds", "1..40"], 0).contains("found       nothing"));
}

#[test]
fn moments_and_checks_are_looked_for() {
    let words = ["search", "raft/swarm", "--until", "count(role=leader) >= 2"];
    let found = text(&words, 0);
    assert!(found.contains("met at"), "{found}");
    let words = [
        "search",
        "raft/swarm",
        "--until-check",
        "leader-elected",
        "--json",
    ];
    assert_eq!(json(&words, 0)["found"]["how"], "reached");
    let words = [
        "search",
        "raft/calm",
        "--until",
        "n1.currentTrem > 5",
        "--seeds",
        "1..3",
    ];
    let output = run(&words);
    let errors = String::from_utf8(output.stderr).expect("text");
    assert!(
        errors.contains("currentTrem") && errors.contains("currentTerm"),
        "{errors}"
    );
}

#[test]
fn parts_joined_are_the_whole() {
    for all in [true, false] {
        let mut words = broken(&["--seeds", "1..200", "--json"]);
        if all {
            words.push("--all");
        }
        let whole = json(&words, 1);
        let mut files = Vec::new();
        for part in ["1/3", "2/3", "3/3"] {
            let output = run(&[&words[..], &["--shard", part]].concat());
            let result = String::from_utf8(output.stdout).expect("text");
            assert_eq!(result.lines().count(), 1, "a part is a line");
            let path = file(&format!("{all}-{}.json", part.replace('/', "-")));
            fs::write(&path, result).expect("the folder is there");
            files.push(path.to_str().expect("an ordinary name").to_owned());
        }
        let names: Vec<&str> = files.iter().map(String::as_str).collect();
        let joined = json(&[&["merge", "--json"], &names[..]].concat(), 1);
        assert_eq!(joined["found"], whole["found"]);
        if all {
            assert_eq!(timeless(joined), timeless(whole));
        }
        // One file with all the lines does as well.
        let lines: String = files
            .iter()
            .map(|it| fs::read_to_string(it).unwrap())
            .collect();
        let together = file(&format!("{all}-together.json"));
        fs::write(&together, &lines).expect("the folder is there");
        text(&["merge", together.to_str().unwrap()], 1);
        refuses(&["merge", names[0], names[2]], &["2 of 3", "missing: 2/3"]);
        refuses(
            &["merge", names[0], names[1], names[0]],
            &["both hold part 1 of 3"],
        );
    }
    let (one, other) = (file("true-1-3.json"), file("false-2-3.json"));
    let words = ["merge", one.to_str().unwrap(), other.to_str().unwrap()];
    refuses(&words, &["different searches", "persist-vote"]);
}

fn refuses(words: &[&str], hints: &[&str]) {
    let output = run(words);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words:?}: {errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    for hint in hints {
        assert!(errors.contains(hint), "{words:?}: {errors}");
    }
}

#[test]
fn a_failing_run_becomes_small_and_still_fails() {
    let found = json(&broken(&["--json"]), 1);
    let link = found["found"]["link"].as_str().expect("a link");
    let result = json(&["shrink", link, "--json"], 1);
    let commands = result["commands"].as_array().expect("commands").len();
    assert!(commands <= 12, "{result}");
    assert!(result["after"]["commands"].as_u64() < result["before"]["commands"].as_u64());
    let small = result["found"]["link"].as_str().expect("a link");
    let replay = json(&["replay", small, "--json"], 1);
    let fallen = replay["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["name"] == found["found"]["what"]);
    assert_eq!(fallen.unwrap()["verdict"], "violated");
    let shown = text(&["shrink", link, "--runs", "5"], 1);
    assert!(shown.contains("--runs allows more"), "{shown}");
}

/// The recipe of docs/search.md that begins so, up to the end of its block.
fn recipe(beginning: &str) -> String {
    let text = include_str!("../../docs/search.md");
    let from = text.find(beginning).expect("the recipe is there");
    let to = text[from..].find("```").expect("its block ends");
    text[from..from + to].to_owned()
}

/// Lets a shell do what a recipe says, with fewer seeds and machines, and this program in place of the installed one.
#[cfg(unix)]
fn follow(recipe: &str, folder: &std::path::Path, variables: &[(&str, &str)]) -> String {
    let words = format!("\"{}\" search", env!("CARGO_BIN_EXE_clusterscope"));
    let recipe = recipe
        .replace("clusterscope search", &words)
        .replace("raft/swarm", "raft/swarm --set persist-vote=off")
        .replace("1..1000000", "1..60")
        .replace("/64", "/4");
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-e", "-c", &recipe]).current_dir(folder);
    let output = shell
        .envs(variables.iter().copied())
        .output()
        .expect("a shell");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{recipe}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

#[cfg(unix)]
#[test]
fn the_recipes_for_many_machines_do_what_one_machine_does() {
    let whole = json(&broken(&["--seeds", "1..60", "--json"]), 1);
    let folder = file("machines");
    fs::create_dir_all(&folder).expect("the folder of the test");
    let slurm = recipe("#!/bin/sh\n#SBATCH");
    let kubernetes = recipe("              clusterscope search").replace("\n ", " ");
    assert!(kubernetes.contains("JOB_COMPLETION_INDEX"), "{kubernetes}");
    let (mut logs, mut parts) = (String::new(), Vec::new());
    for part in 1..=4 {
        let (id, index) = (part.to_string(), (part - 1).to_string());
        let task = [
            ("SLURM_ARRAY_TASK_ID", id.as_str()),
            ("SLURM_ARRAY_TASK_MAX", "4"),
            ("SLURM_CPUS_PER_TASK", "1"),
        ];
        follow(&slurm, &folder, &task);
        parts.push(folder.join(format!("part-{id}.json")));
        logs += &follow(&kubernetes, &folder, &[("JOB_COMPLETION_INDEX", &index)]);
    }
    let parts: Vec<&str> = parts.iter().map(|it| path(it)).collect();
    let joined = json(&[&["merge", "--json"], &parts[..]].concat(), 1);
    assert_eq!(joined["found"], whole["found"]);
    let logged = file("machines.json");
    fs::write(&logged, logs).expect("the folder is there");
    let joined = json(&["merge", "--json", path(&logged)], 1);
    assert_eq!(joined["found"], whole["found"]);
}

/// What is typed, and what the refusal must say.
const REFUSED: [(&str, &[&str]); 24] = [
    ("search", &["search what", "raft/swarm"]),
    ("search raft", &["\"raft\"", "raft/calm"]),
    ("search raft/clam", &["\"clam\"", "leader-crash"]),
    (
        "search raft/calm ping/calm",
        &["\"ping/calm\"", "one SYSTEM/SCENARIO"],
    ),
    ("search raft/calm --seed 1", &["\"--seed\"", "--seeds"]),
    ("search raft/calm --seeds 5..1", &["\"5..1\"", "1..1000"]),
    ("search raft/calm --seeds x", &["\"x\"", "whole number"]),
    (
        "search raft/calm --seeds 0..99999999999",
        &["\"0..99999999999\"", "1000000000"],
    ),
    ("search raft/calm --jobs 0", &["\"0\"", "1 to 256"]),
    ("search raft/calm --shard 0/3", &["\"0/3\"", "1/8"]),
    ("search raft/calm --shard 4/3", &["\"4/3\"", "1/8"]),
    ("search raft/calm --until down", &["\"down\"", "write ="]),
    (
        "search raft/calm --until n9.role=leader",
        &["\"n9\"", "n1 to n5"],
    ),
    (
        "search raft/calm --until-check x",
        &["\"x\"", "election-safety"],
    ),
    (
        "search raft/calm --until-check x --until time>1s",
        &["\"time>1s\"", "one of the two"],
    ),
    (
        "search raft/calm --set loss=200%",
        &["\"200%\"", "0% to 100%"],
    ),
    ("shrink", &["shrink what"]),
    ("shrink raft", &["\"raft\"", "#/raft/calm"]),
    (
        "shrink #/raft/calm",
        &["raft/calm", "nothing to make smaller"],
    ),
    ("shrink #/raft/calm --runs 0", &["\"0\"", "1 to"]),
    (
        "shrink #/raft/calm --until down>3",
        &["raft/calm", "down>3"],
    ),
    ("merge", &["merge what"]),
    ("merge --all", &["\"--all\"", "--json"]),
    ("merge no-such-file", &["no-such-file", "cannot be read"]),
];

#[test]
fn bad_input_is_refused_in_one_line() {
    let nothing = file("empty.json");
    fs::write(&nothing, "").expect("the folder is there");
    let whole = file("whole.json");
    fs::write(
        &whole,
        text(&["search", "raft/calm", "--seeds", "1..2", "--json"], 0),
    )
    .unwrap();
    let strange = file("strange.json");
    fs::write(&strange, "{\"colour\":\"red\"}").expect("the folder is there");
    let at = |it: &'static str| file(it).to_str().unwrap().to_owned();
    for (words, hints) in REFUSED {
        let words: Vec<&str> = words.split_whitespace().collect();
        refuses(&words, hints);
    }
    for (words, hints) in [
        (
            &format!("merge {}", at("empty.json")),
            &["empty.json", "has not been run"][..],
        ),
        (
            &format!("merge {}", at("whole.json")),
            &["whole.json", "--shard"],
        ),
        (
            &format!("merge {}", at("strange.json")),
            &["strange.json", "colour", "not the result"],
        ),
    ] {
        let words: Vec<&str> = words.split_whitespace().collect();
        refuses(&words, hints);
    }
}
