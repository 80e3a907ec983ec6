//! The file of a network, so laid out that it is run where it lies, in flash say.
//!
//! All numbers little-endian, all offsets in bytes from the file's beginning; the file itself lies at a multiple of 4.
//!
//! | words of 32 bits | what |
//! |---|---|
//! | 0 | `FVN8` |
//! | 1 | version, 1 (16 bits); number of steps (16) |
//! | 2 | length of the file, bytes, a multiple of 4 |
//! | 3 | number of tensors (16); number of outputs, 1 to 4 (16) |
//! | 4 | length of the arena, bytes |
//! | 5 | rows and columns of the input (16 each) |
//! | 6 | channels of the input (16), its zero point (8), 0 (8) |
//! | 7 | scale of the input, `f32` |
//! | 8, 9, 10 | threshold, certain, growth of a gate network, `f32`; else 0 |
//! | 11, 12 | tensors that are outputs (16 each) |
//! | 13, 14, 15 | 0 |
//! | 4 a tensor | rows, columns (16 each); channels (16), zero point (8), 0 (8); offset in the arena; scale, `f32` |
//! | 16 a step | see [`Kind`] |
//! | the rest | weights, biases, multipliers, shifts, tables, each at a multiple of 4 |
//!
//! # A step
//!
//! | word | what |
//! |---|---|
//! | 0 | [`Kind`], 0, rows and columns of the kernel (8 each) |
//! | 1 | stride, padding above, padding to the left, block (8 each) |
//! | 2 | tensors that are read (16 each); `0xFFFF` for none |
//! | 3 | tensor that is written (16); least and largest value (8 each) |
//! | 4, 5 | offset and length of its weights or its table; of a sum the multipliers of both terms |
//! | 6, 7, 8 | offsets of biases, multipliers (32 bits each) and shifts (8) of its channels; of a sum multiplier, then shifts of both terms and of the sum (8 each), 0 |
//! | 9, 10 | offset and length of its scratch in the arena |
//! | 11 to 15 | 0 |

/// The first four bytes.
pub const MAGIC: [u8; 4] = *b"FVN8";
/// The version that is written and read.
pub const VERSION: u16 = 1;
/// Words of the header.
pub const HEADER_WORDS: usize = 16;
/// Words a tensor.
pub const TENSOR_WORDS: usize = 4;
/// Words a step.
pub const STEP_WORDS: usize = 16;
/// In the place of a tensor that is not there.
pub const NONE: u16 = 0xFFFF;
/// Most outputs.
pub const MOST_OUTPUTS: usize = 4;
/// Largest arena, bytes.
pub const MOST_ARENA: usize = 1 << 28;
/// Most multiplications in all steps, so that nobody's time is taken by a made-up file.
pub const MOST_MACS: u64 = 1 << 34;

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// The input, unshuffled by `block`, into the arena.
    Load = 0,
    /// The input, unshuffled by `block`, through a pointwise convolution: it is in the arena nowhere.
    First = 1,
    /// Convolution 1 × 1 with step 1. Weights `[c_out][c_in]`. **Biases** of all but [`Kind::TransposedConv`] **hold
    /// the input's zero point**: less zero times the sum of the channel's weights.
    Pointwise = 2,
    /// Convolution. Weights `[c_out][rows][columns][c_in]`.
    Conv = 3,
    /// Convolution of each channel by itself. Weights `[rows · columns][c]`.
    Depthwise = 4,
    /// Transposed convolution 2 × 2 with step 2. Weights `[c_out][2][2][c_in]`, plain biases.
    TransposedConv = 5,
    /// Sum.
    Add = 6,
    /// Sum of the first tensor, each of whose places counts as a 2 × 2 square, and the second.
    AddUpsampled = 7,
    /// The largest of each 2 × 2 square.
    MaxPool = 8,
    /// Each place becomes a 2 × 2 square.
    Upsample = 9,
    /// The channels of both.
    Concat = 10,
    /// The values of both, one tensor after the other.
    Append = 11,
    /// Pixel-shuffle by `block`.
    Shuffle = 12,
    /// A table of 256 values.
    Lookup = 13,
    /// More channels, of the zero point.
    PadChannels = 14,
}

impl Kind {
    /// By number. Without the feature `all-steps` those that gate networks do not have are not known.
    pub fn of(number: u8) -> Option<Self> {
        const ALL: [Kind; 15] = [
            Kind::Load,
            Kind::First,
            Kind::Pointwise,
            Kind::Conv,
            Kind::Depthwise,
            Kind::TransposedConv,
            Kind::Add,
            Kind::AddUpsampled,
            Kind::MaxPool,
            Kind::Upsample,
            Kind::Concat,
            Kind::Append,
            Kind::Shuffle,
            Kind::Lookup,
            Kind::PadChannels,
        ];
        ALL.get(usize::from(number)).copied().filter(|kind| kind.is_built_in())
    }

    const fn is_built_in(self) -> bool {
        let of_gates = matches!(
            self,
            Self::First | Self::Pointwise | Self::Depthwise | Self::Add | Self::AddUpsampled | Self::Lookup
        );
        of_gates || cfg!(feature = "all-steps")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_their_numbers() {
        let mut known = 0;
        for number in 0..=255 {
            if let Some(kind) = Kind::of(number) {
                assert_eq!(kind as u8, number);
                known += 1;
            }
        }
        assert_eq!(known, if cfg!(feature = "all-steps") { 15 } else { 6 });
    }
}
