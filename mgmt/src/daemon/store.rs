//! Policy revisions on disk: `policies/00000007.yaml` each as applied, and `current`, which names the one in force.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Revisions kept; older ones are deleted, the one in force never.
const KEEP: usize = 100;

/// A policy as it was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Revision {
    pub number: u64,
    pub source: String,
}

/// The store in its directory.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    last: u64,
}

impl Store {
    /// Opens the store; the revision in force comes with it, if there ever was one.
    pub(super) fn open(dir: &Path) -> io::Result<(Store, Option<Revision>)> {
        fs::create_dir_all(dir.join("policies"))?;
        let mut store = Store { dir: dir.into(), last: 0 };
        store.last = store.revisions()?.last().copied().unwrap_or(0);
        let current = match fs::read_to_string(dir.join("current")) {
            Ok(text) => Some(store.read(text.trim())?),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        Ok((store, current))
    }

    /// Stores a source as a new revision, numbered above all others and above `seen`. It is not yet in force.
    pub(super) fn add(&mut self, source: &str, seen: u64) -> io::Result<Revision> {
        let number = self.last.max(seen) + 1;
        write(&self.path(number), &[source.as_bytes()])?;
        self.last = number;
        Ok(Revision { number, source: source.into() })
    }

    /// Puts a stored revision in force.
    pub(super) fn set_current(&self, number: u64) -> io::Result<()> {
        write(&self.dir.join("current"), &[format!("{number}\n").as_bytes()])?;
        let revisions = self.revisions()?;
        for old in revisions.iter().rev().skip(KEEP).filter(|n| **n != number) {
            fs::remove_file(self.path(*old))?;
        }
        Ok(())
    }

    /// Forgets a revision that the data plane refused. Its number is not used again.
    pub(super) fn remove(&self, number: u64) -> io::Result<()> {
        fs::remove_file(self.path(number))
    }

    fn read(&self, number: &str) -> io::Result<Revision> {
        let broken = |_| io::Error::new(io::ErrorKind::InvalidData, "`current` holds no number");
        let number = number.parse().map_err(broken)?;
        Ok(Revision { number, source: fs::read_to_string(self.path(number))? })
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join("policies").join(format!("{number:08}.yaml"))
    }

    /// All stored revisions, the oldest first.
    fn revisions(&self) -> io::Result<Vec<u64>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self.dir.join("policies"))? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|n| n.strip_suffix(".yaml"));
            all.extend(number.and_then(|n| n.parse::<u64>().ok()));
        }
        all.sort_unstable();
        Ok(all)
    }
}

/// Writes a file whole or not at all, and durably: new file, fsync, rename, fsync of the directory.
pub(super) fn write(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("weir-store-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        dir
    }

    #[test]
    fn only_what_was_put_in_force_comes_back() {
        let dir = dir("current");
        let (mut store, current) = Store::open(&dir).unwrap();
        assert_eq!(current, None);
        let first = store.add("a: 1\n", 0).unwrap();
        store.set_current(first.number).unwrap();
        let second = store.add("a: 2\n", 0).unwrap();
        assert_eq!((first.number, second.number), (1, 2));
        assert_eq!(Store::open(&dir).unwrap().1, Some(first));
        store.remove(second.number).unwrap();
        assert_eq!(store.add("a: 3\n", 9).unwrap().number, 10, "above what a data plane has seen");
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn old_revisions_are_deleted_but_never_the_one_in_force() {
        let dir = dir("prune");
        let (mut store, _) = Store::open(&dir).unwrap();
        for n in 0..KEEP as u64 + 20 {
            store.add(&format!("n: {n}\n"), 0).unwrap();
        }
        store.set_current(3).unwrap();
        let left = store.revisions().unwrap();
        assert_eq!((left.len(), left[0]), (KEEP + 1, 3));
        assert_eq!(Store::open(&dir).unwrap().1.unwrap().source, "n: 2\n");
        fs::remove_dir_all(&dir).unwrap();
    }
}
