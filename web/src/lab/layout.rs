//! Where everything stands: three columns and a foot, or one panel at a time where the window is narrow.

use yew::prelude::*;

use super::{NARROW, Over, PartProps};
use crate::browser::use_media;
use crate::controls::ask::Ask;
use crate::controls::faults::Faults;
use crate::controls::network::Network;
use crate::controls::rules::Rules;
use crate::controls::transport::Transport;
use crate::controls::typed::CommandLine;
use crate::history::{SpaceTime, Timeline};
use crate::inspect::Inspector;
use crate::learn::panel::LessonPanel;
use crate::panels::checks::Checks;
use crate::panels::events::Events;
use crate::panels::pictures::Pictures;
use crate::panels::stats::Stats;
use crate::stage::{CutPicker, Stage};
use crate::widgets::section::section;
use crate::widgets::tabs::Tabs;

/// Three columns and a foot.
pub fn wide(props: &PartProps) -> Html {
    let lab = props.lab.clone();
    html! {
        <div class="cs-wide">
            <aside class="cs-column cs-left" aria-label="Scenario and faults">
                { summary(props) }
                { breaking(props) }
            </aside>
            <main class="cs-centre">
                { title(props) }
                <div class="cs-scene">
                    <StagePlace ..props.clone() />
                    { lesson(props) }
                </div>
                <div class="cs-below">
                    { section("Space–time", "cs-space-time-place", Html::default(), html! { <>
                        <SpaceTime lab={lab.clone()} />
                    </> }) }
                    <Pictures lab={lab.clone()} />
                </div>
            </main>
            <aside class="cs-column cs-right" aria-label="What is going on">
                <Inspector ..props.clone() />
                <Checks lab={lab.clone()} />
                <Events ..props.clone() />
            </aside>
            { foot(props) }
        </div>
    }
}

/// The names of the panels of a narrow window.
const PANELS: [&str; 6] = ["Faults", "Inspect", "Checks", "Events", "Log", "Space–time"];

/// Stage and transport, and one panel below.
#[component]
pub fn Narrow(props: &PartProps) -> Html {
    let lab = props.lab.clone();
    let chosen = use_state_eq(|| 0_usize);
    let choose = use_callback((), {
        let chosen = chosen.setter();
        move |index: usize, ()| chosen.set(index)
    });
    let panel = match *chosen {
        0 => html! { <>{ summary(props) }{ breaking(props) }</> },
        1 => html! { <Inspector ..props.clone() /> },
        2 => html! { <Checks lab={lab.clone()} /> },
        3 => html! { <Events ..props.clone() /> },
        4 => html! { <Pictures lab={lab.clone()} /> },
        _ => html! { <SpaceTime lab={lab.clone()} /> },
    };
    let names = PANELS.map(AttrValue::from).to_vec();
    html! {
        <div class="cs-narrow">
            <main class="cs-centre">
                { title(props) }
                <StagePlace ..props.clone() />
                <div class="cs-controls"><Transport lab={lab.clone()} compact=true /></div>
                <div class="cs-time-place"><Timeline lab={lab.clone()} /></div>
            </main>
            <Tabs label="Panels" {names} chosen={*chosen} {choose} id="cs-panels" />
            <div id="cs-panels-panel" class="cs-panel" role="tabpanel"
                aria-labelledby={format!("cs-panels-{}", *chosen)}>
                { panel }
            </div>
            <footer class="cs-status"><Stats {lab} /></footer>
            { lesson(props) }
        </div>
    }
}

/// The lesson, while it is open.
fn lesson(props: &PartProps) -> Html {
    let (lab, go) = (props.lab.clone(), props.learn.clone());
    match props.lesson {
        Some(step) => html! { <LessonPanel {lab} {step} {go} /> },
        None => html! {},
    }
}

/// The stage, and the picker of a cut upon it.
#[component]
pub fn StagePlace(props: &PartProps) -> Html {
    let compact = use_media(NARROW);
    let on_close = props.open.reform(|()| Over::Nothing);
    html! {
        <div class="cs-stage-place">
            <Stage lab={props.lab.clone()} {compact} />
            if props.over == Over::Cut {
                <CutPicker lab={props.lab.clone()} {on_close} />
            }
        </div>
    }
}

/// The page's heading, for those who do not see it.
fn title(props: &PartProps) -> Html {
    let title = props
        .lab
        .with(|it| format!("{}: {}", it.system().about.title, it.scenario().title));
    html! { <h1 class="cs-hidden">{ title }</h1> }
}

/// What the scenario is about.
fn summary(props: &PartProps) -> Html {
    let (title, summary, weakened) = props.lab.with(|it| {
        let scenario = it.scenario();
        (scenario.title, scenario.summary, scenario.weakened)
    });
    html! {
        { section("Scenario", "", Html::default(), html! { <>
            <h3 class="cs-scenario">{ title }</h3>
            <p class="cs-summary">{ summary }</p>
            if let Some(check) = weakened {
                <p class="cs-broken-rule">
                    { format!("A rule is broken here: {} falls.", crate::words::title(check).to_ascii_lowercase()) }
                </p>
            }
        </> }) }
    }
}

/// Everything that can be done to the cluster.
fn breaking(props: &PartProps) -> Html {
    let lab = props.lab.clone();
    html! {
        <>
            <Faults ..props.clone() />
            <Ask lab={lab.clone()} />
            <Network lab={lab.clone()} />
            <Rules lab={lab.clone()} />
            <CommandLine {lab} />
        </>
    }
}

/// Transport, time line and counts.
fn foot(props: &PartProps) -> Html {
    let lab = props.lab.clone();
    html! {
        <footer class="cs-foot">
            <div class="cs-controls"><Transport lab={lab.clone()} compact=false /></div>
            <div class="cs-time-place"><Timeline lab={lab.clone()} /></div>
            <div class="cs-status"><Stats {lab} /></div>
        </footer>
    }
}
