//! Refusing on HTTP/1, and what stays of a connection that Weir has ended (design rule 3).
//!
//! ```text
//!  refuse ──► Refusal: earlier responses complete and acknowledged? ──yes──► answer, RST to the refused one's peer
//!                │ no: wait, at most `refusal_wait`                            │
//!                └────────────────────────► reset both ends ──► Cut            ▼
//!                                                                        Tombstone: repeats the answer until it is
//!                                                                        acknowledged, acknowledges what still
//!                                                                        comes, drops the server's late packets
//! ```

use std::time::Duration;

use weir_reassembly::packet::{Flags, Packet};
use weir_reassembly::time::Time;

use super::Io;
use super::answer::Answer;
use super::context::{Context, Timer};
use super::edit::Say;
use super::flow::{Dir, Flow, Slot, State};
use super::release;
use super::segment::{self, Arriving};
use crate::reason::Reason;

/// First wait for an acknowledgement of the answer; it doubles (RFC 6298 §5.5). Linux uses the same minimum.
const FIRST_RTO: Duration = Duration::from_millis(200);

/// How long a tombstone outlives both streams at least: the client repeats a FIN whose acknowledgement was lost after
/// its own timer, which is a second or less at first (RFC 6298 §2.4).
const LINGER: Duration = Duration::from_secs(1);

/// A refused request, or a response refused before any of it left, that waits until it may be answered.
#[derive(Debug)]
pub struct Refusal {
    /// The direction whose bytes are refused.
    pub dir: Dir,
    answer: Answer,
    deadline: Time,
}

/// What is left of a flow that was answered by Weir.
#[derive(Debug)]
pub struct Tombstone {
    /// What to say to the client until it is acknowledged,
    answer: Vec<u8>,
    /// and where it begins.
    seq: u32,
    /// Up to here the client has acknowledged it.
    acked: u32,
    /// The number after the answer and its FIN.
    end: u32,
    /// All of the client's bytes, a FIN included, up to here are acknowledged.
    client_next: u32,
    client_fin: bool,
    /// Both streams have ended, and both ends of them are acknowledged as far as Weir can know.
    over: bool,
    rto: Duration,
    repeat_at: Time,
    dies_at: Time,
}

/// Refuses what the direction `dir` was about to say. What waits in it is dropped.
pub fn refuse<I: Io>(
    cx: &mut Context,
    io: &mut I,
    now: Time,
    slot: Slot,
    flow: &mut Flow<I::Buf>,
    (dir, answer): (Dir, Answer),
) {
    cx.counters.blocked += 1;
    let held: Vec<_> = flow.lane(dir).half.held.drain(..).collect();
    for segment in held {
        if !segment.counted {
            cx.counters.end(if cx.settings.passive { Reason::Mirrored } else { Reason::Tombstone });
        }
        io.free(segment.buf);
    }
    if cx.settings.passive {
        return;
    }
    let deadline = now + cx.settings.limits.refusal_wait;
    flow.refusal = Some(Refusal { dir, answer, deadline });
    cx.schedule(deadline, slot, Timer::Refusal);
    answer_if_ready(cx, io, now, slot, flow);
}

/// Answers a refusal if every earlier response is complete and acknowledged.
pub fn answer_if_ready<I: Io>(
    cx: &mut Context,
    io: &mut I,
    now: Time,
    slot: Slot,
    flow: &mut Flow<I::Buf>,
) {
    let Some(refusal) = &flow.refusal else { return };
    let to_client = &flow.to_client.half;
    let complete = refusal.dir == Dir::ToClient || flow.session.answered();
    if !complete || !to_client.held.is_empty() || !to_client.is_acknowledged() || to_client.fin_sent
    {
        return;
    }
    let answer = refusal.answer.bytes(&cx.policy);
    flow.refusal = None;
    let say = segment::in_place_of(flow, Dir::ToClient, 0, &[]);
    let tombstone = Tombstone {
        seq: say.seq,
        acked: say.seq,
        end: say.seq.wrapping_add(answer.len() as u32 + 1),
        client_next: say.ack,
        client_fin: flow.to_server.half.fin.is_some(),
        over: false,
        rto: FIRST_RTO,
        repeat_at: now + FIRST_RTO,
        dies_at: now + cx.settings.limits.tombstone,
        answer,
    };
    reset_end(cx, io, flow, Dir::ToServer);
    release::drop_waiting(cx, io, flow, Reason::Tombstone);
    send_answer(cx, io, flow, &tombstone);
    cx.schedule(tombstone.repeat_at, slot, Timer::Refusal);
    flow.state = State::Tombstone(Box::new(tombstone));
}

fn send_answer<I: Io>(cx: &mut Context, io: &mut I, flow: &mut Flow<I::Buf>, t: &Tombstone) {
    let flags = Flags::ACK | Flags::PSH | Flags::FIN;
    // From what the client lacks on, as any sender: some receivers take no FIN from behind bytes that they have.
    let rest = t.answer.get(t.acked.wrapping_sub(t.seq) as usize..).unwrap_or_default();
    let say = segment::in_place_of(flow, Dir::ToClient, flags, rest);
    speak(cx, io, flow, Dir::ToClient, &Say { seq: t.acked, ack: t.client_next, ..say });
}

/// Sends a packet in the place of the sender of `dir`.
fn speak<I: Io>(cx: &mut Context, io: &mut I, flow: &mut Flow<I::Buf>, dir: Dir, say: &Say<'_>) {
    let way_out = flow.way_out(dir);
    let template = match &flow.lane(dir).template {
        Some(t) => t.clone(),
        // Nothing was ever seen of this end: the other end's headers, turned round.
        None => match flow.lane(dir.reverse()).template.as_ref().map(|t| t.reversed()) {
            Some(t) => t,
            None => return,
        },
    };
    let Some(mut buf) = io.alloc() else { return };
    if template.write(&mut buf, say) {
        cx.originate(io, way_out, buf);
    } else {
        io.free(buf);
    }
}

/// Sends a reset to the receiver of `dir`, with the number that it expects.
fn reset_end<I: Io>(cx: &mut Context, io: &mut I, flow: &mut Flow<I::Buf>, dir: Dir) {
    let say = segment::in_place_of(flow, dir, Flags::RST | Flags::ACK, &[]);
    // A reset carries no timestamp (RFC 7323 §3.2 makes it optional, and a stale one would be refused).
    speak(cx, io, flow, dir, &Say { window: 0, timestamps: None, ..say });
}

/// Resets both ends; nothing passes any more.
pub fn reset_both<I: Io>(cx: &mut Context, io: &mut I, flow: &mut Flow<I::Buf>, why: Reason) {
    if !cx.settings.passive {
        cx.counters.resets += 1;
        reset_end(cx, io, flow, Dir::ToServer);
        reset_end(cx, io, flow, Dir::ToClient);
    }
    release::drop_waiting(cx, io, flow, why);
    flow.refusal = None;
    flow.state = State::Cut(why);
}

/// A packet of a flow that was reset: its sender may have missed the reset.
pub fn cut<I: Io>(
    cx: &mut Context,
    io: &mut I,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    why: Reason,
    a: Arriving<I>,
) {
    // A policy that says "drop" wants silence (`ExceptionDrop` after `Action::Drop` has no template to speak with
    // only if nothing was seen; the reason tells the two apart).
    if why == Reason::Blocked && !cx.settings.passive {
        challenge(cx, io, flow, dir, &a.packet);
    }
    cx.finish(io, flow.way_out(dir), a.buf, why);
}

/// Answers whatever comes from a side that thinks the connection is open with the reset that it will believe: the
/// number that its own packet acknowledges (RFC 9293 §3.10.7.1, RFC 5961 §3.2).
fn challenge<I: Io>(cx: &mut Context, io: &mut I, flow: &mut Flow<I::Buf>, dir: Dir, p: &Packet) {
    if p.flags.has(Flags::RST) || !p.flags.has(Flags::ACK) {
        return;
    }
    let say = Say { seq: p.ack, flags: Flags::RST, ..Say::default() };
    speak(cx, io, flow, dir.reverse(), &say);
}

/// A packet of a flow that Weir has answered.
pub fn handle<I: Io>(
    cx: &mut Context,
    io: &mut I,
    now: Time,
    slot: Slot,
    flow: &mut Flow<I::Buf>,
    dir: Dir,
    a: Arriving<I>,
) {
    let p = a.packet.clone();
    cx.finish(io, flow.way_out(dir), a.buf, Reason::Tombstone);
    if dir == Dir::ToClient {
        // Late data of the server, or its challenge to our reset.
        return challenge(cx, io, flow, dir, &p);
    }
    let State::Tombstone(t) = &mut flow.state else { return };
    if p.flags.has(Flags::RST) {
        flow.closed = true;
        return;
    }
    let end = p.seq.wrapping_add(p.seq_len());
    let news = end.wrapping_sub(t.client_next) as i32;
    if news > 0 && p.seq.wrapping_sub(t.client_next) as i32 <= 0 {
        t.client_next = end;
        t.client_fin |= p.flags.has(Flags::FIN);
    }
    if p.flags.has(Flags::ACK) && p.ack.wrapping_sub(t.acked) <= t.end.wrapping_sub(t.acked) {
        t.acked = p.ack;
    }
    if t.acked == t.end && t.client_fin && !t.over {
        t.over = true;
        t.dies_at = t.dies_at.min(now + LINGER.max(2 * t.rto));
        cx.schedule(t.dies_at, slot, Timer::Refusal);
    }
    if p.seq_len() > 0 {
        let (seq, ack) = (t.acked, t.client_next);
        let say = segment::in_place_of(flow, Dir::ToClient, Flags::ACK, &[]);
        speak(cx, io, flow, Dir::ToClient, &Say { seq, ack, ..say });
    }
}

/// A refusal has waited long enough, or a tombstone repeats its answer or ends.
pub fn due<I: Io>(cx: &mut Context, io: &mut I, now: Time, slot: Slot, flow: &mut Flow<I::Buf>) {
    if flow.refusal.as_ref().is_some_and(|r| r.deadline <= now) {
        return reset_both(cx, io, flow, Reason::Blocked);
    }
    let State::Tombstone(t) = &mut flow.state else { return };
    if t.dies_at <= now {
        flow.closed = true;
        // A server that missed the reset and is idle would never know.
        return reset_end(cx, io, flow, Dir::ToServer);
    }
    if t.acked == t.end {
        return cx.schedule(t.dies_at, slot, Timer::Refusal);
    }
    if t.repeat_at > now {
        return;
    }
    t.rto *= 2;
    t.repeat_at = now + t.rto;
    let next = t.repeat_at.min(t.dies_at);
    // The flow speaks while its tombstone is read.
    let answer = std::mem::take(&mut t.answer);
    let mut copy = Tombstone { answer, ..**t };
    send_answer(cx, io, flow, &copy);
    if let State::Tombstone(t) = &mut flow.state {
        t.answer = std::mem::take(&mut copy.answer);
    }
    cx.schedule(next, slot, Timer::Refusal);
}
