//! Which of the pictures that were looked at are used, and which part each goes to. Some forty bytes a picture are held.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::dataset::fingerprint::{Look, key};
use crate::dataset::group::Groups;
use crate::dataset::record::{Known, LineError, Scanned, lines};
use crate::dataset::split::{GroupSize, Part, Shares, assign};

/// What becomes of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes to a part, under this number from 1.
    Used(Part, u32),
    /// It could not be read or understood.
    Bad,
    /// It is only held against others.
    HeldOut,
    /// It is in the group of one that is held out.
    NearHeldOut,
    /// Its file came before, byte for byte.
    Repeated,
    /// No detector found a face in it, which does not mean that there is none.
    NoFace,
}

/// What becomes of every picture.
#[derive(Clone, Debug)]
pub struct Division {
    fates: Vec<Fate>,
    roots: Vec<u32>,
    groups: [u64; 2],
}

impl Division {
    /// Divides the `looked_at` pictures of the file `scan`.
    ///
    /// # Errors
    /// [`LineError`] if the file cannot be read.
    pub fn of(scan: &Path, looked_at: u64, seed: u64, shares: Shares) -> Result<Self, LineError> {
        let len = looked_at as usize;
        let mut fates = vec![Fate::Bad; len];
        let mut groups = Groups::new(len);
        let (mut keys, mut set_of) = (vec![0u64; len], vec![0u32; len]);
        let mut looks: Vec<(u32, Look)> = Vec::new();
        let mut sets: HashMap<String, u32> = HashMap::new();
        let mut people: HashMap<u64, u32> = HashMap::new();
        let mut hashes: HashSet<u64> = HashSet::new();
        for line in lines::<Scanned>(scan)? {
            let scanned = line?;
            let (at, Ok(known)) = (scanned.n as usize, &scanned.result) else { continue };
            if at >= len {
                continue;
            }
            let next = sets.len() as u32;
            set_of[at] = *sets.entry(scanned.set.clone()).or_insert(next);
            keys[at] = key(seed, &format!("{}/{}", scanned.set, scanned.name));
            looks.push((at as u32, known.look));
            if let Some(person) = &known.identity {
                // Two sets may both have a person number 7.
                let first = *people.entry(key(0, &format!("{}/{person}", scanned.set))).or_insert(at as u32);
                groups.unite(at as u32, first);
            }
            fates[at] = fate(known, &mut hashes);
        }
        groups.unite_near(&looks);
        let roots: Vec<u32> = (0..len as u32).map(|at| groups.root(at)).collect();
        let mut division = Self { fates, roots, groups: [0, 0] };
        division.leave_out_near_held_out();
        division.number(&keys, &set_of, shares);
        Ok(division)
    }

    fn leave_out_near_held_out(&mut self) {
        let held: HashSet<u32> =
            self.members().filter(|(_, fate)| *fate == Fate::HeldOut).map(|(root, _)| root).collect();
        for (root, fate) in self.roots.iter().zip(&mut self.fates) {
            if matches!(fate, Fate::Used(..)) && held.contains(root) {
                *fate = Fate::NearHeldOut;
            }
        }
    }

    /// Root and fate of each picture.
    fn members(&self) -> impl Iterator<Item = (u32, Fate)> {
        self.roots.iter().copied().zip(self.fates.iter().copied())
    }

    fn number(&mut self, keys: &[u64], set_of: &[u32], shares: Shares) {
        let mut sizes: HashMap<u32, GroupSize> = HashMap::new();
        for (at, (root, fate)) in self.members().enumerate() {
            if matches!(fate, Fate::Used(..)) {
                let new = GroupSize { group: root, key: u64::MAX, set: set_of[at], size: 0 };
                let group = sizes.entry(root).or_insert(new);
                group.size += 1;
                // The smallest key decides, so that the order of the sources does not.
                if keys[at] < group.key {
                    (group.key, group.set) = (keys[at], set_of[at]);
                }
            }
        }
        self.groups = [sizes.len() as u64, sizes.values().map(|g| g.size).max().unwrap_or(0)];
        let part_of: HashMap<u32, Part> = assign(sizes.into_values().collect(), shares).into_iter().collect();
        let mut counts = [0u32; 3];
        for (root, fate) in self.roots.iter().zip(&mut self.fates) {
            if let (Fate::Used(..), Some(part)) = (*fate, part_of.get(root)) {
                counts[*part as usize] += 1;
                *fate = Fate::Used(*part, counts[*part as usize]);
            }
        }
    }

    /// What becomes of the picture with this number.
    pub fn fate(&self, n: u64) -> Fate {
        self.fates.get(n as usize).copied().unwrap_or(Fate::Bad)
    }

    /// The smallest number of the picture's group.
    pub fn group(&self, n: u64) -> u64 {
        self.roots.get(n as usize).map_or(n, |root| u64::from(*root))
    }

    /// Groups of used pictures, and the pictures of the largest.
    pub fn groups(&self) -> [u64; 2] {
        self.groups
    }

    /// Pictures that are used.
    pub fn used(&self) -> u64 {
        self.fates.iter().filter(|fate| matches!(fate, Fate::Used(..))).count() as u64
    }

    /// Why a picture is not used.
    pub fn why_not(&self, scanned: &Scanned) -> Option<String> {
        let text = match self.fate(scanned.n) {
            Fate::Used(..) => return None,
            Fate::Bad => match &scanned.result {
                Err(problem) => problem,
                Ok(_) => "it was not numbered",
            },
            Fate::HeldOut => "held out from training",
            Fate::NearHeldOut => "too like a picture that is held out",
            Fate::Repeated => "the same file as an earlier one",
            Fate::NoFace => "no detector found a face, which does not mean that there is none",
        };
        Some(text.to_owned())
    }
}

/// Before the groups are known.
fn fate(known: &Known, hashes: &mut HashSet<u64>) -> Fate {
    let repeated = !hashes.insert(key(0, &known.sha256));
    match known {
        Known { held_out: true, .. } => Fate::HeldOut,
        _ if repeated => Fate::Repeated,
        Known { detected: true, faces, .. } if faces.is_empty() => Fate::NoFace,
        _ => Fate::Used(Part::Train, 0),
    }
}
