//! Line ends in URLs and header fields, as they are sent: an application that copies one into a field of its own ends that field
//! there (CWE-113). Normalised text tells a line end from a space no longer.

use std::sync::OnceLock;

use memchr::memmem;
use regex_automata::meta::Regex;

use super::super::Signature;
use super::{Rule, config, parsed, rule};
use crate::values::Text;

/// Of URLs. Texts of forms hold lines, too, with a name and a colon in them; a path and the name of a parameter do not.
const OF_URLS: &[Rule] = &[
    rule("line-in-path", 0.95, r"(?i)^[^?]*%(?:25)?0[ad](?:%(?:25)?0[ad])*[^?%#&= ]"),
    rule("line-in-name", 0.95, r"(?i)[?&][^=&]*%(?:25)?0d"),
    // In a value: a name with a hyphen, where it begins, or a field that responses have.
    rule(
        "field-in-value",
        0.95,
        r"(?i)=(?:%(?:25)?0[ad])+[a-z0-9]{1,20}-[a-z0-9-]{1,30}(?:%20|%09|\+)*(?::|%3a)|%(?:25)?0[ad](?:set-cookie2?|location|refresh|status|content-(?:type|length|encoding|disposition)|transfer-encoding|access-control-[a-z-]{4,20}|x-(?:xss-protection|frame-options|forwarded-[a-z]{2,6}))(?:%20|%09|\+)*(?::|%3a)",
    ),
    BODY,
];
/// Of header fields, before the query of an address in them.
const OF_FIELDS: &[Rule] = &[
    rule(
        "field-in-field",
        0.95,
        r"(?i)^[^?]*%(?:25)?0[ad](?:%20|%09)?[a-z][a-z0-9-]{2,40}(?:%20|%09| )*(?::|%3a)",
    ),
    BODY,
];
/// An empty line, and a page behind it.
const BODY: Rule =
    rule("page-begun", 0.95, r"(?i)(?:%(?:25)?0d%(?:25)?0a){2}(?:%3c|<)(?:html|!doctype)");

/// The signatures that match a text as it was sent.
pub(in super::super) fn each(kind: Text, raw: &[u8], mut each: impl FnMut(Signature)) {
    let rules = match kind {
        Text::Url => OF_URLS,
        Text::Field => OF_FIELDS,
        _ => return,
    };
    if memmem::find(raw, b"%0").is_none() && memmem::find(raw, b"%250").is_none() {
        return;
    }
    static COMPILED: OnceLock<Vec<(&str, Regex)>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| {
        let all = OF_URLS.iter().chain(OF_FIELDS);
        let build = |hir| Regex::builder().configure(config()).build_from_hir(&hir).ok();
        all.filter_map(|rule| Some((rule.name, build(parsed(rule)?)?))).collect()
    });
    for rule in rules {
        let regex = compiled.iter().find(|(name, _)| *name == rule.name);
        if regex.is_some_and(|(_, regex)| regex.is_match(raw)) {
            each(Signature {
                detector: "protocol-abuse",
                name: rule.name,
                confidence: rule.confidence,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: Text, text: &str) -> Vec<&'static str> {
        let mut names = Vec::new();
        each(kind, text.as_bytes(), |signature| names.push(signature.name));
        names
    }

    #[test]
    fn line_ends_that_begin_something_are_seen() {
        for (text, name) in [
            ("/a%0Ab", "line-in-path"),
            ("/a%0d%0aSet-Cookie:b=c", "line-in-path"),
            ("/a%250d%250ab", "line-in-path"),
            ("/a?b=c&%0d%0ad", "line-in-name"),
            ("/a?b%0D%0A=c", "line-in-name"),
            ("/a?b=%0aFoo-Bar:%20c", "field-in-value"),
            ("/a?b=c%0d%0aLocation:%20//d", "field-in-value"),
            ("/a?b=%0d%0a%0d%0a%3Chtml%3E", "page-begun"),
        ] {
            assert!(found(Text::Url, text).contains(&name), "{text}");
        }
        for (text, name) in
            [("a%0dOther: b", "field-in-field"), ("a=b%0D%0A%0D%0A<HTML>", "page-begun")]
        {
            assert!(found(Text::Field, text).contains(&name), "{text}");
        }
    }

    #[test]
    fn lines_of_texts_pass() {
        for text in [
            "/a%0A",
            "/a%0d%0a?b=c",
            "/a?text=Hello%0D%0AAnn%2C%0D%0ATopic:%20b",
            "/a?text=b%0AE-mail:%20c",
            "/a?text=b%26c%0D%0Ad",
            "/a?b=%00",
        ] {
            assert_eq!(found(Text::Url, text), [""; 0], "{text}");
        }
        for text in ["https://a.example/?text=b%0Alink:%20c", "%7B%22a%22:1,%0A%22b%22:2%7D"] {
            assert_eq!(found(Text::Field, text), [""; 0], "{text}");
        }
    }
}
