//! Operations that only move, compare or look up values.

use super::error::{KernelError, need, within};

/// Rows, columns and channels must be there, and their product fit.
fn size(h: usize, w: usize, c: usize) -> Result<usize, KernelError> {
    within("rows", h, 1, 1 << 14)?;
    within("columns", w, 1, 1 << 14)?;
    within("channels", c, 1, 1 << 14)?;
    let size = h.checked_mul(w).and_then(|places| places.checked_mul(c));
    size.ok_or(KernelError::Range { what: "values", got: usize::MAX })
}

/// The largest of each 2 × 2 square; `[h, w, c]` is the shape of the input, with even sides.
///
/// # Errors
/// [`KernelError`] if a length does not fit the shape; nothing is written then.
pub fn max_pool2x2([h, w, c]: [usize; 3], input: &[i8], out: &mut [i8]) -> Result<(), KernelError> {
    need("input", size(h, w, c)?, input.len())?;
    even(h, w)?;
    need("out", input.len() / 4, out.len())?;
    let pairs = input.chunks_exact(2 * w * c).zip(out.chunks_exact_mut(w / 2 * c));
    for (rows, out) in pairs {
        let (above, below) = rows.split_at(w * c);
        let squares = above.chunks_exact(2 * c).zip(below.chunks_exact(2 * c));
        for ((above, below), out) in squares.zip(out.chunks_exact_mut(c)) {
            let [left, right, low_left, low_right] = [above.split_at(c), below.split_at(c)]
                .map(|(left, right)| [left, right])
                .as_flattened()
                .try_into()
                .unwrap_or([above; 4]);
            let four = left.iter().zip(right).zip(low_left.iter().zip(low_right));
            for (out, ((a, b), (c, d))) in out.iter_mut().zip(four) {
                *out = *a.max(b).max(c).max(d);
            }
        }
    }
    Ok(())
}

fn even(h: usize, w: usize) -> Result<(), KernelError> {
    within("rows modulo 2", h % 2, 0, 0)?;
    within("columns modulo 2", w % 2, 0, 0)
}

/// [`max_pool2x2`] into the front quarter of what it reads.
///
/// # Errors
/// As there.
pub fn max_pool2x2_in_place([h, w, c]: [usize; 3], map: &mut [i8]) -> Result<(), KernelError> {
    need("input", size(h, w, c)?, map.len())?;
    even(h, w)?;
    // An output lies at or before everything that later outputs read.
    for place in 0..h / 2 * (w / 2) {
        let start = (place / (w / 2) * 2 * w + place % (w / 2) * 2) * c;
        for channel in 0..c {
            let at = |offset: usize| map.get(start + offset + channel).copied().unwrap_or(i8::MIN);
            let value = at(0).max(at(c)).max(at(w * c)).max(at(w * c + c));
            if let Some(out) = map.get_mut(place * c + channel) {
                *out = value;
            }
        }
    }
    Ok(())
}

/// Each place becomes a 2 × 2 square; `[h, w, c]` is the shape of the input.
///
/// # Errors
/// As [`max_pool2x2`].
pub fn upsample2x2([h, w, c]: [usize; 3], input: &[i8], out: &mut [i8]) -> Result<(), KernelError> {
    need("input", size(h, w, c)?, input.len())?;
    need("out", input.len().saturating_mul(4), out.len())?;
    for (row, out) in input.chunks_exact(w * c).zip(out.chunks_exact_mut(4 * w * c)) {
        let (above, below) = out.split_at_mut(2 * w * c);
        for (place, out) in row.chunks_exact(c).zip(above.chunks_exact_mut(2 * c)) {
            let (left, right) = out.split_at_mut(c);
            left.copy_from_slice(place);
            right.copy_from_slice(place);
        }
        below.copy_from_slice(above);
    }
    Ok(())
}

/// The channels of both, one after the other. Both must have the same scale and zero point.
///
/// # Errors
/// As [`max_pool2x2`].
pub fn concat(
    places: usize,
    (a, a_channels): (&[i8], usize),
    (b, b_channels): (&[i8], usize),
    out: &mut [i8],
) -> Result<(), KernelError> {
    within("channels", a_channels, 1, 1 << 14)?;
    within("channels", b_channels, 1, 1 << 14)?;
    need("input", places.saturating_mul(a_channels), a.len())?;
    need("input", places.saturating_mul(b_channels), b.len())?;
    need("out", places.saturating_mul(a_channels + b_channels), out.len())?;
    let both = a.chunks_exact(a_channels).zip(b.chunks_exact(b_channels));
    for (out, (a, b)) in out.chunks_exact_mut(a_channels + b_channels).zip(both) {
        let (left, right) = out.split_at_mut(a_channels);
        left.copy_from_slice(a);
        right.copy_from_slice(b);
    }
    Ok(())
}

/// Pixel-shuffle: each place's `c` channels become a `block` × `block` square of `c / block²` channels, in the order
/// row, column, channel. `[h, w, c]` is the shape of the input.
///
/// # Errors
/// As [`max_pool2x2`]; also if the channels do not divide.
pub fn shuffle([h, w, c]: [usize; 3], block: usize, input: &[i8], out: &mut [i8]) -> Result<(), KernelError> {
    need("input", size(h, w, c)?, input.len())?;
    need("out", input.len(), out.len())?;
    within("block", block, 1, 64)?;
    within("channels modulo block²", c % (block * block), 0, 0)?;
    let run = c / block;
    for (row, out) in input.chunks_exact(w * c).zip(out.chunks_exact_mut(w * c)) {
        for (x, place) in row.chunks_exact(c).enumerate() {
            for (line, run) in out.chunks_exact_mut(w * run).zip(place.chunks_exact(run)) {
                if let Some(to) = line.get_mut(x * run.len()..(x + 1) * run.len()) {
                    to.copy_from_slice(run);
                }
            }
        }
    }
    Ok(())
}

/// `table[value + 128]` of each value: any function of one value, the logistic one say.
///
/// # Errors
/// As [`max_pool2x2`].
pub fn lookup(table: &[i8; 256], input: &[i8], out: &mut [i8]) -> Result<(), KernelError> {
    need("out", input.len(), out.len())?;
    for (value, out) in input.iter().zip(out) {
        *out = table[usize::from((*value as u8) ^ 0x80)];
    }
    Ok(())
}

/// [`lookup`] into what it reads.
pub fn lookup_in_place(table: &[i8; 256], map: &mut [i8]) {
    for value in map {
        *value = table[usize::from((*value as u8) ^ 0x80)];
    }
}
