//! Reads the part of an ONNX file (protobuf) that the engine needs: nodes, attributes, float and
//! integer initialisers, outputs. Field numbers are those of `onnx.proto` (ONNX IR version 3 and later).
//! The bytes are not trusted: every length is checked, nothing panics, and no claim of the file makes
//! the reader allocate more than the file is long.

mod rewrite;
mod wire;

use std::collections::HashMap;

pub use rewrite::without_shapes;
use wire::{Fields, Value, message, text};

/// Why a file is not a graph that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The file ends inside a field.
    #[error("the file ends at byte {at}, inside a field of {need} bytes")]
    Truncated {
        /// Where the field's content begins.
        at: usize,
        /// How long it claims to be.
        need: u64,
    },
    /// A number that is longer than 64 bits.
    #[error("a variable-length number at byte {at} does not end")]
    Varint {
        /// Where it begins.
        at: usize,
    },
    /// A wire type that protobuf does not have.
    #[error("unknown wire type {wire} at byte {at}")]
    Wire {
        /// The type.
        wire: u8,
        /// Where.
        at: usize,
    },
    /// The model holds no graph.
    #[error("the file holds no graph")]
    NoGraph,
    /// Dimensions and content disagree.
    #[error("initialiser {name} needs {need} values, has {got}")]
    TensorLength {
        /// Its name.
        name: String,
        /// Values that its dimensions ask for.
        need: u64,
        /// Values in the file.
        got: u64,
    },
    /// Element types other than floats of 32 and 64 bits, integers of 32 and 64 bits, and booleans.
    #[error(
        "initialiser {name} has element type {kind}, only 1 (float), 6 (int32), 7 (int64), 9 (bool) and 11 (double) are read"
    )]
    TensorKind {
        /// Its name.
        name: String,
        /// `TensorProto.DataType`
        kind: u64,
    },
    /// The values are in another file.
    #[error("initialiser {name} is in another file; only models of one file are read")]
    External {
        /// Its name.
        name: String,
    },
    /// More of something than any network needs.
    #[error("the file holds more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
}

/// Nodes, tensors or names of a graph at most.
const MAX_ITEMS: usize = 1 << 14;
/// Inputs, outputs or attributes of a node at most.
const MAX_NODE_PARTS: usize = 1 << 10;
/// Numbers in an attribute at most.
const MAX_ATTRIBUTE: usize = 1 << 12;

/// A constant of the graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    /// Sizes, outermost first; empty for a scalar.
    pub dims: Vec<usize>,
    /// Values if it is of floats, else empty.
    pub floats: Vec<f32>,
    /// Values if it is of integers, else empty.
    pub ints: Vec<i64>,
}

/// An attribute of a node; only the kinds that are needed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attribute {
    /// The integer, 0 if absent.
    pub int: i64,
    /// The float, 0 if absent.
    pub float: f32,
    /// The integers, empty if absent.
    pub ints: Vec<i64>,
    /// The floats, empty if absent.
    pub floats: Vec<f32>,
    /// The text, empty if absent.
    pub text: String,
    /// The tensor of a `Constant`.
    pub tensor: Option<Tensor>,
}

/// One operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its operator, such as `Conv`.
    pub op: String,
    /// Names of the values that it reads.
    pub inputs: Vec<String>,
    /// Names of the values that it makes.
    pub outputs: Vec<String>,
    /// By name.
    pub attributes: HashMap<String, Attribute>,
}

/// A graph, its nodes in the order of the file (ONNX demands that inputs come before their use).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The operations.
    pub nodes: Vec<Node>,
    /// The constants, by name.
    pub tensors: HashMap<String, Tensor>,
    /// Names of the graph's inputs (older files list the initialisers here, too).
    pub inputs: Vec<String>,
    /// Shapes of those inputs that declare one; a side of free size is `None`.
    pub input_shapes: HashMap<String, Vec<Option<usize>>>,
    /// Names of the graph's outputs.
    pub outputs: Vec<String>,
}

impl Graph {
    /// Reads a whole `ModelProto`.
    ///
    /// # Errors
    /// [`OnnxError`] for anything but a well-formed model with a graph.
    pub fn parse(bytes: &[u8]) -> Result<Self, OnnxError> {
        let mut graph = None;
        for field in Fields::of(bytes) {
            if let (7, Value::Bytes(body)) = field? {
                graph = Some(parse_graph(body)?);
            }
        }
        graph.ok_or(OnnxError::NoGraph)
    }
}

fn parse_graph(bytes: &[u8]) -> Result<Graph, OnnxError> {
    let mut graph = Graph::default();
    for field in Fields::of(bytes) {
        match field? {
            (1, Value::Bytes(body)) => graph.nodes.push(parse_node(body)?),
            (5, Value::Bytes(body)) => {
                let (name, tensor) = parse_tensor(body)?;
                graph.tensors.insert(name, tensor);
            }
            (11, Value::Bytes(body)) => {
                let name = value_name(body)?;
                if let Some(shape) = value_shape(body)? {
                    graph.input_shapes.insert(name.clone(), shape);
                }
                graph.inputs.push(name);
            }
            (12, Value::Bytes(body)) => graph.outputs.push(value_name(body)?),
            _ => {}
        }
        let most =
            graph.nodes.len().max(graph.tensors.len()).max(graph.inputs.len()).max(graph.outputs.len());
        at_most("nodes, initialisers, inputs or outputs", most, MAX_ITEMS)?;
    }
    Ok(graph)
}

fn value_name(bytes: &[u8]) -> Result<String, OnnxError> {
    for field in Fields::of(bytes) {
        if let (1, Value::Bytes(name)) = field? {
            return Ok(text(name));
        }
    }
    Ok(String::new())
}

fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), OnnxError> {
    if count > limit { Err(OnnxError::TooMany { what, limit }) } else { Ok(()) }
}

/// `ValueInfoProto.type.tensor_type.shape`
fn value_shape(bytes: &[u8]) -> Result<Option<Vec<Option<usize>>>, OnnxError> {
    let mut body = bytes;
    for number in [2, 1, 2] {
        let Some(inner) = message(body, number)? else { return Ok(None) };
        body = inner;
    }
    let mut shape = Vec::new();
    for field in Fields::of(body) {
        if let (1, Value::Bytes(dimension)) = field? {
            let mut size = None;
            for field in Fields::of(dimension) {
                if let (1, Value::Number(n)) = field? {
                    size = usize::try_from(n).ok().filter(|&n| n > 0);
                }
            }
            shape.push(size);
            at_most("dimensions of an input", shape.len(), MAX_NODE_PARTS)?;
        }
    }
    Ok(Some(shape))
}

fn parse_node(bytes: &[u8]) -> Result<Node, OnnxError> {
    let mut node = Node::default();
    for field in Fields::of(bytes) {
        match field? {
            (1, Value::Bytes(name)) => node.inputs.push(text(name)),
            (2, Value::Bytes(name)) => node.outputs.push(text(name)),
            (4, Value::Bytes(op)) => node.op = text(op),
            (5, Value::Bytes(body)) => {
                let (name, attribute) = parse_attribute(body)?;
                node.attributes.insert(name, attribute);
            }
            _ => {}
        }
        let most = node.inputs.len().max(node.outputs.len()).max(node.attributes.len());
        at_most("inputs, outputs or attributes of a node", most, MAX_NODE_PARTS)?;
    }
    Ok(node)
}

fn parse_attribute(bytes: &[u8]) -> Result<(String, Attribute), OnnxError> {
    let (mut name, mut attribute) = (String::new(), Attribute::default());
    for field in Fields::of(bytes) {
        match field? {
            (1, Value::Bytes(body)) => name = text(body),
            (2, Value::Fixed32(bits)) => attribute.float = f32::from_bits(bits),
            (3, Value::Number(n)) => attribute.int = n as i64,
            (4, Value::Bytes(body)) => attribute.text = text(body),
            (7, Value::Fixed32(bits)) => attribute.floats.push(f32::from_bits(bits)),
            (7, Value::Bytes(packed)) => attribute.floats.extend(floats_of(packed)),
            (5, Value::Bytes(body)) => attribute.tensor = Some(parse_tensor(body)?.1),
            (8, value) => numbers(value, &mut attribute.ints)?,
            _ => {}
        }
        let most = attribute.ints.len().max(attribute.floats.len());
        at_most("numbers in an attribute", most, MAX_ATTRIBUTE)?;
    }
    Ok((name, attribute))
}

/// A repeated integer field: one number, or several packed into bytes.
fn numbers(value: Value<'_>, into: &mut Vec<i64>) -> Result<(), OnnxError> {
    match value {
        Value::Number(n) => into.push(n as i64),
        Value::Bytes(packed) => {
            let mut fields = Fields::of(packed);
            while fields.at < packed.len() {
                into.push(fields.varint()? as i64);
            }
        }
        Value::Fixed32(_) => {}
    }
    Ok(())
}

fn parse_tensor(bytes: &[u8]) -> Result<(String, Tensor), OnnxError> {
    let (mut name, mut kind, mut raw, mut elsewhere) = (String::new(), 0, None, false);
    let (mut dims, mut floats, mut ints) = (Vec::new(), Vec::new(), Vec::new());
    for field in Fields::of(bytes) {
        match field? {
            (1, value) => numbers(value, &mut dims)?,
            (2, Value::Number(n)) => kind = n,
            (4, Value::Fixed32(bits)) => floats.push(f32::from_bits(bits)),
            (4, Value::Bytes(packed)) => floats.extend(floats_of(packed)),
            (5 | 7, value) => numbers(value, &mut ints)?,
            (8, Value::Bytes(body)) => name = text(body),
            (9, Value::Bytes(body)) => raw = Some(body),
            (13, Value::Bytes(_)) => elsewhere = true,
            (14, Value::Number(place)) => elsewhere |= place == 1,
            _ => {}
        }
    }
    if elsewhere {
        return Err(OnnxError::External { name });
    }
    match (kind, raw) {
        (1, Some(raw)) => floats = floats_of(raw).collect(),
        (6, Some(raw)) => ints = raw.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b).into()).collect(),
        (7, Some(raw)) => ints = raw.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect(),
        (9, Some(raw)) => ints = raw.iter().map(|&b| b.into()).collect(),
        (11, Some(raw)) => floats = raw.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        (1 | 6 | 7 | 9, None) => {}
        _ => return Err(OnnxError::TensorKind { name, kind }),
    }
    let got = if matches!(kind, 1 | 11) { floats.len() } else { ints.len() } as u64;
    let need =
        dims.iter().try_fold(1u64, |all, &n| all.checked_mul(u64::try_from(n).ok()?)).unwrap_or(u64::MAX);
    if got != need {
        return Err(OnnxError::TensorLength { name, need, got });
    }
    let dims = dims.into_iter().map(|n| n as usize).collect();
    Ok((name, Tensor { dims, floats, ints }))
}

fn floats_of(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn bytes_field(number: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut rest = body.len();
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
        out.extend(body);
        out
    }

    pub(super) fn small_model() -> Vec<u8> {
        let tensor =
            [&[8, 2, 16, 1][..], &bytes_field(8, b"w"), &bytes_field(9, &[0, 0, 128, 63, 0, 0, 0, 64])];
        let ints = [&bytes_field(1, b"strides")[..], &[0x40, 2, 0x40, 2]].concat();
        let node =
            [bytes_field(1, b"x"), bytes_field(2, b"y"), bytes_field(4, b"Conv"), bytes_field(5, &ints)];
        let graph = [
            bytes_field(1, &node.concat()),
            bytes_field(5, &tensor.concat()),
            bytes_field(12, &bytes_field(1, b"y")),
        ];
        bytes_field(7, &graph.concat())
    }

    #[test]
    fn reads_nodes_tensors_and_outputs() {
        let graph = Graph::parse(&small_model()).unwrap();
        assert_eq!(graph.nodes[0].op, "Conv");
        assert_eq!(graph.nodes[0].attributes["strides"].ints, [2, 2]);
        assert_eq!(graph.tensors["w"], Tensor { dims: vec![2], floats: vec![1.0, 2.0], ints: vec![] });
        assert_eq!(graph.outputs, ["y"]);
    }

    #[test]
    fn every_truncation_is_an_error() {
        let good = small_model();
        for n in 0..good.len() {
            assert!(Graph::parse(&good[..n]).is_err(), "{n} bytes");
        }
    }

    #[test]
    fn too_many_of_anything_is_refused() {
        let nodes = bytes_field(7, &[0x0a, 0].repeat(MAX_ITEMS + 1));
        assert!(matches!(Graph::parse(&nodes), Err(OnnxError::TooMany { limit: MAX_ITEMS, .. })));
        let inputs = bytes_field(7, &bytes_field(1, &[0x0a, 0].repeat(MAX_NODE_PARTS + 1)));
        assert!(matches!(Graph::parse(&inputs), Err(OnnxError::TooMany { limit: MAX_NODE_PARTS, .. })));
    }

    #[test]
    fn other_files_are_not_read() {
        let tensor = [&[8, 1, 16, 1][..], &bytes_field(8, b"w"), &[0x70, 1]].concat();
        let model = bytes_field(7, &bytes_field(5, &tensor));
        assert_eq!(Graph::parse(&model), Err(OnnxError::External { name: "w".to_owned() }));
    }

    #[test]
    fn lying_dimensions_are_refused() {
        let tensor = [&[8, 0xff, 0xff, 0xff, 0x7f, 16, 1][..], &bytes_field(9, &[0; 8])].concat();
        let model = bytes_field(7, &bytes_field(5, &tensor));
        assert!(matches!(Graph::parse(&model), Err(OnnxError::TensorLength { got: 2, .. })));
    }
}
