//! Runs a graph in floats, one picture at a time. Made to be right and small, not fast: the networks are tiny.

use faceveil_net::{Activation, Graph, Node, Op, Shape};

/// Runs `graph` with `values` on `pixels`, `[channels, height, width]`; gives the last node's value.
///
/// # Panics
/// If `values` or `pixels` are not of the graph's length, or the graph has an operation that only the thesis's
/// networks have.
pub fn run(graph: &Graph, values: &[f32], pixels: Vec<f32>) -> Vec<f32> {
    assert_eq!(pixels.len(), graph.input_shape().len(), "values of a picture");
    let last_use = graph.last_use();
    let mut live: Vec<Vec<f32>> = vec![Vec::new(); graph.nodes().len()];
    live[graph.input()] = pixels;
    let mut rest = values;
    for (id, node) in graph.nodes().iter().enumerate().skip(1) {
        let from = graph.input_of(node);
        let weights = node.weight_shape(from).map_or(0, |s| s.iter().product());
        let biases = if weights == 0 { 0 } else { node.shape.channels };
        let (weight, after) = rest.split_at(weights);
        let (bias, after) = after.split_at(biases);
        rest = after;
        let inputs: Vec<&[f32]> = node.inputs.iter().map(|&i| live[i].as_slice()).collect();
        let out = node_value(node, from, &inputs, weight, bias);
        for &input in &node.inputs {
            if last_use[input] == id {
                live[input] = Vec::new();
            }
        }
        live[id] = out;
    }
    assert!(rest.is_empty(), "{} weights too many", rest.len());
    live.pop().unwrap_or_default()
}

fn node_value(node: &Node, from: Shape, inputs: &[&[f32]], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let x = inputs[0];
    let mut out = match node.op {
        Op::Input => x.to_vec(),
        Op::Unshuffle { block } => unshuffle(x, from, block),
        Op::Shuffle { block } => shuffle(x, node.shape, block),
        Op::Conv { kernel: 1, stride: 1, .. } => pointwise(x, node.shape, weight, bias),
        Op::Depthwise { stride, .. } => depthwise(x, from, node.shape, stride, weight, bias),
        Op::Add => x.iter().zip(inputs[1]).map(|(a, b)| a + b).collect(),
        Op::Upsample => upsample(x, node.shape),
        Op::Conv { .. } | Op::TransposedConv { .. } | Op::Concat | Op::MaxPool => {
            panic!("{:?} is not for networks of ours", node.op)
        }
    };
    match node.activation() {
        Activation::None => {}
        Activation::Relu => out.iter_mut().for_each(|v| *v = v.max(0.0)),
        Activation::Relu6 => out.iter_mut().for_each(|v| *v = v.clamp(0.0, 6.0)),
        Activation::Sigmoid => out.iter_mut().for_each(|v| *v = 1.0 / (1.0 + (-*v).exp())),
    }
    out
}

fn pointwise(x: &[f32], shape: Shape, weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let places = shape.places();
    let mut out = Vec::with_capacity(shape.len());
    for (row, bias) in weight.chunks_exact(weight.len() / shape.channels).zip(bias) {
        let start = out.len();
        out.resize(start + places, *bias);
        let sums = &mut out[start..];
        for (w, plane) in row.iter().zip(x.chunks_exact(places)) {
            for (s, v) in sums.iter_mut().zip(plane) {
                *s += w * v;
            }
        }
    }
    out
}

fn depthwise(x: &[f32], from: Shape, shape: Shape, stride: usize, weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; shape.len()];
    let line = from.width + 2;
    let mut padded = vec![0.0; line * (from.height + 2)];
    let planes = x.chunks_exact(from.places()).zip(out.chunks_exact_mut(shape.places()));
    for ((plane, out), (w, bias)) in planes.zip(weight.chunks_exact(9).zip(bias)) {
        for (row, to) in plane.chunks_exact(from.width).zip(padded.chunks_exact_mut(line).skip(1)) {
            to[1..=from.width].copy_from_slice(row);
        }
        for (y, row) in out.chunks_exact_mut(shape.width).enumerate() {
            row.fill(*bias);
            for (k, w) in w.iter().enumerate() {
                let from = &padded[(stride * y + k / 3) * line + k % 3..];
                for (o, v) in row.iter_mut().zip(from.iter().step_by(stride)) {
                    *o += w * v;
                }
            }
        }
    }
    out
}

fn unshuffle(x: &[f32], from: Shape, block: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(from.len());
    for plane in x.chunks_exact(from.places()) {
        for k in 0..block * block {
            for y in 0..from.height / block {
                let row = &plane[(y * block + k / block) * from.width..][..from.width];
                out.extend(row.iter().skip(k % block).step_by(block));
            }
        }
    }
    out
}

fn shuffle(x: &[f32], shape: Shape, block: usize) -> Vec<f32> {
    let (h, w) = (shape.height / block, shape.width / block);
    let mut out = vec![0.0; shape.len()];
    for (channel, plane) in out.chunks_exact_mut(shape.places()).enumerate() {
        for (i, v) in plane.iter_mut().enumerate() {
            let (y, x0) = (i / shape.width, i % shape.width);
            let k = channel * block * block + y % block * block + x0 % block;
            *v = x[(k * h + y / block) * w + x0 / block];
        }
    }
    out
}

fn upsample(x: &[f32], shape: Shape) -> Vec<f32> {
    let mut out = Vec::with_capacity(shape.len());
    for row in x.chunks_exact(shape.width / 2) {
        for _ in 0..2 {
            out.extend(row.iter().flat_map(|v| [*v, *v]));
        }
    }
    out
}
