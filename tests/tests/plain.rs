//! The harness itself, over a kernel bridge: if this fails, no failure of the other tests means anything.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::time::Duration;

use weir_tests::bodies::{ATTACKS, Site};
use weir_tests::clients::{RawClient, Version, curl, grpc};
use weir_tests::net::Topology;
use weir_tests::orders::order;
use weir_tests::servers::{Nginx, RawServer, start_grpc};

#[test]
fn everything_arrives_over_a_bridge() {
    let topology = Topology::new().unwrap();
    topology.bridge().unwrap();
    let site = Site::generate(1);
    let nginx = Nginx::start(&topology, &site).unwrap();

    for version in Version::ALL {
        for doc in site.leaking().take(6) {
            let answer = curl(&topology.client, version, &doc.path).unwrap();
            assert_eq!((answer.status, answer.complete), (200, true), "{}", doc.path);
            assert_eq!(answer.body, doc.body, "{}", doc.path);
        }
        for attack in ATTACKS {
            assert_eq!(curl(&topology.client, version, attack).unwrap().status, 200);
        }
    }
    assert_eq!(nginx.seen().len(), 2 * ATTACKS.len(), "{:?}", nginx.seen());
}

#[test]
fn the_grpc_service_answers_over_a_bridge() {
    let topology = Topology::new().unwrap();
    topology.bridge().unwrap();
    let _service = start_grpc(&topology).unwrap();

    let one = grpc(&topology.client, &["get", "1"]).unwrap();
    assert_eq!(one[0]["card"], order(1).card);
    let many = grpc(&topology.client, &["list", "0", "500"]).unwrap();
    assert_eq!(many.len(), 500);
    assert_eq!(many[499]["aws_key"], order(499).aws_key);
}

#[test]
fn raw_ends_send_pieces_as_they_are_told() {
    let topology = Topology::new().unwrap();
    topology.bridge().unwrap();
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world";
    let pieces = answer.chunks(3).map(<[u8]>::to_vec).collect();
    let _server = RawServer::pieces(&topology.server, 7, pieces, Duration::from_millis(1)).unwrap();

    let mut client = RawClient::connect(&topology.client, 7).unwrap();
    client.send(b"GET / HTTP/1.1\r\n\r\n", 1, Duration::from_millis(1)).unwrap();
    let answer = client.answer().unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"hello world".as_slice()));
}
