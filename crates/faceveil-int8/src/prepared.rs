//! A network that is run many times on a PC: what a run would do again each time is done once, in memory of its own.

use std::vec::Vec;

use crate::format::Kind;
use crate::kernels::Packed;
use crate::model::Model;
use crate::run::{Input, RunError, disjoint};
use crate::step::{Constants, Step};

/// A network whose steps are read and whose weights lie in the order that this processor's kernels want. Gives the bits of
/// [`Model::run`], faster.
pub struct Prepared<'b> {
    model: Model<'b>,
    steps: Vec<(Step<'b>, Option<Packed>)>,
}

impl<'b> Prepared<'b> {
    /// Takes about as much memory as the file.
    ///
    /// # Errors
    /// [`RunError::Model`], which [`Model::parse`] rules out.
    pub fn new(model: Model<'b>) -> Result<Self, RunError> {
        let prepare = |n| {
            let step = model.step(n)?;
            Ok((step, pack(&step)))
        };
        let steps = (0..model.steps()).map(prepare).collect::<Result<_, RunError>>()?;
        Ok(Self { model, steps })
    }

    /// The network.
    pub fn model(&self) -> &Model<'b> {
        &self.model
    }

    /// See [`Model::run`].
    ///
    /// # Errors
    /// As there.
    pub fn run<'m>(&self, input: Input<'_>, arena: &'m mut [i8]) -> Result<&'m [i8], RunError> {
        let bytes = self.model.begin(&input, arena)?;
        for (step, packed) in &self.steps {
            let done = match packed {
                Some(packed) => run_packed(step, packed, input, bytes)?,
                None => false,
            };
            if !done {
                step.run(input, bytes)?;
            }
        }
        Ok(self.model.read(0, arena))
    }
}

/// The weights of a convolution over channels.
fn pack(step: &Step<'_>) -> Option<Packed> {
    let Constants::Layer(layer) = &step.constants else { return None };
    let depth = match step.kind {
        Kind::First => 3 * step.block * step.block,
        Kind::Pointwise => step.point().c_in,
        Kind::Conv => step.conv().depth(),
        _ => return None,
    };
    Packed::of(layer, depth)
}

/// Whether the step was done.
fn run_packed(
    step: &Step<'_>,
    packed: &Packed,
    input: Input<'_>,
    arena: &mut [i8],
) -> Result<bool, RunError> {
    let Constants::Layer(layer) = &step.constants else { return Ok(false) };
    Ok(match (step.kind, input) {
        (Kind::First, Input::Frame(frame)) => {
            let [out] = disjoint(arena, [step.out.range()])?;
            packed.first_layer(&frame, step.block, layer, out)?
        }
        (Kind::Pointwise, _) => {
            let [a, out] = disjoint(arena, [step.a.range(), step.out.range()])?;
            packed.pointwise(&step.point(), a, layer, out)?
        }
        (Kind::Conv, _) => {
            let [a, out] = disjoint(arena, [step.a.range(), step.out.range()])?;
            packed.conv(&step.conv(), a, step.a.zero, layer, out)?
        }
        _ => false,
    })
}
