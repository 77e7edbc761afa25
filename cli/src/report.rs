//! What came of a run: for people as text, for programs as JSON.

use std::fmt::Write as _;

use clusterscope_core::RunSpec;
use clusterscope_core::check::{Report, Verdict};
use clusterscope_core::frame::Stats;
use clusterscope_core::sim::run::Run;
use clusterscope_core::sim::settings::SettingView;
use clusterscope_core::sim::time::Time;
use serde_json::{Map, Value as Json, json};

use crate::metrics::Metrics;

/// What came of a run.
pub struct Summary<'a> {
    spec: &'a RunSpec,
    settings: &'a [SettingView],
    /// The checks.
    pub checks: Vec<Report>,
    stats: Stats,
    time: Time,
    steps: u64,
    events: u32,
    hash: String,
    halted: Option<String>,
    metrics: Metrics,
}

impl<'a> Summary<'a> {
    /// Looks at a run where it stands; the playhead of `spec` is there, too.
    pub fn new(spec: &'a RunSpec, settings: &'a [SettingView], run: &dyn Run) -> Summary<'a> {
        Summary {
            spec,
            settings,
            checks: run.reports(),
            stats: run.frame().stats,
            time: run.now(),
            steps: run.steps(),
            events: run.recorder().events(),
            hash: format!("{:016x}", run.recorder().hash()),
            halted: run.halted().map(str::to_owned),
            metrics: Metrics::of(run.history()),
        }
    }

    /// As one JSON object.
    pub fn json(&self) -> String {
        let settings: Map<String, Json> = self
            .settings
            .iter()
            .map(|it| (it.id.to_owned(), json!(it.value.to_string())))
            .collect();
        let stats = &self.stats;
        let object = json!({
            "system": self.spec.system,
            "scenario": self.spec.scenario,
            "seed": self.spec.seed,
            "settings": settings,
            "time": self.time,
            "steps": self.steps,
            "events": self.events,
            "messages": {
                "sent": stats.sent,
                "delivered": stats.delivered,
                "lost": stats.lost,
                "duplicated": stats.duplicated,
            },
            "checks": self.checks,
            "metrics": self.metrics(),
            "halted": self.halted,
            "link": self.spec.link(),
            "trace_hash": self.hash,
        });
        format!("{object:#}\n")
    }

    /// Numbers made of the counts; null where there is nothing to divide by.
    fn metrics(&self) -> Json {
        let stats = &self.stats;
        let per = |count: f64, of: f64| {
            if of > 0.0 {
                json!(count / of)
            } else {
                Json::Null
            }
        };
        let done = stats.completed as f64;
        json!({
            "operations": {
                "invoked": stats.invoked,
                "completed": stats.completed,
                "refused": stats.refused,
                "unknown": stats.unknown,
            },
            "mean_latency_ms": per(stats.completion_time.millis(), done),
            "operations_per_second": per(done, self.time.seconds()),
            "messages_per_operation": per(stats.sent as f64, done),
            "latency_ms": self.metrics.latency(),
            "staleness": self.metrics.staleness(),
        })
    }

    /// For people; the last line holds the hash.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_text(&mut text);
        text
    }

    /// What became of the clients' requests.
    fn write_requests(&self, text: &mut String) -> std::fmt::Result {
        let stats = &self.stats;
        if stats.invoked > 0 {
            let Stats {
                invoked,
                completed,
                refused,
                unknown,
                ..
            } = stats;
            writeln!(
                text,
                "  operations  {invoked} begun, {completed} done, {refused} refused, {unknown} without an answer"
            )?;
        }
        if stats.completed > 0 {
            let latency = stats.completion_time.millis() / stats.completed as f64;
            let rate = stats.completed as f64 / self.time.seconds();
            let messages = stats.sent as f64 / stats.completed as f64;
            writeln!(
                text,
                "              {latency:.1} ms each, {rate:.1} a second, {messages:.1} messages each"
            )?;
        }
        if let Some(line) = self.metrics.staleness_line() {
            writeln!(text, "  reads       {line}")?;
        }
        Ok(())
    }

    fn write_text(&self, text: &mut String) -> std::fmt::Result {
        let (spec, stats) = (self.spec, &self.stats);
        writeln!(
            text,
            "{}/{}, seed {}",
            spec.system, spec.scenario, spec.seed
        )?;
        for (key, value) in &spec.settings {
            writeln!(text, "  set         {key}={value}")?;
        }
        writeln!(
            text,
            "  time        {} of virtual time, {} steps, {} events",
            self.time, self.steps, self.events
        )?;
        let Stats {
            sent,
            delivered,
            lost,
            duplicated,
            ..
        } = stats;
        writeln!(
            text,
            "  messages    {sent} sent, {delivered} delivered, {lost} lost, {duplicated} duplicated"
        )?;
        self.write_requests(text)?;
        if let Some(why) = &self.halted {
            writeln!(text, "  stopped     {why}")?;
        }
        let width = self
            .checks
            .iter()
            .map(|it| it.name.len())
            .max()
            .unwrap_or(0);
        for check in &self.checks {
            write!(
                text,
                "  {:<11} {:<width$}",
                verdict(check.verdict),
                check.name
            )?;
            writeln!(text, "  {}", outcome(check))?;
        }
        writeln!(text, "  link        {}", spec.link())?;
        writeln!(text, "trace hash {}", self.hash)
    }
}

/// A verdict in a word.
fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "held",
        Verdict::Violated => "BROKEN",
        Verdict::Reached => "reached",
        Verdict::NotReached => "not reached",
        Verdict::Blocked => "BLOCKED",
        Verdict::Unknown => "unknown",
    }
}

/// When and why, or else what was promised.
fn outcome(check: &Report) -> String {
    let why = check.reason.as_deref().unwrap_or(check.promise);
    match (check.at, check.step) {
        (Some(at), Some(step)) => format!("at {at}, step {step}: {why}"),
        (Some(at), None) => format!("at {at}: {why}"),
        _ => why.to_owned(),
    }
}
