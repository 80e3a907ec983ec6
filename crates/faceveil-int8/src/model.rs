//! Reading a network's file: everything is checked here, once, so that a run has nothing left to refuse.

use core::fmt;
use core::ops::Range;

use crate::format::{
    HEADER_WORDS, MAGIC, MOST_ARENA, MOST_MACS, MOST_OUTPUTS, NONE, STEP_WORDS, TENSOR_WORDS, VERSION,
};
use crate::step::Step;

/// A network, borrowed from its file.
#[derive(Clone, Copy, Debug)]
pub struct Model<'b> {
    bytes: &'b [u8],
    header: &'b [u32; HEADER_WORDS],
    tensors: &'b [[u32; TENSOR_WORDS]],
    steps: &'b [[u32; STEP_WORDS]],
    macs: u64,
}

/// A value of the network: `(q - zero) * scale`, rows, columns and channels, somewhere in the arena.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tensor {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values a place.
    pub channels: usize,
    /// What 0 is.
    pub zero: i8,
    /// What a step of one is.
    pub scale: f32,
    /// First byte in the arena.
    pub offset: usize,
}

/// From where on a square of a gate network's mask counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Value from which a square is hidden.
    pub threshold: f32,
    /// Value that a connected part must reach somewhere.
    pub certain: f32,
    /// Places no farther than this from a hidden one are hidden too; pixels of the network's frame.
    pub growth: f32,
}

/// Why a file is no network.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ModelError {
    /// It does not lie at a multiple of 4, or its length is none.
    Alignment,
    /// It starts with something else.
    Magic,
    /// Another version.
    Version {
        /// The file's.
        got: u16,
    },
    /// The file ends early, or goes on.
    Length {
        /// Bytes that it must have.
        need: u64,
        /// Bytes there.
        got: u64,
    },
    /// A number of the header is out of range.
    Number {
        /// Which number.
        what: &'static str,
        /// Its value.
        got: u64,
    },
    /// A step cannot be done.
    Step {
        /// Which step.
        step: usize,
        /// What is wrong with it.
        what: &'static str,
        /// The number that is wrong.
        got: u64,
    },
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Alignment => {
                f.write_str("the network does not lie at, or is not as long as, a multiple of 4 bytes")
            }
            Self::Magic => f.write_str("the file does not start with FVN8"),
            Self::Version { got } => {
                write!(f, "the network has version {got}, this program knows {VERSION}")
            }
            Self::Length { need, got } => write!(f, "the network is {got} bytes, its header promises {need}"),
            Self::Number { what, got } => write!(f, "{what} is {got}"),
            Self::Step { step, what, got } => write!(f, "step {step}: {what} is {got}"),
        }
    }
}

impl core::error::Error for ModelError {}

impl Tensor {
    fn of(words: &[u32; TENSOR_WORDS]) -> Self {
        let [height, width] = halves(words[0]);
        let [channels, zero] = halves(words[1]);
        Self {
            height: height.into(),
            width: width.into(),
            channels: channels.into(),
            zero: zero as u8 as i8,
            scale: f32::from_bits(words[3]),
            offset: words[2] as usize,
        }
    }

    /// Rows times columns.
    pub const fn places(&self) -> usize {
        self.height.saturating_mul(self.width)
    }

    /// Values in all; at most 2²⁸ in a file that was checked.
    pub const fn len(&self) -> usize {
        self.places().saturating_mul(self.channels)
    }

    /// Whether there is no value.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes in the arena.
    pub const fn range(&self) -> Range<usize> {
        self.offset..self.offset.saturating_add(self.len())
    }

    /// Rows, columns, channels.
    pub const fn shape(&self) -> [usize; 3] {
        [self.height, self.width, self.channels]
    }

    /// The value of `q`.
    pub fn value(&self, q: i8) -> f32 {
        (f32::from(q) - f32::from(self.zero)) * self.scale
    }
}

/// The lower 16 bits, the upper 16 bits.
pub(crate) fn halves(word: u32) -> [u16; 2] {
    [word as u16, (word >> 16) as u16]
}

impl<'b> Model<'b> {
    /// Reads a file that lies at a multiple of 4 (`include_bytes!` alone does not see to that; [`Aligned`] does).
    /// Never panics, copies nothing.
    ///
    /// # Errors
    /// [`ModelError`] if it is not such a file, whole, and such that every step can be done within the arena.
    pub fn parse(bytes: &'b [u8]) -> Result<Self, ModelError> {
        let start = bytes.first_chunk::<8>().ok_or(length(4 * HEADER_WORDS, bytes))?;
        if start[..4] != MAGIC {
            return Err(ModelError::Magic);
        }
        let version = u16::from_le_bytes([start[4], start[5]]);
        if version != VERSION {
            return Err(ModelError::Version { got: version });
        }
        let words: &[u32] = bytemuck::try_cast_slice(bytes).map_err(|_| ModelError::Alignment)?;
        let (header, rest) =
            words.split_first_chunk::<HEADER_WORDS>().ok_or(length(4 * HEADER_WORDS, bytes))?;
        if header[2] as usize != bytes.len() {
            return Err(length(header[2] as usize, bytes));
        }
        let [tensors, outputs] = halves(header[3]).map(usize::from);
        let steps = usize::from(halves(header[1])[1]);
        within("the number of tensors", tensors as u64, 1, u64::from(NONE))?;
        within("the number of outputs", outputs as u64, 1, MOST_OUTPUTS as u64)?;
        within("the number of steps", steps as u64, 1, u64::from(NONE))?;
        let tables = tensors * TENSOR_WORDS + steps * STEP_WORDS;
        let (tables, _) = rest.split_at_checked(tables).ok_or(length(4 * (HEADER_WORDS + tables), bytes))?;
        let (tensors, steps) = tables.split_at(tensors * TENSOR_WORDS);
        // Their lengths are multiples by construction.
        let tensors = bytemuck::try_cast_slice(tensors).unwrap_or_default();
        let steps = bytemuck::try_cast_slice(steps).unwrap_or_default();
        let mut model = Self { bytes, header, tensors, steps, macs: 0 };
        model.check_header()?;
        model.macs = model.check_steps()?;
        Ok(model)
    }

    fn check_header(&self) -> Result<(), ModelError> {
        within("the length of the arena", self.header[4].into(), 1, MOST_ARENA as u64)?;
        let input = self.input();
        check_tensor(&input)?;
        for (what, word) in [("the threshold", 8), ("the certainty", 9), ("the growth", 10)] {
            if !(0.0..=64.0).contains(&f32::from_bits(self.header[word])) {
                return Err(ModelError::Number { what, got: self.header[word].into() });
            }
        }
        for words in self.tensors {
            let tensor = Tensor::of(words);
            check_tensor(&tensor)?;
            let end = tensor.offset as u64 + tensor.len() as u64;
            within("the end of a tensor in the arena", end, 1, self.header[4].into())?;
        }
        for n in 0..self.outputs() {
            let index = self.output_index(n);
            if self.tensor(index).is_none() {
                return Err(ModelError::Number { what: "an output", got: index.into() });
            }
        }
        Ok(())
    }

    /// Gives the multiplications of all steps.
    fn check_steps(&self) -> Result<u64, ModelError> {
        let (mut macs, mut work) = (0u64, 0u64);
        for n in 0..self.steps.len() {
            let step = self.step(n)?;
            let of_step = step.check(self, n)?;
            macs = macs.saturating_add(of_step);
            // Steps without weights take time, too: a look at each value.
            work = work.saturating_add(of_step.max(step.touched()));
        }
        within("the work of all steps", work, 0, MOST_MACS)?;
        Ok(macs)
    }

    /// Bytes that [`Self::run`] needs.
    pub fn arena_len(&self) -> usize {
        self.header[4] as usize
    }

    /// Multiplications with addition, of the convolutions, a run.
    pub fn macs(&self) -> u64 {
        self.macs
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// Shape, scale and zero point of the input; it has no place in the arena.
    pub fn input(&self) -> Tensor {
        Tensor::of(&[self.header[5], self.header[6], 0, self.header[7]])
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        halves(self.header[3])[1].into()
    }

    fn output_index(&self, n: usize) -> u16 {
        self.header.get(11 + n / 2).map_or(NONE, |word| halves(*word)[n % 2])
    }

    /// The output `n`.
    pub fn output(&self, n: usize) -> Option<Tensor> {
        if n < self.outputs() { self.tensor(self.output_index(n)) } else { None }
    }

    /// From where on a square of the mask counts; `None` for a network that gives none.
    pub fn point(&self) -> Option<Point> {
        let [threshold, certain, growth] = [8, 9, 10].map(|word: usize| f32::from_bits(self.header[word]));
        (threshold > 0.0).then_some(Point { threshold, certain, growth })
    }

    /// The network's input from values of `0.0..=1.0`, say: `round(value / scale) + zero`, ties away from zero.
    pub fn quantize_input(&self, value: f32) -> i8 {
        let input = self.input();
        let steps = value / input.scale;
        // A cast saturates, and makes 0 of what is no number.
        let rounded = (steps + if steps < 0.0 { -0.5 } else { 0.5 }) as i32;
        rounded.saturating_add(input.zero.into()).clamp(-128, 127) as i8
    }

    /// The file.
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    pub(crate) fn tensor(&self, index: u16) -> Option<Tensor> {
        self.tensors.get(usize::from(index)).map(Tensor::of)
    }

    pub(crate) fn step(&self, n: usize) -> Result<Step<'b>, ModelError> {
        let words = self.steps.get(n).ok_or(ModelError::Number { what: "a step", got: n as u64 })?;
        Step::read(self, n, words)
    }
}

/// Longest side, and most channels.
const MOST_SIDE: u64 = 1 << 14;

fn check_tensor(tensor: &Tensor) -> Result<(), ModelError> {
    for (what, side) in
        [("a tensor's rows", tensor.height), ("columns", tensor.width), ("channels", tensor.channels)]
    {
        within(what, side as u64, 1, MOST_SIDE)?;
    }
    let len = tensor.height as u64 * tensor.width as u64 * tensor.channels as u64;
    within("a tensor's values", len, 1, MOST_ARENA as u64)?;
    if tensor.scale > 0.0 && tensor.scale.is_finite() {
        Ok(())
    } else {
        Err(ModelError::Number { what: "a scale, as bits,", got: tensor.scale.to_bits().into() })
    }
}

fn within(what: &'static str, got: u64, least: u64, most: u64) -> Result<(), ModelError> {
    if least <= got && got <= most { Ok(()) } else { Err(ModelError::Number { what, got }) }
}

fn length(need: usize, bytes: &[u8]) -> ModelError {
    ModelError::Length { need: need as u64, got: bytes.len() as u64 }
}

/// Puts bytes at a multiple of 16: `static NET: &Aligned<[u8]> = &Aligned(*include_bytes!("net.fv8"));`
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct Aligned<T: ?Sized>(
    /// The bytes.
    pub T,
);

/// A file in memory, at a multiple of 4.
#[cfg(any(feature = "std", test))]
#[derive(Clone, Debug)]
pub struct FileBytes {
    words: std::vec::Vec<u32>,
    len: usize,
}

#[cfg(any(feature = "std", test))]
impl FileBytes {
    /// Copies `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        let word = |chunk: &[u8]| {
            let mut four = [0; 4];
            four.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            u32::from_le_bytes(four)
        };
        Self { words: bytes.chunks(4).map(word).collect(), len: bytes.len() }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.words).get(..self.len).unwrap_or_default()
    }
}
