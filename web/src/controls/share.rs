//! Sharing: a link, an element for a page, a line for the terminal.

use clusterscope_core::RunSpec;
use yew::prelude::*;

use crate::browser;
use crate::lab::handle::LabHandle;
use crate::widgets::copy::CopyField;
use crate::widgets::dialog::Dialog;
use crate::words;

/// Props of [`ShareDialog`].
#[derive(Properties, PartialEq)]
pub struct ShareProps {
    /// The run.
    pub lab: LabHandle,
    /// Called when it is closed.
    pub on_close: Callback<()>,
}

/// The present moment, in every form in which it can be handed on.
#[component]
pub fn ShareDialog(props: &ShareProps) -> Html {
    {
        // What is shared is one moment: it must not run away meanwhile.
        use_effect_with(props.lab.clone(), |lab| {
            if lab.is_playing() {
                lab.pause();
            }
        });
    }
    let spec = props.lab.spec();
    let hash = words::hash(props.lab.with(|it| it.run().recorder().hash()));
    let link = format!("{}{}", browser::base_address(), spec.link());
    let embed = element(&browser::base_folder(), &spec);
    let command = format!("clusterscope replay '{}'", spec.link());
    html! {
        <Dialog title="Share this moment" on_close={props.on_close.clone()}>
            <CopyField label="Link" text={link}
                hint="Opens this run at this moment, with everything that was done to it." />
            <CopyField label="Element" text={embed} hint="For a page of your own." />
            <CopyField label="Command line" text={command} hint="Runs the same and prints the same hash." />
            <p class="cs-hint">
                { "Trace hash up to here: " }<code class="cs-mono">{ hash }</code>
            </p>
        </Dialog>
    }
}

/// The element's tag. A run that somebody changed needs its whole link.
pub fn element(folder: &str, spec: &RunSpec) -> String {
    let script = format!("<script type=\"module\" src=\"{folder}embed.js\"></script>");
    let plain = spec.settings.is_empty()
        && spec.commands.is_empty()
        && spec.length.is_none()
        && spec.scripted;
    let tag = if plain {
        let start = spec
            .playhead
            .map(|it| format!(" start-at=\"{}\"", it.time))
            .unwrap_or_default();
        format!(
            "system=\"{}\" scenario=\"{}\" seed=\"{}\"{start}",
            spec.system, spec.scenario, spec.seed
        )
    } else {
        format!(
            "link=\"{}\"",
            spec.link().replace('&', "&amp;").replace('"', "&quot;")
        )
    };
    format!("{script} <cluster-scope {tag}></cluster-scope>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_run_is_embedded_by_its_link() {
        let mut spec = RunSpec::new("raft", "calm");
        let plain = element("https://example.org/", &spec);
        assert!(plain.ends_with(
            "<cluster-scope system=\"raft\" scenario=\"calm\" seed=\"1\"></cluster-scope>"
        ));
        assert!(plain.starts_with("<script type=\"module\" src=\"https://example.org/embed.js\">"));
        spec.set("loss", "2%");
        assert!(element("", &spec).contains("link=\"#/raft/calm?seed=1&amp;set.loss=2%25\""));
        let mut bare = RunSpec::new("raft", "swarm");
        bare.scripted = false;
        assert!(element("", &bare).contains("script=off"));
    }
}
