//! What may leave, leaves; what is undecided waits within its bounds (design rule 2).

use weir_inspect::policy::{Cause, ExceptionAction};
use weir_reassembly::tcp::Segment;
use weir_reassembly::time::Time;

use super::context::{Context, Due, Timer};
use super::flow::{Dir, Flow, Slot, State};
use super::session::Action;
use super::{Buffer, Io, Side, bytes, edit, tombstone};
use crate::reason::Reason;

pub fn drop_segment<I: Io>(cx: &mut Context, io: &mut I, segment: Segment<I::Buf>, reason: Reason) {
    if !segment.counted {
        cx.counters.end(if cx.settings.passive { Reason::Mirrored } else { reason });
    }
    io.free(segment.buf);
}

/// Lets go what is decided; what is not waits, within its bounds.
pub fn release_or_hold<I: Io>(
    cx: &mut Context,
    io: &mut I,
    now: Time,
    slot: Slot,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    clear: u64,
) {
    let clear = if cx.settings.passive { u64::MAX } else { clear };
    release_whole(cx, io, flow, dir, clear);
    let lane = flow.lane(dir);
    if lane.half.held.is_empty() {
        return;
    }
    // A head may leave, and the rest waits for a time. Mostly the next segment is in the same batch and decides the
    // tail, so that nothing needs to be split or timed: the end of the batch is soon enough.
    lane.clear = clear;
    if !lane.undecided {
        lane.undecided = true;
        cx.undecided.push((slot, dir));
    }
    let half = &flow.lane(dir).half;
    let limits = &cx.settings.limits;
    if half.next - half.sent > limits.hold_bytes || cx.waiting > limits.waiting {
        let upto = half.next;
        expire(cx, io, now, slot, flow, dir, upto);
    }
}

/// What is held up to `upto` can be held no longer.
fn expire<I: Io>(
    cx: &mut Context,
    io: &mut I,
    now: Time,
    slot: Slot,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    upto: u64,
) {
    cx.counters.hold_expired += 1;
    let half = &flow.lane(dir).half;
    let offsets = (half.next, half.sent);
    let outcome = flow.session.expire(cx, &flow.conn, now, dir, offsets);
    bytes::apply_edits(cx, flow, dir);
    match outcome.action {
        Action::Continue => release(cx, io, flow, dir, upto),
        _ => bytes::act(cx, io, now, slot, flow, dir, outcome),
    }
}

/// Forwards the held segments that end by `clear`.
fn release_whole<I: Io>(
    cx: &mut Context,
    io: &mut I,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    clear: u64,
) {
    let way_out = flow.way_out(dir);
    while let Some(segment) = flow.lane(dir).half.held.pop_front_if(|s| s.end() <= clear) {
        forward(cx, io, flow, dir, way_out, segment);
    }
}

/// The end of a batch: the head of a segment whose tail is still undecided leaves alone, and the tail waits.
pub fn split_undecided<I: Io>(
    cx: &mut Context,
    io: &mut I,
    now: Time,
    slot: Slot,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
) {
    flow.lane(dir).undecided = false;
    if !matches!(flow.state, State::Inspected) {
        return;
    }
    let clear = flow.lane(dir).clear;
    release(cx, io, flow, dir, clear);
    let half = &flow.lane(dir).half;
    if !half.held.is_empty() {
        cx.schedule(now + cx.settings.limits.hold, slot, Timer::Hold(dir, half.next));
    }
}

/// Forwards what is held up to `clear`, splitting the segment in which it lies.
pub fn release<I: Io>(cx: &mut Context, io: &mut I, flow: &mut Flow<I::Buf>, dir: Dir, clear: u64) {
    let way_out = flow.way_out(dir);
    while let Some(mut segment) = flow.lane(dir).half.held.pop_front() {
        let half = &mut flow.lane(dir).half;
        if clear < segment.end() {
            let keep = clear.saturating_sub(segment.at);
            let rest =
                if keep == 0 { None } else { edit::split(io, &mut segment.buf, keep as usize) };
            let Some(buf) = rest else {
                half.held.push_front(segment);
                return;
            };
            let counted = true;
            let (at, len) = (segment.at + keep, segment.len - keep as u32);
            let (fin, data) = (segment.fin, segment.data);
            half.held.push_front(Segment { at, len, fin, edited: false, counted, data, buf });
            (segment.len, segment.fin) = (keep as u32, false);
        }
        forward(cx, io, flow, dir, way_out, segment);
    }
}

fn forward<I: Io>(
    cx: &mut Context,
    io: &mut I,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    way_out: Side,
    segment: Segment<I::Buf>,
) {
    let half = &mut flow.lane(dir).half;
    if !cx.settings.passive {
        let payload = segment.buf.bytes().get(segment.payload()).unwrap_or_default();
        if !half.forwarded(payload, cx.settings.limits.history) {
            // A sender that ignores the receiver's window.
            if cx.exception(Cause::Memory) != ExceptionAction::Pass {
                drop_segment(cx, io, segment, Reason::ExceptionDrop);
                return tombstone::reset_both(cx, io, flow, Reason::ExceptionDrop);
            }
            half.history.forget_oldest(cx.settings.limits.history);
        }
    } else {
        half.sent = segment.end();
    }
    half.fin_sent |= segment.fin;
    if segment.counted {
        return cx.originate(io, way_out, segment.buf);
    }
    let reason = if segment.edited { Reason::Edited } else { Reason::Forwarded };
    cx.finish(io, way_out, segment.buf, reason);
}

/// A timer of the flow has run out.
pub fn due<I: Io>(cx: &mut Context, io: &mut I, now: Time, flow: &mut Flow<I::Buf>, due: &Due) {
    match due.what {
        Timer::Hold(dir, upto) => {
            let half = &flow.lane(dir).half;
            if half.sent < upto && !half.held.is_empty() && matches!(flow.state, State::Inspected) {
                expire(cx, io, now, due.slot, flow, dir, upto);
            }
        }
        Timer::Refusal => tombstone::due(cx, io, now, due.slot, flow),
    }
}

/// Drops every packet that waits in the flow.
pub fn drop_waiting<I: Io>(cx: &mut Context, io: &mut I, flow: &mut Flow<I::Buf>, reason: Reason) {
    for dir in [Dir::ToServer, Dir::ToClient] {
        let waiting: Vec<_> = flow.lane(dir).half.drain().collect();
        for segment in waiting {
            drop_segment(cx, io, segment, reason);
        }
    }
}
