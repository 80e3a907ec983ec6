//! From operations to steps: convolutions that follow each other are fused, so that what lies between
//! them stays in the cache, and values share memory as soon as they are dead.

use super::import::{Conv, Kernel, Op, Ops, ValueId};
use crate::kernels::{DepthWeights, PointWeights, padded};

/// What makes the rows that a chain starts with.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The input itself.
    Copy,
    /// 1×1
    Point(PointWeights),
    /// 3×3 over all channels, perhaps followed by 1×1.
    Full3 { weights: PointWeights, stride: usize, then: Option<Box<PointWeights>> },
}

/// What becomes of a chain's rows.
#[derive(Clone, Debug)]
pub(crate) enum Finish {
    /// They are the output.
    None,
    /// 2×2 maximum.
    Pool,
    /// 1×1, plus another value.
    Point { weights: PointWeights, residual: Option<ValueId> },
}

/// One step of a network. Values are numbers of slots once [`plan`] is through.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Source, then a depthwise 3×3, then the finish.
    Chain {
        input: ValueId,
        output: ValueId,
        source: Source,
        depth: Option<(DepthWeights, usize)>,
        finish: Finish,
    },
    /// 2×2 maximum.
    Pool { input: ValueId, output: ValueId },
    /// Nearest neighbour, twice the size.
    Upsample { input: ValueId, output: ValueId },
    /// `a + b`
    Add { a: ValueId, b: ValueId, output: ValueId },
    /// 2×2 transposed convolution as a pointwise one to four pixels.
    Double { input: ValueId, output: ValueId, weights: PointWeights },
}

/// Steps over slots.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub steps: Vec<Step>,
    pub slots: usize,
    pub input: usize,
    /// Name, slot, first channel, channels.
    pub outputs: Vec<(String, usize, usize, usize)>,
}

/// Fuses the operations and gives each value a slot.
pub(crate) fn plan(mut ops: Ops) -> Plan {
    join_heads(&mut ops);
    let mut steps = fuse(&ops);
    let (slots, slot_of) = assign_slots(&mut steps, &ops);
    let outputs =
        ops.outputs.into_iter().map(|(name, value, first, n)| (name, slot_of[value], first, n)).collect();
    Plan { steps, slots, input: slot_of[0], outputs }
}

fn conv_of(op: &Op) -> Option<(ValueId, &Conv)> {
    if let Op::Conv(from, conv) = op { Some((*from, conv)) } else { None }
}

/// How often each value is read, outputs included.
fn count_uses(ops: &Ops) -> Vec<usize> {
    let mut uses = vec![0; ops.channels.len()];
    for (op, _) in &ops.list {
        match op {
            Op::Conv(a, _) | Op::MaxPool(a) | Op::Upsample(a) => uses[*a] += 1,
            Op::Add(a, b) => {
                uses[*a] += 1;
                uses[*b] += 1;
            }
        }
    }
    for (_, value, _, _) in &ops.outputs {
        uses[*value] += 1;
    }
    uses
}

/// Output branches that read the same value (1×1, perhaps followed by a depthwise 3×3) become one
/// branch with all their channels: one read of the input, and full vectors instead of single channels.
fn join_heads(ops: &mut Ops) {
    let uses = count_uses(ops);
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
    let (_, conv) = conv_of(op).filter(|(f, conv)| *f == from && plain(conv, Kernel::Point))?;
    debug_assert_eq!(conv.bias.len(), ops.channels[*made]);
    if is_output(*made) {
        return Some((i, None));
    }
    let depth = ops
        .list
        .iter()
        .position(|(op, _)| conv_of(op).is_some_and(|(f, c)| f == *made && plain(c, Kernel::Depth)))?;
    (uses[*made] == 1 && is_output(ops.list[depth].1)).then_some((i, Some(depth)))
}

fn end(ops: &Ops, point: usize, depth: Option<usize>) -> ValueId {
    ops.list[depth.unwrap_or(point)].1
}

/// Adds the channels of convolution `other` to convolution `into`.
fn append(ops: &mut Ops, into: usize, other: usize) {
    let Some((_, more)) = conv_of(&ops.list[other].0) else { return };
    let more = more.clone();
    let made = ops.list[into].1;
    if let Op::Conv(_, conv) = &mut ops.list[into].0 {
        conv.weights.extend(&more.weights);
        conv.bias.extend(&more.bias);
        ops.channels[made] = conv.bias.len();
    }
}

/// One pass over the operations; each takes those that follow it and that alone read it along.
fn fuse(ops: &Ops) -> Vec<Step> {
    let uses = count_uses(ops);
    let mut taken = vec![false; ops.list.len()];
    let mut steps = Vec::new();
    for i in 0..ops.list.len() {
        if taken[i] {
            continue;
        }
        let (op, made) = &ops.list[i];
        steps.push(match op {
            Op::MaxPool(a) => Step::Pool { input: *a, output: *made },
            Op::Upsample(a) => Step::Upsample { input: *a, output: *made },
            Op::Add(a, b) => Step::Add { a: *a, b: *b, output: *made },
            Op::Conv(from, conv) if conv.kernel == Kernel::Double => {
                Step::Double { input: *from, output: *made, weights: pack_double(conv, ops.channels[*from]) }
            }
            Op::Conv(from, conv) => chain(ops, &uses, &mut taken, i, *from, conv),
        });
    }
    // A residual may be made after the chain's first operation, never after its last: order by output.
    steps.sort_by_key(|s| s.output());
    steps
}

fn chain(ops: &Ops, uses: &[usize], taken: &mut [bool], i: usize, from: ValueId, conv: &Conv) -> Step {
    let mut output = ops.list[i].1;
    // The next operation, if it is the only one that reads what we have so far.
    let mut follow = |output: ValueId, fits: &dyn Fn(&Op) -> bool| {
        let next = (uses[output] == 1).then(|| ops.list.iter().position(|(op, _)| fits(op)))??;
        // The other summand's chain may have taken a sum.
        if taken[next] {
            return None;
        }
        taken[next] = true;
        Some(&ops.list[next])
    };
    let (source, depth) = if conv.kernel == Kernel::Depth {
        (Source::Copy, Some(conv))
    } else {
        let mut source = pack_source(conv, from, ops.channels[from]);
        if let Source::Full3 { then, .. } = &mut source
            && point_before_depth(ops, uses, output)
            && let Some((op, made)) = follow(output, &|op| reads(op, output, Kernel::Point))
        {
            *then = conv_of(op).map(|(_, point)| Box::new(pack_point(point, ops.channels[output])));
            output = *made;
        }
        let next = follow(output, &|op| reads(op, output, Kernel::Depth));
        let depth = next.and_then(|(op, made)| {
            output = *made;
            conv_of(op).map(|(_, c)| c)
        });
        (source, depth)
    };
    let mut finish = Finish::None;
    // A pointwise source without a depthwise part has nothing to gain from a second pointwise one.
    if depth.is_some() || conv.kernel == Kernel::Full3 {
        if let Some((Op::MaxPool(_), made)) =
            follow(output, &|op| matches!(op, Op::MaxPool(a) if *a == output))
        {
            (output, finish) = (*made, Finish::Pool);
        } else if let Some((op, made)) = follow(output, &|op| reads(op, output, Kernel::Point))
            && let Some((_, point)) = conv_of(op)
        {
            let weights = pack_point(point, ops.channels[output]);
            output = *made;
            let sum =
                |op: &Op| matches!(op, Op::Add(a, b) if (*a == output) != (*b == output) && !point.relu);
            let residual = follow(output, &sum).and_then(|(op, made)| {
                let Op::Add(a, b) = op else { return None };
                let other = if *a == output { *b } else { *a };
                output = *made;
                Some(other)
            });
            finish = Finish::Point { weights, residual };
        }
    }
    let depth = depth.map(|c| (DepthWeights::pack(&c.weights, &c.bias, c.relu), c.stride));
    Step::Chain { input: from, output, source, depth, finish }
}

/// Whether the operation is a convolution of this kind that reads `value`.
fn reads(op: &Op, value: ValueId, kernel: Kernel) -> bool {
    conv_of(op).is_some_and(|(from, conv)| from == value && conv.kernel == kernel)
}

/// Whether `value` goes through a 1×1 straight into a depthwise convolution and nowhere else.
fn point_before_depth(ops: &Ops, uses: &[usize], value: ValueId) -> bool {
    ops.list.iter().any(|(op, made)| {
        let deeper = |made| uses[made] == 1 && ops.list.iter().any(|(op, _)| reads(op, made, Kernel::Depth));
        reads(op, value, Kernel::Point) && deeper(*made)
    })
}

fn pack_point(conv: &Conv, inputs: usize) -> PointWeights {
    PointWeights::pack_padded(inputs, &conv.weights, &conv.bias, conv.relu)
}

fn pack_source(conv: &Conv, from: ValueId, inputs: usize) -> Source {
    if conv.kernel == Kernel::Point {
        return Source::Point(pack_point(conv, inputs));
    }
    // The picture itself has no padding channels.
    let lanes = if from == 0 { inputs } else { padded(inputs) };
    Source::Full3 {
        weights: PointWeights::pack_full(inputs, lanes, &conv.weights, &conv.bias, conv.relu),
        stride: conv.stride,
        then: None,
    }
}

/// Each of the four pixels gets its own padded block of output channels.
fn pack_double(conv: &Conv, inputs: usize) -> PointWeights {
    let (outputs, lanes) = (conv.bias.len(), padded(conv.bias.len()));
    let mut weights = vec![0.0; 4 * lanes * inputs];
    let mut bias = vec![0.0; 4 * lanes];
    for place in 0..4 {
        let (from, to) = (place * outputs * inputs, place * lanes * inputs);
        weights[to..to + outputs * inputs].copy_from_slice(&conv.weights[from..from + outputs * inputs]);
        bias[place * lanes..place * lanes + outputs].copy_from_slice(&conv.bias);
    }
    PointWeights::pack_padded(inputs, &weights, &bias, conv.relu)
}

impl Step {
    fn output(&self) -> ValueId {
        match self {
            Self::Chain { output, .. }
            | Self::Pool { output, .. }
            | Self::Upsample { output, .. }
            | Self::Add { output, .. }
            | Self::Double { output, .. } => *output,
        }
    }

    /// Every value that the step names, the output last.
    fn values(&mut self) -> Vec<&mut ValueId> {
        match self {
            Self::Chain { input, output, finish: Finish::Point { residual: Some(other), .. }, .. } => {
                vec![input, other, output]
            }
            Self::Chain { input, output, .. }
            | Self::Pool { input, output }
            | Self::Upsample { input, output }
            | Self::Double { input, output, .. } => vec![input, output],
            Self::Add { a, b, output } => vec![a, b, output],
        }
    }
}

/// Renames values to slots; a slot is free again after its value's last use. No step writes a slot that
/// it reads.
fn assign_slots(steps: &mut [Step], ops: &Ops) -> (usize, Vec<usize>) {
    let mut last_use = vec![0; ops.channels.len()];
    for (i, step) in steps.iter_mut().enumerate() {
        for value in step.values() {
            last_use[*value] = i;
        }
    }
    for (_, value, _, _) in &ops.outputs {
        last_use[*value] = usize::MAX;
    }
    let mut slot_of = vec![usize::MAX; ops.channels.len()];
    let (mut slots, mut free) = (1, Vec::new());
    slot_of[0] = 0;
    for (i, step) in steps.iter_mut().enumerate() {
        let mut values = step.values();
        let output = values.pop().expect("a step has an output");
        slot_of[*output] = free.pop().unwrap_or_else(|| {
            slots += 1;
            slots - 1
        });
        *output = slot_of[*output];
        for value in values {
            let dead = last_use[*value] == i;
            let slot = slot_of[*value];
            if dead && slot != 0 && !free.contains(&slot) {
                free.push(slot);
            }
            *value = slot;
        }
    }
    (slots, slot_of)
}
