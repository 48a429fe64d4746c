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
