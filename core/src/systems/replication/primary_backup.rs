//! Primary and backup: one server decides, the others keep copies, and one of them takes over when it dies.
//!
//! **The problem.** Data on one machine are gone with it. So copies are kept on others. But when may a client be told
//! "written": when one machine has it, or two, or all? And when the machine that decides falls silent, how does another
//! take over so that nothing that a client was told is lost, and so that there are never two that decide?
//!
//! **The idea.** One server is the *primary*: it orders the writes in a log and sends the log on to the *backups*.
//!
//! ```text
//!   client ── put x 5 ──▶ primary ──Replicate──▶ backup      sync:      all members have it  ──▶ written
//!                            │ ╲───Replicate──▶ backup      semi-sync: one backup has it     ──▶ written
//!                Beat, Change│ ▲Grant, View                  async:     the primary has it    ──▶ written
//!                            ▼ │
//!                          monitor: one node of its own, the last. Who is primary, who are members, in which epoch
//! ```
//!
//! 1. **Epochs.** The *monitor* alone says who is primary. Each of its *views* has a number, the *epoch*, which is on
//!    its disk before anybody hears of it. Every message carries one, and who has heard of a higher epoch refuses a
//!    lower one: so a primary that was deposed without knowing it is *fenced* off.
//! 2. **Lease.** A primary answers clients only while the monitor vouches for it: each `Beat` that the monitor grants
//!    counts from the moment at which it was *sent*, and the monitor waits a quarter longer than that before it looks
//!    for another. So clocks may differ by a fifth in speed. Both a timer and the clock must say that a beat still
//!    counts: the one may wait behind other events after a pause, the other may be set.
//! 3. **Replication.** As in every log: a message names the entry before the new ones, a backup that lacks it refuses,
//!    and the primary goes further back. What is *committed* depends on the mode (the picture).
//! 4. **Members** (sync). A backup that stays silent would stop all writes, so the primary asks the monitor for a view
//!    without it, and goes on when it has that view. A backup that has caught up is taken in again: from the moment at
//!    which the primary asks, it waits for the newcomer as well, since the monitor may have decided already.
//! 5. **Failover.** The monitor begins a new epoch and asks everybody what they have; who answers has left the old
//!    epoch. It promotes whoever surely has all that was acknowledged (*clean failover*): sync, any member; semi-sync,
//!    the newest log of all servers but one, since every committed entry is on two; async, only the old primary itself,
//!    so it waits. The new primary begins with an empty entry, and commits what it found only together with that.
//! 6. **Rejoin.** A server that comes back deletes what was never replicated: what conflicts with the primary's log.
//! 7. **Reads** are answered by the primary, or by any server (`reads=any`) that has asked the primary how far it must
//!    have executed, and waited for that.
//!
//! **On disk**: the epoch, the view, the log. **Left out**: snapshots of long logs, and a monitor that survives its own
//! crash by other means than coming back; while it is away a primary goes on only until its lease ends. (A monitor that
//! is a group of its own is what consensus is for.)
//!
//! What must hold is in `primary_backup/checks.rs`, scenarios and pictures are in `primary_backup/show.rs`.
//!
//! Sources: P. A. Alsberg, J. D. Day, "A Principle for Resilient Sharing of Distributed Resources", ICSE 1976; N.
//! Budhiraja, K. Marzullo, F. B. Schneider, S. Toueg, "The Primary-Backup Approach", 1993; members, leases and the
//! monitor ("configuration manager") as in W. Lin and others, "PacificA", MSR-TR-2008-25.

mod checks;
mod show;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use serde::Serialize;

use crate::parts::kv::{KvRequest, KvResult, Store};
use crate::parts::log::{Log, Slice};
use crate::parts::per_client::PerClient;
use crate::parts::quorum::NodeSet;
use crate::protocol::{
    Answer, ClientId, Ctx, NodeId, Outcome, Payload, Protocol, RequestId, Stored,
};
use crate::sim::rng::Rng;
use crate::sim::time::{Span, Time};

/// The number of a view, from 1.
pub type Epoch = u64;

/// A place in the log, from 1; 0 is before the first entry.
pub type Index = u64;

/// When a write is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// When every member has it.
    Sync,
    /// When the primary and one backup have it.
    SemiSync,
    /// When the primary has it.
    Async,
}

/// What every node is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// When a write is committed.
    pub mode: Mode,
    /// Whether every server answers reads, or only the primary.
    pub read_any: bool,
    /// How often a primary lets the monitor and the backups hear of it.
    pub beat: Span,
    /// How long a primary may answer after it sent a beat that was granted.
    pub lease: Span,
    /// After what silence the monitor looks for another primary.
    pub failover: Span,
    /// How long the monitor collects answers before it decides.
    pub gather: Span,
    /// After so many beats without an answer a backup is no member any more.
    pub evict: u64,
    /// The most entries in one message.
    pub batch: u64,
    /// What can be switched off to see what it is good for.
    pub rules: Rules,
}

/// The rules that make it safe. Each can be switched off.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Only a server that surely has every acknowledged write is promoted.
    pub clean_failover: bool,
    /// Servers refuse what comes from an earlier epoch, and a primary answers only under its lease.
    pub fencing: bool,
    /// A primary answers only under its lease.
    pub lease: bool,
    /// Who comes back deletes what conflicts with the primary's log.
    pub truncate: bool,
    /// A backup asks the primary how far it must have come before it answers a read.
    pub ask_primary: bool,
}

impl Rules {
    /// All of them.
    pub const ALL: Rules = Rules {
        clean_failover: true,
        fencing: true,
        lease: true,
        truncate: true,
        ask_primary: true,
    };
}

/// What the monitor has decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct View {
    /// Its number.
    pub epoch: Epoch,
    /// Who decides.
    pub primary: Option<NodeId>,
    /// Who must have a write before it is committed, in the mode `sync`.
    pub members: NodeSet,
}

/// An entry of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Entry {
    /// The epoch of the primary that created it.
    pub epoch: Epoch,
    /// What to execute, for whom; nothing in the entry with which a primary begins.
    pub command: Option<(ClientId, u32, KvRequest)>,
}

/// What nodes say to each other.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Message {
    /// A primary to the monitor: I am here.
    Beat {
        /// The primary's epoch.
        epoch: Epoch,
        /// Which beat, from 1.
        number: u64,
    },
    /// The monitor vouches for the primary, from that beat on.
    Grant {
        /// The epoch.
        epoch: Epoch,
        /// Which beat.
        number: u64,
    },
    /// The monitor to every server: a new epoch begins, what do you have?
    Ask {
        /// The new epoch.
        epoch: Epoch,
    },
    /// The answer.
    Status {
        /// The epoch that was asked for.
        epoch: Epoch,
        /// The epoch of the last entry.
        last_epoch: Epoch,
        /// The index of the last entry.
        last_index: Index,
    },
    /// The monitor has decided.
    View(View),
    /// A primary asks for other members.
    Change {
        /// The epoch of the view that it wants changed.
        epoch: Epoch,
        /// The members that it wants.
        members: NodeSet,
    },
    /// A primary sends entries, or none to be heard.
    Replicate {
        /// The primary's epoch.
        epoch: Epoch,
        /// The index of the entry just before the new ones.
        prev_index: Index,
        /// Its epoch.
        prev_epoch: Epoch,
        /// The new entries.
        entries: Slice<Entry>,
        /// How far the primary has committed.
        commit: Index,
    },
    /// The answer.
    Acknowledge {
        /// The backup's epoch.
        epoch: Epoch,
        /// Whether it had the entry before, and now has the new ones.
        success: bool,
        /// On success the last entry that is known to be the primary's; else the last that may be.
        index: Index,
    },
    /// A backup to the primary: how far must I have come to answer a read?
    ReadIndex {
        /// Tells this question from others.
        read: u64,
    },
    /// The answer.
    ReadAt {
        /// The question.
        read: u64,
        /// What was committed when it was asked.
        index: Index,
    },
}

impl Message {
    /// The epoch in which it was sent; for what the monitor and readers say, none that would have to be refused.
    fn epoch(&self) -> Option<Epoch> {
        match *self {
            Message::Replicate { epoch, .. } | Message::Acknowledge { epoch, .. } => Some(epoch),
            _ => None,
        }
    }
}

impl Payload for Message {
    fn kind(&self) -> &'static str {
        match self {
            Message::Beat { .. } => "Beat",
            Message::Grant { .. } => "Grant",
            Message::Ask { .. } => "Ask",
            Message::Status { .. } => "Status",
            Message::View(_) => "View",
            Message::Change { .. } => "Change",
            Message::Replicate { .. } => "Replicate",
            Message::Acknowledge { .. } => "Acknowledge",
            Message::ReadIndex { .. } => "ReadIndex",
            Message::ReadAt { .. } => "ReadAt",
        }
    }
}

/// So many beats may be under way at once: the lease is at most six beats long.
const BEATS: usize = 8;

/// The alarms of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// A primary must be heard again.
    Beat,
    /// What one of the last beats was good for is over.
    Lease(u8),
    /// The monitor has heard nothing of the primary for too long.
    Silence,
    /// The monitor has waited long enough for answers.
    Gather,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Timer::Beat => f.write_str("beat"),
            Timer::Lease(slot) => write!(f, "lease{slot}"),
            Timer::Silence => f.write_str("silence"),
            Timer::Gather => f.write_str("gather"),
        }
    }
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Response {
    /// It was done.
    Done {
        /// What came of it.
        result: KvResult,
        /// How far the server that answered had executed the log.
        index: Index,
        /// Whether it is the primary.
        primary: bool,
    },
    /// This node is not the primary; perhaps it knows who is.
    NotPrimary(Option<NodeId>),
}

impl Payload for Response {
    fn kind(&self) -> &'static str {
        match self {
            Response::Done { .. } => "result",
            Response::NotPrimary(_) => "redirect",
        }
    }
}

impl Answer for Response {
    fn outcome(&self) -> Outcome {
        match self {
            Response::Done { result, .. } => result.outcome(),
            Response::NotPrimary(hint) => Outcome::Elsewhere(*hint),
        }
    }

    fn remark(&self) -> Option<String> {
        let Response::Done { index, primary, .. } = self else {
            return None;
        };
        let who = if *primary { "primary" } else { "backup" };
        Some(format!("{who}, index {index}"))
    }
}

/// What a node keeps on disk.
#[derive(Clone, Debug, Default)]
pub struct Durable {
    /// The highest epoch it has heard of.
    pub epoch: Epoch,
    /// The monitor: what it decided last. A server: the last view in which it became primary.
    pub view: View,
    /// The log.
    pub log: Log<Entry>,
}

impl Stored for Durable {
    /// Epoch and view are written first, in one block; then the log, entry by entry.
    fn torn(before: &Durable, after: &Durable, rng: &mut Rng) -> Durable {
        let kept = before.log.common_prefix(&after.log);
        let mut log = after.log.clone();
        log.truncate(kept + rng.below(u64::from(log.len() - kept) + 1) as u32);
        Durable {
            log,
            ..after.clone()
        }
    }
}

/// What a node is, with the state that only that role has.
#[derive(Clone, Debug)]
pub enum State {
    /// It says who is primary; while it looks for one, what servers have: epoch and index of their last entries.
    Monitor(Option<BTreeMap<NodeId, (Epoch, Index)>>),
    /// It keeps a copy.
    Backup,
    /// It decides.
    Primary(Box<Reign>),
}

/// What only a primary has.
#[derive(Clone, Debug)]
pub struct Reign {
    /// The entry with which it began: nothing is committed before that is.
    start: Index,
    /// For each server the next entry to send.
    next: Vec<Index>,
    /// For each server the last entry that it is known to have.
    matched: Vec<Index>,
    /// For each server the beats since it answered.
    silent: Vec<u64>,
    /// The members that it has asked for.
    proposal: Option<NodeSet>,
    /// Requests to answer once the entry at this index is executed; in the order of the log.
    waiting: VecDeque<(Index, RequestId)>,
    /// The number of the last beat.
    beat: u64,
    /// The beats that still count if they are granted, and what the clock showed when they were sent; by their numbers
    /// modulo [`BEATS`].
    open: [(u64, Time); BEATS],
    /// The last beat that was granted, while it counts.
    granted: Option<(u64, Time)>,
    /// How often it answered a client. For checks.
    answers: u32,
}

/// A read that waits.
#[derive(Clone, Debug)]
struct Read {
    id: RequestId,
    request: KvRequest,
    /// The question to the primary.
    number: u64,
    /// How far the log must be executed, once that is known.
    index: Option<Index>,
}

/// So many reads wait at a server, at most; the oldest is given up for another.
const READS_MAX: usize = 1_000;

/// A node.
#[derive(Clone)]
pub struct PrimaryBackup {
    me: NodeId,
    /// How many servers there are: all nodes but the last, which is the monitor.
    servers: u16,
    config: Config,

    // On disk. `unsaved` says whether the disk is behind.
    epoch: Epoch,
    view: View,
    log: Log<Entry>,
    unsaved: bool,

    // Volatile.
    state: State,
    /// Who is primary, as far as is known.
    primary: Option<NodeId>,
    /// The last entry known to be committed.
    commit: Index,
    /// The last entry that was executed.
    last_applied: Index,
    /// The state machine.
    store: Store,
    /// For each client the last request that was executed, and its result.
    sessions: PerClient<(u32, KvResult)>,
    reads: VecDeque<Read>,
    /// How many entries it deleted because the primary has others. For checks.
    deleted: u64,
    /// How many messages it refused because of their epoch. For checks.
    refused: u64,
    /// How many reads it answered as a backup. For checks.
    backup_reads: u64,
}

impl Protocol for PrimaryBackup {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Request = KvRequest;
    type Response = Response;
    type Durable = Durable;

    fn start(ctx: &mut Ctx<'_, Self>, config: &Config, durable: Durable) -> PrimaryBackup {
        let servers = ctx.cluster_size() as u16 - 1;
        let is_monitor = ctx.me().0 == servers;
        if is_monitor {
            // Whatever it granted before it crashed must have run out.
            let first = durable.view.primary.is_none();
            ctx.set_timer(
                Timer::Silence,
                if first { Span::ZERO } else { config.failover },
            );
        }
        PrimaryBackup {
            me: ctx.me(),
            servers,
            config: config.clone(),
            epoch: durable.epoch,
            view: durable.view,
            log: durable.log,
            unsaved: false,
            state: if is_monitor {
                State::Monitor(None)
            } else {
                State::Backup
            },
            primary: None,
            commit: 0,
            last_applied: 0,
            store: Store::default(),
            sessions: PerClient::default(),
            reads: VecDeque::new(),
            deleted: 0,
            refused: 0,
            backup_reads: 0,
        }
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Self>, from: NodeId, message: Message) {
        if let State::Monitor(_) = self.state {
            return self.monitor_hears(ctx, from, &message);
        }
        if self.is_fenced_off(ctx, from, &message) {
            return;
        }
        match message {
            Message::Ask { epoch } => self.on_ask(ctx, from, epoch),
            Message::View(view) => self.on_view(ctx, view),
            // What was granted for an earlier reign says nothing about this one.
            Message::Grant { epoch, number } if epoch == self.epoch => self.on_grant(ctx, number),
            Message::Replicate {
                epoch,
                prev_index,
                prev_epoch,
                entries,
                commit,
            } => self.on_replicate(ctx, from, epoch, (prev_epoch, prev_index), &entries, commit),
            Message::Acknowledge { success, index, .. } => {
                self.on_acknowledge(ctx, from, success, index)
            }
            Message::ReadIndex { read } if self.may_answer(ctx.now()) && self.is_ready() => {
                let index = self.commit;
                ctx.send(from, Message::ReadAt { read, index });
            }
            // Whoever asks will ask another.
            Message::ReadIndex { .. } => {}
            Message::ReadAt { read, index } => {
                for it in self.reads.iter_mut().filter(|it| it.number == read) {
                    it.index = Some(index);
                }
                self.answer_reads(ctx);
            }
            _ => {}
        }
        self.save(ctx);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Self>, timer: Timer) {
        match timer {
            Timer::Beat => self.beat(ctx),
            Timer::Lease(slot) => self.on_lease_end(ctx, slot),
            Timer::Silence => self.look_for_a_primary(ctx),
            Timer::Gather => self.decide(ctx),
        }
        self.save(ctx);
    }

    fn on_request(&mut self, ctx: &mut Ctx<'_, Self>, id: RequestId, request: KvRequest) {
        let reads = matches!(request, KvRequest::Get(_));
        match &self.state {
            State::Backup if reads && self.config.read_any => self.read_here(ctx, id, request),
            State::Backup => ctx.respond(id, Response::NotPrimary(self.primary)),
            State::Monitor(_) => ctx.respond(id, Response::NotPrimary(self.view.primary)),
            State::Primary(_) if !self.may_answer(ctx.now()) => {
                ctx.respond(id, Response::NotPrimary(None))
            }
            State::Primary(_) if reads => self.read_here(ctx, id, request),
            State::Primary(_) => self.write(ctx, id, request),
        }
    }
}

/// The monitor.
impl PrimaryBackup {
    fn monitor_hears(&mut self, ctx: &mut Ctx<'_, Self>, from: NodeId, message: &Message) {
        let reigns = self.view.primary == Some(from) && self.epoch == self.view.epoch;
        match *message {
            Message::Beat { epoch, number } if reigns && epoch == self.epoch => {
                ctx.set_timer(Timer::Silence, self.config.failover);
                ctx.send(from, Message::Grant { epoch, number });
            }
            // It has missed what was decided.
            Message::Beat { epoch, .. } if self.epoch == self.view.epoch && epoch < self.epoch => {
                ctx.send(from, Message::View(self.view));
            }
            Message::Change { epoch, members } if reigns && epoch == self.epoch => {
                ctx.note("changes the members", || format!("to {members:?}"));
                self.decree(ctx, epoch + 1, from, members);
            }
            Message::Status {
                epoch,
                last_epoch,
                last_index,
            } if epoch == self.epoch => {
                if let State::Monitor(Some(answers)) = &mut self.state {
                    answers.insert(from, (last_epoch, last_index));
                }
            }
            _ => {}
        }
    }

    /// Begins a new epoch. Who answers has left the old one.
    fn look_for_a_primary(&mut self, ctx: &mut Ctx<'_, Self>) {
        self.epoch += 1;
        self.unsaved = true;
        self.state = State::Monitor(Some(BTreeMap::new()));
        ctx.note("looks for a primary", || format!("epoch {}", self.epoch));
        self.save(ctx);
        ctx.broadcast(&Message::Ask { epoch: self.epoch });
        ctx.set_timer(Timer::Gather, self.config.gather);
    }

    fn decide(&mut self, ctx: &mut Ctx<'_, Self>) {
        let State::Monitor(Some(answers)) = &self.state else {
            return;
        };
        match self.choose(answers) {
            Some(primary) => {
                ctx.note("promotes", || format!("{primary}, epoch {}", self.epoch));
                let founders = || (0..self.servers).map(NodeId).collect();
                let first = self.view.primary.is_none();
                let members = if first { founders() } else { self.view.members };
                self.state = State::Monitor(None);
                self.decree(ctx, self.epoch, primary, members);
            }
            None => {
                ctx.note("cannot be sure", || {
                    format!("only {:?} answer", answers.keys().collect::<Vec<_>>())
                });
                // Those that have answered need not say it again; the others may have come back.
                ctx.broadcast(&Message::Ask { epoch: self.epoch });
                ctx.set_timer(Timer::Gather, self.config.gather);
            }
        }
    }

    /// Whom to promote: of those that surely have every acknowledged write, who has the newest log.
    fn choose(&self, answers: &BTreeMap<NodeId, (Epoch, Index)>) -> Option<NodeId> {
        let clean = self.config.rules.clean_failover && self.view.primary.is_some();
        let sure = |node: &NodeId| match self.config.mode {
            Mode::Sync => self.view.members.contains(*node),
            // Each committed entry is on two servers: at most one may be missing.
            Mode::SemiSync => answers.len() + 1 >= usize::from(self.servers),
            Mode::Async => self.view.primary == Some(*node),
        };
        let fit = answers.iter().filter(|(node, _)| !clean || sure(node));
        let best = fit.max_by_key(|(node, last)| (**last, std::cmp::Reverse(**node)));
        best.map(|(node, _)| *node)
    }

    /// Makes a new view.
    fn decree(&mut self, ctx: &mut Ctx<'_, Self>, epoch: Epoch, primary: NodeId, members: NodeSet) {
        self.epoch = epoch;
        self.view = View {
            epoch,
            primary: Some(primary),
            members,
        };
        self.unsaved = true;
        self.save(ctx);
        ctx.broadcast(&Message::View(self.view));
        ctx.set_timer(Timer::Silence, self.config.failover);
    }
}

/// Epochs and roles.
impl PrimaryBackup {
    /// Whether a message comes from an epoch that is over. Its sender is told.
    fn is_fenced_off(&mut self, ctx: &mut Ctx<'_, Self>, from: NodeId, message: &Message) -> bool {
        let Some(epoch) = message.epoch() else {
            return false;
        };
        if epoch > self.epoch {
            self.adopt(ctx, epoch);
        }
        if epoch >= self.epoch || !self.config.rules.fencing {
            return false;
        }
        self.refused += 1;
        if let Message::Replicate { .. } = message {
            let refusal = Message::Acknowledge {
                epoch: self.epoch,
                success: false,
                index: 0,
            };
            self.save(ctx);
            ctx.send(from, refusal);
        }
        true
    }

    /// Hears of a higher epoch: whoever was primary is no more.
    fn adopt(&mut self, ctx: &mut Ctx<'_, Self>, epoch: Epoch) {
        self.epoch = epoch;
        self.unsaved = true;
        self.primary = None;
        if let State::Primary(_) = self.state {
            ctx.note("steps down", || format!("epoch {epoch} has begun"));
            ctx.cancel_timer(Timer::Beat);
            self.state = State::Backup;
        }
    }

    fn on_ask(&mut self, ctx: &mut Ctx<'_, Self>, from: NodeId, epoch: Epoch) {
        // A server without fences answers, and goes on as before.
        if epoch > self.epoch && self.config.rules.fencing {
            self.adopt(ctx, epoch);
        }
        if epoch < self.epoch {
            return;
        }
        self.save(ctx);
        let status = Message::Status {
            epoch,
            last_epoch: self.epoch_at(self.last_index()),
            last_index: self.last_index(),
        };
        ctx.send(from, status);
    }

    fn on_view(&mut self, ctx: &mut Ctx<'_, Self>, view: View) {
        // A view that it has reigned in already is not begun again: what it had asked for then may still be granted.
        if view.epoch < self.epoch || view.epoch <= self.view.epoch {
            return;
        }
        if view.primary != Some(self.me) {
            self.adopt(ctx, view.epoch);
            self.primary = view.primary;
            return;
        }
        self.epoch = view.epoch;
        self.view = view;
        self.unsaved = true;
        self.primary = Some(self.me);
        if let State::Primary(reign) = &mut self.state {
            reign.proposal = None;
            self.advance(ctx);
        } else {
            self.become_primary(ctx);
        }
    }

    fn become_primary(&mut self, ctx: &mut Ctx<'_, Self>) {
        ctx.note("becomes primary", || format!("epoch {}", self.epoch));
        let (servers, next) = (usize::from(self.servers), self.last_index() + 1);
        self.state = State::Primary(Box::new(Reign {
            start: next,
            next: vec![next; servers],
            matched: vec![0; servers],
            silent: vec![0; servers],
            proposal: None,
            waiting: VecDeque::new(),
            beat: 0,
            open: [(0, Time::ZERO); BEATS],
            granted: None,
            answers: 0,
        }));
        self.log.push(Entry {
            epoch: self.epoch,
            command: None,
        });
        self.unsaved = true;
        self.save(ctx);
        self.beat(ctx);
        self.advance(ctx);
    }

    /// Lets the monitor and the backups hear of the primary, and sees who has not been heard.
    fn beat(&mut self, ctx: &mut Ctx<'_, Self>) {
        let monitor = NodeId(self.servers);
        let last = self.commit;
        let State::Primary(reign) = &mut self.state else {
            return;
        };
        reign.beat += 1;
        let slot = (reign.beat % BEATS as u64) as u8;
        reign.open[usize::from(slot)] = (reign.beat, ctx.now());
        ctx.set_timer(Timer::Beat, self.config.beat);
        ctx.set_timer(Timer::Lease(slot), self.config.lease);
        let (epoch, number) = (self.epoch, reign.beat);
        ctx.send(monitor, Message::Beat { epoch, number });
        reign.silent.iter_mut().for_each(|it| *it += 1);
        if self.config.mode == Mode::Sync && reign.proposal.is_none() {
            reign.proposal = proposal(reign, self.me, self.view.members, &self.config, last);
        }
        if let Some(members) = reign.proposal {
            ctx.send(monitor, Message::Change { epoch, members });
        }
        self.send_to_all(ctx);
    }

    /// The monitor has vouched for a beat. It counts from when the beat was sent, which a timer has kept.
    fn on_grant(&mut self, ctx: &mut Ctx<'_, Self>, number: u64) {
        let State::Primary(reign) = &mut self.state else {
            return;
        };
        let open = reign.open[(number % BEATS as u64) as usize];
        if open.0 == number {
            reign.granted = reign.granted.max(Some(open));
            self.answer_reads(ctx);
        }
    }

    fn on_lease_end(&mut self, ctx: &mut Ctx<'_, Self>, slot: u8) {
        let State::Primary(reign) = &mut self.state else {
            return;
        };
        let over = std::mem::take(&mut reign.open[usize::from(slot)]);
        if reign.granted == Some(over) {
            reign.granted = None;
            ctx.note("loses its lease", || format!("epoch {}", self.epoch));
        }
    }

    /// Whether this is the primary, for all that it can know. `now` is what its clock shows: after a pause the timer
    /// may wait behind what arrived before it.
    fn may_answer(&self, now: Time) -> bool {
        let rules = &self.config.rules;
        let State::Primary(reign) = &self.state else {
            return false;
        };
        let counts = |it: (u64, Time)| it.1 <= now && now.since(it.1) < self.config.lease;
        reign.granted.is_some_and(counts) || !rules.lease || !rules.fencing
    }

    /// Whether a primary has committed all that it found when it began.
    fn is_ready(&self) -> bool {
        matches!(&self.state, State::Primary(reign) if self.commit >= reign.start)
    }
}

/// The members that a primary should ask for: without one that is silent, or with one that has caught up.
fn proposal(
    reign: &Reign,
    me: NodeId,
    members: NodeSet,
    config: &Config,
    commit: Index,
) -> Option<NodeSet> {
    let servers = || (0..reign.silent.len() as u16).map(NodeId);
    let silent = |it: NodeId| it != me && reign.silent[it.index()] > config.evict;
    if servers().any(|it| members.contains(it) && silent(it)) {
        return Some(members.iter().filter(|it| !silent(*it)).collect());
    }
    // A primary that has just begun does not know yet what is committed: all that it found may be.
    let least = commit.max(reign.start);
    let back = |it: &NodeId| {
        let (silent, matched) = (reign.silent[it.index()], reign.matched[it.index()]);
        !members.contains(*it) && silent <= 1 && matched >= least
    };
    let back = servers().find(back)?;
    Some(members.iter().chain([back]).collect())
}

/// Replication.
impl PrimaryBackup {
    /// Saves what was appended and sends it to everybody.
    fn replicate(&mut self, ctx: &mut Ctx<'_, Self>) {
        self.save(ctx);
        self.send_to_all(ctx);
        self.advance(ctx);
    }

    fn send_to_all(&mut self, ctx: &mut Ctx<'_, Self>) {
        let me = self.me;
        for server in (0..self.servers).map(NodeId).filter(|it| *it != me) {
            self.send_entries(ctx, server);
        }
    }

    /// Sends a server what it lacks; nothing new, if it lacks nothing.
    fn send_entries(&mut self, ctx: &mut Ctx<'_, Self>, to: NodeId) {
        let last = self.last_index();
        let State::Primary(reign) = &mut self.state else {
            return;
        };
        let next = reign.next[to.index()];
        let end = last.min(next - 1 + self.config.batch);
        // Hopefully it arrives; if not, the backup will refuse what comes next.
        reign.next[to.index()] = end + 1;
        let message = Message::Replicate {
            epoch: self.epoch,
            prev_index: next - 1,
            prev_epoch: self.epoch_at(next - 1),
            entries: self.log.slice((next - 1) as u32, end as u32),
            commit: self.commit,
        };
        ctx.send(to, message);
    }

    /// Replicate, receiver. `previous` is the epoch and the index of the entry before the new ones.
    fn on_replicate(
        &mut self,
        ctx: &mut Ctx<'_, Self>,
        from: NodeId,
        epoch: Epoch,
        previous: (Epoch, Index),
        entries: &Slice<Entry>,
        commit: Index,
    ) {
        // Without fences it may come from another that takes itself for the primary.
        if let State::Primary(_) = self.state {
            return;
        }
        self.primary = Some(from);
        let (prev_epoch, prev_index) = previous;
        let keeps = !self.config.rules.truncate;
        let consistent =
            prev_index <= self.last_index() && (self.epoch_at(prev_index) == prev_epoch || keeps);
        let index = if consistent {
            self.merge(ctx, prev_index, entries);
            prev_index + u64::from(entries.len())
        } else {
            // At most what comes before the refused entry can be the primary's.
            self.last_index().min(prev_index - 1)
        };
        self.save(ctx);
        let answer = Message::Acknowledge {
            epoch,
            success: consistent,
            index,
        };
        ctx.send(from, answer);
        if consistent {
            self.execute_to(ctx, commit.min(index));
        }
    }

    /// Takes over the primary's entries behind `previous`; what conflicts with them was never replicated, and goes.
    fn merge(&mut self, ctx: &mut Ctx<'_, Self>, previous: Index, entries: &Slice<Entry>) {
        let same = |it: &u32| {
            let index = previous + 1 + u64::from(*it);
            let here = index <= self.last_index();
            let epoch = entries.look(*it, |it| it.epoch);
            here && (epoch == Some(self.epoch_at(index)) || !self.config.rules.truncate)
        };
        let known = (0..entries.len()).take_while(same).count() as u32;
        if known == entries.len() {
            return;
        }
        let keep = previous + u64::from(known);
        if keep < self.last_index() {
            let gone = self.last_index() - keep;
            ctx.note("deletes entries", || {
                format!(
                    "{gone} from index {} on: they were never replicated",
                    keep + 1
                )
            });
            self.deleted += gone;
            self.log.truncate(keep as u32);
            if self.last_applied > keep {
                self.start_over(keep);
            }
        }
        self.log.extend(&entries.after(known));
        self.unsaved = true;
    }

    /// Executed entries were deleted, which happens only where rules are off: executes the rest from the first on.
    fn start_over(&mut self, keep: Index) {
        self.store = Store::default();
        self.sessions = PerClient::default();
        self.last_applied = 0;
        self.commit = self.commit.min(keep);
    }

    fn on_acknowledge(
        &mut self,
        ctx: &mut Ctx<'_, Self>,
        from: NodeId,
        success: bool,
        index: Index,
    ) {
        let last = self.last_index();
        let State::Primary(reign) = &mut self.state else {
            return;
        };
        let server = from.index();
        reign.silent[server] = 0;
        let matched = &mut reign.matched[server];
        let next = &mut reign.next[server];
        if success {
            *matched = index.max(*matched);
            *next = (*matched + 1).max(*next);
            let behind = *next <= last;
            self.advance(ctx);
            if behind {
                self.send_entries(ctx, from);
            }
        } else if index + 1 < *next && *matched < index + 1 {
            // A refusal that was overtaken by an acceptance says nothing any more.
            *next = index + 1;
            self.send_entries(ctx, from);
        }
    }

    /// Commits what enough servers have, together with the entry with which this primary began.
    fn advance(&mut self, ctx: &mut Ctx<'_, Self>) {
        let State::Primary(reign) = &self.state else {
            return;
        };
        let has = |it: NodeId| reign.matched.get(it.index()).copied().unwrap_or(0);
        let servers = || (0..self.servers).map(NodeId).filter(|it| *it != self.me);
        let last = self.last_index();
        let index = match self.config.mode {
            Mode::Sync => {
                let asked = reign.proposal.unwrap_or_default();
                let must = |it: &NodeId| self.view.members.contains(*it) || asked.contains(*it);
                servers().filter(must).map(has).min().unwrap_or(last)
            }
            Mode::SemiSync => servers().map(has).max().unwrap_or(last),
            Mode::Async => last,
        };
        if index >= reign.start {
            self.execute_to(ctx, index);
        }
    }

    /// Learns that everything up to `index` is committed, and executes it.
    fn execute_to(&mut self, ctx: &mut Ctx<'_, Self>, index: Index) {
        self.commit = self.commit.max(index.min(self.last_index()));
        while self.last_applied < self.commit {
            self.last_applied += 1;
            let entry = self.log.at((self.last_applied - 1) as u32);
            let Some((client, sequence, request)) = entry.command else {
                continue;
            };
            let result = self.remembered(client, sequence).unwrap_or_else(|| {
                let result = self.store.apply(&request);
                self.sessions.insert(client, (sequence, result.clone()));
                result
            });
            self.answer_write(ctx, self.last_applied, result);
        }
        self.answer_reads(ctx);
    }
}

/// Clients.
impl PrimaryBackup {
    fn write(&mut self, ctx: &mut Ctx<'_, Self>, id: RequestId, request: KvRequest) {
        if let Some(result) = self.remembered(id.client, id.sequence) {
            return self.answer(ctx, id, result);
        }
        self.log.push(Entry {
            epoch: self.epoch,
            command: Some((id.client, id.sequence, request)),
        });
        self.unsaved = true;
        let index = self.last_index();
        if let State::Primary(reign) = &mut self.state {
            reign.waiting.push_back((index, id));
        }
        self.replicate(ctx);
    }

    fn answer_write(&mut self, ctx: &mut Ctx<'_, Self>, index: Index, result: KvResult) {
        let may_answer = self.may_answer(ctx.now());
        let State::Primary(reign) = &mut self.state else {
            return;
        };
        let Some((_, id)) = reign.waiting.front().copied().filter(|it| it.0 == index) else {
            return;
        };
        reign.waiting.pop_front();
        // Without a lease the client goes unanswered: it was done, but perhaps another is primary by now.
        if may_answer {
            self.answer(ctx, id, result);
        }
    }

    fn answer(&mut self, ctx: &mut Ctx<'_, Self>, id: RequestId, result: KvResult) {
        let primary = match &mut self.state {
            State::Primary(reign) => {
                reign.answers += 1;
                true
            }
            _ => false,
        };
        let index = self.last_applied;
        ctx.respond(
            id,
            Response::Done {
                result,
                index,
                primary,
            },
        );
    }

    /// A read that this server answers itself, when it can.
    fn read_here(&mut self, ctx: &mut Ctx<'_, Self>, id: RequestId, request: KvRequest) {
        let is_primary = matches!(self.state, State::Primary(_));
        let number = ctx.rng().bits();
        let index = match (&self.state, self.config.rules.ask_primary) {
            (State::Primary(reign), _) => Some(reign.start),
            (_, false) => Some(0),
            (_, true) => None,
        };
        if !is_primary && index.is_none() {
            let Some(primary) = self.primary else {
                return ctx.respond(id, Response::NotPrimary(None));
            };
            ctx.send(primary, Message::ReadIndex { read: number });
        }
        if self.reads.len() >= READS_MAX {
            self.reads.pop_front();
        }
        self.reads.push_back(Read {
            id,
            request,
            number,
            index,
        });
        self.answer_reads(ctx);
    }

    /// Answers the reads for which the log has been executed far enough.
    fn answer_reads(&mut self, ctx: &mut Ctx<'_, Self>) {
        let is_primary = matches!(self.state, State::Primary(_));
        if self.reads.is_empty() || is_primary && !self.may_answer(ctx.now()) {
            return;
        }
        let applied = self.last_applied;
        let ready = |it: &Read| it.index.is_some_and(|it| it <= applied);
        let (ready, wait): (VecDeque<Read>, _) = self.reads.drain(..).partition(ready);
        self.reads = wait;
        for read in ready {
            self.backup_reads += u64::from(!is_primary);
            let result = self.store.apply(&read.request);
            self.answer(ctx, read.id, result);
        }
    }

    /// The result of a request that has been executed already.
    fn remembered(&self, client: ClientId, sequence: u32) -> Option<KvResult> {
        let (last, result) = self.sessions.get(client)?;
        (*last >= sequence).then(|| result.clone())
    }
}

/// Small questions.
impl PrimaryBackup {
    /// Writes to disk what must survive a crash, if it has changed. What is sent after it waits for the disk.
    fn save(&mut self, ctx: &mut Ctx<'_, Self>) {
        if std::mem::take(&mut self.unsaved) {
            ctx.persist(Durable {
                epoch: self.epoch,
                view: self.view,
                log: self.log.clone(),
            });
        }
    }

    fn last_index(&self) -> Index {
        self.log.len().into()
    }

    /// The epoch of the entry at `index`; 0 before the first.
    fn epoch_at(&self, index: Index) -> Epoch {
        let at = index.checked_sub(1).and_then(|it| u32::try_from(it).ok());
        at.and_then(|at| self.log.look(at, |it| it.epoch))
            .unwrap_or(0)
    }
}
