//! A small menu beside something on the stage.

use clusterscope_core::Span;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

use super::layout::Spot;
use super::nodes::place;
use crate::controls::offer::lasts_word;
use crate::lab::deeds::{Deed, Deeds, Group, LASTS};
use crate::ui::icons::{Glyph, icon};

/// Properties of [`Popover`].
#[derive(Clone, PartialEq, Properties)]
pub struct PopoverProps {
    /// What the menu is about.
    pub title: String,
    /// More about it.
    #[prop_or_default]
    pub subtitle: String,
    /// What can be done.
    pub deeds: Deeds,
    /// How long faults last.
    pub lasts: Option<Span>,
    /// What it stands beside.
    pub anchor: Spot,
    /// How far from its middle.
    pub gap: f64,
    /// Width and height of what it must not leave.
    pub bounds: (f64, f64),
    /// A line was picked.
    pub on_item: Callback<Deed>,
    /// Faults are to last so long.
    pub on_lasts: Callback<Option<Span>>,
    /// It is to be closed; whether the focus goes back to where it came from.
    pub on_close: Callback<bool>,
}

/// A menu that stands beside its subject, inside its bounds. What is rare takes the place of what is usual when it is
/// asked for.
#[component]
pub fn Popover(props: &PopoverProps) -> Html {
    let root = use_node_ref();
    let more = use_state_eq(|| false);
    let lines = (props.deeds.first.len(), props.deeds.more.len(), *more);
    let measure = (props.anchor, props.gap, props.bounds, lines);
    use_effect_with(
        (root.clone(), measure),
        |(root, (anchor, gap, bounds, _))| {
            if let Some(element) = root.cast::<HtmlElement>() {
                let size = (
                    f64::from(element.offset_width()),
                    f64::from(element.offset_height()),
                );
                place(root, beside(*anchor, *gap, size, *bounds));
            }
        },
    );
    use_effect_with((root.clone(), *more), |(root, _)| focus(root, |_, _| 0));
    let onkeydown = keys(&root, &props.on_close);
    let onfocusout = leaving(&root, &props.on_close);
    let turn = |to: bool| {
        let (more, root) = (more.setter(), root.clone());
        Callback::from(move |_: MouseEvent| {
            // The line that has the focus goes away; the menu must not lose the focus with it.
            if let Some(root) = root.cast::<HtmlElement>() {
                let _ = root.focus();
            }
            more.set(to);
        })
    };
    html! {
        <div ref={root.clone()} class={classes!("cs-popover", "cs-menu", more.then_some("is-more"))} role="menu"
            aria-label={props.title.clone()} tabindex="-1" {onkeydown} {onfocusout}>
            <div class="cs-menu-title" role="presentation">
                if *more { { line(Some(Glyph::ChevronLeft), "Back", turn(false)) } }
                <strong>{ &props.title }</strong>
                if !props.subtitle.is_empty() { <span>{ &props.subtitle }</span> }
            </div>
            if *more {
                { for props.deeds.more.iter().map(|it| chips(it, &props.on_item)) }
            } else {
                { for props.deeds.first.iter().map(|it| line(it.icon, &it.label, pick(it, &props.on_item))) }
                if !props.deeds.more.is_empty() {
                    { line(Some(Glyph::More), "More…", turn(true)) }
                }
            }
            if !props.deeds.first.is_empty() { { lasts(props) } }
        </div>
    }
}

fn pick(deed: &Deed, on_item: &Callback<Deed>) -> Callback<MouseEvent> {
    let deed = deed.clone();
    on_item.reform(move |_| deed.clone())
}

fn line(glyph: Option<Glyph>, label: &str, onclick: Callback<MouseEvent>) -> Html {
    html! {
        <button type="button" role="menuitem" class="cs-menu-item" tabindex="-1" {onclick}>
            { for glyph.map(icon) }
            <span>{ label.to_owned() }</span>
        </button>
    }
}

/// A group of rare deeds: small lines side by side.
fn chips(group: &Group, on_item: &Callback<Deed>) -> Html {
    let chip = |deed: &Deed| {
        html! {
            <button type="button" role="menuitem" class="cs-menu-chip" tabindex="-1"
                aria-label={format!("{}: {}", group.title, deed.label)} onclick={pick(deed, on_item)}>
                { &deed.label }
            </button>
        }
    };
    html! {
        <div class="cs-menu-group" role="group" aria-label={group.title.clone()}>
            <span class="cs-menu-group-title" role="presentation">{ &group.title }</span>
            { for group.deeds.iter().map(chip) }
        </div>
    }
}

/// How long what is done from here lasts.
fn lasts(props: &PopoverProps) -> Html {
    let choice = |lasts: &Option<Span>| {
        let chosen = *lasts == props.lasts;
        let lasts = *lasts;
        let onclick = props.on_lasts.reform(move |_: MouseEvent| lasts);
        let word = lasts_word(lasts);
        html! {
            <button type="button" role="menuitemradio" class="cs-menu-chip" tabindex="-1"
                aria-checked={chosen.to_string()} aria-label={format!("Faults last: {word}")} {onclick}>
                { word }
            </button>
        }
    };
    html! {
        <div class="cs-menu-group cs-menu-lasts" role="group" aria-label="Faults last">
            <span class="cs-menu-group-title" role="presentation">{ "Faults last" }</span>
            { for LASTS.iter().map(choice) }
        </div>
    }
}

/// Keys in a menu: arrows along the lines, Escape and Tab close it.
fn keys(root: &NodeRef, close: &Callback<bool>) -> Callback<KeyboardEvent> {
    let (root, close) = (root.clone(), close.clone());
    Callback::from(move |event: KeyboardEvent| {
        let last = |count: usize| count.saturating_sub(1);
        match event.key().as_str() {
            "Escape" => close.emit(true),
            "ArrowDown" | "ArrowRight" => focus(
                &root,
                |at, count| if at >= last(count) { 0 } else { at + 1 },
            ),
            "ArrowUp" | "ArrowLeft" => focus(
                &root,
                |at, count| if at == 0 { last(count) } else { at - 1 },
            ),
            "Home" => focus(&root, |_, _| 0),
            "End" => focus(&root, |_, count| last(count)),
            "Tab" => {
                close.emit(true);
                return;
            }
            _ => {
                // Keys that mean something outside of the menu do not inside.
                event.stop_propagation();
                return;
            }
        }
        event.prevent_default();
        event.stop_propagation();
    })
}

/// A menu that the focus leaves is closed.
fn leaving(root: &NodeRef, close: &Callback<bool>) -> Callback<FocusEvent> {
    let (root, close) = (root.clone(), close.clone());
    Callback::from(move |event: FocusEvent| {
        let to = event
            .related_target()
            .and_then(|it| it.dyn_into::<web_sys::Node>().ok());
        let inside = root
            .cast::<web_sys::Node>()
            .is_some_and(|it| it.contains(to.as_ref()));
        if !inside {
            close.emit(false);
        }
    })
}

/// Moves the focus among the lines: `next` has the present place and the number of lines.
fn focus(root: &NodeRef, next: impl Fn(usize, usize) -> usize) {
    let Some(element) = root.cast::<HtmlElement>() else {
        return;
    };
    let Ok(lines) = element.query_selector_all("[role^=menuitem]") else {
        return;
    };
    let line = |index: u32| {
        lines
            .item(index)
            .and_then(|it| it.dyn_into::<HtmlElement>().ok())
    };
    let count = lines.length();
    let at =
        (0..count).find(|it| line(*it).is_some_and(|it| it.matches(":focus").unwrap_or(false)));
    if let Some(line) = line(next(at.unwrap_or(0) as usize, count as usize) as u32) {
        let _ = line.focus();
    }
}

/// Right of the anchor if there is room, else left, else where it covers least; never out of bounds.
fn beside(anchor: Spot, gap: f64, size: (f64, f64), bounds: (f64, f64)) -> Spot {
    const EDGE: f64 = 6.0;
    let fit = |at: f64, size: f64, bound: f64| at.clamp(EDGE, (bound - size - EDGE).max(EDGE));
    let (right, left) = (anchor.0 + gap, anchor.0 - gap - size.0);
    let x = match (right + size.0 + EDGE <= bounds.0, left >= EDGE) {
        (true, _) => right,
        (false, true) => left,
        _ => {
            let below = anchor.1 + gap;
            let y = if below + size.1 <= bounds.1 {
                below
            } else {
                anchor.1 - gap - size.1
            };
            return (
                fit(anchor.0 - size.0 / 2.0, size.0, bounds.0),
                fit(y, size.1, bounds.1),
            );
        }
    };
    (x, fit(anchor.1 - size.1 / 2.0, size.1, bounds.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_menu_stays_inside_and_flips() {
        let (size, bounds) = ((160.0, 200.0), (800.0, 400.0));
        assert_eq!(beside((400.0, 200.0), 40.0, size, bounds), (440.0, 100.0));
        assert_eq!(beside((780.0, 200.0), 40.0, size, bounds).0, 580.0);
        assert_eq!(beside((400.0, 390.0), 40.0, size, bounds).1, 194.0);
        let narrow = beside((150.0, 60.0), 40.0, size, (300.0, 400.0));
        assert_eq!(narrow, (70.0, 100.0));
    }
}
