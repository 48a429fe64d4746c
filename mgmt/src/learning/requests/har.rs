//! HAR, HTTP Archive 1.2 (<http://www.softwareishard.com/blog/har-12-spec/>): what browsers and proxies export.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use weir_inspect::request::{Request, Response};

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: Option<String>,
    /// Milliseconds; -1 where it is not known.
    time: Option<f64>,
    #[serde(rename = "serverIPAddress")]
    server: Option<String>,
    request: Asked,
    response: Option<Answered>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Field>,
    post_data: Option<Content>,
}

#[derive(Deserialize)]
struct Answered {
    /// 0 where none came.
    status: i32,
    #[serde(default)]
    headers: Vec<Field>,
    content: Option<Content>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct Content {
    text: Option<String>,
    encoding: Option<String>,
    /// Bytes; -1 where it is not known.
    size: Option<i64>,
}

/// Whether a document, without white space before it, begins as HAR does.
pub(super) fn is_har(head: &[u8]) -> bool {
    let inside = head.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    inside.is_some_and(|inside| inside.starts_with(b"\"log\""))
}

/// All entries, in their order. The inner error is about one entry.
pub(super) fn parse(document: &[u8]) -> Result<Vec<Result<Request, String>>, String> {
    let document = document.strip_prefix("\u{feff}".as_bytes()).unwrap_or(document);
    let har: Har = serde_json::from_slice(document).map_err(|e| format!("no HAR file: {e}"))?;
    Ok(har.log.entries.into_iter().map(request).collect())
}

fn request(entry: Entry) -> Result<Request, String> {
    let ts = entry.started_date_time.map(|text| {
        let time: Result<Timestamp, _> = text.parse();
        time.map(|t| t.as_millisecond() as f64 / 1000.0).map_err(|e| format!("`{text}`: {e}"))
    });
    let duration = entry.time.filter(|ms| *ms >= 0.0).map(|ms| ms / 1000.0);
    let response = entry.response.and_then(|answer| {
        let status = u16::try_from(answer.status).ok().filter(|status| *status != 0)?;
        Some((status, answer))
    });
    let response = response.map(|(status, answer)| -> Result<Response, String> {
        let size = answer.content.as_ref().and_then(|c| u64::try_from(c.size?).ok());
        let body = body(answer.content)?;
        let length = size.unwrap_or(body.len() as u64);
        let headers = fields(answer.headers);
        Ok(Response { status, headers, body, length, duration, ..Response::default() })
    });
    let headers = fields(entry.request.headers);
    let body = body(entry.request.post_data)?;
    let mut request = Request {
        method: entry.request.method,
        url: entry.request.url,
        dst: entry.server.filter(|ip| !ip.is_empty()),
        length: body.len() as u64,
        body,
        headers,
        ts: ts.transpose()?,
        response: response.transpose()?,
        ..Request::default()
    };
    request.host = request.header("host").or(request.header(":authority")).map(str::to_owned);
    Ok(request)
}

fn fields(fields: Vec<Field>) -> Vec<(String, String)> {
    fields.into_iter().map(|f| (f.name, f.value)).collect()
}

fn body(content: Option<Content>) -> Result<Vec<u8>, String> {
    let Some(Content { text: Some(text), encoding, .. }) = content else { return Ok(Vec::new()) };
    match encoding.as_deref() {
        Some("base64") => STANDARD.decode(text).map_err(|e| format!("a body in base64: {e}")),
        _ => Ok(text.into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_become_requests() {
        let har = br#"{ "log": {"version":"1.2","entries":[
            {"startedDateTime":"2024-01-02T03:04:05.500Z","time":12.5,"serverIPAddress":"10.0.0.1",
             "request":{"method":"POST","url":"https://shop.example/a?b=1","headers":[{"name":":authority","value":"shop.example"}],"postData":{"mimeType":"x","text":"hi"}},
             "response":{"status":201,"headers":[],"content":{"size":3,"text":"AAEC","encoding":"base64"}}},
            {"request":{"method":"GET","url":"http://h/"},"response":{"status":0}},
            {"startedDateTime":"yesterday","request":{"method":"GET","url":"http://h/"}}]}}"#;
        assert!(is_har(har) && !is_har(br#"{"method":"GET"}"#));
        let entries = parse(har).unwrap();
        let first = entries[0].as_ref().unwrap();
        assert_eq!((first.ts, first.body.as_slice()), (Some(1_704_164_645.5), &b"hi"[..]));
        assert_eq!(first.host.as_deref(), Some("shop.example"));
        let response = first.response.as_ref().unwrap();
        assert_eq!((response.body.as_slice(), response.duration), (&[0, 1, 2][..], Some(0.0125)));
        assert!(entries[1].as_ref().unwrap().response.is_none());
        assert!(entries[2].as_ref().unwrap_err().contains("yesterday"));
        assert!(parse(br#"{"log":{}}"#).unwrap_err().contains("entries"));
    }
}
