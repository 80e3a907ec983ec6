use std::path::Path;

use clap::Parser;
use faceveil_data::truth::TruthFace;
use faceveil_eval::Picture;

use super::args::Frames;
use super::checkpoint::Checkpoint;
use super::engine::{Engine, Step, Way};
use super::feed::{self, Batch, Order};
use super::loss::Terms;
#[cfg(feature = "burn")]
use super::optimizer::AdamSettings;
use super::photo::{LONGEST, Photo};
use super::sources::Source;
use super::state::State;
use super::*;

#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    train: TrainArgs,
}

/// A gate network that trains fast.
const SMALL: &str = "gate-96_16.0.1.1_24.1.2.2_32.1.2.2_48.1.1.2";

fn args(out: &Path, more: &[&str]) -> TrainArgs {
    let out = out.display().to_string();
    let fixed = ["train", "--shared", "nowhere", "--out", &out, "--batch", "2", "--epoch", "3"];
    Typed::try_parse_from(fixed.iter().chain(more)).map(|t| t.train).expect("it can be typed")
}

/// Grey pictures with a bright disc for a face, and one without.
fn sources() -> Arc<Vec<Source>> {
    let photo = |face: Option<(f64, f64, f64)>| {
        let inside = |x: usize, y: usize| {
            face.is_some_and(|(cx, cy, r)| (x as f64 - cx).powi(2) + (y as f64 - cy).powi(2) < r * r)
        };
        let pixels = (0..120 * 100)
            .flat_map(|i| [if inside(i % 120, i / 120) { 230 } else { (i % 90) as u8 }; 3])
            .collect();
        let faces: Vec<_> =
            face.iter().map(|(cx, cy, r)| TruthFace::from_box(cx - r, cy - r, cx + r, cy + r)).collect();
        Photo::new(&Picture::new(120, 100, pixels).expect("the size fits"), &faces, &[], LONGEST)
    };
    let with = |n: usize| (0..n).map(|i| photo(Some((30.0 + 9.0 * i as f64, 45.0, 18.0)))).collect();
    let faces = Source { name: "discs", share: 1.0, train: with(5), valid: with(2) };
    let free = Source { name: "free", share: 0.3, train: vec![photo(None)], valid: vec![photo(None)] };
    Arc::new(vec![faces, free])
}

fn train(args: &TrainArgs) -> Result<State> {
    let mut run = Run::new(args, sources())?;
    run.go(args)?;
    Ok(run.state)
}

/// Going on after a kill gives the weights of a run that nobody disturbed, bit by bit.
#[test]
fn a_run_that_goes_on_is_the_run_that_was_not_killed() {
    for net in [SMALL, "direct"] {
        let folder = tempfile::tempdir().expect("a folder");
        let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
        for f in [&whole, &parts] {
            fs::create_dir(f).expect("a folder");
        }
        let straight = train(&args(&whole, &["--net", net, "--steps", "6"])).expect("it trains");
        // Killed in the second epoch: what is left is the checkpoint after the first.
        let typed = args(&parts, &["--net", net, "--steps", "6"]);
        let mut killed = Run::new(&typed, sources()).expect("a run");
        killed.go_until(&typed, 5).expect("it trains");
        assert_eq!(Checkpoint::load(&parts.join("last.ckpt")).expect("it is there").step, 3);
        drop(killed);
        let resumed = train(&typed).expect("it goes on");
        assert_eq!((straight.step, resumed.step), (6, 6));
        assert_eq!(resumed.values, straight.values, "{net}");
        assert_eq!(resumed.average, straight.average, "{net}");
        assert_eq!(resumed.adam, straight.adam, "{net}");
        assert_eq!(resumed.running, straight.running, "{net}");
    }
}

/// The same with all that a run may have beside weights: hints' regressor, ranges.
#[test]
fn runs_with_hints_and_with_rounding_go_on_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let teacher = folder.path().join("teacher");
    fs::create_dir(&teacher).expect("a folder");
    train(&args(&teacher, &["--net", "gate-teacher", "--size", "64", "--steps", "1"])).expect("it trains");
    let teacher = teacher.join("last.ckpt").display().to_string();
    let fixed =
        ["--net", SMALL, "--steps", "6", "--teacher", &teacher, "--teacher-size", "192", "--hint", "0.5"];
    let (hints, rounds) = (fixed.to_vec(), [fixed.as_slice(), &["--qat"]].concat());
    for (n, more) in [&hints, &rounds].into_iter().enumerate() {
        let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(format!("{name}{n}")));
        for f in [&whole, &parts] {
            fs::create_dir(f).expect("a folder");
        }
        let straight = train(&args(&whole, more)).expect("it trains");
        let typed = args(&parts, more);
        Run::new(&typed, sources()).expect("a run").go_until(&typed, 5).expect("it trains");
        let resumed = train(&typed).expect("it goes on");
        assert_eq!(resumed, straight, "{more:?}");
        assert_eq!(straight.ranges.is_empty(), n == 0);
        let hint = column(&whole, "loss_hint");
        assert!(hint.iter().all(|h| *h > 0.0), "{hint:?}");
        assert_eq!(whole.join("ranges.json").exists(), n == 1);
    }
}

/// Numbers of a column of a run's table.
fn column(folder: &Path, name: &str) -> Vec<f64> {
    let table = fs::read_to_string(folder.join("log.csv")).expect("a table");
    let mut lines = table.lines();
    let at = lines.next().and_then(|h| h.split(',').position(|n| n == name)).expect("a column");
    lines.map(|l| l.split(',').nth(at).and_then(|v| v.parse().ok()).expect("a number")).collect()
}

/// What `export` writes goes on without its norms, with new ones, and with rounding, from where it was.
#[test]
fn an_exported_file_is_gone_on_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir(&path).expect("a folder");
        path
    };
    let first = made("first");
    train(&args(&first, &["--net", SMALL, "--steps", "90", "--average", "0.9"])).expect("it trains");
    let file = folder.path().join("gate.fvnw");
    let weights = crate::judge::export::gate(&first.join("last.ckpt")).expect("it is a gate network");
    fs::write(&file, weights.to_bytes().expect("it is right")).expect("written");
    let last = *column(&first, "val_loss").last().expect("an epoch");
    let file = file.display().to_string();
    for more in [&[][..], &["--renew-norms"], &["--qat"]] {
        let out = made(more.first().unwrap_or(&"folded"));
        let fixed = ["--net", SMALL, "--steps", "1", "--rate", "1e-6", "--from", &file];
        train(&args(&out, &[&fixed, more].concat())).expect("it goes on");
        let next = column(&out, "val_loss")[0];
        assert!((next - last).abs() < 0.15 * last, "{more:?}: {last}, then {next}");
        let again = crate::judge::export::gate(&out.join("last.ckpt")).expect("it is a gate network");
        assert_eq!(again.config, weights.config);
    }
    let other = args(&made("other"), &["--net", "gate", "--from", &file]);
    assert!(train(&other).expect_err("another network").to_string().contains("none for gate"));
}

/// A plain frame holds the whole picture about where it is in use, and what is drawn otherwise is not touched by the choice.
#[test]
fn plain_frames_are_nearly_those_in_use() {
    let task = Task::Mask { cell: 4, small: 5 };
    let order = Order {
        seed: 5,
        from: 0,
        to: 1,
        len: 40,
        task,
        frames: Frames { plain: 1.0, ..Frames::default() },
        factor: 1,
    };
    let faces = sources();
    let batch = feed::batch(&faces[..1], &order, 0, 64);
    let area = |target: &[f32]| target.iter().sum::<f32>();
    let in_use: Vec<f32> =
        (faces[0].train.iter()).map(|photo| area(&augment::letterboxed(photo, 64, task).target)).collect();
    let (least, most) = in_use.iter().fold((f32::MAX, 0f32), |(low, high), &a| (low.min(a), high.max(a)));
    for target in batch.target.chunks(256) {
        let area = area(target);
        assert!(area > least * 0.6 && area < most * 1.4, "{area} beside {least} to {most}");
    }
    let mean = |plain| {
        let frames = Frames { plain, ..Frames::default() };
        area(&feed::batch(&faces[..1], &Order { frames, ..order }, 0, 64).target)
    };
    assert_ne!(mean(0.0), mean(0.5));
}

/// Out of focus, a frame has the same faces in the same places and less detail; in quarters, smaller ones.
#[test]
fn frames_out_of_focus_and_of_four_pictures_have_their_share() {
    let task = Task::Mask { cell: 4, small: 5 };
    let faces = sources();
    let drawn = |frames| {
        let order = Order { seed: 5, from: 0, to: 1, len: 40, task, frames, factor: 1 };
        feed::batch(&faces[..1], &order, 0, 96)
    };
    let usual = Frames { four: 0.0, ..Frames::default() };
    // The discs' edges are the sharpest there is.
    let steps = |batch: &Batch| {
        let neighbours = batch.pixels.windows(2).map(|w| f64::from((w[1] - w[0]).powi(2)));
        neighbours.sum::<f64>()
    };
    let (sharp, some, all) =
        (drawn(usual), drawn(Frames { unsharp: 0.5, ..usual }), drawn(Frames { unsharp: 1.0, ..usual }));
    assert!(steps(&all) < 0.8 * steps(&sharp), "{} {}", steps(&all), steps(&sharp));
    assert!((steps(&all)..steps(&sharp)).contains(&steps(&some)), "{}", steps(&some));
    let first = |batch: &Batch| batch.target[..24 * 24].to_vec();
    assert_eq!(first(&all), first(&sharp), "a blurred face is where it was");
    let four = drawn(Frames { four: 1.0, ..usual });
    let covered = |batch: &Batch| batch.target.iter().sum::<f32>();
    assert_ne!(four.target, sharp.target);
    assert!(covered(&four) > 0.3 * covered(&sharp));
}

#[test]
fn shares_of_sets_can_be_chosen() {
    let mut all = sources_of();
    sources::share_out(&mut all, &[("free".to_owned(), 0.0)]).expect("it is there");
    let order = Order {
        seed: 1,
        from: 0,
        to: 1,
        len: 16,
        task: Task::Mask { cell: 4, small: 5 },
        frames: Frames { plain: 1.0, ..Frames::default() },
        factor: 1,
    };
    let batch = feed::batch(&all, &order, 0, 64);
    assert!(batch.target.chunks(256).all(|t| t.iter().any(|&v| v > 0.5)), "every picture has a face");
    let wrong = |name: &str, share| sources::share_out(&mut sources_of(), &[(name.to_owned(), share)]);
    assert!(wrong("disks", 1.0).expect_err("no such set").to_string().contains("discs, free"));
    let none = [("discs".to_owned(), 0.0), ("free".to_owned(), 0.0)];
    assert!(sources::share_out(&mut sources_of(), &none).is_err());
    let typed = |more: [&str; 2]| {
        Typed::try_parse_from(["train", "--shared", "s", "--out", "o"].into_iter().chain(more))
            .map(|t| t.train)
    };
    assert_eq!(typed(["--share", "fddb=0.5"]).expect("a share").shares, [("fddb".to_owned(), 0.5)]);
    for wrong in [
        ["--share", "fddb"],
        ["--share", "fddb=-1"],
        ["--share", "fddb=NaN"],
        ["--plain", "1.5"],
        ["--unsharp", "-1"],
    ] {
        assert!(typed(wrong).is_err(), "{wrong:?}");
    }
}

fn sources_of() -> Vec<Source> {
    Arc::into_inner(sources()).expect("nobody else has them")
}

#[test]
fn a_larger_frame_is_the_same_frame() {
    let order = Order {
        seed: 3,
        from: 0,
        to: 1,
        len: 3,
        task: Task::Mask { cell: 4, small: 5 },
        frames: Frames::default(),
        factor: 2,
    };
    let both = feed::batch(&sources(), &order, 0, 64);
    assert_eq!((both.pixels.len(), both.large.len()), (3 * 3 * 64 * 64, 3 * 3 * 128 * 128));
    let large = feed::batch(&sources(), &Order { factor: 1, ..order }, 0, 128);
    assert_eq!(both.large, large.pixels);
    // Each square's truth is the mean of the four that it is made of.
    let mean = |values: &[f32], i: usize| {
        let (n, y, x) = (i / 256, i / 16 % 16, i % 16);
        let at = |dy: usize, dx: usize| values[n * 1024 + (2 * y + dy) * 32 + 2 * x + dx];
        (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4.0
    };
    for (i, target) in both.target.iter().enumerate() {
        assert!((target - mean(&large.target, i)).abs() < 0.3, "{i}");
    }
    let sum = |v: &[f32]| v.iter().sum::<f32>();
    assert!((4.0 * sum(&both.target) / sum(&large.target) - 1.0).abs() < 0.05);
}

#[test]
fn another_runs_checkpoint_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    train(&args(folder.path(), &["--net", SMALL, "--steps", "3"])).expect("it trains");
    let other = train(&args(folder.path(), &["--net", SMALL, "--steps", "6", "--seed", "9"]));
    assert!(format!("{:#}", other.expect_err("another seed")).contains("another run"));
    let other = train(&args(folder.path(), &["--net", SMALL, "--steps", "6", "--norm-batch", "1"]));
    assert!(format!("{:#}", other.expect_err("other batch norms")).contains("norm_batch"));
}

#[test]
fn the_loss_falls_and_the_run_folder_tells_how() {
    let folder = tempfile::tempdir().expect("a folder");
    train(&args(folder.path(), &["--net", SMALL, "--steps", "30"])).expect("it trains");
    let table = fs::read_to_string(folder.path().join("log.csv")).expect("a table");
    let losses: Vec<f64> = table
        .lines()
        .skip(1)
        .map(|l| l.split(',').nth(2).and_then(|v| v.parse().ok()).expect("a loss"))
        .collect();
    assert_eq!(losses.len(), 10);
    assert!(losses[9] < losses[0], "{losses:?}");
    let config = fs::read_to_string(folder.path().join("config.json")).expect("a configuration");
    assert!(config.contains("\"data\"") && config.contains("\"seed\": 1"), "{config}");
    assert!(fs::read_to_string(folder.path().join("curves.svg")).expect("curves").contains("polyline"));
}

#[test]
fn a_number_that_is_none_ends_the_run_and_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let typed = args(folder.path(), &["--net", SMALL, "--steps", "6"]);
    let mut run = Run::new(&typed, sources()).expect("a run");
    run.state.values[0] = f32::NAN;
    assert!(run.go(&typed).expect_err("it cannot train").to_string().contains("broken.ckpt"));
    let broken = Checkpoint::load(&folder.path().join("broken.ckpt")).expect("it is kept");
    assert!(
        broken.lists.iter().any(|(name, pixels)| name == "batch_pixels" && pixels.len() == 2 * 3 * 96 * 96)
    );
}

#[test]
fn a_student_learns_from_a_teacher() {
    let folder = tempfile::tempdir().expect("a folder");
    let (teacher, student) = (folder.path().join("t"), folder.path().join("s"));
    for f in [&teacher, &student] {
        fs::create_dir(f).expect("a folder");
    }
    train(&args(&teacher, &["--net", SMALL, "--steps", "3"])).expect("it trains");
    let path = teacher.join("last.ckpt").display().to_string();
    train(&args(&student, &["--net", SMALL, "--steps", "3", "--teacher", &path])).expect("it learns");
    let table = fs::read_to_string(student.join("log.csv")).expect("a table");
    let distilled: f64 =
        table.lines().nth(1).and_then(|l| l.split(',').nth(3)).and_then(|v| v.parse().ok()).expect("a loss");
    assert!(distilled > 0.0, "{table}");
    // A mask's network teaches a picture's; the other way round there is nothing to be taught.
    let made = |name: &str| {
        let out = folder.path().join(name);
        fs::create_dir(&out).expect("a folder");
        out
    };
    let (painter, masker) = (made("painter"), made("masker"));
    let side = ["--size", "96", "--steps", "3"];
    let painted = [["--net", "direct"], ["--teacher", path.as_str()]].concat();
    train(&args(&painter, &[side.as_slice(), &painted].concat())).expect("it learns from a mask");
    assert!(column(&painter, "loss_distill").iter().all(|v| *v > 0.0));
    let direct = painter.join("last.ckpt").display().to_string();
    assert!(train(&args(&masker, &["--net", SMALL, "--steps", "3", "--teacher", &direct])).is_err());
}

/// Batch norms that see two pictures at once: the mean of what each two give, on however many threads.
#[test]
fn parts_of_a_batch_are_their_mean_on_any_number_of_threads() {
    let graph = faceveil_net::by_name(SMALL).expect("it is a network");
    let task = task(&graph, None);
    let terms = Terms { dice: 0.7, ssim: 0.0, edge: 0.0, distil: 0.0, hint: 0.0 };
    let state = State::new(&graph, 1);
    let order = Order { seed: 1, from: 0, to: 1, len: 6, task, frames: Frames::default(), factor: 1 };
    let batch = feed::batch(&sources(), &order, 0, 96);
    let step = |batch: &Batch, norm_batch, threads| {
        let way = Way { norm_batch, threads, ..Way::default() };
        let mut engine = Engine::new(&graph, task, terms, batch.len, &way).expect("it is on the fast path");
        engine.step(&state, batch, None).expect("a step")
    };
    let one = step(&batch, Some(2), 1);
    for threads in [2, 3, 16] {
        assert_eq!(step(&batch, Some(2), threads), one, "{threads} threads");
    }
    let third = |values: &[f32], n: usize| values[n * values.len() / 3..(n + 1) * values.len() / 3].to_vec();
    let alone = [0, 1, 2].map(|n| {
        let pixels = third(&batch.pixels, n);
        let (target, weight) = (third(&batch.target, n), third(&batch.weight, n));
        step(&Batch { pixels, target, weight, large: Vec::new(), len: 2 }, None, 1)
    });
    let mean = |of: fn(&Step) -> &[f32], at: usize| alone.iter().map(|s| of(s)[at]).sum::<f32>() / 3.0;
    for of in [(|s: &Step| &*s.gradient) as fn(&Step) -> &[f32], |s| &s.statistics] {
        let most = of(&one).iter().fold(0.0, |m: f32, v| m.max(v.abs()));
        assert!(most > 0.0);
        for (at, got) in of(&one).iter().enumerate() {
            assert!((got - mean(of, at)).abs() < 1e-5 * most, "{at}: {got} and {}", mean(of, at));
        }
    }
    assert_ne!(step(&batch, None, 1).gradient, one.gradient, "norms over all six are others");
    let refused = |norm_batch| {
        let way = Way { norm_batch: Some(norm_batch), ..Way::default() };
        Engine::new(&graph, task, terms, 6, &way).is_err()
    };
    assert!(refused(4) && refused(0) && refused(12) && !refused(3));
}

/// The thesis's networks train, through burn.
#[cfg(feature = "burn")]
#[test]
fn every_network_takes_a_step() {
    for graph in faceveil_net::all() {
        let small = graph.resized(32, 32).expect("it goes through");
        let task = task(&small, None);
        let terms = Terms { dice: 0.7, ssim: 0.0, edge: 0.1, distil: 0.0, hint: 0.0 };
        let way = Way { slow: true, ..Way::default() };
        let mut engine = Engine::new(&small, task, terms, 8, &way).expect("burn has all");
        let mut state = State::new(&small, 1);
        let order = Order { seed: 1, from: 0, to: 1, len: 8, task, frames: Frames::default(), factor: 1 };
        let batch = feed::batch(&sources(), &order, 0, 32);
        let before = engine.step(&state, &batch, None).expect("a step");
        for _ in 0..3 {
            let step = engine.step(&state, &batch, None).expect("a step");
            state.advance(&AdamSettings::default(), 1e-4, &step);
        }
        let after = engine.step(&state, &batch, None).expect("a step");
        assert!(
            after.parts.all < before.parts.all,
            "{}: {} {}",
            graph.name(),
            before.parts.all,
            after.parts.all
        );
    }
}
