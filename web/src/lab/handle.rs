//! The one place where a lab's state lives: a run that is played, and what the reader looks at.
//!
//! Data flows one way. Components call the handle's verbs; the handle changes the player and publishes a
//! new [`View`]; components that [`use_lab`] are drawn anew. What moves every frame does not go through
//! components: canvases register a painter and read the player themselves.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use clusterscope_core::check::tally::Tally;
use clusterscope_core::frame::Frame;
use clusterscope_core::protocol::NodeId;
use clusterscope_core::sim::command::Command;
use clusterscope_core::sim::predicate::Predicate;
use clusterscope_core::trace::{Cone, Records};
use clusterscope_core::{BadInput, Player, RunSpec, Span, Time};
use yew::prelude::*;

/// Speeds that the transport offers: multiples of the scenario's pace.
pub const SPEEDS: [f64; 10] = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// So many steps are taken in one picture at most; beyond that play-back falls behind and the page lives.
const STEPS_PER_TICK: u64 = 20_000;

/// So many while every step is looked at for what somebody waits for.
const STEPS_WATCHED: u64 = 2_000;

/// So many steps a jump takes at once; what is left is done in the next pictures.
const STEPS_PER_JUMP: u64 = 30_000;

/// Panels full of text are drawn at most so often while the run plays, in milliseconds.
const PUBLISH_EVERY: f64 = 100.0;

/// A pause between two pictures longer than this (the tab was hidden) does not count, in milliseconds.
const TICK_MAX: f64 = 100.0;

/// What the reader has picked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// A node.
    Node(NodeId),
    /// A message, by its number.
    Message(u32),
    /// An event of the trace, by its number.
    Event(u32),
}

/// What components draw. Equal views look the same.
#[derive(Clone, PartialEq)]
pub struct View {
    /// Counts changes; different views have different versions.
    pub version: u64,
    /// Everything at the playhead.
    pub frame: Rc<Frame>,
    /// Whether time runs.
    pub playing: bool,
    /// A multiple of the scenario's pace.
    pub speed: f64,
    /// How far this course of events is known.
    pub frontier: Time,
    /// How long the run is meant to last.
    pub length: Span,
    /// What the reader has picked out.
    pub selection: Option<Selection>,
    /// The event with which the one picked out is compared.
    pub other: Option<u32>,
    /// Whether the next event that is picked out is that one.
    pub pairing: bool,
    /// The first event in which the run differs from the one beside it, and when it is.
    pub parted: Option<(u32, Time)>,
    /// How long faults by hand last; `None` until they are undone.
    pub lasts: Option<Span>,
    /// How many courses of events were left behind.
    pub branches: usize,
    /// What went wrong last, for a person; until it is dismissed.
    pub error: Option<String>,
}

struct Inner {
    player: RefCell<Player>,
    view: RefCell<Rc<View>>,
    playing: Cell<bool>,
    speed: Cell<f64>,
    selection: Cell<Option<Selection>>,
    other: Cell<Option<u32>>,
    pairing: Cell<bool>,
    /// Past and future of the event that was asked for last, and the course of events that it belongs to.
    cone: RefCell<Option<(Records, Cone)>>,
    parted: Cell<Option<(u32, Time)>>,
    watch: RefCell<Option<Watch>>,
    tally: RefCell<Tally>,
    twin: RefCell<Weak<Inner>>,
    /// Whether it is the twin that lets time pass.
    follows: Cell<bool>,
    /// Where a jump goes that is not there yet, and whether time runs when it is.
    goal: Cell<Option<(Time, bool)>>,
    lasts: Cell<Option<Span>>,
    error: RefCell<Option<String>>,
    published: Cell<f64>,
    next_listener: Cell<u32>,
    listeners: RefCell<Vec<(u32, Callback<()>)>>,
    painters: RefCell<Vec<(u32, Callback<()>)>>,
}

/// Something that somebody waits for.
struct Watch {
    until: Predicate,
    met: Callback<()>,
}

/// A lab: cheap to clone, equal when it is the same lab.
#[derive(Clone)]
pub struct LabHandle(Rc<Inner>);

impl PartialEq for LabHandle {
    fn eq(&self, other: &LabHandle) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// Whoever holds this hears of changes; dropping it ends that.
pub struct Subscription {
    lab: LabHandle,
    id: u32,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.lab
            .0
            .listeners
            .borrow_mut()
            .retain(|it| it.0 != self.id);
        self.lab
            .0
            .painters
            .borrow_mut()
            .retain(|it| it.0 != self.id);
    }
}

impl LabHandle {
    /// Opens a run, standing still at its playhead or its start.
    pub fn open(spec: RunSpec) -> Result<LabHandle, BadInput> {
        let player = Player::open(spec)?;
        let view = Rc::new(View {
            version: 0,
            frame: Rc::new(player.run().frame()),
            playing: false,
            speed: 1.0,
            frontier: player.frontier(),
            length: player.length(),
            selection: None,
            other: None,
            pairing: false,
            parted: None,
            lasts: None,
            branches: 0,
            error: None,
        });
        Ok(LabHandle(Rc::new(Inner {
            player: RefCell::new(player),
            view: RefCell::new(view),
            playing: Cell::new(false),
            speed: Cell::new(1.0),
            selection: Cell::new(None),
            other: Cell::new(None),
            pairing: Cell::new(false),
            cone: RefCell::new(None),
            parted: Cell::new(None),
            watch: RefCell::new(None),
            tally: RefCell::default(),
            twin: RefCell::default(),
            follows: Cell::new(false),
            goal: Cell::new(None),
            lasts: Cell::new(None),
            error: RefCell::new(None),
            published: Cell::new(0.0),
            next_listener: Cell::new(0),
            listeners: RefCell::default(),
            painters: RefCell::default(),
        })))
    }

    /// Reads the player: for painters, which need what a view does not hold. Must not call the handle's
    /// verbs.
    pub fn with<R>(&self, read: impl FnOnce(&Player) -> R) -> R {
        read(&self.0.player.borrow())
    }

    /// The present view.
    pub fn view(&self) -> Rc<View> {
        self.0.view.borrow().clone()
    }

    /// Whether time runs.
    pub fn is_playing(&self) -> bool {
        self.0.playing.get()
    }

    /// What the reader has picked out.
    pub fn selection(&self) -> Option<Selection> {
        self.0.selection.get()
    }

    /// What defines the run, with the playhead where it stands: its link is what is shared.
    pub fn spec(&self) -> RunSpec {
        self.0.player.borrow().spec()
    }

    /// Calls `changed` after every new view, until the subscription is dropped.
    pub fn subscribe(&self, changed: Callback<()>) -> Subscription {
        let id = self.0.next_listener.replace(self.0.next_listener.get() + 1);
        self.0.listeners.borrow_mut().push((id, changed));
        Subscription {
            lab: self.clone(),
            id,
        }
    }

    /// Calls `paint` for every picture while time runs and after every new view, until the subscription is
    /// dropped.
    pub fn on_paint(&self, paint: Callback<()>) -> Subscription {
        let id = self.0.next_listener.replace(self.0.next_listener.get() + 1);
        self.0.painters.borrow_mut().push((id, paint));
        Subscription {
            lab: self.clone(),
            id,
        }
    }

    /// Counts of what clients were told up to the playhead.
    pub fn tally<R>(&self, read: impl FnOnce(&Tally) -> R) -> R {
        let mut tally = self.0.tally.borrow_mut();
        tally.follow(self.0.player.borrow().run().history());
        read(&tally)
    }

    /// Past and future of an event, as far as this course of events is known; `None` where there are none.
    pub fn cone<R>(&self, event: u32, read: impl FnOnce(&Cone) -> R) -> Option<R> {
        let player = self.0.player.borrow();
        let records = player.records();
        let mut kept = self.0.cone.borrow_mut();
        let known = |(of, cone): &(Records, Cone)| {
            cone.event() == event && of.len() <= records.len() && of.shares_memory_with(records)
        };
        if let Some((of, cone)) = kept.as_mut().filter(|it| known(it)) {
            cone.follow(records);
            *of = records.clone();
        } else {
            *kept = Cone::of(records, event).map(|cone| (records.clone(), cone));
        }
        kept.as_ref().map(|it| read(&it.1))
    }

    /// Ties another lab to this one: from now on both have one clock, and what is done to one is done to the other.
    pub fn tie(&self, other: &LabHandle) {
        for (one, two, follows) in [(self, other, false), (other, self, true)] {
            *one.0.twin.borrow_mut() = Rc::downgrade(&two.0);
            one.0.follows.set(follows);
        }
        other.seek_alone(self.now());
    }

    fn twin(&self) -> Option<LabHandle> {
        self.0.twin.borrow().upgrade().map(LabHandle)
    }

    /// This lab and the one tied to it.
    pub fn both(&self) -> impl Iterator<Item = LabHandle> + use<> {
        std::iter::once(self.clone()).chain(self.twin())
    }

    fn now(&self) -> Time {
        self.0.player.borrow().now()
    }

    /// Says in which event the run differs from the one beside it first.
    pub fn set_parted(&self, parted: Option<(u32, Time)>) {
        if self.0.parted.replace(parted) != parted {
            self.publish();
        }
    }

    /// Waits until something holds at the playhead, after whatever step; then time stops, and `met` is called, once.
    pub fn watch(&self, until: Predicate, met: Callback<()>) {
        *self.0.watch.borrow_mut() = Some(Watch { until, met });
        self.publish();
    }

    /// Waits no more.
    pub fn unwatch(&self) {
        *self.0.watch.borrow_mut() = None;
    }

    /// Lets time run.
    pub fn play(&self) {
        self.run_or_stand(true);
    }

    /// Stops time.
    pub fn pause(&self) {
        self.run_or_stand(false);
    }

    fn run_or_stand(&self, runs: bool) {
        for lab in self.both() {
            lab.0.goal.set(None);
            lab.0.playing.set(runs);
            lab.publish();
        }
    }

    /// Plays or pauses.
    pub fn toggle(&self) {
        self.run_or_stand(!self.is_playing());
    }

    /// Plays at a multiple of the scenario's pace.
    pub fn set_speed(&self, speed: f64) {
        for lab in self.both() {
            lab.0
                .speed
                .set(speed.clamp(SPEEDS[0], SPEEDS[SPEEDS.len() - 1]));
            lab.publish();
        }
    }

    /// Stops and takes one step. Of two labs, all of the next moment in which something happens in one of them.
    pub fn step_forward(&self) {
        let Some(twin) = self.twin() else {
            return self.stopped(|player| {
                player.step_forward();
            });
        };
        let next = |lab: &LabHandle| {
            lab.with(|player| {
                let mut ahead = player.run().fork();
                ahead.step(Time::MAX).then(|| ahead.now())
            })
        };
        if let Some(next) = next(self).into_iter().chain(next(&twin)).min() {
            self.stop_at(next);
        }
    }

    /// Stops and takes one step back. Of two labs, to the moment before in which something happened in one of them.
    pub fn step_back(&self) {
        let Some(twin) = self.twin() else {
            return self.stopped(|player| {
                player.step_back();
            });
        };
        let before = |lab: &LabHandle| {
            lab.with(|player| {
                let (now, records) = (player.now(), player.records());
                let place = records.partition_point(|it| it.time < now).checked_sub(1);
                place.and_then(|it| records.get(it)).map(|it| it.time)
            })
        };
        self.stop_at(before(self).max(before(&twin)).unwrap_or(Time::ZERO));
    }

    /// Stops and goes to the next turn of the story; of two stories, to the one that comes first.
    pub fn next_turn(&self) {
        let now = self.now();
        let turn = |lab: LabHandle| {
            lab.stop_alone(|player| {
                player.next_turn();
            });
            lab.now()
        };
        let turns: Vec<Time> = self.both().map(turn).collect();
        if let [_, _] = turns[..] {
            let next = turns.into_iter().filter(|it| *it > now).min();
            self.stop_at(next.unwrap_or(now));
        }
    }

    /// Stops and goes back to the turn of the story before; of two stories, to the one that comes last.
    pub fn previous_turn(&self) {
        let turn = |lab: LabHandle| {
            lab.stop_alone(|player| {
                player.previous_turn();
            });
            lab.now()
        };
        let turns: Vec<Time> = self.both().map(turn).collect();
        if let [one, two] = turns[..] {
            self.stop_at(one.max(two));
        }
    }

    /// Goes to a moment; time goes on from there if it ran.
    pub fn seek(&self, time: Time) {
        self.both().for_each(|it| it.seek_alone(time));
    }

    fn seek_alone(&self, time: Time) {
        let plays = self.0.goal.get().map_or(self.is_playing(), |it| it.1);
        self.0.goal.set(None);
        self.jump(time, plays);
        self.publish();
    }

    /// Goes to a moment, or as far as a picture has time for: the next one goes on.
    fn jump(&self, time: Time, plays: bool) {
        let there = self.0.player.borrow_mut().seek_within(time, STEPS_PER_JUMP);
        if let Some(problem) = self.problem().filter(|_| !there) {
            self.0.goal.set(None);
            self.0.playing.set(false);
            *self.0.error.borrow_mut() = Some(problem);
        } else if there {
            self.0.goal.set(None);
            self.0.playing.set(plays);
        } else {
            self.0.goal.set(Some((time, plays)));
            // It is the ticking that goes on.
            self.0.playing.set(true);
        }
    }

    /// Why the run goes no further, if it does not.
    fn problem(&self) -> Option<String> {
        let player = self.0.player.borrow();
        let stopped = player.run().halted().map(str::to_owned);
        stopped.or_else(|| player.full())
    }

    /// Stops and goes to just after a step.
    pub fn seek_step(&self, step: u64) {
        self.stopped(|player| {
            player.seek_step(step);
        });
    }

    /// Carries out a command now, or says why it cannot.
    pub fn command(&self, command: Command) {
        for lab in self.both() {
            lab.0.goal.set(None);
            let done = lab.0.player.borrow_mut().command(command.clone());
            *lab.0.error.borrow_mut() = done.err().map(|it| it.to_string());
            lab.publish();
        }
    }

    /// Reads a command as a person would type it and carries it out, or says why it cannot.
    pub fn command_text(&self, text: &str) {
        match text.parse() {
            Ok(command) => self.command(command),
            Err(error) => self.report(error.to_string()),
        }
    }

    /// Does what a button or a menu says; a fault lasts as long as the reader has chosen, if it can.
    pub fn deed(&self, text: &str) {
        match (text.parse::<Command>(), self.0.lasts.get()) {
            (Ok(command), Some(span)) if command.can_last() => {
                self.command(Command::For(Box::new(command), span));
            }
            (Ok(command), _) => self.command(command),
            (Err(error), _) => self.report(error.to_string()),
        }
    }

    /// Chooses how long faults by hand last; `None` until they are undone.
    pub fn set_lasts(&self, lasts: Option<Span>) {
        for lab in self.both() {
            lab.0.lasts.set(lasts);
            lab.publish();
        }
    }

    /// Shows that something went wrong.
    pub fn report(&self, error: String) {
        *self.0.error.borrow_mut() = Some(error);
        self.publish();
    }

    /// Puts the error away.
    pub fn dismiss_error(&self) {
        *self.0.error.borrow_mut() = None;
        self.publish();
    }

    /// Picks something out, or nothing. A node is picked out in both of two runs.
    pub fn select(&self, selection: Option<Selection>) {
        if let (Some(Selection::Event(event)), true) = (selection, self.0.pairing.get()) {
            return self.select_other(Some(event));
        }
        let shared = matches!(selection, Some(Selection::Node(_)) | None);
        for lab in self.both().take(if shared { 2 } else { 1 }) {
            lab.0.selection.set(selection);
            lab.0.other.set(None);
            lab.0.pairing.set(false);
            lab.publish();
        }
    }

    /// Takes the next event that is picked out for the one to compare with, or not.
    pub fn set_pairing(&self, pairing: bool) {
        self.0.pairing.set(pairing);
        self.publish();
    }

    /// Compares the event that is picked out with another, or no more. With none picked out, picks this one out.
    pub fn select_other(&self, other: Option<u32>) {
        self.0.pairing.set(false);
        match (self.selection(), other) {
            (Some(Selection::Event(_)), _) | (_, None) => {
                self.0.other.set(other);
                self.publish();
            }
            (_, Some(event)) => self.select(Some(Selection::Event(event))),
        }
    }

    /// Replaces the run by another, which stands still at its playhead. What went before is gone.
    pub fn replace(&self, spec: RunSpec) {
        match Player::open(spec) {
            Ok(player) => {
                *self.0.player.borrow_mut() = player;
                self.0.goal.set(None);
                self.0.playing.set(false);
                self.0.selection.set(None);
                self.0.other.set(None);
                *self.0.error.borrow_mut() = None;
                self.publish();
            }
            Err(error) => self.report(error.to_string()),
        }
    }

    /// Lets `elapsed` milliseconds of a person's time pass; `now` is the page's clock.
    pub fn tick(&self, elapsed: f64, now: f64) {
        if !self.is_playing() {
            return;
        }
        if let Some((goal, plays)) = self.0.goal.get() {
            self.jump(goal, plays);
            return self.show(now);
        }
        if self.0.follows.get() && self.twin().is_some() {
            return;
        }
        let behind = self.twin().filter(|it| it.now() < self.now());
        if behind.is_none() {
            let pace = self.with(|it| it.scenario().pace.0) as f64 / 1_000.0;
            let span = elapsed.clamp(0.0, TICK_MAX) * pace * self.0.speed.get();
            self.advance(self.now() + Span(span as u64));
        }
        if let Some(twin) = self.twin().filter(|it| it.0.goal.get().is_none()) {
            twin.advance(self.now());
        }
        for lab in self.both() {
            if let Some(problem) = lab.problem() {
                self.both().for_each(|it| it.0.playing.set(false));
                *lab.0.error.borrow_mut() = Some(problem);
            }
        }
        self.both().for_each(|it| it.show(now));
    }

    /// Plays on towards `target`, as far as a picture has time for, and no further than to what somebody waits for.
    fn advance(&self, target: Time) {
        let mut player = self.0.player.borrow_mut();
        let watch = self.0.watch.borrow();
        let Some(watch) = &*watch else {
            player.play(target, STEPS_PER_TICK);
            return;
        };
        for _ in 0..STEPS_WATCHED {
            let there = player.play(target, 1);
            if watch.until.holds(player.run()) {
                return self.0.playing.set(false);
            }
            if there {
                return;
            }
        }
    }

    /// Draws what moves; all the rest not too often.
    fn show(&self, now: f64) {
        if now - self.0.published.get() >= PUBLISH_EVERY || !self.is_playing() {
            self.0.published.set(now);
            self.publish();
        } else {
            self.paint();
        }
    }

    fn stopped(&self, act: impl FnOnce(&mut Player)) {
        self.stop_alone(act);
        if let Some(twin) = self.twin() {
            let now = self.now();
            twin.stop_alone(|player| {
                player.seek(now);
            });
        }
    }

    /// Stops at a moment.
    pub fn stop_at(&self, time: Time) {
        self.stopped(|player| {
            player.seek(time);
        });
    }

    fn stop_alone(&self, act: impl FnOnce(&mut Player)) {
        self.0.goal.set(None);
        self.0.playing.set(false);
        act(&mut self.0.player.borrow_mut());
        self.publish();
    }

    /// What somebody waited for and is so, if it is: time stops then.
    fn take_met(&self) -> Option<Callback<()>> {
        if self.0.goal.get().is_some() {
            return None;
        }
        let is_met = |watch: &mut Watch| self.with(|player| watch.until.holds(player.run()));
        let watch = self.0.watch.borrow_mut().take_if(is_met)?;
        self.0.playing.set(false);
        Some(watch.met)
    }

    fn publish(&self) {
        let met = self.take_met();
        let view = {
            let player = self.0.player.borrow();
            let broken = player.broken().map(str::to_owned);
            View {
                version: self.0.view.borrow().version + 1,
                frame: Rc::new(player.run().frame()),
                playing: self.0.playing.get(),
                speed: self.0.speed.get(),
                frontier: player.frontier(),
                length: player.length(),
                selection: self.0.selection.get(),
                other: self.0.other.get(),
                pairing: self.0.pairing.get(),
                parted: self.0.parted.get(),
                lasts: self.0.lasts.get(),
                branches: player.branches().len(),
                error: self.0.error.borrow().clone().or(broken),
            }
        };
        *self.0.view.borrow_mut() = Rc::new(view);
        let listeners = self.0.listeners.borrow().clone();
        listeners.iter().for_each(|it| it.1.emit(()));
        self.paint();
        if let Some(met) = met {
            met.emit(());
        }
    }

    fn paint(&self) {
        let painters = self.0.painters.borrow().clone();
        painters.iter().for_each(|it| it.1.emit(()));
    }
}

/// The lab's present view; the component is drawn anew whenever it changes.
#[hook]
pub fn use_lab(lab: &LabHandle) -> Rc<View> {
    let view = use_state_eq(|| lab.view());
    {
        let set = view.setter();
        use_effect_with(lab.clone(), move |lab| {
            let read = lab.clone();
            set.set(lab.view());
            let subscription = lab.subscribe(Callback::from(move |()| set.set(read.view())));
            move || drop(subscription)
        });
    }
    (*view).clone()
}
