//! Parts that stand in for those that are not there yet.

use crate::lab::handle::LabHandle;
use yew::prelude::*;

/// A lab as a prop.
#[derive(Properties, PartialEq)]
pub struct StageProps {
    /// The lab.
    pub lab: LabHandle,
    /// Whether room is scarce.
    #[prop_or_default]
    pub compact: bool,
}

macro_rules! stand_in {
    ($($name:ident)*) => { $(
        /// A stand-in.
        #[component]
        pub fn $name(_props: &StageProps) -> Html {
            html! { <div class="cs-stand-in">{ stringify!($name) }</div> }
        }
    )* };
}

stand_in! { Timeline SpaceTime }
