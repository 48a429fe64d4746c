//! gRPC messages in the content of a stream.

use weir_reassembly::grpc::{Deframer, Event, PREFIX};

/// A message: whether it is compressed, its length, and as much of it as came.
type Message = (bool, u32, Vec<u8>);

/// Longest message that is followed; small, so that mutations exceed it.
const MAX_MESSAGE: u32 = 4096;

/// The first byte says where the content is cut; the rest is the content.
///
/// The messages, and how it ends, do not depend on the cuts. Put together again with their prefixes they are the
/// content, up to an error.
pub fn grpc(data: &[u8]) {
    let [cut, content @ ..] = data else { return };
    let whole = read(content, content.len().max(1));
    let step = usize::from(*cut) + 1;
    assert_eq!(whole, read(content, step), "in pieces of {step}");
    assert_eq!(whole, read(content, 1), "byte by byte");

    let (messages, end) = whole;
    let mut again = Vec::new();
    for (place, (compressed, length, bytes)) in messages.iter().enumerate() {
        assert!(*length <= MAX_MESSAGE);
        assert!(bytes.len() == *length as usize || place + 1 == messages.len(), "only the last");
        again.push(u8::from(*compressed));
        again.extend(length.to_be_bytes());
        again.extend(bytes);
    }
    assert!(content.starts_with(&again));
    let rest = content.len() - again.len();
    let whole = messages.last().is_none_or(|(_, length, bytes)| bytes.len() == *length as usize);
    match end {
        None => assert!(rest == 0 && whole, "a clean end"),
        Some(e) if e.contains("Truncated") => assert!(rest < PREFIX && (rest > 0 || !whole), "{e}"),
        Some(e) => assert!(rest >= PREFIX && whole, "{e}"),
    }
}

/// The messages, and the error with which it ends.
fn read(content: &[u8], step: usize) -> (Vec<Message>, Option<String>) {
    let mut deframer = Deframer::new(MAX_MESSAGE);
    let (mut messages, mut at): (Vec<Message>, usize) = (Vec::new(), 0);
    for piece in content.chunks(step) {
        let end = at + piece.len();
        loop {
            let polled = deframer.poll(at as u64, &content[at..end]);
            assert!(polled.consumed <= end - at);
            at += polled.consumed;
            match polled.event {
                None => break,
                Some(Event::MessageStart { compressed, len, at: first }) => {
                    assert_eq!(first as usize + PREFIX, at);
                    messages.push((compressed, len, Vec::new()));
                }
                Some(Event::Bytes { at: from, bytes }) => {
                    assert_eq!(bytes, &content[from as usize..at]);
                    messages.last_mut().expect("a message").2.extend(bytes);
                }
                Some(Event::MessageEnd) => {
                    let (_, length, bytes) = messages.last().expect("a message");
                    assert_eq!(bytes.len(), *length as usize);
                }
                Some(Event::Error(error)) => return (messages, Some(format!("{error:?}"))),
            }
        }
        assert_eq!(at, end, "no event: all is consumed");
    }
    (messages, deframer.finish().err().map(|error| format!("{error:?}")))
}
