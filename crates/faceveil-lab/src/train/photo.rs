//! A picture kept small in memory, at several sizes, with its faces.

use faceveil_data::truth::TruthFace;
use faceveil_eval::Picture;

/// Longer side of a picture in memory, pixels, for frames that are no larger.
pub const LONGEST: usize = 320;

/// 8-bit RGB at one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// Width, pixels.
    pub width: usize,
    /// Height, pixels.
    pub height: usize,
    /// Red, green, blue, row by row.
    pub pixels: Vec<u8>,
}

/// A picture at sizes that are halved again and again, and its faces in pixels of the largest.
#[derive(Clone, Debug, PartialEq)]
pub struct Photo {
    /// The largest first.
    pub levels: Vec<Level>,
    /// To be hidden.
    pub faces: Vec<TruthFace>,
    /// Perhaps a face: neither right nor wrong to hide.
    pub vague: Vec<TruthFace>,
}

impl Photo {
    /// Shrinks `picture` to at most `longest` pixels a side; the faces are in its pixels.
    pub fn new(picture: &Picture, faces: &[TruthFace], vague: &[TruthFace], longest: usize) -> Self {
        let (width, height) = picture.size();
        let full = Level { width, height, pixels: picture.pixels().to_vec() };
        let scale = (longest as f64 / width.max(height) as f64).min(1.0);
        let side = |n: usize| ((n as f64 * scale).round() as usize).max(1);
        let first = full.shrunk(side(width), side(height));
        let (sx, sy) = (first.width as f64 / width as f64, first.height as f64 / height as f64);
        let place = |face: &TruthFace| TruthFace {
            cx: (face.cx + 0.5) * sx - 0.5,
            cy: (face.cy + 0.5) * sy - 0.5,
            sxx: face.sxx * sx * sx,
            sxy: face.sxy * sx * sy,
            syy: face.syy * sy * sy,
        };
        let mut levels = vec![first];
        while let Some(last) = levels.last().filter(|l| l.width.max(l.height) > 48) {
            levels.push(last.shrunk(last.width.div_ceil(2), last.height.div_ceil(2)));
        }
        Self { levels, faces: faces.iter().map(place).collect(), vague: vague.iter().map(place).collect() }
    }

    /// Width and height of the largest size.
    pub fn size(&self) -> (usize, usize) {
        (self.levels[0].width, self.levels[0].height)
    }
}

impl Level {
    /// Mean of the area that each new pixel covers.
    pub fn shrunk(&self, width: usize, height: usize) -> Self {
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let across = shares(self.width, width);
        let mut rows = vec![0f32; width * self.height * 3];
        for y in 0..self.height {
            for (x, parts) in across.iter().enumerate() {
                let to = &mut rows[(y * width + x) * 3..][..3];
                for &(from, share) in parts {
                    let pixel = &self.pixels[(y * self.width + from) * 3..][..3];
                    for (t, p) in to.iter_mut().zip(pixel) {
                        *t += share * f32::from(*p);
                    }
                }
            }
        }
        let mut pixels = Vec::with_capacity(width * height * 3);
        let mut sum = vec![0f32; width * 3];
        for parts in shares(self.height, height) {
            sum.fill(0.0);
            for (from, share) in parts {
                for (s, r) in sum.iter_mut().zip(&rows[from * width * 3..][..width * 3]) {
                    *s += share * r;
                }
            }
            pixels.extend(sum.iter().map(|v| v.round() as u8));
        }
        Self { width, height, pixels }
    }
}

/// For each of `to` new pixels the old ones it covers, with their shares, which sum to 1.
fn shares(from: usize, to: usize) -> Vec<Vec<(usize, f32)>> {
    let step = from as f64 / to as f64;
    (0..to)
        .map(|i| {
            let (start, end) = (i as f64 * step, ((i + 1) as f64 * step).min(from as f64));
            (start as usize..(end.ceil() as usize).min(from))
                .map(|p| {
                    (p, (((p + 1) as f64).min(end) - (p as f64).max(start)) as f32 / (end - start) as f32)
                })
                .filter(|(_, share)| *share > 0.0)
                .collect()
        })
        .collect()
}
