//! One TCP packet of a known flow: its control bits, its acknowledgement, its bytes; and what may leave after it.

use weir_inspect::policy::{Cause, ExceptionAction};
use weir_reassembly::packet::{self, Flags, Packet};
use weir_reassembly::tcp::{Arrival, MAX_AHEAD, Segment};
use weir_reassembly::time::Time;

use super::context::{Context, Due, Timer};
use super::edit::{self, Say, Template};
use super::flow::{Dir, Flow, Slot, State};
use super::session::{Action, Outcome};
use super::{Buffer, Io, tombstone};
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
    match &flow.state {
        State::Inspected => {}
        State::Passed(why) => return passed(cx, io, flow, dir, *why, arriving),
        State::Tombstone(_) => return tombstone::handle(cx, io, now, slot, flow, dir, arriving),
        State::Cut(why) => return tombstone::cut(cx, io, flow, dir, *why, arriving),
    }
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
fn missed<I: Io>(
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

/// Payload or FIN.
fn data<I: Io>(
    cx: &mut Context,
    io: &mut I,
    now: Time,
    slot: Slot,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    mut a: Arriving<I>,
) {
    let way_out = flow.way_out(dir);
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
        Arrival::Early if cx.waiting >= cx.settings.limits.waiting => {
            cx.finish(io, way_out, a.buf, Reason::Absorbed);
        }
        Arrival::Early => {
            let counted = false;
            let segment = Segment { at, len, fin, edited: a.edited, counted, buf: a.buf };
            if let Err(buf) = half.keep_early(segment) {
                cx.finish(io, way_out, buf, Reason::Absorbed);
            }
            if flow.lane(dir).elsewhere > 0 {
                missed(cx, io, now, slot, flow, dir);
            }
        }
        Arrival::InOrder { skip } => {
            let mut counted = false;
            let mut buf = a.buf;
            if skip > 0 {
                // The old bytes at the front may be what the receiver lacks: they go on their own.
                let Some(rest) = edit::split(io, &mut buf, skip as usize) else {
                    return cx.finish(io, way_out, buf, Reason::BadChecksum);
                };
                let Ok(packet) = packet::parse(buf.bytes()) else {
                    io.free(rest);
                    return cx.finish(io, way_out, buf, Reason::Malformed);
                };
                a = Arriving { packet, buf, edited: a.edited };
                old(cx, io, flow, dir, at, a);
                (counted, buf) = (true, rest);
            }
            let at = at + u64::from(skip);
            let segment = Segment { at, len: len - skip, fin, edited: false, counted, buf };
            in_order(cx, io, now, slot, flow, dir, segment);
            while let Some(early) = flow.lane(dir).half.pop_early() {
                closed_gap(cx, io, now, slot, flow, dir, early);
            }
        }
    }
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
    if (len > 0 && at >= half.sent) || (fin && len == 0 && !half.fin_sent) {
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
fn closed_gap<I: Io>(
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
            None => drop_segment(cx, io, segment, Reason::BadChecksum),
        },
        _ => drop_segment(cx, io, segment, Reason::Absorbed),
    }
}

fn drop_segment<I: Io>(cx: &mut Context, io: &mut I, segment: Segment<I::Buf>, reason: Reason) {
    if !segment.counted {
        cx.counters.end(if cx.settings.passive { Reason::Mirrored } else { reason });
    }
    io.free(segment.buf);
}

/// The next bytes in order: inspect, edit, and let go what may go.
fn in_order<I: Io>(
    cx: &mut Context,
    io: &mut I,
    now: Time,
    slot: Slot,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    mut segment: Segment<I::Buf>,
) {
    if !matches!(flow.state, State::Inspected) {
        // An earlier segment of the same burst ended the inspection.
        return after_inspection(cx, io, flow, dir, segment);
    }
    let refused = flow.refusal.as_ref().is_some_and(|r| r.dir == dir);
    let Ok(packet) = packet::parse(segment.buf.bytes()) else {
        return drop_segment(cx, io, segment, Reason::Malformed);
    };
    flow.lane(dir).half.next = segment.end();
    if segment.fin {
        flow.lane(dir).half.fin = Some(segment.end());
    }
    if refused {
        // Weir will acknowledge it in its answer; nobody else will see it.
        return drop_segment(cx, io, segment, Reason::Tombstone);
    }
    let payload = segment.buf.bytes().get(packet.payload()).unwrap_or_default();
    cx.counters.inspected_bytes += payload.len() as u64;
    let offsets = (segment.at, flow.lane(dir).half.sent);
    let mut outcome = flow.session.feed(cx, &flow.conn, now, dir, offsets, payload);
    if segment.fin && matches!(outcome.action, Action::Continue) {
        outcome = flow.session.finish(cx, &flow.conn, now, dir, segment.end());
    }
    apply_edits(cx, flow, dir, &mut segment, &packet);
    flow.lane(dir).half.held.push_back(segment);
    act(cx, io, now, slot, flow, dir, outcome);
}

/// Applies the edits that the last bytes asked for, to them and to what is still held before them.
fn apply_edits<B: Buffer>(
    cx: &mut Context,
    flow: &mut Flow<B>,
    dir: Dir,
    segment: &mut Segment<B>,
    packet: &Packet,
) {
    if cx.edits.is_empty() {
        return;
    }
    let mut edits = std::mem::take(&mut cx.edits);
    if !cx.settings.passive {
        let half = &mut flow.lane(dir).half;
        for edit in &edits {
            cx.counters.released_bytes += half.sent.min(edit.end()).saturating_sub(edit.at);
            let apply = |segment: &mut Segment<B>, packet: &Packet| {
                let (from, to) = (edit.at.max(segment.at), edit.end().min(segment.end()));
                if from < to {
                    let at = (from - segment.at) as usize;
                    let change = |bytes: &mut [u8]| edit.write(from, bytes);
                    edit::overwrite_with(
                        segment.buf.bytes_mut(),
                        packet,
                        at,
                        (to - from) as usize,
                        change,
                    );
                    segment.edited = true;
                }
            };
            apply(segment, packet);
            for held in &mut half.held {
                if edit.at < held.end()
                    && let Ok(packet) = packet::parse(held.buf.bytes())
                {
                    apply(held, &packet);
                }
            }
        }
    }
    edits.clear();
    cx.edits = edits;
}

/// Does what the inspection of the last bytes came to.
fn act<I: Io>(
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
        Action::Refuse => {
            release(cx, io, flow, dir, outcome.clear);
            tombstone::refuse(cx, io, now, slot, flow, dir);
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

/// Lets go what is decided; what is not waits, within its bounds.
fn release_or_hold<I: Io>(
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
    let Some(first) = lane.half.held.front() else { return };
    if first.at < clear {
        // Its head may leave. Mostly the next segment is in the same batch and decides the tail, so that nothing
        // needs to be split: the end of the batch is soon enough.
        lane.clear = clear;
        cx.unsplit.push((slot, dir));
    }
    let half = &flow.lane(dir).half;
    let limits = &cx.settings.limits;
    let (upto, too_much) = (half.next, half.next - half.sent > limits.hold_bytes);
    if too_much || cx.waiting > limits.waiting {
        cx.counters.hold_expired += 1;
        release(cx, io, flow, dir, u64::MAX);
    } else {
        cx.schedule(now + limits.hold, slot, Timer::Hold(dir, upto));
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

/// The end of a batch: the head of a segment whose tail is still undecided leaves alone.
pub fn split_undecided<I: Io>(cx: &mut Context, io: &mut I, flow: &mut Flow<I::Buf>, dir: Dir) {
    if matches!(flow.state, State::Inspected) {
        let clear = flow.lane(dir).clear;
        release(cx, io, flow, dir, clear);
    }
}

/// Forwards what is held up to `clear`, splitting the segment in which it lies.
fn release<I: Io>(cx: &mut Context, io: &mut I, flow: &mut Flow<I::Buf>, dir: Dir, clear: u64) {
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
            half.held.push_front(Segment {
                at,
                len,
                fin: segment.fin,
                edited: false,
                counted,
                buf,
            });
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
    way_out: super::Side,
    segment: Segment<I::Buf>,
) {
    let half = &mut flow.lane(dir).half;
    if !cx.settings.passive
        && let Ok(packet) = packet::parse(segment.buf.bytes())
    {
        let payload = segment.buf.bytes().get(packet.payload()).unwrap_or_default();
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
                cx.counters.hold_expired += 1;
                release(cx, io, flow, dir, upto);
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

/// A flow whose inspection ended for a reason that lets it pass.
fn passed<I: Io>(
    cx: &mut Context,
    io: &mut I,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    why: Reason,
    mut a: Arriving<I>,
) {
    let p = a.packet.clone();
    let len = p.end - p.data;
    flow.session.unread(cx, len as u64);
    flow.closed |= p.flags.has(Flags::RST);
    flow.lane(dir.reverse()).half.acknowledge(p.ack);
    let half = &mut flow.lane(dir).half;
    half.fin_sent |= p.flags.has(Flags::FIN);
    // What was forwarded while it was inspected stays the only version of itself.
    if let Some(at) = half.offset(p.seq)
        && len > 0
        && !half.history.is_empty()
    {
        let copy = |bytes: &mut [u8]| {
            half.history.rewrite(at, bytes);
        };
        edit::overwrite_with(a.buf.bytes_mut(), &p, 0, len, copy);
    }
    let way_out = flow.way_out(dir);
    cx.finish(io, way_out, a.buf, why);
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
