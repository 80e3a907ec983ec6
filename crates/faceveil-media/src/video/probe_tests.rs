use super::*;

const GOOD: &str = r#"{
    "programs": [],
    "streams": [
        {"index": 0, "codec_name": "mjpeg", "codec_type": "video", "width": 500, "height": 500,
         "disposition": {"attached_pic": 1}},
        {"index": 1, "codec_name": "hevc", "codec_type": "video", "width": 1920, "height": 1080,
         "sample_aspect_ratio": "1:1", "pix_fmt": "yuv420p10le", "color_range": "tv", "color_space": "bt2020nc",
         "color_transfer": "smpte2084", "color_primaries": "bt2020", "field_order": "tt", "r_frame_rate": "0/0",
         "avg_frame_rate": "30000/1001", "time_base": "1/90000", "start_pts": -9, "nb_frames": "77",
         "disposition": {"attached_pic": 0},
         "side_data_list": [
            {"side_data_type": "Display Matrix", "rotation": -90},
            {"side_data_type": "DOVI configuration record", "dv_profile": 8, "dv_bl_signal_compatibility_id": 1},
            {"side_data_type": "Content light level metadata", "max_content": 1000, "max_average": 400},
            {"side_data_type": "Mastering display metadata", "red_x": "34000/50000", "red_y": "16000/50000",
             "green_x": "13250/50000", "green_y": "34500/50000", "blue_x": "7500/50000", "blue_y": "3000/50000",
             "white_point_x": "15635/50000", "white_point_y": "16450/50000", "min_luminance": "1/10000",
             "max_luminance": "10000000/10000"}]},
        {"index": 2, "codec_name": "aac", "codec_type": "audio"},
        {"index": 3, "codec_name": "mov_text", "codec_type": "subtitle"},
        {"index": 4, "codec_type": "data"},
        {"index": 5, "codec_type": "data"}
    ],
    "format": {"format_name": "mov,mp4", "start_time": "-0.000100", "duration": "2.5"}
}"#;

#[test]
fn a_report_is_understood() {
    let probe = parse_probe(GOOD.as_bytes()).unwrap();
    assert_eq!((probe.video.index, probe.video.width, probe.video.height), (1, 1920, 1080));
    assert_eq!(probe.video.time_base, TimeBase { num: 1, den: 90_000 });
    assert_eq!(probe.video.rate, TimeBase::new(30_000, 1001));
    assert_eq!((probe.video.frames, probe.video.interlaced), (Some(77), Some(true)));
    assert_eq!(probe.audio, [AudioStream { index: 2, codec: "aac".to_owned() }]);
    assert_eq!(probe.dropped, ["cover", "subtitle", "data"]);
    assert_eq!((probe.start.as_deref(), probe.duration), (Some("-0.000100"), Some(2.5)));
    let colours = probe.video.colours;
    assert!(colours.is_hdr());
    assert_eq!(colours.light.as_deref(), Some("1000,400"));
    let display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)";
    assert_eq!(colours.mastering.as_deref(), Some(display));
}

#[test]
fn what_cannot_be_kept_or_is_not_there_is_refused() {
    let cases = [
        (
            GOOD.replace("\"dv_bl_signal_compatibility_id\": 1", "\"dv_bl_signal_compatibility_id\": 0"),
            "Dolby Vision",
        ),
        (GOOD.replace("\"codec_type\": \"video\"", "\"codec_type\": \"audio\""), "no video"),
        (GOOD.replace("\"width\": 1920", "\"width\": 0"), "no frames"),
        (GOOD.replace("\"width\": 1920", "\"width\": 4294967295"), "no frames"),
        (GOOD.replace("\"time_base\": \"1/90000\"", "\"time_base\": \"1/0\""), "time base"),
        (GOOD.replace("\"width\": 1920", "\"width\": -1"), "not understood"),
        ("{}".to_owned(), "no video"),
        ("[]".to_owned(), "no video"),
        ("7".to_owned(), "not understood"),
    ];
    for (report, words) in cases {
        let error = parse_probe(report.as_bytes()).expect_err(words).to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    for n in 0..GOOD.len() {
        assert!(parse_probe(&GOOD.as_bytes()[..n]).is_err(), "{n} bytes");
    }
}

#[test]
fn colour_names_that_are_not_known_go_unsaid() {
    let report = GOOD.replace("\"bt2020nc\"", "\"-i evil\"").replace("\"smpte2084\"", "\"bt470bg\"");
    let colours = parse_probe(report.as_bytes()).unwrap().video.colours;
    assert_eq!((colours.space, colours.transfer), (None, Some("gamma28")));
}
