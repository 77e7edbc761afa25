//! What a swarm does to Raft beside the faults that every system knows: it lets chosen servers stand for election, asks
//! for other members, and lets clocks run apart where leases trust them.
//!
//! Mistakes in these show only when several things come together within a round trip or two, which faults drawn one by
//! one hardly ever do. So each is a story in rounds; who is in it, who hears whom and how long each thing takes is drawn.
//! Correct Raft bears all of it.

use crate::protocol::NodeId;
use crate::sim::command::{Planned, parse_script};
use crate::sim::rng::Rng;
use crate::sim::settings::Environment;
use crate::sim::time::{Span, Time};

use super::membership::names;
use super::{Config, Reads};
use crate::parts::quorum::NodeSet;

/// Draws the stories of a run.
pub(super) fn draw(
    config: &Config,
    environment: &Environment,
    rng: &mut Rng,
    until: Time,
) -> Vec<Planned> {
    let mut stage = Stage {
        all: (0..environment.nodes).map(NodeId).collect(),
        now: Time::ZERO,
        lines: String::new(),
    };
    let quarter = Span(until.0 / 4);
    // With few members left, none can be spared.
    let may_change = rng.below(3) > 0;
    for story in 0..3 {
        let from = Time(quarter.0 * story + rng.below(quarter.0 + 1));
        stage.now = from;
        let end = (from + quarter).min(until);
        match rng.below(4) {
            0 if config.reads == Reads::Lease => stage.clocks_apart(rng, config, end),
            2 if may_change => stage.other_members(rng, config, end),
            3 if may_change => stage.nobody_knows(rng, end),
            _ => stage.thrones(rng, end),
        }
    }
    // Where reads are by lease, leaders look for their majority anyway.
    if config.rules.check_quorum && config.reads != Reads::Lease && !may_change {
        stage.deafen(until);
    }
    parse_script(&stage.lines).expect("stories are told in commands")
}

/// The cluster, and what has been planned for it.
struct Stage {
    all: Vec<NodeId>,
    now: Time,
    lines: String,
}

impl Stage {
    fn say(&mut self, command: &str) {
        self.lines += &format!("{} {command}\n", self.now);
    }

    fn wait(&mut self, rng: &mut Rng, least: u64, most: u64) {
        self.now += rng.span(Span::ms(least), Span::ms(most));
    }

    /// What was cut off or has crashed comes back.
    fn mend(&mut self) {
        self.say("unite");
        self.say("restart all");
    }

    /// Cuts these off from the rest, if there is a rest.
    fn part(&mut self, group: NodeSet) {
        if !group.is_empty() && group.len() < self.all.len() {
            self.say(&format!("partition {}", names(group)));
        }
    }

    /// Some servers, of which this one is one.
    fn some_with(&self, rng: &mut Rng, one: NodeId) -> NodeSet {
        let mut some: NodeSet = self
            .all
            .iter()
            .copied()
            .filter(|_| rng.below(2) == 0)
            .collect();
        some.insert(one);
        some
    }

    /// Two or three servers lead in turn, each for a few messages: each finds what the other has left half done, as in
    /// Figure 8.
    fn thrones(&mut self, rng: &mut Rng, end: Time) {
        rng.shuffle(&mut self.all);
        let pool = 2 + rng.below(2) as usize;
        while self.now < end {
            let one = self.all[rng.below(pool as u64) as usize];
            self.mend();
            self.say(&format!("fire {one} election"));
            self.wait(rng, 20, 80);
            let near = self.some_with(rng, one);
            self.part(near);
            self.wait(rng, 10, 80);
            self.say(&format!("crash {one}"));
            self.wait(rng, 1, 20);
        }
        self.mend();
    }

    /// An operator asks for other members while the cluster falls apart along the line between old and new.
    fn other_members(&mut self, rng: &mut Rng, config: &Config, end: Time) {
        while self.now < end {
            rng.shuffle(&mut self.all);
            let count = if config.joint || rng.below(2) == 0 {
                2
            } else {
                3
            };
            let new: NodeSet = self.all.iter().copied().take(count).collect();
            let rest = self.all[count];
            let one = self.all[0];
            self.mend();
            self.say(&format!("fire {one} election"));
            self.wait(rng, 60, 120);
            if rng.below(2) == 0 {
                self.part(new);
            }
            self.say(&format!("request {one} members {}", names(new)));
            self.wait(rng, 1, 90);
            self.part(new);
            self.wait(rng, 1, 60);
            self.say(&format!("fire {} election", self.all[1]));
            self.say(&format!("fire {rest} election"));
            self.wait(rng, 60, 200);
        }
        self.mend();
    }

    /// Leaders that hardly anybody hears begin changes of the members, one after the other.
    fn nobody_knows(&mut self, rng: &mut Rng, end: Time) {
        while self.now < end {
            rng.shuffle(&mut self.all);
            let (one, two, out) = (self.all[0], self.all[1], self.all[2]);
            self.mend();
            self.say(&format!("fire {one} election"));
            self.wait(rng, 60, 120);
            // Only whoever shall go still hears it.
            self.part([one, out].into_iter().collect());
            self.say(&format!("request {one} remove {out}"));
            self.wait(rng, 20, 80);
            self.say(&format!("crash {one}"));
            self.say("unite");
            self.say(&format!("fire {two} election"));
            self.wait(rng, 25, 60);
            self.say(&format!("request {two} remove {one}"));
            self.wait(rng, 1, 60);
            let half = self.all.len() / 2;
            let near: NodeSet = [two]
                .into_iter()
                .chain(self.all[half + 1..].iter().copied())
                .collect();
            self.part(near);
            self.wait(rng, 20, 80);
            self.say(&format!("restart {one}"));
            self.say(&format!("fire {one} election"));
            self.wait(rng, 20, 60);
            self.say(&format!("fire {one} election"));
            self.wait(rng, 60, 150);
        }
        self.mend();
    }

    /// Whoever leads has a slow clock and the others fast ones, both within what leases allow; then it is cut off from
    /// them, and they elect another as soon as they may.
    fn clocks_apart(&mut self, rng: &mut Rng, config: &Config, end: Time) {
        rng.shuffle(&mut self.all);
        let (one, two) = (self.all[0], self.all[1]);
        self.say("drift all +50000ppm");
        self.say(&format!("drift {one} -50000ppm"));
        while self.now + config.election_max < end {
            self.mend();
            self.say(&format!("request leader transfer {one}"));
            self.wait(rng, 150, 300);
            self.say(&format!("partition {one}"));
            // By their clocks the shortest time-out is over by then, but for what was under way.
            let over = Span(config.election_min.0 / 21 * 20);
            let from = self.now;
            self.now += over;
            self.say(&format!("fire {two} election"));
            self.wait(rng, 15, 40);
            self.say(&format!("fire {two} election"));
            self.now = from + over + Span::ms(200);
        }
        self.mend();
        self.say("drift all 0ppm");
    }

    /// From some moment after all has healed, whoever leads is heard by all and hears nobody.
    fn deafen(&mut self, until: Time) {
        self.now = until + Span::ms(700);
        self.say("partition all > leader");
    }
}
