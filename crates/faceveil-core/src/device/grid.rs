//! From a value a square to a bit a pixel: interpolated and compared.
//!
//! Between the centres of four squares the interpolated value lies between theirs, so that it is worked out only
//! where the threshold lies between them too: along the borders of what is hidden. Which squares those are is found
//! out for 32 at once.

use core::ops::Range;

use super::hidden::{GridMask, MOST_WORDS};

/// The pixels between centre `index - 1` and centre `index` of `count`; before the first and behind the last one
/// those up to the frame's border.
fn between(index: usize, block: usize, count: usize) -> Range<usize> {
    let first = |index: usize| if index == 0 { 0 } else { block * (2 * index - 1) / 2 };
    first(index)..if index < count { first(index + 1) } else { block * count }
}

/// The weight of the second centre at `pixel`, in units of `1 / (2 · block)`.
fn weight(pixel: usize, index: usize, block: usize) -> i32 {
    // Before the first centre and behind the last one both are the same one.
    (2 * pixel + 1 + block) as i32 - 2 * (block * index) as i32
}

/// For each centre of a row whether its value is large enough, the first one's and the last one's twice: a square
/// of pixels then lies between bit `index` and bit `index + 1`.
type Reached = [u32; MOST_WORDS + 1];

#[inline(never)]
fn reached(row: &[i8], least: i32, bits: &mut Reached) {
    let all = row.first().into_iter().chain(row).chain(row.last());
    let (mut word, mut count, mut out) = (0, 0, bits.iter_mut());
    for &value in all {
        word |= u32::from(i32::from(value) >= least) << count;
        count += 1;
        if count == 32 {
            if let Some(out) = out.next() {
                *out = word;
            }
            (word, count) = (0, 0);
        }
    }
    if let Some(out) = out.next() {
        *out = word;
    }
}

/// Sets the bits of pixels from `bound` (64ths of a step) on; `map` has `words` words a row.
pub(super) fn threshold(mask: &GridMask<'_>, bound: i32, words: usize, map: &mut [u32]) {
    // No value lies outside of these bounds, so that sums of weighted ones fit 32 bits.
    let bound = bound.clamp(-129 * 64, 128 * 64);
    let least = (bound + 63) >> 6;
    let GridMask { width, height, block, values } = *mask;
    map.fill(0);
    let mut bits = [[0; MOST_WORDS + 1]; 2];
    let [above, below] = &mut bits;
    reached(values.get(..width).unwrap_or_default(), least, above);
    for index in 0..=height {
        let next = index.min(height - 1) * width;
        reached(values.get(next..next + width).unwrap_or_default(), least, below);
        let rows = between(index, block, height);
        let mut lines = map.chunks_exact_mut(words).skip(rows.start).take(rows.len());
        if let Some(first) = lines.next() {
            full_squares(above, below, block, width, first);
            lines.for_each(|row| row.iter_mut().zip(&*first).for_each(|(to, from)| *to = *from));
        }
        for (word, [full, mut touched]) in squares(above, below, width).enumerate() {
            touched &= !full;
            while touched != 0 {
                // Behind the last centre's copy there is no square.
                let column = 32 * word + touched.trailing_zeros() as usize;
                if column <= width {
                    border(mask, [index, column], bound, words, map);
                }
                touched &= touched - 1;
            }
        }
        core::mem::swap(above, below);
    }
}

/// Of 32 squares each those whose four corners all reach the threshold, and those of which one does.
fn squares<'a>(
    above: &'a Reached,
    below: &'a Reached,
    width: usize,
) -> impl Iterator<Item = [u32; 2]> + use<'a> {
    let next = |row: &'a Reached| row.iter().copied().skip(1).chain([0]);
    let pairs = above.iter().zip(below).zip(next(above).zip(next(below))).take(width / 32 + 1);
    pairs.map(|((above, below), (above_next, below_next))| {
        let (all, any) = (above & below, above | below);
        let (all_next, any_next) = (above_next & below_next, above_next | below_next);
        [all & (all >> 1 | all_next << 31), any | any >> 1 | any_next << 31]
    })
}

/// Sets a row's pixels of squares that are full, run by run.
fn full_squares(above: &Reached, below: &Reached, block: usize, width: usize, row: &mut [u32]) {
    for (word, [mut full, _]) in squares(above, below, width).enumerate() {
        while full != 0 {
            let (first, rest) = (full.trailing_zeros(), full >> full.trailing_zeros());
            let count = rest.trailing_ones();
            full &= u32::MAX.checked_shl(first + count).unwrap_or(0);
            let square = |bit: u32| between((32 * word + bit as usize).min(width), block, width);
            set(row, square(first).start..square(first + count - 1).end);
        }
    }
}

/// Sets bits.
fn set(row: &mut [u32], columns: Range<usize>) {
    let (first, last) = (columns.start / 32, columns.end.saturating_sub(1) / 32);
    if columns.is_empty() {
        return;
    }
    for (index, word) in row.iter_mut().enumerate().take(last + 1).skip(first) {
        let low = if index == first { u32::MAX << (columns.start % 32) } else { u32::MAX };
        let high = if index == last { u32::MAX >> (31 - (columns.end - 1) % 32) } else { u32::MAX };
        *word |= low & high;
    }
}

/// The pixels of a square that the threshold goes through.
fn border(mask: &GridMask<'_>, [index, column]: [usize; 2], bound: i32, words: usize, map: &mut [u32]) {
    let GridMask { width, height, block, values } = *mask;
    let whole = 2 * block as i32;
    let at = |row: usize, column: usize| {
        let (row, column) = (row.min(height - 1), column.min(width - 1));
        i32::from(values.get(row * width + column).copied().unwrap_or(i8::MAX))
    };
    let (rows, columns) = ([index.saturating_sub(1), index], [column.saturating_sub(1), column]);
    let [left, right] = columns.map(|column| rows.map(|row| 64 * at(row, column)));
    let columns = between(column, block, width);
    let (along, least) = (weight(columns.start, column, block), bound * whole * whole);
    for y in between(index, block, height) {
        let down = weight(y, index, block);
        let [start, end] = [left, right].map(|[above, below]| above * whole + (below - above) * down);
        let slope = end - start;
        let (mut sum, mut bits) = (start * whole + slope * along, 0);
        for pixel in 0..columns.len() {
            bits |= u64::from(sum >= least) << pixel;
            sum += 2 * slope;
        }
        let (word, bits) = (y * words + columns.start / 32, bits << (columns.start % 32));
        for (word, bits) in map.iter_mut().skip(word).zip([bits as u32, (bits >> 32) as u32]) {
            *word |= bits;
        }
    }
}
