//! What can go wrong when a port is opened, as a sentence and what to do.

use std::error::Error;
use std::io;

/// A port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// A setting that `xsk-rs` refuses.
    #[error("the port's settings are refused: {0}")]
    Config(String),
    /// The packet memory could not be registered.
    #[error("packet memory of {frames} frames could not be registered: {source}. {}", hint(.source))]
    Umem {
        /// Frames asked for.
        frames: u32,
        /// The system's reason.
        source: io::Error,
    },
    /// The queue could not be bound.
    #[error("queue {queue} of {device} could not be opened for AF_XDP: {source}. {}", hint(.source))]
    Bind {
        /// The network device.
        device: String,
        /// Its queue.
        queue: u32,
        /// The system's reason.
        source: io::Error,
    },
}

impl PortError {
    pub(super) fn config(e: impl Error) -> PortError {
        PortError::Config(e.to_string())
    }

    pub(super) fn umem(frames: u32, e: &(dyn Error + 'static)) -> PortError {
        PortError::Umem { frames, source: root_cause(e) }
    }

    pub(super) fn bind(device: &str, queue: u32, e: &(dyn Error + 'static)) -> PortError {
        PortError::Bind { device: device.to_owned(), queue, source: root_cause(e) }
    }

    pub(super) fn rings(device: &str, queue: u32) -> PortError {
        let source = io::Error::other("the queue is bound twice (are both ports the same device?)");
        PortError::Bind { device: device.to_owned(), queue, source }
    }

    /// Whether another socket still has the queue.
    pub fn is_busy(&self) -> bool {
        matches!(self, PortError::Bind { source, .. } if source.raw_os_error() == Some(libc::EBUSY))
    }
}

/// The system's error under the library's wrapper.
fn root_cause(e: &(dyn Error + 'static)) -> io::Error {
    match e.source().and_then(|s| s.downcast_ref::<io::Error>()) {
        Some(io) => io
            .raw_os_error()
            .map_or_else(|| io::Error::other(io.to_string()), io::Error::from_raw_os_error),
        None => io::Error::other(e.to_string()),
    }
}

fn hint(e: &io::Error) -> &'static str {
    match e.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "Run as root, or with CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF"
        }
        Some(libc::EBUSY) => "Another AF_XDP program has this queue: stop it first",
        Some(libc::ENODEV) => "There is no such device in this network namespace: see `ip link`",
        Some(libc::EOPNOTSUPP) => {
            "The driver cannot do this mode: set `mode: copy` or `mode: auto`"
        }
        Some(libc::EINVAL) => "The device may have fewer queues than `workers`: see `ethtool -l`",
        Some(libc::ENOMEM | libc::ENOBUFS) => {
            "Lower `frames`, or raise the memory limit (`ulimit -l`)"
        }
        _ => "See `weir-dataplane preflight`",
    }
}
