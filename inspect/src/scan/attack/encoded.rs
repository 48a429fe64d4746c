//! Values that are text in base64: what an application decodes is judged as it is then.

use super::super::escaped::base64::{decode, value};

/// Shorter runs of letters are words more often than base64.
const SHORTEST: usize = 12;
/// What pads the end, also percent-encoded twice.
const PADDING: &[u8] = b"=%235Dd";

/// Undoes base64 (RFC 4648, either alphabet, with or without padding) where all of `text` is that and says text. `out` is
/// overwritten. Returns whether it was.
pub(super) fn base64(text: &[u8], out: &mut Vec<u8>) -> bool {
    // Of most values the first four letters tell that they are not.
    if !text.get(..4).is_some_and(|first| decode(first).0.iter().all(is_text)) {
        return false;
    }
    let end = text.iter().position(|b| value(*b).is_none()).unwrap_or(text.len());
    let (letters, rest) = text.split_at(end);
    if end < SHORTEST || !rest.iter().all(|b| PADDING.contains(b)) {
        return false;
    }
    out.clear();
    for group in letters.chunks(4) {
        let (bytes, n) = decode(group);
        let bytes = bytes.get(..n).unwrap_or_default();
        if !bytes.iter().all(is_text) {
            return false;
        }
        out.extend_from_slice(bytes);
    }
    true
}

fn is_text(byte: &u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_text_is_undone() {
        let undone = |text: &str| {
            let mut out = Vec::new();
            base64(text.as_bytes(), &mut out).then(|| String::from_utf8_lossy(&out).into_owned())
        };
        for (text, wanted) in [
            ("Y2F0IC9ldGMvcGFzc3dk", Some("cat /etc/passwd")),
            ("d2hpbGUodHJ1ZSk7Cg==", Some("while(true);\n")),
            ("d2hpbGUodHJ1ZSk7Cg%3D%3D", Some("while(true);\n")),
            ("HByb2Nlc3NidWlsZGVy", None),
            ("PD94bWw_Pg", None),
            ("Y2F0IC9ldGM", None),
            ("0f8fad5bd9cb469fa165", None),
            ("/api/v2/users/list", None),
            ("Y2F0IC9ldGMvcGFzc3dk and more", None),
        ] {
            assert_eq!(undone(text).as_deref(), wanted, "{text}");
        }
    }
}
