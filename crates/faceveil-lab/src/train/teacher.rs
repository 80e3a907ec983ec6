//! A larger network's opinion of a batch, and what it sees on the way.

use std::path::Path;

use anyhow::{Result, ensure};
use faceveil_core::face::Face;
use faceveil_data::truth::TruthFace;
use faceveil_infer::gate::{Mask, Point};
use faceveil_net::{Graph, NodeId, Op};

use super::augment::{Canvas, Task};
use super::engine::{Runner, Way};
use super::feed::Batch;
use super::trained::Trained;

/// Pictures that it looks at at once.
const AT_ONCE: usize = 4;

/// A trained network to learn from.
pub struct Teacher {
    trained: Trained,
    runner: Runner,
    /// How many times as large its frame is.
    factor: usize,
    /// Side of the student's output and of its stage.
    out: usize,
    /// Whether its mask has to be made a picture for the student.
    paints: bool,
    stage: Option<(NodeId, usize)>,
}

/// What a teacher says of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Opinion {
    /// Of what should come out: masks after the sigmoid, or pictures; of the student's size.
    pub out: Vec<f32>,
    /// The value of its coarsest stage on the student's grid, `[N, C, H, W]`; empty if nobody asked.
    pub stage: Vec<f32>,
}

/// The last value of the coarsest stage: what the first upsampling's convolution reads, or upsampling itself.
pub fn stage(graph: &Graph) -> Option<NodeId> {
    let nodes = graph.nodes();
    let up = nodes.iter().find(|n| matches!(n.op, Op::Upsample | Op::TransposedConv { .. }))?;
    let before = up.inputs[0];
    match nodes[before].op {
        Op::Conv { kernel: 1, .. } if up.op == Op::Upsample => Some(nodes[before].inputs[0]),
        _ => Some(before),
    }
}

impl Teacher {
    /// Reads a checkpoint or a gate network's file. Its frame, of `size` pixels or as it was trained, may be a whole number
    /// of times as large as `student`'s. One that gives a mask teaches one that gives pictures by the reference blur of the
    /// boxes around the mask's parts.
    ///
    /// # Errors
    /// If it cannot teach this student.
    pub fn load(path: &Path, size: Option<usize>, student: &Graph, hints: bool, way: &Way) -> Result<Self> {
        let mut trained = Trained::load(path)?;
        if let Some(size) = size {
            trained.graph = trained.graph.resized(size, size)?;
        }
        let (own, theirs) = (trained.graph.input_shape().height, student.input_shape().height);
        let (out, wanted) = (trained.graph.output_shape(), student.output_shape());
        let factor = own / theirs;
        let paints = (out.channels, wanted.channels) == (1, 3);
        let alike = out.channels == wanted.channels
            && out.height == factor * wanted.height
            && (factor == 1 || out.channels == 1);
        ensure!(
            factor >= 1 && own == factor * theirs && (paints || alike),
            "{} is no teacher for {}: {own} pixels and {} channels, {theirs} and {}",
            trained.graph.name(),
            student.name(),
            out.channels,
            wanted.channels
        );
        let stages = if hints { stage(&trained.graph).zip(stage(student)) } else { None };
        let stage = stages.map(|(own, theirs)| (own, student.nodes()[theirs].shape.height));
        ensure!(!hints || stage.is_some(), "{} has no stage to learn from", trained.graph.name());
        if let Some((node, side)) = stage {
            let own = trained.graph.nodes()[node].shape.height;
            ensure!(own >= side && own.is_multiple_of(side), "a stage of {own} places is no hint for {side}");
        }
        let runner = Runner::new(&trained.graph, AT_ONCE, &Way { rounding: None, ..way.clone() });
        Ok(Self { runner, factor, out: wanted.height, paints, stage, trained })
    }

    /// How many times as large as the student's its frame is.
    pub fn factor(&self) -> usize {
        self.factor
    }

    /// Channels of its stage.
    pub fn stage_channels(&self) -> Option<usize> {
        self.stage.map(|(node, _)| self.trained.graph.nodes()[node].shape.channels)
    }

    /// What it says of a batch.
    ///
    /// # Errors
    /// If the network cannot be run, or hints are asked of one off the fast path.
    pub fn look(&mut self, batch: &Batch) -> Result<Opinion> {
        let pixels = if self.factor == 1 { &batch.pixels } else { &batch.large };
        let each = pixels.len() / batch.len;
        let mut frames = batch.pixels.chunks_exact(batch.pixels.len() / batch.len);
        let mut opinion = Opinion::default();
        for some in pixels.chunks(each * AT_ONCE) {
            // The last ones may be fewer than the buffers hold.
            let count = some.len() / each;
            let mut full = some.to_vec();
            full.resize(each * AT_ONCE, 0.0);
            let Trained { graph, values, running } = &self.trained;
            let mut out = self.runner.run(values, running, &full)?;
            out.truncate(out.len() / AT_ONCE * count);
            let shape = graph.output_shape();
            if shape.channels == 1 {
                out.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp()));
            }
            if self.paints {
                for (mask, frame) in out.chunks_exact(shape.len()).zip(&mut frames) {
                    opinion.out.extend(painted(frame, self.out, mask, shape.height));
                }
            } else {
                opinion.out.extend(averaged(&out, shape.height, self.out));
            }
            if let Some((node, side)) = self.stage {
                let shape = graph.nodes()[node].shape;
                let value = &self.runner.value(node)?[..count * shape.len()];
                opinion.stage.extend(averaged(value, shape.height, side));
            }
        }
        Ok(opinion)
    }
}

/// Where a mask's face ends.
const HALF: Point = Point { threshold: 0.5, certain: 0.5, growth: 0.0 };

/// The picture that a mask of `squares` rows teaches for a frame, three planes of `side` rows: the reference blur of the box
/// of each connected part of at least one half.
fn painted(frame: &[f32], side: usize, mask: &[f32], squares: usize) -> Vec<f32> {
    let square = side as f32 / squares as f32;
    let mask = Mask {
        width: squares,
        height: squares,
        values: mask.to_vec(),
        square: (square, square),
        size: (side as u32, side as u32),
    };
    // A pixel's place is its middle.
    let face = |face: &Face| {
        let [x0, y0, x1, y1] =
            [face.rect.left, face.rect.top, face.rect.right, face.rect.bottom].map(|v| f64::from(v) - 0.5);
        TruthFace::from_box(x0, y0, x1, y1)
    };
    let faces: Vec<_> = mask.faces(&HALF).iter().map(face).collect();
    let task = Task::Picture { face: 1 };
    Canvas::of(frame, side, task, &faces).finish().target
}

/// Square planes of `from` rows as planes of `to`: the mean of each square.
fn averaged(planes: &[f32], from: usize, to: usize) -> Vec<f32> {
    let factor = from / to;
    if factor <= 1 {
        return planes.to_vec();
    }
    let share = 1.0 / (factor * factor) as f32;
    let mut out = vec![0f32; planes.len() / (factor * factor)];
    for (small, plane) in out.chunks_exact_mut(to * to).zip(planes.chunks_exact(from * from)) {
        for (i, value) in plane.iter().enumerate() {
            small[i / from / factor * to + i % from / factor] += share * value;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_averaged_square_by_square() {
        let plane: Vec<f32> = (0..16).map(|i| i as f32).collect();
        assert_eq!(averaged(&plane, 4, 2), [2.5, 4.5, 10.5, 12.5]);
        assert_eq!(averaged(&plane, 4, 4), plane);
    }

    /// A sharp pattern: inside the mask's box it is gone, elsewhere untouched.
    #[test]
    fn a_mask_teaches_the_blur_of_its_boxes() {
        let frame: Vec<f32> =
            (0..3 * 64 * 64).map(|i| if (i + i / 64) % 2 == 0 { 1.0 } else { 0.0 }).collect();
        let mut mask = vec![0.4; 16 * 16];
        for (x, y) in [(4, 4), (5, 4), (4, 5), (5, 5), (6, 6)] {
            mask[y * 16 + x] = 0.6;
        }
        let got = painted(&frame, 64, &mask, 16);
        for (i, (now, was)) in got.iter().zip(&frame).enumerate() {
            let (x, y) = (i % 64, i / 64 % 64);
            if (16..28).contains(&x) && (16..28).contains(&y) {
                assert!((now - 0.5).abs() < 0.2, "{x} {y}: {now}");
            } else if !(15..30).contains(&x) || !(15..30).contains(&y) {
                assert_eq!(now, was, "{x} {y}");
            }
        }
        mask.fill(0.4);
        assert_eq!(painted(&frame, 64, &mask, 16), frame);
    }

    #[test]
    fn the_coarsest_stage_is_found() {
        for (name, places, channels) in
            [("gate", 4, 64), ("gate-teacher", 4, 128), ("gate-96", 3, 40), ("thesis-teacher", 16, 256)]
        {
            let graph = faceveil_net::by_name(name).expect("it is listed");
            let shape = graph.nodes()[stage(&graph).expect("it has one")].shape;
            assert_eq!((shape.height, shape.channels), (places, channels), "{name}");
        }
    }
}
