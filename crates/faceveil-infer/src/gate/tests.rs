use super::*;
use faceveil_core::raster::{Color, Samples};
use faceveil_net::GateConfig;
use faceveil_net::family::Level;

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

/// Values of a picture of the size `seen` in a frame of squares of `cell` pixels, on a view of the size `wanted`.
fn spread_out(
    squares: &[f32],
    across: usize,
    cell: usize,
    seen: (usize, usize),
    mirrored: bool,
    wanted: (usize, usize),
) -> Vec<f32> {
    let grid = Size::new(squares.len() / across, across, 1);
    let frame = Size::new(grid.height * cell, grid.width * cell, 3);
    spread(squares, (frame, grid), seen, mirrored, wanted)
}

#[test]
fn between_squares_values_go_over_into_one_another() {
    // Two squares of four pixels: their centres lie between pixels 1 and 2, and 5 and 6.
    let as_seen = |squares: &[f32], across, cell, seen| spread_out(squares, across, cell, seen, false, seen);
    let row = as_seen(&[0.0, 1.0], 2, 4, (8, 1));
    assert_eq!(row, [0.0, 0.0, 0.125, 0.375, 0.625, 0.875, 1.0, 1.0]);
    assert_eq!(as_seen(&[0.25], 1, 4, (3, 2)), [0.25; 6], "one square alone");
    assert_eq!(
        as_seen(&[0.0, 1.0], 1, 2, (1, 3)),
        [0.0, 0.25, 0.75],
        "the picture ends inside the last square"
    );
    assert_eq!(as_seen(&[0.0, 9.0], 2, 4, (3, 1)), [0.0; 3], "what lies beside the picture says nothing");
}

#[test]
fn another_look_is_laid_upon_the_first() {
    // Of a frame twice as large the same places; mirrored the other way round, also where the last square is cut.
    let large = spread_out(&[0.0, 1.0], 2, 4, (8, 1), false, (4, 1));
    assert_eq!(large, [0.0, 0.25, 0.75, 1.0]);
    assert_eq!(spread_out(&[0.0, 1.0], 2, 4, (8, 1), true, (4, 1)), [1.0, 0.75, 0.25, 0.0]);
    assert_eq!(spread_out(&[0.0, 1.0], 2, 2, (3, 1), true, (3, 1)), [0.75, 0.25, 0.0]);
    let mut first = [0.5, 0.2, 1.0];
    average(&mut first, &[vec![0.5, 0.8, 0.0], vec![0.5, 0.5, 0.5]]);
    first.iter().for_each(|v| assert!((v - 0.5).abs() < 1e-3, "{first:?}"));
    let mut alone = [0.0, 0.3, 1.0];
    average(&mut alone, &[]);
    assert_eq!(alone, [0.0, 0.3, 1.0]);
}

/// A network with weights of both signs.
fn weights(further: &[Look]) -> GateWeights {
    let level = Level { channels: 4, blocks: 1, expand: 2, enter: 2 };
    let config = GateConfig { name: "gate".into(), side: 32, block: 4, levels: vec![level, level] };
    let count = faceveil_net::plan(&config.graph().unwrap()).parameters;
    let values = (0..count).map(|i| (i * 37 % 101) as f32 / 101.0 - 0.5).collect();
    GateWeights { config, threshold: 0.4, certain: 0.6, growth: 0.0, further: further.to_vec(), values }
}

#[test]
fn two_looks_see_a_picture_and_its_mirror_image_alike() {
    let gate = |further: &[Look]| Gate::from_weights(weights(further)).unwrap();
    let samples: Vec<u8> = (0..24 * 17 * 3).map(|i| (i * i % 251) as u8).collect();
    let flipped: Vec<u8> = samples
        .chunks(24 * 3)
        .flat_map(|row| row.rchunks(3).flatten().copied().collect::<Vec<_>>())
        .collect();
    let raster = |samples: &[u8]| Raster::new(24, 17, Color::Rgb, Samples::U8(samples.to_vec())).unwrap();
    let both = gate(&[Look { side: 32, mirrored: true }]);
    let mask = both.mask(&raster(&samples)).unwrap();
    let mirror = both.mask(&raster(&flipped)).unwrap();
    for (row, other) in mask.values.chunks(mask.width).zip(mirror.values.chunks(mask.width)) {
        for (v, w) in row.iter().zip(other.iter().rev()) {
            assert!((v - w).abs() < 1e-4, "{v} {w}");
        }
    }
    let once = gate(&[]).mask(&raster(&samples)).unwrap();
    let apart = once.values.iter().zip(&mask.values).map(|(v, w)| (v - w).abs()).fold(0.0, f32::max);
    assert!(apart > 1e-3, "the network itself does not: {apart}");
    let twice = gate(&[Look { side: 32, mirrored: false }]).mask(&raster(&samples)).unwrap();
    for (v, w) in once.values.iter().zip(&twice.values) {
        assert!((v - w).abs() < 1e-4, "the same look twice: {v} {w}");
    }
}

#[test]
fn what_overflows_is_hidden() {
    let mut huge = weights(&[]);
    huge.values.iter_mut().for_each(|v| *v = v.signum() * f32::MAX);
    let grey = Raster::new(24, 17, Color::Rgb, Samples::U8(vec![127; 24 * 17 * 3])).unwrap();
    for further in [vec![], vec![Look { side: 32, mirrored: true }]] {
        let gate = Gate::from_weights(GateWeights { further, ..huge.clone() }).unwrap();
        let mask = gate.mask(&grey).unwrap();
        assert!(mask.values.iter().all(|v| !v.is_nan()));
        assert!(mask.hidden(&gate.point()).iter().any(|h| *h), "{:?}", &mask.values[..8]);
    }
}
