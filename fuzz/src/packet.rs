//! Ethernet frames down to TCP.

use weir_reassembly::checksum;
use weir_reassembly::packet::{self, Packet};

/// The input is a frame.
///
/// Headers lie one behind the other and within the frame, options within the header. What follows the packet
/// (Ethernet padding) says nothing, and what is cut off from it is missed. With the checksum made right, it is the same
/// packet, and its sum over all of the segment is right.
pub fn packet(data: &[u8]) {
    let Ok(p) = packet::parse(data) else { return };
    assert!(14 <= p.ip && p.ip + 20 <= p.tcp && p.tcp + 20 <= p.data);
    assert!(p.data <= p.end && p.end <= data.len());
    let mut last = p.tcp + 20;
    for option in packet::options(data, &p) {
        assert!(last <= option.at && option.len >= 2 && option.at + option.len <= p.data);
        last = option.at + option.len;
    }
    assert_eq!(packet::parse(&data[..p.end]), Ok(p.clone()), "without its padding");
    assert!(packet::parse(&data[..p.end - 1]).is_err(), "cut short");

    let mut frame = data.to_vec();
    let at = p.checksum_at();
    frame[at..at + 2].fill(0);
    let right = !total(&frame, &p);
    frame[at..at + 2].copy_from_slice(&right.to_be_bytes());
    assert_eq!(packet::parse(&frame), Ok(p.clone()), "with its checksum made right");
    assert_eq!(total(&frame, &p), 0xffff);
}

/// What the receiver adds up (RFC 9293 §3.1).
fn total(frame: &[u8], p: &Packet) -> u16 {
    checksum::add(p.pseudo_sum(p.end - p.tcp), checksum::sum(&frame[p.tcp..p.end]))
}
