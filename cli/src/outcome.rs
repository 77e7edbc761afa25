//! What came of a search, of a part of one, or of several parts joined: for people as text, for programs as JSON.

use std::fmt::Write as _;

use clusterscope_core::error::quote;
use clusterscope_core::sim::search::median_distance;
use clusterscope_core::sim::search::{Finding, Goal, LISTED_MAX, Scan, Search, Tally};
use clusterscope_core::sim::time::Time;
use serde_json::{Map, Value as Json, json};

use crate::output::Problem;

/// A run that was found, as text and numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    seed: u64,
    what: String,
    how: String,
    reason: Option<String>,
    at: Time,
    link: String,
}

impl Found {
    /// What a finding says.
    pub fn of(finding: &Finding) -> Found {
        Found {
            seed: finding.spec.seed,
            what: finding.what.clone(),
            how: finding.how.word().to_owned(),
            reason: finding.reason.clone(),
            at: finding.at,
            link: finding.spec.link(),
        }
    }

    /// As one JSON object.
    pub fn json(&self) -> Json {
        json!({
            "seed": self.seed,
            "what": self.what,
            "how": self.how,
            "reason": self.reason,
            "at": self.at,
            "link": self.link,
        })
    }

    fn read(object: &Map<String, Json>) -> Option<Found> {
        let text = |key: &str| Some(object.get(key)?.as_str()?.to_owned());
        Some(Found {
            seed: object.get("seed")?.as_u64()?,
            what: text("what")?,
            how: text("how")?,
            reason: text("reason"),
            at: Time(object.get("at")?.as_u64()?),
            link: text("link")?,
        })
    }

    /// In one sentence.
    pub fn sentence(&self) -> String {
        let Found {
            seed,
            what,
            how,
            at,
            ..
        } = self;
        let how = match how.as_str() {
            "violated" => "broken",
            other => other,
        };
        let why = self.reason.as_ref().map(|it| format!(": {it}"));
        format!(
            "seed {seed}, {what} {how} at {at}{}",
            why.unwrap_or_default()
        )
    }

    /// The link, with its playhead at the moment.
    pub fn link(&self) -> &str {
        &self.link
    }
}

/// What came of a search or of a part of one.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was searched, as every part of the same search writes it.
    pub search: Json,
    /// Which part of how many; `None` for the whole.
    pub shard: Option<(u64, u64)>,
    /// The counts.
    pub tally: Tally,
    /// The smallest seed that found something.
    pub found: Option<Found>,
    /// The first seeds that found something.
    pub seeds: Vec<u64>,
    /// How long it took, on a clock, all parts together.
    pub seconds: f64,
}

/// The names of the counts, in the order of the text.
type Counts = [(&'static str, u64); 6];

fn counts(tally: &Tally) -> Counts {
    [
        ("runs", tally.runs),
        ("found", tally.found),
        ("violated", tally.violated),
        ("blocked", tally.blocked),
        ("unknown", tally.unknown),
        ("stopped", tally.stopped),
    ]
}

/// What every part of one search has in common.
pub fn describe(search: &Search, seeds: (u64, u64), all: bool) -> Json {
    let (check, until) = match search.goal() {
        Goal::Failure => (None, None),
        Goal::Check(name) => (Some(name.clone()), None),
        Goal::Moment(moment) => (None, Some(moment.to_string())),
    };
    let mut spec = search.spec().clone();
    spec.seed = seeds.0;
    json!({
        "run": spec.link(),
        "seeds": [seeds.0, seeds.1],
        "until_check": check,
        "until": until,
        "all": all,
        "release": env!("CARGO_PKG_VERSION"),
    })
}

impl Outcome {
    /// What came of running seeds.
    pub fn new(search: Json, shard: Option<(u64, u64)>, scan: &Scan, seconds: f64) -> Outcome {
        Outcome {
            search,
            shard,
            tally: scan.tally,
            found: scan.first.as_ref().map(Found::of),
            seeds: scan.seeds.clone(),
            seconds,
        }
    }

    /// Whether a promise was broken or a cluster blocked in any of the runs.
    pub fn failed(&self) -> bool {
        self.tally.violated + self.tally.blocked > 0
    }

    fn range(&self) -> (u64, u64) {
        let end = |index: usize| self.search["seeds"][index].as_u64().unwrap_or_default();
        (end(0), end(1))
    }

    fn all(&self) -> bool {
        self.search["all"] == json!(true)
    }

    /// The median of tries, when every seed has been run and every finding is listed.
    fn median(&self) -> Option<u64> {
        let (from, to) = self.range();
        let complete = self.all() && self.shard.is_none() && self.seeds.len() < LISTED_MAX;
        complete
            .then(|| median_distance(&self.seeds, from, to))
            .flatten()
    }

    fn rate(&self) -> f64 {
        self.tally.runs as f64 / self.seconds.max(1e-9)
    }

    /// As JSON: one line for a part, so that parts can stand in one file; else laid out for reading.
    pub fn json(&self) -> String {
        let mut object = json!({
            "search": self.search,
            "shard": self.shard.map(|(part, of)| json!([part, of])),
            "found": self.found.as_ref().map(Found::json),
        });
        let counts = counts(&self.tally);
        object["counts"] = counts
            .iter()
            .map(|(key, it)| ((*key).to_owned(), json!(it)))
            .collect::<Map<_, _>>()
            .into();
        object["seeds_found"] = json!(self.seeds);
        object["median_tries"] = json!(self.median());
        object["seconds"] = json!(self.seconds);
        object["runs_per_second"] = json!(self.rate());
        match self.shard {
            Some(_) => format!("{object}\n"),
            None => format!("{object:#}\n"),
        }
    }

    /// Reads what [`Outcome::json`] wrote.
    pub fn read(json: &Json) -> Result<Outcome, Problem> {
        let bad = || {
            let shown = quote(&json.to_string());
            Problem::Input(format!(
                "{shown} is not the result of a search: clusterscope search --shard 1/4 --json writes one"
            ))
        };
        let shard = match &json["shard"] {
            Json::Null => None,
            pair => Some(pair[0].as_u64().zip(pair[1].as_u64()).ok_or_else(bad)?),
        };
        let count = |key: &str| json["counts"][key].as_u64().ok_or_else(bad);
        let found = match &json["found"] {
            Json::Null => None,
            Json::Object(it) => Some(Found::read(it).ok_or_else(bad)?),
            _ => return Err(bad()),
        };
        let seeds = json["seeds_found"].as_array().ok_or_else(bad)?;
        let seeds = seeds.iter().map(Json::as_u64).collect::<Option<_>>();
        Ok(Outcome {
            search: json
                .get("search")
                .filter(|it| it.is_object())
                .ok_or_else(bad)?
                .clone(),
            shard,
            tally: Tally {
                runs: count("runs")?,
                found: count("found")?,
                violated: count("violated")?,
                blocked: count("blocked")?,
                unknown: count("unknown")?,
                stopped: count("stopped")?,
            },
            found,
            seeds: seeds.ok_or_else(bad)?,
            seconds: json["seconds"].as_f64().ok_or_else(bad)?,
        })
    }

    /// Adds another part of the same search.
    pub fn join(&mut self, other: Outcome) {
        self.tally += other.tally;
        self.seconds += other.seconds;
        self.seeds.extend(other.seeds);
        self.seeds.sort_unstable();
        self.seeds.truncate(LISTED_MAX);
        let seed = |it: &Option<Found>| it.as_ref().map_or(u64::MAX, |it| it.seed);
        if self.found.is_none() || seed(&other.found) < seed(&self.found) {
            self.found = other.found;
        }
    }

    /// For people; the last line holds the link, when something was found.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_text(&mut text);
        text
    }

    fn write_text(&self, text: &mut String) -> std::fmt::Result {
        let (from, to) = self.range();
        let part = self
            .shard
            .map(|(part, of)| format!(", part {part} of {of}"));
        let run = self.search["run"].as_str().unwrap_or_default();
        writeln!(text, "{run}")?;
        writeln!(
            text,
            "  seeds       {from} to {to}{}",
            part.unwrap_or_default()
        )?;
        let goal = ["until_check", "until"].map(|it| self.search[it].as_str());
        let goal = goal.into_iter().flatten().next();
        writeln!(
            text,
            "  looked for  {}",
            goal.unwrap_or("a broken promise, or no progress at the end")
        )?;
        let Tally {
            runs,
            found,
            violated,
            blocked,
            unknown,
            stopped,
        } = self.tally;
        writeln!(
            text,
            "  runs        {runs}, {:.0} a second: {found} found; {violated} broken, {blocked} blocked, \
             {unknown} unknown, {stopped} stopped",
            self.rate()
        )?;
        if let Some(median) = self.median() {
            writeln!(
                text,
                "  median      {median} tries until something is found"
            )?;
        }
        match &self.found {
            None => writeln!(text, "  found       nothing"),
            Some(found) => {
                writeln!(text, "  found       {}", found.sentence())?;
                writeln!(text, "  link        {}", found.link)
            }
        }
    }
}
