//! WebSocket in a stream of HTTP/2 (RFC 8441), with a library of other people's at both ends.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::{Method, Request, Response};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use weir_reassembly::websocket::Mask;
use weir_tests::net::{SERVER_V4, Topology};
use weir_tests::weir::Weir;

const POLICY: &str = "version: 1
mode: enforce
rules:
  - {name: cards, direction: both, detect: [payment-card], action: mask}
  - {name: attacks, direction: request, detect: ['category:attacks'], action: block}
";
const PORT: u16 = 8082;
/// How long anything may take on a loaded machine.
const LIMIT: Duration = Duration::from_secs(20);
const TEXT: &str = r#"{"card":"4111111111111111"}"#;
const MASKED: &str = r#"{"card":"****************"}"#;

/// A frame of at most 125 bytes.
fn frame(opcode: u8, payload: &[u8], key: Option<[u8; 4]>) -> Bytes {
    let mut frame = vec![0x80 | opcode, payload.len() as u8 | u8::from(key.is_some()) << 7];
    frame.extend(key.iter().flatten());
    let mut payload = payload.to_vec();
    key.iter().for_each(|key| Mask { key: *key, origin: 0 }.apply(0, &mut payload));
    [frame, payload].concat().into()
}

/// The next frame of a stream: opcode and payload. None: the stream is over.
async fn next(stream: &mut RecvStream, read: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    loop {
        if let [flags, second, rest @ ..] = &read[..] {
            let key = if second & 0x80 != 0 { 4 } else { 0 };
            let end = key + usize::from(second & 0x7f);
            if rest.len() >= end {
                let mut payload = rest[key..end].to_vec();
                if let Ok(key) = rest[..key].try_into() {
                    Mask { key, origin: 0 }.apply(0, &mut payload);
                }
                let opcode = flags & 0x0f;
                read.drain(..2 + end);
                return Some((opcode, payload));
            }
        }
        let bytes = timeout(LIMIT, stream.data()).await.unwrap()?.ok()?;
        stream.flow_control().release_capacity(bytes.len()).unwrap();
        read.extend_from_slice(&bytes);
    }
}

/// Answers a text with one that leaks, and Close with Close. What it heard goes to `heard`.
async fn chat(
    mut from: RecvStream,
    mut to: SendStream<Bytes>,
    heard: UnboundedSender<(u8, Vec<u8>)>,
) {
    let mut read = Vec::new();
    while let Some((opcode, payload)) = next(&mut from, &mut read).await {
        let closes = opcode == 8;
        let answer =
            if closes { frame(8, &payload, None) } else { frame(1, TEXT.as_bytes(), None) };
        heard.send((opcode, payload)).unwrap();
        to.send_data(answer, closes).unwrap();
        if closes {
            return;
        }
    }
}

/// A server of one connection: chats where WebSocket is asked for, and says "fine" elsewhere.
async fn serve(listener: tokio::net::TcpListener, heard: UnboundedSender<(u8, Vec<u8>)>) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut builder = h2::server::Builder::new();
    let mut connection = builder.enable_connect_protocol().handshake(stream).await.unwrap();
    while let Some(Ok((request, mut answer))) = connection.accept().await {
        if request.extensions().get::<Protocol>().is_some_and(|p| p.as_str() == "websocket") {
            let offer = request.headers()["sec-websocket-extensions"].as_bytes().to_vec();
            heard.send((0xff, offer)).unwrap();
            let to = answer.send_response(Response::new(()), false).unwrap();
            tokio::spawn(chat(request.into_body(), to, heard.clone()));
        } else {
            let mut to = answer.send_response(Response::new(()), false).unwrap();
            to.send_data("fine".into(), true).unwrap();
        }
    }
}

async fn heard(from: &mut UnboundedReceiver<(u8, Vec<u8>)>) -> (u8, String) {
    let (opcode, payload) = timeout(LIMIT, from.recv()).await.unwrap().unwrap();
    (opcode, String::from_utf8_lossy(&payload).into_owned())
}

async fn talk(stream: TcpStream, listener: TcpListener) {
    listener.set_nonblocking(true).unwrap();
    stream.set_nonblocking(true).unwrap();
    let (tell, mut at_server) = unbounded_channel();
    tokio::spawn(serve(tokio::net::TcpListener::from_std(listener).unwrap(), tell));
    let stream = tokio::net::TcpStream::from_std(stream).unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    // The server's SETTINGS, which say that it understands, pass as they are.
    let enabled = async {
        while !client.is_extended_connect_protocol_enabled() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, enabled).await.unwrap();

    let ask = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://{SERVER_V4}:{PORT}/chat"))
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-extensions", "permessage-deflate")
        .body(())
        .unwrap();
    let (answer, mut to) = client.send_request(ask, false).unwrap();
    let (opcode, offer) = heard(&mut at_server).await;
    assert!(opcode == 0xff && offer.len() == 18 && !offer.contains("deflate"), "{offer}");
    let mut from = timeout(LIMIT, answer).await.unwrap().unwrap().into_body();
    let mut read = Vec::new();

    // A message of each end, and one in two DATA frames.
    let message = frame(1, TEXT.as_bytes(), Some([7, 8, 9, 10]));
    for cut in [0, 3, 19] {
        for piece in [message.slice(..cut), message.slice(cut..)] {
            to.send_data(piece, false).unwrap();
        }
        assert_eq!(heard(&mut at_server).await, (1, MASKED.to_owned()), "cut at {cut}");
        let (opcode, payload) = next(&mut from, &mut read).await.unwrap();
        assert_eq!((opcode, &payload[..]), (1, MASKED.as_bytes()), "cut at {cut}");
    }

    // An attack becomes a Close frame, which the server answers; the connection's next stream is served.
    let attack = frame(1, b"<script>alert(document.cookie)</script>", Some([1, 2, 3, 4]));
    to.send_data(attack, false).unwrap();
    assert_eq!(at_server.recv().await.unwrap(), (8, vec![0x03, 0xf0]));
    assert_eq!(next(&mut from, &mut read).await.unwrap(), (8, vec![0x03, 0xf0]));
    let mut client = timeout(LIMIT, client.ready()).await.unwrap().unwrap();
    let get = Request::get(format!("http://{SERVER_V4}:{PORT}/")).body(()).unwrap();
    let (answer, _) = client.send_request(get, true).unwrap();
    let mut body = timeout(LIMIT, answer).await.unwrap().unwrap().into_body();
    assert_eq!(body.data().await.unwrap().unwrap(), "fine");
}

#[test]
fn messages_are_masked_and_blocked_and_the_connection_lives() {
    let topology = Topology::new().unwrap();
    let bind = || TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT));
    let listener = topology.server.enter(bind).unwrap().unwrap();
    let mut weir = Weir::start(&topology, POLICY).unwrap();
    weir.manage().unwrap();
    let connect = || TcpStream::connect((SERVER_V4, PORT));
    let stream = topology.client.enter(connect).unwrap().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(talk(stream, listener));
}
