//! Frames over pieces of any size, and their bounds.

use weir_proto::frame::{Decoder, FrameError, MAX_FRAME, encode};
use weir_proto::{ApplyPolicy, EventsAck, ToDataPlane, to_data_plane::Message};

fn messages() -> Vec<ToDataPlane> {
    vec![
        ToDataPlane { message: Some(Message::EventsAck(EventsAck { next_seq: 1 })) },
        ToDataPlane { message: None }, // an empty frame
        ToDataPlane {
            message: Some(Message::ApplyPolicy(ApplyPolicy {
                revision: 2,
                source: "x".repeat(70_000),
            })),
        },
    ]
}

#[test]
fn messages_arrive_whole_however_the_bytes_are_cut() {
    let mut wire = Vec::new();
    for m in messages() {
        encode(&m, &mut wire).unwrap();
    }
    for piece in [1, 3, 4, 5, 1_000, wire.len()] {
        let mut decoder = Decoder::default();
        let mut got = Vec::new();
        for bytes in wire.chunks(piece) {
            decoder.push(bytes);
            while let Some(m) = decoder.message::<ToDataPlane>().unwrap() {
                got.push(m);
            }
        }
        assert_eq!(got, messages(), "in pieces of {piece}");
    }
}

#[test]
fn a_frame_over_the_limit_is_refused_by_its_header_alone() {
    let mut decoder = Decoder::default();
    decoder.push(&u32::try_from(MAX_FRAME + 1).unwrap().to_be_bytes());
    assert!(
        matches!(decoder.message::<ToDataPlane>(), Err(FrameError::TooLong(n)) if n == MAX_FRAME + 1)
    );
}

#[test]
fn a_message_over_the_limit_is_not_sent() {
    let policy = ApplyPolicy { revision: 1, source: "x".repeat(MAX_FRAME) };
    let mut wire = vec![7];
    let result = encode(&ToDataPlane { message: Some(Message::ApplyPolicy(policy)) }, &mut wire);
    assert!(matches!(result, Err(FrameError::TooLong(_))));
    assert_eq!(wire, [7], "nothing was appended");
}

#[test]
fn bytes_that_are_no_message_are_an_error() {
    let mut decoder = Decoder::default();
    decoder.push(&[0, 0, 0, 2, 0xff, 0xff]);
    assert!(matches!(decoder.message::<ToDataPlane>(), Err(FrameError::Malformed(_))));
}
