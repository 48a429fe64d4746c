//! HTTP/1: masks, holds, refusals.

use super::*;

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

fn response(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_card_in_one_segment_is_masked_and_everything_else_stays() {
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, GET);
    assert_eq!(p.bytes(Dir::ToServer), GET);
    let text = response(r#"{"card":"4111 1111 1111 1111","n":1}"#);
    p.say(Dir::ToClient, &text);
    let seen = p.bytes(Dir::ToClient);
    assert_eq!(seen, text.replace("4111 1111 1111 1111", "**** **** **** ****"));
}

#[test]
fn wherever_a_card_is_cut_no_piece_of_it_leaves() {
    let text = response(r#"{"card":"4111111111111111","n":1}"#);
    let masked = text.replace("4111111111111111", "****************");
    for cut in 1..text.len() {
        let mut p = Play::open(MASK);
        p.say(Dir::ToServer, GET);
        p.take();
        p.say(Dir::ToClient, &text[..cut]);
        p.say(Dir::ToClient, &text[cut..]);
        assert_eq!(p.bytes(Dir::ToClient), masked, "cut at {cut}");
    }
}

#[test]
fn one_byte_writes_within_the_bound_are_masked_too() {
    let text = response(r#"{"card":"4111111111111111","n":1}"#);
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, GET);
    p.take();
    for b in text.as_bytes() {
        p.say(Dir::ToClient, [*b]);
    }
    assert_eq!(p.bytes(Dir::ToClient), text.replace("4111111111111111", "****************"));
}

#[test]
fn a_tail_is_released_at_the_bound_and_the_rest_masked_when_the_match_completes() {
    let text = response(r#"{"card":"4111111111111111","n":1}"#);
    let at = text.find("4111").unwrap() + 6;
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, GET);
    p.take();
    p.say(Dir::ToClient, &text[..at]);
    assert_eq!(p.bytes(Dir::ToClient), text[..at - 6]);
    p.wait(6);
    assert_eq!(p.bytes(Dir::ToClient), "411111");
    assert_eq!(p.engine.counters().hold_expired, 1);
    p.say(Dir::ToClient, &text[at..]);
    assert_eq!(p.bytes(Dir::ToClient), text[at..].replace("1111111111", "**********"));
    assert_eq!(p.engine.counters().released_bytes, 6);
}

#[test]
fn a_retransmission_gets_the_masked_bytes_again_whatever_it_says() {
    let text = response(r#"{"card":"4111111111111111","n":1}"#);
    let masked = text.replace("4111111111111111", "****************");
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, GET);
    p.take();
    let start = p.seq.1;
    p.say(Dir::ToClient, &text);
    assert_eq!(p.bytes(Dir::ToClient), masked);
    let c = p.seq.0;
    p.packet(Dir::ToClient, start, c, Flags::ACK, text.as_bytes());
    p.packet(Dir::ToClient, start, c, Flags::ACK, "X".repeat(text.len()).as_bytes());
    assert_eq!(p.bytes(Dir::ToClient), [masked.clone(), masked].concat());
    assert_eq!(p.engine.counters().rewritten_retransmissions, 2);
}

#[test]
fn an_attack_is_answered_with_403_and_never_reaches_the_server() {
    let mut p = Play::open(MASK);
    let attack =
        "GET /?id=1%27%20UNION%20SELECT%20user,pass%20FROM%20users-- HTTP/1.1\r\nHost: a\r\n\r\n";
    p.say(Dir::ToServer, attack);
    let sent = p.take();
    let (to_server, to_client): (Vec<_>, Vec<_>) =
        sent.into_iter().partition(|t| t.0 == Dir::ToServer);
    assert_eq!(to_server.len(), 1);
    assert!(to_server[0].1.flags.has(Flags::RST));
    assert_eq!(to_server[0].1.seq, 1001, "exactly what the server expects");
    let answer = String::from_utf8_lossy(&to_client[0].2).into_owned();
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    assert!(to_client[0].1.flags.has(Flags::FIN));
    assert_eq!(to_client[0].1.ack, 1001 + attack.len() as u32);

    // The answer is lost: the client sends its request again, then Weir's timer fires.
    p.packet(Dir::ToServer, 1001, 0xffff_ff01, Flags::ACK, attack.as_bytes());
    assert!(p.take().iter().all(|t| t.0 == Dir::ToClient && t.2.is_empty()));
    p.wait(201);
    assert_eq!(p.bytes(Dir::ToClient), answer);
    // Acknowledged: the client's FIN is acknowledged, and the tombstone ends.
    let end = to_client[0].1.seq.wrapping_add(answer.len() as u32 + 1);
    p.packet(Dir::ToServer, 1001 + attack.len() as u32, end, Flags::ACK | Flags::FIN, b"");
    let last = p.take();
    assert_eq!((last.len(), last[0].1.ack), (1, 1002 + attack.len() as u32));
    p.wait(2000);
    assert_eq!(p.engine.flows(), 0);
}

#[test]
fn an_answer_that_arrived_in_part_is_repeated_from_there() {
    let mut p = Play::open(MASK);
    let attack = "GET /?f=../../../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n";
    p.say(Dir::ToServer, attack);
    let answer = p.bytes(Dir::ToClient);
    p.packet(Dir::ToServer, p.seq.0, p.seq.1.wrapping_add(20), Flags::ACK, b"");
    p.wait(201);
    let again = p.take();
    assert_eq!(again[0].1.seq, p.seq.1.wrapping_add(20));
    assert_eq!(again[0].2, answer.as_bytes()[20..]);
    assert!(again[0].1.flags.has(Flags::FIN));
}

#[test]
fn a_tombstone_waits_for_the_client_to_end_and_resets_the_server_once_more() {
    let mut p = Play::open(MASK);
    let attack = "GET /?f=../../../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n";
    p.say(Dir::ToServer, attack);
    let answer = p.bytes(Dir::ToClient).len() as u32;
    p.seq.1 = p.seq.1.wrapping_add(answer + 1);
    p.ack(Dir::ToServer);
    p.wait(5_000);
    p.say(Dir::ToServer, GET);
    assert_eq!(p.take()[0].1.ack, p.seq.0, "what comes late is acknowledged");
    let (c, s) = p.seq;
    p.packet(Dir::ToServer, c, s, Flags::FIN | Flags::ACK, b"");
    p.wait(900);
    assert_eq!((p.take().len(), p.engine.flows()), (1, 1));
    p.wait(200);
    let last = p.take();
    assert!(last[0].0 == Dir::ToServer && last[0].1.flags.has(Flags::RST) && last[0].1.seq == 1001);
    assert_eq!(p.engine.flows(), 0);
}

#[test]
fn late_packets_of_the_server_are_answered_by_an_exact_reset() {
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, "GET /?f=../../../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n");
    p.take();
    p.packet(Dir::ToClient, 0xffff_ff01, 1234, Flags::ACK, b"late");
    let sent = p.take();
    assert_eq!((sent.len(), sent[0].0, sent[0].1.seq), (1, Dir::ToServer, 1234));
    assert!(sent[0].1.flags.has(Flags::RST));
}

#[test]
fn a_pipelined_attack_waits_for_the_responses_before_it() {
    let mut p = Play::open(MASK);
    let attack = "GET /?f=../../../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n";
    p.say(Dir::ToServer, [GET, attack].concat());
    assert_eq!(p.bytes(Dir::ToServer), GET, "only the innocent request passes");
    // The server knows nothing of the second request.
    let text = response("fine");
    p.packet(Dir::ToClient, 0xffff_ff01, 1001 + GET.len() as u32, Flags::ACK, text.as_bytes());
    assert_eq!(p.bytes(Dir::ToClient), text);
    p.seq.1 = p.seq.1.wrapping_add(text.len() as u32);
    p.ack(Dir::ToServer);
    assert!(p.bytes(Dir::ToClient).starts_with("HTTP/1.1 403"));
}

#[test]
fn a_refusal_that_waits_too_long_resets_both_ends() {
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, [GET, "GET /?f=../../../../etc/passwd HTTP/1.1\r\n\r\n"].concat());
    p.take();
    p.wait(1001);
    let sent = p.take();
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|t| t.1.flags.has(Flags::RST)));
}

#[test]
fn codings_and_ranges_are_blanked_where_a_body_rule_may_act() {
    let mut p = Play::open(MASK);
    let get = "GET /x HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, br\r\nRange: bytes=3-9\r\n\r\n";
    p.say(Dir::ToServer, get);
    let expected = get.replace("gzip, br", "        ").replace("bytes=3-9", "         ");
    assert_eq!(p.bytes(Dir::ToServer), expected);
}

#[test]
fn a_compressed_answer_is_refused_in_enforce() {
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, GET);
    p.take();
    p.say(
        Dir::ToClient,
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nXXXX",
    );
    p.ack(Dir::ToServer);
    assert!(p.bytes(Dir::ToClient).starts_with("HTTP/1.1 403"));
    assert_eq!(p.engine.counters().exception_undecodable, 1);
}

#[test]
fn a_head_in_pieces_is_held_then_released_and_never_completed_if_refused() {
    let mut p = Play::open(MASK);
    let attack = "GET /?f=../../../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n";
    p.say(Dir::ToServer, &attack[..20]);
    assert_eq!(p.bytes(Dir::ToServer), "", "an unfinished head is held");
    p.wait(6);
    assert_eq!(p.bytes(Dir::ToServer), attack[..20], "but not for ever");
    p.say(Dir::ToServer, &attack[20..]);
    assert_eq!(p.bytes(Dir::ToServer), "", "its end never comes");
}

#[test]
fn events_name_the_rule_and_never_the_value() {
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, GET);
    p.say(Dir::ToClient, response(r#"{"card":"4111111111111111"}"#));
    let events: Vec<_> = std::iter::from_fn(|| p.engine.poll_event()).collect();
    let leak = events
        .iter()
        .find_map(|e| match &e.body {
            Some(weir_proto::event::Body::Leak(l)) => l.finding.clone(),
            _ => None,
        })
        .expect("a leak event");
    assert_eq!((leak.rule.as_str(), leak.detector.as_str()), ("mask", "payment-card"));
    assert!(leak.enforced && !leak.sample.contains("11111111"), "{leak:?}");
    assert!(!format!("{events:?}").contains("4111111111111111"));
}

#[test]
fn a_blocked_response_of_which_nothing_has_left_is_a_403() {
    let policy = MASK.replace("action: mask", "action: block");
    let mut p = Play::open(&policy);
    p.say(Dir::ToServer, GET);
    p.say(Dir::ToClient, response(r#"{"card":"4111111111111111"}"#));
    p.ack(Dir::ToServer);
    let seen = p.bytes(Dir::ToClient);
    assert!(seen.starts_with("HTTP/1.1 403"), "{seen}");
}

#[test]
fn a_blocked_response_that_has_begun_is_reset() {
    let policy = MASK.replace("action: mask", "action: block");
    let mut p = Play::open(&policy);
    p.say(Dir::ToServer, GET);
    let text = response(r#"{"card":"4111111111111111"}"#);
    p.say(Dir::ToClient, &text[..text.len() - 20]);
    p.say(Dir::ToClient, &text[text.len() - 20..]);
    let sent = p.take();
    let resets = sent.iter().filter(|t| t.1.flags.has(Flags::RST)).count();
    assert_eq!(resets, 2, "both ends");
    assert!(!sent.iter().any(|t| String::from_utf8_lossy(&t.2).contains("4111111")));
}

#[test]
fn without_a_buffer_to_part_it_from_the_response_before_it_a_blocked_one_is_reset() {
    let policy = MASK.replace("action: mask", "action: block");
    let mut p = Play::open(&policy);
    p.say(Dir::ToServer, [GET, GET].concat());
    p.take();
    let first = response("{}");
    p.say(Dir::ToClient, &first[..7]);
    // The unfinished header section leaves when its hold ends.
    p.wait(10);
    p.ack(Dir::ToServer);
    assert_eq!(p.bytes(Dir::ToClient), first[..7]);
    p.wire.starved = 1;
    p.say(Dir::ToClient, format!("{}{}", &first[7..], response(r#"{"card":"4111111111111111"}"#)));
    p.wait(2000);
    let sent = p.take();
    assert!(sent.iter().all(|t| t.2.is_empty()), "{sent:?}");
    assert_eq!(sent.iter().filter(|t| t.1.flags.has(Flags::RST)).count(), 2, "both ends");
}

#[test]
fn framing_between_two_pieces_of_a_card_does_not_let_the_first_go() {
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, GET);
    p.take();
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n41111111";
    p.say(Dir::ToClient, head);
    p.say(Dir::ToClient, "\r\n");
    p.say(Dir::ToClient, "9\r");
    assert!(p.bytes(Dir::ToClient).ends_with("8\r\n"), "the digits wait");
    p.say(Dir::ToClient, "\n11111111 \r\n0\r\n\r\n");
    assert_eq!(p.bytes(Dir::ToClient), "********\r\n9\r\n******** \r\n0\r\n\r\n".replace('*', "9"));
}

#[test]
fn a_flow_picked_up_in_its_middle_goes_on_and_is_inspected_from_its_next_request() {
    let mut p = Play::open(MASK);
    let (client, server) = ("10.0.0.1:5555", "10.0.0.2:80");
    let send = |p: &mut Play, to_server: bool, seq, ack, payload: &str| {
        let (a, b, side) =
            if to_server { (client, server, Side::A) } else { (server, client, Side::B) };
        let f = frame(a, b, seq, ack, Flags::ACK, payload.as_bytes());
        p.engine.handle(&mut p.wire, p.now, side, f);
        p.take().len()
    };
    assert_eq!(send(&mut p, true, 500, 900, GET), 1);
    // The client acknowledges bytes that passed before Weir looked, and an old segment comes again.
    assert_eq!(send(&mut p, true, 500 + GET.len() as u32, 950, ""), 1);
    assert_eq!(send(&mut p, true, 400, 950, "older bytes"), 1);
    let text = response(r#"{"card":"4111111111111111"}"#);
    let f = frame(server, client, 950, 500 + GET.len() as u32, Flags::ACK, text.as_bytes());
    p.engine.handle(&mut p.wire, p.now, Side::B, f);
    assert!(p.bytes(Dir::ToClient).contains(r#""****************""#));
}

#[test]
fn a_match_that_only_lacks_what_follows_it_does_not_leave_whole() {
    let text = response(r#"{"card":"4111111111111111","n":1}"#);
    let end = text.find("4111").unwrap() + 16;
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, GET);
    p.take();
    p.say(Dir::ToClient, &text[..end]);
    p.wait(6);
    p.say(Dir::ToClient, &text[end..]);
    assert_eq!(p.bytes(Dir::ToClient), text.replace("4111111111111111", "****************"));
    assert_eq!((p.engine.counters().hold_expired, p.engine.counters().masked), (1, 1));
}

#[test]
fn a_token_goes_on_after_its_tail_was_released() {
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlc2lnbmF0dXJl";
    let text = response(&format!(r#"{{"token":"{token}"}}"#));
    let at = text.find("eyJ").unwrap();
    for cut in at + 40..at + token.len() {
        let mut p = Play::open(MASK);
        p.say(Dir::ToServer, GET);
        p.take();
        p.say(Dir::ToClient, &text[..cut]);
        p.wait(6);
        p.say(Dir::ToClient, &text[cut..]);
        let heard = p.bytes(Dir::ToClient);
        assert_eq!(heard, text.replace(token, &"*".repeat(token.len())), "cut at {cut}");
    }
}

#[test]
fn an_attack_in_a_request_body_is_refused_before_any_of_it_reaches_the_server() {
    let mut p = Play::open(MASK);
    let body = "id=1' UNION SELECT user,pass FROM users--";
    let post =
        format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    p.say(Dir::ToServer, post);
    let sent = p.take();
    assert!(sent.iter().all(|t| t.0 == Dir::ToClient || t.1.flags.has(Flags::RST)), "{sent:?}");
    assert!(sent.iter().any(|t| t.2.starts_with(b"HTTP/1.1 403")));
}

/// A response with this entity-tag, and a card in its body.
fn tagged(tag: &str) -> String {
    let body = r#"{"card":"4111111111111111","n":1}"#;
    format!("HTTP/1.1 200 OK\r\nETag: {tag}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The entity-tag that the client gets with it, its bytes coming in pieces of this size.
fn tag_seen(policy: &str, tag: &str, piece: usize) -> String {
    let mut p = Play::open(policy);
    p.say(Dir::ToServer, GET);
    p.take();
    let text = tagged(tag);
    text.as_bytes().chunks(piece).for_each(|bytes| p.say(Dir::ToClient, bytes));
    let seen = p.bytes(Dir::ToClient);
    assert!(seen.len() == text.len() && seen.contains(r#"{"card":"****************","n":1}"#));
    let counters = p.engine.counters();
    assert_eq!(counters.etags_changed + counters.etags_kept, 1);
    let seen = seen.lines().find_map(|l| l.strip_prefix("ETag: ")).unwrap().to_owned();
    assert_eq!(counters.etags_changed == 1, seen != tag);
    seen
}

#[test]
fn the_tag_of_a_masked_body_is_another_one() {
    let strong = tag_seen(MASK, "\"5e8c-1a2b\"", 1000);
    assert!(strong != "\"5e8c-1a2b\"" && strong.len() == 11 && strong.starts_with('"'));
    assert_eq!(tag_seen(MASK, "\"5e8c-1a2b\"", 1000), strong, "the same once more");
    assert_ne!(tag_seen(&format!("{MASK}# another\n"), "\"5e8c-1a2b\"", 1000), strong);
    let weak = tag_seen(MASK, "W/\"5e8c-1a2b\"", 1000);
    assert_eq!(weak.strip_prefix("W/"), Some(strong.as_str()));
    assert_eq!(tag_seen(MASK, "\"--\"", 1000), "\"--\"");
}

#[test]
fn a_tag_that_has_left_stays() {
    assert_eq!(tag_seen(MASK, "\"5e8c\"", tagged("\"5e8c\"").find("card").unwrap()), "\"5e8c\"");
}

#[test]
fn the_tag_of_a_body_without_a_match_stays() {
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, GET);
    p.take();
    let text = tagged("\"5e8c\"").replace("4111", "4112");
    p.say(Dir::ToClient, &text);
    assert_eq!(p.bytes(Dir::ToClient), text);
    assert_eq!((p.engine.counters().etags_changed, p.engine.counters().etags_kept), (0, 0));
}
