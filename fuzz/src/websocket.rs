//! WebSocket frames.

use weir_reassembly::websocket::{Event, Frame, Frames};

/// The first byte says where the stream is cut; the rest is the stream.
///
/// Frames, payload and errors do not depend on the cuts, nor on what lies between them (frames of HTTP/2), and a frame has as
/// much payload as its header says.
pub fn websocket(data: &[u8]) {
    let [cut, stream @ ..] = data else { return };
    let whole = read(stream, stream.len().max(1), 0);
    for (step, gap) in [(usize::from(*cut) + 1, 0), (usize::from(*cut) + 1, 9), (1, 0), (1, 9)] {
        assert_eq!(read(stream, step, gap), whole, "in pieces of {step}, {gap} apart");
    }
}

/// A frame, its payload without the mask, and whether it is complete; what is wrong in the end.
type Read = (Vec<(Frame, Vec<u8>, bool)>, Option<String>);

fn read(stream: &[u8], step: usize, gap: u64) -> Read {
    let (mut frames, mut at, mut out) =
        (Frames::default(), 0u64, Vec::<(Frame, Vec<u8>, bool)>::new());
    for piece in stream.chunks(step) {
        let mut rest = piece;
        loop {
            let step = frames.poll(at, rest);
            at += step.consumed as u64;
            rest = &rest[step.consumed..];
            let last = out.last_mut();
            match (step.event, last) {
                (None, _) => break,
                (Some(Event::Frame(frame)), _) => {
                    out.push((Frame { at: 0, ..frame }, Vec::new(), false));
                }
                (Some(Event::Payload { at, bytes, mask }), Some((frame, payload, false))) => {
                    let mut plain = bytes.to_vec();
                    if let Some(mask) = mask {
                        mask.apply(at, &mut plain);
                    }
                    payload.extend(plain);
                    assert!(payload.len() as u64 <= frame.len);
                }
                (Some(Event::End { at: end }), Some((frame, payload, ended))) => {
                    assert_eq!((payload.len() as u64, end, *ended), (frame.len, at, false));
                    *ended = true;
                }
                (Some(Event::Error(error)), _) => return (out, Some(error.to_string())),
                (Some(event), frame) => panic!("{event:?} of {frame:?}"),
            }
        }
        at += gap;
    }
    (out, None)
}
