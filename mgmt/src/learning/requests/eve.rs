//! Events of Weir (EVE JSON lines): each `http` event is a request whose bodies were not kept.

use jiff::Timestamp;
use serde_json::Value;
use weir_inspect::request::{Request, Response};

/// Reads a line. None: an event of another kind.
pub(super) fn parse(line: &[u8]) -> Result<Option<Request>, String> {
    let event: Value = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    if event.get("event_type").and_then(Value::as_str) != Some("http") {
        return Ok(None);
    }
    let http = |name: &str| event.get("http").and_then(|http| http.get(name));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let method = text(http("http_method")).ok_or("an http event without `http_method`")?;
    let url = text(http("url")).ok_or("an http event without `url`")?;
    let mut headers = fields(http("request_headers"));
    for (name, field) in [("user-agent", "http_user_agent"), ("referer", "http_refer")] {
        let missing = !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if let Some(value) = text(http(field)).filter(|_| missing) {
            headers.push((name.to_owned(), value));
        }
    }
    let mut answered = fields(http("response_headers"));
    if let Some(kind) = text(http("http_content_type")).filter(|_| answered.is_empty()) {
        answered.push(("content-type".to_owned(), kind));
    }
    let status = http("status").and_then(Value::as_u64).and_then(|s| u16::try_from(s).ok());
    let length = http("length").and_then(Value::as_u64).unwrap_or(0);
    Ok(Some(Request {
        id: event.get("flow_id").cloned().unwrap_or_default(),
        method,
        url,
        host: text(http("hostname")),
        src: end(&event, "src"),
        dst: end(&event, "dest"),
        headers,
        ts: event.get("timestamp").and_then(Value::as_str).and_then(time),
        response: status.map(|status| Response {
            status,
            length,
            headers: answered,
            ..Response::default()
        }),
        ..Request::default()
    }))
}

fn fields(list: Option<&Value>) -> Vec<(String, String)> {
    let field = |header: &Value| {
        let part = |name| header.get(name).and_then(Value::as_str).map(str::to_owned);
        Some((part("name")?, part("value")?))
    };
    list.and_then(Value::as_array).into_iter().flatten().filter_map(field).collect()
}

fn end(event: &Value, side: &str) -> Option<String> {
    let ip = event.get(format!("{side}_ip"))?.as_str()?;
    let port = event.get(format!("{side}_port"))?.as_u64()?;
    Some(if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") })
}

/// Seconds since the Unix epoch of `2026-11-22T05:54:24.882599+0000`.
fn time(text: &str) -> Option<f64> {
    let time = Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()?;
    Some(time.as_microsecond() as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_events_are_requests() {
        let line = br#"{"timestamp":"2026-11-22T05:55:20.990474+0000","flow_id":12,"event_type":"http","src_ip":"fd00::1","src_port":33816,"dest_ip":"10.9.0.2","dest_port":8080,"http":{"hostname":"h","url":"/a?b=1","http_user_agent":"u","http_method":"GET","status":200,"length":10}}"#;
        let request = parse(line).unwrap().unwrap();
        assert_eq!(request.ts, Some(1_795_326_920.990474));
        assert_eq!(request.src.as_deref(), Some("[fd00::1]:33816"));
        assert_eq!((request.header("user-agent"), request.url.as_str()), (Some("u"), "/a?b=1"));
        assert_eq!(request.response.map(|r| (r.status, r.length)), Some((200, 10)));
        assert!(parse(br#"{"event_type":"flow"}"#).unwrap().is_none());
        assert!(parse(br#"{"event_type":"http"}"#).unwrap_err().contains("http_method"));
    }
}
