//! The passive decoder between two ends that exist: a client and a server of the `h2` crate, every block edited on
//! its way. What it reads is what they say, what it changes is what they hear, and the connection lives.
// clippy.toml allows these in #[test] functions; here they are in what the tests share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};
use weir_reassembly::http2::{CODING_FIELDS, Event, Http2, Role};

const REQUESTS: usize = 60;
const SECRET: &str = "AKIAIOSFODNN7EXAMPLE";

/// Both directions of the connection: requests, responses.
type Connection = Arc<Mutex<[Http2; 2]>>;

/// Passes one direction on, a few octets at a time, header blocks only when they are whole and edited. Gives what
/// it saw: the paths or statuses, and the content.
async fn pass(
    connection: Connection,
    direction: usize,
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
) -> (Vec<String>, Vec<u8>) {
    let (mut heads, mut content) = (Vec::new(), Vec::new());
    // Octets not sent yet, where they begin in the stream, and how many were read.
    let (mut held, mut begin, mut read) = (Vec::new(), 0, 0);
    let mut block_at = None;
    let mut buffer = [0; 37];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        held.extend_from_slice(&buffer[..length]);
        {
            let mut connection = connection.lock().unwrap();
            loop {
                let (mut block, mut table) = (false, None);
                let step = connection[direction].poll(read as u64, &held[read - begin..]);
                read += step.consumed;
                match step.event {
                    None => break,
                    Some(Event::Error(error)) => panic!("{error}"),
                    Some(Event::FrameHeader(header)) if header.has_block() => {
                        block_at.get_or_insert(header.at);
                    }
                    Some(Event::Headers(_)) => block = true,
                    Some(Event::Settings(settings)) => table = settings.header_table_size,
                    Some(Event::Data { bytes, .. }) => content.extend_from_slice(bytes),
                    Some(_) => {}
                }
                if let Some(size) = table {
                    connection[1 - direction].set_max_table_size(size);
                }
                if block {
                    heads.extend(edit(&mut connection[direction]));
                    for (at, octets) in connection[direction].edits() {
                        let start = at as usize - begin;
                        held[start..start + octets.len()].copy_from_slice(octets);
                    }
                    block_at = None;
                }
            }
        }
        let free = block_at.map_or(read, |at| begin.max(at as usize)) - begin;
        if to.write_all(&held[..free]).await.is_err() {
            break;
        }
        held.drain(..free);
        begin += free;
    }
    let _ = to.shutdown().await;
    (heads, content)
}

/// Masks all but the first four octets of `x-key`, blanks codings, refuses what asks for `/admin`.
fn edit(http2: &mut Http2) -> Option<String> {
    http2.blank(CODING_FIELDS).unwrap();
    let block = http2.header_block().unwrap();
    let keys: Vec<_> = block
        .fields()
        .enumerate()
        .filter(|(_, field)| field.name == b"x-key")
        .map(|f| f.0)
        .collect();
    let head = block.value(b":path").or(block.value(b":status"));
    let head = head.map(|value| String::from_utf8(value.to_vec()).unwrap());
    for field in keys {
        // A value that was masked when it became an entry is masked already.
        let masked = http2.header_block().unwrap().fields().nth(field).unwrap();
        if masked.value.ends_with(b"EXAMPLE") {
            http2.mask_value(field, 4..SECRET.len()).unwrap();
        }
    }
    if head.as_ref().is_some_and(|path| path.starts_with("/admin")) {
        http2.refuse_request().unwrap();
    }
    head
}

fn key(headers: &HeaderMap) -> &[u8] {
    headers["x-key"].as_bytes()
}

fn assert_masked(key: &[u8]) {
    assert_eq!(key.len(), SECRET.len());
    assert!(key.starts_with(b"AKIA"));
    assert!(key[4..].iter().all(|octet| b"0-xX".contains(octet)), "{key:?}");
}

/// Answers each request with its path; gives the paths.
async fn serve(end: DuplexStream) -> Vec<String> {
    let mut connection = h2::server::Builder::new()
        .max_header_list_size(16384)
        .handshake::<_, Bytes>(end)
        .await
        .unwrap();
    let mut paths = Vec::new();
    while let Some(accepted) = connection.accept().await {
        let Ok((request, mut respond)) = accepted else { break };
        let path = request.uri().path().to_string();
        assert_masked(key(request.headers()));
        let codings = request.headers()["accept-encoding"].to_str().unwrap();
        assert!(!codings.contains("gzip") && !codings.contains("br"), "{codings}");
        let response = Response::builder().header("x-key", SECRET).header("x-path", &path);
        let mut body = respond.send_response(response.body(()).unwrap(), false).unwrap();
        body.send_data(Bytes::from(path.clone()), true).unwrap();
        paths.push(path);
    }
    paths
}

#[tokio::test]
async fn two_ends_hear_what_was_edited_and_their_connection_lives() {
    let (client, outer) = duplex(4096);
    let (inner, server) = duplex(4096);
    let sides = [Http2::new(Role::Client, true), Http2::new(Role::Server, true)];
    let connection = Arc::new(Mutex::new(sides));
    let (from_client, to_client) = split(outer);
    let (from_server, to_server) = split(inner);
    let requests = tokio::spawn(pass(connection.clone(), 0, from_client, to_server));
    let responses = tokio::spawn(pass(connection, 1, from_server, to_client));
    let server = tokio::spawn(serve(server));

    // A table of another size than 4,096, so that the encoders have to say so.
    let (mut sender, driver) = h2::client::Builder::new()
        .header_table_size(900)
        .handshake::<_, Bytes>(client)
        .await
        .unwrap();
    let driver = tokio::spawn(driver);
    let mut expected = Vec::new();
    for n in 0..REQUESTS {
        let path = format!("/{}/{n}", if n % 5 == 4 { "admin" } else { "order" });
        sender = sender.ready().await.unwrap();
        let request = Request::get(format!("http://shop.example{path}"))
            .header("accept-encoding", "gzip, br;q=0.9")
            .header("x-key", SECRET)
            .header("x-number", n);
        let (response, _) = sender.send_request(request.body(()).unwrap(), true).unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(10), response).await.unwrap();
        if path.starts_with("/admin") {
            assert!(answer.unwrap_err().is_reset(), "only its stream ends");
            continue;
        }
        let answer = answer.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_masked(key(answer.headers()));
        assert_eq!(answer.headers()["x-path"].to_str().unwrap(), path);
        let mut body = answer.into_body();
        let data = body.data().await.unwrap().unwrap();
        assert_eq!(data, path);
        expected.push(path);
    }
    drop(sender);
    driver.await.unwrap().unwrap();
    assert_eq!(server.await.unwrap(), expected);
    let (paths, _) = requests.await.unwrap();
    assert_eq!(paths.len(), REQUESTS);
    let (statuses, content) = responses.await.unwrap();
    assert_eq!(statuses, vec!["200"; expected.len()]);
    assert_eq!(content, expected.concat().into_bytes());
}
