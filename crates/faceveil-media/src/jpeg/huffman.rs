//! Huffman codes and the bits they are read from, ITU-T T.81 annexes C and F.

/// Codes up to this length are looked up at once.
const FAST_BITS: u32 = 9;

/// A Huffman table, ready for decoding.
#[derive(Clone, Debug)]
pub(super) struct Huffman {
    /// By the next [`FAST_BITS`] bits: length << 8 | symbol, 0 for longer codes.
    fast: Vec<u16>,
    /// By length, the first code beyond that length's, left-aligned to 16 bits.
    limit: [u32; 17],
    /// By length, what to add to a code to get its symbol's index.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

impl Huffman {
    /// `counts[n - 1]` codes of length `n`, with these symbols in order; `None` if there are more
    /// codes than fit.
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut table = Self {
            fast: vec![0; 1 << FAST_BITS],
            limit: [0; 17],
            offset: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut index) = (0u32, 0usize);
        for length in 1..=16u32 {
            let count = u32::from(counts[length as usize - 1]);
            table.offset[length as usize] = index as i32 - code as i32;
            if code + count > 1 << length {
                return None;
            }
            for _ in 0..count {
                if length <= FAST_BITS {
                    let spare = FAST_BITS - length;
                    let entry = (length as u16) << 8 | u16::from(*symbols.get(index)?);
                    let from = (code << spare) as usize;
                    table.fast[from..from + (1 << spare)].fill(entry);
                }
                code += 1;
                index += 1;
            }
            table.limit[length as usize] = code << (16 - length);
            code <<= 1;
        }
        (index == symbols.len()).then_some(table)
    }
}

/// Bits of one restart interval. Beyond its end zeros are read, which [`Bits::overrun`] tells.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    buffer: u64,
    /// Valid bits, at the buffer's top.
    filled: u32,
    /// How many of the valid bits are made up, the last ones.
    invented: u32,
}

impl<'a> Bits<'a> {
    pub fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at, buffer: 0, filled: 0, invented: 0 }
    }

    /// Makes at least 32 bits available.
    #[inline]
    fn refill(&mut self) {
        if self.filled >= 32 {
            return;
        }
        if let Some(Ok(four)) = self.data.get(self.at..self.at + 4).map(<[u8; 4]>::try_from)
            && !four.contains(&0xFF)
        {
            self.buffer |= u64::from(u32::from_be_bytes(four)) << (32 - self.filled);
            self.filled += 32;
            self.at += 4;
            return;
        }
        while self.filled <= 56 {
            let byte = match (self.data.get(self.at), self.data.get(self.at + 1)) {
                (Some(0xFF), Some(0)) => {
                    self.at += 2;
                    0xFF
                }
                (Some(0xFF), _) | (None, _) => {
                    self.invented += 8;
                    0
                }
                (Some(&byte), _) => {
                    self.at += 1;
                    byte
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.filled);
            self.filled += 8;
        }
    }

    #[inline]
    fn drop(&mut self, bits: u32) {
        self.buffer <<= bits;
        self.filled -= bits;
    }

    /// The next symbol, or `None` for a code that is in no table.
    #[inline]
    pub fn symbol(&mut self, table: &Huffman) -> Option<u8> {
        self.refill();
        let entry = table.fast[(self.buffer >> (64 - FAST_BITS)) as usize];
        if entry != 0 {
            self.drop(u32::from(entry >> 8));
            return Some(entry as u8);
        }
        let code = (self.buffer >> 48) as u32;
        let length = (FAST_BITS + 1..=16).find(|&n| code < table.limit[n as usize])?;
        self.drop(length);
        let index = (code >> (16 - length)) as i32 + table.offset[length as usize];
        table.symbols.get(usize::try_from(index).ok()?).copied()
    }

    /// The next symbol with the bits that follow it, as many as its low four bits say.
    #[inline]
    pub fn coded(&mut self, table: &Huffman) -> Option<(u8, u32)> {
        let symbol = self.symbol(table)?;
        let size = u32::from(symbol & 15);
        // `symbol` left at least 16 bits; a shift by 64 - 0 must not be.
        let value = (self.buffer >> 1 >> (63 - size)) as u32;
        self.drop(size);
        Some((symbol, value))
    }

    /// Up to 16 bits as a number.
    #[inline]
    pub fn take(&mut self, bits: u32) -> u32 {
        if bits == 0 {
            return 0;
        }
        self.refill();
        let value = (self.buffer >> (64 - bits)) as u32;
        self.drop(bits);
        value
    }

    /// Whether more bits were taken than there are.
    #[inline]
    pub fn overrun(&self) -> bool {
        self.invented > self.filled
    }

    /// Where the first byte is that no bit was taken from.
    pub fn position(&self) -> usize {
        // Bytes in the buffer may have been two in the file, an FF with its stuffing.
        let mut whole = (self.filled.saturating_sub(self.invented)) / 8;
        let mut at = self.at;
        while whole > 0 && at > 0 {
            at -= if at >= 2 && self.data[at - 2..at] == [0xFF, 0] { 2 } else { 1 };
            whole -= 1;
        }
        at
    }
}
