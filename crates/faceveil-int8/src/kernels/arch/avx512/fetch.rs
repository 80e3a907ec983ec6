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

    /// The bytes of a tile's places.
    fn places(&mut self, quads: usize) -> impl Iterator<Item = &mut [u8]> {
        // SAFETY: as many were written when this was cleared for so many quads.
        let bytes = unsafe { core::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), 4 * TILE * quads) };
        bytes.chunks_exact_mut(4 * quads)
    }
}

/// [`Fetch::lines`] place by place.
#[inline(always)]
fn copied(
    from: &(impl Fetch + ?Sized),
    place: usize,
    count: usize,
    depth: usize,
    room: &mut Copies,
) -> Lines {
    let quads = depth.div_ceil(4);
    for (n, values) in room.places(quads).take(count).enumerate() {
        from.fetch(place + n, &mut values[..depth]);
    }
    room.lines(quads)
}

/// Where the values of a place come from.
pub(super) trait Fetch {
    /// Writes the values of `place`, each with 128 added.
    fn fetch(&self, place: usize, values: &mut [u8]);

    /// The values of `count` places, copied to `room` if they do not lie elsewhere; of those behind them anything.
    ///
    /// # Safety
    /// AVX-512; the room was cleared for such a depth.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn lines(&self, place: usize, count: usize, depth: usize, room: &mut Copies) -> Lines {
        copied(self, place, count, depth, room)
    }

    /// All values, not with 128 added, if they lie place after place.
    #[inline(always)]
    fn values(&self) -> Option<&[i8]> {
        None
    }
}

fn lift(from: &[i8], to: &mut [u8]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = (from as u8) ^ 0x80);
}

pub(super) struct Dense<'x>(pub &'x [i8]);

impl Fetch for Dense<'_> {
    #[inline(always)]
    fn fetch(&self, place: usize, values: &mut [u8]) {
        let depth = values.len();
        lift(&self.0[place * depth..(place + 1) * depth], values);
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn lines(&self, place: usize, count: usize, depth: usize, room: &mut Copies) -> Lines {
        if depth % 4 != 0 {
            return copied(self, place, count, depth, room);
        }
        // No gaps between places.
        let from = &self.0[place * depth..(place + count) * depth];
        for at in (0..from.len()).step_by(REGISTER) {
            let left = (from.len() - at).min(REGISTER);
            // SAFETY: only values that are there are read; the room has one more register than a tile.
            unsafe {
                let values = _mm512_maskz_loadu_epi8(u64::MAX >> (REGISTER - left), from.as_ptr().add(at));
                let values = _mm512_xor_si512(values, _mm512_set1_epi8(-128));
                _mm512_storeu_si512(room.0.as_mut_ptr().add(at).cast(), values);
            }
        }
        room.lines(depth / 4)
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

/// The squares of a frame that many pixels wide and high.
pub(super) struct Squares<'x>(pub &'x Frame<'x>, pub usize);

impl Fetch for Squares<'_> {
    #[inline(always)]
    fn fetch(&self, place: usize, values: &mut [u8]) {
        let mut bytes = [0; MOST_VALUES];
        self.0.square(self.1, place, &mut bytes[..values.len()]);
        lift(&bytes[..values.len()], values);
    }

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
        copied(self, place, count, depth, room)
    }
}
