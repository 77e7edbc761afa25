//! The one place where a lab's state lives: a run that is played, and what the reader looks at.
//!
//! Data flows one way. Components call the handle's verbs; the handle changes the player and publishes a
//! new [`View`]; components that [`use_lab`] are drawn anew. What moves every frame does not go through
//! components: canvases register a painter and read the player themselves.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use clusterscope_core::frame::Frame;
use clusterscope_core::protocol::NodeId;
use clusterscope_core::sim::command::Command;
use clusterscope_core::{BadInput, Player, RunSpec, Span, Time};
use yew::prelude::*;

/// Speeds that the transport offers: multiples of the scenario's pace.
pub const SPEEDS: [f64; 10] = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// So many steps are taken in one picture at most; beyond that play-back falls behind and the page lives.
const STEPS_PER_TICK: u64 = 20_000;

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
    /// Where a jump goes that is not there yet, and whether time runs when it is.
    goal: Cell<Option<(Time, bool)>>,
    lasts: Cell<Option<Span>>,
    error: RefCell<Option<String>>,
    published: Cell<f64>,
    next_listener: Cell<u32>,
    listeners: RefCell<Vec<(u32, Callback<()>)>>,
    painters: RefCell<Vec<(u32, Callback<()>)>>,
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

    /// Lets time run.
    pub fn play(&self) {
        self.0.goal.set(None);
        self.0.playing.set(true);
        self.publish();
    }

    /// Stops time.
    pub fn pause(&self) {
        self.0.goal.set(None);
        self.0.playing.set(false);
        self.publish();
    }

    /// Plays or pauses.
    pub fn toggle(&self) {
        if self.is_playing() {
            self.pause()
        } else {
            self.play()
        }
    }

    /// Plays at a multiple of the scenario's pace.
    pub fn set_speed(&self, speed: f64) {
        self.0
            .speed
            .set(speed.clamp(SPEEDS[0], SPEEDS[SPEEDS.len() - 1]));
        self.publish();
    }

    /// Stops and takes one step.
    pub fn step_forward(&self) {
        self.stopped(|player| {
            player.step_forward();
        });
    }

    /// Stops and takes one step back.
    pub fn step_back(&self) {
        self.stopped(|player| {
            player.step_back();
        });
    }

    /// Stops and goes to the next turn of the story.
    pub fn next_turn(&self) {
        self.stopped(|player| {
            player.next_turn();
        });
    }

    /// Stops and goes back to the turn of the story before.
    pub fn previous_turn(&self) {
        self.stopped(|player| {
            player.previous_turn();
        });
    }

    /// Goes to a moment; time goes on from there if it ran.
    pub fn seek(&self, time: Time) {
        let plays = self.0.goal.get().map_or(self.is_playing(), |it| it.1);
        self.0.goal.set(None);
        self.jump(time, plays);
        self.publish();
    }

    /// Goes to a moment, or as far as a picture has time for: the next one goes on.
    fn jump(&self, time: Time, plays: bool) {
        let mut player = self.0.player.borrow_mut();
        let there = player.seek_within(time, STEPS_PER_JUMP);
        let stopped = player.run().halted().map(str::to_owned);
        if let Some(problem) = stopped.or_else(|| player.full()).filter(|_| !there) {
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

    /// Stops and goes to just after a step.
    pub fn seek_step(&self, step: u64) {
        self.stopped(|player| {
            player.seek_step(step);
        });
    }

    /// Goes over to a course of events that was left.
    pub fn switch_branch(&self, branch: usize) {
        self.stopped(|player| player.switch(branch));
    }

    /// Carries out a command now, or says why it cannot.
    pub fn command(&self, command: Command) {
        self.0.goal.set(None);
        let done = self.0.player.borrow_mut().command(command);
        *self.0.error.borrow_mut() = done.err().map(|it| it.to_string());
        self.publish();
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
        self.0.lasts.set(lasts);
        self.publish();
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

    /// Picks something out, or nothing.
    pub fn select(&self, selection: Option<Selection>) {
        self.0.selection.set(selection);
        self.publish();
    }

    /// Replaces the run by another, which stands still at its playhead. What went before is gone.
    pub fn replace(&self, spec: RunSpec) {
        match Player::open(spec) {
            Ok(player) => {
                *self.0.player.borrow_mut() = player;
                self.0.goal.set(None);
                self.0.playing.set(false);
                self.0.selection.set(None);
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
        } else {
            let mut player = self.0.player.borrow_mut();
            let pace = player.scenario().pace.0 as f64 / 1_000.0;
            let virtual_nanos = elapsed.clamp(0.0, TICK_MAX) * pace * self.0.speed.get();
            let target = player.now() + Span(virtual_nanos as u64);
            player.play(target, STEPS_PER_TICK);
            let stopped = player.run().halted().map(str::to_owned);
            if let Some(problem) = stopped.or_else(|| player.full()) {
                self.0.playing.set(false);
                *self.0.error.borrow_mut() = Some(problem);
            }
        }
        if now - self.0.published.get() >= PUBLISH_EVERY || !self.is_playing() {
            self.0.published.set(now);
            self.publish();
        } else {
            self.paint();
        }
    }

    fn stopped(&self, act: impl FnOnce(&mut Player)) {
        self.0.goal.set(None);
        self.0.playing.set(false);
        act(&mut self.0.player.borrow_mut());
        self.publish();
    }

    fn publish(&self) {
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
                lasts: self.0.lasts.get(),
                branches: player.branches().len(),
                error: self.0.error.borrow().clone().or(broken),
            }
        };
        *self.0.view.borrow_mut() = Rc::new(view);
        let listeners = self.0.listeners.borrow().clone();
        listeners.iter().for_each(|it| it.1.emit(()));
        self.paint();
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
