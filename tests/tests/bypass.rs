//! What nobody reads leaves the worker, and comes back with the next connection.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::libc::linger;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, setsockopt, socket, sockopt,
};
use weir_tests::net::{CLIENT_V4, SERVER_V4, Topology};
use weir_tests::process::wait_for;
use weir_tests::servers::RawServer;
use weir_tests::weir::{MASK, Weir};

const SOON: Duration = Duration::from_secs(20);
/// The client's port, the same for each connection.
const CLIENT_PORT: u16 = 40_123;
/// A service that speaks nothing that Weir knows.
const OPAQUE: u16 = 9999;
/// What passes of it does so unread; leaks are masked all the same.
const EXCEPTIONS: &str = "exceptions:\n  undecodable: pass\n";

/// A connection from one and the same port, which is reset when it is dropped, so that the port is free again.
fn dial(topology: &Topology, port: u16) -> TcpStream {
    let address = |ip: &str, port| SockaddrIn::from(SocketAddrV4::new(ip.parse().unwrap(), port));
    topology
        .client
        .enter(|| {
            let kind = SockType::Stream;
            let fd = socket(AddressFamily::Inet, kind, SockFlag::empty(), None).unwrap();
            setsockopt(&fd, sockopt::ReuseAddr, &true).unwrap();
            setsockopt(&fd, sockopt::Linger, &linger { l_onoff: 1, l_linger: 0 }).unwrap();
            bind(fd.as_raw_fd(), &address(CLIENT_V4, CLIENT_PORT)).unwrap();
            connect(fd.as_raw_fd(), &address(SERVER_V4, port)).unwrap();
            let stream = TcpStream::from(fd);
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            stream
        })
        .unwrap()
}

/// Sends bytes to a server that echoes, and waits for them.
fn echo(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, bytes);
}

#[test]
fn an_opaque_flow_is_bypassed_and_the_next_connection_is_not() {
    let topology = Topology::new().unwrap();
    let _server = RawServer::start(&topology.server, OPAQUE, |mut stream| {
        let mut buf = [0; 4096];
        while let Ok(n @ 1..) = stream.read(&mut buf) {
            if stream.write_all(&buf[..n]).is_err() {
                return;
            }
        }
    })
    .unwrap();
    let policy = format!("{MASK}{EXCEPTIONS}");
    let mut weir = Weir::start_with(&topology, "bypass: true", &policy).unwrap();
    weir.manage().unwrap();
    let bypassed = || {
        let metrics = weir.metrics().unwrap();
        ["a", "b"].map(|port| {
            metrics[&format!("weir_xdp_packets_total{{port=\"{port}\",end=\"bypassed\"}}")]
        })
    };

    let mut opaque = dial(&topology, OPAQUE);
    wait_for("both directions being bypassed", SOON, || {
        for n in 0..20u8 {
            echo(&mut opaque, &[0x80 | n; 100]);
        }
        let [a, b] = bypassed();
        (a > 100.0 && b > 100.0).then_some(())
    })
    .unwrap();

    // The same addresses and ports, at once: whatever was bypassed, the request is read and refused.
    drop(opaque);
    let mut attack = dial(&topology, OPAQUE);
    attack.write_all(b"GET /?f=../../../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _ = attack.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}
