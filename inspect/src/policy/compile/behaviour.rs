//! Compiling the section `behaviour`.

use std::sync::Arc;

use super::Compiler;
use crate::behaviour::{CALLERS, Callers, Ladder, MAX_STEPS, Mitigation, Step};
use crate::policy::Mode;
use crate::policy::behaviour::{Behaviour, Redirect};
use crate::policy::cidr::Cidr;
use crate::policy::rule::Service;
use crate::policy::source::{self, StepAction};
use crate::policy::yaml::Node;

/// How long a step lasts that says nothing else.
const LASTS: u64 = 600_000;
/// Longest time of a step and of a rate, in seconds.
const MAX_LASTS: u64 = 7 * 24 * 3600;
const MAX_PER: u64 = 24 * 3600;

impl Compiler {
    /// The section `behaviour`.
    pub(super) fn behaviour(
        &mut self,
        source: source::Behaviour,
        node: &Node,
        services: &[Service],
    ) -> Behaviour {
        let sources = source.ladder.unwrap_or_default();
        let nodes = node.items("ladder");
        self.limit("steps", nodes, MAX_STEPS);
        let mut steps: Vec<Step> = Vec::new();
        let mut redirect = None;
        for (step, node) in sources.into_iter().zip(nodes) {
            let place = self.redirect(&step, node);
            redirect = redirect.or(place);
            // What is missing here was reported.
            let Some(compiled) = self.step(step, node) else { continue };
            if let Some(before) = steps.last() {
                if compiled.score < before.score {
                    let message = "a step begins at no lower score than the one before it";
                    self.report.error(node.pos_of("score"), message);
                }
                if compiled.mitigation.strength() < before.mitigation.strength() {
                    let message = "a step does no less than the one before it: alert, rate-limit, \
                                   challenge, block, drop-source";
                    self.report.error(node.pos_of("action"), message);
                }
            }
            steps.push(compiled);
        }
        Behaviour {
            mode: source.mode.unwrap_or(Mode::Enforce),
            services: source.services.map(|named| self.service_set(&named, node, services)),
            verified: self.each(source.verified, node, "verified", Cidr::parse),
            ladder: Ladder(steps),
            redirect,
            targets: Arc::default(),
            callers: Arc::new(Callers::new(source.callers.unwrap_or(CALLERS))),
        }
    }

    fn step(&mut self, source: source::Step, node: &Node) -> Option<Step> {
        let (score, action) = (source.score? as f32 / 100.0, source.action?);
        let lasts = source.lasts.as_deref().map(|text| (text, node.pos_of("for")));
        let given = lasts.and_then(|(text, pos)| self.duration(text, pos, MAX_LASTS));
        let needs = |key: &str, why: &str| format!("`{key}` needs {why}");
        if source.limit.is_some() && action != StepAction::RateLimit {
            let message = "only `rate-limit` has a `limit`";
            self.report.error(node.pos_of("limit"), message);
        }
        let mitigation = match action {
            StepAction::Alert => Mitigation::Alert,
            StepAction::Challenge => Mitigation::Challenge,
            StepAction::Block | StepAction::DropSource if lasts.is_none() => {
                let name = if action == StepAction::Block { "block" } else { "drop-source" };
                self.report.error(node.pos_of("action"), needs(name, "`for`: for how long"));
                return None;
            }
            StepAction::Block => Mitigation::Block,
            StepAction::DropSource => Mitigation::DropSource,
            StepAction::RateLimit => self.rate(source.limit, node)?,
        };
        Some(Step { score, mitigation, lasts: given.unwrap_or(LASTS) })
    }

    fn rate(&mut self, limit: Option<source::Limit>, node: &Node) -> Option<Mitigation> {
        let Some(limit) = limit else {
            let message = "`rate-limit` needs `limit`: how much is allowed";
            self.report.error(node.pos_of("action"), message);
            return None;
        };
        let at = node.get("limit").unwrap_or(node);
        let Some(burst) = limit.count.filter(|_| !at.has("distinct") && !at.has("by")) else {
            let message = "the limit of a step is `count` and `per`: requests of a caller";
            self.report.error(at.pos, message);
            return None;
        };
        let per = self.duration(&limit.per?, at.pos_of("per"), MAX_PER)?;
        Some(Mitigation::RateLimit { burst, every: (per / u64::from(burst.max(1))).max(1) })
    }

    fn redirect(&mut self, step: &source::Step, node: &Node) -> Option<Redirect> {
        let location = step.redirect.as_deref()?;
        let pos = node.pos_of("redirect");
        if step.action != Some(StepAction::Challenge) {
            self.report.error(pos, "only `challenge` has a `redirect`");
        }
        let (host, path) = match location.split_once("://") {
            Some(("http" | "https", rest)) => {
                let at = rest.find('/').unwrap_or(rest.len());
                let (host, path) = rest.split_at(at);
                (Some(host.into()), if path.is_empty() { "/" } else { path })
            }
            _ => (None, location),
        };
        // It becomes a header field (RFC 9110 §10.2.2).
        if !path.starts_with('/') || location.bytes().any(|b| !b.is_ascii_graphic()) {
            let message =
                format!("`{location}` is no place to go: write `/path` or `https://host/path`");
            self.report.error(pos, message);
            return None;
        }
        let path = path.split(['?', '#']).next().unwrap_or_default();
        Some(Redirect { location: location.into(), host, path: path.into() })
    }
}
