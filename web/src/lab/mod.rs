//! The lab: a run on its stage, with everything to break it and to look into it.

pub mod act;
pub mod announce;
pub mod deeds;
pub mod handle;
pub mod header;
pub mod keys;
pub mod layout;
pub mod story;

use web_sys::HtmlElement;
use yew::prelude::*;

use self::announce::Announcer;
use self::handle::{LabHandle, use_lab};
use self::header::Header;
use self::layout::{Narrow, wide};
use self::story::Story;
use crate::address::use_address;
use crate::browser::use_media;
use crate::controls::beside::CompareDialog;
use crate::controls::help::HelpDialog;
use crate::controls::settings::SettingsDialog;
use crate::controls::share::ShareDialog;
use crate::learn;
use crate::search::SearchDialog;
use crate::ticker::use_ticker;

/// Up to this width there is one panel at a time.
const NARROW: &str = "(max-width: 900px)";

/// What lies over the lab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Over {
    /// Nothing.
    #[default]
    Nothing,
    /// The link, the element's tag and the command line.
    Share,
    /// What the run begins with.
    Settings,
    /// Many seeds.
    Search,
    /// Another run beside this one.
    Compare,
    /// The keys.
    Help,
    /// The groups of a partition.
    Cut,
}

/// Props of [`Lab`].
#[derive(Properties, PartialEq)]
pub struct LabProps {
    /// The run.
    pub lab: LabHandle,
    /// Whether time runs from the beginning.
    #[prop_or_default]
    pub plays: bool,
    /// Which step of the lesson is open, from 0.
    #[prop_or_default]
    pub lesson: Option<usize>,
}

/// What every part of the lab is given.
#[derive(Properties, Clone, PartialEq)]
pub struct PartProps {
    /// The run.
    pub lab: LabHandle,
    /// Words for its events.
    pub story: Story,
    /// What lies over the lab.
    pub over: Over,
    /// Opens what lies over the lab.
    pub open: Callback<Over>,
    /// Which step of the lesson is open, from 0.
    pub lesson: Option<usize>,
    /// Opens a step of the lesson, or puts it away.
    pub learn: Callback<Option<usize>>,
}

/// A run with everything around it.
#[component]
pub fn Lab(props: &LabProps) -> Html {
    let lab = props.lab.clone();
    let root = use_node_ref();
    let over = use_state_eq(Over::default);
    let story = (*use_memo((), |()| Story::default())).clone();
    let narrow = use_media(NARROW);
    use_ticker(&lab);
    let lesson = use_state_eq(|| props.lesson);
    let learn = use_callback((), {
        let lesson = lesson.setter();
        move |step, ()| lesson.set(step)
    });
    let link = use_callback(
        *lesson,
        |lab: LabHandle, lesson: &Option<usize>| match lesson {
            Some(step) => learn::link(&lab.spec(), *step),
            None => lab.spec().link(),
        },
    );
    use_address(&lab, link);
    {
        let root = root.clone();
        use_effect_with((lab.clone(), props.plays), move |(lab, plays)| {
            if let Some(root) = root.cast::<HtmlElement>() {
                let _ = root.focus();
            }
            if *plays {
                lab.play();
            }
        });
    }
    let open = use_callback((), {
        let over = over.setter();
        move |what, ()| over.set(what)
    });
    let close = use_callback(open.clone(), |(), open: &Callback<Over>| {
        open.emit(Over::Nothing)
    });
    use_focus_back(&root, *over);
    let onkeydown = {
        let (lab, open, over) = (lab.clone(), open.clone(), over.clone());
        move |event: KeyboardEvent| {
            if *over == Over::Nothing {
                keys::press(&lab, &open, &event);
            }
        }
    };
    let part = PartProps {
        lab: lab.clone(),
        story,
        over: *over,
        open,
        lesson: *lesson,
        learn,
    };
    html! {
        <div ref={root} tabindex="-1" {onkeydown}
            class={classes!("cs-lab", narrow.then_some("cs-lab-narrow"), lesson.map(|_| "has-lesson"))}>
            <Header ..part.clone() />
            <ErrorBanner lab={lab.clone()} />
            if narrow {
                <Narrow ..part.clone() />
            } else {
                { wide(&part) }
            }
            <Announcer ..part />
            { dialog(*over, &lab, &close) }
        </div>
    }
}

/// A dialog gives the focus back by itself; the picker of a cut does not.
#[hook]
pub fn use_focus_back(root: &NodeRef, over: Over) {
    let (root, before) = (root.clone(), use_mut_ref(Over::default));
    use_effect_with(over, move |over| {
        let closed = before.replace(*over) == Over::Cut && *over == Over::Nothing;
        if let Some(root) = root.cast::<HtmlElement>().filter(|_| closed) {
            let _ = root.focus();
        }
    });
}

fn dialog(over: Over, lab: &LabHandle, close: &Callback<()>) -> Html {
    let (lab, on_close) = (lab.clone(), close.clone());
    match over {
        // The picker of a cut stands on the stage.
        Over::Nothing | Over::Cut => html! {},
        Over::Share => html! { <ShareDialog {lab} {on_close} /> },
        Over::Settings => html! { <SettingsDialog {lab} {on_close} /> },
        Over::Search => html! { <SearchDialog {lab} {on_close} /> },
        Over::Compare => html! { <CompareDialog {lab} {on_close} /> },
        Over::Help => html! { <HelpDialog {on_close} /> },
    }
}

/// Props of [`ErrorBanner`].
#[derive(Properties, PartialEq)]
pub struct ErrorProps {
    /// The run.
    pub lab: LabHandle,
}

/// What went wrong last, until it is put away.
#[component]
pub fn ErrorBanner(props: &ErrorProps) -> Html {
    let view = use_lab(&props.lab);
    let dismiss = {
        let lab = props.lab.clone();
        move |_| lab.dismiss_error()
    };
    html! {
        <div class="cs-alert-place" role="alert">
            if let Some(error) = &view.error {
                <div class="cs-alert">
                    <p>{ error }</p>
                    <button type="button" class="cs-button cs-quiet" onclick={dismiss}>{ "Dismiss" }</button>
                </div>
            }
        </div>
    }
}
