//! A small cluster that runs by itself, to show what this is about.

use clusterscope_core::RunSpec;
use yew::prelude::*;

use crate::browser;
use crate::lab::handle::LabHandle;
use crate::stage::Stage;

/// How fast it runs: slowly, it is there to be looked at.
const SPEED: f64 = 0.5;

/// Props of [`Preview`].
#[derive(Properties, PartialEq)]
pub struct PreviewProps {
    /// The run.
    pub link: &'static str,
}

/// A small cluster that runs by itself; for those who want little motion it stands still.
#[component]
pub fn Preview(props: &PreviewProps) -> Html {
    let lab = use_memo(props.link, |link| {
        let opened = RunSpec::from_link(link).and_then(LabHandle::open);
        opened.ok().inspect(|it| it.set_speed(SPEED))
    });
    match &*lab {
        Some(lab) => html! { <Running lab={lab.clone()} /> },
        None => html! {},
    }
}

#[derive(Properties, PartialEq)]
struct RunningProps {
    lab: LabHandle,
}

#[component]
fn Running(props: &RunningProps) -> Html {
    use_effect_with(props.lab.clone(), |lab| {
        if !browser::reduced_motion() {
            lab.play();
        }
    });
    html! { <div class="cs-preview"><Stage lab={props.lab.clone()} compact=true /></div> }
}
