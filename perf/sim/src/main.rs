//! `sim`: writes labelled traffic as request JSON lines.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use clap::Parser;
use weir_sim::record::{NORMAL, Record};
use weir_sim::{Settings, api, attacks, generate, innocent};

/// Write labelled traffic as request JSON lines
#[derive(Parser)]
struct Arguments {
    /// Everything is drawn from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The API: shop, clinic, fleet
    #[arg(long, default_value = "shop")]
    api: String,
    /// Days, from a Monday on
    #[arg(long, default_value_t = 1)]
    days: u32,
    /// People who may visit
    #[arg(long, default_value_t = 300)]
    users: u32,
    /// Attackers of each kind and level
    #[arg(long, default_value_t = 3)]
    attackers: u32,
    /// Kinds of attacks, comma-separated; `all`, `none`
    #[arg(long, default_value = "all")]
    attacks: String,
    /// Innocent events, comma-separated; `all`, `none`
    #[arg(long, default_value = "all")]
    innocent: String,
    /// Where the requests go [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A line per actor: `actor`, `label`, `level`, `first` (time of the first request), `requests`
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The addresses of good bots
    #[arg(long, value_name = "FILE")]
    good_bots: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let found = api::ALL.iter().find(|api| api.name == arguments.api);
    let api = *found.ok_or_else(|| format!("no API `{}`: shop, clinic or fleet", arguments.api))?;
    if arguments.days == 0 {
        return Err("--days must be at least 1".into());
    }
    let settings = Settings {
        seed: arguments.seed,
        days: arguments.days,
        users: arguments.users,
        attackers: arguments.attackers,
        attacks: chosen(&arguments.attacks, &attacks::Kind::ALL, attacks::Kind::name)?,
        innocent: chosen(&arguments.innocent, &innocent::Event::ALL, innocent::Event::name)?,
    };
    let records = generate(api, &settings);
    let mut out: Box<dyn Write> = match &arguments.out {
        Some(path) => Box::new(BufWriter::new(File::create(path)?)),
        None => Box::new(BufWriter::new(stdout().lock())),
    };
    for record in &records {
        writeln!(out, "{}", record.line())?;
    }
    out.flush()?;
    if let Some(path) = &arguments.labels {
        labels(&records, &mut BufWriter::new(File::create(path)?))?;
    }
    if let Some(path) = &arguments.good_bots {
        std::fs::write(path, format!("{}\n", innocent::GOOD_BOTS))?;
    }
    Ok(())
}

/// Those of a list that are named.
fn chosen<T: Copy>(list: &str, all: &[T], name: fn(T) -> &'static str) -> Result<Vec<T>, String> {
    match list {
        "all" => Ok(all.to_vec()),
        "none" => Ok(Vec::new()),
        list => list.split(',').map(|wanted| named(wanted.trim(), all, name)).collect(),
    }
}

fn named<T: Copy>(wanted: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, String> {
    let names: Vec<&str> = all.iter().map(|item| name(*item)).collect();
    let found = all.iter().copied().find(|item| name(*item) == wanted);
    found.ok_or_else(|| format!("no `{wanted}`: {}", names.join(", ")))
}

/// An actor is an attacker if one of its requests is an attack.
fn labels(records: &[Record], out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let mut actors: BTreeMap<&str, (&Record, u32)> = BTreeMap::new();
    for record in records {
        let (first, requests) = actors.entry(record.sender.actor()).or_insert((record, 0));
        *requests += 1;
        if first.label == NORMAL && (record.label != NORMAL || first.level.is_empty()) {
            *first = record;
        }
    }
    for (actor, (record, requests)) in actors {
        let line = serde_json::json!({
            "actor": actor,
            "label": record.label,
            "level": record.level,
            "first": record.ts,
            "requests": requests,
        });
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    Ok(())
}
