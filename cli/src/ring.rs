//! `ring`: how evenly keys spread over nodes, and how many move when nodes come or go, under five ways to place them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clusterscope_core::error::one_of;
use clusterscope_core::parts::hashing::hash;
use clusterscope_core::parts::placement::{Placement, Scheme, unevenness};
use clusterscope_core::parts::ring::Ring;
use clusterscope_core::protocol::NodeId;
use serde_json::{Value as Json, json};

use crate::args::{Word, is_help, next, refuse, value, whole};
use crate::output::{self, Problem};

/// What is asked.
pub struct Question {
    schemes: Vec<Scheme>,
    members: Vec<(NodeId, u32)>,
    /// The nodes afterwards, when some are to come or go.
    after: Option<Vec<(NodeId, u32)>>,
    vnodes: u32,
    keys: u64,
    rings: u64,
    salt: u64,
    replicas: usize,
    /// The load bound in thousandths, for the ring.
    bound: Option<u64>,
    /// Keys to look up: a word and its hash.
    lookups: Vec<(String, u64)>,
    json: bool,
}

/// The most nodes.
const NODES_MAX: u64 = 10_000;
/// The most work: tokens that are sorted, and keys that are looked up (under rendezvous, once for every node).
const WORK_MAX: u64 = 4_000_000_000;

/// What the options say, before it is known to fit together.
struct Options {
    nodes: u64,
    weights: Vec<u32>,
    add: u64,
    remove: Vec<NodeId>,
}

/// Reads the arguments; `None` when help is wanted.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Option<Question>, Problem> {
    let mut options = Options {
        nodes: 10,
        weights: Vec::new(),
        add: 0,
        remove: Vec::new(),
    };
    let mut question = Question {
        schemes: vec![Scheme::Ring],
        members: Vec::new(),
        after: None,
        vnodes: 100,
        keys: 100_000,
        rings: 1,
        salt: 0,
        replicas: 1,
        bound: None,
        lookups: Vec::new(),
        json: false,
    };
    while let Some(word) = next(parser)? {
        let name = match word {
            Word::Option(name) if is_help(&name) => return Ok(None),
            Word::Option(name) => name,
            Word::Plain(text) => {
                return Err(refuse(&text, "is one too many: ring takes only options"));
            }
        };
        if name == "--json" {
            question.json = true;
        } else if !options.read(parser, &name)? && !question.read(parser, &name)? {
            let known = "--nodes, --weights, --add, --remove, --algorithm, --vnodes, --keys, --replicas, --bound, \
                         --rings, --salt, --key, --hash and --json";
            return Err(refuse(
                &name,
                format_args!("is not an option of ring: there is {known}"),
            ));
        }
    }
    options.apply(&mut question)?;
    Ok(Some(question))
}

impl Options {
    fn read(&mut self, parser: &mut lexopt::Parser, name: &str) -> Result<bool, Problem> {
        match name {
            "--nodes" => self.nodes = whole(&value(parser, name)?, NODES_MAX)?,
            "--add" => self.add = whole(&value(parser, name)?, NODES_MAX)?,
            "--remove" => {
                let text = value(parser, name)?;
                let node = text.parse::<NodeId>();
                self.remove
                    .push(node.map_err(|it| Problem::Input(it.to_string()))?);
            }
            "--weights" => {
                let text = value(parser, name)?;
                let weight = |it: &str| whole(it.trim(), 100).map(|it| it as u32);
                self.weights = text.split(',').map(weight).collect::<Result<_, _>>()?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Puts nodes, weights and changes together; whoever has no weight of its own weighs 1.
    fn apply(self, question: &mut Question) -> Result<(), Problem> {
        let nodes = self.nodes.max(self.weights.len() as u64);
        let member = |it: u64| {
            let weight = self.weights.get(it as usize).copied().unwrap_or(1);
            (NodeId(it as u16), weight)
        };
        question.members = (0..nodes).map(member).collect();
        if self.add > 0 || !self.remove.is_empty() {
            let mut after: Vec<(NodeId, u32)> = (0..nodes + self.add).map(member).collect();
            for gone in &self.remove {
                if after.len() as u64 == self.add || u64::from(gone.0) >= nodes {
                    return Err(refuse(&gone.to_string(), "is not there to be removed"));
                }
                after.retain(|it| it.0 != *gone);
            }
            if after.is_empty() {
                return Err(Problem::Input("nobody would be left".to_owned()));
            }
            question.after = Some(after);
        }
        let weight: u64 = question.members.iter().map(|it| u64::from(it.1)).sum();
        let tokens = (weight + self.add) * u64::from(question.vnodes);
        let each = question.keys * (weight + self.add);
        if (tokens * 100 + each).saturating_mul(question.rings) > WORK_MAX {
            let problem = "are too many together: fewer nodes, vnodes, keys or rings would do";
            return Err(refuse(&format!("{nodes} nodes"), problem));
        }
        Ok(())
    }
}

impl Question {
    fn read(&mut self, parser: &mut lexopt::Parser, name: &str) -> Result<bool, Problem> {
        let text = match name {
            "--algorithm" | "--vnodes" | "--keys" | "--replicas" | "--bound" | "--rings"
            | "--salt" | "--key" | "--hash" => value(parser, name)?,
            _ => return Ok(false),
        };
        let number = |text: &str| {
            let known = "is not a whole number from 0 to 18446744073709551615";
            text.parse::<u64>().map_err(|_| refuse(text, known))
        };
        match name {
            "--algorithm" if text == "all" => self.schemes = Scheme::ALL.to_vec(),
            "--algorithm" => {
                let known = || one_of(Scheme::NAMES.into_iter().chain(["all"]));
                let found = Scheme::find(&text);
                let missing =
                    || refuse(&text, format_args!("is no algorithm: there is {}", known()));
                self.schemes = vec![found.ok_or_else(missing)?];
            }
            "--vnodes" => self.vnodes = whole(&text, 10_000)? as u32,
            "--keys" => self.keys = whole(&text, 10_000_000)?,
            "--replicas" => self.replicas = whole(&text, NODES_MAX)? as usize,
            "--rings" => self.rings = whole(&text, 100_000)?,
            "--salt" => self.salt = number(&text)?,
            "--bound" => {
                let factor = text.parse::<f64>().ok();
                let fine = factor.filter(|it| (1.0..=100.0).contains(it));
                let problem = "is not a bound: write 1.25 for at most 25% above the mean";
                self.bound = Some((fine.ok_or_else(|| refuse(&text, problem))? * 1_000.0) as u64);
            }
            "--hash" => self.lookups.push((text.clone(), number(&text)?)),
            _ => self.lookups.push((text.clone(), hash(text.as_bytes()))),
        }
        Ok(true)
    }

    fn placement(&self, scheme: Scheme, members: &[(NodeId, u32)], salt: u64) -> Placement {
        Placement::new(scheme, members, self.vnodes, salt)
    }

    /// The owner of every key. Keys are named `k0`, `k1`, … and placed by their hashes.
    fn owners(&self, scheme: Scheme, members: &[(NodeId, u32)], salt: u64) -> Vec<NodeId> {
        let key = |it: u64| hash(format!("k{it}").as_bytes());
        if let (Some(factor), Scheme::Ring) = (self.bound, scheme) {
            let ring = Ring::salted(members, self.vnodes, salt);
            let keys: Vec<u64> = (0..self.keys).map(key).collect();
            return ring.assign_bounded(members, keys.into_iter(), factor);
        }
        let placement = self.placement(scheme, members, salt);
        let owner = |it| placement.owner(key(it)).expect("every node has a weight");
        (0..self.keys).map(owner).collect()
    }
}

/// What one algorithm makes of it, summed up over the rings.
#[derive(Default)]
struct Answer {
    /// Of the first ring: keys and, on a ring, the exact share of the circle.
    nodes: BTreeMap<NodeId, (u64, Option<f64>)>,
    arcs: Spread,
    keys: Spread,
    moved: u64,
    between_survivors: u64,
}

/// How uneven the loads of several rings are.
#[derive(Default)]
struct Spread {
    square: f64,
    most: f64,
    least: f64,
    rings: f64,
}

impl Spread {
    fn add(&mut self, loads: &[f64]) {
        let mean = loads.iter().sum::<f64>() / loads.len() as f64;
        let deviation = unevenness(loads);
        self.square += deviation * deviation;
        self.most += loads.iter().copied().fold(0.0, f64::max) / mean;
        self.least += loads.iter().copied().fold(f64::INFINITY, f64::min) / mean;
        self.rings += 1.0;
    }

    fn json(&self) -> Json {
        json!({
            "deviation_over_mean": (self.square / self.rings).sqrt(),
            "max_over_mean": self.most / self.rings,
            "min_over_mean": self.least / self.rings,
        })
    }
}

/// Prints the answer.
pub fn ring(question: &Question) -> Result<(), Problem> {
    let answers = question
        .schemes
        .iter()
        .map(|it| (*it, answer(question, *it)));
    let answers: Vec<(Scheme, Answer)> = answers.collect();
    let text = if question.json {
        let each = answers
            .iter()
            .map(|(scheme, it)| as_json(question, *scheme, it));
        format!("{:#}\n", each.collect::<Json>())
    } else {
        answers
            .iter()
            .map(|(scheme, it)| as_text(question, *scheme, it))
            .collect()
    };
    output::print(&text)
}

fn answer(question: &Question, scheme: Scheme) -> Answer {
    let mut answer = Answer::default();
    let members = &question.members;
    for salt in 0..question.rings {
        let salt = question.salt.wrapping_add(salt);
        let owners = question.owners(scheme, members, salt);
        let mut nodes: BTreeMap<NodeId, (u64, Option<f64>)> =
            members.iter().map(|it| (it.0, (0, None))).collect();
        for owner in &owners {
            nodes.entry(*owner).or_default().0 += 1;
        }
        if let Placement::Ring(ring) = question.placement(scheme, members, salt) {
            for (node, share) in ring.shares() {
                nodes.entry(node).or_default().1 = Some(share);
            }
            let per_weight = members
                .iter()
                .map(|it| nodes[&it.0].1.unwrap_or(0.0) / f64::from(it.1));
            answer.arcs.add(&per_weight.collect::<Vec<f64>>());
        }
        let per_weight = members
            .iter()
            .map(|it| nodes[&it.0].0 as f64 / f64::from(it.1));
        answer.keys.add(&per_weight.collect::<Vec<f64>>());
        if let Some(after) = &question.after {
            let stays = |it: &NodeId| {
                after.iter().any(|member| member.0 == *it)
                    && members.iter().any(|member| member.0 == *it)
            };
            let then = question.owners(scheme, after, salt);
            for (one, two) in owners.iter().zip(&then).filter(|(one, two)| one != two) {
                answer.moved += 1;
                answer.between_survivors += u64::from(stays(one) && stays(two));
            }
        }
        if answer.nodes.is_empty() {
            answer.nodes = nodes;
        }
    }
    answer
}

fn lookups(question: &Question, scheme: Scheme) -> Vec<(String, u64, Vec<NodeId>)> {
    let placement = question.placement(scheme, &question.members, question.salt);
    let look = |(word, hash): &(String, u64)| {
        let owners = placement.owners(*hash, question.replicas);
        (word.clone(), *hash, owners)
    };
    question.lookups.iter().map(look).collect()
}

fn as_json(question: &Question, scheme: Scheme, answer: &Answer) -> Json {
    let nodes = answer.nodes.iter().map(|(node, (keys, arc))| {
        json!({ "node": node, "keys": keys, "share": *keys as f64 / question.keys as f64, "arc": arc })
    });
    let found = lookups(question, scheme);
    let found = found.iter().map(|(word, hash, owners)| {
        // Papers count buckets from 0.
        let bucket = owners.first().map(|it| it.0);
        json!({ "key": word, "hash": hash, "bucket": bucket, "nodes": owners })
    });
    let mut object = json!({
        "algorithm": scheme.name(),
        "nodes": nodes.collect::<Json>(),
        "vnodes": question.vnodes,
        "keys": question.keys,
        "rings": question.rings,
        "load": answer.keys.json(),
        "lookups": found.collect::<Json>(),
    });
    if scheme == Scheme::Ring {
        object["arcs"] = answer.arcs.json();
    }
    if let Some(after) = &question.after {
        let all = (question.keys * question.rings) as f64;
        object["change"] = json!({
            "nodes_after": after.len(),
            "moved": answer.moved,
            "moved_share": answer.moved as f64 / all,
            "between_survivors": answer.between_survivors,
        });
    }
    object
}

fn as_text(question: &Question, scheme: Scheme, answer: &Answer) -> String {
    let json = as_json(question, scheme, answer);
    let mut text = String::new();
    let number = |it: &Json| it.as_f64().unwrap_or(0.0);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}: {} keys on {} nodes",
        scheme.name(),
        question.keys,
        question.members.len()
    );
    for (node, (keys, arc)) in answer.nodes.iter().take(SHOWN) {
        let arc = arc
            .map(|it| format!(", {:.4} of the ring", it))
            .unwrap_or_default();
        let share = *keys as f64 / question.keys as f64;
        let _ = writeln!(text, "  {node}  {keys} keys, {share:.4} of all{arc}");
    }
    if answer.nodes.len() > SHOWN {
        let _ = writeln!(text, "  … and {} more", answer.nodes.len() - SHOWN);
    }
    for (what, of) in [("keys", &json["load"]), ("arcs", &json["arcs"])] {
        if of.is_object() {
            let _ = writeln!(
                text,
                "  {what}: deviation {:.6} of the mean, most {:.4}, least {:.4}",
                number(&of["deviation_over_mean"]),
                number(&of["max_over_mean"]),
                number(&of["min_over_mean"]),
            );
        }
    }
    if question.after.is_some() {
        let change = &json["change"];
        let _ = writeln!(
            text,
            "  with {} nodes {} keys move, {:.6} of all; {} between nodes that stay",
            change["nodes_after"],
            change["moved"],
            number(&change["moved_share"]),
            change["between_survivors"]
        );
    }
    for (word, hash, owners) in lookups(question, scheme) {
        let owners: Vec<String> = owners.iter().map(NodeId::to_string).collect();
        let _ = writeln!(text, "  {word} (hash {hash}): {}", owners.join(", "));
    }
    text
}

/// So many nodes are shown one by one.
const SHOWN: usize = 20;
