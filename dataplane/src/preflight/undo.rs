//! What Weir has changed on the machine, so that it can be changed back.
//!
//! The XDP program outlives the process, and still needs what was changed for it: an interface that is no longer
//! promiscuous would fail open to nothing. So the changes are undone when the start fails, and by `detach`, which
//! reads them from a file; and a restarted process knows what was there before the first one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ethtool::{Device, Setting};

/// Where the changes made for the instance pinned in `bpffs_dir` are written down. They don't outlive a reboot, nor
/// does this file.
pub fn undo_file(bpffs_dir: &Path) -> PathBuf {
    let instance = bpffs_dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Path::new("/run/weir").join(format!("undo-{instance}.json"))
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    device: String,
    netns: Option<PathBuf>,
    setting: Setting,
    before: bool,
}

impl Change {
    fn is(&self, device: &str, netns: Option<&Path>, setting: Setting) -> bool {
        self.device == device && self.netns.as_deref() == netns && self.setting == setting
    }
}

/// The changes. Dropped without [`Undo::keep`], those of this run are undone.
#[derive(Debug)]
pub struct Undo {
    file: PathBuf,
    changes: Vec<Change>,
    /// The changes from here on were made by this run.
    own: usize,
}

impl Undo {
    /// The changes that earlier runs have left in `file`; none if there is no such file.
    pub fn load(file: &Path) -> io::Result<Undo> {
        let changes: Vec<Change> = match fs::read(file) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Undo { file: file.to_owned(), own: changes.len(), changes })
    }

    /// Gives the device the setting, if it has it not. False if the device can't.
    pub(crate) fn apply(
        &mut self,
        device: &Device,
        netns: Option<&Path>,
        setting: Setting,
        on: bool,
    ) -> io::Result<bool> {
        let before = device.get(setting)?;
        if before == on {
            return Ok(true);
        }
        // Written down first: if we are killed in between, undoing does no harm.
        if !self.has_changed(device.name(), netns, setting) {
            let (device, netns) = (device.name().to_owned(), netns.map(Path::to_owned));
            self.changes.push(Change { device, netns, setting, before });
            self.save()?;
        }
        if device.set(setting, on).is_err() {
            return Ok(false); // most drivers refuse what they have fixed
        }
        tracing::info!(device = device.name(), setting = setting.name(), on, "changed");
        self.forget(device.name(), netns, setting, on)?;
        Ok(device.get(setting)? == on)
    }

    /// What was changed back is no change.
    fn forget(
        &mut self,
        device: &str,
        netns: Option<&Path>,
        setting: Setting,
        on: bool,
    ) -> io::Result<()> {
        let at = self.changes.iter().position(|c| c.is(device, netns, setting) && c.before == on);
        let Some(at) = at else { return Ok(()) };
        self.changes.remove(at);
        self.own -= usize::from(at < self.own);
        self.save()
    }

    /// Whether the setting is one that Weir has changed.
    pub(super) fn has_changed(&self, device: &str, netns: Option<&Path>, setting: Setting) -> bool {
        self.changes.iter().any(|c| c.is(device, netns, setting))
    }

    /// Leaves the changes so far in place, for the program that outlives this process. `detach` undoes them.
    pub fn keep(&mut self) {
        self.own = self.changes.len();
    }

    /// Undoes all changes, earlier runs' too.
    pub fn restore(mut self) {
        self.own = 0;
    }

    fn save(&self) -> io::Result<()> {
        if self.changes.is_empty() {
            return match fs::remove_file(&self.file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        if let Some(dir) = self.file.parent() {
            fs::create_dir_all(dir)?;
        }
        let next = self.file.with_extension("new");
        fs::write(&next, serde_json::to_vec(&self.changes)?)?;
        fs::rename(next, &self.file)
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        if self.own == self.changes.len() {
            return;
        }
        for change in self.changes.split_off(self.own).iter().rev() {
            let result = Device::open(&change.device, change.netns.as_deref())
                .and_then(|device| device.set(change.setting, change.before));
            if let Err(error) = result {
                // Gone with its namespace, mostly.
                tracing::debug!(device = change.device, setting = change.setting.name(), %error, "not changed back");
            }
        }
        if let Err(error) = self.save() {
            tracing::warn!(file = %self.file.display(), %error, "can't write down what is still changed");
        }
    }
}
