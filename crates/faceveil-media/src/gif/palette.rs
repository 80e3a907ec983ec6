//! Palettes: which 256 colours a frame gets.

use faceveil_core::raster::Color;
use std::collections::{HashMap, HashSet};

pub(super) type Rgb = [u8; 3];

/// The opaque colours and how many pixels each has, most frequent first. Opacity under one half is none.
pub(super) fn colours(samples: &[u8], color: Color) -> Vec<(Rgb, u32)> {
    let mut counts: HashMap<Rgb, u32> = HashMap::new();
    for pixel in samples.chunks_exact(color.channels()) {
        if let Some(colour) = opaque(pixel) {
            *counts.entry(colour).or_default() += 1;
        }
    }
    let mut all: Vec<(Rgb, u32)> = counts.into_iter().collect();
    all.sort_unstable_by_key(|&(colour, count)| (std::cmp::Reverse(count), colour));
    all
}

/// The colour of a grey, grey and opacity, RGB or RGBA pixel; `None` if it is seen through.
pub(super) fn opaque(pixel: &[u8]) -> Option<Rgb> {
    match *pixel {
        [g] => Some([g; 3]),
        [g, a] => (a >= 128).then_some([g; 3]),
        [r, g, b] => Some([r, g, b]),
        [r, g, b, a] => (a >= 128).then_some([r, g, b]),
        _ => None,
    }
}

/// At most `most` colours for a frame of these `present` ones. All, if they fit; else first those that are
/// `wanted`, and averages of boxes of the others (median cut: Heckbert 1982) in what is left.
pub(super) fn choose(present: &[(Rgb, u32)], wanted: &[Rgb], most: usize) -> Vec<Rgb> {
    if present.len() <= most {
        return present.iter().map(|&(colour, _)| colour).collect();
    }
    let wanted: HashSet<Rgb> = wanted.iter().copied().collect();
    let (kept, others): (Vec<_>, Vec<_>) = present.iter().copied().partition(|(c, _)| wanted.contains(c));
    let mut palette: Vec<Rgb> = kept.into_iter().map(|(colour, _)| colour).take(most).collect();
    let left = most - palette.len();
    palette.extend(median_cut(others, left));
    palette
}

fn median_cut(colours: Vec<(Rgb, u32)>, boxes: usize) -> Vec<Rgb> {
    if boxes == 0 || colours.is_empty() {
        return Vec::new();
    }
    let mut all = vec![colours];
    while all.len() < boxes {
        let widest = (0..all.len()).max_by_key(|&i| widest(&all[i]).1);
        let Some(i) = widest.filter(|&i| all[i].len() > 1) else { break };
        let (channel, _) = self::widest(&all[i]);
        all[i].sort_unstable_by_key(|(colour, _)| colour[channel]);
        let middle = all[i].len() / 2;
        let half = all[i].split_off(middle);
        all.push(half);
    }
    all.iter().map(|colours| average(colours)).collect()
}

/// The channel with the widest range, and its range.
fn widest(colours: &[(Rgb, u32)]) -> (usize, u8) {
    let range = |c: usize| {
        let values = colours.iter().map(|(colour, _)| colour[c]);
        values.clone().max().unwrap_or(0) - values.min().unwrap_or(0)
    };
    (0..3).map(|c| (c, range(c))).max_by_key(|&(_, range)| range).unwrap_or((0, 0))
}

fn average(colours: &[(Rgb, u32)]) -> Rgb {
    let total: u64 = colours.iter().map(|&(_, n)| u64::from(n)).sum();
    let mean = |c: usize| {
        let sum: u64 = colours.iter().map(|&(colour, n)| u64::from(colour[c]) * u64::from(n)).sum();
        ((sum + total / 2) / total.max(1)) as u8
    };
    [mean(0), mean(1), mean(2)]
}

/// Index of each colour's nearest in the palette by squared distance; the colour itself if it is there.
pub(super) fn nearest(present: &[(Rgb, u32)], palette: &[Rgb]) -> HashMap<Rgb, u8> {
    let distance =
        |a: Rgb, b: Rgb| -> u32 { a.iter().zip(b).map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2)).sum() };
    let index = |colour: Rgb| {
        let best = palette.iter().enumerate().min_by_key(|&(_, &c)| distance(c, colour));
        best.map_or(0, |(i, _)| i as u8)
    };
    present.iter().map(|&(colour, _)| (colour, index(colour))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wanted_colours_stay_exact_when_there_are_too_many() {
        let present: Vec<(Rgb, u32)> =
            (0..400u32).map(|i| ([(i % 256) as u8, (i / 256) as u8, 7], 1)).collect();
        let wanted: Vec<Rgb> = present[100..340].iter().map(|&(c, _)| c).collect();
        let palette = choose(&present, &wanted, 255);
        assert_eq!(palette.len(), 255);
        let map = nearest(&present, &palette);
        assert!(wanted.iter().all(|c| palette[usize::from(map[c])] == *c));
        assert_eq!(choose(&present[..255], &[], 255).len(), 255);
    }
}
