//! The mark and the name.

use yew::prelude::*;

/// The mark and the name, as the way home.
#[component]
pub fn Brand() -> Html {
    html! {
        <a class="cs-brand" href="#/" aria-label="Clusterscope: all systems">
            <svg viewBox="0 0 24 24" class="cs-mark" aria-hidden="true">
                <path d="M12 3.5 20.6 9.7 17.3 19.8H6.7L3.4 9.7Z" class="cs-mark-line" />
                <circle cx="12" cy="3.5" r="2.6" />
                <circle cx="20.6" cy="9.7" r="2.6" />
                <circle cx="17.3" cy="19.8" r="2.6" />
                <circle cx="6.7" cy="19.8" r="2.6" />
                <circle cx="3.4" cy="9.7" r="2.6" />
            </svg>
            <span class="cs-wide-only">{ "Clusterscope" }</span>
        </a>
    }
}
