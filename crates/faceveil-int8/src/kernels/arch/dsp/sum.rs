//! Sums of two maps.

use crate::kernels::sum::{Sum, Term};

unsafe extern "C" {
    /// Reads `len` (at least 1) bytes each, writes as many; `terms` as in [`Terms`].
    fn fv_dsp_add(a: *const i8, b: *const i8, out: *mut i8, len: usize, terms: *const Terms);
}

/// The doubled terms of every value (as its bits, unsigned), and the sum's scale.
#[repr(C)]
struct Terms {
    a: [i32; 256],
    b: [i32; 256],
    multiplier: i32,
    rounding: i32,
    shift: i32,
}

/// Fewer values are summed faster one by one than by making the tables.
const WORTH_TABLES: usize = 512;

impl Terms {
    /// Runs `with` on the tables; `false` if a step might overflow 32 bits, or tables are not worth it.
    #[inline(never)]
    fn with(sum: &Sum, len: usize, with: &mut dyn FnMut(&Self)) -> bool {
        let small = |term: &Term| term.multiplier >= 0 && term.shift >= 0;
        let plain = (1..=22).contains(&sum.shift) && sum.multiplier >= 0 && small(&sum.a) && small(&sum.b);
        if !plain || len < WORTH_TABLES {
            return false;
        }
        let rounding = (2 * i32::from(sum.out_zero) + 1) << (sum.shift - 1);
        let (multiplier, shift) = (sum.multiplier, sum.shift.into());
        // Filled where it is: a copy would double the stack.
        let mut terms = Self { a: [0; 256], b: [0; 256], multiplier, rounding, shift };
        for (bits, (a, b)) in terms.a.iter_mut().zip(&mut terms.b).enumerate() {
            *a = 2 * sum.a.scaled(bits as u8 as i8);
            *b = 2 * sum.b.scaled(bits as u8 as i8);
        }
        with(&terms);
        true
    }

    /// # Safety
    /// As for `fv_dsp_add`.
    unsafe fn add(&self, sum: &Sum, a: *const i8, b: *mut i8, len: usize) {
        // SAFETY: `b` is written where it was read.
        unsafe {
            fv_dsp_add(a, b, b, len, self);
            if sum.min > i8::MIN || sum.max < i8::MAX {
                for i in 0..len {
                    *b.add(i) = (*b.add(i)).max(sum.min).min(sum.max);
                }
            }
        }
    }
}

pub(in crate::kernels) fn add_in_place(sum: &Sum, a: &[i8], b: &mut [i8]) -> bool {
    let len = a.len().min(b.len());
    // SAFETY: both have `len` values, not 0.
    Terms::with(sum, len, &mut |terms| unsafe { terms.add(sum, a.as_ptr(), b.as_mut_ptr(), len) })
}

pub(in crate::kernels) fn add_upsampled_in_place(
    sum: &Sum,
    [_, w, c]: [usize; 3],
    a: &[i8],
    b: &mut [i8],
) -> bool {
    Terms::with(sum, b.len(), &mut |terms| {
        for (row, pair) in a.chunks_exact(w * c).zip(b.chunks_exact_mut(4 * w * c)) {
            for line in pair.chunks_exact_mut(2 * w * c) {
                for (place, square) in row.chunks_exact(c).zip(line.chunks_exact_mut(2 * c)) {
                    for b in square.chunks_exact_mut(c) {
                        // SAFETY: both have `c` values, at least 1.
                        unsafe { terms.add(sum, place.as_ptr(), b.as_mut_ptr(), c) };
                    }
                }
            }
        }
    })
}
