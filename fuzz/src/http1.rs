//! The HTTP/1 parser.

use weir_reassembly::http1;
use weir_reassembly::http1::Role;

#[allow(dead_code)]
#[path = "../../reassembly/src/http1/testing.rs"]
mod testing;
use testing::feed_all;

const METHODS: [&[u8]; 4] = [b"GET", b"HEAD", b"CONNECT", b"POST"];

/// The first byte says what is read, the second where it is cut; the rest is the stream.
///
/// [`feed_all`] asserts that no more is used up than there is, that offsets never go back, and that every slice is what
/// the stream has at its offset. Here: the events do not depend on how the stream is cut.
pub fn http1(data: &[u8]) {
    let [what, cut, stream @ ..] = data else { return };
    let role = if what & 1 == 0 { Role::Request } else { Role::Response };
    let method = METHODS[usize::from(what >> 1) % METHODS.len()];
    let methods: &[&[u8]] = if role == Role::Request { &[] } else { &[method, b"GET"] };
    let whole = feed_all(role, methods, stream, &[]);
    let step = usize::from(*cut) + 1;
    let pieces: Vec<usize> = (step..stream.len()).step_by(step).collect();
    assert_eq!(whole, feed_all(role, methods, stream, &pieces), "in pieces of {step}");
    let bytes: Vec<usize> = (0..stream.len()).collect();
    assert_eq!(whole, feed_all(role, methods, stream, &bytes), "byte by byte");
}
