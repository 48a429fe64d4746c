//! Weir itself in the middle of a topology.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use crate::net::{PORT_A, PORT_B, SERVER_V4, Topology};
use crate::process::{Process, wait_for};
use crate::{Error, Result, fail, program};

/// Masks every leak in a response, blocks every attack.
pub const MASK: &str = include_str!("../policies/mask.yaml");
/// Blocks every leak in a response and every attack.
pub const BLOCK: &str = include_str!("../policies/block.yaml");

/// How long the data plane may take until packets pass.
const START: Duration = Duration::from_secs(15);
/// How long it may take to end.
const STOP: Duration = Duration::from_secs(10);
/// A port on which no service listens: a refused connection shows that packets pass in both directions.
const CLOSED: u16 = 9;

/// Weir's files in one topology, and its data plane while it runs.
#[derive(Debug)]
pub struct Weir<'t> {
    topology: &'t Topology,
    dir: PathBuf,
    dataplane: Option<Process>,
    management: Option<Process>,
}

impl<'t> Weir<'t> {
    /// Writes settings and policy, nothing more. `settings` are further lines of the data plane's settings file.
    /// The policy stands where the data plane keeps its last good one, so that it needs no management process.
    pub fn prepare(topology: &'t Topology, settings: &str, policy: &str) -> Result<Weir<'t>> {
        let dir = topology.dir().join("weir");
        fs::create_dir_all(dir.join("state"))?;
        let weir = Weir { topology, dir, dataplane: None, management: None };
        let (at, pins) = (weir.dir.display(), weir.pins().display().to_string());
        let text = format!(
            "placement: inline\nports: [{PORT_A}, {PORT_B}]\nbpffs: {pins}\n\
             control-socket: {at}/control.sock\nstate-dir: {at}/state\n{settings}\n"
        );
        fs::write(weir.dir.join("settings.yaml"), text)?;
        fs::write(weir.dir.join("state/policy.yaml"), format!("# weir: revision 1\n{policy}"))?;
        Ok(weir)
    }

    /// Prepares and starts the data plane with this policy, and waits until packets pass.
    pub fn start(topology: &'t Topology, policy: &str) -> Result<Weir<'t>> {
        Weir::start_with(topology, "", policy)
    }

    /// The same with further settings.
    pub fn start_with(topology: &'t Topology, settings: &str, policy: &str) -> Result<Weir<'t>> {
        let mut weir = Weir::prepare(topology, settings, policy)?;
        weir.run()?;
        Ok(weir)
    }

    /// Where this topology's XDP program is pinned.
    fn pins(&self) -> PathBuf {
        let name = self.topology.dir().file_name().unwrap_or_default();
        PathBuf::from("/sys/fs/bpf").join(name)
    }

    /// The settings file.
    pub fn settings(&self) -> String {
        self.dir.join("settings.yaml").display().to_string()
    }

    /// A path among Weir's files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Starts the data plane, again if it has run before, and waits until packets pass.
    pub fn run(&mut self) -> Result<()> {
        self.launch()?;
        let probe =
            SocketAddr::new(SERVER_V4.parse().map_err(|e| Error::at(SERVER_V4, e))?, CLOSED);
        let topology = self.topology;
        let process = self.dataplane()?;
        wait_for("packets passing through Weir", START, || {
            let connect = || TcpStream::connect_timeout(&probe, Duration::from_millis(300));
            let refused = topology.client.enter(connect).is_ok_and(|result| {
                result.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused)
            });
            (refused || !process.is_running()).then_some(())
        })?;
        if !process.is_running() {
            fail!("weir-dataplane ended:\n{}", process.output());
        }
        Ok(())
    }

    /// Starts the data plane and waits for nothing.
    pub fn launch(&mut self) -> Result<()> {
        let argv = [&program("weir-dataplane")?, "run", "--config", &self.settings()];
        self.dataplane = Some(self.topology.middle.spawn("dataplane", &argv)?);
        Ok(())
    }

    /// The data plane's process.
    pub fn dataplane(&mut self) -> Result<&mut Process> {
        self.dataplane.as_mut().ok_or_else(|| Error("the data plane was not started".into()))
    }

    /// The management process.
    pub fn management(&mut self) -> Result<&mut Process> {
        self.management.as_mut().ok_or_else(|| Error("weir-mgmt was not started".into()))
    }

    /// Stops the data plane (SIGTERM); its XDP program stays and falls back as the settings say.
    pub fn stop(&mut self) -> Result<()> {
        match self.dataplane.take() {
            Some(mut process) => process.stop(STOP).map(drop),
            None => Ok(()),
        }
    }

    /// Removes the XDP program.
    pub fn detach(&self) -> Result<()> {
        let argv = [&program("weir-dataplane")?, "detach", "--config", &self.settings()];
        self.topology.middle.run_ok(&argv).map(drop)
    }
}

impl Drop for Weir<'_> {
    fn drop(&mut self) {
        self.management.take();
        self.dataplane.take();
        let _ = self.detach();
        let _ = fs::remove_dir_all(self.pins());
    }
}
