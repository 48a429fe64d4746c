//! What happens when a part of Weir dies, hangs or is missing, and what it says when it can't start.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use weir_tests::bodies::Site;
use weir_tests::clients::{RawClient, Version, curl};
use weir_tests::net::{Namespace, Options, PORT_A, SERVER_V4, Topology};
use weir_tests::process::{Process, wait_for};
use weir_tests::servers::{H1, Nginx};
use weir_tests::weir::{MASK, Weir, total};

/// Requests succeed again within 200 ms on a machine with a core to spare, which is printed; a loaded test machine is
/// given this much.
const AGAIN: Duration = Duration::from_secs(5);

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

/// wrk at work until dropped.
fn load(topology: &Topology) -> Process {
    let url = format!("http://{SERVER_V4}:{H1}/1k/1.json");
    topology.client.spawn("wrk", &["wrk", "-t1", "-c16", "-d600s", &url]).unwrap()
}

/// Waits until a page that leaks arrives masked: Weir is back at its work.
fn until_masked(topology: &Topology, site: &Site) {
    let doc = site.leaking().next().unwrap();
    wait_for("a page arriving masked", Duration::from_secs(20), || {
        let answer = curl(&topology.client, Version::H1, &doc.path).ok()?;
        (answer.status == 200 && answer.complete && !doc.leaks_in(&answer.body)).then_some(())
    })
    .unwrap();
}

#[test]
fn killed_under_load_it_fails_open_and_comes_back() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(1);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start(&topology, MASK).unwrap();
    weir.manage().unwrap();
    let _wrk = load(&topology);
    until_answered(&topology.client);

    weir.dataplane().unwrap().kill();
    let took = until_answered(&topology.client);
    println!("requests succeed {took:?} after kill -9");

    weir.run().unwrap();
    until_masked(&topology, &site);
    assert!(weir.dataplane().unwrap().is_running());
    wait_for("the event of what passed meanwhile", Duration::from_secs(20), || {
        let events = weir.events().ok()?;
        events.iter().any(|e| e["anomaly"]["event"] == "fallback_open").then_some(())
    })
    .unwrap();
}

#[test]
fn stopped_under_load_it_fails_open_and_takes_over_again() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(1);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start(&topology, MASK).unwrap();
    let _wrk = load(&topology);
    until_answered(&topology.client);

    weir.dataplane().unwrap().freeze().unwrap();
    let took = until_answered(&topology.client);
    println!("requests succeed {took:?} after SIGSTOP");

    weir.dataplane().unwrap().signal(Signal::SIGCONT);
    until_masked(&topology, &site);
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
    until_masked(&topology, &site);
}

/// Full processor load makes it slow, not dead. `WEIR_LOAD_SECONDS` says for how long (`make test-long`: minutes).
#[test]
fn load_is_not_taken_for_death() {
    let seconds = std::env::var("WEIR_LOAD_SECONDS").ok().and_then(|s| s.parse().ok());
    let seconds = Duration::from_secs(seconds.unwrap_or(5));
    let topology = Topology::new().unwrap();
    let site = Site::generate(2);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start(&topology, MASK).unwrap();
    weir.manage().unwrap();
    let fallen_back = |weir: &Weir<'_>| {
        let metrics = weir.metrics().unwrap();
        let fallback = metrics.iter().filter(|(series, _)| series.contains("end=\"fallback_"));
        let seen = total(&metrics, "weir_xdp_packets_total");
        (fallback.map(|(_, packets)| packets).sum::<f64>(), seen)
    };
    // What passed before the first worker ran is no matter here, once it has been counted.
    let mut before = fallen_back(&weir);
    wait_for("the first counts", Duration::from_secs(20), || {
        before = fallen_back(&weir);
        (before.1 > 0.0).then_some(())
    })
    .unwrap();

    let _wrk = load(&topology);
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let hogs: Vec<Process> = (0..2 * cores)
        .map(|_| topology.middle.spawn("hog", &["sh", "-c", "while :; do :; done"]).unwrap())
        .collect();
    std::thread::sleep(seconds);
    drop(hogs);
    // The counts come once a second.
    std::thread::sleep(Duration::from_millis(2_500));
    let after = fallen_back(&weir);
    println!("{} packets under load, {} of them fell back", after.1 - before.1, after.0 - before.0);
    assert!(after.1 - before.1 > 1_000.0, "there was traffic");
    assert_eq!(after.0, before.0, "packets fell back under load alone");
}

/// Waits for the end of a data plane that must refuse; its exit code and what it says.
fn refused(mut process: Process) -> (i32, String) {
    let status = process.wait(Duration::from_secs(20)).unwrap();
    (status.code().unwrap(), process.output())
}

/// Runs `weir-dataplane run` where it must refuse.
fn refusal(weir: &Weir<'_>) -> (i32, String) {
    refused(weir.spawn(&[]).unwrap())
}

/// Waits until the outer end of a link has one, or has none.
fn until_link(end: &Namespace, up: bool) {
    wait_for("the link's state at the neighbour", Duration::from_secs(20), || {
        let shown = end.run_ok(&["ip", "-j", "link", "show", "dev", "eth0"]).ok()?;
        (shown.contains("NO-CARRIER") != up).then_some(())
    })
    .unwrap();
}

/// Takes down an outer end of the two links, or brings it up.
fn set_link(end: &Namespace, state: &str) {
    end.run_ok(&["ip", "link", "set", "eth0", state]).unwrap();
}

#[test]
fn a_lost_link_is_shown_to_the_neighbour_on_the_other_side() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(1);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start_with(&topology, "mirror-link-state: true", MASK).unwrap();
    weir.manage().unwrap();

    set_link(&topology.client, "down");
    until_link(&topology.server, false);
    set_link(&topology.client, "up");
    until_link(&topology.server, true);
    until_masked(&topology, &site);
    wait_for("the events", Duration::from_secs(20), || {
        let events = weir.events().ok()?;
        let told = |what: &str| events.iter().any(|e| e["anomaly"]["event"] == what);
        (told("link_lost") && told("link_back")).then_some(())
    })
    .unwrap();

    // The other way round; and killed meanwhile, it knows at its next start that the port is down by its own doing.
    set_link(&topology.server, "down");
    until_link(&topology.client, false);
    weir.dataplane().unwrap().kill();
    set_link(&topology.server, "up");
    weir.run().unwrap();
    until_masked(&topology, &site);

    // An orderly end leaves no port down.
    set_link(&topology.server, "down");
    until_link(&topology.client, false);
    weir.dataplane().unwrap().stop(Duration::from_secs(10)).unwrap();
    until_link(&topology.client, true);
}

#[test]
fn a_missing_device_is_named() {
    let topology = Topology::new().unwrap();
    topology.middle.run_ok(&["ip", "link", "set", PORT_A, "name", "renamed"]).unwrap();
    let weir = Weir::prepare(&topology, "", MASK).unwrap();
    let (code, said) = refusal(&weir);
    assert!(code == 2 && said.contains(PORT_A), "{code}: {said}");
}

#[test]
fn a_misspelt_setting_is_refused_with_its_place() {
    let topology = Topology::new().unwrap();
    let weir = Weir::prepare(&topology, "fial: closed", MASK).unwrap();
    let (code, said) = refusal(&weir);
    assert!(code == 1 && said.contains("settings.yaml:6:1: "), "{code}: {said}");
}

#[test]
fn without_privileges_it_says_which() {
    let topology = Topology::new().unwrap();
    let weir = Weir::prepare(&topology, "", MASK).unwrap();
    // Root by name only: still the owner of its files.
    let bare = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"];
    let (code, said) = refused(weir.spawn(&bare).unwrap());
    assert!(code == 2 && said.contains("CAP_NET_ADMIN") && said.contains("root"), "{code}: {said}");
}

#[test]
fn an_mtu_beyond_one_buffer_is_refused_with_the_command_that_mends_it() {
    let topology = Topology::with(Options { mtu: 9000, ..Options::default() }).unwrap();
    let weir = Weir::prepare(&topology, "", MASK).unwrap();
    let (code, said) = refusal(&weir);
    assert!(code == 2 && said.contains("9000") && said.contains("mtu 1500"), "{code}: {said}");
}

#[test]
fn more_queues_than_workers_are_refused() {
    let topology = Topology::with(Options { queues: 2, ..Options::default() }).unwrap();
    let weir = Weir::prepare(&topology, "", MASK).unwrap();
    let (code, said) = refusal(&weir);
    assert!(code == 2 && said.contains("`workers: 2`"), "{code}: {said}");
}
