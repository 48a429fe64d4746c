//! Which worker owns a flow: the same for both directions, whatever queue the packets arrive at.

use std::net::IpAddr;

use weir_reassembly::packet::{self, Packet};

/// The worker, of `workers`, that owns the packet's flow. What belongs to no flow (not TCP over IP, fragments,
/// malformed) goes to worker 0, which keeps its order too.
#[inline]
pub fn owner(bytes: &[u8], workers: usize) -> usize {
    match packet::parse(bytes) {
        Ok(packet) => (symmetric_hash(&packet) % workers.max(1) as u64) as usize,
        Err(_) => 0,
    }
}

/// A hash of addresses and ports that is the same for both directions: the ends are put in order first.
fn symmetric_hash(packet: &Packet) -> u64 {
    let (src, dst) = ((packet.src, packet.src_port), (packet.dst, packet.dst_port));
    let (low, high) = if src <= dst { (src, dst) } else { (dst, src) };
    let mut hash = 0;
    for (address, port) in [low, high] {
        match address {
            IpAddr::V4(v4) => hash = mix(hash, u64::from(v4.to_bits())),
            IpAddr::V6(v6) => {
                hash = mix(hash, (v6.to_bits() >> 64) as u64);
                hash = mix(hash, v6.to_bits() as u64);
            }
        }
        hash = mix(hash, u64::from(port));
    }
    hash
}

/// Multiply and fold: a nanosecond. It is no defence: who chooses ports can load one worker, as with a NIC's RSS.
fn mix(hash: u64, word: u64) -> u64 {
    // The odd constant is 2^64 divided by the golden ratio (Knuth, TAOCP vol. 3, 6.4); the high bits of the product
    // have seen every bit of the word, so they are folded down.
    let product = (hash.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ (product >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(src: ([u8; 4], u16), dst: ([u8; 4], u16)) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0]);
        frame.extend(src.0.iter().chain(&dst.0));
        frame.extend(src.1.to_be_bytes().iter().chain(&dst.1.to_be_bytes()));
        frame.extend([0, 0, 0, 5, 0, 0, 0, 9, 0x50, 0x10, 1, 0, 0, 0, 0, 0]);
        frame
    }

    #[test]
    fn both_directions_have_one_owner_and_flows_spread() {
        let server = ([10, 99, 0, 2], 80);
        for workers in [2, 3, 8] {
            let mut flows = vec![0; workers];
            for port in 1024..5024 {
                let client = ([10, 99, 0, 1], port);
                let there = owner(&segment(client, server), workers);
                assert_eq!(there, owner(&segment(server, client), workers));
                flows[there] += 1;
            }
            let fair = 4000 / workers;
            assert!(
                flows.iter().all(|&n| n > fair / 2 && n < fair * 2),
                "{workers} workers: {flows:?}"
            );
        }
    }

    #[test]
    fn what_is_not_tcp_belongs_to_worker_zero() {
        assert_eq!(owner(&[0; 60], 8), 0);
        assert_eq!(owner(&[], 8), 0);
    }
}
