//! Convolutions over channels.

use super::{clamp, entry, is_plain, words};
use crate::kernels::frame::Frame;
use crate::kernels::requant::Layer;
use crate::kernels::shape::{ConvShape, PointShape, tile_places};

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
        for (from, to) in s.window(place).zip(window.chunks_exact_mut(s.c_in)) {
            match from {
                Some(from) => to.copy_from_slice(&self.values[from..from + s.c_in]),
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
