//! From an ONNX graph to a list of operations. ReLU and batch norm are folded into the convolution before
//! them; reshapes, transpositions and sigmoids of the outputs are dropped: with interleaved channels
//! they move nothing, and a decoder takes the sigmoid only of the values that it looks at.
//!
//! The file is not trusted: all shapes are checked here, so that running the network cannot fail, and
//! what a file may ask for in memory and time is bounded.

use std::collections::{HashMap, HashSet};

use super::ops::{COLORS, ColorOrder, Conv, Kernel, Op, Ops, ValueId};
use super::ranges::RangesError;
use crate::kernels::padded;
use crate::onnx::{Graph, Node, OnnxError, Tensor};

/// Times that a value may be halved: the picture's sides are multiples of `2^5`, so that all halves are whole.
const MAX_HALVINGS: u32 = 5;
/// Operations at most; CenterFace has 76. Fusing takes time with their cube.
const MAX_OPS: usize = 512;
/// Packed weights at most, over all operations; CenterFace has 2.3 million.
const MAX_WEIGHTS: usize = 1 << 24;
/// Floats at most, over all values, for each pixel of the picture; CenterFace needs 146.
const MAX_FLOATS_PER_PIXEL: usize = 1 << 10;

/// Why a graph cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Not a readable ONNX file.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// An operation, or a form of one, that the engine does not have.
    #[error("operation {op} of node {output}: {problem}")]
    Unsupported {
        /// The operator.
        op: String,
        /// Name of the node's first output.
        output: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The ranges of the values do not fit.
    #[error("ranges: {0}")]
    Ranges(#[from] RangesError),
    /// A node reads a value that nothing before it makes.
    #[error("value {0} is read before it is made")]
    Unknown(String),
    /// A graph output is the picture, which the engine does not keep.
    #[error("output {0} is the picture itself")]
    Echo(String),
    /// A graph output that a decoder needs is missing, or has another number of channels.
    #[error("output {name} with {channels} channels is missing")]
    Output {
        /// Its name.
        name: String,
        /// Channels that it should have.
        channels: usize,
    },
}

/// Reads the operations of `graph`, whose input is a picture. Its value is number 0.
pub(crate) fn import(graph: &Graph, order: ColorOrder) -> Result<Ops, ImportError> {
    let mut importer = Importer {
        graph,
        order,
        names: HashMap::new(),
        finals: HashSet::new(),
        uses: HashMap::new(),
        halvings: vec![0],
        floats: 0,
        weights: 0,
        ops: Ops::default(),
    };
    for name in graph.nodes.iter().flat_map(|n| &n.inputs).chain(&graph.outputs) {
        *importer.uses.entry(name).or_default() += 1;
    }
    let input = graph.inputs.iter().find(|name| !graph.tensors.contains_key(*name));
    importer.ops.channels.push(COLORS);
    importer.names.insert(input.map_or("", String::as_str), 0);
    for node in &graph.nodes {
        importer.node(node)?;
    }
    for name in &graph.outputs {
        let value = importer.named(name)?;
        if value == 0 {
            return Err(ImportError::Echo(name.clone()));
        }
        let channels = importer.ops.channels[value];
        importer.ops.outputs.push((name.clone(), value, 0, channels));
    }
    Ok(importer.ops)
}

struct Importer<'g> {
    graph: &'g Graph,
    order: ColorOrder,
    names: HashMap<&'g str, ValueId>,
    /// Names for the decoder only: behind a reshape, a transposition or a sigmoid that is dropped.
    finals: HashSet<&'g str>,
    uses: HashMap<&'g str, usize>,
    /// How often each value's sides are halved.
    halvings: Vec<u32>,
    /// Floats of all values for `2^MAX_HALVINGS` × `2^MAX_HALVINGS` pixels.
    floats: usize,
    /// Packed weights of all operations.
    weights: usize,
    ops: Ops,
}

impl<'g> Importer<'g> {
    fn node(&mut self, node: &'g Node) -> Result<(), ImportError> {
        match node.op.as_str() {
            "Conv" => self.conv(node),
            "ConvTranspose" => self.transposed(node),
            "Relu" => self.relu(node),
            "BatchNormalization" => self.batch_norm(node),
            "MaxPool" => self.max_pool(node),
            "Resize" => self.resize(node),
            "Add" => {
                let (a, b) = (self.value(node, 0)?, self.value(node, 1)?);
                let shape = |value: ValueId| (self.ops.channels[value], self.halvings[value]);
                if shape(a) != shape(b) {
                    return Err(unsupported(node, "the summands' shapes differ"));
                }
                self.push(node, Op::Add(a, b), self.ops.channels[a], self.halvings[a])
            }
            "Transpose" | "Reshape" | "Sigmoid" => {
                self.finals.insert(output(node)?);
                self.name(node, self.named(input(node, 0)?)?)
            }
            // They only compute the shapes of the reshapes.
            "Constant" | "Shape" | "Gather" | "Unsqueeze" | "Concat" => Ok(()),
            _ => Err(unsupported(node, "not one of the engine's")),
        }
    }

    fn named(&self, name: &str) -> Result<ValueId, ImportError> {
        self.names.get(name).copied().ok_or_else(|| ImportError::Unknown(name.to_owned()))
    }

    /// The value that `node` computes with.
    fn value(&self, node: &'g Node, index: usize) -> Result<ValueId, ImportError> {
        let name = input(node, index)?;
        let value = self.named(name)?;
        if self.finals.contains(name) {
            return Err(unsupported(node, "reads a reshape, a transposition or a sigmoid"));
        }
        // The picture's channels lie without padding, which only the gathering convolution reads.
        if value == 0 && !(node.op == "Conv" && index == 0) {
            return Err(unsupported(node, "reads the picture"));
        }
        Ok(value)
    }

    fn tensor(&self, node: &'g Node, index: usize) -> Result<&'g Tensor, ImportError> {
        let name = input(node, index)?;
        self.graph.tensors.get(name).ok_or_else(|| unsupported(node, "weights are not a constant"))
    }

    fn push(&mut self, node: &'g Node, op: Op, channels: usize, halvings: u32) -> Result<(), ImportError> {
        if halvings > MAX_HALVINGS || self.ops.list.len() == MAX_OPS {
            return Err(unsupported(node, "too many operations or halvings"));
        }
        // The file is longer than a value has channels: no overflow.
        self.floats += padded(channels) << (2 * (MAX_HALVINGS - halvings));
        if self.floats > MAX_FLOATS_PER_PIXEL << (2 * MAX_HALVINGS) {
            return Err(unsupported(node, "the network needs too much memory"));
        }
        let value = self.ops.channels.len();
        self.ops.channels.push(channels);
        self.halvings.push(halvings);
        self.ops.list.push((op, value));
        self.name(node, value)
    }

    /// Gives `value` the name of the node's output.
    fn name(&mut self, node: &'g Node, value: ValueId) -> Result<(), ImportError> {
        match self.names.insert(output(node)?, value) {
            None => Ok(()),
            Some(_) => Err(unsupported(node, "makes a value that there is already")),
        }
    }

    /// Counts the weights of a convolution as they will be packed.
    fn count_weights(&mut self, node: &'g Node, shape: [usize; 3]) -> Result<(), ImportError> {
        let [outputs, inputs, taps] = shape;
        let packed = padded(outputs).checked_mul(padded(inputs)).and_then(|n| n.checked_mul(taps));
        self.weights = packed.map_or(usize::MAX, |n| self.weights.saturating_add(n));
        if self.weights > MAX_WEIGHTS {
            return Err(unsupported(node, "the network has too many weights"));
        }
        Ok(())
    }

    fn conv(&mut self, node: &'g Node) -> Result<(), ImportError> {
        let from = self.value(node, 0)?;
        let weights = self.tensor(node, 1)?;
        let &[outputs, inputs, height, width] = weights.dims.as_slice() else {
            return Err(unsupported(node, "weights are not of four dimensions"));
        };
        let groups = node.attributes.get("group").map_or(1, |a| a.int);
        let strides = ints(node, "strides", &[1, 1]);
        let pads = ints(node, "pads", &[0; 4]);
        let (kernel, pad) = match (height, width, groups) {
            (1, 1, 1) => (Kernel::Point, 0),
            (3, 3, 1) if self.ops.channels[from] > 1 => (Kernel::Full3, 1),
            (3, 3, g) if g == outputs as i64 && inputs == 1 => (Kernel::Depth, 1),
            _ => return Err(unsupported(node, "only 1×1, 3×3 and depthwise 3×3")),
        };
        let stride = match (strides, kernel) {
            ([1, 1], _) => 1,
            ([2, 2], Kernel::Depth | Kernel::Full3) => 2,
            _ => return Err(unsupported(node, "stride")),
        };
        let wanted = if kernel == Kernel::Depth { outputs } else { inputs };
        let dilated = ints(node, "dilations", &[1, 1]) != [1, 1];
        if dilated || pads != [pad; 4] || self.ops.channels[from] != wanted || outputs == 0 || inputs == 0 {
            return Err(unsupported(node, "dilation, padding or channels"));
        }
        if from == 0 && kernel != Kernel::Full3 {
            return Err(unsupported(node, "reads the picture, which only 3×3 over all channels can"));
        }
        self.count_weights(node, [outputs, inputs, height * width])?;
        let bias =
            if node.inputs.len() > 2 { self.tensor(node, 2)?.floats.clone() } else { vec![0.0; outputs] };
        if bias.len() != outputs || weights.floats.len() != outputs * inputs * height * width {
            return Err(unsupported(node, "weights are not floats, or the bias has another length"));
        }
        let mut weights = weights.floats.clone();
        if from == 0 && self.order == ColorOrder::Bgr {
            for colors in weights.as_chunks_mut::<9>().0.as_chunks_mut::<COLORS>().0 {
                colors.swap(0, 2);
            }
        }
        let conv = Conv { kernel, stride, weights, bias, relu: false };
        self.push(node, Op::Conv(from, conv), outputs, self.halvings[from] + u32::from(stride == 2))
    }

    fn transposed(&mut self, node: &'g Node) -> Result<(), ImportError> {
        let from = self.value(node, 0)?;
        let weights = self.tensor(node, 1)?;
        let &[inputs, outputs, 2, 2] = weights.dims.as_slice() else {
            return Err(unsupported(node, "kernel is not 2×2"));
        };
        let fits = ints(node, "strides", &[1, 1]) == [2, 2] && ints(node, "pads", &[0; 4]) == [0; 4];
        let floats = weights.floats.len() == inputs * outputs * 4;
        if !fits || !floats || node.inputs.len() > 2 || self.ops.channels[from] != inputs || outputs == 0 {
            return Err(unsupported(node, "stride, padding, bias or channels"));
        }
        let halvings = self.doubled(node, from)?;
        self.count_weights(node, [outputs, inputs, 4])?;
        // [inputs, outputs, 4] -> [4 * outputs, inputs]: a pointwise convolution to four pixels.
        let mut packed = vec![0.0; weights.floats.len()];
        for (i, block) in weights.floats.chunks_exact(outputs * 4).enumerate() {
            for (o, four) in block.chunks_exact(4).enumerate() {
                for (place, &w) in four.iter().enumerate() {
                    packed[(place * outputs + o) * inputs + i] = w;
                }
            }
        }
        let conv = Conv {
            kernel: Kernel::Double,
            stride: 1,
            weights: packed,
            bias: vec![0.0; outputs],
            relu: false,
        };
        self.push(node, Op::Conv(from, conv), outputs, halvings)
    }

    /// How often the sides of a value twice as large as `from` are halved.
    fn doubled(&self, node: &'g Node, from: ValueId) -> Result<u32, ImportError> {
        let halvings = self.halvings[from].checked_sub(1);
        halvings.ok_or_else(|| unsupported(node, "makes something larger than the picture"))
    }

    /// The convolution that alone makes `node`'s input, if nothing else reads that.
    fn conv_before(&mut self, node: &'g Node) -> Result<&mut Conv, ImportError> {
        let name = input(node, 0)?;
        let value = self.value(node, 0)?;
        if self.uses.get(name) == Some(&1)
            && let Some((Op::Conv(_, conv), _)) = self.ops.list.iter_mut().rfind(|(_, made)| *made == value)
        {
            return Ok(conv);
        }
        Err(unsupported(node, "does not follow a convolution of its own"))
    }

    fn relu(&mut self, node: &'g Node) -> Result<(), ImportError> {
        self.conv_before(node)?.relu = true;
        self.name(node, self.named(input(node, 0)?)?)
    }

    fn batch_norm(&mut self, node: &'g Node) -> Result<(), ImportError> {
        let parts: [&Tensor; 4] =
            [self.tensor(node, 1)?, self.tensor(node, 2)?, self.tensor(node, 3)?, self.tensor(node, 4)?];
        let epsilon = node.attributes.get("epsilon").map_or(1e-5, |a| a.float);
        let conv = self.conv_before(node)?;
        let outputs = conv.bias.len();
        if conv.relu || conv.kernel != Kernel::Double || parts.iter().any(|t| t.floats.len() != outputs) {
            return Err(unsupported(node, "only after a transposed convolution of as many channels"));
        }
        let inputs = conv.weights.len() / (4 * outputs);
        for o in 0..outputs {
            let [gamma, beta, mean, variance] = parts.map(|t| t.floats[o]);
            let factor = gamma / (variance + epsilon).sqrt();
            for place in 0..4 {
                let row = (place * outputs + o) * inputs;
                conv.weights[row..row + inputs].iter_mut().for_each(|w| *w *= factor);
            }
            conv.bias[o] = (conv.bias[o] - mean) * factor + beta;
        }
        self.name(node, self.named(input(node, 0)?)?)
    }

    fn max_pool(&mut self, node: &'g Node) -> Result<(), ImportError> {
        let from = self.value(node, 0)?;
        let two = ints(node, "kernel_shape", &[]) == [2, 2] && ints(node, "strides", &[1, 1]) == [2, 2];
        if !two || ints(node, "pads", &[0; 4]) != [0; 4] {
            return Err(unsupported(node, "only 2×2 with stride 2"));
        }
        self.push(node, Op::MaxPool(from), self.ops.channels[from], self.halvings[from] + 1)
    }

    fn resize(&mut self, node: &'g Node) -> Result<(), ImportError> {
        let from = self.value(node, 0)?;
        if self.tensor(node, 2)?.floats != [1.0, 1.0, 2.0, 2.0] {
            return Err(unsupported(node, "only to twice the size"));
        }
        let halvings = self.doubled(node, from)?;
        self.push(node, Op::Upsample(from), self.ops.channels[from], halvings)
    }
}

fn input(node: &Node, index: usize) -> Result<&str, ImportError> {
    node.inputs.get(index).map(String::as_str).ok_or_else(|| unsupported(node, "too few inputs"))
}

fn output(node: &Node) -> Result<&str, ImportError> {
    node.outputs.first().map(String::as_str).ok_or_else(|| unsupported(node, "no output"))
}

fn ints<'n>(node: &'n Node, name: &str, default: &'n [i64]) -> &'n [i64] {
    node.attributes.get(name).map_or(default, |a| a.ints.as_slice())
}

fn unsupported(node: &Node, problem: &'static str) -> ImportError {
    ImportError::Unsupported {
        op: node.op.clone(),
        output: node.outputs.first().cloned().unwrap_or_default(),
        problem,
    }
}
