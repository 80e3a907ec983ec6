//! A small grey picture of a frame: what cuts are found in and faces are followed in.

use alloc::vec::Vec;

use crate::shrink::{Rows, means, rows_of};

/// Grey samples, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Luma {
    width: u32,
    height: u32,
    samples: Vec<u8>,
    /// Sides of the frame that it was shrunk from.
    frame: (u32, u32),
}

impl Luma {
    /// Shrinks a plane of luma (`width` × `height` samples, `stride` from row to row, of which `shift` low bits are
    /// dropped) by a whole factor, so that neither side is longer than `longest` pixels unless it was
    /// shorter. `None` if the plane is too small, or a side is 0.
    pub fn shrunk<T: Copy + Into<u32>>(
        plane: &[T],
        (width, height): (u32, u32),
        stride: usize,
        shift: u32,
        longest: u32,
    ) -> Option<Self> {
        let need = (height as usize).checked_sub(1)?.checked_mul(stride)?.checked_add(width as usize)?;
        if width == 0 || stride < width as usize || plane.len() < need {
            return None;
        }
        let factor = width.max(height).div_ceil(longest.max(1)).max(1);
        let (small_width, small_height) = ((width / factor).max(1), (height / factor).max(1));
        let across = factor.min(width) as usize;
        let mut samples = Vec::with_capacity(small_width as usize * small_height as usize);
        let (mut sums, mut line) = (Vec::new(), alloc::vec![0; small_width as usize]);
        let from = Rows { plane, width: width as usize, stride, shift };
        for y in 0..small_height as usize {
            means(from, (y * factor as usize, rows_of(factor as usize)), across, &mut sums, &mut line);
            samples.extend(line.iter().map(|&mean| mean.min(255) as u8));
        }
        Some(Self { width: small_width, height: small_height, samples, frame: (width, height) })
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Row by row.
    pub fn samples(&self) -> &[u8] {
        &self.samples
    }

    /// Width and height of the frame by those of this picture.
    pub(super) fn enlargement(&self) -> (f32, f32) {
        // The factor is whole; a rest at the right and the bottom is not shown.
        let factor = (self.frame.0 / self.width).min(self.frame.1 / self.height).max(1) as f32;
        (factor, factor)
    }

    /// Half as large.
    pub(super) fn halved(&self) -> Self {
        let (width, height) = ((self.width / 2).max(1), (self.height / 2).max(1));
        let row = |y: u32| {
            let start = y.min(self.height - 1) as usize * self.width as usize;
            &self.samples[start..][..self.width as usize]
        };
        let mean = |sum: [u8; 4]| ((sum.iter().map(|&v| u32::from(v)).sum::<u32>() + 2) / 4) as u8;
        let mut samples = Vec::with_capacity(width as usize * height as usize);
        for y in 0..height {
            let (above, below) = (row(2 * y), row(2 * y + 1));
            if let ([a], [b]) = (above, below) {
                samples.push(mean([*a, *a, *b, *b]));
            }
            let pairs = above.as_chunks::<2>().0.iter().zip(below.as_chunks::<2>().0);
            samples.extend(pairs.map(|(&[a, b], &[c, d])| mean([a, b, c, d])));
        }
        Self { width, height, samples, frame: self.frame }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_takes_means_of_blocks() {
        let plane: Vec<u16> = (0..8 * 6).map(|i| if (i % 8) < 2 && i / 8 < 2 { 400 } else { 40 }).collect();
        let luma = Luma::shrunk(&plane, (7, 6), 8, 2, 4).unwrap();
        assert_eq!((luma.width(), luma.height()), (3, 3));
        assert_eq!(luma.samples(), [100, 10, 10, 10, 10, 10, 10, 10, 10]);
        assert_eq!(luma.halved().samples().len(), 1);
    }

    #[test]
    fn halving_takes_means_of_four() {
        let plane: Vec<u8> = (0..5 * 3).map(|i| i * 16).collect();
        let luma = Luma::shrunk(&plane, (5, 3), 5, 0, 5).unwrap();
        assert_eq!(luma.halved().samples(), [48, 80]);
        let line = Luma::shrunk(&[10u8, 21, 30], (1, 3), 1, 0, 3).unwrap();
        assert_eq!(line.halved().samples(), [16]);
    }

    #[test]
    fn planes_that_are_none_are_refused() {
        let plane = [0u8; 20];
        for (size, stride) in [((0, 4), 4), ((4, 0), 4), ((5, 4), 4), ((4, 6), 4), ((4, 4), usize::MAX)] {
            assert_eq!(Luma::shrunk(&plane, size, stride, 0, 100), None, "{size:?} {stride}");
        }
        assert!(Luma::shrunk(&plane, (5, 4), 5, 0, 1).is_some());
    }
}
