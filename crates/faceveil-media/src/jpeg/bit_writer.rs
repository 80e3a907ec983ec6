//! Bits into the data of a scan, ITU-T T.81 annexes C, F and K.2.

/// Most significant bit first; a zero byte follows each `FF`.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    buffer: u64,
    filled: u32,
}

impl BitWriter {
    /// Goes on behind these bytes.
    pub fn after(bytes: Vec<u8>) -> Self {
        Self { bytes, buffer: 0, filled: 0 }
    }

    /// The lowest `bits` bits of `value`, at most 32, the others being 0.
    #[inline]
    pub fn put(&mut self, value: u32, bits: u32) {
        self.buffer = self.buffer << bits | u64::from(value);
        self.filled += bits;
        if self.filled < 32 {
            return;
        }
        self.filled -= 32;
        let four = ((self.buffer >> self.filled) as u32).to_be_bytes();
        if four.contains(&0xFF) {
            self.stuff(&four);
        } else {
            self.bytes.extend_from_slice(&four);
        }
    }

    fn stuff(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.bytes.push(byte);
            if byte == 0xFF {
                self.bytes.push(0);
            }
        }
    }

    /// The bytes, the last one filled up with ones.
    pub fn finish(mut self) -> Vec<u8> {
        let spare = (8 - self.filled % 8) % 8;
        let last = (self.buffer << spare | ((1 << spare) - 1)) << (32 - self.filled - spare);
        self.stuff(&(last as u32).to_be_bytes()[..((self.filled + spare) / 8) as usize]);
        self.bytes
    }
}

/// A value's bits and their number, T.81 table F.1.
#[inline]
pub(super) fn magnitude(value: i32) -> (u32, u32) {
    let size = 32 - value.unsigned_abs().leading_zeros();
    let bits = if value < 0 { value - 1 } else { value } as u32 & ((1 << size) - 1);
    (bits, size)
}

/// Appends a segment with its marker and length.
pub(super) fn segment(file: &mut Vec<u8>, code: u8, data: &[u8]) {
    file.extend([0xFF, code]);
    file.extend((data.len() as u16 + 2).to_be_bytes());
    file.extend_from_slice(data);
}

/// The shortest code for symbols of these frequencies.
#[derive(Debug)]
pub(super) struct Code {
    /// Codes of each length from 1 to 16, and the symbols in order: what a DHT segment holds.
    pub counts: [u8; 16],
    pub symbols: Vec<u8>,
    /// By symbol: code, length.
    codes: [(u32, u32); 256],
}

impl Code {
    /// T.81 figures K.1 to K.4. One code, of all ones, stays unused as the standard demands.
    pub fn new(frequencies: &[u32; 256]) -> Self {
        let lengths = limited(&lengths(frequencies));
        let mut order: Vec<u8> = (0..=255).filter(|&s| frequencies[usize::from(s)] > 0).collect();
        // Stable: frequent symbols first, so that they get the short codes of the limited lengths.
        order.sort_by_key(|&s| std::cmp::Reverse(frequencies[usize::from(s)]));
        let mut codes = [(0, 0); 256];
        let (mut code, mut next) = (0u32, 0);
        for (i, &count) in lengths.iter().enumerate() {
            for _ in 0..count {
                codes[usize::from(order[next])] = (code, i as u32 + 1);
                code += 1;
                next += 1;
            }
            code <<= 1;
        }
        Self { counts: lengths, symbols: order, codes }
    }

    #[inline]
    pub fn put(&self, out: &mut BitWriter, symbol: u8, bits: u32, size: u32) {
        let (code, length) = self.codes[usize::from(symbol)];
        debug_assert!(length > 0, "symbol {symbol:#04x} was not counted");
        out.put(code << size | bits, length + size);
    }
}

/// How many symbols have codes of each length, by Huffman's algorithm with one more symbol that
/// takes the longest code (figure K.1).
fn lengths(frequencies: &[u32; 256]) -> [u32; 257] {
    let mut weights: Vec<(u64, Vec<u16>)> = vec![(0, vec![256])];
    let used = frequencies.iter().enumerate().filter(|(_, n)| **n > 0);
    weights.extend(used.map(|(s, &n)| (u64::from(n), vec![s as u16])));
    let mut depth = [0u32; 257];
    while weights.len() > 1 {
        weights.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let (Some(a), Some(b)) = (weights.pop(), weights.pop()) else { break };
        let members = [a.1, b.1].concat();
        members.iter().for_each(|&s| depth[usize::from(s)] += 1);
        weights.push((a.0 + b.0, members));
    }
    let mut counts = [0; 257];
    depth.iter().filter(|&&d| d > 0).for_each(|&d| counts[d as usize] += 1);
    counts
}

/// The same with no length over 16, and without the additional symbol (figure K.3).
fn limited(counts: &[u32; 257]) -> [u8; 16] {
    let mut counts = *counts;
    for i in (17..257).rev() {
        while counts[i] > 0 {
            let j = (1..i - 1).rev().find(|&j| counts[j] > 0).unwrap_or(1);
            counts[i] -= 2;
            counts[i - 1] += 1;
            counts[j + 1] += 2;
            counts[j] -= 1;
        }
    }
    if let Some(longest) = (1..17).rev().find(|&i| counts[i] > 0) {
        counts[longest] -= 1;
    }
    std::array::from_fn(|i| counts[i + 1] as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::huffman::{Bits, Huffman};

    #[test]
    fn magnitudes_of_the_standard() {
        for (value, want) in [
            (0, (0, 0)),
            (1, (1, 1)),
            (-1, (0, 1)),
            (3, (3, 2)),
            (-3, (0, 2)),
            (-2, (1, 2)),
            (-1023, (0, 10)),
        ] {
            assert_eq!(magnitude(value), want, "{value}");
        }
    }

    /// From one symbol alone to frequencies that ask for codes of far more than 16 bits.
    #[test]
    fn codes_are_read_back() {
        let fibonacci = |n: usize| (0..n).fold((1u32, 1u32), |(a, b), _| (b, a.saturating_add(b))).0;
        for used in [1, 2, 3, 17, 40, 256] {
            let frequencies = std::array::from_fn(|s| if s < used { fibonacci(s) } else { 0 });
            let code = Code::new(&frequencies);
            assert_eq!(code.counts.iter().map(|&n| usize::from(n)).sum::<usize>(), used);
            let table = Huffman::new(&code.counts, &code.symbols).unwrap();
            let mut out = BitWriter::default();
            (0..used).for_each(|s| code.put(&mut out, s as u8, 1, 1));
            let bytes = out.finish();
            let mut bits = Bits::new(&bytes, 0);
            for s in 0..used {
                assert_eq!((bits.symbol(&table), bits.take(1)), (Some(s as u8), 1), "{s} of {used}");
            }
        }
    }
}
