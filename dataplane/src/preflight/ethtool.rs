//! Reads and changes the settings of a network device, by the ioctls that `ip` and `ethtool` use (netdevice(7),
//! linux/ethtool.h). Not through sysfs: that shows the namespace in which it was mounted.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use serde::{Deserialize, Serialize};

const GET_DRIVER_INFO: u32 = 0x03; // ETHTOOL_GDRVINFO
const GET_STATISTICS: u32 = 0x1d; // ETHTOOL_GSTATS
const GET_CHANNELS: u32 = 0x3c; // ETHTOOL_GCHANNELS
const GET_RSS: u32 = 0x46; // ETHTOOL_GRSSH

/// A setting that is on or off, and that Weir may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// Receives frames for every MAC address, not only its own.
    Promiscuous,
    /// Takes VLAN tags out of received frames, before XDP sees them.
    RxVlan,
    /// Takes VLAN tags of sent frames as metadata, to be put in by hardware.
    TxVlan,
    /// Joins received segments.
    Lro,
    /// Leaves TCP checksums of sent frames to hardware.
    TxChecksum,
    /// Joins received segments in software; on a veth it also turns NAPI on.
    Gro,
    /// Sends and receives at all.
    Up,
}

impl Setting {
    /// The word in `ethtool -K` (or `ip link set`, of the interface's own).
    pub fn name(self) -> &'static str {
        match self {
            Setting::Promiscuous => "promisc",
            Setting::RxVlan => "rxvlan",
            Setting::TxVlan => "txvlan",
            Setting::Lro => "lro",
            Setting::TxChecksum => "tx",
            Setting::Gro => "gro",
            Setting::Up => "up",
        }
    }

    /// The commands that read and write it, and its bits in their value.
    fn commands(self) -> (u32, u32, u32) {
        const GET_FLAGS: u32 = 0x25;
        const SET_FLAGS: u32 = 0x26;
        match self {
            // Of the interface, not of ethtool.
            Setting::Promiscuous => (0, 0, libc::IFF_PROMISC as u32),
            Setting::Up => (0, 0, libc::IFF_UP as u32),
            Setting::TxVlan => (GET_FLAGS, SET_FLAGS, 1 << 7),
            Setting::RxVlan => (GET_FLAGS, SET_FLAGS, 1 << 8),
            Setting::Lro => (GET_FLAGS, SET_FLAGS, 1 << 15),
            Setting::TxChecksum => (0x16, 0x17, 1),
            Setting::Gro => (0x2b, 0x2c, 1),
        }
    }
}

/// A network device. It stays reachable when the thread is in another network namespace.
#[derive(Debug)]
pub struct Device {
    name: String,
    socket: OwnedFd,
}

impl Device {
    /// The device of that name in this network namespace, or in the one at `netns` (`/run/netns/NAME`,
    /// `/proc/PID/ns/net`). Whether it exists shows with the first question to it.
    pub fn open(name: &str, netns: Option<&Path>) -> io::Result<Device> {
        let socket = match netns {
            None => control_socket()?,
            Some(netns) => within(netns, control_socket)??,
        };
        Ok(Device { name: name.to_owned(), socket })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number in its namespace.
    pub fn index(&self) -> io::Result<u32> {
        let mut request = self.request()?;
        self.ioctl(libc::SIOCGIFINDEX, &mut request)?;
        // SAFETY: SIOCGIFINDEX has filled this variant.
        Ok(unsafe { request.ifr_ifru.ifru_ifindex } as u32)
    }

    /// Whether it is up and has a link.
    pub fn has_link(&self) -> io::Result<bool> {
        Ok(self.flags()? & libc::IFF_RUNNING as u32 != 0)
    }

    /// The longest IP packet that it sends, in bytes.
    pub fn mtu(&self) -> io::Result<u32> {
        let mut request = self.request()?;
        self.ioctl(libc::SIOCGIFMTU, &mut request)?;
        // SAFETY: SIOCGIFMTU has filled this variant.
        Ok(unsafe { request.ifr_ifru.ifru_mtu } as u32)
    }

    /// Whether it is a virtual Ethernet pair's end.
    pub fn is_veth(&self) -> bool {
        // struct ethtool_drvinfo: cmd, then the driver's name
        let mut info = [0u32; 49];
        self.ethtool(GET_DRIVER_INFO, &mut info).is_ok()
            && info.get(1) == Some(&u32::from_ne_bytes(*b"veth"))
            && info.get(2) == Some(&0)
    }

    /// The number of a veth's other end, in that end's namespace.
    pub fn veth_peer(&self) -> io::Result<u32> {
        // struct ethtool_stats: cmd, n_stats, then 64 bits each; a veth's first is `peer_ifindex`.
        let mut info = [0u32; 49];
        self.ethtool(GET_DRIVER_INFO, &mut info)?;
        // The kernel writes as many as there are then, whatever we say: leave room for queues added in between.
        let room = 512 + info.get(45).copied().unwrap_or(0) as usize;
        let mut stats = vec![0u32; 2 + 2 * room];
        self.ethtool(GET_STATISTICS, &mut stats)?;
        let pair = stats.get(2).zip(stats.get(3)).map(|(a, b)| (a.to_ne_bytes(), b.to_ne_bytes()));
        let ([a, b, c, d], [e, f, g, h]) = pair.unwrap_or_default();
        Ok(u64::from_ne_bytes([a, b, c, d, e, f, g, h]) as u32)
    }

    /// Receive queues in use; 1 where the driver doesn't say.
    pub fn receive_queues(&self) -> u32 {
        // struct ethtool_channels: cmd, four maxima (rx, tx, other, combined), four counts
        let mut channels = [0u32; 9];
        match self.ethtool(GET_CHANNELS, &mut channels) {
            Ok(()) => {
                let [_, _, _, _, _, rx, _, _, combined] = channels;
                (rx + combined).max(1)
            }
            Err(_) => 1,
        }
    }

    /// Whether both directions of a flow are hashed to the same queue; none where the driver doesn't say.
    pub fn rss_is_symmetric(&self) -> Option<bool> {
        const SYMMETRIC: u32 = 0b11; // RXH_XFRM_SYM_XOR, RXH_XFRM_SYM_OR_XOR
        // struct ethtool_rxfh: cmd, context, table size, key size, function and transformation, reserved; table, key.
        let mut sizes = [0u32; 6];
        self.ethtool(GET_RSS, &mut sizes).ok()?;
        let [_, _, table, key, ..] = sizes;
        if table > 65536 || key > 1024 {
            return None;
        }
        let mut rss = vec![0u32; 6 + table as usize + key.div_ceil(4) as usize];
        rss.get_mut(..6)?.copy_from_slice(&[0, 0, table, key, 0, 0]);
        self.ethtool(GET_RSS, &mut rss).ok()?;
        let [_, transformation, ..] = rss.get(4)?.to_ne_bytes();
        if u32::from(transformation) & SYMMETRIC != 0 {
            return Some(true);
        }
        // A Toeplitz key that repeats every 16 bits hashes a→b and b→a alike (Woo and Park, 2012).
        let key: Vec<u8> =
            rss.get(6 + table as usize..)?.iter().flat_map(|w| w.to_ne_bytes()).collect();
        Some(key.chunks_exact(2).all(|pair| key.starts_with(pair)) && !key.is_empty())
    }

    /// Reads a setting.
    pub fn get(&self, setting: Setting) -> io::Result<bool> {
        Ok(self.bits(setting)? & setting.commands().2 != 0)
    }

    /// Changes a setting. Success means that the device accepted it; read it again to be sure.
    pub fn set(&self, setting: Setting, on: bool) -> io::Result<()> {
        let (_, command, bit) = setting.commands();
        let before = self.bits(setting)?;
        let wanted = if on { before | bit } else { before & !bit };
        if command == 0 {
            let mut request = self.request()?;
            request.ifr_ifru.ifru_flags = wanted as libc::c_short;
            return self.ioctl(libc::SIOCSIFFLAGS, &mut request);
        }
        self.ethtool(command, &mut [0, wanted])
    }

    fn bits(&self, setting: Setting) -> io::Result<u32> {
        let (command, ..) = setting.commands();
        if command == 0 {
            return self.flags();
        }
        let mut value = [0u32; 2];
        self.ethtool(command, &mut value)?;
        let [_, bits] = value;
        Ok(bits)
    }

    fn flags(&self) -> io::Result<u32> {
        let mut request = self.request()?;
        self.ioctl(libc::SIOCGIFFLAGS, &mut request)?;
        // SAFETY: SIOCGIFFLAGS has filled this variant.
        Ok(u32::from(unsafe { request.ifr_ifru.ifru_flags } as u16))
    }

    fn request(&self) -> io::Result<libc::ifreq> {
        let name = self.name.as_bytes();
        if name.len() >= libc::IFNAMSIZ || name.contains(&0) {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        // SAFETY: `ifreq` is plain numbers and a raw pointer, for all of which zero is a value.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(name) {
            *to = *from as libc::c_char;
        }
        Ok(request)
    }

    /// Runs an ethtool command on its struct, given as words; the first is the command's place.
    fn ethtool(&self, command: u32, words: &mut [u32]) -> io::Result<()> {
        if let Some(first) = words.first_mut() {
            *first = command;
        }
        let mut request = self.request()?;
        request.ifr_ifru.ifru_data = words.as_mut_ptr().cast();
        self.ioctl(libc::SIOCETHTOOL, &mut request)
    }

    fn ioctl(&self, command: libc::c_ulong, request: &mut libc::ifreq) -> io::Result<()> {
        // SAFETY: these ioctls read and write one `ifreq`; SIOCETHTOOL also the buffer that it points to, which the
        // caller has made as large as the command's struct (with the counts that the kernel itself gave) and outlives this call.
        let result = unsafe { libc::ioctl(self.socket.as_raw_fd(), command as _, request) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// Runs `action` in another network namespace, on a thread of its own: a thread that has left its namespace is of no
/// other use.
pub fn within<T: Send>(netns: &Path, action: impl FnOnce() -> T + Send) -> io::Result<T> {
    let namespace = std::fs::File::open(netns)?;
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET)?;
            Ok(action())
        });
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace panicked")))
    })
}

fn control_socket() -> io::Result<OwnedFd> {
    Ok(socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?)
}
