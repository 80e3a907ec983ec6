//! YOLO: one text file a picture, boxes relative to its size.

use super::{TruthError, TruthFace, numbers};

/// A box relative to the picture: `cx` and `w` in widths, `cy` and `h` in heights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RelativeBox {
    /// Centre from the left.
    pub cx: f64,
    /// Centre from the top.
    pub cy: f64,
    /// Width, above 0.
    pub w: f64,
    /// Height, above 0.
    pub h: f64,
}

impl RelativeBox {
    /// The face in a picture of `width` × `height` pixels.
    pub fn face(&self, width: u32, height: u32) -> TruthFace {
        let (width, height) = (f64::from(width), f64::from(height));
        TruthFace::from_box(
            (self.cx - self.w / 2.0) * width,
            (self.cy - self.h / 2.0) * height,
            (self.cx + self.w / 2.0) * width,
            (self.cy + self.h / 2.0) * height,
        )
    }
}

/// Reads one YOLO label file: a row `class cx cy w h` a face, whatever its class. Boxes without
/// area are left out, as in the referee; an empty file is a picture without faces.
///
/// # Errors
/// [`TruthError`] for a row that is not understood.
pub fn yolo(text: &str) -> Result<Vec<RelativeBox>, TruthError> {
    let mut boxes = Vec::new();
    for (at, row) in text.lines().enumerate().filter(|(_, row)| !row.trim().is_empty()) {
        let [_class, cx, cy, w, h] = numbers(row, at + 1, "class cx cy w h")?;
        if w > 0.0 && h > 0.0 {
            boxes.push(RelativeBox { cx, cy, w, h });
        }
    }
    Ok(boxes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_scale_with_the_picture() {
        let boxes = yolo("0 0.5 0.25 0.5 0.1\n\n1 0.1 0.1 0 0.2\n").unwrap();
        assert_eq!(boxes.len(), 1);
        let want = TruthFace::from_box(100.0, 20.0, 300.0, 30.0);
        for (got, want) in boxes[0].face(400, 100).corners().iter().zip(want.corners()) {
            assert!((got - want).abs() < 1e-9, "{got} {want}");
        }
    }

    #[test]
    fn a_row_cut_between_fields_is_refused() {
        let row = "0 0.5 0.25 0.5 0.1";
        for n in 1..row.len() {
            let fields = row[..n].split_whitespace().count();
            assert_eq!(yolo(&row[..n]).is_err(), fields < 5, "{:?}", &row[..n]);
        }
        assert_eq!(
            yolo("0 0.5 0.25 0.5 0.1\n0 0.5 x 1 1").unwrap_err().to_string(),
            "line 2: expected class cx cy w h, got \"x\""
        );
    }
}
