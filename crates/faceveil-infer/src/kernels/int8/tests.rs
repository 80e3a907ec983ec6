use super::*;
use crate::kernels::reference as float;

/// Repeatable bytes.
fn bytes(count: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn floats(count: usize, seed: u32) -> Vec<f32> {
    bytes(4 * count, seed)
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| (i32::from_le_bytes(*b) >> 8) as f32 / 8e6)
        .collect()
}

/// Values that meet both ends of the range: saturation is where instruction sets would differ.
const INPUT: Scale = Scale { step: 0.02, zero: 131 };
const RESIDUAL: Scale = Scale { step: 0.05, zero: 120 };

fn outputs(count: usize, reads: usize) -> Vec<Scale> {
    let step = 0.004 * (reads as f32).sqrt();
    (0..count).map(|i| Scale { step: step * (1.0 + i as f32 / 9.0), zero: (100 + i) as u8 }).collect()
}

fn real(scale: Scale, values: &[u8]) -> Vec<f32> {
    values.iter().map(|&q| scale.value(q)).collect()
}

/// Both as bytes on every instruction set, and the portable one near the floats: one step for rounding the
/// result, and what rounding the weights makes of so many products.
fn check(case: &str, want: &[f32], scales: &[Scale], reads: usize, run: impl Fn(Isa) -> Vec<u8>) {
    let oracle = run(Isa::Portable);
    let n = padded(scales.len());
    let mut clipped = 0;
    for (i, (&q, &want)) in oracle.iter().zip(want).enumerate() {
        let Some(&scale) = scales.get(i % n) else { continue };
        let (low, high) = (scale.value(0), scale.value(255));
        clipped += usize::from(want < low || want > high);
        let error = (scale.value(q) - want.clamp(low, high)).abs();
        let bound = scale.step + 2.6 / 254.0 * (reads as f32).sqrt();
        assert!(error <= bound, "{case}: at {i} got {}, want {want}, step {}", scale.value(q), scale.step);
    }
    assert!(clipped > 0 || oracle.len() < 500, "{case}: nothing meets the ends of the range");
    for isa in Isa::all() {
        let got = run(isa);
        let differs = got.iter().zip(&oracle).position(|(g, w)| g != w);
        assert_eq!(differs.map(|i| (i, got[i], oracle[i])), None, "{case} with {isa:?}: (place, got, want)");
    }
}

#[test]
fn pointwise_is_the_same_on_all_and_near_the_floats() {
    for (pixels, inputs, count) in [
        (1, 8, 8),
        (13, 24, 144),
        (9, 32, 15),
        (17, 96, 24),
        (6, 64, 64),
        (40, 144, 104),
        (3, 10, 33),
        (31, 960, 48),
    ] {
        for with_residual in [false, true] {
            let (w, b) = (floats(count * inputs, 2), floats(count, 3));
            let x = bytes(pixels * padded(inputs), 1);
            let residual = with_residual.then(|| bytes(pixels * padded(count), 4));
            let scales = outputs(count, inputs);
            let conv = Conv {
                weights: &w,
                bias: &b,
                input: INPUT,
                outputs: &scales,
                residual: with_residual.then_some(RESIDUAL),
            };
            let unpadded: Vec<f32> =
                x.chunks_exact(padded(inputs)).flat_map(|p| real(INPUT, &p[..inputs])).collect();
            let floats = residual.as_ref().map(|r| real(RESIDUAL, r));
            let want = float::point(&unpadded, &w, &b, floats.as_deref(), false);
            let case = format!("{pixels} px, {inputs} -> {count}, residual {with_residual}");
            check(&case, &want, &scales, inputs, |isa| {
                let packed = PointWeights::pack(&conv, isa);
                let mut out = vec![0; pixels * packed.outputs()];
                isa.point_int8(&x, &packed, residual.as_deref(), &mut out);
                out
            });
        }
    }
}

#[test]
fn full_is_the_same_on_all_and_near_the_floats() {
    for (width, inputs, count, stride) in
        [(1, 3, 8, 1), (7, 3, 16, 2), (23, 3, 32, 2), (13, 24, 24, 1), (16, 16, 72, 2)]
    {
        let len = ((width - 1) * stride + 3) * inputs;
        let rows = [1, 2, 3].map(|seed| bytes(len + SLACK, seed));
        let (w, b) = (floats(count * inputs * 9, 4), floats(count, 5));
        let scales = outputs(count, inputs * 9);
        let conv = Conv { weights: &w, bias: &b, input: INPUT, outputs: &scales, residual: None };
        let reals = rows.each_ref().map(|r| real(INPUT, &r[..len]));
        let want = float::full_row(reals.each_ref().map(|r| r.as_slice()), stride, &w, &b, width, false);
        let case = format!("{width} px, {inputs} -> {count}, stride {stride}");
        check(&case, &want, &scales, inputs * 9, |isa| {
            let packed = PointWeights::pack_full(&conv, isa, inputs, inputs);
            let mut out = vec![0; width * packed.outputs()];
            isa.full_row_int8(
                Rows { rows: rows.each_ref().map(|r| r.as_slice()), stride },
                &packed,
                &mut out,
            );
            out
        });
    }
}

#[test]
fn depthwise_is_the_same_on_all_and_near_the_floats() {
    for channels in [8, 10, 16, 24, 32, 64, 72, 96, 144, 960] {
        for (width, stride) in [(1, 1), (9, 1), (12, 2)] {
            let n = padded(channels);
            let rows = [1, 2, 3].map(|seed| bytes(((width - 1) * stride + 3) * n, seed));
            let (w, b) = (floats(channels * 9, 4), floats(channels, 5));
            let scales = outputs(channels, 9);
            let conv = Conv { weights: &w, bias: &b, input: INPUT, outputs: &scales, residual: None };
            let reals = rows.each_ref().map(|r| real(INPUT, r));
            let want = float::depth_row(reals.each_ref().map(|r| r.as_slice()), stride, &w, &b, width, false);
            let case = format!("{width} px, {channels} channels, stride {stride}");
            check(&case, &want, &scales, 9, |isa| {
                let packed = DepthWeights::pack(&conv, isa);
                let mut out = vec![0; width * n];
                isa.depth_row_int8(
                    Rows { rows: rows.each_ref().map(|r| r.as_slice()), stride },
                    &packed,
                    &mut out,
                );
                out
            });
        }
    }
}

#[test]
fn sums_are_the_same_on_all_and_near_the_floats() {
    let (a, b) = (bytes(1003, 1), bytes(1003, 2));
    let output = Scale { step: 0.03, zero: 90 };
    let want: Vec<f32> = real(INPUT, &a).iter().zip(real(RESIDUAL, &b)).map(|(a, b)| a + b).collect();
    let weights = SumWeights::new(INPUT, RESIDUAL, output);
    check("sum", &want, &[output; 8], 1, |isa| {
        let mut out = vec![0; a.len()];
        isa.add_int8(&weights, &a, &b, &mut out);
        out
    });
}

#[test]
fn extreme_weights_neither_overflow_nor_divide_by_zero() {
    let scales = [Scale { step: 1e-6, zero: 255 }, Scale { step: 1e6, zero: 0 }, Scale::of_range(0.0, 0.0)];
    for weight in [0.0, 1e-30, 1.0, 1e30] {
        for bias in [0.0, -1e30, 1e30] {
            let (w, b) = ([weight; 24], [bias; 3]);
            let conv = Conv { weights: &w, bias: &b, input: INPUT, outputs: &scales, residual: None };
            let runs = Isa::all().into_iter().map(|isa| {
                let packed = PointWeights::pack(&conv, isa);
                let mut out = [0; 8];
                isa.point_int8(&[255; 8], &packed, None, &mut out);
                out
            });
            let all: Vec<_> = runs.collect();
            assert!(all.iter().all(|out| *out == all[0]), "weight {weight}, bias {bias}: {all:?}");
        }
    }
}

#[test]
fn a_scale_holds_its_range_and_zero() {
    for (low, high) in [(0.0, 6.0), (-3.0, 1.0), (2.0, 5.0), (-5.0, -2.0), (0.0, 0.0)] {
        let scale = Scale::of_range(low, high);
        assert_eq!(scale.value(scale.zero), 0.0);
        assert!(scale.value(0) <= low.min(0.0) + scale.step / 2.0 + 1e-6, "{low}..={high}: {scale:?}");
        assert!(scale.value(255) >= high.max(0.0) - scale.step / 2.0 - 1e-6, "{low}..={high}: {scale:?}");
    }
}
