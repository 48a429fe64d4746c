//! Which form an API gives a parameter.

use weir_perf::random::Random;

use crate::corpus::Parameter;

/// What the ids of an API look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taste {
    /// Numbers, UUIDs, hashes.
    Ids,
    /// Names and words wherever the description does not say a type.
    Words,
    /// Either, by parameter.
    Mixed,
}

/// Draws values of one parameter of an API.
#[derive(Clone, Copy, Debug)]
pub enum Maker {
    /// One of the examples.
    Example,
    /// A number below this.
    Integer(usize),
    /// A fixed form.
    Form(&'static str),
}

/// How ids are written. What stands twice is met twice as often.
const IDS: [&str; 16] = [
    "uuid",
    "uuid",
    "hex24",
    "hex32",
    "hex40",
    "hex8",
    "base62",
    "base64url",
    "prefixed",
    "ticket",
    "triple",
    "upper",
    "digits-long",
    "integer-mixed",
    "slug-number",
    "snowflake",
];

/// How names and words are written.
const WORDS: [&str; 16] = [
    "user",
    "user",
    "person",
    "organisation",
    "project",
    "project",
    "package",
    "noun",
    "adjective-noun",
    "city",
    "Camel",
    "test-name",
    "word",
    "word-word",
    "title",
    "branch",
];

/// How a parameter is written whose name has one of these in it.
const OPEN: [(&[&str], &[&str]); 15] = [
    (
        &["date", "day", "since", "until"],
        &["date", "date", "date-compact", "datetime", "integer-mixed"],
    ),
    (&["mail"], &["email"]),
    (
        &["country", "region", "city", "location", "place"],
        &["country", "city", "setting", "setting"],
    ),
    (&["lang", "locale", "currency", "culture"], &["setting"]),
    (
        &["user", "owner", "login", "author", "member", "person", "assignee", "customer"],
        &["user", "user", "user", "person", "email"],
    ),
    (
        &["org", "company", "team", "workspace", "tenant", "realm", "group"],
        &["organisation", "organisation", "user", "adjective-noun", "package"],
    ),
    (
        &["repo", "project", "package", "app", "module", "service"],
        &["project", "project", "package", "Camel", "adjective-noun"],
    ),
    (&["branch", "ref", "tag", "version", "release"], &["branch", "branch", "version", "hex40"]),
    (&["sha", "hash", "digest", "commit"], &["hex40", "hex32", "hex8"]),
    (&["file", "path", "image"], &["file"]),
    (&["season", "year"], &["year"]),
    (&["ip", "host", "domain", "address"], &["ip", "domain"]),
    (&["phone", "number"], &["phone", "integer-mixed", "ticket"]),
    (
        &["type", "status", "category", "kind", "key", "code", "label", "format", "symbol"],
        &["setting", "noun", "word", "upper", "word-word"],
    ),
    (&["name", "slug", "title", "topic"], &WORDS),
];

/// How an API writes a parameter.
pub fn maker(parameter: &Parameter, taste: Taste, random: &mut Random) -> Maker {
    if !parameter.examples.is_empty() && random.chance(0.4) {
        return Maker::Example;
    }
    let name = parameter.name.to_ascii_lowercase();
    match (parameter.kind.as_str(), parameter.format.as_str()) {
        ("integer" | "number", _) if taste != Taste::Words || random.chance(0.3) => {
            return Maker::Integer(*random.pick(&[10, 1_000, 1_000_000]).unwrap_or(&10));
        }
        (_, "uuid" | "guid") => return Maker::Form("uuid"),
        (_, "date") => return Maker::Form("date"),
        (_, "date-time") => return Maker::Form("datetime"),
        _ => {}
    }
    let is_id = name.ends_with("id") || name.ends_with("sid") || name.contains("uuid");
    let words = match taste {
        Taste::Ids => random.chance(if is_id { 0.02 } else { 0.4 }),
        Taste::Words => random.chance(0.93),
        Taste::Mixed => random.chance(if is_id { 0.3 } else { 0.8 }),
    };
    if !words {
        if random.chance(0.3) {
            return Maker::Integer(*random.pick(&[10, 1_000, 100_000_000]).unwrap_or(&10));
        }
        return Maker::Form(random.pick(&IDS).unwrap_or(&"uuid"));
    }
    let open = OPEN.iter().find(|(names, _)| names.iter().any(|n| name.contains(n)));
    let forms = open.map_or(&WORDS[..], |(_, forms)| forms);
    Maker::Form(random.pick(forms).unwrap_or(&"word"))
}
