//! The detectors of attacks that Weir brings along: signatures in the code ([`crate::scan::attack`]). Those of data are packs
//! ([`super::pack`]).

use super::{Detector, Find, Kind, MAX_MATCH, MaskStyle};
use crate::detector::{Category, DetectorId};

/// A built-in detector as written in [`ALL`].
pub(in crate::scan) struct Builtin {
    name: &'static str,
    description: &'static str,
}

impl Builtin {
    /// The detector; the catalogue gives it its id.
    pub(in crate::scan) fn detector(&self) -> Detector {
        Detector {
            id: DetectorId(0),
            name: self.name.to_owned(),
            category: Category::Attacks,
            kind: Kind::Attack,
            max_len: MAX_MATCH,
            mask_style: MaskStyle::All,
            description: self.description.to_owned(),
            places: Vec::new(),
            find: Find::Attack,
        }
    }
}

const fn attack(name: &'static str, description: &'static str) -> Builtin {
    Builtin { name, description }
}

/// All of them.
pub(in crate::scan) const ALL: &[Builtin] = &[
    attack(
        "sql-injection",
        "SQL in a parameter: tautologies, UNION SELECT, stacked and timed queries.",
    ),
    attack("xss", "Script in a parameter: tags, event handlers, script URLs."),
    attack("path-traversal", "Climbing out of a directory, or a known system file."),
    attack("command-injection", "A shell command behind a separator."),
    attack("log4shell", "A JNDI look-up, also obfuscated (CVE-2021-44228)."),
    attack(
        "attack-model",
        "What the learned model takes for an attack, with or without a signature.",
    ),
    attack("template-injection", "An expression for a template engine: Jinja, SpEL, ERB, …"),
    attack("ssrf", "An address that a server should not be made to call: its own, its cloud's."),
    attack("xxe", "An XML entity, an external document type, or an inclusion."),
    attack("deserialisation", "A serialised object, or the name of a class to make one of."),
    attack("nosql-injection", "An operator of a document database in place of a value."),
    attack("ldap-injection", "A filter of a directory, or an XPath, closed and extended."),
    attack("scanner", "A vulnerability scanner, by its name or its probes."),
    attack("graphql-abuse", "GraphQL introspection, deep nesting, repeated directives or aliases."),
    attack("protocol-abuse", "Lines of a protocol inside of a value: split messages, directives."),
];
