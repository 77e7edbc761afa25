//! What the reader prefers, kept by the browser where it allows that.

use web_sys::Storage;
use yew::prelude::*;

use crate::browser;
use crate::ui::icons::{Glyph, icon};

/// Where the theme is kept.
const THEME: &str = "clusterscope.theme";

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system says.
    #[default]
    Auto,
    /// Dark ink on light ground.
    Light,
    /// Light ink on dark ground.
    Dark,
}

impl Theme {
    /// All of them, in the order of the switch.
    pub const ALL: [Theme; 3] = [Theme::Auto, Theme::Light, Theme::Dark];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Theme::Auto => "auto",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    /// The theme of this name.
    pub fn named(name: &str) -> Option<Theme> {
        Theme::ALL.into_iter().find(|it| it.name() == name)
    }

    /// The next on the switch.
    pub fn next(self) -> Theme {
        match self {
            Theme::Auto => Theme::Light,
            Theme::Light => Theme::Dark,
            Theme::Dark => Theme::Auto,
        }
    }
}

/// What the browser keeps for us; private windows and sandboxed frames keep nothing.
fn storage() -> Option<Storage> {
    browser::window()?.local_storage().ok()?
}

/// The theme that was chosen last.
pub fn theme() -> Theme {
    let kept = storage().and_then(|it| it.get_item(THEME).ok().flatten());
    kept.and_then(|it| Theme::named(&it)).unwrap_or_default()
}

/// Puts a theme on the page and remembers it, if the browser lets us.
pub fn set_theme(theme: Theme) {
    if let Some(storage) = storage() {
        let _ = storage.set_item(THEME, theme.name());
    }
    apply_theme(theme);
}

/// Puts a theme on the page.
pub fn apply_theme(theme: Theme) {
    let root = browser::window()
        .and_then(|it| it.document())
        .and_then(|it| it.document_element());
    let Some(root) = root else { return };
    let _ = match theme {
        Theme::Auto => root.remove_attribute("data-theme"),
        chosen => root.set_attribute("data-theme", chosen.name()),
    };
}

/// The switch between the themes.
#[component]
pub fn ThemeSwitch() -> Html {
    let theme = use_state_eq(theme);
    let onclick = {
        let theme = theme.clone();
        move |_| {
            let next = theme.next();
            set_theme(next);
            theme.set(next);
        }
    };
    let name = theme.name();
    let label = format!("Theme: {name}. Change to {}", theme.next().name());
    html! {
        <button type="button" class="cs-button cs-icon-button" {onclick} title={label.clone()}
            aria-label={label}>
            { icon(glyph(*theme)) }
        </button>
    }
}

/// A theme's picture.
fn glyph(theme: Theme) -> Glyph {
    match theme {
        Theme::Auto => Glyph::Auto,
        Theme::Light => Glyph::Sun,
        Theme::Dark => Glyph::Moon,
    }
}
