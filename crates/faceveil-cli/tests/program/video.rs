//! Videos as files: what is kept, what is hidden, what is dropped.

use crate::clips::{face, ffmpeg_or_skip, ffprobe, frame, make, pictures, plain, sound, times};
use crate::sandbox::Sandbox;

fn close(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-4)
}

#[test]
fn a_face_is_hidden_in_every_frame_and_nothing_else_is_lost() {
    if !ffmpeg_or_skip("hiding a face in a video") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    let ran = b.run(["blur", "in/face.mp4", "-o", "out.mp4", "--json"]).exits(0);
    let line = &ran.json()[0];
    assert_eq!((&line["frames"], &line["frames_with_faces"]), (&50.into(), &50.into()), "{line}");
    assert_eq!(line["faces"], 1, "{line}");
    assert!(close(&times(&b, "in/face.mp4"), &times(&b, "out.mp4")), "{:?}", times(&b, "out.mp4"));
    assert_eq!(sound(&b, "in/face.mp4"), sound(&b, "out.mp4"));
    for seconds in ["0", "0.6", "1.2", "1.96"] {
        let (was, is) = (frame(&b, "in/face.mp4", seconds), frame(&b, "out.mp4", seconds));
        let seconds: f32 = seconds.parse().unwrap();
        // The face's middle in the photo, less where the picture was cut.
        let (x, y) = (224.0 - 60.0 - 40.0 * seconds, 120.0 - 20.0 - 10.0 * seconds);
        let apart = |x: f32, y: f32| {
            let (a, b) = (was.rgb8(x as u32, y as u32), is.rgb8(x as u32, y as u32));
            a.iter().zip(b).map(|(a, b)| i32::from(a.abs_diff(b))).sum::<i32>()
        };
        let face = (-30..30).flat_map(|dy| (-20..20).map(move |dx| (dx as f32, dy as f32)));
        let mean = face.map(|(dx, dy)| apart(x + dx, y + dy)).sum::<i32>() / 2400;
        assert!(mean > 25, "at {seconds} s the face differs by {mean} only");
        let far = (0..40).map(|i| apart(5.0 + i as f32, 230.0)).sum::<i32>() / 40;
        assert!(far < 20, "at {seconds} s the rest differs by {far}");
    }
    let bytes = b.read("out.mp4");
    for secret in ["Secret", "+48.1", "tmcd", "camera"] {
        assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "{secret} is left");
    }
}

#[test]
fn without_faces_every_sample_and_every_time_is_the_same() {
    if !ffmpeg_or_skip("samples and times of videos") {
        return;
    }
    let b = Sandbox::new();
    plain(&b);
    let makes = [
        // Times that are not even, and sound that starts later.
        (
            "vfr.mkv",
            "yuv420p",
            "-i in/plain.mp4 -vf setpts='PTS*(1+0.02*N)' -vsync passthrough -c:v ffv1 -c:a copy",
        ),
        ("late.mp4", "yuv420p", "-itsoffset 0.37 -i in/plain.mp4 -i in/plain.mp4 -map 0:v -map 1:a -c copy"),
        ("early.mp4", "yuv420p", "-itsoffset 0.37 -i in/plain.mp4 -i in/plain.mp4 -map 1:v -map 0:a -c copy"),
        // An edit list leaves out what lies before the cut.
        ("edit.mp4", "yuv420p", "-ss 0.3 -i in/plain.mp4 -c copy"),
        ("odd.mkv", "yuv420p", "-i in/plain.mp4 -vf crop=319:237:0:0:exact=1 -c:v ffv1 -pix_fmt yuv420p"),
        ("wide.mkv", "yuv422p", "-i in/plain.mp4 -c:v ffv1 -pix_fmt yuv422p"),
        ("full.avi", "yuvj420p", "-i in/plain.mp4 -c:v mjpeg -pix_fmt yuvj420p -q:v 3 -c:a copy"),
        (
            "deep.mkv",
            "yuv420p10le",
            "-i in/plain.mp4 -c:v ffv1 -pix_fmt yuv420p10le -color_trc smpte2084 \
           -color_primaries bt2020 -colorspace bt2020nc",
        ),
        ("stream.ts", "yuv420p", "-i in/plain.mp4 -c copy"),
        ("square.mkv", "yuv444p", "-i in/plain.mp4 -vf setsar=4/3 -c:v ffv1 -pix_fmt yuv444p"),
    ];
    for (name, pixels, how) in makes {
        make(&b, &format!("{how} in/{name}"));
        b.run(["blur", &format!("in/{name}"), "-o", "out.mkv", "--codec", "ffv1", "--overwrite"]).exits(0);
        let file = format!("in/{name}");
        assert_eq!(pictures(&b, &file, pixels), pictures(&b, "out.mkv", pixels), "{name}");
        let (want, got) = (times(&b, &file), times(&b, "out.mkv"));
        // Matroska's times are whole milliseconds and never negative: picture and sound move together.
        let shift = got[0] - want[0];
        let near = |a: f64, b: f64| (a + shift - b).abs() < 0.0015;
        let same = want.len() == got.len() && want.iter().zip(&got).all(|(a, b)| near(*a, *b));
        assert!(same, "{name}: {want:?} {got:?}");
        let (heard, hears) = (sound(&b, &file), sound(&b, "out.mkv"));
        // FFprobe does not tell the hash of a packet that is partly left out, nor of all of a transport stream's.
        let untold = if name == "stream.ts" { 6 } else { 1 };
        assert!(heard.len().abs_diff(hears.len()) <= untold, "{name}: {} {}", heard.len(), hears.len());
        let both = heard.iter().rev().zip(hears.iter().rev());
        for (was, is) in both.take(if name == "stream.ts" { 1 } else { usize::MAX }) {
            // A transport stream's packets have heads of their own.
            assert!(near(was.0, is.0) && (was.1 == is.1 || name == "stream.ts"), "{name}: {was:?} {is:?}");
        }
        assert!(shift.abs() < 0.31 || name == "stream.ts", "{name} moved by {shift} s");
        let entries = "-select_streams v:0 -show_entries stream=width,height,sample_aspect_ratio,color_range,color_space,color_transfer,color_primaries";
        // FFprobe names a transport stream's streams twice.
        let said = |file: &str| {
            let lines = ffprobe(&b, &format!("{entries} {file}"));
            lines.lines().next().unwrap_or_default().to_owned()
        };
        let (want, got) = (said(&file), said("out.mkv"));
        assert_eq!(
            want.replace("unknown", "").replace("N/A", "1:1"),
            got.replace("unknown", "").replace("N/A", "1:1"),
            "{name}"
        );
    }
}

#[test]
fn picture_and_sound_stay_together_in_mp4() {
    if !ffmpeg_or_skip("times of MP4") {
        return;
    }
    let b = Sandbox::new();
    plain(&b);
    make(&b, "-itsoffset 0.37 -i in/plain.mp4 -i in/plain.mp4 -map 0:v -map 1:a -c copy in/late.mp4");
    make(&b, "-itsoffset 0.37 -i in/plain.mp4 -i in/plain.mp4 -map 1:v -map 0:a -c copy in/early.mp4");
    make(&b, "-ss 0.3 -i in/plain.mp4 -c copy in/edit.mp4");
    for name in ["late", "early", "edit"] {
        let (file, out) = (format!("in/{name}.mp4"), format!("{name}-out.mp4"));
        b.run(["blur", &*file, "-o", &*out]).exits(0);
        assert!(
            close(&times(&b, &file), &times(&b, &out)),
            "{name}: {:?} {:?}",
            times(&b, &file),
            times(&b, &out)
        );
        assert_eq!(sound(&b, &file), sound(&b, &out), "{name}");
        let seconds =
            |file: &str| ffprobe(&b, &format!("-show_entries format=duration {file}")).trim().parse::<f64>();
        let (want, got) = (seconds(&file).unwrap(), seconds(&out).unwrap());
        assert!((want - got).abs() < 0.045, "{name}: {want} s became {got} s");
    }
    b.run(["blur", "in/plain.mp4", "-o", "mute.mp4", "--audio", "drop"]).exits(0);
    assert_eq!(ffprobe(&b, "-show_entries stream=codec_type mute.mp4").trim(), "video");
}

#[test]
fn odd_sides_depth_and_range_survive_the_usual_codecs() {
    if !ffmpeg_or_skip("sizes and colours of videos") {
        return;
    }
    let b = Sandbox::new();
    plain(&b);
    make(&b, "-i in/plain.mp4 -vf crop=319:237:0:0:exact=1 -c:v ffv1 -pix_fmt yuv420p in/odd.mkv");
    make(&b, "-i in/plain.mp4 -c:v mjpeg -pix_fmt yuvj420p -q:v 3 -c:a copy in/full.avi");
    make(
        &b,
        "-i in/plain.mp4 -c:v ffv1 -pix_fmt yuv420p10le -color_trc smpte2084 -color_primaries bt2020 \
         -colorspace bt2020nc -color_range tv in/deep.mkv",
    );
    let cases = [
        ("odd.mkv", "out.mp4", "width,height", "319,237"),
        ("full.avi", "out.mp4", "color_range", "pc"),
        (
            "deep.mkv",
            "out.mp4",
            "codec_name,pix_fmt,color_range,color_space,color_transfer,color_primaries",
            "hevc,yuv420p10le,tv,bt2020nc,smpte2084,bt2020",
        ),
        ("odd.mkv", "out.webm", "codec_name,width,height,pix_fmt", "vp9,319,237,yuv420p"),
    ];
    for (name, out, entries, want) in cases {
        b.run(["blur", &format!("in/{name}"), "-o", out, "--overwrite"]).exits(0);
        let got = ffprobe(&b, &format!("-select_streams v:0 -show_entries stream={entries} {out}"));
        assert_eq!(got.trim(), want, "{name}");
    }
    make(&b, "-i in/plain.mp4 -c:v ffv1 -pix_fmt yuv420p12le in/deeper.mkv");
    b.run(["blur", "in/deeper.mkv", "-o", "no.mp4"]).exits(1).says("cannot be kept");
}

#[test]
fn rotation_is_applied() {
    if !ffmpeg_or_skip("rotation of videos") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    // FFmpeg 6 and later set it on the input, earlier ones in the metadata.
    let new = "-display_rotation 90 -i in/face.mp4 -c copy turned.mp4";
    let mut command = std::process::Command::new("ffmpeg");
    let done = command.current_dir(b.root()).args(["-v", "quiet", "-y"]).args(new.split(' ')).status();
    if !done.is_ok_and(|s| s.success()) {
        make(&b, "-i in/face.mp4 -c copy -metadata:s:v rotate=270 turned.mp4");
    }
    b.run(["blur", "turned.mp4", "-o", "out.mp4"]).exits(0);
    let got = ffprobe(
        &b,
        "-select_streams v:0 -show_entries stream=width,height:stream_side_data=rotation out.mp4",
    );
    assert_eq!(got.trim(), "240,320");
}

#[test]
fn videos_lie_among_photos_in_folders() {
    if !ffmpeg_or_skip("folders with videos") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    plain(&b);
    make(&b, "-i in/plain.mp4 -c:v mpeg4 -c:a copy in/old.avi");
    b.put("in/photo.jpg", &crate::sandbox::portrait());
    let ran = b.run(["blur", "in", "-o", "out", "--journal", "j.jsonl"]).exits(0).says("no face found");
    assert!(ran.stderr.contains("4 photos and videos done"), "{}", ran.stderr);
    assert_eq!(b.names("out"), ["face.mp4", "old.mkv", "photo.jpg", "plain.mp4"]);
    b.run(["blur", "in", "-o", "out", "--journal", "j.jsonl"]).exits(0).says("4 by an earlier run");
    b.run(["blur", "in/plain.mp4", "-o", "x.mp4", "--on-no-face", "fail"]).exits(1).says("no face found");
    b.run(["blur", "in/face.mp4", "-o", "x.jpg"]).exits(1).says("this is a video");
    b.run(["blur", "in/photo.jpg", "-o", "x.mp4"]).exits(1).says("this is no video");
    b.run(["blur", "in/face.mp4", "-o", "x.mp4", "--dry-run", "--json"]).exits(0);
    assert!(!b.exists("x.mp4") && !b.exists("x.jpg"));
}

#[test]
fn zones_and_the_part_that_is_asked_for() {
    if !ffmpeg_or_skip("zones and parts of videos") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    let zones = ["--keep-zone", "0,0,100%,100%", "--hide-zone", "0,200,40,40"];
    let ran = b.run([&["blur", "in/face.mp4", "-o", "zones.mp4", "--json"], &zones[..]].concat()).exits(0);
    assert_eq!((&ran.json()[0]["visible"], &ran.json()[0]["frames_with_faces"]), (&1.into(), &0.into()));
    let (was, is) = (frame(&b, "in/face.mp4", "1"), frame(&b, "zones.mp4", "1"));
    let apart = |x: u32, y: u32| {
        was.rgb8(x, y).iter().zip(is.rgb8(x, y)).map(|(a, b)| u32::from(a.abs_diff(b))).sum::<u32>()
    };
    let face = (0..40).map(|i| apart(104 + i, 90)).sum::<u32>() / 40;
    assert!(face < 20, "the kept face differs by {face}");
    b.run(["blur", "in/face.mp4", "-o", "part.mp4", "--start", "0.5", "--end", "0:01.5"]).exits(0);
    let times = times(&b, "part.mp4");
    assert_eq!(times.len(), 25, "{times:?}");
    assert!((0.0..0.041).contains(&times[0]), "{times:?}");
    b.run(["blur", "in/face.mp4", "-o", "no.mp4", "--start", "2", "--end", "1"]).exits(3).says("--end");
}

#[test]
fn the_gate_network_hides_a_face_in_every_frame() {
    if !ffmpeg_or_skip("the gate network on videos") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    let ran = b.run(["blur", "in/face.mp4", "-o", "out.mp4", "--engine", "gate", "--json"]).exits(0);
    let line = &ran.json()[0];
    assert_eq!((&line["frames"], &line["frames_with_faces"]), (&50.into(), &50.into()), "{line}");
    for seconds in ["0", "0.6", "1.2", "1.96"] {
        let (was, is) = (frame(&b, "in/face.mp4", seconds), frame(&b, "out.mp4", seconds));
        let seconds: f32 = seconds.parse().unwrap();
        let (x, y) = ((164.0 - 40.0 * seconds) as u32, (100.0 - 10.0 * seconds) as u32);
        let apart = |x: u32, y: u32| {
            was.rgb8(x, y).iter().zip(is.rgb8(x, y)).map(|(a, b)| u32::from(a.abs_diff(b))).sum::<u32>()
        };
        let face = (0..60).flat_map(|dy| (0..40).map(move |dx| (x + dx - 20, y + dy - 30)));
        let mean = face.map(|(x, y)| apart(x, y)).sum::<u32>() / 2400;
        assert!(mean > 25, "at {seconds} s the face differs by {mean} only");
    }
}

#[test]
fn pictures_one_after_the_other_are_a_video() {
    if !ffmpeg_or_skip("bare Motion JPEG") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    make(&b, "-i in/face.mp4 -t 1 -an -c:v mjpeg -q:v 3 -f mjpeg in/face.mjpeg");
    std::fs::remove_file(b.path("in/face.mp4")).unwrap();
    let ran = b.run(["blur", "in", "-o", "out", "--json"]).exits(0);
    let line = &ran.json()[0];
    assert_eq!((&line["frames"], &line["frames_with_faces"]), (&25.into(), &25.into()), "{line}");
    assert_eq!(b.names("out"), ["face.mkv"]);
    assert_eq!(times(&b, "out/face.mkv").len(), 25);
}
