//! Sentences of the paper as tests: each quotes the sentence, with its section, and shows one server what it is about.

use crate::parts::kv::{KvRequest, KvResult};
use crate::parts::log::Slice;
use crate::protocol::{ClientId, Ctx, Effect, NodeId, Protocol, RequestId, Stored};
use crate::sim::clock::Clock;
use crate::sim::rng::{Rng, Stream};
use crate::sim::time::{Span, Time};

use super::{
    Ballot, Command, Config, Durable, Entry, Message, MultiPaxos, Proposal, Response, Rules,
    Session, Slot, State, Timer,
};

const N2: NodeId = NodeId(1);
const N3: NodeId = NodeId(2);

/// One server of five, n1, and what it wanted done.
struct Server {
    paxos: MultiPaxos,
    rng: Rng,
    effects: Vec<Effect<MultiPaxos>>,
}

/// Runs a handler of n1 at time 0.
fn with_ctx<T>(
    rng: &mut Rng,
    effects: &mut Vec<Effect<MultiPaxos>>,
    run: impl FnOnce(&mut Ctx<'_, MultiPaxos>) -> T,
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

impl Server {
    fn new(durable: Durable) -> Server {
        let config = Config {
            election_min: Span::ms(150),
            election_max: Span::ms(300),
            heartbeat: Span::ms(50),
            window: 3,
            batch: 2,
            phase_1_quorum: 0,
            phase_2_quorum: 0,
            rules: Rules::ALL,
        };
        let (mut rng, mut effects) = (Rng::stream(1, Stream::Node(0)), Vec::new());
        let start = |ctx: &mut Ctx<'_, MultiPaxos>| MultiPaxos::start(ctx, &config, durable);
        let paxos = with_ctx(&mut rng, &mut effects, start);
        Server {
            paxos,
            rng,
            effects,
        }
    }

    fn act(&mut self, handler: impl FnOnce(&mut MultiPaxos, &mut Ctx<'_, MultiPaxos>)) {
        self.effects.clear();
        let Server {
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
        let sent = |it: &Effect<MultiPaxos>| match it {
            Effect::Send(to, message) => Some((*to, message.clone())),
            _ => None,
        };
        self.effects.iter().filter_map(sent).collect()
    }

    /// What n2 was asked to accept.
    fn proposed(&self) -> Vec<Proposal> {
        let to_n2 = |(to, message): (NodeId, Message)| match message {
            Message::Accept { proposal, .. } if to == N2 => Some(proposal),
            _ => None,
        };
        self.sent().into_iter().filter_map(to_n2).collect()
    }

    fn fire(&mut self, timer: Timer) {
        self.act(|paxos, ctx| paxos.on_timer(ctx, timer));
    }

    fn ask(&mut self, client: u32, attempt: u32) {
        let id = RequestId {
            client: ClientId(client),
            sequence: 1,
            attempt,
        };
        self.act(|paxos, ctx| paxos.on_request(ctx, id, request()));
    }

    /// Makes it a leader by the promises of n2, who has accepted these, and n3.
    fn lead(&mut self, accepted: Vec<Proposal>) {
        self.fire(Timer::Election);
        let ballot = self.paxos.tried;
        self.receive(N2, promise(ballot, accepted));
        self.receive(N3, promise(ballot, Vec::new()));
        assert!(matches!(self.paxos.state, State::Leader { .. }));
    }

    fn answers(&self) -> usize {
        let answers = |it: &&Effect<MultiPaxos>| {
            matches!(
                it,
                Effect::Respond(_, Response::Executed(KvResult::Written))
            )
        };
        self.effects.iter().filter(answers).count()
    }
}

fn request() -> KvRequest {
    "put x 5".parse().expect("a request")
}

/// The request of client `client`.
fn command(client: u32) -> Command {
    let session = Session {
        client: ClientId(client),
        sequence: 1,
    };
    Command::Client(session, request())
}

fn proposal(slot: Slot, ballot: Ballot, client: u32) -> Proposal {
    Proposal {
        slot,
        ballot,
        command: command(client),
    }
}

fn promise(ballot: Ballot, accepted: Vec<Proposal>) -> Message {
    Message::Promise {
        ballot,
        from: 1,
        chosen: Slice::empty(),
        accepted,
    }
}

fn accept(proposal: Proposal, chosen: Slot) -> Message {
    Message::Accept { proposal, chosen }
}

/// "A newly chosen leader executes phase 1 for infinitely many instances of the consensus algorithm … Using the same
/// proposal number for all instances, it can do this by sending a single reasonably short message." §3
#[test]
fn one_prepare_is_for_all_slots() {
    let mut server = Server::new(Durable::default());
    server.fire(Timer::Election);
    let asked = Message::Prepare { ballot: 5, from: 1 };
    assert!(server.sent().iter().all(|it| it.1 == asked) && server.sent().len() == 4);
    server.receive(N2, promise(5, Vec::new()));
    server.receive(N3, promise(5, Vec::new()));
    for client in 1..=2 {
        server.ask(client, 1);
        assert_eq!(server.proposed(), [proposal(client.into(), 5, client)]);
    }
}

/// "In phase 1, an acceptor responds with more than a simple OK only if it has already received a phase 2 message from
/// some proposer." §3
#[test]
fn a_promise_reports_what_was_accepted() {
    let mut server = Server::new(Durable::default());
    let sent = server.receive(N2, Message::Prepare { ballot: 6, from: 1 });
    assert_eq!(sent, [(N2, promise(6, Vec::new()))]);
    server.receive(N2, accept(proposal(3, 6, 1), 0));
    let sent = server.receive(N3, Message::Prepare { ballot: 7, from: 1 });
    assert_eq!(sent, [(N3, promise(7, vec![proposal(3, 6, 1)]))]);
    let sent = server.receive(N2, accept(proposal(4, 6, 2), 0));
    let refused = Message::Refuse {
        ballot: 6,
        promised: 7,
    };
    assert_eq!(sent, [(N2, refused)]);
}

/// "Suppose that the outcome of these executions determine the value to be proposed in instances 135 and 140, but
/// leaves the proposed value unconstrained in all other instances. The leader then executes phase 2 for instances 135
/// and 140." "… by proposing, as commands 136 and 137, a special no-op command that leaves the state unchanged." §3
#[test]
fn a_new_leader_takes_over_and_fills_the_gaps() {
    let mut server = Server::new(Durable::default());
    server.fire(Timer::Election);
    server.receive(N2, promise(5, vec![proposal(1, 3, 1), proposal(4, 3, 4)]));
    server.receive(N3, promise(5, vec![proposal(1, 4, 9)]));
    let no_op = |slot| Proposal {
        slot,
        ballot: 5,
        command: Command::Noop,
    };
    let expected = [proposal(1, 5, 9), no_op(2), no_op(3), proposal(4, 5, 4)];
    assert_eq!(
        server.proposed(),
        expected,
        "the highest ballot wins slot 1"
    );
}

/// "In general, suppose a leader can get α commands ahead — that is, it can propose commands i+1 through i+α after
/// commands 1 through i are chosen." §3
#[test]
fn a_leader_goes_no_further_ahead_than_its_window() {
    let mut server = Server::new(Durable::default());
    server.lead(Vec::new());
    for client in 1..=4 {
        server.ask(client, 1);
    }
    assert_eq!(server.proposed(), [], "the window is 3");
    for from in [N2, N3] {
        server.receive(from, Message::Accepted { ballot: 5, slot: 1 });
    }
    assert_eq!((server.paxos.chosen.len(), server.answers()), (1, 1));
    server.ask(4, 2);
    assert_eq!(server.proposed(), [proposal(4, 5, 4)]);
}

/// "It can't execute commands 138-140, which it also knows, because commands 136 and 137 have yet to be chosen." §3
#[test]
fn nothing_is_executed_before_what_comes_before_it() {
    let mut server = Server::new(Durable::default());
    server.lead(Vec::new());
    server.ask(1, 1);
    server.ask(2, 1);
    for from in [N2, N3] {
        server.receive(from, Message::Accepted { ballot: 5, slot: 2 });
    }
    assert_eq!((server.paxos.executed, server.answers()), (0, 0));
    server.receive(N2, Message::Accepted { ballot: 5, slot: 1 });
    server.receive(N3, Message::Accepted { ballot: 5, slot: 1 });
    assert_eq!((server.paxos.executed, server.answers()), (2, 1 + 1));
}

/// An acceptor learns from the leader's word only what it accepted in that very ballot; for the rest it asks.
#[test]
fn only_what_was_accepted_in_the_leaders_ballot_is_known_to_be_chosen() {
    let mut server = Server::new(Durable::default());
    server.receive(N2, accept(proposal(1, 6, 1), 0));
    server.receive(N2, accept(proposal(2, 6, 2), 1));
    assert_eq!(server.paxos.chosen.len(), 1);
    let heartbeat = Message::Heartbeat {
        ballot: 7,
        chosen: 2,
    };
    let sent = server.receive(N3, heartbeat);
    assert_eq!(sent, [(N3, Message::CatchUp { from: 2 })]);
    assert_eq!(
        server.paxos.chosen.len(),
        1,
        "ballot 7 may have had another"
    );
}

/// A server that lags gets what it lacks in batches, and asks on as long as they are full.
#[test]
fn who_lags_catches_up() {
    let entry = |client| Entry {
        ballot: 6,
        command: command(client),
    };
    let chosen = [1, 2, 3].map(entry).into_iter().collect();
    let mut ahead = Server::new(Durable {
        chosen,
        ..Durable::default()
    });
    assert_eq!(ahead.paxos.executed, 3, "it is executed again at the start");
    let mut behind = Server::new(Durable::default());
    let mut from = 1;
    for asks_on in [true, false] {
        let (_, batch) = ahead.receive(N2, Message::CatchUp { from }).remove(0);
        let sent = behind.receive(N2, batch);
        from = u64::from(behind.paxos.chosen.len()) + 1;
        assert_eq!(sent == [(N2, Message::CatchUp { from })], asks_on);
    }
    assert_eq!(behind.paxos.executed, 3);
}

/// A request that is sent again is not proposed again, and takes effect once.
#[test]
fn a_request_takes_effect_once() {
    let mut server = Server::new(Durable::default());
    server.lead(Vec::new());
    server.ask(1, 1);
    server.ask(1, 2);
    assert_eq!(server.proposed(), []);
    for from in [N2, N3] {
        server.receive(from, Message::Accepted { ballot: 5, slot: 1 });
    }
    assert_eq!((server.paxos.effects.len(), server.answers()), (1, 2));
    server.ask(1, 3);
    assert_eq!((server.paxos.effects.len(), server.answers()), (1, 1));
}

/// What binds an acceptor is on disk before anybody hears of it.
#[test]
fn what_binds_is_on_disk_before_it_is_said() {
    let writes_first = |server: &Server| {
        let place =
            |wanted: fn(&Effect<MultiPaxos>) -> bool| server.effects.iter().position(wanted);
        let write = place(|it| matches!(it, Effect::Persist(_))).expect("something is written");
        write < place(|it| matches!(it, Effect::Send(..))).expect("something is said")
    };
    let mut server = Server::new(Durable::default());
    server.receive(N2, Message::Prepare { ballot: 6, from: 1 });
    assert!(writes_first(&server));
    server.receive(N2, accept(proposal(1, 6, 1), 0));
    assert!(writes_first(&server));
    server.fire(Timer::Election);
    assert!(writes_first(&server));
    let mut leader = Server::new(Durable::default());
    leader.lead(Vec::new());
    leader.ask(1, 1);
    assert!(writes_first(&leader));
}

/// A write that a crash interrupts leaves the ballots and a part of what was accepted: nobody has heard of the rest.
#[test]
fn a_torn_write_is_a_part_of_it() {
    let before = Durable {
        promised: 3,
        accepted: vec![proposal(1, 3, 1)],
        ..Durable::default()
    };
    let after = Durable {
        promised: 5,
        accepted: vec![proposal(1, 5, 2), proposal(2, 5, 3)],
        ..Durable::default()
    };
    let mut rng = Rng::stream(1, Stream::Node(0));
    let mut counts = [0; 3];
    for _ in 0..100 {
        let torn = Durable::torn(&before, &after, &mut rng);
        assert_eq!(torn.promised, 5);
        let new = torn.accepted.iter().filter(|it| it.ballot == 5).count();
        counts[new] += 1;
    }
    assert!(counts.iter().all(|it| *it > 0), "{counts:?}");
    assert!(after.wiped().lost && !Durable::default().wiped().lost);
}
