//! A recorded request: the JSON line that all offline engines read (design: the contracts).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::shape::Schema;

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
    /// When it was sent, in seconds since the Unix epoch, if that is known.
    pub ts: Option<f64>,
    /// Who sent it, where the recording says so: its user, or else its session.
    pub user: Option<String>,
    /// What the server answered, if that was recorded.
    pub response: Option<Response>,
    /// Which service sent it, where that is known.
    pub caller: Option<String>,
    /// Categories of sensitive data that were found in it.
    pub sent: Vec<String>,
    /// In its answer.
    pub received: Vec<String>,
    /// The template of the learnt endpoint that it goes to, if one was known.
    pub endpoint: Option<String>,
    /// The GraphQL operation that it asks for, where that was told apart from its body.
    pub operation: Option<String>,
    /// Bytes of the body, also where the body itself was not recorded.
    pub length: u64,
    /// The shape of a JSON body that was not recorded itself.
    pub shape: Option<Schema>,
    /// In a sample: it stands for so many requests; 0 and 1: for itself.
    pub weight: u32,
}

/// A recorded response.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// Its status code.
    pub status: u16,
    /// Names and values, as sent.
    pub headers: Vec<(String, String)>,
    /// The body, undone from its framing.
    pub body: Vec<u8>,
    /// Bytes of the body, also where the body itself was not recorded.
    pub length: u64,
    /// The shape of a JSON body that was not recorded itself.
    pub shape: Option<Schema>,
    /// Seconds from the request to the end of its answer, if they were measured.
    pub duration: Option<f64>,
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
    ts: Option<f64>,
    user: Option<String>,
    session: Option<String>,
    duration: Option<f64>,
    status: Option<u16>,
    #[serde(default)]
    response_headers: Map<String, Value>,
    response_body: Option<String>,
    response_body_b64: Option<String>,
    response_length: Option<u64>,
    caller: Option<String>,
    endpoint: Option<String>,
    operation: Option<String>,
    #[serde(default)]
    sensitive_sent: Vec<String>,
    #[serde(default)]
    sensitive_received: Vec<String>,
    #[serde(default)]
    weight: u32,
}

/// Names and values; a field that was sent several times is a list.
fn fields(map: Map<String, Value>) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for (name, value) in map {
        let values = match value {
            Value::Array(values) => values,
            single => vec![single],
        };
        for value in values {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            fields.push((name.clone(), text));
        }
    }
    fields
}

fn body(text: Option<String>, coded: Option<String>, name: &str) -> Result<Vec<u8>, String> {
    match (text, coded) {
        (Some(text), _) => Ok(text.into_bytes()),
        (None, Some(coded)) => STANDARD.decode(coded).map_err(|e| format!("{name}: {e}")),
        (None, None) => Ok(Vec::new()),
    }
}

impl Request {
    /// Reads a line; the error is a sentence.
    pub fn parse(line: &[u8]) -> Result<Request, String> {
        let line: Line = serde_json::from_slice(line).map_err(|e| e.to_string())?;
        let response = match line.status {
            Some(status) => {
                let body = body(line.response_body, line.response_body_b64, "response_body_b64")?;
                Some(Response {
                    status,
                    headers: fields(line.response_headers),
                    length: line.response_length.unwrap_or(body.len() as u64),
                    body,
                    shape: None,
                    duration: line.duration,
                })
            }
            None => None,
        };
        let body = body(line.body, line.body_b64, "body_b64")?;
        let mut request = Request {
            id: line.id,
            method: line.method,
            url: line.url,
            host: line.host,
            src: line.src,
            dst: line.dst,
            headers: fields(line.headers),
            length: body.len() as u64,
            body,
            shape: None,
            ts: line.ts,
            user: line.user.or(line.session),
            response,
            caller: line.caller,
            endpoint: line.endpoint,
            operation: line.operation,
            sent: line.sensitive_sent,
            received: line.sensitive_received,
            weight: line.weight,
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
        assert!(request.response.is_none());
        let answered = br#"{"method":"GET","url":"/","ts":1.5,"user":"u","status":200,"duration":0.5,"response_body":"hi"}"#;
        let answered = Request::parse(answered).unwrap();
        assert_eq!(answered.user.as_deref(), Some("u"));
        let response = answered.response.unwrap();
        assert_eq!((response.status, response.body.as_slice()), (200, &b"hi"[..]));
        assert_eq!((response.length, response.duration), (2, Some(0.5)));
        assert!(Request::parse(br#"{"url":"/a"}"#).unwrap_err().contains("method"));
        assert!(Request::parse(br#"{"method":"G","url":"/","body_b64":"!"}"#).is_err());
    }
}
