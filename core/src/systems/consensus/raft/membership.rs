//! Who belongs to the cluster, and how that changes while it runs (§6; dissertation, chapter 4).
//!
//! A configuration is an entry of the log, and counts from the moment that it is *appended*, committed or not: so every
//! server always decides by the latest it has. Two configurations may be in use at once, on different servers; it is
//! safe as long as no majority of one can decide without somebody who decides in the other. Two ways see to that:
//!
//! * **One by one** (dissertation, §4.1): the new set differs by one server. Any majority of n servers and any of n+1
//!   share one. The next change begins when this one is committed, and a leader begins none before it has committed an
//!   entry of its own term: without that, two leaders may each add a server to the same old set, and *those* two sets
//!   differ by two (the bug that was found in 2015).
//! * **Joint consensus** (§6): any set may follow any other. First comes an entry with both sets, *C-old,new*, under
//!   which every decision needs a majority of each; when it is committed, *C-new* alone.
//!
//! A new server has an empty log; were it counted at once, nothing could be committed until it has caught up. So the
//! leader first sends it everything, as to a learner without a vote, in rounds: each is what was appended during the
//! one before. When a round takes less than an election time-out, the rest will not be missed (dissertation, §4.2.1).
//!
//! A leader that is not in the new set leads until that is committed, without counting itself (§6), and steps down.
//! Whoever is out is told, and goes.

use serde::Serialize;

use crate::parts::quorum::NodeSet;
use crate::protocol::{Ctx, NodeId, RequestId};
use crate::sim::time::Time;

use super::messages::{Message, Response};
use super::{Command, Index, Raft, State, Timer};

/// So many rounds may a new server take to catch up (dissertation, §4.2.1).
const ROUNDS_MAX: u32 = 10;

/// A new server that takes so many election time-outs for a round is given up.
const PATIENCE: u64 = 10;

/// So often a server that was told it is out asks to be let in, and does not stand for election meanwhile.
const ASKS: u32 = 4;

/// Who has a vote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Configuration {
    /// The members; in C-old,new the new ones.
    pub voters: NodeSet,
    /// In C-old,new the old ones, else nobody.
    pub old: NodeSet,
}

impl Configuration {
    /// A set on its own.
    pub fn of(voters: NodeSet) -> Configuration {
        Configuration {
            voters,
            old: NodeSet::default(),
        }
    }

    /// Whether it is C-old,new: decisions need a majority of both.
    pub fn is_joint(&self) -> bool {
        !self.old.is_empty()
    }

    /// Whoever has a vote in it.
    pub fn members(&self) -> NodeSet {
        self.voters.union(self.old)
    }
}

/// A change that a leader has been asked for.
#[derive(Clone, Debug)]
pub struct Change {
    /// Who shall be members.
    pub new: NodeSet,
    /// Who shall be none any more.
    pub removed: NodeSet,
    /// Whom to answer when it is committed.
    pub client: Option<RequestId>,
    /// While the new servers catch up: the round, what it is to bring, and when it began.
    pub catching_up: Option<(u32, Index, Time)>,
}

/// Which configuration counts.
impl Raft {
    /// The configuration by which this server decides: the latest in its log, committed or not (§6).
    pub fn configuration(&self) -> Configuration {
        let latest = self.configurations.last();
        if self.config.rules.adopt_when_appended {
            return latest.map_or_else(Configuration::default, |it| it.1);
        }
        let committed = |it: &&(Index, Configuration)| it.0 <= self.commit_index;
        let found = self.configurations.iter().rev().find(committed);
        found.map_or_else(Configuration::default, |it| it.1)
    }

    /// The latest configuration in the log, and where it stands; 0 for the one that the cluster began with.
    pub(super) fn latest(&self) -> (Index, Configuration) {
        self.configurations.last().copied().unwrap_or_default()
    }

    /// Whether this server has a vote.
    pub(super) fn is_member(&self) -> bool {
        self.outside == 0 && self.configuration().members().contains(self.me)
    }

    /// Whether this server stands for election: also one that is out by an entry not known to be committed. It has no
    /// vote, but those who lack the entry need its vote, and its log is longer than theirs: only it can win
    /// (dissertation, §4.2.2).
    pub(super) fn may_stand(&self) -> bool {
        let is_settled = |it: &(Index, Configuration)| it.0 <= self.commit_index;
        let settled = self.configurations.iter().rposition(is_settled);
        let mut open = self.configurations.iter().skip(settled.unwrap_or(0));
        self.outside == 0 && open.any(|it| it.1.members().contains(self.me))
    }

    /// Whom a leader sends entries: all members, and who is about to become one.
    pub(super) fn others(&self) -> NodeSet {
        let mut all = self.latest().1.members();
        if let State::Leader(leader) = &self.state {
            if let Some(change) = &leader.change {
                all = all.union(change.new);
            }
        }
        all.remove(self.me);
        all
    }

    /// Whether these can decide together.
    pub(super) fn is_quorum(&self, these: NodeSet) -> bool {
        let has = |of: NodeSet| these.intersection(of).len() >= self.enough(of.len());
        let configuration = self.configuration();
        if !configuration.is_joint() {
            has(configuration.voters)
        } else if self.config.rules.both_majorities {
            has(configuration.voters) && has(configuration.old)
        } else {
            has(configuration.members())
        }
    }

    /// What a quorum has reached, when each server has reached this and the leader itself `mine`.
    pub(super) fn on_quorum(&self, reached: &[u64], mine: u64) -> u64 {
        let of = |servers: NodeSet| {
            let by = |it: NodeId| match it == self.me {
                true => mine,
                false => reached.get(it.index()).copied().unwrap_or(0),
            };
            let mut all: Vec<u64> = servers.iter().map(by).collect();
            all.sort_unstable();
            // So many servers from the top of the list have at least this.
            let place = all.len().checked_sub(self.enough(all.len()));
            place.and_then(|it| all.get(it).copied()).unwrap_or(0)
        };
        let configuration = self.configuration();
        if !configuration.is_joint() {
            of(configuration.voters)
        } else if self.config.rules.both_majorities {
            of(configuration.voters).min(of(configuration.old))
        } else {
            of(configuration.members())
        }
    }

    /// Learns of the configurations among the entries behind `index`, which have just been appended.
    pub(super) fn learn_configurations(&mut self, index: Index) {
        let Raft {
            entries,
            configurations,
            ..
        } = self;
        entries.with(index + 1, |it| {
            for (place, entry) in it.iter().enumerate() {
                if let Command::Configuration(configuration) = entry.command {
                    configurations.push((index + 1 + place as u64, configuration));
                }
            }
        });
    }

    /// Goes back to the configuration before, when the latest has been deleted.
    pub(super) fn forget_configurations(&mut self) {
        let last = self.entries.last_index();
        while self.configurations.last().is_some_and(|it| it.0 > last) {
            self.configurations.pop();
        }
    }
}

/// A leader changes the members.
impl Raft {
    /// An operator, or a server itself, wants these to be the members. `Err` says why that cannot be now.
    pub(super) fn begin_change(
        &mut self,
        ctx: &mut Ctx<'_, Raft>,
        new: NodeSet,
        client: Option<RequestId>,
    ) -> Result<(), &'static str> {
        let (index, latest) = self.latest();
        let may_begin = !self.config.rules.change_after_commit || self.has_committed_own_term();
        let State::Leader(leader) = &mut self.state else {
            return Err("this server does not lead");
        };
        if leader.change.is_some() || index > self.commit_index || latest.is_joint() {
            return Err("another change of members is under way");
        }
        if !may_begin {
            return Err("the leader has not committed an entry of its term yet");
        }
        // A leader counts itself before its own disk has an entry, so another must answer as well.
        if new.len() < 2 {
            return Err("two members must remain");
        }
        let (added, removed) = (new.without(latest.voters), latest.voters.without(new));
        let one_by_one = !self.config.joint && self.config.rules.one_at_a_time;
        if one_by_one && added.len() + removed.len() > 1 {
            return Err("one server at a time: set change to joint for more");
        }
        let last = self.entries.last_index();
        leader.change = Some(Change {
            new,
            removed,
            client,
            catching_up: (!added.is_empty()).then(|| (1, last, ctx.uptime())),
        });
        for server in added.iter() {
            leader.make_room(server, last + 1);
            // What it had when it was a member before says nothing: it may be gone.
            leader.match_index[server.index()] = 0;
            leader.next_index[server.index()] = last + 1;
            leader.in_flight[server.index()] = 0;
        }
        if added.is_empty() {
            self.append_change(ctx);
        } else {
            ctx.note("new server catches up", || names(added));
            for server in added.iter() {
                self.send_entries(ctx, server);
            }
        }
        Ok(())
    }

    /// What an operator asks of the cluster.
    pub(super) fn on_change_request(
        &mut self,
        ctx: &mut Ctx<'_, Raft>,
        id: RequestId,
        new: NodeSet,
    ) {
        if self.latest().1 == Configuration::of(new) {
            return ctx.respond(id, Response::Done);
        }
        if let Err(why) = self.begin_change(ctx, new, Some(id)) {
            ctx.respond(id, Response::Refused(why));
        }
    }

    /// Appends the new configuration, or both in one for joint consensus.
    fn append_change(&mut self, ctx: &mut Ctx<'_, Raft>) {
        let before = self.latest().1.voters;
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let Some(change) = &mut leader.change else {
            return;
        };
        change.catching_up = None;
        let (new, removed) = (change.new, change.removed);
        let old = match self.config.joint {
            true => before,
            false => NodeSet::default(),
        };
        self.append_configuration(ctx, Configuration { voters: new, old });
        if !self.config.rules.leave_when_committed {
            self.dismiss(ctx, removed);
        }
    }

    fn append_configuration(&mut self, ctx: &mut Ctx<'_, Raft>, configuration: Configuration) {
        ctx.note("changes the members", || {
            let old = configuration.old;
            let both = (!old.is_empty()).then(|| format!("C-old,new: {} and ", names(old)));
            format!(
                "{}{}",
                both.unwrap_or_default(),
                names(configuration.voters)
            )
        });
        self.append(Command::Configuration(configuration));
        self.learn_configurations(self.entries.last_index() - 1);
        self.replicate(ctx);
    }

    /// A server that catches up has answered: perhaps a round is over.
    pub(super) fn on_caught_up(&mut self, ctx: &mut Ctx<'_, Raft>) {
        let (now, last) = (ctx.uptime(), self.entries.last_index());
        let timeout = self.config.election_min;
        let members = self.latest().1.members();
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let matched = &leader.match_index;
        let Some(change) = &mut leader.change else {
            return;
        };
        let Some((round, target, began)) = &mut change.catching_up else {
            return;
        };
        let mut added = change.new.without(members).iter();
        if !added.all(|it| matched.get(it.index()).is_some_and(|it| it >= target)) {
            return;
        }
        if now.since(*began) < timeout {
            self.append_change(ctx);
        } else if *round < ROUNDS_MAX {
            (*round, *target, *began) = (*round + 1, last, now);
        } else {
            self.give_up_change(ctx, "the new server cannot keep up");
        }
    }

    /// A leader looks whether a server that is to catch up is there at all.
    pub(super) fn watch_change(&mut self, ctx: &mut Ctx<'_, Raft>) {
        let State::Leader(leader) = &self.state else {
            return;
        };
        let catching_up = leader.change.as_ref().and_then(|it| it.catching_up);
        let Some((_, _, began)) = catching_up else {
            return;
        };
        if ctx.uptime().since(began).0 > PATIENCE * self.config.election_max.0 {
            self.give_up_change(ctx, "the new server does not answer");
        }
    }

    fn give_up_change(&mut self, ctx: &mut Ctx<'_, Raft>, why: &'static str) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let change = leader.change.take();
        ctx.note("gives up the change of members", || why.to_owned());
        if let Some(client) = change.and_then(|it| it.client) {
            ctx.respond(client, Response::Refused(why));
        }
    }

    /// A configuration has been committed: the next step of the change, or its end.
    pub(super) fn on_configuration_committed(&mut self, ctx: &mut Ctx<'_, Raft>) {
        let (index, latest) = self.latest();
        if index > self.commit_index || !matches!(self.state, State::Leader(_)) {
            return;
        }
        if latest.is_joint() {
            // Also a leader that found it in its log goes on with it.
            return self.append_configuration(ctx, Configuration::of(latest.voters));
        }
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        if let Some(change) = leader.change.take_if(|it| it.new == latest.voters) {
            if let Some(client) = change.client {
                ctx.respond(client, Response::Done);
            }
        }
        // Also those that another leader has removed, who did not live to tell them.
        let before = self.configurations.iter().rev().nth(1);
        let before = before.map_or_else(NodeSet::default, |it| it.1.members());
        self.dismiss(ctx, before.without(latest.voters));
        if !latest.voters.contains(self.me) {
            // The others learn what is committed before it goes.
            self.others()
                .iter()
                .for_each(|it| self.send_entries(ctx, it));
            self.become_follower(ctx, self.current_term);
            ctx.leave();
        }
    }

    /// Tells servers that they are members no longer.
    fn dismiss(&mut self, ctx: &mut Ctx<'_, Raft>, removed: NodeSet) {
        for server in removed.iter().filter(|it| *it != self.me) {
            self.tell_removed(ctx, server, self.latest().0);
        }
    }

    /// Tells a server that it is no member by the configuration at this index.
    fn tell_removed(&self, ctx: &mut Ctx<'_, Raft>, server: NodeId, configuration: Index) {
        let answer = Message::RemoveServerResponse {
            term: self.current_term,
            configuration,
        };
        ctx.send(server, answer);
    }

    /// Since when a server is no member, as far as that is committed; nor is about to be one.
    fn out_since(&self, server: NodeId) -> Option<Index> {
        let is_settled = |it: &(Index, Configuration)| it.0 <= self.commit_index;
        let settled = self.configurations.iter().rposition(is_settled)?;
        let mut open = self.configurations.iter().skip(settled);
        let is_out = open.all(|it| !it.1.members().contains(server));
        (is_out && !self.others().contains(server)).then(|| self.configurations[settled].0)
    }

    /// Tells a server that is out, if it is: it may have missed that. `false` if it is not.
    pub(super) fn tell_if_out(&self, ctx: &mut Ctx<'_, Raft>, server: NodeId) -> bool {
        let since = self.out_since(server);
        if let Some(since) = since {
            self.tell_removed(ctx, server, since);
        }
        since.is_some()
    }
}

/// Servers that come and go.
impl Raft {
    /// A new server asks to become a member.
    pub(super) fn on_add_server(&mut self, ctx: &mut Ctx<'_, Raft>, from: NodeId) {
        let mut new = self.latest().1.voters;
        if !new.contains(from) {
            new.insert(from);
            // When it cannot be now, it will ask again.
            let _ = self.begin_change(ctx, new, None);
        }
    }

    /// A member asks to be one no longer.
    pub(super) fn on_remove_server(&mut self, ctx: &mut Ctx<'_, Raft>, from: NodeId) {
        if matches!(self.state, State::Leader(_)) && self.tell_if_out(ctx, from) {
            return;
        }
        let mut new = self.latest().1.voters;
        if new.contains(from) {
            new.remove(from);
            let _ = self.begin_change(ctx, new, None);
        }
    }

    /// A leader says that this server is out.
    pub(super) fn on_removed(&mut self, ctx: &mut Ctx<'_, Raft>, index: Index) {
        if self.latest().0 <= index {
            ctx.note("leaves", || "it is no member any more".to_owned());
            return ctx.leave();
        }
        // It was to become a member by an entry that was never committed, and nobody sends it anything: it must ask
        // again. Until a leader does, it does not stand for election.
        if !matches!(self.state, State::Leader(_)) {
            self.outside = ASKS;
            self.state = State::Follower;
            self.ask_for_change(ctx);
        }
    }

    /// Time to ask again; one that was told it is out, and has heard of no leader since, no longer believes that.
    pub(super) fn on_membership_timer(&mut self, ctx: &mut Ctx<'_, Raft>) {
        if self.outside == 1 {
            self.reset_election_timer(ctx);
        }
        self.outside = self.outside.saturating_sub(1);
        self.ask_for_change(ctx);
    }

    /// Asks to be let in, or out, again and again until it is.
    pub(super) fn ask_for_change(&mut self, ctx: &mut Ctx<'_, Raft>) {
        let term = self.current_term;
        let wanted = match (self.leaving, self.is_member()) {
            (false, true) => return,
            (false, false) => Message::AddServer { term },
            (true, _) => Message::RemoveServer { term },
        };
        ctx.set_timer(Timer::Membership, self.config.election_max);
        if matches!(self.state, State::Leader(_)) {
            if self.leaving {
                self.on_remove_server(ctx, self.me);
            }
            return;
        }
        // Whoever founded the cluster, and whoever is known to have come since: one of them leads.
        let mut asked: NodeSet = ctx.nodes().collect();
        asked = asked.union(self.latest().1.members());
        asked.remove(self.me);
        asked.iter().for_each(|it| ctx.send(it, wanted.clone()));
    }
}

/// `n1 n2 n5`.
pub(super) fn names(servers: NodeSet) -> String {
    let names: Vec<String> = servers.iter().map(|it| it.to_string()).collect();
    names.join(" ")
}
