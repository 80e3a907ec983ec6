//! Times as whole ticks, never as seconds in floats.

/// Seconds a tick, as a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeBase {
    /// Numerator, at least 1.
    pub num: u32,
    /// Denominator, at least 1.
    pub den: u32,
}

impl TimeBase {
    /// `None` if either is 0.
    pub fn new(num: u32, den: u32) -> Option<Self> {
        (num > 0 && den > 0).then_some(Self { num, den })
    }

    /// From `num/den`.
    pub fn parse(text: &str) -> Option<Self> {
        let (num, den) = text.split_once('/')?;
        Self::new(num.parse().ok()?, den.parse().ok()?)
    }

    /// `ticks` in seconds, for messages and for comparing with what was typed.
    pub fn seconds(self, ticks: i64) -> f64 {
        ticks as f64 * f64::from(self.num) / f64::from(self.den)
    }

    /// `ticks` of this base in ticks of `other`, to the nearest, halves up; `None` beyond 64 bits.
    pub fn convert(self, ticks: i64, other: Self) -> Option<i64> {
        let up = i128::from(ticks) * i128::from(self.num) * i128::from(other.den);
        let down = i128::from(self.den) * i128::from(other.num);
        i64::try_from((2 * up + down).div_euclid(2 * down)).ok()
    }

    /// The least number of ticks that takes at least `seconds`.
    pub fn ticks(self, seconds: u32) -> i64 {
        let ticks = (u64::from(seconds) * u64::from(self.den)).div_ceil(u64::from(self.num));
        i64::try_from(ticks).unwrap_or(i64::MAX)
    }
}

impl std::fmt::Display for TimeBase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_convert_exactly_where_they_can() {
        let (ntsc, mpeg, ms) = ((1001, 30_000), (1, 90_000), (1, 1000));
        let base = |(num, den)| TimeBase { num, den };
        for (from, ticks, to, want) in [
            (ntsc, 1, mpeg, 3003),
            (ntsc, -2, mpeg, -6006),
            (mpeg, 3003, ntsc, 1),
            (ntsc, 1, ms, 33),
            (ms, -1, ms, -1),
        ] {
            assert_eq!(base(from).convert(ticks, base(to)), Some(want), "{ticks} of {from:?} in {to:?}");
        }
        assert_eq!(base((1, 1)).convert(i64::MAX, base(mpeg)), None);
        assert_eq!(base(ntsc).ticks(10), 300);
    }

    #[test]
    fn bases_without_ticks_are_none() {
        for text in ["0/1", "1/0", "1", "", "a/b", "-1/5", "1/5/7"] {
            assert_eq!(TimeBase::parse(text), None, "{text}");
        }
        assert_eq!(TimeBase::parse("1001/30000").map(|b| b.to_string()).as_deref(), Some("1001/30000"));
    }
}
