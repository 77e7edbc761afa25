//! Asking the cluster for something, as a client: a form for every kind of request, and what became of those before.

use std::collections::BTreeMap;

use clusterscope_core::frame::{Frame, OwnRequest};
use clusterscope_core::parts::order;
use clusterscope_core::trace::Phase;
use web_sys::{HtmlInputElement, HtmlSelectElement, SubmitEvent};
use yew::prelude::*;

use crate::lab::act;
use crate::lab::handle::{LabHandle, Selection, View, use_lab};
use crate::ui::numbers;
use crate::widgets::section::section;
use crate::widgets::tabs::Tabs;
use crate::words;

/// So many requests are listed, the latest first; so many while time runs.
const LISTED: (usize, usize) = (40, 6);

/// What was written into fields, by their words; what is not here is as usual.
type Written = BTreeMap<&'static str, String>;

/// Props of [`Ask`].
#[derive(Properties, PartialEq)]
pub struct AskProps {
    /// The run.
    pub lab: LabHandle,
}

/// Requests by hand. Systems that take none have no such box.
#[component]
pub fn Ask(props: &AskProps) -> Html {
    let view = use_lab(&props.lab);
    let form = use_state_eq(|| 0_usize);
    let whom = use_state_eq(|| None::<String>);
    let written = use_state(Written::new);
    // What is written counts up, so that one can tell one's values apart.
    let count = use_state_eq(|| 1_i64);
    let about = props.lab.with(|it| it.system().about);
    if about.request.is_empty() && about.requests.is_empty() {
        return html! {};
    }
    let chosen = (*form).min(about.requests.len());
    let fields: Vec<&'static str> = match about.requests.get(chosen) {
        Some(form) => form.split(' ').filter(|it| is_field(it)).collect(),
        None => vec![FREE],
    };
    let target = (*whom).clone().unwrap_or_else(|| usual_target(&view.frame));
    let value = |word: &'static str| {
        let usual = || usual(word, *count, about.request);
        written.get(word).cloned().unwrap_or_else(usual)
    };
    let onsubmit = {
        let (lab, target) = (props.lab.clone(), target.clone());
        let form = about.requests.get(chosen).copied().unwrap_or(FREE);
        let values: Written = fields.iter().map(|it| (*it, value(it))).collect();
        let (count, written) = (count.clone(), written.setter());
        move |event: SubmitEvent| {
            event.prevent_default();
            lab.command_text(&format!("request {target} {}", fill(form, &values)));
            let mut kept = values.clone();
            if let Some(next) = next_value(&mut kept) {
                count.set(next);
            }
            written.set(kept);
        }
    };
    let write = writer(&written);
    let onchange = {
        let whom = whom.setter();
        move |event: Event| {
            let select = event.target_dyn_into::<HtmlSelectElement>();
            whom.set(select.map(|it| it.value()));
        }
    };
    let choose = use_callback((), {
        let form = form.setter();
        move |index: usize, ()| form.set(index)
    });
    let nodes = view.frame.nodes.iter();
    let nodes: Vec<String> = nodes.map(|it| it.id.to_string()).collect();
    let filled = html! {
        <form class="cs-ask-form" {onsubmit}>
            { for fields.iter().map(|it| field(it, value(it), &nodes, &write)) }
            <label class="cs-ask-field">
                <span>{ "ask" }</span>
                <select class="cs-select" aria-label="Ask which node" {onchange}>
                    { options(&targets(&view.frame, &target), &target) }
                </select>
            </label>
            <button type="submit" class="cs-button">{ "Ask" }</button>
        </form>
    };
    html! {
        { section("Client", "", Html::default(), html! { <>
            { forms(about.requests, chosen, choose, filled) }
            { asked(&props.lab, &view) }
        </> }) }
    }
}

/// Writes into a field.
fn writer(written: &UseStateHandle<Written>) -> Callback<(&'static str, String)> {
    let written = written.clone();
    Callback::from(move |(word, value)| {
        let mut next = (*written).clone();
        next.insert(word, value);
        written.set(next);
    })
}

/// The form that was chosen, under the names of all; alone where there are no others.
fn forms(requests: &[&'static str], chosen: usize, choose: Callback<usize>, form: Html) -> Html {
    if requests.is_empty() {
        return form;
    }
    html! {
        <>
            <Tabs label="What to ask" names={names(requests)} {chosen} {choose} id="cs-ask" />
            <div id="cs-ask-panel" role="tabpanel" aria-labelledby={format!("cs-ask-{chosen}")}>{ form }</div>
        </>
    }
}

/// Forgets what was written as a value, and says what the next one may be.
fn next_value(kept: &mut Written) -> Option<i64> {
    let mut next = None;
    for word in ["OLD", "NEW", "VALUE", FREE] {
        let number = kept
            .remove(word)
            .and_then(|it| it.trim().parse::<i64>().ok());
        next = number.map(|it| it.saturating_add(1)).or(next);
    }
    next
}

/// The field of the form into which any request is typed.
const FREE: &str = "REQUEST";

/// Whether a word of a form is for the reader to fill in.
fn is_field(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|it| it.is_ascii_uppercase() || it == b'_')
}

/// A form with its fields filled in.
fn fill(form: &str, values: &Written) -> String {
    let words = form.split(' ');
    let filled = words.map(|it| values.get(it).map_or(it, |value| value.trim()));
    filled.collect::<Vec<_>>().join(" ")
}

/// What stands in a field that nobody has written into.
fn usual(word: &str, count: i64, example: &str) -> String {
    match word {
        "KEY" => "x".to_owned(),
        "VALUE" | "NEW" => count.to_string(),
        "OLD" => (count - 1).to_string(),
        "NODE" => "n2".to_owned(),
        FREE => example.to_owned(),
        _ => String::new(),
    }
}

/// The names of the forms: what is not to be filled in, or all where that is not enough to tell them apart.
fn names(forms: &[&'static str]) -> Vec<AttrValue> {
    let short = |form: &&str| {
        let words = form.split(' ').filter(|it| !is_field(it));
        words.collect::<Vec<_>>().join(" ")
    };
    let name = |form: &&'static str| {
        let name = short(form);
        let same = forms.iter().filter(|it| short(it) == name).count();
        if name.is_empty() || same > 1 {
            form.to_lowercase()
        } else {
            name
        }
    };
    let mut names: Vec<AttrValue> = forms.iter().map(|it| AttrValue::from(name(it))).collect();
    names.push(AttrValue::from("other"));
    names
}

fn field(
    word: &'static str,
    value: String,
    nodes: &[String],
    write: &Callback<(&'static str, String)>,
) -> Html {
    let name = word.to_lowercase().replace('_', " ");
    let control = if word == "NODE" {
        let onchange = write.reform(move |event: Event| {
            let select = event.target_dyn_into::<HtmlSelectElement>();
            (word, select.map(|it| it.value()).unwrap_or_default())
        });
        html! { <select class="cs-select" {onchange}>{ options(nodes, &value) }</select> }
    } else {
        let oninput = write.reform(move |event: InputEvent| {
            let input = event.target_dyn_into::<HtmlInputElement>();
            (word, input.map(|it| it.value()).unwrap_or_default())
        });
        html! {
            <input class="cs-input cs-mono" type="text" {value} {oninput} required=true autocomplete="off"
                autocapitalize="off" spellcheck="false" />
        }
    };
    let class = classes!("cs-ask-field", (word == FREE).then_some("is-free"));
    html! { <label key={word} {class}><span>{ name }</span>{ control }</label> }
}

fn options(names: &[String], chosen: &str) -> Html {
    html! {
        { for names.iter().map(|it| html! {
            <option key={it.clone()} value={it.clone()} selected={it == chosen}>{ it }</option>
        }) }
    }
}

/// The leader where there is one.
fn usual_target(frame: &Frame) -> String {
    let leader = act::leader(frame).and_then(|it| it.role);
    leader.map_or_else(|| "n1".to_owned(), |it| it.name.to_owned())
}

/// Roles that somebody plays, and all nodes.
fn targets(frame: &Frame, chosen: &str) -> Vec<String> {
    let roles = frame.nodes.iter().filter_map(|it| it.role);
    let mut roles: Vec<&str> = roles.map(|it| it.name).collect();
    order::sort(&mut roles);
    roles.dedup();
    let mut names: Vec<String> = Vec::new();
    if roles.len() > 1 {
        names.extend(roles.into_iter().map(str::to_owned));
    }
    names.extend(frame.nodes.iter().map(|it| it.id.to_string()));
    if !names.iter().any(|it| it == chosen) {
        names.insert(0, chosen.to_owned());
    }
    names
}

/// What became of the requests by hand, the latest first.
fn asked(lab: &LabHandle, view: &View) -> Html {
    let own = view
        .frame
        .clients
        .iter()
        .rev()
        .filter_map(|it| it.own.as_ref());
    let listed = if view.playing { LISTED.1 } else { LISTED.0 };
    let rows: Vec<Html> = own.take(listed).map(|it| row(lab, view, it)).collect();
    if rows.is_empty() {
        return html! {};
    }
    html! {
        <div class="cs-scroll cs-asked-place" tabindex="0" role="region" aria-label="Your requests">
            <table class="cs-table cs-asked">
                <thead>
                    <tr>
                        <th scope="col">{ "Asked" }</th><th scope="col">{ "Told" }</th><th scope="col">{ "Took" }</th>
                    </tr>
                </thead>
                <tbody>{ for rows }</tbody>
            </table>
        </div>
    }
}

fn row(lab: &LabHandle, view: &View, own: &OwnRequest) -> Html {
    let answer = own.answer.clone().unwrap_or_default();
    let (told, class) = match own.phase {
        Phase::Invoke if answer.is_empty() => ("…".to_owned(), "is-open"),
        Phase::Invoke => (format!("… {answer}"), "is-open"),
        Phase::Ok => (answer, "is-ok"),
        Phase::Fail => (answer, "is-failed"),
        Phase::Info => (answer, "is-unknown"),
    };
    let staleness = match own.phase {
        Phase::Ok => lab.tally(|it| it.staleness(own.event)),
        _ => None,
    };
    let stale = staleness.map(|it| {
        let versions = words::count(it.versions.into(), "version");
        format!("stale: {versions}, {} behind", numbers::span(it.by))
    });
    let way = match own.by {
        Some(by) if by != own.target => format!("{} → {by}", own.target),
        _ => own.target.to_string(),
    };
    let took = own.ended.unwrap_or(view.frame.time).since(own.since);
    let onclick = {
        let (lab, event) = (lab.clone(), own.event);
        move |_: MouseEvent| lab.select(Some(Selection::Event(event)))
    };
    html! {
        <tr key={own.since.0.to_string()} {class}>
            <th scope="row">
                <button type="button" class="cs-link cs-mono" {onclick} title="Look into it">{ &own.text }</button>
                <span class="cs-asked-way">{ way }</span>
            </th>
            <td class="cs-told">
                { told }
                if let Some(stale) = stale { <span class="cs-stale">{ stale }</span> }
            </td>
            <td>{ numbers::span(took) }{ own.ended.is_none().then_some("…") }</td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterscope_core::systems;

    #[test]
    fn every_form_as_it_stands_is_a_request_that_its_system_takes() {
        for system in systems::ALL {
            let scenario = (system.scenarios)()[0].id;
            let link = format!("#/{}/{scenario}", system.about.id);
            let spec = clusterscope_core::RunSpec::from_link(&link).unwrap();
            let lab = LabHandle::open(spec).unwrap();
            for form in system.about.requests {
                let fields = form.split(' ').filter(|it| is_field(it));
                let values = fields
                    .map(|it| (it, usual(it, 1, "")))
                    .filter(|it| !it.1.is_empty());
                let text = fill(form, &values.collect());
                if text.split(' ').any(is_field) {
                    continue;
                }
                lab.command_text(&format!("request n1 {text}"));
                assert_eq!(lab.view().error, None, "{}: {text}", system.about.id);
            }
        }
    }

    #[test]
    fn forms_are_told_apart_by_what_is_not_filled_in() {
        assert_eq!(
            names(&["get KEY", "put KEY VALUE"]),
            ["get", "put", "other"]
        );
        assert_eq!(
            names(&["KEY", "add A", "add A B"]),
            ["key", "add a", "add a b", "other"]
        );
    }
}
