//! `untrained NETWORK OUT.fv8`: a network of ours with weights by chance and ranges seen on patterns. It sees nothing, but
//! costs what a trained one costs and has all its steps: for tests of the firmware.

use std::error::Error;
use std::{env, fs};

use faceveil_quant::network::Point;
use faceveil_quant::{Calibration, Observed, file, float, quantize};

fn main() -> Result<(), Box<dyn Error>> {
    let [_, name, out] = &env::args().collect::<Vec<_>>()[..] else {
        return Err("untrained NETWORK OUT.fv8".into());
    };
    let graph = faceveil_net::by_name(name).ok_or("no such network")?;
    let mut state = 1u64;
    let mut random = move || {
        // SplitMix64's constants.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
    };
    let values: Vec<f32> = (0..faceveil_net::plan(&graph).parameters).map(|_| random() - 0.5).collect();
    let from = float::from_graph(&graph, &values)?;
    let len = graph.input_shape().len();
    // Waves of several lengths, and noise.
    let pictures: Vec<Vec<f32>> = (1..5)
        .map(|n| (0..len).map(|i| 0.4 + 0.3 * (i as f32 / (7 * n) as f32).sin() + 0.3 * random()).collect())
        .collect();
    let observed = Observed::of(&from.net, &pictures)?;
    let ranges = observed.ranges(&from.net, Calibration::MinMax);
    let point = Point { threshold: 0.5, certain: 0.5, growth: 0.5 };
    let net = quantize(&from.net, &ranges, Some(&observed), Some(point))?;
    fs::write(out, file::write(&net)?)?;
    Ok(())
}
