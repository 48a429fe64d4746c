//! Frames taken apart and put together again, independently of the engine's own editing.

use smoltcp::wire::{Ipv4Packet, Ipv6Packet, TcpPacket, TcpSeqNumber};
use weir_reassembly::checksum;
use weir_reassembly::packet::{self, Flags, Packet};

/// Length of an Ethernet header without tags.
pub const ETHERNET: usize = 14;
const IPV4: u8 = 4;
/// TCP option kinds (IANA).
const END_OF_OPTIONS: u8 = 0;
const NOP: u8 = 1;
const SACK: u8 = 5;

/// An IP packet in an Ethernet frame, with a VLAN tag if `vlan` says so.
pub fn in_ethernet(ip: &[u8], vlan: bool, toward_server: bool) -> Vec<u8> {
    let (client, server) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let (to, from) = if toward_server { (server, client) } else { (client, server) };
    let mut frame = [to, from].concat();
    if vlan {
        frame.extend([0x81, 0, 0, 7]);
    }
    frame.extend(if ip[0] >> 4 == IPV4 { [0x08, 0x00] } else { [0x86, 0xdd] });
    frame.extend(ip);
    frame
}

/// Another segment with the headers of `frame`.
pub fn rebuilt(frame: &[u8], p: &Packet, seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = [&frame[..p.data], payload].concat();
    out[p.tcp + 4..p.tcp + 8].copy_from_slice(&seq.to_be_bytes());
    out[p.tcp + 13] = flags;
    let total = (out.len() - p.ip) as u16;
    if p.src.is_ipv4() {
        out[p.ip + 2..p.ip + 4].copy_from_slice(&total.to_be_bytes());
        out[p.ip + 10..p.ip + 12].fill(0);
        let sum = !checksum::sum(&out[p.ip..p.tcp]);
        out[p.ip + 10..p.ip + 12].copy_from_slice(&sum.to_be_bytes());
    } else {
        out[p.ip + 4..p.ip + 6].copy_from_slice(&(total - 40).to_be_bytes());
    }
    out[p.tcp + 16..p.tcp + 18].fill(0);
    let segment = &out[p.tcp..];
    let sum = !checksum::add(checksum::sum(segment), p.pseudo_sum(segment.len()));
    out[p.tcp + 16..p.tcp + 18].copy_from_slice(&sum.to_be_bytes());
    out
}

/// The frame as two segments: the payload cut at `cut`, the second beginning `overlap` bytes before it.
pub fn resegmented(frame: &[u8], p: &Packet, cut: usize, overlap: usize) -> [Vec<u8>; 2] {
    let payload = &frame[p.payload()];
    let from = cut - overlap.min(cut);
    let head = p.flags.0 & !(Flags::FIN | Flags::PSH);
    [
        rebuilt(frame, p, p.seq, head, &payload[..cut]),
        rebuilt(frame, p, p.seq.wrapping_add(from as u32), p.flags.0, &payload[from..]),
    ]
}

/// Reads a frame and checks all its checksums with smoltcp's code, which shares none with the engine.
pub fn verified(frame: &[u8]) -> Result<Packet, String> {
    let p = packet::parse(frame).map_err(|e| e.to_string())?;
    let ip = &frame[p.ip..];
    let right = if p.src.is_ipv4() {
        let v4 = Ipv4Packet::new_checked(ip).map_err(|e| e.to_string())?;
        let tcp = TcpPacket::new_checked(v4.payload()).map_err(|e| e.to_string())?;
        v4.verify_checksum() && tcp.verify_checksum(&v4.src_addr().into(), &v4.dst_addr().into())
    } else {
        let v6 = Ipv6Packet::new_checked(ip).map_err(|e| e.to_string())?;
        let tcp = TcpPacket::new_checked(v6.payload()).map_err(|e| e.to_string())?;
        tcp.verify_checksum(&v6.src_addr().into(), &v6.dst_addr().into())
    };
    if right { Ok(p) } else { Err("wrong checksum".to_owned()) }
}

/// Moves an IP packet's sequence numbers by `seq` and its acknowledgements by `ack`, so that a connection can begin
/// right before its numbers wrap.
pub fn renumber(ip: &mut [u8], seq: u32, ack: u32) {
    let Ok(p) = packet::parse(&in_ethernet(ip, false, true)) else { return };
    let mut tcp = TcpPacket::new_unchecked(&mut ip[p.tcp - ETHERNET..p.end - ETHERNET]);
    tcp.set_seq_number(TcpSeqNumber(p.seq.wrapping_add(seq) as i32));
    if tcp.ack() {
        tcp.set_ack_number(TcpSeqNumber(p.ack.wrapping_add(ack) as i32));
    }
    let options = tcp.options_mut();
    let mut at = 0;
    while let Some(kind) = options.get(at).copied().filter(|k| *k != END_OF_OPTIONS) {
        let len = if kind == NOP { 1 } else { usize::from(options[at + 1]) };
        if kind == SACK {
            for edge in options[at + 2..at + len].chunks_exact_mut(4) {
                let moved = u32::from_be_bytes(edge.try_into().unwrap()).wrapping_add(ack);
                edge.copy_from_slice(&moved.to_be_bytes());
            }
        }
        at += len;
    }
    tcp.fill_checksum(&p.src.into(), &p.dst.into());
}
