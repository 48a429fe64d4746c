//! What was learnt, as files that are whole or not there: magic, version, SHA-256 of the rest, and the rest.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::super::store::write;

/// The first line of a file. Another version is another line, and not read.
const HEAD: &[u8] = b"weir-learnt 2\n";
const SUM: usize = 32;

/// Keeps what was learnt.
pub(super) fn save<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let bytes = postcard::to_stdvec(value).map_err(io::Error::other)?;
    write(path, &[HEAD, &Sha256::digest(&bytes), &bytes])
}

/// What was kept; none if nothing was yet.
pub(super) fn load<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let bytes = match fs::read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes?,
    };
    let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let rest = bytes.strip_prefix(HEAD).ok_or_else(|| wrong("it is of another version"))?;
    let (sum, rest) = rest.split_at_checked(SUM).ok_or_else(|| wrong("it is cut off"))?;
    if *Sha256::digest(rest) != *sum {
        return Err(wrong("it is damaged"));
    }
    postcard::from_bytes(rest).map(Some).map_err(|e| wrong(&e.to_string()))
}

/// What `load` gave, or the default. What can't be used is put aside and told, and not lost.
pub(super) fn or_fresh<T: Default>(what: &str, path: &Path, loaded: io::Result<T>) -> T {
    loaded.unwrap_or_else(|e| {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".bad");
        let aside = PathBuf::from(aside);
        let kept = match fs::rename(path, &aside) {
            Ok(()) => format!("it is kept as {}", aside.display()),
            Err(e) => format!("it can't be put aside: {e}"),
        };
        tracing::error!("{} can't be used ({e}): {what} is learnt anew; {kept}", path.display());
        T::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_damaged_is_put_aside() {
        let dir = std::env::temp_dir().join(format!("weir-state-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("learnt");
        assert_eq!(load::<Vec<u32>>(&path).unwrap(), None);
        save(&path, &vec![7_u32, 8]).unwrap();
        assert_eq!(load::<Vec<u32>>(&path).unwrap(), Some(vec![7, 8]));
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        *damaged.last_mut().unwrap() ^= 1;
        for (bytes, why) in
            [(&b"{}"[..], "version"), (&whole[..20], "cut off"), (&damaged, "damaged")]
        {
            fs::write(&path, bytes).unwrap();
            let error = load::<Vec<u32>>(&path).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            let fresh =
                or_fresh("this", &path, load::<Vec<u32>>(&path).map(Option::unwrap_or_default));
            assert!(fresh.is_empty() && !path.exists());
            assert_eq!(fs::read(dir.join("learnt.bad")).unwrap(), bytes);
        }
        fs::remove_dir_all(dir).unwrap();
    }
}
