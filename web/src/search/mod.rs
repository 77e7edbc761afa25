//! Searching seeds in the page: in workers, so that the page stays awake.

pub mod chase;
pub mod hunt;
pub mod small;
pub mod team;
#[cfg(feature = "whole")]
pub mod worker;

use clusterscope_core::sim::search::{Goal, SEEDS_MAX, Search};
use clusterscope_core::sim::spec::parse_seed;
use clusterscope_core::{BadInput, RunSpec};
use web_sys::{HtmlInputElement, HtmlSelectElement, SubmitEvent};
use yew::prelude::*;

use self::chase::{Chase, Doing, Found, Sight, Wanted};
use crate::lab::handle::LabHandle;
use crate::widgets::dialog::Dialog;
use crate::words;

/// Of the list of what can be looked for: anything that fails.
const FAILURE: &str = "";
/// A moment, described below the list. No check has such a name.
const MOMENT: &str = "?";

/// How many seeds are offered at first.
const SEEDS: u64 = 1_000;

/// Props of [`SearchDialog`].
#[derive(Properties, PartialEq)]
pub struct SearchProps {
    /// The run whose scenario, settings and commands are searched.
    pub lab: LabHandle,
    /// Called when it is closed.
    pub on_close: Callback<()>,
}

/// What was written into the form.
#[derive(Clone, Debug, PartialEq)]
struct Form {
    from: String,
    to: String,
    goal: String,
    moment: String,
}

impl Form {
    fn new() -> Form {
        Form {
            from: "1".to_owned(),
            to: SEEDS.to_string(),
            goal: FAILURE.to_owned(),
            moment: String::new(),
        }
    }

    fn wanted(&self) -> Wanted {
        match &*self.goal {
            FAILURE => (None, None),
            MOMENT => (None, Some(self.moment.clone())),
            check => (Some(check.to_owned()), None),
        }
    }

    /// The run with the first seed, and the last seed.
    fn read(&self, spec: &RunSpec) -> Result<(RunSpec, u64), BadInput> {
        let seed = |text: &str, name| parse_seed(text.trim()).map_err(|it| it.within(name));
        let (from, to) = (seed(&self.from, "From seed")?, seed(&self.to, "To seed")?);
        match to.checked_sub(from) {
            None => return Err(BadInput::new(&self.to, "is before the first seed")),
            Some(more) if more >= SEEDS_MAX => {
                let problem = format!("is too far: {SEEDS_MAX} seeds at most");
                return Err(BadInput::new(&self.to, problem));
            }
            Some(_) => {}
        }
        let mut spec = spec.clone();
        spec.seed = from;
        let (check, until) = self.wanted();
        Search::new(
            spec.clone(),
            Goal::read(check.as_deref(), until.as_deref())?,
        )?;
        Ok((spec, to))
    }
}

/// Finds seeds under which something happens, and makes what is found small.
#[component]
pub fn SearchDialog(props: &SearchProps) -> Html {
    let spec = use_memo((), |()| RunSpec {
        playhead: None,
        ..props.lab.spec()
    });
    let form = use_state(Form::new);
    let problem = use_state_eq(|| None::<String>);
    let chase = use_memo((), |()| Chase::default());
    let redraw = {
        let update = use_force_update();
        Callback::from(move |()| update.force_update())
    };
    let sight = chase.sight();
    let onsubmit = {
        let (spec, form, problem) = (spec.clone(), form.clone(), problem.setter());
        let (chase, redraw) = (chase.clone(), redraw.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            match form.read(&spec) {
                Ok((spec, last)) => {
                    problem.set(None);
                    chase.search(spec, form.wanted(), last, &redraw);
                    redraw.emit(());
                }
                Err(error) => problem.set(Some(error.to_string())),
            }
        }
    };
    let cancel = {
        let (chase, redraw) = (chase.clone(), redraw.clone());
        move |_: MouseEvent| {
            chase.cancel();
            redraw.emit(());
        }
    };
    let busy = matches!(sight.doing, Doing::Searching | Doing::Shrinking(_));
    let trouble = (*problem).clone().or_else(|| sight.trouble.clone());
    let found = |(place, it): (usize, &Found)| {
        let (chase, redraw) = (chase.clone(), redraw.clone());
        let shrink = move |_: MouseEvent| {
            chase.shrink(place, &redraw);
            redraw.emit(());
        };
        finding(it, busy, Callback::from(shrink), &props.on_close)
    };
    html! {
        <Dialog title="Search seeds" on_close={props.on_close.clone()}>
            <form class="cs-settings cs-search" {onsubmit}>
                <p class="cs-hint">{ what_is_searched(&props.lab, &spec) }</p>
                { fields(&props.lab, &form) }
                <div class="cs-search-go">
                    // With keys they are two buttons: one that became the other while it is pressed would do both.
                    if busy {
                        <button key="cancel" type="button" class="cs-button" onclick={cancel}>{ "Cancel" }</button>
                    } else {
                        <button key="search" type="submit" class="cs-button cs-primary">{ "Search" }</button>
                    }
                    { progress(&sight) }
                </div>
                <p class="cs-problem" role="alert">{ trouble }</p>
                <p role="status">{ outcome(&sight) }</p>
                <ul class="cs-found">{ for sight.found.iter().enumerate().map(found) }</ul>
            </form>
        </Dialog>
    }
}

fn what_is_searched(lab: &LabHandle, spec: &RunSpec) -> String {
    let title = lab.with(|it| format!("{}: {}", it.system().about.title, it.scenario().title));
    let commands = match spec.commands.len() as u64 {
        0 => String::new(),
        count => format!(" and {} given", words::count(count, "command")),
    };
    format!("Runs “{title}”, with its settings{commands}, under one seed after the other.")
}

fn fields(lab: &LabHandle, form: &UseStateHandle<Form>) -> Html {
    let checks = lab.with(|it| (it.system().checks)());
    let onchange = {
        let form = form.clone();
        move |event: Event| {
            let select = event.target_dyn_into::<HtmlSelectElement>();
            let goal = select.map(|it| it.value()).unwrap_or_default();
            form.set(Form {
                goal,
                ..(*form).clone()
            });
        }
    };
    let option = |value: &'static str, title: String| {
        html! { <option {value} selected={form.goal == value}>{ title }</option> }
    };
    html! {
        <div class="cs-group">
            { field("From seed", &form.from, form, |it, text| it.from = text) }
            { field("To seed", &form.to, form, |it, text| it.to = text) }
            <label class="cs-setting">
                <span>{ "Look for" }</span>
                <select class="cs-select" {onchange}>
                    { option(FAILURE, "Anything that fails".to_owned()) }
                    { for checks.into_iter().map(|it| option(it, words::title(it))) }
                    { option(MOMENT, "A moment…".to_owned()) }
                </select>
            </label>
            if form.goal == MOMENT {
                { field("Moment", &form.moment, form, |it, text| it.moment = text) }
                <p class="cs-hint cs-search-help">
                    { "Such as " }<code class="cs-mono">{ "count(role=leader) >= 2" }</code>{ ", " }
                    <code class="cs-mono">{ "down >= 2 and time > 3s" }</code>{ ". " }
                    { "Fields here: " }{ fields_here(lab) }{ "." }
                </p>
            }
        </div>
    }
}

/// What nodes show at this moment, by name.
fn fields_here(lab: &LabHandle) -> String {
    let mut names = vec!["role", "status", "epoch"];
    for field in lab.view().frame.nodes.iter().flat_map(|it| &it.fields) {
        if !names.contains(&field.name) {
            names.push(field.name);
        }
    }
    names.join(", ")
}

fn field(
    title: &'static str,
    value: &str,
    form: &UseStateHandle<Form>,
    write: fn(&mut Form, String),
) -> Html {
    let form = form.clone();
    let oninput = move |event: InputEvent| {
        let input = event.target_dyn_into::<HtmlInputElement>();
        let mut next = (*form).clone();
        write(&mut next, input.map(|it| it.value()).unwrap_or_default());
        form.set(next);
    };
    html! {
        <label class="cs-setting">
            <span>{ title }</span>
            <input class="cs-input cs-mono" type="text" value={value.to_owned()} {oninput}
                autocomplete="off" autocapitalize="off" spellcheck="false" />
        </label>
    }
}

/// How far it is, as a bar and in words.
fn progress(sight: &Sight) -> Html {
    let (done, of, told) = match sight.doing {
        Doing::Nothing => return html! {},
        Doing::Shrinking(place) => {
            let small = sight.found.get(place).and_then(|it| it.small.as_ref());
            let runs = small.map_or(0, |it| it.runs);
            let doing = small.map_or("beginning", |it| &it.doing);
            let most = clusterscope_core::sim::shrink::RUNS_USUAL;
            (runs, most, format!("{} runs: {doing}", runs))
        }
        Doing::Searching | Doing::Searched | Doing::Cancelled => {
            let hunt = &sight.hunt;
            let (runs, total) = (hunt.runs, hunt.total);
            (
                hunt.runs,
                hunt.total,
                format!("{runs} of {total} seeds, {:.0} a second", sight.rate),
            )
        }
    };
    html! {
        <>
            <progress max={of.to_string()} value={done.to_string()} aria-label="Progress"></progress>
            <span class="cs-hint" data-testid="progress">{ told }</span>
        </>
    }
}

/// How it ended, in a sentence.
fn outcome(sight: &Sight) -> Option<String> {
    let undecided = match sight.hunt.undecided {
        0 => String::new(),
        count => format!(" {} could not be judged.", words::count(count, "run")),
    };
    match (sight.doing, &sight.hunt.hit) {
        (Doing::Searched, Some(hit)) => Some(format!("Found: seed {}.{undecided}", hit.seed)),
        (Doing::Searched, None) => {
            let runs = words::count(sight.hunt.runs, "seed");
            Some(format!("Nothing found under {runs}.{undecided}"))
        }
        (Doing::Cancelled, _) => Some("Cancelled.".to_owned()),
        _ => None,
    }
}

/// A run that was found, with the ways on from it.
fn finding(found: &Found, busy: bool, shrink: Callback<MouseEvent>, opened: &Callback<()>) -> Html {
    let follow = opened.reform(|_: MouseEvent| ());
    let hit = &found.hit;
    html! {
        <li key={hit.link.clone()}>
            <p>
                <a href={hit.link.clone()} onclick={follow.clone()}>{ format!("Seed {}", hit.seed) }</a>
                { " " }{ &hit.told }
            </p>
            if let Some(small) = &found.small {
                <p>
                    <a href={small.hit.link.clone()} onclick={follow}>
                        { format!("{} instead of {}", words::count(small.commands, "command"), small.before) }
                    </a>
                    { " " }{ &small.hit.told }
                </p>
            } else {
                <button type="button" class="cs-button" onclick={shrink} disabled={busy}
                    title="The fewest commands that still fail in the same way">{ "Make it small" }</button>
            }
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_what_is_wrong_with_it() {
        let spec = RunSpec::new("raft", "calm");
        let form = Form::new();
        assert_eq!(form.read(&spec), Ok((spec.clone(), SEEDS)));
        let refused = |change: fn(&mut Form)| {
            let mut form = form.clone();
            change(&mut form);
            form.read(&spec).unwrap_err().to_string()
        };
        assert!(refused(|it| it.from = "x".to_owned()).contains("From seed: \"x\""));
        assert!(refused(|it| it.to = "0".to_owned()).contains("before the first"));
        assert!(refused(|it| it.to = "99999999999".to_owned()).contains("at most"));
        assert!(refused(|it| it.goal = MOMENT.to_owned()).contains("n1.FIELD"));
    }
}
