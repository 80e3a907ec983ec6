//! A small grey picture of a frame: what cuts are found in and faces are followed in.

use alloc::vec::Vec;

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
        // Every second row of a block is enough, and half the reading.
        let step = if factor >= 4 { 2 } else { 1 };
        let mut samples = Vec::with_capacity(small_width as usize * small_height as usize);
        // Rows are added up first: that is most of the work, and processors do many columns at once.
        let mut sums = alloc::vec![0u32; width as usize];
        for y in 0..small_height {
            sums.fill(0);
            let rows = (y * factor..((y + 1) * factor).min(height)).step_by(step);
            let count = rows.len() as u32 * factor.min(width);
            for row in rows {
                let line = &plane[row as usize * stride..][..width as usize];
                sums.iter_mut().zip(line).for_each(|(sum, &v)| *sum += v.into());
            }
            let blocks = sums.chunks(factor as usize).take(small_width as usize);
            samples.extend(blocks.map(|block| ((block.iter().sum::<u32>() >> shift) / count).min(255) as u8));
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
        let at = |x: u32, y: u32| {
            u32::from(self.samples[(y.min(self.height - 1) * self.width + x.min(self.width - 1)) as usize])
        };
        let mean = |x: u32, y: u32| {
            ((at(2 * x, 2 * y) + at(2 * x + 1, 2 * y) + at(2 * x, 2 * y + 1) + at(2 * x + 1, 2 * y + 1) + 2)
                / 4) as u8
        };
        let samples =
            (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| mean(x, y)).collect();
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
    fn planes_that_are_none_are_refused() {
        let plane = [0u8; 20];
        for (size, stride) in [((0, 4), 4), ((4, 0), 4), ((5, 4), 4), ((4, 6), 4), ((4, 4), usize::MAX)] {
            assert_eq!(Luma::shrunk(&plane, size, stride, 0, 100), None, "{size:?} {stride}");
        }
        assert!(Luma::shrunk(&plane, (5, 4), 5, 0, 1).is_some());
    }
}
