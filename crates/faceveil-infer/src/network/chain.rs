//! A chain of convolutions at work, a block of rows at a time: the rows between them stay in the second-level
//! cache and never go to memory.

use super::arithmetic::Arithmetic;
use super::plan::{Finish, Source};
use super::run::{Fill, Picture, grown, pool_row};
use crate::kernels::int8::SLACK;

/// What the rows between two convolutions of a chain may take, in bytes: a share of a second-level cache.
const BLOCK_BYTES: usize = 256 * 1024;

/// The memory that chains work in.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch<V> {
    /// Rows of the input, for a 3×3 convolution over all channels.
    framed: Ring<V>,
    /// A row between the two convolutions of a source.
    between: Vec<V>,
    /// Rows between source and depthwise part.
    wide: Ring<V>,
    /// Rows between depthwise part and finish.
    deep: Vec<V>,
}

/// The youngest rows of something that is made row by row, each with a pixel of zeros on both sides
/// and [`SLACK`] values of anything behind.
#[derive(Clone, Debug, Default)]
struct Ring<V> {
    /// Row `i` is the `i % rows`-th here.
    data: Vec<V>,
    /// Stands for the rows above and below.
    zeros: Vec<V>,
    rows: usize,
    len: usize,
    channels: usize,
    made: usize,
}

impl<V: Copy + Default> Ring<V> {
    /// Forgets all rows, and holds `rows` of `width` pixels from now on; `pad` stands for 0.
    fn start(&mut self, rows: usize, width: usize, channels: usize, pad: V) {
        let len = (width + 2) * channels;
        (self.rows, self.len, self.channels, self.made) = (rows, len + SLACK, channels, 0);
        grown(&mut self.zeros, self.len).fill(pad);
        for row in grown(&mut self.data, rows * self.len).chunks_exact_mut(self.len) {
            row[..channels].fill(pad);
            row[len - channels..].fill(pad);
        }
    }

    /// The next row, to be made.
    fn next(&mut self) -> &mut [V] {
        let start = self.made % self.rows * self.len;
        self.made += 1;
        &mut self.data[start + self.channels..start + self.len - SLACK - self.channels]
    }

    /// The rows above, at and below `middle`, all made and not yet replaced.
    fn around(&self, middle: usize) -> [&[V]; 3] {
        let row = |at: Option<usize>| match at {
            Some(at) if at < self.made => &self.data[at % self.rows * self.len..][..self.len],
            _ => &self.zeros[..self.len],
        };
        [row(middle.checked_sub(1)), row(Some(middle)), row(Some(middle + 1))]
    }
}

/// A chain and what it reads.
pub(super) struct Chain<'a, A: Arithmetic> {
    pub arithmetic: &'a A,
    pub input: &'a Picture<A::Value>,
    /// Makes the rows of the input if it is the picture itself, which is nowhere as a whole.
    pub fill: Option<Fill<'a, A::Value>>,
    pub source: &'a Source<A>,
    pub depth: Option<&'a (A::Depth, usize)>,
    pub finish: &'a Finish<A>,
    pub residual: Option<&'a Picture<A::Value>>,
}

impl<A: Arithmetic> Chain<'_, A> {
    /// Size and channels of what the source makes.
    fn source_shape(&self) -> (usize, usize, usize) {
        let (h, w) = (self.input.height, self.input.width);
        match self.source {
            Source::Copy => (h, w, self.input.channels),
            Source::Point(weights) => (h, w, A::outputs(weights)),
            Source::Full3 { weights, stride, then } => {
                (h.div_ceil(*stride), w.div_ceil(*stride), A::outputs(then.as_ref().unwrap_or(weights)))
            }
        }
    }

    pub fn run(&self, scratch: &mut Scratch<A::Value>, out: &mut Picture<A::Value>) {
        let (source_height, source_width, channels) = self.source_shape();
        let stride = self.depth.map_or(1, |d| d.1);
        let (height, width) = (source_height.div_ceil(stride), source_width.div_ceil(stride));
        match self.finish {
            Finish::None => out.reshape(height, width, channels),
            Finish::Pool => out.reshape(height / 2, width / 2, channels),
            Finish::Point { weights, .. } => out.reshape(height, width, A::outputs(weights)),
        }
        let row_bytes = source_width * channels * size_of::<A::Value>();
        // Even, so that a pool finds both its rows.
        let rows = (BLOCK_BYTES / row_bytes.max(1)).clamp(2, 16) & !1;
        if let Source::Full3 { weights, .. } = self.source {
            scratch.framed.start(3, self.input.width, self.input.channels, A::point_pad(weights));
        }
        if let Some((weights, _)) = self.depth {
            scratch.wide.start(rows * stride + 2, source_width, channels, A::depth_pad(weights));
        }
        let mut deep = std::mem::take(&mut scratch.deep);
        for y in (0..height).step_by(rows) {
            let count = rows.min(height - y);
            if let Finish::None = self.finish {
                self.deep_rows(scratch, y, count, out.rows_mut(y, count));
            } else {
                let deep = grown(&mut deep, count * width * channels);
                self.deep_rows(scratch, y, count, deep);
                self.finish_rows(deep, out, y, count);
            }
        }
        scratch.deep = deep;
    }

    /// `count` rows from `y` on of what goes into the finish.
    fn deep_rows(&self, scratch: &mut Scratch<A::Value>, y: usize, count: usize, to: &mut [A::Value]) {
        let Scratch { framed, between, wide, .. } = scratch;
        let len = to.len() / count;
        let Some((weights, stride)) = self.depth else {
            for (i, to) in to.chunks_exact_mut(len).enumerate() {
                self.source_row(y + i, framed, between, to);
            }
            return;
        };
        let end = ((y + count - 1) * stride + 2).min(self.source_shape().0);
        while wide.made < end {
            self.source_row(wide.made, framed, between, wide.next());
        }
        for (i, to) in to.chunks_exact_mut(len).enumerate() {
            let rows = wide.around((y + i) * stride);
            self.arithmetic.depth_row(rows, *stride, weights, to);
        }
    }

    fn finish_rows(&self, deep: &[A::Value], out: &mut Picture<A::Value>, y: usize, count: usize) {
        match self.finish {
            Finish::None => {}
            Finish::Pool => {
                let (channels, len) = (out.channels, deep.len() / count);
                for (i, two) in deep.chunks_exact(2 * len).enumerate() {
                    pool_row(&two[..len], &two[len..], channels, out.rows_mut(y / 2 + i, 1));
                }
            }
            Finish::Point { weights, .. } => {
                let residual = self.residual.map(|r| r.rows(y, count));
                self.arithmetic.point(deep, weights, residual, out.rows_mut(y, count));
            }
        }
    }

    /// One row of what the source makes; rows are asked for from the first to the last.
    fn source_row(
        &self,
        y: usize,
        framed: &mut Ring<A::Value>,
        between: &mut Vec<A::Value>,
        to: &mut [A::Value],
    ) {
        match self.source {
            Source::Copy => to.copy_from_slice(self.input.rows(y, 1)),
            Source::Point(weights) => self.arithmetic.point(self.input.rows(y, 1), weights, None, to),
            Source::Full3 { weights, stride, then } => {
                let middle = y * stride;
                while framed.made < (middle + 2).min(self.input.height) {
                    let at = framed.made;
                    match self.fill {
                        Some(fill) => fill(at, framed.next()),
                        None => framed.next().copy_from_slice(self.input.rows(at, 1)),
                    }
                }
                let rows = framed.around(middle);
                match then {
                    None => self.arithmetic.full_row(rows, *stride, weights, to),
                    Some(then) => {
                        let len = to.len() / A::outputs(then) * A::outputs(weights);
                        let between = grown(between, len);
                        self.arithmetic.full_row(rows, *stride, weights, between);
                        self.arithmetic.point(between, then, None, to);
                    }
                }
            }
        }
    }
}
