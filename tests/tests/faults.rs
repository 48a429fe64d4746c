//! What happens when a part of Weir dies, hangs or is missing, and what it says when it can't start.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use weir_tests::bodies::Site;
use weir_tests::clients::{RawClient, Version, curl};
use weir_tests::net::{Namespace, PORT_A, Topology};
use weir_tests::process::wait_for;
use weir_tests::servers::{H1, Nginx};
use weir_tests::weir::{MASK, Weir};

/// How soon requests succeed again is measured in `perf/`; a loaded test machine is given this much.
const AGAIN: Duration = Duration::from_secs(2);

/// What one attempt may take: the SYN of an attempt that met the dead data plane is repeated only after a second.
const ATTEMPT: Duration = Duration::from_millis(50);

/// Asks on new connections until an answer comes; how long that took.
fn until_answered(client: &Namespace) -> Duration {
    let start = Instant::now();
    wait_for("a request succeeding again", AGAIN, || {
        let mut connection = RawClient::connect_within(client, H1, ATTEMPT).ok()?;
        let answer = connection.get("/1k/1.json").ok()?;
        (answer.status == 200 && answer.complete).then_some(())
    })
    .unwrap();
    start.elapsed()
}

#[test]
fn killed_it_fails_open_and_comes_back() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(1);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start(&topology, MASK).unwrap();
    until_answered(&topology.client);

    weir.dataplane().unwrap().kill();
    let took = until_answered(&topology.client);
    println!("requests succeed {took:?} after kill -9");

    weir.run().unwrap();
    until_answered(&topology.client);
    assert!(weir.dataplane().unwrap().is_running());
}

#[test]
fn stopped_it_fails_open_and_takes_over_again() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(1);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start(&topology, MASK).unwrap();
    until_answered(&topology.client);

    weir.dataplane().unwrap().freeze().unwrap();
    let took = until_answered(&topology.client);
    println!("requests succeed {took:?} after SIGSTOP");

    weir.dataplane().unwrap().signal(Signal::SIGCONT);
    until_answered(&topology.client);
}

#[test]
fn killed_with_fail_closed_nothing_passes() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(1);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start_with(&topology, "fail: closed", MASK).unwrap();
    until_answered(&topology.client);

    weir.dataplane().unwrap().kill();
    let answer = curl(&topology.client, Version::H1, "/1k/1.json").unwrap();
    assert_eq!((answer.status, answer.complete), (0, false));

    weir.run().unwrap();
    until_answered(&topology.client);
}

/// Runs `weir-dataplane run` where it must refuse; its exit code and what it says.
fn refused(weir: &mut Weir<'_>) -> (i32, String) {
    weir.launch().unwrap();
    let process = weir.dataplane().unwrap();
    let status = process.wait(Duration::from_secs(10)).unwrap();
    (status.code().unwrap(), process.output())
}

#[test]
fn a_missing_device_is_named() {
    let topology = Topology::new().unwrap();
    topology.middle.run_ok(&["ip", "link", "set", PORT_A, "name", "renamed"]).unwrap();
    let mut weir = Weir::prepare(&topology, "", MASK).unwrap();
    let (code, said) = refused(&mut weir);
    assert!(code == 2 && said.contains(PORT_A), "{code}: {said}");
}

#[test]
fn a_misspelt_setting_is_refused_with_its_place() {
    let topology = Topology::new().unwrap();
    let mut weir = Weir::prepare(&topology, "fial: closed", MASK).unwrap();
    let (code, said) = refused(&mut weir);
    assert!(code == 1 && said.contains("settings.yaml:6:1: "), "{code}: {said}");
}
