//! The settings with which a run begins.

use std::collections::BTreeMap;
use std::rc::Rc;

use clusterscope_core::sim::settings::{Environment, Kind, SettingView};
use clusterscope_core::sim::spec::parse_seed;
use clusterscope_core::trace::Level;
use clusterscope_core::{BadInput, RunSpec, Span};
use web_sys::{HtmlInputElement, HtmlSelectElement, SubmitEvent};
use yew::prelude::*;

use super::rules::settings_of;
use crate::address;
use crate::browser;
use crate::lab::handle::LabHandle;
use crate::widgets::dialog::Dialog;
use crate::words;

/// Settings that every system has, by what they are about: those in sight, and those folded away.
struct Part {
    title: &'static str,
    first: &'static [&'static str],
    rare: &'static [&'static str],
}

/// The parts of the surroundings. What is named nowhere is the network's, folded away.
const PARTS: [Part; 3] = [
    Part {
        title: "Network",
        first: &["nodes", "zones", "latency", "loss", "duplicate", "fifo"],
        rare: &[],
    },
    Part {
        title: "Machines",
        first: &["disk", "skew"],
        rare: &["service", "inbox", "torn", "stop-on-failed-sync", "atlas"],
    },
    Part {
        title: "Clients",
        first: &["clients", "think", "keys", "reads"],
        rare: &[
            "arrival", "spread", "retry", "patience", "zipf", "cas", "appends",
        ],
    },
];

/// What the form holds besides settings.
const SEED: &str = "seed";
/// How long the run lasts.
const LENGTH: &str = "length";

/// What was written into the form, by name.
type Written = BTreeMap<&'static str, String>;

/// Props of [`SettingsDialog`].
#[derive(Properties, PartialEq)]
pub struct SettingsProps {
    /// The run.
    pub lab: LabHandle,
    /// Called when it is closed.
    pub on_close: Callback<()>,
}

/// Everything that a run begins with.
#[component]
pub fn SettingsDialog(props: &SettingsProps) -> Html {
    let opened = use_memo((), |()| props.lab.with(|it| it.opened().clone()));
    let settings = use_memo((), |()| settings_of(&opened));
    let commands = props.lab.with(|it| it.commands().to_vec());
    let keep = use_state_eq(|| true);
    let problem = use_state_eq(|| None::<String>);
    let written = use_state(|| Rc::new(begin(&opened, &settings, props.lab.view().length)));
    // Two fields may change before the form is drawn again: what counts is kept beside it.
    let latest = use_mut_ref(|| (*written).clone());
    let write = use_callback((), {
        let written = written.setter();
        move |(name, value): (&'static str, String), ()| {
            let mut next = (**latest.borrow()).clone();
            next.insert(name, value);
            *latest.borrow_mut() = Rc::new(next);
            written.set(latest.borrow().clone());
        }
    });
    let onsubmit = {
        let (lab, on_close, problem) =
            (props.lab.clone(), props.on_close.clone(), problem.setter());
        let (opened, settings, written) = (opened.clone(), settings.clone(), written.clone());
        let kept = if *keep { commands.clone() } else { Vec::new() };
        move |event: SubmitEvent| {
            event.prevent_default();
            let built = finish(&opened, &settings, &written).and_then(|mut spec| {
                spec.commands = kept.clone();
                spec.build(Level::Off).map(|_| spec)
            });
            match built {
                Ok(spec) => {
                    begin_again(&lab, spec);
                    on_close.emit(());
                }
                Err(error) => problem.set(Some(error.to_string())),
            }
        }
    };
    let group = |title: &'static str, fits: fn(&SettingView) -> bool| {
        let of_system = settings.iter().filter(|it| it.of_system && fits(it));
        group(title, of_system, &written, &write, html! {})
    };
    let part = |part: &Part| part_of(part, &settings, &written, &write);
    html! {
        <Dialog title="Settings" on_close={props.on_close.clone()}>
            <form class="cs-settings" {onsubmit}>
                <fieldset class="cs-group">
                    <legend class="cs-heading">{ "Run" }</legend>
                    { text_field(SEED, "Seed", &written, parse_seed(&written[SEED]).err(), &write) }
                    { text_field(LENGTH, "Length", &written, written[LENGTH].parse::<Span>().err(), &write) }
                </fieldset>
                { group("System", |it| it.rule.is_none()) }
                { group("Rules", |it| it.rule.is_some()) }
                { for PARTS.iter().map(part) }
                <div class="cs-settings-end">
                    if !commands.is_empty() {
                        { keep_box(&keep, commands.len()) }
                    }
                    <p class="cs-problem" role="alert">{ (*problem).clone() }</p>
                    <button type="submit" class="cs-button cs-primary">{ "Apply and begin again" }</button>
                </div>
            </form>
        </Dialog>
    }
}

/// What the form shows at first.
fn begin(opened: &RunSpec, settings: &[SettingView], length: Span) -> Written {
    let mut written = Written::new();
    written.extend(settings.iter().map(|it| (it.id, it.value.to_string())));
    written.insert(SEED, opened.seed.to_string());
    written.insert(LENGTH, length.to_string());
    written
}

/// The run that the form describes: only what differs from the scenario is written down.
fn finish(
    opened: &RunSpec,
    settings: &[SettingView],
    written: &Written,
) -> Result<RunSpec, BadInput> {
    let mut spec = RunSpec::new(&opened.system, &opened.scenario);
    spec.scripted = opened.scripted;
    spec.seed = parse_seed(written[SEED].trim()).map_err(|it| it.within("Seed"))?;
    let length: Span = written[LENGTH]
        .trim()
        .parse()
        .map_err(|it: BadInput| it.within("Length"))?;
    if length != spec.length()? {
        spec.length = Some(length);
    }
    // Another seed may draw other surroundings, so what is usual is asked for anew.
    let usual = settings_of(&spec);
    for setting in settings {
        let text = written[setting.id].trim();
        let value = setting
            .kind
            .read(text)
            .map_err(|it| it.within(setting.title))?
            .to_string();
        let expected = usual
            .iter()
            .find(|it| it.id == setting.id)
            .map(|it| it.value.to_string());
        // A value that the seed drew is not the reader's wish.
        if expected.as_deref() != Some(&*value)
            && (value != setting.value.to_string() || wished(opened, setting))
        {
            spec.set(setting.id, &value);
        }
    }
    Ok(spec)
}

/// Whether the reader, or the link, set this before.
fn wished(opened: &RunSpec, setting: &SettingView) -> bool {
    opened.settings.iter().any(|it| it.0 == setting.id)
}

/// Begins the run anew, and lets it run.
fn begin_again(lab: &LabHandle, spec: RunSpec) {
    let link = spec.link();
    lab.replace(spec);
    address::rewrite(&link);
    if !browser::reduced_motion() {
        lab.play();
    }
}

/// A part of the surroundings: some settings in sight, the rest folded away unless the run has something unusual there.
fn part_of(
    part: &Part,
    settings: &[SettingView],
    written: &Written,
    write: &Callback<(&'static str, String)>,
) -> Html {
    let named = |id: &str| {
        PARTS
            .iter()
            .any(|it| it.first.contains(&id) || it.rare.contains(&id))
    };
    let is_rare = |it: &&SettingView| {
        let unnamed = part.rare.is_empty() && !named(it.id);
        !it.of_system && (part.rare.contains(&it.id) || unnamed)
    };
    let usual = Environment::settings();
    let is_usual = |it: &SettingView| {
        let setting = usual.iter().find(|other| other.id == it.id);
        setting.is_none_or(|other| (other.get)(&Environment::DEFAULT) == it.value)
    };
    let rare: Vec<&SettingView> = settings.iter().filter(is_rare).collect();
    let open = !rare.iter().all(|it| is_usual(it));
    let folded = html! {
        <details class="cs-more cs-settings-more" {open}>
            <summary>{ format!("More of {} ({})", part.title.to_lowercase(), rare.len()) }</summary>
            <div class="cs-settings-rare">{ for rare.iter().map(|it| field(it, written, write)) }</div>
        </details>
    };
    let first = part
        .first
        .iter()
        .filter_map(|id| settings.iter().find(|it| it.id == *id && !it.of_system));
    group(part.title, first, written, write, folded)
}

fn group<'a>(
    title: &'static str,
    settings: impl Iterator<Item = &'a SettingView>,
    written: &Written,
    write: &Callback<(&'static str, String)>,
    folded: Html,
) -> Html {
    let fields: Vec<Html> = settings.map(|it| field(it, written, write)).collect();
    if fields.is_empty() {
        return html! {};
    }
    html! {
        <fieldset class="cs-group">
            <legend class="cs-heading">{ title }</legend>
            { for fields }
            { folded }
        </fieldset>
    }
}

fn field(
    setting: &SettingView,
    written: &Written,
    write: &Callback<(&'static str, String)>,
) -> Html {
    let text = &written[setting.id];
    if setting.kind == Kind::Switch {
        let name = setting.id;
        let onchange = write.reform(move |event: Event| {
            let on = event
                .target_dyn_into::<HtmlInputElement>()
                .is_some_and(|it| it.checked());
            (name, if on { "on" } else { "off" }.to_owned())
        });
        return html! {
            <label class="cs-check-line cs-setting-switch">
                <input type="checkbox" checked={text == "on"} {onchange} />
                <span>
                    { setting.title }
                    if let Some(check) = setting.rule {
                        <span class="cs-hint">{ guards(check) }</span>
                    }
                </span>
            </label>
        };
    }
    if let Kind::Choice(choices) = setting.kind {
        return choice(setting, choices, text, write);
    }
    text_field(
        setting.id,
        setting.title,
        written,
        setting.kind.read(text.trim()).err(),
        write,
    )
}

/// One of a few words.
fn choice(
    setting: &SettingView,
    choices: &[&'static str],
    chosen: &str,
    write: &Callback<(&'static str, String)>,
) -> Html {
    let name = setting.id;
    let onchange = write.reform(move |event: Event| {
        let select = event.target_dyn_into::<HtmlSelectElement>();
        (name, select.map(|it| it.value()).unwrap_or_default())
    });
    html! {
        <label class="cs-setting">
            <span>{ setting.title }</span>
            <select class="cs-select" {name} {onchange}>
                { for choices.iter().map(|it| html! {
                    <option value={*it} selected={*it == chosen}>{ *it }</option>
                }) }
            </select>
            if let Some(check) = setting.rule { <span class="cs-hint">{ guards(check) }</span> }
        </label>
    }
}

/// What a rule is for.
fn guards(check: &str) -> String {
    format!(
        " without it, {} can fall",
        words::title(check).to_ascii_lowercase()
    )
}

fn text_field(
    name: &'static str,
    title: &'static str,
    written: &Written,
    problem: Option<BadInput>,
    write: &Callback<(&'static str, String)>,
) -> Html {
    let oninput = write.reform(move |event: InputEvent| {
        let input = event.target_dyn_into::<HtmlInputElement>();
        (name, input.map(|it| it.value()).unwrap_or_default())
    });
    let bad = problem.is_some();
    html! {
        <label class="cs-setting">
            <span>{ title }</span>
            <input class="cs-input cs-mono" type="text" {name} value={written[name].clone()} {oninput}
                aria-invalid={bad.to_string()} autocomplete="off" autocapitalize="off" spellcheck="false" />
            if let Some(problem) = problem {
                <span class="cs-problem">{ problem.to_string() }</span>
            }
        </label>
    }
}

fn keep_box(keep: &UseStateHandle<bool>, count: usize) -> Html {
    let onchange = {
        let keep = keep.setter();
        move |event: Event| {
            keep.set(
                event
                    .target_dyn_into::<HtmlInputElement>()
                    .is_some_and(|it| it.checked()),
            );
        }
    };
    html! {
        <label class="cs-check-line">
            <input type="checkbox" checked={**keep} {onchange} />
            { format!("Do again what you did ({})", words::count(count as u64, "command")) }
        </label>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_written_down() {
        let spec = RunSpec::from_link("#/raft/calm?seed=7&set.nodes=3").unwrap();
        let settings = settings_of(&spec);
        let mut written = begin(&spec, &settings, spec.length().unwrap());
        assert_eq!(finish(&spec, &settings, &written).unwrap(), spec);
        written.insert("loss", "2%".to_owned());
        let changed = finish(&spec, &settings, &written).unwrap();
        assert_eq!(
            changed.link(),
            "#/raft/calm?seed=7&set.nodes=3&set.loss=2%25"
        );
        written.insert("loss", "200%".to_owned());
        let error = finish(&spec, &settings, &written).unwrap_err().to_string();
        assert!(error.contains("\"200%\""), "{error}");
    }

    #[test]
    fn a_run_without_its_script_stays_so() {
        let spec = RunSpec::from_link("#/raft/swarm?seed=7&script=off").unwrap();
        let settings = settings_of(&spec);
        let written = begin(&spec, &settings, spec.length().unwrap());
        assert_eq!(finish(&spec, &settings, &written).unwrap(), spec);
    }

    #[test]
    fn every_part_names_settings_that_there_are_and_each_once() {
        let known: Vec<&str> = Environment::settings().iter().map(|it| it.id).collect();
        let named = PARTS.iter().flat_map(|it| it.first.iter().chain(it.rare));
        let mut named: Vec<&str> = named.copied().collect();
        let count = named.len();
        assert!(named.iter().all(|it| known.contains(it)), "{named:?}");
        named.sort_unstable();
        named.dedup();
        assert_eq!(named.len(), count);
    }

    #[test]
    fn another_seed_draws_other_surroundings() {
        let spec = RunSpec::from_link("#/raft/swarm?seed=7").unwrap();
        let settings = settings_of(&spec);
        let mut written = begin(&spec, &settings, spec.length().unwrap());
        written.insert("seed", "8".to_owned());
        assert_eq!(
            finish(&spec, &settings, &written).unwrap().link(),
            "#/raft/swarm?seed=8"
        );
    }
}
