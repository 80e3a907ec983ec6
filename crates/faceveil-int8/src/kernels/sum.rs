//! The sum of two maps with scales of their own.

use super::error::{KernelError, need, within};
use super::requant::{bound, scale};
use super::{arch, portable};

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Its zero point.
    pub zero: i8,
    /// Q0.31, in `2^30..2^31`.
    pub multiplier: i32,
    /// To the right, `0..=31`.
    pub shift: i8,
}

/// TFLite's ADD for 8 bits: with `s(v, m, n)` for `v * m / 2^(31 + n)`, rounded as in [`super::requantize`], and `x(t, q)
/// = s((q - t.zero) * 2^20, t.multiplier, t.shift)` it is `s(x(a) + x(b), multiplier, shift) + out_zero`, between `min`
/// and `max`.
/// Source: TFLite, `reference/integer_ops/add.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// The first term; for the upsampled forms the small one.
    pub a: Term,
    /// The second one.
    pub b: Term,
    /// Of the sum, Q0.31.
    pub multiplier: i32,
    /// Of the sum, to the right, `0..=31`.
    pub shift: i8,
    /// The output's zero point.
    pub out_zero: i8,
    /// The least value that comes out.
    pub min: i8,
    /// The largest value that comes out.
    pub max: i8,
}

/// Bits that the terms are shifted to the left before they are scaled.
const LEFT_SHIFT: u32 = 20;

impl Term {
    pub(super) fn scaled(&self, value: i8) -> i32 {
        let centred = i32::from(value) - i32::from(self.zero);
        scale(centred << LEFT_SHIFT, self.multiplier, self.shift)
    }
}

impl Sum {
    pub(super) fn of(&self, a: i8, b: i8) -> i8 {
        let sum = self.a.scaled(a).wrapping_add(self.b.scaled(b));
        bound(scale(sum, self.multiplier, self.shift), self.out_zero, self.min, self.max)
    }
}

/// `out = a + b`.
///
/// # Errors
/// [`KernelError`] if the lengths differ; nothing is written then.
pub fn add(sum: &Sum, a: &[i8], b: &[i8], out: &mut [i8]) -> Result<(), KernelError> {
    need("b", a.len(), b.len())?;
    need("out", a.len(), out.len())?;
    out.copy_from_slice(b);
    add_in_place(sum, a, out)
}

/// `b = a + b`.
///
/// # Errors
/// As [`add`].
pub fn add_in_place(sum: &Sum, a: &[i8], b: &mut [i8]) -> Result<(), KernelError> {
    need("b", a.len(), b.len())?;
    if !arch::add_in_place(sum, a, b) {
        portable::add_in_place(sum, a, b);
    }
    Ok(())
}

/// `out = upsampled a + b`, each place of `a` read four times; `[h, w, c]` is the shape of `a`.
///
/// # Errors
/// As [`add`].
pub fn add_upsampled(
    sum: &Sum,
    shape: [usize; 3],
    a: &[i8],
    b: &[i8],
    out: &mut [i8],
) -> Result<(), KernelError> {
    check_upsampled(shape, a, b.len())?;
    need("out", b.len(), out.len())?;
    out.copy_from_slice(b);
    add_upsampled_in_place(sum, shape, a, out)
}

/// `b = upsampled a + b`; `[h, w, c]` is the shape of `a`.
///
/// # Errors
/// As [`add`].
pub fn add_upsampled_in_place(
    sum: &Sum,
    shape: [usize; 3],
    a: &[i8],
    b: &mut [i8],
) -> Result<(), KernelError> {
    check_upsampled(shape, a, b.len())?;
    if !arch::add_upsampled_in_place(sum, shape, a, b) {
        portable::add_upsampled_in_place(sum, shape, a, b);
    }
    Ok(())
}

fn check_upsampled([h, w, c]: [usize; 3], a: &[i8], b: usize) -> Result<(), KernelError> {
    within("rows", h, 1, 1 << 14)?;
    within("columns", w, 1, 1 << 14)?;
    within("channels", c, 1, 1 << 14)?;
    need("a", h.saturating_mul(w).saturating_mul(c), a.len())?;
    need("b", a.len().saturating_mul(4), b)
}
