//! From operations to steps: convolutions that follow each other are fused, so that what lies between
//! them stays in the cache, and values share memory as soon as they are dead.

use super::arithmetic::{Arithmetic, Ends};
use super::ops::{Conv, Kernel, Op, Ops, ValueId};

/// What makes the rows that a chain starts with.
#[derive(Clone, Debug)]
pub(crate) enum Source<A: Arithmetic> {
    /// The input itself.
    Copy,
    /// 1×1
    Point(A::Point),
    /// 3×3 over all channels, perhaps followed by 1×1.
    Full3 { weights: A::Point, stride: usize, then: Option<A::Point> },
}

/// What becomes of a chain's rows.
#[derive(Clone, Debug)]
pub(crate) enum Finish<A: Arithmetic> {
    /// They are the output.
    None,
    /// 2×2 maximum.
    Pool,
    /// 1×1, plus another value.
    Point { weights: A::Point, residual: Option<ValueId> },
}

/// One step of a network. Values are numbers of slots once [`plan`] is through.
#[derive(Clone, Debug)]
pub(crate) enum Step<A: Arithmetic> {
    /// Source, then a depthwise 3×3, then the finish.
    Chain {
        input: ValueId,
        output: ValueId,
        source: Source<A>,
        depth: Option<(A::Depth, usize)>,
        finish: Finish<A>,
    },
    /// 2×2 maximum.
    Pool { input: ValueId, output: ValueId },
    /// Nearest neighbour, twice the size.
    Upsample { input: ValueId, output: ValueId },
    /// `a + b`
    Add { a: ValueId, b: ValueId, output: ValueId, weights: A::Sum },
    /// 2×2 transposed convolution as a pointwise one to four pixels.
    Double { input: ValueId, output: ValueId, weights: A::Point },
}

/// Steps over slots.
#[derive(Clone, Debug)]
pub(crate) struct Plan<A: Arithmetic> {
    pub steps: Vec<Step<A>>,
    pub slots: usize,
    pub input: usize,
    pub outputs: Vec<PlanOutput>,
}

/// A graph output: channels of a value, in a slot.
#[derive(Clone, Debug)]
pub(crate) struct PlanOutput {
    pub name: String,
    pub value: ValueId,
    pub slot: usize,
    pub first: usize,
    pub channels: usize,
}

/// Fuses the operations (whose output branches are joined) and gives each value a slot.
pub(crate) fn plan<A: Arithmetic>(ops: &Ops, arithmetic: &A) -> Plan<A> {
    let mut steps = fuse(ops, arithmetic);
    let (slots, slot_of) = assign_slots(&mut steps, ops);
    Plan { steps, slots, input: slot_of[0], outputs: outputs(ops, &slot_of) }
}

/// Leaves each operation a step of its own, and gives each value the slot of its number: all can be looked at.
pub(crate) fn plan_open<A: Arithmetic>(ops: &Ops, arithmetic: &A) -> Plan<A> {
    let steps = ops.list.iter().map(|(op, made)| alone(ops, arithmetic, op, *made)).collect();
    let slot_of: Vec<usize> = (0..ops.channels.len()).collect();
    Plan { steps, slots: slot_of.len(), input: 0, outputs: outputs(ops, &slot_of) }
}

fn outputs(ops: &Ops, slot_of: &[usize]) -> Vec<PlanOutput> {
    let output = |(name, value, first, channels): &(String, ValueId, usize, usize)| PlanOutput {
        name: name.clone(),
        value: *value,
        slot: slot_of[*value],
        first: *first,
        channels: *channels,
    };
    ops.outputs.iter().map(output).collect()
}

/// One pass over the operations; each takes those that follow it and that alone read it along.
fn fuse<A: Arithmetic>(ops: &Ops, arithmetic: &A) -> Vec<Step<A>> {
    let uses = ops.uses();
    let mut taken = vec![false; ops.list.len()];
    let mut steps = Vec::new();
    for i in 0..ops.list.len() {
        if taken[i] {
            continue;
        }
        let (op, made) = &ops.list[i];
        steps.push(match op {
            Op::Conv(from, conv) if conv.kernel != Kernel::Double => {
                chain(ops, arithmetic, &uses, &mut taken, i, *from, conv)
            }
            _ => alone(ops, arithmetic, op, *made),
        });
    }
    // A residual may be made after the chain's first operation, never after its last: order by output.
    steps.sort_by_key(|s| s.output());
    steps
}

/// A step of one operation.
fn alone<A: Arithmetic>(ops: &Ops, arithmetic: &A, op: &Op, output: ValueId) -> Step<A> {
    match op {
        Op::MaxPool(a) => Step::Pool { input: *a, output },
        Op::Upsample(a) => Step::Upsample { input: *a, output },
        Op::Add(a, b) => Step::Add { a: *a, b: *b, output, weights: arithmetic.pack_sum(*a, *b, output) },
        Op::Conv(from, conv) => {
            let ends = Ends { from: *from, to: output };
            match conv.kernel {
                Kernel::Double => {
                    Step::Double { input: *from, output, weights: arithmetic.pack_double(conv, ends) }
                }
                Kernel::Depth => {
                    let depth = Some((arithmetic.pack_depth(conv, ends), conv.stride));
                    Step::Chain { input: *from, output, source: Source::Copy, depth, finish: Finish::None }
                }
                Kernel::Point | Kernel::Full3 => {
                    let source = pack_source(arithmetic, conv, ends, ops.channels[*from]);
                    Step::Chain { input: *from, output, source, depth: None, finish: Finish::None }
                }
            }
        }
    }
}

fn chain<A: Arithmetic>(
    ops: &Ops,
    arithmetic: &A,
    uses: &[usize],
    taken: &mut [bool],
    i: usize,
    from: ValueId,
    conv: &Conv,
) -> Step<A> {
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
    let pack_depth = |conv: &Conv, ends| (arithmetic.pack_depth(conv, ends), conv.stride);
    let (source, depth) = if conv.kernel == Kernel::Depth {
        (Source::Copy, Some(pack_depth(conv, Ends { from, to: output })))
    } else {
        let mut source = pack_source(arithmetic, conv, Ends { from, to: output }, ops.channels[from]);
        if let Source::Full3 { then, .. } = &mut source
            && point_before_depth(ops, uses, output)
            && let Some((op, made)) = follow(output, &|op| reads(op, output, Kernel::Point))
        {
            let ends = Ends { from: output, to: *made };
            *then = op.conv().map(|(_, point)| arithmetic.pack_point(point, ends, None));
            output = *made;
        }
        let next = follow(output, &|op| reads(op, output, Kernel::Depth));
        let depth = next.and_then(|(op, made)| {
            let ends = Ends { from: output, to: *made };
            output = *made;
            op.conv().map(|(_, conv)| pack_depth(conv, ends))
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
            && let Some((from, point)) = op.conv()
        {
            output = *made;
            let sum =
                |op: &Op| matches!(op, Op::Add(a, b) if (*a == output) != (*b == output) && !point.relu);
            let residual = follow(output, &sum).and_then(|(op, made)| {
                let Op::Add(a, b) = op else { return None };
                let other = if *a == output { *b } else { *a };
                output = *made;
                Some(other)
            });
            let weights = arithmetic.pack_point(point, Ends { from, to: output }, residual);
            finish = Finish::Point { weights, residual };
        }
    }
    Step::Chain { input: from, output, source, depth, finish }
}

/// Whether the operation is a convolution of this kind that reads `value`.
fn reads(op: &Op, value: ValueId, kernel: Kernel) -> bool {
    op.conv().is_some_and(|(from, conv)| from == value && conv.kernel == kernel)
}

/// Whether `value` goes through a 1×1 straight into a depthwise convolution and nowhere else.
fn point_before_depth(ops: &Ops, uses: &[usize], value: ValueId) -> bool {
    ops.list.iter().any(|(op, made)| {
        let deeper = |made| uses[made] == 1 && ops.list.iter().any(|(op, _)| reads(op, made, Kernel::Depth));
        reads(op, value, Kernel::Point) && deeper(*made)
    })
}

fn pack_source<A: Arithmetic>(arithmetic: &A, conv: &Conv, ends: Ends, inputs: usize) -> Source<A> {
    if conv.kernel == Kernel::Point {
        return Source::Point(arithmetic.pack_point(conv, ends, None));
    }
    let weights = arithmetic.pack_full(conv, ends, inputs);
    Source::Full3 { weights, stride: conv.stride, then: None }
}

impl<A: Arithmetic> Step<A> {
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
            Self::Add { a, b, output, .. } => vec![a, b, output],
        }
    }
}

/// Renames values to slots; a slot is free again after its value's last use. No step writes a slot that
/// it reads.
fn assign_slots<A: Arithmetic>(steps: &mut [Step<A>], ops: &Ops) -> (usize, Vec<usize>) {
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
