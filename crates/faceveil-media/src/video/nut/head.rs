//! Where the headers of a stream of encoded frames end, as far as they must agree for streams to be put one after the
//! other.

use super::wire::{Body, FILE_ID, MAIN, STREAM};

/// Splits the start of a file after its main and its stream header. `None` if it does not begin with them.
pub fn encoded_head(start: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = start.strip_prefix(FILE_ID.as_slice())?;
    for code in [MAIN, STREAM] {
        let packet = rest.strip_prefix(code.to_be_bytes().as_slice())?;
        let mut body = Body(packet);
        let size = body.number()?;
        let checksum = if size > 4096 { 4 } else { 0 };
        rest = body.0.get(usize::try_from(size.checked_add(checksum)?).ok()?..)?;
    }
    Some(start.split_at(start.len() - rest.len()))
}

#[cfg(test)]
mod tests {
    use super::super::super::TimeBase;
    use super::super::{NutHeader, NutWriter};
    use super::*;

    #[test]
    fn the_head_is_all_before_the_first_frame_and_every_truncation_is_seen() {
        let time_base = TimeBase { num: 1, den: 25 };
        let header = NutHeader { width: 3, height: 2, pixel_aspect: (1, 1), time_base, fourcc: *b"Y800" };
        let writer = NutWriter::open(Vec::new(), &header).unwrap();
        let head = writer.finish().unwrap();
        let mut writer = NutWriter::open(Vec::new(), &header).unwrap();
        writer.write(5, &[1; 6]).unwrap();
        let stream = writer.finish().unwrap();
        assert_eq!(encoded_head(&stream), Some(stream.split_at(head.len())));
        for n in 0..head.len() {
            assert_eq!(encoded_head(&stream[..n]), None, "{n} bytes");
        }
    }
}
