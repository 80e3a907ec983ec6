//! The small parts of NUT: numbers of variable length, checksums, start codes.

use std::io::{self, Read};

/// What every file starts with.
pub(super) const FILE_ID: &[u8; 25] = b"nut/multimedia container\0";
pub(super) const MAIN: u64 = 0x4E4D_7A56_1F5F_04AD;
pub(super) const STREAM: u64 = 0x4E53_1140_5BF2_F9DB;
pub(super) const SYNCPOINT: u64 = 0x4E4B_E4AD_EECA_4569;
/// Every start code begins with this byte, which is never a frame's code.
pub(super) const START: u8 = b'N';

pub(super) const KEY: u64 = 1;
pub(super) const CODED_PTS: u64 = 8;
pub(super) const STREAM_ID: u64 = 16;
pub(super) const SIZE_MSB: u64 = 32;
pub(super) const CHECKSUM: u64 = 64;
pub(super) const RESERVED: u64 = 128;
pub(super) const HEADER_IDX: u64 = 1024;
pub(super) const MATCH_TIME: u64 = 2048;
pub(super) const CODED_FLAGS: u64 = 4096;
pub(super) const INVALID: u64 = 8192;

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = (i as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc << 1) ^ if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
}

const CRC: [u32; 256] = crc_table();

/// CRC-32 with the polynomial 0x04C11DB7, most significant bit first, starting from 0.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, byte| (crc << 8) ^ CRC[usize::from((crc >> 24) as u8 ^ byte)])
}

/// Appends `value` in groups of 7 bits, the highest first.
pub(super) fn put(value: u64, to: &mut Vec<u8>) {
    let groups = (64 - value.leading_zeros()).div_ceil(7).max(1);
    for group in (0..groups).rev() {
        let more = if group > 0 { 0x80 } else { 0 };
        to.push((value >> (7 * group)) as u8 & 0x7f | more);
    }
}

/// Appends a signed number.
pub(super) fn put_signed(value: i64, to: &mut Vec<u8>) {
    let magnitude = 2 * value.unsigned_abs();
    put(if value > 0 { magnitude - 1 } else { magnitude }, to);
}

/// Appends a packet: start code, size, body, checksums.
pub(super) fn put_packet(startcode: u64, body: &[u8], to: &mut Vec<u8>) {
    let start = to.len();
    to.extend(startcode.to_be_bytes());
    let size = body.len() as u64 + 4;
    put(size, to);
    if size > 4096 {
        let header = crc(&to[start..]);
        to.extend(header.to_be_bytes());
    }
    to.extend(body);
    to.extend(crc(body).to_be_bytes());
}

/// A number of variable length from a stream, and its bytes appended to `seen`. `None` if it has more than 64 bits.
pub(super) fn read_number(from: &mut impl Read, seen: &mut Vec<u8>) -> io::Result<Option<u64>> {
    let mut value: u64 = 0;
    loop {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        seen.extend(byte);
        if value >> 57 != 0 {
            return Ok(None);
        }
        value = value << 7 | u64::from(byte[0] & 0x7f);
        if byte[0] & 0x80 == 0 {
            return Ok(Some(value));
        }
    }
}

/// Reads a packet's body.
pub(super) struct Body<'a>(pub(super) &'a [u8]);

impl Body<'_> {
    pub(super) fn number(&mut self) -> Option<u64> {
        read_number(&mut self.0, &mut Vec::new()).ok().flatten()
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let value = i64::try_from(self.number()?).ok()?.checked_add(1)?;
        Some(if value & 1 == 1 { -(value >> 1) } else { value >> 1 })
    }

    /// A number that fits 32 bits.
    pub(super) fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    /// Bytes with their number before them.
    pub(super) fn bytes(&mut self) -> Option<Vec<u8>> {
        let count = self.number()?.try_into().ok()?;
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX >> 1, u64::MAX] {
            let mut bytes = Vec::new();
            put(value, &mut bytes);
            assert_eq!(Body(&bytes).number(), Some(value), "{bytes:?}");
        }
        for value in [0, 1, -1, 2, -2, 63, -64, 1 << 40, -(1 << 40)] {
            let mut bytes = Vec::new();
            put_signed(value, &mut bytes);
            assert_eq!(Body(&bytes).signed(), Some(value), "{bytes:?}");
        }
        assert_eq!(Body(&[0xff; 11]).number(), None);
        assert_eq!(Body(&[0x80]).number(), None);
    }

    #[test]
    fn the_checksum_is_the_known_one() {
        // The check value of CRC-32/CKSUM's polynomial without its final steps.
        assert_eq!(crc(b"123456789"), 0x89A1_897F);
        let mut with = b"123456789".to_vec();
        with.extend(crc(b"123456789").to_be_bytes());
        assert_eq!(crc(&with), 0, "a checksum after its bytes leaves nothing");
    }
}
