//! Convolutions over channels.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]
#![allow(clippy::incompatible_msrv, reason = "only on PCs, which have the workspace's compiler")]

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::super::is_plain;
use super::{Bounds, LANES, Scales, mask, present};
use crate::kernels::frame::{Frame, MOST_VALUES};
use crate::kernels::requant::Layer;
use crate::kernels::shape::{ConvShape, PointShape};

/// Places that are computed together.
const TILE: usize = 8;

/// The most groups of four products in a sum.
const MOST_QUADS: usize = 576;

/// Registers of weights that are kept packed at once.
const PANEL: usize = 2 * MOST_QUADS;

/// Where the values of a place come from.
trait Fetch {
    /// Writes the values of `place`, each with 128 added.
    fn fetch(&self, place: usize, values: &mut [u8]);

    /// The values of `count` places from `place` on where they lie one after the other already, 128 not yet added.
    #[inline(always)]
    fn dense(&self, _place: usize, _count: usize, _depth: usize) -> Option<&[i8]> {
        None
    }
}

fn lift(from: &[i8], to: &mut [u8]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = (from as u8) ^ 0x80);
}

struct Dense<'x>(&'x [i8]);

impl Fetch for Dense<'_> {
    #[inline(always)]
    fn fetch(&self, place: usize, values: &mut [u8]) {
        let depth = values.len();
        lift(&self.0[place * depth..(place + 1) * depth], values);
    }

    #[inline(always)]
    fn dense(&self, place: usize, count: usize, depth: usize) -> Option<&[i8]> {
        self.0.get(place * depth..(place + count) * depth)
    }
}

struct Windows<'x> {
    shape: &'x ConvShape,
    values: &'x [i8],
    zero: i8,
}

impl Fetch for Windows<'_> {
    #[inline(always)]
    fn fetch(&self, place: usize, values: &mut [u8]) {
        let s = self.shape;
        let (y, x) = (place / s.out_w * s.stride, place % s.out_w * s.stride);
        for (tap, to) in values.chunks_exact_mut(s.c_in).enumerate() {
            let row = (y + tap / s.kernel_w).checked_sub(s.pad_top).filter(|&row| row < s.h);
            let column = (x + tap % s.kernel_w).checked_sub(s.pad_left).filter(|&column| column < s.w);
            match row.zip(column) {
                Some((row, column)) => {
                    let from = (row * s.w + column) * s.c_in;
                    lift(&self.values[from..from + s.c_in], to);
                }
                None => to.fill((self.zero as u8) ^ 0x80),
            }
        }
    }
}

struct Squares<'x>(&'x Frame<'x>, usize);

impl Fetch for Squares<'_> {
    #[inline(always)]
    fn fetch(&self, place: usize, values: &mut [u8]) {
        let mut bytes = [0; MOST_VALUES];
        self.0.square(self.1, place, &mut bytes[..values.len()]);
        lift(&bytes[..values.len()], values);
    }
}

/// Packed weights of one group of channels, and its constants.
#[derive(Clone, Copy)]
struct Group {
    weights: *const __m512i,
    start: __m512i,
    scales: Scales,
    lanes: __mmask16,
    from: usize,
}

/// Packs the weights of the channels from `from` on: four inputs of 16 channels a register, 0 where there are none.
///
/// # Safety
/// AVX-512; the layer has `depth` weights a channel, `panel` room for `depth / 4` registers, rounded up.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn pack(layer: &Layer<'_>, depth: usize, from: usize, panel: *mut __m512i) -> Group {
    let (quads, lanes) = (depth.div_ceil(4), mask(layer.bias.len(), from));
    // SAFETY: reads lie in the weights of channels that are there, writes in the panel.
    unsafe {
        let zero = _mm512_setzero_si512();
        let mut total = zero;
        let base = layer.weights.as_ptr().add(from * depth);
        for quad in 0..quads {
            _mm512_storeu_si512(panel.add(quad), zero);
        }
        let words: *mut i32 = panel.cast();
        for channel in 0..lanes.count_ones() as usize {
            let row = base.add(channel * depth);
            for quad in 0..depth / 4 {
                let word = row.add(4 * quad).cast::<i32>().read_unaligned();
                words.add(quad * LANES + channel).write(word);
            }
            let rest = words.add(depth / 4 * LANES + channel).cast::<i8>();
            if depth % 4 > 0 {
                row.add(depth / 4 * 4).copy_to_nonoverlapping(rest, depth % 4);
            }
        }
        for quad in 0..quads {
            total = _mm512_dpbusd_epi32(total, _mm512_set1_epi8(1), _mm512_loadu_si512(panel.add(quad)));
        }
        let bias = _mm512_maskz_loadu_epi32(lanes, layer.bias.as_ptr().add(from));
        let start = _mm512_sub_epi32(bias, _mm512_slli_epi32(total, 7));
        Group { weights: panel, start, scales: Scales::of(&layer.requant, from), lanes, from }
    }
}

/// All places of a convolution over channels.
fn tiles(layer: &Layer<'_>, depth: usize, fetch: &impl Fetch, out: &mut [i8]) -> bool {
    let (quads, channels) = (depth.div_ceil(4), layer.bias.len());
    if !present() || !(1..=MOST_QUADS).contains(&quads) || !is_plain(layer, depth) {
        return false;
    }
    // SAFETY: the processor was asked.
    unsafe { panels(layer, (depth, quads, channels), fetch, out) };
    true
}

/// # Safety
/// AVX-512; lengths as checked by this module's callers, at most [`MOST_QUADS`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn panels(
    layer: &Layer<'_>,
    (depth, quads, channels): (usize, usize, usize),
    fetch: &impl Fetch,
    out: &mut [i8],
) {
    let mut panel = [const { MaybeUninit::<__m512i>::uninit() }; PANEL];
    let mut tile = [const { MaybeUninit::<[u8; 4]>::uninit() }; TILE * MOST_QUADS];
    let panel: *mut __m512i = panel.as_mut_ptr().cast();
    let at_once = PANEL / quads * LANES;
    // SAFETY: a slice of bytes that are written here; a quad has four.
    let tile = unsafe {
        let tile: *mut u8 = tile.as_mut_ptr().cast();
        tile.write_bytes(0, TILE * 4 * quads);
        core::slice::from_raw_parts_mut(tile, TILE * 4 * quads)
    };
    let places = out.len() / channels;
    for begin in (0..channels).step_by(at_once) {
        let groups = (channels - begin).min(at_once).div_ceil(LANES);
        let mut packed = [const { MaybeUninit::<Group>::uninit() }; PANEL];
        for (n, group) in packed.iter_mut().take(groups).enumerate() {
            // SAFETY: as promised; the panel has room for all of `at_once`.
            group.write(unsafe { pack(layer, depth, begin + n * LANES, panel.add(n * quads)) });
        }
        // SAFETY: as many were just written.
        let packed = unsafe { core::slice::from_raw_parts(packed.as_ptr().cast::<Group>(), groups) };
        for place in (0..places).step_by(TILE) {
            let count = TILE.min(places - place);
            let out = &mut out[place * channels..(place + count) * channels];
            let dense = if depth % 4 == 0 { fetch.dense(place, TILE, depth) } else { None };
            // SAFETY: as promised; whole places lie in the slices.
            unsafe {
                if let Some(values) = dense.filter(|_| count == TILE) {
                    one_tile::<true>(layer, packed, quads, values.as_ptr().cast(), out);
                    continue;
                }
                for (n, values) in tile.chunks_exact_mut(4 * quads).take(count).enumerate() {
                    fetch.fetch(place + n, &mut values[..depth]);
                }
                one_tile::<false>(layer, packed, quads, tile.as_ptr(), out);
            }
        }
    }
}

/// # Safety
/// AVX-512; [`TILE`] lines of `quads` quads at `tile`, as many weights in each group; `out` has whole places. `LIFT`
/// adds 128 to the values.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn one_tile<const LIFT: bool>(
    layer: &Layer<'_>,
    packed: &[Group],
    quads: usize,
    tile: *const u8,
    out: &mut [i8],
) {
    let (channels, requant) = (layer.bias.len(), &layer.requant);
    // SAFETY: a group's lanes lie in its place.
    unsafe {
        let bounds = Bounds::new([requant.out_zero, requant.min, requant.max]);
        let mut store = |group: &Group, sums: &[__m512i; TILE]| {
            let mut n = 0;
            while n * channels < out.len() {
                let to = out.as_mut_ptr().add(n * channels + group.from);
                bounds.store(&group.scales, sums[n], group.lanes, to);
                n += 1;
            }
        };
        let mut pairs = packed.chunks_exact(2);
        for pair in &mut pairs {
            let sums = products::<2, LIFT>(tile, quads, [&pair[0], &pair[1]]);
            store(&pair[0], &sums[0]);
            store(&pair[1], &sums[1]);
        }
        if let [group] = pairs.remainder() {
            store(group, &products::<1, LIFT>(tile, quads, [group])[0]);
        }
    }
}

/// The sums of a tile of places, for each of `G` groups of channels.
///
/// # Safety
/// As [`one_tile`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn products<const G: usize, const LIFT: bool>(
    tile: *const u8,
    quads: usize,
    groups: [&Group; G],
) -> [[__m512i; TILE]; G] {
    let mut sums = [[groups[0].start; TILE]; G];
    let mut g = 1;
    while g < G {
        sums[g] = [groups[g].start; TILE];
        g += 1;
    }
    // Plain loops: a closure would be compiled by itself, without the vector instructions.
    let mut quad = 0;
    while quad < quads {
        // SAFETY: as promised.
        unsafe {
            let first = _mm512_loadu_si512(groups[0].weights.add(quad));
            let last = _mm512_loadu_si512(groups[G - 1].weights.add(quad));
            let mut n = 0;
            while n < TILE {
                let values = tile.add(4 * (n * quads + quad)).cast::<i32>().read_unaligned();
                let mut values = _mm512_set1_epi32(values);
                if LIFT {
                    values = _mm512_xor_si512(values, _mm512_set1_epi8(-128));
                }
                sums[0][n] = _mm512_dpbusd_epi32(sums[0][n], values, first);
                if G > 1 {
                    sums[G - 1][n] = _mm512_dpbusd_epi32(sums[G - 1][n], values, last);
                }
                n += 1;
            }
        }
        quad += 1;
    }
    sums
}

pub(in crate::kernels) fn pointwise(
    shape: &PointShape,
    input: &[i8],
    layer: &Layer<'_>,
    _: &mut [i8],
    out: &mut [i8],
) -> bool {
    tiles(layer, shape.c_in, &Dense(input), out)
}

pub(in crate::kernels) fn conv(
    shape: &ConvShape,
    input: &[i8],
    zero: i8,
    layer: &Layer<'_>,
    _: &mut [i8],
    out: &mut [i8],
) -> bool {
    tiles(layer, shape.depth(), &Windows { shape, values: input, zero }, out)
}

pub(in crate::kernels) fn first_layer(
    frame: &Frame<'_>,
    block: usize,
    layer: &Layer<'_>,
    _: &mut [i8],
    out: &mut [i8],
) -> bool {
    tiles(layer, 3 * block * block, &Squares(frame, block), out)
}
