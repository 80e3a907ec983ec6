//! Reads TFLite files of the operations that small networks for pictures have: in int8 with a scale a channel of the
//! weights, or in floats (also with weights of 16 bits), which can then be quantised here.

use faceveil_net::{Activation, Shape};

use super::check::check;
use super::file::{ABSENT, File, MOST, Operator, Tensor, unsupported, wrong};
use super::schema::*;
use crate::float::FloatNet;
use crate::network::{FloatWeights, IntNet, IntWeights, Network, NetworkError, Node, Op, Window};

/// The constants of a convolution, from the tensors of weights and, if there is one, biases.
type Constants<'f, C> = &'f dyn Fn(usize, &Tensor<'_>, Option<&Tensor<'_>>, usize) -> Result<C, NetworkError>;

/// Reads a network in int8.
///
/// # Errors
/// [`NetworkError`] if the file is damaged or has something else.
pub fn int8(bytes: &[u8]) -> Result<IntNet, NetworkError> {
    let file = File::read(bytes)?;
    let (network, tensors) = Walk::new(&file, &int_constants).network()?;
    let mut quants = Vec::new();
    for (id, &tensor) in tensors.iter().enumerate() {
        quants.push(file.tensor(id, tensor)?.quant(id)?);
    }
    for (id, node) in network.nodes.iter().enumerate() {
        let same = node.inputs.iter().all(|&i| quants[i] == quants[id]);
        if node.op.moves() && !same {
            return Err(unsupported(id, "another scale where values are only moved"));
        }
        if node.op == Op::Logistic && quants[id] != crate::scale::LOGISTIC {
            return Err(unsupported(id, "a logistic function with another scale"));
        }
    }
    Ok(IntNet { network, quants, point: None })
}

/// Reads a network in floats.
///
/// # Errors
/// As [`int8`].
pub fn float(bytes: &[u8]) -> Result<FloatNet, NetworkError> {
    let file = File::read(bytes)?;
    Ok(Walk::new(&file, &float_constants).network()?.0)
}

fn int_constants(
    node: usize,
    weights: &Tensor<'_>,
    bias: Option<&Tensor<'_>>,
    channels: usize,
) -> Result<IntWeights, NetworkError> {
    if weights.kind != INT8 || weights.zeros.iter().any(|z| *z != 0) {
        return Err(unsupported(node, "weights that are not int8 around 0"));
    }
    let scales = match weights.scales[..] {
        [scale] => vec![scale; channels],
        _ => weights.scales.clone(),
    };
    wrong(node, "the number of scales", scales.len(), channels)?;
    if bias.is_some_and(|b| b.kind != INT32) {
        return Err(unsupported(node, "biases that are not int32"));
    }
    let bias = bias.map_or_else(|| vec![0; channels], Tensor::ints);
    Ok(IntWeights { weights: weights.bytes.iter().map(|&b| b as i8).collect(), scales, bias })
}

fn float_constants(
    node: usize,
    weights: &Tensor<'_>,
    bias: Option<&Tensor<'_>>,
    channels: usize,
) -> Result<FloatWeights, NetworkError> {
    let bias = bias.map_or_else(|| Ok(vec![0.0; channels]), |b| b.floats(node))?;
    Ok(FloatWeights { weights: weights.floats(node)?, bias })
}

/// The operations one after the other.
struct Walk<'f, 'b, C> {
    file: &'f File<'b>,
    constants: Constants<'f, C>,
    nodes: Vec<Node<C>>,
    /// The tensor of each node.
    tensors: Vec<usize>,
    /// The node of each tensor.
    node_of: Vec<Option<usize>>,
    /// For each tensor the one that it is a copy of.
    same_as: Vec<usize>,
}

impl<'f, 'b, C> Walk<'f, 'b, C> {
    fn new(file: &'f File<'b>, constants: Constants<'f, C>) -> Self {
        let count = file.tensors.len();
        let (nodes, tensors) = (Vec::new(), Vec::new());
        Self { file, constants, nodes, tensors, node_of: vec![None; count], same_as: (0..count).collect() }
    }

    /// The network, and each node's tensor.
    fn network(mut self) -> Result<(Network<C>, Vec<usize>), NetworkError> {
        let file = self.file;
        let shape = file.tensor(0, file.input)?.shape(0)?;
        self.push(Op::Input, vec![], shape, file.input);
        for operator in &file.operators {
            self.operator(operator)?;
        }
        let node = |&t: &usize| self.node_of.get(t).copied().flatten();
        let outputs = file.outputs.iter().map(node).collect::<Option<Vec<_>>>();
        let outputs =
            outputs.filter(|o| !o.is_empty()).ok_or(unsupported(0, "an output that is not computed"))?;
        Ok((Network { nodes: self.nodes, outputs }, self.tensors))
    }

    fn push(&mut self, op: Op<C>, inputs: Vec<usize>, shape: Shape, tensor: usize) {
        self.nodes.push(Node { op, inputs, shape });
        self.tensors.push(tensor);
        self.node_of[tensor] = Some(self.nodes.len() - 1);
    }

    /// The node that the operation reads as its input `n`.
    fn read(&self, operator: &Operator<'_>, n: usize) -> Result<usize, NetworkError> {
        let tensor = operator.inputs.get(n).copied().unwrap_or(ABSENT);
        let node = self.node_of.get(tensor).copied().flatten();
        node.ok_or_else(|| unsupported(self.nodes.len(), "reading what is not computed"))
    }

    /// The constant that is input `n`.
    fn constant(&self, operator: &Operator<'_>, n: usize) -> Result<&'f Tensor<'b>, NetworkError> {
        let tensor = operator.inputs.get(n).copied().unwrap_or(ABSENT);
        let same = self.same_as.get(tensor).copied().unwrap_or(ABSENT);
        self.file
            .tensors
            .get(same)
            .ok_or_else(|| unsupported(self.nodes.len(), "a constant that is left out"))
    }

    fn operator(&mut self, operator: &Operator<'b>) -> Result<(), NetworkError> {
        let id = self.nodes.len();
        let target = self.file.tensor(id, operator.output)?;
        if target.kind == INT32 {
            // Sizes for a transposed convolution, which the tensors' own shapes tell.
            return Ok(());
        }
        let option = |n: usize| operator.options.map_or(Ok(0), |o| o.i8(n, 0));
        match operator.code {
            DEQUANTIZE => {
                self.same_as[operator.output] = operator.inputs.first().copied().unwrap_or(ABSENT);
                return Ok(());
            }
            RELU | RELU6 if !self.rescales(operator)? => return self.fuse(operator),
            _ => {}
        }
        let shape = target.shape(id)?;
        let (op, inputs) = match operator.code {
            CONV_2D | DEPTHWISE_CONV_2D => (self.conv(operator, shape)?, vec![self.read(operator, 0)?]),
            TRANSPOSE_CONV => (self.transposed_conv(operator, shape)?, vec![self.read(operator, 2)?]),
            ADD => {
                (Op::Add(activation(id, option(0)?)?), vec![self.read(operator, 0)?, self.read(operator, 1)?])
            }
            CONCATENATION => return self.concat(operator, shape),
            MAX_POOL_2D => {
                let options = operator.options.ok_or(unsupported(id, "pooling without options"))?;
                for n in 1..5 {
                    wrong(id, "a side of pooling", options.i32(n, 0)? as usize, 2)?;
                }
                (Op::MaxPool, vec![self.read(operator, 0)?])
            }
            LOGISTIC => (Op::Logistic, vec![self.read(operator, 0)?]),
            RELU => (Op::Rescale(Activation::Relu), vec![self.read(operator, 0)?]),
            RELU6 => (Op::Rescale(Activation::Relu6), vec![self.read(operator, 0)?]),
            QUANTIZE if self.rescales(operator)? => {
                (Op::Rescale(Activation::None), vec![self.read(operator, 0)?])
            }
            RESHAPE => (Op::Reshape, vec![self.read(operator, 0)?]),
            RESIZE_NEAREST_NEIGHBOR => {
                if option(0)? != 0 {
                    return Err(unsupported(id, "aligning corners"));
                }
                (Op::Upsample, vec![self.read(operator, 0)?])
            }
            SPACE_TO_DEPTH | DEPTH_TO_SPACE => {
                let block = operator.options.map_or(Ok(0), |o| o.i32(0, 0))?;
                let block = usize::try_from(block).unwrap_or(0);
                if block == 0 || block > 64 {
                    return Err(NetworkError::Shape { node: id, what: "the block", got: block, want: 4 });
                }
                let apart = operator.code == SPACE_TO_DEPTH;
                let op = if apart { Op::Unshuffle { block } } else { Op::Shuffle { block } };
                (op, vec![self.read(operator, 0)?])
            }
            PAD => (self.pad(operator)?, vec![self.read(operator, 0)?]),
            other => return Err(unsupported(id, &format!("operation {other}"))),
        };
        let from: Vec<Shape> = inputs.iter().map(|&i| self.nodes[i].shape).collect();
        check(id, &op, &from, shape)?;
        self.push(op, inputs, shape, operator.output);
        Ok(())
    }

    /// Whether 8 bits become others: what cannot join the operation before, as it is rounded a second time.
    fn rescales(&self, operator: &Operator<'_>) -> Result<bool, NetworkError> {
        let id = self.nodes.len();
        let from = self.file.tensor(id, operator.inputs.first().copied().unwrap_or(ABSENT))?;
        let to = self.file.tensor(id, operator.output)?;
        let both = from.kind == INT8 && to.kind == INT8;
        Ok(both && (operator.code == QUANTIZE || from.quant(id)? != to.quant(id)?))
    }

    /// An activation by itself joins the operation before it.
    fn fuse(&mut self, operator: &Operator<'_>) -> Result<(), NetworkError> {
        let node = self.read(operator, 0)?;
        let source = operator.inputs[0];
        let others = self.file.operators.iter().filter(|o| o.inputs.contains(&source)).count();
        let kind = if operator.code == RELU { Activation::Relu } else { Activation::Relu6 };
        match &mut self.nodes[node].op {
            Op::Conv(_, _, a) | Op::Depthwise(_, _, a) | Op::Add(a)
                if *a == Activation::None && others == 1 && !self.file.outputs.contains(&source) =>
            {
                *a = kind;
            }
            _ => return Err(unsupported(node, "an activation by itself")),
        }
        self.node_of[operator.output] = Some(node);
        self.tensors[node] = operator.output;
        Ok(())
    }

    fn concat(&mut self, operator: &Operator<'_>, shape: Shape) -> Result<(), NetworkError> {
        let id = self.nodes.len();
        let rank = self.file.tensor(id, operator.output)?.shape.len() as i32;
        let axis = operator.options.map_or(Ok(0), |o| o.i32(0, 0))?;
        let axis = if axis < 0 { axis + rank } else { axis };
        let op = |channels: bool| if channels { Op::Concat } else { Op::Append };
        // Values lie one after the other where the axis is the first that is not 1.
        let channels = match (axis == rank - 1, shape.height) {
            (true, _) => true,
            (false, 1) if axis == rank - 2 => false,
            _ => return Err(unsupported(id, "joining along such an axis")),
        };
        let mut at = self.read(operator, 0)?;
        for n in 1..operator.inputs.len() {
            let next = self.read(operator, n)?;
            let (a, b) = (self.nodes[at].shape, self.nodes[next].shape);
            let joined = if channels {
                Shape { channels: a.channels + b.channels, ..a }
            } else {
                Shape { width: a.width + b.width, ..a }
            };
            check(id, &op(channels), &[a, b], joined)?;
            self.push(op(channels), vec![at, next], joined, operator.output);
            at = self.nodes.len() - 1;
        }
        let got = self.nodes[at].shape;
        wrong(id, "the values joined", got.len(), shape.len())?;
        if operator.inputs.len() < 2 { Err(unsupported(id, "joining one tensor")) } else { Ok(()) }
    }

    fn pad(&self, operator: &Operator<'_>) -> Result<Op<C>, NetworkError> {
        let id = self.nodes.len();
        let pads: Vec<usize> =
            self.constant(operator, 1)?.ints().iter().map(|&p| usize::try_from(p).unwrap_or(MOST)).collect();
        match pads[..] {
            [0, 0, top, bottom, left, right, 0, channels]
                if [top, bottom, left, right, channels].iter().all(|p| *p < MOST) =>
            {
                Ok(Op::Pad { rows: [top, bottom], columns: [left, right], channels })
            }
            _ => Err(unsupported(id, "such a padding")),
        }
    }

    fn conv(&self, operator: &Operator<'_>, shape: Shape) -> Result<Op<C>, NetworkError> {
        let id = self.nodes.len();
        let options = operator.options.ok_or(unsupported(id, "a convolution without options"))?;
        let depthwise = operator.code == DEPTHWISE_CONV_2D;
        let from = self.nodes[self.read(operator, 0)?].shape;
        let weights = self.constant(operator, 1)?;
        let [first, rows, columns, last] = weights.shape[..] else {
            return Err(unsupported(id, "weights of another rank"));
        };
        let [strides, dilations, act] = if depthwise { [1, 5, 4] } else { [1, 4, 3] };
        let stride = options.i32(strides, 1)?;
        wrong(id, "the other stride", options.i32(strides + 1, 1)? as usize, stride as usize)?;
        for n in [dilations, dilations + 1] {
            wrong(id, "the dilation", options.i32(n, 1)? as usize, 1)?;
        }
        let stride = usize::try_from(stride).unwrap_or(0);
        if !(1..=63).contains(&stride) || !(1..=63).contains(&rows) || !(1..=63).contains(&columns) {
            return Err(NetworkError::Shape {
                node: id,
                what: "stride or kernel",
                got: stride.max(rows),
                want: 1,
            });
        }
        let padding = options.i8(0, SAME)?;
        let before = |side: usize, out: usize, kernel: usize| {
            let want = if padding == VALID {
                (side + stride).saturating_sub(kernel) / stride
            } else {
                side.div_ceil(stride)
            };
            wrong(id, "a side written", out, want)?;
            let around = ((out - 1) * stride + kernel).saturating_sub(side);
            Ok(if padding == VALID { 0 } else { around / 2 })
        };
        let pad_top = before(from.height, shape.height, rows)?;
        let pad_left = before(from.width, shape.width, columns)?;
        let window = Window { kernel: [rows, columns], stride, pad_top, pad_left };
        let constants = self.constants(operator, weights, shape.channels)?;
        let activation = activation(id, options.i8(act, 0)?)?;
        if depthwise {
            wrong(id, "weights' first side", first, 1)?;
            wrong(id, "channels of the weights", last, from.channels)?;
            wrong(id, "channels written", shape.channels, from.channels)?;
            wrong(id, "the other side of the kernel", rows, columns)?;
            return Ok(Op::Depthwise(window, constants, activation));
        }
        wrong(id, "channels of the weights", last, from.channels)?;
        wrong(id, "kernels", first, shape.channels)?;
        Ok(Op::Conv(window, constants, activation))
    }

    fn transposed_conv(&self, operator: &Operator<'_>, shape: Shape) -> Result<Op<C>, NetworkError> {
        let id = self.nodes.len();
        let options = operator.options.ok_or(unsupported(id, "a convolution without options"))?;
        let from = self.nodes[self.read(operator, 2)?].shape;
        for n in [1, 2] {
            wrong(id, "the stride", options.i32(n, 0)? as usize, 2)?;
        }
        if options.i8(3, 0)? != 0 {
            return Err(unsupported(id, "an activation after a transposed convolution"));
        }
        let weights = self.constant(operator, 1)?;
        for (n, want) in [shape.channels, 2, 2, from.channels].into_iter().enumerate() {
            wrong(id, "a side of the weights", weights.shape.get(n).copied().unwrap_or(0), want)?;
        }
        let bias = if operator.inputs.len() > 3 { Some(self.constant(operator, 3)?) } else { None };
        self.checked(weights, bias, shape.channels).map(Op::TransposedConv)
    }

    fn constants(
        &self,
        operator: &Operator<'_>,
        weights: &Tensor<'_>,
        channels: usize,
    ) -> Result<C, NetworkError> {
        let there = operator.inputs.get(2).is_some_and(|t| *t != ABSENT);
        let bias = if there { Some(self.constant(operator, 2)?) } else { None };
        self.checked(weights, bias, channels)
    }

    fn checked(
        &self,
        weights: &Tensor<'_>,
        bias: Option<&Tensor<'_>>,
        channels: usize,
    ) -> Result<C, NetworkError> {
        let id = self.nodes.len();
        let count =
            weights.shape.iter().try_fold(1usize, |n, side| n.checked_mul(*side)).unwrap_or(usize::MAX);
        wrong(id, "bytes of the weights", weights.bytes.len(), count.saturating_mul(width(weights.kind)))?;
        if let Some(bias) = bias {
            wrong(id, "bytes of the biases", bias.bytes.len(), channels.saturating_mul(width(bias.kind)))?;
        }
        (self.constants)(id, weights, bias, channels)
    }
}

/// Bytes a value.
fn width(kind: i8) -> usize {
    match kind {
        FLOAT32 | INT32 => 4,
        FLOAT16 => 2,
        _ => 1,
    }
}

fn activation(node: usize, number: i8) -> Result<Activation, NetworkError> {
    match number {
        0 => Ok(Activation::None),
        1 => Ok(Activation::Relu),
        3 => Ok(Activation::Relu6),
        _ => Err(unsupported(node, "such an activation")),
    }
}
