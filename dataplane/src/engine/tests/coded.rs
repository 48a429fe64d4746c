//! Content codings: what is found behind them, and what follows from it.

use std::io::Write as _;

use super::*;

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

fn gzip(content: &str) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    to.write_all(content.as_bytes()).unwrap();
    to.finish().unwrap()
}

fn coded(start_line: &str, coding: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{start_line}\r\nHost: a\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Lines that compress badly, so that a body has many segments.
fn filler(lines: u64) -> String {
    (1..=lines).map(|i| format!("{:x}\n", i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect()
}

fn asked(policy: &str) -> Play {
    let mut p = Play::open(policy);
    p.say(Dir::ToServer, GET);
    p.take();
    p
}

fn say_in_pieces(p: &mut Play, dir: Dir, message: &[u8], size: usize) -> Vec<u8> {
    let mut seen = Vec::new();
    for piece in message.chunks(size) {
        p.say(dir, piece);
        seen.extend(
            p.take().into_iter().filter(|(d, ..)| *d == dir).flat_map(|(_, _, bytes)| bytes),
        );
    }
    seen
}

#[test]
fn a_clean_answer_passes_as_it_is() {
    let answer = coded("HTTP/1.1 200 OK", "gzip", &gzip(&filler(400)));
    for size in [1, 100, 1448] {
        let mut p = asked(MASK);
        assert!(say_in_pieces(&mut p, Dir::ToClient, &answer, size) == answer, "by {size}");
        assert!(p.engine.counters().decoded_bytes > 5_000);
        assert_eq!(p.engine.counters().unread_encoded_bytes, 0);
    }
}

#[test]
fn an_answer_with_a_leak_can_not_be_masked_and_is_refused() {
    let body = gzip(r#"{"card":"4111 1111 1111 1111"}"#);
    for coding in ["gzip", "x-gzip", "identity, GZip"] {
        let mut p = asked(MASK);
        p.say(Dir::ToClient, coded("HTTP/1.1 200 OK", coding, &body));
        p.ack(Dir::ToServer);
        assert!(p.bytes(Dir::ToClient).starts_with("HTTP/1.1 403"), "{coding}");
        assert_eq!(p.engine.counters().findings, 1);
    }
}

#[test]
fn wherever_it_is_cut_the_end_of_a_leak_stays_here() {
    let content = format!("{}card: 4111111111111111.\n{}", filler(200), filler(200));
    let answer = coded("HTTP/1.1 200 OK", "gzip", &gzip(&content));
    for size in [1, 7, 300, 1448] {
        let mut p = asked(MASK);
        let seen = say_in_pieces(&mut p, Dir::ToClient, &answer, size);
        let body =
            seen.windows(4).position(|w| w == b"\r\n\r\n").map_or(&[][..], |at| &seen[at + 4..]);
        let mut read = Vec::new();
        let mut from = flate2::write::GzDecoder::new(&mut read);
        let _ = from.write_all(body).and_then(|()| from.flush());
        drop(from);
        let read = String::from_utf8_lossy(&read);
        assert!(!read.contains("411111111111"), "by {size}");
        assert!(seen.len() < answer.len(), "by {size}: it was cut off");
    }
}

#[test]
fn an_attack_in_a_coded_upload_is_refused() {
    let body = gzip("comment=<script>alert(document.cookie)</script>");
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, coded("POST /x HTTP/1.1", "gzip", &body));
    p.ack(Dir::ToClient);
    assert!(p.bytes(Dir::ToClient).starts_with("HTTP/1.1 403"));
}

#[test]
fn a_leak_in_a_coded_message_of_grpc_is_refused_also_in_base64() {
    let field = b"\x0a\x104111111111111111";
    let to = gzip(std::str::from_utf8(field).unwrap());
    let coded = [&[1, 0, 0, 0, to.len() as u8][..], &to].concat();
    let plain = [&[0, 0, 0, 0, field.len() as u8][..], field].concat();
    // RFC 4648 by hand, unpadded: what encodes is not what decodes.
    for (fields, body) in [
        ("Content-Type: application/grpc-web+proto\r\ngrpc-encoding: gzip", coded.clone()),
        ("Content-Type: application/grpc-web-text", base64(&plain)),
        ("Content-Type: application/grpc-web-text+proto\r\ngrpc-encoding: gzip", base64(&coded)),
    ] {
        for size in [1, 1448] {
            let mut p = asked(MASK);
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: {length}\r\n\r\n");
            let answer = [head.as_bytes(), &body].concat();
            let seen = say_in_pieces(&mut p, Dir::ToClient, &answer, size);
            assert_eq!(p.engine.counters().findings, 1, "{fields} by {size}");
            assert!(!seen.ends_with(&body), "{fields} by {size}");
            assert_eq!(p.engine.counters().exception_undecodable, 0);
        }
    }
}

#[test]
fn a_leak_in_an_office_document_is_refused_and_an_encrypted_one_is_undecodable() {
    let text = "<w:t>card 4111111111111111</w:t>";
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    deflated.write_all(text.as_bytes()).unwrap();
    let deflated = deflated.finish().unwrap();
    let entry = |flags: u8, method: u8, content: &[u8]| {
        let header = [b'P', b'K', 3, 4, 20, 0, flags, 0, method, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let size = (content.len() as u32).to_le_bytes();
        [&header[..], &size, &size, &[1, 0, 0, 0], b"w", content].concat()
    };
    let clean = entry(0, 0, b"nothing");
    for (body, findings, undecodable) in [
        ([&clean[..], &entry(0, 8, &deflated)].concat(), 1, 0),
        ([&clean[..], &entry(0, 0, text.as_bytes())].concat(), 1, 0),
        ([&clean[..], &entry(1, 8, &deflated)].concat(), 0, 1),
    ] {
        let kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut p = asked(MASK);
        p.say(Dir::ToClient, [head.as_bytes(), &body].concat());
        p.ack(Dir::ToServer);
        assert!(p.bytes(Dir::ToClient).starts_with("HTTP/1.1 403"));
        let counters = p.engine.counters();
        assert_eq!((counters.findings, counters.exception_undecodable), (findings, undecodable));
    }
}

#[test]
fn what_is_no_such_coding_follows_the_exception() {
    for coding in ["gzip", "compress", "br", "gzip, gzip, gzip, gzip, gzip"] {
        let mut p = asked(MASK);
        p.say(Dir::ToClient, coded("HTTP/1.1 200 OK", coding, b"no such coding at all"));
        p.ack(Dir::ToServer);
        assert!(p.bytes(Dir::ToClient).starts_with("HTTP/1.1 403"), "{coding}");
        assert_eq!(p.engine.counters().exception_undecodable, 1, "{coding}");
    }
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |i: usize| bytes.get(i / 8).map_or(0, |b| usize::from(b >> (7 - i % 8) & 1));
    let digit = |at: usize| (at..at + 6).fold(0, |value, i| value << 1 | bit(i));
    (0..bytes.len() * 8).step_by(6).map(|at| LETTERS[digit(at)]).collect()
}

/// A form with a text and a file.
fn form(file: &[u8]) -> Vec<u8> {
    let head = "--b\r\nContent-Disposition: form-data; name=note\r\n\r\ncall 4111 1111 1111 1111 now\r\n--b\r\n\
                Content-Disposition: form-data; name=doc; filename=a.docx\r\n\r\n";
    let body = [head.as_bytes(), file, b"\r\n--b--\r\n"].concat();
    let length = body.len();
    let head = format!(
        "POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.into_bytes(), body].concat()
}

/// An archive of one stored entry.
fn stored(content: &str) -> Vec<u8> {
    let size = (content.len() as u32).to_le_bytes();
    let header =
        [&b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0"[..], &[0; 4], &size, &size, &[1, 0, 0, 0], b"f"]
            .concat();
    [header, content.as_bytes().to_vec(), b"PK\x01\x02".to_vec()].concat()
}

#[test]
fn a_file_in_a_form_is_read_and_what_stands_beside_it_is_masked_in_place() {
    const POLICY: &str = "version: 1\nmode: enforce\nrules:\n  \
        - {name: m, direction: request, detect: [payment-card, us-ssn], action: mask}\n";
    // A file that holds nothing, in each coding: the text beside it is masked as ever.
    let in_each = |content: &str| [stored(content), base64(&stored(content)), gzip(content)];
    for size in [1, 11, 100, 5000] {
        for file in in_each("nothing of interest") {
            let mut p = Play::open(POLICY);
            let sent = form(&file);
            for piece in sent.chunks(size) {
                p.say(Dir::ToServer, piece);
            }
            let came: Vec<u8> =
                p.take().into_iter().filter(|t| t.0 == Dir::ToServer).flat_map(|t| t.2).collect();
            assert_eq!(came.len(), sent.len(), "by {size}");
            assert!(came.ends_with(&[&file[..], b"\r\n--b--\r\n"].concat()), "the file as it was");
            let text = String::from_utf8_lossy(&came);
            assert!(text.contains("call ") && !text.contains("4111 1111 1111 1111"), "{text}");
        }
        // What is found in it can't be masked, so the request is refused.
        for file in in_each("her number is SSN 536-90-4399 you know") {
            let mut p = Play::open(POLICY);
            for piece in form(&file).chunks(size) {
                p.say(Dir::ToServer, piece);
            }
            p.wait(1100);
            let came: Vec<u8> =
                p.take().into_iter().filter(|t| t.0 == Dir::ToServer).flat_map(|t| t.2).collect();
            assert!(!came.ends_with(b"--b--\r\n"), "by {size}");
            assert!(p.engine.counters().blocked + p.engine.counters().resets > 0, "by {size}");
        }
    }
}

#[test]
fn a_part_in_a_transfer_encoding_is_masked_in_it() {
    const POLICY: &str = "version: 1\nmode: enforce\nrules:\n  \
        - {name: m, direction: request, detect: [payment-card], action: mask}\n";
    let part = |coding: &str, content: &str| {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=note\r\nContent-Transfer-Encoding: {coding}\r\n\r\n{content}\r\n--b--\r\n"
        );
        format!(
            "POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: Multipart/Mixed; boundary=b\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let text = |card: &str| {
        format!("Dear Ms. M\u{fc}ller, these are the digits you have asked for: \"{card}\". Yours")
    };
    let lines = |card: &str| {
        let coded = base64(text(card).as_bytes());
        let lines: Vec<_> = coded.chunks(76).map(String::from_utf8_lossy).collect();
        lines.join("\r\n")
    };
    let (card, stars) = ("4111111111111111", "*".repeat(16));
    for (coding, content, wanted) in [
        ("base64", lines(card), lines(&stars)),
        (
            "quoted-printable",
            "digits: \"=34=31=31=31111=\r\n111111111\"".into(),
            "digits: \"=2a=2a=2a=2a***=\r\n*********\"".into(),
        ),
    ] {
        let (sent, wanted) = (part(coding, &content), part(coding, &wanted));
        for size in [1, 11, 100, 5000] {
            let mut p = Play::open(POLICY);
            let came = say_in_pieces(&mut p, Dir::ToServer, sent.as_bytes(), size);
            assert_eq!(String::from_utf8_lossy(&came), wanted, "{coding} by {size}");
        }
    }
}

#[test]
fn text_in_utf_16_is_read_as_its_receiver_reads_it() {
    let said = |dir: Dir, kind: &str, text: &str, big_endian: bool| -> Vec<u8> {
        let bytes = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
        let body: Vec<u8> = text.encode_utf16().flat_map(bytes).collect();
        let start = if dir == Dir::ToServer { "POST /x HTTP/1.1" } else { "HTTP/1.1 200 OK" };
        let length = body.len();
        let head = format!(
            "{start}\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        );
        [head.into_bytes(), body].concat()
    };
    let (card, attack) = (
        r#"{"card":"4111111111111111","n":1}"#,
        r#"{"q":"<script>alert(document.cookie)</script>"}"#,
    );
    for (kind, mark) in [("application/json", ""), ("text/xml; charset=UTF-16", "\u{feff}")] {
        for (size, big_endian) in
            [1, 2, 3, 7, 1448].into_iter().flat_map(|n| [(n, false), (n, true)])
        {
            let what = format!("{kind} by {size}, big endian: {big_endian}");
            let sent = said(Dir::ToClient, kind, &format!("{mark}{card}"), big_endian);
            let mut p = asked(MASK);
            let seen = say_in_pieces(&mut p, Dir::ToClient, &sent, size);
            assert_eq!(p.engine.counters().findings, 1, "{what}");
            assert!(seen.len() < sent.len() || seen.starts_with(b"HTTP/1.1 403"), "{what}");
            let sent = said(Dir::ToServer, kind, &format!("{mark}{attack}"), big_endian);
            let mut p = Play::open(MASK);
            let seen = say_in_pieces(&mut p, Dir::ToServer, &sent, size);
            assert!(seen.len() < sent.len(), "{what}");
            assert!(p.engine.counters().findings > 0, "{what}");
            // What holds nothing passes as it is.
            let sent = said(Dir::ToServer, kind, &format!("{mark}{{\"n\":1}}"), big_endian);
            let mut p = Play::open(MASK);
            assert_eq!(say_in_pieces(&mut p, Dir::ToServer, &sent, size), sent, "{what}");
        }
    }
}

#[test]
fn what_only_begins_like_utf_16_is_read_as_the_bytes_that_it_is() {
    let body = "x\0=1&q=<script>alert(document.cookie)</script>";
    let kind = "application/x-www-form-urlencoded";
    let length = body.len();
    let head = format!(
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, head + body);
    p.ack(Dir::ToClient);
    assert!(p.bytes(Dir::ToClient).starts_with("HTTP/1.1 403"));
}
