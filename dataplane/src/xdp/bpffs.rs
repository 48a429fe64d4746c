//! The file system of BPF pins: there, or mounted by us.

use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use super::XdpError;

/// Where distributions mount it.
pub const DEFAULT_MOUNT: &str = "/sys/fs/bpf";

/// What [`ensure`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mounted {
    /// It was mounted already.
    Before,
    /// We mounted it, in the machine's own mount namespace.
    Now,
    /// We mounted it in a mount namespace of this process (`ip netns exec` makes one, so do containers):
    /// the pins, and with them the program, go when the last process in it ends.
    NowPrivately,
}

/// Makes sure that `dir` can hold pins, and creates it. If it isn't on a bpffs, one is mounted at /sys/fs/bpf where
/// `dir` is below that, otherwise at `dir` itself.
pub fn ensure(dir: &Path) -> Result<Mounted, XdpError> {
    let failed = |source: io::Error| XdpError::Bpffs { dir: dir.to_owned(), source };
    let mut mounted = Mounted::Before;
    if !on_bpffs(dir) {
        let at = if dir.starts_with(DEFAULT_MOUNT) { Path::new(DEFAULT_MOUNT) } else { dir };
        std::fs::create_dir_all(at).map_err(failed)?;
        mount(Some("bpf"), at, Some("bpf"), MsFlags::empty(), Some("mode=0700"))
            .map_err(|e| failed(e.into()))?;
        mounted = if in_machines_mount_namespace() { Mounted::Now } else { Mounted::NowPrivately };
    }
    std::fs::create_dir_all(dir).map_err(failed)?;
    Ok(mounted)
}

/// Whether `dir`, or the nearest directory above it that exists, is on a bpffs.
pub fn on_bpffs(dir: &Path) -> bool {
    let mut at = PathBuf::from(dir);
    while !at.exists() {
        if !at.pop() {
            return false;
        }
    }
    statfs(&at).is_ok_and(|fs| fs.filesystem_type() == BPF_FS_MAGIC)
}

fn in_machines_mount_namespace() -> bool {
    let namespace = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/mnt")).ok();
    namespace("self") == namespace("1")
}
