//! What a network is to learn: the picture with its faces blurred, and the mask of where.

use faceveil_data::truth::TruthFace;
use serde::{Deserialize, Serialize};

use super::picture::{Content, Picture};

/// Outline of what is blurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Outline {
    /// The face's ellipse.
    Ellipse,
    /// The upright box around it.
    Box,
}

/// Sides of the Gaussian kernel, pixels; OpenCV's rule gives its sigma.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    /// The same for every face: large ones stay readable. The thesis's first dataset has 41.
    Fixed(u32),
    /// This share of the face's shorter side.
    Scaled(f32),
}

/// How references are made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Outline.
    pub outline: Outline,
    /// Strength.
    pub kernel: Kernel,
    /// Size of the outline as a multiple of the face.
    pub grow: f32,
    /// Width of the soft edge outside of the outline, as a share of the face's shorter side; 0 is a hard edge.
    pub feather: f32,
}

impl Default for Reference {
    fn default() -> Self {
        Self { outline: Outline::Ellipse, kernel: Kernel::Scaled(1.0), grow: 1.0, feather: 0.0 }
    }
}

/// The kernel of `side` pixels (odd) that `cv2.GaussianBlur(picture, (side, side), 0)` uses: sigma is
/// `0.3 * ((side - 1) / 2 - 1) + 0.8`, and up to 9 pixels there are fixed tables (OpenCV, `getGaussianKernel`).
pub fn gaussian_kernel(side: u32) -> Vec<f32> {
    match side {
        0 | 1 => return vec![1.0],
        3 => return vec![0.25, 0.5, 0.25],
        5 => return vec![0.0625, 0.25, 0.375, 0.25, 0.0625],
        7 => return vec![0.03125, 0.109_375, 0.21875, 0.28125, 0.21875, 0.109_375, 0.03125],
        9 => return [4.0, 13.0, 30.0, 51.0, 60.0, 51.0, 30.0, 13.0, 4.0].map(|w: f32| w / 256.0).to_vec(),
        _ => {}
    }
    let side = side | 1;
    let half = f64::from((side - 1) / 2);
    let sigma = 0.3 * (half - 1.0) + 0.8;
    let weights: Vec<f64> =
        (0..side).map(|i| (-(f64::from(i) - half).powi(2) / (2.0 * sigma * sigma)).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|w| (w / total) as f32).collect()
}

impl Reference {
    /// The sides of the kernel for a face, odd, at least 3.
    fn kernel_side(&self, face: &TruthFace, frame: u32) -> u32 {
        let side = match self.kernel {
            Kernel::Fixed(side) => side,
            Kernel::Scaled(share) => (f64::from(share) * face.side() * f64::from(self.grow)).round() as u32,
        };
        side.clamp(3, 2 * frame + 1) | 1
    }

    /// Opacity `0.0..=1.0` of a face's outline around the pixel whose middle is at `x`, `y`.
    fn weight(&self, face: &TruthFace, x: f64, y: f64) -> f64 {
        let grow = f64::from(self.grow);
        let (dx, dy) = (x - face.cx, y - face.cy);
        // Pixels outside of the outline, about.
        let outside = match self.outline {
            Outline::Ellipse => {
                let det = (face.sxx * face.syy - face.sxy * face.sxy).max(1e-9);
                let square = (face.syy * dx * dx - 2.0 * face.sxy * dx * dy + face.sxx * dy * dy) / det;
                (square.sqrt() - grow) * shorter_radius(face)
            }
            Outline::Box => {
                let beyond = |d: f64, half: f64| d.abs() - half * grow;
                let (bx, by) = (beyond(dx, face.sxx.sqrt()), beyond(dy, face.syy.sqrt()));
                if bx > 0.0 && by > 0.0 { bx.hypot(by) } else { bx.max(by) }
            }
        };
        let edge = f64::from(self.feather) * face.side() * grow;
        match outside {
            o if o <= 0.0 => 1.0,
            o if o < edge => 1.0 - o / edge,
            _ => 0.0,
        }
    }

    /// Left, top, right and bottom of the pixels that a face's outline may touch within the content.
    fn window(&self, face: &TruthFace, content: &Content) -> [u32; 4] {
        let edge = f64::from(self.feather) * face.side() * f64::from(self.grow) + 1.0;
        let [x0, y0, x1, y1] = face.corners();
        let (more_x, more_y) =
            [(x1 - x0), (y1 - y0)].map(|side| side * (f64::from(self.grow) - 1.0) / 2.0).into();
        let pixel = |v: f64, most: u32| v.clamp(0.0, f64::from(most)) as u32;
        [
            pixel((x0 - more_x - edge).floor(), content.width),
            pixel((y0 - more_y - edge).floor(), content.height),
            pixel((x1 + more_x + edge).ceil(), content.width),
            pixel((y1 + more_y + edge).ceil(), content.height),
        ]
    }

    /// Calls `put` with column, row and opacity of each pixel that the face hides. The pixel around a face's middle is
    /// always among them, however small the face is.
    fn pixels(&self, face: &TruthFace, content: &Content, mut put: impl FnMut(u32, u32, f64)) {
        let [left, top, right, bottom] = self.window(face, content);
        for y in top..bottom {
            for x in left..right {
                let here = face.cx.floor() == f64::from(x) && face.cy.floor() == f64::from(y);
                let weight =
                    if here { 1.0 } else { self.weight(face, f64::from(x) + 0.5, f64::from(y) + 0.5) };
                if weight > 0.0 {
                    put(x, y, weight);
                }
            }
        }
    }

    /// What is to be hidden, a byte a pixel of the square frame of `side` pixels: 255 inside, 0 outside.
    pub fn mask(&self, faces: &[TruthFace], side: u32, content: &Content) -> Vec<u8> {
        let mut mask = vec![0; side as usize * side as usize];
        for face in faces {
            self.pixels(face, content, |x, y, weight| {
                let at = &mut mask[y as usize * side as usize + x as usize];
                *at = (*at).max((weight * 255.0).round() as u8);
            });
        }
        mask
    }

    /// The frame with its faces blurred. Around the content, edges are mirrored as OpenCV does by default, so that nothing
    /// of the black beside it comes in.
    pub fn blurred(&self, frame: &Picture, faces: &[TruthFace], content: &Content) -> Picture {
        let mut out = frame.clone();
        let side = frame.width();
        for face in faces {
            let [left, top, right, bottom] = self.window(face, content);
            if left >= right || top >= bottom {
                continue;
            }
            let kernel = gaussian_kernel(self.kernel_side(face, side));
            let soft = blur_window(frame, content, [left, top, right, bottom], &kernel);
            let across = (right - left) as usize;
            self.pixels(face, content, |x, y, weight| {
                let new = soft[(y - top) as usize * across + (x - left) as usize];
                let pixel = &mut out.pixels_mut()[y as usize * side as usize + x as usize];
                for (sample, new) in pixel.iter_mut().zip(new) {
                    let old = f64::from(*sample);
                    *sample = (old + (f64::from(new) - old) * weight).round().clamp(0.0, 255.0) as u8;
                }
            });
        }
        out
    }
}

/// Half the ellipse's shorter diameter, pixels: the root of the smaller eigenvalue of `S`.
fn shorter_radius(face: &TruthFace) -> f64 {
    let half = (face.sxx + face.syy) / 2.0;
    let apart = ((face.sxx - face.syy) / 2.0).hypot(face.sxy);
    (half - apart).max(0.0).sqrt()
}

/// `index` mirrored into `0..len` without repeating the edge (`BORDER_REFLECT_101`).
fn mirrored(index: i64, len: i64) -> usize {
    if len == 1 {
        return 0;
    }
    let period = 2 * (len - 1);
    let at = index.rem_euclid(period);
    at.min(period - at) as usize
}

/// The sum of pixels by their weights.
fn weighted(pixels: &[[f32; 3]], kernel: &[f32]) -> [f32; 3] {
    let mut sum = [0.0f32; 3];
    for (pixel, weight) in pixels.iter().zip(kernel) {
        for (sum, v) in sum.iter_mut().zip(pixel) {
            *sum += weight * v;
        }
    }
    sum
}

/// The window blurred by the kernel, first across, then down.
fn blur_window(
    frame: &Picture,
    content: &Content,
    [left, top, right, bottom]: [u32; 4],
    kernel: &[f32],
) -> Vec<[f32; 3]> {
    let reach = (kernel.len() / 2) as i64;
    let (width, height) = (i64::from(content.width), i64::from(content.height));
    let across = (right - left) as usize;
    // Rows of the content that the window's rows need; mirrored ones are among them.
    let needed: Vec<usize> =
        (i64::from(top) - reach..i64::from(bottom) + reach).map(|y| mirrored(y, height)).collect();
    // The columns that a row of the window needs, in their order: mirrored once, not for each weight.
    let columns: Vec<u32> =
        (i64::from(left) - reach..i64::from(right) + reach).map(|x| mirrored(x, width) as u32).collect();
    let mut rows = vec![Vec::new(); content.height as usize];
    let mut line = vec![[0.0f32; 3]; columns.len()];
    for &y in &needed {
        if rows[y].is_empty() {
            for (to, &x) in line.iter_mut().zip(&columns) {
                *to = frame.at(x, y as u32).map(f32::from);
            }
            rows[y] = line.windows(kernel.len()).map(|part| weighted(part, kernel)).collect();
        }
    }
    let mut out = vec![[0.0f32; 3]; across * (bottom - top) as usize];
    for (y, line) in out.chunks_exact_mut(across).enumerate() {
        for (k, weight) in kernel.iter().enumerate() {
            for (sum, from) in line.iter_mut().zip(&rows[needed[y + k]]) {
                for (sum, v) in sum.iter_mut().zip(from) {
                    *sum += weight * v;
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use faceveil_data::truth::Fit;

    fn whole(width: u32, height: u32) -> Content {
        Content { width, height, fit: Fit::SAME }
    }

    fn pattern(side: u32) -> Picture {
        let pixels = (0..side * side).flat_map(|i| {
            let (x, y) = (i % side, i / side);
            [(x * x + 3 * y) % 251, (x * 7 + y * y) % 256, (x * y) % 253].map(|v| v as u8)
        });
        Picture::new(side, side, pixels.collect()).unwrap()
    }

    /// Values that OpenCV 5.0.0 gives: `cv2.getGaussianKernel(n, 0)`, first and middle weight.
    #[test]
    fn sigma_follows_the_kernel_as_in_opencv() {
        for (side, first, middle) in [
            (3, 0.25, 0.5),
            (5, 0.0625, 0.375),
            (7, 0.03125, 0.28125),
            (9, 0.015_625, 0.234_375),
            (41, 0.000_540_577, 0.061_473_74),
        ] {
            let kernel = gaussian_kernel(side);
            assert_eq!(kernel.len(), side as usize);
            assert!((kernel[0] - first).abs() < 1e-7, "{side}: {}", kernel[0]);
            assert!(
                (kernel[side as usize / 2] - middle).abs() < 1e-6,
                "{side}: {}",
                kernel[side as usize / 2]
            );
            assert!((kernel.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{side}");
        }
    }

    /// Pixels of `cv2.GaussianBlur(picture, (k, k), 0)`, OpenCV 5.0.0, which keeps its weights in 8 bits: the wider the
    /// kernel, the more they are rounded, which ours are not.
    #[test]
    fn pixels_are_those_of_opencv() {
        let pixels = (0..140u32).flat_map(|i| {
            let (x, y) = (i % 14, i / 14);
            [(x * x + 3 * y) % 251, (x * 7 + y * y) % 256, (x * y * 11) % 253].map(|v| v as u8)
        });
        let picture = Picture::new(14, 10, pixels.collect()).unwrap();
        let places = [(0, 0), (13, 0), (6, 4), (13, 9), (2, 9)];
        for (side, want) in [
            (5, [[3, 6, 6], [153, 87, 73], [49, 59, 119], [175, 154, 112], [30, 83, 110]]),
            (9, [[7, 12, 19], [142, 85, 91], [51, 61, 119], [161, 142, 123], [30, 76, 103]]),
            (11, [[8, 15, 26], [138, 84, 96], [52, 62, 116], [155, 138, 124], [30, 73, 103]]),
            (41, [[49, 59, 92], [89, 81, 108], [67, 71, 101], [91, 86, 111], [53, 66, 98]]),
        ] {
            let got = blur_window(&picture, &whole(14, 10), [0, 0, 14, 10], &gaussian_kernel(side));
            for ((x, y), want) in places.iter().zip(want) {
                let got = got[y * 14 + x];
                for (got, want) in got.iter().zip(want) {
                    assert!(
                        (got - want as f32).abs() <= if side > 20 { 2.0 } else { 1.0 },
                        "{side} ({x}, {y}): {got} for {want}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_window_is_blurred_as_the_definition_says() {
        let picture = pattern(24);
        let content = whole(20, 22);
        let kernel = gaussian_kernel(11);
        let got = blur_window(&picture, &content, [3, 0, 20, 7], &kernel);
        for y in 0..7i64 {
            for x in 3..20i64 {
                let mut want = [0.0f64; 3];
                for (j, b) in kernel.iter().enumerate() {
                    for (i, a) in kernel.iter().enumerate() {
                        let at = picture
                            .at(mirrored(x + i as i64 - 5, 20) as u32, mirrored(y + j as i64 - 5, 22) as u32);
                        for c in 0..3 {
                            want[c] += f64::from(a * b) * f64::from(at[c]);
                        }
                    }
                }
                let got = got[(y * 17 + x - 3) as usize];
                for c in 0..3 {
                    assert!((f64::from(got[c]) - want[c]).abs() < 0.01, "({x}, {y}): {got:?} for {want:?}");
                }
            }
        }
    }

    #[test]
    fn only_the_face_changes_and_it_does() {
        let picture = pattern(64);
        let face = TruthFace::from_ellipse(14.0, 9.0, 1.2, 30.0, 28.0);
        let content = whole(64, 50);
        for outline in [Outline::Ellipse, Outline::Box] {
            for kernel in [Kernel::Fixed(41), Kernel::Scaled(1.0)] {
                let reference = Reference { outline, kernel, ..Reference::default() };
                let mask = reference.mask(&[face], 64, &content);
                let blurred = reference.blurred(&picture, &[face], &content);
                let mut changed = 0;
                for i in 0..64 * 64u32 {
                    let (x, y) = (i % 64, i / 64);
                    assert!(mask[i as usize] == 0 || mask[i as usize] == 255, "a hard mask");
                    if mask[i as usize] == 0 {
                        assert_eq!(blurred.at(x, y), picture.at(x, y), "{outline:?} ({x}, {y})");
                    } else {
                        changed += u32::from(blurred.at(x, y) != picture.at(x, y));
                    }
                }
                let inside = mask.iter().filter(|v| **v > 0).count() as f64;
                let want = match outline {
                    Outline::Ellipse => std::f64::consts::PI * 14.0 * 9.0,
                    Outline::Box => face.sxx.sqrt() * face.syy.sqrt() * 4.0,
                };
                assert!((inside / want - 1.0).abs() < 0.05, "{outline:?}: {inside} of {want}");
                assert!(f64::from(changed) > 0.9 * inside, "{outline:?}: {changed} of {inside}");
            }
        }
    }

    #[test]
    fn feathers_grow_outwards_and_small_faces_stay() {
        let content = whole(64, 64);
        let face = TruthFace::from_box(20.0, 20.0, 40.0, 40.0);
        let hard = Reference::default().mask(&[face], 64, &content);
        let soft = Reference { feather: 0.3, ..Reference::default() }.mask(&[face], 64, &content);
        for (at, (h, s)) in hard.iter().zip(&soft).enumerate() {
            assert!(s >= h, "({}, {})", at % 64, at / 64);
        }
        assert!(soft.iter().any(|v| (1..255).contains(v)));
        // Within 6 pixels of the edge it has gone.
        assert_eq!(soft[30 * 64 + 47], 0);
        for size in [0.01, 0.3, 0.7] {
            let tiny = TruthFace::from_box(9.9 - size, 9.9 - size, 9.9, 9.9);
            let mask = Reference::default().mask(&[tiny], 64, &content);
            assert_eq!(mask[9 * 64 + 9], 255, "{size}");
        }
        // Nothing beside the content, nothing for a face outside of it.
        let low = Content { width: 64, height: 30, fit: Fit::SAME };
        let mask = Reference::default().mask(&[face], 64, &low);
        assert!(mask[30 * 64..].iter().all(|v| *v == 0) && mask[29 * 64 + 30] == 255);
        let away = TruthFace::from_box(-50.0, -50.0, -10.0, -10.0);
        assert!(Reference::default().mask(&[away], 64, &content).iter().all(|v| *v == 0));
    }
}
