//! Flows that nobody reads any more leave the worker: the XDP program sends them from port to port.
//!
//! The engine makes no system call; it says what is to change ([`Order`]), and the worker does it before it sends
//! anything. So a SYN never leaves before the bypass of its addresses and ports has ended: an order that a packet of
//! the old connection gave is followed by that of the SYN behind it.

use std::net::IpAddr;

use weir_reassembly::packet::{Flags, Packet};
use weir_reassembly::time::Time;

use super::Buffer;
use super::context::Context;
use super::flow::{Dir, Flow};
use crate::xdp::Direction;

/// Bypasses that one turn of the worker may begin, a system call each. Beyond: the flow's next packet asks again.
/// (Each packet of a turn can end two, too; a turn has three batches at most.)
const MOST: usize = 16;

/// What the worker is to tell the XDP program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Segments of this direction that begin at `from_seq` or after need not come any more, for a while.
    Begin {
        /// The direction.
        flow: Direction,
        /// The number after the last byte that was sent on.
        from_seq: u32,
        /// After this its packets come again, so that a flow that still lives is not forgotten.
        until: Time,
    },
    /// This direction comes again.
    End {
        /// The direction.
        flow: Direction,
    },
    /// A client's packets are to be dropped.
    DropSource {
        /// Its address.
        source: IpAddr,
        /// Until then.
        until: Time,
    },
}

/// A direction of a flow that the XDP program sends on.
#[derive(Clone, Copy, Debug)]
pub struct Bypassed {
    /// Until then.
    pub until: Time,
    flow: Direction,
}

/// Asks for the bypass of a packet's direction, if nothing depends any more on what Weir would see of it: nothing waits,
/// and the receivers have all that was inspected, so that no other version of it can reach them.
pub fn consider<B: Buffer>(
    cx: &mut Context,
    flow: &mut Flow<B>,
    dir: Dir,
    now: Time,
    (frame, p): (&[u8], &Packet),
) {
    let begun = flow.lane(dir).bypassed.is_some_and(|b| b.until > now);
    if !cx.settings.bypass || cx.settings.passive || begun || cx.orders.len() >= MOST {
        return;
    }
    let ends = p.flags.has(Flags::SYN) || p.flags.has(Flags::FIN) || p.flags.has(Flags::RST);
    let settled = flow.is_settled() && flow.reopening.is_none() && flow.waiting() == 0;
    let read = flow.to_server.half.history.is_empty() && flow.to_client.half.history.is_empty();
    if ends || !settled || !read {
        return;
    }
    let until = now + cx.settings.limits.bypass;
    let direction = direction(frame, p);
    flow.lane(dir).bypassed = Some(Bypassed { until, flow: direction });
    let from_seq = p.seq.wrapping_add((p.end - p.data) as u32);
    cx.orders.push_back(Order::Begin { flow: direction, from_seq, until });
}

/// A SYN of either end has come, or the flow is forgotten: whatever comes next is to be seen. The XDP program has ended
/// the bypass when it saw the SYN, but an order may have been under way then.
pub fn end<B>(cx: &mut Context, flow: &mut Flow<B>) {
    for lane in [&mut flow.to_server.bypassed, &mut flow.to_client.bypassed] {
        if let Some(bypassed) = lane.take() {
            cx.orders.push_back(Order::End { flow: bypassed.flow });
        }
    }
}

/// The packet's flow as the XDP program tells it from others.
fn direction(frame: &[u8], p: &Packet) -> Direction {
    let word = |at: usize| {
        frame.get(at..at + 2).and_then(|w| w.try_into().ok()).map_or(0, u16::from_be_bytes)
    };
    let id = |at: usize| match word(at) {
        0x8100 | 0x88a8 | 0x9100 => word(at + 2) & 0x0fff,
        _ => 0,
    };
    let tagged = matches!(word(12), 0x8100 | 0x88a8 | 0x9100);
    let vlan = [id(12), if tagged { id(16) } else { 0 }];
    Direction { src: p.src, dst: p.dst, src_port: p.src_port, dst_port: p.dst_port, vlan }
}
