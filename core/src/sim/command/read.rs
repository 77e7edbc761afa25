//! Commands read from text. What is wrong is quoted, with an example of what would be right.

use std::str::FromStr;

use crate::error::{BadInput, one_of};

use super::super::clock::DRIFT_MAX_PPM;
use super::super::time::{Span, Time};
use super::{COMMAND_MAX, Command, DiskFault, Kinds, Link, MessageId, Quality, Target};

/// The verbs of commands, each with an example, in the order in which help names them.
pub const EXAMPLES: [&str; 34] = [
    "crash n1",
    "restart n1",
    "wipe n1",
    "pause n1",
    "resume n1",
    "slow n1 5ms",
    "join",
    "leave n1",
    "disk n1 slow 100ms",
    "clock n1 +50ms",
    "drift n1 +200ppm",
    "sync n1",
    "partition n1 n2 | n3 n4 n5",
    "split halves",
    "unite",
    "cut n1>n2",
    "mend n1>n2",
    "clog n1>n2",
    "unclog n1>n2",
    "reset n1-n2",
    "link n1>n2 latency 80ms",
    "lose AppendEntries n1>n2",
    "hold m12",
    "pass AppendEntries",
    "release m12",
    "heal",
    "drop m12",
    "duplicate m12",
    "delay m12 50ms",
    "fire n1 election",
    "request n1 put x 5",
    "set loss 2%",
    "every 2s until 10s crash random for 500ms",
    "crash n1 before sync",
];

/// The words of what can be wrong with a disk; `slow` has a span behind it.
const DISK_WORDS: [(&str, DiskFault); 9] = [
    ("fine", DiskFault::Fine),
    ("full", DiskFault::Full),
    ("lies", DiskFault::Lies),
    ("fails", DiskFault::Fails),
    ("tears", DiskFault::Tears),
    ("misdirects", DiskFault::Misdirects),
    ("rots", DiskFault::Rots),
    ("rolls-back", DiskFault::RollsBack),
    ("truncates", DiskFault::Truncates),
];

/// Commands are repeated no faster than this: a schedule must not fill a run by itself.
const EVERY_MIN: Span = Span::ms(1);

/// The word of a fault of a disk.
pub(super) fn disk_word(fault: &DiskFault) -> &'static str {
    DISK_WORDS
        .iter()
        .find(|it| it.1 == *fault)
        .map_or("slow", |it| it.0)
}

impl Command {
    /// The word it begins with.
    pub fn verb(&self) -> &'static str {
        match self {
            Command::Crash(_) | Command::CrashAt(..) => "crash",
            Command::Restart(_) => "restart",
            Command::Wipe(_) => "wipe",
            Command::Pause(_) => "pause",
            Command::Resume(_) => "resume",
            Command::Slow(..) => "slow",
            Command::Join => "join",
            Command::Leave(_) => "leave",
            Command::Disk(..) => "disk",
            Command::Clock(..) => "clock",
            Command::Drift(..) => "drift",
            Command::Sync(_) => "sync",
            Command::Partition(_) | Command::OneWay(..) => "partition",
            Command::Split(_) => "split",
            Command::Unite => "unite",
            Command::Cut(_) => "cut",
            Command::Mend(_) => "mend",
            Command::Clog(_) => "clog",
            Command::Unclog(_) => "unclog",
            Command::Reset(_) => "reset",
            Command::Link(..) => "link",
            Command::Lose(_) => "lose",
            Command::Hold(_) | Command::HoldMessage(_) => "hold",
            Command::Pass(_) => "pass",
            Command::Release(_) => "release",
            Command::Heal => "heal",
            Command::Drop(_) => "drop",
            Command::Duplicate(..) => "duplicate",
            Command::Delay(..) | Command::Late(..) => "delay",
            Command::Fire(..) => "fire",
            Command::Request(..) => "request",
            Command::Set(..) => "set",
            Command::For(command, _) => command.verb(),
            Command::Every(..) => "every",
        }
    }
}

impl FromStr for Command {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<Command, BadInput> {
        let too_long = || BadInput::new(text, format!("is too long: {COMMAND_MAX} bytes at most"));
        if text.len() > COMMAND_MAX {
            return Err(too_long());
        }
        let trimmed = text.trim();
        let command = match trimmed.strip_prefix("every ") {
            Some(rest) => repeated(trimmed, rest)?,
            None => once(trimmed)?,
        };
        // Written again it has spaces around every bar: a link holds it in that form.
        if command.to_string().len() > COMMAND_MAX {
            return Err(too_long());
        }
        Ok(command)
    }
}

/// What is wrong with the text behind a verb: something in it, or its shape.
type Problem = Option<BadInput>;

fn incomplete(text: &str, example: &str) -> BadInput {
    BadInput::new(text, format!("is not complete: write it like {example}"))
}

fn repeated(text: &str, rest: &str) -> Result<Command, BadInput> {
    let wrong = || incomplete(text, "every 2s until 10s crash random for 500ms");
    let (span, rest) = rest
        .trim()
        .split_once(char::is_whitespace)
        .ok_or_else(wrong)?;
    let rest = rest.trim().strip_prefix("until ").ok_or_else(wrong)?;
    let (until, command) = rest
        .trim()
        .split_once(char::is_whitespace)
        .ok_or_else(wrong)?;
    let span: Span = span.parse()?;
    if span < EVERY_MIN {
        return Err(BadInput::new(
            &span.to_string(),
            format!("is too short to repeat a command after: {EVERY_MIN} at least"),
        ));
    }
    Ok(Command::Every(
        span,
        until.parse::<Time>()?,
        Box::new(once(command.trim())?),
    ))
}

fn once(text: &str) -> Result<Command, BadInput> {
    let verb = text.split_whitespace().next().unwrap_or("");
    let Some(example) = EXAMPLES
        .iter()
        .find(|it| it.split(' ').next() == Some(verb))
    else {
        let verbs = EXAMPLES[..EXAMPLES.len() - 1].iter();
        return Err(BadInput::new(
            text,
            format!(
                "is not a command: begin with {}",
                one_of(verbs.filter_map(|it| it.split(' ').next()))
            ),
        ));
    };
    if verb == "every" {
        return Err(BadInput::new(text, "is repeated already: write every once"));
    }
    let read = |text: &str| {
        read_rest(verb, text[verb.len()..].trim()).map_err(|problem| match problem {
            Some(inner) => inner.within(format!("in \"{verb}\"")),
            None => incomplete(text, example),
        })
    };
    if let Some((command, span)) = text.rsplit_once(" for ") {
        if let (Ok(command), Ok(span)) = (read(command.trim()), span.trim().parse()) {
            if command.can_last() {
                return Ok(Command::For(Box::new(command), span));
            }
        }
    }
    read(text)
}

fn only(text: &str) -> Result<&str, Problem> {
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        [one] => Ok(one),
        _ => Err(None),
    }
}

fn pair(text: &str) -> Result<(&str, &str), Problem> {
    let (one, two) = text.split_once(char::is_whitespace).ok_or(None)?;
    Ok((one, two.trim()))
}

fn value<T: FromStr<Err = BadInput>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(Some)
}

/// Reads what follows the verb; `None` when its shape is wrong.
fn read_rest(verb: &str, rest: &str) -> Result<Command, Problem> {
    match verb {
        "partition" | "split" | "unite" | "cut" | "mend" | "clog" | "unclog" | "reset" | "link" => {
            read_network(verb, rest)
        }
        "lose" | "hold" | "pass" | "release" | "heal" | "drop" | "duplicate" | "delay" => {
            read_message(verb, rest)
        }
        _ => read_node(verb, rest),
    }
}

/// What is done to nodes, and settings.
fn read_node(verb: &str, rest: &str) -> Result<Command, Problem> {
    let target = |text: &str| value::<Target>(text);
    Ok(match verb {
        "crash" => match rest.split_once(char::is_whitespace) {
            Some((node, point)) => Command::CrashAt(target(node)?, value(point.trim())?),
            None => Command::Crash(target(only(rest)?)?),
        },
        "restart" => Command::Restart(target(only(rest)?)?),
        "wipe" => Command::Wipe(target(only(rest)?)?),
        "pause" => Command::Pause(target(only(rest)?)?),
        "resume" => Command::Resume(target(only(rest)?)?),
        "leave" => Command::Leave(target(only(rest)?)?),
        "sync" => Command::Sync(target(only(rest)?)?),
        "join" if rest.is_empty() => Command::Join,
        "slow" => {
            let (node, span) = pair(rest)?;
            Command::Slow(target(node)?, value(span)?)
        }
        "disk" => {
            let (node, fault) = pair(rest)?;
            Command::Disk(target(node)?, read_disk(fault)?)
        }
        "clock" => {
            let (node, jump) = pair(rest)?;
            Command::Clock(target(node)?, read_jump(jump).map_err(Some)?)
        }
        "drift" => {
            let (node, ppm) = pair(rest)?;
            Command::Drift(target(node)?, read_drift(ppm).map_err(Some)?)
        }
        "fire" => {
            let (node, timer) = pair(rest)?;
            Command::Fire(target(node)?, timer.to_owned())
        }
        "request" => {
            let (node, request) = pair(rest)?;
            Command::Request(target(node)?, request.to_owned())
        }
        "set" => {
            let (key, value) = pair(rest)?;
            Command::Set(key.to_owned(), value.to_owned())
        }
        _ => return Err(None),
    })
}

/// What is done to links.
fn read_network(verb: &str, rest: &str) -> Result<Command, Problem> {
    let link = |text: &str| value::<Link>(text);
    Ok(match verb {
        "partition" => match rest.split_once('>') {
            Some((from, to)) => Command::OneWay(read_group(from)?, read_group(to)?),
            None => Command::Partition(rest.split('|').map(read_group).collect::<Result<_, _>>()?),
        },
        "split" => Command::Split(value(only(rest)?)?),
        "unite" if rest.is_empty() => Command::Unite,
        "cut" => Command::Cut(link(only(rest)?)?),
        "mend" => Command::Mend(link(only(rest)?)?),
        "clog" => Command::Clog(link(only(rest)?)?),
        "unclog" => Command::Unclog(link(only(rest)?)?),
        "reset" => Command::Reset(link(only(rest)?)?),
        "link" => {
            let (ends, quality) = pair(rest)?;
            Command::Link(link(ends)?, read_quality(quality)?)
        }
        _ => return Err(None),
    })
}

/// What is done to messages.
fn read_message(verb: &str, rest: &str) -> Result<Command, Problem> {
    let message = |text: &str| value::<MessageId>(text);
    let kinds = |text: &str| value::<Kinds>(text);
    Ok(match verb {
        "lose" if !rest.is_empty() => Command::Lose(kinds(rest)?),
        "pass" if !rest.is_empty() => Command::Pass(kinds(rest)?),
        "hold" if !rest.is_empty() => match rest.parse() {
            Ok(message) => Command::HoldMessage(message),
            Err(_) => Command::Hold(kinds(rest)?),
        },
        "release" if rest == "all" => Command::Release(None),
        "release" => Command::Release(Some(message(only(rest)?)?)),
        "heal" if rest.is_empty() => Command::Heal,
        "drop" => Command::Drop(message(only(rest)?)?),
        "duplicate" => match rest.split_once(" after ") {
            Some((id, span)) => Command::Duplicate(message(id.trim())?, value(span.trim())?),
            None => Command::Duplicate(message(only(rest)?)?, Span::ZERO),
        },
        "delay" => {
            let (what, span) = pair(rest)?;
            match what.parse() {
                Ok(message) => Command::Delay(message, value(span)?),
                Err(problem) if rest.starts_with(|it: char| it.is_ascii_digit()) => {
                    return Err(Some(problem));
                }
                Err(_) => {
                    let (what, dist) = rest.rsplit_once(char::is_whitespace).ok_or(None)?;
                    Command::Late(kinds(what.trim())?, value(dist)?)
                }
            }
        }
        _ => return Err(None),
    })
}

fn read_group(text: &str) -> Result<Vec<Target>, Problem> {
    let group: Result<Vec<Target>, BadInput> = text.split_whitespace().map(str::parse).collect();
    match group.map_err(Some)? {
        group if group.is_empty() => Err(None),
        group => Ok(group),
    }
}

fn read_disk(text: &str) -> Result<DiskFault, Problem> {
    if let Some(span) = text.strip_prefix("slow ") {
        return Ok(DiskFault::Slow(value(span.trim())?));
    }
    let known = DISK_WORDS.iter().find(|it| it.0 == text);
    known.map(|it| it.1).ok_or_else(|| {
        let words = DISK_WORDS.iter().map(|it| it.0).chain(["slow 100ms"]);
        Some(BadInput::new(
            text,
            format!("is not what a disk does: there is {}", one_of(words)),
        ))
    })
}

fn read_quality(text: &str) -> Result<Quality, Problem> {
    if let Some(dist) = text.strip_prefix("latency ") {
        return Ok(Quality::Latency(value(dist.trim())?));
    }
    if let Some(chance) = text.strip_prefix("loss ") {
        return Ok(Quality::Loss(value(chance.trim())?));
    }
    if text == "plain" {
        return Ok(Quality::Plain);
    }
    Err(Some(BadInput::new(
        text,
        "is not what a link can have: write latency 80ms, loss 5% or plain",
    )))
}

fn read_jump(text: &str) -> Result<i64, BadInput> {
    let (sign, span) = match text.strip_prefix('-') {
        Some(span) => (-1, span),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let span: Span = span
        .parse()
        .map_err(|_| BadInput::new(text, "is not a jump of a clock: write +50ms or -2s"))?;
    Ok(sign * span.0 as i64)
}

fn read_drift(text: &str) -> Result<i32, BadInput> {
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

#[cfg(test)]
mod tests {
    use super::super::{Planned, parse_script};
    use super::*;

    #[test]
    fn commands_and_text_are_one_to_one() {
        let more = [
            "crash leader",
            "crash z2 for 500ms",
            "crash n1 amid sends",
            "crash c1",
            "restart all",
            "clock n2 -2s",
            "drift n3 -500ppm",
            "disk n1 full for 2s",
            "disk leader rolls-back",
            "cut n1-n2",
            "cut leader>n2 for 1.5s",
            "cut clients>n2",
            "partition leader",
            "partition n1 | n2 | n3 for 3s",
            "partition n1 n2 > n3 n4",
            "split bridge",
            "link z1-z2 latency normal(40ms,2ms)",
            "link n1>all loss 30%",
            "link n1>n2 plain",
            "lose RequestVote for 2s",
            "hold AppendEntries leader>n2",
            "delay AppendEntries exponential(0s,5ms)",
            "delay AppendEntries n1>n2 mix(50%,1ms,2ms) for 2s",
            "release all",
            "duplicate m12 after 2s",
            "request leader cas x 1 2",
            "set latency uniform(5ms,15ms) for 2s",
            "every 20ms until 3s clock n1 +200ms for 10ms",
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
            ("crash n1 n2", "before write"),
            ("crash n0", "n1, n2"),
            ("drop 12", "m1, m2"),
            ("partition n1 | | n2", "like partition"),
            ("partition n1 > ", "like partition"),
            ("drift n1 9999999ppm", "500000ppm"),
            ("clock n1 soon", "+50ms"),
            ("heal n1", "like heal"),
            ("heal for 2s", "like heal"),
            ("split evenly", "halves"),
            ("disk n1 burns", "there is fine"),
            ("link n1>n2 fast", "latency 80ms"),
            ("hold", "like hold"),
            ("every 2s crash n1", "like every"),
            ("every 1us until 1s crash n1", "1ms at least"),
            ("every 1s until 2s every 1s until 2s heal", "every once"),
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
        let again: Planned = "2s every 1s until 9s split one for 300ms".parse().unwrap();
        assert_eq!(again.to_string().parse(), Ok(again));
    }
}
