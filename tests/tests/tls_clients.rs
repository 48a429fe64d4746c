//! A real TLS client, known by its first message.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::io::Read;
use std::thread;
use std::time::Duration;

use weir_tests::net::{SERVER_V4, Topology};
use weir_tests::process::wait_for;
use weir_tests::servers::{H1, RawServer};
use weir_tests::weir::Weir;

/// curl asks by address, so its hello names nobody (`i`).
const POLICY: &str = "version: 1
mode: enforce
rules:
  - {name: nameless, identity: {ja4: ['t13i*']}, limit: {count: 1, per: 10m}, action: rate-limit}
";

#[test]
fn the_second_connection_of_a_kind_of_client_is_reset_before_its_hello_is_whole() {
    let topology = Topology::new().unwrap();
    // It reads what comes, and never answers.
    let serve = |mut stream: std::net::TcpStream| {
        thread::spawn(move || while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {});
    };
    let _server = RawServer::start(&topology.server, H1, serve).unwrap();
    let mut weir = Weir::start(&topology, POLICY).unwrap();
    weir.manage().unwrap();
    let url = format!("https://{SERVER_V4}:{H1}/");
    let ask = || {
        let argv = ["curl", "-sk", "-m", "3", &url];
        topology.client.run(&argv, Duration::from_secs(60)).unwrap().status.code()
    };
    // curl: 28 is a timeout, 35 an error of the handshake.
    assert_eq!(ask(), Some(28), "the first connection waits for an answer");
    assert_eq!(ask(), Some(35), "the second one is reset");
    let mut reason = String::new();
    wait_for("the event", Duration::from_secs(20), || {
        let events = weir.events().ok()?;
        let block = events.iter().find(|e| e["event_type"] == "block")?;
        reason = format!("{} {}", block["block"]["how"], block["block"]["reason"]);
        Some(())
    })
    .unwrap();
    assert!(reason.starts_with("\"reset\" \"its TLS client is t13i"), "{reason}");
}
