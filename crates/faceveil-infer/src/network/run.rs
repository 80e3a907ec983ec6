//! Runs the steps of a plan.

use super::arithmetic::{Arithmetic, Float, Int8};
use super::chain::{Chain, Scratch};
use super::import::{ImportError, import};
use super::join::join_heads;
use super::ops::{COLORS, ColorOrder, Ops};
use super::plan::{Finish, Plan, Step, plan};
use super::ranges::Scales;
use crate::kernels::int8::Scale;
use crate::kernels::{Isa, LANES, padded};
use crate::onnx::Graph;

/// A picture of channels, `[height, width, channels]`.
#[derive(Clone, Debug, Default)]
pub(super) struct Picture<V> {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// At least as long as the picture needs.
    data: Vec<V>,
}

impl<V: Copy + Default> Picture<V> {
    /// Takes a new shape; keeps the memory. What the picture holds is unspecified.
    pub fn reshape(&mut self, height: usize, width: usize, channels: usize) {
        (self.height, self.width, self.channels) = (height, width, channels);
        grown(&mut self.data, height * width * channels);
    }

    pub fn rows(&self, y: usize, count: usize) -> &[V] {
        let len = self.width * self.channels;
        &self.data[y * len..(y + count) * len]
    }

    pub fn rows_mut(&mut self, y: usize, count: usize) -> &mut [V] {
        let len = self.width * self.channels;
        &mut self.data[y * len..(y + count) * len]
    }

    pub fn all(&self) -> &[V] {
        self.rows(0, self.height)
    }
}

/// The first `len` values of `buffer`, which never shrinks: growing again would fill it with zeros.
pub(super) fn grown<V: Copy + Default>(buffer: &mut Vec<V>, len: usize) -> &mut [V] {
    if buffer.len() < len {
        buffer.resize(len, V::default());
    }
    &mut buffer[..len]
}

/// The memory that a network works in; kept from picture to picture.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    float: Work<f32>,
    int8: Work<u8>,
}

/// The memory for one kind of number.
#[derive(Clone, Debug, Default)]
pub(super) struct Work<V> {
    pub slots: Vec<Picture<V>>,
    scratch: Scratch<V>,
    /// A row of the four pixels that a transposed convolution makes of each.
    four: Vec<V>,
}

/// Where a row of the picture goes, `[width, 3]` as RGB: samples `0..=255`, of either kind.
#[derive(Debug)]
pub enum InputRow<'a> {
    /// For a float network.
    Float(&'a mut [f32]),
    /// For an integer network.
    Int8(&'a mut [u8]),
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
    values: Values<'m>,
}

#[derive(Clone, Copy, Debug)]
enum Values<'m> {
    Float(&'m [f32]),
    /// With a scale for each channel of the interleaved ones.
    Int8(&'m [u8], &'m [Scale]),
}

impl Output<'_> {
    /// Channels of a cell.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// A channel of the cell at `row * width + column`.
    ///
    /// # Panics
    /// If there is no such cell or channel.
    pub fn at(&self, index: usize, channel: usize) -> f32 {
        assert!(channel < self.channels, "channel {channel} of {}", self.channels);
        let channel = self.first + channel;
        match self.values {
            Values::Float(all) => all[index * self.stride + channel],
            Values::Int8(all, scales) => scales[channel].value(all[index * self.stride + channel]),
        }
    }
}

/// What a network computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats.
    Float,
    /// 8-bit integers: faster, and the same bits on every processor.
    #[default]
    Int8,
}

/// Writes row `y` of the picture.
pub(super) type Fill<'a, V> = &'a dyn Fn(usize, &mut [V]);

/// A network ready to run.
#[derive(Clone, Debug)]
pub struct Network {
    engine: Engine,
}

#[derive(Clone, Debug)]
enum Engine {
    Float(Model<Float>),
    Int8(Model<Int8>),
}

/// A plan and what it computes with.
#[derive(Clone, Debug)]
pub(super) struct Model<A: Arithmetic> {
    pub plan: Plan<A>,
    pub arithmetic: A,
}

/// The operations of an ONNX file whose input is a picture, output branches joined.
pub(super) fn read_ops(bytes: &[u8], order: ColorOrder) -> Result<Ops, ImportError> {
    let mut ops = import(&Graph::parse(bytes)?, order)?;
    join_heads(&mut ops);
    Ok(ops)
}

impl Network {
    /// Reads an ONNX file whose input is a picture of three channels; runs it in floats with the instructions of `isa`.
    ///
    /// # Errors
    /// [`ImportError`] if the bytes are no ONNX or the network has an operation that the engine lacks.
    pub fn from_onnx(bytes: &[u8], order: ColorOrder, isa: Isa) -> Result<Self, ImportError> {
        let ops = read_ops(bytes, order)?;
        let arithmetic = Float { isa };
        let model = Model { plan: plan(&ops, &arithmetic), arithmetic };
        Ok(Self { engine: Engine::Float(model) })
    }

    /// As [`Self::from_onnx`], in 8-bit integers; `ranges` is the text of a ranges file for this network.
    ///
    /// # Errors
    /// As [`Self::from_onnx`], and [`ImportError::Ranges`] if the ranges do not fit.
    pub fn from_onnx_int8(
        bytes: &[u8],
        ranges: &str,
        order: ColorOrder,
        isa: Isa,
    ) -> Result<Self, ImportError> {
        let ops = read_ops(bytes, order)?;
        let arithmetic = Int8 { isa, scales: Scales::parse(ranges, &ops)? };
        let model = Model { plan: plan(&ops, &arithmetic), arithmetic };
        Ok(Self { engine: Engine::Int8(model) })
    }

    /// Checks that there is an output of this name and number of channels.
    ///
    /// # Errors
    /// [`ImportError::Output`] if there is none.
    pub fn expect_output(&self, name: &str, channels: usize) -> Result<(), ImportError> {
        let outputs = match &self.engine {
            Engine::Float(model) => &model.plan.outputs,
            Engine::Int8(model) => &model.plan.outputs,
        };
        let found = outputs.iter().any(|o| o.name == name && o.channels == channels);
        if found { Ok(()) } else { Err(ImportError::Output { name: name.to_owned(), channels }) }
    }

    /// Runs the network; `fill` writes row `y` of the picture, from the first to the last for each convolution
    /// that reads it.
    ///
    /// # Panics
    /// Unless height and width are multiples of 32: the caller pads.
    pub fn run(&self, memory: &mut Memory, height: usize, width: usize, fill: impl Fn(usize, InputRow<'_>)) {
        match &self.engine {
            Engine::Float(model) => {
                model.run(&mut memory.float, (height, width), &|y, to| fill(y, InputRow::Float(to)));
            }
            Engine::Int8(model) => {
                model.run(&mut memory.int8, (height, width), &|y, to| fill(y, InputRow::Int8(to)));
            }
        }
    }

    /// An output of the last run, by its name in the ONNX file. Sigmoids at the end are not applied.
    ///
    /// # Panics
    /// If there is no such output (see [`Self::expect_output`]) or nothing has been run.
    pub fn output<'m>(&'m self, memory: &'m Memory, name: &str) -> Output<'m> {
        match &self.engine {
            Engine::Float(model) => model.output(&memory.float, name, |_, all| Values::Float(all)),
            Engine::Int8(model) => model.output(&memory.int8, name, |value, all| {
                Values::Int8(all, model.arithmetic.scales.channels(value))
            }),
        }
    }
}

impl<A: Arithmetic> Model<A> {
    pub fn run(&self, work: &mut Work<A::Value>, (height, width): (usize, usize), fill: Fill<'_, A::Value>) {
        assert!(
            height > 0 && width > 0 && height.is_multiple_of(32) && width.is_multiple_of(32),
            "{width}×{height}: not of 32"
        );
        work.slots.resize(self.plan.slots.max(1), Picture::default());
        work.slots[self.plan.input] = Picture { height, width, channels: COLORS, data: Vec::new() };
        for step in &self.plan.steps {
            self.step(step, work, fill);
        }
    }

    fn output<'m>(
        &self,
        work: &'m Work<A::Value>,
        name: &str,
        values: impl FnOnce(usize, &'m [A::Value]) -> Values<'m>,
    ) -> Output<'m> {
        let found = self.plan.outputs.iter().find(|o| o.name == name);
        let found = found.expect("the caller has checked the outputs");
        let picture = &work.slots[found.slot];
        let (height, width, stride) = (picture.height, picture.width, picture.channels);
        let values = values(found.value, picture.all());
        Output { height, width, stride, first: found.first, channels: found.channels, values }
    }

    fn step(&self, step: &Step<A>, work: &mut Work<A::Value>, fill: Fill<'_, A::Value>) {
        let Work { slots, scratch, four } = work;
        match step {
            Step::Chain { input, output, source, depth, finish } => {
                let mut out = std::mem::take(&mut slots[*output]);
                let residual = match finish {
                    Finish::Point { residual: Some(r), .. } => Some(&slots[*r]),
                    _ => None,
                };
                Chain {
                    arithmetic: &self.arithmetic,
                    input: &slots[*input],
                    fill: (*input == self.plan.input).then_some(fill),
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
            Step::Add { a, b, output, weights } => {
                let mut out = std::mem::take(&mut slots[*output]);
                let (a, b) = (&slots[*a], &slots[*b]);
                out.reshape(a.height, a.width, a.channels);
                self.arithmetic.add(weights, a.all(), b.all(), out.rows_mut(0, a.height));
                slots[*output] = out;
            }
            Step::Double { input, output, weights } => {
                let mut out = std::mem::take(&mut slots[*output]);
                double(&self.arithmetic, &slots[*input], weights, four, &mut out);
                slots[*output] = out;
            }
        }
    }
}

/// The maximum of each 2×2 pixels of two rows; channels are padded to whole lanes.
pub(super) fn pool_row<V: Copy + PartialOrd>(above: &[V], below: &[V], channels: usize, out: &mut [V]) {
    // Constant counts of channels become a few vectors.
    match channels {
        16 => pool_blocks::<V, 16>(above, below, 1, out),
        64 => pool_blocks::<V, 64>(above, below, 1, out),
        _ => pool_blocks::<V, LANES>(above, below, channels / LANES, out),
    }
}

/// As [`pool_row`], for `blocks * B` channels.
fn pool_blocks<V: Copy + PartialOrd, const B: usize>(above: &[V], below: &[V], blocks: usize, out: &mut [V]) {
    let larger = |x: V, y: V| if x > y { x } else { y };
    let pairs = above.as_chunks::<B>().0.chunks_exact(2 * blocks);
    let pairs = pairs.zip(below.as_chunks::<B>().0.chunks_exact(2 * blocks));
    for (to, (above, below)) in out.as_chunks_mut::<B>().0.chunks_exact_mut(blocks).zip(pairs) {
        let (above, below) = (above.split_at(blocks), below.split_at(blocks));
        let four = above.0.iter().zip(above.1).zip(below.0.iter().zip(below.1));
        for (to, ((a, b), (c, d))) in to.iter_mut().zip(four) {
            *to = std::array::from_fn(|i| larger(larger(a[i], b[i]), larger(c[i], d[i])));
        }
    }
}

fn double<A: Arithmetic>(
    arithmetic: &A,
    input: &Picture<A::Value>,
    weights: &A::Point,
    four: &mut Vec<A::Value>,
    out: &mut Picture<A::Value>,
) {
    let outputs = A::outputs(weights);
    let channels = padded(outputs / 4);
    out.reshape(input.height * 2, input.width * 2, channels);
    let four = grown(four, input.width * outputs);
    for y in 0..input.height {
        arithmetic.point(input.rows(y, 1), weights, None, four);
        let (top, bottom) = out.rows_mut(2 * y, 2).split_at_mut(input.width * 2 * channels);
        for (x, pixel) in four.chunks_exact(4 * channels).enumerate() {
            let place = 2 * x * channels..2 * (x + 1) * channels;
            top[place.clone()].copy_from_slice(&pixel[..2 * channels]);
            bottom[place].copy_from_slice(&pixel[2 * channels..]);
        }
    }
}
