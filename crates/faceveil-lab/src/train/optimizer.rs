//! AdamW, clipping and the running mean of the weights, on flat lists of numbers.

use serde::{Deserialize, Serialize};

use crate::net::layout::{Layout, Role};

/// Settings of [`Adam`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamSettings {
    /// Decay of the gradient's mean.
    pub beta1: f32,
    /// Decay of the squared gradient's mean.
    pub beta2: f32,
    /// Added to the root.
    pub epsilon: f32,
    /// Share of a weight that goes a step, times the learning rate; decoupled (AdamW). Biases and norms have none.
    pub decay: f32,
    /// Largest length of the gradient; longer ones are shortened. 0: none.
    pub clip: f32,
    /// Decay of the weights' running mean, which is what is judged and shipped.
    pub average: f32,
}

impl Default for AdamSettings {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.02, clip: 5.0, average: 0.998 }
    }
}

/// Adam (Kingma 2015, algorithm 1) with decoupled decay (Loshchilov 2019, algorithm 2).
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    /// Mean of the gradient.
    pub mean: Vec<f32>,
    /// Mean of its square.
    pub square: Vec<f32>,
    /// Steps done.
    pub steps: u64,
}

impl Adam {
    /// Nothing seen yet.
    pub fn new(len: usize) -> Self {
        Self { mean: vec![0.0; len], square: vec![0.0; len], steps: 0 }
    }

    /// One step of `values` against `gradient`; gives the gradient's length before clipping.
    pub fn step(
        &mut self,
        settings: &AdamSettings,
        layout: &Layout,
        rate: f32,
        values: &mut [f32],
        gradient: &[f32],
    ) -> f32 {
        let length = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt() as f32;
        let shorten = if settings.clip > 0.0 { (settings.clip / length.max(1e-12)).min(1.0) } else { 1.0 };
        self.steps += 1;
        let t = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let (c1, c2) = (1.0 - settings.beta1.powi(t), 1.0 - settings.beta2.powi(t));
        for param in &layout.params {
            let decay = if param.role == Role::Weight { rate * settings.decay } else { 0.0 };
            for i in param.range.clone() {
                let g = gradient[i] * shorten;
                self.mean[i] += (1.0 - settings.beta1) * (g - self.mean[i]);
                self.square[i] += (1.0 - settings.beta2) * (g * g - self.square[i]);
                let root = (self.square[i] / c2).sqrt() + settings.epsilon;
                values[i] -= decay * values[i] + rate * (self.mean[i] / c1) / root;
            }
        }
        length
    }
}

/// Moves `average` towards `values`. The decay grows from 0 with the number of steps done, so that the first weights
/// do not stay in it.
pub fn follow(average: &mut [f32], values: &[f32], decay: f32, steps: u64) {
    let steps = steps as f32;
    let decay = decay.min((1.0 + steps) / (10.0 + steps));
    for (a, v) in average.iter_mut().zip(values) {
        *a += (1.0 - decay) * (v - *a);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(len: usize) -> Layout {
        let param =
            crate::net::layout::Param { node: 1, role: Role::Weight, range: 0..len, shape: [len, 1, 1, 1] };
        Layout { params: vec![param], running: vec![], len, running_len: 0 }
    }

    /// The first two steps of Adam, by hand: each as long as the rate, whatever the gradient's size.
    #[test]
    fn adam_steps_as_published() {
        let settings = AdamSettings { decay: 0.0, clip: 0.0, ..AdamSettings::default() };
        let (mut adam, mut values) = (Adam::new(2), vec![1.0f32, -1.0]);
        adam.step(&settings, &layout(2), 0.1, &mut values, &[3.0, -0.001]);
        assert!((values[0] - 0.9).abs() < 1e-6 && (values[1] + 0.9).abs() < 1e-4, "{values:?}");
        adam.step(&settings, &layout(2), 0.1, &mut values, &[-3.0, -0.001]);
        // mean (0.9 · 0.3 - 0.3) / 0.19 = -0.1579, root 3
        assert!((values[0] - (0.9 + 0.1 * 0.03 / 0.19 / 3.0)).abs() < 1e-5, "{values:?}");
    }

    #[test]
    fn long_gradients_are_shortened_and_weights_decay() {
        let settings = AdamSettings { decay: 0.5, clip: 1.0, ..AdamSettings::default() };
        let (mut adam, mut values) = (Adam::new(2), vec![1.0f32, 0.0]);
        let length = adam.step(&settings, &layout(2), 0.1, &mut values, &[0.0, 50.0]);
        assert_eq!(length, 50.0);
        assert!((values[0] - 0.95).abs() < 1e-6, "decoupled: 0.1 · 0.5 of it goes, {values:?}");
        assert!((adam.mean[1] - 0.1).abs() < 1e-6, "clipped to 1");
    }

    #[test]
    fn the_average_forgets_its_start() {
        let mut average = vec![100.0];
        for step in 1..=200 {
            follow(&mut average, &[1.0], 0.99, step);
        }
        assert!((average[0] - 1.0).abs() < 0.1, "{average:?}");
    }
}
