use super::*;

fn mask(rows: &[&str]) -> Mask {
    let width = rows[0].len();
    let values = rows.iter().flat_map(|r| r.bytes().map(|b| if b == b'#' { 0.9 } else { 0.1 })).collect();
    Mask {
        width,
        height: rows.len(),
        values,
        square: (10.0, 20.0),
        size: (10 * width as u32 - 3, 20 * rows.len() as u32),
    }
}

fn at(threshold: f32, certain: f32, growth: f32) -> Point {
    Point { threshold, certain, growth }
}

fn drawn(mask: &Mask, growth: f32) -> Vec<String> {
    let hidden = mask.hidden(&at(0.5, 0.5, growth));
    hidden.chunks(mask.width).map(|r| r.iter().map(|h| if *h { '#' } else { '.' }).collect()).collect()
}

#[test]
fn growth_is_a_disc_and_stays_inside() {
    let one = mask(&["#....", ".....", "....."]);
    assert_eq!(drawn(&one, 0.0), ["#....", ".....", "....."]);
    assert_eq!(drawn(&one, 1.0), ["##...", "#....", "....."]);
    assert_eq!(drawn(&one, 1.5), ["##...", "##...", "....."]);
    assert_eq!(drawn(&one, 2.0), ["###..", "##...", "#...."]);
}

#[test]
fn connected_parts_are_faces_made_of_their_squares() {
    let faces = mask(&["##..#", "#...#", "..#.."]).faces(&at(0.5, 0.5, 0.0));
    let boxes: Vec<_> = faces.iter().map(|f| (f.rect, f.also.len())).collect();
    let rect = |left, top, right, bottom| RectF { left, top, right, bottom };
    // The picture ends three pixels before the last square does.
    let want = [
        (rect(0.0, 0.0, 20.0, 40.0), 2),
        (rect(40.0, 0.0, 47.0, 40.0), 2),
        (rect(20.0, 40.0, 30.0, 60.0), 1),
    ];
    assert_eq!(boxes, want);
    let region = region(&faces[0], 0.1);
    assert_eq!(region.shapes.len(), 2);
    assert_eq!(region.feather, 2.0);
}

#[test]
fn a_row_that_ends_and_the_next_that_begins_are_two_runs() {
    let faces = mask(&["..##", "##.."]).faces(&at(0.5, 0.5, 0.0));
    assert_eq!(faces.len(), 1, "they meet at a corner");
    assert_eq!(faces[0].also.len(), 2);
}

#[test]
fn a_part_that_is_nowhere_certain_is_no_face() {
    let mut both = mask(&["##..#"]);
    both.values[1] = 0.6;
    both.values[4] = 0.6;
    let hidden = |certain| both.hidden(&at(0.5, certain, 0.0));
    assert_eq!(
        hidden(0.8),
        [true, true, false, false, false],
        "its weaker square comes with the certain one"
    );
    assert_eq!(hidden(0.5), [true, true, false, false, true]);
    assert_eq!(hidden(0.95), [false; 5]);
}

#[test]
fn between_squares_values_go_over_into_one_another() {
    // Two squares of four pixels: their centres lie between pixels 1 and 2, and 5 and 6.
    let row = between(&[0.0, 1.0], (2, 1), 4, (8, 1));
    assert_eq!(row, [0.0, 0.0, 0.125, 0.375, 0.625, 0.875, 1.0, 1.0]);
    assert_eq!(between(&[0.25], (1, 1), 4, (3, 2)), [0.25; 6], "one square alone");
    let column = between(&[0.0, 1.0], (1, 2), 2, (1, 3));
    assert_eq!(column, [0.0, 0.25, 0.75], "the picture ends inside the last square");
}
