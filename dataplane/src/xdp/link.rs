//! The attachment of a program to an interface: a BPF link, pinned so that it outlives us, updated in place.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libbpf_rs::{Link, Program, XdpFlags, libbpf_sys};

use super::{Mode, XdpError};

/// How the program came to the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// A new link was made.
    New(Mode),
    /// The link of an earlier process stayed and got the new program: no packet was without one.
    Updated(Mode),
}

/// Attaches `program` to the interface, or gives it to the link already pinned at `pin`.
pub(super) fn attach(
    program: &Program<'_>,
    ifname: &str,
    mode: Mode,
    pin: &Path,
) -> Result<Attached, XdpError> {
    let ifindex = nix::net::if_::if_nametoindex(ifname)
        .map_err(|_| XdpError::NoSuchInterface { interface: ifname.to_owned() })?;
    if pin.exists() {
        let current = current_mode(ifindex);
        let mut link = Link::open(pin).map_err(|source| XdpError::pin(pin, source))?;
        let wanted = mode == Mode::Auto || Some(mode) == current;
        if wanted && interface_of(link.as_fd()).ok() == Some(ifindex) {
            link.update_prog(program).map_err(|source| XdpError::pin(pin, source))?;
            return Ok(Attached::Updated(current.unwrap_or(mode)));
        }
        // The port is another interface now, was deleted, or should run in another mode.
        let _ = link.detach(); // ENOLINK when the interface is gone: nothing left to detach
        fs::remove_file(pin).map_err(|source| XdpError::pin(pin, source.into()))?;
    }
    let link = match mode {
        Mode::Native => create(program.as_fd(), ifindex, XdpFlags::DRV_MODE),
        Mode::Skb => create(program.as_fd(), ifindex, XdpFlags::SKB_MODE),
        Mode::Auto => create(program.as_fd(), ifindex, XdpFlags::DRV_MODE)
            // Only "this driver can't" falls back; "busy" and "not permitted" would fail again, less clearly.
            .or_else(|error| match error.raw_os_error() {
                Some(libc::EOPNOTSUPP | libc::EINVAL) => {
                    create(program.as_fd(), ifindex, XdpFlags::SKB_MODE)
                }
                _ => Err(error),
            }),
    }
    .map_err(|source| XdpError::Attach { interface: ifname.to_owned(), mode, source })?;
    pin_fd(link.as_fd(), pin).map_err(|source| XdpError::pin(pin, source.into()))?;
    Ok(Attached::New(current_mode(ifindex).unwrap_or(mode)))
}

/// Detaches the link pinned at `pin`, if there is one, and removes the pin.
pub(super) fn detach(pin: &Path) -> Result<bool, XdpError> {
    if !pin.exists() {
        return Ok(false);
    }
    let link = Link::open(pin).map_err(|source| XdpError::pin(pin, source))?;
    let _ = link.detach(); // ENOLINK when the interface is gone: nothing left to detach
    fs::remove_file(pin).map_err(|source| XdpError::pin(pin, source.into()))?;
    Ok(true)
}

/// What an interface's driver can do with XDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offloads {
    /// Programs run in the driver.
    pub native: bool,
    /// Frames can be redirected to it. A veth can only while its other end runs NAPI; several other drivers only while
    /// they have a program.
    pub redirect_target: bool,
}

/// Asks the driver; none if the kernel (before 6.3) or the driver doesn't say.
pub fn offloads(ifindex: u32) -> Option<Offloads> {
    const BASIC: u64 = 1 << 0; // NETDEV_XDP_ACT_BASIC of linux/netdev.h
    const NDO_XMIT: u64 = 1 << 2; // NETDEV_XDP_ACT_NDO_XMIT
    let features = query(ifindex)?.feature_flags;
    (features != 0).then_some(Offloads {
        native: features & BASIC != 0,
        redirect_target: features & NDO_XMIT != 0,
    })
}

fn current_mode(ifindex: u32) -> Option<Mode> {
    match u32::from(query(ifindex)?.attach_mode) {
        libbpf_sys::XDP_ATTACHED_SKB => Some(Mode::Skb),
        libbpf_sys::XDP_ATTACHED_DRV | libbpf_sys::XDP_ATTACHED_HW => Some(Mode::Native),
        _ => None,
    }
}

fn query(ifindex: u32) -> Option<libbpf_sys::bpf_xdp_query_opts> {
    let mut opts = libbpf_sys::bpf_xdp_query_opts {
        sz: size_of::<libbpf_sys::bpf_xdp_query_opts>() as libbpf_sys::size_t,
        ..Default::default()
    };
    // SAFETY: `opts` says its size and outlives the call; the other arguments are plain numbers.
    let result = unsafe { libbpf_sys::bpf_xdp_query(ifindex as i32, 0, &mut opts) };
    (result == 0).then_some(opts)
}

/// `bpf_link_create`; libbpf-rs's own call can't choose the mode.
fn create(program: BorrowedFd<'_>, ifindex: u32, flags: XdpFlags) -> io::Result<OwnedFd> {
    let opts = libbpf_sys::bpf_link_create_opts {
        sz: size_of::<libbpf_sys::bpf_link_create_opts>() as libbpf_sys::size_t,
        flags: flags.bits(),
        ..Default::default()
    };
    // SAFETY: `opts` says its size and outlives the call; the other arguments are plain numbers.
    let fd = unsafe {
        libbpf_sys::bpf_link_create(program.as_raw_fd(), ifindex as i32, libbpf_sys::BPF_XDP, &opts)
    };
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd));
    }
    // SAFETY: the call gave us this descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn pin_fd(fd: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: `path` is a C string that outlives the call.
    let result = unsafe { libbpf_sys::bpf_obj_pin(fd.as_raw_fd(), path.as_ptr()) };
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(()) }
}

/// The interface a link is attached to; 0 once that interface has gone.
fn interface_of(link: BorrowedFd<'_>) -> io::Result<u32> {
    let mut info = libbpf_sys::bpf_link_info::default();
    let mut len = size_of_val(&info) as u32;
    // SAFETY: the kernel writes at most `len` bytes, which is the size of `info`.
    let result = unsafe {
        libbpf_sys::bpf_obj_get_info_by_fd(link.as_raw_fd(), (&raw mut info).cast(), &mut len)
    };
    if result < 0 {
        return Err(io::Error::from_raw_os_error(-result));
    }
    // SAFETY: all variants of the union are plain numbers, and this one is the XDP link's.
    Ok(unsafe { info.__bindgen_anon_1.xdp.ifindex })
}
