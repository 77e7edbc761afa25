//! A part of a column, under a small heading.

use yew::prelude::*;

/// Props of [`Section`].
#[derive(Properties, PartialEq)]
pub struct SectionProps {
    /// Its heading.
    pub title: AttrValue,
    /// What stands beside the heading, at the right.
    #[prop_or_default]
    pub aside: Html,
    /// More classes.
    #[prop_or_default]
    pub class: Classes,
    /// What it holds.
    pub children: Html,
}

/// A part of a column, under a small heading.
#[component]
pub fn Section(props: &SectionProps) -> Html {
    html! {
        <section class={classes!("cs-section", props.class.clone())} aria-label={props.title.clone()}>
            <div class="cs-section-top">
                <h2 class="cs-heading">{ &props.title }</h2>
                { props.aside.clone() }
            </div>
            { props.children.clone() }
        </section>
    }
}
