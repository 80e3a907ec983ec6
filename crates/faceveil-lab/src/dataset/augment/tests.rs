use super::*;

/// Grey with a red disc for each face.
fn scene(width: u32, height: u32, faces: &[TruthFace]) -> Picture {
    let mut picture = Picture::flat(width, height, [90, 100, 110]);
    for (i, pixel) in picture.pixels_mut().iter_mut().enumerate() {
        let (x, y) = (f64::from(i as u32 % width) + 0.5, f64::from(i as u32 / width) + 0.5);
        if faces.iter().any(|f| holds(f, x, y)) {
            *pixel = [230, 20, 20];
        }
    }
    picture
}

fn holds(face: &TruthFace, x: f64, y: f64) -> bool {
    let (dx, dy) = (x - face.cx, y - face.cy);
    let det = face.sxx * face.syy - face.sxy * face.sxy;
    face.syy * dx * dx - 2.0 * face.sxy * dx * dy + face.sxx * dy * dy <= det
}

/// Only geometry, all of it.
fn moves() -> AugmentConfig {
    AugmentConfig {
        occlude: 0.0,
        distract: 0.0,
        skin_tone: 0.0,
        light: 0.0,
        grey: 0.0,
        noise: 0.0,
        soft: 0.0,
        filled: 0.0,
        quarter_turn: 0.3,
        ..AugmentConfig::default()
    }
}

/// The ellipses are where the red is: of the pixels that are clearly on one side, none is on the other.
fn assert_truth_is_where_the_red_is(frame: &Picture, faces: &[TruthFace], case: &str) {
    for y in 0..frame.height() {
        for x in 0..frame.width() {
            let [r, g, _] = frame.at(x, y);
            let red = r > 180 && g < 60;
            let (px, py) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
            let grown = |by: f64| {
                faces.iter().any(|f| {
                    let scale = (1.0 + 2.0 * by / f.side().max(1.0)).max(0.0).powi(2);
                    holds(
                        &TruthFace { sxx: f.sxx * scale, sxy: f.sxy * scale, syy: f.syy * scale, ..*f },
                        px,
                        py,
                    )
                })
            };
            assert!(!red || grown(2.0), "{case}: red outside at ({x}, {y})");
            let grey = r.abs_diff(90) < 8 && g.abs_diff(100) < 8;
            assert!(!grey || !grown(-2.0), "{case}: no red inside at ({x}, {y})");
        }
    }
}

#[test]
fn truth_follows_the_pixels_through_every_move() {
    let faces = [
        TruthFace::from_ellipse(40.0, 25.0, 1.3, 80.0, 70.0),
        TruthFace::from_box(200.0, 60.0, 240.0, 110.0),
    ];
    let picture = scene(300, 200, &faces);
    let mut kept = 0;
    for seed in 0..60 {
        let (frame, moved) = augment(&picture, &faces, &moves(), &mut Random::new(seed));
        assert_eq!((frame.width(), frame.height()), (128, 128));
        assert_truth_is_where_the_red_is(&frame, &moved, &format!("seed {seed}"));
        kept += moved.len();
    }
    assert!(kept > 60, "only {kept} faces stayed in 60 frames");
}

#[test]
fn collage_and_paste_keep_the_truth() {
    let face = [TruthFace::from_ellipse(40.0, 30.0, 1.6, 100.0, 80.0)];
    let picture = scene(200, 160, &face);
    let empty = scene(150, 150, &[]);
    for seed in 0..40 {
        let config = moves();
        let parts: Vec<(&Picture, &[TruthFace])> = vec![(&picture, &face); 2 + seed as usize % 3];
        let (frame, moved) = collage(&parts, &config, &mut Random::new(seed));
        // A cut ellipse is an approximation, so only red outside of all boxes is wrong.
        for y in 0..128 {
            for x in 0..128 {
                let near = moved.iter().any(|f| {
                    let [x0, y0, x1, y1] = f.corners();
                    (x0 - 2.0..x1 + 2.0).contains(&f64::from(x))
                        && (y0 - 2.0..y1 + 2.0).contains(&f64::from(y))
                });
                let [r, g, _] = frame.at(x, y);
                assert!(near || r < 180 || g > 60, "seed {seed}: red outside of all boxes at ({x}, {y})");
            }
        }
        let donors = vec![(&picture, &face[0]); 1 + seed as usize % 4];
        let (frame, moved) = paste(&empty, &donors, &config, &mut Random::new(seed));
        assert_truth_is_where_the_red_is(&frame, &moved, &format!("paste, seed {seed}"));
        assert!(!moved.is_empty(), "seed {seed}");
    }
}

#[test]
fn a_seed_repeats_to_the_byte_and_another_differs() {
    let faces = [TruthFace::from_box(20.0, 20.0, 90.0, 120.0)];
    let picture = scene(160, 140, &faces);
    let all =
        AugmentConfig { occlude: 1.0, distract: 1.0, noise: 1.0, skin_tone: 1.0, ..AugmentConfig::default() };
    for seed in 0..20 {
        let run = |seed| augment(&picture, &faces, &all, &mut Random::new(seed));
        assert_eq!(run(seed), run(seed));
        assert_ne!(run(seed).0, run(seed + 1).0);
    }
}

#[test]
fn places_and_sizes_are_spread_over_the_frame() {
    let faces = [TruthFace::from_box(110.0, 60.0, 190.0, 160.0)];
    let picture = scene(300, 220, &faces);
    let config = AugmentConfig { place: 1.0, faceless: 0.0, ..moves() };
    let (mut places, mut small, mut large, mut cut) = ([0; 9], 0, 0, 0);
    for seed in 0..300 {
        let (_, moved) = augment(&picture, &faces, &config, &mut Random::new(seed));
        let face = moved[0];
        let cell = |v: f64| ((v / 128.0 * 3.0) as usize).min(2);
        places[cell(face.cy.max(0.0)) * 3 + cell(face.cx.max(0.0))] += 1;
        small += usize::from(face.side_long() < 26.0);
        large += usize::from(face.side_long() > 64.0);
        let [x0, y0, x1, y1] = face.corners();
        cut += usize::from(x0 < -1.0 || y0 < -1.0 || x1 > 129.0 || y1 > 129.0);
    }
    assert!(places.iter().all(|&n| n > 12), "{places:?}");
    assert!(small > 50 && large > 40 && cut > 20, "{small} small, {large} large, {cut} cut");
}

#[test]
fn faceless_frames_show_no_face() {
    let faces = [TruthFace::from_box(20.0, 20.0, 60.0, 70.0)];
    let picture = scene(400, 200, &faces);
    let config = AugmentConfig { faceless: 1.0, ..moves() };
    for seed in 0..20 {
        let (frame, moved) = augment(&picture, &faces, &config, &mut Random::new(seed));
        assert_eq!(moved, [], "seed {seed}");
        assert!(frame.pixels().as_chunks::<3>().0.iter().all(|[r, g, _]| *r < 180 || *g > 60), "seed {seed}");
    }
}

#[test]
fn none_only_fits_the_picture_into_the_middle() {
    let faces = [TruthFace::from_box(10.0, 10.0, 30.0, 40.0)];
    let (frame, moved) =
        augment(&scene(100, 50, &faces), &faces, &AugmentConfig::none(100), &mut Random::new(3));
    let [x0, y0, x1, y1] = moved[0].corners();
    assert!(
        (x0 - 10.0).abs() < 1e-9
            && (y0 - 35.0).abs() < 1e-9
            && (x1 - 30.0).abs() < 1e-9
            && (y1 - 65.0).abs() < 1e-9
    );
    assert_eq!((frame.at(50, 10), frame.at(50, 30)), ([0; 3], [90, 100, 110]));
}

#[test]
fn occluders_change_the_face_and_distractions_do_not() {
    let face = TruthFace::from_box(40.0, 30.0, 90.0, 95.0);
    let picture = scene(128, 128, &[face]);
    let changed = |frame: &Picture, inside: bool| {
        let pixels = (0..128 * 128).filter(|i| {
            let (x, y) = (i % 128, i / 128);
            holds(&face, f64::from(x) + 0.5, f64::from(y) + 0.5) == inside
                && frame.at(x, y) != picture.at(x, y)
        });
        pixels.count()
    };
    let (mut covered, mut distracted) = (0, 0);
    for seed in 0..50 {
        let with = |occlude, distract| {
            let config = AugmentConfig { occlude, distract, ..AugmentConfig::none(128) };
            let (frame, faces) = augment(&picture, &[face], &config, &mut Random::new(seed));
            assert_eq!(faces.len(), 1, "seed {seed}");
            frame
        };
        covered += usize::from(changed(&with(1.0, 0.0), true) > 60);
        let frame = with(0.0, 1.0);
        assert_eq!(changed(&frame, true), 0, "seed {seed}: a distraction before the face");
        distracted += usize::from(changed(&frame, false) > 20);
    }
    assert!(covered >= 45 && distracted >= 25, "{covered} covered, {distracted} distracted");
}

#[test]
fn odd_pictures_and_faces_do_no_harm() {
    let odd = [
        TruthFace::from_box(-1e6, -1e6, 1e6, 1e6),
        TruthFace::from_box(5.0, 5.0, 5.0, 5.0),
        TruthFace { cx: 3.0, cy: 3.0, sxx: 0.0, sxy: 0.0, syy: 0.0 },
        TruthFace::from_box(1e6, 1e6, 1e6 + 1.0, 1e6 + 1.0),
    ];
    for (width, height) in [(1, 1), (1, 300), (300, 2), (5, 5)] {
        let picture = scene(width, height, &[]);
        for seed in 0..30 {
            for side in [1, 2, 33] {
                let config =
                    AugmentConfig { side, occlude: 1.0, distract: 1.0, place: 0.8, ..Default::default() };
                let (frame, faces) = augment(&picture, &odd, &config, &mut Random::new(seed));
                assert_eq!((frame.width(), frame.height()), (side, side));
                assert!(faces.iter().all(|f| f.corners().iter().all(|v| v.is_finite())));
                paste(&picture, &[(&picture, &odd[0]), (&picture, &odd[1])], &config, &mut Random::new(seed));
                collage(&[(&picture, &odd[..]), (&picture, &[])], &config, &mut Random::new(seed));
            }
        }
    }
}
