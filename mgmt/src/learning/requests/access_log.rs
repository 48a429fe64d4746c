//! Lines of an access log as Apache and nginx write them: common (`%h %l %u %t "%r" %>s %b`) and combined (then
//! `"%{Referer}i" "%{User-agent}i"`).

use jiff::Timestamp;
use weir_inspect::request::{Request, Response};

const TIME: &str = "%d/%b/%Y:%H:%M:%S %z";

/// Reads a line. None: a connection that sent no request (`"-"`, a TLS handshake on a plain port).
pub(super) fn parse(line: &[u8]) -> Result<Option<Request>, String> {
    // Logs hold what clients sent: not always UTF-8.
    let line = String::from_utf8_lossy(line);
    let mut rest = line.as_ref();
    let src = word(&mut rest).ok_or("no client address: not an access log?")?;
    let _identd = word(&mut rest).ok_or("no identity field")?;
    let user = until(&mut rest, " [").ok_or("no time in brackets")?;
    let time = until(&mut rest, "]").ok_or("no end of the time")?;
    let ts = Timestamp::strptime(TIME, time).map_err(|e| format!("`{time}`: {e}"))?;
    let target = quoted(&mut rest).ok_or("no request in quotes")?;
    let status = word(&mut rest).ok_or("no status")?;
    let status: u16 = status.parse().map_err(|_| format!("`{status}` is no status"))?;
    let length = word(&mut rest).and_then(|w| w.parse().ok()).unwrap_or(0);
    let mut headers = Vec::new();
    for name in ["referer", "user-agent"] {
        if let Some(value) = quoted(&mut rest).filter(|value| value != "-") {
            headers.push((name.to_owned(), value));
        }
    }
    let Some((method, url)) = request_line(&target) else { return Ok(None) };
    Ok(Some(Request {
        method: method.to_owned(),
        url: url.to_owned(),
        src: Some(src.to_owned()),
        user: Some(user.trim()).filter(|user| *user != "-").map(str::to_owned),
        ts: Some(ts.as_millisecond() as f64 / 1000.0),
        headers,
        response: Some(Response { status, length, ..Response::default() }),
        ..Request::default()
    }))
}

/// Method and target, if it is a request.
fn request_line(text: &str) -> Option<(&str, &str)> {
    let (method, rest) = text.split_once(' ')?;
    let url = rest.rsplit_once(" HTTP/").map_or(rest, |(url, _)| url).trim();
    let is_method =
        !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    (is_method && !url.is_empty()).then_some((method, url))
}

fn word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_start();
    let (word, after) = text.split_at(text.find(' ').unwrap_or(text.len()));
    *rest = after;
    Some(word).filter(|word| !word.is_empty())
}

fn until<'a>(rest: &mut &'a str, end: &str) -> Option<&'a str> {
    let (before, after) = rest.split_once(end)?;
    *rest = after;
    Some(before)
}

/// A field in quotation marks, its escapes (`\"`, `\\`, `\xhh`) undone. A line that was cut off ends its last field.
fn quoted(rest: &mut &str) -> Option<String> {
    let mut chars = rest.trim_start().strip_prefix('"')?.chars();
    let mut bytes = Vec::new();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => escaped(&mut chars, &mut bytes),
            c => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    *rest = chars.as_str();
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn escaped(chars: &mut std::str::Chars<'_>, bytes: &mut Vec<u8>) {
    let code = |text: &str| {
        let hex = text.strip_prefix('x')?.get(..2)?;
        u8::from_str_radix(hex, 16).ok()
    };
    if let Some(byte) = code(chars.as_str()) {
        bytes.push(byte);
        chars.nth(2);
        return;
    }
    match chars.next() {
        Some('n') => bytes.push(b'\n'),
        Some('r') => bytes.push(b'\r'),
        Some('t') => bytes.push(b'\t'),
        Some(c) => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        None => bytes.push(b'\\'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_combined_line() {
        let line = br#"::1 - jane doe [10/Oct/2000:13:55:36 -0700] "GET /a%20b?q=\"x\" HTTP/1.1" 200 2326 "-" "A \x22b\x22 \\""#;
        let request = parse(line).unwrap().unwrap();
        assert_eq!((request.method.as_str(), request.url.as_str()), ("GET", "/a%20b?q=\"x\""));
        assert_eq!((request.user.as_deref(), request.ts), (Some("jane doe"), Some(971_211_336.0)));
        assert_eq!(request.headers, [("user-agent".to_owned(), "A \"b\" \\".to_owned())]);
        let response = request.response.unwrap();
        assert_eq!((response.status, response.length), (200, 2326));
    }

    #[test]
    fn common_cut_and_empty_lines() {
        let common = br#"h - - [10/Oct/2000:13:55:36 +0000] "POST / HTTP/1.0" 304 -"#;
        assert_eq!(parse(common).unwrap().unwrap().response.unwrap().status, 304);
        let cut = br#"h - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.0" 200 1 "-" "Mozil"#;
        assert_eq!(parse(cut).unwrap().unwrap().header("user-agent"), Some("Mozil"));
        for none in ["-", "\\x16\\x03\\x01 \\x02", "GET  HTTP/1.1"] {
            let line = format!("h - - [10/Oct/2000:13:55:36 +0000] \"{none}\" 400 0");
            assert!(parse(line.as_bytes()).unwrap().is_none(), "{none}");
        }
    }

    #[test]
    fn what_is_no_log_is_said() {
        for (line, why) in [
            ("nonsense", "identity"),
            ("h - - [10/Zzz/2000:13:55:36 +0000] \"GET / HTTP/1.0\" 200 1", "10/Zzz"),
            ("h - - [10/Oct/2000:13:55:36 +0000] GET", "quotes"),
            ("h - - [10/Oct/2000:13:55:36 +0000] \"GET / HTTP/1.0\" ok 1", "`ok`"),
        ] {
            let error = parse(line.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
