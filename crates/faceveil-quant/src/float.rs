//! Networks in floats: from a [`Graph`] and its folded weights, and a run that shows each value to who calibrates.
//! Made to be right; the networks are small.

use faceveil_net::{Activation, Graph, Shape, graph};

use crate::network::{FloatWeights, Network, NetworkError, Node, Op, Window};

/// A network in floats.
pub type FloatNet = Network<FloatWeights>;

/// A network, and where the nodes of the graph that it was made of came to be.
#[derive(Clone, Debug, PartialEq)]
pub struct FromGraph {
    /// The network.
    pub net: FloatNet,
    /// For each node of the graph the network's that has its value before a sigmoid: what a trainer rounds.
    pub nodes: Vec<usize>,
}

/// Takes numbers from the front.
struct Values<'v> {
    rest: &'v [f32],
    need: usize,
    got: usize,
}

impl<'v> Values<'v> {
    fn take(&mut self, len: usize) -> Result<&'v [f32], NetworkError> {
        let (head, rest) =
            self.rest.split_at_checked(len).ok_or(NetworkError::Values { need: self.need, got: self.got })?;
        self.rest = rest;
        Ok(head)
    }
}

/// `graph` with `values`, weights and biases in the order of its nodes, batch norms folded.
///
/// # Errors
/// [`NetworkError`] if there are more or fewer values, or the values of unshuffled squares are read by what would have to know
/// their order.
pub fn from_graph(graph: &Graph, values: &[f32]) -> Result<FromGraph, NetworkError> {
    let need = faceveil_net::plan(graph).parameters;
    let mut values = Values { rest: values, need, got: values.len() };
    let mut from = FromGraph { net: Network { nodes: Vec::new(), outputs: Vec::new() }, nodes: Vec::new() };
    let orders = square_orders(graph)?;
    for (id, node) in graph.nodes().iter().enumerate() {
        let inputs: Vec<usize> = node.inputs.iter().map(|&i| from.after(i)).collect();
        let op = operation(graph, id, &mut values, &orders)?;
        from.net.nodes.push(Node { op, inputs, shape: node.shape });
        from.nodes.push(from.net.nodes.len() - 1);
        if node.activation() == Activation::Sigmoid {
            let inputs = vec![from.net.nodes.len() - 1];
            from.net.nodes.push(Node { op: Op::Logistic, inputs, shape: node.shape });
        }
    }
    if !values.rest.is_empty() {
        return Err(NetworkError::Values { need, got: values.got });
    }
    from.net.outputs = vec![from.net.nodes.len() - 1];
    Ok(from)
}

impl FromGraph {
    /// The node with the whole value of the graph's node `id`, its sigmoid included.
    fn after(&self, id: usize) -> usize {
        let node = self.nodes[id];
        let next = self.net.nodes.get(node + 1);
        let logistic = next.is_some_and(|n| n.op == Op::Logistic && n.inputs == [node]);
        node + usize::from(logistic)
    }
}

/// Channels and block of a square whose values are stored in the order row, column, channel, where a graph has them in the
/// order channel, row, column.
type SquareOrder = Option<(usize, usize)>;

/// The order of each node's values: squares are what an unshuffle gives, what a shuffle reads, and what is added to those.
fn square_orders(graph: &Graph) -> Result<Vec<SquareOrder>, NetworkError> {
    let nodes = graph.nodes();
    let mut orders: Vec<SquareOrder> = vec![None; nodes.len()];
    // A sum ties three nodes together; a chain of sums is no longer than there are nodes.
    for _ in 0..nodes.len() {
        let before = orders.clone();
        for (id, node) in nodes.iter().enumerate() {
            match (node.op, node.inputs.as_slice()) {
                (graph::Op::Unshuffle { block }, _) => {
                    orders[id] = Some((node.shape.channels / (block * block), block));
                }
                (graph::Op::Shuffle { block }, &[input]) => {
                    orders[input] = Some((node.shape.channels, block))
                }
                (graph::Op::Add, &[a, b]) => {
                    let order = orders[id].or(orders[a]).or(orders[b]);
                    [id, a, b].into_iter().for_each(|i| orders[i] = orders[i].or(order));
                }
                _ => {}
            }
        }
        if orders == before {
            break;
        }
    }
    for (id, node) in nodes.iter().enumerate() {
        let read: Vec<SquareOrder> = node.inputs.iter().map(|&i| orders[i]).collect();
        if !knows(node, &read, orders[id]) {
            let what = "an operation on unshuffled squares".to_owned();
            return Err(NetworkError::Unsupported { node: id, what });
        }
    }
    Ok(orders)
}

/// Whether a node can read values in the orders `read` and give its own in the order `given`.
fn knows(node: &graph::Node, read: &[SquareOrder], given: SquareOrder) -> bool {
    let channels = node.shape.channels;
    match node.op {
        graph::Op::Unshuffle { block } => {
            read == [None] && given == Some((channels / (block * block), block))
        }
        graph::Op::Shuffle { block } => read == [Some((channels, block))] && given.is_none(),
        graph::Op::Add => read == [given; 2],
        graph::Op::Conv { kernel: 1, .. } => true,
        _ => given.is_none() && read.iter().all(Option::is_none),
    }
}

fn operation(
    graph: &Graph,
    id: usize,
    values: &mut Values<'_>,
    orders: &[SquareOrder],
) -> Result<Op<FloatWeights>, NetworkError> {
    let node = &graph.nodes()[id];
    let input = graph.input_of(node);
    let mut constants = |to: &dyn Fn(&[f32]) -> Vec<f32>| {
        let len = node.weight_shape(input).map_or(0, |s| s.iter().product());
        let weights = to(values.take(len)?);
        let bias = ordered(values.take(node.shape.channels)?, 1, orders[id]);
        Ok::<_, NetworkError>(FloatWeights { weights, bias })
    };
    let activation = match node.activation() {
        Activation::Sigmoid => Activation::None,
        other => other,
    };
    Ok(match node.op {
        graph::Op::Input => Op::Input,
        graph::Op::Unshuffle { block } => Op::Unshuffle { block },
        graph::Op::Shuffle { block } => Op::Shuffle { block },
        graph::Op::Conv { kernel, stride, .. } => {
            let pad = kernel / 2;
            let window = Window { kernel: [kernel; 2], stride, pad_top: pad, pad_left: pad };
            let read = node.inputs.first().and_then(|&i| orders[i]);
            let to = |w: &[f32]| {
                let last = channels_last(w, input.channels, kernel * kernel);
                let each = input.channels * kernel * kernel;
                // Only those of one place know squares, so that a row has a number a channel.
                let rows = last.chunks_exact(each).flat_map(|row| ordered(row, 1, read)).collect::<Vec<_>>();
                ordered(&rows, each, orders[id])
            };
            Op::Conv(window, constants(&to)?, activation)
        }
        graph::Op::Depthwise { stride, .. } => {
            let window = Window { kernel: [3; 2], stride, pad_top: 1, pad_left: 1 };
            Op::Depthwise(window, constants(&|w| transposed(w, 9))?, activation)
        }
        graph::Op::TransposedConv { channels } => {
            // From [in, out, 2, 2] to [out, 2, 2, in].
            Op::TransposedConv(constants(&|w| transposed(w, 4 * channels))?)
        }
        graph::Op::Add => Op::Add(Activation::None),
        graph::Op::Concat => Op::Concat,
        graph::Op::Upsample => Op::Upsample,
        graph::Op::MaxPool => Op::MaxPool,
    })
}

/// Groups of `len` numbers, of which number `c · block² + k` comes to place `k · channels + c`.
fn ordered(values: &[f32], len: usize, order: SquareOrder) -> Vec<f32> {
    let Some((channels, block)) = order else { return values.to_vec() };
    let places = block * block;
    let group = |to: usize| to % channels * places + to / channels;
    (0..channels * places).flat_map(|to| values.iter().skip(group(to) * len).take(len).copied()).collect()
}

/// `[out][in][window]` as `[out][window][in]`.
fn channels_last(weights: &[f32], channels: usize, window: usize) -> Vec<f32> {
    weights.chunks_exact(channels * window).flat_map(|w| transposed(w, window)).collect()
}

/// Rows of `columns` numbers become columns.
fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|c| values.iter().skip(c).step_by(columns).copied()).collect()
}

impl FloatNet {
    /// Runs the network on `[rows, columns, channels]` values; gives the outputs. `seen` is shown each node's value
    /// before it is read, and may change it: rounding each by its scale gives what training with rounding sees.
    ///
    /// # Errors
    /// [`NetworkError::Values`] if `input` is of another length.
    pub fn run(
        &self,
        input: &[f32],
        seen: &mut dyn FnMut(usize, &mut [f32]),
    ) -> Result<Vec<Vec<f32>>, NetworkError> {
        let need = self.nodes.first().map_or(0, |n| n.shape.len());
        if input.len() != need {
            return Err(NetworkError::Values { need, got: input.len() });
        }
        let readers = self.readers();
        let mut live: Vec<Vec<f32>> = vec![Vec::new(); self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate() {
            let mut value = if id == 0 {
                input.to_vec()
            } else {
                let inputs: Vec<(&[f32], Shape)> =
                    node.inputs.iter().map(|&i| (live[i].as_slice(), self.nodes[i].shape)).collect();
                value(node, &inputs)
            };
            seen(id, &mut value);
            live[id] = value;
            for &input in &node.inputs {
                if readers[input].last() == Some(&id) && !self.outputs.contains(&input) {
                    live[input] = Vec::new();
                }
            }
        }
        Ok(self.outputs.iter().map(|&o| live[o].clone()).collect())
    }
}

fn value(node: &Node<FloatWeights>, inputs: &[(&[f32], Shape)]) -> Vec<f32> {
    let (x, from) = inputs[0];
    let mut out = match &node.op {
        Op::Input | Op::Reshape | Op::Rescale(_) => x.to_vec(),
        Op::Unshuffle { block } => squares(x, from, *block, true),
        Op::Shuffle { block } => squares(x, node.shape, *block, false),
        Op::Conv(window, c, _) => conv(x, from, node.shape, window, c),
        Op::Depthwise(window, c, _) => depthwise(x, from, node.shape, window, c),
        Op::TransposedConv(c) => transposed_conv(x, from, c),
        Op::Add(_) => x.iter().zip(inputs[1].0).map(|(a, b)| a + b).collect(),
        Op::Concat => {
            let (b, other) = inputs[1];
            let places = x.chunks_exact(from.channels).zip(b.chunks_exact(other.channels));
            places.flat_map(|(a, b)| [a, b].concat()).collect()
        }
        Op::Append => [x, inputs[1].0].concat(),
        Op::MaxPool => pool(x, from),
        Op::Upsample => upsample(x, from),
        Op::Pad { rows, columns, .. } => pad(x, from, node.shape, rows[0], columns[0]),
        Op::Logistic => x.iter().map(|v| 1.0 / (1.0 + (-v).exp())).collect(),
    };
    match node.op.activation() {
        Activation::None | Activation::Sigmoid => {}
        Activation::Relu => out.iter_mut().for_each(|v| *v = v.max(0.0)),
        Activation::Relu6 => out.iter_mut().for_each(|v| *v = v.clamp(0.0, 6.0)),
    }
    out
}

/// Calls `tap` with the output place, the input place and the place in the kernel of each product.
fn taps(from: Shape, to: Shape, window: &Window, mut tap: impl FnMut(usize, usize, usize)) {
    let Window { kernel: [rows, columns], stride, pad_top, pad_left } = *window;
    for y in 0..to.height {
        for x in 0..to.width {
            for k in 0..rows * columns {
                let row = (y * stride + k / columns).checked_sub(pad_top).filter(|r| *r < from.height);
                let column = (x * stride + k % columns).checked_sub(pad_left).filter(|c| *c < from.width);
                if let (Some(row), Some(column)) = (row, column) {
                    tap(y * to.width + x, row * from.width + column, k);
                }
            }
        }
    }
}

fn conv(x: &[f32], from: Shape, to: Shape, window: &Window, c: &FloatWeights) -> Vec<f32> {
    let mut out = c.bias.repeat(to.places());
    // The inner loop runs over output channels.
    let weights = transposed(&c.weights, c.weights.len() / to.channels);
    taps(from, to, window, |o, i, k| {
        let sums = &mut out[o * to.channels..][..to.channels];
        let values = &x[i * from.channels..][..from.channels];
        let rows = weights[k * from.channels * to.channels..].chunks_exact(to.channels);
        for (value, row) in values.iter().zip(rows) {
            for (sum, w) in sums.iter_mut().zip(row) {
                *sum += value * w;
            }
        }
    });
    out
}

fn depthwise(x: &[f32], from: Shape, to: Shape, window: &Window, c: &FloatWeights) -> Vec<f32> {
    let mut out = c.bias.repeat(to.places());
    let n = to.channels;
    taps(from, to, window, |o, i, k| {
        let terms = x[i * n..][..n].iter().zip(&c.weights[k * n..][..n]);
        for (sum, (value, w)) in out[o * n..][..n].iter_mut().zip(terms) {
            *sum += value * w;
        }
    });
    out
}

fn transposed_conv(x: &[f32], from: Shape, c: &FloatWeights) -> Vec<f32> {
    let channels = c.bias.len();
    let mut out = c.bias.repeat(4 * from.places());
    for (i, values) in x.chunks_exact(from.channels).enumerate() {
        for k in 0..4 {
            let (y, column) = (2 * (i / from.width) + k / 2, 2 * (i % from.width) + k % 2);
            for channel in 0..channels {
                let weights = &c.weights[(channel * 4 + k) * from.channels..][..from.channels];
                let sum: f32 = values.iter().zip(weights).map(|(a, b)| a * b).sum();
                out[(y * 2 * from.width + column) * channels + channel] += sum;
            }
        }
    }
    out
}

/// Unshuffles if `apart`, else shuffles; `large` is the shape with fewer channels.
fn squares(x: &[f32], large: Shape, block: usize, apart: bool) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    let c = large.channels;
    for y in 0..large.height {
        for column in 0..large.width {
            let place = (y / block) * (large.width / block) + column / block;
            let k = (y % block) * block + column % block;
            let (one, other) = ((y * large.width + column) * c, (place * block * block + k) * c);
            let (to, from) = if apart { (other, one) } else { (one, other) };
            out[to..to + c].copy_from_slice(&x[from..from + c]);
        }
    }
    out
}

fn pool(x: &[f32], from: Shape) -> Vec<f32> {
    let (c, width) = (from.channels, from.width);
    let mut out = vec![f32::MIN; from.height / 2 * (width / 2) * c];
    for (i, values) in x.chunks_exact(c).enumerate() {
        let place = i / width / 2 * (width / 2) + i % width / 2;
        for (to, v) in out[place * c..][..c].iter_mut().zip(values) {
            *to = to.max(*v);
        }
    }
    out
}

fn upsample(x: &[f32], from: Shape) -> Vec<f32> {
    let mut out = Vec::with_capacity(4 * x.len());
    for row in x.chunks_exact(from.width * from.channels) {
        let wide: Vec<f32> = row.chunks_exact(from.channels).flat_map(|p| [p, p].concat()).collect();
        out.extend_from_slice(&wide);
        out.extend_from_slice(&wide);
    }
    out
}

fn pad(x: &[f32], from: Shape, to: Shape, top: usize, left: usize) -> Vec<f32> {
    let mut out = vec![0.0; to.len()];
    for (i, values) in x.chunks_exact(from.channels).enumerate() {
        let place = (i / from.width + top) * to.width + i % from.width + left;
        out[place * to.channels..][..from.channels].copy_from_slice(values);
    }
    out
}
