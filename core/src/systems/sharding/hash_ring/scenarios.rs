//! Scenarios of the store, from calm to broken.

use crate::exhibit::Scenario;
use crate::parts::placement::Scheme;
use crate::sim::dist::Dist;
use crate::sim::settings::Environment;
use crate::sim::time::Span;

use super::{Config, HashRing, Rules};

impl Rules {
    /// The store as it should be.
    const ALL: Rules = Rules {
        consistent: true,
        hand_over: true,
        stop_first: true,
        distinct: true,
        owner_reads: true,
    };
}

impl Config {
    const DEFAULT: Config = Config {
        placement: Scheme::Ring,
        vnodes: 8,
        replicas: 2,
        strong: 0,
        load_bound: 0,
        gossip: Span::ms(100),
        rules: Rules::ALL,
    };
}

fn calm() -> Scenario<HashRing> {
    Scenario {
        id: "calm",
        title: "Five nodes share the keys",
        summary: "Clients read and write; who asks the wrong node is told the right one. Let a node join or leave, and \
                  watch the keys travel.",
        weakened: None,
        environment: Environment {
            clients: 4,
            keys: 30,
            ..Environment::DEFAULT
        },
        config: Config::DEFAULT,
        script: "",
        swarm: false,
        length: Span::secs(8),
        pace: Span::ms(50),
    }
}

/// Scenarios in which the store must hold.
pub(super) fn correct() -> Vec<Scenario<HashRing>> {
    let calm = calm();
    let join = Scenario {
        id: "join",
        title: "A node joins, another leaves",
        summary: "At 3 s a node joins: it takes over about one key in six, and nothing else moves. At 6 s n2 leaves \
                  and gives all it has to its neighbours.",
        script: "3s join\n6s leave n2",
        length: Span::secs(9),
        ..calm.clone()
    };
    let interrupted = Scenario {
        id: "interrupted",
        title: "A move that is interrupted",
        summary: "A node joins, and those who hand over crash or are cut off in the middle of it. A key that is under \
                  way is served by nobody for a while, and by two at no time.",
        script: "2s join\n2.01s cut n1>n6 for 1s\n2.02s crash n2 for 500ms\n2.03s partition n3 for 700ms\n\
                 4s leave n4\n4.03s crash n4 for 500ms",
        ..calm.clone()
    };
    let swarm = Scenario {
        id: "swarm",
        title: "Faults drawn from the seed",
        summary: "Nodes come, go, crash and are cut off while keys move, under a placement drawn from the seed. In \
                  the end everybody agrees who has what.",
        environment: Environment {
            clients: 4,
            keys: 12,
            ..Environment::DEFAULT
        },
        swarm: true,
        length: Span::secs(9),
        ..calm.clone()
    };
    let mut all = vec![calm, join, interrupted];
    all.extend(uneven());
    all.push(swarm);
    all
}

/// Scenarios in which shares or requests are uneven.
fn uneven() -> [Scenario<HashRing>; 3] {
    let calm = calm();
    let weights = Scenario {
        id: "weights",
        title: "A strong node",
        summary: "n1 has twice the weight of the others, and twice their tokens: it gets a third of four shares and \
                  two.",
        environment: Environment {
            nodes: 5,
            ..calm.environment.clone()
        },
        config: Config {
            strong: 1,
            vnodes: 32,
            ..Config::DEFAULT
        },
        ..calm.clone()
    };
    let hot = Scenario {
        id: "hot-key",
        title: "A hot key",
        summary: "Most requests are for few keys. However even the shares of the ring, the owner of the hottest key \
                  has the most to do.",
        environment: Environment {
            clients: 8,
            zipf: 1_500,
            ..calm.environment.clone()
        },
        ..calm.clone()
    };
    let bounded = Scenario {
        id: "bounded",
        title: "Bounded loads",
        summary: "With one token each, arcs are very uneven. Here nobody gets more than a quarter above the mean: who \
                  is full is passed over. At 3 s a node joins.",
        config: Config {
            vnodes: 1,
            load_bound: 1_250,
            ..Config::DEFAULT
        },
        script: "3s join",
        ..calm
    };
    [weights, hot, bounded]
}

/// The store without some of its rules.
fn without(rules: Rules) -> Config {
    Config {
        rules,
        ..Config::DEFAULT
    }
}

/// Scenarios that switch a rule off, and the check that must fall.
pub(super) fn weakened() -> Vec<Scenario<HashRing>> {
    let calm = calm();
    let modulo = Scenario {
        id: "modulo",
        title: "Broken: the hash modulo the number of nodes",
        summary: "A sixth node joins, and five of six keys change their owner, most of them between nodes that were \
                  there before.",
        weakened: Some("monotone"),
        config: without(Rules {
            consistent: false,
            ..Rules::ALL
        }),
        script: "3s join",
        ..calm.clone()
    };
    let lost = Scenario {
        id: "no-hand-over",
        title: "Broken: the new owner begins with nothing",
        summary: "A node joins and serves its share at once. Nobody brings it the keys: where is the \
                  apple that was put there before?",
        weakened: Some("linearizable"),
        config: without(Rules {
            hand_over: false,
            ..Rules::ALL
        }),
        script: "2s request n1 put apple 1\n3s join\n4s request n1 get apple",
        ..calm.clone()
    };
    let two = Scenario {
        id: "two-owners",
        title: "Broken: the old owner goes on serving",
        summary: "Who hands over keys serves them until it hears that they have arrived. Until then two nodes do, and \
                  what the old one writes is lost.",
        weakened: Some("one-owner"),
        config: without(Rules {
            stop_first: false,
            ..Rules::ALL
        }),
        script: "3s join",
        ..calm.clone()
    };
    let mut all = vec![modulo, lost, two];
    all.extend(bad_copies());
    all
}

/// Scenarios in which copies are put or read where they should not.
fn bad_copies() -> [Scenario<HashRing>; 2] {
    let calm = calm();
    let same = Scenario {
        id: "same-node",
        title: "Broken: both copies on one node",
        summary: "Copies go to the next tokens, whosever they are. Where two tokens of a node are neighbours, it has \
                  both.",
        weakened: Some("copies-apart"),
        config: without(Rules {
            distinct: false,
            ..Rules::ALL
        }),
        ..calm.clone()
    };
    let stale = Scenario {
        id: "stale-copies",
        title: "Broken: copies answer reads",
        summary: "The load of hot keys is shared by whoever has a copy. But a copy lags behind: a client reads what \
                  was overwritten before it asked.",
        weakened: Some("linearizable"),
        environment: Environment {
            clients: 6,
            keys: 4,
            latency: Dist::Uniform(Span::ms(5), Span::ms(30)),
            ..calm.environment.clone()
        },
        config: Config {
            replicas: 3,
            ..without(Rules {
                owner_reads: false,
                ..Rules::ALL
            })
        },
        script: "0s delay Copy 200ms",
        ..calm
    };
    [same, stale]
}
