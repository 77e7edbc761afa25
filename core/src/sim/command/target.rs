//! Whom and what a command means: nodes, links, messages, points of a node's way from deciding to sending.

use std::fmt;
use std::str::FromStr;

use crate::error::{BadInput, one_of};
use crate::protocol::{ClientId, NodeId};

/// Whom a command means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// This node.
    Node(NodeId),
    /// This client.
    Client(ClientId),
    /// The node that plays this role when the command is carried out: `leader`. Of several, the one of the highest
    /// epoch (term, ballot, view), then of the lowest number. The role of a crashed node is `down`; whoever wears the
    /// crown, whatever the system calls it, is `crowned`.
    Role(String),
    /// The nodes of a zone (a rack, a data centre), from 1: `z1`.
    Zone(u16),
    /// A running node, drawn from the seed when the command is carried out.
    Random,
    /// Every node.
    All,
    /// Every client.
    Clients,
}

/// A message, by its number in the order of sending; written `m12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u32);

/// A link from one node or client to another, written `n1>n2`; both ways, written `n1-n2`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// One end.
    pub from: Target,
    /// The other.
    pub to: Target,
    /// Whether the opposite direction is meant too.
    pub both_ways: bool,
}

/// Messages of one kind, on one link or on all: `AppendEntries n1>n2`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kinds {
    /// The name of the kind, in the paper's words.
    pub kind: String,
    /// On which link; on all when missing.
    pub link: Option<Link>,
}

/// A point on a node's way from deciding to sending, at which it can be made to crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// It has decided, and the disk knows nothing of it.
    BeforeWrite,
    /// The disk has been told, and has nothing for certain.
    BeforeSync,
    /// The disk has it, and nobody has been told.
    BeforeSend,
    /// The first of several messages is out, the rest is not.
    AmidSends,
}

/// The shapes in which a cluster is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// One node, drawn from the seed, and the rest.
    One,
    /// The first half and the second; of an odd number, the first is the smaller.
    Halves,
    /// A minority drawn from the seed, and the rest.
    Minority,
    /// Three groups, of which none is a majority.
    Thirds,
    /// Two halves and one node that reaches, and is reached by, both.
    Bridge,
    /// Every node reaches a majority, and no two the same one.
    Ring,
    /// Each node on a side drawn from the seed.
    Random,
}

/// A word for each value.
macro_rules! words {
    ($type:ident, $wrong:literal, $($value:ident $word:literal),+) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($type::$value => $word),+ })
            }
        }

        impl FromStr for $type {
            type Err = BadInput;
            fn from_str(text: &str) -> Result<$type, BadInput> {
                match text {
                    $($word => Ok($type::$value),)+
                    _ => Err(BadInput::new(text, format!(concat!($wrong, ": there is {}"), one_of([$($word),+])))),
                }
            }
        }
    };
}

words!(
    Point, "is not a point to crash at",
    BeforeWrite "before write", BeforeSync "before sync", BeforeSend "before send", AmidSends "amid sends"
);

words!(
    Shape, "is not a shape of a partition",
    One "one", Halves "halves", Minority "minority", Thirds "thirds", Bridge "bridge", Ring "ring", Random "random"
);

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Node(node) => node.fmt(f),
            Target::Client(client) => client.fmt(f),
            Target::Role(role) => f.write_str(role),
            Target::Zone(zone) => write!(f, "z{zone}"),
            Target::Random => f.write_str("random"),
            Target::All => f.write_str("all"),
            Target::Clients => f.write_str("clients"),
        }
    }
}

/// A letter and a number from 1, such as `z2`.
fn numbered(text: &str, letter: char) -> Option<u16> {
    text.strip_prefix(letter)
        .filter(|it| it.bytes().all(|it| it.is_ascii_digit()) && !it.starts_with('0'))
        .and_then(|it| it.parse().ok())
}

impl FromStr for Target {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<Target, BadInput> {
        match text {
            "all" => return Ok(Target::All),
            "clients" => return Ok(Target::Clients),
            "random" => return Ok(Target::Random),
            _ => {}
        }
        if let Ok(node) = text.parse() {
            return Ok(Target::Node(node));
        }
        if let Some(client) = numbered(text, 'c') {
            return Ok(Target::Client(ClientId(client.into())));
        }
        if let Some(zone) = numbered(text, 'z') {
            return Ok(Target::Zone(zone));
        }
        let word = |it: u8| it.is_ascii_lowercase() || it == b'-';
        if !text.is_empty() && text.len() <= 32 && text.bytes().all(word) {
            return Ok(Target::Role(text.to_owned()));
        }
        Err(BadInput::new(
            text,
            "is not a node: write n1, n2, …, all, random, a zone such as z1, or a role such as leader",
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

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        self.link.iter().try_for_each(|it| write!(f, " {it}"))
    }
}

impl FromStr for Kinds {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<Kinds, BadInput> {
        let (kind, link) = match text.split_once(char::is_whitespace) {
            Some((kind, link)) => (kind, Some(link.trim().parse()?)),
            None => (text, None),
        };
        let letters = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it == b'_';
        if kind.is_empty() || kind.len() > 64 || !kind.bytes().all(letters) {
            return Err(BadInput::new(
                kind,
                "is not a kind of message: write its name, such as AppendEntries",
            ));
        }
        Ok(Kinds {
            kind: kind.to_owned(),
            link,
        })
    }
}
