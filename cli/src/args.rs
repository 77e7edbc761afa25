//! What the arguments mean. Every refusal is one line that quotes what was typed and says what would do.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;

use clusterscope_core::RunSpec;
use clusterscope_core::check::{Judge, LEVELS};
use clusterscope_core::error::{one_of, quote};
use clusterscope_core::sim::command::{COMMAND_MAX, COMMANDS_MAX, order_by_time, parse_script};
use clusterscope_core::sim::search::{Goal, SEEDS_MAX};
use clusterscope_core::sim::shrink::RUNS_USUAL;
use clusterscope_core::sim::spec::{LINK_MAX, parse_seed};
use lexopt::Arg::{Long, Short, Value};

use crate::output::{Place, Problem};
use crate::{search, shrink};

/// What `help` prints.
pub const HELP: &str = "\
Runs simulated distributed systems, checks what they promise, and says exactly how a promise broke.

Usage: clusterscope <command>

  list [--json]                   every system and its scenarios
  run SYSTEM/SCENARIO [options]   run a scenario: clusterscope run raft/leader-crash --seed 7
  replay LINK [outputs]           run what a link says, up to its playhead: 'raft/calm?seed=7&t=3s';
                                  LINK can be -, then it is read from standard input
  search SYSTEM/SCENARIO [options]
                                  run many seeds until a promise falls: search raft/swarm --seeds 1..1000
  shrink LINK [options]           the fewest commands and the shortest time that fail in the same way
  merge FILE… [--json]            join the results of the parts of a search
  check FILE --as JUDGE [--json]  judge what clients saw, in JSON Lines of any system; FILE can be -
  diff LINK LINK [--json]         run two links and name the first event in which they differ
  import FILE [--json]            read a trace from anywhere, in the form of --trace, and check its causes and
                                  vector clocks; FILE can be -
  ring [options]                  spread keys over nodes, and count what moves when nodes come or go
  help, --help, -h                this text
  --version, -V                   the version

Options of run:
  --seed N                        the seed of all randomness; 1 when missing
  --for TIME                      how long, in virtual time: 10s, 250ms
  --set KEY=VALUE                 change a setting, as often as wanted: --set nodes=7 --set loss=2%
  --script FILE                   what happens to the cluster, a line each: 1.2s crash n1

Options of search, beside --for, --set and --script:
  --seeds A..B                    the first seed and the last; 1..1000 when missing
  --until-check NAME              look for this check alone: that it falls, is reached, or is blocked
  --until MOMENT                  look for a moment: 'count(role=leader) >= 2', 'n1.currentTerm > 5 and down >= 2'
  --all                           go on after something was found, and count
  --jobs N                        how many threads; as many as there are cores when missing
  --shard I/N                     only part I of N, for merge
  --json                          the result as JSON

Options of shrink:
  --until-check, --until          what must still happen: as for search
  --runs N                        how many runs it may cost; 2000 when missing
  --json                          the result as one JSON object

Options of ring:
  --nodes N, --weights 1,2,...    how many nodes; how strong they are
  --algorithm NAME                ring, modulo, rendezvous, jump, maglev, or all
  --vnodes V                      virtual nodes for each node on the ring; 100 when missing
  --keys K                        how many keys; 100000 when missing
  --add N, --remove NODE          who comes, who goes
  --bound C                       on the ring, nobody gets more than C times its fair share: 1.25
  --rings N, --salt S             an average over N choices of all hashes, from S on
  --key WORD, --hash NUMBER       where this key goes, or a key of this hash, with --replicas R nodes
  --json                          the result as JSON

Outputs of run and replay:
  --json                          the summary as one JSON object
  --trace FILE                    every event as a line of JSON
  --history FILE                  what clients saw, an event as a line of JSON
  --shiviz FILE                   every event with its vector clock, for ShiViz
  FILE can be -, once: then it goes to standard output and the summary to standard error.

Judges of check:
  linearizable, sequential, causal, causal-convergence, weak-causal, pram,
  read-your-writes, monotonic-reads, monotonic-writes, writes-follow-reads, convergence;
  of transactions that append and read: strict-serializable, serializable, snapshot-isolation,
  read-committed, read-uncommitted

Exit status: 0 every promise held, 1 a promise was broken, 2 the input cannot be used, 3 check could not tell.
Of a search it is over all its runs, and a cluster that is blocked at the end counts as broken. Of diff: 0 the runs
are the same, 1 they differ. Of import: 1 clocks and causes contradict each other.
";

/// What would have done in place of an unknown command.
const COMMANDS: &str =
    "there is list, run, replay, search, shrink, merge, check, diff, import, ring and help";

/// No script that can be read is longer, in bytes: so many commands, each of that length.
const SCRIPT_MAX: u64 = (COMMAND_MAX as u64 + 64) * COMMANDS_MAX as u64;

/// What to do.
pub enum Action {
    /// Say how it is used.
    Help,
    /// Say which version it is.
    Version,
    /// List systems and scenarios.
    List {
        /// As JSON.
        json: bool,
    },
    /// Judge a history.
    Check {
        /// Where it is.
        place: Place,
        /// Who judges it.
        judge: &'static Judge,
        /// As JSON.
        json: bool,
    },
    /// Run something.
    Run {
        /// What.
        spec: Box<RunSpec>,
        /// What to make of it.
        outputs: Outputs,
    },
    /// Compare two runs.
    Diff(Box<crate::diff::Question>),
    /// Read a trace.
    Import(crate::import::File),
    /// Spread keys.
    Ring(Box<crate::ring::Question>),
    /// Run many seeds.
    Search(Box<search::Job>),
    /// Make a failing run smaller.
    Shrink(Box<shrink::Job>),
    /// Join the results of parts of a search.
    Merge {
        /// The files that hold them.
        files: Vec<Place>,
        /// As JSON.
        json: bool,
    },
}

/// What to make of a run.
#[derive(Default)]
pub struct Outputs {
    /// The summary as JSON.
    pub json: bool,
    /// Where the trace goes.
    pub trace: Option<Place>,
    /// Where the history goes.
    pub history: Option<Place>,
    /// Where the ShiViz log goes.
    pub shiviz: Option<Place>,
}

/// Reads the arguments.
pub fn parse(mut parser: lexopt::Parser) -> Result<Action, Problem> {
    let command = match next(&mut parser)? {
        None => return Err(Problem::Input(format!("no command: {COMMANDS}"))),
        Some(Word::Option(name)) => match name.as_str() {
            "--help" | "-h" => return Ok(Action::Help),
            "--version" | "-V" => return Ok(Action::Version),
            _ => return Err(refuse(&name, format_args!("is not a command: {COMMANDS}"))),
        },
        Some(Word::Plain(command)) => command,
    };
    match command.as_str() {
        "help" => Ok(Action::Help),
        "list" => parse_list(&mut parser),
        "run" => parse_run(&mut parser),
        "replay" => parse_replay(&mut parser),
        "check" => parse_check(&mut parser),
        "diff" => {
            Ok(crate::diff::parse(&mut parser)?
                .map_or(Action::Help, |it| Action::Diff(Box::new(it))))
        }
        "import" => Ok(crate::import::parse(&mut parser)?.map_or(Action::Help, Action::Import)),
        "ring" => {
            Ok(crate::ring::parse(&mut parser)?
                .map_or(Action::Help, |it| Action::Ring(Box::new(it))))
        }
        "search" => parse_search(&mut parser),
        "shrink" => parse_shrink(&mut parser),
        "merge" => parse_merge(&mut parser),
        _ => Err(refuse(
            &command,
            format_args!("is not a command: {COMMANDS}"),
        )),
    }
}

fn parse_list(parser: &mut lexopt::Parser) -> Result<Action, Problem> {
    let words = words_and_json(parser, "list", (0, "list takes only --json"))?;
    Ok(words.map_or(Action::Help, |(_, json)| Action::List { json }))
}

/// Reads the arguments of a command that takes plain words and no option but `--json`; `None` when help is asked for.
/// `most` is how many words it takes, and what whoever types more is told.
pub fn words_and_json(
    parser: &mut lexopt::Parser,
    command: &str,
    most: (usize, &str),
) -> Result<Option<(Vec<String>, bool)>, Problem> {
    let (mut words, mut json) = (Vec::new(), false);
    while let Some(word) = next(parser)? {
        match word {
            Word::Option(name) if is_help(&name) => return Ok(None),
            Word::Option(name) if name == "--json" => json = true,
            Word::Option(name) => {
                let problem = format_args!("is not an option of {command}: there is --json");
                return Err(refuse(&name, problem));
            }
            Word::Plain(text) if words.len() >= most.0 => {
                return Err(refuse(&text, format_args!("is one too many: {}", most.1)));
            }
            Word::Plain(text) => words.push(text),
        }
    }
    Ok(Some((words, json)))
}

fn parse_run(parser: &mut lexopt::Parser) -> Result<Action, Problem> {
    let mut place: Option<String> = None;
    let mut spec = RunSpec::new("", "");
    let mut outputs = Outputs::default();
    while let Some(word) = next(parser)? {
        let name = match word {
            Word::Option(name) if is_help(&name) => return Ok(Action::Help),
            Word::Option(name) => name,
            Word::Plain(text) if place.is_some() => {
                return Err(refuse(
                    &text,
                    "is one too many: run takes one SYSTEM/SCENARIO",
                ));
            }
            Word::Plain(text) => {
                place = Some(text);
                continue;
            }
        };
        match name.as_str() {
            "--seed" => spec.seed = parse_seed(&value(parser, &name)?).map_err(of(&name))?,
            _ if read_spec(parser, &name, &mut spec)? => {}
            _ => outputs.read(parser, &name, "--seed, --for, --set, --script, ")?,
        }
    }
    let missing = || {
        Problem::Input("run what? Write it like: run raft/calm (list shows them all)".to_owned())
    };
    let place = place.ok_or_else(missing)?;
    (spec.system, spec.scenario) = split_place(&place)?;
    order_by_time(&mut spec.commands);
    outputs.check()?;
    Ok(Action::Run {
        spec: Box::new(spec),
        outputs,
    })
}

/// Reads an option that says what is run; `false` when it is none.
fn read_spec(parser: &mut lexopt::Parser, name: &str, spec: &mut RunSpec) -> Result<bool, Problem> {
    match name {
        "--for" => spec.length = Some(value(parser, name)?.parse().map_err(of(name))?),
        "--set" => {
            let text = value(parser, name)?;
            let (key, value) = text
                .split_once('=')
                .ok_or_else(|| refuse(&text, "is not a setting: write it like --set loss=2%"))?;
            spec.set(key, value);
        }
        "--script" => {
            let text = read(&Place::from(value(parser, name)?), SCRIPT_MAX, "script")?;
            spec.commands.extend(parse_script(&text).map_err(of(name))?);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn parse_search(parser: &mut lexopt::Parser) -> Result<Action, Problem> {
    let mut place: Option<String> = None;
    let mut wanted = Wanted::default();
    let mut job = search::Job {
        spec: RunSpec::new("", ""),
        goal: Goal::Failure,
        seeds: (1, 1_000),
        shard: None,
        jobs: None,
        all: false,
        json: false,
    };
    while let Some(word) = next(parser)? {
        let name = match word {
            Word::Option(name) if is_help(&name) => return Ok(Action::Help),
            Word::Option(name) => name,
            Word::Plain(text) if place.is_some() => {
                let problem = "is one too many: search takes one SYSTEM/SCENARIO";
                return Err(refuse(&text, problem));
            }
            Word::Plain(text) => {
                place = Some(text);
                continue;
            }
        };
        match name.as_str() {
            "--seeds" => job.seeds = parse_seeds(&value(parser, &name)?)?,
            "--shard" => job.shard = Some(parse_shard(&value(parser, &name)?)?),
            "--jobs" => job.jobs = Some(whole(&value(parser, &name)?, JOBS_MAX)? as usize),
            "--all" => job.all = true,
            "--json" => job.json = true,
            _ if read_spec(parser, &name, &mut job.spec)? => {}
            _ if wanted.read(parser, &name)? => {}
            _ => {
                let known = "--seeds, --for, --set, --script, --until-check, --until, \
                             --all, --jobs, --shard and --json";
                return Err(refuse(
                    &name,
                    format_args!("is not an option of search: there is {known}"),
                ));
            }
        }
    }
    let missing = || {
        Problem::Input(
            "search what? Write it like: search raft/swarm (list shows them all)".to_owned(),
        )
    };
    (job.spec.system, job.spec.scenario) = split_place(&place.ok_or_else(missing)?)?;
    order_by_time(&mut job.spec.commands);
    job.goal = wanted.goal()?;
    Ok(Action::Search(Box::new(job)))
}

fn parse_shrink(parser: &mut lexopt::Parser) -> Result<Action, Problem> {
    let mut link = None;
    let mut wanted = Wanted::default();
    let (mut runs, mut json) = (RUNS_USUAL, false);
    while let Some(word) = next(parser)? {
        match word {
            Word::Option(name) if is_help(&name) => return Ok(Action::Help),
            Word::Option(name) if name == "--json" => json = true,
            Word::Option(name) if name == "--runs" => {
                runs = whole(&value(parser, &name)?, RUNS_MAX)?
            }
            Word::Option(name) if wanted.read(parser, &name)? => {}
            Word::Option(name) => {
                let known = "--until-check, --until, --runs and --json";
                return Err(refuse(
                    &name,
                    format_args!("is not an option of shrink: there is {known}"),
                ));
            }
            Word::Plain(text) if link.is_some() => {
                return Err(refuse(
                    &text,
                    "is one too many: shrink takes one link, in quotation marks",
                ));
            }
            Word::Plain(text) => link = Some(text),
        }
    }
    let missing =
        || Problem::Input("shrink what? Write it like: shrink '#/raft/swarm?seed=7'".to_owned());
    let link = match link.ok_or_else(missing)? {
        dash if dash == "-" => read(&Place::Standard, LINK_MAX as u64, "link")?,
        link => link,
    };
    let spec = RunSpec::from_link(&link).map_err(|it| Problem::Input(it.to_string()))?;
    Ok(Action::Shrink(Box::new(shrink::Job {
        spec,
        goal: wanted.goal()?,
        runs,
        json,
    })))
}

fn parse_merge(parser: &mut lexopt::Parser) -> Result<Action, Problem> {
    let Some((words, json)) = words_and_json(parser, "merge", (usize::MAX, ""))? else {
        return Ok(Action::Help);
    };
    let files: Vec<Place> = words.into_iter().map(Place::from).collect();
    match files.is_empty() {
        true => Err(Problem::Input(
            "merge what? Write it like: merge part-*.json".to_owned(),
        )),
        false => Ok(Action::Merge { files, json }),
    }
}

/// What is looked for, as it was typed.
#[derive(Default)]
struct Wanted {
    check: Option<String>,
    until: Option<String>,
}

impl Wanted {
    /// Reads an option that says what is looked for; `false` when it is none.
    fn read(&mut self, parser: &mut lexopt::Parser, name: &str) -> Result<bool, Problem> {
        let place = match name {
            "--until-check" => &mut self.check,
            "--until" => &mut self.until,
            _ => return Ok(false),
        };
        *place = Some(value(parser, name)?);
        Ok(true)
    }

    fn goal(&self) -> Result<Goal, Problem> {
        Goal::read(self.check.as_deref(), self.until.as_deref()).map_err(of("--until"))
    }
}

/// The most threads of a search.
const JOBS_MAX: u64 = 256;

/// The most runs that making smaller may cost.
const RUNS_MAX: u64 = 10_000_000;

/// The most parts that a search may be cut into.
const SHARDS_MAX: u64 = 1_000_000;

pub(crate) fn whole(text: &str, most: u64) -> Result<u64, Problem> {
    let number = text.parse().ok().filter(|it| (1..=most).contains(it));
    number.ok_or_else(|| refuse(text, format_args!("is not a whole number from 1 to {most}")))
}

/// Reads `1..1000`, or one seed.
fn parse_seeds(text: &str) -> Result<(u64, u64), Problem> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let seed = |it: &str| parse_seed(it.trim()).map_err(of("--seeds"));
    let (from, to) = (seed(from)?, seed(to)?);
    match to.checked_sub(from) {
        None => Err(refuse(
            text,
            "has its first seed after its last: write it like 1..1000",
        )),
        Some(more) if more >= SEEDS_MAX => Err(refuse(
            text,
            format_args!("are too many seeds: {SEEDS_MAX} at most in one search"),
        )),
        Some(_) => Ok((from, to)),
    }
}

/// Reads `3/8`.
fn parse_shard(text: &str) -> Result<(u64, u64), Problem> {
    let numbers = text
        .split_once('/')
        .and_then(|(part, of)| part.parse::<u64>().ok().zip(of.parse::<u64>().ok()));
    numbers
        .filter(|(part, of)| (1..=*of).contains(part) && *of <= SHARDS_MAX)
        .ok_or_else(|| refuse(text, "is not a part: write 1/8 to 8/8"))
}

fn parse_replay(parser: &mut lexopt::Parser) -> Result<Action, Problem> {
    let mut link = None;
    let mut outputs = Outputs::default();
    while let Some(word) = next(parser)? {
        match word {
            Word::Option(name) if is_help(&name) => return Ok(Action::Help),
            Word::Option(name) => outputs.read(parser, &name, "")?,
            Word::Plain(text) if link.is_some() => {
                return Err(refuse(
                    &text,
                    "is one too many: replay takes one link, in quotation marks",
                ));
            }
            Word::Plain(text) => link = Some(text),
        }
    }
    let missing =
        || Problem::Input("replay what? Write it like: replay '#/raft/calm?seed=7'".to_owned());
    let link = match link.ok_or_else(missing)? {
        // A system may not take a word as long as a link can be.
        dash if dash == "-" => read(&Place::Standard, LINK_MAX as u64, "link")?,
        link => link,
    };
    let spec = RunSpec::from_link(&link).map_err(|it| Problem::Input(it.to_string()))?;
    outputs.check()?;
    Ok(Action::Run {
        spec: Box::new(spec),
        outputs,
    })
}

fn parse_check(parser: &mut lexopt::Parser) -> Result<Action, Problem> {
    let (mut place, mut judge, mut json) = (None, None, false);
    while let Some(word) = next(parser)? {
        match word {
            Word::Option(name) if is_help(&name) => return Ok(Action::Help),
            Word::Option(name) if name == "--json" => json = true,
            Word::Option(name) if name == "--as" => judge = Some(parse_judge(parser)?),
            Word::Option(name) => {
                return Err(refuse(
                    &name,
                    "is not an option of check: there is --as and --json",
                ));
            }
            Word::Plain(text) if place.is_some() => {
                return Err(refuse(&text, "is one too many: check takes one file"));
            }
            Word::Plain(text) => place = Some(Place::from(text)),
        }
    }
    let usage = "Write it like: check history.jsonl --as linearizable";
    let place = place.ok_or_else(|| Problem::Input(format!("check what? {usage}")))?;
    let judge = judge.ok_or_else(|| Problem::Input(format!("check as what? {usage}")))?;
    Ok(Action::Check { place, judge, json })
}

fn parse_judge(parser: &mut lexopt::Parser) -> Result<&'static Judge, Problem> {
    let name = value(parser, "--as")?;
    let known = || one_of(LEVELS.iter().map(|it| it.name));
    LEVELS
        .iter()
        .find(|it| it.name == name)
        .ok_or_else(|| refuse(&name, format_args!("is no judge: there is {}", known())))
}

impl Outputs {
    /// Reads one option; `others` are those that the command takes beside.
    fn read(
        &mut self,
        parser: &mut lexopt::Parser,
        name: &str,
        others: &str,
    ) -> Result<(), Problem> {
        let place = match name {
            "--json" => {
                self.json = true;
                return Ok(());
            }
            "--trace" => &mut self.trace,
            "--history" => &mut self.history,
            "--shiviz" => &mut self.shiviz,
            _ => {
                let known = format!("there is {others}--json, --trace, --history and --shiviz");
                return Err(refuse(name, format_args!("is not an option here: {known}")));
            }
        };
        *place = Some(value(parser, name)?.into());
        Ok(())
    }

    /// Refuses two outputs in one place.
    fn check(&self) -> Result<(), Problem> {
        let named = [
            ("--trace", &self.trace),
            ("--history", &self.history),
            ("--shiviz", &self.shiviz),
        ];
        let mut taken: Vec<(&str, &Place)> = Vec::new();
        if self.json {
            taken.push(("--json", &Place::Standard));
        }
        for (name, place) in named
            .into_iter()
            .filter_map(|(name, it)| Some((name, it.as_ref()?)))
        {
            if let Some((other, _)) = taken.iter().find(|it| it.1 == place) {
                let problem =
                    format_args!("is where {other} goes already: give {name} another file");
                return Err(refuse(&place.to_string(), problem));
            }
            taken.push((name, place));
        }
        Ok(())
    }
}

/// A word of the command line.
pub(crate) enum Word {
    /// Its name, dashes and all.
    Option(String),
    /// Anything else.
    Plain(String),
}

pub(crate) fn next(parser: &mut lexopt::Parser) -> Result<Option<Word>, Problem> {
    Ok(
        match parser.next().map_err(|it| Problem::Input(it.to_string()))? {
            None => None,
            Some(Long(name)) => Some(Word::Option(format!("--{name}"))),
            Some(Short(name)) => Some(Word::Option(format!("-{name}"))),
            Some(Value(text)) => Some(Word::Plain(in_unicode(text)?)),
        },
    )
}

/// The value of an option.
pub(crate) fn value(parser: &mut lexopt::Parser, name: &str) -> Result<String, Problem> {
    let missing = |_| refuse(name, "needs a value: clusterscope help shows which");
    in_unicode(parser.value().map_err(missing)?)
}

fn in_unicode(text: OsString) -> Result<String, Problem> {
    text.into_string().map_err(|it| {
        refuse(
            &it.to_string_lossy(),
            "is not text: it has bytes that give no letters",
        )
    })
}

pub(crate) fn is_help(name: &str) -> bool {
    name == "--help" || name == "-h"
}

/// Says which option an error belongs to.
fn of(name: &str) -> impl Fn(clusterscope_core::BadInput) -> Problem {
    move |error| Problem::Input(error.within(name).to_string())
}

pub(crate) fn refuse(text: &str, problem: impl std::fmt::Display) -> Problem {
    Problem::Input(format!("{} {problem}", quote(text)))
}

/// Takes `raft/calm` apart. Whether there is such a thing is found out later.
fn split_place(text: &str) -> Result<(String, String), Problem> {
    if text.contains(['#', '?']) {
        return Err(refuse(
            text,
            "is a link: replay runs links, run takes SYSTEM/SCENARIO such as raft/calm",
        ));
    }
    match text.split_once('/') {
        Some((system, scenario)) => Ok((system.to_owned(), scenario.to_owned())),
        None => Err(refuse(
            text,
            "names no scenario: write SYSTEM/SCENARIO such as raft/calm (list shows them all)",
        )),
    }
}

/// Reads a whole file that must be text and not too long.
pub(crate) fn read(place: &Place, longest: u64, what: &str) -> Result<String, Problem> {
    let name = place.to_string();
    let failed = |it: std::io::Error| refuse(&name, format_args!("cannot be read: {it}"));
    let mut bytes = Vec::new();
    match place {
        Place::Standard => std::io::stdin()
            .lock()
            .take(longest + 1)
            .read_to_end(&mut bytes),
        Place::File(path) => {
            File::open(path).and_then(|it| it.take(longest + 1).read_to_end(&mut bytes))
        }
    }
    .map_err(failed)?;
    if bytes.len() as u64 > longest {
        return Err(refuse(
            &name,
            format_args!("is too long for a {what}: {longest} bytes at most"),
        ));
    }
    String::from_utf8(bytes).map_err(|_| {
        refuse(
            &name,
            format_args!("is not a {what}: it has bytes that give no letters"),
        )
    })
}
