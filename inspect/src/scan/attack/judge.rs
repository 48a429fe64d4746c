//! A text as the model sees it: its values, normalised, with the signatures that fire on each.

use std::cell::Cell;

use super::rules::{self, Sets};
use super::{Signature, encoded, normalise};
use crate::values::{self, Text};

/// Most bytes of a text whose values are weighed by the model; of a longer text signatures see [`normalise::MAX_TEXT`].
const MAX_WEIGHED: usize = 16 << 10;

/// Detectors of what stands in the structure of a document, outside of its strings.
const STRUCTURE: [&str; 3] = ["nosql-injection", "graphql-abuse", "deserialisation"];
/// Signatures of addresses that count in a parameter and not as a whole field: `Referer`, `Origin` and `Host` name the
/// site's own one.
const OWN: [&str; 4] = ["own-address", "private-address", "address-url", "odd-address"];
/// Signatures of what is all of a header field: the name of a program, and that of a file to be uploaded (`X-File-Name`).
const NAMES: [&str; 2] = ["user-agent", "script-named"];
/// What documents of APIs hold as data: addresses of machines and names for them, where things are mounted, their settings, files.
const DATA: [&str; 9] = [
    "address-url",
    "address-as-name",
    "kernel-file",
    "settings-file",
    "hidden-file",
    "local-socket",
    "mounted-secret",
    "cluster-name",
    "left-over-copy",
];
/// Signatures of `deserialisation` for names within a string.
const CLASSES: [&str; 2] = ["java-class", "java-gadget"];

thread_local! {
    /// One a thread, since it lives no longer than a call.
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch::NEW) };
}

/// Buffers that are used again.
#[derive(Default)]
struct Scratch {
    whole: Vec<u8>,
    value: Vec<u8>,
    decoded: Vec<u8>,
    /// What the signatures see in the whole text and in no value of it.
    unseen: Vec<Signature>,
    seen: Vec<Signature>,
}

impl Scratch {
    const NEW: Scratch = Scratch {
        whole: Vec::new(),
        value: Vec::new(),
        decoded: Vec::new(),
        unseen: Vec::new(),
        seen: Vec::new(),
    };
}

/// Calls `each` with every value of a text that is worth a look, normalised, and with the signatures that it matches.
/// What a signature sees only in the text as a whole comes last, with the whole text. While no signature sees anything in
/// that, a value of letters, digits, and what joins them is worth no look unless one sees something in it, and neither is a
/// header field: they are most of what passes. What is in base64 is looked at for signatures alone.
pub fn judged(kind: Text, text: &[u8], each: &mut dyn FnMut(&[u8], &[Signature])) {
    let mut scratch = SCRATCH.take();
    let Scratch { whole, value, decoded, unseen, seen } = &mut scratch;
    let hid = normalised(kind, text, value, whole) || kind == Text::Body && values::hides(text);
    // What begins or ends a string of JSON neither begins nor ends the whole.
    let json = kind == Text::JsonPiece || kind == Text::Body && values::is_json(text);
    let counts = |s: &Signature, normal: &[u8]| match kind {
        Text::Field => !OWN.contains(&s.name),
        _ if NAMES.contains(&s.name) => false,
        _ if json => {
            let is_data = s.name == "own-address" && is_developed(normal);
            !is_data && !DATA.contains(&s.name)
        }
        _ => true,
    };
    let hinted = matched(whole, rules::ALL, unseen);
    unseen.retain(|s| counts(s, whole));
    rules::lines::each(kind, text, |signature| unseen.push(signature));
    let suspicious = !unseen.is_empty();
    let hinted = if hid { rules::ALL } else { hinted };
    let sets = if json { rules::ALL } else { hinted };
    // Of a value that is worth no look by itself (`dull`), only what a signature sees counts.
    let mut one = |normal: &[u8], dull: bool, sets: Sets| {
        seen.clear();
        if sets != rules::NONE {
            matched(normal, sets, seen);
            seen.retain(|s| counts(s, normal));
            unseen.retain(|s| !seen.contains(s));
        }
        if !dull || !seen.is_empty() {
            each(normal, seen);
        }
    };
    let weighed = text.get(..MAX_WEIGHED).unwrap_or(text);
    values::each(kind, weighed, &mut |raw| {
        if encoded::base64(raw, decoded) {
            normalise::normalise(decoded, value);
            return one(value, true, rules::ALL);
        }
        // What is suspicious in one string of a document says nothing of the others.
        let dull =
            (json || !suspicious) && raw.iter().all(is_plain) || !suspicious && kind == Text::Field;
        if raw.is_empty() || dull && hinted == rules::NONE {
            return;
        }
        match json {
            true => normalise::normalise_decoded(raw, value),
            false => normalise::normalise(raw, value),
        };
        // JSON in a parameter or in a string of JSON.
        if begins_json(value) && value.contains(&b'"') {
            values::each(Text::Body, value, &mut |normal| one(normal, dull, sets));
        } else {
            one(value, dull, sets);
        }
    });
    // A string of JSON is closed by its quotes: what begins in one and ends in another is no statement. A name of a class is no
    // structure either.
    if json {
        let is_name = |s: &Signature| CLASSES.contains(&s.name);
        unseen.retain(|s| STRUCTURE.contains(&s.detector) && !is_name(s));
    }
    if !unseen.is_empty() {
        each(whole, unseen);
    }
    SCRATCH.set(scratch);
}

/// Whether a normalised value begins as JSON does, and not as templates do (`{{`, `{%`).
fn begins_json(value: &[u8]) -> bool {
    let mut marks = value.iter().filter(|b| **b != b' ');
    match (marks.next(), marks.next()) {
        (Some(b'{'), Some(next)) => matches!(next, b'"' | b'\'' | b'}'),
        (Some(b'['), Some(next)) => b"\"{[]-tfn0123456789".contains(next),
        _ => false,
    }
}

/// Whether a value is the address of a service on its developer's machine and asks it for nothing: what traces and settings hold.
fn is_developed(value: &[u8]) -> bool {
    let behind = value.strip_prefix(b"http://localhost:");
    let port = behind.map(|port| port.strip_suffix(b"/").unwrap_or(port));
    // The ports that frameworks begin with.
    let ports: [&[u8]; 9] =
        [b"3000", b"4200", b"5000", b"5173", b"8000", b"8080", b"8081", b"8888", b"9000"];
    port.is_some_and(|port| ports.contains(&port))
}

fn is_plain(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.-,:/@~+ ".contains(byte)
}

/// A text as signatures see it as a whole, in `out`; `scratch` and `out` are overwritten. True: it may hide a value, as
/// [`normalise::normalise`] says.
fn normalised(kind: Text, text: &[u8], scratch: &mut Vec<u8>, out: &mut Vec<u8>) -> bool {
    if kind == Text::Url {
        normalise::decode_url(text, scratch);
        normalise::normalise_decoded(scratch, out)
    } else {
        normalise::normalise(text, out)
    }
}

/// The signatures of some sets that match a text. Returns the sets of which one may match a value in it.
fn matched(normal: &[u8], sets: Sets, into: &mut Vec<Signature>) -> Sets {
    into.clear();
    rules::each(normal, sets, |detector, rule| {
        into.push(Signature { detector, name: rule.name, confidence: rule.confidence });
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_of_urls_and_fields_fire_there() {
        let names = |kind, text: &str| {
            let mut found = Vec::new();
            judged(kind, text.as_bytes(), &mut |_, fired| {
                found.extend(fired.iter().map(|s| s.name))
            });
            found
        };
        for (kind, text, name, harmless) in [
            (Text::Url, "/backup/site.sql.gz", "dump-left", "/download/site.tar.gz"),
            (Text::Url, "/wp-content/debug.log", "dump-left", "/wp-content/debug.css"),
            (
                Text::Url,
                "/a.php?base_path=http://b.example/c",
                "include-path-set",
                "/a?base_path=/b/c",
            ),
            (Text::Url, "/a.php?GLOBALS[b]=ftp://c.example/d", "include-path-set", "/a?b[c]=d"),
            (Text::Field, "$Version=1; a=\"b; c=d\"", "cookie-in-quotes", "a=\"b\"; c=\"d\""),
            (
                Text::Field,
                "multipart/form-data; boundary=application/json",
                "type-in-boundary",
                "multipart/form-data; boundary=----a; charset=utf-8",
            ),
        ] {
            assert!(names(kind, text).contains(&name), "{text}");
            assert!(!names(kind, harmless).contains(&name), "{harmless}");
        }
    }

    #[test]
    fn what_a_part_in_quoted_printable_stands_for_is_seen() {
        let body = |encoding: &str| {
            format!(
                "--b\r\nContent-Disposition: form-data; name=\"q\"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n\
                 =31=27=20=55nion=20s=\r\nelect=20password=20from=20users--=20\r\n--b--"
            )
        };
        let sees = |encoding: &str| {
            let mut found = false;
            judged(Text::Body, body(encoding).as_bytes(), &mut |_, fired| {
                found |= fired.iter().any(|s| s.detector == "sql-injection");
            });
            found
        };
        assert!(sees("quoted-printable") && !sees("7bit"));
    }

    #[test]
    fn what_stands_between_the_ends_of_a_comment_in_other_values_is_seen() {
        let attack = "b=1'%20union%20select%20password%20from%20users--%20";
        for (kind, text) in [
            (Text::Url, format!("/x?{attack}")),
            (Text::Url, format!("/x?a=/*&{attack}&c=*/")),
            (Text::Url, format!("/x?a=%2F%2a&{attack}&c=%2a%2f")),
            (Text::Body, format!("a=/*&{attack}&c=*/")),
            (Text::Field, format!("a=/*; {attack}; c=*/")),
        ] {
            let mut found = Vec::new();
            judged(kind, text.as_bytes(), &mut |_, fired| {
                found.extend(fired.iter().map(|s| s.detector))
            });
            assert!(found.contains(&"sql-injection"), "{text}: {found:?}");
        }
    }
}
