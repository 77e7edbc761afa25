//! The sentences of the paper, each as a test.

use super::*;

fn node(me: u16, order: Order) -> Broadcast {
    Broadcast {
        me: NodeId(me),
        config: Config {
            order,
            interval: Span::secs(1),
            exchange: Span::secs(1),
            replies: Chance::NEVER,
            fifo_wait: true,
            causal_wait: true,
            one_order: true,
            once: true,
        },
        life: 0,
        kept: Kept::default(),
        others: PerNode::default(),
        out: Vec::new(),
        burst: 0,
        relayed: 0,
        surprised: false,
    }
}

fn post<const N: usize>(origin: u16, vt: [u32; N]) -> Post {
    let vt = Vector::from(vt);
    Post {
        id: PostId {
            origin: NodeId(origin),
            sequence: vt.get(NodeId(origin)),
        },
        vt,
        reply_to: None,
        word: None,
    }
}

/// §5.1: delivery of m is delayed until "VT(m)[k] = VT(p)[k] + 1 if k = i" and "VT(m)[k] <= VT(p)[k] otherwise".
#[test]
fn a_post_is_delayed_until_its_causes_are_there() {
    let mut node = node(2, Order::Causal);
    node.kept.vt = [1, 0, 0].into();
    assert!(
        !node.may_deliver(&post(0, [1, 0, 0])),
        "it was delivered before"
    );
    assert!(node.may_deliver(&post(0, [2, 0, 0])));
    assert!(
        !node.may_deliver(&post(0, [3, 0, 0])),
        "the one before it is missing"
    );
    assert!(node.may_deliver(&post(1, [1, 1, 0])));
    assert!(
        !node.may_deliver(&post(1, [2, 1, 0])),
        "what its sender knew is missing"
    );
    node.config.order = Order::Fifo;
    assert!(
        node.may_deliver(&post(1, [2, 1, 0])),
        "FIFO order asks for no causes"
    );
}

/// §5.2: the others deliver "in the order" that the holder of the token sends.
#[test]
fn in_a_total_order_everybody_waits_for_its_place() {
    let mut node = node(2, Order::Total);
    let (one, two) = (post(0, [1]), post(1, [0, 1]));
    assert!(!node.may_deliver(&one));
    node.kept.order.push(two.id);
    node.kept.order.push(one.id);
    assert!(node.may_deliver(&two) && !node.may_deliver(&one));
}

#[test]
fn what_is_received_is_counted_without_gaps() {
    let mut node = node(2, Order::Causal);
    for sequence in [1, 3, 2, 5] {
        node.take(Rc::new(post(0, [sequence])));
    }
    assert_eq!(node.kept.received.to_string(), "[3]");
    assert!(node.has(post(0, [5]).id) && !node.has(post(0, [4]).id));
}

/// A process that holds back much of one sender once starved of another: seed 6445 of the swarm.
#[test]
fn what_is_missing_is_sent_of_every_process() {
    let mut node = node(2, Order::Fifo);
    for sequence in 1..=100 {
        node.take(Rc::new(post(0, [sequence])));
        node.take(Rc::new(post(1, [0, sequence])));
    }
    node.compare(NodeId(3), [0, 40].into(), 0);
    let sent = |origin: u16| {
        let ids = node.out.iter().filter_map(|it| match &it.1 {
            Message::Post(post) => Some(post.id),
            _ => None,
        });
        let mut own = ids.filter(|it| it.origin == NodeId(origin));
        (own.next().map(|it| it.sequence), own.count() + 1)
    };
    assert_eq!((sent(0), sent(1)), ((Some(1), BATCH), (Some(41), BATCH)));
}

#[test]
fn requests_and_text_are_one_to_one() {
    assert_eq!(
        "post hello".parse::<Say>().unwrap().to_string(),
        "post hello"
    );
    for text in ["", "post", "post two words", "say hello"] {
        assert!(text.parse::<Say>().is_err(), "{text}");
    }
}
