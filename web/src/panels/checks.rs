//! The checks: what was promised, and whether it was kept.

use clusterscope_core::check::{Report, Verdict};
use yew::prelude::*;

use crate::lab::handle::{LabHandle, use_lab};
use crate::ui::icons::{Glyph, icon};
use crate::ui::numbers;
use crate::widgets::section::section;
use crate::words;

/// Props of [`Checks`].
#[derive(Properties, PartialEq)]
pub struct ChecksProps {
    /// The run.
    pub lab: LabHandle,
}

/// Every check with its verdict.
#[component]
pub fn Checks(props: &ChecksProps) -> Html {
    let view = use_lab(&props.lab);
    let aside = badge(&view.frame.checks);
    html! {
        { section("Checks", "", aside, html! { <>
            <ul class="cs-checks" data-testid="checks">
                { for view.frame.checks.iter().map(|it| check(&props.lab, it)) }
            </ul>
        </> }) }
    }
}

/// How many promises are broken, in two words.
pub fn badge(checks: &[Report]) -> Html {
    let broken = checks
        .iter()
        .filter(|it| it.verdict == Verdict::Violated)
        .count();
    if broken == 0 {
        return html! { <span class="cs-badge cs-badge-ok">{ "no violation" }</span> };
    }
    html! { <span class="cs-badge cs-badge-bad">{ words::count(broken as u64, "violation") }</span> }
}

/// A verdict's sign, its class and its word.
fn verdict(verdict: Verdict) -> (Glyph, &'static str, &'static str) {
    match verdict {
        Verdict::Holds => (Glyph::Check, "cs-ok", "holds"),
        Verdict::Violated => (Glyph::Cross, "cs-bad", "violated"),
        Verdict::Reached => (Glyph::Check, "cs-ok", "seen"),
        Verdict::NotReached => (Glyph::Dot, "cs-dim", "not seen yet"),
        Verdict::Blocked => (Glyph::Dot, "cs-dim", "not now"),
        Verdict::Unknown => (Glyph::Dot, "cs-dim", "not known"),
    }
}

fn check(lab: &LabHandle, report: &Report) -> Html {
    let (sign, class, word) = verdict(report.verdict);
    let violated = report.verdict == Verdict::Violated;
    html! {
        <li key={report.name} class={classes!("cs-check", class)} data-check={report.name}
            data-verdict={word}>
            <details>
                <summary title={word}>
                    <span class="cs-sign">{ icon(sign) }</span>
                    <span class="cs-check-name">{ words::title(report.name) }</span>
                    <span class="cs-hidden">{ format!(": {word}") }</span>
                </summary>
                <p class="cs-promise">{ report.promise }</p>
                if let Some(reason) = report.reason.as_ref().filter(|_| !violated) {
                    <p class="cs-promise">{ format!("Now: {reason}.") }</p>
                }
            </details>
            if violated { { violation(lab, report) } }
        </li>
    }
}

/// Who broke it, how and when; and the way there.
fn violation(lab: &LabHandle, report: &Report) -> Html {
    let reason = report.reason.clone().unwrap_or_default();
    let when = report
        .at
        .map(|it| format!("At {}: ", numbers::clock(it)))
        .unwrap_or_default();
    let jump = report.at.map(|at| {
        let (lab, step) = (lab.clone(), report.step);
        // What clients saw is judged as a whole: it shows at a moment, not in one step.
        let onclick = move |_: MouseEvent| match step {
            Some(step) => lab.seek_step(step),
            None => lab.seek(at),
        };
        html! { <button type="button" class="cs-link cs-jump" {onclick}>{ "Jump to it" }</button> }
    });
    let proof = (!report.evidence.is_empty()).then_some(" The history shows the proof.");
    html! { <p class="cs-violation">{ when }{ reason }{ ". " }{ for jump }{ proof }</p> }
}
