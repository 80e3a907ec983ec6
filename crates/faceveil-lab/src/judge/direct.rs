//! Networks that give the picture itself: what they make of a photo, in their own frame. As the thesis's outputs, and judged
//! as those: letterboxed in the middle, bars black.

use std::fmt;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use faceveil_data::dataset::Item;
use faceveil_eval::Picture;

use super::evaluate::output;
use crate::compare::cost::{Cost, planned};
use crate::compare::paint::PaintingNet;
use crate::train::engine::{Runner, Way};
use crate::train::photo::Level;
use crate::train::trained::Trained;

/// A network ready to paint.
pub struct Direct {
    network: Network,
    side: usize,
}

enum Network {
    /// In floats.
    Float(Box<(Trained, Runner)>),
    /// In 8-bit integers.
    Int8(PaintingNet),
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direct").field("side", &self.side).field("in", &self.numbers()).finish()
    }
}

impl Direct {
    /// The averaged weights of a run's checkpoint, or a file in 8-bit integers (`FVN8` or TFLite).
    ///
    /// # Errors
    /// If it is none, or its network gives no picture.
    pub fn load(path: &Path) -> Result<Self> {
        let place = || path.display().to_string();
        let bytes = fs::read(path).with_context(place)?;
        let int8 = if bytes.starts_with(&faceveil_int8::format::MAGIC) {
            Some(PaintingNet::from_file(&bytes).with_context(place)?)
        } else if bytes.get(4..8) == Some(b"TFL3") {
            Some(PaintingNet::from_tflite(&bytes).with_context(place)?)
        } else {
            None
        };
        if let Some(net) = int8 {
            return Ok(Self { side: net.side(), network: Network::Int8(net) });
        }
        let trained = Trained::parse(&bytes).with_context(place)?;
        let (input, out) = (trained.graph.input_shape(), trained.graph.output_shape());
        ensure!(input == out, "{} gives no picture", trained.graph.name());
        Ok(Self::new(trained))
    }

    /// Of a network that gives a picture.
    pub fn new(trained: Trained) -> Self {
        let runner = Runner::new(&trained.graph, 1, &Way::default());
        let side = trained.graph.input_shape().height;
        Self { side, network: Network::Float(Box::new((trained, runner))) }
    }

    /// What it computes in, in words.
    pub fn numbers(&self) -> &'static str {
        match self.network {
            Network::Float(_) => "floats",
            Network::Int8(_) => "8-bit integers",
        }
    }

    /// What the network costs.
    ///
    /// # Errors
    /// As [`PaintingNet::cost`].
    pub fn cost(&self) -> Result<Cost> {
        match &self.network {
            Network::Float(float) => Ok(planned(&float.0.graph)),
            Network::Int8(net) => net.cost(),
        }
    }

    /// What comes out for a picture, in the network's frame.
    ///
    /// # Errors
    /// If the network cannot be run.
    pub fn paint(&mut self, picture: &Picture) -> Result<Picture> {
        let boxed = Self::letterboxed(picture, self.side);
        let places = self.side * self.side;
        let (trained, runner) = match &mut self.network {
            Network::Float(float) => (&float.0, &mut float.1),
            Network::Int8(net) => return Ok(Picture::new(self.side, self.side, net.paint_framed(&boxed)?)?),
        };
        let planes: Vec<f32> =
            (0..3 * places).map(|i| f32::from(boxed[i % places * 3 + i / places]) / 255.0).collect();
        let out = runner.run(&trained.values, &trained.running, &planes)?;
        let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
        let pixels = (0..3 * places).map(|i| byte(out[i % 3 * places + i / 3])).collect();
        Ok(Picture::new(self.side, self.side, pixels)?)
    }

    /// The picture in the middle of a black square of `side` pixels, RGB.
    pub fn letterboxed(picture: &Picture, side: usize) -> Vec<u8> {
        let (width, height) = picture.size();
        let scale = side as f64 / width.max(height) as f64;
        let fitted = |n: usize| ((n as f64 * scale).round() as usize).clamp(1, side);
        let small =
            Level { width, height, pixels: picture.pixels().to_vec() }.shrunk(fitted(width), fitted(height));
        let (left, top) = ((side - small.width) / 2, (side - small.height) / 2);
        let mut boxed = vec![0; 3 * side * side];
        for (y, row) in small.pixels.chunks_exact(3 * small.width).enumerate() {
            boxed[3 * ((top + y) * side + left)..][..row.len()].copy_from_slice(row);
        }
        boxed
    }

    /// Paints all of `items` into `folder`, as PNG.
    ///
    /// # Errors
    /// If one cannot be read, painted or written.
    pub fn paint_all(&mut self, items: &[Item], folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        for item in items {
            let place = || item.image_path.display().to_string();
            let picture =
                Picture::decode(&fs::read(&item.image_path).with_context(place)?).with_context(place)?;
            let painted = self.paint(&picture)?;
            let path = output(folder, item);
            let file = File::create(&path).with_context(|| path.display().to_string())?;
            let mut encoder = png::Encoder::new(BufWriter::new(file), self.side as u32, self.side as u32);
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_depth(png::BitDepth::Eight);
            encoder.write_header()?.write_image_data(painted.pixels())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::layout::Layout;
    use crate::train::state::State;

    /// A new direct network gives the picture back, letterboxed in the middle.
    #[test]
    fn what_changes_nothing_paints_the_letterboxed_picture() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("last.ckpt");
        let graph = faceveil_net::by_name("direct").expect("it is listed");
        let state = State::new(&graph, 1);
        assert_eq!(state.layout, Layout::of(&graph));
        state.checkpoint(&serde_json::json!({"net": "direct"})).save(&path).expect("written");
        let pixels: Vec<u8> = (0..64 * 32 * 3).map(|i| (i * 31 % 251) as u8).collect();
        let picture = Picture::new(64, 32, pixels).expect("the size fits");
        let painted = Direct::load(&path).expect("it gives pictures").paint(&picture).expect("it runs");
        assert_eq!(painted.size(), (128, 128));
        assert_eq!(painted.pixels(), Direct::letterboxed(&picture, 128));
        assert!(painted.pixels()[..3 * 128 * 32].iter().all(|v| *v == 0), "a bar above");
        assert_eq!(&painted.pixels()[3 * 128 * 32..][..3], &picture.pixels()[..3]);
    }

    #[test]
    fn a_masks_network_paints_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("last.ckpt");
        let graph = faceveil_net::by_name("gate-96").expect("it is listed");
        State::new(&graph, 1)
            .checkpoint(&serde_json::json!({"net": "gate-96"}))
            .save(&path)
            .expect("written");
        assert!(Direct::load(&path).expect_err("a mask").to_string().contains("gives no picture"));
    }
}
