use super::*;

/// `(37 x + 91 y + 13 x y) mod 256`, 7 × 5.
fn picture() -> Plane {
    let data = (0..35).map(|i| (i % 7, i / 7)).map(|(x, y)| ((x * 37 + y * 91 + x * y * 13) % 256) as f32);
    Plane { width: 7, height: 5, data: data.collect() }
}

fn assert_near(got: &Plane, want: &[f32], what: &str) {
    assert_eq!(got.data.len(), want.len());
    for (i, (got, want)) in got.data.iter().zip(want).enumerate() {
        assert!((got - want).abs() < 2e-3, "{what} at ({}, {}): {got} {want}", i % 7, i / 7);
    }
}

/// Goldens from OpenCV 4: `cv2.GaussianBlur(a, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)`.
#[test]
#[rustfmt::skip]
fn blur_is_opencv_s() {
    let cases: [(f64, [f32; 35]); 3] = [
        (0.3, [
            0.491, 37.399, 74.449, 111.495, 147.57, 184.616, 221.524,
            91.192, 140.996, 190.022, 239.043, 36.957, 85.978, 134.812,
            181.26, 243.043, 53.957, 115.975, 177.025, 239.043, 49.715,
            18.274, 93.975, 168.025, 243.043, 66.953, 141.0, 215.73,
            107.992, 195.623, 31.512, 119.48, 206.477, 42.362, 129.993,
        ]),
        (0.8, [
            35.736, 64.819, 100.387, 126.271, 137.36, 162.355, 188.664,
            99.797, 124.057, 141.107, 147.556, 128.782, 134.1, 139.697,
            132.077, 148.781, 141.294, 146.944, 144.597, 147.442, 127.121,
            97.056, 125.73, 135.648, 151.464, 142.058, 140.245, 150.256,
            107.79, 126.714, 110.423, 133.177, 141.136, 114.273, 130.423,
        ]),
        (2.0, [
            68.221, 84.542, 103.358, 122.428, 140.016, 154.996, 166.559,
            86.126, 99.512, 113.865, 127.29, 138.738, 147.929, 154.824,
            100.111, 110.795, 121.308, 130.168, 136.854, 141.674, 145.163,
            108.12, 116.507, 124.132, 129.98, 133.851, 136.315, 138.211,
            111.77, 118.07, 123.438, 127.363, 129.807, 131.338, 132.881,
        ]),
    ];
    for (sigma, want) in cases {
        assert_near(&blur(&picture(), sigma), &want, &format!("sigma {sigma}"));
    }
    assert_eq!(blur(&picture(), 0.29), picture());
}

/// Golden from OpenCV 4: `cv2.GaussianBlur(a, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT_101)`;
/// the kernel is longer than the picture is high.
#[test]
#[rustfmt::skip]
fn a_mirrored_edge_is_opencv_s() {
    let want = [
        120.532, 124.413, 132.074, 136.869, 137.927, 138.589, 139.24,
        124.389, 127.684, 134.216, 138.303, 139.075, 139.387, 139.815,
        129.419, 131.92, 137.041, 140.447, 140.951, 140.623, 140.615,
        128.899, 131.397, 136.758, 140.714, 141.355, 140.496, 140.127,
        127.202, 129.91, 135.804, 140.283, 141.026, 139.92, 139.398,
    ];
    assert_near(&convolve(&picture(), &Kernel::gaussian(11, 1.5), Border::Reflect101), &want, "mirrored");
}

/// OpenCV's kernel size, read off the blur of a single point.
#[test]
fn kernel_sizes_are_opencv_s() {
    for (sigma, want) in [(0.3, 3), (0.8, 7), (1.0, 9), (1.3, 11), (1.5, 13), (2.0, 17), (2.5, 21)] {
        let mut point = Plane { width: 101, height: 1, data: vec![0.0; 101] };
        point.data[50] = 1.0;
        let reached = blur(&point, sigma).data.iter().filter(|v| **v > 0.0).count();
        assert_eq!(reached, want, "sigma {sigma}");
    }
}

/// The slow obvious form, at sizes around the block of samples that is worked on together.
#[test]
fn blocks_agree_with_the_plain_sum() {
    for (width, height, sigma) in [(1, 1, 1.0), (31, 3, 0.8), (32, 4, 2.0), (33, 70, 1.5), (65, 2, 9.0)] {
        let data = (0..width * height).map(|i| (i * 7919 % 251) as f32).collect();
        let plane = Plane { width, height, data };
        let size = (sigma * 8.0 + 1.0_f64).round_ties_even() as usize | 1;
        for border in [Border::Replicate, Border::Reflect101] {
            let kernel = Kernel::gaussian(size, sigma);
            let got = convolve(&plane, &kernel, border);
            for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
                let want = plain(&plane, &kernel, border, x as isize, y as isize);
                let got = got.data[y * width + x];
                assert!(
                    (got - want).abs() < 1e-3,
                    "{width}×{height} {sigma} {border:?} ({x}, {y}): {got} {want}"
                );
            }
        }
    }
}

fn plain(plane: &Plane, kernel: &Kernel, border: Border, x: isize, y: isize) -> f32 {
    let radius = kernel.radius() as isize;
    let mut sum = 0.0;
    for dy in -radius..=radius {
        for dx in -radius..=radius {
            let at = border.index(y + dy, plane.height) * plane.width + border.index(x + dx, plane.width);
            sum += kernel.0[dx.unsigned_abs()] * kernel.0[dy.unsigned_abs()] * plane.data[at];
        }
    }
    sum
}
