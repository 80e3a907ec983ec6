//! Turns a picture upright without loss: by the order and the signs of its coefficients.
//!
//! Mirroring a block negates its odd frequencies, transposing it transposes them (both follow from
//! the cosines; jpegtran's transupp.c does the same).

use crate::jpeg::header::{Frame, ZIGZAG};
use crate::jpeg::units::{Layout, Recorder, Row, Rows, Sparse, Units, places};
use crate::orientation::Orientation;

/// The frame of the upright picture.
pub(super) fn upright_frame(frame: &Frame, orientation: Orientation) -> Frame {
    let mut upright = frame.clone();
    if orientation.swaps_sides() {
        (upright.width, upright.height) = (frame.height, frame.width);
        for c in &mut upright.components {
            (c.horizontal, c.vertical) = (c.vertical, c.horizontal);
        }
    }
    upright
}

/// The picture upright; `None` if a mirrored side is not made of whole units: what fills up the last
/// one would come to stand at the beginning.
pub(super) fn upright(units: Units, frame: &Frame, orientation: Orientation) -> Option<Units> {
    if orientation == Orientation::UPRIGHT {
        return Some(units);
    }
    let (across_px, down_px) = frame.unit_size();
    let (from_right, from_bottom) = (orientation.mirrors_columns(), orientation.mirrors_rows());
    let ragged = (from_right && !frame.width.is_multiple_of(across_px))
        || (from_bottom && !frame.height.is_multiple_of(down_px));
    if ragged {
        return None;
    }
    let layout = Layout::new(&upright_frame(frame, orientation));
    let turn = Turn { map: block_map(orientation), slots: slot_map(&units.layout, &layout, orientation) };
    let mut rows = if orientation.swaps_sides() {
        turn.columns(&units, &layout, from_bottom)
    } else {
        turn.lines(&units, &layout, from_right)
    };
    // The rows came in the order of the stored columns or rows.
    if if orientation.swaps_sides() { from_right } else { from_bottom } {
        rows.reverse();
    }
    Some(Units { layout, rows })
}

struct Turn {
    /// By zig-zag index of the stored block: where it goes, and its sign.
    map: [(u8, i16); 64],
    /// By upright slot, the stored one.
    slots: Vec<usize>,
}

impl Turn {
    /// Stored rows, which stay rows.
    fn lines(&self, units: &Units, to: &Layout, reversed: bool) -> Rows {
        let slots = to.slots.len();
        let mut recorder = Recorder::default();
        let mut blocks = vec![Sparse::EMPTY; slots * to.across];
        let mut upright = vec![Sparse::EMPTY; slots];
        for (y, row) in units.rows.iter().enumerate() {
            let mut cursor = row.cursor();
            blocks.chunks_exact_mut(slots).for_each(|unit| cursor.unit(&units.layout.slots, unit));
            for x in 0..to.across {
                let from = if reversed { to.across - 1 - x } else { x };
                // Where rows are reversed, none is a filler, so the number of the row is of no matter.
                self.unit(&blocks[from * slots..(from + 1) * slots], &mut upright);
                recorder.unit(to, (x, y), &upright);
            }
            recorder.end_row();
        }
        recorder.finish().0
    }

    /// Stored columns, which become rows: each stored row gives a unit to each of them.
    fn columns(&self, units: &Units, to: &Layout, reversed: bool) -> Rows {
        let mut recorder = Recorder::default();
        let mut cursors: Vec<_> = units.rows.iter().map(Row::cursor).collect();
        if reversed {
            cursors.reverse();
        }
        let mut blocks = vec![Sparse::EMPTY; to.slots.len()];
        let mut upright = blocks.clone();
        for y in 0..to.down {
            for (x, cursor) in cursors.iter_mut().enumerate() {
                cursor.unit(&units.layout.slots, &mut blocks);
                self.unit(&blocks, &mut upright);
                recorder.unit(to, (x, y), &upright);
            }
            recorder.end_row();
        }
        recorder.finish().0
    }

    /// A stored unit's blocks, turned, in the order of the upright slots.
    fn unit(&self, stored: &[Sparse], upright: &mut [Sparse]) {
        for (&from, to) in self.slots.iter().zip(upright) {
            let from = &stored[from];
            to.clear();
            for k in places(from.occupied) {
                let (at, sign) = self.map[k];
                to.set(at.into(), from.block[k] * sign);
            }
        }
    }
}

fn block_map(orientation: Orientation) -> [(u8, i16); 64] {
    let mut zigzag_of = [0u8; 64];
    for (k, &natural) in ZIGZAG.iter().enumerate() {
        zigzag_of[usize::from(natural)] = k as u8;
    }
    ZIGZAG.map(|natural| {
        let (v, u) = (usize::from(natural) / 8, usize::from(natural) % 8);
        let odd = (orientation.mirrors_columns() && u % 2 == 1) != (orientation.mirrors_rows() && v % 2 == 1);
        let to = if orientation.swaps_sides() { u * 8 + v } else { v * 8 + u };
        (zigzag_of[to], if odd { -1 } else { 1 })
    })
}

fn slot_map(stored: &Layout, upright: &Layout, orientation: Orientation) -> Vec<usize> {
    let from = |slot: &crate::jpeg::units::Slot| {
        let [h, v] = stored.components[slot.component].0;
        let (mut dx, mut dy) = (slot.dx, slot.dy);
        if orientation.swaps_sides() {
            (dx, dy) = (dy, dx);
        }
        let dx = if orientation.mirrors_columns() { h - 1 - dx } else { dx };
        let dy = if orientation.mirrors_rows() { v - 1 - dy } else { dy };
        stored.slot(slot.component, dx, dy)
    };
    upright.slots.iter().map(from).collect()
}
