//! Words for numbers and names, the same everywhere on the page.

use clusterscope_core::exhibit::Status;
use clusterscope_core::frame::NodeView;
use clusterscope_core::{Span, Time};

/// A moment as people read it: `1.652 s`.
pub fn moment(time: Time) -> String {
    format!(
        "{}.{:03} s",
        time.0 / 1_000_000_000,
        time.0 / 1_000_000 % 1_000
    )
}

/// A length of time, short: `840 µs`, `23.4 ms`, `1.65 s`.
pub fn span(span: Span) -> String {
    match span.0 {
        0..=999 => format!("{} ns", span.0),
        1_000..=999_999 => format!("{} µs", span.0 / 1_000),
        1_000_000..=999_999_999 => format!("{}.{} ms", span.0 / 1_000_000, span.0 / 100_000 % 10),
        _ => format!(
            "{}.{:02} s",
            span.0 / 1_000_000_000,
            span.0 / 10_000_000 % 100
        ),
    }
}

/// A difference of clocks: `+0.8 ms`.
pub fn difference(nanos: i64) -> String {
    let sign = if nanos < 0 { "−" } else { "+" };
    if nanos == 0 {
        "0".to_owned()
    } else {
        format!("{sign}{}", span(Span(nanos.unsigned_abs())))
    }
}

/// A count with its word: `1 message`, `3 messages`.
pub fn count(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// What a node is at the moment, in a word: its role, or why it has none.
pub fn role(node: &NodeView) -> &'static str {
    match (node.status, node.role) {
        (Status::Down, _) | (_, None) => "down",
        (_, Some(role)) => role.name,
    }
}

/// A name in code as people read it: `election-safety` becomes `Election safety`.
pub fn title(name: &str) -> String {
    let spaced = name.replace(['-', '_'], " ");
    let mut letters = spaced.chars();
    let first = letters
        .next()
        .map(|it| it.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}", letters.as_str())
}

/// The hash of a trace, as the command line prints it.
pub fn hash(hash: u64) -> String {
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(moment(Time(1_652_400_000)), "1.652 s");
        assert_eq!(span(Span::us(840)), "840 µs");
        assert_eq!(span(Span(23_450_000)), "23.4 ms");
        assert_eq!(difference(-800_000), "−800 µs");
        assert_eq!(count(1, "message"), "1 message");
        assert_eq!(title("election-safety"), "Election safety");
        assert_eq!(hash(255), "00000000000000ff");
    }
}
