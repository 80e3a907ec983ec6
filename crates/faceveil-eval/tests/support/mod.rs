//! Pictures with known leaks: a synthetic texture, ways to hide a face well and badly, and encoders.

#![allow(dead_code)] // each test uses a part

use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_data::truth::TruthFace;
use faceveil_eval::Picture;
use faceveil_media::{EncodeOptions, Format, Photo, PngCoding, PngColour, SafeMetadata, Source};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

/// Numbers that only look random: Knuth's 64-bit linear congruential generator.
pub struct Lcg(pub u64);

impl Lcg {
    /// `0.0..1.0`
    pub fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Mean 0, standard deviation 1, near enough to normal.
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.uniform()).sum::<f32>() - 6.0
    }
}

/// An editable 8-bit RGB picture.
#[derive(Clone)]
pub struct Canvas {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
}

impl Canvas {
    pub fn of(picture: &Picture) -> Self {
        Self { width: picture.width(), height: picture.height(), pixels: picture.pixels().to_vec() }
    }

    /// Natural-looking: noise at every scale, as in photographs.
    pub fn texture(rng: &mut Lcg, width: usize, height: usize) -> Self {
        let mut sum = vec![128.0; width * height * 3];
        for cells in [4usize, 8, 16, 32, 64, 128] {
            let spread = 80.0 / (cells as f32).sqrt();
            let small: Vec<f32> = (0..cells * cells * 3).map(|_| spread * rng.normal()).collect();
            for (i, value) in sum.iter_mut().enumerate() {
                let (x, y, channel) = (i / 3 % width, i / 3 / width, i % 3);
                let [(x0, x1, u), (y0, y1, v)] =
                    [(x, width), (y, height)].map(|(at, len)| neighbours(at, len, cells));
                let at = |x: usize, y: usize| small[3 * (y * cells + x) + channel];
                let (above, below) =
                    (at(x0, y0) * (1.0 - u) + at(x1, y0) * u, at(x0, y1) * (1.0 - u) + at(x1, y1) * u);
                *value += above * (1.0 - v) + below * v;
            }
        }
        Self { width, height, pixels: sum.iter().map(|v| v.round() as u8).collect() }
    }

    pub fn fill(&mut self, [x0, y0, x1, y1]: [usize; 4], value: u8) {
        for y in y0..y1.min(self.height) {
            let row = &mut self.pixels[3 * y * self.width..][..3 * self.width];
            row[3 * x0.min(self.width)..3 * x1.min(self.width)].fill(value);
        }
    }

    /// Replaces the ellipse of `face`, grown by `scale`, by `new`'s pixels.
    pub fn replace(&mut self, face: &TruthFace, scale: f64, new: &Self) {
        let inside = face.inside(scale, (0, 0));
        for (i, (to, from)) in self.pixels.chunks_exact_mut(3).zip(new.pixels.chunks_exact(3)).enumerate() {
            if inside.holds((i % self.width) as u32, (i / self.width) as u32) {
                to.copy_from_slice(from);
            }
        }
    }

    pub fn mapped(&self, f: impl Fn(u8) -> u8) -> Self {
        Self { pixels: self.pixels.iter().map(|v| f(*v)).collect(), ..*self }
    }

    /// Blurred around `face` with a Gaussian of `sigma`; the rest is left as it is.
    pub fn blurred(&self, face: &TruthFace, sigma: f64) -> Self {
        let radius = (3.0 * sigma).ceil() as isize;
        let weights: Vec<f64> =
            (-radius..=radius).map(|t| (-((t * t) as f64) / (2.0 * sigma * sigma)).exp()).collect();
        let once = self.convolved(face, &weights, radius, (1, 0));
        once.convolved(face, &weights, radius, (0, 1))
    }

    fn convolved(&self, face: &TruthFace, weights: &[f64], radius: isize, step: (isize, isize)) -> Self {
        let mut out = self.clone();
        let [x0, y0, x1, y1] = face
            .rect()
            .scaled(1.3)
            .pixels(self.width as u32, self.height as u32)
            .map_or([0; 4], |r| [r.left, r.top, r.right, r.bottom].map(|v| v as isize));
        // The second pass needs rows that the first has done.
        let reach = if step.0 == 1 { radius } else { 0 };
        for y in (y0 - reach).max(0)..(y1 + reach).min(self.height as isize) {
            for x in x0..x1 {
                for channel in 0..3 {
                    let (mut sum, mut total) = (0.0, 0.0);
                    for (t, weight) in (-radius..=radius).zip(weights) {
                        let sx = (x + t * step.0).clamp(0, self.width as isize - 1) as usize;
                        let sy = (y + t * step.1).clamp(0, self.height as isize - 1) as usize;
                        sum += weight * f64::from(self.pixels[3 * (sy * self.width + sx) + channel]);
                        total += weight;
                    }
                    out.pixels[3 * (y as usize * self.width + x as usize) + channel] =
                        (sum / total).round() as u8;
                }
            }
        }
        out
    }

    /// Half as large, put in the middle of a black picture of `width` × `height`.
    pub fn halved_into(&self, width: usize, height: usize) -> Self {
        let (w, h) = (self.width / 2, self.height / 2);
        let (left, top) = ((width - w) / 2, (height - h) / 2);
        let mut out = Self { width, height, pixels: vec![0; width * height * 3] };
        for (x, y) in (0..h).flat_map(|y| (0..w).map(move |x| (x, y))) {
            for channel in 0..3 {
                let at = |x: usize, y: usize| u32::from(self.pixels[3 * (y * self.width + x) + channel]);
                let sum =
                    at(2 * x, 2 * y) + at(2 * x + 1, 2 * y) + at(2 * x, 2 * y + 1) + at(2 * x + 1, 2 * y + 1);
                out.pixels[3 * ((y + top) * width + x + left) + channel] =
                    (sum as f32 / 4.0).round_ties_even() as u8;
            }
        }
        out
    }

    pub fn png(&self) -> Vec<u8> {
        let samples = Samples::U8(self.pixels.clone());
        let coding =
            PngCoding { bit_depth: 8, palette: false, interlaced: false, colour: PngColour::default() };
        let photo = Photo {
            raster: Raster::new(self.width as u32, self.height as u32, Color::Rgb, samples).unwrap(),
            icc: None,
            safe: SafeMetadata::default(),
            source: Source::Png(coding),
        };
        let options = EncodeOptions { format: Some(Format::Png), ..EncodeOptions::default() };
        faceveil_media::encode(&photo, &options).unwrap()
    }

    pub fn jpeg(&self, quality: u8, sampling: SamplingFactor) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, quality);
        encoder.set_sampling_factor(sampling);
        encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
        encoder.encode(&self.pixels, self.width as u16, self.height as u16, ColorType::Rgb).unwrap();
        bytes
    }
}

/// The cells left and right of pixel `at`, and how far it lies towards the second.
fn neighbours(at: usize, len: usize, cells: usize) -> (usize, usize, f32) {
    let place = ((at as f32 + 0.5) * cells as f32 / len as f32 - 0.5).clamp(0.0, (cells - 1) as f32);
    (place as usize, (place as usize + 1).min(cells - 1), place.fract())
}

/// A way to treat a face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum How {
    /// Filled with black.
    Solid,
    /// Gaussian of a quarter of its width.
    Blur,
    /// Left alone.
    Nothing,
    /// Gaussian of a fortieth of its width.
    Weak,
    /// Faded to 30 %.
    Faded,
    /// The left half of its box filled.
    Part,
}

impl How {
    pub const ALL: [Self; 6] = [Self::Solid, Self::Blur, Self::Nothing, Self::Weak, Self::Faded, Self::Part];

    pub fn apply(self, picture: &mut Canvas, face: &TruthFace) {
        let new = match self {
            Self::Nothing => return,
            Self::Part => {
                let [x0, y0, _, y1] = face.corners().map(|v| v.max(0.0) as usize);
                return picture.fill([x0, y0, face.cx.max(0.0) as usize, y1], 0);
            }
            Self::Solid => picture.mapped(|_| 0),
            Self::Blur => picture.blurred(face, face.side() / 4.0),
            Self::Weak => picture.blurred(face, face.side() / 40.0),
            Self::Faded => picture.mapped(|v| (f32::from(v) * 0.3 + 90.0) as u8),
        };
        picture.replace(face, 1.1, &new);
    }
}
