//! Zones as they are typed, and where they lie in a photo.

use std::fmt;
use std::str::FromStr;

use faceveil::Zones;
use faceveil_core::geom::RectF;
use serde::Deserialize;

/// Pixels beyond which no picture reaches.
const FARTHEST: f32 = 1e6;

/// A rectangle of a picture whose size is not known yet.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
pub struct Zone {
    left: Length,
    top: Length,
    width: Length,
    height: Length,
}

/// A length along a side of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Length {
    /// `0.0..=FARTHEST`
    Pixels(f32),
    /// `0.0..=100.0`
    Percent(f32),
}

/// What was typed is no zone, or none of the photo at hand.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ZoneError {
    /// Not four lengths.
    #[error("{0:?} is not X,Y,WIDTH,HEIGHT")]
    Form(String),
    /// One of the lengths is none.
    #[error("{0:?} in a zone is neither pixels (120) nor percent (25%)")]
    Length(String),
    /// One of the lengths is out of range.
    #[error("{length} in a zone must be {range}")]
    Range {
        /// What was typed.
        length: String,
        /// What is allowed.
        range: &'static str,
    },
    /// Its width or height is 0.
    #[error("the zone {0} covers nothing")]
    Empty(String),
    /// Parts in percent that together leave the picture.
    #[error("the zone {0} reaches beyond 100 %")]
    Beyond(String),
    /// It lies outside the photo, so that nothing would be hidden.
    #[error("the hide zone {zone} lies outside the picture of {width}×{height} pixels")]
    Outside {
        /// The zone.
        zone: String,
        /// Width of the picture in pixels.
        width: u32,
        /// Height of the picture in pixels.
        height: u32,
    },
}

impl Length {
    fn pixels(self, side: u32) -> f32 {
        match self {
            Self::Pixels(pixels) => pixels,
            Self::Percent(percent) => side as f32 * percent / 100.0,
        }
    }

    fn is_nothing(self) -> bool {
        matches!(self, Self::Pixels(0.0) | Self::Percent(0.0))
    }
}

/// Whether both are in percent and more than the whole together.
fn beyond(a: Length, b: Length) -> bool {
    matches!((a, b), (Length::Percent(a), Length::Percent(b)) if a + b > 100.001)
}

impl FromStr for Length {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        let text = text.trim();
        let (digits, percent) = text.strip_suffix('%').map_or((text, false), |digits| (digits, true));
        let value: f32 = digits.trim().parse().map_err(|_| ZoneError::Length(text.to_owned()))?;
        let range = |range| ZoneError::Range { length: text.to_owned(), range };
        match percent {
            true if (0.0..=100.0).contains(&value) => Ok(Self::Percent(value)),
            true => Err(range("0% to 100%")),
            false if (0.0..=FARTHEST).contains(&value) => Ok(Self::Pixels(value)),
            false => Err(range("0 to 1000000 pixels")),
        }
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        let parts: Vec<&str> = text.split(',').collect();
        let [left, top, width, height] = parts[..] else { return Err(ZoneError::Form(text.to_owned())) };
        let zone =
            Self { left: left.parse()?, top: top.parse()?, width: width.parse()?, height: height.parse()? };
        if zone.width.is_nothing() || zone.height.is_nothing() {
            return Err(ZoneError::Empty(text.to_owned()));
        }
        if beyond(zone.left, zone.width) || beyond(zone.top, zone.height) {
            return Err(ZoneError::Beyond(text.to_owned()));
        }
        Ok(zone)
    }
}

impl TryFrom<String> for Zone {
    type Error = ZoneError;

    fn try_from(text: String) -> Result<Self, ZoneError> {
        text.parse()
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pixels(pixels) => write!(f, "{pixels}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{},{}", self.left, self.top, self.width, self.height)
    }
}

impl Zone {
    /// The part of it that lies in a picture of `width` × `height` pixels.
    fn rect(&self, width: u32, height: u32) -> Option<RectF> {
        let (left, top) = (self.left.pixels(width), self.top.pixels(height));
        let zone = RectF {
            left,
            top,
            right: left + self.width.pixels(width),
            bottom: top + self.height.pixels(height),
        };
        zone.intersection(&RectF { left: 0.0, top: 0.0, right: width as f32, bottom: height as f32 })
    }
}

/// Where the zones lie in a picture of `width` × `height` pixels, clipped to it.
///
/// # Errors
/// [`ZoneError::Outside`] if a zone that is to be hidden lies outside the picture: it was meant to hide
/// something. One that keeps faces visible may.
pub fn resolve(hide: &[Zone], keep: &[Zone], width: u32, height: u32) -> Result<Zones, ZoneError> {
    let outside = |zone: &Zone| ZoneError::Outside { zone: zone.to_string(), width, height };
    let hide = hide.iter().map(|zone| zone.rect(width, height).ok_or_else(|| outside(zone)));
    Ok(Zones {
        hide: hide.collect::<Result<_, _>>()?,
        keep: keep.iter().filter_map(|zone| zone.rect(width, height)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(left: f32, top: f32, right: f32, bottom: f32) -> RectF {
        RectF { left, top, right, bottom }
    }

    #[test]
    fn pixels_and_percent() {
        let cases = [
            ("10,20,30,40", rect(10.0, 20.0, 40.0, 60.0)),
            ("10%,20%,30%,40%", rect(20.0, 20.0, 80.0, 60.0)),
            (" 0 , 50% , 100% , 10.5 ", rect(0.0, 50.0, 200.0, 60.5)),
            ("190,90,50,50", rect(190.0, 90.0, 200.0, 100.0)),
        ];
        for (text, want) in cases {
            let zone: Zone = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(resolve(&[zone], &[zone], 200, 100).unwrap().hide, [want], "{text}");
            let again: Zone = zone.to_string().parse().unwrap();
            assert_eq!(again, zone, "{text}");
        }
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        let cases = [
            ("", "is not X,Y,WIDTH,HEIGHT"),
            ("1,2,3", "is not X,Y,WIDTH,HEIGHT"),
            ("1,2,3,4,5", "is not X,Y,WIDTH,HEIGHT"),
            ("1,2,3,x", "neither pixels"),
            ("1,2,3,", "neither pixels"),
            ("1,2,3,%", "neither pixels"),
            ("NaN,2,3,4", "must be 0 to 1000000 pixels"),
            ("1,2,inf,4", "must be 0 to 1000000 pixels"),
            ("-1,2,3,4", "must be 0 to 1000000 pixels"),
            ("1,2,3,1e30", "must be 0 to 1000000 pixels"),
            ("1,2,3,101%", "must be 0% to 100%"),
            ("1,-2%,3,4", "must be 0% to 100%"),
            ("1,2,0,4", "covers nothing"),
            ("1,2,3,0%", "covers nothing"),
            ("60%,0,60%,4", "beyond 100 %"),
            ("0,60%,4,60%", "beyond 100 %"),
        ];
        for (text, words) in cases {
            let error = text.parse::<Zone>().expect_err(text).to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_hide_zone_outside_the_picture_is_an_error_and_a_keep_zone_is_not() {
        let zone: Zone = "300,0,10,10".parse().unwrap();
        let error = resolve(&[zone], &[], 200, 100).unwrap_err().to_string();
        assert_eq!(error, "the hide zone 300,0,10,10 lies outside the picture of 200×100 pixels");
        assert_eq!(resolve(&[], &[zone], 200, 100), Ok(Zones::default()));
    }
}
