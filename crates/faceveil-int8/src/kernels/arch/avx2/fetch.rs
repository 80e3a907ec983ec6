//! The inputs of convolutions over channels: a tile of places, each a line of words.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]

use core::arch::x86_64::*;

use super::{PAIR, TILE};
use crate::kernels::frame::{Frame, MOST_VALUES, PixelFormat};
use crate::kernels::shape::ConvShape;

/// Where the values of a place come from.
pub(super) trait Fetch {
    /// Writes the values of `place`, widened and doubled.
    fn fetch(&self, place: usize, values: &mut [i16]);

    /// Writes those of `count` places, each into a line of its own.
    #[inline(always)]
    fn tile(&self, place: usize, count: usize, depth: usize, x: &mut [i16]) {
        each(self, place, count, depth, x);
    }
}

/// [`Fetch::tile`] place by place.
#[inline(always)]
fn each(from: &(impl Fetch + ?Sized), place: usize, count: usize, depth: usize, x: &mut [i16]) {
    let line = x.len() / TILE;
    for (index, values) in x.chunks_exact_mut(line).take(count).enumerate() {
        from.fetch(place + index, &mut values[..depth]);
    }
}

#[inline(always)]
fn widen(from: &[i8], to: &mut [i16]) {
    let (mut many, mut wide) = (from.chunks_exact(PAIR), to.chunks_exact_mut(PAIR));
    for (from, to) in (&mut many).zip(&mut wide) {
        for i in 0..PAIR {
            to[i] = 2 * i16::from(from[i]);
        }
    }
    for (from, to) in many.remainder().iter().zip(wide.into_remainder()) {
        *to = 2 * i16::from(*from);
    }
}

pub(super) struct Dense<'x>(pub &'x [i8]);

impl Fetch for Dense<'_> {
    #[inline(always)]
    fn fetch(&self, place: usize, values: &mut [i16]) {
        let depth = values.len();
        widen(&self.0[place * depth..(place + 1) * depth], values);
    }

    #[inline(always)]
    fn tile(&self, place: usize, count: usize, depth: usize, x: &mut [i16]) {
        if depth % 2 == 0 {
            // No gaps between lines.
            widen(&self.0[place * depth..(place + count) * depth], &mut x[..count * depth]);
        } else {
            each(self, place, count, depth, x);
        }
    }
}

pub(super) struct Windows<'x> {
    pub shape: &'x ConvShape,
    pub values: &'x [i8],
    pub zero: i8,
}

impl Fetch for Windows<'_> {
    #[inline(always)]
    fn fetch(&self, place: usize, values: &mut [i16]) {
        let s = self.shape;
        for (from, to) in s.window(place).zip(values.chunks_exact_mut(s.c_in)) {
            match from {
                Some(from) => widen(&self.values[from..from + s.c_in], to),
                None => to.fill(2 * i16::from(self.zero)),
            }
        }
    }
}

/// The squares of a frame that many pixels wide and high.
pub(super) struct Squares<'x>(pub &'x Frame<'x>, pub usize);

impl Fetch for Squares<'_> {
    #[inline(always)]
    fn fetch(&self, place: usize, values: &mut [i16]) {
        let mut bytes = [0; MOST_VALUES];
        let bytes = &mut bytes[..values.len()];
        self.0.square(self.1, place, bytes);
        widen(bytes, values);
    }

    #[inline(always)]
    fn tile(&self, place: usize, count: usize, depth: usize, x: &mut [i16]) {
        let Self(frame, block) = *self;
        let columns = frame.width / block.max(1);
        let (row, column) = (place / columns.max(1), place % columns.max(1));
        let beside = count == TILE && column + TILE <= columns;
        if beside && (frame.format, block) == (PixelFormat::Rgb888, SIDE) {
            let from = 3 * SIDE * (row * frame.width + column);
            // SAFETY: only those who have asked the processor come here.
            unsafe { four_squares(&frame.bytes[from..], 3 * frame.width, x) };
        } else {
            each(self, place, count, depth, x);
        }
    }
}

/// The side of squares that are read without detours, and the values of one's line.
const SIDE: usize = 4;
const PIECE: usize = 3 * SIDE;

/// The squares of a tile whose places lie beside each other, from the first one's first byte on.
///
/// # Safety
/// AVX2.
#[target_feature(enable = "avx2")]
unsafe fn four_squares(bytes: &[u8], row: usize, x: &mut [i16]) {
    assert!(bytes.len() >= (SIDE - 1) * row + TILE * PIECE && x.len() >= TILE * SIDE * PIECE);
    // SAFETY: 16 values are read and written where 12 are meant, but for the last ones: more pixels follow in the frame, and
    // what is too much in `x` is written over by the next ones. The last ones are twice eight.
    unsafe {
        let half = _mm256_set1_epi16(128);
        let (from, to) = (bytes.as_ptr(), x.as_mut_ptr());
        for piece in 0..TILE * SIDE - 1 {
            let at = from.add(piece % SIDE * row + piece / SIDE * PIECE);
            let values = _mm256_sub_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128(at.cast())), half);
            _mm256_storeu_si256(to.add(piece * PIECE).cast(), _mm256_add_epi16(values, values));
        }
        let (from, to) = (from.add((SIDE - 1) * row + (TILE - 1) * PIECE), to.add((TILE * SIDE - 1) * PIECE));
        for at in [0, 4] {
            let values = _mm_cvtepu8_epi16(_mm_loadl_epi64(from.add(at).cast()));
            let values = _mm_sub_epi16(values, _mm256_castsi256_si128(half));
            _mm_storeu_si128(to.add(at).cast(), _mm_add_epi16(values, values));
        }
    }
}
