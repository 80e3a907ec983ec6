//! Variations of the `gate` network, by name: what a search over sizes walks through.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use crate::family::{GateConfig, gates};

/// A gate network by four numbers, called `gate-SIDE-wWIDTH-dDEPTH-bBLOCK`: `gate-128-w100-d2-b4` is `gate` itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Variation {
    /// Side of the input, pixels.
    pub side: usize,
    /// Channels of every level in percent of `gate`'s, rounded up to a multiple of 8: the kernels take 4 or 8 at once.
    pub width: usize,
    /// Residual blocks a level at most.
    pub depth: usize,
    /// Side of the squares that the mask has a value for: 4, or 8 without the finest level.
    pub block: usize,
}

/// Limits of the numbers: what is outside is no name.
const SIDES: core::ops::RangeInclusive<usize> = 32..=512;
const WIDTHS: core::ops::RangeInclusive<usize> = 25..=400;
const DEPTHS: core::ops::RangeInclusive<usize> = 0..=4;

const fn variation(side: usize, width: usize, depth: usize, block: usize) -> Variation {
    Variation { side, width, depth, block }
}

/// What a sweep tries unless told otherwise: `gate` with one or two of its numbers changed, and three sizes of input.
pub const SWEEP: [Variation; 12] = [
    variation(128, 100, 2, 4),
    variation(128, 75, 2, 4),
    variation(128, 50, 2, 4),
    variation(128, 100, 1, 4),
    variation(128, 75, 1, 4),
    variation(128, 100, 2, 8),
    variation(96, 100, 2, 4),
    variation(96, 75, 1, 4),
    variation(96, 75, 0, 4),
    variation(96, 50, 2, 4),
    variation(160, 75, 2, 4),
    variation(160, 75, 1, 4),
];

impl Variation {
    /// The variation of that name; `None` if it is none.
    pub fn by_name(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix("gate-")?.split('-');
        let mut number = |prefix: &str| parts.next()?.strip_prefix(prefix)?.parse::<usize>().ok();
        let found = Self { side: number("")?, width: number("w")?, depth: number("d")?, block: number("b")? };
        let sane = SIDES.contains(&found.side) && WIDTHS.contains(&found.width);
        let known = DEPTHS.contains(&found.depth) && [4, 8].contains(&found.block);
        (parts.next().is_none() && sane && known && found.name() == name).then_some(found)
    }

    /// Its name.
    pub fn name(&self) -> Cow<'static, str> {
        let Self { side, width, depth, block } = self;
        format!("gate-{side}-w{width}-d{depth}-b{block}").into()
    }

    /// Its configuration. [`GateConfig::graph`] says whether the side can be halved often enough.
    pub fn config(&self) -> GateConfig {
        let mut config = gates().swap_remove(0);
        let finest = usize::from(self.block == 8);
        let levels = config.levels.drain(finest..);
        let levels: Vec<_> = levels
            .map(|mut level| {
                level.channels = (level.channels * self.width).div_ceil(800).max(1) * 8;
                level.blocks = level.blocks.min(self.depth);
                level
            })
            .collect();
        GateConfig { name: self.name(), side: self.side, block: self.block, levels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    #[test]
    fn the_unchanged_one_is_gate() {
        let gate = gates().swap_remove(0);
        let same = variation(128, 100, 2, 4).config();
        assert_eq!((same.levels, same.side, same.block), (gate.levels, gate.side, gate.block));
    }

    #[test]
    fn all_of_the_sweep_can_be_planned_and_are_their_own() {
        for (i, one) in SWEEP.iter().enumerate() {
            assert_eq!(Variation::by_name(&one.name()), Some(*one));
            assert!(!SWEEP[..i].contains(one), "{} is there twice", one.name());
            let graph = one.config().graph().unwrap();
            assert!(plan(&graph).parameters < 80_000, "{}", one.name());
            let side = one.side / one.block;
            assert_eq!(graph.output_shape().height, side, "{}", one.name());
        }
    }

    #[test]
    fn narrower_and_shallower_ones_cost_less() {
        let cost = |v: Variation| plan(&v.config().graph().unwrap()).macs;
        let gate = cost(variation(128, 100, 2, 4));
        assert!(cost(variation(128, 75, 2, 4)) < gate);
        assert!(cost(variation(128, 100, 1, 4)) < gate);
        assert!(cost(variation(96, 100, 2, 4)) < gate);
        assert!(cost(variation(160, 100, 2, 4)) > gate);
    }

    #[test]
    fn what_is_no_name_is_none() {
        for name in [
            "gate",
            "gate-96",
            "gate-128-w100-d2",
            "gate-128-w100-d2-b5",
            "gate-128-w0-d2-b4",
            "gate-99999999999999999999-w100-d2-b4",
            "gate-0128-w100-d2-b4",
            "gate-128-w100-d2-b4-x",
        ] {
            assert_eq!(Variation::by_name(name), None, "{name}");
        }
    }
}
