//! Running a network: its steps one after the other, in memory of the caller.

use core::fmt;
use core::ops::Range;

use crate::format::Kind;
use crate::kernels::{self, Frame, KernelError, Layer};
#[cfg(feature = "all-steps")]
use crate::model::Tensor;
use crate::model::{Model, ModelError};
use crate::step::{Constants, Placing, Step};

/// What a network looks at.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A camera's frame of the input's size, for a network whose input is RGB with scale 1/255 and zero point -128.
    Frame(Frame<'a>),
    /// The input's values, row by row, channels last; see [`Model::quantize_input`]. Not for a network whose first
    /// step unshuffles.
    Values(&'a [i8]),
}

/// Why a network was not run.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum RunError {
    /// The arena is too short.
    Arena {
        /// Bytes needed.
        need: usize,
        /// Bytes there.
        got: usize,
    },
    /// The input has another size.
    Size {
        /// Rows and columns of the network's.
        need: [usize; 2],
        /// What was given.
        got: [usize; 2],
    },
    /// There are more or fewer values than the input has.
    Values {
        /// Values needed.
        need: usize,
        /// Values there.
        got: usize,
    },
    /// The network does not take frames (its input is not RGB of 0 to 255), or takes nothing but frames.
    Kind,
    /// Values lie upon one another in the arena; [`Model::parse`] rules that out.
    Places,
    /// A kernel refused; [`Model::parse`] rules that out but for the frame.
    Kernel(KernelError),
    /// The file is not what was parsed; ruled out likewise.
    Model(ModelError),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arena { need, got } => write!(f, "the arena has {got} bytes, the network needs {need}"),
            Self::Size { need: [rows, columns], got: [h, w] } => {
                write!(f, "the frame has {h} rows and {w} columns, the network takes {rows} and {columns}")
            }
            Self::Values { need, got } => write!(f, "the input has {got} values, the network takes {need}"),
            Self::Kind => f.write_str("the network does not take such an input"),
            Self::Places => f.write_str("values lie upon one another in the arena"),
            Self::Kernel(e) => e.fmt(f),
            Self::Model(e) => e.fmt(f),
        }
    }
}

impl core::error::Error for RunError {}

impl From<KernelError> for RunError {
    fn from(e: KernelError) -> Self {
        Self::Kernel(e)
    }
}

impl From<ModelError> for RunError {
    fn from(e: ModelError) -> Self {
        Self::Model(e)
    }
}

impl Model<'_> {
    /// Runs the network; the first output is a slice of `arena`, the others are got by [`Self::read`]. Never allocates.
    ///
    /// # Errors
    /// [`RunError`] if the arena is too short or the input is not the network's.
    pub fn run<'m>(&self, input: Input<'_>, arena: &'m mut [i8]) -> Result<&'m [i8], RunError> {
        let bytes = self.begin(&input, arena)?;
        for n in 0..self.steps() {
            self.step(n)?.run(input, bytes)?;
        }
        Ok(self.read(0, arena))
    }

    /// The part of the arena that a run uses, if it can be done with such an input.
    pub(crate) fn begin<'m>(&self, input: &Input<'_>, arena: &'m mut [i8]) -> Result<&'m mut [i8], RunError> {
        self.check_input(input)?;
        let got = arena.len();
        arena.get_mut(..self.arena_len()).ok_or(RunError::Arena { need: self.arena_len(), got })
    }

    /// The values of output `n` after a run; nothing if there is no such output.
    pub fn read<'m>(&self, n: usize, arena: &'m [i8]) -> &'m [i8] {
        self.output(n).and_then(|t| arena.get(t.range())).unwrap_or_default()
    }

    fn check_input(&self, input: &Input<'_>) -> Result<(), RunError> {
        let own = self.input();
        match input {
            Input::Frame(frame) => {
                let (need, got) = ([own.height, own.width], [frame.height, frame.width]);
                if own.channels != 3 || own.zero != -128 {
                    Err(RunError::Kind)
                } else if need != got {
                    Err(RunError::Size { need, got })
                } else {
                    Ok(())
                }
            }
            Input::Values(values) if values.len() != own.len() => {
                Err(RunError::Values { need: own.len(), got: values.len() })
            }
            Input::Values(_) => Ok(()),
        }
    }
}

impl Step<'_> {
    pub(crate) fn run(&self, input: Input<'_>, arena: &mut [i8]) -> Result<(), RunError> {
        let scratch = self.scratch.0..self.scratch.0.saturating_add(self.scratch.1);
        match (self.kind, self.placing()) {
            (Kind::Load | Kind::First, _) => {
                let [out, scratch] = disjoint(arena, [self.out.range(), scratch])?;
                self.enter(input, scratch, out)
            }
            (_, Placing::OverA) => {
                let [a, b, scratch] = disjoint(arena, [self.a.range(), self.second(), scratch])?;
                self.over_a(a, b, scratch)
            }
            (_, Placing::OverB) => {
                let [a, b] = disjoint(arena, [self.a.range(), self.b.range()])?;
                match &self.constants {
                    Constants::Sum(sum) if self.kind == Kind::AddUpsampled => {
                        Ok(kernels::add_upsampled_in_place(sum, self.a.shape(), a, b)?)
                    }
                    Constants::Sum(sum) => Ok(kernels::add_in_place(sum, a, b)?),
                    _ => Err(RunError::Kind),
                }
            }
            (_, Placing::Apart) => {
                let [a, b, out, scratch] =
                    disjoint(arena, [self.a.range(), self.second(), self.out.range(), scratch])?;
                // The same tensor twice is one slice.
                let b = if self.two && b.is_empty() { &*a } else { &*b };
                self.apart(a, b, scratch, out)
            }
        }
    }

    /// The second tensor's bytes; none if there is none, or it is the first one again.
    fn second(&self) -> Range<usize> {
        if self.two && self.b.offset != self.a.offset { self.b.range() } else { 0..0 }
    }

    fn layer(&self) -> Result<&Layer<'_>, RunError> {
        match &self.constants {
            Constants::Layer(layer) => Ok(layer),
            _ => Err(RunError::Kind),
        }
    }

    fn enter(&self, input: Input<'_>, scratch: &mut [i8], out: &mut [i8]) -> Result<(), RunError> {
        match (self.kind, input) {
            (Kind::First, Input::Frame(frame)) => {
                Ok(kernels::first_layer(&frame, self.block, self.layer()?, scratch, out)?)
            }
            (Kind::Load, Input::Frame(frame)) => Ok(kernels::unshuffle(&frame, self.block, out)?),
            (Kind::Load, Input::Values(values)) if self.block == 1 && values.len() == out.len() => {
                out.copy_from_slice(values);
                Ok(())
            }
            _ => Err(RunError::Kind),
        }
    }

    fn over_a(&self, a: &mut [i8], b: &mut [i8], scratch: &mut [i8]) -> Result<(), RunError> {
        match (self.kind, &self.constants) {
            (Kind::Add, Constants::Sum(sum)) => {
                let swapped = kernels::Sum { a: sum.b, b: sum.a, ..*sum };
                Ok(kernels::add_in_place(&swapped, b, a)?)
            }
            #[cfg(feature = "all-steps")]
            (Kind::MaxPool, _) => Ok(kernels::max_pool2x2_in_place(self.a.shape(), a)?),
            (Kind::Lookup, Constants::Table(table)) => {
                kernels::lookup_in_place(table, a);
                Ok(())
            }
            (Kind::Depthwise, Constants::Layer(layer)) => {
                Ok(kernels::depthwise_in_place(&self.depth(), a, self.a.zero, layer, scratch)?)
            }
            _ => Err(RunError::Kind),
        }
    }

    fn apart(&self, a: &[i8], b: &[i8], scratch: &mut [i8], out: &mut [i8]) -> Result<(), RunError> {
        match (self.kind, &self.constants) {
            (Kind::Pointwise, Constants::Layer(layer)) => {
                kernels::pointwise(&self.point(), a, layer, scratch, out)?;
            }
            (Kind::Depthwise, Constants::Layer(layer)) => {
                kernels::depthwise(&self.depth(), a, self.a.zero, layer, scratch, out)?;
            }
            (Kind::Add, Constants::Sum(sum)) => kernels::add(sum, a, b, out)?,
            (Kind::AddUpsampled, Constants::Sum(sum)) => {
                kernels::add_upsampled(sum, self.a.shape(), a, b, out)?;
            }
            (Kind::Lookup, Constants::Table(table)) => kernels::lookup(table, a, out)?,
            #[cfg(feature = "all-steps")]
            _ => self.other(a, b, scratch, out)?,
            #[cfg(not(feature = "all-steps"))]
            _ => return Err(RunError::Kind),
        }
        Ok(())
    }

    /// The steps that gate networks do not have.
    #[cfg(feature = "all-steps")]
    fn other(&self, a: &[i8], b: &[i8], scratch: &mut [i8], out: &mut [i8]) -> Result<(), RunError> {
        let Tensor { height, width, channels, zero, .. } = self.a;
        let shape = self.a.shape();
        match (self.kind, &self.constants) {
            (Kind::Conv, Constants::Layer(layer)) => {
                kernels::conv(&self.conv(), a, zero, layer, scratch, out)?;
            }
            (Kind::TransposedConv, Constants::Layer(layer)) => {
                kernels::transposed_conv2x2((height, width), &self.point(), a, zero, layer, out)?;
            }
            (Kind::MaxPool, _) => kernels::max_pool2x2(shape, a, out)?,
            (Kind::Upsample, _) => kernels::upsample2x2(shape, a, out)?,
            (Kind::Concat, _) => {
                kernels::concat(self.a.places(), (a, channels), (b, self.b.channels), out)?;
            }
            (Kind::Append, _) => {
                let (first, second) = out.split_at_mut_checked(a.len()).ok_or(RunError::Kind)?;
                first.copy_from_slice(a);
                if second.len() != b.len() {
                    return Err(RunError::Kind);
                }
                second.copy_from_slice(b);
            }
            (Kind::Shuffle, _) => kernels::shuffle(shape, self.block, a, out)?,
            (Kind::PadChannels, _) => {
                for (from, to) in a.chunks_exact(channels).zip(out.chunks_exact_mut(self.out.channels)) {
                    let (values, rest) = to.split_at_mut_checked(channels).ok_or(RunError::Kind)?;
                    values.copy_from_slice(from);
                    rest.fill(self.out.zero);
                }
            }
            _ => return Err(RunError::Kind),
        }
        Ok(())
    }
}

/// The slices of `ranges`, which do not meet (empty ones meet nothing), in their order.
pub(crate) fn disjoint<const N: usize>(
    arena: &mut [i8],
    ranges: [Range<usize>; N],
) -> Result<[&mut [i8]; N], RunError> {
    let mut order: [usize; N] = core::array::from_fn(|i| i);
    order.sort_unstable_by_key(|&i| ranges[i].start);
    let mut slices: [&mut [i8]; N] = core::array::from_fn(|_| &mut [][..]);
    let (mut rest, mut begun) = (arena, 0);
    for i in order {
        let range = &ranges[i];
        if range.is_empty() {
            continue;
        }
        let cut =
            |rest: &'_ [i8]| range.start.checked_sub(begun).filter(|skip| skip + range.len() <= rest.len());
        let skip = cut(rest).ok_or(RunError::Places)?;
        let (_, after) = rest.split_at_mut(skip);
        let (slice, after) = after.split_at_mut(range.len());
        (slices[i], rest, begun) = (slice, after, range.end);
    }
    Ok(slices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_come_in_the_order_asked_for() {
        let mut arena = [0, 1, 2, 3, 4, 5, 6, 7];
        let [a, none, b] = disjoint(&mut arena, [5..7, 6..6, 0..2]).unwrap();
        assert_eq!((&*a, &*none, &*b), (&[5, 6][..], &[][..], &[0, 1][..]));
        assert_eq!(disjoint(&mut arena, [2..5, 4..6]).unwrap_err(), RunError::Places);
        assert_eq!(disjoint(&mut arena, [2..5, 5..9]).unwrap_err(), RunError::Places);
    }
}
