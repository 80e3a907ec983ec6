//! Convolutions over channels: the weights of a group of channels are put in pairs of inputs once a call, so that one
//! instruction does 16 products.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]

use core::arch::x86_64::*;

use super::super::is_plain;
use super::{LANES, Scales, bounds, narrow, present, store};
use crate::kernels::frame::{Frame, MOST_VALUES};
use crate::kernels::requant::Layer;
use crate::kernels::shape::{ConvShape, PointShape};

/// Places that are computed together.
const TILE: usize = 4;

/// The most products in a sum.
const MOST_DEPTH: usize = 2304;

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
        let mut bytes = [0; MOST_VALUES];
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
