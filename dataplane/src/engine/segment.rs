//! One TCP packet of a known flow: its control bits, its options, its acknowledgement. Its bytes go on to `bytes.rs`.

use weir_inspect::policy::{Cause, ExceptionAction};
use weir_reassembly::packet::{self, Flags, Packet};
use weir_reassembly::tcp::MAX_AHEAD;
use weir_reassembly::time::Time;

use super::bytes::{closed_gap, data};
use super::context::Context;
use super::edit::{self, Say, Template};
use super::flow::{Dir, Flow, Slot, State};
use super::release::{drop_waiting, release};
use super::{Buffer, Io, bypass, tombstone};
use crate::reason::Reason;

/// TCP option kinds (IANA).
const WINDOW_SCALE: u8 = 3;
const TIMESTAMPS: u8 = 8;
const MD5_SIGNATURE: u8 = 19;
const AUTHENTICATION: u8 = 29;
const MPTCP: u8 = 30;

/// A packet on its way through its flow.
pub struct Arriving<I: Io> {
    pub packet: Packet,
    pub buf: I::Buf,
    pub edited: bool,
}

/// Takes one packet of the flow.
pub fn handle<I: Io>(
    cx: &mut Context,
    io: &mut I,
    now: Time,
    slot: Slot,
    flow: &mut Flow<I::Buf>,
    packet: Packet,
    buf: I::Buf,
) {
    flow.seen = now;
    let dir = flow.dir(&packet);
    let lane = flow.lane(dir);
    lane.packets += 1;
    lane.bytes += (packet.end - packet.data) as u64;
    let mut arriving = Arriving::<I> { packet, buf, edited: false };
    let right =
        cx.settings.passive || edit::checksum_is_right(arriving.buf.bytes(), &arriving.packet);
    match &flow.state {
        State::Passed(_) if right && accepts_new_connection(flow, dir, &arriving.packet) => {
            flow.state = State::Inspected;
            flow.midstream = false;
        }
        State::Passed(why) => return passed(cx, io, now, flow, dir, *why, arriving),
        _ if !right => {
            // Its receiver would drop it. Taken as the first version of its bytes it would spoil the right ones that
            // follow. (A capture may have been taken where checksums are not filled in yet.)
            return cx.finish(io, flow.way_out(dir), arriving.buf, Reason::BadChecksum);
        }
        State::Inspected => {}
        State::Tombstone(_) => return tombstone::handle(cx, io, now, slot, flow, dir, arriving),
        State::Cut(why) => return tombstone::cut(cx, io, flow, dir, *why, arriving),
    }
    flow.lane(dir).reset = arriving.packet.flags.has(Flags::RST);
    if arriving.packet.flags.has(Flags::SYN) {
        opening(cx, flow, dir, &arriving.packet);
    }
    if flow.lane(dir).template.is_none() {
        flow.lane(dir).template = Template::of(arriving.buf.bytes(), &arriving.packet);
    }
    options(cx, flow, dir, &mut arriving);
    let way_out = flow.way_out(dir);
    if !acknowledgement(cx, flow, dir, &mut arriving) {
        return cx.finish(io, way_out, arriving.buf, Reason::OutOfWindow);
    }
    if arriving.packet.flags.has(Flags::RST) {
        return reset(cx, io, flow, dir, arriving);
    }
    for dir in [Dir::ToServer, Dir::ToClient] {
        if flow.lane(dir).elsewhere > 0 {
            missed(cx, io, now, slot, flow, dir);
        }
    }
    if !matches!(flow.state, State::Inspected) {
        return handle(cx, io, now, slot, flow, arriving.packet, arriving.buf);
    }
    if arriving.packet.data < arriving.packet.end || arriving.packet.flags.has(Flags::FIN) {
        data(cx, io, now, slot, flow, dir, arriving);
    } else {
        let reason = if arriving.edited { Reason::Edited } else { Reason::Forwarded };
        cx.finish(io, way_out, arriving.buf, reason);
    }
    tombstone::answer_if_ready(cx, io, now, slot, flow);
    let ended = |half: &weir_reassembly::tcp::Half<I::Buf>| half.fin_sent && half.fin_acked;
    if ended(&flow.to_server.half) && ended(&flow.to_client.half) {
        flow.closed = true;
    }
}

/// SYN or SYN-ACK: the numbering of a direction begins (RFC 9293 §3.5).
fn opening<B>(cx: &mut Context, flow: &mut Flow<B>, dir: Dir, p: &Packet) {
    let origin = p.seq.wrapping_add(1);
    if dir == Dir::ToClient && flow.reopening.take().is_some_and(|syn| p.ack == syn.wrapping_add(1))
    {
        // The server accepted a SYN that came on the open connection: all that was known of it is void.
        flow.to_server = Default::default();
        flow.to_server.half.begin(p.ack);
        flow.to_client = Default::default();
        flow.session = Default::default();
        flow.refusal = None;
        cx.counters.flows_opened += 1;
    }
    let half = &mut flow.lane(dir).half;
    if !half.has_begun() || (half.next == 0 && half.waiting() == 0) {
        half.begin(origin);
    } else if half.seq(0) != Some(origin) && dir == Dir::ToServer {
        flow.reopening = Some(p.seq);
    }
    if dir == Dir::ToClient && p.flags.has(Flags::ACK) {
        flow.established = true;
    }
}

/// Notes the options that matter and neutralises MPTCP: a subflow would carry parts of a leak past Weir (RFC 8684).
fn options<I: Io>(cx: &mut Context, flow: &mut Flow<I::Buf>, dir: Dir, a: &mut Arriving<I>) {
    if a.packet.data == a.packet.tcp + 20 {
        return;
    }
    let syn = a.packet.flags.has(Flags::SYN);
    let mut subflow = None;
    let lane = flow.lane(dir);
    let mut signed = false;
    for option in packet::options(a.buf.bytes(), &a.packet) {
        match option.kind {
            WINDOW_SCALE if syn => {
                lane.scale = a.buf.bytes().get(option.at + 2).map(|s| (*s).min(14));
            }
            TIMESTAMPS => {
                let value = a.buf.bytes().get(option.at + 2..option.at + 6);
                lane.timestamp = value.and_then(|v| v.try_into().ok()).map(u32::from_be_bytes);
            }
            MD5_SIGNATURE | AUTHENTICATION => signed = true,
            MPTCP => subflow = Some(option),
            _ => {}
        }
    }
    if let Some(option) = subflow
        && !cx.settings.passive
    {
        edit::blank_option(a.buf.bytes_mut(), &a.packet, option);
        cx.counters.mptcp_neutralised += 1;
        a.edited = true;
    }
    if signed && syn && cx.exception(Cause::Undecodable) == ExceptionAction::Pass {
        // RFC 2385, RFC 5925: any edit would break the signature.
        flow.state = State::Passed(Reason::ExceptionPass);
    }
}

/// Takes the acknowledgement of the other direction's bytes. False: it acknowledges what was never forwarded.
fn acknowledgement<I: Io>(
    cx: &mut Context,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    a: &mut Arriving<I>,
) -> bool {
    let p = &a.packet;
    if !p.flags.has(Flags::ACK) {
        return true;
    }
    let other = &mut flow.lane(dir.reverse()).half;
    if !other.has_begun() {
        return true;
    }
    if !other.acknowledge(p.ack) && !p.flags.has(Flags::RST) {
        // Acknowledged, but never forwarded by Weir: it went another way (the kernel's fallback, a lossy mirror), or
        // it is a lie. The receiver of the acknowledgement knows which.
        let Some(offset) = other.offset(p.ack) else { return true };
        if offset > other.next + MAX_AHEAD {
            return cx.settings.passive;
        }
        let lane = flow.lane(dir.reverse());
        lane.elsewhere = lane.elsewhere.max(offset);
        if lane.packets == 0 && flow.midstream {
            flow.lane(dir.reverse()).half.skip_to(offset);
        }
    }
    lower_window(cx, flow, dir, a);
    true
}

/// Bytes that the receiver has but Weir never saw, and a segment that waits for them: they will not come again. The
/// flow goes on as one picked up in its middle.
pub fn missed<I: Io>(
    cx: &mut Context,
    io: &mut I,
    now: Time,
    slot: Slot,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
) {
    let lane = flow.lane(dir);
    let Some(early) = lane.half.first_early().filter(|at| *at <= lane.elsewhere) else { return };
    lane.elsewhere = 0;
    if early > lane.half.next {
        match cx.exception(Cause::Midstream) {
            ExceptionAction::Reset => return tombstone::reset_both(cx, io, flow, Reason::Blocked),
            ExceptionAction::Drop => {
                drop_waiting(cx, io, flow, Reason::ExceptionDrop);
                flow.state = State::Cut(Reason::ExceptionDrop);
                return;
            }
            ExceptionAction::Pass => {}
        }
        release(cx, io, flow, dir, u64::MAX);
        flow.lane(dir).half.skip_to(early);
        flow.session.gap(dir);
        flow.midstream = true;
    }
    while let Some(early) = flow.lane(dir).half.pop_early() {
        closed_gap(cx, io, now, slot, flow, dir, early);
    }
}

/// Keeps the receiver from inviting more than the history can keep (design rule 1).
fn lower_window<I: Io>(cx: &mut Context, flow: &mut Flow<I::Buf>, dir: Dir, a: &mut Arriving<I>) {
    let sender_scale = flow.lane(dir.reverse()).scale;
    let lane = flow.lane(dir);
    lane.window = a.packet.window;
    // Scaling is in force only if both SYNs offered it, and never in a SYN (RFC 7323 §2.2).
    let scale = match (lane.scale, sender_scale) {
        (Some(s), Some(_)) if !a.packet.flags.has(Flags::SYN) => s,
        _ => 0,
    };
    let limit = (cx.settings.limits.history >> scale).min(usize::from(u16::MAX)) as u16;
    if a.packet.window > limit && !cx.settings.passive {
        edit::lower_window(a.buf.bytes_mut(), &a.packet, limit);
        cx.counters.windows_lowered += 1;
    }
}

/// RST ends the connection if its number is exactly the next one; any other only passes, for the receiver to
/// challenge (RFC 9293 §3.10.7.4, RFC 5961 §3).
fn reset<I: Io>(cx: &mut Context, io: &mut I, flow: &mut Flow<I::Buf>, dir: Dir, a: Arriving<I>) {
    let exact = !flow.lane(dir).half.has_begun()
        || flow.lane(dir).half.seq_sent() == a.packet.seq
        || (!flow.established && dir == Dir::ToClient);
    flow.closed |= exact;
    cx.finish(io, flow.way_out(dir), a.buf, Reason::Forwarded);
}

/// Whether the server accepts a SYN that came on the open connection: nothing of what follows has been looked at.
fn accepts_new_connection<B>(flow: &Flow<B>, dir: Dir, p: &Packet) -> bool {
    let answers = dir == Dir::ToClient && p.flags.has(Flags::SYN) && p.flags.has(Flags::ACK);
    answers && flow.reopening.is_some_and(|syn| p.ack == syn.wrapping_add(1))
}

/// A flow whose inspection ended for a reason that lets it pass.
fn passed<I: Io>(
    cx: &mut Context,
    io: &mut I,
    now: Time,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    why: Reason,
    mut a: Arriving<I>,
) {
    let p = a.packet.clone();
    let len = p.end - p.data;
    let syn = p.flags.has(Flags::SYN);
    let again = flow.lane(dir).half.seq(0) == Some(p.seq.wrapping_add(1));
    if syn && !again && dir == Dir::ToServer && !p.flags.has(Flags::ACK) {
        flow.reopening = Some(p.seq);
        if len > 0 {
            // RFC 7413: data of a connection that may be a new one. The client sends the SYN again without it.
            return cx.finish(io, flow.way_out(dir), a.buf, Reason::Absorbed);
        }
    }
    let past = if syn { 0 } else { follow(flow, dir, &p) };
    let bytes = len as u64 + past;
    let before = cx.begin_payload();
    flow.session.unread(cx, bytes);
    cx.count_payload(flow, bytes, before);
    flow.closed |= p.flags.has(Flags::RST);
    let other = &mut flow.lane(dir.reverse()).half;
    if p.flags.has(Flags::ACK) && !other.acknowledge(p.ack) {
        // It covers what was inspected, and some of what passed after that.
        other.acknowledge(other.seq_sent());
    }
    let half = &mut flow.lane(dir).half;
    half.fin_sent |= p.flags.has(Flags::FIN);
    // What was forwarded while it was inspected stays the only version of itself, also once it is acknowledged.
    if let Some(at) = half.offset(p.seq)
        && len > 0
        && at < half.history.end()
    {
        let copy = |bytes: &mut [u8]| {
            half.history.rewrite(at, bytes);
        };
        edit::overwrite_with(a.buf.bytes_mut(), &p, 0, len, copy);
    }
    let way_out = flow.way_out(dir);
    bypass::consider(cx, flow, dir, now, (a.buf.bytes(), &p));
    cx.finish(io, way_out, a.buf, why);
}

/// Follows the numbers of a direction that nobody reads; how many bytes of it the XDP program has sent on meanwhile.
/// While there is a version of earlier bytes to keep to, its place in the numbers stays as it is.
fn follow<B>(flow: &mut Flow<B>, dir: Dir, p: &Packet) -> u64 {
    let lane = flow.lane(dir);
    if !lane.half.history.is_empty() || lane.half.waiting() > 0 {
        return 0;
    }
    let Some(at) = lane.half.offset(p.seq) else { return 0 };
    let ahead = at.saturating_sub(lane.half.next);
    if lane.bypassed.is_none() && ahead > MAX_AHEAD {
        return 0;
    }
    lane.half.next = lane.half.next.max(at + (p.end - p.data) as u64);
    lane.half.sent = lane.half.next;
    if lane.bypassed.is_some() { ahead } else { 0 }
}

/// The connection ended without a FIN being seen: bodies that end with it end.
pub fn finish_streams<B>(cx: &mut Context, flow: &mut Flow<B>) {
    if matches!(flow.state, State::Inspected) {
        let seen = flow.seen;
        for dir in [Dir::ToServer, Dir::ToClient] {
            let next = flow.lane(dir).half.next;
            if flow.lane(dir).half.fin.is_none() {
                flow.session.finish(cx, &flow.conn, seen, dir, next);
            }
        }
    }
}

/// What a packet in an end's place says, with the numbers as this device has forwarded them.
pub fn in_place_of<'a, B>(flow: &mut Flow<B>, dir: Dir, flags: u8, payload: &'a [u8]) -> Say<'a> {
    let echo = flow.lane(dir.reverse()).timestamp;
    let other = &flow.lane(dir.reverse()).half;
    let ack = other.seq(other.next + u64::from(other.fin.is_some())).unwrap_or(0);
    let lane = flow.lane(dir);
    Say {
        seq: lane.half.seq_sent(),
        ack,
        flags,
        window: lane.window,
        timestamps: lane.timestamp.map(|own| (own, echo.unwrap_or(0))),
        payload,
    }
}
