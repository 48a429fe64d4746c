//! Builds frames, right and wrong ones. Checksums stay zero: the XDP program leaves them to others.

use std::net::{IpAddr, SocketAddr};

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
const ACK: u8 = 0x10;

#[derive(Clone, Debug)]
pub struct Frame {
    ethertype: Option<u16>,
    tags: Vec<(u16, u16)>,
    ends: Option<(SocketAddr, SocketAddr)>,
    options: usize,
    header_words: Option<u8>,
    /// IPv6 extension headers: kind, and length as the header says it; fragments: offset in bytes, more.
    extensions: Vec<(u8, u8)>,
    fragment: Option<(u16, bool)>,
    protocol: u8,
    seq: u32,
    flags: u8,
}

impl Frame {
    /// A TCP segment with eight bytes of data.
    pub fn tcp(src: &str, dst: &str) -> Frame {
        let ends = (src.parse().unwrap(), dst.parse().unwrap());
        Frame { ends: Some(ends), protocol: 6, ..Frame::empty() }
    }

    /// Something that is not IP.
    pub fn ethertype(ethertype: u16) -> Frame {
        Frame { ethertype: Some(ethertype), ..Frame::empty() }
    }

    fn empty() -> Frame {
        Frame {
            ethertype: None,
            tags: Vec::new(),
            ends: None,
            options: 0,
            header_words: None,
            extensions: Vec::new(),
            fragment: None,
            protocol: 0,
            seq: 7,
            flags: ACK,
        }
    }

    /// Adds a tag inside those added before.
    pub fn vlan(mut self, ethertype: u16, id: u16) -> Frame {
        self.tags.push((ethertype, id | 0xa000)); // priority bits must not matter
        self
    }

    /// The protocol of the payload, whatever the payload is.
    pub fn protocol(mut self, protocol: u8) -> Frame {
        self.protocol = protocol;
        self
    }

    /// Adds an IPv6 extension header with this length field.
    pub fn extension(mut self, kind: u8, length: u8) -> Frame {
        self.extensions.push((kind, length));
        self
    }

    pub fn extensions(mut self, kind: u8, count: usize) -> Frame {
        self.extensions.extend(std::iter::repeat_n((kind, 0), count));
        self
    }

    /// Makes it a fragment; with IPv6 the fragment header follows the extension headers.
    pub fn fragment(mut self, offset: u16, more: bool) -> Frame {
        self.fragment = Some((offset, more));
        self
    }

    pub fn ipv4_options(mut self, bytes: usize) -> Frame {
        self.options = bytes;
        self
    }

    /// Writes a false header length.
    pub fn ipv4_header_words(mut self, words: u8) -> Frame {
        self.header_words = Some(words);
        self
    }

    pub fn seq(mut self, seq: u32) -> Frame {
        self.seq = seq;
        self
    }

    pub fn flags(mut self, flags: u8) -> Frame {
        self.flags = flags;
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        for (ethertype, tci) in &self.tags {
            frame.extend(ethertype.to_be_bytes());
            frame.extend(tci.to_be_bytes());
        }
        match self.ends {
            None => {
                frame.extend(self.ethertype.unwrap_or(0).to_be_bytes());
                frame.extend([0; 46]);
            }
            Some((src, dst)) => {
                let segment = self.segment(src.port(), dst.port());
                match (src.ip(), dst.ip()) {
                    (IpAddr::V4(src), IpAddr::V4(dst)) => {
                        frame.extend(0x0800u16.to_be_bytes());
                        frame.extend(self.ipv4(src.octets(), dst.octets(), &segment));
                    }
                    (IpAddr::V6(src), IpAddr::V6(dst)) => {
                        frame.extend(0x86ddu16.to_be_bytes());
                        frame.extend(self.ipv6(src.octets(), dst.octets(), &segment));
                    }
                    _ => panic!("{src} and {dst} are of different versions"),
                }
            }
        }
        frame
    }

    fn segment(&self, src_port: u16, dst_port: u16) -> Vec<u8> {
        let mut tcp = Vec::new();
        tcp.extend(src_port.to_be_bytes());
        tcp.extend(dst_port.to_be_bytes());
        tcp.extend(self.seq.to_be_bytes());
        tcp.extend(1u32.to_be_bytes());
        tcp.extend([0x50, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend(b"8 bytes!");
        tcp
    }

    fn ipv4(&self, src: [u8; 4], dst: [u8; 4], segment: &[u8]) -> Vec<u8> {
        let words = self.header_words.unwrap_or(5 + (self.options / 4) as u8);
        let total = (20 + self.options + segment.len()) as u16;
        let (offset, more) = self.fragment.unwrap_or((0, false));
        let mut ip = vec![0x40 | words, 0];
        ip.extend(total.to_be_bytes());
        ip.extend([0, 1]);
        ip.extend(((offset / 8) | if more { 0x2000 } else { 0 }).to_be_bytes());
        ip.extend([64, self.protocol, 0, 0]);
        ip.extend(src);
        ip.extend(dst);
        ip.extend(vec![1; self.options]); // no-operation
        ip.extend(segment);
        ip
    }

    fn ipv6(&self, src: [u8; 16], dst: [u8; 16], segment: &[u8]) -> Vec<u8> {
        let mut kinds: Vec<u8> = self.extensions.iter().map(|(kind, _)| *kind).collect();
        kinds.extend(self.fragment.map(|_| 44));
        kinds.push(self.protocol);
        let mut payload = Vec::new();
        for ((kind, length), next) in self.extensions.iter().zip(&kinds[1..]) {
            let bytes = if *kind == 51 {
                (usize::from(*length) + 2) * 4
            } else {
                (usize::from(*length) + 1) * 8
            };
            let mut header = vec![0; bytes];
            header[..2].copy_from_slice(&[*next, *length]);
            payload.extend(header);
        }
        if let Some((offset, more)) = self.fragment {
            payload.extend([self.protocol, 0]);
            payload.extend((offset | u16::from(more)).to_be_bytes());
            payload.extend([0, 0, 0, 1]);
        }
        payload.extend(segment);
        let mut ip = vec![0x60, 0, 0, 0];
        ip.extend((payload.len() as u16).to_be_bytes());
        ip.extend([kinds[0], 64]);
        ip.extend(src);
        ip.extend(dst);
        ip.extend(payload);
        ip
    }
}
