//! A file of lines that is rotated by size: `FILE`, `FILE.1` (the newest rotated), … `FILE.N`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The open file.
#[derive(Debug)]
pub(super) struct Rotated {
    path: PathBuf,
    max_bytes: u64,
    rotated: u32,
    file: File,
    size: u64,
}

impl Rotated {
    /// Opens the file for appending.
    pub(super) fn open(path: &Path, max_bytes: u64, rotated: u32) -> io::Result<Rotated> {
        let file = append(path)?;
        let size = file.metadata()?.len();
        Ok(Rotated { path: path.into(), max_bytes, rotated, file, size })
    }

    /// Appends whole lines; rotates first if they would not fit any more.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.size > 0 && self.size + lines.len() as u64 > self.max_bytes {
            self.rotate()?;
        }
        self.file.write_all(lines)?;
        self.size += lines.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        for n in (0..self.rotated).rev() {
            match fs::rename(self.numbered(n), self.numbered(n + 1)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        if self.rotated == 0 {
            fs::remove_file(&self.path)?;
        }
        self.file = append(&self.path)?;
        self.size = 0;
        Ok(())
    }

    fn numbered(&self, n: u32) -> PathBuf {
        match n {
            0 => self.path.clone(),
            n => {
                let mut name = self.path.clone().into_os_string();
                name.push(format!(".{n}"));
                name.into()
            }
        }
    }
}

/// Readable for the group, not for everybody: events tell who asked for what.
fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o640).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_files_and_cuts_no_line() {
        let dir = std::env::temp_dir().join(format!("weir-rotate-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("events.jsonl");
        for half in 0..2 {
            // Opened again half-way: the size of what is there counts.
            let mut file = Rotated::open(&path, 30, 2).unwrap();
            for n in 0..5 {
                file.write(format!("line number {}\n", half * 5 + n).as_bytes()).unwrap();
            }
        }
        let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_default();
        assert_eq!(read("events.jsonl"), "line number 8\nline number 9\n");
        assert_eq!(read("events.jsonl.1"), "line number 6\nline number 7\n");
        assert_eq!(read("events.jsonl.2"), "line number 4\nline number 5\n");
        assert!(!dir.join("events.jsonl.3").exists());
        fs::remove_dir_all(&dir).unwrap();
    }
}
