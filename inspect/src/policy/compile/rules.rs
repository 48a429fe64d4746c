//! Compiling rules.

use std::sync::Arc;

use super::{Compiler, MAX_RULES, Parts};
use crate::duration;
use crate::policy::cel::{CelError, Condition};
use crate::policy::diagnostic::Pos;
use crate::policy::glob::Glob;
use crate::policy::limit::{Limit, Measure};
use crate::policy::rule::{self, Endpoint, Ja4, Rule};
use crate::policy::source::{self, RuleDirection};
use crate::policy::usage::Usage;
use crate::policy::yaml::Node;
use crate::policy::{Action, Mode, Part};

/// Longest time of a limit, and for which a caller can be locked out, in seconds.
const MAX_PER: u64 = 24 * 3600;
const MAX_LOCK: u64 = 7 * 24 * 3600;

impl Compiler {
    pub(super) fn rules(&mut self, sources: Vec<source::Rule>, nodes: &[Node], parts: &mut Parts) {
        let Parts { services, rules, .. } = parts;
        self.limit("rules", nodes, MAX_RULES.saturating_sub(rules.len()));
        let mut names = rules.iter().map(|r| r.name.clone()).collect();
        rules.extend(sources.into_iter().zip(nodes).map(|(mut source, node)| {
            self.check_combination(&source, node);
            let action = source.action.unwrap_or(Action::Alert);
            let about = source.about();
            let mut identity = source.identity.take().unwrap_or_default();
            let identity_node = node.get("identity").unwrap_or(node);
            let direction = source.direction.unwrap_or(match source.detect {
                Some(_) => RuleDirection::Both,
                None => RuleDirection::Request,
            });
            Rule {
                name: self.name(source.name, node, "rule", &mut names),
                about,
                direction,
                scope: self.scope.domain.clone(),
                services: source.services.map(|named| self.service_set(&named, node, services)),
                methods: self.each(source.methods, node, "methods", method),
                paths: self.each(source.paths, node, "paths", Glob::parse),
                endpoints: self.each(source.endpoints, node, "endpoints", Endpoint::parse),
                except: self.each(source.except, node, "except", Glob::parse),
                sources: self.clients(&mut identity, identity_node, services),
                header: identity.header.map(|header| self.header(header, identity_node)),
                ja4: self.each(identity.ja4, identity_node, "ja4", Ja4::parse),
                when: source.when.and_then(|text| self.condition(&text, node.pos_of("when"))),
                detectors: source.detect.map(|names| self.detector_set(&names, action, node)),
                parts: looked_at(source.parts, action),
                action,
                mode: source.mode.unwrap_or(Mode::Enforce),
                too_late: source.too_late.unwrap_or_default(),
                limit: self.limited(source.limit, source.lock_out.as_deref(), action, node),
                severity: source.severity.unwrap_or_default(),
                until: source.until.and_then(|text| self.time(&text, node.pos_of("until"))),
                drops: source.lock_out.filter(|_| action == Action::DropSource).and_then(|text| {
                    // What is wrong with it was reported.
                    duration::seconds(&text).ok().map(|seconds| seconds * 1000)
                }),
            }
        }));
    }

    /// A rule's limit; none if it has none, or if something is wrong with it, which is reported.
    fn limited(
        &mut self,
        source: Option<source::Limit>,
        lock_out: Option<&str>,
        action: Action,
        rule: &Node,
    ) -> Option<Limit> {
        let lock = lock_out.and_then(|text| self.duration(text, rule.pos_of("for"), MAX_LOCK));
        let lock = lock.filter(|_| action != Action::DropSource);
        let Some(source) = source else {
            // The first finding is one too many.
            let lock = lock.filter(|_| action == Action::Quarantine)?;
            let (measure, per, by) =
                (Measure::Count, lock.min(MAX_PER * 1000), source::By::Identity);
            let usage = Arc::new(Usage::new(per, false));
            return Some(Limit { measure, most: 0, per, by, lock: Some(lock), usage });
        };
        let node = rule.get("limit").unwrap_or(rule);
        if node.has("count") == node.has("distinct") {
            self.report.error(node.pos, "a limit is exactly one of `count` and `distinct`");
        }
        let per = source.per.and_then(|text| self.duration(&text, node.pos_of("per"), MAX_PER));
        // What is missing here was reported.
        let (measure, most) = match (source.count, source.distinct) {
            (Some(most), None) => (Measure::Count, most),
            (None, Some(most)) => (Measure::Distinct, most),
            _ => return None,
        };
        let per = per?;
        let by = source.by.unwrap_or(source::By::Identity);
        let usage = Arc::new(Usage::new(per, measure == Measure::Distinct));
        Some(Limit { measure, most, per, by, lock, usage })
    }

    /// A condition in CEL. Its errors name the character, since YAML may write it over several lines.
    fn condition(&mut self, text: &str, pos: Pos) -> Option<Condition> {
        let compiled = Condition::compile(text);
        let report = |e: CelError| {
            self.report.error(pos, format!("`when`: {}, at its character {}", e.problem, e.at));
        };
        compiled.map_err(report).ok()
    }

    /// A time in seconds since the Unix epoch; of a date its beginning in UTC. Past ones get a warning.
    fn time(&mut self, text: &str, pos: Pos) -> Option<i64> {
        let date = |text: &str| {
            let date = text.parse::<jiff::civil::Date>().ok()?;
            Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        };
        let Some(time) = text.parse::<jiff::Timestamp>().ok().or_else(|| date(text)) else {
            let message =
                format!("`{text}` is no time; write `2026-12-31` or `2026-12-31T08:00:00+01:00`");
            self.report.error(pos, message);
            return None;
        };
        if time <= jiff::Timestamp::now() {
            self.report.warning(pos, "that is over, so the rule does nothing");
        }
        Some(time.as_second())
    }

    fn header(&mut self, header: source::HeaderCondition, identity: &Node) -> rule::Header {
        let name = header.name.unwrap_or_default();
        let node = identity.get("header").unwrap_or(identity);
        if !name.bytes().all(is_token) {
            let message = format!("`{name}` is not the name of a header");
            self.report.error(node.pos_of("name"), message);
        }
        rule::Header { name: name.to_ascii_lowercase(), values: header.values.unwrap_or_default() }
    }
}

/// The parts a rule looks at: all by default, but a URL cannot be masked.
fn looked_at(given: Option<Vec<Part>>, action: Action) -> rule::Parts {
    let default = match action {
        action if action.overwrites() => vec![Part::Headers, Part::Body],
        _ => vec![Part::Headers, Part::Url, Part::Body],
    };
    given.unwrap_or(default).into_iter().fold(rule::Parts::default(), rule::Parts::with)
}

/// Methods are case-sensitive (RFC 9110 §9.1): `get` would never match.
fn method(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(is_token) {
        return Err(format!("`{text}` is not a method"));
    }
    if text.bytes().any(|b| b.is_ascii_lowercase()) {
        let upper = text.to_ascii_uppercase();
        return Err(format!("methods are case-sensitive; did you mean `{upper}`?"));
    }
    Ok(text.to_owned())
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
