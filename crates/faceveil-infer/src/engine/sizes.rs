//! How large every value of a network will be, computed before an engine sees the file: the general engines do
//! not limit what a network may take in memory and time, and a hostile file may ask for anything. Only operations
//! whose results' shapes are known here are let through. Values of small integer tensors are computed along, as
//! exported networks compute shapes from shapes.

mod arithmetic;
mod layout;
mod spatial;

use std::collections::HashMap;

use crate::onnx::{Graph, Node, Tensor};

/// Elements of all values that are alive at once, at most (512 MiB of floats); SCRFD-2.5G needs 6 million at 640×640.
const MAX_ALIVE: usize = 1 << 27;
/// Multiplications for one view at most, about a minute of one core; YOLOv8-x-face needs 130 thousand million.
const MAX_WORK: u64 = 1 << 40;
/// Integer or float tensors of more elements are only sizes.
const MAX_KNOWN: usize = 256;
/// Operations at most; YOLOv8-x-face has about 500. The engines follow chains of them by recursion.
const MAX_NODES: usize = 2048;
/// Dimensions of a value at most.
const MAX_DIMENSIONS: usize = 8;

/// Why a network is not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SizeError {
    /// An operation that is not on the list.
    #[error("operation {op} of node {output} is not one that users' models may have")]
    Operation {
        /// The operator.
        op: String,
        /// Name of the node's first output.
        output: String,
    },
    /// Shapes, attributes or inputs that do not fit the operation, or cannot be known beforehand.
    #[error("operation {op} of node {output}: {problem}; its inputs' shapes are {shapes}")]
    Unfit {
        /// The operator.
        op: String,
        /// Name of the node's first output.
        output: String,
        /// What is wrong.
        problem: &'static str,
        /// The shapes of its inputs.
        shapes: String,
    },
    /// A value is read that nothing before makes.
    #[error("value {0} is read before it is made")]
    Unknown(String),
    /// The graph has not one picture input.
    #[error("the model has {0} inputs, must have one, the picture")]
    Inputs(usize),
    /// Too many operations.
    #[error("the model has {0} operations, at most {MAX_NODES} are run")]
    Nodes(usize),
    /// Too much memory.
    #[error(
        "the model needs {need} values at once for an input of {input}, node {output} included; at most {MAX_ALIVE} are given"
    )]
    Memory {
        /// Elements.
        need: usize,
        /// Shape of the input.
        input: String,
        /// Where the limit was passed.
        output: String,
    },
    /// Too much time.
    #[error("the model needs {need} multiplications for an input of {input}, at most {MAX_WORK} are made")]
    Work {
        /// Multiplications.
        need: u64,
        /// Shape of the input.
        input: String,
    },
}

/// What is known of a value: its shape, and its elements if it is small and does not depend on the picture.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    dims: Vec<usize>,
    ints: Option<Vec<i64>>,
    floats: Option<Vec<f32>>,
}

/// What an operation makes: its outputs and how many multiplications they take.
struct Made {
    outputs: Vec<Known>,
    work: u64,
}

/// Why an operation cannot make its outputs.
enum Refusal {
    /// It is not on the list.
    Operation,
    /// What does not fit.
    Unfit(&'static str),
}

impl From<&'static str> for Refusal {
    fn from(problem: &'static str) -> Self {
        Self::Unfit(problem)
    }
}

/// A network's operations without its weights.
#[derive(Clone, Debug)]
pub struct Sizes {
    graph: Graph,
    input: String,
    constants: HashMap<String, Known>,
    /// For each value the last node that reads it; outputs are read by the end.
    last_use: HashMap<String, usize>,
}

impl Sizes {
    /// Takes what is needed of a graph.
    ///
    /// # Errors
    /// [`SizeError::Inputs`] unless there is one input that is no initialiser, [`SizeError::Nodes`] if there are too
    /// many operations.
    pub fn new(mut graph: Graph) -> Result<Self, SizeError> {
        if graph.nodes.len() > MAX_NODES {
            return Err(SizeError::Nodes(graph.nodes.len()));
        }
        let pictures: Vec<&String> =
            graph.inputs.iter().filter(|name| !graph.tensors.contains_key(*name)).collect();
        let [input] = pictures[..] else { return Err(SizeError::Inputs(pictures.len())) };
        let input = input.clone();
        let constants = graph.tensors.drain().map(|(name, tensor)| (name, Known::of(tensor))).collect();
        let mut last_use = HashMap::new();
        for (i, node) in graph.nodes.iter().enumerate() {
            last_use.extend(node.inputs.iter().chain(&node.outputs).map(|name| (name.clone(), i)));
        }
        last_use.extend(graph.outputs.iter().map(|name| (name.clone(), usize::MAX)));
        Ok(Self { graph, input, constants, last_use })
    }

    /// Name of the picture input.
    pub fn input(&self) -> &str {
        &self.input
    }

    /// The declared shape of the picture input.
    pub fn declared_input(&self) -> Option<&[Option<usize>]> {
        self.graph.input_shapes.get(&self.input).map(Vec::as_slice)
    }

    /// Names and shapes of the outputs for an input of this shape.
    ///
    /// # Errors
    /// [`SizeError`] if the network cannot be run on such an input, or would take too much memory or time.
    pub fn outputs(&self, input: &[usize]) -> Result<Vec<(String, Vec<usize>)>, SizeError> {
        let mut values = HashMap::from([(self.input.as_str(), Known::sized(input.to_vec()))]);
        let (mut alive, mut work) = (count(input), 0u64);
        for (at, node) in self.graph.nodes.iter().enumerate() {
            let made = self.make(node, &values)?;
            work = work.saturating_add(made.work);
            if work > MAX_WORK {
                return Err(SizeError::Work { need: work, input: shown(input) });
            }
            alive = made.outputs.iter().fold(alive, |sum, known| sum.saturating_add(count(&known.dims)));
            if alive > MAX_ALIVE {
                let output = name_of(node);
                return Err(SizeError::Memory { need: alive, input: shown(input), output });
            }
            // Outputs that no rule makes stay unknown: whatever reads them is refused.
            values.extend(node.outputs.iter().map(String::as_str).zip(made.outputs));
            let read = node.inputs.iter().chain(&node.outputs).map(String::as_str);
            for name in read.filter(|name| self.last_use.get(*name) == Some(&at)) {
                alive -= values.remove(name).map_or(0, |known| count(&known.dims)).min(alive);
            }
        }
        let known = |name: &String| values.get(name.as_str()).or_else(|| self.constants.get(name));
        let shape = |name: &String| known(name).ok_or_else(|| SizeError::Unknown(name.clone()));
        self.graph.outputs.iter().map(|name| Ok((name.clone(), shape(name)?.dims.clone()))).collect()
    }

    fn make(&self, node: &Node, values: &HashMap<&str, Known>) -> Result<Made, SizeError> {
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for name in &node.inputs {
            let known = values.get(name.as_str()).or_else(|| self.constants.get(name));
            if known.is_none() && !name.is_empty() {
                return Err(SizeError::Unknown(name.clone()));
            }
            inputs.push(known);
        }
        let call = Call { node, inputs };
        let made = call.made().and_then(|made| match made.outputs.iter().all(Known::is_sensible) {
            true => Ok(made),
            false => Err(Refusal::Unfit("its result has too many dimensions or elements")),
        });
        made.map_err(|refusal| {
            let (op, output) = (node.op.clone(), name_of(node));
            match refusal {
                Refusal::Operation => SizeError::Operation { op, output },
                Refusal::Unfit(problem) => SizeError::Unfit { op, output, problem, shapes: call.shapes() },
            }
        })
    }
}

/// A node and what is known of its inputs; an input that is left out is `None`.
struct Call<'c> {
    node: &'c Node,
    inputs: Vec<Option<&'c Known>>,
}

impl<'c> Call<'c> {
    fn made(&self) -> Result<Made, Refusal> {
        let one = |known: Known| Made { outputs: vec![known], work: 0 };
        Ok(match self.node.op.as_str() {
            "Conv" => self.conv()?,
            "ConvTranspose" => self.conv_transpose()?,
            "MatMul" => self.mat_mul()?,
            "Gemm" => self.gemm()?,
            "Split" => Made { outputs: self.split()?, work: 0 },
            "MaxPool" | "AveragePool" => one(self.pool()?),
            "GlobalAveragePool" => one(self.global_pool()?),
            "Resize" | "Upsample" => one(self.resize()?),
            "DepthToSpace" => one(self.depth_to_space()?),
            op => match self.shaped(op)? {
                Some(known) => one(known),
                None => one(self.element_wise(op)?.ok_or(Refusal::Operation)?),
            },
        })
    }

    fn input(&self, index: usize) -> Result<&'c Known, Refusal> {
        self.optional(index).ok_or(Refusal::Unfit("an input is missing"))
    }

    fn optional(&self, index: usize) -> Option<&'c Known> {
        self.inputs.get(index).copied().flatten()
    }

    /// The integers of an input that must not depend on the picture.
    fn ints(&self, index: usize) -> Result<&'c [i64], Refusal> {
        let known = self.input(index)?.ints.as_deref();
        known.ok_or(Refusal::Unfit("a shape depends on what is in the picture"))
    }

    /// Integers that are an attribute in older files and an input in newer ones.
    fn ints_of(&self, name: &str, index: usize) -> Result<Option<Vec<i64>>, Refusal> {
        match self.node.attributes.get(name) {
            Some(attribute) => Ok(Some(attribute.ints.clone())),
            None if self.optional(index).is_some() => Ok(Some(self.ints(index)?.to_vec())),
            None => Ok(None),
        }
    }

    fn attribute(&self, name: &str, default: i64) -> i64 {
        self.node.attributes.get(name).map_or(default, |a| a.int)
    }

    fn list(&self, name: &str) -> Option<&'c [i64]> {
        self.node.attributes.get(name).map(|a| a.ints.as_slice())
    }

    /// A dimension's number; negative ones count from the end.
    fn axis(axis: i64, dimensions: usize) -> Result<usize, Refusal> {
        let axis = if axis < 0 { axis.saturating_add(dimensions as i64) } else { axis };
        let inside = usize::try_from(axis).ok().filter(|&a| a < dimensions);
        inside.ok_or(Refusal::Unfit("an axis that its input does not have"))
    }

    fn shapes(&self) -> String {
        let all: Vec<String> =
            self.inputs.iter().map(|k| k.map_or("none".to_owned(), |k| shown(&k.dims))).collect();
        all.join(", ")
    }
}

impl Known {
    fn of(tensor: Tensor) -> Self {
        let small = count(&tensor.dims) <= MAX_KNOWN;
        let is_float = !tensor.floats.is_empty();
        Self {
            dims: tensor.dims,
            ints: (small && !is_float).then_some(tensor.ints),
            floats: (small && is_float).then_some(tensor.floats),
        }
    }

    fn sized(dims: Vec<usize>) -> Self {
        Self { dims, ints: None, floats: None }
    }

    fn is_sensible(&self) -> bool {
        let elements = |v: usize| v == count(&self.dims);
        self.dims.len() <= MAX_DIMENSIONS
            && count(&self.dims) <= MAX_ALIVE
            && self.ints.as_ref().is_none_or(|v| elements(v.len()))
            && self.floats.as_ref().is_none_or(|v| elements(v.len()))
    }
}

/// Elements of a shape, saturating.
fn count(dims: &[usize]) -> usize {
    dims.iter().fold(1, |all: usize, &n| all.saturating_mul(n))
}

/// A shape for people: `1×3×640×640`.
pub fn shown(dims: &[usize]) -> String {
    dims.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
}

fn name_of(node: &Node) -> String {
    node.outputs.first().cloned().unwrap_or_default()
}
