//! Opens a trace of any other system or simulator. The file is read here; nothing of it leaves the browser.

use std::rc::Rc;

use clusterscope_core::error::quote;
use clusterscope_core::import::{self, BYTES_MAX};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{DragEvent, File, HtmlInputElement, HtmlTextAreaElement};
use yew::prelude::*;

use crate::foreign::detail;
use crate::foreign::diagram::ForeignDiagram;
use crate::foreign::list::{List, ListProps};
use crate::foreign::{Opened, Shown};
use crate::prefs::ThemeSwitch;
use crate::ui::numbers;
use crate::widgets::brand::brand;

/// What has been opened, or why it could not be.
type Outcome = Result<Shown, String>;

/// The page for a trace from elsewhere.
#[component]
pub fn Import() -> Html {
    let outcome = use_state(|| None::<Outcome>);
    let open = {
        let outcome = outcome.setter();
        Callback::from(move |(name, text): (String, String)| outcome.set(Some(read(name, text))))
    };
    let fail = {
        let outcome = outcome.setter();
        Callback::from(move |problem: String| outcome.set(Some(Err(problem))))
    };
    let take = Callback::from(move |file: File| load(file, open.clone(), fail.clone()));
    let pick = {
        let outcome = outcome.clone();
        Callback::from(move |picked: usize| {
            if let Some(Ok(shown)) = &*outcome {
                let opened = shown.opened.clone();
                outcome.set(Some(Ok(Shown { opened, picked })));
            }
        })
    };
    let ondragover = Callback::from(|event: DragEvent| event.prevent_default());
    let ondrop = {
        let take = take.clone();
        Callback::from(move |event: DragEvent| {
            event.prevent_default();
            let files = event.data_transfer().and_then(|it| it.files());
            if let Some(file) = files.and_then(|it| it.get(0)) {
                take.emit(file);
            }
        })
    };
    let paste = {
        let outcome = outcome.setter();
        Callback::from(move |text: String| {
            outcome.set(Some(read("what was pasted".to_owned(), text)))
        })
    };
    let problem = outcome.as_ref().and_then(|it| it.as_ref().err());
    let shown = outcome.as_ref().and_then(|it| it.as_ref().ok());
    html! {
        <div class="cs-gallery cs-import" {ondragover} {ondrop}>
            <header class="cs-top">
                { brand() }
                <div class="cs-tools"><ThemeSwitch /></div>
            </header>
            <main>
                <h1>{ "Open a trace" }</h1>
                if let Some(problem) = problem {
                    <div class="cs-alert" role="alert">
                        <div>
                            <p><strong>{ "This is not a trace." }</strong></p>
                            <p>{ format!("{problem}.") }</p>
                        </div>
                    </div>
                }
                <Ways {take} {paste} small={shown.is_some()} />
                if let Some(shown) = shown {
                    { whole(&ListProps { shown: shown.clone(), pick }) }
                }
            </main>
        </div>
    }
}

fn read(name: String, text: String) -> Outcome {
    let trace = import::read(text).map_err(|it| it.to_string())?;
    let opened = Rc::new(Opened::new(trace, name));
    Ok(Shown { opened, picked: 0 })
}

/// Reads a file, unless it is too long for that.
fn load(file: File, open: Callback<(String, String)>, fail: Callback<String>) {
    let name = file.name();
    if file.size() > BYTES_MAX as f64 {
        let problem = format!("{} is too long: {BYTES_MAX} bytes at most", quote(&name));
        fail.emit(problem);
        return;
    }
    spawn_local(async move {
        let text = JsFuture::from(file.text()).await;
        match text.ok().and_then(|it| it.as_string()) {
            Some(text) => open.emit((name, text)),
            None => fail.emit(format!("{} cannot be read", quote(&name))),
        }
    });
}

/// The whole trace: in one picture, in words, and what its nodes knew.
fn whole(props: &ListProps) -> Html {
    let Shown { opened, .. } = &props.shown;
    let trace = &opened.trace;
    html! {
        <>
            <p data-testid="import-summary">
                { format!("{}: {} events at {} hosts in {}", opened.name, trace.events.len(), trace.hosts.len(),
                    numbers::clock(trace.end())) }
            </p>
            <div class="cs-foreign-diagram">
                <ForeignDiagram shown={props.shown.clone()} pick={props.pick.clone()} />
            </div>
            <div class="cs-foreign">
                <List shown={props.shown.clone()} pick={props.pick.clone()} />
                <div>
                    { detail::event(props) }
                    { detail::hosts(&props.shown) }
                </div>
            </div>
        </>
    }
}

#[derive(Clone, PartialEq, Properties)]
struct WaysProps {
    take: Callback<File>,
    paste: Callback<String>,
    /// Whether something is open already.
    small: bool,
}

/// The ways in which a trace comes here.
#[component]
fn Ways(props: &WaysProps) -> Html {
    let area = use_node_ref();
    let onchange = {
        let take = props.take.clone();
        Callback::from(move |event: Event| {
            let Some(input) = event.target_dyn_into::<HtmlInputElement>() else {
                return;
            };
            if let Some(file) = input.files().and_then(|it| it.get(0)) {
                take.emit(file);
            }
            // So that the same file can be chosen again when it has been mended.
            input.set_value("");
        })
    };
    let onclick = {
        let (area, paste) = (area.clone(), props.paste.clone());
        Callback::from(move |_: MouseEvent| {
            if let Some(area) = area.cast::<HtmlTextAreaElement>() {
                paste.emit(area.value());
            }
        })
    };
    html! {
        <div class="cs-ways">
            if !props.small {
                <p>
                    { "Any simulator or system can write one: JSON, an event a line, with at least " }
                    <code>{ "time" }</code>{ " in nanoseconds, " }<code>{ "node" }</code>{ " and " }
                    <code>{ "kind" }</code>
                    { "; " }<code>{ "cause" }</code>{ " is the id of an earlier event. " }
                    { "Drop it here, choose it or paste it. It does not leave this browser." }
                </p>
            }
            <label class="cs-file">
                { "Trace file " }
                <input type="file" accept=".jsonl,.ndjson,.json,.log,.txt" {onchange} />
            </label>
            <details class="cs-more">
                <summary>{ "Paste a trace" }</summary>
                <textarea ref={area} class="cs-input cs-mono" rows="6" aria-label="Trace" />
                <button type="button" class="cs-button" {onclick}>{ "Read it" }</button>
            </details>
        </div>
    }
}
