//! Events as JSON lines in the shape of Suricata's EVE: common fields, then an object named after the type.
//!
//! HTTP events use Suricata's field names, so that what reads `eve.json` reads these. Absent values are left out.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::event::Body;
use crate::{
    AppProto, Behaviour, Block, Direction, Endpoint, Event, Finding, Flow, Grpc, Header, Http,
    Part, Stats, Tls, sample,
};

type Object = Map<String, Value>;

/// The `event_type` of an event, and the name of its object.
pub fn event_type(event: &Event) -> &'static str {
    match &event.body {
        Some(Body::Http(_)) => "http",
        Some(Body::Grpc(_)) => "grpc",
        Some(Body::Leak(_)) => "leak",
        Some(Body::Attack(_)) => "attack",
        Some(Body::Block(_)) => "block",
        Some(Body::Flow(_)) => "flow",
        Some(Body::Tls(_)) => "tls",
        Some(Body::Stats(_)) => "stats",
        Some(Body::Websocket(_)) => "websocket",
        Some(Body::Anomaly(_)) => "anomaly",
        Some(Body::Behaviour(_)) => "behaviour",
        None => "unknown",
    }
}

/// The event as one line of JSON, without the line feed.
pub fn to_line(event: &Event) -> String {
    to_json(event).to_string()
}

/// The event as a JSON object.
pub fn to_json(event: &Event) -> Value {
    let kind = event_type(event);
    let mut o = Object::new();
    o.insert("timestamp".into(), timestamp(event.timestamp_us).into());
    if event.flow_id != 0 {
        o.insert("flow_id".into(), event.flow_id.into());
    }
    o.insert("event_type".into(), kind.into());
    endpoint(&mut o, "src", event.src.as_ref());
    endpoint(&mut o, "dest", event.dst.as_ref());
    if event.src.is_some() {
        o.insert("proto".into(), "TCP".into());
    }
    if event.app_proto() != AppProto::Unknown {
        o.insert("app_proto".into(), event.app_proto().name().into());
    }
    if event.tx_id != 0 {
        o.insert("tx_id".into(), event.tx_id.into());
    }
    match &event.body {
        Some(Body::Http(m)) => object(&mut o, kind, http(m)),
        Some(Body::Grpc(m)) => object(&mut o, kind, grpc(m)),
        Some(Body::Leak(m)) => {
            context(&mut o, m.http.as_ref(), m.grpc.as_ref());
            object(&mut o, kind, m.finding.as_ref().map(finding).unwrap_or_default());
        }
        Some(Body::Attack(m)) => {
            context(&mut o, m.http.as_ref(), m.grpc.as_ref());
            object(&mut o, kind, m.finding.as_ref().map(finding).unwrap_or_default());
        }
        Some(Body::Block(m)) => {
            context(&mut o, m.http.as_ref(), m.grpc.as_ref());
            object(&mut o, kind, block(m));
        }
        Some(Body::Flow(m)) => object(&mut o, kind, flow(m)),
        Some(Body::Tls(m)) => object(&mut o, kind, tls(m)),
        Some(Body::Stats(m)) => object(&mut o, kind, stats(m)),
        Some(Body::Websocket(m)) => {
            let mut w = Object::new();
            w.insert("fin".into(), m.fin.into());
            number(&mut w, "mask", m.mask);
            text(&mut w, "opcode", &m.opcode);
            object(&mut o, kind, w);
        }
        Some(Body::Anomaly(m)) => {
            let mut a = Object::new();
            text(&mut a, "type", &m.r#type);
            text(&mut a, "event", &m.event);
            text(&mut a, "detail", &m.detail);
            // Written by this project as JSON; anything else stays a text.
            if !m.report.is_empty() {
                let report = serde_json::from_str(&m.report);
                a.insert("report".into(), report.unwrap_or_else(|_| m.report.clone().into()));
            }
            object(&mut o, kind, a);
        }
        Some(Body::Behaviour(m)) => {
            context(&mut o, m.http.as_ref(), None);
            object(&mut o, kind, behaviour(m));
        }
        None => {}
    }
    Value::Object(o)
}

fn object(o: &mut Object, name: &str, value: Object) {
    o.insert(name.into(), Value::Object(value));
}

fn text(o: &mut Object, name: &str, value: &str) {
    if !value.is_empty() {
        o.insert(name.into(), value.into());
    }
}

fn number(o: &mut Object, name: &str, value: Option<u32>) {
    if let Some(n) = value {
        o.insert(name.into(), n.into());
    }
}

fn endpoint(o: &mut Object, side: &str, end: Option<&Endpoint>) {
    if let Some((end, ip)) = end.and_then(|e| Some((e, e.addr()?))) {
        o.insert(format!("{side}_ip"), ip.to_string().into());
        o.insert(format!("{side}_port"), end.port.into());
    }
}

/// The message in which a finding or a block lies, under its own names beside it.
fn context(o: &mut Object, h: Option<&Http>, g: Option<&Grpc>) {
    if let Some(h) = h {
        object(o, "http", http(h));
    }
    if let Some(g) = g {
        object(o, "grpc", grpc(g));
    }
}

fn http(m: &Http) -> Object {
    let mut o = Object::new();
    text(&mut o, "hostname", &m.hostname);
    number(&mut o, "http_port", m.http_port);
    text(&mut o, "url", &m.url);
    text(&mut o, "http_user_agent", &m.http_user_agent);
    text(&mut o, "http_content_type", &m.http_content_type);
    text(&mut o, "http_refer", &m.http_refer);
    text(&mut o, "http_method", &m.http_method);
    text(&mut o, "protocol", &m.protocol);
    if m.status != 0 {
        o.insert("status".into(), m.status.into());
    }
    text(&mut o, "redirect", &m.redirect);
    o.insert("length".into(), m.length.into());
    text(&mut o, "endpoint", &m.endpoint);
    if let Some(graphql) = &m.graphql {
        let mut g = Object::new();
        text(&mut g, "operation_type", &graphql.operation_type);
        text(&mut g, "operation_name", &graphql.operation_name);
        object(&mut o, "graphql", g);
    }
    if m.request_length != 0 {
        o.insert("request_length".into(), m.request_length.into());
    }
    if let Some(id) = m.http2_stream_id {
        // Suricata names HTTP/2 by `version`, HTTP/1 by `protocol`.
        o.insert("version".into(), "2".into());
        o.insert("http2".into(), json!({ "stream_id": id }));
    }
    headers(&mut o, "request_headers", &m.request_headers);
    headers(&mut o, "response_headers", &m.response_headers);
    o
}

fn headers(o: &mut Object, name: &str, list: &[Header]) {
    if !list.is_empty() {
        let list = list.iter().map(|h| json!({ "name": h.name, "value": h.value })).collect();
        o.insert(name.into(), Value::Array(list));
    }
}

fn grpc(m: &Grpc) -> Object {
    let mut o = Object::new();
    text(&mut o, "hostname", &m.hostname);
    text(&mut o, "service", &m.service);
    text(&mut o, "method", &m.method);
    number(&mut o, "status", m.status);
    o.insert("request_messages".into(), m.request_messages.into());
    o.insert("response_messages".into(), m.response_messages.into());
    o.insert("http2".into(), json!({ "stream_id": m.http2_stream_id }));
    o
}

fn finding(m: &Finding) -> Object {
    let mut o = Object::new();
    text(&mut o, "rule", &m.rule);
    text(&mut o, "severity", &m.severity);
    text(&mut o, "detector", &m.detector);
    text(&mut o, "category", &m.category);
    o.insert("action".into(), m.action().name().into());
    o.insert("enforced".into(), m.enforced.into());
    if m.direction() != Direction::Unknown {
        o.insert("direction".into(), m.direction().name().into());
    }
    if m.part() != Part::Unknown {
        o.insert("part".into(), m.part().name().into());
    }
    text(&mut o, "service", &m.service);
    text(&mut o, "path", &m.path);
    text(&mut o, "sample", &m.sample);
    text(&mut o, "hash", &hex(&m.hash));
    text(&mut o, "identity", &hex(&m.identity));
    o.insert("start".into(), m.start.into());
    o.insert("end".into(), m.end.into());
    o.insert("released_bytes".into(), m.released_bytes.into());
    if m.confidence > 0.0 {
        o.insert("confidence".into(), two_decimals(m.confidence));
    }
    text(&mut o, "reason", &m.reason);
    o
}

/// An f32 such as 0.9 would be written 0.8999999761581421.
fn two_decimals(value: f32) -> Value {
    ((f64::from(value) * 100.0).round() / 100.0).into()
}

fn behaviour(m: &Behaviour) -> Object {
    let mut o = Object::new();
    o.insert("level".into(), m.level.into());
    text(&mut o, "action", &m.action);
    o.insert("enforced".into(), m.enforced.into());
    o.insert("score".into(), two_decimals(m.score));
    text(&mut o, "kind", &m.kind);
    o.insert("reasons".into(), json!(m.reasons));
    o.insert("requests".into(), m.requests.into());
    text(&mut o, "service", &m.service);
    text(&mut o, "identity", &hex(&m.identity));
    o
}

fn block(m: &Block) -> Object {
    let mut o = Object::new();
    text(&mut o, "rule", &m.rule);
    text(&mut o, "severity", &m.severity);
    text(&mut o, "how", &m.how);
    text(&mut o, "reason", &m.reason);
    text(&mut o, "service", &m.service);
    text(&mut o, "identity", &hex(&m.identity));
    o
}

fn flow(m: &Flow) -> Object {
    let mut o = Object::new();
    o.insert("pkts_toserver".into(), m.pkts_toserver.into());
    o.insert("pkts_toclient".into(), m.pkts_toclient.into());
    o.insert("bytes_toserver".into(), m.bytes_toserver.into());
    o.insert("bytes_toclient".into(), m.bytes_toclient.into());
    o.insert("start".into(), timestamp(m.start_us).into());
    o.insert("end".into(), timestamp(m.end_us).into());
    o.insert("age".into(), (m.end_us.saturating_sub(m.start_us) / 1_000_000).into());
    text(&mut o, "state", &m.state);
    text(&mut o, "reason", &m.reason);
    o.insert("alerted".into(), m.alerted.into());
    text(&mut o, "service", &m.service);
    o
}

fn tls(m: &Tls) -> Object {
    let mut o = Object::new();
    text(&mut o, "sni", &m.sni);
    text(&mut o, "version", &m.version);
    text(&mut o, "ja4", &m.ja4);
    o
}

fn stats(m: &Stats) -> Object {
    let mut o = Object::new();
    o.insert("uptime".into(), m.uptime.into());
    for s in &m.samples {
        let labels: Vec<_> = s.labels.iter().map(|l| format!("{}={}", l.name, l.value)).collect();
        let name = [vec![s.name.clone()], labels].concat().join(",");
        let value = match s.value {
            Some(sample::Value::Count(n)) => n.into(),
            _ => s.as_f64().into(),
        };
        o.insert(name, value);
    }
    o
}

/// Bytes as events write them: lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// ISO 8601 with microseconds, in UTC, as Suricata writes it: `2024-02-29T12:34:56.000001+0000`.
pub fn timestamp(us: u64) -> String {
    let (secs, us) = (us / 1_000_000, us % 1_000_000);
    let (year, month, day) = civil(secs / 86_400);
    let (h, m, s) = (secs / 3_600 % 24, secs / 60 % 60, secs % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{us:06}+0000")
}

/// Year, month and day of a count of days since 1970-01-01 in the proleptic Gregorian calendar. Years are taken to
/// begin in March, so that the leap day is the last of its year, and counted in eras of 400 years (146,097 days).
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468; // days since 0000-03-01
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153; // months since March
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = era * 400 + yoe + u64::from(month <= 2);
    (year, month, doy - (153 * mp + 2) / 5 + 1)
}
