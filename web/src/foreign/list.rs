//! The list of a trace's events: only the lines that can be seen are there, so that it may be long.

use std::rc::Rc;

use web_sys::{Element, HtmlElement, HtmlInputElement};
use yew::prelude::*;

use super::Shown;
use crate::ui::numbers;
use crate::ui::pen::epoch_class;

/// The height of a line, in pixels: as the style sheet has it.
const LINE: f64 = 24.0;

/// So many lines are there beyond those that can be seen, above and below.
const BEYOND: usize = 12;

/// No list is higher than so many lines.
const SEEN_MAX: usize = 60;

/// A page of the list, for the keys.
const PAGE: usize = 15;

/// Props of [`List`].
#[derive(Clone, PartialEq, Properties)]
pub struct ListProps {
    /// The trace and the picked event.
    pub shown: Shown,
    /// Hears of an event that the reader picks.
    pub pick: Callback<usize>,
}

/// The events that fit the reader's words, worked by arrow keys.
#[component]
pub fn List(props: &ListProps) -> Html {
    let word = use_state_eq(String::new);
    let top = use_state_eq(|| 0_usize);
    let list = use_node_ref();
    let opened = props.shown.opened.clone();
    let whole = Shown {
        opened: opened.clone(),
        picked: 0,
    };
    let found = use_memo((whole, (*word).clone()), |(_, word)| {
        let all = opened.trace.events.iter().enumerate();
        let fitting = all.filter(|it| opened.trace.mentions(it.1, word));
        fitting.map(|it| it.0).collect::<Vec<usize>>()
    });
    let here = found.partition_point(|it| *it < props.shown.picked);
    {
        let list = list.clone();
        use_effect_with((here, found.clone()), move |(here, _)| show(&list, *here));
    }
    let oninput = {
        let word = word.clone();
        Callback::from(move |event: InputEvent| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                word.set(input.value().trim().to_owned());
            }
        })
    };
    let onscroll = {
        let top = top.clone();
        Callback::from(move |event: Event| {
            if let Some(list) = event.target_dyn_into::<Element>() {
                top.set((f64::from(list.scroll_top()) / LINE) as usize);
            }
        })
    };
    let first = top.saturating_sub(BEYOND).min(found.len());
    let last = (*top + SEEN_MAX + BEYOND).min(found.len());
    let active = (first..last)
        .contains(&here)
        .then(|| format!("cs-foreign-{here}"));
    let rows = (first..last).map(|place| row(props, &found, place, place == here));
    html! {
        <div class="cs-foreign-list">
            <div class="cs-foreign-find">
                <input class="cs-input" type="search" placeholder="crash, n2, AppendEntries" aria-label="Find events"
                    {oninput} />
                <span class="cs-empty" role="status">
                    { format!("{} of {}", found.len(), props.shown.opened.trace.events.len()) }
                </span>
            </div>
            <div ref={list} class="cs-events" role="listbox" tabindex="0" aria-label="Events" data-testid="events"
                aria-activedescendant={active} {onscroll} onkeydown={keys(props, &found, here)}>
                <Space height={first as f64 * LINE} />
                { for rows }
                <Space height={(found.len() - last) as f64 * LINE} />
            </div>
        </div>
    }
}

fn row(props: &ListProps, found: &[usize], place: usize, here: bool) -> Html {
    let trace = &props.shown.opened.trace;
    let number = found[place];
    let event = &trace.events[number];
    let onclick = {
        let pick = props.pick.clone();
        Callback::from(move |_: MouseEvent| pick.emit(number))
    };
    let picked = here && number == props.shown.picked;
    html! {
        <div key={number} id={format!("cs-foreign-{place}")} role="option" aria-selected={picked.to_string()}
            aria-setsize={found.len().to_string()} aria-posinset={(place + 1).to_string()}
            class={classes!("cs-event", epoch_class(event.epoch))} {onclick}>
            <span class="cs-when">{ numbers::clock(event.time) }</span>
            <span class="cs-event-words">{ trace.say(event) }</span>
        </div>
    }
}

fn keys(props: &ListProps, found: &Rc<Vec<usize>>, here: usize) -> Callback<KeyboardEvent> {
    let (found, pick) = (found.clone(), props.pick.clone());
    Callback::from(move |event: KeyboardEvent| {
        let last = found.len().saturating_sub(1);
        let to = match event.key().as_str() {
            "ArrowDown" => here + 1,
            "ArrowUp" => here.saturating_sub(1),
            "PageDown" => here + PAGE,
            "PageUp" => here.saturating_sub(PAGE),
            "Home" => 0,
            "End" => last,
            _ => return,
        };
        event.prevent_default();
        if let Some(number) = found.get(to.min(last)) {
            pick.emit(*number);
        }
    })
}

/// Scrolls a line into view, when it is not.
fn show(list: &NodeRef, line: usize) {
    let Some(list) = list.cast::<Element>() else {
        return;
    };
    let (from, height) = (
        f64::from(list.scroll_top()),
        f64::from(list.client_height()),
    );
    let at = line as f64 * LINE;
    if at < from || at + LINE > from + height {
        list.set_scroll_top((at - height / 2.0).max(0.0) as i32);
    }
}

#[derive(Clone, PartialEq, Properties)]
struct SpaceProps {
    height: f64,
}

/// Room for lines that are not there. Its height is set from here: the page allows no styles in its text.
#[component]
fn Space(props: &SpaceProps) -> Html {
    let node = use_node_ref();
    {
        let node = node.clone();
        use_effect_with(props.height, move |height| {
            if let Some(element) = node.cast::<HtmlElement>() {
                // A height of a known element is never refused.
                let _ = element
                    .style()
                    .set_property("height", &format!("{height}px"));
            }
        });
    }
    html! { <div ref={node} role="presentation"></div> }
}
