//! Live sources and outputs: pipes, and a network address that comes back.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

use crate::clips::{face, ffmpeg_or_skip, make, plain};
use crate::sandbox::{PROGRAM, Sandbox};

/// A frame's line and bytes in a stream of 320×240.
const FRAME: usize = 6 + 320 * 240 * 3 / 2;

/// Mean difference of luma over a square.
fn differs(was: &[u8], is: &[u8], (x, y): (usize, usize), side: usize) -> i32 {
    let at = |bytes: &[u8], n: usize| i32::from(bytes[6 + (y + n / side) * 320 + x + n % side]);
    let all = side * side;
    (0..all).map(|n| (at(was, n) - at(is, n)).abs()).sum::<i32>() / all as i32
}

#[test]
fn y4m_goes_through_a_pipe_with_faces_hidden_in_every_frame() {
    if !ffmpeg_or_skip("making a stream for live") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    make(&b, "-i in/face.mp4 -t 0.8 -an -pix_fmt yuv420p -f yuv4mpegpipe in.y4m");
    let input = b.read("in.y4m");
    let line = |bytes: &[u8]| bytes.iter().position(|&c| c == b'\n').unwrap() + 1;
    for latency in ["0", "5"] {
        let ran = b.pipe(&["live", "-", "-o", "-", "--latency", latency], &input).exits(0);
        let ran = ran.says(&format!("latency: {latency} frames")).says("20 frames written, 0 dropped");
        let (was, is) = (&input[line(&input)..], &ran.stdout[line(&ran.stdout)..]);
        assert_eq!((was.len(), is.len()), (20 * FRAME, 20 * FRAME), "latency {latency}");
        for (n, (was, is)) in was.chunks(FRAME).zip(is.chunks(FRAME)).enumerate() {
            let seconds = n as f32 / 25.0;
            // Most of the face: a single cell of the veil may happen to have the skin's own grey. In 500 frames
            // the least was 25.
            let corner = ((134.0 - 40.0 * seconds) as usize, (70.0 - 10.0 * seconds) as usize);
            let hidden = differs(was, is, corner, 60);
            assert!(hidden > 15, "frame {n}, latency {latency}: {hidden}");
            assert_eq!(differs(was, is, (5, 210), 20), 0, "frame {n}");
        }
    }
    b.pipe(&["live", "-"], &input[..input.len() - 5]).exits(1).says("the stream ends inside frame 19");
    b.pipe(&["live", "-"], b"").exits(1).says("empty");
    b.pipe(&["live", "-", "--input-format", "rgb"], b"").exits(3).says("--size");
    b.run(["live", "in/face.mp4"]).exits(3).says("is no live source");
    b.run(["live", "-", "-o", "x.mp4"]).exits(3).says("is no live output");
}

#[test]
fn a_lost_face_can_hide_the_whole_frame() {
    if !ffmpeg_or_skip("making a stream for live") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    // The face goes under a grey cloth after half a second.
    make(
        &b,
        "-i in/face.mp4 -t 1 -an -vf drawbox=x=60:y=20:w=190:h=160:t=fill:color=gray:enable='gte(t,0.5)' \
         -pix_fmt yuv420p -f yuv4mpegpipe in.y4m",
    );
    let input = b.read("in.y4m");
    let start = input.iter().position(|&c| c == b'\n').unwrap() + 1;
    let out = b.pipe(&["live", "-", "--on-lost", "fullframe", "--hold", "3"], &input).exits(0).stdout;
    let first = out.iter().position(|&c| c == b'\n').unwrap() + 1;
    let corner = |n: usize| {
        let at = |bytes: &[u8], start: usize| bytes[start + n * FRAME..start + (n + 1) * FRAME].to_vec();
        differs(&at(&input, start), &at(&out, first), (5, 185), 50)
    };
    let hidden: Vec<usize> = (0..25).filter(|&n| corner(n) > 3).collect();
    assert_eq!(hidden.len(), 3, "{hidden:?}");
    assert!(hidden[0] >= 12, "{hidden:?}");
}

#[test]
fn pictures_and_raw_frames_go_through_pipes() {
    if !ffmpeg_or_skip("MJPEG and RGB pipes") {
        return;
    }
    let b = Sandbox::new();
    plain(&b);
    make(&b, "-i in/plain.mp4 -an -c:v mjpeg -q:v 3 -f mjpeg in.mjpeg");
    make(&b, "-i in/plain.mp4 -an -pix_fmt rgb24 -f rawvideo in.rgb");
    let rgb = [
        "live",
        "-",
        "--input-format",
        "rgb",
        "--size",
        "320x240",
        "--rate",
        "25",
        "--output-format",
        "mjpeg",
    ];
    let ran = b.pipe(&rgb, &b.read("in.rgb")).exits(0).says("25 frames written");
    let starts = ran.stdout.windows(3).filter(|w| w == b"\xff\xd8\xff").count();
    assert_eq!(starts, 25);
    let mjpeg = ["live", "-", "--input-format", "mjpeg", "--rate", "25", "--output-format", "rgb"];
    let ran = b.pipe(&mjpeg, &b.read("in.mjpeg")).exits(0);
    assert_eq!(ran.stdout.len(), 25 * 320 * 240 * 3);
}

/// What comes of `live` on an address where each of `streams` is sent to whoever asks next, until no one is left to
/// ask: its exit code, its words and its output.
fn served(b: &Sandbox, streams: Vec<Vec<u8>>) -> (Option<i32>, String, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let mut command = b.command(PROGRAM);
    command.args(["live", &address, "--reconnect", "2"]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let server = std::thread::spawn(move || {
        for stream in streams {
            let (mut socket, _) = listener.accept().unwrap();
            // Slowly, so that frames come through on a busy machine; the reader may go first.
            for chunk in stream.chunks(stream.len().div_ceil(40)) {
                std::thread::sleep(std::time::Duration::from_millis(100));
                let _ = socket.write_all(chunk);
            }
        }
    });
    let mut out = Vec::new();
    let mut errors = child.stderr.take().unwrap();
    let words = std::thread::spawn(move || {
        let mut words = String::new();
        errors.read_to_string(&mut words).map(|_| words)
    });
    child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    let status = child.wait().unwrap();
    server.join().unwrap();
    (status.code(), words.join().unwrap().unwrap(), out)
}

#[test]
fn an_address_that_goes_away_is_opened_again_and_its_end_is_told() {
    if !ffmpeg_or_skip("network sources") {
        return;
    }
    let b = Sandbox::new();
    plain(&b);
    make(&b, "-i in/plain.mp4 -an -c copy -f mpegts in/stream.ts");
    let stream = b.read("in/stream.ts");
    let (code, words, out) = served(&b, vec![stream.clone(), stream]);
    // Who may not rely on all frames being there is told by the exit code.
    assert_eq!(code, Some(2), "{words}");
    for want in ["source opened 2 times", "opening it again", "the source broke"] {
        assert!(words.contains(want), "{words}");
    }
    let frames = out.windows(6).filter(|w| w == b"FRAME\n").count();
    assert!((2..=50).contains(&frames), "{frames} frames: {words}");
}

#[test]
fn a_face_that_was_there_when_the_source_went_away_is_hidden_when_it_comes_back() {
    if !ffmpeg_or_skip("network sources") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    make(&b, "-i in/face.mp4 -t 1 -an -c:v libx264 -bf 0 -f mpegts in/face.ts");
    // Nobody can find the face in it, but it might be there.
    make(
        &b,
        "-f lavfi -i color=0x808080:s=320x240:r=25:d=4 -c:v libx264 -bf 0 -pix_fmt yuv420p -f mpegts in/grey.ts",
    );
    // The lowest row, which no face is near.
    let row = |frame: &[u8]| frame[239 * 320..240 * 320].to_vec();
    let odd =
        |frame: &[u8]| frame[..320 * 240].iter().filter(|luma| luma.abs_diff(row(frame)[0]) > 4).count();
    let is_grey = |frame: &[u8]| row(frame).iter().all(|luma| luma.abs_diff(row(frame)[0]) <= 4);
    // On a machine that stands still for seconds all frames with the face are dropped: then nothing has to be held.
    for _ in 0..3 {
        let (_, words, out) = served(&b, vec![b.read("in/face.ts"), b.read("in/grey.ts")]);
        let start = out.iter().position(|&c| c == b'\n').unwrap() + 1;
        let frames: Vec<&[u8]> = out[start..].chunks_exact(FRAME).map(|frame| &frame[6..]).collect();
        let grey = frames.iter().position(|frame| is_grey(frame));
        let grey = grey.unwrap_or_else(|| panic!("no frame of the second stream came: {words}"));
        assert!(words.contains("source opened 2 times"), "{words}");
        if grey > 0 {
            let hidden = odd(frames[grey]);
            assert!(hidden > 1000, "{hidden} pixels are hidden: {words}");
            return;
        }
    }
    panic!("no frame of the first stream came in three tries");
}
