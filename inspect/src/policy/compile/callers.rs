//! Compiling who asks: where callers' tokens stand, and from where they speak.

use super::Compiler;
use crate::policy::cidr::{Cidr, Ranges};
use crate::policy::identity::{Extract, Place};
use crate::policy::rule::Service;
use crate::policy::source;
use crate::policy::yaml::Node;

impl Compiler {
    /// Where callers' tokens stand.
    pub(super) fn identities(
        &mut self,
        sources: Vec<source::Token>,
        nodes: &[Node],
    ) -> Vec<Extract> {
        let mut extracts = Vec::new();
        for (token, node) in sources.into_iter().zip(nodes) {
            let lower = |name: String| name.to_ascii_lowercase();
            let mut places = [
                token.header.map(|name| Place::Header(lower(name))),
                token.cookie.map(Place::Cookie),
                token.query.map(Place::Query),
                token.certificate.map(|name| Place::Certificate(lower(name))),
                token.ja4.map(|name| Place::Ja4(lower(name))),
            ]
            .into_iter()
            .flatten();
            let (Some(place), None) = (places.next(), places.next()) else {
                let message = "a token stands in exactly one of `header`, `cookie`, `query`, `certificate` and `ja4`";
                self.report.error(node.pos, message);
                continue;
            };
            extracts.push(Extract { place, claim: token.claim });
        }
        extracts
    }

    /// The addresses of clients: those given, and those of the services that are named.
    pub(super) fn clients(
        &mut self,
        identity: &mut source::Identity,
        node: &Node,
        services: &[Service],
    ) -> Option<Ranges> {
        if identity.source.is_none() && identity.services.is_none() {
            return None;
        }
        let sources = self.each(identity.source.take(), node, "source", Cidr::parse);
        let mut all: Ranges = sources.into_iter().collect();
        let named = identity.services.take().unwrap_or_default();
        let set = self.service_set(&named, node, services);
        for (index, item) in set.iter().zip(node.items("services")) {
            let Some(service) = services.get(index) else { continue };
            match &service.addresses {
                Some(addresses) => all = all.with(addresses),
                None => {
                    let message =
                        "a client is known by its address, and this service has no `addresses`";
                    self.report.error(item.pos, message);
                }
            }
        }
        Some(all)
    }
}
