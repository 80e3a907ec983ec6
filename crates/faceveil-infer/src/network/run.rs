//! Runs the steps of a plan, a block of rows at a time: the rows between a chain's convolutions stay in
//! the second-level cache and never go to memory.

use super::import::{ImportError, import};
use super::plan::{Finish, Plan, Source, Step, plan};
use crate::kernels::{DepthRows, DepthWeights, Isa, PointWeights, padded};
use crate::onnx::Graph;

/// What the rows between two convolutions of a chain may take, in bytes: a share of a second-level cache.
const BLOCK_BYTES: usize = 256 * 1024;

/// A picture of channels, `[height, width, channels]`.
#[derive(Clone, Debug, Default)]
struct Picture {
    height: usize,
    width: usize,
    channels: usize,
    data: Vec<f32>,
}

impl Picture {
    /// Takes a new shape; keeps the memory. What the picture holds is unspecified.
    fn reshape(&mut self, height: usize, width: usize, channels: usize) {
        (self.height, self.width, self.channels) = (height, width, channels);
        self.data.resize(height * width * channels, 0.0);
    }

    fn row_len(&self) -> usize {
        self.width * self.channels
    }

    fn row(&self, y: usize) -> &[f32] {
        &self.data[y * self.row_len()..(y + 1) * self.row_len()]
    }

    fn rows_mut(&mut self, y: usize, count: usize) -> &mut [f32] {
        let len = self.row_len();
        &mut self.data[y * len..(y + count) * len]
    }
}

/// The memory that a network works in; kept from picture to picture.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    slots: Vec<Picture>,
    scratch: Scratch,
}

#[derive(Clone, Debug, Default)]
struct Scratch {
    /// Rows between source and depthwise part, with a pixel of padding on both sides.
    wide: Vec<f32>,
    /// Rows between depthwise part and finish.
    deep: Vec<f32>,
    /// Gathered windows of a 3×3 convolution, or the four pixels of a transposed one.
    gathered: Vec<f32>,
    /// A row of zeros, for above and below the picture.
    zeros: Vec<f32>,
}

/// Channels of one output, interleaved with the channels of others.
#[derive(Clone, Copy, Debug)]
pub struct Output<'m> {
    /// Height in cells.
    pub height: usize,
    /// Width in cells.
    pub width: usize,
    /// Distance from one cell to the next.
    stride: usize,
    first: usize,
    channels: usize,
    data: &'m [f32],
}

impl<'m> Output<'m> {
    /// The channels of the cell at `row * width + column`.
    ///
    /// # Panics
    /// If there is no such cell.
    pub fn cell(&self, index: usize) -> &'m [f32] {
        &self.data[index * self.stride + self.first..][..self.channels]
    }
}

/// A network ready to run.
#[derive(Clone, Debug)]
pub struct Network {
    plan: Plan,
    input_channels: usize,
    isa: Isa,
}

impl Network {
    /// Reads an ONNX file whose input is a picture of `input_channels`; runs it with the instructions of `isa`.
    ///
    /// # Errors
    /// [`ImportError`] if the bytes are no ONNX or the network has an operation that the engine lacks.
    pub fn from_onnx(bytes: &[u8], input_channels: usize, isa: Isa) -> Result<Self, ImportError> {
        let graph = Graph::parse(bytes)?;
        Ok(Self { plan: plan(import(&graph, input_channels)?), input_channels, isa })
    }

    /// Checks that there is an output of this name and number of channels.
    ///
    /// # Errors
    /// [`ImportError::Output`] if there is none.
    pub fn expect_output(&self, name: &str, channels: usize) -> Result<(), ImportError> {
        let found = self.plan.outputs.iter().any(|(n, _, _, c)| n == name && *c == channels);
        if found { Ok(()) } else { Err(ImportError::Output { name: name.to_owned(), channels }) }
    }

    /// Runs the network; `fill` writes the input `[height, width, channels]` in place.
    ///
    /// # Panics
    /// Unless height and width are multiples of 32: the caller pads.
    pub fn run(&self, memory: &mut Memory, height: usize, width: usize, fill: impl FnOnce(&mut [f32])) {
        assert!(
            height > 0 && width > 0 && height.is_multiple_of(32) && width.is_multiple_of(32),
            "{width}×{height}: not of 32"
        );
        memory.slots.resize(self.plan.slots.max(1), Picture::default());
        let input = &mut memory.slots[self.plan.input];
        input.reshape(height, width, self.input_channels);
        fill(&mut input.data);
        for step in &self.plan.steps {
            self.step(step, memory);
        }
    }

    /// An output of the last run, by its name in the ONNX file. Sigmoids at the end are not applied.
    ///
    /// # Panics
    /// If there is no such output (see [`Self::expect_output`]) or nothing has been run.
    pub fn output<'m>(&self, memory: &'m Memory, name: &str) -> Output<'m> {
        let found = self.plan.outputs.iter().find(|(n, ..)| n == name);
        let &(_, slot, first, channels) = found.expect("the caller has checked the outputs");
        let picture = &memory.slots[slot];
        let (height, width, stride) = (picture.height, picture.width, picture.channels);
        Output { height, width, stride, first, channels, data: &picture.data }
    }

    fn step(&self, step: &Step, memory: &mut Memory) {
        let Memory { slots, scratch } = memory;
        match step {
            Step::Chain { input, output, source, depth, finish } => {
                let mut out = std::mem::take(&mut slots[*output]);
                let residual = match finish {
                    Finish::Point { residual: Some(r), .. } => Some(&slots[*r]),
                    _ => None,
                };
                Chain {
                    isa: self.isa,
                    input: &slots[*input],
                    source,
                    depth: depth.as_ref(),
                    finish,
                    residual,
                }
                .run(scratch, &mut out);
                slots[*output] = out;
            }
            Step::Pool { input, output } => {
                let mut out = std::mem::take(&mut slots[*output]);
                let from = &slots[*input];
                out.reshape(from.height / 2, from.width / 2, from.channels);
                for y in 0..out.height {
                    pool_row(from.row(2 * y), from.row(2 * y + 1), from.channels, out.rows_mut(y, 1));
                }
                slots[*output] = out;
            }
            Step::Upsample { input, output } => {
                let mut out = std::mem::take(&mut slots[*output]);
                let from = &slots[*input];
                out.reshape(from.height * 2, from.width * 2, from.channels);
                for y in 0..out.height {
                    let pixels = from.row(y / 2).chunks_exact(from.channels);
                    for (two, pixel) in out.rows_mut(y, 1).chunks_exact_mut(2 * from.channels).zip(pixels) {
                        two[..pixel.len()].copy_from_slice(pixel);
                        two[pixel.len()..].copy_from_slice(pixel);
                    }
                }
                slots[*output] = out;
            }
            Step::Add { a, b, output } => {
                let mut out = std::mem::take(&mut slots[*output]);
                let (a, b) = (&slots[*a], &slots[*b]);
                out.reshape(a.height, a.width, a.channels);
                for ((o, a), b) in out.data.iter_mut().zip(&a.data).zip(&b.data) {
                    *o = a + b;
                }
                slots[*output] = out;
            }
            Step::Double { input, output, weights } => {
                let mut out = std::mem::take(&mut slots[*output]);
                double(self.isa, &slots[*input], weights, &mut scratch.gathered, &mut out);
                slots[*output] = out;
            }
        }
    }
}

/// A chain at work.
struct Chain<'a> {
    isa: Isa,
    input: &'a Picture,
    source: &'a Source,
    depth: Option<&'a (DepthWeights, usize)>,
    finish: &'a Finish,
    residual: Option<&'a Picture>,
}

impl Chain<'_> {
    /// Size and channels of what the source makes.
    fn source_shape(&self) -> (usize, usize, usize) {
        let (h, w) = (self.input.height, self.input.width);
        match self.source {
            Source::Copy => (h, w, self.input.channels),
            Source::Point(weights) => (h, w, weights.outputs()),
            Source::Full3 { weights, stride } => {
                (h.div_ceil(*stride), w.div_ceil(*stride), weights.outputs())
            }
        }
    }

    fn run(&self, scratch: &mut Scratch, out: &mut Picture) {
        let (source_height, source_width, channels) = self.source_shape();
        let stride = self.depth.map_or(1, |d| d.1);
        let (height, width) = (source_height.div_ceil(stride), source_width.div_ceil(stride));
        match self.finish {
            Finish::None => out.reshape(height, width, channels),
            Finish::Pool => out.reshape(height / 2, width / 2, channels),
            Finish::Point { weights, .. } => out.reshape(height, width, weights.outputs()),
        }
        let row_bytes = source_width * channels * size_of::<f32>();
        // Even, so that a pool finds both its rows.
        let rows = (BLOCK_BYTES / row_bytes.max(1)).clamp(2, 16) & !1;
        let wide_len = (source_width + 2) * channels;
        scratch.zeros.clear();
        scratch.zeros.resize(wide_len, 0.0);
        scratch.wide.clear();
        scratch.wide.resize((rows * stride + 2) * wide_len, 0.0);
        // Row `i` of `wide` is source row `from + i`.
        let (mut from, mut have) = (0_usize, 0_usize);
        let mut y = 0;
        while y < height {
            let count = rows.min(height - y);
            if let Some((weights, _)) = self.depth {
                let first = (y * stride).saturating_sub(1);
                let end = ((y + count - 1) * stride + 2).min(source_height);
                let keep = (from + have).saturating_sub(first);
                scratch.wide.copy_within((first - from) * wide_len..(first - from + keep) * wide_len, 0);
                (from, have) = (first, keep);
                while from + have < end {
                    let row = &mut scratch.wide[have * wide_len..(have + 1) * wide_len];
                    self.source_row(
                        from + have,
                        &mut scratch.gathered,
                        &mut row[channels..wide_len - channels],
                    );
                    have += 1;
                }
                let deep = self.deep_rows(&mut scratch.deep, out, y, count, width * channels);
                for (i, to) in deep.chunks_exact_mut(width * channels).enumerate() {
                    let middle = (y + i) * stride;
                    let row = |at: usize| match at.checked_sub(from + 1) {
                        Some(r) if at <= source_height => &scratch.wide[r * wide_len..(r + 1) * wide_len],
                        _ => &scratch.zeros[..],
                    };
                    // `row` counts from 1, so that the row above the picture has a number.
                    let rows = [row(middle), row(middle + 1), row(middle + 2)];
                    self.isa.depth_row(DepthRows { rows, stride }, weights, to);
                }
            } else {
                let deep = self.deep_rows(&mut scratch.deep, out, y, count, width * channels);
                for (i, to) in deep.chunks_exact_mut(width * channels).enumerate() {
                    self.source_row(y + i, &mut scratch.gathered, to);
                }
            }
            self.finish_rows(&scratch.deep, out, y, count, width * channels);
            y += count;
        }
    }

    /// Where the rows before the finish go: straight to the output if there is no finish.
    fn deep_rows<'s>(
        &self,
        deep: &'s mut Vec<f32>,
        out: &'s mut Picture,
        y: usize,
        count: usize,
        len: usize,
    ) -> &'s mut [f32] {
        if matches!(self.finish, Finish::None) {
            return out.rows_mut(y, count);
        }
        deep.resize(count * len, 0.0);
        deep
    }

    fn finish_rows(&self, deep: &[f32], out: &mut Picture, y: usize, count: usize, len: usize) {
        match self.finish {
            Finish::None => {}
            Finish::Pool => {
                let channels = out.channels;
                for (i, two) in deep.chunks_exact(2 * len).take(count / 2).enumerate() {
                    pool_row(&two[..len], &two[len..], channels, out.rows_mut(y / 2 + i, 1));
                }
            }
            Finish::Point { weights, .. } => {
                let span = y * out.row_len()..(y + count) * out.row_len();
                let residual = self.residual.map(|r| &r.data[span]);
                self.isa.point(&deep[..count * len], weights, residual, out.rows_mut(y, count));
            }
        }
    }

    /// One row of what the source makes.
    fn source_row(&self, y: usize, gathered: &mut Vec<f32>, to: &mut [f32]) {
        match self.source {
            Source::Copy => to.copy_from_slice(self.input.row(y)),
            Source::Point(weights) => self.isa.point(self.input.row(y), weights, None, to),
            Source::Full3 { weights, stride } => {
                gather(self.input, y * stride, *stride, gathered);
                self.isa.point(gathered, weights, None, to);
            }
        }
    }
}

/// The 3×3 windows around every `stride`-th pixel of row `middle`, zeros outside: `[width, 3, 3, channels]`.
fn gather(input: &Picture, middle: usize, stride: usize, windows: &mut Vec<f32>) {
    let channels = input.channels;
    let width = input.width.div_ceil(stride);
    windows.resize(width * 9 * channels, 0.0);
    for (x, window) in windows.chunks_exact_mut(9 * channels).enumerate() {
        let centre = x * stride;
        let (left, right) = (centre.saturating_sub(1), (centre + 2).min(input.width));
        for (r, three) in window.chunks_exact_mut(3 * channels).enumerate() {
            match (middle + r).checked_sub(1).filter(|&y| y < input.height) {
                Some(y) if right - left == 3 => {
                    three.copy_from_slice(&input.row(y)[left * channels..right * channels]);
                }
                Some(y) => {
                    three.fill(0.0);
                    let skip = (left + 1 - centre) * channels;
                    let part = &input.row(y)[left * channels..right * channels];
                    three[skip..skip + part.len()].copy_from_slice(part);
                }
                None => three.fill(0.0),
            }
        }
    }
}

fn pool_row(above: &[f32], below: &[f32], channels: usize, out: &mut [f32]) {
    let twos = above.chunks_exact(2 * channels).zip(below.chunks_exact(2 * channels));
    for (to, (a, b)) in out.chunks_exact_mut(channels).zip(twos) {
        let four = a[..channels].iter().zip(&a[channels..]).zip(b[..channels].iter().zip(&b[channels..]));
        let larger = |x: f32, y: f32| if x > y { x } else { y };
        for (to, ((a, b), (c, d))) in to.iter_mut().zip(four) {
            *to = larger(larger(*a, *b), larger(*c, *d));
        }
    }
}

fn double(isa: Isa, input: &Picture, weights: &PointWeights, four: &mut Vec<f32>, out: &mut Picture) {
    let channels = padded(weights.outputs() / 4);
    out.reshape(input.height * 2, input.width * 2, channels);
    four.resize(input.width * weights.outputs(), 0.0);
    for y in 0..input.height {
        isa.point(input.row(y), weights, None, four);
        let (top, bottom) = out.rows_mut(2 * y, 2).split_at_mut(input.width * 2 * channels);
        for (x, pixel) in four.chunks_exact(4 * channels).enumerate() {
            let place = 2 * x * channels..2 * (x + 1) * channels;
            top[place.clone()].copy_from_slice(&pixel[..2 * channels]);
            bottom[place].copy_from_slice(&pixel[2 * channels..]);
        }
    }
}
