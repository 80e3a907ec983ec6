//! Spreading bits over a map of bits: along what is connected, and by a distance.

use super::hidden::MOST_WORDS;

/// Spreads `sure` over all of `likely` that is connected to it (8 neighbours). Both have `words` words a row.
pub(super) fn connect(words: usize, likely: &[u32], sure: &mut [u32]) {
    let rows = likely.len() / words;
    let mut changed = true;
    while changed {
        changed = false;
        for step in 0..2 * rows {
            // Down, then up again.
            let y = if step < rows { step } else { 2 * rows - 1 - step };
            let row = likely.get(y * words..(y + 1) * words).unwrap_or_default();
            for (index, &allowed) in row.iter().enumerate() {
                let Some(&old) = sure.get(y * words + index) else { continue };
                // Most words are either empty or full.
                if old == allowed {
                    continue;
                }
                let new = flood(around(words, rows, (index, y), sure) & allowed | old, allowed);
                if let Some(word) = sure.get_mut(y * words + index) {
                    changed |= new != old;
                    *word = new;
                }
            }
        }
    }
}

/// The bits of a word and of all its neighbours, brought over it.
fn around(words: usize, rows: usize, (index, y): (usize, usize), map: &[u32]) -> u32 {
    let mut near = 0;
    for row in y.saturating_sub(1)..(y + 2).min(rows) {
        let at = |index: usize| map.get(row * words + index).copied().unwrap_or(0);
        let before = if index > 0 { at(index - 1) } else { 0 };
        let behind = if index + 1 < words { at(index + 1) } else { 0 };
        let here = at(index);
        near |= here | here << 1 | here >> 1 | before >> 31 | behind << 31;
    }
    near
}

/// Spreads the set bits along their runs in `allowed`.
fn flood(mut set: u32, allowed: u32) -> u32 {
    loop {
        let wider = (set | set << 1 | set >> 1) & allowed | set;
        if wider == set {
            return set;
        }
        set = wider;
    }
}

/// Sets in `to` every pixel within the distance of one that is set in `from`.
pub(super) fn grow(words: usize, columns: usize, squared: u32, from: &[u32], to: &mut [u32]) {
    let rows = from.len() / words;
    let reach = squared.isqrt();
    to.fill(0);
    let mut wide = [0; MOST_WORDS];
    let Some(wide) = wide.get_mut(..words) else { return };
    for (y, row) in from.chunks_exact(words).enumerate() {
        if row.iter().all(|&word| word == 0) {
            continue;
        }
        wide.copy_from_slice(row);
        let mut along = 0;
        // The farther a row lies, the less far along it.
        for down in (0..=reach).rev() {
            while (along + 1) * (along + 1) + down * down <= squared {
                widen(wide);
                along += 1;
            }
            let below = y + down as usize;
            let above = y.checked_sub(down as usize).filter(|&above| above != below);
            for other in [above, Some(below).filter(|&below| below < rows)].into_iter().flatten() {
                let out = to.get_mut(other * words..(other + 1) * words).unwrap_or_default();
                out.iter_mut().zip(&*wide).for_each(|(out, word)| *out |= word);
            }
        }
    }
    // Bits behind the last column are no pixels.
    let last = columns % 32;
    if last > 0 {
        to.chunks_exact_mut(words).filter_map(|row| row.last_mut()).for_each(|word| *word &= (1 << last) - 1);
    }
}

/// Spreads a row by a pixel to both sides.
fn widen(row: &mut [u32]) {
    let mut before = 0;
    let mut rest = row;
    while let Some((word, behind)) = core::mem::take(&mut rest).split_first_mut() {
        let here = *word;
        *word = here | here << 1 | here >> 1 | before >> 31 | behind.first().copied().unwrap_or(0) << 31;
        (before, rest) = (here, behind);
    }
}
