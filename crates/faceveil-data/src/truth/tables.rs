//! The tables of CelebA and VGGFace2: a row a picture.

use super::{TruthError, TruthFace, face_of_5, number};

/// A row `"n000001/0001_01",x,y,w,h` of VGGFace2's `loose_bb_*.csv`: the picture without its suffix, and its face.
///
/// # Errors
/// [`TruthError`] for another number of fields, or a box without area. `line` is for the error.
pub fn vggface2_row(row: &str, line: usize) -> Result<(&str, TruthFace), TruthError> {
    const WANT: &str = "\"person/picture\",x,y,w,h";
    let wrong = || TruthError::field(line, WANT, row);
    let (name, box_) = row.split_once(',').ok_or_else(wrong)?;
    let name = name.trim().trim_matches('"');
    if name.split_once('/').is_none_or(|(person, picture)| person.is_empty() || picture.is_empty()) {
        return Err(wrong());
    }
    let mut values = [0.0; 4];
    let mut fields = box_.split(',');
    for value in &mut values {
        *value = number(fields.next().ok_or_else(wrong)?, line, WANT)?;
    }
    let [x, y, w, h] = values;
    if fields.next().is_some() || w <= 0.0 || h <= 0.0 {
        return Err(wrong());
    }
    Ok((name, TruthFace::from_box(x, y, x + w, y + h)))
}

/// What the numbers of a CelebA table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CelebaTable {
    /// `lefteye_x lefteye_y righteye_x … rightmouth_y`: ten numbers.
    Landmarks,
    /// `x_1 y_1 width height`.
    Boxes,
    /// `5_o_Clock_Shadow … Young`: 1 or -1 each.
    Attributes,
}

/// A CelebA table's first two lines: the number of rows, and the names of its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CelebaHead {
    /// Rows that follow.
    pub rows: u64,
    /// Columns, without the picture's name.
    pub columns: Vec<String>,
}

/// Reads a CelebA table's head.
///
/// # Errors
/// [`TruthError`] unless the first line is a number and the second names 1 to 64 columns.
pub fn celeba_head(first: &str, second: &str) -> Result<CelebaHead, TruthError> {
    let rows = first.trim().parse();
    let rows = rows.map_err(|_| TruthError::field(1, "a number of rows", first))?;
    let mut columns: Vec<String> = second.split_whitespace().map(str::to_owned).collect();
    if columns.first().is_some_and(|name| name == "image_id") {
        columns.remove(0);
    }
    if columns.is_empty() || columns.len() > 64 {
        return Err(TruthError::field(2, "names of 1 to 64 columns", second));
    }
    Ok(CelebaHead { rows, columns })
}

/// A row `name v v …` of a CelebA table: the picture's file name and exactly as many numbers as there are columns.
///
/// # Errors
/// [`TruthError`] for another number of fields. `line` is for the error.
pub fn celeba_row<'a>(
    row: &'a str,
    head: &CelebaHead,
    line: usize,
) -> Result<(&'a str, Vec<f64>), TruthError> {
    const WANT: &str = "a name and a number for each column";
    let mut fields = row.split_whitespace();
    let name = fields.next().ok_or_else(|| TruthError::field(line, WANT, row))?;
    let values: Result<Vec<f64>, TruthError> = fields.map(|field| number(field, line, WANT)).collect();
    let values = values?;
    if values.len() != head.columns.len() {
        return Err(TruthError::field(line, WANT, row));
    }
    Ok((name, values))
}

/// The face of a CelebA row of landmarks (ten numbers) or of a box (four).
///
/// # Errors
/// [`TruthError`] for another number, or a box without area. `line` is for the error.
pub fn celeba_face(values: &[f64], line: usize) -> Result<TruthFace, TruthError> {
    match *values {
        [x, y, w, h] if w > 0.0 && h > 0.0 => Ok(TruthFace::from_box(x, y, x + w, y + h)),
        [a, b, c, d, e, f, g, h, i, j] => Ok(face_of_5(&[(a, b), (c, d), (e, f), (g, h), (i, j)])),
        _ => Err(TruthError::field(line, "a box with area or five points", &format!("{values:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vggface2_rows() {
        let row = "\"n000001/0001_01\",60,62,79,109";
        assert_eq!(
            vggface2_row(row, 2),
            Ok(("n000001/0001_01", TruthFace::from_box(60.0, 62.0, 139.0, 171.0)))
        );
        for bad in [
            "",
            "NAME_ID,X,Y,W,H",
            "n1,1,2,3,4",
            "n1/,1,2,3,4",
            "n1/a,1,2,3",
            "n1/a,1,2,3,4,5",
            "n1/a,1,2,0,4",
        ] {
            assert!(vggface2_row(bad, 1).is_err(), "{bad:?}");
        }
        // Only the last number may lose its last digits.
        for n in 0..row.len() - 2 {
            assert!(vggface2_row(&row[..n], 1).is_err(), "{n} bytes");
        }
    }

    #[test]
    fn celeba_tables() {
        let head = celeba_head("2\n", "image_id x_1 y_1 width height ").unwrap();
        assert_eq!((head.rows, head.columns.len()), (2, 4));
        let (name, values) = celeba_row("000001.jpg    95  71 226 313", &head, 3).unwrap();
        assert_eq!(name, "000001.jpg");
        assert_eq!(celeba_face(&values, 3), Ok(TruthFace::from_box(95.0, 71.0, 321.0, 384.0)));
        assert!(celeba_row("000001.jpg 1 2 3", &head, 3).is_err());
        assert!(celeba_face(&[1.0, 2.0, 0.0, 3.0], 3).is_err() && celeba_face(&[1.0; 9], 3).is_err());
        let marks = [69.0, 109.0, 106.0, 113.0, 77.0, 142.0, 73.0, 152.0, 108.0, 154.0];
        let [left, top, right, bottom] = celeba_face(&marks, 1).unwrap().corners();
        assert!(
            left > 30.0 && right < 150.0 && top > 40.0 && bottom < 200.0,
            "{left} {top} {right} {bottom}"
        );
        for (first, second) in [("x", "a b"), ("1", ""), ("-1", "a"), ("1", &"a ".repeat(65))] {
            assert!(celeba_head(first, second).is_err(), "{first:?} {second:?}");
        }
    }
}
