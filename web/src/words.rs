//! Words for numbers and names, the same everywhere on the page.

use clusterscope_core::Span;
use clusterscope_core::exhibit::Status;
use clusterscope_core::frame::NodeView;

use crate::ui::numbers;

/// A difference of clocks: `+0.8 ms`.
pub fn difference(nanos: i64) -> String {
    let sign = if nanos < 0 { "−" } else { "+" };
    if nanos == 0 {
        "0".to_owned()
    } else {
        format!("{sign}{}", numbers::span(Span(nanos.unsigned_abs())))
    }
}

/// A count with its word: `1 message`, `3 messages`.
pub fn count(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// What a node is at the moment, in a word: its role, or why it has none.
pub fn role(node: &NodeView) -> &'static str {
    match (node.status, node.role) {
        (Status::Gone, _) => "gone",
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
        .map(|it| it.to_ascii_uppercase().to_string())
        .unwrap_or_default();
    // The one abbreviation among the names of checks: hybrid logical clocks.
    format!("{first}{}", letters.as_str()).replace("Hlc ", "HLC ")
}

/// The hash of a trace, as the command line prints it.
pub fn hash(hash: u64) -> String {
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_well() {
        assert_eq!(difference(-800_000), "−800 µs");
        assert_eq!(count(1, "message"), "1 message");
        assert_eq!(title("election-safety"), "Election safety");
        assert_eq!(hash(255), "00000000000000ff");
    }
}
