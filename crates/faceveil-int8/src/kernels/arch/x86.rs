//! A PC's processor: the widest instructions that it has.

use std::vec::Vec;

use super::{avx2, avx512};
use crate::kernels::frame::Frame;
use crate::kernels::{ConvShape, DepthShape, Layer, PointShape, Sum};

/// Calls a function of the caller's `Adder` in the form that fits both terms, unless a step might overflow 32 bits.
macro_rules! add {
    ($sum:expr, $function:ident($($value:expr),*)) => {{
        if !present() || !is_plain_sum($sum) {
            return false;
        }
        // SAFETY: the processor was asked.
        unsafe {
            let adder = Adder::new($sum);
            match (is_half(&$sum.a), is_half(&$sum.b)) {
                (true, true) => adder.$function::<true, true>($($value),*),
                (true, false) => adder.$function::<true, false>($($value),*),
                (false, true) => adder.$function::<false, true>($($value),*),
                (false, false) => adder.$function::<false, false>($($value),*),
            }
        }
        true
    }};
}
pub(super) use add;

/// From where a convolution over channels has its weights in the order that it wants.
pub(in crate::kernels) enum Room<'r> {
    /// From nowhere: here is room to put some in order.
    Scratch(&'r mut [i8]),
    /// All of them are in order: they are what [`Way::pack`] gave.
    Packed(&'r [i8]),
}

/// The kernels of one set of instructions: each says whether it did the work, so that a test sees which way was taken.
#[allow(clippy::type_complexity, reason = "the kernels' own signatures")]
pub(in crate::kernels) struct Way {
    pub name: &'static str,
    pub present: fn() -> bool,
    pub pack: fn(&Layer<'_>, usize) -> Option<Vec<i8>>,
    pub pointwise: fn(&PointShape, &[i8], &Layer<'_>, Room<'_>, &mut [i8]) -> bool,
    pub conv: fn(&ConvShape, &[i8], i8, &Layer<'_>, Room<'_>, &mut [i8]) -> bool,
    pub depthwise: fn(&DepthShape, &[i8], i8, &Layer<'_>, &mut [i8], &mut [i8]) -> bool,
    pub depthwise_in_place: fn(&DepthShape, &mut [i8], i8, &Layer<'_>, &mut [i8]) -> bool,
    pub first_layer: fn(&Frame<'_>, usize, &Layer<'_>, Room<'_>, &mut [i8]) -> bool,
    pub add_in_place: fn(&Sum, &[i8], &mut [i8]) -> bool,
    pub add_upsampled_in_place: fn(&Sum, [usize; 3], &[i8], &mut [i8]) -> bool,
}

pub(in crate::kernels) static WAYS: [Way; 2] = [
    Way {
        name: "AVX-512 VNNI",
        present: avx512::present,
        pack: avx512::pack,
        pointwise: avx512::pointwise,
        conv: avx512::conv,
        depthwise: avx512::depthwise,
        depthwise_in_place: avx512::depthwise_in_place,
        first_layer: avx512::first_layer,
        add_in_place: avx512::add_in_place,
        add_upsampled_in_place: avx512::add_upsampled_in_place,
    },
    Way {
        name: "AVX2",
        present: avx2::present,
        pack: avx2::pack,
        pointwise: avx2::pointwise,
        conv: avx2::conv,
        depthwise: avx2::depthwise,
        depthwise_in_place: avx2::depthwise_in_place,
        first_layer: avx2::first_layer,
        add_in_place: avx2::add_in_place,
        add_upsampled_in_place: avx2::add_upsampled_in_place,
    },
];

/// The first of [`WAYS`] that this processor has.
pub(in crate::kernels) fn name() -> &'static str {
    WAYS.iter().find(|way| (way.present)()).map_or("portable", |way| way.name)
}

/// The weights of a layer, laid out for one of [`WAYS`].
pub(in crate::kernels) struct Packed {
    way: &'static Way,
    bytes: Vec<i8>,
    /// Where in `bytes` they begin: at a line of the processor's memory.
    start: usize,
}

impl Packed {
    /// For the first of `ways` that the processor has and that takes this layer with sums of `depth` products.
    pub fn of(ways: &'static [Way], layer: &Layer<'_>, depth: usize) -> Option<Self> {
        let (way, packed) = ways.iter().find_map(|way| Some((way, (way.pack)(layer, depth)?)))?;
        let mut bytes = std::vec![0; packed.len() + LINE];
        let start = bytes.as_ptr().align_offset(LINE).min(LINE);
        bytes[start..start + packed.len()].copy_from_slice(&packed);
        bytes.truncate(start + packed.len());
        Some(Self { way, bytes, start })
    }

    fn room(&self) -> Room<'_> {
        Room::Packed(&self.bytes[self.start..])
    }

    pub fn pointwise(&self, shape: &PointShape, input: &[i8], layer: &Layer<'_>, out: &mut [i8]) -> bool {
        (self.way.pointwise)(shape, input, layer, self.room(), out)
    }

    pub fn conv(&self, shape: &ConvShape, input: &[i8], zero: i8, layer: &Layer<'_>, out: &mut [i8]) -> bool {
        (self.way.conv)(shape, input, zero, layer, self.room(), out)
    }

    pub fn first_layer(&self, frame: &Frame<'_>, block: usize, layer: &Layer<'_>, out: &mut [i8]) -> bool {
        (self.way.first_layer)(frame, block, layer, self.room(), out)
    }
}

/// [`Packed::of`] the fastest way.
pub(in crate::kernels) fn packed(layer: &Layer<'_>, depth: usize) -> Option<Packed> {
    Packed::of(&WAYS, layer, depth)
}

/// Bytes of a line of the processor's memory.
const LINE: usize = 64;

pub(in crate::kernels) fn pointwise(
    shape: &PointShape,
    input: &[i8],
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    WAYS.iter().any(|way| (way.pointwise)(shape, input, layer, Room::Scratch(&mut *scratch), out))
}

pub(in crate::kernels) fn conv(
    shape: &ConvShape,
    input: &[i8],
    zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    WAYS.iter().any(|way| (way.conv)(shape, input, zero, layer, Room::Scratch(&mut *scratch), out))
}

pub(in crate::kernels) fn depthwise(
    shape: &DepthShape,
    input: &[i8],
    zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    WAYS.iter().any(|way| (way.depthwise)(shape, input, zero, layer, scratch, out))
}

pub(in crate::kernels) fn depthwise_in_place(
    shape: &DepthShape,
    map: &mut [i8],
    zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
) -> bool {
    WAYS.iter().any(|way| (way.depthwise_in_place)(shape, map, zero, layer, scratch))
}

pub(in crate::kernels) fn first_layer(
    frame: &Frame<'_>,
    block: usize,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    WAYS.iter().any(|way| (way.first_layer)(frame, block, layer, Room::Scratch(&mut *scratch), out))
}

pub(in crate::kernels) fn add_in_place(sum: &Sum, a: &[i8], b: &mut [i8]) -> bool {
    WAYS.iter().any(|way| (way.add_in_place)(sum, a, b))
}

pub(in crate::kernels) fn add_upsampled_in_place(
    sum: &Sum,
    shape: [usize; 3],
    a: &[i8],
    b: &mut [i8],
) -> bool {
    WAYS.iter().any(|way| (way.add_upsampled_in_place)(sum, shape, a, b))
}
