//! The list of systems: where everybody comes in.

use clusterscope_core::RunSpec;
use clusterscope_core::sim::pair::Pair;
use clusterscope_core::sim::system::{Card, ScenarioView};
use clusterscope_core::systems;
use yew::prelude::*;

use super::preview::Preview;
use crate::learn;
use crate::prefs::ThemeSwitch;
use crate::ui::icons::{Glyph, icon};
use crate::widgets::brand::brand;
use crate::words;

/// Props of [`Gallery`].
#[derive(Properties, PartialEq)]
pub struct GalleryProps {
    /// What was wrong with the link that led here.
    #[prop_or_default]
    pub problem: Option<String>,
}

/// Every system with its scenarios.
#[component]
pub fn Gallery(props: &GalleryProps) -> Html {
    html! {
        <div class="cs-gallery">
            <header class="cs-top">
                { brand() }
                <div class="cs-tools"><ThemeSwitch /></div>
            </header>
            <main>
                if let Some(problem) = &props.problem { { trouble(problem) } }
                <div class="cs-hero">
                    <div>
                        <h1>{ "Watch a cluster run. Break it. Rewind it." }</h1>
                        <p>
                            { "Real distributed algorithms in a deterministic simulation: one seed, one \
                               course of events. Every step is checked, every moment is a link." }
                        </p>
                        <p class="cs-hero-acts">
                            <a class="cs-button cs-primary" href="#/raft/leader-crash">
                                { "See a leader crash" }
                            </a>
                            { " " }
                            <a class="cs-button" href="#/import">{ "Open a trace of your own" }</a>
                        </p>
                    </div>
                    <Preview link="#/raft/calm?seed=1&t=300ms" />
                </div>
                { for systems::CARDS.iter().map(system) }
            </main>
        </div>
    }
}

/// A link that led nowhere.
fn trouble(problem: &str) -> Html {
    html! {
        <div class="cs-alert" role="alert">
            <div>
                <p><strong>{ "This link cannot be opened." }</strong></p>
                <p>{ format!("{problem}.") }</p>
                <p>{ "Choose a scenario below instead." }</p>
            </div>
        </div>
    }
}

fn system(system: &Card) -> Html {
    let about = &system.about;
    html! {
        <section key={about.id} class="cs-system" aria-labelledby={format!("cs-system-{}", about.id)}>
            <div class="cs-system-about">
                <p class="cs-heading">{ about.family }</p>
                <h2 id={format!("cs-system-{}", about.id)}>{ about.title }</h2>
                <p>{ about.summary }</p>
                { doors(system) }
                <p class="cs-source">{ about.source }</p>
            </div>
            <ul class="cs-scenarios">
                { for (system.scenarios)().iter().map(|it| scenario(about.id, it)) }
            </ul>
        </section>
    }
}

/// The ways in besides the scenarios: a lesson, two runs beside each other.
fn doors(system: &Card) -> Html {
    let lesson = learn::door(system.about.id);
    let beside = system.beside.map(|(left, right)| {
        let side = |scenario| RunSpec::new(system.about.id, scenario);
        let (left, right) = (side(left), side(right));
        Pair { left, right }.link()
    });
    html! {
        <>
            if let Some((title, link)) = lesson {
                <a class="cs-door" href={link}>
                    { icon(Glyph::Book) }<span>{ "Lesson: " }{ title }</span>
                </a>
            }
            if let Some(link) = beside {
                <a class="cs-door" href={link}>{ icon(Glyph::Compare) }<span>{ "Side by side" }</span></a>
            }
        </>
    }
}

fn scenario(system: &str, scenario: &ScenarioView) -> Html {
    let link = RunSpec::new(system, scenario.id).link();
    html! {
        <li key={scenario.id}>
            <a class="cs-card" href={link}>
                <span class="cs-card-title">{ scenario.title }</span>
                <span class="cs-card-text">{ scenario.summary }</span>
                if let Some(check) = scenario.weakened {
                    <span class="cs-card-broken">
                        { format!("broken rule: {} falls", words::title(check).to_ascii_lowercase()) }
                    </span>
                }
            </a>
        </li>
    }
}
