//! An original that many outputs are held against: what does not depend on the output is worked out once. The likeness to
//! the reference blur is told in all, inside the faces' boxes, and outside them.

use faceveil_data::truth::{Fit, TruthFace};
use serde::{Deserialize, Serialize};

use crate::codec::same_codec;
use crate::fidelity::{EDGE, Fidelity, SIDE, ToReference, reference_blur, ssim_map};
use crate::fit::{apply, fit_to, letterbox};
use crate::pair::{PictureVerdict, no_output, verdict};
use crate::picture::{JudgeError, Picture, decode};

/// Likeness to the reference blur at 128 × 128 pixels, doing nothing beside it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Likeness {
    /// The whole frame, letterbox bars included, as the thesis reports it.
    pub all: ToReference,
    /// Inside the boxes of the faces; `None` if they cover no pixel of the frame.
    pub inside: Option<ToReference>,
    /// Outside them and outside the bars; `None` if nothing is left.
    pub outside: Option<ToReference>,
}

/// An original with its faces, ready to judge outputs.
#[derive(Clone, Debug)]
pub struct Original {
    picture: Picture,
    faces: Vec<TruthFace>,
    frame: Option<Frame>,
}

/// The thesis's frame: what is wanted there, and how near the untouched original is.
#[derive(Clone, Debug)]
struct Frame {
    wanted: Picture,
    /// All, inside, outside: which pixels count.
    parts: [Vec<bool>; 3],
    nothing: [Option<Fidelity>; 3],
}

/// What an output shows.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Leaks, collateral, mask.
    pub verdict: PictureVerdict,
    /// Likeness to the reference blur; `None` of a picture without faces.
    pub likeness: Option<Likeness>,
    /// Where the original lies in the output.
    pub fit: Fit,
    /// The output, decoded.
    pub output: Picture,
}

impl Original {
    /// `faces` are in pixels of `picture`.
    pub fn new(picture: Picture, faces: Vec<TruthFace>) -> Self {
        let frame = (!faces.is_empty()).then(|| Frame::new(&picture, &faces));
        Self { picture, faces, frame }
    }

    /// The picture.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// Its faces.
    pub fn faces(&self) -> &[TruthFace] {
        &self.faces
    }

    /// Judges an output: the bytes of a JPEG, PNG or WebP file.
    ///
    /// # Errors
    /// [`JudgeError`] if the output cannot be decoded.
    pub fn judge(&self, output: &[u8]) -> Result<Judged, JudgeError> {
        let photo = decode(output)?;
        let output = Picture::from(photo.raster);
        let (fit, reference) = fit_to(&self.picture, &output);
        let reference = same_codec(reference, &photo.source)?;
        let likeness = self.frame.as_ref().and_then(|frame| frame.likeness(&output));
        let verdict = verdict(self.picture.size(), reference, output.clone(), &fit, &self.faces);
        Ok(Judged { verdict, likeness, fit, output })
    }

    /// The verdict if there is no output: every face leaks.
    pub fn without_output(&self) -> PictureVerdict {
        let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        no_output(side(self.picture.width()), side(self.picture.height()), &self.faces)
    }

    /// Where the original lies in `output`: stretched or letterboxed, whichever is nearer.
    pub fn fit(&self, output: &Picture) -> Fit {
        fit_to(&self.picture, output).0
    }

    /// The original where `fit` puts it in a picture of `width` × `height` pixels.
    pub fn fitted(&self, fit: &Fit, (width, height): (usize, usize)) -> Picture {
        if *fit == Fit::SAME { self.picture.clone() } else { apply(&self.picture, fit, (width, height)) }
    }
}

fn framed(picture: &Picture) -> Picture {
    if picture.size() == (SIDE, SIDE) {
        return picture.clone();
    }
    apply(picture, &letterbox(picture.size(), (SIDE, SIDE)), (SIDE, SIDE))
}

impl Frame {
    fn new(original: &Picture, faces: &[TruthFace]) -> Self {
        let fit = letterbox(original.size(), (SIDE, SIDE));
        let boxes: Vec<[f64; 4]> = faces.iter().map(|f| f.mapped(&fit).corners()).collect();
        let across = f64::from(fit.ox)..f64::from(fit.ox) + original.width() as f64 * fit.sx;
        let down = f64::from(fit.oy)..f64::from(fit.oy) + original.height() as f64 * fit.sy;
        let places = (0..SIDE * SIDE).map(|i| ((i % SIDE) as f64, (i / SIDE) as f64));
        let inside = places
            .clone()
            .map(|(x, y)| boxes.iter().any(|[x0, y0, x1, y1]| x >= *x0 && y >= *y0 && x <= *x1 && y <= *y1));
        let inside: Vec<bool> = inside.collect();
        let outside = places.zip(&inside);
        let outside = outside.map(|((x, y), face)| !face && across.contains(&x) && down.contains(&y));
        let parts = [vec![true; SIDE * SIDE], inside.clone(), outside.collect()];
        let wanted = framed(&reference_blur(original, faces));
        let nothing = fidelities(&wanted, &framed(original), &parts);
        Self { wanted, parts, nothing }
    }

    fn likeness(&self, output: &Picture) -> Option<Likeness> {
        let shown = fidelities(&self.wanted, &framed(output), &self.parts);
        let part = |i: usize| Some(ToReference { output: shown[i]?, nothing: self.nothing[i]? });
        Some(Likeness { all: part(0)?, inside: part(1), outside: part(2) })
    }
}

/// Of each part that has a pixel at least 5 pixels away from the frame's edge, where SSIM is defined.
fn fidelities(a: &Picture, b: &Picture, parts: &[Vec<bool>; 3]) -> [Option<Fidelity>; 3] {
    let map = ssim_map(a, b);
    let within = |i: usize| {
        let (x, y) = (i % SIDE, i / SIDE);
        x.min(y) >= EDGE && x.max(y) < SIDE - EDGE
    };
    let pixels: Vec<(f64, f64)> =
        a.pixels().chunks_exact(3).zip(b.pixels().chunks_exact(3)).map(apart).collect();
    parts.each_ref().map(|part| {
        let at = || part.iter().enumerate().filter(|(_, set)| **set).map(|(i, _)| i);
        let (count, similar) = (at().count() as f64, at().filter(|i| within(*i)).count());
        if similar == 0 {
            return None;
        }
        let mse = at().map(|i| pixels[i].1).sum::<f64>() / count;
        Some(Fidelity {
            mse,
            mae: at().map(|i| pixels[i].0).sum::<f64>() / count,
            ssim: at().filter(|i| within(*i)).map(|i| f64::from(map.data[i])).sum::<f64>() / similar as f64,
            psnr: -10.0 * mse.max(1e-10).log10(),
        })
    })
}

/// Mean absolute and mean squared difference of a pixel's samples, in 0..1.
fn apart((p, q): (&[u8], &[u8])) -> (f64, f64) {
    let each = p.iter().zip(q).map(|(p, q)| f64::from(p.abs_diff(*q)) / 255.0);
    each.fold((0.0, 0.0), |(sum, squares), d| (sum + d / 3.0, squares + d * d / 3.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fidelity::to_reference;

    fn stripes(width: usize, height: usize) -> Picture {
        let pixels = (0..width * height).flat_map(|i| [(i % width * 37 % 256) as u8, 90, (i / width) as u8]);
        Picture::new(width, height, pixels.collect()).expect("the size fits")
    }

    #[test]
    fn in_all_it_is_the_thesis_s_measure_and_the_parts_are_what_they_say() {
        let original = stripes(200, 120);
        let faces = vec![TruthFace::from_box(60.0, 30.0, 120.0, 100.0)];
        let done = reference_blur(&original, &faces);
        let frame = Original::new(original.clone(), faces.clone()).frame.unwrap();
        for output in [&original, &done] {
            let (got, want) = (frame.likeness(output).unwrap(), to_reference(&original, output, &faces));
            for (got, want) in [(got.all.output, want.output), (got.all.nothing, want.nothing)] {
                for (got, want) in
                    [(got.mse, want.mse), (got.mae, want.mae), (got.ssim, want.ssim), (got.psnr, want.psnr)]
                {
                    assert!((got - want).abs() < 1e-6 * want.abs().max(1.0), "{got} {want}");
                }
            }
        }
        let untouched = frame.likeness(&original).unwrap();
        let (inside, outside) = (untouched.inside.unwrap(), untouched.outside.unwrap());
        assert!(inside.output.mse > 10.0 * outside.output.mse, "{inside:?} {outside:?}");
        assert_eq!(inside.output, inside.nothing);
    }

    #[test]
    fn a_face_outside_the_picture_has_no_inside() {
        let original = stripes(128, 128);
        let likeness = Original::new(original.clone(), vec![TruthFace::from_box(-50.0, -50.0, -2.0, -2.0)])
            .frame
            .unwrap()
            .likeness(&original)
            .unwrap();
        assert_eq!(likeness.inside, None);
        assert!(likeness.outside.is_some());
        assert!(Original::new(original, Vec::new()).frame.is_none());
    }
}
