//! The measures agree with the referee, a Python program beside the shared pictures. Needs both, and
//! a Python with the referee's requirements: `FACEVEIL_PYTHON`, else `.venv/bin/python` of the
//! workspace.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use faceveil_data::dataset::{self, Item};
use faceveil_data::split::{Part, Set};
use faceveil_eval::{
    FaceVerdict, LeakTable, Picture, PictureVerdict, Rate, Status, Summary, VideoJudge, judge_folder,
};
use jpeg_encoder::SamplingFactor;
use serde_json::Value;
use support::{Canvas, How};

const TEST: &str = "agreement";

/// Largest difference of a rate.
const POINTS: f64 = 0.005;

struct Referee {
    python: PathBuf,
    shared: PathBuf,
}

impl Referee {
    /// `None`, said loudly, if something is missing.
    fn find() -> Option<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let shared =
            env::var_os("FACEVEIL_SHARED").map_or_else(|| here.join("../../../shared"), PathBuf::from);
        if !shared.join("faces").is_dir() {
            eprintln!("SKIPPED: {TEST}: needs the shared pictures");
            return None;
        }
        let python =
            env::var_os("FACEVEIL_PYTHON").map_or_else(|| here.join("../../.venv/bin/python"), PathBuf::from);
        let found = Self { python, shared };
        let works = found.command(&["--help"]).output().is_ok_and(|done| done.status.success());
        if !works {
            let python = found.python.display();
            eprintln!("SKIPPED: {TEST}: {python} cannot run the referee (set FACEVEIL_PYTHON)");
        }
        works.then_some(found)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command.arg("-B").arg(self.shared.join("referee/judge.py")).args(arguments);
        command
    }

    fn judge(&self, original: &Path, output: &Path, truth: &str, report: &Path) -> Value {
        let mut command = self.command(&["images", "--no-fidelity", "--details", "--truth", truth]);
        command.arg("--orig").arg(original).arg("--out").arg(output).arg("--report").arg(report);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&fs::read(report).unwrap()).unwrap()
    }
}

/// Hides some faces well, some badly and some not at all; adds a false region now and then; and
/// writes the picture in the way that its turn has. Every 13th picture has no output.
fn anonymize(at: usize, item: &Item, folder: &Path) {
    let original = Picture::decode(&fs::read(&item.image_path).unwrap()).unwrap();
    let mut done = Canvas::of(&original);
    for (i, face) in item.faces(done.width as u32, done.height as u32).unwrap().iter().enumerate() {
        // Twice as many are hidden as are not, and every way meets every coding in time.
        let how = [How::Solid, How::Blur][i % 2];
        let how = if (at + i).is_multiple_of(3) { How::ALL[(at + i) / 3 % How::ALL.len()] } else { how };
        how.apply(&mut done, face);
    }
    if at.is_multiple_of(5) {
        done.fill([8, 8, 70, 60], 255);
    }
    let (suffix, bytes) = match at % 13 {
        0 | 5 => ("png", done.png()),
        1 => ("jpg", done.jpeg(75, SamplingFactor::F_2_2)),
        2 => ("jpg", done.jpeg(90, SamplingFactor::F_1_1)),
        3 => ("jpg", done.jpeg(60, SamplingFactor::F_2_1)),
        4 => ("jpg", done.jpeg(97, SamplingFactor::F_2_2)),
        6 => ("png", done.halved_into(done.width / 2, done.height / 2).png()),
        7 => ("png", done.halved_into(256, 256).png()),
        12 => return,
        _ => ("jpg", done.jpeg(85, SamplingFactor::F_2_2)),
    };
    fs::write(folder.join(format!("{}.{suffix}", item.flat_name())), bytes).unwrap();
}

/// Every `step`th picture, anonymised and judged by both.
fn both(
    referee: &Referee,
    set: Set,
    step: usize,
    truth: impl Fn(&Path) -> String,
) -> (Value, Vec<PictureVerdict>) {
    let work = tempfile::tempdir().unwrap();
    let [original, output] = ["original", "output"].map(|name| work.path().join(name));
    [&original, &output].into_iter().for_each(|folder| fs::create_dir(folder).unwrap());
    let all = dataset::load(&referee.shared, set, Part::Report).unwrap();
    let items: Vec<Item> = all.into_iter().step_by(step).collect();
    for (at, item) in items.iter().enumerate() {
        fs::copy(&item.image_path, original.join(format!("{}.jpg", item.flat_name()))).unwrap();
        anonymize(at, item, &output);
    }
    let theirs = referee.judge(&original, &output, &truth(work.path()), &work.path().join("report.json"));
    (theirs, judge_folder(&items, &output, 2).unwrap())
}

fn agree(name: &str, (theirs, ours): (Value, Vec<PictureVerdict>)) {
    let faces = ours.iter().flat_map(|picture| &picture.faces);
    let statuses: Vec<Value> = faces.map(|face| serde_json::to_value(face.status).unwrap()).collect();
    let rows = theirs["faces"].as_array().unwrap();
    assert_eq!(rows.len(), statuses.len(), "{name}");
    let same = rows.iter().zip(&statuses).filter(|(row, ours)| row["status"] == **ours).count();
    let summary = Summary::of(&ours);
    eprintln!("{name}: {} pictures, {same} of {} faces alike", ours.len(), rows.len());
    assert!(same * 100 >= rows.len() * 98, "{name}: only {same} of {} faces are judged alike", rows.len());
    for (px, table) in
        [(8, &summary.at_least_8_px), (16, &summary.at_least_16_px), (32, &summary.at_least_32_px)]
    {
        agree_on_faces(&format!("{name}, at least {px} pixels"), &theirs["leak"][format!(">={px}px")], table);
    }
    for (bin, (range, table)) in summary.by_px.iter().zip(by_size(&theirs["leak_by_px"])) {
        assert_eq!(bin.table.faces as u64, table["faces"].as_u64().unwrap(), "{name}, {range}");
    }
    for (bin, (range, table)) in summary.by_share.iter().zip(by_size(&theirs["leak_by_share"])) {
        assert_eq!(bin.table.faces as u64, table["faces"].as_u64().unwrap(), "{name}, {range}");
    }
    agree_on_rate(name, &theirs["images_with_false_region"], summary.images_with_false_region);
    let outside = summary.outside.unwrap();
    let number = |key: &str| theirs["outside"][key].as_f64().unwrap();
    assert_eq!(number("images"), outside.pictures as f64, "{name}");
    // Not PSNR: these outputs come from the encoder that the original is put through here, so ours is
    // 99 dB where the referee, with libjpeg, sees a trace of coding noise.
    for (what, theirs, ours, slack) in [
        ("changed_share", number("changed_share"), outside.changed_share, POINTS),
        ("mae", number("mae"), outside.mae, 0.002),
        ("ssim", number("ssim"), outside.ssim, 0.005),
        ("pixels_kept", theirs["pixels_kept"].as_f64().unwrap(), summary.pixels_kept.unwrap(), 1e-3),
    ] {
        eprintln!("{name}: {what} {theirs} {ours:.5}");
        assert!((theirs - ours).abs() <= slack, "{name}: {what} is {ours}, the referee says {theirs}");
    }
}

/// The referee's bins in the order of their sizes.
fn by_size(table: &Value) -> Vec<(&String, &Value)> {
    let mut bins: Vec<_> = table.as_object().unwrap().iter().collect();
    let from = |name: &str| -> f64 {
        name.trim_start_matches(">=").split('-').next().and_then(|from| from.parse().ok()).unwrap()
    };
    bins.sort_by(|a, b| from(a.0).total_cmp(&from(b.0)));
    bins
}

fn agree_on_faces(name: &str, theirs: &Value, ours: &LeakTable) {
    assert_eq!(theirs["faces"], ours.faces, "{name}");
    for (what, theirs, ours) in
        [("leak", &theirs["leak"], ours.leak), ("exposed", &theirs["exposed"], ours.exposed)]
    {
        agree_on_rate(&format!("{name}: {what}"), theirs, ours);
    }
}

/// Rate and both ends of its interval.
fn agree_on_rate(name: &str, theirs: &Value, ours: Option<Rate>) {
    eprintln!("{name}: {theirs} {:?}", ours.map(|r| (r.hits, r.of)));
    let Some(ours) = ours else { return assert!(theirs.is_null(), "{name}: {theirs}") };
    for (theirs, ours) in theirs.as_array().unwrap().iter().zip([ours.rate, ours.low, ours.high]) {
        let theirs = theirs.as_f64().unwrap();
        assert!((theirs - ours).abs() <= POINTS, "{name}: {ours}, the referee says {theirs}");
    }
}

#[test]
fn the_referee_says_the_same() {
    let Some(referee) = Referee::find() else { return };
    let faces = referee.shared.join("faces");
    let fddb = |work: &Path| {
        let list = |fold| {
            fs::read_to_string(faces.join(format!("fddb/FDDB-folds/FDDB-fold-{fold}-ellipseList.txt")))
        };
        let path = work.join("ellipses.txt");
        fs::write(&path, list("07").unwrap() + &list("08").unwrap()).unwrap();
        format!("fddb:{}", path.display())
    };
    agree("fddb", both(&referee, Set::Fddb, 14, fddb));
    let masks = |_: &Path| format!("voc:{}", faces.join("masks_voc/annotations").display());
    agree("masks_voc", both(&referee, Set::MasksVoc, 15, masks));
    let wider = |_: &Path| format!("yolo:{}", faces.join("wider_yolo/labels").display());
    agree("wider_yolo", both(&referee, Set::WiderYolo, 4, wider));
    agree("negatives", both(&referee, Set::Negatives, 20, |_: &Path| "none".to_owned()));
}

/// Tracks of `x` (visible) and `.` (hidden), counted by the referee's own function and by ours.
#[test]
fn flashes_and_uncovered_runs_are_the_referee_s() {
    let Some(referee) = Referee::find() else { return };
    let mut rng = support::Lcg(11);
    let tracks: Vec<String> = (0..60)
        .map(|i| (0..1 + i % 17).map(|_| if rng.uniform() < 0.4 { 'x' } else { '.' }).collect())
        .collect();
    let script = "import sys; sys.path.insert(0, sys.argv[1]); from video import _flashes\n\
                  for t in sys.argv[2:]: print(*_flashes({i: c == 'x' for i, c in enumerate(t)}))";
    let mut command = Command::new(&referee.python);
    command.args(["-B", "-c", script]).arg(referee.shared.join("referee")).args(&tracks);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let said = String::from_utf8(done.stdout).unwrap();
    assert_eq!(said.lines().count(), tracks.len());
    for (track, said) in tracks.iter().zip(said.lines()) {
        let mut judge = VideoJudge::default();
        for kind in track.chars() {
            let (status, share) = if kind == 'x' { (Status::Untouched, 0.0) } else { (Status::Hidden, 1.0) };
            let face =
                FaceVerdict { px: 40.0, share: 0.1, status, covered: Some(share), kept: Some(1.0 - share) };
            judge.add(None, [(0, face)]);
        }
        let summary = judge.summary();
        let ours = format!("{} {}", summary.uncovered_again, summary.longest_uncovered_run);
        assert_eq!(ours, said, "{track}");
    }
}
