//! The ClientHello of TLS.

use weir_reassembly::tls::{ClientHello, HelloReader, MAX_HELLO, Progress};

fn gather(pieces: &[&[u8]]) -> (Progress, Vec<u8>) {
    let mut reader = HelloReader::default();
    let mut progress = Progress::More;
    for piece in pieces {
        progress = reader.push(piece);
        if progress != Progress::More {
            break;
        }
    }
    (progress, reader.message().to_vec())
}

/// The first byte says where the rest, the first bytes of a connection, is cut.
///
/// Cut or whole it comes to the same. A message that is whole is as long as it says. A name lies within it, behind its length and the
/// type `host_name`.
pub fn tls(data: &[u8]) {
    let Some((cut, data)) = data.split_first() else { return };
    let (head, rest) = data.split_at(data.len().min(usize::from(*cut)));
    let (progress, message) = gather(&[data]);
    let pieces = gather(&[head, rest]);
    assert_eq!(pieces.0, progress);
    assert!(message.len() <= MAX_HELLO);
    if progress != Progress::Whole {
        return;
    }
    assert_eq!(pieces.1, message);
    let length = u32::from_be_bytes([0, message[1], message[2], message[3]]) as usize;
    assert_eq!(message.len(), 4 + length);
    let Some(hello) = ClientHello::parse(&message) else { return };
    let ja4 = hello.ja4();
    assert!(ja4.len() == 36 && ja4.is_ascii(), "{ja4}");
    let Some(name) = hello.server_name() else { return };
    let at = name.as_ptr() as usize - message.as_ptr() as usize;
    assert!(at > 4 && at + name.len() <= message.len());
    let length = (name.len() as u16).to_be_bytes();
    assert_eq!(message[at - 3..at], [0, length[0], length[1]]);
}
