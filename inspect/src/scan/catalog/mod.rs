//! The catalogue: every detector that exists, built-in or written in a policy, by name and by id; and those that a pack or a policy says by a pattern.
//!
//! | file | what is in it |
//! |---|---|
//! | `builtin`, `pack` | what Weir brings along: detectors of attacks, and those of the packs, which are data files |
//! | `pattern` | an expression, how it is found, and what confirms a match |
//! | `beside` | a value beside a word (`password = …`), and in `guess` whether it looks like one |
//! | `conditions` | words that must stand near, and places where it does not count |
//! | `together` | findings that are reported when they lie near each other |

pub(super) mod beside;
mod builtin;
mod conditions;
mod guess;
mod pack;
pub(super) mod pattern;
pub(super) mod together;

use std::sync::{Arc, OnceLock};

use thiserror::Error;

use crate::detector::{Category, DetectorId, DetectorSet, MAX_DETECTORS};
use crate::path;
use beside::Beside;
pub use conditions::Conditions;
use pattern::{Compiled, Pattern, Place};
use together::Together;

/// The longest match that a detector may need to see whole before it is decided, in bytes. Longer secrets have a
/// commit point instead (private keys, tokens). It bounds what a message's scan state retains.
pub const MAX_MATCH: usize = 1024;
/// How far from a match the words of its context may stand, in bytes: less than [`crate::scan::view::LEFT_CONTEXT`].
pub const MAX_NEAR: usize = 128;
/// How far from each other findings may lie that are reported together, in bytes.
pub const MAX_APART: u32 = 64 << 10;

/// Whether a detector looks for data that must not leave, or for an attempt against a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sensitive data; has an exact place and can be masked.
    Leak,
    /// An attack; found in normalised text, so its place is approximate and it can only be blocked or reported.
    Attack,
}

/// What of a match is overwritten when it is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskStyle {
    /// Digits only; separators stay.
    Digits,
    /// Letters and digits; separators (`@`, `.`, `-`, space) stay.
    Alphanumeric,
    /// Every visible character.
    All,
}

/// How a detector finds and confirms. Only the scanner looks at it.
#[derive(Clone, Debug)]
pub(crate) enum Find {
    /// Digit runs: Luhn, issuer ranges and lengths.
    Card,
    /// Digit runs in the form 3-2-4 under the SSA's rules, or nine digits behind a keyword.
    Ssn,
    /// NANP and international phone forms.
    Phone,
    /// Country lengths and mod 97.
    Iban,
    /// `local@domain`.
    Email,
    /// Four numbers up to 255.
    Ipv4,
    /// An anchored regular expression, tried where its first bytes stand.
    Pattern(Arc<Compiled>),
    /// A value beside a word that says what it is.
    Beside(Arc<Beside>),
    /// What others find near each other.
    Together(Arc<Together>),
    /// A rule of [`crate::scan::attack`].
    Attack,
}

/// What a pattern's match must satisfy beyond the pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Nothing.
    None,
    /// Not a placeholder: at least this many distinct characters, and no `EXAMPLE` in it, as in AWS's documentation.
    Varied(u8),
    /// A JOSE header that decodes to JSON with `alg`; then it goes on as a stream.
    Jwt,
    /// The `BEGIN` line of a private key; then it goes on as a stream.
    Pem,
}

/// One detector.
#[derive(Clone, Debug)]
pub struct Detector {
    /// Its id in this catalogue.
    pub id: DetectorId,
    /// Its name in policies and events, such as `payment-card`.
    pub name: String,
    /// The category that policies may name instead.
    pub category: Category,
    /// Leak or attack.
    pub kind: Kind,
    /// The longest match, in bytes; for detectors with a commit point the longest until it.
    pub max_len: usize,
    /// What a mask overwrites.
    pub mask_style: MaskStyle,
    /// One sentence for people.
    pub description: String,
    /// Where in a body what it finds must lie to count; empty: anywhere, also outside of bodies.
    pub places: Vec<path::Place>,
    pub(crate) find: Find,
}

/// A detector written in a policy.
#[derive(Clone, Debug)]
pub struct CustomDetector {
    /// Its name; must not exist yet.
    pub name: String,
    /// Its category, usually [`Category::Custom`].
    pub category: Category,
    /// What it looks for.
    pub kind: CustomKind,
    /// Whether ASCII case is ignored.
    pub case_insensitive: bool,
    /// The longest match in bytes, 1 to [`MAX_MATCH`].
    pub max_len: usize,
    /// The kind that a match must be a valid value of ([`crate::validate`]).
    pub valid: Option<String>,
    /// What else must hold of a match.
    pub conditions: Option<Conditions>,
}

/// What a custom detector looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomKind {
    /// One of these texts; of several that fit, the longest.
    Literals(Vec<String>),
    /// A regular expression in the syntax of the `regex` crate over bytes: `\w`, `\d`, `\s` and `.` are ASCII.
    Regex(String),
}

/// Why a detector was refused.
#[derive(Debug, Error)]
pub enum DetectorError {
    /// The name is taken.
    #[error("a detector named `{0}` exists already")]
    Duplicate(String),
    /// The catalogue is full.
    #[error("more than {MAX_DETECTORS} detectors")]
    TooMany,
    /// `max_len` is outside its bounds.
    #[error("detector `{name}`: max_len {max_len} is not between 1 and {MAX_MATCH}")]
    MaxLen {
        /// The detector.
        name: String,
        /// What was given.
        max_len: usize,
    },
    /// The pattern is not a regular expression, or becomes too large.
    #[error("detector `{name}`: {reason}")]
    Pattern {
        /// The detector.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// All detectors known.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Shared by all copies until one gets a detector more.
    detectors: Arc<Vec<Detector>>,
}

impl Catalog {
    /// The built-in detectors.
    pub fn builtin() -> Catalog {
        // Read once; copies share the compiled patterns.
        static BUILTIN: OnceLock<Catalog> = OnceLock::new();
        BUILTIN
            .get_or_init(|| {
                let mut detectors = pack::builtin();
                let attacks = builtin::ALL.iter().map(builtin::Builtin::detector);
                detectors.extend(attacks);
                for (id, detector) in (0..).zip(&mut detectors) {
                    detector.id = DetectorId(id);
                }
                Catalog { detectors: Arc::new(detectors) }
            })
            .clone()
    }

    /// Adds a detector of a policy, after checking that its pattern can be compiled.
    pub fn add_custom(&mut self, custom: CustomDetector) -> Result<DetectorId, DetectorError> {
        let CustomDetector { name, category, kind, case_insensitive, max_len, valid, conditions } =
            custom;
        if max_len == 0 || max_len > MAX_MATCH {
            return Err(DetectorError::MaxLen { name, max_len });
        }
        let regex = match kind {
            CustomKind::Literals(mut texts) => {
                texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
                let escaped: Vec<_> = texts.iter().map(|text| regex_syntax::escape(text)).collect();
                escaped.join("|")
            }
            CustomKind::Regex(text) => text,
        };
        let pattern = Pattern {
            regex,
            case_insensitive,
            check: Check::None,
            valid,
            place: Place::Anywhere,
            max_len,
            conditions: conditions.map(Arc::new),
        };
        let pattern = Compiled::later(pattern);
        if let Err(reason) = pattern.matcher() {
            return Err(DetectorError::Pattern { name, reason: reason.to_owned() });
        }
        self.add(name, category, max_len, Find::Pattern(Arc::new(pattern)))
    }

    /// Adds a detector of a policy that reports findings near each other: of each of `members` one, at most `within` bytes
    /// apart. It reports the last of them, in the order of the text.
    pub fn add_together(
        &mut self,
        name: String,
        category: Category,
        members: Vec<DetectorSet>,
        within: u32,
    ) -> Result<DetectorId, DetectorError> {
        let together = Together { members, within: within.into() };
        self.add(name, category, MAX_MATCH, Find::Together(Arc::new(together)))
    }

    fn add(
        &mut self,
        name: String,
        category: Category,
        max_len: usize,
        find: Find,
    ) -> Result<DetectorId, DetectorError> {
        if self.by_name(&name).is_some() {
            return Err(DetectorError::Duplicate(name));
        }
        if self.detectors.len() >= MAX_DETECTORS {
            return Err(DetectorError::TooMany);
        }
        let id = DetectorId(self.detectors.len() as u16);
        Arc::make_mut(&mut self.detectors).push(Detector {
            id,
            name,
            category,
            kind: Kind::Leak,
            max_len,
            mask_style: MaskStyle::All,
            description: "written in the policy".to_owned(),
            places: Vec::new(),
            find,
        });
        Ok(id)
    }

    /// What a detector finds counts only at these places of a body.
    pub fn only_at(&mut self, id: DetectorId, places: Vec<path::Place>) {
        let detectors = Arc::make_mut(&mut self.detectors);
        detectors.iter_mut().filter(|d| d.id == id).for_each(|d| d.places.clone_from(&places));
    }

    /// Whether what a detector found counts at this path, which is asked for only where it matters. Where no path is known, a
    /// detector that wants one has found nothing.
    pub fn counts_at(&self, id: DetectorId, path: impl FnOnce() -> String) -> bool {
        let places = self.get(id).map_or(&[][..], |d| d.places.as_slice());
        places.is_empty() || {
            let path = path();
            places.iter().any(|place| place.is(&path))
        }
    }

    /// Whether what it finds is reported as a whole with its place, so that others can lie near it: not attacks, not what counts at
    /// some places only, and not what
    /// goes on behind a commit point.
    pub fn has_place(&self, id: DetectorId) -> bool {
        self.get(id).is_some_and(|d| match &d.find {
            _ if !d.places.is_empty() => false,
            Find::Pattern(pattern) => !pattern.goes_on(),
            Find::Attack | Find::Together(_) => false,
            _ => true,
        })
    }

    /// The detector of that name.
    pub fn by_name(&self, name: &str) -> Option<&Detector> {
        self.detectors.iter().find(|d| d.name == name)
    }

    /// The detector of that id.
    pub fn get(&self, id: DetectorId) -> Option<&Detector> {
        self.detectors.get(usize::from(id.0))
    }

    /// All detectors, in order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Detector> {
        self.detectors.iter()
    }

    /// Whether the detector must be tried at (nearly) every byte because its pattern begins with no literal of at
    /// least two bytes, nor with three bytes of classes that are rare in text. Such a detector costs a factor of ten; `policy check` says so.
    pub fn is_slow(&self, id: DetectorId) -> bool {
        let Some(Detector { find: Find::Pattern(pattern), .. }) = self.get(id) else {
            return false;
        };
        pattern.matcher().is_ok_and(|matcher| matcher.is_slow())
    }
}
