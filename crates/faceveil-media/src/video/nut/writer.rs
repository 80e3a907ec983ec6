//! Writes raw frames and their times.

use std::io::Write;

use super::wire::{
    CHECKSUM, CODED_PTS, FILE_ID, INVALID, KEY, MAIN, SIZE_MSB, STREAM, SYNCPOINT, crc, put, put_packet,
    put_signed,
};
use super::{NutError, NutHeader};

/// Bytes after which readers expect a sync point or a checksum; each frame has both.
const MAX_DISTANCE: u64 = 32_768;

/// Writes one stream of raw frames.
#[derive(Debug)]
pub struct NutWriter<W> {
    to: W,
    head: Vec<u8>,
}

impl<W: Write> NutWriter<W> {
    /// Writes the headers.
    ///
    /// # Errors
    /// [`NutError::Io`] if that fails.
    pub fn open(mut to: W, header: &NutHeader) -> Result<Self, NutError> {
        let mut head = FILE_ID.to_vec();
        put_packet(MAIN, &main_header(header), &mut head);
        put_packet(STREAM, &stream_header(header), &mut head);
        to.write_all(&head)?;
        Ok(Self { to, head })
    }

    /// Writes a frame shown at `pts` ticks, which must not be negative and must be more than the last frame's.
    ///
    /// # Errors
    /// [`NutError::Malformed`] for a negative time, [`NutError::Io`] if writing fails.
    pub fn write(&mut self, pts: i64, frame: &[u8]) -> Result<(), NutError> {
        let pts = u64::try_from(pts).map_err(|_| NutError::Malformed("a negative time"))?;
        self.head.clear();
        let mut body = Vec::with_capacity(16);
        put(pts, &mut body);
        // Nobody seeks backwards in a pipe.
        put(0, &mut body);
        put_packet(SYNCPOINT, &body, &mut self.head);
        let start = self.head.len();
        self.head.push(0);
        // With no short times, a time is coded as itself plus 1.
        put(pts + 1, &mut self.head);
        put(frame.len() as u64, &mut self.head);
        let sum = crc(&self.head[start..]);
        self.head.extend(sum.to_be_bytes());
        self.to.write_all(&self.head)?;
        self.to.write_all(frame)?;
        Ok(())
    }

    /// Passes on what is still held back.
    ///
    /// # Errors
    /// [`NutError::Io`] if that fails.
    pub fn finish(mut self) -> Result<W, NutError> {
        self.to.flush()?;
        Ok(self.to)
    }
}

fn main_header(header: &NutHeader) -> Vec<u8> {
    let mut body = Vec::new();
    // Version, streams, distance, time bases.
    [3, 1, MAX_DISTANCE, 1].into_iter().for_each(|n| put(n, &mut body));
    put(header.time_base.num.into(), &mut body);
    put(header.time_base.den.into(), &mut body);
    // Frame code 0 is a key frame with all its numbers; all others are invalid.
    for (flags, count) in [(KEY | CODED_PTS | SIZE_MSB | CHECKSUM, 1), (INVALID, 254)] {
        put(flags, &mut body);
        put(6, &mut body);
        put_signed(0, &mut body);
        // Size multiplier, stream, size, reserved fields.
        [1, 0, 0, 0, count].into_iter().for_each(|n| put(n, &mut body));
    }
    put(0, &mut body);
    body
}

fn stream_header(header: &NutHeader) -> Vec<u8> {
    let mut body = Vec::new();
    // Stream, class (video), layout.
    [0, 0, 4].into_iter().for_each(|n| put(n, &mut body));
    body.extend(header.fourcc);
    // Time base, bits of short times, distance of times, decode delay, flags, length of specific data.
    [0, 0, 1 << 20, 0, 0, 0].into_iter().for_each(|n| put(n, &mut body));
    let (across, down) = header.pixel_aspect;
    [header.width, header.height, across, down, 0].into_iter().for_each(|n| put(n.into(), &mut body));
    body
}

#[cfg(test)]
mod tests {
    use super::super::super::TimeBase;
    use super::super::NutReader;
    use super::*;

    fn header() -> NutHeader {
        let time_base = TimeBase { num: 1001, den: 30_000 };
        NutHeader { width: 3, height: 2, pixel_aspect: (4, 3), time_base, fourcc: *b"Y800" }
    }

    fn stream() -> Vec<u8> {
        let mut writer = NutWriter::open(Vec::new(), &header()).unwrap();
        for (pts, fill) in [(0, 1), (7, 2), (1 << 40, 3)] {
            writer.write(pts, &[fill; 6]).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn frames_and_times_come_back() {
        let stream = stream();
        let mut reader = NutReader::open(&stream[..]).unwrap();
        assert_eq!(*reader.header(), header());
        let mut frame = [0; 6];
        for (pts, fill) in [(0, 1), (7, 2), (1 << 40, 3)] {
            assert_eq!(reader.next(&mut frame).unwrap(), Some(pts));
            assert_eq!(frame, [fill; 6]);
        }
        assert_eq!(reader.next(&mut frame).unwrap(), None);
    }

    #[test]
    fn every_truncation_gives_fewer_frames_or_an_error() {
        let stream = stream();
        for n in 0..stream.len() {
            let Ok(mut reader) = NutReader::open(&stream[..n]) else { continue };
            let mut frames = 0;
            while let Ok(Some(_)) = reader.next(&mut [0; 6]) {
                frames += 1;
            }
            assert!(frames < 3, "{n} bytes");
        }
    }

    #[test]
    fn a_wrong_bit_outside_the_pictures_changes_nothing_or_is_seen() {
        let stream = stream();
        let is_picture = |at: usize| {
            (1..=3).any(|fill| {
                let from = stream.windows(6).position(|w| w == [fill; 6]).unwrap();
                (from..from + 6).contains(&at)
            })
        };
        for at in (0..stream.len()).filter(|&at| !is_picture(at)) {
            let mut bad = stream.clone();
            bad[at] ^= 0x10;
            let read = || -> Result<Vec<i64>, NutError> {
                let mut reader = NutReader::open(&bad[..])?;
                let mut times = Vec::new();
                while let Some(pts) = reader.next(&mut [0; 6])? {
                    times.push(pts);
                }
                Ok(times)
            };
            // A sync point whose start code is another is passed over: the times do not need it.
            assert!(read().is_err() || read().unwrap() == [0, 7, 1 << 40], "byte {at}");
        }
    }

    #[test]
    fn frames_of_another_size_and_negative_times_are_refused() {
        let stream = stream();
        let mut reader = NutReader::open(&stream[..]).unwrap();
        assert!(matches!(reader.next(&mut [0; 5]), Err(NutError::FrameBytes { got: 6, need: 5 })));
        let mut writer = NutWriter::open(Vec::new(), &header()).unwrap();
        assert!(writer.write(-1, &[0; 6]).is_err());
    }

    #[test]
    fn a_header_that_ffmpeg_wrote_is_read() {
        // The start of `ffmpeg -i … -c:v rawvideo -f nut`, FFmpeg 5.1: 1920×1080, 1/61440 s, I420.
        let hex = concat!(
            "6e75742f6d756c74696d6564696120636f6e7461696e6572004e4d7a561f5f04ad4a030181ff7f010183e000c0000600",
            "0000000001a000020101280100290021019f7f20029f7f8179c00006000000000001060300000104000001b602fffa02",
            "fffb02fffc02fffdb741d9be4e5311405bf2f9db1a00000449343230000e83e0000000008f008838010100ed9e7513",
        );
        let digit = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digit).collect();
        let reader = NutReader::open(&bytes[..]).unwrap();
        let want = NutHeader {
            width: 1920,
            height: 1080,
            pixel_aspect: (1, 1),
            time_base: TimeBase { num: 1, den: 61_440 },
            fourcc: *b"I420",
        };
        assert_eq!(*reader.header(), want);
    }
}
