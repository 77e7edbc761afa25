//! What a person does to a run. A command is a click, a line of a script, a part of a link and a line of a test.

use std::fmt;
use std::str::FromStr;

use crate::error::{BadInput, one_of};
use crate::protocol::NodeId;

use super::clock::DRIFT_MAX_PPM;
use super::time::{Span, Time};

/// The longest text of one command, in bytes.
pub const COMMAND_MAX: usize = 1_000;

/// The most commands that one run may have.
pub const COMMANDS_MAX: usize = 5_000;

/// Which node a command means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// This one.
    Node(NodeId),
    /// The one that plays this role when the command is carried out: `leader`. Of several, the one of the highest
    /// epoch (term, ballot, view), then of the lowest number. The role of a crashed node is `down`.
    Role(String),
    /// Every node.
    All,
}

/// A message, by its number in the order of sending; written `m12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u32);

/// A link from one node to another, written `n1>n2`; both ways, written `n1-n2`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// One end.
    pub from: Target,
    /// The other.
    pub to: Target,
    /// Whether the opposite direction is meant too.
    pub both_ways: bool,
}

/// What can be done to a running cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Stops a node; all that its disk does not hold is lost.
    Crash(Target),
    /// Starts a crashed node from its disk.
    Restart(Target),
    /// Stops a node's processor; it loses nothing, and what arrives waits.
    Pause(Target),
    /// Lets a paused node go on.
    Resume(Target),
    /// Moves a node's clock by so many nanoseconds.
    Clock(Target, i64),
    /// Makes a node's clock run fast (or slow, when negative), in parts per million.
    Drift(Target, i32),
    /// Cuts the cluster into groups; nodes that are not named form one more.
    Partition(Vec<Vec<Target>>),
    /// Cuts a link.
    Cut(Link),
    /// Mends a link.
    Mend(Link),
    /// Ends every partition and mends every link.
    Heal,
    /// Loses a message that is under way.
    Drop(MessageId),
    /// Makes a second copy of a message that is under way.
    Duplicate(MessageId),
    /// Makes a message arrive later.
    Delay(MessageId, Span),
    /// Runs a timer out now.
    Fire(Target, String),
    /// Asks a node for something, as a client.
    Request(Target, String),
    /// Changes a setting of the environment.
    Set(String, String),
}

/// A command and when it is carried out: after every event of that moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Planned {
    /// The moment.
    pub at: Time,
    /// What happens.
    pub command: Command,
}

/// Reads a script: a line a command, such as `1.2s crash n1`. Empty lines and lines that begin with `#` say nothing.
pub fn parse_script(text: &str) -> Result<Vec<Planned>, BadInput> {
    let mut script = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = format_args!("line {}", index + 1).to_string();
        if script.len() >= COMMANDS_MAX {
            return Err(BadInput::new(
                line,
                format!("is one too many: {COMMANDS_MAX} commands at most"),
            )
            .within(place));
        }
        script.push(line.parse::<Planned>().map_err(|it| it.within(place))?);
    }
    order_by_time(&mut script);
    Ok(script)
}

/// Puts commands into the order of time; those of one moment keep theirs.
pub fn order_by_time(commands: &mut [Planned]) {
    commands.sort_by_key(|it| it.at);
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Node(node) => node.fmt(f),
            Target::Role(role) => f.write_str(role),
            Target::All => f.write_str("all"),
        }
    }
}

impl FromStr for Target {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<Target, BadInput> {
        if text == "all" {
            return Ok(Target::All);
        }
        if let Ok(node) = text.parse() {
            return Ok(Target::Node(node));
        }
        let word = |it: u8| it.is_ascii_lowercase() || it == b'-';
        if !text.is_empty() && text.len() <= 32 && text.bytes().all(word) {
            return Ok(Target::Role(text.to_owned()));
        }
        Err(BadInput::new(
            text,
            "is not a node: write n1, n2, …, all, or a role such as leader",
        ))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}", self.0)
    }
}

impl FromStr for MessageId {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<MessageId, BadInput> {
        text.strip_prefix('m')
            .filter(|it| it.bytes().all(|it| it.is_ascii_digit()))
            .and_then(|it| it.parse().ok())
            .map(MessageId)
            .ok_or_else(|| BadInput::new(text, "is not a message: write m1, m2, …"))
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = if self.both_ways { '-' } else { '>' };
        write!(f, "{}{arrow}{}", self.from, self.to)
    }
}

impl FromStr for Link {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<Link, BadInput> {
        let (ends, both_ways) = match text.split_once('>') {
            Some(ends) => (Some(ends), false),
            None => (text.split_once('-'), true),
        };
        let (from, to) = ends.ok_or_else(|| {
            BadInput::new(text, "is not a link: write n1>n2 (one way) or n1-n2 (both)")
        })?;
        Ok(Link {
            from: from.parse()?,
            to: to.parse()?,
            both_ways,
        })
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Crash(node) => write!(f, "crash {node}"),
            Command::Restart(node) => write!(f, "restart {node}"),
            Command::Pause(node) => write!(f, "pause {node}"),
            Command::Resume(node) => write!(f, "resume {node}"),
            Command::Clock(node, nanos) => {
                let sign = if *nanos < 0 { '-' } else { '+' };
                write!(f, "clock {node} {sign}{}", Span(nanos.unsigned_abs()))
            }
            Command::Drift(node, ppm) => write!(f, "drift {node} {ppm:+}ppm"),
            Command::Partition(groups) => {
                f.write_str("partition")?;
                for (index, group) in groups.iter().enumerate() {
                    f.write_str(if index > 0 { " |" } else { "" })?;
                    group.iter().try_for_each(|it| write!(f, " {it}"))?;
                }
                Ok(())
            }
            Command::Cut(link) => write!(f, "cut {link}"),
            Command::Mend(link) => write!(f, "mend {link}"),
            Command::Heal => f.write_str("heal"),
            Command::Drop(message) => write!(f, "drop {message}"),
            Command::Duplicate(message) => write!(f, "duplicate {message}"),
            Command::Delay(message, span) => write!(f, "delay {message} {span}"),
            Command::Fire(node, timer) => write!(f, "fire {node} {timer}"),
            Command::Request(node, request) => write!(f, "request {node} {request}"),
            Command::Set(key, value) => write!(f, "set {key} {value}"),
        }
    }
}

/// The verbs of commands, each with an example, in the order in which help names them.
const EXAMPLES: [&str; 16] = [
    "crash n1",
    "restart n1",
    "pause n1",
    "resume n1",
    "clock n1 +50ms",
    "drift n1 +200ppm",
    "partition n1 n2 | n3 n4 n5",
    "cut n1>n2",
    "mend n1>n2",
    "heal",
    "drop m12",
    "duplicate m12",
    "delay m12 50ms",
    "fire n1 election",
    "request n1 put x 5",
    "set loss 2%",
];

impl FromStr for Command {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<Command, BadInput> {
        let too_long = || BadInput::new(text, format!("is too long: {COMMAND_MAX} bytes at most"));
        if text.len() > COMMAND_MAX {
            return Err(too_long());
        }
        let text = text.trim();
        let (verb, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        let Some(example) = EXAMPLES
            .iter()
            .find(|it| it.split(' ').next() == Some(verb))
        else {
            let verbs = EXAMPLES.iter().filter_map(|it| it.split(' ').next());
            return Err(BadInput::new(
                text,
                format!("is not a command: begin with {}", one_of(verbs)),
            ));
        };
        let command = parse_rest(verb, rest).map_err(|problem| match problem {
            Some(inner) => inner.within(format!("in \"{verb}\"")),
            None => BadInput::new(text, format!("is not complete: write it like {example}")),
        })?;
        // Written again it has spaces around every bar: a link holds it in that form.
        if command.to_string().len() > COMMAND_MAX {
            return Err(too_long());
        }
        Ok(command)
    }
}

/// Reads what follows the verb; `None` when its shape is wrong.
fn parse_rest(verb: &str, rest: &str) -> Result<Command, Option<BadInput>> {
    let only = |text: &str| match text.split_whitespace().collect::<Vec<_>>()[..] {
        [one] => Ok(one.to_owned()),
        _ => Err(None),
    };
    let pair = |text: &str| {
        let (one, two) = text.split_once(char::is_whitespace).ok_or(None)?;
        Ok::<_, Option<BadInput>>((one.to_owned(), two.trim().to_owned()))
    };
    let target = |text: &str| text.parse::<Target>().map_err(Some);
    let message = |text: &str| text.parse::<MessageId>().map_err(Some);
    Ok(match verb {
        "crash" => Command::Crash(target(&only(rest)?)?),
        "restart" => Command::Restart(target(&only(rest)?)?),
        "pause" => Command::Pause(target(&only(rest)?)?),
        "resume" => Command::Resume(target(&only(rest)?)?),
        "clock" => {
            let (node, jump) = pair(rest)?;
            Command::Clock(target(&node)?, parse_jump(&jump).map_err(Some)?)
        }
        "drift" => {
            let (node, ppm) = pair(rest)?;
            Command::Drift(target(&node)?, parse_drift(&ppm).map_err(Some)?)
        }
        "partition" => Command::Partition(parse_groups(rest)?),
        "cut" => Command::Cut(only(rest)?.parse().map_err(Some)?),
        "mend" => Command::Mend(only(rest)?.parse().map_err(Some)?),
        "heal" if rest.is_empty() => Command::Heal,
        "drop" => Command::Drop(message(&only(rest)?)?),
        "duplicate" => Command::Duplicate(message(&only(rest)?)?),
        "delay" => {
            let (id, span) = pair(rest)?;
            Command::Delay(message(&id)?, span.parse().map_err(Some)?)
        }
        "fire" => {
            let (node, timer) = pair(rest)?;
            Command::Fire(target(&node)?, timer)
        }
        "request" => {
            let (node, request) = pair(rest)?;
            Command::Request(target(&node)?, request)
        }
        "set" => {
            let (key, value) = pair(rest)?;
            Command::Set(key, value)
        }
        _ => return Err(None),
    })
}

fn parse_groups(text: &str) -> Result<Vec<Vec<Target>>, Option<BadInput>> {
    let mut groups = Vec::new();
    for group in text.split('|') {
        let group: Result<Vec<Target>, BadInput> =
            group.split_whitespace().map(str::parse).collect();
        match group.map_err(Some)? {
            group if group.is_empty() => return Err(None),
            group => groups.push(group),
        }
    }
    Ok(groups)
}

fn parse_jump(text: &str) -> Result<i64, BadInput> {
    let (sign, span) = match text.strip_prefix('-') {
        Some(span) => (-1, span),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let span: Span = span
        .parse()
        .map_err(|_| BadInput::new(text, "is not a jump of a clock: write +50ms or -2s"))?;
    Ok(sign * span.0 as i64)
}

fn parse_drift(text: &str) -> Result<i32, BadInput> {
    text.strip_suffix("ppm")
        .and_then(|it| it.parse::<i32>().ok())
        .filter(|it| it.unsigned_abs() <= DRIFT_MAX_PPM.unsigned_abs())
        .ok_or_else(|| {
            BadInput::new(
                text,
                format!("is not a drift: write -{DRIFT_MAX_PPM}ppm to +{DRIFT_MAX_PPM}ppm"),
            )
        })
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at, self.command)
    }
}

impl FromStr for Planned {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<Planned, BadInput> {
        let (at, command) = text.split_once(char::is_whitespace).ok_or_else(|| {
            BadInput::new(
                text,
                "is not a planned command: write it like 1.2s crash n1",
            )
        })?;
        Ok(Planned {
            at: at.parse()?,
            command: command.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_text_are_one_to_one() {
        let more = [
            "crash leader",
            "restart all",
            "clock n2 -2s",
            "drift n3 -500ppm",
            "cut n1-n2",
            "cut leader>n2",
            "partition leader",
            "partition n1 | n2 | n3",
            "request leader cas x 1 2",
            "set latency uniform(5ms,15ms)",
        ];
        for text in EXAMPLES.iter().chain(&more) {
            assert_eq!(text.parse::<Command>().unwrap().to_string(), **text);
        }
    }

    #[test]
    fn a_command_that_is_too_long_when_it_is_written_is_not_read() {
        let groups = |count: usize| format!("partition {}", vec!["n1"; count].join("|"));
        assert!(groups(190).parse::<Command>().is_ok());
        let error = groups(300).parse::<Command>().unwrap_err().to_string();
        assert!(error.contains("is too long"), "{error}");
    }

    #[test]
    fn bad_commands_are_quoted_and_say_what_would_do() {
        for (text, help) in [
            ("explode n1", "begin with crash"),
            ("crash", "like crash n1"),
            ("crash n1 n2", "like crash n1"),
            ("crash n0", "n1, n2"),
            ("drop 12", "m1, m2"),
            ("partition n1 | | n2", "like partition"),
            ("drift n1 9999999ppm", "500000ppm"),
            ("clock n1 soon", "+50ms"),
            ("heal n1", "like heal"),
        ] {
            let error = text.parse::<Command>().unwrap_err().to_string();
            assert!(error.contains(help), "{text}: {error}");
        }
    }

    #[test]
    fn a_script_names_the_line_that_is_wrong() {
        let script = parse_script("# two faults\n2s restart n1\n\n1s crash n1\n").unwrap();
        assert_eq!(script[0].to_string(), "1s crash n1");
        let error = parse_script("1s crash n1\n2s fly n1")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("line 2: \"fly n1\""), "{error}");
    }
}
