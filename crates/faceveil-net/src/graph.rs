//! A network as a list of operations, each after what it reads. Shapes are checked as the list grows.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// Size of one picture's values: rows, columns, channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values a place.
    pub channels: usize,
}

impl Shape {
    /// `height` × `width` places of `channels` values.
    pub const fn new(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels }
    }

    /// Places: rows times columns.
    pub const fn places(self) -> usize {
        self.height * self.width
    }

    /// Values in all.
    pub const fn len(self) -> usize {
        self.places() * self.channels
    }

    /// Whether there is no value.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// What follows the sum of a convolution, or of an addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// Nothing.
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`: a bounded range, which 8 bits can hold.
    Relu6,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

/// One operation. Convolutions pad with zeros so that a stride of 1 keeps the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// The network's input.
    Input,
    /// Pixel-unshuffle: each `block` × `block` square becomes one place of `block²` times the channels. Channel
    /// `c · block² + dy · block + dx` holds channel `c` at `(dy, dx)` of the square.
    Unshuffle {
        /// Side of the square.
        block: usize,
    },
    /// Pixel-shuffle, the inverse of [`Op::Unshuffle`].
    Shuffle {
        /// Side of the square.
        block: usize,
    },
    /// A convolution over all channels, `kernel` × `kernel`, padding `kernel / 2` on each side.
    Conv {
        /// Side of the kernel, odd.
        kernel: usize,
        /// Step, 1 or 2.
        stride: usize,
        /// Channels that come out.
        channels: usize,
        /// Whether a batch norm follows in training; folded into weights and one bias a channel afterwards.
        norm: bool,
        /// What follows.
        activation: Activation,
    },
    /// A convolution of each channel by itself, 3 × 3, padding 1.
    Depthwise {
        /// Step, 1 or 2.
        stride: usize,
        /// Whether a batch norm follows in training.
        norm: bool,
        /// What follows.
        activation: Activation,
    },
    /// Transposed convolution 2 × 2 with step 2: doubles both sides. Only the thesis's networks have it.
    TransposedConv {
        /// Channels that come out.
        channels: usize,
    },
    /// The sum of two equal shapes.
    Add,
    /// The channels of both, one after the other.
    Concat,
    /// Each place becomes a 2 × 2 square.
    Upsample,
    /// The largest of each 2 × 2 square.
    MaxPool,
}

/// Index of a node in its graph.
pub type NodeId = usize;

/// An operation, what it reads and what comes out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// What is done.
    pub op: Op,
    /// What it reads, all before it.
    pub inputs: Vec<NodeId>,
    /// What comes out.
    pub shape: Shape,
}

impl Node {
    /// Length of the weights (without the bias), shaped `[out, in / groups, kernel, kernel]`, for a transposed
    /// convolution `[in, out, 2, 2]`; `None` if the operation has none. `input` is the shape of what is read.
    pub fn weight_shape(&self, input: Shape) -> Option<[usize; 4]> {
        match self.op {
            Op::Conv { kernel, channels, .. } => Some([channels, input.channels, kernel, kernel]),
            Op::Depthwise { .. } => Some([input.channels, 1, 3, 3]),
            Op::TransposedConv { channels } => Some([input.channels, channels, 2, 2]),
            _ => None,
        }
    }

    /// Whether a batch norm follows in training.
    pub fn has_norm(&self) -> bool {
        matches!(self.op, Op::Conv { norm: true, .. } | Op::Depthwise { norm: true, .. })
    }

    /// What follows the operation.
    pub fn activation(&self) -> Activation {
        match self.op {
            Op::Conv { activation, .. } | Op::Depthwise { activation, .. } => activation,
            _ => Activation::None,
        }
    }
}

/// Why a graph cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The shapes do not go together.
    #[error("{op:?} cannot take {got:?}")]
    Shapes {
        /// The operation.
        op: Op,
        /// What it was given.
        got: Vec<Shape>,
    },
    /// It reads a node that is not there.
    #[error("node {got} is read, but there are only {nodes}")]
    Missing {
        /// The node asked for.
        got: NodeId,
        /// Nodes so far.
        nodes: usize,
    },
    /// A number of the configuration is out of range.
    #[error("{name} is {got}, must be {want}")]
    Config {
        /// The number's name.
        name: &'static str,
        /// Its value.
        got: usize,
        /// What is allowed.
        want: &'static str,
    },
}

/// A network: operations in an order in which they can be done. The last one is the output.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Graph {
    name: String,
    nodes: Vec<Node>,
}

/// Largest side of an input and largest number of channels: keeps every size below 2³².
const MOST: usize = 4096;

impl Graph {
    /// A graph that holds its input only.
    ///
    /// # Errors
    /// [`GraphError::Shapes`] if a side is 0 or above 4096.
    pub fn new(name: &str, input: Shape) -> Result<Self, GraphError> {
        let sides = [input.height, input.width, input.channels];
        if sides.iter().any(|&n| n == 0 || n > MOST) {
            return Err(GraphError::Shapes { op: Op::Input, got: vec![input] });
        }
        let node = Node { op: Op::Input, inputs: Vec::new(), shape: input };
        Ok(Self { name: name.into(), nodes: vec![node] })
    }

    /// The network's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All operations, the input first, the output last.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The input's node.
    pub fn input(&self) -> NodeId {
        0
    }

    /// The shape of the input.
    pub fn input_shape(&self) -> Shape {
        self.nodes[0].shape
    }

    /// The output's node.
    pub fn output(&self) -> NodeId {
        self.nodes.len() - 1
    }

    /// The shape of the output.
    pub fn output_shape(&self) -> Shape {
        self.nodes[self.output()].shape
    }

    /// The shape of what the node reads first; its own if it reads nothing.
    pub fn input_of(&self, node: &Node) -> Shape {
        node.inputs.first().map_or(node.shape, |&i| self.nodes[i].shape)
    }

    /// For each node the last one that reads it; the node itself if none does.
    pub fn last_use(&self) -> Vec<NodeId> {
        let mut last: Vec<NodeId> = (0..self.nodes.len()).collect();
        for (id, node) in self.nodes.iter().enumerate() {
            for &input in &node.inputs {
                last[input] = id;
            }
        }
        last
    }

    /// Adds an operation; gives its index.
    ///
    /// # Errors
    /// [`GraphError`] if the inputs are not there or of shapes that the operation does not take.
    pub fn push(&mut self, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        let mut shapes = Vec::new();
        for &got in inputs {
            let node = self.nodes.get(got).ok_or(GraphError::Missing { got, nodes: self.nodes.len() })?;
            shapes.push(node.shape);
        }
        let shape = out_shape(op, &shapes).filter(|s| !s.is_empty() && s.channels <= MOST);
        let shape = shape.ok_or(GraphError::Shapes { op, got: shapes })?;
        self.nodes.push(Node { op, inputs: inputs.to_vec(), shape });
        Ok(self.nodes.len() - 1)
    }

    /// The same operations for an input of another size.
    ///
    /// # Errors
    /// [`GraphError`] if that size does not go through the network.
    pub fn resized(&self, height: usize, width: usize) -> Result<Self, GraphError> {
        let mut graph = Self::new(&self.name, Shape::new(height, width, self.input_shape().channels))?;
        for node in &self.nodes[1..] {
            graph.push(node.op, &node.inputs)?;
        }
        Ok(graph)
    }

    /// The same operations without batch norms: what is left once those are folded into weights and one bias a channel.
    #[must_use]
    pub fn without_norms(&self) -> Self {
        let mut graph = self.clone();
        for node in &mut graph.nodes {
            if let Op::Conv { norm, .. } | Op::Depthwise { norm, .. } = &mut node.op {
                *norm = false;
            }
        }
        graph
    }
}

/// `None` if the operation does not take these shapes.
fn out_shape(op: Op, inputs: &[Shape]) -> Option<Shape> {
    let strided = |s: Shape, stride: usize, channels: usize| {
        let whole =
            (1..=2).contains(&stride) && s.height.is_multiple_of(stride) && s.width.is_multiple_of(stride);
        whole.then(|| Shape::new(s.height / stride, s.width / stride, channels))
    };
    match (op, inputs) {
        (Op::Unshuffle { block }, &[s])
            if block > 0 && s.height.is_multiple_of(block) && s.width.is_multiple_of(block) =>
        {
            Some(Shape::new(s.height / block, s.width / block, s.channels * block * block))
        }
        (Op::Shuffle { block }, &[s]) if block > 0 && s.channels.is_multiple_of(block * block) => {
            Some(Shape::new(s.height * block, s.width * block, s.channels / (block * block)))
        }
        (Op::Conv { kernel, stride, channels, .. }, &[s]) if kernel % 2 == 1 && kernel <= 7 => {
            strided(s, stride, channels)
        }
        (Op::Depthwise { stride, .. }, &[s]) => strided(s, stride, s.channels),
        (Op::TransposedConv { channels }, &[s]) => Some(Shape::new(2 * s.height, 2 * s.width, channels)),
        (Op::Add, &[a, b]) if a == b => Some(a),
        (Op::Concat, &[a, b]) if (a.height, a.width) == (b.height, b.width) => {
            Some(Shape { channels: a.channels + b.channels, ..a })
        }
        (Op::Upsample, &[s]) => Some(Shape::new(2 * s.height, 2 * s.width, s.channels)),
        (Op::MaxPool, &[s]) => strided(s, 2, s.channels),
        _ => None,
    }
}
