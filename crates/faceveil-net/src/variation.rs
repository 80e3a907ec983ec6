//! Variations of the `gate` network, by name: what a search over sizes walks through.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::family::{GateConfig, Level, gates};

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

/// What a sweep tries unless told otherwise: `gate` (the first) with one or two of its numbers changed, three sizes of input,
/// and `gate-96`, which is narrow where most parameters are and deep everywhere.
pub const SWEEP: [&str; 12] = [
    "gate-128-w100-d2-b4",
    "gate-128-w75-d2-b4",
    "gate-128-w50-d2-b4",
    "gate-128-w100-d1-b4",
    "gate-128-w75-d1-b4",
    "gate-128-w100-d2-b8",
    "gate-96-w100-d2-b4",
    "gate-96-w75-d1-b4",
    "gate-96-w75-d0-b4",
    "gate-96-w50-d2-b4",
    "gate-96",
    "gate-160-w75-d2-b4",
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

/// Channels of a level, its blocks, how much wider they are inside, and how much wider the block that leads to it is.
const LEVEL: [core::ops::RangeInclusive<usize>; 4] = [4..=256, 0..=4, 1..=4, 1..=4];
const LEVELS: core::ops::RangeInclusive<usize> = 1..=5;

/// A gate network spelled out: `gate-SIDE_LEVEL_LEVEL...`, from the finest level to the coarsest, each
/// `CHANNELS.BLOCKS.EXPAND.ENTER` as in [`Level`], with squares of 4 × 4 pixels. `None` if `name` is no such name.
pub(crate) fn spelled(name: &str) -> Option<GateConfig> {
    let mut parts = name.strip_prefix("gate-")?.split('_');
    let side = parts.next()?.parse().ok().filter(|side| SIDES.contains(side))?;
    let levels: Vec<Level> = parts.map(level).collect::<Option<_>>()?;
    if !LEVELS.contains(&levels.len()) {
        return None;
    }
    let found = GateConfig { name: name.to_owned().into(), side, block: 4, levels };
    (spelling(&found) == name).then_some(found)
}

fn level(text: &str) -> Option<Level> {
    let mut numbers =
        text.split('.').zip(LEVEL).map(|(n, range)| n.parse().ok().filter(|n| range.contains(n)));
    let mut number = || numbers.next()?;
    let level = Level { channels: number()?, blocks: number()?, expand: number()?, enter: number()? };
    (text.split('.').count() == LEVEL.len() && level.channels.is_multiple_of(4)).then_some(level)
}

/// What `config` is called when it is spelled out; whole only with squares of 4 × 4 pixels.
pub fn spelling(config: &GateConfig) -> String {
    config.levels.iter().fold(format!("gate-{}", config.side), |name, level| {
        format!("{name}_{}.{}.{}.{}", level.channels, level.blocks, level.expand, level.enter)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gate_by_name, plan};

    #[test]
    fn a_gate_can_be_spelled_out() {
        let gate = gates().swap_remove(0);
        let found = spelled("gate-128_16.2.1.1_24.2.2.2_40.2.2.3_64.2.1.3").unwrap();
        assert_eq!((&found.levels, found.side, found.block), (&gate.levels, 128, 4));
        for name in [
            "gate-128",
            "gate-128_16.1.1",
            "gate-128_16.1.1.1.1",
            "gate-128_15.1.1.1",
            "gate-128_16.5.1.1",
            "gate-128_016.1.1.1",
            "gate-1280_16.1.1.1",
            "gate-128_16.1.1.1_",
            "gate-128_8.1.1.1_8.1.1.1_8.1.1.1_8.1.1.1_8.1.1.1_8.1.1.1",
        ] {
            assert_eq!(spelled(name), None, "{name}");
        }
    }

    #[test]
    fn the_unchanged_one_is_gate() {
        let gate = gates().swap_remove(0);
        let same = Variation::by_name(SWEEP[0]).unwrap().config();
        assert_eq!((same.levels, same.side, same.block), (gate.levels, gate.side, gate.block));
    }

    #[test]
    fn all_of_the_sweep_can_be_planned_and_are_their_own() {
        for (i, name) in SWEEP.iter().enumerate() {
            assert!(!SWEEP[..i].contains(name), "{name} is there twice");
            let config = gate_by_name(name).expect("it is a gate");
            let graph = config.graph().unwrap();
            assert!(plan(&graph).parameters < 80_000, "{name}");
            assert_eq!(graph.output_shape().height, config.side / config.block, "{name}");
        }
    }

    #[test]
    fn narrower_and_shallower_ones_cost_less() {
        let cost = |name: &str| plan(&gate_by_name(name).unwrap().graph().unwrap()).macs;
        let gate = cost("gate-128-w100-d2-b4");
        assert!(cost("gate-128-w75-d2-b4") < gate);
        assert!(cost("gate-128-w100-d1-b4") < gate);
        assert!(cost("gate-96-w100-d2-b4") < gate);
        assert!(cost("gate-160-w100-d2-b4") > gate);
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
