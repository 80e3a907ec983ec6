//! Connected regions of changed pixels.

/// A bit map, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mask {
    pub width: usize,
    pub height: usize,
    pub bits: Vec<bool>,
}

impl Mask {
    pub fn new(width: usize, height: usize, value: bool) -> Self {
        Self { width, height, bits: vec![value; width * height] }
    }

    pub fn count(&self) -> usize {
        self.bits.iter().filter(|&&bit| bit).count()
    }

    /// Set where a set bit, or with `value` false a clear one, is at most 2 rows and columns away.
    fn spread(&self, value: bool) -> Self {
        let near = |at: usize, len: usize| at.saturating_sub(2)..(at + 3).min(len);
        let mut wide = vec![!value; self.bits.len()];
        for (from, to) in self.bits.chunks_exact(self.width).zip(wide.chunks_exact_mut(self.width)) {
            for x in (0..self.width).filter(|&x| from[x] == value) {
                to[near(x, self.width)].fill(value);
            }
        }
        let mut bits = vec![!value; self.bits.len()];
        for y in 0..self.height {
            let row = &wide[y * self.width..][..self.width];
            if row.iter().all(|&bit| bit != value) {
                continue;
            }
            for other in near(y, self.height) {
                let to = &mut bits[other * self.width..][..self.width];
                to.iter_mut().zip(row).filter(|(_, from)| **from == value).for_each(|(to, _)| *to = value);
            }
        }
        Self { bits, ..*self }
    }

    /// Morphological closing with a 5 × 5 square; pixels beyond the edge play no part.
    pub fn closed(&self) -> Self {
        self.spread(true).spread(false)
    }
}

/// How many connected regions (8 neighbours) of `mask` have at least `least` pixels and none in
/// `near`, which has the same shape.
pub(crate) fn regions_apart(mask: &Mask, near: &Mask, least: f64) -> usize {
    let mut open = mask.bits.clone();
    let mut stack = Vec::new();
    let mut found = 0;
    for first in 0..open.len() {
        if !std::mem::take(&mut open[first]) {
            continue;
        }
        stack.push(first);
        let (mut area, mut touches) = (0usize, false);
        while let Some(at) = stack.pop() {
            area += 1;
            touches |= near.bits[at];
            let (x, y) = (at % mask.width, at / mask.width);
            for row in y.saturating_sub(1)..(y + 2).min(mask.height) {
                for column in x.saturating_sub(1)..(x + 2).min(mask.width) {
                    let other = row * mask.width + column;
                    if std::mem::take(&mut open[other]) {
                        stack.push(other);
                    }
                }
            }
        }
        found += usize::from(area as f64 >= least && !touches);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Mask {
        let bits = rows.iter().flat_map(|row| row.chars().map(|c| c == '#')).collect();
        Mask { width: rows[0].len(), height: rows.len(), bits }
    }

    #[test]
    fn closing_is_opencv_s() {
        // From OpenCV 4: cv2.morphologyEx(m, cv2.MORPH_CLOSE, np.ones((5, 5))).
        let cases = [
            (vec!["#....#"], vec!["######"]),
            (vec!["#.....#"], vec!["#.....#"]),
            (vec!["....#"], vec!["....#"]),
            (vec!["#", ".", ".", "#", "."], vec!["#", "#", "#", "#", "#"]),
            (vec!["#.....#", "......."], vec!["#.....#", "#.....#"]),
            (vec!["#......", "......#", "......."], vec!["#.....#", "#.....#", "#.....#"]),
            (vec!["#....", "....#"], vec!["#####", "#####"]),
        ];
        for (from, want) in cases {
            assert_eq!(mask(&from).closed(), mask(&want), "{from:?}");
        }
    }

    #[test]
    fn regions_join_over_corners_and_are_left_out_if_near() {
        let seen = mask(&["#..##", ".#...", "....#"]);
        let nothing = Mask::new(5, 3, false);
        let corner = mask(&["#....", ".....", "....."]);
        for (near, least, want) in
            [(&nothing, 1.0, 3), (&nothing, 2.0, 2), (&corner, 1.0, 2), (&nothing, 3.0, 0)]
        {
            assert_eq!(regions_apart(&seen, near, least), want, "{near:?} {least}");
        }
    }
}
