//! Convolutions of each channel by itself.

use super::{clamp, entry, is_plain, words};
use crate::kernels::requant::Layer;
use crate::kernels::shape::{DepthShape, ring_columns};

unsafe extern "C" {
    /// Reads 4 bytes at each of `columns` (even, at least 2) places `step` apart, writes `2 · columns` bytes to each of
    /// four planes that lie `plane` bytes apart.
    fn fv_dsp_spread(x: *const i8, step: usize, columns: usize, dst: *mut u32, plane: usize);
    /// Four channels of one row of outputs; changes `job.out`.
    fn fv_dsp_row1(job: *mut Job);
    fn fv_dsp_row2(job: *mut Job);
}

/// What the row kernels read.
#[repr(C)]
struct Job {
    /// Three rows of the ring, from the word before the first column on.
    rows: [*const u32; 3],
    /// Four channels' constants.
    table: *const [i32; 10],
    out: *mut i8,
    /// Bytes from one place of the output to the next.
    stride: usize,
    columns: usize,
    /// Bytes of a plane.
    plane: usize,
}

/// Three rows of four channels, each a plane of 16 bits a value, with a column of zero points at both ends.
struct Ring<'a> {
    words: &'a mut [u32],
    /// Words of a plane.
    plane: usize,
    columns: usize,
    zero: i8,
}

impl<'a> Ring<'a> {
    fn new(scratch: &'a mut [i8], columns: usize, zero: i8) -> Option<Self> {
        let plane = ring_columns(columns) / 2;
        let words = words(scratch).get_mut(..12 * plane)?;
        words.fill(pair(zero));
        Some(Self { words, plane, columns, zero })
    }

    fn slot(&self, row: usize) -> usize {
        row % 3 * 4 * self.plane
    }

    /// A row outside the picture.
    fn clear(&mut self, slot: usize) {
        let (from, zero) = (self.slot(slot), pair(self.zero));
        self.words[from..from + 4 * self.plane].fill(zero);
    }

    /// Four channels of a row; `step` is the number of channels.
    fn load(&mut self, slot: usize, row: &[i8], step: usize) {
        let from = self.slot(slot) + 1;
        let whole = self.columns & !1;
        debug_assert!(
            row.len() >= (self.columns - 1) * step + 4 && self.words.len() >= from + 4 * self.plane - 1
        );
        if whole > 0 {
            // SAFETY: the last column read begins at (columns - 1) · step; a plane has columns / 2 words and more behind
            // its first one.
            unsafe {
                let to = self.words.as_mut_ptr().add(from);
                fv_dsp_spread(row.as_ptr(), step, whole, to, 4 * self.plane);
            }
        }
        if whole < self.columns {
            for (channel, &value) in row[whole * step..].iter().take(4).enumerate() {
                let word = u32::from(i16::from(value) as u16) | pair(self.zero) << 16;
                self.words[from + channel * self.plane + whole / 2] = word;
            }
        }
    }
}

fn pair(value: i8) -> u32 {
    u32::from(i16::from(value) as u16) * 0x1_0001
}

/// Weights in pairs, doubled, and the channel's constants: see `fv_row` in `dsp.s`.
fn depth_entry(layer: &Layer<'_>, channels: usize, channel: usize) -> [i32; 10] {
    let weight = |tap: usize| 2 * i32::from(layer.weights[tap * channels + channel]);
    let pair = |tap: usize| (weight(tap) & 0xffff) | weight(tap + 1) << 16;
    let requant = &layer.requant;
    let channel = (layer.bias[channel], requant.multiplier[channel], requant.shift[channel]);
    let [bias, multiplier, rounding, shift] = entry(layer, channel);
    [pair(0), pair(1), pair(3), pair(4), pair(6), pair(7), bias, shift, multiplier, rounding]
}

/// Whether the row kernels take this.
fn takes(shape: &DepthShape, layer: &Layer<'_>) -> bool {
    let steps = (1..=2).contains(&shape.stride) && shape.out_w == shape.w.div_ceil(shape.stride);
    let around = shape.pad_top <= 1 && shape.pad_left == 1;
    shape.kernel == 3 && steps && around && shape.c % 4 == 0 && is_plain(layer, 9)
}

/// A map that is read and, maybe the same, one that is written.
struct Maps {
    from: *const i8,
    to: *mut i8,
}

/// # Safety
/// `maps.from` has `h · w · c` values, `maps.to` `out_h · out_w · c`. They are the same or do not overlap; the same only
/// with step 1 and padding 1: an output row is written when the rows down to the next one were read.
unsafe fn planes(shape: &DepthShape, maps: &Maps, zero: i8, layer: &Layer<'_>, scratch: &mut [i8]) -> bool {
    if !takes(shape, layer) {
        return false;
    }
    let Some(mut ring) = Ring::new(scratch, shape.w, zero) else { return false };
    for quad in (0..shape.c).step_by(4) {
        let table: [[i32; 10]; 4] = core::array::from_fn(|i| depth_entry(layer, shape.c, quad + i));
        let mut loaded = 0;
        for y in 0..shape.out_h {
            // Rows are counted with the padding above as row 0 of the ring.
            let first = y * shape.stride;
            for row in loaded.max(first)..first + 3 {
                match row.checked_sub(shape.pad_top).filter(|&row| row < shape.h) {
                    None => ring.clear(row),
                    Some(inside) => {
                        let start = inside * shape.w * shape.c + quad;
                        // SAFETY: the row from this quad on, of which `load` reads w - 1 steps and 4 values.
                        let len = (shape.w - 1) * shape.c + 4;
                        let values = unsafe { core::slice::from_raw_parts(maps.from.add(start), len) };
                        ring.load(row, values, shape.c);
                    }
                }
            }
            loaded = first + 3;
            // SAFETY: the output's row and quad lie in the map; planes have 4 · ceil(out_w / 4) · stride + 4 values and
            // more from their first word on, which is what the kernel reads.
            unsafe {
                let mut job = Job {
                    rows: [0, 1, 2].map(|i| ring.words.as_ptr().add(ring.slot(first + i))),
                    table: table.as_ptr(),
                    out: maps.to.add(y * shape.out_w * shape.c + quad),
                    stride: shape.c,
                    columns: shape.out_w,
                    plane: 4 * ring.plane,
                };
                if shape.stride == 1 { fv_dsp_row1(&mut job) } else { fv_dsp_row2(&mut job) }
            }
        }
    }
    true
}

pub(in crate::kernels) fn depthwise(
    shape: &DepthShape,
    input: &[i8],
    in_zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    let maps = Maps { from: input.as_ptr(), to: out.as_mut_ptr() };
    // SAFETY: the lengths were checked by the caller of this module; an exclusive slice overlaps no other.
    let done = unsafe { planes(shape, &maps, in_zero, layer, scratch) };
    if done {
        clamp(out, &layer.requant);
    }
    done
}

pub(in crate::kernels) fn depthwise_in_place(
    shape: &DepthShape,
    map: &mut [i8],
    in_zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
) -> bool {
    let to = map.as_mut_ptr();
    // SAFETY: the caller of this module has checked the length, step 1 and padding 1.
    let done = unsafe { planes(shape, &Maps { from: to, to }, in_zero, layer, scratch) };
    if done {
        clamp(map, &layer.requant);
    }
    done
}
