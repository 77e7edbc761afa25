//! Two runs beside each other: one clock, one set of hands, and the first event in which they differ.

use std::collections::BTreeSet;

use clusterscope_core::diff::{Difference, Told, first_difference};
use clusterscope_core::sim::command::Planned;
use clusterscope_core::sim::pair::Pair;
use clusterscope_core::sim::spec::Moment;
use clusterscope_core::{BadInput, RunSpec, Time};
use web_sys::HtmlElement;
use yew::prelude::*;

use crate::address::use_address;
use crate::browser::{self, use_media};
use crate::controls::ask::Ask;
use crate::controls::faults::Faults;
use crate::controls::help::HelpDialog;
use crate::controls::transport::Transport;
use crate::controls::typed::CommandLine;
use crate::history::past::Past;
use crate::history::{SpaceTime, Timeline};
use crate::inspect::Inspector;
use crate::lab::handle::{LabHandle, View, use_lab};
use crate::lab::layout::StagePlace;
use crate::lab::story::Story;
use crate::lab::{ErrorBanner, Over, PartProps, keys, use_focus_back};
use crate::panels::checks::Checks;
use crate::panels::pictures::Pictures;
use crate::panels::service::service;
use crate::panels::stats::Stats;
use crate::prefs::ThemeSwitch;
use crate::ticker::use_ticker;
use crate::ui::icons::{Glyph, icon};
use crate::ui::numbers;
use crate::widgets::brand::brand;
use crate::widgets::copy::CopyField;
use crate::widgets::dialog::Dialog;
use crate::widgets::section::section;
use crate::widgets::tabs::Tabs;

/// Up to this width one run stands below the other.
const NARROW: &str = "(max-width: 900px)";

/// What is shown of both runs, below their stages.
const PANELS: [&str; 5] = ["Space–time", "Service", "Checks", "Pictures", "Inspect"];

/// Two runs with one clock.
#[derive(Clone, PartialEq)]
pub struct Sides {
    left: LabHandle,
    right: LabHandle,
    plays: bool,
}

impl Sides {
    /// Opens both, at the moment of the left one.
    pub fn open(mut pair: Pair) -> Result<Sides, BadInput> {
        let plays = pair.left.playhead.is_none() && !browser::reduced_motion();
        let left = LabHandle::open(pair.left).map_err(|it| it.within("the run on the left"))?;
        let time = left.with(|it| it.now());
        pair.right.playhead = Some(Moment { time, step: None });
        let right = LabHandle::open(pair.right).map_err(|it| it.within("the run on the right"))?;
        left.tie(&right);
        Ok(Sides { left, right, plays })
    }

    /// Both runs' names.
    pub fn title(&self) -> String {
        let (left, right) = (name(&self.left), name(&self.right));
        if left == right {
            format!("{left}, twice")
        } else {
            format!("{left} beside {right}")
        }
    }

    fn link(&self) -> String {
        let side = |lab: &LabHandle| {
            let mut spec = lab.spec();
            spec.playhead = spec.playhead.map(|it| Moment { step: None, ..it });
            spec
        };
        let (left, right) = (side(&self.left), side(&self.right));
        Pair { left, right }.link()
    }
}

fn name(lab: &LabHandle) -> String {
    lab.with(|it| format!("{}: {}", it.system().about.title, it.scenario().title))
}

/// Props of [`Compare`].
#[derive(Properties, PartialEq)]
pub struct CompareProps {
    /// The runs.
    pub sides: Sides,
}

/// Where two runs part, as far as it is known.
#[derive(Default)]
struct Parting {
    /// What was done in both when it was found.
    done: [Vec<Planned>; 2],
    found: Option<Difference>,
}

impl Parting {
    /// Looks for it, once the runs are known to differ: then the hashes of their traces do.
    fn look(&mut self, sides: &Sides) {
        let done = [&sides.left, &sides.right].map(|lab| lab.with(|it| it.commands().to_vec()));
        if self.done != done {
            *self = Parting { done, found: None };
        }
        let (left, right) = (sides.left.view(), sides.right.view());
        let together = left.frame.time == right.frame.time;
        if self.found.is_some() || !together || left.frame.hash == right.frame.hash {
            return;
        }
        let limit = self.bound(sides).unwrap_or(left.frame.time);
        let until = |lab: &LabHandle| RunSpec {
            playhead: Some(Moment {
                time: limit,
                step: None,
            }),
            ..lab.spec()
        };
        // Both were opened before: they can be set up.
        self.found = first_difference(&until(&sides.left), &until(&sides.right), 1)
            .ok()
            .flatten();
    }

    /// No later than this: here records differ, of which what messages hold is no part.
    fn bound(&self, sides: &Sides) -> Option<Time> {
        let event = sides.left.with(|left| {
            sides
                .right
                .with(|right| left.records().first_difference(right.records()))
        })?;
        let time = |lab: &LabHandle| lab.with(|it| it.records().get(event)).map(|it| it.time);
        let times = [time(&sides.left), time(&sides.right)];
        times.into_iter().flatten().max()
    }

    /// The event and its time, of the run that has it first.
    fn place(&self) -> Option<(u32, Time)> {
        let found = self.found.as_ref()?;
        let firsts = found.after.iter().filter_map(|it| it.first());
        Some((found.event, firsts.map(|it| it.record.time).min()?))
    }
}

/// Two runs beside each other.
#[component]
pub fn Compare(props: &CompareProps) -> Html {
    let sides = &props.sides;
    let (left, right) = (&sides.left, &sides.right);
    let view = use_lab(left);
    let _ = use_lab(right);
    use_ticker(left);
    use_ticker(right);
    let stories = use_memo((), |()| [Story::default(), Story::default()]);
    let parting = use_mut_ref(Parting::default);
    let over = use_state_eq(Over::default);
    let panel = use_state_eq(|| 0_usize);
    let root = use_node_ref();
    let narrow = use_media(NARROW);
    let link = {
        let sides = sides.clone();
        use_callback((), move |_: LabHandle, ()| sides.link())
    };
    use_address(left, link);
    use_start(&root, sides);
    parting.borrow_mut().look(sides);
    use_marks(sides, parting.borrow().place());
    use_focus_back(&root, *over);
    let open = use_callback((), {
        let over = over.setter();
        move |what, ()| over.set(what)
    });
    let part = |lab: &LabHandle, story: &Story, over: Over| PartProps {
        lab: lab.clone(),
        story: story.clone(),
        over,
        open: open.clone(),
        lesson: None,
        learn: Callback::noop(),
    };
    let mine = part(left, &stories[0], *over);
    // What lies over the stage lies over one of them.
    let theirs = part(right, &stories[1], Over::Nothing);
    let onkeydown = {
        let (lab, open, over) = (left.clone(), open.clone(), over.clone());
        move |event: KeyboardEvent| {
            if *over == Over::Nothing {
                keys::press(&lab, &open, &event);
            }
        }
    };
    let choose = use_callback((), {
        let panel = panel.setter();
        move |index: usize, ()| panel.set(index)
    });
    html! {
        <div ref={root} class="cs-lab cs-compare" tabindex="-1" {onkeydown}>
            { top(sides, &open) }
            { difference(sides, &parting.borrow(), &view) }
            <div class="cs-compare-frame">
                { hands(&mine) }
                <main class="cs-sides">
                    <h1 class="cs-hidden">{ sides.title() }</h1>
                    <Side letter="A" part={mine} panel={*panel} />
                    <Side letter="B" part={theirs} panel={*panel} />
                    <Tabs label="Panels" names={PANELS.map(AttrValue::from).to_vec()} chosen={*panel} {choose}
                        id="cs-compare" />
                </main>
                { foot(sides, narrow) }
            </div>
            { dialog(*over, sides, &open) }
        </div>
    }
}

/// Takes the focus, and lets both run if they are meant to.
#[hook]
fn use_start(root: &NodeRef, sides: &Sides) {
    let (root, sides) = (root.clone(), sides.clone());
    use_effect_with((), move |()| {
        if let Some(root) = root.cast::<HtmlElement>() {
            let _ = root.focus();
        }
        if sides.plays {
            sides.left.play();
        }
    });
}

/// Marks where they part in the pictures of both.
#[hook]
fn use_marks(sides: &Sides, place: Option<(u32, Time)>) {
    use_effect_with((sides.clone(), place), |(sides, place)| {
        sides.left.set_parted(*place);
        sides.right.set_parted(*place);
    });
}

/// What can be done to both.
fn hands(part: &PartProps) -> Html {
    let lab = part.lab.clone();
    html! {
        <aside class="cs-column cs-left" aria-label="What is done to both">
            <p class="cs-compare-hint cs-hint">{ "What you do here is done to both." }</p>
            <Faults ..part.clone() />
            <Ask lab={lab.clone()} />
            <CommandLine {lab} />
        </aside>
    }
}

/// One transport, and the time of each.
fn foot(sides: &Sides, narrow: bool) -> Html {
    html! {
        <footer class="cs-foot cs-compare-foot">
            <div class="cs-controls"><Transport lab={sides.left.clone()} compact={narrow} /></div>
            <div class="cs-two-times">
                { timeline("A", &sides.left) }
                { timeline("B", &sides.right) }
            </div>
        </footer>
    }
}

fn top(sides: &Sides, open: &Callback<Over>) -> Html {
    let home = sides.left.spec().link();
    let share = open.reform(|_: MouseEvent| Over::Share);
    html! {
        <header class="cs-top">
            { brand() }
            <nav class="cs-crumbs" aria-label="Where you are">
                <a href={home}>{ sides.left.with(|it| it.system().about.title) }</a>
                <span aria-hidden="true">{ " / " }</span>
                <strong>{ "Side by side" }</strong>
            </nav>
            <div class="cs-tools"><ThemeSwitch /></div>
            <button type="button" class="cs-button cs-primary" onclick={share}>
                { icon(Glyph::Share) }{ "Share" }
            </button>
        </header>
    }
}

fn dialog(over: Over, sides: &Sides, open: &Callback<Over>) -> Html {
    let on_close = open.reform(|()| Over::Nothing);
    match over {
        Over::Help => html! { <HelpDialog {on_close} /> },
        Over::Share => {
            sides.left.pause();
            let link = format!("{}{}", browser::base_address(), sides.link());
            html! {
                <Dialog title="Share both" {on_close}>
                    <CopyField label="Link" text={link} hint="Opens both runs at this moment, beside each other." />
                </Dialog>
            }
        }
        _ => html! {},
    }
}

fn timeline(letter: &'static str, lab: &LabHandle) -> Html {
    html! {
        <div class="cs-time-place">
            <span class="cs-letter" aria-hidden="true">{ letter }</span>
            <Timeline lab={lab.clone()} />
        </div>
    }
}

/// Where the runs part, in words.
fn difference(sides: &Sides, parting: &Parting, now: &View) -> Html {
    let Some((found, (_, at))) = parting.found.as_ref().zip(parting.place()) else {
        let words = format!(
            "The same, event for event, up to {}.",
            numbers::clock(now.frame.time)
        );
        return html! { <div class="cs-parting" data-testid="parting"><p>{ words }</p></div> };
    };
    let side = |told: &[Told]| {
        let Some(told) = told.first() else {
            return "nothing more happens".to_owned();
        };
        let words = told.words.as_ref().map(|it| it.text.clone());
        let words = words.unwrap_or_else(|| told.label.to_owned());
        format!("{words} ({})", numbers::clock(told.record.time))
    };
    let onclick = {
        let lab = sides.left.clone();
        move |_: MouseEvent| lab.stop_at(at)
    };
    let what = format!("Differs in {}", found.in_what.join(", "));
    let [mine, theirs] = [0, 1].map(|it| side(&found.after[it]));
    html! {
        <div class="cs-parting" data-testid="parting">
            <p title={what}>
                <strong>{ format!("They part at {}", numbers::clock(at)) }</strong>
                { format!(", in event {}: ", found.event) }
                <span class="cs-letter">{ "A" }</span>{ format!(" {mine}; ") }
                <span class="cs-letter">{ "B" }</span>{ format!(" {theirs}.") }
            </p>
            <button type="button" class="cs-link" {onclick}>{ "Jump to it" }</button>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct SideProps {
    letter: &'static str,
    part: PartProps,
    /// Which of [`PANELS`] is shown.
    panel: usize,
}

/// One of the runs.
#[component]
fn Side(props: &SideProps) -> Html {
    let lab = &props.part.lab;
    let view = use_lab(lab);
    let past = use_mut_ref(Past::default);
    let (spec, link) = lab.with(|it| (it.opened().clone(), it.spec().link()));
    // The bread crumbs name a system that both have.
    let one_system = lab.both().map(|it| it.with(|it| it.system().about.id));
    let one_system = one_system.collect::<BTreeSet<_>>().len() == 1;
    let title = match one_system {
        true => lab.with(|it| it.scenario().title.to_owned()),
        false => name(lab),
    };
    let mut own = vec![format!("seed {}", spec.seed)];
    own.extend(spec.settings.iter().map(|it| format!("{} {}", it.0, it.1)));
    let panel = match props.panel {
        0 => html! { <SpaceTime lab={lab.clone()} /> },
        1 => section(
            "Service",
            "cs-pictures",
            Html::default(),
            service(lab, &view, &mut past.borrow_mut()),
        ),
        2 => html! { <Checks lab={lab.clone()} /> },
        3 => html! { <Pictures lab={lab.clone()} id={format!("cs-pictures-{}", props.letter)} /> },
        _ => html! { <Inspector ..props.part.clone() /> },
    };
    html! {
        <section class="cs-side" aria-label={format!("Run {}", props.letter)}>
            <header class="cs-side-top">
                <span class="cs-letter" aria-hidden="true">{ props.letter }</span>
                <div>
                    <h2>{ title }</h2>
                    <p class="cs-hint cs-mono">{ own.join(" · ") }</p>
                </div>
                <a href={link}>{ "Open alone" }</a>
            </header>
            <ErrorBanner lab={lab.clone()} />
            <StagePlace ..props.part.clone() />
            <div class="cs-status"><Stats lab={lab.clone()} /></div>
            <div id={if props.letter == "A" { "cs-compare-panel" } else { "cs-compare-panel-b" }}
                class="cs-side-panel" role="tabpanel" tabindex="0"
                aria-label={format!("{} of run {}", PANELS[props.panel], props.letter)}>{ panel }</div>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(left: &str, right: &str) -> Sides {
        let spec = |it| RunSpec::from_link(it).unwrap();
        let (left, right) = (spec(left), spec(right));
        // Without a browser nobody says whether there should be motion.
        let left_lab = LabHandle::open(left).unwrap();
        let right_lab = LabHandle::open(right).unwrap();
        left_lab.tie(&right_lab);
        Sides {
            left: left_lab,
            right: right_lab,
            plays: false,
        }
    }

    fn times(sides: &Sides) -> [Time; 2] {
        [&sides.left, &sides.right].map(|it| it.view().frame.time)
    }

    #[test]
    fn two_runs_have_one_clock_and_get_the_same_commands() {
        let sides = sides("raft/calm?seed=3&t=1s", "raft/calm?seed=4");
        assert_eq!(times(&sides), [Time(1_000_000_000); 2]);
        sides.right.deed("crash leader");
        assert!(
            sides.link().matches("crash").count() == 2,
            "{}",
            sides.link()
        );
        for act in [
            LabHandle::step_forward,
            LabHandle::next_turn,
            LabHandle::step_back,
        ] {
            let before = times(&sides)[0];
            act(&sides.left);
            let [one, two] = times(&sides);
            assert_eq!(one, two);
            assert_ne!(one, before);
        }
        sides.right.previous_turn();
        let [one, two] = times(&sides);
        assert_eq!(one, two);
        sides.right.toggle();
        assert!(sides.left.is_playing());
        (0..20).for_each(|_| sides.left.tick(16.0, 0.0));
        (0..20).for_each(|_| sides.right.tick(16.0, 0.0));
        sides.left.pause();
        let [later, two] = times(&sides);
        assert!(later == two && later > one, "{later} {two} {one}");
    }

    #[test]
    fn what_one_side_does_not_accept_is_said_there() {
        let sides = sides("raft/calm?seed=3&t=1s", "raft/calm?seed=3&set.nodes=3");
        sides.left.command_text("crash n5");
        let errors = [&sides.left, &sides.right].map(|it| it.view().error.is_some());
        assert_eq!(errors, [false, true]);
    }

    #[test]
    fn the_event_in_which_they_part_is_found_once_they_have() {
        let mut parting = Parting::default();
        let same = sides("raft/calm?seed=3&t=1s", "raft/calm?seed=3");
        parting.look(&same);
        assert!(parting.found.is_none());
        // One of them is done something to, at one moment.
        let other = sides(
            "raft/calm?seed=3&t=1s",
            "raft/calm?seed=3&do=600ms+crash+n1",
        );
        parting.look(&other);
        let (event, at) = parting.place().unwrap();
        assert_eq!(at, Time(600_000_000));
        assert!(event > 10);
    }
}
