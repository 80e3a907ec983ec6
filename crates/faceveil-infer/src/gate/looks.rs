//! What a network says of a view, square by square, as a value a pixel; and what several looks at a picture say together.

use faceveil_core::raster::RgbView;
use faceveil_net::{Graph, Shape as Size};

use super::run;

/// What a look says, a value a pixel of a view of the size `wanted` of the same picture.
pub(super) fn values(
    graph: &Graph,
    weights: &[f32],
    view: RgbView<'_>,
    mirrored: bool,
    wanted: (usize, usize),
) -> Vec<f32> {
    let shapes = (graph.input_shape(), graph.output_shape());
    let mut squares = run(graph, weights, planes(view, shapes.0, mirrored));
    // Weights can be so large that they overflow. What is not known to be no face is hidden.
    squares.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 1.0);
    spread(&squares, shapes, (view.width() as usize, view.height() as usize), mirrored, wanted)
}

/// Log-odds of a value, and how near to 0 and 1 values are taken to be.
fn log_odds(value: f32) -> f32 {
    let value = value.clamp(1e-5, 1.0 - 1e-5);
    (value / (1.0 - value)).ln()
}

/// `first` becomes the value whose log-odds are the mean of its own and the others'.
pub(super) fn average(first: &mut [f32], others: &[Vec<f32>]) {
    if others.is_empty() {
        return;
    }
    for (i, value) in first.iter_mut().enumerate() {
        let sum = others.iter().fold(log_odds(*value), |sum, other| sum + log_odds(other[i]));
        *value = 1.0 / (1.0 + (-sum / (1 + others.len()) as f32).exp());
    }
}

/// The view's values as `[channels, height, width]`, 0 where the frame goes on; with left and right exchanged if `mirrored`.
fn planes(view: RgbView<'_>, shape: Size, mirrored: bool) -> Vec<f32> {
    let mut pixels = vec![0f32; shape.len()];
    let columns = view.width() as usize;
    for (i, pixel) in view.pixels().as_chunks::<3>().0.iter().enumerate() {
        let column = if mirrored { columns - 1 - i % columns } else { i % columns };
        let place = i / columns * shape.width + column;
        for (channel, value) in pixel.iter().enumerate() {
            pixels[channel * shape.places() + place] = f32::from(*value) / 255.0;
        }
    }
    pixels
}

/// A value a pixel of a view of the size `wanted`, from the values of the squares of a frame in which the same picture has
/// the size `seen`: bilinear between the squares' centres, and the outermost squares' own values beside them.
pub(super) fn spread(
    squares: &[f32],
    (frame, grid): (Size, Size),
    seen: (usize, usize),
    mirrored: bool,
    wanted: (usize, usize),
) -> Vec<f32> {
    let cell = frame.width / grid.width;
    let axis = |seen: usize, wanted: usize, mirrored: bool| -> Vec<_> {
        // Squares a pixel.
        let per = seen as f32 / (wanted * cell) as f32;
        let places = (0..wanted).map(|i| if mirrored { wanted - 1 - i } else { i } as f32);
        places.map(|i| around((i + 0.5) * per - 0.5, seen.div_ceil(cell) - 1)).collect()
    };
    let (columns, rows) = (axis(seen.0, wanted.0, mirrored), axis(seen.1, wanted.1, false));
    let mut values = Vec::with_capacity(wanted.0 * wanted.1);
    for (upper, lower, down) in rows {
        let [above, below] = [upper, lower].map(|row| &squares[row * grid.width..][..grid.width]);
        for &(left, right, across) in &columns {
            let [top, bottom] = [above, below].map(|row| row[left] + across * (row[right] - row[left]));
            values.push(top + down * (bottom - top));
        }
    }
    values
}

/// For a place between the centres of squares 0 to `last` the two around it, and the second one's share.
fn around(place: f32, last: usize) -> (usize, usize, f32) {
    let place = place.clamp(0.0, last as f32);
    let first = place as usize;
    (first, (first + 1).min(last), place - first as f32)
}
