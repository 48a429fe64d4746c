//! Reading captures: `weir-dataplane replay` on one core beside a raw Hyperscan scan of the same bodies.
//!
//! Both are counted in bytes of bodies a second of processor time: so neither gains by headers that the other does not
//! have, or loses by other programs on the machine. Weir's time includes reading the file, flows, streams and HTTP.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use weir_tests::bodies::{Doc, Mix, Site};
use weir_tests::{Error, Result, fail, program};

use crate::{capture, machine};

/// Bodies in the capture.
const BODIES: usize = 2_000;
/// How often the capture is read in one run, so that the start of the program does not count.
const TIMES: usize = 60;
/// Seconds that Hyperscan runs in each mode.
const SECONDS: &str = "1.5";
/// The policies: with the detectors that peers have, too, and with all packs.
const POLICIES: [(&str, &str); 2] = [
    ("policy.yaml", include_str!("../policy.yaml")),
    ("policy-packs.yaml", include_str!("../policy-packs.yaml")),
];

/// What one round gave, Gbit/s.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// `weir-dataplane replay`.
    pub weir: f64,
    /// The same with all packs.
    pub packs: f64,
    /// Hyperscan in streaming mode, in pieces of a segment.
    pub streaming: f64,
    /// Hyperscan in block mode, whole bodies.
    pub block: f64,
}

/// The inputs of both, on disk.
#[derive(Debug)]
pub struct Replay {
    dir: PathBuf,
    bytes: usize,
}

impl Replay {
    /// Writes the inputs under `dir`.
    pub fn prepare(dir: &Path, site: &Site) -> Result<Replay> {
        let paths = site.paths(Mix::Mixed, BODIES);
        let docs: Vec<&Doc> =
            paths.iter().filter_map(|p| site.docs.iter().find(|d| d.path == *p)).collect();
        let dir = dir.join("replay");
        fs::create_dir_all(&dir)?;
        capture::write(&dir.join("capture.pcap"), &docs)?;
        for (name, text) in POLICIES {
            fs::write(dir.join(name), text)?;
        }
        let mut bodies = BufWriter::new(File::create(dir.join("bodies"))?);
        for doc in &docs {
            bodies.write_all(&(doc.body.len() as u32).to_ne_bytes())?;
            bodies.write_all(&doc.body)?;
        }
        bodies.flush()?;
        Ok(Replay { dir, bytes: docs.iter().map(|d| d.body.len()).sum() })
    }

    /// One run of each.
    pub fn round(&self) -> Result<Round> {
        let (streaming, block) = self.hyperscan()?;
        let [weir, packs] = POLICIES.map(|(policy, _)| self.weir(policy));
        Ok(Round { weir: weir?, packs: packs?, streaming, block })
    }

    fn weir(&self, policy: &str) -> Result<f64> {
        let capture = self.dir.join("capture.pcap");
        let mut child = Command::new(program("weir-dataplane")?)
            .arg("replay")
            .arg("--policy")
            .arg(self.dir.join(policy))
            .args(std::iter::repeat_n(&capture, TIMES))
            .stderr(Stdio::null())
            .spawn()?;
        // Its time can be read as long as nobody has asked for its exit status.
        let id = Id::Pid(Pid::from_raw(child.id().cast_signed()));
        waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)
            .map_err(|e| Error::at("weir-dataplane replay", e))?;
        let time = machine::cpu_time(child.id());
        let status = child.wait()?;
        if !status.success() {
            fail!("weir-dataplane replay: {status}");
        }
        Ok((self.bytes * TIMES * 8) as f64 / time.as_secs_f64() / 1e9)
    }

    fn hyperscan(&self) -> Result<(f64, f64)> {
        let patterns = Path::new(env!("CARGO_MANIFEST_DIR")).join("floor/patterns.txt");
        let output = Command::new(program("hs_raw")?)
            .arg(patterns)
            .arg(self.dir.join("bodies"))
            .arg(SECONDS)
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let gbit = |mode: &str| {
            let line = text.lines().find_map(|l| l.strip_prefix(mode))?;
            line.split_whitespace().next()?.parse().ok()
        };
        match (gbit("streaming "), gbit("block ")) {
            (Some(streaming), Some(block)) => Ok((streaming, block)),
            _ => fail!("hs_raw: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }
}
