//! Sidecars of videos, and what else is made of their tracks.

use crate::clips::{face, ffmpeg_or_skip, frame, make, pictures, sound, times};
use crate::review::Server;
use crate::sandbox::Sandbox;
use serde_json::{Value, json};

fn sidecar(b: &Sandbox, name: &str) -> Value {
    serde_json::from_slice(&b.read(format!("{name}.faceveil.json"))).unwrap()
}

/// How much the face's middle differs from the original's a second in.
fn change(b: &Sandbox, file: &str) -> u32 {
    let (was, is) = (frame(b, "in/face.mp4", "1"), frame(b, file, "1"));
    let apart = |x: u32, y: u32| {
        was.rgb8(x, y).iter().zip(is.rgb8(x, y)).map(|(a, b)| u32::from(a.abs_diff(b))).sum::<u32>()
    };
    let places = (0..30).flat_map(|dy| (0..30).map(move |dx| (109 + dx, 75 + dy)));
    places.map(|(x, y)| apart(x, y)).sum::<u32>() / 900
}

#[test]
fn a_sidecar_is_rendered_again_without_looking() {
    if !ffmpeg_or_skip("sidecars of videos") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    let ran =
        b.run(["blur", "in/face.mp4", "-o", "out.mp4", "--sidecar", "--audio", "drop", "--json"]).exits(0);
    assert_eq!(ran.json()[0]["sidecar"], "out.mp4.faceveil.json");
    let record = sidecar(&b, "out.mp4");
    assert_eq!((&record["frames"], &record["counts"]["tracks"]), (&50.into(), &1.into()));
    assert_eq!(
        (&record["source"]["path"], &record["encoding"]["mute"]),
        (&"in/face.mp4".into(), &true.into())
    );
    let text = record.to_string();
    assert!(!text.contains("thumbnail"), "{text}");
    assert!(text.len() < 60_000, "{} bytes for one track of 50 frames", text.len());

    // The same, in a style without noise, so that frames can be compared.
    let solid = ["--style", "solid", "--codec", "ffv1"];
    b.run([&["blur", "in/face.mp4", "-o", "first.mkv", "--sidecar"][..], &solid].concat()).exits(0);
    b.run(["blur", "--from", "first.mkv.faceveil.json", "-o", "second.mkv", "--codec", "ffv1"]).exits(0);
    let (one, two) = (pictures(&b, "first.mkv", "yuv420p"), pictures(&b, "second.mkv", "yuv420p"));
    assert_eq!((one.len(), two.len()), (50, 50));
    assert_eq!(times(&b, "first.mkv"), times(&b, "second.mkv"));
    assert_eq!(sound(&b, "first.mkv"), sound(&b, "second.mkv"));
    assert!(change(&b, "second.mkv") > 60);
    // What the sidecar says is what the first run has hidden, or a hair more.
    let (a, z) = (frame(&b, "first.mkv", "1.2"), frame(&b, "second.mkv", "1.2"));
    let (mut more, mut less) = (0, 0);
    for (x, y) in (0..240).flat_map(|y| (0..320).map(move |x| (x, y))) {
        let dark = |r: &faceveil_core::raster::Raster| r.rgb8(x, y).iter().all(|v| *v < 12);
        more += i32::from(dark(&z) && !dark(&a));
        less += i32::from(dark(&a) && !dark(&z));
    }
    assert!(more < 900 && less == 0, "{more} pixels more, {less} less");

    // Sound that was left out stays out.
    b.run(["blur", "--from", "out.mp4.faceveil.json", "-o", "mute.mp4"]).exits(0);
    assert!(sound(&b, "mute.mp4").is_empty());
}

#[test]
fn a_track_is_shown_only_by_a_decision_in_the_sidecar() {
    if !ffmpeg_or_skip("sidecars of videos") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    b.run(["blur", "in/face.mp4", "-o", "out.mp4", "--sidecar", "--thumbnails"]).exits(0);
    let mut record = sidecar(&b, "out.mp4");
    assert!(record["tracks"][0]["thumbnail"].as_str().is_some_and(|t| t.starts_with("/9j/")));
    record["tracks"][0]["hidden"] = false.into();
    b.put("shown.json", record.to_string().as_bytes());
    let ran = b.run(["blur", "--from", "shown.json", "-o", "shown.mp4", "--json"]).exits(0);
    assert_eq!((&ran.json()[0]["visible"], &ran.json()[0]["frames_with_faces"]), (&1.into(), &0.into()));
    assert!(change(&b, "shown.mp4") < 20, "{}", change(&b, "shown.mp4"));
    record["tracks"] = json!([]);
    b.put("gone.json", record.to_string().as_bytes());
    b.run(["blur", "--from", "gone.json", "-o", "gone.mp4"]).exits(1).says("t1 is missing");
    // Another video of the same size.
    make(&b, "-i in/face.mp4 -c:v libx264 -crf 30 in/other.mp4");
    b.run(["blur", "in/other.mp4", "--from", "shown.json", "-o", "gone.mp4"])
        .exits(1)
        .says("is not the video that the sidecar was written for");
    b.run(["blur", "--from", "shown.json", "-o", "gone.mp4", "--start", "1"]).exits(3).says("--start is for");
    assert!(!b.exists("gone.mp4"));
}

#[test]
fn frames_are_told_with_their_tracks() {
    if !ffmpeg_or_skip("detecting in videos") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    let lines = b.run(["detect", "in/face.mp4"]).exits(0).json();
    assert_eq!(lines.len(), 51);
    let last = &lines[50];
    assert_eq!((&last["frames"], &last["faces"]), (&50.into(), &1.into()), "{last}");
    for (n, line) in lines[..50].iter().enumerate() {
        let rect = line["faces"][0]["box"].as_array().unwrap();
        let middle = (rect[0].as_f64().unwrap() + rect[2].as_f64().unwrap()) / 2.0;
        let seconds = line["seconds"].as_f64().unwrap();
        assert_eq!((&line["frame"], &line["faces"][0]["track"]), (&n.into(), &1.into()), "{line}");
        assert!((seconds - n as f64 / 25.0).abs() < 1e-3, "{line}");
        assert!((middle - (164.0 - 40.0 * seconds)).abs() < 12.0, "{line}");
    }
}

#[test]
fn results_are_verified_frame_by_frame() {
    if !ffmpeg_or_skip("verifying videos") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    b.run(["blur", "in/face.mp4", "-o", "out.mp4"]).exits(0);
    b.run(["verify", "in/face.mp4", "out.mp4"]).exits(0).says("1 fine");
    make(
        &b,
        "-i in/face.mp4 -map 0:v -map 0:a -map_metadata -1 -c:v libx264 -crf 23 -c:a copy -fflags +bitexact bare.mp4",
    );
    b.run(["verify", "in/face.mp4", "bare.mp4"]).exits(1).says("is untouched");
    let ran = b.run(["verify", "in/face.mp4", "in/face.mp4", "--json"]).exits(1);
    ran.says("this is the original itself").says("the tag location");
    make(&b, "-i out.mp4 -t 1 -c copy short.mp4");
    b.run(["verify", "in/face.mp4", "short.mp4"]).exits(1).says("the original 50");
}

#[test]
fn the_page_shows_tracks_and_takes_decisions() {
    if !ffmpeg_or_skip("reviewing videos") {
        return;
    }
    let b = Sandbox::new();
    face(&b);
    b.run(["blur", "in", "-o", "out", "--sidecar"]).exits(0);
    let server = Server::start(&b, &["out"]);
    let opened = loop {
        let batch = server.get("batch");
        if batch["pictures"].is_array() {
            assert_eq!(batch["pictures"][0]["hidden"], 1, "{batch}");
            break server.get("picture/0");
        }
    };
    let mut region = opened["sidecar"]["regions"][0].clone();
    assert_eq!((&region["id"], &region["hidden"]), (&"t1".into(), &true.into()));
    let (status, jpeg) = server.request("GET", "view/original/0", "", b"");
    assert!(status == 200 && jpeg.starts_with(b"\xff\xd8\xff"), "{}", String::from_utf8_lossy(&jpeg));
    region["hidden"] = false.into();
    region["note"] = "it is me".into();
    let (status, saved) =
        server.post("save/0", &json!({ "version": opened["version"], "regions": [region.clone()] }));
    assert_eq!(status, 200, "{saved}");
    let record = sidecar(&b, "out/face.mp4");
    assert_eq!(
        (&record["tracks"][0]["hidden"], &record["tracks"][0]["note"]),
        (&false.into(), &"it is me".into())
    );
    region["id"] = "new-1".into();
    region["origin"] = "added".into();
    let (status, refused) =
        server.post("save/0", &json!({ "version": saved["version"], "regions": [region] }));
    assert!(status == 422 && refused.to_string().contains("not added"), "{refused}");
    let (status, rendered) = server.post("render/0", &json!({ "version": saved["version"] }));
    assert_eq!(status, 200, "{rendered}");
    assert!(change(&b, "out/face.mp4") < 20);
    let record = sidecar(&b, "out/face.mp4");
    assert_eq!((&record["tracks"][0]["hidden"], record["previous"].is_string()), (&false.into(), true));
}
