//! `weir events`: the last events, and those to come.

use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::Args as ClapArgs;
use serde_json::Value;

use super::client::Client;
use super::style::{Style, printable};
use super::{Failure, Outcome, output};

/// The event types there are; another name would silently match nothing.
const TYPES: [&str; 11] = [
    "http",
    "grpc",
    "leak",
    "attack",
    "block",
    "flow",
    "tls",
    "stats",
    "websocket",
    "anomaly",
    "behaviour",
];

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Go on with events as they come
    #[arg(short, long)]
    follow: bool,
    /// As JSON lines, in the shape of Suricata's EVE
    #[arg(long)]
    json: bool,
    /// Only events of this type
    #[arg(long = "type", value_parser = TYPES)]
    event_type: Option<String>,
    /// How many of the last ones
    #[arg(short, default_value_t = 20)]
    n: usize,
}

pub(super) fn run(client: &Client, args: &Args) -> Outcome {
    let mut path = format!("/api/v1/events?n={}", args.n);
    if let Some(t) = &args.event_type {
        path.push_str(&format!("&type={t}"));
    }
    if args.follow {
        path.push_str("&follow=true");
    }
    let style = Style::detect();
    let mut rest = Vec::new();
    client.stream(&path, |bytes| {
        rest.extend_from_slice(bytes);
        let whole = rest.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = rest.drain(..whole).collect();
        let mut out = stdout().lock();
        if args.json {
            return output(out.write_all(&lines).and_then(|()| out.flush()));
        }
        for line in lines.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            let event: Value = serde_json::from_slice(line).map_err(|e| {
                Failure::new(format!("weir-mgmt sent a line that is no event: {e}"))
            })?;
            output(writeln!(out, "{}", render(&event, style)))?;
        }
        output(out.flush())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// An event on one line: when, what, between whom, and what was done.
fn render(event: &Value, style: Style) -> String {
    let at = |path: &str| match event.pointer(path) {
        Some(Value::String(s)) => printable(s),
        Some(v) => v.to_string(),
        None => String::new(),
    };
    let kind = at("/event_type");
    let shown = format!("{kind:<9}");
    let shown = match kind.as_str() {
        "leak" | "attack" | "block" => style.bad(&shown),
        "anomaly" | "behaviour" | "left_out" => style.warn(&shown),
        _ => shown,
    };
    let time = at("/timestamp");
    let time = time.get(11..23).unwrap_or(&time);
    let mut parts = vec![style.dim(time), shown];
    if event.get("src_ip").is_some() {
        let end = |ip: &str, port: &str| match at(ip) {
            ip if ip.contains(':') => format!("[{ip}]:{}", at(port)),
            ip => format!("{ip}:{}", at(port)),
        };
        parts.push(format!("{} → {}", end("/src_ip", "/src_port"), end("/dest_ip", "/dest_port")));
    }
    let finding = |o: &str| {
        let did = if at(&format!("{o}/enforced")) == "true" { "" } else { "would " };
        let path = Some(at(&format!("{o}/path"))).filter(|path| !path.is_empty());
        format!(
            "{} {}{} ({did}{}, rule {})",
            at(&format!("{o}/detector")),
            at(&format!("{o}/sample")),
            path.map(|path| format!(" at {path}")).unwrap_or_default(),
            at(&format!("{o}/action")),
            at(&format!("{o}/rule")),
        )
    };
    match kind.as_str() {
        "leak" => parts.push(finding("/leak")),
        "attack" => parts.push(finding("/attack")),
        "block" => parts.push(format!("{} by rule {}", at("/block/how"), at("/block/rule"))),
        "flow" => parts.push(format!(
            "{}, {} B out, {} B back",
            at("/flow/state"),
            at("/flow/bytes_toserver"),
            at("/flow/bytes_toclient")
        )),
        "tls" => parts.push(format!("{} {}", at("/tls/sni"), at("/tls/version"))),
        "anomaly" => parts.push(format!("{} {}", at("/anomaly/event"), at("/anomaly/detail"))),
        "behaviour" => {
            let did = if at("/behaviour/enforced") == "true" { "" } else { "would " };
            let reasons = event.pointer("/behaviour/reasons").and_then(Value::as_array);
            let reasons = reasons.into_iter().flatten().filter_map(Value::as_str);
            parts.push(format!(
                "{} {} to step {} ({did}{}): {}",
                at("/behaviour/kind"),
                at("/behaviour/score"),
                at("/behaviour/level"),
                at("/behaviour/action"),
                printable(&reasons.collect::<Vec<_>>().join(", "))
            ));
        }
        "websocket" => parts.push(at("/websocket/opcode")),
        "left_out" => parts.push(format!("{} events: this terminal is too slow", at("/count"))),
        _ => {}
    }
    if event.get("http").is_some() {
        let (host, url) = (at("/http/hostname"), at("/http/url"));
        parts.push(format!("{} {host}{url} {}", at("/http/http_method"), at("/http/status")));
    }
    if event.get("grpc").is_some() {
        parts.push(format!(
            "{}/{} {}",
            at("/grpc/service"),
            at("/grpc/method"),
            at("/grpc/status")
        ));
    }
    parts.join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_only_reported_says_would() {
        let mut event = json!({
            "timestamp": "2024-02-29T12:34:56.000001+0000", "event_type": "leak",
            "src_ip": "10.0.0.1", "src_port": 4, "dest_ip": "2001:db8::2", "dest_port": 80,
            "leak": {"detector": "payment-card", "sample": "4***1", "path": "$.card", "action": "mask", "enforced": true, "rule": "cards"},
            "http": {"http_method": "GET", "hostname": "shop", "url": "/\u{1b}[2J", "status": 200}
        });
        assert_eq!(
            render(&event, Style::detect()),
            "12:34:56.000  leak       10.0.0.1:4 → [2001:db8::2]:80  payment-card 4***1 at $.card (mask, rule cards)  GET shop/·[2J 200"
        );
        event["leak"]["enforced"] = false.into();
        assert!(render(&event, Style::detect()).contains("(would mask, rule cards)"));
    }
}
