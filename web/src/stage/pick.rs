//! What pointers do on the empty parts of the stage: pick a message, or draw a line that cuts the network.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use web_sys::{Element, PointerEvent};
use yew::prelude::*;

use super::cut;
use super::layout::Spot;
use super::menus::Subject;
use super::paint::{Scene, Stroke};
use crate::lab::handle::{LabHandle, Selection};

/// A message is hit from this far, in pixels: 24 is the least that fingers need.
const REACH: f64 = 24.0;

/// A link is hit from this far.
const LINK_REACH: f64 = 8.0;

/// A pointer must come this close to a message to be told its name.
const NEAR: f64 = 14.0;

/// A pointer that moves less than this was meant to stay where it is: a mouse, a finger.
const STILL: (f64, f64) = (6.0, 14.0);

/// A shorter line is no cut.
const SHORTEST_CUT: f64 = 40.0;

/// A pointer that is down.
struct Gesture {
    pointer: i32,
    from: Spot,
    hit: Option<u32>,
    drawing: bool,
    /// Time ran before a message was hit, and was stopped so that it does not run away.
    ran: bool,
}

/// What is picked and pointed at, and what pointers do.
#[derive(Clone)]
pub struct Picks {
    /// The menu that is open.
    pub menu: UseStateHandle<Option<Subject>>,
    /// The message that is pointed at.
    pub hover: UseStateHandle<Option<u32>>,
    /// The cut that is being drawn, and which nodes are on its sides.
    pub sides: UseStateHandle<Option<Option<Vec<bool>>>>,
    /// The node at which the Tab key stops.
    pub active: UseStateHandle<usize>,
    /// The message that is to have the focus.
    pub wanted: UseStateHandle<Option<u32>>,
    /// A pointer goes down.
    pub down: Callback<PointerEvent>,
    /// It moves.
    pub moved: Callback<PointerEvent>,
    /// It goes up.
    pub up: Callback<PointerEvent>,
    /// It is taken away.
    pub cancel: Callback<PointerEvent>,
    /// It leaves.
    pub leave: Callback<PointerEvent>,
    /// A message is pointed at, or none.
    pub on_hover: Callback<Option<u32>>,
    /// A message is picked.
    pub on_message: Callback<u32>,
}

fn spot(event: &PointerEvent) -> Spot {
    (f64::from(event.offset_x()), f64::from(event.offset_y()))
}

fn far(one: Spot, two: Spot) -> f64 {
    (one.0 - two.0).hypot(one.1 - two.1)
}

/// What pointers do on the stage of a lab.
#[hook]
pub fn use_picks(lab: &LabHandle, scene: &Rc<RefCell<Scene>>, repaint: &Callback<()>) -> Picks {
    let menu = use_state_eq(|| None);
    let hover = use_state_eq(|| None);
    let sides = use_state_eq(|| None);
    let active = use_state_eq(|| 0);
    let wanted = use_state_eq(|| None);
    let gesture = use_mut_ref(|| None::<Gesture>);
    let hands = Hands {
        lab: lab.clone(),
        scene: scene.clone(),
        repaint: repaint.clone(),
        gesture,
        menu: menu.setter(),
        hover: hover.setter(),
        sides: sides.setter(),
    };
    let drawing = sides.is_some();
    {
        let hands = hands.clone();
        use_effect_with(drawing, move |drawing| {
            let listener = drawing.then(|| hands.listen_for_escape()).flatten();
            move || drop(listener)
        });
    }
    let act = |action: fn(&Hands, PointerEvent)| {
        let hands = hands.clone();
        Callback::from(move |event| action(&hands, event))
    };
    let on_hover = {
        let hands = hands.clone();
        Callback::from(move |id| hands.point_at(id))
    };
    let on_message = {
        let hands = hands.clone();
        Callback::from(move |id| hands.pick(id))
    };
    Picks {
        down: act(Hands::down),
        moved: act(Hands::moved),
        up: act(Hands::up),
        cancel: act(|hands, _| hands.give_up()),
        leave: act(|hands, _| hands.point_at(None)),
        on_hover,
        on_message,
        menu,
        hover,
        sides,
        active,
        wanted,
    }
}

#[derive(Clone)]
struct Hands {
    lab: LabHandle,
    scene: Rc<RefCell<Scene>>,
    repaint: Callback<()>,
    gesture: Rc<RefCell<Option<Gesture>>>,
    menu: UseStateSetter<Option<Subject>>,
    hover: UseStateSetter<Option<u32>>,
    sides: UseStateSetter<Option<Option<Vec<bool>>>>,
}

impl Hands {
    fn down(&self, event: PointerEvent) {
        if event.button() != 0 || !event.is_primary() {
            return;
        }
        self.menu.set(None);
        let from = spot(&event);
        let hit = self.scene.borrow().nearest(&self.lab, from, REACH);
        let ran = hit.is_some() && self.lab.is_playing();
        if ran {
            self.lab.pause();
        }
        if let Some(canvas) = event.target().and_then(|it| it.dyn_into::<Element>().ok()) {
            // Refused only for a pointer that is already gone.
            let _ = canvas.set_pointer_capture(event.pointer_id());
        }
        *self.gesture.borrow_mut() = Some(Gesture {
            pointer: event.pointer_id(),
            from,
            hit,
            drawing: false,
            ran,
        });
    }

    fn moved(&self, event: PointerEvent) {
        let to = spot(&event);
        let mut gesture = self.gesture.borrow_mut();
        let Some(gesture) = gesture
            .as_mut()
            .filter(|it| it.pointer == event.pointer_id())
        else {
            drop(gesture);
            // Words that run along with what moves cannot be read.
            let near = if self.lab.is_playing() {
                None
            } else {
                self.scene.borrow().nearest(&self.lab, to, NEAR)
            };
            self.point_at(near);
            return;
        };
        let still = if event.pointer_type() == "touch" {
            STILL.1
        } else {
            STILL.0
        };
        if !gesture.drawing && far(gesture.from, to) > still {
            gesture.drawing = true;
            if gesture.ran {
                self.lab.play();
            }
        }
        if gesture.drawing {
            let sides = self.sides_of(gesture.from, to);
            self.scene.borrow_mut().stroke = Some(Stroke {
                from: gesture.from,
                to,
                cuts: sides.is_some(),
            });
            self.scene.borrow_mut().hover = None;
            self.hover.set(None);
            self.sides.set(Some(sides));
            self.repaint.emit(());
        }
    }

    fn sides_of(&self, from: Spot, to: Spot) -> Option<Vec<bool>> {
        let scene = self.scene.borrow();
        cut::sides(&scene.layout, from, to).filter(|_| far(from, to) >= SHORTEST_CUT)
    }

    fn up(&self, event: PointerEvent) {
        let Some(gesture) = self.gesture.borrow_mut().take() else {
            return;
        };
        if gesture.drawing {
            let sides = self.sides_of(gesture.from, spot(&event));
            self.end_stroke();
            if let Some(sides) = sides {
                self.lab
                    .command_text(&format!("partition {}", cut::sides_text(&sides)));
            }
            return;
        }
        match gesture.hit {
            Some(id) => self.pick(id),
            None => {
                let link = self
                    .scene
                    .borrow()
                    .link_at(&self.lab, gesture.from, LINK_REACH);
                self.menu.set(link.map(|it| Subject::Link(it.0, it.1)));
                if link.is_none() && self.lab.selection().is_some() {
                    self.lab.select(None);
                }
            }
        }
    }

    fn give_up(&self) {
        *self.gesture.borrow_mut() = None;
        self.end_stroke();
    }

    fn end_stroke(&self) {
        self.scene.borrow_mut().stroke = None;
        self.sides.set(None);
        self.repaint.emit(());
    }

    /// Picks a message; time stands still, so that it does not run away.
    fn pick(&self, id: u32) {
        if self.lab.is_playing() {
            self.lab.pause();
        }
        self.lab.select(Some(Selection::Message(id)));
        self.menu.set(Some(Subject::Message(id)));
    }

    fn point_at(&self, id: Option<u32>) {
        let changed = {
            let mut scene = self.scene.borrow_mut();
            let changed = scene.hover != id;
            scene.hover = id;
            changed
        };
        if changed {
            self.hover.set(id);
            self.repaint.emit(());
        }
    }

    /// While a line is drawn, the focus may be anywhere: Escape is heard on the whole page.
    fn listen_for_escape(&self) -> Option<EventListener> {
        let window = web_sys::window()?;
        let hands = self.clone();
        let options = EventListenerOptions::run_in_capture_phase();
        let options = EventListenerOptions {
            passive: false,
            ..options
        };
        Some(EventListener::new_with_options(
            &window,
            "keydown",
            options,
            move |event| {
                let key = event.dyn_ref::<web_sys::KeyboardEvent>().map(|it| it.key());
                if key.as_deref() == Some("Escape") {
                    event.prevent_default();
                    event.stop_propagation();
                    hands.give_up();
                }
            },
        ))
    }
}
