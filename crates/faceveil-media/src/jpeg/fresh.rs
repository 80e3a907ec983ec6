//! Units made anew from pixels: colour transform, subsampling, DCT, quantisation.

use crate::JpegComponent;
use crate::jpeg::block::Block;
use crate::jpeg::header::ZIGZAG;
use crate::jpeg::model::Model;
use crate::jpeg::units::{Layout, Sparse};

/// Makes the units of one picture.
pub(super) struct Fresh<'a> {
    samples: &'a [u8],
    width: usize,
    height: usize,
    model: Model,
    layout: &'a Layout,
    /// The largest sampling factors.
    most: [usize; 2],
    /// By component and zig-zag index, one over the step.
    inverse_steps: Vec<[f32; 64]>,
    /// Cosines of the DCT, `[frequency][place]`.
    cosines: [[f32; 8]; 8],
    /// By component, the unit's samples at full resolution, around 0.
    planes: Vec<Vec<f32>>,
}

/// Whether each component's samples stand for a whole number of pixels.
pub(super) fn divides(components: &[JpegComponent]) -> bool {
    let (h, v) = most(components);
    components.iter().all(|c| h.is_multiple_of(c.horizontal) && v.is_multiple_of(c.vertical))
}

fn most(components: &[JpegComponent]) -> (u8, u8) {
    let most = |factor: fn(&JpegComponent) -> u8| components.iter().map(factor).max().unwrap_or(1);
    (most(|c| c.horizontal), most(|c| c.vertical))
}

impl<'a> Fresh<'a> {
    /// `samples` are `width * height` pixels as `model` decodes to.
    pub fn new(
        samples: &'a [u8],
        (width, height): (u32, u32),
        model: Model,
        layout: &'a Layout,
        components: &[JpegComponent],
    ) -> Self {
        let (h, v) = most(components);
        let most = [usize::from(h), usize::from(v)];
        let inverse = |c: &JpegComponent| ZIGZAG.map(|i| 1.0 / f32::from(c.table[usize::from(i)]));
        // T.81 section A.3.3, orthonormal: twice 1/2, and 1/sqrt 2 for frequency 0.
        let cosine = |u: usize, x: usize| {
            let scale = if u == 0 { std::f64::consts::FRAC_1_SQRT_2 / 2.0 } else { 0.5 };
            (scale * ((2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0).cos()) as f32
        };
        Self {
            samples,
            width: width as usize,
            height: height as usize,
            model,
            layout,
            most,
            inverse_steps: components.iter().map(inverse).collect(),
            cosines: std::array::from_fn(|u| std::array::from_fn(|x| cosine(u, x))),
            planes: vec![vec![0.0; 64 * most[0] * most[1]]; components.len()],
        }
    }

    /// Unit `(x, y)`, block by block in the order of the slots.
    pub fn unit(&mut self, x: usize, y: usize, blocks: &mut [Sparse]) {
        self.fill_planes(x, y);
        for (slot, block) in self.layout.slots.iter().zip(blocks) {
            let samples = self.block(slot.component, slot.dx, slot.dy);
            *block = Sparse::from(&self.transform(&samples, &self.inverse_steps[slot.component]));
        }
    }

    /// Pixels beyond the picture are those of its edge.
    fn fill_planes(&mut self, x: usize, y: usize) {
        let [wide, high] = self.most.map(|n| 8 * n);
        let channels = self.planes.len();
        for dy in 0..high {
            let row = (y * high + dy).min(self.height - 1) * self.width;
            for dx in 0..wide {
                let at = (row + (x * wide + dx).min(self.width - 1)) * channels;
                let coded = self.model.coded(&self.samples[at..at + channels]);
                for (plane, value) in self.planes.iter_mut().zip(coded) {
                    plane[dy * wide + dx] = value - 128.0;
                }
            }
        }
    }

    /// A block's samples: the mean of the pixels that each stands for.
    fn block(&self, component: usize, dx: usize, dy: usize) -> [[f32; 8]; 8] {
        let [h, v] = self.layout.components[component].0;
        let (across, down) = (self.most[0] / h, self.most[1] / v);
        let wide = 8 * self.most[0];
        let plane = &self.planes[component];
        let share = 1.0 / (across * down) as f32;
        std::array::from_fn(|y| {
            std::array::from_fn(|x| {
                let first = (dy * 8 + y) * down * wide + (dx * 8 + x) * across;
                let rows = (0..down).map(|i| &plane[first + i * wide..][..across]);
                rows.map(|row| row.iter().sum::<f32>()).sum::<f32>() * share
            })
        })
    }

    /// The DCT by its definition, row by row and column by column, over the steps.
    fn transform(&self, samples: &[[f32; 8]; 8], inverse_steps: &[f32; 64]) -> Block {
        let mut half = [[0.0; 8]; 8]; // [place y][frequency u]
        for (row, out) in samples.iter().zip(&mut half) {
            for (u, out) in out.iter_mut().enumerate() {
                *out = row.iter().zip(&self.cosines[u]).map(|(s, c)| s * c).sum();
            }
        }
        let mut whole = [0.0; 64]; // [frequency v][frequency u]
        for (v, cosines) in self.cosines.iter().enumerate() {
            for (row, cosine) in half.iter().zip(cosines) {
                for (out, value) in whole[v * 8..v * 8 + 8].iter_mut().zip(row) {
                    *out += value * cosine;
                }
            }
        }
        std::array::from_fn(|k| {
            let level = whole[usize::from(ZIGZAG[k])] * inverse_steps[k];
            let least = if k == 0 { -1024.0 } else { -1023.0 };
            level.round().clamp(least, 1023.0) as i16
        })
    }
}
