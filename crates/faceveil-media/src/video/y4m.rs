//! YUV4MPEG2 (`y4m`), the simplest stream of raw frames that programs pass each other; it has no times, only a rate.
//!
//! # What is read and written
//! A line `YUV4MPEG2 W640 H480 F30:1 Ip A1:1 C420jpeg` of parameters in any order, then frames: a line `FRAME` with
//! parameters that are ignored, and the planes. Lines end in one newline. `C` may be absent (4:2:0), or 420 with any
//! siting, 422, 444, mono, each with `p10` behind it for 10 bits. Interlaced frames are taken as they are.

use std::io::{self, BufRead, Write};

use super::{Chroma, PixelLayout, TimeBase};

/// No line is longer, in bytes.
const LONGEST_LINE: u64 = 1024;

/// What a stream says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Y4mHeader {
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
    /// Seconds a frame.
    pub frame_time: TimeBase,
    /// Width and height of a pixel by each other; 0 if unknown.
    pub pixel_aspect: (u32, u32),
    /// Layout of the frames.
    pub layout: PixelLayout,
    /// Whether all codes are used, black being 0.
    pub full_range: bool,
}

/// A stream is not what is read here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Y4mError {
    /// The stream cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Something that is not allowed, or not read here.
    #[error("it is no YUV4MPEG2 stream that can be read: {0}")]
    Malformed(&'static str),
    /// It ended inside a frame.
    #[error("the stream ends inside frame {frame}")]
    Truncated {
        /// Which, counted from 0.
        frame: u64,
    },
}

/// Reads a stream.
#[derive(Debug)]
pub struct Y4mReader<R> {
    from: R,
    header: Y4mHeader,
    frames: u64,
}

impl<R: BufRead> Y4mReader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// [`Y4mError`] if it is none.
    pub fn open(mut from: R) -> Result<Self, Y4mError> {
        let line = line(&mut from)?.ok_or(Y4mError::Malformed("it is empty"))?;
        let header = Y4mHeader::parse(&line)?;
        Ok(Self { from, header, frames: 0 })
    }

    /// What the stream says of itself.
    pub fn header(&self) -> &Y4mHeader {
        &self.header
    }

    /// The next frame into `frame`, which has exactly a frame's length; `false` at the end.
    ///
    /// # Errors
    /// [`Y4mError`]; `frame` holds anything then.
    pub fn next(&mut self, frame: &mut [u8]) -> Result<bool, Y4mError> {
        let Some(line) = line(&mut self.from)? else { return Ok(false) };
        if line != "FRAME" && !line.starts_with("FRAME ") {
            return Err(Y4mError::Malformed("a frame's line"));
        }
        let number = self.frames;
        self.from.read_exact(frame).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => Y4mError::Truncated { frame: number },
            _ => Y4mError::Io(e),
        })?;
        self.frames += 1;
        Ok(true)
    }
}

impl Y4mHeader {
    /// The header in a first line without its newline.
    ///
    /// # Errors
    /// [`Y4mError::Malformed`] if it is none.
    pub fn parse(line: &str) -> Result<Self, Y4mError> {
        let mut words = line.split(' ');
        if words.next() != Some("YUV4MPEG2") {
            return Err(Y4mError::Malformed("it does not start with YUV4MPEG2"));
        }
        let (mut width, mut height, mut rate, mut aspect) = (None, None, None, (0, 0));
        let (mut layout, mut full_range) = (PixelLayout { chroma: Chroma::C420, bits: 8 }, false);
        for word in words.filter(|w| !w.is_empty()) {
            let Some((key, value)) = word.split_at_checked(1) else { continue };
            match key {
                "W" => width = side(value),
                "H" => height = side(value),
                "F" => rate = pair(value).and_then(|(num, den)| TimeBase::new(den, num)),
                "A" => aspect = pair(value).ok_or(Y4mError::Malformed("its pixel aspect"))?,
                "C" => layout = colour(value).ok_or(Y4mError::Malformed("its colour space"))?,
                "X" => full_range |= value == "COLORRANGE=FULL",
                _ => {}
            }
        }
        match (width, height, rate) {
            (Some(width), Some(height), Some(frame_time)) => {
                Ok(Self { width, height, frame_time, pixel_aspect: aspect, layout, full_range })
            }
            _ => Err(Y4mError::Malformed("width, height or rate")),
        }
    }

    /// The first line, with its newline.
    pub fn line(&self) -> String {
        let name = match (self.layout.chroma, self.layout.bits) {
            (Chroma::Gray, 8) => "mono",
            (Chroma::C420, 8) => "420jpeg",
            (Chroma::C422, 8) => "422",
            (Chroma::C444, 8) => "444",
            (Chroma::Gray, _) => "mono10",
            (Chroma::C420, _) => "420p10",
            (Chroma::C422, _) => "422p10",
            (Chroma::C444, _) => "444p10",
        };
        let (rate, (across, down)) = (self.frame_time, self.pixel_aspect);
        let range = if self.full_range { " XCOLORRANGE=FULL" } else { "" };
        format!(
            "YUV4MPEG2 W{} H{} F{}:{} Ip A{across}:{down} C{name}{range}\n",
            self.width, self.height, rate.den, rate.num
        )
    }
}

/// Writes a frame after the header's line and other frames.
///
/// # Errors
/// What the system says.
pub fn write_frame(to: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    to.write_all(b"FRAME\n")?;
    to.write_all(frame)?;
    to.flush()
}

/// A line without its newline; `None` at the end.
fn line(from: &mut impl BufRead) -> Result<Option<String>, Y4mError> {
    let mut line = Vec::new();
    io::Read::take(&mut *from, LONGEST_LINE).read_until(b'\n', &mut line)?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => String::from_utf8(line).map(Some).map_err(|_| Y4mError::Malformed("a line of bytes")),
        Some(_) => Err(Y4mError::Malformed("a line without its end")),
    }
}

fn side(text: &str) -> Option<u32> {
    text.parse().ok().filter(|&n| n > 0 && i32::try_from(n).is_ok())
}

fn pair(text: &str) -> Option<(u32, u32)> {
    let (a, b) = text.split_once(':')?;
    Some((a.parse().ok()?, b.parse().ok()?))
}

fn colour(name: &str) -> Option<PixelLayout> {
    let (chroma, bits) = match name {
        "420" | "420jpeg" | "420mpeg2" | "420paldv" => (Chroma::C420, 8),
        "422" => (Chroma::C422, 8),
        "444" => (Chroma::C444, 8),
        "mono" => (Chroma::Gray, 8),
        "420p10" => (Chroma::C420, 10),
        "422p10" => (Chroma::C422, 10),
        "444p10" => (Chroma::C444, 10),
        "mono10" => (Chroma::Gray, 10),
        _ => return None,
    };
    Some(PixelLayout { chroma, bits })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Y4mHeader {
        Y4mHeader {
            width: 3,
            height: 2,
            frame_time: TimeBase { num: 1001, den: 30_000 },
            pixel_aspect: (4, 3),
            layout: PixelLayout { chroma: Chroma::C422, bits: 10 },
            full_range: true,
        }
    }

    #[test]
    fn what_is_written_is_read_and_every_truncation_is_noticed() {
        let mut stream = header().line().into_bytes();
        let bytes = header().layout.frame_bytes(3, 2);
        for fill in [1, 2] {
            write_frame(&mut stream, &vec![fill; bytes]).unwrap();
        }
        let mut frame = vec![0; bytes];
        let mut reader = Y4mReader::open(&stream[..]).unwrap();
        assert_eq!(*reader.header(), header());
        for fill in [1, 2] {
            assert!(reader.next(&mut frame).unwrap());
            assert_eq!(frame, vec![fill; bytes]);
        }
        assert!(!reader.next(&mut frame).unwrap());
        let whole = [header().line().len(), header().line().len() + 6 + bytes];
        for n in 0..stream.len() {
            let read = || -> Result<(), Y4mError> {
                let mut reader = Y4mReader::open(&stream[..n])?;
                while reader.next(&mut vec![0; bytes])? {}
                Ok(())
            };
            assert_eq!(read().is_ok(), whole.contains(&n), "{n} bytes");
        }
    }

    #[test]
    fn headers_that_are_none_are_refused() {
        let cases = [
            "",
            "YUV4MPEG W1 H1 F1:1",
            "YUV4MPEG2 H1 F1:1",
            "YUV4MPEG2 W0 H1 F1:1",
            "YUV4MPEG2 W1 H4294967295 F1:1",
            "YUV4MPEG2 W1 H1 F0:1",
            "YUV4MPEG2 W1 H1 F1:1 C411",
            "YUV4MPEG2 W1 H1 F1:1 A4",
            "YUV4MPEG2 W1 H1",
        ];
        for line in cases {
            assert!(Y4mHeader::parse(line).is_err(), "{line}");
        }
        assert!(Y4mHeader::parse("YUV4MPEG2 W1 H1 F25:1 Ip  C420jpeg XYSCSS=420JPEG").is_ok());
    }
}
