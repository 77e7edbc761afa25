//! The one error of the core: text from outside that cannot be used.

use std::fmt;

/// Says what was read, why it cannot be used and what would do. One line, fit to be shown to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadInput(String);

/// The longest piece of foreign text that an error repeats, in characters.
const QUOTE_MAX: usize = 80;

impl BadInput {
    /// An error that quotes `text` and says what is wrong with it: `"n9x" is not a node: …`.
    pub fn new(text: &str, problem: impl fmt::Display) -> BadInput {
        BadInput(format!("{} {problem}", quote(text)))
    }

    /// The same error, seen from further out: `line 3: …`.
    pub fn within(self, place: impl fmt::Display) -> BadInput {
        BadInput(format!("{place}: {}", self.0))
    }
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadInput {}

/// `text` in quotation marks: control characters escaped, long text shortened, so that one line stays one line.
pub fn quote(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(QUOTE_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(QUOTE_MAX).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

/// `"a", "b" or "c"`: what would have done.
pub fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.into_iter().collect();
    match names.pop() {
        None => "nothing".to_owned(),
        Some(only) if names.is_empty() => only.to_owned(),
        Some(last) => format!("{} or {last}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_stay_on_one_line_and_short() {
        assert_eq!(quote("a\nb"), r#""a\nb""#);
        assert!(quote(&"x".repeat(1_000)).chars().count() < 90);
        assert_eq!(one_of(["a", "b", "c"]), "a, b or c");
    }
}
