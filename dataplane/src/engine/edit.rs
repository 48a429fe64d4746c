//! Editing packets in place (design rule 3): lengths stay, checksums follow incrementally, a wrong checksum stays wrong.

use weir_reassembly::checksum;
use weir_reassembly::packet::{self, Flags, Packet};

use super::{Buffer, Io};

/// Overwrites payload bytes from `at` (offset in the payload) on and fixes the TCP checksum. What would lie past the
/// payload is left out.
pub fn overwrite(frame: &mut [u8], packet: &Packet, at: usize, new: &[u8]) {
    overwrite_with(frame, packet, at, new.len(), |bytes| {
        if let Some(new) = new.get(..bytes.len()) {
            bytes.copy_from_slice(new);
        }
    });
}

/// Lets `change` rewrite `len` payload bytes from `at` on and fixes the TCP checksum. True if anything changed.
pub fn overwrite_with(
    frame: &mut [u8],
    packet: &Packet,
    at: usize,
    len: usize,
    change: impl FnOnce(&mut [u8]),
) -> bool {
    let from = packet.data.saturating_add(at).min(packet.end);
    let to = from.saturating_add(len).min(packet.end);
    rewrite(frame, packet, from, to, change)
}

/// The same for any part of the TCP header or payload, by offsets in the frame.
fn rewrite(
    frame: &mut [u8],
    packet: &Packet,
    from: usize,
    to: usize,
    change: impl FnOnce(&mut [u8]),
) -> bool {
    let Some(bytes) = frame.get_mut(from..to) else { return false };
    let before = checksum::sum(bytes);
    change(bytes);
    let after = checksum::sum(bytes);
    if before == after {
        // Nothing changed, or nothing that the checksum can see.
        return true;
    }
    let odd = (from - packet.tcp) % 2 == 1;
    let (before, after) =
        if odd { (before.swap_bytes(), after.swap_bytes()) } else { (before, after) };
    let at = packet.checksum_at();
    if let Some(field) = read16(frame, at) {
        write16(frame, at, !checksum::add(checksum::add(!field, !before), after));
    }
    true
}

fn read16(frame: &[u8], at: usize) -> Option<u16> {
    frame.get(at..at + 2).and_then(|b| b.try_into().ok()).map(u16::from_be_bytes)
}

fn write16(frame: &mut [u8], at: usize, value: u16) {
    if let Some(b) = frame.get_mut(at..at + 2) {
        b.copy_from_slice(&value.to_be_bytes());
    }
}

fn write32(frame: &mut [u8], at: usize, value: u32) {
    if let Some(b) = frame.get_mut(at..at + 4) {
        b.copy_from_slice(&value.to_be_bytes());
    }
}

/// The sum over TCP header, payload and pseudo-header: 0xffff where the checksum is right.
fn tcp_sum(frame: &[u8], packet: &Packet) -> u16 {
    let segment = frame.get(packet.tcp..packet.end).unwrap_or_default();
    checksum::add(checksum::sum(segment), packet.pseudo_sum(segment.len()))
}

/// Whether the TCP checksum is right.
pub fn checksum_is_right(frame: &[u8], packet: &Packet) -> bool {
    tcp_sum(frame, packet) == 0xffff
}

/// Computes the TCP checksum anew.
pub fn fill_checksum(frame: &mut [u8], packet: &Packet) {
    write16(frame, packet.checksum_at(), 0);
    let sum = !tcp_sum(frame, packet);
    write16(frame, packet.checksum_at(), sum);
}

/// A sender on this machine may leave the checksum to a device that Weir bypasses: then the field holds the sum of
/// the pseudo-header only (Linux CHECKSUM_PARTIAL). Completes it. True if it did.
pub fn complete_partial_checksum(frame: &mut [u8], packet: &Packet) -> bool {
    let partial = packet.pseudo_sum(packet.end - packet.tcp);
    // One in 65,536 right checksums looks the same, hence the second look.
    if read16(frame, packet.checksum_at()) != Some(partial) || checksum_is_right(frame, packet) {
        return false;
    }
    fill_checksum(frame, packet);
    true
}

/// Writes the IP length fields (and IPv4 header checksum) for a packet that now ends at `end`.
fn set_end(frame: &mut [u8], packet: &mut Packet, end: usize) {
    packet.end = end;
    if packet.src.is_ipv4() {
        write16(frame, packet.ip + 2, (end - packet.ip) as u16);
        write16(frame, packet.ip + 10, 0);
        let sum = !checksum::sum(
            frame.get(packet.ip..packet.tcp.min(packet.ip + 60)).unwrap_or_default(),
        );
        write16(frame, packet.ip + 10, sum);
    } else {
        write16(frame, packet.ip + 4, (end - packet.ip - 40) as u16);
    }
}

/// Splits a packet after the first `keep` payload bytes; the rest goes into a new packet. PSH and FIN go with the
/// rest. None, with nothing changed: no free buffer, or the checksum was wrong, which splitting would hide.
pub fn split<I: Io>(io: &mut I, buf: &mut I::Buf, keep: usize) -> Option<I::Buf> {
    let mut head = packet::parse(buf.bytes()).ok()?;
    if keep > head.end - head.data || !checksum_is_right(buf.bytes(), &head) {
        return None;
    }
    let mut rest = io.alloc()?;
    let cut = head.data + keep;
    let len = head.data + head.end - cut;
    if !rest.set_len(len) {
        io.free(rest);
        return None;
    }
    let (frame, new) = (buf.bytes_mut(), rest.bytes_mut());
    for (range, at) in [(0..head.data, 0), (cut..head.end, head.data)] {
        if let (Some(from), Some(to)) =
            (frame.get(range.clone()), new.get_mut(at..at + range.len()))
        {
            to.copy_from_slice(from);
        }
    }
    let mut tail = head.clone();
    tail.seq = head.seq.wrapping_add(keep as u32);
    write32(new, tail.tcp + 4, tail.seq);
    set_end(new, &mut tail, len);
    fill_checksum(new, &tail);
    if let Some(flags) = frame.get_mut(head.tcp + 13) {
        *flags &= !(Flags::PSH | Flags::FIN);
    }
    set_end(frame, &mut head, cut);
    fill_checksum(frame, &head);
    buf.set_len(cut);
    Some(rest)
}

/// Shortens a packet to its first `keep` payload bytes, without PSH and FIN. False: its checksum was wrong.
pub fn truncate<B: Buffer>(buf: &mut B, packet: &mut Packet, keep: usize) -> bool {
    if !checksum_is_right(buf.bytes(), packet) {
        return false;
    }
    let end = packet.data + keep.min(packet.end - packet.data);
    let frame = buf.bytes_mut();
    if let Some(flags) = frame.get_mut(packet.tcp + 13) {
        *flags &= !(Flags::PSH | Flags::FIN);
    }
    set_end(frame, packet, end);
    fill_checksum(frame, packet);
    buf.set_len(end)
}

/// Lowers the advertised window to `limit` (both unscaled fields).
pub fn lower_window(frame: &mut [u8], packet: &Packet, limit: u16) {
    rewrite(frame, packet, packet.tcp + 14, packet.tcp + 16, |b| {
        b.copy_from_slice(&limit.to_be_bytes());
    });
}

/// Turns a TCP option into NOPs.
pub fn blank_option(frame: &mut [u8], packet: &Packet, option: packet::TcpOption) {
    rewrite(frame, packet, option.at, option.at + option.len, |b| b.fill(1));
}

/// The headers of one direction, kept so that Weir can speak in an end's place.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: [u8; Self::CAP],
    packet: Packet,
}

/// What a packet that Weir itself sends says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Say<'a> {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Control bits.
    pub flags: u8,
    /// Window field.
    pub window: u16,
    /// Timestamps option (value, echo reply), if the connection uses it (RFC 7323 §3.2).
    pub timestamps: Option<(u32, u32)>,
    /// Payload.
    pub payload: &'a [u8],
}

impl Template {
    /// Ethernet, two tags, IPv6 and some extension headers, TCP without options.
    const CAP: usize = 14 + 8 + 40 + 46 + 20;

    /// Keeps a packet's headers down to TCP, its options left out. None: they are longer than any sensible ones.
    pub fn of(frame: &[u8], packet: &Packet) -> Option<Template> {
        let len = packet.tcp + 20;
        let mut bytes = [0; Self::CAP];
        bytes.get_mut(..len)?.copy_from_slice(frame.get(..len)?);
        let mut packet = packet.clone();
        (packet.data, packet.end) = (len, len);
        Some(Template { bytes, packet })
    }

    /// The headers with which the receiver of this direction would answer.
    pub fn reversed(&self) -> Template {
        let mut t = self.clone();
        let address = if self.packet.src.is_ipv4() { (12, 4) } else { (8, 16) };
        let ip = self.packet.ip;
        for (at, len) in [(0, 6), (ip + address.0, address.1), (self.packet.tcp, 2)] {
            if let Some(pair) = t.bytes.get_mut(at..at + 2 * len) {
                pair.rotate_left(len);
            }
        }
        let p = &mut t.packet;
        (p.src, p.dst, p.src_port, p.dst_port) = (p.dst, p.src, p.dst_port, p.src_port);
        t
    }

    /// Fills `buf` with a packet of this direction. False: it does not fit.
    pub fn write<B: Buffer>(&self, buf: &mut B, say: &Say<'_>) -> bool {
        let options = if say.timestamps.is_some() { 12 } else { 0 };
        let data = self.packet.tcp + 20 + options;
        let end = data + say.payload.len();
        if !buf.set_len(end) {
            return false;
        }
        let mut packet = Packet { data, seq: say.seq, ack: say.ack, ..self.packet.clone() };
        let frame = buf.bytes_mut();
        let parts: [(usize, &[u8]); 2] =
            [(0, self.bytes.get(..self.packet.data).unwrap_or_default()), (data, say.payload)];
        for (at, from) in parts {
            if let Some(to) = frame.get_mut(at..at + from.len()) {
                to.copy_from_slice(from);
            }
        }
        let tcp = packet.tcp;
        write32(frame, tcp + 4, say.seq);
        write32(frame, tcp + 8, say.ack);
        write16(frame, tcp + 12, (((data - tcp) / 4) as u16) << 12 | u16::from(say.flags));
        write16(frame, tcp + 14, say.window);
        write16(frame, tcp + 18, 0);
        if let Some((value, echo)) = say.timestamps {
            write32(frame, tcp + 20, 0x0101_080a);
            write32(frame, tcp + 24, value);
            write32(frame, tcp + 28, echo);
        }
        set_end(frame, &mut packet, end);
        fill_checksum(frame, &packet);
        true
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::engine::testing::{Wire, frame};
    use proptest::prelude::*;

    #[test]
    fn a_partial_checksum_is_completed_and_a_wrong_one_left() {
        let mut f = frame("10.0.0.1:1", "10.0.0.2:80", 5, 9, Flags::ACK, b"hello");
        let p = packet::parse(&f).unwrap();
        assert!(checksum_is_right(&f, &p));
        let right = read16(&f, p.checksum_at()).unwrap();
        let partial = p.pseudo_sum(p.end - p.tcp);
        write16(&mut f, p.checksum_at(), partial);
        assert!(complete_partial_checksum(&mut f, &p));
        assert_eq!(read16(&f, p.checksum_at()), Some(right));
        write16(&mut f, p.checksum_at(), right ^ 1);
        assert!(!complete_partial_checksum(&mut f, &p));
    }

    proptest! {
        #[test]
        fn overwriting_keeps_right_checksums_right_and_wrong_ones_wrong(
            payload in proptest::collection::vec(any::<u8>(), 1..100),
            new in proptest::collection::vec(any::<u8>(), 1..40), at in 0usize..100, wrong: bool, v6: bool,
        ) {
            let (a, b) = if v6 { ("[fd00::1]:1", "[fd00::2]:80") } else { ("10.0.0.1:1", "10.0.0.2:80") };
            let mut f = frame(a, b, 5, 9, Flags::ACK, &payload);
            let p = packet::parse(&f).unwrap();
            if wrong { f[p.checksum_at()] ^= 0x40; }
            overwrite(&mut f, &p, at % payload.len(), &new);
            prop_assert_eq!(checksum_is_right(&f, &p), !wrong);
        }

        #[test]
        fn the_two_halves_of_a_split_are_the_whole(
            payload in proptest::collection::vec(any::<u8>(), 2..1400), keep in 0usize..1400,
        ) {
            let keep = keep % payload.len();
            let mut wire = Wire::default();
            let mut head = frame("[fd00::1]:1", "[fd00::2]:80", u32::MAX - 3, 9, Flags::ACK | Flags::PSH | Flags::FIN, &payload);
            let tail = split(&mut wire, &mut head, keep).unwrap();
            let (h, t) = (packet::parse(&head).unwrap(), packet::parse(&tail).unwrap());
            prop_assert!(checksum_is_right(&head, &h) && checksum_is_right(&tail, &t));
            prop_assert_eq!(t.seq, h.seq.wrapping_add(keep as u32));
            prop_assert_eq!(h.flags.0, Flags::ACK);
            prop_assert_eq!(t.flags.0, Flags::ACK | Flags::PSH | Flags::FIN);
            prop_assert_eq!([&head[h.payload()], &tail[t.payload()]].concat(), payload);
        }
    }
}
