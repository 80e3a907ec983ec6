//! Everything a run needs to go on, in one file.
//!
//! Layout, little-endian: magic `FVCK`, version u32, length u64 of a JSON text, that text, then for each of its `lists`
//! so many f32. Written beside and renamed, so that a kill leaves the old one or the new one.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::schedule::Watch;

const MAGIC: &[u8; 4] = b"FVCK";
const VERSION: u32 = 1;
/// Longest description that is read, bytes.
const LONGEST: u64 = 1 << 20;

/// A run between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// What the run is, as JSON.
    pub about: serde_json::Value,
    /// Steps done.
    pub step: u64,
    /// The validation losses so far.
    pub watch: Watch,
    /// Name and numbers of each list.
    pub lists: Vec<(String, Vec<f32>)>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    about: serde_json::Value,
    step: u64,
    /// Only in files written before there was a watch.
    #[serde(default)]
    best: Option<f64>,
    #[serde(default)]
    watch: Watch,
    lists: Vec<(String, u64)>,
}

impl Checkpoint {
    /// Whether a file with these bytes means to be one.
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// Only what is judged and shipped: nothing that a run would need to go on.
    #[must_use]
    pub fn averages(mut self) -> Self {
        self.lists.retain(|(name, _)| name.starts_with("average"));
        self
    }

    /// Whether there is a list called `name`.
    pub fn has(&self, name: &str) -> bool {
        self.lists.iter().any(|(n, _)| n == name)
    }

    /// The list called `name`, of `len` numbers.
    ///
    /// # Errors
    /// If it is not there or of another length.
    pub fn list(&self, name: &str, len: usize) -> Result<Vec<f32>> {
        let Some((_, values)) = self.lists.iter().find(|(n, _)| n == name) else { bail!("no list {name:?}") };
        ensure!(values.len() == len, "list {name:?} has {} numbers, the network needs {len}", values.len());
        Ok(values.clone())
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// If the description cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let lists = self.lists.iter().map(|(n, v)| (n.clone(), v.len() as u64)).collect();
        let (about, watch) = (self.about.clone(), self.watch);
        let head = serde_json::to_vec(&Head { about, step: self.step, best: None, watch, lists })?;
        let mut bytes = Vec::new();
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(head.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&head);
        for (_, values) in &self.lists {
            bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        }
        Ok(bytes)
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// If they are no such file, or not all of one.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        ensure!(bytes.len() >= 16 && &bytes[..4] == MAGIC, "not a checkpoint");
        let version = u32::from_le_bytes(bytes[4..8].try_into()?);
        ensure!(version == VERSION, "checkpoint of version {version}, this program knows {VERSION}");
        let len = u64::from_le_bytes(bytes[8..16].try_into()?);
        ensure!(len <= LONGEST && len <= bytes.len() as u64 - 16, "description of {len} bytes does not fit");
        let (head, mut rest) = bytes[16..].split_at(len as usize);
        let head: Head = serde_json::from_slice(head)?;
        let need = head.lists.iter().try_fold(0u64, |sum, (_, n)| sum.checked_add(n.checked_mul(4)?));
        ensure!(need == Some(rest.len() as u64), "{} bytes of numbers, {need:?} promised", rest.len());
        let mut lists = Vec::new();
        for (name, n) in head.lists {
            let (these, after) = rest.split_at(n as usize * 4);
            rest = after;
            let values =
                these.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            lists.push((name, values));
        }
        let watch = Watch { best: head.watch.best.or(head.best), ..head.watch };
        Ok(Self { about: head.about, step: head.step, watch, lists })
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file =
            tempfile::NamedTempFile::new_in(folder).with_context(|| folder.display().to_string())?;
        file.write_all(&self.to_bytes()?)?;
        file.as_file().sync_all()?;
        file.persist(path).with_context(|| path.display().to_string())?;
        Ok(())
    }

    /// Reads the file.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        Self::parse(&bytes).with_context(|| path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Checkpoint {
        let lists = vec![("a".to_owned(), vec![1.5f32, -2.0]), ("b".to_owned(), vec![])];
        let watch = Watch { best: Some(0.25), since: 2, factor: 0.5 };
        Checkpoint { about: serde_json::json!({"net": "gate"}), step: 7, watch, lists }
    }

    #[test]
    fn a_file_comes_back_and_its_beginnings_do_not() {
        let bytes = one().to_bytes().expect("it can be written");
        assert_eq!(Checkpoint::parse(&bytes).expect("it is whole"), one());
        for n in 0..bytes.len() {
            assert!(Checkpoint::parse(&bytes[..n]).is_err(), "{n} bytes");
        }
        assert!(Checkpoint::parse(&[bytes, vec![0]].concat()).is_err(), "a byte too many");
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let head = br#"{"about":null,"step":0,"best":null,"lists":[["a",4611686018427387905]]}"#;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((head.len() as u64).to_le_bytes());
        bytes.extend(head);
        bytes.extend([0; 4]);
        assert!(Checkpoint::parse(&bytes).is_err());
        assert!(one().list("a", 3).is_err() && one().list("c", 2).is_err());
        assert_eq!(one().list("a", 2).expect("it is there"), [1.5, -2.0]);
    }

    #[test]
    fn saving_replaces_the_old_one_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("last.ckpt");
        one().save(&path).expect("first");
        let later = Checkpoint { step: 8, ..one() };
        later.save(&path).expect("second");
        assert_eq!(Checkpoint::load(&path).expect("there"), later);
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1, "nothing else is left");
    }
}
