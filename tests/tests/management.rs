//! The management process comes and goes, and the wire does not notice; what it sends is checked first.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::time::Duration;

use nix::sys::signal::Signal;
use weir_tests::bodies::{Doc, Kind, Site};
use weir_tests::clients::{RawClient, Version, curl, curl_with};
use weir_tests::net::{CLIENT_V4, SERVER_V4, Topology};
use weir_tests::process::{Process, wait_for};
use weir_tests::servers::{H1, H2, Nginx};
use weir_tests::weir::{BLOCK, MASK, Weir, total};

/// Nothing is looked for.
const NOTHING: &str = "version: 1\nmode: monitor\n";
/// How long something that happens each second may take on a loaded machine.
const SOON: Duration = Duration::from_secs(20);
/// A request that waits this long waits for something.
const STUCK: Duration = Duration::from_secs(2);

/// A page that leaks, in one segment.
fn leaking(site: &Site) -> &Doc {
    site.leaking().find(|d| d.path.starts_with("/1k/")).unwrap()
}

/// The path of a page that does not.
fn clean(site: &Site) -> &str {
    &site.clean_sample().next().unwrap().path
}

/// Whether the page arrives without its secrets.
fn is_masked(topology: &Topology, doc: &Doc) -> bool {
    let answer = curl(&topology.client, Version::H1, &doc.path).unwrap();
    assert_eq!((answer.status, answer.complete), (200, true));
    !doc.leaks_in(&answer.body)
}

/// wrk at work for some seconds.
fn load(topology: &Topology, path: &str, seconds: u32) -> Process {
    let (duration, url) = (format!("-d{seconds}s"), format!("http://{SERVER_V4}:{H1}{path}"));
    topology.client.spawn("wrk", &["wrk", "-t1", "-c16", &duration, &url]).unwrap()
}

/// Waits for wrk's end; how many requests it made, none of which failed.
fn all_answered(mut wrk: Process) -> f64 {
    let status = wrk.wait(Duration::from_secs(60)).unwrap();
    let text = wrk.output();
    assert!(status.success(), "{text}");
    assert!(!text.contains("Socket errors") && !text.contains("Non-2xx"), "{text}");
    let line = text.lines().find(|l| l.contains("requests in")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn killed_it_changes_nothing_on_the_wire_and_catches_up() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(1);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start_with(&topology, "log-requests: true", NOTHING).unwrap();
    weir.manage().unwrap();
    assert!(!is_masked(&topology, leaking(&site)), "no policy yet");
    let (accepted, said) = weir.apply(MASK).unwrap();
    assert!(accepted && said.contains("revision 2 is in force"), "{said}");
    assert!(is_masked(&topology, leaking(&site)));

    let wrk = load(&topology, clean(&site), 4);
    std::thread::sleep(Duration::from_secs(1));
    weir.management().unwrap().kill();
    assert!(is_masked(&topology, leaking(&site)), "the policy stays");
    let requests = all_answered(wrk);

    weir.manage().unwrap();
    // Each request is an event; one is stored, or it is counted as lost. What was sent and not acknowledged when the
    // process died is sent again, and so may be stored twice.
    wait_for("the events catching up", SOON, || {
        let metrics = weir.metrics().ok()?;
        let stored = weir.events().ok()?.len() as f64;
        (stored + total(&metrics, "weir_events_lost_total") >= requests).then_some(())
    })
    .unwrap();
    assert_eq!(weir.status().unwrap()["dataplane"]["policy_revision"], 2);
}

#[test]
fn frozen_it_slows_nothing_and_lost_events_are_counted() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(2);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start_with(&topology, "log-requests: true", MASK).unwrap();
    weir.manage().unwrap();
    weir.management().unwrap().freeze().unwrap();

    // More events than all queues to it hold together.
    let url = format!("http://{SERVER_V4}:{H2}{}", clean(&site));
    let argv = ["h2load", "-n", "40000", "-c", "8", "-m", "32", &url];
    let output = topology.client.run(&argv, Duration::from_secs(90)).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("40000 succeeded, 0 failed, 0 errored, 0 timeout"), "{text}");
    let answer = RawClient::connect(&topology.client, H1).unwrap().get(clean(&site)).unwrap();
    assert!(answer.status == 200 && answer.took < STUCK, "{answer:?}");

    weir.management().unwrap().signal(Signal::SIGCONT);
    let requests = 40_001.0;
    let mut seen = (0.0, 0.0);
    wait_for("all events being stored or counted as lost", SOON, || {
        let metrics = weir.metrics().ok()?;
        let (stored, lost) =
            (total(&metrics, "weir_events_total"), total(&metrics, "weir_events_lost_total"));
        seen = (stored, lost);
        (stored + lost >= requests).then_some(())
    })
    .unwrap_or_else(|e| panic!("{e}: stored and lost {seen:?}"));
    assert!(seen.1 > 0.0, "40,000 events can't all have found room: {seen:?}");
    assert!(seen.0 > 1_000.0, "those that found room are stored: {seen:?}");
}

#[test]
fn a_policy_that_is_wrong_is_refused_with_its_place_and_the_old_one_stays() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(3);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start(&topology, NOTHING).unwrap();
    weir.manage().unwrap();
    assert!(weir.apply(MASK).unwrap().0);

    let cases = [
        ("an unknown key", "version: 1\nmode: enforce\nrulez: []\n", ":3:1: error: "),
        (
            "a bad regex",
            "version: 1\ndetectors:\n  - name: mine\n    pattern: 'AB[0-9'\n",
            ":4:14: error: ",
        ),
        (
            "no such detector",
            "version: 1\nrules:\n  - name: r\n    detect: [payment-crad]\n    action: mask\n",
            ":4:14: error: ",
        ),
    ];
    for (what, policy, place) in cases {
        let (accepted, said) = weir.apply(policy).unwrap();
        assert!(!accepted && said.contains(place), "{what}: {said}");
        assert!(is_masked(&topology, leaking(&site)), "{what}: the old policy stays");
    }
    let status = weir.status().unwrap();
    assert_eq!(status["dataplane"]["policy_revision"], 2, "{status}");
    assert_eq!(status["dataplane"]["mode"], "enforce", "{status}");
}

#[test]
fn the_data_plane_starts_alone_with_the_last_good_policy() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(4);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start(&topology, NOTHING).unwrap();
    weir.manage().unwrap();
    assert!(weir.apply(MASK).unwrap().0);
    weir.management().unwrap().kill();

    weir.stop().unwrap();
    weir.run().unwrap();
    assert!(is_masked(&topology, leaking(&site)));

    // And after the other kind of end.
    weir.dataplane().unwrap().kill();
    weir.run().unwrap();
    assert!(is_masked(&topology, leaking(&site)));
    weir.manage().unwrap();
    assert_eq!(weir.status().unwrap()["dataplane"]["policy_revision"], 2);
}

#[test]
fn the_status_tells_a_service_that_is_hardly_read() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(6);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let services = format!(
        "services:\n  - name: shop\n    ports: [{H1}]\n  - name: vault\n    ports: [{H2}]\n"
    );
    let mut weir = Weir::start(&topology, &(MASK.to_owned() + &services)).unwrap();
    weir.manage().unwrap();
    assert!(is_masked(&topology, leaking(&site)));
    // Whatever becomes of it: a TLS handshake with a server that speaks none.
    let url = format!("https://{SERVER_V4}:{H2}/");
    topology.client.run(&["curl", "-sk", "--max-time", "5", &url], SOON).unwrap();

    let share = |status: &serde_json::Value, service: &str| {
        let all = status["services"].as_array()?;
        all.iter().find(|s| s["service"] == service)?["share_read"].as_f64()
    };
    wait_for("the bytes of both services", SOON, || {
        let status = weir.status().ok()?;
        (share(&status, "shop")? == 1.0 && share(&status, "vault")? < 0.5).then_some(())
    })
    .unwrap();
    let said = String::from_utf8(weir.cli(&["status"]).unwrap().stdout).unwrap();
    assert!(said.contains("shop: 100 % of its bytes read\n"), "{said}");
    assert!(said.contains("vault: 0 % of its bytes read: is it TLS here"), "{said}");
    let unread = "weir_service_bytes_total{service=\"vault\",read=\"false\",reason=\"tls\"}";
    assert!(weir.metrics().unwrap()[unread] > 0.0);
}

/// A rule about one path, for which the client's address pays.
const PROBES: &str = "version: 1
mode: enforce
rules:
  - {name: probes, paths: ['/.env'], action: drop-source, for: 6s}
";

#[test]
fn who_breaks_a_rule_is_dropped_by_the_kernel_for_a_time() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(7);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start(&topology, PROBES).unwrap();
    weir.manage().unwrap();
    let status = |path: &str| {
        let answer = curl_with(&topology.client, Version::H1, path, &["-m", "1"]);
        answer.map(|answer| answer.status)
    };
    assert_eq!(status(clean(&site)).unwrap(), 200);
    assert_eq!(status("/.env").unwrap(), 403);
    assert_eq!(status(clean(&site)).unwrap(), 0, "nothing of it gets through");
    let list = weir.cli(&["block", "list", "--json"]).unwrap().stdout;
    assert!(String::from_utf8_lossy(&list).contains(&format!("{CLIENT_V4}/32")));
    wait_for("the end of it", SOON, || (status(clean(&site)).ok()? == 200).then_some(())).unwrap();
}

#[test]
fn a_source_is_blocked_until_it_is_removed_or_its_time_is_over() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(7);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start(&topology, NOTHING).unwrap();
    weir.manage().unwrap();
    let passes = || {
        let answer = curl_with(&topology.client, Version::H1, clean(&site), &["-m", "1"]).unwrap();
        answer.status == 200
    };
    let weir_block = |arguments: &[&str]| {
        let output = weir.cli(&[&["block"], arguments].concat()).unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    assert!(passes());
    assert_eq!(weir_block(&["list"]), (Some(0), "no source is blocked\n".into()));

    let (status, said) = weir_block(&["add", CLIENT_V4, "--for", "1h"]);
    assert!(status == Some(0) && said.contains("is blocked for 1h"), "{said}");
    assert!(!passes());
    let (_, list) = weir_block(&["list", "--json"]);
    let entry: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(entry["source"], format!("{CLIENT_V4}/32"));
    assert!(entry["packets"].as_u64() > Some(0), "{entry}");
    assert!(entry["remaining_seconds"].as_u64() > Some(3000), "{entry}");

    assert_eq!(weir_block(&["remove", CLIENT_V4]).0, Some(0));
    assert!(passes());
    let (status, said) = weir_block(&["remove", CLIENT_V4]);
    assert!(status == Some(1) && said.contains("was not blocked"), "{said}");

    assert_eq!(weir_block(&["add", "10.9.0.0/24", "--for", "8s"]).0, Some(0));
    assert!(!passes());
    wait_for("the block's end", SOON, || passes().then_some(())).unwrap();
    assert_eq!(weir_block(&["list"]).1, "no source is blocked\n");

    for (cidr, part) in [
        ("10.9.0.1/24", "did you mean `10.9.0.0/24`?"),
        ("10.9", "is not an IP address"),
        ("0.0.0.0/0", "would cut everyone off"),
        ("::/0", "would cut everyone off"),
    ] {
        let (status, said) = weir_block(&["add", cidr]);
        assert!(status == Some(2) && said.contains(part), "{cidr}: {said}");
    }
    weir.stop().unwrap();
    wait_for("the data plane's end being noticed", SOON, || {
        let output = weir.cli(&["block", "list"]).ok()?;
        String::from_utf8_lossy(&output.stderr).contains("is not connected").then_some(())
    })
    .unwrap();
}

#[test]
fn policies_are_swapped_under_load_without_losing_a_flow() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(5);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start(&topology, NOTHING).unwrap();
    weir.manage().unwrap();

    // One connection that lives through it all, beside the load.
    let mut connection = RawClient::connect(&topology.client, H1).unwrap();
    let doc = leaking(&site);
    let wrk = load(&topology, clean(&site), 5);
    for policy in [MASK, NOTHING, BLOCK, NOTHING, MASK] {
        let (accepted, said) = weir.apply(policy).unwrap();
        assert!(accepted, "{said}");
        if policy == BLOCK {
            continue;
        }
        let answer = connection.get(&doc.path).unwrap();
        assert!(answer.complete && answer.status == 200, "{answer:?}");
        assert_eq!(doc.leaks_in(&answer.body), policy == NOTHING, "the new policy is in force");
    }
    all_answered(wrk);
}

#[test]
fn the_first_packet_after_a_policy_was_applied_is_judged_by_it() {
    const CLOSED: &str = "version: 1\nmode: enforce\nrules:\n  - name: closed\n    paths: [/**]\n    action: block\n";
    let topology = Topology::new().unwrap();
    let site = Site::generate(5);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start(&topology, NOTHING).unwrap();
    weir.manage().unwrap();
    for round in 0..10 {
        assert!(weir.apply(NOTHING).unwrap().0);
        let mut connection = RawClient::connect(&topology.client, H1).unwrap();
        assert_eq!(connection.get(clean(&site)).unwrap().status, 200);
        // Nothing else comes meanwhile, so the workers sleep.
        assert!(weir.apply(CLOSED).unwrap().0);
        assert_eq!(connection.get(clean(&site)).unwrap().status, 403, "round {round}");
    }
}

#[test]
fn a_policy_is_tried_on_recorded_traffic_against_the_one_in_force() {
    let topology = Topology::new().unwrap();
    let mut weir = Weir::start(&topology, NOTHING).unwrap();
    weir.manage().unwrap();
    let cards = "version: 1\nmode: enforce\nrules:\n  - name: cards\n    direction: response\n    action: mask\n    \
                 detect: [category:pci]\n";
    assert!(weir.apply(cards).unwrap().0);
    let recorded = weir.path("recorded.jsonl");
    let call = |url: &str, body: &str| {
        let line = serde_json::json!({
            "method": "GET", "url": url, "host": "shop", "status": 200, "response_body": body,
            "response_headers": {"Content-Type": "application/json"},
        });
        format!("{line}\n")
    };
    let calls = [
        call("/orders/17", r#"{"card":"4111111111111111"}"#),
        call("/orders/18", r#"{"card":"4012888888881881","mail":"eve@shop.example"}"#),
        call("/admin", "{}"),
    ];
    std::fs::write(&recorded, calls.concat()).unwrap();
    // More than is in force: e-mails are masked too, and /admin is closed. (Monitoring: it is only tried.)
    let new = weir.path("new.yaml");
    let source = "version: 1\nmode: monitor\nrules:\n  - name: mask\n    direction: response\n    action: mask\n    \
                  detect: [category:pci, email]\n  - name: closed\n    paths: [/admin]\n    action: block\n";
    std::fs::write(&new, source).unwrap();
    let (new, recorded) = (new.to_str().unwrap(), recorded.to_str().unwrap());
    let answer = weir.cli(&["policy", "try", new, "--on", recorded, "--json"]).unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let lines: Vec<serde_json::Value> = answer
        .stdout
        .split(|b| *b == b'\n')
        .filter_map(|l| serde_json::from_slice(l).ok())
        .collect();
    let row = |rule: &str| lines.iter().find(|l| l["rule"] == rule).unwrap();
    let seen = |rule: &str| {
        (row(rule)["endpoint"].clone(), row(rule)["count"].clone(), row(rule)["new"].clone())
    };
    assert_eq!(seen("mask"), ("GET shop/orders/{id}".into(), 3.into(), 1.into()));
    assert_eq!(seen("closed"), ("GET shop/admin".into(), 1.into(), 1.into()));
    let all = String::from_utf8_lossy(&answer.stdout);
    assert!(
        !all.contains("eve@") && row("mask")["samples"][0].as_str().unwrap().starts_with("email ")
    );
}

#[test]
fn limits_hold_without_the_management_process_and_from_one_revision_to_the_next() {
    const LIMITED: &str = "version: 1
mode: enforce
identities: [{header: x-token}]
rules:
  - name: scraping
    direction: response
    detect: [us-ssn]
    limit: {distinct: 2, per: 10m}
    for: 15m
    action: block
";
    let topology = Topology::new().unwrap();
    let site = Site::generate(5);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start(&topology, NOTHING).unwrap();
    weir.manage().unwrap();
    assert!(weir.apply(LIMITED).unwrap().0);
    weir.management().unwrap().kill();

    // Over both protocols, so the connections are several.
    let status = |token: &str, version: Version, path: &str| {
        let header = format!("x-token: {token}");
        curl_with(&topology.client, version, path, &["-H", &header]).map_or(0, |a| a.status)
    };
    let one_ssn = |d: &&Doc| d.secrets.len() == 1 && d.secrets[0].kind == Kind::Ssn;
    let docs: Vec<&str> = site.leaking().filter(one_ssn).map(|d| d.path.as_str()).collect();
    assert!(docs.len() > 3, "{docs:?}");
    for (path, version) in [(docs[0], Version::H1), (docs[1], Version::H2), (docs[0], Version::H2)]
    {
        assert_eq!(status("alice", version, path), 200);
    }
    // The third different one, or the fourth: in three of 1,024 runs two of them share a bit of the count.
    let refused = docs[2..4].iter().any(|path| status("alice", Version::H1, path) != 200);
    assert!(refused, "the third different one");
    let page = clean(&site);
    assert_eq!(status("alice", Version::H1, page), 403, "locked out");
    assert_ne!(status("alice", Version::H2, page), 200, "locked out");
    assert_eq!(status("bob", Version::H1, docs[2]), 200, "another token");

    weir.manage().unwrap();
    assert!(weir.apply(&LIMITED.replace("15m", "1h")).unwrap().0);
    assert_eq!(status("alice", Version::H1, page), 403, "still locked out");
    assert_eq!(status("bob", Version::H1, page), 200);
    let touched = || {
        let said = weir.cli(&["access", "--detector", "us-ssn", "--json"]).ok()?.stdout;
        serde_json::from_slice::<serde_json::Value>(said.split(|b| *b == b'\n').next()?).ok()
    };
    let entry = wait_for("who touched what", SOON, touched).unwrap();
    assert_eq!(entry["day"], serde_json::json!({"findings": 1, "distinct": 1}), "{entry}");
    assert!(entry["caller"].as_str().is_some_and(|c| c.len() == 16), "a hash: {entry}");
}
