//! The lesson beside the stage: its steps, the one at hand open, each done when what it waits for is so in the run.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use clusterscope_core::lesson::{Lesson, Step};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

use super::{Told, is_run, link, prose, run_of, use_lesson};
use crate::address;
use crate::browser;
use crate::lab::handle::{LabHandle, use_lab};
use crate::ui::icons::{Glyph, icon};

/// So much room is left above a step that opens, in pixels.
const ROOM_ABOVE: i32 = 8;

/// Props of [`LessonPanel`].
#[derive(Properties, PartialEq)]
pub struct LessonProps {
    /// The run.
    pub lab: LabHandle,
    /// Which step is open, from 0; as many as there are when all are done.
    pub step: usize,
    /// Called when another step opens, or with `None` when the lesson is put away.
    pub go: Callback<Option<usize>>,
}

/// What the steps of a lesson look like at the moment.
struct At<'a> {
    lab: &'a LabHandle,
    lesson: &'a Lesson,
    step: usize,
    /// Those before were open before.
    done: usize,
    /// Those among them that were left before they were done.
    skipped: &'a Rc<RefCell<BTreeSet<usize>>>,
    /// Whether the run at hand is the one that the step is about.
    is_here: bool,
    go: &'a Callback<Option<usize>>,
}

impl At<'_> {
    fn is_done(&self, step: usize) -> bool {
        step < self.done && !self.skipped.borrow().contains(&step)
    }
}

/// The lesson.
#[component]
pub fn LessonPanel(props: &LessonProps) -> Html {
    let _ = use_lab(&props.lab);
    let system = props.lab.with(|it| it.system().about.id);
    let told = use_lesson(system);
    let folded = use_state_eq(|| false);
    // The step with which the page was opened came with its run; one with a run of its own waits for that.
    let opened_at = *use_memo((), |()| props.step);
    let furthest = use_mut_ref(|| 0_usize);
    let skipped = use_mut_ref(BTreeSet::new);
    let done = props.step.max(*furthest.borrow());
    *furthest.borrow_mut() = done;
    let waits = props.step == done || skipped.borrow().contains(&props.step);
    let lesson = told.as_ref().and_then(|it| it.as_ref().ok()).cloned();
    let step = lesson
        .as_ref()
        .map_or(0, |it| props.step.min(it.steps.len()));
    let is_here = lesson.as_ref().is_some_and(|lesson| {
        let own = lesson.steps.get(step).is_some_and(|it| it.run.is_some());
        let opened = props
            .lab
            .with(|it| is_run(it.opened(), run_of(lesson, step)));
        opened && (!own || step == opened_at || step < done)
    });
    use_progress(
        props,
        lesson.clone().filter(|_| is_here && waits),
        step,
        &skipped,
    );
    let text = use_node_ref();
    use_in_sight(&text, step, is_here);
    let fold = {
        let folded = folded.clone();
        move |_: MouseEvent| folded.set(!*folded)
    };
    let close = props.go.reform(|_: MouseEvent| None);
    let place = lesson.as_deref().map(|it| place(it, step));
    let name = if *folded {
        "Unfold the lesson"
    } else {
        "Fold the lesson"
    };
    html! {
        <section class={classes!("cs-lesson", folded.then_some("is-folded"))} aria-label="Lesson">
            <div class="cs-section-top">
                <h2 class="cs-heading">{ "Lesson" }</h2>
                <span class="cs-lesson-place cs-mono">{ place }</span>
                <button type="button" class="cs-small cs-lesson-fold" onclick={fold} aria-label={name}
                    aria-expanded={(!*folded).to_string()}>{ icon(Glyph::ChevronDown) }</button>
                <button type="button" class="cs-small" onclick={close} aria-label="Put the lesson away">
                    { icon(Glyph::Close) }
                </button>
            </div>
            <div ref={text} class="cs-lesson-inside" tabindex="0" role="region" aria-label="Text of the lesson">
                { inside(&told, lesson.as_deref().map(|lesson| At {
                    lab: &props.lab,
                    lesson,
                    step,
                    done,
                    skipped: &skipped,
                    is_here,
                    go: &props.go,
                })) }
            </div>
            <p class="cs-hidden" role="status">{ lesson.as_deref().map(|it| announcement(it, step)) }</p>
        </section>
    }
}

/// How far the reader has come.
fn place(lesson: &Lesson, step: usize) -> String {
    match lesson.steps.len() {
        count if step == count => "done".to_owned(),
        count => format!("step {} of {count}", step + 1),
    }
}

/// Keeps the step that opens in sight, within the text.
#[hook]
fn use_in_sight(text: &NodeRef, step: usize, is_here: bool) {
    let text = text.clone();
    use_effect_with((step, is_here), move |(step, _)| {
        let Some(text) = text.cast::<HtmlElement>().filter(|_| *step > 0) else {
            return;
        };
        let open = text.query_selector(".cs-step.is-open").ok().flatten();
        if let Some(open) = open.and_then(|it| it.dyn_into::<HtmlElement>().ok()) {
            text.set_scroll_top(open.offset_top() - ROOM_ABOVE);
        }
    });
}

/// Waits for what the step at hand waits for, in the run; then the next opens.
#[hook]
fn use_progress(
    props: &LessonProps,
    lesson: Option<Rc<Lesson>>,
    step: usize,
    skipped: &Rc<RefCell<BTreeSet<usize>>>,
) {
    let until = lesson.and_then(|it| Some(it.steps.get(step)?.until.to_string()));
    let (go, skipped) = (props.go.clone(), skipped.clone());
    use_effect_with(
        (props.lab.clone(), step, until),
        move |(lab, step, until)| {
            let (lab, next) = (lab.clone(), step + 1);
            if let Some(until) = until.as_ref().and_then(|it| it.parse().ok()) {
                let met = move |()| {
                    skipped.borrow_mut().remove(&(next - 1));
                    go.emit(Some(next));
                };
                lab.watch(until, Callback::from(met));
            }
            move || lab.unwatch()
        },
    );
}

/// What is said to those who do not see it.
fn announcement(lesson: &Lesson, step: usize) -> String {
    let before = step.checked_sub(1).map_or("", |_| "Done. ");
    match lesson.steps.get(step) {
        Some(next) => format!(
            "{before}Step {} of {}: {}",
            step + 1,
            lesson.steps.len(),
            next.title
        ),
        None => "Done. That was the last step.".to_owned(),
    }
}

fn inside(told: &Option<Told>, at: Option<At>) -> Html {
    let Some(at) = at else {
        return match told {
            Some(Err(problem)) => html! { <p class="cs-problem" role="alert">{ problem }</p> },
            _ => html! { <p class="cs-empty">{ "Fetching the lesson…" }</p> },
        };
    };
    let ends = at.step == at.lesson.steps.len();
    html! {
        <>
            <h3 class="cs-scenario">{ &at.lesson.title }</h3>
            if at.step == 0 { <div class="cs-prose">{ prose::blocks(&at.lesson.text) }</div> }
            <ol class="cs-steps">{ for at.lesson.steps.iter().enumerate().map(|(index, it)| one(&at, index, it)) }</ol>
            if ends {
                <p class="cs-lesson-end">
                    { "That was the last step. The cluster is yours: break what you like." }
                </p>
            }
            <div class="cs-acts">
                { turn(&at, "Back", at.step.checked_sub(1)) }
                { turn(&at, "Next", Some(at.step + 1).filter(|_| !ends)) }
            </div>
        </>
    }
}

/// A button to the step before or after.
fn turn(at: &At, name: &'static str, to: Option<usize>) -> Html {
    let (step, skips) = (at.step, to == Some(at.step + 1) && !at.is_done(at.step));
    let skipped = at.skipped.clone();
    let onclick = at.go.reform(move |_: MouseEvent| {
        if skips {
            skipped.borrow_mut().insert(step);
        }
        to
    });
    let name = if skips { "Skip" } else { name };
    html! { <button type="button" class="cs-button cs-act" disabled={to.is_none()} {onclick}>{ name }</button> }
}

fn one(at: &At, index: usize, step: &Step) -> Html {
    let is_open = index == at.step;
    let is_done = at.is_done(index);
    let onclick = at.go.reform(move |_: MouseEvent| Some(index));
    let class = classes!(
        "cs-step",
        is_open.then_some("is-open"),
        is_done.then_some("is-done")
    );
    html! {
        <li key={index} {class} aria-current={is_open.then_some("step")}>
            <button type="button" class="cs-step-title" {onclick} aria-expanded={is_open.to_string()}>
                <span class="cs-step-sign" aria-hidden="true">
                    if is_done { { icon(Glyph::Check) } } else { { (index + 1).to_string() } }
                </span>
                { &step.title }
                if is_done { <span class="cs-hidden">{ ", done" }</span> }
            </button>
            if is_open {
                <div class="cs-step-inside">
                    <div class="cs-prose">{ prose::blocks(&step.text) }</div>
                    { deeds(at, step, is_done) }
                </div>
            }
        </li>
    }
}

/// What the page can do for the reader in this step, and what the step waits for.
fn deeds(at: &At, step: &Step, is_done: bool) -> Html {
    if !at.is_here {
        let target = link(run_of(at.lesson, at.step), at.step);
        let onclick = move |_: MouseEvent| address::go(&target);
        return html! {
            <div class="cs-acts">
                <button type="button" class="cs-button cs-primary" {onclick}>{ "Open this run" }</button>
            </div>
        };
    }
    let commands: Vec<String> = step.commands.iter().map(|it| it.to_string()).collect();
    let hint = commands.join("; ");
    let onclick = {
        let (lab, commands) = (at.lab.clone(), step.commands.clone());
        move |_: MouseEvent| {
            commands.iter().for_each(|it| lab.command(it.clone()));
            // Time must pass for something to come of it; those who want little motion let it themselves.
            if !browser::reduced_motion() {
                lab.play();
            }
        }
    };
    let done_when = match is_done {
        true => "Was done when ",
        false => "Done when ",
    };
    html! {
        <>
            if !commands.is_empty() {
                <div class="cs-acts">
                    <button type="button" class="cs-button" {onclick} title={hint}>
                        { "Do it for me" }
                    </button>
                </div>
            }
            <p class="cs-hint cs-step-until">{ done_when }<code class="cs-mono">{ step.until.to_string() }</code></p>
        </>
    }
}
