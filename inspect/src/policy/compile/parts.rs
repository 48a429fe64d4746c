//! Compiling the files of a policy one after the other: whose names are whose, and about whose traffic its rules are.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::Compiler;
use crate::policy::domain::Domain;
use crate::policy::inventory::Selector;
use crate::policy::rule::{Rule, Service};
use crate::policy::source::{self, Further, Source};
use crate::policy::yaml::{self, Node};
use crate::policy::{Action, Pos, bundle, schema};

/// Most rules of a tenant that has no `max-rules`.
const TENANT_RULES: u32 = 32;

/// Whose file is being compiled.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// The file; none: the main one.
    file: Option<String>,
    /// The name of a tenant; none: the operator's own files.
    pub tenant: Option<String>,
    /// The tenant's traffic.
    pub domain: Option<Arc<Domain>>,
    max_rules: Option<u32>,
}

impl Scope {
    /// A name of this file as the whole policy knows it.
    pub fn full(&self, name: &str) -> String {
        match &self.tenant {
            Some(tenant) => format!("{tenant}/{name}"),
            None => name.to_owned(),
        }
    }

    /// A name of the whole policy as this file says it.
    pub fn own<'n>(&self, full: &'n str) -> &'n str {
        full.rsplit_once('/').map_or(full, |(_, name)| name)
    }

    /// Whether this file may use what is called so: what is its own, and what is no tenant's.
    pub fn sees(&self, full: &str) -> bool {
        full.split_once('/').is_none_or(|(owner, _)| self.tenant.as_deref() == Some(owner))
    }
}

/// The tests of one file, and their places.
pub(super) struct Tests {
    pub scope: Scope,
    pub tests: Vec<source::Test>,
    pub nodes: Vec<Node>,
}

/// What the files of a policy come to.
#[derive(Default)]
pub(super) struct Parts {
    pub services: Vec<Service>,
    pub rules: Vec<Rule>,
    /// Tests, to be run when the whole is compiled.
    pub tests: Vec<Tests>,
}

impl Compiler {
    /// Parses a file and holds it to its schema.
    pub(super) fn read<T: DeserializeOwned>(
        &mut self,
        text: &str,
        check: fn(Node, &mut crate::policy::diagnostic::Report) -> Option<Node>,
    ) -> Option<(T, Node)> {
        let root = yaml::parse(text, &mut self.report)?;
        let root = check(root, &mut self.report)?;
        match serde_json::from_value(root.to_json()) {
            Ok(source) => Some((source, root)),
            Err(error) => {
                self.report.error(root.pos, error.to_string());
                None
            }
        }
    }

    /// Compiles all files: the main one, what it includes, then the tenants'.
    pub(super) fn parts(&mut self, main: &mut Source, root: &Node, source: &str) -> Parts {
        let named = self.further(main, root, source);
        let first = Further {
            services: main.services.take(),
            detectors: main.detectors.take(),
            rules: main.rules.take(),
            tests: main.tests.take(),
        };
        let mut parts = Parts::default();
        self.part(first, root, &mut parts);
        for (scope, text) in named {
            self.enter(scope);
            if let Some((further, root)) = self.read(text, schema::check_further) {
                self.part(further, &root, &mut parts);
            }
        }
        self.enter(Scope::default());
        parts
    }

    /// What follows is about this file.
    pub(super) fn enter(&mut self, scope: Scope) {
        self.report.file = scope.file.clone();
        self.scope = scope;
    }

    fn part(&mut self, file: Further, root: &Node, parts: &mut Parts) {
        let services = file.services.unwrap_or_default();
        self.services(services, root.items("services"), &mut parts.services);
        self.detectors(file.detectors.unwrap_or_default(), root.items("detectors"));
        if self.scope.tenant.is_some() {
            let most = self.scope.max_rules.unwrap_or(TENANT_RULES) as usize;
            self.limit("rules of this tenant", root.items("rules"), most);
            for (rule, node) in file.rules.iter().flatten().zip(root.items("rules")) {
                let message = match rule.action {
                    Some(Action::Bypass) => {
                        "a tenant can't bypass: it would overrule the operator's rules; use `except`"
                    }
                    Some(Action::DropSource) => {
                        "a tenant can't drop a source: others may talk to that address too; use `quarantine`"
                    }
                    _ => continue,
                };
                self.report.error(node.pos_of("action"), message);
            }
        }
        self.rules(file.rules.unwrap_or_default(), root.items("rules"), parts);
        let tests = file.tests.unwrap_or_default();
        let nodes = root.items("tests").to_vec();
        parts.tests.push(Tests { scope: self.scope.clone(), tests, nodes });
    }

    /// The files that the main one names, with their texts.
    fn further<'s>(
        &mut self,
        main: &Source,
        root: &Node,
        source: &'s str,
    ) -> Vec<(Scope, &'s str)> {
        let mut scopes = Vec::new();
        for (name, node) in main.include.iter().flatten().zip(root.items("include")) {
            scopes.push((Scope { file: Some(name.clone()), ..Scope::default() }, node.pos));
        }
        for (tenant, node) in main.tenants.iter().flatten().zip(root.items("tenants")) {
            if let Some(scope) = self.tenant(tenant, node, &scopes) {
                scopes.push((scope, node.pos_of("file")));
            }
        }
        let (_, texts) = bundle::parts(source);
        let mut named = Vec::new();
        for (scope, pos) in scopes {
            let file = scope.file.as_deref().unwrap_or_default();
            match texts.iter().find(|(name, _)| *name == file) {
                Some((_, text)) => named.push((scope, *text)),
                None => self.report.error(pos, bundle::missing(file)),
            }
        }
        named
    }

    /// A tenant's scope; none if its file is missing or already named, which is reported.
    fn tenant(
        &mut self,
        source: &source::Tenant,
        node: &Node,
        before: &[(Scope, Pos)],
    ) -> Option<Scope> {
        let mut taken = before.iter().filter_map(|(scope, _)| scope.tenant.clone()).collect();
        let name = self.name(source.name.clone(), node, "tenant", &mut taken);
        let selector = Selector {
            namespace: source.namespace.clone(),
            labels: source.labels.clone().unwrap_or_default(),
        };
        let domain = Domain {
            addresses: self.addresses(source.addresses.clone(), &selector, node),
            vlans: source.vlans.clone().unwrap_or_default(),
            inner_vlans: source.inner_vlans.clone().unwrap_or_default(),
        };
        let all = domain.vlans.is_empty() && domain.inner_vlans.is_empty();
        if all && domain.addresses.is_none() {
            let message = "a tenant needs `addresses`, `namespace`, `labels` or `vlans`: which traffic is its own";
            self.report.error(node.pos, message);
            return None;
        }
        for (other, _) in before {
            if other.domain.as_ref().is_some_and(|theirs| theirs.overlaps(&domain)) {
                let other = other.tenant.as_deref().unwrap_or_default();
                let (key, message) = match domain.addresses.is_some() {
                    true => ("addresses", "some of these addresses are those of the tenant"),
                    false => ("vlans", "some of what is in these VLANs is that of the tenant"),
                };
                self.report.error(node.pos_of(key), format!("{message} `{other}`"));
            }
        }
        let file = Some(source.file.clone()?);
        if before.iter().any(|(other, _)| other.file == file) {
            self.report.error(node.pos_of("file"), "this file is already named above");
            return None;
        }
        let max_rules = source.max_rules;
        Some(Scope { file, tenant: Some(name), domain: Some(Arc::new(domain)), max_rules })
    }
}
