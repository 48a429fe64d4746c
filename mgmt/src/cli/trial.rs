//! `weir policy try`: recorded traffic under a new policy and under the one in force, and what differs.
//!
//! ```text
//!   capture ─┬─► weir-dataplane replay --policy NEW ─► events ─► what each value and call comes to ─┐
//!            └─► weir-dataplane replay --policy OLD ─► events ─► the same ─────────────────────────┴─► by rule and endpoint
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::Args as ClapArgs;
use serde_json::{Value, json};
use weir_inspect::behaviour::template;
use weir_inspect::policy::{Mode, Policy};

use super::client::Client;
use super::style::{Style, printable};
use super::{Failure, Outcome, output, policy};
use crate::engine;

/// Samples shown of a row.
const SAMPLES: usize = 3;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The policy to try; judged as if its mode as a whole were `enforce`
    new: PathBuf,
    /// Recorded traffic: pcap, pcapng, or requests as JSON lines
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    on: Vec<PathBuf>,
    /// Compare with this policy instead of the one in force
    #[arg(long, value_name = "FILE", conflicts_with = "alone")]
    against: Option<PathBuf>,
    /// Compare with nothing: whatever it would do is new
    #[arg(long)]
    alone: bool,
    /// How callers behave, as `weir learn behaviour` wrote it, for both policies' `behaviour`
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// A JSON line for each rule and endpoint, and a last one with the sums
    #[arg(long)]
    json: bool,
}

/// What a policy does to a value or a call; the stronger one is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    Mask,
    Block,
}

impl Effect {
    fn name(self) -> &'static str {
        match self {
            Effect::Mask => "mask",
            Effect::Block => "block",
        }
    }
}

/// What happened to one value or call.
#[derive(Clone, Debug)]
struct Deed {
    rule: String,
    endpoint: String,
    effect: Effect,
    /// What was found, masked; of a call, why.
    sample: String,
}

/// The deeds of one policy, by the value or call: where and when in the traffic it is.
type Deeds = HashMap<String, Deed>;

/// What a rule does at an endpoint.
#[derive(Debug, Default)]
struct Row {
    all: u64,
    new: u64,
    samples: BTreeSet<String>,
}

/// Runs both policies over the traffic and prints the difference.
pub(super) fn run(client: &Client, args: &Args) -> Outcome {
    let name = args.new.display().to_string();
    let new = Trial::new(&name, policy::source(&args.new)?, Some(Mode::Enforce))?;
    let (against, old) = baseline(client, args)?;
    let before = match &old {
        Some(old) => old.deeds(args)?,
        None => Deeds::new(),
    };
    let after = new.deeds(args)?;
    let rows = rows(&before, &after);
    let gone = before.keys().filter(|key| !after.contains_key(*key)).count();
    let text = if args.json {
        as_json(&rows, gone)
    } else {
        let header = format!("{name} on {}, against {against}\n\n", files(&args.on));
        header + &as_text(&rows, gone, Style::detect())
    };
    output(std::io::stdout().write_all(text.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

fn files(files: &[PathBuf]) -> String {
    match files {
        [one] => one.display().to_string(),
        many => format!("{} files", many.len()),
    }
}

/// The policy to compare with, and what to call it.
fn baseline(client: &Client, args: &Args) -> Result<(String, Option<Trial>), Failure> {
    if args.alone {
        return Ok(("nothing".to_owned(), None));
    }
    if let Some(file) = &args.against {
        let name = file.display().to_string();
        let trial = Trial::new(&name, policy::source(file)?, None)?;
        return Ok((name, Some(trial)));
    }
    let hint = "; name a policy with --against FILE, or say --alone";
    let answer = client.get("/api/v1/policy").map_err(|Failure(why)| Failure::new(why + hint))?;
    let source = answer.get("source").and_then(Value::as_str).unwrap_or_default().to_owned();
    let revision = answer.get("revision").and_then(Value::as_u64).unwrap_or(0);
    let name = format!("revision {revision}, which is in force");
    let trial = Trial::new(&name, source, None)?;
    Ok((name, Some(trial)))
}

/// A policy, in a file of its own for the engine.
struct Trial {
    policy: Policy,
    file: PathBuf,
}

impl Drop for Trial {
    fn drop(&mut self) {
        // It may be gone already; nobody needs it.
        let _ = fs::remove_file(&self.file);
    }
}

impl Trial {
    /// A policy that compiles, judged under `mode` if one is given.
    fn new(name: &str, source: String, mode: Option<Mode>) -> Result<Trial, Failure> {
        let (policy, _) =
            Policy::compile(&source).map_err(|errors| policy::refused(name, &errors))?;
        let (policy, source) = match mode {
            // Where the mode is not a line of its own, it stays: only which of two rules decides depends on it.
            Some(mode) => {
                (policy.with_mode(mode), policy::with_mode(&source, mode).unwrap_or(source))
            }
            None => (policy, source),
        };
        let file = std::env::temp_dir().join(format!(
            "weir-try-{}-{:x}.yaml",
            std::process::id(),
            policy.fingerprint()
        ));
        fs::write(&file, source).map_err(Failure::file("write", &file))?;
        Ok(Trial { policy, file })
    }

    /// What it does in the traffic.
    fn deeds(&self, args: &Args) -> Result<Deeds, Failure> {
        let mut deeds = Deeds::new();
        for (number, file) in args.on.iter().enumerate() {
            self.replay(file, args.model.as_deref(), &mut |event| {
                if let Some((place, deed)) = self.deed(event) {
                    let deed_of = deeds.entry(format!("{number} {place}")).or_insert(deed.clone());
                    if deed.effect > deed_of.effect {
                        *deed_of = deed;
                    }
                }
            })?;
        }
        Ok(deeds)
    }

    fn replay(
        &self,
        file: &Path,
        model: Option<&Path>,
        each: &mut dyn FnMut(&Value),
    ) -> Result<(), Failure> {
        let program = engine::program();
        let mut engine = Command::new(&program)
            .args(["replay", "--events", "-", "--policy"])
            .args([self.file.as_path(), file])
            .args(model.iter().flat_map(|model| [Path::new("--model"), model]))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| Failure::new(engine::missing(&program, &e)))?;
        let lines = engine.stdout.take().map(BufReader::new);
        for line in lines.into_iter().flat_map(BufRead::lines) {
            let line = line.map_err(Failure::file("read the events of", file))?;
            let event: Value = serde_json::from_str(&line)
                .map_err(|e| Failure::new(format!("{}: no event: {e}", file.display())))?;
            each(&event);
        }
        // Its summary is short enough for the pipe, so it never waits for us to read it.
        let ended = engine.wait_with_output().map_err(Failure::file("replay", file))?;
        match ended.status.success() {
            true => Ok(()),
            false => {
                let said = String::from_utf8_lossy(&ended.stderr);
                let why = said.lines().last().unwrap_or("the engine failed");
                Err(Failure::new(why.trim_start_matches("weir-dataplane: ").to_owned()))
            }
        }
    }

    /// What an event says that is done, and to what.
    fn deed(&self, event: &Value) -> Option<(String, Deed)> {
        let text = |pointer: &str| match event.pointer(pointer) {
            Some(Value::String(s)) => s.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        let kind = text("/event_type");
        let at = |name: &str| format!("/{kind}/{name}");
        let found = || {
            let parts = ["detector", "sample", "path"].map(|name| text(&at(name)));
            parts.join(" ").trim_end().to_owned()
        };
        let (effect, sample) = match kind.as_str() {
            "leak" | "attack" => match text(&at("action")).as_str() {
                "mask" | "tokenize" => (Effect::Mask, found()),
                "block" | "quarantine" | "drop-source" => (Effect::Block, found()),
                _ => return None,
            },
            "block" => (Effect::Block, text(&at("reason"))),
            _ => return None,
        };
        let rule = text(&at("rule"));
        if !self.policy.enforces(&rule) {
            return None;
        }
        let place = [
            "/timestamp",
            "/src_ip",
            "/src_port",
            "/dest_ip",
            "/dest_port",
            "/http/http2/stream_id",
        ];
        let parts = ["direction", "part", "detector", "start", "end"].map(at);
        let place = place.iter().map(|p| (*p).to_owned()).chain(parts).map(|p| text(&p));
        let endpoint = format!(
            "{} {}{}",
            text("/http/http_method"),
            text("/http/hostname"),
            template(&text("/http/url"))
        );
        let place = place.chain([text("/http/url")]).collect::<Vec<_>>().join(" ");
        Some((place, Deed { rule, endpoint, effect, sample }))
    }
}

/// By rule, effect and endpoint.
fn rows(before: &Deeds, after: &Deeds) -> BTreeMap<(String, Effect, String), Row> {
    let mut rows: BTreeMap<(String, Effect, String), Row> = BTreeMap::new();
    for (place, deed) in after {
        let key = (deed.rule.clone(), deed.effect, deed.endpoint.clone());
        let row = rows.entry(key).or_default();
        row.all += 1;
        if before.get(place).is_none_or(|old| old.effect < deed.effect) {
            row.new += 1;
            row.samples.insert(deed.sample.clone());
            if row.samples.len() > SAMPLES {
                row.samples.pop_last();
            }
        }
    }
    rows
}

fn sums(rows: &BTreeMap<(String, Effect, String), Row>, effect: Effect) -> (u64, u64) {
    let rows = rows.iter().filter(|((_, e, _), _)| *e == effect);
    rows.fold((0, 0), |(all, new), (_, row)| (all + row.all, new + row.new))
}

fn as_json(rows: &BTreeMap<(String, Effect, String), Row>, gone: usize) -> String {
    let mut out = String::new();
    for ((rule, effect, endpoint), row) in rows {
        let line = json!({
            "rule": rule, "action": effect.name(), "endpoint": endpoint,
            "count": row.all, "new": row.new, "samples": row.samples,
        });
        out.push_str(&format!("{line}\n"));
    }
    let (block, mask) = (sums(rows, Effect::Block), sums(rows, Effect::Mask));
    let sum = |(count, new)| json!({"count": count, "new": new});
    out + &format!("{}\n", json!({"block": sum(block), "mask": sum(mask), "no_longer": gone}))
}

fn as_text(rows: &BTreeMap<(String, Effect, String), Row>, gone: usize, style: Style) -> String {
    let mut list: Vec<_> = rows.iter().collect();
    list.sort_by_key(|(_, row)| std::cmp::Reverse(row.new));
    let width = |f: &dyn Fn(&(String, Effect, String)) -> usize, least: usize| {
        list.iter().map(|(key, _)| f(key)).max().unwrap_or(0).max(least)
    };
    let rule_width = width(&|key| key.0.chars().count(), 4);
    let endpoint_width = width(&|key| key.2.chars().count(), 8);
    let mut out = String::new();
    if !list.is_empty() {
        let head = format!(
            "{:<rule_width$}  {:<6}  {:<endpoint_width$}  {:>8}  {:>8}  what is new",
            "rule", "does", "endpoint", "in all", "new"
        );
        out.push_str(&format!("{}\n", style.dim(&head)));
    }
    for ((rule, effect, endpoint), row) in list {
        let does = format!("{:<6}", effect.name());
        let does = if *effect == Effect::Block { style.bad(&does) } else { style.warn(&does) };
        let samples: Vec<&str> = row.samples.iter().map(String::as_str).collect();
        out.push_str(&format!(
            "{rule:<rule_width$}  {does}  {:<endpoint_width$}  {:>8}  {:>8}  {}\n",
            printable(endpoint),
            row.all,
            row.new,
            printable(&samples.join(", "))
        ));
    }
    let ((blocks, new_blocks), (masks, new_masks)) =
        (sums(rows, Effect::Block), sums(rows, Effect::Mask));
    out + &format!(
        "\nwould block {blocks} ({new_blocks} new) and mask {masks} ({new_masks} new); {gone} would pass that do not pass now\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_becomes_stronger_is_new() {
        let deed = |effect| Deed {
            rule: "r".to_owned(),
            endpoint: "GET /".to_owned(),
            effect,
            sample: "s".to_owned(),
        };
        let before = Deeds::from([
            ("1".to_owned(), deed(Effect::Mask)),
            ("2".to_owned(), deed(Effect::Block)),
        ]);
        let after = Deeds::from([
            ("1".to_owned(), deed(Effect::Block)),
            ("2".to_owned(), deed(Effect::Block)),
            ("3".to_owned(), deed(Effect::Mask)),
        ]);
        let rows = rows(&before, &after);
        assert_eq!((sums(&rows, Effect::Block), sums(&rows, Effect::Mask)), ((2, 1), (1, 1)));
    }
}
