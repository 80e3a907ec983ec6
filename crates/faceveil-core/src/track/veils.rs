//! The veils of the tracks that are on screen.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::TrackId;
use crate::raster::Raster;
use crate::redact::{FrozenVeil, Noise, RedactError, Region, Style, YuvFrame};

/// A veil is forgotten when its track was not painted for this many frames.
const KEPT: u64 = 600;

/// Paints tracks, each with one veil from its first frame to its last.
#[derive(Clone, Debug)]
pub struct Veils {
    style: Style,
    /// Each with the frame it was painted in last.
    veils: BTreeMap<TrackId, (FrozenVeil, u64)>,
    frames: u64,
}

impl Veils {
    /// All in one style.
    pub fn new(style: Style) -> Self {
        Self { style, veils: BTreeMap::new(), frames: 0 }
    }

    /// Hides the regions of the tracks in the next frame. A track's first region is drawn from as it is there;
    /// several regions of one track share its veil.
    ///
    /// # Errors
    /// [`RedactError`] if a region or the style cannot be used, or `noise` fails: the frame must not be published.
    pub fn hide_yuv(
        &mut self,
        frame: &mut YuvFrame<'_>,
        regions: &[(TrackId, Region)],
        noise: &mut dyn Noise,
    ) -> Result<(), RedactError> {
        // All are drawn before any is painted, so that none is drawn from another's paint.
        for (index, (track, region)) in regions.iter().enumerate() {
            self.draw(*track, |style| FrozenVeil::draw_yuv(frame, region, style, noise))
                .map_err(at(index))?;
        }
        for (index, (track, region)) in regions.iter().enumerate() {
            if let Some((veil, _)) = self.veils.get(track) {
                veil.paint_yuv(frame, region).map_err(at(index))?;
            }
        }
        Ok(())
    }

    /// As [`Self::hide_yuv`], in a picture of interleaved samples.
    ///
    /// # Errors
    /// As [`Self::hide_yuv`].
    pub fn hide(
        &mut self,
        raster: &mut Raster,
        regions: &[(TrackId, Region)],
        noise: &mut dyn Noise,
    ) -> Result<(), RedactError> {
        for (index, (track, region)) in regions.iter().enumerate() {
            self.draw(*track, |style| FrozenVeil::draw(raster, region, style, noise)).map_err(at(index))?;
        }
        for (index, (track, region)) in regions.iter().enumerate() {
            if let Some((veil, _)) = self.veils.get(track) {
                veil.paint(raster, region).map_err(at(index))?;
            }
        }
        Ok(())
    }

    /// To be called after each frame: lets go of veils that were not painted for long.
    pub fn next_frame(&mut self) {
        self.frames += 1;
        if self.frames.is_multiple_of(64) {
            let frames = self.frames;
            self.veils.retain(|_, (_, painted)| frames - *painted < KEPT);
        }
    }

    /// The tracks whose veils are kept.
    pub fn tracks(&self) -> Vec<TrackId> {
        self.veils.keys().copied().collect()
    }

    /// Forgets the veil of a track, so that its next frame gets a new one: for what lasts over a cut.
    pub fn forget(&mut self, track: TrackId) {
        self.veils.remove(&track);
    }

    fn draw(
        &mut self,
        track: TrackId,
        draw: impl FnOnce(&Style) -> Result<FrozenVeil, RedactError>,
    ) -> Result<(), RedactError> {
        if let Some((_, painted)) = self.veils.get_mut(&track) {
            *painted = self.frames;
            return Ok(());
        }
        self.veils.insert(track, (draw(&self.style)?, self.frames));
        Ok(())
    }
}

/// Which of the frame's regions an error is about.
fn at(index: usize) -> impl Fn(RedactError) -> RedactError {
    move |error| match error {
        RedactError::Region { what, value, .. } => RedactError::Region { index, what, value },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geom::RectF;
    use crate::raster::{Color, Samples};
    use crate::redact::{SeededNoise, Shape};
    use alloc::vec;

    fn region(left: f32, side: f32) -> Region {
        let rect = RectF { left, top: 4.0, right: left + side, bottom: 4.0 + side };
        Region::around(vec![Shape::Box(rect)], 0.0)
    }

    fn picture(value: u8) -> Raster {
        let samples =
            (0..64 * 48 * 3).map(|i: u32| value.wrapping_add((i.wrapping_mul(97) >> 3) as u8)).collect();
        Raster::new(64, 48, Color::Rgb, Samples::U8(samples)).unwrap()
    }

    fn pixel(raster: &Raster, x: usize, y: usize) -> [u8; 3] {
        let Samples::U8(samples) = raster.samples() else { panic!() };
        let at = (y * 64 + x) * 3;
        [samples[at], samples[at + 1], samples[at + 2]]
    }

    #[test]
    fn a_track_keeps_its_veil_where_it_goes_and_another_gets_its_own() {
        let mut veils = Veils::new(Style::Veil);
        let mut noise = SeededNoise::new(1);
        let mut frames = [picture(0), picture(100), picture(50)];
        let places = [(1, region(4.0, 32.0)), (1, region(20.0, 32.0)), (2, region(20.0, 32.0))];
        for (frame, (track, region)) in frames.iter_mut().zip(places) {
            veils.hide(frame, &[(TrackId(track), region)], &mut noise).unwrap();
            veils.next_frame();
        }
        for (x, y) in [(1, 1), (9, 20), (31, 31), (16, 3)] {
            let [first, later, other] =
                [(0, 4), (1, 20), (2, 20)].map(|(f, left)| pixel(&frames[f], left + x, 4 + y));
            assert_eq!(first, later, "({x}, {y})");
            assert_ne!(first, other, "({x}, {y})");
        }
        assert_eq!(veils.tracks(), [TrackId(1), TrackId(2)]);
        veils.forget(TrackId(1));
        (0..700).for_each(|_| veils.next_frame());
        assert_eq!(veils.tracks(), []);
    }
}
