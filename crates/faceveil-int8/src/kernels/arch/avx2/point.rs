//! Convolutions over channels: weights lie in pairs of inputs, so that one instruction does 16 products, inputs are
//! widened once for all channels. A model that was prepared has its weights so for good, else some are put so at a time.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::super::is_plain;
use super::super::x86::Room;
use super::fetch::{Dense, Fetch, Squares, Windows};
use super::{Bounds, LANES, PAIR, Scales, TILE, present, store};
use crate::kernels::frame::Frame;
use crate::kernels::requant::Layer;
use crate::kernels::shape::{ConvShape, PointShape};

/// The most products in a sum.
const MOST_DEPTH: usize = 2304;

/// Blocks of channels whose constants are kept at once.
const BLOCKS: usize = 16;

/// The channels of a block's registers, so that packing halves of registers puts them in order again.
const ORDER: [[usize; LANES]; 2] = [[0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]];

/// Those of a block of one register.
const PLAIN: [usize; LANES] = [0, 1, 2, 3, 4, 5, 6, 7];

/// Channels of the block that begins with `left` channels to go; blocks have at most `most`.
fn width(left: usize, most: usize) -> usize {
    if left > LANES { most } else { LANES }
}

/// The weights of `width` channels from `from` on in the order pair of inputs, register, lane, input of the pair; 0 where
/// there are none. In a scratch they are bytes, in a packed layer words, little-endian.
fn arrange(weights: &[i8], depth: usize, from: usize, width: usize, packed: &mut [i8]) {
    packed.fill(0);
    for (register, lane) in (0..width / LANES).flat_map(|r| (0..LANES).map(move |lane| (r, lane))) {
        let channel = from + if width == PAIR { ORDER[register][lane] } else { lane };
        let row = weights.get(channel * depth..(channel + 1) * depth).unwrap_or_default();
        let at = (register * LANES + lane) * 2;
        let pairs = row.chunks_exact(2);
        let rest = pairs.remainder();
        for (pair, to) in pairs.zip(packed.chunks_exact_mut(2 * width)) {
            to[at..at + 2].copy_from_slice(pair);
        }
        if let [last] = rest {
            packed[depth / 2 * 2 * width + at] = *last;
        }
    }
}

/// The weights of a layer as [`Room::Packed`] has them; `None` if this layer is left to another way.
pub(in crate::kernels) fn pack(layer: &Layer<'_>, depth: usize) -> Option<std::vec::Vec<i8>> {
    let channels = layer.bias.len();
    if !takes(layer, depth) {
        return None;
    }
    let line = 2 * depth.div_ceil(2);
    let mut packed = std::vec![0; channels.div_ceil(LANES) * LANES * line];
    let (mut from, mut rest) = (0, &mut packed[..]);
    while from < channels {
        let width = width(channels - from, PAIR);
        let (block, after) = rest.split_at_mut(width * line);
        arrange(layer.weights, depth, from, width, block);
        (from, rest) = (from + width, after);
    }
    Some(packed)
}

fn takes(layer: &Layer<'_>, depth: usize) -> bool {
    present() && (1..=MOST_DEPTH).contains(&depth) && is_plain(layer, depth)
}

/// All places of a convolution over channels.
fn tiles(layer: &Layer<'_>, depth: usize, fetch: &impl Fetch, room: Room<'_>, out: &mut [i8]) -> bool {
    let channels = layer.bias.len();
    let line = 2 * depth.div_ceil(2);
    if !takes(layer, depth) {
        return false;
    }
    match room {
        Room::Packed(packed) => {
            // SAFETY: the processor was asked.
            unsafe { blocks(layer, depth, (0, channels), PAIR, packed, fetch, out) };
        }
        Room::Scratch(scratch) => {
            // Long sums have room for the weights of one register only.
            let most = if scratch.len() < line * PAIR { LANES } else { PAIR };
            if scratch.len() < line * width(channels, most) {
                return false;
            }
            let mut from = 0;
            while from < channels {
                let width = width(channels - from, most);
                let packed = &mut scratch[..line * width];
                arrange(layer.weights, depth, from, width, packed);
                // SAFETY: the processor was asked.
                unsafe { blocks(layer, depth, (from, channels.min(from + width)), most, packed, fetch, out) };
                from += width;
            }
        }
    }
    true
}

/// Some channels, and their constants.
#[derive(Clone, Copy)]
struct Block<'p> {
    packed: &'p [i8],
    from: usize,
    lanes: usize,
    /// Doubled.
    start: [__m256i; 2],
    scales: [Scales; 2],
}

impl<'p> Block<'p> {
    /// # Safety
    /// AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn new(layer: &Layer<'_>, from: usize, lanes: usize, packed: &'p [i8]) -> Self {
        let orders = if lanes > LANES { ORDER } else { [PLAIN; 2] };
        let doubled =
            |order: [usize; LANES]| order.map(|c| 2 * layer.bias.get(from + c).copied().unwrap_or(0));
        let [first, last] = orders.map(doubled);
        // SAFETY: eight words are read.
        unsafe {
            let start = [_mm256_loadu_si256(first.as_ptr().cast()), _mm256_loadu_si256(last.as_ptr().cast())];
            let scales =
                [Scales::of(&layer.requant, from, &orders[0]), Scales::of(&layer.requant, from, &orders[1])];
            Self { packed, from, lanes, start, scales }
        }
    }
}

/// The channels `from..to` of all places; their weights are `packed` in blocks of at most `most` channels.
///
/// # Safety
/// AVX2.
#[target_feature(enable = "avx2")]
unsafe fn blocks(
    layer: &Layer<'_>,
    depth: usize,
    (mut from, to): (usize, usize),
    most: usize,
    mut packed: &[i8],
    fetch: &impl Fetch,
    out: &mut [i8],
) {
    let line = 2 * depth.div_ceil(2);
    let mut x = [const { MaybeUninit::<i16>::uninit() }; TILE * MOST_DEPTH];
    // SAFETY: written here; a slice of what was written.
    let x = unsafe {
        let values: *mut i16 = x.as_mut_ptr().cast();
        values.write_bytes(0, TILE * line);
        core::slice::from_raw_parts_mut(values, TILE * line)
    };
    while from < to {
        let mut room = [const { MaybeUninit::uninit() }; BLOCKS];
        let mut count = 0;
        while from < to && count < BLOCKS {
            let width = width(to - from, most);
            let (block, after) = packed.split_at(line * width);
            // SAFETY: as promised.
            room[count].write(unsafe { Block::new(layer, from, width.min(to - from), block) });
            (from, packed, count) = (from + width, after, count + 1);
        }
        // SAFETY: as many were just written; as promised.
        unsafe {
            let blocks = core::slice::from_raw_parts(room.as_ptr().cast::<Block<'_>>(), count);
            places(layer, depth, blocks, fetch, x, out);
        }
    }
}

/// Some blocks of channels of all places.
///
/// # Safety
/// AVX2.
#[target_feature(enable = "avx2")]
unsafe fn places(
    layer: &Layer<'_>,
    depth: usize,
    blocks: &[Block<'_>],
    fetch: &impl Fetch,
    x: &mut [i16],
    out: &mut [i8],
) {
    let channels = layer.bias.len();
    // SAFETY: as promised; a block's channels of `count` places can be written.
    unsafe {
        let bounds = Bounds::of(&layer.requant);
        for (index, out) in out.chunks_mut(TILE * channels).enumerate() {
            let count = out.len() / channels;
            fetch.tile(index * TILE, count, depth, x);
            for block in blocks {
                let bytes = if block.lanes > LANES {
                    of_two(&bounds, block, &products::<2>(x, block.packed, block.start))
                } else {
                    of_one(&bounds, block, &products::<1>(x, block.packed, [block.start[0]]))
                };
                let mut n = 0;
                while n < count {
                    store(bytes[n], out.as_mut_ptr().add(n * channels + block.from), block.lanes);
                    n += 1;
                }
            }
        }
    }
}

/// The bytes of a tile of places of a block of two registers.
///
/// # Safety
/// AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn of_two(bounds: &Bounds, block: &Block<'_>, sums: &[[__m256i; 2]; TILE]) -> [__m128i; TILE] {
    // SAFETY: arithmetic alone.
    unsafe {
        let [a, b] = &block.scales;
        let mut bytes = [_mm_setzero_si128(); TILE];
        let mut n = 0;
        while n < TILE {
            let first = bounds.words(a.scale(sums[n][0]), b.scale(sums[n][1]));
            let second = bounds.words(a.scale(sums[n + 1][0]), b.scale(sums[n + 1][1]));
            let both = _mm256_permute4x64_epi64(bounds.bytes(first, second), 0b11_01_10_00);
            bytes[n] = _mm256_castsi256_si128(both);
            bytes[n + 1] = _mm256_extracti128_si256(both, 1);
            n += 2;
        }
        bytes
    }
}

/// The bytes of a tile of places of a block of one register, eight each.
///
/// # Safety
/// AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn of_one(bounds: &Bounds, block: &Block<'_>, sums: &[[__m256i; 1]; TILE]) -> [__m128i; TILE] {
    // SAFETY: arithmetic alone.
    unsafe {
        let scales = &block.scales[0];
        let first = bounds.words(scales.scale(sums[0][0]), scales.scale(sums[1][0]));
        let second = bounds.words(scales.scale(sums[2][0]), scales.scale(sums[3][0]));
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        let all = _mm256_permutevar8x32_epi32(bounds.bytes(first, second), order);
        let (low, high) = (_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
        [low, _mm_srli_si128(low, 8), high, _mm_srli_si128(high, 8)]
    }
}

/// The sums of a tile of places.
///
/// # Safety
/// AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn products<const G: usize>(x: &[i16], packed: &[i8], start: [__m256i; G]) -> [[__m256i; G]; TILE] {
    let mut sums = [start; TILE];
    let line = x.len() / TILE;
    let pairs = packed.len() / (2 * LANES * G);
    assert!(2 * pairs == line);
    // Plain loops: a closure would be compiled by itself, without the vector instructions.
    let mut pair = 0;
    while pair < pairs {
        // SAFETY: 16 weights are read for each register; pair number `pair` lies in each of the lines.
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
