//! Giving up root. Nothing that the management process does needs it, except to become somebody else.

use std::ffi::CString;
use std::io;
use std::os::unix::fs::chown;
use std::path::Path;

use nix::unistd::{User, geteuid, initgroups, setgid, setuid};

use super::{DaemonError, Settings, failed};

/// Makes the directories that the settings name, and becomes the user they name if the process is root.
pub(super) fn prepare(settings: &Settings) -> Result<(), DaemonError> {
    let user = match &settings.user {
        Some(name) if geteuid().is_root() => Some(find(name).map_err(failed("become user", name))?),
        _ => None,
    };
    let parents = [Some(&settings.control), Some(&settings.api), settings.events.file.as_ref()];
    let parents = parents.into_iter().flatten().filter_map(|p| p.parent());
    for dir in parents.chain([settings.state_dir.as_path()]) {
        make(dir, user.as_ref()).map_err(failed("make the directory", dir))?;
    }
    match user {
        Some(user) => become_user(&user).map_err(failed("become user", &user.name)),
        None => {
            if geteuid().is_root() {
                tracing::warn!("running as root, which is not needed; use --user NAME");
            }
            Ok(())
        }
    }
}

fn find(name: &str) -> io::Result<User> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, "there is no such user");
    User::from_name(name)?.ok_or_else(missing)
}

/// Makes `dir` if it isn't there, and then gives it to the user. An existing directory is left as it is: its owner was
/// somebody's choice (`/tmp`, `/run`).
fn make(dir: &Path, user: Option<&User>) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(dir)?;
    match user {
        Some(u) => chown(dir, Some(u.uid.as_raw()), Some(u.gid.as_raw())),
        None => Ok(()),
    }
}

/// Groups before user: afterwards it would not be allowed any more.
fn become_user(user: &User) -> io::Result<()> {
    let name = CString::new(user.name.as_str())?;
    initgroups(&name, user.gid)?;
    setgid(user.gid)?;
    setuid(user.uid)?;
    Ok(())
}
