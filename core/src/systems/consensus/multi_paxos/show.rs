//! Multi-Paxos on the stage: settings, scenarios, pictures.

use serde_json::{Value as Json, json};

use crate::check::Promise;
use crate::exhibit::{About, Exhibit, Operation, Scenario, World, log_change};
use crate::frame::{Field, LogCell, LogRow, Look, Mark, Panel, Role, Shape};
use crate::parts::kv::KvRequest;
use crate::protocol::NodeId;
use crate::sim::dist::{Chance, Dist};
use crate::sim::rng::Rng;
use crate::sim::settings::{Environment, Setting, setting};
use crate::sim::time::Span;

use super::{Ballot, Command, Config, Entry, Message, MultiPaxos, Proposal, Rules, State, checks};

/// How many slots are worth showing.
const CELLS: u64 = 14;

impl Config {
    /// Time-outs as Raft has them, majorities, Multi-Paxos as it is.
    pub(crate) const DEFAULT: Config = Config {
        election_min: Span::ms(150),
        election_max: Span::ms(300),
        heartbeat: Span::ms(50),
        window: 20,
        batch: 50,
        phase_1_quorum: 0,
        phase_2_quorum: 0,
        rules: Rules::ALL,
    };
}

impl Exhibit for MultiPaxos {
    const ABOUT: About = About {
        id: "multi_paxos",
        title: "Multi-Paxos",
        summary: "Servers agree on a sequence of commands: one leader, one Paxos for each slot, phase 1 once for all.",
        family: "Consensus",
        source: "Lamport, Paxos Made Simple, 2001, §3",
        request: "put x 5",
        requests: KvRequest::FORMS,
    };
    const WIPES: bool = true;

    fn vary(config: &mut Config, rng: &mut Rng) {
        if rng.below(2) == 0 {
            config.batch = 5 + rng.below(5);
        }
        config.window = 3 + rng.below(20);
        config.heartbeat = Span::ms(30 + rng.below(40));
    }

    fn settings() -> Vec<Setting<Config>> {
        let mut settings: Vec<Setting<Config>> = vec![
            setting!("election-min", "Without a leader, at least", election_min: time(Span::ms(1), Span::secs(600))),
            setting!("election-max", "Without a leader, at most", election_max: time(Span::ms(1), Span::secs(600))),
            setting!("heartbeat", "Heartbeat every", heartbeat: time(Span::ms(1), Span::secs(600))),
            setting!("window", "Slots under way, at most (α)", window: whole(1, 1_000)),
            setting!("batch", "Slots in a message, at most", batch: whole(1, 1_000)),
            setting!("phase-1-quorum", "Acceptors that must promise (0: a majority)", phase_1_quorum: whole(0, 99)),
            setting!(
                "phase-2-quorum", "Acceptors that must accept (0: the fewest that meet every phase 1 quorum)",
                phase_2_quorum: whole(0, 99)
            ),
        ];
        settings.extend(rules());
        settings
    }

    fn scenarios() -> Vec<Scenario<MultiPaxos>> {
        let mut all = correct();
        all.extend(weakened());
        all
    }

    fn validate(config: &Config, environment: &Environment) -> Result<(), String> {
        let servers = usize::from(environment.nodes);
        let (one, two) = config.quorums(servers);
        let does_not = |what: String| Err(format!("do not fit together: {what}"));
        if config.election_max < config.election_min {
            let (min, max) = (config.election_min, config.election_max);
            return does_not(format!("election-max {max} is below election-min {min}"));
        }
        if servers < 2 {
            return does_not("Multi-Paxos needs 2 nodes at least".to_owned());
        }
        if one.max(two) > servers {
            let most = one.max(two);
            return does_not(format!("{servers} nodes are fewer than a quorum of {most}"));
        }
        if config.rules.quorums_meet && (one + two <= servers || two < 2) {
            return does_not(format!(
                "quorums of {one} and {two} need not meet among {servers} nodes, or the second is one node alone \
                 (quorums-meet=off allows that)"
            ));
        }
        Ok(())
    }

    fn role(&self) -> Role {
        let (name, letter, shape, epoch) = match self.state {
            State::Leader { .. } => ("leader", 'L', Shape::Hexagon, self.tried),
            State::Candidate { .. } => ("candidate", 'C', Shape::Diamond, self.tried),
            State::Acceptor if self.is_acceptor() => {
                ("acceptor", 'A', Shape::Circle, self.promised)
            }
            State::Acceptor => ("learner", 'S', Shape::Square, 0),
        };
        Role {
            name,
            letter,
            shape,
            crown: matches!(self.state, State::Leader { .. }),
            epoch: (epoch > 0).then_some(epoch),
        }
    }

    fn view(&self) -> Vec<Field> {
        let number = |it: Ballot| {
            if it == 0 { Json::Null } else { json!(it) }
        };
        let accepted: Vec<String> = self.accepted.iter().map(in_words).collect();
        let mut fields = vec![
            Field::durable("promised", number(self.promised)),
            Field::durable("tried", number(self.tried)),
            Field::durable("accepted", accepted),
            Field::volatile("leader", self.leader.map_or(Json::Null, |it| json!(it))),
            Field::volatile("chosenUpTo", self.chosen.len()),
        ];
        match &self.state {
            State::Acceptor => {}
            State::Candidate { promises, reported } => {
                let reported: Vec<String> = reported.iter().map(in_words).collect();
                fields.push(Field::volatile("promises", json!(promises)));
                fields.push(Field::volatile("reported", reported));
            }
            State::Leader { proposed, .. } => {
                let under_way = proposed.iter().map(|it| match it {
                    Some(it) => json!(it.accepted),
                    None => json!("gap"),
                });
                fields.push(Field::volatile(
                    "acceptedBy",
                    under_way.collect::<Vec<Json>>(),
                ));
            }
        }
        if self.lost {
            fields.push(Field::durable("diskLost", true));
        }
        fields.push(Field::volatile("stateMachine", self.store.describe()));
        fields
    }

    fn archive(&self, before: Option<&MultiPaxos>) -> Vec<Field> {
        let show = |it: &Entry| json!({ "ballot": it.ballot, "command": short(&it.command) });
        log_change("chosen", before.map(|it| &it.chosen), &self.chosen, show)
            .into_iter()
            .collect()
    }

    fn look(message: &Message) -> Look {
        let (mark, epoch) = match message {
            Message::Prepare { ballot, .. } | Message::Heartbeat { ballot, .. } => {
                (Mark::Request, *ballot)
            }
            Message::Accept { proposal, .. } => (Mark::Request, proposal.ballot),
            Message::Promise { ballot, .. } | Message::Accepted { ballot, .. } => {
                (Mark::Accept, *ballot)
            }
            Message::Refuse { promised, .. } => (Mark::Refuse, *promised),
            Message::CatchUp { .. } => (Mark::Request, 0),
            Message::Chosen { .. } => (Mark::Reply, 0),
        };
        Look {
            mark,
            epoch: (epoch > 0).then_some(epoch),
        }
    }

    fn panels(world: &World<'_, MultiPaxos>) -> Vec<Panel> {
        let ends = world.ids().map(|it| end_of(world, it));
        let first = ends.max().unwrap_or(0).saturating_sub(CELLS) + 1;
        vec![Panel::Log {
            title: "Slots",
            legend: "Solid: known to be chosen. Dashed: accepted. Empty: nothing. Colour: the ballot.",
            rows: world.ids().map(|it| row(world, it, first)).collect(),
        }]
    }

    fn checks() -> Vec<Promise<MultiPaxos>> {
        checks::all()
    }

    fn draw_request(rng: &mut Rng, environment: &Environment, unique: u32) -> Option<KvRequest> {
        Some(KvRequest::draw(rng, environment, unique))
    }

    fn operation(request: &KvRequest) -> Option<Operation> {
        Some(request.operation())
    }
}

/// A command in a few letters.
pub(super) fn short(command: &Command) -> String {
    match command {
        Command::Noop => "no-op".to_owned(),
        Command::Client(_, KvRequest::Put(key, value)) => format!("{key}={value}"),
        Command::Client(_, request) => request.to_string(),
    }
}

fn in_words(proposal: &Proposal) -> String {
    let command = short(&proposal.command);
    format!("{}: {command} with {}", proposal.slot, proposal.ballot)
}

/// What a server, or its disk while it is down, knows to be chosen and has accepted.
fn slots<'a>(world: &World<'a, MultiPaxos>, id: NodeId) -> (&'a super::Log<Entry>, &'a [Proposal]) {
    match world.node(id) {
        Some(it) => (&it.chosen, &it.accepted),
        None => {
            let disk = world.durable(id);
            (&disk.chosen, &disk.accepted)
        }
    }
}

/// The last slot of which a server knows anything.
fn end_of(world: &World<'_, MultiPaxos>, id: NodeId) -> u64 {
    let (chosen, accepted) = slots(world, id);
    let last = accepted.last().map_or(0, |it| it.slot);
    last.max(chosen.len().into())
}

fn row(world: &World<'_, MultiPaxos>, id: NodeId, first: u64) -> LogRow {
    let (chosen, accepted) = slots(world, id);
    let cell = |slot: u64| {
        let entry = chosen.get((slot - 1) as u32);
        let proposal = accepted.iter().find(|it| it.slot == slot);
        let accepted = proposal.map(|it| (it.ballot, it.command));
        let known = entry.map(|it| (it.ballot, it.command)).or(accepted);
        LogCell {
            text: known.map_or_else(String::new, |it| short(&it.1)),
            epoch: known.map(|it| it.0),
            committed: entry.is_some(),
        }
    };
    LogRow {
        node: id,
        first,
        cells: (first..=end_of(world, id)).map(cell).collect(),
        down: world.node(id).is_none(),
    }
}

fn rules() -> [Setting<Config>; 10] {
    [
        setting!("persist-promise", "Promise on disk before it is given", rules.persist_promise: rule("agreement")),
        setting!(
            "accept-is-promise", "Whoever accepts in a ballot promises to accept in no lower one",
            rules.accept_is_promise: rule("agreement")
        ),
        setting!("adopt-reported", "A new leader proposes what was reported", rules.adopt_reported: rule("agreement")),
        setting!(
            "adopt-highest", "Of several, what was reported with the highest ballot",
            rules.adopt_highest: rule("agreement")
        ),
        setting!("own-ballots", "No two servers share a ballot", rules.own_ballots: rule("agreement")),
        setting!(
            "quorums-meet", "Every phase 1 quorum meets every phase 2 quorum",
            rules.quorums_meet: rule("agreement")
        ),
        setting!(
            "lost-disk-abstains", "Whoever lost its disk accepts nothing any more",
            rules.lost_disk_abstains: rule("agreement")
        ),
        setting!("fill-gaps", "A new leader fills gaps with no-ops", rules.fill_gaps: rule("progress")),
        setting!("back-off", "Whoever is overtaken waits a random time", rules.back_off: rule("progress")),
        setting!("sessions", "Remember what clients have asked", rules.sessions: rule("exactly-once")),
    ]
}

/// Two clients on an ordinary network.
fn calm() -> Scenario<MultiPaxos> {
    Scenario {
        id: "calm",
        title: "All is well",
        summary: "A leader carries out phase 1 once; after that each request takes one round of phase 2. Watch the \
                  slots fill: accepted, then chosen.",
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

/// Scenarios in which Multi-Paxos must hold.
fn correct() -> Vec<Scenario<MultiPaxos>> {
    let calm = calm();
    let leader_crash = Scenario {
        id: "leader-crash",
        title: "The leader crashes",
        summary: "At 1 s the leader crashes. Another carries out phase 1, finds out what may have been chosen, and \
                  goes on. The old leader comes back and catches up.",
        script: "1s crash leader\n3s restart down",
        length: Span::secs(6),
        ..calm.clone()
    };
    let minority = Scenario {
        id: "minority-leader",
        title: "A leader cut off from its majority",
        summary: "At 1 s the leader is left with one acceptor. It still believes that it leads, but nothing of its \
                  is chosen any more; the majority has another. When the cut heals, it is refused.",
        script: "1s partition leader acceptor\n3s heal",
        length: Span::secs(6),
        ..calm.clone()
    };
    let gap = Scenario {
        id: "gap",
        title: "A gap is filled",
        summary: "The leader proposes x=1 for slot 1, which reaches nobody, and y=2 for slot 2, which reaches n2; then \
                  it crashes. n2 cannot execute y=2 before slot 1 has a command, so it proposes a no-op there.",
        weakened: None,
        config: Config {
            rules: Rules::ALL,
            ..gap_left().config
        },
        ..gap_left()
    };
    let flexible = Scenario {
        id: "flexible-quorums",
        title: "Two are enough to accept",
        summary: "Of five servers four must promise, so two are enough to accept: with three servers down the leader \
                  goes on. But when it crashes as well, nobody can lead until four are back.",
        config: Config {
            phase_1_quorum: 4,
            ..Config::DEFAULT
        },
        script: "1s crash acceptor\n1s crash acceptor\n1s crash acceptor\n3s crash leader\n4s restart all",
        length: Span::secs(8),
        ..calm.clone()
    };
    vec![
        calm,
        leader_crash,
        minority,
        gap,
        flexible,
        lossy(),
        swarm(),
    ]
}

/// A network that loses, doubles and delays, with a crash and a pause on top.
fn lossy() -> Scenario<MultiPaxos> {
    Scenario {
        id: "lossy",
        title: "A bad network",
        summary: "Until 7 s one message in ten is lost, one in ten arrives twice, and delays vary tenfold. What is not \
                  answered is sent again with the next heartbeat.",
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
fn swarm() -> Scenario<MultiPaxos> {
    Scenario {
        id: "swarm",
        title: "Faults drawn from the seed",
        summary: "Crashes, pauses, cuts, emptied disks, wrong clocks, loss and copies: each seed has its own. After \
                  two thirds a majority heals for good, and clients must get answers again.",
        environment: Environment {
            nodes: 3,
            clients: 3,
            ..Environment::DEFAULT
        },
        swarm: true,
        length: Span::secs(9),
        ..calm()
    }
}

/// A cluster that does only what the script says: constant delays, no time-outs of its own, no clients.
fn puppets(nodes: u16, switch: fn(&mut Rules)) -> Scenario<MultiPaxos> {
    let mut rules = Rules::ALL;
    switch(&mut rules);
    Scenario {
        weakened: Some("agreement"),
        environment: Environment {
            nodes,
            clients: 0,
            latency: Dist::Constant(Span::ms(10)),
            patience: Span::secs(1),
            ..Environment::DEFAULT
        },
        config: Config {
            election_min: Span::secs(20),
            election_max: Span::secs(40),
            heartbeat: Span::ms(500),
            rules,
            ..Config::DEFAULT
        },
        length: Span::secs(2),
        pace: Span::ms(20),
        ..calm()
    }
}

/// Scenarios that switch a rule off, and the check that must fall.
fn weakened() -> Vec<Scenario<MultiPaxos>> {
    vec![
        forgotten_promise(),
        late_accept(),
        reports_ignored(),
        last_reported(),
        same_ballot(),
        quorums_apart(),
        empty_disk(),
        gap_left(),
        endless_duel(),
        sent_twice(),
    ]
}

fn forgotten_promise() -> Scenario<MultiPaxos> {
    Scenario {
        id: "forgotten-promise",
        title: "Broken: a promise is forgotten",
        summary: "n2 promises n3 to accept in no ballot below 5, crashes, comes back without knowing, and accepts x=1 \
                  for slot 1 from n1, the leader of ballot 3. Then n3 has x=2 chosen there.",
        script: "5ms cut n1-n3\n5ms hold Accept n1>n2\n5ms lose Heartbeat\n\
                 10ms fire n1 election\n40ms request n1 put x 1\n\
                 70ms fire n3 election\n\
                 86ms crash n2\n87ms restart n2\n\
                 88ms pass Accept\n\
                 100ms request n3 put x 2",
        ..puppets(3, |it| it.persist_promise = false)
    }
}

fn late_accept() -> Scenario<MultiPaxos> {
    Scenario {
        id: "late-accept",
        title: "Broken: accepting is not promising",
        summary: "n5 accepts x=2 from n2 without ever having been asked for a promise, so x=2 is chosen. Then x=1 \
                  arrives from n1 with its lower ballot, and n5 accepts that as well: the next leader finds x=1.",
        script: "5ms lose Heartbeat\n5ms lose Prepare n1>n4\n5ms lose Prepare n1>n5\n\
                 5ms lose Accept n1>n2\n5ms lose Accept n1>n3\n5ms lose Accept n1>n4\n5ms hold Accept n1>n5\n\
                 5ms lose Prepare n2>n1\n5ms lose Prepare n2>n5\n5ms lose Accept n2>n1\n5ms lose Accept n2>n4\n\
                 10ms fire n1 election\n40ms request n1 put x 1\n\
                 70ms fire n2 election\n100ms request n2 put x 2\n\
                 200ms pass Accept n1>n5\n\
                 250ms partition n2 n3\n250ms pass Accept\n260ms fire n5 election",
        ..puppets(5, |it| it.accept_is_promise = false)
    }
}

fn reports_ignored() -> Scenario<MultiPaxos> {
    Scenario {
        id: "reports-ignored",
        title: "Broken: a new leader ignores what was reported",
        summary: "n1 and n2 have chosen x=1 for slot 1, and n1 has answered its client. n1 crashes; n2 becomes the \
                  leader and gives slot 1 to x=2.",
        script: "5ms lose Heartbeat\n5ms partition n3\n\
                 10ms fire n1 election\n60ms request n1 put x 1\n\
                 150ms crash n1\n150ms heal\n\
                 160ms fire n2 election\n220ms request n2 put x 2",
        ..puppets(3, |it| it.adopt_reported = false)
    }
}

fn last_reported() -> Scenario<MultiPaxos> {
    Scenario {
        id: "last-reported",
        title: "Broken: what was reported last",
        summary: "n1 alone has accepted x=1 for slot 1, with ballot 3; then n2 and n3 have chosen x=2, with a higher \
                  one. n3 becomes the leader; n1 answers last, and n3 proposes x=1.",
        script: "5ms lose Heartbeat\n5ms cut n1-n3\n5ms lose Accept n1>n2\n\
                 10ms fire n1 election\n60ms request n1 put x 1\n\
                 150ms mend n1-n3\n150ms partition n1\n\
                 160ms fire n2 election\n220ms request n2 put x 2\n\
                 300ms unite\n300ms cut n2-n3\n300ms fire n3 election",
        ..puppets(3, |it| it.adopt_highest = false)
    }
}

fn same_ballot() -> Scenario<MultiPaxos> {
    Scenario {
        id: "same-ballot",
        title: "Broken: two leaders with one ballot",
        summary: "n1 and n3 both use ballot 3. n2 cannot tell them apart and promises both; both lead, and both have \
                  their command chosen for slot 1.",
        script: "5ms lose Heartbeat\n5ms cut n1-n3\n\
                 10ms fire n1 election\n10ms fire n3 election\n\
                 60ms request n1 put x 1\n60ms request n3 put x 2",
        ..puppets(3, |it| it.own_ballots = false)
    }
}

fn quorums_apart() -> Scenario<MultiPaxos> {
    let puppets = puppets(4, |it| it.quorums_meet = false);
    Scenario {
        id: "quorums-apart",
        title: "Broken: quorums that do not meet",
        summary: "Of four servers two are taken for enough, in both phases. Cut into halves, each half has a leader \
                  and a command of its own for slot 1.",
        config: Config {
            phase_1_quorum: 2,
            ..puppets.config.clone()
        },
        script: "5ms partition n1 n2 | n3 n4\n10ms fire n1 election\n10ms fire n4 election\n\
                 60ms request n1 put x 1\n60ms request n4 put x 2",
        ..puppets
    }
}

fn empty_disk() -> Scenario<MultiPaxos> {
    Scenario {
        id: "empty-disk",
        title: "Broken: an acceptor loses its disk and goes on",
        summary: "n1 and n2 choose x=1 for slot 1. n2's disk is replaced by an empty one; it takes part as before, and \
                  with n3, which was cut off, it chooses x=2 there.",
        script: "5ms partition n3\n10ms fire n1 election\n60ms request n1 put x 1\n\
                 150ms crash n1\n150ms wipe n2\n160ms restart n2\n160ms heal\n\
                 170ms fire n3 election\n220ms request n3 put x 2",
        ..puppets(3, |it| it.lost_disk_abstains = false)
    }
}

/// Slot 1 reaches nobody, slot 2 one acceptor; then the leader is gone.
fn gap_left() -> Scenario<MultiPaxos> {
    Scenario {
        id: "gap-left",
        title: "Broken: a gap is left",
        summary: "The leader proposes x=1 for slot 1, which reaches nobody, and y=2 for slot 2, which reaches n2; then \
                  it crashes. n2 leads, but never gives slot 1 a command: nothing is ever executed again.",
        weakened: Some("progress"),
        script: "10ms fire n1 election\n\
                 60ms lose Accept\n60ms request n1 put x 1\n\
                 75ms pass Accept\n75ms lose Accept n1>n3\n75ms request n1 put y 2\n\
                 100ms crash n1\n100ms pass Accept\n110ms fire n2 election\n\
                 200ms request n2 put z 3",
        ..puppets(3, |it| it.fill_gaps = false)
    }
}

fn endless_duel() -> Scenario<MultiPaxos> {
    let puppets = puppets(3, |it| it.back_off = false);
    Scenario {
        id: "endless-duel",
        title: "Broken: two leaders overtake each other for ever",
        summary: "Whoever is overtaken tries again at once with a higher ballot, and overtakes the other before \
                  anything is chosen.",
        weakened: Some("progress"),
        script: "10ms fire n1 election\n15ms fire n3 election",
        ..puppets
    }
}

fn sent_twice() -> Scenario<MultiPaxos> {
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
