//! One block of 64 coefficients from the bits of a scan, ITU-T T.81 annexes F and G.

use crate::jpeg::entropy::{Kind, Scan, Tables};
use crate::jpeg::huffman::{Bits, Huffman};

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

/// Reads one block into `to`, or only over it; `None` for a code that cannot be.
#[inline]
pub(super) fn read(
    bits: &mut Bits,
    kind: Kind,
    scan: &Scan,
    (dc, ac): Tables,
    to: Option<&mut Block>,
    state: &mut State,
) -> Option<()> {
    match (kind, to) {
        (Kind::Sequential, to) => sequential(bits, dc?, ac?, to, state),
        (Kind::DcFirst, Some(to)) => {
            to[0] = dc_value(bits, dc?, state, scan.low)?;
            Some(())
        }
        (Kind::DcRefine, Some(to)) => {
            to[0] |= (bits.take(1) << scan.low) as i16;
            Some(())
        }
        (Kind::AcFirst, Some(to)) => ac_first(bits, ac?, scan, to, state),
        (Kind::AcRefine, Some(to)) => ac_refine(bits, ac?, scan, to, state),
        (_, None) => None,
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
fn sequential(
    bits: &mut Bits,
    dc: &Huffman,
    ac: &Huffman,
    mut to: Option<&mut Block>,
    state: &mut State,
) -> Option<()> {
    let first = dc_value(bits, dc, state, 0)?;
    if let Some(to) = &mut to {
        to[0] = first;
    }
    let mut k = 1;
    while k < 64 {
        let symbol = bits.symbol(ac)?;
        match (usize::from(symbol >> 4), u32::from(symbol & 15)) {
            (15, 0) => k += 16,
            (_, 0) => break,
            (run, size) => {
                k += run;
                if k > 63 {
                    return None;
                }
                let value = signed(bits, size);
                if let Some(to) = &mut to {
                    to[k] = value as i16;
                }
                k += 1;
            }
        }
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
