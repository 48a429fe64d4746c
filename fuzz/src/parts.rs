//! The coded parts of multipart bodies.

use weir_inspect::decode::{PartCoding, PartEvent, Parts};

fn parts(pieces: &[&[u8]]) -> (Vec<(PartCoding, Vec<u8>)>, bool) {
    let mut parts = Parts::new(b"multipart/form-data; boundary=b").expect("multipart");
    let (mut all, mut over) = (Vec::new(), true);
    for piece in pieces {
        parts.feed(piece, &mut |event| match event {
            PartEvent::Begin(coding) => {
                assert!(over, "a part within a part");
                over = false;
                all.push((coding, Vec::new()));
            }
            PartEvent::Bytes(bytes) => {
                assert!(!over && !bytes.is_empty());
                all.last_mut().expect("begun").1.extend_from_slice(bytes);
            }
            PartEvent::End => {
                assert!(!over);
                over = true;
            }
        });
    }
    (all, over)
}

/// The first byte says where the rest, a multipart body, is cut.
///
/// Cut or whole it comes to the same parts, each of which lies in the body as it stands and holds no delimiter.
pub fn multipart_parts(data: &[u8]) {
    let Some((cut, body)) = data.split_first() else { return };
    let (head, rest) = body.split_at(body.len().min(usize::from(*cut)));
    let whole = parts(&[body]);
    assert_eq!(parts(&[head, rest]), whole);
    for (_, content) in &whole.0 {
        assert!(body.windows(content.len()).any(|at| at == content), "{content:?}");
        assert!(!content.windows(4).any(|at| at == b"\n--b"), "{content:?}");
    }
}
