//! Videos that are made in parts: a run that is killed goes on where it was.

use std::os::unix::fs::PermissionsExt;

use crate::clips::{face, ffmpeg_or_skip, ffprobe, frame, make, sound, times};
use crate::sandbox::{PROGRAM, Ran, Sandbox, run};

/// Runs the program with an FFmpeg that ends it where part `end` would begin, and notes each part that it begins.
fn until(b: &Sandbox, end: &str, args: &[&str]) -> Ran {
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *{end}.nut) kill -9 $PPID; exit 1;; *.nut) echo part >> begun;; esac\n\
         exec ffmpeg \"$@\"\n"
    );
    let path = b.put("ending-ffmpeg", script.as_bytes());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    run(b.command(PROGRAM).env("FACEVEIL_FFMPEG", path).args(args))
}

/// The parts that were begun since the last call.
fn begun(b: &Sandbox) -> usize {
    let lines = std::fs::read_to_string(b.path("begun")).map_or(0, |text| text.lines().count());
    let _ = std::fs::remove_file(b.path("begun"));
    lines
}

const ARGS: [&str; 8] = ["blur", "in/face.mp4", "-o", "out.mp4", "--resume", "--part-frames", "12", "--json"];

#[test]
fn a_killed_run_goes_on_after_its_last_part_and_loses_nothing() {
    if !ffmpeg_or_skip("resuming videos") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    let _killed = until(&b, "00003", &ARGS);
    assert_eq!(begun(&b), 2);
    assert!(!b.path("out.mp4").exists());
    let parts = b.path(".faceveil-parts-out.mp4");
    assert!(parts.join(".faceveil-00002.nut").is_file());

    // What does not fit is never put together.
    let solid = [&ARGS[..], &["--style", "solid"]].concat();
    b.run(solid).exits(1).says("other settings");
    let first = parts.join(".faceveil-00001.nut");
    let bytes = std::fs::read(&first).unwrap();
    std::fs::write(&first, &bytes[1..]).unwrap();
    b.run(ARGS).exits(1).says("part 1 has changed");
    std::fs::write(&first, &bytes).unwrap();
    assert!(!b.path("out.mp4").exists());

    let ran = until(&b, "none", &ARGS).exits(0);
    assert_eq!(begun(&b), 3, "50 frames are 5 parts of 12, and 2 were there");
    assert_eq!((&ran.json()[0]["frames"], &ran.json()[0]["frames_with_faces"]), (&50.into(), &50.into()));
    assert!(!parts.exists());
    b.run(["blur", "in/face.mp4", "-o", "whole.mp4"]).exits(0);
    let near =
        |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-4);
    for file in ["in/face.mp4", "whole.mp4"] {
        assert!(near(&times(&b, file), &times(&b, "out.mp4")), "{file}: {:?}", times(&b, "out.mp4"));
        assert_eq!(sound(&b, file), sound(&b, "out.mp4"), "{file}");
    }
    let seconds = |file: &str| ffprobe(&b, &format!("-show_entries format=duration {file}"));
    assert_eq!(seconds("whole.mp4"), seconds("out.mp4"));
    for n in 0..50 {
        let seconds = n as f32 / 25.0;
        let just_before = (seconds - 0.002).max(0.0).to_string();
        let (was, is) = (frame(&b, "in/face.mp4", &just_before), frame(&b, "out.mp4", &just_before));
        let (x, y) = (224.0 - 60.0 - 40.0 * seconds, 120.0 - 20.0 - 10.0 * seconds);
        let apart = |x: f32, y: f32| {
            let (a, b) = (was.rgb8(x as u32, y as u32), is.rgb8(x as u32, y as u32));
            a.iter().zip(b).map(|(a, b)| i32::from(a.abs_diff(b))).sum::<i32>()
        };
        let face = (-30..30).flat_map(|dy| (-20..20).map(move |dx| (dx as f32, dy as f32)));
        let mean = face.map(|(dx, dy)| apart(x + dx, y + dy)).sum::<i32>() / 2400;
        assert!(mean > 25, "frame {n}: the face differs by {mean} only");
    }
}

#[test]
fn parts_fit_together_in_every_container() {
    if !ffmpeg_or_skip("parts of videos") {
        return;
    }
    let b = Sandbox::new();
    crate::clips::plain(&b);
    make(&b, "-itsoffset 0.37 -i in/plain.mp4 -i in/plain.mp4 -map 0:v -map 1:a -c copy in/late.mp4");
    make(&b, "-i in/plain.mp4 -vf setpts='PTS*(1+0.02*N)' -vsync passthrough -c:v ffv1 -c:a copy in/vfr.mkv");
    for (input, output, codec) in [
        ("in/late.mp4", "late.mp4", "h264"),
        ("in/plain.mp4", "hevc.mov", "h265"),
        ("in/vfr.mkv", "vfr.mkv", "ffv1"),
        ("in/vfr.mkv", "vfr.mp4", "h264"),
        ("in/plain.mp4", "plain.ts", "h264"),
    ] {
        let whole = format!("whole-{output}");
        let usual = ["blur", input, "--codec", codec, "-o"];
        b.run([&usual[..], &[&whole]].concat()).exits(0);
        b.run([&usual[..], &[output, "--resume", "--part-frames", "7"]].concat()).exits(0);
        let (want, got) = (times(&b, &whole), times(&b, output));
        assert!(
            want.len() == got.len() && want.iter().zip(&got).all(|(a, b)| (a - b).abs() < 0.0015),
            "{output}: {want:?} {got:?}"
        );
        assert_eq!(sound(&b, &whole), sound(&b, output), "{output}");
    }
    b.run(["blur", "in/plain.mp4", "-o", "x.mp4", "--resume", "--sidecar"])
        .exits(3)
        .says("writes no sidecar");
    b.run(["blur", "in/plain.mp4", "-o", "x.mp4", "--part-frames", "5"]).exits(3).says("--resume");
    // Somebody else may have been seen in a part that is finished.
    let keep = ["--keep", "portrait.jpg", "--embedder", "x.onnx"];
    b.run([&["blur", "in/plain.mp4", "-o", "x.mp4", "--resume"][..], &keep].concat()).exits(3).says("--keep");
}
