//! A network that is run many times on a PC: what a run would do again each time is done once, in memory of its own.

use std::vec::Vec;

use crate::format::Kind;
use crate::kernels::{Packed, Transposed};
use crate::model::Model;
use crate::run::{Input, RunError, disjoint};
use crate::step::{Constants, Step};

/// A network whose steps are read and whose weights lie in the order that this processor's kernels want. Gives the bits of
/// [`Model::run`], faster.
pub struct Prepared<'b> {
    model: Model<'b>,
    steps: Vec<(Step<'b>, Option<Ready>)>,
}

/// What a convolution over channels has ready.
enum Ready {
    Packed(Packed),
    Transposed(Transposed),
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
        for n in 0..self.steps.len() {
            self.step(n, input, bytes)?;
        }
        Ok(self.model.read(0, arena))
    }

    fn step(&self, n: usize, input: Input<'_>, arena: &mut [i8]) -> Result<(), RunError> {
        let (step, ready) = &self.steps[n];
        let done = match ready {
            Some(Ready::Packed(packed)) => run_packed(step, packed, input, arena)?,
            Some(Ready::Transposed(transposed)) => {
                let [a, out] = disjoint(arena, [step.a.range(), step.out.range()])?;
                transposed.run(step.a.width, &step.point(), a, out)?
            }
            None => false,
        };
        if done { Ok(()) } else { step.run(input, arena) }
    }
}

/// The weights of a convolution over channels.
fn pack(step: &Step<'_>) -> Option<Ready> {
    let Constants::Layer(layer) = &step.constants else { return None };
    let depth = match step.kind {
        Kind::First => 3 * step.block * step.block,
        Kind::Pointwise => step.point().c_in,
        Kind::Conv => step.conv().depth(),
        Kind::TransposedConv => {
            return Transposed::of(layer, step.a.channels, step.a.zero).map(Ready::Transposed);
        }
        _ => return None,
    };
    Packed::of(layer, depth).map(Ready::Packed)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::instructions;
    use crate::model::FileBytes;
    use crate::{Frame, PixelFormat};

    fn gate(name: &str) -> FileBytes {
        let path = format!("{}/../../models/gate/{name}.fv8", env!("CARGO_MANIFEST_DIR"));
        FileBytes::new(&std::fs::read(path).unwrap())
    }

    /// What each step wrote, one after the other.
    fn values(model: &Model<'_>, arena: &mut [i8], mut run: impl FnMut(usize, &mut [i8])) -> Vec<Vec<i8>> {
        let each = |n| {
            run(n, arena);
            arena[model.step(n).unwrap().out.range()].to_vec()
        };
        (0..model.steps()).map(each).collect()
    }

    #[test]
    fn a_prepared_network_gives_the_bits_of_one_that_is_not() {
        for name in ["gate", "gate-96"] {
            let file = gate(name);
            let model = Model::parse(file.bytes()).unwrap();
            let prepared = Prepared::new(model).unwrap();
            let (width, height) = (model.input().width, model.input().height);
            for format in [PixelFormat::Rgb888, PixelFormat::Rgb565, PixelFormat::Yuv422] {
                let grain = |i: usize| (i as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0];
                let bytes: Vec<u8> = (0..width * height * format.bytes()).map(grain).collect();
                let input = Input::Frame(Frame { format, width, height, bytes: &bytes });
                let (mut arena, mut other) = (vec![3; model.arena_len()], vec![-9; model.arena_len()]);
                let want = values(&model, &mut arena, |n, bytes| {
                    model.step(n).unwrap().run(input, bytes).unwrap();
                });
                let got = values(&model, &mut other, |n, bytes| prepared.step(n, input, bytes).unwrap());
                for (n, (got, want)) in got.iter().zip(&want).enumerate() {
                    assert!(got == want, "{name}, {format:?}: step {n} differs");
                }
                let varied = want.iter().filter(|values| values.iter().any(|v| *v != values[0])).count();
                assert!(varied > want.len() / 2, "{name}, {format:?}: most steps gave nothing but one value");
                assert_eq!(prepared.run(input, &mut other), model.run(input, &mut arena), "{name}");
            }
        }
    }

    #[test]
    fn weights_are_packed_where_there_are_vector_instructions() {
        let file = gate("gate");
        let prepared = Prepared::new(Model::parse(file.bytes()).unwrap()).unwrap();
        for (n, (step, packed)) in prepared.steps.iter().enumerate() {
            let over_channels = matches!(step.kind, Kind::First | Kind::Pointwise | Kind::Conv);
            assert_eq!(packed.is_some(), over_channels && instructions() != "portable", "step {n}");
        }
    }

    #[test]
    fn what_a_network_refuses_a_prepared_one_refuses() {
        let file = gate("gate-96");
        let model = Model::parse(file.bytes()).unwrap();
        let prepared = Prepared::new(model).unwrap();
        let frame = Frame { format: PixelFormat::Rgb888, width: 96, height: 96, bytes: &[7; 3 * 96 * 96] };
        let short = Frame { bytes: &frame.bytes[1..], ..frame };
        let other = Frame { width: 95, ..frame };
        let need = model.arena_len();
        for (frame, len) in [(frame, need - 1), (short, need), (other, need)] {
            let (mut arena, mut own) = (vec![0; len], vec![0; len]);
            let want = model.run(Input::Frame(frame), &mut arena).unwrap_err();
            assert_eq!(prepared.run(Input::Frame(frame), &mut own).unwrap_err(), want);
        }
    }
}
