//! TCP: order, retransmission, resets, options.

use super::*;

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn early_segments_wait_for_the_gap_and_leave_in_order() {
    let mut p = Play::open(MASK);
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcdefghi";
    p.say(Dir::ToServer, GET);
    p.take();
    let (s, c) = (p.seq.1, p.seq.0);
    let piece = |p: &mut Play, from: usize, to: usize| {
        p.packet(
            Dir::ToClient,
            s.wrapping_add(from as u32),
            c,
            Flags::ACK,
            &text.as_bytes()[from..to],
        );
    };
    piece(&mut p, 40, text.len());
    piece(&mut p, 30, 40);
    piece(&mut p, 35, 45); // overlaps both
    assert_eq!(p.bytes(Dir::ToClient), "");
    piece(&mut p, 0, 32);
    assert_eq!(p.bytes(Dir::ToClient), text);
}

#[test]
fn bytes_on_both_sides_of_what_was_seen_are_split() {
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, GET);
    p.take();
    let (s, c) = (p.seq.1, p.seq.0);
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcdefghi";
    p.packet(Dir::ToClient, s, c, Flags::ACK, &text.as_bytes()[..20]);
    p.take();
    // The sender sends it all again, in one, with another version of the old bytes.
    let mut again = text.to_owned();
    again.replace_range(9..12, "999");
    p.packet(Dir::ToClient, s, c, Flags::ACK, again.as_bytes());
    assert_eq!(p.bytes(Dir::ToClient), text);
}

#[test]
fn what_went_another_way_ends_in_the_midstream_exception_and_never_in_silence() {
    for (mode, resets) in [("enforce", 2), ("monitor", 0)] {
        let mut p = Play::open(&MASK.replace("enforce", mode));
        p.say(Dir::ToServer, GET);
        p.take();
        // 100 bytes of the server reached the client through the kernel's fallback.
        let (c, s) = p.seq;
        p.packet(Dir::ToServer, c, s.wrapping_add(100), Flags::ACK, b"");
        assert_eq!(p.take().len(), 1, "the server knows what it sent");
        p.packet(Dir::ToClient, s.wrapping_add(100), c, Flags::ACK, b"more");
        let sent = p.take();
        let reset = sent.iter().filter(|t| t.1.flags.has(Flags::RST)).count();
        assert_eq!(reset, resets, "{mode}");
        assert_eq!(sent.iter().any(|t| t.2 == b"more"), mode == "monitor");
        assert!(p.engine.counters().exception_midstream >= 1);
    }
}

#[test]
fn an_acknowledgement_beyond_any_window_is_dropped() {
    let mut p = Play::open(MASK);
    let (c, s) = p.seq;
    p.packet(Dir::ToServer, c, s.wrapping_add(1 << 21), Flags::ACK, b"");
    assert!(p.take().is_empty());
    assert_eq!(p.engine.counters().ended(crate::reason::Reason::OutOfWindow), 1);
}

#[test]
fn only_an_exact_reset_ends_the_flow() {
    let mut p = Play::open(MASK);
    let (c, s) = p.seq;
    p.packet(Dir::ToServer, c.wrapping_add(5), s, Flags::RST | Flags::ACK, b"");
    assert_eq!((p.take().len(), p.engine.flows()), (1, 1), "it passes, to be challenged");
    p.packet(Dir::ToServer, c, s, Flags::RST | Flags::ACK, b"");
    assert_eq!((p.take().len(), p.engine.flows()), (1, 0));
}

#[test]
fn a_close_in_order_forgets_the_flow() {
    let mut p = Play::open(MASK);
    let (c, s) = p.seq;
    p.packet(Dir::ToServer, c, s, Flags::FIN | Flags::ACK, b"");
    p.packet(Dir::ToClient, s, c + 1, Flags::FIN | Flags::ACK, b"");
    p.packet(Dir::ToServer, c + 1, s + 1, Flags::ACK, b"");
    assert_eq!((p.take().len(), p.engine.flows()), (3, 0));
}

#[test]
fn data_with_the_syn_is_data() {
    let mut p = Play::open(MASK);
    let attack = "GET /?f=../../../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n";
    p.engine.handle(
        &mut p.wire,
        p.now,
        Side::A,
        frame("10.0.0.1:40001", SERVER, 7, 0, Flags::SYN, attack.as_bytes()),
    );
    let sent = p.take();
    assert!(sent.iter().all(|t| !t.2.starts_with(b"GET")), "{sent:?}");
}

#[test]
fn a_service_of_nobody_is_not_inspected() {
    let policy = MASK.replace("rules:", "services: [{name: web, ports: [80]}]\nrules:");
    let policy = policy.replace("    direction:", "    services: [web]\n    direction:");
    let mut p = Play::open(&policy);
    let f = frame("10.0.0.1:5", "10.0.0.2:25", 7, 0, Flags::SYN, b"");
    p.engine.handle(&mut p.wire, p.now, Side::A, f);
    assert_eq!((p.take().len(), p.engine.flows()), (1, 1), "only the connection to port 80");
}

#[test]
fn a_corrupt_copy_is_not_the_first_version() {
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, GET);
    p.take();
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd";
    let mut corrupt = frame(
        SERVER,
        CLIENT,
        p.seq.1,
        p.seq.0,
        Flags::ACK,
        text.replace("abcd", "aXcd").as_bytes(),
    );
    let last = corrupt.len() - 3;
    corrupt[last] = b'Y';
    p.engine.handle(&mut p.wire, p.now, Side::B, corrupt);
    assert_eq!(p.bytes(Dir::ToClient), "");
    assert_eq!(p.engine.counters().ended(crate::reason::Reason::BadChecksum), 1);
    p.say(Dir::ToClient, text);
    assert_eq!(p.bytes(Dir::ToClient), text);
}

#[test]
fn a_keep_alive_behind_the_fin_is_no_data() {
    let mut p = Play::open(MASK);
    let (c, s) = p.seq;
    p.packet(Dir::ToServer, c, s, Flags::FIN | Flags::ACK, b"");
    p.packet(Dir::ToClient, s, c + 1, Flags::ACK, b"");
    p.take();
    p.packet(Dir::ToServer, c, s, Flags::ACK, b"\0");
    let sent = p.take();
    assert_eq!((sent.len(), sent[0].1.seq, sent[0].2.len()), (1, c, 0), "only its numbers pass");
    assert_eq!(p.engine.counters().resets, 0);
}

#[test]
fn early_segments_that_are_cut_otherwise_fill_each_others_gaps() {
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, GET);
    p.take();
    let (s, c) = (p.seq.1, p.seq.0);
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcdefghi";
    for range in [31..40, 30..47, 0..30] {
        let seq = s.wrapping_add(range.start as u32);
        p.packet(Dir::ToClient, seq, c, Flags::ACK, &text.as_bytes()[range]);
    }
    assert_eq!(p.bytes(Dir::ToClient), text);
}

#[test]
fn a_flow_that_was_cut_is_soon_forgotten() {
    let mut p = Play::open(MASK);
    p.say(
        Dir::ToServer,
        "GET /?id=1%27%20UNION%20SELECT%20user,pass%20FROM%20users-- HTTP/1.1\r\n",
    );
    p.say(Dir::ToServer, "Host: a\r\n\r\n");
    p.say(Dir::ToServer, GET);
    for _ in 0..40 {
        p.wait(1000);
    }
    assert_eq!(p.engine.flows(), 0);
}

#[test]
fn a_reset_that_may_have_been_believed_lets_the_flow_be_forgotten_soon() {
    let mut p = Play::open(MASK);
    let (c, s) = p.seq;
    p.packet(Dir::ToClient, s.wrapping_add(5), c, Flags::RST, b"");
    for _ in 0..40 {
        p.wait(1000);
    }
    assert_eq!(p.engine.flows(), 0);
    let mut p = Play::open(MASK);
    p.packet(Dir::ToClient, s.wrapping_add(5), c, Flags::RST, b"");
    p.packet(Dir::ToClient, s, c, Flags::ACK, b"");
    for _ in 0..40 {
        p.wait(1000);
    }
    assert_eq!(p.engine.flows(), 1, "its sender lives");
}

#[test]
fn what_a_closing_sender_may_repeat_stays_the_only_version_of_itself() {
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, GET);
    p.take();
    let (c, s) = p.seq;
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n4111111111111111";
    p.packet(Dir::ToClient, s, c, Flags::ACK | Flags::FIN, text.as_bytes());
    let masked = p.bytes(Dir::ToClient);
    assert_ne!(masked, text);
    // Its timer doubles: the next copy may come a minute later (RFC 6298 §5.5).
    for _ in 0..100 {
        p.wait(1000);
    }
    let other = text.replace("200", "404");
    p.packet(Dir::ToClient, s, c, Flags::ACK | Flags::FIN, other.as_bytes());
    assert_eq!(p.bytes(Dir::ToClient), masked);
    // Once all is acknowledged it is forgotten as soon as any that closes.
    p.packet(Dir::ToServer, c, s.wrapping_add(text.len() as u32 + 1), Flags::ACK, b"");
    for _ in 0..40 {
        p.wait(1000);
    }
    assert_eq!(p.engine.flows(), 0);
}

#[test]
fn what_is_acknowledged_has_no_other_version_after_the_inspection_ended() {
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, b"\x16\x03\x01\0\x20hello");
    p.ack(Dir::ToClient);
    p.take();
    let (c, s) = p.seq;
    p.packet(Dir::ToServer, c.wrapping_sub(5), s, Flags::ACK, b"HELLOmore");
    assert_eq!(p.bytes(Dir::ToServer), "\0\0\0\0\0more");
}

#[test]
fn only_a_veth_leaves_checksums_to_others() {
    for (partial_checksums, completed) in [(true, 1), (false, 0)] {
        let settings = EngineSettings { partial_checksums, ..Default::default() };
        let mut p = Play::open_with(MASK, settings);
        let mut f = frame(CLIENT, SERVER, p.seq.0, p.seq.1, Flags::ACK, b"GET ");
        let packet = packet::parse(&f).unwrap();
        let partial = packet.pseudo_sum(packet.end - packet.tcp).to_be_bytes();
        f[packet.checksum_at()..][..2].copy_from_slice(&partial);
        p.engine.handle(&mut p.wire, p.now, Side::A, f);
        let counters = p.engine.counters();
        let dropped = counters.ended(crate::reason::Reason::BadChecksum);
        assert_eq!((counters.completed_checksums, dropped), (completed, 1 - completed));
    }
}

#[test]
fn packets_that_wait_for_a_gap_in_silence_are_dropped() {
    let mut p = Play::open(MASK);
    let (c, s) = p.seq;
    p.packet(Dir::ToClient, s.wrapping_add(5), c, Flags::ACK, b"later");
    assert_eq!(p.engine.held(), 1);
    for _ in 0..40 {
        p.wait(1000);
    }
    assert_eq!((p.engine.held(), p.engine.flows(), p.wire.freed), (0, 1, 1));
}
