//! Which protocol a connection speaks, by its first bytes.

use weir_reassembly::http2;

use crate::engine::flow::Dir;

/// What the first bytes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// A request line begins, or a status line.
    Http1,
    /// The connection preface (RFC 9113 §3.4).
    Http2,
    /// A TLS record with a handshake (RFC 8446 §5.1).
    Tls,
    /// None of them.
    Unknown,
    /// The next bytes will tell.
    Undecided,
}

/// Longest method that is looked for; registered ones have up to 17 characters (IANA).
const LONGEST_METHOD: usize = 32;

/// Looks at the first bytes that anyone sends. A server that speaks first speaks HTTP/2 or none of them, unless the
/// beginning was not seen.
pub fn detect(dir: Dir, bytes: &[u8], midstream: bool) -> Protocol {
    // Distinct from every HTTP/1 method that could follow: "PRI" was reserved for it.
    let preface = bytes.len().min(http2::PREFACE.len());
    if dir == Dir::ToServer && bytes.get(..preface) == http2::PREFACE.get(..preface) && preface >= 3
    {
        return Protocol::Http2;
    }
    if is_begun(dir, bytes, midstream) {
        return Protocol::Undecided;
    }
    match (dir, bytes) {
        // A server may send its SETTINGS before it has the client's preface (RFC 9113 §3.4).
        (Dir::ToClient, [_, _, _, http2::frame::kind::SETTINGS, 0, 0, 0, 0, 0, ..]) => {
            Protocol::Http2
        }
        (_, [0x16, 0x03, ..]) => Protocol::Tls,
        (Dir::ToClient, [b'H', b'T', b'T', b'P', b'/', ..]) if midstream => Protocol::Http1,
        (Dir::ToServer, _) if looks_like_request(bytes) => Protocol::Http1,
        _ => Protocol::Unknown,
    }
}

/// Whether so few bytes are there that they could become the beginning of several protocols.
fn is_begun(dir: Dir, bytes: &[u8], midstream: bool) -> bool {
    let begins = |whole: &[u8]| bytes.len() < whole.len() && whole.starts_with(bytes);
    let settings = [0, 0, 0, http2::frame::kind::SETTINGS, 0, 0, 0, 0, 0];
    let frame = bytes.len() < settings.len()
        && bytes.iter().zip(settings).skip(3).all(|(have, want)| *have == want);
    begins(&[0x16, 0x03])
        || match dir {
            Dir::ToServer => begins(b"PRI"),
            Dir::ToClient => frame || (midstream && begins(b"HTTP/")),
        }
}

/// A token, then a space: as much of it as is there. Empty lines may come first (RFC 9112 §2.2).
fn looks_like_request(bytes: &[u8]) -> bool {
    let begin = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(bytes.len());
    let line = bytes.get(begin..).unwrap_or_default();
    let method =
        line.iter().take(LONGEST_METHOD).position(|b| !b.is_ascii_alphabetic() && *b != b'-');
    match method {
        Some(0) => false,
        Some(n) => line.get(n) == Some(&b' '),
        None => line.len() < LONGEST_METHOD,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes() {
        use Protocol::*;
        for (bytes, expected) in [
            (&b"GET / HTTP/1.1\r\n"[..], Http1),
            (b"G", Http1),
            (b"\r\nPOST /", Http1),
            (b"M-SEARCH * HTTP/1.1", Http1),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0", Http2),
            (b"PRI", Http2),
            (b"P", Undecided),
            (b"PO", Http1),
            (b"\x16", Undecided),
            (b"\x16\x03\x01\x02", Tls),
            (b"\0\0\0\x10binary", Unknown),
            (b"SSH-2.0-OpenSSH", Unknown),
            (b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Unknown),
        ] {
            assert_eq!(detect(Dir::ToServer, bytes, false), expected, "{bytes:?}");
        }
        assert_eq!(detect(Dir::ToClient, &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3], false), Http2);
        assert_eq!(detect(Dir::ToClient, b"HTTP/1.1 200 OK", false), Unknown);
        assert_eq!(detect(Dir::ToClient, b"\0\0\x06\x04\0", false), Undecided);
        assert_eq!(detect(Dir::ToClient, b"HTTP/1.1 200 OK", true), Http1);
    }
}
