//! P. Bailis and others, "Probabilistically Bounded Staleness for Practical Partial Quorums", VLDB 2012, against the
//! quorum store: its messages have the delays of the paper's WARS model (§5.6), and clients say what they read.
//!
//! One client writes and reads one key, each request through a coordinator drawn anew. A read counts that begins so
//! long after the acknowledgement of a write, with nothing in between. What is expected was computed from the model to
//! four places; the paper prints three. Each bound is four standard errors of what is counted here.

use clusterscope_core::trace::{HistoryEvent, Level, Phase};
use clusterscope_core::{RunSpec, Span, Time};

/// LNKD-SSD, one way: 91.22% Pareto, 8.78% exponential with a rate of 1.66 per ms.
const SSD: &str = "mix(91.22%,pareto(235us,10),exponential(0s,602410ns))";
/// LNKD-DISK, writes: 38% Pareto, 62% exponential with a rate of 0.183 per ms.
const DISK: &str = "mix(38%,pareto(1050us,1.51),exponential(0s,5464481ns))";
/// YMMR, writes; the other ways.
const YMMR: [&str; 2] = [
    "mix(93.9%,pareto(3ms,3.5),exponential(0s,357142857ns))",
    "mix(98.2%,pareto(1500us,3.8),exponential(0s,46082949ns))",
];

/// A store whose messages take so long: writes, and all others.
fn store(sizes: [u64; 3], write: &str, others: &str) -> RunSpec {
    let mut spec = RunSpec::new("quorum", "pbs");
    spec.scripted = false;
    let [n, r, w] = sizes;
    for (key, value) in [("nodes", n), ("n", n), ("r", r), ("w", w)] {
        spec.set(key, &value.to_string());
    }
    let kinds = [
        ("Write", write),
        ("Ack", others),
        ("Read", others),
        ("Response", others),
    ];
    for (kind, delay) in kinds {
        let line = format!("0s delay {kind} {delay}");
        spec.commands
            .push(line.parse().unwrap_or_else(|it| panic!("{it}")));
    }
    // Between client and coordinator there is no way. The first requests are on theirs before this holds.
    spec.commands.push(
        "0s set latency 0s"
            .parse()
            .unwrap_or_else(|it| panic!("{it}")),
    );
    spec
}

/// What the client saw until it had ended so many requests.
fn history(spec: &RunSpec, requests: u32) -> Vec<HistoryEvent> {
    let mut run = spec.build(Level::Off).unwrap_or_else(|it| panic!("{it}"));
    let mut until = Time::ZERO;
    while run.history().len() < 2 * requests {
        until += Span::secs(1);
        run.run_until(until);
    }
    run.history().to_vec()
}

/// Of the reads that begin `after` a write was acknowledged, and next after it: how many return it, and how many there
/// are.
fn consistent(history: &[HistoryEvent], after: Span) -> (u32, u32) {
    let (mut hits, mut all) = (0, 0);
    for lines in history.windows(3) {
        let [write, begin, read] = lines else {
            continue;
        };
        let counts = write.phase == Phase::Ok && write.op == "write" && read.op == "read";
        if counts && begin.time == write.time + after {
            all += 1;
            hits += u32::from(read.value == write.value);
        }
    }
    (hits, all)
}

/// The share of `hits` is `expected`, within four standard errors.
fn assert_share(what: &str, (hits, all): (u32, u32), expected: f64) {
    let share = f64::from(hits) / f64::from(all);
    let error = (expected * (1.0 - expected) / f64::from(all)).sqrt();
    println!("{what}: {share:.4} of {all}, expected {expected}");
    assert!(all > 1_000, "{what}: only {all} reads");
    assert!(
        (share - expected).abs() < 4.0 * error + 0.0005,
        "{what}: {share} of {all}, expected {expected} within {}",
        4.0 * error
    );
}

fn at_once(spec: &RunSpec, what: &str, expected: f64) {
    let history = history(spec, 60_000);
    assert_share(what, consistent(&history, Span::ZERO), expected);
}

#[test]
fn reads_at_the_moment_of_the_acknowledgement() {
    let production: [(&str, [u64; 3], &str, &str, f64); 7] = [
        ("LNKD-SSD", [3, 1, 1], SSD, SSD, 0.9736),
        ("LNKD-DISK", [3, 1, 1], DISK, SSD, 0.437),
        ("LNKD-DISK, N=2", [2, 1, 1], DISK, SSD, 0.5757),
        ("LNKD-DISK, N=10", [10, 1, 1], DISK, SSD, 0.2098),
        ("LNKD-DISK, R=2", [3, 2, 1], DISK, SSD, 0.7628),
        ("YMMR", [3, 1, 1], YMMR[0], YMMR[1], 0.8932),
        ("YMMR, R=2", [3, 2, 1], YMMR[0], YMMR[1], 0.9909),
    ];
    for (what, sizes, write, others, expected) in production {
        at_once(&store(sizes, write, others), what, expected);
    }
}

#[test]
fn reads_a_while_later() {
    let mut spec = store([3, 1, 1], DISK, SSD);
    spec.set("think", "10ms");
    let history = history(&spec, 60_000);
    let after = consistent(&history, Span::ms(10));
    assert_share("LNKD-DISK after 10 ms", after, 0.9263);
}

/// Every replica but one is 75 ms away; which one is drawn for each request. The client is near to all.
#[test]
fn reads_across_a_continent() {
    let mut spec = store([3, 1, 1], DISK, SSD);
    spec.set("zones", "3");
    spec.set("zone-latency", "75ms");
    for node in 1..=3 {
        let line = format!("0s link c1-n{node} latency 0s");
        spec.commands
            .push(line.parse().unwrap_or_else(|it| panic!("{it}")));
    }
    at_once(&spec, "WAN", 0.3337);
}

#[test]
fn overlapping_quorums_are_never_stale() {
    let spec = store([3, 2, 2], DISK, SSD);
    let (hits, all) = consistent(&history(&spec, 20_000), Span::ZERO);
    assert_eq!(hits, all);
}

/// §3.1: quorums that are drawn at random and never grow. A read is within `k` versions with probability
/// `1 - (C(N-W, R) / C(N, R))^k`.
#[test]
fn reads_by_versions() {
    type Shares<'a> = ([u64; 3], &'a [(usize, f64)]);
    let shares: [Shares; 5] = [
        (
            [3, 1, 1],
            &[
                (1, 0.333333),
                (2, 0.555556),
                (3, 0.703704),
                (5, 0.868313),
                (10, 0.982658),
            ],
        ),
        ([3, 1, 2], &[(1, 0.666667), (2, 0.888889), (5, 0.995885)]),
        ([3, 2, 1], &[(1, 0.666667), (2, 0.888889), (3, 0.962963)]),
        ([2, 1, 1], &[(1, 0.5), (3, 0.875)]),
        ([5, 2, 2], &[(1, 0.7), (2, 0.91), (3, 0.973)]),
    ];
    for (sizes, expected) in shares {
        let mut spec = store(sizes, "1ms", "1ms");
        spec.set("ask", "quorum");
        let behind = behind(&history(&spec, 40_000));
        for (k, share) in expected {
            let within = behind.iter().filter(|it| **it < *k).count() as u32;
            let what = format!("N, R, W = {sizes:?}, k = {k}");
            assert_share(&what, (within, behind.len() as u32), *share);
        }
    }
}

/// By how many versions each read was behind; the first, for which there may be nothing to read, left out.
fn behind(history: &[HistoryEvent]) -> Vec<usize> {
    let (mut writes, mut behind) = (Vec::new(), Vec::new());
    for line in history.iter().filter(|it| it.phase == Phase::Ok) {
        if line.op == "write" {
            writes.push(line.value.clone());
        } else if writes.len() > 100 {
            let newer = writes.iter().rev().position(|it| *it == line.value);
            behind.push(newer.unwrap_or(writes.len()));
        }
    }
    behind
}
