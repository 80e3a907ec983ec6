//! Arithmetic of the fast path, on planes of one picture, with whatever vectors the processor has. Loops count instead of
//! iterating: inside functions with vector instructions an iterator that is not inlined costs ten times the arithmetic.
#![allow(clippy::needless_range_loop)]

use pulp::Simd;

/// A kernel as a type, which is how `pulp` makes it run with the processor's vectors.
macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident($($field:ident: $type:ty),*) -> $out:ty = $run:ident;)*) => {$(
        $(#[$doc])*
        pub struct $name<'a> {
            $(#[allow(missing_docs)] pub $field: $type),*
        }

        impl pulp::WithSimd for $name<'_> {
            type Output = $out;

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) -> $out {
                $run(simd, $(self.$field),*)
            }
        }
    )*};
}

pub(super) use kernels;

kernels! {
    /// `out[o] (+)= Σ_i weights[o][i] · x[i]` for planes of `places` values.
    Pointwise(weights: &'a [f32], x: &'a [f32], out: &'a mut [f32], places: usize, add: bool) -> () = pointwise;
    /// `gradient[o][i] += Σ_p dz[o][p] · x[i][p]`.
    PointwiseWeights(dz: &'a [f32], x: &'a [f32], gradient: &'a mut [f32], places: usize) -> () = pointwise_weights;
    /// 3 × 3 of each plane, rows `width` long, with the step `stride`; `padded` is room for a plane with a border.
    Depthwise(weights: &'a [f32], x: &'a [f32], out: &'a mut [f32], width: usize, stride: usize, padded: &'a mut [f32])
        -> () = depthwise;
    /// Gradients of [`Depthwise`] by what it read, set or added, and by its weights, added.
    DepthwiseBack(weights: &'a [f32], x: &'a [f32], dz: &'a [f32], dx: &'a mut [f32], gradient: &'a mut [f32],
        width: usize, stride: usize, add: bool, padded: &'a mut [f32]) -> () = depthwise_back;
    /// Sum, and sum of squares.
    Moments(x: &'a [f32]) -> (f64, f64) = moments;
    /// `to = min(max(a x + b, low), high)`.
    Scale(x: &'a [f32], to: &'a mut [f32], a: f32, b: f32, low: f32, high: f32) -> () = scale;
    /// Sets `d` to 0 where `value` is at one of its ends, if `capped`; gives `Σ d` and `Σ d x`.
    Sums(d: &'a mut [f32], x: &'a [f32], value: &'a [f32], capped: bool) -> (f32, f32) = sums;
    /// `d = a d + slope x + level`.
    Correct(d: &'a mut [f32], x: &'a [f32], a: f32, slope: f32, level: f32) -> () = correct;
}

/// Vectors of the start of `values`; the rest does not fill one.
#[inline(always)]
fn split<S: Simd>(values: &[f32]) -> (&[S::f32s], &[f32]) {
    S::as_simd_f32s(values)
}

#[inline(always)]
fn pointwise<S: Simd>(simd: S, weights: &[f32], x: &[f32], out: &mut [f32], places: usize, add: bool) {
    let (ins, outs) = (x.len() / places, out.len() / places);
    let mut o = 0;
    while o + 4 <= outs {
        pointwise_rows::<S, 4>(simd, weights, x, out, (ins, places, o), add);
        o += 4;
    }
    while o < outs {
        pointwise_rows::<S, 1>(simd, weights, x, out, (ins, places, o), add);
        o += 1;
    }
}

/// `ROWS` output planes from the one numbered `o`.
#[inline(always)]
fn pointwise_rows<S: Simd, const ROWS: usize>(
    simd: S,
    weights: &[f32],
    x: &[f32],
    out: &mut [f32],
    (ins, places, o): (usize, usize, usize),
    add: bool,
) {
    let lanes = S::F32_LANES;
    let mut at = 0;
    while at + 2 * lanes <= places {
        let mut sums = [[simd.splat_f32s(0.0); 2]; ROWS];
        for i in 0..ins {
            let x = split::<S>(&x[i * places + at..][..2 * lanes]).0;
            let (x0, x1) = (x[0], x[1]);
            for row in 0..ROWS {
                let w = simd.splat_f32s(weights[(o + row) * ins + i]);
                sums[row][0] = simd.mul_add_f32s(w, x0, sums[row][0]);
                sums[row][1] = simd.mul_add_f32s(w, x1, sums[row][1]);
            }
        }
        for row in 0..ROWS {
            let to = S::as_mut_simd_f32s(&mut out[(o + row) * places + at..][..2 * lanes]).0;
            for k in 0..2 {
                to[k] = if add { simd.add_f32s(to[k], sums[row][k]) } else { sums[row][k] };
            }
        }
        at += 2 * lanes;
    }
    for at in at..places {
        for row in 0..ROWS {
            let mut sum = 0.0;
            for i in 0..ins {
                sum += weights[(o + row) * ins + i] * x[i * places + at];
            }
            let to = &mut out[(o + row) * places + at];
            *to = if add { *to + sum } else { sum };
        }
    }
}

#[inline(always)]
fn pointwise_weights<S: Simd>(simd: S, dz: &[f32], x: &[f32], gradient: &mut [f32], places: usize) {
    let (ins, outs) = (x.len() / places, dz.len() / places);
    let mut o = 0;
    while o < outs {
        let rows = if o + 2 <= outs { 2 } else { 1 };
        let mut i = 0;
        while i < ins {
            let columns = if rows == 2 && i + 4 <= ins { 4 } else { 1 };
            if columns == 4 {
                products::<S, 2, 4>(simd, dz, x, gradient, (ins, places), (o, i));
            } else {
                for o in o..o + rows {
                    products::<S, 1, 1>(simd, dz, x, gradient, (ins, places), (o, i));
                }
            }
            i += columns;
        }
        o += rows;
    }
}

#[inline(always)]
fn products<S: Simd, const R: usize, const C: usize>(
    simd: S,
    dz: &[f32],
    x: &[f32],
    gradient: &mut [f32],
    (ins, places): (usize, usize),
    (o, i): (usize, usize),
) {
    let zero = simd.splat_f32s(0.0);
    let mut sums = [[zero; C]; R];
    let lanes = places / S::F32_LANES;
    let mut ds: [&[S::f32s]; R] = [&[]; R];
    let mut xs: [&[S::f32s]; C] = [&[]; C];
    for r in 0..R {
        ds[r] = &split::<S>(&dz[(o + r) * places..][..places]).0[..lanes];
    }
    for c in 0..C {
        xs[c] = &split::<S>(&x[(i + c) * places..][..places]).0[..lanes];
    }
    for k in 0..lanes {
        for r in 0..R {
            for c in 0..C {
                sums[r][c] = simd.mul_add_f32s(ds[r][k], xs[c][k], sums[r][c]);
            }
        }
    }
    for r in 0..R {
        for c in 0..C {
            let mut sum = simd.reduce_sum_f32s(sums[r][c]);
            for p in lanes * S::F32_LANES..places {
                sum += dz[(o + r) * places + p] * x[(i + c) * places + p];
            }
            gradient[(o + r) * ins + i + c] += sum;
        }
    }
}

#[inline(always)]
fn moments<S: Simd>(simd: S, x: &[f32]) -> (f64, f64) {
    let (body, rest) = split::<S>(x);
    let zero = simd.splat_f32s(0.0);
    let (mut sums, mut squares) = (zero, zero);
    for k in 0..body.len() {
        sums = simd.add_f32s(sums, body[k]);
        squares = simd.mul_add_f32s(body[k], body[k], squares);
    }
    let mut sum = f64::from(simd.reduce_sum_f32s(sums));
    let mut square = f64::from(simd.reduce_sum_f32s(squares));
    for k in 0..rest.len() {
        sum += f64::from(rest[k]);
        square += f64::from(rest[k] * rest[k]);
    }
    (sum, square)
}

#[inline(always)]
fn scale<S: Simd>(simd: S, x: &[f32], to: &mut [f32], a: f32, b: f32, low: f32, high: f32) {
    let (x, x_rest) = split::<S>(x);
    let (to, to_rest) = S::as_mut_simd_f32s(to);
    let [va, vb, vl, vh] = [a, b, low, high].map(|v| simd.splat_f32s(v));
    for k in 0..to.len().min(x.len()) {
        to[k] = simd.min_f32s(simd.max_f32s(simd.mul_add_f32s(x[k], va, vb), vl), vh);
    }
    for k in 0..to_rest.len().min(x_rest.len()) {
        to_rest[k] = (x_rest[k] * a + b).max(low).min(high);
    }
}

#[inline(always)]
fn sums<S: Simd>(simd: S, d: &mut [f32], x: &[f32], value: &[f32], capped: bool) -> (f32, f32) {
    let (d, d_rest) = S::as_mut_simd_f32s(d);
    let (x, x_rest) = split::<S>(x);
    let (value, value_rest) = split::<S>(value);
    let (zero, six) = (simd.splat_f32s(0.0), simd.splat_f32s(6.0));
    let (mut ones, mut products) = (zero, zero);
    for k in 0..d.len().min(x.len()).min(value.len()) {
        let mut v = d[k];
        if capped {
            let inside =
                simd.and_m32s(simd.less_than_f32s(zero, value[k]), simd.less_than_f32s(value[k], six));
            v = simd.select_f32s(inside, v, zero);
            d[k] = v;
        }
        ones = simd.add_f32s(ones, v);
        products = simd.mul_add_f32s(v, x[k], products);
    }
    let (mut one, mut product) = (simd.reduce_sum_f32s(ones), simd.reduce_sum_f32s(products));
    for k in 0..d_rest.len() {
        if capped && !(value_rest[k] > 0.0 && value_rest[k] < 6.0) {
            d_rest[k] = 0.0;
        }
        one += d_rest[k];
        product += d_rest[k] * x_rest[k];
    }
    (one, product)
}

#[inline(always)]
fn correct<S: Simd>(simd: S, d: &mut [f32], x: &[f32], a: f32, slope: f32, level: f32) {
    let (d, d_rest) = S::as_mut_simd_f32s(d);
    let (x, x_rest) = split::<S>(x);
    let [va, vs, vl] = [a, slope, level].map(|v| simd.splat_f32s(v));
    for k in 0..d.len().min(x.len()) {
        d[k] = simd.mul_add_f32s(x[k], vs, simd.mul_add_f32s(d[k], va, vl));
    }
    for k in 0..d_rest.len() {
        d_rest[k] = x_rest[k] * slope + d_rest[k] * a + level;
    }
}

/// `plane` of rows `w` long into the middle of `to`, whose rows are `w + 2` long.
#[inline(always)]
fn pad(plane: &[f32], w: usize, to: &mut [f32]) {
    for y in 0..plane.len() / w {
        to[(y + 1) * (w + 2) + 1..][..w].copy_from_slice(&plane[y * w..][..w]);
    }
}

/// 3 × 3 over a padded plane whose rows are `w + 2` long; `out` has rows of `w`.
#[inline(always)]
fn window<S: Simd>(simd: S, weights: &[f32; 9], padded: &[f32], out: &mut [f32], w: usize, add: bool) {
    let (line, lanes) = (w + 2, S::F32_LANES);
    let splat = weights.map(|v| simd.splat_f32s(v));
    for y in 0..out.len() / w {
        let out = &mut out[y * w..][..w];
        let mut x = 0;
        while x + lanes <= w {
            let to = &mut S::as_mut_simd_f32s(&mut out[x..x + lanes]).0[0];
            let mut sum = if add { *to } else { simd.splat_f32s(0.0) };
            for k in 0..9 {
                let from = split::<S>(&padded[(y + k / 3) * line + x + k % 3..][..lanes]).0[0];
                sum = simd.mul_add_f32s(splat[k], from, sum);
            }
            *to = sum;
            x += lanes;
        }
        for x in x..w {
            let mut sum = if add { out[x] } else { 0.0 };
            for k in 0..9 {
                sum += weights[k] * padded[(y + k / 3) * line + x + k % 3];
            }
            out[x] = sum;
        }
    }
}

/// Every second row and column of [`window`], the first ones included; `w` is the input's width.
#[inline(always)]
fn window_half(weights: &[f32; 9], padded: &[f32], out: &mut [f32], w: usize) {
    let (line, half) = (w + 2, w / 2);
    for y in 0..out.len() / half {
        for x in 0..half {
            let mut sum = 0.0;
            for k in 0..9 {
                sum += weights[k] * padded[(2 * y + k / 3) * line + 2 * x + k % 3];
            }
            out[y * half + x] = sum;
        }
    }
}

#[inline(always)]
fn depthwise<S: Simd>(
    simd: S,
    weights: &[f32],
    x: &[f32],
    out: &mut [f32],
    width: usize,
    stride: usize,
    padded: &mut [f32],
) {
    let channels = weights.len() / 9;
    let places = x.len() / channels;
    let small = places / (stride * stride);
    let padded = border(padded, places / width, width);
    for c in 0..channels {
        let weights = nine(weights, c);
        pad(&x[c * places..][..places], width, padded);
        let out = &mut out[c * small..][..small];
        if stride == 1 {
            window(simd, &weights, padded, out, width, false);
        } else {
            window_half(&weights, padded, out, width);
        }
    }
}

/// A clean border for planes of this width and height.
#[inline(always)]
fn border(padded: &mut [f32], h: usize, w: usize) -> &mut [f32] {
    let padded = &mut padded[..(h + 2) * (w + 2)];
    padded.fill(0.0);
    padded
}

#[inline(always)]
fn nine(weights: &[f32], channel: usize) -> [f32; 9] {
    let mut these = [0.0; 9];
    these.copy_from_slice(&weights[channel * 9..][..9]);
    these
}

#[allow(clippy::too_many_arguments)] // as many as the kernel has
#[inline(always)]
fn depthwise_back<S: Simd>(
    simd: S,
    weights: &[f32],
    x: &[f32],
    dz: &[f32],
    dx: &mut [f32],
    gradient: &mut [f32],
    width: usize,
    stride: usize,
    add: bool,
    padded: &mut [f32],
) {
    let channels = weights.len() / 9;
    let places = x.len() / channels;
    let small = places / (stride * stride);
    let padded = border(padded, places / width, width);
    for c in 0..channels {
        let (dz, dx) = (&dz[c * small..][..small], &mut dx[c * places..][..places]);
        pad(&x[c * places..][..places], width, padded);
        window_weights(simd, dz, padded, &mut gradient[c * 9..][..9], width, stride);
        let mut flipped = nine(weights, c);
        flipped.reverse();
        if stride == 1 {
            pad(dz, width, padded);
        } else {
            padded.fill(0.0);
            for y in 0..small / (width / 2) {
                for x in 0..width / 2 {
                    padded[(2 * y + 1) * (width + 2) + 1 + 2 * x] = dz[y * (width / 2) + x];
                }
            }
        }
        window(simd, &flipped, padded, dx, width, add);
    }
}

/// `gradient[k] += Σ dz[y][x] · padded[s y + k / 3][s x + k % 3]` with the step `s`; `w` is the input's width.
#[inline(always)]
fn window_weights<S: Simd>(simd: S, dz: &[f32], padded: &[f32], gradient: &mut [f32], w: usize, step: usize) {
    let (line, lanes, out) = (w + 2, S::F32_LANES, w / step);
    let mut sums = [simd.splat_f32s(0.0); 9];
    let mut rest = [0f32; 9];
    for y in 0..dz.len() / out {
        let dz = &dz[y * out..][..out];
        let mut x = 0;
        while step == 1 && x + lanes <= out {
            let d = split::<S>(&dz[x..x + lanes]).0[0];
            for k in 0..9 {
                let from = split::<S>(&padded[(y + k / 3) * line + x + k % 3..][..lanes]).0[0];
                sums[k] = simd.mul_add_f32s(d, from, sums[k]);
            }
            x += lanes;
        }
        for x in x..out {
            for k in 0..9 {
                rest[k] += dz[x] * padded[(step * y + k / 3) * line + step * x + k % 3];
            }
        }
    }
    for k in 0..9 {
        gradient[k] += rest[k] + simd.reduce_sum_f32s(sums[k]);
    }
}
