//! Replicated logs: a row for each node, aligned by index.

use clusterscope_core::frame::{LogCell, LogRow};
use web_sys::Element;
use yew::prelude::*;

use crate::ui::pen::epoch_class;

/// Props of [`Log`].
#[derive(Properties, PartialEq)]
pub struct LogProps {
    /// Its heading.
    pub title: &'static str,
    /// What solid and dashed cells are.
    pub legend: &'static str,
    /// The logs.
    pub rows: Vec<LogRow>,
}

/// Replicated logs. Solid is committed, dashed is not; the colour is the term.
#[component]
pub fn Log(props: &LogProps) -> Html {
    let place = use_node_ref();
    let rows = &props.rows;
    let first = rows.iter().map(|it| it.first).min().unwrap_or(1);
    let last = rows
        .iter()
        .map(|it| it.first + it.cells.len() as u64)
        .max()
        .unwrap_or(first);
    {
        // The newest entries are what matters: the picture stays at its right end.
        let place = place.clone();
        use_effect_with(last, move |_| {
            if let Some(place) = place.cast::<Element>() {
                place.set_scroll_left(place.scroll_width());
            }
        });
    }
    html! {
        <div ref={place} class="cs-scroll" tabindex="0" role="region" aria-label={props.title}>
            <table class="cs-log">
                <thead>
                    <tr>
                        <th scope="col"><span class="cs-hidden">{ "Node" }</span></th>
                        { for (first..last).map(|it| html! { <th key={it} scope="col">{ it }</th> }) }
                    </tr>
                </thead>
                <tbody>{ for rows.iter().map(|it| row(it, first, last)) }</tbody>
            </table>
            <p class="cs-hint cs-log-hint">
                if first == last { { "No entries yet." } } else { { props.legend } }
            </p>
        </div>
    }
}

fn row(row: &LogRow, first: u64, last: u64) -> Html {
    let cell = |index: u64| {
        let cell = index
            .checked_sub(row.first)
            .and_then(|it| row.cells.get(it as usize));
        html! { <td key={index}>{ for cell.map(entry) }</td> }
    };
    html! {
        <tr key={row.node.to_string()} class={classes!(row.down.then_some("cs-down"))}>
            <th scope="row">
                { row.node.to_string() }
                if row.down { <span class="cs-hidden">{ " down, its disk" }</span> }
            </th>
            { for (first..last).map(cell) }
        </tr>
    }
}

fn entry(cell: &LogCell) -> Html {
    let state = if cell.committed {
        "cs-committed"
    } else {
        "cs-open"
    };
    let epoch = cell
        .epoch
        .map(|it| format!(", term {it}"))
        .unwrap_or_default();
    let words = if cell.committed {
        "committed"
    } else {
        "not committed"
    };
    html! {
        <span class={classes!("cs-cell", state, epoch_class(cell.epoch))}
            title={format!("{}{epoch}, {words}", cell.text)}>
            { &cell.text }<span class="cs-hidden">{ format!("{epoch}, {words}") }</span>
        </span>
    }
}
