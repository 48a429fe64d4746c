//! What can be asked of the learner.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::learner::Learner;
use crate::learning::endpoints::drift::Description;
use crate::learning::endpoints::trial::Refused;
use crate::learning::endpoints::{Endpoint, Learnt, allow_list, listing, openapi};
use crate::learning::graph;

/// A question.
#[derive(Debug)]
pub(in super::super) enum Question {
    /// The endpoints, of this host if one is named.
    Endpoints(Option<String>),
    /// As OpenAPI of a host; none: of the only one.
    OpenApi(Option<String>),
    /// What differs from an OpenAPI document.
    Drift(Value),
    /// An allow-list, and how much it would block.
    AllowList,
    /// Changes of templates.
    Log,
    /// Templates that people set: add these, remove those.
    Edit {
        #[allow(missing_docs)]
        add: Vec<String>,
        #[allow(missing_docs)]
        remove: Vec<String>,
    },
    /// How callers behave, as a model.
    Behaviour,
    /// Who calls whom.
    Graph,
    /// That as a policy.
    Segments,
}

impl Learner {
    /// The answer; the error is a sentence.
    pub(super) fn answer(&mut self, question: Question) -> Result<Value, String> {
        match question {
            Question::Endpoints(host) => {
                let learnt = self.learnt();
                let lines: Vec<Value> = listing::lines(&of(&learnt, host.as_deref())).collect();
                let left = self.endpoints.left();
                Ok(
                    json!({ "endpoints": lines, "refused": left.refused, "beyond_limits": left.limits }),
                )
            }
            Question::OpenApi(host) => document(&self.learnt(), host),
            Question::Drift(document) => {
                let description = Description::read(&document)?;
                Ok(json!({ "drift": description.compare(&self.learnt()) }))
            }
            Question::AllowList => Ok(self.allow_list()),
            Question::Log => Ok(json!({ "changes": self.shown.changes().collect::<Vec<_>>() })),
            Question::Edit { add, remove } => self.edit(add, &remove),
            Question::Behaviour => self.callers.model(),
            Question::Graph => Ok(graph::json(&self.graph)),
            Question::Segments => {
                let (policy, left_out) = graph::policy(&self.graph);
                Ok(json!({ "policy": policy, "left_out": left_out }))
            }
        }
    }

    fn allow_list(&mut self) -> Value {
        let learnt = self.learnt();
        let (policy, joined) = allow_list::policy(&learnt);
        let share = |(all, blocked): (u64, u64)| {
            let share = blocked as f64 / all.max(1) as f64;
            json!({ "requests": all, "blocked": blocked, "share": share })
        };
        let predicted = self.trial.refused().map(
            |Refused { all, answered }| json!({ "all": share(all), "answered": share(answered) }),
        );
        let left_out = allow_list::left_out(&learnt);
        json!({ "policy": policy, "joined": joined, "hosts_left_out": left_out, "predicted": predicted })
    }

    fn edit(&mut self, add: Vec<String>, remove: &[String]) -> Result<Value, String> {
        let mut edits = self.edits.clone();
        for gone in remove {
            if !edits.contains(gone) {
                return Err(format!("`{gone}` is none of the templates that were set"));
            }
            edits.retain(|edit| edit != gone);
        }
        for new in add {
            if !edits.contains(&new) {
                edits.push(new);
            }
        }
        if edits != self.edits {
            self.set_edits(edits)?;
            self.learnt();
        }
        Ok(json!({ "templates": self.edits }))
    }
}

/// Of one host, or all.
fn of(learnt: &Learnt, host: Option<&str>) -> Learnt {
    let is = |name: &str| host.is_none_or(|host| host.eq_ignore_ascii_case(name));
    let mut endpoints: Vec<Endpoint> =
        learnt.endpoints.iter().filter(|e| is(&e.host)).cloned().collect();
    endpoints.sort_by_cached_key(|e| (e.host.clone(), e.template(), e.method.clone()));
    let assets = learnt.assets.iter().filter(|a| is(&a.host)).cloned().collect();
    Learnt { endpoints, assets }
}

fn document(learnt: &Learnt, host: Option<String>) -> Result<Value, String> {
    let hosts: BTreeSet<&str> = learnt.endpoints.iter().map(|e| e.host.as_str()).collect();
    let names = || hosts.iter().copied().collect::<Vec<_>>().join(", ");
    match (&host, hosts.first()) {
        (_, None) => Err("no endpoint was seen yet".to_owned()),
        (Some(host), _) if !hosts.contains(host.as_str()) => {
            Err(format!("no endpoint of the host `{host}` was seen, but of: {}", names()))
        }
        (Some(host), _) => Ok(openapi::document(learnt, host)),
        (None, Some(only)) if hosts.len() == 1 => Ok(openapi::document(learnt, only)),
        (None, _) => Err(format!("a document is about one host; name it with --host: {}", names())),
    }
}
