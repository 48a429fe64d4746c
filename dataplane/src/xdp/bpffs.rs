//! The file system of BPF pins: there, or mounted by us.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
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
    let mounted = if on_bpffs(dir) { Mounted::Before } else { mount_for(dir).map_err(failed)? };
    std::fs::create_dir_all(dir).map_err(failed)?;
    Ok(mounted)
}

fn mount_for(dir: &Path) -> io::Result<Mounted> {
    let at = if dir.starts_with(DEFAULT_MOUNT) { Path::new(DEFAULT_MOUNT) } else { dir };
    std::fs::create_dir_all(at)?;
    // Two processes that both mount would hide the pins of the first: the second waits, and looks again.
    let parent = File::open(at.parent().unwrap_or(at))?;
    let _lock = Flock::lock(parent, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
    if on_bpffs(dir) {
        return Ok(Mounted::Before);
    }
    mount(Some("bpf"), at, Some("bpf"), MsFlags::empty(), Some("mode=0700"))?;
    Ok(if in_machines_mount_namespace() { Mounted::Now } else { Mounted::NowPrivately })
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
