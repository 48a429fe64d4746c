//! From the wire to a policy: requests that pass are learnt, listed, and become an allow-list that lets them pass and nothing else.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use weir_tests::clients::RawClient;
use weir_tests::net::{SERVER_V4, Topology};
use weir_tests::process::wait_for;
use weir_tests::servers::{H1, RawServer, read_head};
use weir_tests::weir::Weir;

/// Looks for cards and does nothing about them.
const WATCH: &str = "version: 1
mode: monitor
rules:
  - {name: cards, direction: response, detect: [payment-card], action: alert}
";
const SOON: Duration = Duration::from_secs(20);

/// An API: one list, its objects, and their payments; the texts of files, by any method; and GraphQL, which answers anything.
fn api(mut stream: TcpStream) {
    while let Some(head) = read_head(&mut stream) {
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let (status, body) = match parts.as_slice() {
            ["orders"] => ("200 OK", "[]"),
            ["graphql"] => ("200 OK", "{\"data\": {}}"),
            ["orders", id] if id.parse::<u32>().is_ok() => ("200 OK", "{}"),
            ["orders", _, "payment"] | ["files", _, "text"] => {
                ("200 OK", "{\"card\": \"4111 1111 1111 1111\"}")
            }
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

/// Bodies are described by their shapes alone.
fn bodies_have_schemas(weir: &Weir<'_>) {
    let document: Value =
        serde_json::from_str(&weir.said(&["endpoints", "--openapi"]).unwrap()).unwrap();
    let payment = &document["paths"]["/orders/{order_id}/payment"]["get"]["responses"]["200"];
    let schema = &payment["content"]["application/json"]["schema"];
    assert_eq!(schema["properties"]["card"]["type"], "string", "{document}");
    assert!(!document.to_string().contains("4111"));
}

/// Two operations of GraphQL are two endpoints, and told in events.
fn operations_are_told_apart(topology: &Topology, weir: &Weir<'_>) {
    let query = "%7Bcart%7Bid%7D%7D";
    let paths = [format!("/graphql?query={query}"), format!("/graphql?query=mutation{query}")];
    assert_eq!(ask(topology, paths.into_iter()), [200, 200]);
    wait_for("two operations", SOON, || {
        let text = weir.said(&["endpoints", "--json"]).unwrap();
        ["query cart", "mutation cart"].iter().all(|name| text.contains(name)).then_some(())
    })
    .unwrap();
}

fn traffic() -> impl Iterator<Item = String> {
    (0..150_u32).map(|n| match n % 4 {
        0 => format!("/orders?page={n}"),
        1 => format!("/orders/{n}/payment"),
        2 => format!("/orders/{n}"),
        _ => format!("/nonsense-{n}.php"),
    })
}

#[test]
fn what_passes_is_learnt_and_becomes_an_allow_list() {
    let topology = Topology::new().unwrap();
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
        let text = weir.said(&["endpoints", "--json"]).unwrap();
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
        serde_json::from_str(&weir.said(&["services", "graph", "--json"]).unwrap()).unwrap();
    assert_eq!(graph["edges"][0]["service"], SERVER_V4, "{graph}");

    payments_are_known_by_their_endpoint(&topology, &weir);

    bodies_have_schemas(&weir);
    operations_are_told_apart(&topology, &weir);
    let allow_list = weir.said(&["endpoints", "--policy"]).unwrap();
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
}

/// By a method that was not seen no learnt endpoint is reached, and what a slash separates only if it is decoded is one value.
#[test]
fn an_endpoint_is_reached_by_its_methods_and_with_whole_values() {
    let topology = Topology::new().unwrap();
    let _server =
        RawServer::start(&topology.server, H1, |stream| drop(thread::spawn(|| api(stream))));
    let mut weir = Weir::start(&topology, WATCH).unwrap();
    weir.manage().unwrap();
    let mut client = RawClient::connect(&topology.client, H1).unwrap();
    // The endpoint that the leak of this request's answer names.
    let mut endpoint_of = |method: &str, path: &str| -> Value {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {SERVER_V4}\r\n\r\n");
        client.send(request.as_bytes(), usize::MAX, Duration::ZERO).unwrap();
        assert_eq!(client.answer().unwrap().status, 200);
        wait_for("its leak", SOON, || {
            let events = weir.events().ok()?;
            let is_it = |event: &&Value| {
                let http = &event["http"];
                event["event_type"] == "leak"
                    && http["url"] == path
                    && http["http_method"] == method
            };
            events.iter().rev().find(is_it).map(|event| event["http"]["endpoint"].clone())
        })
        .unwrap()
    };
    let template = "/files/{file_id}/text";
    let mut number = 0;
    wait_for("the endpoint", SOON, || {
        number += 1;
        (endpoint_of("GET", &format!("/files/report-{number}/text")) == template).then_some(())
    })
    .unwrap();
    assert_eq!(endpoint_of("GET", "/files/other-7/text"), template);
    assert_eq!(endpoint_of("GET", "/files/a%2Fb/text"), template, "a part of the value");
    assert_eq!(endpoint_of("DELETE", "/files/other-8/text"), Value::Null, "not seen");
}

/// In the data plane, which was told of it: in events, in who touched what, and by rules.
fn payments_are_known_by_their_endpoint(topology: &Topology, weir: &Weir<'_>) {
    let payment = || ask(topology, std::iter::once("/orders/5/payment".to_owned()));
    let template = "/orders/{order_id}/payment";
    wait_for("a leak that names its endpoint", SOON, || {
        payment();
        let is_one =
            |event: &Value| event["event_type"] == "leak" && event["http"]["endpoint"] == template;
        weir.events().ok()?.iter().any(is_one).then_some(())
    })
    .unwrap();
    let access = weir.said(&["access", "--json"]).unwrap();
    assert!(access.contains(&format!("\"GET {template}\"")), "{access}");
    let rule = "{name: payments, endpoints: ['/orders/{id}/payment'], action: block}";
    let (accepted, why) =
        weir.apply(&format!("version: 1\nmode: enforce\nrules: [{rule}]\n")).unwrap();
    assert!(accepted, "{why}");
    assert_eq!(payment(), [403]);
    assert_eq!(ask(topology, std::iter::once("/orders/5".to_owned())), [200]);
}
