//! A PC's processor with AVX-512 and its dot products of bytes (VNNI), asked at run time: 16 output channels lie in a
//! register, and one instruction adds four products to each. Inputs are taken with 128 added, as the instruction wants
//! one factor without a sign; what that adds to a sum is the same for all places and goes off its start.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]
#![allow(clippy::incompatible_msrv, reason = "only on PCs, which have the workspace's compiler")]

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::is_plain;
use crate::kernels::frame::{Frame, MOST_VALUES};
use crate::kernels::requant::{Layer, Requant};
use crate::kernels::shape::{ConvShape, PointShape};
use crate::kernels::sum::{Sum, Term};

/// Channels in a register.
pub(super) const LANES: usize = 16;

/// Places that are computed together.
const TILE: usize = 8;

/// The most groups of four products in a sum.
const MOST_QUADS: usize = 576;

/// Registers of weights that are kept packed at once.
const PANEL: usize = 2 * MOST_QUADS;

pub(in crate::kernels) fn present() -> bool {
    // Asked once, kept by the standard library.
    std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512vl")
        && std::is_x86_feature_detected!("avx512vnni")
}

/// The lanes of the channels from `from` on.
pub(super) fn mask(channels: usize, from: usize) -> __mmask16 {
    let count = channels.saturating_sub(from).min(LANES);
    ((1u32 << count) - 1) as __mmask16
}

/// How sixteen sums become 8 bits.
#[derive(Clone, Copy)]
pub(super) struct Scales {
    multiplier: __m512i,
    /// Of the odd lanes, in the even ones.
    odd: __m512i,
    shift: __m512i,
    /// Half of what the second rounding divides by.
    half: __m512i,
    /// Lanes where that is more than 1.
    divides: __mmask16,
}

impl Scales {
    /// # Safety
    /// AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn new(multiplier: __m512i, shift: __m512i) -> Self {
        // SAFETY: arithmetic alone.
        unsafe {
            let one = _mm512_set1_epi32(1);
            let divides = _mm512_cmpgt_epi32_mask(shift, _mm512_setzero_si512());
            let half = _mm512_maskz_sllv_epi32(divides, one, _mm512_sub_epi32(shift, one));
            Self { multiplier, odd: _mm512_srli_epi64(multiplier, 32), shift, half, divides }
        }
    }

    /// Of the channels from `from` on, behind the last one anything.
    ///
    /// # Safety
    /// AVX-512; the constants are there for each of `channels`.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    pub(super) unsafe fn of(requant: &Requant<'_>, from: usize) -> Self {
        let lanes = mask(requant.multiplier.len().min(requant.shift.len()), from);
        // SAFETY: only lanes with channels are read.
        unsafe {
            let multiplier = _mm512_maskz_loadu_epi32(lanes, requant.multiplier.as_ptr().wrapping_add(from));
            let shift = _mm_maskz_loadu_epi8(lanes, requant.shift.as_ptr().wrapping_add(from));
            Self::new(multiplier, _mm512_cvtepi8_epi32(shift))
        }
    }

    /// Both roundings, as in [`crate::kernels::requant`].
    ///
    /// # Safety
    /// AVX-512.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn scale(&self, sums: __m512i) -> __m512i {
        // SAFETY: arithmetic alone.
        unsafe {
            let nudge = _mm512_set1_epi64(1 << 30);
            let even = _mm512_add_epi64(_mm512_mul_epi32(sums, self.multiplier), nudge);
            let odd = _mm512_mul_epi32(_mm512_srli_epi64(sums, 32), self.odd);
            let odd = _mm512_slli_epi64(_mm512_add_epi64(odd, nudge), 1);
            let high = _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 31), 0xaaaa, odd);
            let rounded = _mm512_add_epi32(high, self.half);
            // Ties go away from zero.
            let minus = _mm512_set1_epi32(-1);
            let below = _mm512_mask_cmplt_epi32_mask(self.divides, high, _mm512_setzero_si512());
            let rounded = _mm512_mask_add_epi32(rounded, below, rounded, minus);
            _mm512_srav_epi32(rounded, self.shift)
        }
    }
}

/// Zero point and bounds, in all lanes.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    zero: __m512i,
    min: __m512i,
    max: __m512i,
}

impl Bounds {
    /// # Safety
    /// AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    pub(super) unsafe fn new([zero, min, max]: [i8; 3]) -> Self {
        // SAFETY: arithmetic alone.
        let [zero, min, max] = [zero, min, max].map(|v| unsafe { _mm512_set1_epi32(v.into()) });
        Self { zero, min, max }
    }

    /// Scales sums and stores those of `lanes`.
    ///
    /// # Safety
    /// AVX-512; as many bytes as there are lanes can be written at `out`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    pub(super) unsafe fn store(&self, scales: &Scales, sums: __m512i, lanes: __mmask16, out: *mut i8) {
        // SAFETY: as promised.
        unsafe {
            let values = _mm512_add_epi32(scales.scale(sums), self.zero);
            let values = _mm512_min_epi32(_mm512_max_epi32(values, self.min), self.max);
            _mm512_mask_cvtepi32_storeu_epi8(out, lanes, values);
        }
    }
}

/// Where the values of a place come from.
trait Fetch {
    /// Writes the values of `place`, each with 128 added.
    fn fetch(&self, place: usize, values: &mut [u8]);
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
        let line = _mm512_set1_epi32(depth as i32);
        let steps = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        let offsets = _mm512_mullo_epi32(steps, line);
        let base = layer.weights.as_ptr().add(from * depth);
        for quad in 0..quads {
            let rest = depth - 4 * quad;
            let words = if rest >= 4 {
                _mm512_mask_i32gather_epi32::<1>(zero, lanes, offsets, base.add(4 * quad).cast())
            } else {
                let mut bytes = [0i8; 64];
                for channel in 0..lanes.count_ones() as usize {
                    let row = base.add(channel * depth + 4 * quad);
                    row.copy_to_nonoverlapping(bytes.as_mut_ptr().add(4 * channel), rest);
                }
                _mm512_loadu_si512(bytes.as_ptr().cast())
            };
            total = _mm512_dpbusd_epi32(total, _mm512_set1_epi8(1), words);
            _mm512_storeu_si512(panel.add(quad), words);
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
            for (n, values) in tile.chunks_exact_mut(4 * quads).take(count).enumerate() {
                fetch.fetch(place + n, &mut values[..depth]);
            }
            let out = &mut out[place * channels..(place + count) * channels];
            // SAFETY: as promised.
            unsafe { one_tile(layer, packed, quads, tile, out) };
        }
    }
}

/// # Safety
/// AVX-512; [`TILE`] lines of `quads` quads in `tile`, as many weights in each group; `out` has whole places.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn one_tile(layer: &Layer<'_>, packed: &[Group], quads: usize, tile: &[u8], out: &mut [i8]) {
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
            let sums = products::<2>(tile.as_ptr(), quads, [&pair[0], &pair[1]]);
            store(&pair[0], &sums[0]);
            store(&pair[1], &sums[1]);
        }
        if let [group] = pairs.remainder() {
            store(group, &products::<1>(tile.as_ptr(), quads, [group])[0]);
        }
    }
}

/// The sums of a tile of places, for each of `G` groups of channels.
///
/// # Safety
/// As [`one_tile`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn products<const G: usize>(
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
                let values = _mm512_set1_epi32(values);
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

/// A sum's constants in registers.
struct Adder {
    zeros: [__m512i; 2],
    terms: [Scales; 2],
    scales: Scales,
    bounds: Bounds,
}

impl Adder {
    /// `None` if a step might overflow 32 bits.
    fn new(sum: &Sum) -> Option<Self> {
        let small = |term: &Term| term.multiplier >= 0 && (0..=31).contains(&term.shift);
        let plain = (1..=22).contains(&sum.shift) && sum.multiplier >= 0 && small(&sum.a) && small(&sum.b);
        // SAFETY: the processor was asked.
        (present() && plain).then(|| unsafe { Self::load(sum) })
    }

    /// # Safety
    /// AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn load(sum: &Sum) -> Self {
        // SAFETY: arithmetic alone.
        unsafe {
            let scales = |multiplier: i32, shift: i8| {
                Scales::new(_mm512_set1_epi32(multiplier), _mm512_set1_epi32(shift.into()))
            };
            Self {
                zeros: [_mm512_set1_epi32(sum.a.zero.into()), _mm512_set1_epi32(sum.b.zero.into())],
                terms: [scales(sum.a.multiplier, sum.a.shift), scales(sum.b.multiplier, sum.b.shift)],
                scales: scales(sum.multiplier, sum.shift),
                bounds: Bounds::new([sum.out_zero, sum.min, sum.max]),
            }
        }
    }

    /// # Safety
    /// AVX-512; `lanes` bytes can be read at `at`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn term(&self, n: usize, at: *const i8, lanes: __mmask16) -> __m512i {
        // SAFETY: as promised.
        unsafe {
            let values = _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(lanes, at));
            self.terms[n].scale(_mm512_slli_epi32(_mm512_sub_epi32(values, self.zeros[n]), 20))
        }
    }

    /// `b = a + b` for both of `b`'s lines, which have as many values as `a`: one term of `a` serves all of them.
    ///
    /// # Safety
    /// AVX-512.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn add<const N: usize>(&self, a: &[i8], b: [*mut i8; N]) {
        for at in (0..a.len()).step_by(LANES) {
            let lanes = mask(a.len(), at);
            // SAFETY: only lanes with values are read and written.
            unsafe {
                let first = self.term(0, a.as_ptr().add(at), lanes);
                let mut n = 0;
                while n < N {
                    let to = b[n].add(at);
                    let sums = _mm512_add_epi32(first, self.term(1, to, lanes));
                    self.bounds.store(&self.scales, sums, lanes, to);
                    n += 1;
                }
            }
        }
    }

    /// # Safety
    /// AVX-512; `b` has four times as many values as `a`.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn add_upsampled(&self, w: usize, c: usize, a: &[i8], b: &mut [i8]) {
        for (row, pair) in a.chunks_exact(w * c).zip(b.chunks_exact_mut(4 * w * c)) {
            for (x, place) in row.chunks_exact(c).enumerate() {
                // SAFETY: two places in each of two lines of `2 · w · c` values.
                unsafe {
                    let at = pair.as_mut_ptr().add(2 * x * c);
                    let below = at.add(2 * w * c);
                    self.add(place, [at, at.add(c), below, below.add(c)]);
                }
            }
        }
    }
}

pub(in crate::kernels) fn add_in_place(sum: &Sum, a: &[i8], b: &mut [i8]) -> bool {
    let Some(adder) = Adder::new(sum) else { return false };
    // SAFETY: the processor was asked; the caller has checked that both are as long.
    unsafe { adder.add(a, [b.as_mut_ptr()]) };
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
