//! Measures the ranges of a network's values on pictures, for its 8-bit form.

use std::fmt::Write as _;

use super::arithmetic::Float;
use super::import::ImportError;
use super::ops::{ColorOrder, Op, Ops};
use super::plan::plan_open;
use super::ranges::is_output;
use super::run::{InputRow, Model, Work, read_ops};
use crate::kernels::{Isa, padded};

/// Watches all values of a network in floats.
#[derive(Clone, Debug)]
pub struct Observer {
    ops: Ops,
    model: Model<Float>,
    work: Work<f32>,
    /// For each value and picture: lowest and highest of each channel.
    seen: Vec<Vec<Vec<(f32, f32)>>>,
}

impl Observer {
    /// # Errors
    /// As [`super::Network::from_onnx`].
    pub fn from_onnx(bytes: &[u8], order: ColorOrder, isa: Isa) -> Result<Self, ImportError> {
        let ops = read_ops(bytes, order)?;
        let arithmetic = Float { isa };
        let model = Model { plan: plan_open(&ops, &arithmetic), arithmetic };
        let seen = vec![Vec::new(); ops.channels.len()];
        Ok(Self { ops, model, work: Work::default(), seen })
    }

    /// Runs the network on one picture; `fill` writes its rows, as for [`super::Network::run`].
    ///
    /// # Panics
    /// Unless height and width are multiples of 32.
    pub fn observe(&mut self, height: usize, width: usize, fill: impl Fn(usize, InputRow<'_>)) {
        self.model.run(&mut self.work, (height, width), &|y, to| fill(y, InputRow::Float(to)));
        for (value, picture) in self.work.slots.iter().enumerate().skip(1) {
            let channels = self.ops.channels[value];
            let mut extremes = vec![(0.0f32, 0.0f32); channels];
            for pixel in picture.all().chunks_exact(padded(channels)) {
                for ((low, high), &v) in extremes.iter_mut().zip(pixel) {
                    (*low, *high) = (low.min(v), high.max(v));
                }
            }
            self.seen[value].push(extremes);
        }
    }

    /// The lines of a ranges file. An end of a range is the `share`-th smallest (`0.0..=1.0`) of the pictures'
    /// own extremes: 1 takes the most extreme value of all, less leaves the rarest out.
    pub fn ranges(&self, share: f32) -> String {
        let mut lines = String::new();
        for (value, pictures) in self.seen.iter().enumerate().skip(1) {
            let follows =
                |(op, made): &(Op, usize)| *made == value && matches!(op, Op::MaxPool(_) | Op::Upsample(_));
            if self.ops.list.iter().any(follows) {
                continue;
            }
            if is_output(&self.ops, value) {
                for channel in 0..self.ops.channels[value] {
                    let (low, high) = ends(pictures.iter().map(|p| p[channel]), 1.0);
                    let _ = writeln!(lines, "{value} {channel} {low} {high}");
                }
            } else {
                let widest = |p: &Vec<(f32, f32)>| {
                    p.iter().fold((0.0f32, 0.0f32), |(a, b), (low, high)| (a.min(*low), b.max(*high)))
                };
                let (low, high) = ends(pictures.iter().map(widest), share);
                let _ = writeln!(lines, "{value} {low} {high}");
            }
        }
        lines
    }
}

fn ends(pictures: impl Iterator<Item = (f32, f32)>, share: f32) -> (f32, f32) {
    let (mut lows, mut highs): (Vec<f32>, Vec<f32>) = pictures.unzip();
    lows.sort_by(|a, b| b.total_cmp(a));
    highs.sort_by(f32::total_cmp);
    let pick = |sorted: &[f32]| {
        let last = sorted.len().saturating_sub(1);
        sorted.get((last as f32 * share.clamp(0.0, 1.0)).round() as usize).copied().unwrap_or(0.0)
    };
    (pick(&lows), pick(&highs))
}
