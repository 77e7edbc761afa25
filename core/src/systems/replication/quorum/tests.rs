//! Sentences of the papers as tests: each shows one node, or one item, what it is about.

use crate::parts::kv::Key;
use crate::parts::version::{Clock, Dot};
use crate::protocol::{Answer, ClientId, Ctx, Effect, NodeId, Outcome, Protocol, RequestId};
use crate::sim::clock;
use crate::sim::rng::{Rng, Stream};
use crate::sim::time::Time;

use super::{
    Config, Durable, Item, Message, Pledge, Quorum, Request, Response, Stamp, Timer, Version,
};

const N1: NodeId = NodeId(0);
const N2: NodeId = NodeId(1);
const N3: NodeId = NodeId(2);

fn dot(node: NodeId, count: u64) -> Dot {
    Dot { node, count }
}

fn version(value: Option<i64>, name: Dot, context: &str) -> Item {
    Item::of(Version {
        stamp: Stamp { at: 0, dot: name },
        value,
        context: context.parse().unwrap(),
        written: Time(0),
    })
}

fn merged(items: &[&Item]) -> Item {
    let mut all = Item::default();
    items.iter().for_each(|it| all.merge(it, false));
    all
}

/// Node n1 of a cluster, and what it wanted done.
struct Node {
    node: Quorum,
    nodes: u16,
    effects: Vec<Effect<Quorum>>,
}

impl Node {
    fn new(nodes: u16, set: fn(&mut Config)) -> Node {
        let mut config = Config::DEFAULT;
        set(&mut config);
        let mut effects = Vec::new();
        let mut ctx = Ctx {
            me: N1,
            nodes,
            clock: &clock::Clock::default(),
            time: Time(0),
            explain: true,
            rng: &mut Rng::stream(1, Stream::Node(0)),
            effects: &mut effects,
        };
        let node = Quorum::start(&mut ctx, &config, Durable::default());
        Node {
            node,
            nodes,
            effects,
        }
    }

    fn act(&mut self, handler: impl FnOnce(&mut Quorum, &mut Ctx<'_, Quorum>)) {
        self.effects.clear();
        let mut ctx = Ctx {
            me: N1,
            nodes: self.nodes,
            clock: &clock::Clock::default(),
            time: Time(7),
            explain: true,
            rng: &mut Rng::stream(2, Stream::Node(0)),
            effects: &mut self.effects,
        };
        handler(&mut self.node, &mut ctx);
    }

    fn asks(&mut self, text: &str) {
        let id = RequestId {
            client: ClientId(1),
            sequence: 1,
            attempt: 1,
        };
        let request: Request = text.parse().unwrap();
        self.act(|node, ctx| node.on_request(ctx, id, request));
    }

    fn hears(&mut self, from: NodeId, message: Message) {
        self.act(|node, ctx| node.on_message(ctx, from, message));
    }

    fn waits(&mut self, halves: usize) {
        for _ in 0..halves {
            self.act(|node, ctx| node.on_timer(ctx, Timer::Patience));
        }
    }

    fn sent(&self) -> Vec<(NodeId, &Message)> {
        let sent = self.effects.iter().filter_map(|it| match it {
            Effect::Send(to, message) => Some((*to, message)),
            _ => None,
        });
        sent.collect()
    }

    fn kinds(&self) -> Vec<&'static str> {
        use crate::protocol::Payload;
        self.sent().iter().map(|it| it.1.kind()).collect()
    }

    fn told(&self) -> Option<Outcome> {
        self.effects.iter().find_map(|it| match it {
            Effect::Respond(_, response) => Some(response.outcome()),
            _ => None,
        })
    }

    /// The number of the request that it coordinates.
    fn op(&self) -> u64 {
        *self
            .node
            .operations
            .keys()
            .next()
            .expect("it coordinates one")
    }

    /// Each of these tells what it has.
    fn responds(&mut self, from: NodeId, item: Item) {
        let op = self.op();
        self.hears(from, Message::Response { op, item });
    }
}

/// "If the counters on the first object's clock are less-than-or-equal to all of the nodes in the second clock, then
/// the first is an ancestor of the second and can be forgotten. Otherwise, the two changes are considered to be in
/// conflict." §4.4
#[test]
fn ancestors_are_forgotten_and_conflicts_are_kept() {
    let (one, two) = (
        version(Some(1), dot(N1, 1), "-"),
        version(Some(2), dot(N1, 2), "n1:1"),
    );
    let three = version(Some(3), dot(N2, 1), "n1:1");
    assert_eq!(merged(&[&one, &two]).values(), [2]);
    assert_eq!(merged(&[&two, &one]).values(), [2]);
    let both = merged(&[&two, &three]);
    assert_eq!(both.values(), [2, 3]);
    assert_eq!(both, merged(&[&three, &one, &two]));
    assert_eq!(both.seen.to_string(), "n1:2,n2:1");
}

#[test]
fn a_collected_tombstone_keeps_old_copies_away() {
    let old = version(Some(1), dot(N1, 1), "-");
    let mut gone = merged(&[&old, &version(None, dot(N2, 1), "n1:1")]);
    assert!(gone.values().is_empty());
    gone.versions.clear();
    gone.merge(&old, false);
    assert!(gone.values().is_empty());
    assert!(merged(&[&old, &gone]).values().is_empty());
}

#[test]
fn the_last_writer_wins_in_any_order() {
    let stamped = |at, node: NodeId| {
        let mut item = version(Some(at as i64), dot(node, 1), "-");
        item.versions[0].stamp.at = at;
        item.newest = Some(item.versions[0].stamp);
        item
    };
    let (early, late) = (stamped(5, N2), stamped(6, N1));
    for order in [[&early, &late], [&late, &early]] {
        let mut all = Item::default();
        order.iter().for_each(|it| all.merge(it, true));
        assert_eq!(all.values(), [6]);
    }
}

/// "The coordinator generates the vector clock for the new version and writes the new version locally. The coordinator
/// then sends the new version … to the N highest-ranked reachable nodes. If at least W-1 nodes respond then the write
/// is considered successful." §4.5
#[test]
fn a_write_is_done_when_w_homes_have_it() {
    let mut node = Node::new(3, |_| {});
    node.asks("put x 5");
    assert_eq!(node.kinds(), ["Write"; 3]);
    let counted = matches!(
        node.effects
            .iter()
            .find(|it| !matches!(it, Effect::SetTimer(..))),
        Some(Effect::Persist(_))
    );
    assert!(counted, "the dot is on disk before anybody hears of it");
    let op = node.op();
    node.hears(N2, Message::Ack { op });
    node.hears(N2, Message::Ack { op });
    assert_eq!(node.told(), None);
    node.hears(N1, Message::Ack { op });
    assert!(matches!(node.told(), Some(Outcome::Done(_))));
}

/// "When a client wishes to update an object, it must specify which version it is updating." §4.4
#[test]
fn a_put_comes_after_what_its_client_saw() {
    let mut node = Node::new(3, |_| {});
    node.asks("get x");
    node.responds(N2, version(Some(1), dot(N2, 1), "-"));
    node.responds(N3, version(Some(2), dot(N3, 1), "-"));
    assert_eq!(node.told(), Some(Outcome::Done(serde_json::json!([1, 2]))));
    node.asks("put x 3");
    let writes = |node: &Node| match node.sent()[..] {
        [(_, Message::Write { item, .. }), ..] => item.versions[0].context.to_string(),
        _ => panic!("it writes"),
    };
    assert_eq!(writes(&node), "n2:1,n3:1");
    node.asks("put x 4 after n2:1");
    assert_eq!(writes(&node), "n2:1");
}

/// "If node A is temporarily down or unreachable during a write operation then a replica that would normally have lived
/// on A will now be sent to node D … The replica sent to D will have a hint in its metadata that suggests which node
/// was the intended recipient." §4.6
#[test]
fn who_stands_in_is_told_for_whom() {
    let mut node = Node::new(5, |_| {});
    let key: Key = "x".parse().unwrap();
    let (homes, walk) = (node.node.homes(key), node.node.walk(key));
    node.asks("put x 5");
    let op = node.op();
    node.hears(homes[0], Message::Ack { op });
    node.waits(2);
    let hinted = node.sent().into_iter().filter_map(|(to, it)| match it {
        Message::Write {
            hint: Some(home), ..
        } => Some((to, *home)),
        _ => None,
    });
    assert_eq!(
        hinted.collect::<Vec<_>>(),
        [(walk[3], homes[1]), (walk[4], homes[2])]
    );
    // "Upon detecting that A has recovered, D will attempt to deliver the replica to A."
    let mut stand_in = Node::new(5, |_| {});
    let item = version(Some(5), dot(N2, 1), "-");
    let (op, hint) = (1, Some(N3));
    stand_in.hears(
        N2,
        Message::Write {
            op,
            key,
            item,
            hint,
        },
    );
    stand_in.act(|node, ctx| node.on_timer(ctx, Timer::Tick));
    assert!(
        stand_in
            .sent()
            .iter()
            .any(|it| it.0 == N3 && matches!(it.1, Message::Handoff { .. }))
    );
}

/// "Each read operation … propagates the value to a majority before it returns" (Attiya, Bar-Noy, Dolev, §3); with many
/// writers, a write first learns the greatest stamp.
#[test]
fn abd_asks_before_it_writes_and_writes_before_it_answers() {
    let exact = |it: &mut Config| {
        it.promise = Pledge::Linearizable;
        it.lww = true;
        it.sloppy = false;
        it.read_repair = false;
    };
    let mut node = Node::new(3, exact);
    let mut known = version(Some(1), dot(N2, 1), "-");
    known.versions[0].stamp.at = 41;
    known.newest = Some(known.versions[0].stamp);
    node.asks("put x 5");
    assert_eq!(node.kinds(), ["Read"; 3]);
    node.responds(N2, known.clone());
    node.responds(N3, Item::default());
    let stamps: Vec<u64> = node
        .node
        .operations
        .values()
        .map(|it| it.item.newest.unwrap().at)
        .collect();
    assert_eq!(stamps, [42]);
    assert_eq!(node.kinds(), ["Write"; 3]);

    let mut reader = Node::new(3, exact);
    reader.asks("get x");
    reader.responds(N2, known);
    reader.responds(N3, Item::default());
    assert_eq!((reader.kinds(), reader.told()), (vec!["Write"; 3], None));
    let op = reader.op();
    reader.hears(N1, Message::Ack { op });
    reader.hears(N3, Message::Ack { op });
    assert_eq!(reader.told(), Some(Outcome::Done(serde_json::json!(1))));
}

#[test]
fn r_is_raised_only_for_who_is_promised_fresh_reads() {
    let sizes = |n, r, w, promise| {
        Config {
            n,
            r,
            w,
            promise,
            ..Config::DEFAULT
        }
        .read_quorum()
    };
    assert_eq!(sizes(3, 1, 1, Pledge::Eventual), 1);
    assert_eq!(sizes(3, 1, 1, Pledge::Fresh), 3);
    assert_eq!(sizes(5, 2, 3, Pledge::Linearizable), 3);
}

#[test]
fn requests_and_text_are_one_to_one() {
    for text in [
        "get x",
        "put x 5",
        "put x 5 after n1:2,n2.4",
        "delete x after -",
        "cas x 1 2",
    ] {
        assert_eq!(text.parse::<Request>().unwrap().to_string(), text);
    }
    for text in [
        "put x 5 after",
        "get x after n1:1",
        "put x 5 after x",
        "put after n1:1",
    ] {
        assert!(text.parse::<Request>().is_err(), "{text}");
    }
    let refused = Response::Refused("no".to_owned());
    assert_eq!(refused.outcome(), Outcome::Refused("no".to_owned()));
    assert!(Clock::default().is_empty());
}
