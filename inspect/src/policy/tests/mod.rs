//! Tests of the whole policy, most of them as data under `tests/policy`.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use weir_reassembly::packet::Vlans;

use super::diagnostic::Report;
use super::*;

mod decisions;
mod descriptors;
mod tenants;

fn data(file: &str) -> PathBuf {
    Path::new("tests/policy").join(file)
}

/// The published files, beside this crate.
fn configs() -> PathBuf {
    PathBuf::from("../configs")
}

fn load<T: DeserializeOwned>(file: &str) -> T {
    let source = std::fs::read_to_string(data(file)).unwrap();
    let mut report = Report::default();
    let root = yaml::parse(&source, &mut report);
    serde_json::from_value(root.unwrap_or_else(|| panic!("{report:?}")).to_json()).unwrap()
}

fn compiled(source: &str) -> Policy {
    Policy::compile(source).unwrap_or_else(|errors| panic!("{errors:#?}")).0
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    policy: String,
    #[serde(default)]
    accepted: bool,
    expected: Vec<String>,
}

#[test]
fn every_error_is_reported_with_its_line_and_column() {
    for Refused { policy, accepted, expected } in load::<Vec<Refused>>("errors.yaml") {
        let (found, accepts) = match Policy::compile(&policy) {
            Ok((_, warnings)) => (warnings, true),
            Err(errors) => (errors, false),
        };
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{policy}");
        assert_eq!(accepts, accepted, "{policy}");
    }
}

#[test]
fn every_published_policy_compiles_without_a_warning() {
    let mut files: Vec<_> = std::fs::read_dir(configs())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("policy") && name.ends_with(".yaml")
        })
        .collect();
    assert!(files.len() >= 4, "{files:?}");
    files.push(data("http-evader.yaml"));
    files.push(configs().join("tenants/policy.yaml"));
    for file in files {
        let source = bundle::read_files(&file).unwrap();
        let (_, warnings) =
            Policy::compile(&source).unwrap_or_else(|e| panic!("{}: {e:#?}", file.display()));
        assert_eq!(warnings, [], "{}", file.display());
    }
}

#[test]
fn the_published_schema_is_the_enforced_one() {
    let path = configs().join("policy.schema.json");
    if std::env::var_os("WEIR_UPDATE").is_some() {
        let current = serde_json::to_string_pretty(&json_schema()).unwrap();
        std::fs::write(&path, current + "\n").unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    let published: serde_json::Value = serde_json::from_str(&published).unwrap_or_default();
    assert!(published == json_schema(), "configs/policy.schema.json: run with WEIR_UPDATE=1");
}

#[test]
fn caps_are_errors() {
    let policy = |rules: usize, services: usize| {
        let mut source = String::from("version: 1\nservices:\n");
        (0..services).for_each(|i| source += &format!("  - name: s{i}\n"));
        source += "rules:\n";
        (0..rules).for_each(|i| {
            source += &format!("  - {{name: r{i}, methods: [GET], action: alert}}\n")
        });
        Policy::compile(&source).map_err(|e| e.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert!(policy(MAX_RULES, MAX_SERVICES).is_ok());
    let errors = policy(MAX_RULES + 1, MAX_SERVICES + 1).unwrap_err();
    assert_eq!(
        errors,
        [
            "259:5: error: too many services: there can be 256, here are 257",
            "517:5: error: too many rules: there can be 256, here are 257",
        ]
    );
}

/// Real policies with a few bytes changed: much deeper into the compiler than random text comes.
fn mutated() -> impl Strategy<Value = String> {
    let seeds = ["policy-block.yaml", "policy-ingress-mask.yaml", "policy-demo.yaml"]
        .map(|file| std::fs::read_to_string(configs().join(file)).unwrap());
    let edit =
        (any::<prop::sample::Index>(), 0usize..12, "[-:*&!{}\\[\\]\"'|>,#% \\n\\ta-z0-9/]{0,6}");
    (prop::sample::select(seeds.to_vec()), prop::collection::vec(edit, 1..6)).prop_map(
        |(seed, edits)| {
            let mut text: Vec<char> = seed.chars().collect();
            for (at, removed, inserted) in edits {
                let at = at.index(text.len() + 1);
                let end = (at + removed).min(text.len());
                text.splice(at..end, inserted.chars());
            }
            text.into_iter().collect()
        },
    )
}

proptest! {
    #[test]
    fn no_source_panics_and_each_refusal_says_where(source in mutated()) {
        let lines = source.lines().count().max(1) + 1;
        if let Err(diagnostics) = Policy::compile(&source) {
            prop_assert!(diagnostics.iter().any(|d| d.severity == Severity::Error));
            for d in diagnostics {
                prop_assert!((1..=lines).contains(&d.line) && d.column >= 1, "{} in\n{}", d, source);
                // What the schema lets through must deserialise: serde's own errors have no place.
                prop_assert!(!d.message.contains("invalid type"), "{} in\n{}", d, source);
            }
        }
    }
}
