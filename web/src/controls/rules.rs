//! The rules of the algorithm: switching one off shows what it is for.

use clusterscope_core::RunSpec;
use clusterscope_core::sim::settings::{Kind, SettingView, Value};
use web_sys::HtmlSelectElement;
use yew::prelude::*;

use crate::lab::handle::{LabHandle, use_lab};
use crate::widgets::section::section;
use crate::words;

/// Props of [`Rules`].
#[derive(Properties, PartialEq)]
pub struct RulesProps {
    /// The run.
    pub lab: LabHandle,
}

/// The settings with which a run began.
pub fn settings_of(spec: &RunSpec) -> Vec<SettingView> {
    spec.system()
        .and_then(|it| (it.settings)(spec))
        .unwrap_or_default()
}

/// The same run with another value for a setting; what is as the scenario has it anyway is not written down.
pub fn with_setting(spec: &RunSpec, key: &str, value: &str) -> RunSpec {
    let mut spec = spec.clone();
    spec.settings.retain(|it| it.0 != key);
    let usual = settings_of(&spec)
        .iter()
        .any(|it| it.id == key && it.value.to_string() == value);
    if !usual {
        spec.set(key, value);
    }
    spec
}

/// Every rule, with its switch.
#[component]
pub fn Rules(props: &RulesProps) -> Html {
    let _ = use_lab(&props.lab);
    let opened = props.lab.with(|it| it.opened().clone());
    let changed: Vec<String> = opened.settings.iter().map(|it| it.0.clone()).collect();
    let settings = use_memo(opened, settings_of);
    // What a system offers to choose from is as good as a rule.
    let is_rule = |it: &&SettingView| {
        it.rule.is_some() || (it.of_system && matches!(it.kind, Kind::Choice(_)))
    };
    let rules: Vec<&SettingView> = settings.iter().filter(is_rule).collect();
    if rules.is_empty() {
        return html! {};
    }
    let (choices, switches): (Vec<_>, Vec<_>) = rules.into_iter().partition(|it| it.rule.is_none());
    let list = |some: &[&SettingView]| {
        html! { <ul class="cs-rules">{ for some.iter().map(|it| rule(&props.lab, it)) }</ul> }
    };
    let off = switches
        .iter()
        .filter(|it| it.value == Value::Switch(false));
    let off = off.count();
    let open = switches
        .iter()
        .any(|it| changed.iter().any(|key| key == it.id));
    let body = if switches.len() <= MANY {
        html! { <>{ list(&choices) }{ list(&switches) }</> }
    } else {
        html! { <>
            { list(&choices) }
            <details class="cs-more" {open}>
                <summary>{ format!("{} rules, {}", switches.len(), how_many(off)) }</summary>
                { list(&switches) }
            </details>
        </> }
    };
    section("Rules", "", Html::default(), body)
}

/// More rules than these are folded away while all are as the scenario has them: they stand between the keyboard and
/// the cluster.
const MANY: usize = 8;

fn how_many(off: usize) -> String {
    match off {
        0 => "all kept".to_owned(),
        1 => "one is off".to_owned(),
        more => format!("{more} are off"),
    }
}

/// One of a few words, which takes effect at once.
fn choice(lab: &LabHandle, setting: &SettingView, choices: &[&'static str]) -> Html {
    let now = setting.value.to_string();
    let onchange = {
        let (lab, key) = (lab.clone(), setting.id);
        move |event: Event| {
            if let Some(select) = event.target_dyn_into::<HtmlSelectElement>() {
                lab.replace(with_setting(&lab.spec(), key, &select.value()));
            }
        }
    };
    html! {
        <li key={setting.id}>
            <label class="cs-rule-choice">
                <span>{ setting.title }</span>
                <select class="cs-select" {onchange}>
                    { for choices.iter().map(|it| html! {
                        <option value={*it} selected={*it == now}>{ *it }</option>
                    }) }
                </select>
            </label>
        </li>
    }
}

fn rule(lab: &LabHandle, setting: &SettingView) -> Html {
    if let Kind::Choice(choices) = setting.kind {
        return choice(lab, setting, choices);
    }
    let on = setting.value == Value::Switch(true);
    let check = words::title(setting.rule.unwrap_or_default()).to_ascii_lowercase();
    let onclick = {
        let (lab, key) = (lab.clone(), setting.id);
        move |_: MouseEvent| {
            lab.replace(with_setting(
                &lab.spec(),
                key,
                if on { "off" } else { "on" },
            ))
        }
    };
    let hint = if on {
        format!("Switch it off, and {check} can fall")
    } else {
        format!("Off: {check} can fall")
    };
    html! {
        <li key={setting.id}>
            <button type="button" role="switch" class="cs-rule" aria-checked={on.to_string()} {onclick}
                title={hint}>
                <span class="cs-rule-dot" aria-hidden="true"></span>
                <span>
                    { setting.title }
                    if !on { <span class="cs-rule-off">{ format!("off: {check} can fall") }</span> }
                </span>
            </button>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_scenario_has_anyway_is_not_written_down() {
        let spec = RunSpec::new("raft", "calm");
        let off = with_setting(&spec, "persist-vote", "off");
        assert_eq!(
            off.settings,
            [("persist-vote".to_owned(), "off".to_owned())]
        );
        assert_eq!(with_setting(&off, "persist-vote", "on"), spec);
    }
}
