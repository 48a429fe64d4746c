//! Captures: `weir-dataplane replay` takes the packets apart, and its events are read as they come.

use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::engine;

/// Magic numbers of pcap (both byte orders, micro- and nanoseconds) and pcapng.
const MAGIC: [[u8; 4]; 5] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0x0a, 0x0d, 0x0d, 0x0a],
];

/// Whether a file begins as a capture does.
pub(super) fn is_capture(head: &[u8]) -> bool {
    MAGIC.iter().any(|magic| head.starts_with(magic))
}

/// A replay that runs while its events are read.
pub(super) struct Replay {
    /// What it says, a line an event.
    pub(super) events: BufReader<ChildStdout>,
    engine: Child,
    /// The capture, undone from gzip or standard input; deleted in the end.
    copy: PathBuf,
}

impl Replay {
    /// Writes the capture to a file of its own and starts the engine on it.
    pub(super) fn start(capture: &mut dyn Read) -> Result<Replay, String> {
        let copy = copy(capture).map_err(|e| format!("can't copy the capture: {e}"))?;
        let started = start(&copy);
        if started.is_err() {
            remove(&copy);
        }
        let (engine, events) = started?;
        Ok(Replay { events: BufReader::new(events), engine, copy })
    }

    /// Waits for its end; an error if it failed.
    pub(super) fn end(&mut self) -> Result<(), String> {
        let status = self.engine.wait().map_err(|e| format!("the engine: {e}"))?;
        let mut said = String::new();
        // Its summary is short enough for the pipe, so it never waits for us to read it.
        if let Some(mut errors) = self.engine.stderr.take() {
            errors.read_to_string(&mut said).map_err(|e| format!("the engine: {e}"))?;
        }
        match status.success() {
            true => Ok(()),
            false => Err(said.lines().last().unwrap_or("the engine failed").to_owned()),
        }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        // It has ended already unless its reader stopped early; then it is not needed any more.
        let _ = self.engine.kill();
        let _ = self.engine.wait();
        remove(&self.copy);
    }
}

fn start(copy: &Path) -> Result<(Child, ChildStdout), String> {
    let program = engine::program();
    let mut engine = Command::new(&program)
        .args(["replay", "--events", "-"])
        .arg(copy)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| engine::missing(&program, &e))?;
    let events = engine.stdout.take().ok_or("the engine has no output")?;
    Ok((engine, events))
}

fn copy(capture: &mut dyn Read) -> io::Result<PathBuf> {
    static COPIES: AtomicU32 = AtomicU32::new(0);
    let number = COPIES.fetch_add(1, Ordering::Relaxed);
    let name = format!("weir-capture-{}-{number}.pcap", std::process::id());
    let path = std::env::temp_dir().join(name);
    // Only a new file: nobody else's, and no link that someone laid there.
    let mut file = std::fs::File::options().write(true).create_new(true).open(&path)?;
    let copied = io::copy(capture, &mut file).and_then(|_| file.flush());
    if copied.is_err() {
        remove(&path);
    }
    copied.map(|()| path)
}

fn remove(path: &Path) {
    // It may be gone already; nobody needs it.
    let _ = std::fs::remove_file(path);
}
