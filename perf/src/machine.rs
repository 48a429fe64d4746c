//! The machine: what it is, for the record, and the helps it needs to measure on it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use weir_tests::Result;
use weir_tests::net::Namespace;
use weir_tests::process::Process;

/// A note on machine, kernel and commit, which every raw result begins with.
pub fn note() -> Value {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|l| l.starts_with(name));
        line.and_then(|l| l.split(':').nth(1)).unwrap_or_default().trim().to_owned()
    };
    json!({
        "cpu": field("model name"),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": said("uname", &["-sr"]),
        "virtual": said("systemd-detect-virt", &[]),
        "memory": fs::read_to_string("/proc/meminfo").unwrap_or_default().lines().next(),
        "commit": said("git", &["describe", "--always", "--dirty"]),
        "date": said("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
    })
}

/// What a command says on its first line; nothing if it can't be run.
pub fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

/// Processor time that a process has used so far, all its threads together: the scheduler's own nanoseconds
/// (`schedstat`), since the ticks of `/proc/PID/stat` are too coarse for some seconds of light load.
pub fn cpu_time(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let nanoseconds = |task: &Path| {
        let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
    };
    Duration::from_nanos(tasks.map(|t| nanoseconds(&t.path())).sum())
}

/// Resident memory of a process, MB.
pub fn resident_mb(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kb = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<f64>().ok());
    kb.unwrap_or(0.0) / 1024.0
}

/// A spinner of the idle class on every core, while the value lives. An idle virtual processor wakes up to 39 ms late,
/// which would be charged to whatever is measured; spinners of this class yield to everything else at once.
pub fn keep_awake(namespace: &Namespace) -> Result<Vec<Process>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (0..cores)
        .map(|core| {
            let core = core.to_string();
            let spin = ["sh", "-c", "while :; do :; done"];
            let mut argv = vec!["chrt", "--idle", "0", "taskset", "-c", &core];
            argv.extend(spin);
            namespace.spawn("spinner", &argv)
        })
        .collect()
}
