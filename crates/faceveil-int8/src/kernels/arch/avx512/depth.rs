//! Convolutions of each channel by itself, 16 channels at a time: of a column four rows lie beside each other, so that one
//! instruction adds a column's products. With step 1 the four rows serve two rows of outputs.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]
#![allow(clippy::incompatible_msrv, reason = "only on PCs, which have the workspace's compiler")]

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::super::is_plain;
use super::super::rows::each_row;
use super::column::{BLOCKS, Block, Columns, blocks};
use super::{Bounds, HALF, LANES, quarters, rectified, store};
use crate::kernels::requant::Layer;
use crate::kernels::shape::DepthShape;

fn takes(shape: &DepthShape, layer: &Layer<'_>) -> bool {
    super::present() && shape.kernel == 3 && is_plain(layer, 9)
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
    for from in (0..shape.c).step_by(BLOCKS * LANES) {
        // SAFETY: the processor was asked, and the caller has checked the lengths.
        unsafe {
            let mut room = [const { MaybeUninit::uninit() }; BLOCKS];
            let blocks = blocks(layer, from, &mut room);
            let row = Row::new(shape, in_zero, layer);
            if shape.stride == 1 {
                row.pairs(blocks, input, out);
            } else {
                each_row(shape, input, out, |rows, out| {
                    let rows = rows.map(|r| r.map(<[i8]>::as_ptr));
                    row.one(blocks, rows, out.as_mut_ptr());
                });
            }
        }
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
    if !takes(shape, layer) || scratch.len() < 2 * shape.w * shape.c {
        return false;
    }
    for from in (0..shape.c).step_by(BLOCKS * LANES) {
        // SAFETY: the processor was asked, and the caller has checked the lengths.
        unsafe {
            let mut room = [const { MaybeUninit::uninit() }; BLOCKS];
            let blocks = blocks(layer, from, &mut room);
            Row::new(shape, in_zero, layer).pairs_in_place(blocks, map, scratch);
        }
    }
    true
}

/// What rows of outputs have in common.
struct Row<'r> {
    shape: &'r DepthShape,
    bounds: Bounds,
    outside: __m512i,
    zeros: [i8; LANES],
    rectified: bool,
}

/// Where a row begins, if it is in the picture.
type Begin = Option<*const i8>;

impl<'r> Row<'r> {
    /// # Safety
    /// AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn new(shape: &'r DepthShape, zero: i8, layer: &Layer<'_>) -> Self {
        // SAFETY: arithmetic alone.
        unsafe {
            let outside = _mm512_set1_epi8(zero ^ -128);
            let bounds = Bounds::new(layer.requant.min, layer.requant.max);
            Self { shape, bounds, outside, zeros: [zero; LANES], rectified: rectified(&layer.requant) }
        }
    }

    fn columns(&self, rows: [Begin; 4], block: &Block) -> Columns {
        let row = |row: Begin| match row {
            Some(row) => (row.wrapping_add(block.channels.from), self.shape.c),
            None => (self.zeros.as_ptr(), 0),
        };
        Columns { rows: rows.map(row), columns: self.shape.w, outside: self.outside }
    }

    /// All rows of outputs with step 1, two at a time.
    ///
    /// # Safety
    /// AVX-512; the lengths are the shape's.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn pairs(&self, blocks: &[Block], input: &[i8], out: &mut [i8]) {
        let shape = self.shape;
        let (row, out_row) = (shape.w * shape.c, shape.out_w * shape.c);
        for (pair, out) in out.chunks_mut(2 * out_row).enumerate() {
            let mut rows = [None; 4];
            for (ky, begin) in rows.iter_mut().enumerate() {
                let y = (2 * pair + ky).checked_sub(shape.pad_top).filter(|&y| y < shape.h);
                *begin = y.map(|y| input[y * row..(y + 1) * row].as_ptr());
            }
            let both = out.len() > out_row;
            // SAFETY: as promised.
            unsafe { self.pair(blocks, rows, out.as_mut_ptr(), both) };
        }
    }

    /// The same where outputs take their inputs' places, with padding all round.
    ///
    /// # Safety
    /// As there; `scratch` has room for two rows.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn pairs_in_place(&self, blocks: &[Block], map: &mut [i8], scratch: &mut [i8]) {
        let len = self.shape.w * self.shape.c;
        let (mut above, rest) = scratch.split_at_mut(len);
        let mut next = &mut rest[..len];
        let mut first = true;
        let mut rest = map;
        while !rest.is_empty() {
            let both = rest.len() > len;
            let (pair, below) = rest.split_at_mut(if both { 2 * len } else { len });
            if both {
                next.copy_from_slice(&pair[len..]);
            }
            let begin = pair.as_mut_ptr();
            let rows = [
                (!first).then_some(above.as_ptr()),
                Some(begin.cast_const()),
                both.then_some(begin.wrapping_add(len).cast_const()),
                below.get(..len).map(<[i8]>::as_ptr),
            ];
            // SAFETY: as promised. A column of a block is read before it is written over, and never again.
            unsafe { self.pair(blocks, rows, begin, both) };
            core::mem::swap(&mut above, &mut next);
            (rest, first) = (below, false);
        }
    }

    /// Two rows of outputs with step 1, or the first of them if `both` is not true.
    ///
    /// # Safety
    /// AVX-512; the rows have all columns; the outputs may take the places of the two rows in the middle.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn pair(&self, blocks: &[Block], rows: [Begin; 4], out: *mut i8, both: bool) {
        for block in blocks {
            let columns = self.columns(rows, block);
            // SAFETY: as promised. What is constant is compiled without questions; 0 stands for what the block says.
            unsafe {
                let out = out.add(block.channels.from);
                match (block.channels.count, self.rectified) {
                    (LANES, true) => self.block_pair::<LANES, true>(block, &columns, out, both),
                    (LANES, false) => self.block_pair::<LANES, false>(block, &columns, out, both),
                    (HALF, true) => self.block_pair::<HALF, true>(block, &columns, out, both),
                    (HALF, false) => self.block_pair::<HALF, false>(block, &columns, out, both),
                    (_, true) => self.block_pair::<0, true>(block, &columns, out, both),
                    (_, false) => self.block_pair::<0, false>(block, &columns, out, both),
                }
            }
        }
    }

    /// # Safety
    /// As [`Self::pair`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn block_pair<const COUNT: usize, const R: bool>(
        &self,
        block: &Block,
        columns: &Columns,
        out: *mut i8,
        both: bool,
    ) {
        let count = if COUNT == 0 { block.channels.count } else { COUNT };
        let (c, out_w, left) = (self.shape.c, self.shape.out_w, self.shape.pad_left);
        // SAFETY: as promised.
        unsafe {
            let mut one = columns.at(0usize.wrapping_sub(left), count);
            let mut two = columns.at(1usize.wrapping_sub(left), count);
            for x in (0..out_w).step_by(2) {
                let three = columns.at((x + 2).wrapping_sub(left), count);
                let four = columns.at((x + 3).wrapping_sub(left), count);
                let bytes = quarters(self.bounds.bytes([
                    block.values::<R>([one, two, three], 0),
                    block.values::<R>([two, three, four], 0),
                    block.values::<R>([one, two, three], 1),
                    block.values::<R>([two, three, four], 1),
                ]));
                let to = out.add(x * c);
                let below = to.wrapping_add(out_w * c);
                let beside = x + 1 < out_w;
                store(bytes[0], to, count);
                if beside {
                    store(bytes[1], to.add(c), count);
                }
                if both {
                    store(bytes[2], below, count);
                }
                if both && beside {
                    store(bytes[3], below.add(c), count);
                }
                (one, two) = (three, four);
            }
        }
    }

    /// A row of outputs with any step.
    ///
    /// # Safety
    /// AVX-512; the rows have all columns.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn one(&self, blocks: &[Block], rows: [Begin; 3], out: *mut i8) {
        for block in blocks {
            let columns = self.columns([rows[0], rows[1], rows[2], None], block);
            // SAFETY: as promised; see [`Self::pair`].
            unsafe {
                let out = out.add(block.channels.from);
                match (block.channels.count, self.shape.stride, self.rectified) {
                    (LANES, 2, true) => self.block_one::<LANES, 2, true>(block, &columns, out),
                    (LANES, 2, false) => self.block_one::<LANES, 2, false>(block, &columns, out),
                    (HALF, 2, true) => self.block_one::<HALF, 2, true>(block, &columns, out),
                    (HALF, 2, false) => self.block_one::<HALF, 2, false>(block, &columns, out),
                    (_, _, true) => self.block_one::<0, 0, true>(block, &columns, out),
                    (_, _, false) => self.block_one::<0, 0, false>(block, &columns, out),
                }
            }
        }
    }

    /// # Safety
    /// As [`Self::one`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn block_one<const COUNT: usize, const STRIDE: usize, const R: bool>(
        &self,
        block: &Block,
        columns: &Columns,
        out: *mut i8,
    ) {
        let count = if COUNT == 0 { block.channels.count } else { COUNT };
        let stride = if STRIDE == 0 { self.shape.stride } else { STRIDE };
        let (c, out_w, left) = (self.shape.c, self.shape.out_w, self.shape.pad_left);
        // SAFETY: as promised.
        unsafe {
            let mut last = columns.at(0usize.wrapping_sub(left), count);
            for x in (0..out_w).step_by(4) {
                let mut values = [last; 4];
                let mut n = 0;
                while n < 4 {
                    let column = ((x + n) * stride).wrapping_sub(left);
                    let first = if stride == 2 { last } else { columns.at(column, count) };
                    let second = columns.at(column.wrapping_add(1), count);
                    last = columns.at(column.wrapping_add(2), count);
                    values[n] = block.values::<R>([first, second, last], 0);
                    n += 1;
                }
                let bytes = quarters(self.bounds.bytes(values));
                let mut n = 0;
                while n < 4 && x + n < out_w {
                    store(bytes[n], out.add((x + n) * c), count);
                    n += 1;
                }
            }
        }
    }
}
