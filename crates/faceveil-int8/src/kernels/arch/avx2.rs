//! A PC's processor with AVX2, asked at run time. Eight output channels lie in a register; the weights of a group of
//! channels are put in pairs of inputs once a call, so that one instruction does 16 products.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]

use core::arch::x86_64::*;

use super::is_plain;
use crate::kernels::frame::Frame;
use crate::kernels::requant::{Layer, Requant};
use crate::kernels::shape::{ConvShape, DepthShape, PointShape};
use crate::kernels::sum::{Sum, Term};

/// Channels in a register.
const LANES: usize = 8;

/// Places that are computed together.
const TILE: usize = 4;

/// The most products in a sum.
const MOST_DEPTH: usize = 2304;

pub(in crate::kernels) fn present() -> bool {
    std::is_x86_feature_detected!("avx2")
}

/// How eight sums become 8 bits.
#[derive(Clone, Copy)]
struct Scales {
    multiplier: __m256i,
    shift: __m256i,
    /// Half of what the second rounding divides by.
    half: __m256i,
    /// All ones where that is more than 1.
    divides: __m256i,
}

impl Scales {
    /// # Safety
    /// AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn new(multiplier: [i32; LANES], shift: [i32; LANES]) -> Self {
        let half = shift.map(|s| if s > 0 { 1 << (s - 1) } else { 0 });
        let divides = shift.map(|s| if s > 0 { -1 } else { 0 });
        let load = |values: [i32; LANES]| {
            // SAFETY: eight words are read.
            unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
        };
        Self { multiplier: load(multiplier), shift: load(shift), half: load(half), divides: load(divides) }
    }

    /// Of channels `from..`; behind the last one anything.
    ///
    /// # Safety
    /// AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn of(requant: &Requant<'_>, from: usize) -> Self {
        let mut multiplier = [0; LANES];
        let mut shift = [0; LANES];
        let channels = requant.multiplier.iter().zip(requant.shift).skip(from);
        for ((to, to_shift), (&from, &from_shift)) in multiplier.iter_mut().zip(&mut shift).zip(channels) {
            (*to, *to_shift) = (from, from_shift.into());
        }
        // SAFETY: as promised.
        unsafe { Self::new(multiplier, shift) }
    }

    /// Both roundings, as in [`crate::kernels::requant`].
    ///
    /// # Safety
    /// AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn scale(&self, sums: __m256i) -> __m256i {
        // SAFETY: arithmetic alone.
        unsafe {
            let nudge = _mm256_set1_epi64x(1 << 30);
            let even = _mm256_add_epi64(_mm256_mul_epi32(sums, self.multiplier), nudge);
            let (sums, multiplier) = (_mm256_srli_epi64(sums, 32), _mm256_srli_epi64(self.multiplier, 32));
            let odd = _mm256_add_epi64(_mm256_mul_epi32(sums, multiplier), nudge);
            let high = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xaa);
            let sign = _mm256_and_si256(_mm256_srai_epi32(high, 31), self.divides);
            let rounded = _mm256_add_epi32(_mm256_add_epi32(high, self.half), sign);
            _mm256_srav_epi32(rounded, self.shift)
        }
    }
}

/// Adds the zero point, and saturates to the bounds: eight bytes in the lower half.
///
/// # Safety
/// AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn narrow(values: __m256i, [zero, min, max]: [i8; 3]) -> __m128i {
    // SAFETY: arithmetic alone.
    unsafe {
        let values = _mm256_add_epi32(values, _mm256_set1_epi32(zero.into()));
        let values = _mm256_max_epi32(values, _mm256_set1_epi32(min.into()));
        let values = _mm256_min_epi32(values, _mm256_set1_epi32(max.into()));
        let words = _mm_packs_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
        _mm_packs_epi16(words, words)
    }
}

/// The first bytes of `out`, eight at most.
///
/// # Safety
/// AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store(bytes: __m128i, out: &mut [i8]) {
    if out.len() >= LANES {
        // SAFETY: eight bytes are written.
        unsafe { _mm_storel_epi64(out.as_mut_ptr().cast(), bytes) };
        return;
    }
    let mut all = [0i8; 16];
    // SAFETY: the array has 16 bytes.
    unsafe { _mm_storeu_si128(all.as_mut_ptr().cast(), bytes) };
    for (i, out) in out.iter_mut().enumerate() {
        *out = all[i];
    }
}

/// Eight bytes from `at` on, as words; behind the end 0.
///
/// # Safety
/// AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load(bytes: &[i8], at: usize) -> __m256i {
    if at + LANES <= bytes.len() {
        // SAFETY: eight bytes are there.
        return unsafe { _mm256_cvtepi8_epi32(_mm_loadl_epi64(bytes.as_ptr().add(at).cast())) };
    }
    let short = first_eight(bytes, at);
    // SAFETY: eight bytes are there.
    unsafe { _mm256_cvtepi8_epi32(_mm_loadl_epi64(short.as_ptr().cast())) }
}

#[cold]
fn first_eight(bytes: &[i8], at: usize) -> [i8; LANES] {
    let mut short = [0; LANES];
    let rest = bytes.get(at..).unwrap_or_default();
    short.iter_mut().zip(rest).for_each(|(to, &from)| *to = from);
    short
}

fn bounds(requant: &Requant<'_>) -> [i8; 3] {
    [requant.out_zero, requant.min, requant.max]
}

/// Weights of up to 16 channels in the order pair of inputs, channel, input of the pair; 0 where there are none.
fn arrange(weights: &[i8], depth: usize, from: usize, groups: usize, packed: &mut [i8]) {
    packed.fill(0);
    let rows = weights.chunks_exact(depth).skip(from).take(groups * LANES);
    for (channel, row) in rows.enumerate() {
        for (k, &weight) in row.iter().enumerate() {
            packed[(k / 2 * groups * LANES + channel) * 2 + k % 2] = weight;
        }
    }
}

/// Where the values of a place come from.
trait Fetch {
    /// Writes the values of `place`, widened.
    fn fetch(&self, place: usize, values: &mut [i16]);
}

struct Dense<'x>(&'x [i8]);

impl Fetch for Dense<'_> {
    #[inline(always)]
    fn fetch(&self, place: usize, values: &mut [i16]) {
        let depth = values.len();
        let from = &self.0[place * depth..(place + 1) * depth];
        for i in 0..depth {
            values[i] = from[i].into();
        }
    }
}

struct Windows<'x> {
    shape: &'x ConvShape,
    values: &'x [i8],
    zero: i8,
}

impl Fetch for Windows<'_> {
    #[inline(always)]
    fn fetch(&self, place: usize, values: &mut [i16]) {
        let s = self.shape;
        let (y, x) = (place / s.out_w * s.stride, place % s.out_w * s.stride);
        for (tap, to) in values.chunks_exact_mut(s.c_in).enumerate() {
            let row = (y + tap / s.kernel_w).checked_sub(s.pad_top).filter(|&row| row < s.h);
            let column = (x + tap % s.kernel_w).checked_sub(s.pad_left).filter(|&column| column < s.w);
            match row.zip(column) {
                Some((row, column)) => {
                    let from = (row * s.w + column) * s.c_in;
                    let from = &self.values[from..from + s.c_in];
                    to.iter_mut().zip(from).for_each(|(to, &from)| *to = from.into());
                }
                None => to.fill(self.zero.into()),
            }
        }
    }
}

struct Squares<'x>(&'x Frame<'x>, usize);

impl Fetch for Squares<'_> {
    #[inline(always)]
    fn fetch(&self, place: usize, values: &mut [i16]) {
        let mut bytes = [0; crate::kernels::frame::MOST_VALUES];
        self.0.square(self.1, place, &mut bytes[..values.len()]);
        values.iter_mut().zip(bytes).for_each(|(to, from)| *to = from.into());
    }
}

/// All places of a convolution over channels.
fn tiles(layer: &Layer<'_>, depth: usize, fetch: &impl Fetch, scratch: &mut [i8], out: &mut [i8]) -> bool {
    let channels = layer.bias.len();
    let pairs = depth.div_ceil(2);
    // Long sums have room for the weights of one group only.
    let at_once = if scratch.len() < pairs * 4 * LANES { 1 } else { 2 };
    let groups = |from: usize| (channels - from).div_ceil(LANES).min(at_once);
    let most = pairs * 2 * LANES * groups(0);
    if !present() || depth > MOST_DEPTH || scratch.len() < most || !is_plain(layer, depth) {
        return false;
    }
    let mut x = [0i16; TILE * MOST_DEPTH];
    let x = &mut x[..TILE * 2 * pairs];
    let mut from = 0;
    while from < channels {
        let packed = &mut scratch[..pairs * 2 * LANES * groups(from)];
        arrange(layer.weights, depth, from, groups(from), packed);
        // SAFETY: the processor was asked.
        unsafe {
            match groups(from) {
                1 => group::<1>(layer, depth, from, fetch, packed, x, out),
                _ => group::<2>(layer, depth, from, fetch, packed, x, out),
            }
        }
        from += groups(from) * LANES;
    }
    true
}

/// `G` times eight channels of all places.
///
/// # Safety
/// AVX2.
#[target_feature(enable = "avx2")]
unsafe fn group<const G: usize>(
    layer: &Layer<'_>,
    depth: usize,
    from: usize,
    fetch: &impl Fetch,
    packed: &[i8],
    x: &mut [i16],
    out: &mut [i8],
) {
    let channels = layer.bias.len();
    let mut bias = [0; 2 * LANES];
    bias.iter_mut().zip(&layer.bias[from..]).for_each(|(to, &from)| *to = from);
    let bounds = bounds(&layer.requant);
    // SAFETY: as promised; all reads and writes are those of slices.
    unsafe {
        let scales = [Scales::of(&layer.requant, from), Scales::of(&layer.requant, from + LANES)];
        let mut start = [_mm256_loadu_si256(bias.as_ptr().cast()); G];
        start[G - 1] = _mm256_loadu_si256(bias.as_ptr().add((G - 1) * LANES).cast());
        let line = x.len() / TILE;
        let places = out.len() / channels;
        for place in (0..places).step_by(TILE) {
            let count = TILE.min(places - place);
            for (index, values) in x.chunks_exact_mut(line).take(count).enumerate() {
                fetch.fetch(place + index, &mut values[..depth]);
            }
            let sums = products::<G>(x, line, packed, start);
            for (index, sums) in sums[..count].iter().enumerate() {
                let end = (place + index + 1) * channels;
                let mut g = 0;
                while g < G {
                    let first = (place + index) * channels + from + g * LANES;
                    let to = &mut out[first..end.min(first + LANES)];
                    store(narrow(scales[g].scale(sums[g]), bounds), to);
                    g += 1;
                }
            }
        }
    }
}

/// The sums of a tile of places.
///
/// # Safety
/// AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn products<const G: usize>(
    x: &[i16],
    line: usize,
    packed: &[i8],
    start: [__m256i; G],
) -> [[__m256i; G]; TILE] {
    let mut sums = [start; TILE];
    let pairs = packed.len() / (2 * LANES * G);
    debug_assert!(TILE * line <= x.len() && 2 * pairs <= line);
    // Plain loops: a closure would be compiled by itself, without the vector instructions.
    let mut pair = 0;
    while pair < pairs {
        // SAFETY: 16 weights are read for each group; pair number `pair` lies in each of the lines.
        unsafe {
            let at = packed.as_ptr().add(pair * 2 * LANES * G);
            let first = _mm256_cvtepi8_epi16(_mm_loadu_si128(at.cast()));
            let last = _mm256_cvtepi8_epi16(_mm_loadu_si128(at.add(2 * LANES * (G - 1)).cast()));
            let mut index = 0;
            while index < TILE {
                let values = x.as_ptr().add(index * line + 2 * pair).cast::<i32>().read_unaligned();
                let values = _mm256_set1_epi32(values);
                sums[index][0] = _mm256_add_epi32(sums[index][0], _mm256_madd_epi16(first, values));
                if G > 1 {
                    sums[index][G - 1] =
                        _mm256_add_epi32(sums[index][G - 1], _mm256_madd_epi16(last, values));
                }
                index += 1;
            }
        }
        pair += 1;
    }
    sums
}

pub(in crate::kernels) fn pointwise(
    shape: &PointShape,
    input: &[i8],
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    tiles(layer, shape.c_in, &Dense(input), scratch, out)
}

pub(in crate::kernels) fn conv(
    shape: &ConvShape,
    input: &[i8],
    zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    tiles(layer, shape.depth(), &Windows { shape, values: input, zero }, scratch, out)
}

pub(in crate::kernels) fn first_layer(
    frame: &Frame<'_>,
    block: usize,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    tiles(layer, 3 * block * block, &Squares(frame, block), scratch, out)
}

fn takes(shape: &DepthShape, layer: &Layer<'_>) -> bool {
    present() && shape.kernel == 3 && is_plain(layer, 9)
}

pub(in crate::kernels) fn depthwise(
    shape: &DepthShape,
    input: &[i8],
    in_zero: i8,
    layer: &Layer<'_>,
    _: &mut [i8],
    out: &mut [i8],
) -> bool {
    if !takes(shape, layer) {
        return false;
    }
    let row = shape.w * shape.c;
    for (y, out) in out.chunks_exact_mut(shape.out_w * shape.c).enumerate() {
        let rows = [0, 1, 2].map(|ky| {
            let y = (y * shape.stride + ky).checked_sub(shape.pad_top).filter(|&y| y < shape.h)?;
            input.get(y * row..(y + 1) * row)
        });
        // SAFETY: the processor was asked.
        unsafe { depth_row(shape, rows, in_zero, layer, out) };
    }
    true
}

pub(in crate::kernels) fn depthwise_in_place(
    shape: &DepthShape,
    map: &mut [i8],
    in_zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
) -> bool {
    let row = shape.w * shape.c;
    if !takes(shape, layer) || scratch.len() < 2 * row {
        return false;
    }
    let (mut above, rest) = scratch.split_at_mut(row);
    let mut here = &mut rest[..row];
    let mut rest = map;
    let mut first = true;
    while let Some((current, below)) = core::mem::take(&mut rest).split_at_mut_checked(row) {
        here.copy_from_slice(current);
        let rows = [(!first).then_some(&*above), Some(&*here), below.get(..row)];
        // SAFETY: the processor was asked.
        unsafe { depth_row(shape, rows, in_zero, layer, current) };
        core::mem::swap(&mut above, &mut here);
        (rest, first) = (below, false);
    }
    true
}

/// One row of outputs, from three rows of inputs, `None` outside the picture.
///
/// # Safety
/// AVX2.
#[target_feature(enable = "avx2")]
unsafe fn depth_row(
    shape: &DepthShape,
    rows: [Option<&[i8]>; 3],
    in_zero: i8,
    layer: &Layer<'_>,
    out: &mut [i8],
) {
    let bounds = bounds(&layer.requant);
    for from in (0..shape.c).step_by(LANES) {
        let mut bias = [0; LANES];
        bias.iter_mut().zip(&layer.bias[from..]).for_each(|(to, &from)| *to = from);
        // SAFETY: as promised; all reads and writes are those of slices.
        unsafe {
            let scales = Scales::of(&layer.requant, from);
            let zero = _mm256_set1_epi32(in_zero.into());
            let start = _mm256_loadu_si256(bias.as_ptr().cast());
            // The upper half of a word is only the value's sign: it meets a weight of 0.
            let low = _mm256_set1_epi32(0xffff);
            let weights: [__m256i; 9] =
                core::array::from_fn(|tap| _mm256_and_si256(load(layer.weights, tap * shape.c + from), low));
            for x in 0..shape.out_w {
                let mut sum = start;
                for (tap, weights) in weights.iter().enumerate() {
                    let column = (x * shape.stride + tap % 3).wrapping_sub(shape.pad_left);
                    let values = match rows[tap / 3] {
                        Some(row) if column < shape.w => load(row, column * shape.c + from),
                        _ => zero,
                    };
                    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(values, *weights));
                }
                let end = (from + LANES).min(shape.c);
                let to = &mut out[x * shape.c + from..x * shape.c + end];
                store(narrow(scales.scale(sum), bounds), to);
            }
        }
    }
}

/// One of the two of a sum, in registers.
#[derive(Clone, Copy)]
struct Operand {
    zero: __m256i,
    scales: Scales,
}

impl Operand {
    /// # Safety
    /// AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn new(term: &Term) -> Self {
        // SAFETY: as promised.
        unsafe {
            let scales = Scales::new([term.multiplier; LANES], [term.shift.into(); LANES]);
            Self { zero: _mm256_set1_epi32(term.zero.into()), scales }
        }
    }

    /// # Safety
    /// AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn scaled(&self, values: __m256i) -> __m256i {
        // SAFETY: arithmetic alone.
        unsafe { self.scales.scale(_mm256_slli_epi32(_mm256_sub_epi32(values, self.zero), 20)) }
    }
}

/// A sum's constants in registers.
#[derive(Clone, Copy)]
struct Adder {
    a: Operand,
    b: Operand,
    scales: Scales,
    bounds: [i8; 3],
}

impl Adder {
    /// `None` if a step might overflow 32 bits.
    fn new(sum: &Sum) -> Option<Self> {
        let small = |term: &Term| term.multiplier >= 0 && (0..=31).contains(&term.shift);
        let plain = (1..=22).contains(&sum.shift) && sum.multiplier >= 0 && small(&sum.a) && small(&sum.b);
        let bounds = [sum.out_zero, sum.min, sum.max];
        // SAFETY: the processor was asked.
        (present() && plain).then(|| unsafe {
            let scales = Scales::new([sum.multiplier; LANES], [sum.shift.into(); LANES]);
            Self { a: Operand::new(&sum.a), b: Operand::new(&sum.b), scales, bounds }
        })
    }

    /// `b = a + b`.
    ///
    /// # Safety
    /// AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn add(&self, a: &[i8], b: &mut [i8]) {
        for at in (0..b.len()).step_by(LANES) {
            let end = (at + LANES).min(b.len());
            // SAFETY: as promised; reads and writes are those of slices.
            unsafe {
                let sum = _mm256_add_epi32(self.a.scaled(load(a, at)), self.b.scaled(load(b, at)));
                store(narrow(self.scales.scale(sum), self.bounds), &mut b[at..end]);
            }
        }
    }

    /// # Safety
    /// AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn add_upsampled(&self, w: usize, c: usize, a: &[i8], b: &mut [i8]) {
        for (row, pair) in a.chunks_exact(w * c).zip(b.chunks_exact_mut(4 * w * c)) {
            for line in pair.chunks_exact_mut(2 * w * c) {
                for (place, square) in row.chunks_exact(c).zip(line.chunks_exact_mut(2 * c)) {
                    for b in square.chunks_exact_mut(c) {
                        // SAFETY: as promised.
                        unsafe { self.add(place, b) };
                    }
                }
            }
        }
    }
}

pub(in crate::kernels) fn add_in_place(sum: &Sum, a: &[i8], b: &mut [i8]) -> bool {
    let Some(adder) = Adder::new(sum) else { return false };
    // SAFETY: the processor was asked.
    unsafe { adder.add(a, b) };
    true
}

pub(in crate::kernels) fn add_upsampled_in_place(
    sum: &Sum,
    [_, w, c]: [usize; 3],
    a: &[i8],
    b: &mut [i8],
) -> bool {
    let Some(adder) = Adder::new(sum) else { return false };
    // SAFETY: the processor was asked.
    unsafe { adder.add_upsampled(w, c, a, b) };
    true
}
