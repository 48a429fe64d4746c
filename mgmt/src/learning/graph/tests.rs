use proptest::prelude::*;
use weir_inspect::policy::{Mode, Policy};
use weir_inspect::request::Request;

use super::*;
use crate::learning::requests::call::blocks_call;

fn request(src: &str, dst: &str, call: &str) -> Request {
    let (method, url) = call.split_once(' ').unwrap();
    let line = format!(
        r#"{{"method":"{method}","url":"{url}","host":"orders.example","src":"{src}","dst":"{dst}","status":200,"sensitive_received":["pii"]}}"#
    );
    Request::parse(line.as_bytes()).unwrap()
}

fn add(graph: &mut Graph, who: &mut Who, request: &Request) -> (String, String) {
    let (service, caller) = (who.service(request).unwrap(), who.caller(request).unwrap());
    graph.add(request, &service, &caller, 7);
    (caller, service)
}

#[test]
fn callers_are_services_where_that_is_known() {
    let (mut graph, mut who) = (Graph::default(), Who::default());
    let source = "version: 1\nservices:\n  - {name: shop, addresses: [10.0.1.0/24]}\n  - {name: orders, hosts: [orders.example]}\n";
    who.follow(Policy::compile(source).unwrap().0);
    for (src, dst, caller) in [
        ("10.0.1.7:4000", "10.0.2.1:80", "shop"),
        ("192.168.0.9:4000", "10.0.2.1:80", "192.168.0.9"),
        ("10.0.2.1:4000", "10.0.2.1:80", "orders"),
        ("8.8.8.8:4000", "10.0.2.1:80", INTERNET),
    ] {
        let edge = add(&mut graph, &mut who, &request(src, dst, "GET /orders/17"));
        assert_eq!(edge, (caller.to_owned(), "orders".to_owned()));
    }
    let edge = &graph.services["orders"].callers["shop"];
    assert_eq!((edge.requests, edge.received["pii"], edge.first), (1, 1, 7));
    let dot = dot(&json(&graph));
    assert!(dot.contains("\"shop\" -> \"orders\" [label=\"1\", color=red];"), "{dot}");
}

#[test]
fn the_policy_lets_through_what_was_seen_and_nothing_else() {
    let (mut graph, mut who) = (Graph::default(), Who::default());
    let seen = [("10.0.1.7:4000", "GET /orders/17"), ("10.0.1.8:4000", "POST /orders")];
    for (src, call) in seen {
        add(&mut graph, &mut who, &request(src, "10.0.2.1:8080", call));
    }
    let (text, left_out) = policy(&graph);
    let (policy, _) = Policy::compile(&text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    let policy = policy.with_mode(Mode::Enforce);
    assert_eq!(left_out, 0);
    for (src, call, blocked) in [
        ("10.0.1.7:1", "GET /orders/99", false),
        ("10.0.1.8:1", "POST /orders", false),
        ("10.0.1.7:1", "POST /orders", true),
        ("10.0.1.7:1", "GET /admin", true),
        ("10.0.1.9:1", "GET /orders/17", true),
    ] {
        let request = request(src, "10.0.2.1:8080", call);
        assert_eq!(blocks_call(&policy, &request), blocked, "{src} {call}\n{text}");
    }
    let elsewhere = request("10.0.1.9:1", "10.0.2.2:8080", "GET /other");
    assert!(!blocks_call(&policy, &elsewhere), "another service");
}

#[test]
fn many_clients_are_one_caller_whom_no_rule_forbids() {
    let (mut graph, mut who) = (Graph::default(), Who::default());
    for n in 0..100 {
        let src = format!("10.0.3.{n}:4000");
        add(&mut graph, &mut who, &request(&src, "10.0.2.1:80", "GET /orders/1"));
    }
    let service = &graph.services["orders.example"];
    assert_eq!(service.callers.keys().collect::<Vec<_>>(), [CLIENTS]);
    assert_eq!(service.callers[CLIENTS].requests, 100);
    assert!(!policy(&graph).0.contains("rules:"));
}

#[test]
fn a_scanner_makes_no_service_and_no_call() {
    let (mut graph, mut who) = (Graph::default(), Who::default());
    let mut wrong = request("10.0.1.7:4000", "10.0.2.1:80", "GET /.env");
    wrong.response.as_mut().unwrap().status = 404;
    add(&mut graph, &mut who, &wrong);
    assert!(graph.services.is_empty());
}

proptest! {
    /// Whatever names and paths there are, the policy proposed compiles, and lets through what it was made from.
    #[test]
    fn the_policy_fits_what_it_was_made_from(
        calls in prop::collection::vec((0..4_u8, 0..3_u8, "(/[a-z0-9%{}*'\"~][a-z0-9%{}*.'\"~]{0,8}){1,4}", "[A-Z]{3,6}"), 1..40)
    ) {
        let (mut graph, mut who) = (Graph::default(), Who::default());
        let requests: Vec<Request> = calls
            .into_iter()
            .map(|(src, dst, url, method)| {
                let mut r = request(&format!("10.0.1.{src}:1"), &format!("10.0.2.{dst}:80"), "GET /");
                (r.url, r.method) = (url, method);
                r.host = Some(format!("s{dst}.example"));
                r
            })
            .collect();
        for r in &requests {
            add(&mut graph, &mut who, r);
        }
        let (text, _) = policy(&graph);
        let compiled = Policy::compile(&text);
        prop_assert!(compiled.is_ok(), "{:?}\n{}", compiled.err(), text);
        let policy = compiled.unwrap().0.with_mode(Mode::Enforce);
        for r in &requests {
            prop_assert!(!blocks_call(&policy, r), "{} {}\n{}", r.method, r.url, text);
        }
    }
}
