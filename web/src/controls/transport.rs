//! The transport: play, steps, turns of the story, speed; and the keys that do the same.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use clusterscope_core::{Player, Span, Time};
use gloo_timers::callback::{Interval, Timeout};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlSelectElement, KeyboardEvent};
use yew::prelude::*;

use crate::lab::handle::{LabHandle, SPEEDS, use_lab};
use crate::ticker::use_ticker;
use crate::ui::icons::{Glyph, icon};
use crate::ui::numbers;

/// A button that is held begins to repeat after so many milliseconds…
const HOLD_AFTER: u32 = 300;

/// …and then repeats every so many.
const HOLD_EVERY: u32 = 50;

/// A button whose key was pressed is lit for so many milliseconds.
const FLASH: u32 = 180;

/// So many steps at once with the Shift key.
const STRIDE: u64 = 10;

/// What Space and Enter press.
const PRESSABLE_TAGS: [&str; 4] = ["button", "a", "summary", "input"];
const PRESSABLE_ROLES: [&str; 8] = [
    "button", "checkbox", "link", "menuitem", "option", "radio", "switch", "tab",
];

/// What a button of the transport does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    PreviousTurn,
    StepBack,
    Toggle,
    StepForward,
    NextTurn,
}

impl Action {
    fn act(self, lab: &LabHandle) {
        match self {
            Action::PreviousTurn => lab.previous_turn(),
            Action::StepBack => lab.step_back(),
            Action::Toggle => lab.toggle(),
            Action::StepForward => lab.step_forward(),
            Action::NextTurn => lab.next_turn(),
        }
    }

    fn words(self, playing: bool) -> (&'static str, &'static str, Glyph) {
        match self {
            Action::PreviousTurn => ("Previous turn of the story", "[", Glyph::PreviousTurn),
            Action::StepBack => ("Step back", ",", Glyph::StepBack),
            Action::Toggle if playing => ("Pause", "Space", Glyph::Pause),
            Action::Toggle => ("Play", "Space", Glyph::Play),
            Action::StepForward => ("Step forward", ".", Glyph::StepForward),
            Action::NextTurn => ("Next turn of the story", "]", Glyph::NextTurn),
        }
    }
}

/// A transport that lights a button when its key is pressed.
struct Lamp {
    id: u32,
    lab: LabHandle,
    light: Callback<Action>,
}

thread_local! {
    static LAMPS: RefCell<Vec<Lamp>> = const { RefCell::new(Vec::new()) };
    static NEXT_LAMP: Cell<u32> = const { Cell::new(0) };
}

fn flash(lab: &LabHandle, action: Action) {
    let lamps: Vec<Callback<Action>> = LAMPS.with_borrow(|lamps| {
        let own = lamps.iter().filter(|it| it.lab == *lab);
        own.map(|it| it.light.clone()).collect()
    });
    lamps.iter().for_each(|it| it.emit(action));
}

/// Whether a key belongs to what has the focus: a field that is typed into, or, for Space and Enter, a
/// button.
fn is_taken(event: &KeyboardEvent) -> bool {
    // Inside of a shadow tree, the target that outsiders are told is the whole element.
    let Ok(element) = event.composed_path().get(0).dyn_into::<Element>() else {
        return false;
    };
    let tag = element.tag_name().to_ascii_lowercase();
    let editable = element
        .closest("[contenteditable]")
        .ok()
        .flatten()
        .is_some();
    if editable || matches!(tag.as_str(), "textarea" | "select") {
        return true;
    }
    let kind = element.get_attribute("type").unwrap_or_default();
    if tag == "input" && !matches!(kind.as_str(), "checkbox" | "radio" | "button") {
        return true;
    }
    let pressed = matches!(event.key().as_str(), " " | "Enter");
    let role = element.get_attribute("role").unwrap_or_default();
    pressed && (PRESSABLE_TAGS.contains(&tag.as_str()) || PRESSABLE_ROLES.contains(&role.as_str()))
}

/// Does what a key means to a lab; `false` when it means nothing. Attach it to the lab's outermost element.
pub fn on_key(lab: &LabHandle, event: &KeyboardEvent) -> bool {
    if event.default_prevented()
        || event.ctrl_key()
        || event.meta_key()
        || event.alt_key()
        || is_taken(event)
    {
        return false;
    }
    let shift = event.shift_key();
    let step = || lab.with(|player| player.run().steps());
    let action = match event.key().as_str() {
        " " => Action::Toggle,
        "ArrowRight" if shift => {
            lab.seek_step(step() + STRIDE);
            Action::StepForward
        }
        "ArrowLeft" if shift => {
            lab.seek_step(step().saturating_sub(STRIDE));
            Action::StepBack
        }
        "." | "ArrowRight" => Action::StepForward,
        "," | "ArrowLeft" => Action::StepBack,
        "]" => Action::NextTurn,
        "[" => Action::PreviousTurn,
        "+" | "=" => return handled(event, || lab.set_speed(neighbour(lab.view().speed, true))),
        "-" => return handled(event, || lab.set_speed(neighbour(lab.view().speed, false))),
        "Home" => return handled(event, || lab.seek_step(0)),
        "End" => return handled(event, || go_to_frontier(lab)),
        _ => return false,
    };
    handled(event, || {
        if !(shift && matches!(event.key().as_str(), "ArrowRight" | "ArrowLeft")) {
            action.act(lab);
        }
        flash(lab, action);
    })
}

fn handled(event: &KeyboardEvent, act: impl FnOnce()) -> bool {
    event.prevent_default();
    act();
    true
}

fn go_to_frontier(lab: &LabHandle) {
    lab.pause();
    lab.seek(lab.with(Player::frontier));
}

/// The next speed up or down.
fn neighbour(speed: f64, faster: bool) -> f64 {
    let near = if faster {
        SPEEDS.into_iter().find(|it| *it > speed + 1e-9)
    } else {
        SPEEDS.into_iter().rev().find(|it| *it < speed - 1e-9)
    };
    near.unwrap_or(speed)
}

/// What a speed means: `30 ms/s` is how much of the run passes in a second of the reader's.
fn meaning(pace: Span, speed: f64) -> String {
    format!("{}/s", numbers::span(Span((pace.0 as f64 * speed) as u64)))
}

fn speed_text(speed: f64) -> String {
    format!("{speed}×")
}

/// Properties of [`Transport`].
#[derive(Clone, PartialEq, Properties)]
pub struct TransportProps {
    /// The lab.
    pub lab: LabHandle,
    /// Whether there is little room: no count of steps, no meaning of the speed.
    #[prop_or_default]
    pub compact: bool,
}

/// The buttons, the speed and the clock.
#[component]
pub fn Transport(props: &TransportProps) -> Html {
    let lab = &props.lab;
    let view = use_lab(lab);
    use_ticker(lab);
    let lit = use_lamp(lab);
    let button = |action: Action| {
        html! { <ActionButton lab={lab.clone()} {action} playing={view.playing} lit={lit == Some(action)} /> }
    };
    html! {
        <div class={classes!("cs-transport", props.compact.then_some("is-compact"))} role="group"
            aria-label="Transport">
            <div class="cs-transport-buttons">
                { button(Action::PreviousTurn) }
                { button(Action::StepBack) }
                { button(Action::Toggle) }
                { button(Action::StepForward) }
                { button(Action::NextTurn) }
            </div>
            <Speed lab={lab.clone()} speed={view.speed} compact={props.compact} />
            <Clock time={view.frame.time} step={view.frame.step} compact={props.compact} />
        </div>
    }
}

/// The button that is lit because its key was pressed.
#[hook]
fn use_lamp(lab: &LabHandle) -> Option<Action> {
    let lit = use_state_eq(|| None::<Action>);
    let off = use_mut_ref(|| None::<Timeout>);
    let set = lit.setter();
    use_effect_with(lab.clone(), move |lab| {
        let id = NEXT_LAMP.replace(NEXT_LAMP.get() + 1);
        let light = Callback::from(move |action| {
            set.set(Some(action));
            let set = set.clone();
            *off.borrow_mut() = Some(Timeout::new(FLASH, move || set.set(None)));
        });
        LAMPS.with_borrow_mut(|lamps| {
            lamps.push(Lamp {
                id,
                lab: lab.clone(),
                light,
            })
        });
        move || LAMPS.with_borrow_mut(|lamps| lamps.retain(|it| it.id != id))
    });
    *lit
}

#[derive(Clone, PartialEq, Properties)]
struct ActionButtonProps {
    lab: LabHandle,
    action: Action,
    playing: bool,
    lit: bool,
}

/// What repeats while a button is held.
#[derive(Default)]
struct Hold {
    _start: Option<Timeout>,
    _repeat: Rc<RefCell<Option<Interval>>>,
}

/// A button that acts when it is pressed; steps repeat while it is held.
#[component]
fn ActionButton(props: &ActionButtonProps) -> Html {
    let ActionButtonProps {
        lab,
        action,
        playing,
        lit,
    } = props.clone();
    let hold = use_mut_ref(Hold::default);
    let (label, key, glyph) = action.words(playing);
    let repeats = matches!(action, Action::StepBack | Action::StepForward);
    let release = {
        let hold = hold.clone();
        Callback::from(move |()| *hold.borrow_mut() = Hold::default())
    };
    let onpointerdown = {
        let lab = lab.clone();
        Callback::from(move |event: PointerEvent| {
            if !repeats || event.button() != 0 {
                return;
            }
            action.act(&lab);
            let repeat: Rc<RefCell<Option<Interval>>> = Rc::default();
            let start = {
                let (lab, repeat) = (lab.clone(), repeat.clone());
                Timeout::new(HOLD_AFTER, move || {
                    *repeat.borrow_mut() =
                        Some(Interval::new(HOLD_EVERY, move || action.act(&lab)));
                })
            };
            *hold.borrow_mut() = Hold {
                _start: Some(start),
                _repeat: repeat,
            };
        })
    };
    // A press by key or by a screen reader is a click without a pointer.
    let onclick = Callback::from(move |event: MouseEvent| {
        if !repeats || event.detail() == 0 {
            action.act(&lab);
        }
    });
    let primary = (action == Action::Toggle).then_some("is-primary");
    let up = release.reform(|_: PointerEvent| ());
    {
        let release = release.clone();
        use_effect_with((), move |()| move || release.emit(()));
    }
    html! {
        <button type="button"
            class={classes!("cs-button", "cs-transport-button", primary, lit.then_some("is-lit"))}
            aria-label={label} title={format!("{label} ({key})")} {onpointerdown} {onclick}
            onpointerup={up.clone()} onpointerleave={up.clone()} onpointercancel={up}>
            { icon(glyph) }
        </button>
    }
}

#[derive(Clone, PartialEq, Properties)]
struct SpeedProps {
    lab: LabHandle,
    speed: f64,
    compact: bool,
}

#[component]
fn Speed(props: &SpeedProps) -> Html {
    let pace = props.lab.with(|player| player.scenario().pace);
    let onchange = {
        let lab = props.lab.clone();
        Callback::from(move |event: Event| {
            let chosen = event
                .target_dyn_into::<HtmlSelectElement>()
                .map(|it| it.selected_index());
            let speed = chosen.and_then(|it| SPEEDS.get(usize::try_from(it).ok()?).copied());
            if let Some(speed) = speed {
                lab.set_speed(speed);
            }
        })
    };
    let options = SPEEDS.iter().map(|speed| {
        let chosen = (speed - props.speed).abs() < 1e-9;
        let value = speed.to_string();
        html! { <option key={value.clone()} {value} selected={chosen}>{ speed_text(*speed) }</option> }
    });
    html! {
        <label class="cs-speed">
            <span class="cs-sr">{ "Speed" }</span>
            <select class="cs-select" {onchange} title="Speed (+ and −)">{ for options }</select>
            if !props.compact {
                <span class="cs-speed-meaning" title="How much of the run passes in one second">
                    { meaning(pace, props.speed) }
                </span>
            }
        </label>
    }
}

#[derive(Clone, PartialEq, Properties)]
struct ClockProps {
    time: Time,
    step: u64,
    compact: bool,
}

#[component]
fn Clock(props: &ClockProps) -> Html {
    html! {
        <div class="cs-clock">
            <output class="cs-clock-time" aria-label="Time in the run" aria-live="off">
                { numbers::clock(props.time) }
            </output>
            if !props.compact {
                <span class="cs-clock-step">{ format!("step {}", props.step) }</span>
            }
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_have_neighbours_and_a_meaning() {
        assert_eq!(neighbour(1.0, true), 2.0);
        assert_eq!(neighbour(1.0, false), 0.5);
        assert_eq!(neighbour(64.0, true), 64.0);
        assert_eq!(meaning(Span::ms(30), 1.0), "30 ms/s");
        assert_eq!(meaning(Span::ms(30), 0.1), "3 ms/s");
        assert_eq!(speed_text(0.25), "0.25×");
    }
}
