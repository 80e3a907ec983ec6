//! Output branches with a common input are computed as one.

use super::ops::{Conv, Kernel, Op, Ops, ValueId};

/// Output branches that read the same value (1×1, perhaps followed by a depthwise 3×3) become one
/// branch with all their channels: one read of the input, and full vectors instead of single channels.
pub(crate) fn join_heads(ops: &mut Ops) {
    let uses = ops.uses();
    for from in 0..ops.channels.len() {
        let heads: Vec<(usize, Option<usize>)> =
            (0..ops.list.len()).filter_map(|i| head(ops, &uses, from, i)).collect();
        let depths = heads.iter().filter(|(_, d)| d.is_some()).count();
        if heads.len() < 2 || (depths != 0 && depths != heads.len()) {
            continue;
        }
        let (point, depth) = heads[0];
        for &(other, other_depth) in &heads[1..] {
            let (from_value, to_value) = (end(ops, other, other_depth), end(ops, point, depth));
            let shift = ops.channels[to_value];
            append(ops, point, other);
            if let (Some(d), Some(o)) = (depth, other_depth) {
                append(ops, d, o);
            }
            for output in ops.outputs.iter_mut().filter(|o| o.1 == from_value) {
                (output.1, output.2) = (to_value, shift);
            }
        }
        let mut gone: Vec<usize> = heads[1..].iter().flat_map(|&(p, d)| [Some(p), d]).flatten().collect();
        gone.sort_unstable();
        for index in gone.into_iter().rev() {
            ops.list.remove(index);
        }
        return join_heads(ops);
    }
}

/// If operation `i` begins an output branch at `from`: its index and that of its depthwise part.
fn head(ops: &Ops, uses: &[usize], from: ValueId, i: usize) -> Option<(usize, Option<usize>)> {
    let plain = |conv: &Conv, kernel| conv.kernel == kernel && conv.stride == 1 && !conv.relu;
    let is_output = |value| uses[value] == 1 && ops.outputs.iter().any(|o| o.1 == value);
    let (op, made) = &ops.list[i];
    let (_, conv) = op.conv().filter(|(f, conv)| *f == from && plain(conv, Kernel::Point))?;
    debug_assert_eq!(conv.bias.len(), ops.channels[*made]);
    if is_output(*made) {
        return Some((i, None));
    }
    let depth = ops
        .list
        .iter()
        .position(|(op, _)| op.conv().is_some_and(|(f, c)| f == *made && plain(c, Kernel::Depth)))?;
    (uses[*made] == 1 && is_output(ops.list[depth].1)).then_some((i, Some(depth)))
}

fn end(ops: &Ops, point: usize, depth: Option<usize>) -> ValueId {
    ops.list[depth.unwrap_or(point)].1
}

/// Adds the channels of convolution `other` to convolution `into`.
fn append(ops: &mut Ops, into: usize, other: usize) {
    let Some((_, more)) = ops.list[other].0.conv() else { return };
    let more = more.clone();
    let made = ops.list[into].1;
    if let Op::Conv(_, conv) = &mut ops.list[into].0 {
        conv.weights.extend(&more.weights);
        conv.bias.extend(&more.bias);
        ops.channels[made] = conv.bias.len();
    }
}
