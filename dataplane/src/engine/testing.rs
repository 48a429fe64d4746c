//! What the engine's unit tests share: a wire of `Vec`s, and packets made by hand.

use std::net::SocketAddr;

use weir_reassembly::packet;

use super::{Buffer, Io, Side, edit};

impl Buffer for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }
    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }
    fn set_len(&mut self, len: usize) -> bool {
        self.resize(len, 0);
        true
    }
}

/// Remembers what was sent; has as many buffers as anyone asks for, unless it is starved.
#[derive(Default)]
pub struct Wire {
    pub sent: Vec<(Side, Vec<u8>)>,
    pub freed: usize,
    /// How many of the next requests for a buffer are refused.
    pub starved: usize,
}

impl Io for Wire {
    type Buf = Vec<u8>;
    fn alloc(&mut self) -> Option<Vec<u8>> {
        if self.starved > 0 {
            self.starved -= 1;
            return None;
        }
        Some(Vec::new())
    }
    fn send(&mut self, port: Side, buf: Vec<u8>) {
        self.sent.push((port, buf));
    }
    fn free(&mut self, _: Vec<u8>) {
        self.freed += 1;
    }
}

/// A TCP packet with right checksums.
pub fn frame(src: &str, dst: &str, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (src, dst): (SocketAddr, SocketAddr) = (src.parse().unwrap(), dst.parse().unwrap());
    let mut f = vec![2; 12];
    match (src, dst) {
        (SocketAddr::V4(s), SocketAddr::V4(d)) => {
            f.extend([8, 0, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0]);
            f.extend(s.ip().octets());
            f.extend(d.ip().octets());
        }
        (SocketAddr::V6(s), SocketAddr::V6(d)) => {
            f.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 6, 64]);
            f.extend(s.ip().octets());
            f.extend(d.ip().octets());
        }
        _ => panic!("addresses of two families"),
    }
    f.extend(src.port().to_be_bytes());
    f.extend(dst.port().to_be_bytes());
    f.extend(seq.to_be_bytes());
    f.extend(ack.to_be_bytes());
    f.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    f.extend(payload);
    // IP lengths first, or the packet does not parse.
    let total = (f.len() - 14) as u16;
    let (at, len) = if src.is_ipv4() { (16, total) } else { (18, total - 40) };
    f[at..at + 2].copy_from_slice(&len.to_be_bytes());
    let p = packet::parse(&f).unwrap();
    let template = edit::Template::of(&f, &p).unwrap();
    let say = edit::Say { seq, ack, flags, window: 0xffff, timestamps: None, payload };
    assert!(template.write(&mut f, &say));
    f
}
