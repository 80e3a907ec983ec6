//! Which pictures belong together: the same person, the same photo, or nearly the same look. A group is never divided by
//! a split.

use std::collections::HashMap;

use super::fingerprint::{Look, key};

/// Bits of the look across that near-duplicates differ in at most: what the fixed split of the public pictures takes.
const NEAR_ACROSS: u32 = 6;
/// Bits of the look down. The second look keeps a million aligned portraits, which all have their face in the middle, from
/// growing together to one group.
const NEAR_DOWN: u32 = 10;

/// Sets that are united.
#[derive(Clone, Debug)]
pub struct Groups {
    parent: Vec<u32>,
}

impl Groups {
    /// `len` sets of one each.
    pub fn new(len: usize) -> Self {
        Self { parent: (0..len as u32).collect() }
    }

    /// The smallest number of the set that `at` is in.
    pub fn root(&mut self, at: u32) -> u32 {
        let mut root = at;
        while self.parent[root as usize] != root {
            root = self.parent[root as usize];
        }
        let mut on_the_way = at;
        while self.parent[on_the_way as usize] != root {
            on_the_way = std::mem::replace(&mut self.parent[on_the_way as usize], root);
        }
        root
    }

    /// Makes one set of two.
    pub fn unite(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        // The smaller number stays, so that the result does not depend on the order.
        self.parent[a.max(b) as usize] = a.min(b);
    }

    /// Unites all with the same word.
    pub fn unite_named<'a>(&mut self, names: impl IntoIterator<Item = (u32, &'a str)>) {
        let mut first: HashMap<u64, u32> = HashMap::new();
        for (at, name) in names {
            let other = *first.entry(key(0, name)).or_insert(at);
            self.unite(at, other);
        }
    }

    /// Unites all that look nearly the same, upright or mirrored. Time grows as the square of how many share 16 bits of
    /// their looks, which for a million different pictures are some dozen.
    pub fn unite_near(&mut self, looks: &[(u32, Look)]) {
        let mut distinct: Vec<(Look, u32)> = looks.iter().map(|(at, look)| (*look, *at)).collect();
        distinct.sort_unstable();
        // Equal looks are one, so that a thousand black pictures are not a million pairs.
        distinct.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                self.unite(later.1, first.1);
            }
            same
        });
        let mirrored: Vec<(Look, u32)> = distinct.iter().map(|(look, at)| (look.mirrored(), *at)).collect();
        let mut all = distinct;
        all.extend(mirrored);
        // If at most 6 of 64 bits differ, then at least two of eight bytes are equal: each pair of bytes is searched.
        for first in 0..7 {
            for second in first + 1..8 {
                let part = |look: &Look| {
                    let bytes = look.across.to_le_bytes();
                    u16::from_le_bytes([bytes[first], bytes[second]])
                };
                all.sort_unstable_by_key(|(look, _)| part(look));
                for same in all.chunk_by(|a, b| part(&a.0) == part(&b.0)) {
                    self.unite_pairs(same);
                }
            }
        }
    }

    fn unite_pairs(&mut self, candidates: &[(Look, u32)]) {
        for (i, (a, at)) in candidates.iter().enumerate() {
            for (b, other) in &candidates[i + 1..] {
                if near(a, b) {
                    self.unite(*at, *other);
                }
            }
        }
    }
}

fn near(a: &Look, b: &Look) -> bool {
    (a.across ^ b.across).count_ones() <= NEAR_ACROSS && (a.down ^ b.down).count_ones() <= NEAR_DOWN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::random::Random;

    fn flipped(look: Look, across: u32, down: u32, random: &mut Random) -> Look {
        let flip = |bits: u64, count: u32, random: &mut Random| {
            let mut mask = 0u64;
            while mask.count_ones() < count {
                mask |= 1 << random.below(64);
            }
            bits ^ mask
        };
        Look { across: flip(look.across, across, random), down: flip(look.down, down, random) }
    }

    #[test]
    fn near_looks_are_united_and_others_are_not() {
        let mut random = Random::new(5);
        let base = Look { across: random.bits(), down: random.bits() };
        for _ in 0..200 {
            for (across, down, want) in
                [(6, 10, true), (0, 0, true), (7, 0, false), (6, 11, false), (30, 30, false)]
            {
                let other = flipped(base, across, down, &mut random);
                let mut groups = Groups::new(3);
                groups.unite_near(&[(0, base), (2, other)]);
                assert_eq!(groups.root(2) == 0, want, "{across} {down}");
                let mut groups = Groups::new(3);
                groups.unite_near(&[(0, base), (2, other.mirrored())]);
                assert_eq!(groups.root(2) == 0, want, "mirrored, {across} {down}");
            }
        }
    }

    /// The same as every pair held against every other.
    #[test]
    fn groups_are_those_of_all_pairs() {
        let mut random = Random::new(9);
        let mut looks = Vec::new();
        for _ in 0..60 {
            let mut look = Look { across: random.bits(), down: random.bits() };
            for _ in 0..5 {
                looks.push((looks.len() as u32, look));
                let (across, down) = (random.below(9) as u32, random.below(13) as u32);
                look = flipped(look, across, down, &mut random);
            }
        }
        let (mut fast, mut slow) = (Groups::new(looks.len()), Groups::new(looks.len()));
        fast.unite_near(&looks);
        for (i, a) in &looks {
            for (j, b) in &looks {
                if near(a, b) || near(a, &b.mirrored()) {
                    slow.unite(*i, *j);
                }
            }
        }
        let roots = |groups: &mut Groups| (0..looks.len() as u32).map(|i| groups.root(i)).collect::<Vec<_>>();
        assert_eq!(roots(&mut fast), roots(&mut slow));
        let count = roots(&mut fast).iter().enumerate().filter(|(i, root)| *i as u32 == **root).count();
        assert!((61..300).contains(&count), "{count} groups");
    }

    #[test]
    fn many_pictures_take_seconds_not_hours() {
        let mut random = Random::new(1);
        let looks: Vec<_> =
            (0..100_000).map(|at| (at, Look { across: random.bits(), down: random.bits() })).collect();
        let mut groups = Groups::new(looks.len());
        // 100,000 squared would be ten thousand million pairs.
        groups.unite_near(&looks);
        assert!((0..100_000).all(|at| groups.root(at) == at), "random looks are not near");
    }

    #[test]
    fn names_unite_whatever_their_order() {
        let mut groups = Groups::new(5);
        groups.unite_named([(4, "ann"), (1, "bob"), (2, "ann"), (0, "cid"), (3, "bob")]);
        let roots: Vec<u32> = (0..5).map(|at| groups.root(at)).collect();
        assert_eq!(roots, [0, 1, 2, 1, 2]);
    }
}
