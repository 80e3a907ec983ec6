//! Every set of instructions by itself: that it does the work (else the portable form would be compared with itself), and
//! gives the portable form's bits.

use super::super::arch::{Packed, Room, WAYS, Way};
use super::*;

/// The sets that this processor has; the others are named.
fn present() -> Vec<&'static Way> {
    let (have, have_not): (Vec<_>, Vec<_>) = WAYS.iter().partition(|way| (way.present)());
    have_not.iter().for_each(|way| eprintln!("SKIPPED: this processor has no {}", way.name));
    have
}

/// The same buffer for every way, not only zeros.
fn dirty(len: usize) -> Vec<i8> {
    vec![-77; len]
}

fn packed(way: &'static Way, layer: &Layer<'_>, depth: usize) -> Packed {
    Packed::of(core::slice::from_ref(way), layer, depth).expect(way.name)
}

#[test]
fn the_fastest_way_that_is_there_is_taken() {
    let want = present().first().map_or("portable", |way| way.name);
    assert_eq!(instructions(), want);
}

#[test]
fn each_way_multiplies_as_the_portable_one() {
    let mut random = Random(21);
    let more = (0..40).map(|_| [1 + random.below(40), 1 + random.below(70), 1 + random.below(50)]);
    let shapes: Vec<[usize; 3]> = POINTS.into_iter().chain(more.map(|s| s.map(|v| v as usize))).collect();
    for [places, c_in, c_out] in shapes {
        let shape = PointShape { places, c_in, c_out };
        let x = random.values(places * c_in);
        let owned = Owned::random(&mut random, c_in * c_out, c_in, c_out, places % 2 == 0);
        let mut want = dirty(places * c_out);
        portable::pointwise(&shape, &x, &owned.layer(), &mut want);
        for way in present() {
            let (mut scratch, mut got) = (dirty(pointwise_scratch(&shape)), dirty(want.len()));
            let took = (way.pointwise)(&shape, &x, &owned.layer(), Room::Scratch(&mut scratch), &mut got);
            assert!(took, "{}: {shape:?} was left to another way", way.name);
            first_difference(&got, &want, &format!("{} {shape:?}", way.name));
            let packed = packed(way, &owned.layer(), c_in);
            got.fill(-77);
            assert!(packed.pointwise(&shape, &x, &owned.layer(), &mut got), "{}: {shape:?}", way.name);
            first_difference(&got, &want, &format!("{} packed {shape:?}", way.name));
        }
    }
}

#[test]
fn each_way_convolves_as_the_portable_one() {
    let mut random = Random(22);
    for shape in conv_shapes() {
        let x = random.values(shape.h * shape.w * shape.c_in);
        let owned = Owned::random(&mut random, shape.depth() * shape.c_out, shape.depth(), shape.c_out, true);
        let in_zero = random.word() as i8;
        let mut want = dirty(shape.out_h * shape.out_w * shape.c_out);
        portable::conv(&shape, &x, in_zero, &owned.layer(), &mut want);
        for way in present() {
            let (mut scratch, mut got) = (dirty(conv_scratch(&shape)), dirty(want.len()));
            let room = Room::Scratch(&mut scratch);
            assert!((way.conv)(&shape, &x, in_zero, &owned.layer(), room, &mut got), "{shape:?}");
            first_difference(&got, &want, &format!("{} {shape:?}", way.name));
            let packed = packed(way, &owned.layer(), shape.depth());
            got.fill(-77);
            assert!(packed.conv(&shape, &x, in_zero, &owned.layer(), &mut got), "{shape:?}");
            first_difference(&got, &want, &format!("{} packed {shape:?}", way.name));
        }
    }
}

#[test]
fn each_way_does_depthwise_layers_as_the_portable_one() {
    let mut random = Random(23);
    for shape in depth_shapes() {
        let DepthShape { h, w, c, kernel, .. } = shape;
        let x = random.values(h * w * c);
        let owned = Owned::random(&mut random, kernel * kernel * c, kernel * kernel, c, c % 2 == 0);
        let in_zero = random.word() as i8;
        let mut want = dirty(shape.out_h * shape.out_w * c);
        portable::depthwise(&shape, &x, in_zero, &owned.layer(), &mut want);
        for way in present() {
            let (mut scratch, mut got) = (dirty(depthwise_scratch(&shape)), dirty(want.len()));
            let took = (way.depthwise)(&shape, &x, in_zero, &owned.layer(), &mut scratch, &mut got);
            assert_eq!(took, kernel == 3, "{} {shape:?}", way.name);
            if took {
                first_difference(&got, &want, &format!("{} {shape:?}", way.name));
            }
            if took && shape == DepthShape::same(h, w, c, 1) {
                let mut map = x.clone();
                let layer = owned.layer();
                assert!((way.depthwise_in_place)(&shape, &mut map, in_zero, &layer, &mut scratch));
                first_difference(&map, &want, &format!("{} in place {shape:?}", way.name));
            }
        }
    }
}

#[test]
fn a_prepared_transposed_convolution_is_the_portable_one() {
    let mut random = Random(27);
    for [h, w, c_in, c_out] in [[1, 1, 1, 1], [3, 4, 5, 6], [2, 7, 16, 8], [4, 3, 33, 17], [2, 2, 64, 140]] {
        let shape = PointShape { places: h * w, c_in, c_out };
        let x = random.values(h * w * c_in);
        let owned = Owned::random(&mut random, 4 * c_in * c_out, c_in, c_out, c_out % 2 == 0);
        let (layer, zero) = (owned.layer(), random.word() as i8);
        let (mut want, mut got) = (dirty(4 * h * w * c_out), dirty(4 * h * w * c_out));
        portable::transposed_conv2x2(w, &shape, &x, zero, &layer, &mut want);
        let Some(ready) = Transposed::of(&layer, c_in, zero) else {
            assert_eq!(instructions(), "portable", "{h}×{w}×{c_in}×{c_out}");
            continue;
        };
        assert_eq!(ready.run(w, &shape, &x, &mut got), Ok(true));
        first_difference(&got, &want, &format!("transposed {h}×{w}×{c_in}×{c_out}"));
        assert!(ready.run(h * w + 1, &shape, &x, &mut got).is_err(), "columns that do not divide");
        assert!(ready.run(w, &shape, &x[1..], &mut got).is_err(), "a value is missing");
    }
}

#[test]
fn each_way_reads_frames_as_the_portable_one() {
    let mut random = Random(24);
    let mut bytes = Vec::new();
    // Among them rows of squares that divide into tiles, and that do not.
    let shapes =
        [(8, 8, 4, 16), (36, 20, 4, 17), (8, 4, 2, 5), (9, 6, 3, 40), (64, 12, 4, 16), (72, 16, 8, 24)];
    for (width, height, block, channels) in shapes {
        for (format, len) in frames(&mut random, &mut bytes, width, height) {
            if format == PixelFormat::Yuv422 && width % 2 == 1 {
                continue;
            }
            let frame = Frame { format, width, height, bytes: &bytes[..len] };
            let depth = 3 * block * block;
            let owned = Owned::random(&mut random, depth * channels, depth, channels, true);
            let mut want = dirty(width / block * (height / block) * channels);
            portable::first_layer(&frame, block, &owned.layer(), &mut want);
            for way in present() {
                let mut scratch = dirty(first_layer_scratch(block, channels));
                let mut got = dirty(want.len());
                let room = Room::Scratch(&mut scratch);
                assert!((way.first_layer)(&frame, block, &owned.layer(), room, &mut got));
                first_difference(&got, &want, &format!("{} {format:?} {width}×{height}", way.name));
                let packed = packed(way, &owned.layer(), depth);
                got.fill(-77);
                assert!(packed.first_layer(&frame, block, &owned.layer(), &mut got));
                first_difference(&got, &want, &format!("{} packed {format:?} {width}×{height}", way.name));
            }
        }
    }
}

#[test]
fn each_way_adds_as_the_portable_one() {
    let mut random = Random(25);
    let shapes = [[1, 1, 1], [2, 3, 5], [3, 1, 16], [2, 2, 17], [4, 4, 24], [1, 2, 50]];
    for ([h, w, c], halves) in shapes.into_iter().flat_map(|shape| (0..4).map(move |halves| (shape, halves)))
    {
        let mut sum = random_sum(&mut random);
        // As TFLite has it for the term with the larger scale.
        for (n, term) in [&mut sum.a, &mut sum.b].into_iter().enumerate() {
            if halves >> n & 1 == 1 {
                (term.multiplier, term.shift) = (1 << 30, 0);
            }
        }
        let (a, b) = (random.values(h * w * c), random.values(4 * h * w * c));
        let mut want = b.clone();
        portable::add_upsampled_in_place(&sum, [h, w, c], &a, &mut want);
        let mut want_plain = b[..a.len()].to_vec();
        portable::add_in_place(&sum, &a, &mut want_plain);
        for way in present() {
            let mut got = b.clone();
            assert!((way.add_upsampled_in_place)(&sum, [h, w, c], &a, &mut got), "{}", way.name);
            first_difference(&got, &want, &format!("{} upsampled {h}×{w}×{c}", way.name));
            let mut got = b[..a.len()].to_vec();
            assert!((way.add_in_place)(&sum, &a, &mut got), "{}", way.name);
            first_difference(&got, &want_plain, &format!("{} add {h}×{w}×{c}", way.name));
        }
    }
}

/// Sums as large as a fast form may take and as small as there are, with any scale that it may take.
#[test]
fn each_way_rounds_any_sum_as_the_portable_one() {
    let mut random = Random(28);
    for case in 0..400 {
        let (c_in, c_out) = (4, 1 + random.below(40) as usize);
        let shape = PointShape { places: 9, c_in, c_out };
        let mut owned = Owned::random(&mut random, c_in * c_out, c_in, c_out, true);
        for channel in 0..c_out {
            let most = (1 << 30) - (c_in as i64) * (1 << 14) - 1;
            let bias = match random.below(4) {
                0 => most,
                1 => -most,
                _ => ((random.word() as i64) >> (33 + random.below(30))).clamp(-most, most),
            };
            owned.bias[channel] = bias as i32;
            owned.shift[channel] = random.below(23) as i8;
            owned.multiplier[channel] = match random.below(5) {
                0 => 0,
                1 => i32::MAX,
                2 => 1 << 30,
                _ => (random.word() >> 33) as i32,
            };
        }
        if case % 2 == 0 {
            // Sums are the biases, some of which are next to 0: ties.
            owned.weights.fill(0);
        }
        owned.zero = [i8::MIN, -1, 0, i8::MAX][random.below(4) as usize];
        // An activation that lets nothing below the zero point through, and one that just does.
        owned.min = [i8::MIN, owned.zero, owned.zero.saturating_sub(1)][case % 3];
        let x = random.values(shape.places * c_in);
        let mut want = dirty(shape.places * c_out);
        portable::pointwise(&shape, &x, &owned.layer(), &mut want);
        for way in present() {
            let mut got = dirty(want.len());
            assert!(packed(way, &owned.layer(), c_in).pointwise(&shape, &x, &owned.layer(), &mut got));
            first_difference(&got, &want, &format!("{} case {case}", way.name));
        }
    }
}

/// Every pair of values, with any scales that a fast form may take.
#[test]
fn each_way_adds_all_pairs_as_the_portable_one() {
    let mut random = Random(29);
    let (a, b): (Vec<i8>, Vec<i8>) =
        (0..=u16::MAX).map(|pair| pair.to_le_bytes()).map(|[a, b]| (a as i8, b as i8)).unzip();
    for case in 0..60 {
        let mut sum = random_sum(&mut random);
        // Terms of some hundreds, whose last bit comes out: with ties, and without a second rounding.
        let fine = case % 2 == 0;
        for term in [&mut sum.a, &mut sum.b] {
            (term.multiplier, term.shift) = match (fine, random.below(4)) {
                (true, 0) => (random.below(1 << 13) as i32, 0),
                (true, _) => ((1 + random.below(7) as i32) << 28, 17 + random.below(3) as i8),
                (false, 0) => (1 << 30, 0),
                (false, 1) => (i32::MAX, random.below(20) as i8),
                (false, _) => ((random.word() >> 33) as i32, random.below(20) as i8),
            };
        }
        if fine || case % 3 == 0 {
            let most = if fine { 3 } else { 22 };
            (sum.multiplier, sum.shift) = ((random.word() >> 33) as i32, 1 + random.below(most) as i8);
        }
        let mut want = b.clone();
        portable::add_in_place(&sum, &a, &mut want);
        for way in present() {
            let mut got = b.clone();
            assert!((way.add_in_place)(&sum, &a, &mut got), "{}", way.name);
            first_difference(&got, &want, &format!("{} {sum:?}", way.name));
        }
    }
}

#[test]
fn what_might_overflow_is_left_to_the_portable_one() {
    let mut random = Random(26);
    let shape = PointShape { places: 3, c_in: 8, c_out: 4 };
    let x = random.values(24);
    let mut owned = Owned::random(&mut random, 32, 8, 4, true);
    owned.bias[2] = i32::MAX;
    for way in present() {
        let (mut scratch, mut got) = (dirty(pointwise_scratch(&shape)), dirty(12));
        let room = Room::Scratch(&mut scratch);
        assert!(!(way.pointwise)(&shape, &x, &owned.layer(), room, &mut got), "{}", way.name);
        assert!((way.pack)(&owned.layer(), 8).is_none(), "{}", way.name);
        assert_eq!(got, dirty(12), "{}: something was written", way.name);
    }
}
