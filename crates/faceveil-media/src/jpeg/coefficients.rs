//! The coefficients of a JPEG that comes in several scans, until all have been read.

use crate::jpeg::block::Block;
use crate::jpeg::header::Frame;
use crate::jpeg::units::{self, Recorder, Sparse, Units};

/// All blocks of a frame, by rows of units, so that a row can be let go once it is written.
#[derive(Debug)]
pub(super) struct Coefficients {
    /// Each row holds component after component, each of those row by row; empty until its first
    /// block comes, so that a header's mere promise takes no memory.
    rows: Vec<Vec<Block>>,
    layout: Vec<Layout>,
    /// Blocks a row.
    len: usize,
}

/// Where a component's blocks are in a row of units.
#[derive(Clone, Copy, Debug)]
struct Layout {
    start: usize,
    across: usize,
    horizontal: usize,
    vertical: usize,
}

impl Coefficients {
    pub fn new(frame: &Frame) -> Self {
        let (across, down) = frame.units();
        let mut layout = Vec::new();
        let mut len = 0;
        for c in &frame.components {
            let (horizontal, vertical) = (usize::from(c.horizontal), usize::from(c.vertical));
            let across = across as usize * horizontal;
            layout.push(Layout { start: len, across, horizontal, vertical });
            len += across * vertical;
        }
        Self { rows: vec![Vec::new(); down as usize], layout, len }
    }

    /// Block `(x, y)` of a component.
    #[inline]
    pub fn block_mut(&mut self, component: usize, x: usize, y: usize) -> Option<&mut Block> {
        let layout = self.layout[component];
        let row = self.rows.get_mut(y / layout.vertical)?;
        if row.is_empty() {
            *row = vec![[0; 64]; self.len];
        }
        row.get_mut(layout.start + y % layout.vertical * layout.across + x)
    }

    /// The picture in little memory, and whether all coefficients are those of a picture of 8 bits.
    pub fn units(self, frame: &Frame) -> (Units, bool) {
        let layout = units::Layout::new(frame);
        let mut recorder = Recorder::default();
        let mut unit = vec![Sparse::EMPTY; layout.slots.len()];
        // Each row's memory goes as soon as it is recorded.
        for (y, row) in self.rows.into_iter().enumerate() {
            for x in 0..layout.across {
                for (slot, block) in layout.slots.iter().zip(&mut unit) {
                    let own = &self.layout[slot.component];
                    let at = own.start + slot.dy * own.across + x * own.horizontal + slot.dx;
                    *block = row.get(at).map_or(Sparse::EMPTY, Sparse::from);
                }
                recorder.unit(&layout, (x, y), &unit);
            }
            recorder.end_row();
        }
        let (rows, sound) = recorder.finish();
        (Units { layout, rows }, sound)
    }
}
