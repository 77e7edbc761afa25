//! A node's own clock: it may stand off from true time and run too fast or too slow.

use super::time::{Span, Time};

const MILLION: i128 = 1_000_000;

/// How far a clock may run off, in parts per million, either way: at most half as fast or half as fast again.
pub const DRIFT_MAX_PPM: i32 = 500_000;

/// What a clock that is right shows when a run starts: long after zero, so that one set back still shows a time.
const EPOCH: i128 = 100_000_000_000_000;

/// Maps true time to what one node believes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// True time of the last change.
    anchor: Time,
    /// By how much its hands were moved, forward when positive, in nanoseconds.
    set: i64,
    /// How much it had gained then by running fast, in nanoseconds; negative by running slow.
    gained: i64,
    /// How much too fast it runs since, in parts per million.
    drift: i32,
}

impl Clock {
    /// What the clock shows at true time `now`. A clock set back beyond its epoch shows zero, not less.
    pub fn read(&self, now: Time) -> Time {
        let shown = EPOCH + i128::from(now.0) + i128::from(self.ahead(now));
        Time(shown.clamp(0, i128::from(u64::MAX)) as u64)
    }

    /// By how many nanoseconds the clock is ahead of true time.
    pub fn ahead(&self, now: Time) -> i64 {
        self.set.saturating_add(self.gain(now))
    }

    /// How long the clock has run by its own count: it may count too fast or too slow, but nobody sets it, and it never
    /// goes back.
    pub fn uptime(&self, now: Time) -> Time {
        Time(now.0.saturating_add_signed(self.gain(now)))
    }

    /// How much it has gained by running fast.
    fn gain(&self, now: Time) -> i64 {
        if self.drift == 0 {
            return self.gained;
        }
        let gain = i128::from(now.since(self.anchor).0) * i128::from(self.drift) / MILLION;
        (i128::from(self.gained) + gain).clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    /// How much too fast it runs, in parts per million.
    pub fn drift(&self) -> i32 {
        self.drift
    }

    /// Moves the hands by `nanos`.
    pub fn jump(&mut self, nanos: i64) {
        self.set = self.set.saturating_add(nanos);
    }

    /// Makes it run `ppm` parts per million too fast (too slow when negative) from now on.
    pub fn set_drift(&mut self, now: Time, ppm: i32) {
        self.gained = self.gain(now);
        self.anchor = now;
        self.drift = ppm.clamp(-DRIFT_MAX_PPM, DRIFT_MAX_PPM);
    }

    /// The true time that passes while this clock counts `span`.
    pub fn true_span(&self, span: Span) -> Span {
        if self.drift == 0 {
            return span;
        }
        let nanos = i128::from(span.0) * MILLION / (MILLION + i128::from(self.drift));
        Span(nanos as u64)
    }

    /// What this clock counts while `span` passes in truth.
    pub fn local_span(&self, span: Span) -> Span {
        let nanos = i128::from(span.0) * (MILLION + i128::from(self.drift)) / MILLION;
        Span(nanos as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_gains_and_its_timers_are_short() {
        let mut clock = Clock::default();
        clock.set_drift(Time(0), 100_000);
        let shown = |clock: &Clock| i128::from(clock.read(Time(Span::secs(10).0)).0) - EPOCH;
        assert_eq!(shown(&clock), i128::from(Span::secs(11).0));
        assert_eq!(clock.true_span(Span::ms(110)), Span::ms(100));
        clock.jump(-2_000_000_000);
        assert_eq!(shown(&clock), i128::from(Span::secs(9).0));
        clock.jump(i64::MIN);
        let now = Time(Span::secs(10).0);
        assert_eq!(clock.read(now), Time(0));
        assert_eq!(
            clock.uptime(now),
            Time(Span::secs(11).0),
            "nobody sets that"
        );
    }
}
