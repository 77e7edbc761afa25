//! Sentences of the paper as tests: each quotes the sentence, with its section, and shows one node what it is about.

use crate::protocol::{ClientId, Ctx, Effect, NodeId, Protocol, RequestId};
use crate::sim::clock::Clock;
use crate::sim::rng::{Rng, Stream};
use crate::sim::time::{Span, Time};

use super::{
    Config, Durable, Message, Number, Paxos, Phase, Proposal, ProposeRequest, Response, Rules,
    Tell, Timer, Value,
};

const N2: NodeId = NodeId(1);
const N3: NodeId = NodeId(2);
const N4: NodeId = NodeId(3);

/// One node of five, n1, and what it wanted done.
struct Node {
    paxos: Paxos,
    rng: Rng,
    effects: Vec<Effect<Paxos>>,
}

fn config() -> Config {
    Config {
        proposers: 0,
        acceptors: 0,
        phase_1_quorum: 0,
        phase_2_quorum: 0,
        tell: Tell::Proposer,
        retry: Span::ms(100),
        inquire: Span::ms(500),
        rules: Rules::ALL,
    }
}

impl Node {
    fn new() -> Node {
        Node::with(config(), Durable::default())
    }

    fn with(config: Config, durable: Durable) -> Node {
        let (mut rng, mut effects) = (Rng::stream(1, Stream::Node(0)), Vec::new());
        let start = |ctx: &mut Ctx<'_, Paxos>| Paxos::start(ctx, &config, durable);
        let paxos = with_ctx(&mut rng, &mut effects, start);
        Node {
            paxos,
            rng,
            effects,
        }
    }

    fn act(&mut self, handler: impl FnOnce(&mut Paxos, &mut Ctx<'_, Paxos>)) {
        self.effects.clear();
        let Node {
            paxos,
            rng,
            effects,
        } = self;
        with_ctx(rng, effects, |ctx| handler(paxos, ctx));
    }

    /// Lets a message arrive and returns what was sent.
    fn receive(&mut self, from: NodeId, message: Message) -> Vec<(NodeId, Message)> {
        self.act(|paxos, ctx| paxos.on_message(ctx, from, message));
        self.sent()
    }

    fn sent(&self) -> Vec<(NodeId, Message)> {
        let sent = |it: &Effect<Paxos>| match it {
            Effect::Send(to, message) => Some((*to, message.clone())),
            _ => None,
        };
        self.effects.iter().filter_map(sent).collect()
    }

    /// What was written last.
    fn written(&self) -> Option<&Durable> {
        self.effects.iter().rev().find_map(|it| match it {
            Effect::Persist(durable) => Some(durable),
            _ => None,
        })
    }

    fn ask(&mut self, value: &str) {
        let (id, request) = (id(1), ProposeRequest(word(value)));
        self.act(|paxos, ctx| paxos.on_request(ctx, id, request));
    }

    /// What it has proposed, if it is in phase 2.
    fn issued(&self) -> Option<Value> {
        match self.paxos.phase {
            Phase::Two { value } => Some(value),
            _ => None,
        }
    }

    /// Its disk after everything that it wrote.
    fn disk(&self) -> Durable {
        let paxos = &self.paxos;
        Durable {
            promised: paxos.promised,
            accepted: paxos.accepted,
            tried: paxos.tried,
            lost: paxos.lost,
        }
    }
}

/// Runs a handler of n1 at time 0.
fn with_ctx<T>(
    rng: &mut Rng,
    effects: &mut Vec<Effect<Paxos>>,
    run: impl FnOnce(&mut Ctx<'_, Paxos>) -> T,
) -> T {
    run(&mut Ctx {
        me: NodeId(0),
        nodes: 5,
        clock: &Clock::default(),
        time: Time(0),
        explain: true,
        rng,
        effects,
    })
}

fn id(client: u32) -> RequestId {
    RequestId {
        client: ClientId(client),
        sequence: 1,
        attempt: 1,
    }
}

fn word(value: &str) -> Value {
    value.parse().expect("a short word")
}

fn proposal(number: Number, value: &str) -> Proposal {
    Proposal {
        number,
        value: word(value),
    }
}

fn promise(number: Number, accepted: Option<Proposal>) -> Message {
    Message::Promise { number, accepted }
}

/// "A proposer selects a proposal number n and sends a prepare request with number n to a majority of acceptors." §2.2
#[test]
fn phase_1_asks_the_acceptors() {
    let mut node = Node::new();
    node.ask("blue");
    let sent = node.sent();
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(|it| it.1 == Message::Prepare { number: 5 }));
}

/// "If an acceptor receives a prepare request with number n greater than that of any prepare request to which it has
/// already responded, then it responds to the request with a promise not to accept any more proposals numbered less
/// than n and with the highest-numbered proposal (if any) that it has accepted." §2.2
#[test]
fn an_acceptor_promises_and_reports() {
    let mut node = Node::new();
    let sent = node.receive(N2, Message::Prepare { number: 6 });
    assert_eq!(sent, [(N2, promise(6, None))]);
    node.receive(N2, Message::Accept(proposal(6, "blue")));
    let sent = node.receive(N3, Message::Prepare { number: 12 });
    assert_eq!(sent, [(N3, promise(12, Some(proposal(6, "blue"))))]);
    let sent = node.receive(N2, Message::Accept(proposal(11, "red")));
    let refused = Message::Refuse {
        number: 11,
        promised: 12,
    };
    assert_eq!(sent, [(N2, refused)]);
    assert_eq!(node.paxos.accepted, Some(proposal(6, "blue")));
}

/// "If the proposer receives a response to its prepare requests (numbered n) from a majority of acceptors, then it
/// sends an accept request to each of those acceptors for a proposal numbered n with a value v, where v is the value
/// of the highest-numbered proposal among the responses, or is any value if the responses reported no proposals." §2.2
#[test]
fn phase_2_takes_the_highest_numbered_value_reported() {
    let mut free = Node::new();
    free.ask("blue");
    free.receive(N2, promise(5, None));
    assert_eq!(free.issued(), None, "two are no majority of five");
    let sent = free.receive(N3, promise(5, None));
    assert_eq!(free.issued(), Some(word("blue")));
    assert_eq!(sent[0].1, Message::Accept(proposal(5, "blue")));

    for reports in [["red", "green"], ["green", "red"]] {
        let mut bound = Node::new();
        bound.ask("blue");
        for (from, value) in [N2, N3].into_iter().zip(reports) {
            let number = if value == "green" { 3 } else { 2 };
            bound.receive(from, promise(5, Some(proposal(number, value))));
        }
        assert_eq!(bound.issued(), Some(word("green")), "{reports:?}");
    }
}

/// "If an acceptor receives an accept request for a proposal numbered n, it accepts the proposal unless it has already
/// responded to a prepare request having a number greater than n." §2.2
#[test]
fn an_acceptor_need_not_have_been_asked_before() {
    let mut node = Node::new();
    let sent = node.receive(N2, Message::Accept(proposal(6, "blue")));
    assert_eq!(sent, [(N2, Message::Accepted(proposal(6, "blue")))]);
    // To accept is to promise: a lower number comes too late, though nobody ever sent a higher prepare request.
    node.receive(N4, Message::Accept(proposal(3, "red")));
    assert_eq!(node.paxos.accepted, Some(proposal(6, "blue")));
}

/// "To learn that a value has been chosen, a learner must find out that a proposal has been accepted by a majority of
/// acceptors." §2.3
#[test]
fn a_learner_counts_acceptors_of_one_proposal() {
    let mut node = Node::with(
        Config {
            tell: Tell::Everybody,
            ..config()
        },
        Durable::default(),
    );
    node.receive(N2, Message::Accepted(proposal(6, "blue")));
    node.receive(N2, Message::Accepted(proposal(6, "blue")));
    node.receive(N3, Message::Accepted(proposal(11, "blue")));
    node.receive(N4, Message::Accepted(proposal(11, "blue")));
    assert_eq!(
        node.paxos.learned, None,
        "two each, however often they say so"
    );
    node.receive(N3, Message::Accepted(proposal(6, "blue")));
    node.receive(N4, Message::Accepted(proposal(6, "blue")));
    assert_eq!(node.paxos.learned, Some(word("blue")));
}

/// "If a learner needs to know whether a value has been chosen, it can have a proposer issue a proposal." §2.3
#[test]
fn a_learner_has_a_proposer_find_out() {
    let mut node = Node::new();
    node.act(|paxos, ctx| paxos.on_timer(ctx, Timer::Inquire));
    assert_eq!(node.sent()[0].1, Message::Prepare { number: 5 });
    node.receive(N2, promise(5, None));
    node.receive(N3, promise(5, None));
    assert!(
        matches!(node.paxos.phase, Phase::Idle),
        "nothing to propose"
    );
    node.act(|paxos, ctx| paxos.on_timer(ctx, Timer::Inquire));
    node.receive(N2, promise(10, Some(proposal(6, "blue"))));
    node.receive(N3, promise(10, None));
    assert_eq!(node.issued(), Some(word("blue")));
}

/// "It is probably a good idea to abandon a proposal if some proposer has begun trying to issue a higher-numbered one."
/// §2.2
#[test]
fn whoever_is_overtaken_waits() {
    let mut node = Node::new();
    node.ask("blue");
    let sent = node.receive(N2, Message::Prepare { number: 6 });
    assert_eq!(sent, [(N2, promise(6, None))]);
    assert!(matches!(node.paxos.phase, Phase::Waiting));
    node.receive(N3, promise(5, None));
    node.receive(N4, promise(5, None));
    assert_eq!(node.issued(), None, "the old promises are of no use");
    node.act(|paxos, ctx| paxos.on_timer(ctx, Timer::Retry));
    assert_eq!(node.sent()[0].1, Message::Prepare { number: 10 });
}

/// "An acceptor records its intended response in stable storage before actually sending the response." "Each proposer
/// remembers (in stable storage) the highest-numbered proposal it has tried to issue, and begins phase 1 with a higher
/// proposal number than any it has already used." §2.5
#[test]
fn what_binds_is_on_disk_before_it_is_said() {
    let writes_first = |node: &Node| {
        let place = |wanted: fn(&Effect<Paxos>) -> bool| node.effects.iter().position(wanted);
        let write = place(|it| matches!(it, Effect::Persist(_))).expect("something is written");
        write < place(|it| matches!(it, Effect::Send(..))).expect("something is said")
    };
    let mut node = Node::new();
    node.receive(N2, Message::Prepare { number: 6 });
    assert!(writes_first(&node));
    assert_eq!(node.written().map(|it| it.promised), Some(6));
    node.receive(N2, Message::Accept(proposal(6, "blue")));
    assert!(writes_first(&node));
    let accepted = node.written().and_then(|it| it.accepted);
    assert_eq!(accepted, Some(proposal(6, "blue")));
    node.ask("red");
    assert!(writes_first(&node));
    assert_eq!(node.written().map(|it| it.tried), Some(10));

    let mut again = Node::with(config(), node.disk());
    again.ask("red");
    assert_eq!(again.paxos.tried, 15);
}

/// "Different proposers choose their numbers from disjoint sets of numbers." §2.5
#[test]
fn no_two_nodes_share_a_number() {
    let mut node = Node::new();
    for heard in [0, 3, 5, 6, 99, 100, 101] {
        node.paxos.heard = heard;
        let number = node.paxos.next_number();
        assert!(number > heard && number % 5 == 0, "{number} after {heard}");
    }
}

/// Any quorum of the first phase and any of the second have an acceptor in common, whatever is set.
#[test]
fn quorums_meet() {
    for nodes in 2..=9 {
        for phase_1_quorum in 0..=nodes as u64 {
            let config = Config {
                phase_1_quorum,
                ..config()
            };
            let (one, two) = config.quorums(nodes);
            assert!(one + two > nodes && two >= 2, "{one} and {two} of {nodes}");
            assert!(two <= nodes || phase_1_quorum == 1, "{two} of {nodes}");
        }
    }
}

/// "If the replica ever starts again with an empty disk, it will discover the GFS marker and indicate that its disk is
/// corrupted." Paxos Made Live, §5.1
#[test]
fn who_lost_its_disk_only_learns() {
    use crate::protocol::Stored;
    let used = Durable {
        promised: 6,
        ..Durable::default()
    };
    assert!(!Durable::default().wiped().lost, "nothing was lost");
    let mut node = Node::with(config(), used.wiped());
    assert_eq!(node.receive(N2, Message::Prepare { number: 11 }), []);
    assert_eq!(node.receive(N2, Message::Accept(proposal(11, "blue"))), []);
    node.ask("red");
    let told = Some(Response::NotProposer(Some(N2)));
    let redirect = |it: &Effect<Paxos>| match it {
        Effect::Respond(_, response) => Some(response) == told.as_ref(),
        _ => false,
    };
    assert!(node.effects.iter().any(redirect));
    let value = word("blue");
    node.receive(N2, Message::Chosen { value });
    assert_eq!(node.paxos.learned, Some(value));
}
