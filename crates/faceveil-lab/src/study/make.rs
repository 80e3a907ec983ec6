//! From pictures to a trained student and a trained teacher, judged on what is held out, with a model card each. The larger
//! network begins with what the smaller one has learned, and then teaches it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::args::MakeArgs;
use super::card::{Card, Subject};
use super::{Journal, words};

/// Shares of the student's steps: on frames that are changed a lot, from nothing; then on frames nearly as in use. The teacher
/// has the rest.
const SHARES: [f64; 2] = [0.26, 0.6];
/// Side of the teacher's frame.
const SIDE: &str = "256";
/// How else the teacher looks when it is judged; what it teaches is its first look.
const LOOKS: [&str; 2] = ["256,mirrored", "320"];

/// Runs `faceveil-lab make`.
///
/// # Errors
/// What stopped it.
pub fn run(args: &MakeArgs) -> Result<ExitCode> {
    let mut journal = Journal::open(&args.out)?;
    let mut done = Vec::new();
    for command in commands(args) {
        done.push(journal.run(&command)?);
    }
    let results = args.out.join("judged/results.json");
    for subject in subjects(&args.out) {
        let path =
            Card { subject: &subject, done: &done, results: &results, shared: &args.shared }.write()?;
        say!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn subjects(out: &Path) -> [Subject; 2] {
    let one = |name: &'static str, title, runs: &[&str]| Subject {
        name,
        title,
        folder: out.join(name),
        runs: runs.iter().map(|run| out.join(name).join(run)).collect(),
    };
    [
        one("teacher", "Teacher: the larger gate network", &["grown"]),
        one("student", "Student: the gate network for microcontrollers", &["alone", "plain", "taught"]),
    ]
}

/// All that is run, in order.
fn commands(args: &MakeArgs) -> Vec<Vec<String>> {
    let text = |path: &Path| path.display().to_string();
    let at = |name: &str| text(&args.out.join(name));
    let (shared, labels, seed) = (text(&args.shared), at("labels.jsonl"), args.seed.to_string());
    let limit = args.limit.to_string();
    let limited = |mut all: Vec<String>| {
        if args.limit != usize::MAX {
            all.extend(words(&["--limit", &limit]));
        }
        all
    };
    let train = |net: &str, out: &str, steps: u64, more: &[String]| {
        let steps = steps.to_string();
        let mut all =
            words(&["train", "--net", net, "--shared", &shared, "--labels", &labels, "--out", &at(out)]);
        all.extend(words(&["--steps", &steps, "--seed", &seed]));
        all.extend_from_slice(more);
        limited(all)
    };
    let export = |run: &str, out: &str, looks: &[&str]| {
        let checkpoint = at(&format!("{run}/last.ckpt"));
        let mut all = words(&["export", &checkpoint, "--shared", &shared, "--out", &at(out)]);
        all.extend(looks.iter().flat_map(|look| words(&["--look", look])));
        all
    };
    let [alone, plain] = SHARES.map(|share| (args.student_steps as f64 * share).round() as u64);
    let taught = args.student_steps.saturating_sub(alone + plain);
    let [first, second, larger] =
        ["student/alone", "student/plain", "teacher/grown"].map(|run| at(&format!("{run}/last.ckpt")));
    let nearly = |run: &str, rate: &str, plain: &str| {
        words(&["--from", run, "--rate", rate, "--plain", plain, "--share", "fddb=0.55"])
    };
    let more = |all: Vec<String>, some: &[&str]| [all, words(some)].concat();
    let grown = more(
        nearly(&second, "2e-3", "0.6"),
        &["--reshape", "--size", SIDE, "--small", "0.5", "--norm-batch", "8"],
    );
    let taught_by = more(nearly(&second, "1.6e-3", "0.8"), &["--teacher", &larger]);
    let mut judged =
        words(&["evaluate", "--shared", &shared, "--every", &args.every.to_string(), "--out", &at("judged")]);
    for gate in ["teacher=teacher/gate.fvnw", "student=student/gate.fvnw", "student-int8=student/gate.fv8"] {
        let (name, file) = gate.split_once('=').unwrap_or((gate, gate));
        judged.extend(words(&["--gate", &format!("{name}={}", at(file))]));
    }
    vec![
        limited(words(&["label", "--shared", &shared, "--out", &labels])),
        train("gate", "student/alone", alone, &words(&["--small", "0.4"])),
        train("gate", "student/plain", plain, &nearly(&first, "2e-3", "0.7")),
        train("gate-teacher", "teacher/grown", args.teacher_steps, &grown),
        export("teacher/grown", "teacher/gate.fvnw", &LOOKS),
        train("gate", "student/taught", taught, &taught_by),
        export("student/taught", "student/gate.fvnw", &[]),
        words(&[
            "quantize",
            &at("student/gate.fvnw"),
            "--shared",
            &shared,
            "--out",
            &at("student/gate.fv8"),
            "--tflite",
            &at("student/gate.tflite"),
            "--c99",
            &at("student/gate.c"),
        ]),
        judged,
    ]
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn every_command_is_one_of_the_program() {
        let args = MakeArgs {
            shared: "shared".into(),
            out: "made".into(),
            teacher_steps: 10,
            student_steps: 20,
            seed: 1,
            limit: 5,
            every: 3,
        };
        let all = commands(&args);
        for command in &all {
            let typed = ["faceveil-lab".to_owned()].into_iter().chain(command.iter().cloned());
            Cli::try_parse_from(typed).unwrap_or_else(|e| panic!("{command:?}: {e}"));
        }
        let steps =
            |i: usize| all[i].windows(2).find(|w| w[0] == "--steps").unwrap()[1].parse::<u64>().unwrap();
        assert_eq!(steps(1) + steps(2) + steps(5), 20);
    }
}
