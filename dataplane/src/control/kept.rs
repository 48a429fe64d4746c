//! The last good policy, model and list of endpoints on disk: the data plane starts from them alone, with no management process in sight.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// What the data plane must not forget over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The number that the management process gave to the source; 0: it did not come from there.
    pub revision: u64,
    /// The policy's source, the model, or the list of endpoints.
    pub source: String,
}

impl Kept {
    /// The file of the policy.
    pub const POLICY: &'static str = "policy.yaml";
    /// The behaviour model's.
    pub const MODEL: &'static str = "behaviour-model.json";
    /// The list of learnt endpoints.
    pub const ENDPOINTS: &'static str = "endpoints.json";

    /// Reads what was kept in a file of `dir`; none if nothing ever was.
    pub fn load(dir: &Path, file: &str) -> io::Result<Option<Kept>> {
        match fs::read_to_string(dir.join(file)) {
            Ok(text) => Kept::parse(&text).map(Some).ok_or_else(|| {
                let why = "its first line should be `# weir: revision N`";
                io::Error::new(io::ErrorKind::InvalidData, why)
            }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// What was kept in a file of `dir`, read, with its revision. What can't be read is said and left: it is nothing that the
    /// data plane can't begin without.
    pub(super) fn initial<T: Default, E: Display>(
        dir: &Path,
        file: &str,
        read: impl Fn(&[u8]) -> Result<T, E>,
    ) -> (Arc<T>, u64) {
        let kept = match Kept::load(dir, file) {
            Ok(Some(kept)) => read(kept.source.as_bytes())
                .map(|value| (Arc::new(value), kept.revision))
                .map_err(|e| e.to_string()),
            Ok(None) => Ok(Default::default()),
            Err(e) => Err(e.to_string()),
        };
        kept.unwrap_or_else(|error| {
            tracing::error!("what is kept in {} can't be used: {error}", dir.join(file).display());
            Default::default()
        })
    }

    /// Writes it to a file of `dir`: after a crash at any moment the file is either the old one or the new one.
    pub fn store(&self, dir: &Path, file: &str) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        let new = dir.join(format!("{file}.new"));
        let mut written = File::create(&new)?;
        written.write_all(self.render().as_bytes())?;
        written.sync_all()?;
        fs::rename(&new, dir.join(file))?;
        // The rename itself is durable only when the directory is.
        File::open(dir)?.sync_all()
    }

    /// One file, for one rename: the source below a comment that says what it is.
    fn render(&self) -> String {
        let Kept { revision, source } = self;
        format!("# weir: revision {revision}\n{source}")
    }

    fn parse(text: &str) -> Option<Kept> {
        let (head, source) = text.split_once('\n')?;
        let revision = head.strip_prefix("# weir: revision ")?.parse().ok()?;
        Some(Kept { revision, source: source.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(name: &str) -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("weir-kept-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        dir
    }

    #[test]
    fn comes_back_as_it_was_and_the_newer_one_wins() {
        let dir = dir("roundtrip");
        assert_eq!(Kept::load(&dir, Kept::POLICY).unwrap(), None);
        for (revision, source) in [(1, "a: b\n"), (12, "# é\n\nc: d"), (13, "")] {
            let kept = Kept { revision, source: source.into() };
            kept.store(&dir, Kept::POLICY).unwrap();
            assert_eq!(Kept::load(&dir, Kept::POLICY).unwrap(), Some(kept));
        }
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_file_of_another_kind_is_an_error_and_not_an_empty_policy() {
        let dir = dir("garbage");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(Kept::POLICY), "services: []\n").unwrap();
        assert_eq!(Kept::load(&dir, Kept::POLICY).unwrap_err().kind(), io::ErrorKind::InvalidData);
        fs::remove_dir_all(&dir).unwrap();
    }
}
