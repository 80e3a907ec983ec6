//! A picture fitted into a frame of a fixed size: scaled with its proportions kept, at the top left, the rest empty.

use crate::geom::Point;

/// How a picture lies in its frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letterbox {
    /// Width of the scaled picture, at least 1 pixel and at most the frame's.
    pub width: u32,
    /// Height of the scaled picture.
    pub height: u32,
    /// Pixels of the original for one of the scaled picture: across, down.
    back: (f32, f32),
}

impl Letterbox {
    /// The largest that a picture of these sides (not 0) can be within `frame`; small ones are enlarged.
    pub fn fit((width, height): (u32, u32), frame: (u32, u32)) -> Self {
        let scale = (f64::from(frame.0) / f64::from(width)).min(f64::from(frame.1) / f64::from(height));
        let side = |n: u32, most: u32| (libm::round(f64::from(n) * scale) as u32).clamp(1, most.max(1));
        let (to_width, to_height) = (side(width, frame.0), side(height, frame.1));
        let back = |n: u32, to: u32| (f64::from(n) / f64::from(to)) as f32;
        Self { width: to_width, height: to_height, back: (back(width, to_width), back(height, to_height)) }
    }

    /// From a place in the frame to the same place in the original picture.
    pub fn original(&self, place: Point) -> Point {
        Point { x: place.x * self.back.0, y: place.y * self.back.1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_longer_side_fills_the_frame() {
        for (size, frame, want) in [
            ((1920, 1080), (128, 128), (128, 72)),
            ((1080, 1920), (128, 128), (72, 128)),
            ((64, 32), (320, 240), (320, 160)),
            ((640, 480), (640, 480), (640, 480)),
            ((10_000, 1), (128, 128), (128, 1)),
        ] {
            let fitted = Letterbox::fit(size, frame);
            assert_eq!((fitted.width, fitted.height), want, "{size:?} in {frame:?}");
        }
    }

    proptest! {
        #[test]
        fn corners_come_back_to_corners(
            w in 1..5000u32, h in 1..5000u32, fw in 1..700u32, fh in 1..700u32,
        ) {
            let fitted = Letterbox::fit((w, h), (fw, fh));
            prop_assert!(fitted.width <= fw && fitted.height <= fh);
            let corner = fitted.original(Point { x: fitted.width as f32, y: fitted.height as f32 });
            prop_assert!((corner.x - w as f32).abs() < 1e-2 && (corner.y - h as f32).abs() < 1e-2, "{corner:?}");
        }
    }
}
