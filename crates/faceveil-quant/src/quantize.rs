//! Weights, biases and scales in integers.

use crate::calibrate::Observed;
use crate::float::FloatNet;
use crate::network::{
    FloatWeights, IntNet, IntWeights, Network, NetworkError, Node, Op, Point, channel_weights,
};
use crate::scale::{LOGISTIC, PIXELS, Quant, quantize_weight, weight_scale};

/// Largest bias, so that a sum keeps within 32 bits.
const MOST_BIAS: f32 = (1 << 30) as f32;
/// Smallest factor from a sum to the output: less makes nothing of any sum.
const LEAST_FACTOR: f32 = 1.0 / (1 << 22) as f32;

/// Rounds `net` with the range of each node's value (after its activation). With what was `observed` the biases make
/// good for the mean error that rounding the weights brings (Nagel 2019, section 4.2
/// <https://arxiv.org/abs/1906.04721>); not for a network that was trained with rounding.
///
/// # Errors
/// [`NetworkError`] if there are not as many ranges as nodes, or a factor between scales cannot be expressed.
pub fn quantize(
    net: &FloatNet,
    ranges: &[(f32, f32)],
    observed: Option<&Observed>,
    point: Option<Point>,
) -> Result<IntNet, NetworkError> {
    if ranges.len() != net.nodes.len() {
        return Err(NetworkError::Range { node: ranges.len() });
    }
    let quants = scales(net, ranges);
    let mut nodes = Vec::new();
    for (id, node) in net.nodes.iter().enumerate() {
        let op = node.op.with(|c| {
            let input = node.inputs[0];
            let means = observed.map(|o| o.means(input));
            constants(&node.op, c, quants[input], quants[id], means.as_deref())
        });
        nodes.push(Node { op, inputs: node.inputs.clone(), shape: node.shape });
    }
    let net = IntNet { network: Network { nodes, outputs: net.outputs.clone() }, quants, point };
    Ok(net)
}

/// The scale of each node: the input's and a logistic function's are given, who moves values has that of what it moves.
fn scales(net: &FloatNet, ranges: &[(f32, f32)]) -> Vec<Quant> {
    let owners = net.scale_owners();
    let mut quants: Vec<Quant> = Vec::new();
    for (id, node) in net.nodes.iter().enumerate() {
        let (low, high) = ranges[id];
        let own = match node.op {
            Op::Input => PIXELS,
            Op::Logistic => LOGISTIC,
            _ => Quant::of_range(low, high),
        };
        // An owner comes first.
        quants.push(if owners[id] == id { own } else { quants[owners[id]] });
    }
    quants
}

/// `means`: of the input's channels, to correct the biases with.
fn constants(
    op: &Op<FloatWeights>,
    c: &FloatWeights,
    input: Quant,
    output: Quant,
    means: Option<&[f32]>,
) -> IntWeights {
    let channels = c.bias.len();
    let mut ints = IntWeights { weights: vec![0; c.weights.len()], scales: Vec::new(), bias: Vec::new() };
    for (channel, &bias) in c.bias.iter().enumerate() {
        let places: Vec<usize> = channel_weights(op, c.weights.len(), channels, channel).collect();
        let own: Vec<f32> = places.iter().map(|&i| c.weights[i]).collect();
        let least = LEAST_FACTOR * output.scale / input.scale;
        let scale = weight_scale(&own).max(bias.abs() / (input.scale * MOST_BIAS)).max(least);
        let mut error = 0.0;
        for (n, (&i, &w)) in places.iter().zip(&own).enumerate() {
            let q = quantize_weight(w, scale);
            ints.weights[i] = q;
            if let Some(means) = means {
                let mean =
                    if matches!(op, Op::Depthwise(..)) { means[channel] } else { means[n % means.len()] };
                error += f64::from(mean) * (f64::from(q) * f64::from(scale) - f64::from(w));
            }
        }
        // A window's places at the edge are fewer, which the mean over all does not know.
        let bias = f64::from(bias) - error;
        let steps = (bias / (f64::from(input.scale) * f64::from(scale))).round();
        ints.bias.push(steps.clamp(f64::from(-MOST_BIAS), f64::from(MOST_BIAS)) as i32);
        ints.scales.push(scale);
    }
    ints
}
