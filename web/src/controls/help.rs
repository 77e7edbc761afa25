//! Help: the keys, and how to read the picture.

use yew::prelude::*;

use crate::lab::keys::KEYS;
use crate::widgets::dialog::Dialog;

/// The keys of the transport: what to press and what it does.
const TIME_KEYS: [(&str, &str); 7] = [
    ("Space", "Play or pause"),
    (". or →", "One step forward"),
    (", or ←", "One step back"),
    ("Shift → ←", "Ten steps"),
    ("[ and ]", "Previous and next turn of the story"),
    ("Home, End", "To the start, to where it was played"),
    ("+ and −", "Faster and slower"),
];

/// How to read the stage.
const LEGEND: [(&str, &str); 5] = [
    (
        "Colour",
        "The term, ballot or epoch. Two colours at once: nodes disagree.",
    ),
    (
        "Shape",
        "The role: a hexagon leads, a diamond is in doubt, a circle is ordinary.",
    ),
    ("Arc", "A timer that is about to run out."),
    (
        "Dots",
        "Messages: solid asks, hollow answers, a cross is lost.",
    ),
    ("Dashed", "Not committed. Solid: committed."),
];

/// Props of [`HelpDialog`].
#[derive(Properties, PartialEq)]
pub struct HelpProps {
    /// Called when it is closed.
    pub on_close: Callback<()>,
}

/// The keys, and how to read the picture.
#[component]
pub fn HelpDialog(props: &HelpProps) -> Html {
    let key = |(key, what): &(&'static str, &'static str)| {
        html! { <><dt><kbd class="cs-key">{ *key }</kbd></dt><dd>{ *what }</dd></> }
    };
    let sign = |(sign, what): &(&'static str, &'static str)| {
        html! { <><dt>{ *sign }</dt><dd>{ *what }</dd></> }
    };
    html! {
        <Dialog title="Help" on_close={props.on_close.clone()}>
            <div class="cs-help">
                <section>
                    <h3 class="cs-heading">{ "Keys" }</h3>
                    <dl class="cs-keys">{ for TIME_KEYS.iter().chain(&KEYS).map(key) }</dl>
                </section>
                <section>
                    <h3 class="cs-heading">{ "Reading the picture" }</h3>
                    <dl class="cs-keys">{ for LEGEND.iter().map(sign) }</dl>
                    <p class="cs-hint">
                        { "Click a node, a message or an event to look into it. A fault in the past starts \
                           another course of events; the old one is kept." }
                    </p>
                </section>
            </div>
        </Dialog>
    }
}
