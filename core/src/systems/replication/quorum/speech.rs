//! What is said in a quorum store: messages, requests, responses, and their text.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::json;

use super::Item;
use crate::error::BadInput;
use crate::parts::kv::{Key, KvRequest};
use crate::parts::quorum::NodeSet;
use crate::parts::version::{Clock, Dot};
use crate::protocol::{Answer, NodeId, Outcome, Payload};

/// The number of a request in two parts: which life of its coordinator, and which request in it.
fn short<S: Serializer>(op: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:x}.{}", op >> 32, *op as u32))
}

/// What nodes say to each other.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Message {
    /// A coordinator has something to be kept.
    Write {
        /// The number of its request.
        #[serde(serialize_with = "short")]
        op: u64,
        /// The key.
        key: Key,
        /// The version, and what it replaces.
        item: Item,
        /// For whom it is, when the receiver stands in.
        hint: Option<NodeId>,
    },
    /// It is on disk.
    Ack {
        /// The coordinator's number.
        #[serde(serialize_with = "short")]
        op: u64,
    },
    /// A coordinator asks for a key.
    Read {
        /// The number of its request.
        #[serde(serialize_with = "short")]
        op: u64,
        /// The key.
        key: Key,
    },
    /// The answer.
    Response {
        /// The coordinator's number.
        #[serde(serialize_with = "short")]
        op: u64,
        /// All that is known.
        item: Item,
    },
    /// A coordinator has seen that the receiver is behind.
    Repair {
        /// The key.
        key: Key,
        /// What others have.
        item: Item,
    },
    /// What was held for the receiver.
    Handoff {
        /// The key.
        key: Key,
        /// What was held.
        item: Item,
    },
    /// It is on disk: the hint can go.
    Received {
        /// The key.
        key: Key,
        /// The hash of what was received.
        digest: u64,
    },
    /// Hashes of a Merkle tree.
    Compare {
        /// Places and their hashes.
        hashes: Vec<(u32, u64)>,
    },
    /// What is in leaves that differ.
    Exchange {
        /// The leaves.
        leaves: Vec<u32>,
        /// What is there.
        items: Vec<(Key, Item)>,
        /// Whether the sender wants to know what the receiver has there.
        answer: bool,
    },
}

impl Payload for Message {
    fn kind(&self) -> &'static str {
        match self {
            Message::Write { .. } => "Write",
            Message::Ack { .. } => "Ack",
            Message::Read { .. } => "Read",
            Message::Response { .. } => "Response",
            Message::Repair { .. } => "Repair",
            Message::Handoff { .. } => "Handoff",
            Message::Received { .. } => "Received",
            Message::Compare { .. } => "Compare",
            Message::Exchange { .. } => "Exchange",
        }
    }
}

/// The alarms of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Time to hand hints over, to compare a tree, to collect tombstones.
    Tick,
    /// Half a time-out has passed.
    Patience,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Timer::Tick => "tick",
            Timer::Patience => "patience",
        })
    }
}

/// What a client asks: `get x`, `put x 5`, `delete x`; a write may say what its client has seen: `put x 5 after n1:2`.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
pub struct Request {
    /// What is to be done.
    pub what: KvRequest,
    /// What its client has seen of the key; nothing said, what it saw last at this coordinator.
    pub after: Option<Clock>,
}

impl Request {
    /// The forms of requests.
    pub const FORMS: &'static [&'static str] = &[
        "get KEY",
        "put KEY VALUE",
        "put KEY VALUE after CLOCK",
        "delete KEY",
        "delete KEY after CLOCK",
    ];
}

impl Payload for Request {
    fn kind(&self) -> &'static str {
        self.what.kind()
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.after {
            Some(after) => write!(f, "{} after {after}", self.what),
            None => self.what.fmt(f),
        }
    }
}

impl FromStr for Request {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<Request, BadInput> {
        let Some((what, after)) = text.split_once(" after ") else {
            return Ok(Request {
                what: text.parse()?,
                after: None,
            });
        };
        let what: KvRequest = what.parse()?;
        if !matches!(what, KvRequest::Put(..) | KvRequest::Delete(_)) {
            return Err(BadInput::new(
                text,
                "reads nothing over: only put and delete come after something",
            ));
        }
        let after = Some(after.trim().parse()?);
        Ok(Request { what, after })
    }
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Response {
    /// What was read.
    Read {
        /// The values: none, one, or siblings.
        values: Vec<i64>,
        /// What was seen: the context of the next put.
        clock: Clock,
        /// Who told.
        by: NodeSet,
    },
    /// It was written.
    Written {
        /// The name of the write.
        dot: Dot,
        /// Who has it.
        by: NodeSet,
    },
    /// It was not done.
    Refused(String),
}

impl Payload for Response {
    fn kind(&self) -> &'static str {
        match self {
            Response::Read { .. } | Response::Written { .. } => "result",
            Response::Refused(_) => "refusal",
        }
    }
}

impl Answer for Response {
    fn outcome(&self) -> Outcome {
        match self {
            Response::Read { values, .. } => Outcome::Done(match values[..] {
                [] => json!(null),
                [value] => json!(value),
                _ => json!(values),
            }),
            Response::Written { .. } => Outcome::Done(json!("written")),
            Response::Refused(why) => Outcome::Refused(why.clone()),
        }
    }

    fn remark(&self) -> Option<String> {
        match self {
            Response::Read { clock, by, .. } => {
                Some(format!("clock {clock}, told by {}", names(*by)))
            }
            Response::Written { dot, by } => Some(format!("as {dot}, at {}", names(*by))),
            Response::Refused(_) => None,
        }
    }
}

/// `n1 n2 n3`.
pub(super) fn names(nodes: NodeSet) -> String {
    let names: Vec<String> = nodes.iter().map(|it| it.to_string()).collect();
    names.join(" ")
}
