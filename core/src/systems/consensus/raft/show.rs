//! Raft on the stage: settings, scenarios, pictures.

use serde_json::{Value as Json, json};

use crate::check::Promise;
use crate::exhibit::{About, Exhibit, Glance, Operation, Scenario, World, log_change};
use crate::frame::{Field, LogCell, LogRow, Look, Mark, Panel, Role, Shape};
use crate::parts::kv::KvRequest;
use crate::parts::log::Log;
use crate::protocol::NodeId;
use crate::sim::dist::{Chance, Dist};
use crate::sim::rng::Rng;
use crate::sim::settings::{Environment, Kind, Setting, Value};
use crate::sim::time::Span;

use super::{Command, Config, Entry, Message, Raft, Rules, State, checks};

/// How many cells of a log are worth showing.
const LOG_CELLS: u64 = 14;

impl Config {
    /// The paper's time-outs (§9.3), Raft as it is.
    const DEFAULT: Config = Config {
        election_min: Span::ms(150),
        election_max: Span::ms(300),
        heartbeat: Span::ms(50),
        batch: 50,
        rules: Rules::ALL,
    };
}

/// A rule that can be switched off.
macro_rules! rule {
    ($id:literal, $title:literal, $field:ident, $check:literal) => {
        Setting {
            id: $id,
            title: $title,
            kind: Kind::Switch,
            rule: Some($check),
            get: |it: &Config| Value::Switch(it.rules.$field),
            set: |it: &mut Config, value| it.rules.$field = value.switch(),
        }
    };
}

impl Exhibit for Raft {
    const ABOUT: About = About {
        id: "raft",
        title: "Raft",
        summary: "Servers agree on one log by electing a leader: it survives the crash of any minority.",
        family: "Consensus",
        source: "Ongaro and Ousterhout, USENIX ATC 2014",
        request: "put x 5",
        requests: KvRequest::FORMS,
    };

    fn settings() -> Vec<Setting<Config>> {
        let time = Kind::Time {
            min: Span::ms(1),
            max: Span::secs(600),
        };
        let mut settings = vec![
            Setting {
                id: "election-min",
                title: "Election time-out, at least",
                kind: time,
                rule: None,
                get: |it: &Config| Value::Time(it.election_min),
                set: |it: &mut Config, value| it.election_min = value.time(),
            },
            Setting {
                id: "election-max",
                title: "Election time-out, at most",
                kind: time,
                rule: None,
                get: |it| Value::Time(it.election_max),
                set: |it, value| it.election_max = value.time(),
            },
            Setting {
                id: "heartbeat",
                title: "Heartbeat every",
                kind: time,
                rule: None,
                get: |it| Value::Time(it.heartbeat),
                set: |it, value| it.heartbeat = value.time(),
            },
            Setting {
                id: "batch",
                title: "Entries in a message, at most",
                kind: Kind::Whole { min: 1, max: 1_000 },
                rule: None,
                get: |it| Value::Whole(it.batch),
                set: |it, value| it.batch = value.whole(),
            },
        ];
        settings.extend(rules());
        settings
    }

    fn scenarios() -> Vec<Scenario<Raft>> {
        let mut all = correct();
        all.extend(weakened());
        all
    }

    fn vary(config: &mut Config, rng: &mut Rng) {
        if rng.below(2) == 0 {
            config.batch = 5 + rng.below(5);
        }
        config.heartbeat = Span::ms(30 + rng.below(40));
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
            State::Follower => ("follower", 'F', Shape::Circle, false),
            State::Candidate { .. } => ("candidate", 'C', Shape::Diamond, false),
            State::Leader { .. } => ("leader", 'L', Shape::Hexagon, true),
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
        match &self.state {
            State::Follower => {}
            State::Candidate { votes } => {
                fields.push(Field::volatile("votesReceived", json!(votes)))
            }
            State::Leader {
                next_index,
                match_index,
                ..
            } => {
                fields.push(Field::volatile("nextIndex", json!(next_index)));
                fields.push(Field::volatile("matchIndex", json!(match_index)));
            }
        }
        fields.push(Field::volatile("stateMachine", self.store.describe()));
        fields
    }

    fn archive(&self, before: Option<&Raft>) -> Vec<Field> {
        log_change("log", before.map(|it| &it.log), &self.log, entry_json)
            .into_iter()
            .collect()
    }

    fn look(message: &Message) -> Look {
        let mark = match message {
            Message::RequestVote { .. } | Message::AppendEntries { .. } => Mark::Request,
            Message::RequestVoteResponse {
                vote_granted: true, ..
            }
            | Message::AppendEntriesResponse { success: true, .. } => Mark::Accept,
            _ => Mark::Refuse,
        };
        Look {
            mark,
            epoch: Some(message.term()),
        }
    }

    fn panels(world: &World<'_, Raft>) -> Vec<Panel> {
        let longest = world
            .ids()
            .map(|it| log_of(world, it).len())
            .max()
            .unwrap_or(0);
        let first = u64::from(longest).saturating_sub(LOG_CELLS) + 1;
        let rows = world.ids().map(|it| log_row(world, it, first)).collect();
        vec![Panel::Log {
            title: "Logs",
            legend: "Solid: committed. Dashed: not yet.",
            rows,
        }]
    }

    fn checks() -> Vec<Promise<Raft>> {
        checks::all()
    }

    fn glance(&self) -> Option<Glance> {
        let role = match self.state {
            State::Follower => 0,
            State::Candidate { .. } => 1,
            State::Leader { .. } => 2,
        };
        let vote = self.voted_for.map_or(0, |it| u64::from(it.0) + 1);
        let grown = u64::from(self.log.changes()) << 32 | u64::from(self.executed.changes());
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

    fn draw_request(rng: &mut Rng, environment: &Environment, unique: u32) -> Option<KvRequest> {
        Some(KvRequest::draw(rng, environment, unique))
    }

    fn operation(request: &KvRequest) -> Option<Operation> {
        Some(request.operation())
    }
}

fn rules() -> Vec<Setting<Config>> {
    vec![
        rule!(
            "persist-vote",
            "Vote on disk before it is given",
            persist_vote,
            "election-safety"
        ),
        rule!(
            "up-to-date-vote",
            "Vote only for up-to-date logs",
            up_to_date_vote,
            "leader-completeness"
        ),
        rule!(
            "commit-own-term",
            "Commit by counting only entries of the own term",
            commit_own_term,
            "leader-completeness"
        ),
        rule!(
            "real-majority",
            "More than half decides",
            real_majority,
            "election-safety"
        ),
        rule!(
            "truncate-on-conflict",
            "Delete entries only on conflict",
            truncate_on_conflict,
            "committed-kept"
        ),
        rule!(
            "sessions",
            "Remember what clients have asked",
            sessions,
            "exactly-once"
        ),
    ]
}

/// The log of a server, or what its disk holds while it is down.
fn log_of(world: &World<'_, Raft>, id: NodeId) -> Log<Entry> {
    world
        .node(id)
        .map_or_else(|| world.durable(id).log.clone(), |it| it.log.clone())
}

fn log_row(world: &World<'_, Raft>, id: NodeId, first: u64) -> LogRow {
    let committed = world.node(id).map_or(0, |it| it.commit_index);
    let cell = |(offset, entry): (usize, &Entry)| LogCell {
        text: short(entry),
        epoch: Some(entry.term),
        committed: first + offset as u64 <= committed,
    };
    let cells = log_of(world, id).with(first as u32 - 1, u32::MAX, |it| {
        it.iter().enumerate().map(cell).collect()
    });
    LogRow {
        node: id,
        first,
        cells,
        down: world.node(id).is_none(),
    }
}

/// An entry in a few letters.
pub(super) fn short(entry: &Entry) -> String {
    match entry.command {
        Command::Noop => "no-op".to_owned(),
        Command::Client(_, KvRequest::Put(key, value)) => format!("{key}={value}"),
        Command::Client(_, request) => request.to_string(),
    }
}

fn entry_json(entry: &Entry) -> Json {
    json!({ "term": entry.term, "command": short(entry) })
}

/// Two clients on an ordinary network.
fn calm() -> Scenario<Raft> {
    Scenario {
        id: "calm",
        title: "All is well",
        summary: "A leader is elected and two clients read and write. Watch a request become an entry, and the \
                  entry become committed once a majority has it.",
        weakened: None,
        environment: Environment {
            clients: 2,
            ..Environment::DEFAULT
        },
        config: Config::DEFAULT,
        script: "",
        swarm: false,
        length: Span::secs(10),
        pace: Span::ms(30),
    }
}

/// Scenarios in which Raft must hold.
fn correct() -> Vec<Scenario<Raft>> {
    let calm = calm();
    let leader_crash = Scenario {
        id: "leader-crash",
        title: "The leader crashes",
        summary: "At 1 s the leader crashes. The others notice its silence and elect another; the old one \
                  comes back as a follower.",
        script: "1s crash leader\n2s restart down",
        length: Span::secs(5),
        ..calm.clone()
    };
    let minority = Scenario {
        id: "minority-leader",
        title: "A leader cut off from its majority",
        summary: "At 1 s the leader is left with one follower. It still believes that it leads, but can commit \
                  nothing; the majority elects another. When the cut heals, the old leader's entries go.",
        script: "1s partition leader follower\n3s heal",
        length: Span::secs(5),
        ..calm.clone()
    };
    let split = Scenario {
        id: "split-vote",
        title: "A split vote",
        summary: "Of four servers two stand for election at once and get two votes each: nobody wins, and the \
                  term passes without a leader. Random time-outs make the next try succeed.",
        environment: Environment {
            nodes: 4,
            clients: 1,
            ..Environment::DEFAULT
        },
        script: "90ms cut n1>n4\n90ms cut n2>n3\n100ms fire n1 election\n100ms fire n2 election\n\
                 140ms mend n1>n4\n140ms mend n2>n3",
        length: Span::secs(3),
        ..calm.clone()
    };
    let figure_8 = Scenario {
        id: "figure-8",
        title: "Figure 8, with the rule",
        summary: "The course of events of the paper's Figure 8. The leader of term 3 has an entry of term 1 on \
                  a majority, and rightly does not call it committed: the next leader overwrites it.",
        weakened: None,
        ..figure_8()
    };
    let figure_8 = Scenario {
        config: Config {
            rules: Rules::ALL,
            ..figure_8.config.clone()
        },
        ..figure_8
    };
    vec![
        calm,
        leader_crash,
        minority,
        split,
        figure_8,
        lossy(),
        swarm(),
    ]
}

/// A network that loses, doubles and delays, with a crash and a pause on top.
fn lossy() -> Scenario<Raft> {
    Scenario {
        id: "lossy",
        title: "A bad network",
        summary: "Until 7 s one message in ten is lost, one in ten arrives twice, and delays vary tenfold. It \
                  is slow, but it holds.",
        environment: Environment {
            clients: 2,
            loss: Chance::percent(10),
            duplicate: Chance::percent(10),
            latency: Dist::Exponential(Span::ms(5), Span::ms(15)),
            ..Environment::DEFAULT
        },
        script: "2s crash leader\n3s restart down\n4s pause leader\n6s resume all\n\
                 7s set loss 0%\n7s set duplicate 0%",
        ..calm()
    }
}

/// Whatever the seed draws.
fn swarm() -> Scenario<Raft> {
    Scenario {
        id: "swarm",
        title: "Faults drawn from the seed",
        summary: "Crashes, pauses, cuts, bad disks, wrong clocks, loss and copies: each seed has its own. After two \
                  thirds a majority heals for good, and clients must get answers again.",
        environment: Environment {
            clients: 3,
            ..Environment::DEFAULT
        },
        swarm: true,
        length: Span::secs(9),
        ..calm()
    }
}

/// A cluster that does only what the script says: constant delays, no time-outs of its own, no clients.
fn puppets(nodes: u16) -> Scenario<Raft> {
    let calm = calm();
    Scenario {
        environment: Environment {
            nodes,
            clients: 0,
            latency: Dist::Constant(Span::ms(10)),
            ..Environment::DEFAULT
        },
        config: Config {
            election_min: Span::secs(20),
            election_max: Span::secs(40),
            ..Config::DEFAULT
        },
        length: Span::secs(2),
        pace: Span::ms(20),
        ..calm
    }
}

/// Figure 8 of the paper, servers and order of events as there. One entry a message, so that the crash can come between
/// the old entry and the new one.
fn figure_8() -> Scenario<Raft> {
    let puppets = puppets(5);
    Scenario {
        id: "figure-8-broken",
        title: "Broken: Figure 8, without the rule",
        summary: "The leader of term 3 finds an entry of term 1 on a majority and calls it committed. It \
                  crashes; the next leader has never seen the entry and overwrites it.",
        weakened: Some("leader-completeness"),
        config: Config {
            batch: 1,
            rules: Rules {
                commit_own_term: false,
                ..Rules::ALL
            },
            ..puppets.config.clone()
        },
        script: "10ms fire n1 election\n\
                 200ms partition n1 n2\n\
                 210ms request n1 put x 2\n\
                 250ms crash n1\n\
                 255ms partition n3 n4 n5\n\
                 260ms fire n5 election\n\
                 275ms cut n5>n3\n275ms cut n5>n4\n\
                 300ms crash n5\n\
                 305ms heal\n\
                 310ms restart n1\n\
                 320ms fire n1 election\n\
                 350ms fire n1 election\n\
                 380ms cut n1>n4\n\
                 410ms cut n1>n3\n\
                 420ms crash n1\n\
                 440ms heal\n440ms restart n5\n\
                 450ms fire n5 election\n\
                 480ms fire n5 election\n\
                 700ms restart n1",
        ..puppets
    }
}

/// Scenarios that switch a rule off, and the check that must fall.
fn weakened() -> Vec<Scenario<Raft>> {
    vec![
        forgotten_vote(),
        stale_leader(),
        figure_8(),
        half_is_enough(),
        late_message(),
        sent_twice(),
    ]
}

fn forgotten_vote() -> Scenario<Raft> {
    let puppets = puppets(3);
    Scenario {
        id: "forgotten-vote",
        title: "Broken: a vote is forgotten",
        summary: "n2 votes for n1, crashes, comes back without knowing, and votes for n3 in the same term: two \
                  leaders.",
        weakened: Some("election-safety"),
        config: Config {
            rules: Rules {
                persist_vote: false,
                ..Rules::ALL
            },
            ..puppets.config.clone()
        },
        script: "5ms partition n3\n\
                 10ms fire n1 election\n\
                 40ms crash n2\n\
                 45ms restart n2\n\
                 50ms partition n1\n\
                 55ms fire n3 election\n\
                 300ms heal",
        ..puppets
    }
}

fn stale_leader() -> Scenario<Raft> {
    let puppets = puppets(3);
    Scenario {
        id: "stale-leader",
        title: "Broken: a vote for a log that lags",
        summary: "n3 was cut off while x was written. n2 votes for it all the same, and the written entry is \
                  lost.",
        weakened: Some("leader-completeness"),
        config: Config {
            rules: Rules {
                up_to_date_vote: false,
                ..Rules::ALL
            },
            ..puppets.config.clone()
        },
        script: "10ms fire n1 election\n\
                 100ms partition n3\n\
                 110ms request n1 put x 1\n\
                 250ms crash n1\n\
                 255ms heal\n\
                 260ms fire n3 election\n\
                 600ms restart n1",
        ..puppets
    }
}

fn half_is_enough() -> Scenario<Raft> {
    let puppets = puppets(4);
    Scenario {
        id: "half-is-enough",
        title: "Broken: half is taken for a majority",
        summary: "Four servers are cut into two and two. Each half elects a leader of the same term.",
        weakened: Some("election-safety"),
        config: Config {
            rules: Rules {
                real_majority: false,
                ..Rules::ALL
            },
            ..puppets.config.clone()
        },
        script: "5ms partition n1 n2\n10ms fire n1 election\n15ms fire n3 election\n300ms heal",
        ..puppets
    }
}

fn late_message() -> Scenario<Raft> {
    let puppets = puppets(3);
    Scenario {
        id: "late-message",
        title: "Broken: a late message deletes entries",
        summary: "A heartbeat is overtaken by a new entry. When it arrives, n2 deletes all that the heartbeat \
                  does not mention, though it was committed.",
        weakened: Some("committed-kept"),
        config: Config {
            rules: Rules {
                truncate_on_conflict: false,
                ..Rules::ALL
            },
            ..puppets.config.clone()
        },
        script: "10ms fire n1 election\n\
                 130ms set latency 100ms\n\
                 135ms set latency 10ms\n\
                 140ms request n1 put x 1",
        ..puppets
    }
}

fn sent_twice() -> Scenario<Raft> {
    let calm = calm();
    Scenario {
        id: "sent-twice",
        title: "Broken: a request sent twice is executed twice",
        summary: "Clients are impatient and ask again before the answer can be there. Without sessions the \
                  servers execute both.",
        weakened: Some("exactly-once"),
        environment: Environment {
            clients: 3,
            retry: Span::ms(25),
            ..calm.environment.clone()
        },
        config: Config {
            rules: Rules {
                sessions: false,
                ..Rules::ALL
            },
            ..Config::DEFAULT
        },
        length: Span::secs(6),
        ..calm
    }
}
