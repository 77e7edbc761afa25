//! A trace from elsewhere: its space-time diagram, its events, what its nodes knew.

use std::cell::RefCell;
use std::rc::Rc;

use clusterscope_core::import::{Fields, Imported, States};
use yew::Callback;

use crate::lab::handle::Subscription;
use crate::ui::surface::Subject;

pub mod detail;
pub mod diagram;
pub mod list;

/// A trace that is open. It never changes.
pub struct Opened {
    /// The trace.
    pub trace: Imported,
    /// The name of its file.
    pub name: String,
    states: RefCell<States>,
}

impl Opened {
    /// Opens a trace.
    pub fn new(trace: Imported, name: String) -> Opened {
        Opened {
            trace,
            name,
            states: RefCell::default(),
        }
    }

    /// What every host knows after an event.
    pub fn after<R>(&self, event: usize, read: impl FnOnce(&Fields) -> R) -> R {
        read(self.states.borrow_mut().after(&self.trace, event))
    }
}

/// An open trace and the event that the reader has picked.
#[derive(Clone)]
pub struct Shown {
    /// The trace.
    pub opened: Rc<Opened>,
    /// The event, by its place.
    pub picked: usize,
}

impl PartialEq for Shown {
    fn eq(&self, other: &Shown) -> bool {
        Rc::ptr_eq(&self.opened, &other.opened) && self.picked == other.picked
    }
}

impl Subject for Shown {
    /// It looks different only when another event is picked, and then it is another one.
    fn on_paint(&self, _paint: Callback<()>) -> Option<Subscription> {
        None
    }
}
