//! What is said: between servers (Figure 2 and what later chapters add), and between clients and servers.

use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::error::BadInput;
use crate::parts::kv::{KvRequest, KvResult};
use crate::parts::log::Slice;
use crate::parts::quorum::NodeSet;
use crate::protocol::{Answer, NodeId, Outcome, Payload};
use crate::sim::rng::Rng;
use crate::sim::settings::NODES_MAX;

use super::snapshot::Snapshot;
use super::{Entry, Index, Term};

/// What servers say to each other. Each begins with the sender's term.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Message {
    /// Whoever would stand for election asks whether that makes sense (dissertation, §9.6).
    PreVote {
        /// The term that would begin: the next after the sender's.
        term: Term,
        /// The index of its last entry.
        last_log_index: Index,
        /// The term of its last entry.
        last_log_term: Term,
    },
    /// The answer. It binds nobody.
    PreVoteResponse {
        /// The term asked about, if it would have the vote; else the term of the one who answers.
        term: Term,
        /// Whether it would have the vote.
        vote_granted: bool,
    },
    /// A candidate asks for a vote.
    RequestVote {
        /// The candidate's term.
        term: Term,
        /// The index of its last entry.
        last_log_index: Index,
        /// The term of its last entry.
        last_log_term: Term,
        /// Whether the leader wants this election (dissertation, §3.10), so that nobody is to protect it.
        leader_wants_it: bool,
    },
    /// The answer.
    RequestVoteResponse {
        /// The voter's term.
        term: Term,
        /// Whether the candidate has the vote.
        vote_granted: bool,
    },
    /// A leader sends entries, or none to be heard.
    AppendEntries {
        /// The leader's term.
        term: Term,
        /// The index of the entry just before the new ones.
        prev_log_index: Index,
        /// Its term.
        prev_log_term: Term,
        /// The new entries.
        entries: Slice<Entry>,
        /// How far the leader has committed.
        leader_commit: Index,
        /// The round of heartbeats it belongs to: the answer names it again.
        round: u64,
    },
    /// The answer.
    AppendEntriesResponse {
        /// The follower's term.
        term: Term,
        /// Whether it had the entry before, and now has the new ones.
        success: bool,
        /// On success the last entry that is known to be the leader's; else the last that may be.
        match_index: Index,
        /// When it refuses: the term of its entry where the leader's should be; 0 when it has none there.
        conflict_term: Term,
        /// The round that it answers.
        round: u64,
    },
    /// A leader sends its snapshot in place of entries that it has discarded (§7).
    InstallSnapshot {
        /// The leader's term.
        term: Term,
        /// The snapshot, in one piece.
        #[serde(serialize_with = "content")]
        snapshot: Rc<Snapshot>,
        /// The round of heartbeats it belongs to.
        round: u64,
    },
    /// The answer.
    InstallSnapshotResponse {
        /// The follower's term.
        term: Term,
        /// The last entry that the snapshot stood for: so far the logs agree.
        match_index: Index,
        /// The round that it answers.
        round: u64,
    },
    /// A leader asks a follower to stand for election at once (dissertation, §3.10).
    TimeoutNow {
        /// The leader's term.
        term: Term,
    },
    /// A new server asks to become a member (dissertation, §4.1).
    AddServer {
        /// Its term.
        term: Term,
    },
    /// A member asks to be one no longer.
    RemoveServer {
        /// Its term.
        term: Term,
    },
    /// A leader tells a server that it is no member any more, and may go.
    RemoveServerResponse {
        /// The leader's term.
        term: Term,
        /// Where the log has the configuration without it.
        configuration: Index,
    },
}

fn content<S: Serializer>(snapshot: &Rc<Snapshot>, serializer: S) -> Result<S::Ok, S::Error> {
    snapshot.as_ref().serialize(serializer)
}

/// What is done with the term, which every message has.
macro_rules! of_term {
    ($message:expr, $term:ident => $do:expr) => {
        match $message {
            Message::PreVote { term: $term, .. }
            | Message::PreVoteResponse { term: $term, .. }
            | Message::RequestVote { term: $term, .. }
            | Message::RequestVoteResponse { term: $term, .. }
            | Message::AppendEntries { term: $term, .. }
            | Message::AppendEntriesResponse { term: $term, .. }
            | Message::InstallSnapshot { term: $term, .. }
            | Message::InstallSnapshotResponse { term: $term, .. }
            | Message::TimeoutNow { term: $term }
            | Message::AddServer { term: $term }
            | Message::RemoveServer { term: $term }
            | Message::RemoveServerResponse { term: $term, .. } => $do,
        }
    };
}

impl Message {
    /// The sender's term, or the one it asks about.
    pub fn term(&self) -> Term {
        of_term!(self, term => *term)
    }
}

impl Payload for Message {
    fn kind(&self) -> &'static str {
        match self {
            Message::PreVote { .. } => "PreVote",
            Message::PreVoteResponse { .. } => "PreVoteResponse",
            Message::RequestVote { .. } => "RequestVote",
            Message::RequestVoteResponse { .. } => "RequestVoteResponse",
            Message::AppendEntries { .. } => "AppendEntries",
            Message::AppendEntriesResponse { .. } => "AppendEntriesResponse",
            Message::InstallSnapshot { .. } => "InstallSnapshot",
            Message::InstallSnapshotResponse { .. } => "InstallSnapshotResponse",
            Message::TimeoutNow { .. } => "TimeoutNow",
            Message::AddServer { .. } => "AddServer",
            Message::RemoveServer { .. } => "RemoveServer",
            Message::RemoveServerResponse { .. } => "RemoveServerResponse",
        }
    }

    /// A bit of the term, or of what an answer says, is flipped.
    fn damage(&mut self, rng: &mut Rng) -> bool {
        let bit = 1 << rng.below(3);
        match self {
            Message::RequestVoteResponse { vote_granted, .. }
            | Message::PreVoteResponse { vote_granted, .. }
                if rng.below(2) == 0 =>
            {
                *vote_granted = !*vote_granted
            }
            Message::AppendEntriesResponse { match_index, .. } if rng.below(2) == 0 => {
                *match_index ^= bit
            }
            other => of_term!(other, term => *term ^= bit),
        }
        true
    }
}

/// What a client may ask: something of the key-value store, or, as an operator, something of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    /// Of the store: `put x 5`.
    Store(KvRequest),
    /// `transfer n3`: n3 is to lead (dissertation, §3.10).
    Transfer(NodeId),
    /// `add n6`: n6 is to become a member.
    Add(NodeId),
    /// `remove n3`: n3 is to be a member no longer.
    Remove(NodeId),
    /// `members n1 n2 n6`: these are to be the members.
    Members(NodeSet),
}

impl Payload for Request {
    fn kind(&self) -> &'static str {
        match self {
            Request::Store(request) => request.kind(),
            Request::Transfer(_) => "transfer",
            Request::Add(_) => "add",
            Request::Remove(_) => "remove",
            Request::Members(_) => "members",
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Store(request) => request.fmt(f),
            Request::Transfer(node) | Request::Add(node) | Request::Remove(node) => {
                write!(f, "{} {node}", self.kind())
            }
            Request::Members(nodes) => {
                f.write_str("members")?;
                nodes.iter().try_for_each(|it| write!(f, " {it}"))
            }
        }
    }
}

impl FromStr for Request {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<Request, BadInput> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            ["transfer", node] => Ok(Request::Transfer(read_node(node)?)),
            ["add", node] => Ok(Request::Add(read_node(node)?)),
            ["remove", node] => Ok(Request::Remove(read_node(node)?)),
            ["members", _, ..] => {
                let nodes = words[1..].iter().map(|it| read_node(it));
                Ok(Request::Members(nodes.collect::<Result<_, _>>()?))
            }
            _ => text.parse().map(Request::Store).map_err(|it: BadInput| {
                let known = ["transfer", "add", "remove", "members"];
                match words.first() {
                    Some(first) if known.contains(first) => BadInput::new(
                        text,
                        "is not a request: write transfer n3, add n6, remove n3 or members n1 n2 n3",
                    ),
                    _ => it,
                }
            }),
        }
    }
}

fn read_node(text: &str) -> Result<NodeId, BadInput> {
    let node: NodeId = text.parse()?;
    if node.index() >= NODES_MAX as usize {
        return Err(BadInput::new(
            text,
            format!("is not a node that a cluster can have: n1 to n{NODES_MAX}"),
        ));
    }
    Ok(node)
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Response {
    /// The request was executed.
    Executed(KvResult),
    /// What the operator wanted of the cluster is so.
    Done,
    /// It is not to be had now; says why.
    Refused(&'static str),
    /// This server does not lead; perhaps it knows who does.
    NotLeader(Option<NodeId>),
}

impl Payload for Response {
    fn kind(&self) -> &'static str {
        match self {
            Response::Executed(_) => "result",
            Response::Done => "done",
            Response::Refused(_) => "refusal",
            Response::NotLeader(_) => "redirect",
        }
    }
}

impl Answer for Response {
    fn outcome(&self) -> Outcome {
        match self {
            Response::Executed(result) => result.outcome(),
            Response::Done => Outcome::Done(json!("done")),
            Response::Refused(why) => Outcome::Refused((*why).to_owned()),
            Response::NotLeader(hint) => Outcome::Elsewhere(*hint),
        }
    }
}
