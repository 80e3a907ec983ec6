//! `1 / (1 + exp(-x))` from 8 bits to 8 bits, as LiteRT's reference kernel computes it: in fixed point with 4 bits
//! before the point, every rounding included. Source: gemmlowp, `fixedpoint/fixedpoint.h`, `logistic` and below;
//! TFLite, `reference/integer_ops/logistic.h`.

use crate::scale::{Multiplier, Quant};

/// Bits before the point of the fixed-point input.
const INTEGER_BITS: u32 = 4;
/// 1 with no bits before the point, as near as it comes.
const ONE: i32 = i32::MAX;

/// The table of the function for an input with `quant`, the output having a scale of 1/256 and a zero point of -128;
/// `table[q + 128]`. `None` if the input's scale is so large or small that no multiplier fits.
pub fn table(quant: Quant) -> Option<[i8; 256]> {
    let factor = f64::from(quant.scale) * f64::from(1u32 << (31 - INTEGER_BITS));
    let Multiplier { multiplier, shift } = wide(factor)?;
    let left = u32::try_from(-i32::from(shift)).ok()?;
    // From where on nothing but 0 or 1 can come out.
    let radius = (f64::from((1i32 << INTEGER_BITS) - 1) * f64::from(1u32 << (31 - INTEGER_BITS))
        / 2f64.powi(left as i32))
    .floor() as i32;
    let mut table = [0; 256];
    for (i, out) in table.iter_mut().enumerate() {
        let centred = i as i32 - 128 - i32::from(quant.zero);
        *out = if centred <= -radius {
            -128
        } else if centred >= radius {
            127
        } else {
            let x = high_mul(centred.wrapping_shl(left), multiplier);
            let y = logistic(x);
            (divide_by_power(y, 31 - 8) - 128).clamp(-128, 127) as i8
        };
    }
    Some(table)
}

/// As [`Multiplier::of`], also for the large factors that occur here.
fn wide(factor: f64) -> Option<Multiplier> {
    let small = Multiplier::of(factor / f64::from(1u32 << 28))?;
    Some(Multiplier { shift: small.shift - 28, ..small })
}

/// `round(a * b / 2^31)`, ties up; saturating where both are the least.
fn high_mul(a: i32, b: i32) -> i32 {
    ((i64::from(a) * i64::from(b) + (1 << 30)) >> 31).min(i64::from(i32::MAX)) as i32
}

/// `x / 2^exponent`, ties away from zero.
fn divide_by_power(x: i32, exponent: u32) -> i32 {
    let mask = (1i64 << exponent) - 1;
    let rest = i64::from(x) & mask;
    let half = (mask >> 1) + i64::from(x < 0);
    (x >> exponent) + i32::from(rest > half)
}

/// `x * 2^exponent`, saturating.
fn times_power(x: i32, exponent: u32) -> i32 {
    (i64::from(x) << exponent).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// Half the sum, ties away from zero.
fn half_sum(a: i32, b: i32) -> i32 {
    let sum = i64::from(a) + i64::from(b);
    ((sum + if sum >= 0 { 1 } else { -1 }) / 2) as i32
}

/// Input with 4 bits before the point, output with none.
fn logistic(x: i32) -> i32 {
    if x == 0 {
        return 1 << 30;
    }
    let positive = logistic_of_positive(if x > 0 { x } else { x.wrapping_neg() });
    if x > 0 { positive } else { ONE - positive }
}

/// `1 / (1 + exp(-x))` for `x` above 0.
fn logistic_of_positive(x: i32) -> i32 {
    one_over_one_plus(exp_of_negative(x.wrapping_neg()))
}

/// `1 / (1 + x)` for `x` in 0..1: three steps of Newton from 48/17 - 32/17 · d.
fn one_over_one_plus(x: i32) -> i32 {
    let half_denominator = half_sum(x, ONE);
    // Constants and values with 2 bits before the point.
    const C48_17: i32 = 1_515_870_810;
    const C_32_17: i32 = -1_010_580_540;
    let mut y = C48_17.wrapping_add(high_mul(half_denominator, C_32_17));
    for _ in 0..3 {
        let product = high_mul(half_denominator, y);
        let off = (1 << 29) - product;
        // 2 + 2 bits before the point, back to 2.
        y = y.wrapping_add(times_power(high_mul(y, off), 2));
    }
    // From 2 bits before the point to none, and the half of the denominator.
    times_power(y, 1)
}

/// `exp(x)` for `x` at most 0, 4 bits before the point; none in the output.
fn exp_of_negative(x: i32) -> i32 {
    let fraction_bits = 31 - INTEGER_BITS;
    let quarter = 1 << (fraction_bits - 2);
    let mask = quarter - 1;
    let rest = (x & mask) - quarter;
    let mut result = exp_between_quarter_and_0(times_power(rest, INTEGER_BITS));
    let left = rest - x;
    for (exponent, factor) in [
        (-2i32, 1_672_461_947),
        (-1, 1_302_514_674),
        (0, 790_015_084),
        (1, 290_630_308),
        (2, 39_332_535),
        (3, 720_401),
    ] {
        let bit = fraction_bits as i32 + exponent;
        if (0..31).contains(&bit) && left & (1 << bit) != 0 {
            result = high_mul(result, factor);
        }
    }
    if x == 0 { ONE } else { result }
}

/// `exp(x)` for `x` in -1/4..0, no bits before the point: the Taylor series around -1/8.
fn exp_between_quarter_and_0(x: i32) -> i32 {
    const TERM: i32 = 1_895_147_668;
    const THIRD: i32 = 715_827_883;
    let x = x.wrapping_add(1 << 28);
    let x2 = high_mul(x, x);
    let x3 = high_mul(x2, x);
    let x4 = high_mul(x2, x2);
    let quarter_x4 = divide_by_power(x4, 2);
    let sum = divide_by_power(high_mul(quarter_x4.wrapping_add(x3), THIRD).wrapping_add(x2), 1);
    TERM.wrapping_add(high_mul(TERM, x.wrapping_add(sum)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_function_to_a_step() {
        for (scale, zero) in [(0.047, -11), (0.2576, -65), (0.1, 0), (0.01, 30)] {
            let quant = Quant { scale, zero };
            let table = table(quant).unwrap();
            for (i, got) in table.iter().enumerate() {
                let x = f64::from(quant.value((i as i32 - 128) as i8));
                let want = (256.0 / (1.0 + (-x).exp()) - 128.0).min(127.0);
                assert!((f64::from(*got) - want).abs() <= 1.0, "{x}: {got} {want}");
            }
        }
    }
}
