//! COCO: one JSON file for many pictures.

use std::collections::HashMap;

use serde::Deserialize;

use super::{FARTHEST, TruthError, TruthFace};

/// A picture of a COCO file with its faces.
#[derive(Clone, Debug, PartialEq)]
pub struct CocoPicture {
    /// `file_name` as it stands there.
    pub name: String,
    /// `width` and `height` as they stand there.
    pub size: Option<(u32, u32)>,
    /// Boxes of the categories that are faces, in pixels.
    pub faces: Vec<TruthFace>,
}

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    #[serde(default)]
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: i64,
    file_name: String,
    width: Option<u32>,
    height: Option<u32>,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: i64,
    category_id: i64,
    bbox: [f64; 4],
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

/// Reads a COCO file of boxes. What counts as a face: the categories called one of `wanted`, whatever their case; if
/// `wanted` is empty, those whose name holds `face`. Other boxes are left out, and so are boxes without area.
///
/// The pictures come in the order of the file.
///
/// # Errors
/// [`TruthError`] if the text is no such JSON, a box names a picture or a category that is not there or has numbers that
/// are none, a picture comes twice, or no category is a face: a whole set without faces is a mistake.
pub fn coco(text: &str, wanted: &[String]) -> Result<Vec<CocoPicture>, TruthError> {
    let file: File = serde_json::from_str(text)
        .map_err(|e| TruthError::Json { line: e.line(), text: e.to_string().chars().take(200).collect() })?;
    let is_face = |name: &str| match wanted {
        [] => name.to_lowercase().contains("face"),
        some => some.iter().any(|w| w.eq_ignore_ascii_case(name)),
    };
    let faces: HashMap<i64, bool> = file.categories.iter().map(|c| (c.id, is_face(&c.name))).collect();
    if !faces.values().any(|face| *face) {
        let names: Vec<&str> = file.categories.iter().map(|c| c.name.as_str()).take(20).collect();
        return Err(TruthError::NoFaceCategory { names: names.join(", ").chars().take(200).collect() });
    }
    let (mut at, mut all) = (HashMap::new(), Vec::with_capacity(file.images.len()));
    for image in file.images {
        if at.insert(image.id, all.len()).is_some() {
            return Err(TruthError::Duplicate { line: 0, name: image.file_name });
        }
        let size = image.width.zip(image.height);
        all.push(CocoPicture { name: image.file_name, size, faces: Vec::new() });
    }
    for annotation in file.annotations {
        let wrong = |want| TruthError::field(0, want, &format!("{:?}", annotation.bbox));
        let face = faces.get(&annotation.category_id).ok_or_else(|| wrong("a category that is listed"))?;
        let picture = at.get(&annotation.image_id).ok_or_else(|| wrong("a picture that is listed"))?;
        let [x, y, w, h] = annotation.bbox;
        if !annotation.bbox.iter().all(|v| v.abs() <= FARTHEST) {
            return Err(wrong("numbers of at most a million pixels"));
        }
        if *face && w > 0.0 && h > 0.0 {
            all[*picture].faces.push(TruthFace::from_box(x, y, x + w, y + h));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"info":{},"images":[{"id":7,"file_name":"a.jpg","width":9,"height":8},{"id":2,"file_name":"b.jpg"}],
"annotations":[{"id":1,"image_id":7,"category_id":3,"bbox":[1,2,3.5,4],"segmentation":[[1,2]],"iscrowd":0},
{"id":2,"image_id":7,"category_id":4,"bbox":[0,0,9,9]},{"id":3,"image_id":2,"category_id":3,"bbox":[0,0,0,9]}],
"categories":[{"id":3,"name":"Human Face"},{"id":4,"name":"person"}]}"#;

    #[test]
    fn boxes_of_faces_are_read_and_others_are_not() {
        let all = coco(GOOD, &[]).unwrap();
        let want = TruthFace::from_box(1.0, 2.0, 4.5, 6.0);
        assert_eq!(all[0], CocoPicture { name: "a.jpg".into(), size: Some((9, 8)), faces: vec![want] });
        assert_eq!(all[1], CocoPicture { name: "b.jpg".into(), size: None, faces: Vec::new() });
        let persons = coco(GOOD, &["Person".to_owned()]).unwrap();
        assert_eq!(persons[0].faces, [TruthFace::from_box(0.0, 0.0, 9.0, 9.0)]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            (GOOD.replace("Human Face", "dog"), "no category is a face; there are dog, person"),
            (GOOD.replace("\"id\":2,\"file", "\"id\":7,\"file"), "line 0: \"b.jpg\" is listed twice"),
            (
                GOOD.replace("\"image_id\":2", "\"image_id\":9"),
                "line 0: expected a picture that is listed, got \"[0.0, 0.0, 0.0, 9.0]\"",
            ),
            (
                GOOD.replace("[1,2,3.5,4]", "[1,2,3e9,4]"),
                "line 0: expected numbers of at most a million pixels, got \"[1.0, 2.0, 3000000000.0, 4.0]\"",
            ),
        ];
        for (text, want) in cases {
            assert_eq!(coco(&text, &[]).unwrap_err().to_string(), want, "{text}");
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        for n in 0..GOOD.len() {
            assert!(coco(&GOOD[..n], &[]).is_err(), "{n} bytes");
        }
    }
}
