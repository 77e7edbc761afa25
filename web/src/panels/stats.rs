//! Counts of the run so far, and the hash of its trace.

use clusterscope_core::Span;
use yew::prelude::*;

use crate::lab::handle::{LabHandle, use_lab};
use crate::ui::numbers;
use crate::words;

/// Props of [`Stats`].
#[derive(Properties, PartialEq)]
pub struct StatsProps {
    /// The run.
    pub lab: LabHandle,
}

/// One line: messages, requests, the trace's hash.
#[component]
pub fn Stats(props: &StatsProps) -> Html {
    let view = use_lab(&props.lab);
    let stats = view.frame.stats;
    let mut parts = vec![format!("{} sent", words::count(stats.sent, "message"))];
    if stats.lost > 0 {
        parts.push(format!("{} lost", stats.lost));
    }
    if stats.invoked > 0 {
        parts.push(format!(
            "{} of {} done",
            stats.completed,
            words::count(stats.invoked, "request")
        ));
    }
    if stats.turned_away > 0 {
        parts.push(format!("{} turned away", stats.turned_away));
    }
    if let Some(mean) = stats.completion_time.0.checked_div(stats.completed) {
        parts.push(format!("{} each", numbers::span(Span(mean))));
    }
    html! {
        <p class="cs-stats cs-mono">
            <span>{ parts.join(" · ") }</span>
            <span class="cs-trace" title="The hash of everything that happened up to here">
                { "trace " }<span data-testid="trace-hash">{ words::hash(view.frame.hash) }</span>
            </span>
        </p>
    }
}
