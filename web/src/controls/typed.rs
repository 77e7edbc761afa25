//! The line for those who would rather type: any command, with examples to begin from.

use std::collections::BTreeSet;

use clusterscope_core::sim::command::{COMMAND_MAX, EXAMPLES};
use web_sys::{HtmlInputElement, SubmitEvent};
use yew::prelude::*;

use crate::lab::handle::LabHandle;
use crate::widgets::section::section;

/// Names of nodes that completions go through; a large cluster has too many for a list.
const NAMES_MAX: usize = 9;

/// So many lines that were typed before are offered again.
const PAST_MAX: usize = 8;

/// Props of [`CommandLine`].
#[derive(Properties, PartialEq)]
pub struct CommandProps {
    /// The run.
    pub lab: LabHandle,
}

/// A line for any command. What is wrong is told beside it, and what was typed stays there.
#[component]
pub fn CommandLine(props: &CommandProps) -> Html {
    let input = use_node_ref();
    let typed = use_state_eq(String::new);
    let problem = use_state_eq(|| None::<String>);
    let past = use_mut_ref(Vec::<String>::new);
    let onsubmit = {
        let (lab, input, past) = (props.lab.clone(), input.clone(), past.clone());
        let (problem, typed) = (problem.setter(), typed.setter());
        move |event: SubmitEvent| {
            event.prevent_default();
            let Some(input) = input.cast::<HtmlInputElement>() else {
                return;
            };
            let text = input.value();
            lab.command_text(&text);
            let error = lab.view().error.clone();
            if error.is_none() {
                let mut past = past.borrow_mut();
                past.retain(|it| *it != text);
                past.insert(0, text);
                past.truncate(PAST_MAX);
                input.set_value("");
                typed.set(String::new());
            }
            problem.set(error);
        }
    };
    let oninput = {
        let (problem, typed) = (problem.setter(), typed.setter());
        move |event: InputEvent| {
            let input = event.target_dyn_into::<HtmlInputElement>();
            typed.set(input.map(|it| it.value()).unwrap_or_default());
            problem.set(None);
        }
    };
    let fill = {
        let (input, problem) = (input.clone(), problem.setter());
        Callback::from(move |text: &'static str| {
            if let Some(input) = input.cast::<HtmlInputElement>() {
                input.set_value(text);
                let _ = input.focus();
            }
            problem.set(None);
        })
    };
    let options = completions(&props.lab, &typed, &past.borrow());
    html! {
        { section("Command", "", Html::default(), html! { <>
            <form class="cs-line-form" {onsubmit}>
                <input ref={input} class="cs-input cs-mono" type="text" aria-label="Command" list="cs-commands"
                    placeholder="partition n1 n2 | n3 n4 n5" maxlength={COMMAND_MAX.to_string()} {oninput}
                    aria-invalid={problem.is_some().to_string()} aria-describedby="cs-command-problem"
                    autocomplete="off" autocapitalize="off" spellcheck="false" />
                <datalist id="cs-commands">
                    { for options.into_iter().map(|value| html! { <option {value} /> }) }
                </datalist>
                <button type="submit" class="cs-button">{ "Do it" }</button>
            </form>
            <p id="cs-command-problem" class="cs-problem">{ (*problem).clone() }</p>
            { examples(&props.lab, &fill) }
        </> }) }
    }
}

/// An example of every command: pressed, it stands in the line.
fn examples(lab: &LabHandle, fill: &Callback<&'static str>) -> Html {
    html! {
        <details class="cs-more">
            <summary>{ "What can be typed" }</summary>
            <ul class="cs-examples">
                { for fitting(lab).map(|it| {
                    let onclick = fill.reform(move |_: MouseEvent| it);
                    html! {
                        <li key={it}><button type="button" class="cs-link cs-mono" {onclick}>{ it }</button></li>
                    }
                }) }
            </ul>
            <p class="cs-hint">
                { "Instead of n1: leader, all, random, or a zone such as z1. Most faults can end with “for 2s”." }
            </p>
        </details>
    }
}

/// The examples that this run would carry out, whatever its size.
fn fitting(lab: &LabHandle) -> impl Iterator<Item = &'static str> {
    let grows = lab.with(|it| {
        let join = "join".parse();
        join.is_ok_and(|join| it.run().accepts(&join).is_ok())
    });
    let grown = |it: &str| it == "join" || it.starts_with("leave ");
    EXAMPLES
        .iter()
        .copied()
        .filter(move |it| grows || !grown(it))
}

/// Whole commands that begin as what was typed: first those of before, then examples for every node.
fn completions(lab: &LabHandle, typed: &str, past: &[String]) -> Vec<String> {
    let verb = typed.split_whitespace().next().unwrap_or_default();
    let mut found: Vec<String> = past.to_vec();
    let examples: Vec<&str> = fitting(lab).filter(|it| it.starts_with(verb)).collect();
    if verb.is_empty() || examples.len() > 4 {
        found.extend(examples.into_iter().map(str::to_owned));
        return found;
    }
    let view = lab.view();
    let roles: BTreeSet<&str> = view
        .frame
        .nodes
        .iter()
        .filter_map(|it| it.role)
        .map(|it| it.name)
        .collect();
    let nodes = view.frame.nodes.iter().take(NAMES_MAX);
    let mut names: Vec<String> = nodes.map(|it| it.id.to_string()).collect();
    names.extend(
        roles
            .into_iter()
            .chain(["all", "random"])
            .map(str::to_owned),
    );
    for example in examples {
        if example.contains(" n1") && !example.contains('|') {
            found.extend(
                names
                    .iter()
                    .map(|it| example.replacen(" n1", &format!(" {it}"), 1)),
            );
        } else {
            found.push(example.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterscope_core::RunSpec;

    #[test]
    fn every_completion_is_a_command_that_the_run_accepts() {
        let lab = LabHandle::open(RunSpec::from_link("#/raft/calm?t=1s").unwrap()).unwrap();
        for typed in [
            "", "crash", "cut n", "disk", "slow n3", "hold", "xyz", "every",
        ] {
            for text in completions(&lab, typed, &[]) {
                let fits = lab.with(|it| it.run().accepts(&text.parse().unwrap()));
                assert_eq!(fits, Ok(()), "{text}");
            }
        }
        assert!(completions(&lab, "crash", &[]).contains(&"crash n3 before sync".to_owned()));
        let fixed = LabHandle::open(RunSpec::from_link("#/paxos/calm?t=1s").unwrap()).unwrap();
        assert!(completions(&fixed, "jo", &[]).is_empty());
    }
}
