//! HAProxy as a plain reverse proxy in the middle, without any inspection: what ending every connection costs by itself.

use std::fs;

use weir_tests::Result;
use weir_tests::net::{END, END_SYSCTLS, PORT_A, PORT_B, SERVER_V4, Topology};
use weir_tests::process::Process;
use weir_tests::servers::{H1, H2};

/// The network between proxy and server: the middle's address and the server's second one.
const UPSTREAM: (&str, &str) = ("10.10.0.1/24", "10.10.0.2");

/// Gives the middle the server's address towards the client and a network of its own towards the server, and starts
/// HAProxy there on `core`.
pub fn start(topology: &Topology, core: &str) -> Result<Process> {
    route(topology)?;
    let file = topology.dir().join("haproxy.cfg");
    fs::write(&file, configuration())?;
    let file = file.display().to_string();
    topology.middle.spawn("haproxy", &["taskset", "-c", core, "haproxy", "-db", "-f", &file])
}

/// One thread, connections to the server kept and shared: the configuration that the shared peers were measured with.
fn configuration() -> String {
    format!(
        "global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend h1
  bind {SERVER_V4}:{H1}
  default_backend pages
frontend h2
  bind {SERVER_V4}:{H2} proto h2
  default_backend pages
backend pages
  server nginx {}:{H1}
",
        UPSTREAM.1
    )
}

fn route(topology: &Topology) -> Result<()> {
    let (middle, server) = (&topology.middle, &topology.server);
    for (key, value) in END_SYSCTLS {
        middle.sysctl(key, value)?;
    }
    middle.run_ok(&["ip", "addr", "add", &format!("{SERVER_V4}/24"), "dev", PORT_A])?;
    middle.run_ok(&["ip", "addr", "add", UPSTREAM.0, "dev", PORT_B])?;
    server.run_ok(&["ip", "addr", "add", &format!("{}/24", UPSTREAM.1), "dev", END])?;
    forget_neighbours(topology)
}

/// Takes the addresses away again.
pub fn unroute(topology: &Topology) -> Result<()> {
    for port in [PORT_A, PORT_B] {
        topology.middle.run_ok(&["ip", "addr", "flush", "dev", port])?;
    }
    let upstream = format!("{}/24", UPSTREAM.1);
    topology.server.run_ok(&["ip", "addr", "del", &upstream, "dev", END])?;
    forget_neighbours(topology)
}

/// The server's address has another owner now.
fn forget_neighbours(topology: &Topology) -> Result<()> {
    for end in [&topology.client, &topology.server] {
        end.run_ok(&["ip", "neigh", "flush", "dev", END])?;
    }
    Ok(())
}
