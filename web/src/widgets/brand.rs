//! The mark and the name.

use yew::prelude::*;

use crate::ui::icons::{Glyph, icon};

/// The mark and the name, as the way home.
pub fn brand() -> Html {
    html! {
        <a class="cs-brand" href="#/" aria-label="Clusterscope: all systems">
            { icon(Glyph::Mark) }
            <span class="cs-wide-only">{ "Clusterscope" }</span>
        </a>
    }
}
