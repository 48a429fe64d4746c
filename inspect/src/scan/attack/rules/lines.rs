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
    // Any name and a word, which are all of a value.
    rule(
        "line-is-field",
        0.95,
        r"(?i)=%(?:25)?0d%(?:25)?0a[a-z][a-z0-9-]{2,30}(?:%20|\+)*(?::|%3a)[^%&+ ]{1,40}(?:$|&)",
    ),
    OWN,
    BODY,
    COMMAND,
    PROTOCOL,
    MAIL,
    NULL,
];
/// Of bodies of forms, whose values may hold lines, too.
const OF_FORMS: &[Rule] = &[OWN, COMMAND, PROTOCOL, MAIL, NULL];
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

/// A field of a server's own behind a word.
const OWN: Rule = rule(
    "own-field",
    0.95,
    r"(?i)=[a-z0-9_.-]{0,40}(?:%(?:25)?0[ad])+x-[a-z0-9-]{2,30}(?:%20|%09|\+)*(?::|%3a)",
);
/// A command on a line of its own, behind a short value; one whose name is a column's too, only behind a number or an address.
const COMMAND: Rule = rule(
    "command-on-line",
    0.95,
    r"(?i)=(?:[0-9.:-]{0,24}(?:%(?:25)?0[ad])+(?:(?:/|%2f)(?:usr(?:/|%2f))?s?bin(?:/|%2f))?(?:id|ls|ps|env|hostname|pwd)|[a-z0-9.:_-]{0,24}(?:%(?:25)?0[ad])+(?:(?:/|%2f)(?:usr(?:/|%2f))?s?bin(?:/|%2f))?(?:whoami|uname|ifconfig|ipconfig|netstat|printenv))(?:(?:%20|\+)-[a-z]{1,4})?(?:%(?:25)?0[ad]|;|%3b)*(?:$|&)",
);
/// The end of a request's first line, and commands of memcached and Redis.
const PROTOCOL: Rule = rule(
    "command-of-protocol",
    0.95,
    r"(?i)(?:%20|\+| )http(?:/|%2f)1\.[01]%(?:25)?0[ad]|%(?:25)?0d%(?:25)?0a(?:set(?:%20|\+)[a-z0-9_:]{1,40}(?:(?:%20|\+)[0-9]{1,6}){3}|eval(?:%20|\+)(?:%22|\x22)|flush_?all\b|slaveof(?:%20|\+)|config(?:%20|\+)set(?:%20|\+))",
);
/// Fields of a mail behind an address or a word.
const MAIL: Rule = rule(
    "field-of-mail",
    0.95,
    r"(?i)=[a-z0-9._-]{1,40}(?:(?:@|%40)[a-z0-9.-]{1,60})?(?:%(?:25)?0[ad])+(?:b?cc(?:%20|\+)*(?::|%3a)[^&]{1,60}(?:@|%40)|to(?:%20|\+)*(?::|%3a)[^&]{1,60}(?:@|%40)[^&]{1,60}%(?:25)?0[ad])",
);
/// A null byte behind a file's extension, which cuts off what is appended.
const NULL: Rule = rule(
    "null-behind-file",
    0.95,
    r"(?i)\.[a-z][a-z0-9]{1,4}%(?:25)?00(?:\.[a-z0-9]{2,5})?(?:$|&)",
);

/// The signatures that match a text as it was sent.
pub(in super::super) fn each(kind: Text, raw: &[u8], mut each: impl FnMut(Signature)) {
    let rules = match kind {
        Text::Url => OF_URLS,
        Text::Field => OF_FIELDS,
        Text::Body => OF_FORMS,
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
            ("/a?b=%0D%0AX-Own:%201", "own-field"),
            ("/a?b=c%0d%0ax-own:%20d", "own-field"),
            ("/a?b=%0d%0aName:value&c=d", "line-is-field"),
            ("/a?b=1%0Auname+-a", "command-on-line"),
            ("/a?b=c%20HTTP/1.1%0d%0aHost:%20d", "command-of-protocol"),
            ("/a?b=%0D%0Aset%20k%200%2060%203%0D%0Aabc", "command-of-protocol"),
            ("/a?b=c@d.example%0ABcc:%20e@f.example", "field-of-mail"),
            ("/a?b=//c.example/d.txt%00", "null-behind-file"),
        ] {
            assert!(found(Text::Url, text).contains(&name), "{text}");
        }
        for (text, name) in [
            ("b=%0Aid", "command-on-line"),
            ("b=c&d=e%40f.example%0d%0abcc%3Ag%40h.example", "field-of-mail"),
        ] {
            assert!(found(Text::Body, text).contains(&name), "{text}");
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
            "/a?text=Hi%0D%0ACode:1234",
        ] {
            assert_eq!(found(Text::Url, text), [""; 0], "{text}");
        }
        for text in [
            "text=Hello%20Ann%0D%0Aid%0D%0Aname",
            "text=Forwarded+from+Bob%0D%0ATo:%20ann@a.example%0D%0ASubject:%20b",
            "text=%0D%0ASet%20the%20table&b=c",
            "to=a@b.example%0Ac@d.example",
            "columns=name%0D%0Aid",
        ] {
            assert_eq!(found(Text::Body, text), [""; 0], "{text}");
        }
        for text in ["https://a.example/?text=b%0Alink:%20c", "%7B%22a%22:1,%0A%22b%22:2%7D"] {
            assert_eq!(found(Text::Field, text), [""; 0], "{text}");
        }
    }
}
