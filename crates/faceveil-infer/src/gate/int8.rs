//! A gate network in 8-bit integers, run as a microcontroller runs it.

use faceveil_core::raster::RgbView;
use faceveil_int8::model::FileBytes;
use faceveil_int8::{Frame, Input, Model, PixelFormat, Tensor};
use faceveil_net::Shape;

use super::{GateError, Point};

/// The file, checked once.
#[derive(Clone, Debug)]
pub struct Int8Gate {
    file: FileBytes,
    input: Shape,
    output: Tensor,
}

impl Int8Gate {
    /// From a file, with its operating point.
    ///
    /// # Errors
    /// [`GateError`] if it is no such file, or the network does not make a mask of a picture.
    pub fn new(bytes: &[u8]) -> Result<(Self, Point), GateError> {
        let file = FileBytes::new(bytes);
        let model = Model::parse(file.bytes())?;
        let (input, output) = (model.input(), model.output(0));
        let mask = output.filter(|o| o.channels == 1 && o.scale == 1.0 / 256.0 && o.zero == -128);
        let (Some(output), Some(point)) = (mask, model.point()) else {
            return Err(GateError::NoMask);
        };
        let pixels = input.channels == 3 && input.zero == -128 && input.scale == 1.0 / 255.0;
        let whole = input.width.is_multiple_of(output.width) && input.height.is_multiple_of(output.height);
        if !pixels || !whole || input.width / output.width != input.height / output.height {
            return Err(GateError::NoMask);
        }
        let faceveil_int8::Point { threshold, certain, growth } = point;
        if !(threshold < 1.0 && (threshold..1.0).contains(&certain) && growth <= 8.0) {
            return Err(GateError::NoMask);
        }
        let input = Shape::new(input.height, input.width, input.channels);
        Ok((Self { file, input, output }, Point { threshold, certain, growth }))
    }

    /// Shapes of the input and the mask.
    pub fn shapes(&self) -> (Shape, Shape) {
        let Tensor { height, width, channels, .. } = self.output;
        (self.input, Shape::new(height, width, channels))
    }

    /// The mask's values of a view that is put into the frame's upper left corner; the rest is black.
    ///
    /// # Panics
    /// If `view` is larger than the frame.
    pub fn run(&self, view: RgbView<'_>) -> Vec<f32> {
        let mut bytes = vec![0; self.input.len()];
        let rows = view.pixels().chunks_exact(3 * view.width() as usize);
        for (row, to) in rows.zip(bytes.chunks_exact_mut(3 * self.input.width)) {
            to[..row.len()].copy_from_slice(row);
        }
        let frame = Frame {
            format: PixelFormat::Rgb888,
            width: self.input.width,
            height: self.input.height,
            bytes: &bytes,
        };
        let model = Model::parse(self.file.bytes()).expect("it was parsed when it was read");
        let mut arena = vec![0; model.arena_len()];
        match model.run(Input::Frame(frame), &mut arena) {
            Ok(out) => out.iter().map(|&q| self.output.value(q)).collect(),
            // A parsed network takes frames of its size. If one did not, its mask would be unknown: all is hidden.
            Err(_) => vec![1.0; self.output.height * self.output.width * self.output.channels],
        }
    }
}
