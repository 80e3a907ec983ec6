//! Reads raw frames and their times.

use std::io::{self, Read};

use super::super::TimeBase;
use super::wire::{
    Body, CHECKSUM, CODED_FLAGS, CODED_PTS, FILE_ID, HEADER_IDX, INVALID, MAIN, MATCH_TIME, RESERVED,
    SIZE_MSB, START, STREAM, STREAM_ID, SYNCPOINT, crc, read_number,
};
use super::{NutError, NutHeader};

/// No header that is needed here is longer, in bytes.
const LONGEST_HEADER: u64 = 1 << 16;
/// Bytes that a packet whose contents do not matter may have.
const LONGEST_SKIPPED: u64 = 1 << 28;

/// What the main header's table says of a frame code.
#[derive(Clone, Copy, Debug, Default)]
struct Code {
    flags: u64,
    stream: u64,
    size_mul: u64,
    size_lsb: u64,
    pts_delta: i64,
    reserved: u64,
}

/// Reads one stream of raw frames.
#[derive(Debug)]
pub struct NutReader<R> {
    from: R,
    header: NutHeader,
    codes: Box<[Code; 256]>,
    pts_shift: u32,
    last_pts: i64,
    seen: Vec<u8>,
}

/// What the main header says.
struct Main {
    time_base: TimeBase,
    codes: Box<[Code; 256]>,
}

impl<R: Read> NutReader<R> {
    /// Reads up to the end of the headers.
    ///
    /// # Errors
    /// [`NutError`] unless there is exactly one stream, of video.
    pub fn open(mut from: R) -> Result<Self, NutError> {
        let mut id = [0; FILE_ID.len()];
        match read_some(&mut from, &mut id)? {
            0 => return Err(NutError::NoHeader),
            n if n < id.len() || id != *FILE_ID => return Err(NutError::Malformed("it is no NUT")),
            _ => {}
        }
        let (code, body) = packet(&mut from, None)?;
        let main = main_header(&body).filter(|_| code == MAIN).ok_or(NutError::Malformed("main header"))?;
        let (code, body) = packet(&mut from, None)?;
        let stream = stream_header(&body).filter(|_| code == STREAM);
        let (fourcc, pts_shift, [width, height], pixel_aspect) =
            stream.ok_or(NutError::Malformed("stream header"))?;
        let header = NutHeader { width, height, pixel_aspect, time_base: main.time_base, fourcc };
        Ok(Self { from, header, codes: main.codes, pts_shift, last_pts: 0, seen: Vec::new() })
    }

    /// What the stream says of itself.
    pub fn header(&self) -> &NutHeader {
        &self.header
    }

    /// The next frame into `frame`, whose length is what each frame must have, and its time in ticks. `None` at
    /// the end.
    ///
    /// # Errors
    /// [`NutError`]; `frame` holds anything then.
    pub fn next(&mut self, frame: &mut [u8]) -> Result<Option<i64>, NutError> {
        loop {
            let mut byte = [0];
            if read_some(&mut self.from, &mut byte)? == 0 {
                return Ok(None);
            }
            if byte[0] != START {
                return self.frame(byte[0], frame).map(Some);
            }
            let (code, body) = packet(&mut self.from, Some(START))?;
            if code == SYNCPOINT {
                let pts = Body(&body).number().and_then(|pts| i64::try_from(pts).ok());
                self.last_pts = pts.ok_or(NutError::Malformed("sync point"))?;
            }
        }
    }

    fn frame(&mut self, byte: u8, frame: &mut [u8]) -> Result<i64, NutError> {
        self.seen.clear();
        self.seen.push(byte);
        let code = self.codes[usize::from(byte)];
        let mut flags = code.flags;
        if flags & INVALID != 0 {
            return Err(NutError::Malformed("frame code"));
        }
        if flags & CODED_FLAGS != 0 {
            flags ^= self.number()?;
        }
        if flags & (INVALID | MATCH_TIME | HEADER_IDX) != 0 {
            return Err(NutError::Malformed("frame flags"));
        }
        let stream = if flags & STREAM_ID != 0 { self.number()? } else { code.stream };
        if stream != 0 {
            return Err(NutError::Malformed("a frame of another stream"));
        }
        let pts = if flags & CODED_PTS != 0 {
            let coded = self.number()?;
            self.time(coded)
        } else {
            self.last_pts.checked_add(code.pts_delta)
        };
        let pts = pts.ok_or(NutError::Malformed("a frame's time"))?;
        let msb = if flags & SIZE_MSB != 0 { self.number()? } else { 0 };
        let size = msb.checked_mul(code.size_mul).and_then(|n| n.checked_add(code.size_lsb));
        let reserved = if flags & RESERVED != 0 { self.number()? } else { code.reserved };
        for _ in 0..reserved.min(LONGEST_HEADER) {
            self.number()?;
        }
        if flags & CHECKSUM != 0 {
            let mut sum = [0; 4];
            self.from.read_exact(&mut sum).map_err(|e| ended(e, "frame"))?;
            if crc(&self.seen) != u32::from_be_bytes(sum) {
                return Err(NutError::Malformed("a frame's checksum"));
            }
        }
        let (got, need) = (size.unwrap_or(u64::MAX), frame.len() as u64);
        if got != need {
            return Err(NutError::FrameBytes { got, need });
        }
        self.from.read_exact(frame).map_err(|e| ended(e, "frame"))?;
        self.last_pts = pts;
        Ok(pts)
    }

    fn number(&mut self) -> Result<u64, NutError> {
        let number = read_number(&mut self.from, &mut self.seen).map_err(|e| ended(e, "frame"))?;
        number.ok_or(NutError::Malformed("a number"))
    }

    /// The time that `coded` stands for: its lowest bits, or all of it.
    fn time(&self, coded: u64) -> Option<i64> {
        let coded = i64::try_from(coded).ok()?;
        let range = 1i64 << self.pts_shift;
        if coded >= range {
            return Some(coded - range);
        }
        let mask = range - 1;
        let delta = self.last_pts.checked_sub(mask / 2)?;
        Some((coded.wrapping_sub(delta) & mask) + delta)
    }
}

/// Fills `to` as far as there is something.
fn read_some(from: &mut impl Read, to: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < to.len() {
        match from.read(&mut to[done..]) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

fn ended(e: io::Error, what: &'static str) -> NutError {
    if e.kind() == io::ErrorKind::UnexpectedEof { NutError::Truncated(what) } else { NutError::Io(e) }
}

/// The next packet's start code and body; `first` is its first byte if that was read already. The body of a packet
/// that does not matter here is passed over and comes back empty.
fn packet(from: &mut impl Read, first: Option<u8>) -> Result<(u64, Vec<u8>), NutError> {
    let torn = |e| ended(e, "packet");
    let mut start = [first.unwrap_or(0); 8];
    from.read_exact(&mut start[usize::from(first.is_some())..]).map_err(torn)?;
    let code = u64::from_be_bytes(start);
    if start[0] != START {
        return Err(NutError::Malformed("a packet's start"));
    }
    let mut seen = start.to_vec();
    let size = read_number(from, &mut seen).map_err(torn)?.ok_or(NutError::Malformed("a packet's size"))?;
    if size > 4096 {
        let mut sum = [0; 4];
        from.read_exact(&mut sum).map_err(torn)?;
        if crc(&seen) != u32::from_be_bytes(sum) {
            return Err(NutError::Malformed("a packet's checksum"));
        }
    }
    let known = [MAIN, STREAM, SYNCPOINT].contains(&code);
    let limit = if known { LONGEST_HEADER } else { LONGEST_SKIPPED };
    if !(4..=limit).contains(&size) {
        return Err(NutError::Malformed("a packet's size"));
    }
    if !known {
        let skipped = io::copy(&mut from.take(size), &mut io::sink())?;
        return if skipped == size { Ok((code, Vec::new())) } else { Err(NutError::Truncated("packet")) };
    }
    let mut body = vec![0; size as usize];
    from.read_exact(&mut body).map_err(torn)?;
    if crc(&body) != 0 {
        return Err(NutError::Malformed("a packet's checksum"));
    }
    body.truncate(body.len() - 4);
    Ok((code, body))
}

fn main_header(body: &[u8]) -> Option<Main> {
    let mut body = Body(body);
    let (version, streams, _distance) = (body.number()?, body.number()?, body.number()?);
    if version != 3 || streams != 1 || body.number()? != 1 {
        return None;
    }
    let time_base = TimeBase::new(body.small()?, body.small()?)?;
    let codes = code_table(&mut body)?;
    // Headers that frames may leave out; no frame that is read here does.
    for _ in 0..body.number()?.min(LONGEST_HEADER) {
        body.bytes()?;
    }
    Some(Main { time_base, codes })
}

/// The table of frame codes, as runs of codes that differ in their size's lowest part only.
fn code_table(body: &mut Body<'_>) -> Option<Box<[Code; 256]>> {
    let mut codes = Box::new([Code { flags: INVALID, ..Code::default() }; 256]);
    let (mut pts_delta, mut size_mul, mut stream) = (0, 1, 0);
    let mut next = 0;
    while next < 256 {
        let (flags, fields) = (body.number()?, body.number()?);
        if fields > 64 {
            return None;
        }
        pts_delta = if fields > 0 { body.signed()? } else { pts_delta };
        size_mul = if fields > 1 { body.number()? } else { size_mul };
        stream = if fields > 2 { body.number()? } else { stream };
        let size = if fields > 3 { body.number()? } else { 0 };
        let reserved = if fields > 4 { body.number()? } else { 0 };
        let count = if fields > 5 { body.number()? } else { size_mul.checked_sub(size)? };
        if fields > 6 {
            body.signed()?;
        }
        let elided = if fields > 7 { body.number()? } else { 0 };
        for _ in 8..fields {
            body.number()?;
        }
        let flags = if elided == 0 { flags } else { flags | INVALID };
        if count == 0 || count > 256 {
            return None;
        }
        let mut done = 0;
        while done < count && next < 256 {
            if next != usize::from(START) {
                let size_lsb = size.checked_add(done)?;
                codes[next] = Code { flags, stream, size_mul, size_lsb, pts_delta, reserved };
                done += 1;
            }
            next += 1;
        }
    }
    Some(codes)
}

/// Four bytes of layout, bits of a short time, width and height, pixel aspect.
type Stream = ([u8; 4], u32, [u32; 2], (u32, u32));

fn stream_header(body: &[u8]) -> Option<Stream> {
    let mut body = Body(body);
    let (id, class) = (body.number()?, body.number()?);
    let fourcc = body.bytes()?.try_into().ok()?;
    let (time_base, pts_shift) = (body.number()?, body.small()?);
    if id != 0 || class != 0 || time_base != 0 || pts_shift >= 16 {
        return None;
    }
    let (_max_distance, _delay, _flags, _specific) =
        (body.number()?, body.number()?, body.number()?, body.bytes()?);
    let size = [body.small()?, body.small()?];
    let aspect = (body.small()?, body.small()?);
    size.iter().all(|&side| side > 0).then_some((fourcc, pts_shift, size, aspect))
}
