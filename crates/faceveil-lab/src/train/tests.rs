use clap::Parser;
use faceveil_data::truth::TruthFace;
use faceveil_eval::Picture;

use super::photo::Photo;
use super::*;

#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    train: TrainArgs,
}

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
        Photo::new(&Picture::new(120, 100, pixels).expect("the size fits"), &faces, &[])
    };
    let with = |n: usize| (0..n).map(|i| photo(Some((30.0 + 9.0 * i as f64, 45.0, 18.0)))).collect();
    let faces = Source { name: "discs", share: 1.0, train: with(5), valid: with(2) };
    let free = Source { name: "free", share: 0.3, train: vec![photo(None)], valid: vec![photo(None)] };
    Arc::new(vec![faces, free])
}

fn train(args: &TrainArgs) -> Result<State> {
    let graph = network(&args.net)?;
    let mut run = Run::new(args, &graph, task(&graph), sources())?;
    run.go(args)?;
    Ok(run.state)
}

/// Going on after a kill gives the weights of a run that nobody disturbed, bit by bit.
#[test]
fn a_run_that_goes_on_is_the_run_that_was_not_killed() {
    for net in ["gate-96", "direct"] {
        let folder = tempfile::tempdir().expect("a folder");
        let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
        for f in [&whole, &parts] {
            fs::create_dir(f).expect("a folder");
        }
        let straight = train(&args(&whole, &["--net", net, "--steps", "6"])).expect("it trains");
        // Killed in the second epoch: what is left is the checkpoint after the first.
        let typed = args(&parts, &["--net", net, "--steps", "6"]);
        let graph = network(net).expect("listed");
        let mut killed = Run::new(&typed, &graph, task(&graph), sources()).expect("a run");
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

#[test]
fn another_runs_checkpoint_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    train(&args(folder.path(), &["--net", "gate-96", "--steps", "3"])).expect("it trains");
    let other = train(&args(folder.path(), &["--net", "gate-96", "--steps", "6", "--seed", "9"]));
    assert!(other.expect_err("another seed").to_string().contains("another run"));
}

#[test]
fn the_loss_falls_and_the_run_folder_tells_how() {
    let folder = tempfile::tempdir().expect("a folder");
    train(&args(folder.path(), &["--net", "gate-96", "--steps", "30"])).expect("it trains");
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
    let typed = args(folder.path(), &["--net", "gate-96", "--steps", "6"]);
    let graph = network("gate-96").expect("listed");
    let mut run = Run::new(&typed, &graph, task(&graph), sources()).expect("a run");
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
    train(&args(&teacher, &["--net", "gate-96", "--steps", "3"])).expect("it trains");
    let path = teacher.join("last.ckpt").display().to_string();
    train(&args(&student, &["--net", "gate-96", "--steps", "3", "--teacher", &path])).expect("it learns");
    let table = fs::read_to_string(student.join("log.csv")).expect("a table");
    let distilled: f64 =
        table.lines().nth(1).and_then(|l| l.split(',').nth(3)).and_then(|v| v.parse().ok()).expect("a loss");
    assert!(distilled > 0.0, "{table}");
    let wrong = args(&student, &["--net", "direct", "--steps", "3", "--teacher", &path]);
    assert!(train(&wrong).is_err(), "a mask's network teaches no picture's");
}

/// The thesis's networks train, through burn.
#[cfg(feature = "burn")]
#[test]
fn every_network_takes_a_step() {
    for graph in faceveil_net::all() {
        let small = graph.resized(32, 32).expect("it goes through");
        let task = task(&small);
        let terms = Terms { dice: 0.7, ssim: 0.0, edge: 0.1, distil: 0.0 };
        let mut engine = Engine::new(&small, task, terms, 2, true);
        let mut state = State::new(&small, 1);
        let batch = feed::batch(&sources(), 1, 0, 2, 32, task);
        let before = engine.step(&state, &batch, None).expect("a step");
        for _ in 0..3 {
            let step = engine.step(&state, &batch, None).expect("a step");
            state.advance(&AdamSettings::default(), 1e-3, &step.gradient, &step.statistics);
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
