//! Means of blocks of samples: what every smaller picture of a frame is made of.

use alloc::vec::Vec;

/// Largest number of samples that [`Divisor`] divides by without a division.
const MOST_SAMPLES: u32 = 1 << 12;
/// Bits behind the point of its factor.
const POINT: u32 = 40;

/// Divides sums of samples of at most 16 bits by their number: a multiplication in place of a division.
#[derive(Clone, Copy, Debug)]
struct Divisor {
    samples: u32,
    factor: u64,
}

impl Divisor {
    /// `samples` is at least 1.
    fn new(samples: u32) -> Self {
        Self { samples, factor: (1u64 << POINT).div_ceil(u64::from(samples)) }
    }

    /// `floor(sum / samples)` for `sum` of at most `samples` values of 16 bits. The factor is too large by less than 1,
    /// so the product by less than `sum`, which is below `2^POINT / samples` up to [`MOST_SAMPLES`].
    fn divide(self, sum: u32) -> u32 {
        if self.samples > MOST_SAMPLES {
            return sum / self.samples;
        }
        ((u64::from(sum) * self.factor) >> POINT) as u32
    }
}

/// Rows of a plane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a, T> {
    pub plane: &'a [T],
    /// Samples of a row.
    pub width: usize,
    /// From one row to the next, in samples.
    pub stride: usize,
    /// The low bits of a sample that are dropped.
    pub shift: u32,
}

/// Means of blocks of `across` columns in the `rows.1` rows from `rows.0` on. Rows are added up first: that is most of
/// the work, and processors do many columns at once.
pub(crate) fn means<T: Copy + Into<u32>>(
    from: Rows<'_, T>,
    rows: (usize, usize),
    across: usize,
    sums: &mut Vec<u32>,
    line: &mut [i32],
) {
    sums.clear();
    sums.resize(from.width, 0);
    let mut count = 0;
    for y in rows.0..rows.0 + rows.1 {
        let Some(row) = from.plane.get(y * from.stride..).and_then(|rest| rest.get(..from.width)) else {
            break;
        };
        sums.iter_mut().zip(row).for_each(|(sum, &v)| *sum += v.into());
        count += 1;
    }
    let mean = Divisor::new((count * across).max(1) as u32);
    let shift = from.shift;
    if mean.samples == 1 && shift == 0 {
        return line.iter_mut().zip(&*sums).for_each(|(to, &sum)| *to = sum as i32);
    }
    let set = |to: &mut i32, sum: u32| *to = (mean.divide(sum) >> shift) as i32;
    match across {
        1 => line.iter_mut().zip(&*sums).for_each(|(to, &sum)| set(to, sum)),
        2 => blocks::<2>(sums, line, set),
        3 => blocks::<3>(sums, line, set),
        4 => blocks::<4>(sums, line, set),
        _ => line.iter_mut().zip(sums.chunks(across)).for_each(|(to, block)| set(to, block.iter().sum())),
    }
}

fn blocks<const N: usize>(sums: &[u32], line: &mut [i32], set: impl Fn(&mut i32, u32)) {
    let blocks = sums.as_chunks::<N>().0;
    line.iter_mut().zip(blocks).for_each(|(to, block)| set(to, block.iter().sum()));
}

/// Of a block of many rows the first half says enough.
pub(crate) fn rows_of(factor: usize) -> usize {
    if factor >= 4 { factor / 2 } else { factor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisions_are_exact() {
        for samples in [1, 2, 3, 4, 7, 9, 16, 48, 1023, 1025, 4095, 4096, 4097, 60_000] {
            let (divisor, most) = (Divisor::new(samples), samples * 65_535);
            let sums = (0..300).flat_map(|k| [k, k * samples, k * samples + samples - 1, 7919 * k]);
            for sum in sums.map(|sum| sum.min(most)).chain([most - 1, most]) {
                assert_eq!(divisor.divide(sum), sum / samples, "{sum} / {samples}");
            }
        }
    }

    #[test]
    fn means_are_those_of_the_slow_way() {
        let (width, stride, height) = (23, 25, 9);
        let plane: Vec<u16> = (0..stride * height)
            .map(|i| (i as u32).wrapping_mul(2_654_435_761).wrapping_shr(22) as u16)
            .collect();
        for (across, shift) in [(1, 0), (1, 2), (2, 0), (3, 2), (4, 1), (5, 2), (23, 0)] {
            let (mut sums, mut line) = (Vec::new(), alloc::vec![-1; width / across]);
            // The last of the rows is missing.
            means(Rows { plane: &plane, width, stride, shift }, (5, 5), across, &mut sums, &mut line);
            for (x, &got) in line.iter().enumerate() {
                let block = (5..height).flat_map(|y| (0..across).map(move |i| y * stride + x * across + i));
                let sum: u32 = block.map(|at| u32::from(plane[at])).sum();
                let want = (sum / (4 * across as u32)) >> shift;
                assert_eq!(got, want as i32, "column {x} of blocks of {across}, {shift} bits less");
            }
        }
    }
}
