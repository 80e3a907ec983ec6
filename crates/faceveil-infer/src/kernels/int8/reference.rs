//! The slow, obvious integer kernels: what every machine can run, and what the fast ones must equal bit by bit.

use super::pack::{Depth64, Panel, SUMS, channel};
use super::{Rows, Windows, requantise};

/// See [`super::Isa::point_int8`] and [`super::Isa::full_row_int8`].
pub(super) fn windows(x: Windows<'_>, panels: &[Panel], residual: Option<&[u8]>, out: &mut [u8]) {
    let (n, groups) = (x.outputs, x.len / 4);
    for (p, pixel) in out.chunks_exact_mut(n).enumerate() {
        for panel in panels {
            let vectors = panel.vectors();
            for (v, last) in panel.last.iter().enumerate() {
                let mut sums = last.bias;
                for (r, row) in x.rows().iter().enumerate() {
                    let fours = row[p * x.step..][..x.len].as_chunks::<4>().0;
                    let quads = panel.quads[r * groups * vectors..].iter().skip(v).step_by(vectors);
                    for (four, quads) in fours.iter().zip(quads) {
                        add_products(&mut sums, four, quads);
                    }
                }
                for (i, sum) in sums.into_iter().enumerate() {
                    let c = channel(vectors, v, i);
                    if c >= panel.width {
                        continue;
                    }
                    let c = panel.at + c;
                    let added = residual.map_or(0.0, |r| f32::from(r[p * n + c]) * last.residual_factor[i]);
                    pixel[c] = requantise(sum, last.factor[i], added);
                }
            }
        }
    }
}

fn add_products(sums: &mut [i32; SUMS], four: &[u8; 4], quads: &[i8; 64]) {
    for (sum, weights) in sums.iter_mut().zip(quads.as_chunks::<4>().0) {
        for (&x, &w) in four.iter().zip(weights) {
            *sum += i32::from(x) * i32::from(w);
        }
    }
}

/// See [`super::Isa::depth_row_int8`].
pub(super) fn depth_row(rows: Rows<'_>, n: usize, blocks: &[Depth64], out: &mut [u8]) {
    for (x, pixel) in out.chunks_exact_mut(n).enumerate() {
        for (b, (block, values)) in blocks.iter().zip(pixel.chunks_mut(64)).enumerate() {
            let first = x * rows.stride * n + b * 64;
            for (v, last) in block.last.iter().enumerate() {
                for i in 0..SUMS {
                    let c = channel(4, v, i);
                    let Some(value) = values.get_mut(c) else { continue };
                    let mut sum = last.bias[i];
                    for (t, quads) in block.quads.iter().enumerate() {
                        for (r, row) in rows.rows.iter().enumerate() {
                            sum += i32::from(row[first + t * n + c]) * i32::from(quads[v][4 * i + r]);
                        }
                    }
                    *value = requantise(sum, last.factor[i], 0.0);
                }
            }
        }
    }
}
