//! The acts of the demo: what passes, what is masked, what is blocked, and what is told of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use weir_tests::clients::{Answer, Version, curl, curl_url, curl_with, grpc};
use weir_tests::net::SERVER_V4;
use weir_tests::orders::order;
use weir_tests::process::wait_for;
use weir_tests::servers::{H1, H2};
use weir_tests::weir::total;
use weir_tests::{Error, Result};

use super::Stage;
use super::screen::Screen;
use super::shop::{CLEAN, KEY, LEAKING, SECRET_FIELDS, SHOWN_FIELDS, secrets};

/// A refused client is to have its answer within this (`perf/` measures it on a quiet machine).
const SOON: Duration = Duration::from_millis(500);

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| (*c).to_owned()).collect()
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

/// A field's value as text; strings without their quotes.
fn field(page: &Value, name: &str) -> String {
    match page.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "–".into(),
    }
}

/// A page as nginx serves it: asked for behind Weir's back.
fn original(stage: &Stage<'_>, path: &str) -> Result<Vec<u8>> {
    let url = format!("http://127.0.0.1:{H1}{path}");
    Ok(curl_url(&stage.topology.server, Version::H1, &url, &[])?.body)
}

/// What nobody has to protect.
pub fn passed(screen: &mut Screen, stage: &Stage<'_>) -> Result<()> {
    screen.chapter("What passes: pages without secrets, bit for bit");
    let client = &stage.topology.client;
    let sent = original(stage, CLEAN)?;
    let mut rows = vec![row(&["page", "protocol", "status", "bytes", "as sent"])];
    let mut same = true;
    for (version, name) in [(Version::H1, "HTTP/1.1"), (Version::H2, "HTTP/2")] {
        let Answer { status, body, .. } = curl(client, version, CLEAN)?;
        let equal = body == sent;
        same &= equal;
        let (status, length) = (status.to_string(), body.len().to_string());
        rows.push(row(&[CLEAN, name, &status, &length, if equal { "yes" } else { "NO" }]));
    }
    let number = 4;
    let got = grpc(client, &["get", &number.to_string()])?;
    let customer = got.first().map(|o| field(o, "customer")).unwrap_or_default();
    let equal = customer == order(number).customer;
    same &= equal;
    rows.push(row(&["order 4", "gRPC", "OK", "–", if equal { "yes" } else { "NO" }]));
    screen.table(&rows);
    screen.claim(same, "Over HTTP/1.1, HTTP/2 and gRPC they arrive as they were sent", &customer);

    let urls = [CLEAN, LEAKING].map(|p| format!("http://{SERVER_V4}:{H2}{p}"));
    let [clean, leaking] = &urls;
    let argv = ["h2load", "-n", "4000", "-c", "8", "-m", "16", clean, leaking];
    let output = client.run(&argv, Duration::from_secs(60))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let of = |begin: &str| text.lines().find(|l| l.starts_with(begin)).unwrap_or("").to_owned();
    screen.command(&format!("h2load -n 4000 -c 8 -m 16 {CLEAN} {LEAKING}"));
    screen.output(&format!("{}\n{}\n", of("finished in"), of("requests:")));
    let good = text.contains("4000 succeeded, 0 failed, 0 errored, 0 timeout");
    let what = "4,000 requests on 8 HTTP/2 connections, half of them with leaks, are all answered";
    screen.claim(good, what, &of("requests:"));
    Ok(())
}

/// Before and after.
pub fn masked(screen: &mut Screen, stage: &Stage<'_>) -> Result<()> {
    screen.chapter("What is masked: the length stays, the JSON stays JSON, the secret is gone");
    let client = &stage.topology.client;
    let sent = original(stage, LEAKING)?;
    let h1 = curl(client, Version::H1, LEAKING)?.body;
    let h2 = curl(client, Version::H2, LEAKING)?.body;
    let pages = [&sent, &h1, &h2].map(|b| json(b));
    let mut rows = vec![row(&["field", "nginx sends", "curl gets by HTTP/1.1", "by HTTP/2"])];
    for name in SHOWN_FIELDS {
        let cells = pages.iter().map(|p| field(p, name));
        rows.push([name.to_owned()].into_iter().chain(cells).collect());
    }
    screen.say(LEAKING);
    screen.table(&rows);
    let [before, after @ ..] = &pages;
    let gone = after.iter().all(|page| {
        SECRET_FIELDS.iter().all(|f| {
            let (old, new) = (field(before, f), field(page, f));
            old != new && old.len() == new.len()
        })
    });
    let kept = after.iter().all(|page| field(page, "customer") == field(before, "customer"));
    let whole = sent.len() == h1.len() && sent.len() == h2.len();
    let seen = String::from_utf8_lossy(&h2);
    screen.claim(
        gone && kept && whole,
        "Card, SSN and IBAN are masked, the rest is as sent",
        &seen,
    );

    let orders = grpc(client, &["list", "0", "3"])?;
    let mut rows = vec![row(&["gRPC order", "field", "the service sends", "the client gets"])];
    let mut good = orders.len() == 3;
    for (number, name) in [(0, "customer"), (1, "card"), (2, "ssn")] {
        let got = orders.get(number as usize).map(|o| field(o, name)).unwrap_or_default();
        let order = order(number);
        let sent = match name {
            "card" => order.card,
            "ssn" => order.ssn,
            _ => order.customer,
        };
        good &= got.len() == sent.len() && (got == sent) == (name == "customer");
        rows.push(row(&[&number.to_string(), name, &sent, &got]));
    }
    screen.table(&rows);
    let what = "So are fields of gRPC messages, and the stream goes on";
    screen.claim(good, what, &format!("{orders:?}"));
    Ok(())
}

/// What one blocked call looks like to its client.
struct Refusal {
    what: &'static str,
    protocol: &'static str,
    got: String,
    took: Option<Duration>,
    good: bool,
}

/// Attacks, keys and a call that nobody may make.
pub fn blocked(screen: &mut Screen, stage: &Stage<'_>) -> Result<()> {
    screen.chapter("What is blocked");
    let client = &stage.topology.client;
    let mut all = Vec::new();
    let attacks: [(&str, String, &[&str]); 4] = [
        ("SQL injection in the URL", format!("{CLEAN}?id=1%27%20OR%20%271%27=%271"), &[]),
        ("path traversal", format!("{CLEAN}?f=../../../../etc/passwd"), &[]),
        ("Log4Shell in a header", format!("{CLEAN}?x"), &["-H", "X-Api: ${jndi:ldap://a/b}"]),
        ("DELETE /admin/users/7", "/admin/users/7?now".into(), &["-X", "DELETE"]),
    ];
    for (version, protocol) in [(Version::H1, "HTTP/1.1"), (Version::H2, "HTTP/2")] {
        for (what, path, more) in &attacks {
            let answer = curl_with(client, version, path, more)?;
            // Over HTTP/2 the request is made malformed on its way, and nginx itself refuses it.
            let refused = if version == Version::H1 { 403 } else { 400 };
            let good = answer.status == refused;
            all.push(refusal(what, protocol, &answer, good));
        }
        let answer = curl(client, version, KEY)?;
        let good = (answer.status == 403 || !answer.complete) && !leaks(stage, &answer.body);
        all.push(refusal("a page with an AWS key", protocol, &answer, good));
    }
    let got = grpc(client, &["get", "3"])?;
    let status = got.first().map(|o| field(o, "code")).unwrap_or_default();
    let good = status == "PermissionDenied";
    all.push(Refusal {
        what: "order 3, with an AWS key",
        protocol: "gRPC",
        got: status,
        took: None,
        good,
    });

    let mut rows = vec![row(&["call", "protocol", "the client gets", "after"])];
    for r in &all {
        let took = r.took.map_or("–".into(), |t| format!("{:.1} ms", t.as_secs_f64() * 1e3));
        rows.push(row(&[r.what, r.protocol, &r.got, &took]));
    }
    screen.table(&rows);
    for (protocol, what) in [
        ("HTTP/1.1", "Over HTTP/1.1 the client gets a 403"),
        ("HTTP/2", "Over HTTP/2 the request is refused with 400, a response's stream is ended"),
        ("gRPC", "The gRPC client is told PERMISSION_DENIED"),
    ] {
        let bad = all.iter().find(|r| r.protocol == protocol && !r.good);
        let seen = bad.map_or(String::new(), |r| format!("{}: {}", r.what, r.got));
        screen.claim(bad.is_none(), what, &seen);
    }
    let slow = all.iter().filter_map(|r| r.took).max().unwrap_or_default();
    screen.claim(slow < SOON, "Nobody waits for a refusal", &format!("{slow:?}"));
    let answered: Vec<String> =
        stage.nginx.seen().into_iter().filter(|l| l.starts_with('2')).collect();
    let what = "nginx has answered none of these calls";
    screen.claim(answered.is_empty(), what, &answered.join(", "));
    connection_lives(screen, stage)
}

fn refusal(what: &'static str, protocol: &'static str, answer: &Answer, good: bool) -> Refusal {
    let got = match (answer.status, answer.complete) {
        (0, _) => "stream or connection reset".to_owned(),
        (status, true) => format!("status {status}"),
        (status, false) => format!("status {status}, then a reset"),
    };
    Refusal { what, protocol, got, took: Some(answer.took), good }
}

fn leaks(stage: &Stage<'_>, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    secrets(&stage.site).iter().any(|s| text.contains(s))
}

/// A blocked stream takes nothing with it.
fn connection_lives(screen: &mut Screen, stage: &Stage<'_>) -> Result<()> {
    let [key, clean] = [KEY, CLEAN].map(|p| format!("http://{SERVER_V4}:{H2}{p}"));
    let argv = ["h2load", "-n", "20", "-c", "1", "-m", "1", &key, &clean];
    let output = stage.topology.client.run(&argv, Duration::from_secs(20))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let requests = text.lines().find(|l| l.starts_with("requests:")).unwrap_or_default();
    screen.command(&format!("h2load -n 20 -c 1 -m 1 {KEY} {CLEAN}"));
    screen.output(requests);
    println!();
    let what =
        "A single HTTP/2 connection outlives ten ended streams and serves ten pages between them";
    screen.claim(requests.contains("20 done, 10 succeeded, 10 failed"), what, requests);
    Ok(())
}

/// What the management process says about all this.
pub fn told(screen: &mut Screen, stage: &Stage<'_>) -> Result<()> {
    screen.chapter("What Weir says of it");
    let weir = &stage.weir;
    screen.command("weir status");
    screen.output(&String::from_utf8_lossy(&weir.cli(&["status"])?.stdout));
    println!();

    // Counters and events come once a second.
    let metrics = wait_for("the metrics of all this", Duration::from_secs(10), || {
        let metrics = weir.metrics().ok()?;
        (total(&metrics, "weir_blocked_total") >= 10.0).then_some(metrics)
    })
    .or_else(|_| weir.metrics())?;
    screen.command("curl -s http://127.0.0.1:9099/metrics");
    let mut rows = vec![row(&["series", "value", ""])];
    for (name, what) in [
        ("weir_http1_requests_total", "HTTP/1 requests"),
        ("weir_http2_requests_total", "HTTP/2 requests"),
        ("weir_findings_total", "matches confirmed by their validators"),
        ("weir_masked_total", "of them overwritten on the wire"),
        ("weir_blocked_total", "requests refused and responses stopped"),
        ("weir_frames_missing", "packet buffers that nobody owns"),
        ("weir_events_lost_total", "events that found no room"),
    ] {
        rows.push(row(&[name, &total(&metrics, name).to_string(), what]));
    }
    rows.extend(reasons(&metrics));
    screen.table(&rows);
    let is = |name: &str| total(&metrics, name);
    let good = is("weir_masked_total") > 0.0 && is("weir_blocked_total") >= 10.0;
    screen.claim(good, "/metrics counts what was masked and blocked", &format!("{metrics:?}"));
    let missing = is("weir_frames_missing");
    screen.claim(missing == 0.0, "No packet buffer was lost", &missing.to_string());
    for kind in ["leak", "attack", "block"] {
        screen.command(&format!("weir events --type {kind} -n 2"));
        let output = weir.cli(&["events", "--type", kind, "-n", "2"])?;
        screen.output(&String::from_utf8_lossy(&output.stdout));
    }
    println!();
    let events = weir.events()?;
    let of = |kind: &str| events.iter().filter(|e| field(e, "event_type") == kind).count();
    let counts = ["leak", "attack", "block"].map(|k| (k, of(k)));
    let told = counts.iter().all(|(_, n)| *n > 0);
    screen.claim(told, "Leaks, attacks and blocks are told one by one", &format!("{counts:?}"));
    let kept: usize = counts.iter().map(|(_, n)| n).sum();
    let (findings, lost) = (is("weir_findings_total"), is("weir_events_lost_total"));
    let what = "Each finding is an event, or counted as one that found no room in a burst";
    let seen = format!("{findings} findings, {kept} events, {lost} lost");
    screen.claim(findings <= kept as f64 + lost, what, &seen);
    let file = std::fs::read_to_string(weir.path("mgmt/events.jsonl"))
        .map_err(|e| Error::at("the events", e))?;
    let raw: Vec<String> = secrets(&stage.site).into_iter().filter(|s| file.contains(s)).collect();
    screen.claim(raw.is_empty(), "No event holds a secret, only masked samples", &raw.join(", "));
    Ok(())
}

/// Packets by the reason in which they ended, those that occurred.
fn reasons(metrics: &BTreeMap<String, f64>) -> Vec<Vec<String>> {
    let ended = metrics.iter().filter(|(series, _)| series.starts_with("weir_packets_total{"));
    let occurred = ended.filter(|(_, packets)| **packets > 0.0);
    let shown = occurred.map(|(series, packets)| {
        let reason = series.split("reason=\"").nth(1).and_then(|r| r.split('"').next());
        let series = format!("weir_packets_total{{reason={:?}}}", reason.unwrap_or_default());
        vec![series, packets.to_string(), String::new()]
    });
    shown.collect()
}
