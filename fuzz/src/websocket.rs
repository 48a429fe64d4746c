//! WebSocket frames.

use weir_reassembly::websocket::{Event, Frame, Frames};

/// The first byte says where the stream is cut; the rest is the stream.
///
/// Frames, payload and errors do not depend on the cuts, and a frame has as much payload as its header says.
pub fn websocket(data: &[u8]) {
    let [cut, stream @ ..] = data else { return };
    let whole = read(stream, stream.len().max(1));
    for step in [usize::from(*cut) + 1, 1] {
        assert_eq!(read(stream, step), whole, "in pieces of {step}");
    }
}

/// A frame, its payload without the mask, and whether it is complete; what is wrong in the end.
type Read = (Vec<(Frame, Vec<u8>, bool)>, Option<String>);

fn read(stream: &[u8], step: usize) -> Read {
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
                (Some(Event::Frame(frame)), _) => out.push((frame, Vec::new(), false)),
                (Some(Event::Payload { at, bytes }), Some((frame, payload, false))) => {
                    let mut plain = bytes.to_vec();
                    if let Some(mask) = frame.mask {
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
    }
    (out, None)
}
