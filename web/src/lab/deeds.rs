//! Everything that can be done by hand: to a node, a message, a client, a link, the whole cluster.
//!
//! Menus on the stage, the inspector and the column of faults all offer what is listed here. Each deed is a command,
//! so that what is done by hand, typed, planned in a script and shared in a link is the same.

use clusterscope_core::Span;
use clusterscope_core::exhibit::Status;
use clusterscope_core::frame::{Amiss, ClientView, End, Frame, MessageView, NodeView};

use super::handle::LabHandle;
use crate::ui::icons::Glyph;
use crate::ui::numbers;

/// How long faults may be chosen to last; the first lasts until it is undone.
pub const LASTS: [Option<Span>; 4] = [
    None,
    Some(Span::ms(500)),
    Some(Span::secs(2)),
    Some(Span::secs(10)),
];

/// A client's links are listed for so many nodes at most.
const LINKS_LISTED: usize = 12;

/// A message is put off by this much at first.
const DELAY: Span = Span::ms(20);

/// One thing that can be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Deed {
    /// What it says.
    pub label: String,
    /// Its picture, for what stands in the first rank.
    pub icon: Option<Glyph>,
    /// The command that does it.
    pub command: String,
    /// Whether a menu stays open, because people do this several times.
    pub stays: bool,
}

impl Deed {
    fn new(icon: Glyph, label: impl Into<String>, command: impl Into<String>) -> Deed {
        Deed {
            icon: Some(icon),
            ..Deed::plain(label, command)
        }
    }

    fn plain(label: impl Into<String>, command: impl Into<String>) -> Deed {
        Deed {
            label: label.into(),
            icon: None,
            command: command.into(),
            stays: false,
        }
    }

    fn staying(self) -> Deed {
        Deed {
            stays: true,
            ..self
        }
    }
}

/// Deeds of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What they have in common.
    pub title: String,
    /// The deeds.
    pub deeds: Vec<Deed>,
}

impl Group {
    fn new(title: impl Into<String>, deeds: Vec<Deed>) -> Group {
        Group {
            title: title.into(),
            deeds,
        }
    }
}

/// What can be done to something: what is usual, and what is rare.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deeds {
    /// What is usual.
    pub first: Vec<Deed>,
    /// What is rare.
    pub more: Vec<Group>,
}

impl Deeds {
    /// Leaves out what this run would refuse: nodes that leave a cluster of fixed members.
    pub fn accepted(mut self, lab: &LabHandle) -> Deeds {
        lab.with(|player| {
            let run = player.run();
            let fits = |it: &Deed| it.command.parse().is_ok_and(|it| run.accepts(&it).is_ok());
            self.first.retain(fits);
            self.more.iter_mut().for_each(|it| it.deeds.retain(fits));
        });
        self.more.retain(|it| !it.deeds.is_empty());
        self
    }
}

/// Whether anything is amiss with the network that healing would mend.
pub fn is_amiss(frame: &Frame) -> bool {
    !frame.network.oddities.is_empty()
}

/// What can be done to a node; commands call it `name`.
pub fn to_node(node: &NodeView, name: &str, frame: &Frame) -> Deeds {
    if node.status == Status::Gone {
        return Deeds::default();
    }
    let crash = Deed::new(Glyph::Crash, "Crash", format!("crash {name}"));
    let mut first = match node.status {
        Status::Paused => {
            let resume = Deed::new(Glyph::ResumeNode, "Resume", format!("resume {name}"));
            vec![resume, crash]
        }
        Status::Down => vec![Deed::new(
            Glyph::Restart,
            "Restart",
            format!("restart {name}"),
        )],
        _ => {
            let pause = Deed::new(Glyph::PauseNode, "Pause", format!("pause {name}"));
            vec![crash, pause]
        }
    };
    if node.status == Status::Up {
        let timers = node.timers.iter().take(3).map(|it| &it.name);
        first.extend(timers.map(|it| {
            Deed::new(
                Glyph::Fire,
                format!("Fire {it} timer"),
                format!("fire {name} {it}"),
            )
        }));
    }
    if frame.nodes.len() > 1 {
        first.push(Deed::new(
            Glyph::Isolate,
            "Isolate",
            format!("partition {name}"),
        ));
    }
    if is_amiss(frame) {
        first.push(Deed::new(Glyph::Heal, "Heal the network", "heal"));
    }
    Deeds {
        first,
        more: rare_for_node(node, name),
    }
}

fn rare_for_node(node: &NodeView, name: &str) -> Vec<Group> {
    let deed =
        |label: &str, verb: &str, rest: &str| Deed::plain(label, format!("{verb} {name}{rest}"));
    let mut groups = Vec::new();
    if node.status != Status::Down {
        let crash = |point: &str| deed(point, "crash", &format!(" {point}"));
        let points = ["before write", "before sync", "before send", "amid sends"];
        groups.push(Group::new("Crash it", points.map(crash).to_vec()));
    }
    groups.push(Group::new(
        "Machine",
        vec![
            deed("5 ms slower", "slow", " 5ms"),
            deed("50 ms slower", "slow", " 50ms"),
            deed("full speed", "slow", " 0s"),
            deed("wipe", "wipe", ""),
            deed("leave for good", "leave", ""),
        ],
    ));
    let disk = [
        ("100 ms slower", " slow 100ms"),
        ("full", " full"),
        ("lies", " lies"),
        ("fails a sync", " fails"),
        ("tears writes", " tears"),
        ("writes astray", " misdirects"),
        ("rots", " rots"),
        ("rolls back", " rolls-back"),
        ("cut short", " truncates"),
        ("works again", " fine"),
    ];
    groups.push(Group::new(
        "Disk",
        disk.map(|it| deed(it.0, "disk", it.1)).to_vec(),
    ));
    groups.push(Group::new(
        "Clock",
        vec![
            deed("+50 ms", "clock", " +50ms").staying(),
            deed("−50 ms", "clock", " -50ms").staying(),
            deed("10 % fast", "drift", " +100000ppm"),
            deed("10 % slow", "drift", " -100000ppm"),
            deed("right speed", "drift", " +0ppm"),
            deed("set right", "sync", ""),
        ],
    ));
    groups
}

/// What can be done to a message under way.
pub fn to_message(message: &MessageView, held: bool) -> Deeds {
    let id = format!("m{}", message.id);
    let hold = if held {
        Deed::new(Glyph::ResumeNode, "Release", format!("release {id}"))
    } else {
        Deed::new(Glyph::PauseNode, "Hold", format!("hold {id}"))
    };
    let first = vec![
        Deed::new(Glyph::Drop, "Drop", format!("drop {id}")),
        Deed::new(Glyph::Duplicate, "Duplicate", format!("duplicate {id}")),
        Deed::new(
            Glyph::Delay,
            format!("Delay {}", numbers::span(DELAY)),
            format!("delay {id} {DELAY}"),
        )
        .staying(),
        hold,
    ];
    let late = |span: &str, label: &str| Deed::plain(label, format!("duplicate {id} after {span}"));
    let delay =
        |span: &str, label: &str| Deed::plain(label, format!("delay {id} {span}")).staying();
    let mut more = vec![
        Group::new(
            "A copy later",
            vec![
                late("500ms", "500 ms"),
                late("2s", "2 s"),
                late("10s", "10 s"),
            ],
        ),
        Group::new(
            "Delay",
            vec![
                delay("100ms", "100 ms"),
                delay("500ms", "500 ms"),
                delay("2s", "2 s"),
            ],
        ),
    ];
    // A client's way is no link of the protocol, but its messages have kinds as well.
    let link = format!("{}>{}", message.from, message.to);
    more.push(to_kind(message.kind, None));
    more.push(to_kind(message.kind, Some(&link)));
    if held {
        let all = Deed::plain("Release all", "release all");
        more.push(Group::new("Held", vec![all]));
    }
    Deeds { first, more }
}

/// What can be done to all messages of a kind, on one link or everywhere.
pub fn to_kind(kind: &str, link: Option<&str>) -> Group {
    let (title, rest) = match link {
        Some(link) => (
            format!("{kind} {}", link.replace('>', " → ")),
            format!("{kind} {link}"),
        ),
        None => (format!("Every {kind}"), kind.to_owned()),
    };
    let deed = |label: &str, verb: &str| Deed::plain(label, format!("{verb} {rest}"));
    Group::new(
        title,
        vec![
            deed("lose", "lose"),
            deed("hold", "hold"),
            deed("let pass", "pass"),
        ],
    )
}

/// What can be done to a link as it is written in commands: `n1>n2`, `n1-n2`.
pub fn to_wire(link: &str) -> Group {
    let deed = |verb: &str| Deed::plain(verb, format!("{verb} {link}"));
    let mut deeds = ["cut", "mend", "clog", "unclog", "reset"]
        .map(deed)
        .to_vec();
    let plain = Deed::plain("like the others", format!("link {link} plain"));
    deeds.push(plain);
    Group::new(link, deeds)
}

/// What can be done to a client.
pub fn to_client(client: &ClientView, frame: &Frame) -> Deeds {
    let name = client.id;
    let mine = |it: &(End, End)| it.0 == End::Client(name) || it.1 == End::Client(name);
    let is_cut = frame.network.cuts.iter().any(mine);
    let mut first = vec![if client.is_down {
        Deed::new(Glyph::Restart, "Restart", format!("restart {name}"))
    } else {
        Deed::new(Glyph::Crash, "Crash", format!("crash {name}"))
    }];
    first.push(if is_cut {
        Deed::new(Glyph::Heal, "Mend its links", format!("mend {name}-all"))
    } else {
        Deed::new(Glyph::Cut, "Cut off", format!("cut {name}-all"))
    });
    let nodes = frame.nodes.iter().filter(|it| it.status != Status::Gone);
    let from = nodes
        .take(LINKS_LISTED)
        .map(|it| Deed::plain(it.id.to_string(), format!("cut {name}-{}", it.id)).staying());
    Deeds {
        first,
        more: vec![Group::new("Cut from", from.collect())],
    }
}

/// What can be done to the link between two ends.
pub fn to_link(one: End, two: End, frame: &Frame) -> Deeds {
    let both = format!("{one}-{two}");
    let has = |what: Amiss, ends: (End, End)| {
        let mut oddities = frame.network.oddities.iter();
        oddities.any(|it| it.what == what && it.link == Some(ends))
    };
    let either = |what| has(what, (one, two)) || has(what, (two, one));
    let cuts = &frame.network.cuts;
    let is_cut = |from: End, to: End| cuts.contains(&(from, to));
    let mut first = Vec::new();
    if is_cut(one, two) || is_cut(two, one) {
        first.push(Deed::new(Glyph::Heal, "Mend", format!("mend {both}")));
    }
    if !(is_cut(one, two) && is_cut(two, one)) {
        first.push(Deed::new(
            Glyph::Cut,
            "Cut both ways",
            format!("cut {both}"),
        ));
    }
    for (from, to) in [(one, two), (two, one)] {
        if !is_cut(from, to) {
            let label = format!("Cut {from} → {to}");
            first.push(Deed::new(Glyph::Cut, label, format!("cut {from}>{to}")));
        }
    }
    first.push(if either(Amiss::Clogged) {
        Deed::new(Glyph::ResumeNode, "Unclog", format!("unclog {both}"))
    } else {
        Deed::new(Glyph::PauseNode, "Clog", format!("clog {both}"))
    });
    first.push(Deed::new(Glyph::Restart, "Reset", format!("reset {both}")));
    let mut more = vec![quality("Both ways", &both)];
    for (from, to) in [(one, two), (two, one)] {
        let link = format!("{from}>{to}");
        let mut group = quality(&format!("{from} → {to}"), &link);
        group
            .deeds
            .push(Deed::plain("clog", format!("clog {link}")));
        more.push(group);
    }
    Deeds { first, more }
}

/// Delay and loss of a link's own.
fn quality(title: &str, link: &str) -> Group {
    let deed = |label: &str, rest: &str| Deed::plain(label, format!("link {link} {rest}"));
    Group::new(
        title,
        vec![
            deed("takes 80 ms", "latency 80ms"),
            deed("takes 300 ms", "latency 300ms"),
            deed("loses 20 %", "loss 20%"),
            deed("loses 50 %", "loss 50%"),
            deed("like the others", "plain"),
        ],
    )
}

/// What can be done to the cluster as a whole.
pub fn to_cluster(frame: &Frame) -> Vec<Group> {
    let shape = |it: &str| Deed::plain(it, format!("split {it}"));
    let shapes = [
        "one", "halves", "minority", "thirds", "bridge", "ring", "random",
    ];
    let mut split = shapes.map(shape).to_vec();
    if frame
        .network
        .oddities
        .iter()
        .any(|it| it.what == Amiss::Split)
    {
        split.push(Deed::plain("unite", "unite"));
    }
    vec![
        Group::new("Split the nodes", split),
        Group::new("Nodes", vec![Deed::plain("a new node joins", "join")]),
        Group::new(
            "All messages",
            vec![Deed::plain("release what is held", "release all")],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterscope_core::protocol::NodeId;
    use clusterscope_core::sim::command::Command;
    use clusterscope_core::{Player, RunSpec, Time};

    /// Everything that is offered in a frame.
    fn offered(player: &Player) -> Vec<Deed> {
        let frame = player.run().frame();
        let mut messages = Vec::new();
        player.run().messages(&mut messages);
        let nodes = frame
            .nodes
            .iter()
            .map(|it| to_node(it, &it.id.to_string(), &frame));
        let clients = frame.clients.iter().map(|it| to_client(it, &frame));
        let messages = messages
            .iter()
            .flat_map(|it| [to_message(it, true), to_message(it, false)]);
        let link = to_link(End::Node(NodeId(0)), End::Node(NodeId(1)), &frame);
        let cluster = Deeds {
            first: Vec::new(),
            more: to_cluster(&frame),
        };
        let all = nodes.chain(clients).chain(messages).chain([link, cluster]);
        let deeds = |it: Deeds| {
            it.first
                .into_iter()
                .chain(it.more.into_iter().flat_map(|it| it.deeds))
        };
        all.flat_map(deeds).collect()
    }

    #[test]
    fn every_deed_is_a_command_that_the_run_accepts() {
        for (link, grows) in [("#/paxos/calm", false), ("#/raft/leader-crash", true)] {
            let mut player = Player::open(RunSpec::from_link(link).unwrap()).unwrap();
            player.seek(Time(400_000_000));
            for text in [
                "pause n2",
                "crash n3",
                "partition n1",
                "clog n1-n2",
                "cut n1>n2",
            ] {
                player.command(text.parse().unwrap()).unwrap();
            }
            let offered = offered(&player);
            assert!(offered.len() > 100, "{}", offered.len());
            for deed in offered {
                let command: Command = deed.command.parse().unwrap();
                let fits = player.run().accepts(&command);
                let growth = matches!(command, Command::Join | Command::Leave(_));
                assert_eq!(fits.is_ok(), grows || !growth, "{}", deed.command);
            }
        }
    }

    #[test]
    fn what_a_run_refuses_is_not_offered() {
        let open = |link| LabHandle::open(RunSpec::from_link(link).unwrap()).unwrap();
        let (paxos, ping) = (open("#/paxos/calm?t=1s"), open("#/ping/calm?t=1s"));
        let leaves = |lab: &LabHandle| {
            let frame = lab.view().frame.clone();
            let deeds = to_node(&frame.nodes[0], "n1", &frame).accepted(lab);
            let mut all = deeds.more.iter().flat_map(|it| &it.deeds);
            all.any(|it| it.command == "leave n1")
        };
        assert!(leaves(&ping) && !leaves(&paxos));
    }

    #[test]
    fn a_fault_lasts_as_long_as_was_chosen() {
        let lab = LabHandle::open(RunSpec::from_link("#/raft/calm?t=1s").unwrap()).unwrap();
        lab.set_lasts(LASTS[1]);
        lab.deed("crash n1");
        lab.deed("heal");
        assert_eq!(lab.view().error, None);
        let done = lab.with(|it| it.commands().to_vec());
        let done: Vec<String> = done.iter().map(ToString::to_string).collect();
        assert_eq!(done, ["1s crash n1 for 500ms", "1s heal"]);
        lab.seek(Time(1_600_000_000));
        assert_eq!(lab.view().frame.nodes[0].status, Status::Up);
    }
}
