//! The page: which of its faces the address asks for.

use clusterscope_core::sim::pair::Pair;
use clusterscope_core::{BadInput, RunSpec};
use yew::prelude::*;

use crate::address;
use crate::browser;
use crate::lab::Lab;
use crate::lab::handle::LabHandle;
use crate::pages::compare::{Compare, Sides};
use crate::pages::gallery::Gallery;
use crate::pages::import::Import;

/// The title of the gallery.
pub const HOME_TITLE: &str = "Clusterscope: watch a cluster run, break it, rewind it";

/// What the address asks for.
#[derive(Clone, PartialEq)]
enum Route {
    /// The list of systems, with what was wrong with a link that led nowhere.
    Gallery(Option<String>),
    /// A run, whether it starts by itself, and which step of its lesson is open.
    Lab(LabHandle, bool, Option<usize>),
    /// Two runs beside each other.
    Compare(Sides),
    /// A trace from elsewhere.
    Import,
}

impl Route {
    /// Reads an address's fragment.
    fn of(fragment: &str) -> Route {
        if matches!(fragment, "" | "#" | "#/") {
            return Route::Gallery(None);
        }
        if fragment == "#/import" {
            return Route::Import;
        }
        if Pair::is_link(fragment) {
            let opened = Pair::from_link(fragment).and_then(Sides::open);
            return opened.map_or_else(Route::trouble, Route::Compare);
        }
        let (link, lesson) = address::split_lesson(fragment);
        let opened = RunSpec::from_link(&link).and_then(|spec| {
            // Who has a lesson to read starts the run when it says so.
            let plays = spec.playhead.is_none() && lesson.is_none() && !browser::reduced_motion();
            LabHandle::open(spec).map(|lab| Route::Lab(lab, plays, lesson))
        });
        opened.unwrap_or_else(Route::trouble)
    }

    fn trouble(error: BadInput) -> Route {
        Route::Gallery(Some(error.to_string()))
    }

    fn title(&self) -> String {
        match self {
            Route::Gallery(_) => HOME_TITLE.to_owned(),
            Route::Import => "Open a trace · Clusterscope".to_owned(),
            Route::Compare(sides) => format!("{} · Clusterscope", sides.title()),
            Route::Lab(lab, ..) => {
                let name =
                    lab.with(|it| format!("{}: {}", it.system().about.title, it.scenario().title));
                format!("{name} · Clusterscope")
            }
        }
    }
}

/// The page's root.
#[component]
pub fn App() -> Html {
    let route = use_state(|| (0_u32, Route::of(&address::fragment())));
    {
        let route = route.clone();
        let opened = use_mut_ref(|| 0_u32);
        address::use_fragment(Callback::from(move |fragment: String| {
            // Counted, so that every link begins a lab of its own.
            *opened.borrow_mut() += 1;
            route.set((*opened.borrow(), Route::of(&fragment)));
        }));
    }
    use_effect_with(route.clone(), |route| address::set_title(&route.1.title()));
    let key = route.0.to_string();
    match &route.1 {
        Route::Gallery(problem) => html! { <Gallery {key} problem={problem.clone()} /> },
        Route::Import => html! { <Import {key} /> },
        Route::Lab(lab, plays, lesson) => {
            html! { <Lab {key} lab={lab.clone()} plays={*plays} lesson={*lesson} /> }
        }
        Route::Compare(sides) => html! { <Compare {key} sides={sides.clone()} /> },
    }
}
