//! Faults drawn from the seed: each seed has some kinds of fault and not others, each in its own strength.
//!
//! All faults at once hide bugs, since nothing makes progress; one at a time misses their combinations (swarm testing,
//! Groce et al. 2012). After two thirds of the run a core of the cluster is healed, a majority at least; some of the
//! others may stay crashed, cut off or paused for ever. The core must make progress again (the liveness mode of
//! TigerBeetle's simulator).

use crate::protocol::{ClientId, NodeId};

use super::command::{
    Command, DiskFault, Link, Planned, Point, Quality, Shape, Target, order_by_time,
};
use super::dist::{Chance, Dist};
use super::faults::CROWNED;
use super::rng::{Rng, Stream};
use super::settings::{CHANGEABLE, Environment};
use super::time::{Span, Time};

/// What a swarm draws: the surroundings, changed, and the faults.
#[derive(Clone, Debug)]
pub struct Swarm {
    /// When the core heals.
    pub quiet_from: Time,
    /// The faults, in the order of time, the healing among them.
    pub script: Vec<Planned>,
}

/// What a system can bear.
#[derive(Clone, Copy, Debug)]
pub struct Bears {
    /// Nodes may lose what their disks held, a minority of them.
    pub forgetting: bool,
    /// Nodes may find their disks emptied, a minority of them.
    pub wiping: bool,
    /// Nodes may join and leave.
    pub growth: bool,
    /// There may be one node more than usual: an even number and an odd one break different mistakes.
    pub any_size: bool,
    /// The system does something to itself in this run. Then no node stays faulty for ever, and there are few other
    /// faults: it would be drowned in them.
    pub stirs: bool,
}

/// One coming and going of a fault: what begins it, and what ends it.
type Fault = (Command, Vec<Command>);

/// Several faults that begin together.
type Faults = Vec<Fault>;

/// The cluster as far as faults are drawn for it.
struct Cluster {
    nodes: u16,
    clients: u32,
    /// A minority, on whose disks alone what was written may be lost, and who may stay faulty in the end.
    weak: Vec<NodeId>,
}

impl Cluster {
    fn draw(rng: &mut Rng, environment: &Environment, bears: Bears) -> Cluster {
        let nodes = environment.nodes;
        let mut all: Vec<NodeId> = (0..nodes).map(NodeId).collect();
        rng.shuffle(&mut all);
        let most = u64::from(nodes.saturating_sub(1) / 2);
        let weak = rng.below(most + 1) as usize;
        all.truncate(if bears.stirs { 0 } else { weak });
        Cluster {
            nodes,
            clients: environment.clients,
            weak: all,
        }
    }

    fn node(&self, rng: &mut Rng) -> Target {
        Target::Node(NodeId(rng.below(self.nodes.into()) as u16))
    }

    fn link(&self, rng: &mut Rng) -> Link {
        let from = rng.below(self.nodes.into()) as u16;
        let to =
            (from + 1 + rng.below(u64::from(self.nodes.max(2)) - 1) as u16) % self.nodes.max(1);
        Link {
            from: Target::Node(NodeId(from)),
            to: Target::Node(NodeId(to)),
            both_ways: rng.below(2) == 0,
        }
    }
}

/// Draws one fault of a kind; `None` when the cluster has nobody for it.
type DrawFault = fn(&mut Rng, &Cluster, Time) -> Option<Fault>;

/// The kinds of fault that come and go.
const KINDS: [DrawFault; 23] = [
    |rng, cluster, _| {
        let node = cluster.node(rng);
        Some((Command::Crash(node.clone()), vec![Command::Restart(node)]))
    },
    |rng, cluster, _| {
        let node = cluster.node(rng);
        let points = [
            Point::BeforeWrite,
            Point::BeforeSync,
            Point::BeforeSend,
            Point::AmidSends,
        ];
        let crash = Command::CrashAt(node.clone(), *rng.pick(&points));
        Some((crash, vec![Command::Restart(node)]))
    },
    // Back so soon that the others hardly notice.
    |rng, cluster, _| {
        let crash = Command::Crash(cluster.node(rng));
        Some((lasting_for(crash, Span::ms(1 + rng.below(60))), Vec::new()))
    },
    // Whoever leads crashes, and whoever leads then.
    |rng, _, _| {
        let crash = Command::Crash(Target::Role(CROWNED.to_owned()));
        let once = lasting_for(crash, Span::ms(1 + rng.below(1_500)));
        Some((once, Vec::new()))
    },
    // Whoever leads is cut off from all, or cannot reach some.
    |rng, _, _| {
        let alone = Command::Partition(vec![vec![Target::Role(CROWNED.to_owned())]]);
        Some((
            lasting_for(alone, Span::ms(1 + rng.below(1_000))),
            Vec::new(),
        ))
    },
    |rng, cluster, _| {
        let link = Link {
            from: Target::Role(CROWNED.to_owned()),
            to: cluster.node(rng),
            both_ways: rng.below(2) == 0,
        };
        Some((
            lasting_for(Command::Cut(link), Span::ms(1 + rng.below(1_000))),
            Vec::new(),
        ))
    },
    // Whoever leads reaches few, and crashes: so that what it began is found half done.
    |rng, cluster, _| {
        let deaf = (0..cluster.nodes)
            .filter(|_| rng.below(4) > 0)
            .map(|it| Target::Node(NodeId(it)));
        let deaf: Vec<Target> = deaf.collect();
        if deaf.is_empty() {
            return None;
        }
        let leads = vec![Target::Role(CROWNED.to_owned())];
        let one_way = Command::OneWay(leads, deaf);
        let span = Span::ms(20 + rng.below(300));
        Some((
            lasting_for(one_way, span),
            vec![
                Command::Crash(Target::Role(CROWNED.to_owned())),
                Command::Restart(Target::All),
            ],
        ))
    },
    // Nobody who leads is heard, one after the other: each has begun something that the others do not know.
    |rng, _, until| {
        let every = Span::ms(5 + rng.below(40));
        let leads = vec![Target::Role(CROWNED.to_owned())];
        let mute = lasting_for(Command::OneWay(leads, vec![Target::All]), every);
        Some((
            Command::Every(every, until, Box::new(mute)),
            vec![Command::Unite],
        ))
    },
    // Nobody leads for long.
    |rng, _, until| {
        let every = Span::ms(50 + rng.below(400));
        let crash = Command::Crash(Target::Role(CROWNED.to_owned()));
        let crash = lasting_for(crash, Span::ms(1 + rng.below(900)));
        Some((Command::Every(every, until, Box::new(crash)), Vec::new()))
    },
    // The power fails.
    |_, _, _| {
        Some((
            Command::Crash(Target::All),
            vec![Command::Restart(Target::All)],
        ))
    },
    |rng, cluster, _| {
        let node = cluster.node(rng);
        Some((Command::Pause(node.clone()), vec![Command::Resume(node)]))
    },
    |rng, cluster, _| {
        let node = cluster.node(rng);
        let slow = Command::Slow(node.clone(), Span::ms(1 + rng.below(30)));
        Some((slow, vec![Command::Slow(node, Span::ZERO)]))
    },
    |rng, cluster, _| Some((draw_partition(rng, cluster), vec![Command::Unite])),
    |rng, cluster, _| {
        let link = cluster.link(rng);
        Some((Command::Cut(link.clone()), vec![Command::Mend(link)]))
    },
    |rng, cluster, _| {
        let link = cluster.link(rng);
        Some((Command::Clog(link.clone()), vec![Command::Unclog(link)]))
    },
    |rng, cluster, _| {
        let link = cluster.link(rng);
        let slow = Quality::Latency(Dist::Exponential(
            Span::ms(rng.below(30)),
            Span::ms(1 + rng.below(200)),
        ));
        let worse = if rng.below(2) == 0 {
            slow
        } else {
            Quality::Loss(Chance::percent(rng.below(80) as u32))
        };
        Some((
            Command::Link(link.clone(), worse),
            vec![Command::Link(link, Quality::Plain)],
        ))
    },
    |rng, cluster, _| Some((Command::Reset(cluster.link(rng)), Vec::new())),
    |rng, cluster, _| {
        let node = cluster.node(rng);
        let ppm = rng.below(100_001) as i32 - 50_000;
        Some((
            Command::Drift(node.clone(), ppm),
            vec![Command::Drift(node, 0)],
        ))
    },
    |rng, cluster, _| {
        let node = cluster.node(rng);
        let nanos = rng.below(4_000_000_001) as i64 - 2_000_000_000;
        Some((
            Command::Clock(node.clone(), nanos),
            vec![Command::Sync(node)],
        ))
    },
    |rng, cluster, _| {
        let node = cluster.node(rng);
        let slow = DiskFault::Slow(Span::ms(1 + rng.below(100)));
        let fault = *rng.pick(&[slow, DiskFault::Full, DiskFault::Fails, DiskFault::Tears]);
        let ends = vec![
            Command::Disk(node.clone(), DiskFault::Fine),
            Command::Restart(node.clone()),
        ];
        Some((Command::Disk(node, fault), ends))
    },
    |rng, cluster, _| {
        let weak = cluster.weak.get(rng.below(cluster.nodes.into()) as usize)?;
        let node = Target::Node(*weak);
        // A checksum tells, so the node stays away; it takes a crash to find out.
        Some((
            Command::Disk(node.clone(), DiskFault::Rots),
            vec![Command::Crash(node.clone()), Command::Restart(node)],
        ))
    },
    |rng, cluster, _| {
        let slot = (cluster.clients > 0).then(|| 1 + rng.below(cluster.clients.into()) as u32)?;
        let client = Target::Client(ClientId(slot));
        Some((
            Command::Crash(client.clone()),
            vec![Command::Restart(client)],
        ))
    },
    |rng, cluster, _| {
        let slot = (cluster.clients > 0).then(|| 1 + rng.below(cluster.clients.into()) as u32)?;
        let link = Link {
            from: Target::Client(ClientId(slot)),
            to: cluster.node(rng),
            both_ways: true,
        };
        Some((Command::Cut(link.clone()), vec![Command::Mend(link)]))
    },
];

/// Whoever leads is not heard for half of the time, and now and then crashes: so one begins what another finishes, and
/// falls in the middle of it.
fn draw_confusion(rng: &mut Rng, until: Time) -> Faults {
    let crowned = || Target::Role(CROWNED.to_owned());
    let every = 30 + rng.below(60);
    let mute = Command::OneWay(vec![crowned()], vec![Target::All]);
    let mute = lasting_for(mute, Span::ms(every / 3 + rng.below(every / 2)));
    let crash = lasting_for(Command::Crash(crowned()), Span::ms(50 + rng.below(200)));
    let often = Span::ms(60 + rng.below(100));
    let again = |every, it| Command::Every(every, until, Box::new(it));
    vec![
        (again(Span::ms(every), mute), vec![Command::Unite]),
        (again(often, crash), vec![Command::Restart(Target::All)]),
    ]
}

/// A fault that is taken back after so long.
fn lasting_for(fault: Command, span: Span) -> Command {
    Command::For(Box::new(fault), span)
}

/// Disks lose what they held: for systems that bear it.
fn draw_forgetting(rng: &mut Rng, cluster: &Cluster, _: Time) -> Option<Fault> {
    let weak = cluster.weak.get(rng.below(cluster.nodes.into()) as usize)?;
    let node = Target::Node(*weak);
    let lose = match rng.below(5) {
        0 => Command::Disk(node.clone(), DiskFault::RollsBack),
        1 => Command::Disk(node.clone(), DiskFault::Truncates),
        2 => Command::Disk(node.clone(), DiskFault::Lies),
        3 => Command::Disk(node.clone(), DiskFault::Misdirects),
        _ => Command::Wipe(node.clone()),
    };
    let fine = Command::Disk(node.clone(), DiskFault::Fine);
    Some((
        lose,
        vec![Command::Crash(node.clone()), fine, Command::Restart(node)],
    ))
}

/// A disk is emptied: for systems that bear no worse.
fn draw_wipe(rng: &mut Rng, cluster: &Cluster, _: Time) -> Option<Fault> {
    if cluster.weak.is_empty() {
        return None;
    }
    let node = Target::Node(*rng.pick(&cluster.weak));
    Some((Command::Wipe(node.clone()), vec![Command::Restart(node)]))
}

/// A bare majority is alone; then one of it forgets all, and makes a majority with the others.
fn draw_swing_vote(rng: &mut Rng, cluster: &Cluster, _: Time) -> Option<Fault> {
    if cluster.weak.is_empty() {
        return None;
    }
    let weak = *rng.pick(&cluster.weak);
    let mut others: Vec<NodeId> = (0..cluster.nodes).map(NodeId).collect();
    others.retain(|it| *it != weak);
    rng.shuffle(&mut others);
    let target = Target::Node;
    let (one, two) = others.split_at(others.len() / 2);
    let side = |of: &[NodeId]| {
        let side = of.iter().copied().chain([weak]).map(target);
        Command::Partition(vec![side.collect()])
    };
    let span = Span::ms(20 + rng.below(1_000));
    Some((
        side(one),
        vec![
            Command::Wipe(target(weak)),
            Command::Restart(target(weak)),
            lasting_for(side(two), span),
        ],
    ))
}

/// A node comes or goes: for systems that bear it.
fn draw_growth(rng: &mut Rng, cluster: &Cluster, _: Time) -> Option<Fault> {
    match cluster.weak.first() {
        Some(weak) if rng.below(2) == 0 => Some((Command::Leave(Target::Node(*weak)), Vec::new())),
        _ => Some((Command::Join, Vec::new())),
    }
}

impl Swarm {
    /// Draws the faults of `seed` for a run of `length`; what the network and the disks do goes into `environment`.
    pub fn draw(seed: u64, length: Span, environment: &mut Environment, bears: Bears) -> Swarm {
        let mut rng = Rng::stream(seed, Stream::Faults);
        let quiet_from = Time(length.0 / 3 * 2);
        let before = environment.clone();
        let one_more = rng.below(3) == 0;
        environment.nodes += u16::from(one_more && bears.any_size);
        let cluster = Cluster::draw(&mut rng, environment, bears);
        worsen(&mut rng, environment);
        let mut script = Vec::new();
        let mut kinds: Vec<DrawFault> = KINDS.to_vec();
        kinds.extend(bears.forgetting.then_some(draw_forgetting as DrawFault));
        kinds.extend(bears.wiping.then_some(draw_wipe as DrawFault));
        kinds.extend(bears.wiping.then_some(draw_swing_vote as DrawFault));
        kinds.extend(bears.growth.then_some(draw_growth as DrawFault));
        let one_in = if bears.stirs { 16 } else { 4 };
        for kind in kinds {
            if rng.below(one_in) == 0 {
                draw_kind(&mut rng, kind, &cluster, quiet_from, &mut script);
            }
        }
        if rng.below(one_in) == 0 {
            let from = Time(rng.below(quiet_from.0 / 2 + 1));
            let to = (from + rng.span(Span(quiet_from.0 / 4), Span(quiet_from.0))).min(quiet_from);
            for fault in draw_confusion(&mut rng, to) {
                add(&mut script, fault, from, to);
            }
        }
        if rng.below(one_in) == 0 {
            swizzle(&mut rng, &cluster, quiet_from, &mut script);
        }
        order_by_time(&mut script);
        let end = |command: Command| Planned {
            at: quiet_from,
            command,
        };
        script.extend(healing(&before, environment).into_iter().map(end));
        script.extend(lasting(&mut rng, &cluster).into_iter().map(end));
        Swarm { quiet_from, script }
    }
}

/// What the network and the disks do all the time until it heals.
fn worsen(rng: &mut Rng, environment: &mut Environment) {
    let mut chance = |often: u64, most: u64| {
        let drawn = rng.below(often) == 0;
        let percent = rng.below(most + 1) as u32;
        drawn.then(|| Chance::percent(percent))
    };
    environment.loss = chance(2, 15).unwrap_or(environment.loss);
    environment.duplicate = chance(2, 20).unwrap_or(environment.duplicate);
    environment.replay = chance(3, 10).unwrap_or(environment.replay);
    environment.burst = chance(4, 2).unwrap_or(environment.burst);
    environment.corrupt = chance(4, 5).unwrap_or(environment.corrupt);
    environment.torn = chance(2, 100).unwrap_or(environment.torn);
    if rng.below(6) == 0 {
        environment.capacity = 2 + rng.below(19);
    }
    if rng.below(6) == 0 {
        environment.inbox = 2 + rng.below(19);
    }
    // A busy cluster has more that can be lost.
    if environment.clients > 0 && rng.below(2) == 0 {
        environment.clients += rng.below(12) as u32;
    }
    if rng.below(4) == 0 {
        let (least, mean) = (Span::ms(rng.below(20)), Span::ms(1 + rng.below(50)));
        environment.latency = Dist::Exponential(least, mean);
    }
}

/// Lets one kind of fault come and go: from few and long to many and short.
fn draw_kind(
    rng: &mut Rng,
    kind: DrawFault,
    cluster: &Cluster,
    quiet_from: Time,
    script: &mut Vec<Planned>,
) {
    let times = 1 + rng.below(8);
    let longest = Span(quiet_from.0 / times);
    for _ in 0..times {
        let from = Time(rng.below(quiet_from.0.max(1)));
        let to = (from + rng.span(Span(longest.0 / 20), longest)).min(quiet_from);
        if let Some(fault) = kind(rng, cluster, to) {
            add(script, fault, from, to);
        }
    }
}

fn add(script: &mut Vec<Planned>, (begin, ends): Fault, from: Time, to: Time) {
    script.push(Planned {
        at: from,
        command: begin,
    });
    script.extend(ends.into_iter().map(|command| Planned { at: to, command }));
}

/// Stops links one after the other, and lets them go in another order (FoundationDB's swizzle-clogging).
fn swizzle(rng: &mut Rng, cluster: &Cluster, quiet_from: Time, script: &mut Vec<Planned>) {
    let mut links: Vec<Link> = (0..1 + rng.below(cluster.nodes.into()))
        .map(|_| cluster.link(rng))
        .collect();
    let from = Time(rng.below(quiet_from.0.max(1)));
    let each = Span(rng.below(quiet_from.0 / 20 + 1));
    let mut at = from;
    for link in &links {
        script.push(Planned {
            at: at.min(quiet_from),
            command: Command::Clog(link.clone()),
        });
        at += each;
    }
    rng.shuffle(&mut links);
    for link in links {
        script.push(Planned {
            at: at.min(quiet_from),
            command: Command::Unclog(link),
        });
        at += each;
    }
}

/// What ends every fault.
fn healing(before: &Environment, now: &Environment) -> Vec<Command> {
    let mut commands = vec![
        Command::Heal,
        Command::Resume(Target::All),
        Command::Slow(Target::All, Span::ZERO),
        Command::Disk(Target::All, DiskFault::Fine),
        Command::Drift(Target::All, 0),
        Command::Restart(Target::All),
        Command::Restart(Target::Clients),
    ];
    for setting in Environment::settings()
        .iter()
        .filter(|it| CHANGEABLE.contains(&it.id))
    {
        let (old, new) = ((setting.get)(before), (setting.get)(now));
        if old != new {
            commands.push(Command::Set(setting.id.to_owned(), old.to_string()));
        }
    }
    // However bad the network was meant to be, progress is demanded of one that works.
    for setting in ["loss", "duplicate"] {
        commands.push(Command::Set(setting.to_owned(), "0%".to_owned()));
    }
    commands
}

/// The faults that stay: in half of the runs the weak nodes crash, stand still or are cut off for ever.
fn lasting(rng: &mut Rng, cluster: &Cluster) -> Vec<Command> {
    let mut commands = Vec::new();
    if rng.below(2) == 0 {
        return commands;
    }
    let mut alone = Vec::new();
    for node in &cluster.weak {
        match rng.below(3) {
            0 => commands.push(Command::Crash(Target::Node(*node))),
            1 => commands.push(Command::Pause(Target::Node(*node))),
            _ => alone.push(vec![Target::Node(*node)]),
        }
    }
    if !alone.is_empty() {
        commands.push(Command::Partition(alone));
    }
    commands
}

/// Splits the cluster: in a shape, one way, or each node on a random side.
fn draw_partition(rng: &mut Rng, cluster: &Cluster) -> Command {
    let shapes = [
        Shape::One,
        Shape::Halves,
        Shape::Minority,
        Shape::Thirds,
        Shape::Bridge,
        Shape::Ring,
    ];
    if rng.below(2) == 0 {
        return Command::Split(*rng.pick(&shapes));
    }
    let nodes = (0..cluster.nodes).map(|it| Target::Node(NodeId(it)));
    let (side, rest): (Vec<Target>, Vec<Target>) = nodes.partition(|_| rng.below(2) == 0);
    // A side with nobody on it would be no command that can be written down.
    if side.is_empty() || rest.is_empty() {
        return Command::Partition(vec![vec![Target::Node(NodeId(0))]]);
    }
    if rng.below(3) == 0 {
        return Command::OneWay(side, rest);
    }
    Command::Partition(vec![side])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Bears = Bears {
        forgetting: true,
        wiping: true,
        growth: true,
        any_size: true,
        stirs: false,
    };

    #[test]
    fn a_seed_always_draws_the_same_and_its_faults_can_be_written_down() {
        for seed in 0..500 {
            let mut one = Environment {
                clients: 3,
                ..Environment::DEFAULT
            };
            let mut two = one.clone();
            let swarm = Swarm::draw(seed, Span::secs(9), &mut one, ALL);
            let again = Swarm::draw(seed, Span::secs(9), &mut two, ALL);
            assert_eq!(swarm.script, again.script);
            assert_eq!(one, two);
            for planned in &swarm.script {
                assert_eq!(planned.to_string().parse::<Planned>().as_ref(), Ok(planned));
                assert!(planned.at <= swarm.quiet_from);
            }
        }
    }

    #[test]
    fn seeds_differ_in_kind_and_every_kind_is_drawn() {
        let mut seen = std::collections::BTreeMap::new();
        for seed in 0..500 {
            let mut environment = Environment {
                clients: 3,
                ..Environment::DEFAULT
            };
            let swarm = Swarm::draw(seed, Span::secs(9), &mut environment, ALL);
            let early = swarm.script.iter().filter(|it| it.at < swarm.quiet_from);
            let verbs: std::collections::BTreeSet<&str> =
                early.map(|it| it.command.verb()).collect();
            verbs
                .into_iter()
                .for_each(|it| *seen.entry(it).or_insert(0) += 1);
        }
        for verb in [
            "crash",
            "pause",
            "slow",
            "partition",
            "split",
            "cut",
            "clog",
            "link",
            "reset",
            "drift",
        ] {
            assert!((30..470).contains(&seen[verb]), "{verb}: {seen:?}");
        }
        for verb in ["clock", "disk", "wipe", "join", "leave"] {
            assert!((10..450).contains(&seen[verb]), "{verb}: {seen:?}");
        }
    }
}
