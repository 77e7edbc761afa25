//! The part of the simulator that knows no system: time, the queue, the hosts, the network, the trace.
//!
//! It is not generic, so that a further system adds only its own code to the page ([`super::simulation`] is the
//! thin shell around it).

use std::collections::VecDeque;

use crate::exhibit::Status;
use crate::frame::{Field, NetworkView, NodeView, Role, Stats, TimerView};
use crate::parts::order;
use crate::protocol::NodeId;
use crate::trace::{HostId, Kind, Level, Record, Recorder};

use super::clock::Clock;
use super::command::Point;
use super::disk::Disk;
use super::network::Network;
use super::queue::{Entry, Event, Queue};
use super::rng::{Rng, Stream};
use super::settings::{CHANGEABLE, Environment};
use super::time::{Span, Time};

/// So many steps at one moment mean that time stands still: something goes round in a circle without delay.
const STEPS_PER_MOMENT_MAX: u32 = 100_000;

/// So many events may happen in one run: some hours of a lively cluster. Beyond that a trace would exhaust the memory
/// of a page, and nothing that comes from outside may run for ever.
pub const EVENTS_MAX: u32 = 20_000_000;

/// So many events may be under way at once; beyond that a run would exhaust the machine's memory.
const UNDER_WAY_MAX: usize = 1_000_000;

/// The machine that a node runs on.
#[derive(Clone, Debug)]
pub struct Host {
    /// Whether it runs.
    pub status: Status,
    /// Its clock.
    pub clock: Clock,
    /// What the algorithm draws.
    pub rng: Rng,
    /// What the network draws for messages sent from here.
    pub wire: Rng,
    /// Its disk.
    pub disk: Disk,
    /// What is drawn for how long it works.
    pub processor: Rng,
    /// How much longer it works on everything.
    pub slow: Span,
    /// Until when it is busy, and the plan for the end of that.
    pub busy: Option<(Time, u64)>,
    /// Plans that came due while it could not act, in the order in which it will take them.
    pub inbox: VecDeque<(u64, Event)>,
    /// Whether it takes something from its inbox just now.
    pub serving: bool,
    /// Where it is to crash, if it is.
    pub crash_point: Option<Point>,
}

impl Host {
    fn new(seed: u64, node: u32, clock: Clock) -> Host {
        Host {
            status: Status::Up,
            clock,
            rng: Rng::stream(seed, Stream::Node(node)),
            wire: Rng::stream(seed, Stream::Wire(node)),
            disk: Disk::new(seed, node),
            processor: Rng::stream(seed, Stream::Processor(node)),
            slow: Span::ZERO,
            busy: None,
            inbox: VecDeque::new(),
            serving: false,
            crash_point: None,
        }
    }

    /// Whether it can act now, without anything waiting before.
    pub fn can_act(&self) -> bool {
        self.status == Status::Up
            && (self.serving || (self.busy.is_none() && self.inbox.is_empty()))
    }

    /// What is wrong with it, in words.
    pub fn ailments(&self) -> Vec<String> {
        let mut words = self.disk.ailments();
        words.extend(
            (self.slow > Span::ZERO).then(|| format!("each event takes {} more", self.slow)),
        );
        words.extend(self.crash_point.map(|it| format!("will crash {it}")));
        words
    }

    /// Whether it has stopped, with nothing left but its disk.
    pub fn is_down(&self) -> bool {
        matches!(self.status, Status::Down | Status::Gone)
    }
}

/// What a [`NodeView`] tells that only the system knows.
pub struct NodeKnows {
    /// What the node is.
    pub role: Option<Role>,
    /// What it knows.
    pub fields: Vec<Field>,
    /// Its timers that run.
    pub timers: Vec<TimerView>,
    /// How many writes its disk has before it.
    pub writing: usize,
}

/// The simulator's state, but for what nodes and messages contain.
#[derive(Clone)]
pub struct Kernel {
    /// True time.
    pub now: Time,
    /// Steps so far.
    pub steps: u64,
    /// The seed of all randomness.
    pub seed: u64,
    /// What is to come.
    pub queue: Queue,
    /// The machines.
    pub hosts: Vec<Host>,
    /// Who reaches whom.
    pub network: Network,
    /// The surroundings; some can change during the run.
    pub environment: Environment,
    /// The trace.
    pub recorder: Recorder,
    /// Counts.
    pub stats: Stats,
    /// What is drawn where a command leaves it to chance whom it means.
    pub choices: Rng,
    /// Numbers messages in the order of sending.
    pub next_message: u32,
    /// Whether nothing is amiss: the network is whole and makes neither copies nor damage, and no node needs time for
    /// what arrives. Only commands change that. It is asked for every message, in place of everything that it stands
    /// for.
    pub calm: bool,
    /// Why the run cannot go on, if it cannot.
    pub halted: Option<String>,
    /// Steps at the moment of the last step.
    steps_now: u32,
    /// That moment: true time may have gone on since.
    stepped_at: Time,
}

impl Kernel {
    /// The world before its first event.
    pub fn new(environment: Environment, seed: u64, level: Level) -> Kernel {
        let mut clocks = Rng::stream(seed, Stream::Clocks);
        let hosts = (0..u32::from(environment.nodes))
            .map(|node| {
                let mut clock = Clock::default();
                let skew = environment.skew;
                let ahead = clocks.span(Span::ZERO, skew + skew).0 as i64 - skew.0 as i64;
                clock.jump(ahead);
                Host::new(seed, node, clock)
            })
            .collect();
        let mut kernel = Kernel {
            now: Time::ZERO,
            steps: 0,
            seed,
            queue: Queue::default(),
            hosts,
            network: Network::default(),
            environment,
            recorder: Recorder::new(level, seed),
            stats: Stats::default(),
            choices: Rng::stream(seed, Stream::Choices),
            next_message: 1,
            calm: false,
            halted: None,
            steps_now: 0,
            stepped_at: Time::ZERO,
        };
        kernel.look_around();
        kernel
    }

    /// A copy. Not inlined: it is called at one place in every system.
    #[inline(never)]
    pub fn copy(&self) -> Kernel {
        self.clone()
    }

    /// Counts a step at `time` and moves true time there.
    pub fn begin_step(&mut self, time: Time) {
        // Against the last step and not against `now`, which a player moves on: budgets must not depend on how a run
        // is watched.
        self.steps_now = if time > self.stepped_at {
            0
        } else {
            self.steps_now + 1
        };
        self.stepped_at = time;
        self.now = time;
        self.steps += 1;
    }

    /// Notices a run that would never end.
    #[inline]
    pub fn watch_budget(&mut self, under_way: usize) {
        if self.steps_now > STEPS_PER_MOMENT_MAX
            || self.recorder.events() > EVENTS_MAX
            || under_way > UNDER_WAY_MAX
        {
            self.halt(under_way);
        }
    }

    #[cold]
    fn halt(&mut self, under_way: usize) {
        if self.steps_now > STEPS_PER_MOMENT_MAX {
            self.halted = Some(format!(
                "{STEPS_PER_MOMENT_MAX} steps at {} and time does not pass: give something a delay",
                self.now
            ));
        }
        if self.recorder.events() > EVENTS_MAX {
            self.halted = Some(format!(
                "{EVENTS_MAX} events happened up to {}, more than one run may have",
                self.now
            ));
        }
        if under_way > UNDER_WAY_MAX {
            self.halted = Some(format!(
                "more than {UNDER_WAY_MAX} messages under way at {}",
                self.now
            ));
        }
    }

    /// Adds an event to the trace and gives it its number.
    pub fn record(&mut self, kind: Kind, host: HostId, cause: u32, label: &'static str) -> u32 {
        self.record_about(kind, (host, HostId::WORLD), (cause, 0), || (label, 0), 0)
    }

    /// Adds an event about something that travels or is counted: `ends` are host and peer, `origin` the cause and the
    /// number of the thing, `word` tells the label and the tint, where anybody wants them.
    #[inline(always)]
    pub fn record_about(
        &mut self,
        kind: Kind,
        ends: (HostId, HostId),
        origin: (u32, u32),
        word: impl FnOnce() -> (&'static str, u16),
        payload: u64,
    ) -> u32 {
        let record = Record {
            time: self.now,
            step: self.steps as u32,
            cause: origin.0,
            item: origin.1,
            host: ends.0,
            peer: ends.1,
            kind,
            label: 0,
            tint: 0,
        };
        self.recorder.add(record, word, payload)
    }

    /// Sets up one more machine, with a clock that is right.
    pub fn add_host(&mut self) -> NodeId {
        let node = self.hosts.len() as u16;
        self.hosts
            .push(Host::new(self.seed, node.into(), Clock::default()));
        NodeId(node)
    }

    /// Finds out whether anything is amiss that commands bring about: see [`Kernel::calm`].
    pub fn look_around(&mut self) {
        let environment = &self.environment;
        self.calm = self.network.is_whole()
            && !environment.is_odd()
            && !environment.copies()
            && environment.zones <= 1
            && environment.service.is_instant()
            && self.hosts.iter().all(|it| it.slow == Span::ZERO);
    }

    /// Whether a node needs time for what arrives.
    #[inline]
    pub fn takes_time(&self, node: NodeId) -> bool {
        !self.calm && self.needs_time(node)
    }

    fn needs_time(&self, node: NodeId) -> bool {
        !self.environment.service.is_instant() || self.hosts[node.index()].slow > Span::ZERO
    }

    /// Keeps a node busy, from `at` on, for as long as it works on the next thing that waits.
    pub fn begin_service(&mut self, node: NodeId, at: Time) {
        let host = &mut self.hosts[node.index()];
        let service = self.environment.service.draw(&mut host.processor);
        let until = at + service + host.slow;
        host.busy = Some((until, self.queue.push(until, Event::Ready(node.0))));
    }

    /// Puts a plan that has come due behind what waits at a node.
    pub fn wait_in_inbox(&mut self, node: NodeId, entry: Entry) {
        let host = &mut self.hosts[node.index()];
        host.inbox.push_back((entry.sequence, entry.event));
        if host.status == Status::Up && host.busy.is_none() && !host.serving {
            self.begin_service(node, entry.time);
        }
    }

    /// Sees to it that a node that runs and has nothing to do takes up what it put off, or else what waits.
    #[inline(never)]
    pub fn take_up(&mut self, node: NodeId, now: Time, has_put_off: bool) {
        let host = &self.hosts[node.index()];
        if host.status != Status::Up || host.busy.is_some() {
            return;
        }
        if has_put_off {
            let plan = self.queue.push(now, Event::Ready(node.0));
            self.host(node).busy = Some((now, plan));
        } else if !host.inbox.is_empty() {
            self.begin_service(node, now);
        }
    }

    /// Whether one more disk may hold less than it said: a majority is spared, unless nobody wants that.
    pub fn may_spoil(&self, node: NodeId) -> bool {
        let others = |it: &(usize, &Host)| it.0 != node.index() && it.1.disk.spoilt;
        let spoilt = self.hosts.iter().enumerate().filter(others).count();
        !self.environment.atlas || spoilt < self.hosts.len().saturating_sub(1) / 2
    }

    /// The machine of a node.
    pub fn host(&mut self, node: NodeId) -> &mut Host {
        &mut self.hosts[node.index()]
    }

    /// A node as data.
    pub fn node_view(&self, node: NodeId, knows: NodeKnows) -> NodeView {
        let host = &self.hosts[node.index()];
        let NodeKnows {
            role,
            fields,
            mut timers,
            writing,
        } = knows;
        order::sort_by(&mut timers, |one, two| {
            (one.deadline, &one.name).cmp(&(two.deadline, &two.name))
        });
        NodeView {
            id: node,
            status: host.status,
            role,
            fields,
            timers,
            clock_ahead: host.clock.ahead(self.now),
            drift_ppm: host.clock.drift(),
            writing,
            inbox: host.inbox.len(),
            ailments: host.ailments(),
        }
    }

    /// The network as data.
    pub fn network_view(&self) -> NetworkView {
        let settings = Environment::settings();
        let changeable = settings.iter().filter(|it| CHANGEABLE.contains(&it.id));
        NetworkView {
            groups: self.network.groups(),
            cuts: self
                .network
                .cuts()
                .filter_map(|(from, to)| Some((from.end()?, to.end()?)))
                .collect(),
            oddities: self.network.oddities(),
            split_since: self.network.split_since(),
            settings: changeable
                .map(|it| (it.id, (it.get)(&self.environment).to_string()))
                .collect(),
        }
    }
}
