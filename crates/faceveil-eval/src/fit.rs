//! Where the original lies in an output of another size, and the original put there.

use faceveil_data::truth::Fit;

use crate::picture::Picture;

/// The fit, and the original at the output's size: stretched or letterboxed, whichever is nearer to
/// the output.
pub(crate) fn fit_to(original: &Picture, output: &Picture) -> (Fit, Picture) {
    if original.size() == output.size() {
        return (Fit::SAME, original.clone());
    }
    let (out_width, out_height) = output.size();
    let [stretched, boxed] = [
        Fit { sx: ratio(out_width, original.width()), sy: ratio(out_height, original.height()), ..Fit::SAME },
        letterbox(original.size(), output.size()),
    ]
    .map(|fit| (fit, apply(original, &fit, output.size())));
    if distance(&stretched.1, output) <= distance(&boxed.1, output) { stretched } else { boxed }
}

fn ratio(a: usize, b: usize) -> f64 {
    a as f64 / b as f64
}

/// The largest fit that keeps the shape, in the middle.
pub(crate) fn letterbox((width, height): (usize, usize), (out_width, out_height): (usize, usize)) -> Fit {
    let scale = ratio(out_width, width).min(ratio(out_height, height));
    let (w, h) = (scaled(width, scale), scaled(height, scale));
    let offset = |outer: usize, inner: usize| (outer.saturating_sub(inner) / 2) as u32;
    Fit { sx: ratio(w, width), sy: ratio(h, height), ox: offset(out_width, w), oy: offset(out_height, h) }
}

/// `len` times `scale` in whole pixels.
pub(crate) fn scaled(len: usize, scale: f64) -> usize {
    (len as f64 * scale).round_ties_even() as usize
}

/// `picture` where `fit` puts it in a black picture of `size`.
pub(crate) fn apply(picture: &Picture, fit: &Fit, size: (usize, usize)) -> Picture {
    let (width, height) = (scaled(picture.width(), fit.sx), scaled(picture.height(), fit.sy));
    let small = resize(picture, width, height, fit.sx < 1.0);
    let mut canvas = Picture::black(size);
    let (left, top) = (fit.ox as usize, fit.oy as usize);
    let wide = width.min(size.0.saturating_sub(left));
    for y in 0..height.min(size.1.saturating_sub(top)) {
        let to = 3 * ((top + y) * size.0 + left);
        canvas.pixels_mut()[to..to + 3 * wide].copy_from_slice(&small[3 * y * width..][..3 * wide]);
    }
    canvas
}

fn distance(a: &Picture, b: &Picture) -> u64 {
    a.pixels().iter().zip(b.pixels()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
}

/// Samples of the source, with weights that sum to 1.
type Taps = Vec<(usize, f64)>;

/// Resizes by area (`cv2.INTER_AREA`) where an axis shrinks and `by_area`, else linearly.
fn resize(picture: &Picture, width: usize, height: usize, by_area: bool) -> Vec<u8> {
    let taps = |from: usize, to: usize| -> Vec<Taps> {
        let area = by_area && to < from;
        (0..to).map(|at| if area { area_taps(at, from, to) } else { linear_taps(at, from, to) }).collect()
    };
    let (columns, rows) = (taps(picture.width(), width), taps(picture.height(), height));
    let wide: Vec<Vec<f64>> =
        picture.pixels().chunks_exact(3 * picture.width()).map(|row| along(row, &columns)).collect();
    let mut pixels = Vec::with_capacity(width * height * 3);
    for taps in &rows {
        pixels.extend((0..3 * width).map(|x| {
            let sum: f64 = taps.iter().map(|&(y, weight)| weight * wide[y][x]).sum();
            sum.round_ties_even() as u8 // `as` saturates
        }));
    }
    pixels
}

fn along(row: &[u8], columns: &[Taps]) -> Vec<f64> {
    let sample = |taps: &Taps, channel: usize| -> f64 {
        taps.iter().map(|&(x, weight)| weight * f64::from(row[3 * x + channel])).sum()
    };
    columns.iter().flat_map(|taps| [0, 1, 2].map(|channel| sample(taps, channel))).collect()
}

/// The source's samples under pixel `at`, each by its overlap.
fn area_taps(at: usize, from: usize, to: usize) -> Taps {
    let scale = ratio(from, to);
    let (start, end) = (at as f64 * scale, ((at + 1) as f64 * scale).min(from as f64));
    let overlap = |i: usize| (end.min((i + 1) as f64) - start.max(i as f64)) / (end - start);
    (start as usize..from).take_while(|&i| (i as f64) < end - 1e-9).map(|i| (i, overlap(i))).collect()
}

fn linear_taps(at: usize, from: usize, to: usize) -> Taps {
    let place = ((at as f64 + 0.5) * ratio(from, to) - 0.5).clamp(0.0, (from - 1) as f64);
    let low = place as usize;
    let share = place - low as f64;
    vec![(low, 1.0 - share), ((low + 1).min(from - 1), share)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letterbox_is_centred_and_keeps_the_shape() {
        let fit = letterbox((400, 300), (192, 192));
        assert_eq!((fit.sx, fit.sy, fit.ox, fit.oy), (0.48, 0.48, 0, 24));
    }

    #[test]
    fn taps_sum_to_one() {
        for (from, to) in [(400, 192), (7, 3), (3, 7), (5, 5), (1, 4), (4, 1)] {
            for at in 0..to {
                let taps = if to < from { area_taps(at, from, to) } else { linear_taps(at, from, to) };
                let sum: f64 = taps.iter().map(|t| t.1).sum();
                assert!((sum - 1.0).abs() < 1e-9, "{from} to {to}, pixel {at}: {taps:?}");
                assert!(taps.iter().all(|t| t.0 < from && t.1 >= 0.0), "{from} to {to}: {taps:?}");
            }
        }
    }

    #[test]
    fn the_nearer_fit_is_found() {
        let pixels = (0..60 * 40).flat_map(|i| [(i % 60 * 4) as u8, (i / 60 * 6) as u8, 90]).collect();
        let original = Picture::new(60, 40, pixels).unwrap();
        for (fit, size) in [
            (letterbox((60, 40), (30, 30)), (30, 30)),
            (Fit { sx: 0.5, sy: 0.75, ox: 0, oy: 0 }, (30, 30)),
            (Fit { sx: 2.0, sy: 2.0, ox: 0, oy: 0 }, (120, 80)),
        ] {
            let output = apply(&original, &fit, size);
            assert_eq!(fit_to(&original, &output), (fit, output), "{size:?}");
        }
    }
}
