//! What the faces of a part are like.

use super::chart::{bars, heat_map};
use crate::dataset::record::Record;

/// Cells along each side of the maps.
const CELLS: usize = 20;
/// Upper ends of the sizes, as shares of the frame's side.
const SIZES: [f64; 7] = [0.05, 0.1, 0.2, 0.35, 0.5, 0.75, f64::INFINITY];
/// Upper ends of the numbers of faces.
const NUMBERS: [usize; 8] = [0, 1, 2, 3, 5, 10, 20, usize::MAX];

/// Counts over many pictures.
#[derive(Clone, Debug)]
pub struct Statistics {
    pictures: u64,
    faces: u64,
    centres: Vec<f64>,
    covered: Vec<f64>,
    sides: Vec<f64>,
    sizes: [u64; SIZES.len()],
    numbers: [u64; NUMBERS.len()],
}

impl Default for Statistics {
    fn default() -> Self {
        let map = vec![0.0; CELLS * CELLS];
        Self {
            pictures: 0,
            faces: 0,
            centres: map.clone(),
            covered: map.clone(),
            sides: map,
            sizes: [0; SIZES.len()],
            numbers: [0; NUMBERS.len()],
        }
    }
}

impl Statistics {
    /// Counts a picture in.
    pub fn add(&mut self, record: &Record) {
        self.pictures += 1;
        let at_most = NUMBERS.iter().position(|most| record.faces.len() <= *most).unwrap_or(0);
        self.numbers[at_most] += 1;
        let side = f64::from(record.content[0].max(record.content[1]).max(1));
        let cell = |share: f64| ((share * CELLS as f64).floor().clamp(0.0, CELLS as f64 - 1.0)) as usize;
        for face in record.ellipses() {
            self.faces += 1;
            let [x0, y0, x1, y1] = face.corners().map(|v| v / side);
            self.centres[cell(face.cy / side) * CELLS + cell(face.cx / side)] += 1.0;
            self.sides[cell(y1 - y0) * CELLS + cell(x1 - x0)] += 1.0;
            let long = face.side_long() / side;
            self.sizes[SIZES.iter().position(|most| long < *most).unwrap_or(SIZES.len() - 1)] += 1;
            // A box outside of the frame covers nothing of it.
            if x1 <= 0.0 || y1 <= 0.0 || x0 >= 1.0 || y0 >= 1.0 {
                continue;
            }
            for row in cell(y0)..=cell(y1) {
                for column in cell(x0)..=cell(x1) {
                    self.covered[row * CELLS + column] += 1.0;
                }
            }
        }
    }

    /// The charts of a part.
    pub fn section(&self, part: &str) -> String {
        let shares =
            |map: &[f64], of: u64| map.iter().map(|n| 100.0 * n / of.max(1) as f64).collect::<Vec<_>>();
        let mut from = 0.0;
        let sizes = SIZES.iter().zip(self.sizes).map(|(to, count)| {
            let name = if to.is_finite() {
                format!("{:.0}-{:.0}%", from * 100.0, to * 100.0)
            } else {
                format!("≥{:.0}%", from * 100.0)
            };
            from = *to;
            (name, count)
        });
        let mut low = 0;
        let numbers = NUMBERS.iter().zip(self.numbers).map(|(to, count)| {
            let name = match *to {
                usize::MAX => format!("≥{low}"),
                to if to == low => to.to_string(),
                to => format!("{low}-{to}"),
            };
            low = to.saturating_add(1);
            (name, count)
        });
        let (sizes, numbers): (Vec<_>, Vec<_>) = (sizes.collect(), numbers.collect());
        let middle = self.middle_share().map_or_else(String::new, |share| {
            format!("{:.0} % of them in the middle ninth, where even places would have 11 %", share * 100.0)
        });
        format!(
            "<h2>Faces of {part}</h2>\n<div class=\"row\">{}{}{}{}{}</div>\n",
            heat_map(
                &shares(&self.centres, self.faces),
                CELLS,
                &format!("Where the {} faces have their middles, % of faces: {middle}.", self.faces)
            ),
            heat_map(
                &shares(&self.covered, self.pictures),
                CELLS,
                "Where a face's box covers the frame, % of pictures."
            ),
            heat_map(
                &shares(&self.sides, self.faces),
                CELLS,
                "Width (across) and height (down) of faces, each from 0 to the frame's side, % of faces."
            ),
            bars(&sizes, "Longer side of the face, share of the frame's side."),
            bars(&numbers, "Faces a picture."),
        )
    }

    /// Share of the faces whose middle lies in the middle ninth of the frame. `None` if there are no faces.
    pub fn middle_share(&self) -> Option<f64> {
        let third = CELLS as f64 / 3.0;
        let inside = |at: usize| (third..2.0 * third).contains(&(at as f64 + 0.5));
        let sum: f64 = self
            .centres
            .iter()
            .enumerate()
            .filter(|(at, _)| inside(at % CELLS) && inside(at / CELLS))
            .map(|(_, n)| n)
            .sum();
        (self.faces > 0).then(|| sum / self.faces as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::fingerprint::Look;
    use crate::dataset::record::{FaceRecord, Origin};
    use crate::dataset::split::Part;
    use faceveil_data::truth::TruthFace;

    fn record(faces: &[TruthFace]) -> Record {
        Record {
            n: 0,
            split: Part::Train,
            file: String::new(),
            blur: String::new(),
            mask: String::new(),
            set: String::new(),
            source: String::new(),
            sha256: String::new(),
            look: Look { across: 0, down: 0 },
            size: [100, 50],
            content: [100, 50],
            group: 0,
            identity: None,
            faces: faces.iter().map(|f| FaceRecord::new(f, Origin::Box, Vec::new())).collect(),
            detected: false,
            tags: Vec::new(),
        }
    }

    #[test]
    fn faces_are_counted_by_place_size_and_number() {
        let mut statistics = Statistics::default();
        assert_eq!(statistics.middle_share(), None);
        let middle = TruthFace::from_box(45.0, 45.0, 55.0, 57.0);
        let corner = TruthFace::from_box(-40.0, -40.0, 10.0, 30.0);
        statistics.add(&record(&[middle, corner]));
        statistics.add(&record(&[]));
        assert_eq!(statistics.middle_share(), Some(0.5));
        assert_eq!((statistics.sizes, statistics.numbers), ([0, 0, 1, 0, 0, 1, 0], [1, 0, 1, 0, 0, 0, 0, 0]));
        assert_eq!(statistics.centres.iter().sum::<f64>(), 2.0);
        assert_eq!(statistics.covered[0], 1.0);
        let section = statistics.section("train");
        assert!(section.contains("50 % of them in the middle") && section.contains("20-35%"), "{section}");
    }
}
