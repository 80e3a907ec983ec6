//! The networks: the thesis's three, and our two families for small devices. Each is a small configuration that
//! gives a [`Graph`].

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

use crate::graph::{Activation, Graph, GraphError, NodeId, Op, Shape};
use crate::variation::{Variation, spelled};

/// A U-Net of the thesis: RGB in, RGB out. A level is two 3 × 3 convolutions with batch norm and ReLU; levels are
/// joined by max-pooling on the way down, by 2 × 2 transposed convolutions and concatenation on the way up; a 1 × 1
/// convolution with a sigmoid gives the picture. Figures and layout: the thesis's README and its TFLite files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnetConfig {
    /// Name to ask for.
    pub name: &'static str,
    /// Side of the input, pixels; a multiple of 8.
    pub side: usize,
    /// Channels of the four levels, the last one at the bottom.
    pub channels: [usize; 4],
}

/// A level of [`GateConfig`] and [`DirectConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Channels that the level passes on.
    pub channels: usize,
    /// Residual blocks at this size.
    pub blocks: usize,
    /// How many times as many channels a block has inside; 1 for a depthwise-separable one.
    pub expand: usize,
    /// The same for the block that leads down to this level; unused at the first one.
    pub enter: usize,
}

/// A network that gives a mask: one value a `block` × `block` square of pixels, near 1 on faces. Pixel-unshuffle,
/// inverted residuals (MobileNetV2, Sandler 2018, fig. 3) down to the last level, up again by 1 × 1 and nearest
/// neighbours with sums as skips.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateConfig {
    /// Name to ask for.
    pub name: Cow<'static, str>,
    /// Side of the input, pixels.
    pub side: usize,
    /// Side of the squares that the unshuffle makes one place of.
    pub block: usize,
    /// From the finest to the coarsest, each of half the size.
    pub levels: Vec<Level>,
}

/// A network that gives the picture itself: the same trunk as [`GateConfig`]; its last convolution gives what is to be
/// added to the unshuffled input, so that an untouched pixel costs nothing to learn. The sum is clamped to 0..1
/// by who reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectConfig {
    /// The trunk.
    pub trunk: GateConfig,
}

impl UnetConfig {
    /// The network.
    ///
    /// # Errors
    /// [`GraphError`] if the side is no multiple of 8.
    pub fn graph(&self) -> Result<Graph, GraphError> {
        let mut graph = Graph::new(self.name, Shape::new(self.side, self.side, 3))?;
        let mut at = graph.input();
        let mut skips = Vec::new();
        for (level, &channels) in self.channels.iter().enumerate() {
            if level > 0 {
                skips.push(at);
                at = graph.push(Op::MaxPool, &[at])?;
            }
            at = double_conv(&mut graph, at, channels)?;
        }
        for (&channels, skip) in self.channels[..3].iter().zip(skips).rev() {
            let up = graph.push(Op::TransposedConv { channels }, &[at])?;
            let both = graph.push(Op::Concat, &[up, skip])?;
            at = double_conv(&mut graph, both, channels)?;
        }
        graph.push(conv(1, 3, false, Activation::Sigmoid), &[at])?;
        Ok(graph)
    }
}

fn conv(kernel: usize, channels: usize, norm: bool, activation: Activation) -> Op {
    Op::Conv { kernel, stride: 1, channels, norm, activation }
}

fn double_conv(graph: &mut Graph, at: NodeId, channels: usize) -> Result<NodeId, GraphError> {
    let op = conv(3, channels, true, Activation::Relu);
    let at = graph.push(op, &[at])?;
    graph.push(op, &[at])
}

impl GateConfig {
    /// The network.
    ///
    /// # Errors
    /// [`GraphError`] if the side cannot be halved often enough, or there is no level.
    pub fn graph(&self) -> Result<Graph, GraphError> {
        let (mut graph, _, at) = self.trunk()?;
        graph.push(conv(1, 1, false, Activation::Sigmoid), &[at])?;
        Ok(graph)
    }

    /// The trunk, the unshuffled input's node, and the node at the finest level that all comes together in.
    fn trunk(&self) -> Result<(Graph, NodeId, NodeId), GraphError> {
        let [first, rest @ ..] = self.levels.as_slice() else {
            return Err(GraphError::Config { name: "levels", got: 0, want: "at least 1" });
        };
        let mut graph = Graph::new(&self.name, Shape::new(self.side, self.side, 3))?;
        let squares = graph.push(Op::Unshuffle { block: self.block }, &[graph.input()])?;
        let mut at = graph.push(conv(1, first.channels, true, Activation::Relu6), &[squares])?;
        at = blocks(&mut graph, at, first)?;
        let mut skips = vec![at];
        for level in rest {
            at = inverted(&mut graph, at, level.channels, level.enter, 2)?;
            at = blocks(&mut graph, at, level)?;
            skips.push(at);
        }
        skips.pop();
        for (level, skip) in self.levels.iter().zip(skips).rev() {
            let low = graph.push(conv(1, level.channels, true, Activation::None), &[at])?;
            let up = graph.push(Op::Upsample, &[low])?;
            let sum = graph.push(Op::Add, &[up, skip])?;
            at = inverted(&mut graph, sum, level.channels, 1, 1)?;
        }
        Ok((graph, squares, at))
    }
}

impl DirectConfig {
    /// The network.
    ///
    /// # Errors
    /// As [`GateConfig::graph`].
    pub fn graph(&self) -> Result<Graph, GraphError> {
        let (mut graph, squares, at) = self.trunk.trunk()?;
        let block = self.trunk.block;
        let change = graph.push(conv(1, 3 * block * block, false, Activation::None), &[at])?;
        let sum = graph.push(Op::Add, &[change, squares])?;
        graph.push(Op::Shuffle { block }, &[sum])?;
        Ok(graph)
    }
}

fn blocks(graph: &mut Graph, mut at: NodeId, level: &Level) -> Result<NodeId, GraphError> {
    for _ in 0..level.blocks {
        at = inverted(graph, at, level.channels, level.expand, 1)?;
    }
    Ok(at)
}

/// Inverted residual: 1 × 1 to `expand` times the channels (left out for 1), depthwise 3 × 3, 1 × 1 down without
/// activation; added to what came in where the shapes are the same.
fn inverted(
    graph: &mut Graph,
    from: NodeId,
    channels: usize,
    expand: usize,
    stride: usize,
) -> Result<NodeId, GraphError> {
    let inside = expand * graph.nodes()[from].shape.channels;
    let mut at = from;
    if expand > 1 {
        at = graph.push(conv(1, inside, true, Activation::Relu6), &[at])?;
    }
    at = graph.push(Op::Depthwise { stride, norm: true, activation: Activation::Relu6 }, &[at])?;
    at = graph.push(conv(1, channels, true, Activation::None), &[at])?;
    if stride == 1 && graph.nodes()[from].shape.channels == channels {
        at = graph.push(Op::Add, &[at, from])?;
    }
    Ok(at)
}

/// The thesis's three.
pub const THESIS: [UnetConfig; 3] = [
    UnetConfig { name: "thesis-teacher", side: 128, channels: [32, 64, 128, 256] },
    UnetConfig { name: "thesis-student-v1", side: 128, channels: [16, 32, 64, 128] },
    UnetConfig { name: "thesis-student-v2", side: 128, channels: [24, 48, 96, 192] },
];

/// One level: channels, blocks, expansion inside, expansion on the way in.
const fn level(channels: usize, blocks: usize, expand: usize, enter: usize) -> Level {
    Level { channels, blocks, expand, enter }
}

/// Our networks that give a mask.
pub fn gates() -> Vec<GateConfig> {
    let student = vec![level(16, 2, 1, 1), level(24, 2, 2, 2), level(40, 2, 2, 3), level(64, 2, 1, 3)];
    // The student's blocks and some more, so that a teacher can begin with what a student learned.
    let teacher = vec![level(16, 2, 1, 1), level(32, 3, 2, 2), level(64, 3, 2, 3), level(128, 2, 1, 3)];
    let small = vec![level(16, 1, 1, 1), level(16, 2, 2, 2), level(24, 2, 2, 3), level(40, 2, 1, 2)];
    vec![
        GateConfig { name: "gate".into(), side: 128, block: 4, levels: student },
        GateConfig { name: "gate-teacher".into(), side: 128, block: 4, levels: teacher },
        GateConfig { name: "gate-96".into(), side: 96, block: 4, levels: small },
    ]
}

/// Our networks that give a picture.
pub fn directs() -> Vec<DirectConfig> {
    // For the same reason.
    let levels = vec![level(16, 1, 1, 1), level(24, 2, 2, 2), level(40, 2, 2, 3), level(60, 2, 1, 3)];
    vec![DirectConfig { trunk: GateConfig { name: "direct".into(), side: 128, block: 4, levels } }]
}

/// All networks, the thesis's first.
///
/// # Panics
/// If one of the configurations in this file is wrong, which a test rules out.
pub fn all() -> Vec<Graph> {
    let thesis = THESIS.iter().map(UnetConfig::graph);
    let gates = gates();
    let directs = directs();
    thesis
        .chain(gates.iter().map(GateConfig::graph))
        .chain(directs.iter().map(DirectConfig::graph))
        .map(|graph| graph.expect("configurations in this file are tested"))
        .collect()
}

/// The network called `name`: a listed one, a variation of `gate`, or a gate that is spelled out
/// (`gate-96_16.1.1.1_24.2.2.2`: side, then channels, blocks, their expansion and the entering block's, a level each).
pub fn by_name(name: &str) -> Option<Graph> {
    let listed = all().into_iter().find(|graph| graph.name() == name);
    listed.or_else(|| unlisted(name)?.graph().ok())
}

/// The gate network called `name`: a listed one, or a variation.
pub fn gate_by_name(name: &str) -> Option<GateConfig> {
    let listed = gates().into_iter().find(|gate| gate.name == name);
    listed.or_else(|| unlisted(name))
}

fn unlisted(name: &str) -> Option<GateConfig> {
    Variation::by_name(name).map(|variation| variation.config()).or_else(|| spelled(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_that_cannot_be_are_errors() {
        let none = GateConfig { name: "none".into(), side: 128, block: 4, levels: vec![] };
        assert!(none.graph().is_err());
        let odd = GateConfig { side: 100, ..gates()[0].clone() };
        assert!(odd.graph().is_err(), "25 places cannot be halved");
        assert!(UnetConfig { side: 100, ..THESIS[0] }.graph().is_err());
    }

    #[test]
    fn a_gate_goes_through_at_other_sizes() {
        let graph = gates()[0].graph().unwrap();
        let small = graph.resized(96, 96).unwrap();
        assert_eq!(small.output_shape(), Shape::new(24, 24, 1));
        assert_eq!(crate::plan(&small).parameters, crate::plan(&graph).parameters);
        assert!(graph.resized(100, 96).is_err());
    }

    #[test]
    fn folding_norms_changes_no_count() {
        for graph in all() {
            let folded = graph.without_norms();
            assert!(folded.nodes().iter().all(|n| !n.has_norm()), "{}", graph.name());
            assert_eq!(crate::plan(&folded).parameters, crate::plan(&graph).parameters, "{}", graph.name());
        }
    }

    #[test]
    fn names_are_their_own() {
        let graphs = all();
        for graph in &graphs {
            assert_eq!(graphs.iter().filter(|g| g.name() == graph.name()).count(), 1, "{}", graph.name());
        }
        assert!(by_name("no such").is_none());
    }
}
