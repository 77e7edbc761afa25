//! Numbers that a paper would print: how long requests took, and how stale reads were.

use std::collections::BTreeMap;

use clusterscope_core::check::tally::Tally;
use clusterscope_core::parts::log::Log;
use clusterscope_core::sim::time::{Span, Time};
use clusterscope_core::trace::{HistoryEvent, Phase};
use serde_json::{Map, Value as Json, json};

/// So many of a thousand requests took no longer; and how that is called.
const QUANTILES: [(usize, &str); 5] = [
    (500, "p50"),
    (900, "p90"),
    (950, "p95"),
    (990, "p99"),
    (999, "p999"),
];

/// What a history comes to in numbers.
pub struct Metrics {
    /// How long requests took that were done, the shortest first, by what they do.
    took: BTreeMap<&'static str, Vec<Span>>,
    tally: Tally,
}

impl Metrics {
    /// Measures a history.
    pub fn of(history: &Log<HistoryEvent>) -> Metrics {
        let mut tally = Tally::default();
        tally.follow(history);
        let mut begun: BTreeMap<u32, Time> = BTreeMap::new();
        let mut took: BTreeMap<&'static str, Vec<Span>> = BTreeMap::new();
        for line in history.to_vec() {
            if line.phase == Phase::Invoke {
                begun.insert(line.client, line.time);
            } else if let (Phase::Ok, Some(begun)) = (line.phase, begun.remove(&line.client)) {
                took.entry(line.op)
                    .or_default()
                    .push(line.time.since(begun));
            }
        }
        took.values_mut().for_each(|it| it.sort_unstable());
        Metrics { took, tally }
    }

    /// Latencies in milliseconds, for each kind of operation: the mean, quantiles by the nearest rank, the longest.
    pub fn latency(&self) -> Json {
        let kinds = self.took.iter().map(|(op, took)| {
            let rank = |per_mille: usize| (took.len() * per_mille).div_ceil(1000).max(1) - 1;
            let sum: f64 = took.iter().map(|it| it.millis()).sum();
            let mut numbers = Map::new();
            numbers.insert("count".to_owned(), json!(took.len()));
            numbers.insert("mean".to_owned(), json!(sum / took.len() as f64));
            for (per_mille, name) in QUANTILES {
                numbers.insert(name.to_owned(), json!(took[rank(per_mille)].millis()));
            }
            numbers.insert("max".to_owned(), json!(took[took.len() - 1].millis()));
            ((*op).to_owned(), Json::Object(numbers))
        });
        Json::Object(kinds.collect())
    }

    /// How many reads missed a write that had been acknowledged before they began; how many by how many versions.
    pub fn staleness(&self) -> Json {
        let total = self.tally.total();
        let mut behind: BTreeMap<u32, u32> = BTreeMap::new();
        let mut most = Span::ZERO;
        for it in self.tally.stale_reads() {
            *behind.entry(it.versions).or_default() += 1;
            most = most.max(it.by);
        }
        let behind: Map<String, Json> = behind
            .into_iter()
            .map(|(versions, reads)| (versions.to_string(), json!(reads)))
            .collect();
        json!({
            "reads": total.reads,
            "stale": total.stale,
            "versions_behind": behind,
            "max_ms_behind": most.millis(),
        })
    }

    /// The same in a line, if there were reads.
    pub fn staleness_line(&self) -> Option<String> {
        let total = self.tally.total();
        let worst = self.tally.stale_reads();
        let worst = worst.fold(None, |worst: Option<(u32, Span)>, it| {
            let (versions, by) = worst.unwrap_or_default();
            Some((versions.max(it.versions), by.max(it.by)))
        });
        match (total.reads, worst) {
            (0, _) => None,
            (reads, None) => Some(format!("{reads} done, none stale")),
            (reads, Some((versions, by))) => Some(format!(
                "{reads} done, {} stale: by up to {versions} versions and {by}",
                total.stale
            )),
        }
    }
}
