//! The daemon and the command line as real processes, with a data plane that speaks the real protocol over the socket.

mod bench;
mod learning;

use std::fs;
use std::time::Duration;

use bench::{Bench, DataPlane, policy, wait_for};
use serde_json::Value;
use weir_proto::event::Body;
use weir_proto::{Event, Http, Leak, Sample};

fn http(flow_id: u64) -> Event {
    let body = Some(Body::Http(Http { url: "/orders".into(), ..Http::default() }));
    Event { flow_id, body, ..Event::default() }
}

fn leak(flow_id: u64) -> Event {
    Event { flow_id, body: Some(Body::Leak(Leak::default())), ..Event::default() }
}

#[test]
fn a_policy_goes_to_the_data_plane_and_again_when_it_reconnects() {
    let bench = Bench::start("apply");
    let file = bench.file("good.yaml", &policy("enforce"));
    let stored = bench.weir(&["policy", "apply", &file]);
    assert!(stored.ok() && stored.out.contains("revision 1 is stored"), "{stored:?}");

    let mut dp = DataPlane::connect(&bench, 1);
    let sent = dp.policy();
    assert_eq!((sent.revision, sent.source.as_str()), (1, policy("enforce").as_str()));
    dp.accept(&sent, "enforce");

    let second = bench.file("second.yaml", &policy("monitor"));
    let mut applied = bench.spawn(&["policy", "apply", &second, "--json"]);
    let sent = dp.policy();
    assert_eq!(sent.revision, 2);
    dp.accept(&sent, "monitor");
    let answer: Value = serde_json::from_str(&applied.finish().out).unwrap();
    assert_eq!((&answer["state"], &answer["revision"]), (&"in force".into(), &2.into()));

    drop(dp);
    let mut dp = DataPlane::connect(&bench, 2);
    assert_eq!(dp.policy().revision, 2);
    assert_eq!(bench.weir(&["policy", "show"]).out, policy("monitor"));
}

#[test]
fn a_wrong_policy_is_refused_with_its_place_and_changes_nothing() {
    let bench = Bench::start("wrong");
    let good = bench.file("good.yaml", &policy("enforce"));
    let bad = bench.file("bad.yaml", "version: 1\nmode: enforce\nrulez: []\n");
    let check = bench.weir(&["policy", "check", &bad]);
    assert_eq!(check.status, Some(1));
    assert!(check.out.contains(&format!("{bad}:3:1: error: ")), "{check:?}");
    assert!(bench.weir(&["policy", "check", &good]).ok());

    assert!(bench.weir(&["policy", "apply", &good]).ok());
    let refused = bench.weir(&["policy", "apply", &bad]);
    assert_eq!(refused.status, Some(1));
    assert!(refused.out.contains(&format!("{bad}:3:1: error: ")), "{refused:?}");
    assert!(refused.out.contains("the old policy stays in force"), "{refused:?}");
    assert_eq!(bench.weir(&["policy", "show"]).out, policy("enforce"));
}

#[test]
fn what_the_data_plane_refuses_is_not_kept() {
    let bench = Bench::start("refused");
    let mut dp = DataPlane::connect(&bench, 1);
    let good = bench.file("good.yaml", &policy("enforce"));
    let mut applied = bench.spawn(&["policy", "apply", &good]);
    let sent = dp.policy();
    dp.accept(&sent, "enforce");
    assert!(applied.finish().ok());

    let newer = bench.file("newer.yaml", &policy("monitor"));
    let mut applied = bench.spawn(&["policy", "apply", &newer]);
    let sent = dp.policy();
    dp.refuse(&sent, 7, 3, "an older data plane does not know this");
    let refused = applied.finish();
    assert_eq!(refused.status, Some(1));
    assert!(refused.out.contains("newer.yaml:7:3: error: an older data plane"), "{refused:?}");
    assert_eq!(bench.weir(&["policy", "show"]).out, policy("enforce"));
    let status = bench.weir(&["status"]).out;
    assert!(
        status.contains("revision 1, mode enforce") && status.contains("revision 2 was refused"),
        "{status}"
    );
}

#[test]
fn the_mode_is_changed_in_the_policy_itself() {
    let bench = Bench::start("mode");
    let good = bench.file("good.yaml", &policy("monitor"));
    assert!(bench.weir(&["policy", "apply", &good]).ok());
    assert!(bench.weir(&["policy", "mode", "enforce"]).ok());
    assert_eq!(bench.weir(&["policy", "show"]).out, policy("enforce"));
    assert!(bench.weir(&["status"]).out.contains("revision 2, mode enforce (stored)"));
}

#[test]
fn the_policy_survives_a_kill() {
    let mut bench = Bench::start("kill");
    let good = bench.file("good.yaml", &policy("enforce"));
    assert!(bench.weir(&["policy", "apply", &good]).ok());
    bench.kill();
    bench.restart();
    let mut dp = DataPlane::connect(&bench, 1);
    assert_eq!(dp.policy().source, policy("enforce"));
}

#[test]
fn events_are_stored_once_in_order_and_acknowledged() {
    let bench = Bench::start("events");
    let mut dp = DataPlane::connect(&bench, 1);
    assert_eq!(dp.events(0, 0, (0..5).map(http).collect()), 5);
    drop(dp);
    // As after a connection that broke before the acknowledgement: two of these are known.
    let mut dp = DataPlane::connect(&bench, 1);
    assert_eq!(dp.events(3, 9, vec![http(3), http(4), leak(5)]), 6);

    let lines = fs::read_to_string(bench.path("events.jsonl")).unwrap();
    let ids: Vec<u64> = lines.lines().map(|l| id(&serde_json::from_str(l).unwrap())).collect();
    assert_eq!(ids, [0, 1, 2, 3, 4, 5]);
    let leaks = bench.weir(&["events", "--json", "--type", "leak"]).out;
    assert_eq!(leaks.lines().count(), 1);
    let last = bench.weir(&["events", "--json", "-n", "2"]).out;
    assert_eq!(
        last.lines().map(|l| id(&serde_json::from_str(l).unwrap())).collect::<Vec<_>>(),
        [4, 5]
    );

    let metrics = bench.metrics();
    assert_eq!(metrics["weir_events_lost_total"], 9.0);
    assert_eq!(metrics["weir_mgmt_events_duplicate_total"], 2.0);
    assert_eq!(metrics["weir_events_total{type=\"http\"}"], 5.0);

    // Another process begins at 0 again.
    drop(dp);
    let mut dp = DataPlane::connect(&bench, 2);
    assert_eq!(dp.events(0, 0, vec![http(7)]), 1);
    assert!(fs::read_to_string(bench.path("events.jsonl")).unwrap().contains("\"flow_id\":7"));
}

fn id(event: &Value) -> u64 {
    event["flow_id"].as_u64().unwrap_or_default()
}

#[test]
fn a_follower_sees_events_as_they_come() {
    let bench = Bench::start("follow");
    let mut dp = DataPlane::connect(&bench, 1);
    dp.events(0, 0, vec![http(1), leak(2)]);
    let mut follower = bench.spawn(&["events", "--json", "--follow", "--type", "leak"]);
    assert!(follower.line().contains("\"flow_id\":2"));
    dp.events(2, 0, vec![http(3), leak(4)]);
    assert!(follower.line().contains("\"flow_id\":4"));
}

#[test]
fn the_event_file_is_rotated() {
    let bench = Bench::start("rotate");
    let mut dp = DataPlane::connect(&bench, 1);
    let mut seq = 0;
    for _ in 0..40 {
        seq = dp.events(seq, 0, (seq + 1..seq + 11).map(http).collect());
    }
    assert_eq!(seq, 400);
    let files = |n: &str| fs::read_to_string(bench.path(n)).unwrap_or_default();
    let newest = files("events.jsonl");
    assert!(newest.lines().last().unwrap().contains("\"flow_id\":400"));
    assert!(newest.len() <= 8192 && files("events.jsonl.1").len() <= 8192);
    assert!(!files("events.jsonl.2").is_empty() && files("events.jsonl.3").is_empty());
    for line in ["events.jsonl.2", "events.jsonl.1"].map(files).join("").lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
}

#[test]
fn metrics_and_health_say_whether_the_data_plane_is_there() {
    let bench = Bench::start("metrics");
    assert_eq!(bench.metrics()["weir_dataplane_connected"], 0.0);
    assert_eq!(bench.http("/healthz").0, 200);
    assert_eq!(bench.weir(&["status"]).status, Some(1));

    let mut dp = DataPlane::connect(&bench, 1);
    dp.counters(vec![
        Sample::count("packets_total", &[("reason", "forwarded")], 12),
        Sample::count("service_bytes_total", &[("service", "shop"), ("read", "true")], 300),
        Sample::count("service_bytes_total", &[("service", "shop"), ("read", "false")], 700),
        Sample::gauge("flows", &[], 3.0),
    ]);
    wait_for("counters", || bench.metrics().contains_key("weir_flows"));
    let metrics = bench.metrics();
    assert_eq!(metrics["weir_packets_total{reason=\"forwarded\"}"], 12.0);
    assert_eq!(metrics["weir_dataplane_connected"], 1.0);
    let status = bench.weir(&["status"]);
    assert!(status.ok() && status.out.contains("shop: 30 % of its bytes read"), "{status:?}");
    let top = bench.weir(&["top", "--once"]).out;
    assert!(top.contains("packets_total reason=forwarded"), "{top}");

    drop(dp);
    wait_for("the end", || bench.metrics()["weir_dataplane_connected"] == 0.0);
    assert_eq!(bench.http("/healthz").0, 200);
    assert!(!bench.metrics().contains_key("weir_flows"), "old values are not shown as new");
}

#[test]
fn the_tcp_port_changes_nothing() {
    let bench = Bench::start("readonly");
    let request = "POST /api/v1/policy HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(bench.raw(request).0, 405);
}

#[test]
fn garbage_on_the_control_socket_ends_that_connection_only() {
    let bench = Bench::start("garbage");
    let mut dp = DataPlane::connect(&bench, 1);
    DataPlane::garbage(&bench);
    assert_eq!(dp.events(0, 0, vec![http(1)]), 1);
}

#[test]
fn a_second_daemon_does_not_take_the_socket_away() {
    let bench = Bench::start("second");
    let second = bench.another_daemon(Duration::from_secs(10));
    assert_eq!(second.status, Some(1));
    assert!(second.err.contains("another weir-mgmt listens there"), "{second:?}");
    assert!(DataPlane::connect(&bench, 1).is_alive());
}

/// Needs root, as the whole-system tests do.
#[test]
fn started_as_root_it_becomes_somebody_else() {
    let bench = Bench::start_with("user", "user: nobody\n");
    let status = fs::read_to_string(format!("/proc/{}/status", bench.pid())).unwrap();
    let nobody = fs::read_to_string("/etc/passwd").unwrap();
    let nobody = nobody.lines().find_map(|l| l.strip_prefix("nobody:x:")).unwrap();
    let uid = nobody.split(':').next().unwrap();
    let line = |key: &str| status.lines().find_map(|l| l.strip_prefix(key)).unwrap().to_owned();
    assert!(line("Uid:").split_whitespace().all(|id| id == uid), "{status}");
    assert!(!line("Gid:").split_whitespace().any(|id| id == "0"), "{status}");
    assert_eq!(line("CapEff:").trim().trim_start_matches('0'), "", "{status}");
    let mut dp = DataPlane::connect(&bench, 1);
    assert_eq!(dp.events(0, 0, vec![http(1)]), 1);
    let good = bench.file("good.yaml", &policy("enforce"));
    drop(dp);
    wait_for("the end", || bench.metrics()["weir_dataplane_connected"] == 0.0);
    assert!(bench.weir(&["policy", "apply", &good]).ok());
}

#[test]
fn without_a_daemon_the_command_line_says_what_to_do() {
    let mut bench = Bench::start("nodaemon");
    bench.kill();
    let status = bench.weir(&["status"]);
    assert_eq!(status.status, Some(2));
    assert!(status.err.contains("is weir-mgmt running?"), "{status:?}");
}

/// What `weir learn behaviour` writes for a site of which it learnt nothing.
const MODEL: &str = r#"{"version":1,"callers":7,"quarantined_callers":2,"templates":[],"quarantined_templates":0,"steps":[],"norms":{}}"#;

#[test]
fn a_behaviour_model_is_checked_and_stored_and_outlives_the_daemon() {
    let mut bench = Bench::start("model");
    let shown = bench.weir(&["behaviour", "show"]);
    assert!(shown.status == Some(2) && shown.err.contains("no behaviour model"), "{shown:?}");
    let wrong = bench.file("wrong.json", "{}");
    let refused = bench.weir(&["behaviour", "push", &wrong]);
    assert!(
        refused.status == Some(1) && refused.out.contains("not a behaviour model"),
        "{refused:?}"
    );
    let model = bench.file("model.json", MODEL);
    let pushed = bench.weir(&["behaviour", "push", &model]);
    assert!(pushed.ok() && pushed.out.contains("model 1 is stored"), "{pushed:?}");
    bench.kill();
    bench.restart();
    let shown = bench.weir(&["behaviour", "show"]);
    assert!(
        shown.out.contains("model 1 is stored") && shown.out.contains("7 callers (2 left out)"),
        "{shown:?}"
    );
}
