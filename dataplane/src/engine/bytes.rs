//! The bytes of a segment, in stream order: retransmitted, early, or the next to be inspected and edited.

use weir_reassembly::packet::{self, Flags};
use weir_reassembly::tcp::{Arrival, Segment};
use weir_reassembly::time::Time;

use super::context::Context;
use super::flow::{Dir, Flow, Lane, Slot, State};
use super::release::{drop_segment, drop_waiting, release, release_or_hold, take_turn};
use super::segment::{Arriving, missed};
use super::session::{Action, Outcome};
use super::{Buffer, Io, edit, tombstone};
use crate::reason::Reason;

/// Payload or FIN.
pub fn data<I: Io>(
    cx: &mut Context,
    io: &mut I,
    now: Time,
    slot: Slot,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    mut a: Arriving<I>,
) {
    let way_out = flow.way_out(dir);
    let full = is_full(cx, flow.lane(dir));
    let half = &mut flow.lane(dir).half;
    let fin = a.packet.flags.has(Flags::FIN);
    let len = (a.packet.end - a.packet.data) as u32;
    let first = a.packet.seq.wrapping_add(u32::from(a.packet.flags.has(Flags::SYN)));
    let Some(at) = half.offset(first) else {
        if flow.midstream {
            // From before the flow was picked up: nobody knows what it said first.
            return cx.finish(io, way_out, a.buf, Reason::ExceptionPass);
        }
        return old(cx, io, flow, dir, 0, a);
    };
    match half.classify(at, len, fin) {
        Arrival::OutOfWindow => cx.finish(io, way_out, a.buf, Reason::OutOfWindow),
        Arrival::Old => old(cx, io, flow, dir, at, a),
        Arrival::Early | Arrival::InOrder { .. } if full => {
            cx.finish(io, way_out, a.buf, Reason::Absorbed);
        }
        Arrival::Early if cx.waiting >= cx.settings.limits.waiting => {
            cx.finish(io, way_out, a.buf, Reason::Absorbed);
        }
        Arrival::Early => {
            let (counted, data) = (false, a.packet.data);
            let segment = Segment { at, len, fin, edited: a.edited, counted, data, buf: a.buf };
            if let Err(buf) = half.keep_early(segment) {
                cx.finish(io, way_out, buf, Reason::Absorbed);
            }
            if flow.lane(dir).elsewhere > 0 {
                missed(cx, io, now, slot, flow, dir);
            }
        }
        Arrival::InOrder { skip } => {
            let mut counted = false;
            // The headers stay as long when a packet is split.
            let (data, mut buf) = (a.packet.data, a.buf);
            if skip > 0 {
                // The old bytes at the front may be what the receiver lacks: they go on their own.
                let Some(rest) = edit::split(io, &mut buf, skip as usize) else {
                    return cx.finish(io, way_out, buf, Reason::NoFrame);
                };
                let Ok(packet) = packet::parse(buf.bytes()) else {
                    io.free(rest);
                    return cx.finish(io, way_out, buf, Reason::Malformed);
                };
                a = Arriving { packet, buf, edited: a.edited };
                old(cx, io, flow, dir, at, a);
                (counted, buf) = (true, rest);
            }
            let (at, len) = (at + u64::from(skip), len - skip);
            let segment = Segment { at, len, fin, edited: false, counted, data, buf };
            in_order(cx, io, now, slot, flow, dir, segment);
            while let Some(early) = flow.lane(dir).half.pop_early() {
                closed_gap(cx, io, now, slot, flow, dir, early);
            }
        }
    }
}

/// Whether so much waits behind a throttled request that its sender is to send the rest later.
fn is_full<B>(cx: &Context, lane: &Lane<B>) -> bool {
    !lane.turns.is_empty() && lane.half.next - lane.half.sent > cx.settings.limits.hold_bytes
}

/// A retransmission or a keep-alive: what was forwarded first is the only version (design rule 1).
fn old<I: Io>(
    cx: &mut Context,
    io: &mut I,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    at: u64,
    mut a: Arriving<I>,
) {
    let way_out = flow.way_out(dir);
    let half = &flow.lane(dir).half;
    let len = (a.packet.end - a.packet.data) as u64;
    let fin = a.packet.flags.has(Flags::FIN);
    if cx.settings.passive {
        return cx.finish(io, way_out, a.buf, Reason::Forwarded);
    }
    if !half.fin_sent && ((len > 0 && at >= half.sent) || (fin && len == 0)) {
        return cx.finish(io, way_out, a.buf, Reason::Absorbed);
    }
    let beyond = at + len > half.sent || (fin && !half.fin_sent);
    if beyond && !edit::truncate(&mut a.buf, &mut a.packet, (half.sent - at) as usize) {
        return cx.finish(io, way_out, a.buf, Reason::BadChecksum);
    }
    let mut changed = false;
    let len = a.packet.end - a.packet.data;
    let copy = |bytes: &mut [u8]| changed = half.history.rewrite(at, bytes);
    edit::overwrite_with(a.buf.bytes_mut(), &a.packet, 0, len, copy);
    if changed {
        cx.counters.rewritten_retransmissions += 1;
    }
    let reason = if changed || a.edited { Reason::Edited } else { Reason::Forwarded };
    cx.finish(io, way_out, a.buf, reason);
}

/// An early segment whose gap has closed; meanwhile its first bytes may have come otherwise.
pub fn closed_gap<I: Io>(
    cx: &mut Context,
    io: &mut I,
    now: Time,
    slot: Slot,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    mut segment: Segment<I::Buf>,
) {
    let half = &flow.lane(dir).half;
    match half.classify(segment.at, segment.len, segment.fin) {
        Arrival::InOrder { skip: 0 } => in_order(cx, io, now, slot, flow, dir, segment),
        Arrival::InOrder { skip } => match edit::split(io, &mut segment.buf, skip as usize) {
            Some(rest) => {
                io.free(std::mem::replace(&mut segment.buf, rest));
                segment.at += u64::from(skip);
                segment.len -= skip;
                in_order(cx, io, now, slot, flow, dir, segment);
            }
            None => drop_segment(cx, io, segment, Reason::NoFrame),
        },
        _ => drop_segment(cx, io, segment, Reason::Absorbed),
    }
}

/// The next bytes in order: inspect, edit, and let go what may go.
fn in_order<I: Io>(
    cx: &mut Context,
    io: &mut I,
    now: Time,
    slot: Slot,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    segment: Segment<I::Buf>,
) {
    if !matches!(flow.state, State::Inspected) {
        // An earlier segment of the same burst ended the inspection.
        return after_inspection(cx, io, flow, dir, segment);
    }
    let refused = flow.refusal.as_ref().is_some_and(|r| r.dir == dir);
    flow.lane(dir).half.next = segment.end();
    if segment.fin {
        flow.lane(dir).half.fin = Some(segment.end());
    }
    if refused {
        // Weir will acknowledge it in its answer; nobody else will see it.
        return drop_segment(cx, io, segment, Reason::Tombstone);
    }
    let payload = segment.buf.bytes().get(segment.payload()).unwrap_or_default();
    cx.counters.inspected_bytes += payload.len() as u64;
    let offsets = (segment.at, flow.lane(dir).half.sent);
    let (len, unread) = (payload.len() as u64, cx.begin_payload());
    let mut outcome = flow.session.feed(cx, &flow.conn, now, dir, offsets, payload);
    if segment.fin && matches!(outcome.action, Action::Continue) {
        outcome = flow.session.finish(cx, &flow.conn, now, dir, segment.end());
    }
    cx.count_payload(flow, len, unread);
    if let Some(turn) = cx.turn.take() {
        take_turn(cx, slot, flow, dir, turn);
    }
    flow.lane(dir).half.held.push_back(segment);
    apply_edits(cx, flow, dir);
    act(cx, io, now, slot, flow, dir, outcome);
}

/// Applies the edits that the last bytes asked for, to all that is held: what has left stays as it is.
pub fn apply_edits<B: Buffer>(cx: &mut Context, flow: &mut Flow<B>, dir: Dir) {
    if cx.edits.is_empty() {
        return;
    }
    let mut edits = std::mem::take(&mut cx.edits);
    if !cx.settings.passive {
        let half = &mut flow.lane(dir).half;
        for edit in &edits {
            cx.counters.released_bytes += half.sent.min(edit.end()).saturating_sub(edit.at);
            for held in &mut half.held {
                let (from, to) = (edit.at.max(held.at), edit.end().min(held.end()));
                if from < to
                    && let Ok(packet) = packet::parse(held.buf.bytes())
                {
                    let (at, len) = ((from - held.at) as usize, (to - from) as usize);
                    let change = |bytes: &mut [u8]| edit.write(from, bytes);
                    edit::overwrite_with(held.buf.bytes_mut(), &packet, at, len, change);
                    held.edited = true;
                }
            }
        }
    }
    edits.clear();
    cx.edits = edits;
}

/// Does what the inspection of the last bytes came to.
pub fn act<I: Io>(
    cx: &mut Context,
    io: &mut I,
    now: Time,
    slot: Slot,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    outcome: Outcome,
) {
    match outcome.action {
        Action::Continue => release_or_hold(cx, io, now, slot, flow, dir, outcome.clear),
        Action::Pass(why) => {
            flow.state = State::Passed(why);
            for dir in [Dir::ToServer, Dir::ToClient] {
                release(cx, io, flow, dir, u64::MAX);
                // What came early goes as it came: nobody looks at this flow any more.
                let early: Vec<_> =
                    std::iter::from_fn(|| flow.lane(dir).half.pop_any_early()).collect();
                for segment in early {
                    after_inspection(cx, io, flow, dir, segment);
                }
            }
        }
        Action::Refuse(answer) => {
            release(cx, io, flow, dir, outcome.clear);
            if dir == Dir::ToClient && flow.to_client.half.sent < outcome.clear {
                // No buffer to part it from the end of the response before it, which the client lacks: no place for a 403.
                return tombstone::reset_both(cx, io, flow, Reason::Blocked);
            }
            tombstone::refuse(cx, io, now, slot, flow, (dir, answer));
        }
        Action::Reset => tombstone::reset_both(cx, io, flow, Reason::Blocked),
        Action::Drop => {
            drop_waiting(cx, io, flow, Reason::ExceptionDrop);
            flow.state = State::Cut(Reason::ExceptionDrop);
        }
    }
}

/// A segment of a flow that ceased to be inspected while it waited.
fn after_inspection<I: Io>(
    cx: &mut Context,
    io: &mut I,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    segment: Segment<I::Buf>,
) {
    let way_out = flow.way_out(dir);
    match (&flow.state, segment.counted) {
        (State::Passed(why), false) => cx.finish(io, way_out, segment.buf, *why),
        (State::Passed(_), true) => cx.originate(io, way_out, segment.buf),
        (State::Cut(why), _) => {
            let why = *why;
            drop_segment(cx, io, segment, why);
        }
        _ => drop_segment(cx, io, segment, Reason::Tombstone),
    }
}
