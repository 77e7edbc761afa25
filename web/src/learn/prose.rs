//! The text of a lesson on the page.

use clusterscope_core::lesson::{Block, Inline};
use yew::prelude::*;

/// Paragraphs and lists.
pub fn blocks(text: &[Block]) -> Html {
    html! { { for text.iter().map(block) } }
}

fn block(block: &Block) -> Html {
    match block {
        Block::Paragraph(words) => html! { <p>{ for words.iter().map(inline) }</p> },
        Block::List(items) => html! {
            <ul>{ for items.iter().map(|words| html! { <li>{ for words.iter().map(inline) }</li> }) }</ul>
        },
    }
}

fn inline(inline: &Inline) -> Html {
    match inline {
        Inline::Text(it) => html! { { it } },
        Inline::Strong(it) => html! { <strong>{ it }</strong> },
        Inline::Emphasis(it) => html! { <em>{ it }</em> },
        Inline::Code(it) => html! { <code class="cs-mono">{ it }</code> },
        // Elsewhere opens beside the run, which would be lost else.
        Inline::Link(words, target) => {
            let elsewhere = target.starts_with("https:").then_some("_blank");
            html! { <a href={target.clone()} target={elsewhere} rel="noopener">{ words }</a> }
        }
    }
}
