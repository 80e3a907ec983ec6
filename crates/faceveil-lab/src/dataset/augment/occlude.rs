//! Things before faces: glasses, masks, hats, hands and others, drawn in the face's own directions; and the same hands
//! and things where there is no face.

use faceveil_data::truth::TruthFace;

use crate::dataset::picture::Picture;
use crate::dataset::random::Random;

/// A face's own coordinates: `u` from ear to ear and `v` from forehead to chin, both `-1.0..=1.0` on the ellipse.
#[derive(Clone, Copy, Debug)]
struct Frame {
    centre: (f64, f64),
    /// Unit vectors of `u` and `v`.
    right: (f64, f64),
    down: (f64, f64),
    /// Half the ellipse's width and height along them, pixels.
    half: (f64, f64),
}

impl Frame {
    /// `up` leads to the forehead. A long ellipse that is tilted a little further than that knows better.
    fn of(face: &TruthFace, up: (f64, f64)) -> Self {
        let length = up.0.hypot(up.1);
        let mut down = if length > 1e-9 { (-up.0 / length, -up.1 / length) } else { (0.0, 1.0) };
        let along = 0.5 * (2.0 * face.sxy).atan2(face.sxx - face.syy);
        let axis = (along.cos(), along.sin());
        let agree = axis.0 * down.0 + axis.1 * down.1;
        if agree.abs() > 0.7 && face.side_long() > 1.08 * face.side() {
            down = (axis.0 * agree.signum(), axis.1 * agree.signum());
        }
        let right = (down.1, -down.0);
        let reach = |(x, y): (f64, f64)| {
            (face.sxx * x * x + 2.0 * face.sxy * x * y + face.syy * y * y).max(0.25).sqrt()
        };
        Self { centre: (face.cx, face.cy), right, down, half: (reach(right), reach(down)) }
    }

    /// Lays what `brush` gives (colour, opacity) over the frame's pixels, as far as `u` and `v` are within `reach`.
    fn paint(&self, picture: &mut Picture, reach: f64, brush: impl Fn(f64, f64) -> Option<([f64; 3], f64)>) {
        let [width, height] = [picture.width(), picture.height()];
        let span = |centre: f64, first: f64, second: f64, most: u32| {
            let half = reach * (first.abs() + second.abs());
            let low = (centre - half).floor().clamp(0.0, f64::from(most)) as u32;
            let high = (centre + half).ceil().clamp(0.0, f64::from(most)) as u32;
            low..high
        };
        let columns = span(self.centre.0, self.right.0 * self.half.0, self.down.0 * self.half.1, width);
        let rows = span(self.centre.1, self.right.1 * self.half.0, self.down.1 * self.half.1, height);
        for y in rows {
            for x in columns.clone() {
                let (dx, dy) = (f64::from(x) + 0.5 - self.centre.0, f64::from(y) + 0.5 - self.centre.1);
                let u = (dx * self.right.0 + dy * self.right.1) / self.half.0;
                let v = (dx * self.down.0 + dy * self.down.1) / self.half.1;
                if let Some((colour, opacity)) = brush(u, v) {
                    let pixel = &mut picture.pixels_mut()[(y * width + x) as usize];
                    for (sample, new) in pixel.iter_mut().zip(colour) {
                        let old = f64::from(*sample);
                        *sample = (old + (new - old) * opacity).clamp(0.0, 255.0) as u8;
                    }
                }
            }
        }
    }
}

/// One occluder before a face whose forehead lies in the direction `up`.
pub(super) fn occlude(picture: &mut Picture, face: &TruthFace, up: (f64, f64), random: &mut Random) {
    let frame = Frame::of(face, up);
    match random.below(5) {
        0 => glasses(picture, &frame, random),
        1 => mask(picture, &frame, random),
        2 => hat(picture, &frame, random),
        3 => {
            let skin = mean_colour(picture, face);
            hand(picture, &frame, skin, random);
        }
        _ => thing(picture, &frame, random),
    }
}

/// A hand or a thing where no face is, if such a place is found.
pub(super) fn distract(picture: &mut Picture, faces: &[(TruthFace, (f64, f64))], random: &mut Random) {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    for _ in 0..8 {
        let half = width.min(height) * random.ratio([0.05, 0.25]);
        let (x, y) = (width * random.unit(), height * random.unit());
        // The hand reaches 1.7 of its half size.
        let apart = |f: &TruthFace| (f.cx - x).hypot(f.cy - y) > f.side_long() / 2.0 + 1.8 * half;
        if faces.iter().all(|(face, _)| apart(face)) {
            let place = TruthFace::from_box(x - half, y - half, x + half, y + half);
            let frame = Frame::of(&place, (random.unit() - 0.5, random.unit() - 0.5));
            if random.happens(0.7) {
                let skin = faces.first().map_or([205.0, 160.0, 135.0], |(f, _)| mean_colour(picture, f));
                hand(picture, &frame, skin, random);
            } else {
                thing(picture, &frame, random);
            }
            return;
        }
    }
}

/// Sunglasses, or glasses with clear panes.
fn glasses(picture: &mut Picture, frame: &Frame, random: &mut Random) {
    let tint = [random.between([0.0, 60.0]), random.between([0.0, 50.0]), random.between([0.0, 60.0])];
    let dark = if random.happens(0.7) { random.between([0.75, 1.0]) } else { 0.1 };
    let (wide, high) = (random.between([0.3, 0.42]), random.between([0.14, 0.26]));
    let (eyes, square) = (random.between([-0.25, -0.1]), random.between([2.0, 5.0]));
    frame.paint(picture, 1.2, |u, v| {
        let (du, dv) = ((u.abs() - 0.42) / wide, (v - eyes) / high);
        let ring = (du.abs().powf(square) + dv.abs().powf(square)).powf(1.0 / square);
        let bridge = u.abs() < 0.42 - wide + 0.05 && (v - eyes + 0.05).abs() < 0.035;
        let temple = u.abs() > 0.42 + wide - 0.04 && u.abs() < 1.02 && (v - eyes).abs() < 0.03;
        if ring < 0.85 {
            // A reflection runs over the panes.
            let glint = if (u * 3.0 - v * 2.0).sin() > 0.96 { 70.0 } else { 0.0 };
            Some((tint.map(|t| t + glint), dark))
        } else {
            (ring < 1.0 || bridge || temple).then_some((tint.map(|t| t * 0.5), 1.0))
        }
    });
}

/// A surgical mask, a cloth or a scarf over nose, mouth and chin.
fn mask(picture: &mut Picture, frame: &Frame, random: &mut Random) {
    const CLOTH: [[f64; 3]; 5] = [
        [150.0, 190.0, 220.0],
        [238.0, 238.0, 235.0],
        [35.0, 35.0, 40.0],
        [190.0, 60.0, 70.0],
        [90.0, 130.0, 90.0],
    ];
    let cloth = CLOTH[random.below(CLOTH.len())].map(|c| c + random.between([-20.0, 20.0]));
    let top = random.between([-0.05, 0.3]);
    let (folds, pattern) = (random.between([0.0, 14.0]), random.between([0.0, 22.0]));
    let straps = random.happens(0.6);
    frame.paint(picture, 1.3, |u, v| {
        let edge = top + 0.22 * u * u;
        let cheek = 0.98 * (1.0 - ((v - 0.1) / 1.1).max(0.0).powi(2)).max(0.0).sqrt();
        let shade = folds * (v * 22.0).sin() + pattern * (u * 17.0).sin() * (v * 13.0).cos() - 28.0 * u * u;
        if v > edge && v < 1.12 && u.abs() < cheek + 0.06 {
            return Some((cloth.map(|c| c + shade), 1.0));
        }
        let strap = straps
            && u.abs() > 0.8
            && u.abs() < 1.08
            && [edge, 0.75].iter().any(|at| (v - at + (u.abs() - 0.85) * 0.9).abs() < 0.025);
        strap.then_some((cloth.map(|c| c * 0.9), 1.0))
    });
}

/// A cap, a hat or hair down to the brows.
fn hat(picture: &mut Picture, frame: &Frame, random: &mut Random) {
    let colour = [0.0; 3].map(|_: f64| random.between([10.0, 230.0]));
    let brim = random.between([-0.62, -0.3]);
    let (wide, rim, tall) =
        (random.between([1.0, 1.25]), random.between([0.0, 0.6]), random.between([0.5, 1.0]));
    let ribs = random.between([0.0, 18.0]);
    frame.paint(picture, 1.9, |u, v| {
        let arch = brim - 0.12 * (1.0 - u * u).max(0.0);
        let crown = (u / wide).powi(2) + ((v - brim) / tall).powi(2) < 1.0;
        let shade = ribs * (u * 14.0).sin() - 30.0 * (v - brim).abs();
        if v < arch && crown {
            return Some((colour.map(|c| c + shade), 1.0));
        }
        let rim_here = (v - arch).abs() < 0.07 && u.abs() < wide + rim;
        rim_here.then_some((colour.map(|c| c * 0.7), 1.0))
    });
}

/// A palm and four fingers from one side, over mouth, cheek or eyes.
fn hand(picture: &mut Picture, frame: &Frame, skin: [f64; 3], random: &mut Random) {
    let tone = random.between([0.75, 1.15]);
    let skin = skin.map(|c| c * tone + random.between([-8.0, 8.0]));
    let (sin, cos) = (random.unit() * std::f64::consts::TAU).sin_cos();
    let (along, aside) = (random.between([0.0, 0.9]), random.between([-0.5, 0.5]));
    let lengths = [0.0; 4].map(|_: f64| random.between([0.55, 0.95]));
    let spread = random.between([0.24, 0.34]);
    frame.paint(picture, 1.7, |u, v| {
        // `p` leads along the fingers, `q` across them.
        let (p, q) = (u * cos + v * sin + along, v * cos - u * sin + aside);
        let palm = (p + 0.55).powi(2) / 0.35 + q * q / 0.42;
        let mut edge = 1.0 - palm.sqrt();
        for (i, length) in lengths.iter().enumerate() {
            let middle = (i as f64 - 1.5) * spread;
            let beyond = (p - p.clamp(-0.3, -0.1 + length)).hypot(q - middle);
            edge = edge.max((0.15 - beyond) / 0.15);
        }
        (edge > 0.0).then(|| {
            // Darker towards the edges, so that fingers stand apart.
            let shade = 0.72 + 0.28 * (edge * 3.0).min(1.0);
            (skin.map(|c| c * shade), (edge * 12.0).min(1.0))
        })
    });
}

/// A phone, a cup, a shoulder: a rounded shape of some colour and texture over a part of the face.
fn thing(picture: &mut Picture, frame: &Frame, random: &mut Random) {
    let colour = [0.0; 3].map(|_: f64| random.between([0.0, 255.0]));
    let centre = (random.between([-0.8, 0.8]), random.between([-0.8, 0.8]));
    let half = (random.between([0.2, 0.6]), random.between([0.2, 0.7]));
    let (power, stripes) = (random.between([2.0, 8.0]), random.between([0.0, 40.0]));
    let (wave_u, wave_v) = (random.between([0.0, 16.0]), random.between([0.0, 16.0]));
    frame.paint(picture, 1.5, |u, v| {
        let (du, dv) = ((u - centre.0) / half.0, (v - centre.1) / half.1);
        let inside = du.abs().powf(power) + dv.abs().powf(power) < 1.0;
        let shade = stripes * (u * wave_u + v * wave_v).sin();
        inside.then(|| (colour.map(|c| c + shade), 1.0))
    });
}

/// The mean colour of the middle of a face, as far as it is in the picture.
fn mean_colour(picture: &Picture, face: &TruthFace) -> [f64; 3] {
    let reach = (face.side() / 4.0).max(1.0);
    let span = |centre: f64, most: u32| {
        let low = (centre - reach).clamp(0.0, f64::from(most) - 1.0) as u32;
        let high = (centre + reach).clamp(0.0, f64::from(most) - 1.0) as u32;
        low..=high
    };
    let (mut sums, mut count) = ([0.0; 3], 0.0);
    for y in span(face.cy, picture.height()) {
        for x in span(face.cx, picture.width()) {
            count += 1.0;
            for (sum, v) in sums.iter_mut().zip(picture.at(x, y)) {
                *sum += f64::from(v);
            }
        }
    }
    sums.map(|sum| sum / f64::max(count, 1.0))
}
