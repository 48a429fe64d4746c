//! What the daemon learns from access records, as people ask for it.

// What goes wrong here fails the test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::{SystemTime, UNIX_EPOCH};

use super::bench::{Bench, DataPlane, wait_for};
use serde_json::Value;
use weir_proto::{Access, Endpoint, Http};

const POLICY: &str = "version: 1
services:
  - {name: web, addresses: [10.0.1.0/24]}
  - {name: people, hosts: [people.example]}
";

fn access(source: u8, method: &str, url: &str, status: u32) -> Access {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let end = |net, last, port| Some(Endpoint { ip: vec![10, 0, net, last], port });
    let http = Http {
        hostname: "people.example".into(),
        url: url.into(),
        http_method: method.into(),
        status,
        ..Http::default()
    };
    Access {
        timestamp_us: now.as_micros() as u64,
        src: end(1, source, 40_000),
        dst: end(2, 1, 80),
        http: Some(http),
        credential: "bearer".into(),
        received: if url.contains("card") { vec!["pci".into()] } else { Vec::new() },
        weight: 1,
        ..Access::default()
    }
}

/// Two hundred people, looked up by their ids.
fn people() -> Vec<Access> {
    let one = |n: u32| {
        let url =
            if n.is_multiple_of(2) { format!("/people/{n}") } else { format!("/people/{n}/card") };
        access((n % 9) as u8, "GET", &url, 200)
    };
    let listed = (0..20).map(|n| access(n, "GET", &format!("/people?page={n}"), 200));
    let nonsense = (0..50).map(|n| access(77, "GET", &format!("/wp-{n}.php"), 404));
    (0..200).map(one).chain(listed).chain(nonsense).collect()
}

fn taught(bench: &Bench) -> DataPlane {
    let file = bench.file("policy.yaml", POLICY);
    assert!(bench.weir(&["policy", "apply", &file]).ok());
    let mut dp = DataPlane::connect(bench, 1);
    assert_eq!(dp.asked_for(), 1000);
    dp.records(people());
    wait_for("the records being counted", || {
        bench.metrics()["weir_learning_records_total"] == 270.0
    });
    dp
}

fn listed(bench: &Bench) -> Vec<String> {
    let out = bench.weir(&["endpoints", "--json"]);
    assert!(out.ok(), "{out:?}");
    let lines = out.out.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
    lines
        .map(|l| format!("{} {}", l["method"].as_str().unwrap(), l["template"].as_str().unwrap()))
        .collect()
}

#[test]
fn endpoints_are_listed_described_compared_and_allowed() {
    let bench = Bench::start("endpoints");
    let _dp = taught(&bench);
    let all = ["GET /people", "GET /people/{person_id}", "GET /people/{person_id}/card"];
    let found = listed(&bench);
    assert_eq!(found.len(), 3, "{found:?}");
    let shape = |t: &String| {
        t.split('/')
            .map(|c| if c.starts_with('{') { "{}" } else { c }.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found.iter().map(shape).collect::<Vec<_>>(), all.map(|t| shape(&t.to_owned())));
    let table = bench.weir(&["endpoints"]).out;
    assert!(
        table.lines().any(|l| l.contains("/card") && l.contains("bearer") && l.ends_with("pci")),
        "{table}"
    );

    let document: Value =
        serde_json::from_str(&bench.weir(&["endpoints", "--openapi"]).out).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["paths"].as_object().unwrap().len(), 3);
    let described = bench.file("api.yaml", "openapi: 3.0.0\npaths:\n  /people/{id}: {get: {parameters: [{in: path, name: id, schema: {type: integer}}]}}\n  /old: {get: {}}\n");
    let drift = bench.weir(&["endpoints", "--against", &described]).out;
    let kinds: Vec<Value> =
        drift.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["drift"].clone()).collect();
    assert_eq!(kinds, ["shadow", "shadow", "zombie"], "{drift}");
    let missing = bench.weir(&["endpoints", "--openapi", "--host", "elsewhere"]);
    assert!(missing.status == Some(2) && missing.err.contains("people.example"), "{missing:?}");

    let allowed = bench.weir(&["endpoints", "--policy"]);
    assert!(allowed.err.contains("it would have blocked of the last requests"), "{allowed:?}");
    let file = bench.file("allowed.yaml", &allowed.out);
    assert!(bench.weir(&["policy", "check", &file]).ok(), "{}", allowed.out);

    wait_for("the metrics", || {
        bench.metrics().get("weir_endpoints{service=\"people.example\"}") == Some(&3.0)
    });
    assert_eq!(bench.http("/api/v1/endpoints").0, 404, "only on the operator's socket");
}

#[test]
fn who_calls_whom_and_the_policy_that_keeps_it_so() {
    let bench = Bench::start("graph");
    let _dp = taught(&bench);
    let graph: Value =
        serde_json::from_str(&bench.weir(&["services", "graph", "--json"]).out).unwrap();
    let edges = graph["edges"].as_array().unwrap();
    assert_eq!(edges.len(), 1, "{graph}");
    assert_eq!((&edges[0]["caller"], &edges[0]["service"]), (&"web".into(), &"people".into()));
    assert_eq!(edges[0]["sensitive_received"]["pci"], 100);
    let table = bench.weir(&["services", "graph"]).out;
    assert!(table.lines().count() == 2 && table.contains("pci"), "{table}");
    assert!(bench.weir(&["services", "graph", "--dot"]).out.contains("\"web\" -> \"people\""));
    let policy = bench.weir(&["services", "graph", "--policy"]).out;
    assert!(policy.contains("people-other-callers"), "{policy}");
    let file = bench.file("segments.yaml", &policy);
    let checked = bench.weir(&["policy", "check", &file]);
    assert!(checked.ok(), "{checked:?}\n{policy}");
}

#[test]
fn what_was_learnt_and_what_people_said_outlives_the_daemon() {
    let mut bench = Bench::start("outlives");
    let dp = taught(&bench);
    let set = bench.weir(&["endpoints", "--set", "/people/{who}"]);
    assert!(set.ok() && set.out == "/people/{who}\n", "{set:?}");
    let wrong = bench.weir(&["endpoints", "--set", "people"]);
    assert!(wrong.status == Some(2) && wrong.err.contains("must begin with `/`"), "{wrong:?}");
    assert!(listed(&bench).contains(&"GET /people/{who}".to_owned()));
    let log = bench.weir(&["endpoints", "--log"]).out;
    assert!(
        log.contains("/people/{who}: somebody said so (a parameter has another name)"),
        "{log}"
    );
    let before = listed(&bench);
    drop(dp);
    bench.stop();
    bench.restart();
    assert_eq!(listed(&bench), before);
    assert_eq!(bench.weir(&["endpoints", "--log"]).out, log);
    assert!(bench.weir(&["services", "graph"]).out.contains("web"));
    assert!(bench.weir(&["endpoints", "--unset", "/people/{who}"]).ok());
    assert!(!listed(&bench).contains(&"GET /people/{who}".to_owned()));
    let log = std::fs::read_to_string(bench.path("state/learnt/endpoints.jsonl")).unwrap();
    assert!(log.lines().count() >= 5 && log.contains("another name"), "{log}");

    // A file that is damaged is put aside, and all else goes on.
    bench.stop();
    std::fs::write(bench.path("state/learnt/endpoints.bin"), b"nonsense").unwrap();
    bench.restart();
    assert_eq!(bench.weir(&["endpoints"]).out, "no endpoint was seen yet\n");
    assert_eq!(std::fs::read(bench.path("state/learnt/endpoints.bin.bad")).unwrap(), b"nonsense");
    assert!(bench.weir(&["services", "graph"]).out.contains("web"));
}

#[test]
fn nothing_is_learnt_where_nobody_wants_it() {
    let bench = Bench::start_with("off", "learning:\n  enabled: false\n");
    let mut dp = DataPlane::connect(&bench, 1);
    dp.records(people());
    assert!(dp.is_alive());
    let asked = bench.weir(&["endpoints"]);
    assert!(asked.status == Some(2) && asked.err.contains("`enabled`"), "{asked:?}");
    assert!(!bench.metrics().contains_key("weir_learning_records_total"));
}

#[test]
fn a_wrong_clock_is_counted() {
    let bench = Bench::start("clock");
    let mut dp = taught(&bench);
    let mut far = access(1, "GET", "/people/1", 200);
    far.timestamp_us *= 2;
    dp.records(vec![far]);
    wait_for("the count", || bench.metrics().get("weir_learning_ahead_total") == Some(&1.0));
}

/// Two days of a shop as JSON lines, up to a quarter of an hour before `now`: twenty requests in five minutes, some of them logins.
fn recorded(now: u64) -> String {
    let begin = (now - 2 * 86_400) / 300 * 300;
    let line = |start: u64, n: u64| {
        let (ts, src) = (start + n * 14, n * 7 % 50);
        let (method, url, status) = match n % 5 {
            0 => ("POST", "/login", if n == 5 && start.is_multiple_of(900) { 401 } else { 200 }),
            _ => ("GET", "/people", 200),
        };
        format!(
            "{{\"ts\":{ts},\"method\":\"{method}\",\"url\":\"{url}\",\"host\":\"people.example\",\"src\":\"10.0.1.{src}\",\"status\":{status}}}\n"
        )
    };
    let buckets = (begin..now - 900).step_by(300);
    buckets.flat_map(|start| (0..20).map(move |n| line(start, n))).collect()
}

#[test]
fn an_attack_is_told_as_it_goes_on() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut bench = Bench::start("anomaly");
    bench.stop();
    // What is usual comes from a recording: the daemon goes on with its model.
    let model = bench.path("state/learnt/anomalies.json").display().to_string();
    let file = bench.file("recorded.jsonl", &recorded(now));
    let learnt = bench.weir(&["detect", "anomaly", "--json", "--model", &model, &file]);
    assert!(learnt.ok() && learnt.out.is_empty(), "{learnt:?}");
    bench.restart();
    let mut dp = DataPlane::connect(&bench, 1);
    let bucket = now / 300 * 300 - 300;
    let guess = |n: u64| Access {
        timestamp_us: (bucket + n % 290) * 1_000_000,
        ..access(99, "POST", "/login", 401)
    };
    for n in 0..6 {
        dp.records((n * 60..n * 60 + 60).map(guess).collect());
    }
    let event = |lines: &str| {
        let events = lines.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
        events.map(|e| e["anomaly"].clone()).find(|a| a["event"] == "brute-force")
    };
    let mut told = None;
    wait_for("the alarm", || {
        told = event(&bench.weir(&["events", "--json", "--type", "anomaly"]).out);
        told.is_some()
    });
    let told = told.unwrap();
    assert_eq!(told["type"], "traffic");
    assert!(
        told["detail"].as_str().unwrap().starts_with("begins: Brute force on POST /login"),
        "{told}"
    );
    assert_eq!(told["report"]["sources"]["top"][0]["source"], "10.0.1.99");
    let series = "weir_anomalies_total{kind=\"brute-force\"}";
    wait_for("the count", || bench.metrics().get(series) == Some(&1.0));
}

#[test]
fn what_several_nodes_know_is_added_up() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let bench = Bench::start("merge");
    let file = bench.file("recorded.jsonl", &recorded(now));
    let at = |name: &str| bench.path(name).display().to_string();
    for node in ["a", "b"] {
        assert!(bench.weir(&["detect", "anomaly", "--model", &at(node), &file]).ok());
    }
    let sum = bench.weir(&[
        "detect",
        "anomaly",
        "--model",
        &at("sum"),
        "--merge",
        &at("a"),
        "--merge",
        &at("b"),
    ]);
    assert!(sum.ok(), "{sum:?}");
    let overall = |name: &str| {
        let text = std::fs::read_to_string(bench.path(name)).unwrap();
        let model: Value = serde_json::from_str(&text).unwrap();
        let usual = &model["engine"]["services"]["people.example"]["whole"]["usual"]["requests"];
        usual["overall"]["mean"].as_f64().unwrap()
    };
    assert!(
        (overall("sum") / overall("a") - 2.0).abs() < 0.01,
        "{} {}",
        overall("sum"),
        overall("a")
    );
    let missing = bench.weir(&["detect", "anomaly", "--model", &at("sum"), "--merge", &at("c")]);
    assert!(missing.status == Some(2) && missing.err.contains("there is no model"), "{missing:?}");
}

#[test]
fn how_callers_behave_is_learnt_meanwhile() {
    let bench = Bench::start("behaviour");
    let _dp = taught(&bench);
    let model = bench.path("model.json").display().to_string();
    let learnt = bench.weir(&["learn", "behaviour", "--live", "--out", &model]);
    assert!(learnt.ok() && learnt.err.contains(" endpoints"), "{learnt:?}");
    let templates = std::fs::read_to_string(&model).unwrap();
    let templates: Value = serde_json::from_str(&templates).unwrap();
    let of = |t: &Value| t["path"].as_str().unwrap().to_owned();
    let paths: Vec<String> = templates["templates"].as_array().unwrap().iter().map(of).collect();
    // Who looks up many people one after another is left out, and what only they asked for.
    assert_eq!(paths, ["/people"]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let file = bench.file("recorded.jsonl", &recorded(now));
    assert!(bench.weir(&["detect", "behaviour", "--model", &model, &file]).ok());
}
