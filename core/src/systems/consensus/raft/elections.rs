//! Elections (§5.2), and what keeps them from disturbing a leader that is well.
//!
//! A server that was cut off has stood for election again and again; its term is high. When it rejoins, its term makes
//! the leader step down, though nobody wants another. Two things help (dissertation, §9.6 and §6.2):
//!
//! * **Pre-vote**: before it begins a term, a server asks the others whether they would vote for it. They say no as
//!   long as they hear a leader. An answer promises nothing, and no term begins.
//! * **Check-quorum**: a leader that has not been answered by a majority for an election time-out steps down; so
//!   clients do not wait for one that cannot commit. In return, whoever hears a leader does not listen to candidates
//!   (dissertation, §4.2.3).

use crate::parts::quorum::NodeSet;
use crate::protocol::{Ctx, NodeId};

use super::messages::Message;
use super::{Command, Index, Leadership, Raft, Reads, Response, State, Term, Timer};

impl Message {
    /// Whether its term has begun: that of a pre-vote has not.
    pub(super) fn begins_term(&self) -> bool {
        let is_asked_about = matches!(
            self,
            Message::PreVote { .. }
                | Message::PreVoteResponse {
                    vote_granted: true,
                    ..
                }
        );
        !is_asked_about
    }
}

/// Standing for election, and voting.
impl Raft {
    pub(super) fn become_follower(&mut self, ctx: &mut Ctx<'_, Raft>, term: Term) {
        if let State::Leader(leader) = &mut self.state {
            ctx.note("steps down", || {
                format!("term {} is over, term {term} has begun", self.current_term)
            });
            ctx.cancel_timer(Timer::Heartbeat);
            // Nobody but the one it was handed to is likely to lead now.
            if let Some(transfer) = leader.transfer.take().filter(|it| it.asked) {
                ctx.cancel_timer(Timer::Transfer);
                ctx.respond(transfer.client, Response::Done);
            }
            self.reset_election_timer(ctx);
        }
        if term > self.current_term {
            self.current_term = term;
            self.voted_for = None;
            self.leader = None;
            self.unsaved = true;
        }
        self.state = State::Follower;
    }

    /// Nothing was heard of a leader for too long.
    pub(super) fn on_election_timeout(&mut self, ctx: &mut Ctx<'_, Raft>) {
        match (self.may_stand(), self.config.rules.pre_vote) {
            // Nobody needs it, and it has no vote.
            (false, _) => {}
            (true, true) => self.become_pre_candidate(ctx),
            (true, false) => self.become_candidate(ctx, false),
        }
    }

    fn become_pre_candidate(&mut self, ctx: &mut Ctx<'_, Raft>) {
        self.leader = None;
        self.state = State::PreCandidate {
            votes: NodeSet::from_iter([self.me]),
        };
        self.reset_election_timer(ctx);
        let message = Message::PreVote {
            term: self.current_term + 1,
            last_log_index: self.last_index(),
            last_log_term: self.last_term(),
        };
        self.ask_voters(ctx, &message);
    }

    /// Begins a term and stands for election in it. A leader that hands over may want just that.
    pub(super) fn become_candidate(&mut self, ctx: &mut Ctx<'_, Raft>, leader_wants_it: bool) {
        let mut votes = NodeSet::default();
        if let State::PreCandidate { votes: asked } = self.state {
            if !self.config.rules.pre_vote_apart {
                votes = asked;
            }
        }
        votes.insert(self.me);
        self.current_term += 1;
        self.voted_for = Some(self.me);
        self.leader = None;
        self.unsaved = true;
        self.state = State::Candidate { votes };
        ctx.note("stands for election", || {
            format!("term {}", self.current_term)
        });
        self.reset_election_timer(ctx);
        self.save(ctx);
        let message = Message::RequestVote {
            term: self.current_term,
            last_log_index: self.last_index(),
            last_log_term: self.last_term(),
            leader_wants_it,
        };
        self.ask_voters(ctx, &message);
        self.count_votes(ctx);
    }

    fn ask_voters(&self, ctx: &mut Ctx<'_, Raft>, message: &Message) {
        let mut voters = self.configuration().members();
        voters.remove(self.me);
        voters.iter().for_each(|it| ctx.send(it, message.clone()));
    }

    fn become_leader(&mut self, ctx: &mut Ctx<'_, Raft>) {
        self.leader = Some(self.me);
        let next = self.last_index() + 1;
        let mut leader = Leadership {
            first_index: next,
            ..Leadership::default()
        };
        let members = self.latest().1.members();
        members.iter().for_each(|it| leader.make_room(it, next));
        self.state = State::Leader(Box::new(leader));
        ctx.note("becomes leader", || format!("term {}", self.current_term));
        if self.protects_leaders() {
            self.reset_election_timer(ctx);
        } else {
            ctx.cancel_timer(Timer::Election);
        }
        ctx.set_timer(Timer::Heartbeat, self.config.heartbeat);
        self.begin_round(ctx);
        // "Upon election: send initial empty AppendEntries RPCs (heartbeat) to each server." Figure 2
        self.send_to_all(ctx);
        self.append(Command::Noop);
        self.replicate(ctx);
    }

    /// The later last term wins; with equal terms, the longer log (§5.4.1).
    fn is_up_to_date(&self, candidate: (Term, Index)) -> bool {
        candidate >= (self.last_term(), self.last_index()) || !self.config.rules.up_to_date_vote
    }

    /// PreVote, receiver: whoever hears a leader sees no reason for an election.
    pub(super) fn on_pre_vote(
        &mut self,
        ctx: &mut Ctx<'_, Raft>,
        from: NodeId,
        term: Term,
        candidate: (Term, Index),
    ) {
        let vote_granted =
            term > self.current_term && !self.hears_leader(ctx) && self.is_up_to_date(candidate);
        let term = if vote_granted {
            term
        } else {
            self.current_term
        };
        ctx.send(from, Message::PreVoteResponse { term, vote_granted });
    }

    pub(super) fn on_pre_vote_response(
        &mut self,
        ctx: &mut Ctx<'_, Raft>,
        from: NodeId,
        term: Term,
        vote_granted: bool,
    ) {
        let next = self.current_term + 1;
        let enough = match &mut self.state {
            State::PreCandidate { votes } if vote_granted && term == next => {
                votes.insert(from);
                let votes = *votes;
                self.is_quorum(votes)
            }
            _ => false,
        };
        if enough {
            self.become_candidate(ctx, false);
        }
    }

    /// RequestVote, receiver. `candidate` is the term and index of the candidate's last entry.
    pub(super) fn on_request_vote(
        &mut self,
        ctx: &mut Ctx<'_, Raft>,
        from: NodeId,
        term: Term,
        candidate: (Term, Index),
    ) {
        let free = self.voted_for.is_none_or(|it| it == from);
        let vote_granted = term == self.current_term && free && self.is_up_to_date(candidate);
        if vote_granted && self.voted_for.is_none() {
            self.voted_for = Some(from);
            self.unsaved = true;
        }
        if vote_granted {
            self.reset_election_timer(ctx);
        } else if !self.is_up_to_date(candidate) {
            // It may not even know the leader that would tell it, and disturb that one again and again.
            self.tell_if_out(ctx, from);
        }
        self.save(ctx);
        let term = self.current_term;
        ctx.send(from, Message::RequestVoteResponse { term, vote_granted });
    }

    pub(super) fn on_vote(
        &mut self,
        ctx: &mut Ctx<'_, Raft>,
        from: NodeId,
        term: Term,
        vote_granted: bool,
    ) {
        let State::Candidate { votes } = &mut self.state else {
            return;
        };
        // A vote for an earlier candidacy says nothing about this one.
        if term == self.current_term && vote_granted {
            votes.insert(from);
            self.count_votes(ctx);
        }
    }

    fn count_votes(&mut self, ctx: &mut Ctx<'_, Raft>) {
        if let State::Candidate { votes } = self.state {
            if self.is_quorum(votes) {
                self.become_leader(ctx);
            }
        }
    }

    /// Every server waits a different time, so that most often one stands alone (§5.2).
    pub(super) fn reset_election_timer(&self, ctx: &mut Ctx<'_, Raft>) {
        let (min, max) = (self.config.election_min, self.config.election_max);
        let max = if self.config.rules.random_timeouts {
            max
        } else {
            min
        };
        ctx.set_timer_within(Timer::Election, min, max);
    }
}

/// Protecting leaders.
impl Raft {
    /// Whether leaders are protected at all. A lease needs it.
    pub(super) fn protects_leaders(&self) -> bool {
        self.config.rules.check_quorum || self.config.reads == Reads::Lease
    }

    /// Whether it has heard of a leader within the shortest election time-out, or leads itself.
    fn hears_leader(&self, ctx: &Ctx<'_, Raft>) -> bool {
        let heard = |it| ctx.uptime() < it + self.config.election_min;
        matches!(self.state, State::Leader(_)) || self.heard.is_some_and(heard)
    }

    /// Whether a message of a higher term is not even to be looked at.
    pub(super) fn protects_leader_from(
        &self,
        ctx: &mut Ctx<'_, Raft>,
        from: NodeId,
        message: &Message,
    ) -> bool {
        let Message::RequestVote {
            leader_wants_it, ..
        } = message
        else {
            return false;
        };
        if matches!(self.state, State::Leader(_)) && self.tell_if_out(ctx, from) {
            return true;
        }
        // "If a server receives a RequestVote request within the minimum election timeout of hearing from a current
        // leader, it does not update its term or grant its vote." Dissertation, §4.2.3
        !leader_wants_it && self.protects_leaders() && self.hears_leader(ctx)
    }

    /// A leader looks whether a majority has answered since it last looked (dissertation, §6.2).
    pub(super) fn check_quorum(&mut self, ctx: &mut Ctx<'_, Raft>) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let mut heard = std::mem::take(&mut leader.heard);
        heard.insert(self.me);
        if self.is_quorum(heard) {
            return self.reset_election_timer(ctx);
        }
        ctx.note("steps down", || "no majority answers any more".to_owned());
        ctx.cancel_timer(Timer::Heartbeat);
        self.leader = None;
        self.state = State::Follower;
        self.reset_election_timer(ctx);
    }
}
