//! Convolutions over channels.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]
#![allow(clippy::incompatible_msrv, reason = "only on PCs, which have the workspace's compiler")]

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::super::is_plain;
use super::super::x86::Room;
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
        for (from, to) in s.window(place).zip(values.chunks_exact_mut(s.c_in)) {
            match from {
                Some(from) => lift(&self.values[from..from + s.c_in], to),
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

/// Bytes of a register of packed weights.
const REGISTER: usize = 4 * LANES;

/// Lays the weights of the channels from `from` on out: four inputs of 16 channels a register, 0 where there are none.
fn arrange(weights: &[i8], depth: usize, from: usize, packed: &mut [i8]) {
    packed.fill(0);
    for (lane, row) in weights.chunks_exact(depth).skip(from).take(LANES).enumerate() {
        let quads = row.chunks_exact(4);
        let rest = quads.remainder();
        for (quad, to) in quads.zip(packed.chunks_exact_mut(REGISTER)) {
            to[4 * lane..4 * lane + 4].copy_from_slice(quad);
        }
        if !rest.is_empty() {
            let at = depth / 4 * REGISTER + 4 * lane;
            packed[at..at + rest.len()].copy_from_slice(rest);
        }
    }
}

/// The weights of a layer as [`Room::Packed`] has them; `None` if this layer is left to another way.
pub(in crate::kernels) fn pack(layer: &Layer<'_>, depth: usize) -> Option<std::vec::Vec<i8>> {
    takes(layer, depth).then(|| arranged(layer.weights, depth, layer.bias.len()))
}

/// Each group of sixteen channels after the other.
fn arranged(weights: &[i8], depth: usize, channels: usize) -> std::vec::Vec<i8> {
    let group = depth.div_ceil(4) * REGISTER;
    let mut packed = std::vec![0; channels.div_ceil(LANES) * group];
    for (n, group) in packed.chunks_exact_mut(group).enumerate() {
        arrange(weights, depth, n * LANES, group);
    }
    packed
}

fn takes(layer: &Layer<'_>, depth: usize) -> bool {
    present() && (1..=MOST_QUADS).contains(&depth.div_ceil(4)) && is_plain(layer, depth)
}

/// The channels from `from` on, their weights laid out in `weights`.
///
/// # Safety
/// AVX-512; there are `quads` registers of weights.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn group(layer: &Layer<'_>, quads: usize, from: usize, weights: *const __m512i) -> Group {
    let lanes = mask(layer.bias.len(), from);
    // SAFETY: as promised; only lanes with channels are read of the biases.
    unsafe {
        let mut total = _mm512_setzero_si512();
        for quad in 0..quads {
            let register = _mm512_loadu_si512(weights.add(quad));
            total = _mm512_dpbusd_epi32(total, _mm512_set1_epi8(1), register);
        }
        let bias = _mm512_maskz_loadu_epi32(lanes, layer.bias.as_ptr().add(from));
        let start = _mm512_sub_epi32(bias, _mm512_slli_epi32(total, 7));
        Group { weights, start, scales: Scales::of(&layer.requant, from), lanes, from }
    }
}

/// All places of a convolution over channels.
fn tiles(layer: &Layer<'_>, depth: usize, fetch: &impl Fetch, room: Room<'_>, out: &mut [i8]) -> bool {
    let (quads, channels) = (depth.div_ceil(4), layer.bias.len());
    if !takes(layer, depth) {
        return false;
    }
    let packed = match room {
        Room::Packed(packed) => {
            assert_eq!(packed.len(), channels.div_ceil(LANES) * quads * REGISTER);
            Some(packed)
        }
        Room::Scratch(_) => None,
    };
    // SAFETY: the processor was asked.
    unsafe { panels(layer, (depth, quads, channels), packed, fetch, out) };
    true
}

/// # Safety
/// AVX-512; lengths as checked by this module's callers, at most [`MOST_QUADS`]; weights that are `packed` are all there.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn panels(
    layer: &Layer<'_>,
    (depth, quads, channels): (usize, usize, usize),
    packed: Option<&[i8]>,
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
        let mut room = [const { MaybeUninit::<Group>::uninit() }; PANEL];
        for (n, to) in room.iter_mut().take(groups).enumerate() {
            let from = begin + n * LANES;
            // SAFETY: as promised; the panel has room for all of `at_once`.
            to.write(unsafe {
                let weights = match packed {
                    Some(packed) => packed.as_ptr().add(from / LANES * quads * REGISTER).cast(),
                    None => {
                        let to = panel.add(n * quads);
                        to.write_bytes(0, quads);
                        let bytes = core::slice::from_raw_parts_mut(to.cast(), quads * REGISTER);
                        arrange(layer.weights, depth, from, bytes);
                        to.cast_const()
                    }
                };
                group(layer, quads, from, weights)
            });
        }
        // SAFETY: as many were just written.
        let packed = unsafe { core::slice::from_raw_parts(room.as_ptr().cast::<Group>(), groups) };
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

#[cfg(test)]
mod tests {
    use super::*;

    /// This is only a matter of bytes: it is seen without such a processor.
    #[test]
    fn weights_lie_in_groups_of_sixteen_channels_and_four_inputs() {
        for (channels, depth) in [(1, 1), (16, 4), (17, 7), (40, 24), (5, 66)] {
            let weights: Vec<i8> = (0..channels * depth).map(|i| (i * 37 % 251) as u8 as i8).collect();
            let packed = arranged(&weights, depth, channels);
            let quads = depth.div_ceil(4);
            assert_eq!(packed.len(), channels.div_ceil(16) * quads * 64);
            for (at, &weight) in packed.iter().enumerate() {
                let (group, quad) = (at / 64 / quads, at / 64 % quads);
                let (channel, k) = (16 * group + at % 64 / 4, 4 * quad + at % 4);
                let there = channel < channels && k < depth;
                let want = if there { weights[channel * depth + k] } else { 0 };
                assert_eq!(weight, want, "{channels} × {depth}: channel {channel}, input {k}");
            }
        }
    }
}
