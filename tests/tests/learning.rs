//! From the wire to a policy: requests that pass are learnt, listed, and become an allow-list that lets them pass and nothing else;
//! and who abuses what is allowed is dropped, while a crowd is served.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use weir_tests::clients::{RawClient, curl_from};
use weir_tests::net::{END, SERVER_V4, Topology};
use weir_tests::process::wait_for;
use weir_tests::servers::{H1, RawServer, read_head};
use weir_tests::weir::Weir;

/// Looks for cards and does nothing about them.
const WATCH: &str = "version: 1
mode: monitor
rules:
  - {name: cards, direction: response, detect: [payment-card], action: alert}
";
/// As published; its ladder is put into the allow-list.
const LADDER: &str = include_str!("../../configs/policy-behaviour.yaml");
const ENUMERATOR: &str = "10.9.0.50";
/// Those who come all at once and do what everybody does.
const CROWD: std::ops::Range<u8> = 100..160;
const SOON: Duration = Duration::from_secs(20);

/// An API of three endpoints: one list, its objects, and their payments.
fn api(mut stream: TcpStream) {
    while let Some(head) = read_head(&mut stream) {
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let (status, body) = match parts.as_slice() {
            ["orders"] => ("200 OK", "[]"),
            ["orders", id] if id.parse::<u32>().is_ok() => ("200 OK", "{}"),
            ["orders", _, "payment"] => ("200 OK", "{\"card\": \"4111 1111 1111 1111\"}"),
            _ => ("404 Not Found", "{}"),
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn ask(topology: &Topology, paths: impl Iterator<Item = String>) -> Vec<u16> {
    let mut client = RawClient::connect(&topology.client, H1).unwrap();
    paths.map(|path| client.get(&path).unwrap().status).collect()
}

fn traffic() -> impl Iterator<Item = String> {
    (0..150_u32).map(|n| match n % 4 {
        0 => format!("/orders?page={n}"),
        1 => format!("/orders/{n}/payment"),
        2 => format!("/orders/{n}"),
        _ => format!("/nonsense-{n}.php"),
    })
}

fn said(weir: &Weir<'_>, arguments: &[&str]) -> String {
    let output = weir.cli(arguments).unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_passes_is_learnt_and_becomes_an_allow_list() {
    let topology = Topology::new().unwrap();
    for n in CROWD.chain(50..51) {
        let address = format!("10.9.0.{n}/24");
        topology.client.run_ok(&["ip", "addr", "add", &address, "dev", END]).unwrap();
    }
    let _server =
        RawServer::start(&topology.server, H1, |stream| drop(thread::spawn(|| api(stream))));
    let mut weir = Weir::start(&topology, WATCH).unwrap();
    weir.manage().unwrap();
    wait_for("the first record", SOON, || {
        ask(&topology, std::iter::once("/orders".to_owned()));
        let records = *weir.metrics().ok()?.get("weir_learning_records_total")?;
        (records > 0.0).then_some(())
    })
    .unwrap();
    let statuses = ask(&topology, traffic());
    assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 113);

    let endpoints = wait_for("three endpoints", SOON, || {
        let text = said(&weir, &["endpoints", "--json"]);
        let all: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let calls: u64 = all.iter().filter_map(|e| e["count"].as_u64()).sum();
        (all.len() == 3 && calls >= 113).then_some(all)
    })
    .unwrap();
    let templates: Vec<&str> = endpoints.iter().map(|e| e["template"].as_str().unwrap()).collect();
    assert_eq!(templates, ["/orders", "/orders/{order_id}", "/orders/{order_id}/payment"]);
    assert!(endpoints[2]["sensitive_received"]["pci"].as_u64() >= Some(30), "{}", endpoints[2]);
    assert_eq!(endpoints[2]["statuses"]["200"], endpoints[2]["count"]);

    let graph: Value =
        serde_json::from_str(&said(&weir, &["services", "graph", "--json"])).unwrap();
    assert_eq!(graph["edges"][0]["service"], SERVER_V4, "{graph}");

    let allow_list = said(&weir, &["endpoints", "--policy"]);
    let enforced = allow_list.replace("mode: monitor", "mode: enforce");
    let (accepted, why) = weir.apply(&enforced).unwrap();
    assert!(accepted, "{why}\n{enforced}");
    for (path, status) in
        [("/orders/99", 200), ("/orders", 200), ("/admin", 403), ("/orders/1/2", 403)]
    {
        assert_eq!(
            ask(&topology, std::iter::once(path.to_owned())),
            [status],
            "{path}\n{enforced}"
        );
    }
    an_abuser_of_it_is_dropped_and_a_crowd_is_not(&topology, &weir, &enforced);
}

fn an_abuser_of_it_is_dropped_and_a_crowd_is_not(
    topology: &Topology,
    weir: &Weir<'_>,
    allow_list: &str,
) {
    let (_, ladder) = LADDER.split_once("behaviour:\n").unwrap();
    let ladder: Vec<&str> = ladder.lines().filter(|l| !l.contains("services:")).collect();
    let policy = format!("{allow_list}\nbehaviour:\n{}\n", ladder.join("\n"));
    let (accepted, why) = weir.apply(&policy).unwrap();
    assert!(accepted, "{why}\n{policy}");
    let orders: Vec<String> = (0..400).map(|n| format!("/orders/{n}")).collect();
    let visit = ["/orders", "/orders/7", "/orders/7/payment"].map(str::to_owned);
    let (statuses, all) = thread::scope(|scope| {
        let abuser = scope.spawn(|| curl_from(&topology.client, ENUMERATOR, &[], &orders));
        for n in CROWD {
            let visitor = curl_from(&topology.client, &format!("10.9.0.{n}"), &[], &visit);
            assert_eq!(visitor.unwrap(), (vec![200; visit.len()], true), "visitor {n}");
        }
        abuser.join().unwrap().unwrap()
    });
    assert!(!all && statuses.first() == Some(&200), "dropped in the end: {statuses:?}");
    let list = said(weir, &["block", "list", "--json"]);
    let blocked: Vec<Value> = list.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let sources: Vec<&Value> = blocked.iter().map(|line| &line["source"]).collect();
    assert_eq!(sources, [&format!("{ENUMERATOR}/32")], "{list}");
}
