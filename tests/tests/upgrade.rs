//! HTTP/2 by an upgrade from HTTP/1.1 (h2c): the request is the one protocol's, its response the other's.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::time::Duration;

use weir_tests::bodies::{ATTACKS, Site};
use weir_tests::clients::{Version, curl};
use weir_tests::net::Topology;
use weir_tests::process::wait_for;
use weir_tests::servers::{Nginx, start_h2c};
use weir_tests::weir::{BLOCK, MASK, Weir};

/// How long an event may take on a loaded machine.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn masked_it_arrives_in_place_and_the_event_says_http2() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(1);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let _proxy = start_h2c(&topology).unwrap();
    let mut weir = Weir::start(&topology, MASK).unwrap();
    weir.manage().unwrap();

    for doc in site.leaking().take(12) {
        let answer = curl(&topology.client, Version::Upgrade, &doc.path).unwrap();
        assert_eq!((answer.status, answer.complete), (200, true), "{}", doc.path);
        assert_eq!(answer.body.len(), doc.body.len(), "{}", doc.path);
        assert!(!doc.leaks_in(&answer.body), "{} gave its secret away", doc.path);
        for (at, (got, sent)) in answer.body.iter().zip(&doc.body).enumerate() {
            let secret = doc.secrets.iter().any(|s| s.range.contains(&at));
            assert!(secret || got == sent, "{}: byte {at} is no secret and changed", doc.path);
        }
        let event = wait_for("the event", SOON, || {
            let events = weir.events().ok()?;
            let is_it = |e: &serde_json::Value| {
                e["event_type"] == "leak" && e["http"]["url"] == doc.path.as_str()
            };
            events.into_iter().find(is_it)
        })
        .unwrap();
        assert_eq!(event["app_proto"], "http2", "{event}");
        assert_eq!(event["http"]["protocol"], "HTTP/2", "{event}");
        assert_eq!(event["http"]["http2"]["stream_id"], 1, "{event}");
    }
    for doc in site.clean_sample().take(12) {
        let answer = curl(&topology.client, Version::Upgrade, &doc.path).unwrap();
        assert!(answer.complete && answer.body == doc.body, "{} arrived changed", doc.path);
    }
}

#[test]
fn blocked_it_does_not_arrive() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(2);
    let nginx = Nginx::start(&topology, &site).unwrap();
    let _proxy = start_h2c(&topology).unwrap();
    let _weir = Weir::start(&topology, BLOCK).unwrap();
    for doc in site.leaking().take(12) {
        let answer = curl(&topology.client, Version::Upgrade, &doc.path).unwrap();
        assert!(!doc.leaks_in(&answer.body), "{} gave its secret away", doc.path);
        assert!(!answer.complete || answer.body != doc.body, "{} passed", doc.path);
    }
    // An attack is in the HTTP/1.1 request, so HTTP/1.1 refuses it.
    for attack in ATTACKS {
        let answer = curl(&topology.client, Version::Upgrade, attack).unwrap();
        assert_eq!(answer.status, 403, "{attack}");
    }
    let answered: Vec<String> = nginx.seen().into_iter().filter(|l| l.starts_with("200")).collect();
    assert!(answered.is_empty(), "the service answered {answered:?}");
}
