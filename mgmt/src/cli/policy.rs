//! `weir policy …`: check offline, apply, change the mode, show.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use weir_inspect::behaviour::Mitigation;
use weir_inspect::policy::{
    Diagnostic, LadderStep, Mode, Policy, RuleOrder, Severity, read_files, replace_inventory,
    replace_tenant,
};

use super::client::Client;
use super::style::Style;
use super::{Failure, Outcome, output, read, trial};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check a file, without a running system: exit status 0 good, 1 refused
    Check {
        /// The policy, or `-` for standard input
        file: PathBuf,
        /// Diagnostics as JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Check a file, keep it as a new revision, and put it in force
    Apply {
        /// The policy, or `-` for standard input
        file: PathBuf,
        /// The file is that of this tenant of the policy in force: all else of it stays
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,
        /// The file is the inventory of the policy in force, as `kubectl get pods,services -A -o json` prints it: all else of it
        /// stays
        #[arg(long, conflicts_with = "tenant")]
        inventory: bool,
        /// The answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say in which order the rules of a file decide, and what each is about
    Explain {
        /// The policy, or `-` for standard input
        file: PathBuf,
        /// A JSON line for each rule, in that order
        #[arg(long)]
        json: bool,
    },
    /// Say what a policy would newly block or mask in recorded traffic, before it is in force
    Try(trial::Args),
    /// Change the mode of the policy as a whole, as a new revision
    Mode {
        /// What rules may do
        mode: ModeName,
    },
    /// Print the policy that should be in force
    Show {
        /// With its revision, as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ModeName {
    /// Only report
    Monitor,
    /// Mask and block
    Enforce,
}

pub(super) fn run(client: &Client, command: Command) -> Outcome {
    match command {
        Command::Check { file, json } => check(&file, json),
        Command::Apply { file, tenant, inventory, json } => {
            let part = tenant.is_some() || inventory;
            let now = if part { in_force(client)? } else { String::new() };
            let source = match tenant {
                Some(tenant) => replace_tenant(&now, &tenant, &source(&file)?),
                None if inventory => replace_inventory(&now, &text(read(&file)?)?),
                None => Ok(source(&file)?),
            };
            let source = source.map_err(Failure::new)?;
            if part && source == now {
                // Whoever applies an inventory each minute does not make a revision each minute.
                return Ok(ExitCode::SUCCESS);
            }
            apply(client, source, &file.display().to_string(), json)
        }
        Command::Explain { file, json } => explain(&file, json),
        Command::Try(args) => trial::run(client, &args),
        Command::Mode { mode } => {
            let mode = match mode {
                ModeName::Monitor => Mode::Monitor,
                ModeName::Enforce => Mode::Enforce,
            };
            apply(client, with_mode(&in_force(client)?, mode)?, "policy", false)
        }
        Command::Show { json } => {
            let policy = client.get("/api/v1/policy")?;
            let source = policy.get("source").and_then(Value::as_str).unwrap_or_default();
            let text = if json { format!("{policy}\n") } else { source.to_owned() };
            output(std::io::stdout().write_all(text.as_bytes()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A policy with the files that it names; from standard input one alone.
pub(super) fn source(file: &Path) -> Result<String, Failure> {
    if file != Path::new("-") {
        return read_files(file).map_err(Failure::new);
    }
    text(read(file)?)
}

fn text(bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Failure::new(format!("this is not a policy: not UTF-8 at byte {at}"))
    })
}

/// The source of the policy in force.
fn in_force(client: &Client) -> Result<String, Failure> {
    let policy = client.get("/api/v1/policy")?;
    Ok(policy.get("source").and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn check(file: &Path, as_json: bool) -> Outcome {
    let name = file.display().to_string();
    let (diagnostics, good) = match Policy::compile(&source(file)?) {
        Ok((_, warnings)) => (warnings, true),
        Err(errors) => (errors, false),
    };
    let line = |d: &Diagnostic| {
        let severity = if d.severity == Severity::Error { "error" } else { "warning" };
        if as_json {
            let Diagnostic { line, column, message, .. } = d;
            json!({"file": d.file.as_deref().unwrap_or(&name), "line": line, "column": column, "severity": severity, "message": message}).to_string()
        } else {
            let file = d.file.as_deref().unwrap_or(&name);
            located(file, d.line as u64, d.column as u64, severity, &d.message)
        }
    };
    let mut text: String = diagnostics.iter().map(|d| line(d) + "\n").collect();
    if good && !as_json {
        text.push_str(&format!("{name}: {}\n", Style::detect().good("good")));
    }
    output(std::io::stdout().write_all(text.as_bytes()))?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the rules in the order in which they decide.
fn explain(file: &Path, as_json: bool) -> Outcome {
    let name = file.display().to_string();
    let (policy, _) = Policy::compile(&source(file)?).map_err(|errors| refused(&name, &errors))?;
    let style = Style::detect();
    let mut text = ladder(&policy, as_json, style);
    if !as_json {
        text.push_str("Of the rules that are about a call or a finding the first decides:\n\n");
    }
    let order = policy.in_order();
    let width = order.iter().map(|rule| rule.name.len()).max().unwrap_or(0);
    for (n, rule) in (1..).zip(&order) {
        let action = rule.action.name();
        if as_json {
            let RuleOrder { name, about, acts, .. } = rule;
            let line =
                json!({"order": n, "rule": name, "action": action, "acts": acts, "about": about});
            text.push_str(&format!("{line}\n"));
            continue;
        }
        let does = format!("{action:<11}");
        let does = match (rule.acts, rule.action) {
            (true, action) if action.refuses() => style.bad(&does),
            (true, action) if action.overwrites() => style.warn(&does),
            _ => style.dim(&does),
        };
        let only = if rule.acts { "" } else { " (only reported)" };
        text.push_str(&format!("{n:>3}  {:<width$}  {does}  {}{only}\n", rule.name, rule.about));
    }
    output(std::io::stdout().write_all(text.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

/// The steps of the ladder, which decide about a caller before any rule does.
fn ladder(policy: &Policy, as_json: bool, style: Style) -> String {
    let steps = policy.ladder();
    let mut text = String::new();
    if !as_json && !steps.is_empty() {
        text.push_str(
            "A caller that behaves like an attacker comes to these steps, one after the other:\n\n",
        );
    }
    for (level, step) in (1..).zip(&steps) {
        let LadderStep { mitigation, lasts, acts, .. } = step;
        let score = (step.score * 100.0).round();
        if as_json {
            let line = json!({
                "level": level, "score": score, "action": mitigation.name(), "seconds": lasts, "acts": acts,
            });
            text.push_str(&format!("{line}\n"));
            continue;
        }
        let does = format!("{:<11}", mitigation.name());
        let does = if *acts { style.bad(&does) } else { style.dim(&does) };
        let alert = *mitigation == Mitigation::Alert;
        let only = if *acts || alert { "" } else { " (only reported)" };
        text.push_str(&format!("{level:>3}  {does}  from score {score} on, for {lasts} s{only}\n"));
    }
    if !as_json && !steps.is_empty() {
        text.push('\n');
    }
    text
}

/// As compilers print it, so that editors can jump there.
fn located(file: &str, line: u64, column: u64, severity: &str, message: &str) -> String {
    let style = Style::detect();
    let severity = if severity == "error" { style.bad(severity) } else { style.warn(severity) };
    match line {
        0 => format!("{file}: {severity}: {message}"),
        _ => format!("{file}:{line}:{column}: {severity}: {message}"),
    }
}

fn apply(client: &Client, source: String, name: &str, as_json: bool) -> Outcome {
    let (status, answer) = client.post("/api/v1/policy", source)?;
    if as_json {
        output(writeln!(std::io::stdout(), "{answer}"))?;
    } else {
        let style = Style::detect();
        let mut text = String::new();
        for d in answer.get("diagnostics").and_then(Value::as_array).into_iter().flatten() {
            let number = |key| d.get(key).and_then(Value::as_u64).unwrap_or(0);
            let get = |key| d.get(key).and_then(Value::as_str).unwrap_or_default();
            let (line, column) = (number("line"), number("column"));
            let file = Some(get("file")).filter(|f| !f.is_empty()).unwrap_or(name);
            text.push_str(&located(file, line, column, get("severity"), get("message")));
            text.push('\n');
        }
        let revision = answer.get("revision").and_then(Value::as_u64).unwrap_or(0);
        let why = answer.get("message").and_then(Value::as_str).unwrap_or_default();
        text.push_str(&match answer.get("state").and_then(Value::as_str) {
            Some("in force") => format!("revision {revision} is {}\n", style.good("in force")),
            Some("stored") => format!(
                "revision {revision} is {}, and in force as soon as the data plane hears of it: {why}\n",
                style.warn("stored")
            ),
            _ => format!("{}: {why}\n", style.bad("refused")),
        });
        output(std::io::stdout().write_all(text.as_bytes()))?;
    }
    match status.as_u16() {
        200 | 202 => Ok(ExitCode::SUCCESS),
        422 => Ok(ExitCode::FAILURE),
        _ => Err(Failure::new(format!("weir-mgmt answered {status}"))),
    }
}

/// What is wrong with a policy, a line each.
pub(super) fn refused(name: &str, diagnostics: &[Diagnostic]) -> Failure {
    let line = |d: &Diagnostic| {
        let file = d.file.as_deref().unwrap_or(name);
        located(file, d.line as u64, d.column as u64, "error", &d.message)
    };
    let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error);
    let lines = errors.map(line).collect::<Vec<_>>().join("\n");
    Failure::new(format!("{name} is refused\n{lines}"))
}

/// The same policy under another mode: one line differs, comments and all else stay.
pub(super) fn with_mode(source: &str, mode: Mode) -> Result<String, Failure> {
    let name = mode.name();
    // A key of the document's own mapping stands in the first column; nothing else does.
    let line_of = |key: &str| source.lines().position(|l| l.starts_with(key));
    let mut lines: Vec<String> = source.lines().map(str::to_owned).collect();
    match line_of("mode:") {
        Some(at) => {
            if let Some(line) = lines.get_mut(at) {
                let comment = line.find(" #").and_then(|c| line.get(c..)).unwrap_or_default();
                *line = format!("mode: {name}{comment}");
            }
        }
        None => lines.insert(line_of("version:").map_or(0, |at| at + 1), format!("mode: {name}")),
    }
    let changed = lines.join("\n") + "\n";
    match Policy::compile(&changed) {
        Ok((policy, _)) if policy.mode() == mode => Ok(changed),
        _ => Err(Failure::new(format!(
            "can't change the mode of this policy by a line; write `mode: {name}` into its file and apply that"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "services:\n  - name: a\n    ports: [80]\nrules:\n  - name: r\n    action: alert\n    detect: [\"category:pci\"]\n    mode: monitor\n";

    #[test]
    fn the_mode_changes_by_one_line() {
        let source = format!("# ours\nversion: 1\nmode: monitor # for now\n{RULES}");
        let changed = with_mode(&source, Mode::Enforce).unwrap();
        assert_eq!(changed, source.replacen("mode: monitor", "mode: enforce", 1));
    }

    #[test]
    fn a_policy_without_a_mode_gets_one() {
        let source = format!("version: 1\n{RULES}");
        let changed = with_mode(&source, Mode::Monitor).unwrap();
        assert_eq!(changed, format!("version: 1\nmode: monitor\n{RULES}"));
    }

    #[test]
    fn what_can_not_be_changed_by_a_line_is_left_alone() {
        assert!(with_mode("{version: 1, mode: monitor}", Mode::Enforce).is_err());
    }
}
