//! `weir status`: is all well?

use std::io::Write;
use std::process::ExitCode;

use serde_json::Value;

use super::client::Client;
use super::style::Style;
use super::{Outcome, output};

/// A service of whose bytes Weir reads less than this is pointed out.
const LITTLE: f64 = 0.5;

/// Silence after which a data plane that is connected is pointed out; it reports each second.
const SILENT_SECONDS: u64 = 5;

/// Prints the status; the exit status is 0 if the data plane is connected and talks.
pub(super) fn run(client: &Client, json: bool) -> Outcome {
    let status = client.get("/api/v1/status")?;
    let dataplane = status.get("dataplane").unwrap_or(&Value::Null);
    let connected = dataplane.get("connected").and_then(Value::as_bool).unwrap_or(false);
    let silent = dataplane.get("silent_seconds").and_then(Value::as_u64).unwrap_or(0);
    let text = if json { format!("{status}\n") } else { render(&status, Style::detect()) };
    output(std::io::stdout().write_all(text.as_bytes()))?;
    Ok(if connected && silent < SILENT_SECONDS { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn render(status: &Value, style: Style) -> String {
    let text = |path: &str| match status.pointer(path) {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(s)) if s.is_empty() => "–".to_owned(),
        Some(Value::String(s)) => s.clone(),
        Some(other) => other.to_string(),
    };
    let connected = text("/dataplane/connected") == "true";
    let silent = status.pointer("/dataplane/silent_seconds").and_then(Value::as_u64);
    let mut out = String::new();
    let mut row = |name: &str, value: String| out.push_str(&format!("{name:<12}{value}\n"));
    row(
        "data plane",
        match silent {
            Some(s) if connected && s >= SILENT_SECONDS => style.bad(&format!("silent for {s} s")),
            _ if connected => format!(
                "{}, version {}, pid {}, {} workers, since {}",
                style.good("up"),
                text("/dataplane/version"),
                text("/dataplane/pid"),
                text("/dataplane/workers"),
                text("/dataplane/started"),
            ),
            Some(s) => style.bad(&format!("not connected (last heard of {s} s ago)")),
            None => style.bad("not connected"),
        },
    );
    if connected {
        row(
            "policy",
            format!(
                "revision {}, mode {}",
                text("/dataplane/policy_revision"),
                text("/dataplane/mode")
            ),
        );
    } else {
        row(
            "policy",
            format!("revision {}, mode {} (stored)", text("/policy_revision"), text("/mode")),
        );
    }
    if let Some(refused) = status.pointer("/dataplane/refused/revision") {
        row("", style.bad(&format!("revision {refused} was refused by the data plane")));
    }
    let lost = text("/events/lost");
    let lost = if lost == "0" { "0 lost".into() } else { style.warn(&format!("{lost} lost")) };
    row("events", format!("{} stored, {lost}", text("/events/stored")));
    for s in status.get("services").and_then(Value::as_array).into_iter().flatten() {
        let name = s.get("service").and_then(Value::as_str).unwrap_or_default();
        let share = s.get("share_read").and_then(Value::as_f64);
        let shown = match share {
            None => "no traffic yet".into(),
            Some(p) if p < LITTLE => style.warn(&format!(
                "{:.0} % of its bytes read: is it TLS here, or an encoding that Weir can't read?",
                p * 100.0
            )),
            Some(p) => format!("{:.0} % of its bytes read", p * 100.0),
        };
        row("service", format!("{name}: {shown}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_service_that_is_hardly_read_is_pointed_out() {
        let text = render(
            &json!({
                "dataplane": {"connected": true, "version": "0.1.0", "pid": 7, "workers": 1, "started": "x",
                    "policy_revision": 3, "mode": "enforce", "silent_seconds": 0, "refused": null},
                "events": {"stored": 5, "lost": 2},
                "services": [
                    {"service": "shop", "share_read": 0.991}, {"service": "vault", "share_read": 0.1},
                    {"service": "new", "share_read": null}]
            }),
            Style::detect(),
        );
        assert!(text.contains("revision 3, mode enforce"), "{text}");
        assert!(text.contains("shop: 99 % of its bytes read\n"), "{text}");
        assert!(text.contains("vault: 10 % of its bytes read: is it TLS"), "{text}");
        assert!(text.contains("new: no traffic yet") && text.contains("2 lost"), "{text}");
    }

    #[test]
    fn a_data_plane_that_is_away_or_stopped_is_said() {
        let away = render(&json!({"dataplane": {"connected": false}}), Style::detect());
        assert!(away.contains("not connected"), "{away}");
        let stopped = json!({"dataplane": {"connected": true, "silent_seconds": 9}});
        assert!(render(&stopped, Style::detect()).contains("silent for 9 s"));
    }
}
