//! What the schema cannot say: which fields of a rule make sense together.

use super::Compiler;
use crate::policy::source::{self, RuleDirection};
use crate::policy::yaml::Node;
use crate::policy::{Action, Part};

impl Compiler {
    /// What the schema cannot say: which fields of a rule make sense together.
    pub(super) fn check_combination(&mut self, rule: &source::Rule, node: &Node) {
        let overwrites = rule.action.filter(|action| action.overwrites());
        let response = rule.detect.is_some() && rule.direction != Some(RuleDirection::Request);
        if rule.too_late.is_some() && !(rule.action == Some(Action::Block) && response) {
            let message = "`too-late` is about responses that are blocked for what they hold: it \
                           needs `detect`, `action: block`, and not `direction: request`";
            self.report.error(node.pos_of("too-late"), message);
        }
        self.check_penalty(rule, node);
        self.check_tls(rule, node);
        let parts = rule.parts.as_deref().unwrap_or_default();
        let url = || {
            let at = parts.iter().position(|p| *p == Part::Url);
            at.and_then(|i| node.items("parts").get(i)).map_or(node.pos, |n| n.pos)
        };
        if !node.has("detect") {
            if let Some(action) = overwrites {
                let name = action.name();
                let message = format!("`{name}` needs `detect`: what to {name}");
                self.report.error(node.pos_of("action"), message);
            }
            if !parts.is_empty() {
                let message = "`parts` needs `detect`: a rule without it is about the call itself";
                self.report.error(node.pos_of("parts"), message);
            }
            if rule.direction.is_some_and(|d| d != RuleDirection::Request) {
                let message = "a rule without `detect` is about the call, so its direction can \
                               only be `request`";
                self.report.error(node.pos_of("direction"), message);
            }
            let conditions = [
                "services",
                "methods",
                "paths",
                "endpoints",
                "except",
                "identity",
                "when",
                "limit",
            ];
            if conditions.iter().any(|c| node.has(c)) {
                return;
            }
            let every = match rule.action {
                Some(Action::Bypass) => "so nothing is inspected",
                Some(action) if action.refuses() => "so it blocks every request",
                _ => return,
            };
            self.report.warning(node.pos, format!("the rule has no conditions, {every}"));
            return;
        }
        if overwrites.is_some() && parts.contains(&Part::Url) {
            let message = "a URL cannot be masked, only blocked: take `url` out of `parts`, or \
                           use `block`";
            self.report.error(url(), message);
        } else if parts == [Part::Url] && rule.direction == Some(RuleDirection::Response) {
            self.report.error(url(), "a response has no `url`");
        }
    }

    /// A rule about TLS connections has no condition about what is inside.
    fn check_tls(&mut self, rule: &source::Rule, node: &Node) {
        if rule.identity.as_ref().is_none_or(|identity| identity.ja4.is_none()) {
            return;
        }
        for key in ["methods", "paths", "except", "detect"] {
            if node.has(key) {
                let message = format!("of a TLS connection nothing is read, so it has no `{key}`");
                self.report.error(node.pos_of(key), message);
            }
        }
        if rule.identity.as_ref().is_some_and(|identity| identity.header.is_some()) {
            let message = "of a TLS connection nothing is read, so it has no `header`";
            self.report.error(node.pos_of("identity"), message);
        }
        if let Some(action @ (Action::Throttle | Action::Bypass)) = rule.action {
            let message = format!("a TLS connection can't have `{}`", action.name());
            self.report.error(node.pos_of("action"), message);
        }
    }

    /// Which actions go with `limit` and `for`.
    fn check_penalty(&mut self, rule: &source::Rule, node: &Node) {
        let Some(action) = rule.action else { return };
        let (limited, lasts) = (rule.limit.is_some(), rule.lock_out.is_some());
        let problem = match action {
            Action::Quarantine | Action::DropSource if !lasts => {
                Some(("action", "needs `for`: for how long"))
            }
            Action::RateLimit | Action::Throttle if !limited => {
                Some(("action", "needs `limit`: how much is allowed"))
            }
            Action::Throttle if rule.limit.as_ref().is_some_and(|l| l.distinct.is_some()) => {
                Some(("limit", "paces calls, so its limit is a `count`"))
            }
            Action::RateLimit | Action::Throttle if rule.detect.is_some() => {
                Some(("action", "is about calls, so it has no `detect`"))
            }
            Action::Bypass if limited => Some(("action", "has no `limit`")),
            Action::Quarantine | Action::DropSource => None,
            Action::Block if limited => None,
            _ if lasts => Some((
                "for",
                "has no `for`; a `block` with `limit` has, `quarantine` and `drop-source`",
            )),
            _ => None,
        };
        if let Some((key, problem)) = problem {
            self.report.error(node.pos_of(key), format!("`{}` {problem}", action.name()));
        }
    }
}
