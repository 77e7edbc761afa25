//! Virtual time: whole nanoseconds, written as people write them (`20ms`, `1.652s`).

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::error::BadInput;

/// A moment: nanoseconds since the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

/// A length of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

impl Time {
    /// The start of every run.
    pub const ZERO: Time = Time(0);

    /// The latest moment that text can name: 11 days. Far beyond it integers would overflow.
    pub const MAX: Time = Time(1_000_000_000_000_000);

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// Seconds, for charts and screens; never for decisions.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// The longest span that a distribution may draw or text may name: 11 days.
    pub const MAX: Span = Span(1_000_000_000_000_000);

    /// `count` microseconds.
    pub const fn us(count: u64) -> Span {
        Span(count * 1_000)
    }

    /// `count` milliseconds.
    pub const fn ms(count: u64) -> Span {
        Span(count * 1_000_000)
    }

    /// `count` seconds.
    pub const fn secs(count: u64) -> Span {
        Span(count * 1_000_000_000)
    }

    /// Milliseconds, for charts and screens; never for decisions.
    pub fn millis(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Seconds, for charts and screens; never for decisions.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub<Span> for Time {
    type Output = Time;
    fn sub(self, span: Span) -> Time {
        Time(self.0.saturating_sub(span.0))
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

/// Units from large to small, as written and in nanoseconds.
const UNITS: [(&str, u64); 4] = [
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

fn write_nanos(nanos: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (unit, size) = UNITS
        .into_iter()
        .find(|(_, size)| nanos >= *size)
        .unwrap_or(UNITS[0]);
    let whole = nanos / size;
    let mut rest = nanos % size;
    let mut text = whole.to_string();
    if rest > 0 {
        text.push('.');
        let mut place = size / 10;
        while rest > 0 {
            text.push(char::from(b'0' + (rest / place) as u8));
            rest %= place;
            place /= 10;
        }
    }
    text.push_str(unit);
    f.pad(&text)
}

/// Reads `12.5ms` exactly: digits beyond a nanosecond are refused, not rounded.
fn read_nanos(text: &str) -> Option<u64> {
    let (unit_at, _) = text
        .char_indices()
        .find(|(_, it)| !it.is_ascii_digit() && *it != '.')?;
    let (number, unit) = text.split_at(unit_at);
    let (_, size) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || (number.contains('.') && fraction.is_empty()) {
        return None;
    }
    let mut nanos = whole.parse::<u64>().ok()?.checked_mul(size)?;
    let mut place = size;
    for digit in fraction.bytes() {
        place /= 10;
        if place == 0 {
            return None;
        }
        nanos = nanos.checked_add(u64::from(digit.checked_sub(b'0')?) * place)?;
    }
    (nanos <= Span::MAX.0).then_some(nanos)
}

const WANTED: &str =
    "is not a time: write a number and a unit, such as 250us, 20ms or 1.5s (11 days at most)";

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_nanos(self.0, f)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_nanos(self.0, f)
    }
}

impl FromStr for Time {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<Time, BadInput> {
        read_nanos(text)
            .map(Time)
            .ok_or_else(|| BadInput::new(text, WANTED))
    }
}

impl FromStr for Span {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<Span, BadInput> {
        read_nanos(text)
            .map(Span)
            .ok_or_else(|| BadInput::new(text, WANTED))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_time_are_one_to_one() {
        for nanos in [
            0,
            1,
            999,
            1_000,
            1_500,
            20_000_000,
            1_652_000_123,
            Time::MAX.0,
        ] {
            let text = Time(nanos).to_string();
            assert_eq!(text.parse(), Ok(Time(nanos)), "{text}");
        }
        assert_eq!(Span::ms(20).to_string(), "20ms");
        assert_eq!(Time(1_652_000_000).to_string(), "1.652s");
        assert_eq!(Time(0).to_string(), "0s");
    }

    #[test]
    fn bad_text_is_quoted() {
        for text in [
            "",
            "20",
            "ms",
            ".5s",
            "5.s",
            "1e3s",
            "-1s",
            "1.0000000001s",
            "99999999999999s",
            "5 ms",
            "٣s",
        ] {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("\"{text}\"")), "{error}");
        }
    }
}
