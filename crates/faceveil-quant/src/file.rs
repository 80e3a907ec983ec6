//! Writes the file that `faceveil-int8` runs; its layout is told in [`faceveil_int8::format`].

use faceveil_int8::Model;
use faceveil_int8::format::{HEADER_WORDS, Kind, MAGIC, NONE, STEP_WORDS, TENSOR_WORDS, VERSION};
use faceveil_int8::kernels::requantize;
use faceveil_int8::model::FileBytes;
use faceveil_net::Activation;

use crate::logistic;
use crate::network::{IntNet, IntWeights, NetworkError, Op, channel_weights};
use crate::plan::{Program, Step, program};
use crate::scale::{Multiplier, Quant};

/// What a convolution computes with, ready for the kernels.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// One an output channel; but for transposed convolutions less the input's zero point times the weights' sum.
    pub bias: Vec<i32>,
    /// From a sum to the output, Q0.31.
    pub multipliers: Vec<i32>,
    /// To the right.
    pub shifts: Vec<i8>,
}

/// What a sum computes with: multiplier and shift of the first term, the second, and the sum.
pub type SumScales = [Multiplier; 3];

/// The constants of node `id`, a convolution that reads node `input`.
///
/// # Errors
/// [`NetworkError::Factor`] if a factor between scales cannot be expressed.
pub fn folded(net: &IntNet, id: usize, input: usize) -> Result<Folded, NetworkError> {
    let op = &net.network.nodes[id].op;
    let none = IntWeights { weights: vec![], scales: vec![], bias: vec![] };
    let c = op.constants().unwrap_or(&none);
    let (from, to) = (net.quants[input], net.quants[id]);
    let mut folded = Folded { bias: Vec::new(), multipliers: Vec::new(), shifts: Vec::new() };
    let transposed = matches!(op, Op::TransposedConv(_));
    for (channel, (&bias, &scale)) in c.bias.iter().zip(&c.scales).enumerate() {
        let factor = f64::from(from.scale) * f64::from(scale) / f64::from(to.scale);
        let Multiplier { multiplier, shift } =
            Multiplier::of(factor).ok_or(NetworkError::Factor { node: id, factor })?;
        let places = channel_weights(op, c.weights.len(), c.bias.len(), channel);
        let sum: i32 = places.map(|i| i32::from(c.weights[i])).fold(0, i32::wrapping_add);
        let zero = if transposed { 0 } else { i32::from(from.zero) };
        folded.bias.push(bias.wrapping_sub(zero.wrapping_mul(sum)));
        folded.multipliers.push(multiplier);
        folded.shifts.push(shift);
    }
    Ok(folded)
}

/// The scales of a sum, node `id`, of what has the scales of nodes `a` and `b`. Source: TFLite, `kernels/add.cc`.
///
/// # Errors
/// As [`folded`].
pub fn sum_scales(net: &IntNet, id: usize, [a, b]: [usize; 2]) -> Result<SumScales, NetworkError> {
    let scale = |id: usize| f64::from(net.quants[id].scale);
    let twice = 2.0 * scale(a).max(scale(b));
    let factors = [scale(a) / twice, scale(b) / twice, twice / (f64::from(1 << 20) * scale(id))];
    let mut scales = [Multiplier { multiplier: 0, shift: 0 }; 3];
    for (to, factor) in scales.iter_mut().zip(factors) {
        let found = Multiplier::of(factor).filter(|m| (0..=31).contains(&m.shift));
        *to = found.ok_or(NetworkError::Factor { node: id, factor })?;
    }
    Ok(scales)
}

/// The table of node `id`, a function of what has the scale of node `input`.
///
/// # Errors
/// As [`folded`].
pub fn lookup_table(net: &IntNet, id: usize, input: usize) -> Result<[i8; 256], NetworkError> {
    let (from, to) = (net.quants[input], net.quants[id]);
    if let Op::Rescale(activation) = net.network.nodes[id].op {
        let factor = rescaling(activation, from, to);
        let scale = Multiplier::of(factor).ok_or(NetworkError::Factor { node: id, factor })?;
        let (min, max) = net.bounds(id);
        return Ok(core::array::from_fn(|i| {
            let centred = i as i32 - 128 - i32::from(from.zero);
            requantize(centred, scale.multiplier, scale.shift, to.zero).clamp(min, max)
        }));
    }
    logistic::table(from).ok_or(NetworkError::Factor { node: id, factor: from.scale.into() })
}

/// The factor between two scales. Source: TFLite, `kernels/quantize.cc` and, with 32 bits, `kernels/activations.cc`.
fn rescaling(activation: Activation, from: Quant, to: Quant) -> f64 {
    match activation {
        Activation::None | Activation::Sigmoid => f64::from(from.scale) / f64::from(to.scale),
        Activation::Relu | Activation::Relu6 => f64::from(from.scale / to.scale),
    }
}

/// The file of `net`.
///
/// # Errors
/// [`NetworkError`] if an operation or a scale cannot be expressed, or the sizes are above the format's.
pub fn write(net: &IntNet) -> Result<Vec<u8>, NetworkError> {
    let program = program(net)?;
    let mut writer = Writer::new(net, &program);
    for step in &program.steps {
        writer.step(step)?;
    }
    let bytes = writer.finish(&program);
    let file = FileBytes::new(&bytes);
    Model::parse(file.bytes()).map_err(NetworkError::Model)?;
    Ok(bytes)
}

struct Writer<'n> {
    net: &'n IntNet,
    /// For each node its number among the tensors.
    numbers: Vec<u16>,
    tensors: Vec<u32>,
    steps: Vec<u32>,
    constants: Vec<u8>,
    /// Where the constants begin.
    start: usize,
}

fn halves(low: u16, high: u16) -> u32 {
    u32::from(low) | u32::from(high) << 16
}

/// A side; what is too large is refused when the file is read back.
fn short(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

fn byte(n: usize) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

impl<'n> Writer<'n> {
    fn new(net: &'n IntNet, program: &Program) -> Self {
        let (mut numbers, mut tensors) = (Vec::new(), Vec::new());
        for (id, node) in net.network.nodes.iter().enumerate() {
            let Some(offset) = program.offsets[id] else {
                numbers.push(NONE);
                continue;
            };
            numbers.push(short(tensors.len() / TENSOR_WORDS));
            let quant = net.quants[id];
            tensors.push(halves(short(node.shape.height), short(node.shape.width)));
            tensors.push(halves(short(node.shape.channels), u16::from(quant.zero as u8)));
            tensors.extend([offset as u32, quant.scale.to_bits()]);
        }
        let start = 4 * (HEADER_WORDS + tensors.len() + STEP_WORDS * program.steps.len());
        Self { net, numbers, tensors, steps: Vec::new(), constants: Vec::new(), start }
    }

    /// Adds constants at a multiple of 4; gives their offset.
    fn add(&mut self, bytes: impl IntoIterator<Item = u8>) -> u32 {
        self.constants.resize(self.constants.len().next_multiple_of(4), 0);
        let at = self.start + self.constants.len();
        self.constants.extend(bytes);
        at as u32
    }

    fn step(&mut self, step: &Step) -> Result<(), NetworkError> {
        let net = self.net;
        let node = &net.network.nodes[step.node];
        let (min, max) = net.bounds(step.node);
        let [rows, columns] = step.window.kernel.map(byte);
        let read = |n: usize| step.reads.get(n).map_or(NONE, |&id| self.numbers[id]);
        let mut words = [0; STEP_WORDS];
        words[0] = u32::from_le_bytes([step.kind as u8, 0, rows, columns]);
        let window = [step.window.stride, step.window.pad_top, step.window.pad_left, step.block].map(byte);
        words[1] = u32::from_le_bytes(window);
        words[2] = halves(read(0), read(1));
        words[3] = halves(self.numbers[step.node], u16::from_le_bytes([min as u8, max as u8]));
        words[9] = step.scratch.0 as u32;
        words[10] = step.scratch.1 as u32;
        // The first layer reads the unshuffled input, which has the input's scale.
        let input = step.reads.first().or(node.inputs.first()).copied().unwrap_or(0);
        match step.kind {
            Kind::First | Kind::Pointwise | Kind::Conv | Kind::Depthwise | Kind::TransposedConv => {
                let constants = folded(net, step.node, input)?;
                let weights = node.op.constants().map_or(&[][..], |c| &c.weights);
                words[4] = self.add(weights.iter().map(|&w| w as u8));
                words[5] = weights.len() as u32;
                words[6] = self.add(constants.bias.iter().flat_map(|b| b.to_le_bytes()));
                words[7] = self.add(constants.multipliers.iter().flat_map(|m| m.to_le_bytes()));
                words[8] = self.add(constants.shifts.iter().map(|&s| s as u8));
            }
            Kind::Add | Kind::AddUpsampled => {
                let [a, b, sum] = sum_scales(net, step.node, [step.reads[0], step.reads[1]])?;
                words[4..7].copy_from_slice(&[a, b, sum].map(|m| m.multiplier as u32));
                words[7] = u32::from_le_bytes([a.shift as u8, b.shift as u8, sum.shift as u8, 0]);
            }
            Kind::Lookup => {
                let table = lookup_table(net, step.node, input)?;
                words[4] = self.add(table.map(|v| v as u8));
                words[5] = 256;
            }
            _ => {}
        }
        self.steps.extend(words);
        Ok(())
    }

    fn finish(mut self, program: &Program) -> Vec<u8> {
        self.constants.resize(self.constants.len().next_multiple_of(4), 0);
        let net = self.net;
        let (input, quant) = (net.network.nodes[0].shape, net.quants[0]);
        let bytes_of = |id: usize| {
            let mut id = id;
            while net.network.nodes[id].op == Op::Reshape {
                id = net.network.nodes[id].inputs[0];
            }
            self.numbers[id]
        };
        let output = |n: usize| net.network.outputs.get(n).map_or(NONE, |&id| bytes_of(id));
        let count = self.tensors.len() / TENSOR_WORDS;
        let point = net.point.map_or([0; 3], |p| [p.threshold, p.certain, p.growth].map(f32::to_bits));
        let header: [u32; HEADER_WORDS] = [
            u32::from_le_bytes(MAGIC),
            halves(VERSION, short(program.steps.len())),
            (self.start + self.constants.len()) as u32,
            halves(short(count), short(net.network.outputs.len())),
            program.arena as u32,
            halves(short(input.height), short(input.width)),
            halves(short(input.channels), u16::from(quant.zero as u8)),
            quant.scale.to_bits(),
            point[0],
            point[1],
            point[2],
            halves(output(0), output(1)),
            halves(output(2), output(3)),
            0,
            0,
            0,
        ];
        let words = header.iter().chain(&self.tensors).chain(&self.steps);
        words.flat_map(|w| w.to_le_bytes()).chain(self.constants.iter().copied()).collect()
    }
}
