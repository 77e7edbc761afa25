//! A table.

use yew::prelude::*;

/// Props of [`Table`].
pub struct TableProps {
    /// Its heading.
    pub title: &'static str,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

/// A table; the first cell of a row names it.
pub fn table(props: &TableProps) -> Html {
    let row = |cells: &Vec<String>| {
        html! {
            <tr>
                { for cells.iter().enumerate().map(|(index, it)| match index {
                    0 => html! { <th scope="row">{ it }</th> },
                    _ => html! { <td>{ it }</td> },
                }) }
            </tr>
        }
    };
    html! {
        <div class="cs-scroll" tabindex="0" role="region" aria-label={props.title}>
            <table class="cs-table">
                <thead>
                    <tr>{ for props.columns.iter().map(|it| html! { <th scope="col">{ it }</th> }) }</tr>
                </thead>
                <tbody>{ for props.rows.iter().map(row) }</tbody>
            </table>
            if props.rows.is_empty() { <p class="cs-empty">{ "Nothing yet." }</p> }
        </div>
    }
}
