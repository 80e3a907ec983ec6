//! The fast kernels against the portable ones on random values and many shapes, then what each costs: instructions a
//! multiplication for the shapes of our networks. Ends with 1 if one bit differs.
#![no_std]
#![no_main]

use faceveil_firmware::{count, host, random::Random};
use faceveil_int8::kernels::{self, portable};
use kernels::{
    ConvShape, DepthShape, Frame, KernelError, Layer, PixelFormat, PointShape, Requant, Sum, Term,
};

const MAP: usize = 64 * 1024;
const WEIGHTS: usize = 160 * 1024;
const CHANNELS: usize = 256;

/// Everything that the tests need, by hand: there is no allocator.
struct Memory {
    input: [i8; MAP],
    want: [i8; MAP],
    got: [i8; MAP],
    scratch: [i8; 48 * 1024],
    constants: Constants,
}

/// Of a layer.
struct Constants {
    weights: [i8; WEIGHTS],
    bias: [i32; CHANNELS],
    multiplier: [i32; CHANNELS],
    shift: [i8; CHANNELS],
}

impl Constants {
    /// With the full range of 8 bits, or bounds.
    fn layer(&self, weights: usize, channels: usize, zero: i8, full: bool) -> Layer<'_> {
        let (min, max) = if full { (-128, 127) } else { (-101, 99) };
        let (multiplier, shift) = (&self.multiplier[..channels], &self.shift[..channels]);
        let requant = Requant { multiplier, shift, out_zero: zero, min, max };
        Layer { weights: &self.weights[..weights], bias: &self.bias[..channels], requant }
    }
}

static mut MEMORY: Memory = Memory {
    input: [0; MAP],
    want: [0; MAP],
    got: [0; MAP],
    scratch: [0; 48 * 1024],
    constants: Constants {
        weights: [0; WEIGHTS],
        bias: [0; CHANNELS],
        multiplier: [0; CHANNELS],
        shift: [0; CHANNELS],
    },
};

/// What was asked for and what came out, with the cost.
struct Case<'m> {
    memory: &'m mut Memory,
    random: Random,
    differences: u32,
}

impl Case<'_> {
    fn fill(&mut self, weights: usize, depth: usize, channels: usize) {
        let (random, memory) = (&mut self.random, &mut *self.memory);
        random.fill(&mut memory.input);
        let constants = &mut memory.constants;
        random.fill(&mut constants.weights[..weights]);
        constants.weights[..weights].iter_mut().for_each(|w| *w = (*w).max(-127));
        // So that most sums fill the 8 bits.
        let typical = 6 + (usize::BITS - depth.leading_zeros()) as i8 / 2;
        for channel in 0..channels {
            constants.bias[channel] = random.below(1 << 14) as i32 - (1 << 13);
            constants.multiplier[channel] = (1 << 30) + random.below(1 << 30) as i32;
            constants.shift[channel] = typical - 1 + random.below(4) as i8;
        }
        if channels > 0 {
            // A channel without a second rounding; its multiplier is small, so that not all saturates.
            (constants.multiplier[0], constants.shift[0]) = ((1 << 23) + random.below(1 << 23) as i32, 0);
        }
    }

    fn compare(&mut self, len: usize, what: core::fmt::Arguments<'_>) {
        let (want, got) = (&self.memory.want[..len], &self.memory.got[..len]);
        if let Some(at) = want.iter().zip(got).position(|(w, g)| w != g) {
            host::print(format_args!("{what}: value {at} is {}, should be {}\n", got[at], want[at]));
            self.differences += 1;
        }
        if len > 64 && want.iter().all(|v| *v == want[0]) {
            host::print(format_args!("{what}: all values alike, the test tells nothing\n"));
            self.differences += 1;
        }
    }
}

/// Runs, and gives instructions.
fn measured(run: impl FnOnce() -> Result<(), KernelError>) -> u64 {
    let before = count::instructions();
    let result = run();
    let after = count::instructions();
    if let Err(error) = result {
        host::print(format_args!("refused: {error}\n"));
        host::exit(1);
    }
    after - before
}

fn cost(name: &str, what: core::fmt::Arguments<'_>, instructions: u64, macs: usize) {
    let hundredths = instructions * 1000 / macs as u64;
    let (whole, rest) = (hundredths / 1000, hundredths % 1000);
    host::print(format_args!(
        "{name:<10} {what:<24} {macs:>8} MAC {instructions:>9} instructions {whole}.{rest:03} a MAC\n"
    ));
}

fn point(case: &mut Case<'_>, [places, c_in, c_out]: [usize; 3], tell: bool) {
    let shape = PointShape { places, c_in, c_out };
    case.fill(c_in * c_out, c_in, c_out);
    let mut random = Random(case.random.word());
    let Memory { input, want, got, scratch, constants } = &mut *case.memory;
    let layer = constants.layer(c_in * c_out, c_out, random.word() as i8, tell || places % 2 == 0);
    let input = &input[..places * c_in];
    portable::pointwise(&shape, input, &layer, &mut want[..places * c_out]);
    let scratch = &mut scratch[1..1 + kernels::pointwise_scratch(&shape)];
    let spent = measured(|| kernels::pointwise(&shape, input, &layer, scratch, &mut got[..places * c_out]));
    if tell {
        cost("pointwise", format_args!("{c_in}→{c_out} on {places}"), spent, places * c_in * c_out);
    }
    case.compare(places * c_out, format_args!("{shape:?}"));
}

fn full(case: &mut Case<'_>, shape: ConvShape, tell: bool) {
    let weights = shape.depth() * shape.c_out;
    case.fill(weights, shape.depth(), shape.c_out);
    let mut random = Random(case.random.word());
    let Memory { input, want, got, scratch, constants } = &mut *case.memory;
    let layer = constants.layer(weights, shape.c_out, random.word() as i8, tell);
    let (len, zero) = (shape.out_h * shape.out_w * shape.c_out, random.word() as i8);
    let input = &input[..shape.h * shape.w * shape.c_in];
    portable::conv(&shape, input, zero, &layer, &mut want[..len]);
    let scratch = &mut scratch[..kernels::conv_scratch(&shape)];
    let spent = measured(|| kernels::conv(&shape, input, zero, &layer, scratch, &mut got[..len]));
    if tell {
        let what =
            format_args!("{}×{} {}→{} @{}", shape.kernel_h, shape.kernel_w, shape.c_in, shape.c_out, shape.w);
        cost("conv", what, spent, len * shape.depth());
    }
    case.compare(len, format_args!("{shape:?}"));
}

fn depth(case: &mut Case<'_>, shape: DepthShape, tell: bool) {
    let taps = shape.kernel * shape.kernel;
    case.fill(taps * shape.c, taps, shape.c);
    let mut random = Random(case.random.word());
    let Memory { input, want, got, scratch, constants } = &mut *case.memory;
    let layer = constants.layer(taps * shape.c, shape.c, random.word() as i8, tell || shape.w % 2 == 0);
    let (len, zero) = (shape.out_h * shape.out_w * shape.c, random.word() as i8);
    let input = &input[..shape.h * shape.w * shape.c];
    portable::depthwise(&shape, input, zero, &layer, &mut want[..len]);
    let scratch = &mut scratch[2..2 + kernels::depthwise_scratch(&shape)];
    let spent = measured(|| kernels::depthwise(&shape, input, zero, &layer, scratch, &mut got[..len]));
    if tell {
        cost("depthwise", format_args!("step {} {} @{}", shape.stride, shape.c, shape.w), spent, len * taps);
    }
    let in_place = shape.stride == 1 && shape.kernel == 3;
    if in_place {
        // What came out before is wrong, or else as wanted: one comparison below is enough for both.
        let same = got[..len] == want[..len];
        got[..len].copy_from_slice(input);
        measured(|| kernels::depthwise_in_place(&shape, &mut got[..len], zero, &layer, scratch));
        if !same {
            host::print(format_args!("not in place: {shape:?}\n"));
            case.differences += 1;
        }
    }
    case.compare(len, format_args!("{shape:?}"));
}

fn random_sum(random: &mut Random) -> Sum {
    let mut term = |shift: i8| Term {
        zero: random.word() as i8,
        multiplier: (1 << 30) + random.below(1 << 30) as i32,
        shift,
    };
    let (a, b) = (term(0), term(1));
    let multiplier = (1 << 30) + random.below(1 << 30) as i32;
    Sum { a, b, multiplier, shift: 18, out_zero: random.word() as i8, min: -128, max: 127 }
}

fn sums(case: &mut Case<'_>, [h, w, c]: [usize; 3], tell: bool) {
    let len = h * w * c;
    case.fill(0, 1, 0);
    let mut random = Random(case.random.word());
    let mut sum = random_sum(&mut random);
    if !tell {
        (sum.min, sum.max) = (-90, 101);
    }
    let (a, b) = case.memory.input.split_at(len);
    let (want, got) = (&mut case.memory.want[..len], &mut case.memory.got[..len]);
    want.copy_from_slice(&b[..len]);
    got.copy_from_slice(&b[..len]);
    portable::add_in_place(&sum, a, want);
    let spent = measured(|| kernels::add_in_place(&sum, a, got));
    if tell {
        cost("add", format_args!("{h}×{w}×{c} (a value)"), spent, len);
    }
    case.compare(len, format_args!("add {h}×{w}×{c}"));
    let (small, big) = case.memory.input.split_at(len / 4);
    let small_shape = [h / 2, w / 2, c];
    let (want, got) = (&mut case.memory.want[..len], &mut case.memory.got[..len]);
    want.copy_from_slice(&big[..len]);
    got.copy_from_slice(&big[..len]);
    portable::add_upsampled_in_place(&sum, small_shape, small, want);
    let spent = measured(|| kernels::add_upsampled_in_place(&sum, small_shape, small, got));
    if tell {
        cost("add up", format_args!("{h}×{w}×{c} (a value)"), spent, len);
    }
    case.compare(len, format_args!("add upsampled {h}×{w}×{c}"));
}

fn first(case: &mut Case<'_>, format: PixelFormat, side: usize, tell: bool) {
    let (depth, channels) = (48, 16);
    case.fill(depth * channels, depth, channels);
    let mut random = Random(case.random.word());
    let Memory { input, want, got, scratch, constants } = &mut *case.memory;
    let layer = constants.layer(depth * channels, channels, random.word() as i8, true);
    // SAFETY: bytes are bytes.
    let bytes = unsafe { core::slice::from_raw_parts(input.as_ptr().cast(), side * side * format.bytes()) };
    let frame = Frame { format, width: side, height: side, bytes };
    let len = side / 4 * (side / 4) * channels;
    portable::first_layer(&frame, 4, &layer, &mut want[..len]);
    let scratch = &mut scratch[..kernels::first_layer_scratch(4, channels)];
    let spent = measured(|| kernels::first_layer(&frame, 4, &layer, scratch, &mut got[..len]));
    if tell {
        cost("first", format_args!("{format:?} {side}²"), spent, len * depth);
    }
    case.compare(len, format_args!("first layer {format:?} {side}"));
}

const fn same(side: usize, c_in: usize, c_out: usize) -> ConvShape {
    ConvShape {
        h: side,
        w: side,
        c_in,
        out_h: side,
        out_w: side,
        c_out,
        kernel_h: 3,
        kernel_w: 3,
        stride: 1,
        pad_top: 1,
        pad_left: 1,
    }
}

fn tests(case: &mut Case<'_>) {
    for shape in [
        [1, 1, 1],
        [3, 5, 7],
        [8, 16, 4],
        [9, 17, 9],
        [13, 48, 16],
        [16, 16, 33],
        [7, 23, 12],
        [10, 40, 80],
        [5, 120, 40],
        [6, 64, 192],
        [6, 192, 64],
        [33, 16, 1],
        [5, 260, 3],
        [3, 1100, 6],
        [31, 28, 5],
    ] {
        point(case, shape, false);
    }
    for shape in [
        same(5, 3, 4),
        same(4, 16, 16),
        same(1, 2, 3),
        ConvShape { out_h: 4, out_w: 4, stride: 2, ..same(8, 5, 6) },
    ] {
        full(case, shape, false);
    }
    for (h, w, c) in [
        (1, 1, 1),
        (1, 1, 4),
        (2, 2, 4),
        (4, 4, 64),
        (5, 7, 9),
        (5, 7, 8),
        (8, 8, 40),
        (16, 16, 48),
        (3, 33, 20),
        (6, 3, 16),
        (9, 6, 24),
        (12, 10, 12),
    ] {
        depth(case, DepthShape::same(h, w, c, 1), false);
        depth(case, DepthShape::same(h, w, c, 2), false);
        depth(case, DepthShape { pad_top: 0, pad_left: 0, ..DepthShape::same(h, w, c, 2) }, false);
    }
    for shape in [[2, 2, 1], [16, 16, 24], [8, 6, 5], [32, 32, 16]] {
        sums(case, shape, false);
    }
    for format in [PixelFormat::Rgb888, PixelFormat::Rgb565, PixelFormat::Yuv422] {
        first(case, format, 20, false);
    }
}

fn costs(case: &mut Case<'_>) {
    for shape in [
        [1024, 48, 16],
        [1024, 16, 16],
        [1024, 16, 32],
        [256, 32, 24],
        [256, 24, 48],
        [256, 48, 24],
        [256, 24, 72],
        [64, 72, 40],
        [64, 40, 80],
        [64, 80, 40],
        [64, 40, 120],
        [16, 120, 64],
        [16, 64, 64],
        [16, 64, 40],
        [1024, 16, 1],
        // Those that other kernels' costs are known of.
        [256, 64, 64],
        [4096, 8, 16],
        // `gate-96`.
        [576, 48, 16],
        [576, 16, 16],
        [576, 16, 32],
        [144, 32, 16],
        [144, 16, 32],
        [144, 16, 48],
        [144, 16, 16],
        [36, 48, 24],
        [36, 24, 48],
        [36, 24, 24],
        [36, 24, 16],
        [9, 48, 40],
        [9, 40, 40],
        [9, 40, 24],
        [576, 16, 1],
    ] {
        point(case, shape, true);
    }
    full(case, same(16, 128, 128), true);
    for (side, c, stride) in [
        (32, 16, 1),
        (32, 32, 1),
        (32, 32, 2),
        (16, 24, 1),
        (16, 48, 1),
        (16, 72, 2),
        (8, 80, 1),
        (8, 120, 2),
        (4, 64, 1),
        // `gate-96`.
        (24, 16, 1),
        (24, 32, 2),
        (12, 16, 1),
        (12, 32, 1),
        (12, 48, 2),
        (6, 24, 1),
        (6, 48, 1),
        (6, 48, 2),
        (3, 40, 1),
    ] {
        depth(case, DepthShape::same(side, side, c, stride), true);
    }
    for shape in [[32, 32, 16], [16, 16, 24], [8, 8, 40], [4, 4, 64]] {
        sums(case, shape, true);
    }
    for format in [PixelFormat::Rgb888, PixelFormat::Rgb565, PixelFormat::Yuv422] {
        first(case, format, 128, true);
    }
}

/// Called when everything is set up.
#[unsafe(no_mangle)]
extern "C" fn program() -> i32 {
    // SAFETY: the only reference, and this runs once.
    let memory = unsafe { &mut *core::ptr::addr_of_mut!(MEMORY) };
    let mut case = Case { memory, random: Random(7), differences: 0 };
    tests(&mut case);
    costs(&mut case);
    if case.differences > 0 {
        host::print(format_args!("{} differences\n", case.differences));
        return 1;
    }
    host::print(format_args!("kernels are equal\n"));
    0
}
