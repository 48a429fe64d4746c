//! The data plane's settings file: where Weir stands and what it may use. What it looks for is the policy's business.
//!
//! Raw YAML becomes one checked [`Settings`]; nobody below looks at the file again. Unknown keys are refused, because a
//! misspelt `fail: closed` that is silently ignored is a hole.

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{self, Deserializer};

use crate::engine::keys::{self, Key};
use crate::port::RING_SLOTS;
use crate::xdp;
use crate::xdp::{Inspect, Ports, XdpSettings, default_dir};

/// How Weir is placed on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// Two ports, bump in the wire: may mask and block.
    Inline,
    /// One receive-only port that gets a copy of the traffic: alerts only.
    Mirror,
}

/// How AF_XDP moves packets between driver and worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Zero-copy where the driver can, else copy.
    #[default]
    Auto,
    /// The kernel copies each packet. Works on every device, and is the only way on veth.
    Copy,
    /// The driver writes to the worker's memory; refused where it can't.
    ZeroCopy,
}

/// What a worker does when there is nothing to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BusyPoll {
    /// Sleeps at once.
    Off,
    /// Never sleeps: lowest latency, and a core to itself.
    On,
    /// Spins for some microseconds after the last packet, then sleeps.
    #[default]
    Adaptive,
}

/// What the XDP program does with packets when the worker is gone or silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fail {
    /// Sends them to the peer port, uninspected: the service stays up.
    #[default]
    Open,
    /// Drops them: nothing passes uninspected.
    Closed,
}

/// The checked settings. The keys of the file are these names with hyphens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Inline or mirror.
    pub placement: Placement,
    /// Network devices: two inline (the first faces the clients), one for a mirror.
    pub ports: Vec<String>,
    /// Worker threads; worker *i* serves queue *i* of each port, so each port needs as many queues.
    #[serde(default = "defaults::workers")]
    pub workers: NonZeroU32,
    /// The cores that the workers are pinned to, one each. Empty: the first cores that the process may use.
    #[serde(default)]
    pub cores: Vec<usize>,
    /// Zero-copy or copy.
    #[serde(default)]
    pub mode: Mode,
    /// Whether idle workers spin.
    #[serde(default)]
    pub busy_poll: BusyPoll,
    /// Packet buffers of each worker, 4 KiB each. They bound what the worker can receive, hold and send at one time.
    #[serde(default = "defaults::frames")]
    pub frames: NonZeroU32,
    /// `all`, or a list of TCP ports: segments from or to them are inspected, the rest passes in the kernel.
    #[serde(default = "defaults::inspect_ports", deserialize_with = "inspect_ports")]
    pub inspect_ports: Inspect,
    /// Open or closed.
    #[serde(default)]
    pub fail: Fail,
    /// Where the XDP program and its maps are pinned: a directory on a bpffs.
    #[serde(default = "defaults::bpffs")]
    pub bpffs: PathBuf,
    /// Whether packets are looked into at all. Off: a plain forwarder, to measure with.
    #[serde(default = "defaults::inspection")]
    pub inspection: bool,
    /// Whether the XDP program itself sends on what nobody reads any more (TLS, tunnels, unknown protocols).
    #[serde(default)]
    pub bypass: bool,
    /// Whether a port is taken down while the other one has no link, so that the neighbour sees it.
    #[serde(default)]
    pub mirror_link_state: bool,
    /// Whether every request is an `http` event, not only those with a finding.
    #[serde(default)]
    pub log_requests: bool,
    /// The policy to begin with, while no management process has sent one.
    #[serde(default)]
    pub policy: Option<PathBuf>,
    /// A file with the key of the tokens that `action: tokenize` writes; nodes with the same key write the same tokens. None:
    /// a key that ends with the process.
    #[serde(default)]
    pub token_key_file: Option<PathBuf>,
    /// The key in that file.
    #[serde(skip)]
    pub token_key: Option<Key>,
    /// The unix socket on which the management process listens.
    #[serde(default = "defaults::control_socket")]
    pub control_socket: PathBuf,
    /// Where the last good policy revision is kept.
    #[serde(default = "defaults::state_dir")]
    pub state_dir: PathBuf,
}

/// The defaults, in one place.
mod defaults {
    use super::{Inspect, MIN_FRAMES_PER_PORT, NonZeroU32, PathBuf, default_dir};

    pub fn workers() -> NonZeroU32 {
        NonZeroU32::MIN
    }

    /// 64 MiB a worker: twice what the rings of two ports can keep, the rest for what the engine holds.
    pub fn frames() -> NonZeroU32 {
        NonZeroU32::MIN.saturating_add(2 * 2 * MIN_FRAMES_PER_PORT - 1)
    }

    pub fn inspection() -> bool {
        true
    }

    pub fn inspect_ports() -> Inspect {
        Inspect::All
    }

    pub fn bpffs() -> PathBuf {
        default_dir("default")
    }

    pub fn control_socket() -> PathBuf {
        "/run/weir/control.sock".into()
    }

    pub fn state_dir() -> PathBuf {
        "/var/lib/weir".into()
    }
}

/// What the fill and transmit rings of one port can keep: with fewer frames one busy direction could starve the other.
const MIN_FRAMES_PER_PORT: u32 = 2 * RING_SLOTS;
/// 4 GiB of packet memory a worker; more is a mistake.
const MAX_FRAMES: u32 = 1 << 20;
/// Longest device name (`IFNAMSIZ` of linux/if.h, less the final zero).
const MAX_DEVICE_NAME: usize = 15;

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file can't be read.
    #[error("the settings {path} can't be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Not YAML, an unknown key, or a value of the wrong kind.
    #[error("{path}:{line}:{column}: {problem}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1; 0 if unknown.
        line: u64,
        /// Column, from 1; 0 if unknown.
        column: u64,
        /// What is wrong.
        problem: String,
    },
    /// Each value is well-formed, but they don't fit.
    #[error("{path}: {problem}")]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
}

impl Settings {
    /// Reads and checks a settings file.
    pub fn load(path: &Path) -> Result<Settings, SettingsError> {
        let source = fs::read_to_string(path)
            .map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
        let mut settings = Settings::parse(&source, path)?;
        if let Some(file) = &settings.token_key_file {
            let unfit = |problem| SettingsError::Unfit { path: path.to_owned(), problem };
            settings.token_key = Some(keys::read(file).map_err(unfit)?);
        }
        Ok(settings)
    }

    /// Checks settings given as text; `path` is for messages.
    pub fn parse(source: &str, path: &Path) -> Result<Settings, SettingsError> {
        let settings: Settings = serde_saphyr::from_str(source).map_err(|e| {
            let (line, column) = e.location().map_or((0, 0), |at| (at.line(), at.column()));
            // Of a message with an excerpt of the source, the first line says it all.
            let text = e.without_snippet().to_string();
            let first = text.lines().next().unwrap_or_default();
            // The place stands in front, as compilers write it, and need not be repeated.
            let problem =
                first.split_once(" at line ").map_or(first, |(problem, _)| problem).to_owned();
            SettingsError::Syntax { path: path.to_owned(), line, column, problem }
        })?;
        settings
            .check()
            .map_err(|problem| SettingsError::Unfit { path: path.to_owned(), problem })?;
        Ok(settings)
    }

    /// The second port; none in mirror placement.
    pub fn device_b(&self) -> Option<&str> {
        self.ports.get(1).map(String::as_str)
    }

    /// The first port.
    pub fn device_a(&self) -> &str {
        self.ports.first().map_or("", String::as_str)
    }

    /// What the XDP program has to know of them.
    pub fn xdp(&self) -> XdpSettings {
        let a = self.device_a().to_owned();
        XdpSettings {
            ports: match self.device_b() {
                Some(b) => Ports::Inline { a, b: b.to_owned() },
                None => Ports::Mirror { port: a },
            },
            dir: self.bpffs.clone(),
            inspect: self.inspect_ports.clone(),
            fail_open: self.fail == Fail::Open,
            // Zero-copy is a matter of the driver, which generic XDP never reaches.
            mode: if self.mode == Mode::ZeroCopy { xdp::Mode::Native } else { xdp::Mode::Auto },
        }
    }

    fn check(&self) -> Result<(), String> {
        let wanted = match self.placement {
            Placement::Inline => 2,
            Placement::Mirror => 1,
        };
        if self.ports.len() != wanted {
            let kind = if wanted == 2 {
                "`placement: inline` needs two ports"
            } else {
                "`placement: mirror` needs one port"
            };
            return Err(format!("{kind}, but `ports` names {}", self.ports.len()));
        }
        for name in &self.ports {
            if name.is_empty() || name.len() > MAX_DEVICE_NAME || name.contains(['/', '\0', ' ']) {
                return Err(format!("`ports`: {name:?} can't be the name of a network device"));
            }
        }
        if self.device_b() == Some(self.device_a()) {
            return Err(format!(
                "`ports` names {} twice; Weir joins two different devices",
                self.device_a()
            ));
        }
        if !self.cores.is_empty() && self.cores.len() != self.workers.get() as usize {
            return Err(format!(
                "`cores` names {} cores for {} workers",
                self.cores.len(),
                self.workers
            ));
        }
        let least = MIN_FRAMES_PER_PORT * wanted as u32;
        if !(least..=MAX_FRAMES).contains(&self.frames.get()) {
            return Err(format!(
                "`frames: {}` is out of range: {least} to {MAX_FRAMES} here",
                self.frames
            ));
        }
        if self.mirror_link_state && self.placement == Placement::Mirror {
            return Err(
                "`mirror-link-state` needs two ports, and `placement: mirror` has one".into()
            );
        }
        if self.inspect_ports == Inspect::Ports(Vec::new()) {
            return Err(
                "`inspect-ports` is empty: nothing would be inspected; write `all` or a list"
                    .into(),
            );
        }
        Ok(())
    }
}

/// `on` and `off` are text here, but booleans to a YAML 1.1 reader and to people who write `true`.
impl<'de> Deserialize<'de> for BusyPoll {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BusyPoll, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "on" | "true" => Ok(BusyPoll::On),
            "off" | "false" => Ok(BusyPoll::Off),
            "adaptive" => Ok(BusyPoll::Adaptive),
            other => Err(de::Error::unknown_variant(other, &["on", "off", "adaptive"])),
        }
    }
}

fn inspect_ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Inspect, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected `all` or a list of TCP ports, such as [80, 8080]")]
    enum Raw {
        Word(Word),
        List(Vec<u16>),
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        All,
    }
    Ok(match Raw::deserialize(deserializer)? {
        Raw::Word(Word::All) => Inspect::All,
        Raw::List(ports) => Inspect::Ports(ports),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(source: &str) -> Result<Settings, String> {
        Settings::parse(source, Path::new("x.yaml")).map_err(|e| e.to_string())
    }

    #[test]
    fn the_least_settings_have_sensible_defaults() {
        let s = parse("placement: inline\nports: [eth0, eth1]\n").unwrap();
        assert_eq!((s.device_a(), s.device_b()), ("eth0", Some("eth1")));
        assert_eq!((s.workers.get(), s.frames.get()), (1, 16384));
        assert_eq!((s.mode, s.busy_poll, s.fail), (Mode::Auto, BusyPoll::Adaptive, Fail::Open));
        assert_eq!(s.inspect_ports, Inspect::All);
    }

    #[test]
    fn every_key() {
        let s = parse(
            "placement: mirror\nports: [span0]\nworkers: 2\ncores: [2, 3]\nmode: zero-copy\nbusy-poll: off\n\
             frames: 8192\ninspect-ports: [80, 8080]\nfail: closed\nbpffs: /b\ncontrol-socket: /s\nstate-dir: /d\n",
        )
        .unwrap();
        assert_eq!((s.mode, s.busy_poll, s.fail), (Mode::ZeroCopy, BusyPoll::Off, Fail::Closed));
        assert_eq!(s.inspect_ports, Inspect::Ports(vec![80, 8080]));
        assert_eq!((s.device_b(), s.cores.as_slice()), (None, &[2, 3][..]));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let error = parse("placement: inline\nports: [a, b]\nfial: closed\n").unwrap_err();
        assert!(error.starts_with("x.yaml:3:1: ") && error.contains("fial"), "{error}");
        let error = parse("placement: inline\nports: [a, b]\nworkers: none\n").unwrap_err();
        assert!(error.starts_with("x.yaml:3:10: "), "{error}");
        let error = parse("placement: [inline\n").unwrap_err();
        assert!(error.starts_with("x.yaml:"), "{error}");
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        let cases = [
            ("placement: inline\nports: [a]\n", "needs two ports"),
            ("placement: mirror\nports: [a, b]\n", "needs one port"),
            ("placement: inline\nports: [a, a]\n", "twice"),
            ("placement: inline\nports: [a, b/c]\n", "network device"),
            ("placement: inline\nports: [a, sixteen-letters-x]\n", "network device"),
            ("placement: inline\nports: [a, b]\ncores: [1, 2]\n", "`cores`"),
            ("placement: mirror\nports: [a]\nmirror-link-state: true\n", "`mirror-link-state`"),
            ("placement: inline\nports: [a, b]\nframes: 64\n", "`frames: 64`"),
            ("placement: inline\nports: [a, b]\nworkers: 0\n", "x.yaml:3:"),
            ("placement: inline\nports: [a, b]\ninspect-ports: []\n", "nothing would be inspected"),
            ("placement: inline\nports: [a, b]\ninspect-ports: [70000]\n", "list of TCP ports"),
            ("placement: inline\nports: [a, b]\nbusy-poll: sometimes\n", "adaptive"),
        ];
        for (source, problem) in cases {
            let error = parse(source).unwrap_err();
            assert!(error.contains(problem), "{source:?}: {error}");
        }
    }
}
