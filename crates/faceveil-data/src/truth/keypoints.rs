//! Faces from points: 68 on brows, eyes, nose, mouth and jaw, or the five of CelebA and VGGFace2.

use super::{TruthError, TruthFace, number};

/// How far the forehead goes on above the brows, as a share of the length from brows to chin: the old rule that brows,
/// nose and chin part a face in three equal lengths gives a half, and hairlines are rather lower than that.
const FOREHEAD: f64 = 0.4;

/// 68 points, x and y in pixels.
pub type Points68 = [(f64, f64); 68];

/// The face around 68 points in the order of the 300-W set (<https://ibug.doc.ic.ac.uk/resources/300-W>): jaw 0-16, brows
/// 17-26, nose 27-35, eyes 36-47, mouth 48-67; pixels. The ellipse is turned as the line between the eyes, as wide as
/// the points, and reaches from the chin to `FOREHEAD` above the brows.
pub fn face_of_68(points: &Points68) -> TruthFace {
    let mean = |range: std::ops::Range<usize>| {
        let n = range.len() as f64;
        let (x, y) = points[range].iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
        (x / n, y / n)
    };
    let (first, second) = (mean(36..42), mean(42..48));
    let angle = (second.1 - first.1).atan2(second.0 - first.0);
    let (sin, cos) = angle.sin_cos();
    // Across and down, in the face's own directions.
    let (mut low, mut high) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
    for (x, y) in points {
        let (u, v) = (x * cos + y * sin, y * cos - x * sin);
        low = (low.0.min(u), low.1.min(v));
        high = (high.0.max(u), high.1.max(v));
    }
    let top = low.1 - FOREHEAD * (high.1 - low.1);
    let (u, v) = ((low.0 + high.0) / 2.0, (top + high.1) / 2.0);
    let (half_u, half_v) = ((high.0 - low.0) / 2.0, (high.1 - top) / 2.0);
    TruthFace::from_ellipse(half_u, half_v, angle, u * cos - v * sin, u * sin + v * cos)
}

/// The face around the eyes, the nose and the corners of the mouth (x, y in pixels, the eye on the picture's left
/// first). Of an upright face the mouth lies 1.1 eye distances under the eyes, the ellipse is 2.5 eye distances wide
/// and 3.4 high: what FDDB's ellipses are on average. On profiles, where the eyes come together, the way from
/// the eyes to the mouth stands in.
pub fn face_of_5(points: &[(f64, f64); 5]) -> TruthFace {
    let [left, right, _nose, mouth_left, mouth_right] = *points;
    let middle = |a: (f64, f64), b: (f64, f64)| ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
    let (eyes, mouth) = (middle(left, right), middle(mouth_left, mouth_right));
    let apart = (right.0 - left.0).hypot(right.1 - left.1);
    let down = (mouth.0 - eyes.0).hypot(mouth.1 - eyes.1);
    let unit = apart.max(down / 1.1);
    let angle = (right.1 - left.1).atan2(right.0 - left.0);
    let centre = (eyes.0 + 0.36 * (mouth.0 - eyes.0), eyes.1 + 0.36 * (mouth.1 - eyes.1));
    TruthFace::from_ellipse(1.25 * unit, 1.7 * unit, angle, centre.0, centre.1)
}

/// One row `name,x0,y0,…,x67,y67` of a table of 68 points.
///
/// # Errors
/// [`TruthError`] unless there are exactly 136 numbers after a name. `line` is for the error.
pub fn row_of_68(row: &str, line: usize) -> Result<(&str, Points68), TruthError> {
    const WANT: &str = "name and 136 numbers with commas";
    let mut fields = row.split(',');
    let name = fields.next().map(str::trim).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| TruthError::field(line, WANT, row))?;
    let mut points = [(0.0, 0.0); 68];
    for point in &mut points {
        let mut next = || number(fields.next().unwrap_or(""), line, WANT);
        *point = (next()?, next()?);
    }
    match fields.next() {
        None => Ok((name, points)),
        Some(more) => Err(TruthError::field(line, "136 numbers and no more", more)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An upright face 100 wide: brows at 50, eyes at 60, chin at 150.
    fn upright() -> Points68 {
        let mut points = [(50.0, 90.0); 68];
        points[0] = (0.0, 60.0);
        points[16] = (100.0, 60.0);
        points[8] = (50.0, 150.0);
        points[17..27].fill((50.0, 50.0));
        points[36..42].fill((30.0, 60.0));
        points[42..48].fill((70.0, 60.0));
        points
    }

    #[test]
    fn sixty_eight_points_give_chin_forehead_and_tilt() {
        let corners = face_of_68(&upright()).corners().map(|v| v.round());
        assert_eq!(corners, [0.0, 10.0, 100.0, 150.0]);
        let angle: f64 = 0.4;
        let turned =
            upright().map(|(x, y)| (x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()));
        let (face, still) = (face_of_68(&turned), face_of_68(&upright()));
        // The same ellipse, turned: its determinant stays.
        let det = |f: &TruthFace| f.sxx * f.syy - f.sxy * f.sxy;
        assert!((det(&face) / det(&still) - 1.0).abs() < 1e-9, "{face:?}");
        assert!(
            (0.5 * (2.0 * face.sxy).atan2(face.sxx - face.syy) - angle - std::f64::consts::FRAC_PI_2).abs()
                % std::f64::consts::PI
                < 1e-6
        );
    }

    #[test]
    fn five_points_give_a_face_around_them() {
        let face = face_of_5(&[(40.0, 50.0), (80.0, 50.0), (60.0, 70.0), (45.0, 94.0), (75.0, 94.0)]);
        let [left, top, right, bottom] = face.corners().map(f64::round);
        assert_eq!([left, right], [10.0, 110.0]);
        assert!(top < 10.0 && bottom > 120.0, "{top} {bottom}");
    }

    #[test]
    fn a_row_has_a_name_and_136_numbers() {
        let numbers = vec!["1.5"; 136].join(",");
        let row = format!("a_1.jpg,{numbers}");
        assert_eq!(row_of_68(&row, 1).unwrap().0, "a_1.jpg");
        for n in 0..row.len() {
            // The last number may lose its decimals.
            let whole = n >= row.len() - 2;
            assert_eq!(row_of_68(&row[..n], 1).is_ok(), whole, "{n} bytes");
        }
        assert!(row_of_68(&format!("{row},1"), 1).is_err() && row_of_68(&format!(",{numbers}"), 1).is_err());
    }
}
