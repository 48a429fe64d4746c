//! Detectors of a policy's own.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::detector::Category;
use crate::scan::{MAX_APART, MAX_MATCH, MAX_NEAR};

/// A detector of your own: exactly one of `pattern`, `literal`, `literals` and `together`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CustomDetector {
    /// Name by which rules and events call it; not one of a built-in detector.
    #[schemars(required, length(min = 1))]
    pub name: Option<String>,
    /// Category, for rules that say `category:…`. Default: `custom`.
    pub category: Option<Category>,
    /// Regular expression over bytes. One with a literal part (as `EMP-` in `EMP-[0-9]{6}`) is much faster. A group named
    /// `secret` is what is reported of a match.
    #[schemars(length(min = 1))]
    pub pattern: Option<String>,
    /// Plain text to find as it stands.
    #[schemars(length(min = 1))]
    pub literal: Option<String>,
    /// Plain texts, each of which is one to find.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub literals: Option<Vec<String>>,
    /// What several other detectors find near each other.
    pub together: Option<Together>,
    /// Letters match in either case. Default: false.
    pub case_insensitive: Option<bool>,
    /// Most bytes that a match may have. Default: what the pattern itself allows.
    #[schemars(range(min = 1, max = MAX_MATCH))]
    pub max_length: Option<u32>,
    /// Names of fields (`"account_no": …`, `account-no=…`), one of which a match must be the value of; case, `-` and `_` do not
    /// count. Or whole paths in a body, as events tell them (`$.customer.cards[*].number`, `#3.5`, `/order/card`), of which
    /// `[*]` is any element of a list. Default: any.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub keys: Option<Vec<String>>,
    /// The kind of number that a match must be a valid one of, as `weir validate` knows them: `iban`, `us.ssn`, `luhn`.
    #[schemars(length(min = 1))]
    pub validator: Option<String>,
    /// Words that must stand near a match.
    pub context: Option<Context>,
    /// Values that are no finding.
    pub except: Option<Except>,
    /// Texts in which it must find something; one in which it does not is an error.
    #[serde(rename = "match")]
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub matches: Option<Vec<String>>,
    /// Texts in which it must find nothing.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub no_match: Option<Vec<String>>,
}

/// Words that must stand near a match.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Context {
    /// One of these is enough; whole words, in either case.
    #[schemars(required, length(min = 1), inner(length(min = 1)))]
    pub words: Option<Vec<String>>,
    /// Most bytes in front of the match, or behind it, within which a word stands. Default: 50.
    #[schemars(range(min = 1, max = MAX_NEAR))]
    pub within: Option<u32>,
}

/// Values that are no finding: the whole match is one of them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Except {
    /// As they stand.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub literals: Option<Vec<String>>,
    /// Regular expressions.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub patterns: Option<Vec<String>>,
}

/// What several other detectors find near each other. The last of them, in the order of the text, is what is reported (and
/// masked).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Together {
    /// Detectors by name or `category:…`; of each a finding is needed.
    #[schemars(required, length(min = 1))]
    pub of: Option<Vec<String>>,
    /// Most bytes between the end of a finding and the beginning of the last one. Default: 200.
    #[schemars(range(min = 1, max = MAX_APART))]
    pub within: Option<u32>,
}
