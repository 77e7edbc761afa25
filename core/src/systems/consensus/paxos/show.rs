//! Paxos on the stage: settings, scenarios, pictures.

use serde_json::{Value as Json, json};

use crate::check::Promise;
use crate::exhibit::{About, Exhibit, Scenario, World};
use crate::frame::{Field, Look, Mark, Panel, Role, Shape};
use crate::protocol::NodeId;
use crate::sim::dist::{Chance, Dist};
use crate::sim::rng::Rng;
use crate::sim::settings::{Environment, Kind, Setting, Value as Set, setting};
use crate::sim::time::Span;

use super::{Config, Message, Paxos, Phase, Proposal, ProposeRequest, Rules, Tell, Value, checks};

impl Config {
    /// Every node in every role, majorities, Paxos as it is.
    pub(crate) const DEFAULT: Config = Config {
        proposers: 0,
        acceptors: 0,
        phase_1_quorum: 0,
        phase_2_quorum: 0,
        tell: Tell::Proposer,
        retry: Span::ms(100),
        inquire: Span::ms(500),
        rules: Rules::ALL,
    };
}

/// The words for how learners learn.
const TELL: [(&str, Tell); 3] = [
    ("proposer", Tell::Proposer),
    ("everybody", Tell::Everybody),
    ("proposer-alone", Tell::ProposerAlone),
];

impl Exhibit for Paxos {
    const ABOUT: About = About {
        id: "paxos",
        title: "Paxos",
        summary: "Processes choose one value and never two: a majority promises, then accepts.",
        family: "Consensus",
        source: "Lamport, Paxos Made Simple, 2001",
        request: "propose blue",
        requests: &["propose VALUE"],
    };
    const WIPES: bool = true;

    fn vary(config: &mut Config, rng: &mut Rng) {
        config.tell = TELL[rng.below(TELL.len() as u64) as usize].1;
        config.retry = Span::ms(60 + rng.below(50));
        config.inquire = Span::ms(40 + rng.below(200));
    }

    fn settings() -> Vec<Setting<Config>> {
        let mut settings: Vec<Setting<Config>> = vec![
            setting!("proposers", "Proposers (the last nodes; 0: all)", proposers: whole(0, 99)),
            setting!("acceptors", "Acceptors (the first nodes; 0: all)", acceptors: whole(0, 99)),
            setting!("phase-1-quorum", "Acceptors that must promise (0: a majority)", phase_1_quorum: whole(0, 99)),
            setting!(
                "phase-2-quorum", "Acceptors that must accept (0: the fewest that meet every phase 1 quorum)",
                phase_2_quorum: whole(0, 99)
            ),
            Setting {
                id: "accepted-goes-to",
                title: "Acceptors tell",
                kind: Kind::Choice(&["proposer", "everybody", "proposer-alone"]),
                rule: None,
                get: |it| {
                    let word = TELL.iter().find(|(_, tell)| *tell == it.tell);
                    Set::Choice(word.expect("every one has a word").0)
                },
                set: |it, value| {
                    let tell = TELL.iter().find(|(word, _)| *word == value.choice());
                    it.tell = tell.expect("only these words are read").1;
                },
            },
            setting!("propose-again", "Proposers try again after, at least", retry: time(Span::ms(1), Span::secs(600))),
            setting!("inquire", "Learners inquire after, at least", inquire: time(Span::ms(1), Span::secs(600))),
        ];
        settings.extend(rules());
        settings
    }

    fn scenarios() -> Vec<Scenario<Paxos>> {
        let mut all = correct();
        all.extend(weakened());
        all
    }

    fn validate(config: &Config, environment: &Environment) -> Result<(), String> {
        let nodes = usize::from(environment.nodes);
        let acceptors = config.acceptors(nodes);
        let (one, two) = config.quorums(nodes);
        if acceptors < 2 {
            return Err("do not fit together: Paxos needs 2 acceptors at least".to_owned());
        }
        if one > acceptors || two > acceptors {
            return Err(format!(
                "do not fit together: there are {acceptors} acceptors, fewer than a quorum of {}",
                one.max(two)
            ));
        }
        if config.rules.quorums_meet && (one + two <= acceptors || two < 2) {
            return Err(format!(
                "do not fit together: quorums of {one} and {two} need not meet among {acceptors} acceptors, or \
                 the second is one node alone (quorums-meet=off allows that)"
            ));
        }
        Ok(())
    }

    fn role(&self) -> Role {
        let (name, letter, shape, epoch) = match self.phase {
            Phase::One { .. } => ("proposer", 'P', Shape::Diamond, self.tried),
            Phase::Two { .. } => ("proposer", 'P', Shape::Hexagon, self.tried),
            _ if self.is_acceptor() => ("acceptor", 'A', Shape::Circle, self.promised),
            _ => ("learner", 'L', Shape::Square, 0),
        };
        Role {
            name,
            letter,
            shape,
            crown: matches!(self.phase, Phase::Two { .. }),
            epoch: (epoch > 0).then_some(epoch),
        }
    }

    fn view(&self) -> Vec<Field> {
        let word = |it: Option<Value>| it.map_or(Json::Null, |it| json!(it));
        let number = |it: u64| {
            if it == 0 { Json::Null } else { json!(it) }
        };
        let mut fields = vec![
            Field::durable("promised", number(self.promised)),
            Field::durable("accepted", proposal_json(self.accepted)),
            Field::durable("tried", number(self.tried)),
            Field::volatile("wants", word(self.wish)),
            Field::volatile("phase", self.phase_in_words()),
            Field::volatile("learned", word(self.learned)),
        ];
        if let Phase::One { promises, .. } = &self.phase {
            fields.push(Field::volatile("promises", json!(promises)));
        }
        if let Some((proposal, by)) = self.counts.last() {
            let counted = json!({ "number": proposal.number, "value": proposal.value, "by": by });
            fields.push(Field::volatile("acceptedBy", counted));
        }
        if self.lost {
            fields.push(Field::durable("diskLost", true));
        }
        fields
    }

    fn look(message: &Message) -> Look {
        let (mark, epoch) = match message {
            Message::Prepare { number } => (Mark::Request, *number),
            Message::Promise { number, .. } => (Mark::Accept, *number),
            Message::Accept(it) => (Mark::Request, it.number),
            Message::Accepted(it) => (Mark::Accept, it.number),
            Message::Refuse { promised, .. } => (Mark::Refuse, *promised),
            Message::Inquire => (Mark::Request, 0),
            Message::Chosen { .. } => (Mark::Reply, 0),
        };
        Look {
            mark,
            epoch: (epoch > 0).then_some(epoch),
        }
    }

    fn panels(world: &World<'_, Paxos>) -> Vec<Panel> {
        let columns = ["node", "promised", "accepted", "proposes", "learned"];
        vec![Panel::Table {
            title: "Promises and proposals",
            columns: columns.map(str::to_owned).to_vec(),
            rows: world.ids().map(|it| row(world, it)).collect(),
        }]
    }

    fn checks() -> Vec<Promise<Paxos>> {
        checks::all()
    }

    fn draw_request(_: &mut Rng, _: &Environment, unique: u32) -> Option<ProposeRequest> {
        Some(ProposeRequest(Value::numbered(unique)))
    }
}

impl Paxos {
    fn phase_in_words(&self) -> String {
        match &self.phase {
            Phase::Idle => "idle".to_owned(),
            Phase::Waiting => "waits".to_owned(),
            Phase::One { .. } => format!("1, number {}", self.tried),
            Phase::Two { value } => format!("2, number {}: {value}", self.tried),
        }
    }
}

fn proposal_json(proposal: Option<Proposal>) -> Json {
    proposal.map_or(
        Json::Null,
        |it| json!({ "number": it.number, "value": it.value }),
    )
}

/// What a node knows, or what its disk holds while it is down.
fn row(world: &World<'_, Paxos>, id: NodeId) -> Vec<String> {
    let dash = || "–".to_owned();
    let proposal = |it: Option<Proposal>| {
        it.map_or_else(dash, |it| format!("{} with {}", it.value, it.number))
    };
    let number = |it: u64| if it == 0 { dash() } else { it.to_string() };
    let (promised, accepted, proposes, learned) = match world.node(id) {
        Some(node) => {
            let proposes = match node.phase {
                Phase::Idle => dash(),
                _ => node.phase_in_words(),
            };
            let learned = node.learned.map_or_else(dash, |it| it.to_string());
            (node.promised, node.accepted, proposes, learned)
        }
        None => {
            let disk = world.durable(id);
            (disk.promised, disk.accepted, "down".to_owned(), dash())
        }
    };
    vec![
        id.to_string(),
        number(promised),
        proposal(accepted),
        proposes,
        learned,
    ]
}

fn rules() -> [Setting<Config>; 8] {
    [
        setting!("persist-promise", "Promise on disk before it is given", rules.persist_promise: rule("agreement")),
        setting!(
            "accept-is-promise", "Whoever accepts a number promises to accept no lower one",
            rules.accept_is_promise: rule("agreement")
        ),
        setting!("adopt-reported", "Take over a value that was reported", rules.adopt_reported: rule("agreement")),
        setting!(
            "adopt-highest", "Of several, take over that of the highest number",
            rules.adopt_highest: rule("agreement")
        ),
        setting!("own-numbers", "No two proposers share a number", rules.own_numbers: rule("agreement")),
        setting!(
            "quorums-meet", "Every phase 1 quorum meets every phase 2 quorum",
            rules.quorums_meet: rule("agreement")
        ),
        setting!(
            "lost-disk-abstains", "Whoever lost its disk accepts nothing any more",
            rules.lost_disk_abstains: rule("agreement")
        ),
        setting!("back-off", "Whoever is overtaken waits a random time", rules.back_off: rule("progress")),
    ]
}

/// Two proposals, one after the other.
fn calm() -> Scenario<Paxos> {
    Scenario {
        id: "calm",
        title: "One value is chosen",
        summary: "n1 proposes blue: a majority promises, a majority accepts, all learn. Later n4 is asked to propose \
                  red, and answers blue.",
        weakened: None,
        environment: Environment {
            patience: Span::secs(1),
            ..Environment::DEFAULT
        },
        config: Config::DEFAULT,
        script: "20ms request n1 propose blue\n250ms request n4 propose red",
        swarm: false,
        length: Span::secs(2),
        pace: Span::ms(20),
    }
}

/// Scenarios in which Paxos must hold.
fn correct() -> Vec<Scenario<Paxos>> {
    let calm = calm();
    let duel = Scenario {
        id: "duel",
        title: "Two proposers overtake each other",
        summary: "n1 and n5 propose at once. Each finds the promises that it needs taken by the other's higher number. \
                  They wait random times, and one gets through.",
        script: "20ms request n1 propose blue\n30ms request n5 propose red",
        ..calm.clone()
    };
    let takes_over = Scenario {
        id: "proposer-crash",
        title: "A proposer crashes half-way",
        summary: "n1 reaches only n2 with its proposal and crashes. n5 proposes red, hears from n2 that it has \
                  accepted blue, and gives up red for it: blue may have been chosen.",
        script: "20ms request n1 propose blue\n20ms lose Accept n1>n3\n20ms lose Accept n1>n4\n\
                 20ms lose Accept n1>n5\n50ms cut n2>n1\n75ms crash n1\n90ms cut n3-n5\n100ms request n5 propose red\n\
                 600ms restart n1\n600ms heal",
        ..calm.clone()
    };
    let power = Scenario {
        id: "power-failure",
        title: "All crash",
        summary: "The power fails just when blue is chosen, and nobody knows. The disks do: whoever proposes \
                  afterwards finds blue again.",
        script: "20ms request n1 propose blue\n20ms lose Accepted\n90ms crash all\n150ms pass Accepted\n\
                 200ms restart all\n220ms request n3 propose red",
        ..calm.clone()
    };
    let flexible = Scenario {
        id: "flexible-quorums",
        title: "Two are enough to accept",
        summary: "Of five acceptors four must promise, so two are enough to accept: n1 and n2 choose blue, cut off \
                  from the rest. Nobody can propose until they are back.",
        config: Config {
            phase_1_quorum: 4,
            ..Config::DEFAULT
        },
        script: "20ms request n1 propose blue\n62ms partition n1 n2 | n3 n4 n5\n150ms request n5 propose red\n1s heal",
        length: Span::secs(3),
        ..calm.clone()
    };
    vec![
        calm,
        duel,
        takes_over,
        power,
        roles_apart(),
        flexible,
        lossy(),
        swarm(),
    ]
}

/// Acceptors, proposers and learners that are not the same.
fn roles_apart() -> Scenario<Paxos> {
    let calm = calm();
    Scenario {
        id: "roles-apart",
        title: "Every role on nodes of its own",
        summary: "n1 to n3 accept, n5 and n6 propose, and all learn: the acceptors tell everybody.",
        environment: Environment {
            nodes: 6,
            ..calm.environment.clone()
        },
        config: Config {
            proposers: 2,
            acceptors: 3,
            tell: Tell::Everybody,
            ..Config::DEFAULT
        },
        script: "20ms request n5 propose blue\n60ms request n6 propose red",
        ..calm
    }
}

/// A network that loses, doubles and delays.
fn lossy() -> Scenario<Paxos> {
    Scenario {
        id: "lossy",
        title: "A bad network",
        summary: "One message in five is lost, one in ten arrives twice, and delays vary tenfold. Five proposers want \
                  different values; in the end all learn the same.",
        environment: Environment {
            loss: Chance::percent(20),
            duplicate: Chance::percent(10),
            latency: Dist::Exponential(Span::ms(5), Span::ms(15)),
            ..calm().environment
        },
        script: "20ms request n1 propose blue\n20ms request n2 propose red\n20ms request n3 propose green\n\
                 20ms request n4 propose black\n20ms request n5 propose white\n2s set loss 0%",
        length: Span::secs(5),
        ..calm()
    }
}

/// Whatever the seed draws.
fn swarm() -> Scenario<Paxos> {
    Scenario {
        id: "swarm",
        title: "Faults drawn from the seed",
        summary: "Crashes, pauses, cuts, emptied disks, wrong clocks, loss and copies: each seed has its own. After \
                  two thirds a majority heals for good, and must learn what was chosen.",
        environment: Environment {
            nodes: 3,
            clients: 3,
            think: Dist::Uniform(Span::ms(20), Span::ms(300)),
            ..calm().environment
        },
        script: "",
        swarm: true,
        length: Span::ms(2_400),
        ..calm()
    }
}

/// A cluster that does only what the script says: constant delays, nobody tries again or inquires by itself.
fn puppets(nodes: u16, switch: fn(&mut Rules)) -> Scenario<Paxos> {
    let mut rules = Rules::ALL;
    switch(&mut rules);
    Scenario {
        weakened: Some("agreement"),
        environment: Environment {
            nodes,
            latency: Dist::Constant(Span::ms(10)),
            ..calm().environment
        },
        config: Config {
            retry: Span::secs(20),
            inquire: Span::secs(20),
            rules,
            ..Config::DEFAULT
        },
        length: Span::secs(1),
        ..calm()
    }
}

/// Scenarios that switch a rule off, and the check that must fall.
fn weakened() -> Vec<Scenario<Paxos>> {
    vec![
        forgotten_promise(),
        late_accept(),
        own_value(),
        last_reported(),
        same_number(),
        quorums_apart(),
        empty_disk(),
        endless_duel(),
    ]
}

fn forgotten_promise() -> Scenario<Paxos> {
    Scenario {
        id: "forgotten-promise",
        title: "Broken: a promise is forgotten",
        summary: "n2 promises n3 to accept nothing below 5, crashes, comes back without knowing, and accepts blue with \
                  number 3. That makes it chosen; and then it accepts red with number 5.",
        script: "5ms cut n1-n3\n5ms hold Accept n1>n2\n\
                 10ms request n1 propose blue\n\
                 50ms request n3 propose red\n\
                 76ms crash n2\n77ms restart n2\n\
                 78ms pass Accept",
        ..puppets(3, |it| it.persist_promise = false)
    }
}

fn late_accept() -> Scenario<Paxos> {
    let puppets = puppets(5, |it| it.accept_is_promise = false);
    Scenario {
        id: "late-accept",
        title: "Broken: accepting is not promising",
        summary: "n3 accepts red without ever having been asked for a promise, so red is chosen. Then an old \
                  proposal with a lower number arrives, and n3 accepts that as well: the next proposer finds blue.",
        config: Config {
            acceptors: 3,
            proposers: 2,
            ..puppets.config.clone()
        },
        script: "5ms lose Chosen\n5ms lose Prepare n4>n3\n5ms lose Prepare n5>n3\n\
                 5ms lose Accept n4>n1\n5ms lose Accept n5>n1\n5ms lose Accept n4>n2\n5ms hold Accept n4>n3\n\
                 10ms request n4 propose blue\n\
                 24ms request n5 propose red\n\
                 200ms pass Accept n4>n3\n\
                 250ms lose Prepare n4>n2\n250ms pass Prepare n4>n3\n250ms pass Accept\n250ms fire n4 retry",
        ..puppets
    }
}

fn own_value() -> Scenario<Paxos> {
    Scenario {
        id: "own-value",
        title: "Broken: a proposer keeps its own value",
        summary: "n1 and n2 have chosen blue while n3 was cut off. n3 hears of blue in phase 1 and proposes red all \
                  the same.",
        script: "5ms partition n3\n10ms request n1 propose blue\n100ms heal\n110ms request n3 propose red",
        ..puppets(3, |it| it.adopt_reported = false)
    }
}

fn last_reported() -> Scenario<Paxos> {
    Scenario {
        id: "last-reported",
        title: "Broken: the value that was reported last",
        summary: "n1 alone has accepted blue, with number 3; then n2 and n3 have chosen red, with number 7. n3 \
                  restarts and asks again; n1 answers last, so n3 proposes blue.",
        script: "5ms cut n1-n3\n5ms lose Accept n1>n2\n\
                 10ms request n1 propose blue\n\
                 60ms cut n1-n2\n60ms mend n1-n3\n60ms cut n1>n3\n60ms cut n3>n1\n\
                 70ms request n2 propose red\n\
                 200ms crash n3\n210ms heal\n210ms restart n3\n210ms cut n2-n3\n\
                 220ms request n3 propose green",
        ..puppets(3, |it| it.adopt_highest = false)
    }
}

fn same_number() -> Scenario<Paxos> {
    Scenario {
        id: "same-number",
        title: "Broken: two proposers use one number",
        summary: "n1 and n3 both use number 3. n2 cannot tell them apart, promises and accepts both: with n1 it \
                  chooses blue, with n3 red.",
        script: "5ms cut n1-n3\n10ms request n1 propose blue\n10ms request n3 propose red",
        ..puppets(3, |it| it.own_numbers = false)
    }
}

fn quorums_apart() -> Scenario<Paxos> {
    let puppets = puppets(4, |it| it.quorums_meet = false);
    Scenario {
        id: "quorums-apart",
        title: "Broken: quorums that do not meet",
        summary: "Of four acceptors two are taken for enough, in both phases. Cut into halves, each half chooses a \
                  value of its own.",
        config: Config {
            phase_1_quorum: 2,
            ..puppets.config.clone()
        },
        script: "5ms partition n1 n2 | n3 n4\n10ms request n1 propose blue\n10ms request n4 propose red",
        ..puppets
    }
}

fn empty_disk() -> Scenario<Paxos> {
    Scenario {
        id: "empty-disk",
        title: "Broken: an acceptor loses its disk and goes on",
        summary: "n1 and n2 choose blue. n2's disk is replaced by an empty one; it takes part as before, and with n3, \
                  which was cut off, it chooses red.",
        script: "5ms partition n3\n10ms request n1 propose blue\n\
                 100ms crash n1\n100ms wipe n2\n110ms restart n2\n110ms heal\n\
                 120ms request n3 propose red",
        ..puppets(3, |it| it.lost_disk_abstains = false)
    }
}

fn endless_duel() -> Scenario<Paxos> {
    let puppets = puppets(3, |it| it.back_off = false);
    Scenario {
        id: "endless-duel",
        title: "Broken: two proposers overtake each other for ever",
        summary: "Whoever is overtaken tries again at once with a higher number, and overtakes the other before that \
                  one's proposal arrives. Nothing is ever chosen.",
        weakened: Some("progress"),
        config: Config {
            retry: Span::ms(500),
            ..puppets.config.clone()
        },
        script: "10ms request n1 propose blue\n20ms request n3 propose red",
        length: Span::secs(4),
        ..puppets
    }
}
