//! Lines over a common axis.

use clusterscope_core::frame::Series;
use yew::prelude::*;

use crate::ui::pen::epoch_class;

/// Props of [`chart`].
pub struct ChartProps {
    /// Its heading.
    pub title: &'static str,
    /// What the axis to the right counts.
    pub across: &'static str,
    /// What the axis up counts.
    pub up: &'static str,
    /// The lines.
    pub series: Vec<Series>,
    /// The colours of the lines, as classes, where they mean something; else they are told apart as epochs are. The
    /// first line is then the ground of the others, and filled.
    pub inks: &'static [&'static str],
    /// Stretches that are marked behind the lines.
    pub bands: Vec<Band>,
}

/// A stretch of the axis to the right in which something was the case.
pub struct Band {
    /// What.
    pub name: String,
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
}

impl ChartProps {
    fn ink(&self, line: usize) -> &'static str {
        let meant = self.inks.get(line).copied();
        meant.unwrap_or_else(|| epoch_class(Some(line as u64 + 1)))
    }
}

/// The size of the picture.
const WIDTH: f64 = 320.0;
/// Its height.
const HEIGHT: f64 = 140.0;
/// Room at the left for numbers.
const LEFT: f64 = 38.0;
/// Room below for numbers.
const BELOW: f64 = 18.0;

/// So many points of a line are told to those who do not see it.
const TOLD: usize = 20;

/// Lines over a common axis. The last points of each are there as a table, for those who do not see it.
pub fn chart(props: &ChartProps) -> Html {
    let points = || props.series.iter().flat_map(|it| it.points.iter());
    if points().next().is_none() {
        return html! { <p class="cs-empty">{ "Nothing yet." }</p> };
    }
    let least = points().map(|it| it.0).fold(f64::INFINITY, f64::min);
    let last = points().map(|it| it.0).fold(f64::NEG_INFINITY, f64::max);
    let most = round_up(points().map(|it| it.1).fold(0.0, f64::max));
    let span = if last > least { last - least } else { 1.0 };
    let x = |it: f64| LEFT + (it - least) / span * (WIDTH - LEFT - 4.0);
    let y = |it: f64| 6.0 + (1.0 - it / most) * (HEIGHT - BELOW - 6.0);
    let line = |(index, series): (usize, &Series)| {
        let points: Vec<String> = series
            .points
            .iter()
            .map(|it| format!("{:.1},{:.1}", x(it.0), y(it.1)))
            .collect();
        let area = (index == 0 && !props.inks.is_empty()).then(|| {
            let ends = [series.points.last(), series.points.first()];
            let foot = ends.into_iter().flatten().map(|it| format!("{:.1},{:.1}", x(it.0), y(0.0)));
            let around: Vec<String> = points.iter().cloned().chain(foot).collect();
            html! { <polygon class={classes!("cs-chart-area", props.ink(index))} points={around.join(" ")} /> }
        });
        html! {
            <>
                { for area }
                <polyline class={classes!("cs-chart-line", props.ink(index))}
                    points={points.join(" ")}><title>{ &series.name }</title></polyline>
            </>
        }
    };
    let band = |it: &Band| stretch(&it.name, x(it.from.max(least)), x(it.to.min(last)), y(0.0));
    let rule = |at: f64| {
        let (height, end) = (format!("{:.1}", y(at)), format!("{WIDTH}"));
        html! {
            <>
                <line class="cs-chart-rule" x1={LEFT.to_string()} x2={end} y1={height.clone()} y2={height} />
                <text class="cs-chart-number" x={(LEFT - 4.0).to_string()} y={format!("{:.1}", y(at) + 3.5)}>
                    { number(at) }
                </text>
            </>
        }
    };
    html! {
        <div class="cs-scroll" tabindex="0" role="region" aria-label={props.title}>
            <svg class="cs-chart" viewBox={format!("0 0 {WIDTH} {HEIGHT}")} aria-hidden="true">
                { for props.bands.iter().map(band) }
                { rule(0.0) } { rule(most / 2.0) } { rule(most) }
                <text class="cs-chart-number is-start" x={LEFT.to_string()} y={(HEIGHT - 4.0).to_string()}>
                    { number(least) }
                </text>
                <text class="cs-chart-number" x={WIDTH.to_string()} y={(HEIGHT - 4.0).to_string()}>
                    { number(last) }
                </text>
                { for props.series.iter().enumerate().map(line) }
            </svg>
            <ul class="cs-chart-legend">
                { for props.series.iter().enumerate().map(|(index, it)| html! {
                    <li class={props.ink(index)}>{ &it.name }</li>
                }) }
            </ul>
            <p class="cs-hint">{ format!("Up: {}. Across: {}.", props.up, props.across) }</p>
            { for props.series.iter().map(|it| told(it, props)) }
        </div>
    }
}

/// A stretch that is marked, from the top down to the axis.
fn stretch(name: &str, from: f64, to: f64, axis: f64) -> Html {
    html! {
        <rect class="cs-chart-band" x={format!("{from:.1}")} y="6" width={format!("{:.1}", (to - from).max(1.0))}
            height={format!("{:.1}", axis - 6.0)}><title>{ name.to_owned() }</title></rect>
    }
}

fn told(series: &Series, props: &ChartProps) -> Html {
    let from = series.points.len().saturating_sub(TOLD);
    html! {
        <table class="cs-hidden">
            <caption>{ format!("{}: {} by {}", series.name, props.up, props.across) }</caption>
            { for series.points[from..].iter().map(|it| html! {
                <tr><th scope="row">{ number(it.0) }</th><td>{ number(it.1) }</td></tr>
            }) }
        </table>
    }
}

/// The next of 1, 2, 5, 10, 20, … that is not below: an axis that changes seldom.
fn round_up(most: f64) -> f64 {
    let mut step = 1.0;
    // From 0.01 up; what is smaller than that is drawn flat.
    let mut unit = 0.01;
    while unit * step < most && unit < 1e15 {
        (unit, step) = match step as u32 {
            1 => (unit, 2.0),
            2 => (unit, 5.0),
            _ => (unit * 10.0, 1.0),
        };
    }
    unit * step
}

/// A number in as few digits as tell it from its neighbours.
fn number(value: f64) -> String {
    if value.abs() >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        let text = format!("{value:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}
