//! What may leave, leaves; what is undecided waits within its bounds (design rule 2).

use weir_inspect::policy::{Cause, ExceptionAction};
use weir_reassembly::tcp::Segment;
use weir_reassembly::time::Time;

use super::context::{Context, Due, Timer, Turn};
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
    let lane = flow.lane(dir);
    lane.clear = if cx.settings.passive { u64::MAX } else { clear };
    let leaves = lane.may_leave();
    release_whole(cx, io, flow, dir, leaves);
    let lane = flow.lane(dir);
    if lane.half.held.is_empty() {
        return;
    }
    // A head may leave, and the rest waits for a time. Mostly the next segment is in the same batch and decides the
    // tail, so that nothing needs to be split or timed: the end of the batch is soon enough.
    if !lane.undecided {
        lane.undecided = true;
        cx.undecided.push((slot, dir));
    }
    let (half, throttled) = (&lane.half, !lane.turns.is_empty());
    let limits = &cx.settings.limits;
    let long = !throttled && half.next - half.sent > limits.hold_bytes;
    if long || cx.waiting > limits.waiting {
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
    flow.lane(dir).turns.clear();
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

/// A request in the last bytes waits for its turn.
pub fn take_turn<B>(cx: &mut Context, slot: Slot, flow: &mut Flow<B>, dir: Dir, mut turn: Turn) {
    if cx.waiting > cx.settings.limits.throttled {
        cx.counters.throttle_skipped += 1;
        return;
    }
    cx.counters.throttled += 1;
    let turns = &mut flow.lane(dir).turns;
    if turns.len() >= cx.settings.limits.turns {
        return;
    }
    // Requests of a connection keep their order.
    turn.until = turns.last().map_or(turn.until, |last| last.until.max(turn.until));
    turns.push(turn);
    cx.schedule(turn.until, slot, Timer::Turn(dir));
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
    let leaves = flow.lane(dir).may_leave();
    release(cx, io, flow, dir, leaves);
    let lane = flow.lane(dir);
    let half = &lane.half;
    // What waits for its turn has a timer of its own.
    if !half.held.is_empty() && lane.turns.is_empty() {
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
            let lane = flow.lane(dir);
            let (half, throttled) = (&lane.half, !lane.turns.is_empty());
            let waits = half.sent < upto && !half.held.is_empty() && !throttled;
            if waits && matches!(flow.state, State::Inspected) {
                expire(cx, io, now, due.slot, flow, dir, upto);
            }
        }
        Timer::Turn(dir) => {
            let lane = flow.lane(dir);
            lane.turns.retain(|turn| turn.until > now);
            let clear = lane.clear;
            if matches!(flow.state, State::Inspected) {
                release_or_hold(cx, io, now, due.slot, flow, dir, clear);
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
