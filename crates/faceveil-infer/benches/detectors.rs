//! How long does a detector take for one picture on one thread, with which instructions?

use criterion::{BenchmarkId, Criterion, Throughput};
use faceveil_core::face::Detector;
use faceveil_core::raster::RgbView;
use faceveil_infer::detectors::{CenterFace, DetectError, YuNet};
use faceveil_infer::kernels::Isa;
use faceveil_infer::network::Precision;

const SIZES: [(u32, u32); 2] = [(640, 480), (320, 256)];

/// Repeatable noise: the time does not depend on what is seen, as long as few faces are.
fn noise(width: u32, height: u32) -> Vec<u8> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(width as usize * height as usize * 3).collect()
}

fn group<D: Detector<Error = DetectError>>(
    c: &mut Criterion,
    name: &str,
    make: impl Fn(Isa, Precision) -> D,
) {
    let mut group = c.benchmark_group(name);
    for (width, height) in SIZES {
        let pixels = noise(width, height);
        let view = RgbView::new(width, height, &pixels).expect("the length follows from the size");
        group.throughput(Throughput::Elements(u64::from(width) * u64::from(height)));
        for (words, isa, precision) in [
            ("portable", Isa::Portable, Precision::Float),
            ("detected", Isa::detect(), Precision::Float),
            ("int8", Isa::detect(), Precision::Int8),
        ] {
            let mut detector = make(isa, precision);
            group.bench_function(BenchmarkId::new(words, format!("{width}x{height}")), |b| {
                b.iter(|| detector.detect(view, 0.5).expect("the view is small enough"));
            });
        }
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    group(&mut criterion, "yunet", |isa, precision| {
        YuNet::new(isa, precision).expect("the weights are sound")
    });
    group(&mut criterion, "centerface", |isa, precision| {
        CenterFace::new(isa, precision).expect("the weights are sound")
    });
    criterion.final_summary();
}
