//! Reads that need no entry in the log, and are linearizable all the same (dissertation, §6.4).
//!
//! The simplest way is `reads = log`: a read is an entry like any other. It costs a write on a majority of disks. But
//! a leader cannot just look into its state machine: it may have been replaced without knowing (§8).
//!
//! * **ReadIndex** (`reads = read-index`): the leader begins a round of heartbeats after the read has come. When a
//!   majority has answered, nobody else led when the read came, so the leader's commit index was as high as any. What
//!   is in its state machine by then may be told.
//! * **Lease** (`reads = lease`): when a majority has answered a round, none of them will vote for another within the
//!   shortest election time-out from when it heard of that round. So for that long, counted from when the round *began*
//!   and shortened by as much as clocks may run apart, the leader can answer at once. This trusts clocks.
//!
//! For both, a new leader must have committed an entry of its own term: before, it does not know what is committed.

use std::collections::VecDeque;

use crate::parts::kv::KvRequest;
use crate::protocol::{Ctx, NodeId, RequestId};
use crate::sim::dist::Chance;
use crate::sim::time::{Span, Time};

use super::messages::Response;
use super::{Raft, State};

/// How reads are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Through the log.
    Log,
    /// After a round of heartbeats.
    ReadIndex,
    /// At once, while the lease lasts.
    Lease,
}

impl Reads {
    /// Every way, as settings name them.
    pub const NAMES: &'static [&'static str] = &["log", "read-index", "lease"];

    /// Its name.
    pub fn name(self) -> &'static str {
        Reads::NAMES[self as usize]
    }

    /// The way of this name; `log` for any other.
    pub fn named(name: &str) -> Reads {
        match name {
            "read-index" => Reads::ReadIndex,
            "lease" => Reads::Lease,
            _ => Reads::Log,
        }
    }
}

/// Rounds of heartbeats: who has answered which, and what waits for that.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    /// The number of the present round: everything that is sent bears it.
    pub current: u64,
    /// For each server, the last round that it has answered.
    pub answered: Vec<u64>,
    /// When recent rounds began. Kept only for leases.
    began: VecDeque<(u64, Time)>,
    /// Reads that wait for this round.
    waiting: VecDeque<(u64, RequestId, KvRequest)>,
    /// Until when the leader may answer at once, by its own clock.
    pub lease_until: Time,
    /// Whether the leader has asked another to take over: that one may be elected at any time, lease or not.
    pub given_up: bool,
}

impl Raft {
    /// Begins a new round: what is sent from now on belongs to it.
    pub(super) fn begin_round(&mut self, ctx: &Ctx<'_, Raft>) -> u64 {
        let State::Leader(leader) = &mut self.state else {
            return 0;
        };
        let rounds = &mut leader.rounds;
        rounds.current += 1;
        if self.config.reads == Reads::Lease {
            rounds.began.push_back((rounds.current, ctx.uptime()));
        }
        rounds.current
    }

    /// A client reads.
    pub(super) fn on_read(&mut self, ctx: &mut Ctx<'_, Raft>, id: RequestId, request: KvRequest) {
        if self.has_lease(ctx) && self.may_read() {
            return self.answer_read(ctx, id, &request);
        }
        let confirm = self.config.rules.confirm_reads;
        let round = if confirm { self.begin_round(ctx) } else { 0 };
        if let State::Leader(leader) = &mut self.state {
            leader.rounds.waiting.push_back((round, id, request));
        }
        if confirm {
            for other in self.others().iter() {
                self.send_sign_of_life(ctx, other);
            }
        }
        self.answer_reads(ctx);
    }

    /// A server has answered a round.
    pub(super) fn on_round(&mut self, ctx: &mut Ctx<'_, Raft>, from: NodeId, round: u64) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let rounds = &mut leader.rounds;
        match rounds.answered.get_mut(from.index()) {
            Some(answered) if *answered < round => *answered = round,
            _ => return,
        }
        if self.config.reads == Reads::Lease {
            self.extend_lease(ctx);
        }
        self.answer_reads(ctx);
    }

    /// The last round that a majority has answered.
    fn confirmed(&self) -> u64 {
        match &self.state {
            State::Leader(leader) => self.on_quorum(&leader.rounds.answered, leader.rounds.current),
            _ => 0,
        }
    }

    fn extend_lease(&mut self, ctx: &Ctx<'_, Raft>) {
        let (confirmed, now) = (self.confirmed(), ctx.uptime());
        let span = self.lease_span();
        let careful = self.config.rules.lease_bound;
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let rounds = &mut leader.rounds;
        while let Some((round, began)) = rounds.began.front().copied() {
            if round > confirmed {
                break;
            }
            rounds.began.pop_front();
            let from = if careful { began } else { now };
            rounds.lease_until = rounds.lease_until.max(from + span);
        }
    }

    /// How long a lease lasts: nobody votes for another within the shortest election time-out, but by a clock that may
    /// run faster than the leader's.
    fn lease_span(&self) -> Span {
        let shortest = self.config.election_min;
        if !self.config.rules.lease_bound {
            return shortest;
        }
        let part = u128::from(Chance::CERTAIN_PPM - self.config.drift_bound.ppm());
        Span((u128::from(shortest.0) * part / u128::from(Chance::CERTAIN_PPM)) as u64)
    }

    /// Whether the leader may answer reads at once.
    pub(super) fn has_lease(&self, ctx: &Ctx<'_, Raft>) -> bool {
        match &self.state {
            State::Leader(leader) if self.config.reads == Reads::Lease => {
                ctx.uptime() < leader.rounds.lease_until && !leader.rounds.given_up
            }
            _ => false,
        }
    }

    /// Whether what the leader knows to be committed is all that is.
    fn may_read(&self) -> bool {
        self.has_committed_own_term() || !self.config.rules.read_own_term
    }

    /// Answers the reads that have waited long enough.
    pub(super) fn answer_reads(&mut self, ctx: &mut Ctx<'_, Raft>) {
        let State::Leader(leader) = &self.state else {
            return;
        };
        if leader.rounds.waiting.is_empty() || !self.may_read() {
            return;
        }
        let confirmed = self.confirmed();
        while let State::Leader(leader) = &mut self.state {
            let waiting = &mut leader.rounds.waiting;
            match waiting.front().copied() {
                Some((round, id, request)) if round <= confirmed => {
                    waiting.pop_front();
                    self.answer_read(ctx, id, &request);
                }
                _ => return,
            }
        }
    }

    fn answer_read(&mut self, ctx: &mut Ctx<'_, Raft>, id: RequestId, request: &KvRequest) {
        let result = self.store.apply(request);
        ctx.respond(id, Response::Executed(result));
    }
}
