//! One node at a time: what the monitor decides, what a server refuses, when a primary answers.

use crate::parts::kv::KvRequest;
use crate::parts::log::Log;
use crate::parts::quorum::NodeSet;
use crate::protocol::{ClientId, Ctx, Effect, NodeId, Protocol, RequestId};
use crate::sim::clock::Clock;
use crate::sim::rng::{Rng, Stream};
use crate::sim::time::Time;

use super::{
    Config, Durable, Entry, Epoch, Message, Mode, PrimaryBackup, Response, State, Timer, View,
};

const N1: NodeId = NodeId(0);
const N2: NodeId = NodeId(1);
const N3: NodeId = NodeId(2);
const MONITOR: NodeId = NodeId(3);

/// A node of four, and what it wanted done.
struct Node {
    node: PrimaryBackup,
    me: NodeId,
    effects: Vec<Effect<PrimaryBackup>>,
}

fn ctx<'a>(
    me: NodeId,
    clock: &'a Clock,
    rng: &'a mut Rng,
    effects: &'a mut Vec<Effect<PrimaryBackup>>,
) -> Ctx<'a, PrimaryBackup> {
    Ctx {
        me,
        nodes: 4,
        clock,
        time: Time(0),
        explain: true,
        rng,
        effects,
    }
}

impl Node {
    fn new(me: NodeId, mode: Mode, durable: Durable) -> Node {
        let config = Config {
            mode,
            ..Config::DEFAULT
        };
        let (mut rng, mut effects) = (Rng::stream(1, Stream::Node(0)), Vec::new());
        let clock = Clock::default();
        let mut ctx = ctx(me, &clock, &mut rng, &mut effects);
        let node = PrimaryBackup::start(&mut ctx, &config, durable);
        Node { node, me, effects }
    }

    /// A server that has become primary of epoch 1 with an empty log.
    fn primary(mode: Mode) -> Node {
        let mut node = Node::new(N1, mode, Durable::default());
        node.hears(MONITOR, Message::View(view(1, N1)));
        node
    }

    fn act(&mut self, handler: impl FnOnce(&mut PrimaryBackup, &mut Ctx<'_, PrimaryBackup>)) {
        self.effects.clear();
        let (clock, mut rng) = (Clock::default(), Rng::stream(2, Stream::Node(0)));
        let mut ctx = ctx(self.me, &clock, &mut rng, &mut self.effects);
        handler(&mut self.node, &mut ctx);
    }

    fn hears(&mut self, from: NodeId, message: Message) {
        self.act(|node, ctx| node.on_message(ctx, from, message));
    }

    fn times_out(&mut self, timer: Timer) {
        self.act(|node, ctx| node.on_timer(ctx, timer));
    }

    fn asks(&mut self, sequence: u32, text: &str) {
        let id = RequestId {
            client: ClientId(1),
            sequence,
            attempt: 1,
        };
        let request: KvRequest = text.parse().unwrap();
        self.act(|node, ctx| node.on_request(ctx, id, request));
    }

    fn sent(&self, to: NodeId) -> Vec<&Message> {
        let sent = self.effects.iter().filter_map(|it| match it {
            Effect::Send(node, message) if *node == to => Some(message),
            _ => None,
        });
        sent.collect()
    }

    fn answers(&self) -> usize {
        let answers =
            |it: &&Effect<PrimaryBackup>| matches!(it, Effect::Respond(_, Response::Done { .. }));
        self.effects.iter().filter(answers).count()
    }

    fn acknowledges(&mut self, from: NodeId, index: u64) {
        let epoch = self.node.epoch;
        let message = Message::Acknowledge {
            epoch,
            success: true,
            index,
        };
        self.hears(from, message);
    }
}

fn view(epoch: Epoch, primary: NodeId) -> View {
    View {
        epoch,
        primary: Some(primary),
        members: NodeSet::from_iter([N1, N2, N3]),
    }
}

fn log(epochs: &[Epoch]) -> Log<Entry> {
    let entries = epochs.iter().map(|epoch| Entry {
        epoch: *epoch,
        command: None,
    });
    entries.collect()
}

/// A monitor of epoch 1, whose primary is n1, which has fallen silent; these have answered, with epoch and index.
fn decided(mode: Mode, answers: &[(NodeId, Epoch, u64)]) -> Option<NodeId> {
    let durable = Durable {
        epoch: 1,
        view: View {
            members: NodeSet::from_iter([N1, N2]),
            ..view(1, N1)
        },
        log: Log::default(),
    };
    let mut monitor = Node::new(MONITOR, mode, durable);
    monitor.times_out(Timer::Silence);
    assert_eq!(monitor.sent(N2), [&Message::Ask { epoch: 2 }]);
    for (from, last_epoch, last_index) in answers {
        let status = Message::Status {
            epoch: 2,
            last_epoch: *last_epoch,
            last_index: *last_index,
        };
        monitor.hears(*from, status);
    }
    monitor.times_out(Timer::Gather);
    match monitor.sent(N1)[..] {
        [Message::View(view)] => {
            assert_eq!(view.epoch, 2);
            view.primary
        }
        [Message::Ask { epoch: 2 }] => None,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn sync_promotes_any_member_and_nobody_else() {
    assert_eq!(decided(Mode::Sync, &[(N2, 1, 3), (N3, 1, 9)]), Some(N2));
    assert_eq!(decided(Mode::Sync, &[(N3, 1, 9)]), None);
}

#[test]
fn semi_sync_hears_all_but_one_and_takes_the_newest_log() {
    assert_eq!(decided(Mode::SemiSync, &[(N3, 1, 9)]), None);
    let both = [(N2, 1, 9), (N3, 2, 4)];
    assert_eq!(decided(Mode::SemiSync, &both), Some(N3));
}

#[test]
fn async_waits_for_the_old_primary() {
    let others = [(N2, 1, 9), (N3, 1, 9)];
    assert_eq!(decided(Mode::Async, &others), None);
    assert_eq!(decided(Mode::Async, &[(N1, 1, 2), (N2, 1, 1)]), Some(N1));
}

#[test]
fn who_has_left_an_epoch_refuses_what_comes_from_it() {
    let mut backup = Node::new(N2, Mode::Sync, Durable::default());
    backup.hears(MONITOR, Message::Ask { epoch: 2 });
    let late = Message::Replicate {
        epoch: 1,
        prev_index: 0,
        prev_epoch: 0,
        entries: log(&[1]).slice(0, 1),
        commit: 1,
    };
    backup.hears(N1, late);
    let refusal = Message::Acknowledge {
        epoch: 2,
        success: false,
        index: 0,
    };
    assert_eq!(backup.sent(N1), [&refusal]);
    assert!(backup.node.log.is_empty());
    let mut deposed = Node::primary(Mode::Sync);
    deposed.hears(N2, refusal);
    assert!(matches!(deposed.node.state, State::Backup));
}

#[test]
fn a_primary_answers_only_while_a_granted_beat_counts() {
    let mut primary = Node::primary(Mode::Async);
    primary.asks(1, "get x");
    assert_eq!(primary.answers(), 0, "nothing was granted yet");
    let grant = |epoch, number| Message::Grant { epoch, number };
    primary.hears(MONITOR, grant(0, 1));
    primary.asks(2, "get x");
    assert_eq!(primary.answers(), 0, "that was for another reign");
    primary.hears(MONITOR, grant(1, 1));
    primary.asks(3, "get x");
    assert_eq!(primary.answers(), 1);
    primary.times_out(Timer::Lease(1));
    primary.asks(4, "put x 1");
    assert_eq!(primary.answers(), 0);
    // The second beat was sent, but its time is over before the grant arrives.
    primary.times_out(Timer::Beat);
    primary.times_out(Timer::Lease(2));
    primary.hears(MONITOR, grant(1, 2));
    primary.asks(5, "get x");
    assert_eq!(primary.answers(), 0);
}

/// A primary whose first entry is committed, with a lease.
fn reigning(mode: Mode) -> Node {
    let mut primary = Node::primary(mode);
    let grant = Message::Grant {
        epoch: 1,
        number: 1,
    };
    primary.hears(MONITOR, grant);
    for backup in [N2, N3] {
        primary.acknowledges(backup, 1);
    }
    primary
}

#[test]
fn a_write_is_done_when_the_mode_says_so() {
    let mut sync = reigning(Mode::Sync);
    sync.asks(1, "put x 1");
    assert_eq!(sync.answers(), 0);
    sync.acknowledges(N2, 2);
    assert_eq!(sync.answers(), 0);
    sync.acknowledges(N3, 2);
    assert_eq!(sync.answers(), 1);

    let mut semi = reigning(Mode::SemiSync);
    semi.asks(1, "put x 1");
    semi.acknowledges(N3, 2);
    assert_eq!(semi.answers(), 1);

    let mut quick = reigning(Mode::Async);
    quick.asks(1, "put x 1");
    assert_eq!(quick.answers(), 1);
    // It was on its way to the disk before.
    let disk = quick
        .effects
        .iter()
        .position(|it| matches!(it, Effect::Persist(_)));
    let told = quick
        .effects
        .iter()
        .position(|it| matches!(it, Effect::Respond(..)));
    assert!(disk < told);
}

#[test]
fn a_newcomer_counts_from_when_it_is_asked_for() {
    let mut primary = reigning(Mode::Sync);
    let without = View {
        members: NodeSet::from_iter([N1, N2]),
        ..view(2, N1)
    };
    primary.hears(MONITOR, Message::View(without));
    // n3 has all, so the primary asks for it; the monitor may have decided before the primary hears of it.
    primary.acknowledges(N3, 1);
    primary.times_out(Timer::Beat);
    let change = Message::Change {
        epoch: 2,
        members: NodeSet::from_iter([N1, N2, N3]),
    };
    assert!(primary.sent(MONITOR).contains(&&change));
    primary.asks(1, "put x 1");
    primary.acknowledges(N2, 2);
    assert_eq!(primary.answers(), 0);
    primary.acknowledges(N3, 2);
    assert_eq!(primary.answers(), 1);
}

#[test]
fn a_newcomer_must_have_all_that_a_new_primary_found() {
    let durable = Durable {
        epoch: 1,
        view: view(1, N1),
        log: log(&[1, 1, 1]),
    };
    let mut primary = Node::new(N1, Mode::Sync, durable);
    let alone = View {
        members: NodeSet::from_iter([N1]),
        ..view(2, N1)
    };
    primary.hears(MONITOR, Message::View(alone));
    let asks = |it: &Node| {
        let sent = it.sent(MONITOR);
        sent.iter().any(|it| matches!(it, Message::Change { .. }))
    };
    assert!(!asks(&primary), "nobody is known to have anything");
    primary.acknowledges(N2, 3);
    primary.times_out(Timer::Beat);
    assert!(!asks(&primary), "the first entry of this reign is missing");
    primary.acknowledges(N2, 4);
    primary.times_out(Timer::Beat);
    assert!(asks(&primary));
}

#[test]
fn nobody_reigns_twice_in_one_view() {
    let durable = Durable {
        epoch: 1,
        view: view(1, N1),
        log: log(&[1]),
    };
    let mut restarted = Node::new(N1, Mode::Sync, durable);
    restarted.hears(MONITOR, Message::View(view(1, N1)));
    assert!(matches!(restarted.node.state, State::Backup));
    restarted.hears(MONITOR, Message::View(view(2, N1)));
    assert!(matches!(restarted.node.state, State::Primary(_)));
}

#[test]
fn what_was_never_replicated_is_deleted() {
    let durable = Durable {
        epoch: 1,
        view: View::default(),
        log: log(&[1, 1, 1]),
    };
    let mut back = Node::new(N1, Mode::Sync, durable);
    let message = Message::Replicate {
        epoch: 2,
        prev_index: 1,
        prev_epoch: 1,
        entries: log(&[2]).slice(0, 1),
        commit: 2,
    };
    back.hears(N2, message);
    assert_eq!(back.node.log, log(&[1, 2]));
    assert_eq!(back.node.deleted, 2);
}
