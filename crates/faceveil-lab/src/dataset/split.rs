//! Which pictures are for training, which for choosing, which for judging: whole groups at a time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A part of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// To learn from.
    Train,
    /// To choose with.
    Val,
    /// To judge with.
    Test,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// Its name, and that of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

/// The shares of the three parts; they add up to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shares([f64; 3]);

impl Default for Shares {
    fn default() -> Self {
        Self([0.8, 0.1, 0.1])
    }
}

impl Shares {
    /// All for judging.
    pub const TEST: Self = Self([0.0, 0.0, 1.0]);
}

/// Not three shares.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not three shares such as 80/10/10")]
pub struct SharesError(String);

impl FromStr for Shares {
    type Err = SharesError;

    /// `80/10/10`: any three numbers from 0, of which one is above it.
    fn from_str(text: &str) -> Result<Self, SharesError> {
        let wrong = || SharesError(text.to_owned());
        let numbers: Vec<f64> = text.split('/').map_while(|n| n.trim().parse().ok()).collect();
        let total: f64 = numbers.iter().sum();
        match numbers[..] {
            [a, b, c]
                if text.split('/').count() == 3
                    && a >= 0.0
                    && b >= 0.0
                    && c >= 0.0
                    && total > 0.0
                    && total.is_finite() =>
            {
                Ok(Self([a, b, c].map(|n| n / total)))
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.0.map(|share| (share * 1000.0).round() / 10.0);
        write!(f, "{a}/{b}/{c}")
    }
}

/// A group to be put somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSize {
    /// Which; any number.
    pub group: u32,
    /// What its place in the order is made of.
    pub key: u64,
    /// The set of its first picture.
    pub set: u32,
    /// Pictures in it.
    pub size: u64,
}

/// Puts each group into one part: in the order of their keys, each into the part that is furthest behind its share of the
/// pictures of its set. The result does not depend on the order in which the groups come.
pub fn assign(mut groups: Vec<GroupSize>, shares: Shares) -> Vec<(u32, Part)> {
    groups.sort_unstable_by_key(|g| (g.set, g.key, g.group));
    let mut assigned = Vec::with_capacity(groups.len());
    for of_set in groups.chunk_by(|a, b| a.set == b.set) {
        let (mut counts, mut total) = ([0.0; 3], 0.0);
        for group in of_set {
            total += group.size as f64;
            let behind = |at: usize| shares.0[at] * total - counts[at];
            let candidates = (0..3).filter(|&at| shares.0[at] > 0.0);
            let to = candidates.max_by(|&a, &b| behind(a).total_cmp(&behind(b)).then(b.cmp(&a))).unwrap_or(0);
            counts[to] += group.size as f64;
            assigned.push((group.group, Part::ALL[to]));
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::random::Random;

    #[test]
    fn shares_are_read_and_scaled() {
        assert_eq!("80/10/10".parse::<Shares>().unwrap(), Shares::default());
        assert_eq!("1/0/0".parse::<Shares>().unwrap().to_string(), "100/0/0");
        for bad in ["", "80/20", "80/10/5/5", "a/b/c", "0/0/0", "-1/1/1", "nan/1/1", "1/1/x", "inf/1/1"] {
            assert!(bad.parse::<Shares>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_set_is_divided_by_the_shares_whatever_the_order() {
        let mut random = Random::new(3);
        let mut groups: Vec<GroupSize> = (0..3000)
            .map(|group| GroupSize {
                group,
                key: random.bits(),
                set: group % 3,
                size: 1 + random.below(if group % 50 == 0 { 40 } else { 3 }) as u64,
            })
            .collect();
        let mut first = assign(groups.clone(), Shares::default());
        groups.reverse();
        let mut second = assign(groups.clone(), Shares::default());
        first.sort_unstable();
        second.sort_unstable();
        assert_eq!(first, second);
        for set in 0..3 {
            let mut counts = [0u64; 3];
            for g in groups.iter().filter(|g| g.set == set) {
                let at = first.binary_search_by_key(&g.group, |(group, _)| *group).unwrap();
                counts[first[at].1 as usize] += g.size;
            }
            let total: u64 = counts.iter().sum();
            for (count, want) in counts.iter().zip([0.8, 0.1, 0.1]) {
                let share = *count as f64 / total as f64;
                assert!((share - want).abs() < 0.03, "set {set}: {counts:?}");
            }
        }
        assert!(assign(groups, "0/1/1".parse().unwrap()).iter().all(|(_, part)| *part != Part::Train));
    }
}
