//! Leadership transfer (dissertation, §3.10): a leader hands over, because its machine is to be serviced, say, or
//! because another is nearer to the clients. Nobody has to wait for a time-out.
//!
//! The leader takes no more requests, sends the target what it lacks, and then TimeoutNow. The target stands for
//! election at once, and nobody protects the leader from it. When that takes longer than an election time-out, the
//! leader goes on.

use crate::protocol::{Ctx, NodeId, RequestId};

use super::messages::{Message, Response};
use super::{Raft, State, Timer};

/// A transfer that a leader has been asked for.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// Who is to lead.
    pub to: NodeId,
    /// Whom to answer.
    pub client: RequestId,
    /// Whether the target has been asked to stand for election.
    pub asked: bool,
}

impl Raft {
    /// An operator wants another to lead.
    pub(super) fn on_transfer(&mut self, ctx: &mut Ctx<'_, Raft>, client: RequestId, to: NodeId) {
        if to == self.me {
            return ctx.respond(client, Response::Done);
        }
        let is_voter = self.latest().1.voters.contains(to);
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        if !is_voter {
            return ctx.respond(client, Response::Refused("it is no member"));
        }
        if leader.transfer.is_some() {
            let why = "another transfer is under way";
            return ctx.respond(client, Response::Refused(why));
        }
        leader.transfer = Some(Transfer {
            to,
            client,
            asked: false,
        });
        ctx.note("hands over", || format!("to {to}"));
        ctx.set_timer(Timer::Transfer, self.config.election_max);
        self.send_entries(ctx, to);
        self.hand_over(ctx);
    }

    /// Asks the target to stand for election, once it has everything.
    pub(super) fn hand_over(&mut self, ctx: &mut Ctx<'_, Raft>) {
        let last = self.entries.last_index();
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let Some(transfer) = &mut leader.transfer else {
            return;
        };
        if !transfer.asked && leader.match_index[transfer.to.index()] == last {
            transfer.asked = true;
            leader.rounds.given_up = true;
            let message = Message::TimeoutNow {
                term: self.current_term,
            };
            ctx.send(transfer.to, message);
        }
    }

    /// The target has not taken over in time.
    pub(super) fn give_up_transfer(&mut self, ctx: &mut Ctx<'_, Raft>) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        if let Some(transfer) = leader.transfer.take() {
            ctx.note("goes on leading", || {
                format!("{} has not taken over", transfer.to)
            });
            let why = "the other has not taken over in time";
            ctx.respond(transfer.client, Response::Refused(why));
        }
    }

    /// TimeoutNow, receiver.
    pub(super) fn on_timeout_now(&mut self, ctx: &mut Ctx<'_, Raft>, term: u64) {
        if term == self.current_term && !matches!(self.state, State::Leader(_)) && self.is_member()
        {
            self.become_candidate(ctx, true);
        }
    }
}
