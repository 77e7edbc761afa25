//! One clock for every lab of a page: it asks the browser for pictures only while some lab's time runs and
//! can be seen.

use std::cell::RefCell;

use gloo_events::EventListener;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use yew::prelude::*;

use crate::lab::handle::{LabHandle, Subscription};

/// The first picture after a standstill counts as this long, in milliseconds.
const FIRST_PICTURE: f64 = 16.0;

struct Entry {
    lab: LabHandle,
    /// How many components asked for it.
    users: usize,
    visible: bool,
    _wake: Subscription,
}

#[derive(Default)]
struct Clock {
    entries: Vec<Entry>,
    frame: Option<Closure<dyn FnMut(f64)>>,
    on_return: Option<EventListener>,
    asked: bool,
    last: Option<f64>,
}

thread_local! {
    static CLOCK: RefCell<Clock> = RefCell::default();
}

/// The page's clock.
pub struct Ticker;

impl Ticker {
    /// Lets a lab tick whenever it plays, until the returned value is dropped.
    pub fn register(lab: &LabHandle) -> Ticking {
        let known = CLOCK.with_borrow_mut(|clock| {
            let entry = clock.entries.iter_mut().find(|it| it.lab == *lab);
            entry.map(|it| it.users += 1).is_some()
        });
        if !known {
            let wake = lab.subscribe(Callback::from(|()| wake()));
            let entry = Entry {
                lab: lab.clone(),
                users: 1,
                visible: true,
                _wake: wake,
            };
            CLOCK.with_borrow_mut(|clock| clock.entries.push(entry));
        }
        listen();
        wake();
        Ticking { lab: lab.clone() }
    }

    /// Says whether a lab is on the screen; one that is not stands still, and goes on when it comes back.
    pub fn set_visible(lab: &LabHandle, visible: bool) {
        CLOCK.with_borrow_mut(|clock| {
            if let Some(entry) = clock.entries.iter_mut().find(|it| it.lab == *lab) {
                entry.visible = visible;
            }
        });
        wake();
    }
}

/// A lab that ticks; dropping it ends that.
pub struct Ticking {
    lab: LabHandle,
}

impl Drop for Ticking {
    fn drop(&mut self) {
        let gone = CLOCK.with_borrow_mut(|clock| {
            let place = clock.entries.iter().position(|it| it.lab == self.lab)?;
            clock.entries[place].users -= 1;
            (clock.entries[place].users == 0).then(|| clock.entries.swap_remove(place))
        });
        // Outside of the borrow: what it held may reach for the clock when it goes.
        drop(gone);
    }
}

/// A page that comes back into view goes on.
fn listen() {
    let known = CLOCK.with_borrow(|clock| clock.on_return.is_some());
    let Some(document) = web_sys::window().and_then(|it| it.document()) else {
        return;
    };
    if !known {
        let listener = EventListener::new(&document, "visibilitychange", |_| wake());
        CLOCK.with_borrow_mut(|clock| clock.on_return = Some(listener));
    }
}

fn is_hidden() -> bool {
    web_sys::window()
        .and_then(|it| it.document())
        .is_some_and(|it| it.hidden())
}

/// Asks for the next picture, when some lab needs one and none has been asked for.
fn wake() {
    let Some(window) = web_sys::window() else {
        return;
    };
    CLOCK.with_borrow_mut(|clock| {
        let busy = clock
            .entries
            .iter()
            .any(|it| it.visible && it.lab.is_playing());
        if !busy || is_hidden() {
            clock.last = None;
            return;
        }
        if clock.asked {
            return;
        }
        let frame = clock.frame.get_or_insert_with(|| Closure::new(tick));
        clock.asked = window
            .request_animation_frame(frame.as_ref().unchecked_ref())
            .is_ok();
    });
}

fn tick(now: f64) {
    let (elapsed, labs) = CLOCK.with_borrow_mut(|clock| {
        clock.asked = false;
        let elapsed = clock
            .last
            .map_or(FIRST_PICTURE, |last| (now - last).max(0.0));
        clock.last = Some(now);
        let seen = clock.entries.iter().filter(|it| it.visible);
        (elapsed, seen.map(|it| it.lab.clone()).collect::<Vec<_>>())
    });
    for lab in labs {
        lab.tick(elapsed, now);
    }
    wake();
}

/// Lets a lab tick for as long as the component lives.
#[hook]
pub fn use_ticker(lab: &LabHandle) {
    use_effect_with(lab.clone(), |lab| {
        let ticking = Ticker::register(lab);
        move || drop(ticking)
    });
}
