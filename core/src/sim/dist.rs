//! Probabilities and distributions of delays, written as text: `2%`, `uniform(5ms,15ms)`.
//!
//! The only file with transcendental functions: they come from `libm`, whose bits are the same on every platform.

use std::fmt;
use std::str::FromStr;

use crate::error::BadInput;

use super::rng::Rng;
use super::time::Span;

/// A probability in parts per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chance(u32);

impl Chance {
    /// It never happens.
    pub const NEVER: Chance = Chance(0);
    /// Certainty, in parts per million.
    pub const CERTAIN_PPM: u32 = 1_000_000;

    /// `percent` in a hundred.
    ///
    /// # Panics
    /// Above a hundred.
    pub const fn percent(percent: u32) -> Chance {
        assert!(percent <= 100, "more than certain");
        Chance(percent * 10_000)
    }

    /// Parts per million.
    pub fn ppm(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0 / 10_000;
        let rest = format!("{:04}", self.0 % 10_000);
        match rest.trim_end_matches('0') {
            "" => write!(f, "{whole}%"),
            rest => write!(f, "{whole}.{rest}%"),
        }
    }
}

impl FromStr for Chance {
    type Err = BadInput;
    fn from_str(text: &str) -> Result<Chance, BadInput> {
        let read = || {
            let (whole, rest) = match text.strip_suffix('%')?.split_once('.') {
                Some((whole, rest)) if !rest.is_empty() => (whole, rest),
                Some(_) => return None,
                None => (text.strip_suffix('%')?, ""),
            };
            let digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
            if !digits(whole) || rest.len() > 4 || !(rest.is_empty() || digits(rest)) {
                return None;
            }
            let ppm = whole.parse::<u32>().ok()?.checked_mul(10_000)?
                + format!("{rest:0<4}").parse::<u32>().ok()?;
            (ppm <= Chance::CERTAIN_PPM).then_some(Chance(ppm))
        };
        read().ok_or_else(|| {
            BadInput::new(
                text,
                "is not a probability: write 0% to 100%, such as 2% or 0.5%",
            )
        })
    }
}

/// How long something takes. Every draw is at most [`Span::MAX`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dist {
    /// Always the same: `20ms`.
    Constant(Span),
    /// Every length in the range alike: `uniform(5ms,15ms)`.
    Uniform(Span, Span),
    /// Mean and standard deviation, cut off at zero: `normal(20ms,5ms)`.
    Normal(Span, Span),
    /// A least delay and the mean of what comes on top: `exponential(5ms,10ms)`.
    Exponential(Span, Span),
    /// Median, and the standard deviation of the logarithm: `lognormal(20ms,0.5)`.
    LogNormal(Span, f64),
    /// Scale (the least value) and shape; heavy-tailed: `pareto(3ms,3.5)`.
    Pareto(Span, f64),
    /// The first, with this chance, else the second: `mix(38%,pareto(1ms,1.5),exponential(0s,5ms))`. So papers fit what
    /// they measured: a body and a tail.
    Mix(Chance, Part, Part),
}

/// A part of a mixture: any distribution but a mixture.
#[derive(Clone, Copy, PartialEq)]
pub struct Part {
    family: Family,
    first: Span,
    /// A span in nanoseconds or a number, as the family has it.
    second: f64,
}

#[derive(Clone, Copy, PartialEq)]
enum Family {
    Constant,
    Uniform,
    Normal,
    Exponential,
    LogNormal,
    Pareto,
}

impl Part {
    /// This distribution as a part; `None` for a mixture.
    pub fn of(dist: Dist) -> Option<Part> {
        let (family, first, second) = match dist {
            Dist::Constant(span) => (Family::Constant, span, 0.0),
            // Spans have fewer than 53 bits.
            Dist::Uniform(min, max) => (Family::Uniform, min, max.0 as f64),
            Dist::Normal(mean, deviation) => (Family::Normal, mean, deviation.0 as f64),
            Dist::Exponential(min, mean) => (Family::Exponential, min, mean.0 as f64),
            Dist::LogNormal(median, sigma) => (Family::LogNormal, median, sigma),
            Dist::Pareto(scale, shape) => (Family::Pareto, scale, shape),
            Dist::Mix(..) => return None,
        };
        Some(Part {
            family,
            first,
            second,
        })
    }

    /// This part by itself.
    pub fn dist(self) -> Dist {
        let span = Span(self.second as u64);
        match self.family {
            Family::Constant => Dist::Constant(self.first),
            Family::Uniform => Dist::Uniform(self.first, span),
            Family::Normal => Dist::Normal(self.first, span),
            Family::Exponential => Dist::Exponential(self.first, span),
            Family::LogNormal => Dist::LogNormal(self.first, self.second),
            Family::Pareto => Dist::Pareto(self.first, self.second),
        }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.dist().fmt(f)
    }
}

impl Dist {
    /// Draws one length.
    #[inline(always)]
    pub fn draw(&self, rng: &mut Rng) -> Span {
        match *self {
            Dist::Constant(span) => span,
            Dist::Uniform(min, max) => rng.span(min, max),
            _ => self.draw_curved(rng),
        }
    }

    /// Draws from a distribution that needs more than whole numbers.
    #[cold]
    fn draw_curved(&self, rng: &mut Rng) -> Span {
        match *self {
            Dist::Constant(span) | Dist::Uniform(span, _) => span,
            Dist::Normal(mean, deviation) => {
                clamp(mean.0 as f64 + standard_normal(rng) * deviation.0 as f64)
            }
            Dist::Exponential(min, mean) => {
                clamp(min.0 as f64 - mean.0 as f64 * libm::log(1.0 - rng.unit()))
            }
            Dist::LogNormal(median, sigma) => {
                clamp(median.0 as f64 * libm::exp(sigma * standard_normal(rng)))
            }
            Dist::Pareto(scale, shape) => {
                clamp(scale.0 as f64 * libm::pow(1.0 - rng.unit(), -1.0 / shape))
            }
            Dist::Mix(chance, first, second) => {
                let part = if rng.happens(chance) { first } else { second };
                part.dist().draw(rng)
            }
        }
    }

    /// A length to draw pictures and pick play-back speeds by: the mean, or the median where the mean says little.
    pub fn typical(&self) -> Span {
        match *self {
            Dist::Constant(span) => span,
            Dist::Uniform(min, max) => Span((min.0 + max.0) / 2),
            Dist::Normal(mean, _) => mean,
            Dist::Exponential(min, mean) => min + mean,
            Dist::LogNormal(median, _) => median,
            Dist::Pareto(scale, shape) => clamp(scale.0 as f64 * libm::pow(2.0, 1.0 / shape)),
            Dist::Mix(chance, first, second) => {
                let (first, second) = (first.dist().typical().0, second.dist().typical().0);
                let share = f64::from(chance.ppm()) / f64::from(Chance::CERTAIN_PPM);
                clamp(first as f64 * share + second as f64 * (1.0 - share))
            }
        }
    }

    /// Whether every draw is zero.
    pub fn is_instant(&self) -> bool {
        matches!(self, Dist::Constant(Span::ZERO))
    }
}

/// The numbers in it come from text that refuses what is not a number, so every one equals itself.
impl Eq for Dist {}

/// A number of nanoseconds as a span; what is below zero or above the limit goes to the limit.
fn clamp(nanos: f64) -> Span {
    // The cast saturates and takes a NaN to zero.
    Span((nanos as u64).min(Span::MAX.0))
}

/// One draw of the standard normal distribution (Box and Muller 1958).
fn standard_normal(rng: &mut Rng) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - rng.unit()));
    radius * libm::cos(std::f64::consts::TAU * rng.unit())
}

impl fmt::Display for Dist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dist::Constant(span) => write!(f, "{span}"),
            Dist::Uniform(min, max) => write!(f, "uniform({min},{max})"),
            Dist::Normal(mean, deviation) => write!(f, "normal({mean},{deviation})"),
            Dist::Exponential(min, mean) => write!(f, "exponential({min},{mean})"),
            Dist::LogNormal(median, sigma) => write!(f, "lognormal({median},{sigma})"),
            Dist::Pareto(scale, shape) => write!(f, "pareto({scale},{shape})"),
            Dist::Mix(chance, first, second) => {
                write!(f, "mix({chance},{},{})", first.dist(), second.dist())
            }
        }
    }
}

impl FromStr for Dist {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<Dist, BadInput> {
        let wanted = || {
            BadInput::new(
                text,
                "is not a delay: write 20ms, uniform(5ms,15ms), normal(20ms,5ms), exponential(5ms,10ms), \
                 lognormal(20ms,0.5), pareto(3ms,3.5) or mix(90%,20ms,exponential(20ms,80ms))",
            )
        };
        let Some((name, rest)) = text.split_once('(') else {
            return text.parse().map(Dist::Constant).map_err(|_| wanted());
        };
        let (first, second) = rest
            .strip_suffix(')')
            .and_then(|it| it.split_once(','))
            .ok_or_else(wanted)?;
        let (first, second) = (first.trim(), second.trim());
        if name.trim() == "mix" {
            let chance = first.parse().map_err(|_| wanted())?;
            let at = comma_between(second).ok_or_else(wanted)?;
            // A mixture of mixtures is refused before it is read: brackets must not decide how deep this goes.
            let part = |it: &str| match it.trim() {
                it if it.starts_with("mix") => Err(wanted()),
                it => Part::of(it.parse().map_err(|_| wanted())?).ok_or_else(wanted),
            };
            return Ok(Dist::Mix(
                chance,
                part(&second[..at])?,
                part(&second[at + 1..])?,
            ));
        }
        let first: Span = first.parse().map_err(|_| wanted())?;
        let span = || second.parse::<Span>().map_err(|_| wanted());
        let number = || match second.parse::<f64>() {
            Ok(it) if it > 0.0 && it <= 1_000.0 => Ok(it),
            _ => Err(wanted()),
        };
        match name.trim() {
            "uniform" => match span()? {
                max if max < first => Err(BadInput::new(
                    text,
                    "is not a delay: its second bound is below its first",
                )),
                max => Ok(Dist::Uniform(first, max)),
            },
            "normal" => Ok(Dist::Normal(first, span()?)),
            "exponential" => Ok(Dist::Exponential(first, span()?)),
            "lognormal" => Ok(Dist::LogNormal(first, number()?)),
            "pareto" => Ok(Dist::Pareto(first, number()?)),
            _ => Err(wanted()),
        }
    }
}

/// The comma between two distributions: the first that stands in no brackets.
fn comma_between(text: &str) -> Option<usize> {
    let mut depth = 0_i32;
    text.bytes().position(|it| {
        depth += i32::from(it == b'(') - i32::from(it == b')');
        it == b',' && depth == 0
    })
}

/// Zipf's law: of `items` things, the k-th most frequent is drawn k to the power of the exponent times less often than
/// the first.
#[derive(Clone, Copy, Debug)]
pub struct Zipf {
    items: f64,
    exponent: f64,
}

impl Zipf {
    /// The law for so many things, with an exponent in thousandths.
    pub fn new(items: u64, thousandths: u64) -> Zipf {
        Zipf {
            items: items.max(1) as f64,
            exponent: thousandths as f64 / 1_000.0,
        }
    }

    /// Draws one of the things, from 0, the most frequent first: rejection-inversion (Hörmann and Derflinger 1996).
    pub fn draw(&self, rng: &mut Rng) -> u64 {
        let mass = |k: f64| libm::pow(k, -self.exponent);
        let low = self.integral(1.5) - 1.0;
        let high = self.integral(self.items + 0.5);
        // Close enough to a whole number, a draw needs no second look.
        let near = 2.0 - self.inverse(self.integral(2.5) - mass(2.0));
        loop {
            let area = high + rng.unit() * (low - high);
            let x = self.inverse(area);
            let k = libm::floor(x + 0.5).clamp(1.0, self.items);
            if k - x <= near || area >= self.integral(k + 0.5) - mass(k) {
                return k as u64 - 1;
            }
        }
    }

    /// The area below the law, continued between whole numbers, up to `x`.
    fn integral(&self, x: f64) -> f64 {
        let power = 1.0 - self.exponent;
        if power == 0.0 {
            libm::log(x)
        } else {
            (libm::pow(x, power) - 1.0) / power
        }
    }

    fn inverse(&self, area: f64) -> f64 {
        let power = 1.0 - self.exponent;
        if power == 0.0 {
            libm::exp(area)
        } else {
            libm::pow((1.0 + area * power).max(0.0), 1.0 / power)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rng::Stream;
    use super::*;

    #[test]
    fn text_and_distribution_are_one_to_one() {
        for text in [
            "20ms",
            "uniform(5ms,15ms)",
            "normal(20ms,5ms)",
            "exponential(5ms,10ms)",
            "lognormal(20ms,0.5)",
            "pareto(3ms,3.5)",
            "mix(91.22%,pareto(235us,10),exponential(0s,1.66ms))",
            "mix(5%,1s,uniform(5ms,15ms))",
        ] {
            assert_eq!(text.parse::<Dist>().unwrap().to_string(), text);
        }
        for text in ["0%", "2%", "0.5%", "33.3333%", "100%"] {
            assert_eq!(text.parse::<Chance>().unwrap().to_string(), text);
        }
        for text in [
            "101%",
            "2",
            "-1%",
            "%",
            "1.%",
            "1.00001%",
            "+1%",
            "nan%",
            "4294967296%",
        ] {
            assert!(text.parse::<Chance>().is_err(), "{text}");
        }
        for text in [
            "",
            "uniform",
            "uniform(5ms)",
            "uniform(15ms,5ms)",
            "pareto(3ms,0)",
            "lognormal(1ms,inf)",
            "x(1ms,2ms)",
            "mix(50%,1ms)",
            "mix(1,1ms,2ms)",
            "mix(50%,1ms,mix(50%,1ms,2ms))",
            "mix(50%,uniform(1ms,2ms)",
        ] {
            assert!(text.parse::<Dist>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_second_of_zipfs_law_comes_half_as_often() {
        for (thousandths, ratio) in [(1_000, 2.0), (2_000, 4.0), (500, 1.414)] {
            let law = Zipf::new(100, thousandths);
            let mut rng = Rng::stream(1, Stream::Faults);
            let mut counts = [0u32; 100];
            for _ in 0..200_000 {
                counts[law.draw(&mut rng) as usize] += 1;
            }
            let off = f64::from(counts[0]) / f64::from(counts[1]) / ratio - 1.0;
            assert!(off.abs() < 0.05, "{thousandths}: {off}");
            assert!(counts[99] > 0);
        }
        let mut rng = Rng::stream(2, Stream::Faults);
        assert_eq!(Zipf::new(1, 990).draw(&mut rng), 0);
    }

    #[test]
    fn means_are_those_of_the_textbook() {
        let cases = [
            ("uniform(5ms,15ms)", 10.0),
            ("normal(20ms,5ms)", 20.0),
            ("exponential(5ms,10ms)", 15.0),
            ("lognormal(20ms,0.5)", 20.0 * libm::exp(0.125)),
            ("pareto(3ms,3.5)", 3.0 * 3.5 / 2.5),
            ("mix(25%,uniform(4ms,8ms),exponential(0s,10ms))", 9.0),
        ];
        for (text, mean) in cases {
            let dist: Dist = text.parse().unwrap();
            let mut rng = Rng::stream(3, Stream::Faults);
            let draws = 100_000;
            let sum: f64 = (0..draws).map(|_| dist.draw(&mut rng).millis()).sum();
            let off = (sum / f64::from(draws) / mean - 1.0).abs();
            assert!(off < 0.01, "{text}: off by {off}");
        }
    }
}
