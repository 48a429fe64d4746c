//! A policy of several files: the main one, those that it includes, those of its tenants, descriptor sets, and an inventory. It travels
//! as one text, in which each further file follows a line that names it, a descriptor set in base64.

use std::fs;
use std::path::Path;

use super::descriptors;
use super::diagnostic::Report;
use super::inventory;
use super::yaml::{self, Node, Value};

/// What stands before a file's name between two files: a document's beginning in YAML, and a comment.
const SEPARATOR: &str = "--- # file: ";

/// What is wrong if a file that is named does not follow.
pub(super) fn missing(file: &str) -> String {
    format!(
        "`{file}` did not come with the policy; `weir policy` and the data plane's settings read it from beside it"
    )
}

/// The main file's text, and each further file's name and text.
pub(super) fn parts(source: &str) -> (&str, Vec<(&str, &str)>) {
    let line = |rest: &str| {
        let at = rest.find(SEPARATOR)?;
        (at == 0 || rest.get(..at)?.ends_with('\n')).then_some(at)
    };
    let end = line(source).unwrap_or(source.len());
    let (main, mut rest) = source.split_at_checked(end).unwrap_or((source, ""));
    let mut further = Vec::new();
    while let Some(named) = rest.strip_prefix(SEPARATOR) {
        let (name, text) = named.split_once('\n').unwrap_or((named, ""));
        let end = line(text).unwrap_or(text.len());
        let (text, after) = text.split_at_checked(end).unwrap_or((text, ""));
        further.push((name.trim(), text));
        rest = after;
    }
    (main, further)
}

/// What a file that a main file names holds.
#[derive(PartialEq, Eq)]
enum Holds {
    /// More of the policy.
    Rules,
    /// A tenant's part, by its name.
    Tenant(String),
    Descriptors,
    Inventory,
}

/// A file that a main file names.
struct Named {
    file: String,
    holds: Holds,
}

/// The files that a main file names, in the order in which they follow: what it includes, its tenants', descriptor sets, the
/// inventory.
fn named(main: &str) -> Vec<Named> {
    // What is wrong with it is said when it is compiled.
    let Some(root) = yaml::parse(main, &mut Report::default()) else { return Vec::new() };
    let text = |node: &Node| match &node.value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    let of = |key: &str| root.items(key).iter().filter_map(text).collect::<Vec<_>>();
    let rules = of("include").into_iter().map(|file| Named { file, holds: Holds::Rules });
    let sets = of("descriptors").into_iter().map(|file| Named { file, holds: Holds::Descriptors });
    let tenants = root.items("tenants").iter().filter_map(|t| {
        let (tenant, file) = (text(t.get("name")?)?, text(t.get("file")?)?);
        Some(Named { file, holds: Holds::Tenant(tenant) })
    });
    let inventory = root.get("inventory").and_then(text);
    let inventory = inventory.map(|file| Named { file, holds: Holds::Inventory });
    rules.chain(tenants).chain(sets).chain(inventory).collect()
}

fn join(main: &str, further: &[(String, String)]) -> String {
    let mut source = main.to_owned();
    for (name, text) in further {
        if !source.ends_with('\n') {
            source.push('\n');
        }
        source.push_str(&format!("{SEPARATOR}{name}\n{text}"));
    }
    source
}

/// Reads a policy with the files that it names, which are looked for beside it.
///
/// # Errors
/// A sentence about the file that can't be read.
pub fn read_files(file: &Path) -> Result<String, String> {
    let read_bytes =
        |path: &Path| fs::read(path).map_err(|e| format!("can't read {}: {e}", path.display()));
    let read = |path: &Path| {
        let bytes = read_bytes(path)?;
        String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            format!("{} is not a policy: not UTF-8 at byte {at}", path.display())
        })
    };
    let main = read(file)?;
    let directory = file.parent().unwrap_or(Path::new(""));
    let further = named(&main).into_iter().map(|Named { file: name, holds }| {
        let path = directory.join(&name);
        let text = match holds {
            Holds::Descriptors => read_bytes(&path).map(|bytes| descriptors::to_text(&bytes)),
            Holds::Inventory => read(&path).and_then(|text| {
                inventory::to_text(&text).map_err(|e| format!("{}: {e}", path.display()))
            }),
            Holds::Rules | Holds::Tenant(_) => read(&path),
        };
        Ok((name, text.map_err(|e| format!("{}: {e}", file.display()))?))
    });
    let further = further.collect::<Result<Vec<_>, String>>()?;
    Ok(join(&main, &further))
}

/// The policy with another text for one tenant; all else stays.
///
/// # Errors
/// A sentence, if the policy has no such tenant.
pub fn replace_tenant(source: &str, tenant: &str, text: &str) -> Result<String, String> {
    replace(source, &Holds::Tenant(tenant.to_owned()), text)
        .ok_or_else(|| format!("the policy in force has no tenant `{tenant}`"))
}

/// The policy with another inventory, as [`read_files`] would read it; all else stays.
///
/// # Errors
/// A sentence, if the policy has none, or if the file is none.
pub fn replace_inventory(source: &str, file: &str) -> Result<String, String> {
    let text = inventory::to_text(file)?;
    replace(source, &Holds::Inventory, &text)
        .ok_or_else(|| "the policy in force has no `inventory`".to_owned())
}

/// The policy with another text for the file that holds this; none if there is no such file.
fn replace(source: &str, holds: &Holds, text: &str) -> Option<String> {
    let (main, further) = parts(source);
    let named = named(main);
    let Named { file, .. } = named.iter().find(|named| named.holds == *holds)?;
    let replaced = further.iter().map(|(name, old)| {
        let new = if name == file { text } else { old };
        ((*name).to_owned(), new.to_owned())
    });
    Some(join(main, &replaced.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = "version: 1\ndescriptors: [d.bin]\ninclude: [a.yaml]\ntenants:\n  - {name: t, file: t.yaml}\n";

    #[test]
    fn what_is_joined_comes_apart_again() {
        let further = [
            ("a.yaml".to_owned(), "rules: []\n".to_owned()),
            ("t.yaml".to_owned(), "x: 1".to_owned()),
        ];
        let source = join(MAIN, &further);
        assert_eq!(parts(&source), (MAIN, vec![("a.yaml", "rules: []\n"), ("t.yaml", "x: 1")]));
        assert_eq!(parts(MAIN), (MAIN, vec![]));
        assert_eq!(parts(""), ("", vec![]));
        let other = replace_tenant(&source, "t", "y: 2\n").unwrap();
        assert_eq!(parts(&other).1, [("a.yaml", "rules: []\n"), ("t.yaml", "y: 2\n")]);
        assert!(replace_tenant(&source, "u", "").unwrap_err().contains("no tenant `u`"));
        assert!(replace_inventory(&source, "").unwrap_err().contains("no `inventory`"));
    }

    #[test]
    fn an_inventory_is_replaced_alone() {
        let main = "version: 1\ninventory: pods.json\n";
        let source = join(main, &[("pods.json".to_owned(), "10.0.0.1 a\n".to_owned())]);
        let pod = r#"{"items": [{"metadata": {"namespace": "b"}, "status": {"podIPs": [{"ip": "10.0.0.2"}]}}]}"#;
        let other = replace_inventory(&source, pod).unwrap();
        assert_eq!(parts(&other), (main, vec![("pods.json", "10.0.0.2 b\n")]));
        assert!(replace_inventory(&source, "{").unwrap_err().contains("not JSON"));
    }

    #[test]
    fn files_are_looked_for_beside_the_policy() {
        let dir = std::env::temp_dir().join(format!("weir-bundle-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let main = dir.join("policy.yaml");
        fs::write(&main, MAIN).unwrap();
        fs::write(dir.join("a.yaml"), "rules: []\n").unwrap();
        let missing = read_files(&main).unwrap_err();
        assert!(
            missing.contains("policy.yaml: can't read") && missing.contains("t.yaml"),
            "{missing}"
        );
        fs::write(dir.join("t.yaml"), "x: 1\n").unwrap();
        // A descriptor set is bytes.
        fs::write(dir.join("d.bin"), b"\n\xff").unwrap();
        let source = read_files(&main).unwrap();
        let (_, further) = parts(&source);
        assert_eq!(further[1..], [("t.yaml", "x: 1\n"), ("d.bin", "Cv8=\n")]);
        fs::remove_dir_all(&dir).unwrap();
    }
}
