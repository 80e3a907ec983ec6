//! A network as a list of operations, each with its constants: in floats or in integers, by the type of the constants.
//! Values are `[rows, columns, channels]`, channels last.

use faceveil_net::{Activation, Shape};

use crate::scale::Quant;

/// The window of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Step.
    pub stride: usize,
    /// Rows outside above the first.
    pub pad_top: usize,
    /// Columns outside before the first.
    pub pad_left: usize,
}

impl Window {
    /// 1 × 1, step 1.
    pub const POINT: Self = Self { kernel: [1, 1], stride: 1, pad_top: 0, pad_left: 0 };
}

/// An operation; `C` holds the constants of convolutions.
#[derive(Clone, Debug, PartialEq)]
pub enum Op<C> {
    /// The input.
    Input,
    /// Each `block` × `block` square becomes a place; values in the order row, column, channel (TFLite's
    /// SPACE_TO_DEPTH; **not** the order of [`faceveil_net::Op::Unshuffle`]).
    Unshuffle {
        /// Side of the square.
        block: usize,
    },
    /// The inverse.
    Shuffle {
        /// Side of the square.
        block: usize,
    },
    /// Weights `[c_out][rows][columns][c_in]`.
    Conv(Window, C, Activation),
    /// Each channel by itself. Weights `[rows · columns][c]`.
    Depthwise(Window, C, Activation),
    /// 2 × 2, step 2. Weights `[c_out][2][2][c_in]`.
    TransposedConv(C),
    /// The sum of two.
    Add(Activation),
    /// The channels of both.
    Concat,
    /// The values of both, one after the other.
    Append,
    /// The largest of each 2 × 2 square.
    MaxPool,
    /// Each place becomes a 2 × 2 square.
    Upsample,
    /// Zeros around.
    Pad {
        /// Rows above, below.
        rows: [usize; 2],
        /// Columns before, behind.
        columns: [usize; 2],
        /// Channels behind.
        channels: usize,
    },
    /// The same values in another shape.
    Reshape,
    /// `1 / (1 + exp(-x))`.
    Logistic,
    /// The same value with another scale, and what follows: only in integers of others.
    Rescale(Activation),
}

/// An operation, what it reads and what comes out.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<C> {
    /// What is done.
    pub op: Op<C>,
    /// What is read, all before it.
    pub inputs: Vec<usize>,
    /// What comes out.
    pub shape: Shape,
}

/// Operations in an order in which they can be done; the first one is the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Network<C> {
    /// The operations.
    pub nodes: Vec<Node<C>>,
    /// Nodes that are outputs.
    pub outputs: Vec<usize>,
}

/// Constants in floats.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatWeights {
    /// In the order that the operation tells.
    pub weights: Vec<f32>,
    /// One an output channel.
    pub bias: Vec<f32>,
}

/// Constants in integers.
#[derive(Clone, Debug, PartialEq)]
pub struct IntWeights {
    /// In the order that the operation tells, zero point 0.
    pub weights: Vec<i8>,
    /// Scale of each output channel's weights.
    pub scales: Vec<f32>,
    /// One an output channel, in steps of the input's scale times the weights'; the input's zero point is not in it.
    pub bias: Vec<i32>,
}

/// From where on a square of a gate network's mask counts; see `faceveil_int8::Point`.
pub type Point = faceveil_int8::Point;

/// A network in 8-bit integers.
#[derive(Clone, Debug, PartialEq)]
pub struct IntNet {
    /// The operations.
    pub network: Network<IntWeights>,
    /// Scale and zero point of each node's value.
    pub quants: Vec<Quant>,
    /// For one that gives a mask.
    pub point: Option<Point>,
}

/// Why a network cannot be made, read or written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A graph has more or fewer numbers.
    #[error("the network has {need} weights and biases, {got} are given")]
    Values {
        /// Numbers that it has.
        need: usize,
        /// Numbers given.
        got: usize,
    },
    /// An operation that cannot be expressed.
    #[error("node {node}: {what} is not supported")]
    Unsupported {
        /// Which node.
        node: usize,
        /// What.
        what: String,
    },
    /// Shapes that do not go together.
    #[error("node {node}: {what} is {got}, should be {want}")]
    Shape {
        /// Which node.
        node: usize,
        /// Which number.
        what: &'static str,
        /// Its value.
        got: usize,
        /// What it should be.
        want: usize,
    },
    /// A factor between scales that is no factor.
    #[error("node {node}: the factor {factor} between its scales cannot be expressed")]
    Factor {
        /// Which node.
        node: usize,
        /// The factor.
        factor: f64,
    },
    /// A node without a range.
    #[error("node {node} has no range")]
    Range {
        /// Which node.
        node: usize,
    },
    /// Nothing to see ranges on.
    #[error("there is no picture to calibrate on")]
    NoPictures,
    /// What was written would not be read.
    #[error("the network cannot be written: {0}")]
    Model(faceveil_int8::ModelError),
    /// A TFLite file is damaged.
    #[error("the TFLite file is damaged at byte {at}: {what}")]
    Damaged {
        /// Where.
        at: usize,
        /// What should be there.
        what: &'static str,
    },
    /// Ranges that are not of this network.
    #[error("the ranges are for {got:?}, the network is {want:?}")]
    Ranges {
        /// Whose they are.
        got: String,
        /// Whose they should be.
        want: String,
    },
}

impl<C> Network<C> {
    /// For each node those that read it.
    pub fn readers(&self) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate() {
            for &input in &node.inputs {
                if !readers[input].contains(&id) {
                    readers[input].push(id);
                }
            }
        }
        readers
    }

    /// For each node the one whose scale it has: its own, or that of what it only moves. Both inputs of a
    /// concatenation have the same.
    pub fn scale_owners(&self) -> Vec<usize> {
        let mut owner: Vec<usize> = (0..self.nodes.len()).collect();
        fn root(owner: &mut [usize], mut id: usize) -> usize {
            while owner[id] != id {
                owner[id] = owner[owner[id]];
                id = owner[id];
            }
            id
        }
        for (id, node) in self.nodes.iter().enumerate() {
            if node.op.moves() {
                for &input in &node.inputs {
                    let (a, b) = (root(&mut owner, id), root(&mut owner, input));
                    owner[a.max(b)] = a.min(b);
                }
            }
        }
        (0..owner.len()).map(|id| root(&mut owner, id)).collect()
    }
}

impl<C> Op<C> {
    /// Whether values are only moved, so that the scale stays.
    pub fn moves(&self) -> bool {
        match self {
            Self::Unshuffle { .. }
            | Self::Shuffle { .. }
            | Self::Concat
            | Self::Append
            | Self::MaxPool
            | Self::Upsample
            | Self::Pad { .. }
            | Self::Reshape => true,
            Self::Input
            | Self::Conv(..)
            | Self::Depthwise(..)
            | Self::TransposedConv(_)
            | Self::Add(_)
            | Self::Logistic
            | Self::Rescale(_) => false,
        }
    }

    /// What follows.
    pub fn activation(&self) -> Activation {
        match self {
            Self::Conv(_, _, a) | Self::Depthwise(_, _, a) | Self::Add(a) | Self::Rescale(a) => *a,
            _ => Activation::None,
        }
    }

    /// The constants.
    pub fn constants(&self) -> Option<&C> {
        match self {
            Self::Conv(_, c, _) | Self::Depthwise(_, c, _) | Self::TransposedConv(c) => Some(c),
            _ => None,
        }
    }

    /// The same with other constants.
    pub fn with<D>(&self, make: impl FnOnce(&C) -> D) -> Op<D> {
        match self {
            Self::Input => Op::Input,
            Self::Unshuffle { block } => Op::Unshuffle { block: *block },
            Self::Shuffle { block } => Op::Shuffle { block: *block },
            Self::Conv(window, c, a) => Op::Conv(*window, make(c), *a),
            Self::Depthwise(window, c, a) => Op::Depthwise(*window, make(c), *a),
            Self::TransposedConv(c) => Op::TransposedConv(make(c)),
            Self::Add(a) => Op::Add(*a),
            Self::Concat => Op::Concat,
            Self::Append => Op::Append,
            Self::MaxPool => Op::MaxPool,
            Self::Upsample => Op::Upsample,
            Self::Pad { rows, columns, channels } => {
                Op::Pad { rows: *rows, columns: *columns, channels: *channels }
            }
            Self::Reshape => Op::Reshape,
            Self::Logistic => Op::Logistic,
            Self::Rescale(a) => Op::Rescale(*a),
        }
    }
}

/// Where the weights of output channel `channel` lie: first, step and number.
pub fn channel_weights<C>(
    op: &Op<C>,
    weights: usize,
    channels: usize,
    channel: usize,
) -> impl Iterator<Item = usize> {
    let each = weights / channels.max(1);
    let (first, step) =
        if matches!(op, Op::Depthwise(..)) { (channel, channels) } else { (channel * each, 1) };
    (0..each).map(move |i| first + i * step)
}

impl IntNet {
    /// Least and largest value of node `id` after its activation. Source: TFLite,
    /// `CalculateActivationRangeQuantized`.
    pub fn bounds(&self, id: usize) -> (i8, i8) {
        let quant = self.quants[id];
        match self.network.nodes[id].op.activation() {
            Activation::Relu => (quant.zero, 127),
            Activation::Relu6 => (quant.zero, quant.quantize(6.0)),
            Activation::None | Activation::Sigmoid => (-128, 127),
        }
    }
}
