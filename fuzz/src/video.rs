//! What other programs say of videos, and the raw frames they hand over.

use faceveil_cli::video::keys;
use faceveil_cli::video::record::VideoRecord;
use faceveil_media::video::nut::{NutReader, NutWriter};
use faceveil_media::video::y4m::{Y4mHeader, Y4mReader};
use faceveil_media::video::{TimeBase, parse_probe};

/// Frames that are read of one stream: any bytes end sooner or later.
const MOST_FRAMES: usize = 1000;
/// Bytes of a frame that are read.
const FRAME: usize = 24;

/// Any bytes are frames or an error; what was read can be written and read again.
pub fn nut(bytes: &[u8]) {
    let Ok(mut reader) = NutReader::open(bytes) else { return };
    let header = reader.header().clone();
    assert!(header.width > 0 && header.height > 0 && header.time_base.den > 0 && header.time_base.num > 0);
    let mut frames = Vec::new();
    let mut frame = [0; FRAME];
    while let Ok(Some(pts)) = reader.next(&mut frame) {
        frames.push((pts, frame));
        if frames.len() == MOST_FRAMES {
            break;
        }
    }
    let mut writer = NutWriter::open(Vec::new(), &header).expect("memory takes all");
    frames.retain(|(pts, _)| (0..i64::MAX - 1).contains(pts));
    frames.iter().for_each(|(pts, frame)| writer.write(*pts, frame).expect("a time that was read"));
    let stream = writer.finish().expect("memory takes all");
    let mut again = NutReader::open(&stream[..]).expect("what was written");
    assert_eq!(*again.header(), header);
    for (pts, want) in frames {
        assert_eq!(again.next(&mut frame).expect("what was written"), Some(pts));
        assert_eq!(frame, want);
    }
}

/// Any bytes are frames or an error; a header that was read is written as one that says the same.
pub fn y4m(bytes: &[u8]) {
    let Ok(mut reader) = Y4mReader::open(bytes) else { return };
    let header = reader.header().clone();
    let line = header.line();
    assert_eq!(Y4mHeader::parse(line.trim_end()).expect("our own line"), header);
    let mut frame = [0; FRAME];
    while let Ok(true) = reader.next(&mut frame) {}
}

/// Any report is understood or an error; nothing of it can be taken for an option of a program.
pub fn probe(bytes: &[u8]) {
    let Ok(probe) = parse_probe(bytes) else { return };
    let video = probe.video;
    assert!(
        video.width > 0
            && video.height > 0
            && TimeBase::new(video.time_base.num, video.time_base.den).is_some()
    );
    let colours = video.colours;
    let words = [colours.range, colours.space, colours.transfer, colours.primaries];
    assert!(words.iter().flatten().all(|w| !w.starts_with('-') && !w.contains([' ', ':', '='])));
    let numbers = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b"GBRWPL(),".contains(&b));
    assert!([colours.mastering, colours.light].iter().flatten().all(|text| numbers(text)));
}

/// Any bytes are a video's sidecar or an error; what was read is written and read as the same, and its tracks have faces
/// in all frames of their spans.
pub fn video_sidecar(bytes: &[u8]) {
    let Ok(record) = VideoRecord::parse(bytes) else { return };
    let json = record.to_json().expect("what was read can be written");
    assert_eq!(VideoRecord::parse(&json).expect("what was written can be read"), record);
    for track in &record.tracks {
        for span in track.keys() {
            let (Some(first), Some(last)) = (span.first(), span.last()) else { panic!("{span:?}") };
            for frame in (first.frame..=last.frame).take(MOST_FRAMES) {
                assert!(keys::at(&span, frame).is_some(), "frame {frame} of {span:?}");
            }
        }
    }
}
