//! Paths in documents.

use weir_inspect::path::Paths;
use weir_inspect::scan::Kept;

/// The media types that have paths.
pub const MEDIA: [&str; 9] = [
    "application/json",
    "application/x-protobuf",
    "application/grpc",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "text/xml",
    "text/event-stream",
    "application/msgpack",
    "",
];

/// The first byte says what the content is, the second where it is cut, the third how far into it the place is; the rest
/// is the content. The path of a place does not depend on the cuts, nor on what was asked before, and is bounded.
pub fn path(data: &[u8]) {
    let [media, cut, place, content @ ..] = data else { return };
    let media = MEDIA[usize::from(*media) % MEDIA.len()];
    let start = content.len() * usize::from(*place) / 256;
    let end = (start + 16).min(content.len());
    let whole = read(media, content, content.len().max(1), (start, end));
    assert!(whole.len() < 300, "{whole}");
    for step in [usize::from(*cut) + 1, 1] {
        assert_eq!(read(media, content, step, (start, end)), whole, "in pieces of {step}");
    }
}

fn read(media: &str, content: &[u8], step: usize, (start, end): (usize, usize)) -> String {
    let mut paths = Paths::default();
    paths.begin(media.as_bytes(), false);
    let (mut from, mut read) = (0, 0);
    let kept = |from: u64, to: usize| Kept { base: from, bytes: &content[from as usize..to] };
    for piece in content.chunks(step) {
        from = paths.begin_piece(kept(from, read), piece.len());
        read += piece.len();
        if read >= end {
            break;
        }
        paths.path(kept(from, read), read as u64 / 2, read as u64);
    }
    paths.path(kept(from, read), start as u64, end as u64)
}
