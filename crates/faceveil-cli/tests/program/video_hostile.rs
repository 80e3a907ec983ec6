//! Videos that are not what they should be, and codecs that do not do what they should: a clear error each, and
//! nothing under the output's name.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use crate::clips::{face, ffmpeg_or_skip, ffprobe, make, plain};
use crate::sandbox::{PROGRAM, Ran, Sandbox, run};

/// Nothing but the inputs is left.
#[track_caller]
fn leaves_nothing(b: &Sandbox) {
    let left: Vec<String> =
        b.names(".").into_iter().filter(|n| n.contains("out") || n.contains(".faceveil-")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Runs the program with a script in FFmpeg's place, which still tells its version.
fn with_ffmpeg(b: &Sandbox, script: &str, args: &[&str]) -> Ran {
    let text = format!("#!/bin/sh\ncase \"$1\" in -version) exec ffmpeg -version;; esac\n{script}\n");
    let path = b.put("fake-ffmpeg", text.as_bytes());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    run(b.command(PROGRAM).env("FACEVEIL_FFMPEG", path).args(args))
}

#[test]
fn videos_that_are_cut_short_are_refused_unless_they_are_to_be_kept() {
    if !ffmpeg_or_skip("damaged videos") {
        return;
    }
    let b = Sandbox::new();
    plain(&b);
    make(&b, "-i in/plain.mp4 -c copy -movflags +faststart in/front.mp4");
    make(&b, "-i in/plain.mp4 -c copy in/plain.mkv");
    for name in ["front.mp4", "plain.mp4", "plain.mkv"] {
        let bytes = b.read(format!("in/{name}"));
        b.put(name, &bytes[..bytes.len() * 6 / 10]);
        // Without its end an MP4 may have no index.
        let words = if name == "plain.mp4" { "FFmpeg cannot read it" } else { "--damaged keep" };
        b.run(["blur", name, "-o", "out.mp4"]).exits(1).says(words);
        leaves_nothing(&b);
    }
    let kept = b.run(["blur", "plain.mkv", "-o", "kept.mp4", "--damaged", "keep", "--json"]).exits(0);
    let frames = kept.json()[0]["frames"].as_u64().unwrap();
    assert!((5..25).contains(&frames), "{frames}");
}

#[test]
fn what_is_no_video_is_an_error() {
    if !ffmpeg_or_skip("what is no video") {
        return;
    }
    let b = Sandbox::new();
    plain(&b);
    make(&b, "-f lavfi -i sine=d=1 -c:a aac sound.mp4");
    b.put("list.mp4", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.ts\n");
    b.put("concat.mp4", b"ffconcat version 1.0\nfile in/plain.mp4\n");
    b.put("noise.mp4", &crate::sandbox::scene(64, 64, 3));
    b.put("head.mp4", b"\0\0\0\x18ftypisom\0\0\0\0");
    for (name, words) in [
        ("sound.mp4", "no video stream"),
        ("list.mp4", "FFmpeg cannot read it"),
        ("concat.mp4", "it is no container of videos but \"concat\""),
        ("noise.mp4", "FFmpeg cannot read it"),
        ("head.mp4", "FFmpeg cannot read it"),
    ] {
        b.run(["blur", name, "-o", "out.mp4"]).exits(1).says(words);
        leaves_nothing(&b);
    }
    b.run(["blur", "in/plain.mp4", "-o", "out.mp4", "--max-pixels", "1000"])
        .exits(1)
        .says("more than the limit");
    b.run(["blur", "in/plain.mp4", "-o", "out.mp4", "--codec", "no_such"]).exits(1).says("no_such");
    leaves_nothing(&b);
}

#[test]
fn a_size_that_changes_on_the_way_is_scaled_to_the_first() {
    if !ffmpeg_or_skip("changing sizes") {
        return;
    }
    let b = Sandbox::new();
    plain(&b);
    make(&b, "-i in/plain.mp4 -an -bsf:v h264_mp4toannexb -c copy one.h264");
    make(&b, "-f lavfi -i testsrc2=s=240x320:r=25:d=1 -c:v libx264 -preset ultrafast two.h264");
    b.put("both.h264", &[b.read("one.h264"), b.read("two.h264")].concat());
    make(&b, "-i both.h264 -c copy -f mpegts both.ts");
    let ran = b.run(["blur", "both.ts", "-o", "out.mp4"]);
    if ran.code == 0 {
        let got = ffprobe(&b, "-select_streams v:0 -show_entries stream=width,height,nb_frames out.mp4");
        assert_eq!(got.trim(), "320,240,50");
    } else {
        ran.exits(1);
        leaves_nothing(&b);
    }
}

#[test]
fn codecs_that_die_or_hang_are_errors() {
    if !ffmpeg_or_skip("codecs that die or hang") {
        return;
    }
    let b = Sandbox::new();
    plain(&b);
    let args = ["blur", "in/plain.mp4", "-o", "out.mp4", "--codec-timeout", "15"];
    with_ffmpeg(&b, "kill -9 $$", &args).exits(1).says("decoding failed").says("signal");
    leaves_nothing(&b);
    with_ffmpeg(&b, "exec sleep 1000", &args).exits(1).says("made no progress");
    leaves_nothing(&b);
    // The decoder works, the encoder does not.
    let only_decoder = "case \"$*\" in *pipe:0*) ";
    with_ffmpeg(&b, &format!("{only_decoder} kill -9 $$;; esac\nexec ffmpeg \"$@\""), &args)
        .exits(1)
        .says("encoding failed");
    leaves_nothing(&b);
    with_ffmpeg(&b, &format!("{only_decoder} exec sleep 1000;; esac\nexec ffmpeg \"$@\""), &args)
        .exits(1)
        .says("made no progress");
    leaves_nothing(&b);
    // It says that all is well and has lost the end.
    let torn = format!("{only_decoder} head -c 3000000 > /dev/null; exit 0;; esac\nexec ffmpeg \"$@\"");
    with_ffmpeg(&b, &torn, &args).exits(1);
    leaves_nothing(&b);
    with_ffmpeg(&b, "exit 0", &args).exits(1).says("no frames");
    leaves_nothing(&b);
    let missing = b.command(PROGRAM).env("FACEVEIL_FFMPEG", "/nowhere/ffmpeg").args(args).output().unwrap();
    let words = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(words.contains("videos need FFmpeg") && words.contains("apt install ffmpeg"), "{words}");
}

#[test]
fn a_full_disk_is_an_error() {
    if !ffmpeg_or_skip("full disks") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    // Files may have 16 blocks of 512 or 1024 bytes at most; the signal that says so is ignored.
    let line = format!("trap '' XFSZ; ulimit -f 16; exec '{PROGRAM}' blur in/face.mp4 -o out.mp4");
    run(b.command("sh").args(["-c", &line])).exits(1).says("in/face.mp4");
    leaves_nothing(&b);
}

#[test]
fn a_run_that_is_killed_leaves_nothing_under_the_name() {
    if !ffmpeg_or_skip("killed runs") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    make(&b, "-stream_loop 20 -i in/face.mp4 -c copy in/long.mp4");
    let mut command = b.command(PROGRAM);
    command.args(["blur", "in/long.mp4", "-o", "out.mp4"]).stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!b.exists("out.mp4"));
    // What is left is hidden, and never taken for an input.
    let left = b.names(".").into_iter().filter(|n| n.contains(".faceveil-"));
    let folder = b.path("again");
    std::fs::create_dir(&folder).unwrap();
    left.for_each(|n| std::fs::rename(b.path(&n), folder.join(&n)).unwrap());
    b.run(["blur", "again", "-o", "nothing"]).exits(1);
    assert!(b.names("nothing").is_empty());
}
