//! Figures over many pictures.

use serde::{Deserialize, Serialize};

use crate::collateral::Collateral;
use crate::face::{FaceVerdict, Status};
use crate::pair::{PictureVerdict, median};

/// A share with its 95 % interval (Wilson's score interval, z = 1.96).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// How many.
    pub hits: usize,
    /// Of how many, at least 1.
    pub of: usize,
    /// `hits / of`
    pub rate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Rate {
    /// `None` for nothing of nothing: no data is no success.
    pub fn new(hits: usize, of: usize) -> Option<Self> {
        const Z: f64 = 1.96;
        if of == 0 {
            return None;
        }
        let (n, rate) = (of as f64, hits as f64 / of as f64);
        let scale = 1.0 + Z * Z / n;
        let middle = (rate + Z * Z / (2.0 * n)) / scale;
        let half = Z * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).max(0.0).sqrt() / scale;
        Some(Self { hits, of, rate, low: (middle - half).max(0.0), high: (middle + half).min(1.0) })
    }
}

/// How a group of faces came out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeakTable {
    /// Annotated faces.
    pub faces: usize,
    /// Those that could be judged.
    pub judged: usize,
    /// Too small to judge.
    pub too_small: usize,
    /// Too flat to judge.
    pub flat: usize,
    /// Leaks among the judged.
    pub leak: Option<Rate>,
    /// Leaks by any standard among the judged.
    pub exposed: Option<Rate>,
    /// Leaks with under 20 % changed.
    pub untouched: usize,
    /// Leaks with under 80 % changed.
    pub partial: usize,
    /// Leaks that changed but kept their pattern.
    pub weak: usize,
    /// Median of `kept` among the judged.
    pub kept_median: Option<f32>,
}

impl LeakTable {
    /// Counts `faces`.
    pub fn of<'a>(faces: impl IntoIterator<Item = &'a FaceVerdict>) -> Self {
        let faces: Vec<&FaceVerdict> = faces.into_iter().collect();
        let count = |test: &dyn Fn(&FaceVerdict) -> bool| faces.iter().filter(|face| test(face)).count();
        let of = |status| count(&|face| face.status == status);
        let judged = count(&|face| face.status.is_judged());
        let mut kept: Vec<f32> = faces.iter().filter_map(|face| face.kept).collect();
        Self {
            faces: faces.len(),
            judged,
            too_small: of(Status::TooSmall),
            flat: of(Status::Flat),
            leak: Rate::new(count(&|face| face.status.is_leak()), judged),
            exposed: Rate::new(count(&FaceVerdict::is_exposed), judged),
            untouched: of(Status::Untouched),
            partial: of(Status::Partial),
            weak: of(Status::Weak),
            kept_median: median(&mut kept, |v| v),
        }
    }
}

/// Faces of one range of sizes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Smallest size in the range.
    pub from: f64,
    /// First size above the range; `None` if it has no end.
    pub to: Option<f64>,
    /// Its faces.
    #[serde(flatten)]
    pub table: LeakTable,
}

/// Means over the pictures whose outside could be judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutsideMean {
    /// See [`crate::Collateral::changed_share`].
    pub changed_share: f64,
    /// See [`crate::Collateral::mae`].
    pub mae: f64,
    /// See [`crate::Collateral::psnr`].
    pub psnr: f64,
    /// See [`crate::Collateral::ssim`].
    pub ssim: f64,
    /// False regions a picture.
    pub false_regions: f64,
    /// Pictures in the mean.
    pub pictures: usize,
}

impl OutsideMean {
    /// The mean of what there is; `None` of nothing.
    pub fn of(rows: &[Collateral]) -> Option<Self> {
        let of = |f: fn(&Collateral) -> f64| mean(&rows.iter().map(f).collect::<Vec<_>>());
        Some(Self {
            changed_share: of(|row| row.changed_share)?,
            mae: of(|row| row.mae)?,
            psnr: of(|row| row.psnr)?,
            ssim: of(|row| row.ssim)?,
            false_regions: of(|row| row.false_regions as f64)?,
            pictures: rows.len(),
        })
    }
}

/// Bins by the shorter side in pixels of the original.
const PX: [f64; 6] = [0.0, 8.0, 16.0, 32.0, 64.0, 128.0];
/// Bins by the shorter side as a share of the original's longer side.
const SHARES: [f64; 5] = [0.0, 0.02, 0.05, 0.1, 0.2];

/// All measures of a set of pictures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Pictures judged, those without output included.
    pub pictures: usize,
    /// Pictures without output; their faces count as untouched.
    pub outputs_missing: usize,
    /// The output's pixels for one of the original, mean.
    pub pixels_kept: Option<f64>,
    /// Faces of at least 8 pixels.
    pub at_least_8_px: LeakTable,
    /// Faces of at least 16 pixels.
    pub at_least_16_px: LeakTable,
    /// Faces of at least 32 pixels.
    pub at_least_32_px: LeakTable,
    /// Faces by pixels of their shorter side.
    pub by_px: Vec<Bin>,
    /// Faces by their shorter side's share of the picture's longer side.
    pub by_share: Vec<Bin>,
    /// What changed outside the faces.
    pub outside: Option<OutsideMean>,
    /// Pictures with an output that have a false region.
    pub images_with_false_region: Option<Rate>,
}

impl Summary {
    /// Sums up `pictures`.
    pub fn of(pictures: &[PictureVerdict]) -> Self {
        let faces = || pictures.iter().flat_map(|picture| &picture.faces);
        let at_least = |px: f64| LeakTable::of(faces().filter(|face| face.px >= px));
        let kept: Vec<f64> = pictures.iter().filter_map(|picture| picture.pixels_kept).collect();
        let flawed = |p: &&PictureVerdict| p.outside.is_some_and(|o| o.false_regions > 0);
        Self {
            pictures: pictures.len(),
            outputs_missing: pictures.len() - kept.len(),
            pixels_kept: mean(&kept),
            at_least_8_px: at_least(8.0),
            at_least_16_px: at_least(16.0),
            at_least_32_px: at_least(32.0),
            by_px: bins(&PX, faces, |face| face.px),
            by_share: bins(&SHARES, faces, |face| face.share),
            outside: OutsideMean::of(&pictures.iter().filter_map(|p| p.outside).collect::<Vec<_>>()),
            images_with_false_region: Rate::new(pictures.iter().filter(flawed).count(), kept.len()),
        }
    }
}

fn bins<'a, I>(edges: &[f64], faces: impl Fn() -> I, size: impl Fn(&FaceVerdict) -> f64) -> Vec<Bin>
where
    I: Iterator<Item = &'a FaceVerdict>,
{
    let bin = |at: usize| {
        let (from, to) = (edges[at], edges.get(at + 1).copied());
        let within = |face: &&FaceVerdict| size(face) >= from && to.is_none_or(|to| size(face) < to);
        Bin { from, to, table: LeakTable::of(faces().filter(within)) }
    };
    (0..edges.len()).map(bin).collect()
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pair::no_output;
    use faceveil_data::truth::TruthFace;

    #[test]
    fn wilson_intervals() {
        // From the referee: judge.wilson.
        for (hits, of, want) in [
            (0, 100, [0.0, 0.0, 0.037]),
            (1, 3, [0.3333, 0.0615, 0.7923]),
            (48, 72, [0.6667, 0.5518, 0.7647]),
            (5, 5, [1.0, 0.5655, 1.0]),
        ] {
            let rate = Rate::new(hits, of).unwrap();
            let got = [rate.rate, rate.low, rate.high].map(|v| (v * 1e4).round() / 1e4);
            assert_eq!(got, want, "{hits} of {of}");
        }
        assert_eq!(Rate::new(0, 0), None);
    }

    #[test]
    fn no_data_is_no_success() {
        let summary = Summary::of(&[]);
        assert_eq!(summary.at_least_8_px.leak, None);
        assert_eq!(summary.at_least_8_px.kept_median, None);
        assert_eq!((summary.outside, summary.images_with_false_region), (None, None));
    }

    #[test]
    fn a_missing_output_leaks_every_face() {
        let faces = [TruthFace::from_box(0.0, 0.0, 40.0, 30.0), TruthFace::from_box(0.0, 0.0, 9.0, 9.0)];
        let summary = Summary::of(&[no_output(200, 100, &faces)]);
        assert_eq!(summary.outputs_missing, 1);
        assert_eq!(summary.at_least_16_px.leak, Rate::new(1, 1));
        assert_eq!(summary.at_least_8_px.exposed, Rate::new(2, 2));
        assert_eq!(summary.images_with_false_region, None);
        let px: Vec<_> = summary.by_px.iter().map(|bin| (bin.from, bin.to, bin.table.faces)).collect();
        assert_eq!(px[1..3], [(8.0, Some(16.0), 1), (16.0, Some(32.0), 1)]);
        assert_eq!(summary.by_share[3].table.faces, 1);
        assert_eq!(px[5], (128.0, None, 0));
    }

    #[test]
    fn medians() {
        for (mut values, want) in [
            (vec![], None),
            (vec![3.0], Some(3.0)),
            (vec![4.0, 1.0], Some(2.5)),
            (vec![9.0, 1.0, 5.0], Some(5.0)),
            (vec![4.0, 3.0, 2.0, 1.0], Some(2.5)),
        ] {
            assert_eq!(median(&mut values, |v| v), want, "{values:?}");
        }
    }
}
