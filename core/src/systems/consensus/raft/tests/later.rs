//! What grew out of Figure 2: pre-vote, check-quorum, transfer, back-up by terms, snapshots, members, reads.

use std::rc::Rc;

use crate::parts::quorum::NodeSet;
use crate::sim::dist::Chance;

use super::super::{Configuration, Reads, Request, Snapshot};
use super::*;

const N4: NodeId = NodeId(3);
const N6: NodeId = NodeId(5);

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::DEFAULT;
    change(&mut config);
    config
}

fn at(millis: u64) -> Time {
    Time(Span::ms(millis).0)
}

fn id(sequence: u32) -> RequestId {
    RequestId {
        client: ClientId(7),
        sequence,
        attempt: 1,
    }
}

fn ask(server: &mut Server, sequence: u32, request: &str) {
    let request: Request = request.parse().expect("a request");
    server.act(|raft, ctx| raft.on_request(ctx, id(sequence), request));
}

/// Everybody in `by` has answered all that the leader has, in its present round.
fn all_answer(leader: &mut Server, by: &[NodeId]) {
    let (term, last) = (leader.raft.current_term, leader.raft.last_index());
    let round = match &leader.raft.state {
        State::Leader(leader) => leader.rounds.current,
        _ => panic!("it leads"),
    };
    for from in by {
        leader.receive(*from, answer(term, true, last, 0, round));
    }
}

fn kinds(server: &Server) -> Vec<&'static str> {
    use crate::protocol::Payload;
    server.sent().iter().map(|it| it.1.kind()).collect()
}

fn nodes(names: &[u16]) -> NodeSet {
    names.iter().map(|it| NodeId(*it - 1)).collect()
}

/// "In the Pre-Vote algorithm, a candidate only increments its term if it first learns from a majority of the cluster
/// that they would be willing to grant the candidate their votes." Dissertation, §9.6
#[test]
fn no_term_begins_before_a_majority_would_vote() {
    let mut server = Server::with_rules(3, &[1], Rules::ALL);
    server.fire(Timer::Election);
    assert_eq!(
        (server.role(), server.raft.current_term),
        ("precandidate", 3)
    );
    assert_eq!(kinds(&server), ["PreVote"; 4]);
    let yes = |term| Message::PreVoteResponse {
        term,
        vote_granted: true,
    };
    server.receive(N2, yes(4));
    server.receive(N2, yes(4));
    server.receive(N3, yes(3));
    assert_eq!(
        server.raft.current_term, 3,
        "one answer counts once, an old one not at all"
    );
    server.receive(N3, yes(4));
    assert_eq!((server.role(), server.raft.current_term), ("candidate", 4));
    let State::Candidate { votes } = &server.raft.state else {
        panic!("it stands");
    };
    assert_eq!(votes.len(), 1, "what was answered to a pre-vote is no vote");
}

/// "… they would be willing to grant the candidate their votes (if the candidate's log is sufficiently up-to-date, and
/// the voters have not received heartbeats from a valid leader for at least a baseline election timeout)." §9.6
#[test]
fn whoever_hears_a_leader_sees_no_reason_for_an_election() {
    let pre_vote = |term, index| Message::PreVote {
        term,
        last_log_index: index,
        last_log_term: 1,
    };
    let granted = |answer: Option<Message>| {
        matches!(
            answer,
            Some(Message::PreVoteResponse {
                vote_granted: true,
                ..
            })
        )
    };
    let mut server = Server::with_rules(1, &[1], Rules::ALL);
    server.receive(N2, append(1, (1, 1), &[], 0));
    server.time = at(149);
    assert!(!granted(server.receive(N3, pre_vote(2, 5))));
    server.time = at(150);
    assert!(granted(server.receive(N3, pre_vote(2, 5))));
    assert!(
        !granted(server.receive(N3, pre_vote(2, 0))),
        "it has a longer log"
    );
    assert!(
        !granted(server.receive(N3, pre_vote(1, 5))),
        "that term has begun"
    );
    assert_eq!(
        (server.raft.current_term, server.raft.voted_for),
        (1, None),
        "an answer binds nobody"
    );
}

/// "A leader in Raft steps down if an election timeout elapses without a successful round of heartbeats to a majority
/// of its cluster." Dissertation, §6.2
#[test]
fn a_leader_without_a_majority_steps_down() {
    let mut rules = Rules::PAPER;
    rules.check_quorum = true;
    let mut leader = Server::with_rules(1, &[1], rules);
    leader.elect();
    all_answer(&mut leader, &[N2, N3]);
    leader.fire(Timer::Election);
    assert_eq!(leader.role(), "leader");
    all_answer(&mut leader, &[N2]);
    leader.fire(Timer::Election);
    assert_eq!((leader.role(), leader.raft.current_term), ("follower", 2));
}

/// "If a server receives a RequestVote request within the minimum election timeout of hearing from a current leader, it
/// does not update its term or grant its vote." Dissertation, §4.2.3
#[test]
fn a_leader_that_is_heard_is_protected() {
    let mut rules = Rules::PAPER;
    rules.check_quorum = true;
    let mut server = Server::with_rules(1, &[1], rules);
    server.receive(N2, append(1, (1, 1), &[], 0));
    assert_eq!(server.receive(N3, ask_vote(9, 5, 1)), None);
    assert_eq!(server.raft.current_term, 1);
    let wanted = Message::RequestVote {
        term: 2,
        last_log_index: 5,
        last_log_term: 1,
        leader_wants_it: true,
    };
    assert_eq!(
        server.receive(N3, wanted),
        vote(2, true),
        "unless the leader itself wants it"
    );
    server.receive(N2, append(2, (1, 1), &[], 0));
    server.time = at(150);
    assert_eq!(server.receive(N4, ask_vote(3, 5, 1)), vote(3, true));
}

/// "1. The prior leader stops accepting new client requests. 2. The prior leader fully updates the target server's log
/// … 3. The prior leader sends a TimeoutNow request to the target server." Dissertation, §3.10
#[test]
fn a_leader_hands_over() {
    let mut leader = Server::new(1, &[1]);
    leader.elect();
    ask(&mut leader, 1, "transfer n3");
    assert!(!kinds(&leader).contains(&"TimeoutNow"), "n3 lacks an entry");
    ask(&mut leader, 2, "put x 1");
    assert_eq!(answered(&leader), Some(Response::NotLeader(None)));
    all_answer(&mut leader, &[N3]);
    assert!(
        leader
            .sent()
            .contains(&(N3, Message::TimeoutNow { term: 2 }))
    );
    leader.fire(Timer::Transfer);
    assert!(matches!(answered(&leader), Some(Response::Refused(_))));
    ask(&mut leader, 3, "put x 1");
    assert_eq!(leader.terms(), [1, 2, 2], "it goes on leading");

    let mut target = Server::with_rules(2, &[1, 2], Rules::ALL);
    target.receive(N2, append(2, (2, 2), &[], 0));
    target.receive(N2, Message::TimeoutNow { term: 1 });
    assert_eq!(target.role(), "follower", "from an earlier term");
    target.receive(N2, Message::TimeoutNow { term: 2 });
    assert_eq!((target.role(), target.raft.current_term), ("candidate", 3));
    assert!(target.sent().iter().all(|it| matches!(
        it.1,
        Message::RequestVote {
            leader_wants_it: true,
            ..
        }
    )));
}

/// "… the follower can include the term of the conflicting entry and the first index it stores for that term. With this
/// information, the leader can decrement nextIndex to bypass all of the conflicting entries in that term." §5.3
#[test]
fn a_leader_goes_back_a_term_at_a_time() {
    let mut follower = Server::new(5, &[1, 2, 2, 2, 3, 3]);
    assert_eq!(
        follower.receive(N2, append(5, (6, 4), &[], 0)),
        Some(refused(5, 4, 3))
    );
    assert_eq!(
        follower.receive(N2, append(5, (4, 4), &[], 0)),
        Some(refused(5, 1, 2))
    );
    assert_eq!(
        follower.receive(N2, append(5, (9, 4), &[], 0)),
        Some(refused(5, 6, 0)),
        "there is nothing"
    );
    let mut slow = Server::with(5, &[1, 2, 2, 2, 3, 3], config(|it| it.fast_back_up = false));
    assert_eq!(
        slow.receive(N2, append(5, (4, 4), &[], 0)),
        Some(refused(5, 3, 0))
    );

    // (where it stood, what the follower says, where it goes on)
    for (index, conflict_term, goes_on) in [(1, 2, 3), (0, 3, 1), (0, 9, 1), (2, 0, 3)] {
        let mut leader = Server::new(4, &[1, 2, 4, 4]);
        leader.elect();
        leader.receive(N2, refused(5, index, conflict_term));
        let sent = leader.sent();
        let Some((_, Message::AppendEntries { prev_log_index, .. })) = sent.first() else {
            panic!("{sent:?}");
        };
        assert_eq!(prev_log_index + 1, goes_on, "{index} {conflict_term}");
        assert_eq!(sent.len(), 1, "until it is accepted, one message at a time");
    }
}

/// "Once a server completes writing a snapshot, it may delete all log entries up through the last included index." §7
#[test]
fn a_snapshot_takes_the_place_of_entries() {
    let mut leader = Server::with(1, &[], config(|it| it.snapshot = 3));
    leader.elect();
    for sequence in 1..=3 {
        ask(&mut leader, sequence, &format!("put x {sequence}"));
        all_answer(&mut leader, &[N2, N3]);
    }
    assert_eq!(leader.raft.last_applied, 4);
    assert_eq!(leader.raft.entries.base(), 3, "the first three: x is 2");
    let snapshot = leader.raft.snapshot.clone().expect("there is one");
    assert_eq!(
        (snapshot.last_included_index, snapshot.last_included_term),
        (3, 2)
    );
    assert_eq!(snapshot.store.describe(), "x=2");
    ask(&mut leader, 4, "put x 4");
    let on_disk = leader.effects.iter().rev().find_map(|it| match it {
        Effect::Persist(durable) => Some(durable.clone()),
        _ => None,
    });
    let durable = on_disk.expect("it was written");
    let again = Server::start(Config::DEFAULT, durable);
    assert_eq!(again.raft.store.describe(), "x=2");
    assert_eq!((again.raft.commit_index, again.raft.last_index()), (3, 5));

    // "… the leader must occasionally send snapshots to followers that lag behind." §7
    leader.receive(N4, refused(2, 0, 0));
    let sent = leader.sent();
    assert!(
        matches!(&sent[..], [(N4, Message::InstallSnapshot { snapshot: it, .. })] if Rc::ptr_eq(it, &snapshot)),
        "{sent:?}"
    );
    let answer = Message::InstallSnapshotResponse {
        term: 2,
        match_index: 3,
        round: 0,
    };
    leader.receive(N4, answer);
    let sent = leader.sent();
    assert!(
        matches!(
            &sent[..],
            [(
                N4,
                Message::AppendEntries {
                    prev_log_index: 3,
                    ..
                }
            )]
        ),
        "{sent:?}"
    );
}

fn install(index: Index, term: Term) -> Message {
    let mut store = crate::parts::kv::Store::default();
    store.apply(&"put x 9".parse().expect("a request"));
    Message::InstallSnapshot {
        term: 5,
        snapshot: Rc::new(Snapshot {
            last_included_index: index,
            last_included_term: term,
            configuration: (0, Configuration::of(nodes(&[1, 2, 3, 4, 5]))),
            store,
            sessions: Default::default(),
            executed: Default::default(),
        }),
        round: 0,
    }
}

/// "If … the snapshot describes a prefix of its log …, then log entries covered by the snapshot are deleted but entries
/// following the snapshot are still valid and must be retained"; else "the follower discards its entire log". §7
#[test]
fn what_follows_a_snapshot_is_kept_where_the_logs_agree() {
    let mut server = Server::new(5, &[1, 2, 3, 4]);
    server.receive(N2, install(3, 3));
    assert_eq!((server.raft.entries.base(), server.terms()), (3, vec![4]));
    assert_eq!(server.raft.store.describe(), "x=9");
    let mut other = Server::new(5, &[1, 2, 2, 4]);
    other.receive(N2, install(3, 3));
    assert_eq!((other.raft.last_index(), other.terms().len()), (3, 0));
    assert_eq!((other.raft.commit_index, other.raft.last_applied), (3, 3));
    // What it has executed beyond it is not taken back by one that comes late.
    other.receive(N2, append(5, (3, 3), &[5, 5], 5));
    other.receive(N2, install(4, 5));
    assert_eq!((other.raft.entries.base(), other.raft.commit_index), (3, 5));
    // And what a snapshot stands for needs no check any more.
    let sent = other.receive(N2, append(5, (1, 1), &[2, 3, 5, 5, 5], 6));
    assert_eq!(sent, Some(appended(5, true, 6)));
    assert_eq!(other.raft.last_index(), 6);
}

/// "… a server always uses the latest configuration in its log, regardless of whether the entry is committed." §6
#[test]
fn a_configuration_counts_when_it_is_appended() {
    let mut follower = Server::new(1, &[1]);
    let new = Configuration::of(nodes(&[1, 2, 3]));
    let entry = Entry {
        term: 1,
        command: Command::Configuration(new),
    };
    let message = Message::AppendEntries {
        term: 1,
        prev_log_index: 1,
        prev_log_term: 1,
        entries: [entry].into_iter().collect::<Log<Entry>>().slice(0, 1),
        leader_commit: 0,
        round: 0,
    };
    follower.receive(N2, message);
    assert_eq!(follower.raft.configuration(), new);
    // Another leader never had it.
    follower.receive(N3, append(2, (1, 1), &[2], 0));
    assert_eq!(
        follower.raft.configuration(),
        Configuration::of(nodes(&[1, 2, 3, 4, 5]))
    );
}

/// "… a server that is not part of its own latest configuration should still start new elections, as it might still be
/// needed until the C-new entry is committed …. It does not count its own vote in elections unless it is part of its
/// latest configuration." Dissertation, §4.2.2
#[test]
fn a_server_that_is_out_stands_until_that_is_committed() {
    let out = Entry {
        term: 1,
        command: Command::Configuration(Configuration::of(nodes(&[2, 3, 4]))),
    };
    let told = |leader_commit| Message::AppendEntries {
        term: 1,
        prev_log_index: 1,
        prev_log_term: 1,
        entries: [out].into_iter().collect::<Log<Entry>>().slice(0, 1),
        leader_commit,
        round: 0,
    };
    let mut server = Server::new(1, &[1]);
    server.receive(N2, told(1));
    server.fire(Timer::Election);
    assert_eq!(server.role(), "candidate");
    server.receive(N3, vote(2, true).expect("a vote"));
    assert_eq!(server.role(), "candidate", "its own vote does not count");
    server.receive(N4, vote(2, true).expect("a vote"));
    assert_eq!(server.role(), "leader");

    let mut server = Server::new(1, &[1]);
    server.receive(N2, told(2));
    server.fire(Timer::Election);
    assert_eq!(server.role(), "follower", "nobody needs it any more");
}

/// "… the leader replicates entries to the new server … in rounds. … If the last round lasts less than an election
/// timeout, then the leader adds the new server to the cluster." Dissertation, §4.2.1
#[test]
fn a_new_server_catches_up_before_it_counts() {
    let mut leader = Server::new(1, &[1]);
    leader.elect();
    all_answer(&mut leader, &[N2, N3]);
    leader.receive(N6, Message::AddServer { term: 0 });
    assert_eq!(kinds(&leader), ["AppendEntries"]);
    assert_eq!(leader.terms().len(), 2, "it is no member yet");
    // A slow round is followed by another.
    ask(&mut leader, 1, "put x 1");
    leader.time = at(500);
    leader.receive(N6, appended(2, true, 2));
    assert_eq!(leader.terms().len(), 3);
    leader.time = at(510);
    leader.receive(N6, appended(2, true, 3));
    assert_eq!(leader.terms().len(), 4);
    assert!(leader.raft.configuration().voters.contains(N6));
    ask(&mut leader, 2, "remove n5");
    assert!(
        matches!(answered(&leader), Some(Response::Refused(_))),
        "one change at a time"
    );
    // Six servers: four decide.
    leader.receive(N2, appended(2, true, 4));
    leader.receive(N3, appended(2, true, 4));
    assert!(leader.raft.commit_index < 4);
    leader.receive(N6, appended(2, true, 4));
    assert_eq!(leader.raft.commit_index, 4);
}

/// "… a leader may not begin a change before it has committed an entry from its term", as was found in 2015; and only
/// one server comes or goes at a time (dissertation, §4.1).
#[test]
fn a_change_waits_for_an_entry_of_the_own_term() {
    let refused = |server: &Server| matches!(answered(server), Some(Response::Refused(_)));
    let mut leader = Server::new(1, &[1]);
    leader.elect();
    ask(&mut leader, 1, "remove n5");
    assert!(refused(&leader));
    all_answer(&mut leader, &[N2, N3]);
    ask(&mut leader, 2, "members n1 n2 n3");
    assert!(refused(&leader), "two at once");
    ask(&mut leader, 3, "remove n5");
    assert_eq!(answered(&leader), None);
    leader.receive(N2, appended(2, true, 3));
    assert_eq!(answered(&leader), None, "two of four");
    leader.receive(N3, appended(2, true, 3));
    assert_eq!(answered(&leader), Some(Response::Done));
    assert_eq!(leader.raft.configuration().voters, nodes(&[1, 2, 3, 4]));
    assert_eq!(leader.raft.commit_index, 3);
}

/// "Agreement (for elections and entry commitment) requires separate majorities from both the old and new
/// configurations." And: "Once C-old,new has been committed, … it is now safe for the leader to create a log entry
/// describing C-new." §6
#[test]
fn both_majorities_decide_in_joint_consensus() {
    let mut leader = Server::with(1, &[1], config(|it| it.joint = true));
    leader.elect();
    all_answer(&mut leader, &[N2, N3]);
    ask(&mut leader, 1, "members n1 n2");
    let joint = leader.raft.configuration();
    assert_eq!(
        (joint.voters, joint.old),
        (nodes(&[1, 2]), nodes(&[1, 2, 3, 4, 5]))
    );
    leader.receive(N3, appended(2, true, 3));
    leader.receive(N4, appended(2, true, 3));
    assert_eq!(
        leader.raft.commit_index, 2,
        "a majority of the old, but not of the new"
    );
    leader.receive(N2, appended(2, true, 3));
    assert_eq!(leader.raft.commit_index, 3);
    assert_eq!(
        leader.raft.configuration(),
        Configuration::of(nodes(&[1, 2]))
    );
    assert!(
        !kinds(&leader).contains(&"RemoveServerResponse"),
        "not before it is committed"
    );
    leader.receive(N2, appended(2, true, 4));
    assert_eq!(answered(&leader), Some(Response::Done));
    let told = leader.sent();
    let told = told
        .iter()
        .filter(|it| matches!(it.1, Message::RemoveServerResponse { .. }));
    assert_eq!(told.count(), 3);
}

/// "… the leader steps down (returns to follower state) once it has committed the C-new log entry. … While it is
/// committing C-new … it replicates log entries but does not count itself in majorities." §6
#[test]
fn a_leader_that_leaves_does_not_count_itself() {
    let mut leader = Server::new(1, &[1]);
    leader.elect();
    all_answer(&mut leader, &[N2, N3]);
    leader.act(|raft, ctx| raft.on_leave(ctx));
    leader.receive(N2, appended(2, true, 3));
    leader.receive(N3, appended(2, true, 3));
    assert_eq!((leader.raft.commit_index, leader.role()), (2, "leader"));
    leader.receive(N4, appended(2, true, 3));
    assert_eq!((leader.raft.commit_index, leader.role()), (3, "follower"));
    assert!(leader.effects.iter().any(|it| matches!(it, Effect::Leave)));
}

/// "The leader needs to make sure it has not been superseded by a newer leader … it issues a new round of heartbeats
/// and waits for their acknowledgments from a majority." Dissertation, §6.4
#[test]
fn a_read_waits_for_a_round_that_began_after_it() {
    let mut leader = Server::with(1, &[1], config(|it| it.reads = Reads::ReadIndex));
    leader.elect();
    ask(&mut leader, 1, "get x");
    let answered_round = |leader: &mut Server, from, round, matched| {
        leader.receive(from, answer(2, true, matched, 0, round));
        answered(leader)
    };
    assert_eq!(answered_round(&mut leader, N2, 2, 0), None);
    assert_eq!(
        answered_round(&mut leader, N3, 2, 0),
        None,
        "nothing of its term is committed"
    );
    assert_eq!(answered_round(&mut leader, N2, 2, 2), None);
    assert!(answered_round(&mut leader, N3, 2, 2).is_some());
    ask(&mut leader, 2, "get x");
    assert_eq!(
        answered_round(&mut leader, N2, 2, 2),
        None,
        "an answer to an earlier round"
    );
    assert_eq!(answered_round(&mut leader, N2, 3, 2), None);
    assert!(answered_round(&mut leader, N4, 3, 2).is_some());
    assert_eq!(leader.terms(), [1, 2], "reads are no entries");
}

/// What follows from it: a leader may have led before, and what it sent then may arrive only now. The answer has the
/// present term, but confirms nothing of the present leadership.
#[test]
fn a_message_of_an_earlier_term_is_no_part_of_a_round() {
    let mut late = append(5, (1, 1), &[], 0);
    if let Message::AppendEntries { round, .. } = &mut late {
        *round = 9;
    }
    let mut follower = Server::new(6, &[1]);
    assert_eq!(follower.receive(N2, late), Some(refused(6, 0, 0)));
    let mut late = install(3, 3);
    if let Message::InstallSnapshot { round, .. } = &mut late {
        *round = 9;
    }
    let nothing = Message::InstallSnapshotResponse {
        term: 6,
        match_index: 0,
        round: 0,
    };
    assert_eq!(follower.receive(N2, late), Some(nothing));
    assert_eq!(follower.terms(), [1]);
}

/// "… the leader would use the normal heartbeat mechanism to maintain a lease. Once the leader's heartbeats were
/// acknowledged by a majority of the cluster, it would extend its lease to start + election timeout / clock drift
/// bound." Dissertation, §6.4.1
#[test]
fn a_lease_counts_from_when_the_round_began() {
    let by_lease = config(|it| {
        it.reads = Reads::Lease;
        it.drift_bound = Chance::percent(20);
    });
    let mut leader = Server::with(1, &[1], by_lease);
    leader.time = at(1_000);
    leader.elect();
    leader.time = at(1_040);
    all_answer(&mut leader, &[N2, N3]);
    leader.time = at(1_119);
    ask(&mut leader, 1, "get x");
    assert!(answered(&leader).is_some(), "four fifths of 150 ms");
    leader.time = at(1_120);
    ask(&mut leader, 2, "get x");
    assert_eq!(answered(&leader), None);
    // Whoever may be elected at any time has no lease.
    leader.fire(Timer::Heartbeat);
    all_answer(&mut leader, &[N2, N3]);
    ask(&mut leader, 3, "transfer n2");
    leader.fire(Timer::Transfer);
    ask(&mut leader, 4, "get x");
    assert_eq!(answered(&leader), None);
}

/// What follows from a lease: a server that restarts may have promised something just before.
#[test]
fn a_restarted_server_keeps_what_it_may_have_promised() {
    let mut server = Server::with(1, &[1], config(|it| it.reads = Reads::Lease));
    assert_eq!(server.receive(N3, ask_vote(2, 5, 1)), None);
    server.time = at(150);
    assert_eq!(server.receive(N3, ask_vote(2, 5, 1)), vote(2, true));
}

#[test]
fn requests_of_operators_and_text_are_one_to_one() {
    for text in [
        "transfer n3",
        "add n6",
        "remove n99",
        "members n1 n2 n7",
        "put x 5",
    ] {
        assert_eq!(
            text.parse::<Request>().expect("a request").to_string(),
            text
        );
    }
    for text in [
        "transfer",
        "add x",
        "add n100",
        "remove n0",
        "members",
        "transfer n1 n2",
    ] {
        let error = text.parse::<Request>().expect_err("no request").to_string();
        assert!(!error.is_empty(), "{text}");
    }
}
