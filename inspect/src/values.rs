//! The values of a request: what an application takes out of its URL, fields and body, to be looked at one by one.
//!
//! Values are slices of the text, still encoded: whoever looks at them normalises them. (Parts of a form in quoted-printable are
//! decoded, since only their fields tell that they are.) What a body is, is told by how
//! it looks and not by its `Content-Type`, since receivers don't always go by that either.

/// What a text is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// The request target, as sent.
    Url,
    /// The value of a header field.
    Field,
    /// A body, or its first piece.
    Body,
    /// A further piece of a body that began as JSON.
    JsonPiece,
}

/// A form's first name is looked for in so many bytes.
const LONGEST_NAME: usize = 64;
/// Shorter runs of text in binary content are noise.
const SHORTEST_RUN: usize = 4;

/// Calls `each` with every value of a text. Names are values too.
pub fn each(kind: Text, text: &[u8], each: &mut dyn FnMut(&[u8])) {
    match kind {
        Text::Url => {
            let query = text.iter().position(|b| *b == b'?').unwrap_or(text.len());
            let (path, query) = text.split_at(query);
            each(path);
            form(query.get(1..).unwrap_or_default(), each);
        }
        // `a=1; b=2`, or `a=1`, as in Cookie; a value that is only one is not cut up.
        Text::Field if text.starts_with(b"Mozilla/") => each(text),
        Text::Field => {
            let mut parts = text.split(|b| *b == b';');
            let cookies = text.contains(&b';') && parts.all(|part| part.contains(&b'='));
            match cookies || is_pair(text) {
                true => text.split(|b| *b == b';').for_each(|part| pair(part, each)),
                false => each(text),
            }
        }
        Text::Body => body(text, each),
        Text::JsonPiece => json(text, each),
    }
}

/// Whether a body is taken for JSON.
pub fn is_json(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
}

fn body(text: &[u8], each: &mut dyn FnMut(&[u8])) {
    let text = text.trim_ascii_start();
    match text.first() {
        _ if text.iter().any(|b| *b < b'\t') => binary(text, each),
        _ if is_json(text) => json(text, each),
        Some(b'<') => markup(text, each),
        Some(b'-') if text.starts_with(b"--") && contains(text, b"form-data") => {
            multipart(text, each);
        }
        _ if is_form(text) => form(text, each),
        _ => each(text),
    }
}

/// Whether a text is a name, `=`, and more than what pads base64.
fn is_pair(text: &[u8]) -> bool {
    let is_name = |b: &&u8| b.is_ascii_alphanumeric() || b"_-.".contains(b);
    let name = text.iter().take(LONGEST_NAME).take_while(is_name).count();
    let value = text.get(name..).and_then(|rest| rest.strip_prefix(b"="));
    name > 0 && value.is_some_and(|value| value.iter().any(|b| *b != b'='))
}

fn contains(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|w| w.eq_ignore_ascii_case(what))
}

/// Whether a text begins with `name=`, or is a piece of what does.
fn is_form(text: &[u8]) -> bool {
    if text.contains(&b'&') && !text.iter().any(u8::is_ascii_whitespace) {
        return true;
    }
    let name = text.iter().take(LONGEST_NAME).take_while(|b| !b"=<>'\" \n({;".contains(b)).count();
    name > 0 && text.get(name) == Some(&b'=')
}

/// `name=value&…`.
fn form(text: &[u8], each: &mut dyn FnMut(&[u8])) {
    text.split(|b| *b == b'&').for_each(|part| pair(part, each));
}

fn pair(part: &[u8], each: &mut dyn FnMut(&[u8])) {
    let name = part.iter().position(|b| *b == b'=').unwrap_or(part.len());
    let (name, value) = part.split_at(name);
    each(name.trim_ascii());
    each(value.get(1..).unwrap_or_default());
}

/// The strings of a JSON document, or of a piece of one: what lies between two quotes and is not only punctuation and
/// numbers. So it does not matter whether the piece begins inside of a string.
fn json(text: &[u8], each: &mut dyn FnMut(&[u8])) {
    let (mut start, mut escaped) = (0, false);
    let is_structure = |b: &u8| b" \t\r\n{}[]:,0123456789.+-eEtrufalsn".contains(b);
    let mut value = |from: usize, to: usize| {
        let value = text.get(from..to).unwrap_or_default();
        if !value.iter().all(is_structure) {
            each(value);
        }
    };
    for (at, byte) in text.iter().enumerate() {
        if *byte == b'"' && !escaped {
            value(start, at);
            start = at + 1;
        }
        escaped = *byte == b'\\' && !escaped;
    }
    value(start, text.len());
}

/// The texts between tags, and the quoted values of attributes.
fn markup(text: &[u8], each: &mut dyn FnMut(&[u8])) {
    for part in text.split(|b| *b == b'<') {
        let end = part.iter().position(|b| *b == b'>').unwrap_or(part.len());
        let (tag, behind) = part.split_at(end);
        // Every second part between quotes is inside of them.
        tag.split(|b| matches!(b, b'"' | b'\'')).skip(1).step_by(2).for_each(&mut *each);
        each(behind.get(1..).unwrap_or_default().trim_ascii());
    }
}

/// Whether parts of a body are written in other characters than they stand for.
pub fn hides(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"--") && contains(text, b"quoted-printable")
}

/// What the parts hold, and the values of their headers (names of fields and files).
fn multipart(text: &[u8], each: &mut dyn FnMut(&[u8])) {
    let line_end = text.iter().position(|b| *b == b'\n').unwrap_or(text.len());
    let boundary = text.get(..line_end).unwrap_or_default().trim_ascii();
    let (mut headers, mut quoted, mut start, mut at) = (true, false, 0, 0);
    let mut part = |quoted: bool, text: &[u8]| match quoted {
        true => each(&quoted_printable(text)),
        false => each(text),
    };
    for line in text.split_inclusive(|b| *b == b'\n') {
        let content = line.trim_ascii();
        if !boundary.is_empty() && content.starts_with(boundary) {
            if !headers {
                part(quoted, text.get(start..at).unwrap_or_default().trim_ascii());
            }
            (headers, quoted) = (true, false);
        } else if headers && content.is_empty() {
            (headers, start) = (false, at + line.len());
        } else if headers {
            quoted |= is_quoted(content);
            content.split(|b| *b == b'"').skip(1).step_by(2).for_each(|name| part(false, name));
        }
        at += line.len();
    }
    if !headers {
        part(quoted, text.get(start..).unwrap_or_default());
    }
}

/// Whether a field of a part says that it is in quoted-printable.
fn is_quoted(field: &[u8]) -> bool {
    let mut sides = field.splitn(2, |b| *b == b':').map(<[u8]>::trim_ascii);
    let is =
        |side: Option<&[u8]>, wanted: &[u8]| side.is_some_and(|s| s.eq_ignore_ascii_case(wanted));
    is(sides.next(), b"content-transfer-encoding") && is(sides.next(), b"quoted-printable")
}

/// What quoted-printable (RFC 2045 §6.7) stands for: `=27` a byte, and nothing for `=` at the end of a line.
fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut parts = text.split(|b| *b == b'=');
    out.extend_from_slice(parts.next().unwrap_or_default());
    for part in parts {
        let digit = |at: usize| part.get(at).and_then(|b| char::from(*b).to_digit(16));
        let blanks = part.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
        match (digit(0), digit(1)) {
            (Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                out.extend_from_slice(part.get(2..).unwrap_or_default());
            }
            _ if part.get(blanks) == Some(&b'\n') => {
                out.extend_from_slice(part.get(blanks + 1..).unwrap_or_default());
            }
            _ => {
                out.push(b'=');
                out.extend_from_slice(part);
            }
        }
    }
    out
}

/// The runs of text in binary content, such as protobuf.
fn binary(text: &[u8], each: &mut dyn FnMut(&[u8])) {
    let runs = text.split(|b| *b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r'));
    runs.filter(|run| run.len() >= SHORTEST_RUN).for_each(each);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(kind: Text, text: &str) -> Vec<String> {
        let mut all = Vec::new();
        each(kind, text.as_bytes(), &mut |v| {
            if !v.is_empty() {
                all.push(String::from_utf8_lossy(v).into_owned());
            }
        });
        all
    }

    #[test]
    fn values_of_each_kind_of_text() {
        for (kind, text, wanted) in [
            (Text::Url, "/a/b?x=1&y=a=b&z", &["/a/b", "x", "1", "y", "a=b", "z"][..]),
            (Text::Field, "a=1; b=x'y", &["a", "1", "b", "x'y"]),
            (Text::Field, "a=b=c", &["a", "b=c"]),
            (Text::Field, "YQ==", &["YQ=="]),
            (Text::Field, "it is=so", &["it is=so"]),
            (Text::Field, "text/html;q=0.9, */*", &["text/html;q=0.9, */*"]),
            (Text::Body, "q=1+or+1&b", &["q", "1+or+1", "b"]),
            (Text::Body, r#"{"k":[1,"x\"y"],"b":true}"#, &["k", r#"x\"y"#, "b"]),
            (Text::Body, r#"[{"o":"p"#, &["o", "p"]),
            (Text::JsonPiece, r#"h","o":"p"},{"#, &["h", "o", "p"]),
            (Text::Body, "+b&c=d", &["+b", "c", "d"]),
            (Text::Body, "<a b=\"1\" c='2'>x</a>", &["1", "2", "x"]),
            (
                Text::Body,
                "--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\nv\r\nw\r\n--b--",
                &["n", "v\r\nw"],
            ),
            (
                Text::Body,
                "--b\r\nContent-Disposition: form-data; name=\"n\"\r\ncontent-transfer-encoding: Quoted-Printable\r\n\r\n\
                 =3Ca=20=\r\nb=3D=e2 a=zz=\r\n--b\r\nContent-Disposition: form-data; name=\"m\"\r\n\r\n=3C\r\n--b--",
                &["n", "<a b=\u{fffd} a=zz=", "m", "=3C"],
            ),
            (Text::Body, "\0\0\0\x01\x09\x0a\x05hello\x12", &["hello"]),
            (Text::Body, "a sentence, x=1", &["a sentence, x=1"]),
        ] {
            assert_eq!(values(kind, text), wanted, "{text}");
        }
    }
}
