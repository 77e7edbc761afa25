//! Faults drawn from the seed: each seed has some kinds of fault and not others, each in its own strength.
//!
//! All faults at once hide bugs, since nothing makes progress; one at a time misses their combinations (swarm testing,
//! Groce et al. 2012). After two thirds of the run everything heals and the cluster must make progress again.

use crate::protocol::NodeId;

use super::command::{Command, Link, Planned, Target, order_by_time};
use super::dist::Chance;
use super::rng::{Rng, Stream};
use super::settings::Environment;
use super::time::{Span, Time};

/// What a swarm draws: the surroundings, changed, and the faults.
#[derive(Clone, Debug)]
pub struct Swarm {
    /// When everything heals.
    pub quiet_from: Time,
    /// The faults, in the order of time, the healing among them.
    pub script: Vec<Planned>,
}

/// Draws a fault for a cluster of so many nodes: the command that begins it and the one that ends it.
type DrawFault = fn(&mut Rng, u16) -> (Command, Command);

/// The kinds of fault that come and go: each begins with one command and ends with another.
const KINDS: [DrawFault; 5] = [
    |rng, nodes| {
        let node = Target::Node(NodeId(rng.below(nodes.into()) as u16));
        (Command::Crash(node.clone()), Command::Restart(node))
    },
    |rng, nodes| {
        let node = Target::Node(NodeId(rng.below(nodes.into()) as u16));
        (Command::Pause(node.clone()), Command::Resume(node))
    },
    |rng, nodes| (Command::Partition(draw_groups(rng, nodes)), Command::Heal),
    |rng, nodes| {
        let from = rng.below(nodes.into()) as u16;
        let to = (from + 1 + rng.below(u64::from(nodes.max(2)) - 1) as u16) % nodes.max(1);
        let (from, to) = (Target::Node(NodeId(from)), Target::Node(NodeId(to)));
        let link = Link {
            from,
            to,
            both_ways: rng.below(2) == 0,
        };
        (Command::Cut(link.clone()), Command::Mend(link))
    },
    |rng, nodes| {
        let node = Target::Node(NodeId(rng.below(nodes.into()) as u16));
        let ppm = rng.below(100_001) as i32 - 50_000;
        (Command::Drift(node.clone(), ppm), Command::Drift(node, 0))
    },
];

impl Swarm {
    /// Draws the faults of `seed` for a run of `length`; loss and duplication go into `environment`.
    pub fn draw(seed: u64, length: Span, environment: &mut Environment) -> Swarm {
        let mut rng = Rng::stream(seed, Stream::Faults);
        let quiet_from = Time(length.0 / 3 * 2);
        if rng.below(2) == 0 {
            environment.loss = Chance::percent(rng.below(16) as u32);
        }
        if rng.below(2) == 0 {
            environment.duplicate = Chance::percent(rng.below(21) as u32);
        }
        let mut script = Vec::new();
        for kind in KINDS {
            if rng.below(2) == 0 {
                draw_kind(&mut rng, kind, environment.nodes, quiet_from, &mut script);
            }
        }
        order_by_time(&mut script);
        let end = |command: Command| Planned {
            at: quiet_from,
            command,
        };
        script.push(end(Command::Heal));
        script.push(end(Command::Resume(Target::All)));
        script.push(end(Command::Restart(Target::All)));
        script.push(end(Command::Drift(Target::All, 0)));
        script.push(end(Command::Set("loss".to_owned(), "0%".to_owned())));
        script.push(end(Command::Set("duplicate".to_owned(), "0%".to_owned())));
        Swarm { quiet_from, script }
    }
}

/// Lets one kind of fault come and go: from few and long to many and short.
fn draw_kind(
    rng: &mut Rng,
    kind: DrawFault,
    nodes: u16,
    quiet_from: Time,
    script: &mut Vec<Planned>,
) {
    let times = 1 + rng.below(8);
    let longest = Span(quiet_from.0 / times);
    for _ in 0..times {
        let from = Time(rng.below(quiet_from.0.max(1)));
        let to = (from + rng.span(Span(longest.0 / 20), longest)).min(quiet_from);
        let (begin, end) = kind(rng, nodes);
        script.push(Planned {
            at: from,
            command: begin,
        });
        script.push(Planned {
            at: to,
            command: end,
        });
    }
}

/// Splits the cluster: one node alone, or each node on a random side.
fn draw_groups(rng: &mut Rng, nodes: u16) -> Vec<Vec<Target>> {
    if rng.below(2) == 0 {
        return vec![vec![Target::Node(NodeId(rng.below(nodes.into()) as u16))]];
    }
    let side: Vec<Target> = (0..nodes)
        .filter(|_| rng.below(2) == 0)
        .map(|it| Target::Node(NodeId(it)))
        .collect();
    // A side with nobody on it would be no command that can be written down.
    if side.is_empty() {
        vec![vec![Target::Node(NodeId(0))]]
    } else {
        vec![side]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_draws_the_same_and_its_faults_can_be_written_down() {
        for seed in 0..200 {
            let mut one = Environment::DEFAULT;
            let swarm = Swarm::draw(seed, Span::secs(9), &mut one);
            let mut two = Environment::DEFAULT;
            assert_eq!(
                swarm.script,
                Swarm::draw(seed, Span::secs(9), &mut two).script
            );
            assert_eq!(one, two);
            for planned in &swarm.script {
                assert_eq!(planned.to_string().parse::<Planned>().as_ref(), Ok(planned));
                assert!(planned.at <= swarm.quiet_from);
            }
        }
    }
}
