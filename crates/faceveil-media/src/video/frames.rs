//! Frames on their way, and the memory they lie in.

use std::sync::mpsc::{Receiver, Sender, channel};

use faceveil_core::raster::Samples;

use super::PixelLayout;

/// A frame in the decoder's layout, planes one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// When it is shown, in ticks of the video's time base.
    pub pts: i64,
    /// Its samples; those of 10 bits lie in the low bits.
    pub samples: Samples,
}

impl Frame {
    /// A black or green frame of the right length.
    pub fn empty(layout: PixelLayout, width: u32, height: u32) -> Self {
        let bytes = layout.frame_bytes(width, height);
        let samples =
            if layout.bits > 8 { Samples::U16(vec![0; bytes / 2]) } else { Samples::U8(vec![0; bytes]) };
        Self { pts: 0, samples }
    }

    /// The samples as they go through a pipe, on machines whose lower byte comes first.
    pub fn bytes(&self) -> &[u8] {
        match &self.samples {
            Samples::U8(samples) => samples,
            Samples::U16(samples) => bytemuck::cast_slice(samples),
        }
    }

    /// As [`Self::bytes`], to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.samples {
            Samples::U8(samples) => samples,
            Samples::U16(samples) => bytemuck::cast_slice_mut(samples),
        }
    }

    /// Turns the bytes of each sample around where the machine's are the other way.
    pub(super) fn order(&mut self) {
        if cfg!(target_endian = "big")
            && let Samples::U16(samples) = &mut self.samples
        {
            samples.iter_mut().for_each(|s| *s = s.swap_bytes());
        }
    }
}

/// Frames that were used and can be used again: a frame's memory is never given back in between.
#[derive(Debug)]
pub(super) struct Pool {
    back: Receiver<Frame>,
    give: Sender<Frame>,
}

impl Pool {
    pub(super) fn new() -> Self {
        let (give, back) = channel();
        Self { back, give }
    }

    /// Where used frames go.
    pub(super) fn give(&self) -> Sender<Frame> {
        self.give.clone()
    }

    /// A used frame, or a new one.
    pub(super) fn take(&self, layout: PixelLayout, width: u32, height: u32) -> Frame {
        let used =
            self.back.try_iter().find(|frame| frame.bytes().len() == layout.frame_bytes(width, height));
        used.unwrap_or_else(|| Frame::empty(layout, width, height))
    }
}
