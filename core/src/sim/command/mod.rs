//! What a person does to a run. A command is a click, a line of a script, a part of a link and a line of a test.
//!
//! Many commands can be given a length (`crash n1 for 500ms`): then they are taken back after it. Every command can be
//! repeated (`every 2s until 10s crash random for 500ms`).

mod read;
mod target;

use std::fmt;
use std::str::FromStr;

use crate::error::BadInput;
use crate::frame::End;
use crate::parts::order;
pub use read::EXAMPLES;
pub use target::{Kinds, Link, MessageId, Point, Shape, Target};

use super::dist::{Chance, Dist};
use super::settings::NODES_MAX;
use super::time::{Span, Time};

/// The longest text of one command, in bytes.
pub const COMMAND_MAX: usize = 1_000;

/// The most commands that one run may have.
pub const COMMANDS_MAX: usize = 5_000;

/// What can be done to a running cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Stops a node; all that its disk does not hold is lost. Stops a client: nobody knows what became of its request.
    Crash(Target),
    /// Stops a node when it next comes to this point.
    CrashAt(Target, Point),
    /// Starts what has crashed; a node from its disk.
    Restart(Target),
    /// Stops a node and empties its disk.
    Wipe(Target),
    /// Stops a node's processor; it loses nothing, and what arrives waits.
    Pause(Target),
    /// Lets a paused node go on.
    Resume(Target),
    /// From now on every event takes a node so much longer.
    Slow(Target, Span),
    /// A new node comes to the cluster.
    Join,
    /// A node goes, for good.
    Leave(Target),
    /// Changes how a node's disk works.
    Disk(Target, DiskFault),
    /// Moves a node's clock by so many nanoseconds.
    Clock(Target, i64),
    /// Makes a node's clock run fast (or slow, when negative), in parts per million.
    Drift(Target, i32),
    /// Sets a node's clock to true time, as NTP does: it may step back.
    Sync(Target),
    /// Cuts the cluster into groups; nodes that are not named form one more.
    Partition(Vec<Vec<Target>>),
    /// Cuts the way from the first nodes to the second, and not the way back.
    OneWay(Vec<Target>, Vec<Target>),
    /// Cuts the cluster in this shape.
    Split(Shape),
    /// Ends a partition; cut links stay cut.
    Unite,
    /// Cuts a link.
    Cut(Link),
    /// Mends a link.
    Mend(Link),
    /// Stops a link: what is sent over it waits.
    Clog(Link),
    /// Lets a stopped link go on: all that waited arrives in a burst.
    Unclog(Link),
    /// Resets a connection: all that is under way on it is lost.
    Reset(Link),
    /// Gives a link a delay or a loss of its own.
    Link(Link, Quality),
    /// From now on, messages of this kind are lost.
    Lose(Kinds),
    /// From now on, messages of this kind wait.
    Hold(Kinds),
    /// From now on, messages of this kind have this delay.
    Late(Kinds, Dist),
    /// Messages of this kind pass again; what waited goes on.
    Pass(Kinds),
    /// Stops a message that is under way.
    HoldMessage(MessageId),
    /// Lets a stopped message go on; all of them when none is named.
    Release(Option<MessageId>),
    /// Ends every partition, mends and frees every link, lets go what was stopped.
    Heal,
    /// Loses a message that is under way.
    Drop(MessageId),
    /// Makes a second copy of a message that is under way, which arrives so much later than it would.
    Duplicate(MessageId, Span),
    /// Makes a message arrive later.
    Delay(MessageId, Span),
    /// Runs a timer out now.
    Fire(Target, String),
    /// Asks a node for something, as a client.
    Request(Target, String),
    /// Changes a setting of the environment.
    Set(String, String),
    /// Carries out a command and takes it back after so long.
    For(Box<Command>, Span),
    /// Carries out a command now, and again after every such span until then.
    Every(Span, Time, Box<Command>),
}

/// What can be wrong with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiskFault {
    /// Nothing any more; damage that was done stays.
    Fine,
    /// Every write takes so much longer.
    Slow(Span),
    /// It is full: a write fails, and stops the node.
    Full,
    /// It says that it has what it has not.
    Lies,
    /// The next sync fails.
    Fails,
    /// A write that a crash interrupts is there in part.
    Tears,
    /// The next write goes to a wrong place.
    Misdirects,
    /// What it holds is damaged, which the next start notices if there are checksums.
    Rots,
    /// The next start finds an older state, as after a restored backup.
    RollsBack,
    /// The next start finds the end cut off.
    Truncates,
}

/// What a link of its own has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// Its delay.
    Latency(Dist),
    /// Its loss.
    Loss(Chance),
    /// Those of the network again.
    Plain,
}

impl Command {
    /// How many nodes join by it, at most.
    pub(super) fn joins(&self) -> usize {
        match self {
            Command::Join => 1,
            Command::For(command, _) => command.joins(),
            Command::Every(_, _, command) => command.joins() * NODES_MAX as usize,
            _ => 0,
        }
    }

    /// Whether it can be taken back after a while.
    pub fn can_last(&self) -> bool {
        match self {
            Command::Crash(_) | Command::Wipe(_) | Command::Pause(_) | Command::Slow(..) => true,
            Command::Clock(..) | Command::Drift(..) | Command::Join | Command::Set(..) => true,
            Command::Partition(_) | Command::OneWay(..) | Command::Split(_) => true,
            Command::Cut(_) | Command::Clog(_) | Command::Link(..) => true,
            Command::Lose(_) | Command::Hold(_) | Command::Late(..) => true,
            Command::HoldMessage(_) => true,
            Command::Disk(_, fault) => matches!(
                fault,
                DiskFault::Slow(_) | DiskFault::Full | DiskFault::Lies | DiskFault::Tears
            ),
            _ => false,
        }
    }

    /// Whom it means, when it is done to nodes and clients one by one.
    pub(super) fn target(&self) -> Option<&Target> {
        match self {
            Command::Crash(it) | Command::Restart(it) | Command::Wipe(it) => Some(it),
            Command::Pause(it) | Command::Resume(it) | Command::Slow(it, _) => Some(it),
            Command::Leave(it) | Command::Sync(it) | Command::CrashAt(it, _) => Some(it),
            Command::Disk(it, _) | Command::Clock(it, _) | Command::Drift(it, _) => Some(it),
            Command::Fire(it, _) | Command::Request(it, _) => Some(it),
            _ => None,
        }
    }

    /// Its words with the one that is meant in place of the role it plays.
    pub(super) fn to_one(&self, target: &Target, end: End) -> String {
        let (meant, one) = (format!(" {target}"), format!(" {end}"));
        self.to_string().replacen(&meant, &one, 1)
    }
}

/// A command and when it is carried out: after every event of that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    order::sort_by_key(commands, |it| it.at);
}

impl fmt::Display for DiskFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DiskFault::Slow(span) => write!(f, "slow {span}"),
            other => f.write_str(read::disk_word(other)),
        }
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Quality::Latency(dist) => write!(f, "latency {dist}"),
            Quality::Loss(chance) => write!(f, "loss {chance}"),
            Quality::Plain => f.write_str("plain"),
        }
    }
}

/// Targets with spaces between them, each behind a space.
fn write_group(f: &mut fmt::Formatter<'_>, group: &[Target]) -> fmt::Result {
    group.iter().try_for_each(|it| write!(f, " {it}"))
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = self.verb();
        match self {
            Command::Crash(it) | Command::Restart(it) | Command::Wipe(it) => {
                write!(f, "{verb} {it}")
            }
            Command::Pause(it) | Command::Resume(it) => write!(f, "{verb} {it}"),
            Command::Leave(it) | Command::Sync(it) => write!(f, "{verb} {it}"),
            Command::CrashAt(it, point) => write!(f, "{verb} {it} {point}"),
            Command::Slow(it, span) => write!(f, "{verb} {it} {span}"),
            Command::Disk(it, fault) => write!(f, "{verb} {it} {fault}"),
            Command::Clock(it, nanos) => {
                let sign = if *nanos < 0 { '-' } else { '+' };
                write!(f, "{verb} {it} {sign}{}", Span(nanos.unsigned_abs()))
            }
            Command::Drift(it, ppm) => write!(f, "{verb} {it} {ppm:+}ppm"),
            Command::Partition(groups) => {
                f.write_str(verb)?;
                for (index, group) in groups.iter().enumerate() {
                    f.write_str(if index > 0 { " |" } else { "" })?;
                    write_group(f, group)?;
                }
                Ok(())
            }
            Command::OneWay(from, to) => {
                f.write_str(verb)?;
                write_group(f, from)?;
                f.write_str(" >")?;
                write_group(f, to)
            }
            Command::Split(shape) => write!(f, "{verb} {shape}"),
            Command::Cut(link) | Command::Mend(link) => write!(f, "{verb} {link}"),
            Command::Clog(link) | Command::Unclog(link) => write!(f, "{verb} {link}"),
            Command::Reset(link) => write!(f, "{verb} {link}"),
            Command::Link(link, quality) => write!(f, "{verb} {link} {quality}"),
            Command::Lose(kinds) | Command::Hold(kinds) | Command::Pass(kinds) => {
                write!(f, "{verb} {kinds}")
            }
            Command::Late(kinds, dist) => write!(f, "{verb} {kinds} {dist}"),
            Command::Release(None) => write!(f, "{verb} all"),
            Command::Release(Some(message)) => write!(f, "{verb} {message}"),
            Command::HoldMessage(message) | Command::Drop(message) => write!(f, "{verb} {message}"),
            Command::Duplicate(message, Span::ZERO) => write!(f, "{verb} {message}"),
            Command::Duplicate(message, span) => write!(f, "{verb} {message} after {span}"),
            Command::Delay(message, span) => write!(f, "{verb} {message} {span}"),
            Command::Fire(it, timer) => write!(f, "{verb} {it} {timer}"),
            Command::Request(it, request) => write!(f, "{verb} {it} {request}"),
            Command::Set(key, value) => write!(f, "{verb} {key} {value}"),
            Command::For(command, span) => write!(f, "{command} for {span}"),
            Command::Every(span, until, command) => {
                write!(f, "{verb} {span} until {until} {command}")
            }
            Command::Join | Command::Unite | Command::Heal => f.write_str(verb),
        }
    }
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
