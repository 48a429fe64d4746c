//! The operations of published API descriptions (`endpoints/openapi_paths.tsv.gz` of the shared corpora).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;
use weir_mgmt::learning::endpoints::characters::hash;

/// A parameter of a path.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// As the description names it.
    pub name: String,
    /// `integer`, …
    pub kind: String,
    /// `uuid`, …
    pub format: String,
    /// Values that the description gives.
    pub examples: Vec<String>,
}

/// An operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// `GET`.
    pub method: String,
    /// Components; those with `{` hold a parameter.
    pub parts: Vec<String>,
    /// By name.
    pub parameters: BTreeMap<String, Parameter>,
    /// Names of parameters of the query.
    pub query: Vec<String>,
}

/// The description of an API.
#[derive(Clone, Debug)]
pub struct Api {
    /// `provider/name`.
    pub name: String,
    /// All of its operations.
    pub operations: Vec<Operation>,
}

impl Api {
    /// Which part of the providers it belongs to, of `of`: all APIs of a provider to the same.
    pub fn fold(&self, of: u32) -> u32 {
        let provider = self.name.split(['/', ':']).next().unwrap_or_default();
        hash(77 + of, provider.as_bytes()) / 7 % of
    }
}

/// Reads all descriptions.
pub fn load(shared: &Path) -> Result<Vec<Api>, String> {
    let file = shared.join("corpora/endpoints/openapi_paths.tsv.gz");
    let failed = |e: std::io::Error| format!("can't read {}: {e}", file.display());
    let lines = BufReader::new(GzDecoder::new(File::open(&file).map_err(failed)?)).lines();
    let mut apis: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
    for line in lines.skip(1) {
        let line = line.map_err(failed)?;
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, method, template, parameters] = fields.as_slice() else { continue };
        if template.contains(['?', '#']) {
            continue;
        }
        let parts = template.split('/').filter(|c| !c.is_empty()).map(str::to_owned).collect();
        let parameters = serde_json::from_str(parameters).map_err(|e| format!("{line}: {e}"))?;
        let operation = Operation {
            method: (*method).to_owned(),
            parts,
            parameters: read_parameters(&parameters),
            query: read_query(&parameters),
        };
        apis.entry((*name).to_owned()).or_default().push(operation);
    }
    Ok(apis.into_iter().map(|(name, operations)| Api { name, operations }).collect())
}

fn read_parameters(list: &Value) -> BTreeMap<String, Parameter> {
    let mut found = BTreeMap::new();
    for value in list.as_array().into_iter().flatten() {
        let text =
            |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if text("in") != "path" {
            continue;
        }
        let mut examples = vec![text("example")];
        let values = value.get("enum").and_then(Value::as_array).into_iter().flatten();
        examples.extend(values.filter_map(Value::as_str).map(str::to_owned));
        examples.retain(|e| {
            !e.is_empty() && e.len() <= 64 && !e.contains(['/', '?', '#', ' ', '%', '{', '<'])
        });
        let parameter =
            Parameter { name: text("name"), kind: text("type"), format: text("format"), examples };
        found.insert(parameter.name.clone(), parameter);
    }
    found
}

fn read_query(list: &Value) -> Vec<String> {
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let all = list.as_array().into_iter().flatten();
    all.filter(|v| text(v, "in").as_deref() == Some("query"))
        .filter_map(|v| text(v, "name"))
        .collect()
}
