//! A recorded request: the JSON line that all offline engines read (design: the contracts).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A request as it was recorded. What is not needed to judge it is left out.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// What its answer is labelled with; null if it has no id.
    pub id: Value,
    /// The method.
    pub method: String,
    /// Path and query, as sent.
    pub url: String,
    /// `Host`, if it is given apart from the headers or among them.
    pub host: Option<String>,
    /// The client's address, if it is known.
    pub src: Option<String>,
    /// The server's address, if it is known.
    pub dst: Option<String>,
    /// Names and values, as sent.
    pub headers: Vec<(String, String)>,
    /// The body, undone from its framing.
    pub body: Vec<u8>,
}

/// The line as it is written.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
    method: String,
    url: String,
    host: Option<String>,
    src: Option<String>,
    dst: Option<String>,
    #[serde(default)]
    headers: Map<String, Value>,
    body: Option<String>,
    body_b64: Option<String>,
}

impl Request {
    /// Reads a line; the error is a sentence.
    pub fn parse(line: &[u8]) -> Result<Request, String> {
        let line: Line = serde_json::from_slice(line).map_err(|e| e.to_string())?;
        let mut headers = Vec::new();
        for (name, value) in line.headers {
            // A field that was sent several times is a list.
            let values = match value {
                Value::Array(values) => values,
                single => vec![single],
            };
            for value in values {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                headers.push((name.clone(), text));
            }
        }
        let body = match (line.body, line.body_b64) {
            (Some(text), _) => text.into_bytes(),
            (None, Some(coded)) => STANDARD.decode(coded).map_err(|e| format!("body_b64: {e}"))?,
            (None, None) => Vec::new(),
        };
        let mut request = Request {
            id: line.id,
            method: line.method,
            url: line.url,
            host: line.host,
            src: line.src,
            dst: line.dst,
            headers,
            body,
        };
        if request.host.is_none() {
            request.host = request.header("host").map(str::to_owned);
        }
        Ok(request)
    }

    /// The value of the first field of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let same = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.headers.iter().find(same).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let request = Request::parse(
            br#"{"id":7,"method":"POST","url":"/a","headers":{"hOst":"h","X":["1","2"]},"body_b64":"AAE="}"#,
        )
        .unwrap();
        assert_eq!((request.host.as_deref(), request.headers.len()), (Some("h"), 3));
        assert_eq!((request.body.as_slice(), request.id), (&[0, 1][..], 7.into()));
        assert!(Request::parse(br#"{"url":"/a"}"#).unwrap_err().contains("method"));
        assert!(Request::parse(br#"{"method":"G","url":"/","body_b64":"!"}"#).is_err());
    }
}
