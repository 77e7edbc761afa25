//! A part of a column, under a small heading.

use yew::prelude::*;

/// A part of a column, under a small heading: `aside` stands beside the heading, at the right; `class` names more
/// classes.
pub fn section(
    title: impl Into<AttrValue>,
    class: &'static str,
    aside: Html,
    children: Html,
) -> Html {
    whole(title.into(), class, aside, children)
}

fn whole(title: AttrValue, class: &'static str, aside: Html, children: Html) -> Html {
    html! {
        <section class={classes!("cs-section", class)} aria-label={title.clone()}>
            <div class="cs-section-top">
                <h2 class="cs-heading">{ title }</h2>
                { aside }
            </div>
            { children }
        </section>
    }
}
