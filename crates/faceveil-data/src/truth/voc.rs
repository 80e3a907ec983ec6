//! Pascal VOC: one XML file a picture.

use roxmltree::{Document, Node};

use super::{TruthError, TruthFace, number};

/// Reads the boxes of one Pascal VOC annotation, whatever their class. Text after `</annotation>`
/// is ignored: some published sets carry stray lines there.
///
/// A box is `bndbox` with `xmin`, `ymin`, `xmax`, `ymax` in pixels.
///
/// # Errors
/// [`TruthError`] if the text is not XML up to `</annotation>`, or a box lacks a corner.
pub fn voc(text: &str) -> Result<Vec<TruthFace>, TruthError> {
    const END: &str = "</annotation>";
    let end = text.find(END).map_or(text.len(), |at| at + END.len());
    let document = Document::parse(text[..end].trim_start_matches('\u{feff}'))
        .map_err(|e| TruthError::Xml { line: e.pos().row as usize, text: e.to_string() })?;
    let boxes = document.descendants().filter(|n| n.has_tag_name("bndbox"));
    boxes.map(|node| face(&document, node)).collect()
}

fn face(document: &Document<'_>, node: Node<'_, '_>) -> Result<TruthFace, TruthError> {
    let line_of = |node: Node<'_, '_>| document.text_pos_at(node.range().start).row as usize;
    let corner = |name: &'static str| {
        let child = node.children().find(|c| c.has_tag_name(name));
        let child = child.ok_or_else(|| TruthError::field(line_of(node), name, "none"))?;
        number(child.text().unwrap_or_default(), line_of(child), name)
    };
    Ok(TruthFace::from_box(corner("xmin")?, corner("ymin")?, corner("xmax")?, corner("ymax")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "<annotation>\n <size><width>9</width></size>\n <object><name>with_mask</name>\n  \
        <bndbox>\n <xmin>1</xmin>\n <ymin>2</ymin>\n <xmax>5</xmax>\n <ymax>8.5</ymax>\n </bndbox>\n \
        </object>\n</annotation>";

    #[test]
    fn boxes_are_read_and_text_behind_ignored() {
        let want = vec![TruthFace::from_box(1.0, 2.0, 5.0, 8.5)];
        assert_eq!(voc(GOOD), Ok(want.clone()));
        assert_eq!(voc(&format!("{GOOD} C:\\Users\\<someone>")), Ok(want));
        assert_eq!(voc("<annotation></annotation>"), Ok(Vec::new()));
    }

    #[test]
    fn errors_name_the_line() {
        let cases = [
            (GOOD.replace("<ymin>2</ymin>", ""), "line 4: expected ymin, got \"none\""),
            (GOOD.replace("8.5", "tall"), "line 8: expected ymax, got \"tall\""),
        ];
        for (text, want) in cases {
            assert_eq!(voc(&text).unwrap_err().to_string(), want, "{text}");
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        for n in 0..GOOD.len() {
            assert!(voc(&GOOD[..n]).is_err(), "{n} bytes");
        }
    }

    #[test]
    fn deep_nesting_and_entities_do_no_harm() {
        let depth = 50_000;
        let deep = format!("<annotation>{}{}</annotation>", "<a>".repeat(depth), "</a>".repeat(depth));
        assert_eq!(voc(&deep), Ok(Vec::new()));
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bb\"><!ENTITY c \"&b;&b;\">]><annotation>&c;</annotation>";
        assert!(voc(bomb).is_err());
    }
}
