//! Convolutions over channels.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]
#![allow(clippy::incompatible_msrv, reason = "only on PCs, which have the workspace's compiler")]

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::super::x86::Room;
use super::fetch::{Copies, Dense, Fetch, Lines, Squares, TILE, Windows};
use super::groups::{Group, MOST_QUADS, bytes, lay_out, takes};
use super::single::single;
use super::{Bounds, Channels, HALF, LANES, Scales, quarters, rectified, store};
use crate::kernels::frame::Frame;
use crate::kernels::requant::Layer;
use crate::kernels::shape::{ConvShape, PointShape};

/// Bytes of groups that are kept laid out at once where there are none for good: at least one.
const PANEL: usize = 2 * bytes(MOST_QUADS);

/// All places of a convolution over channels.
fn tiles(layer: &Layer<'_>, depth: usize, fetch: &impl Fetch, room: Room<'_>, out: &mut [i8]) -> bool {
    let channels = layer.bias.len();
    match room {
        Room::Packed(packed) => {
            assert_eq!(packed.len(), channels.div_ceil(LANES) * bytes(depth.div_ceil(4)));
            // SAFETY: the processor was asked before they were packed; they are as many as there should be.
            unsafe { all(layer, depth, (0, packed), fetch, out) };
        }
        Room::Scratch(_) => {
            if !takes(layer, depth) {
                return false;
            }
            // SAFETY: the processor was asked.
            unsafe { panels(layer, depth, fetch, out) };
        }
    }
    true
}

/// Lays out some groups at a time.
///
/// # Safety
/// AVX-512; at most [`MOST_QUADS`].
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn panels(layer: &Layer<'_>, depth: usize, fetch: &impl Fetch, out: &mut [i8]) {
    let (group, channels) = (bytes(depth.div_ceil(4)), layer.bias.len());
    let mut panel = [const { MaybeUninit::<i8>::uninit() }; PANEL];
    let at_once = PANEL / group;
    for begin in (0..channels).step_by(at_once * LANES) {
        let groups = (channels - begin).div_ceil(LANES).min(at_once);
        // SAFETY: a slice of bytes that are written here, and then laid out.
        unsafe {
            let to: *mut i8 = panel.as_mut_ptr().cast();
            to.write_bytes(0, groups * group);
            let to = core::slice::from_raw_parts_mut(to, groups * group);
            for (n, to) in to.chunks_exact_mut(group).enumerate() {
                lay_out(layer, depth, Channels::new(channels, begin + n * LANES), to);
            }
            all(layer, depth, (begin, to), fetch, out);
        }
    }
}

/// All places, of the channels from `begin` on whose groups are `packed`.
///
/// # Safety
/// AVX-512; whole groups of such a depth are packed; `out` has whole places of the layer's channels.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn all(layer: &Layer<'_>, depth: usize, packed: (usize, &[i8]), fetch: &impl Fetch, out: &mut [i8]) {
    // SAFETY: as promised.
    unsafe {
        if rectified(&layer.requant) {
            places::<_, true>(layer, depth, packed, fetch, out);
        } else {
            places::<_, false>(layer, depth, packed, fetch, out);
        }
    }
}

/// [`all`]; `R` says whether the layer is [`rectified`].
///
/// # Safety
/// AVX-512; whole groups of such a depth are packed; `out` has whole places of the layer's channels.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn places<F: Fetch, const R: bool>(
    layer: &Layer<'_>,
    depth: usize,
    (begin, packed): (usize, &[i8]),
    fetch: &F,
    out: &mut [i8],
) {
    let (quads, channels) = (depth.div_ceil(4), layer.bias.len());
    let mut done = 0;
    if let (1, Some(values)) = (channels, fetch.values()) {
        // SAFETY: as promised.
        done = unsafe { single(layer, values, depth, out) };
    }
    if done == out.len() {
        return;
    }
    // SAFETY: as promised; the places that are left are written.
    unsafe {
        let mut copies = Copies::new();
        copies.clear(quads);
        let bounds = Bounds::new(layer.requant.min, layer.requant.max);
        let places = out.len() / channels;
        for place in (done / channels..places).step_by(TILE) {
            let count = TILE.min(places - place);
            let at = out.as_mut_ptr().add(place * channels);
            let tile = Tile::<F, R> { fetch, at, channels, place, count, bounds };
            tile.run(depth, &mut copies, begin, packed);
        }
    }
}

/// The sums of a tile of places, for each of `G` groups of channels.
///
/// # Safety
/// AVX-512; the values and the groups' weights are there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn products<const G: usize>(lines: &Lines, groups: &[Group; G]) -> [[__m512i; TILE]; G] {
    // Plain loops: a closure would be compiled by itself, without the vector instructions.
    // SAFETY: as promised.
    unsafe {
        let mut sums = [[groups[0].head().start; TILE]; G];
        let mut g = 1;
        while g < G {
            sums[g] = [groups[g].head().start; TILE];
            g += 1;
        }
        let (mut quad, mut line) = (0, lines.at);
        for _ in 0..lines.runs {
            for at in 0..lines.run {
                let first = _mm512_loadu_si512(groups[0].weights.add(quad));
                let last = _mm512_loadu_si512(groups[G - 1].weights.add(quad));
                let mut n = 0;
                while n < TILE {
                    let values = line.add(n * lines.place + 4 * at).cast::<i32>().read_unaligned();
                    let values = _mm512_set1_epi32(values);
                    sums[0][n] = _mm512_dpbusd_epi32(sums[0][n], values, first);
                    if G > 1 {
                        sums[G - 1][n] = _mm512_dpbusd_epi32(sums[G - 1][n], values, last);
                    }
                    n += 1;
                }
                quad += 1;
            }
            line = line.wrapping_add(lines.line);
        }
        sums
    }
}

/// The sums of a tile for a group of half a register: of two places in each.
///
/// # Safety
/// As [`products`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn products_twice(lines: &Lines, group: &Group) -> [__m512i; TILE / 2] {
    // SAFETY: as promised.
    unsafe {
        let mut sums = [_mm512_castsi512_si256(group.head().start); TILE];
        let (mut quad, mut line) = (0, lines.at);
        for _ in 0..lines.runs {
            for at in 0..lines.run {
                let weights = _mm256_loadu_si256(group.weights.add(quad).cast());
                let mut n = 0;
                while n < TILE {
                    let values = line.add(n * lines.place + 4 * at).cast::<i32>().read_unaligned();
                    sums[n] = _mm256_dpbusd_epi32(sums[n], _mm256_set1_epi32(values), weights);
                    n += 1;
                }
                quad += 1;
            }
            line = line.wrapping_add(lines.line);
        }
        let mut pairs = [_mm512_setzero_si512(); TILE / 2];
        let mut n = 0;
        while n < TILE / 2 {
            pairs[n] = _mm512_inserti64x4(_mm512_castsi256_si512(sums[2 * n]), sums[2 * n + 1], 1);
            n += 1;
        }
        pairs
    }
}

/// A tile of places. Its functions are compiled for each way of fetching by itself, so that each is called from one place
/// and becomes part of it: sums stay in registers.
struct Tile<'f, F, const R: bool> {
    fetch: &'f F,
    /// Where its outputs go.
    at: *mut i8,
    channels: usize,
    /// The first place, and how many are there.
    place: usize,
    count: usize,
    bounds: Bounds,
}

impl<F: Fetch, const R: bool> Tile<'_, F, R> {
    /// The outputs of the channels from `from` on, whose groups are `packed`.
    ///
    /// # Safety
    /// AVX-512; the values and the groups' weights are there, the channels can be written at each place.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn run(&self, depth: usize, copies: &mut Copies, mut from: usize, packed: &[i8]) {
        let (bytes, mut rest) = (bytes(depth.div_ceil(4)), packed);
        // SAFETY: as promised.
        unsafe {
            let lines = &self.fetch.lines(self.place, self.count, depth, copies);
            while rest.len() >= 2 * bytes && self.channels - from > LANES + HALF {
                let ((first, after), channels) = (rest.split_at(bytes), Channels::new(self.channels, from));
                let first = Group::new(first, channels);
                let (last, after) = after.split_at(bytes);
                let last = Group::new(last, Channels::new(self.channels, from + LANES));
                let groups = [first, last];
                let sums = products::<2>(lines, &groups);
                self.store::<0, 2>(&groups, &sums);
                self.store::<1, 2>(&groups, &sums);
                (rest, from) = (after, from + 2 * LANES);
            }
            while let Some((group, after)) = rest.split_at_checked(bytes) {
                let group = Group::new(group, Channels::new(self.channels, from));
                if group.channels.twice() {
                    self.store_twice(&group, &products_twice(lines, &group));
                } else {
                    self.store::<0, 1>(&[group], &products::<1>(lines, &[group]));
                }
                (rest, from) = (after, from + LANES);
            }
        }
    }

    /// Stores group `N` of `G`.
    ///
    /// # Safety
    /// As [`Self::run`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn store<const N: usize, const G: usize>(&self, groups: &[Group; G], sums: &[[__m512i; TILE]; G]) {
        let (group, sums) = (&groups[N], &sums[N]);
        // SAFETY: as promised.
        unsafe {
            let scales = group.head().scales;
            // No loop: the sums shall stay in registers.
            let first = self.four(&scales, [sums[0], sums[1], sums[2], sums[3]]);
            let last = self.four(&scales, [sums[4], sums[5], sums[6], sums[7]]);
            let to = self.at.add(group.channels.from);
            if self.count < TILE {
                self.some(quarters(first), to, 0, group.channels.count);
                self.some(quarters(last), to, 4, group.channels.count);
            } else if self.channels == LANES {
                _mm512_storeu_si512(to.cast(), first);
                _mm512_storeu_si512(to.add(4 * LANES).cast(), last);
            } else {
                self.all(quarters(first), to, group.channels.count);
                self.all(quarters(last), to.add(4 * self.channels), group.channels.count);
            }
        }
    }

    /// # Safety
    /// AVX-512.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn four(&self, scales: &Scales, sums: [__m512i; 4]) -> __m512i {
        // SAFETY: arithmetic alone.
        unsafe {
            self.bounds.bytes([
                scales.scale::<R>(sums[0]),
                scales.scale::<R>(sums[1]),
                scales.scale::<R>(sums[2]),
                scales.scale::<R>(sums[3]),
            ])
        }
    }

    /// Stores `width` channels of four places.
    ///
    /// # Safety
    /// As [`Self::run`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn all(&self, bytes: [__m128i; 4], to: *mut i8, width: usize) {
        // SAFETY: as promised.
        unsafe {
            if width == LANES {
                store(bytes[0], to, LANES);
                store(bytes[1], to.add(self.channels), LANES);
                store(bytes[2], to.add(2 * self.channels), LANES);
                store(bytes[3], to.add(3 * self.channels), LANES);
            } else {
                store(bytes[0], to, width);
                store(bytes[1], to.add(self.channels), width);
                store(bytes[2], to.add(2 * self.channels), width);
                store(bytes[3], to.add(3 * self.channels), width);
            }
        }
    }

    /// Stores `width` channels of those of four places, the first one being `from`, that are there.
    ///
    /// # Safety
    /// As [`Self::run`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn some(&self, bytes: [__m128i; 4], to: *mut i8, from: usize, width: usize) {
        for (n, bytes) in bytes.into_iter().enumerate().take(self.count.saturating_sub(from)) {
            // SAFETY: as promised.
            unsafe { store(bytes, to.add((from + n) * self.channels), width) };
        }
    }

    /// As [`Self::store`], for a group that lies twice in its registers.
    ///
    /// # Safety
    /// As there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn store_twice(&self, group: &Group, sums: &[__m512i; TILE / 2]) {
        // SAFETY: as promised.
        unsafe {
            let quarters = quarters(self.four(&group.head().scales, *sums));
            let to = self.at.add(group.channels.from);
            if self.count == TILE && group.channels.count == HALF {
                let mut n = 0;
                while n < TILE / 2 {
                    let (even, odd) = (to.add(2 * n * self.channels), to.add((2 * n + 1) * self.channels));
                    _mm_storel_epi64(even.cast(), quarters[n]);
                    _mm_storeh_pd(odd.cast(), _mm_castsi128_pd(quarters[n]));
                    n += 1;
                }
                return;
            }
            for n in 0..self.count {
                let both = quarters[n / 2];
                let own = if n % 2 == 0 { both } else { _mm_unpackhi_epi64(both, both) };
                store(own, to.add(n * self.channels), group.channels.count);
            }
        }
    }
}

pub(in crate::kernels) fn pointwise(
    shape: &PointShape,
    input: &[i8],
    layer: &Layer<'_>,
    room: Room<'_>,
    out: &mut [i8],
) -> bool {
    tiles(layer, shape.c_in, &Dense(input), room, out)
}

pub(in crate::kernels) fn conv(
    shape: &ConvShape,
    input: &[i8],
    zero: i8,
    layer: &Layer<'_>,
    room: Room<'_>,
    out: &mut [i8],
) -> bool {
    tiles(layer, shape.depth(), &Windows { shape, values: input, zero }, room, out)
}

pub(in crate::kernels) fn first_layer(
    frame: &Frame<'_>,
    block: usize,
    layer: &Layer<'_>,
    room: Room<'_>,
    out: &mut [i8],
) -> bool {
    tiles(layer, 3 * block * block, &Squares(frame, block), room, out)
}
