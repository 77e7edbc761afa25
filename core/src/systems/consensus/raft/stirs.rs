//! What a swarm does to Raft beside the faults that every system knows: it lets chosen servers stand for election, asks
//! for other members, and lets clocks run apart where leases trust them.
//!
//! Mistakes in these show only when several things come together within a round trip or two, which faults drawn one by
//! one hardly ever do. So each is a story in rounds; who is in it, who hears whom and how long each thing takes is
//! drawn. Correct Raft bears all of it.

use crate::parts::quorum::NodeSet;
use crate::protocol::NodeId;
use crate::sim::command::Planned;
use crate::sim::dist::Dist;
use crate::sim::rng::Rng;
use crate::sim::settings::Environment;
use crate::sim::time::{Span, Time};

use super::membership::names;
use super::{Config, Reads};

/// A round of a story.
type Round = fn(&mut Stage, &mut Rng);

/// Draws the story of a run, and tells it three times, until then.
pub(super) fn draw(
    config: &Config,
    environment: &Environment,
    rng: &mut Rng,
    until: Time,
) -> Vec<Planned> {
    // Two fall and three go on, or the other way round.
    if environment.nodes < 5 {
        return Vec::new();
    }
    let mut stage = Stage {
        config: config.clone(),
        latency: environment.latency,
        all: (0..environment.nodes).map(NodeId).collect(),
        fallen: None,
        reigns: 0,
        now: Time::ZERO,
        value: 1_000_000,
        planned: Vec::new(),
    };
    // What a story is good for depends on how messages are sent, members change and reads are answered. A lease trusts
    // that nobody stands for election early; so where reads are by lease, nobody is made to.
    let (joint, single) = (u64::from(config.joint), u64::from(config.batch == 1));
    let tells = |weight: u64| {
        if config.reads == Reads::Lease {
            0
        } else {
            weight
        }
    };
    let stories: [(u64, Round); 5] = [
        (tells(1 + 12 * single), Stage::unheard_reign),
        (tells(1 + 3 * joint), Stage::other_members),
        (tells(1), Stage::early_leave),
        (tells(3 - 3 * joint), Stage::two_changes),
        (config.reads as u64, Stage::left_behind),
    ];
    let mut drawn = rng.below(stories.iter().map(|it| it.0).sum());
    let story = stories.iter().position(|(weight, _)| {
        let here = drawn < *weight;
        drawn = drawn.saturating_sub(*weight);
        here
    });
    let story = story.unwrap_or(0);
    rng.shuffle(&mut stage.all);
    let third = Span(until.0 / 3);
    for part in 0..3 {
        stage.now = Time(third.0 * part) + rng.span(Span(third.0 / 8), Span(third.0 / 3));
        let end = Time(third.0 * (part + 1));
        let enough = stage.planned.len() + STORY_MAX / 3;
        while stage.now < end && stage.planned.len() < enough {
            stories[story].1(&mut stage, rng);
        }
        stage.fallen = None;
        stage.mend();
    }
    // With few members left none can be spared; and where reads are by lease, leaders look for their majority anyway.
    let spares = [0, 4].contains(&story) && config.reads != Reads::Lease;
    if config.rules.check_quorum && spares {
        stage.deafen(until);
    }
    // Nothing goes on when all has healed, nor stays as no healing knows it.
    stage.now = Time(until.0.saturating_sub(1));
    stage.usual_delays();
    let mut planned = stage.planned;
    planned.retain(|it| it.at < until || it.at > until + DEAF_AFTER);
    planned
}

/// A story ends after so many commands, however long the run: hundreds of rounds.
const STORY_MAX: usize = 3_000;

/// So long after all has healed a leader goes deaf.
const DEAF_AFTER: Span = Span::ms(700);

/// The cluster, and what has been planned for it.
struct Stage {
    config: Config,
    latency: Dist,
    all: Vec<NodeId>,
    /// Who has just led and stays down while another leads.
    fallen: Option<NodeId>,
    /// How many have led so far in this way.
    reigns: u64,
    now: Time,
    /// What is written next.
    value: u32,
    planned: Vec<Planned>,
}

impl Stage {
    fn say(&mut self, command: &str) {
        let planned = format!("{} {command}", self.now).parse();
        debug_assert!(planned.is_ok(), "{planned:?}");
        self.planned.extend(planned);
    }

    fn wait(&mut self, rng: &mut Rng, least: u64, most: u64) {
        self.now += rng.span(Span::ms(least), Span::ms(most));
    }

    fn usual_delays(&mut self) {
        let latency = self.latency;
        self.say(&format!("set latency {latency}"));
    }

    /// What was cut off or has crashed comes back, but who has just fallen.
    fn mend(&mut self) {
        self.say("unite");
        self.on_all("restart");
    }

    /// Does this to all but who has just fallen.
    fn on_all(&mut self, what: &str) {
        let fallen = self.fallen;
        for server in self.all.clone() {
            if Some(server) != fallen {
                self.say(&format!("{what} {server}"));
            }
        }
    }

    /// Lets all start anew: so they remember no leader, and think that an election makes sense.
    fn forget_leader(&mut self) {
        if self.config.rules.pre_vote {
            self.on_all("crash");
            self.on_all("restart");
        }
    }

    /// Cuts these off from the rest, if there is a rest.
    fn part(&mut self, group: &[NodeId]) {
        if !group.is_empty() && group.len() < self.all.len() {
            let group: NodeSet = group.iter().copied().collect();
            self.say(&format!("partition {}", names(group)));
        }
    }

    /// Another that is up.
    fn herald(&self, one: NodeId) -> Option<NodeId> {
        let is_up = |it: &NodeId| *it != one && Some(*it) != self.fallen;
        self.all.iter().copied().find(is_up)
    }

    /// Lets a server stand for election. At the end its requests for votes have arrived, but hardly an answer.
    fn elect(&mut self, rng: &mut Rng, one: NodeId) {
        self.forget_leader();
        if let Some(herald) = self.herald(one) {
            // Who was away learns the present term from another's request for votes, which comes to nothing.
            self.say(&format!("fire {herald} election"));
            self.wait(rng, 2, 3);
            self.say(&format!("crash {herald}"));
            self.say(&format!("restart {herald}"));
            self.wait(rng, 19, 21);
        }
        for _ in 0..2 {
            self.say(&format!("fire {one} election"));
        }
        self.wait(rng, 23, 28);
        if self.config.rules.pre_vote {
            self.wait(rng, 18, 38);
        }
    }

    /// Two servers lead in turn and hardly know of each other, most often as in Figure 8: one reaches few, then the
    /// other nobody, then the first most, and the other leads again.
    fn unheard_reign(&mut self, rng: &mut Rng) {
        let one = self.all[0];
        let few = 1 + rng.below(2) as usize;
        self.mend();
        self.elect(rng, one);
        self.reigns += 1;
        let unusual = rng.below(4) == 0;
        let reaches = if unusual {
            rng.below(3)
        } else {
            self.reigns % 3
        };
        match reaches {
            1 => {
                let rest: NodeSet = self.all[few..].iter().copied().collect();
                self.say(&format!("partition {one} > {}", names(rest)));
                self.wait(rng, 60, 140);
            }
            2 => {
                self.say(&format!("partition {one} > all"));
                self.wait(rng, 25, 40);
            }
            // Two round trips to find where the logs agree, one for each entry.
            _ => self.wait(rng, 60, 110),
        }
        self.say(&format!("crash {one}"));
        self.fallen = Some(one);
        self.wait(rng, 1, 10);
        let other = if rng.below(4) == 0 {
            2
        } else {
            self.all.len() - 1
        };
        self.all.swap(0, other);
    }

    /// An operator asks for other members while the cluster falls apart along the line between new and old.
    fn other_members(&mut self, rng: &mut Rng) {
        // Always the same: who has gone does not come back, so nobody may ask for that.
        let few = if self.config.joint || self.all.len() < 5 {
            2
        } else {
            3
        };
        self.all[..few].rotate_left(1);
        self.all[few..].rotate_left(1);
        let new = self.all[..few].to_vec();
        let (one, two, rest) = (new[0], new[1], self.all[few]);
        self.mend();
        self.elect(rng, one);
        self.wait(rng, 50, 90);
        if !self.config.joint {
            self.part(&new);
        }
        let set: NodeSet = new.iter().copied().collect();
        self.say(&format!("request {one} members {}", names(set)));
        // For joint consensus a round trip later C-new is on its way.
        self.wait(rng, 25, 75);
        self.part(&new);
        self.wait(rng, 10, 60);
        self.forget_leader();
        self.say(&format!("fire {two} election"));
        self.say(&format!("fire {rest} election"));
        self.wait(rng, 60, 200);
    }

    /// A leader that only one hears removes that one, and crashes.
    fn early_leave(&mut self, rng: &mut Rng) {
        rng.shuffle(&mut self.all);
        let (one, out) = (self.all[0], self.all[1]);
        self.mend();
        self.elect(rng, one);
        self.wait(rng, 50, 90);
        self.part(&[one, out]);
        self.say(&format!("request {one} remove {out}"));
        self.wait(rng, 30, 80);
        self.say(&format!("crash {one}"));
        self.wait(rng, 1, 20);
    }

    /// Two leaders change the members, and the second does not know that the first has: the bug that was found in 2015.
    fn two_changes(&mut self, rng: &mut Rng) {
        // Two halves must be able to decide: one by the old members but one, the other by the old but another.
        if self.all.len() % 2 == 1 {
            self.say("join");
            self.wait(rng, 200, 300);
            self.all.push(NodeId(self.all.len() as u16));
        }
        let count = self.all.len();
        rng.shuffle(&mut self.all);
        let half = count / 2;
        let (one, two, out) = (self.all[0], self.all[half], self.all[count - 1]);
        self.mend();
        self.elect(rng, one);
        self.wait(rng, 50, 90);
        self.part(&[one]);
        self.say(&format!("request {one} remove {out}"));
        self.wait(rng, 20, 40);
        self.say(&format!("crash {one}"));
        self.say("unite");
        self.elect(rng, two);
        self.say(&format!("crash {one}"));
        // One half does not hear that it is elected.
        let half_of: NodeSet = self.all[..half].iter().copied().collect();
        self.say(&format!("partition {two} > {}", names(half_of)));
        for _ in 0..6 {
            self.say(&format!("request {two} remove {one}"));
            self.wait(rng, 4, 8);
        }
        let rest = self.all[..half].to_vec();
        self.part(&rest);
        self.wait(rng, 50, 100);
        self.say(&format!("restart {one}"));
        for _ in 0..3 {
            self.say(&format!("fire {one} election"));
            self.wait(rng, 45, 80);
        }
    }

    /// Whoever leads is cut off from all but clients, and the others elect another as soon as they may. Its clock is
    /// slow and theirs are fast, both within what leases allow; and delays are short, since a lease is a matter of
    /// moments.
    fn left_behind(&mut self, rng: &mut Rng) {
        let (one, two) = (self.all[0], self.all[1]);
        self.say("set latency uniform(1ms,2ms)");
        self.say("drift all +50000ppm");
        self.say(&format!("drift {one} -50000ppm"));
        self.mend();
        let by_lease = self.config.reads == Reads::Lease;
        if !by_lease {
            self.say(&format!("fire {one} election"));
        }
        for _ in 0..3 {
            self.wait(rng, 40, 100);
            self.say(&format!("request leader transfer {one}"));
        }
        self.wait(rng, 60, 100);
        self.part(&[one]);
        // The others protect a leader for the shortest time-out, by their clocks, from when they last heard of it.
        let protected = Span(self.config.election_min.0 / 21 * 20);
        let from = match (by_lease, self.config.rules.pre_vote) {
            (true, _) => Span(protected.0.saturating_sub(self.config.heartbeat.0 / 2)),
            (false, true) => Span(protected.0.saturating_sub(self.config.heartbeat.0)),
            (false, false) => Span::ms(rng.below(100)),
        };
        self.now += from;
        for _ in 0..10 {
            if !by_lease {
                self.say(&format!("fire {two} election"));
            }
            self.wait(rng, 3, 8);
            self.value += 1;
            let whom = if by_lease {
                "leader".to_owned()
            } else {
                two.to_string()
            };
            self.say(&format!("request {whom} put k0 {}", self.value));
            self.wait(rng, 3, 5);
            self.say(&format!("request {one} get k0"));
        }
        self.usual_delays();
        self.say("drift all 0ppm");
        self.say("unite");
        self.wait(rng, 100, 400);
        self.all.rotate_left(1);
    }

    /// From some moment after all has healed, whoever leads is heard by all and hears nobody.
    fn deafen(&mut self, until: Time) {
        self.now = until + DEAF_AFTER + Span(1);
        self.say("partition all > leader");
    }
}
