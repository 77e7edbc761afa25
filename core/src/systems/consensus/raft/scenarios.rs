//! Scenarios in which Raft must hold, from calm to whatever a seed draws.

use crate::exhibit::Scenario;
use crate::sim::dist::{Chance, Dist};
use crate::sim::settings::Environment;
use crate::sim::time::Span;

use super::broken::figure_8;
use super::{Config, Raft, Reads, Rules};

impl Config {
    /// The paper's time-outs (§9.3), and Raft as the paper has it.
    pub(crate) const DEFAULT: Config = Config {
        election_min: Span::ms(150),
        election_max: Span::ms(300),
        heartbeat: Span::ms(50),
        batch: 50,
        pipeline: 100,
        fast_back_up: true,
        snapshot: 0,
        reads: Reads::Log,
        drift_bound: Chance::percent(10),
        joint: false,
        rules: Rules::PAPER,
    };
}

/// All of them.
pub(super) fn all() -> Vec<Scenario<Raft>> {
    vec![
        calm(),
        leader_crash(),
        minority_leader(),
        split_vote(),
        figure_8_with_the_rule(),
        lossy(),
        rejoining(),
        transfer(),
        snapshots(),
        joins_and_leaves(),
        joint_consensus(),
        reads(Reads::ReadIndex),
        reads(Reads::Lease),
        figure_16(),
        swarm(),
    ]
}

/// Two clients on an ordinary network.
pub(super) fn calm() -> Scenario<Raft> {
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

fn leader_crash() -> Scenario<Raft> {
    Scenario {
        id: "leader-crash",
        title: "The leader crashes",
        summary: "At 1 s the leader crashes. The others notice its silence and elect another; the old one \
                  comes back as a follower.",
        script: "1s crash leader\n2s restart down",
        length: Span::secs(5),
        ..calm()
    }
}

fn minority_leader() -> Scenario<Raft> {
    Scenario {
        id: "minority-leader",
        title: "A leader cut off from its majority",
        summary: "At 1 s the leader is left with one follower. It still believes that it leads, but can commit \
                  nothing; the majority elects another. When the cut heals, the old leader's entries go.",
        script: "1s partition leader follower\n3s heal",
        length: Span::secs(5),
        ..calm()
    }
}

fn split_vote() -> Scenario<Raft> {
    Scenario {
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
        ..calm()
    }
}

fn figure_8_with_the_rule() -> Scenario<Raft> {
    let figure_8 = figure_8();
    Scenario {
        id: "figure-8",
        title: "Figure 8, with the rule",
        summary: "The course of events of the paper's Figure 8. The leader of term 3 has an entry of term 1 on \
                  a majority, and rightly does not call it committed: the next leader overwrites it.",
        weakened: None,
        config: Config {
            rules: Rules::PAPER,
            ..figure_8.config.clone()
        },
        ..figure_8
    }
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

/// A server is cut off for a while. Pre-vote and check-quorum keep it from disturbing the others when it is back.
pub(super) fn rejoining() -> Scenario<Raft> {
    Scenario {
        id: "rejoining",
        title: "A server comes back, and nobody minds",
        summary: "n5 is cut off for two seconds. It asks whether it should stand for election, and hears nothing, \
                  so no term begins. When the cut heals, the leader leads on.",
        config: Config {
            rules: Rules::ALL,
            ..Config::DEFAULT
        },
        // Whatever the seed, n5 does not lead then.
        script: "10ms fire n1 election\n1s partition n5\n3s heal",
        length: Span::secs(5),
        ..calm()
    }
}

fn transfer() -> Scenario<Raft> {
    Scenario {
        id: "transfer",
        title: "A leader hands over",
        summary: "At 1 s n1 is asked to hand over to n3. It brings n3 up to date and sends TimeoutNow; n3 is elected \
                  in a round trip, and no client waits for a time-out.",
        script: "10ms fire n1 election\n1s request n1 transfer n3",
        length: Span::secs(3),
        ..calm()
    }
}

fn snapshots() -> Scenario<Raft> {
    Scenario {
        id: "snapshots",
        title: "A follower catches up from a snapshot",
        summary: "Every ten entries a server writes down its state and discards the entries. A follower that was away \
                  for two seconds gets the leader's snapshot, since the entries that it lacks are gone.",
        config: Config {
            snapshot: 10,
            ..Config::DEFAULT
        },
        script: "1s crash follower\n3s restart down",
        length: Span::secs(5),
        ..calm()
    }
}

fn joins_and_leaves() -> Scenario<Raft> {
    let calm = calm();
    Scenario {
        id: "joins-and-leaves",
        title: "Servers come and go, one by one",
        summary: "Two servers join a cluster of three. Each first catches up without a vote, then an entry of the log \
                  makes it a member. Later the leader leaves: it leads until that is committed.",
        environment: Environment {
            nodes: 3,
            ..calm.environment.clone()
        },
        config: Config {
            snapshot: 20,
            ..Config::DEFAULT
        },
        script: "1s join\n1.5s join\n3s leave leader",
        length: Span::secs(6),
        ..calm
    }
}

fn joint_consensus() -> Scenario<Raft> {
    let calm = calm();
    Scenario {
        id: "joint-consensus",
        title: "Joint consensus: three members give way to three others",
        summary: "At 1.5 s n1, n2, n3 are to be replaced by n4, n5 and n6. Under C-old,new every decision needs a \
                  majority of the old and one of the new; then C-new stands alone, and the old ones go.",
        environment: Environment {
            nodes: 3,
            ..calm.environment.clone()
        },
        config: Config {
            joint: true,
            ..Config::DEFAULT
        },
        script: "10ms fire n1 election\n400ms join\n700ms join\n1s join\n2s request leader members n4 n5 n6",
        length: Span::secs(5),
        ..calm
    }
}

fn reads(reads: Reads) -> Scenario<Raft> {
    let calm = calm();
    let by_lease = reads == Reads::Lease;
    Scenario {
        id: if by_lease {
            "lease-reads"
        } else {
            "read-index"
        },
        title: if by_lease {
            "Reads by lease"
        } else {
            "Reads without entries"
        },
        summary: if by_lease {
            "As long as a majority has answered lately, nobody else can be elected, and the leader answers reads at \
             once. At 2 s it is cut off: its lease ends before another leads."
        } else {
            "For a read the leader only makes sure by a round of heartbeats that it still leads. At 2 s it is cut off: \
             it answers no read any more, while the others elect another."
        },
        environment: Environment {
            clients: 4,
            reads: Chance::percent(80),
            ..calm.environment.clone()
        },
        config: Config {
            reads,
            rules: Rules::ALL,
            ..Config::DEFAULT
        },
        script: "2s partition leader\n4s heal",
        length: Span::secs(6),
        ..calm
    }
}

/// The set-up of the paper's Figure 16 (§9.3): five servers whose logs differ, so that n4 and n5 cannot win, and a
/// leader that crashes at any moment between two heartbeats: when a client asks it for something.
///
/// The paper says of the network and the disks only that a broadcast takes about 15 ms, the write of a vote included.
/// Here a server asks for votes once its own is on disk, and until then others may stand as well; with disks so slow
/// that all of it takes 15 ms, narrow ranges split three votes where the paper splits one. So disks are fast here, and
/// a broadcast takes about 8 ms: the delays for which all of the curves come out.
fn figure_16() -> Scenario<Raft> {
    let calm = calm();
    Scenario {
        id: "figure-16",
        title: "Figure 16: how long nobody leads",
        summary: "After 2 s the leader crashes at some moment between two heartbeats; how long until another is heard? \
                  Two of the four that are left lag and cannot win. Set election-min and election-max, and heartbeat \
                  to half of the first, and try many seeds.",
        environment: Environment {
            clients: 1,
            reads: Chance::NEVER,
            think: Dist::Exponential(Span::ZERO, Span::ms(500)),
            latency: Dist::Uniform(Span::us(1_200), Span::us(4_800)),
            disk: Dist::Constant(Span::us(100)),
            ..Environment::DEFAULT
        },
        config: Config {
            heartbeat: Span::ms(75),
            ..Config::DEFAULT
        },
        script: "10ms fire n1 election\n1s crash n4\n1s crash n5\n1.01s request n1 put x 1\n\
                 1.1s cut n4>n1\n1.1s cut n5>n1\n1.1s restart n4\n1.1s restart n5\n2s crash n1 before write",
        length: Span::secs(8),
        pace: Span::ms(10),
        ..calm
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
        config: Config {
            rules: Rules::ALL,
            ..Config::DEFAULT
        },
        swarm: true,
        length: Span::secs(9),
        ..calm()
    }
}

/// A cluster that does only what the script says: constant delays, no time-outs of its own, no clients.
pub(super) fn puppets(nodes: u16) -> Scenario<Raft> {
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
