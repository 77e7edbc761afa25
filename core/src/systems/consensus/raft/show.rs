//! Raft on the stage: settings, roles, pictures. The scenarios are in `scenarios.rs` and `broken.rs`.

use serde_json::{Value as Json, json};

use crate::check::Promise;
use crate::exhibit::{About, Exhibit, Glance, Operation, Scenario, Stir, World, log_change};
use crate::frame::{Field, LogCell, LogRow, Look, Mark, Panel, Role, Shape};
use crate::parts::kv::KvRequest;
use crate::protocol::NodeId;
use crate::sim::rng::Rng;
use crate::sim::settings::{Environment, Kind, Setting, Value, setting};
use crate::sim::time::Span;

use super::membership::names;
use super::{
    Command, Config, Entries, Entry, Message, Raft, Reads, Request, State, broken, checks,
    scenarios, stirs,
};

/// How many cells of a log are worth showing.
const LOG_CELLS: u64 = 14;

/// What can be asked: of the store, and, by an operator, of the cluster.
const REQUESTS: &[&str] = &[
    "put KEY VALUE",
    "get KEY",
    "cas KEY OLD NEW",
    "incr KEY",
    "delete KEY",
    "append KEY VALUE",
    "transfer NODE",
    "add NODE",
    "remove NODE",
];

/// How members can change, as settings name it: `joint` is off or on.
const CHANGES: &[&str] = &["one-by-one", "joint"];

impl Exhibit for Raft {
    const ABOUT: About = About {
        id: "raft",
        title: "Raft",
        summary: "Servers agree on one log by electing a leader: it survives the crash of any minority.",
        family: "Consensus",
        source: "Ongaro and Ousterhout, USENIX ATC 2014",
        request: "put x 5",
        requests: REQUESTS,
    };

    const GROWS: bool = true;

    const STIR: Option<Stir<Config>> = Some(stirs::draw);

    fn settings() -> Vec<Setting<Config>> {
        let mut settings = constants();
        settings.extend(rules());
        settings
    }

    fn scenarios() -> Vec<Scenario<Raft>> {
        let mut all = scenarios::all();
        all.extend(broken::all());
        all
    }

    fn vary(config: &mut Config, rng: &mut Rng) {
        match rng.below(5) {
            // One entry at a time, so that whoever leads may fall between two. Who lags much gets a snapshot.
            0..=2 => {
                (config.batch, config.pipeline) = (1, 1);
                config.snapshot = 4 + rng.below(16);
            }
            3 => {
                config.batch = 5 + rng.below(5);
                config.snapshot = 2 + rng.below(40);
            }
            _ => {}
        }
        config.heartbeat = Span::ms(30 + rng.below(40));
        config.fast_back_up = rng.below(4) > 0;
        config.joint = rng.below(2) == 0;
        config.reads = *rng.pick(&[Reads::Log, Reads::ReadIndex, Reads::Lease]);
        // The longer the time-outs, the further clocks run apart in one.
        if config.reads == Reads::Lease && rng.below(2) == 0 {
            config.election_min = Span::ms(250 + rng.below(150));
            config.election_max = Span(config.election_min.0 * 2);
        }
        // What protects a leader needs pre-vote as well.
        config.rules.check_quorum &= rng.below(3) == 0;
        config.rules.pre_vote &= config.rules.check_quorum || rng.below(3) == 0;
    }

    fn validate(config: &Config, environment: &Environment) -> Result<(), String> {
        if config.election_max < config.election_min {
            return Err(format!(
                "do not fit together: election-max {} is below election-min {}",
                config.election_max, config.election_min
            ));
        }
        // A leader counts itself before its own disk has the entry; that is safe because another must answer as well.
        if environment.nodes < 2 {
            return Err("do not fit together: Raft needs 2 nodes at least".to_owned());
        }
        Ok(())
    }

    fn role(&self) -> Role {
        let (name, letter, shape, crown) = match self.state {
            State::Leader(_) => ("leader", 'L', Shape::Hexagon, true),
            State::Follower if !self.is_member() => ("nonvoter", 'N', Shape::Circle, false),
            State::Follower => ("follower", 'F', Shape::Circle, false),
            State::PreCandidate { .. } => ("precandidate", 'P', Shape::Diamond, false),
            State::Candidate { .. } => ("candidate", 'C', Shape::Diamond, false),
        };
        Role {
            name,
            letter,
            shape,
            crown,
            epoch: Some(self.current_term),
        }
    }

    fn view(&self) -> Vec<Field> {
        let node = |it: Option<NodeId>| it.map_or(Json::Null, |it| json!(it));
        let mut fields = vec![
            Field::durable("currentTerm", self.current_term),
            Field::durable("votedFor", node(self.voted_for)),
            Field::durable("lastLogIndex", self.last_index()),
            Field::volatile("leaderId", node(self.leader)),
            Field::volatile("commitIndex", self.commit_index),
            Field::volatile("lastApplied", self.last_applied),
        ];
        if self.snapshot.is_some() {
            fields.push(Field::durable("lastIncludedIndex", self.entries.base()));
        }
        match &self.state {
            State::Follower => {}
            State::PreCandidate { votes } | State::Candidate { votes } => {
                fields.push(Field::volatile("votesReceived", json!(votes)))
            }
            State::Leader(leader) => {
                fields.push(Field::volatile("nextIndex", json!(leader.next_index)));
                fields.push(Field::volatile("matchIndex", json!(leader.match_index)));
            }
        }
        let latest = self.latest().1;
        if latest.is_joint() {
            fields.push(Field::durable("oldMembers", json!(latest.old)));
        }
        if self.latest().0 > 0 {
            fields.push(Field::durable("members", json!(latest.voters)));
        }
        fields.push(Field::volatile("stateMachine", self.store.describe()));
        fields
    }

    fn archive(&self, before: Option<&Raft>) -> Vec<Field> {
        // When a snapshot has taken the place of entries, what is left is written out anew.
        let same = before.filter(|it| it.entries.base() == self.entries.base());
        let before = same.map(|it| it.entries.log());
        log_change("log", before, self.entries.log(), entry_json)
            .into_iter()
            .collect()
    }

    fn look(message: &Message) -> Look {
        let mark = match message {
            Message::RequestVoteResponse { vote_granted, .. }
            | Message::PreVoteResponse { vote_granted, .. } => accepts(*vote_granted),
            Message::AppendEntriesResponse { success, .. } => accepts(*success),
            Message::InstallSnapshotResponse { .. } | Message::RemoveServerResponse { .. } => {
                Mark::Accept
            }
            _ => Mark::Request,
        };
        Look {
            mark,
            epoch: Some(message.term()),
        }
    }

    fn panels(world: &World<'_, Raft>) -> Vec<Panel> {
        let longest = world.ids().map(|it| log_of(world, it).last_index()).max();
        let first = longest.unwrap_or(0).saturating_sub(LOG_CELLS) + 1;
        let rows = world.ids().map(|it| log_row(world, it, first)).collect();
        vec![
            Panel::Log {
                title: "Logs",
                legend: "Solid: committed. Dashed: not yet.",
                rows,
            },
            servers(world),
        ]
    }

    fn checks() -> Vec<Promise<Raft>> {
        checks::all()
    }

    fn glance(&self) -> Option<Glance> {
        let role = match self.state {
            State::Follower => 0,
            State::Candidate { .. } => 1,
            State::Leader(_) => 2,
            State::PreCandidate { .. } => 3,
        };
        let vote = self.voted_for.map_or(0, |it| u64::from(it.0) + 1);
        let grown = u64::from(self.entries.changes()) << 32 | u64::from(self.executed.changes());
        let reached = self.commit_index << 32 | self.last_applied & u64::from(u32::MAX);
        Some([self.current_term, vote << 2 | role, grown, reached])
    }

    fn attends(check: &str) -> Glance {
        const ALL: u64 = u64::MAX;
        const LOG: u64 = ALL << 32;
        // In the order of `glance`: term; vote and role; log and requests executed; commit index and last applied.
        match check {
            "election-safety" | "one-vote" | "leader-elected" | "second-leader" | "two-leaders" => {
                [ALL, ALL, 0, 0]
            }
            "leader-append-only" | "election-failed" => [ALL, ALL, LOG, 0],
            "log-matching" => [0, 0, LOG, 0],
            "state-machine-safety" => [0, 0, 0, u64::from(u32::MAX)],
            "exactly-once" | "entry-committed" => [0, 0, u64::from(u32::MAX), 0],
            _ => [ALL; 4],
        }
    }

    fn draw_request(rng: &mut Rng, environment: &Environment, unique: u32) -> Option<Request> {
        Some(Request::Store(KvRequest::draw(rng, environment, unique)))
    }

    fn operation(request: &Request) -> Option<Operation> {
        match request {
            Request::Store(request) => Some(request.operation()),
            _ => None,
        }
    }
}

fn accepts(it: bool) -> Mark {
    if it { Mark::Accept } else { Mark::Refuse }
}

fn constants() -> Vec<Setting<Config>> {
    vec![
        setting!("election-min", "Election time-out, at least", election_min: time(Span::ms(1), Span::secs(600))),
        setting!("election-max", "Election time-out, at most", election_max: time(Span::ms(1), Span::secs(600))),
        setting!("heartbeat", "Heartbeat every", heartbeat: time(Span::ms(1), Span::secs(600))),
        setting!("batch", "Entries in a message, at most", batch: whole(1, 1_000)),
        setting!("pipeline", "Messages under way to a follower, at most", pipeline: whole(1, 1_000)),
        setting!("fast-back-up", "Go back a term at a time", fast_back_up: switch()),
        setting!(
            "snapshot", "A snapshot after so many entries (0: never)", snapshot: whole(0, 1_000_000)
        ),
        Setting {
            id: "read-path",
            title: "Reads go through",
            kind: Kind::Choice(Reads::NAMES),
            rule: None,
            get: |it| Value::Choice(it.reads.name()),
            set: |it, value| it.reads = Reads::named(value.choice()),
        },
        setting!("drift-bound", "A lease is shorter by", drift_bound: chance()),
        setting!("change", "Members change", joint: either(CHANGES)),
    ]
}

fn rules() -> Vec<Setting<Config>> {
    let mut all = rules_of_the_log();
    all.extend(rules_of_followers());
    all.extend(rules_of_the_cluster());
    all.extend(rules_of_members());
    all
}

/// Those of Figure 2.
fn rules_of_the_log() -> Vec<Setting<Config>> {
    vec![
        setting!("persist-vote", "Vote on disk before it is given", rules.persist_vote: rule("election-safety")),
        setting!("persist-term", "Term on disk before it is used", rules.persist_term: rule("one-vote")),
        setting!(
            "write-before-answer", "Entries on disk before they are acknowledged",
            rules.write_before_answer: rule("leader-completeness")
        ),
        setting!(
            "up-to-date-vote", "Vote only for up-to-date logs",
            rules.up_to_date_vote: rule("leader-completeness")
        ),
        setting!("real-majority", "More than half decides", rules.real_majority: rule("election-safety")),
        setting!(
            "commit-own-term", "Commit by counting only entries of the own term",
            rules.commit_own_term: rule("leader-completeness")
        ),
        setting!(
            "truncate-on-conflict", "Delete entries only on conflict",
            rules.truncate_on_conflict: rule("committed-kept")
        ),
    ]
}

/// Those of followers, and of clients.
fn rules_of_followers() -> Vec<Setting<Config>> {
    vec![
        setting!(
            "ack-what-matched", "Acknowledge what was sent, not what is there",
            rules.ack_what_matched: rule("leader-completeness")
        ),
        setting!("heed-refusals", "A refusal is no acknowledgement", rules.heed_refusals: rule("leader-completeness")),
        setting!(
            "commit-what-matched", "Commit no further than the log agrees",
            rules.commit_what_matched: rule("state-machine-safety")
        ),
        setting!("keep-newer", "A late snapshot takes nothing back", rules.keep_newer: rule("committed-kept")),
        setting!("sessions", "Remember what clients have asked", rules.sessions: rule("exactly-once")),
    ]
}

/// Those of elections and reads.
fn rules_of_the_cluster() -> Vec<Setting<Config>> {
    vec![
        setting!("random-timeouts", "Election time-outs are random", rules.random_timeouts: rule("progress")),
        setting!("pre-vote", "Ask before standing for election", rules.pre_vote: rule("stable-leader")),
        setting!("pre-vote-apart", "The answer to that is no vote", rules.pre_vote_apart: rule("election-safety")),
        setting!("check-quorum", "A leader without a majority steps down", rules.check_quorum: rule("progress")),
        setting!("confirm-reads", "Make sure to lead before a read", rules.confirm_reads: rule("linearizable")),
        setting!(
            "read-own-term", "No reads before an entry of the own term",
            rules.read_own_term: rule("linearizable")
        ),
        setting!("lease-bound", "A lease ends before anybody else can lead", rules.lease_bound: rule("linearizable")),
    ]
}

/// Those of members.
fn rules_of_members() -> Vec<Setting<Config>> {
    vec![
        setting!(
            "adopt-when-appended", "A configuration counts when it is appended",
            rules.adopt_when_appended: rule("election-safety")
        ),
        setting!(
            "both-majorities", "C-old,new needs a majority of each",
            rules.both_majorities: rule("election-safety")
        ),
        setting!("one-at-a-time", "One server comes or goes at a time", rules.one_at_a_time: rule("election-safety")),
        setting!(
            "change-after-commit", "Members change after an entry of the own term",
            rules.change_after_commit: rule("leader-completeness")
        ),
        setting!(
            "leave-when-committed", "Who is removed stays until it is committed",
            rules.leave_when_committed: rule("progress")
        ),
    ]
}

/// The log of a server, or what its disk holds while it is down.
fn log_of(world: &World<'_, Raft>, id: NodeId) -> Entries {
    world.node(id).map_or_else(
        || world.durable(id).entries.clone(),
        |it| it.entries.clone(),
    )
}

fn log_row(world: &World<'_, Raft>, id: NodeId, first: u64) -> LogRow {
    let committed = world.node(id).map_or(0, |it| it.commit_index);
    let log = log_of(world, id);
    // A snapshot stands where the last of the entries stood that it replaces.
    let first = first.max(log.base());
    let mut cells = Vec::new();
    if first == log.base() && first > 0 {
        cells.push(LogCell {
            text: "snapshot".to_owned(),
            epoch: Some(log.term_at(first)),
            committed: true,
        });
    }
    let behind = first.max(log.base() + 1);
    log.with(behind, |it| {
        cells.extend(it.iter().enumerate().map(|(offset, entry)| LogCell {
            text: short(entry),
            epoch: Some(entry.term),
            committed: behind + offset as u64 <= committed,
        }));
    });
    LogRow {
        node: id,
        first: first.max(1),
        cells,
        down: world.node(id).is_none(),
    }
}

/// Votes, members, and until when leases last.
fn servers(world: &World<'_, Raft>) -> Panel {
    let row = |(id, it): (NodeId, &Raft)| {
        let name = |it: Option<NodeId>| it.map_or(String::new(), |it| it.to_string());
        let latest = it.latest();
        let old = match latest.1.is_joint() {
            true => format!(" from {}", names(latest.1.old)),
            false => String::new(),
        };
        let pending = if latest.0 > it.commit_index {
            " (not committed)"
        } else {
            ""
        };
        let (votes, lease) = match &it.state {
            State::PreCandidate { votes } => (format!("asks: {}", names(*votes)), String::new()),
            State::Candidate { votes } => (names(*votes), String::new()),
            State::Leader(leader) if it.config.reads == Reads::Lease => (
                String::new(),
                format!("until {} by its clock", leader.rounds.lease_until),
            ),
            _ => (String::new(), String::new()),
        };
        vec![
            id.to_string(),
            it.role().name.to_owned(),
            it.current_term.to_string(),
            name(it.voted_for),
            votes,
            name(it.leader),
            format!("{}{old}{pending}", names(latest.1.voters)),
            lease,
        ]
    };
    let columns = [
        "Server",
        "Role",
        "Term",
        "Voted for",
        "Votes",
        "Leader",
        "Members",
        "Lease",
    ];
    Panel::Table {
        title: "Votes and members",
        columns: columns.map(str::to_owned).to_vec(),
        rows: world.running().map(row).collect(),
    }
}

/// An entry in a few letters.
pub(super) fn short(entry: &Entry) -> String {
    match entry.command {
        Command::Noop => "no-op".to_owned(),
        Command::Client(_, KvRequest::Put(key, value)) => format!("{key}={value}"),
        Command::Client(_, request) => request.to_string(),
        Command::Configuration(it) if it.is_joint() => {
            format!("{} to {}", names(it.old), names(it.voters))
        }
        Command::Configuration(it) => names(it.voters),
    }
}

fn entry_json(entry: &Entry) -> Json {
    json!({ "term": entry.term, "command": short(entry) })
}
