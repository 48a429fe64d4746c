//! The XDP program on real interfaces: attached, pinned, taken over, detached; what passes without a worker; and the
//! preflight check that prepares the ports. Needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // test code

mod xdp_bench;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use weir_dataplane::engine::Side;
use weir_dataplane::preflight::ethtool::{Device, Setting, within};
use weir_dataplane::preflight::{self, Request, Undo};
use weir_dataplane::xdp::{
    self, Attached, Inspect, Mode, Ports, Stat, Xdp, XdpError, XdpSettings, bpffs,
};
use xdp_bench::{Pins, add_veth, monotonic_ns, own_namespace, run};

fn inline(a: &str, b: &str) -> Ports {
    Ports::Inline { a: a.into(), b: b.into() }
}

fn settings(pins: &Pins, ports: Ports) -> XdpSettings {
    let dir = pins.0.clone();
    XdpSettings { ports, dir, inspect: Inspect::All, fail_open: true, mode: Mode::Auto }
}

/// The number of the program on an interface, none without one.
fn program_id(interface: &str) -> Option<u32> {
    let shown = run(&format!("ip -d link show {interface}"));
    let at = shown.split("prog/xdp id ").nth(1)?;
    at.split_whitespace().next()?.parse().ok()
}

fn pinned(pins: &Pins) -> Vec<String> {
    let listed = run(&format!("cd {} 2>/dev/null && find . -type f | sort", pins.0.display()));
    listed.lines().map(|line| line.trim_start_matches("./").to_owned()).collect()
}

#[test]
fn it_outlives_its_process_is_updated_in_place_and_detached_without_a_trace() {
    own_namespace();
    add_veth("wa", "ea");
    add_veth("wb", "eb");
    let pins = Pins::new();
    let settings = settings(&pins, inline("wa", "wb"));
    let first = Xdp::attach(&settings).unwrap();
    assert_eq!(first.attached(Side::A).unwrap(), Attached::New(Mode::Native));
    assert_eq!(first.attached(Side::B).unwrap(), Attached::New(Mode::Native));
    first.block("10.9.9.9".parse::<std::net::IpAddr>().unwrap(), u64::MAX).unwrap();
    let (old_a, old_b) = (program_id("wa"), program_id("wb"));
    assert!(old_a.is_some() && old_b.is_some() && old_a != old_b);
    assert_eq!(
        pinned(&pins).join(" "),
        "a/link a/peer a/stats a/xsks b/link b/peer b/stats b/xsks blocked4 blocked6 bypass config heartbeat ports"
    );
    drop(first);
    assert_eq!((program_id("wa"), program_id("wb")), (old_a, old_b), "the process has gone");

    let second = Xdp::attach(&settings).unwrap();
    assert_eq!(second.attached(Side::A).unwrap(), Attached::Updated(Mode::Native));
    assert_eq!(second.attached(Side::B).unwrap(), Attached::Updated(Mode::Native));
    assert!(program_id("wa").is_some() && program_id("wa") != old_a, "a new program, same link");
    assert_eq!(second.blocked().unwrap().len(), 1, "the maps are the old ones");

    assert!(xdp::detach(&pins.0).unwrap());
    assert_eq!((program_id("wa"), program_id("wb")), (None, None), "though `second` still lives");
    assert!(!pins.0.exists());
    assert!(!xdp::detach(&pins.0).unwrap());
}

#[test]
fn another_mode_or_another_interface_replaces_the_link() {
    own_namespace();
    add_veth("wa", "ea");
    add_veth("wb", "eb");
    add_veth("wc", "ec");
    let pins = Pins::new();
    let mut settings = settings(&pins, inline("wa", "wb"));
    Xdp::attach(&settings).unwrap();

    settings.mode = Mode::Skb;
    let skb = Xdp::attach(&settings).unwrap();
    assert_eq!(skb.attached(Side::A).unwrap(), Attached::New(Mode::Skb));

    settings.ports = inline("wa", "wc");
    let moved = Xdp::attach(&settings).unwrap();
    assert_eq!(moved.attached(Side::A).unwrap(), Attached::Updated(Mode::Skb));
    assert_eq!(moved.attached(Side::B).unwrap(), Attached::New(Mode::Skb));
    assert_eq!(program_id("wb"), None);

    run("ip link del wc");
    add_veth("wc", "ec"); // the same name, another interface
    let back = Xdp::attach(&settings).unwrap();
    assert_eq!(back.attached(Side::B).unwrap(), Attached::New(Mode::Skb));
    assert!(program_id("wc").is_some());
}

#[test]
fn a_failed_attachment_leaves_nothing_and_says_why() {
    own_namespace();
    add_veth("wa", "ea");
    add_veth("wb", "eb");
    let (pins, others) = (Pins::new(), Pins::new());
    let missing = Xdp::attach(&settings(&pins, inline("wa", "nope"))).unwrap_err();
    assert!(matches!(&missing, XdpError::NoSuchInterface { interface } if interface == "nope"));
    assert_eq!(program_id("wa"), None);
    assert!(!pins.0.exists());

    let other = Ports::Mirror { port: "wb".into() };
    let _other = Xdp::attach(&settings(&others, other)).unwrap();
    let busy = Xdp::attach(&settings(&pins, inline("wa", "wb"))).unwrap_err().to_string();
    assert!(busy.contains("wb") && busy.contains("Another XDP program"), "{busy}");
    assert_eq!(program_id("wa"), None);
    assert!(!pins.0.exists());
}

#[test]
fn a_driver_without_native_xdp_gets_the_generic_one() {
    own_namespace();
    run("ip link add bridge0 type bridge && ip link set bridge0 up");
    let pins = Pins::new();
    let mut settings = settings(&pins, Ports::Mirror { port: "bridge0".into() });
    let generic = Xdp::attach(&settings).unwrap();
    assert_eq!(generic.attached(Side::A).unwrap(), Attached::New(Mode::Skb));
    drop(generic);
    xdp::detach(&pins.0).unwrap();

    settings.mode = Mode::Native;
    let refused = Xdp::attach(&settings).unwrap_err().to_string();
    assert!(refused.contains("mode: skb"), "{refused}");
}

/// Two hosts, each in a namespace, and in between this thread's namespace with the ports `wa` and `wb`.
struct Wire {
    pins: Pins,
    undo_file: PathBuf,
}

impl Wire {
    fn new() -> Wire {
        own_namespace();
        let pins = Pins::new();
        let undo_file = std::env::temp_dir()
            .join(format!("{}.json", pins.0.file_name().unwrap().to_string_lossy()));
        let wire = Wire { pins, undo_file };
        for (port, end, address) in [("wa", "ea", "10.77.0.1/24"), ("wb", "eb", "10.77.0.2/24")] {
            let host = wire.host(end);
            run(&format!("ip netns add {host}"));
            run(&format!("ip link add {port} type veth peer name {end} netns {host}"));
            run(&format!("ip link set {port} up"));
            run(&format!("ip -n {host} addr add {address} dev {end}"));
            run(&format!("ip -n {host} link set {end} up"));
        }
        wire
    }

    fn host(&self, end: &str) -> String {
        format!("weir-{}-{end}", self.pins.0.file_name().unwrap().to_string_lossy())
    }

    fn netns(&self, end: &str) -> PathBuf {
        PathBuf::from("/run/netns").join(self.host(end))
    }

    fn request(&self) -> Request {
        Request {
            ports: inline("wa", "wb"),
            mode: Mode::Auto,
            workers: 1,
            peer_netns: vec![self.netns("eb"), self.netns("ea")],
            undo_file: self.undo_file.clone(),
        }
    }

    fn setting(&self, end: &str, setting: Setting) -> bool {
        Device::open(end, Some(&self.netns(end))).unwrap().get(setting).unwrap()
    }

    /// Whether a TCP connection from one host to the other carries bytes both ways.
    fn tcp_passes(&self, port: u16) -> bool {
        let to: SocketAddr = ([10, 77, 0, 2], port).into();
        let listener = within(&self.netns("eb"), || TcpListener::bind(to).unwrap()).unwrap();
        listener.set_nonblocking(true).unwrap();
        let server = std::thread::spawn(move || {
            let end = Instant::now() + Duration::from_secs(3);
            while Instant::now() < end {
                if let Ok((mut stream, _)) = listener.accept() {
                    let mut greeting = [0; 4];
                    stream.set_nonblocking(false).unwrap();
                    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
                    let _ =
                        stream.read_exact(&mut greeting).and_then(|()| stream.write_all(&greeting));
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let client = within(&self.netns("ea"), || {
            let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(2))?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            stream.write_all(b"ping")?;
            let mut echo = [0; 4];
            stream.read_exact(&mut echo)
        });
        server.join().unwrap();
        client.unwrap().is_ok()
    }

    fn udp_passes(&self) -> bool {
        let receiver =
            within(&self.netns("eb"), || UdpSocket::bind("10.77.0.2:53").unwrap()).unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let sender = within(&self.netns("ea"), || UdpSocket::bind("10.77.0.1:0").unwrap()).unwrap();
        sender.send_to(b"question", "10.77.0.2:53").unwrap();
        receiver.recv(&mut [0; 16]).is_ok()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for end in ["ea", "eb"] {
            let _ =
                std::process::Command::new("ip").args(["netns", "del", &self.host(end)]).status();
        }
        let _ = std::fs::remove_file(&self.undo_file);
    }
}

#[test]
fn without_a_worker_traffic_passes_or_stops_as_configured() {
    let wire = Wire::new();
    preflight::run(&wire.request()).unwrap().undo.keep();
    let mut settings = settings(&wire.pins, inline("wa", "wb"));
    let open = Xdp::attach(&settings).unwrap();
    assert!(wire.udp_passes(), "{:?}", open.stats(Side::A));
    assert!(wire.tcp_passes(8080));
    let (a, b) = (open.stats(Side::A).unwrap(), open.stats(Side::B).unwrap());
    assert!(a.get(Stat::FallbackOpen) >= 4 && b.get(Stat::FallbackOpen) >= 3, "{a:?} {b:?}");
    assert!(a.get(Stat::ToPeer) >= 2, "ARP and the question: {a:?}");

    // Taken over by a process that wants it closed, and inspects only one port.
    settings.fail_open = false;
    settings.inspect = Inspect::Ports(vec![8081]);
    let closed = Xdp::attach(&settings).unwrap();
    assert!(wire.udp_passes());
    assert!(wire.tcp_passes(8080));
    assert_eq!(closed.stats(Side::A).unwrap().fallback(), a.fallback());
    assert!(!wire.tcp_passes(8081));
    assert!(closed.stats(Side::A).unwrap().get(Stat::FallbackClosed) >= 1);

    // A socket nobody reads, and a worker that stops beating: the program returns to the fallback by itself.
    closed.heartbeat(0).unwrap().beat(monotonic_ns());
    std::thread::sleep(xdp::HEARTBEAT_LIMIT);
    let dropped = closed.stats(Side::A).unwrap().get(Stat::FallbackClosed);
    assert!(!wire.tcp_passes(8081));
    assert!(closed.stats(Side::A).unwrap().get(Stat::FallbackClosed) > dropped);
}

#[test]
fn preflight_prepares_both_ends_and_undoes_it() {
    let wire = Wire::new();
    let state = || {
        let port = Device::open("wa", None).unwrap();
        let own =
            [Setting::Promiscuous, Setting::RxVlan, Setting::TxVlan].map(|s| port.get(s).unwrap());
        let end =
            [Setting::TxChecksum, Setting::TxVlan, Setting::Gro].map(|s| wire.setting("eb", s));
        (own, end)
    };
    let before = state();
    assert_eq!(before, ([false, true, true], [true, true, false]));
    let prepared = ([true, false, false], [false, false, true]);

    let ready = preflight::run(&wire.request()).unwrap();
    assert_eq!(state(), prepared);
    assert_eq!(ready.warnings, Vec::<String>::new());
    drop(ready);
    assert_eq!(state(), before, "a start that fails later");
    assert!(!wire.undo_file.exists());

    preflight::run(&wire.request()).unwrap().undo.keep();
    preflight::run(&wire.request()).unwrap().undo.keep(); // a restart must not take our own changes for the user's
    assert_eq!(state(), prepared);
    Undo::load(&wire.undo_file).unwrap().restore();
    assert_eq!(state(), before);
    assert!(!wire.undo_file.exists());
}

#[test]
fn preflight_says_what_is_wrong_and_what_to_do() {
    let wire = Wire::new();
    let said = |request: &Request| preflight::run(request).unwrap_err().to_string();
    let port = Device::open("wa", None).unwrap();

    let missing = said(&Request { ports: inline("wa", "nope"), ..wire.request() });
    assert!(missing.contains("no interface nope") && missing.contains("ip link"), "{missing}");
    assert!(!port.get(Setting::Promiscuous).unwrap(), "nothing stays changed");
    assert!(wire.setting("ea", Setting::TxChecksum));

    let workers = said(&Request { workers: 2, ..wire.request() });
    assert!(
        workers.contains("1 receive queue") && workers.contains("ethtool -L wa rx 2"),
        "{workers}"
    );

    let no_napi = said(&Request { peer_netns: vec![], ..wire.request() });
    assert!(no_napi.contains("gro on") && no_napi.contains("--peer-netns"), "{no_napi}");

    run("ip link set wa down && ip link set wb mtu 9000");
    let several = said(&wire.request());
    assert!(several.contains("ip link set wa up"), "{several}");
    assert!(
        several.contains("The MTU of wb") || several.contains("the MTU of wb is 9000"),
        "{several}"
    );
    run("ip link set wa up && ip link set wb mtu 1500");

    std::fs::write(&wire.undo_file, "half a file").unwrap();
    let unreadable = said(&wire.request());
    assert!(unreadable.contains("Remove it"), "{unreadable}");
}

#[test]
fn what_is_no_af_xdp_socket_of_a_known_queue_is_refused() {
    own_namespace();
    add_veth("wa", "ea");
    let pins = Pins::new();
    let xdp = Xdp::attach(&settings(&pins, Ports::Mirror { port: "wa".into() })).unwrap();
    let not_a_socket = std::fs::File::open("/dev/null").unwrap();
    assert!(matches!(
        xdp.register_socket(Side::A, 0, not_a_socket.as_fd()),
        Err(XdpError::Map { map: "xsks", .. })
    ));
    assert!(matches!(
        xdp.register_socket(Side::B, 0, not_a_socket.as_fd()),
        Err(XdpError::NoSuchPort)
    ));
    assert!(matches!(
        xdp.register_socket(Side::A, xdp::MAX_QUEUES, not_a_socket.as_fd()),
        Err(XdpError::QueueTooHigh(_))
    ));
}

#[test]
fn a_missing_bpf_file_system_is_mounted_once_and_a_private_one_is_told() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap(); // this thread's mounts, gone with it
    run("mount --make-rprivate /");
    let dir = std::env::temp_dir().join(format!("weir-bpffs-{}", std::process::id()));
    assert!(!bpffs::on_bpffs(&dir));
    assert_eq!(bpffs::ensure(&dir).unwrap(), bpffs::Mounted::NowPrivately);
    assert_eq!(bpffs::ensure(&dir.join("instance")).unwrap(), bpffs::Mounted::Before);
    assert!(dir.join("instance").exists());
    run(&format!("umount {0} && rmdir {0}", dir.display()));
    let refused = bpffs::ensure(Path::new("/proc/weir")).unwrap_err().to_string();
    assert!(refused.contains("mount -t bpf"), "{refused}");
}
