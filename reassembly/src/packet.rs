//! One packet: Ethernet (802.1Q and 802.1ad tags), IPv4 or IPv6 with extension headers, TCP. Offsets only, no copy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use crate::checksum;

/// VLAN tags looked through: two is QinQ; a third is not seen in practice and ends as [`ParseError::NotIp`].
pub const MAX_VLAN_TAGS: usize = 2;
/// IPv6 extension headers looked through; more is [`ParseError::Malformed`] (RFC 8200 §4.1 orders at most seven).
pub const MAX_EXTENSION_HEADERS: usize = 8;

/// TCP control bits (RFC 9293 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement field is significant.
    pub const ACK: u8 = 0x10;
    /// The urgent pointer is significant.
    pub const URG: u8 = 0x20;

    /// Whether any of the given bits is set.
    pub fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }
}

/// Why a frame is not a TCP packet that can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Another EtherType (ARP, LLDP, …): none of Weir's business.
    #[error("not IP")]
    NotIp,
    /// IP, but another protocol than TCP.
    #[error("not TCP")]
    NotTcp,
    /// A fragment: the TCP stream can't be followed through it.
    #[error("IP fragment")]
    Fragment,
    /// Lengths contradict each other or the frame is cut short.
    #[error("malformed {0} header")]
    Malformed(&'static str),
}

/// The VLANs of a frame: the ids of its outer and inner tag (IEEE 802.1Q), 0 where there is none. A tag that only gives a priority has
/// id 0 and is no VLAN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Vlans {
    /// The only tag, or of two that of the provider (802.1ad).
    pub outer: u16,
    /// The second tag.
    pub inner: u16,
}

impl Vlans {
    /// Takes in the next tag's control information.
    fn tag(&mut self, control: u16) {
        let id = control & 0x0fff;
        match self.outer {
            0 => self.outer = id,
            _ => self.inner = id,
        }
    }
}

/// Where things are in a frame. All offsets are from the start of the frame and lie within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Its VLANs.
    pub vlans: Vlans,
    /// Offset of the IP header.
    pub ip: usize,
    /// Offset of the TCP header.
    pub tcp: usize,
    /// Offset of the first payload byte; the header's options end here.
    pub data: usize,
    /// Offset just past the payload; what follows in the frame is Ethernet padding.
    pub end: usize,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number (significant with ACK).
    pub ack: u32,
    /// Control bits.
    pub flags: Flags,
    /// Window, not scaled.
    pub window: u16,
}

impl Packet {
    /// The payload's place in the frame.
    pub fn payload(&self) -> Range<usize> {
        self.data..self.end
    }

    /// Sequence space used: payload, plus one each for SYN and FIN (RFC 9293 §3.4).
    pub fn seq_len(&self) -> u32 {
        let control = u32::from(self.flags.has(Flags::SYN)) + u32::from(self.flags.has(Flags::FIN));
        (self.end - self.data) as u32 + control
    }

    /// Offset of the TCP checksum field.
    pub fn checksum_at(&self) -> usize {
        self.tcp + 16
    }

    /// The folded sum of the TCP pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1) for a segment of `len` bytes.
    pub fn pseudo_sum(&self, len: usize) -> u16 {
        let len = checksum::sum(&(len as u32).to_be_bytes());
        let proto = checksum::sum(&6u16.to_be_bytes());
        let addresses = match (self.src, self.dst) {
            (IpAddr::V4(s), IpAddr::V4(d)) => {
                checksum::add(checksum::sum(&s.octets()), checksum::sum(&d.octets()))
            }
            (IpAddr::V6(s), IpAddr::V6(d)) => {
                checksum::add(checksum::sum(&s.octets()), checksum::sum(&d.octets()))
            }
            _ => 0,
        };
        checksum::add(addresses, checksum::add(len, proto))
    }
}

/// Finds the TCP segment in an Ethernet frame.
pub fn parse(frame: &[u8]) -> Result<Packet, ParseError> {
    let (ethertype, ip, vlans) = ethernet(frame)?;
    let packet = match ethertype {
        0x0800 => ipv4(frame, ip)?,
        0x86dd => ipv6(frame, ip)?,
        _ => return Err(ParseError::NotIp),
    };
    Ok(Packet { vlans, ..packet })
}

fn be16(b: &[u8], at: usize) -> Option<u16> {
    b.get(at..at + 2).and_then(|s| s.try_into().ok()).map(u16::from_be_bytes)
}

fn be32(b: &[u8], at: usize) -> Option<u32> {
    b.get(at..at + 4).and_then(|s| s.try_into().ok()).map(u32::from_be_bytes)
}

/// EtherType and offset of what follows, past 802.1Q (0x8100) and 802.1ad (0x88a8, 0x9100) tags.
fn ethernet(frame: &[u8]) -> Result<(u16, usize, Vlans), ParseError> {
    const BAD: ParseError = ParseError::Malformed("Ethernet");
    let (mut at, mut vlans) = (12, Vlans::default());
    for _ in 0..=MAX_VLAN_TAGS {
        match be16(frame, at).ok_or(BAD)? {
            0x8100 | 0x88a8 | 0x9100 => vlans.tag(be16(frame, at + 2).ok_or(BAD)?),
            kind => return Ok((kind, at + 2, vlans)),
        }
        at += 4;
    }
    Err(ParseError::NotIp)
}

/// RFC 791 §3.1.
fn ipv4(frame: &[u8], ip: usize) -> Result<Packet, ParseError> {
    const BAD: ParseError = ParseError::Malformed("IPv4");
    let head: &[u8; 20] = frame.get(ip..ip + 20).and_then(|s| s.try_into().ok()).ok_or(BAD)?;
    let header_len = usize::from(head[0] & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([head[2], head[3]]));
    if head[0] >> 4 != 4 || header_len < 20 || total < header_len || frame.len() < ip + total {
        return Err(BAD);
    }
    // More Fragments, or an offset.
    if u16::from_be_bytes([head[6], head[7]]) & 0x3fff != 0 {
        return Err(ParseError::Fragment);
    }
    if head[9] != 6 {
        return Err(ParseError::NotTcp);
    }
    let src = Ipv4Addr::new(head[12], head[13], head[14], head[15]);
    let dst = Ipv4Addr::new(head[16], head[17], head[18], head[19]);
    tcp(frame, ip, ip + header_len, ip + total, src.into(), dst.into())
}

/// RFC 8200 §3 and §4.
fn ipv6(frame: &[u8], ip: usize) -> Result<Packet, ParseError> {
    const BAD: ParseError = ParseError::Malformed("IPv6");
    let head: &[u8; 40] = frame.get(ip..ip + 40).and_then(|s| s.try_into().ok()).ok_or(BAD)?;
    let end = ip + 40 + usize::from(u16::from_be_bytes([head[4], head[5]]));
    if head[0] >> 4 != 6 || frame.len() < end {
        return Err(BAD);
    }
    let address = |at: usize| {
        frame.get(ip + at..ip + at + 16).and_then(|s| <[u8; 16]>::try_from(s).ok()).ok_or(BAD)
    };
    let (src, dst) = (Ipv6Addr::from(address(8)?), Ipv6Addr::from(address(24)?));
    let (mut next, mut at) = (head[6], ip + 40);
    for _ in 0..MAX_EXTENSION_HEADERS {
        let field = |n: usize| frame.get(at + n).copied().ok_or(BAD);
        match next {
            6 => return tcp(frame, ip, at, end, src.into(), dst.into()),
            // Hop-by-hop options, routing, destination options, mobility, HIP, shim6.
            0 | 43 | 60 | 135 | 139 | 140 => {
                (next, at) = (field(0)?, at + (usize::from(field(1)?) + 1) * 8);
            }
            // Authentication header: its length counts 4-byte units minus two (RFC 4302 §2.2).
            51 => (next, at) = (field(0)?, at + (usize::from(field(1)?) + 2) * 4),
            44 => {
                // An atomic fragment (RFC 6946: offset 0, no more) is a whole packet.
                if be16(frame, at + 2).ok_or(BAD)? & 0xfff9 != 0 {
                    return Err(ParseError::Fragment);
                }
                (next, at) = (field(0)?, at + 8);
            }
            _ => return Err(ParseError::NotTcp),
        }
        if at > end {
            return Err(BAD);
        }
    }
    Err(BAD)
}

#[inline]
fn tcp(
    frame: &[u8],
    ip: usize,
    tcp: usize,
    end: usize,
    src: IpAddr,
    dst: IpAddr,
) -> Result<Packet, ParseError> {
    const BAD: ParseError = ParseError::Malformed("TCP");
    let head: &[u8; 20] = frame.get(tcp..end).and_then(|s| s.first_chunk()).ok_or(BAD)?;
    let data = tcp + usize::from(head[12] >> 4) * 4;
    if data < tcp + 20 || data > end {
        return Err(BAD);
    }
    Ok(Packet {
        src,
        dst,
        src_port: u16::from_be_bytes([head[0], head[1]]),
        dst_port: u16::from_be_bytes([head[2], head[3]]),
        vlans: Vlans::default(),
        ip,
        tcp,
        data,
        end,
        seq: be32(head, 4).ok_or(BAD)?,
        ack: be32(head, 8).ok_or(BAD)?,
        flags: Flags(head[13]),
        window: u16::from_be_bytes([head[14], head[15]]),
    })
}

/// One TCP option (RFC 9293 §3.2) and where its kind byte lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOption {
    /// Kind, as assigned by IANA.
    pub kind: u8,
    /// Offset of the kind byte in the frame.
    pub at: usize,
    /// Whole length, kind and length bytes included.
    pub len: usize,
}

/// The options of a segment, without NOPs; ends at the first one whose length is impossible.
pub fn options<'a>(frame: &'a [u8], packet: &Packet) -> impl Iterator<Item = TcpOption> + 'a {
    let (mut at, end) = (packet.tcp + 20, packet.data);
    std::iter::from_fn(move || {
        while at < end {
            let kind = *frame.get(at)?;
            if kind == 1 {
                at += 1;
                continue;
            }
            let len = usize::from(*frame.get(at + 1)?);
            if kind == 0 || len < 2 || at + len > end {
                return None;
            }
            let option = TcpOption { kind, at, len };
            at += len;
            return Some(option);
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Ethernet with the given tags, IPv4, TCP, payload.
    pub(crate) fn v4(tags: &[u16], payload: &[u8]) -> Vec<u8> {
        let mut f = vec![0u8; 12];
        for tag in tags {
            f.extend(tag.to_be_bytes());
            f.extend([0, 7]);
        }
        f.extend([0x08, 0x00]);
        let total = (40 + payload.len()) as u16;
        f.extend([0x45, 0]);
        f.extend(total.to_be_bytes());
        f.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        segment(&mut f, payload);
        f
    }

    fn segment(f: &mut Vec<u8>, payload: &[u8]) {
        f.extend([0x30, 0x39, 0, 80, 0, 0, 0, 5, 0, 0, 0, 9, 0x50, 0x18, 1, 0, 0, 0, 0, 0]);
        f.extend(payload);
    }

    fn v6(extensions: &[u8], first: u8, payload: &[u8]) -> Vec<u8> {
        let mut f = vec![0u8; 12];
        f.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        f.extend(((extensions.len() + 20 + payload.len()) as u16).to_be_bytes());
        f.extend([first, 64]);
        f.extend([0xfd; 16]);
        f.extend([0xfe; 16]);
        f.extend(extensions);
        segment(&mut f, payload);
        f
    }

    #[test]
    fn untagged_tagged_and_qinq() {
        for tags in [&[][..], &[0x8100][..], &[0x88a8, 0x8100][..]] {
            let mut f = v4(tags, b"hello");
            f.extend([0; 6]); // Ethernet padding is not payload
            let p = parse(&f).unwrap();
            assert_eq!(&f[p.payload()], b"hello");
            assert_eq!((p.src_port, p.dst_port, p.seq, p.ack), (12345, 80, 5, 9));
        }
        assert_eq!(parse(&v4(&[0x8100; 3], b"")), Err(ParseError::NotIp));
    }

    #[test]
    fn vlans_are_the_ids_of_the_tags() {
        let of = |tags: &[(u16, u16)]| {
            let mut f = v4(&tags.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), b"");
            for (n, (_, control)) in tags.iter().enumerate() {
                f[14 + 4 * n..16 + 4 * n].copy_from_slice(&control.to_be_bytes());
            }
            let Vlans { outer, inner } = parse(&f).unwrap().vlans;
            (outer, inner)
        };
        assert_eq!(of(&[]), (0, 0));
        // Priority and drop eligibility are no part of the id.
        assert_eq!(of(&[(0x8100, 0xf064)]), (100, 0));
        assert_eq!(of(&[(0x88a8, 0x0fff), (0x8100, 7)]), (4095, 7));
        // A tag that only gives a priority is no VLAN.
        assert_eq!(of(&[(0x8100, 0xe000)]), (0, 0));
        assert_eq!(of(&[(0x8100, 0xe000), (0x8100, 7)]), (7, 0));
    }

    #[test]
    fn ipv6_with_extension_headers() {
        let p = parse(&v6(&[], 6, b"abc")).unwrap();
        assert_eq!(p.end - p.data, 3);
        // hop-by-hop (8 bytes) then destination options (16 bytes) then TCP
        let mut ext = vec![60, 0, 1, 4, 0, 0, 0, 0];
        ext.extend([6, 1]);
        ext.extend([0; 14]);
        assert!(parse(&v6(&ext, 0, b"abc")).is_ok());
        // fragment headers: a real fragment, then an atomic one
        assert_eq!(parse(&v6(&[6, 0, 0, 1, 0, 0, 0, 9], 44, b"")), Err(ParseError::Fragment));
        assert!(parse(&v6(&[6, 0, 0, 0, 0, 0, 0, 9], 44, b"")).is_ok());
    }

    #[test]
    fn contradicting_lengths() {
        let good = v4(&[], b"hello");
        for cut in 0..good.len() {
            assert!(parse(&good[..cut]).is_err(), "cut at {cut}");
        }
        let mut f = good.clone();
        f[14] = 0x44; // header of 16 bytes
        assert_eq!(parse(&f), Err(ParseError::Malformed("IPv4")));
        let mut f = good.clone();
        f[46] = 0x40; // TCP header of 16 bytes
        assert_eq!(parse(&f), Err(ParseError::Malformed("TCP")));
        let mut f = good;
        f[20] = 0x20; // more fragments
        assert_eq!(parse(&f), Err(ParseError::Fragment));
    }

    #[test]
    fn tcp_options_skip_nops_and_stop_at_nonsense() {
        let mut f = v4(&[], &[1, 1, 30, 4, 9, 9, 2, 9]);
        f[46] = 0x70; // 28 bytes of header: the eight payload bytes become options
        let p = parse(&f).unwrap();
        let seen: Vec<_> = options(&f, &p).map(|o| (o.kind, o.len)).collect();
        assert_eq!(seen, [(30, 4)]);
    }

    proptest! {
        #[test]
        fn offsets_lie_within_the_frame(mut f in proptest::collection::vec(any::<u8>(), 0..200), v6: bool, keep in 0..3u8) {
            if f.len() > 15 && keep > 0 {
                (f[12], f[13]) = if v6 { (0x86, 0xdd) } else { (8, 0) };
                f[14] = if v6 { 0x60 } else { 0x45 };
            }
            if let Ok(p) = parse(&f) {
                prop_assert!(p.ip < p.tcp && p.tcp + 20 <= p.data && p.data <= p.end && p.end <= f.len());
                for o in options(&f, &p) {
                    prop_assert!(o.at + o.len <= p.data);
                }
            }
        }
    }
}
