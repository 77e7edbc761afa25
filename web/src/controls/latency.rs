//! How long messages are under way: a slider for how long, a choice of how it varies, or words of one's own.

use clusterscope_core::Span;
use clusterscope_core::sim::dist::Dist;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::lab::handle::LabHandle;
use crate::ui::numbers;

/// The longest latency of the slider, in milliseconds.
const SLIDER_MAX: u64 = 200;

/// The choice that lets the reader write a distribution.
const OTHER: &str = "other";

/// A way in which a latency varies: its name in settings, its name for people, and the setting for a typical length.
type Shape = (&'static str, &'static str, fn(u64) -> String);

/// The ways to choose from. Lengths are in microseconds, so that parts of a millisecond come out whole.
const SHAPES: [Shape; 5] = [
    ("constant", "not at all", |us| format!("{us}us")),
    ("uniform", "by a third", |us| {
        format!("uniform({}us,{}us)", us * 2 / 3, us * 4 / 3)
    }),
    ("normal", "in a bell curve", |us| {
        format!("normal({us}us,{}us)", us / 5)
    }),
    ("exponential", "with a long tail", |us| {
        format!("exponential({}us,{}us)", us / 4, us * 3 / 4)
    }),
    ("pareto", "with a heavy tail", |us| {
        format!("pareto({}us,1.5)", us * 100 / 159)
    }),
];

/// The name of a distribution's way in settings.
fn shape_of(dist: &Dist) -> &'static str {
    match dist {
        Dist::Constant(_) => "constant",
        Dist::Uniform(..) => "uniform",
        Dist::Normal(..) => "normal",
        Dist::Exponential(..) => "exponential",
        Dist::LogNormal(..) | Dist::Mix(..) => OTHER,
        Dist::Pareto(..) => "pareto",
    }
}

/// The setting for a way and a typical length; the way that stands first when there is none of this name.
fn setting(shape: &str, length: Span) -> String {
    let known = SHAPES.iter().find(|it| it.0 == shape).unwrap_or(&SHAPES[0]);
    (known.2)(length.0 / 1_000)
}

/// Props of [`Latency`].
#[derive(Properties, PartialEq)]
pub struct LatencyProps {
    /// The run.
    pub lab: LabHandle,
    /// The latency now, as a setting has it.
    pub value: String,
}

/// How long messages are under way.
#[component]
pub fn Latency(props: &LatencyProps) -> Html {
    let own = use_state_eq(|| false);
    let moved = use_state_eq(|| None::<u64>);
    let dist: Dist = props.value.parse().unwrap_or(Dist::Constant(Span::ZERO));
    let shape = shape_of(&dist);
    let length = moved.map_or(dist.typical(), Span::ms);
    let set = {
        let lab = props.lab.clone();
        move |value: String| lab.command_text(&format!("set latency {value}"))
    };
    let oninput = {
        let moved = moved.setter();
        move |event: InputEvent| moved.set(read(&event).and_then(|it| it.parse().ok()))
    };
    let onchange = {
        let (set, moved) = (set.clone(), moved.setter());
        move |event: Event| {
            if let Some(millis) = read(&event).and_then(|it| it.parse().ok()) {
                set(setting(shape, Span::ms(millis)));
            }
            moved.set(None);
        }
    };
    let choose = {
        let (set, own) = (set.clone(), own.setter());
        move |event: Event| {
            let chosen = event
                .target_dyn_into::<HtmlSelectElement>()
                .map(|it| it.value());
            own.set(chosen.as_deref() == Some(OTHER));
            if let Some(shape) = chosen.filter(|it| it != OTHER) {
                set(setting(&shape, dist.typical()));
            }
        }
    };
    let write = move |event: Event| set(read(&event).unwrap_or_default());
    let in_words = *own || shape == OTHER;
    html! {
        <>
            <label class="cs-knob">
                <span>{ "Latency" }</span>
                <input type="range" min="0" max={SLIDER_MAX.to_string()} step="1"
                    value={(length.0 / 1_000_000).to_string()} {oninput} {onchange}
                    aria-valuetext={numbers::span(length)} />
                <output class="cs-mono">{ numbers::span(length) }</output>
            </label>
            <label class="cs-knob cs-latency">
                <span>{ "Varies" }</span>
                { choice(if in_words { OTHER } else { shape }, choose) }
            </label>
            if in_words {
                <input class="cs-input cs-mono" type="text" aria-label="Latency, written out"
                    value={props.value.clone()} onchange={write} spellcheck="false" />
            }
        </>
    }
}

fn choice(chosen: &str, onchange: impl Fn(Event) + 'static) -> Html {
    let option = |value: &'static str, title: &'static str| {
        html! { <option {value} selected={value == chosen}>{ title }</option> }
    };
    html! {
        <select class="cs-select" {onchange}>
            { for SHAPES.iter().map(|it| option(it.0, it.1)) }
            { option(OTHER, "in your own words…") }
        </select>
    }
}

fn read(event: &Event) -> Option<String> {
    event
        .target_dyn_into::<HtmlInputElement>()
        .map(|it| it.value())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_can_be_read_and_is_about_as_long_as_asked() {
        for (shape, ..) in SHAPES {
            for millis in [0, 1, 15, 200] {
                let dist: Dist = setting(shape, Span::ms(millis)).parse().unwrap();
                let off = dist.typical().0.abs_diff(Span::ms(millis).0);
                assert!(
                    off <= Span::ms(millis).0 / 50 + 2_000,
                    "{shape} {millis}: {dist}"
                );
                assert_eq!(shape_of(&dist), shape);
            }
        }
    }
}
