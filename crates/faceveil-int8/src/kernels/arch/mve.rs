//! Cortex-M55 and M85: vectors of 128 bits. The assembly lies in `mve.s`.
//!
//! Convolutions over channels take 16 products of one place and one output channel at once, four channels side by side
//! so that their sums share a vector. Depthwise ones lay a whole channel out as a plane and take four columns at once,
//! weights as scalars; for a step of 2 even and odd columns lie apart.

use core::arch::global_asm;

use super::{clamp, is_plain, is_plain_sum};
use crate::kernels::frame::{Frame, PixelFormat};
use crate::kernels::requant::Layer;
use crate::kernels::shape::{ConvShape, DepthShape, PointShape, plane_bytes, plane_halves};
use crate::kernels::sum::Sum;

global_asm!(include_str!("mve.s"), options(raw));

unsafe extern "C" {
    /// Reads `places · depth` values at `x` and `depth` weights at each of `rows`, writes `count` bytes at `out` for
    /// each place.
    fn fv_mve_point(job: *const PointJob);
    /// Reads a byte at each column of each row, writes as many.
    fn fv_mve_plane(job: *const PlaneJob);
    /// Read the plane from its first byte to the last column of the last row that an output needs, write a byte for each
    /// output. Step 1; step 2 with the other half of the columns 24 or 72 bytes behind.
    fn fv_mve_depth_step1(job: *const DepthJob);
    fn fv_mve_depth_step2_24(job: *const DepthJob);
    fn fv_mve_depth_step2_72(job: *const DepthJob);
    /// Reads four rows of four pixels, `row` bytes apart, writes 48 bytes.
    fn fv_mve_rgb565(pixels: *const u8, row: usize, to: *mut i8);
    /// Reads `len` bytes (at least 1) each, writes `b`.
    fn fv_mve_add(a: *const i8, b: *mut i8, len: usize, job: *const AddJob);
}

#[repr(C)]
struct PointJob {
    rows: [*const i8; 4],
    x: *const i8,
    out: *mut i8,
    places: usize,
    depth: usize,
    /// Bytes from one place of the output to the next.
    stride: usize,
    zero: i32,
    count: usize,
    bias: [i32; 4],
    multiplier: [i32; 4],
    negative_shift: [i32; 4],
}

/// All channels of `places` places that lie one after the other in `x`.
fn multiply(layer: &Layer<'_>, depth: usize, places: usize, x: &[i8], out: &mut [i8]) {
    let channels = layer.bias.len();
    assert!(x.len() == places * depth && out.len() == places * channels && places > 0 && depth > 0);
    assert!(layer.weights.len() == depth * channels);
    let requant = &layer.requant;
    for first in (0..channels).step_by(4) {
        // Behind the last channel that one again: it is not stored.
        let of: [usize; 4] = core::array::from_fn(|i| (first + i).min(channels - 1));
        let job = PointJob {
            // SAFETY: each row lies in the weights.
            rows: of.map(|channel| unsafe { layer.weights.as_ptr().add(channel * depth) }),
            x: x.as_ptr(),
            // SAFETY: `first` lies in the first place.
            out: unsafe { out.as_mut_ptr().add(first) },
            places,
            depth,
            stride: channels,
            zero: requant.out_zero.into(),
            count: channels - first,
            bias: of.map(|channel| layer.bias[channel]),
            multiplier: of.map(|channel| requant.multiplier[channel]),
            negative_shift: of.map(|channel| -i32::from(requant.shift[channel])),
        };
        // SAFETY: lengths as asserted; a store has no more than 4 lanes and `count` at most.
        unsafe { fv_mve_point(&job) };
    }
    clamp(out, requant);
}

/// Tiles of places that are put together in scratch.
fn tiles(
    layer: &Layer<'_>,
    depth: usize,
    scratch: &mut [i8],
    out: &mut [i8],
    fetch: impl Fn(usize, &mut [i8]),
) -> bool {
    let channels = layer.bias.len();
    let most = scratch.len() / depth;
    if !is_plain(layer, depth) || most == 0 {
        return false;
    }
    let most = most.min(32);
    for (tile, out) in out.chunks_mut(most * channels).enumerate() {
        let places = out.len() / channels;
        let x = &mut scratch[..places * depth];
        for (index, values) in x.chunks_exact_mut(depth).enumerate() {
            fetch(tile * most + index, values);
        }
        multiply(layer, depth, places, x, out);
    }
    true
}

pub(in crate::kernels) fn name() -> &'static str {
    "MVE"
}

pub(in crate::kernels) fn pointwise(
    shape: &PointShape,
    input: &[i8],
    layer: &Layer<'_>,
    _: &mut [i8],
    out: &mut [i8],
) -> bool {
    let plain = is_plain(layer, shape.c_in);
    if plain {
        multiply(layer, shape.c_in, shape.places, input, out);
    }
    plain
}

pub(in crate::kernels) fn conv(
    shape: &ConvShape,
    input: &[i8],
    in_zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    let s = shape;
    tiles(layer, s.depth(), scratch, out, |place, window| {
        for (from, to) in s.window(place).zip(window.chunks_exact_mut(s.c_in)) {
            match from {
                Some(from) => to.copy_from_slice(&input[from..from + s.c_in]),
                None => to.fill(in_zero),
            }
        }
    })
}

pub(in crate::kernels) fn first_layer(
    frame: &Frame<'_>,
    block: usize,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    tiles(layer, 3 * block * block, scratch, out, |place, values| {
        if !square(frame, block, place, values) {
            frame.square(block, place, values);
        }
    })
}

/// [`Frame::square`] for what our networks take; `false` for all else.
#[inline]
fn square(frame: &Frame<'_>, block: usize, place: usize, values: &mut [i8]) -> bool {
    if frame.format != PixelFormat::Rgb565 || block != 4 || values.len() != 48 || frame.width < 4 {
        return false;
    }
    let (row, columns) = (2 * frame.width, frame.width / 4);
    let start = place / columns * 4 * row + place % columns * 8;
    let Some(pixels) = frame.bytes.get(start..start + 3 * row + 8) else { return false };
    // SAFETY: four rows of 8 bytes lie in the slice, and there are 48 values.
    unsafe { fv_mve_rgb565(pixels.as_ptr(), row, values.as_mut_ptr()) };
    true
}

#[repr(C)]
struct PlaneJob {
    offsets: [u16; 8],
    x: *const i8,
    to: *mut i8,
    columns: usize,
    rows: usize,
    eight: usize,
    x_row: usize,
    to_row: usize,
}

#[repr(C)]
struct DepthJob {
    offsets: [u32; 4],
    next_row: isize,
    out_row: usize,
    rows: usize,
    columns: usize,
    next_four: usize,
    bias: i32,
    multiplier: i32,
    negative_shift: i32,
    zero: i32,
    out: *mut i8,
    plane: *const i8,
    plane_row: usize,
    weights: [i32; 9],
}

/// Which columns of the map go where in a row of the plane: first one, distance, number, where to.
type Part = (usize, usize, usize, usize);

/// The parts of a row.
fn parts(shape: &DepthShape) -> [Part; 2] {
    let (w, pad) = (shape.w, shape.pad_left);
    if shape.stride == 1 {
        return [(0, 1, w, pad), (0, 1, 0, 0)];
    }
    let middle = plane_halves(w);
    if pad == 1 {
        // Outputs read the column before, their own, and the one behind: odd, even, odd.
        [(1, 2, w / 2, 1), (0, 2, w.div_ceil(2), middle)]
    } else {
        [(0, 2, w.div_ceil(2), 0), (1, 2, w / 2, middle)]
    }
}

fn takes(shape: &DepthShape, layer: &Layer<'_>) -> bool {
    let steps = shape.stride == 1 || (shape.stride == 2 && plane_halves(shape.w) > 0);
    let columns = shape.out_w == shape.w.div_ceil(shape.stride);
    let around = shape.pad_top <= 1 && shape.pad_left <= 1 && shape.c <= 4096;
    shape.kernel == 3 && steps && columns && around && is_plain(layer, 9)
}

/// # Safety
/// `from` has `h · w · c` values, `to` `out_h · out_w · c`. They are the same or do not overlap: a channel is written
/// when all of it was read.
unsafe fn planes(
    shape: &DepthShape,
    [from, to]: [*mut i8; 2],
    in_zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
) -> bool {
    let (row, len) = plane_bytes(shape);
    if !takes(shape, layer) || scratch.len() < len {
        return false;
    }
    let scratch = &mut scratch[..len];
    scratch.fill(in_zero);
    let rows = shape.h.min((shape.out_h - 1) * shape.stride + 3 - shape.pad_top);
    let DepthShape { w, c, out_h, out_w, stride, .. } = *shape;
    for channel in 0..c {
        for (first, distance, columns, at) in parts(shape) {
            if columns == 0 {
                continue;
            }
            let step = distance * c;
            let job = PlaneJob {
                offsets: core::array::from_fn(|i| (i * step) as u16),
                // SAFETY: column `first` is there if `columns` is not 0; the plane's rows begin with the padding.
                x: unsafe { from.add(first * c + channel) },
                to: unsafe { scratch.as_mut_ptr().add(shape.pad_top * row + at) },
                columns,
                rows,
                eight: 8 * step,
                x_row: w * c,
                to_row: row,
            };
            // SAFETY: columns and rows lie in the map and, by `plane_bytes`, in the plane.
            unsafe { fv_mve_plane(&job) };
        }
        let requant = &layer.requant;
        let job = DepthJob {
            offsets: core::array::from_fn(|i| (i * c) as u32),
            next_row: (row * stride) as isize - (out_w.div_ceil(4) * 4) as isize,
            out_row: out_w * c,
            rows: out_h,
            columns: out_w,
            next_four: 4 * c,
            bias: layer.bias[channel],
            multiplier: requant.multiplier[channel],
            negative_shift: -i32::from(requant.shift[channel]),
            zero: requant.out_zero.into(),
            // SAFETY: the channel's first output.
            out: unsafe { to.add(channel) },
            plane: scratch.as_ptr(),
            plane_row: row,
            weights: core::array::from_fn(|tap| layer.weights[tap * c + channel].into()),
        };
        // SAFETY: the plane has the rows and columns that the outputs need (`plane_bytes`).
        unsafe {
            match (stride, plane_halves(w)) {
                (1, _) => fv_mve_depth_step1(&job),
                (_, 24) => fv_mve_depth_step2_24(&job),
                _ => fv_mve_depth_step2_72(&job),
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
    let maps = [input.as_ptr().cast_mut(), out.as_mut_ptr()];
    // SAFETY: the lengths were checked by the caller of this module; `input` is only read.
    let done = unsafe { planes(shape, maps, in_zero, layer, scratch) };
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
    // SAFETY: the caller of this module has checked the length, step 1 and padding 1: as many outputs as inputs.
    let done = unsafe { planes(shape, [map.as_mut_ptr(); 2], in_zero, layer, scratch) };
    if done {
        clamp(map, &layer.requant);
    }
    done
}

#[repr(C)]
struct AddJob {
    zeros: [i32; 2],
    multipliers: [i32; 2],
    negative_shifts: [i32; 2],
    multiplier: i32,
    negative_shift: i32,
    zero: i32,
}

impl AddJob {
    /// `None` if a step might overflow 32 bits.
    fn new(sum: &Sum) -> Option<Self> {
        let both = [&sum.a, &sum.b];
        is_plain_sum(sum).then(|| Self {
            zeros: both.map(|t| t.zero.into()),
            multipliers: both.map(|t| t.multiplier),
            negative_shifts: both.map(|t| -i32::from(t.shift)),
            multiplier: sum.multiplier,
            negative_shift: -i32::from(sum.shift),
            zero: sum.out_zero.into(),
        })
    }

    fn add(&self, sum: &Sum, a: &[i8], b: &mut [i8]) {
        let len = a.len().min(b.len());
        if len == 0 {
            return;
        }
        // SAFETY: both have `len` values.
        unsafe { fv_mve_add(a.as_ptr(), b.as_mut_ptr(), len, self) };
        if sum.min > i8::MIN || sum.max < i8::MAX {
            for value in b {
                *value = (*value).max(sum.min).min(sum.max);
            }
        }
    }
}

pub(in crate::kernels) fn add_in_place(sum: &Sum, a: &[i8], b: &mut [i8]) -> bool {
    let Some(job) = AddJob::new(sum) else { return false };
    job.add(sum, a, b);
    true
}

pub(in crate::kernels) fn add_upsampled_in_place(
    sum: &Sum,
    [_, w, c]: [usize; 3],
    a: &[i8],
    b: &mut [i8],
) -> bool {
    let Some(job) = AddJob::new(sum) else { return false };
    for (row, pair) in a.chunks_exact(w * c).zip(b.chunks_exact_mut(4 * w * c)) {
        for line in pair.chunks_exact_mut(2 * w * c) {
            for (place, square) in row.chunks_exact(c).zip(line.chunks_exact_mut(2 * c)) {
                for b in square.chunks_exact_mut(c) {
                    job.add(sum, place, b);
                }
            }
        }
    }
    true
}
