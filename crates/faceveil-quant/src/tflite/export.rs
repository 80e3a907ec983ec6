//! Writes a network as a TFLite file of int8, for LiteRT, TFLite-Micro and whatever else reads those. With the reference
//! kernels it gives the same bits as ours.

use faceveil_net::{Activation, Shape};

use super::flat::{Field, Fields, write};
use super::schema::*;
use crate::network::{IntNet, IntWeights, NetworkError, Op, Window};
use crate::scale::Quant;

/// Numbers of the options' types in the schema's union.
mod options {
    pub const CONV: u8 = 1;
    pub const DEPTHWISE: u8 = 2;
    pub const POOL: u8 = 5;
    pub const CONCATENATION: u8 = 10;
    pub const ADD: u8 = 11;
    pub const RESHAPE: u8 = 17;
    pub const SPACE_TO_DEPTH: u8 = 19;
    pub const PAD: u8 = 22;
    pub const TRANSPOSE_CONV: u8 = 49;
    pub const RESIZE_NEAREST_NEIGHBOR: u8 = 74;
    pub const DEPTH_TO_SPACE: u8 = 94;
}

struct Writer<'n> {
    net: &'n IntNet,
    tensors: Vec<Fields>,
    buffers: Vec<Fields>,
    operators: Vec<Fields>,
    codes: Vec<i32>,
    /// The tensor of each node.
    of_node: Vec<i32>,
}

/// The file of `net`, named `name`.
///
/// # Errors
/// None today; operations that TFLite lacks would be.
pub fn int8(net: &IntNet, name: &str) -> Result<Vec<u8>, NetworkError> {
    let mut writer = Writer {
        net,
        tensors: Vec::new(),
        // The first buffer is that of all tensors without one.
        buffers: vec![vec![]],
        operators: Vec::new(),
        codes: Vec::new(),
        of_node: Vec::new(),
    };
    for id in 0..net.network.nodes.len() {
        writer.node(id);
    }
    Ok(writer.finish(name))
}

fn dims(shape: Shape) -> Vec<i32> {
    [1, shape.height, shape.width, shape.channels].iter().map(|&n| n as i32).collect()
}

/// Quantisation with a zero point of `zero` for all.
fn quantization(scales: &[f32], zero: i64, axis: usize) -> Field {
    let mut fields = vec![(2, Field::floats(scales)), (3, Field::longs(&vec![zero; scales.len()]))];
    if scales.len() > 1 {
        fields.push((6, Field::Int(axis as i32)));
    }
    Field::Table(fields)
}

/// Padding of a window in the words of TFLite: the kind, or what must be padded before.
fn padding(window: &Window, from: Shape, to: Shape) -> Option<i8> {
    let Window { kernel: [rows, columns], stride, pad_top, pad_left } = *window;
    let sides = [(from.height, to.height, rows, pad_top), (from.width, to.width, columns, pad_left)];
    let is_same = sides.iter().all(|&(side, out, kernel, pad)| {
        let around = ((out - 1) * stride + kernel).saturating_sub(side);
        out == side.div_ceil(stride) && pad == around / 2
    });
    let is_valid = sides
        .iter()
        .all(|&(side, out, kernel, pad)| pad == 0 && side >= kernel && out == (side - kernel) / stride + 1);
    if is_valid { Some(VALID) } else { is_same.then_some(SAME) }
}

impl Writer<'_> {
    fn tensor(
        &mut self,
        name: &str,
        dims: &[i32],
        kind: i8,
        data: Option<Vec<u8>>,
        quant: Option<Field>,
    ) -> i32 {
        let buffer = match data {
            Some(bytes) => {
                self.buffers.push(vec![(0, Field::Vector(bytes.len(), bytes, 16))]);
                self.buffers.len() - 1
            }
            None => 0,
        };
        let mut fields = vec![
            (0, Field::ints(dims)),
            (1, Field::Byte(kind as u8)),
            (2, Field::Int(buffer as i32)),
            (3, Field::text(name)),
        ];
        fields.extend(quant.map(|q| (4, q)));
        self.tensors.push(fields);
        self.tensors.len() as i32 - 1
    }

    fn value(&mut self, name: &str, shape: Shape, quant: Quant) -> i32 {
        let quant = quantization(&[quant.scale], quant.zero.into(), 0);
        self.tensor(name, &dims(shape), INT8, None, Some(quant))
    }

    fn ints(&mut self, name: &str, dims: &[i32], values: &[i32]) -> i32 {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.tensor(name, dims, INT32, Some(bytes), None)
    }

    fn operator(&mut self, code: i32, inputs: &[i32], output: i32, options: Option<(u8, Fields)>) {
        let at = self.codes.iter().position(|c| *c == code).unwrap_or_else(|| {
            self.codes.push(code);
            self.codes.len() - 1
        });
        let mut fields =
            vec![(0, Field::Int(at as i32)), (1, Field::ints(inputs)), (2, Field::ints(&[output]))];
        if let Some((kind, options)) = options {
            fields.extend([(3, Field::Byte(kind)), (4, Field::Table(options))]);
        }
        self.operators.push(fields);
    }

    fn node(&mut self, id: usize) {
        let net = self.net;
        let node = &net.network.nodes[id];
        let (shape, quant) = (node.shape, net.quants[id]);
        let reads: Vec<i32> = node.inputs.iter().map(|&i| self.of_node[i]).collect();
        let from = node.inputs.first().map_or(shape, |&i| net.network.nodes[i].shape);
        let name = format!("n{id}");
        // What a convolution needs is made before its own tensor, in the order of the file.
        let (code, inputs, options) = match &node.op {
            Op::Input => {
                let tensor = self.value("input", shape, quant);
                self.of_node.push(tensor);
                return;
            }
            Op::Conv(window, c, a) => self.conv(id, window, c, *a, reads[0], from),
            Op::Depthwise(window, c, a) => self.conv(id, window, c, *a, reads[0], from),
            Op::TransposedConv(c) => {
                let size = self.ints(&format!("n{id}.size"), &[4], &dims(shape));
                let [weights, bias] = self.constants(id, c, &[shape.channels, 2, 2, from.channels], 0);
                let options = vec![(0, Field::Byte(SAME as u8)), (1, Field::Int(2)), (2, Field::Int(2))];
                (
                    TRANSPOSE_CONV,
                    vec![size, weights, reads[0], bias],
                    Some((options::TRANSPOSE_CONV, options)),
                )
            }
            Op::Add(a) => (ADD, reads, Some((options::ADD, vec![(0, activation(*a))]))),
            Op::Concat => (CONCATENATION, reads, Some((options::CONCATENATION, vec![(0, Field::Int(3))]))),
            Op::Append => (CONCATENATION, reads, Some((options::CONCATENATION, vec![(0, Field::Int(2))]))),
            Op::MaxPool => {
                let two = (1..5).map(|n| (n, Field::Int(2)));
                (
                    MAX_POOL_2D,
                    reads,
                    Some((options::POOL, two.chain([(0, Field::Byte(VALID as u8))]).collect())),
                )
            }
            Op::Upsample => {
                let size =
                    self.ints(&format!("n{id}.size"), &[2], &[shape.height as i32, shape.width as i32]);
                (
                    RESIZE_NEAREST_NEIGHBOR,
                    vec![reads[0], size],
                    Some((options::RESIZE_NEAREST_NEIGHBOR, vec![])),
                )
            }
            Op::Unshuffle { block } => {
                (SPACE_TO_DEPTH, reads, Some((options::SPACE_TO_DEPTH, vec![(0, Field::Int(*block as i32))])))
            }
            Op::Shuffle { block } => {
                (DEPTH_TO_SPACE, reads, Some((options::DEPTH_TO_SPACE, vec![(0, Field::Int(*block as i32))])))
            }
            Op::Pad { rows, columns, channels } => {
                let pads = self.pads(id, *rows, *columns, *channels);
                (PAD, vec![reads[0], pads], Some((options::PAD, vec![])))
            }
            Op::Reshape => {
                let size = self.ints(&format!("n{id}.size"), &[4], &dims(shape));
                let options = vec![(0, Field::ints(&dims(shape)))];
                (RESHAPE, vec![reads[0], size], Some((options::RESHAPE, options)))
            }
            Op::Logistic => (LOGISTIC, reads, None),
            Op::Rescale(Activation::Relu) => (RELU, reads, None),
            Op::Rescale(Activation::Relu6) => (RELU6, reads, None),
            Op::Rescale(_) => (QUANTIZE, reads, None),
        };
        let tensor = self.value(&name, shape, quant);
        self.operator(code, &inputs, tensor, options);
        self.of_node.push(tensor);
    }

    fn pads(&mut self, id: usize, rows: [usize; 2], columns: [usize; 2], channels: usize) -> i32 {
        let pads = [0, 0, rows[0], rows[1], columns[0], columns[1], 0, channels].map(|n| n as i32);
        self.ints(&format!("n{id}.pads"), &[4, 2], &pads)
    }

    fn constants(&mut self, id: usize, c: &IntWeights, dims: &[usize; 4], axis: usize) -> [i32; 2] {
        let input = self.net.network.nodes[id].inputs[0];
        let scale = self.net.quants[input].scale;
        let dims = dims.map(|n| n as i32);
        let bytes = c.weights.iter().map(|&w| w as u8).collect();
        let quant = quantization(&c.scales, 0, axis);
        let weights = self.tensor(&format!("n{id}.weights"), &dims, INT8, Some(bytes), Some(quant));
        let scales: Vec<f32> = c.scales.iter().map(|s| s * scale).collect();
        let bytes = c.bias.iter().flat_map(|b| b.to_le_bytes()).collect();
        let quant = quantization(&scales, 0, 0);
        let bias =
            self.tensor(&format!("n{id}.bias"), &[c.bias.len() as i32], INT32, Some(bytes), Some(quant));
        [weights, bias]
    }

    #[allow(clippy::type_complexity)]
    fn conv(
        &mut self,
        id: usize,
        window: &Window,
        c: &IntWeights,
        act: Activation,
        mut read: i32,
        from: Shape,
    ) -> (i32, Vec<i32>, Option<(u8, Fields)>) {
        let net = self.net;
        let to = net.network.nodes[id].shape;
        let depthwise = matches!(net.network.nodes[id].op, Op::Depthwise(..));
        let Window { kernel: [rows, columns], stride, pad_top, pad_left } = *window;
        let kind = padding(window, from, to).unwrap_or_else(|| {
            // Rows and columns below and behind that the last window reads.
            let behind = |side: usize, out: usize, kernel: usize, pad: usize| {
                ((out - 1) * stride + kernel).saturating_sub(side + pad)
            };
            let rows = [pad_top, behind(from.height, to.height, rows, pad_top)];
            let columns = [pad_left, behind(from.width, to.width, columns, pad_left)];
            let pads = self.pads(id, rows, columns, 0);
            let shape = Shape::new(
                from.height + rows[0] + rows[1],
                from.width + columns[0] + columns[1],
                from.channels,
            );
            let input = net.network.nodes[id].inputs[0];
            let padded = self.value(&format!("n{id}.padded"), shape, net.quants[input]);
            self.operator(PAD, &[read, pads], padded, Some((options::PAD, vec![])));
            read = padded;
            VALID
        });
        let (dims, axis) = if depthwise {
            ([1, rows, columns, to.channels], 3)
        } else {
            ([to.channels, rows, columns, from.channels], 0)
        };
        let [weights, bias] = self.constants(id, c, &dims, axis);
        let step = Field::Int(stride as i32);
        let mut fields = vec![(0, Field::Byte(kind as u8)), (1, step.clone()), (2, step)];
        if depthwise {
            fields.extend([(3, Field::Int(1)), (4, activation(act)), (5, Field::Int(1)), (6, Field::Int(1))]);
            return (DEPTHWISE_CONV_2D, vec![read, weights, bias], Some((options::DEPTHWISE, fields)));
        }
        fields.extend([(3, activation(act)), (4, Field::Int(1)), (5, Field::Int(1))]);
        (CONV_2D, vec![read, weights, bias], Some((options::CONV, fields)))
    }

    fn finish(self, name: &str) -> Vec<u8> {
        let outputs: Vec<i32> = self.net.network.outputs.iter().map(|&o| self.of_node[o]).collect();
        let code = |&code: &i32| {
            vec![(0, Field::Byte(code.min(127) as u8)), (2, Field::Int(version(code))), (3, Field::Int(code))]
        };
        let graph = vec![
            (0, Field::Tables(self.tensors)),
            (1, Field::ints(&[self.of_node[0]])),
            (2, Field::ints(&outputs)),
            (3, Field::Tables(self.operators)),
            (4, Field::text(name)),
        ];
        let model = vec![
            (0, Field::Int(3)),
            (1, Field::Tables(self.codes.iter().map(code).collect())),
            (2, Field::Tables(vec![graph])),
            (3, Field::text("faceveil")),
            (4, Field::Tables(self.buffers)),
        ];
        write(&model, super::NAME)
    }
}

/// The version of an operation from which on it knows int8 with a scale a channel.
fn version(code: i32) -> i32 {
    match code {
        CONV_2D | DEPTHWISE_CONV_2D | TRANSPOSE_CONV => 3,
        SPACE_TO_DEPTH | DEPTH_TO_SPACE | RESHAPE => 1,
        _ => 2,
    }
}

fn activation(activation: Activation) -> Field {
    Field::Byte(match activation {
        Activation::None | Activation::Sigmoid => 0,
        Activation::Relu => 1,
        Activation::Relu6 => 3,
    })
}
