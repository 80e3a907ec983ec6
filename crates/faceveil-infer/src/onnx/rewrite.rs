//! A model's bytes written anew, a little changed.

use std::collections::HashSet;

use super::wire::{Fields, Value, message, push_field, text};
use super::{OnnxError, value_name};

/// The same model whose inputs and outputs declare no shape, so that an engine takes them at any size: some files
/// declare the shape that they happened to be exported with. Shapes noted in between are left out.
///
/// # Errors
/// [`OnnxError`] if the bytes are no model.
pub fn without_shapes(bytes: &[u8]) -> Result<Vec<u8>, OnnxError> {
    const GRAPH: u64 = 7;
    let (mut fields, mut out, mut start) = (Fields::of(bytes), Vec::with_capacity(bytes.len()), 0);
    while let Some(field) = fields.next() {
        if let (GRAPH, Value::Bytes(graph)) = field? {
            push_field(GRAPH, &graph_without_shapes(graph)?, &mut out);
        } else {
            out.extend(&bytes[start..fields.at]);
        }
        start = fields.at;
    }
    Ok(out)
}

fn graph_without_shapes(bytes: &[u8]) -> Result<Vec<u8>, OnnxError> {
    const VALUE_INFO: u64 = 13;
    // `type { tensor_type { elem_type: FLOAT } }`
    const FLOATS: [u8; 6] = [0x12, 4, 0x0a, 2, 8, 1];
    let initialisers: HashSet<String> = Fields::of(bytes)
        .filter_map(|field| match field {
            Ok((5, Value::Bytes(tensor))) => message(tensor, 8).ok().flatten().map(text),
            _ => None,
        })
        .collect();
    let (mut fields, mut out, mut start) = (Fields::of(bytes), Vec::with_capacity(bytes.len()), 0);
    while let Some(field) = fields.next() {
        match field? {
            (VALUE_INFO, _) => {}
            (number @ (11 | 12), Value::Bytes(info)) if !initialisers.contains(&value_name(info)?) => {
                let mut body = Vec::new();
                push_field(1, message(info, 1)?.unwrap_or_default(), &mut body);
                body.extend(FLOATS);
                push_field(number, &body, &mut out);
            }
            _ => out.extend(&bytes[start..fields.at]),
        }
        start = fields.at;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::Graph;
    use super::super::tests::{bytes_field, small_model};
    use super::*;

    #[test]
    fn shapes_can_be_left_out() {
        let dimension = |n: u8| bytes_field(1, &[8, n]);
        let shape = bytes_field(2, &[dimension(10), dimension(3), bytes_field(1, &[])].concat());
        let kind = bytes_field(1, &[&[8, 1][..], &shape].concat());
        let input = bytes_field(11, &[bytes_field(1, b"x"), bytes_field(2, &kind)].concat());
        let small = small_model();
        let graph = [&small[2..], &input, &bytes_field(13, b"")].concat();
        let model = [bytes_field(7, &graph), vec![0x40, 5]].concat();
        let read = Graph::parse(&model).unwrap();
        assert_eq!(read.input_shapes["x"], [Some(10), Some(3), None]);
        let free = without_shapes(&model).unwrap();
        let again = Graph::parse(&free).unwrap();
        assert_eq!(again, Graph { input_shapes: HashMap::new(), ..read });
        assert!(free.ends_with(&[0x40, 5]), "what is not the graph stays");
        for n in 0..model.len() {
            let _ = without_shapes(&model[..n]);
        }
    }
}
