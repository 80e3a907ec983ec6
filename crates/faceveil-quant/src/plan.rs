//! From operations to the steps that are run: what is joined, and where each value lies.
//!
//! Joined are the unshuffle and the pointwise convolution behind it, an upsampling and the sum that reads it, padding and
//! the convolution that reads it; none of these changes a bit of the result. A reshape is no step. In the place of what
//! they read for the last time are sums, max-pooling, tables and depthwise 3 × 3 convolutions of step 1.

use faceveil_int8::format::Kind;
use faceveil_int8::kernels::{
    ConvShape, DepthShape, PointShape, conv_scratch, depthwise_scratch, first_layer_scratch,
    pointwise_scratch,
};
use faceveil_net::{Life, Shape, arrange};

use crate::network::{IntNet, IntWeights, NetworkError, Node, Op, Window};
use crate::scale::PIXELS;

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What is done.
    pub kind: Kind,
    /// The node whose operation, and constants, it is.
    pub node: usize,
    /// Nodes that are read; none where the input itself is.
    pub reads: Vec<usize>,
    /// The window of a convolution, with the padding that was joined.
    pub window: Window,
    /// Side of the squares that the input is unshuffled by, or a shuffle's.
    pub block: usize,
    /// First byte and length of its scratch.
    pub scratch: (usize, usize),
}

/// All steps, and where the values lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// In the order in which they are done.
    pub steps: Vec<Step>,
    /// First byte of each node's value in the arena; `None` for those that have no bytes.
    pub offsets: Vec<Option<usize>>,
    /// Bytes in all.
    pub arena: usize,
}

/// Every buffer begins at a multiple of this, for the sake of vector loads.
const ALIGNMENT: usize = 16;

/// The steps of `net`.
///
/// # Errors
/// [`NetworkError::Unsupported`] if an operation cannot be expressed.
pub fn program(net: &IntNet) -> Result<Program, NetworkError> {
    let mut lowering = Lowering { net, readers: net.network.readers(), steps: Vec::new() };
    for id in 0..net.network.nodes.len() {
        lowering.node(id)?;
    }
    let steps = lowering.steps;
    place(net, steps)
}

struct Lowering<'n> {
    net: &'n IntNet,
    readers: Vec<Vec<usize>>,
    steps: Vec<Step>,
}

impl Lowering<'_> {
    fn nodes(&self) -> &[Node<IntWeights>] {
        &self.net.network.nodes
    }

    /// The only reader of `id`, if it is no output.
    fn sole_reader(&self, id: usize) -> Option<usize> {
        match self.readers[id][..] {
            [reader] if !self.net.network.outputs.contains(&id) => Some(reader),
            _ => None,
        }
    }

    fn node(&mut self, id: usize) -> Result<(), NetworkError> {
        let node = &self.nodes()[id];
        let unsupported = |what: &str| NetworkError::Unsupported { node: id, what: what.to_owned() };
        let step = |kind| Step {
            kind,
            node: id,
            reads: node.inputs.iter().map(|&i| self.bytes_of(i)).collect(),
            window: Window::POINT,
            block: 1,
            scratch: (0, 0),
        };
        let step = match &node.op {
            Op::Input => {
                let all_unshuffle =
                    self.readers[id].iter().all(|&r| matches!(self.nodes()[r].op, Op::Unshuffle { .. }));
                if all_unshuffle {
                    return Ok(());
                }
                step(Kind::Load)
            }
            Op::Unshuffle { .. } if node.inputs != [0] => {
                return Err(unsupported("unshuffling anything but the input"));
            }
            Op::Unshuffle { .. } if self.joined_first(id).is_some() => return Ok(()),
            Op::Unshuffle { block } => Step { block: *block, reads: vec![], ..step(Kind::Load) },
            Op::Conv(window, ..) => self.conv(id, *window, step(Kind::Conv)),
            Op::Depthwise(window, ..) => {
                let step = step(Kind::Depthwise);
                Step { window: self.with_padding(id, *window), reads: self.padded_reads(&step.reads), ..step }
            }
            Op::TransposedConv(_) => step(Kind::TransposedConv),
            Op::Add(_) => self.sum(id, step(Kind::Add)),
            Op::Concat => step(Kind::Concat),
            Op::Append => step(Kind::Append),
            Op::MaxPool => step(Kind::MaxPool),
            Op::Upsample if self.joined_sum(id) => return Ok(()),
            Op::Upsample => step(Kind::Upsample),
            Op::Pad { rows: [0, 0], columns: [0, 0], .. } => step(Kind::PadChannels),
            Op::Pad { .. } if self.joined_padding(id) => return Ok(()),
            Op::Pad { .. } => return Err(unsupported("padding that no convolution follows")),
            Op::Reshape => return Ok(()),
            Op::Logistic | Op::Rescale(_) => step(Kind::Lookup),
            Op::Shuffle { block } => Step { block: *block, ..step(Kind::Shuffle) },
        };
        self.steps.push(step);
        Ok(())
    }

    /// The node that has the bytes of `id`.
    fn bytes_of(&self, id: usize) -> usize {
        match self.nodes()[id].op {
            Op::Reshape => self.bytes_of(self.nodes()[id].inputs[0]),
            _ => id,
        }
    }

    /// The pointwise convolution that reads the unshuffled input straight from the frame.
    fn joined_first(&self, id: usize) -> Option<usize> {
        let reader = self.sole_reader(id)?;
        let pixels = self.net.quants[0] == PIXELS && self.nodes()[0].shape.channels == 3;
        let point = matches!(self.nodes()[reader].op, Op::Conv(Window::POINT, ..));
        (pixels && point).then_some(reader)
    }

    fn joined_sum(&self, id: usize) -> bool {
        self.sole_reader(id).is_some_and(|reader| {
            let node = &self.nodes()[reader];
            matches!(node.op, Op::Add(_)) && node.inputs[0] != node.inputs[1]
                // The sum of two upsampled ones joins the first only.
                && node.inputs.iter().find(|&&i| matches!(self.nodes()[i].op, Op::Upsample)) == Some(&id)
        })
    }

    fn joined_padding(&self, id: usize) -> bool {
        let channels = matches!(self.nodes()[id].op, Op::Pad { channels: 0, .. });
        let reader = self.sole_reader(id).map(|reader| &self.nodes()[reader].op);
        let Op::Pad { rows, columns, .. } = self.nodes()[id].op else { return false };
        // The kernels take less padding than the kernel's side.
        let own = |w: &Window| {
            w.pad_top == 0 && w.pad_left == 0 && rows[0] < w.kernel[0] && columns[0] < w.kernel[1]
        };
        channels && matches!(reader, Some(Op::Conv(w, ..) | Op::Depthwise(w, ..)) if own(w))
    }

    fn conv(&self, id: usize, window: Window, step: Step) -> Step {
        let input = self.nodes()[id].inputs[0];
        match self.nodes()[input].op {
            Op::Unshuffle { block } if self.joined_first(input) == Some(id) => {
                Step { kind: Kind::First, block, reads: vec![], ..step }
            }
            _ if window == Window::POINT && !self.joined_padding(input) => {
                Step { kind: Kind::Pointwise, ..step }
            }
            _ => {
                Step { window: self.with_padding(id, window), reads: self.padded_reads(&step.reads), ..step }
            }
        }
    }

    /// `window` with the padding of the node before, which is then not read itself.
    fn with_padding(&self, id: usize, window: Window) -> Window {
        let input = self.nodes()[id].inputs[0];
        match self.nodes()[input].op {
            Op::Pad { rows, columns, .. } if self.joined_padding(input) => {
                Window { pad_top: rows[0], pad_left: columns[0], ..window }
            }
            _ => window,
        }
    }

    fn padded_reads(&self, reads: &[usize]) -> Vec<usize> {
        let before = |id: usize| self.bytes_of(self.nodes()[id].inputs[0]);
        reads.iter().map(|&id| if self.joined_padding(id) { before(id) } else { id }).collect()
    }

    fn sum(&self, id: usize, step: Step) -> Step {
        let inputs = &self.nodes()[id].inputs;
        let Some(at) =
            inputs.iter().position(|&i| matches!(self.nodes()[i].op, Op::Upsample) && self.joined_sum(i))
        else {
            return step;
        };
        let small = self.bytes_of(self.nodes()[inputs[at]].inputs[0]);
        Step { kind: Kind::AddUpsampled, reads: vec![small, self.bytes_of(inputs[1 - at])], ..step }
    }
}

impl Step {
    /// Bytes of scratch that the kernels ask for.
    fn scratch_len(&self, net: &IntNet) -> usize {
        let to = net.network.nodes[self.node].shape;
        let from = self.reads.first().map_or(to, |&a| net.network.nodes[a].shape);
        match self.kind {
            Kind::First => first_layer_scratch(self.block, to.channels),
            Kind::Pointwise => pointwise_scratch(&PointShape {
                places: from.places(),
                c_in: from.channels,
                c_out: to.channels,
            }),
            Kind::Conv => conv_scratch(&self.conv_shape(from, to)),
            Kind::Depthwise => depthwise_scratch(&self.depth_shape(from, to)),
            _ => 0,
        }
    }

    /// The kernels' name for the shapes of a convolution.
    pub fn conv_shape(&self, from: Shape, to: Shape) -> ConvShape {
        ConvShape {
            h: from.height,
            w: from.width,
            c_in: from.channels,
            out_h: to.height,
            out_w: to.width,
            c_out: to.channels,
            kernel_h: self.window.kernel[0],
            kernel_w: self.window.kernel[1],
            stride: self.window.stride,
            pad_top: self.window.pad_top,
            pad_left: self.window.pad_left,
        }
    }

    /// The same of a depthwise one.
    pub fn depth_shape(&self, from: Shape, to: Shape) -> DepthShape {
        DepthShape {
            h: from.height,
            w: from.width,
            c: from.channels,
            out_h: to.height,
            out_w: to.width,
            kernel: self.window.kernel[0],
            stride: self.window.stride,
            pad_top: self.window.pad_top,
            pad_left: self.window.pad_left,
        }
    }

    /// Which of what is read may be overwritten by the result.
    fn may_overwrite(&self, net: &IntNet) -> &[usize] {
        let nodes = &net.network.nodes;
        match self.kind {
            Kind::Add => &[0, 1],
            Kind::AddUpsampled => &[1],
            Kind::MaxPool | Kind::Lookup => &[0],
            Kind::Depthwise => {
                let (from, to) = (nodes[self.reads[0]].shape, nodes[self.node].shape);
                let same = DepthShape::same(from.height, from.width, from.channels, 1);
                if self.depth_shape(from, to) == same { &[0] } else { &[] }
            }
            _ => &[],
        }
    }
}

/// Gives every value its bytes.
fn place(net: &IntNet, mut steps: Vec<Step>) -> Result<Program, NetworkError> {
    let nodes = &net.network.nodes;
    let alias = |mut id: usize| {
        while nodes[id].op == Op::Reshape {
            id = nodes[id].inputs[0];
        }
        id
    };
    let mut last = vec![0; nodes.len()];
    for (n, step) in steps.iter().enumerate() {
        step.reads.iter().for_each(|&id| last[id] = n);
    }
    net.network.outputs.iter().for_each(|&id| last[alias(id)] = steps.len());
    let mut lives: Vec<Life> = Vec::new();
    let mut owner: Vec<Option<usize>> = vec![None; nodes.len()];
    let round = |len: usize| len.next_multiple_of(ALIGNMENT);
    let mut scratch = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        let len = round(nodes[step.node].shape.len());
        let over = step.may_overwrite(net).iter().find_map(|&at| {
            let id = step.reads[at];
            let dies = last[id] == n && step.reads.iter().filter(|&&r| r == id).count() == 1;
            owner[id].filter(|&buffer| dies && lives[buffer].len >= len)
        });
        let buffer = over.unwrap_or_else(|| {
            lives.push(Life { len, first: n, last: n });
            lives.len() - 1
        });
        lives[buffer].last = lives[buffer].last.max(last[step.node]);
        owner[step.node] = Some(buffer);
        scratch.push(lives.len());
        lives.push(Life { len: round(step.scratch_len(net)), first: n, last: n });
    }
    let (offsets, arena) = arrange(&lives);
    for (step, at) in steps.iter_mut().zip(scratch) {
        step.scratch = (offsets[at], lives[at].len);
        if lives[at].len == 0 {
            step.scratch = (0, 0);
        }
    }
    let offsets = (0..nodes.len()).map(|id| owner[alias(id)].map(|b| offsets[b])).collect();
    Ok(Program { steps, offsets, arena })
}
