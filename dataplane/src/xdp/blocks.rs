//! What the operator asks about blocked sources, and the answers (`weir block …`).

use std::time::Duration;

use weir_proto::block_request::What;
use weir_proto::{BlockAnswer, BlockRequest, BlockedSource};

use super::{Blocked, Prefix, Xdp, XdpError};

/// Entries in one answer; of more, those that have dropped the most packets are shown. Keeps the answer well below the
/// frame's bound.
const MAX_LISTED: usize = 16384;

/// Does what is asked at `now_ns` (CLOCK_MONOTONIC) and says what is blocked then. Makes system calls: not for a worker.
pub fn answer(xdp: &Xdp, now_ns: u64, request: &BlockRequest) -> BlockAnswer {
    let mut answer = BlockAnswer { id: request.id, ..BlockAnswer::default() };
    match act(xdp, now_ns, request) {
        Ok((found, sources)) => {
            (answer.found, answer.total) = (found, sources.len() as u64);
            let shown = sources.iter().take(MAX_LISTED);
            answer.sources = shown.map(|entry| source(entry, now_ns)).collect();
        }
        Err(why) => answer.error = why,
    }
    answer
}

/// Whether the prefix asked about was blocked before, and everything that is blocked now.
fn act(xdp: &Xdp, now_ns: u64, request: &BlockRequest) -> Result<(bool, Vec<Blocked>), String> {
    if xdp.mirror {
        return Err("a mirror port drops nothing: sources can be blocked only inline".into());
    }
    let sentence = |e: XdpError| e.to_string();
    // The program ignores what has expired; here it is given up, so that it takes no room and is not shown.
    xdp.sweep(now_ns).map_err(sentence)?;
    let found = match &request.what {
        None => false,
        Some(What::Add(add)) => {
            let prefix = prefix(&add.ip, add.length)?;
            let expires = now_ns.saturating_add(add.seconds.saturating_mul(1_000_000_000));
            tracing::info!(source = %cidr(prefix), seconds = add.seconds, "blocked by the operator");
            xdp.block(prefix, expires).map_err(sentence)?;
            true
        }
        Some(What::Remove(remove)) => {
            let prefix = prefix(&remove.ip, remove.length)?;
            tracing::info!(source = %cidr(prefix), "unblocked by the operator");
            xdp.unblock(prefix).map_err(sentence)?
        }
    };
    let mut sources = xdp.blocked().map_err(sentence)?;
    sources.sort_by_key(|entry| std::cmp::Reverse(entry.packets));
    Ok((found, sources))
}

/// The prefix of a message. Not all addresses: that would be no block but an outage.
fn prefix(ip: &[u8], length: u32) -> Result<Prefix, String> {
    let addr = weir_proto::address(ip).ok_or("an address has 4 or 16 bytes")?;
    let length = u8::try_from(length).map_err(|_| format!("/{length} is no prefix length"))?;
    if length == 0 {
        return Err("blocking every address would cut everyone off".into());
    }
    Prefix::new(addr, length).map_err(|e| e.to_string())
}

fn cidr(prefix: Prefix) -> String {
    format!("{}/{}", prefix.addr(), prefix.len())
}

fn source(entry: &Blocked, now_ns: u64) -> BlockedSource {
    let left = Duration::from_nanos(entry.expires_ns.saturating_sub(now_ns));
    BlockedSource {
        ip: weir_proto::octets(entry.prefix.addr()),
        length: entry.prefix.len().into(),
        remaining_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
        packets: entry.packets,
        bytes: entry.bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_of_a_message_is_checked() {
        let network = prefix(&[10, 1, 2, 3], 8).unwrap();
        assert_eq!(cidr(network), "10.0.0.0/8");
        for (ip, length, part) in
            [(vec![10; 4], 33, "longer"), (vec![0; 16], 0, "everyone"), (vec![1; 5], 8, "4 or 16")]
        {
            let error = prefix(&ip, length).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
