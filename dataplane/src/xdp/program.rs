//! Loading the compiled program, with maps that outlive the process.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use libbpf_rs::{MapCore, MapHandle, MapType, Object, ObjectBuilder, PrintLevel, ProgramMut};

use super::XdpError;
use crate::engine::Side;

/// `bpf/weir.bpf.c`, compiled by `build.rs`.
const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/weir.bpf.o"));
/// Name of the program in the object.
const PROGRAM: &str = "weir";
/// Maps that belong to one port; all others are shared by both.
const PORT_MAPS: [&str; 3] = ["xsks", "peer", "stats"];
/// Name of the pinned link in a port's directory.
const LINK: &str = "link";

/// The directory of one port's pins.
pub(super) fn port_dir(dir: &Path, side: Side) -> PathBuf {
    dir.join(match side {
        Side::A => "a",
        Side::B => "b",
    })
}

/// Where the link of a port is pinned.
pub(super) fn link_pin(dir: &Path, side: Side) -> PathBuf {
    port_dir(dir, side).join(LINK)
}

/// The program loaded for one port, not yet attached. Its maps are pinned; those pinned before are reused.
pub struct Loaded {
    object: Object,
    dir: PathBuf,
    side: Side,
}

impl Loaded {
    /// Loads the program for the port `side` of the instance pinned in `dir` (on a bpffs).
    pub fn new(dir: &Path, side: Side) -> Result<Loaded, XdpError> {
        let failed = |source| XdpError::Load { dir: dir.to_owned(), source };
        let port_dir = port_dir(dir, side);
        fs::create_dir_all(&port_dir)
            .map_err(|source| XdpError::Bpffs { dir: port_dir.clone(), source })?;
        libbpf_rs::set_print(Some((PrintLevel::Warn, log)));
        let mut open = ObjectBuilder::default().open_memory(OBJECT).map_err(failed)?;
        for mut map in open.maps_mut() {
            let name = map.name().to_string_lossy().into_owned();
            let home = if PORT_MAPS.contains(&name.as_str()) { port_dir.as_path() } else { dir };
            let pin = home.join(name);
            // The kernel adds BPF_F_RDONLY_PROG to a devmap's flags; libbpf, comparing flags with
            // the pinned map's, would refuse it.
            if map.map_type() == MapType::Devmap && pin.exists() {
                map.reuse_pinned_map(pin).map_err(failed)?;
            } else {
                map.set_pin_path(pin).map_err(failed)?;
            }
        }
        let object = open.load().map_err(failed)?;
        Ok(Loaded { object, dir: dir.to_owned(), side })
    }

    /// The program.
    pub fn program(&self) -> Result<ProgramMut<'_>, XdpError> {
        self.object
            .progs_mut()
            .find(|program| program.name() == PROGRAM)
            .ok_or(XdpError::Missing(PROGRAM))
    }

    /// A map by its name in `bpf/maps.h`, independent of this value's life.
    pub fn map(&self, name: &'static str) -> Result<MapHandle, XdpError> {
        let map =
            self.object.maps().find(|map| map.name() == name).ok_or(XdpError::Missing(name))?;
        MapHandle::try_from(&map).map_err(|source| XdpError::map(name, source))
    }

    pub(super) fn link_pin(&self) -> PathBuf {
        link_pin(&self.dir, self.side)
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("dir", &self.dir)
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

/// libbpf explains its errors (the verifier's reasons, too) only here.
fn log(level: PrintLevel, message: String) {
    match level {
        PrintLevel::Warn => tracing::warn!(target: "libbpf", "{}", message.trim_end()),
        PrintLevel::Info | PrintLevel::Debug => {
            tracing::debug!(target: "libbpf", "{}", message.trim_end())
        }
    }
}
