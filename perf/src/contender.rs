//! The contenders in the middle. All of them forward the same bytes, all but the proxy those of the same connections.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use weir_tests::net::{PORT_A, PORT_B, SERVER_V4, Topology};
use weir_tests::process::{Process, wait_for};
use weir_tests::servers::H1;
use weir_tests::weir::Weir;
use weir_tests::{Error, Result, program};

use crate::haproxy;

/// The policy that Weir is measured with: every built-in detector looks at everything, leaks are masked.
const POLICY: &str = include_str!("../policy.yaml");
/// The same with all packs.
const PACKS: &str = include_str!("../policy-packs.yaml");
/// The core on which each user-space contender runs.
const CORE: &str = "0";

/// Who stands between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// The kernel's bridge.
    Bridge,
    /// The minimal AF_XDP forwarder in C (`perf/floor`).
    Bare,
    /// Weir with `inspection: false`.
    Off,
    /// Weir with the detectors that peers have, too.
    Weir,
    /// Weir with all packs.
    Packs,
    /// HAProxy as a plain reverse proxy.
    HaProxy,
}

/// All of them.
pub const ALL: [Contender; 6] = [
    Contender::Bridge,
    Contender::Bare,
    Contender::Off,
    Contender::Weir,
    Contender::Packs,
    Contender::HaProxy,
];

impl Contender {
    /// Its name in figures and raw results.
    pub fn name(self) -> &'static str {
        match self {
            Contender::Bridge => "bridge",
            Contender::Bare => "bare",
            Contender::Off => "off",
            Contender::Weir => "weir",
            Contender::Packs => "packs",
            Contender::HaProxy => "haproxy",
        }
    }

    /// The contender of this name.
    pub fn named(name: &str) -> Option<Contender> {
        ALL.into_iter().find(|c| c.name() == name)
    }

    /// Puts it into the middle and waits until the server is reached through it.
    pub fn start(self, topology: &Topology) -> Result<Running<'_>> {
        let mut running = Running { topology, contender: self, process: None, weir: None };
        match self {
            Contender::Bridge => topology.bridge()?,
            Contender::Bare => {
                let argv = [&program("forwarder")?, PORT_A, PORT_B, CORE];
                running.process = Some(topology.middle.spawn("forwarder", &argv)?);
            }
            Contender::HaProxy => running.process = Some(haproxy::start(topology, CORE)?),
            Contender::Off | Contender::Weir | Contender::Packs => {
                let inspection = if self == Contender::Off { "inspection: false\n" } else { "" };
                let settings = format!("cores: [{CORE}]\n{inspection}");
                let policy = if self == Contender::Packs { PACKS } else { POLICY };
                running.weir = Some(Weir::start_with(topology, &settings, policy)?);
            }
        }
        let server: SocketAddr =
            format!("{SERVER_V4}:{H1}").parse().map_err(|e| Error::at(SERVER_V4, e))?;
        let connect = || TcpStream::connect_timeout(&server, Duration::from_millis(300)).is_ok();
        wait_for("the server reached through the middle", Duration::from_secs(10), || {
            topology.client.enter(connect).unwrap_or(false).then_some(())
        })?;
        Ok(running)
    }
}

/// A contender at work; dropping it clears the middle.
pub struct Running<'t> {
    topology: &'t Topology,
    contender: Contender,
    process: Option<Process>,
    weir: Option<Weir<'t>>,
}

impl Running<'_> {
    /// Its process; none for the bridge, which is the kernel.
    pub fn pid(&mut self) -> Option<u32> {
        match &mut self.weir {
            Some(weir) => weir.dataplane().ok().map(|p| p.id()),
            None => self.process.as_ref().map(Process::id),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.process.take();
        self.weir.take();
        // What fails here fails again where the next contender starts, and is reported there.
        let _ = match self.contender {
            Contender::Bridge => self.topology.unbridge(),
            Contender::HaProxy => haproxy::unroute(self.topology),
            Contender::Bare | Contender::Off | Contender::Weir | Contender::Packs => Ok(()),
        };
    }
}
