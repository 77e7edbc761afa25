//! Sentences of the paper as tests: each quotes the sentence, with its section, and shows one server what it is about.

mod later;

use crate::parts::log::Log;
use crate::protocol::{ClientId, Ctx, Effect, NodeId, Protocol, RequestId};
use crate::sim::clock::Clock;
use crate::sim::rng::{Rng, Stream};
use crate::sim::time::{Span, Time};

use super::{
    Command, Config, Durable, Entries, Entry, Index, Message, Raft, Request, Response, Rules,
    State, Term, Timer,
};

/// One server of a cluster, n1, and what it wanted done.
struct Server {
    raft: Raft,
    rng: Rng,
    nodes: u16,
    effects: Vec<Effect<Raft>>,
    /// What its clock has counted.
    time: Time,
}

const N2: NodeId = NodeId(1);
const N3: NodeId = NodeId(2);

impl Server {
    /// A server of five that starts with this on its disk: its term, and the terms of its entries.
    fn new(current_term: Term, terms: &[Term]) -> Server {
        Server::with(current_term, terms, Config::DEFAULT)
    }

    fn with_rules(current_term: Term, terms: &[Term], rules: Rules) -> Server {
        let config = Config {
            rules,
            ..Config::DEFAULT
        };
        Server::with(current_term, terms, config)
    }

    fn with(current_term: Term, terms: &[Term], config: Config) -> Server {
        let durable = Durable {
            current_term,
            voted_for: None,
            entries: Entries::new(log(terms)),
            snapshot: None,
        };
        Server::start(config, durable)
    }

    fn start(config: Config, durable: Durable) -> Server {
        let (mut rng, mut effects) = (Rng::stream(1, Stream::Node(0)), Vec::new());
        let mut ctx = Ctx {
            me: NodeId(0),
            nodes: 5,
            clock: &Clock::default(),
            time: Time(0),
            explain: true,
            rng: &mut rng,
            effects: &mut effects,
        };
        let raft = Raft::start(&mut ctx, &config, durable);
        Server {
            raft,
            rng,
            nodes: 5,
            effects,
            time: Time(0),
        }
    }

    fn act(&mut self, handler: impl FnOnce(&mut Raft, &mut Ctx<'_, Raft>)) {
        self.effects.clear();
        let mut ctx = Ctx {
            me: NodeId(0),
            nodes: self.nodes,
            clock: &Clock::default(),
            time: self.time,
            explain: true,
            rng: &mut self.rng,
            effects: &mut self.effects,
        };
        handler(&mut self.raft, &mut ctx);
    }

    /// Lets a message arrive and returns the answer, if there is one.
    fn receive(&mut self, from: NodeId, message: Message) -> Option<Message> {
        self.act(|raft, ctx| raft.on_message(ctx, from, message));
        self.sent().into_iter().next().map(|it| it.1)
    }

    fn fire(&mut self, timer: Timer) {
        self.act(|raft, ctx| raft.on_timer(ctx, timer));
    }

    fn sent(&self) -> Vec<(NodeId, Message)> {
        let sent = |it: &Effect<Raft>| match it {
            Effect::Send(to, message) => Some((*to, message.clone())),
            _ => None,
        };
        self.effects.iter().filter_map(sent).collect()
    }

    /// Makes it a leader by the votes of n2 and n3.
    fn elect(&mut self) {
        self.fire(Timer::Election);
        let term = self.raft.current_term;
        for voter in [N2, N3] {
            self.receive(
                voter,
                Message::RequestVoteResponse {
                    term,
                    vote_granted: true,
                },
            );
        }
        assert!(matches!(self.raft.state, State::Leader(_)));
    }

    fn role(&self) -> &'static str {
        match self.raft.state {
            State::Follower => "follower",
            State::PreCandidate { .. } => "precandidate",
            State::Candidate { .. } => "candidate",
            State::Leader(_) => "leader",
        }
    }

    fn terms(&self) -> Vec<Term> {
        let entries = &self.raft.entries;
        entries.with(0, |it| it.iter().map(|it| it.term).collect())
    }
}

fn log(terms: &[Term]) -> Log<Entry> {
    terms
        .iter()
        .map(|term| Entry {
            term: *term,
            command: Command::Noop,
        })
        .collect()
}

/// What a client is told.
fn answered(server: &Server) -> Option<Response> {
    server.effects.iter().find_map(|it| match it {
        Effect::Respond(_, response) => Some(response.clone()),
        _ => None,
    })
}

fn append(term: Term, previous: (Index, Term), terms: &[Term], leader_commit: Index) -> Message {
    Message::AppendEntries {
        term,
        prev_log_index: previous.0,
        prev_log_term: previous.1,
        entries: log(terms).slice(0, u32::MAX),
        leader_commit,
        round: 0,
    }
}

fn ask_vote(term: Term, last_log_index: Index, last_log_term: Term) -> Message {
    Message::RequestVote {
        term,
        last_log_index,
        last_log_term,
        leader_wants_it: false,
    }
}

fn vote(term: Term, vote_granted: bool) -> Option<Message> {
    Some(Message::RequestVoteResponse { term, vote_granted })
}

fn appended(term: Term, success: bool, match_index: Index) -> Message {
    answer(term, success, match_index, 0, 0)
}

fn refused(term: Term, match_index: Index, conflict_term: Term) -> Message {
    answer(term, false, match_index, conflict_term, 0)
}

fn answer(
    term: Term,
    success: bool,
    match_index: Index,
    conflict_term: Term,
    round: u64,
) -> Message {
    Message::AppendEntriesResponse {
        term,
        success,
        match_index,
        conflict_term,
        round,
    }
}

/// "If a candidate or leader discovers that its term is out of date, it immediately reverts to follower state." §5.1
#[test]
fn whoever_is_out_of_date_follows() {
    let mut leader = Server::new(3, &[1, 2]);
    leader.elect();
    leader.receive(N2, appended(9, false, 0));
    assert_eq!((leader.role(), leader.raft.current_term), ("follower", 9));
    let mut candidate = Server::new(3, &[1, 2]);
    candidate.fire(Timer::Election);
    assert_eq!(candidate.role(), "candidate");
    candidate.receive(
        N2,
        Message::RequestVoteResponse {
            term: 9,
            vote_granted: false,
        },
    );
    assert_eq!(
        (candidate.role(), candidate.raft.voted_for),
        ("follower", None)
    );
}

/// "If a server receives a request with a stale term number, it rejects the request." §5.1
#[test]
fn stale_requests_are_rejected() {
    let mut server = Server::new(5, &[1, 4]);
    assert_eq!(server.receive(N2, ask_vote(4, 9, 4)), vote(5, false));
    assert_eq!(
        server.receive(N2, append(4, (2, 4), &[4], 2)),
        Some(appended(5, false, 0))
    );
    assert_eq!((server.terms(), server.raft.commit_index), (vec![1, 4], 0));
}

/// "Each server will vote for at most one candidate in a given term, on a first-come-first-served basis." §5.2
#[test]
fn one_vote_a_term_first_come_first_served() {
    let mut server = Server::new(1, &[1]);
    assert_eq!(server.receive(N3, ask_vote(2, 1, 1)), vote(2, true));
    assert_eq!(server.receive(N2, ask_vote(2, 7, 1)), vote(2, false));
    // The same question again, from a network that repeats.
    assert_eq!(server.receive(N3, ask_vote(2, 1, 1)), vote(2, true));
    assert_eq!(server.receive(N2, ask_vote(3, 7, 1)), vote(3, true));
}

/// "A candidate wins an election if it receives votes from a majority of the servers in the full cluster for the same
/// term." §5.2
#[test]
fn a_majority_of_one_term_elects() {
    let mut server = Server::new(1, &[]);
    server.fire(Timer::Election);
    let votes = |term| Message::RequestVoteResponse {
        term,
        vote_granted: true,
    };
    server.receive(N2, votes(2));
    server.receive(N2, votes(2));
    assert_eq!(
        server.role(),
        "candidate",
        "a vote that arrives twice counts once"
    );
    server.receive(N3, votes(1));
    assert_eq!(
        server.role(),
        "candidate",
        "a vote for an earlier term does not count"
    );
    server.receive(N3, votes(2));
    assert_eq!(server.role(), "leader");
}

/// "If the leader's term (included in its RPC) is at least as large as the candidate's current term, then the candidate
/// recognizes the leader as legitimate and returns to follower state." §5.2
#[test]
fn a_candidate_recognizes_the_leader_of_its_term() {
    let mut server = Server::new(1, &[1]);
    server.fire(Timer::Election);
    server.receive(N2, append(1, (1, 1), &[], 0));
    assert_eq!(server.role(), "candidate");
    server.receive(N2, append(2, (1, 1), &[], 0));
    assert_eq!((server.role(), server.raft.leader), ("follower", Some(N2)));
}

/// "… election timeouts are chosen randomly from a fixed interval (e.g., 150–300ms)." §5.2
#[test]
fn election_timeouts_are_random() {
    let mut server = Server::new(1, &[1]);
    server.receive(N2, append(1, (1, 1), &[], 0));
    let timer = server.effects.iter().find_map(|it| match it {
        Effect::SetTimer(Timer::Election, min, max) => Some((*min, *max)),
        _ => None,
    });
    assert_eq!(timer, Some((Span::ms(150), Span::ms(300))));
}

/// "If the follower does not find an entry in its log with the same index and term, then it refuses the new entries."
/// §5.3
#[test]
fn entries_without_their_predecessor_are_refused() {
    let mut server = Server::new(3, &[1, 1, 2]);
    assert_eq!(
        server.receive(N2, append(3, (3, 3), &[3], 0)),
        Some(refused(3, 2, 2))
    );
    assert_eq!(
        server.receive(N2, append(3, (7, 3), &[3], 0)),
        Some(appended(3, false, 3))
    );
    assert_eq!(server.terms(), [1, 1, 2]);
    assert_eq!(
        server.receive(N2, append(3, (2, 1), &[3, 3], 0)),
        Some(appended(3, true, 4))
    );
    assert_eq!(server.terms(), [1, 1, 3, 3]);
}

/// "If an existing entry conflicts with a new one (same index but different terms), delete the existing entry and all
/// that follow it." Figure 2: only then, so that a late message deletes nothing.
#[test]
fn only_a_conflict_deletes_entries() {
    let mut server = Server::new(3, &[1, 2, 3, 3]);
    assert_eq!(
        server.receive(N2, append(3, (1, 1), &[2], 0)),
        Some(appended(3, true, 2))
    );
    assert_eq!(server.terms(), [1, 2, 3, 3]);
    server.receive(N2, append(4, (1, 1), &[4], 0));
    assert_eq!(server.terms(), [1, 4]);
}

/// "If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new entry)." Figure 2
#[test]
fn a_follower_commits_no_further_than_it_is_known_to_agree() {
    let mut server = Server::new(3, &[1, 2, 2]);
    server.receive(N2, append(3, (1, 1), &[], 3));
    assert_eq!(
        server.raft.commit_index, 1,
        "entries 2 and 3 may not be the leader's"
    );
    server.receive(N2, append(3, (1, 1), &[3], 3));
    assert_eq!((server.raft.commit_index, server.raft.last_applied), (2, 2));
}

/// "… the voter denies its vote if its own log is more up-to-date than that of the candidate. … If the logs have last
/// entries with different terms, then the log with the later term is more up-to-date. If the logs end with the same
/// term, then whichever log is longer is more up-to-date." §5.4.1
#[test]
fn votes_go_to_logs_that_are_up_to_date() {
    for (index, term, granted) in [
        (2, 3, true),
        (9, 2, false),
        (1, 3, false),
        (1, 4, true),
        (3, 3, true),
    ] {
        let mut server = Server::new(4, &[1, 3]);
        assert_eq!(
            server.receive(N2, ask_vote(5, index, term)),
            vote(5, granted),
            "{index} {term}"
        );
    }
}

/// "Only log entries from the leader's current term are committed by counting replicas; once an entry from the current
/// term has been committed in this way, then all prior entries are committed indirectly." §5.4.2
#[test]
fn entries_of_earlier_terms_are_not_counted() {
    let commit_index = |rules: Rules, match_index: Index| {
        let mut leader = Server::with_rules(2, &[1, 2], rules);
        leader.elect();
        assert_eq!(leader.terms(), [1, 2, 3]);
        for follower in [N2, N3] {
            leader.receive(follower, appended(3, true, match_index));
        }
        leader.raft.commit_index
    };
    assert_eq!(commit_index(Rules::PAPER, 2), 0);
    assert_eq!(commit_index(Rules::PAPER, 3), 3);
    let without = Rules {
        commit_own_term: false,
        ..Rules::PAPER
    };
    assert_eq!(
        commit_index(without, 2),
        2,
        "this is what Figure 8 warns of"
    );
}

/// "Raft handles this by having each leader commit a blank no-op entry into the log at the start of its term." §8
#[test]
fn a_leader_begins_with_an_empty_entry() {
    let mut leader = Server::new(2, &[1, 2]);
    leader.elect();
    assert_eq!(
        leader.raft.entries.get(3),
        Some(Entry {
            term: 3,
            command: Command::Noop
        })
    );
    let sent = leader.sent();
    let to: Vec<NodeId> = sent.iter().map(|it| it.0).collect();
    assert_eq!(to, [1, 2, 3, 4, 1, 2, 3, 4].map(NodeId));
    let counts = sent.iter().map(|it| match &it.1 {
        Message::AppendEntries { entries, .. } => entries.len(),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        counts.collect::<Vec<_>>(),
        [0, 0, 0, 0, 1, 1, 1, 1],
        "first it is heard, then its entry follows"
    );
}

/// "If the client's first choice is not the leader, that server will reject the client's request and supply information
/// about the most recent leader it has heard from. … If it receives a command whose serial number has already been
/// executed, it responds immediately without re-executing the request." §8
#[test]
fn clients_are_sent_on_and_answered_once() {
    let id = RequestId {
        client: ClientId(7),
        sequence: 1,
        attempt: 1,
    };
    let request: Request = "put x 5".parse().expect("a request");
    let mut follower = Server::new(1, &[1]);
    follower.receive(N3, append(1, (1, 1), &[], 0));
    follower.act(|raft, ctx| raft.on_request(ctx, id, request));
    assert_eq!(answered(&follower), Some(Response::NotLeader(Some(N3))));

    let mut leader = Server::new(1, &[]);
    leader.elect();
    leader.act(|raft, ctx| raft.on_request(ctx, id, request));
    leader.act(|raft, ctx| raft.on_request(ctx, RequestId { attempt: 2, ..id }, request));
    assert_eq!(
        leader.terms(),
        [2, 2, 2],
        "nothing is known yet, so the log holds it twice"
    );
    for follower in [N2, N3] {
        leader.receive(follower, appended(2, true, 3));
    }
    assert_eq!(leader.raft.executed.len(), 1);
    leader.act(|raft, ctx| raft.on_request(ctx, RequestId { attempt: 3, ..id }, request));
    assert!(matches!(answered(&leader), Some(Response::Executed(_))));
    assert_eq!(leader.terms().len(), 3);
}

/// "Persistent state on all servers (updated on stable storage before responding to RPCs)." Figure 2
#[test]
fn what_must_survive_is_written_before_the_answer() {
    let before_answer = |server: &Server| {
        let at = |wanted: fn(&Effect<Raft>) -> bool| server.effects.iter().position(wanted);
        let write = at(|it| matches!(it, Effect::Persist(_))).expect("something is written");
        let answer = at(|it| matches!(it, Effect::Send(..))).expect("something is answered");
        write < answer
    };
    let mut voter = Server::new(1, &[1]);
    voter.receive(N2, ask_vote(2, 1, 1));
    assert!(before_answer(&voter));
    let mut follower = Server::new(1, &[1]);
    follower.receive(N2, append(1, (1, 1), &[1], 0));
    assert!(before_answer(&follower));
    let mut candidate = Server::new(1, &[1]);
    candidate.fire(Timer::Election);
    assert!(before_answer(&candidate));
}
