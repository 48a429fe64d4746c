//! The data plane between real programs, whatever the engine decides: packets pass, none gets lost, no frame either.
#![allow(clippy::unwrap_used, clippy::panic)] // test code

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use weir_tests::bodies::Site;
use weir_tests::clients::{Version, curl};
use weir_tests::net::{END, Options, PORT_A, SERVER_V4, Topology};
use weir_tests::process::{Process, wait_for};
use weir_tests::servers::{H1, Nginx};
use weir_tests::weir::Weir;

/// Ends that run NAPI: the kernel drops what XDP redirects to others, and ARP is such.
fn napi() -> Options {
    Options { gro: true, ..Options::default() }
}

/// Nothing is masked or blocked by it.
const NO_RULES: &str = "version: 1\nmode: monitor\n";

/// Load on all connections at once; returns the requests answered, all of which must have succeeded.
fn load(topology: &Topology, path: &str) -> u64 {
    let url = format!("http://{SERVER_V4}:{H1}{path}");
    let argv = ["wrk", "-t1", "-c32", "-d2s", &url];
    let said = topology.client.run(&argv, Duration::from_secs(20)).unwrap().stdout;
    let said = String::from_utf8_lossy(&said);
    assert!(!said.contains("Socket errors") && !said.contains("Non-2xx"), "{said}");
    let line = said.lines().find(|l| l.contains("requests in")).unwrap_or_else(|| panic!("{said}"));
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// What each worker said of itself when it was stopped.
fn stop(weir: &mut Weir<'_>) -> Vec<String> {
    let process = weir.dataplane().unwrap();
    process.stop(Duration::from_secs(10)).unwrap();
    let said = process.output();
    assert!(!said.contains("frames are lost"), "{said}");
    let ends: Vec<_> =
        said.lines().filter(|l| l.contains("worker ended")).map(String::from).collect();
    assert!(!ends.is_empty(), "{said}");
    for end in &ends {
        assert_eq!(number(end, "missing"), 0, "{end}");
        let reasons =
            end.split_once("reasons: [").and_then(|(_, rest)| rest.split_once(']')).unwrap().0;
        let ended: i64 = reasons.split(", ").map(|n| n.parse::<i64>().unwrap()).sum();
        assert_eq!(
            number(end, "received"),
            ended + number(end, "held"),
            "each packet ends in one reason: {end}"
        );
    }
    ends
}

/// The number after `name: ` in a line.
fn number(line: &str, name: &str) -> i64 {
    let (_, rest) =
        line.split_once(&format!(" {name}: ")).unwrap_or_else(|| panic!("no {name}: {line}"));
    rest.split(|c: char| !c.is_ascii_digit() && c != '-').next().unwrap().parse().unwrap()
}

#[test]
fn pages_pass_unchanged_and_every_frame_is_accounted_for() {
    let topology = Topology::with(napi()).unwrap();
    let site = Site::generate(1);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start(&topology, NO_RULES).unwrap();
    for doc in site.docs.iter().step_by(50) {
        let answer = curl(&topology.client, Version::H1, &doc.path).unwrap();
        assert_eq!((answer.status, answer.body == doc.body), (200, true), "{}", doc.path);
    }
    let requests = load(&topology, &site.docs[0].path);
    let ends = stop(&mut weir);
    // A request and its answer are at least one segment each.
    assert!(number(&ends[0], "received") >= 2 * requests as i64, "{}", ends[0]);
}

#[test]
fn packets_that_arrive_at_the_wrong_worker_reach_their_flows_owner() {
    let topology = Topology::with(Options { queues: 2, ..napi() }).unwrap();
    let site = Site::generate(1);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start_with(&topology, "workers: 2\n", NO_RULES).unwrap();
    for doc in site.docs.iter().step_by(50) {
        let answer = curl(&topology.client, Version::H1, &doc.path).unwrap();
        assert_eq!((answer.status, answer.body == doc.body), (200, true), "{}", doc.path);
    }
    assert!(load(&topology, &site.docs[0].path) > 0);
    let ends = stop(&mut weir);
    assert_eq!(ends.len(), 2);
    assert!(
        ends.iter().map(|end| number(end, "handed_over")).sum::<i64>() > 0,
        "none was handed over: {ends:?}"
    );
}

#[test]
fn a_mirror_port_receives_and_never_sends() {
    let topology = Topology::new().unwrap();
    let mut weir = Weir::prepare(&topology, "", NO_RULES).unwrap();
    let settings = std::fs::read_to_string(weir.settings()).unwrap();
    let mirror = settings.replace("placement: inline", "placement: mirror").replace(", port-b", "");
    std::fs::write(weir.settings(), mirror).unwrap();
    weir.launch().unwrap();
    let running = |process: &mut Process| process.output().contains("running").then_some(());
    wait_for("the data plane running", Duration::from_secs(10), || {
        running(weir.dataplane().unwrap())
    })
    .unwrap();

    let sent = || {
        let said = topology.middle.run_ok(&["ip", "-s", "-j", "link", "show", PORT_A]).unwrap();
        said.split_once("\"tx\":").unwrap().1.split('}').next().unwrap().to_owned()
    };
    let before = sent();
    // Nobody answers ARP behind a mirror port.
    let neighbour =
        ["ip", "neigh", "replace", SERVER_V4, "lladdr", "02:00:00:00:00:01", "dev", END];
    topology.client.run_ok(&neighbour).unwrap();
    let server: SocketAddr = format!("{SERVER_V4}:{H1}").parse().unwrap();
    let connected =
        topology.client.enter(|| TcpStream::connect_timeout(&server, Duration::from_millis(1500)));
    assert!(connected.unwrap().is_err(), "nobody is there to answer");
    assert_eq!(sent(), before, "a mirror port has sent");
    let ends = stop(&mut weir);
    // The SYN and its first retransmission, one second later.
    assert!(number(&ends[0], "received") >= 2, "{}", ends[0]);
}
