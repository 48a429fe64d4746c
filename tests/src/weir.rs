//! Weir itself in the middle of a topology.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use crate::net::{PORT_A, PORT_B, SERVER_V4, Topology};
use crate::process::{Process, wait_for};
use crate::relay::Tap;
use crate::{Error, Result, fail, program};

/// Masks every leak in a response, blocks every attack.
pub const MASK: &str = include_str!("../policies/mask.yaml");
/// Blocks every leak in a response and every attack.
pub const BLOCK: &str = include_str!("../policies/block.yaml");

/// How long the data plane may take until packets pass.
const START: Duration = Duration::from_secs(15);
/// How long it may take to end.
const STOP: Duration = Duration::from_secs(10);
/// What the data plane logs when its ports are open.
const RUNNING: &str = "weir_dataplane: running";
/// Its log in the topology's folder.
const LOG: &str = "dataplane.log";
/// A port on which no service listens: a refused connection shows that packets pass in both directions.
const CLOSED: u16 = 9;
/// Where weir-mgmt serves `/metrics`, in the middle's namespace.
pub const LISTEN: &str = "127.0.0.1:9099";
/// How long `weir` may take: weir-mgmt waits up to 30 s for the data plane's answer to a policy.
const COMMAND: Duration = Duration::from_secs(45);

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
        let placed = format!("placement: inline\nports: [{PORT_A}, {PORT_B}]");
        Weir::placed(topology, &placed, settings, policy)
    }

    /// Starts the data plane at the mirrored port of a [`Tap`].
    pub fn mirror(topology: &'t Topology, policy: &str) -> Result<Weir<'t>> {
        let placed = format!("placement: mirror\nports: [{}]", Tap::SPAN);
        let mut weir = Weir::placed(topology, &placed, "", policy)?;
        weir.begin()?;
        Ok(weir)
    }

    fn placed(
        topology: &'t Topology,
        placed: &str,
        settings: &str,
        policy: &str,
    ) -> Result<Weir<'t>> {
        let dir = topology.dir().join("weir");
        fs::create_dir_all(dir.join("state"))?;
        let weir = Weir { topology, dir, dataplane: None, management: None };
        let (at, pins) = (weir.dir.display(), topology.pins());
        let pins = pins.display();
        let text = format!(
            "{placed}\nbpffs: {pins}\n\
             control-socket: {at}/mgmt/control.sock\nstate-dir: {at}/state\n{settings}\n"
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

    /// The settings file.
    pub fn settings(&self) -> String {
        self.dir.join("settings.yaml").display().to_string()
    }

    /// A path among Weir's files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Starts the data plane, again if it has run before, and waits until it works and packets pass. That they pass
    /// alone says nothing: they do so uninspected while it starts.
    pub fn run(&mut self) -> Result<()> {
        self.begin()?;
        let probe =
            SocketAddr::new(SERVER_V4.parse().map_err(|e| Error::at(SERVER_V4, e))?, CLOSED);
        let topology = self.topology;
        wait_for("packets passing through Weir", START, || {
            let connect = || TcpStream::connect_timeout(&probe, Duration::from_millis(300));
            let refused = topology.client.enter(connect).is_ok_and(|result| {
                result.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused)
            });
            refused.then_some(())
        })?;
        self.must_run()
    }

    /// Starts the data plane and waits until it says that it runs.
    fn begin(&mut self) -> Result<()> {
        let earlier = fs::read(self.topology.dir().join(LOG)).map_or(0, |log| log.len());
        self.launch()?;
        let process = self.dataplane()?;
        wait_for("the data plane running", START, || {
            let said = process.output();
            let runs = said.get(earlier..).is_some_and(|new| new.contains(RUNNING));
            (runs || !process.is_running()).then_some(())
        })?;
        self.must_run()
    }

    fn must_run(&mut self) -> Result<()> {
        let process = self.dataplane()?;
        if !process.is_running() {
            fail!("weir-dataplane ended:\n{}", process.output());
        }
        Ok(())
    }

    /// Starts the data plane and waits for nothing.
    pub fn launch(&mut self) -> Result<()> {
        self.dataplane = Some(self.spawn(&[])?);
        Ok(())
    }

    /// A data plane of the caller's own, behind a command such as `setpriv`; nothing is waited for.
    pub fn spawn(&self, behind: &[&str]) -> Result<Process> {
        let (program, settings) = (program("weir-dataplane")?, self.settings());
        let argv = [behind, &[&program, "run", "--config", &settings]].concat();
        self.topology.middle.spawn("dataplane", &argv)
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

/// Weir's management process and command line.
impl Weir<'_> {
    /// Starts weir-mgmt as a user without privileges, again if it has run before, and waits until it and, if that
    /// runs, the data plane know each other. Its files are in [`Weir::path`]`("mgmt")`.
    pub fn manage(&mut self) -> Result<()> {
        let mgmt = self.path("mgmt");
        let at = |name: &str| mgmt.join(name).display().to_string();
        let argv = [
            &program("weir-mgmt")?,
            "--user",
            "nobody",
            "--control",
            &at("control.sock"),
            "--api",
            &at("api.sock"),
            "--state-dir",
            &at("state"),
            "--events",
            &at("events.jsonl"),
            "--listen",
            LISTEN,
        ];
        self.management = Some(self.topology.middle.spawn("mgmt", &argv)?);
        let running = match &mut self.dataplane {
            Some(process) => process.is_running(),
            None => false,
        };
        let ready = |weir: &Weir<'_>| {
            let status = weir.status().ok()?;
            let connected = status.pointer("/dataplane/connected").and_then(Value::as_bool);
            (!running || connected == Some(true)).then_some(())
        };
        wait_for("weir-mgmt and the data plane meeting", START, || ready(self))
    }

    /// Runs the operator's command line; its exit status is the caller's to judge.
    pub fn cli(&self, arguments: &[&str]) -> Result<Output> {
        let (weir, api) = (program("weir")?, self.path("mgmt/api.sock").display().to_string());
        let mut argv = vec![weir.as_str(), "--api", &api];
        argv.extend(arguments);
        self.topology.middle.run(&argv, COMMAND)
    }

    /// What the command line says; an error with its reason if it does not succeed.
    pub fn said(&self, arguments: &[&str]) -> Result<String> {
        let output = self.cli(arguments)?;
        if !output.status.success() {
            fail!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What `weir status --json` says, also while it says that something is wrong.
    pub fn status(&self) -> Result<Value> {
        let output = self.cli(&["status", "--json"])?;
        let said = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).map_err(|e| Error::at(said.trim(), e))
    }

    /// Puts a policy in force by `weir policy apply`; what that says, and whether it accepted.
    pub fn apply(&self, policy: &str) -> Result<(bool, String)> {
        let file = self.path("applied.yaml");
        fs::write(&file, policy)?;
        let output = self.cli(&["policy", "apply", &file.display().to_string()])?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }

    /// `/metrics`, by series (`weir_events_total{type="leak"}`).
    pub fn metrics(&self) -> Result<BTreeMap<String, f64>> {
        let url = format!("http://{LISTEN}/metrics");
        let text = self.topology.middle.run_ok(&["curl", "-sf", &url])?;
        let parse = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        };
        Ok(text.lines().filter(|l| !l.starts_with('#')).filter_map(parse).collect())
    }

    /// The events that weir-mgmt has written, whole lines only.
    pub fn events(&self) -> Result<Vec<Value>> {
        let text = fs::read_to_string(self.path("mgmt/events.jsonl"))?;
        let whole = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        whole.lines().map(|l| serde_json::from_str(l).map_err(|e| Error::at(l, e))).collect()
    }
}

/// The sum of all series of one name.
pub fn total(metrics: &BTreeMap<String, f64>, name: &str) -> f64 {
    let of = |series: &str| series.split_once('{').map_or(series, |(n, _)| n) == name;
    metrics.iter().filter(|(series, _)| of(series)).map(|(_, value)| value).sum()
}

impl Drop for Weir<'_> {
    fn drop(&mut self) {
        self.management.take();
        self.dataplane.take();
        let _ = self.detach();
    }
}
