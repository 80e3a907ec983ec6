//! Shapes of the operations, and how much scratch they need.

use super::error::{KernelError, need, within};
use super::requant::Layer;

/// The longest side, and the most channels: products of two fit 32 bits.
const MOST: usize = 1 << 14;

/// A convolution 1 × 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointShape {
    /// Rows times columns.
    pub places: usize,
    /// Channels that come in.
    pub c_in: usize,
    /// Channels that come out.
    pub c_out: usize,
}

impl PointShape {
    pub(super) fn check_sides(&self) -> Result<(), KernelError> {
        within("places", self.places, 1, MOST * MOST)?;
        within("channels in", self.c_in, 1, MOST)?;
        within("channels out", self.c_out, 1, MOST)
    }

    pub(super) fn check(&self, input: &[i8], out: &[i8]) -> Result<(), KernelError> {
        self.check_sides()?;
        need("input", self.places.saturating_mul(self.c_in), input.len())?;
        need("out", self.places.saturating_mul(self.c_out), out.len())
    }
}

/// A convolution over all channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Rows that come in.
    pub h: usize,
    /// Columns that come in.
    pub w: usize,
    /// Channels that come in.
    pub c_in: usize,
    /// Rows that come out.
    pub out_h: usize,
    /// Columns that come out.
    pub out_w: usize,
    /// Channels that come out.
    pub c_out: usize,
    /// Rows of the kernel.
    pub kernel_h: usize,
    /// Columns of the kernel.
    pub kernel_w: usize,
    /// Step, rows and columns alike.
    pub stride: usize,
    /// Rows outside the picture above the first one that is read; below it is what the sizes ask for.
    pub pad_top: usize,
    /// Columns outside the picture before the first one that is read.
    pub pad_left: usize,
}

impl ConvShape {
    /// Products in one sum.
    pub const fn depth(&self) -> usize {
        self.kernel_h.saturating_mul(self.kernel_w).saturating_mul(self.c_in)
    }

    /// Of each tap of the kernel at the output `place`, row by row: where its channels begin in the input; `None`
    /// outside the picture.
    #[allow(dead_code, reason = "not all processors have fast kernels")]
    #[inline(always)]
    pub(super) fn window(&self, place: usize) -> impl Iterator<Item = Option<usize>> + '_ {
        let (y, x) = (place / self.out_w * self.stride, place % self.out_w * self.stride);
        (0..self.kernel_h * self.kernel_w).map(move |tap| {
            let row = (y + tap / self.kernel_w).checked_sub(self.pad_top).filter(|&row| row < self.h)?;
            let column =
                (x + tap % self.kernel_w).checked_sub(self.pad_left).filter(|&column| column < self.w)?;
            Some((row * self.w + column) * self.c_in)
        })
    }

    pub(super) fn check(&self, input: &[i8], out: &[i8]) -> Result<(), KernelError> {
        let sides = [self.h, self.w, self.out_h, self.out_w, self.c_in, self.c_out];
        for side in sides {
            within("side or channels", side, 1, MOST)?;
        }
        check_window([self.kernel_h, self.kernel_w], self.stride, [self.pad_top, self.pad_left])?;
        need("input", self.h.saturating_mul(self.w).saturating_mul(self.c_in), input.len())?;
        need("out", self.out_h.saturating_mul(self.out_w).saturating_mul(self.c_out), out.len())
    }
}

/// A convolution of each channel by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthShape {
    /// Rows that come in.
    pub h: usize,
    /// Columns that come in.
    pub w: usize,
    /// Channels, in and out.
    pub c: usize,
    /// Rows that come out.
    pub out_h: usize,
    /// Columns that come out.
    pub out_w: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step, rows and columns alike.
    pub stride: usize,
    /// As in [`ConvShape`].
    pub pad_top: usize,
    /// As in [`ConvShape`].
    pub pad_left: usize,
}

impl DepthShape {
    /// 3 × 3 with one row and column of padding all round; even sides for a step of 2.
    pub const fn same(h: usize, w: usize, c: usize, stride: usize) -> Self {
        let step = if stride == 0 { 1 } else { stride };
        let (out_h, out_w) = (h.div_ceil(step), w.div_ceil(step));
        Self { h, w, c, out_h, out_w, kernel: 3, stride, pad_top: 1, pad_left: 1 }
    }

    pub(super) fn check(&self, input: &[i8], out: &[i8]) -> Result<(), KernelError> {
        for side in [self.h, self.w, self.out_h, self.out_w, self.c] {
            within("side or channels", side, 1, MOST)?;
        }
        check_window([self.kernel; 2], self.stride, [self.pad_top, self.pad_left])?;
        need("input", self.h.saturating_mul(self.w).saturating_mul(self.c), input.len())?;
        need("out", self.out_h.saturating_mul(self.out_w).saturating_mul(self.c), out.len())
    }

    pub(super) fn check_in_place(&self, map: &[i8]) -> Result<(), KernelError> {
        within("kernel", self.kernel, 3, 3)?;
        within("stride", self.stride, 1, 1)?;
        within("padding", self.pad_top, 1, 1)?;
        within("padding", self.pad_left, 1, 1)?;
        within("rows out", self.out_h, self.h, self.h)?;
        within("columns out", self.out_w, self.w, self.w)?;
        self.check(map, map)
    }

    pub(super) fn check_layer(&self, layer: &Layer<'_>) -> Result<(), KernelError> {
        layer.check(self.kernel.saturating_mul(self.kernel), self.c)
    }
}

fn check_window(kernel: [usize; 2], stride: usize, pads: [usize; 2]) -> Result<(), KernelError> {
    for (kernel, pad) in kernel.into_iter().zip(pads) {
        within("kernel", kernel, 1, 63)?;
        within("padding", pad, 0, kernel - 1)?;
    }
    within("stride", stride, 1, 63)
}

/// Places whose inputs are unpacked to 16 bits together.
pub(super) const fn tile_places(depth: usize) -> usize {
    match depth {
        0..=256 => 8,
        257..=4096 => 4,
        _ => 1,
    }
}

/// Scratch for convolutions over channels: 16 bytes of constants a channel, one place as it is, a tile of places of 16 bits a
/// value, all in whole words, and room to align it.
pub(super) const fn tile_bytes(depth: usize, channels: usize) -> usize {
    let quads = depth.div_ceil(4);
    let tile = quads.saturating_mul(8 * tile_places(depth) + 4);
    channels.saturating_mul(16).saturating_add(tile).saturating_add(8)
}

/// Scratch for three rows of four channels, each channel by itself, 16 bits a value.
pub(super) const fn ring_bytes(w: usize) -> usize {
    ring_columns(w).saturating_mul(3 * 4 * 2).saturating_add(8)
}

/// Values of a row in that ring: two before, some behind, a whole number of fours.
pub(super) const fn ring_columns(w: usize) -> usize {
    w.div_ceil(4).saturating_mul(4).saturating_add(8)
}

/// Where in a row of a plane the second half of the columns lies, for a step of 2; 0 if the row is too long.
pub(super) const fn plane_halves(w: usize) -> usize {
    match w {
        0..=44 => 24,
        45..=140 => 72,
        _ => 0,
    }
}

/// A channel as a plane with padding: bytes of a row, and of all rows.
pub(super) const fn plane_bytes(shape: &DepthShape) -> (usize, usize) {
    let row = if shape.stride == 1 { shape.w.saturating_add(2) } else { 2 * plane_halves(shape.w) };
    let rows = shape.out_h.saturating_sub(1).saturating_mul(shape.stride).saturating_add(3);
    (row, row.saturating_mul(rows))
}
