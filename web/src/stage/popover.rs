//! A small menu beside something on the stage.

use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

use super::layout::Spot;
use super::nodes::place;
use crate::ui::icons::{Glyph, Icon};

/// A line of a menu.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What it says.
    pub label: String,
    /// Its picture.
    pub icon: Glyph,
    /// The command that it carries out.
    pub command: String,
    /// Whether the menu stays open, because people do this several times.
    pub stays: bool,
}

impl Item {
    /// A line that closes the menu.
    pub fn new(icon: Glyph, label: impl Into<String>, command: impl Into<String>) -> Item {
        Item {
            label: label.into(),
            icon,
            command: command.into(),
            stays: false,
        }
    }

    /// Keeps the menu open.
    pub fn staying(mut self) -> Item {
        self.stays = true;
        self
    }
}

/// Properties of [`Popover`].
#[derive(Clone, PartialEq, Properties)]
pub struct PopoverProps {
    /// What the menu is about.
    pub title: String,
    /// More about it.
    #[prop_or_default]
    pub subtitle: String,
    /// What can be done.
    pub items: Vec<Item>,
    /// What it stands beside.
    pub anchor: Spot,
    /// How far from its middle.
    pub gap: f64,
    /// Width and height of what it must not leave.
    pub bounds: (f64, f64),
    /// A line was picked.
    pub on_item: Callback<Item>,
    /// It is to be closed; whether the focus goes back to where it came from.
    pub on_close: Callback<bool>,
}

/// A menu that stands beside its subject, inside its bounds.
#[component]
pub fn Popover(props: &PopoverProps) -> Html {
    let root = use_node_ref();
    let measure = (props.anchor, props.gap, props.bounds, props.items.len());
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
    use_effect_with(root.clone(), |root| focus(root, |_, _| 0));
    let onkeydown = keys(&root, &props.on_close);
    let onfocusout = leaving(&root, &props.on_close);
    let lines = props.items.iter().map(|item| {
        let onclick = {
            let (item, pick) = (item.clone(), props.on_item.clone());
            Callback::from(move |_| pick.emit(item.clone()))
        };
        html! {
            <button type="button" role="menuitem" class="cs-menu-item" tabindex="-1" {onclick}>
                <Icon name={item.icon} /><span>{ &item.label }</span>
            </button>
        }
    });
    html! {
        <div ref={root} class="cs-popover cs-menu" role="menu" aria-label={props.title.clone()}
            {onkeydown} {onfocusout}>
            <div class="cs-menu-title" role="presentation">
                <strong>{ &props.title }</strong>
                if !props.subtitle.is_empty() { <span>{ &props.subtitle }</span> }
            </div>
            { for lines }
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
            "ArrowDown" => focus(
                &root,
                |at, count| if at >= last(count) { 0 } else { at + 1 },
            ),
            "ArrowUp" => focus(
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
    let Ok(lines) = element.query_selector_all("[role=menuitem]") else {
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
