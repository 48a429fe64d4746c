//! Real programs through Weir: what a policy does not touch arrives bit for bit.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::time::Duration;

use weir_tests::bodies::Site;
use weir_tests::clients::{PATIENT, RawClient, Version, curl_url, curl_with, grpc};
use weir_tests::net::{Options, SERVER_V4, SERVER_V6, Topology};
use weir_tests::orders::order;
use weir_tests::relay::Loss;
use weir_tests::servers::{H1, H2, Nginx, RawServer, start_grpc};
use weir_tests::weir::{MASK, Weir};

/// Every clean page of the sample, over both protocols, as it is on the server's disk.
fn clean_pages_arrive(topology: &Topology, site: &Site, count: usize) {
    for version in Version::ALL {
        for doc in site.clean_sample().take(count) {
            let answer = curl_with(&topology.client, version, &doc.path, PATIENT).unwrap();
            assert_eq!((answer.status, answer.complete), (200, true), "{version:?} {}", doc.path);
            assert!(answer.body == doc.body, "{version:?} {} arrived changed", doc.path);
        }
    }
}

#[test]
fn clean_pages_arrive_bit_for_bit() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(2);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let _weir = Weir::start(&topology, MASK).unwrap();
    clean_pages_arrive(&topology, &site, 96);
    // And over IPv6.
    for (version, port) in [(Version::H1, H1), (Version::H2, H2)] {
        let doc = site.clean_sample().last().unwrap();
        let url = format!("http://[{SERVER_V6}]:{port}{}", doc.path);
        let answer = curl_url(&topology.client, version, &url, &[]).unwrap();
        assert!(answer.body == doc.body, "{version:?} over IPv6: {}", answer.status);
    }
}

#[test]
fn clean_pages_arrive_over_bad_wires() {
    let loss = Some((Loss::BAD, 7));
    let topology = Topology::with(Options { loss, ..Options::default() }).unwrap();
    let site = Site::generate(3);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let _weir = Weir::start(&topology, MASK).unwrap();
    clean_pages_arrive(&topology, &site, 40);
}

#[test]
fn pages_arrive_on_several_queues() {
    let topology = Topology::with(Options { queues: 2, ..Options::default() }).unwrap();
    let site = Site::generate(4);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let _weir = Weir::start_with(&topology, "workers: 2", MASK).unwrap();
    clean_pages_arrive(&topology, &site, 40);
}

#[test]
fn load_generators_see_no_error() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(5);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let _weir = Weir::start(&topology, MASK).unwrap();
    let path = &site.clean_sample().nth(50).unwrap().path;
    let limit = Duration::from_secs(20);

    let url = format!("http://{SERVER_V4}:{H1}{path}");
    let output = topology.client.run(&["wrk", "-t1", "-c32", "-d2s", &url], limit).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("requests in"), "{text}");
    assert!(!text.contains("Socket errors") && !text.contains("Non-2xx"), "{text}");

    let url = format!("http://{SERVER_V4}:{H2}{path}");
    let argv = ["h2load", "-n", "5000", "-c", "8", "-m", "16", &url];
    let output = topology.client.run(&argv, limit).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("5000 succeeded, 0 failed, 0 errored, 0 timeout"), "{text}");

    let argv = ["nghttp", "-n", "-s", &url];
    let output = topology.client.run(&argv, limit).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains(" 200 "), "{text}");
}

#[test]
fn grpc_calls_and_streams_work() {
    let topology = Topology::new().unwrap();
    let _service = start_grpc(&topology).unwrap();
    let _weir = Weir::start(&topology, MASK).unwrap();
    let one = grpc(&topology.client, &["get", "4"]).unwrap();
    assert_eq!(one[0]["customer"], order(4).customer);
    let many = grpc(&topology.client, &["list", "0", "200"]).unwrap();
    assert_eq!(many.len(), 200, "{:?}", many.last());
    for (n, got) in many.iter().enumerate().filter(|(n, _)| n % 4 == 0) {
        assert_eq!(got["customer"], order(n as u32).customer);
    }
}

#[test]
fn requests_and_answers_in_single_bytes_arrive() {
    let topology = Topology::new().unwrap();
    let body = "{\"name\": \"Ana Diaz\", \"order\": 123456789, \"zip\": \"04711\"}";
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let pieces = answer.bytes().map(|b| vec![b]).collect();
    let _server = RawServer::pieces(&topology.server, 7, pieces, Duration::ZERO).unwrap();
    let _weir = Weir::start(&topology, MASK).unwrap();

    let mut client = RawClient::connect(&topology.client, 7).unwrap();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1, Duration::ZERO).unwrap();
    let answer = client.answer().unwrap();
    assert_eq!((answer.status, String::from_utf8_lossy(&answer.body).as_ref()), (200, body));
}
