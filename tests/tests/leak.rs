//! The leak test: of 48 documents with a leak none gives its secret away, of 96 clean ones none changes by a byte,
//! and of 6 attacks the service answers none. Over HTTP/1.1 and HTTP/2, with a masking and with a blocking policy.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::time::Duration;

use weir_tests::bodies::{ATTACKS, Doc, Site};
use weir_tests::clients::{Answer, PATIENT, Version, curl, curl_with, grpc};
use weir_tests::net::{CLIENT_V4, END, Options, SERVER_V4, Topology};
use weir_tests::orders::order;
use weir_tests::relay::Loss;
use weir_tests::servers::{H2, Nginx, start_grpc};
use weir_tests::weir::{BLOCK, MASK, Weir};

/// A refused client has its answer within 50 ms on a quiet machine (`perf/` measures it); a loaded one gets this much.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The document arrived whole and is JSON still, but of its secrets only the place is left.
fn assert_masked(doc: &Doc, answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.complete), (200, true), "{what} after {:?}", answer.took);
    assert_eq!(answer.body.len(), doc.body.len(), "{what}");
    assert!(!doc.leaks_in(&answer.body), "{what} gave its secret away: {:?}", doc.secrets);
    for (at, (got, sent)) in answer.body.iter().zip(&doc.body).enumerate() {
        let secret = doc.secrets.iter().any(|s| s.range.contains(&at));
        assert!(secret || got == sent, "{what}: byte {at} is no secret and changed");
    }
    serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap();
}

/// The document did not arrive, and the client knows at once.
fn assert_blocked(doc: &Doc, answer: &Answer, what: &str) {
    assert!(!doc.leaks_in(&answer.body), "{what} gave its secret away: {:?}", doc.secrets);
    assert!(answer.status == 403 || !answer.complete || answer.body != doc.body, "{what} passed");
    assert!(answer.took < AT_ONCE, "{what}: the client waited {:?}", answer.took);
}

/// The client acknowledges at once. nginx sends the header block of a small answer and waits for its acknowledgement
/// before it sends the body (seen on the server's own port), which a client otherwise delays by 40 ms: with Weir or
/// without, so it would hide what Weir adds.
fn acknowledge_at_once(topology: &Topology) {
    let route = ["ip", "route", "add", SERVER_V4, "dev", END, "src", CLIENT_V4, "quickack", "1"];
    topology.client.run_ok(&route).unwrap();
}

/// The whole test with one policy and one seed.
fn leak_test(topology: &Topology, policy: &str, seed: u64, check: fn(&Doc, &Answer, &str)) {
    let site = Site::generate(seed);
    let nginx = Nginx::start(topology, &site).unwrap();
    let _weir = Weir::start(topology, policy).unwrap();
    for version in Version::ALL {
        let fetch = |path: &str| curl(&topology.client, version, path).unwrap();
        let mut waits: Vec<Duration> = Vec::new();
        let mut refused = 0;
        for doc in site.leaking() {
            let answer = fetch(&doc.path);
            check(doc, &answer, &format!("{version:?} {} (seed {seed})", doc.path));
            refused += u32::from(answer.status == 403);
            waits.push(answer.took);
        }
        for doc in site.clean_sample() {
            let answer = fetch(&doc.path);
            assert!(answer.complete && answer.body == doc.body, "{version:?} {}", doc.path);
        }
        for attack in ATTACKS {
            let answer = fetch(attack);
            assert_ne!(answer.status, 200, "{version:?} {attack} was answered");
            assert!(answer.took < AT_ONCE, "{version:?} {attack} waited {:?}", answer.took);
            refused += u32::from(answer.status == 403);
            waits.push(answer.took);
        }
        waits.sort();
        let (median, slowest) = (waits[waits.len() / 2], waits[waits.len() - 1]);
        println!(
            "seed {seed}, {version:?}: {refused} of {} answers are a 403; median {median:?}, slowest {slowest:?}",
            waits.len()
        );
    }
    let answered: Vec<String> = nginx.seen().into_iter().filter(|l| l.starts_with("200")).collect();
    assert!(answered.is_empty(), "the service answered {answered:?}");
}

#[test]
fn masked_no_secret_arrives() {
    let topology = Topology::new().unwrap();
    acknowledge_at_once(&topology);
    for seed in [20_240_607, 1] {
        leak_test(&topology, MASK, seed, assert_masked);
    }
}

#[test]
fn blocked_no_secret_arrives() {
    let topology = Topology::new().unwrap();
    acknowledge_at_once(&topology);
    for seed in [20_240_607, 2] {
        leak_test(&topology, BLOCK, seed, assert_blocked);
    }
}

#[test]
fn masked_no_secret_arrives_over_bad_wires() {
    let loss = Some((Loss::BAD, 11));
    let topology = Topology::with(Options { loss, ..Options::default() }).unwrap();
    let site = Site::generate(3);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let _weir = Weir::start(&topology, MASK).unwrap();
    for version in Version::ALL {
        for doc in site.leaking() {
            let answer = curl_with(&topology.client, version, &doc.path, PATIENT).unwrap();
            assert_masked(doc, &answer, &format!("{version:?} {}", doc.path));
        }
    }
}

#[test]
fn masked_no_secret_arrives_on_streams_of_one_connection() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(4);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let _weir = Weir::start(&topology, MASK).unwrap();
    let docs: Vec<&Doc> = site.leaking().collect();
    for some in docs.chunks(12) {
        let urls: Vec<String> =
            some.iter().map(|d| format!("http://{SERVER_V4}:{H2}{}", d.path)).collect();
        let mut argv = vec!["nghttp", "--no-dep"];
        argv.extend(urls.iter().map(String::as_str));
        let output = topology.client.run(&argv, Duration::from_secs(20)).unwrap();
        let length: usize = some.iter().map(|d| d.body.len()).sum();
        assert_eq!((output.status.success(), output.stdout.len()), (true, length), "{urls:?}");
        for doc in some {
            assert!(!doc.leaks_in(&output.stdout), "{} gave its secret away", doc.path);
        }
    }
}

#[test]
fn masked_no_secret_arrives_over_grpc() {
    let topology = Topology::new().unwrap();
    let _service = start_grpc(&topology).unwrap();
    let _weir = Weir::start(&topology, MASK).unwrap();
    let orders = grpc(&topology.client, &["list", "0", "200"]).unwrap();
    assert_eq!(orders.len(), 200, "{:?}", orders.last());
    for (number, got) in (0..).zip(&orders) {
        let sent = order(number);
        assert_eq!(got["customer"], sent.customer, "order {number}");
        assert_eq!(got["note"], sent.note, "order {number}");
        for (field, secret) in [("card", sent.card), ("ssn", sent.ssn), ("aws_key", sent.aws_key)] {
            let got = got[field].as_str().unwrap();
            assert_eq!(got.len(), secret.len(), "{field} of order {number}");
            assert!(secret.is_empty() || got != secret, "{field} of order {number} arrived");
        }
    }
}

#[test]
fn blocked_a_grpc_client_is_denied_permission() {
    let topology = Topology::new().unwrap();
    let _service = start_grpc(&topology).unwrap();
    let _weir = Weir::start(&topology, BLOCK).unwrap();
    for number in 0..24 {
        let got = grpc(&topology.client, &["get", &number.to_string()]).unwrap();
        match number % 4 {
            0 => assert_eq!(got[0]["customer"], order(number).customer, "order {number}"),
            _ => assert_eq!(got[0]["code"], "PermissionDenied", "order {number}: {got:?}"),
        }
    }
    let got = grpc(&topology.client, &["list", "0", "50"]).unwrap();
    let text = serde_json::to_string(&got).unwrap();
    for sent in (0..50).map(order) {
        for secret in [sent.card, sent.ssn, sent.aws_key].iter().filter(|s| !s.is_empty()) {
            assert!(!text.contains(secret.as_str()), "{secret} arrived");
        }
    }
    assert_eq!(got.last().unwrap()["code"], "PermissionDenied", "{got:?}");
}
