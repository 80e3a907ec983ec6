//! A TFLite file taken apart: its tensors and operations, before anything is made of them.

use faceveil_net::Shape;

use super::flat::Table;
use super::schema::*;
use crate::network::NetworkError;
use crate::scale::Quant;

/// Longest side and most channels.
pub(super) const MOST: usize = 1 << 14;
/// Most values of a tensor.
pub(super) const MOST_VALUES: usize = 1 << 26;

/// A tensor of the file.
pub(super) struct Tensor<'b> {
    pub(super) shape: Vec<usize>,
    pub(super) kind: i8,
    pub(super) bytes: &'b [u8],
    pub(super) scales: Vec<f32>,
    pub(super) zeros: Vec<i64>,
}

/// An operation of the file.
pub(super) struct Operator<'b> {
    pub(super) code: i32,
    pub(super) inputs: Vec<usize>,
    pub(super) output: usize,
    pub(super) options: Option<Table<'b>>,
}

/// A file, taken apart.
pub(super) struct File<'b> {
    pub(super) tensors: Vec<Tensor<'b>>,
    pub(super) operators: Vec<Operator<'b>>,
    pub(super) input: usize,
    pub(super) outputs: Vec<usize>,
}

/// Most tensors, and most operations: tables may lie upon each other in a file, so its length limits nothing.
const MOST_TABLES: usize = 4096;
/// Most tensors that an operation reads.
const MOST_INPUTS: usize = 64;
/// Most sides of a tensor.
const MOST_RANK: usize = 8;

/// No tensor.
pub(super) const ABSENT: usize = usize::MAX;

impl<'b> File<'b> {
    pub(super) fn read(bytes: &'b [u8]) -> Result<Self, NetworkError> {
        let model = Table::root(bytes, super::NAME)?;
        let codes = model.tables(1)?.iter().map(code).collect::<Result<Vec<_>, _>>()?;
        let buffers = model.tables(4)?.iter().map(|b| buffer(b, bytes)).collect::<Result<Vec<_>, _>>()?;
        let graphs = model.tables(2)?;
        let [graph] = &graphs[..] else { return Err(unsupported(0, "more or fewer graphs than one")) };
        let (tensors, operations) = (graph.tables(0)?, graph.tables(3)?);
        at_most("the number of tensors", tensors.len(), MOST_TABLES)?;
        at_most("the number of operations", operations.len(), MOST_TABLES)?;
        let tensors = tensors.iter().map(|t| tensor(t, &buffers)).collect::<Result<Vec<_>, _>>()?;
        let indices = |list: Vec<i32>| -> Result<Vec<usize>, NetworkError> {
            let index = |i: i32| match usize::try_from(i) {
                Ok(i) if i < tensors.len() => Ok(i),
                Ok(i) => Err(NetworkError::Damaged { at: i, what: "a tensor that is there" }),
                Err(_) => Ok(ABSENT),
            };
            list.into_iter().map(index).collect()
        };
        let (inputs, outputs) = (indices(graph.i32s(1)?)?, indices(graph.i32s(2)?)?);
        let mut operators = Vec::new();
        for (n, table) in operations.iter().enumerate() {
            let code = usize::try_from(table.i32(0, 0)?).ok().and_then(|i| codes.get(i));
            let outputs = indices(table.i32s(2)?)?;
            let ([output], Some(&code)) = (&outputs[..], code) else {
                return Err(unsupported(n, "an operation with more or fewer outputs than one"));
            };
            let inputs = indices(table.i32s(1)?)?;
            at_most("the number of inputs", inputs.len(), MOST_INPUTS)?;
            operators.push(Operator { code, inputs, output: *output, options: table.table(4)? });
        }
        match inputs[..] {
            [input] if input != ABSENT => Ok(Self { tensors, operators, input, outputs }),
            _ => Err(unsupported(0, "more or fewer inputs than one")),
        }
    }

    pub(super) fn tensor(&self, node: usize, index: usize) -> Result<&Tensor<'b>, NetworkError> {
        self.tensors.get(index).ok_or_else(|| unsupported(node, "a tensor that is left out"))
    }
}

/// The bytes of a buffer, in its table or, in newer files, anywhere in the file.
fn buffer<'b>(table: &Table<'b>, file: &'b [u8]) -> Result<&'b [u8], NetworkError> {
    let (offset, size) = (table.u64(1)?, table.u64(2)?);
    if offset <= 1 {
        return table.bytes(0);
    }
    let at = usize::try_from(offset).unwrap_or(usize::MAX);
    let end = usize::try_from(size).ok().and_then(|size| at.checked_add(size));
    end.and_then(|end| file.get(at..end))
        .ok_or(NetworkError::Damaged { at, what: "a buffer within the file" })
}

/// The operation's number; files of old have it in a byte.
pub(super) fn code(table: &Table<'_>) -> Result<i32, NetworkError> {
    Ok(i32::from(table.i8(0, 0)?).max(table.i32(3, 0)?))
}

pub(super) fn tensor<'b>(table: &Table<'b>, buffers: &[&'b [u8]]) -> Result<Tensor<'b>, NetworkError> {
    let dims = table.i32s(0)?;
    at_most("the number of sides", dims.len(), MOST_RANK)?;
    let shape = dims.iter().map(|&d| usize::try_from(d).ok()).collect::<Option<Vec<_>>>();
    let shape = shape.ok_or(NetworkError::Damaged { at: 0, what: "sides that are not negative" })?;
    let buffer = usize::try_from(table.i32(2, 0)?).ok().and_then(|i| buffers.get(i));
    let (scales, zeros) = match table.table(4)? {
        Some(quant) => (quant.f32s(2)?, quant.i64s(3)?),
        None => (vec![], vec![]),
    };
    at_most("the number of scales", scales.len().max(zeros.len()), MOST)?;
    Ok(Tensor { shape, kind: table.i8(1, 0)?, bytes: buffer.copied().unwrap_or_default(), scales, zeros })
}

pub(super) fn unsupported(node: usize, what: &str) -> NetworkError {
    NetworkError::Unsupported { node, what: what.to_owned() }
}

fn at_most(what: &'static str, got: usize, most: usize) -> Result<(), NetworkError> {
    if got <= most { Ok(()) } else { Err(NetworkError::Shape { node: 0, what, got, want: most }) }
}

pub(super) fn wrong(node: usize, what: &'static str, got: usize, want: usize) -> Result<(), NetworkError> {
    if got == want { Ok(()) } else { Err(NetworkError::Shape { node, what, got, want }) }
}

impl Tensor<'_> {
    /// Rows, columns, channels; of one picture.
    pub(super) fn shape(&self, node: usize) -> Result<Shape, NetworkError> {
        let shape = match self.shape[..] {
            [1, h, w, c] => Shape::new(h, w, c),
            [1, n, c] => Shape::new(1, n, c),
            [1, c] => Shape::new(1, 1, c),
            _ => return Err(unsupported(node, "a tensor of another rank or of more than one picture")),
        };
        for side in [shape.height, shape.width, shape.channels] {
            if side == 0 || side > MOST {
                return Err(NetworkError::Shape {
                    node,
                    what: "a side",
                    got: side,
                    want: side.clamp(1, MOST),
                });
            }
        }
        // Below 2⁴².
        if shape.len() > MOST_VALUES {
            return Err(NetworkError::Shape { node, what: "values", got: shape.len(), want: MOST_VALUES });
        }
        Ok(shape)
    }

    pub(super) fn ints(&self) -> Vec<i32> {
        self.bytes.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b)).collect()
    }

    pub(super) fn floats(&self, node: usize) -> Result<Vec<f32>, NetworkError> {
        let values: Vec<f32> = match self.kind {
            FLOAT32 => self.bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            FLOAT16 => self.bytes.as_chunks().0.iter().map(|b| half(u16::from_le_bytes(*b))).collect(),
            _ => return Err(unsupported(node, "weights of such a type")),
        };
        if values.iter().all(|v| v.is_finite()) {
            Ok(values)
        } else {
            Err(unsupported(node, "a weight that is none"))
        }
    }

    pub(super) fn quant(&self, node: usize) -> Result<Quant, NetworkError> {
        match (self.kind, &self.scales[..], &self.zeros[..]) {
            (INT8, &[scale], &[zero]) if scale > 0.0 && scale.is_finite() => {
                let zero = i8::try_from(zero).map_err(|_| unsupported(node, "such a zero point"))?;
                Ok(Quant { scale, zero })
            }
            _ => Err(unsupported(node, "a value that is not int8 with one scale")),
        }
    }
}

/// A number of 16 bits, IEEE 754.
pub(super) fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 => sign * if fraction == 0.0 { f32::INFINITY } else { f32::NAN },
        _ => sign * (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file whose root has nothing but two numbers of 64 bits, in fields 1 and 2, and `rest` behind it, from 40 on.
    fn file(offset: u64, size: u64, rest: &[u8]) -> Vec<u8> {
        let mut bytes = 20u32.to_le_bytes().to_vec();
        bytes.extend(super::super::NAME);
        bytes.extend([10u16, 20, 0, 4, 12, 0].iter().flat_map(|n| n.to_le_bytes()));
        bytes.extend(12i32.to_le_bytes());
        bytes.extend([offset, size].iter().flat_map(|n| n.to_le_bytes()));
        bytes.extend(rest);
        bytes
    }

    #[test]
    fn a_buffer_behind_the_tables_is_found_and_one_outside_refused() {
        let read = |offset, size| {
            let bytes = file(offset, size, b"abcdef");
            buffer(&Table::root(&bytes, super::super::NAME).unwrap(), &bytes).map(<[u8]>::to_vec)
        };
        assert_eq!(read(41, 3).unwrap(), b"bcd");
        assert_eq!(read(40, 6).unwrap(), b"abcdef");
        assert_eq!(read(0, 0).unwrap(), b"", "in its table, where nothing is");
        assert_eq!(read(1, 9).unwrap(), b"", "1 stands for nothing, too");
        for (offset, size) in [(40, 7), (47, 0), (41, u64::MAX), (u64::MAX, 1)] {
            assert!(matches!(read(offset, size), Err(NetworkError::Damaged { .. })), "{offset}, {size}");
        }
    }
}
