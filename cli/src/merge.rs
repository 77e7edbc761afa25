//! Joins the results of the parts of one search.

use std::collections::BTreeMap;

use clusterscope_core::error::quote;
use serde_json::{Deserializer, Value as Json};

use crate::outcome::Outcome;
use crate::output::{Place, Problem};
use crate::search::finish;

/// The most that one file of results may hold, in bytes.
const FILE_MAX: u64 = 256 << 20;

/// So many missing parts are named.
const NAMED_MAX: usize = 10;

/// Reads every file, joins what is in them, and says what came of it; returns the exit status.
pub fn merge(files: &[Place], json: bool) -> Result<u8, Problem> {
    let mut parts: BTreeMap<u64, (Outcome, String)> = BTreeMap::new();
    for place in files {
        let name = quote(&place.to_string());
        let text = crate::args::read(place, FILE_MAX, "result")?;
        let mut any = false;
        for value in Deserializer::from_str(&text).into_iter::<Json>() {
            let value = value.map_err(|it| Problem::Input(format!("{name} is not JSON: {it}")))?;
            add(
                &mut parts,
                Outcome::read(&value).map_err(|it| within(&name, it))?,
                &name,
            )?;
            any = true;
        }
        if !any {
            return Err(Problem::Input(format!(
                "{name} is empty: that part has not been run"
            )));
        }
    }
    let whole = join(parts)?;
    finish(&whole, json)
}

fn within(name: &str, problem: Problem) -> Problem {
    match problem {
        Problem::Input(it) => Problem::Input(format!("in {name}: {it}")),
        other => other,
    }
}

/// Takes a part in, when it belongs to the same search as the others and is not there yet.
fn add(
    parts: &mut BTreeMap<u64, (Outcome, String)>,
    part: Outcome,
    name: &str,
) -> Result<(), Problem> {
    let Some((number, of)) = part.shard else {
        return Err(Problem::Input(format!(
            "{name} holds a whole search: only parts (--shard) can be joined"
        )));
    };
    if !(1..=of).contains(&number) {
        return Err(Problem::Input(format!(
            "{name} holds part {number} of {of}: there is no such part"
        )));
    }
    if let Some((other, file)) = parts.values().next() {
        let all = other.shard.map_or(0, |it| it.1);
        if other.search != part.search || all != of {
            return Err(Problem::Input(format!(
                "{name} and {file} are results of different searches: {} and {}",
                told(&part, of),
                told(other, all)
            )));
        }
    }
    match parts.insert(number, (part, name.to_owned())) {
        Some((_, file)) => Err(Problem::Input(format!(
            "{name} and {file} both hold part {number} of {of}"
        ))),
        None => Ok(()),
    }
}

/// A search in short.
fn told(part: &Outcome, of: u64) -> String {
    let search = &part.search;
    let goal = [&search["until_check"], &search["until"]];
    let goal = goal.iter().find_map(|it| it.as_str()).unwrap_or("failure");
    format!(
        "{} for {goal}, seeds {} to {}{}, {of} parts, release {}",
        search["run"].as_str().unwrap_or_default(),
        search["seeds"][0],
        search["seeds"][1],
        if search["all"] == true { ", all" } else { "" },
        search["release"].as_str().unwrap_or_default(),
    )
}

fn join(parts: BTreeMap<u64, (Outcome, String)>) -> Result<Outcome, Problem> {
    let of = parts
        .values()
        .next()
        .and_then(|it| it.0.shard)
        .map_or(0, |it| it.1);
    let missing: Vec<u64> = (1..=of)
        .filter(|it| !parts.contains_key(it))
        .take(NAMED_MAX + 1)
        .collect();
    if !missing.is_empty() {
        let mut names: Vec<String> = missing
            .iter()
            .take(NAMED_MAX)
            .map(|it| format!("{it}/{of}"))
            .collect();
        if missing.len() > NAMED_MAX {
            names.push("…".to_owned());
        }
        return Err(Problem::Input(format!(
            "{} of {of} parts are here; missing: {}",
            parts.len(),
            names.join(", ")
        )));
    }
    let mut parts = parts.into_values().map(|it| it.0);
    let Some(mut whole) = parts.next() else {
        return Err(Problem::Input(
            "merge what? Write it like: merge part-*.json".to_owned(),
        ));
    };
    for part in parts {
        whole.join(part);
    }
    whole.shard = None;
    Ok(whole)
}
