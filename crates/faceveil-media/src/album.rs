//! All pictures of a file: the pages of a TIFF, the frames of an animation, or a single one.

use crate::Photo;
use faceveil_core::raster::Samples;

/// One picture or more that came from one file and go into one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Album {
    /// Never empty.
    pages: Vec<Photo>,
    motion: Option<Motion>,
}

/// How long the frames of an animation are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Motion {
    /// How often all is shown; 0 is without end.
    pub plays: u32,
    /// One a frame.
    pub delays: Vec<Delay>,
}

/// A time as a fraction of a second, as the file had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Above the line.
    pub numerator: u32,
    /// Below the line, never 0.
    pub denominator: u32,
}

impl Delay {
    /// The time in units of which `per_second` make a second, rounded to the nearest.
    pub fn in_units(self, per_second: u32) -> u64 {
        let (n, d) = (u64::from(self.numerator) * u64::from(per_second), u64::from(self.denominator.max(1)));
        (n + d / 2) / d
    }
}

impl Album {
    /// `None` without pictures, or unless there are as many delays.
    pub fn new(pages: Vec<Photo>, motion: Option<Motion>) -> Option<Self> {
        let fits = motion.as_ref().is_none_or(|m| m.delays.len() == pages.len());
        (!pages.is_empty() && fits).then_some(Self { pages, motion })
    }

    /// The pictures, one at least.
    pub fn pages(&self) -> &[Photo] {
        &self.pages
    }

    /// The pictures, to be changed.
    pub fn pages_mut(&mut self) -> &mut [Photo] {
        &mut self.pages
    }

    /// The pictures, without their timing.
    pub fn into_pages(self) -> Vec<Photo> {
        self.pages
    }

    /// The first picture.
    pub fn first(&self) -> &Photo {
        &self.pages[0]
    }

    /// Its timing, if it moves.
    pub fn motion(&self) -> Option<&Motion> {
        self.motion.as_ref()
    }

    /// Whether it is one picture that does not move.
    pub fn is_still(&self) -> bool {
        self.pages.len() == 1 && self.motion.is_none()
    }

    /// Whether all pictures have the same size and the same kind of samples.
    pub(crate) fn is_of_one_size(&self) -> bool {
        let kind = |photo: &Photo| {
            let wide = matches!(photo.raster.samples(), Samples::U16(_));
            (photo.raster.width(), photo.raster.height(), wide)
        };
        self.pages.iter().all(|photo| kind(photo) == kind(self.first()))
    }

    /// The only picture; the album, if there are more or it moves.
    ///
    /// # Errors
    /// The album itself.
    pub fn into_still(mut self) -> Result<Photo, Box<Self>> {
        match self.pages.pop() {
            Some(photo) if self.pages.is_empty() && self.motion.is_none() => Ok(photo),
            last => {
                self.pages.extend(last);
                Err(Box::new(self))
            }
        }
    }
}

impl From<Photo> for Album {
    fn from(photo: Photo) -> Self {
        Self { pages: vec![photo], motion: None }
    }
}
