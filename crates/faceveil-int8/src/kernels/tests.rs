//! The kernels against plain loops that index, and every fast form against the portable one.

use super::*;

#[cfg(target_arch = "x86_64")]
mod ways;

/// SplitMix64: the same numbers on every machine.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.word() % end
    }

    fn values(&mut self, len: usize) -> Vec<i8> {
        (0..len).map(|_| self.word() as i8).collect()
    }
}

/// The constants of a layer, owned.
struct Owned {
    weights: Vec<i8>,
    bias: Vec<i32>,
    multiplier: Vec<i32>,
    shift: Vec<i8>,
    zero: i8,
    min: i8,
    max: i8,
}

impl Owned {
    /// Scales under which most sums of `depth` products stay within 8 bits.
    fn random(random: &mut Random, weights: usize, depth: usize, channels: usize, full: bool) -> Self {
        let typical = 7.0 + (depth as f64).log2() / 2.0 - 0.5;
        let (zero, rectified) = (random.word() as i8, !full && random.below(2) == 0);
        let zero = if rectified { zero.min(20) } else { zero };
        let least = if rectified { zero } else { -100 };
        let mut owned = Self {
            weights: random.values(weights).into_iter().map(|w| w.max(-127)).collect(),
            bias: (0..channels).map(|_| random.below(1 << 14) as i32 - (1 << 13)).collect(),
            multiplier: (0..channels).map(|_| (1 << 30) + random.below(1 << 30) as i32).collect(),
            shift: (0..channels).map(|_| typical as i8 - 1 + random.below(4) as i8).collect(),
            zero,
            min: if full { -128 } else { least },
            max: if full { 127 } else { 90 },
        };
        // A channel without a second rounding; its multiplier is small, so that not all saturates.
        (owned.multiplier[0], owned.shift[0]) = ((1 << 23) + random.below(1 << 23) as i32, 0);
        owned
    }

    fn layer(&self) -> Layer<'_> {
        let (multiplier, shift) = (&self.multiplier, &self.shift);
        let requant = Requant { multiplier, shift, out_zero: self.zero, min: self.min, max: self.max };
        Layer { weights: &self.weights, bias: &self.bias, requant }
    }

    fn finish(&self, sum: i32, channel: usize) -> i8 {
        let value = by_definition(sum, self.multiplier[channel], self.shift[channel]) + i64::from(self.zero);
        value.clamp(self.min.into(), self.max.into()) as i8
    }
}

/// Both roundings written with whole numbers of 128 bits.
fn by_definition(sum: i32, multiplier: i32, shift: i8) -> i64 {
    let left = (-i32::from(shift)).max(0);
    let product = (i128::from(sum) << left) * i128::from(multiplier);
    let first = (2 * product + (1 << 31)).div_euclid(1 << 32);
    let divisor = 1i128 << shift.max(0);
    // Half of the divisor away from zero, then cut towards zero.
    ((2 * first + first.signum() * divisor) / (2 * divisor)) as i64
}

fn first_difference(got: &[i8], want: &[i8], case: &str) {
    let at = got.iter().zip(want).position(|(g, w)| g != w);
    if let Some(at) = at {
        panic!("{case}: value {at} is {}, should be {}", got[at], want[at]);
    }
    assert_eq!(got.len(), want.len(), "{case}");
}

#[test]
fn requantizing_rounds_as_the_definition_does() {
    let mut random = Random(1);
    for _ in 0..20_000 {
        let (sum, shift) = ((random.word() as i32) >> random.below(31), random.below(26) as i8 - 3);
        let sum = if shift < 0 { sum >> 4 } else { sum };
        let multiplier = (1 << 30) + random.below(1 << 30) as i32;
        let want = by_definition(sum, multiplier, shift).clamp(-128, 127) as i8;
        assert_eq!(requantize(sum, multiplier, shift, 0), want, "{sum} {multiplier} {shift}");
    }
    // Ties of both steps: up, and away from zero.
    for (sum, shift, want) in [(1, 0, 1), (-1, 0, 0), (3, 0, 2), (-3, 0, -1), (6, 1, 2), (-6, 1, -2)] {
        assert_eq!(requantize(sum, 1 << 30, shift, 0), want, "{sum} {shift}");
    }
    assert_eq!(requantize(i32::MAX, i32::MAX, 0, 100), 127);
    assert_eq!(requantize(i32::MIN, i32::MAX, 0, -100), -128);
}

/// Places, channels in and out: tails of every vector width, and the shapes that our networks use.
const POINTS: [[usize; 3]; 23] = [
    [1, 1, 1],
    [3, 5, 7],
    [8, 16, 4],
    [9, 17, 9],
    [13, 48, 16],
    [16, 16, 33],
    [16, 24, 48],
    [7, 23, 12],
    [10, 40, 80],
    [5, 120, 40],
    [6, 64, 192],
    [6, 192, 64],
    [1, 16, 1],
    [33, 16, 1],
    [5, 260, 3],
    [3, 300, 5],
    [3, 1100, 6],
    [5, 3, 300],
    // One channel of many places, and places beyond a number of sixty-four.
    [64, 16, 1],
    [150, 32, 1],
    [70, 24, 1],
    // A last group of eight channels, alone and beside others.
    [21, 12, 8],
    [19, 20, 56],
];

#[test]
fn pointwise_is_the_sum_of_products() {
    let mut random = Random(2);
    for [places, c_in, c_out] in POINTS {
        for full in [true, false] {
            let shape = PointShape { places, c_in, c_out };
            let x = random.values(places * c_in);
            let owned = Owned::random(&mut random, c_in * c_out, c_in, c_out, full);
            let want: Vec<i8> = (0..places * c_out)
                .map(|i| {
                    let (p, o) = (i / c_out, i % c_out);
                    let products = (0..c_in)
                        .map(|k| i32::from(x[p * c_in + k]) * i32::from(owned.weights[o * c_in + k]));
                    owned.finish(owned.bias[o] + products.sum::<i32>(), o)
                })
                .collect();
            let mut scratch = vec![77; pointwise_scratch(&shape)];
            let mut got = vec![0; places * c_out];
            pointwise(&shape, &x, &owned.layer(), &mut scratch, &mut got).unwrap();
            first_difference(&got, &want, &format!("{shape:?}"));
            portable::pointwise(&shape, &x, &owned.layer(), &mut got);
            first_difference(&got, &want, &format!("portable {shape:?}"));
            assert!(places * c_out < 8 || want.iter().any(|v| *v != want[0]), "{shape:?}: all alike");
        }
    }
}

fn conv_shapes() -> Vec<ConvShape> {
    let same = |side: usize, c_in, c_out, kernel: usize| {
        let pad = kernel / 2;
        let (h, w) = (side, side + 1);
        let (out_h, out_w, stride) = (h, w, 1);
        let (kernel_h, kernel_w, pad_top, pad_left) = (kernel, kernel, pad, pad);
        ConvShape { h, w, c_in, out_h, out_w, c_out, kernel_h, kernel_w, stride, pad_top, pad_left }
    };
    let halved = ConvShape { h: 8, w: 6, out_h: 4, out_w: 3, stride: 2, ..same(8, 5, 6, 3) };
    // TFLite's SAME for even sides: the padding is below and behind only.
    let behind = ConvShape { pad_top: 0, pad_left: 0, ..halved };
    let flat = ConvShape { kernel_h: 1, pad_top: 0, ..same(5, 4, 4, 3) };
    // Rows of windows that are longer than a register, and windows that are wider than the picture.
    let long = [same(9, 24, 40, 3), same(1, 40, 17, 5)];
    let short = [same(5, 3, 4, 3), same(4, 16, 16, 3), same(1, 2, 3, 3), same(6, 7, 5, 5)];
    [&short[..], &long, &[halved, behind, flat]].concat()
}

#[test]
fn conv_is_the_sum_of_products() {
    let mut random = Random(3);
    for shape in conv_shapes() {
        let ConvShape { h, w, c_in, out_h, out_w, c_out, .. } = shape;
        let x = random.values(h * w * c_in);
        let owned = Owned::random(&mut random, shape.depth() * c_out, shape.depth(), c_out, true);
        let in_zero = random.word() as i8;
        let mut want = vec![0; out_h * out_w * c_out];
        for (i, want) in want.iter_mut().enumerate() {
            let (y, x_out, o) = (i / c_out / out_w, i / c_out % out_w, i % c_out);
            let mut sum = owned.bias[o];
            for ky in 0..shape.kernel_h {
                for kx in 0..shape.kernel_w {
                    let row = (y * shape.stride + ky) as isize - shape.pad_top as isize;
                    let column = (x_out * shape.stride + kx) as isize - shape.pad_left as isize;
                    let inside = (0..h as isize).contains(&row) && (0..w as isize).contains(&column);
                    for c in 0..c_in {
                        let value =
                            if inside { x[(row as usize * w + column as usize) * c_in + c] } else { in_zero };
                        let weight =
                            owned.weights[((o * shape.kernel_h + ky) * shape.kernel_w + kx) * c_in + c];
                        sum += i32::from(value) * i32::from(weight);
                    }
                }
            }
            *want = owned.finish(sum, o);
        }
        let mut scratch = vec![77; conv_scratch(&shape)];
        let mut got = vec![0; want.len()];
        conv(&shape, &x, in_zero, &owned.layer(), &mut scratch, &mut got).unwrap();
        first_difference(&got, &want, &format!("{shape:?}"));
        portable::conv(&shape, &x, in_zero, &owned.layer(), &mut got);
        first_difference(&got, &want, &format!("portable {shape:?}"));
    }
}

fn depth_shapes() -> Vec<DepthShape> {
    let behind = DepthShape { pad_top: 0, pad_left: 0, ..DepthShape::same(8, 8, 12, 2) };
    let large = DepthShape { kernel: 5, pad_top: 2, pad_left: 2, ..DepthShape::same(6, 7, 5, 1) };
    let far = DepthShape::same(10, 7, 24, 3);
    // Step 1 with padding on one side only, and with none.
    let askew = DepthShape { pad_top: 2, pad_left: 0, ..DepthShape::same(5, 6, 20, 1) };
    let inside = DepthShape { out_h: 3, out_w: 5, pad_top: 0, pad_left: 0, ..DepthShape::same(5, 7, 16, 1) };
    let mut shapes = vec![behind, large, far, askew, inside];
    let (small, big) =
        ([(1, 1, 1), (2, 2, 4), (5, 7, 9), (3, 33, 17)], [(4, 4, 64), (8, 8, 40), (16, 16, 48)]);
    for (h, w, c) in small.into_iter().chain(big).chain([(3, 4, 150)]) {
        shapes.push(DepthShape::same(h, w, c, 1));
        shapes.push(DepthShape::same(h, w, c, 2));
    }
    shapes
}

#[test]
fn depthwise_is_the_sum_of_products_also_in_place() {
    let mut random = Random(4);
    for shape in depth_shapes() {
        let DepthShape { h, w, c, out_h, out_w, kernel, stride, .. } = shape;
        let x = random.values(h * w * c);
        let owned = Owned::random(&mut random, kernel * kernel * c, kernel * kernel, c, c % 2 == 0);
        let in_zero = random.word() as i8;
        let mut want = vec![0; out_h * out_w * c];
        for (i, want) in want.iter_mut().enumerate() {
            let (y, x_out, channel) = (i / c / out_w, i / c % out_w, i % c);
            let mut sum = owned.bias[channel];
            for tap in 0..kernel * kernel {
                let row = (y * stride + tap / kernel) as isize - shape.pad_top as isize;
                let column = (x_out * stride + tap % kernel) as isize - shape.pad_left as isize;
                let inside = (0..h as isize).contains(&row) && (0..w as isize).contains(&column);
                let value =
                    if inside { x[(row as usize * w + column as usize) * c + channel] } else { in_zero };
                sum += i32::from(value) * i32::from(owned.weights[tap * c + channel]);
            }
            *want = owned.finish(sum, channel);
        }
        let mut scratch = vec![77; depthwise_scratch(&shape)];
        let mut got = vec![0; want.len()];
        depthwise(&shape, &x, in_zero, &owned.layer(), &mut scratch, &mut got).unwrap();
        first_difference(&got, &want, &format!("{shape:?}"));
        portable::depthwise(&shape, &x, in_zero, &owned.layer(), &mut got);
        first_difference(&got, &want, &format!("portable {shape:?}"));
        let mut map = x.clone();
        let in_place = depthwise_in_place(&shape, &mut map, in_zero, &owned.layer(), &mut scratch);
        if shape == DepthShape::same(h, w, c, 1) {
            in_place.unwrap();
            first_difference(&map, &want, &format!("in place {shape:?}"));
            map.copy_from_slice(&x);
            portable::depthwise_in_place(&shape, &mut map, in_zero, &owned.layer(), &mut scratch);
            first_difference(&map, &want, &format!("portable in place {shape:?}"));
        } else {
            assert!(in_place.is_err() && map == x, "{shape:?}");
        }
    }
}

#[test]
fn transposed_conv_puts_each_tap_in_its_place() {
    let mut random = Random(5);
    let (h, w, c_in, c_out) = (3, 4, 5, 6);
    let shape = PointShape { places: h * w, c_in, c_out };
    let x = random.values(h * w * c_in);
    let owned = Owned::random(&mut random, 4 * c_in * c_out, c_in, c_out, true);
    let zero = -7;
    let mut got = vec![0; 4 * h * w * c_out];
    transposed_conv2x2((h, w), &shape, &x, zero, &owned.layer(), &mut got).unwrap();
    for (i, got) in got.iter().enumerate() {
        let (y, x_out, o) = (i / c_out / (2 * w), i / c_out % (2 * w), i % c_out);
        let tap = y % 2 * 2 + x_out % 2;
        let product = |c: usize| {
            let value = i32::from(x[(y / 2 * w + x_out / 2) * c_in + c]) - i32::from(zero);
            value * i32::from(owned.weights[(o * 4 + tap) * c_in + c])
        };
        let want = owned.finish(owned.bias[o] + (0..c_in).map(product).sum::<i32>(), o);
        assert_eq!(*got, want, "value {i}");
    }
}

fn random_sum(random: &mut Random) -> Sum {
    let mut term = || Term {
        zero: random.word() as i8,
        multiplier: (1 << 30) + random.below(1 << 30) as i32,
        shift: random.below(3) as i8,
    };
    let (a, b) = (term(), term());
    let multiplier = (1 << 30) + random.below(1 << 30) as i32;
    let (min, max) = if random.below(2) == 0 { (-128, 127) } else { (-90, 99) };
    Sum { a, b, multiplier, shift: 18 + random.below(3) as i8, out_zero: random.word() as i8, min, max }
}

#[test]
fn sums_follow_tflite() {
    let mut random = Random(6);
    for len in [1, 15, 256, 4099] {
        let sum = random_sum(&mut random);
        let (a, b) = (random.values(len), random.values(len));
        let want: Vec<i8> = (0..len)
            .map(|i| {
                let term = |t: &Term, q: i8| {
                    by_definition((i32::from(q) - i32::from(t.zero)) << 20, t.multiplier, t.shift)
                };
                let both = term(&sum.a, a[i]) + term(&sum.b, b[i]);
                let value = by_definition(both as i32, sum.multiplier, sum.shift) + i64::from(sum.out_zero);
                value.clamp(sum.min.into(), sum.max.into()) as i8
            })
            .collect();
        let mut got = vec![0; len];
        add(&sum, &a, &b, &mut got).unwrap();
        first_difference(&got, &want, "add");
        let mut b = b;
        add_in_place(&sum, &a, &mut b).unwrap();
        first_difference(&b, &want, "add in place");
        assert!(add(&sum, &a, &b[1..], &mut got).is_err());
    }
}

#[test]
fn an_upsampled_sum_is_the_sum_of_the_upsampled() {
    let mut random = Random(7);
    for [h, w, c] in [[1, 1, 1], [2, 3, 5], [4, 4, 16], [8, 8, 24]] {
        let sum = random_sum(&mut random);
        let (small, big) = (random.values(h * w * c), random.values(4 * h * w * c));
        let mut up = vec![0; big.len()];
        upsample2x2([h, w, c], &small, &mut up).unwrap();
        for (i, value) in up.iter().enumerate() {
            let (y, x, c_at) = (i / c / (2 * w), i / c % (2 * w), i % c);
            assert_eq!(*value, small[(y / 2 * w + x / 2) * c + c_at], "upsampled {i}");
        }
        let (mut want, mut got) = (vec![0; big.len()], vec![0; big.len()]);
        add(&sum, &up, &big, &mut want).unwrap();
        add_upsampled(&sum, [h, w, c], &small, &big, &mut got).unwrap();
        first_difference(&got, &want, "add upsampled");
        let mut big = big;
        add_upsampled_in_place(&sum, [h, w, c], &small, &mut big).unwrap();
        first_difference(&big, &want, "add upsampled in place");
    }
}

#[test]
fn pooling_takes_the_largest_also_in_place() {
    let mut random = Random(8);
    for [h, w, c] in [[2, 2, 1], [4, 6, 3], [16, 16, 17]] {
        let x = random.values(h * w * c);
        let want: Vec<i8> = (0..h * w * c / 4)
            .map(|i| {
                let (y, x_out, c_at) = (i / c / (w / 2), i / c % (w / 2), i % c);
                let at = |dy: usize, dx: usize| x[((2 * y + dy) * w + 2 * x_out + dx) * c + c_at];
                at(0, 0).max(at(0, 1)).max(at(1, 0)).max(at(1, 1))
            })
            .collect();
        let mut got = vec![0; want.len()];
        max_pool2x2([h, w, c], &x, &mut got).unwrap();
        first_difference(&got, &want, "pool");
        let mut map = x.clone();
        max_pool2x2_in_place([h, w, c], &mut map).unwrap();
        first_difference(&map[..want.len()], &want, "pool in place");
    }
    assert!(max_pool2x2([3, 2, 1], &[0; 6], &mut [0; 1]).is_err(), "odd sides");
}

#[test]
fn moves_put_values_where_they_belong() {
    let (a, b) = ([1, 2, 3, 4], [5, 6]);
    let mut out = [0; 6];
    concat(2, (&a, 2), (&b, 1), &mut out).unwrap();
    assert_eq!(out, [1, 2, 5, 3, 4, 6]);
    let table: [i8; 256] = core::array::from_fn(|i| (i as i32 - 128).saturating_neg().clamp(-128, 127) as i8);
    let mut out = [0; 3];
    lookup(&table, &[-128, 0, 127], &mut out).unwrap();
    assert_eq!(out, [127, 0, -127]);
    // Two places of a 2 × 2 square of 1 channel.
    let mut out = [0; 8];
    shuffle([1, 2, 4], 2, &[1, 2, 3, 4, 5, 6, 7, 8], &mut out).unwrap();
    assert_eq!(out, [1, 2, 5, 6, 3, 4, 7, 8]);
}

/// A frame of every format, its bytes without any pattern.
fn frames(
    random: &mut Random,
    bytes: &mut Vec<u8>,
    width: usize,
    height: usize,
) -> Vec<(PixelFormat, usize)> {
    *bytes = (0..3 * width * height).map(|_| random.word() as u8).collect();
    vec![
        (PixelFormat::Rgb888, 3 * width * height),
        (PixelFormat::Rgb565, 2 * width * height),
        (PixelFormat::Yuv422, 2 * width * height),
    ]
}

#[test]
fn the_first_layer_is_that_of_the_unshuffled_frame() {
    let mut random = Random(9);
    let mut bytes = Vec::new();
    for (width, height, block, channels) in [(8, 8, 4, 16), (36, 20, 4, 16), (8, 4, 2, 5), (24, 24, 4, 24)] {
        for (format, len) in frames(&mut random, &mut bytes, width, height) {
            let frame = Frame { format, width, height, bytes: &bytes[..len] };
            let depth = 3 * block * block;
            let places = width / block * (height / block);
            let mut values = vec![0; places * depth];
            unshuffle(&frame, block, &mut values).unwrap();
            for (i, value) in values.iter().enumerate() {
                let (place, k) = (i / depth, i % depth);
                let x = place % (width / block) * block + k / 3 % block;
                let y = place / (width / block) * block + k / 3 / block;
                assert_eq!(*value, frame.pixel(x, y)[k % 3], "{format:?} value {i}");
            }
            let owned = Owned::random(&mut random, depth * channels, depth, channels, true);
            let shape = PointShape { places, c_in: depth, c_out: channels };
            let (mut want, mut got) = (vec![0; places * channels], vec![0; places * channels]);
            let mut scratch = vec![77; first_layer_scratch(block, channels)];
            portable::pointwise(&shape, &values, &owned.layer(), &mut want);
            first_layer(&frame, block, &owned.layer(), &mut scratch, &mut got).unwrap();
            first_difference(&got, &want, &format!("{format:?} {width}×{height}"));
        }
    }
}

#[test]
fn pixels_are_unpacked_to_the_full_range() {
    for (word, want) in
        [(0, [0, 0, 0]), (0xffff, [255, 255, 255]), (0xf800, [255, 0, 0]), (0x07e0, [0, 255, 0])]
    {
        assert_eq!(frame::rgb565(word), want, "{word:#x}");
    }
    // Of full-range BT.601: grey, white, red as 76, 85, 255.
    assert_eq!(frame::yuv(128, 128, 128), [128; 3]);
    assert_eq!(frame::yuv(255, 128, 128), [255; 3]);
    assert_eq!(frame::yuv(76, 85, 255), [254, 0, 0]);
}

#[test]
fn lengths_that_do_not_fit_are_refused_and_nothing_is_written() {
    let mut random = Random(10);
    let owned = Owned::random(&mut random, 12, 4, 3, true);
    let shape = PointShape { places: 2, c_in: 4, c_out: 3 };
    let mut scratch = vec![0; pointwise_scratch(&shape)];
    let x = random.values(8);
    let mut out = [9; 6];
    let short = Layer { bias: &owned.bias[..2], ..owned.layer() };
    let none = PointShape { places: 0, ..shape };
    let huge = PointShape { places: usize::MAX, c_in: usize::MAX, c_out: 3 };
    assert!(pointwise(&shape, &x[..7], &owned.layer(), &mut scratch, &mut out).is_err());
    assert!(pointwise(&shape, &x, &short, &mut scratch, &mut out).is_err());
    assert!(pointwise(&none, &x, &owned.layer(), &mut scratch, &mut out).is_err());
    assert!(pointwise(&huge, &x, &owned.layer(), &mut scratch, &mut out).is_err());
    assert!(pointwise(&shape, &x, &owned.layer(), &mut [], &mut out).is_err());
    assert_eq!(out, [9; 6]);
    let error = pointwise(&shape, &x, &owned.layer(), &mut scratch, &mut out[..5]).unwrap_err();
    assert_eq!(error.to_string(), "out has 5 values, needs 6");
}
