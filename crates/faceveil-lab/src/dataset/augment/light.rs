//! Other skin, other light, other cameras.

use faceveil_data::truth::TruthFace;

use crate::dataset::picture::Picture;
use crate::dataset::random::Random;

/// All skin darker or lighter by one factor: in the faces, and where a colour is that of skin, so that necks and hands
/// go along.
pub(super) fn skin_tone(frame: &mut Picture, faces: &[(TruthFace, (f64, f64))], random: &mut Random) {
    // Public sets show mostly light skin, so darker is the more frequent way.
    let gain =
        if random.happens(0.7) { random.between([0.3, 0.9]) } else { random.between([1.05, 1.4]) } as f32;
    let warm = random.between([-8.0, 8.0]) as f32;
    let width = frame.width();
    let cores: Vec<_> = faces.iter().map(|(face, _)| soft_ellipse(face)).collect();
    for (i, pixel) in frame.pixels_mut().iter_mut().enumerate() {
        let place = ((i as u32 % width) as f32 + 0.5, (i as u32 / width) as f32 + 0.5);
        let in_face = cores.iter().map(|core| core(place)).fold(0.0, f32::max);
        let weight = in_face.max(0.8 * skin_likeness(*pixel));
        if weight > 0.0 {
            let shift = [warm, 0.0, -warm];
            for (sample, shift) in pixel.iter_mut().zip(shift) {
                let old = f32::from(*sample);
                let new = old * gain + shift;
                *sample = (old + (new - old) * weight).clamp(0.0, 255.0) as u8;
            }
        }
    }
}

/// 1 in the ellipse, falling to 0 at 1.35 times its size.
fn soft_ellipse(face: &TruthFace) -> impl Fn((f32, f32)) -> f32 {
    let det = (face.sxx * face.syy - face.sxy * face.sxy).max(1e-6);
    let [cx, cy] = [face.cx, face.cy].map(|v| v as f32);
    let [a, b, c] = [face.syy / det, -2.0 * face.sxy / det, face.sxx / det].map(|v| v as f32);
    move |(x, y)| {
        let (dx, dy) = (x - cx, y - cy);
        let square = a * dx * dx + b * dx * dy + c * dy * dy;
        if square > 1.83 { 0.0 } else { ((1.83 - square) / 0.83).min(1.0) }
    }
}

/// How much a colour is like skin, `0.0..=1.0`: distance from the range of chroma that skin of all tones has (Chai and
/// Ngan 1999, <https://doi.org/10.1109/76.767122>: Cb 77 to 127, Cr 133 to 173), soft at its edges.
fn skin_likeness([r, g, b]: [u8; 3]) -> f32 {
    let [r, g, b] = [r, g, b].map(f32::from);
    let cb = 128.0 - 0.1687 * r - 0.3313 * g + 0.5 * b;
    let cr = 128.0 + 0.5 * r - 0.4187 * g - 0.0813 * b;
    let outside = (cb - 127.0).max(77.0 - cb).max(cr - 173.0).max(133.0 - cr);
    (1.0 - outside / 6.0).clamp(0.0, 1.0)
}

/// Other exposure, contrast and colour of the light, and sometimes light from one side.
pub(super) fn relight(frame: &mut Picture, random: &mut Random) {
    let gamma = random.ratio([0.55, 1.8]);
    let contrast = random.ratio([0.7, 1.35]);
    let brightness = random.between([-25.0, 25.0]);
    let temperature = random.between([-0.14, 0.14]);
    let gains = [1.0 + temperature, 1.0, 1.0 - temperature];
    let curve = |gain: f64| {
        let level = |v: usize| {
            let lit = 255.0 * (v as f64 / 255.0).powf(gamma) * gain;
            ((lit - 110.0) * contrast + 110.0 + brightness).clamp(0.0, 255.0) as u8
        };
        std::array::from_fn::<u8, 256, _>(level)
    };
    let curves = gains.map(curve);
    for pixel in frame.pixels_mut() {
        for (sample, curve) in pixel.iter_mut().zip(&curves) {
            *sample = curve[usize::from(*sample)];
        }
    }
    if random.happens(0.4) {
        side_light(frame, random);
    }
}

/// Brighter on one side than on the other.
fn side_light(frame: &mut Picture, random: &mut Random) {
    let (sin, cos) = (random.unit() * std::f64::consts::TAU).sin_cos();
    let strength = random.between([0.2, 0.65]);
    let (width, height) = (f64::from(frame.width()), f64::from(frame.height()));
    let across = frame.width();
    for (i, pixel) in frame.pixels_mut().iter_mut().enumerate() {
        let (x, y) =
            (f64::from(i as u32 % across) / width - 0.5, f64::from(i as u32 / across) / height - 0.5);
        let gain = 1.0 + strength * 1.4 * (x * cos + y * sin);
        *pixel = pixel.map(|v| (f64::from(v) * gain).clamp(0.0, 255.0) as u8);
    }
}

/// Rec. 601 luma in all three.
pub(super) fn grey(frame: &mut Picture) {
    for pixel in frame.pixels_mut() {
        let [r, g, b] = pixel.map(u32::from);
        *pixel = [((299 * r + 587 * g + 114 * b + 500) / 1000) as u8; 3];
    }
}

/// Each pixel the mean of itself and its neighbours, edges repeated.
pub(super) fn soften(frame: &mut Picture) {
    let from = frame.clone();
    let (width, height) = (from.width() as i32, from.height() as i32);
    let old = |x: i32, y: i32| from.at(x.clamp(0, width - 1) as u32, y.clamp(0, height - 1) as u32);
    for (i, pixel) in frame.pixels_mut().iter_mut().enumerate() {
        let (x, y) = (i as i32 % width, i as i32 / width);
        let mut sums = [0u16; 3];
        for (dx, dy) in [(0, 0), (0, 0), (0, 0), (0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)] {
            for (sum, v) in sums.iter_mut().zip(old(x + dx, y + dy)) {
                *sum += u16::from(v);
            }
        }
        *pixel = sums.map(|sum| ((sum + 4) / 8) as u8);
    }
}

/// Noise of 1 to 14 levels, for each sample.
pub(super) fn noise(frame: &mut Picture, random: &mut Random) {
    let sigma = random.ratio([1.0, 14.0]);
    for pixel in frame.pixels_mut() {
        // Three sums of two even numbers from one draw: near enough to normal, and cheap.
        let bits = random.bits();
        for (c, sample) in pixel.iter_mut().enumerate() {
            let (a, b) = ((bits >> (20 * c)) & 0x3FF, (bits >> (20 * c + 10)) & 0x3FF);
            let triangle = (a as f64 + b as f64 - 1023.0) / 417.8;
            *sample = (f64::from(*sample) + sigma * triangle).round().clamp(0.0, 255.0) as u8;
        }
    }
}
