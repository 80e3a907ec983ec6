//! The file of a trained gate network. All numbers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `FVNW` |
//! | u16 | version: 1, or 2 if the network looks more than once |
//! | u16 | side of the input, pixels |
//! | u8, u8 | block of the unshuffle; number of levels |
//! | f32, f32, f32 | threshold, above 0 and below 1; certain, at least that; growth, pixels of the frame, 0 to 8 |
//! | version 2: u8 | number of further looks, 1 to 7 |
//! | version 2, a further look: u16, u8 | side of its frame, pixels; 1 if mirrored, else 0 |
//! | a level: u16, u8, u8, u8 | channels, blocks, expansion inside, expansion on the way in |
//! | u32 | number of weights, which follows from the above |
//! | f32 each | weights and biases in the order of the graph's nodes, batch norms folded |

use faceveil_net::family::Level;
use faceveil_net::{GateConfig, Graph, GraphError, plan};

const MAGIC: &[u8; 4] = b"FVNW";
/// Version of a file whose network looks once, and of one whose network looks more often.
const VERSIONS: [u16; 2] = [1, 2];
/// Largest side, so that a view stays small.
const LARGEST_SIDE: u16 = 1024;
const MOST_LEVELS: u8 = 8;
const MOST_CHANNELS: u16 = 1024;
const MOST_BLOCKS: u8 = 16;
const MOST_GROWTH: f32 = 8.0;
const MOST_FURTHER: u8 = 7;

/// A trained gate network: what it is, its weights, and from where on a square counts.
#[derive(Clone, Debug, PartialEq)]
pub struct GateWeights {
    /// Architecture; its name is not in the file.
    pub config: GateConfig,
    /// The value, after the sigmoid, from which a square is hidden.
    pub threshold: f32,
    /// The value that a connected part of such squares must reach somewhere; else it is no face.
    pub certain: f32,
    /// Places no farther than this from a hidden one are hidden too; pixels of the network's frame.
    pub growth: f32,
    /// Looks at the same picture after the one at [`GateConfig::side`]; see [`Look`].
    pub further: Vec<Look>,
    /// Weights and biases in the order of the graph's nodes.
    pub values: Vec<f32>,
}

/// A look at the whole picture. A network that looks more than once says, for each pixel, the mean of its looks' log-odds:
/// what it takes for a face by chance it seldom takes for one twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Side of the frame, pixels.
    pub side: usize,
    /// Whether left and right are exchanged.
    pub mirrored: bool,
}

/// Why a file is no gate network.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// It starts with something else.
    #[error("the file does not start with FVNW")]
    Magic,
    /// Another version.
    #[error("the file has version {got}, this program knows 1 and 2")]
    Version {
        /// The file's.
        got: u16,
    },
    /// The file ends early, or goes on.
    #[error("the file is {got} bytes, its header promises {need}")]
    Length {
        /// Bytes needed, as far as is known.
        need: u64,
        /// Bytes there.
        got: u64,
    },
    /// A number out of range.
    #[error("{what} is {got}")]
    Number {
        /// Which number.
        what: &'static str,
        /// Its value.
        got: f64,
    },
    /// The architecture cannot be built.
    #[error("the architecture cannot be built")]
    Graph(#[from] GraphError),
    /// A file in 8-bit integers is damaged.
    #[error(transparent)]
    Model(#[from] faceveil_int8::ModelError),
    /// A network in 8-bit integers that does something else.
    #[error("the network does not make a mask of a picture")]
    NoMask,
}

/// Reads numbers from the front.
struct Reader<'b> {
    rest: &'b [u8],
    whole: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], GateError> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            let need = (self.whole - self.rest.len() + N) as u64;
            return Err(GateError::Length { need, got: self.whole as u64 });
        };
        self.rest = rest;
        Ok(*head)
    }

    fn u8(&mut self) -> Result<u8, GateError> {
        Ok(self.take::<1>()?[0])
    }

    fn u16(&mut self) -> Result<u16, GateError> {
        Ok(u16::from_le_bytes(self.take()?))
    }

    fn f32(&mut self) -> Result<f32, GateError> {
        Ok(f32::from_le_bytes(self.take()?))
    }

    /// The looks after the first, at least one.
    fn looks(&mut self) -> Result<Vec<Look>, GateError> {
        let number = within("the number of further looks", self.u8()?, 1, MOST_FURTHER)?;
        let look = |_| {
            let side = within("a look's side", self.u16()?, 8, LARGEST_SIDE)?.into();
            Ok(Look { side, mirrored: within("whether a look is mirrored", self.u8()?, 0, 1)? == 1 })
        };
        (0..number).map(look).collect()
    }
}

fn within<N: PartialOrd + Copy + Into<f64>>(
    what: &'static str,
    got: N,
    low: N,
    high: N,
) -> Result<N, GateError> {
    if got >= low && got <= high { Ok(got) } else { Err(GateError::Number { what, got: got.into() }) }
}

impl GateWeights {
    /// Reads a file; never panics, and allocates no more than the file is long.
    ///
    /// # Errors
    /// [`GateError`] if it is not such a file, whole and within its limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, GateError> {
        let mut reader = Reader { rest: bytes, whole: bytes.len() };
        if reader.take::<4>()? != *MAGIC {
            return Err(GateError::Magic);
        }
        let version = reader.u16()?;
        if !VERSIONS.contains(&version) {
            return Err(GateError::Version { got: version });
        }
        let side = within("the side", reader.u16()?, 8, LARGEST_SIDE)?;
        let block = within("the block", reader.u8()?, 1, 16)?;
        let levels = within("the number of levels", reader.u8()?, 1, MOST_LEVELS)?;
        let threshold = within("the threshold", reader.f32()?, f32::MIN_POSITIVE, 1.0 - f32::EPSILON)?;
        let certain = within("the certainty", reader.f32()?, threshold, 1.0 - f32::EPSILON)?;
        let growth = within("the growth", reader.f32()?, 0.0, MOST_GROWTH)?;
        let further = if version == VERSIONS[1] { reader.looks()? } else { Vec::new() };
        let level = |_| {
            Ok(Level {
                channels: within("a level's channels", reader.u16()?, 1, MOST_CHANNELS)?.into(),
                blocks: within("a level's blocks", reader.u8()?, 0, MOST_BLOCKS)?.into(),
                expand: within("a level's expansion", reader.u8()?, 1, 8)?.into(),
                enter: within("a level's way in", reader.u8()?, 1, 8)?.into(),
            })
        };
        let levels = (0..levels).map(level).collect::<Result<Vec<_>, GateError>>()?;
        let count = u32::from_le_bytes(reader.take()?);
        let config = GateConfig { name: "gate".into(), side: side.into(), block: block.into(), levels };
        let need = plan(&config.graph()?).parameters;
        if u64::from(count) != need as u64 {
            return Err(GateError::Number { what: "the number of weights", got: count.into() });
        }
        if reader.rest.len() as u64 != 4 * u64::from(count) {
            let need = (bytes.len() - reader.rest.len()) as u64 + 4 * u64::from(count);
            return Err(GateError::Length { need, got: bytes.len() as u64 });
        }
        let values: Vec<f32> =
            reader.rest.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        if let Some(&got) = values.iter().find(|v| !v.is_finite()) {
            return Err(GateError::Number { what: "a weight", got: got.into() });
        }
        let weights = Self { config, threshold, certain, growth, further, values };
        weights.further_graphs()?;
        Ok(weights)
    }

    /// The file.
    ///
    /// # Errors
    /// [`GateError`] if [`Self::parse`] would not take it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, GateError> {
        let config = &self.config;
        let mut bytes = MAGIC.to_vec();
        let short = |what, n: usize| u16::try_from(n).map_err(|_| GateError::Number { what, got: n as f64 });
        let byte = |what, n: usize| u8::try_from(n).map_err(|_| GateError::Number { what, got: n as f64 });
        bytes.extend(VERSIONS[usize::from(!self.further.is_empty())].to_le_bytes());
        bytes.extend(short("the side", config.side)?.to_le_bytes());
        bytes.extend([byte("the block", config.block)?, byte("the number of levels", config.levels.len())?]);
        bytes.extend(self.threshold.to_le_bytes());
        bytes.extend(self.certain.to_le_bytes());
        bytes.extend(self.growth.to_le_bytes());
        if !self.further.is_empty() {
            bytes.push(byte("the number of further looks", self.further.len())?);
        }
        for look in &self.further {
            bytes.extend(short("a look's side", look.side)?.to_le_bytes());
            bytes.push(u8::from(look.mirrored));
        }
        for level in &config.levels {
            bytes.extend(short("a level's channels", level.channels)?.to_le_bytes());
            bytes.push(byte("a level's blocks", level.blocks)?);
            bytes.push(byte("a level's expansion", level.expand)?);
            bytes.push(byte("a level's way in", level.enter)?);
        }
        bytes.extend((self.values.len() as u32).to_le_bytes());
        bytes.extend(self.values.iter().flat_map(|v| v.to_le_bytes()));
        Self::parse(&bytes)?;
        Ok(bytes)
    }

    /// The network's operations.
    ///
    /// # Errors
    /// [`GateError::Graph`] if the architecture cannot be built.
    pub fn graph(&self) -> Result<Graph, GateError> {
        Ok(self.config.graph()?)
    }

    /// The same operations in the frame of each further look.
    ///
    /// # Errors
    /// [`GateError::Graph`] if one does not go through the network.
    pub fn further_graphs(&self) -> Result<Vec<Graph>, GateError> {
        let graph = self.graph()?;
        self.further.iter().map(|look| Ok(graph.resized(look.side, look.side)?)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn small() -> GateWeights {
        let level = Level { channels: 4, blocks: 1, expand: 2, enter: 2 };
        let config = GateConfig { name: "gate".into(), side: 16, block: 4, levels: vec![level, level] };
        let count = plan(&config.graph().unwrap()).parameters;
        let values = (0..count).map(|i| i as f32 / 100.0 - 1.0).collect();
        GateWeights { config, threshold: 0.4, certain: 0.6, growth: 1.5, further: Vec::new(), values }
    }

    fn twice() -> GateWeights {
        GateWeights { further: vec![Look { side: 32, mirrored: true }], ..small() }
    }

    #[test]
    fn a_file_comes_back_and_its_beginnings_do_not() {
        for (weights, version) in [(small(), 1), (twice(), 2)] {
            let bytes = weights.to_bytes().unwrap();
            assert_eq!(bytes[4], version);
            assert_eq!(GateWeights::parse(&bytes), Ok(weights));
            for n in 0..bytes.len() {
                assert!(GateWeights::parse(&bytes[..n]).is_err(), "{n} bytes");
            }
            let longer = [bytes.as_slice(), &[0]].concat();
            assert!(matches!(GateWeights::parse(&longer), Err(GateError::Length { .. })));
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let good = small().to_bytes().unwrap();
        for (at, value, want) in [
            (0, b"X".as_slice(), "does not start"),
            (4, &[9, 0], "version 9"),
            (6, &[0, 0], "the side is 0"),
            (6, &[17, 0], "cannot be built"),
            (9, &[0], "the number of levels is 0"),
            (10, &f32::NAN.to_le_bytes(), "the threshold is NaN"),
            (14, &0.3f32.to_le_bytes(), "the certainty is 0.3"),
            (18, &9f32.to_le_bytes(), "the growth is 9"),
            (22, &[0, 0], "a level's channels is 0"),
            (good.len() - 4, &f32::INFINITY.to_le_bytes(), "a weight is inf"),
        ] {
            let mut bytes = good.clone();
            bytes[at..at + value.len()].copy_from_slice(value);
            let refusal = GateWeights::parse(&bytes).unwrap_err().to_string();
            assert!(refusal.contains(want), "{at}: {refusal}");
        }
        let good = twice().to_bytes().unwrap();
        for (at, value, want) in [
            (22, [0, 32], "the number of further looks is 0"),
            (22, [8, 32], "the number of further looks is 8"),
            (23, [4, 0], "a look's side is 4"),
            (23, [30, 0], "cannot be built"),
            (24, [0, 2], "whether a look is mirrored is 2"),
        ] {
            let mut bytes = good.clone();
            bytes[at..at + 2].copy_from_slice(&value);
            let refusal = GateWeights::parse(&bytes).unwrap_err().to_string();
            assert!(refusal.contains(want), "{at}: {refusal}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), whole: bool, more: bool) {
            if whole && bytes.len() >= 6 {
                bytes[..6].copy_from_slice(b"FVNW\x01\x00");
                bytes[4] += u8::from(more);
            }
            let _ = GateWeights::parse(&bytes);
        }
    }
}
