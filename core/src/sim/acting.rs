//! What nodes do: they start, react, work, set timers, and have what they decided carried out.

use crate::exhibit::{Exhibit, Status};
use crate::protocol::{Ctx, Effect, NodeId};
use crate::trace::{HostId, Kind, PayloadHasher};

use super::command::Point;
use super::kernel::Kernel;
use super::queue::{Entry, Event};
use super::simulation::{Held, Sim, TimerSlot};
use super::time::{Span, Time};

/// Something comes due at a node.
impl<P: Exhibit> Sim<P> {
    /// Whether what comes due at a node now must wait: it is paused, busy, others wait already, or it takes time.
    pub(super) fn must_wait(&self, node: NodeId) -> bool {
        let host = &self.kernel.hosts[node.index()];
        !host.can_act() || (!host.serving && self.kernel.takes_time(node))
    }

    /// A timer's plan comes due.
    pub(super) fn ring(&mut self, entry: Entry, node: NodeId, slot: u16) -> bool {
        let timers = &mut self.members[node.index()].timers;
        let Some(timer) = timers.get_mut(usize::from(slot)) else {
            return false;
        };
        if timer.plan.is_none_or(|(plan, _)| plan != entry.sequence) {
            return false;
        }
        if !timer.armed {
            timer.plan = None;
            return false;
        }
        if timer.deadline > entry.time {
            let deadline = timer.deadline;
            timer.plan = Some((self.kernel.queue.push(deadline, entry.event), deadline));
            return false;
        }
        if self.must_wait(node) {
            self.kernel.wait_in_inbox(node, entry);
            return false;
        }
        self.members[node.index()].timers[usize::from(slot)].plan = None;
        self.kernel.begin_step(entry.time);
        self.fire(node, usize::from(slot));
        true
    }

    /// Runs a timer out.
    pub(super) fn fire(&mut self, node: NodeId, slot: usize) {
        let timer = &mut self.members[node.index()].timers[slot];
        timer.armed = false;
        let (name, cause) = (timer.timer, timer.event);
        let payload = PayloadHasher::of(&name);
        let ends = (node.into(), HostId::WORLD);
        let event =
            self.kernel
                .record_about(Kind::Timer, ends, (cause, 0), || ("timer", 0), payload);
        self.say(event, || None, |_| format!("{node}: timer {name} runs out"));
        self.act(node, event, |state, ctx| state.on_timer(ctx, name));
    }

    /// A node has finished what it was at: it does what was to follow, or takes the next thing that waits.
    pub(super) fn ready(&mut self, entry: Entry, node: NodeId) -> bool {
        let host = self.kernel.host(node);
        if host.busy.is_none_or(|(_, plan)| plan != entry.sequence) {
            return false;
        }
        host.busy = None;
        // A paused one takes up its work when it goes on.
        let acted = host.status == Status::Up && self.serve(entry.time, node);
        self.go_on(node, entry.time);
        acted
    }

    /// Lets a node do what it put off, or else take the first thing that waits and still counts.
    fn serve(&mut self, now: Time, node: NodeId) -> bool {
        if let Some((event, effects)) = self.members[node.index()].later.take() {
            self.kernel.begin_step(now);
            self.effects = effects;
            self.finish(node, event);
            return true;
        }
        self.kernel.host(node).serving = true;
        let mut acted = false;
        while !acted {
            let Some((sequence, event)) = self.kernel.host(node).inbox.pop_front() else {
                break;
            };
            acted = self.process(Entry {
                time: now,
                sequence,
                event,
            });
        }
        self.kernel.host(node).serving = false;
        acted
    }
}

/// The window of one node on the world.
fn ctx<'a, P: Exhibit>(
    kernel: &'a mut Kernel,
    explain: bool,
    node: NodeId,
    effects: &'a mut Vec<Effect<P>>,
) -> Ctx<'a, P> {
    let host = &mut kernel.hosts[node.index()];
    Ctx {
        me: node,
        nodes: kernel.environment.nodes,
        clock: &host.clock,
        time: kernel.now,
        explain,
        rng: &mut host.rng,
        effects,
    }
}

/// A node reacts.
impl<P: Exhibit> Sim<P> {
    /// Starts a node from its disk, unless it refuses what it finds there.
    pub(super) fn start(&mut self, node: NodeId, cause: u32) {
        if !self.find_damage(node, cause) {
            return;
        }
        let event = self.kernel.record(Kind::Start, node.into(), cause, "start");
        self.say(event, || None, |_| format!("{node} starts"));
        self.kernel.host(node).status = Status::Up;
        let durable = self.members[node.index()].durable.clone();
        let config = self.config.clone();
        let mut ctx = ctx(&mut self.kernel, self.explaining, node, &mut self.effects);
        let state = P::start(&mut ctx, &config, durable);
        self.members[node.index()].state = Some(state);
        self.finish(node, event);
    }

    /// Lets a node react to event number `event`.
    pub(super) fn act(
        &mut self,
        node: NodeId,
        event: u32,
        handler: impl FnOnce(&mut P, &mut Ctx<'_, P>),
    ) {
        let Sim {
            kernel,
            members,
            effects,
            explaining,
            ..
        } = self;
        let state = members[node.index()].state.as_mut();
        let mut ctx = ctx(kernel, *explaining, node, effects);
        handler(state.expect("only running nodes act"), &mut ctx);
        self.finish(node, event);
    }

    /// Carries out what a node wants done, in order.
    fn finish(&mut self, node: NodeId, event: u32) {
        self.changed = Some(node);
        self.say_changes(node, event);
        let doomed = self.kernel.hosts[node.index()].crash_point.is_some();
        let mut at = 0;
        while let Some(effect) = self.effects.get_mut(at) {
            at += 1;
            // Small and frequent: not worth a move.
            if let Effect::SetTimer(timer, min, max) = *effect {
                self.set_timer(node, timer, min, max, event);
                continue;
            }
            // Taken out where it stands: nothing moves up, and the list keeps its memory.
            let effect = std::mem::replace(effect, Effect::Leave);
            if let Effect::Work(span) = effect {
                let rest = self.effects.drain(at..).collect();
                self.work(node, event, span, rest);
                break;
            }
            if doomed && self.crash_at(node, event, &effect) {
                break;
            }
            if !self.carry_out_effect(node, event, effect) {
                break;
            }
        }
        self.effects.clear();
    }

    /// Whether the node crashes here, as somebody wanted.
    fn crash_at(&mut self, node: NodeId, event: u32, effect: &Effect<P>) -> bool {
        let host = &self.kernel.hosts[node.index()];
        let sends =
            matches!(effect, Effect::Send(..) | Effect::Respond(..)) && host.disk.syncing.is_none();
        let here = match host.crash_point {
            Some(Point::BeforeWrite) => matches!(effect, Effect::Persist(_)),
            Some(Point::BeforeSend) => sends,
            // One of several has gone out because of the same event.
            Some(Point::AmidSends) => sends && self.sent_by == Some((node, event)),
            Some(Point::BeforeSync) | None => false,
        };
        if sends {
            self.sent_by = Some((node, event));
        }
        if here {
            self.crash_now(node, event);
        }
        here
    }

    /// Carries out one effect. `false` when it has taken the node down.
    #[inline(always)]
    fn carry_out_effect(&mut self, node: NodeId, event: u32, effect: Effect<P>) -> bool {
        match effect {
            Effect::Send(to, message) => {
                if self.is_writing(node) {
                    let held = &mut self.members[node.index()].held;
                    held.push_back(Held::Send(to, message));
                } else {
                    self.send(node, to, message, event);
                }
            }
            Effect::Respond(id, response) => {
                if self.is_writing(node) {
                    let held = &mut self.members[node.index()].held;
                    held.push_back(Held::Respond(id, response));
                } else {
                    self.respond(node, id, response, event);
                }
            }
            Effect::Persist(durable) => {
                self.persist(node, durable, event);
                return !self.kernel.hosts[node.index()].is_down();
            }
            Effect::SetTimer(timer, min, max) => self.set_timer(node, timer, min, max, event),
            Effect::CancelTimer(timer) => {
                let timers = &mut self.members[node.index()].timers;
                if let Some(slot) = timers.iter_mut().find(|it| it.timer == timer) {
                    slot.armed = false;
                }
            }
            Effect::Note(label, details) => self.note(node, label, details, event),
            Effect::Leave => {
                self.go(node, event);
                return !self.kernel.hosts[node.index()].is_down();
            }
            Effect::Work(_) => unreachable!("the rest of the list was put off"),
        }
        true
    }

    /// Whether what a node sends waits for its disk.
    fn is_writing(&self, node: NodeId) -> bool {
        self.kernel.hosts[node.index()].disk.syncing.is_some()
    }

    /// A turn of the story.
    pub(super) fn note(
        &mut self,
        node: NodeId,
        label: &'static str,
        details: Option<String>,
        cause: u32,
    ) {
        let note = self.kernel.record(Kind::Note, node.into(), cause, label);
        self.say(
            note,
            || None,
            |_| match &details {
                Some(details) => format!("{node} {label}: {details}"),
                None => format!("{node} {label}"),
            },
        );
    }

    /// Keeps a node busy; the rest of what it decided happens after that.
    fn work(&mut self, node: NodeId, event: u32, span: Span, rest: Vec<Effect<P>>) {
        let host = &mut self.kernel.hosts[node.index()];
        let until = self.kernel.now + host.clock.true_span(span);
        host.busy = Some((until, self.kernel.queue.push(until, Event::Ready(node.0))));
        if !rest.is_empty() {
            self.members[node.index()].later = Some((event, rest));
        }
    }

    fn set_timer(&mut self, node: NodeId, timer: P::Timer, min: Span, max: Span, event: u32) {
        let host = &mut self.kernel.hosts[node.index()];
        let now = self.kernel.now;
        let deadline = now + host.clock.true_span(host.rng.span(min, max));
        let timers = &mut self.members[node.index()].timers;
        let slot = timers
            .iter()
            .position(|it| it.timer == timer)
            .unwrap_or_else(|| {
                timers.push(TimerSlot {
                    timer,
                    armed: false,
                    set_at: now,
                    deadline,
                    plan: None,
                    event,
                });
                timers.len() - 1
            });
        let entry = &mut timers[slot];
        entry.armed = true;
        entry.set_at = now;
        entry.deadline = deadline;
        entry.event = event;
        if entry.plan.is_none_or(|(_, at)| at > deadline) {
            let plan = self
                .kernel
                .queue
                .push(deadline, Event::Timer(node.0, slot as u16));
            entry.plan = Some((plan, deadline));
        }
    }
}
