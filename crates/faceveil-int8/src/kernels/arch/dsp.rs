//! Cortex-M4 and M7: two products of 16 bits an instruction. The assembly lies in `dsp.s`.
//!
//! Convolutions over channels unpack a tile of places to 16 bits once, doubled so that the rounding multiplication
//! (SMMLAR) is the first of the two roundings, and let every output channel's weights run over it. Depthwise ones
//! unpack three rows of four channels into planes, where neighbours in a row lie in one word.

use core::arch::global_asm;

use super::{clamp, is_plain};
use crate::kernels::frame::Frame;
use crate::kernels::requant::Layer;
use crate::kernels::shape::{ConvShape, DepthShape, PointShape, ring_columns, tile_places};
use crate::kernels::sum::{Sum, Term};

global_asm!(include_str!("dsp.s"), options(raw));

unsafe extern "C" {
    /// Reads `8 · places · quads` bytes at `x` (words), `4 · quads · channels` weights, `16 · channels` bytes of the
    /// table, and writes `channels` bytes at `out` for each of `places` that lie `stride` apart; likewise the next two.
    fn fv_dsp_tile_1(
        x: *const u32,
        w: *const i8,
        quads: usize,
        table: *const [i32; 4],
        channels: usize,
        out: *mut i8,
        stride: usize,
    );
    fn fv_dsp_tile_4(
        x: *const u32,
        w: *const i8,
        quads: usize,
        table: *const [i32; 4],
        channels: usize,
        out: *mut i8,
        stride: usize,
    );
    fn fv_dsp_tile_8(
        x: *const u32,
        w: *const i8,
        quads: usize,
        table: *const [i32; 4],
        channels: usize,
        out: *mut i8,
        stride: usize,
    );
    /// Reads `4 · quads` bytes, `quads` at least 1, writes two words each `step` bytes.
    fn fv_dsp_pack(x: *const i8, quads: usize, dst: *mut u32, step: usize);
    /// Reads 4 bytes at each of `columns` (even, at least 2) places `step` apart, writes `2 · columns` bytes to each of
    /// four planes that lie `plane` bytes apart.
    fn fv_dsp_spread(x: *const i8, step: usize, columns: usize, dst: *mut u32, plane: usize);
    /// Four channels of one row of outputs; changes `job.out`.
    fn fv_dsp_row1(job: *mut Job);
    fn fv_dsp_row2(job: *mut Job);
    /// Reads `len` (at least 1) bytes each, writes as many; `terms` as in [`Terms`].
    fn fv_dsp_add(a: *const i8, b: *const i8, out: *mut i8, len: usize, terms: *const Terms);
}

/// Scratch as words: up to three bytes in front are left out.
fn words(scratch: &mut [i8]) -> &mut [u32] {
    // SAFETY: any bits are a word.
    unsafe { scratch.align_to_mut::<u32>().1 }
}

/// Twice the bias, multiplier, twice the rounding with the zero point, and shift.
fn entry(layer: &Layer<'_>, (bias, multiplier, shift): (i32, i32, i8)) -> [i32; 4] {
    let rounding = (2 * i32::from(layer.requant.out_zero) + 1) << shift;
    [2 * bias, multiplier, rounding, shift.into()]
}

/// A convolution over channels, as tiles of places.
struct Tiles<'a> {
    layer: &'a Layer<'a>,
    depth: usize,
    channels: usize,
    /// Four words a channel, then a row of weights if the depth is no multiple of 4, then the tile.
    table: &'a mut [u32],
    row: &'a mut [u32],
    tile: &'a mut [u32],
}

impl<'a> Tiles<'a> {
    /// `None` if the layer is not plain or the scratch too short.
    fn new(layer: &'a Layer<'a>, depth: usize, channels: usize, scratch: &'a mut [i8]) -> Option<Self> {
        if !is_plain(layer, depth) {
            return None;
        }
        let quads = depth.div_ceil(4);
        let (table, rest) = words(scratch).split_at_mut_checked(4 * channels)?;
        let (row, tile) = rest.split_at_mut_checked(quads)?;
        if tile.len() < 2 * quads * tile_places(depth) {
            return None;
        }
        for (entries, channel) in table.chunks_exact_mut(4).zip(layer.channels()) {
            for (to, value) in entries.iter_mut().zip(entry(layer, channel)) {
                *to = value as u32;
            }
        }
        Some(Self { layer, depth, channels, table, row, tile })
    }

    /// All places; `fetch` gives the values of one, which it may put into the buffer.
    fn run<'x>(mut self, places: usize, mut fetch: impl Fetch<'x>, out: &mut [i8]) {
        let mut place = 0;
        while place < places {
            let most = tile_places(self.depth).min(places - place);
            let count = if most >= 8 {
                8
            } else if most >= 4 {
                4
            } else {
                1
            };
            for index in 0..count {
                self.pack(&mut fetch, place + index, index, count);
            }
            let from = place * self.channels;
            if let Some(out) = out.get_mut(from..from + count * self.channels) {
                self.multiply(count, out);
                clamp(out, &self.layer.requant);
            }
            place += count;
        }
    }

    /// Unpacks one place into the tile, as number `index` of `count`.
    fn pack<'x>(&mut self, fetch: &mut impl Fetch<'x>, place: usize, index: usize, count: usize) {
        let (quads, whole) = (self.depth.div_ceil(4), self.depth / 4);
        // SAFETY: as many bytes as words, fewer than `quads` words are used.
        let buffer = unsafe { self.row.align_to_mut::<i8>().1 };
        let values = fetch.fetch(place, buffer);
        debug_assert!(values.len() == self.depth && self.tile.len() >= 2 * quads * count);
        let first = 2 * index;
        let mut tail = [0i8; 4];
        tail[..self.depth % 4].copy_from_slice(&values[4 * whole..]);
        // SAFETY: `values` has 4 · whole bytes; the last word written is 2 · count · (quads - 1) + first + 1, which
        // lies in the tile as `index < count`.
        unsafe {
            let to = self.tile.as_mut_ptr().add(first);
            if whole > 0 {
                fv_dsp_pack(values.as_ptr(), whole, to, 8 * count);
            }
            if whole < quads {
                fv_dsp_pack(tail.as_ptr(), 1, to.add(2 * count * whole), 8 * count);
            }
        }
    }

    /// All channels of `count` places, 1, 4 or 8.
    fn multiply(&mut self, count: usize, out: &mut [i8]) {
        let tile = match count {
            8 => fv_dsp_tile_8,
            4 => fv_dsp_tile_4,
            _ => fv_dsp_tile_1,
        };
        let (quads, channels) = (self.depth.div_ceil(4), self.channels);
        debug_assert!(out.len() == count * channels && self.table.len() == 4 * channels);
        let (x, table) = (self.tile.as_ptr(), self.table.as_ptr().cast::<[i32; 4]>());
        if self.depth % 4 == 0 {
            let weights = self.layer.weights.as_ptr();
            // SAFETY: the tile holds 2 · quads · count words (checked in `new`), the weights channels · depth bytes
            // (checked by the caller of this module), table and `out` as asserted.
            unsafe { tile(x, weights, quads, table, channels, out.as_mut_ptr(), channels) };
            return;
        }
        for (channel, weights) in self.layer.weights.chunks_exact(self.depth).enumerate() {
            // SAFETY: any bits are bytes.
            let row = unsafe { self.row.align_to_mut::<i8>().1 };
            row[..weights.len()].copy_from_slice(weights);
            row[weights.len()..].fill(0);
            // SAFETY: as above, for one channel, whose row of weights was filled up with zeros.
            unsafe {
                tile(x, row.as_ptr(), quads, table.add(channel), 1, out.as_mut_ptr().add(channel), channels)
            };
        }
    }
}

/// Where the values of a place come from.
trait Fetch<'x> {
    /// The values of `place`; `buffer` may hold them.
    fn fetch<'b>(&mut self, place: usize, buffer: &'b mut [i8]) -> &'b [i8]
    where
        'x: 'b;
}

/// Values that lie one place after the other.
struct Dense<'x> {
    values: &'x [i8],
    depth: usize,
}

impl<'x> Fetch<'x> for Dense<'x> {
    fn fetch<'b>(&mut self, place: usize, _: &'b mut [i8]) -> &'b [i8]
    where
        'x: 'b,
    {
        &self.values[place * self.depth..(place + 1) * self.depth]
    }
}

/// The window of each output of a convolution.
struct Windows<'x> {
    shape: &'x ConvShape,
    values: &'x [i8],
    zero: i8,
}

impl<'x> Fetch<'x> for Windows<'x> {
    fn fetch<'b>(&mut self, place: usize, buffer: &'b mut [i8]) -> &'b [i8]
    where
        'x: 'b,
    {
        let s = self.shape;
        let window = &mut buffer[..s.depth()];
        let (y, x) = (place / s.out_w * s.stride, place % s.out_w * s.stride);
        for (tap, to) in window.chunks_exact_mut(s.c_in).enumerate() {
            let row = (y + tap / s.kernel_w).checked_sub(s.pad_top).filter(|&row| row < s.h);
            let column = (x + tap % s.kernel_w).checked_sub(s.pad_left).filter(|&column| column < s.w);
            match row.zip(column) {
                Some((row, column)) => {
                    let from = (row * s.w + column) * s.c_in;
                    to.copy_from_slice(&self.values[from..from + s.c_in]);
                }
                None => to.fill(self.zero),
            }
        }
        window
    }
}

/// The squares of a frame.
struct Squares<'x> {
    frame: &'x Frame<'x>,
    block: usize,
}

impl<'x> Fetch<'x> for Squares<'x> {
    fn fetch<'b>(&mut self, place: usize, buffer: &'b mut [i8]) -> &'b [i8]
    where
        'x: 'b,
    {
        let values = &mut buffer[..3 * self.block * self.block];
        self.frame.square(self.block, place, values);
        values
    }
}

pub(in crate::kernels) fn name() -> &'static str {
    "DSP"
}

pub(in crate::kernels) fn pointwise(
    shape: &PointShape,
    input: &[i8],
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    let Some(tiles) = Tiles::new(layer, shape.c_in, shape.c_out, scratch) else { return false };
    tiles.run(shape.places, Dense { values: input, depth: shape.c_in }, out);
    true
}

pub(in crate::kernels) fn conv(
    shape: &ConvShape,
    input: &[i8],
    in_zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    let Some(tiles) = Tiles::new(layer, shape.depth(), shape.c_out, scratch) else { return false };
    tiles.run(shape.out_h * shape.out_w, Windows { shape, values: input, zero: in_zero }, out);
    true
}

pub(in crate::kernels) fn first_layer(
    frame: &Frame<'_>,
    block: usize,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    let (depth, channels) = (3 * block * block, layer.bias.len());
    let Some(tiles) = Tiles::new(layer, depth, channels, scratch) else { return false };
    tiles.run(out.len() / channels, Squares { frame, block }, out);
    true
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

/// The doubled terms of every value (as its bits, unsigned), and the sum's scale.
#[repr(C)]
struct Terms {
    a: [i32; 256],
    b: [i32; 256],
    multiplier: i32,
    rounding: i32,
    shift: i32,
}

/// Fewer values are summed faster one by one than by making the tables.
const WORTH_TABLES: usize = 512;

impl Terms {
    /// Runs `with` on the tables; `false` if a step might overflow 32 bits, or tables are not worth it.
    #[inline(never)]
    fn with(sum: &Sum, len: usize, with: &mut dyn FnMut(&Self)) -> bool {
        let small = |term: &Term| term.multiplier >= 0 && term.shift >= 0;
        let plain = (1..=22).contains(&sum.shift) && sum.multiplier >= 0 && small(&sum.a) && small(&sum.b);
        if !plain || len < WORTH_TABLES {
            return false;
        }
        let rounding = (2 * i32::from(sum.out_zero) + 1) << (sum.shift - 1);
        let (multiplier, shift) = (sum.multiplier, sum.shift.into());
        // Filled where it is: a copy would double the stack.
        let mut terms = Self { a: [0; 256], b: [0; 256], multiplier, rounding, shift };
        for (bits, (a, b)) in terms.a.iter_mut().zip(&mut terms.b).enumerate() {
            *a = 2 * sum.a.scaled(bits as u8 as i8);
            *b = 2 * sum.b.scaled(bits as u8 as i8);
        }
        with(&terms);
        true
    }

    /// # Safety
    /// As for `fv_dsp_add`.
    unsafe fn add(&self, sum: &Sum, a: *const i8, b: *mut i8, len: usize) {
        // SAFETY: `b` is written where it was read.
        unsafe {
            fv_dsp_add(a, b, b, len, self);
            if sum.min > i8::MIN || sum.max < i8::MAX {
                for i in 0..len {
                    *b.add(i) = (*b.add(i)).max(sum.min).min(sum.max);
                }
            }
        }
    }
}

pub(in crate::kernels) fn add_in_place(sum: &Sum, a: &[i8], b: &mut [i8]) -> bool {
    let len = a.len().min(b.len());
    // SAFETY: both have `len` values, not 0.
    Terms::with(sum, len, &mut |terms| unsafe { terms.add(sum, a.as_ptr(), b.as_mut_ptr(), len) })
}

pub(in crate::kernels) fn add_upsampled_in_place(
    sum: &Sum,
    [_, w, c]: [usize; 3],
    a: &[i8],
    b: &mut [i8],
) -> bool {
    Terms::with(sum, b.len(), &mut |terms| {
        for (row, pair) in a.chunks_exact(w * c).zip(b.chunks_exact_mut(4 * w * c)) {
            for line in pair.chunks_exact_mut(2 * w * c) {
                for (place, square) in row.chunks_exact(c).zip(line.chunks_exact_mut(2 * c)) {
                    for b in square.chunks_exact_mut(c) {
                        // SAFETY: both have `c` values, at least 1.
                        unsafe { terms.add(sum, place.as_ptr(), b.as_mut_ptr(), c) };
                    }
                }
            }
        }
    })
}
