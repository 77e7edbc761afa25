//! Numbers and short words for people.

use clusterscope_core::frame::{Look, Mark};
use clusterscope_core::{Span, Time};

/// A moment as the transport shows it: always milliseconds, so that digits keep their places.
pub fn clock(time: Time) -> String {
    let millis = time.0 / 1_000_000;
    format!("{}.{:03} s", millis / 1_000, millis % 1_000)
}

/// A moment in few letters: `1.2 s`, `650 ms`.
pub fn moment(time: Time) -> String {
    span(Span(time.0))
}

/// A length of time in few letters.
pub fn span(span: Span) -> String {
    let (value, unit) = match span.0 {
        0 => (0.0, "s"),
        nanos if nanos < 1_000_000 => (nanos as f64 / 1e3, "µs"),
        nanos if nanos < 1_000_000_000 => (nanos as f64 / 1e6, "ms"),
        nanos => (nanos as f64 / 1e9, "s"),
    };
    let places = if value >= 100.0 { 0 } else { 2 };
    let text = format!("{value:.places$}");
    let text = if places > 0 {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text} {unit}")
}

/// A moment on an axis whose ticks are `step` nanoseconds apart, with as many digits as tell them apart.
pub fn tick(time: Time, step: f64, seconds: bool) -> String {
    let (unit, size) = if seconds { ("s", 1e9) } else { ("ms", 1e6) };
    let places = (-(step / size).log10()).ceil().clamp(0.0, 9.0) as usize;
    format!("{:.places$} {unit}", time.0 as f64 / size)
}

/// By how much a clock is off: `+50 ms`.
pub fn offset(nanos: i64) -> String {
    let sign = if nanos < 0 { '−' } else { '+' };
    format!("{sign}{:.0} ms", nanos.unsigned_abs() as f64 / 1e6)
}

/// What a message is, in one word more than its kind.
pub fn mark_word(look: Look) -> &'static str {
    match look.mark {
        Mark::Request => "",
        Mark::Accept => ", accepted",
        Mark::Refuse => ", refused",
        Mark::Reply => ", reply",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_and_keep_their_places() {
        assert_eq!(clock(Time(1_652_900_000)), "1.652 s");
        assert_eq!(clock(Time(0)), "0.000 s");
        assert_eq!(moment(Time(1_200_000_000)), "1.2 s");
        assert_eq!(moment(Time(650_000_000)), "650 ms");
        assert_eq!(moment(Time(907_130_000)), "907 ms");
        assert_eq!(tick(Time(1_500_500_000), 500_000.0, true), "1.5005 s");
        assert_eq!(tick(Time(1_400_000_000), 1e8, true), "1.4 s");
        assert_eq!(tick(Time(640_000_000), 2e7, false), "640 ms");
        assert_eq!(span(Span(0)), "0 s");
        assert_eq!(offset(-50_000_000), "−50 ms");
    }
}
