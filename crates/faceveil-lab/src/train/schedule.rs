//! How large the steps are over time, and when to stop.

use serde::{Deserialize, Serialize};

/// How the learning rate goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Warm-up in a straight line, then half a cosine down to nearly nothing
    Cosine,
    /// As the thesis: constant, halved when the validation loss has not fallen for some epochs
    Plateau,
}

/// Share of the steps in which the cosine schedule warms up.
const WARM: f64 = 0.08;
/// Lowest rate of the plateau schedule.
const LOWEST: f64 = 1e-6;

/// The rate after a share `done` of all steps, 0..1, with the highest rate `peak`.
pub fn cosine(done: f64, peak: f64) -> f64 {
    if done < WARM {
        return peak * (0.04 + 0.96 * done / WARM);
    }
    let rest = ((done - WARM) / (1.0 - WARM)).clamp(0.0, 1.0);
    peak * (0.001 + 0.999 * 0.5 * (1.0 + (std::f64::consts::PI * rest).cos()))
}

/// Watches the validation loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Lowest loss so far.
    pub best: Option<f64>,
    /// Epochs since.
    pub since: u64,
    /// What the plateau schedule multiplies the rate with.
    pub factor: f64,
}

impl Watch {
    /// Nothing seen.
    pub const fn new() -> Self {
        Self { best: None, since: 0, factor: 1.0 }
    }

    /// Takes an epoch's loss; halves the factor each `patience` epochs without a new lowest. Gives whether it is one.
    pub fn epoch(&mut self, loss: f64, patience: u64, peak: f64) -> bool {
        if self.best.is_none_or(|best| loss < best) {
            (self.best, self.since) = (Some(loss), 0);
            return true;
        }
        self.since += 1;
        if patience > 0 && self.since.is_multiple_of(patience) {
            self.factor = (self.factor * 0.5).max(LOWEST / peak);
        }
        false
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cosine_warms_up_and_ends_low() {
        assert!(cosine(0.0, 1.0) < 0.05 && (cosine(WARM, 1.0) - 1.0).abs() < 1e-9);
        assert!(cosine(1.0, 1.0) < 0.0011);
        let rates: Vec<f64> = (0..=100).map(|i| cosine(f64::from(i) / 100.0, 4e-3)).collect();
        assert!(rates[8..].is_sorted_by(|a, b| a >= b), "{rates:?}");
    }

    #[test]
    fn a_plateau_halves_the_rate_and_a_new_low_starts_anew() {
        let mut watch = Watch::new();
        let seen: Vec<_> = [1.0, 0.9, 0.95, 0.95, 0.8, 0.9, 0.9, 0.9, 0.9]
            .into_iter()
            .map(|loss| (watch.epoch(loss, 2, 1.0), watch.factor))
            .collect();
        let want = [
            (true, 1.0),
            (true, 1.0),
            (false, 1.0),
            (false, 0.5),
            (true, 0.5),
            (false, 0.5),
            (false, 0.25),
            (false, 0.25),
            (false, 0.125),
        ];
        assert_eq!(seen, want);
    }
}
