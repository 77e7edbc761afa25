//! How the cluster served its clients: requests done, refused and never answered, and stale reads, over time.

use clusterscope_core::check::tally::{BUCKET, Bucket};
use clusterscope_core::frame::Series;
use yew::prelude::*;

use super::chart::{Band, ChartProps, chart};
use crate::history::past::Past;
use crate::lab::handle::{LabHandle, View};

/// So many points a line has at most: of a long run, neighbouring stretches are counted together.
const POINTS_MAX: u64 = 160;

/// The colours of the lines, by what they mean.
const INKS: [&str; 4] = ["cs-ink-ok", "cs-ink-dim", "cs-ink-warn", "cs-ink-bad"];

/// What each line counts.
fn count(bucket: &Bucket, line: usize) -> u32 {
    [bucket.done, bucket.refused, bucket.unknown, bucket.stale][line]
}

/// The picture, up to the playhead; behind it, what was broken.
pub fn service(lab: &LabHandle, view: &View, past: &mut Past) -> Html {
    let now = view.frame.time;
    let series = lab.tally(|tally| lines(tally.buckets(), now.0, &tally.total()));
    lab.with(|player| past.update(player));
    let seconds = |nanos: u64| nanos as f64 / 1e9;
    let bars = past.bars.iter().filter(|it| it.from < now);
    let bands = bars.map(|it| Band {
        name: it.name(),
        from: seconds(it.from.0),
        to: seconds(it.to.unwrap_or(now).min(now).0),
    });
    chart(&ChartProps {
        title: "Service",
        across: "time in seconds",
        up: "requests in 100 ms",
        series,
        inks: &INKS,
        bands: bands.collect(),
    })
}

/// Each line with its sum in its name. Stretches in which nothing ended count as well.
fn lines(buckets: &[Bucket], now: u64, total: &Bucket) -> Vec<Series> {
    let last = buckets.last().map_or(0, |it| it.index).max(now / BUCKET.0);
    let together = last / POINTS_MAX + 1;
    let names = [
        format!("done {}", total.done),
        format!("refused {}", total.refused),
        format!("never answered {}", total.unknown),
        format!("stale {} of {} reads", total.stale, total.reads),
    ];
    let all = [total.done, total.refused, total.unknown, total.stale];
    let line = |(place, name): (usize, String)| {
        // What never happened has its nought in the legend, and no line along the axis.
        if place > 0 && all[place] == 0 {
            let points = Vec::new();
            return Series { name, points };
        }
        let mut points: Vec<(f64, f64)> = (0..=last / together)
            .map(|it| ((it * together * BUCKET.0) as f64 / 1e9, 0.0))
            .collect();
        for bucket in buckets {
            points[(bucket.index / together) as usize].1 +=
                f64::from(count(bucket, place)) / together as f64;
        }
        Series { name, points }
    };
    names.into_iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_has_as_many_points_as_fit_and_the_same_sum() {
        let buckets = [(0, 4), (3, 2), (1_599, 8)].map(|(index, done)| Bucket {
            index,
            done,
            ..Bucket::default()
        });
        let total = Bucket {
            done: 14,
            ..Bucket::default()
        };
        let lines = lines(&buckets, 160_000_000_000, &total);
        let points = &lines[0].points;
        assert_eq!((lines.len(), lines[0].name.as_str()), (4, "done 14"));
        assert!(points.len() as u64 <= POINTS_MAX + 1, "{}", points.len());
        // Eleven stretches count together: the mean of each.
        assert_eq!(
            points.iter().map(|it| (it.1 * 11.0).round()).sum::<f64>(),
            14.0
        );
        assert_eq!(points[0].1, 6.0 / 11.0);
    }

    #[test]
    fn stretches_without_a_request_are_nought() {
        let buckets = [Bucket {
            index: 2,
            done: 1,
            ..Bucket::default()
        }];
        let lines = lines(&buckets, 400_000_000, &Bucket::default());
        let ups: Vec<f64> = lines[0].points.iter().map(|it| it.1).collect();
        assert_eq!(ups, [0.0, 0.0, 1.0, 0.0, 0.0]);
    }
}
