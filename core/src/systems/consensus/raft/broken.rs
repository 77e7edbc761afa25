//! Scenarios that switch a rule off, each with the check that falls. The script shows with every seed what the rule is
//! for; without the rule the swarm finds it as well (`clusterscope search raft/swarm --set RULE=off`).

use crate::exhibit::Scenario;
use crate::sim::dist::Dist;
use crate::sim::settings::Environment;
use crate::sim::time::Span;

use super::scenarios::{calm, puppets, rejoining};
use super::{Config, Raft, Reads, Rules};

/// All of them.
pub(super) fn all() -> Vec<Scenario<Raft>> {
    let mut all = disks();
    all.extend(votes());
    all.extend(replication());
    all.extend(followers());
    all.extend(clients());
    all.extend(availability());
    all.extend(members());
    all.extend(changes());
    all
}

/// What a scenario is called and what it tells.
struct Story {
    id: &'static str,
    title: &'static str,
    summary: &'static str,
    /// The check that falls.
    check: &'static str,
    script: &'static str,
}

fn story(
    id: &'static str,
    title: &'static str,
    summary: &'static str,
    check: &'static str,
    script: &'static str,
) -> Story {
    Story {
        id,
        title,
        summary,
        check,
        script,
    }
}

/// A story on this stage, with a rule broken.
fn broken(stage: Scenario<Raft>, story: Story, rule: fn(&mut Rules)) -> Scenario<Raft> {
    let mut scenario = Scenario {
        id: story.id,
        title: story.title,
        summary: story.summary,
        weakened: Some(story.check),
        script: story.script,
        ..stage
    };
    rule(&mut scenario.config.rules);
    scenario
}

/// The same stage with another constant.
fn with(mut stage: Scenario<Raft>, change: impl FnOnce(&mut Config)) -> Scenario<Raft> {
    change(&mut stage.config);
    stage
}

fn disks() -> Vec<Scenario<Raft>> {
    vec![
        broken(
            puppets(3),
            story(
                "forgotten-vote",
                "Broken: a vote is forgotten",
                "n2 votes for n1, crashes, comes back without knowing, and votes for n3 in the same term: two leaders.",
                "election-safety",
                "5ms partition n3\n10ms fire n1 election\n40ms crash n2\n45ms restart n2\n50ms partition n1\n\
                 55ms fire n3 election\n300ms heal",
            ),
            |it| it.persist_vote = false,
        ),
        broken(
            puppets(3),
            story(
                "forgotten-term",
                "Broken: a term is forgotten",
                "n2 has seen term 1, crashes, and comes back in term 0: it could vote in term 1 once more.",
                "one-vote",
                "10ms fire n1 election\n100ms crash n2\n120ms restart n2",
            ),
            |it| it.persist_term = false,
        ),
        broken(
            puppets(3),
            story(
                "not-on-disk",
                "Broken: acknowledged before it is on disk",
                "n2 and n3 acknowledge an entry while their disks are still writing it. The power fails, and the \
                 entry that was committed is gone.",
                "leader-completeness",
                "10ms fire n1 election\n100ms disk n2 slow 200ms\n100ms disk n3 slow 200ms\n\
                 110ms request n1 put x 1\n150ms crash all\n160ms restart n2\n160ms restart n3\n\
                 170ms disk n2 fine\n170ms disk n3 fine\n180ms fire n2 election",
            ),
            |it| it.write_before_answer = false,
        ),
    ]
}

fn votes() -> Vec<Scenario<Raft>> {
    vec![
        broken(
            puppets(3),
            story(
                "stale-leader",
                "Broken: a vote for a log that lags",
                "n3 was cut off while x was written. n2 votes for it all the same, and the written entry is lost.",
                "leader-completeness",
                "10ms fire n1 election\n100ms partition n3\n110ms request n1 put x 1\n250ms crash n1\n255ms heal\n\
                 260ms fire n3 election\n600ms restart n1",
            ),
            |it| it.up_to_date_vote = false,
        ),
        broken(
            puppets(4),
            story(
                "half-is-enough",
                "Broken: half is taken for a majority",
                "Four servers are cut into two and two. Each half elects a leader of the same term.",
                "election-safety",
                "5ms partition n1 n2\n10ms fire n1 election\n15ms fire n3 election\n300ms heal",
            ),
            |it| it.real_majority = false,
        ),
        broken(
            with(puppets(3), |it| it.rules.pre_vote = true),
            story(
                "pre-vote-counts",
                "Broken: the answer to a pre-vote is taken for a vote",
                "n1 and n2 ask at the same time whether they should stand. Everybody says yes to both, which binds \
                 nobody; taken for votes, it makes two leaders.",
                "election-safety",
                "10ms fire n1 election\n10ms fire n2 election",
            ),
            |it| it.pre_vote_apart = false,
        ),
    ]
}

/// Figure 8 of the paper, servers and order of events as there. One entry a message, so that the crash can come between
/// the old entry and the new one.
pub(super) fn figure_8() -> Scenario<Raft> {
    broken(
        with(puppets(5), |it| it.batch = 1),
        Story {
            id: "figure-8-broken",
            title: "Broken: Figure 8, without the rule",
            summary: "The leader of term 3 finds an entry of term 1 on a majority and calls it committed. It \
                      crashes; the next leader has never seen the entry and overwrites it.",
            check: "leader-completeness",
            script: "10ms fire n1 election\n\
                     200ms partition n1 n2\n\
                     210ms request n1 put x 2\n\
                     250ms crash n1\n\
                     255ms partition n3 n4 n5\n\
                     260ms fire n5 election\n\
                     275ms cut n5>n3\n275ms cut n5>n4\n\
                     300ms crash n5\n\
                     305ms heal\n\
                     310ms restart n1\n\
                     320ms fire n1 election\n\
                     350ms fire n1 election\n\
                     380ms cut n1>n4\n\
                     410ms cut n1>n3\n\
                     420ms crash n1\n\
                     440ms heal\n440ms restart n5\n\
                     450ms fire n5 election\n\
                     480ms fire n5 election\n\
                     700ms restart n1",
        },
        |it| it.commit_own_term = false,
    )
}

fn replication() -> Vec<Scenario<Raft>> {
    vec![
        figure_8(),
        broken(
            puppets(3),
            story(
                "late-message",
                "Broken: a late message deletes entries",
                "A heartbeat is overtaken by a new entry. When it arrives, n2 deletes all that the heartbeat does not \
                 mention, though it was committed.",
                "committed-kept",
                "10ms fire n1 election\n130ms set latency 100ms\n135ms set latency 10ms\n140ms request n1 put x 1",
            ),
            |it| it.truncate_on_conflict = false,
        ),
        broken(
            puppets(3),
            story(
                "claims-too-much",
                "Broken: acknowledging what nobody sent",
                "n1 has entries that no other has. It acknowledges the heartbeat of n2, the new leader, with the end \
                 of its own log; so n2 believes that n1 has its no-op, and calls that committed.",
                "leader-completeness",
                "10ms fire n1 election\n100ms partition n1\n110ms request n1 put x 1\n120ms request n1 put x 2\n\
                 130ms request n1 put x 3\n150ms fire n2 election\n165ms unite\n165ms cut n2>n3\n\
                 182.5ms cut n2>n1\n205ms crash n2\n210ms heal\n220ms fire n1 election",
            ),
            |it| it.ack_what_matched = false,
        ),
        broken(
            with(puppets(3), |it| it.fast_back_up = false),
            story(
                "refusal-counts",
                "Broken: a refusal is taken for an acknowledgement",
                "n1 refuses what n2 sends and says where the logs may still agree. n2 takes that for what n1 has, and \
                 commits an entry that only n2 has.",
                "leader-completeness",
                "10ms fire n1 election\n100ms partition n1\n110ms request n1 put x 1\n120ms request n1 put x 2\n\
                 130ms request n1 put x 3\n150ms fire n2 election\n165ms cut n2>n3\n180ms request n2 put y 1\n\
                 230ms unite\n296ms crash n2\n297ms heal\n310ms fire n1 election",
            ),
            |it| it.heed_refusals = false,
        ),
    ]
}

fn followers() -> Vec<Scenario<Raft>> {
    vec![
        broken(
            with(puppets(3), |it| it.reads = Reads::ReadIndex),
            story(
                "commits-too-much",
                "Broken: a follower commits what may not be the leader's",
                "n1 has an entry that no other has. A heartbeat of n2 says how far the cluster has committed, and n1 \
                 executes its own entry, since it stands at that index.",
                "state-machine-safety",
                "10ms fire n1 election\n100ms partition n1\n110ms request n1 put x 1\n150ms fire n2 election\n\
                 171.5ms unite\n182.5ms cut n2>n1\n200ms mend n2>n1\n201ms request n2 get x",
            ),
            |it| it.commit_what_matched = false,
        ),
        broken(
            with(puppets(3), |it| it.snapshot = 2),
            story(
                "late-snapshot",
                "Broken: a late snapshot takes back what was done since",
                "n3 was away and is sent a snapshot, which is long under way. It gets another and goes on from there; \
                 then the first arrives, and throws it back.",
                "committed-kept",
                "10ms fire n1 election\n60ms crash n3\n100ms request n1 put x 1\n140ms request n1 put x 2\n\
                 180ms request n1 put x 3\n220ms request n1 put x 4\n300ms restart n3\n345ms set latency 150ms\n\
                 353ms set latency 10ms\n430ms request n1 put y 9",
            ),
            |it| it.keep_newer = false,
        ),
    ]
}

/// Short delays and long leases: what a lease is worth is a matter of milliseconds.
fn with_leases() -> Scenario<Raft> {
    let mut stage = with(puppets(3), |it| {
        it.reads = Reads::Lease;
        it.election_min = Span::ms(150);
        // So late that nobody stands for election but whom the script tells.
        it.election_max = Span::secs(400);
    });
    stage.environment.latency = Dist::Constant(Span::ms(1));
    stage.environment.disk = Dist::Constant(Span::ZERO);
    stage
}

fn clients() -> Vec<Scenario<Raft>> {
    let by_read_index = || with(puppets(3), |it| it.reads = Reads::ReadIndex);
    let story = |id, title, summary, script| Story {
        id,
        title,
        summary,
        check: "linearizable",
        script,
    };
    vec![
        sent_twice(),
        broken(
            by_read_index(),
            story(
                "stale-read",
                "Broken: a leader that was replaced answers a read",
                "n1 is cut off; n2 leads, and x is written anew. n1 does not make sure that it still leads, and tells \
                 the old value.",
                "10ms fire n1 election\n60ms request n1 put x 1\n150ms partition n1\n160ms fire n2 election\n\
                 250ms request n2 put x 2\n350ms request n1 get x\n900ms heal",
            ),
            |it| it.confirm_reads = false,
        ),
        broken(
            by_read_index(),
            story(
                "read-too-early",
                "Broken: a new leader answers a read too early",
                "n1 has committed x and crashes before it could tell. n2 leads, has the entry, but does not know that \
                 it is committed; it answers that there is no x.",
                "10ms fire n1 election\n100ms request n1 put x 1\n133ms crash n1\n140ms fire n2 election\n\
                 154ms request n2 get x\n162.5ms set latency 60ms\n163.5ms set latency 10ms",
            ),
            |it| it.read_own_term = false,
        ),
        broken(
            with_leases(),
            story(
                "lease-too-long",
                "Broken: a lease that trusts the clock too much",
                "The clock of n1 runs slow, by less than clocks may. Its lease counts from when the answer came, and \
                 by that clock; so it still answers reads when n2 leads, and has written.",
                // The requests of n1 and n2 arrive when the others have just begun to listen: who stands of its own
                // accord comes too late, whatever the seed.
                "0s drift n1 -90000ppm\n149.5ms fire n1 election\n230ms request n1 put x 1\n275ms partition n1\n\
                 411.4ms fire n2 election\n414ms request n2 put x 2\n420ms request n1 get x\n900ms heal",
            ),
            |it| it.lease_bound = false,
        ),
    ]
}

fn sent_twice() -> Scenario<Raft> {
    let calm = calm();
    let stage = Scenario {
        environment: Environment {
            clients: 3,
            retry: Span::ms(25),
            ..calm.environment.clone()
        },
        length: Span::secs(6),
        ..calm
    };
    broken(
        stage,
        Story {
            id: "sent-twice",
            title: "Broken: a request sent twice is executed twice",
            summary: "Clients are impatient and ask again before the answer can be there. Without sessions the \
                      servers execute both.",
            check: "exactly-once",
            script: "",
        },
        |it| it.sessions = false,
    )
}

fn availability() -> Vec<Scenario<Raft>> {
    let tied = Scenario {
        environment: Environment {
            latency: Dist::Constant(Span::ms(10)),
            ..calm().environment
        },
        length: Span::secs(4),
        ..calm()
    };
    vec![
        broken(
            rejoining(),
            story(
                "rejoining-disturbs",
                "Broken: a server comes back and disturbs",
                "n5 is cut off for two seconds and begins one term after another. When it is back, its term makes the \
                 leader step down, though everybody else was content.",
                "stable-leader",
                "10ms fire n1 election\n1s partition n5\n3s heal",
            ),
            |it| it.pre_vote = false,
        ),
        broken(
            with(calm(), |it| it.rules = Rules::ALL),
            story(
                "deaf-leader",
                "Broken: a leader that nobody can answer",
                "From 1 s on n1 is heard by all and hears nobody. Its heartbeats keep the others from electing \
                 another, and it can commit nothing.",
                "progress",
                "10ms fire n1 election\n1s partition n2 n3 n4 n5 > n1",
            ),
            |it| it.check_quorum = false,
        ),
        broken(
            tied,
            story(
                "equal-timeouts",
                "Broken: time-outs that are not random",
                "All wait equally long, stand for election together, and vote each for itself; again and again.",
                "progress",
                "",
            ),
            |it| it.random_timeouts = false,
        ),
    ]
}

fn members() -> Vec<Scenario<Raft>> {
    vec![
        broken(
            puppets(3),
            story(
                "old-members",
                "Broken: members count only once they are committed",
                "Two servers have joined. n2 and n3 restart and do not know any more what is committed: they take the \
                 first three for all, and elect a leader of their own.",
                "election-safety",
                "10ms fire n1 election\n100ms join\n300ms join\n600ms crash n2\n600ms crash n3\n\
                 605ms partition n2 n3\n610ms restart n2\n610ms restart n3\n620ms fire n2 election\n\
                 620ms fire n4 election",
            ),
            |it| it.adopt_when_appended = false,
        ),
        broken(
            with(puppets(5), |it| it.joint = true),
            story(
                "one-majority-of-both",
                "Broken: old and new members are counted together",
                "n1 and n2 shall be the only members. n3, n4 and n5 have C-old,new and no more: they are a majority of \
                 all five, but not of the new. Each side elects a leader.",
                "election-safety",
                "10ms fire n1 election\n100ms request n1 members n1 n2\n133ms partition n3 n4 n5\n\
                 200ms fire n2 election\n200ms fire n3 election",
            ),
            |it| it.both_majorities = false,
        ),
        broken(
            puppets(5),
            story(
                "all-at-once",
                "Broken: from one set of members straight to another",
                "n1 and n2 take themselves for all members; n3, n4 and n5 do not know of that and are a majority of \
                 five. Each side elects a leader (Figure 10).",
                "election-safety",
                "10ms fire n1 election\n90ms partition n3 n4 n5\n100ms request n1 members n1 n2\n\
                 200ms fire n2 election\n200ms fire n3 election",
            ),
            |it| it.one_at_a_time = false,
        ),
    ]
}

fn changes() -> Vec<Scenario<Raft>> {
    let mut four = calm();
    four.environment.nodes = 4;
    vec![
        broken(
            puppets(4),
            story(
                "bug-of-2015",
                "Broken: two changes that know nothing of each other",
                "n1 adds n5 to its own log and crashes. n2 leads, and removes n1 before it has committed anything of \
                 its term. Then n1, n4 and n5 are a majority of their five, and n2 and n3 one of their three.",
                "leader-completeness",
                "10ms fire n1 election\n95ms partition n2 n3 n4\n100ms join\n200ms crash n1\n210ms fire n2 election\n\
                 225ms cut n2>n4\n240ms request n2 remove n1\n295ms heal\n295ms partition n2 n3\n300ms restart n1\n\
                 310ms fire n1 election\n340ms fire n1 election",
            ),
            |it| it.change_after_commit = false,
        ),
        broken(
            four,
            story(
                "leaves-too-early",
                "Broken: a server goes before its removal is committed",
                "n4 wants to leave. n1 tells it that it may, although no other has the entry yet, and crashes. n2 and \
                 n3 are no majority of four.",
                "progress",
                "10ms fire n1 election\n1s partition n1 > n2 n3\n1.001s leave n4\n1.06s crash n1\n1.06s unite",
            ),
            |it| it.leave_when_committed = false,
        ),
    ]
}
