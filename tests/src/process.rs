//! Programs in a namespace: started, waited for within a bound, and never left behind.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Error, Result, fail};

/// How long to sleep between two looks at something that is awaited.
const POLL: Duration = Duration::from_millis(5);

/// Runs a program to its end, or kills it at `limit`; its exit status is the caller's to judge.
///
/// `coreutils`' `timeout` does the killing, so that a pipe held open by a grandchild can't block us.
pub fn run(prefix: &[&str], argv: &[&str], limit: Duration) -> Result<Output> {
    let seconds = format!("{:.1}", limit.as_secs_f64());
    let mut words = prefix.to_vec();
    words.extend(["timeout", "-k", "1", seconds.as_str()]);
    words.extend(argv);
    let output = command(&words)?.stdin(Stdio::null()).output();
    let output = output.map_err(|e| Error::at(words.join(" "), e))?;
    match output.status.code() {
        Some(124 | 137) => fail!("{} did not end within {limit:?}", argv.join(" ")),
        _ => Ok(output),
    }
}

/// Like [`run`], but a status other than zero is an error that shows what the program said.
pub fn run_ok(prefix: &[&str], argv: &[&str], limit: Duration) -> Result<String> {
    let output = run(prefix, argv, limit)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        fail!("{} failed ({}): {}{}", argv.join(" "), output.status, text.trim(), said.trim());
    }
    Ok(text)
}

/// A command of whole words, the first being the program.
fn command(words: &[&str]) -> Result<Command> {
    let Some((program, arguments)) = words.split_first() else { fail!("an empty command") };
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

/// A program that runs until it is stopped; killed when dropped. Its output goes to a file.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts `argv` behind `prefix` (`nsenter …`), its output and errors appended to `log`.
    pub fn spawn(
        prefix: &[&str],
        argv: &[&str],
        env: &[(&str, &OsStr)],
        log: &Path,
    ) -> Result<Process> {
        let mut words = prefix.to_vec();
        words.extend(argv);
        let out = File::options().create(true).append(true).open(log)?;
        let mut command = command(&words)?;
        command.envs(env.iter().copied());
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let child = command.spawn().map_err(|e| Error::at(words.join(" "), e))?;
        let name = argv.first().map_or(String::new(), |s| (*s).to_owned());
        Ok(Process { child, name, log: log.to_owned() })
    }

    /// The process id. `nsenter` executes the program in its own place, so this is the program's.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the program has written so far.
    pub fn output(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Sends a signal; that the process is already gone is not an error.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), signal);
    }

    /// Stops it where it is (SIGSTOP) and waits until the kernel has stopped its last thread.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP);
        let threads = format!("/proc/{}/task", self.id());
        wait_for("every thread stopping", Duration::from_secs(5), || {
            let all_stopped = fs::read_dir(&threads).ok()?.flatten().all(|thread| {
                let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
                stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
            });
            all_stopped.then_some(())
        })
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if start.elapsed() > limit {
                fail!("{} still runs after {limit:?}:\n{}", self.name, self.output());
            }
            thread::sleep(POLL);
        }
    }

    /// Asks it to end (SIGTERM) and waits.
    pub fn stop(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM);
        self.wait(limit)
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// User and system time it has used, all its threads together (`/proc/PID/stat`, in ticks of 10 ms).
    pub fn cpu_time(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        // The second field is the name in parentheses and may hold spaces; utime and stime are the 14th and 15th.
        let ticks = stat.rsplit_once(')').map_or(0, |(_, rest)| {
            rest.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum()
        });
        Ok(Duration::from_millis(ticks * 10))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks again and again until `done` gives a value; an error naming `what` if that takes longer than `limit`.
pub fn wait_for<T>(what: &str, limit: Duration, mut done: impl FnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = done() {
            return Ok(value);
        }
        if start.elapsed() > limit {
            fail!("{what} did not happen within {limit:?}");
        }
        thread::sleep(POLL);
    }
}
