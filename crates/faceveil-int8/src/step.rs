//! One step of a network: what its record in the file says, and whether that can be done.

use core::ops::Range;

use crate::format::{Kind, NONE};
use crate::kernels::{
    ConvShape, DepthShape, Layer, PointShape, Requant, Sum, Term, conv_scratch, depthwise_scratch,
    first_layer_scratch, pointwise_scratch,
};
use crate::model::{Model, ModelError, Tensor, halves};

/// A step as the file has it, its constants borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'b> {
    pub kind: Kind,
    pub kernel: [usize; 2],
    pub stride: usize,
    pub pad_top: usize,
    pub pad_left: usize,
    pub block: usize,
    /// What is read first; the input's shape where the input is read.
    pub a: Tensor,
    /// What is read second; the same as `a` if nothing is.
    pub b: Tensor,
    pub two: bool,
    pub out: Tensor,
    pub scratch: (usize, usize),
    pub constants: Constants<'b>,
}

/// What a step computes with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Constants<'b> {
    None,
    Layer(Layer<'b>),
    Sum(Sum),
    Table(&'b [i8; 256]),
}

/// Where an output may lie with regard to what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placing {
    /// Elsewhere.
    Apart,
    /// In the bytes of `a`.
    OverA,
    /// In the bytes of `b`.
    OverB,
}

/// A step's number, for its errors.
#[derive(Clone, Copy)]
struct At(usize);

impl At {
    fn wrong<N: TryInto<u64>>(self, what: &'static str, got: N) -> ModelError {
        ModelError::Step { step: self.0, what, got: got.try_into().unwrap_or(u64::MAX) }
    }

    fn need(self, what: &'static str, got: usize, want: usize) -> Result<(), ModelError> {
        if got == want { Ok(()) } else { Err(self.wrong(what, got)) }
    }

    fn within(self, what: &'static str, got: usize, least: usize, most: usize) -> Result<(), ModelError> {
        if least <= got && got <= most { Ok(()) } else { Err(self.wrong(what, got)) }
    }

    fn slice<'b>(
        self,
        model: &Model<'b>,
        what: &'static str,
        offset: u32,
        len: usize,
    ) -> Result<&'b [u8], ModelError> {
        let start = offset as usize;
        let end = start.checked_add(len);
        let bytes = end.and_then(|end| model.bytes().get(start..end));
        bytes.filter(|_| start % 4 == 0).ok_or(self.wrong(what, offset))
    }
}

/// The bytes of a word, the lowest first.
fn quarters(word: u32) -> [usize; 4] {
    word.to_le_bytes().map(usize::from)
}

impl<'b> Step<'b> {
    /// Reads a record; the constants are in the file, the tensors are there.
    pub fn read(model: &Model<'b>, n: usize, words: &[u32; 16]) -> Result<Self, ModelError> {
        let at = At(n);
        let [kind, _, rows, columns] = quarters(words[0]);
        let kind = Kind::of(kind as u8).ok_or(at.wrong("the kind", kind))?;
        let [stride, pad_top, pad_left, block] = quarters(words[1]);
        let tensor = |index: u16| model.tensor(index).ok_or(at.wrong("a tensor", index));
        let [first, second] = halves(words[2]);
        let reads_input = matches!(kind, Kind::Load | Kind::First);
        let a = if reads_input { model.input() } else { tensor(first)? };
        let b = if second == NONE { a } else { tensor(second)? };
        let out = tensor(halves(words[3])[0])?;
        let two = matches!(kind, Kind::Add | Kind::AddUpsampled | Kind::Concat | Kind::Append);
        if two != (second != NONE) {
            return Err(at.wrong("the second tensor", second));
        }
        let step = Self {
            kind,
            kernel: [rows, columns],
            stride,
            pad_top,
            pad_left,
            block,
            a,
            b,
            two,
            out,
            scratch: (words[9] as usize, words[10] as usize),
            constants: Constants::None,
        };
        let constants = match kind {
            Kind::First | Kind::Pointwise | Kind::Conv | Kind::Depthwise | Kind::TransposedConv => {
                Constants::Layer(step.read_layer(model, at, words)?)
            }
            Kind::Add | Kind::AddUpsampled => Constants::Sum(step.sum(at, words)?),
            Kind::Lookup => {
                let table = bytemuck::cast_slice(at.slice(model, "the table", words[4], 256)?);
                Constants::Table(table.first_chunk().ok_or(at.wrong("the table", words[4]))?)
            }
            _ => Constants::None,
        };
        Ok(Self { constants, ..step })
    }

    fn read_layer(&self, model: &Model<'b>, at: At, words: &[u32; 16]) -> Result<Layer<'b>, ModelError> {
        let channels = self.out.channels;
        let weights = at.slice(model, "the weights", words[4], words[5] as usize)?;
        let [bias, multiplier] = [("the biases", words[6]), ("the multipliers", words[7])]
            .map(|(what, offset)| Ok(ints(at.slice(model, what, offset, 4 * channels)?)));
        let shift = bytemuck::cast_slice(at.slice(model, "the shifts", words[8], channels)?);
        let [_, _, min, max] = words[3].to_le_bytes().map(|b| b as i8);
        let requant = Requant { multiplier: multiplier?, shift, out_zero: self.out.zero, min, max };
        Ok(Layer { weights: bytemuck::cast_slice(weights), bias: bias?, requant })
    }

    fn sum(&self, at: At, words: &[u32; 16]) -> Result<Sum, ModelError> {
        let [of_a, of_b, of_sum, _] = words[7].to_le_bytes().map(|b| b as i8);
        let [_, _, min, max] = words[3].to_le_bytes().map(|b| b as i8);
        let [a, b, multiplier] = [words[4], words[5], words[6]].map(|m| m as i32);
        for (multiplier, shift) in [(a, of_a), (b, of_b), (multiplier, of_sum)] {
            check_scale(at, multiplier, shift)?;
            at.within("a shift of a sum", shift as isize as usize, 0, 31)?;
        }
        Ok(Sum {
            a: Term { zero: self.a.zero, multiplier: a, shift: of_a },
            b: Term { zero: self.b.zero, multiplier: b, shift: of_b },
            multiplier,
            shift: of_sum,
            out_zero: self.out.zero,
            min,
            max,
        })
    }

    /// Whether the step can be done; gives its multiplications.
    pub fn check(&self, model: &Model<'_>, n: usize) -> Result<u64, ModelError> {
        let at = At(n);
        if let Constants::Layer(layer) = &self.constants {
            for (multiplier, shift) in layer.requant.multiplier.iter().zip(layer.requant.shift) {
                check_scale(at, *multiplier, *shift)?;
            }
        }
        let macs = self.check_shapes(at)?;
        self.check_places(model, at)?;
        Ok(macs)
    }

    fn check_shapes(&self, at: At) -> Result<u64, ModelError> {
        let (a, b, out) = (&self.a, &self.b, &self.out);
        let weights = match &self.constants {
            Constants::Layer(layer) => layer.weights.len(),
            _ => 0,
        };
        let sized = |h: usize, w: usize, c: usize| {
            at.need("the rows written", out.height, h)?;
            at.need("the columns written", out.width, w)?;
            at.need("the channels written", out.channels, c)
        };
        let mut macs = out.places() as u64 * weights as u64;
        match self.kind {
            Kind::Load | Kind::First => {
                let depth = self.check_input(at)?;
                at.need("the rows written", out.height, a.height / self.block)?;
                at.need("the columns written", out.width, a.width / self.block)?;
                if self.kind == Kind::Load {
                    at.need("the channels written", out.channels, depth)?;
                } else {
                    at.need("the number of weights", weights, depth * out.channels)?;
                }
            }
            Kind::Pointwise => {
                sized(a.height, a.width, out.channels)?;
                at.need("the number of weights", weights, a.channels * out.channels)?;
            }
            Kind::Conv | Kind::Depthwise => {
                self.check_window(at)?;
                if self.kind == Kind::Depthwise {
                    at.need("the channels written", out.channels, a.channels)?;
                    at.need("the rows of the kernel", self.kernel[0], self.kernel[1])?;
                }
                let depth = if self.kind == Kind::Conv { a.channels } else { 1 };
                let each = self.kernel[0] * self.kernel[1] * depth;
                at.need("the number of weights", weights, each * out.channels)?;
                if self.kind == Kind::Depthwise {
                    macs = out.len() as u64 * each as u64;
                }
            }
            Kind::TransposedConv => {
                sized(2 * a.height, 2 * a.width, out.channels)?;
                at.need("the number of weights", weights, 4 * a.channels * out.channels)?;
                macs = a.places() as u64 * weights as u64;
            }
            Kind::Add => {
                sized(a.height, a.width, a.channels)?;
                at.need("values of the second term", b.len(), a.len())?;
            }
            Kind::AddUpsampled => {
                sized(2 * a.height, 2 * a.width, a.channels)?;
                at.need("values of the second term", b.len(), out.len())?;
            }
            Kind::MaxPool => {
                at.need("odd rows", a.height % 2, 0)?;
                at.need("odd columns", a.width % 2, 0)?;
                sized(a.height / 2, a.width / 2, a.channels)?;
            }
            Kind::Upsample => sized(2 * a.height, 2 * a.width, a.channels)?,
            Kind::Concat => {
                sized(a.height, a.width, a.channels + b.channels)?;
                at.need("places of the second tensor", b.places(), a.places())?;
            }
            Kind::Append => at.need("the values written", out.len(), a.len() + b.len())?,
            Kind::Shuffle => {
                at.within("the block", self.block, 1, 64)?;
                let square = self.block * self.block;
                at.need("channels that are left over", a.channels % square, 0)?;
                sized(a.height * self.block, a.width * self.block, a.channels / square)?;
            }
            Kind::Lookup => at.need("the values written", out.len(), a.len())?,
            Kind::PadChannels => {
                at.within("the channels written", out.channels, a.channels, usize::MAX)?;
                sized(a.height, a.width, out.channels)?;
            }
        }
        Ok(macs)
    }

    /// Gives the values of a place.
    fn check_input(&self, at: At) -> Result<usize, ModelError> {
        at.within("the block", self.block, 1, 8)?;
        at.need("rows that are left over", self.a.height % self.block, 0)?;
        at.need("columns that are left over", self.a.width % self.block, 0)?;
        if self.kind == Kind::First || self.block > 1 {
            at.need("the channels of the input", self.a.channels, 3)?;
            at.need("the zero point of the input", self.a.zero.unsigned_abs().into(), 128)?;
        }
        Ok(self.block * self.block * self.a.channels)
    }

    fn check_window(&self, at: At) -> Result<(), ModelError> {
        at.within("the stride", self.stride, 1, 63)?;
        let axes =
            [(self.a.height, self.out.height, self.pad_top), (self.a.width, self.out.width, self.pad_left)];
        for ((side, out, pad), kernel) in axes.into_iter().zip(self.kernel) {
            at.within("the kernel", kernel, 1, 63)?;
            at.within("the padding", pad, 0, kernel - 1)?;
            // The last window begins inside.
            at.within("a side written", out, 1, (side + pad).div_ceil(self.stride))?;
        }
        Ok(())
    }

    /// Bytes of scratch.
    pub fn scratch_need(&self) -> usize {
        match self.kind {
            Kind::First => first_layer_scratch(self.block, self.out.channels),
            Kind::Pointwise => pointwise_scratch(&self.point()),
            Kind::Conv => conv_scratch(&self.conv()),
            Kind::Depthwise => depthwise_scratch(&self.depth()),
            _ => 0,
        }
    }

    /// Values read and written, at most.
    pub fn touched(&self) -> u64 {
        let second = if self.two { self.b.len() } else { 0 };
        self.out.len() as u64 + self.a.len() as u64 + second as u64
    }

    fn check_places(&self, model: &Model<'_>, at: At) -> Result<(), ModelError> {
        let (offset, len) = self.scratch;
        at.within("the scratch's length", len, self.scratch_need(), model.arena_len())?;
        at.within("the scratch's end", offset.saturating_add(len), 0, model.arena_len())?;
        let scratch = offset..offset + len;
        let mut others = [Some(self.out.range()), None, None];
        if !matches!(self.kind, Kind::Load | Kind::First) {
            others[1] = Some(self.a.range());
            others[2] = self.two.then(|| self.b.range());
        }
        if others.iter().flatten().any(|range| meet(range, &scratch)) {
            return Err(at.wrong("the scratch's offset, which other values have,", offset));
        }
        // A run borrows both apart, or one of them twice.
        let (a, b) = (self.a.range(), self.b.range());
        if self.two && a != b && meet(&a, &b) {
            return Err(at.wrong("the offset of the second value, which the first one has,", self.b.offset));
        }
        let placing = self.placing();
        for (range, over) in [(&others[1], Placing::OverA), (&others[2], Placing::OverB)] {
            let apart = range.as_ref().is_none_or(|range| !meet(range, &self.out.range()));
            if placing != over && !apart {
                return Err(at.wrong("the offset written, which is still read,", self.out.offset));
            }
        }
        Ok(())
    }

    /// Whether the output takes the place of what is read: where the kernels can do that.
    pub fn placing(&self) -> Placing {
        let over = |tensor: &Tensor| tensor.offset == self.out.offset;
        match self.kind {
            Kind::Add | Kind::AddUpsampled if over(&self.b) => Placing::OverB,
            Kind::Add | Kind::MaxPool | Kind::Lookup if over(&self.a) => Placing::OverA,
            Kind::Depthwise
                if over(&self.a)
                    && self.depth() == DepthShape::same(self.a.height, self.a.width, self.a.channels, 1) =>
            {
                Placing::OverA
            }
            _ => Placing::Apart,
        }
    }

    pub fn point(&self) -> PointShape {
        PointShape { places: self.a.places(), c_in: self.a.channels, c_out: self.out.channels }
    }

    pub fn conv(&self) -> ConvShape {
        ConvShape {
            h: self.a.height,
            w: self.a.width,
            c_in: self.a.channels,
            out_h: self.out.height,
            out_w: self.out.width,
            c_out: self.out.channels,
            kernel_h: self.kernel[0],
            kernel_w: self.kernel[1],
            stride: self.stride,
            pad_top: self.pad_top,
            pad_left: self.pad_left,
        }
    }

    pub fn depth(&self) -> DepthShape {
        DepthShape {
            h: self.a.height,
            w: self.a.width,
            c: self.a.channels,
            out_h: self.out.height,
            out_w: self.out.width,
            kernel: self.kernel[0],
            stride: self.stride,
            pad_top: self.pad_top,
            pad_left: self.pad_left,
        }
    }
}

fn meet(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end && !a.is_empty() && !b.is_empty()
}

fn ints(bytes: &[u8]) -> &[i32] {
    // They begin at a multiple of 4 in a file that does.
    bytemuck::try_cast_slice(bytes).unwrap_or_default()
}

/// Multipliers are halves or more, as Q0.31; 0 stands for a channel that is nothing.
fn check_scale(at: At, multiplier: i32, shift: i8) -> Result<(), ModelError> {
    if multiplier != 0 && multiplier < 1 << 30 {
        return Err(at.wrong("a multiplier", multiplier));
    }
    at.within("a shift, plus 30,", (i32::from(shift) + 30) as usize, 0, 61)
}
