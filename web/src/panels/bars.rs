//! A histogram.

use yew::prelude::*;

/// Props of [`Bars`].
pub struct BarsProps {
    /// Its heading.
    pub title: &'static str,
    /// What the axis counts.
    pub axis: &'static str,
    /// A label and a count for each bar.
    pub bars: Vec<(String, u64)>,
}

/// The height of the highest bar, and the distance from bar to bar.
const HEIGHT: u64 = 90;
/// The distance from one bar to the next.
const PITCH: u64 = 26;

/// A histogram. Its numbers are there as a table, for those who do not see it.
pub fn bars(props: &BarsProps) -> Html {
    let most = props.bars.iter().map(|it| it.1).max().unwrap_or(0).max(1);
    let width = props.bars.len() as u64 * PITCH;
    let bar = |(index, (label, count)): (usize, &(String, u64))| {
        let (x, height) = (index as u64 * PITCH, count * HEIGHT / most);
        html! {
            <g key={label.clone()}>
                <rect class="cs-bar" x={(x + 3).to_string()} y={(HEIGHT + 14 - height).to_string()}
                    width={(PITCH - 6).to_string()} height={height.to_string()} />
                if *count > 0 {
                    <text class="cs-bar-count" x={(x + PITCH / 2).to_string()}
                        y={(HEIGHT + 10 - height).to_string()}>{ count }</text>
                }
                <text class="cs-bar-label" x={(x + PITCH / 2).to_string()} y={(HEIGHT + 28).to_string()}>
                    { label }
                </text>
            </g>
        }
    };
    html! {
        <div class="cs-scroll" tabindex="0" role="region" aria-label={props.title}>
            <svg class="cs-bars" viewBox={format!("0 0 {} {}", width.max(1), HEIGHT + 34)} aria-hidden="true">
                { for props.bars.iter().enumerate().map(bar) }
            </svg>
            <p class="cs-hint">{ props.axis }</p>
            <table class="cs-hidden">
                <caption>{ props.axis }</caption>
                { for props.bars.iter().map(|(label, count)| html! {
                    <tr><th scope="row">{ label }</th><td>{ count }</td></tr>
                }) }
            </table>
        </div>
    }
}
