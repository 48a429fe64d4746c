//! The detectors that Weir brings along.

use std::sync::Arc;

use super::catalog::{Check, Detector, Find, Kind, MAX_MATCH, MaskStyle};
use super::literal::{Matcher, Pattern};
use crate::detector::{Category, DetectorId};

/// A built-in detector as written in [`ALL`].
pub(super) struct Builtin {
    name: &'static str,
    category: Category,
    max_len: usize,
    mask_style: MaskStyle,
    find: Plan,
    description: &'static str,
}

/// [`Find`] in a form that a constant can hold.
enum Plan {
    Card,
    Ssn,
    Phone,
    Iban,
    Email,
    Pattern(&'static str, Check),
    Attack,
}

impl Builtin {
    /// The detector; none if its pattern cannot be compiled (a test says that all can).
    pub(super) fn detector(&self, id: DetectorId) -> Option<Detector> {
        let find = match self.find {
            Plan::Card => Find::Card,
            Plan::Ssn => Find::Ssn,
            Plan::Phone => Find::Phone,
            Plan::Iban => Find::Iban,
            Plan::Email => Find::Email,
            Plan::Attack => Find::Attack,
            Plan::Pattern(regex, check) => {
                let pattern = Pattern {
                    regex,
                    case_insensitive: false,
                    check,
                    word: true,
                    max_len: self.max_len,
                };
                Find::Pattern(Arc::new(Matcher::new(&pattern).ok()?))
            }
        };
        Some(Detector {
            id,
            name: self.name.to_owned(),
            category: self.category,
            kind: if matches!(find, Find::Attack) { Kind::Attack } else { Kind::Leak },
            max_len: self.max_len,
            mask_style: self.mask_style,
            description: self.description.to_owned(),
            find,
        })
    }
}

const fn personal(
    name: &'static str,
    max_len: usize,
    style: MaskStyle,
    find: Plan,
    description: &'static str,
) -> Builtin {
    Builtin { name, category: Category::Pii, max_len, mask_style: style, find, description }
}

const fn secret(
    name: &'static str,
    max_len: usize,
    regex: &'static str,
    check: Check,
    description: &'static str,
) -> Builtin {
    Builtin {
        name,
        category: Category::Secrets,
        max_len,
        mask_style: MaskStyle::All,
        find: Plan::Pattern(regex, check),
        description,
    }
}

const fn attack(name: &'static str, description: &'static str) -> Builtin {
    Builtin {
        name,
        category: Category::Attacks,
        max_len: MAX_MATCH,
        mask_style: MaskStyle::All,
        find: Plan::Attack,
        description,
    }
}

/// All of them; the position is the id.
pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "payment-card",
        category: Category::Pci,
        max_len: 23,
        mask_style: MaskStyle::Digits,
        find: Plan::Card,
        description: "Payment card number (ISO/IEC 7812): issuer range, length and Luhn digit.",
    },
    personal("us-ssn", 11, MaskStyle::Digits, Plan::Ssn, "US social security number."),
    personal(
        "iban",
        42,
        MaskStyle::Alphanumeric,
        Plan::Iban,
        "International bank account number (ISO 13616).",
    ),
    personal("email", 254, MaskStyle::Alphanumeric, Plan::Email, "E-mail address (RFC 5321)."),
    personal(
        "phone",
        24,
        MaskStyle::Digits,
        Plan::Phone,
        "Phone number: E.164, North American, grouped national.",
    ),
    secret(
        "aws-access-key",
        20,
        "(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",
        Check::Varied(5),
        "AWS access key id.",
    ),
    secret(
        "aws-secret-key",
        96,
        r#"(?:[aA][wW][sS]_?(?:[sS][eE][cC][rR][eE][tT])|[sS][eE][cC][rR][eE][tT]_?[aA][cC][cC][eE][sS][sS])_?(?:[aA][cC][cC][eE][sS][sS])?_?[kK][eE][yY][\\"' :=>]{1,8}[A-Za-z0-9/+]{40}"#,
        Check::Tail(40),
        "AWS secret access key behind its name.",
    ),
    secret("gcp-api-key", 39, "AIza[0-9A-Za-z_-]{35}", Check::Varied(8), "Google Cloud API key."),
    secret(
        "github-token",
        128,
        "gh[pousr]_[0-9A-Za-z]{36,120}|github_pat_[0-9A-Za-z]{22}_[0-9A-Za-z]{59}",
        Check::Varied(8),
        "GitHub token.",
    ),
    secret(
        "slack-token",
        255,
        "xox[aboprs]-(?:[0-9]-)?[0-9A-Fa-f]{8,14}(?:-[0-9A-Za-z]{8,64}){1,4}|xoxe(?:\\.xox[bp])?-1-[0-9A-Za-z]{100,220}|xapp-[0-9A-Za-z]{1,16}-[0-9A-Za-z/]{10,32}(?:-[0-9A-Za-z]{8,80}){0,2}",
        Check::Varied(8),
        "Slack token.",
    ),
    secret(
        "stripe-key",
        128,
        "(?:sk|rk)_(?:live|test|prod)_[0-9A-Za-z]{10,110}",
        Check::Varied(6),
        "Stripe secret or restricted key.",
    ),
    secret(
        "private-key",
        160,
        r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\\+[nrt]|[\r\n\t ]){0,16}(?:Proc-Type:|DEK-Info:|Version:|Comment:|[A-Za-z0-9+/=]{16})",
        Check::Pem,
        "PEM private key (RFC 7468) or armoured PGP secret key.",
    ),
    secret(
        "jwt",
        MAX_MATCH,
        r"eyJ[A-Za-z0-9_-]{8,}\.e[yw3]",
        Check::Jwt,
        "JSON web token (RFC 7519).",
    ),
    attack(
        "sql-injection",
        "SQL in a parameter: tautologies, UNION SELECT, stacked and timed queries.",
    ),
    attack("xss", "Script in a parameter: tags, event handlers, script URLs."),
    attack("path-traversal", "Climbing out of a directory, or a known system file."),
    attack("command-injection", "A shell command behind a separator."),
    attack("log4shell", "A JNDI look-up, also obfuscated (CVE-2021-44228)."),
];
