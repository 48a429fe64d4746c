//! Compiling services: where they are, and which of them rules name.

use super::Compiler;
use crate::policy::MAX_SERVICES;
use crate::policy::bits::Bits;
use crate::policy::cidr::{Cidr, Ranges};
use crate::policy::diagnostic::did_you_mean;
use crate::policy::inventory::{self, Selector};
use crate::policy::rule::{Host, Service};
use crate::policy::source;
use crate::policy::yaml::Node;

impl Compiler {
    pub(super) fn services(
        &mut self,
        sources: Vec<source::Service>,
        nodes: &[Node],
        services: &mut Vec<Service>,
    ) {
        self.limit("services", nodes, MAX_SERVICES.saturating_sub(services.len()));
        let mut names = services.iter().map(|s| s.name.clone()).collect();
        services.extend(sources.into_iter().zip(nodes).map(|(mut source, node)| Service {
            name: self.name(source.name.take(), node, "service", &mut names),
            scope: self.scope.domain.clone(),
            addresses: self.service_addresses(&mut source, node),
            ports: source.ports.unwrap_or_default(),
            hosts: self.each(source.hosts, node, "hosts", Host::parse),
        }));
    }

    /// A service's addresses; none: any.
    fn service_addresses(&mut self, source: &mut source::Service, node: &Node) -> Option<Ranges> {
        let labels = source.labels.take().unwrap_or_default();
        let selector = Selector { namespace: source.namespace.take(), labels };
        self.addresses(source.addresses.take(), &selector, node)
    }

    /// The addresses that are given, and those of the workloads that are meant; none if nothing is said of them.
    pub(super) fn addresses(
        &mut self,
        given: Option<Vec<String>>,
        selector: &Selector,
        node: &Node,
    ) -> Option<Ranges> {
        if given.is_none() && selector.is_empty() {
            return None;
        }
        let mut all = self.each(given, node, "addresses", Cidr::parse);
        if selector.is_empty() {
            return Some(all.into_iter().collect());
        }
        let key = if selector.namespace.is_some() { "namespace" } else { "labels" };
        for (label, item) in selector.labels.iter().zip(node.items("labels")) {
            if !inventory::is_label(label) {
                self.report.error(item.pos, format!("`{label}` is no label; write `key=value`"));
            }
        }
        match &self.inventory {
            None => {
                let message =
                    "which workloads those are, an `inventory` says, and the policy has none";
                self.report.error(node.pos_of(key), message);
            }
            Some(inventory) => {
                let before = all.len();
                all.extend(inventory.select(selector));
                if all.len() == before {
                    let message = "the inventory has no such workload";
                    self.report.warning(node.pos_of(key), message);
                }
            }
        }
        Some(all.into_iter().collect())
    }

    pub(super) fn service_set(
        &mut self,
        named: &[String],
        node: &Node,
        services: &[Service],
    ) -> Bits {
        let mut set = Bits::default();
        for (name, item) in named.iter().zip(node.items("services")) {
            match services.iter().position(|s| s.name == self.scope.full(name)) {
                Some(index) => set.insert(index),
                None => {
                    let own = services.iter().filter(|s| self.scope.sees(&s.name));
                    let hint = did_you_mean(name, own.map(|s| self.scope.own(&s.name)));
                    self.report.error(item.pos, format!("there is no service `{name}`{hint}"));
                }
            }
        }
        set
    }
}
