//! Who calls whom: services, their callers, and what goes between them. In fixed memory.

mod policy;
mod show;
mod who;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use weir_inspect::behaviour::template;
use weir_inspect::request::Request;

use super::endpoints::paths::{self, decoded};

pub use policy::policy;
pub use show::{dot, json};
pub use who::{CLIENTS, INTERNET, Who};

/// Services; calls of further ones are not kept, and counted.
const SERVICES: usize = 1024;
/// Callers of a service; further ones are not kept, and counted.
const CALLERS: usize = 256;
/// Callers of a service that are only known by an address; of more they become [`CLIENTS`].
const ADDRESSES: usize = 32;
/// Addresses kept of a caller, and of a service; of more it is known that there are more.
const KEPT: usize = 64;
/// Endpoints kept of a caller; of more it is known that there are more.
const CALLS: usize = 64;
/// Categories of data kept; there are not as many.
const CATEGORIES: usize = 16;

/// A set that is bounded and knows whether it had to leave something out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bounded<T: Ord> {
    /// What is in it.
    pub all: BTreeSet<T>,
    /// There are more.
    pub more: bool,
}

impl<T: Ord> Default for Bounded<T> {
    fn default() -> Bounded<T> {
        Bounded { all: BTreeSet::new(), more: false }
    }
}

impl<T: Ord> Bounded<T> {
    fn add(&mut self, value: T, most: usize) {
        if self.all.len() < most || self.all.contains(&value) {
            self.all.insert(value);
        } else {
            self.more = true;
        }
    }

    fn merge(&mut self, other: Bounded<T>, most: usize) {
        self.more |= other.more;
        other.all.into_iter().for_each(|value| self.add(value, most));
    }
}

/// What goes from a caller to a service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Edge {
    /// Seconds since the Unix epoch.
    pub first: u64,
    /// Of the last request.
    pub last: u64,
    /// Requests, and those of them that were answered by 400 or more.
    pub requests: u64,
    #[allow(missing_docs)]
    pub failed: u64,
    /// Requests in which sensitive data was found, by category: sent by the caller, and received.
    pub sent: BTreeMap<String, u64>,
    #[allow(missing_docs)]
    pub received: BTreeMap<String, u64>,
    /// The caller's addresses.
    pub addresses: Bounded<IpAddr>,
    /// What it calls: method and template. Calls that were refused for what they are do not count.
    pub calls: Bounded<(String, String)>,
}

impl Edge {
    fn add(&mut self, request: &Request, source: Option<IpAddr>, now: u64) {
        if self.requests == 0 {
            self.first = now;
        }
        let weight = u64::from(request.weight.max(1));
        let status = request.response.as_ref().map_or(0, |r| r.status);
        self.last = self.last.max(now);
        self.requests += weight;
        self.failed += if status >= 400 { weight } else { 0 };
        for (found, kept) in
            [(&request.sent, &mut self.sent), (&request.received, &mut self.received)]
        {
            for category in found {
                if kept.len() < CATEGORIES || kept.contains_key(category) {
                    *kept.entry(category.clone()).or_default() += weight;
                }
            }
        }
        source.into_iter().for_each(|ip| self.addresses.add(ip, KEPT));
        if (200..400).contains(&status) {
            let path = decoded(paths::path(&request.url));
            // What a path with such segments calls is up to the server, and who means well sends none.
            if !path.split('/').any(|segment| matches!(segment, "." | "..")) {
                // Decoded, these begin no query, and the last is no character: globs leave their segment open.
                let path = path.replace(['?', '#', char::REPLACEMENT_CHARACTER], "{}");
                self.calls.add((request.method.clone(), template(&path)), CALLS);
            }
        }
    }

    fn merge(&mut self, other: Edge) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.requests += other.requests;
        self.failed += other.failed;
        for (theirs, mine) in [(other.sent, &mut self.sent), (other.received, &mut self.received)] {
            theirs.into_iter().for_each(|(name, n)| *mine.entry(name).or_default() += n);
        }
        self.addresses.merge(other.addresses, KEPT);
        self.calls.merge(other.calls, CALLS);
    }
}

/// A service that is called.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Service {
    /// By name.
    pub callers: BTreeMap<String, Edge>,
    /// Where it is: addresses with ports, and hosts that requests named.
    pub at: Bounded<SocketAddr>,
    #[allow(missing_docs)]
    pub hosts: Bounded<String>,
    /// Its callers by address were too many: they are [`CLIENTS`].
    joined: bool,
}

/// All of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Graph {
    /// By name.
    pub services: BTreeMap<String, Service>,
    /// Requests beyond a cap.
    pub left_out: u64,
}

impl Graph {
    /// A request to a service by a caller, now. Only what was answered makes an edge: a scanner calls nobody.
    pub fn add(&mut self, request: &Request, service: &str, caller: &str, now: u64) {
        let Some(response) = &request.response else { return };
        let room = self.services.len() < SERVICES;
        let known = self.services.contains_key(service);
        if !known && (!room || response.status >= 400) {
            self.left_out += u64::from(!room);
            return;
        }
        let service = self.services.entry(service.to_owned()).or_default();
        if let Some(at) = request.dst.as_deref().and_then(|dst| dst.parse().ok()) {
            service.at.add(at, KEPT);
        }
        if let Some(host) = request.host.as_deref().filter(|_| response.status < 400) {
            service.hosts.add(host.to_owned(), KEPT);
        }
        let source = request.src.as_deref().and_then(|src| src.parse::<SocketAddr>().ok());
        let by_address = caller.parse::<IpAddr>().is_ok();
        let caller = if service.joined && by_address { CLIENTS } else { caller };
        if !service.callers.contains_key(caller) && service.callers.len() >= CALLERS {
            self.left_out += 1;
            return;
        }
        let edge = service.callers.entry(caller.to_owned()).or_default();
        edge.add(request, source.map(|a| a.ip()), now);
        service.join();
    }
}

impl Service {
    /// Too many callers that are only known by an address become one.
    fn join(&mut self) {
        let by_address = |name: &String| name.parse::<IpAddr>().is_ok();
        if self.joined || self.callers.keys().filter(|n| by_address(n)).count() <= ADDRESSES {
            return;
        }
        self.joined = true;
        let names: Vec<String> = self.callers.keys().filter(|n| by_address(n)).cloned().collect();
        let mut all: Option<Edge> = self.callers.remove(CLIENTS);
        for edge in names.iter().filter_map(|name| self.callers.remove(name)).collect::<Vec<_>>() {
            match &mut all {
                Some(all) => all.merge(edge),
                None => all = Some(edge),
            }
        }
        all.into_iter().for_each(|edge| {
            self.callers.insert(CLIENTS.to_owned(), edge);
        });
    }
}

#[cfg(test)]
mod tests;
