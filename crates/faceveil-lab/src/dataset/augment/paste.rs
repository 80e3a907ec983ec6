//! Faces put into a scene that has none: any place, any number, and nothing of their old surroundings but a rim.

use faceveil_data::truth::TruthFace;

use super::{Affine, AugmentConfig, draw, finish, place_for, placement, shows};
use crate::dataset::picture::Picture;
use crate::dataset::random::Random;

/// What is taken along of a head, as a multiple of its face's ellipse: hair, ears and some neck.
const HEAD: f64 = 1.45;
/// The rim that fades, as a share of the way to [`HEAD`].
const RIM: f64 = 0.25;
/// Faces nearer than this share of their added half lengths would cover each other.
const CROWDED: f64 = 1.15;

/// One face of each donor (the face of that index) put at an even place and size into `scene`, which must have no faces
/// of its own. A donor for which no free place is found in a few tries is left out.
pub fn paste(
    scene: &Picture,
    donors: &[(&Picture, &TruthFace)],
    config: &AugmentConfig,
    random: &mut Random,
) -> (Picture, Vec<TruthFace>) {
    let side = config.side.max(1);
    let window = [0, 0, side, side];
    let mut frame = Picture::flat(side, side, [0; 3]);
    let plain = AugmentConfig { zoom: [1.0, 1.8], ..config.clone() };
    draw(&mut frame, scene, &placement(scene, &[], &plain, window, random), window);
    let mut placed: Vec<(TruthFace, (f64, f64))> = Vec::new();
    for (picture, face) in donors {
        let tilt = f64::from(config.tilt_degrees).to_radians() * (2.0 * random.unit() - 1.0);
        let mirrored = random.happens(config.mirror);
        for _ in 0..6 {
            let long = random.ratio(config.face_share) * f64::from(side);
            let to = place_for(long, window, random.happens(config.cut), random);
            let scale = long / face.side_long().max(1.0);
            let affine = Affine::placing((face.cx, face.cy), to, scale, tilt, mirrored);
            let moved = affine.face(face);
            let crowded = placed.iter().any(|(other, _)| {
                let apart = (other.cx - moved.cx).hypot(other.cy - moved.cy);
                apart < CROWDED * (other.side_long() + moved.side_long()) / 2.0
            });
            if !crowded && shows(&moved, window) {
                head(&mut frame, picture, &affine, &moved);
                placed.push((moved, affine.direction((0.0, -1.0))));
                break;
            }
        }
    }
    finish(&mut frame, &placed, config, random);
    (frame, placed.into_iter().map(|(face, _)| face).collect())
}

/// Lays the head around `face` (where it will be) over the frame.
fn head(frame: &mut Picture, donor: &Picture, affine: &Affine, face: &TruthFace) {
    let mut layer = frame.clone();
    draw(&mut layer, donor, affine, [0, 0, frame.width(), frame.height()]);
    let det = (face.sxx * face.syy - face.sxy * face.sxy).max(1e-6);
    let width = frame.width();
    for (i, (under, over)) in frame.pixels_mut().iter_mut().zip(layer.pixels().as_chunks::<3>().0).enumerate()
    {
        let dx = f64::from(i as u32 % width) + 0.5 - face.cx;
        let dy = f64::from(i as u32 / width) + 0.5 - face.cy;
        let square = (face.syy * dx * dx - 2.0 * face.sxy * dx * dy + face.sxx * dy * dy) / det;
        let weight = ((1.0 - square.sqrt() / HEAD) / RIM).clamp(0.0, 1.0);
        for (under, over) in under.iter_mut().zip(over) {
            let (old, new) = (f64::from(*under), f64::from(*over));
            *under = (old + (new - old) * weight).round() as u8;
        }
    }
}
