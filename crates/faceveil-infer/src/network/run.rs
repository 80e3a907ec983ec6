//! Runs the steps of a plan.

use super::chain::{Chain, Scratch};
use super::import::{ImportError, import};
use super::plan::{Finish, Plan, Step, plan};
use crate::kernels::{Isa, PointWeights, padded};
use crate::onnx::Graph;

/// A picture of channels, `[height, width, channels]`.
#[derive(Clone, Debug, Default)]
pub(super) struct Picture {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// At least as long as the picture needs.
    data: Vec<f32>,
}

impl Picture {
    /// Takes a new shape; keeps the memory. What the picture holds is unspecified.
    pub fn reshape(&mut self, height: usize, width: usize, channels: usize) {
        (self.height, self.width, self.channels) = (height, width, channels);
        grown(&mut self.data, height * width * channels);
    }

    pub fn rows(&self, y: usize, count: usize) -> &[f32] {
        let len = self.width * self.channels;
        &self.data[y * len..(y + count) * len]
    }

    pub fn rows_mut(&mut self, y: usize, count: usize) -> &mut [f32] {
        let len = self.width * self.channels;
        &mut self.data[y * len..(y + count) * len]
    }

    fn all(&self) -> &[f32] {
        self.rows(0, self.height)
    }
}

/// The first `len` values of `buffer`, which never shrinks: growing again would fill it with zeros.
pub(super) fn grown(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}

/// The memory that a network works in; kept from picture to picture.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    slots: Vec<Picture>,
    scratch: Scratch,
    /// A row of the four pixels that a transposed convolution makes of each.
    four: Vec<f32>,
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
        fill(input.rows_mut(0, height));
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
        Output { height, width, stride, first, channels, data: picture.all() }
    }

    fn step(&self, step: &Step, memory: &mut Memory) {
        let Memory { slots, scratch, four } = memory;
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
                    let (above, below) = (from.rows(2 * y, 1), from.rows(2 * y + 1, 1));
                    pool_row(above, below, from.channels, out.rows_mut(y, 1));
                }
                slots[*output] = out;
            }
            Step::Upsample { input, output } => {
                let mut out = std::mem::take(&mut slots[*output]);
                let from = &slots[*input];
                out.reshape(from.height * 2, from.width * 2, from.channels);
                for y in 0..out.height {
                    let pixels = from.rows(y / 2, 1).chunks_exact(from.channels);
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
                for ((o, a), b) in out.rows_mut(0, a.height).iter_mut().zip(a.all()).zip(b.all()) {
                    *o = a + b;
                }
                slots[*output] = out;
            }
            Step::Double { input, output, weights } => {
                let mut out = std::mem::take(&mut slots[*output]);
                double(self.isa, &slots[*input], weights, four, &mut out);
                slots[*output] = out;
            }
        }
    }
}

/// The maximum of each 2×2 pixels of two rows.
pub(super) fn pool_row(above: &[f32], below: &[f32], channels: usize, out: &mut [f32]) {
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
    let four = grown(four, input.width * weights.outputs());
    for y in 0..input.height {
        isa.point(input.rows(y, 1), weights, None, four);
        let (top, bottom) = out.rows_mut(2 * y, 2).split_at_mut(input.width * 2 * channels);
        for (x, pixel) in four.chunks_exact(4 * channels).enumerate() {
            let place = 2 * x * channels..2 * (x + 1) * channels;
            top[place.clone()].copy_from_slice(&pixel[..2 * channels]);
            bottom[place].copy_from_slice(&pixel[2 * channels..]);
        }
    }
}
