//! What a picture and its faces are like, and the slices that figures are told for.

use faceveil_data::truth::TruthFace;
use faceveil_eval::Picture;
use serde::{Deserialize, Serialize};

use super::truth::Case;

/// What is measured of a picture once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Width and height, pixels.
    pub size: [u32; 2],
    /// Its faces.
    pub faces: Vec<FaceFacts>,
}

/// What is measured of a face once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaceFacts {
    /// Shorter side of its box, pixels.
    pub px: f64,
    /// That side as a share of the picture's longer side.
    pub share: f64,
    /// Its centre, `0.0..=1.0` across and down the picture.
    pub centre: [f64; 2],
    /// Degrees by which its longer axis leans from upright; `None` of a box, and of a face as wide as long.
    pub tilt: Option<f64>,
    /// Mean luma of its pixels, `0.0..=255.0`; `None` if it lies outside the picture.
    pub luma: Option<f64>,
}

impl Facts {
    /// Looks at a picture.
    pub fn of(picture: &Picture, faces: &[TruthFace]) -> Self {
        let (width, height) = picture.size();
        let long = width.max(height) as f64;
        let face = |face: &TruthFace| FaceFacts {
            px: face.side(),
            share: face.side() / long,
            centre: [face.cx / width as f64, face.cy / height as f64],
            tilt: tilt(face),
            luma: luma(picture, face),
        };
        Self { size: [width as u32, height as u32], faces: faces.iter().map(face).collect() }
    }
}

fn tilt(face: &TruthFace) -> Option<f64> {
    // A box has no axis of its own.
    if face.sxy == 0.0 {
        return None;
    }
    let (half, apart) = ((face.sxx + face.syy) / 2.0, ((face.sxx - face.syy) / 2.0).hypot(face.sxy));
    let long_enough = half + apart > 1.15 * 1.15 * (half - apart);
    let along = (0.5 * (2.0 * face.sxy).atan2(face.sxx - face.syy)).to_degrees().abs();
    long_enough.then_some((90.0 - along).abs())
}

fn luma(picture: &Picture, face: &TruthFace) -> Option<f64> {
    let (width, height) = picture.size();
    let [x0, y0, x1, y1] = face.corners();
    let cut = |v: f64, end: usize| v.clamp(0.0, end as f64) as usize;
    let inside = face.inside(1.0, (0, 0));
    let (mut sum, mut count) = (0.0, 0u32);
    for y in cut(y0, height)..cut(y1 + 1.0, height) {
        for x in cut(x0, width)..cut(x1 + 1.0, width) {
            if inside.holds(x as u32, y as u32) {
                let p = &picture.pixels()[3 * (y * width + x)..][..3];
                sum += 0.299 * f64::from(p[0]) + 0.587 * f64::from(p[1]) + 0.114 * f64::from(p[2]);
                count += 1;
            }
        }
    }
    (count > 0).then(|| sum / f64::from(count))
}

/// A slice of the faces, or of the pictures without any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Slice {
    /// The thesis's scope.
    Scope,
    /// Of a picture with several.
    Several,
    /// Small.
    Small,
    /// Away from the middle.
    OffCentre,
    /// Leaning.
    Rotated,
    /// Behind a mask.
    Masked,
    /// Dark.
    Dark,
    /// Pictures without a face.
    NoFace,
}

impl Slice {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Scope,
        Self::Several,
        Self::Small,
        Self::OffCentre,
        Self::Rotated,
        Self::Masked,
        Self::Dark,
        Self::NoFace,
    ];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scope => "one large frontal face",
            Self::Several => "several faces",
            Self::Small => "small",
            Self::OffCentre => "off centre",
            Self::Rotated => "rotated",
            Self::Masked => "masked",
            Self::Dark => "dark",
            Self::NoFace => "no face",
        }
    }

    /// What belongs to it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Scope => {
                "the only face of its picture, at least a fifth of its longer side, not leaning over 20°, looking at the camera where that is known, no mask"
            }
            Self::Several => "faces of pictures with at least two",
            Self::Small => "8 to 32 pixels, or under a twentieth of the picture's longer side",
            Self::OffCentre => "centre outside the middle half, across or down",
            Self::Rotated => "leaning over 20° by the annotated ellipse",
            Self::Masked => "annotated as masked, well or badly",
            Self::Dark => "mean luma under 60 of 255",
            Self::NoFace => "pictures without a face: there is only collateral",
        }
    }

    /// Smallest face that counts, pixels.
    pub const fn least(self) -> f64 {
        if matches!(self, Self::Small) { 8.0 } else { 16.0 }
    }

    /// Which of the picture's faces belong to it.
    pub fn faces(self, case: &Case, facts: &Facts) -> Vec<bool> {
        let single = facts.faces.len() == 1;
        let of = |(at, face): (usize, &FaceFacts)| {
            let tags = case.tags.get(at);
            let masked = tags.and_then(|t| t.masked);
            let leans = face.tilt.is_some_and(|t| t > 20.0);
            let upright_and_seen =
                !leans && tags.and_then(|t| t.frontal) != Some(false) && masked != Some(true);
            match self {
                Self::Scope => single && face.share >= 0.2 && upright_and_seen,
                Self::Several => !single,
                Self::Small => face.px < 32.0 || face.share < 0.05,
                Self::OffCentre => face.centre.iter().any(|c| (c - 0.5).abs() > 0.25),
                Self::Rotated => leans,
                Self::Masked => masked == Some(true),
                Self::Dark => face.luma.is_some_and(|l| l < 60.0),
                Self::NoFace => false,
            }
        };
        facts.faces.iter().enumerate().map(of).collect()
    }

    /// Whether the picture belongs to it.
    pub fn picture(self, case: &Case, facts: &Facts) -> bool {
        match self {
            Self::NoFace => facts.faces.is_empty(),
            _ => self.faces(case, facts).contains(&true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::truth::FaceTags;
    use faceveil_data::dataset::Labels;

    fn case(tags: Vec<FaceTags>) -> Case {
        Case { tags, ..Case::plain("s", "n", "p".into(), Labels::Unknown) }
    }

    #[test]
    fn faces_fall_into_their_slices() {
        let picture = Picture::new(200, 100, vec![40; 60_000]).unwrap();
        let in_slices = |faces: &[TruthFace], tags: Vec<FaceTags>| -> Vec<&'static str> {
            let (facts, case) = (Facts::of(&picture, faces), case(tags));
            Slice::ALL.into_iter().filter(|s| s.picture(&case, &facts)).map(Slice::name).collect()
        };
        let middle = TruthFace::from_ellipse(25.0, 21.0, std::f64::consts::FRAC_PI_2 - 0.01, 100.0, 50.0);
        let scope = Slice::Scope.name();
        assert_eq!(in_slices(&[middle], vec![]), [scope, "dark"]);
        let turned = FaceTags { frontal: Some(false), masked: Some(true), ..FaceTags::default() };
        assert_eq!(in_slices(&[middle], vec![turned]), ["masked", "dark"]);
        let leaning = TruthFace::from_ellipse(25.0, 20.0, 0.3, 20.0, 50.0);
        assert_eq!(in_slices(&[leaning], vec![]), ["off centre", "rotated", "dark"]);
        let small = TruthFace::from_box(95.0, 45.0, 104.0, 54.0);
        assert_eq!(in_slices(&[small, middle], vec![]), ["several faces", "small", "dark"]);
        assert_eq!(in_slices(&[], vec![]), ["no face"]);
    }

    #[test]
    fn lean_is_told_of_ellipses_only() {
        let of = |angle: f64| tilt(&TruthFace::from_ellipse(30.0, 20.0, angle.to_radians(), 0.0, 0.0));
        for (angle, want) in [(89.0, 1.0), (-89.0, 1.0), (60.0, 30.0), (120.0, 30.0), (5.0, 85.0)] {
            assert!((of(angle).unwrap() - want).abs() < 1e-6, "{angle}: {:?}", of(angle));
        }
        assert_eq!(tilt(&TruthFace::from_box(0.0, 0.0, 40.0, 20.0)), None);
        assert_eq!(tilt(&TruthFace::from_ellipse(20.5, 20.0, 1.0, 0.0, 0.0)), None, "nearly round");
    }
}
