//! One block of 64 coefficients from the bits of a scan, ITU-T T.81 annexes F and G.

use crate::jpeg::entropy::{Kind, Scan, Tables};
use crate::jpeg::huffman::{Bits, Huffman};
use crate::jpeg::units::{self, Recorder};

/// Coefficients in zig-zag order.
pub(super) type Block = [i16; 64];

/// What carries over from block to block until the next restart.
#[derive(Default)]
pub(super) struct State {
    /// The component whose block is next.
    pub component: usize,
    /// The last DC coefficient of each component.
    previous: [i32; 4],
    /// Blocks to come without new coefficients.
    skip: u32,
}

/// Reads one block into `to`; `None` for a code that cannot be.
#[inline]
pub(super) fn read(
    bits: &mut Bits,
    kind: Kind,
    scan: &Scan,
    (dc, ac): Tables,
    to: &mut Block,
    state: &mut State,
) -> Option<()> {
    match kind {
        Kind::Sequential => sequential(bits, dc?, ac?, to, state),
        Kind::DcFirst => {
            to[0] = dc_value(bits, dc?, state, scan.low)?;
            Some(())
        }
        Kind::DcRefine => {
            to[0] |= (bits.take(1) << scan.low) as i16;
            Some(())
        }
        Kind::AcFirst => ac_first(bits, ac?, scan, to, state),
        Kind::AcRefine => ac_refine(bits, ac?, scan, to, state),
    }
}

/// A number of `size` bits, whose first bit is its sign (T.81 table F.1 and figure F.12).
#[inline]
fn signed(bits: &mut Bits, size: u32) -> i32 {
    let value = bits.take(size) as i32;
    if size > 0 && value < 1 << (size - 1) { value - (1 << size) + 1 } else { value }
}

/// A DC coefficient; differences have at most 11 bits at 8 bits a sample.
#[inline]
fn dc_value(bits: &mut Bits, dc: &Huffman, state: &mut State, low: u8) -> Option<i16> {
    let size = bits.symbol(dc).filter(|&s| s <= 11)?;
    let previous = &mut state.previous[state.component & 3];
    *previous = previous.wrapping_add(signed(bits, size.into()));
    Some(previous.wrapping_shl(low.into()) as i16)
}

/// T.81 section F.2.2.
fn sequential(bits: &mut Bits, dc: &Huffman, ac: &Huffman, to: &mut Block, state: &mut State) -> Option<()> {
    to[0] = dc_value(bits, dc, state, 0)?;
    let mut k = 1;
    while k < 64 {
        let symbol = bits.symbol(ac)?;
        match (usize::from(symbol >> 4), u32::from(symbol & 15)) {
            (15, 0) => k += 16,
            (_, 0) => break,
            (run, size) => {
                k += run;
                *to.get_mut(k)? = signed(bits, size) as i16;
                k += 1;
            }
        }
    }
    Some(())
}

/// Reads one sequential block straight into a recording, or only over it. `previous` is the scan's
/// last DC coefficient of each component.
#[inline]
pub(super) fn record(
    bits: &mut Bits,
    (dc, ac): Tables,
    component: usize,
    mut to: Option<&mut Recorder>,
    previous: &mut [i32; 4],
) -> Option<()> {
    let (size, difference) = bits.coded(dc?).filter(|&(size, _)| size <= 11)?;
    let previous = &mut previous[component & 3];
    *previous = previous.wrapping_add(units::value(difference, size.into()));
    if let Some(to) = &mut to {
        to.dc(component, *previous);
    }
    let ac = ac?;
    let (mut k, mut zeros) = (1, 0);
    while k < 64 {
        let (symbol, value) = bits.coded(ac)?;
        match (usize::from(symbol >> 4), symbol & 15) {
            (15, 0) => {
                k += 16;
                zeros += 1;
            }
            (_, 0) => {
                zeros = 1;
                break;
            }
            (run, _) => {
                k += run + 1;
                if k > 64 {
                    return None;
                }
                if let Some(to) = &mut to {
                    (0..zeros).for_each(|_| to.ac(0xF0, 0));
                    to.ac(symbol, value);
                }
                zeros = 0;
            }
        }
    }
    // Zeros up to the end have one form only, whatever the source wrote.
    if let (Some(to), true) = (to, zeros > 0) {
        to.ac(0, 0);
    }
    Some(())
}

/// T.81 section G.1.2.2.
fn ac_first(bits: &mut Bits, ac: &Huffman, scan: &Scan, to: &mut Block, state: &mut State) -> Option<()> {
    if state.skip > 0 {
        state.skip -= 1;
        return Some(());
    }
    let end = usize::from(scan.end);
    let mut k = usize::from(scan.start);
    while k <= end {
        let symbol = bits.symbol(ac)?;
        match (usize::from(symbol >> 4), u32::from(symbol & 15)) {
            (15, 0) => k += 16,
            (run, 0) => {
                state.skip = (1 << run) - 1 + bits.take(run as u32);
                break;
            }
            (run, size) => {
                k += run;
                if k > end {
                    return None;
                }
                to[k] = signed(bits, size).wrapping_shl(scan.low.into()) as i16;
                k += 1;
            }
        }
    }
    Some(())
}

/// T.81 section G.1.2.3: new coefficients of one bit, and a correction bit for each old one that
/// is passed over.
fn ac_refine(bits: &mut Bits, ac: &Huffman, scan: &Scan, to: &mut Block, state: &mut State) -> Option<()> {
    let (end, step) = (usize::from(scan.end), 1i16 << scan.low);
    let mut k = usize::from(scan.start);
    while k <= end && state.skip == 0 {
        let symbol = bits.symbol(ac)?;
        let run = usize::from(symbol >> 4);
        let new = match symbol & 15 {
            0 if run < 15 => {
                state.skip = (1 << run) + bits.take(run as u32);
                break;
            }
            0 => 0,
            1 if bits.take(1) == 1 => step,
            1 => -step,
            _ => return None,
        };
        k = pass(bits, &mut to[..=end], k, run, step);
        if new != 0 {
            *to[..=end].get_mut(k)? = new;
        }
        k += 1;
    }
    if state.skip > 0 {
        state.skip -= 1;
        pass(bits, &mut to[..=end], k, usize::MAX, step);
    }
    Some(())
}

/// Corrects old coefficients from `k` on until `run` zeros are passed; gives where the next zero
/// stands, or the end.
fn pass(bits: &mut Bits, to: &mut [i16], mut k: usize, mut run: usize, step: i16) -> usize {
    while let Some(old) = to.get_mut(k) {
        if *old != 0 {
            if bits.take(1) == 1 && *old & step == 0 {
                *old = if *old > 0 { old.wrapping_add(step) } else { old.wrapping_sub(step) };
            }
        } else if run == 0 {
            break;
        } else {
            run -= 1;
        }
        k += 1;
    }
    k
}
