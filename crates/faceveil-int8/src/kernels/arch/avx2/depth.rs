//! Convolutions of each channel by itself, 16 channels at a time: two rows of a column lie in pairs, so that one instruction
//! does eight channels of both; a column that was read serves all outputs that it belongs to.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::super::is_plain;
use super::super::rows::{Rows, each_row, each_row_in_place};
use super::{Bounds, LANES, PAIR, Scales, load, present, store};
use crate::kernels::requant::Layer;
use crate::kernels::shape::DepthShape;

/// Blocks of channels whose constants are kept at once.
const BLOCKS: usize = 8;

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
    takes(shape, layer)
        && (0..shape.c).step_by(BLOCKS * PAIR).all(|from| {
            let mut room = [const { MaybeUninit::uninit() }; BLOCKS];
            // SAFETY: the processor was asked.
            unsafe {
                let blocks = blocks(layer, from, &mut room);
                each_row(shape, input, out, |rows, out| depth_row(shape, rows, in_zero, layer, blocks, out))
            }
        })
}

pub(in crate::kernels) fn depthwise_in_place(
    shape: &DepthShape,
    map: &mut [i8],
    in_zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
) -> bool {
    takes(shape, layer)
        && (0..shape.c).step_by(BLOCKS * PAIR).all(|from| {
            let mut room = [const { MaybeUninit::uninit() }; BLOCKS];
            // SAFETY: the processor was asked.
            unsafe {
                let blocks = blocks(layer, from, &mut room);
                each_row_in_place(shape, map, scratch, |rows, out| {
                    depth_row(shape, rows, in_zero, layer, blocks, out);
                })
            }
        })
}

/// The constants of eight channels.
#[derive(Clone, Copy)]
struct Half {
    /// Of each column of the kernel: the taps of the first two rows in pairs, those of the last row with 0, doubled.
    taps: [[__m256i; 2]; 3],
    /// Doubled.
    start: __m256i,
    scales: Scales,
}

impl Half {
    /// The scaled sums of the products with three columns.
    ///
    /// # Safety
    /// AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn scaled(&self, columns: [&[__m256i; 2]; 3]) -> __m256i {
        let mut sum = self.start;
        let mut kx = 0;
        // SAFETY: arithmetic alone.
        unsafe {
            while kx < 3 {
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(columns[kx][0], self.taps[kx][0]));
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(columns[kx][1], self.taps[kx][1]));
                kx += 1;
            }
            self.scales.scale(sum)
        }
    }
}

/// Up to sixteen channels.
#[derive(Clone, Copy)]
struct Block {
    halves: [Half; 2],
    from: usize,
    lanes: usize,
}

/// As many blocks as there is room for, of the channels from `from` on.
///
/// # Safety
/// AVX2; the layer has nine weights a channel.
#[target_feature(enable = "avx2")]
unsafe fn blocks<'r>(
    layer: &Layer<'_>,
    from: usize,
    room: &'r mut [MaybeUninit<Block>; BLOCKS],
) -> &'r [Block] {
    let channels = layer.bias.len();
    let mut count = 0;
    for (block, from) in room.iter_mut().zip((from..channels).step_by(PAIR)) {
        // SAFETY: as promised.
        let halves = unsafe { [half(layer, from), half(layer, from + LANES)] };
        block.write(Block { halves, from, lanes: (channels - from).min(PAIR) });
        count += 1;
    }
    // SAFETY: as many were just written.
    unsafe { core::slice::from_raw_parts(room.as_ptr().cast(), count) }
}

/// # Safety
/// AVX2; the layer has nine weights a channel.
#[target_feature(enable = "avx2")]
unsafe fn half(layer: &Layer<'_>, from: usize) -> Half {
    let channels = layer.bias.len();
    let lanes = channels.saturating_sub(from).min(LANES);
    let mut bias = [0; LANES];
    for (to, from) in bias.iter_mut().zip(layer.bias.iter().skip(from)) {
        *to = 2 * from;
    }
    // SAFETY: only the weights of channels that are there are read.
    unsafe {
        let tap = |tap: usize| {
            let at = layer.weights.as_ptr().wrapping_add(tap * channels + from);
            load(at, lanes)
        };
        let none = _mm_setzero_si128();
        let mut taps = [[_mm256_setzero_si256(); 2]; 3];
        for (kx, taps) in taps.iter_mut().enumerate() {
            for (to, bytes) in taps.iter_mut().zip([[tap(kx), tap(3 + kx)], [tap(6 + kx), none]]) {
                let words = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(bytes[0], bytes[1]));
                *to = _mm256_add_epi16(words, words);
            }
        }
        let start = _mm256_loadu_si256(bias.as_ptr().cast());
        Half { taps, start, scales: Scales::of(&layer.requant, from, &[0, 1, 2, 3, 4, 5, 6, 7]) }
    }
}

/// The values of a column's sixteen channels: of each half the first two rows in pairs, and the last row.
type Column = [[__m256i; 2]; 2];

/// Three rows of inputs: where a column's sixteen channels lie.
struct Columns {
    /// First values, and values between columns: none where a row is outside the picture.
    rows: [(*const i8, usize); 3],
    columns: usize,
    outside: Column,
}

impl Columns {
    /// # Safety
    /// AVX2; `zeros` outlives this; from the channel `from` on all rows have values.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn new(shape: &DepthShape, rows: Rows<'_>, from: usize, zeros: &[i8; PAIR]) -> Self {
        let rows = rows.map(|row| match row {
            Some(row) => (row.as_ptr().wrapping_add(from), shape.c),
            None => (zeros.as_ptr(), 0),
        });
        // SAFETY: arithmetic alone.
        unsafe {
            let word = _mm256_set1_epi16(zeros[0].into());
            Self { rows, columns: shape.w, outside: [[word; 2]; 2] }
        }
    }

    /// The values of a column; the zero point outside the picture. Of up to 8 channels the second half means nothing.
    ///
    /// # Safety
    /// AVX2; `lanes` channels are there.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn at(&self, column: usize, lanes: usize) -> Column {
        if column >= self.columns {
            return self.outside;
        }
        // SAFETY: as promised. The upper half of a word of the last row is only the value's sign: it meets a weight of 0.
        unsafe {
            let [a, b, c] = self.rows;
            let a = load(a.0.add(column * a.1), lanes);
            let b = load(b.0.add(column * b.1), lanes);
            let c = load(c.0.add(column * c.1), lanes);
            let first = [_mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a, b)), _mm256_cvtepi8_epi32(c)];
            if lanes <= LANES {
                return [first; 2];
            }
            let last = _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(a, b));
            [first, [last, _mm256_cvtepi8_epi32(_mm_srli_si128(c, 8))]]
        }
    }
}

/// One row of outputs of some blocks of channels, from three rows of inputs, `None` outside the picture.
///
/// # Safety
/// AVX2.
#[target_feature(enable = "avx2")]
unsafe fn depth_row(
    shape: &DepthShape,
    rows: Rows<'_>,
    in_zero: i8,
    layer: &Layer<'_>,
    blocks: &[Block],
    out: &mut [i8],
) {
    assert!(out.len() == shape.out_w * shape.c);
    assert!(rows.iter().flatten().all(|row| row.len() == shape.w * shape.c));
    // SAFETY: as promised; a block's channels are there.
    unsafe {
        let bounds = Bounds::of(&layer.requant);
        for block in blocks {
            let zeros = [in_zero; PAIR];
            let columns = Columns::new(shape, rows, block.from, &zeros);
            let out = out.as_mut_ptr().add(block.from);
            // What is constant is compiled without questions; 0 stands for what the block and the shape say.
            match (block.lanes, shape.stride) {
                (PAIR, 1) => block_row::<PAIR, 1>(shape, &columns, block, &bounds, out),
                (PAIR, 2) => block_row::<PAIR, 2>(shape, &columns, block, &bounds, out),
                (LANES, 1) => block_row::<LANES, 1>(shape, &columns, block, &bounds, out),
                (LANES, 2) => block_row::<LANES, 2>(shape, &columns, block, &bounds, out),
                _ => block_row::<0, 0>(shape, &columns, block, &bounds, out),
            }
        }
    }
}

/// # Safety
/// AVX2; the block's channels can be read in the columns and written at `out` for each column.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn block_row<const CHANNELS: usize, const STRIDE: usize>(
    shape: &DepthShape,
    columns: &Columns,
    block: &Block,
    bounds: &Bounds,
    out: *mut i8,
) {
    let lanes = if CHANNELS == 0 { block.lanes } else { CHANNELS };
    let stride = if STRIDE == 0 { shape.stride } else { STRIDE };
    let mut column = 0usize.wrapping_sub(shape.pad_left);
    // SAFETY: as promised.
    unsafe {
        let mut a = columns.at(column, lanes);
        let mut b = columns.at(column.wrapping_add(1), lanes);
        for x in 0..shape.out_w {
            let c = columns.at(column.wrapping_add(2), lanes);
            let first = block.halves[0].scaled([&a[0], &b[0], &c[0]]);
            let last = if lanes > LANES { block.halves[1].scaled([&a[1], &b[1], &c[1]]) } else { first };
            store(bounds.sixteen(first, last), out.add(x * shape.c), lanes);
            column = column.wrapping_add(stride);
            (a, b) = match stride {
                1 => (b, c),
                2 => (c, columns.at(column.wrapping_add(1), lanes)),
                _ => (columns.at(column, lanes), columns.at(column.wrapping_add(1), lanes)),
            };
        }
    }
}
