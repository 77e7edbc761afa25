//! A hash ring: who owns which range, and where keys are.

use std::f64::consts::TAU;

use clusterscope_core::frame::{RingKey, Token};
use clusterscope_core::protocol::NodeId;
use yew::prelude::*;

use crate::ui::pen::epoch_class;

/// Props of [`ring`].
pub struct RingProps {
    /// Its heading.
    pub title: &'static str,
    /// The tokens, in order round the ring.
    pub tokens: Vec<Token>,
    /// Keys to show.
    pub keys: Vec<RingKey>,
}

/// The radius of the ring, of the keys inside it, and half the size of the picture.
const RADIUS: f64 = 84.0;
/// Keys stand inside the ring.
const KEYS: f64 = 70.0;
/// Half of the picture's width and height.
const HALF: f64 = 100.0;

fn place(at: f64, radius: f64) -> (f64, f64) {
    let turn = TAU * at;
    (HALF + radius * turn.sin(), HALF - radius * turn.cos())
}

/// A hash ring. Its ranges and keys say who owns them when they are pointed at; a table says it to everybody else.
pub fn ring(props: &RingProps) -> Html {
    let RingProps {
        title,
        tokens,
        keys,
    } = props;
    let arcs = tokens.iter().enumerate().map(|(index, token)| {
        let before = match index.checked_sub(1) {
            Some(before) => tokens[before].at,
            None => tokens.last().map_or(0.0, |it| it.at) - 1.0,
        };
        arc(before, token)
    });
    html! {
        <div class="cs-scroll" tabindex="0" role="region" aria-label={*title}>
            <svg class="cs-ring" viewBox={format!("0 0 {0} {0}", 2.0 * HALF)} aria-hidden="true">
                { for arcs }
                { for keys.iter().map(dot) }
            </svg>
            { legend(tokens) }
            <table class="cs-table cs-ring-keys">
                <thead><tr>
                    <th scope="col">{ "Key" }</th><th scope="col">{ "Belongs to" }</th>
                    <th scope="col">{ "Is at" }</th>
                </tr></thead>
                <tbody>{ for keys.iter().map(row) }</tbody>
            </table>
        </div>
    }
}

/// The range before a token, back to the one before it.
fn arc(before: f64, token: &Token) -> Html {
    let share = token.at - before;
    let words = format!("{} owns {:.1}%", token.node, share * 100.0);
    let (x1, y1) = place(before, RADIUS);
    let (x2, y2) = place(token.at, RADIUS);
    // A ring of one token is two halves: an arc that ends where it begins is none.
    let (xm, ym) = place(before + share / 2.0, RADIUS);
    let path = format!(
        "M{x1:.2} {y1:.2}A{RADIUS} {RADIUS} 0 0 1 {xm:.2} {ym:.2}A{RADIUS} {RADIUS} 0 0 1 {x2:.2} {y2:.2}"
    );
    html! { <path class={classes!("cs-arc", color(token.node))} d={path}><title>{ words }</title></path> }
}

fn color(node: NodeId) -> &'static str {
    epoch_class(Some(u64::from(node.0) + 1))
}

fn dot(key: &RingKey) -> Html {
    let (x, y) = place(key.at, KEYS);
    let moving = key
        .owners
        .first()
        .is_some_and(|it| !key.holders.contains(it));
    let class = classes!(
        "cs-ring-key",
        key.owners.first().map_or("cs-epoch-0", |it| color(*it)),
        moving.then_some("is-moving")
    );
    html! {
        <circle {class} cx={format!("{x:.2}")} cy={format!("{y:.2}")} r={format!("{:.2}", 2.2 + 3.0 * key.heat)}>
            <title>{ format!("{} belongs to {}, is at {}", key.name, names(&key.owners), names(&key.holders)) }</title>
        </circle>
    }
}

fn names(nodes: &[NodeId]) -> String {
    let names: Vec<String> = nodes.iter().map(NodeId::to_string).collect();
    match names.is_empty() {
        true => "nobody".to_owned(),
        false => names.join(", "),
    }
}

fn row(key: &RingKey) -> Html {
    html! {
        <tr key={key.name.clone()}>
            <th scope="row">{ &key.name }</th>
            <td>{ names(&key.owners) }</td>
            <td>{ names(&key.holders) }</td>
        </tr>
    }
}

/// Each node with its colour and its share of the ring.
fn legend(tokens: &[Token]) -> Html {
    let mut shares: Vec<(NodeId, f64)> = Vec::new();
    let mut before = tokens.last().map_or(0.0, |it| it.at) - 1.0;
    for token in tokens {
        let share = token.at - before;
        before = token.at;
        match shares.iter_mut().find(|it| it.0 == token.node) {
            Some(entry) => entry.1 += share,
            None => shares.push((token.node, share)),
        }
    }
    clusterscope_core::parts::order::sort_by_key(&mut shares, |it| it.0);
    html! {
        <ul class="cs-legend">
            { for shares.into_iter().map(|(node, share)| html! {
                <li class={color(node)}>{ format!("{node} {:.1}%", share * 100.0) }</li>
            }) }
        </ul>
    }
}
