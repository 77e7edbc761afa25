//! The pictures of the whole that a system offers, and what its clients saw: one at a time, where there are several.

use clusterscope_core::frame::Panel;
use yew::prelude::*;

use super::bars::{BarsProps, bars as draw_bars};
use super::chart::{ChartProps, chart};
use super::history;
use super::log::Log;
use super::ring::{RingProps, ring};
use super::table::{TableProps, table};
use crate::lab::handle::{LabHandle, use_lab};
use crate::widgets::section::Section;
use crate::widgets::tabs::Tabs;

/// Props of [`Pictures`].
#[derive(Properties, PartialEq)]
pub struct PicturesProps {
    /// The run.
    pub lab: LabHandle,
}

/// The pictures of the whole.
#[component]
pub fn Pictures(props: &PicturesProps) -> Html {
    let view = use_lab(&props.lab);
    let chosen = use_state_eq(|| 0_usize);
    let choose = use_callback((), {
        let chosen = chosen.setter();
        move |index: usize, ()| chosen.set(index)
    });
    let panels = &view.frame.panels;
    let mut names: Vec<AttrValue> = panels
        .iter()
        .map(|it| AttrValue::from(it.title()))
        .collect();
    if history::is_there(&props.lab) {
        names.push(AttrValue::from("History"));
    }
    let Some(last) = names.len().checked_sub(1) else {
        return html! {};
    };
    let index = (*chosen).min(last);
    let shown = match panels.get(index) {
        Some(panel) => picture(panel),
        None => history::history(&props.lab, &view),
    };
    if last == 0 {
        return html! { <Section title={names[0].clone()} class="cs-pictures">{ shown }</Section> };
    }
    html! {
        <section class="cs-section cs-pictures" aria-label="Pictures">
            <Tabs label="Pictures" {names} chosen={index} {choose} id="cs-pictures" />
            <div id="cs-pictures-panel" class="cs-picture" role="tabpanel"
                aria-labelledby={format!("cs-pictures-{index}")}>
                { shown }
            </div>
        </section>
    }
}

fn picture(panel: &Panel) -> Html {
    match panel.clone() {
        Panel::Log {
            title,
            legend,
            rows,
        } => html! { <Log {title} {legend} {rows} /> },
        Panel::Table {
            title,
            columns,
            rows,
        } => table(&TableProps {
            title,
            columns,
            rows,
        }),
        Panel::Bars { title, axis, bars } => draw_bars(&BarsProps { title, axis, bars }),
        Panel::Ring {
            title,
            tokens,
            keys,
        } => ring(&RingProps {
            title,
            tokens,
            keys,
        }),
        Panel::Chart {
            title,
            across,
            up,
            series,
        } => chart(&ChartProps {
            title,
            across,
            up,
            series,
        }),
    }
}
