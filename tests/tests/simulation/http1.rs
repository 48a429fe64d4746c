//! HTTP/1 connections: kept alive, pipelined, chunked, refused.

use weir_tests::bodies::ATTACKS;
use weir_tests::rng::Rng;

use crate::content::{self, BLOCK, Content, MASK};
use crate::script::{Ending, Leave, Script};
use crate::stream::{Places, Stream};

/// A body, in one piece or in chunks (which may cut a secret).
fn body(rng: &mut Rng, stream: &mut Stream, content: &Content, chunked: bool) {
    let mut places = Places::of(content);
    let mut at = 0;
    while at < content.bytes.len() {
        let left = content.bytes.len() - at;
        let len = if chunked { (rng.range(1, 3_000) as usize).min(left) } else { left };
        if chunked {
            stream.push(format!("{len:x}\r\n").as_bytes());
        }
        stream.content(content, at..at + len, &mut places);
        if chunked {
            stream.push(b"\r\n");
        }
        at += len;
    }
    if chunked {
        let trailers = if rng.percent(20.0) { "X-Checked: yes\r\n" } else { "" };
        stream.push(format!("0\r\n{trailers}\r\n").as_bytes());
    }
    stream.hide(places);
}

/// A field whose value Weir overwrites with spaces.
fn blanked(stream: &mut Stream, name: &str, value: &str) {
    stream.push(format!("{name}: ").as_bytes());
    stream.blanked(value.as_bytes(), &b" ".repeat(value.len()));
    stream.push(b"\r\n");
}

/// A connection of one to eight requests.
pub fn script(rng: &mut Rng) -> Script {
    let count = rng.range(1, 8);
    let pipelined = rng.percent(40.0);
    let blocking = rng.percent(30.0);
    let attack = rng.percent(25.0).then(|| rng.range(0, count - 1));
    let (mut client, mut server) = (Stream::default(), Stream::default());
    let mut ending = Ending::Complete;
    let (mut to_server_fence, mut to_client_fence) = (None, None);
    let mut server_leaves = Leave::WhenDone;
    for i in 0..count {
        let begin = client.sent.len();
        let needs = if pipelined { 0 } else { server.sent.len() };
        if attack == Some(i) {
            let target = rng.choice(&ATTACKS);
            request(rng, &mut client, target, "GET", false);
            client.write(rng, begin, needs);
            to_server_fence = Some(client.sent.len());
            ending = Ending::Refused(server.sent.len());
            // What follows is never heard; it makes the refusal one in the middle of a pipeline.
            if rng.percent(50.0) {
                let begin = client.sent.len();
                request(rng, &mut client, "/after", "GET", false);
                client.write(rng, begin, needs);
            }
            break;
        }
        let method = rng.choice(&["GET", "GET", "POST", "HEAD"]);
        let last = i + 1 == count;
        request(rng, &mut client, "/orders/17?page=2", method, true);
        client.write(rng, begin, needs);
        let needs = client.sent.len();
        let begin = server.sent.len();
        let (final_head, until_close) = response(rng, &mut server, method, last);
        server.write(rng, begin, needs);
        if until_close {
            server_leaves = Leave::HalfClose;
        }
        if blocking && let Some(secret) = server.secrets.first() {
            to_client_fence = secret.pieces.last().map(|p| p.end);
            ending = Ending::Blocked(final_head);
            break;
        }
    }
    if blocking {
        // Nothing is masked: what arrives is what was sent.
        server.expected.clone_from(&server.sent);
    }
    let mut client_leaves = Leave::WhenDone;
    if ending == Ending::Complete && rng.percent(15.0) {
        ending = Ending::Interrupted;
        let heard = rng.range(0, server.sent.len() as u64) as usize;
        match rng.range(0, 2) {
            0 => client_leaves = Leave::Close(heard),
            1 => client_leaves = Leave::Abort(heard),
            _ => server_leaves = Leave::Abort(rng.range(0, client.sent.len() as u64) as usize),
        }
    } else if rng.percent(20.0) && server_leaves == Leave::WhenDone {
        client_leaves = Leave::HalfClose;
    }
    Script {
        http2: false,
        policy: if blocking { BLOCK } else { MASK },
        story: format!(
            "HTTP/1, {count} requests, pipelined {pipelined}, attack {attack:?}, {client_leaves:?}, {server_leaves:?}"
        ),
        client: client.talk(client_leaves),
        server: server.talk(server_leaves),
        to_server: client.hear(to_server_fence),
        to_client: server.hear(to_client_fence),
        streams: Vec::new(),
        ending,
    }
}

/// A request. `readable`: with the fields that keep an answer from being read, which Weir blanks.
fn request(rng: &mut Rng, stream: &mut Stream, target: &str, method: &str, readable: bool) {
    stream.push(format!("{method} {target} HTTP/1.1\r\nHost: shop.example\r\n").as_bytes());
    if readable && rng.percent(40.0) {
        blanked(stream, "Accept-Encoding", "gzip, br");
    }
    if readable && rng.percent(20.0) {
        blanked(stream, "Range", "bytes=5-900");
    }
    if rng.percent(20.0) {
        stream.push(
            format!("X-Padding: {}\r\n", "a".repeat(rng.range(1, 3_000) as usize)).as_bytes(),
        );
    }
    if method != "POST" {
        return stream.push(b"\r\n");
    }
    // What the client sends is its own: secrets in requests pass under these policies.
    let mut content = content::random(rng, 2);
    content.masked.clone_from(&content.bytes);
    let chunked = rng.percent(50.0);
    if chunked {
        stream.push(b"Transfer-Encoding: chunked\r\n\r\n");
    } else {
        stream.push(format!("Content-Length: {}\r\n\r\n", content.bytes.len()).as_bytes());
    }
    let secrets = stream.secrets.len();
    body(rng, stream, &content, chunked);
    stream.secrets.truncate(secrets);
}

/// A response: where its (final) head begins, and whether the end of the connection ends it.
fn response(rng: &mut Rng, stream: &mut Stream, method: &str, last: bool) -> (usize, bool) {
    if rng.percent(10.0) {
        stream.push(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
    }
    let head = stream.sent.len();
    let status = match rng.percent(80.0) {
        true => "200 OK",
        false => rng.choice(&["404 Not Found", "204 No Content", "304 Not Modified"]),
    };
    stream.push(format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n").as_bytes());
    let content = content::random(rng, 4);
    if method == "HEAD" || status.starts_with("304") {
        stream.push(format!("Content-Length: {}\r\n\r\n", content.bytes.len()).as_bytes());
        return (head, false);
    }
    if status.starts_with("204") {
        stream.push(b"\r\n");
        return (head, false);
    }
    let (chunked, until_close) = (rng.percent(50.0), last && rng.percent(20.0));
    if until_close {
        stream.push(b"Connection: close\r\n\r\n");
    } else if chunked {
        stream.push(b"Transfer-Encoding: chunked\r\n\r\n");
    } else {
        stream.push(format!("Content-Length: {}\r\n\r\n", content.bytes.len()).as_bytes());
    }
    body(rng, stream, &content, chunked && !until_close);
    (head, until_close)
}
