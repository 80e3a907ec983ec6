//! No text makes a reader panic, and mutilated good text neither.

use faceveil_data::import::yolo_image_folders;
use faceveil_data::truth::{
    celeba_face, celeba_head, celeba_row, coco, face_of_68, fddb, row_of_68, vggface2_row, voc, wider, yolo,
};
use proptest::prelude::*;

const GOOD: [&str; 7] = [
    "a/b\n2\n40 20 1.5707963 100 100 1\n44.5 27 -0.5 184 129 1\n",
    "0--P/x.jpg\n2\n1 2 3 4 0 0 0 0 0 0 \n5 5 0 0 0 0 0 0 0 0 \n",
    "<annotation><object><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>8</ymax></bndbox></object></annotation>",
    "0 0.5 0.25 0.5 0.1\n1 0.1 0.1 0.2 0.2\n",
    r#"{"images":[{"id":1,"file_name":"a"}],"annotations":[{"image_id":1,"category_id":1,"bbox":[1,2,3,4]}],"categories":[{"id":1,"name":"face"}]}"#,
    "2\nx_1 y_1 width height\na.jpg 1 2 3 4\nb.jpg 1 2 3 4\n",
    "\"n000001/0001_01\",60,62,79,109\n\"n000001/0002_01\",1,2,3,4\n",
];

/// Every face that is read has finite numbers, so that nothing later divides by a NaN.
fn read_all(text: &str) -> Result<(), TestCaseError> {
    let mut faces = voc(text).unwrap_or_default();
    faces.extend(fddb(text).unwrap_or_default().into_values().flatten());
    faces.extend(wider(text).unwrap_or_default().into_values().flatten());
    faces.extend(yolo(text).unwrap_or_default().iter().map(|b| b.face(u32::MAX, 1)));
    faces.extend(coco(text, &[]).unwrap_or_default().into_iter().flat_map(|p| p.faces));
    faces.extend(text.lines().filter_map(|row| Some(vggface2_row(row, 1).ok()?.1)));
    faces.extend(text.lines().filter_map(|row| Some(face_of_68(&row_of_68(row, 1).ok()?.1))));
    let _ = yolo_image_folders(text);
    if let [first, second, rows @ ..] = &text.lines().collect::<Vec<_>>()[..]
        && let Ok(head) = celeba_head(first, second)
    {
        let of = |row: &&str| celeba_face(&celeba_row(row, &head, 1).ok()?.1, 1).ok();
        faces.extend(rows.iter().filter_map(of));
    }
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
