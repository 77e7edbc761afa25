//! Log compaction (§7): what has been executed is written down as a snapshot, and its entries are discarded.
//!
//! ```text
//!   before   1 x=1 │ 2 y=2 │ 3 x=3 │ 4 y=9 │ 5 x=4        after   snapshot of 1..4: x=3 y=9 │ 5 x=4
//! ```
//!
//! Each server does so on its own, since what is committed can never change. A snapshot holds the state machine, the
//! sessions of clients (they are part of it), the last index and term that it stands for (the consistency check of
//! AppendEntries asks for them), and the configuration at that point.
//!
//! A follower may lag so far behind that the leader has discarded what it lacks: a new server, or one that was away. It
//! gets the snapshot (InstallSnapshot). A late snapshot is harmless: what a follower has executed beyond it stays, and
//! so do the entries behind it, when the follower's log agrees with it.
//!
//! The paper sends a snapshot in chunks; here it goes in one message.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use serde::Serialize;

use crate::parts::kv::{KvResult, Store};
use crate::parts::log::Log;
use crate::parts::per_client::PerClient;
use crate::protocol::{Ctx, NodeId};

use super::membership::Configuration;
use super::messages::Message;
use super::{Index, Raft, Session, State, Term};

/// The state machine at some index, with all that must be known to go on from there (Figure 12).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// It stands for all entries up to and with this one.
    pub last_included_index: Index,
    /// The term of that entry.
    pub last_included_term: Term,
    /// Where the latest configuration up to there stands, and what it is.
    pub configuration: (Index, Configuration),
    /// Keys and values.
    pub store: Store,
    /// For each client the last request that was executed, and its result.
    #[serde(skip)]
    pub sessions: PerClient<(u32, KvResult)>,
    /// What was executed: for the checks.
    #[serde(skip)]
    pub executed: Log<Session>,
}

impl PartialEq for Snapshot {
    fn eq(&self, other: &Snapshot) -> bool {
        let place = |it: &Snapshot| {
            (
                it.last_included_index,
                it.last_included_term,
                it.configuration,
            )
        };
        place(self) == place(other) && self.store == other.store && self.executed == other.executed
    }
}

impl Hash for Snapshot {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.last_included_index.hash(state);
        self.last_included_term.hash(state);
        self.configuration.hash(state);
        self.store.hash(state);
    }
}

impl Raft {
    /// Takes a snapshot when enough has been executed since the last. Asked before something new is executed, so that
    /// what is discarded has been there for everybody to see.
    pub(super) fn compact(&mut self, ctx: &mut Ctx<'_, Raft>) {
        let every = self.config.snapshot;
        let base = self.entries.base();
        if every == 0 || self.last_applied < base + every {
            return;
        }
        let index = self.last_applied;
        let until_then = |it: &(Index, Configuration)| it.0 <= index;
        let count = self
            .configurations
            .iter()
            .take_while(|it| until_then(it))
            .count();
        self.configurations.drain(..count.saturating_sub(1));
        self.snapshot = Some(Rc::new(Snapshot {
            last_included_index: index,
            last_included_term: self.entries.term_at(index),
            configuration: self.configurations.first().copied().unwrap_or_default(),
            store: self.store.clone(),
            sessions: self.sessions.clone(),
            executed: self.executed.clone(),
        }));
        self.entries.discard(index);
        self.unsaved = true;
        ctx.note("takes a snapshot", || {
            format!("up to index {index}: {} entries go", index - base)
        });
    }

    /// Sends the snapshot to a follower that needs entries which are gone.
    pub(super) fn send_snapshot(&mut self, ctx: &mut Ctx<'_, Raft>, to: NodeId) {
        let (Some(snapshot), State::Leader(leader)) = (&self.snapshot, &mut self.state) else {
            return;
        };
        leader.next_index[to.index()] = snapshot.last_included_index + 1;
        let message = Message::InstallSnapshot {
            term: self.current_term,
            snapshot: snapshot.clone(),
            round: leader.rounds.current,
        };
        ctx.send(to, message);
    }

    /// InstallSnapshot, receiver.
    pub(super) fn on_install_snapshot(
        &mut self,
        ctx: &mut Ctx<'_, Raft>,
        from: NodeId,
        term: Term,
        snapshot: Rc<Snapshot>,
        round: u64,
    ) {
        if term < self.current_term {
            // As to AppendEntries of an earlier term.
            let stale = Message::InstallSnapshotResponse {
                term: self.current_term,
                match_index: 0,
                round: 0,
            };
            return ctx.send(from, stale);
        }
        let index = snapshot.last_included_index;
        self.follow(ctx, from);
        // What has been executed already needs no snapshot: that would go back in time.
        if index > self.commit_index || !self.config.rules.keep_newer {
            self.install(ctx, snapshot);
        }
        self.save(ctx);
        let answer = Message::InstallSnapshotResponse {
            term: self.current_term,
            match_index: index,
            round,
        };
        ctx.send(from, answer);
    }

    fn install(&mut self, ctx: &mut Ctx<'_, Raft>, snapshot: Rc<Snapshot>) {
        let (index, term) = (snapshot.last_included_index, snapshot.last_included_term);
        ctx.note("installs a snapshot", || format!("up to index {index}"));
        let agrees = self.entries.base() <= index && self.entries.term_at(index) == term;
        if agrees && self.config.rules.keep_newer {
            // What follows in the log stays (§7).
            self.entries.discard(index);
            self.configurations.retain(|it| it.0 > index);
            self.configurations.insert(0, snapshot.configuration);
        } else {
            self.entries.restart(index, term);
            self.configurations = vec![snapshot.configuration];
        }
        self.adopt(&snapshot);
        self.snapshot = Some(snapshot);
        self.unsaved = true;
    }

    /// Takes over the state machine of a snapshot.
    pub(super) fn adopt(&mut self, snapshot: &Snapshot) {
        self.commit_index = snapshot.last_included_index;
        self.last_applied = snapshot.last_included_index;
        self.store = snapshot.store.clone();
        self.sessions = snapshot.sessions.clone();
        self.executed = snapshot.executed.clone();
    }
}
