//! The list of endpoints by which data planes know where a request goes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use weir_inspect::endpoints::{
    EndpointList, ListedEndpoint, MAX_ENDPOINTS, MAX_LIST_BYTES, is_parameter,
};

use super::templates::Part;
use super::{Endpoint, Learnt};

/// What a template takes in the list's text beside its own bytes, and each of its parameters and methods, at most: names, quotes, a type.
const FRAME: usize = 48;

/// The templates of all hosts with the types of their parameters and their methods. Where there are more than a list holds, those with the fewest calls
/// are left out.
pub fn list(learnt: &Learnt) -> EndpointList {
    let mut calls: BTreeMap<(&str, String), (u64, &Endpoint, BTreeSet<&str>)> = BTreeMap::new();
    for endpoint in learnt.endpoints.iter().filter(|e| can_be_written(e)) {
        let fresh = (0, endpoint, BTreeSet::new());
        let known = calls.entry((&endpoint.host, endpoint.template())).or_insert(fresh);
        known.0 += endpoint.calls.count;
        known.2.insert(&endpoint.method.name);
    }
    let mut all: Vec<_> = calls.into_iter().collect();
    // A stable sort: the same endpoints make the same list.
    all.sort_by_key(|(_, (count, ..))| Reverse(*count));
    let (mut list, mut bytes) = (EndpointList::new(), 0);
    for ((host, template), (_, endpoint, methods)) in all.into_iter().take(MAX_ENDPOINTS) {
        let types = endpoint.parameters().into_iter().map(|(_, v)| v.kind().name().to_owned());
        let parameters: Vec<String> = types.collect();
        let methods: Vec<String> = methods.into_iter().map(str::to_owned).collect();
        let named: usize = methods.iter().map(String::len).sum();
        bytes += host.len() + template.len() + named;
        bytes += FRAME * (1 + parameters.len() + methods.len());
        if bytes > MAX_LIST_BYTES {
            break;
        }
        list.hosts.entry(host.to_owned()).or_default().push(ListedEndpoint {
            template,
            parameters,
            methods,
        });
    }
    // By template: how often each is called changes, and would make another list.
    list.hosts.values_mut().for_each(|listed| listed.sort_by(|a, b| a.template.cmp(&b.template)));
    list
}

/// A name that a template can't say: it would be read as something else.
fn can_be_written(endpoint: &Endpoint) -> bool {
    endpoint.parts.iter().all(|part| match part {
        Part::Name(name) => !name.contains('/') && !is_parameter(name),
        Part::Parameter { .. } => true,
    })
}

#[cfg(test)]
mod tests {
    use weir_inspect::endpoints::Endpoints;
    use weir_inspect::request::Request;

    use super::super::Learner;
    use super::super::templates::Networks;
    use super::*;

    #[test]
    fn what_was_learnt_is_known_again_by_the_list() {
        let mut learner = Learner::new(Networks::built_in().unwrap());
        for n in 0..40 {
            for (method, url) in [
                ("GET", format!("/users/{n}/cart")),
                ("PUT", format!("/users/{n}/cart")),
                ("GET", "/a%2Fb".to_owned()),
            ] {
                let line =
                    format!(r#"{{"method":"{method}","url":"{url}","host":"Shop","status":200}}"#);
                learner.observe(&Request::parse(line.as_bytes()).unwrap());
            }
        }
        let list = list(&learner.learnt());
        let template = "/users/{user_id}/cart";
        let listed = ListedEndpoint {
            template: template.to_owned(),
            parameters: vec!["integer".into()],
            methods: vec!["GET".into(), "PUT".into()],
        };
        assert_eq!(list.hosts, BTreeMap::from([("shop".to_owned(), vec![listed])]));
        let endpoints = Endpoints::parse(&serde_json::to_vec(&list).unwrap()).unwrap();
        let found = endpoints.find(b"PUT", b"shop:80", b"/users/777/cart").unwrap();
        assert_eq!(&*endpoints.get(found).unwrap().template, template);
        assert_eq!(endpoints.find(b"PUT", b"shop", b"/users/x/cart"), None, "no number");
        assert_eq!(endpoints.find(b"DELETE", b"shop", b"/users/777/cart"), None, "not seen");
    }
}
