//! A network as a list of operations: what is imported, and what a plan is made of.

/// Channels of the picture.
pub(crate) const COLORS: usize = 3;

/// The order of the colours in a network's input; pictures are always given as RGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorOrder {
    /// Red first.
    Rgb,
    /// Blue first: red and blue change places in the weights that read the picture.
    Bgr,
}

/// Number of a value (a picture of channels) in the graph.
pub(crate) type ValueId = usize;

/// What kind of convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// 1×1
    Point,
    /// 3×3 on each channel alone.
    Depth,
    /// 3×3 over all channels.
    Full3,
    /// 2×2 transposed, stride 2.
    Double,
}

/// A convolution; weights in ONNX order.
#[derive(Clone, Debug)]
pub(crate) struct Conv {
    pub kernel: Kernel,
    pub stride: usize,
    pub weights: Vec<f32>,
    pub bias: Vec<f32>,
    pub relu: bool,
}

/// One operation.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Conv(ValueId, Conv),
    MaxPool(ValueId),
    Upsample(ValueId),
    Add(ValueId, ValueId),
}

/// Operations in order, each making one value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ops {
    /// The operation, the value it makes.
    pub list: Vec<(Op, ValueId)>,
    /// Logical channels of each value.
    pub channels: Vec<usize>,
    /// The value and first channel of each graph output, with its channels.
    pub outputs: Vec<(String, ValueId, usize, usize)>,
}

impl Op {
    /// What the convolution reads, and itself, if it is one.
    pub fn conv(&self) -> Option<(ValueId, &Conv)> {
        if let Self::Conv(from, conv) = self { Some((*from, conv)) } else { None }
    }
}

impl Ops {
    /// How often each value is read, outputs included.
    pub fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.channels.len()];
        for (op, _) in &self.list {
            match op {
                Op::Conv(a, _) | Op::MaxPool(a) | Op::Upsample(a) => uses[*a] += 1,
                Op::Add(a, b) => {
                    uses[*a] += 1;
                    uses[*b] += 1;
                }
            }
        }
        for (_, value, _, _) in &self.outputs {
            uses[*value] += 1;
        }
        uses
    }
}
