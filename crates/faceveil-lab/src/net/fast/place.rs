//! Values that only move: pixel-unshuffle and back, and transposed weights.

/// Pixel-unshuffle: `x` of shape `shape` into squares of `block`.
pub fn rearrange(x: &[f32], to: &mut [f32], shape: faceveil_net::Shape, block: usize, len: usize) {
    let (h, w) = (shape.height / block, shape.width / block);
    for (plane, planes) in x
        .chunks_exact(shape.places())
        .zip(to.chunks_exact_mut(block * block * h * w))
        .take(len * shape.channels)
    {
        for (k, out) in planes.chunks_exact_mut(h * w).enumerate() {
            let (dy, dx) = (k / block, k % block);
            for y in 0..h {
                let row = &plane[(y * block + dy) * shape.width + dx..];
                for (xx, o) in out[y * w..][..w].iter_mut().enumerate() {
                    *o = row[xx * block];
                }
            }
        }
    }
}

/// The inverse of [`rearrange`]; `shape` is the large one.
pub fn arrange_back(x: &[f32], to: &mut [f32], shape: faceveil_net::Shape, block: usize, len: usize) {
    let (h, w) = (shape.height / block, shape.width / block);
    for (plane, planes) in to
        .chunks_exact_mut(shape.places())
        .zip(x.chunks_exact(block * block * h * w))
        .take(len * shape.channels)
    {
        for (k, from) in planes.chunks_exact(h * w).enumerate() {
            let (dy, dx) = (k / block, k % block);
            for y in 0..h {
                for xx in 0..w {
                    plane[(y * block + dy) * shape.width + xx * block + dx] = from[y * w + xx];
                }
            }
        }
    }
}

/// Weights `[outs, ins]` as `[ins, outs]`.
pub fn transpose(weights: &[f32], ins: usize, to: &mut Vec<f32>) {
    let outs = weights.len() / ins;
    to.clear();
    to.resize(weights.len(), 0.0);
    for o in 0..outs {
        for i in 0..ins {
            to[i * outs + o] = weights[o * ins + i];
        }
    }
}
