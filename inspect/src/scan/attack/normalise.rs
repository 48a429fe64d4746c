//! Undoing what hides an attack from a search: encodings, case, comments, white space.

/// How often a text is percent-decoded: attackers encode twice, and nothing sensible decodes three times.
const DECODE_PASSES: usize = 2;

/// Decodes a request target (path and query): percent-encoding, also twice, and `+` as a space behind the `?`.
/// `out` is overwritten and never longer than `target`.
pub fn decode_url(target: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut query = false;
    for b in target {
        query |= *b == b'?';
        out.push(if query && *b == b'+' { b' ' } else { *b });
    }
    for _ in 0..DECODE_PASSES {
        if !percent_decode(out) {
            return;
        }
    }
}

/// Decodes `%XX` and `%uXXXX` (IIS) in place once; returns whether there were any.
fn percent_decode(text: &mut Vec<u8>) -> bool {
    let (mut from, mut to) = (0, 0);
    while let Some(b) = text.get(from).copied() {
        let (byte, size) = match text.get(from + 1..) {
            Some([b'u' | b'U', a, b, c, d, ..]) if byte_is(b'%', text, from) => {
                match hex4([*a, *b, *c, *d]) {
                    Some(code) => (narrow(code), 6),
                    None => (b'%', 1),
                }
            }
            Some([a, c, ..]) if b == b'%' => match hex2(*a, *c) {
                Some(code) => (code, 3),
                None => (b'%', 1),
            },
            _ => (b, 1),
        };
        if let Some(slot) = text.get_mut(to) {
            *slot = byte;
        }
        (from, to) = (from + size, to + 1);
    }
    text.truncate(to);
    from != to
}

fn byte_is(want: u8, text: &[u8], at: usize) -> bool {
    text.get(at) == Some(&want)
}

fn hex2(a: u8, b: u8) -> Option<u8> {
    let digit = |d: u8| char::from(d).to_digit(16);
    Some((digit(a)? << 4 | digit(b)?) as u8)
}

fn hex4([a, b, c, d]: [u8; 4]) -> Option<u16> {
    Some(u16::from(hex2(a, b)?) << 8 | u16::from(hex2(c, d)?))
}

/// A code point as a byte: ASCII as it is, its full-width twin as that, anything else as a byte that no rule names.
fn narrow(code: u16) -> u8 {
    match code {
        0..=0x7f => code as u8,
        0xff01..=0xff5e => (code - 0xff01 + 0x21) as u8,
        _ => 0xff,
    }
}
