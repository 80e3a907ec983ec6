//! No text makes a reader panic, and mutilated good text neither.

use faceveil_data::truth::{fddb, voc, wider, yolo};
use proptest::prelude::*;

const GOOD: [&str; 4] = [
    "a/b\n2\n40 20 1.5707963 100 100 1\n44.5 27 -0.5 184 129 1\n",
    "0--P/x.jpg\n2\n1 2 3 4 0 0 0 0 0 0 \n5 5 0 0 0 0 0 0 0 0 \n",
    "<annotation><object><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>8</ymax></bndbox></object></annotation>",
    "0 0.5 0.25 0.5 0.1\n1 0.1 0.1 0.2 0.2\n",
];

/// Every face that is read has finite numbers, so that nothing later divides by a NaN.
fn read_all(text: &str) -> Result<(), TestCaseError> {
    let mut faces = voc(text).unwrap_or_default();
    faces.extend(fddb(text).unwrap_or_default().into_values().flatten());
    faces.extend(wider(text).unwrap_or_default().into_values().flatten());
    faces.extend(yolo(text).unwrap_or_default().iter().map(|b| b.face(u32::MAX, 1)));
    for face in faces {
        prop_assert!(face.corners().iter().all(|v| v.is_finite()), "{face:?} from {text:?}");
        prop_assert!(face.side() >= 0.0 && face.side() <= face.side_long(), "{face:?} from {text:?}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text(text in "(?s).{0,200}") {
        read_all(&text)?;
    }

    #[test]
    fn numbers_and_names(text in "([a-z]/?[a-z]|[0-9]{1,2}|-?[0-9e.]{1,9}|nan|inf|[ \n]){0,60}") {
        read_all(&text)?;
    }

    #[test]
    fn mutilated(
        which in 0..GOOD.len(),
        at in any::<prop::sample::Index>(),
        len in 0..9usize,
        with in "[ -~\n]{0,4}",
    ) {
        let mut text = GOOD[which].to_owned();
        let from = at.index(text.len());
        text.replace_range(from..(from + len).min(GOOD[which].len()), &with);
        read_all(&text)?;
    }
}
