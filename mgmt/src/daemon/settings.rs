//! Settings of the management process: a YAML file, overruled by flags.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What can be set. Every key may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Unix socket on which the data plane connects.
    pub control: PathBuf,
    /// Unix socket of the API, for `weir`. Who may write to it may change the policy.
    pub api: PathBuf,
    /// Address of `/metrics`, `/healthz` and the part of the API that changes nothing; null: none.
    pub listen: Option<SocketAddr>,
    /// Where policy revisions are kept.
    pub state_dir: PathBuf,
    /// The user to become if started as root.
    pub user: Option<String>,
    /// Where events go.
    pub events: EventSettings,
    /// What is learnt from the traffic.
    pub learning: LearningSettings,
}

/// What is learnt from the traffic: endpoints, who calls whom, what is usual.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct LearningSettings {
    /// Whether anything is.
    pub enabled: bool,
    /// Requests a second of which the data plane tells; of more, an even sample.
    pub per_second: u32,
    /// Of them so many with the shapes of their JSON bodies; 0: none.
    pub shapes_per_second: u32,
    /// Seconds between two times that what was learnt is written to the state directory.
    pub save_seconds: u64,
    /// Hours after which a model of how callers behave is kept, and the next one begun.
    pub behaviour_hours: u64,
}

/// Where events go, and how many are kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct EventSettings {
    /// JSON lines; null: no file.
    pub file: Option<PathBuf>,
    /// Bytes from which on the file is rotated to `FILE.1`.
    pub max_bytes: u64,
    /// Rotated files kept beside it; the oldest is deleted.
    pub rotated: u32,
    /// Events kept in memory for `weir events`.
    pub recent: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            control: "/run/weir/control.sock".into(),
            api: "/run/weir/api.sock".into(),
            listen: Some((Ipv4Addr::LOCALHOST, 9099).into()),
            state_dir: "/var/lib/weir-mgmt".into(),
            user: None,
            events: EventSettings::default(),
            learning: LearningSettings::default(),
        }
    }
}

impl Default for LearningSettings {
    fn default() -> LearningSettings {
        LearningSettings {
            enabled: true,
            per_second: 1_000,
            shapes_per_second: 20,
            save_seconds: 300,
            behaviour_hours: 24,
        }
    }
}

impl Default for EventSettings {
    fn default() -> EventSettings {
        EventSettings {
            file: Some("/var/log/weir/events.jsonl".into()),
            max_bytes: 64 << 20,
            rotated: 8,
            recent: 10_000,
        }
    }
}

/// Why a settings file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It can't be read.
    #[error("can't read the settings {path}: {error}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: std::io::Error,
    },
    /// It isn't a settings file; the message names line and column.
    #[error("the settings {path} are wrong: {message}", path = .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
}

impl Settings {
    /// Reads a file; what it leaves out has its default.
    pub fn load(path: &Path) -> Result<Settings, SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| SettingsError::Unreadable { path: path.into(), error })?;
        // A file of comments only is an empty document, which is no mapping.
        if text.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#')) {
            return Ok(Settings::default());
        }
        serde_saphyr::from_str(&text)
            .map_err(|e| SettingsError::Wrong { path: path.into(), message: e.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Settings, SettingsError> {
        let path = std::env::temp_dir().join(format!(
            "weir-mgmt-settings-{}-{}.yaml",
            std::process::id(),
            text.len()
        ));
        std::fs::write(&path, text).unwrap();
        let settings = Settings::load(&path);
        std::fs::remove_file(&path).unwrap();
        settings
    }

    #[test]
    fn the_example_states_the_defaults() {
        let path = "../configs/mgmt.yaml";
        let example = Settings::load(Path::new(path)).unwrap();
        assert_eq!(example, Settings { user: Some("weir".into()), ..Settings::default() });
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        assert_eq!(load("# nothing\n").unwrap(), Settings::default());
        let some = load("listen: null\nevents:\n  recent: 5\n").unwrap();
        assert_eq!((some.listen, some.events.recent), (None, 5));
        assert_eq!(some.events.file, EventSettings::default().file);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = load("api: /a\nevents:\n  recnt: 5\n").unwrap_err().to_string();
        assert!(error.contains("recnt") && error.contains('3'), "{error}");
    }
}
