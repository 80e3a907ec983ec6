//! A 1 × 1 convolution that turns a student's stage into a teacher's, for hints (Romero 2015, eq. 3
//! <https://arxiv.org/abs/1412.6550>). It is trained with the student and then thrown away.

use super::kernels::{Pointwise, PointwiseWeights};
use super::place::transpose;
use crate::net::layout::{Layout, Param, Role};

/// Where a regressor's parameters lie: weights `[teacher, student, 1, 1]`, then biases.
pub fn layout(teacher: usize, student: usize) -> Layout {
    let (weights, len) = (teacher * student, teacher * (student + 1));
    let param = |role, range, shape| Param { node: 0, role, range, shape };
    Layout {
        params: vec![
            param(Role::Weight, 0..weights, [teacher, student, 1, 1]),
            param(Role::Bias, weights..len, [teacher, 1, 1, 1]),
        ],
        running: Vec::new(),
        len,
        running_len: 0,
    }
}

/// What a hint costs, and its gradients.
pub struct Hint {
    /// Squared error, as a share of the teacher's mean square.
    pub loss: f64,
    /// By the student's stage, `[N, C, H, W]`.
    pub stage: Vec<f32>,
    /// By the regressor's parameters.
    pub regressor: Vec<f32>,
}

/// The error of `values`, a regressor's parameters, between `student`, `[N, S, H, W]`, and `teacher`, `[N, T, H, W]`, of
/// `places` = `H W`: `Σ (r(s) - t)² / count / square` with the given mean `square` of the teacher's values.
///
/// # Panics
/// If a length does not fit.
pub fn hint(
    layout: &Layout,
    values: &[f32],
    student: &[f32],
    teacher: &[f32],
    places: usize,
    square: f32,
) -> Hint {
    let [outs, ins, ..] = layout.params[0].shape;
    let (weights, biases) = values.split_at(layout.params[0].range.end);
    let arch = pulp::Arch::new();
    let mut back = Vec::new();
    transpose(weights, ins, &mut back);
    let mut hint = Hint { loss: 0.0, stage: vec![0.0; student.len()], regressor: vec![0.0; layout.len] };
    let factor = 1.0 / (teacher.len() as f32 * square.max(1e-12));
    let mut d = vec![0f32; outs * places];
    let (by_weight, by_bias) = hint.regressor.split_at_mut(weights.len());
    let pictures = student.chunks_exact(ins * places).zip(teacher.chunks_exact(outs * places));
    for ((x, wanted), dx) in pictures.zip(hint.stage.chunks_exact_mut(ins * places)) {
        arch.dispatch(Pointwise { weights, x, out: &mut d, places, add: false });
        let planes = d.chunks_exact_mut(places).zip(wanted.chunks_exact(places));
        for ((plane, wanted), (bias, sum)) in planes.zip(biases.iter().zip(by_bias.iter_mut())) {
            for (v, t) in plane.iter_mut().zip(wanted) {
                let error = *v + bias - t;
                hint.loss += f64::from(error * error * factor);
                *v = 2.0 * error * factor;
                *sum += *v;
            }
        }
        arch.dispatch(PointwiseWeights { dz: &d, x, gradient: &mut *by_weight, places });
        arch.dispatch(Pointwise { weights: &back, x: &d, out: dx, places, add: false });
    }
    hint
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::random::Random;

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let (layout, places) = (layout(5, 3), 4);
        let mut random = Random::new(9);
        let mut draw = |n: usize| (0..n).map(|_| random.normal() as f32).collect::<Vec<_>>();
        let (values, student, teacher) = (draw(layout.len), draw(2 * 3 * places), draw(2 * 5 * places));
        let at = |values: &[f32], student: &[f32]| hint(&layout, values, student, &teacher, places, 0.7);
        let got = at(&values, &student);
        let moved = |of: &[f32], i: usize, step: f32| {
            let mut moved = of.to_vec();
            moved[i] += step;
            moved
        };
        for i in 0..values.len() {
            let want = [0.01, -0.01].map(|s| at(&moved(&values, i, s), &student).loss);
            let want = (want[0] - want[1]) / 0.02;
            assert!((f64::from(got.regressor[i]) - want).abs() < 1e-3, "{i}: {} {want}", got.regressor[i]);
        }
        for i in 0..student.len() {
            let want = [0.01, -0.01].map(|s| at(&values, &moved(&student, i, s)).loss);
            let want = (want[0] - want[1]) / 0.02;
            assert!((f64::from(got.stage[i]) - want).abs() < 1e-3, "{i}: {} {want}", got.stage[i]);
        }
    }
}
