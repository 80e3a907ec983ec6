//! The inputs of convolutions over channels: a tile of places, 128 added to each value.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]
#![allow(clippy::incompatible_msrv, reason = "only on PCs, which have the workspace's compiler")]

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::groups::{MOST_QUADS, REGISTER};
use crate::kernels::frame::{Frame, MOST_VALUES, PixelFormat};
use crate::kernels::shape::ConvShape;

/// Places that are computed together.
pub(super) const TILE: usize = 8;

/// Where the values of a tile lie: runs of so many quads, each run `line` bytes after the one before; the values of the next
/// place begin `place` bytes on.
#[derive(Clone, Copy)]
pub(super) struct Lines {
    pub at: *const u8,
    pub place: usize,
    pub runs: usize,
    pub run: usize,
    pub line: usize,
}

/// Room for the values of a tile, and to write a whole register behind them. Registers that are written across lines of the
/// processor's memory would be read back slowly.
#[repr(align(64))]
pub(super) struct Copies([MaybeUninit<u8>; 4 * TILE * MOST_QUADS + REGISTER]);

impl Copies {
    /// Nothing is written yet: it is made where it stays, as it would take time to move.
    #[inline(always)]
    pub const fn new() -> Self {
        Self([MaybeUninit::uninit(); 4 * TILE * MOST_QUADS + REGISTER])
    }

    /// For `quads` a place.
    pub fn clear(&mut self, quads: usize) {
        self.0[..4 * TILE * quads + REGISTER].fill(MaybeUninit::new(0));
    }

    /// Where a tile of `quads` a place lies that is copied here.
    fn lines(&self, quads: usize) -> Lines {
        Lines { at: self.0.as_ptr().cast(), place: 4 * quads, runs: 1, run: quads, line: 0 }
    }

    /// Writes values, 128 added, and anything behind them: what belongs there is written later.
    ///
    /// # Safety
    /// AVX-512.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn lift(&mut self, to: usize, from: &[i8]) {
        let to = self.0[to..to + from.len() + REGISTER].as_mut_ptr();
        let rest = from.len() % REGISTER;
        // SAFETY: only values that are there are read; there is room for a register behind them.
        unsafe {
            let half = _mm512_set1_epi8(-128);
            for at in (0..from.len() - rest).step_by(REGISTER) {
                let values = _mm512_loadu_si512(from.as_ptr().add(at).cast());
                _mm512_storeu_si512(to.add(at).cast(), _mm512_xor_si512(values, half));
            }
            if rest > 0 {
                let at = from.len() - rest;
                let values = _mm512_maskz_loadu_epi8((1 << rest) - 1, from.as_ptr().add(at));
                _mm512_storeu_si512(to.add(at).cast(), _mm512_xor_si512(values, half));
            }
        }
    }

    /// The same for a value that is there `count` times.
    ///
    /// # Safety
    /// AVX-512.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn fill(&mut self, to: usize, count: usize, value: i8) {
        let to = &mut self.0[to..to + count + REGISTER];
        for at in (0..count).step_by(REGISTER) {
            // SAFETY: there is room for a register behind them.
            unsafe { _mm512_storeu_si512(to.as_mut_ptr().add(at).cast(), _mm512_set1_epi8(value ^ -128)) };
        }
    }
}

/// Where the values of a place come from.
pub(super) trait Fetch {
    /// The values of `count` places, copied to `room` if they do not lie elsewhere; of those behind them anything.
    ///
    /// # Safety
    /// AVX-512; the room was cleared for such a depth.
    unsafe fn lines(&self, place: usize, count: usize, depth: usize, room: &mut Copies) -> Lines;

    /// All values, not with 128 added, if they lie place after place.
    #[inline(always)]
    fn values(&self) -> Option<&[i8]> {
        None
    }
}

pub(super) struct Dense<'x>(pub &'x [i8]);

impl Fetch for Dense<'_> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn lines(&self, place: usize, count: usize, depth: usize, room: &mut Copies) -> Lines {
        let (quads, values) = (depth.div_ceil(4), &self.0[place * depth..(place + count) * depth]);
        // SAFETY: as promised.
        unsafe {
            if depth % 4 == 0 {
                // No gaps between places.
                room.lift(0, values);
            } else {
                for (n, values) in values.chunks_exact(depth).enumerate() {
                    room.lift(4 * n * quads, values);
                }
            }
        }
        room.lines(quads)
    }

    #[inline(always)]
    fn values(&self) -> Option<&[i8]> {
        Some(self.0)
    }
}

pub(super) struct Windows<'x> {
    pub shape: &'x ConvShape,
    pub values: &'x [i8],
    pub zero: i8,
}

impl Fetch for Windows<'_> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn lines(&self, place: usize, count: usize, depth: usize, room: &mut Copies) -> Lines {
        let (shape, quads) = (self.shape, depth.div_ceil(4));
        for n in 0..count {
            let y = (place + n) / shape.out_w * shape.stride;
            let x = (place + n) % shape.out_w * shape.stride;
            let piece = shape.kernel_w * shape.c_in;
            let left = x.checked_sub(shape.pad_left).filter(|left| left + shape.kernel_w <= shape.w);
            for ky in 0..shape.kernel_h {
                let to = 4 * n * quads + ky * piece;
                let row = (y + ky).checked_sub(shape.pad_top).filter(|&row| row < shape.h);
                // SAFETY: as promised.
                unsafe {
                    if let (Some(row), Some(left)) = (row, left) {
                        // All columns are in the picture, as mostly.
                        let from = (row * shape.w + left) * shape.c_in;
                        room.lift(to, &self.values[from..from + piece]);
                    } else {
                        self.row(row, x, to, room);
                    }
                }
            }
        }
        room.lines(quads)
    }
}

impl Windows<'_> {
    /// One row of a window: columns before the picture, columns of the picture, columns behind it.
    ///
    /// # Safety
    /// AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn row(&self, row: Option<usize>, x: usize, to: usize, room: &mut Copies) {
        let ConvShape { w, c_in, kernel_w, pad_left, .. } = *self.shape;
        let first = x.saturating_sub(pad_left).min(w);
        let end = (x + kernel_w).saturating_sub(pad_left).min(w).max(first);
        // SAFETY: as promised.
        unsafe {
            let Some(row) = row else {
                return room.fill(to, kernel_w * c_in, self.zero);
            };
            let before = pad_left.saturating_sub(x).min(kernel_w);
            let inside = end - first;
            let behind = kernel_w - before - inside;
            room.fill(to, before * c_in, self.zero);
            let values = &self.values[(row * w + first) * c_in..(row * w + end) * c_in];
            room.lift(to + before * c_in, values);
            room.fill(to + (before + inside) * c_in, behind * c_in, self.zero);
        }
    }
}

/// The squares of a frame that many pixels wide and high.
pub(super) struct Squares<'x>(pub &'x Frame<'x>, pub usize);

impl Fetch for Squares<'_> {
    /// A frame's bytes are values with 128 added: squares of RGB that lie beside each other are read where they are.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn lines(&self, place: usize, count: usize, depth: usize, room: &mut Copies) -> Lines {
        let Self(frame, block) = *self;
        let (columns, piece) = (frame.width / block, 3 * block);
        let (row, column) = (place / columns, place % columns);
        let beside = count == TILE && column + TILE <= columns;
        if beside && frame.format == PixelFormat::Rgb888 && piece % 4 == 0 {
            let line = 3 * frame.width;
            let from = row * block * line + column * piece;
            let bytes = &frame.bytes[from..from + (block - 1) * line + TILE * piece];
            return Lines { at: bytes.as_ptr(), place: piece, runs: block, run: piece / 4, line };
        }
        let quads = depth.div_ceil(4);
        for n in 0..count {
            let mut bytes = [0; MOST_VALUES];
            frame.square(block, place + n, &mut bytes[..depth]);
            // SAFETY: as promised.
            unsafe { room.lift(4 * n * quads, &bytes[..depth]) };
        }
        room.lines(quads)
    }
}
