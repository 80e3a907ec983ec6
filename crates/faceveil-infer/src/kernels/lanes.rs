//! Eight floats at a time: the only thing in which the instruction sets differ.

/// Eight 32-bit floats that are computed together.
pub(crate) trait Lanes: Copy {
    /// Eight times `value`.
    fn splat(value: f32) -> Self;
    /// Eight values from memory.
    fn load(from: &[f32; 8]) -> Self;
    /// Eight values to memory.
    fn store(self, to: &mut [f32; 8]);
    /// `self + a * b`; whether the product is rounded before the sum depends on the instruction set.
    fn add_product(self, a: Self, b: Self) -> Self;
    /// `self + other`
    fn add(self, other: Self) -> Self;
    /// The larger of the two, lane by lane.
    fn max(self, other: Self) -> Self;
}

/// Plain arrays: what every machine can do, and the oracle of the others.
#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; 8]);

impl Lanes for Portable {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; 8])
    }

    #[inline(always)]
    fn load(from: &[f32; 8]) -> Self {
        Self(*from)
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; 8]) {
        *to = self.0;
    }

    #[inline(always)]
    fn add_product(self, a: Self, b: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // Not `f32::max`, which also has to look for NaN.
        Self(std::array::from_fn(|i| if self.0[i] > other.0[i] { self.0[i] } else { other.0[i] }))
    }
}
