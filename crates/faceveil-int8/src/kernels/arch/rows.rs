//! The rows of a convolution of each channel by itself, 3 × 3: which rows of inputs a row of outputs is made of.

use crate::kernels::shape::DepthShape;

/// Three rows of inputs, `None` outside the picture.
pub(super) type Rows<'r> = [Option<&'r [i8]>; 3];

/// Calls `row` for each row of outputs. Gives `true`: all work is done.
pub(super) fn each_row(
    shape: &DepthShape,
    input: &[i8],
    out: &mut [i8],
    row: impl Fn(Rows<'_>, &mut [i8]),
) -> bool {
    let len = shape.w * shape.c;
    for (y, out) in out.chunks_exact_mut(shape.out_w * shape.c).enumerate() {
        let rows = [0, 1, 2].map(|ky| {
            let y = (y * shape.stride + ky).checked_sub(shape.pad_top).filter(|&y| y < shape.h)?;
            input.get(y * len..(y + 1) * len)
        });
        row(rows, out);
    }
    true
}

/// The same where outputs take their inputs' places, with step 1: the row above and the one that is being written over are
/// kept in `scratch`. Gives `false`, and has done nothing, if that has no room for two rows.
pub(super) fn each_row_in_place(
    shape: &DepthShape,
    map: &mut [i8],
    scratch: &mut [i8],
    row: impl Fn(Rows<'_>, &mut [i8]),
) -> bool {
    let len = shape.w * shape.c;
    if scratch.len() < 2 * len {
        return false;
    }
    let (mut above, rest) = scratch.split_at_mut(len);
    let mut here = &mut rest[..len];
    let mut rest = map;
    let mut first = true;
    while let Some((current, below)) = core::mem::take(&mut rest).split_at_mut_checked(len) {
        here.copy_from_slice(current);
        row([(!first).then_some(&*above), Some(&*here), below.get(..len)], current);
        core::mem::swap(&mut above, &mut here);
        (rest, first) = (below, false);
    }
    true
}
