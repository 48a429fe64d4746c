//! Content codings.

use weir_inspect::decode::Decoder;

/// What `Content-Encoding` says; behind a colon, what `grpc-encoding` says; `base64` is gRPC-Web's text form, `zip` an archive.
pub const CODINGS: [&str; 10] = [
    "gzip",
    "deflate",
    "br",
    "zstd",
    "gzip, br",
    "gzip, gzip",
    ":gzip",
    "base64",
    "base64:zstd",
    "zip",
];

/// The first byte says what the coding is, the second where the body is cut; the rest is the body.
///
/// Of a body that is right the content does not depend on the cuts. (How far a damaged one is read does: what is listed
/// and was not applied shows in the first pieces.)
pub fn decode(data: &[u8]) {
    let [coding, cut, body @ ..] = data else { return };
    let coding = CODINGS[usize::from(*coding) % CODINGS.len()];
    let (whole, whole_is_right) = read(coding, body, body.len().max(1));
    for step in [usize::from(*cut) + 1, 1] {
        let (content, is_right) = read(coding, body, step);
        if whole_is_right && is_right {
            assert_eq!(whole, content, "{coding} in pieces of {step}");
        }
    }
}

fn decoder(coding: &str) -> Decoder {
    let (content, messages) = coding.split_once(':').unwrap_or((coding, ""));
    let decoder = match content {
        "base64" => Decoder::new(b"").map(Decoder::with_base64),
        "zip" => Decoder::new(b"").map(Decoder::with_zip),
        _ => Decoder::new(content.as_bytes()),
    };
    match messages {
        "" => decoder.expect("known codings"),
        _ => decoder.and_then(|d| d.with_messages(messages.as_bytes())).expect("known codings"),
    }
}

/// The content, and whether it came without a complaint.
fn read(coding: &str, body: &[u8], step: usize) -> (Vec<u8>, bool) {
    let mut decoder = decoder(coding);
    let mut content = Vec::new();
    for piece in body.chunks(step) {
        if decoder.decode(piece, &mut |chunk| content.extend_from_slice(chunk)).is_err() {
            return (content, false);
        }
    }
    (content, true)
}
