//! What range each value of a network takes on pictures, and which part of it 256 steps should cover.

use std::fmt;
use std::str::FromStr;

use crate::float::FloatNet;
use crate::network::NetworkError;

/// How a range is chosen from the values that were seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Calibration {
    /// All of them.
    MinMax,
    /// All but this share of the values at each end, in percent.
    Percentile(f64),
    /// The range, within that of all, that leaves the least squared error.
    Mse,
}

impl Calibration {
    /// Those that are tried where nobody chooses.
    pub const ALL: [Self; 4] = [Self::MinMax, Self::Percentile(0.001), Self::Percentile(0.01), Self::Mse];
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MinMax => f.write_str("min-max"),
            Self::Percentile(share) => write!(f, "percentile-{}", 100.0 - share),
            Self::Mse => f.write_str("mse"),
        }
    }
}

impl FromStr for Calibration {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "min-max" => Ok(Self::MinMax),
            "mse" => Ok(Self::Mse),
            _ => {
                let kept = s.strip_prefix("percentile-").and_then(|p| p.parse::<f64>().ok());
                let kept = kept.filter(|p| *p > 50.0 && *p <= 100.0);
                kept.map(|p| Self::Percentile(100.0 - p))
                    .ok_or_else(|| format!("{s:?} is not min-max, mse or percentile-99.99"))
            }
        }
    }
}

/// Bins of a histogram.
const BINS: usize = 4096;
/// Cuts that are tried for [`Calibration::Mse`], at each end.
const CUTS: usize = 24;

/// What was seen of a node's value.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The least value.
    pub low: f32,
    /// The largest.
    pub high: f32,
    /// Values between them, in bins of the same width.
    bins: Vec<u64>,
    /// Sum and number of each channel's values.
    sums: Vec<f64>,
    count: u64,
}

/// What was seen of each node.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    nodes: Vec<Seen>,
}

impl Observed {
    /// Runs `net` on each of `inputs`, twice: for the ends, and for what lies between.
    ///
    /// # Errors
    /// [`NetworkError`] if there is no input or one is of another length.
    pub fn of(net: &FloatNet, inputs: &[Vec<f32>]) -> Result<Self, NetworkError> {
        if inputs.is_empty() {
            return Err(NetworkError::NoPictures);
        }
        let seen = |node: &crate::network::Node<_>| Seen {
            low: f32::MAX,
            high: f32::MIN,
            bins: vec![0; BINS],
            sums: vec![0.0; node.shape.channels],
            count: 0,
        };
        let mut nodes: Vec<Seen> = net.nodes.iter().map(seen).collect();
        for input in inputs {
            net.run(input, &mut |id, values| nodes[id].widen(values))?;
        }
        for input in inputs {
            net.run(input, &mut |id, values| nodes[id].count(values))?;
        }
        Ok(Self { nodes })
    }

    /// The ranges of all nodes; those that only move values have that of what they move.
    pub fn ranges(&self, net: &FloatNet, how: Calibration) -> Vec<(f32, f32)> {
        let owners = net.scale_owners();
        let mut ranges = vec![(f32::MAX, f32::MIN); self.nodes.len()];
        for (id, seen) in self.nodes.iter().enumerate() {
            // What a node moves was counted where it came from.
            if net.nodes[id].op.moves() {
                continue;
            }
            let (low, high) = seen.range(how);
            let range = &mut ranges[owners[id]];
            *range = (range.0.min(low), range.1.max(high));
        }
        owners.iter().map(|&owner| ranges[owner]).collect()
    }

    /// The mean of each channel of a node's value.
    pub fn means(&self, id: usize) -> Vec<f32> {
        let seen = &self.nodes[id];
        seen.sums.iter().map(|s| (s / seen.count.max(1) as f64) as f32).collect()
    }
}

impl Seen {
    fn widen(&mut self, values: &[f32]) {
        for &v in values {
            self.low = self.low.min(v);
            self.high = self.high.max(v);
        }
    }

    fn count(&mut self, values: &[f32]) {
        let scale = BINS as f32 / (self.high - self.low).max(f32::MIN_POSITIVE);
        for &v in values {
            self.bins[(((v - self.low) * scale) as usize).min(BINS - 1)] += 1;
        }
        for place in values.chunks_exact(self.sums.len()) {
            for (sum, &v) in self.sums.iter_mut().zip(place) {
                *sum += f64::from(v);
            }
            self.count += 1;
        }
    }

    fn edge(&self, bin: usize) -> f32 {
        self.low + (self.high - self.low) * bin as f32 / BINS as f32
    }

    fn range(&self, how: Calibration) -> (f32, f32) {
        match how {
            Calibration::MinMax => (self.low, self.high),
            Calibration::Percentile(share) => self.percentile(share / 100.0),
            Calibration::Mse => self.least_error(),
        }
    }

    fn percentile(&self, share: f64) -> (f32, f32) {
        let all: u64 = self.bins.iter().sum();
        let most = (all as f64 * share) as u64;
        let cut = |bins: &mut dyn Iterator<Item = &u64>| {
            let mut sum = 0;
            bins.take_while(|n| {
                sum += **n;
                sum <= most
            })
            .count()
        };
        let (left, right) = (cut(&mut self.bins.iter()), cut(&mut self.bins.iter().rev()));
        if left + right >= BINS { (self.low, self.high) } else { (self.edge(left), self.edge(BINS - right)) }
    }

    /// Tries cuts at both ends in turn; each cut is a share of that end's distance from 0.
    fn least_error(&self) -> (f32, f32) {
        let mut best = (self.low.min(0.0), self.high.max(0.0));
        for _ in 0..2 {
            for side in 0..2 {
                let whole = if side == 0 { self.low.min(0.0) } else { self.high.max(0.0) };
                let tries = (0..CUTS).map(|i| {
                    let end = whole * (1.0 - i as f32 / CUTS as f32);
                    if side == 0 { (end, best.1) } else { (best.0, end) }
                });
                let scored = tries.map(|range| (self.error(range), range));
                best = scored.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(best, |(_, range)| range);
            }
        }
        best
    }

    /// Squared error of rounding to 256 steps of `low..=high`, and of cutting off there.
    fn error(&self, (low, high): (f32, f32)) -> f64 {
        let step = f64::from((high - low).max(f32::MIN_POSITIVE) / 255.0);
        let each = self.bins.iter().enumerate().filter(|(_, n)| **n > 0).map(|(bin, &n)| {
            let v = (self.edge(bin) + self.edge(bin + 1)) / 2.0;
            let off = f64::from(v - v.clamp(low, high));
            // Rounding errs evenly within half a step: step² / 12.
            n as f64 * (off * off + step * step / 12.0)
        });
        each.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Network, Node, Op};
    use faceveil_net::Shape;

    fn seen(values: &[f32]) -> Seen {
        let shape = Shape::new(1, values.len(), 1);
        let net: FloatNet =
            Network { nodes: vec![Node { op: Op::Input, inputs: vec![], shape }], outputs: vec![0] };
        Observed::of(&net, &[values.to_vec()]).unwrap().nodes.remove(0)
    }

    #[test]
    fn an_outlier_is_cut_by_who_is_to_cut_it() {
        let mut values: Vec<f32> = (0..20_000).map(|i| i as f32 / 20_000.0).collect();
        values.push(40.0);
        let seen = seen(&values);
        assert_eq!(seen.range(Calibration::MinMax), (0.0, 40.0));
        let (low, high) = seen.range(Calibration::Percentile(0.01));
        assert!(low < 0.02 && (0.98..1.1).contains(&high), "{low} {high}");
        let (_, high) = seen.range(Calibration::Mse);
        assert!(high < 40.0, "{high}");
    }

    #[test]
    fn what_is_even_is_not_cut() {
        let values: Vec<f32> = (0..1000).map(|i| i as f32 / 100.0 - 3.0).collect();
        let (low, high) = seen(&values).range(Calibration::Mse);
        assert!((low + 3.0).abs() < 0.02 && (high - 6.99).abs() < 0.02, "{low} {high}");
    }

    #[test]
    fn names_come_back() {
        for how in Calibration::ALL {
            let Ok(back) = how.to_string().parse::<Calibration>() else { panic!("{how}") };
            assert_eq!(back.to_string(), how.to_string());
        }
        for bad in ["", "percentile-20", "percentile-x", "minmax"] {
            assert!(bad.parse::<Calibration>().is_err(), "{bad}");
        }
    }
}
