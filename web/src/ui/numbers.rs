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
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} {unit}")
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
        assert_eq!(span(Span(0)), "0 s");
        assert_eq!(offset(-50_000_000), "−50 ms");
    }
}
